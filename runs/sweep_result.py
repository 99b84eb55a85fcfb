"""What came of a sweep: a row a point, differences on the same paths, and where the response tips?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from nobid.model.policies import Policy
from nobid.runs.arms import Arm, about
from nobid.runs.comparison import TAILED, Comparison
from nobid.runs.contrasts import HEADLINE, Contrast, plain_row
from nobid.runs.estimate import Estimate, luck
from nobid.runs.humps import Humps, humps
from nobid.runs.measures import MEASURES
from nobid.runs.run import Order
from nobid.runs.sweep_ranges import Range, grid, lines
from nobid.runs.sweep_tipping import Step, Tipping, steps, tippings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from nobid.runs.summary import Summary

MEANS: Final = ("public_loss", "credit_extended")  # told without an interval; their differences have one
CHANGES: Final = (*HEADLINE, *MEANS)


@dataclass
class Sweep:
    """Points on the same luck, in the order of the grid; `beside` them the run without the policy, where asked for.

    Shows itself as a table; see its methods for more. `order` is that of the policy as it is where nothing is swept.
    """

    order: Order
    over: tuple[Range, ...]
    points: tuple[Arm, ...]
    beside: Arm | None
    luck: str
    policies: tuple[Policy, ...] = ()
    remarks: tuple[str, ...] = ()
    out: Path | None = None
    argv: tuple[str, ...] = ()

    @property
    def arms(self) -> tuple[Arm, ...]:
        """All runs: the one from which differences are taken first."""
        return (self.beside, *self.points) if self.beside else self.points

    @cached_property
    def comparison(self) -> Comparison:
        """The points as arms of a comparison with the first of them, or with the run without the policy."""
        return Comparison(self.order, self.arms, self.luck, "", self.out, self.argv)

    @property
    def paths(self) -> tuple[int, ...]:
        """The numbers of the paths of every point."""
        return self.order.paths

    @property
    def keys(self) -> tuple[str, ...]:
        """The settings that are swept."""
        return tuple(one.key for one in self.over)

    def table(self) -> pd.DataFrame:
        """A row a point: its settings, levels with intervals, tail, costs, paired differences with intervals."""
        rows = [self._row(arm, point) for arm, point in zip(self.points, grid(self.over), strict=True)]
        found = pd.DataFrame(rows).set_index([*self.keys])
        found.attrs["units"] = {name: MEASURES[name].unit for name in CHANGES}
        found.attrs["against"] = self.arms[0].label
        return found

    def _row(self, arm: Arm, point: dict[str, float]) -> dict[str, Any]:
        told = self.comparison
        row: dict[str, Any] = {**point, "paths": len(arm.figures)}
        for name in HEADLINE:
            row |= _ends(name, told.levels[arm.label, name])
        row |= _ends(f"{TAILED}_es95", told.shortfalls[arm.label])
        row |= {name: float(arm.figures[name].mean()) for name in MEANS}
        for name in CHANGES:
            one = self.contrast(arm, name)
            row |= _ends(f"{name}_difference", one.found if one else None)
            if name in HEADLINE:
                both = one.together if one else None
                row |= {f"{name}_together_low": both.low if both else np.nan}
                row |= {f"{name}_together_high": both.high if both else np.nan}
                row[f"{name}_verdict"] = one.words if one else ""
        row["two_humps"] = self.humped[arm.label].two
        return row

    def contrast(self, arm: Arm, measure: str) -> Contrast | None:
        """How the point differs from the arm beside it, or from the first point; None for that itself."""
        return self.comparison.contrasts.get((arm.label, measure))

    @cached_property
    def humped(self) -> dict[str, Humps]:
        """Whether lender losses have two humps over paths, by label of the point."""
        return {arm.label: humps(arm.figures[TAILED].to_numpy(dtype=float)) for arm in self.points}

    @cached_property
    def _grids(self) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """Clusters and lender losses as (points, paths); NaN where a path was not finished."""
        kept = [arm.figures.reindex(list(self.paths)) for arm in self.points]
        cluster, losses = (np.stack([one[name].to_numpy(dtype=float) for one in kept]) for name in ("cluster", TAILED))
        return cluster, losses

    @cached_property
    def steps(self) -> list[Step]:
        """Every step between neighbours: what changes of P(cluster), and whether it tips."""
        cluster, losses = self._grids
        return steps(cluster, losses, lines(self.over), seed=luck(self.order.seed, "tipping"))

    @cached_property
    def tipping(self) -> list[Tipping]:
        """Where the response tips: see `nobid.runs.sweep_tipping` for what is meant."""
        return tippings(self.steps, self._grids[0])

    def shaped(self, values: Sequence[float]) -> np.ndarray[Any, np.dtype[np.float64]]:
        """One number a point in the shape of the grid: the first setting down, the second across."""
        return np.asarray(values, dtype=float).reshape([len(one.values) for one in self.over])

    def summary(self) -> Summary:
        """What a person reads first."""
        from nobid.runs.sweep_text import summarised

        return summarised(self)

    def plot(self) -> Figure:
        """Lines with bands over one range; a map of P(cluster) over two."""
        from nobid.runs.charts.sweep import response, surface

        return response(self) if len(self.over) == 1 else surface(self)

    def with_paths(self, paths: int) -> str:
        """The command that extends the sweep to so many paths."""
        if self.argv:
            return self.comparison.with_paths(paths)
        policy = " + ".join(map(str, self.policies))
        swept = ", ".join(f'"{one.points()}"' for one in self.over)
        given = f', policy="{policy}"' if policy else ""
        return f'sweep("{self.order.scenario.name}", [{swept}]{given}, seed={self.order.seed}, paths={paths})'

    def as_dict(self) -> dict[str, Any]:
        """Plain values: what was swept, points, differences, where it tips; a missing number is None."""
        return {
            **about(self.order, len(self.paths)),
            "policy": [str(policy) for policy in self.order.scenario.founding.policies],
            "over": [{"key": one.key, "values": list(one.values)} for one in self.over],
            "against": self.arms[0].label,
            "luck": self.luck,
            "remarks": list(self.remarks),
            "measures": [asdict(MEASURES[name]) for name in CHANGES],
            "points": [plain_row(row) for row in self.table().reset_index().to_dict("records")],
            "failed_paths": {arm.label: found for arm in self.arms if (found := list(arm.figures.attrs["failed"]))},
            "tipping": [self._tipped(found) for found in self.tipping],
        }

    def _tipped(self, found: Tipping) -> dict[str, Any]:
        all_points = grid(self.over)
        steepest = (found.steepest.first, found.steepest.second)
        return {
            "points": [all_points[place] for place in found.points],
            "cluster_change": found.change.as_dict(),
            "steepest": [all_points[place] for place in steepest],
            "steepest_change": found.steepest.change.as_dict(),
        }

    def __str__(self) -> str:
        """The closing table as text."""
        return str(self.summary())

    def __repr__(self) -> str:
        """Scenario, what is swept, paths."""
        swept = " × ".join(f"{one.key} ({len(one.values)})" for one in self.over)
        return f"{self.order.scenario.name} · {swept} · {len(self.paths)} paths · seed {self.order.seed}"

    def _repr_html_(self) -> str:
        """The closing table for a notebook."""
        return self.summary().html()


def place_of(point: dict[str, float]) -> str:
    """The point in words."""
    return ", ".join(f"{key} = {value:g}" for key, value in point.items())


def _ends(name: str, found: Estimate | None) -> dict[str, float]:
    value, low, high = (found.value, found.low, found.high) if found else (np.nan,) * 3
    return {name: value, f"{name}_low": low, f"{name}_high": high}
