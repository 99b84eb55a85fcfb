"""What happened in one month, round by round: who sold, what was called, who failed, and on whom did that fall?

A panel a round, every agent in the same place in all of them. An arrow is a flow: a call from lender to borrower,
machines from seller to market and on to their buyer; a claim on somebody who fails runs to the one who holds it.
"""

from __future__ import annotations

import textwrap
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch
from matplotlib.patheffects import withStroke

from nobid.runs.charts.contagion_tree import spaced
from nobid.runs.charts.network import COLUMNS, MARKERS, RED
from nobid.runs.charts.rounds import MARKET, Arrow, Round, chosen, rounds
from nobid.runs.charts.style import (
    DASH_DOT,
    DASHED,
    DOTTED,
    KIND_COLOURS,
    KIND_WORDS,
    Stroke,
    footnote,
    new_figure,
    say,
    styled,
)
from nobid.runs.charts.watched import watched
from nobid.runs.charts.which import meta_of_path, shown_month, shown_path
from nobid.runs.replays.layout import Layout, layout

if TYPE_CHECKING:
    from nobid.runs.replays.facts import Seen
    from nobid.runs.run import Run

ACROSS: Final = 3  # panels in a row
NAMED: Final = 9  # of a column in a panel: those in default, then those in the largest flows
LINES: Final = 5  # of text a panel
WIDE: Final = 62  # characters of a line of text
AT_MARKET: Final = (0.71, 1.06)
BESIDE: Final = 0.035  # of a panel's width, between a column and its names
LOWEST: Final = 1.08  # of a panel's height: a name stands no lower
LONGEST: Final = 16  # characters of a name
PITCH: Final = 0.047  # of a panel's height, between two names
THINNEST, WIDEST = 0.5, 2.6  # width of an arrow, points


class Look(NamedTuple):
    """Words, colour and stroke of a family of flows."""

    words: str
    colour: str
    stroke: Stroke


LOOKS: Final = {
    "call": Look("margin call; loan or line called", "#D55E00", "-"),
    "refusal": Look("maturing debt not renewed", "#000000", DASH_DOT),
    "sale": Look("machines sold", "#0072B2", DASHED),
    "seizure": Look("machines seized", "#56B4E9", (0, (5, 1.5))),
    "loss": Look("rent or contract lost", "#CC79A7", DOTTED),
    "relief": Look("lent or waived", "#009E73", (0, (6, 2, 1.5, 2, 1.5, 2))),
    "claim": Look("claim on who fails", "#B2182B", (0, (1, 1))),
}


@styled
def cascade(run: Run, *, path: int | None = None, month: str | None = None) -> Figure:
    """One month of one path round by round (the worst one where none is named), a panel and a few lines of text a round
    in which something happened.
    """
    number = shown_path(run, path)
    shown, words = shown_month(run, number, month)
    seen, at = watched(run, number), run.months_to(shown) - 1
    every = rounds(seen, at)
    drawn = chosen(every)
    rows = -(-(len(drawn) + 1) // ACROSS)
    height = 1.0 + 4.0 * rows if drawn else 2.2
    figure = new_figure(f"A month round by round: {words}", 11, height)
    if not drawn:
        ax = figure.subplots()
        say(ax, f"{'at the start' if at < 0 else f'in {shown}'} nothing happened between agents on this path")
        ax.set_axis_off()
    else:
        _panels(figure, drawn, seen, at)
    folded = [str(one.number) for one in every if one not in drawn]
    cut = f"not drawn, with fewer events: rounds {', '.join(folded)}" if folded else ""
    wide = "an arrow's width: root of the amount (USD million; machines where they are sold)" if drawn else ""
    names = f"names: who fails, and up to {NAMED} in the largest flows of each column" if drawn else ""
    footnote(figure, meta_of_path(run, number), wide, names, cut)
    return figure


def _panels(figure: Figure, drawn: Sequence[Round], seen: Seen, month: int) -> None:
    place = layout([seen.graphs[0], seen.graphs[month], seen.graphs[month + 1]])
    kinds = {name: str(data["kind"]) for name, data in seen.graphs[0].nodes(data=True)}
    fallen = {name for name, data in seen.graphs[month].nodes(data=True) if not data["alive"]}
    widest = _widest(drawn)
    across = min(ACROSS, len(drawn) + 1)
    grid = figure.add_gridspec(-(-(len(drawn) + 1) // across), across)
    for n, one in enumerate(drawn):
        ax = figure.add_subplot(grid[n // across, n % across])
        _frame(ax, one)
        ax.set_title(f"Round {one.number}" if one.number else "As the month opens")
        for arrow in sorted(one.arrows, key=lambda found: (found.family != "claim", found.amount)):
            _draw_arrow(ax, arrow, place, widest[arrow.family])
        _draw_agents(ax, one, place, kinds, fallen)
        _draw_names(ax, one, place, kinds)
        fallen = fallen | set(one.failed)
    last = figure.add_subplot(grid[len(drawn) // across, len(drawn) % across])
    last.set_axis_off()
    last.legend(handles=_legend(drawn), loc="upper left", title="agents and flows", alignment="left")


def _widest(drawn: Iterable[Round]) -> dict[str, float]:
    """The largest flow by family: machines for sales, USD million for everything else."""
    found: dict[str, float] = defaultdict(float)
    for one in drawn:
        for arrow in one.arrows:
            found[arrow.family] = max(found[arrow.family], arrow.amount)
    most = max((amount for family, amount in found.items() if family != "sale"), default=1.0)
    return {family: amount if family == "sale" else most for family, amount in found.items()}


def _frame(ax: Axes, one: Round) -> None:
    """A panel without axes, with the text of the round under it."""
    more = len(one.lines) - LINES
    shown = [*one.lines[:LINES], *([f"and {more} other kind{'s' if more > 1 else ''} of event"] if more > 0 else [])]
    wrapped = [part for line in shown for part in textwrap.wrap(line, WIDE, subsequent_indent="  ")]
    ax.set_xlabel("\n".join(wrapped), loc="left", fontsize=6.8, color="#222222")
    ax.set(xlim=(-0.22, 1.2), ylim=(1.12, -0.02), xticks=[], yticks=[])
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)


def _at(name: str, place: Layout) -> tuple[float, float]:
    return AT_MARKET if name == MARKET else place.at[name]


def _draw_arrow(ax: Axes, arrow: Arrow, place: Layout, widest: float) -> None:
    look = LOOKS[arrow.family]
    width = THINNEST + (WIDEST - THINNEST) * float(np.sqrt(arrow.amount / widest))
    bend = -0.12 if arrow.family == "claim" else 0.12  # beside what was seized from the same debtor
    ends = _at(arrow.source, place), _at(arrow.target, place)
    ax.add_patch(FancyArrowPatch(*ends, arrowstyle="-|>", color=look.colour, linestyle=look.stroke, linewidth=width,
                                 mutation_scale=6.0 + width, alpha=0.75, shrinkA=3, shrinkB=4, capstyle="butt",
                                 connectionstyle=f"arc3,rad={bend}", zorder=2, gid=arrow.family))  # fmt: skip


def _draw_agents(ax: Axes, one: Round, place: Layout, kinds: Mapping[str, str], fallen: set[str]) -> None:
    """Everybody small and pale; who failed before crossed out, who fails now in red, who is hit alone with a ring."""
    for kind, marker in MARKERS.items():
        for failed, colour in ((False, KIND_COLOURS[kind]), (True, "#FFFFFF")):
            names = [name for name in place.at if kinds[name] == kind and (name in fallen) is failed]
            if names:
                x, y = np.array([place.at[name] for name in names]).T
                ax.scatter(x, y, s=13, marker=marker, color=colour, edgecolor="#555555", linewidth=0.4, zorder=3)
    for names, look in (
        (sorted(fallen), {"marker": "x", "s": 12, "color": "#555555", "linewidth": 0.8, "label": "failed before"}),
        (one.failed, {"marker": "X", "s": 70, "color": RED, "edgecolor": "white", "linewidth": 0.6,
                      "label": "fails in it"}),
        ([*one.alone], {"marker": "o", "s": 60, "facecolor": "none", "edgecolor": "#444444", "linewidth": 1.0,
                        "label": "short of cash, funding or capital"}),
    ):  # fmt: skip
        if names:
            x, y = np.array([place.at[name] for name in names]).T
            ax.scatter(x, y, zorder=4, **look)  # type: ignore[arg-type]
    if any(MARKET in (arrow.source, arrow.target) for arrow in one.arrows):
        frame = {"boxstyle": "round,pad=0.25", "facecolor": "white", "edgecolor": "#0072B2", "linewidth": 0.8}
        ax.text(*AT_MARKET, "used machines", ha="center", va="center", fontsize=6.5, zorder=5, bbox=frame)


def _draw_names(ax: Axes, one: Round, place: Layout, kinds: Mapping[str, str]) -> None:
    """Who acts is named beside its column, names apart and tied to their agents."""
    weight: dict[str, float] = defaultdict(float)
    for name, amount in one.alone.items():
        weight[name] += amount
    for arrow in one.arrows:
        for end in {arrow.source, arrow.target} - {MARKET}:
            weight[end] += arrow.amount if arrow.family != "sale" else 0.001 * arrow.amount
    for name in one.failed:
        weight[name] = np.inf
    for column in sorted(set(COLUMNS.values())):
        inside = [name for name in weight if COLUMNS[kinds[name]] == column]
        named = sorted(
            sorted(inside, key=lambda name: (-weight[name], name))[:NAMED], key=lambda name: place.at[name][1]
        )
        lanes = [x for name, (x, _) in place.at.items() if COLUMNS[kinds[name]] == column]
        edge = min(lanes) - BESIDE if column == 0.0 else max(lanes) + BESIDE
        _names_of_column(ax, named, place, set(one.failed), edge=edge)


def _names_of_column(ax: Axes, named: Sequence[str], place: Layout, failed: set[str], *, edge: float) -> None:
    """The names stand at `edge`, in the order of their agents."""
    heights = spaced([place.at[name][1] for name in named], PITCH)
    drift = max(heights[-1] - LOWEST, 0.0) if heights else 0.0
    for name, y in zip(named, heights, strict=True):
        x, own = place.at[name]
        left = edge < x
        ax.plot([x, edge], [own, y - drift], color="#999999", linewidth=0.4, zorder=4)
        words = name if len(name) <= LONGEST else name[: LONGEST - 1].rstrip() + "…"
        ax.annotate(words, (edge, y - drift), xytext=(-1.5 if left else 1.5, 0), textcoords="offset points",
                    ha="right" if left else "left", va="center", fontsize=6, zorder=6,
                    color=RED if name in failed else "#222222", weight="bold" if name in failed else "normal",
                    path_effects=[withStroke(linewidth=1.8, foreground="white")])  # fmt: skip


def _legend(drawn: Sequence[Round]) -> list[Line2D]:
    used = {arrow.family for one in drawn for arrow in one.arrows}
    nodes = [Line2D([], [], linewidth=0, marker=MARKERS[kind], color=KIND_COLOURS[kind], markeredgecolor="#555555",
                    markersize=5, label=word) for kind, word in KIND_WORDS.items()]  # fmt: skip
    states: list[Any] = [
        Line2D([], [], linewidth=0, marker="X", color=RED, markeredgecolor="white", markersize=8, label="fails in it"),
        Line2D([], [], linewidth=0, marker="x", color="#555555", markersize=4, label="failed before"),
        Line2D([], [], linewidth=0, marker="o", markerfacecolor="none", markeredgecolor="#444444", markersize=7,
               label="short of cash, funding or capital"),
    ]  # fmt: skip
    flows = [Line2D([], [], color=look.colour, linestyle=look.stroke, linewidth=1.6, label=look.words)  # type: ignore[arg-type]
             for family, look in LOOKS.items() if family in used]  # fmt: skip
    return [*nodes, *states, *flows]
