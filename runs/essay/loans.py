"""What is read of an arm's loans, its causes and its credit cycle: figures of every finished path?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nobid.model.edges import MACHINE_LOANS
from nobid.runs.essay.monthly import frame
from nobid.runs.loan_risk import loan_blocks
from nobid.runs.months import month_index
from nobid.runs.streams import finished, parts

if TYPE_CHECKING:
    from nobid.runs.run import Run

Array = NDArray[np.float64]

NEVER: Final = 1e6  # months: when somebody failed who did not


def of_kinds(run: Run, kinds: tuple[str, ...] | list[str], lender_kinds: list[str] | None = None) -> dict[str, Array]:
    """Figures of the loans of these kinds, (paths, loans) each, and the finished paths' numbers under "path"."""
    ended, pieces = finished(run), []
    for about, block in loan_blocks(run, ended):
        mine = about["kind"].isin(kinds)
        if lender_kinds is not None:
            mine &= about["lender_kind"].isin(lender_kinds)
        pieces.append({name: values[:, mine.to_numpy()] for name, values in block.items()})
    found = {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}
    return {**found, "path": ended.paths.astype(float)}


def _by_path(found: Mapping[str, Array], *figures: Array) -> pd.DataFrame:
    return frame(pd.Index(found["path"].astype(int), name="path"), *figures)


def machine_loans_failed(run: Run) -> pd.DataFrame:
    """Loans against machines that failed, and all of them."""
    found = of_kinds(run, MACHINE_LOANS)
    return _by_path(found, found["failed"].sum(axis=1), found["loans"].sum(axis=1))


def spread_short(run: Run, kinds: tuple[str, ...] | list[str] = MACHINE_LOANS) -> pd.DataFrame:
    """What loans lost less what their spreads brought in, and what was out: the ratio is fair less contract spread."""
    found = of_kinds(run, kinds)
    return _by_path(found, *((found[one] - found[less]).sum(axis=1) if less else found[one].sum(axis=1)
                             for one, less in (("lost", "charged"), ("outstanding", ""))))  # fmt: skip


def underpriced(run: Run, kinds: list[str], lender_kinds: list[str] | None = None) -> pd.DataFrame:
    """Lost, charged and outstanding of every loan: the statistic weighs the loans whose spread is too thin."""
    found = of_kinds(run, kinds, lender_kinds)
    return _by_path(found, *np.concatenate([found[name] for name in ("lost", "charged", "outstanding")], axis=1).T)


def recovered(run: Run, facility: str) -> pd.DataFrame:
    """What came back of what was out at the default of one loan, and what was out."""
    ended = finished(run)
    rows = [piece.to_pandas() for piece in parts(run, "facilities", ("path", "facility", "exposure", "loss"))]
    table = pd.concat(rows)
    mine = table[(table["facility"] == facility) & table["path"].isin(ended.paths)].set_index("path").sort_index()
    return pd.DataFrame({0: mine["exposure"] - mine["loss"], 1: mine["exposure"]})


def attributed(run: Run) -> pd.DataFrame:
    """Defaults that belong to earlier ones, as the ledgers say, and all defaults: the ratio is R."""
    told = run.systemic().paths
    rows = {one.path: (one.caused, float(one.defaults)) for one in told}
    return pd.DataFrame.from_dict(rows, orient="index", dtype=float)


def depth(run: Run) -> pd.DataFrame:
    """Summed depth of defaults in the contagion graph, and all defaults."""
    rows = {one.path: (float(sum(one.depth)), float(one.defaults)) for one in run.systemic().paths}
    return pd.DataFrame.from_dict(rows, orient="index", dtype=float)


def default_months(run: Run) -> pd.DataFrame:
    """When each borrower and lender failed, months from the start, NEVER where it did not: a column an agent."""
    kinds, ended = run.scenario.census.kinds(), finished(run)
    found = pd.DataFrame(NEVER, index=pd.Index(ended.paths, name="path"), columns=sorted(kinds))
    events = run.events
    start = month_index(run.scenario.parameters.start)
    failed = events[(events["kind"] == "default") & events["source"].isin(kinds) & events["path"].isin(ended.paths)]
    for path, who, month in zip(failed["path"], failed["source"], failed["month"], strict=True):
        found.loc[path, who] = float(month_index(month) - start)
    return found


def credit_lead(
    run: Run, least: int | None = None, *, bounds: bool = False, beyond_growth: bool = False
) -> pd.DataFrame:
    """Months from the peak of new credit to that of compute demand, missing where one lies at an end of the run.

    `least`: whether it leads by so many months. `bounds`: a path on which demand still rises at the end counts with the
    lead that it has at least. `beyond_growth`: less the months by which the growth of demand tops before demand.
    """
    from nobid.runs.credit_cycle import DEMAND_OPEN, KNOWN, credit_peaks

    found = credit_peaks(run)
    lead = found["lead"] - (found["growth_lead"] if beyond_growth else 0.0)
    lead = lead.where(found["open"].isin([KNOWN, DEMAND_OPEN] if bounds else [KNOWN]))
    return (lead if least is None else (lead >= least).astype(float).where(lead.notna())).to_frame()


def peak_open(run: Run) -> pd.DataFrame:
    """Whether a peak of credit or demand lies at an end of the run, so that the lead is not known."""
    from nobid.runs.credit_cycle import KNOWN, credit_peaks

    return (credit_peaks(run)["open"] != KNOWN).astype(float).to_frame()
