"""Over all paths: what secures the loans, and does income cover debt service?"""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter

from nobid.runs.charts.by_month import ByMonth
from nobid.runs.charts.style import (
    DASH_DOT,
    DASHED,
    DOTTED,
    FigureMeta,
    Stroke,
    bands_remark,
    ceiling,
    draw_series,
    footnote,
    month_axis,
    new_figure,
    styled,
)

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


@styled
def ltv_three_ways(by_month: ByMonth, meta: FigureMeta) -> Figure:
    """The system's loan-to-value at book, at mark and at liquidation, with the line at which debt equals collateral."""
    figure = new_figure("Loan-to-value: at book, at mark, at liquidation", 10, 4.4)
    panels = list(figure.subplots(1, len(LTV) if by_month.many else 1, sharey=True, squeeze=False)[0])
    _ways(panels, by_month, LTV, LTV_TOP)
    for panel in panels:
        panel.set_yscale("log")
        panel.set_ylim(LTV_FLOOR, LTV_TOP)
        panel.yaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
    panels[0].set_ylabel("debt over collateral (ratio, log scale)")
    if not by_month.many:
        panels[0].set_title("All loans against machines")
    drawn = f"drawn between {LTV_FLOOR:g} and {LTV_TOP:,.0f}"
    footnote(figure, meta, bands_remark(by_month), "above the line at 1 the collateral does not cover the debt", drawn)
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
