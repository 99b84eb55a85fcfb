"""Which generations exist this month, and what do the rules need to know about each?

Shapes `(G, 1)`: the same for every path.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nobid.agents.finance import HOURS
from nobid.agents.state import Array
from nobid.model.founding import GenerationRow
from nobid.model.months import month_number
from nobid.model.parameters import Parameters


class Hardware:
    """The generation table, and how old every generation is this month."""

    def __init__(self, rows: Sequence[GenerationRow], parameters: Parameters) -> None:
        self.names = [row.name for row in rows]
        self._parameters = parameters
        start = month_number(parameters.start)
        launches = np.array([month_number(row.launch) - start for row in rows], dtype=float)
        moved = np.where(launches > 0.0, np.maximum(launches + parameters.hardware.launch_shift, 1.0), launches)
        self.launch = moved[:, np.newaxis]
        self.list_start = np.array([[row.list_price] for row in rows])
        self.h100e = np.array([[row.h100e] for row in rows])
        self.kw = np.array([[row.kw] for row in rows])
        self.liquid = np.array([[1.0 if row.cooling == "liquid" else 0.0] for row in rows])
        rental = parameters.rental
        self.cost = (rental.power_cost + rental.site_cost + rental.staff_cost) * self.kw * HOURS
        self.at(0)

    def at(self, month: int) -> None:
        """Ages, lives and what is on sale are those of `month` (months from the start)."""
        hardware = self._parameters.hardware
        self.age: Array = month - self.launch
        self.launched: Array = np.where(self.age >= 0.0, 1.0, 0.0)
        self.life: Array = np.clip(hardware.retire_months - self.age, hardware.shortest_life, hardware.longest_life)
        newest = np.max(np.where(self.launched > 0.0, self.launch, -np.inf))
        self.newest = int(np.flatnonzero(self.launch[:, 0] == newest)[-1]) if np.isfinite(newest) else 0
        self.on_sale: Array = self.launched * np.where(self.age < hardware.retire_months / 2.0, 1.0, 0.0)
        self.follows: Array = np.where((self.age >= hardware.list_follows_after) & hardware.list_falls, 1.0, 0.0)
        self.retired: Array = np.where(self.age >= hardware.retire_months, 1.0, 0.0)
