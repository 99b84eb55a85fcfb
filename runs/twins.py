"""How much of what happened would not have happened without contagion: each channel off, each large spreader safe?

Every twin runs on the random numbers of the run, path by path, so differences are paired. R by but-for is
`1 - N_off / N_on` over defaults of borrowers and lenders: the share of defaults that would not have happened within the
run had all channels been off. It may be negative for a single channel, and is told as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nobid.runs.causation import Causation, buyers_of
from nobid.runs.errors import InputError
from nobid.runs.estimate import Estimate, mean_over_paths, ratio_over_paths
from nobid.runs.scenario_files import did_you_mean
from nobid.runs.simulation import Progress
from nobid.runs.twin_world import CHANNELS, Passed, World, afresh, itself, safe, twin, without

if TYPE_CHECKING:
    from nobid.runs.run import Run

Array = NDArray[np.float64]
ALL_OFF: Final = "all channels off"
SPREADERS: Final = 10  # of the largest, each made safe in a twin of its own
FIGURES: Final = ("borrowers", "lenders", "defaults", "losses")


@dataclass(frozen=True)
class Brought:
    """Whom contagion brought to fail earlier, or at all: of agents that failed in both worlds, months earlier with
    contagion (`months`, negative where later); how many failed sooner, in the same month, later; in one world only, and
    how many of those that failed only with contagion are lenders.
    """

    months: Estimate
    sooner: int
    same: int
    later: int
    only_with: int
    only_without: int
    lenders_only_with: int

    @property
    def both(self) -> int:
        """How many failed in both worlds."""
        return self.sooner + self.same + self.later


@dataclass(frozen=True)
class Twins:
    """A run beside its twins. `channels`: each off alone; `off`: all off; `safe`: one agent safe in each."""

    run_name: str
    base: World
    off: World
    channels: Mapping[str, World]
    safe: Mapping[str, World]
    causation: Causation
    outside: frozenset[str]

    @cached_property
    def table(self) -> pd.DataFrame:
        """A row a twin and figure: mean with and without, their difference a path with its interval, the but-for share.

        Figures: defaults of borrowers, of lenders, of both, lender losses (USD m). Where an agent is made safe, its own
        defaults are counted in neither world: the difference is what happened to others.
        """
        worlds = {**{f"{name} off": world for name, world in self.channels.items()}, ALL_OFF: self.off}
        rows = [self._row(name, "", world, figure) for name, world in worlds.items() for figure in FIGURES]
        for agent, world in self.safe.items():
            rows += [self._row(f"{agent} safe", agent, world, figure) for figure in FIGURES]
        return pd.DataFrame(rows)

    def _row(self, name: str, agent: str, world: World, figure: str) -> dict[str, Any]:
        with_, without_ = self.paired(world, figure, agent=agent)
        more = mean_over_paths(with_ - without_)
        return {
            "twin": name, "figure": figure, "with": float(with_.mean()), "without": float(without_.mean()),
            "more_with": more.value, "low": more.low, "high": more.high,
            "share": _share(with_, without_), "paths": len(with_), "method": more.method,
        }  # fmt: skip

    def paired(self, world: World, figure: str, *, agent: str = "") -> tuple[Array, Array]:
        """The figure by path with and without, for paths that both finished; an agent's own defaults left out."""
        keep = np.array([path not in self.base.missing | world.missing for path in self.base.paths])
        pair = []
        for one in (self.base, world):
            own = np.array([float((path, agent) in one.when) for path in one.paths])
            counts = figure == "defaults" or figure == self._family(agent)
            pair.append((getattr(one, figure) - own * (1.0 if counts else 0.0))[keep])
        return pair[0], pair[1]

    def _family(self, agent: str) -> str:
        return "lenders" if self.causation.kinds.get(agent) == "lender" else "borrowers"

    def but_for(self, world: World | None = None, *, agent: str = "") -> Estimate:
        """R by but-for, `1 - N_off / N_on` over defaults of borrowers and lenders; all channels off if none is said."""
        with_, without_ = self.paired(self.off if world is None else world, "defaults", agent=agent)
        return ratio_over_paths(with_ - without_, with_)

    @property
    def r_but_for(self) -> Estimate:
        """R by but-for, all channels off."""
        return self.but_for()

    @property
    def r_attributed(self) -> Estimate:
        """R by attribution: the share of defaults that belongs to earlier defaults."""
        return self.causation.r

    @cached_property
    def brought(self) -> Brought:
        """What contagion brought forward, against the world with all channels off."""
        missing = self.base.missing | self.off.missing
        on, off = (self._counted(world, missing) for world in (self.base, self.off))
        both = sorted(on.keys() & off.keys())
        months = np.array([off[key] - on[key] for key in both], dtype=float)
        paths = [path for path in self.base.paths if path not in missing]
        place = {path: number for number, path in enumerate(paths)}
        where = np.array([place[path] for path, _ in both], dtype=np.intp)
        total = np.bincount(where, weights=months, minlength=len(paths))
        estimate = ratio_over_paths(total, np.bincount(where, minlength=len(paths)).astype(float))
        sooner, same, later = int(np.sum(months > 0)), int(np.sum(months == 0)), int(np.sum(months < 0))
        only = on.keys() - off.keys()
        lenders = sum(self._family(agent) == "lenders" for _, agent in only)
        return Brought(estimate, sooner, same, later, len(only), len(off.keys() - on.keys()), lenders)

    def _counted(self, world: World, missing: frozenset[int]) -> dict[tuple[int, str], int]:
        """Who failed when, buyers and unfinished paths left out."""
        return {key: month for key, month in world.when.items() if key[1] not in self.outside and key[0] not in missing}

    @property
    def worse_without(self) -> list[str]:
        """Channels that prevent defaults on balance: with them off, more fail, clear of chance."""
        rows = self.table[(self.table["figure"] == "defaults") & (self.table["high"] < 0.0)]
        return [str(name) for name in rows["twin"]]

    def paragraph(self) -> str:
        """Why the two R differ, in sentences that the numbers make."""
        from nobid.runs.twin_text import why_they_differ

        return why_they_differ(self)

    def __str__(self) -> str:
        """The twins as a table, the two R, and why they differ."""
        from nobid.runs.twin_text import twins_text

        return str(twins_text(self))

    def _repr_html_(self) -> str:
        """The same for a notebook."""
        from nobid.runs.twin_text import twins_text

        return twins_text(self)._repr_html_()


def _share(with_: Array, without_: Array) -> float:
    """The share of what happened that would not have happened; NaN where nothing did."""
    whole = float(with_.sum())
    return 1.0 - float(without_.sum()) / whole if whole > 0.0 else float("nan")


def twins(
    run: Run,
    *,
    spreaders: int | Sequence[str] = SPREADERS,
    channels: bool = True,
    progress: Callable[[Progress], None] | None = None,
) -> Twins:
    """The run beside its twins: each channel off (if `channels`), all off, each of the largest spreaders made safe.

    `spreaders`: how many of the largest, or their names. A run that other rules made is simulated again first.
    Errors: InputError for a name that there is not, and where the run cannot be simulated again.
    """
    here = afresh(run)
    told = here.systemic()
    names = _spreaders(told, spreaders)
    worlds = {ALL_OFF: without(*CHANNELS)} | ({f"{name} off": without(name) for name in CHANNELS} if channels else {})
    worlds |= {f"{name} safe": safe(name) for name in names}
    passed = _counter(here, len(worlds), progress)
    found = {name: twin(here, name, change, passed=passed) for name, change in worlds.items()}
    off = {name: found[f"{name} off"] for name in (CHANNELS if channels else ())}
    made_safe = {name: found[f"{name} safe"] for name in names}
    return Twins(here.scenario.name, itself(here), found[ALL_OFF], off, made_safe, told, buyers_of(here))


def _spreaders(found: Causation, spreaders: int | Sequence[str]) -> list[str]:
    if isinstance(spreaders, int):
        return [str(name) for name in found.spread["agent"].head(spreaders)]
    unknown = [name for name in spreaders if name not in found.kinds]
    if unknown:
        raise InputError(f'spreaders: there is no agent "{unknown[0]}"{did_you_mean(unknown[0], found.kinds)}')
    return list(spreaders)


def _counter(run: Run, worlds: int, progress: Callable[[Progress], None] | None) -> Passed | None:
    """Tells the listener how far all twins have come."""
    if progress is None:
        return None
    total, done, found = worlds * len(run.paths) * run.scenario.parameters.months, 0, 0.0

    def passed(more: int, defaults: float) -> None:
        nonlocal done, found
        done, found = done + more, found + defaults
        progress(Progress(done, total, worlds * len(run.paths), found))

    return passed
