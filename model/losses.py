"""What has every lender lost, on whom, since the start?

A loss is what was owed when its debtor failed, less what came back in cash, less collateral at its worth when seized,
less what the claim is worth now; seized machines lose what they were taken at, less what they brought, less what they
are worth. So a lender's losses add up to what its equity fell by beyond profit kept: `docs/odd.md`, Why.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nobid.agents.finance import MILLION
from nobid.agents.state import Array, ordered_sum, over_generations, ratio
from nobid.model.estates import estate_worth
from nobid.model.lending import line_worth

if TYPE_CHECKING:
    from nobid.model.system import ComputeCreditModel

KINDS = ("facility", "repo", "line", "broker", "seized")


class Losses:
    """Losses since the start by who caused them; arrays in `model.columns` under "causes"."""

    def __init__(self, m: ComputeCreditModel, paths: int) -> None:
        self._m = m
        machines = len(m.hardware.names)
        edges, borrowers, lenders = len(m.edges.lender), len(m.edges.borrowers), len(m.edges.lender_names)
        shapes: dict[str, tuple[int, ...]] = {
            "unrecovered": (edges,),
            "exposure": (edges,),
            "failed_after": (edges,),
            "repo_unrecovered": (borrowers,),
            "broker_unrecovered": (len(m.edges.broker_lender),),
            "seized_basis": (lenders, machines),
            "seized_from": (edges, machines),
            "news": (borrowers,),
            "news_lenders": (lenders,),
            "news_other": (),
        }
        for name, shape in shapes.items():
            m.columns.arrays["causes", name] = np.zeros((*shape, paths))
        self.of("failed_after")[...] = -1.0
        for kind, amount in self.so_far().items():
            m.columns.arrays["causes", f"{kind}_before"] = amount + 0.0

    def of(self, name: str) -> Array:
        """The array of this name, to be changed in place."""
        return self._m.columns["causes", name]

    def so_far(self) -> dict[str, Array]:
        """Losses since the start, USD million: on facilities (E, R), borrowers' repo (n, R), lines (W, R), brokers'
        repo (buyers, R) and on seized machines (lenders, G, R). Below zero where more came back than was lent.
        """
        m, b = self._m, self._m.borrowers
        worth = estate_worth(m)
        lines = m.warehouses.drawn * (1.0 - line_worth(m))[m.edges.receiver]
        keep = 1.0 - m.parameters.debt.liquidation_cost
        return {
            "facility": self.of("unrecovered") - m.facilities.claim * worth[m.edges.borrower],
            "repo": self.of("repo_unrecovered") - b.repo_claim * worth,
            "line": lines,
            "broker": self.of("broker_unrecovered") + 0.0,
            "seized": self.of("seized_basis") - m.lenders.seized * m.market.mark / MILLION * keep,
        }

    def of_lenders(self, losses: dict[str, Array]) -> Array:
        """What such losses come to for each lender: `(lenders, R)`, USD million."""
        m = self._m
        total = m.links.lender.sum(losses["facility"]) + m.links.repo_lender.sum(losses["repo"])
        total = total + m.links.provider.sum(losses["line"]) + m.links.broker_lender.sum(losses["broker"])
        for generation in range(losses["seized"].shape[1]):
            total = total + losses["seized"][:, generation]
        return total

    def fails(self, hit: Array) -> None:
        """Facilities `hit` (E, R) have failed with what is drawn on them now; the first time counts."""
        m, after = self._m, self.of("failed_after")
        first = hit * np.where(after < 0.0, 1.0, 0.0)
        self.of("exposure")[...] += m.facilities.drawn * hit
        after[...] = np.where(first > 0.0, float(m.month), after)

    def seizes(self, units: Array, value: Array) -> None:
        """Lenders hold machines `units` (E, G, R) taken at `value` (E, G, R) from their facilities."""
        self.of("seized_from")[...] += units
        self.of("seized_basis")[...] += self._m.links.lender.sum(value)

    def takes_back(self, basis: Array) -> None:
        """Machines came to lenders at `basis` (lenders, G, R) from repo, or left them for that much cash (negative)."""
        self.of("seized_basis")[...] += basis

    def grows(self, name: str, amount: Array) -> None:
        """`amount` more is out (negative: came back) on this kind of claim."""
        self.of(name)[...] += amount

    def closes_month(self) -> dict[str, Array]:
        """The losses of the month by kind, as in `so_far`; the news of them fades as the funding window does."""
        m, now = self._m, self.so_far()
        month = {kind: now[kind] - self.of(f"{kind}_before") for kind in KINDS}
        for kind in KINDS:
            self.of(f"{kind}_before")[...] = now[kind]
        lost = {kind: np.maximum(amount, 0.0) for kind, amount in month.items()}
        machines = ordered_sum(over_generations(lost["seized"])) + ordered_sum(lost["broker"])
        fresh = {
            "news": m.links.borrower.sum(lost["facility"]) + lost["repo"],
            "news_lenders": m.links.receiver.sum(lost["line"]),
            "news_other": machines,
        }
        for name, amount in fresh.items():
            self.of(name)[...] = m.parameters.funding.persistence * self.of(name) + amount
        return month

    def origin_of_seized(self) -> Array:
        """The share of each facility in the machines its lender ever seized, by generation: `(E, G, R)`."""
        taken = self.of("seized_from")
        return ratio(taken, self._m.links.lender.sum(taken)[self._m.edges.lender])
