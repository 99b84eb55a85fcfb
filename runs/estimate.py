"""How sure is a figure over paths: which interval, from how many paths, and is it only indicative?

From 50 paths on, bias-corrected and accelerated bootstrap intervals (BCa, after Efron (1987)) over whole paths: what
happens on a path has two humps (nothing, or a cluster), so that a symmetric interval may leave the range of what can
happen. Below 50 paths too few are there to draw from: a t interval, and it is only indicative. Above 2,000 paths a mean
is close to normal whatever the paths look like, and the t interval serves again. Differences between arms on the same
paths are another matter: see `runs/paired.py`.
"""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Standing = Literal["firm", "rough", "indicative"]

LEVEL: Final = 0.95
INDICATIVE_BELOW: Final = 50  # paths
FIRM_FROM: Final = 100  # paths: a t interval of skewed figures needs as many
BOOTSTRAP_UP_TO: Final = 2_000  # paths: a mean over more is close to normal, and the bootstrap would cost minutes
RESAMPLES: Final = 1_999  # quantiles of 95 % then lie on a resample
CELLS: Final = 1_000_000  # resampled numbers held at once: 8 MB, whatever the paths
SEED: Final = 20_260_101  # of the resampling: the same run tells the same interval
WORDS: Final = {
    "bca": "bootstrap over paths (BCa)",
    "t": "t interval, only indicative below 50 paths",
    "many": "t interval, more than 2,000 paths",
    "same": "all paths agree",
    "one": "one path: no interval",
    "few": "too few paths: no interval",
    "pairs": "paired t interval",
    "max-t": "simultaneous over all arms and measures (bootstrap of the largest t)",
    "percentile": "bootstrap over paths (percentiles): a quantile, or more than 2,000 paths",
    "wilson": "score interval after Wilson (1927)",
    "tango": "paired score interval after Tango (1998)",
    "fieller": "ratio of paired means after Fieller (1954)",
}


@dataclass(frozen=True)
class Estimate:
    """A figure over paths with its 95 % interval; `method` is one of WORDS, NaN ends where there is no interval.

    `why` says, where it is known, why a figure or its interval is missing.
    """

    value: float
    low: float
    high: float
    paths: int
    method: str
    why: str = ""

    @property
    def indicative(self) -> bool:
        """True where too few paths stand behind the interval."""
        return self.paths < INDICATIVE_BELOW

    @property
    def clear_of_zero(self) -> bool:
        """True where the interval leaves out zero."""
        return bool(self.low > 0.0 or self.high < 0.0)

    @property
    def standing(self) -> Standing:
        """What so many paths allow: firm from 100, rough from 50, indicative below."""
        if self.indicative:
            return "indicative"
        return "firm" if self.paths >= FIRM_FROM else "rough"

    @property
    def halfwidth(self) -> float:
        """Half the length of the interval; NaN where there is none."""
        return (self.high - self.low) / 2.0

    @property
    def words(self) -> str:
        """The figure, its interval to two digits of its own half-width, and what the number of paths allows.

        >>> Estimate(-41.26, -52.31, -30.21, 512, "pairs").words
        '-41 (-52 to -30)'
        >>> Estimate(1.58, 0.70, 2.46, 40, "pairs").words
        '1.58 (0.70 to 2.46), indicative only: 40 paths'
        """
        if not np.isfinite(self.value):
            return f"n/a: {self.why}" if self.why else "n/a"
        if not np.isfinite(self.halfwidth):
            return f"{significant(self.value)} (no interval: {self.why or WORDS[self.method]})"
        if self.halfwidth <= 0.0:
            return significant(self.value)
        value, low, high = (to_width(one, self.halfwidth) for one in (self.value, self.low, self.high))
        return f"{value} ({low} to {high})" + {"firm": "", "rough": f", rough: {self.paths} paths"}.get(
            self.standing, f", indicative only: {self.paths} paths"
        )

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
    return bootstrap_interval(_ratio, value, top, bottom)


def _ratio(top: Array, bottom: Array, axis: int = -1) -> Any:
    above, below = np.sum(top, axis=axis), np.sum(bottom, axis=axis)
    return np.where(below > 0.0, above / np.where(below > 0.0, below, 1.0), 0.0)


def _t(value: float, beyond: Array, scale: float) -> Estimate:
    from scipy.stats import t

    paths = len(beyond)
    half = float(t.ppf((1.0 + LEVEL) / 2.0, paths - 1)) * float(beyond.std(ddof=1)) / np.sqrt(paths) / scale
    return Estimate(value, value - half, value + half, paths, "t")


def bootstrap_interval(
    statistic: Callable[..., Any],
    value: float,
    *samples: Array,
    seed: int | np.random.SeedSequence = SEED,
    smooth: bool = True,
) -> Estimate:
    """The BCa interval of `statistic(*samples, axis=)`, paths drawn together; percentiles where BCa has no ends.

    Above 2,000 paths percentiles at once: a BCa interval leaves out every path in turn, which costs the square of them.
    So too for quantiles (`smooth` false): leaving out one path says nothing of how a quantile scatters (Efron 1979);
    BCa intervals of medians of paths in humps held the truth in 70 to 80 of 100 samples (`bench/intervals.py`).
    """
    from scipy.stats import bootstrap

    paths = len(samples[0])
    method: Literal["BCa", "percentile"] = "BCa" if smooth and paths <= BOOTSTRAP_UP_TO else "percentile"
    with warnings.catch_warnings(), np.errstate(divide="ignore", invalid="ignore"):
        warnings.simplefilter("ignore")  # a degenerate sample has no BCa interval: told by the ends below
        batch = max(1, CELLS // paths)
        asked: dict[str, Any] = {"paired": True, "vectorized": True, "n_resamples": RESAMPLES, "batch": batch}
        rng = np.random.default_rng(seed)
        found = bootstrap(samples, statistic, confidence_level=LEVEL, method=method, rng=rng, **asked)
    low, high = (float(end) for end in found.confidence_interval)
    if not (np.isfinite(low) and np.isfinite(high)):
        drawn = found.bootstrap_distribution
        low, high = (float(end) for end in np.quantile(drawn, [(1.0 - LEVEL) / 2.0, (1.0 + LEVEL) / 2.0]))
    return Estimate(value, low, high, paths, method.lower())


def luck(seed: int, purpose: str) -> np.random.SeedSequence:
    """The seed of one purpose's resampling in a run: the same whatever else is resampled, and in which order."""
    return np.random.SeedSequence(entropy=seed, spawn_key=(zlib.crc32(purpose.encode()),))


def significant(value: float, digits: int = 4) -> str:
    """The number with so many significant digits, without an exponent.

    >>> significant(0.0123456), significant(-1234567.0), significant(0.0)
    ('0.01235', '-1,235,000', '0')
    """
    return to_width(value, abs(value) / 10.0 ** (digits - 2)) if value else "0"


def to_width(value: float, width: float) -> str:
    """The number to the place of the second significant digit of a width above nought.

    >>> to_width(41322.0, 1234.0), to_width(0.123456, 0.0456)
    ('41,300', '0.123')
    """
    places = 1 - int(np.floor(np.log10(width)))
    return rounded(round(value, places), max(places, 0))


def rounded(value: float, digits: int) -> str:
    """The number with so many digits, a rounded nought without its sign."""
    text = f"{value:,.{digits}f}"
    return text[1:] if text.startswith("-") and not text.strip("-0.,") else text


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
