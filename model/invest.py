"""What is signed, ordered, delivered and financed: the boom going on?

Machines on order arrive and are paid on arrival: a draw on the expansion loan, customer prepayment, coins pledged,
equity and convertibles, then cash above a buffer. What cannot be paid for is not delivered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nobid.agents.finance import MILLION, average_discount
from nobid.agents.state import Array, ordered_sum, over_generations, ratio
from nobid.model import drains
from nobid.model.accounts import BORROWER, BUYER, CAPITAL, USERS, VENDOR
from nobid.model.contracts import signed
from nobid.model.debt import market_value_of_equity
from nobid.model.lending import raises_funding
from nobid.model.parameters_credit import NO_LIMIT
from nobid.model.sizing import worth_at_spot

if TYPE_CHECKING:
    from nobid.model.system import ComputeCreditModel


def grows(m: ComputeCreditModel) -> None:
    """Machines due have arrived as far as they could be paid; new capacity is signed and ordered."""
    if not m.parameters.invest.on:
        return
    machines_arrive(m)
    capacity_is_signed(m)
    m.borrowers_do("orders_machines")
    places_orders(m)


def machines_arrive(m: ComputeCreditModel) -> None:
    """The oldest orders are delivered and paid, or dropped; those of failed firms are void."""
    b, slot = m.borrowers, m.order_slot
    due, price, agreed = (
        b.pipeline[:, slot] * b.alive[:, np.newaxis],
        b.unpaid[:, slot] / MILLION,
        b.agreed[:, slot] + 0.0,
    )
    for name in ("pipeline", "unpaid", "agreed"):
        m.columns.write_slot(("borrower", name), slot, 0.0)
    m.order_slot = (slot + 1) % b.pipeline.shape[1]
    cost = over_generations(due * price)
    drawn, unpaid = finances(m, due, cost)
    paid = cost - unpaid
    arrived = due * np.where(cost > 0.0, ratio(paid, cost), 1.0)[:, np.newaxis]
    m.books.pay("capex", paid, payer=BORROWER, payee=VENDOR)
    takes_delivery(m, arrived, agreed, drawn=drawn, cost=cost)
    m.fires("machines arrived", over_generations(arrived))
    m.fires("order dropped", unpaid)


def finances(m: ComputeCreditModel, units: Array, cost: Array) -> tuple[Array, Array]:
    """`cost` (n, R) of `units` is financed, one source after the other; owners also refill a thin purse.

    Returns what each expansion loan paid (E, R) and what nobody paid (n, R).
    """
    rules, b = m.parameters.invest, m.borrowers
    drawn = draws(m, np.minimum(loan_worth(m, units), rules.advance * cost))
    left = cost - m.links.borrower.sum(drawn)
    left = left - borrows_on_coins(m, left)
    contracted = np.where(m.links.seller.sum(m.offtakes.h100e) > 0.0, 1.0, 0.0)
    prepaid = np.minimum(rules.prepayment * cost * contracted, left)
    takes_prepayment(m, prepaid)
    left = left - prepaid
    buffer = rules.buffer_months * (m.links.borrower.sum(m.facilities.service) + b.overhead) * b.alive
    free = b.cash - (cost - left)
    thin = np.maximum(buffer - free, 0.0)
    raised = issues(m, left + thin)
    left = left - np.maximum(raised - thin, 0.0)
    own = np.minimum(np.maximum(free - buffer, 0.0), left)
    m.causes.drains.takes(drains.INVESTMENT, own)
    return drawn, left - own


def issues(m: ComputeCreditModel, wanted: Array) -> Array:
    """Equity and convertibles have been issued, at most a share of market value as far as the window is open."""
    rules = m.parameters.invest
    window = rules.issuance * np.exp(-m.parameters.funding.issuance_decay * m.world.closed)
    raised = np.minimum(np.maximum(market_value_of_equity(m), 0.0) * window * m.borrowers.alive, wanted)
    convertible = issues_convertibles(m, raised * rules.convert_share)
    m.books.pay("equity issued", raised - convertible, payer=CAPITAL, payee=BORROWER)
    m.fires("equity issued", raised)
    return raised


def loan_worth(m: ComputeCreditModel, units: Array) -> Array:
    """What lenders would lend against `units` by their own belief: PV over DSCR*, `(n, R)`."""
    tenor = np.full((1, 1), float(m.parameters.invest.tenor_months))
    sized: Array = over_generations(units * worth_at_spot(m, tenor)) / m.parameters.invest.dscr * m.borrowers.alive
    return sized


def within_room(m: ComputeCreditModel, asked: Array) -> Array:
    """`asked` (E, R), cut pro rata where it is more than the lender's room leaves in this funding window."""
    room = m.lenders.room * np.exp(-m.world.closed)
    cut: Array = asked * np.minimum(ratio(room, m.links.lender.sum(asked)), 1.0)[m.edges.lender]
    return within_exposure(m, cut)


def within_exposure(m: ComputeCreditModel, asked: Array) -> Array:
    """`asked` (E, R), cut pro rata where it would take a lender's loans to one borrower above the limit."""
    limit = m.parameters.lenders.large_exposure
    if limit >= NO_LIMIT:
        return asked
    pair, lender = m.links.pair, m.edges.pair_lender
    left = np.maximum(limit * m.lenders.equity[lender] - pair.sum(m.facilities.drawn), 0.0)
    share = np.minimum(ratio(left, pair.sum(asked)), 1.0)
    m.fires("large exposure", (1.0 - share) * pair.sum(asked))
    cut: Array = asked * share[m.edges.pair]
    return cut


def uses_room(m: ComputeCreditModel, lent: Array) -> None:
    """Lenders have raised what their cash does not cover of `lent` (E, R), and have that much less room."""
    each = m.links.lender.sum(lent)
    raises_funding(m, np.maximum(each - np.maximum(m.lenders.cash, 0.0), 0.0))
    m.lenders.room = np.maximum(m.lenders.room - each, 0.0)
    m.world.new_credit = m.world.new_credit + ordered_sum(lent)


def draws(m: ComputeCreditModel, wanted: Array) -> Array:
    """Expansion loans in good standing have been drawn towards `wanted` (n, R): per facility `(E, R)`."""
    f, edges = m.facilities, m.edges
    sound = np.where((f.coverage >= 1.0) & (f.waiver_left <= 0.0), 1.0, 0.0) * edges.expansion
    room = np.maximum(f.limit - f.drawn, 0.0) * sound
    share = np.minimum(ratio(wanted, m.links.borrower.sum(room)), 1.0)[edges.borrower]
    drawn = within_room(m, room * share)
    uses_room(m, drawn)
    weight = ratio(drawn, f.drawn + drawn)
    rate = f.contract_rate + m.parameters.funding.spread * m.world.closed
    f.rate = f.rate + weight * (rate - f.rate)
    f.months_left = f.months_left + weight * (float(m.parameters.invest.tenor_months) - f.months_left)
    m.books.lend(drawn)
    m.fires("expansion drawn", drawn)
    return drawn


def borrows_on_coins(m: ComputeCreditModel, wanted: Array) -> Array:
    """Coin loans were drawn towards `wanted` (n, R) against free coins at the initial ratio; what came, `(n, R)`."""
    f, edges, b, price = m.facilities, m.edges, m.borrowers, m.world.coin / MILLION
    initial = m.parameters.debt.btc.initial
    pledges = m.parameters.invest.coin_loans_on and not m.parameters.debt.ring_fence_coins
    free = b.coins * b.alive * (1.0 if pledges else 0.0)
    loans = edges.is_coin_loan * np.where((f.principal_due > 0.0) | (f.calling > 0.0), 0.0, 1.0)
    each = np.minimum(wanted, initial * free * price)[edges.borrower]
    drawn = within_room(m, each * ratio(loans, m.links.borrower.sum(loans)[edges.borrower]))
    pledged = drawn / (initial * price)
    uses_room(m, drawn)
    m.books.move_coins(
        giver=("borrower", "coins"), taker=("facility", "coins"), gone=m.links.borrower.sum(pledged), come=pledged
    )
    weight = ratio(drawn, f.drawn + drawn)
    f.months_left = f.months_left + weight * (float(m.parameters.invest.coin_months) - f.months_left)
    m.books.lend(drawn)
    f.limit = np.maximum(f.limit, f.drawn)
    m.fires("coins pledged for machines", drawn)
    return m.links.borrower.sum(drawn)


def takes_prepayment(m: ComputeCreditModel, amount: Array) -> None:
    """Customers have prepaid `amount` (n, R), shared over the borrower's contracts, to be worked off."""
    held = m.offtakes.h100e
    share = ratio(held, m.links.seller.sum(held)[m.edges.seller])
    paid = amount[m.edges.seller] * share
    m.books.pay("compute sales", paid, payer=USERS, payee=BUYER.along(m.links.customer))
    m.books.pay("customer prepayment", paid, payer=BUYER.along(m.links.customer), payee=BORROWER.along(m.links.seller))
    m.offtakes.prepaid = m.offtakes.prepaid + paid
    m.fires("customer prepayment", paid)


def issues_convertibles(m: ComputeCreditModel, amount: Array) -> Array:
    """Funds have bought convertibles of firms that have some outstanding, as far as their room goes: `(n, R)`.

    Where new ones have a tenor of their own, a firm with a line and nothing outstanding issues its first.
    """
    f, edges = m.facilities, m.edges
    outstanding = f.drawn * edges.is_convertible * m.lenders.alive[edges.lender]
    if m.parameters.invest.convert_months:
        none = np.where(m.links.borrower.sum(outstanding) > 0.0, 0.0, 1.0)[edges.borrower]
        outstanding = outstanding + none * f.limit * edges.is_convertible * m.lenders.alive[edges.lender]
    each = amount[edges.borrower] * ratio(outstanding, m.links.borrower.sum(outstanding)[edges.borrower])
    each = within_room(m, each)
    uses_room(m, each)
    m.books.issue(each)
    writes_terms(m, each)
    m.fires("convertibles issued", each)
    return m.links.borrower.sum(each)


def writes_terms(m: ComputeCreditModel, issued: Array) -> None:
    """Where new convertibles have a tenor of their own, tenor and strike are averages of old and `issued` (E, R)."""
    f, b, tenor = m.facilities, m.borrowers, float(m.parameters.invest.convert_months)
    if not tenor:
        return
    f.months_left = f.months_left + ratio(issued, f.drawn) * (tenor - f.months_left)
    owed = m.links.borrower.sum(f.drawn * m.edges.is_convertible)
    strike = m.parameters.debt.conversion_strike * np.maximum(market_value_of_equity(m), owed)
    b.strike = b.strike + ratio(m.links.borrower.sum(issued), owed) * (strike - b.strike)
    m.fires("new convertible", issued)


def takes_delivery(m: ComputeCreditModel, units: Array, price: Array, *, drawn: Array, cost: Array) -> None:
    """Machines that a draw paid for, at its highest advance, are pledged to it; the others are free, all booked at the
    `price` agreed (n, G, R), USD a unit.
    """
    b, links, edges = m.borrowers, m.links, m.edges
    financed = ratio(drawn, m.parameters.invest.advance * cost[edges.borrower])
    pledged = units[edges.borrower] * np.minimum(financed, 1.0)[:, np.newaxis]
    free = np.maximum(units - links.borrower.sum(pledged), 0.0)
    held = b.loose_units() + links.borrower.sum(m.facilities.units)
    b.book = b.book + ratio(units, held + units) * (price - b.book)
    m.books.move_units(giver=None, taker=("facility", "units"), gone=pledged, come=pledged)
    m.books.move_units(giver=None, taker=("borrower", "units"), gone=free, come=free)


def capacity_is_signed(m: ComputeCreditModel) -> None:
    """Modelled firms have signed their share of demand above its past peak, rationed by the funding window."""
    b, rules, world, spans = m.borrowers, m.parameters.invest, m.world, m.columns.spans
    growth = np.maximum(world.compute_demand - world.compute_peak, 0.0) / m.parameters.rental.utilisation_cap
    captured = rules.capture * growth * np.exp(-world.closed)
    b.signed = 0.0
    for kind, part in (("miner", rules.miner_share), ("neocloud", 1.0 - rules.miner_share)):
        rows = spans[kind]
        weight = b.growth_share[rows] * b.alive[rows]
        if len(weight):
            share = np.zeros_like(b.cash)
            share[rows] = ratio(weight, ordered_sum(weight)) * captured * part
            b.signed = b.signed + share
    price = world.rent * average_discount(m.parameters.offtake.buyer_decay, float(m.parameters.offtake.new_months))
    signed(m, b.signed, price * (1.0 - m.parameters.offtake.discount))


def places_orders(m: ComputeCreditModel) -> None:
    """Orders stand in the pipeline at the list price, and lenders that can have committed to finance them."""
    b, f, edges, rules = m.borrowers, m.facilities, m.edges, m.parameters.invest
    slot = (m.order_slot + rules.lag_months - 1) % b.pipeline.shape[1]
    ordered = b.pipeline[:, slot] + b.order_units
    fresh = ratio(b.order_units, ordered)
    m.columns.write_slot(("borrower", "pipeline"), slot, ordered)
    for name, before in (("unpaid", b.unpaid[:, slot]), ("agreed", b.agreed[:, slot])):
        m.columns.write_slot(("borrower", name), slot, before + fresh * (m.market.list_price - before))
    cost = over_generations(b.order_units * m.market.list_price) / MILLION
    willing = np.where(m.lenders.room > 0.0, 1.0, 0.0) * m.lenders.grows * np.exp(-m.world.closed)
    lines = edges.expansion * np.where(f.limit + f.drawn > 0.0, 1.0, 0.0)
    share = ratio(lines, m.links.borrower.sum(lines + 0.0 * f.drawn)[edges.borrower])
    f.limit = f.limit + cost[edges.borrower] * rules.advance * share * willing[edges.lender]
    m.fires("machines ordered", over_generations(b.order_units))
