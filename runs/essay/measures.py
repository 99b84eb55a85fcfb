"""What can be measured of an arm: which figures of every path, and which statistic makes one figure of them?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nobid.runs import measures as common
from nobid.runs.essay import loans, monthly, states
from nobid.runs.essay.declaration import Settings
from nobid.runs.essay.rules import DRAWN, LEVELS, SUMS, WHEN

if TYPE_CHECKING:
    from nobid.runs.run import Run

Array = NDArray[np.float64]
Read = Callable[..., pd.DataFrame]

STATISTICS: Final = frozenset({*LEVELS, *SUMS, *DRAWN, "tail", WHEN})


@dataclass(frozen=True)
class Measure:
    """`read(run, **given)`: a row a finished path, a column a figure; `statistic` makes one figure of all paths.

    `of`: "run" where the run's tables are read, "state" where the model itself is looked at after so many months.
    """

    name: str
    unit: str
    statistic: str
    read: Read
    of: str = "run"


def sample(measure: Measure, run: Run, given: Settings) -> Array:
    """The figures of every path that was asked for, NaN where it was not finished: (figures, paths).

    Errors: TypeError where `given` is not what the measure takes.
    """
    asked = {name: value for name, value in given.items() if name != "statistic"}
    found = measure.read(run, **asked).reindex(list(run.paths))
    return np.ascontiguousarray(found.to_numpy(dtype=float).T)


def statistic_of(measure: Measure, given: Settings) -> str:
    """The statistic of the test: its own where it names one."""
    return str(given.get("statistic", measure.statistic))


MEASURES: Final[Mapping[str, Measure]] = {
    one.name: one
    for one in (
        *(
            Measure(name, each.unit, "share" if each.over_paths == "probability" else "mean",
                    lambda run, name=name: monthly.shared(run, name))
            for name, each in common.MEASURES.items()
        ),
        Measure("miners", "miners", "mean", monthly.miners),
        Measure("rent_growth", "1/year", "mean", monthly.rent_growth),
        Measure("rent_year", "share", "median", monthly.rent_year),
        Measure("first_thin_month", "month", "median", monthly.first_thin_month),
        Measure("co_movement", "", "correlation", monthly.co_movement),
        Measure("mostly_unplaced", "share of paths", "share", monthly.mostly_unplaced),
        Measure("unfilled", "share of the machines", "mean", monthly.unfilled),
        Measure("months_to_place", "months", "median", monthly.months_to_place),
        Measure("proceeds", "ratio", "ratio", monthly.proceeds),
        Measure("of_book", "ratio", "median", monthly.of_book),
        Measure("machine_loans_failed", "share", "ratio", loans.machine_loans_failed),
        Measure("spread_short", "1/year", "ratio", loans.spread_short),
        Measure("underpriced", "share of debt", "short", loans.underpriced),
        Measure("recovered", "share", "ratio", loans.recovered),
        Measure("attributed", "share of defaults", "ratio", loans.attributed),
        Measure("depth", "defaults", "ratio", loans.depth),
        Measure("default_months", "share of defaults", WHEN, loans.default_months),
        Measure("credit_lead", "share of paths", "share", loans.credit_lead),
        Measure("credit_lead_months", "months", "median", loans.credit_lead),
        Measure("peak_open", "share of paths", "share", loans.peak_open),
        Measure("illusion", "share of debt", "ratio", states.illusion, "state"),
        Measure("life_gap", "months", "ratio", states.life_gap, "state"),
        Measure("under_water", "share of compute", "ratio", states.under_water, "state"),
    )
}  # fmt: skip
