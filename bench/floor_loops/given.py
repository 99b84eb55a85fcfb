"""What the loops in C are given: the structs of `phases.c`, filled from the model by the names of their fields."""

from __future__ import annotations

import ctypes
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nobid.model.accounts import CASH_ROWS, CASH_STOCKS, SECTORS
from nobid.model.system import ComputeCreditModel

Array = NDArray[np.float64]
SOURCE = Path(__file__).with_name("phases.c")
KINDS = ("level", "straight", "sweep", "bullet")
DUES = (
    "rate",
    "months_left",
    "waiver_left",
    "income",
    "interest_due",
    "principal_due",
    "fee_due",
    "service",
    "coverage",
)
DRAINS = ("own", "facility", "contract", "lease", "pressure_own", "pressure_contract", "pressure_lease")


def layout(name: str) -> type[ctypes.Structure]:
    """The struct of this name in `phases.c`, field by field."""
    found = re.search(rf"struct {name} {{(.*?)\n}};", SOURCE.read_text(), re.DOTALL)
    assert found, name
    fields: list[tuple[str, Any]] = []
    for line in re.sub(r"/\*.*?\*/", "", found[1], flags=re.DOTALL).split(";"):
        kind, *_ = re.findall(r"long|double", line) or [""]
        for star, field, count in re.findall(r"(\*?)(\w+)(?:\[(\d+)\])?\s*(?:,|$)", line.strip()):
            one: Any = ctypes.c_void_p if star else {"long": ctypes.c_long, "double": ctypes.c_double}[kind]
            fields.append((field, one * int(count) if count else one))
    return type(name, (ctypes.Structure,), {"_fields_": fields})


def filled(name: str, given: dict[str, Any]) -> ctypes.Structure:
    """The struct with every field set: numbers as they are, arrays by address."""
    kind = layout(name)
    names = {field for field, *_ in kind._fields_}
    assert names == set(given), names ^ set(given)
    struct = kind()
    for field, value in given.items():
        setattr(struct, field, address(value))
    return struct


def address(value: Any) -> Any:
    """What a field of a struct holds."""
    if isinstance(value, list):
        return (ctypes.c_void_p * len(value))(*(one.ctypes.data for one in value))
    return value.ctypes.data if isinstance(value, np.ndarray) else value


def whole(array: Array, paths: int = 0) -> Array:
    """A copy of one's own, rows one after the other, over all paths where `paths` says how many."""
    shape = (*array.shape[:-1], paths) if paths else array.shape
    return np.array(np.broadcast_to(array, shape), dtype=float, order="C")


def numbers(index: Any) -> NDArray[np.int64]:
    """Whole numbers as C longs."""
    return np.ascontiguousarray(index, dtype=ctypes.c_long)


def refresh(kept: list[tuple[Array, Array]]) -> None:
    """Every array holds again what it held at first."""
    for now, first in kept:
        now[...] = first


def month(m: ComputeCreditModel) -> dict[str, Any]:
    """Every field of `struct month`, as the model stands; the loops take the switches of `baseline` for granted."""
    paths = len(m.paths)
    f, b, lenders, buyers, market = m.facilities, m.borrowers, m.lenders, m.buyers, m.market
    p, edges, fit, hosting, offtakes = m.parameters, m.edges, m.hardware, m.hosting, m.offtakes
    on = (p.debt.rolls_on, p.debt.convertibles, p.debt.covenants, p.repo.on, p.hosting.on, p.hosting.spills_on)
    off = (p.debt.standstill, p.debt.strict, p.backstop.floor, p.backstop.buyback_price, p.backstop.repo_capacity)
    assert all(on), "the loops know only the switches of baseline"
    assert not any(off), "the loops know only the switches of baseline"
    assert (p.market, p.lenders.mark) == ("auction", "appraisal"), "the loops know only the markets of baseline"
    sizes = {
        "E": len(f.drawn), "G": len(market.mark), "R": paths, "B": len(b.cash), "L": len(lenders.cash),
        "N": len(buyers.cash), "O": len(offtakes.price), "H": len(hosting.rent), "P": len(edges.pledge.facility),
        "W": len(m.warehouses.drawn), "tranches": p.buyers.tranches,
    }  # fmt: skip
    rules = {
        "slope": p.buyers.tranche_slope, "scrap": p.auction.scrap, "seized_value": p.auction.seized_reserve_value,
        "seized_mark": p.auction.seized_reserve_mark, "budget_multiple": p.buyers.budget_multiple,
        "appetite_share": p.buyers.appetite, "repo_capacity": p.repo.capacity, "hair": p.repo.haircut,
        "hair_volatility": p.repo.haircut_volatility, "hair_drawdown": p.repo.haircut_drawdown,
        "hair_shortfall": p.repo.haircut_shortfall, "hair_floor": p.repo.haircut_floor,
        "utilisation_cap": p.rental.utilisation_cap,
        "running_cost": p.rental.power_cost + p.rental.site_cost + p.rental.staff_cost, "base_rate": p.debt.base_rate,
        "repo_spread": p.repo.spread, "funding_spread": p.funding.spread, "site_value": p.hosting.site_value,
        "reference_rent": p.rental.reference_rent, "relet_price": p.hosting.relet_price,
        "equity_multiple": p.debt.equity_multiple, "roll_ltv": p.debt.roll_ltv, "roll_months": p.debt.roll_months,
        "roll_decay": p.funding.roll_decay, "dscr_floor": p.debt.dscr_floor, "cure_share": p.debt.cure_share,
        "liquidation_cost": p.debt.liquidation_cost, "waiver_fee": p.debt.waiver_fee,
        "waiver_months": p.debt.waiver_months, "belief": p.lenders.belief_decay, "fee": p.rental.fee,
    }  # fmt: skip
    links = {
        "broker_lender": edges.broker_lender, "borrower": edges.borrower, "lender": edges.lender,
        "kind": [KINDS.index(one) for one in edges.amortisation], "repo_lender": edges.repo_lender,
        "seller": edges.seller, "pledge_facility": edges.pledge.facility, "pledge_contract": edges.pledge.contract,
        "host": edges.host, "tenant": edges.tenant,
    }  # fmt: skip
    narrow = {
        "broker": buyers.broker, "kw": fit.kw, "liquid": fit.liquid, "list_start": fit.list_start,
        "budget": buyers.budget, "broker_share": edges.broker_share[:, np.newaxis], "target": lenders.target,
        "dealer": lenders.repo_dealer, "earns": edges.earns_itself, "secured": edges.secured,
        "convertible": edges.is_convertible, "machine_loan": edges.is_machine_loan, "contract_rate": f.contract_rate,
        "dscr_min": f.dscr_min, "hash_cost": b.hash_cost,
        "unnamed": edges.pledge.unnamed, "h100e": fit.h100e, "power": fit.kw,
    }  # fmt: skip
    return {
        **sizes, **{name: float(one) for name, one in rules.items()},
        **{name: numbers(one) for name, one in links.items()}, **{name: whole(one) for name, one in narrow.items()},
        **{name: whole(one, paths) for name, one in wide(m).items()},
        **{name: whole(getattr(f, name), paths) for name in DUES},
        "repo_due": whole(b.repo_due), "repo_interest": whole(b.repo_interest),
        **{short(name): whole(m.causes.drains.of(name)) for name in DRAINS}, **books(m),
    }  # fmt: skip


def short(name: str) -> str:
    """The name in the struct of a ledger of drains."""
    return name.replace("pressure_", "p_") if name.startswith("pressure_") else f"d_{name}"


def wide(m: ComputeCreditModel) -> dict[str, Array]:
    """Arrays over all paths that are only read."""
    f, b, lenders, buyers, market, world = m.facilities, m.borrowers, m.lenders, m.buyers, m.market, m.world
    drains = m.causes.drains
    same = {
        f: ("drawn", "units", "coins", "site_mw", "ltv_cap"),
        b: ("alive", "cash", "repo_units", "official_units", "book", "repo_debt", "official_debt", "strike", "hash_eh",
            "arrears", "site_arrears", "other_income"),
        lenders: ("equity", "assets", "tight", "repo_lent", "equity_ratio"),
        market: ("mark", "value", "peak", "volatility", "appraisal", "earning"),
        m.offtakes: ("delivered", "revenue"), m.hosting: ("live", "starts_in", "relet_in"),
        world: ("coin", "rent", "closed", "hashprice"),
    }  # fmt: skip
    return {
        **{name: getattr(view, name) for view, names in same.items() for name in names},
        **{name: drains.of(name) for name in ("spot_lost", "hashprice_start", "contract_gone")},
        "bid_limit": buyers.limit, "free": buyers.free, "bidder_cash": buyers.cash, "bidder_alive": buyers.alive,
        "lender_alive": lenders.alive, "lender_cash": lenders.cash, "own_coins": b.coins, "own_sites": b.site_mw,
        "own_units": b.units, "firm_income": b.income, "contract_price": m.offtakes.price,
        "contract_left": m.offtakes.months_left, "lease_rent": m.hosting.rent, "lease_left": m.hosting.months_left,
        "lease_earned": m.hosting.earned, "lease_owed": m.hosting.owed,
    }  # fmt: skip


def books(m: ComputeCreditModel) -> dict[str, Any]:
    """The fields of `struct month` that only the books read, and what the month's end writes."""
    own, paths = m.books._of, len(m.paths)
    stocks = [m.columns[account.family, account.column] for account in CASH_STOCKS]
    arrays = {
        "debt_rows": own("debt"), "stable": m.lenders.stable, "short_funding": m.lenders.short,
        "funding_due": m.lenders.due, "lines_drawn": m.warehouses.drawn, "bidder_repo": m.buyers.repo_debt,
        "seized": m.lenders.seized, "bidder_units": m.buyers.units, "public_units": m.public.units,
        **{name: own(name) for name in ("matrix", "turnover", "debt_open", "debt_flow", "units_open", "units_flow")},
        **{name: own(name) for name in ("coins_open", "coins_flow", "funding_open", "warehouse_open")},
        **{name: own(name) for name in ("warehouse_flow", "repo_open", "repo_flow")},
    }  # fmt: skip
    return {
        **{name: whole(one, paths) for name, one in arrays.items()},
        "stock": [whole(one, paths) for one in stocks],
        "flow": [whole(own(f"flow.{account.name}"), paths) for account in CASH_STOCKS],
        "open": [whole(own(f"open.{account.name}"), paths) for account in CASH_STOCKS],
        "rows": len(CASH_ROWS), "sectors": len(SECTORS), "split": m.kinds["borrower"].count("miner"),
        "row_draws": CASH_ROWS.index("draws"), "row_issued": CASH_ROWS.index("convertibles issued"),
        "row_in": CASH_ROWS.index("funding in"), "row_out": CASH_ROWS.index("funding out"),
        "capital": SECTORS.index("capital market"),
        "ltv": np.zeros((3, paths)), "gaps": np.zeros((len(CASH_ROWS) + 29, paths)),
    }  # fmt: skip
