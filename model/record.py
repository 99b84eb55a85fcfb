"""What is kept of a run: one row a month and path, events, and agents' sheets where asked for?

Events are stored as arrays and become rows when somebody reads them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nobid.agents.state import Array
from nobid.model.edges import Ends
from nobid.model.metrics import AGENT_COLUMNS, agent_sheets, month_figures, units_of

if TYPE_CHECKING:
    from nobid.model.system import ComputeCreditModel


@dataclass(frozen=True)
class Event:
    """Something that happened: month counted from the start, amount in USD million unless the kind says otherwise.

    `first_round` is the round of that month in which the source first stood in an event.
    """

    path: int
    month: int
    round: int
    kind: str
    source: str
    target: str
    channel: str
    amount: float
    first_round: int


class Record:
    """The figures, events and agents' sheets of all paths of one model."""

    def __init__(self, m: ComputeCreditModel, keep_agents: bool) -> None:
        months, paths = m.parameters.months, len(m.paths)
        self.units = units_of(m)
        self.monthly: dict[str, Array] = {name: np.full((months, paths), np.nan) for name in self.units}
        self.counts: dict[str, Array] = {}
        self._events: list[tuple[str, str, tuple[Array, ...]]] = []
        self.agent_names = [*m.names["borrower"], *m.names["lender"], *m.names["buyer"]]
        self.agent_types = [*m.kinds["borrower"], *m.kinds["lender"], *m.kinds["buyer"]]
        others = ["lender"] * len(m.names["lender"]) + ["buyer"] * len(m.names["buyer"])
        self.agent_kinds = [*m.kinds["borrower"], *others]
        shape = (months, len(self.agent_names), paths)
        self.agents: dict[str, Array] = {n: np.full(shape, np.nan) for n in AGENT_COLUMNS} if keep_agents else {}
        self.first = {"borrower": 0, "lender": len(m.names["borrower"])}
        self.first["buyer"] = self.first["lender"] + len(m.names["lender"])
        self.opens_month(m)

    def opens_month(self, m: ComputeCreditModel) -> None:
        """Counts of the month are zero."""
        for kind in ("miner", "neocloud", "lender", "buyer"):
            self.counts[f"defaults_{kind}"] = np.zeros(len(m.paths))

    def closes_month(self, m: ComputeCreditModel) -> None:
        """The month's row stands for every running path; a stopped path keeps its gaps."""
        for name, values in {**month_figures(m), **self.counts}.items():
            self.monthly[name][m.month] = np.where(m.going, values, np.nan)
        for name, sheet in agent_sheets(m).items() if self.agents else ():
            self.agents[name][m.month] = np.where(m.going, sheet, np.nan)

    def happened(
        self,
        m: ComputeCreditModel,
        kind: str,
        amount: Array,
        *,
        source: Ends,
        channel: str,
        target: Ends | None = None,
    ) -> None:
        """Where `amount` (rows, R) is not zero, an event from the agent `source[row]` to `target[row]` is kept.

        An end is a family of agents and, for every row, which of them it is.
        """
        rows, columns = np.nonzero(amount)
        if not len(rows):
            return
        paths = m.world.path[columns]
        when = np.full(len(rows), float(m.month)), np.full(len(rows), float(m.round))
        origin = (source[1][rows] + self.first[source[0]]).astype(float)
        nobody = np.full(len(rows), -1.0)
        other = nobody if target is None else (target[1][rows] + self.first[target[0]]).astype(float)
        self._events.append((kind, channel, (paths, *when, origin, other, amount[rows, columns])))

    def defaults(self, m: ComputeCreditModel, family: str, *, failing: Array, debt: Array) -> None:
        """Failures have been counted by kind and kept as events with the debt that failed."""
        amount = np.where(failing > 0.0, np.maximum(debt, 1e-9), 0.0)
        self.happened(m, "default", amount, source=(family, np.arange(len(failing))), channel="payment")
        columns = m.world.path.astype(np.intp)
        place = np.searchsorted(m.sorted_paths, columns)
        kinds = np.array(m.kinds[family])
        for kind in set(m.kinds[family]) if family == "borrower" else {family}:
            chosen = failing[kinds == kind] if family == "borrower" else failing
            self.counts[f"defaults_{kind}"][m.path_order[place]] += np.count_nonzero(chosen, axis=0)

    def sales(self, m: ComputeCreditModel, bought: Array, price: Array) -> None:
        """Who bought machines is kept as events, one a generation: the amount is in units."""
        for generation, name in enumerate(m.hardware.names):
            self.happened(m, "bought", bought[:, generation], source=("buyer", np.arange(len(bought))), channel=name)

    def all_events(self) -> Iterator[Event]:
        """Every event, by path, then in the order in which it happened."""
        rows = [
            (int(path), int(month), int(number), position, kind, int(origin), int(other), channel, float(amount))
            for position, (kind, channel, parts) in enumerate(self._events)
            for path, month, number, origin, other, amount in zip(*parts, strict=True)
        ]
        first: dict[tuple[int, int, int], int] = {}
        for path, month, number, _, kind, origin, other, channel, amount in sorted(rows):
            since = first.setdefault((path, month, origin), number)
            source = self.agent_names[origin]
            target = self.agent_names[other] if other >= 0 else ""
            yield Event(path, month, number, kind, source, target, channel, amount, since)

    @property
    def events(self) -> list[Event]:
        """All events as a list."""
        return list(self.all_events())
