"""What is signed, ordered, delivered and financed: the boom going on?

Machines on order arrive and are paid on arrival: a draw on the expansion loan, customer prepayment, coins pledged,
equity and convertibles, then cash above a buffer. What cannot be paid for is not delivered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nobid.agents.finance import MILLION, average_discount, unit_value
from nobid.agents.state import Array, ordered_sum, over_generations, ratio
from nobid.model.books import BORROWER, BUYER, CAPITAL, USERS, VENDOR
from nobid.model.contracts import signed
from nobid.model.debt import market_value_of_equity
from nobid.model.lending import raises_funding

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
    """The oldest orders are delivered and paid, or dropped."""
    b = m.borrowers
    due, price = b.pipeline[:, 0] + 0.0, b.unpaid[:, 0] / MILLION
    nothing = np.zeros_like(due[:, np.newaxis])
    b.pipeline = np.concatenate([b.pipeline[:, 1:], nothing], axis=1)
    b.unpaid = np.concatenate([b.unpaid[:, 1:], nothing], axis=1)
    due = due * b.alive[:, np.newaxis]
    cost = over_generations(due * price)
    purse = Purse(m, due, cost)
    purse.pays()
    paid = cost - purse.unpaid
    arrived = due * np.where(cost > 0.0, ratio(paid, cost), 1.0)[:, np.newaxis]
    m.books.pay("capex", BORROWER, VENDOR, paid)
    takes_delivery(m, arrived, purse.drawn)
    m.fires("machines arrived", over_generations(arrived))
    m.fires("order dropped", purse.unpaid)


class Purse:
    """How each borrower pays for `cost` (n, R), every source up to its part; owners also refill a thin purse."""

    def __init__(self, m: ComputeCreditModel, units: Array, cost: Array) -> None:
        self._m, rules, b, closed = m, m.parameters.invest, m.borrowers, m.world.closed
        left = cost
        self.by_loan = np.minimum(loan_room(m, units), rules.advance * cost)
        left = left - self.by_loan
        self.by_coins = np.minimum(coin_room(m) * np.where(cost > 0.0, 1.0, 0.0), left)
        left = left - self.by_coins
        contracted = np.where(m.links.seller.sum(m.offtakes.h100e) > 0.0, 1.0, 0.0)
        self.by_customer = np.minimum(rules.prepayment * cost * contracted, left)
        left = left - self.by_customer
        buffer = rules.buffer_months * (m.links.borrower.sum(m.facilities.service) + b.overhead) * b.alive
        thin = np.maximum(buffer - b.cash, 0.0)
        window = rules.issuance * np.exp(-m.parameters.funding.issuance_decay * closed)
        self.by_owners = np.minimum(np.maximum(market_value_of_equity(m), 0.0) * window * b.alive, left + thin)
        left = left - np.maximum(self.by_owners - thin, 0.0)
        self.by_cash = np.minimum(np.maximum(b.cash - buffer, 0.0), left)
        self.unpaid = left - self.by_cash
        self.drawn = 0.0 * cost

    def pays(self) -> None:
        """Every source but own cash has paid its part to the borrowers."""
        m, rules = self._m, self._m.parameters.invest
        self.drawn = draws(m, self.by_loan)
        borrows_on_coins(m, self.by_coins)
        takes_prepayment(m, self.by_customer)
        convertible = issues_convertibles(m, self.by_owners * rules.convert_share)
        m.books.pay("equity issued", CAPITAL, BORROWER, self.by_owners - convertible)
        m.fires("equity issued", self.by_owners)


def loan_room(m: ComputeCreditModel, units: Array) -> Array:
    """What each borrower's expansion loan would lend against `units` now: limit, coverage, lender, PV over DSCR*."""
    f, edges, rules = m.facilities, m.edges, m.parameters.invest
    room = np.maximum(f.limit - f.drawn, 0.0) * edges.expansion * np.where(f.coverage >= 1.0, 1.0, 0.0)
    room = room * np.where(f.waiver_left > 0.0, 0.0, 1.0)
    lender_room = (m.lenders.room * np.exp(-m.world.closed))[edges.lender]
    asked = m.links.lender.sum(room)[edges.lender]
    room = room * np.minimum(ratio(lender_room, asked), 1.0)
    tenor = np.full((1, 1), float(rules.tenor_months))
    rate = m.parameters.debt.base_rate + m.parameters.funding.spread
    belief = m.parameters.lenders.belief_decay
    worth = unit_value(m.market.earning, m.hardware.cost, tenor, belief, rate) / MILLION
    sized = over_generations(units * worth) / rules.dscr
    return np.minimum(m.links.borrower.sum(room), sized) * m.borrowers.alive


def coin_room(m: ComputeCreditModel) -> Array:
    """What free coins would bring at the initial ratio, to firms that have a coin loan with a willing lender: `(n, R)`."""
    f, edges, b = m.facilities, m.edges, m.borrowers
    open_loans = edges.is_coin_loan * np.where(f.principal_due > 0.0, 0.0, 1.0) * (1.0 - f.calling)
    room = m.links.borrower.sum(open_loans * m.lenders.room[edges.lender] * np.exp(-m.world.closed))
    allowed = 0.0 if m.parameters.debt.ring_fence_coins else m.parameters.debt.btc.initial
    return np.minimum(allowed * b.coins * m.world.coin / MILLION, room) * b.alive


def borrows_on_coins(m: ComputeCreditModel, wanted: Array) -> None:
    """Coin loans have been drawn by `wanted` (n, R) against free coins pledged at the initial ratio."""
    f, edges = m.facilities, m.edges
    open_loans = edges.is_coin_loan * np.where(f.principal_due > 0.0, 0.0, 1.0) * (1.0 - f.calling)
    room = open_loans * m.lenders.room[edges.lender]
    drawn = room * ratio(wanted, m.links.borrower.sum(room))[edges.borrower]
    pledged = drawn / (m.parameters.debt.btc.initial * m.world.coin / MILLION)
    raises_funding(m, np.maximum(m.links.lender.sum(drawn) - np.maximum(m.lenders.cash, 0.0), 0.0))
    m.books.move_coins(("borrower", "coins"), ("facility", "coins"), m.links.borrower.sum(pledged), pledged)
    m.books.lend(drawn)
    f.limit = np.maximum(f.limit, f.drawn)
    m.world.new_credit = m.world.new_credit + ordered_sum(drawn)
    m.fires("coins pledged for machines", drawn)


def draws(m: ComputeCreditModel, wanted: Array) -> Array:
    """Expansion loans have been drawn by `wanted` (n, R), lenders having raised the funding; per facility `(E, R)`."""
    f, edges = m.facilities, m.edges
    room = np.maximum(f.limit - f.drawn, 0.0) * edges.expansion
    share = ratio(wanted, m.links.borrower.sum(room))[edges.borrower]
    drawn = room * share
    raises_funding(m, np.maximum(m.links.lender.sum(drawn) - np.maximum(m.lenders.cash, 0.0), 0.0))
    weight = ratio(drawn, f.drawn + drawn)
    rate = f.contract_rate + m.parameters.funding.spread * m.world.closed
    f.rate = f.rate + weight * (rate - f.rate)
    f.months_left = f.months_left + weight * (float(m.parameters.invest.tenor_months) - f.months_left)
    m.books.lend(drawn)
    m.world.new_credit = m.world.new_credit + ordered_sum(drawn)
    m.fires("expansion drawn", drawn)
    return drawn


def takes_prepayment(m: ComputeCreditModel, amount: Array) -> None:
    """Customers have prepaid `amount` (n, R), shared over the borrower's contracts, to be worked off."""
    held = m.offtakes.h100e
    share = ratio(held, m.links.seller.sum(held)[m.edges.seller])
    paid = amount[m.edges.seller] * share
    m.books.pay("compute sales", USERS, BUYER.along(m.links.customer), paid)
    m.books.pay("customer prepayment", BUYER.along(m.links.customer), BORROWER.along(m.links.seller), paid)
    m.offtakes.prepaid = m.offtakes.prepaid + paid
    m.fires("customer prepayment", paid)


def issues_convertibles(m: ComputeCreditModel, amount: Array) -> Array:
    """Funds have bought convertibles of firms that have some outstanding, as far as their room goes: `(n, R)`."""
    f, edges = m.facilities, m.edges
    outstanding = f.drawn * edges.is_convertible * m.lenders.alive[edges.lender]
    each = amount[edges.borrower] * ratio(outstanding, m.links.borrower.sum(outstanding)[edges.borrower])
    asked = m.links.lender.sum(each)[edges.lender]
    each = each * np.minimum(ratio(m.lenders.room[edges.lender], asked), 1.0)
    raises_funding(m, np.maximum(m.links.lender.sum(each) - np.maximum(m.lenders.cash, 0.0), 0.0))
    m.books.issue(each)
    m.world.new_credit = m.world.new_credit + ordered_sum(each)
    m.fires("convertibles issued", each)
    return m.links.borrower.sum(each)


def takes_delivery(m: ComputeCreditModel, units: Array, drawn: Array) -> None:
    """Machines that a draw paid for are pledged to it; the others are free. They stand in the books at cost."""
    b, links, edges = m.borrowers, m.links, m.edges
    share = ratio(drawn, links.borrower.sum(drawn)[edges.borrower])
    pledged = units[edges.borrower] * share[:, np.newaxis]
    financed = np.where(links.borrower.sum(drawn) > 0.0, 1.0, 0.0)[:, np.newaxis]
    held = b.units + b.repo_units + links.borrower.sum(m.facilities.units)
    weight = ratio(units, held + units)
    b.book = b.book + weight * (m.market.list_price - b.book)
    m.books.move_units(None, ("facility", "units"), pledged, pledged)
    free = units * (1.0 - financed)
    m.books.move_units(None, ("borrower", "units"), free, free)


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
    slot = rules.lag_months - 1
    pipeline, unpaid = b.pipeline + 0.0, b.unpaid + 0.0
    before = pipeline[:, slot]
    pipeline[:, slot] = before + b.order_units
    unpaid[:, slot] += ratio(b.order_units, pipeline[:, slot]) * (m.market.list_price - unpaid[:, slot])
    b.pipeline, b.unpaid = pipeline, unpaid
    cost = over_generations(b.order_units * m.market.list_price) / MILLION
    willing = np.where(m.lenders.room > 0.0, 1.0, 0.0) * m.lenders.grows * np.exp(-m.world.closed)
    lines = edges.expansion * np.where(f.limit + f.drawn > 0.0, 1.0, 0.0)
    share = ratio(lines, m.links.borrower.sum(lines + 0.0 * f.drawn)[edges.borrower])
    f.limit = f.limit + cost[edges.borrower] * rules.advance * share * willing[edges.lender]
    m.fires("machines ordered", over_generations(b.order_units))
