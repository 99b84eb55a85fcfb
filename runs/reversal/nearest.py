"""Which point nearest to nothing reaches the target, and how is it found with few simulations?

First rays: the adverse side of each factor alone, of all together as stress moves them, the corner of what may be
scripted, and the opposite of it. All rays are halved at once, and a ray that cannot beat the best one any more is left.
From the best point, or the one that came nearest to the target, COBYQA (Ragonneau and Zhang, 2023; in SciPy) goes on:
no derivatives, constraints within a trust region, few evaluations. Last, the best point is drawn in along its own ray
until it just reaches the target. Points are rounded before they are simulated, and none is simulated twice. Nothing
here is drawn at random.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from nobid.runs.reversal.shocks import ADVERSE, Space

Array = NDArray[np.float64]
Margins = Callable[[Sequence[Array]], list[float]]

HALVINGS: Final = 5  # of a ray
DRAWN_IN: Final = (0.8, 4)  # the last step: from this share of the distance on, halved so often
FIRST_STEP: Final = 0.7  # of the best distance: the first trust region
LAST_STEP: Final = 0.03  # standard deviations
LENGTHS: Final = (0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0)  # of the distance found, tried on other paths
SETTLED: Final = 2  # halvings between two of them


@dataclass(frozen=True)
class Tried:
    """A point that was simulated: its distance, and how far beyond the target its paths were."""

    point: Array
    distance: float
    margin: float

    @property
    def reaches(self) -> bool:
        """True where the target is reached."""
        return self.margin >= 0.0


@dataclass
class Search:
    """What has been simulated so far, in order, and how much may still be."""

    space: Space
    margins: Margins
    left: int
    tried: dict[bytes, Tried] = field(default_factory=dict)

    def at(self, points: Sequence[Array]) -> list[Tried | None]:
        """What is known of the points (rounded); new ones are simulated together; None where no trial is left."""
        rounded = [self.space.rounded(point) for point in points]
        new = {point.tobytes(): point for point in rounded if point.tobytes() not in self.tried}
        asked = [*new.values()][: self.left]
        for point, margin in zip(asked, self.margins(asked) if asked else [], strict=True):
            self.tried[point.tobytes()] = Tried(point, self.space.distance(point), margin)
        self.left -= len(asked)
        return [self.tried.get(point.tobytes()) for point in rounded]

    @property
    def best(self) -> Tried | None:
        """The nearest point that reaches the target, the first of equals."""
        return min((one for one in self.tried.values() if one.reaches), key=lambda one: one.distance, default=None)

    @property
    def most(self) -> Tried:
        """The point whose paths came nearest to the target, or went furthest beyond it."""
        return max(self.tried.values(), key=lambda one: one.margin)


def nearest(space: Space, margins: Margins, *, trials: int) -> Search:
    """The search has spent at most `trials` simulations; `.best` is None where no point within the limits reaches it.

    `margins` gives for each point how far its paths are beyond the target, 0 and more where they reach it.
    """
    search = Search(space, margins, trials)
    (nothing,) = search.at([np.zeros(len(space.factors))])
    if nothing is not None and nothing.reaches:
        return search
    along_rays(search)
    kept = min(int(DRAWN_IN[1]), search.left)
    search.left -= kept
    if search.left > 0:
        goes_on(search, search.best or search.most)
    search.left += kept
    draws_in(search)
    return search


def rays(space: Space) -> Iterator[Array]:
    """The furthest point of every ray."""
    limits, sides = space.limits, np.array([ADVERSE[name] for name in space.factors])
    furthest = np.where(sides > 0.0, limits[:, 1], limits[:, 0])
    yield furthest
    for place in range(len(space.factors)):
        yield np.where(np.arange(len(space.factors)) == place, furthest, 0.0)
    if len(space.factors) > 1:
        yield _to_the_limit(space.covariance @ (sides / space.deviations), limits)
    yield _to_the_limit(-furthest, limits)


def _to_the_limit(direction: Array, limits: Array) -> Array:
    """The furthest point in this direction that may be scripted."""
    ends = np.where(direction > 0.0, limits[:, 1], limits[:, 0])
    return direction * np.min(ends / direction)


def along_rays(search: Search) -> None:
    """Every ray that reaches the target has been halved towards it as long as it may be the best one."""
    ends = [*rays(search.space)]
    found = search.at(ends)
    low, high = [0.0] * len(ends), [1.0 if one is not None and one.reaches else np.nan for one in found]
    length = [search.space.distance(end) for end in ends]
    for _ in range(HALVINGS):
        best = min((h * n for h, n in zip(high, length, strict=True) if np.isfinite(h)), default=0.0)
        open_ = [k for k in range(len(ends)) if np.isfinite(high[k]) and low[k] * length[k] < best]
        middles = [(low[k] + high[k]) / 2.0 for k in open_]
        told = search.at([ends[k] * middle for k, middle in zip(open_, middles, strict=True)])
        for k, middle, one in zip(open_, middles, told, strict=True):
            if one is not None and one.reaches:
                high[k] = middle
            else:
                low[k] = middle


class Spent(Exception):
    """No trial is left."""


def goes_on(search: Search, start: Tried) -> None:
    """COBYQA has gone on from the point until its steps were small or no trial was left."""
    from scipy import optimize

    space, root = search.space, search.space.root

    def beyond(z: Array) -> Any:
        (one,) = search.at([root @ z])
        if one is None:
            raise Spent
        return one.margin

    constraints: list[Any] = [
        optimize.NonlinearConstraint(beyond, 0.0, np.inf),
        optimize.LinearConstraint(root, *space.limits.T),
    ]
    options: Any = {"initial_tr_radius": FIRST_STEP * (start.distance or 1.0), "final_tr_radius": LAST_STEP}
    options["maxfev"] = max(search.left, 1)
    here, minimise = np.linalg.solve(root, start.point), cast("Any", optimize.minimize)
    try:
        minimise(lambda z: float(z @ z), here, method="COBYQA", constraints=constraints, options=options)
    except Spent:
        return


def draws_in(search: Search) -> None:
    """The best point has been drawn in along its ray until less of it does not reach the target."""
    best = search.best
    if best is None:
        return
    low, high = DRAWN_IN[0], 1.0
    for _ in range(int(DRAWN_IN[1])):
        middle = (low + high) / 2.0
        (one,) = search.at([best.point * middle])
        if one is not None and one.reaches:
            high = middle
        else:
            low = middle


def settles(space: Space, found: Tried, margins: Margins) -> Tried | None:
    """The nearest point on the ray of the one found that reaches the target on other paths; None where none does.

    A search is flattered by its paths: its direction may stay, its length is measured anew. The least of some lengths
    from which on all reach the target, and two halvings below it.
    """
    search = Search(space, margins, len(LENGTHS) + SETTLED)
    told = search.at([found.point * length for length in LENGTHS])
    reach = [one is not None and one.reaches for one in told]
    if not reach[-1]:
        return None
    first = max((place for place, yes in enumerate(reach) if not yes), default=-1) + 1
    high, low, best = LENGTHS[first], LENGTHS[first - 1] if first else 0.0, told[first]
    for _ in range(SETTLED):
        middle = (low + high) / 2.0
        (one,) = search.at([found.point * middle])
        if one is not None and one.reaches:
            high, best = middle, one
        else:
            low = middle
    return best
