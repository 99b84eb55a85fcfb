"""It lived: how close did it come to failing, and when was it closest?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nobid.model.contagion import Node, instant
from nobid.runs.explain_text import moment, money
from nobid.runs.path_story import PathStory, least
from nobid.runs.summary_blocks import Block


def closest(story: PathStory, agent: str) -> Node | None:
    """The forced sale, handed-over fleet or fall under target that most money stood behind; None where none was."""
    states = [node for node in story.contagion.nodes if node.agent == agent]
    needed: dict[Node, float] = dict.fromkeys(states, 0.0)
    for row in story.rows:
        node = Node(instant(row), row.effect, row.state)
        if node in needed:
            needed[node] += row.amount
    return max(states, key=lambda node: (needed[node], node), default=None)


def closeness(story: PathStory, agent: str, node: Node | None) -> Iterator[str | Block]:
    """How thin cash, coverage or capital became, how often it was called, refused or had to sell."""
    yield "It did not fail on this path."
    if agent in story.edges.lender_names:
        yield from _lender(story, agent)
    elif agent in story.borrowers:
        yield from _borrower(story, agent)
    if node is not None:
        doing = {
            "forced sale": "It had to sell",
            "surrender": "It handed over a financed fleet",
            "below target": "It was under its capital target",
        }
        yield f"{doing.get(node.state, node.state)} in {moment(story, node)}; most stood behind it then:"


def _borrower(story: PathStory, agent: str) -> Iterator[str | Block]:
    rows = []
    cash = least(story.cash[:, story.names.index(agent)])
    if cash is not None:
        rows.append(("least cash at a month's end", money(cash[1]), story.month(cash[0])))
    mine = story.facilities(agent)
    if mine:
        every = np.array(story.months["coverage"])[:, mine]
        thin = least(np.where(np.isnan(every), np.inf, every).min(axis=1))
        if thin is not None:
            rows.append(("lowest coverage of a loan (income / debt service)", f"{thin[1]:.2f}", story.month(thin[0])))
    rows += [
        _counted(story, "months in which it had to sell", story.causes_of(agent, "forced sale")),
        _counted(story, "months with a margin call", story.events_of("margin call", target=agent)),
        _counted(story, "months with maturing debt due in cash", story.events_of("maturity due", target=agent)),
    ]
    yield Block("how close it came", ("", "first or worst in"), tuple(rows))


def _lender(story: PathStory, agent: str) -> Iterator[str | Block]:
    number = story.edges.lender_names.index(agent)
    low = least(np.array(story.months["capital"])[:, number])
    rows = []
    if low is not None:
        rows.append(("lowest capital ratio over its target", f"{low[1]:.2f}", story.month(low[0])))
    rows += [
        _counted(story, "months in which it was under target", story.causes_of(agent, "below target")),
        _counted(story, "months in which a line to it was called", story.events_of("line called", target=agent)),
    ]
    yield Block("how close it came", ("", "first or worst in"), tuple(rows))


def _counted(story: PathStory, words: str, found: Sequence[Any]) -> tuple[str, str, str]:
    """In how many months these causes or events stand, and in which first."""
    months = {one.month for one in found}
    return words, str(len(months)), story.month(min(months)) if months else "–"
