"""What does one path say: who passed how much on to whose default, what do defaults go back to, how deep, how close?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from nobid.model.contagion import Contagion, Node

QUARTER: Final = 3  # months
Way = tuple[str, str]  # an agent, and the channel by which it passed something on


@dataclass
class PathCauses:
    """What one path says. Sums of shares over its defaults; `spread` by agent and channel; quarters from the start."""

    path: int
    defaults: int = 0
    caused: float = 0.0
    spread: dict[Way, float] = field(default_factory=dict)
    channels: dict[str, float] = field(default_factory=dict)
    roots: dict[str, float] = field(default_factory=dict)
    offspring: dict[int, float] = field(default_factory=dict)
    born: dict[int, int] = field(default_factory=dict)
    depth: list[float] = field(default_factory=list)
    cluster: int = 0

    def reproduction(self) -> dict[int, float]:
        """R by quarter: later defaults that each default of the quarter brought about, a sum of shares, on average."""
        return {quarter: self.offspring.get(quarter, 0.0) / born for quarter, born in sorted(self.born.items())}


def walked(contagion: Contagion, default: Node, outside: frozenset[str]) -> tuple[dict[Node, float], dict[Way, float]]:
    """Back from a default: shares of the defaults and roots behind it, and what passed through (agent, channel).

    As `Contagion.parents` and `.spread`, but a buyer's default is passed through, not stopped at.
    """
    flow: dict[Node, float] = defaultdict(float)
    ends: dict[Node, float] = defaultdict(float)
    passed: dict[Way, float] = defaultdict(float)
    flow[default] = 1.0
    while flow:
        node = max(flow)
        share = flow.pop(node)
        for (cause, channel), weight in contagion.causes[node].items():
            if not cause.is_root and cause.agent not in {node.agent, default.agent} | outside:
                passed[cause.agent, channel] += share * weight
            stops = cause.is_root or (cause.is_default and cause.agent not in outside)
            (ends if stops else flow)[cause] += share * weight
    return dict(ends), _at_most_one(passed)


def _at_most_one(passed: Mapping[Way, float]) -> dict[Way, float]:
    """What passed through each agent, not more than the whole default."""
    total: dict[str, float] = defaultdict(float)
    for (agent, _), share in passed.items():
        total[agent] += share
    return {(agent, channel): share / max(total[agent], 1.0) for (agent, channel), share in passed.items()}


def path_causes(path: int, contagion: Contagion, outside: frozenset[str] = frozenset()) -> PathCauses:
    """Everything that is read off one path; agents `outside` count neither as defaults nor as what spreads."""
    found = PathCauses(path)
    sums: dict[str, dict[Any, float]] = {name: defaultdict(float) for name in ("spread", "channels", "roots", "born")}
    offspring: dict[int, float] = defaultdict(float)
    behind: dict[Node, dict[str, float]] = {}
    depth: dict[Node, float] = {}
    for default in (node for node in contagion.defaults if node.agent not in outside):
        parents, passed = walked(contagion, default, outside)
        adds(sums["spread"], passed)
        for (_, channel), weight in contagion.causes[default].items():
            sums["channels"][channel] += weight
        by_default = {parent: weight for parent, weight in parents.items() if parent.is_default}
        for parent, weight in by_default.items():
            offspring[parent.month // QUARTER] += weight
        behind[default] = _roots(parents, behind)
        adds(sums["roots"], behind[default])
        depth[default] = sum(weight * (1.0 + depth[parent]) for parent, weight in by_default.items())
        found.caused += sum(by_default.values())
        sums["born"][default.month // QUARTER] += 1
    found.defaults, found.depth, found.offspring = len(depth), list(depth.values()), dict(offspring)
    found.spread, found.channels, found.roots = dict(sums["spread"]), dict(sums["channels"]), dict(sums["roots"])
    found.born = {quarter: int(count) for quarter, count in sums["born"].items()}
    found.cluster = largest_cluster([node.month for node in depth])
    return found


def adds(total: dict[Any, float], shares: Mapping[Any, float]) -> None:
    """The total has grown by the shares."""
    for key, share in shares.items():
        total[key] += share


def _roots(parents: Mapping[Node, float], behind: Mapping[Node, dict[str, float]]) -> dict[str, float]:
    """What the parents go back to in the end."""
    shares: dict[str, float] = defaultdict(float)
    for parent, weight in parents.items():
        before = {parent.agent: 1.0} if parent.is_root else behind[parent]
        for root, share in before.items():
            shares[root] += weight * share
    return dict(shares)


def largest_cluster(months: Iterable[int]) -> int:
    """The largest number of defaults in three months on end.

    >>> largest_cluster([0, 1, 3, 3, 5])
    3
    """
    found = sorted(months)
    return max((sum(month <= other < month + QUARTER for other in found) for month in found), default=0)
