"""By which figures are policies judged: of every path a number, with its unit and which direction is good?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nobid.runs.block_tables import COUNTS
from nobid.runs.causation import CLUSTER
from nobid.runs.risk import SYSTEM, largest_clusters
from nobid.runs.streams import finished, parts
from nobid.runs.summary_figures import shown_generations
from nobid.runs.verdict import Good

if TYPE_CHECKING:
    from nobid.runs.run import Run

Array = NDArray[np.float64]

FLOWS: Final = ("debt_defaulted", "lender_losses", "credit_extended", "public_outlay", "private_outlay", "deferred")
USD: Final = "USD m"


@dataclass(frozen=True)
class Measure:
    """A figure of a path: what it is called, its unit, which direction is good, and what is told of it over paths."""

    name: str
    label: str
    unit: str
    good: Good = "less"
    over_paths: Literal["mean", "probability"] = "mean"


MEASURES: Final[Mapping[str, Measure]] = {
    one.name: one
    for one in (
        Measure(
            "cluster",
            f"systemic cluster ({CLUSTER} or more borrowers and lenders fail within three months)",
            "share of paths",
            over_paths="probability",
        ),
        Measure("defaults", "borrowers and lenders defaulted", "agents"),
        Measure("borrowers", "borrowers defaulted", "agents"),
        Measure("lenders", "lenders defaulted", "agents"),
        Measure("debt_defaulted", "debt defaulted", USD),
        Measure("lender_losses", "lender losses", USD),
        Measure(
            "trough", "price trough: lowest mark of the first machine shown over its value in use", "ratio", "more"
        ),
        Measure("unsold", "machines unsold, worst month end", "units"),
        Measure("credit_extended", "credit extended", USD, "neither"),
        Measure("public_outlay", "public outlay: paid less received", USD),
        Measure("public_loss", "public loss: outlay less what the public holds at the end", USD),
        Measure("private_outlay", "private outlay by policy", USD),
        Measure("deferred", "principal put off", USD, "neither"),
    )
}


def measures_of(run: Run) -> pd.DataFrame:
    """A row a path that ran to its end (index: its number), a column a measure; units in `.attrs["units"]`.

    Paths that the model could not finish are left out; their numbers are in `.attrs["failed"]`. Read a part at a time.
    The price trough is the lowest of all months of mark over value in use of the generation that the closing table
    shows first (H100 where there are any), months left out in which it has no value; NaN becomes 1 where it never has.
    """
    ended, months = finished(run), run.scenario.parameters.months
    shown = shown_generations(run)[0]
    price = (f"mark_{shown}", f"value_{shown}")
    columns = ("path", *COUNTS, "unsold", "public_holds", *FLOWS, *price)
    pieces = []
    for piece in parts(run, "monthly", columns):
        _, good = ended.places(piece["path"])
        grids = {name: piece[name].to_numpy()[good].reshape(-1, months) for name in columns}
        figures = _figures(grids, *(grids[name] for name in price))
        pieces.append(pd.DataFrame(figures, index=pd.Index(grids["path"][:, 0], name="path")))
    found = pd.concat(pieces).sort_index() if pieces else pd.DataFrame(columns=list(MEASURES))
    found.attrs["units"] = {name: one.unit for name, one in MEASURES.items()}
    found.attrs["failed"] = sorted({*run.paths} - {*map(int, ended.paths)})
    return found


def _figures(grids: Mapping[str, Array], mark: Array, value: Array) -> dict[str, Array]:
    """Every measure of some paths, from grids (paths, months)."""
    system = sum((grids[name] for name in SYSTEM), np.zeros(1))
    flows = {name: _total(grids[name]) for name in FLOWS}
    borrowers, lenders = _total(grids["defaults_miner"] + grids["defaults_neocloud"]), _total(grids["defaults_lender"])
    of_value = np.where(value > 0.0, mark / np.where(value > 0.0, value, 1.0), np.inf).min(axis=1)
    figures = {
        **flows,
        "cluster": (largest_clusters(system) >= CLUSTER).astype(float),
        "defaults": borrowers + lenders,
        "borrowers": borrowers,
        "lenders": lenders,
        "trough": np.where(np.isfinite(of_value), of_value, 1.0),
        "unsold": grids["unsold"].max(axis=1),
        "public_loss": flows["public_outlay"] - grids["public_holds"][:, -1],
    }
    return {name: figures[name] for name in MEASURES}


def _total(flow: Array) -> Array:
    """The sum of every path (paths, months), month after month: the same bits in any part."""
    total: Array = np.cumsum(flow, axis=1)[:, -1]
    return total
