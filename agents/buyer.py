"""What would a buyer bid for a used machine, and when does it leave a contract?"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from nobid.agents.finance import MILLION, annuity, unit_value
from nobid.agents.state import Actor, Array, Real

AIR, LIQUID = 0, 1


class GPUBuyer(Actor):
    """A hyperscaler, cloud, AI lab, enterprise, vendor or broker."""

    family: ClassVar[str] = "buyer"
    kind: ClassVar[str] = "buyer"

    cash = Real("USD m", "cash")
    units = Real("units", "used machines bought", over=("generation",))
    repo_debt = Real("USD m", "repo owed (brokers)")
    racks = Real("kW", "racks by cooling class", over=("cooling",))
    free = Real("kW", "free racks by cooling class", over=("cooling",))
    budget = Real("USD m/month", "budget for used machines", fixed=True)
    required = Real("1/year", "required return", fixed=True)
    move_in = Real("USD/unit", "cost of moving a machine in", fixed=True)
    belief_decay = Real("1/year", "decay that the buyer believes in", fixed=True)
    broker = Real("0/1", "buys only what repo finances", fixed=True)
    lab = Real("0/1", "an AI lab", fixed=True)
    safe = Real("0/1", "1 where it never fails on its contracts", fixed=True)

    alive = Real("0/1", "1 until it fails on its contracts")
    value = Real("USD/unit", "value of a machine to this buyer, without rack rent", over=("generation",))
    limit = Real("USD/unit", "highest price it would pay", over=("generation",))
    budget_left = Real("USD m", "budget left this month")
    appetite_left = Real("kW", "racks it would still fill this month", over=("cooling",))

    def values_machines(self) -> None:
        """Value and bid limit of every generation are known: V(A, c + kW x rack rent) - move-in."""
        market, fit = self.model.market, self.model.hardware
        earning, cost, life = market.earning, fit.cost, fit.life
        decay, required = self.belief_decay[..., np.newaxis, :], self.required[..., np.newaxis, :]
        value = unit_value(earning, cost, life, decay=decay, required=required)
        self.value = value
        rack_rent = self.rack_rent(value)
        burdened = cost + fit.kw * np.where(fit.liquid > 0.0, rack_rent[..., LIQUID:, :], rack_rent[..., :LIQUID, :])
        net = unit_value(earning, burdened, life, decay=decay, required=required) - self.move_in[..., np.newaxis, :]
        most = np.where(
            fit.on_sale > 0.0, np.minimum(net, market.list_price), net
        )  # nobody pays more for used than for new
        self.limit = np.maximum(most, 0.0) * fit.launched * self.alive[..., np.newaxis, :]

    def rack_rent(self, value: Array) -> Array:
        """The rent of a kW-month by cooling class: the best surplus a new machine would earn there, USD.

        Counted while the class is nearly full; air racks may take the liquid best less the retrofit; capped at the
        cost of new power. `(…, cooling, R)`.
        """
        market, fit, buyers = self.model.market, self.model.hardware, self.model.parameters.buyers
        spread = annuity(self.required, buyers.rack_annuity_months)
        surplus = (value - market.list_price) / (fit.kw * spread[..., np.newaxis, :]) * fit.on_sale
        best_air = np.max(surplus * (1.0 - fit.liquid), axis=-2)
        best_liquid = np.max(surplus * fit.liquid, axis=-2)
        best_air = np.maximum(best_air, best_liquid - buyers.retrofit / spread)
        best = np.stack([best_air, best_liquid], axis=-2)
        full = self.free <= (1.0 - buyers.rack_scarcity) * self.racks
        rent: Array = np.clip(best, 0.0, buyers.power_rent_cap) * np.where(full, 1.0, 0.0)
        return rent

    def opens_month(self) -> None:
        """Budget and appetite of the month are whole again."""
        self.budget_left, self.appetite_left = self.month_budget(), self.month_appetite()

    def month_budget(self) -> Array:
        """What it would spend on used machines in a month, USD million."""
        budget: Array = self.budget * self.model.parameters.buyers.budget_multiple * self.alive
        return budget

    def month_appetite(self) -> Array:
        """How many of its free racks it would fill in a month, kW by cooling class."""
        appetite: Array = self.free * self.model.parameters.buyers.appetite * self.alive[..., np.newaxis, :]
        return appetite

    def broker_budget(self, *, haircut: Array, capacity: Array, cash: Array, budget: Array) -> Array:
        """What a broker can spend: its cash over the haircut, and never more than repo will finance, USD million."""
        own = np.where(haircut > 0.0, cash / np.maximum(haircut, 1.0 / MILLION), budget)
        lent = np.where(haircut < 1.0, capacity / np.maximum(1.0 - haircut, 1.0 / MILLION), 0.0)
        return np.maximum(np.minimum(budget, np.minimum(own, lent)), 0.0)

    def leaves_contract(self, spot: Array, price: Array, strong: Array) -> Array:
        """1 where a weak contract is broken: spot is below its price by more than the cost of switching."""
        offtake = self.model.parameters.offtake
        cheaper = spot < price * (1.0 - offtake.switching_cost)
        allowed = (strong <= 0.0) & cheaper & (self.alive > 0.0)
        return np.where(allowed, 1.0, 0.0) * (1.0 if offtake.breaks_on else 0.0)
