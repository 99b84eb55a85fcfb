"""Who falls, and in which round, when every failure costs its creditors and nobody pays or waits?

The direct cascade with a fixed loss given failure, after Furfine (2003) and Gai and Kapadia (2010): a node fails when
what it has lost on failed debtors reaches (weak rule) or exceeds (strict rule) its buffer. Nodes that fall in one round
fall together. Each node falls once and passes its losses on once, so the cost grows with the edges, not the rounds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nobid.agents.state import Array, Index, Mask
from nobid.model.network import Network

NEVER = -1
EDGE = 1e-9  # of the buffer: a loss this close to it has reached it


@dataclass(frozen=True)
class Fallen:
    """`failed_in` (N, R): the round in which a node fell, 0 for those that began, -1 never. `loss` (N, R): on debtors.

    `rounds`: the last round in which one fell on any path. Losses of nodes that have fallen already count on.
    """

    failed_in: Index
    loss: Array
    rounds: int

    @property
    def failed(self) -> Mask:
        """True where a node fell: `(N, R)`."""
        fell: Mask = self.failed_in != NEVER
        return fell

    @property
    def by_round(self) -> Index:
        """How many fell in each round, those that began in row 0: `(rounds + 1, R)`."""
        node, path = np.nonzero(self.failed)
        paths = self.failed_in.shape[1]
        count = np.bincount(self.failed_in[node, path] * paths + path, minlength=(self.rounds + 1) * paths)
        return count.reshape(self.rounds + 1, paths)


def fall(
    exposed: Index,
    debtor: Index,
    *,
    amount: Array,
    buffer: Array,
    first: Mask,
    weak: bool,
    recovery: Array | float = 0.0,
    tolerance: float = EDGE,
    network: Network | None = None,
) -> Fallen:
    """Every failure that the `first` (N, R) bring about has happened.

    `exposed[e]` loses `amount` (E, R) or (E, 1) less the debtor's `recovery` (a share in [0, 1]; a number, (N, 1) or
    (N, R)) when `debtor[e]` falls. `weak`: a loss equal to the `buffer` (N, R) or (N, 1) brings a node down; else it
    must exceed it; equal means within `tolerance` of the buffer. Who has lost nothing stands, whatever the buffer;
    those that began fell before their own buffer mattered. `network`: the same edges, built once.

    >>> two = fall(np.array([1]), np.array([0]), amount=np.array([[5.0]]), buffer=np.array([[0.0], [5.0]]),
    ...            first=np.array([[True], [False]]), weak=True)
    >>> two.failed_in.tolist(), two.loss.tolist()
    ([[0], [1]], [[0.0], [5.0]])
    """
    size, paths = first.shape
    network = Network(debtor, exposed, size) if network is None else network
    limit = np.broadcast_to(buffer * (1.0 - tolerance if weak else 1.0 + tolerance), first.shape)
    given = np.broadcast_to(1.0 - np.asarray(recovery), first.shape)
    failed_in, loss = np.full(first.size, NEVER, dtype=np.intp), np.zeros(first.size)
    falling = np.flatnonzero(first)
    failed_in[falling], rounds = 0, 0
    while len(falling):
        hit, lost = network.push(falling, amount, part=_at(given, falling), paths=paths)
        loss[hit] += lost
        standing = hit[(failed_in[hit] == NEVER) & (loss[hit] > 0.0)]
        reach = _at(limit, standing)
        falling = standing[loss[standing] >= reach if weak else loss[standing] > reach]
        rounds += 1 if len(falling) else 0
        failed_in[falling] = rounds
    return Fallen(failed_in.reshape(first.shape), loss.reshape(first.shape), rounds)


def _at(values: Array, pairs: Index) -> Array:
    """The values of these pairs, without writing out what is the same on every path."""
    node, path = np.divmod(pairs, values.shape[1])
    picked: Array = values[node, path]
    return picked
