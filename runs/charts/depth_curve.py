"""At which price could how many machines be sold now, against what they are worth, cost and stand in the books at?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from nobid.model.collateral import DepthCurve, Sale
from nobid.model.collateral import depth_curve as sales_at
from nobid.runs.charts.by_month import Array
from nobid.runs.charts.style import DASH_DOT, DASHED, DOTTED, Stroke, footnote, new_figure, say, styled
from nobid.runs.charts.which import meta_of_path, shown_month, shown_path

if TYPE_CHECKING:
    from nobid.runs.run import Run

PANELS: Final = 4  # generations, those with most at book pledged
SHARES: Final = tuple(np.unique(np.round([*np.geomspace(0.002, 1.0, 18), *np.linspace(0.05, 1.0, 20)], 6)))
THOUSAND: Final = 1e-3
LEGEND_ROW: Final = 0.06  # height of the row that holds the legend, as a share of a panel's
ROOM: Final = 0.075  # of the panel's height between two level labels
LEVELS: Final[tuple[tuple[str, str, Stroke], ...]] = (
    ("list", "#777777", DOTTED), ("book", "#009E73", DASH_DOT), ("value in use", "#D55E00", DASHED),
    ("mark", "#444444", "-"),
)  # fmt: skip


@dataclass(frozen=True)
class Depth:
    """One generation: `units` offered, the price and units sold at each alone and with all others; levels in USD/unit,
    the fleet pledged in units.
    """

    name: str
    units: Array
    alone: tuple[Array, Array]
    at_once: tuple[Array, Array]
    levels: dict[str, float]
    fleet: float


@styled
def depth_curve(run: Run, *, path: int | None = None, month: str | None = None) -> Figure:
    """The price at which machines pledged to loans could be sold in one auction at the end of the month, a panel each
    of the generations with most at book pledged. Thousand machines; USD thousand a unit.
    """
    number = shown_path(run, path)
    shown, words = shown_month(run, number, month)
    found = sorted(depths(run, number, shown), key=lambda one: -one.fleet * one.levels["book"])[:PANELS]
    meta = meta_of_path(run, number)
    deep = -(-len(found) // 2)
    figure = new_figure(f"What machines would fetch if sold now ({words})", 10, 1.9 + 2.9 * (deep or 0.2))
    if not found:
        ax = figure.subplots()
        say(ax, f"no machines are pledged in {shown}")
        ax.set_axis_off()
        footnote(figure, meta)
        return figure
    wide = min(len(found), 2)
    grid = figure.add_gridspec(deep + 1, wide, height_ratios=[LEGEND_ROW] + [1.0] * deep)
    legend = figure.add_subplot(grid[0, :])
    legend.set_axis_off()
    legend.legend(handles=_legend(found), loc="center left", ncols=4, borderaxespad=0.0)
    for place, one in enumerate(found):
        _draw(figure.add_subplot(grid[1 + place // wide, place % wide]), one)
    footnote(
        figure, meta, f"one hypothetical auction at the end of {shown}, against the racks and budgets that the month's "
        "own sales left", "value in use: to the median buyer; book: of the pledged machines on average"
    )  # fmt: skip
    return figure


def depths(run: Run, path: int, month: str) -> Iterator[Depth]:
    """Every generation that is pledged at the end of the month; the path is simulated again up to then."""
    alone = replace(run.order, execution="cohort")  # the same bits, sooner
    with closing(alone.model(range(path, path + 1), keep_agents=False)) as model:
        for _ in range(run.months_to(month)):
            model.step()
        curve = sales_at(model, SHARES)
        listed = np.broadcast_to(model.market.list_price, curve.pledged.shape)
        for g, name in enumerate(model.hardware.names):
            if curve.pledged[g, 0] > 0.0:
                yield _depth(curve, g, str(name), float(listed[g, 0]))


def _depth(curve: DepthCurve, g: int, name: str, listed: float) -> Depth:
    fleet = float(curve.pledged[g, 0])
    levels = {"list": listed, "book": float(curve.book[g, 0]), "value in use": float(curve.value[g, 0]),
              "mark": float(curve.mark[g, 0])}  # fmt: skip
    return Depth(name, curve.shares * fleet, _sale(curve.alone, g), _sale(curve.at_once, g), levels, fleet)


def _sale(sale: Sale, g: int) -> tuple[Array, Array]:
    return sale.price[:, g, 0] + 0.0, sale.sold[:, g, 0] + 0.0


def _draw(ax: Axes, one: Depth) -> None:
    """Both curves up to where bids end, the range without bids, the levels with their names, the fleet."""
    for (price, sold), (colour, stroke, width) in zip(
        (one.alone, one.at_once), (("#0072B2", "-", 2.4), ("#E69F00", (0, (3, 1.2)), 2.0)), strict=True
    ):
        full = (sold >= one.units * (1.0 - 1e-9)) & (price > 0.0)
        x, y = one.units[full], price[full]
        if (price > 0.0).any() and not full.all():  # the last unit with a bid
            x, y = np.append(x, sold.max()), np.append(y, price[np.argmax(sold)])
        ax.plot(x * THOUSAND, y * THOUSAND, color=colour, linestyle=stroke, linewidth=width, zorder=3,
                marker="o" if len(x) == 1 else "", markersize=4)  # fmt: skip
        if len(x) and not full.all():
            ax.plot(x[-1] * THOUSAND, y[-1] * THOUSAND, color=colour, marker="X", markersize=7, zorder=4)
    bid = float(one.alone[1].max())
    if bid < one.fleet * (1.0 - 1e-9):
        ax.axvspan(bid * THOUSAND, one.fleet * THOUSAND, facecolor="#EEEEEE", edgecolor="#BBBBBB", hatch="///",
                   linewidth=0.0, zorder=0)  # fmt: skip
    ax.axvline(one.fleet * THOUSAND, color="black", linewidth=1.3)
    top = max(*one.levels.values(), float(one.alone[0].max())) * THOUSAND * 1.08
    ax.set(xlim=(0, one.fleet * THOUSAND * 1.22), ylim=(0, top), xlabel="thousand machines sold together",
           ylabel="USD thousand per unit", title=_title(one, bid))  # fmt: skip
    ax.xaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10]))
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
    ax.yaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
    _levels(ax, one, top)


def _title(one: Depth, bid: float) -> str:
    if bid <= 0.0:
        return f"{one.name}: no bid for any of {count(one.fleet)} pledged"
    share = min(bid / one.fleet, 1.0)
    found = "bids for all" if share > 1.0 - 1e-9 else f"bids for {100.0 * share:.0f} %"
    return f"{one.name}: {found} of {count(one.fleet)} pledged"


def count(units: float) -> str:
    """Machines in a title: "274 thousand", "850"."""
    return f"{units * THOUSAND:,.0f} thousand" if units >= 9_500 else f"{units:,.0f}"


def _levels(ax: Axes, one: Depth, top: float) -> None:
    """Book, list, value and mark as lines across, each with its name right of the fleet, the names apart."""
    known = sorted(((level * THOUSAND, name) for name, level in one.levels.items() if level > 0.0))
    looks = {name: (colour, stroke) for name, colour, stroke in LEVELS}
    end, below = one.fleet * THOUSAND, -np.inf
    for level, name in known:
        colour, stroke = looks[name]
        width = 0.8 if stroke == "-" else 1.3
        ax.plot([0, end], [level, level], color=colour, linestyle=stroke, linewidth=width, zorder=2)
        place = max(level, below + ROOM * top, 0.035 * top)
        below = place
        ax.annotate(f"{name} {level:,.1f}", (end, level), xytext=(end * 1.03, place), textcoords="data", fontsize=7.5,
                    va="center", color="#222222", arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.7},
                    annotation_clip=False)  # fmt: skip


def _legend(found: list[Depth]) -> list[Line2D | Patch]:
    handles: list[Line2D | Patch] = [
        Line2D([], [], color="#0072B2", linewidth=2.2, label="price, this generation alone for sale"),
        Line2D([], [], color="#E69F00", linewidth=2.0, linestyle=(0, (3, 1.2)), label="price, all generations at once"),
        Line2D([], [], color="black", linewidth=1.3, label="pledged fleet"),
    ]
    if any(one.alone[1].max() < one.fleet * (1.0 - 1e-9) for one in found):
        handles.append(Patch(facecolor="#EEEEEE", edgecolor="#BBBBBB", hatch="///", label="no bid at any price"))
    return handles
