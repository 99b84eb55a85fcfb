"""One loan on one contract with one buyer: a world whose fair spread is known in closed form.

The firm lives from hand to mouth on a take-or-pay contract; its buyer fails with the same probability every month, in
a calm that never ends. Without the contract the machine earns next to nothing, so that the firm cannot pay the month's
interest and fails in that month. Pledged is a site, sold at once at a price that does not move: what comes back is a
fixed share. In month k the loan is out with probability (1 - q)^k and lost with q (1 - q)^k, both flows at the month's
end; so in every month losses are q (1 - recovery) of what is out, and the fair spread a year is 12 q (1 - recovery).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nobid.agents.finance import HOURS, MILLION, MONTHS
from nobid.model.founding import Founding, OfftakeRow, ShockPaths
from nobid.model.parameters import Parameters
from tests.worlds import borrower, buyer, facility, generation, world

RENT = 0.01  # USD/H100e-h, for ever: a machine without its contract earns next to nothing
RATE, DRAWN = 0.12, 12.0
TO_SPARE = 1e-6  # of the month's interest: what the firm earns beyond it
STILL = {
    "regime__stochastic": True, "regime__calm_to_stress": 0.0, "coin__volatility": 0.0, "coin__jump_probability": 0.0,
    "demand__volatility": 0.0, "demand__volatility_uncertainty": 0.0, "demand__growth_uncertainty": 0.0,
    "supply__growth_uncertainty": 0.0, "funding__innovation": 0.0, "funding__feedback_on": False,
    "offtake__breaks_on": False, "debt__covenants": False,
}  # fmt: skip


def one_loan(hazard: float, recovery: float, *, months: int = 60, to_spare: float = TO_SPARE) -> Founding:
    """The world: `hazard` a month, `recovery` a share of what is out; the firm has `to_spare` of its interest left."""
    rules = Parameters()
    megawatt = rules.hosting.site_value * np.sqrt(RENT / rules.rental.reference_rent)
    site = recovery * DRAWN / (megawatt * (1.0 - rules.debt.liquidation_cost))
    capacity = rules.rental.utilisation_cap  # of the one machine
    price = DRAWN * RATE / MONTHS * (1.0 + to_spare) * MILLION / (capacity * HOURS)
    loan = facility("Loan", kind="project", drawn=DRAWN, rate=RATE, months=10 * months, site_mw=site)
    keys: dict[str, Any] = {**STILL, "buyers__lab_hazard_calm": hazard, "months": months}
    return world(
        generation(list_price=1.0, kw=1e-6),
        borrower("Firm", units={"H100": 1.0}),
        loan,
        buyer("Lab", kind="lab", budget=0.0),
        OfftakeRow(name="Contract", borrower="Firm", buyer="Lab", h100e=capacity, price=price, months=20 * months),
        paths=ShockPaths(rent=np.full(months, RENT)),
        **keys,
    )
