"""Who defaulted, what are machines worth, what was for sale: the parts of the closing table for one path or many?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nobid.runs.summary_causes import worst_quarter_row
from nobid.runs.summary_figures import (
    NONE,
    agents_in,
    band,
    borrowers_in,
    count,
    debt_at_start,
    figure,
    money,
    month_band,
    price_lines,
    series_of,
)

if TYPE_CHECKING:
    from nobid.runs.run import Run


KINDS = {"miner": "miners", "neocloud": "neo-clouds", "lender": "lenders", "buyer": "GPU buyers"}


@dataclass(frozen=True)
class Block:
    """One part of the closing table: a heading, column heads, rows of text."""

    heading: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def blocks_of_one(run: Run) -> tuple[Block, ...]:
    """The parts of the table for a single path."""
    return (_defaults_of_one(run), _prices_of_one(run), _rest_of_one(run))


def blocks_of_many(run: Run, facts: pd.DataFrame) -> tuple[Block, ...]:
    """The parts of the table for many paths: median and 5 to 95 %."""
    return (_defaults_of_many(run, facts), _markets_of_many(run, facts))


def _defaults_of_one(run: Run) -> Block:
    one = run.outcomes.iloc[0]
    lines: list[tuple[str, str, Callable[[float], str], str]] = [
        (KINDS[kind], f"defaults_{kind}", count, count(of)) for kind, of in agents_in(run).items()
    ]
    unit, shown = money(run)
    lines.append((f"debt defaulted, {unit}", "debt_defaulted", shown, shown(debt_at_start(run))))
    lines.append((f"lender losses, {unit}", "lender_losses", shown, ""))
    rows = [(label, text(one[name]), of, _first_month(run.monthly, name)) for label, name, text, of in lines]
    return Block("defaulted", ("", "of", "first"), tuple(rows))


def _first_month(monthly: pd.DataFrame, column: str) -> str:
    hit = monthly.loc[monthly[column] > 0, "month"]
    return str(hit.iloc[0]) if len(hit) else NONE


def _prices_of_one(run: Run) -> Block:
    monthly = run.monthly
    rows = []
    for label, column, divisor in price_lines(run):
        series = series_of(monthly, column, divisor)
        trough = (NONE, NONE)
        if series.notna().any():
            low = int(np.nanargmin(series))
            trough = (figure(series.iloc[low]), str(monthly["month"].iloc[low]))
        rows.append((label, figure(series.iloc[0]), *trough, figure(series.iloc[-1])))
    first, last = monthly["month"].iloc[0], monthly["month"].iloc[-1]
    return Block("prices", (str(first), "low", "in", str(last)), tuple(rows))


def _rest_of_one(run: Run) -> Block:
    monthly = run.monthly
    rows = [
        ("GPUs offered by forced sellers, most in a month", *_peak(monthly, "offered")),
        ("GPUs sold, all months", count(monthly["sold"].sum()), ""),
        ("GPUs unsold, worst month end", *_peak(monthly, "unsold")),
        ("corporate coverage (DSCR) below 1, first", "", _month_below(monthly, "dscr_corporate")),
        ("facility coverage (DSCR) below 1, first", "", _month_below(monthly, "dscr_facility")),
        ("rounds in the worst month", *_peak(monthly, "rounds")),
    ]
    return Block("markets and coverage", ("", "month"), tuple(rows))


def _peak(monthly: pd.DataFrame, column: str) -> tuple[str, str]:
    at = int(np.argmax(monthly[column]))
    most = monthly[column].iloc[at]
    return count(most), str(monthly["month"].iloc[at]) if most > 0 else NONE


def _month_below(monthly: pd.DataFrame, column: str) -> str:
    found = monthly.loc[monthly[column] < 1.0, "month"]
    return str(found.iloc[0]) if len(found) else "never"


def _defaults_of_many(run: Run, facts: pd.DataFrame) -> Block:
    agents = agents_in(run)
    unit, shown = money(run)
    rows = [
        ("borrowers", *band(borrowers_in(facts), count), count(agents["miner"] + agents["neocloud"])),
        *((KINDS[kind], *band(facts[f"defaults_{kind}"], count), count(of)) for kind, of in agents.items()),
        (f"debt defaulted, {unit}", *band(facts["debt_defaulted"], shown), shown(debt_at_start(run))),
        (f"lender losses, {unit}", *band(facts["lender_losses"], shown), ""),
        *worst_quarter_row(run),
    ]
    return Block("defaulted", ("median", "5–95 %", "of"), tuple(rows))


def _markets_of_many(run: Run, facts: pd.DataFrame) -> Block:
    lows = [(f"{label}, lowest", f"{label}|low") for label, _, divisor in price_lines(run) if divisor]
    rows = [
        *((words, *band(facts[column], figure)) for words, column in lows),
        ("GPUs offered by forced sellers, most in a month", *band(facts["gpus_offered_worst_month"], count)),
        ("GPUs sold, all months", *band(facts["gpus_sold"], count)),
        ("GPUs unsold, worst month end", *band(facts["gpus_unsold_worst_month_end"], count)),
        ("corporate coverage (DSCR) below 1, first", *month_band(facts["dscr_corporate_first_below_1"])),
        ("facility coverage (DSCR) below 1, first", *month_band(facts["dscr_facility_first_below_1"])),
        ("rounds in the worst month", *band(facts["rounds_worst_month"], count)),
    ]
    return Block("prices, markets and coverage", ("median", "5–95 %"), tuple(rows))
