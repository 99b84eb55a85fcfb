"""What came of a comparison: the arms side by side, their differences, what each policy costs and what it buys?"""

from __future__ import annotations

import shlex
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from nobid.runs.arms import Arm, about
from nobid.runs.contrasts import HEADLINE, Contrast, Price, contrasts, frontier, level, plain_row, prices
from nobid.runs.errors import InputError
from nobid.runs.estimate import Estimate, luck
from nobid.runs.measures import MEASURES
from nobid.runs.paired import Difference, shortfall_difference
from nobid.runs.run import Order
from nobid.runs.scenario_files import did_you_mean
from nobid.runs.tail import shortfall

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from nobid.runs.reports.document import Report
    from nobid.runs.summary import Summary

TAILED: Final = "lender_losses"  # the measure whose tail is told


@dataclass
class Comparison:
    """Arms on the same luck, the first of them without policies. Shows itself as a table; see its methods for more.

    `luck` says what was checked; `decision` why paths were added or not, "" where their number was given.
    """

    order: Order
    arms: tuple[Arm, ...]
    luck: str
    decision: str = ""
    out: Path | None = None
    argv: tuple[str, ...] = ()

    @property
    def paths(self) -> tuple[int, ...]:
        """The numbers of the paths of every arm."""
        return self.arms[0].run.paths

    @cached_property
    def figures(self) -> dict[str, pd.DataFrame]:
        """By arm, every measure of every finished path: `nobid.runs.measures`."""
        return {arm.label: arm.figures for arm in self.arms}

    @cached_property
    def contrasts(self) -> dict[tuple[str, str], Contrast]:
        """Every arm against the first in every measure, by label and measure."""
        return contrasts(self.figures, self.paths, seed=self.order.seed)

    @cached_property
    def prices(self) -> dict[str, Price]:
        """What each arm costs, and for a default and a dollar of loss avoided."""
        return prices(self.figures, self.paths)

    @cached_property
    def levels(self) -> dict[tuple[str, str], Estimate]:
        """Probability of a systemic cluster, mean defaults and lender losses of every arm, by label and measure."""
        return {
            (label, name): level(MEASURES[name], found[name].to_numpy(dtype=float))
            for label, found in self.figures.items()
            for name in HEADLINE
        }

    @cached_property
    def shortfalls(self) -> dict[str, Estimate | None]:
        """Expected shortfall of lender losses at 95 % by arm; None below 500 paths."""
        return {label: shortfall(found[TAILED].to_numpy(dtype=float)) for label, found in self.figures.items()}

    @cached_property
    def shortfall_differences(self) -> dict[str, Difference]:
        """What each arm changes of the expected shortfall of lender losses."""
        base, *others = (found[TAILED].reindex(list(self.paths)).to_numpy() for found in self.figures.values())
        seed = luck(self.order.seed, "shortfall")
        labels = list(self.figures)[1:]
        return {label: shortfall_difference(one, base, seed=seed) for label, one in zip(labels, others, strict=True)}

    def table(self) -> pd.DataFrame:
        """An arm a row: levels, differences from the first arm with their intervals, costs, prices, verdicts."""
        return pd.DataFrame([self._row(arm.label) for arm in self.arms]).set_index("arm")

    def _row(self, label: str) -> dict[str, Any]:
        tail = self.shortfalls[label]
        row: dict[str, Any] = {"arm": label, "paths": len(self.figures[label])}
        for name in HEADLINE:
            row |= _ends(name, self.levels[label, name])
        row["lender_losses_es95"] = np.nan if tail is None else tail.value
        row |= {name: self.figures[label][name].mean() for name in MEASURES if name not in HEADLINE}
        if label not in self.prices:
            return row
        for name in MEASURES:
            one = self.contrasts[label, name]
            row |= _ends(f"{name}_difference", one.found)
            if one.together is not None:
                row |= {f"{name}_together_low": one.together.low, f"{name}_together_high": one.together.high}
        row |= _ends("lender_losses_es95_difference", self.shortfall_differences[label])
        price = self.prices[label]
        row |= _ends("cost", price.cost) | _ends("cost_per_default_avoided", price.a_default)
        row |= _ends("cost_per_usd_of_loss_avoided", price.a_dollar)
        row |= _ends("credit_per_default_avoided", price.credit_a_default)
        row["dominated_by"] = self._frontier.loc[label, "dominated_by"]
        return row | {f"{name}_verdict": self.contrasts[label, name].words for name in HEADLINE}

    def differences(self) -> pd.DataFrame:
        """An arm and measure a row: difference, interval alone and together, verdict, what the same luck saved."""
        return pd.DataFrame([one.as_dict() for one in self.contrasts.values()])

    def frontier(self) -> pd.DataFrame:
        """Cost and credit not extended against lender losses avoided; `dominated_by` names a better arm."""
        return self._frontier.copy()

    @cached_property
    def _frontier(self) -> pd.DataFrame:
        return frontier(self.figures, self.paths)

    def summary(self) -> Summary:
        """What a person reads first."""
        from nobid.runs.comparison_text import summarised

        return summarised(self)

    def plot(self, name: str | None = None) -> Figure | dict[str, Figure]:
        """The figure "forest" (paired differences) or "frontier" (cost against loss avoided), or both by name."""
        from nobid.runs.charts.comparison import FIGURES

        if len(self.arms) < 2:
            raise InputError("a comparison of one arm has nothing to draw.")
        if name is None:
            return {one: draw(self) for one, draw in FIGURES.items()}
        if name not in FIGURES:
            raise InputError(f'there is no figure "{name}"{did_you_mean(name, FIGURES)}')
        return FIGURES[name](self)

    def report(self) -> Report:
        """The comparison as one page to send; `.save()` writes it."""
        from nobid.runs.reports.comparison_report import report

        return report(self)

    def with_paths(self, paths: int) -> str:
        """The command that extends the comparison to so many paths."""
        if not self.argv:
            labels = [arm.label for arm in self.arms[1:]]
            return f'compare("{self.order.scenario.name}", {labels}, seed={self.order.seed}, paths={paths})'
        kept, words = [], iter(self.argv)
        for word in words:
            if word == "--paths":
                next(words, "")
            elif not word.startswith("--paths="):
                kept.append(word)
        return shlex.join(["nobid", *kept, "--paths", str(paths)])

    def as_dict(self) -> dict[str, Any]:
        """Plain values: arms, measures, differences, prices, frontier; a missing number is None."""
        return {
            **about(self.order, len(self.paths)),
            "luck": self.luck,
            "decision": self.decision,
            "measures": [asdict(measure) for measure in MEASURES.values()],
            "arms": [self._arm(arm) for arm in self.arms],
            "differences": [found.as_dict() for found in self.contrasts.values()],
            "prices": [found.as_dict() for found in self.prices.values()],
            "frontier": [plain_row(row) for row in self.frontier().reset_index().to_dict("records")],
        }

    def _arm(self, arm: Arm) -> dict[str, Any]:
        tail = self.shortfalls[arm.label]
        means = {name: float(values.mean()) for name, values in arm.figures.items()}
        return {
            "label": arm.label,
            "folder": None if arm.run.out is None else arm.run.out.name,
            "config_hash": arm.run.scenario.hash,
            "finished": len(arm.figures),
            "failed": list(arm.figures.attrs["failed"]),
            "means": plain_row(means),
            **{name: self.levels[arm.label, name].as_dict() for name in HEADLINE},
            "lender_losses_es95": None if tail is None else tail.as_dict(),
        }

    def __str__(self) -> str:
        """The closing table as text."""
        return str(self.summary())

    def __repr__(self) -> str:
        """Scenario, arms, paths."""
        return f"{self.order.scenario.name} · {len(self.arms)} arms · {len(self.paths)} paths · seed {self.order.seed}"

    def _repr_html_(self) -> str:
        """The closing table for a notebook."""
        return self.summary().html()


def _ends(name: str, found: Estimate) -> dict[str, float]:
    return {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}
