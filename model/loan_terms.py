"""How long does every loan last, how is it covered over its life, and which default risk does its spread pay for?

Read off the loans as they stand, with the income of now: nothing here is read by a rule.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nobid.agents.credit import average_life, llcr, modified_duration, triangle_hazard
from nobid.agents.finance import MONTHS, level_payment
from nobid.agents.state import Array
from nobid.model.collateral import facility_backing

if TYPE_CHECKING:
    from nobid.model.system import ComputeCreditModel

TERMS = {
    "dscr": "ratio", "llcr": "ratio", "average_life": "years", "duration": "years", "spread": "1/year",
    "hazard_paid_for": "1/year",
}  # fmt: skip


def schedule(m: ComputeCreditModel) -> tuple[Array, Array]:
    """Interest and principal of every month to come, by the loan's own amortisation, from next month: `(T, E, R)` each.

    A sweep has no schedule: its principal stands at the end, as a bullet's does.
    """
    f, kind = m.facilities, m.edges.amortisation[:, np.newaxis]
    running = m.borrowers.alive[m.edges.borrower]
    owed, interest, principal = f.drawn * running, [], []
    for month in range(int(np.ceil(np.max(f.months_left, initial=1.0)))):
        left = np.maximum(f.months_left - month, 1.0)
        due = owed * f.rate / MONTHS
        level = level_payment(owed, f.rate, left) - due
        paid = np.where(kind == "level", level, np.where(kind == "straight", owed / left, 0.0))
        paid = np.where(left <= 1.0, owed, np.clip(paid, 0.0, owed))
        interest.append(due)
        principal.append(paid)
        owed = owed - paid
    return np.stack(interest), np.stack(principal)


def loan_terms(m: ComputeCreditModel) -> dict[str, Array]:
    """By name in TERMS, `(E, R)` each: coverage now; loan life coverage, the value of today's income to the loan's end
    over the loan; mean time at which principal comes back; modified duration; rate over the base rate; the hazard that
    this spread pays for at the recovery that a sale of everything would bring, nothing for notes. Missing where nothing
    is owed, where no pledged asset earns (LLCR), and for convertibles, whose holders are paid by the option (hazard).
    """
    f = m.facilities
    interest, principal = schedule(m)
    owed = f.drawn * m.borrowers.alive[m.edges.borrower]
    lasting = np.arange(len(principal))[:, np.newaxis, np.newaxis] < np.ceil(f.months_left)
    income = np.maximum(f.income, 0.0) * lasting
    opening = np.concatenate([owed[np.newaxis], owed - np.add.accumulate(principal, axis=0)[:-1]])
    spread = f.rate - m.parameters.debt.base_rate
    recovered = np.clip(1.0 / np.maximum(facility_backing(m).ltv("liquidation"), 1e-12), 0.0, 1.0)
    recovery = np.where(m.edges.secured > 0.0, np.nan_to_num(recovered), 0.0)
    earns_itself = m.edges.secured * (1.0 - m.edges.is_coin_loan) > 0.0
    hazard = triangle_hazard(spread, np.minimum(recovery, 1.0 - 1e-12))
    found = {
        "dscr": f.coverage,
        "llcr": np.where(earns_itself, llcr(income, opening, f.rate / MONTHS)[0], np.nan),
        "average_life": average_life(principal) / MONTHS,
        "duration": modified_duration(interest + principal, f.rate / MONTHS) / MONTHS,
        "spread": spread,
        "hazard_paid_for": np.where(m.edges.is_convertible > 0.0, np.nan, np.where(recovery < 1.0, hazard, np.inf)),
    }
    return {name: np.where(owed > 0.0, found[name], np.nan) for name in TERMS}
