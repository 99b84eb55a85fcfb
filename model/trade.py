"""What did the market for machines decide this round: prices, shares sold, who bought? Finite bids, or an impact?

Two markets with one face. The auction meets finite bids and may leave machines unsold. The impact is the textbook's
market: whatever is offered is sold, and only the price answers.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nobid.agents.buyer import AIR, LIQUID
from nobid.agents.finance import MILLION
from nobid.agents.state import Array, ordered_sum, ratio
from nobid.model import repo
from nobid.model.accounts import BUYER, PUBLIC, VENDOR, Account, Holder
from nobid.model.auction import call_auction
from nobid.model.backstop import MAKER, STATE, Backstops
from nobid.model.fire_sale import Impact, sells
from nobid.model.fleet import all_units

if TYPE_CHECKING:
    from nobid.model.system import ComputeCreditModel


DUST = 1e-6  # of a machine: what rounding leaves free of a full rack is no bid


def scrap_price(m: ComputeCreditModel) -> Array:
    """Reserve of a forced seller, USD a unit."""
    return m.parameters.auction.scrap * m.hardware.list_start + 0.0 * m.market.mark


def patient_reserve(m: ComputeCreditModel) -> Array:
    """Reserve of a lender above target: `max(.5 V_med, .7 mark)`, and never under scrap."""
    auction, market = m.parameters.auction, m.market
    floor = np.maximum(auction.seized_reserve_value * market.value, auction.seized_reserve_mark * market.mark)
    return np.maximum(floor, scrap_price(m))


def opens_trade(m: ComputeCreditModel, *, whole_month: bool = False) -> Trade:
    """The market of the scenario stands ready for one round, with the bids left this month or with those of a whole
    month.
    """
    market = ImpactTrade if m.parameters.market == "impact" else Trade
    return market(m, whole_month=whole_month)


def sold_at_once(m: ComputeCreditModel, units: Array, generations: Iterable[int]) -> Trade:
    """What a whole month's bids would decide on a forced sale of `units` (G, R), newest first; nothing has moved."""
    trade, nothing = opens_trade(m, whole_month=True), np.zeros(units.shape[1:])
    for generation in sorted(generations, reverse=True):
        if units[generation].any():
            trade.clear(generation, units[generation], nothing)
    return trade


@dataclass(frozen=True)
class Taker:
    """Who takes part of what is sold: who pays, who holds the machines then (None: the vendor, out of the market), how
    much of a sale each of its rows takes (rows, G, R), and all of them together (G, R).
    """

    payer: Account
    holder: Holder | None
    split: Array
    share: Array


class Trade:
    """What the auctions of one round decided: prices, shares filled, units bought. Money has not moved yet."""

    def __init__(self, m: ComputeCreditModel, *, whole_month: bool = False) -> None:
        self._m, buyers = m, m.buyers
        shape = m.market.mark.shape
        self.price, self.forced_share, self.patient_share = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        self.sold = np.zeros(shape)
        self.bought = np.zeros(buyers.units.shape)
        self.free, self.appetite = buyers.free.copy(), buyers.appetite_left.copy()
        self.budget, self.cash = buyers.budget_left.copy(), buyers.cash.copy()
        if whole_month:
            self.budget, self.appetite = buyers.month_budget().copy(), buyers.month_appetite().copy()
        self.capacity = repo.broker_capacity(m)
        self.haircut = repo.broker_haircuts(m)
        self.own_cash = np.zeros(buyers.cash.shape)
        self.backstops = Backstops(m, whole_month=whole_month)
        self.funded = np.where(buyers.broker > 0.0, 0.0, 1.0)  # 1 where owners pay for what is bought

    def clear(self, g: int, forced: Array, patient: Array) -> None:
        """Generation g is cleared and what its buyers spent is gone for the next one."""
        m = self._m
        limit, quantity, budget = self._bids(g)
        own = len(limit)
        if self.backstops.bid:
            limit = np.concatenate([limit, self.backstops.limits(g)])
            quantity = np.concatenate([quantity, np.stack([forced + patient] * 2)])
            budget = np.concatenate([budget, self.backstops.budget])
        cleared = call_auction(
            limit,
            quantity,
            budget * MILLION,
            ask=np.stack([forced, patient]),
            reserve=np.stack([scrap_price(m)[g], patient_reserve(m)[g]]),
        )
        traded = np.where(ordered_sum(cleared.sold) > DUST, 1.0, 0.0)
        shares = ratio(cleared.sold * traded, np.stack([forced, patient]))
        self.price[g], self.sold[g] = cleared.price * traded, ordered_sum(cleared.sold) * traded
        self.forced_share[g], self.patient_share[g] = shares[0], shares[1]
        bought = ordered_sum(cleared.bought[:own].reshape(m.parameters.buyers.tranches, -1, traded.shape[0])) * traded
        if self.backstops.bid:
            self.backstops.take(g, cleared.bought[own:] * traded, cleared.price)
        self.bought[:, g] = bought
        self._use_up(g, bought, bought * cleared.price / MILLION)

    def takers(self) -> list[Taker]:
        """Between whom what was sold is split, buyers first."""
        state, maker = self.backstops.bought[STATE], self.backstops.bought[MAKER]
        total = ordered_sum(self.bought) + state + maker
        split = ratio(self.bought, total)
        if not self.backstops.bid:
            return [Taker(BUYER, ("buyer", "units"), split, np.ones_like(total))]
        return [
            Taker(BUYER, ("buyer", "units"), split, ordered_sum(split)),
            Taker(PUBLIC, ("public", "units"), ratio(state, total)[np.newaxis], ratio(state, total)),
            Taker(VENDOR, None, ratio(maker, total)[np.newaxis], ratio(maker, total)),
        ]

    def takes_racks(self) -> None:
        """Racks, appetite and budgets of the buyers are less by what they took."""
        buyers = self._m.buyers
        buyers.free = self._less(buyers.free, self.free)
        buyers.appetite_left = self._less(buyers.appetite_left, self.appetite)
        buyers.budget_left = self._less(buyers.budget_left, self.budget)

    @staticmethod
    def _less(before: Array, after: Array) -> Array:
        """What is left, never under nothing for rounding's sake; where nothing was taken, to the bit what was there."""
        return np.where(after < before, np.maximum(after, 0.0), before)

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


class ImpactTrade(Trade):
    """What a market decided that always has a buyer: all that is offered is sold, patient or not.

    `p = B + (mark - B) exp(-sold / depth)`, depth a share of all machines of the generation, `B = min(mark, floor V)`;
    never under scrap, which a forced seller asks in either market. The mark falls to p, so that sales in later rounds
    of a month go on from there: with B = 0 the fall depends on what the month sold, not on its order. The buyer that
    the textbook invents is paid for by the capital market: all buyers take machines by the size of their racks, whose
    owners fund them, and bring the racks that are missing; bids, budgets, appetite and repo play no part. The machines
    run on and supply compute, as after an auction.
    """

    def __init__(self, m: ComputeCreditModel, *, whole_month: bool = False) -> None:
        super().__init__(m, whole_month=whole_month)
        self.funded = np.ones_like(self.funded)
        racks = m.buyers.racks[:, AIR] + m.buyers.racks[:, LIQUID]
        even = np.where(ordered_sum(racks) > 0.0, racks, 1.0)
        self._share = ratio(even, ordered_sum(even))
        rules, market = m.parameters.impact, m.market
        self._floor = np.minimum(ratio(rules.floor * market.value, market.mark), 1.0)
        self._depth = rules.depth * all_units(m)
        self._power = np.zeros_like(self.free)

    def clear(self, g: int, forced: Array, patient: Array) -> None:
        """Generation g is sold, all of it."""
        m, offered = self._m, np.maximum(forced, 0.0) + np.maximum(patient, 0.0)
        sale = sells(m.market.mark[g], offered, Impact(self._depth[g], floor=self._floor[g]))
        self.sold[g] = offered
        self.price[g] = np.where(offered > 0.0, np.maximum(sale.price, scrap_price(m)[g]), 0.0)
        self.forced_share[g] = np.where(forced > 0.0, 1.0, 0.0)
        self.patient_share[g] = np.where(patient > 0.0, 1.0, 0.0)
        self.bought[:, g] = self._share * offered
        self._power[:, self._cooling(g)] += self.bought[:, g] * m.hardware.kw[g, 0]

    def takes_racks(self) -> None:
        """Machines stand in free racks, and in new ones where those do not suffice."""
        buyers = self._m.buyers
        used = np.minimum(self._power, np.maximum(buyers.free, 0.0))
        buyers.racks = buyers.racks + (self._power - used)
        buyers.free = buyers.free - used
