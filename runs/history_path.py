"""What was the world of 2023 to 2025 like: coin, hashprice and demand for compute by month?

Coin and hashprice are single quotations of press and filings (network difficulty and price of a day, from which
hashprice is arithmetic; coins and their value in a filing), straight in logs between them: no table of prices is
copied. Demand is no observation: it grows at the rate that the sources imply (SOURCES.md), with a low and a high case.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from math import exp
from pathlib import Path
from typing import Final

import numpy as np

from nobid.runs.months import month_index, month_label

FIRST, MONTHS = "2023-01", 36
KIND: Final = "computed_from_difficulty_subsidy_only"
QUOTED: Final = re.compile(r"price (\d+)")
FILED: Final = ("btc_price", "2025-12")  # metric, and the last month of it that belongs to the time before the start
DEMAND: Final = {"demand": 0.52, "demand_low": 0.37, "demand_high": 0.67}  # log growth a year of services demanded
HEADER: Final = ("month", "coin", "hashprice", *DEMAND, "basis", "source")


def history_2023(source: Path) -> tuple[Sequence[str], list[Mapping[str, str]]]:
    """Header and rows of the monthly history: coin USD/BTC, hashprice USD/PH/day, demand relative to the start.

    Of a month with several quotations the last one stands.
    """
    coin, hashprice, said = _quotations(source)
    rows: list[Mapping[str, str]] = []
    for month in range(MONTHS):
        label = month_label(FIRST, month)
        rows.append(
            {
                "month": label,
                "coin": f"{_between(coin, month):.0f}",
                "hashprice": f"{_between(hashprice, month):.2f}",
                **{name: f"{exp(rate * month / 12):.4f}" for name, rate in DEMAND.items()},
                "basis": _basis(month, coin, hashprice),
                "source": said.get(month, ""),
            }
        )
    return HEADER, rows


def _quotations(source: Path) -> tuple[dict[int, float], dict[int, float], dict[int, str]]:
    """Coin and hashprice by month from the first one, and the address of each month's quotation."""
    coin: dict[int, float] = {}
    hashprice: dict[int, float] = {}
    said: dict[int, str] = {}
    for row in sorted(_rows(source / "markets" / "hashprice.csv"), key=lambda row: row["date"]):
        price = QUOTED.search(row["note"])
        if row["kind"] == KIND and price and "2022-06" < row["date"] < "2026":
            month = _month(row["date"])
            coin[month], hashprice[month] = float(price[1]), float(row["usd_per_ph_day"])
            said[month] = row["url"]
    for row in _rows(source / "miners" / "sector_aggregates.csv"):
        if row["metric"] == FILED[0] and row["date"][:7] <= FILED[1]:
            coin[_month(row["date"])], said[_month(row["date"])] = float(row["value"]), row["source"]
    return coin, hashprice, said


def _rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def _month(date: str) -> int:
    return month_index(date[:7]) - month_index(FIRST)


def _between(quoted: Mapping[int, float], month: int) -> float:
    """The quotation of the month, or the point on the straight line in logs between its neighbours."""
    known = sorted(quoted)
    return float(np.exp(np.interp(month, known, np.log([quoted[one] for one in known]))))


def _basis(month: int, coin: Mapping[int, float], hashprice: Mapping[int, float]) -> str:
    """Which of the month's figures were quoted; demand never was."""
    names = [name for name, quoted in (("coin", coin), ("hashprice", hashprice)) if month in quoted]
    return f"quoted: {', '.join(names)}; demand assumed" if names else "interpolated; demand assumed"
