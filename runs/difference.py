"""Where do two runs part: in which month and round, by which event or figure, and which settings differ?"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from nobid.runs.difference_text import earliest_first, text_of
from nobid.runs.errors import InputError
from nobid.runs.fork import ForkedScenario
from nobid.runs.months import month_index, month_label
from nobid.runs.rows import TABLES
from nobid.runs.run import Run
from nobid.runs.scenarios import NOT_HASHED, Scenario
from nobid.runs.stored_run import open_run
from nobid.runs.summary import Summary

WHAT: Final = ["month", "round", "kind", "source", "target", "channel"]  # what an event is, its amount left out


@dataclass(frozen=True)
class Setting:
    """A key of the scenario with its value in either run; None where a run does not have it."""

    key: str
    a: Any
    b: Any


@dataclass(frozen=True)
class Difference:
    """Where two runs part. `paths`: a row a path that both have; `settings`: what differs between the scenarios.

    Columns of `paths`: path, parts, the first event (month, round, kind, source, target, channel, amount_a, amount_b;
    an amount is missing where that run has no such event), and the first figure (figure_month, figure, figure_a,
    figure_b, figures: how many differ in that month).
    """

    a: Run
    b: Run
    paths: pd.DataFrame
    settings: tuple[Setting, ...]
    remarks: tuple[str, ...]

    @property
    def identical(self) -> bool:
        """No event and no monthly figure differs on any path that both have, in the months that both have."""
        return not self.paths["parts"].any()

    @property
    def first(self) -> Mapping[str, Any] | None:
        """The path that parts earliest: its row of `paths`; None where none does."""
        apart = self.paths[self.paths["parts"]]
        if apart.empty:
            return None
        return _plain(earliest_first(apart).iloc[0])

    def summary(self) -> Summary:
        """The same as a headline, tables and sentences."""
        return text_of(self)

    def as_dict(self) -> dict[str, Any]:
        """The same for machines: plain values by name."""
        return {
            "a": _named(self.a),
            "b": _named(self.b),
            "identical": self.identical,
            "settings": [{"key": one.key, "a": one.a, "b": one.b} for one in self.settings],
            "remarks": list(self.remarks),
            "paths_apart": int(self.paths["parts"].sum()),
            "first": self.first,
            "paths": [_plain(row) for _, row in self.paths.iterrows()],
            "results": self.summary().numbers,
        }

    def __str__(self) -> str:
        """Headline, tables and sentences as plain text."""
        return str(self.summary())

    def _repr_html_(self) -> str:
        """The same for a notebook."""
        return self.summary().html()


def _plain(row: pd.Series[Any]) -> dict[str, Any]:
    """The row's values as plain Python ones, None where something is missing."""
    values = {str(name): value.item() if isinstance(value, np.generic) else value for name, value in row.items()}
    return {name: None if pd.isna(value) else value for name, value in values.items()}


def diff(a: str | Path | Run, b: str | Path | Run, path: int | None = None) -> Difference:
    """Where the runs `a` and `b` part, on the one path or on all that both have, over the months that both have.

    Errors: InputError where the two have no path, or not this path, or no month in common.
    """
    one, other = (side if isinstance(side, Run) else open_run(side) for side in (a, b))
    paths = _common_paths(one, other, path)
    months = _common_months(one, other)
    tables = [(_rows(run.events, paths, months), _rows(run.monthly, paths, months)) for run in (one, other)]
    rows = [_row(number, *((events[number], monthly[number]) for events, monthly in tables)) for number in paths]
    settings = tuple(_settings(one.scenario, other.scenario))
    return Difference(one, other, pd.DataFrame(rows), settings, tuple(_remarks(one, other, paths, months)))


def _named(run: Run) -> dict[str, Any]:
    return {
        "run": str(run.out or ""),
        "scenario": run.scenario.name,
        "config_hash": run.scenario.hash,
        "seed": run.seed,
    }


def _common_paths(a: Run, b: Run, path: int | None) -> list[int]:
    common = sorted({*a.paths} & {*b.paths})
    if path is not None and path not in common:
        missing = [str(run.out or run.scenario.name) for run in (a, b) if path not in run.paths]
        raise InputError(f"path = {path}: {' and '.join(missing)} did not run it; both have {_listed(common)}.")
    if not common:
        raise InputError(f"no path was run by both: the first has {_listed(a.paths)}, the second {_listed(b.paths)}.")
    return common if path is None else [path]


def _listed(paths: Any) -> str:
    numbers = list(paths)
    if not numbers:
        return "none"
    return f"path {numbers[0]}" if len(numbers) == 1 else f"{len(numbers)} paths, {numbers[0]} … {numbers[-1]}"


def _span(run: Run) -> tuple[int, int]:
    first = month_index(run.scenario.parameters.start)
    return first, first + run.scenario.parameters.months


def _common_months(a: Run, b: Run) -> tuple[str, str]:
    """The first and the last month that both runs have."""
    (first, end), (other_first, other_end) = _span(a), _span(b)
    start, stop = max(first, other_first), min(end, other_end)
    if start >= stop:
        raise InputError("no month lies in both runs: they cover different years.")
    return month_label("0000-01", start), month_label("0000-01", stop - 1)


def _rows(table: pd.DataFrame, paths: list[int], months: tuple[str, str]) -> dict[int, pd.DataFrame]:
    """The rows of each path in the common months."""
    kept = table[table["month"].between(*months)]
    found = {int(str(number)): rows.reset_index(drop=True) for number, rows in kept.groupby("path", sort=False)}
    return {number: found.get(number, kept.iloc[:0]) for number in paths}


def _row(path: int, a: tuple[pd.DataFrame, pd.DataFrame], b: tuple[pd.DataFrame, pd.DataFrame]) -> dict[str, Any]:
    event, figure = _first_event(a[0], b[0]), _first_figure(a[1], b[1])
    return {"path": path, "parts": bool(event["month"] or figure["figure_month"]), **event, **figure}


def _first_event(a: pd.DataFrame, b: pd.DataFrame) -> dict[str, Any]:
    """The first event that one run has and the other has not, or has with another amount."""
    both = min(len(a), len(b))
    same = np.ones(both, dtype=np.bool_)
    for name in [*WHAT, "amount"]:
        same &= a[name].to_numpy()[:both] == b[name].to_numpy()[:both]
    at = both if same.all() else int(np.argmin(same))
    left, right = a.iloc[at:], b.iloc[at:]
    if left.empty and right.empty:
        return {**dict.fromkeys(WHAT), "round": np.nan, "amount_a": np.nan, "amount_b": np.nan}
    event = _earlier(left, right)
    what = {name: event[name] for name in WHAT}
    amounts = {"amount_a": _amount(left, what), "amount_b": _amount(right, what)}
    return {**what, "round": float(event["round"]), **amounts}


def _earlier(left: pd.DataFrame, right: pd.DataFrame) -> dict[str, Any]:
    """Of the two next events the earlier one; in one round, the one that the other run has not."""
    if left.empty or right.empty:
        return _plain((right if left.empty else left).iloc[0])
    a, b = _plain(left.iloc[0]), _plain(right.iloc[0])
    if (a["month"], a["round"]) != (b["month"], b["round"]):
        return min(a, b, key=lambda event: (event["month"], event["round"]))
    return b if np.isfinite(_amount(right, a)) and not np.isfinite(_amount(left, b)) else a


def _amount(rows: pd.DataFrame, what: Mapping[str, Any]) -> float:
    """The amount of the first such event; nan where there is none."""
    hit = np.ones(len(rows), dtype=np.bool_)
    for name in WHAT:
        hit &= rows[name].to_numpy() == what[name]
    return float(rows["amount"].to_numpy()[np.argmax(hit)]) if hit.any() else float("nan")


def _first_figure(a: pd.DataFrame, b: pd.DataFrame) -> dict[str, Any]:
    """The first monthly figure that differs in its bits, and how many do in that month."""
    none = {"figure_month": None, "figure": None, "figure_a": np.nan, "figure_b": np.nan, "figures": 0}
    names = [name for name in a.columns if name in b.columns and name not in ("path", "month")]
    both = min(len(a), len(b))
    left, right = a[names].to_numpy(dtype=np.float64)[:both], b[names].to_numpy(dtype=np.float64)[:both]
    other = ~((left == right) | (np.isnan(left) & np.isnan(right)))
    if not other.any():
        longer = a if len(a) > len(b) else b
        return none if len(a) == len(b) else {**none, "figure_month": longer["month"].iloc[both], "figure": "months"}
    month = int(np.argmax(other.any(axis=1)))
    figure = int(np.argmax(other[month]))
    told = {"figure_month": a["month"].iloc[month], "figure": names[figure], "figures": int(other[month].sum())}
    return {**told, "figure_a": float(left[month, figure]), "figure_b": float(right[month, figure])}


def _settings(a: Scenario, b: Scenario) -> Iterator[Setting]:
    """Every key in which the resolved scenarios differ, sources and grades left out."""
    named = {table: [_rows_by_name(one.resolved, table) for one in (a, b)] for table in TABLES}
    shared = {table: {*rows[0]} & {*rows[1]} for table, rows in named.items()}
    left, right = (dict(_flat(one.resolved, shared)) for one in (a, b))
    for key in dict.fromkeys([*left, *right]):
        if json.dumps(left.get(key)) != json.dumps(right.get(key)):
            yield Setting(key, left.get(key), right.get(key))


def _rows_by_name(values: Mapping[str, Any], table: str) -> dict[str, dict[str, Any]]:
    """The rows of a table by name, without what they only say."""
    silent = ("name", "assumed", *NOT_HASHED)
    return {row["name"]: {key: one for key, one in row.items() if key not in silent} for row in values.get(table, [])}


def _flat(resolved: Mapping[str, Any], shared: Mapping[str, set[str]]) -> Iterator[tuple[str, Any]]:
    """Dotted keys with their values; a row in both by its columns, as in firm.CoreWeave.cash, else whole."""
    for key, value in resolved.items():
        if key in TABLES:
            label = "firm" if key == "borrower" else key
            for name, row in _rows_by_name(resolved, key).items():
                if name in shared[key]:
                    yield from _leaves(row, f"{label}.{name}.")
                else:
                    yield f"{label}.{name}", row
        elif key == "shock":
            yield from ((f"shock {one['month']}, number {number + 1}", one) for number, one in enumerate(value))
        else:
            yield from _leaves({key: value}, "")


def _leaves(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _remarks(a: Run, b: Run, paths: list[int], months: tuple[str, str]) -> Iterator[str]:
    """What makes the two less than comparable, and what they share."""
    if a.seed != b.seed:
        yield f"the seeds differ ({a.seed} and {b.seed}): a path has other luck in each, so what differs may be luck."
    if {*a.paths} != {*b.paths} and len(paths) > 1:
        yield f"A has {_listed(a.paths)}, B {_listed(b.paths)}: compared are {_listed(paths)}."
    if _span(a) != _span(b):
        yield f"the runs cover different months: compared are {months[0]} … {months[1]}."
    for name, run in (("A", a), ("B", b)):
        if isinstance(run.scenario, ForkedScenario):
            yield f"{name} is a fork: {run.scenario.notes[-1]}"
        if run.status != "done":
            yield f"{name} is not whole: {run.outcome}"
