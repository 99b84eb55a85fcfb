"""How wide must intervals be, so that all of them hold at once: over every arm, and every figure, of a comparison?

Bootstrap of the largest t: the same path numbers are drawn for every row, so that what the arms share is kept. Each row
has its own quantile of |t*|, at the one level at which 95 % of resamples are inside for all rows (balanced, after Beran
(1988)): a policy that acts on few paths needs a wide interval, and does not widen those of the others. The standard
deviation is taken anew in every resample: with a fixed one skewed differences are covered far too seldom
(bench/intervals.py). scipy resamples one figure at a time, so this is our own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nobid.runs.estimate import CELLS, LEVEL
from nobid.runs.paired import Difference, Seed, mean_of_differences, present

Array = NDArray[np.float64]

RESAMPLES: Final = 9_999  # the level for each of many rows lies far out


def simultaneous(differences: Array, *, seed: Seed | int, resamples: int = RESAMPLES) -> list[Difference]:
    """The means of paired differences (rows, paths) with intervals that hold together in 95 % of comparisons.

    Never narrower than the t interval of the row alone. A path with NaN in one row is missing in all. A row that is the
    same on all paths, or differs on too few, takes no part. Bit for bit the same in any order of rows.
    """
    rows = np.atleast_2d(np.asarray(differences, dtype=float))
    known = present(rows)
    rows, missing = rows[:, known], int(np.count_nonzero(~known))
    alone = [mean_of_differences(row, missing=missing) for row in rows]
    part = [place for place, one in enumerate(alone) if one.method == "pairs"]
    for place, quantile in zip(part, critical_values(rows[part], seed=seed, resamples=resamples), strict=True):
        alone[place] = _wider(rows[place], alone[place], quantile)
    return alone


def _wider(row: Array, alone: Difference, quantile: float) -> Difference:
    if not np.isfinite(quantile):
        why = f"the arms differ on {alone.moved} of {alone.paths} paths, too few to draw from"
        return replace(alone, low=np.nan, high=np.nan, method="few", why=why)
    half = max(quantile * float(row.std(ddof=1)) / float(np.sqrt(len(row))), alone.halfwidth)
    return replace(alone, low=alone.value - half, high=alone.value + half, method="max-t")


def critical_values(rows: Array, *, seed: Seed | int, resamples: int = RESAMPLES) -> list[float]:
    """How many standard errors each of the rows (rows, paths), none of them constant, is to be given.

    Infinite where too many resamples of the row have no spread.
    """
    if not len(rows):
        return []
    scaled = (rows - rows.mean(axis=1, keepdims=True)) / rows.std(axis=1, keepdims=True)
    names = [row.tobytes() for row in scaled]
    places = {name: place for place, name in enumerate(sorted(set(names)))}  # whatever the order of the arms
    columns = np.stack([np.frombuffer(name) for name in places], axis=1)
    drawn = np.concatenate(list(_largest(columns, np.random.default_rng(seed), resamples)))
    ordered = np.sort(drawn, axis=0)
    ranks = [np.searchsorted(ordered[:, place], drawn[:, place], "right") for place in range(len(places))]
    level = int(np.quantile(np.max(ranks, axis=0), LEVEL, method="higher"))
    return [float(ordered[level - 1, places[name]]) for name in names]


def _largest(columns: Array, rng: np.random.Generator, resamples: int) -> Iterator[Array]:
    """|t*| of each column (paths, rows) of mean nought and deviation one, so many resamples at a time."""
    paths = len(columns)
    squares, at_once = np.square(columns), max(1, CELLS // paths)
    for first in range(0, resamples, at_once):
        number = min(at_once, resamples - first)
        drawn = rng.integers(0, paths, (number, paths)) + paths * np.arange(number)[:, None]
        times = np.bincount(drawn.ravel(), minlength=number * paths).reshape(number, paths).astype(float)
        mean = times @ columns / paths
        variance = np.maximum(times @ squares / paths - np.square(mean), 0.0)
        spread = np.sqrt(variance / (paths - 1))
        yield np.where(spread > NO_SPREAD, np.abs(mean) / np.where(spread > NO_SPREAD, spread, 1.0), np.inf)


NO_SPREAD: Final = 1e-9  # of the row's own standard deviation: a resample that drew one value only, and rounding
