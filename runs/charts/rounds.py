"""What happened in each round of one month: which flows between whom, who was short, who failed, in a few lines?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from nobid.model.contagion import DEFAULT
from nobid.runs.explain_text import money
from nobid.runs.path_story import TRIFLE
from nobid.runs.replays.data import FLOWS, Flow, flows_by_round
from nobid.runs.replays.text import SENTENCES

if TYPE_CHECKING:
    from nobid.runs.replays.facts import Seen

MOST: Final = 8  # rounds shown: those with defaults first, then those with most flows
MARKET: Final = "market"
CONTRACTS: Final = ("offtake", "hosting")  # exposures that are no claim; what is lost with them is an event
FAMILIES: Final = ("call", "refusal", "sale", "seizure", "loss", "relief", "claim")


class Arrow(NamedTuple):
    """A flow between two agents, or an agent and the market; USD million, or units for a sale."""

    family: str
    source: str
    target: str
    amount: float


@dataclass
class Round:
    """What a panel shows: arrows, who is short without anybody at the other end, who fails, and the text."""

    number: int
    arrows: list[Arrow] = field(default_factory=list)
    alone: dict[str, float] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)


def rounds(seen: Seen, month: int) -> list[Round]:
    """The rounds of the month (counted from the start) in which anything happened, in order."""
    flows = {when[1]: found for when, found in flows_by_round(seen).items() if when[0] == month}
    every = [_round(seen, month, number, flows[number]) for number in sorted(flows)]
    return [one for one in every if one.arrows or one.alone or one.failed]


def chosen(every: Sequence[Round]) -> list[Round]:
    """At most MOST of them, in order: those with defaults, then those with most flows."""
    ranked = sorted(every, key=lambda one: (-len(one.failed), -len(one.arrows) - len(one.alone), one.number))
    return sorted(ranked[:MOST], key=lambda one: one.number)


def _round(seen: Seen, month: int, number: int, flows: Sequence[Flow]) -> Round:
    total: dict[tuple[str, str, str], float] = defaultdict(float)
    found = Round(number, failed=[flow.source for flow in flows if flow.kind == DEFAULT])
    for flow in flows:
        family, source, target = ends_of(flow)
        if family in FAMILIES and target and flow.amount > TRIFLE:
            total[family, source, target] += flow.amount
        elif flow.kind != DEFAULT and not target:
            found.alone[source] = max(found.alone.get(source, 0.0), flow.amount)
    for holder, failed, data in seen.graphs[month].edges(data=True):
        owed = data["kind"] not in CONTRACTS and float(data["amount"]) > TRIFLE
        if failed in found.failed and owed:
            total["claim", failed, holder] += float(data["amount"])
    found.arrows = [Arrow(*key, amount) for key, amount in total.items()]
    found.lines = [*told(seen, (month, number), flows)]
    return found


def ends_of(flow: Flow) -> tuple[str, str, str]:
    """Family, where the arrow starts, where it ends ("" where nobody is there)."""
    if flow.kind == "sold":
        return "sale", flow.source, MARKET
    if flow.kind == "bought":
        return "sale", MARKET, flow.source
    family, backwards, _ = FLOWS.get(flow.kind, ("state", False, ""))
    return (family, flow.target, flow.source) if backwards else (family, flow.source, flow.target)


def told(seen: Seen, when: tuple[int, int], flows: Sequence[Flow]) -> Iterator[str]:
    """A line for defaults, one for sales, one for each kind of everything else: how many, and how much."""
    failed = sorted((flow for flow in flows if flow.kind == DEFAULT), key=lambda flow: -flow.amount)
    if failed:
        owed = sum(flow.amount for flow in failed)
        names = ", ".join(flow.source for flow in failed)
        yield f"In default: {names}" + (f", owing {money(owed)}" if owed > TRIFLE else "")
    sold: dict[str, float] = defaultdict(float)
    for sale in seen.sales.get(when, ()):
        sold[f"{sale.generation} at USD {sale.price:,.0f}"] += sale.units
    if sum(sold.values()) >= 1.0:
        parts = [
            f"{units:,.0f} {what}" for what, units in sorted(sold.items(), key=lambda one: -one[1]) if units >= 1.0
        ]
        yield f"Sold: {', '.join(parts)}"
    taken = sum(one.units for one in seen.seizures.get(when, ()))
    if taken >= 1.0:
        yield f"Seized: {taken:,.0f} machines"
    events = [event for event in seen.story.events if (event.month, event.round) == when]
    for key, (head, template) in SENTENCES.items():
        amounts = [event.amount for event in events if (event.kind, event.channel) == key]
        if sum(amounts) > TRIFLE:
            yield f"{head}: {len(amounts)}" + (f" ({money(sum(amounts))})" if "{a}" in template else "")
