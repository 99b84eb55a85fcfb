"""Where does a response tip: where does a small step move many paths from calm to crisis, with little in between?

A step between two neighbouring points tips where (1) the probability of a systemic cluster surely differs between the
two: the paired change, on the same paths, has an interval that leaves out nought and holds together with those of all
other steps (max-t, `runs/simultaneous.py`); and (2) the outcome over paths has two humps at one of its ends at least
(Silverman's test, `runs/humps.py`): paths end either here or there, and the setting decides how many. Steps that follow
each other in the same direction are one tipping range. A change that is sure and has one hump at both ends is a slope,
or a jump that only points in between would show; it is told apart. So a found range depends on the points asked for and
on the luck they share; more paths find more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nobid.runs.humps import FEWEST, humps
from nobid.runs.paired import Difference, Seed, probability_difference
from nobid.runs.simultaneous import simultaneous

Array = NDArray[np.float64]

ENOUGH: Final = FEWEST  # paths below which nothing is said of humps


@dataclass(frozen=True)
class Step:
    """From a point to its neighbour: what changes of P(cluster), all steps at once; `two`: humps at one end."""

    line: int
    first: int
    second: int
    change: Difference
    two: bool

    @property
    def tips(self) -> bool:
        """True where the change is sure and the outcome has two humps."""
        return self.change.clear_of_zero and self.two


@dataclass(frozen=True)
class Tipping:
    """Neighbouring points between which the response tips; `change` of P(cluster) from the first to the last of them.

    The steepest of its steps is where most of the change is.
    """

    points: tuple[int, ...]
    change: Difference
    steepest: Step


def steps(cluster: Array, outcome: Array, lines: Sequence[Sequence[int]], *, seed: Seed | int) -> list[Step]:
    """Every step between neighbours on the lines, from figures (points, paths): hit or not, and the outcome.

    NaN stands for a path that was not finished.
    """
    pairs = [(n, one, other) for n, line in enumerate(lines) for one, other in pairwise(line)]
    two = [humps(row[~np.isnan(row)]).two for row in outcome]
    changes = simultaneous(np.stack([cluster[other] - cluster[one] for _, one, other in pairs]), seed=seed)
    return [
        Step(n, one, other, change, two[one] or two[other])
        for (n, one, other), change in zip(pairs, changes, strict=True)
    ]


def tippings(found: Sequence[Step], cluster: Array) -> list[Tipping]:
    """The ranges of points over which the response tips: steps that tip, joined where one follows the other."""
    ranges: list[list[Step]] = []
    for one in (step for step in found if step.tips):
        last = ranges[-1][-1] if ranges else None
        if last and (last.line, last.second) == (one.line, one.first) and last.change.value * one.change.value > 0.0:
            ranges[-1].append(one)
        else:
            ranges.append([one])
    return [_tipping(joined, cluster) for joined in ranges]


def _tipping(joined: Sequence[Step], cluster: Array) -> Tipping:
    points = (joined[0].first, *(step.second for step in joined))
    change = probability_difference(cluster[points[-1]], cluster[points[0]])
    return Tipping(points, change, max(joined, key=lambda step: abs(step.change.value)))
