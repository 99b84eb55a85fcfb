"""Who sells machines this round, who bids, at what price do they go, and who owns them after?

One call auction per generation, newest first, so that racks and budgets spent on new machines are gone for old ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nobid.agents.buyer import AIR, LIQUID
from nobid.agents.finance import MILLION
from nobid.agents.state import Array, ordered_sum, over_generations, ratio
from nobid.model import repo
from nobid.model.accounts import BORROWER, BUYER, CAPITAL, ESTATE, LENDER, LIQUIDATORS, Account
from nobid.model.auction import call_auction
from nobid.model.release import settles_pledged_sales

if TYPE_CHECKING:
    from nobid.model.system import ComputeCreditModel


def opens_month(m: ComputeCreditModel) -> None:
    """Marks have moved towards value, values and bid limits of the month are known, counters are zero."""
    market, auction, fit = m.market, m.parameters.auction, m.hardware
    m.do("buyer", "values_machines")
    m.do("buyer", "opens_month")
    market.value = median_value(m)
    follows = np.maximum((1.0 - m.parameters.hardware.vendor_margin) * market.value, scrap_price(m))
    market.list_price = np.where(fit.follows > 0.0, np.minimum(fit.list_start, follows), fit.list_start)
    before = market.mark
    fresh = np.minimum(market.list_price, market.value)
    reverted = before + auction.mark_reversion * (market.value - before)
    market.mark = np.where(before > 0.0, reverted, fresh) * fit.launched
    track_marks(m, before)
    for name in ("last_price", "offered", "sold", "turnover"):
        setattr(market, name, 0.0)
    market.sale_price = auction.presale_price * market.mark


def values_at_start(m: ComputeCreditModel) -> None:
    """The first marks stand at `min(list, V_med)`, appraisals and peaks with them."""
    m.classes["buyer"].every(m).values_machines()
    market = m.market
    market.value = median_value(m)
    market.mark = np.minimum(m.hardware.list_start, market.value) * m.hardware.launched
    market.appraisal, market.peak = market.mark, market.mark
    market.sale_price = m.parameters.auction.presale_price * market.mark
    left = np.clip(1.0 - np.maximum(m.hardware.age, 0.0) / m.parameters.hardware.book_life, 0.0, 1.0)
    market.book = m.hardware.list_start * left


def track_marks(m: ComputeCreditModel, before: Array) -> None:
    """Peak, volatility and appraisal have followed the mark."""
    market = m.market
    memory = 1.0 / m.parameters.lenders.appraisal_months
    known = (before > 0.0) & (market.mark > 0.0)
    move = np.abs(np.where(known, np.log(np.where(known, market.mark / np.where(known, before, 1.0), 1.0)), 0.0))
    market.peak = np.maximum(market.peak, market.mark)
    market.volatility = market.volatility + memory * (move - market.volatility)
    first = (market.appraisal <= 0.0) & (market.mark > 0.0)
    market.appraisal = np.where(first, market.mark, market.appraisal + memory * (market.mark - market.appraisal))


def median_value(m: ComputeCreditModel) -> Array:
    """Value of every generation to the median buyer that could place machines, USD a unit: `(G, R)`."""
    ranked = np.sort(m.buyers.value[m.bidders], axis=0)
    count = len(ranked)
    middle: Array = (ranked[(count - 1) // 2] + ranked[count // 2]) / 2.0
    return middle


def scrap_price(m: ComputeCreditModel) -> Array:
    """Reserve of a forced seller, USD a unit."""
    return m.parameters.auction.scrap * m.hardware.list_start + 0.0 * m.market.mark


def patient_reserve(m: ComputeCreditModel) -> Array:
    """Reserve of a lender above target: `max(.5 V_med, .7 mark)`, and never under scrap."""
    auction, market = m.parameters.auction, m.market
    floor = np.maximum(auction.seized_reserve_value * market.value, auction.seized_reserve_mark * market.mark)
    return np.maximum(floor, scrap_price(m))


def holds_auctions(m: ComputeCreditModel) -> None:
    """Everything on offer this round has met its bids; machines and money have changed hands; marks have fallen."""
    b, lenders = m.borrowers, m.lenders
    waits = (lenders.alive * (1.0 - lenders.tight))[:, np.newaxis]
    asks = Asks(
        free=np.minimum(b.offer_units, b.units),
        pledged=pledged_offers(m),
        estate=estate_offers(m),
        hurried=lenders.offer_seized * (1.0 - waits),
        waiting=lenders.offer_seized * waits,
    )
    forced, patient = asks.forced(), asks.patient()
    if not (forced + patient).any():
        return
    m.market.offered = np.maximum(m.market.offered, forced + patient)
    trade = Trade(m)
    for generation in range(len(m.hardware.names) - 1, -1, -1):
        if (forced[generation] + patient[generation]).any():
            trade.clear(generation, forced[generation], patient[generation])
    marks_fall(m, trade)
    buyers_pay_and_receive(m, trade)
    sellers_deliver(m, trade, asks)


@dataclass(frozen=True)
class Asks:
    """Machines on offer by who offers them, each `(rows, G, R)`."""

    free: Array
    pledged: Array
    estate: Array
    hurried: Array
    waiting: Array

    def forced(self) -> Array:
        """Units offered at scrap: `(G, R)`."""
        own = ordered_sum(self.free) + ordered_sum(self.pledged)
        return own + ordered_sum(self.estate) + ordered_sum(self.hurried)

    def patient(self) -> Array:
        """Units offered by lenders that can wait: `(G, R)`."""
        return ordered_sum(self.waiting)


def pledged_offers(m: ComputeCreditModel) -> Array:
    """Pledged machines on offer, whole units of every generation and facility: `(E, G, R)`."""
    units = m.facilities.units
    return np.minimum(np.ceil(units * m.borrowers.offer_pledged[m.edges.borrower][:, np.newaxis]), units)


def estate_offers(m: ComputeCreditModel) -> Array:
    """Machines left in estates are offered, a share of the month's opening stock: `(n, G, R)`."""
    b = m.borrowers
    quota = m.parameters.auction.seized_share * b.estate_opening - b.estate_offered
    return np.clip(np.ceil(quota), 0.0, b.units) * (1.0 - b.alive)[:, np.newaxis]


class Trade:
    """What the auctions of one round decided: prices, shares filled, units bought. Money has not moved yet."""

    def __init__(self, m: ComputeCreditModel) -> None:
        self._m, buyers = m, m.buyers
        shape = m.market.mark.shape
        self.price, self.forced_share, self.patient_share = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        self.sold = np.zeros(shape)
        self.bought = np.zeros(buyers.units.shape)
        self.free, self.appetite = buyers.free.copy(), buyers.appetite_left.copy()
        self.budget, self.cash = buyers.budget_left.copy(), buyers.cash.copy()
        self.capacity = repo.broker_capacity(m)
        self.haircut = repo.broker_haircuts(m)
        self.own_cash = np.zeros(buyers.cash.shape)

    def clear(self, g: int, forced: Array, patient: Array) -> None:
        """Generation g is cleared and what its buyers spent is gone for the next one."""
        m = self._m
        limit, quantity, budget = self._bids(g)
        cleared = call_auction(
            limit,
            quantity,
            budget * MILLION,
            ask=np.stack([forced, patient]),
            reserve=np.stack([scrap_price(m)[g], patient_reserve(m)[g]]),
        )
        shares = ratio(cleared.sold, np.stack([forced, patient]))
        self.price[g], self.sold[g] = cleared.price, ordered_sum(cleared.sold)
        self.forced_share[g], self.patient_share[g] = shares[0], shares[1]
        bought = ordered_sum(cleared.bought.reshape(m.parameters.buyers.tranches, -1, cleared.price.shape[0]))
        self.bought[:, g] = bought
        self._use_up(g, bought, bought * cleared.price / MILLION)

    def _bids(self, g: int) -> tuple[Array, Array, Array]:
        m, rules = self._m, self._m.parameters.buyers
        buyers, count = m.buyers, rules.tranches
        room = np.maximum(np.minimum(self.free, self.appetite), 0.0)[:, self._cooling(g)]
        financed = buyers.broker_budget(
            haircut=self.haircut[:, g], capacity=self.capacity, cash=self.cash, budget=self.budget
        )
        budget = np.where(buyers.broker > 0.0, financed, self.budget) / count
        limits = [buyers.limit[:, g] * (1.0 - rules.tranche_slope * j / count) for j in range(count)]
        units = room / m.hardware.kw[g, 0] / count
        return np.concatenate(limits), np.concatenate([units] * count), np.concatenate([budget] * count)

    def _cooling(self, g: int) -> int:
        return LIQUID if self._m.hardware.liquid[g, 0] > 0.0 else AIR

    def _use_up(self, g: int, bought: Array, spent: Array) -> None:
        power, broker = bought * self._m.hardware.kw[g, 0], self._m.buyers.broker
        self.free[:, self._cooling(g)] -= power
        self.appetite[:, self._cooling(g)] -= power
        self.budget -= spent
        own = broker * spent * self.haircut[:, g]
        self.own_cash += own
        self.cash -= own
        self.capacity -= broker * spent * (1.0 - self.haircut[:, g])


def marks_fall(m: ComputeCreditModel, trade: Trade) -> None:
    """A trade marks its generation at `min(mark, price)`; an offer that finds no bid marks nothing."""
    market, traded = m.market, trade.price > 0.0
    market.mark = np.where(traded, np.minimum(market.mark, trade.price), market.mark)
    market.last_price = np.where(traded, trade.price, market.last_price)
    market.sale_price = np.where(traded, trade.price, market.sale_price)
    market.sold = market.sold + trade.sold
    market.turnover = market.turnover + trade.sold * trade.price / MILLION
    m.moves(ordered_sum(trade.sold))
    m.fires("auction", traded)


def buyers_pay_and_receive(m: ComputeCreditModel, trade: Trade) -> None:
    """Buyers are funded by their owners, brokers by repo and their own cash; racks, budgets and moving are paid."""
    buyers = m.buyers
    spent = over_generations(trade.bought * trade.price) / MILLION
    moving = over_generations(trade.bought) * buyers.move_in / MILLION
    own = np.where(buyers.broker > 0.0, 0.0, 1.0)
    m.books.pay("acquisition funding", spent * own + moving, payer=CAPITAL, payee=BUYER)
    m.books.pay("move-in", moving, payer=BUYER, payee=LIQUIDATORS)
    repo.finances_brokers(m, np.maximum(spent * (1.0 - own) - trade.own_cash, 0.0))
    buyers.free, buyers.appetite_left = np.maximum(trade.free, 0.0), np.maximum(trade.appetite, 0.0)
    buyers.budget_left = np.maximum(trade.budget, 0.0)
    m.record.sales(m, trade.bought, trade.price)


def sellers_deliver(m: ComputeCreditModel, trade: Trade, asks: Asks) -> None:
    """Machines are with their buyers, money with the sellers; pledged machines have prepaid their facility."""
    price = trade.price / MILLION
    split = ratio(trade.bought, ordered_sum(trade.bought))
    seized = asks.hurried * trade.forced_share + asks.waiting * trade.patient_share
    for payee, column, units in (
        (BORROWER, ("borrower", "units"), asks.free * trade.forced_share),
        (ESTATE, ("borrower", "units"), asks.estate * trade.forced_share),
        (LENDER, ("lender", "seized"), seized),
    ):
        total = ordered_sum(units)
        m.books.settle(
            "used machines",
            payer=BUYER,
            paid=over_generations(split * total * price),
            payee=payee,
            received=over_generations(units * price),
        )
        m.books.move_units(giver=column, taker=("buyer", "units"), gone=units, come=split * total)
        if payee is not BORROWER:
            pays_liquidators(m, payee, over_generations(units * price))
    pledged = asks.pledged * trade.forced_share
    settles_pledged_sales(m, pledged, price=price, split=split)
    b, lenders = m.borrowers, m.lenders
    b.estate_offered = b.estate_offered + asks.estate
    lenders.offered_seized = lenders.offered_seized + asks.hurried + asks.waiting


def pays_liquidators(m: ComputeCreditModel, seller: Account, proceeds: Array) -> None:
    """Estates and lenders that sold machines have paid the cost of selling out of the proceeds."""
    m.books.pay("liquidation cost", proceeds * m.parameters.debt.liquidation_cost, payer=seller, payee=LIQUIDATORS)


def depth_price(m: ComputeCreditModel, units: Array) -> Array:
    """The price at which `units` (G, R) of each generation could be sold now, alone: a hypothetical auction, USD."""
    trade = Trade(m)
    nothing = np.zeros(units.shape[1:])
    for generation in range(len(m.hardware.names) - 1, -1, -1):
        if units[generation].any():
            trade.clear(generation, units[generation], nothing)
    return trade.price * trade.forced_share
