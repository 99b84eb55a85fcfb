"""Does new credit top before demand for compute does, on how many paths, and by how many months?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nobid.runs.charts.by_month import Array, Series
from nobid.runs.charts.style import (
    DASHED,
    HEADROOM,
    bands_remark,
    draw_series,
    footnote,
    month_axis,
    new_figure,
    say,
    styled,
)
from nobid.runs.credit_cycle import (
    BOTH_OPEN,
    CREDIT,
    CREDIT_OPEN,
    DEMAND,
    DEMAND_OPEN,
    KNOWN,
    NO_CREDIT,
    SHORTEST,
    WINDOW,
    compute_demand,
    credit_peaks,
    smoothed,
)

if TYPE_CHECKING:
    from nobid.runs.run import Run

CREDIT_COLOUR, DEMAND_COLOUR = "#D55E00", "#0072B2"
BIN: Final = 6  # months
LEGEND_ROOM: Final = 1.4  # of an axis above its highest bar
LOOK: Final = {
    KNOWN: ("both tops are inside the run", "#0072B2", ""),
    DEMAND_OPEN: ("demand has not topped yet: at least", "#56B4E9", "////"),
    CREDIT_OPEN: ("credit tops at an end of the run: a bound", "#E69F00", "...."),
}


@styled
def credit_cycle(run: Run) -> Figure:
    """New credit and demand for compute over the months, each over its own highest median, and how many months credit
    tops earlier, path by path.
    """
    figure = new_figure("New credit and demand for compute: which tops first?", 9.0, 4.4)
    if run.scenario.parameters.months < SHORTEST:
        ax = figure.subplots()
        ax.set_xticks([])
        say(ax, f"a cycle needs {SHORTEST} months: the run has {run.scenario.parameters.months}")
        footnote(figure, run.figure_meta)
        return figure
    peaks = credit_peaks(run)
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    cut = _cycles(left, run)
    shown = _leads(right, {kind: peaks["lead"][peaks["open"] == kind].to_numpy() for kind in LOOK})
    hidden = int(np.isin(peaks["open"], (BOTH_OPEN, NO_CREDIT)).sum())
    told = f"{hidden} paths without a lead: neither top is inside the run, or nothing was lent" if hidden else ""
    if shown:
        told = " · ".join(one for one in (f"median lead {np.nanmedian(peaks['lead']):.0f} months", told) if one)
    footnote(figure, run.figure_meta, f"means over {WINDOW} months", bands_remark(run.by_month), cut, told)
    return figure


def _cycles(ax: Axes, run: Run) -> str:
    """Both series over the highest of their medians, on one axis that ends above the dark bands; what it cuts off."""
    rules = run.scenario.parameters
    found = run.by_month.spreads(
        {
            "credit": Series((CREDIT,), _centred),
            "compute": Series((DEMAND,), lambda grid: _centred(compute_demand(grid, rules))),
        }
    )
    months, highest = run.by_month.dates, 1.0
    for name, label, colour, stroke in (
        ("credit", "new credit", CREDIT_COLOUR, "-"),
        ("compute", "demand for compute", DEMAND_COLOUR, DASHED),
    ):
        top = np.nanmax(found[name].median)
        if top > 0.0:
            draw_series(ax, months, found[name], scale=1.0 / top, color=colour, linestyle=stroke, label=label)
            highest = max(highest, float(np.nanmax(found[name].quantile(0.75))) / top)
    ax.set_ylabel("ratio to the highest median")
    ax.set_ylim(0.0, highest * HEADROOM)
    month_axis(ax, months)
    ax.legend(loc="upper left", fontsize=7)
    return "light bands may go on above" if run.by_month.many else ""


def _centred(grid: Array) -> Array:
    """The smoothed series on the months it is around, NaN at the ends."""
    placed = np.full_like(grid, np.nan)
    mean = smoothed(grid)
    first = WINDOW // 2
    placed[first : first + len(mean)] = mean
    return placed


def _leads(ax: Axes, leads: dict[str, Array]) -> bool:
    """How many paths have which lead, by what is known of it; true where there is any."""
    everything = np.concatenate(list(leads.values()))
    if not len(everything):
        ax.set_xticks([])
        say(ax, "no path shows a lead")
        return False
    edges = np.arange(np.floor(everything.min() / BIN) * BIN, everything.max() + 1.5 * BIN, BIN)
    below = np.zeros(len(edges) - 1)
    for kind, (label, colour, hatch) in LOOK.items():
        count = np.histogram(leads[kind], edges)[0].astype(float)
        if count.any():
            look: dict[str, Any] = {"color": colour, "hatch": hatch, "edgecolor": "#222222", "linewidth": 0.5}
            ax.bar(edges[:-1], count, width=BIN, align="edge", bottom=below, label=label, **look)
        below = below + count
    ax.axvline(0.0, color="#222222", linewidth=1.0)
    ax.set_ylim(0.0, below.max() * LEGEND_ROOM)
    ax.set_xlabel("months by which credit tops first")
    ax.set_ylabel("number of paths")
    ax.legend(fontsize=7)
    return True
