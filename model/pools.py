"""What moved the mark of a machine, the price of coin, the funding window: whose sales, whose losses, or the world?

A pool is a price that many moved together. What it did to somebody is shared as the pool's own movement is: the mark
of each generation among lower rents (worth under the reference), launches (bids under worth: racks wanted for newer
machines) and forced sales (mark under bids), these by units sold, faded as the mark reverts; the coin price between the
world and forced sales of coins; the funding window between the world and the losses that default news brought.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nobid.agents.state import Array, ordered_sum, ratio

if TYPE_CHECKING:
    from nobid.model.system import ComputeCreditModel


@dataclass(frozen=True)
class Share:
    """Shares (rows, R) of a pool's movement that belong to one family of agents, or to a root (rows = 1)."""

    cause: str
    state: str
    channel: str
    weight: Array


class Pools:
    """Who has been selling, and what prices were at the start; arrays in `model.columns` under "causes"."""

    def __init__(self, m: ComputeCreditModel, paths: int) -> None:
        self._m = m
        machines, borrowers = len(m.hardware.names), len(m.edges.borrowers)
        sellers = {"sold_forced": borrowers, "sold_estate": borrowers, "sold_hurried": len(m.edges.lender_names)}
        for name, rows in sellers.items():
            m.columns.arrays["causes", name] = np.zeros((rows, machines, paths))
        m.columns.arrays["causes", "coins_pushed"] = np.zeros((borrowers, paths))
        m.columns.arrays["causes", "mark_start"] = m.market.mark + 0.0
        m.columns.arrays["causes", "bid"] = np.zeros((machines, paths))
        self.names = [*(f"mark of {name}" for name in m.hardware.names), "coin price", "funding window"]
        self.coin, self.window = machines, machines + 1

    def of(self, name: str) -> Array:
        """The array of this name, to be changed in place."""
        return self._m.columns["causes", name]

    def opens_month(self) -> None:
        """Past sales count less; a new generation's first mark is its reference; the median bid is known."""
        m, market = self._m, self._m.market
        for name in ("sold_forced", "sold_estate", "sold_hurried"):
            self.of(name)[...] *= 1.0 - m.parameters.auction.mark_reversion
        self.of("coins_pushed")[...] *= m.parameters.coin.impact_decay
        start = self.of("mark_start")
        start[...] = np.where(start > 0.0, start, market.mark)
        buyers = m.buyers
        ranked = np.sort((buyers.limit + buyers.move_in[:, np.newaxis])[m.bidders], axis=0)
        self.of("bid")[...] = (ranked[(len(ranked) - 1) // 2] + ranked[len(ranked) // 2]) / 2.0

    def sells(self, name: str, units: Array) -> None:
        """Agents of this ledger have sold `units` (rows, G, R)."""
        self.of(name)[...] += units

    def pushes_coins(self, coins: Array) -> None:
        """Borrowers' coins (n, R) were sold because they had to be."""
        self.of("coins_pushed")[...] += coins

    def shares(self, pool: int) -> Iterator[Share]:
        """How the movement of a pool is shared now; the weights of all rows sum to one on every path."""
        if pool == self.coin:
            yield from self._coin()
        elif pool == self.window:
            yield from self._window()
        else:
            yield from self._mark(pool)

    def _mark(self, generation: int) -> Iterator[Share]:
        market, start = self._m.market, self.of("mark_start")[generation]
        mark, worth = market.mark[generation], market.worth[generation]
        fall = np.maximum(start - mark, 0.0)
        floor = np.clip(worth, mark, np.maximum(start, mark))
        bid = np.clip(self.of("bid")[generation], mark, floor)
        launch, fire = ratio(floor - bid, fall), ratio(bid - mark, fall)
        ledgers = [self.of(name)[:, generation] for name in ("sold_forced", "sold_estate", "sold_hurried")]
        sold = ordered_sum(np.concatenate(ledgers))
        fire = np.where(sold > 0.0, fire, 0.0)
        yield Share("rents", "", "rents", (1.0 - launch - fire)[np.newaxis])
        yield Share("launch", "", "launch", launch[np.newaxis])
        each = ratio(fire, sold)
        ends = (("borrower", "forced sale"), ("borrower", "default"), ("lender", "below target"))
        for (family, state), units in zip(ends, ledgers, strict=True):
            yield Share(family, state, "fire sale", units * each)

    def _coin(self) -> Iterator[Share]:
        world, pushed = self._m.world, self.of("coins_pushed")
        fall = np.log(self._m.parameters.coin.price) - np.log(world.coin)
        own = np.clip(ratio(world.coin_impact, fall), 0.0, 1.0) * np.where(ordered_sum(pushed) > 0.0, 1.0, 0.0)
        yield Share("coin", "", "coin", (1.0 - own)[np.newaxis])
        yield Share("borrower", "any", "coin sale", pushed * ratio(own, ordered_sum(pushed)))

    def _window(self) -> Iterator[Share]:
        world, families = self._m.world, (("borrower", self.of("news")), ("lender", self.of("news_lenders")))
        own = ratio(world.funding_losses, np.maximum(world.funding_own, 0.0) + world.funding_losses)
        told = ordered_sum(families[0][1]) + ordered_sum(families[1][1])
        whole = told + self.of("news_other")  # losses on seized machines are nobody's default
        yield Share("funding", "", "funding window", (1.0 - own * ratio(told, whole))[np.newaxis])
        for family, news in families:
            yield Share(family, "default", "default news", news * ratio(own, whole))
