"""What did the run look like? The standard figures, one function each, and the registry that saves them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Protocol

import networkx as nx
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from nobid.runs.block_tables import COUNTS
from nobid.runs.charts.by_month import Array, ByMonth, Spread
from nobid.runs.charts.fan import fan
from nobid.runs.charts.network import exposure_network
from nobid.runs.charts.prices import machines_for_sale, rents_and_prices
from nobid.runs.charts.style import (
    DASH_DOT,
    DASHED,
    DOTTED,
    KIND_COLOURS,
    KIND_WORDS,
    FigureMeta,
    Stroke,
    bands_remark,
    bars,
    ceiling,
    draw_series,
    footnote,
    from_zero,
    month_axis,
    new_figure,
    saved,
    say,
    styled,
)

__all__ = [
    "FIGURES",
    "FigureMeta",
    "RunLike",
    "cover",
    "defaults_by_month",
    "exposure_network",
    "fan",
    "ltv_three_ways",
    "machines_for_sale",
    "rents_and_prices",
    "save_all",
    "worst_month",
]

HATCHES = {"miner": "", "neocloud": "////", "lender": "....", "buyer": "xxxx"}
LTV_TOP, LTV_FLOOR = 1000.0, 0.1  # the fleet's liquidation loan-to-value is near 100 from the start
COVER_TOP = 6.0  # a DSCR above this is not drawn: nobody worries
Way = tuple[str, str, str, Stroke]  # column, label, colour, stroke
LTV: tuple[Way, ...] = (
    ("ltv_book", "at book", "#009E73", DASH_DOT),
    ("ltv_mark", "at mark", "#0072B2", "-"),
    ("ltv_liquidation", "at liquidation", "#D55E00", DASHED),
)
COVER: tuple[Way, ...] = (
    ("dscr_corporate", "corporate", "#0072B2", "-"),
    ("dscr_facility", "facilities", "#D55E00", DASHED),
    ("dscr_facility_p10", "weakest tenth of facilities", "#777777", DOTTED),
)


class RunLike(Protocol):
    """What a run must offer to be drawn."""

    @property
    def by_month(self) -> ByMonth:
        """Its monthly table, of which figures are asked for."""

    @property
    def figure_meta(self) -> FigureMeta:
        """Scenario, seed, paths and assumptions for the footnote."""

    def graph(self, month: str, path: int) -> nx.MultiDiGraph[str]:
        """The exposures on the path at the end of the month (YYYY-MM), or at the founding for "start"."""


@styled
def defaults_by_month(by_month: ByMonth, meta: FigureMeta) -> Figure:
    """Mean defaults by kind above, mean debt defaulted and lender losses below. Numbers; USD million a month."""
    figure = new_figure("Defaults by month and kind", 10, 6.2)
    above, below = figure.subplots(2, 1, sharex=True)
    found = by_month.spread(*COUNTS, "debt_defaulted", "lender_losses")
    above.set(title="Agents in default", ylabel="mean number per path" if by_month.many else "number of agents")
    mean = ", mean over paths" if by_month.many else ""
    below.set(title="Debt defaulted and lender losses", ylabel=f"USD million a month{mean}")
    if any(found[name].mean.any() for name in COUNTS):
        _stacked(above, by_month.dates, found)
    else:
        say(above, "no default in this run")
    if any(found[name].mean.any() for name in ("debt_defaulted", "lender_losses")):
        _debt_defaulted(below, by_month.dates, found)
    else:
        say(below, "no debt defaulted in this run")
    month_axis(below, by_month.dates)
    footnote(figure, meta, by_month.ended.sentence())
    return figure


def _stacked(ax: Axes, months: pd.DatetimeIndex, found: Mapping[str, Spread]) -> None:
    base = np.zeros(len(months))
    for kind, word in KIND_WORDS.items():
        height = found[f"defaults_{kind}"].mean
        bars(ax, months, height, bottom=base, color=KIND_COLOURS[kind], hatch=HATCHES[kind],
             label=f"{word} ({height.sum():,.3g})")  # fmt: skip
        base = base + height
    whole = bool(np.all(base == np.rint(base)))
    ax.yaxis.set_major_locator(MaxNLocator(nbins=6, integer=whole, steps=[1, 2, 5, 10]))
    ax.set_ylim(0, max(float(np.max(base)) * 1.12, 1.05 if whole else 0))
    ax.legend(title="over the run", loc="upper left", bbox_to_anchor=(1.0, 1.0), alignment="left")


def _debt_defaulted(ax: Axes, months: pd.DatetimeIndex, found: Mapping[str, Spread]) -> None:
    ax.plot(months, found["debt_defaulted"].mean, color="#0072B2", label="debt defaulted")
    ax.plot(months, found["lender_losses"].mean, color="#D55E00", linestyle=DASHED, label="lender losses")
    from_zero(ax)
    ax.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))


@styled
def ltv_three_ways(by_month: ByMonth, meta: FigureMeta) -> Figure:
    """The system's loan-to-value at book, at mark and at liquidation, with the line at which debt equals collateral."""
    figure = new_figure("Loan-to-value: at book, at mark, at liquidation", 10, 4.4)
    panels = list(figure.subplots(1, len(LTV) if by_month.many else 1, sharey=True, squeeze=False)[0])
    cut = _ways(panels, by_month, LTV, LTV_TOP)
    for panel in panels:
        panel.set_yscale("log")
        panel.set_ylim(LTV_FLOOR, LTV_TOP)
        panel.yaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
    panels[0].set_ylabel("debt over collateral (ratio, log scale)")
    panels[-1].annotate("debt = collateral", (1.0, 1.0), xycoords=("axes fraction", "data"), xytext=(-2, 3),
                       textcoords="offset points", ha="right", fontsize=7.5)  # fmt: skip
    if not by_month.many:
        panels[0].set_title("All loans against machines")
    footnote(figure, meta, bands_remark(by_month), cut)
    return figure


def _ways(panels: list[Axes], by_month: ByMonth, ways: tuple[Way, ...], top: float) -> str:
    """Ratios with a line at 1: in one panel for one path, a panel each for several; the remark tells what is cut."""
    found = by_month.spread(*(column for column, *_ in ways))
    for i, (column, label, colour, stroke) in enumerate(ways):
        panel = panels[i % len(panels)]
        draw_series(panel, by_month.dates, found[column], color=colour, linestyle=stroke, label=label)
    cut = ""
    for panel, (_, label, _, _) in zip(panels, ways, strict=False):
        panel.axhline(1.0, color="black", linewidth=1.0)
        month_axis(panel, by_month.dates)
        cut = ceiling(panel, [one.quantiles for one in found.values()], top)
        if by_month.many:
            panel.set_title(label[0].upper() + label[1:])
        else:
            panel.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return cut


@styled
def cover(by_month: ByMonth, meta: FigureMeta) -> Figure:
    """Debt service cover of firms and of facilities, and the share of debt not covered. Ratio; share."""
    figure = new_figure("Debt service cover: income over what falls due", 10, 6.4)
    grid = figure.subplots(2, 2 if by_month.many else 1, sharex=True, squeeze=False)
    *above, below = grid.flat
    cut = _ways(above, by_month, COVER, COVER_TOP)
    for panel in above:
        panel.set_ylabel("DSCR (ratio)")
    if not by_month.many:
        above[0].set_title("Income over debt service; below 1 it does not cover")
    share = by_month.spread("share_debt_dscr_below_1")["share_debt_dscr_below_1"]
    draw_series(below, by_month.dates, share, color="#0072B2")
    below.set(title="Debt on facilities with DSCR below 1", ylabel="share of debt", ylim=(0, 1))
    month_axis(below, by_month.dates)
    footnote(figure, meta, bands_remark(by_month), cut)
    return figure


def worst_month(months: Sequence[str], debt_defaulted: Array) -> str | None:
    """The month with most debt defaulted (ties: the earliest); None where nothing defaulted."""
    return months[int(np.argmax(debt_defaulted))] if debt_defaulted.any() else None


def _network(run: RunLike) -> Figure:
    """The exposures at the start and in the worst month (the last one where nothing defaulted) of the worst path."""
    months, path = run.by_month.months, run.by_month.most("debt_defaulted")
    worst = worst_month(months, run.by_month.of_path("debt_defaulted", path))
    shown = worst or months[-1]
    words = f"{shown}, {'worst month' if worst else 'last month'}{' of the worst path' if run.by_month.many else ''}"
    meta = replace(run.figure_meta, paths=(path,))
    return exposure_network(run.graph("start", path), run.graph(shown, path), meta, months=("start", words))


FIGURES: dict[str, Callable[[RunLike], Figure]] = {
    "fan": lambda run: fan(run.by_month, run.figure_meta),
    "rents_and_prices": lambda run: rents_and_prices(run.by_month, run.figure_meta),
    "defaults_by_month": lambda run: defaults_by_month(run.by_month, run.figure_meta),
    "ltv_three_ways": lambda run: ltv_three_ways(run.by_month, run.figure_meta),
    "machines_for_sale": lambda run: machines_for_sale(run.by_month, run.figure_meta),
    "cover": lambda run: cover(run.by_month, run.figure_meta),
    "exposure_network": _network,
}


@styled
def save_all(run: RunLike, folder: Path) -> list[Path]:
    """Every figure of the registry lies in `folder`."""
    return saved({name: partial(draw, run) for name, draw in FIGURES.items()}, folder)
