"""When are there paths enough: at which look is every interval narrow enough, and what is said if none ever is?

Looking again and again and stopping at a narrow interval stops a little more often where the spread happens to look
small: intervals at the stop cover somewhat less than 95 % (measured in bench/intervals.py). The first look is at 40
paths and not earlier for that reason. After Chow and Robbins (1965) for an absolute half-width.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from nobid.runs.estimate import FIRM_FROM, Estimate, significant

FIRST: Final = 40  # paths
BLOCK: Final = 20  # paths


@dataclass(frozen=True)
class Decision:
    """`paths`: how many to have at the next look, or, where `go_on` is False, how many there are."""

    go_on: bool
    why: str
    paths: int


@dataclass(frozen=True)
class Precision:
    """Half-widths to reach: `relative` to the figure, or `absolute` in its unit, whichever is wider; `most` paths.

    Looks are at the multiples of `block` from `first` on, the last one at `most`.
    """

    most: int
    relative: float = 0.0
    absolute: float = 0.0
    first: int = FIRST
    block: int = BLOCK

    def __post_init__(self) -> None:
        widest = max(self.relative, self.absolute)
        if min(self.relative, self.absolute) < 0.0 or not 0.0 < widest < np.inf:
            raise ValueError("a half-width to stop at is above nought: relative to the figure, or absolute")
        if self.first < 2 or self.block < 1 or self.most < 2:
            raise ValueError("looks need at least 2 paths, blocks and a bound above nought")

    def looks(self) -> Iterator[int]:
        """How many paths there are at each look.

        >>> list(Precision(relative=0.2, block=64, most=200).looks())
        [64, 128, 192, 200]
        """
        paths = self.after(0)
        while paths < self.most:
            yield paths
            paths = self.after(paths)
        yield self.most

    def after(self, paths: int) -> int:
        """How many paths to have at the next look."""
        least = max(self.first, paths + 1)
        return min(-(-least // self.block) * self.block, self.most)

    def target(self, found: Estimate) -> float:
        """The half-width at which this figure is narrow enough."""
        return max(self.relative * abs(found.value), self.absolute)

    def says(self, found: Mapping[str, Estimate]) -> Decision:
        """Whether to go on with these figures (by name), and why: the widest of them decides."""
        if not found:
            raise ValueError("nothing to look at: no figure was given")
        paths = max(one.paths for one in found.values())
        name, worst = max(found.items(), key=lambda item: self._excess(item[1]))
        excess = self._excess(worst)
        if excess <= 1.0:
            return Decision(False, f"narrow enough after {paths:,} paths: {name} {worst.words}", paths)
        state = f"{name} {worst.words} is not within ± {significant(self.target(worst), 2)}"
        if paths >= self.most:
            return Decision(False, f"stopped at {paths:,} paths, the most allowed: {state}", paths)
        return Decision(True, f"{state} after {paths:,} paths", self.after(paths))

    def _excess(self, found: Estimate) -> float:
        """How many times too wide; a figure that is the same on all paths is not believed before 100 paths."""
        if not np.isfinite(found.halfwidth) or (found.method == "same" and found.paths < FIRM_FROM):
            return np.inf
        target = self.target(found)
        return found.halfwidth / target if target > 0.0 else (0.0 if found.halfwidth <= 0.0 else np.inf)
