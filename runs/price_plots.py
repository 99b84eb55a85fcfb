"""What did machines earn and fetch? Rents, marks, values and prices; machines offered, sold and left unsold."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure

from nobid.runs.figure_style import (
    DASH_DOT,
    DASHED,
    DOTTED,
    FigureMeta,
    Stroke,
    bands_remark,
    bars,
    ceiling,
    draw_series,
    footnote,
    from_zero,
    many,
    mark_launches,
    month_axis,
    months_of,
    new_figure,
    say,
    styled,
)

SHOWN = ("H100", "H200", "B200", "B300")
THOUSAND = 1e-3
CYCLE = 7  # colours in the style sheet
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
PRICE_TOP = 2.0  # a price above twice the mark before it is not drawn
SMALL, MORE = 5.0, 23.0  # area of a marker, square points: where one path in many trades, and what all add
LEGEND_ROW = 0.08  # height of the row that holds only a legend, as a share of a panel's
LINES: tuple[tuple[str, str, str, Stroke, float], ...] = (
    ("list", "list price", "#777777", DOTTED, 1.4),
    ("book", "book value", "#009E73", DASH_DOT, 1.6),
    ("value", "value V", "#D55E00", DASHED, 1.5),
    ("mark", "mark", "#0072B2", "-", 1.7),
)  # column, label, colour, stroke, width in points


@styled
def rents_and_prices(monthly: pd.DataFrame, meta: FigureMeta) -> Figure:
    """Rent (USD/H100e-h) above; mark, value, list, book and price of four generations (USD thousand a unit) below."""
    figure = new_figure("Rent of compute and prices of machines against book", 10, 9)
    names = [name for name in SHOWN if f"mark_{name}" in monthly]
    rows: list[Any] = [["rent"] * 2, ["legend"] * 2, *[(names[i : i + 2] * 2)[:2] for i in range(0, len(names), 2)]]
    panels = figure.subplot_mosaic(rows, height_ratios=[1.0, LEGEND_ROW] + [1.0] * (len(rows) - 2))
    legend = panels.pop("legend")
    legend.set_axis_off()
    months = months_of(monthly)
    draw_series(panels["rent"], monthly, "rent", color="#0072B2", label="rent")
    panels["rent"].set(title="Rent of compute", ylabel="USD per H100e-hour")
    from_zero(panels["rent"])
    mark_launches(panels["rent"], months, meta.launches, named=True)
    for name in names:
        _machine_prices(panels[name], monthly, name)
        mark_launches(panels[name], months, meta.launches, named=False)
    for panel in panels.values():
        month_axis(panel, months)
    if names:
        handles, labels = panels[names[0]].get_legend_handles_labels()
        legend.legend(handles, labels, loc="center", ncols=len(labels))
    traded = "bands of machines: the mark's; circles: median over the paths that trade, larger where more do"
    launched = any(months[0] <= pd.Timestamp(f"{month}-01") <= months[-1] for month in meta.launches.values())
    footnote(figure, meta, bands_remark(monthly), traded if many(monthly) else "",
             "dotted verticals: launches" if launched else "")  # fmt: skip
    return figure


def _machine_prices(ax: Axes, monthly: pd.DataFrame, name: str) -> None:
    for column, label, colour, stroke, width in LINES:
        draw_series(ax, monthly, f"{column}_{name}", scale=THOUSAND, banded=column == "mark", color=colour,
                    linestyle=stroke, linewidth=width, label=label)  # fmt: skip
    price = f"price_{name}"
    trades = monthly.dropna(subset=[price]).groupby("month")[price]
    share = trades.size() / monthly["path"].nunique()
    dates = pd.to_datetime(share.index, format="%Y-%m")
    ax.scatter(dates, trades.median() * THOUSAND, s=SMALL + MORE * share, facecolor="white", edgecolor="black",
               linewidth=0.9, label="clearing price", zorder=4)  # fmt: skip
    ax.set(title=name if len(share) else f"{name}: no sales in this run", ylabel="USD thousand per unit")
    from_zero(ax)


@styled
def machines_for_sale(monthly: pd.DataFrame, meta: FigureMeta) -> Figure:
    """Machines offered, sold and unsold by month (thousand) above; clearing price over the mark before it below."""
    figure = new_figure("Machines for sale: offered, sold, left unsold, and at what price", 10, 6.2)
    above, below = figure.subplots(2, 1, sharex=True)
    months = months_of(monthly)
    above.set(title="Machines in the market", ylabel=f"thousand machines{' (mean)' if many(monthly) else ''}")
    below.set(title="Clearing price against the mark of the month before", ylabel="price over mark (ratio)")
    if monthly[["offered", "sold", "unsold"]].sum().sum() > 0:
        _offered(above, months, monthly.groupby("month")[["offered", "sold", "unsold"]].mean().sort_index() * THOUSAND)
    else:
        say(above, "no machines offered in this run")
    ratios = _price_over_mark(monthly)
    cut = _draw_ratios(below, ratios) if ratios else ""
    if not ratios:
        sold = monthly[[name for name in monthly if str(name).startswith("price_")]].notna().to_numpy().any()
        say(below, "no sales after the first month" if sold else "no sales in this run")
    month_axis(below, months)
    traded = "price: median over the paths that trade, larger where more do" if many(monthly) else ""
    footnote(figure, meta, traded, cut)
    return figure


def _offered(ax: Axes, months: pd.DatetimeIndex, stock: pd.DataFrame) -> None:
    sold, unsold = stock["sold"].to_numpy(dtype=float), stock["unsold"].to_numpy(dtype=float)
    bars(ax, months, sold, color="#0072B2", label="sold")
    bars(ax, months, unsold, bottom=sold, color="#F0C27B", hatch="////", label="unsold at month end")
    offered = stock["offered"].where(stock["offered"] > 0)
    ax.plot(months, offered, color="black", linewidth=0, marker="_", markersize=7, label="offered")
    from_zero(ax)
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))


def _price_over_mark(monthly: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Generation to `ratio` (price over the mark a month before, median of paths) and `share` of paths trading."""
    ordered = monthly.sort_values(["path", "month"])
    ratios = {}
    for name in (str(column).removeprefix("price_") for column in monthly if str(column).startswith("price_")):
        before = ordered.groupby("path")[f"mark_{name}"].shift()
        ratio = (ordered[f"price_{name}"] / before.where(before > 0)).dropna().groupby(ordered["month"])
        if len(ratio):
            ratios[name] = pd.DataFrame({"ratio": ratio.median(), "share": ratio.size() / monthly["path"].nunique()})
    return ratios


def _draw_ratios(ax: Axes, ratios: dict[str, pd.DataFrame]) -> str:
    for i, (name, table) in enumerate(ratios.items()):
        colour = f"C{i % CYCLE}"
        dates = pd.to_datetime(table.index, format="%Y-%m")
        ax.scatter(dates, table["ratio"], s=SMALL + MORE * table["share"], marker=MARKERS[i % len(MARKERS)],
                   edgecolor=colour, facecolor="white" if i % 2 else colour, label=name)  # fmt: skip
    ax.axhline(1.0, color="black", linewidth=1.0)
    legend = ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    for handle in legend.legend_handles:
        if isinstance(handle, PathCollection):
            handle.set_sizes([SMALL + MORE])
    return ceiling(ax, pd.DataFrame({name: table["ratio"] for name, table in ratios.items()}), PRICE_TOP)
