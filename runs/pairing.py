"""What did the same luck in all arms save: how many paths would arms of different luck have needed?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nobid.runs.estimate import significant
from nobid.runs.paired import pairs

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Pairing:
    """`correlation` of the arms over `paths`; `variance_ratio`: of the unpaired over that of the paired difference.

    The correlation is NaN where an arm is the same on all paths, the ratio infinite where the difference is.
    """

    correlation: float
    variance_ratio: float
    paths: int

    @property
    def paths_saved(self) -> float:
        """Paths an arm that unpaired arms would have needed more, for as narrow an interval; below nought: fewer."""
        return self.paths * (self.variance_ratio - 1.0)

    @property
    def words(self) -> str:
        """The correlation, the ratio and what it saved, in a sentence."""
        if not np.isfinite(self.variance_ratio):
            return "the difference is the same on every path: nothing is left to chance"
        if not np.isfinite(self.correlation):
            return "one arm is the same on every path: pairing changes nothing"
        times, saved = significant(self.variance_ratio, 2), significant(abs(self.paths_saved), 2)
        cost = f"{saved} paths an arm {'saved' if self.variance_ratio >= 1.0 else 'lost'}"
        return f"arms correlated {self.correlation:.2f}: variance {times} times smaller than unpaired, {cost}"


def pairing(arm: Array, base: Array) -> Pairing:
    """Correlation and (var arm + var base) / var (arm - base), over the paths present in both arms.

    The ratio is 1 / (1 - c) with c = 2 cov / (var arm + var base). Below two paths both are NaN.
    """
    first, second, _ = pairs(arm, base)
    if len(first) < 2:
        return Pairing(np.nan, np.nan, len(first))
    one, other, between = (float(figure.var(ddof=1)) for figure in (first, second, first - second))
    both = one + other
    scale = float(np.sqrt(one * other))
    covariance = float(np.mean((first - first.mean()) * (second - second.mean()))) * len(first) / (len(first) - 1)
    correlation = covariance / scale if scale > 0.0 else np.nan
    return Pairing(float(np.clip(correlation, -1.0, 1.0)), both / between if between > 0.0 else np.inf, len(first))
