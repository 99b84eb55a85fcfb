"""How sure is a figure over paths: which interval, from how many paths, and is it only indicative?

From 50 paths on, bias-corrected and accelerated bootstrap intervals (BCa, after Efron (1987)) over whole paths: what
happens on a path has two humps (nothing, or a cluster), so that a symmetric interval may leave the range of what can
happen. Below 50 paths too few are there to draw from: a t interval, and it is only indicative. Above 2,000 paths a mean
is close to normal whatever the paths look like, and the t interval serves again.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

LEVEL: Final = 0.95
INDICATIVE_BELOW: Final = 50  # paths
BOOTSTRAP_UP_TO: Final = 2_000  # paths: a mean over more is close to normal, and the bootstrap would cost minutes
RESAMPLES: Final = 1_999  # quantiles of 95 % then lie on a resample
BATCH: Final = 100  # resamples at once, so that ten thousand paths fit into memory
SEED: Final = 20_260_101  # of the resampling: the same run tells the same interval
WORDS: Final = {
    "bca": "bootstrap over paths (BCa)",
    "t": "t interval, only indicative below 50 paths",
    "many": "t interval, more than 2,000 paths",
    "same": "all paths agree",
    "one": "one path: no interval",
}


@dataclass(frozen=True)
class Estimate:
    """A figure over paths with its 95 % interval; `method` is one of WORDS, NaN ends where there is no interval."""

    value: float
    low: float
    high: float
    paths: int
    method: str

    @property
    def indicative(self) -> bool:
        """True where too few paths stand behind the interval."""
        return self.paths < INDICATIVE_BELOW

    @property
    def clear_of_zero(self) -> bool:
        """True where the interval leaves out zero."""
        return bool(self.low > 0.0 or self.high < 0.0)

    def text(self, digits: int = 2) -> str:
        """The figure with its interval: "1.80 (1.20 – 2.50)"."""
        if not np.isfinite(self.value):
            return "–"
        if not np.isfinite(self.low):
            return f"{rounded(self.value, digits)}"
        return f"{rounded(self.value, digits)} ({rounded(self.low, digits)} – {rounded(self.high, digits)})"

    def as_dict(self) -> dict[str, float | int | str | None]:
        """Plain values; a missing end is None."""
        ends = {name: _plain(getattr(self, name)) for name in ("value", "low", "high")}
        return {**ends, "paths": self.paths, "method": WORDS[self.method]}


def method_of(paths: int) -> str:
    """Which interval belongs to so many paths: one of WORDS."""
    if paths < 2:
        return "one"
    if paths < INDICATIVE_BELOW:
        return "t"
    return "bca" if paths <= BOOTSTRAP_UP_TO else "many"


def mean_over_paths(values: Array, *, least: float = -np.inf) -> Estimate:
    """The mean of one figure a path; an interval does not reach below `least`, where the figure cannot."""
    return ratio_over_paths(values, np.ones_like(values), least=least)


def ratio_over_paths(top: Array, bottom: Array, *, least: float = -np.inf) -> Estimate:
    """The sum of `top` over the sum of `bottom`, both one figure a path and drawn together; 0 where the bottom is 0.

    Below 50 paths the t interval of the ratio's linear part, cut at `least`.
    """
    top, bottom = np.asarray(top, dtype=float), np.asarray(bottom, dtype=float)
    value, paths = float(_ratio(top, bottom)), len(top)
    if paths < 2:
        return Estimate(value, np.nan, np.nan, paths, "one")
    beyond = top - value * bottom
    if np.abs(beyond).max() <= np.finfo(float).eps * max(np.abs(top).max(), 1.0):
        return Estimate(value, value, value, paths, "same")
    method = method_of(paths)
    if method != "bca":
        found = _t(value, beyond, float(bottom.mean()))
        return replace(found, low=max(found.low, least), method=method)
    return _bca(_ratio, value, top, bottom)


def _ratio(top: Array, bottom: Array, axis: int = -1) -> Any:
    above, below = np.sum(top, axis=axis), np.sum(bottom, axis=axis)
    return np.where(below > 0.0, above / np.where(below > 0.0, below, 1.0), 0.0)


def _t(value: float, beyond: Array, scale: float) -> Estimate:
    from scipy.stats import t

    paths = len(beyond)
    half = float(t.ppf((1.0 + LEVEL) / 2.0, paths - 1)) * float(beyond.std(ddof=1)) / np.sqrt(paths) / scale
    return Estimate(value, value - half, value + half, paths, "t")


def _bca(statistic: Callable[..., Any], value: float, *samples: Array) -> Estimate:
    from scipy.stats import bootstrap

    with warnings.catch_warnings(), np.errstate(divide="ignore", invalid="ignore"):
        warnings.simplefilter("ignore")  # a degenerate sample has no BCa interval: told by the ends below
        asked: dict[str, Any] = {"paired": True, "vectorized": True, "n_resamples": RESAMPLES, "batch": BATCH}
        rng = np.random.default_rng(SEED)
        found = bootstrap(samples, statistic, confidence_level=LEVEL, method="BCa", rng=rng, **asked)
    low, high = (float(end) for end in found.confidence_interval)
    if not (np.isfinite(low) and np.isfinite(high)):
        drawn = found.bootstrap_distribution
        low, high = (float(end) for end in np.quantile(drawn, [(1.0 - LEVEL) / 2.0, (1.0 + LEVEL) / 2.0]))
    return Estimate(value, low, high, len(samples[0]), "bca")


def rounded(value: float, digits: int) -> str:
    """The number with so many digits, a rounded nought without its sign."""
    text = f"{value:,.{digits}f}"
    return text[1:] if text.startswith("-") and not text.strip("-0.,") else text


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
