"""Why did this agent fail on this path, or how did it live: what drained it, who stood behind it, what followed?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from nobid.model.contagion import Contagion, Node, by_agent
from nobid.runs.causation import buyers_of
from nobid.runs.explain import Explanation, stands_on
from nobid.runs.explain_chain import askers, behind_in_words, chain, drains_at
from nobid.runs.explain_close import closeness, closest
from nobid.runs.explain_text import (
    DRAINS,
    TOLD,
    amounts_in_words,
    behind,
    listed,
    moment,
    money,
    months_between,
    percent,
)
from nobid.runs.path_story import TRIFLE, PathStory, lines_to, lost_on, story_of
from nobid.runs.summary_blocks import Block
from nobid.runs.twin_world import CHANNELS, safe, twin, without

if TYPE_CHECKING:
    from nobid.runs.run import Run

MADE_SAFE: Final = 3  # of the largest agents behind it
FOLLOWERS: Final = 8  # told by name
NOTHING: Final = "It owed nothing to a lender of the model."
SPREAD_UP_TO: Final = 1_000  # paths: above, an answer about one agent would wait for all of them


def explain_agent(run: Run, agent: str, path: int | None, *, twins: bool) -> Explanation:
    """The agent's story on one path."""
    fails = failing_paths(run, agent)
    lived = stands_on(run, agent)
    number = path if path is not None else median_path(run, fails, lived)
    story = story_of(run, number)
    default = story.default_of(agent)
    head = f"{agent} · {run.scenario.name} · path {number} · seed {run.seed}"
    parts: list[str | Block] = [_which_path(run, agent, fails, number=number, named=path is not None, of=len(lived))]
    if (default is None) != (number not in fails):
        parts.append("The stored run was made by other rules of nobid than these: on this path the two disagree.")
    data: dict[str, Any] = {"agent": agent, "path": number, "fails_on": len(fails), "paths": len(run.paths)}
    node = default or closest(story, agent)
    parts += failure(story, default) if default else closeness(story, agent, node)
    if node is not None:
        parts += why(story, node, data)
    if default is not None:
        parts += [*owed(story, default, data), *followed(run, story, default, data=data)]
    if twins:
        parts += but_for(run, story, agent, node=node, data=data)
    data["failed"] = None if default is None else {"month": story.month(default.month), "round": default.when[1]}
    return Explanation(head, tuple(parts), data)


def failing_paths(run: Run, agent: str) -> dict[int, str]:
    """The paths on which the agent fails, and the month."""
    events = run.events
    mine = events[(events["kind"] == "default") & (events["source"] == agent)]
    return {int(path): str(month) for path, month in zip(mine["path"], mine["month"], strict=True)}


def median_path(run: Run, fails: Mapping[int, str], lived: Sequence[int]) -> int:
    """The path on which it fails at the median date; the worst path on which it `lived` where it never fails."""
    if fails:
        ranked = sorted(fails, key=lambda path: (fails[path], path))
        return ranked[(len(ranked) - 1) // 2]
    whole = run.outcomes[(run.outcomes["failure"] == "") & run.outcomes["path"].isin(lived)]
    ranked_rows = whole.sort_values(["debt_defaulted", "path"], ascending=[False, True])
    return int(ranked_rows["path"].iloc[0]) if len(ranked_rows) else lived[0]


def _which_path(run: Run, agent: str, fails: Mapping[int, str], *, number: int, named: bool, of: int) -> str:
    if len(run.paths) == 1:
        return f"The run has one path, number {number}."
    those = "" if of == len(run.paths) else " on whose network it stands"
    often = f"{agent} fails on {len(fails) or 'none'} of the run's {of} paths{those}"
    if named:
        return f"{often}; this is path {number}, as asked."
    if fails:
        return f"{often}; told here is path {number}, on which it fails at the median date of those."
    return f"{often}; told here is path {number}, on which most debt fails."


def failure(story: PathStory, default: Node) -> Iterator[str | Block]:
    """When it failed, owing what."""
    event = next(one for one in story.events_of("default", source=default.agent) if one.month == default.month)
    when, kind = moment(story, default), kind_of(story, default.agent)
    if kind == "buyer":
        worth = f": they were worth {money(event.amount)} a month" if event.amount > TRIFLE else ""
        yield f"It failed on its contracts in {when}{worth}."
    elif kind == "lender":
        equity = story.months["equity"][default.month][story.edges.lender_names.index(default.agent)]
        gone = "its capital was used up" if equity < 0.0 else "it could not pay the funding asked back"
        yield f"It failed in {when}: {gone}. It owed its funders {money(event.amount)}."
    else:
        yield f"It failed in {when}: it had no cash and nothing left to sell or draw, and owed {money(event.amount)}."


def kind_of(story: PathStory, agent: str) -> str:
    """Miner, neocloud, lender or buyer."""
    if agent in story.edges.lender_names:
        return "lender"
    known = story.kinds[story.names.index(agent)]
    return known if known in {"miner", "neocloud"} else "buyer"


def why(story: PathStory, node: Node, data: dict[str, Any]) -> Iterator[str | Block]:
    """What drained it, through whom, and what stood behind that."""
    drains = drains_at(story, node)
    kind = kind_of(story, node.agent)
    data["drains"] = [{"item": via, "usd_m": amount, "share": weight} for via, amount, weight in drains]
    shown = [row for row in drains if row[2] >= TOLD] or drains[:1]
    rows = [(DRAINS.get(via, via), _amount(via, amount), percent(weight)) for via, amount, weight in shown]
    heading = {"lender": "what took its capital, since the start", "buyer": "why"}.get(
        kind, "what drained it by then (a drain fades by 15 % a month)"
    )
    yield Block(heading, ("amount", "share"), tuple(rows))
    yield from asked_by_whom(story, node, [via for via, _, _ in shown])
    causes = behind(node, story)
    data["causes"] = [
        {"cause": cause.agent, "state": cause.state, "channel": channel, "share": weight}
        for cause, channel, weight, _ in causes
    ]
    yield from behind_in_words(story, node, most=6)
    data["chain"] = [*chain(story, node)]
    yield from data["chain"]


def _amount(via: str, amount: float) -> str:
    return "–" if via in {"hazard", "scripted"} else money(amount)


def asked_by_whom(story: PathStory, node: Node, items: list[str]) -> Iterator[str]:
    """Which lenders asked for the money, item by item."""
    for via in items:
        asked = askers(story, node, via)
        amounts = {name: amount for name, amount in asked.items() if amount > 0.0}
        words = DRAINS.get(via, via).capitalize()
        if amounts:
            yield f"{words} in {story.month(node.month)} came from {amounts_in_words(amounts, 4)}."
        elif asked:
            yield f"{words} came from {listed([*asked])}."


def owed(story: PathStory, default: Node, data: dict[str, Any]) -> Iterator[str | Block]:
    """What it owed to whom as the month opened, and who lost how much on it."""
    kind, month = kind_of(story, default.agent), default.month
    if kind == "buyer":
        yield _contracts(story, default)
        return
    drawn = story.months["drawn"][month]
    before = lines_to(story, default.agent, month) if kind == "lender" else story.by_lender(drawn, default.agent)
    lost = lost_on(story, default.agent)
    names = [*before, *(name for name in lost if name not in before)]
    data["owed"] = [{"to": name, "usd_m": before.get(name, 0.0), "lost_usd_m": lost.get(name, 0.0)} for name in names]
    if not names:
        yield "It owed nothing to a lender of the model; its funders stand outside." if kind == "lender" else NOTHING
        return
    shown = sorted(names, key=lambda name: -max(before.get(name, 0.0), lost.get(name, 0.0)))
    rows = [(name, money(before.get(name, 0.0)), _lost(lost.get(name, 0.0))) for name in shown[:FOLLOWERS]]
    rows += _others(shown[FOLLOWERS:], before, lost)
    total = ("all", money(sum(before.values())), _lost(sum(lost.values())))
    yield Block(
        "to whom it owed, and who lost",
        (f"owed as {story.month(month)} opened", "lost by the end of the run"),
        (*rows, *([total] if len(names) > 1 else [])),
    )
    more = [name for name in names if lost.get(name, 0.0) > before.get(name, 0.0) + 1.0]
    if more:
        yield f"{listed(more[:4])} lost more than stood at the start of the month: lines were drawn before the end."


def _contracts(story: PathStory, default: Node) -> str:
    """With whom a failed buyer had contracts."""
    lost = story.events_of("contract lost", target=default.agent)
    sellers = sorted({event.source for event in lost if event.month == default.month})
    none = "No borrower of the model had a contract with it any more."
    return f"Contracts with {listed(sellers)} ended." if sellers else none


def _lost(amount: float) -> str:
    return money(amount) if amount > TRIFLE else "nothing"


def _others(names: list[str], before: Mapping[str, float], lost: Mapping[str, float]) -> list[tuple[str, str, str]]:
    if not names:
        return []
    owed_sum, lost_sum = (sum(each.get(name, 0.0) for name in names) for each in (before, lost))
    return [(f"{len(names)} others", money(owed_sum), _lost(lost_sum))]


def followed(run: Run, story: PathStory, default: Node, *, data: dict[str, Any]) -> Iterator[str | Block]:
    """Whose failures passed through it, on this path and over all."""
    contagion = Contagion(story.rows, buyers_of(run) - {default.agent})
    shares: dict[str, float] = {}
    for other in contagion.defaults:
        share = by_agent(contagion.walk(other)[1]).get(default.agent, 0.0)
        if share >= TOLD:
            shares[f"{other.agent} in {moment(story, other)}"] = share
    data["spread"] = sum(shares.values())
    if shares:
        ranked = sorted(shares.items(), key=lambda pair: -pair[1])
        yield Block(
            "failures of others that came through it",
            ("share",),
            tuple((name, percent(share)) for name, share in ranked[:FOLLOWERS]),
        )
        yield f"Together {sum(shares.values()):.1f} failures of others came through it on this path."
    else:
        yield "No failure of another borrower or lender came through it on this path."
    if 1 < len(run.paths) <= SPREAD_UP_TO and default.agent not in buyers_of(run):
        yield _over_paths(run, default.agent)


def _over_paths(run: Run, agent: str) -> str:
    from nobid.runs.estimate import WORDS, method_of

    spread = run.systemic().spread
    mine = spread[(spread["agent"] == agent) & (spread["expected"] >= TOLD)]
    if not len(mine):
        return (
            f"Over the run's {len(run.paths)} paths next to no failure of others came through it (under 0.01 a path)."
        )
    row = mine.iloc[0]
    return (
        f"Over the run's {len(run.paths)} paths {row['expected']:.2f} failures of others a path came through it "
        f"(95 % interval {row['low']:.2f} – {row['high']:.2f}, {WORDS[method_of(len(run.paths))]})."
    )


def but_for(run: Run, story: PathStory, agent: str, *, node: Node | None, data: dict[str, Any]) -> Iterator[str]:
    """Would it have failed anyway: with every channel of contagion off, and with each agent behind it safe?"""
    changes = {"every channel of contagion switched off": without(*CHANNELS)}
    for name in agents_behind(story, node):
        changes[f"{name} made safe"] = safe(name)
    default = story.default_of(agent)
    found: dict[str, str | None] = {}
    told = []
    for words, change in changes.items():
        month = twin(run, words, change, paths=[story.path]).when.get((story.path, agent))
        found[words] = None if month is None else story.month(month)
        told.append(f"With {words} {_verdict(story, default, month)}.")
    data["but_for"] = found
    yield "The same path on the same luck, but for one thing. " + " ".join(told)
    if node is not None and len(changes) == 1:
        yield "No other agent stands behind as much as 1 % of it: there is nobody to make safe."


def agents_behind(story: PathStory, node: Node | None) -> list[str]:
    """The largest agents through which the state came, at least 1 % each."""
    if node is None:
        return []
    total = by_agent(story.contagion.walk(node)[1])
    ranked = sorted(total, key=lambda agent: (-total[agent], agent))
    return [agent for agent in ranked[:MADE_SAFE] if total[agent] >= TOLD]


def _verdict(story: PathStory, default: Node | None, month: int | None) -> str:
    """What became of the agent in the twin, beside what did."""
    if default is None:
        return "it lives all the same" if month is None else f"it fails, in {story.month(month)}: contagion helped it"
    if month is None:
        return "it does not fail within the run"
    gap = months_between(month, default.month)
    if month == default.month:
        return "it fails all the same, in the same month"
    way = "was brought forward" if month > default.month else "was put off"
    return f"it fails all the same, in {story.month(month)}, {gap}: its failure {way}"
