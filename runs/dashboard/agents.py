"""What does a replay page know of one agent: its balance sheet month by month, whom it owes, who owes it?"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import pandas as pd

from nobid.runs.months import month_label

DATA: Final = re.compile(r'<script type="application/json" id="data">(.*?)</script>', re.DOTALL)
START: Final = "start"
FAILED: Final = 2
ROWS: Final = {
    "assets": "Assets, USD m",
    "debt": "Debt, USD m",
    "cash": "Cash, USD m",
    "equity": "Equity, USD m",
    "units": "Machines, H100 equivalents",
    "coins": "Coins, BTC",
}


@dataclass(frozen=True)
class Watched:
    """What a replay page shows, read back. Months are "start" and YYYY-MM: the ends of months."""

    data: dict[str, Any]

    @cached_property
    def names(self) -> list[str]:
        """The agents, in the page's order."""
        return [one["name"] for one in self.data["agents"]]

    @cached_property
    def arms(self) -> list[str]:
        """What the arms are called."""
        return [one["label"] for one in self.data["arms"]]

    @cached_property
    def months(self) -> list[str]:
        """The start, and every month that the page shows."""
        last = max(arm["frames"][-1][0] for arm in self.data["arms"])
        return [START, *(month_label(self.data["start"], month) for month in range(last + 1))]

    def kind(self, agent: str) -> str:
        """What the agent is, in a word."""
        words = {"neocloud": "neo-cloud", "buyer": "GPU buyer"}
        kind: str = self.data["kinds"][self._agent(agent)["kind"]]
        return words.get(kind, kind)

    def fell(self, agent: str, arm: int) -> str | None:
        """The month in which the agent failed in the arm; None where it lived."""
        row = self.names.index(agent)
        for month, _, changes, *_ in self.data["arms"][arm]["frames"]:
            if (row, FAILED) in zip(changes[::2], changes[1::2], strict=True):
                return self.months[int(month) + 1]
        return None

    def sheet(self, agent: str, arm: int, month: str) -> pd.DataFrame:
        """The balance sheet at the start and at the end of the month, what is nought in both left out."""
        row, place = self.names.index(agent), self.months.index(month)
        found = self.data["arms"][arm]["sheet"]
        series = {ROWS[name]: found[number][row] for number, name in enumerate(self.data["sheet"])}
        columns = {START: 0} | ({month: place} if place else {})
        table = {head: [at(one, number) for one in series.values()] for head, number in columns.items()}
        frame = pd.DataFrame(table, index=pd.Index(series, name="balance sheet"), dtype=float)
        return frame[(frame != 0.0).any(axis=1)]

    def ties(self, agent: str, arm: int, month: str) -> pd.DataFrame:
        """What binds the agent to others at the end of the month: other, kind, what it owes, what it is owed; USD m."""
        row, place = self.names.index(agent), self.months.index(month)
        rows: list[tuple[str, str, float, float]] = []
        for creditor, debtor, style, series in self.data["arms"][arm]["edges"]:
            amount = float(at(series, place))
            if row in (creditor, debtor) and amount:
                other = self.names[debtor if row == creditor else creditor]
                owes, owed = (0.0, amount) if row == creditor else (amount, 0.0)
                rows.append((other, self.data["styles"][style], owes, owed))
        heads = ["with", "kind", "owes, USD m", "is owed, USD m"]
        rows.sort(key=lambda one: (-one[2] - one[3], one[0]))
        found = pd.DataFrame(rows, columns=heads)
        return found.astype(dict.fromkeys(heads[2:], float))

    def _agent(self, agent: str) -> dict[str, Any]:
        found: dict[str, Any] = self.data["agents"][self.names.index(agent)]
        return found


def watched(page: str) -> Watched:
    """What the page shows."""
    found = DATA.search(page)
    assert found is not None, "a replay page holds its data"
    return Watched(json.loads(found[1]))


def at(series: Any, month: int) -> float:
    """The value of a series that was written without what only repeats at its end."""
    return float(series[min(month, len(series) - 1)] if isinstance(series, list) else series)
