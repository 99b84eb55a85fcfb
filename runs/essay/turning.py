"""Where does a claim turn: at which value of what is swept does the figure cross its bound?"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np

from nobid.runs.estimate import significant

DIGITS: Final = 2  # of a crossing that is read off between two points


def crossings(
    numbers: Sequence[float], values: Sequence[float | None], bound: float, *, above: bool = True
) -> list[float]:
    """Where the figure, straight between neighbours, goes over to the claimed side of the bound, or leaves it.

    On the bound it is not on the claimed side. A missing figure is stepped over.

    >>> crossings([18.0, 36.0, 60.0], [0.0, 0.2, 0.8], 0.5)
    [48.0]
    """
    sign = 1.0 if above else -1.0
    known = [(x, sign * (y - bound)) for x, y in zip(numbers, values, strict=True) if y is not None and np.isfinite(y)]
    found = []
    for (x, y), (then, after) in pairwise(known):
        if (y > 0.0) != (after > 0.0):
            found.append(float(x + (then - x) * (0.0 - y) / (after - y)))
    return found


def told(numbers: Sequence[float], values: Sequence[float | None], bound: float, *, above: bool) -> str:
    """Where the figure crosses, or that it lies on the claimed side of the bound throughout, or never; words."""
    known = [y for y in values if y is not None and np.isfinite(y)]
    if not known:
        return "no figure"
    found = crossings(numbers, values, bound, above=above)
    ends = f"from {min(numbers):g} to {max(numbers):g}"
    if not found:
        holds = (known[0] > bound) == above and known[0] != bound
        return f"on the claimed side {ends}" if holds else f"never on the claimed side {ends}"
    return f"turns at about {' and '.join(significant(one, DIGITS) for one in found)}"
