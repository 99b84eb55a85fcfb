"""Does new credit top before demand for compute does, and by how many months?

New credit is summed, and compute demanded at the reference rent averaged, over six months around each month, so that a
single month is no peak. A peak in the first or last month that has such a window is not seen to be one: it may lie
before the start or after the end.

In the model new credit pays for what is signed, a share of the growth of demand: growth tops before the level does,
with or without lenders. `growth_lead` says by how much, and is what a lead of credit has to be held against.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nobid.runs.errors import InputError
from nobid.runs.streams import finished, parts

if TYPE_CHECKING:
    from nobid.model.parameters import Parameters
    from nobid.runs.run import Run

Array = NDArray[np.float64]

WINDOW: Final = 6  # months
SHORTEST: Final = 2 * WINDOW  # months of a run in which a top can be seen
CREDIT, DEMAND = "credit_extended", "demand"
KNOWN, CREDIT_OPEN, DEMAND_OPEN, BOTH_OPEN, NO_CREDIT = "known", "credit", "demand", "both", "no credit"


def smoothed(grid: Array) -> Array:
    """The mean of WINDOW months, (months − WINDOW + 1, paths); row k is around month k + WINDOW / 2."""
    total = np.cumsum(np.vstack([np.zeros((1, grid.shape[1])), grid]), axis=0)
    mean: Array = (total[WINDOW:] - total[:-WINDOW]) / WINDOW
    return mean


def compute_demand(demand: Array, parameters: Parameters) -> Array:
    """Compute demanded at the reference rent over the start, from demand for services (months, paths): what efficiency
    saves a service, and what it adds by making services cheaper.
    """
    rules = parameters.demand
    months = np.arange(1, len(demand) + 1)[:, np.newaxis] / 12.0
    compute: Array = demand * np.exp((rules.elasticity - 1.0) * rules.efficiency_growth * months)
    return compute


def growth_above_peak(demand: Array) -> Array:
    """By how much demand rises above its highest level so far, month by month: (months, paths)."""
    before = np.vstack([np.ones((1, demand.shape[1])), np.maximum.accumulate(np.maximum(demand, 1.0))[:-1]])
    rise: Array = np.maximum(demand - before, 0.0)
    return rise


def credit_peaks(run: Run) -> pd.DataFrame:
    """A row a path that ran to its end: months of both peaks from the start, the lead of credit and of the growth of
    demand over demand itself, what is open.

    `lead` is positive where credit tops first. `open`: "known"; "demand" (still rising at the end: the lead is at
    least this), "credit" (still rising at the end, or highest at the start: the lead is a bound), "both" and
    "no credit" (lead NaN). Errors: InputError for a run that is shorter than two windows.
    """
    parameters = run.scenario.parameters
    if parameters.months < SHORTEST:
        raise InputError(f"the credit cycle needs {SHORTEST} months or more: the run has {parameters.months}.")
    ended = finished(run)
    pieces = []
    for piece in parts(run, "monthly", ("path", CREDIT, DEMAND)):
        _, good = ended.places(piece["path"])
        path = piece["path"].to_numpy()[good].reshape(-1, parameters.months)
        grids = {name: piece[name].to_numpy()[good].reshape(-1, parameters.months).T for name in (CREDIT, DEMAND)}
        peaks = _peaks(grids[CREDIT], compute_demand(grids[DEMAND], parameters))
        pieces.append(pd.DataFrame(peaks, index=pd.Index(path[:, 0], name="path")))
    found = pd.concat(pieces).sort_index()
    found.attrs["units"] = dict.fromkeys(("credit_peak", "demand_peak", "lead", "growth_lead"), "months")
    return found


def _peaks(credit: Array, demand: Array) -> dict[str, object]:
    """Peaks of some paths, from grids (months, paths)."""
    lent, wanted, grew = smoothed(credit), smoothed(demand), smoothed(growth_above_peak(demand))
    tops, last = np.argmax(lent, axis=0), len(lent) - 1
    crest = np.argmax(wanted, axis=0)
    credit_open = (tops == last) | (tops == 0)
    demand_open = (crest == last) | (crest == 0)
    none = lent.max(axis=0) <= 0.0
    choices = [none, credit_open & demand_open, credit_open, demand_open]
    state = np.select(choices, [NO_CREDIT, BOTH_OPEN, CREDIT_OPEN, DEMAND_OPEN], KNOWN)
    lead = np.where(np.isin(state, (NO_CREDIT, BOTH_OPEN)), np.nan, (crest - tops).astype(float))
    middle = WINDOW // 2
    return {
        "credit_peak": tops + middle,
        "demand_peak": crest + middle,
        "lead": lead,
        "growth_lead": (crest - np.argmax(grew, axis=0)).astype(float),
        "open": state,
    }


def credit_lead(run: Run) -> pd.Series:
    """Months by which new credit tops before demand for compute, by path; NaN where neither peak is inside the run.

    Where only one of them is, the figure is a bound (see `credit_peaks`); `.attrs["open"]` counts the paths by kind.
    """
    peaks = credit_peaks(run)
    lead = peaks["lead"].rename("credit_lead")
    lead.attrs["unit"] = "months"
    lead.attrs["open"] = {str(kind): int(count) for kind, count in peaks["open"].value_counts().items()}
    return lead
