"""What does one path say: who passed how much on to whose default, what do defaults go back to, how deep, how close?"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from nobid.model.contagion import Contagion, Way, adds

QUARTER: Final = 3  # months


@dataclass
class PathCauses:
    """What one path says. Sums of shares over its defaults: `spread` by agent and channel, `monthly` by month and
    channel. Months and quarters count from the start.
    """

    path: int
    spread: dict[Way, float] = field(default_factory=dict)
    channels: dict[str, float] = field(default_factory=dict)
    roots: dict[str, float] = field(default_factory=dict)
    offspring: dict[int, float] = field(default_factory=dict)
    born: dict[int, int] = field(default_factory=dict)
    depth: list[float] = field(default_factory=list)
    cluster: int = 0
    monthly: dict[tuple[int, str], float] = field(default_factory=dict)

    @property
    def defaults(self) -> int:
        """How many there were."""
        return sum(self.born.values())

    @property
    def caused(self) -> float:
        """How many of them belong to earlier ones: R of the path times their number."""
        return sum(self.offspring.values())

    def reproduction(self) -> dict[int, float]:
        """R by quarter: later defaults that each default of the quarter brought about, a sum of shares, on average."""
        return {quarter: self.offspring.get(quarter, 0.0) / born for quarter, born in sorted(self.born.items())}


def path_causes(path: int, contagion: Contagion) -> PathCauses:
    """Everything that is read off one path."""
    months = [default.month for default in contagion.defaults]
    roots: dict[str, float] = defaultdict(float)
    monthly: dict[tuple[int, str], float] = defaultdict(float)
    for default in contagion.defaults:
        for (_, channel), share in contagion.causes[default].items():
            monthly[default.month, channel] += share
    for shares in contagion.roots().values():
        adds(roots, shares)
    return PathCauses(
        path,
        spread=contagion.spread(),
        channels=contagion.channels(),
        monthly=dict(monthly),
        roots=dict(roots),
        offspring=contagion.offspring(QUARTER),
        born=dict(Counter(month // QUARTER for month in months)),
        depth=[*contagion.depth().values()],
        cluster=largest_cluster(months),
    )


def largest_cluster(months: Iterable[int]) -> int:
    """The largest number of defaults in three months on end.

    >>> largest_cluster([0, 1, 3, 3, 5])
    3
    """
    found = sorted(months)
    return max((sum(month <= other < month + QUARTER for other in found) for month in found), default=0)
