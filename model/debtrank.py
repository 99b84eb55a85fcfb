"""How much stress does one node's trouble put on all others, long before anybody defaults?

Linear DebtRank, after Bardoscia, Battiston, Caccioli and Caldarelli (2015): a node's stress h is the share of its
buffer that it has lost; it passes on to its creditors their exposure to it times its stress, up to all of it. In the
end `h = s + W min(h, 1)` with `W = exposure / buffer of the exposed`: the least such h, reached from the shock alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nobid.agents.state import Array, Index, ordered_sum, ratio
from nobid.model.network import Network

SETTLED = 1e-14  # largest change of a stress at which it stands
ROUNDS = 100_000


class StressNotSettled(ArithmeticError):
    """Stress still grows after all rounds: never a truncation."""


@dataclass(frozen=True)
class Stressed:
    """`stress` (N, R): share of the buffer lost, above 1 where more is lost than was there; rounds and last change."""

    stress: Array
    rounds: int
    residual: float


def debtrank(
    exposed: Index,
    debtor: Index,
    *,
    amount: Array,
    buffer: Array,
    shock: Array,
    network: Network | None = None,
) -> Stressed:
    """Stress has gone round until it stands, each scenario for itself; raises StressNotSettled when it does not.

    `exposed[e]` holds `amount` (E, R) or (E, 1) against `debtor[e]`; `buffer` (N, R) or (N, 1) in the same money;
    `shock` (N, R): the stress that each node starts with, 1 for a failure. A node without a positive buffer has nothing
    to lose: it takes no stress from others and passes on its shock alone.

    >>> debtrank(np.array([1]), np.array([0]), amount=np.array([[2.0]]), buffer=np.array([[1.0], [4.0]]),
    ...          shock=np.array([[0.5], [0.0]])).stress.tolist()
    [[0.5], [0.25]]
    """
    network = Network(debtor, exposed, len(shock)) if network is None else network
    weight, start, stress = ratio(amount, buffer[network.creditor]), shock, shock
    stands, live = np.empty_like(shock), np.arange(shock.shape[1])
    last = np.zeros(shock.shape[1])
    for rounds in range(ROUNDS + 1):
        if not len(live):
            return Stressed(stands, rounds, float(np.max(last, initial=0.0)))
        passed = network.into.sum(weight * np.minimum(stress, 1.0)[network.debtor])
        higher = np.maximum(start + passed, stress)
        last[live] = np.max(higher - stress, axis=0, initial=0.0)
        stress = higher
        moving = ~(last[live] <= SETTLED * np.maximum(np.max(stress, axis=0, initial=0.0), 1.0))
        if not moving.all():  # those that stand are put aside, so that one slow scenario does not keep all others
            stands[:, live[~moving]] = stress[:, ~moving]
            live, start, stress = live[moving], start[:, moving], stress[:, moving]
            weight = weight[:, moving] if weight.shape[1] > 1 else weight
    raise StressNotSettled(f"stress did not settle after {ROUNDS} rounds: it still grows by {float(np.max(last)):.3g}")


def importance(exposed: Index, debtor: Index, *, amount: Array, buffer: Array, weight: Array) -> Array:
    """How much stress each node's failure alone puts on all others: `(N, R)`.

    The sum over the others of `weight` (N, R) times their stress, at most 1 each: in the unit of the weight, a share
    where weights add up to 1. `amount` (E, R), `buffer` (N, R). Scenario i of path k, in which node i fails, stands in
    column `k * N + i`: all at once.
    """
    size, paths = buffer.shape
    failing = np.tile(np.eye(size), paths)
    wide, deep = np.repeat(amount, size, axis=1), np.repeat(buffer, size, axis=1)
    found = debtrank(exposed, debtor, amount=wide, buffer=deep, shock=failing)
    caused = (np.minimum(found.stress, 1.0) - failing) * np.repeat(weight, size, axis=1)
    return ordered_sum(caused).reshape(paths, size).T
