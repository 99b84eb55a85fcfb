"""How sure is the difference of two shares of the same paths, where only the paths that changed sides tell anything?

Tango's (1998) score interval, after the paper. scipy has none for pairs. Chosen over Newcombe's (1998) hybrid of two
Wilson intervals, which covers as well on average, but arms on the same luck are nearly the same: there, with an event
that is common, the hybrid misses on one side (nine in ten instead of nineteen in twenty, bench/intervals.py).
"""

from __future__ import annotations

import numpy as np

from nobid.runs.estimate import LEVEL

EDGE = 1e-12  # how near to -1 and 1 a difference is sought


def tango(more: int, less: int, paths: int) -> tuple[float, float]:
    """The ends of the 95 % interval for (more - less) / paths.

    `more` paths are hit in the first arm only, `less` in the second only; at least one path. The interval holds the
    differences d with |more - less - n d| ≤ z √(n (2 q(d) + d (1 - d))), q(d) the most likely share of `less` among
    pairs whose true difference is d.

    >>> [round(end, 3) for end in tango(1, 7, 21)]
    [-0.517, -0.026]
    """
    from scipy.optimize import brentq
    from scipy.stats import norm

    z, seen = float(norm.ppf((1.0 + LEVEL) / 2.0)), (more - less) / paths

    def beyond(difference: float, side: float) -> float:
        return _score(difference, more=more, less=less, paths=paths) - side * z

    ends = []
    for side in (1.0, -1.0):
        edge = -side * (1.0 - EDGE)
        inside = side * beyond(edge, side) <= 0.0
        ends.append(-side if inside else float(brentq(beyond, edge, seen, args=(side,), xtol=1e-13)))
    return ends[0], ends[1]


def _score(difference: float, *, more: int, less: int, paths: int) -> float:
    """How many standard deviations the count lies above what such a difference lets expect."""
    linear = (2.0 * paths - more + less) * difference - more - less
    root = np.sqrt(max(linear * linear + 8.0 * paths * less * difference * (1.0 - difference), 0.0))
    share = (root - linear) / (4.0 * paths)
    variance = paths * (2.0 * share + difference * (1.0 - difference))
    distance = more - less - paths * difference
    return float(distance / np.sqrt(max(variance, np.finfo(float).tiny)))
