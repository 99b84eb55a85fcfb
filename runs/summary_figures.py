"""Which figures of a run does the closing table show, one row a path, and how are they written?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nobid.runs.streams import parts

if TYPE_CHECKING:
    from nobid.runs.run import Run

MARKED = ("H100", "B200")  # the generations shown; the first two of the world where it has neither
BAND = (0.05, 0.50, 0.95)
NONE = "–"
MARKETS = ("offered", "sold", "unsold", "rounds")
COVERAGE = ("dscr_corporate", "dscr_facility")
BILLION = 1e3  # USD m


def borrowers_in(outcomes: pd.DataFrame) -> pd.Series[float]:
    """Borrowers that defaulted, by path."""
    return outcomes["defaults_miner"] + outcomes["defaults_neocloud"]


def agents_in(run: Run) -> dict[str, float]:
    """How many agents of each kind there are at the start, on average over the paths where their networks differ."""
    return run.scenario.census.mean_agents(run.paths)


def debt_at_start(run: Run) -> float:
    """USD m drawn on all facilities, on average over the paths where their networks differ."""
    return run.scenario.census.mean_debt(run.paths)


def shown_generations(run: Run) -> list[str]:
    """The generations that tables show."""
    names = [row.name for row in run.scenario.founding.generations]
    return [name for name in MARKED if name in names] or names[:2]


def price_lines(run: Run) -> list[tuple[str, str, str]]:
    """What stands in the price block: label, column, divisor column ("" for none)."""
    lines = [("rent, USD per H100e-hour", "rent", "")]
    for name in shown_generations(run):
        lines.append((f"{name} mark, USD", f"mark_{name}", ""))
        lines.append((f"{name} mark / book", f"mark_{name}", f"book_{name}"))
        lines.append((f"{name} mark / V (value in use)", f"mark_{name}", f"value_{name}"))
    return lines


def series_of(monthly: pd.DataFrame, column: str, divisor: str) -> pd.Series[float]:
    """The column, over the divisor where one is named and above zero."""
    values = monthly[column]
    return values / monthly[divisor].where(monthly[divisor] > 0) if divisor else values


def facts_of(run: Run) -> pd.DataFrame:
    """A row a path with everything that the table shows; failed paths left out. Read a part at a time."""
    facts = run.outcomes[run.outcomes["failure"] == ""].set_index("path").sort_index()
    lines = price_lines(run)
    shown = {column for _, *pair in lines for column in pair if column}
    pieces = [
        _facts_of_part(piece.to_pandas(), lines, good=set(facts.index))
        for piece in parts(run, "monthly", ["path", "month", *sorted(shown), *MARKETS, *COVERAGE])
    ]
    return facts.join(pd.concat(pieces)) if pieces else facts


def _facts_of_part(part: pd.DataFrame, lines: Sequence[tuple[str, str, str]], *, good: set[int]) -> pd.DataFrame:
    """The figures of the months, a row a path that did not fail."""
    monthly = part[part["path"].isin(good)]
    by_path = monthly.groupby("path", sort=True)
    facts = pd.DataFrame(index=pd.Index(sorted(set(monthly["path"])), name="path", dtype="int64"))
    for label, column, divisor in lines:
        series = series_of(monthly, column, divisor).groupby(monthly["path"])
        facts[f"{label}|start"], facts[f"{label}|low"] = series.nth(0).to_numpy(), series.min()
        facts[f"{label}|end"] = series.nth(-1).to_numpy()
    facts["gpus_offered_worst_month"] = by_path["offered"].max()
    facts["gpus_sold"] = by_path["sold"].sum()
    facts["gpus_unsold_worst_month_end"] = by_path["unsold"].max()
    facts["rounds_worst_month"] = by_path["rounds"].max()
    for name in COVERAGE:
        facts[f"{name}_first_below_1"] = _first_below(monthly, name).reindex(facts.index)
    return facts


def _first_below(monthly: pd.DataFrame, column: str) -> pd.Series[str]:
    """By path, the first month in which the ratio is below one; missing where there is none."""
    below = monthly[monthly[column] < 1.0]
    return below.groupby("path")["month"].min()


def band(values: pd.Series[float], shown: Any) -> tuple[str, str]:
    """Median, and 5 to 95 %, as text."""
    low, middle, high = values.astype(float).quantile(list(BAND))
    if not np.isfinite(middle):
        return NONE, NONE
    return shown(middle), f"{shown(low)} – {shown(high)}"


def month_band(months: pd.Series[str]) -> tuple[str, str]:
    """Quantiles of a first month over paths; "never" sorts after every month."""
    ordered = sorted("never" if pd.isna(month) else str(month) for month in months)  # digits sort before letters
    low, middle, high = (ordered[round(share * (len(ordered) - 1))] for share in BAND)
    return middle, f"{low} – {high}"


def figure(value: float) -> str:
    """Three digits that matter: 18,400 or 2.10 or .31 as 0.31."""
    if not np.isfinite(value):
        return NONE
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}"


def count(value: float) -> str:
    """A whole number with thousands marked."""
    return f"{value:,.0f}" if np.isfinite(value) else NONE


def money(run: Run) -> tuple[str, Callable[[float], str]]:
    """The unit in which this world's debt is read, and how USD m are written in it."""
    if debt_at_start(run) < BILLION:
        return "USD m", lambda value: f"{value:,.1f}"
    return "USD bn", lambda value: f"{value / BILLION:,.2f}"
