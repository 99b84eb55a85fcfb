"""What is measured of the model itself, at the founding or after so many months, and stands in no table?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nobid.agents.credit import average_life
from nobid.agents.finance import MONTHS
from nobid.agents.state import ordered_sum, over_generations, ratio
from nobid.model.collateral import facility_backing
from nobid.model.loan_terms import schedule
from nobid.model.outcome import ModelStopped
from nobid.runs.census import cohorts
from nobid.runs.run_directory import plan

if TYPE_CHECKING:
    from nobid.runs.run import Run

Array = NDArray[np.float64]


def at(run: Run, months: int, figures: Callable[[Any], Sequence[Array]]) -> pd.DataFrame:
    """Figures (R,) of the model after so many months, a row a path; missing where the path did not come so far."""
    order, pieces = replace(run.order, execution="cohort"), []
    for block in plan(run.paths, [], size=order.chunk):
        for paths in cohorts(order.scenario, block.paths):
            with closing(order.model(paths, keep_agents=False)) as model:
                pieces.append(_after(model, months, figures))
    return pd.concat(pieces).sort_index()


def _after(model: Any, months: int, figures: Callable[[Any], Sequence[Array]]) -> pd.DataFrame:
    gone: set[int] = set()
    try:
        for _ in range(months):
            model.step()
        gone = {int(failure.path) for failure in model.failures}
        values = np.stack([np.broadcast_to(one, (len(model.paths),)) for one in figures(model)], axis=1)
    except ModelStopped:
        return pd.DataFrame(index=pd.Index([], name="path", dtype=int))
    found = pd.DataFrame(values, index=pd.Index([int(path) for path in model.paths], name="path"))
    return found[~found.index.isin(gone)]


def illusion(run: Run, month: int = 0, reading: str = "both") -> pd.DataFrame:
    """Debt of loans against machines that is covered at book and not in a sale of the whole fleet, and all of it.

    `reading` "book": debt above the book value of its collateral instead; "liquidation": above what a sale brings.
    """
    return at(run, month, lambda m: illusion_now(m, reading))


def illusion_now(m: Any, reading: str = "both") -> tuple[Array, Array]:
    """The same of the model as it stands, USD million: `(R,)` each."""
    backing = facility_backing(m)
    debt = backing.secured * m.edges.is_machine_loan
    at_book, in_a_sale = backing.ltv("book"), backing.ltv("liquidation")
    held = {"both": (at_book < 1.0) & (in_a_sale > 1.0), "book": at_book > 1.0, "liquidation": in_a_sale > 1.0}[reading]
    return ordered_sum(debt * np.where(held, 1.0, 0.0)), ordered_sum(debt)


def life_gap(run: Run, decay: float, month: int = 0) -> pd.DataFrame:
    """Debt of machine loans times the months by which its average life exceeds that of its machines, and the debt.

    A machine's economic life: months until what it earns, falling by `decay` a year, no longer pays for power, site and
    staff, and no longer than it lasts.
    """
    return at(run, month, lambda m: life_gap_now(m, decay))


def life_gap_now(m: Any, decay: float) -> tuple[Array, Array]:
    """The same of the model as it stands: USD million x months and USD million, `(R,)` each."""
    _, principal = schedule(m)
    f, life = m.facilities, economic_life(m, decay)
    compute = f.units * m.hardware.h100e
    lasts = ratio(over_generations(compute * life), over_generations(compute))
    mine = m.edges.is_machine_loan * m.borrowers.alive[m.edges.borrower] * (over_generations(compute) > 0.0)
    debt = f.drawn * mine
    return ordered_sum(debt * (average_life(principal) - lasts)), ordered_sum(debt)


def economic_life(m: Any, decay: float) -> Array:
    """Months for which a machine of each generation still pays its running cost, at most its life: `(G, R)`."""
    earning, cost = m.market.earning, m.hardware.cost
    pays = np.where(earning > cost, np.log(np.maximum(earning, cost) / cost) * MONTHS / decay, 0.0)
    lives: Array = np.minimum(pays, m.hardware.life)
    return lives


def under_water(run: Run, month: int) -> pd.DataFrame:
    """Compute of borrowers' machines that are worth less than they stand at in the books, and all of it."""
    return at(run, month, under_water_now)


def under_water_now(m: Any) -> tuple[Array, Array]:
    """The same of the model as it stands, H100e: `(R,)` each; a machine that no longer earns is worth nothing."""
    b = m.borrowers
    units = (b.loose_units() + m.links.borrower.sum(m.facilities.units)) * b.alive[:, np.newaxis]
    compute = units * m.hardware.h100e
    below = np.where(m.market.value < b.book, 1.0, 0.0)
    return over_generations(ordered_sum(compute * below)), over_generations(ordered_sum(compute))
