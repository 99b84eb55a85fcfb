"""Who stood behind a state of an agent, and who behind that: the links of a chain, one sentence each?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from nobid.model.contagion import Node, instant
from nobid.runs.explain_text import (
    DRAINS,
    MOST,
    ROOTS,
    TOLD,
    behind,
    drains_of,
    listed,
    moment,
    money,
    percent,
    shares_in_words,
    units_in_words,
)
from nobid.runs.path_story import PathStory

LINKS: Final = (3, 1, 1)  # agents told at the first, second and third link
LEAST: Final = (0.02, 0.05, 0.1)  # share of the effect that is worth a sentence of its own, by link
REASONS_OF: Final[dict[str, tuple[str, ...]]] = {
    "gpu call": ("gpu margin",),
    "refused roll": ("lender failed", "lender below target", "collateral", "funding window"),
    "called loan": ("called early",),
    "maturity wall": ("maturity wall",),
}


def drains_at(story: PathStory, node: Node) -> list[tuple[str, float, float]]:
    """(item, USD million, share) that brought the state about, the largest first."""
    rows = story.causes_of(node.agent, node.state)
    return drains_of((row.via, row.amount, row.weight) for row in rows if instant(row) == node.when)


def askers(story: PathStory, node: Node, via: str) -> dict[str, float]:
    """Which lenders asked for this item in the node's month, and how much, the largest first; empty where none did."""
    agent, month = node.agent, node.month
    total: dict[str, float] = {}
    for reason in REASONS_OF.get(via, ()):
        for lender, amount in story.asked_by(agent, reason, month).items():
            total[lender] = total.get(lender, 0.0) + amount
    if via == "coin call":
        kinds = ("margin call", "liquidated")
        events = [event for kind in kinds for event in story.events_of(kind, target=agent, channel="coin")]
        total = {event.source: 0.0 for event in events if event.month == month}
    return dict(sorted(total.items(), key=lambda pair: -pair[1]))


def drains_in_words(story: PathStory, node: Node, most: int = 2) -> str:
    """ "margin calls on pledged machines (USD 426 m, all of it, mostly from Apollo)"."""
    told: list[str] = []
    for via, amount, weight in drains_at(story, node)[:most]:
        if weight < TOLD and told:
            continue
        names = [*askers(story, node, via)]
        by = f", from {listed(names[:2])}{' and others' if len(names) > 2 else ''}" if names else ""
        told.append(f"{DRAINS.get(via, via)} ({money(amount)}, {percent(weight)}{by})")
    return listed(told)


def behind_in_words(story: PathStory, node: Node, most: int = MOST) -> list[str]:
    """What stood behind the state, in a sentence; none where the item itself has said it."""
    shares = {words: weight for _, _, weight, words in behind(node, story)}
    items = {via for via, _, weight in drains_at(story, node) if weight >= TOLD}
    if items == {"maturity wall"} and max(shares, key=lambda words: shares[words]) == ROOTS["maturity wall"]:
        return []
    return [f"Behind that: {shares_in_words(shares, most=most)}."]


def state_sentence(story: PathStory, node: Node) -> str:
    """What happened to the agent, what asked for the money, and what stood behind that."""
    drains = drains_in_words(story, node)
    return " ".join([f"{_happened(story, node)}: {drains}.", *behind_in_words(story, node)])


def _happened(story: PathStory, node: Node) -> str:
    when = moment(story, node)
    if node.state == "forced sale":
        units = story.sold(node.agent, "forced", node.month)
        sold = f"; over that month it sold {units_in_words(dict(list(units.items())[:3]))}" if units else ""
        return f"{node.agent} had to sell from {when} on{sold}. What it needed the cash for"
    if node.state == "surrender":
        return f"{node.agent} handed over a fleet to its lender in {when}"
    if node.state == "below target":
        return f"{node.agent} fell under its capital target in {when}"
    return f"{node.agent} failed in {when}"


def chain(story: PathStory, node: Node, *, link: int = 0, seen: set[Node] | None = None) -> Iterator[str]:
    """A sentence for each agent that stood behind the state, and for who stood behind it, three links back."""
    told = {node} if seen is None else seen
    if link >= len(LINKS):
        return
    large = [cause for cause, _, weight, _ in behind(node, story) if not cause.is_root and weight >= LEAST[link]]
    for cause in [cause for cause in large if cause not in told][: LINKS[link]]:
        told.add(cause)
        yield state_sentence(story, cause)
        yield from chain(story, cause, link=link + 1, seen=told)
