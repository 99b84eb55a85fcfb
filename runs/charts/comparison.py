"""What does a comparison look like: paired differences with their intervals, and cost against loss avoided?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from nobid.runs.charts.style import footnote, new_figure, saved, styled
from nobid.runs.contrasts import HEADLINE
from nobid.runs.estimate import Estimate
from nobid.runs.run_record import ranges
from nobid.runs.summary_figures import BILLION, debt_at_start

if TYPE_CHECKING:
    from nobid.runs.comparison import Comparison

Array = NDArray[np.float64]

BETTER, WORSE, OPEN = "#0072B2", "#D55E00", "#666666"  # told from nought, on which side, or not
ROW: Final = 0.34  # inches a policy
KEY_ROW: Final = 0.24  # inches a line of the key
LINEAR: Final = 300.0  # of the largest cost: below this part of it the axis is linear
TOUCH: Final = (45.0, 14.0)  # points on the canvas, across and up, within which numbers would lie on each other
ROOM: Final = 0.25  # of an axis, left and right of the intervals alone
A_PATH: Final = " a path (mean)"
UNITS: Final = {"cluster": "percentage points", "defaults": "number" + A_PATH}  # the rest is money
TITLES: Final = {
    "cluster": "Probability of a systemic cluster",
    "defaults": "Borrowers and lenders defaulted",
    "lender_losses": "Lender losses",
}


@styled
def forest(found: Comparison) -> Figure:
    """Paired differences from the first arm, a policy a row: dot, interval alone (thick), together with all (thin)."""
    labels = list(found.figures)[1:]
    figure = new_figure(
        f"What each policy changes against {found.arms[0].label}, path by path", 11, 2.3 + ROW * len(labels)
    )
    panels = figure.subplots(1, len(HEADLINE), sharey=True)
    unit, scale = _money(found)
    scales = {"cluster": 0.01, "defaults": 1.0, "lender_losses": scale}
    for panel, name in zip(panels, HEADLINE, strict=True):
        for row, label in enumerate(labels):
            _difference(panel, row, found, (label, name), scales[name])
        panel.axvline(0.0, color="black", linewidth=1.0)
        panel.set_xlim(*_range([found.contrasts[label, name].found for label in labels], scales[name]))
        panel.set(title=TITLES[name], xlabel=f"← less · {UNITS.get(name, unit + A_PATH)} · more →")
    panels[0].set_yticks(range(len(labels)), [_short(label) for label in labels])
    panels[0].set(ylabel="policy", ylim=(len(labels) - 0.5, -0.5))
    _foot(figure, found, "thick: 95 % interval; thin: holds together for all policies and panels; filled: the thin one "
          "leaves out nought, blue less, orange more; cross: too few paths differ; same luck in all arms")  # fmt: skip
    return figure


def _range(alone: Sequence[Estimate], scale: float) -> tuple[float, float]:
    """An axis that holds nought and every interval alone; one that holds together may go on beyond it."""
    ends = [end / scale for one in alone for end in (one.value, one.low, one.high) if np.isfinite(end)]
    low, high = min([0.0, *ends]), max([0.0, *ends])
    room = ROOM * (high - low) or 1.0
    return low - room, high + room


def _difference(ax: Axes, row: int, found: Comparison, key: tuple[str, str], scale: float) -> None:
    one = found.contrasts[key]
    alone, wide = one.found, one.together or one.found
    sure = wide.clear_of_zero
    if not alone.moved:
        ax.plot([0.0], [row], marker="o", color=OPEN, markersize=6, markerfacecolor="white", zorder=4)
        return
    colour = OPEN if not sure else (BETTER if alone.value < 0.0 else WORSE)
    if np.isfinite(wide.halfwidth):
        ax.plot([wide.low / scale, wide.high / scale], [row, row], color=colour, linewidth=1.0)
    if np.isfinite(alone.halfwidth):
        ax.plot([alone.low / scale, alone.high / scale], [row, row], color=colour, linewidth=3.2, alpha=0.75)
    marker = "o" if np.isfinite(alone.halfwidth) else "x"
    face = colour if sure else "white"
    ax.plot([alone.value / scale], [row], marker=marker, color=colour, markersize=6, markerfacecolor=face, zorder=4)


@styled
def frontier(found: Comparison) -> Figure:
    """Cost in money, and credit not extended, against lender losses avoided; dominated policies are hollow."""
    table = found.frontier()
    height = max(5.2, 1.6 + KEY_ROW * len(table))
    figure = new_figure("What each policy costs and what loss it avoids", 12.5, height)
    left, right, key = figure.subplots(1, 3, width_ratios=[1.0, 1.0, 0.62])
    unit, scale = _money(found)
    left.set_ylabel(f"lender losses avoided, {unit} a path (mean)")
    for panel, name, words in (
        (left, "cost", "public loss and private outlay"),
        (right, "credit_not_extended", "credit not extended"),
    ):
        panel.axhline(0.0, color="black", linewidth=1.0)
        panel.axvline(0.0, color="black", linewidth=1.0)
        panel.set(title=words[0].upper() + words[1:], xlabel=f"{unit} a path (mean)")
        _policies(panel, table, name, scale)
    _key(key, table)
    money = "left axis: linear around nought, then by powers of ten" if left.get_xscale() == "symlog" else ""
    hollow = (
        "hollow: dominated, another arm avoids no less, costs no more and takes no more credit away, and is surely "
        "better in one of them"
    )
    _foot(figure, found, "bars: 95 % of each alone", money, hollow)
    return figure


def _policies(ax: Axes, table: pd.DataFrame, name: str, scale: float) -> None:
    """A dot with its interval both ways for every policy, numbered; numbers of dots that touch stand side by side."""
    points = table[[name, "losses_avoided"]].to_numpy(dtype=float) / scale
    for (x, y), (_, row) in zip(points, table.iterrows(), strict=True):
        colour, hollow = (OPEN, True) if row["dominated_by"] else (BETTER, False)
        across, up = (np.array([row[f"{one}_low"], row[f"{one}_high"]]) / scale for one in (name, "losses_avoided"))
        ax.plot(across, [y, y], color=colour, linewidth=0.9, alpha=0.5)
        ax.plot([x, x], up, color=colour, linewidth=0.9, alpha=0.5)
        face = "white" if hollow else colour
        ax.plot([x], [y], marker="o", markersize=6, color=colour, markerfacecolor=face, zorder=4)
    paid = float(np.abs(points[:, 0]).max(initial=0.0))
    if name == "cost" and paid > 0.0:
        ax.set_xscale("symlog", linthresh=10.0 ** np.floor(np.log10(paid / LINEAR)), linscale=0.5)
        ax.xaxis.set_major_formatter("{x:g}")
    ax.figure.canvas.draw()
    for numbers, at in _touching(ax.transData.transform(points)):
        words = ", ".join(f"{first + 1}–{end}" if end - first > 1 else f"{end}" for first, end in ranges(numbers))
        ax.annotate(words, points[at], xytext=(6, 4), textcoords="offset points", fontsize=8, weight="bold", zorder=5)


def _touching(places: Array) -> Iterator[tuple[list[int], int]]:
    """Groups of dots so near that their numbers would lie on each other, and the dot that carries the numbers."""
    left = [int(one) for one in np.argsort(places[:, 1], kind="stable")]
    while left:
        first = left[0]
        near = [one for one in left if (np.abs(places[one] - places[first]) < TOUCH).all()]
        yield sorted(near), max(near, key=lambda one: float(places[one, 0]))
        left = [one for one in left if one not in near]


def _key(ax: Axes, table: pd.DataFrame) -> None:
    """Which number is which policy, and which arm dominates it."""
    ax.set_axis_off()
    numbers = {label: str(number) for number, label in enumerate(table.index, 1)}
    lines = []
    for label, by in table["dominated_by"].items():
        words = f"{numbers[str(label)]}  {_short(str(label))}"
        lines.append(words + (f"   (dominated by {numbers.get(by, by)})" if by else ""))
    ax.text(0.0, 1.0, "\n".join(lines), va="top", fontsize=8.5, linespacing=1.7, transform=ax.transAxes)


def _money(found: Comparison) -> tuple[str, float]:
    return ("USD bn", BILLION) if debt_at_start(found.arms[0].run) >= BILLION else ("USD m", 1.0)


def _short(label: str) -> str:
    return label.replace(" + ", " +\n", 1) if len(label) > 34 else label


def _foot(figure: Figure, found: Comparison, *remarks: str) -> None:
    footnote(figure, found.arms[0].run.figure_meta, *remarks)


FIGURES: Final[Mapping[str, Callable[[Comparison], Figure]]] = {"forest": forest, "frontier": frontier}


def save_all(found: Comparison, folder: Path) -> list[Path]:
    """Both figures lie in the folder."""
    return saved({name: partial(draw, found) for name, draw in FIGURES.items()}, folder)
