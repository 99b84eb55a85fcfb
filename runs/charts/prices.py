"""What did machines earn and fetch? Rents, marks, values and prices; machines offered, sold and left unsold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure

from nobid.runs.charts.by_month import ByMonth, Series, Spread, over
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
    """Machines offered, sold and unsold by month (thousand) above; clearing price over the mark before it below."""
    figure = new_figure("Machines for sale: offered, sold, left unsold, and at what price", 10, 6.2)
    above, below = figure.subplots(2, 1, sharex=True)
    mean = " (mean)" if by_month.many else ""
    above.set(title="Machines in the market", ylabel=f"thousand machines{mean}")
    below.set(title="Clearing price against the mark of the month before", ylabel="price over mark (ratio)")
    prices = [name.removeprefix("price_") for name in by_month.columns if name.startswith("price_")]
    ratios = {name: over(f"price_{name}", f"mark_{name}", lag=1) for name in prices}
    stock = {name: Series((name,)) for name in STOCK}
    found = by_month.spreads(stock | ratios)
    if any(found[name].mean.any() for name in stock):
        _offered(above, by_month.dates, found)
    else:
        say(above, "no machines offered in this run")
    traded = {name: found[name] for name in prices if found[name].share.any()}
    cut = _draw_ratios(below, by_month.dates, traded) if traded else ""
    if not traded:
        sold = any(one.share.any() for one in by_month.spread(*(f"price_{name}" for name in prices)).values())
        say(below, "no sales after the first month" if sold else "no sales in this run")
    month_axis(below, by_month.dates)
    words = "price: median over the paths that trade, larger where more do" if by_month.many else ""
    footnote(figure, meta, words, cut)
    return figure


def _offered(ax: Axes, months: pd.DatetimeIndex, found: Mapping[str, Spread]) -> None:
    offered, sold, unsold = (found[name].mean * THOUSAND for name in STOCK)
    bars(ax, months, sold, color="#0072B2", label="sold")
    bars(ax, months, unsold, bottom=sold, color="#F0C27B", hatch="////", label="unsold at month end")
    shown = np.where(offered > 0.0, offered, np.nan)
    ax.plot(months, shown, color="black", linewidth=0, marker="_", markersize=7, label="offered")
    from_zero(ax)
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))


def _draw_ratios(ax: Axes, months: pd.DatetimeIndex, ratios: Mapping[str, Spread]) -> str:
    for i, (name, ratio) in enumerate(ratios.items()):
        colour, trades = f"C{i % CYCLE}", ratio.share > 0.0
        ax.scatter(months[trades], ratio.median[trades], s=SMALL + MORE * ratio.share[trades], edgecolor=colour,
                   marker=MARKERS[i % len(MARKERS)], facecolor="white" if i % 2 else colour, label=name)  # fmt: skip
    ax.axhline(1.0, color="black", linewidth=1.0)
    legend = ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    for handle in legend.legend_handles:
        if isinstance(handle, PathCollection):
            handle.set_sizes([SMALL + MORE])
    return ceiling(ax, [ratio.median for ratio in ratios.values()], PRICE_TOP)
