"""What did every loan, kind of loan and kind of lender lose over the paths, and what spread would have paid for it?

Fair spread: losses over what was out, both present values, summed over paths (`model/facility_record.py`); the contract
spread is what was charged over the same. A default is the first failure of the loan's borrower, or the handing over of
its collateral; a loan repaid before is a survivor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from nobid.agents.finance import MONTHS
from nobid.model.facility_record import FACILITY_FIGURES
from nobid.runs.errors import InputError
from nobid.runs.ratios import RatioSums, wilson
from nobid.runs.streams import Finished, parts
from nobid.runs.synthetic import networks_of

if TYPE_CHECKING:
    from nobid.runs.run import Run

Array = NDArray[np.float64]

RATIOS: Final = {  # top and bottom, each a sum over paths
    "pd": ("failed", "loans"), "lgd": ("loss_failed", "exposure"), "fair_spread": ("lost", "outstanding"),
    "contract_spread": ("charged", "outstanding"), "expected_loss": ("loss", "paths"),
}  # fmt: skip
UNITS: Final = {
    "facility": "name", "kind": "name", "borrower": "name", "lender": "name", "lender_kind": "name", "loans": "number",
    "drawn": "USD m at the start", "pd": "share over the run", "pd_low": "share", "pd_high": "share",
    "lgd": "share of what was out at default", "expected_loss": "USD m",
    "fair_spread": "1/year", "fair_low": "1/year", "fair_high": "1/year", "contract_spread": "1/year",
    "pays": "whether the contract spread pays for the losses: yes, no, open (within the interval), or no loss seen",
    "paths_with_loss": "number",
}  # fmt: skip


@dataclass
class LoanRisk:
    """Sums over the finished paths by loan and by group of loans; `tables` reads them."""

    loans: pd.DataFrame
    years: int
    groups: dict[str, tuple[tuple[str, ...], Array]] = field(default_factory=dict)
    sums: dict[str, dict[str, RatioSums]] = field(default_factory=dict)
    by_year: dict[str, RatioSums] = field(default_factory=dict)

    def adds(self, block: Mapping[str, Array]) -> None:
        """The figures (P, loans) of a block of paths are counted."""
        failed = block["failed"]
        figures = {**block, "loss_failed": block["loss"] * failed, "paths": block["loans"]}
        when = np.where(failed > 0.0, block["failed_after"], np.inf)
        for name, (_, members) in self.groups.items():
            grouped = {one: _grouped(values, members) for one, values in figures.items()}
            grouped["paths"] = np.ones_like(grouped["loss"])
            for ratio, (top, bottom) in RATIOS.items():
                self.sums[name][ratio].adds(grouped[top], grouped[bottom])
            if name in self.by_year:
                within = [_grouped(np.where(when < MONTHS * year, 1.0, 0.0), members) for year in self.year_ends()]
                self.by_year[name].adds(np.concatenate(within, axis=1), np.tile(grouped["loans"], len(within)))

    def year_ends(self) -> list[int]:
        """1, 2, … years after the start."""
        return list(range(1, self.years + 1))

    def prepare(self, name: str, labels: Sequence[str], members: Array) -> None:
        """Sums are kept for these groups: `members` (groups, loans) is 1 where a loan belongs to one."""
        self.groups[name] = (tuple(labels), members)
        self.sums[name] = {ratio: RatioSums(len(labels)) for ratio in RATIOS}
        if name != "facility":
            self.by_year[name] = RatioSums(len(labels) * self.years)

    def table(self, name: str) -> pd.DataFrame:
        """A row a group (or a loan): PD, LGD, expected loss, fair and contract spread with intervals."""
        labels, members = self.groups[name]
        sums, alone = self.sums[name], name == "facility"
        there = 1.0 if alone else self._there()
        drawn = _grouped((self.loans["drawn"].to_numpy(dtype=float) * there)[None], members)[0]
        fair, charged = sums["fair_spread"], sums["contract_spread"].value()
        low, high = fair.interval()
        pd_ends = wilson(sums["pd"].top, sums["pd"].bottom) if alone else sums["pd"].interval(least=0.0, most=1.0)
        found: dict[str, Any] = {name: labels} if not alone else {str(one): self.loans[one] for one in self.loans}
        found |= {} if alone else {"loans": _grouped(np.ones((1, len(self.loans))) * there, members)[0]}
        found |= {
            "drawn": drawn, "pd": sums["pd"].value(), "pd_low": pd_ends[0], "pd_high": pd_ends[1],
            "lgd": sums["lgd"].value(), "expected_loss": sums["expected_loss"].value(),
            "fair_spread": fair.value(), "fair_low": low, "fair_high": high, "contract_spread": charged,
            "pays": [_pays(*row) for row in zip(charged, low, high, fair.eventful, strict=True)],
            "paths_with_loss": fair.eventful.astype(int),
        }  # fmt: skip
        return pd.DataFrame(found)

    def _there(self) -> Array:
        """On which share of the paths each loan is there: 1 unless it stands on one of several networks."""
        counted = self.sums["facility"]["pd"]
        return counted.bottom / max(counted.paths, 1)

    def time_to_default(self, name: str) -> pd.DataFrame:
        """By the end of each year the share of loans that have failed, with its interval: a row a group and year.

        Nobody is lost from sight before the horizon, so that this is also Kaplan and Meier's estimate; who lives then
        is censored.
        """
        labels, sums = self.groups[name][0], self.by_year[name]
        low, high = sums.interval(least=0.0, most=1.0)
        columns: dict[str, Any] = {
            "who": list(labels) * self.years,
            "year": np.repeat(self.year_ends(), len(labels)),
            "defaulted": sums.value(),
            "low": low,
            "high": high,
        }
        return pd.DataFrame(columns).sort_values(["who", "year"], kind="stable", ignore_index=True)


def _grouped(values: Array, members: Array) -> Array:
    """Sums (P, groups) of values (P, loans); each loan for itself where `members` is empty."""
    return values if not members.size else values @ members.T


def _pays(charged: float, low: float, high: float, eventful: float) -> str:
    if eventful == 0:
        return "no loss seen"
    if not np.isfinite(low):
        return "open"
    return "yes" if charged > high else "no" if charged < low else "open"


def loan_risk(run: Run, ended: Finished) -> LoanRisk:
    """What the run's loans did over its finished paths. Errors: InputError where the run kept no table of loans."""
    risk: LoanRisk | None = None
    for loans, block in loan_blocks(run, ended):
        risk = risk or _prepared(run, loans)
        risk.adds(block)
    if risk is None:
        raise InputError("this run has no table of facilities: simulate it again with this version of nobid.")
    return risk


def _prepared(run: Run, loans: pd.DataFrame) -> LoanRisk:
    risk = LoanRisk(loans, max(1, -(-run.scenario.parameters.months // int(MONTHS))))
    risk.prepare("facility", [*loans["facility"]], np.zeros((0, 0)))
    both = loans["kind"] + " from " + loans["lender_kind"]
    for name, of in {"kind": loans["kind"], "lender_kind": loans["lender_kind"], "kind_and_lender": both}.items():
        labels = sorted(set(of))
        risk.prepare(name, labels, np.array([[one == label for one in of] for label in labels], dtype=float))
    risk.prepare("book", ["all loans"], np.ones((1, len(loans))))
    return risk


def loan_blocks(run: Run, ended: Finished) -> Any:
    """Part by part: the loans (a frame with what each is) and their figures (P, loans) on its finished paths.

    Of several networks one comes after the other; a loan that a path's network has not has zeros there, "loans" too.
    """
    named = ("facility", "kind", "borrower", "lender", "lender_kind")
    loans: pd.DataFrame | None = None
    networks = networks_of(run.scenario.parameters)
    for piece in parts(run, "facilities", ("path", *named, *FACILITY_FIGURES)):
        place, good = ended.places(piece["path"])
        if loans is None:
            loans = _loans(run, piece, named) if networks == 1 else _loans_of_all(run)
        on = piece["path"].to_numpy() % networks
        for network in np.unique(on[good]):
            yield loans, _figures(piece, place, good & (on == network), names=loans["facility"])


def _loans(run: Run, piece: pa.Table, named: Sequence[str]) -> pd.DataFrame:
    """What each loan is, in the order of the table, and what is drawn on it at the start."""
    first = piece.filter(pc.equal(piece["path"], piece["path"][0])).select(list(named))
    drawn = {row.name: row.drawn for row in run.scenario.founding.facilities}
    found = pd.DataFrame({name: first[name].to_pylist() for name in named})
    found["drawn"] = [drawn.get(one, 0.0) for one in found["facility"]]
    return found


def _loans_of_all(run: Run) -> pd.DataFrame:
    """The loans of all networks; those that stand on several once."""
    census = run.scenario.census
    rows = [
        (name, one.kind, one.borrower, one.lender, census.agents[one.lender].kind, one.drawn)
        for name, one in census.loans.items()
    ]
    return pd.DataFrame(rows, columns=["facility", "kind", "borrower", "lender", "lender_kind", "drawn"])


def _figures(piece: pa.Table, place: Any, good: Any, *, names: pd.Series[str]) -> dict[str, Array]:
    loan = pc.index_in(piece["facility"], value_set=pa.array([*names])).to_numpy()[good]
    paths, row = np.unique(place[good], return_inverse=True)
    there = np.zeros((len(paths), len(names)))
    there[row, loan] = 1.0
    found = {"loans": there}
    for name in FACILITY_FIGURES:
        figures = np.zeros((len(paths), len(names)))
        figures[row, loan] = piece[name].to_numpy()[good]
        found[name] = figures
    return found
