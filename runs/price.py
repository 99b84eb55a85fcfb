"""What does it cost to avoid one default, or one dollar of loss: a mean difference over another?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nobid.runs.estimate import LEVEL, Estimate
from nobid.runs.paired import mean_of_differences, pairs

Array = NDArray[np.float64]


def price(cost: Array, avoided: Array, *, what: str) -> Estimate:
    """The mean of `cost` over the mean of `avoided`, both a paired difference a path, with Fieller's (1954) interval.

    The interval holds every price r at which a t test of cost - r avoided is not surprised: the roots of
    (y² - t² vyy) r² - 2 (xy - t² vxy) r + x² - t² vxx, x and y the means, v their variances and covariance. It has ends
    only where the interval of the mean avoided leaves out nought; else, and where the policy adds to it, the figure is
    n/a and `why` says so of `what` ("defaults avoided"). A price below nought is a saving.
    """
    top, bottom, missing = pairs(cost, avoided)
    below = mean_of_differences(bottom, missing=missing)
    if none := _no_price(below, what):
        return Estimate(np.nan, np.nan, np.nan, below.paths, "few", none)
    value, beyond = float(top.mean()) / below.value, top - float(top.mean()) / below.value * bottom
    if np.abs(beyond).max() <= np.finfo(float).eps * float(np.abs(top).max()) * 4.0:
        return Estimate(value, value, value, below.paths, "same")
    low, high = _fieller(top, bottom)
    return Estimate(value, low, high, below.paths, "fieller")


def _no_price(avoided: Estimate, what: str) -> str:
    """Why there is no price; "" where there is one."""
    if avoided.method == "same" and avoided.value == 0.0:
        return f"no {what} on any path"
    if avoided.high < 0.0:
        return f"the policy adds {what.removesuffix(' avoided')} instead"
    return "" if avoided.low > 0.0 else f"{what} not told from zero, {avoided.words}"


def _fieller(top: Array, bottom: Array) -> tuple[float, float]:
    from scipy.stats import t

    paths = len(top)
    squared = float(t.ppf((1.0 + LEVEL) / 2.0, paths - 1)) ** 2
    x, y = float(top.mean()), float(bottom.mean())
    spread = np.cov(top, bottom) / paths
    a, b = y * y - squared * float(spread[1, 1]), x * y - squared * float(spread[0, 1])
    root = float(np.sqrt(max(b * b - a * (x * x - squared * float(spread[0, 0])), 0.0)))
    return (b - root) / a, (b + root) / a
