"""How do the loans of one path stand month by month: what secures them by kind of lender, how is each one covered?

What no table keeps is read off the model while the path is simulated again: its own rules, its own bits.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter

from nobid.model.debt import AMPLE
from nobid.runs.charts.by_month import Array
from nobid.runs.charts.style import (
    DASH_DOT,
    DASHED,
    DOTTED,
    Stroke,
    bars,
    footnote,
    from_zero,
    month_axis,
    new_figure,
    say,
    styled,
)
from nobid.runs.charts.which import meta_of_path, shown_path, worst_remark
from nobid.runs.collateral import ltv_table
from nobid.runs.summary_figures import BILLION

if TYPE_CHECKING:
    from nobid.runs.run import Run

READINGS: Final = {"book": "At book", "mark": "At mark", "liquidation": "At liquidation"}
LENDERS: Final[dict[str, tuple[str, str, Stroke, str]]] = {
    "bank": ("banks", "#0072B2", "-", "o"), "private_credit": ("private credit", "#D55E00", DASHED, "s"),
    "insurer": ("insurers", "#009E73", DASH_DOT, "^"), "hedge_fund": ("hedge funds", "#CC79A7", DOTTED, "v"),
    "vendor": ("vendors", "#000000", (0, (3, 1)), "D"), "bond_fund": ("bond funds", "#56B4E9", (0, (12, 3)), "P"),
    "crypto_lender": ("lenders against coins", "#E69F00", (0, (5, 1, 1, 1, 1, 1)), "X"),
}  # fmt: skip
LOWEST, HIGHEST = 0.1, 1000.0  # of the axis; at liquidation ratios near 100 are common
MARKED_EVERY: Final = 9  # months
LEVELS: Final = (0.05, 0.25, 0.50, 0.75, 0.95)
BOTTOM, TOP = -1.0, 6.0  # a cover below or above is not drawn
CLASSES: Final = (
    (1.0, "below 1", "#D55E00", "////"), (1.25, "1 – 1.25", "#E69F00", "...."), (2.0, "1.25 – 2", "#56A0D3", ""),
    (AMPLE, "2 and more", "#E6F0F7", ""), (np.inf, "nothing due", "white", ""),
)  # fmt: skip


def months_of(run: Run, path: int) -> dict[str, pd.DataFrame]:
    """`nobid.runs.collateral.ltv_table` of every month of the path, one under the other, by facility and by kind of
    lender; simulated once for all charts of a run.
    """
    kept: dict[int, dict[str, pd.DataFrame]] = vars(run).setdefault("loans_by_month", {})
    if path not in kept:
        tables: dict[str, list[pd.DataFrame]] = {"facility": [], "kind": []}
        order = replace(run.order, execution="cohort")  # the same bits, sooner
        with closing(order.model(range(path, path + 1), keep_agents=False)) as model:
            for _ in run.by_month.months:
                model.step()
                for by, months in tables.items():
                    months.append(ltv_table(model, 0, by))
        kept[path] = {by: pd.concat(months, ignore_index=True) for by, months in tables.items()}
    return kept[path]


@styled
def ltv_by_lender(run: Run, path: int | None = None) -> Figure:
    """Secured debt over collateral by kind of lender, at book, at mark and at liquidation, on one path. Ratio."""
    number = shown_path(run, path)
    table = months_of(run, number)["kind"]
    figure = new_figure("Loan-to-value by kind of lender: at book, at mark, at liquidation", 11, 4.8)
    panels = figure.subplots(1, len(READINGS), sharey=True)
    for panel, (reading, title) in zip(panels, READINGS.items(), strict=True):
        grid = table.pivot_table(index="month", columns="lender_kind", values=f"ltv_{reading}", dropna=False)
        for kind in (one for one in LENDERS if one in grid and grid[one].notna().any()):
            word, colour, stroke, marker = LENDERS[kind]
            height = np.clip(
                grid[kind].reindex(list(run.by_month.months)).to_numpy(dtype=float), 0.5 * LOWEST, 2.0 * HIGHEST
            )
            panel.plot(run.by_month.dates, height, color=colour, linestyle=stroke, marker=marker,
                       markevery=MARKED_EVERY, markersize=4.5, label=word)  # fmt: skip
        panel.axhline(1.0, color="black", linewidth=1.0)
        panel.set(title=title, yscale="log", ylim=(LOWEST, HIGHEST))
        panel.yaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
        month_axis(panel, run.by_month.dates)
    panels[0].set_ylabel("secured debt over collateral (ratio, log scale)")
    if panels[-1].lines[:-1]:
        panels[-1].legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    else:
        say(panels[1], "nothing is owed against collateral")
    footnote(figure, meta_of_path(run, number), worst_remark(run, path),
             "above the line at 1 the collateral does not cover the debt",
             f"drawn between {LOWEST:g} and {HIGHEST:,g}",
             "coins and sites at their price; at liquidation: all sold at once, less the cost of selling",
             "a line ends where nothing is owed any more")  # fmt: skip
    return figure


@styled
def loan_cover(run: Run, path: int | None = None) -> Figure:
    """How debt service cover is spread over the loans of one path: quantiles by debt, and debt by class of cover."""
    number = shown_path(run, path)
    table = months_of(run, number)["facility"].dropna(subset=["dscr"])
    figure = new_figure("Debt service cover, loan by loan", 10, 6.6)
    above, below = figure.subplots(2, 1, sharex=True)
    above.set(title="Cover at or below which 5, 25, 50, 75, 95 % of the debt lies", ylabel="DSCR (ratio)")
    below.set(title="Debt by cover of its loan")
    if len(table):
        cut = _quantiles(above, run, table)
        _classes(below, run, table)
    else:
        cut = ""
        for panel in (above, below):
            say(panel, "no debt on this path")
        below.set_ylabel("USD million")
    month_axis(below, run.by_month.dates)
    due = "DSCR: income for the loan over what falls due in the month"
    footnote(figure, meta_of_path(run, number), worst_remark(run, path), due, cut)
    return figure


def _quantiles(ax: Axes, run: Run, table: pd.DataFrame) -> str:
    """Bands of cover over debt that has something due; the remark says what is cut."""
    due = table[table["dscr"] < AMPLE]
    found = np.full((len(LEVELS), len(run.by_month.months)), np.nan)
    for place, month in enumerate(run.by_month.months):
        rows = due[due["month"] == month]
        found[:, place] = weighted_quantiles(rows["dscr"].to_numpy(float), rows["debt"].to_numpy(float), LEVELS)
    dates, shown = run.by_month.dates, np.clip(found, 2.0 * BOTTOM, 2.0 * TOP)
    ax.fill_between(dates, shown[0], shown[4], color="#0072B2", alpha=0.15, linewidth=0, label="5 – 95 % of the debt")
    ax.fill_between(dates, shown[1], shown[3], color="#0072B2", alpha=0.30, linewidth=0, label="25 – 75 %")
    ax.plot(dates, shown[2], color="#0072B2", label="half of the debt")
    ax.plot(dates, shown[0], color="#D55E00", linestyle=DASHED, label="weakest twentieth")
    ax.axhline(1.0, color="black", linewidth=1.0)
    ax.set_ylim(max(BOTTOM, min(0.0, float(np.nanmin(shown, initial=0.0)) * 1.08)), TOP)
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return f"bands: of debt with something due; below −{-BOTTOM:g} and above {TOP:g} not drawn"


def weighted_quantiles(values: Array, weights: Array, levels: tuple[float, ...]) -> Array:
    """The smallest value at or under which such a share of the weight lies; nan where there is none.

    >>> weighted_quantiles(np.array([3.0, 1.0, 2.0]), np.array([1.0, 1.0, 2.0]), (0.25, 0.5, 1.0)).tolist()
    [1.0, 2.0, 3.0]
    """
    if not weights.sum() > 0.0:
        return np.full(len(levels), np.nan)
    order = np.argsort(values, kind="stable")
    below = np.cumsum(weights[order]) / weights.sum()
    place = np.minimum(np.searchsorted(below, np.array(levels) - 1e-12), len(values) - 1)
    found: Array = values[order][place]
    return found


def _classes(ax: Axes, run: Run, table: pd.DataFrame) -> None:
    """Debt stacked by class of cover, the weakest at the bottom."""
    tops = np.array([top for top, *_ in CLASSES])
    place = np.searchsorted(tops, table["dscr"].to_numpy(float), side="right")
    debt = table.assign(place=place).pivot_table(index="month", columns="place", values="debt", aggfunc="sum")
    debt = debt.reindex(index=list(run.by_month.months), columns=range(len(CLASSES)), fill_value=0.0).fillna(0.0)
    big = float(debt.sum(axis=1).max()) >= BILLION
    base = np.zeros(len(debt))
    for number, (_, label, colour, hatch) in enumerate(CLASSES):
        height = debt[number].to_numpy(float) / (BILLION if big else 1.0)
        bars(ax, run.by_month.dates, height, bottom=base, color=colour, hatch=hatch, label=label)
        base = base + height
    from_zero(ax)
    ax.set_ylabel("USD billion" if big else "USD million")
    ax.legend(title="DSCR", loc="upper left", bbox_to_anchor=(1.0, 1.0), alignment="left")
