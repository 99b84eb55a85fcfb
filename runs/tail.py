"""How bad is the worst twentieth of paths: expected shortfall, with the interval that so many paths allow?"""

from __future__ import annotations

import shlex
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from nobid.runs.estimate import BATCH, BOOTSTRAP_UP_TO, LEVEL, RESAMPLES, SEED, Estimate

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
        return _by_influence(values, value)
    from scipy.stats import bootstrap

    rng = np.random.default_rng(SEED)
    asked: dict[str, Any] = {"n_resamples": RESAMPLES, "batch": BATCH, "confidence_level": LEVEL, "rng": rng}
    with warnings.catch_warnings(), np.errstate(divide="ignore", invalid="ignore"):
        warnings.simplefilter("ignore")  # a degenerate sample has no BCa interval: told by the ends below
        found = bootstrap((values,), expected_shortfall, method="BCa", vectorized=True, **asked)
    low, high = (float(end) for end in found.confidence_interval)
    if not (np.isfinite(low) and np.isfinite(high)):
        ends = [(1.0 - LEVEL) / 2.0, (1.0 + LEVEL) / 2.0]
        low, high = (float(end) for end in np.quantile(found.bootstrap_distribution, ends))
    return Estimate(value, low, high, paths, "bca")


def _by_influence(values: Array, value: float) -> Estimate:
    """A normal interval: how far each path moves the figure, max(x - VaR, 0) / 5 %."""
    from scipy.stats import norm

    edge = float(np.quantile(values, 1.0 - TAIL))
    moves = np.maximum(values - edge, 0.0) / TAIL
    half = float(norm.ppf((1.0 + LEVEL) / 2.0)) * float(moves.std(ddof=1)) / np.sqrt(len(values))
    return Estimate(value, value - half, value + half, len(values), "many")


def too_few_paths(run: Run) -> str:
    """Why the tail is not told, and the command that would supply it."""
    return f"n/a below {PATHS_FOR_TAIL} paths ({_command(run)})"


def _command(run: Run) -> str:
    argv = list(run.order.argv)
    if argv[:1] != ["run"]:
        return f'simulate("{run.scenario.name}", seed={run.seed}, paths={ENOUGH_PATHS})'
    return shlex.join(["nobid", *_without(argv, ("--paths", "--path")), "--paths", str(ENOUGH_PATHS)])


def _without(argv: Sequence[str], options: Sequence[str]) -> list[str]:
    """The command line without these options and their values."""
    kept: list[str] = []
    skip = False
    for word in argv:
        if skip or word in options:
            skip = not skip
        elif word.split("=")[0] not in options:
            kept.append(word)
    return kept
