"""Which world is simulated: a named or own TOML file, checked, and turned into a founding?

A file may hold: `title`, `question`; `extends` (a scenario's name, a path beside the file, or a list of them, the last
one counting most); the sections of `Parameters` ([coin], [lenders], [debt.gpu_margin] …) and [[shock]]; [paths] (rent,
coin, hashprice, demand, funding as "file.csv", "file.csv:column" or a list by month); `tables` ("measured", or a folder
of CSV tables); rows [[generation]], [[borrower]], [[facility]], [[contract]], [[lease]], [[lender]], [[warehouse]],
[[buyer]], of which a new name adds a row and a known one changes it; [firm.NAME], [facility.NAME] … to change one row
that exists ("*": all of them); [remove] with lists of names. Tables are merged along `extends`, lists are replaced.
"""

from __future__ import annotations

import hashlib
import html
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from nobid.model.founding import Founding, Row, ShockPaths
from nobid.model.parameters import Parameters
from nobid.runs.census import Census, census
from nobid.runs.checks import idle_shocks, launched, parameter_problems, row_problems, shock_problems
from nobid.runs.errors import InputError
from nobid.runs.parameter_table import ParameterLine, parameter_keys, parameter_lines
from nobid.runs.policies import PoliciesAsked, as_table, policies_in, policy_problems
from nobid.runs.row_units import PATH_UNITS
from nobid.runs.rows import FOUNDING_FIELD, TABLES, Rows, rows_of, typed
from nobid.runs.scenario_files import DATA, Layer, did_you_mean, override_layers, scenario_layers, where
from nobid.runs.scenario_text import full_text
from nobid.runs.sentences import shown, told, unknown_key
from nobid.runs.synthetic import populated, scale_of
from nobid.runs.tables import load_tables
from nobid.runs.world_paths import world_paths

MEASURED = "measured"  # tables = "measured": the sourced balance sheets of 2025-12-31 that come with the package
OWN_KEYS = ("extends", "title", "question", "tables", "paths", "policy", "remove", "firm", *TABLES)
NOT_HASHED = ("source", "grade")  # of a row: what it says, not what it does


@dataclass(frozen=True)
class Scenario:
    """A world to start from: founding, title, question, and everything that was resolved on the way.

    `own`: the scenario's own rows by table, after which populations are drawn.
    """

    name: str
    title: str
    question: str
    founding: Founding
    resolved: Mapping[str, Any]
    notes: tuple[str, ...]
    given: str = field(repr=False)
    own: Mapping[str, list[Any]] = field(default_factory=dict, repr=False, kw_only=True)

    @property
    def parameters(self) -> Parameters:
        """The parameters that every rule reads."""
        return self.founding.parameters

    def network(self, number: int) -> Founding:
        """The founding on the network of this number, drawn when asked for; number 0 is `founding` itself."""
        if not number:
            return self.founding
        return self.founding.model_copy(update=rows_as_fields(populated({**self.own}, self.parameters, number)))

    @cached_property
    def census(self) -> Census:
        """Who lives on which network."""
        return census(self)

    @property
    def hash(self) -> str:
        """A hash of all that changes a run's numbers, seed, paths, workers and execution left out."""
        tables = {table: [_hashed(row) for row in self.resolved[table]] for table in TABLES}
        what = {**self.resolved, **tables}
        return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()

    @property
    def assumed_share(self) -> float:
        """The share of debt that stands on facilities with an assumed term, in [0, 1]."""
        drawn = sum(row.drawn for row in self.founding.facilities)
        assumed = sum(row.drawn for row in self.founding.facilities if row.assumed)
        return assumed / drawn if drawn else 0.0

    def to_toml(self) -> str:
        """The scenario written back complete; it loads again to the same founding."""
        return full_text(self.name, self.parameters, self.resolved, title=self.title, question=self.question)

    def table(self, pattern: str = "") -> list[ParameterLine]:
        """What can be set: key, value, unit, bounds, source, meaning."""
        return parameter_lines(self.parameters, pattern)

    def __str__(self) -> str:
        """Name, title, question and what it starts from."""
        founding = self.founding
        lenders = f"{len(founding.lenders)} lenders, {len(founding.buyers)} GPU buyers"
        debt = sum(row.drawn for row in founding.facilities) / 1e3
        return (
            f"{self.name}: {self.title}\n{self.question}\n"
            f"{len(founding.borrowers)} borrowers, {lenders}, USD {debt:.1f} bn drawn on "
            f"{len(founding.facilities)} facilities, {self.assumed_share:.0%} of it on assumed terms"
        )

    def _repr_html_(self) -> str:
        """The same for a notebook."""
        return f"<pre>{html.escape(str(self))}</pre>"


def _hashed(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key not in NOT_HASHED}


def scenario(
    name: str | Path = "baseline",
    set: Mapping[str, Any] | Iterable[str] | None = None,
    policy: PoliciesAsked = None,
) -> Scenario:
    """The scenario of that name, or in that TOML file, with overrides; all that is wrong is told at once.

    `set`: {"coin.price": 60000, "firm.IREN.cash": 100}, or ["coin.price=60000"] as on the command line. `policy`:
    "ltv_cap:max=0.5 + repo_facility", or objects; they hold besides those that the file names.
    """
    files = scenario_layers(str(name))
    layers = [*files, *override_layers(set)]
    founding, own, notes = _founding(layers, policy)
    return Scenario(
        name=Path(str(name)).stem if str(name).endswith(".toml") else str(name),
        title=_text(layers, "title"),
        question=_text(layers, "question"),
        founding=founding,
        resolved=_resolved(founding, own),
        notes=notes,
        given=_as_given(files[-1], layers[len(files) :]),
        own=own,
    )


def rows_as_fields(tables: Mapping[str, list[Any]]) -> dict[str, tuple[Any, ...]]:
    """The rows of every table under their names in a Founding."""
    return {FOUNDING_FIELD[table]: tuple(tables[table]) for table in TABLES}


def _founding(
    layers: Sequence[Layer], policy: PoliciesAsked
) -> tuple[Founding, Mapping[str, list[Any]], tuple[str, ...]]:
    """The founding that the layers describe, the rows it was made of, remarks; InputError with all that is wrong."""
    problems = _unknown_top_keys(layers)
    parameters = _parameters(layers, problems)
    rows = rows_of(_base_tables(layers, problems), layers)
    tables = typed(rows)
    parameters = _with_names(parameters, rows)
    paths, wrong = _paths(layers, parameters)
    at = partial(where, layers)
    problems += [*rows.problems, *wrong, *parameter_problems(parameters, at)]
    if not rows.problems:
        problems += [*row_problems(tables, parameters, rows.place), *launched(tables["generation"], parameters)]
        everyone = tables if problems else populated(tables, parameters)
        agents = [*everyone["borrower"], *everyone["lender"], *everyone["buyer"]]
        problems += shock_problems(parameters, agents, at)
    policies = policies_in(layers, policy, problems)
    problems += policy_problems(policies, parameters)
    if problems:
        raise InputError("\n".join(dict.fromkeys(problems)))
    rest = {"paths": paths, "policies": policies, "scale": scale_of(tables, parameters)}
    founding = Founding(parameters=parameters, **rest, **rows_as_fields(everyone))
    return founding, tables, (*rows.notes, *idle_shocks(parameters))


def _as_given(file: Layer, overrides: Sequence[Layer]) -> str:
    return file.text + "".join(f"# {layer.label} = {shown(dict(layer.values))}\n" for layer in overrides)


def _text(layers: Sequence[Layer], key: str) -> str:
    """The last title or question that a layer gives."""
    return next((str(layer.values[key]) for layer in reversed(layers) if key in layer.values), "")


def _unknown_top_keys(layers: Sequence[Layer]) -> list[str]:
    known = [*Parameters.model_fields, *OWN_KEYS]
    problems: list[str] = []
    for layer in layers:
        for key, value in layer.values.items():
            place = partial(where, [layer], (key,))
            if key not in known:
                problems += _unknown_section(place(), key, value, known)
            elif key in ("title", "question", "tables") and not isinstance(value, str):
                problems.append(f"{place()}: {key} = {shown(value)}: must be a text.")
            elif key in ("remove", "paths") and not isinstance(value, Mapping):
                problems.append(f"{place()}: {key} = {shown(value)}: must be a table, as in [{key}].")
    return problems


def _unknown_section(place: str, key: str, value: object, known: list[str]) -> list[str]:
    if isinstance(value, Mapping) and value:
        return [f"{place}: {unknown_key(f'{key}.{one}', parameter_keys())}" for one in value]
    return [f"{place}: {unknown_key(key, known)}"]


def _parameters(layers: Sequence[Layer], problems: list[str]) -> Parameters:
    """The parameters of all layers together; the defaults where something was refused."""
    merged: dict[str, Any] = {}
    for layer in layers:
        own = {key: value for key, value in layer.values.items() if key in Parameters.model_fields}
        rows = [key for key in ("offtake", "hosting") if isinstance(own.get(key), list)]
        _merge(merged, {key: value for key, value in own.items() if key not in rows})
    try:
        return Parameters.model_validate_json(json.dumps(merged, default=str), strict=True)
    except ValidationError as error:
        problems += told(
            error,
            Parameters,
            key_of=lambda location: ".".join(map(str, location)),
            where_is=lambda location: where(layers, location),
            names=parameter_keys(),
        )
        return Parameters()


def _merge(into: dict[str, Any], values: Mapping[str, Any]) -> None:
    """Tables are merged key by key; every other value, lists included, is replaced."""
    for key, value in values.items():
        if isinstance(value, Mapping) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        elif isinstance(value, Mapping):
            into[key] = {}
            _merge(into[key], value)
        else:
            into[key] = value


def _with_names(parameters: Parameters, rows: Rows) -> Parameters:
    """Agents that a shock makes fail, and safe ones, are called by name, whether name or ticker was given."""
    shocks = [one.model_copy(update={"fail": tuple(map(rows.agent, one.fail))}) for one in parameters.shock]
    return parameters.model_copy(update={"shock": tuple(shocks), "safe": tuple(map(rows.agent, parameters.safe))})


def _base_tables(layers: Sequence[Layer], problems: list[str]) -> Mapping[str, Sequence[Row]]:
    """The rows of the tables that the scenario names last, none where it names none."""
    layer = next((one for one in reversed(layers) if isinstance(one.values.get("tables"), str)), None)
    if layer is None:
        return {}
    name = str(layer.values["tables"])
    choices = [DATA] if name == MEASURED else [layer.folder / Path(name).expanduser(), DATA / name]
    folder = next((one for one in choices if one.is_dir()), None)
    if folder is None:
        shipped = [MEASURED, *(path.name for path in DATA.iterdir() if path.is_dir())]
        place = where([layer], ("tables",))
        problems.append(f'{place}: tables = "{name}": there is no such folder of tables{did_you_mean(name, shipped)}')
        return {}
    try:
        found = load_tables(folder)
        return {table: getattr(found, name) for table, name in FOUNDING_FIELD.items()}
    except InputError as error:
        problems += str(error).splitlines()
        return {}


def _paths(layers: Sequence[Layer], parameters: Parameters) -> tuple[ShockPaths, list[str]]:
    """The [paths] of all layers on the months of the run, and what is wrong with them."""
    given: dict[str, tuple[object, str, Path]] = {}
    for layer in layers:
        paths = layer.values.get("paths")
        for name, value in paths.items() if isinstance(paths, Mapping) else ():
            given[name] = (value, where([layer], ("paths", name)), layer.folder)
    return world_paths(given, parameters)


def _resolved(founding: Founding, own: Mapping[str, list[Any]]) -> dict[str, Any]:
    """The founding as plain nested values, complete; of a drawn population what it is drawn from."""
    resolved: dict[str, Any] = founding.parameters.model_dump(mode="json")
    paths = {name: np.asarray(getattr(founding.paths, name)).tolist() for name in PATH_UNITS}
    resolved["paths"] = {name: values for name, values in paths.items() if values}
    if founding.policies:
        resolved["policy"] = [as_table(one) for one in founding.policies]
    for table in TABLES:
        resolved[table] = [row.model_dump(mode="json") for row in own[table]]
    return resolved
