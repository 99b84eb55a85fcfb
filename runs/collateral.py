"""What could the pledged machines be sold for now, and what does that make of the loans against them?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from nobid.agents.finance import MILLION
from nobid.model.collateral import (
    READINGS,
    Backing,
    DepthCurve,
    depth_curve,
    facility_backing,
    kind_backing,
    lender_backing,
)
from nobid.model.loan_terms import TERMS, loan_terms
from nobid.runs.block_tables import KEY_UNITS
from nobid.runs.errors import InputError
from nobid.runs.months import month_label
from nobid.runs.scenario_files import did_you_mean
from nobid.runs.summary import Summary
from nobid.runs.summary_blocks import Block
from nobid.runs.summary_figures import NONE, count

if TYPE_CHECKING:
    from nobid.runs.run import Order, Run

BY: Final = ("facility", "lender", "kind")
SHOWN_SHARES: Final = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
SALES: Final = {"alone": "each generation alone", "at once": "all generations at once"}
DEPTH_UNITS: Final = {
    **KEY_UNITS,
    "generation": "name", "reading": "alone: no other generation is for sale; at once: all are, newest first",
    "share": "share of the pledged fleet", "offered": "units", "sold": "units", "price": "USD/unit sold",
    "per_unit": "USD/unit offered", "of_book": "share", "of_mark": "share", "of_value": "share",
    "pledged": "units", "book": "USD/unit", "mark": "USD/unit", "value": "USD/unit",
}  # fmt: skip
NAMES: Final = ("facility", "facility_kind", "borrower", "lender", "lender_kind")


@dataclass(frozen=True)
class CollateralReport:
    """Depth curve and loan-to-value of one path at the end of a month, as tables and as text; `units` by column."""

    depth: pd.DataFrame
    ltv: pd.DataFrame
    units: dict[str, dict[str, str]]
    text: Summary

    def __str__(self) -> str:
        """Both tables as plain text."""
        return str(self.text)

    def _repr_html_(self) -> str:
        """Both tables for a notebook."""
        return self.text.html()


def collateral_report(run: Run, month: str | int, *, path: int | None = None, by: str = "facility") -> CollateralReport:
    """What collateral is worth at the end of a month (YYYY-MM), or at the "start"; the path is simulated again to it.

    `by`: "facility", "lender" or "kind" (of lender). Errors: InputError for a month outside the run or another `by`;
    ModelStopped where the path does not reach the month.
    """
    _checked(by)
    number = run.paths[0] if path is None else path
    with _model_at(run.order, number, run.months_to(month)) as model:
        depth, ltv = depth_table(model, 0), ltv_table(model, 0, by)
        text = _text(model, depth, ltv, f"{run.scenario.name} · path {number} · seed {run.seed}")
    return CollateralReport(depth, ltv, {"depth": depth.attrs["units"], "ltv": ltv.attrs["units"]}, text)


@contextmanager
def _model_at(order: Order, path: int, months: int) -> Iterator[Any]:
    """One path alone after so many months."""
    alone = replace(order, execution="cohort")  # the same bits, sooner
    model = alone.model(range(path, path + 1), keep_agents=False)
    try:
        for _ in range(months):
            model.step()
        yield model
    finally:
        model.close()


def depth_table(model: Any, path_place: int = 0) -> pd.DataFrame:
    """A row a generation with pledged machines, reading and share of the fleet; units in `.attrs["units"]`."""
    curve = depth_curve(model)
    keys = _keys(model, path_place)
    pledged = [g for g in range(len(model.hardware.names)) if curve.pledged[g, path_place] > 0.0]
    rows = [
        {**keys, "generation": model.hardware.names[g], **row}
        for reading in SALES
        for g in pledged
        for row in _curve_rows(curve, reading, (g, path_place))
    ]
    return _with_units(pd.DataFrame(rows, columns=list(DEPTH_UNITS)), DEPTH_UNITS)


def _curve_rows(curve: DepthCurve, reading: str, place: tuple[int, int]) -> Iterator[dict[str, Any]]:
    """One generation on one path, share by share."""
    sale = curve.alone if reading == "alone" else curve.at_once
    columns = {
        "sold": sale.sold,
        "price": sale.price,
        "per_unit": sale.per_unit,
        "of_book": sale.over(curve.book),
        "of_mark": sale.over(curve.mark),
        "of_value": sale.over(curve.value),
    }
    level = {name: getattr(curve, name)[place] for name in ("pledged", "book", "mark", "value")}
    for s, share in enumerate(curve.shares):
        offered = {"reading": reading, "share": share, "offered": share * level["pledged"]}
        yield {**offered, **{name: values[s][place] for name, values in columns.items()}, **level}


def ltv_table(model: Any, path_place: int = 0, by: str = "facility") -> pd.DataFrame:
    """A row a facility, lender or kind of lender: debt, collateral and loan-to-value in four readings; by facility also
    coverage, average life, duration and what the spread pays for (`model.loan_terms`).

    Ratios of groups are ratios of sums. Units in `.attrs["units"]`; what infinite and missing mean: `Backing.ltv`.
    """
    _checked(by)
    terms: dict[str, Any] = {}
    if by == "facility":
        names, backing, terms = _facility_names(model), facility_backing(model), loan_terms(model)
    elif by == "lender":
        names = {"lender": model.names["lender"], "lender_kind": model.kinds["lender"]}
        backing = lender_backing(model)
    else:
        kinds, backing = kind_backing(model)
        names = {"lender_kind": kinds}
    figures = {**_figures(backing), **{name: (values, TERMS[name]) for name, values in terms.items()}}
    columns = {name: values[:, path_place] for name, (values, _) in figures.items()}
    units = {name: unit for name, (_, unit) in figures.items()}
    table = pd.DataFrame({**_keys(model, path_place), **names, **columns}, index=range(len(columns["debt"])))
    return _with_units(table, {**KEY_UNITS, **dict.fromkeys(NAMES, "name"), **units})


def _facility_names(model: Any) -> dict[str, list[str]]:
    rows, edges = model.founding.facilities, model.edges
    return {
        "facility": [row.name for row in rows],
        "facility_kind": [row.kind for row in rows],
        "borrower": [row.borrower for row in rows],
        "lender": [row.lender for row in rows],
        "lender_kind": [model.kinds["lender"][lender] for lender in edges.lender],
    }


def _figures(backing: Backing) -> dict[str, tuple[Any, str]]:
    """Column to values and unit."""
    both = (("", False), ("_with_leases", True))
    return {
        "debt": (backing.debt, "USD m"),
        "secured": (backing.secured, "USD m"),
        **{f"collateral_{one}": (backing.collateral[one], "USD m") for one in READINGS},
        "leases": (backing.leases, "USD m"),
        "selling_cost": (backing.selling, "USD m"),
        **{f"ltv_{one}{end}": (backing.ltv(one, leases=yes), "ratio") for end, yes in both for one in READINGS},
        **{
            f"undersecured_{one}{end}": (backing.undersecured(one, leases=yes), "share of secured debt")
            for end, yes in both
            for one in READINGS
        },
        "illusion": (backing.illusion(), "ratio"),
    }


def _keys(model: Any, path_place: int) -> dict[str, Any]:
    start = model.parameters.start
    month = month_label(start, model.month - 1) if model.month else "start"
    return {"path": int(model.paths[path_place]), "month": month}


def _with_units(table: pd.DataFrame, units: dict[str, str]) -> pd.DataFrame:
    table.attrs["units"] = {str(name): units[str(name)] for name in table.columns}
    return table


def _checked(by: str) -> None:
    if by not in BY:
        raise InputError(f'by = "{by}": loan-to-value is told by facility, lender or kind{did_you_mean(by, BY)}')


def _text(model: Any, depth: pd.DataFrame, ltv: pd.DataFrame, whose: str) -> Summary:
    """What a credit person reads: two depth curves, loan-to-value, and what a sale of everything would bring."""
    month = ltv["month"].iloc[0] if len(ltv) else _keys(model, 0)["month"]
    everything = facility_backing(model).added_up(np.zeros(len(model.edges.lender), dtype=np.intp), 1)
    blocks = (*(_depth_block(depth, reading) for reading in SALES), _ltv_block(ltv, everything))
    without = int((ltv["secured"] <= 0.0).sum())
    remarks = (
        "Sold now: in one auction, against the racks and budgets of a whole month. At once, a larger "
        "sale may bring an old generation more: new machines gone for little leave buyers more money for it.",
        "LTV: secured debt over collateral, coins and sites at their price; at liquidation machines as sold at once, "
        "machines and sites less the cost of selling (the monthly table's is of machine loans, before that cost). "
        "∞: owed, and the collateral would bring nothing. Under water: share of debt on loans above 1.",
        *((f"{without} without secured debt are not shown.",) if without else ()),
    )
    return Summary(f"{whose} · {month}", blocks, _sentence(model, depth), remarks, {})


def _depth_block(depth: pd.DataFrame, reading: str) -> Block:
    """A row a generation: units, book, mark, and proceeds per machine offered as a share of the mark."""
    part = depth[depth["reading"] == reading]
    rows = []
    for name, one in part.groupby("generation", sort=False):
        first, of_mark = one.iloc[0], one.set_index("share")["of_mark"]
        cells = [count(first["pledged"]), count(first["book"]), count(first["mark"])]
        rows.append((str(name), *cells, *(_percent(of_mark[share]) for share in SHOWN_SHARES)))
    heads = ("pledged", "book USD", "mark USD", *(_percent(share) for share in SHOWN_SHARES))
    return Block(f"{SALES[reading]}: % of mark, by share sold", heads, tuple(rows))


def _ltv_block(ltv: pd.DataFrame, everything: Backing) -> Block:
    """A row a facility, lender or kind with secured debt, largest first, and one for all."""
    total = {name: values[0, 0] for name, (values, _) in _figures(everything).items()}
    label = next(name for name in NAMES if name in ltv.columns)
    shown = ltv[ltv["secured"] > 0.0].sort_values("secured", ascending=False, kind="stable")
    rows = [(str(row[label]), *_ltv_cells(row)) for _, row in shown.iterrows()]
    heads = (
        "secured USD m", "at book", "lender's mark", "mark", "liquidation", "with leases: book", "liquidation",
        "under water, with leases: book", "mark", "liquidation",
    )  # fmt: skip
    return Block(f"loan-to-value by {label.replace('_', ' ')}", heads, (*rows, ("all", *_ltv_cells(total))))


def _ltv_cells(row: Any) -> tuple[str, ...]:
    ratios = (*(f"ltv_{one}" for one in READINGS), "ltv_book_with_leases", "ltv_liquidation_with_leases")
    shares = tuple(f"undersecured_{one}_with_leases" for one in ("book", "mark", "liquidation"))
    return (count(row["secured"]), *(_ratio(row[one]) for one in ratios), *(_percent(row[one]) for one in shares))


def _ratio(value: float) -> str:
    if np.isinf(value):
        return "∞"
    return NONE if np.isnan(value) else f"{value:,.2f}" if value < 10.0 else f"{value:,.0f}"


def _percent(value: float) -> str:
    if np.isnan(value):
        return NONE
    return f"{value:.0%}" if value >= 0.1 or value <= 0.0 else f"{value:.1%}"


def _sentence(model: Any, depth: pd.DataFrame) -> str:
    """What the whole fleet would bring, against its book, and what buyers could still spend."""
    whole = depth[(depth["reading"] == "at once") & (depth["share"] >= 1.0)]
    if not len(whole):
        return "No machines are pledged."
    brings = float((whole["offered"] * whole["per_unit"]).sum()) / MILLION
    book = float((whole["offered"] * whole["book"]).sum()) / MILLION
    buyers = model.buyers
    budget = float(buyers.budget_left[:, 0].sum())
    racks = float(np.minimum(buyers.free, buyers.appetite_left)[:, :, 0].sum()) / 1e3
    return (
        f"Sold at once, the pledged machines would bring USD {brings:,.0f} m of the USD {book:,.0f} m at which they "
        f"stand in the books; buyers would spend at most USD {budget:,.0f} m and fill {racks:,.0f} MW this month."
    )
