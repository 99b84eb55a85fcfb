"""What does an hour of compute cost this month, and which machines run?

Demand in services `Q(p) = D a^(1-eps) (p / p_ref)^(-eps)` meets a merit order of generations by avoidable cost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nobid.agents.finance import HOURS
from nobid.agents.state import Array
from nobid.model.fleet import running_units

if TYPE_CHECKING:
    from nobid.model.system import ComputeCreditModel

OWNER_CLASSES = (-1.0, 0.0, 1.0)


class MeritOrder:
    """Blocks of supply in order of avoidable cost: generation by owner class, and outside supply in its own place.

    The order is that of fixed costs, so it is the same on every path.
    """

    def __init__(self, m: ComputeCreditModel) -> None:
        rental, fit = m.parameters.rental, m.hardware
        fleet = running_units(m)[..., 0] * fit.h100e[:, 0]
        own = fit.kw[:, 0] / fit.h100e[:, 0] * rental.power_cost
        weight = fleet / fleet.sum() if fleet.sum() > 0.0 else np.full(len(fleet), 1.0 / len(fleet))
        self.middle = np.append(own, float(own @ weight))  # USD per H100e-hour; the last entry is outside supply
        costs = np.concatenate([self.middle * (1.0 + rental.owner_spread * side) for side in OWNER_CLASSES])
        self.source = np.tile(np.arange(len(self.middle)), len(OWNER_CLASSES))
        self.order = np.argsort(costs, kind="stable")
        self.cost = costs[self.order][:, np.newaxis]

    def clear(self, supply: Array, demand: Array, *, reference: float, elasticity: float) -> tuple[Array, Array]:
        """Rent and the share of each source that runs: full-run prices `p_k = p_ref (D/S_k)^(1/eps)`, first k with
        `p_k <= c_(k+1)`, `p = max(p_k, c_k)`. `supply` (G+1, R), `demand` (R,) at the reference rent.
        """
        blocks = supply[self.source[self.order]] / len(OWNER_CLASSES)
        stacked = np.add.accumulate(blocks, axis=0)
        with np.errstate(divide="ignore"):
            full = reference * np.exp(np.log(demand / stacked) / elasticity)
        following = np.concatenate([self.cost[1:], np.full((1, 1), np.inf)])
        first = np.argmax(full <= following, axis=0)
        paths = np.arange(supply.shape[1])
        rent = np.maximum(full[first, paths], self.cost[first, 0])
        wanted = demand * np.exp(-elasticity * np.log(rent / reference))
        return rent, self.runs(blocks, stacked, wanted, rent=rent)

    def runs(self, blocks: Array, stacked: Array, wanted: Array, *, rent: Array) -> Array:
        """The share of each source that runs when `wanted` is served cheapest first: `(G+1, R)`.

        A source that nobody has yet would run at a `rent` above its cost.
        """
        left = wanted - (stacked - blocks)
        would = np.where(self.cost < rent, 1.0, 0.0)
        share = np.clip(np.where(blocks > 0.0, left / np.where(blocks > 0.0, blocks, 1.0), would), 0.0, 1.0)
        placed = np.empty_like(share)
        placed[self.order] = share
        by_class = placed.reshape(len(OWNER_CLASSES), -1, share.shape[1])
        mean: Array = (by_class[0] + by_class[1] + by_class[2]) / len(OWNER_CLASSES)
        return mean


def clears(m: ComputeCreditModel) -> None:
    """Rent, utilisation and what a machine of each generation earns at spot are known."""
    rental, world, market, fit = m.parameters.rental, m.world, m.market, m.hardware
    elasticity = m.parameters.demand.elasticity
    supply = supply_by_source(m)
    world.compute_peak = np.maximum(world.compute_peak, world.compute_demand)
    world.compute_demand = world.demand_scale * np.exp(world.demand + (1.0 - elasticity) * world.efficiency)
    rent, runs = m.merit_order.clear(
        supply, world.compute_demand, reference=rental.reference_rent, elasticity=elasticity
    )
    if (given := m.given("rent")) is not None:
        rent = given + 0.0 * rent
        runs = np.where(m.merit_order.middle[:, np.newaxis] < rent, 1.0, 0.0)
    world.rent = rent
    market.utilisation = rental.utilisation_cap * runs[:-1]
    market.earning = rent * fit.h100e * HOURS * market.utilisation * (1.0 - rental.fee)


def supply_by_source(m: ComputeCreditModel) -> Array:
    """Compute on offer at full run by generation and outside, H100e: `(G+1, R)`."""
    cap = m.parameters.rental.utilisation_cap
    own = running_units(m) * m.hardware.h100e * cap
    return np.concatenate([own, m.world.outside[np.newaxis] * cap])
