"""How does one rule run for all agents at once, or for one after another, with the same bits?"""

from __future__ import annotations

from typing import Any, Literal

import mesa
import numpy as np

from nobid.agents.state import Array, Columns, Index

Execution = Literal["cohort", "agent"]


class TwoExecutions(mesa.Model):  # type: ignore[type-arg, unused-ignore]  # generic on Mesa 3.5, not on 3.3
    """A Mesa model whose agents follow a rule as whole columns ("cohort") or as objects ("agent")."""

    execution: Execution
    classes: dict[str, type[Any]]
    columns: Columns
    names: dict[str, list[str]]
    kinds: dict[str, list[str]]
    _members: dict[str, list[Any]]

    def do(self, kind: str, rule: str) -> None:
        """Every agent of the kind has followed the rule: all at once, or one after the other through Mesa."""
        cls = self.classes[kind]
        if self.execution == "cohort":
            getattr(cls.every(self), rule)()
        elif cls in self.agents_by_type:
            self.agents_by_type[cls].do(rule)

    def borrowers_do(self, rule: str) -> None:
        """Every miner and every neo-cloud has followed the rule."""
        self.do("miner", rule)
        self.do("neocloud", rule)

    def ask(self, family: str, rule: str, of: Index, *questions: Array) -> Array:
        """The answers of the agents `of[e]` by their rule, one row each; it is given row e of every question."""
        if self.execution == "agent":
            rows = self._members[family]
            given = [getattr(rows[agent], rule)(*(q[e] for q in questions)) for e, agent in enumerate(of)]
            return np.stack(given) if given else np.zeros((0, *questions[0].shape[1:]))
        parts = self._kinds_among(family, of)
        if len(parts) == 1:
            kind, _ = parts[0]
            answered: Array = getattr(self.classes[kind].at(self, of), rule)(*questions)
            return answered
        answers: Array = np.zeros_like(questions[0])
        for kind, chosen in parts:
            answers[chosen] = getattr(self.classes[kind].at(self, of[chosen]), rule)(*(q[chosen] for q in questions))
        return answers

    def _kinds_among(self, family: str, of: Index) -> list[tuple[str, Index]]:
        """The kinds that occur among the agents `of`, each with the places where it does."""
        if family != "borrower":
            return [(family, np.arange(len(of)))]
        miners = self.columns.spans["miner"]
        mines = of < (miners.stop if isinstance(miners, slice) else 0)
        parts = (("miner", np.flatnonzero(mines)), ("neocloud", np.flatnonzero(~mines)))
        return [(kind, chosen) for kind, chosen in parts if len(chosen)] or [("miner", np.arange(0))]

    def _creates_agents(self) -> None:
        """One Mesa agent per row, which looks at its own row."""
        self._members = {family: [] for family in self.names}
        for family, kinds in self.kinds.items():
            for row, kind in enumerate(kinds):
                agent = self.classes[kind if family == "borrower" else family](self)
                agent.where = row
                self._members[family].append(agent)
