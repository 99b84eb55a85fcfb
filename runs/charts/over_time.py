"""How do the main figures of an ensemble stand year by year, and when do agents fail: the quantile tables?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from nobid.agents.finance import MONTHS
from nobid.runs.charts.by_month import Series, Spread, so_far
from nobid.runs.months import month_label
from nobid.runs.streams import BANDS
from nobid.runs.summary_blocks import KINDS, Block
from nobid.runs.summary_figures import BILLION, NONE, count, debt_at_start, shown_generations

if TYPE_CHECKING:
    from nobid.runs.risk import Risk
    from nobid.runs.run import Run

COUNT: Final = "number"
DIGITS: Final = 3  # that matter
THOUSAND: Final = 1e3
QUANTILE_UNITS: Final = {
    "figure": "name", "unit": "of the figure", "month": "YYYY-MM, end of",
    **{f"p{round(100 * level):02d}": "in the figure's unit, over paths" for level in BANDS},
    "paths": "share of paths with a number",
}  # fmt: skip


@dataclass(frozen=True)
class _Figure:
    """A figure of the table: what it is called, its unit, how it is made, what it is divided by."""

    name: str
    unit: str
    series: Series
    scale: float = 1.0

    @property
    def label(self) -> str:
        """Name and unit in one."""
        return f"{self.name}, {self.unit}" if self.unit != COUNT else self.name


def _figures(run: Run) -> list[_Figure]:
    """The figures of the table that the run has."""
    big = debt_at_start(run) >= BILLION
    unit, scale = ("USD bn", BILLION) if big else ("USD m", 1.0)
    marks = [
        _Figure(f"{name} mark", "USD thousand", Series((f"mark_{name}",)), THOUSAND) for name in shown_generations(run)
    ]
    figures = [
        _Figure("borrowers defaulted", COUNT, so_far("defaults_miner", "defaults_neocloud")),
        _Figure("debt defaulted", unit, so_far("debt_defaulted"), scale),
        _Figure("lender losses", unit, so_far("lender_losses"), scale),
        _Figure("GPUs unsold", "thousand", Series(("unsold",)), THOUSAND),
        _Figure("rent", "USD per H100e-hour", Series(("rent",))),
        *marks,
    ]
    return [one for one in figures if {*one.series.columns} <= {*run.by_month.columns}]


def year_ends(run: Run) -> list[int]:
    """The last month of every year of the run, counted from 0; the run's last month is one of them."""
    months, year = run.scenario.parameters.months, int(MONTHS)
    return [min(end, months) - 1 for end in range(year, months + year, year)]


def quantile_table(run: Run) -> pd.DataFrame:
    """The main figures at the end of each year: quantiles over the finished paths, a row a figure and year."""
    figures, ends = _figures(run), year_ends(run)
    found = run.by_month.spreads({one.name: one.series for one in figures})
    rows = [_row(one, found[one.name], run.by_month.months[end], end) for one in figures for end in ends]
    return pd.DataFrame(rows, columns=list(QUANTILE_UNITS))


def _row(figure: _Figure, spread: Spread, month: str, end: int) -> dict[str, Any]:
    levels = {f"p{round(100 * level):02d}": spread.quantile(level)[end] / figure.scale for level in BANDS}
    about = {"figure": figure.name, "unit": figure.unit, "month": month}
    return {**about, **levels, "paths": spread.share[end]}


def over_time_block(told: Risk) -> Block:
    """The main figures by year, median and 5 to 95 %."""
    table = told.tables["by_year"]
    months = [*dict.fromkeys(table["month"])]
    rows = []
    for _, one in table.groupby("figure", sort=False):
        first = one.iloc[0]
        name = _Figure(first["figure"], first["unit"], Series(())).label
        rows.append((name, *(_cell(row) for row in one.to_dict("records"))))
    return Block("by year end, median (5–95 %)", tuple(months), tuple(rows))


def _cell(row: Mapping[Any, Any]) -> str:
    if not np.isfinite(row["p50"]):
        return NONE
    shown = count if row["unit"] == COUNT else _short
    return f"{shown(row['p50'])} ({shown(row['p05'])}–{shown(row['p95'])})"


def _short(value: float) -> str:
    """Three digits that matter, thousands marked."""
    if value == 0.0 or abs(value) >= 10.0**DIGITS:
        return f"{value:,.0f}"
    return f"{float(f'{value:.{DIGITS}g}'):g}"


def failures_block(run: Run, told: Risk) -> Block:
    """What share of each kind of agent has failed by the end of each year, and when the first of them fails."""
    shares = told.tables["time_to_default"].set_index(["who", "year"])["defaulted"]
    first = told.tables["first_default"].set_index("who")
    labels = [run.by_month.months[end] for end in year_ends(run)]
    start, rows = run.scenario.parameters.start, []
    for kind, name in KINDS.items():
        cells = [f"{100.0 * shares[kind, year]:.0f}" for year in range(1, len(labels) + 1)]
        low, middle, high = (_month(start, first.loc[kind, level]) for level in ("p05", "p50", "p95"))
        rows.append((name, *cells, middle, f"{low} – {high}"))
    return Block("% failed by the end of", (*labels, "first: median", "5–95 %"), tuple(rows))


def _month(start: str, months: Any) -> str:
    """The month that is the so-manieth of the run; "never" where it does not come."""
    return month_label(start, int(months) - 1) if np.isfinite(months) else "never"
