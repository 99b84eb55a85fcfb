"""How far apart are the paths: defaults, debt in default and lender losses so far, and how many paths have a crisis?"""

from __future__ import annotations

from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from nobid.runs.charts.by_month import Array, ByMonth, Series, Spread, so_far
from nobid.runs.charts.style import (
    DASH_DOT,
    DASHED,
    FigureMeta,
    Stroke,
    bands_remark,
    draw_series,
    footnote,
    month_axis,
    new_figure,
    styled,
)

BORROWERS: Final = ("defaults_miner", "defaults_neocloud")
FAILED: Final = (*BORROWERS, "defaults_lender")
SO_FAR: Final = {
    "borrowers": so_far(*BORROWERS), "failed": so_far(*FAILED), "debt": so_far("debt_defaulted"),
    "losses": so_far("lender_losses"),
}  # fmt: skip
LEAST: Final[tuple[tuple[int, str, Stroke], ...]] = (
    (1, "#0072B2", "-"), (4, "#E69F00", DASHED), (10, "#D55E00", DASH_DOT),
)  # fmt: skip
BILLION: Final = 1e3  # USD m
ROOM: Final = 1.08  # of an axis above its highest value


def _at_least(number: int) -> Series:
    """1 on the paths on which so many borrowers and lenders have failed by then, else 0."""

    def made(*counts: Array) -> Array:
        return np.where(np.cumsum(np.sum(counts, axis=0), axis=0) >= number, 1.0, 0.0)

    return Series(FAILED, made)


@styled
def fan(by_month: ByMonth, meta: FigureMeta) -> Figure:
    """Borrowers in default, debt defaulted, lender losses so far (numbers; USD billion or million), and the share of
    paths on which so many have failed (of one path: how many).
    """
    figure = new_figure("Defaults and losses so far", 10, 6.4)
    panels = list(figure.subplots(2, 2, sharex=True).flat)
    found = by_month.spreads(SO_FAR | {str(number): _at_least(number) for number, *_ in LEAST})
    _so_far(panels[0], by_month, found["borrowers"], colour="#0072B2")
    panels[0].set(title="Borrowers in default", ylabel="number of borrowers")
    for panel, name, title, colour in zip(
        panels[1:], ("debt", "losses"), ("Debt defaulted", "Lender losses"), ("#D55E00", "#009E73"), strict=False
    ):
        big = float(np.nanmax(found[name].quantiles, initial=0.0)) >= BILLION
        _so_far(panel, by_month, found[name], colour=colour, scale=1.0 / BILLION if big else 1.0)
        panel.set(title=title, ylabel="USD billion" if big else "USD million")
    if by_month.many:
        _shares(panels[3], by_month, [found[str(number)] for number, *_ in LEAST])
    else:
        _so_far(panels[3], by_month, found["failed"], colour="#444444")
        panels[3].set(title="Borrowers and lenders failed", ylabel="number of agents")
    for panel in panels:
        month_axis(panel, by_month.dates)
    many = "failures: of borrowers and lenders together" if by_month.many else ""
    footnote(figure, meta, bands_remark(by_month), many)
    return figure


def _so_far(ax: Axes, by_month: ByMonth, spread: Spread, *, colour: str, scale: float = 1.0) -> None:
    draw_series(ax, by_month.dates, spread, scale=scale, color=colour)
    most = float(np.nanmax(spread.quantiles, initial=0.0)) * scale
    ax.set_ylim(0.0, most * ROOM if most > 0.0 else 1.0)
    ax.yaxis.set_major_locator(MaxNLocator(nbins=6, integer=most >= 1.0, steps=[1, 2, 5, 10]))
    ax.yaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))


def _shares(ax: Axes, by_month: ByMonth, shares: list[Spread]) -> None:
    for (number, colour, stroke), one in zip(LEAST, shares, strict=True):
        ax.plot(by_month.dates, one.mean, color=colour, linestyle=stroke, label=f"{number} +")
    ax.set(title="Paths with failures", ylabel="share of paths", ylim=(0.0, 1.0))
    ax.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=len(LEAST), borderaxespad=0.1, columnspacing=1.2)
