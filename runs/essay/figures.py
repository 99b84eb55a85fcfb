"""What does a claim look like: its effects with their intervals against the bound, and where it turns?"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nobid.runs.charts.style import CHARACTERS_PER_INCH, DASHED, Stroke, new_figure, say, styled
from nobid.runs.essay.result import Line, Swept, Trial

COLOURS: Final = {
    "supported": "#0072B2", "not supported": "#D55E00", "inconclusive": "#666666", "assumed": "#CC79A7",
    "told": "#444444",
}  # fmt: skip
MARKS: Final = {"test": "o", "null": "s", "world": "D", "beside": "o"}
LINES: Final = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
STROKES: Final[tuple[Stroke, ...]] = ("-", DASHED, ":", "-.", (0, (5.0, 1.0)), (0, (1.0, 1.0)))
WIDE: Final = 34  # characters of a label on a line
ROW: Final = 0.5  # inches a figure


@styled
def figure(one: Trial) -> Figure:
    """Left the figures that decide, those of the null control and of other worlds, a panel a unit; right the sweeps."""
    shown = [line for line in one.lines if line.role != "beside" and line.value is not None]
    by_unit: dict[str, list[Line]] = {}
    for line in shown:
        by_unit.setdefault(line.unit, []).append(line)
    sweeps, rows = one.sweeps[:2], [len(lines) for lines in by_unit.values()] or [1]
    width, height = 5.6 + 4.2 * max(len(sweeps), 1), max(3.6, 1.8 + ROW * len(shown) + 0.4 * len(rows))
    drawn = new_figure(f"Claim {one.number}. {one.title}: {one.verdict_words}", width, height)
    columns = [1.25, *(1.0 for _ in sweeps)]
    grid = drawn.add_gridspec(len(rows), len(columns), width_ratios=columns, height_ratios=[one + 1 for one in rows])
    for place, lines in enumerate([*by_unit.values()] or [[]]):
        _effects(drawn.add_subplot(grid[place, 0]), lines)
    for place, sweep in enumerate(sweeps):
        _sweep(drawn.add_subplot(grid[:, place + 1]), sweep)
    _foot(drawn, one)
    return drawn


def _effects(ax: Axes, lines: Sequence[Line]) -> None:
    """A row a figure: dot and interval, the bound as a stroke, coloured by verdict."""
    if not lines:
        say(ax, "nothing was simulated: see the sources")
        return
    for row, line in enumerate(lines):
        colour = COLOURS[line.verdict]
        if line.low is not None and line.high is not None:
            ax.plot([line.low, line.high], [row, row], color=colour, linewidth=2.6, solid_capstyle="butt")
        filled = colour if line.role == "test" else "white"
        at = np.array([line.value], dtype=float)
        ax.plot(at, [row], marker=MARKS[line.role], color=colour, markerfacecolor=filled, markersize=7)
        if line.bound is not None:
            ax.plot([line.bound] * 2, [row - 0.42, row + 0.42], color="black", linewidth=1.2)
    ax.set_yticks(range(len(lines)), [_label(line) for line in lines])
    ax.tick_params(axis="y", labelsize=7)
    ax.set_ylim(len(lines) - 0.4, -0.6)
    ax.set_xlabel(lines[0].unit)


def _label(line: Line) -> str:
    place = {"test": "", "null": "null control: ", "world": f"{line.world}: "}[line.role]
    return "\n".join(textwrap.wrap(f"{place}{line.what}", WIDE, max_lines=3, placeholder=" …"))


def _sweep(ax: Axes, one: Swept) -> None:
    """A line for each point of the second axis over the first; the bound dashed, the sourced value dotted."""
    columns = one.labels[1] if len(one.labels) > 1 else ("",)
    x = np.array(one.numbers)
    for place, label in enumerate(columns):
        colour, stroke = LINES[place % len(LINES)], STROKES[place % len(STROKES)]
        middle, low, high = (
            np.array([row[place] for row in table], dtype=float) for table in (one.values, one.lows, one.highs)
        )
        ax.plot(x, middle, marker="o", markersize=4, label=label, color=colour, linestyle=stroke)
        if np.isfinite(low).any() and len(columns) <= 3:
            ax.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)
    if one.bound is not None:
        ax.axhline(one.bound, color="black", linewidth=1.0, linestyle=DASHED)
    if one.sourced is not None:
        ax.axvline(one.sourced, color="#777777", linewidth=1.0, linestyle=":")
    if len(x) > 2 and x.min() > 0.0 and x.max() / x.min() > 8.0:
        ax.set_xscale("log")
        ax.set_xticks(x, [f"{value:g}" for value in x])
        ax.minorticks_off()
    title = f"{one.what}{f', {one.unit}' if one.unit else ''}"
    ax.set_title("\n".join(textwrap.wrap(title, 40)), fontsize=9)
    ax.set_xlabel(one.axes[0])
    if len(columns) > 1:
        ax.legend(title=one.axes[1], fontsize=7, title_fontsize=7)


def _foot(drawn: Figure, one: Trial) -> None:
    null = f" · null control: {one.null}" if one.null else ""
    lines = (
        f"Scenario {one.scenario} · {one.months} months · {one.paths} paths · seed {one.seed}{null}",
        "filled: what decides; square: the same rule on the null control; diamond: in another world; stroke and dashed "
        "line: the bound; blue supported, orange not supported, grey inconclusive; dotted: sourced value",
    )
    width = int(drawn.get_figwidth() * CHARACTERS_PER_INCH)
    drawn.supxlabel("\n".join(textwrap.fill(line, width) for line in lines), x=0.01, ha="left", fontsize=7,
                    color="#444444", weight="normal")  # fmt: skip


def save(one: Trial, folder: Path) -> Path:
    """The claim's figure lies in the folder as claim_NN.png."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"claim_{one.number:02d}.png"
    figure(one).savefig(file, dpi=110)
    return file
