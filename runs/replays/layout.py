"""Where does every agent stand on the page: the order of the network chart, folded into lanes where there are many?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import networkx as nx

from nobid.runs.charts.network import COLUMNS, kind_of, placement, size_of

ROWS: Final = 30  # agents one under the other before a column is folded
GAP: Final = 1.6  # rows left free above a group of a column, for its heading
POINTS_A_ROW: Final = 9.0  # of the network chart
BETWEEN: Final = 0.085  # of the width, between two lanes of one column
WIDEST_COLUMN: Final = 0.3  # of the width
KINDS: Final = tuple(COLUMNS)


@dataclass(frozen=True)
class Layout:
    """A place for every agent: x in [0, 1], y in [0, 1] from the top; headings by kind; who carries a name."""

    at: dict[str, tuple[float, float]]
    heads: dict[str, tuple[float, float]]
    per_root: float  # points of radius per root of USD million
    widest: float  # USD million of the widest edge
    rows: float  # of the longest column, each POINTS_A_ROW high
    labelled: set[str] = field(default_factory=set)


def layout(graphs: Sequence[nx.MultiDiGraph[str]]) -> Layout:
    """One stable place for every agent of the graphs, near those it deals with; who deals with nobody stands last."""
    place = placement(*graphs)
    kinds = {name: kind_of(data) for graph in graphs for name, data in graph.nodes(data=True)}
    ranked = sorted(kinds, key=lambda name: (name not in place.at, place.at.get(name, (0.0, 0.0))[1], name))
    wide = {
        name: 2.0 * place.radius_per_root * max(size_of(g, name) for g in graphs if name in g) ** 0.5 for name in kinds
    }
    groups = {kind: [name for name in ranked if kinds[name] == kind] for kind in KINDS}
    columns = {x: [kind for kind in KINDS if COLUMNS[kind] == x and groups[kind]] for x in sorted({*COLUMNS.values()})}
    lanes = {x: max(-(-sum(len(groups[kind]) for kind in held) // ROWS), 1) for x, held in columns.items()}
    stacks = {kind: _stack(names, wide, lanes[COLUMNS[kind]]) for kind, names in groups.items()}
    room = {x: sum(stacks[kind].rows + GAP for kind in held) for x, held in columns.items()}
    found = Layout({}, {}, place.radius_per_root, place.widest, max(*room.values(), 1.0))
    for x, held in columns.items():
        top = 0.5 * (found.rows - room[x])
        for kind in held:
            _puts(found, kind, stacks[kind], x=x, top=top, lanes=lanes[x])
            top += stacks[kind].rows + GAP
    return found


@dataclass(frozen=True)
class Stack:
    """The agents of a group by lane (0 the outermost) and row, and the rows taken."""

    at: dict[str, tuple[int, float]]
    rows: float


def _stack(names: Sequence[str], wide: Mapping[str, float], lanes: int) -> Stack:
    """Each row is as high as its largest agent, which stands outermost, where there is room for its name."""
    found: dict[str, tuple[int, float]] = {}
    top = 0.0
    for first in range(0, len(names), lanes):
        row = sorted(names[first : first + lanes], key=lambda name: -wide[name])
        high = max(1.0, wide[row[0]] / POINTS_A_ROW)
        found |= {name: (lane, top + 0.5 * high) for lane, name in enumerate(row)}
        top += high
    return Stack(found, top)


def _puts(found: Layout, kind: str, stack: Stack, *, x: float, top: float, lanes: int) -> None:
    """The group stands in its column, `top` rows from above; lanes run from the column's outer side inwards."""
    span = min(BETWEEN * (lanes - 1), WIDEST_COLUMN)
    middle = min(max(0.08 + 0.42 * x, 0.06 + 0.5 * span), 1.0 - 0.5 * span)
    inwards = 1.0 if x == 0.0 else -1.0
    found.heads[kind] = middle, (top + 0.5 * GAP) / found.rows
    for name, (lane, row) in stack.at.items():
        across = inwards * span * (lane / max(lanes - 1, 1) - 0.5)
        found.at[name] = middle + across, (top + row + GAP) / found.rows
        if lane == 0:
            found.labelled.add(name)
