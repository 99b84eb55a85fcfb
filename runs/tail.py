"""How bad is the worst twentieth of paths: expected shortfall, with the interval that so many paths allow?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from nobid.runs.estimate import BOOTSTRAP_UP_TO, LEVEL, Estimate, bootstrap_interval

if TYPE_CHECKING:
    from nobid.runs.run import Run

Array = NDArray[np.float64]

TAIL: Final = 0.05  # the worst share of paths
PATHS_FOR_TAIL: Final = 500  # fewer paths leave a tail of fewer than 25
ENOUGH_PATHS: Final = 1_000  # what a run with too few is sent back for


def expected_shortfall(values: Array, axis: int = -1) -> Any:
    """The mean of the worst 5 % of values along the axis; the value on the border counts with its part.

    >>> float(expected_shortfall(np.arange(1.0, 101.0)))
    98.0
    """
    ordered = np.sort(np.moveaxis(np.asarray(values, dtype=float), axis, -1), axis=-1)
    return np.sum(ordered * _weights(ordered.shape[-1]), axis=-1)


def _weights(paths: int) -> Array:
    """The weight of each path in the mean of the worst, in order of size; they add up to one."""
    above = np.arange(paths, 0.0, -1.0)  # how many paths are as bad or worse
    return np.clip(TAIL * paths - above + 1.0, 0.0, 1.0) / (TAIL * paths)


def tail_shares(values: Array) -> Array:
    """The weight of every path in the expected shortfall of the figure, in the paths' own order."""
    shares = np.zeros(len(values))
    shares[np.argsort(values, kind="stable")] = _weights(len(values))
    return shares


def shortfall(values: Array) -> Estimate | None:
    """Expected shortfall at 95 % with its interval; None below 500 paths."""
    paths = len(values)
    if paths < PATHS_FOR_TAIL:
        return None
    value = float(expected_shortfall(values))
    if float(np.ptp(values)) <= 0.0:
        return Estimate(value, value, value, paths, "same")
    if paths > BOOTSTRAP_UP_TO:
        return by_influence(value, tail_moves(values))
    return bootstrap_interval(expected_shortfall, value, values)


def tail_moves(values: Array) -> Array:
    """How far each path moves the expected shortfall, up to a constant: max(x - VaR, 0) / 5 %."""
    edge = float(np.quantile(values, 1.0 - TAIL))
    moves: Array = np.maximum(values - edge, 0.0) / TAIL
    return moves


def by_influence(value: float, moves: Array) -> Estimate:
    """A normal interval around a figure that each path moves so far: for more paths than a bootstrap is worth."""
    from scipy.stats import norm

    half = float(norm.ppf((1.0 + LEVEL) / 2.0)) * float(moves.std(ddof=1)) / np.sqrt(len(moves))
    return Estimate(value, value - half, value + half, len(moves), "many")


def too_few_paths(run: Run) -> str:
    """Why the tail is not told, and the command that would supply it."""
    from nobid.runs.again import with_paths

    return f"n/a below {PATHS_FOR_TAIL} paths ({with_paths(run, ENOUGH_PATHS)})"
