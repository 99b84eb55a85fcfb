"""What did a policy change, path by path: mean, tail, probability and any other figure, each with its interval?

Arms of a comparison share their random numbers, so that their paths come in pairs, and what both arms suffer alike
drops out of the difference. A difference is arm minus base: below nought the arm has less. A path that failed in one
arm is missing in all; it is left out, counted, and `reach_of_missing` says what it could have changed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from nobid.runs.estimate import BOOTSTRAP_UP_TO, LEVEL, Estimate, bootstrap_interval, significant
from nobid.runs.paired_shares import tango
from nobid.runs.ratios import wilson
from nobid.runs.tail import PATHS_FOR_TAIL, by_influence, expected_shortfall, tail_moves

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Seed = np.random.SeedSequence

FEWEST_MOVED: Final = 6  # paths that differ: with five, all of one sign, a sign test is still above 5 % (2 / 2^5)


@dataclass(frozen=True)
class Difference(Estimate):
    """Arm minus base over `paths` pairs: on `moved` of them the arms differ; `missing` pairs were not finished."""

    moved: int = 0
    missing: int = 0

    def as_dict(self) -> dict[str, float | int | str | None]:
        """Plain values; a missing end is None."""
        return {**super().as_dict(), "moved": self.moved, "missing": self.missing, "why": self.why}


def present(*figures: Array) -> Mask:
    """Which paths (the last axis) have a number in every arm of every figure.

    Errors: ValueError where a number is infinite.
    """
    found: Mask = np.ones(np.shape(figures[0])[-1], dtype=np.bool_)
    for figure in figures:
        rows = np.atleast_2d(np.asarray(figure, dtype=float))
        if np.isinf(rows).any():
            raise ValueError("a figure over paths is infinite: only NaN stands for a path that was not finished")
        found &= ~np.isnan(rows).any(axis=0)
    return found


def pairs(arm: Array, base: Array) -> tuple[Array, Array, int]:
    """Both arms on the paths present in both, and how many pairs are missing.

    Errors: ValueError where the arms do not have the same paths, or a number is infinite.
    """
    arm, base = np.asarray(arm, dtype=float), np.asarray(base, dtype=float)
    if arm.shape != base.shape or arm.ndim != 1:
        raise ValueError(f"paired arms need the same paths, one figure each: {arm.shape} and {base.shape}")
    both = present(arm, base)
    return arm[both], base[both], int(np.count_nonzero(~both))


def mean_difference(arm: Array, base: Array) -> Difference:
    """The mean of the paired differences with its t interval, d ± t(n - 1) s / √n, after Student (1908).

    Where fewer than six paths differ, and others do not, there is no interval: `why` says so.
    """
    first, second, missing = pairs(arm, base)
    return mean_of_differences(first - second, missing=missing)


def mean_of_differences(differences: Array, *, missing: int = 0, quantile: float | None = None) -> Difference:
    """The same for differences without a missing one; `quantile` takes the place of that of Student's t."""
    from scipy.stats import t

    paths, moved = len(differences), int(np.count_nonzero(differences))
    value = float(differences.mean()) if paths else np.nan
    about: dict[str, Any] = {"paths": paths, "moved": moved, "missing": missing}
    if none := _without_interval(differences, moved):
        ends = value if none[0] == "same" else np.nan
        return Difference(value, ends, ends, method=none[0], why=none[1], **about)
    times = float(t.ppf((1.0 + LEVEL) / 2.0, paths - 1)) if quantile is None else quantile
    half = times * float(differences.std(ddof=1)) / float(np.sqrt(paths))
    return Difference(value, value - half, value + half, method="pairs", **about)


def _without_interval(differences: Array, moved: int) -> tuple[str, str] | None:
    """Method and reason where these differences allow no interval, or need none."""
    paths = len(differences)
    if paths < 2:
        return ("one", "one path") if paths else ("few", "no path was finished in both arms")
    if np.ptp(differences) <= 0.0:
        return "same", ""
    if moved < min(FEWEST_MOVED, paths):
        return "few", f"the arms differ on {moved} of {paths} paths only"
    return None


def statistic_difference(arm: Array, base: Array, statistic: Callable[..., Any], *, seed: Seed | int) -> Difference:
    """statistic(arm) - statistic(base), with the BCa interval (Efron 1987) over pairs; `statistic` takes `axis=`.

    The paths drawn follow from the seed and the number of pairs alone. Above 2,000 pairs percentiles.
    """
    first, second, missing = pairs(arm, base)
    moved = int(np.count_nonzero(first - second))
    about: dict[str, Any] = {"paths": len(first), "moved": moved, "missing": missing}
    if none := _without_interval(first - second, moved):
        value = float(statistic(first, axis=-1) - statistic(second, axis=-1)) if len(first) else np.nan
        ends = value if none[0] == "same" else np.nan
        return Difference(value, ends, ends, method=none[0], why=none[1], **about)

    def differs(one: Array, other: Array, axis: int = -1) -> Any:
        return statistic(one, axis=axis) - statistic(other, axis=axis)

    found = bootstrap_interval(differs, float(differs(first, second)), first, second, seed=seed)
    return Difference(found.value, found.low, found.high, method=found.method, **about)


def shortfall_difference(arm: Array, base: Array, *, seed: Seed | int) -> Difference:
    """Difference of the expected shortfalls at 95 % with its interval; n/a below 500 pairs, `why` says what is wanting.

    Up to 2,000 pairs BCa; above, a normal interval from how far each pair moves the difference.
    """
    first, second, missing = pairs(arm, base)
    paths, moved = len(first), int(np.count_nonzero(first - second))
    if paths < PATHS_FOR_TAIL:
        why = f"the worst 5 % need {PATHS_FOR_TAIL} paths, {PATHS_FOR_TAIL - paths} more"
        return Difference(np.nan, np.nan, np.nan, paths, "few", why, moved, missing)
    if paths <= BOOTSTRAP_UP_TO or _without_interval(first - second, moved):
        return statistic_difference(arm, base, expected_shortfall, seed=seed)
    value = float(expected_shortfall(first) - expected_shortfall(second))
    found = by_influence(value, tail_moves(first) - tail_moves(second))
    return Difference(value, float(found.low), float(found.high), paths, "many", "", moved, missing)


def probability(hits: Array) -> Estimate:
    """The share of paths that are hit (0 or 1, NaN where not finished) with Wilson's (1927) interval."""
    known = _shares(np.asarray(hits, dtype=float)[present(hits)])
    if not len(known):
        return Estimate(np.nan, np.nan, np.nan, 0, "few", "no path was finished")
    low, high = wilson(known.sum(), float(len(known)))
    return Estimate(float(known.mean()), float(low), float(high), len(known), "wilson")


def probability_difference(arm: Array, base: Array) -> Difference:
    """The difference of two paired shares (figures 0 or 1) with Tango's (1998) score interval.

    It holds from a few paths on and for events that no path saw: arms that never differ have an interval around nought.
    """
    first, second, missing = pairs(_shares(arm), _shares(base))
    paths, moved = len(first), int(np.count_nonzero(first - second))
    if not paths:
        return Difference(np.nan, np.nan, np.nan, 0, "few", "no path was finished in both arms", 0, missing)
    more, less = (int(np.count_nonzero(first - second == sign)) for sign in (1.0, -1.0))
    low, high = tango(more, less, paths)
    return Difference((more - less) / paths, low, high, paths, "tango", "", moved, missing)


def _shares(hits: Array) -> Array:
    values = np.asarray(hits, dtype=float)
    if not np.isin(values[~np.isnan(values)], (0.0, 1.0)).all():
        raise ValueError("a share counts paths that are hit (1) or not (0)")
    return values


@dataclass(frozen=True)
class Reach:
    """Between `low` and `high` the mean difference would lie, had the missing paths been finished."""

    low: float
    high: float
    missing: int
    paths: int

    @property
    def words(self) -> str:
        """A sentence; "" where no path is missing."""
        if not self.missing:
            return ""
        ends = f"{significant(self.low, 2)} and {significant(self.high, 2)}"
        return f"missing: {self.missing} of {self.paths + self.missing} paths; with them the mean is between {ends}"


def reach_of_missing(arm: Array, base: Array, *, least: float | None = None, most: float | None = None) -> Reach:
    """The ends of the mean difference were every missing one `least`, or `most`: worst case after Manski (1990).

    Without bounds the smallest and the largest difference seen are taken: failed paths are tail paths, so that these
    are the mildest that can be defended. No path present: NaN.
    """
    first, second, missing = pairs(arm, base)
    seen, paths = first - second, len(first)
    if not paths:
        return Reach(np.nan, np.nan, missing, 0)
    ends = (float(seen.min()) if least is None else least, float(seen.max()) if most is None else most)
    low, high = ((float(seen.sum()) + missing * end) / (paths + missing) for end in ends)
    return Reach(low, high, missing, paths)
