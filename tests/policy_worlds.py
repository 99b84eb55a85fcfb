"""What do tests of policies share: a founding under policies, figures of a month, worlds in which something happens?"""

from __future__ import annotations

from typing import Any

import numpy as np

from nobid.model.accounts import SECTORS
from nobid.model.founding import FacilityRow, Founding, ShockPaths
from nobid.model.policies import Policy
from nobid.model.system import ComputeCreditModel
from tests.worlds import borrower, facility, run, world

HOURS = 730.0
COST = (0.14 + 0.12 + 0.02) * HOURS  # USD a month to run one H100: power, site, staff


def under_policies(founding: Founding, *policies: Policy) -> Founding:
    """The same world with these policies."""
    return founding.model_copy(update={"policies": policies})


def rent(*levels: float) -> ShockPaths:
    """Rent by month, USD per H100e-hour; the last level lasts."""
    return ShockPaths(rent=np.array([*levels, *[levels[-1]] * 40]))


def figure(model: ComputeCreditModel, name: str, month: int = 0) -> float:
    """A monthly figure of the only path."""
    return float(model.record.monthly[name][month, 0])


def paid(model: ComputeCreditModel, row: str, sector: str) -> float:
    """What the sector received in this row of the books in the last month, less what it paid, USD million."""
    return float(model.books.row(row)[SECTORS.index(sector), 0])


def one(values: Any, row: int = 0) -> float:
    """The number of this row on the only path."""
    return float(values[row, 0])


def order(*, loan: dict[str, Any] | None = None, units: int = 100, level: float = 2.1, **keys: Any) -> Founding:
    """A firm with much cash gets 100 machines of 25,000 USD this month, to be financed by its expansion loan."""
    firm = borrower(cash=1000.0, pipeline={"H100": units}, pipeline_months=1)
    line = {
        "name": "Line",
        "drawn": 1.0,
        "limit": 1000.0,
        "expansion": True,
        "rate": 0.0,
        "months": 100,
        **(loan or {}),
    }
    other = borrower("Elsewhere", cash=1e4, units={"H100": 1000})
    big = FacilityRow(**{**facility("Big", drawn=99.0, rate=0.0, months=200).model_dump(), "borrower": "Elsewhere"})
    plain = {"rental__fee": 0.0, "invest__on": True, "invest__capture": 0.0, "invest__prepayment": 0.0}
    return world(firm, other, facility(**line), big, paths=rent(level), **{**plain, **keys})


def drawn(*policies: Policy, **keys: Any) -> float:
    """What the firm has drawn for its machines in the first month, USD million."""
    return figure(run(under_policies(order(**keys), *policies), 1), "credit_extended")


def worth(months: int, decay: float, *, level: float = 2.1, rate: float = 0.077) -> float:
    """What one machine earns within so many months, USD million: one month after the other."""
    earning, beta = level * HOURS * 0.88, 1.0 / (1.0 + rate / 12.0)
    flows = [max(earning * np.exp(-decay / 12.0 * k) - COST, 0.0) * beta**k for k in range(months)]
    return float(np.sum(flows)) / 1e6
