"""What happens inside the month, round by round, until nothing changes?

Everybody acts at once on what the last round left. Paths that have settled take no part any more: the columns of those
still moving are taken out, moved, and put back, so a path goes through the same rounds alone and among others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nobid.agents.state import Columns, Index, Mask, ordered_sum
from nobid.model import default, lending, margin, payments, secondary

if TYPE_CHECKING:
    from nobid.model.system import ComputeCreditModel

MOST_ROUNDS = 200
SETTLED = 1e-6  # of opening debt: a path in which less than that moved in a round has settled
UNPAID = 1e-6  # USD million: less is no reason for a last round


def runs(m: ComputeCreditModel) -> None:
    """The month has settled on every path: dues paid, or their debtor failed; no claim, call or sale is pending."""
    opens(m)
    whole = m.columns
    moving: Index = np.flatnonzero(m.going)
    for number in range(1, MOST_ROUNDS + 2):
        if not len(moving):
            return
        if number > MOST_ROUNDS:
            m.stops(moving, unsettled(m, whole, moving))
            return
        moving = moves_on(m, whole, moving, number=number)


def opens(m: ComputeCreditModel) -> None:
    """Counters of the cascade are zero, opening debt and stocks are noted."""
    world, b = m.world, m.borrowers
    b.offers, b.failing = 0.0, 0.0
    b.estate_opening = b.units * (1.0 - b.alive)[:, np.newaxis]
    b.estate_offered = 0.0
    world.opening_debt = ordered_sum(m.facilities.drawn)
    world.moved, world.rounds, world.stalled, world.round_coins = 0.0, 0.0, 0.0, 0.0


def moves_on(m: ComputeCreditModel, whole: Columns, moving: Index, *, number: int) -> Index:
    """One round has run on the moving paths; those that still move are returned."""
    everyone = len(moving) == whole["world", "path"].shape[-1]
    m.columns = whole if everyone else whole.take(moving)
    m.round = number
    try:
        one_round(m)
        world = m.world
        world.rounds = float(number)
        still = world.moved > SETTLED * np.maximum(world.opening_debt, 1.0)
        last_call = still | ((world.stalled <= 0.0) & (unpaid_lenders(m) | unpaid_borrowers(m)))
        world.stalled = np.where(still, 0.0, 1.0)
    finally:
        if m.columns is not whole:
            whole.put(moving, m.columns)
            m.columns = whole
    remaining: Index = moving[last_call]
    return remaining


def unpaid_lenders(m: ComputeCreditModel) -> Mask:
    """True where a living lender still owes funding that it cannot pay: `(R,)`."""
    lenders = m.lenders
    short: Mask = np.any((lenders.owed_now() - lenders.cash) * lenders.alive > UNPAID, axis=0)
    return short


def unpaid_borrowers(m: ComputeCreditModel) -> Mask:
    """True where a living borrower still owes what it cannot pay: `(R,)`."""
    b = m.borrowers
    short: Mask = np.any((payments.owed_now(m) - b.cash) * b.alive > UNPAID, axis=0)
    return short


def one_round(m: ComputeCreditModel) -> None:
    """The round as a table of contents."""
    m.world.moved = 0.0
    payments.pays_what_it_can(m)
    payments.looks_for_cash(m)
    payments.raises_cash(m)
    m.do("lender", "offers_seized")
    secondary.holds_auctions(m)
    m.coin_falls()
    margin.calls(m)
    payments.pays_what_it_can(m)
    payments.counts_sources(m)
    default.borrowers_fail(m)
    lending.judges_itself(m)
    lending.funders_react(m)
    lending.lenders_fail(m)
    default.estates_pay(m)
    payments.pays_what_it_can(m)


def unsettled(m: ComputeCreditModel, whole: Columns, moving: Index) -> list[str]:
    """For every path that did not settle, a sentence that names who was still moving."""
    b, lenders = m.borrowers, m.lenders
    unpaid = (lenders.owed_now() - lenders.cash) * lenders.alive
    sentences = []
    for path in moving:
        names = [row.name for i, row in enumerate(m.edges.borrowers) if b.due[i, path] > 0.0 and b.alive[i, path] > 0.0]
        names += [name for i, name in enumerate(m.edges.lender_names) if unpaid[i, path] > UNPAID]
        who = ", ".join(names) or "nobody by name"
        sentences.append(f"cascade did not settle in {m.month_name()} after {MOST_ROUNDS} rounds: still moving: {who}")
    return sentences
