"""Who owes whom, at the start, in the worst month and at the end: one network, every agent in the same place?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import networkx as nx
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from nobid.runs.charts.style import KIND_COLOURS, KIND_WORDS, FigureMeta, footnote, new_figure, say, styled
from nobid.runs.charts.which import meta_of_path, shown_month, shown_path

if TYPE_CHECKING:
    from nobid.runs.run import Run

Graph: TypeAlias = "nx.MultiDiGraph[str]"
Dashes = str | tuple[int, tuple[float, ...]]

COLUMNS = {"neocloud": 0.0, "miner": 0.0, "lender": 1.0, "buyer": 2.0}  # x of each kind, top group first
MARKERS = {"miner": "s", "neocloud": "o", "lender": "D", "buyer": "^"}
LENDER_KINDS = {"bank", "private_credit", "insurer", "hedge_fund", "vendor", "bond_fund", "crypto_lender"}
STYLES: dict[str, tuple[str, Dashes]] = {
    "secured loan": ("#555555", "-"),
    "note, convertible": ("#0072B2", (0, (7, 3))),
    "lender to lender, repo": ("#D55E00", (0, (8, 2.5, 2, 2.5))),
    "compute contract": ("#CC79A7", (0, (2, 2))),
    "site lease": ("#009E73", (0, (4, 2))),
}
STYLE_OF = {
    "note": "note, convertible",
    "convertible": "note, convertible",
    "warehouse": "lender to lender, repo",
    "repo": "lender to lender, repo",
    "offtake": "compute contract",
    "hosting": "site lease",
}
LABELLED = 24  # of a kind: the largest ones carry their name; so does everyone in default
MOST = 100  # of a kind: those in default and the largest ones have a place
DRAWN = 40  # of a kind in the chart
LONGEST_NAME = 18  # characters
LINE_POINTS = 8.6  # height of a line of 6.5-point type
HEAD_POINTS = 20.0  # height of a group's heading
SMALLEST, LARGEST = 2.2, 13.0  # radius of a node, points
SMALLEST_CROSS = 36.0  # area of the cross over an agent in default, square points
THINNEST, WIDEST = 0.35, 5.0  # width of an edge, points
POINTS_PER_INCH = 72.0
PANEL = 4.4  # width of a panel, inches
CURVE = np.linspace(0.0, 1.0, 24)[:, None]
RED = "#B2182B"


@dataclass(frozen=True)
class Placement:
    """Where every agent stands in both pictures: x in columns, y in points from the top; and the room it takes."""

    at: dict[str, tuple[float, float]]
    radius_per_root: float  # points of radius per root of USD million
    widest: float  # USD million of the widest edge
    height: float  # points
    labelled: frozenset[str]
    heads: dict[str, float]  # kind: y of its heading, points from the top
    left_out: int  # agents without any exposure


@styled
def exposure_network(run: Run, *, path: int | None = None, month: str | None = None) -> Figure:
    """The exposures at the start, at the end of a month (the worst one) and at the end of the run, of one path (the
    worst one); who is in default is crossed out and named. USD million.
    """
    number = shown_path(run, path)
    shown, words = shown_month(run, number, month)
    if run.by_month.many and path is None:
        words += " of the worst path"
    states = {"start": run.graph("start", number), words: run.graph(shown, number)}
    last = run.by_month.months[-1]
    if shown not in ("start", last):
        states[f"{last}, end of the run"] = run.graph(last, number)
    return networks(states, meta_of_path(run, number))


@styled
def networks(states: Mapping[str, Graph], meta: FigureMeta) -> Figure:
    """The networks side by side under their names, on one placement."""
    graphs = [*states.values()]
    place = placement(*graphs, most=DRAWN)
    figure = new_figure("Who is exposed to whom", PANEL * len(graphs), max(4.0, place.height / POINTS_PER_INCH + 1.5))
    grid = figure.add_gridspec(2, len(graphs), height_ratios=[1.0, 0.01])
    for column, (state, graph) in enumerate(states.items()):
        ax = figure.add_subplot(grid[0, column])
        _draw(ax, graph, place)
        failed = [name for name in graph if not graph.nodes[name].get("alive", True)]
        ax.set_title(f"{state[:1].upper()}{state[1:]}:\n{len(failed) or 'none'} of {len(graph)} agents in default")
        if not place.at:
            say(ax, "no exposures in this run")
    used = {edge_style(data) for graph in graphs for _, _, data in graph.edges(data=True)}
    legend = figure.add_subplot(grid[1, :])
    legend.set_axis_off()
    legend.legend(handles=_legend(used), loc="center", ncols=5)
    footnote(figure, meta, *_remarks(graphs, place))
    return figure


def _remarks(graphs: list[Graph], place: Placement) -> tuple[str, ...]:
    """What area and width mean, and who is not drawn."""
    return (
        "area: debt of borrowers, loans of lenders, contracts of buyers",
        f"line width: root of the amount, widest {place.widest:,.0f} USD million",
        f"{place.left_out} agents without exposures are not drawn" if place.left_out else "",
        f"those in default and the largest of each kind, {DRAWN} at most"
        if len(_names(graphs)) > len(place.at) + place.left_out
        else "",
    )


def kind_of(data: dict[str, object]) -> str:
    """One of the four kinds, also where a node tells its finer kind (bank, hyperscaler)."""
    kind = str(data.get("kind", "buyer"))
    return kind if kind in COLUMNS else "lender" if kind in LENDER_KINDS else "buyer"


def edge_style(data: dict[str, object]) -> str:
    """The group of edges that one stroke stands for."""
    return STYLE_OF.get(str(data.get("kind", "")), "secured loan")


def size_of(graph: Graph, name: str) -> float:
    """USD million: a borrower's debt, else all that is on the agent's edges."""
    data = graph.nodes[name]
    if kind_of(data) in ("miner", "neocloud") and "debt" in data:
        return max(float(data["debt"]), 0.0)
    edges = [*graph.in_edges(name, data=True), *graph.out_edges(name, data=True)]
    return sum(abs(float(edge.get("amount", 0.0))) for _, _, edge in edges)


def placement(*graphs: Graph, most: int = MOST) -> Placement:
    """One stable place for every agent with an exposure in any of the graphs: columns by kind, near its partners."""
    amounts = _amounts(graphs)
    sizes = {name: max(size_of(g, name) for g in graphs if name in g) for name in _names(graphs)}
    partners: dict[str, dict[str, float]] = {name: {} for name in sizes}
    for (one, other), amount in amounts.items():
        partners[one][other] = partners[other][one] = amount
    kinds = {name: kind_of(next(g for g in graphs if name in g).nodes[name]) for name in sizes}
    drawn = [name for name in sizes if partners[name] or (sizes[name] > 0 and kinds[name] in ("miner", "neocloud"))]
    left_out = len(sizes) - len(drawn)
    ranked = sorted(drawn, key=lambda n: (-sizes[n], n))
    failed = {name for g in graphs for name in g if not g.nodes[name].get("alive", True)} & set(drawn)
    groups = {kind: [n for n in ranked if kinds[n] == kind] for kind in COLUMNS}
    kept = {n for group in groups.values() for n in sorted(group, key=lambda n: n not in failed)[:most]}
    groups = {kind: [n for n in group if n in kept] for kind, group in groups.items()}
    drawn, failed = [name for group in groups.values() for name in group], failed & kept
    labelled = failed.union(*(group[:LABELLED] for group in groups.values()))
    largest = max((sizes[name] for name in drawn), default=0.0)
    scale = LARGEST / np.sqrt(largest) if largest > 0 else 0.0
    slots = {n: _slot(scale * np.sqrt(sizes[n]), labelled=n in labelled) for n in drawn}
    for _ in range(4):  # sweeps of the barycentre rule: lenders and buyers move next to those they deal with
        at, heads, height = _stack(groups, slots)
        for kind in ("lender", "buyer", "neocloud", "miner"):
            groups[kind] = sorted(groups[kind], key=lambda n: (_barycentre(n, partners[n], at), n))
    at, heads, height = _stack(groups, slots)
    return Placement(at, scale, max(amounts.values(), default=0.0), height, frozenset(labelled), heads,
                     left_out)  # fmt: skip


def _names(graphs: Iterable[Graph]) -> list[str]:
    return sorted({name for graph in graphs for name in graph})


def _amounts(graphs: Iterable[Graph]) -> dict[frozenset[str], float]:
    greatest: dict[frozenset[str], float] = {}
    for graph in graphs:
        for (a, b, _), amount in _pairs(graph).items():
            pair = frozenset((a, b))
            greatest[pair] = max(greatest.get(pair, 0.0), amount)
    return greatest


def _pairs(graph: Graph) -> dict[tuple[str, str, str], float]:
    """Amount between two agents by stroke, parallel edges added up; nothing that is zero."""
    total: dict[tuple[str, str, str], float] = {}
    for a, b, data in graph.edges(data=True):
        key = (min(a, b), max(a, b), edge_style(data))
        total[key] = total.get(key, 0.0) + abs(float(data.get("amount", 0.0)))
    return {key: amount for key, amount in sorted(total.items()) if amount > 0 and key[0] != key[1]}


def _slot(radius: float, *, labelled: bool) -> float:
    return max(2.0 * max(radius, SMALLEST) + 1.5, LINE_POINTS if labelled else 0.0)


def _stack(
    groups: dict[str, list[str]], slots: dict[str, float]
) -> tuple[dict[str, tuple[float, float]], dict[str, float], float]:
    """Places from the top of each column, the columns centred on the tallest one."""
    room = {x: sum(HEAD_POINTS + sum(slots[n] for n in groups[k]) for k in groups if COLUMNS[k] == x and groups[k])
            for x in set(COLUMNS.values())}  # fmt: skip
    height = max(room.values())
    top = {x: 0.5 * (height - used) for x, used in room.items()}
    at, heads = {}, {}
    for kind, names in groups.items():
        x = COLUMNS[kind]
        if names:
            heads[kind] = top[x] + 0.6 * HEAD_POINTS
            top[x] += HEAD_POINTS
        for name in names:
            at[name] = (x, top[x] + 0.5 * slots[name])
            top[x] += slots[name]
    return at, heads, height


def _barycentre(name: str, partners: dict[str, float], at: dict[str, tuple[float, float]]) -> float:
    """Mean place of the partners in other columns, weighted by the root of the amount; its own where there are none."""
    across = {other: np.sqrt(a) for other, a in partners.items() if other in at and at[other][0] != at[name][0]}
    weight = sum(across.values())
    return sum(at[other][1] * w for other, w in across.items()) / weight if weight > 0 else at[name][1]


def _draw(ax: Axes, graph: Graph, place: Placement) -> None:
    ax.set_xlim(-0.5, 2.55)
    ax.set_ylim(max(place.height, HEAD_POINTS) + 4.0, -4.0)
    ax.set_axis_off()
    _draw_edges(ax, graph, place)
    for kind, y in place.heads.items():
        ax.text(COLUMNS[kind], y, KIND_WORDS[kind].capitalize(), ha="center", va="center", weight="bold", fontsize=8)
        _draw_nodes(ax, graph, place, kind=kind)
    for name in sorted(place.labelled & set(graph)):
        _draw_label(ax, graph, place, name=name)


def _draw_edges(ax: Axes, graph: Graph, place: Placement) -> None:
    pairs, drawn = _pairs(graph), set(place.at)
    for style, (colour, dashes) in STYLES.items():
        chosen = {key: amount for key, amount in pairs.items() if key[2] == style and {key[0], key[1]} <= drawn}
        if not chosen:
            continue
        widths = [THINNEST + (WIDEST - THINNEST) * float(np.sqrt(a / place.widest)) for a in chosen.values()]
        lines = [_curve(place.at[a], place.at[b]) for a, b, _ in chosen]
        ax.add_collection(LineCollection(lines, linewidths=widths, colors=colour, linestyles=[dashes], alpha=0.5,
                                         label=style, zorder=1), autolim=False)  # fmt: skip


def _curve(a: tuple[float, float], b: tuple[float, float]) -> np.ndarray:
    """A cubic from a to b that leaves and arrives sideways; within a column it bulges to the right."""
    start, end = np.array(min(a, b)), np.array(max(a, b))
    bulge = 0.45 if start[0] == end[0] else 0.45 * (end[0] - start[0])
    first = start + np.array([bulge, 0.0])
    second = end + np.array([bulge if start[0] == end[0] else -bulge, 0.0])
    rest = 1.0 - CURVE
    curve: np.ndarray = rest**3 * start + 3 * rest**2 * CURVE * first + 3 * rest * CURVE**2 * second + CURVE**3 * end
    return curve


def _draw_nodes(ax: Axes, graph: Graph, place: Placement, *, kind: str) -> None:
    names = [name for name in place.at if name in graph and kind_of(graph.nodes[name]) == kind]
    for alive in (True, False):
        chosen = [name for name in names if bool(graph.nodes[name].get("alive", True)) is alive]
        if not chosen:
            continue
        x, y = np.array([place.at[name] for name in chosen]).T
        radius = np.array([max(place.radius_per_root * size_of(graph, name) ** 0.5, SMALLEST) for name in chosen])
        area = np.square(2.0 * radius) * (0.5 if MARKERS[kind] == "D" else 1.0)  # a diamond's width is its diagonal
        if alive:
            ax.scatter(x, y, s=area, marker=MARKERS[kind], color=KIND_COLOURS[kind], edgecolor="#222222",
                       linewidth=0.6, label=kind, zorder=3)  # fmt: skip
        else:
            area = np.maximum(area, SMALLEST_CROSS)
            ax.scatter(x, y, s=area, marker=MARKERS[kind], facecolor="white", edgecolor=RED, hatch="//////",
                       linewidth=1.6, label=f"{kind} in default", zorder=3)  # fmt: skip
            ax.scatter(x, y, s=area, marker="x", color="black", linewidth=1.6, label="in default", zorder=4)


def _draw_label(ax: Axes, graph: Graph, place: Placement, *, name: str) -> None:
    data = graph.nodes[name]
    x, y = place.at[name]
    radius = max(place.radius_per_root * size_of(graph, name) ** 0.5, SMALLEST)
    alive = bool(data.get("alive", True))
    words = str(data.get("ticker") or data.get("name") or name)
    words = words if len(words) <= LONGEST_NAME else words[: LONGEST_NAME - 1].rstrip() + "…"
    side = -1 if x == 0 else 1
    ax.annotate(words, (x, y), xytext=(side * (max(radius, 3.2) + 2.5), 0), textcoords="offset points",
                ha="right" if side < 0 else "left", va="center_baseline", fontsize=6.5, zorder=5,
                color="#222222" if alive else RED, weight="normal" if alive else "bold",
                path_effects=[withStroke(linewidth=2.0, foreground="white")])  # fmt: skip


def _legend(used: set[str]) -> list[Line2D]:
    nodes = [Line2D([], [], linewidth=0, marker=MARKERS[kind], color=KIND_COLOURS[kind], markeredgecolor="#222222",
                    markersize=7, label=word) for kind, word in KIND_WORDS.items()]  # fmt: skip
    failed = Line2D([], [], linewidth=0, marker="x", color="black", markersize=7, markeredgewidth=1.6,
                    label="in default")  # fmt: skip
    edges = [Line2D([], [], color=colour, linestyle=dashes,  # type: ignore[arg-type]
                    linewidth=2, alpha=0.7, label=style)
             for style, (colour, dashes) in STYLES.items() if style in used]  # fmt: skip
    return [*nodes, failed, *edges]
