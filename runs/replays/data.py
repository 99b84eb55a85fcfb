"""What does the replay page hold: who stood where, owed what, failed when; frame by frame, as small as it can be said?

A frame is a round of a month; the first one is the start. What a series of months holds beyond its last change is left
out, figures have three digits, and a frame says only whose state changed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import networkx as nx

from nobid.runs.charts.network import STYLES, edge_style, size_of
from nobid.runs.replays.facts import Instant, Seen
from nobid.runs.replays.layout import KINDS, POINTS_A_ROW, Layout, layout
from nobid.runs.replays.text import cause_of, sentences

FINE, SHORT, FAILED = 0, 1, 2
SHEET: Final = ("assets", "debt", "cash", "equity", "units", "coins")
NOBODY, AUCTION = -1, -2  # ends of a flow that are no agents
LEAST: Final = 0.05  # USD million: a smaller exposure is not drawn
# Kind of event: what lights up, whether it runs from its target back to its source, and whose state it makes short.
FLOWS: Final[dict[str, tuple[str, bool, str]]] = {
    "default": ("default", False, ""),
    "surrendered": ("seizure", False, "source"),
    "seized": ("seizure", False, ""),
    "sold": ("sale", False, ""),
    "bought": ("sale", False, ""),
    "coins sold": ("sale", False, "source"),
    "margin call": ("call", False, "target"),
    "liquidated": ("call", False, "target"),
    "accelerated": ("call", False, "target"),
    "line called": ("call", False, "target"),
    "funding withdrawn": ("call", False, "source"),
    "covenant breach": ("call", True, "source"),
    "below target": ("state", False, "source"),
    "maturity due": ("refusal", False, "target"),
    "tenant lost": ("loss", False, ""),
    "contract lost": ("loss", True, ""),
    "waived": ("relief", False, "target"),
    "repo lent": ("relief", False, ""),
    "public loan": ("relief", False, "source"),
    "converted": ("relief", False, ""),
}
FAMILIES: Final = ("default", "loss", "call", "refusal", "sale", "seizure", "relief", "state")


@dataclass(frozen=True)
class Flow:
    """Something that lights up in a round. `kind` as in the table of events, or "sold", "seized"."""

    kind: str
    source: str
    target: str
    amount: float


def page_data(arms: Mapping[str, Seen], generations: Sequence[str], about: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that the page shows, ready for JSON; `arms` by label, `generations` those whose mark is drawn."""
    first = next(iter(arms.values()))
    place, strings = layout([graph for seen in arms.values() for graph in _telling(seen)]), Strings()
    drawn = [{"label": label, **arm_data(seen, generations, strings)} for label, seen in arms.items()]
    return {
        **about,
        "start": first.story.start,
        "kinds": list(KINDS),
        "families": list(FAMILIES),
        "styles": list(STYLES),
        "sheet": list(SHEET),
        "agents": [_agent(name, data, place) for name, data in first.graphs[0].nodes(data=True)],
        "heads": [[KINDS.index(kind), round(x, 4), round(y, 4)] for kind, (x, y) in place.heads.items()],
        "rows": round(place.rows, 3),
        "points_a_row": POINTS_A_ROW,
        "per_root": round(place.per_root, 5),
        "widest": quantised(place.widest),
        "generations": list(generations),
        "arms": drawn,
        "strings": strings.known,
    }


def _agent(name: str, data: Mapping[str, Any], place: Layout) -> dict[str, Any]:
    """Who it is, and where it stands."""
    x, y = place.at[name]
    kind, finer = KINDS.index(str(data["kind"])), str(data["type"]).replace("_", " ")
    about = {"name": name, "ticker": str(data["ticker"]), "kind": kind, "type": finer}
    return {**about, "x": round(x, 4), "y": round(y, 4), "named": int(name in place.labelled)}


class Strings:
    """A table of texts, each kept once."""

    def __init__(self) -> None:
        self._place: dict[str, int] = {}

    def __call__(self, text: str) -> int:
        """Where the text stands."""
        return self._place.setdefault(text, len(self._place))

    @property
    def known(self) -> list[str]:
        """All texts."""
        return list(self._place)


def _telling(seen: Seen) -> list[nx.MultiDiGraph[str]]:
    """A few graphs that show the whole path: the start, every half year, the end."""
    return [*seen.graphs[::6], seen.graphs[-1]]


def arm_data(seen: Seen, generations: Sequence[str], strings: Strings) -> dict[str, Any]:
    """What one arm holds."""
    names = list(seen.story.names)
    sheets = {column: [[g.nodes[name][column] for g in seen.graphs] for name in names] for column in SHEET}
    framed = list(frames(seen))
    known = [seen.story.generations.index(name) for name in generations]
    return {
        "sheet": [[series(row) for row in sheets[column]] for column in SHEET],
        "size": [series([size_of(graph, name) for graph in seen.graphs]) for name in names],
        "edges": list(_edges(seen.graphs, names)),
        "frames": [
            [*frame.when, frame.changes, frame.flows, [strings(text) for text in frame.texts]] for frame in framed
        ],
        "marks": [[quantised(marks[row]) for row in known] for marks in mark_by_frame(seen, framed)],
        "losses": series([0.0, *_running(seen.losses)]),
        "causes": dict(_causes(seen, names, strings)),
    }


@dataclass(frozen=True)
class Frame:
    """A round: whose state changed to what (agent, state, …), flows (kind, from, to, amount), and the sentences."""

    when: Instant
    changes: list[int]
    flows: list[list[Any]]
    texts: list[str]


def frames(seen: Seen) -> Iterator[Frame]:
    """The start, and then every month: its opening, and its rounds up to the last one in which something happened."""
    yield Frame((-1, 0), [], [], [])
    happened = flows_by_round(seen)
    state = [FINE] * len(seen.story.names)
    for month in range(len(seen.graphs) - 1):
        last = max((round_ for when, round_ in happened if when == month), default=0)
        opening = [FINE if one == SHORT else one for one in state]
        for name in under_target(seen, month - 1):
            row = seen.story.names.index(name)
            opening[row] = max(opening[row], SHORT)
        for round_ in range(last + 1):
            flows = happened.get((month, round_), [])
            after = _states(opening, flows, seen.story.names)
            events = [one for one in seen.story.events if (one.month, one.round) == (month, round_)]
            yield Frame((month, round_), _changes(state, after), _numbered(flows, seen.story.names),
                        [*sentences(seen, (month, round_), events)])  # fmt: skip
            state = opening = after


def flows_by_round(seen: Seen) -> dict[Instant, list[Flow]]:
    """Every event of the path as a flow, in its month and round; who sold and what was seized besides."""
    found: dict[Instant, list[Flow]] = defaultdict(list)
    for event in seen.story.events:
        found[event.month, event.round].append(Flow(event.kind, event.source, event.target, event.amount))
    for when, sales in seen.sales.items():
        found[when] += [Flow("sold", one.seller, "", one.units) for one in sales]
    for when, seizures in seen.seizures.items():
        found[when] += [Flow("seized", one.borrower, one.lender, one.value) for one in seizures]
    return found


def under_target(seen: Seen, month: int) -> list[str]:
    """The living lenders that ended the month under their capital target."""
    if month < 0:
        return []
    names, capital = seen.story.edges.lender_names, seen.story.months["capital"][month]
    return [name for name, ratio in zip(names, capital, strict=True) if ratio < 1.0]


def _states(before: Sequence[int], flows: Sequence[Flow], names: Sequence[str]) -> list[int]:
    """Failed for good; short until the month ends."""
    after = list(before)
    for flow in flows:
        hit = flow.source if flow.kind == "default" else getattr(flow, FLOWS[flow.kind][2] or "_", "")
        if hit:
            row = names.index(hit)
            after[row] = max(after[row], FAILED if flow.kind == "default" else SHORT)
    return after


def _changes(before: Sequence[int], after: Sequence[int]) -> list[int]:
    pairs = enumerate(zip(before, after, strict=True))
    return [number for row, (old, new) in pairs if old != new for number in (row, new)]


def _numbered(flows: Sequence[Flow], names: Sequence[str]) -> list[list[Any]]:
    """The flows by the numbers of their ends, those of one kind between two agents added up."""
    total: dict[tuple[int, int, int, str], float] = defaultdict(float)
    place = {name: row for row, name in enumerate(names)}
    for flow in flows:
        family, backwards, _ = FLOWS.get(flow.kind, ("state", False, ""))
        ends = place[flow.source], place.get(flow.target, NOBODY)
        if flow.kind == "sold":
            ends = ends[0], AUCTION
        elif flow.kind == "bought":
            ends = AUCTION, ends[0]
        elif backwards:
            ends = ends[1], ends[0]
        total[FAMILIES.index(family), *ends, flow.kind] += flow.amount
    return [[lit, a, b, quantised(amount)] for (lit, a, b, _), amount in total.items()]


def mark_by_frame(seen: Seen, framed: Iterable[Frame]) -> Iterator[Any]:
    """USD a unit by generation: as the month opens, after each round's auction, and as it closes in its last round."""
    when = [frame.when for frame in framed]
    now = seen.closing[0]
    for one, following in zip(when, [*when[1:], (len(seen.closing), 0)], strict=True):
        now = seen.marks.get(one, now)
        if following[0] != one[0]:
            now = seen.closing[one[0] + 1]
        yield now


def _edges(graphs: Sequence[nx.MultiDiGraph[str]], names: Sequence[str]) -> Iterator[list[Any]]:
    """Every pair with an exposure, by stroke: the two ends (who is exposed first), stroke, amounts by month."""
    place, styles = {name: row for row, name in enumerate(names)}, list(STYLES)
    amounts: dict[tuple[int, int, int], list[float]] = defaultdict(lambda: [0.0] * len(graphs))
    for month, graph in enumerate(graphs):
        for a, b, data in graph.edges(data=True):
            amounts[place[a], place[b], styles.index(edge_style(data))][month] += float(data["amount"])
    for ends, row in sorted(amounts.items()):
        if max(row) >= LEAST:
            yield [*ends, series(row)]


def _causes(seen: Seen, names: Sequence[str], strings: Strings) -> Iterator[tuple[int, int]]:
    """Why each agent that failed did."""
    for event in seen.story.events:
        if event.kind == "default":
            words = cause_of(seen.story, event.source, (event.month, event.round))
            yield names.index(event.source), strings(words.removeprefix(": "))


def _running(amounts: Iterable[float]) -> Iterator[float]:
    total = 0.0
    for amount in amounts:
        total += amount
        yield total


def series(values: Sequence[float]) -> Any:
    """The values by month, without what only repeats at the end; a number where it never changes."""
    row = [quantised(value) for value in values]
    while len(row) > 1 and row[-1] == row[-2]:
        row.pop()
    return row[0] if len(row) == 1 else row


def quantised(value: float) -> float | int:
    """Three digits, whole from 100 on; nothing under a twentieth."""
    if abs(value) < LEAST:
        return 0
    digits = float(f"{value:.3g}")
    return int(digits) if digits == int(digits) else digits
