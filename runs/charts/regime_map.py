"""Where is the boundary of a systemic crisis: P(cluster) over two settings, in panels of a third, and today's point?

One panel a value of the third setting. The line is where P(cluster) passes one half; hatched are the points of which
the 95 % interval holds one half; the orange strokes are tipping steps of `sweep_tipping.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from nobid.runs.charts.style import FigureMeta, footnote, new_figure, styled
from nobid.runs.sweep_edge import LEVEL

Array = NDArray[np.float64]

PANEL: Final = (4.0, 3.4)  # inches
TIPS, TODAY = "#D55E00", "#D55E00"
DARK: Final = 0.55  # of the scale: numbers on darker fields are white
NUMBERS: Final = 8.0  # points


@dataclass(frozen=True)
class Axis:
    """A setting: what it is called on the axis, its values, and where today's system stands."""

    label: str
    values: tuple[float, ...]
    today: float


@dataclass(frozen=True)
class Panel:
    """P(cluster) over two settings (down, across) with the ends of its intervals, and the steps that tip as pairs of
    places (row, column).
    """

    title: str
    chance: Array
    low: Array
    high: Array
    tips: tuple[tuple[tuple[int, int], tuple[int, int]], ...] = ()
    today: bool = True


@styled
def regime_map(title: str, panels: Sequence[Panel], *, down: Axis, across: Axis, meta: FigureMeta) -> Figure:
    """P(systemic cluster) in a panel for each value of a third setting, with the boundary and today's point."""
    figure = new_figure(title, max(PANEL[0] * len(panels) + 0.6, 7.0), PANEL[1] + 1.0)
    axes = figure.subplots(1, len(panels), squeeze=False, sharey=True)[0]
    for ax, panel in zip(axes, panels, strict=True):
        image = ax.imshow(panel.chance, origin="lower", aspect="auto", cmap="Blues", vmin=0.0, vmax=1.0)
        _numbers(ax, panel)
        _boundary(ax, panel)
        for first, second in panel.tips:
            _stroke(ax, first, second)
        if panel.today:
            _today(ax, down, across)
        ax.grid(visible=False)
        ax.set_title(panel.title)
        ax.set_xticks(range(len(across.values)), [f"{value:g}" for value in across.values])
        ax.set_yticks(range(len(down.values)), [f"{value:g}" for value in down.values])
        ax.set_xlabel(across.label)
    axes[0].set_ylabel(down.label)
    figure.colorbar(image, ax=list(axes), label="P(systemic cluster)")
    footnote(
        figure, meta, "numbers: % of paths with a cluster (four or more borrowers and lenders within three months)",
        "line: half of the paths; hatched: the 95 % interval of the point holds one half",
        "orange: a sure step between neighbours with two humps of losses; circle: the sourced point",
    )  # fmt: skip
    return figure


def _numbers(ax: Axes, panel: Panel) -> None:
    for (row, column), value in np.ndenumerate(panel.chance):
        if np.isfinite(value):
            colour = "white" if value > DARK else "#222222"
            ax.text(column, row, f"{100.0 * value:.0f}", ha="center", va="center", fontsize=NUMBERS, color=colour)


def _boundary(ax: Axes, panel: Panel) -> None:
    """The line of one half, and the fields that may lie on either side of it."""
    if np.nanmin(panel.chance) < LEVEL < np.nanmax(panel.chance):
        ax.contour(panel.chance, levels=[LEVEL], colors="black", linewidths=1.6)
    for (row, column), low in np.ndenumerate(panel.low):
        if low <= LEVEL <= panel.high[row, column]:
            ax.add_patch(_field(row, column))


def _field(row: int, column: int) -> Rectangle:
    return Rectangle((column - 0.5, row - 0.5), 1.0, 1.0, fill=False, hatch="//", edgecolor="#777777", linewidth=0.0)


def _stroke(ax: Axes, first: tuple[int, int], second: tuple[int, int]) -> None:
    """A stroke between two neighbouring fields."""
    (row, column), across = first, first[0] == second[0]
    beside, along = ([column + 0.5] * 2, [row - 0.5, row + 0.5]), ([column - 0.5, column + 0.5], [row + 0.5] * 2)
    ax.plot(*(beside if across else along), color=TIPS, linewidth=2.2, scalex=False, scaley=False, zorder=3)


def _today(ax: Axes, down: Axis, across: Axis) -> None:
    """A circle where today's system stands, between the fields where its values are none of those swept."""
    place = [float(np.interp(axis.today, axis.values, range(len(axis.values)))) for axis in (across, down)]
    ax.plot(*place, marker="o", markersize=17, fillstyle="none", color=TODAY, markeredgewidth=2.0, zorder=4)
