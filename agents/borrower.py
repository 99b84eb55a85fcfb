"""What do miners and neo-clouds share: how do they find cash, in what order, and when do they give up?

Every rule reads the agent's own row and the world, and writes decisions into its own row. Money moves in `model/`.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from nobid.agents.finance import MILLION, unit_value
from nobid.agents.state import Actor, Array, Real, over_generations, ratio

CENT = 1e-8  # USD million: below this nothing is owed


class Borrower(Actor):
    """A firm that owes money against machines, coins or sites."""

    family: ClassVar[str] = "borrower"
    kind: ClassVar[str] = "borrower"

    cash = Real("USD m", "cash at bank")
    coins = Real("BTC", "coins free of liens")
    units = Real("units", "machines free of liens", over=("generation",))
    repo_units = Real("units", "machines pledged in repo", over=("generation",))
    book = Real("USD/unit", "book value of a machine", over=("generation",))
    pipeline = Real("units", "machines on order, a ring of the months in which they arrive", over=("lag", "generation"))
    unpaid = Real("USD/unit", "price still to pay on arrival, the same ring", over=("lag", "generation"))
    agreed = Real("USD/unit", "price agreed for machines on order, the same ring", over=("lag", "generation"))
    hash_eh = Real("EH/s", "hash rate")
    site_mw = Real("MW", "powered sites owned and free of liens")
    growth_share = Real("share", "weight in newly signed capacity", fixed=True)
    hash_cost = Real("USD/PH/day", "power cost of mining", fixed=True)
    overhead = Real("USD m/month", "costs that do not depend on machines", fixed=True)
    other_income = Real("USD m/month", "income from outside the model", fixed=True)
    belief_decay = Real("1/year", "decay that the firm believes in", fixed=True)
    book_life = Real("months", "straight-line book life", fixed=True)
    strike = Real("USD m", "market value of equity at which convertibles convert")

    safe = Real("0/1", "1 where outside money pays whatever is due", fixed=True)
    alive = Real("0/1", "1 until default")
    income = Real("USD m/month", "earnings before interest, this month")
    arrears = Real("USD m", "power, staff and overhead not paid yet this month")
    site_arrears = Real("USD m", "site rent to outside landlords not paid yet this month")
    repo_debt = Real("USD m", "repo owed, due at the month's start")
    repo_due = Real("USD m", "repo not rolled, due now")
    repo_interest = Real("USD m", "repo interest due now")
    official_debt = Real("USD m", "public loans against free machines, due at the month's start")
    official_units = Real("units", "machines pledged to the public", over=("generation",))
    official_due = Real("USD m", "public loans not rolled, due now")
    official_interest = Real("USD m", "interest on public loans due now")
    repo_claim = Real("USD m", "repo claim left after default")
    estate_cash = Real("USD m", "cash of the estate after default")
    estate_opening = Real("units", "machines in the estate at the month's start", over=("generation",))
    estate_offered = Real("units", "machines the estate offered this month, cumulative", over=("generation",))

    due = Real("USD m", "all that is due now")
    undrawn = Real("USD m", "committed lines that can be drawn now")
    loan_coins = Real("BTC", "coins above what coin loans require")
    repo_value = Real("USD m", "what the repo market would lend now")
    official_value = Real("USD m", "what the public would lend now")
    pledged_gross = Real("USD m", "price of all pledged machines whose sale would help")
    pledged_relief = Real("USD m", "what of it would come off dues")
    pledged_excess = Real("USD m", "what of it would be left above the release price")
    offers = Real("", "times machines were offered this month")
    want_draw = Real("USD m", "wish: draw on committed lines")
    want_coins = Real("BTC", "wish: sell free coins")
    want_repo = Real("USD m", "wish: borrow in repo")
    want_official = Real("USD m", "wish: borrow from the public")
    want_release = Real("BTC", "wish: release coins from coin loans and sell them")
    offer_units = Real("units", "offer: free machines", over=("generation",))
    offer_pledged = Real("share", "offer: share of pledged machines")
    failing = Real("0/1", "cannot pay and has nothing left to offer")
    mined_sale = Real("BTC", "wish: mined coins sold at once")
    mined = Real("BTC", "coins mined this month")
    signed = Real("H100e", "capacity newly signed this month")
    order_units = Real("units", "machines ordered this month", over=("generation",))

    def free_units(self) -> Array:
        """Machines free of liens; where all were sold or pledged, rounding may leave less than nothing."""
        return np.maximum(self.units, 0.0)

    def loose_units(self) -> Array:
        """Machines that no facility finances, free or pledged for a month."""
        return self.units + self.repo_units + self.official_units

    def coins_for_sale(self) -> Array:
        """Free coins that may be sold for other debts, BTC."""
        rules = self.model.parameters
        return self.coins * (1.0 if rules.coin.sales_on and not rules.debt.ring_fence_coins else 0.0)

    def runs_mining(self) -> None:
        """A firm without rigs mines nothing."""
        self.mined, self.mined_sale = 0.0 * self.cash, 0.0 * self.cash

    def mining_cost(self) -> None:
        """A firm without rigs owes no power for them."""
        self.arrears = 1.0 * self.arrears

    def plans_cash(self) -> None:
        """The wishes cover what is due beyond cash, in order: lines, coins, repo, the public, pledged coins,
        machines.
        """
        world, auction = self.model.world, self.model.parameters.auction
        need = np.maximum(self.due - self.cash, 0.0) * self.alive
        need = np.where(need > CENT, need, 0.0)
        self.want_draw = np.minimum(need, self.undrawn)
        need = need - self.want_draw
        price = world.coin / MILLION
        self.want_coins = np.minimum(self.coins_for_sale(), need / price)
        need = np.maximum(need - self.want_coins * price, 0.0)
        self.want_repo = np.minimum(need, self.repo_value)
        need = need - self.want_repo
        self.want_official = np.minimum(need, self.official_value)
        need = need - self.want_official
        self.want_release = np.minimum(self.loan_coins, need / price)
        need = np.maximum(need - self.want_release * price, 0.0)
        may_offer = np.where((need > CENT) & (self.offers <= auction.reoffers) & auction.distress_on, 1.0, 0.0)
        self.offers_machines(need * may_offer)

    def offers_machines(self, need: Array) -> None:
        """Free machines are offered pro rata, whole units sized at the last price; then pledged ones."""
        guess = self.model.market.sale_price / MILLION
        held = self.free_units()
        worth = over_generations(held * guess)
        share = np.minimum(ratio(need, worth), 1.0)
        offered = np.minimum(np.ceil(held * share[..., np.newaxis, :]), held)
        self.offer_units = offered
        short = np.maximum(need - worth, 0.0)
        on_dues = ratio(np.minimum(short, self.pledged_relief), self.pledged_gross)
        above = ratio(np.maximum(short - self.pledged_relief, 0.0), self.pledged_excess)
        self.offer_pledged = np.clip(np.maximum(on_dues, above), 0.0, 1.0)

    def gives_up(self) -> None:
        """Failing: still short, with nothing left that could bring cash, or after a round in which nothing moved."""
        need = np.maximum(self.due - self.cash, 0.0)
        price = self.model.world.coin / MILLION
        liquid = (
            self.undrawn + (self.coins_for_sale() + self.loan_coins) * price + self.repo_value + self.official_value
        )
        machines = over_generations(self.units) + self.pledged_relief + self.pledged_excess
        auction = self.model.parameters.auction
        tired = (self.offers > auction.reoffers) | (not auction.distress_on)
        stuck = self.model.world.stalled > 0.0
        nothing = ((liquid <= CENT) & (tired | (machines <= CENT))) | stuck
        self.failing = np.where((self.alive > 0.0) & (need > CENT) & nothing, 1.0, 0.0)

    def cures(self, amount: Array, spare: Array) -> Array:
        """1 where the firm prepays `amount` to restore a covenant out of its `spare` cash."""
        share = self.model.parameters.debt.cure_share
        return np.where(amount <= share * spare, 1.0, 0.0)

    def surrenders(self, debt: Array, value: Array, spare: Array) -> Array:
        """1 where a firm short of cash hands a limited-recourse SPV without `spare` income to its lender."""
        beyond = debt > self.model.parameters.debt.walk_away_ltv * value
        short = self.due > self.cash + CENT
        return np.where(beyond & short & (spare < 0.0) & self.model.parameters.debt.walk_away_on, 1.0, 0.0)

    def orders_machines(self) -> None:
        """The firm orders what serves its newly signed capacity, of the machine it finds best, if it finds one good.

        Best: its own sticky valuation over the list price, above one. Valued at what a machine earns now.
        """
        market, fit = self.model.market, self.model.hardware
        required = self.model.parameters.debt.base_rate + self.model.parameters.invest.hurdle
        decay = self.belief_decay[..., np.newaxis, :]
        worth = (
            unit_value(market.earning, fit.cost, fit.life, decay=decay, required=required)
            / market.list_price
            * fit.on_sale
        )
        best = np.max(worth, axis=-2)[..., np.newaxis, :]
        chosen = (worth >= best) & (worth > 1.0)
        first = chosen & (np.add.accumulate(chosen, axis=-2) <= 1)
        wanted = self.signed[..., np.newaxis, :] / fit.h100e
        self.order_units = np.where(first, wanted, 0.0) * self.alive[..., np.newaxis, :]
