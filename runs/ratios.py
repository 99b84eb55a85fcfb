"""How sure is a sum over paths divided by another, for thousands of loans at once, without holding the paths?

Only sums of powers are kept. The interval is that of a ratio's linear part with its skewness taken into account (the
transformed t interval after Hall (1992)): losses are rare, and a symmetric interval would reach below nought and stop
too soon above. No resampling, so no seed; the same for any size of parts. `runs/estimate.py` has the bootstrap for
single figures.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from nobid.runs.estimate import LEVEL

Array = NDArray[np.float64]

EVENTFUL_PATHS: Final = 5  # paths on which the top is not nought: with fewer there is no interval
POWERS: Final = ((1, 0), (0, 1), (2, 0), (1, 1), (0, 2), (3, 0), (2, 1), (1, 2), (0, 3))


class RatioSums:
    """Sums over paths for `units` ratios top / bottom; `adds` takes a block of paths at a time."""

    def __init__(self, units: int) -> None:
        self.paths = 0
        self.eventful = np.zeros(units)
        self._sums = {powers: np.zeros(units) for powers in POWERS}

    def adds(self, top: Array, bottom: Array) -> None:
        """These paths (P, units) are counted."""
        self.paths += len(top)
        self.eventful += np.count_nonzero(top, axis=0)
        tops, bottoms = [np.ones_like(top), top, top * top], [np.ones_like(bottom), bottom, bottom * bottom]
        tops.append(tops[2] * top)
        bottoms.append(bottoms[2] * bottom)
        for above, below in POWERS:
            self._sums[above, below] += np.sum(tops[above] * bottoms[below], axis=0)

    @property
    def top(self) -> Array:
        """Sums of the tops."""
        return self._sums[1, 0]

    @property
    def bottom(self) -> Array:
        """Sums of the bottoms."""
        return self._sums[0, 1]

    def value(self) -> Array:
        """The ratios; NaN where the bottom is nought on all paths."""
        return over(self.top, self.bottom)

    def interval(self, *, least: float = -np.inf, most: float = np.inf) -> tuple[Array, Array]:
        """The ends of the 95 % interval, within [least, most]; NaN where fewer than five paths are eventful."""
        from scipy.stats import t

        paths, s, v = self.paths, self._sums, self.value()
        if paths < EVENTFUL_PATHS:
            return np.full_like(v, np.nan), np.full_like(v, np.nan)
        mean = over(self.bottom, np.full_like(v, float(paths)))
        second = s[2, 0] - 2.0 * v * s[1, 1] + v * v * s[0, 2]
        third = s[3, 0] - 3.0 * v * s[2, 1] + 3.0 * v * v * s[1, 2] - v * v * v * s[0, 3]
        spread = np.sqrt(np.maximum(second, 0.0) / paths)
        skew = np.where(spread > 0.0, over(third / paths, spread**3), 0.0)
        error = over(spread, mean) / np.sqrt(paths)
        quantile = float(t.ppf((1.0 + LEVEL) / 2.0, paths - 1))
        low = v - error * _untransformed(quantile, skew / np.sqrt(paths))
        high = v - error * _untransformed(-quantile, skew / np.sqrt(paths))
        enough = self.eventful >= EVENTFUL_PATHS
        return np.where(enough, np.clip(low, least, most), np.nan), np.where(enough, np.clip(high, least, most), np.nan)


def _untransformed(quantile: float, skew: Array) -> Array:
    """The t statistic whose skewness-corrected value is the quantile; `skew` is over the root of the paths."""
    some = np.where(np.abs(skew) > SMALL_SKEW, skew, 1.0)
    bent = 3.0 / some * (np.cbrt(1.0 + some * (quantile - some / 6.0)) - 1.0)
    return np.where(np.abs(skew) > SMALL_SKEW, bent, quantile)


SMALL_SKEW: Final = 1e-9  # below it the correction is rounding


def over(top: Array, bottom: Array) -> Array:
    """The ratio; NaN where the bottom is nought."""
    return np.where(bottom != 0.0, top / np.where(bottom != 0.0, bottom, 1.0), np.nan)


def wilson(hits: Array | float, of: Array | float) -> tuple[Array, Array]:
    """The ends of Wilson's (1927) 95 % interval for a share: hits among so many independent draws.

    >>> [round(float(end), 4) for end in wilson(0.0, 64.0)]
    [0.0, 0.0566]
    """
    from scipy.stats import norm

    z = float(norm.ppf((1.0 + LEVEL) / 2.0))
    hits, of = np.asarray(hits, dtype=float), np.asarray(of, dtype=float)
    middle = over(hits + z * z / 2.0, of + z * z)
    half = over(z * np.sqrt(np.maximum(over(hits * (of - hits), of), 0.0) + z * z / 4.0), of + z * z)
    empty = of <= 0.0
    low = np.where(hits <= 0.0, 0.0, np.maximum(middle - half, 0.0))
    high = np.where(hits >= of, 1.0, np.minimum(middle + half, 1.0))
    return np.where(empty, np.nan, low), np.where(empty, np.nan, high)
