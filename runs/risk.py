"""What are the risk figures of an ensemble: defaults, losses and their tail, clusters, PD, LGD, fair spread?"""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nobid.agents.finance import MONTHS
from nobid.runs.block_tables import COUNTS, FLOWS
from nobid.runs.causation import CLUSTER
from nobid.runs.charts.over_time import QUANTILE_UNITS, quantile_table
from nobid.runs.errors import InputError
from nobid.runs.estimate import mean_over_paths
from nobid.runs.humps import Humps, humps
from nobid.runs.loan_risk import UNITS as LOAN_UNITS
from nobid.runs.loan_risk import loan_risk
from nobid.runs.path_causes import QUARTER
from nobid.runs.ratios import RatioSums, wilson
from nobid.runs.streams import Finished, by_path, finished, parts
from nobid.runs.summary_figures import agents_in
from nobid.runs.tail import shortfall, too_few_paths

if TYPE_CHECKING:
    from nobid.runs.run import Run

Array = NDArray[np.float64]

QUANTILES: Final = {"p05": 0.05, "p25": 0.25, "p50": 0.50, "p75": 0.75, "p95": 0.95, "p99": 0.99}
MONEY: Final = ("lender_losses", "debt_defaulted")
SIZES: Final = (2, CLUSTER, 6, 10)  # defaults of borrowers and lenders within three months
SYSTEM: Final = ("defaults_miner", "defaults_neocloud", "defaults_lender")  # a buyer's failure is no systemic default
LOANS: Final = ("facilities", "by_kind", "by_lender_kind", "by_kind_and_lender", "all_loans")
TABLE_UNITS: Final[Mapping[str, Mapping[str, str]]] = {
    "defaults": {"kind": "name", "of": "agents at the start", "mean": "agents", **dict.fromkeys(QUANTILES, "agents"),
                 "any": "share of paths"},
    "losses": {"figure": "name", "mean": "USD m", "low": "USD m", "high": "USD m", **dict.fromkeys(QUANTILES, "USD m"),
               "es95": "USD m, mean of the worst 5 % of paths", "es95_low": "USD m", "es95_high": "USD m",
               "none": "share of paths", "two_humped": "0/1", "valley": "USD m, between the humps",
               "below_valley": "share of paths", "near_mean": "share of paths within a fifth of the mean"},
    "clusters": {"at_least": "defaults of borrowers and lenders within three months", "share": "share of paths",
                 "low": "share of paths", "high": "share of paths"},
    "time_to_default": {"who": "agents, or loans, of this kind", "year": "years after the start, end of",
                        "defaulted": "share, cumulative", "low": "share", "high": "share"},
    "first_default": {"who": "agents of this kind", "any": "share of paths",
                      **dict.fromkeys(QUANTILES, "month of the run, from 1; missing: never")},
    "by_year": QUANTILE_UNITS,
    **{name: {**LOAN_UNITS, "kind_and_lender": "names", "book": "name"} for name in LOANS},
}  # fmt: skip


@dataclass(frozen=True)
class Risk:
    """Risk figures over the finished paths of a run; `tables` by name, `units` of their columns.

    Intervals are of 95 % and over paths: how far other luck would move the figure, not how far other assumptions would.
    """

    name: str
    seed: int
    months: int
    ended: Finished
    tables: Mapping[str, pd.DataFrame]
    two_humped: Mapping[str, Humps]
    tail_missing: str

    @property
    def units(self) -> dict[str, dict[str, str]]:
        """The unit of every column of every table."""
        return {
            name: {str(column): TABLE_UNITS[name].get(str(column), "") for column in table}
            for name, table in self.tables.items()
        }

    def remarks(self) -> Iterator[str]:
        """What has to be said beside the figures."""
        if self.ended.failed:
            yield self.ended.sentence()
        if self.tail_missing:
            yield f"expected shortfall: {self.tail_missing}"
        for name, found in self.two_humped.items():
            if found.two:
                yield hump_sentence(name.replace("_", " "), found)

    def as_dict(self) -> dict[str, Any]:
        """Plain values: tables as lists of rows, a missing number as None."""
        rows = {name: [_plain(row) for row in table.to_dict("records")] for name, table in self.tables.items()}
        about = {"run": self.name, "seed": self.seed, "months": self.months, "paths": len(self.ended.paths)}
        remarks = list(self.remarks())
        return {**about, "failed_paths": self.ended.failed, "units": self.units, "tables": rows, "remarks": remarks}

    def headline(self) -> str:
        """Which run, how many paths."""
        return f"risk of {self.name} · seed {self.seed} · {len(self.ended.paths)} paths · {self.months} months"

    def __str__(self) -> str:
        """All tables but that of single loans, and the remarks."""
        lines = [self.headline()]
        for name, table in self.tables.items():
            if name != "facilities":
                lines += ["", name.replace("_", " "), table.to_string(index=False, float_format=_short, na_rep="n/a")]
        return "\n".join([*lines, "", *self.remarks()])

    def _repr_html_(self) -> str:
        """The same for a notebook, with the single loans."""
        parts_ = [f"<p><b>{html.escape(self.headline())}</b></p>"]
        for name, table in self.tables.items():
            shown = table.to_html(index=False, float_format=_short, na_rep="n/a", border=0)
            parts_.append(f"<p>{html.escape(name.replace('_', ' '))}</p>{shown}")
        return "".join([*parts_, *(f"<p>{html.escape(one)}</p>" for one in self.remarks())])


def hump_sentence(figure: str, found: Humps) -> str:
    """That a mean of two outcomes is not an outcome, with the two."""
    under, over, near = (f"{100.0 * share:.0f} %" for share in (found.below, 1.0 - found.below, found.near_mean))
    return (
        f"{figure} two-humped: {under} of paths below USD {found.valley:,.0f} m, {over} above, "
        f"{near} within a fifth of the mean: a mean of two outcomes is not an outcome"
    )


def risk(run: Run) -> Risk:
    """The risk figures of the run, over its finished paths, read a part at a time.

    Errors: InputError where no path was finished, or the run kept no table of facilities.
    """
    ended = finished(run)
    if not len(ended.paths):
        raise InputError(f"no path of this run was finished, so there is no risk to tell: {run.outcome}")
    outcomes = by_path(run, FLOWS, ended)
    two = {name: humps(outcomes[name]) for name in MONEY}
    loans, agents = loan_risk(run, ended), _Agents(run)
    for block in default_blocks(run, ended):
        agents.adds(block)
    tables = {
        "defaults": _defaults(run, outcomes),
        "losses": _losses(outcomes, two),
        "clusters": _clusters(agents.largest, len(ended.paths)),
        "by_year": quantile_table(run),
        "first_default": agents.first_default(),
        "time_to_default": pd.concat([agents.time_to_default(), loans.time_to_default("kind")], ignore_index=True),
        "all_loans": loans.table("book"),
        "by_kind": loans.table("kind"),
        "by_lender_kind": loans.table("lender_kind"),
        "by_kind_and_lender": loans.table("kind_and_lender"),
        "facilities": loans.table("facility"),
    }
    missing = "" if np.isfinite(tables["losses"]["es95"]).all() else too_few_paths(run)
    months = run.scenario.parameters.months
    return Risk(run.scenario.name, run.seed, months, ended, tables, two, missing)


def _defaults(run: Run, outcomes: Mapping[str, Array]) -> pd.DataFrame:
    agents = agents_in(run)
    counts = {name.removeprefix("defaults_"): outcomes[name] for name in COUNTS}
    counts = {"borrower": counts["miner"] + counts["neocloud"], **counts}
    of = {"borrower": agents["miner"] + agents["neocloud"], **agents}
    rows = [
        {"kind": kind, "of": of[kind], "mean": values.mean(), **_quantiles(values), "any": np.mean(values > 0.0)}
        for kind, values in counts.items()
    ]
    return pd.DataFrame(rows)


def _quantiles(values: Array, method: Literal["linear", "inverted_cdf"] = "linear") -> dict[str, float]:
    return dict(zip(QUANTILES, np.quantile(values, list(QUANTILES.values()), method=method).tolist(), strict=True))


def _losses(outcomes: Mapping[str, Array], two: Mapping[str, Humps]) -> pd.DataFrame:
    rows = []
    for name, found in two.items():
        values = outcomes[name]
        mean, tail = mean_over_paths(values), shortfall(values)
        row: dict[str, Any] = {"figure": name, "mean": mean.value, "low": mean.low, "high": mean.high}
        row |= _quantiles(values)
        for end, attribute in (("es95", "value"), ("es95_low", "low"), ("es95_high", "high")):
            row[end] = np.nan if tail is None else getattr(tail, attribute)
        row |= {"none": float(np.mean(values == 0.0)), "two_humped": int(found.two), "valley": found.valley}
        rows.append({**row, "below_valley": found.below, "near_mean": found.near_mean})
    return pd.DataFrame(rows)


def _clusters(largest: Mapping[int, int], paths: int) -> pd.DataFrame:
    hits = np.array([largest[size] for size in SIZES], dtype=float)
    low, high = wilson(hits, np.full(len(hits), float(paths)))
    return pd.DataFrame({"at_least": SIZES, "share": hits / paths, "low": low, "high": high})


def default_blocks(run: Run, ended: Finished) -> Iterator[dict[str, Array]]:
    """Part by part, the defaults by kind of agent on its finished paths: `(P, months)` each."""
    months = run.scenario.parameters.months
    for piece in parts(run, "monthly", ("path", *COUNTS)):
        _, good = ended.places(piece["path"])
        yield {name: piece[name].to_numpy()[good].reshape(-1, months) for name in COUNTS}


class _Agents:
    """Defaults of agents counted over paths: by kind and year, and the largest cluster of each path."""

    def __init__(self, run: Run) -> None:
        self._of = agents_in(run)
        self._years = max(1, -(-run.scenario.parameters.months // int(MONTHS)))
        self._sums = {kind: RatioSums(self._years) for kind in self._of}
        self._first: dict[str, list[Array]] = {kind: [] for kind in self._of}
        self.largest = dict.fromkeys(SIZES, 0)

    def adds(self, block: Mapping[str, Array]) -> None:
        """A block of paths is counted."""
        for kind, sums in self._sums.items():
            summed = np.cumsum(block[f"defaults_{kind}"], axis=1)
            ends = np.minimum(int(MONTHS) * np.arange(1, self._years + 1), summed.shape[1]) - 1
            within = summed[:, ends]
            sums.adds(within, np.full_like(within, float(self._of[kind])))
            failed = summed > 0.0
            self._first[kind].append(np.where(failed[:, -1], failed.argmax(axis=1) + 1.0, np.inf))
        cluster = largest_clusters(sum((block[name] for name in SYSTEM), np.zeros(1)))
        for size in SIZES:
            self.largest[size] += int(np.count_nonzero(cluster >= size))

    def time_to_default(self) -> pd.DataFrame:
        """By the end of each year the share of agents of a kind that have failed."""
        frames = []
        for kind, sums in self._sums.items():
            low, high = sums.interval(least=0.0, most=1.0)
            years = np.arange(1, self._years + 1)
            frames.append(
                pd.DataFrame({"who": kind, "year": years, "defaulted": sums.value(), "low": low, "high": high})
            )
        return pd.concat(frames, ignore_index=True)

    def first_default(self) -> pd.DataFrame:
        """The month of the first default of a kind, by which such a share of paths has had one."""
        months = {kind: np.concatenate(blocks) for kind, blocks in self._first.items()}
        months = {"borrower": np.minimum(months["miner"], months["neocloud"]), **months}
        rows = [
            {"who": kind, "any": np.isfinite(first).mean(), **_quantiles(first, method="inverted_cdf")}
            for kind, first in months.items()
        ]
        return pd.DataFrame(rows).replace(np.inf, np.nan)


def largest_clusters(defaults: Array) -> Array:
    """On every path the largest number of defaults (P, months) in three months on end.

    >>> largest_clusters(np.array([[1.0, 1.0, 0.0, 2.0, 0.0, 1.0]]))
    array([3.])
    """
    padded = np.pad(defaults, ((0, 0), (QUARTER - 1, 0)))
    windows = [padded[:, first : first + defaults.shape[1]] for first in range(QUARTER)]
    most: Array = np.max(np.stack(windows).sum(axis=0), axis=1)
    return most


def _plain(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(key): None if isinstance(one, float) and not np.isfinite(one) else one for key, one in row.items()}


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.4f}"
