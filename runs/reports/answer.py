"""What is the answer in five numbers, and within which limits does it hold?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from nobid.runs.causation import CLUSTER
from nobid.runs.comparison_text import PERCENT, cell, scaled
from nobid.runs.contrasts import level
from nobid.runs.estimate import Estimate, significant
from nobid.runs.measures import MEASURES, measures_of
from nobid.runs.reports.document import Number, Numbers
from nobid.runs.summary_figures import BAND, BILLION, debt_at_start, shown_generations
from nobid.runs.tail import shortfall

if TYPE_CHECKING:
    from nobid.runs.run import Run

LIMITS: Final = (
    "Intervals are of 95 % and about luck: how far other paths of the same model would move a figure. They say nothing "
    "of other assumptions, and most of what a lender would want to know (hold sizes, lenders' capital, buyers' "
    "budgets, free racks, covenants of private firms) is published nowhere.",
    "The model is a description of mechanisms with sourced starting sheets. It is no forecast, and the chance of an "
    "event in it is the share of its paths, not the chance that it happens. Named firms stand for their published "
    "balance sheets; that one fails on a path says nothing of its present solvency.",
    "Not in the model: fraud, lawsuits, rescue by a parent, changes of law, taxes, other business of lenders and "
    "buyers beyond one figure each.",
)


def five_numbers(run: Run) -> Numbers:
    """Chance of a cluster, defaults, lender losses, price trough and unsold machines, each with its interval."""
    return numbers_of(measures_of(run), run)


def numbers_of(figures: pd.DataFrame, run: Run) -> Numbers:
    """The same of figures by path (see `nobid.runs.measures`)."""
    return Numbers(tuple(_numbers(figures, run)))


def _numbers(figures: pd.DataFrame, run: Run) -> Iterator[Number]:
    found = {name: level(MEASURES[name], figures[name].to_numpy(dtype=float)) for name in MEASURES}
    unit, scale = ("bn", BILLION) if debt_at_start(run) >= BILLION else ("m", 1.0)
    shown = shown_generations(run)[0]
    many = len(figures) > 1
    cluster = f"{CLUSTER} or more borrowers and lenders fail within three months"
    if many:
        yield _number(f"of paths have a systemic cluster: {cluster}", scaled(found["cluster"], 1.0 / PERCENT), " %")
    else:
        yes = "yes" if float(figures["cluster"].sum()) else "no"
        yield Number(f"systemic cluster: {cluster}", yes, "one path: no interval")
    defaults, losses = found["defaults"], scaled(found["lender_losses"], scale)
    yield _number("borrowers and lenders defaulted", defaults, "", _band(figures["defaults"], 1.0))
    tail = shortfall(figures["lender_losses"].to_numpy(dtype=float)) if many else None
    worst = "" if tail is None else f"; worst twentieth {significant(tail.value / scale, 2)} on average"
    yield _number(f"USD {unit} of lender losses", losses, "", _band(figures["lender_losses"], scale, worst))
    yield _number(f"of its value in use: the lowest mark of a {shown}", scaled(found["trough"], 1 / PERCENT), " %")
    yield _number("machines for sale without a buyer at the worst month's end", found["unsold"], "",
                  _band(figures["unsold"], 1.0))  # fmt: skip


def _number(label: str, found: Estimate, unit: str, remark: str = "") -> Number:
    """A mean, or share, with its interval; a single path has none."""
    if found.paths < 2:
        shown = f"{found.value:,.0f}" if found.value == round(found.value) else significant(found.value, 3)
        return Number(label, f"{shown}{unit}", "one path: no interval")
    value = cell(found, interval=False)
    ends = cell(found).removeprefix(value).strip() or "the same on every path"
    return Number(label, f"{value}{unit}", f"mean; 95 % interval {ends}" if remark else f"95 % interval {ends}", remark)


def _band(values: pd.Series[float], scale: float, more: str = "") -> str:
    if len(values) < 2:
        return ""
    low, middle, high = (significant(float(one) / scale, 2) for one in np.quantile(values, BAND))
    return f"median path {middle}, 90 % of paths {low} to {high}{more}"
