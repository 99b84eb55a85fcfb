"""Who caused whom: the contagion graph of one path, and what is read off it?

Nodes are states of agents (a default, a forced sale, a lender under target, an SPV handed over) at a date, and roots
outside the system; an edge runs from cause to effect and carries its share of the effect. Between two defaults the
other states only pass causes on.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import networkx as nx

from nobid.model.cause_record import Cause

DEFAULT = "default"
STATES = (DEFAULT, "surrender", "below target", "forced sale")
STANDS_FOR = {
    "default": ("default", "surrender"),
    "below target": ("below target", "default"),
    "forced sale": ("forced sale", "default", "surrender"),
    "any": ("forced sale", "default", "surrender"),
}
Instant = tuple[int, int, int]  # month, round, moment
Way = tuple[str, str]  # an agent, and the channel by which it passed something on


@dataclass(frozen=True, order=True)
class Node:
    """An agent in a state at an instant; a root outside has no state and stands before everything."""

    when: Instant
    agent: str
    state: str = ""

    @property
    def month(self) -> int:
        """Months from the start, -1 for a root."""
        return self.when[0]

    @property
    def is_root(self) -> bool:
        """True for a cause outside the system."""
        return not self.state

    @property
    def is_default(self) -> bool:
        """True where somebody failed."""
        return self.state == DEFAULT


BEFORE: Instant = (-1, 0, 0)


class Contagion:
    """The causes of one path as a graph, and its measures.

    `defaults` are those of agents not `outside`: a share that reaches a default through one outside is followed to what
    lies behind it.
    """

    def __init__(self, causes: Iterable[Cause], outside: frozenset[str] = frozenset()) -> None:
        self._outside = outside
        rows = [cause for cause in causes if cause.state in STATES]
        self._history: dict[tuple[str, str], list[Node]] = defaultdict(list)
        for when, agent, state in sorted({(instant(row), row.effect, row.state) for row in rows}):
            self._history[agent, state].append(Node(when, agent, state))
        self.causes: dict[Node, dict[tuple[Node, str], float]] = defaultdict(lambda: defaultdict(float))
        known: dict[tuple[str, str, Instant], Node] = {}
        for row in rows:
            key = row.cause, row.cause_state, instant(row)
            if key not in known:
                known[key] = self._state_of(*key)
            self.causes[Node(instant(row), row.effect, row.state)][known[key], row.channel] += row.weight
        self.nodes = sorted(self.causes)
        self.defaults = [node for node in self.nodes if node.is_default and node.agent not in outside]
        self._walks = {node: self.walk(node) for node in self.defaults}

    def _state_of(self, agent: str, meant: str, when: Instant) -> Node:
        """The state meant, or one that stands for it, that the agent was in last before; a root where there is none."""
        past = {state: self._last(agent, state, when) for state in STANDS_FOR.get(meant, ())}
        exact = past.get(meant)
        return exact or max((node for node in past.values() if node), default=Node(BEFORE, agent))

    def _last(self, agent: str, state: str, when: Instant) -> Node | None:
        history = self._history.get((agent, state), [])
        place = bisect_left(history, when, key=lambda node: node.when)
        return history[place - 1] if place else None

    def walk(self, state: Node) -> tuple[dict[Node, float], dict[Way, float]]:
        """Back from a state to the defaults and roots before it: their shares, and what passed through other agents.

        No more than the whole passes through one agent, whatever the ways by which it comes.
        """
        flow: dict[Node, float] = defaultdict(float)
        ends: dict[Node, float] = defaultdict(float)
        passed: dict[Way, float] = defaultdict(float)
        flow[state] = 1.0
        while flow:
            node = max(flow)
            share = flow.pop(node)
            for (cause, channel), weight in self.causes[node].items():
                if not cause.is_root and cause.agent not in {node.agent, state.agent} | self._outside:
                    passed[cause.agent, channel] += share * weight
                stops = cause.is_root or (cause.is_default and cause.agent not in self._outside)
                (ends if stops else flow)[cause] += share * weight
        whole = by_agent(passed)
        return dict(ends), {way: share / max(whole[way[0]], 1.0) for way, share in passed.items()}

    def parents(self, default: Node) -> Mapping[Node, float]:
        """The defaults and roots that brought this default about, other states passed through; shares sum to one."""
        return self._walks[default][0]

    def roots(self) -> dict[Node, dict[str, float]]:
        """What every default goes back to in the end: shares of roots, summing to one."""
        found: dict[Node, dict[str, float]] = {}
        for default in self.defaults:
            shares: dict[str, float] = defaultdict(float)
            for parent, weight in self.parents(default).items():
                before = {parent.agent: 1.0} if parent.is_root else found[parent]
                adds(shares, {root: weight * share for root, share in before.items()})
            found[default] = dict(shares)
        return found

    def spread(self) -> dict[Way, float]:
        """How many defaults of others passed through each agent, since the default before them, by the channel by which
        it passed them on: expected number.
        """
        total: dict[Way, float] = defaultdict(float)
        for _, passed in self._walks.values():
            adds(total, passed)
        return dict(total)

    def channels(self) -> dict[str, float]:
        """How many defaults were reached through each channel in the last step: expected number."""
        total: dict[str, float] = defaultdict(float)
        for default in self.defaults:
            for (_, channel), weight in self.causes[default].items():
                total[channel] += weight
        return dict(total)

    def depth(self) -> dict[Node, float]:
        """Mean number of defaults between each default and its roots, weighted by cause: 0 where no default is one."""
        found: dict[Node, float] = {}
        for default in self.defaults:
            found[default] = sum(weight * (1.0 + found[parent]) for parent, weight in self._earlier(default))
        return found

    def offspring(self, months: int = 1) -> dict[int, float]:
        """By period of so many months: later defaults that its defaults brought about, a sum of shares."""
        total: dict[int, float] = defaultdict(float)
        for default in self.defaults:
            for parent, weight in self._earlier(default):
                total[parent.month // months] += weight
        return dict(total)

    def _earlier(self, default: Node) -> list[tuple[Node, float]]:
        """The parents that are defaults."""
        return [(parent, weight) for parent, weight in self.parents(default).items() if parent.is_default]

    def tree(self) -> nx.DiGraph[Node]:
        """The default tree: each default hangs on the one parent, default or root, that has the largest share."""
        graph: nx.DiGraph[Node] = nx.DiGraph()
        for default in self.defaults:
            parent, weight = max(self.parents(default).items(), key=lambda pair: (pair[1], pair[0]))
            graph.add_edge(parent, default, weight=weight)
        return graph

    def graph(self, month_name: Mapping[int, str] | None = None) -> nx.DiGraph[str]:
        """The contagion graph: nodes by label with agent, state, month, round; edges cause to effect with weight,
        channel (the main one), channels (shares), month and round of the effect. Weights into a node sum to one.
        """
        graph: nx.DiGraph[str] = nx.DiGraph()
        for node in self.nodes:
            month, round_, _ = node.when
            self._add(graph, node, month_name)
            for (cause, channel), weight in sorted(self.causes[node].items()):
                self._add(graph, cause, month_name)
                ends = label(cause, month_name), label(node, month_name)
                channels = graph.edges[ends]["channels"] if graph.has_edge(*ends) else {}
                channels[channel] = channels.get(channel, 0.0) + weight
                main = max(channels, key=lambda name: channels[name])
                whole = sum(channels.values())
                graph.add_edge(*ends, weight=whole, channel=main, channels=channels, month=month, round=round_)
        return graph

    @staticmethod
    def _add(graph: nx.DiGraph[str], node: Node, month_name: Mapping[int, str] | None) -> None:
        graph.add_node(
            label(node, month_name), agent=node.agent, state=node.state or "root", month=node.month, round=node.when[1]
        )


def by_agent(ways: Mapping[Way, float]) -> dict[str, float]:
    """What passed through each agent, by whatever channel."""
    total: dict[str, float] = defaultdict(float)
    for (agent, _), share in ways.items():
        total[agent] += share
    return dict(total)


def adds(total: dict[Any, float], shares: Mapping[Any, float]) -> None:
    """The total has grown by the shares."""
    for key, share in shares.items():
        total[key] += share


def label(node: Node, month_name: Mapping[int, str] | None = None) -> str:
    """A node's name in the graph: a root's own, else agent, state and month."""
    if node.is_root:
        return node.agent
    month = month_name[node.month] if month_name else f"month {node.month}"
    return f"{node.agent}: {node.state} in {month}"


def instant(row: Cause) -> Instant:
    """When the cause took effect."""
    return row.month, row.round, row.moment
