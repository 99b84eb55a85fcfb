"""What did machines earn and fetch? Rents, marks, values and prices; machines offered, sold and left unsold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter

from nobid.runs.charts.by_month import Array, ByMonth, Series, Spread
from nobid.runs.charts.style import (
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
    mark_launches,
    month_axis,
    new_figure,
    say,
    styled,
)

SHOWN = ("H100", "H200", "B200", "B300")
STOCK = ("offered", "sold", "unsold")
THOUSAND = 1e-3
PRICE_TOP = 2.0  # what was paid above twice the marks is not drawn
SMALL, MORE = 5.0, 23.0  # area of a marker, square points: where one path in many trades, and what all add
NARROW = 11  # days: width of the bar that stands before another
LEGEND_ROW = 0.08  # height of the row that holds only a legend, as a share of a panel's
LINES: tuple[tuple[str, str, str, Stroke, float], ...] = (
    ("list", "list price", "#777777", DOTTED, 1.4),
    ("book", "book value", "#009E73", DASH_DOT, 1.6),
    ("value", "value V", "#D55E00", DASHED, 1.5),
    ("mark", "mark", "#0072B2", "-", 1.7),
)  # column, label, colour, stroke, width in points


@styled
def rents_and_prices(by_month: ByMonth, meta: FigureMeta) -> Figure:
    """Rent (USD/H100e-h) above; mark, value, list, book and price of four generations (USD thousand a unit) below."""
    figure = new_figure("Rent of compute and prices of machines against book", 10, 9)
    names = [name for name in SHOWN if f"mark_{name}" in by_month.columns]
    rows: list[Any] = [["rent"] * 2, ["legend"] * 2, *[(names[i : i + 2] * 2)[:2] for i in range(0, len(names), 2)]]
    panels = figure.subplot_mosaic(rows, height_ratios=[1.0, LEGEND_ROW] + [1.0] * (len(rows) - 2))
    legend = panels.pop("legend")
    legend.set_axis_off()
    months = by_month.dates
    columns = [f"{column}_{name}" for name in names for column in (*(line[0] for line in LINES), "price")]
    found = by_month.spread("rent", *columns)
    draw_series(panels["rent"], months, found["rent"], color="#0072B2", label="rent")
    panels["rent"].set(title="Rent of compute", ylabel="USD per H100e-hour")
    from_zero(panels["rent"])
    mark_launches(panels["rent"], months, meta.launches, named=True)
    for name in names:
        _machine_prices(panels[name], months, found, name)
        mark_launches(panels[name], months, meta.launches, named=False)
    for panel in panels.values():
        month_axis(panel, months)
    if names:
        handles, labels = panels[names[0]].get_legend_handles_labels()
        legend.legend(handles, labels, loc="center", ncols=len(labels))
    traded = "bands of machines: the mark's; circles: median over the paths that trade, larger where more do"
    launched = any(months[0] <= pd.Timestamp(f"{month}-01") <= months[-1] for month in meta.launches.values())
    footnote(figure, meta, bands_remark(by_month), traded if by_month.many else "",
             "dotted verticals: launches" if launched else "")  # fmt: skip
    return figure


def _machine_prices(ax: Axes, months: pd.DatetimeIndex, found: Mapping[str, Spread], name: str) -> None:
    for column, label, colour, stroke, width in LINES:
        draw_series(ax, months, found[f"{column}_{name}"], scale=THOUSAND, banded=column == "mark", color=colour,
                    linestyle=stroke, linewidth=width, label=label)  # fmt: skip
    price = found[f"price_{name}"]
    trades = price.share > 0.0
    ax.scatter(months[trades], price.median[trades] * THOUSAND, s=SMALL + MORE * price.share[trades], facecolor="white",
               edgecolor="black", linewidth=0.9, label="clearing price", zorder=4)  # fmt: skip
    ax.set(title=name if trades.any() else f"{name}: no sales in this run", ylabel="USD thousand per unit")
    from_zero(ax)


@styled
def machines_for_sale(by_month: ByMonth, meta: FigureMeta) -> Figure:
    """Machines offered, sold and unsold by month (thousand) above; below, what the sold ones brought over their marks
    of the month before (ratio).
    """
    figure = new_figure("Machines for sale: offered, sold, left unsold, and at what price", 10, 6.2)
    above, below = figure.subplots(2, 1, sharex=True)
    mean = " (mean)" if by_month.many else ""
    above.set(title="Machines in the market", ylabel=f"thousand machines{mean}")
    below.set(
        title="Paid for the machines sold, over their marks of the month before", ylabel="price over mark (ratio)"
    )
    found = by_month.spreads({name: Series((name,)) for name in STOCK} | {"paid": paid_over_mark(by_month)})
    if any(found[name].mean.any() for name in STOCK):
        _offered(above, by_month.dates, found)
    else:
        say(above, "no machines offered in this run")
    cut = ""
    if found["paid"].share.any():
        cut = _paid(below, by_month, found["paid"])
    else:
        say(below, "no sales after the first month" if found["sold"].mean.any() else "no sales in this run")
    month_axis(below, by_month.dates)
    words = "price: over the paths on which machines were sold in the month, circles larger where more are"
    footnote(figure, meta, bands_remark(by_month), words if by_month.many else "", cut)
    return figure


def paid_over_mark(by_month: ByMonth) -> Series:
    """What all machines sold in a month brought, over the marks of the month before; missing where none was sold."""
    names = [name.removeprefix("price_") for name in by_month.columns if name.startswith("price_")]

    def made(*grids: Array) -> Array:
        sold, price, mark = np.split(np.stack(grids), 3)
        before = np.concatenate([np.full_like(mark[:, :1], np.nan), mark[:, :-1]], axis=1)
        counted = (sold > 0.0) & (before > 0.0)
        brought, worth = (np.where(counted, sold * one, 0.0).sum(axis=0) for one in (price, before))
        return np.where(worth > 0.0, brought / np.where(worth > 0.0, worth, 1.0), np.nan)

    return Series(tuple(f"{column}_{name}" for column in ("sold", "price", "mark") for name in names), made)


def _offered(ax: Axes, months: pd.DatetimeIndex, found: Mapping[str, Spread]) -> None:
    offered, sold, unsold = (found[name].mean * THOUSAND for name in STOCK)
    bars(ax, months, unsold, color="#F0C27B", hatch="////", label="unsold at month end")
    bars(ax, months, sold, color="#0072B2", width=NARROW, label="sold in the month")
    shown = np.where(offered > 0.0, offered, np.nan)
    ax.plot(months, shown, color="black", linewidth=0, marker="_", markersize=7, label="most on offer in a round")
    from_zero(ax)
    ax.yaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))


def _paid(ax: Axes, by_month: ByMonth, paid: Spread) -> str:
    months, trades = by_month.dates, paid.share > 0.0
    draw_series(ax, months, paid, color="#D55E00", linewidth=1.2, label="all generations")
    ax.scatter(months[trades], paid.median[trades], s=SMALL + MORE * paid.share[trades], facecolor="white",
               edgecolor="#D55E00", linewidth=1.1, zorder=4)  # fmt: skip
    ax.axhline(1.0, color="black", linewidth=1.0)
    return ceiling(ax, [paid.quantiles if by_month.many else paid.median], PRICE_TOP)
