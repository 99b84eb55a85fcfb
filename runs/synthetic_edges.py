"""Which loans, contracts and leases do drawn firms have, and with whom?

Each is shaped after one of the firm's own shape: amounts scaled and varied, terms kept, tenors varied. What a firm has
more or fewer of than its shape is split or taken together, so that amounts stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nobid.model.parameters_population import Population
from nobid.runs.synthetic_firms import (
    WINDOW,
    Array,
    Draw,
    Edge,
    Firms,
    Index,
    Shapes,
    Spread,
    as_mappings,
    rounded,
    spread,
)

LOAN_TERMS = (
    "kind", "rate", "amortisation", "secured", "recourse", "advance", "dscr_min", "expansion",
)  # fmt: skip


def draw_loans(draw: Draw, shapes: Shapes, firms: Firms, *, rules: Population) -> Spread:
    """Every firm whose shape owes has at least one loan; in the mean over firms, as many as asked for."""
    own = shapes.loans.count
    indebted = shapes.mean_of(shapes.loans, rules.miners, np.minimum(own, 1))
    more = shapes.mean_of(shapes.loans, rules.miners) - indebted
    each = max(rules.facilities - indebted, 0.0) / more if more > 0.0 else 0.0
    wanted: Array = (np.maximum(own - 1, 0) * each)[firms.shape]
    count = (draw.whole("loans", wanted) + 1) * np.minimum(own, 1)[firms.shape]
    return _split(draw, firms, shapes.loans, name="loan", count=count)


def draw_edges(
    draw: Draw, shapes: Shapes, firms: Firms, *, edge: Edge, name: str, mean: float, miners: float
) -> Spread:
    """Contracts or leases: in the mean over firms `mean` of them."""
    measured = shapes.mean_of(edge, miners)
    own = edge.count[firms.shape].astype(float)
    count = draw.whole(name, own * (mean / measured if measured > 0.0 else 0.0))
    return _split(draw, firms, edge, name=name, count=count)


def _split(draw: Draw, firms: Firms, edge: Edge, *, name: str, count: Index) -> Spread:
    stretch = edge.count[firms.shape] / np.maximum(count, 1)
    return spread(draw, firms, edge, name=name, count=count, stretch=stretch)


def months(draw: Draw, name: str, *, edge: Edge, drawn: Spread) -> list[int]:
    """Tenors, varied around their rows: at least a month."""
    plain = edge.column("months")[drawn.after]
    varied = np.maximum(np.round(plain * draw.varied(f"{name} months", len(plain))), 1.0)
    return [int(tenor) for tenor in varied.tolist()]


def loan_rows(
    draw: Draw, shapes: Shapes, firms: Firms, *, drawn: Spread, lenders: Sequence[str], rules: Population
) -> tuple[list[dict[str, Any]], Array]:
    """The rows of the loans without their contracts, and their machines by generation `(loans, G)`."""
    edge, after = shapes.loans, drawn.after
    pledged = drawn.factor * draw.varied("loan units", len(after)) / rules.loan_to_value
    units = np.round(shapes.units(edge.rows)[after] * pledged[:, np.newaxis])
    scaled = {
        name: rounded(edge.column(name)[after] * drawn.factor).tolist()
        for name in ("limit", "drawn", "coins", "site_mw")
    }
    terms = [{name: getattr(row, name) for name in LOAN_TERMS} for row in edge.rows]
    machines, tenor = as_mappings(shapes, units), months(draw, "loan", edge=edge, drawn=drawn)
    rows = [
        {"name": f"{firms.names[owner]} loan {number}", "borrower": firms.names[owner], "lender": lenders[e],
         "months": tenor[e], "units": machines[e], "source": f"drawn, shaped after {edge.rows[shape].name}",
         **terms[shape], **{column: values[e] for column, values in scaled.items()}}
        for e, (owner, shape, number) in enumerate(zip(*_ends(drawn), strict=True))
    ]  # fmt: skip
    return rows, units


def contract_rows(
    draw: Draw, shapes: Shapes, firms: Firms, *, drawn: Spread, buyers: Sequence[str]
) -> list[dict[str, Any]]:
    """The rows of the contracts."""
    edge, after = shapes.contracts, drawn.after
    size, prepaid = (rounded(edge.column(name)[after] * drawn.factor).tolist() for name in ("h100e", "prepaid"))
    tenor = months(draw, "contract", edge=edge, drawn=drawn)
    return [
        {"name": f"{firms.names[owner]} contract {number}", "borrower": firms.names[owner], "buyer": buyers[e],
         "h100e": size[e], "prepaid": prepaid[e], "price": edge.rows[shape].price, "strong": edge.rows[shape].strong,
         "months": tenor[e], "source": f"drawn, shaped after {edge.rows[shape].name}"}
        for e, (owner, shape, number) in enumerate(zip(*_ends(drawn), strict=True))
    ]  # fmt: skip


def name_contracts(
    shapes: Shapes, firms: Firms, *, loans: Spread, contracts: Spread, rows: list[dict[str, Any]]
) -> None:
    """A loan names the drawn contracts that are shaped after those which its own shape names."""
    place = {row.name: i for i, row in enumerate(shapes.contracts.rows)}
    named = [frozenset(place[name] for name in row.contracts if name in place) for row in shapes.loans.rows]
    held: dict[int, list[tuple[int, str]]] = {}
    for owner, shape, number in zip(*_ends(contracts), strict=True):
        held.setdefault(owner, []).append((shape, f"{firms.names[owner]} contract {number}"))
    for e, (owner, shape) in enumerate(zip(loans.owner.tolist(), loans.after.tolist(), strict=True)):
        if named[shape] and owner in held:
            rows[e]["contracts"] = tuple(name for of, name in held[owner] if of in named[shape])


def lease_rows(draw: Draw, shapes: Shapes, firms: Firms, *, drawn: Spread) -> list[dict[str, Any]]:
    """The rows of the leases that find a tenant."""
    edge, after, tenant = shapes.leases, drawn.after, tenants(draw, shapes, firms, hosts=drawn.owner)
    power, rent = (rounded(edge.column(name)[after] * drawn.factor).tolist() for name in ("mw", "rent"))
    tenor, lessee = months(draw, "lease", edge=edge, drawn=drawn), tenant.tolist()
    return [
        {"name": f"{firms.names[owner]} lease {number}", "host": firms.names[owner], "tenant": firms.names[lessee[e]],
         "mw": power[e], "rent": rent[e], "months": tenor[e], "starts_in": edge.rows[shape].starts_in,
         "source": f"drawn, shaped after {edge.rows[shape].name}"}
        for e, (owner, shape, number) in enumerate(zip(*_ends(drawn), strict=True))
        if lessee[e] >= 0
    ]  # fmt: skip


def tenants(draw: Draw, shapes: Shapes, firms: Firms, *, hosts: Index) -> Index:
    """The tenant of each lease: a neo-cloud among the `WINDOW` firms drawn before the host; -1 where there is none.

    Chances go by the square of the power that its machines need, so that leases go to firms that can fill them.
    """
    weight = np.square(shapes.kilowatts[firms.shape] * firms.scale) * ~shapes.is_miner[firms.shape]
    stacked = np.concatenate([np.zeros(1), np.cumsum(rounded(weight))])
    low, high = stacked[np.maximum(hosts - WINDOW, 0)], stacked[hosts]
    at = low + draw.uniform("tenant", len(hosts)) * (high - low)
    found = np.minimum(np.searchsorted(stacked, at, side="right") - 1, hosts - 1)
    return np.where(high > low, found, -1)


def _ends(drawn: Spread) -> tuple[list[int], list[int], list[int]]:
    return drawn.owner.tolist(), drawn.after.tolist(), drawn.number.tolist()
