"""How do the typed rows of a founding become columns?"""

from __future__ import annotations

from collections.abc import Sequence
from types import EllipsisType
from typing import TYPE_CHECKING

import numpy as np

from nobid.agents.buyer import AIR, LIQUID
from nobid.agents.finance import MILLION
from nobid.agents.state import Array, ordered_sum, over_generations, ratio
from nobid.model import debt, lending, rental, secondary, sizing
from nobid.model.founding import Founding
from nobid.model.lending import financed_mark

if TYPE_CHECKING:
    from nobid.model.system import ComputeCreditModel


WHOLE = ("lender", "buyer", "public", "facility", "offtake", "hosting", "warehouse")


def spans(founding: Founding) -> dict[str, slice | EllipsisType]:
    """Which rows each kind of agent has; tables of edges have all of theirs, world and market have no row axis."""
    miners, borrowers = sum(row.kind == "miner" for row in founding.borrowers), len(founding.borrowers)
    agents = {"miner": slice(0, miners), "neocloud": slice(miners, borrowers), "borrower": slice(0, borrowers)}
    whole = {kind: slice(None) for kind in WHOLE}
    return {**agents, **whole, "world": ..., "market": ...}


def found(m: ComputeCreditModel) -> None:
    """Every column has its opening value; world, markets and lenders' balance sheets agree with one another."""
    founds_borrowers(m)
    founds_edges(m)
    founds_buyers(m)
    founds_world(m)
    founds_lenders(m)
    sizing.resizes_loans(m)
    lenders_know_their_target(m)
    founds_thresholds(m)
    makes_safe(m)


def makes_safe(m: ComputeCreditModel) -> None:
    """The agents that the scenario names as safe, by name or ticker, are."""
    for family, rows in (("borrower", m.borrowers), ("lender", m.lenders), ("buyer", m.buyers)):
        safe = set(m.parameters.safe)
        rows.safe = column([float(name in safe or m.tickers.get(name, name) in safe) for name in m.names[family]])


def column(values: Sequence[float]) -> Array:
    """A column with one value a row, the same on every path."""
    return np.array(values, dtype=float)[:, np.newaxis]


def by_generation(m: ComputeCreditModel, rows: Sequence[dict[str, float]]) -> Array:
    """Units by generation: `(rows, G, 1)`."""
    place = {name: g for g, name in enumerate(m.hardware.names)}
    units = np.zeros((len(rows), len(place), 1))
    held = [(i, place[name], count) for i, row in enumerate(rows) for name, count in row.items() if name in place]
    if held:
        at, generation, count = zip(*held, strict=True)
        units[np.array(at), np.array(generation), 0] = count
    return units


def founds_borrowers(m: ComputeCreditModel) -> None:
    """Borrowers have their cash, coins, machines, orders and habits."""
    b, rows, fit = m.borrowers, m.edges.borrowers, m.hardware
    for name in ("cash", "coins", "hash_eh", "hash_cost", "overhead", "other_income", "site_mw", "growth_share"):
        setattr(b, name, column([getattr(row, name) for row in rows]))
    b.belief_decay, b.book_life = column([row.belief_decay for row in rows]), column([row.book_life for row in rows])
    b.alive = 1.0
    b.units = by_generation(m, [row.units for row in rows])
    left = np.clip(1.0 - column([row.age for row in rows]) / b.book_life, 0.0, 1.0)
    b.book = fit.list_start * left[:, np.newaxis]
    months = column([row.pipeline_months for row in rows])[..., np.newaxis]
    ordered = by_generation(m, [row.pipeline for row in rows]) / months
    due = (np.arange(b.pipeline.shape[1]) < months[..., 0])[..., np.newaxis, np.newaxis]
    unpaid = column([row.pipeline_unpaid for row in rows])[..., np.newaxis] * fit.list_start
    b.pipeline, b.unpaid = np.where(due, ordered[:, np.newaxis], 0.0), np.where(due, unpaid[:, np.newaxis], 0.0)
    b.agreed = np.where(due, fit.list_start, 0.0)


def founds_edges(m: ComputeCreditModel) -> None:
    """Facilities, contracts, leases and lines have their terms and balances."""
    f, offtakes, hosting, lines, founding = m.facilities, m.offtakes, m.hosting, m.warehouses, m.founding
    for name in ("limit", "drawn", "rate", "coins", "site_mw", "advance", "dscr_min"):
        setattr(f, name, column([getattr(row, name) for row in founding.facilities]))
    f.contract_rate = column([row.rate for row in founding.facilities])
    f.months_left = column([row.months for row in founding.facilities])
    f.units = by_generation(m, [row.units for row in founding.facilities])
    for name in ("h100e", "price", "prepaid", "strong"):
        setattr(offtakes, name, column([float(getattr(row, name)) for row in founding.offtakes]))
    offtakes.months_left = column([row.months for row in founding.offtakes])
    for name in ("mw", "rent", "starts_in"):
        setattr(hosting, name, column([getattr(row, name) for row in founding.hosting]))
    hosting.months_left, hosting.live = column([row.months for row in founding.hosting]), 1.0
    hosting.relet_in = -1.0
    for name in ("drawn", "rate", "advance"):
        setattr(lines, name, column([getattr(row, name) for row in founding.warehouses]))


def founds_buyers(m: ComputeCreditModel) -> None:
    """Buyers have their racks, budgets and beliefs."""
    buyers, rows, scale = m.buyers, m.founding.buyers, m.parameters.buyers.racks_multiple
    for name in ("budget", "move_in", "belief_decay", "cash"):
        setattr(buyers, name, column([getattr(row, name) for row in rows]))
    buyers.required = column([row.required_return for row in rows])
    buyers.broker = column([row.kind == "broker" for row in rows])
    buyers.lab = column([row.kind == "lab" for row in rows])
    buyers.alive = 1.0
    racks, free = buyers.racks + 0.0, buyers.free + 0.0
    free[:, AIR], free[:, LIQUID] = (
        column([r.free_air for r in rows]) * scale,
        column([r.free_liquid for r in rows]) * scale,
    )
    racks[:, AIR], racks[:, LIQUID] = column([r.racks_air for r in rows]), column([r.racks_liquid for r in rows])
    buyers.racks, buyers.free = np.maximum(racks, free), free


def founds_world(m: ComputeCreditModel) -> None:
    """The world starts at its measured levels; each path has its own growth; rent and marks are of month 0."""
    w, p, market = m.world, m.parameters, m.market
    luck = m.draws.beliefs * (1.0 if p.regime.stochastic else 0.0)
    w.path = np.array(m.paths, dtype=float)
    w.stress = 1.0 if p.regime.start_in_stress else 0.0
    w.coin_log, w.coin, w.network = np.log(p.coin.price), p.coin.price, p.mining.network_eh
    w.demand_growth = p.demand.growth_uncertainty * luck[0]
    w.supply_growth = p.supply.growth + p.supply.growth_uncertainty * luck[1]
    w.demand_volatility = p.demand.volatility * np.exp(p.demand.volatility_uncertainty * luck[2])
    fleet = ordered_sum(m.borrowers.units) + ordered_sum(m.facilities.units)
    own = over_generations(fleet * m.hardware.h100e)
    w.outside = p.supply.outside_multiple * own
    w.demand_scale = (own + w.outside) * p.rental.utilisation_cap
    market.list_price = m.hardware.list_start
    m.merit_order = rental.MeritOrder(m)
    w.compute_demand = w.demand_scale
    rental.clears(m)
    secondary.values_at_start(m)


def founds_lenders(m: ComputeCreditModel) -> None:
    """Lenders' sheets stand behind what they hold: assets by shares, equity by ratio and multiple, the rest is debt."""
    lenders, rows, lines = m.lenders, m.founding.lenders, m.warehouses
    lenders.initial_ratio = column([row.equity_ratio for row in rows]) * m.parameters.lenders.capital_multiple
    lenders.repo_dealer = column([row.repo for row in rows])
    lenders.grows = column([row.growth for row in rows])
    lenders.alive = 1.0
    held = m.links.lender.sum(m.facilities.drawn) + m.links.provider.sum(lines.drawn)
    cash_share, other_share = column([row.cash_share for row in rows]), column([row.other_share for row in rows])
    whole = np.maximum(ratio(held, 1.0 - cash_share - other_share), column([row.assets for row in rows]))
    other = whole * other_share * m.parameters.lenders.other_multiple
    lenders.other = other
    assets = ratio(held + other, 1.0 - cash_share)
    lenders.cash = assets * cash_share
    equity = np.minimum(lenders.initial_ratio, 1.0) * assets
    debts = np.maximum(assets - equity - m.links.receiver.sum(lines.drawn), 0.0)
    lenders.short = debts * column([row.short_share for row in rows])
    lenders.stable = debts - lenders.short


def lenders_know_their_target(m: ComputeCreditModel) -> None:
    """The initial ratio is that of the opening sheet, of an empty one as told; the target is a share of it."""
    lenders = m.lenders
    lending.takes_stock(m)
    lenders.initial_ratio = np.where(lenders.assets > 0.0, lenders.equity_ratio, lenders.initial_ratio)[:, :1]
    lenders.target = m.parameters.lenders.target * lenders.initial_ratio
    lending.takes_stock(m)
    lenders.tight, lenders.whole = 0.0, lenders.equity


def founds_thresholds(m: ComputeCreditModel) -> None:
    """Caps and triggers are those of signing, so that nothing is in breach at the start."""
    f, p = m.facilities, m.parameters.debt
    marks = debt.lender_marks(m)
    now = debt.loan_to_value(m, marks)
    f.ltv_cap = np.maximum(now, f.advance)
    value = over_generations(f.units * marks) / MILLION
    f.ltv_trigger = np.maximum(p.gpu_margin.ltv_max, p.gpu_margin.headroom * ratio(f.drawn, value))
    owed = m.links.borrower.sum(f.drawn)
    m.borrowers.strike = p.conversion_strike * np.maximum(debt.market_value_of_equity(m), owed)
    m.warehouses.signed_mark = financed_mark(m)
    m.world.debt_before = ordered_sum(f.drawn)
