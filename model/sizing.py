"""How large a loan do machines carry, by what they earn within its tenor as lenders see it?

One rule for a new draw and for a loan of the founding that `debt.resize_tenor` re-sizes: the lesser of the advance on
what the machines cost, or are booked at, and the present value of their income over the tenor at the lenders' belief
over DSCR*.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nobid.agents.finance import HOURS, MILLION, unit_value
from nobid.agents.state import Array, over_generations, ratio

if TYPE_CHECKING:
    from nobid.model.system import ComputeCreditModel


def worth_at_spot(m: ComputeCreditModel, months: Array) -> Array:
    """Present value to lenders of what a machine at spot earns over `months` (…, 1, 1), USD million: `(…, G, R)`."""
    belief = m.parameters.lenders.belief_decay
    return unit_value(m.market.earning, m.hardware.cost, months, decay=belief, required=lending_rate(m)) / MILLION


def worth_on_contract(m: ComputeCreditModel, price: Array, *, runs: Array, months: Array) -> Array:
    """The same for a machine sold at `price` (P, 1, 1) USD/H100e-h for the first `runs` of the months: `(P, G, R)`."""
    first = np.minimum(runs, months)
    income = price * m.hardware.h100e * m.parameters.rental.utilisation_cap * HOURS
    contract = unit_value(income, m.hardware.cost, first, decay=0.0, required=lending_rate(m)) / MILLION
    return contract + worth_at_spot(m, months) - worth_at_spot(m, first)


def lending_rate(m: ComputeCreditModel) -> float:
    """The rate at which lenders discount, a year."""
    return m.parameters.debt.base_rate + m.parameters.funding.spread


def resizes_loans(m: ComputeCreditModel) -> None:
    """Where `debt.resize_tenor` is set, every drawn loan against machines has that tenor, is level, and is as large as
    they carry over it; undrawn lines stay. What a borrower owes less is its equity, what a lender has lent less stands
    in its other assets (what it has lent more came out of them, then out of stable funding): its equity stays.
    """
    tenor = m.parameters.debt.resize_tenor
    if not tenor:
        return
    f, edges = m.facilities, m.edges
    backed = over_generations(f.units) * edges.secured * (1.0 - edges.is_coin_loan) > 0.0
    concerned = backed & (f.drawn > 0.0)
    booked = over_generations(f.units * m.borrowers.book[edges.borrower]) / MILLION
    sized = np.minimum(f.advance * booked, carried_by_pledge(m, float(tenor)))
    before = f.drawn + 0.0
    f.drawn = np.where(concerned, sized, before)
    f.limit = f.limit + (f.drawn - before)
    f.months_left = np.where(concerned, float(tenor), f.months_left)
    edges.amortisation[concerned[:, 0]] = "level"
    lenders_hold_the_rest(m, before)


def carried_by_pledge(m: ComputeCreditModel, tenor: float) -> Array:
    """What the machines pledged to each loan carry over the tenor, contracts first, USD million: `(E, R)`."""
    f, fit, pledge, offtakes = m.facilities, m.hardware, m.edges.pledge, m.offtakes
    cap, months = m.parameters.rental.utilisation_cap, np.full((1, 1, 1), tenor)
    loose = over_generations(m.borrowers.units * fit.h100e) * cap
    capacity = over_generations(f.units * fit.h100e) * cap
    whole = loose + m.links.borrower.sum(capacity)
    served = np.minimum(ratio(whole, m.links.seller.sum(offtakes.h100e)), 1.0)[m.edges.seller]
    part = pledge.shares(capacity, loose[m.edges.seller]) * (offtakes.h100e * served)[pledge.contract]
    asked = pledge.of_facility(part)
    under = ratio(part, np.maximum(capacity, asked)[pledge.facility])  # of the loan's machines, by contract
    price, runs = (column[pledge.contract][:, np.newaxis] for column in (offtakes.price, offtakes.months_left))
    units = f.units[pledge.facility]
    sold = over_generations(units * under[:, np.newaxis] * worth_on_contract(m, price, runs=runs, months=months))
    free = f.units * (1.0 - pledge.of_facility(under))[:, np.newaxis] * worth_at_spot(m, months[0])
    carried: Array = (over_generations(free) + pledge.of_facility(sold)) / m.parameters.invest.dscr
    return carried


def lenders_hold_the_rest(m: ComputeCreditModel, before: Array) -> None:
    """Lenders whose loans were `before` (E, R) have the same equity; a line that they owe fell with the loans that it
    finances.
    """
    f, links, lines, lenders, edges = m.facilities, m.links, m.warehouses, m.lenders, m.edges
    now = links.lender.sum(f.drawn * edges.secured)[edges.receiver]
    kept = np.minimum(ratio(now, links.lender.sum(before * edges.secured)[edges.receiver], empty=1.0), 1.0)
    repaid = lines.drawn * (1.0 - kept)
    lines.drawn = lines.drawn - repaid
    freed = links.lender.sum(before - f.drawn) + links.provider.sum(repaid) - links.receiver.sum(repaid)
    left = lenders.other + freed
    lenders.other = np.maximum(left, 0.0)
    lenders.stable = lenders.stable + np.maximum(-left, 0.0)
