"""How does each arm differ from the first, measure by measure: differences, intervals, verdicts, what pairing saved?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nobid.runs.estimate import Estimate, luck, mean_over_paths
from nobid.runs.measures import MEASURES, Measure
from nobid.runs.paired import Difference, mean_difference, probability, probability_difference
from nobid.runs.pairing import Pairing, pairing
from nobid.runs.price import price
from nobid.runs.simultaneous import simultaneous
from nobid.runs.verdict import Verdict, verdict

Array = NDArray[np.float64]

HEADLINE: Final = ("cluster", "defaults", "lender_losses")  # intervals that hold together
NEGLIGIBLE: Final = 0.05  # of the figure in the first arm: a difference up to which nobody would mind
COST: Final = ("public_loss", "private_outlay")  # what a policy costs in money, those who pay it together


@dataclass(frozen=True)
class Contrast:
    """Arm against the first arm in one measure: the difference, its interval alone and together with all others.

    `told` judges by the interval alone; `words` also say where what is told alone does not hold together.
    """

    arm: str
    measure: Measure
    found: Difference
    together: Difference | None
    told: Verdict
    pairing: Pairing

    @property
    def words(self) -> str:
        """What may be said, for a table."""
        sure = self.together is None or self.together.clear_of_zero or not self.found.clear_of_zero
        return self.told.words if sure or self.told.kind == "negligible" else f"{self.told.words}; not all at once"

    def as_dict(self) -> dict[str, Any]:
        """Plain values, missing ones as None."""
        both = self.together.as_dict() if self.together is not None else {}
        return {
            "arm": self.arm,
            "measure": self.measure.name,
            "unit": self.measure.unit,
            **self.found.as_dict(),
            "together_low": both.get("low"),
            "together_high": both.get("high"),
            "verdict": self.words,
            "more_paths": self.told.more_paths,
            "correlation": _plain(self.pairing.correlation),
            "variance_ratio": _plain(self.pairing.variance_ratio),
            "paths_saved": _plain(self.pairing.paths_saved),
        }


def figures_by_arm(arms: Mapping[str, pd.DataFrame], paths: Sequence[int], measure: str) -> dict[str, Array]:
    """One number a path and arm, NaN where the path was not finished."""
    return {label: found[measure].reindex(list(paths)).to_numpy(dtype=float) for label, found in arms.items()}


def contrasts(arms: Mapping[str, pd.DataFrame], paths: Sequence[int], *, seed: int) -> dict[tuple[str, str], Contrast]:
    """Every arm after the first against it, in every measure: by label and measure."""
    base, *others = arms
    together = _together(arms, paths, seed=seed)
    found = {}
    for name, measure in MEASURES.items():
        figures = figures_by_arm(arms, paths, name)
        for label in others:
            one = difference(measure, figures[label], figures[base])
            told = verdict(one, good=measure.good, margin=_margin(figures[base]), unit=measure.unit)
            saved = pairing(figures[label], figures[base])
            found[label, name] = Contrast(label, measure, one, together.get((label, name)), told, saved)
    return found


def difference(measure: Measure, arm: Array, base: Array) -> Difference:
    """Arm minus base: of shares of paths, or of means."""
    compare = probability_difference if measure.over_paths == "probability" else mean_difference
    return compare(arm, base)


def level(measure: Measure, figures: Array) -> Estimate:
    """The figure of one arm with its interval: the share of paths, or the mean; NaN where no path was finished."""
    known = figures[~np.isnan(figures)]
    if measure.over_paths == "probability" or not len(known):
        return probability(known)
    return mean_over_paths(known)


def _margin(base: Array) -> float:
    known = base[~np.isnan(base)]
    return NEGLIGIBLE * abs(float(known.mean())) if len(known) else 0.0


def _together(
    arms: Mapping[str, pd.DataFrame], paths: Sequence[int], *, seed: int
) -> dict[tuple[str, str], Difference]:
    """Intervals that hold at once for every arm and every headline measure."""
    base, *others = arms
    if not others:
        return {}
    by_measure = {name: figures_by_arm(arms, paths, name) for name in HEADLINE}
    keys = [(label, name) for name in HEADLINE for label in others]
    rows = np.stack([by_measure[name][label] - by_measure[name][base] for label, name in keys])
    found = simultaneous(rows, seed=luck(seed, "simultaneous"))
    return dict(zip(keys, found, strict=True))


@dataclass(frozen=True)
class Price:
    """What an arm pays for what it avoids: money, or credit not extended, over defaults or lender losses avoided."""

    arm: str
    cost: Difference
    credit: Difference
    a_default: Estimate
    a_dollar: Estimate
    credit_a_default: Estimate

    def as_dict(self) -> dict[str, Any]:
        """Plain values, missing ones as None."""
        return {
            "arm": self.arm,
            "cost_usd_m": self.cost.as_dict(),
            "credit_not_extended_usd_m": self.credit.as_dict(),
            "usd_m_per_default_avoided": self.a_default.as_dict(),
            "usd_per_usd_of_loss_avoided": self.a_dollar.as_dict(),
            "credit_usd_m_per_default_avoided": self.credit_a_default.as_dict(),
        }


def prices(arms: Mapping[str, pd.DataFrame], paths: Sequence[int]) -> dict[str, Price]:
    """What every arm after the first costs, and per default and per USD of lender losses avoided.

    Cost in money: public loss and private outlay. Credit not extended is told apart: nobody pays it.
    """
    by_measure = {name: figures_by_arm(arms, paths, name) for name in (*HEADLINE, "credit_extended", *COST)}
    base, *others = arms
    found = {}
    for label in others:
        change = {name: figures[label] - figures[base] for name, figures in by_measure.items()}
        cost, credit, none = paid(change), -change["credit_extended"], 0.0 * change["defaults"]
        defaults, losses = -change["defaults"], -change["lender_losses"]
        found[label] = Price(
            label,
            mean_difference(cost, none),
            mean_difference(credit, none),
            price(cost, defaults, what="defaults avoided"),
            price(cost, losses, what="lender losses avoided"),
            price(credit, defaults, what="defaults avoided"),
        )
    return found


def paid(figures: Mapping[str, Array]) -> Array:
    """What a policy costs in money, path by path: public loss and private outlay."""
    return np.asarray(sum((figures[name] for name in COST), np.zeros(1)))


def frontier(arms: Mapping[str, pd.DataFrame], paths: Sequence[int]) -> pd.DataFrame:
    """Cost and credit not extended against lender losses avoided, an arm a row; `dominated_by` names a better one.

    An arm is dominated where another one, the first included, avoids no less, costs no more and takes no more credit
    away, and is better in one of them by a paired difference whose 95 % interval leaves out nought.
    """
    by_measure = {name: figures_by_arm(arms, paths, name) for name in (*HEADLINE, "credit_extended", *COST)}
    base, *others = arms
    bad: dict[str, dict[str, Array]] = {}
    for label in others:
        change = {name: figures[label] - figures[base] for name, figures in by_measure.items()}
        bad[label] = {"cost": paid(change), "credit_not_extended": -change["credit_extended"],
                      "losses": change["lender_losses"]}  # fmt: skip
    nothing = {name: 0.0 * values for name, values in next(iter(bad.values()), {}).items()}
    able = {base: nothing, **bad}
    rows = [{"arm": label, **dict(_row(found)), "dominated_by": _dominant(label, able)} for label, found in bad.items()]
    return pd.DataFrame(rows).set_index("arm") if rows else pd.DataFrame()


def _row(found: Mapping[str, Array]) -> Iterator[tuple[str, float]]:
    for name, values in {**found, "losses_avoided": -found["losses"]}.items():
        if name != "losses":
            one = mean_difference(values, 0.0 * values)
            yield from zip((name, f"{name}_low", f"{name}_high"), (one.value, one.low, one.high), strict=True)


def _dominant(label: str, bad: Mapping[str, Mapping[str, Array]]) -> str:
    """The arm that is no worse in anything and surely better in something; "" where there is none."""
    for other, figures in bad.items():
        if other == label:
            continue
        between = [mean_difference(figures[name], bad[label][name]) for name in figures]
        if all(one.value <= 0.0 for one in between) and any(one.high < 0.0 for one in between):
            return other
    return ""


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def plain_row(row: Mapping[Any, Any]) -> dict[str, Any]:
    """The row with None for numbers that are missing or without end."""
    return {str(key): None if isinstance(one, float) and not np.isfinite(one) else one for key, one in row.items()}
