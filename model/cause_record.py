"""What is kept of causes: who was in which state, when, and which share of that was whose doing?

Rows are stored as arrays and read one by one, by path and in the order in which they happened. Pools (marks, the coin,
the window) stand between those who moved a price and those whom it hit; on reading they are resolved, so that a row
names an agent or a root.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from nobid.agents.state import Array, Index

AT_OPENING, BEFORE_SALES, AT_CALLS, AT_DEFAULT, AT_TARGET, AT_LENDERS, AT_CLOSE = range(7)  # moments, in order


@dataclass(frozen=True)
class Cause:
    """A share of one agent's distress that is another's doing.

    `effect` was in `state` ("default", "forced sale", "below target", "refused roll", "surrender", "loss"); `cause` is
    an agent in `cause_state`, or a root (then that is empty). `channel` is how it reached, `via` by which item of the
    ledger; `amount` is that item in USD million, `weight` its share in [0, 1]. `moment` orders what happens in a round.
    """

    path: int
    month: int
    round: int
    moment: int
    effect: str
    state: str
    cause: str
    cause_state: str
    channel: str
    via: str
    weight: float
    amount: float


@dataclass(frozen=True)
class Items:
    """Items of one kind: the agents `row` on paths `column` have `amount` from `cause`, all in one state, one way."""

    row: Index
    column: Index
    cause: Index
    amount: Array
    state: str
    channel: str
    via: str


@dataclass(frozen=True)
class Finding:
    """What was found at one instant for all agents of one family in one state: their items weighed, and the pools that
    these name as they stood then. `path` numbers the columns.
    """

    month: int
    round: int
    moment: int
    state: str
    first: int
    path: Index
    items: Sequence[tuple[Items, Array]]
    pools: Mapping[int, Sequence[Items]]


class CauseRecord:
    """All causes of one model."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = list(names)
        self.findings: list[Finding] = []

    def __iter__(self) -> Iterator[Cause]:
        """Every cause, by path, then as it was found; pools resolved into those who moved them."""
        rows = [cause for finding in self.findings for cause in self._resolved(finding)]
        yield from sorted(rows, key=lambda cause: cause.path)

    def _resolved(self, finding: Finding) -> Iterator[Cause]:
        """The finding's causes, each pool replaced by those who moved it."""
        movers: dict[tuple[int, int], list[tuple[int, str, str, float]]] = defaultdict(list)
        for pool, parts in finding.pools.items():
            for part in parts:
                for column, cause, share in zip(part.column, part.cause, part.amount, strict=True):
                    movers[int(column), pool].append((int(cause), part.state, part.channel, float(share)))
        when = finding.month, finding.round, finding.moment
        for part, weights in finding.items:
            each = zip(part.row, part.column, part.cause, part.amount, weights, strict=True)
            for row, column, cause, amount, weight in each:
                effect, path = self.names[finding.first + row], int(finding.path[column])
                alone = [(int(cause), part.state, part.channel, 1.0)]
                for origin, state, channel, share in movers.get((int(column), int(cause)), alone):
                    yield Cause(
                        path, *when, effect, finding.state, self.names[origin], state, channel, part.via,
                        float(weight) * share, float(amount) * share,
                    )  # fmt: skip
