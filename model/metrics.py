"""How bad is it: the figures of a month, by path?

Nothing here is read by a rule.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nobid.agents.finance import MILLION
from nobid.agents.state import Array, ordered_sum, over_generations, ratio
from nobid.model.accounts import PUBLIC
from nobid.model.backstop import holds
from nobid.model.debt import AMPLE, cover, firm_assets
from nobid.model.fleet import running_units
from nobid.model.secondary import depth_price

if TYPE_CHECKING:
    from nobid.model.system import ComputeCreditModel

FIGURES = {
    "defaults_miner": "count", "defaults_neocloud": "count", "defaults_lender": "count", "defaults_buyer": "count",
    "debt_defaulted": "USD m", "lender_losses": "USD m", "rent": "USD/H100e-h", "coin": "USD/BTC",
    "hashprice": "USD/PH/day", "funding": "index, 0 normal, 1 closed", "stress": "0/1", "demand": "ratio to start",
    "utilisation": "share", "offered": "units", "sold": "units", "unsold": "units", "sold_value": "USD m",
    "dscr_corporate": "ratio", "dscr_facility": "ratio", "dscr_facility_p10": "ratio",
    "share_debt_dscr_below_1": "share", "ltv_book": "ratio", "ltv_mark": "ratio", "ltv_liquidation": "ratio",
    "lender_capital": "USD m", "lender_ratio": "share", "credit_extended": "USD m", "repo_volume": "USD m",
    "public_outlay": "USD m", "public_holds": "USD m", "private_outlay": "USD m", "deferred": "USD m",
    "rounds": "count", "debt_total": "USD m", "coins_sold": "BTC", "assumed_share": "share", "fleet": "H100e",
}  # fmt: skip
BY_GENERATION = {
    "mark": "USD/unit", "value": "USD/unit", "list": "USD/unit", "book": "USD/unit", "price": "USD/unit",
    "offered": "units", "sold": "units", "unsold": "units",
}  # fmt: skip
AGENT_COLUMNS = {
    "alive": "0/1", "cash": "USD m", "debt": "USD m", "assets": "USD m", "income": "USD m/month", "equity": "USD m",
    "units": "H100e", "coins": "BTC",
}  # fmt: skip


def units_of(m: ComputeCreditModel) -> dict[str, str]:
    """The name and unit of every monthly figure."""
    by_generation = {f"{name}_{g}": unit for name, unit in BY_GENERATION.items() for g in m.hardware.names}
    return {**FIGURES, **by_generation}


def month_figures(m: ComputeCreditModel) -> dict[str, Array]:
    """Every figure of the month but the counts of defaults, `(R,)` each."""
    world, f, lenders = m.world, m.facilities, m.lenders
    debt = ordered_sum(f.drawn)
    figures = {
        "debt_defaulted": world.defaulted_debt, "lender_losses": world.losses, "rent": world.rent, "coin": world.coin,
        "hashprice": world.hashprice, "funding": world.funding, "stress": world.stress,
        "demand": np.exp(world.demand), "utilisation": mean_utilisation(m), "credit_extended": world.new_credit,
        "repo_volume": world.repo_volume, "rounds": world.rounds, "debt_total": debt, "coins_sold": world.coins_forced,
        "lender_capital": ordered_sum(lenders.equity * lenders.alive),
        "lender_ratio": ratio(ordered_sum(lenders.equity * lenders.alive), ordered_sum(lenders.assets * lenders.alive)),
        "assumed_share": ratio(ordered_sum(f.drawn * m.edges.assumed), debt), "fleet": m.fleet_compute(),
    }  # fmt: skip
    figures |= {
        "public_outlay": 0.0 - m.books.column(PUBLIC), "public_holds": holds(m), "private_outlay": world.private_outlay,
        "deferred": world.deferred,
    }  # fmt: skip
    return {**figures, **coverage_figures(m), **loan_to_value_figures(m), **market_figures(m)}


def mean_utilisation(m: ComputeCreditModel) -> Array:
    """Utilisation of spot capacity over generations, weighted by compute."""
    compute = running_units(m) * m.hardware.h100e
    return ratio(over_generations(compute * m.market.utilisation), over_generations(compute))


def coverage_figures(m: ComputeCreditModel) -> dict[str, Array]:
    """Corporate and facility coverage: sums over all borrowers, the weakest tenth of debt, the share below one."""
    f, b = m.facilities, m.borrowers
    if not len(f.drawn):
        ample = np.full(m.world.rent.shape, AMPLE)
        return {
            "dscr_corporate": ample,
            "dscr_facility": ample,
            "dscr_facility_p10": ample,
            "share_debt_dscr_below_1": 0.0 * ample,
        }
    live = np.where(f.drawn > 0.0, 1.0, 0.0) * b.alive[m.edges.borrower] * m.edges.secured
    tested = live * np.where(f.service > 0.0, 1.0, 0.0) * m.edges.is_machine_loan
    debt = f.drawn * tested
    order = np.argsort(f.coverage, axis=0, kind="stable")
    ranked = np.take_along_axis(f.coverage, order, axis=0)
    stacked = np.add.accumulate(np.take_along_axis(debt, order, axis=0), axis=0)
    tenth = np.argmax(stacked >= 0.1 * stacked[-1], axis=0)
    service = ordered_sum(f.service * np.where(f.drawn > 0.0, 1.0, 0.0))
    below = ordered_sum(debt * np.where(f.coverage < 1.0, 1.0, 0.0))
    return {
        "dscr_corporate": cover(ordered_sum(b.income * b.alive), service),
        "dscr_facility": cover(ordered_sum(f.income * tested), ordered_sum(f.service * tested)),
        "dscr_facility_p10": np.where(stacked[-1] > 0.0, ranked[tenth, np.arange(len(tenth))], AMPLE),
        "share_debt_dscr_below_1": ratio(below, ordered_sum(debt)),
    }


def loan_to_value_figures(m: ComputeCreditModel) -> dict[str, Array]:
    """Machine loans over the pledged machines at book, at the mark, and if all were sold now."""
    f, links = m.facilities, m.links
    machine = m.edges.is_machine_loan * m.borrowers.alive[m.edges.borrower]
    pledged = f.units * machine[:, np.newaxis]
    debt = ordered_sum(f.drawn * machine)
    fleet = ordered_sum(pledged)
    at_book = over_generations(ordered_sum(links.borrower.sum(pledged) * m.borrowers.book)) / MILLION
    at_mark = over_generations(fleet * m.market.mark) / MILLION
    sold_now = over_generations(fleet * depth_price(m, fleet)) / MILLION
    values = {"ltv_book": at_book, "ltv_mark": at_mark, "ltv_liquidation": sold_now}
    return {name: np.where(debt > 0.0, ratio(debt, value, empty=np.inf), 0.0) for name, value in values.items()}


def market_figures(m: ComputeCreditModel) -> dict[str, Array]:
    """Prices and quantities by generation and in all; a price is missing where nothing was traded."""
    market = m.market
    price = np.where(market.sold > 0.0, ratio(market.turnover * MILLION, market.sold), np.nan)
    shown = {
        "mark": market.mark, "value": market.value, "list": market.list_price, "book": market.book, "price": price,
        "offered": market.offered, "sold": market.sold, "unsold": market.unsold,
    }  # fmt: skip
    by_generation = {f"{name}_{g}": shown[name][i] for name in shown for i, g in enumerate(m.hardware.names)}
    totals = {name: over_generations(shown[name]) for name in ("offered", "sold", "unsold")}
    return {**by_generation, **totals, "sold_value": over_generations(market.turnover)}


def agent_sheets(m: ComputeCreditModel) -> dict[str, Array]:
    """The sheet of every agent, borrowers, lenders, buyers in that order: `(agents, R)` each, units AGENT_COLUMNS."""
    b, lenders, buyers, f = m.borrowers, m.lenders, m.buyers, m.facilities
    debt = m.links.borrower.sum(f.drawn + f.claim) + b.repo_debt + b.official_debt
    assets = firm_assets(m, m.market.mark)
    machines = over_generations((b.loose_units() + m.links.borrower.sum(f.units)) * m.hardware.h100e)
    owed = lenders.stable + lenders.short + lenders.due + lenders.lines_owed
    held = over_generations(buyers.units * m.market.mark) / MILLION + buyers.cash
    none = np.zeros_like(buyers.cash)
    coins = b.coins + m.links.borrower.sum(f.coins)
    seized = over_generations(lenders.seized * m.hardware.h100e)
    parts = {
        "alive": (b.alive, lenders.alive, buyers.alive),
        "cash": (b.cash + b.estate_cash, lenders.cash, buyers.cash),
        "debt": (debt, owed, buyers.repo_debt),
        "assets": (assets, lenders.assets, held),
        "income": (b.income * b.alive, lenders.profit, none),
        "equity": (assets - debt, lenders.equity, held - buyers.repo_debt),
        "units": (machines, seized, over_generations(buyers.units * m.hardware.h100e)),
        "coins": (coins, np.zeros_like(lenders.cash), none),
    }
    return {name: np.concatenate(sheets) for name, sheets in parts.items()}
