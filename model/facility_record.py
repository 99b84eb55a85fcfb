"""What has become of every loan on every path: did it fail, what was out and lost, what did its spread earn meanwhile?

Present values at the base rate, a month's flows at its end. With them the spread that would have paid for the losses is
`sum of lost / sum of outstanding`, over the paths of an ensemble, and the spread that was charged is
`sum of charged / sum of outstanding`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nobid.agents.finance import MONTHS, discount
from nobid.agents.state import Array

if TYPE_CHECKING:
    from nobid.model.system import ComputeCreditModel

FACILITY_FIGURES = {
    "failed": "0/1", "failed_after": "months from the start, -1 never", "exposure": "USD m", "loss": "USD m",
    "outstanding": "USD m x years, present value", "charged": "USD m, present value", "lost": "USD m, present value",
}  # fmt: skip


class FacilityRecord:
    """Figures of every facility so far, `(E, R)` each by the names of FACILITY_FIGURES."""

    def __init__(self, m: ComputeCreditModel) -> None:
        self._m = m
        shape = m.facilities.drawn.shape
        self.outstanding, self.charged, self.lost = np.zeros(shape), np.zeros(shape), np.zeros(shape)

    def closes_month(self, losses: Array) -> None:
        """A month's premium on what was out when it began, and its `losses` (E, R), have been counted."""
        m, f = self._m, self._m.facilities
        base = m.parameters.debt.base_rate
        today = discount(base, m.month + 1.0)
        out = m.columns["books", "debt_open"] * today / MONTHS
        self.outstanding += out
        self.charged += out * (f.rate - base)
        self.lost += losses * today

    def figures(self) -> dict[str, Array]:
        """The figures of now; `loss` is what was out at default less all that came back or still stands to."""
        losses = self._m.causes.losses
        after = losses.of("failed_after")
        return {
            "failed": np.where(after >= 0.0, 1.0, 0.0), "failed_after": after, "exposure": losses.of("exposure"),
            "loss": losses.so_far()["facility"], "outstanding": self.outstanding, "charged": self.charged,
            "lost": self.lost,
        }  # fmt: skip
