"""How much of what differs between paths lies between their networks, and how much is luck on one network?

One-way analysis of variance with random networks: paths of a network vary by luck, networks by the draw, and the share
is the intraclass correlation. Its interval is a jackknife over networks of the logarithm of the ratio of mean squares,
after Arvesen (1969). On made-up worlds of 4 to 16 networks (bench/network_intervals.py) it held the true
share in 91 to 99 % of cases for normal, two-humped and log-normal luck, and in 77 to 99 % where the networks' means
were log-normal as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nobid.runs.estimate import LEVEL
from nobid.runs.summary_blocks import Block
from nobid.runs.summary_figures import NONE, borrowers_in, count, money
from nobid.runs.synthetic import networks_of

if TYPE_CHECKING:
    from nobid.runs.run import Run

Array = NDArray[np.float64]

LEAST: Final = 3  # networks that a jackknife needs: leaving one out, two must be left


@dataclass(frozen=True)
class Between:
    """The share of a figure's variance between networks with its 95 % interval, and the networks' means.

    The share is missing (nan) where no network has two paths, where there is one network, or where nothing varies; the
    interval also where there are two networks, or all that varies does so on one of them.
    """

    share: float
    low: float
    high: float
    means: Array


def between(values: Array, network: NDArray[np.int64]) -> Between:
    """The share of the variance of `values` (P,) that lies between networks, `network` (P,) being each path's."""
    _, group = np.unique(network, return_inverse=True)
    size = np.bincount(group).astype(float)
    means = np.bincount(group, weights=values) / size
    squares = np.bincount(group, weights=np.square(values - means[group]))
    each = _paths_a_network(size)
    ratio = _ratio(size, means, squares)
    low, high = _interval(ratio, size, means, squares)
    return Between(_share(ratio, each), _share(low, each), _share(high, each), means)


def _paths_a_network(size: Array) -> float:
    """Paths of a network, as unequal ones weigh in the mean square between them."""
    total = float(size.sum())
    return (total - float(np.square(size).sum()) / total) / max(len(size) - 1, 1)


def _ratio(size: Array, means: Array, squares: Array) -> float:
    """Mean square between networks over that within; nan where it cannot be told, infinite where none is within."""
    groups, paths = len(size), float(size.sum())
    if groups < 2 or paths <= groups:
        return np.nan
    middle = float(np.sum(size * means)) / paths
    across = float(np.sum(size * np.square(means - middle))) / (groups - 1)
    within = float(squares.sum()) / (paths - groups)
    if within == 0.0:
        return np.inf if across > 0.0 else np.nan
    return across / within


def _interval(ratio: float, size: Array, means: Array, squares: Array) -> tuple[float, float]:
    """The ends of the interval of the ratio, by leaving out one network after the other."""
    from scipy.stats import t

    groups = len(size)
    if groups < LEAST:
        return np.nan, np.nan
    left = np.array([_ratio(*(np.delete(one, out) for one in (size, means, squares))) for out in range(groups)])
    everything = np.append(left, ratio)
    if not (np.isfinite(everything) & (everything > 0.0)).all():
        return np.nan, np.nan
    pseudo = groups * np.log(ratio) - (groups - 1) * np.log(left)
    reach = float(t.ppf((1.0 + LEVEL) / 2.0, groups - 1)) * float(pseudo.std(ddof=1)) / np.sqrt(groups)
    return float(np.exp(pseudo.mean() - reach)), float(np.exp(pseudo.mean() + reach))


def _share(ratio: float, each: float) -> float:
    """The share of the variance that a ratio of mean squares says; none below nought."""
    return 1.0 - each / (max(ratio, 1.0) + each - 1.0) if not np.isnan(ratio) else np.nan


def network_figures(run: Run, outcomes: pd.DataFrame) -> dict[str, Between]:
    """Figures of the finished paths (rows of `outcomes`) taken apart by network; empty where there is one network."""
    if networks_of(run.scenario.parameters) == 1:
        return {}
    network = outcomes["network"].to_numpy()
    figures = {"lender_losses": outcomes["lender_losses"], "borrowers_defaulted": borrowers_in(outcomes)}
    return {name: between(values.to_numpy(dtype=float), network) for name, values in figures.items()}


def network_blocks(run: Run, found: dict[str, Between]) -> tuple[Block, ...]:
    """One part of the closing table: what networks have on average, and how much of the variance lies between them."""
    if not found:
        return ()
    unit, shown = money(run)
    losses, defaults = found["lender_losses"], found["borrowers_defaulted"]
    rows = [
        (words, shows(one.means.min()), shows(one.means.max()), _percent(one.share), _band(one))
        for words, shows, one in (
            (f"lender losses, mean, {unit}", shown, losses),
            ("borrowers that defaulted, mean", count, defaults),
        )
    ]
    lived = len(losses.means)
    head = ("least", "most", "variance between, %", "95 %")
    return (Block(f"{lived} networks", head, tuple(rows)),)


def network_remarks(found: dict[str, Between]) -> Iterator[str]:
    """What the part cannot say."""
    if found and all(np.isnan(one.share) for one in found.values()):
        yield "networks cannot be told from luck: that needs two networks or more, and more paths than networks."


def network_numbers(found: dict[str, Between]) -> dict[str, Any]:
    """For machines: the same figures under the one key "networks"."""
    plain = {
        name: {
            "means": one.means.tolist(),
            **{end: None if np.isnan(value) else value for end, value in _ends(one).items()},
        }
        for name, one in found.items()
    }
    return {"networks": plain} if found else {}


def _ends(one: Between) -> dict[str, float]:
    return {"variance_between": one.share, "low": one.low, "high": one.high}


def _percent(share: float) -> str:
    return f"{100.0 * share:.0f}" if np.isfinite(share) else "n/a"


def _band(one: Between) -> str:
    return f"{_percent(one.low)} – {_percent(one.high)}" if np.isfinite(one.low) else NONE
