"""How does a run go on from a month under other rules: what may change then, and what was settled at the start?

A fork is a scenario with earlier stages: each stage holds until a month, and the scenario itself from there on. Luck is
drawn by seed, path and purpose at fixed shapes, so parent and fork meet the same draws in every month.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from nobid.model.founding import Founding, ShockPaths
from nobid.model.parameters import Parameters, Shock
from nobid.runs.errors import InputError
from nobid.runs.months import month_index, month_label
from nobid.runs.parameter_table import flatten
from nobid.runs.row_units import PATH_UNITS
from nobid.runs.rows import FOUNDING_FIELD
from nobid.runs.scenario_files import Layer, override_layers
from nobid.runs.scenarios import Scenario, scenario
from nobid.runs.sentences import shown

# What the founding reads and no month does, with the reason; tests/test_fork.py traces every read and compares.
SETTLED: Final[dict[str, tuple[str, ...]]] = {
    "the calendar of a run is set at its start": ("start", "months"),
    "it is a level from which the world starts": (
        *("coin.price", "mining.network_eh", "regime.start_in_stress", "supply.outside_multiple"),
    ),
    "each path draws its own at the start": (
        *("demand.growth_uncertainty", "demand.volatility", "demand.volatility_uncertainty"),
        *("supply.growth", "supply.growth_uncertainty"),
    ),
    "it is part of the balance sheets of the start": (
        *(
            "buyers.racks_multiple",
            "debt.resize_tenor",
            "lenders.capital_multiple",
            "lenders.other_multiple",
            "lenders.target",
        ),
    ),
    "it stands in contracts signed at the start": (
        *("debt.conversion_strike", "debt.gpu_margin.headroom", "debt.gpu_margin.ltv_max"),
    ),
    "the order in which machines are switched on is laid down at the start": (
        *("rental.owner_spread", "rental.power_cost"),
    ),
    "launches are laid down at the start": ("hardware.launch_shift",),
}
WHY_SETTLED: Final = {key: why for why, keys in SETTLED.items() for key in keys}
ROWS = "balance sheets and contracts are read once, at the start"


@dataclass(frozen=True)
class Stage:
    """The rules that held before the month `until`."""

    until: str
    scenario: Scenario


@dataclass(frozen=True)
class ForkedScenario(Scenario):
    """A scenario that holds from the month `month`; before it the earlier stages held, one after the other."""

    month: str
    parent: str
    parent_hash: str
    changes: Mapping[str, Any]
    earlier: tuple[Stage, ...]

    def network(self, number: int) -> Founding:
        """The founding on the network of this number, on the rows with which the first stage began."""
        return _with_rows(self.founding, self.earlier[0].scenario.network(number))

    @property
    def hash(self) -> str:
        """A hash of all stages: another one than that of the same rules from the start."""
        stages = [*([stage.until, stage.scenario.hash] for stage in self.earlier), ["end", super().hash]]
        return hashlib.sha256(json.dumps(stages).encode()).hexdigest()


def forked(
    base: Scenario, month: str | None, set: Mapping[str, Any] | Iterable[str] | None = None, *, parent: str = ""
) -> ForkedScenario:
    """The scenario `base` until the month before `month` (YYYY-MM), from there on with the changes.

    `parent` says where the base's run lies. Errors: InputError, one sentence for each change that acts only at the
    start, and where the month lies outside the run or before an earlier fork.
    """
    given = set if set is None or isinstance(set, str | Mapping) else list(set)
    layers = override_layers(given)
    when = _month(base, month)
    wanted = _loaded(base, given) if layers else base
    problems = [*_settled(base, wanted, layers, when), *_past_shocks(base, wanted, when)]
    if problems:
        raise InputError("\n".join(dict.fromkeys(problems)))
    changes = {key: value for layer in layers for key, value in _leaves(layer.values)}
    words = ", ".join(f"{key} = {shown(value)}" for key, value in changes.items()) or "no change"
    remark = f"until {when} as {parent or base.name} (hash {base.hash[:6]}…), from then on: {words}."
    return _joined(
        base,
        wanted,
        month=when,
        parent=parent,
        parent_hash=base.hash,
        changes=changes,
        earlier=_earlier(base, when),
        notes=(*base.notes, remark),
        given=base.given + "".join(f"# from {when}: {key} = {shown(value)}\n" for key, value in changes.items()),
    )


def _month(base: Scenario, month: str | None) -> str:
    """The month as it is written in the run; InputError where it is none."""
    p = base.parameters
    last = month_label(p.start, p.months - 1)
    labels = {month_label(p.start, number) for number in range(p.months)}
    if month is None or month not in labels:
        came = "no month was given" if month is None else f"month = {month}"
        raise InputError(f"{came}: a fork needs the month from which its changes hold, {p.start} … {last}.")
    if isinstance(base, ForkedScenario) and month < base.month:
        raise InputError(
            f"month = {month}: this run is itself a fork from {base.month}: choose that month or a later one, "
            f"or fork its parent{f' {base.parent}' if base.parent else ''}."
        )
    return month


def _loaded(base: Scenario, set: Mapping[str, Any] | Sequence[str] | str | None) -> Scenario:
    """The base with the changes, checked like any scenario."""
    with TemporaryDirectory() as folder:
        file = Path(folder, "resolved.toml")
        file.write_text(base.to_toml(), encoding="utf-8")
        return scenario(file, set)


def _settled(base: Scenario, wanted: Scenario, layers: Sequence[Layer], when: str) -> Iterator[str]:
    """A sentence for each change that the months from `when` on would never read."""
    before = {key: value for key, value, _ in flatten(base.parameters)}
    for key, value, _ in flatten(wanted.parameters):
        why = ROWS if key.startswith("population.") else WHY_SETTLED.get(key)
        if why and value != before[key]:
            yield _refusal(key, value, when, why)
    tables = FOUNDING_FIELD.values()
    if any(getattr(base.founding, table) != getattr(wanted.founding, table) for table in tables):
        own = [*Parameters.model_fields, "paths", "title", "question"]
        for layer in layers:
            for key, value in _leaves(layer.values):
                if key.split(".")[0] not in own:
                    yield _refusal(key, value, when, ROWS)


def _refusal(key: str, value: object, when: str, why: str) -> str:
    return f"--set {key} = {shown(value)}: cannot change in {when}: {why}: set it for a run of its own, without a fork."


def _leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _past_shocks(base: Scenario, wanted: Scenario, when: str) -> Iterator[str]:
    for shock in wanted.parameters.shock:
        if shock.month < when and shock not in base.parameters.shock:
            yield f"--set shock: a shock in {shock.month} lies before {when}, where this run goes its own way."


def _earlier(base: Scenario, when: str) -> tuple[Stage, ...]:
    """The stages before `when`; a stage that would hold for no month is left out."""
    stages = base.earlier if isinstance(base, ForkedScenario) else ()
    if stages and stages[-1].until == when:
        return stages
    plain = Scenario(**{one.name: getattr(base, one.name) for one in fields(Scenario)})
    return (*stages, Stage(when, plain))


def _joined(base: Scenario, wanted: Scenario, *, month: str, **about: Any) -> ForkedScenario:
    """The wanted rules from the month on, on the base's shocks and given paths before it."""
    happened = [one for one in base.parameters.shock if one.month < month]
    shocks: tuple[Shock, ...] = (*happened, *(one for one in wanted.parameters.shock if one.month >= month))
    months = month_index(month) - month_index(base.parameters.start)
    paths = _paths(base.founding.paths, wanted.founding.paths, months)
    parameters = wanted.parameters.model_copy(update={"shock": shocks})
    founding = base.founding.model_copy(update={"parameters": parameters, "paths": ShockPaths(**paths)})
    resolved = {**wanted.resolved, "shock": parameters.model_dump(mode="json")["shock"]}
    resolved["paths"] = {name: values.tolist() for name, values in paths.items() if len(values)}
    plain = {one.name: getattr(wanted, one.name) for one in fields(Scenario)}
    plain |= {"name": base.name, "founding": founding, "resolved": resolved}
    return ForkedScenario(**{**plain, "month": month, **about})


def _paths(before: ShockPaths, after: ShockPaths, months: int) -> dict[str, NDArray[np.float64]]:
    """Each given path as it was for so many months, and then as it is wanted."""
    joined = {}
    for name in PATH_UNITS:
        old, new = getattr(before, name), getattr(after, name)
        first = np.full(min(months, max(len(old), len(new))), np.nan)
        first[: len(old)] = old[: len(first)]
        joined[name] = np.concatenate([first, new[months:]])
    return joined


def timetable(one: Scenario, network: int = 0) -> tuple[Founding, dict[int, Founding]]:
    """With which founding a run starts on a network, and which one's rules hold from which month on (from the start).

    All have the rows of the start.
    """
    if not isinstance(one, ForkedScenario):
        return one.network(network), {}
    start = month_index(one.parameters.start)
    founded = one.earlier[0].scenario.network(network)
    following = [*(stage.scenario.founding for stage in one.earlier[1:]), one.founding]
    turns = [month_index(stage.until) - start for stage in one.earlier]
    return founded, {turn: _with_rows(later, founded) for turn, later in zip(turns, following, strict=True)}


def _with_rows(rules: Founding, founded: Founding) -> Founding:
    """The rules on the rows of another founding."""
    return rules.model_copy(update={name: getattr(founded, name) for name in FOUNDING_FIELD.values()})


def fork_record(one: Scenario) -> dict[str, Any] | None:
    """What run.json says about a fork: its parent, the month, the changes, the stages before; None for other runs."""
    if not isinstance(one, ForkedScenario):
        return None
    return {
        "parent": one.parent,
        "parent_config_hash": one.parent_hash,
        "month": one.month,
        "changes": dict(one.changes),
        "earlier": [
            {"until": stage.until, "file": stage_file(stage), "config_hash": stage.scenario.hash}
            for stage in one.earlier
        ],
    }


def stage_file(stage: Stage) -> str:
    """The file of a run directory that holds an earlier stage, complete."""
    return f"resolved-until-{stage.until}.toml"


def fork_from_record(last: Scenario, record: Mapping[str, Any], folder: Path) -> ForkedScenario:
    """The fork that wrote this record and these files, from its last stage."""
    stages = [Stage(str(one["until"]), scenario(folder / str(one["file"]))) for one in record["earlier"]]
    named = tuple(replace(stage, scenario=replace(stage.scenario, name=last.name)) for stage in stages)
    last = replace(last, founding=_with_rows(last.founding, named[0].scenario.founding))
    return ForkedScenario(
        **{one.name: getattr(last, one.name) for one in fields(Scenario)},
        month=str(record["month"]),
        parent=str(record["parent"]),
        parent_hash=str(record["parent_config_hash"]),
        changes=dict(record["changes"]),
        earlier=named,
    )
