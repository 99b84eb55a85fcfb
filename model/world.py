"""What happens to everybody this month: regime, coin, hashprice, demand, funding, launches, dated shocks?

Annual rates are log rates, a twelfth a month. Order and equations: docs/odd.md, World.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nobid.agents.finance import MONTHS
from nobid.agents.miner import PETA
from nobid.agents.state import Array
from nobid.model.months import month_number

if TYPE_CHECKING:
    from nobid.model.system import ComputeCreditModel

FACTOR, COIN, DEMAND, FUNDING = 0, 1, 2, 3
BLOCKS_A_DAY = 144.0


def turns(m: ComputeCreditModel) -> None:
    """The month's world stands: everything below reads it and nothing moves it but the coin impact of forced sales."""
    m.hardware.at(m.month)
    _regime(m)
    shocks = _correlated_shocks(m)
    _coin(m, shocks[COIN])
    _hashprice(m)
    _demand(m, shocks[DEMAND])
    _funding(m, shocks[FUNDING])
    _outside_supply(m)
    _given_paths(m)


def _regime(m: ComputeCreditModel) -> None:
    regime, world = m.parameters.regime, m.world
    if not regime.stochastic:
        return
    luck = m.draws.regime[m.month]
    stays = np.where(world.stress > 0.0, luck >= regime.stress_to_calm, luck < regime.calm_to_stress)
    world.stress = np.where(stays, 1.0, 0.0)


def _correlated_shocks(m: ComputeCreditModel) -> list[Array]:
    """Coin and demand load on the common factor with +, funding with -; the correlation is that of the regime."""
    regime = m.parameters.regime
    drawn = m.draws.shocks[m.month] * (1.0 if regime.stochastic else 0.0)
    shared = np.where(m.world.stress > 0.0, regime.correlation_stress, regime.correlation_calm)
    common, own = np.sqrt(shared), np.sqrt(1.0 - shared)
    signs = (0.0, 1.0, 1.0, -1.0)
    return [sign * common * drawn[FACTOR] + own * drawn[k] for k, sign in enumerate(signs)]


def _coin(m: ComputeCreditModel, shock: Array) -> None:
    coin, world = m.parameters.coin, m.world
    drift = np.where(world.stress > 0.0, coin.drift_stress, coin.drift_calm)
    random = 1.0 if m.parameters.regime.stochastic else 0.0
    jump = coin.jump_size * random * np.where(m.draws.jump[m.month] < coin.jump_probability, 1.0, 0.0)
    ito = random * coin.volatility * coin.volatility / 2.0
    world.coin_log = world.coin_log + (drift - ito) / MONTHS + coin.volatility * np.sqrt(1.0 / MONTHS) * shock + jump
    for dated in m.shocks_now():
        world.coin_log = world.coin_log + np.log1p(dated.coin)
    world.coin_impact = world.coin_impact * coin.impact_decay
    world.coin = np.exp(world.coin_log - world.coin_impact)


def _hashprice(m: ComputeCreditModel) -> None:
    """Network hash rate closes a part of the gap to the level at which the marginal miner breaks even."""
    mining, world = m.parameters.mining, m.world
    now = month_number(m.parameters.start) + m.month
    halved = len([month for month in mining.halvings if month_number(month) <= now])
    coins_a_day = BLOCKS_A_DAY * mining.subsidy * (1.0 + mining.fee_share) / float(1 << halved)
    level = coins_a_day * world.coin / (mining.marginal_cost * PETA)
    gap = np.log(level / world.network)
    world.network = world.network * np.exp(gap / mining.adjustment_months)
    world.hashprice = coins_a_day * world.coin / (world.network * PETA)


def _demand(m: ComputeCreditModel, shock: Array) -> None:
    demand, world = m.parameters.demand, m.world
    mean = np.where(world.stress > 0.0, demand.growth_stress, demand.growth_calm) + world.demand_growth
    world.demand = world.demand + mean / MONTHS + world.demand_volatility * np.sqrt(1.0 / MONTHS) * shock
    world.efficiency = world.efficiency - demand.efficiency_growth / MONTHS
    for dated in m.shocks_now():
        world.demand = world.demand + np.log1p(dated.demand)


def _funding(m: ComputeCreditModel, shock: Array) -> None:
    """The window is an AR(1) plus what last month's losses closed, which decays alike."""
    funding, world = m.parameters.funding, m.world
    world.funding_own = funding.persistence * world.funding_own + funding.innovation * shock
    for dated in m.shocks_now():
        world.funding_own = world.funding_own + dated.funding
    share = np.where(world.debt_before > 0.0, world.losses_before / np.maximum(world.debt_before, 1.0), 0.0)
    closing = funding.feedback * share / funding.loss_unit * (1.0 if funding.feedback_on else 0.0)
    world.funding_losses = funding.persistence * world.funding_losses + closing
    m.fires("losses close the window", closing)
    world.funding = world.funding_own + world.funding_losses


def _outside_supply(m: ComputeCreditModel) -> None:
    """Outside compute grows faster while the newest machine is worth more than it costs."""
    supply, world, newest = m.parameters.supply, m.world, m.hardware.newest
    value, price = m.market.value[newest], m.market.list_price[newest]
    worth = np.where(value > 0.0, np.log(np.maximum(value, 1.0) / price), -supply.response_limit)
    bounded = np.clip(worth, -supply.response_limit, supply.response_limit)
    world.outside = world.outside * np.exp((world.supply_growth + supply.price_response * bounded) / MONTHS)


def _given_paths(m: ComputeCreditModel) -> None:
    """A path given by the scenario stands in for the model's own, and the model goes on from it."""
    world = m.world
    if (coin := m.given("coin")) is not None:
        world.coin_log = np.log(coin) + 0.0 * world.coin_log
        world.coin = np.exp(world.coin_log - world.coin_impact)
    if (hashprice := m.given("hashprice")) is not None:
        world.network = world.network * world.hashprice / hashprice
        world.hashprice = hashprice + 0.0 * world.hashprice
    if (demand := m.given("demand")) is not None:
        world.demand = np.log(demand) + 0.0 * world.demand
    if (funding := m.given("funding")) is not None:
        world.funding_own = funding - world.funding_losses
        world.funding = world.funding_own + world.funding_losses
    world.closed = np.clip(world.funding, 0.0, m.parameters.funding.ceiling)
