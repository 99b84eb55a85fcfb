"""Does what happens on the paths of a run have one hump or two? A mean of two outcomes is not an outcome.

Silverman's (1981) test of one mode, after the paper: the critical bandwidth is the least at which a Gaussian kernel
estimate has a single mode; samples drawn from that estimate (scaled back to the variance of the paths) show how often
one hump alone would have needed as much smoothing. Chosen over Hartigan's dip, whose known library cannot be shipped
with this licence, and over Sarle's coefficient, which calls many a skewed single hump two: losses are skewed, with many
paths at nought. The test seldom calls two humps wrongly and misses shallow ones. Counted on a fixed grid, so that a
million paths cost what a hundred do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nobid.runs.estimate import SEED

Array = NDArray[np.float64]

POINTS: Final = 1024  # of the grid on which paths are counted
MARGIN: Final = 1.0  # empty grid on either side, as a share of the range: no hump reaches round the end
RESAMPLES: Final = 400
FEWEST: Final = 20  # paths of which anything can be said
LEVEL: Final = 0.05  # two humps where one alone would look like this on fewer samples
LEAST: Final = 0.05  # share of paths that a hump must hold
TRIMMED: Final = 0.025  # left out at either end: half of what makes a hump, so that no outlier passes for one
COUNTS_UP_TO: Final = 64  # fewer distinct values than this are counts: the gap between them parts no humps
NEAR: Final = 0.20  # within a fifth of the mean
HALVINGS: Final = 30
NOISE: Final = 1e-9  # of the highest point: rounding of the transform is no hump


@dataclass(frozen=True)
class Humps:
    """`two`: the paths have two humps, parted at `valley` with the share `below` of the paths under it.

    `probability`: how often one hump alone would look as parted; `near_mean`: paths within a fifth of the mean.
    """

    two: bool
    probability: float
    valley: float
    below: float
    near_mean: float
    at_least: float
    """The share of paths at the smallest value that occurs."""


def humps(values: Array) -> Humps:
    """Whether the figure has two humps over paths; one hump where all paths agree or fewer than 20 are there."""
    values = np.asarray(values, dtype=float)
    if not len(values):
        return Humps(False, 1.0, np.nan, np.nan, np.nan, np.nan)
    mean, lowest = float(values.mean()), float(values.min())
    near = float(np.mean(np.abs(values - mean) <= NEAR * abs(mean)))
    bottom = float(np.mean(values == lowest))
    low, high = np.quantile(values, [TRIMMED, 1.0 - TRIMMED])
    inner = values[(values >= low) & (values <= high)]
    if len(values) < FEWEST or high <= low:
        return Humps(False, 1.0, np.nan, np.nan, near, bottom)
    probability, place = _parted((inner - low) / (high - low))
    valley = float(low + (high - low) * place)
    below = float(np.mean(values < valley))
    two = probability < LEVEL and min(below, 1.0 - below) >= LEAST
    return Humps(bool(two), probability, valley, below, near, bottom)


def _parted(values: Array) -> tuple[float, float]:
    """For values in [0, 1]: how often a single hump would look as parted, and where the valley lies."""
    counts, step = _counted(values)
    distinct = np.unique(values)
    one, two = (_critical(counts, step, modes) for modes in (1, 2))
    if one <= step or (len(distinct) <= COUNTS_UP_TO and one <= float(np.median(np.diff(distinct)))):
        return 1.0, float("nan")
    probability = _how_often(counts, step, one, deviation=float(values.std()))
    return probability, _valley(counts, step, float(np.sqrt(one * two)))


def _counted(values: Array) -> tuple[Array, float]:
    """Values in [0, 1] shared out to the two nearest grid points; the grid has empty ends. Counts and step."""
    step = (1.0 + 2.0 * MARGIN) / (POINTS - 1)
    place = (values + MARGIN) / step
    left = np.floor(place).astype(np.intp)
    part = place - left
    counts = np.bincount(left, weights=1.0 - part, minlength=POINTS)[:POINTS]
    return counts + np.bincount(left + 1, weights=part, minlength=POINTS)[:POINTS], step


def _smoothed(counts: Array, step: float, bandwidth: float) -> Array:
    """The counts seen through a Gaussian kernel."""
    waves = np.exp(-2.0 * np.square(np.pi * bandwidth * np.fft.rfftfreq(POINTS, step)))
    smooth: Array = np.fft.irfft(np.fft.rfft(counts) * waves, POINTS)
    return np.maximum(smooth, 0.0)


def _turns(density: Array) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Where it turns from rising to falling (humps), and from falling to rising (valleys)."""
    slope = np.diff(density)
    slope[np.abs(slope) < NOISE * density.max()] = 0.0
    places = np.flatnonzero(slope)
    signs = np.sign(slope[places])
    changes = np.flatnonzero(np.diff(signs))
    tops = signs[changes] > 0.0
    return places[changes[tops]] + 1, places[changes[~tops]] + 1


def _modes(counts: Array, step: float, bandwidth: float) -> int:
    return len(_turns(_smoothed(counts, step, bandwidth))[0])


def _critical(counts: Array, step: float, modes: int) -> float:
    """The least bandwidth at which there are at most so many modes (fewer modes the wider, for a Gaussian kernel)."""
    low, high = step / 4.0, MARGIN / 2.0
    for _ in range(HALVINGS):
        middle = np.sqrt(low * high)
        low, high = (low, middle) if _modes(counts, step, middle) <= modes else (middle, high)
    return float(high)


def _how_often(counts: Array, step: float, bandwidth: float, *, deviation: float) -> float:
    """How often as many paths drawn from a single hump need a wider kernel than these did."""
    single = _smoothed(counts, step, bandwidth)
    wider = bandwidth * np.sqrt(1.0 + np.square(bandwidth / deviation))  # the draws are spread by the kernel already
    rng, paths = np.random.default_rng(SEED), round(float(counts.sum()))
    draws = rng.multinomial(paths, single / single.sum(), size=RESAMPLES)
    return float(np.mean([_modes(draw.astype(float), step, wider) > 1 for draw in draws]))


def _valley(counts: Array, step: float, bandwidth: float) -> float:
    """The lowest place between the two humps, on the scale of [0, 1]; NaN where there is none."""
    density = _smoothed(counts, step, bandwidth)
    valleys = _turns(density)[1]
    if not len(valleys):
        return float("nan")
    return float(valleys[np.argmin(density[valleys])] * step - MARGIN)
