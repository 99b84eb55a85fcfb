"""In which order can they not pay: who fails when everybody else pays, who because of them, and so on?

The fictitious default sequence of Eisenberg and Noe (2001, section 3.1), with costs of failing after Rogers and Veraart
(2013, definition 3.6): given who has failed, the failed pay what they have and all others pay in full; whoever cannot
then has failed too. At most one round a node. A round touches only the nodes that still move and their creditors.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse import linalg

from nobid.agents.state import Array, Index, Mask, ratio
from nobid.model.claims import Claims, NotCleared

NEVER = -1
WHOLE = 0.1  # share of a path's edges that move at once from which on all of them are added up anew
PATIENCE = 8  # times all edges that payments of one round may be passed on before they are solved for
DIRECT = 200  # failed nodes up to which the equations are solved by elimination at once
LOOKS = 5  # rounds of payment from nothing that show who can pay, before those are solved for
STEPS = 2_000  # of the iterative solver at most; then by elimination after all


def default_sequence(claims: Claims, tolerance: float) -> tuple[Array, Index, int]:
    """The share that each node pays (N, R), the round from 1 in which it first could not pay (N, R), and the rounds.

    -1 where it can. `tolerance`: the largest change of a payment, as a share of the path's greatest obligation, that
    is not passed on.
    """
    sequence = _Sequence(claims, tolerance)
    look = np.arange(claims.due.size)
    for rounds in range(claims.network.size + 1):
        new = sequence.cannot_pay(look)
        if not len(new):
            break
        sequence.failed_in[new] = rounds + 1
        look = sequence.settle(new)
    shape = claims.due.shape
    return sequence.share.reshape(shape), sequence.failed_in.reshape(shape), rounds


class _Sequence:
    """Shares, receipts and failures of all pairs so far, flat: node n on path k stands at `n * R + k`."""

    def __init__(self, claims: Claims, tolerance: float) -> None:
        self.claims, self.network, self.paths = claims, claims.network, claims.due.shape[1]
        self.edges = max(len(self.network.debtor), 1)
        ones = np.ones_like(claims.due)
        self.share = ones.reshape(-1)
        self.received = claims.received(ones).reshape(-1)
        self.failed_in = np.full(claims.due.size, NEVER, dtype=np.intp)
        self.matrices: dict[int, sparse.csr_array] = {}
        self.seen = np.zeros(claims.due.size, dtype=bool)
        self.still = tolerance * claims.scale

    def cannot_pay(self, look: Index) -> Index:
        """Those of `look` that have not failed yet and cannot pay."""
        gap = np.take(self.claims.due, look) - (np.take(self.claims.assets, look) + self.received[look])
        found: Index = look[(gap > np.take(self.claims.hair, look)) & (self.failed_in[look] == NEVER)]
        return found

    def settle(self, moving: Index) -> Index:
        """The failed pay what they have; the others that this has touched, rising."""
        touched, passed = [], np.zeros(self.paths)
        solved = np.zeros(self.paths, dtype=bool)
        while len(moving):
            moving, drop = self._lowered(moving)
            load = np.bincount(moving % self.paths, self.network.degree[moving // self.paths], minlength=self.paths)
            there = self._pass_on(moving, drop, load > WHOLE * self.edges)
            touched.append(self._first_seen(there))
            passed += load
            stubborn = (passed > PATIENCE * self.edges) & ~solved
            for path in np.flatnonzero(stubborn):  # one system a path, so that its bits are those it has alone
                touched.append(self._first_seen(self._solve(int(path))))
            solved |= stubborn
            moving = there[(self.failed_in[there] != NEVER) & ~solved[there % self.paths]]
        found = np.sort(np.concatenate(touched)) if touched else moving
        self.seen[found] = False
        return found

    def _pass_on(self, moving: Index, drop: Array, whole: Mask) -> Index:
        """Creditors of those that moved receive less; whom this may touch, rising. `whole` (R,): count these anew."""
        if not whole.any():
            return self._push(moving, drop)
        few = ~whole[moving % self.paths]
        pushed = self._push(moving[few], drop[few])
        share, received = self.share.reshape(-1, self.paths), self.received.reshape(-1, self.paths)
        if whole.all():
            received[:] = self.claims.received(share)
            return np.arange(len(self.share))
        columns = np.flatnonzero(whole)
        passed = self.claims.owed[:, columns] * share[:, columns][self.network.debtor]
        received[:, columns] = self.network.into.sum(passed)
        counted = (np.arange(self.network.size)[:, np.newaxis] * self.paths + columns).reshape(-1)
        return np.sort(np.concatenate([pushed, counted]))

    def _push(self, moving: Index, drop: Array) -> Index:
        there, missing = self.network.push(moving, self.claims.owed, part=drop, paths=self.paths)
        self.received[there] -= missing
        return there

    def _lowered(self, moving: Index) -> tuple[Index, Array]:
        """The failed pay no more than they have; those that this moves, and by which share."""
        claims = self.claims
        recovered = claims.alpha * np.take(claims.assets, moving) + claims.beta * self.received[moving]
        lower = claims.share_left(recovered, moving)
        drop = self.share[moving] - lower
        moves = drop * np.take(claims.base, moving) > self.still[moving % self.paths]
        self.share[moving[moves]] = lower[moves]
        return moving[moves], drop[moves]

    def _first_seen(self, pairs: Index) -> Index:
        """Those not failed and not seen in this round before; now they are."""
        new: Index = pairs[(self.failed_in[pairs] == NEVER) & ~self.seen[pairs]]
        self.seen[new] = True
        return new

    def _solve(self, path: int) -> Index:
        """The failed of one path pay what solves their equations at once; all pairs of the path."""
        claims, column = self.claims, slice(path, None, self.paths)
        failed, base = self.failed_in[column] != NEVER, claims.base[:, path]
        passed_on = self._passed_on(path)
        known = claims.alpha * claims.assets[:, path] + claims.beta * _product(passed_on, np.where(failed, 0.0, base))
        if claims.senior and claims.outside is not None:
            known = known - claims.outside[:, path]
        start = self.share[column] * base
        solve = _ranked if claims.senior else _linear
        paid = solve(passed_on * claims.beta, known, failed, start=start, close=float(self.still[path]))
        share = np.where(failed, np.minimum(ratio(paid, base, empty=1.0), 1.0), 1.0)
        self.share[column], self.received[column] = share, _product(passed_on, share * base)
        return np.arange(path, len(self.share), self.paths)

    def _passed_on(self, path: int) -> sparse.csr_array:
        """What each creditor (row) gets of a unit that a debtor (column) pays, on one path."""
        if path not in self.matrices:
            network, base = self.network, self.claims.base[:, path]
            weight = ratio(self.claims.owed[:, path], base[network.debtor])
            square = (network.size, network.size)
            self.matrices[path] = sparse.csr_array((weight, (network.creditor, network.debtor)), shape=square)
        return self.matrices[path]


def _product(matrix: sparse.csr_array, values: Array) -> Array:
    """The sparse product with one vector: every row adds its entries one after the other."""
    product: Array = linalg.aslinearoperator(matrix).matvec(values)
    return product


def _ranked(matrix: sparse.csr_array, known: Array, failed: Mask, *, start: Array, close: float) -> Array:
    """The `x >= 0` with `x = max(known + matrix x, 0)` for the failed, 0 for the rest, within `close`.

    Where others come first, who can pay anything at all is found from nothing upwards: rounds of payment show some,
    their equations are solved, more may then pay, and so on. Whoever pays at any point pays in the end, so no set is
    asked that has no solution.
    """
    paid = np.zeros(len(known))
    paying = np.zeros(len(known), dtype=bool)
    for _ in range(len(known) + 1):
        for _ in range(LOOKS):
            paid = np.where(failed, np.maximum(known + _product(matrix, paid), 0.0), 0.0)
        now = paying | (paid > 0.0)
        if np.array_equal(now, paying):
            break
        paying = now
        paid = np.maximum(_linear(matrix, known, paying, start=start, close=close), 0.0)
    return paid


def _linear(matrix: sparse.csr_array, known: Array, paying: Mask, *, start: Array, close: float) -> Array:
    """The solution of `x = known + matrix x` for those that pay, 0 for the rest."""
    rows, on = np.flatnonzero(paying), paying.astype(float)
    if len(rows) > DIRECT:
        system = linalg.LinearOperator(matrix.shape, matvec=lambda x: x - on * _product(matrix, on * x), dtype=float)
        found, stopped = linalg.bicgstab(system, on * known, x0=on * start, rtol=0.0, atol=close, maxiter=STEPS)
        if stopped == 0:
            return np.asarray(found)
    paid = np.zeros(len(known))
    left = sparse.csc_array(sparse.eye_array(len(rows)) - matrix[rows][:, rows])
    try:
        paid[rows] = linalg.splu(left).solve(known[rows])
    except RuntimeError as singular:
        raise NotCleared(f"the payments of {len(rows)} failed nodes are not determined: {singular}") from singular
    return paid
