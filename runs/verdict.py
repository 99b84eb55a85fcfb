"""What may be said of a difference: better, worse, no effect, none that matters, or how many paths would settle it?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from nobid.runs.estimate import significant
from nobid.runs.paired import FEWEST_MOVED, Difference

Kind = Literal["better", "worse", "less", "more", "no effect", "negligible", "inconclusive", "n/a"]
Good = Literal["less", "more", "neither"]

POWER: Final = 0.80  # how often so many paths would settle it, were the difference the one seen
MOST_PATHS: Final = 1e7  # beyond it no number is told


@dataclass(frozen=True)
class Verdict:
    """`words` for a table; `more_paths` that would settle an inconclusive difference, None where none would."""

    kind: Kind
    words: str
    more_paths: int | None = None


def verdict(found: Difference, *, good: Good, margin: float = 0.0, unit: str = "") -> Verdict:
    """What the interval of a difference allows to say; `margin`: a difference up to which nobody would mind.

    "no effect" needs arms that are the same on every path, or a figure that no resample moves; "no effect larger than"
    an interval within the margin; "better" and "worse" one that leaves out nought. Below 100 paths the words say how
    little stands behind them.
    """
    told = _told(found, good=good, margin=margin, unit=unit)
    if found.standing == "firm" or told.kind in {"n/a", "inconclusive"}:
        return told
    standing = "indicative only" if found.indicative else "rough"
    return Verdict(told.kind, f"{told.words} ({standing}: {found.paths} paths)", told.more_paths)


def _told(found: Difference, *, good: Good, margin: float, unit: str) -> Verdict:
    if not np.isfinite(found.value):
        return Verdict("n/a", found.words)
    if not found.moved:
        return Verdict("no effect", f"no effect on any of {found.paths} paths")
    if not np.isfinite(found.halfwidth):
        return _inconclusive(more_to_move(found), found.why)
    return _by_interval(found, good=good, margin=margin, unit=unit)


def _by_interval(found: Difference, *, good: Good, margin: float, unit: str) -> Verdict:
    if found.low == found.high == 0.0:
        return Verdict("no effect", f"no effect, though the arms differ on {found.moved} of {found.paths} paths")
    if -margin < found.low and found.high < margin:
        return Verdict("negligible", f"no effect larger than {significant(margin, 2)} {unit}".rstrip())
    if not found.clear_of_zero:
        return _inconclusive(paths_to_settle(found, margin=margin))
    less = found.high < 0.0
    if good == "neither":
        return Verdict("less", "less") if less else Verdict("more", "more")
    return Verdict("better", "better") if less == (good == "less") else Verdict("worse", "worse")


def _inconclusive(more: int | None, why: str = "") -> Verdict:
    reason = f", {why}" if why else ""
    if more is None:
        return Verdict("inconclusive", f"inconclusive{reason}: no number of paths within ten million would settle it")
    return Verdict("inconclusive", f"inconclusive{reason}: about {more:,} more path{'s' * (more != 1)}", more)


def paths_to_settle(found: Difference, *, margin: float = 0.0) -> int | None:
    """How many paths more would bring the interval off nought, or into the margin, in four of five repetitions.

    The half-width h shrinks with √n and the difference d stays: n (h / d)² (1 + z80 / z975)², and with a margin m
    n (h / (m - |d|))² (1 + z80 / z975)²; the lesser, less the paths there are, to two digits upwards. 0 where it is
    settled; None beyond ten million.
    """
    from scipy.stats import norm

    size = abs(found.value)
    if found.clear_of_zero or max(abs(found.low), abs(found.high)) < margin:
        return 0
    surely = 1.0 + float(norm.ppf(POWER)) / float(norm.ppf(0.975))
    inner, outer = found.value - found.low, found.high - found.value
    if found.value < 0.0:
        inner, outer = outer, inner
    reach = [(inner, size), (max(outer, inner), margin - size)]
    narrower = min((surely * half / room for half, room in reach if room > 0.0), default=np.inf)
    return _upwards(found.paths * narrower * narrower - found.paths)


def more_to_move(found: Difference) -> int | None:
    """How many paths more would, at this rate, show six that differ; None where none was seen."""
    if not found.moved:
        return None
    return _upwards(found.paths * (FEWEST_MOVED / found.moved - 1.0))


def _upwards(paths: float) -> int | None:
    """The number to two significant digits, upwards: 4,052 is 4,100."""
    if not paths < MOST_PATHS:
        return None
    place = 10.0 ** max(np.floor(np.log10(max(paths, 1.0))) - 1.0, 0.0)
    return round(float(np.ceil(max(paths, 1.0) / place) * place))
