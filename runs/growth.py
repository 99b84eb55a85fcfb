"""How much debt does the boom grow, of which kind and with whom, path by path?

The scenario is simulated here and facilities are added up month by month, because the monthly table knows debt in all
only. Comparison with the measured system: `runs/growth_gap.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from nobid.runs.errors import InputError
from nobid.runs.months import month_label
from nobid.runs.run import PATHS_PER_BLOCK, Order
from nobid.runs.scenarios import scenario

Array = NDArray[np.float64]

CLASSES: Final = ("miner", "neocloud")
KINDS: Final = ("abl", "project", "note", "convertible", "btc_loan", "vendor", "revolver")


@dataclass(frozen=True)
class Grown:
    """A simulated boom. `debt`: (class of firm, kind of loan) to USD m (months, paths); `lent`: new credit of a month.

    `figures`: rent USD/H100e-h, compute H100e, outside H100e, prices `list GENERATION` USD/unit, `alive CLASS` firms,
    each (months, paths); `units`: machines by generation at the end (paths,). Paths that stopped are left out.
    """

    order: Order
    months: tuple[str, ...]
    debt: Mapping[tuple[str, str], Array]
    lent: Array
    figures: Mapping[str, Array]
    units: Mapping[str, Array]
    failed: int

    def of(self, classes: Iterable[str] = CLASSES, kinds: Iterable[str] = KINDS) -> Array:
        """Debt of these classes of firms and kinds of loans, USD m: (months, paths)."""
        wanted = tuple(kinds)
        parts = [self.debt[one, kind] for one in classes for kind in wanted]
        total: Array = np.sum(parts, axis=0)
        return total

    def at(self, month: str) -> int:
        """The place of a month (YYYY-MM). Errors: InputError where the run has no such month."""
        if month not in self.months:
            raise InputError(f"month = {month}: must be a month of the run, {self.months[0]} … {self.months[-1]}.")
        return self.months.index(month)


def grow(
    name: str = "spin-up", *, paths: int = 64, seed: int = 7, set: Mapping[str, Any] | Iterable[str] | None = None
) -> Grown:
    """The scenario has been simulated on the paths 0 … paths − 1, its debt added up by class, kind and month."""
    order = Order(scenario(name, set=set), seed, tuple(range(paths)))
    blocks = [_block(order, order.paths[first : first + PATHS_PER_BLOCK]) for first in range(0, paths, PATHS_PER_BLOCK)]
    start = order.scenario.parameters.start
    months = tuple(month_label(start, month) for month in range(order.scenario.parameters.months))
    whole = {key: np.concatenate([block[key] for block in blocks], axis=-1) for key in blocks[0]}
    going = whole["going"] > 0.0
    kept = {key: values[..., going] for key, values in whole.items()}
    return Grown(
        order,
        months,
        debt={(one, kind): kept[f"debt {one} {kind}"] for one in CLASSES for kind in KINDS},
        lent=kept["lent"],
        figures={key: values for key, values in kept.items() if not key.startswith(("debt ", "units ", "going"))},
        units={key.removeprefix("units "): values for key, values in kept.items() if key.startswith("units ")},
        failed=int(np.count_nonzero(~going)),
    )


def _block(order: Order, paths: tuple[int, ...]) -> dict[str, Array]:
    """Everything that is added up of some paths; `going` is 1 on those that ran to their end."""
    with closing(order.model(paths, keep_agents=False)) as model:
        kept: dict[str, list[Array]] = {}
        for _ in range(order.scenario.parameters.months):
            model.step()
            for key, value in _month(model).items():
                kept.setdefault(key, []).append(value)
        held = model.links.borrower.sum(model.facilities.units) + model.borrowers.loose_units()
        units = {f"units {name}": held[:, place].sum(axis=0) for place, name in enumerate(model.hardware.names)}
        return {**{key: np.array(values) for key, values in kept.items()}, **units, "going": model.going.astype(float)}


def _month(model: Any) -> dict[str, Array]:
    """The figures of one month, (paths,) each."""
    kind_of_firm = np.array(model.kinds["borrower"])[model.edges.borrower]
    drawn, alive = model.facilities.drawn, model.borrowers.alive
    found = {
        f"debt {one} {kind}": drawn[(kind_of_firm == one) & (model.edges.kind == kind)].sum(axis=0)
        for one in CLASSES
        for kind in KINDS
    }
    firms = np.array(model.kinds["borrower"])
    found |= {f"alive {one}": alive[firms == one].sum(axis=0) for one in CLASSES}
    launched = model.hardware.launched[:, 0] > 0.0
    found |= {
        f"list {name}": np.where(launched[place], model.market.list_price[place], np.nan)
        for place, name in enumerate(model.hardware.names)
    }
    world = model.world
    found |= {"lent": world.new_credit, "rent": world.rent, "outside": world.outside, "compute": model.fleet_compute()}
    return {key: np.array(value, dtype=float) for key, value in found.items()}


def year_sum(grown: Grown, year: int) -> Array:
    """New credit of a calendar year, USD m: (paths,). Errors: InputError where the run lacks a month of it."""
    places = [grown.at(f"{year}-{month:02d}") for month in range(1, 13)]
    total: Array = grown.lent[places].sum(axis=0)
    return total
