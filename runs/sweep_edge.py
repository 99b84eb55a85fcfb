"""How far along a way is the edge: where does P(cluster) pass one half, and how sure is that?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

Array = NDArray[np.float64]

LEVEL: Final = 0.5  # of the paths
RESAMPLES: Final = 999
ENDS: Final = (0.025, 0.975)


def edge(values: Sequence[float], chance: Array) -> float:
    """Where P(cluster) passes one half on the way along the values; NaN where it does not.

    The chance is made to rise first (pool adjacent violators), so that a dip by luck is no second edge. Straight
    between two values.
    """
    rising = isotonic_regression(chance).x
    if rising[-1] < LEVEL or rising[0] >= LEVEL:
        return float(values[0]) if rising[0] >= LEVEL else np.nan
    last = int(np.flatnonzero(rising >= LEVEL)[0])
    low, high = rising[last - 1], rising[last]
    part = (LEVEL - low) / (high - low)
    return float(values[last - 1] + part * (values[last] - values[last - 1]))


def edges(values: Sequence[float], hits: Array, seed: Any) -> dict[str, Any]:
    """The edge, and the ends between which 95 % of bootstraps over whole paths find it; null is beyond the last value.

    `hits` (values, paths): 1 where a path has a cluster.
    """
    draw, number = np.random.default_rng(seed), hits.shape[1]
    again = [edge(values, hits[:, draw.integers(0, number, number)].mean(axis=1)) for _ in range(RESAMPLES)]
    beyond = np.inf if values[-1] > values[0] else -np.inf
    ends = np.quantile(np.where(np.isnan(again), beyond, again), ENDS, method="nearest")
    told = [edge(values, hits.mean(axis=1)), *map(float, ends)]
    value, low, high = (one if np.isfinite(one) else None for one in told)
    return {"edge": value, "low": low, "high": high, "chance": hits.mean(axis=1).tolist(), "paths": number}
