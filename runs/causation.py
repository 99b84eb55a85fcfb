"""Over many paths: who is systemic and through which channel, what do defaults go back to, how much is contagion?

What counts are defaults of borrowers and lenders. A GPU buyer that fails on its contracts stands outside: a share that
passes through it is followed to what lies behind it, and a path without any default counts as nought. Paths that the
model could not finish are left out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from nobid.model.cause_record import Cause
from nobid.model.contagion import DEFAULT, STATES, Contagion, adds
from nobid.runs.errors import InputError
from nobid.runs.estimate import Estimate, mean_over_paths, ratio_over_paths
from nobid.runs.months import month_index, month_label
from nobid.runs.path_causes import QUARTER, PathCauses, path_causes

if TYPE_CHECKING:
    from nobid.runs.run import Run

CLUSTER: Final = 4  # defaults of borrowers and lenders within three months
PATHS_AT_ONCE: Final = 256  # whose rows are in memory together
DEEP: Final = (0.0, 0.5, 1.0, 1.5, 2.0)  # lower ends of the classes of depth


def contagion_of(run: Run, path: int | None = None) -> Contagion:
    """The contagion graph's measures of one path, the run's first where none is named."""
    number = run.paths[0] if path is None else path
    if number not in run.paths:
        raise InputError(f"path = {number}: is not a path of this run, which has {paths_in_words(run.paths)}.")
    for _, rows in _causes_by_path(run, [number]):
        return Contagion(rows)
    return Contagion(())


def paths_in_words(paths: Sequence[int]) -> str:
    """Which paths a run has: "path 3", "64 paths, 0 to 63"."""
    return f"path {paths[0]}" if len(paths) == 1 else f"{len(paths)} paths, {paths[0]} to {paths[-1]}"


def _causes_by_path(run: Run, paths: Sequence[int]) -> Iterator[tuple[int, list[Cause]]]:
    """The causes of the states that pass anything on, for the paths on which anybody failed."""
    for first in range(0, len(paths), PATHS_AT_ONCE):
        table = causes_table(run, paths[first : first + PATHS_AT_ONCE])
        table = table.filter(pc.is_in(table["state"], value_set=pa.array(STATES)))
        eventful = pc.unique(table.filter(pc.equal(table["state"], DEFAULT))["path"])
        yield from _grouped(table.filter(pc.is_in(table["path"], value_set=eventful)), run.scenario.parameters.start)


def causes_table(run: Run, paths: Sequence[int] | None = None) -> pa.Table:
    """The rows of the table of causes on these paths, all of the run's where none are named."""
    from nobid.runs.run_record import Stored

    wanted = run.paths if paths is None else paths
    if run.out is not None:
        table = Stored(run.out).read("causes", wanted)
    else:
        pieces = run.kept.get("causes")
        table = pa.concat_tables(pieces) if pieces else None
        if table is not None and paths is not None:
            table = table.filter(pc.is_in(table["path"], value_set=pa.array(wanted, pa.int64())))
    if table is None:
        raise InputError("this run has no table of causes: simulate it again with this version of nobid.")
    return table


def _grouped(table: pa.Table, start: str) -> Iterator[tuple[int, list[Cause]]]:
    """The rows by path, months counted from the start."""
    first = month_index(start)
    number = {month: month_index(month) - first for month in pc.unique(table["month"]).to_pylist()}
    columns = [table[name].to_pylist() for name in Cause.__dataclass_fields__]
    columns[1] = [number[month] for month in columns[1]]
    rows: list[Cause] = []
    for row in zip(*columns, strict=True):
        if rows and rows[-1].path != row[0]:
            yield rows[-1].path, rows
            rows = []
        rows.append(Cause(*row))
    if rows:
        yield rows[-1].path, rows


def buyers_of(run: Run) -> frozenset[str]:
    """The names of the GPU buyers, whose failures are no part of contagion."""
    return run.scenario.census.buyers()


@dataclass(frozen=True)
class Causation:
    """What the causes of all paths say together. Tables carry intervals over paths: see `runs/estimate.py`."""

    run_name: str
    start: str
    kinds: Mapping[str, str]
    paths: tuple[PathCauses, ...]
    left_out: tuple[int, ...]

    @property
    def defaults(self) -> int:
        """Defaults of borrowers and lenders on all paths."""
        return sum(one.defaults for one in self.paths)

    @cached_property
    def spread(self) -> pd.DataFrame:
        """A row an agent, the largest first: kind, expected spread a path (expected, low, high), the share of paths on
        which it spreads at all, the main channel and its share of the agent's spread.
        """
        by_agent: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
        each: dict[str, list[float]] = defaultdict(lambda: [0.0] * len(self.paths))
        for number, one in enumerate(self.paths):
            for (agent, channel), share in one.spread.items():
                by_agent[agent][channel] += share
                each[agent][number] += share
        rows = [self._spread_row(agent, np.array(each[agent]), channels) for agent, channels in by_agent.items()]
        rows.sort(key=lambda row: (-row["expected"], row["agent"]))
        return pd.DataFrame(rows, columns=SPREAD_COLUMNS)

    def _spread_row(self, agent: str, values: Any, channels: Mapping[str, float]) -> dict[str, Any]:
        estimate = mean_over_paths(values, least=0.0)
        main = max(channels, key=lambda name: (channels[name], name))
        return {
            "agent": agent, "kind": self.kinds[agent], "expected": estimate.value, "low": estimate.low,
            "high": estimate.high, "paths_share": float(np.mean(values > 0.0)), "channel": main,
            "channel_share": channels[main] / max(sum(channels.values()), np.finfo(float).tiny),
        }  # fmt: skip

    @cached_property
    def channels(self) -> dict[str, float]:
        """The share of all defaults by the channel of the last step, the largest first; sums to one."""
        return self._shares("channels")

    @cached_property
    def roots(self) -> dict[str, float]:
        """The share of all defaults by what they go back to in the end, the largest first; sums to one."""
        return self._shares("roots")

    @property
    def unexplained(self) -> float:
        """The share of all defaults that no ledger explains."""
        return self.roots.get("unexplained", 0.0)

    def _shares(self, name: str) -> dict[str, float]:
        total: dict[str, float] = defaultdict(float)
        for one in self.paths:
            adds(total, getattr(one, name))
        ranked = sorted(total.items(), key=lambda pair: (-pair[1], pair[0]))
        return {key: share / self.defaults for key, share in ranked}

    @cached_property
    def r(self) -> Estimate:
        """R by attribution: the share of all defaults that belongs to earlier defaults, over all paths and months."""
        caused = np.array([one.caused for one in self.paths], dtype=float)
        return ratio_over_paths(caused, np.array([one.defaults for one in self.paths], dtype=float), least=0.0)

    @cached_property
    def by_quarter(self) -> pd.DataFrame:
        """A row a quarter in which anybody failed: first month, defaults, and R of those who failed in it."""
        quarters = sorted({quarter for one in self.paths for quarter in one.born})
        rows = []
        for quarter in quarters:
            born = sum(one.born.get(quarter, 0) for one in self.paths)
            offspring = sum(one.offspring.get(quarter, 0.0) for one in self.paths)
            rows.append(
                {"quarter": month_label(self.start, quarter * QUARTER), "defaults": born, "r": offspring / born}
            )
        return pd.DataFrame(rows, columns=["quarter", "defaults", "r"])

    @cached_property
    def worst_quarter(self) -> pd.Series[float]:
        """By path, the largest R of any quarter; 0 where nobody failed."""
        worst = {one.path: max(one.reproduction().values(), default=0.0) for one in self.paths}
        return pd.Series(worst, name="r", dtype=float)

    @cached_property
    def depth(self) -> pd.DataFrame:
        """Classes of depth: how many defaults lie between a default and its roots, as a mean weighted by cause."""
        every = np.array([depth for one in self.paths for depth in one.depth])
        place = np.searchsorted(DEEP, every, side="right") - 1
        ends = [*(f"{low:g} – {high:g}" for low, high in pairwise(DEEP)), f"{DEEP[-1]:g} and more"]
        count = [int(np.sum(place == number)) for number in range(len(DEEP))]
        share = [number / max(len(every), 1) for number in count]
        return pd.DataFrame({"depth": ends, "defaults": count, "share": share})

    @cached_property
    def clusters(self) -> pd.Series[int]:
        """By path, the largest number of defaults within three months."""
        sizes: pd.Series[int] = pd.Series({one.path: one.cluster for one in self.paths}, name="cluster", dtype="int64")
        return sizes

    @property
    def cluster_share(self) -> float:
        """The share of paths with a cluster: four or more defaults within three months."""
        return float((self.clusters >= CLUSTER).mean()) if len(self.clusters) else 0.0

    @property
    def two_humped(self) -> bool:
        """True where fewer paths have two or three defaults at once than have none, or one, and than have a cluster."""
        middle = float(((self.clusters > 1) & (self.clusters < CLUSTER)).mean())
        return bool(len(self.clusters) > 1 and middle < min(self.cluster_share, float((self.clusters <= 1).mean())))


SPREAD_COLUMNS: Final = ["agent", "kind", "expected", "low", "high", "paths_share", "channel", "channel_share"]


def causation(run: Run) -> Causation:
    """What the run's table of causes says over all finished paths."""
    outcomes = run.outcomes
    bad = {int(path) for path in outcomes.loc[outcomes["failure"] != "", "path"]}
    found = {path: PathCauses(path) for path in run.paths if path not in bad}
    outside = buyers_of(run)
    for path, rows in _causes_by_path(run, [*found]):
        found[path] = path_causes(path, Contagion(rows, outside))
    kinds = run.scenario.census.kinds()
    ordered = tuple(found[path] for path in sorted(found))
    return Causation(run.scenario.name, run.scenario.parameters.start, kinds, ordered, tuple(sorted(bad)))
