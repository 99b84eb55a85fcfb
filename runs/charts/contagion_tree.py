"""Who brought down whom: every default of one path hung on what brought it about, back to the shocks outside?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from nobid.model.contagion import Contagion, Node
from nobid.runs.charts.network import MARKERS
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
from nobid.runs.charts.which import meta_of_path, shown_path
from nobid.runs.months import month_label

if TYPE_CHECKING:
    from nobid.runs.run import Run

MOST: Final = 45  # defaults drawn: those that bring about most of the others, and the earliest
LEAST: Final = 0.10  # share of a default from which a link is drawn
THINNEST, WIDEST = 0.5, 4.5  # width of a link, points
ROW: Final = 0.215  # inches a default
BEHIND: Final = {"facecolor": "white", "edgecolor": "none", "pad": 0.7}  # a name's own ground
OWN_WORDS: Final = {
    "rents": "lower rents", "coin": "fall of the coin", "funding": "funding window", "launch": "newer machines",
    "initial weakness": "weak from the start", "own investment": "own investment", "customers": "customers' business",
    "own balance sheet": "own profit", "maturity wall": "debt due in cash", "scripted": "the script",
}  # fmt: skip
# What a link tells by its look: words, colour, stroke; the channels that it stands for.
LINKS: Final[tuple[tuple[str, str, Stroke, tuple[str, ...]], ...]] = (
    ("shock from outside", "#999999", "-", ()),
    ("fire sale, coin sale", "#D55E00", DASHED, ("fire sale", "coin sale")),
    ("losses on the failed", "#000000", "-", ("loss",)),
    ("refused rolls, calls, news", "#0072B2", DASH_DOT,
     ("refused roll", "called loan", "line called", "repo cut", "default news", "funding window")),
    ("lost tenants and contracts", "#CC79A7", DOTTED, ("lost tenant", "lost contract")),
)  # fmt: skip


@dataclass(frozen=True)
class Link:
    """From a default or root to a default: its share of it, and the channel of the last step that carried most."""

    cause: Node
    effect: Node
    share: float
    channel: str


@dataclass(frozen=True)
class Tree:
    """Where every node stands: column by instant (roots in column 0), row from the top; and the links."""

    at: dict[Node, tuple[float, float]]
    instants: list[tuple[int, int]]
    links: list[Link]
    left_out: int


@styled
def contagion_tree(run: Run, *, path: int | None = None) -> Figure:
    """Defaults from left to right by month and round, each in a row of its own, on the links that brought them about;
    on the left what they go back to outside. The width of a link is its share of the default.
    """
    number = shown_path(run, path)
    meta = meta_of_path(run, number)
    contagion = run.contagion(number)
    if not contagion.defaults:
        figure = new_figure("Who brought down whom", 10, 2.2)
        ax = figure.subplots()
        say(ax, "nobody defaulted on this path")
        ax.set_axis_off()
        footnote(figure, meta)
        return figure
    tree = tree_of(contagion)
    rows = max(y for _, y in tree.at.values()) + 1
    figure = new_figure("Who brought down whom", 10, 2.1 + max(ROW * rows, 1.2))
    ax = figure.subplots()
    _draw(ax, tree, run.scenario.census.kinds(), run.scenario.parameters.start)
    cut = f"{tree.left_out} more defaults, of the least consequence, are not drawn" if tree.left_out else ""
    footnote(
        figure, meta, f"a link's width: its share of the default, drawn from {100 * LEAST:.0f} % on; after a name: the "
        "share of its largest link", "columns are the months and rounds with defaults, not to scale", cut
    )  # fmt: skip
    return figure


def tree_of(contagion: Contagion) -> Tree:
    """The defaults in rows, those that hang together side by side; links of LEAST and more, and every main one."""
    drawn, links = _chosen(contagion), []
    for default in drawn:
        found = sorted(links_into(contagion, default), key=lambda link: -link.share)
        links += [link for n, link in enumerate(found) if n == 0 or link.share >= LEAST]
    kept = set(drawn)
    links = [link for link in links if link.cause.is_root or link.cause in kept]
    instants = sorted({node.when[:2] for node in drawn})
    at: dict[Node, tuple[float, float]] = {}
    for row, node in enumerate(_order(drawn, links)):
        at[node] = float(1 + instants.index(node.when[:2])), float(row)
    at.update(_roots(links, at))
    return Tree(at, instants, links, len(contagion.defaults) - len(drawn))


def links_into(contagion: Contagion, default: Node) -> Iterator[Link]:
    """What brought the default about, one link a cause; the shares are those of `contagion.parents`."""
    total: dict[Node, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for (cause, channel), weight in contagion.causes[default].items():
        ends = {cause: 1.0} if cause.is_root or cause.is_default else contagion.walk(cause)[0]
        for end, share in ends.items():
            total[end][channel] += weight * share
    for end, channels in total.items():
        main = max(channels, key=lambda name: (channels[name], name))
        yield Link(end, default, sum(channels.values()), main)


def _chosen(contagion: Contagion) -> list[Node]:
    """The defaults to be drawn, in order of time: all, or those with most offspring."""
    offspring: dict[Node, float] = defaultdict(float)
    for default in contagion.defaults:
        for parent, share in contagion.parents(default).items():
            offspring[parent] += share
    ranked = sorted(contagion.defaults, key=lambda node: (-offspring[node], node))
    return sorted(ranked[:MOST])


def _order(drawn: Sequence[Node], links: Sequence[Link]) -> list[Node]:
    """Rows: each default right after the one on which it hangs; what hangs on one root stands together."""
    main: dict[Node, Node] = {}
    for link in links:
        main.setdefault(link.effect, link.cause)
    children: dict[Node, list[Node]] = defaultdict(list)
    for node in drawn:
        children[main.get(node, node)].append(node)  # whose cause is not drawn stands for itself
    tops = [node for node in children if node.is_root or node not in main]
    held = [node for top in sorted(tops, key=lambda top: min(children[top])) for node in children[top]][::-1]
    rows: list[Node] = []
    while held:
        node = held.pop()
        rows.append(node)
        held += [child for child in children[node] if child != node][::-1]
    return rows


def _roots(links: Sequence[Link], at: Mapping[Node, tuple[float, float]]) -> dict[Node, tuple[float, float]]:
    """Roots in the first column, each in the middle of what it brought about, and apart."""
    rows: dict[Node, list[float]] = defaultdict(list)
    for link in links:
        if link.cause.is_root:
            rows[link.cause].append(at[link.effect][1])
    wanted = sorted((float(np.mean(found)), root) for root, found in rows.items())
    return {root: (0.0, y) for (_, root), y in zip(wanted, spaced([y for y, _ in wanted], 1.0), strict=True)}


def spaced(wanted: Sequence[float], least: float) -> list[float]:
    """Places in the same order, near the wanted ones and at least so far apart, none below 0.

    >>> spaced([1.0, 1.0, 5.0], 1.0)
    [0.5, 1.5, 5.0]
    """
    groups: list[list[float]] = []  # of wanted places less their rank in the group
    for place in wanted:
        groups.append([place])
        while len(groups) > 1 and _first(groups[-2], least) + least * len(groups[-2]) > _first(groups[-1], least):
            groups[-2:] = [groups[-2] + groups[-1]]
    return [_first(group, least) + least * n for group in groups for n in range(len(group))]


def _first(group: Sequence[float], least: float) -> float:
    return max(sum(group) / len(group) - least * (len(group) - 1) / 2.0, 0.0)


def look_of(link: Link) -> tuple[str, str, Stroke]:
    """Words, colour and stroke of a link."""
    if link.cause.is_root:
        return LINKS[0][:3]
    return next((look[:3] for look in LINKS[1:] if link.channel in look[3]), LINKS[3][:3])


def _draw(ax: Axes, tree: Tree, kinds: Mapping[str, str], start: str) -> None:
    main: dict[Node, Link] = {}
    for link in tree.links:
        main.setdefault(link.effect, link)
    for link in sorted(tree.links, key=lambda one: one.share):
        _draw_link(ax, link, tree)
    for node, (x, y) in tree.at.items():
        if node.is_root:
            _name(ax, OWN_WORDS.get(node.agent, node.agent), (x, y), side=-1)
            ax.plot(x, y, marker="o", color="white", markeredgecolor="#444444", markersize=6, zorder=4)
            continue
        kind = kinds.get(node.agent, "buyer")
        ax.plot(
            x, y, marker=MARKERS[kind], color=KIND_COLOURS[kind], markeredgecolor="#222222", markersize=6.5, zorder=4
        )
        _name(ax, f"{node.agent} · {100.0 * main[node].share:.0f} %", (x, y), side=1)
    _axes(ax, tree, start)
    _legend(ax, tree, {kinds.get(node.agent, "buyer") for node in tree.at if not node.is_root})


def _draw_link(ax: Axes, link: Link, tree: Tree) -> None:
    """A curve from cause to effect that leaves and arrives sideways; within a column it bulges to the left."""
    (xa, ya), (xb, yb) = tree.at[link.cause], tree.at[link.effect]
    _, colour, stroke = look_of(link)
    t = np.linspace(0.0, 1.0, 30)
    ease = t * t * (3.0 - 2.0 * t)
    bend = 0.28 * np.sin(np.pi * t) if xa == xb else 0.0
    ax.plot(xa + (xb - xa) * t - bend, ya + (yb - ya) * ease, color=colour, linestyle=stroke, alpha=0.85, zorder=2,
            linewidth=THINNEST + (WIDEST - THINNEST) * link.share, solid_capstyle="butt")  # fmt: skip


def _name(ax: Axes, words: str, at: tuple[float, float], *, side: int) -> None:
    ax.annotate(words, at, xytext=(6 * side, 0), textcoords="offset points", ha="left" if side > 0 else "right",
                va="center", fontsize=7, zorder=5,
                bbox=BEHIND)  # fmt: skip


def _axes(ax: Axes, tree: Tree, start: str) -> None:
    """Months below, rounds above them; thin verticals part the months."""
    rows = max(y for _, y in tree.at.values())
    months = [month for month, _ in tree.instants]
    first = [n for n, month in enumerate(months) if n == 0 or month != months[n - 1]]
    ax.set(xlim=(-1.15, len(months) + 1.0), ylim=(rows + 0.7, -0.7))
    words = [f"round {round_}" if round_ else "opening" for _, round_ in tree.instants]
    labels = [f"{word}\n{month_label(start, months[n])}" if n in first else word for n, word in enumerate(words)]
    ax.set_xticks(range(len(labels) + 1), ["before", *labels], rotation=0 if len(labels) < 12 else 90, fontsize=7)
    ax.set_xlabel("month and round of the default")
    ax.set_yticks([])
    ax.grid(visible=False)
    for n in first:
        ax.axvline(n + 0.5, color="#DDDDDD", linewidth=0.8, zorder=0)
    ax.spines["left"].set_visible(False)


def _legend(ax: Axes, tree: Tree, kinds: set[str]) -> None:
    used = {look_of(link)[0] for link in tree.links}
    lines = [Line2D([], [], color=colour, linestyle=stroke, linewidth=2.2, label=words)  # type: ignore[arg-type]
             for words, colour, stroke, _ in LINKS if words in used]  # fmt: skip
    nodes = [Line2D([], [], linewidth=0, marker=MARKERS[kind], color=KIND_COLOURS[kind], markeredgecolor="#222222",
                    markersize=6.5, label=word) for kind, word in KIND_WORDS.items() if kind in kinds]  # fmt: skip
    ax.legend(handles=[*lines, *nodes], loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=4, fontsize=7.5)
