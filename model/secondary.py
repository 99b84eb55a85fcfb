"""Who sells machines this round, who bids, at what price do they go, and who owns them after?

One market per generation, newest first, so that racks and budgets spent on new machines are gone for old ones; which
market, the call auction or a price impact, stands in `trade.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nobid.agents.finance import MILLION
from nobid.agents.state import Array, ordered_sum, over_generations
from nobid.model import repo
from nobid.model.accounts import BORROWER, BUYER, CAPITAL, ESTATE, LENDER, LIQUIDATORS, Account
from nobid.model.backstop import pays_for_machines
from nobid.model.release import settles_pledged_sales
from nobid.model.trade import Trade, opens_trade, scrap_price, sold_at_once

if TYPE_CHECKING:
    from nobid.model.system import ComputeCreditModel


def opens_month(m: ComputeCreditModel) -> None:
    """Marks have moved towards value, values and bid limits of the month are known, counters are zero."""
    market, auction, fit = m.market, m.parameters.auction, m.hardware
    m.do("buyer", "values_machines")
    m.do("buyer", "opens_month")
    values(m)
    before = market.mark
    fresh = np.minimum(market.list_price, market.value)
    reverted = before + auction.mark_reversion * (market.worth - before)
    market.mark = np.where(before > 0.0, reverted, fresh) * fit.launched
    track_marks(m, before)
    for name in ("last_price", "offered", "sold", "turnover"):
        setattr(market, name, 0.0)
    market.sale_price = auction.presale_price * market.mark


def values(m: ComputeCreditModel) -> None:
    """Value to the median buyer, the vendor's list price that follows it, and the worth of a used machine: its value,
    and never more than it cost new.
    """
    market, fit = m.market, m.hardware
    market.value = median_value(m)
    follows = np.maximum((1.0 - m.parameters.hardware.vendor_margin) * market.value, scrap_price(m))
    market.list_price = np.where(fit.follows > 0.0, np.minimum(fit.list_start, follows), fit.list_start)
    m.fires("list price falls", market.list_price < fit.list_start)
    market.worth = np.minimum(fit.list_start, market.value)


def values_at_start(m: ComputeCreditModel) -> None:
    """The first marks stand at `min(list, V_med)`, appraisals and peaks with them."""
    m.classes["buyer"].every(m).values_machines()
    market = m.market
    values(m)
    market.mark = np.minimum(m.hardware.list_start, market.worth) * m.hardware.launched
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


def holds_auctions(m: ComputeCreditModel) -> None:
    """Everything on offer this round has met its bids; machines and money have changed hands; marks have fallen."""
    b, lenders = m.borrowers, m.lenders
    hurry = m.parameters.auction.hurry_on
    waits = (lenders.alive * (1.0 - lenders.tight))[:, np.newaxis] if hurry else 1.0
    asks = Asks(
        free=np.minimum(b.offer_units, b.free_units()),
        pledged=pledged_offers(m),
        estate=estate_offers(m),
        hurried=lenders.offer_seized * (1.0 - waits),
        waiting=lenders.offer_seized * waits,
        hurry=hurry,
    )
    m.fires("seized machines offered", over_generations(asks.hurried + asks.waiting))
    m.fires("offered in a hurry", over_generations(ordered_sum(asks.hurried) + ordered_sum(asks.estate) * hurry))
    forced, patient = asks.forced(), asks.patient()
    if not (forced + patient).any():
        return
    m.market.offered = np.maximum(m.market.offered, forced + patient)
    trade = opens_trade(m)
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
    hurry: bool  # estates sell at any price

    def forced(self) -> Array:
        """Units offered at scrap: `(G, R)`."""
        own = ordered_sum(self.free) + ordered_sum(self.pledged)
        return own + ordered_sum(self.estate) * self.hurry + ordered_sum(self.hurried)

    def patient(self) -> Array:
        """Units offered by those that can wait: `(G, R)`."""
        return ordered_sum(self.waiting) + ordered_sum(self.estate) * (not self.hurry)

    def estate_share(self, trade: Trade) -> Array:
        """What part of the estates' machines was sold: `(G, R)`."""
        return trade.forced_share if self.hurry else trade.patient_share


def pledged_offers(m: ComputeCreditModel) -> Array:
    """Pledged machines on offer, whole units of every generation and facility: `(E, G, R)`."""
    units = np.maximum(m.facilities.units, 0.0)  # rounding may leave less than nothing where all was seized
    return np.minimum(np.ceil(units * m.borrowers.offer_pledged[m.edges.borrower][:, np.newaxis]), units)


def estate_offers(m: ComputeCreditModel) -> Array:
    """Machines left in estates are offered, a share of the month's opening stock: `(n, G, R)`."""
    b = m.borrowers
    quota = m.parameters.auction.seized_share * b.estate_opening - b.estate_offered
    return np.clip(np.ceil(quota), 0.0, b.units) * (1.0 - b.alive)[:, np.newaxis]


def marks_fall(m: ComputeCreditModel, trade: Trade) -> None:
    """Where the switch is on, a trade marks its generation at `min(mark, price)`; no bid, no mark."""
    market, traded = m.market, trade.price > 0.0
    marked = traded & m.parameters.auction.marks_on
    m.fires("sale marks down", marked & (trade.price < market.mark))
    market.mark = np.where(marked, np.minimum(market.mark, trade.price), market.mark)
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
    own = trade.funded
    m.books.pay("acquisition funding", spent * own + moving, payer=CAPITAL, payee=BUYER)
    m.books.pay("move-in", moving, payer=BUYER, payee=LIQUIDATORS)
    repo.finances_brokers(m, np.maximum(spent * (1.0 - own) - trade.own_cash, 0.0))
    trade.takes_racks()
    m.record.sales(m, trade.bought, trade.price)


def sellers_deliver(m: ComputeCreditModel, trade: Trade, asks: Asks) -> None:
    """Machines are with their buyers, money with the sellers; pledged machines have prepaid their facility."""
    price, takers = trade.price / MILLION, trade.takers()
    seized = asks.hurried * trade.forced_share + asks.waiting * trade.patient_share
    for payee, column, units in (
        (BORROWER, ("borrower", "units"), asks.free * trade.forced_share),
        (ESTATE, ("borrower", "units"), asks.estate * asks.estate_share(trade)),
        (LENDER, ("lender", "seized"), seized),
    ):
        total = ordered_sum(units)
        for taker in takers:
            m.books.settle(
                "used machines",
                payer=taker.payer,
                paid=over_generations(taker.split * total * price),
                payee=payee,
                received=over_generations(units * taker.share * price),
            )
            m.books.move_units(giver=column, taker=taker.holder, gone=units * taker.share, come=taker.split * total)
        if payee is not BORROWER:
            pays_liquidators(m, payee, over_generations(units * price))
    pledged = asks.pledged * trade.forced_share
    settles_pledged_sales(m, pledged, price=price, takers=takers)
    pays_for_machines(m, trade.backstops.bought, trade.price)
    counts_sellers(m, trade, asks, pledged=pledged)
    b, lenders = m.borrowers, m.lenders
    b.estate_offered = b.estate_offered + asks.estate
    lenders.offered_seized = lenders.offered_seized + asks.hurried + asks.waiting


def counts_sellers(m: ComputeCreditModel, trade: Trade, asks: Asks, *, pledged: Array) -> None:
    """Who sold how many is remembered, and what lenders had for what they took."""
    hurried, waiting = asks.hurried * trade.forced_share, asks.waiting * trade.patient_share
    forced = asks.free * trade.forced_share + m.links.borrower.sum(pledged)
    m.fires("machines sold in distress", over_generations(forced))
    m.fires("seized machines sold", over_generations(hurried + waiting))
    m.causes.sold(forced, asks.estate * asks.estate_share(trade), hurried=hurried, waiting=waiting)
    net = trade.price / MILLION * (1.0 - m.parameters.debt.liquidation_cost)
    m.causes.losses.takes_back(-(hurried + waiting) * net)


def pays_liquidators(m: ComputeCreditModel, seller: Account, proceeds: Array) -> None:
    """Estates and lenders that sold machines have paid the cost of selling out of the proceeds."""
    m.books.pay("liquidation cost", proceeds * m.parameters.debt.liquidation_cost, payer=seller, payee=LIQUIDATORS)


def depth_price(m: ComputeCreditModel, units: Array) -> Array:
    """What each of `units` (G, R) would bring if all were sold at once to a whole month's bids, unsold ones nothing,
    USD.
    """
    trade = sold_at_once(m, units, range(len(units)))
    return trade.price * trade.forced_share
