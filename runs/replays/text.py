"""What happened in one round, in plain words: a sentence for each default, one for each kind of everything else?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, Final

from nobid.model.contagion import Node
from nobid.runs.explain_agent import kind_of
from nobid.runs.explain_chain import drains_in_words
from nobid.runs.explain_text import behind, listed, money, shares_in_words
from nobid.runs.path_story import TRIFLE, PathStory
from nobid.runs.replays.facts import Instant, Sale, Seen, Seizure

NAMED: Final = 3  # of those of one kind in one round
# What happened, in the order in which a round tells it; {s} source, {t} target, {a} amount.
SENTENCES: Final[dict[tuple[str, str], tuple[str, str]]] = {
    ("surrendered", "spv"): ("Fleets handed over to their lenders", "{s} to {t}"),
    ("tenant lost", "hosting"): ("Rents lost with failed tenants", "{t} loses {a} a month with {s}"),
    ("contract lost", "offtake"): ("Compute contracts lost", "{s} with {t}"),
    ("below target", "capital"): ("Under their capital target", "{s}"),
    ("margin call", "gpu mark"): ("Margin calls on pledged machines", "{s} calls {a} from {t}"),
    ("margin call", "coin"): ("Margin calls on pledged coins", "{s} on the loan of {a} to {t}"),
    ("liquidated", "coin"): ("Pledged coins liquidated", "{s} takes {a} from {t}"),
    ("coins sold", "coin"): ("Coins sold", "{s} for {a}"),
    ("maturity due", "refused roll"): ("Maturing debt not renewed", "{t} owes {a} to {s}"),
    ("accelerated", "covenant"): ("Loans called early", "{s} calls {a} from {t}"),
    ("covenant breach", "coverage"): ("Coverage covenants broken", "{s} with {t}"),
    ("waived", "covenant"): ("Breaches waived for a fee", "{t} on {a} of {s}"),
    ("line called", "warehouse"): ("Warehouse lines called", "{s} calls {a} from {t}"),
    ("funding withdrawn", "funding"): ("Funders ask their money back", "{a} from {s}"),
    ("repo lent", "repo"): ("Lent in repo", "{s} lends {a} to {t}"),
    ("public loan", "policy"): ("Public loans", "{a} to {s}"),
    ("converted", "equity"): ("Notes turned into shares", "{a} of {s}"),
}


def sentences(seen: Seen, when: Instant, events: Sequence[Any]) -> Iterator[str]:
    """What the round brought: defaults first, then sales and seizures, then each kind of event, the largest named."""
    story = seen.story
    for event in events:
        if event.kind == "default":
            yield default_sentence(story, event)
    yield from seizure_sentences(seen.seizures.get(when, ()))
    yield from sale_sentences(seen.sales.get(when, ()), events)
    known: dict[tuple[str, str], list[Any]] = defaultdict(list)
    for event in events:
        if event.kind not in {"default", "bought"}:
            known[event.kind, event.channel].append(event)
    for key in sorted(known, key=lambda one: (list(SENTENCES).index(one) if one in SENTENCES else len(SENTENCES), one)):
        if sum(event.amount for event in known[key]) > TRIFLE:
            yield _of_a_kind(key, known[key])


def _of_a_kind(key: tuple[str, str], events: Sequence[Any]) -> str:
    head, each = SENTENCES.get(key, (key[0].capitalize(), "{s} {a}"))
    total: dict[tuple[str, str], float] = defaultdict(float)
    for event in events:
        total[event.source, event.target] += event.amount
    ranked = sorted(total.items(), key=lambda pair: (-pair[1], pair[0]))
    told = [each.format(s=source, t=target, a=money(amount)) for (source, target), amount in ranked[:NAMED]]
    return f"{head}: {_with_others(told, len(ranked) - NAMED)}."


def _with_others(told: Sequence[str], others: int) -> str:
    more = [f"{others} other{'s' if others > 1 else ''}"] if others > 0 else []
    return listed([*told, *more])


def default_sentence(story: PathStory, event: Any) -> str:
    """Who defaults on how much, what drained it, and who stood behind that."""
    name, kind = event.source, kind_of(story, event.source)
    owed = money(event.amount)
    head = {
        "lender": f"{name} fails, owing its funders {owed}",
        "buyer": f"{name} fails on its contracts"
        + (f", worth {owed} a month" if event.amount > TRIFLE else ", none of them with a borrower of the model"),
    }.get(kind, f"{name} defaults on {owed}" if event.amount > TRIFLE else f"{name} fails, owing nothing any more")
    return f"{head}{cause_of(story, name, (event.month, event.round))}."


def cause_of(story: PathStory, agent: str, when: Instant) -> str:
    """The end of a sentence: what drained the agent, and what stood behind that."""
    node = next((one for one in story.contagion.defaults if one.agent == agent and one.when[:2] == when), None)
    if node is None:
        return ""
    return f": {drains_in_words(story, node)}; behind that: {_behind(story, node)}"


def _behind(story: PathStory, node: Node) -> str:
    return shares_in_words({words: weight for _, _, weight, words in behind(node, story)}, most=2, least=0.05)


def seizure_sentences(seizures: Sequence[Seizure]) -> Iterator[str]:
    """Who took machines from whom."""
    by_borrower: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for one in seizures:
        by_borrower[one.borrower][one.lender] += one.units
    for borrower, takers in sorted(by_borrower.items()):
        ranked = sorted(takers.items(), key=lambda pair: (-pair[1], pair[0]))
        told = [f"{lender} {units:,.0f}" for lender, units in ranked[:NAMED]]
        yield f"Machines of {borrower} seized: {_with_others(told, len(ranked) - NAMED)}."


def sale_sentences(sales: Sequence[Sale], events: Sequence[Any]) -> Iterator[str]:
    """How many machines of each generation went at which price, from whom to whom."""
    for generation in dict.fromkeys(one.generation for one in sales):
        sellers: dict[str, float] = defaultdict(float)
        for one in sales:
            if one.generation == generation:
                sellers[one.seller] += one.units
        buyers = {e.source: e.amount for e in events if e.kind == "bought" and e.channel == generation}
        price = next(one.price for one in sales if one.generation == generation)
        what = f"{_units(sum(sellers.values()))} {generation} sold at USD {price:,.0f} each"
        yield f"{what}, by {_largest(sellers)}; bought by {_largest(buyers)}."


def _units(count: float) -> str:
    return f"{count:,.0f}" if count >= 1.0 else "Less than one"


def _largest(parts: dict[str, float]) -> str:
    ranked = sorted(parts.items(), key=lambda pair: (-pair[1], pair[0]))
    return _with_others([name for name, _ in ranked[:NAMED]], len(ranked) - NAMED)
