"""What does one path of a reverse stress test tell: who failed first and why, who after that, by which channels?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from nobid.runs.causation import buyers_of, contagion_of
from nobid.runs.explain_agent import explain_agent
from nobid.runs.explain_text import CHANNELS, ROOTS, listed, shares_in_words
from nobid.runs.months import month_label

if TYPE_CHECKING:
    from nobid.model.contagion import Node
    from nobid.runs.run import Run

NAMED: Final = 6  # failures by name
SENTENCES: Final = 3  # on why the first one failed


def path_told(run: Run, path: int) -> Iterator[str]:
    """The path in sentences: the first failure and what led to it, the others in order, roots and channels of all."""
    contagion = contagion_of(run, path)
    failed = sorted(node for node in contagion.defaults if node.agent not in buyers_of(run))
    if not failed:
        yield "No borrower and no lender fails on it: what is lost is lost on sales and surrendered fleets."
        return
    start = run.scenario.parameters.start
    first, *others = failed
    yield f"{first.agent} fails first, in {_when(start, first)}."
    chain = explain_agent(run, first.agent, path, twins=False).data.get("chain", [])
    yield from chain[:SENTENCES]
    if others:
        named = [f"{node.agent} ({_when(start, node)})" for node in others[:NAMED]]
        rest = len(others) - len(named)
        yield f"After it fail {listed([*named, *([f'{rest} more'] if rest else [])])}."
    found = next(one for one in run.systemic().paths if one.path == path)
    roots = {ROOTS.get(name, name): share / len(failed) for name, share in found.roots.items()}
    last = {CHANNELS.get(name, ROOTS.get(name, name)): share / len(failed) for name, share in found.channels.items()}
    yield f"The {len(failed)} failures go back to {shares_in_words(roots, most=4)}."
    yield f"By the last step that reached them: {shares_in_words(last, most=5)}."


def _when(start: str, node: Node) -> str:
    return month_label(start, node.month)
