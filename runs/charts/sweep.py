"""What does a sweep look like: lines with bands over one range, a map over two, and where they tip?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from nobid.runs.charts.style import DASHED, footnote, new_figure, saved, styled
from nobid.runs.estimate import Estimate, significant
from nobid.runs.summary_figures import BAND
from nobid.runs.sweep_result import Sweep
from nobid.runs.sweep_text import money

Array = NDArray[np.float64]

LINE, TIPS = "#0072B2", "#D55E00"
HALF: Final = 0.5  # of the paths: the contour
CELL: Final = (0.62, 0.44)  # inches a point of the map, across and up
DARK: Final = 0.55  # of the scale: numbers on darker fields are white
NUMBERS: Final = 8.0  # points


@styled
def response(found: Sweep) -> Figure:
    """P(cluster) and lender losses over one range, with 95 % bands; tipping ranges shaded, the steepest step darker."""
    figure = new_figure(f"{found.order.scenario.name}: what {_whose(found)}{found.keys[0]} does", 10.5, 4.4)
    chance, losses = figure.subplots(1, 2)
    unit, scale = money(found)
    levels, values = found.comparison.levels, np.array(found.over[0].values)
    _line(chance, values, [levels[arm.label, "cluster"] for arm in found.points], 1.0)
    chance.set(title="P(systemic cluster)", ylim=(-0.02, 1.02), ylabel="share of paths")
    figures = [arm.figures["lender_losses"].to_numpy(dtype=float) / scale for arm in found.points]
    ends = np.array([np.quantile(one, (BAND[0], BAND[-1])) for one in figures])
    losses.fill_between(values, ends[:, 0], ends[:, 1], color=LINE, alpha=0.10, linewidth=0)
    _line(losses, values, [levels[arm.label, "lender_losses"] for arm in found.points], scale)
    losses.set(title="Lender losses, mean a path", ylabel=unit)
    losses.set_ylim(bottom=0.0)
    for panel, name, by in ((chance, "cluster", 1.0), (losses, "lender_losses", scale)):
        panel.set_xlabel(_axis(found, 0))
        _beside(panel, found, name, by)
        _shaded(panel, found, values)
    _foot(figure, found, "dark band: 95 % interval of the figure; light band: 90 % of paths; same luck at all points")
    return figure


def _line(ax: Axes, values: Array, told: Sequence[Estimate], scale: float) -> None:
    middle, low, high = (np.array([getattr(one, end) for one in told]) / scale for end in ("value", "low", "high"))
    ax.fill_between(values, low, high, color=LINE, alpha=0.28, linewidth=0)
    ax.plot(values, middle, color=LINE, marker="o", markersize=4.5)


def _beside(ax: Axes, found: Sweep, name: str, scale: float) -> None:
    """A dashed line where the run without the policy is."""
    if found.beside is None:
        return
    level = found.comparison.levels[found.beside.label, name].value / scale
    ax.axhline(level, color="#444444", linewidth=1.0, linestyle=DASHED)
    ax.annotate("without", (1.0, level), xycoords=("axes fraction", "data"), xytext=(-4, 3), ha="right",
                textcoords="offset points", fontsize=NUMBERS, color="#444444")  # fmt: skip


def _shaded(ax: Axes, found: Sweep, values: Array) -> None:
    for one in found.tipping:
        ax.axvspan(values[one.points[0]], values[one.points[-1]], color=TIPS, alpha=0.14, linewidth=0, zorder=0)
        ax.axvspan(values[one.steepest.first], values[one.steepest.second], color=TIPS, alpha=0.16, zorder=0)


@styled
def surface(found: Sweep) -> Figure:
    """P(cluster) at every point of a grid, in numbers; steps that tip in orange, the contour of one half in black."""
    shape = [len(one.values) for one in found.over]
    width, height = 3.2 + CELL[0] * shape[1], 2.3 + CELL[1] * shape[0]
    figure = new_figure(f"{found.order.scenario.name}: P(systemic cluster)", max(width, 7.0), max(height, 4.2))
    ax = figure.subplots()
    chance = found.shaped([found.comparison.levels[arm.label, "cluster"].value for arm in found.points])
    image = ax.imshow(chance, origin="lower", aspect="auto", cmap="Blues", vmin=0.0, vmax=1.0)
    figure.colorbar(image, ax=ax, label="share of paths")
    for (row, column), value in np.ndenumerate(chance):
        if np.isfinite(value):
            colour = "white" if value > DARK else "#222222"
            label = ax.text(
                column, row, f"{100.0 * value:.0f}", ha="center", va="center", fontsize=NUMBERS, color=colour
            )
            label.set(zorder=5, bbox={"facecolor": image.cmap(image.norm(value)), "edgecolor": "none", "pad": 1.0})
    ax.grid(visible=False)
    ax.set_xticks(range(shape[1]), [f"{value:g}" for value in found.over[1].values])
    ax.set_yticks(range(shape[0]), [f"{value:g}" for value in found.over[0].values])
    ax.set(xlabel=_axis(found, 1), ylabel=_axis(found, 0))
    if shape[1] > 8:
        ax.tick_params(axis="x", rotation=45)
    told = _contour(ax, found, chance)
    _borders(ax, found, shape[1])
    _foot(figure, found, "numbers: % of paths with a cluster", told, "same luck at all points")
    return figure


def _contour(ax: Axes, found: Sweep, chance: Array) -> str:
    """Where half of the paths have a cluster; where none or all points do, the steepest step. What was drawn."""
    if np.nanmin(chance) < HALF < np.nanmax(chance):
        ax.contour(chance, levels=[HALF], colors="black", linewidths=1.6)
        return "black: half of the paths"
    steepest = max(found.steps, key=lambda step: abs(step.change.value))
    if not steepest.change.moved:
        return "P(cluster) is the same at all points"
    if steepest.tips:  # drawn as such
        return ""
    _border(ax, steepest.first, steepest.second, chance.shape[1], color="black")
    change = significant(100.0 * steepest.change.value, 2)
    return f"black: the steepest step ({change} points)"


def _borders(ax: Axes, found: Sweep, columns: int) -> None:
    for step in found.steps:
        if step.tips:
            _border(ax, step.first, step.second, columns, color=TIPS)


def _border(ax: Axes, first: int, second: int, columns: int, *, color: str) -> None:
    """A stroke between two neighbouring points of the map."""
    row, column = divmod(first, columns)
    across = second == first + 1
    beside, along = ([column + 0.5] * 2, [row - 0.5, row + 0.5]), ([column - 0.5, column + 0.5], [row + 0.5] * 2)
    ax.plot(
        *(beside if across else along),
        color=color,
        linewidth=2.2,
        solid_capstyle="butt",
        scalex=False,
        scaley=False,
        zorder=3,
    )


def _whose(found: Sweep) -> str:
    """The policy to which the setting belongs."""
    place = found.over[0].policy
    return "" if place is None else f"{found.policies[place].name}: "


def _axis(found: Sweep, place: int) -> str:
    """The setting with its unit."""
    one = found.over[place]
    return f"{one.key}, {one.unit}" if one.unit else one.key


def _foot(figure: Figure, found: Sweep, *remarks: str) -> None:
    tips = "orange: tipping range, a sure change of P(cluster) between neighbours with two humps of lender losses"
    footnote(figure, found.arms[0].run.figure_meta, *remarks, tips if found.tipping else "no tipping range was found")


def save(found: Sweep, folder: Path) -> Path:
    """The sweep's figure lies in the folder."""
    return saved({"sweep": found.plot}, folder)[0]
