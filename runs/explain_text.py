"""In which words is it told: an amount, a share, a drain, a cause, a moment?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from nobid.model.contagion import Node
from nobid.runs.summary_figures import BILLION

if TYPE_CHECKING:
    from nobid.runs.path_story import PathStory

TOLD: Final = 0.01  # a share under this is not named
MOST: Final = 4  # causes named in one sentence
DRAINS: Final[dict[str, str]] = {
    "scheduled service": "interest and principal beyond income",
    "mining": "lower income from mining",
    "dearer money": "interest above the contract rate",
    "coin call": "margin calls on pledged coins",
    "gpu call": "margin calls on pledged machines",
    "capex": "own money put into new machines",
    "repo cut": "repo that was not renewed",
    "refused roll": "maturing debt that was refused",
    "called loan": "loans called early",
    "maturity wall": "debt that fell due in cash",
    "lost contract": "contracts lost with customers that failed",
    "broken contract": "contracts that customers left",
    "lost tenant": "rent lost with tenants that failed",
    "line called": "warehouse lines called",
    "capital": "capital below target from the start",
    "loss on facility": "losses on loans",
    "loss on repo": "losses on repo",
    "loss on line": "losses on warehouse lines",
    "loss on broker": "losses on brokers' repo",
    "seized machines": "seized machines that lost value",
    "hazard": "the chance that customers fail",
    "scripted": "a failure that the scenario dictates",
    "own balance sheet": "its own profit, dividends and growth",
    "unexplained": "what no ledger explains",
}
ROOTS: Final[dict[str, str]] = {
    "rents": "lower rents",
    "coin": "the coin's own fall",
    "funding": "a funding window that closed by itself",
    "launch": "what new machines cost and take in racks",
    "initial weakness": "what was missing from the start",
    "own investment": "its own investment",
    "own balance sheet": "its own profit, dividends and growth",
    "maturity wall": "debt falling due in cash",
    "customers": "the customer's own business",
    "scripted": "the scenario's script",
    "unexplained": "nothing that a ledger explains",
}
CHANNELS: Final[dict[str, str]] = {
    "fire sale": "fire sale", "loss": "losses", "refused roll": "refused rolls", "called loan": "loans called early",
    "line called": "warehouse lines", "lost tenant": "lost tenants", "lost contract": "lost contracts",
    "default news": "default news", "coin sale": "coin sales", "repo cut": "repo cuts", "funding window": "funding",
    "initial weakness": "weak from the start",
}  # fmt: skip
DOINGS: Final[dict[str, str]] = {
    "forced sale": "having to sell",
    "default": "failing",
    "surrender": "handing over a financed fleet",
}


def money(amount: float) -> str:
    """USD million in words a banker uses: "USD 187 m", "USD 3.1 bn"."""
    size = abs(amount)
    if size >= BILLION * 0.9995:
        return f"USD {amount / BILLION:,.1f} bn"
    return f"USD {amount:,.0f} m" if size >= 9.95 else f"USD {amount:,.1f} m"


def percent(share: float) -> str:
    """A share as a percentage: "46 %", "under 1 %" where it rounds to nothing."""
    if 0.0 < share < 0.005:
        return "under 1 %"
    if 0.995 <= share < 1.0 - 1e-9:
        return "over 99 %"
    return f"{100.0 * share:.0f} %"


def listed(parts: Sequence[str]) -> str:
    """Parts as in a sentence: "a, b and c"."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def moment(story: PathStory, node: Node) -> str:
    """When: month and round."""
    month, round_, _ = node.when
    return f"{story.month(month)}, round {round_}" if round_ else story.month(month)


def drains_of(rows: Iterable[tuple[str, float, float]]) -> list[tuple[str, float, float]]:
    """(item, amount, weight) summed by item, the largest first."""
    total: dict[str, tuple[float, float]] = {}
    for via, amount, weight in rows:
        before = total.get(via, (0.0, 0.0))
        total[via] = before[0] + amount, before[1] + weight
    found = [(via, amount, weight) for via, (amount, weight) in total.items()]
    return sorted(found, key=lambda row: (-row[2], row[0]))


def cause_words(node: Node, channel: str, *, effect: Node, story: PathStory) -> str:
    """What stood behind an effect, as in "Valor VCI having to sell in 2026-03, round 2"."""
    if node.is_root:
        return ROOTS.get(node.agent, node.agent)
    if node.agent == effect.agent:
        own = {"forced sale": "its own sales", "default": "its own failure", "below target": "its own hurried sales"}
        doing = own.get(node.state, "its own handing over of a fleet")
        return f"{doing} before" if node.month < effect.month else doing
    doing = _doing(node, channel)
    by = {"default news": " (the news of it closed the funding window)", "coin sale": " (it sold coins)"}
    return f"{node.agent} {doing} in {moment(story, node)}{by.get(channel, '')}"


def _doing(node: Node, channel: str) -> str:
    """What the agent did in its state that reached the other."""
    if node.state == "below target":
        by_channel = {"fire sale": "selling seized machines in a hurry", "refused roll": "refusing to renew"}
        by_channel |= {"called loan": "calling loans early", "line called": "calling its lines"}
        return f"{by_channel.get(channel, 'holding back')}, under its capital target"
    return DOINGS.get(node.state, node.state)


def behind(node: Node, story: PathStory) -> list[tuple[Node, str, float, str]]:
    """What stood directly behind a state: cause, channel, share, words; the largest first."""
    found: dict[str, tuple[Node, str, float]] = {}
    for (cause, channel), weight in story.contagion.causes[node].items():
        words = cause_words(cause, channel, effect=node, story=story)
        before = found.get(words)
        found[words] = (cause, channel, weight + (before[2] if before else 0.0))
    ranked = sorted(found.items(), key=lambda pair: (-pair[1][2], pair[0]))
    return [(cause, channel, weight, words) for words, (cause, channel, weight) in ranked]


def shares_in_words(parts: Mapping[str, float], *, most: int = MOST, least: float = TOLD) -> str:
    """ "lower rents (46 %), its own sales (14 %) and …", the rest counted where it is worth a word."""
    ranked = sorted(parts.items(), key=lambda pair: (-pair[1], pair[0]))
    named = [(words, share) for words, share in ranked[:most] if share >= least] or ranked[:1]
    rest = sum(parts.values()) - sum(share for _, share in named)
    told = [f"{words} ({percent(share)})" for words, share in named]
    return listed([*told, *([f"others ({percent(rest)})"] if rest >= least else [])])


def amounts_in_words(parts: Mapping[str, float], most: int = 3) -> str:
    """ "Apollo (USD 187 m), PC-small (USD 90 m) and 2 others (USD 5.0 m)"."""
    ranked = sorted(parts.items(), key=lambda pair: (-pair[1], pair[0]))
    named, others = ranked[:most], ranked[most:]
    told = [f"{name} ({money(amount)})" for name, amount in named]
    if len(others) == 1:
        told += [f"{others[0][0]} ({money(others[0][1])})"]
    elif others:
        told += [f"{len(others)} others ({money(sum(amount for _, amount in others))})"]
    return listed(told)


def units_in_words(parts: Mapping[str, float]) -> str:
    """ "12,000 B300 and 40 H100"."""
    return listed([f"{count:,.0f} {name}" for name, count in parts.items()])


def months_between(later: int, earlier: int) -> str:
    """ "2 months later", "in the same month"."""
    gap = later - earlier
    if not gap:
        return "in the same month"
    return f"{abs(gap)} month{'s' if abs(gap) != 1 else ''} {'later' if gap > 0 else 'earlier'}"
