"""Who can pay whom when several fail at once and owe one another?

Eisenberg and Noe (2001), theorem 2, with the recoveries of Rogers and Veraart (2013), after their equation for the
clearing vector: `p_i = pbar_i` where assets cover it, else `alpha e_i + beta (Pi' p)_i`. The greatest vector, from
above.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nobid.agents.state import Array, Index, Link, ratio

RESIDUAL = 1e-12  # largest change of a payment, as a share of the greatest obligation, at which the vector stands
ROUNDS = 100_000


class NotCleared(ArithmeticError):
    """The payments did not settle: never a truncation."""


@dataclass(frozen=True)
class Cleared:
    """`paid` per node (N, R), the `share` of its obligations that is, rounds used and the last residual."""

    paid: Array
    share: Array
    rounds: int
    residual: float


def clear(
    debtor: Index, creditor: Index, *, owed: Array, assets: Array, alpha: float = 1.0, beta: float = 1.0
) -> Cleared:
    """The greatest clearing vector of `owed` (E, R) between nodes whose outside `assets` are (N, R).

    Starts from full payment and only lowers; each path stops for itself. Raises NotCleared when it does not settle.

    >>> two = clear(np.array([0]), np.array([1]), owed=np.array([[10.0]]), assets=np.array([[4.0], [0.0]]))
    >>> two.paid.tolist()
    [[4.0], [0.0]]
    """
    size = len(assets)
    out, into = Link(debtor, size), Link(creditor, size)
    due = out.sum(owed)
    scale = np.maximum(np.max(due, axis=0), 1e-300)
    share = np.ones_like(due)
    moving = np.ones(due.shape[1], dtype=bool)
    for rounds in range(1, ROUNDS + 1):
        received = into.sum(owed * share[debtor])
        whole = assets + received >= due
        lower = np.where(whole, 1.0, np.minimum(ratio(alpha * assets + beta * received, due, empty=1.0), 1.0))
        lower = np.where(moving, np.minimum(lower, share), share)
        change = np.max((share - lower) * due, axis=0) / scale
        share = lower
        moving = moving & (change > RESIDUAL)
        if not moving.any():
            return Cleared(share * due, share, rounds, float(np.max(change)))
    raise NotCleared(f"payments did not settle after {ROUNDS} rounds: residual {float(np.max(change)):.3g}")
