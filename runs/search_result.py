"""What did a search find: the best mix within the budget, what it does on held-out paths, what else was tried?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from nobid.model.policies import Policy
from nobid.runs.comparison import Comparison
from nobid.runs.comparison_text import cell
from nobid.runs.estimate import FIRM_FROM, significant
from nobid.runs.measures import MEASURES, USD, Measure
from nobid.runs.months import month_label
from nobid.runs.paired import Difference
from nobid.runs.policies import NONE
from nobid.runs.run import Order
from nobid.runs.summary import Summary
from nobid.runs.summary_blocks import Block

NEXT_BEST: Final = 5  # mixes shown beside the best one


@dataclass(frozen=True)
class Score:
    """What a mix changes against no policy on the paths of the search: the objective, and what the public pays."""

    change: Difference
    cost: Difference


@dataclass(frozen=True)
class Trial:
    """A mix that was tried."""

    mix: tuple[Policy, ...]
    score: Score

    @property
    def label(self) -> str:
        """The words that make the mix again."""
        return " + ".join(sorted(map(str, self.mix))) or NONE


@dataclass
class Search:
    """Every trial, no mix at all first; the best within the budget; and that one on held-out paths.

    `held_out` compares it with no policy there, like any comparison (`.held_out.table()`, `.plot()`); None where no
    mix within the budget was better than none.
    """

    order: Order
    measure: Measure
    budget_of: str
    budget: float
    tried: tuple[Trial, ...]
    best: Trial
    held_out: Comparison | None
    out: Path | None = None

    @property
    def final(self) -> Score | None:
        """What the best mix changes on the held-out paths: the figure to quote."""
        if self.held_out is None:
            return None
        changes = (self.held_out.contrasts[self.best.label, name].found for name in (self.measure.name, self.budget_of))
        return Score(*changes)

    def table(self) -> pd.DataFrame:
        """A row a trial, the best within the budget first: what it changes in-sample, and what the public pays."""
        rows = [
            {
                "mix": one.label,
                "change": one.score.change.value,
                "cost": one.score.cost.value,
                "within_budget": one.score.cost.value <= self.budget,
                "best": one is self.best,
            }
            for one in self.tried
        ]
        found = pd.DataFrame(rows).drop_duplicates("mix")
        found["worse"] = found["change"] * (1.0 if self.measure.good == "less" else -1.0)
        ranked = found.sort_values(
            ["within_budget", "worse"], ascending=[False, True], kind="stable", ignore_index=True
        )
        return ranked.drop(columns="worse")

    def summary(self) -> Summary:
        """What a person reads first."""
        rules = self.order.scenario.parameters
        last = month_label(rules.start, rules.months - 1)
        about = f"{len(self.tried) - 1} mixes on the same {len(self.order.paths)} paths · seed {self.order.seed}"
        headline = f"{self.order.scenario.name} · {rules.start} … {last} · {about}"
        best = f"best mix within {significant(self.budget)} {USD} of {self.budget_of}: {self.best.label}"
        return Summary(headline, (self._figures(), self._others()), best, tuple(self._remarks()), self.as_dict())

    def _figures(self) -> Block:
        """The best mix on its own paths and on the held-out ones, side by side."""
        columns = (f"{self.measure.name}, {self.measure.unit}", f"{self.budget_of}, {USD}")
        rows = [("on the paths it was chosen by (flattered)", *self._cells(self.best.score))]
        if self.final is not None and self.held_out is not None:
            rows.append((f"on {len(self.held_out.paths)} held-out paths", *self._cells(self.final)))
        return Block("change against no policy (95 %)", columns, tuple(rows))

    def _cells(self, score: Score) -> tuple[str, str]:
        return cell(score.change, signed=True), cell(score.cost, signed=True)

    def _others(self) -> Block:
        rows = []
        for row in self.table().head(NEXT_BEST + 1).to_dict("records"):
            within = "yes" if row["within_budget"] else "no"
            rows.append((row["mix"], significant(row["change"]), significant(row["cost"]), within))
        return Block("what was tried, the best first", ("change", "cost", "within budget"), tuple(rows))

    def _remarks(self) -> Iterator[str]:
        """What has to be said beside the figures."""
        final = self.final
        if final is None or self.held_out is None:
            yield "no mix within the budget was better than none on these paths."
        else:
            told = self.held_out.contrasts[self.best.label, self.measure.name].words
            yield f"of {self.measure.name} may be said, on held-out paths: {told}"
            yield self._kept(final.cost)
            yield self.held_out.luck
        within = sum(one.score.cost.value <= self.budget for one in self.tried[1:])
        yield f"{within} of {len(self.tried) - 1} mixes were within the budget: mean {MEASURES[self.budget_of].label}."
        if len(self.order.paths) < FIRM_FROM:
            yield f"with fewer than {FIRM_FROM} paths a search follows the luck of its paths."

    def _kept(self, cost: Difference) -> str:
        """Whether the budget holds on paths that had no part in the choice."""
        if cost.high <= self.budget or (not np.isfinite(cost.high) and cost.value <= self.budget):
            return "the budget holds on held-out paths."
        if cost.low > self.budget:
            return f"the budget does NOT hold on held-out paths: {cost.words} {USD}."
        side = "above" if cost.value > self.budget else "below"
        return f"on held-out paths the mean cost is {side} the budget, and its interval holds it: {cost.words} {USD}."

    def as_dict(self) -> dict[str, Any]:
        """Plain values: what was asked for, the best mix in-sample and held-out, every trial."""
        one, held, final = self.order.scenario, self.held_out, self.final
        return {
            "status": "done",
            "scenario": one.name,
            "seed": self.order.seed,
            "months": one.parameters.months,
            "config_hash": one.hash,
            "objective": self.measure.name,
            "budget": self.budget,
            "budget_of": self.budget_of,
            "paths": [self.order.paths[0], self.order.paths[-1] + 1],
            "held_out_paths": None if held is None else [held.paths[0], held.paths[-1] + 1],
            "best": self.best.label,
            "in_sample": _scores(self.best.score),
            "held_out": None if final is None else _scores(final),
            "tried": [{"mix": trial.label, **_scores(trial.score)} for trial in self.tried],
        }

    def __str__(self) -> str:
        """The closing table as text."""
        return str(self.summary())

    def __repr__(self) -> str:
        """Scenario, trials, the best mix."""
        return f"{self.order.scenario.name} · {len(self.tried) - 1} mixes · best: {self.best.label}"

    def _repr_html_(self) -> str:
        """The closing table for a notebook."""
        return self.summary().html()


def _scores(score: Score) -> dict[str, Any]:
    return {"change": score.change.as_dict(), "cost": score.cost.as_dict()}
