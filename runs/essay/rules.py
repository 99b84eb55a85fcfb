"""What does a rule make of the arms of a test, and on which side of its bound does the interval lie?

A sample is what a measure says of an arm: a row a figure, a column a path, NaN where the path was not finished. Arms of
a test share their luck, so that paths are paired and drawn together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from nobid.runs.essay.declaration import Criterion
from nobid.runs.estimate import Estimate, bootstrap_interval, mean_over_paths, ratio_over_paths
from nobid.runs.paired import (
    FEWEST_MOVED,
    Difference,
    Seed,
    mean_difference,
    mean_of_differences,
    present,
    probability,
    probability_difference,
    shortfall_difference,
)
from nobid.runs.verdict import more_to_move, paths_to_settle

Array = NDArray[np.float64]
Kind = Literal["supported", "not supported", "inconclusive", "assumed", "told"]

CONTRASTS: Final[Mapping[str, tuple[float, ...]]] = {  # how much each arm's statistic counts
    "level": (1.0,),
    "difference": (1.0, -1.0),
    "second difference": (-1.0, 2.0, -1.0),  # (none - whole) - 2 (none - half): arms none, half, whole
}
WHEN: Final = "when"  # the statistic of a sample that says when each agent failed
LATEST: Final = 1e5  # months: beyond it somebody never failed
LATE: Final = 12.0  # months later is another event
PLENTY: Final = 512  # resamples whose paths are counted at once


def estimated(test: Criterion, statistic: str, samples: Sequence[Array], *, seed: Seed | int) -> Difference:
    """The figure of the test with its interval, over the paths that every arm finished.

    level: the statistic of one arm; difference: that of the first arm less that of the second; second difference: by
    how much the whole step takes off more than twice the half, arms none, half, whole; but-for: the share of what the
    first arm has that the second has not. `statistic`: one of LEVELS, SUMS, DRAWN, tail (expected shortfall) or WHEN.
    """
    known = present(*samples)
    kept, missing = [sample[:, known] for sample in samples], int(np.count_nonzero(~known))
    if not kept[0].shape[1]:
        return Difference(np.nan, np.nan, np.nan, 0, "few", "no path was finished in all arms", 0, missing)
    moved = int(np.count_nonzero(np.any([np.any(kept[0] != one, axis=0) for one in kept[1:]], axis=0)))
    if test.rule == "but-for" and 0 < moved < min(FEWEST_MOVED, kept[0].shape[1]):
        why = f"the arms differ on {moved} of {kept[0].shape[1]} paths only"
        value = _estimate(test.rule, statistic, kept, seed).value
        return Difference(value, np.nan, np.nan, kept[0].shape[1], "few", why, moved, missing)
    found = _estimate(test.rule, statistic, kept, seed)
    about = replace(found, missing=missing) if isinstance(found, Difference) else _difference(found, moved, missing)
    return replace(about, moved=about.paths) if test.rule == "level" else about


def _difference(found: Estimate, moved: int, missing: int) -> Difference:
    return Difference(
        found.value, found.low, found.high, found.paths, found.method, found.why, moved=moved, missing=missing
    )


def _estimate(rule: str, statistic: str, kept: Sequence[Array], seed: Seed | int) -> Estimate:
    """The estimate by the method that suits the statistic: closed forms where there are some, else drawn paths."""
    first = kept[0][0]
    if rule == "but-for":
        return brought(kept[0], kept[1]) if statistic == WHEN else ratio_over_paths(first - kept[1][0], first)
    if (rule, statistic) == ("difference", "tail"):
        return shortfall_difference(first, kept[1][0], seed=seed)
    if (rule, statistic) == ("second difference", "mean"):
        parts = zip(CONTRASTS[rule], kept, strict=True)
        return mean_of_differences(np.asarray(sum((weight * one[0] for weight, one in parts), np.zeros(1))))
    closed = {"level": LEVELS, "difference": DIFFERENCES}.get(rule, {}).get(statistic)
    return _drawn(CONTRASTS[rule], statistic, kept, seed) if closed is None else closed(*(one[0] for one in kept))


LEVELS: Final[Mapping[str, Callable[..., Estimate]]] = {"mean": mean_over_paths, "share": probability}
DIFFERENCES: Final[Mapping[str, Callable[..., Estimate]]] = {
    "mean": mean_difference,
    "share": probability_difference,
}


def brought(with_: Array, without: Array) -> Estimate:
    """The share of defaults that without would not have come within a year of when they came, if at all.

    Both: when each agent (rows) failed on each path, months; beyond LATEST it did not.
    """
    failed = with_ < LATEST
    late = failed & (without > with_ + LATE)
    return ratio_over_paths(late.sum(axis=0).astype(float), failed.sum(axis=0).astype(float))


# ---- figures that are no means: paths are drawn


def _drawn(weights: Sequence[float], statistic: str, kept: Sequence[Array], seed: Seed | int) -> Estimate:
    """The weighted sum of the arms' statistics with its bootstrap interval, paths drawn together."""
    paths = kept[0].shape[1]

    def contrast(drawn: Any, axis: int = -1) -> Any:
        places = np.asarray(drawn).astype(np.intp)
        return sum(weight * of_paths(statistic, one, places) for weight, one in zip(weights, kept, strict=True))

    everyone = np.arange(paths, dtype=float)
    value = float(contrast(everyone))
    if paths < 2:
        return Estimate(value, np.nan, np.nan, paths, "one")
    if all(np.ptp(one, axis=1).max() <= 0.0 for one in kept) or _all_alike(weights, kept):
        return Estimate(value, value, value, paths, "same")
    return bootstrap_interval(contrast, value, everyone, seed=seed, smooth=statistic in SUMS)


def _all_alike(weights: Sequence[float], kept: Sequence[Array]) -> bool:
    """True where all arms are the same on every path and cancel out."""
    return abs(sum(weights)) <= 0.0 and all(np.array_equal(one, kept[0]) for one in kept[1:])


def of_paths(statistic: str, sample: Array, places: NDArray[np.intp]) -> Any:
    """The statistic of the paths at these places (…, drawn), each as often as it was drawn: (…)."""
    if statistic in SUMS:
        return SUMS[statistic](_summed(sample, np.atleast_2d(places)).reshape(*places.shape[:-1], len(sample)))
    return DRAWN[statistic](sample[0][places])


def _summed(sample: Array, places: NDArray[np.intp]) -> Array:
    """Sums over the drawn paths of every figure: (resamples, figures), so many resamples at a time."""
    paths, pieces = sample.shape[1], []
    for first in range(0, len(places), PLENTY):
        some = places[first : first + PLENTY]
        flat = (some + paths * np.arange(len(some))[:, None]).ravel()
        times = np.bincount(flat, minlength=paths * len(some)).reshape(len(some), paths).astype(float)
        pieces.append(times @ sample.T)
    return np.concatenate(pieces)


def _ratio(sums: Array) -> Any:
    """The first sum over the second; 0 where that is 0."""
    below = sums[..., 1]
    return np.where(below != 0.0, sums[..., 0] / np.where(below != 0.0, below, 1.0), 0.0)


def _correlation(sums: Array) -> Any:
    """Pearson's, from n, Σx, Σy, Σxx, Σyy, Σxy; 0 where one of the two never moves."""
    n, x, y, xx, yy, xy = (sums[..., place] for place in range(6))
    some = np.maximum(n, 1.0)
    spread = np.sqrt(np.maximum(xx - x * x / some, 0.0) * np.maximum(yy - y * y / some, 0.0))
    return np.where(spread > 0.0, (xy - x * y / some) / np.where(spread > 0.0, spread, 1.0), 0.0)


def _short(sums: Array) -> Any:
    """By what was out on average, the share of loans whose losses were above what their spreads brought in.

    The sums are of three equal parts, a loan a place: lost, charged, outstanding.
    """
    lost, charged, out = np.split(sums, 3, axis=-1)
    whole = out.sum(axis=-1)
    return np.where(whole > 0.0, (out * (lost > charged)).sum(axis=-1) / np.where(whole > 0.0, whole, 1.0), 0.0)


SUMS: Final[Mapping[str, Callable[[Array], Any]]] = {"ratio": _ratio, "correlation": _correlation, "short": _short}
DRAWN: Final[Mapping[str, Callable[[Array], Any]]] = {
    "median": partial(np.median, axis=-1),
    "p05": partial(np.quantile, q=0.05, axis=-1),
    "p95": partial(np.quantile, q=0.95, axis=-1),
    "mean": partial(np.mean, axis=-1),
    "share": partial(np.mean, axis=-1),
}


# ---- the side of the bound


def decided(found: Estimate, *, side: str, bound: float) -> tuple[Kind, int | None]:
    """Supported where the whole interval lies beyond the bound on the claimed side, not supported where none does.

    Else, and where there is no interval, inconclusive, with about how many more paths would settle it (None: no number
    within ten million, or none that is known).
    """
    sign = 1.0 if side == "above" else -1.0
    ends = sorted((sign * (found.low - bound), sign * (found.high - bound)))
    if ends[0] > 0.0:
        return "supported", None
    if ends[1] <= 0.0:
        return "not supported", None
    moved = found.moved if isinstance(found, Difference) else found.paths
    from_bound = Difference(
        found.value - bound, found.low - bound, found.high - bound, found.paths, found.method, moved=moved
    )
    if np.isfinite(found.halfwidth):
        return "inconclusive", paths_to_settle(from_bound)
    return "inconclusive", more_to_move(from_bound) if np.isfinite(found.value) else None


def together(verdicts: Sequence[Kind], combine: str) -> Kind:
    """The verdict of a claim on all its tests.

    all: each must be supported, and one that is not decides. everywhere: they are one test over a range; where it holds
    in a part of the range only, the claim is inconclusive.
    """
    if all(one == "supported" for one in verdicts):
        return "supported"
    fails = [one == "not supported" for one in verdicts]
    return "not supported" if (any if combine == "all" else all)(fails) else "inconclusive"
