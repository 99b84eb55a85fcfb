"""Which edges leave a node, and what arrives where when only a few nodes move?

One network of claims for clearing, direct cascade and DebtRank: money runs along an edge from debtor to creditor, and
so does a loss. Built once, used as often as wanted. A *pair* is a node on a path, numbered `node * paths + path`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from nobid.agents.state import Array, Index, Link

SPARSE = 8  # below this many arrivals for each hundred pairs it is cheaper to sort the arrivals than to count them all


@dataclass(frozen=True)
class Network:
    """Edges between `size` nodes: edge e is what `debtor[e]` owes `creditor[e]`; amounts come with each question."""

    debtor: Index
    creditor: Index
    size: int

    @cached_property
    def out(self) -> Link:
        """The edges seen from the debtor."""
        return Link(self.debtor, self.size)

    @cached_property
    def into(self) -> Link:
        """The edges seen from the creditor."""
        return Link(self.creditor, self.size)

    @cached_property
    def degree(self) -> Index:
        """How many creditors each node has: `(N,)`."""
        return np.bincount(self.debtor, minlength=self.size).astype(np.intp)

    @cached_property
    def _sorted(self) -> tuple[Index, Index]:
        """Where each debtor's edges begin, and the edges in the order of their debtors."""
        return np.cumsum(self.degree) - self.degree, np.argsort(self.debtor, kind="stable")

    def edges_of(self, node: Index) -> tuple[Index, Index]:
        """The edges that these nodes owe, node after node in edge order, and each edge's place in `node`."""
        first, order = self._sorted
        count = self.degree[node]
        place = np.repeat(np.arange(len(node)), count)
        before = np.cumsum(count) - count
        return order[np.arange(len(place)) + (first[node] - before)[place]], place

    def push(self, pairs: Index, amount: Array, *, part: Array, paths: int) -> tuple[Index, Array]:
        """The pairs that something arrives at, in order, and how much, when each of `pairs` passes on its `part`.

        `amount` (E, R) or (E, 1) per edge, `part` (len(pairs),) of it. Only edges of `pairs` are touched; what arrives
        is added in the order of the pairs and their edges, so a path gets the bits it gets alone if `pairs` rise.
        """
        node, path = np.divmod(pairs, paths)
        edge, place = self.edges_of(node)
        path = path[place]
        value = amount[edge, path if amount.shape[1] > 1 else 0] * part[place]
        return _arrivals(self.creditor[edge] * paths + path, value, self.size * paths)


def _arrivals(at: Index, value: Array, size: int) -> tuple[Index, Array]:
    """Where something arrives, rising, and the sum of what does, added in the order given."""
    if len(at) * 100 < size * SPARSE:
        there, which = np.unique(at, return_inverse=True)
        return there, np.bincount(which, weights=value, minlength=len(there))
    there = np.flatnonzero(np.bincount(at, minlength=size))
    return there, np.bincount(at, weights=value, minlength=size)[there]
