"""Who can pay whom when several fail at once and owe one another?

Eisenberg and Noe (2001), theorem 2, with the recoveries of Rogers and Veraart (2013), after their equation for the
clearing vector: `p_i = pbar_i` where assets cover it, else `alpha e_i + beta (Pi' p)_i`. The greatest vector, from
above, or the least, from nothing; and in which round of the fictitious default sequence each first could not pay.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from nobid.agents.state import Array, Index, Mask
from nobid.model.claims import Claims, NotCleared
from nobid.model.default_order import default_sequence
from nobid.model.network import Network

RESIDUAL = 1e-12  # largest change of a payment, as a share of the greatest obligation, at which the vector stands
PATIENCE = 1_000  # rounds over whole columns before the greatest vector is solved for instead
ROUNDS = 100_000  # of the least vector, which nothing else finds
UNSETTLED = 1e-10  # residual above which a solved vector is none


@dataclass(frozen=True)
class Cleared:
    """The `share` (N, R) of the network's claims that each node pays, the rounds used and the last residual.

    `failed_in` (N, R), where the order was asked for: the round in which the node first could not pay, counted from 1
    (everybody else still pays in full), -1 where it can. Without the order, None.
    """

    claims: Claims
    share: Array
    rounds: int
    residual: float
    failed_in: Index | None = None

    @cached_property
    def received(self) -> Array:
        """What each node gets from its debtors: `(N, R)`."""
        return self.claims.received(self.share)

    @cached_property
    def equity(self) -> Array:
        """Assets and receipts less all that is due, negative by what is missing, before costs of failing: `(N, R)`."""
        return self.claims.assets + self.received - self.claims.due

    @cached_property
    def failed(self) -> Mask:
        """True where a node cannot pay in full: `(N, R)`."""
        failed: Mask = self.equity < -self.claims.hair
        return failed

    @cached_property
    def lost(self) -> Array:
        """What failing itself destroyed of assets and receipts: `(N, R)`."""
        claims = self.claims
        cost = (1.0 - claims.alpha) * claims.assets + (1.0 - claims.beta) * self.received
        return np.where(self.failed, cost, 0.0)

    @cached_property
    def paid_outside(self) -> Array:
        """What each node pays to the outside: `(N, R)`."""
        claims = self.claims
        if claims.outside is None:
            return np.zeros_like(self.share)
        if not claims.senior:
            return self.share * claims.outside
        left = claims.assets + self.received - self.lost
        return np.where(self.failed, np.minimum(left, claims.outside), claims.outside)

    @cached_property
    def paid(self) -> Array:
        """What each node pays in all: `(N, R)`."""
        claims = self.claims
        return self.share * claims.inside + self.paid_outside if claims.senior else self.share * claims.due


def clear(
    debtor: Index,
    creditor: Index,
    *,
    owed: Array,
    assets: Array,
    outside: Array | None = None,
    senior: bool = False,
    alpha: float = 1.0,
    beta: float = 1.0,
    least: bool = False,
    order: bool = False,
    network: Network | None = None,
) -> Cleared:
    """The greatest clearing vector of `owed` (E, R) between nodes whose outside `assets` are (N, R); all money alike.

    `outside` (N, R): debt to nobody in the network, `senior` to its claims or sharing with them. `alpha`, `beta`: what
    is left of assets and of receipts in default. `least`: the least vector instead. `order`: also `failed_in`.
    `network`: the same edges, built once. Each path settles for itself. Raises NotCleared when one does not.

    >>> two = clear(np.array([0]), np.array([1]), owed=np.array([[10.0]]), assets=np.array([[4.0], [0.0]]), order=True)
    >>> two.paid.tolist(), two.failed_in.tolist()
    ([[4.0], [0.0]], [[1], [-1]])
    """
    if least and order:
        raise ValueError("the order of defaults belongs to the greatest vector: ask for one of least and order")
    network = Network(debtor, creditor, len(assets)) if network is None else network
    claims = Claims(network, owed, assets, outside=outside, senior=senior, alpha=alpha, beta=beta)
    if order:
        return _by_defaults(claims)
    return _from_nothing(claims) if least else _from_above(claims)


def _from_above(claims: Claims) -> Cleared:
    """Starts from full payment and only lowers; a path that is slow to settle is solved for."""
    share, moving, rounds, change = _swept(claims, np.ones_like(claims.due), np.minimum, PATIENCE)
    if not moving.any():
        return Cleared(claims, share, rounds, float(np.max(change)))
    solved = _by_defaults(claims.take(moving))
    share[:, moving] = solved.share
    return Cleared(
        claims, share, PATIENCE + solved.rounds, max(solved.residual, float(np.max(change[~moving], initial=0.0)))
    )


def _from_nothing(claims: Claims) -> Cleared:
    """Starts from no payment and only raises."""
    share, moving, rounds, change = _swept(claims, np.zeros_like(claims.due), np.maximum, ROUNDS)
    if moving.any():
        raise NotCleared(f"payments did not settle after {ROUNDS} rounds: residual {float(np.max(change)):.3g}")
    return Cleared(claims, share, rounds, float(np.max(change)))


def _swept(claims: Claims, share: Array, bound: np.ufunc, most: int) -> tuple[Array, Mask, int, Array]:
    """At most so many rounds from `share`, which moves only the way that `bound` lets it, each path until it stands:
    the shares, which paths still move, the rounds and the last change of each path.
    """
    paths = share.shape[1]
    moving, change, rounds = np.ones(paths, dtype=bool), np.zeros(paths), 0
    while moving.any() and rounds < most:
        after = np.where(moving, bound(_answer(claims, share), share), share)
        change = np.max(np.abs(after - share) * claims.base, axis=0) / claims.scale
        share, moving, rounds = after, moving & ~(change <= RESIDUAL), rounds + 1
    return share, moving, rounds, change


def _answer(claims: Claims, share: Array) -> Array:
    """What each node pays when its debtors pay `share`."""
    received = claims.received(share)
    recovered = claims.alpha * claims.assets + claims.beta * received
    return np.where(claims.pays_whole(received), 1.0, claims.share_left(recovered))


def _by_defaults(claims: Claims) -> Cleared:
    """The greatest vector by the fictitious default sequence, checked against the equation itself."""
    share, failed_in, rounds = default_sequence(claims, RESIDUAL)
    received = claims.received(share)
    short = claims.alpha * claims.assets + claims.beta * received
    recovered = np.where(failed_in > 0, short, claims.assets + received)
    residual = float(np.max(np.abs(share - claims.share_left(recovered)) * claims.base / claims.scale, initial=0.0))
    if not residual <= UNSETTLED:
        raise NotCleared(f"payments did not settle after {rounds} rounds of defaults: residual {residual:.3g}")
    return Cleared(claims, share, rounds, residual, failed_in)
