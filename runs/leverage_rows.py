"""What did listed miners owe, hold and own, at which date, by which source?

Rows for `data/spin_up/miner_leverage.csv`, read off the source folder's tables of 2021, 2022 and 2025.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

FIGURES: Final = ("debt", "cash", "coins", "equity", "debt_to_equity_reported")
HEADER: Final = ("miner", "ticker", "date", *FIGURES, "partial", "grade", "source")
PARTIAL: Final = re.compile("LOWER BOUND|loans only|not sourced")  # of a debt's basis: more is owed than it says
LAST: Final = "2025-12-31"  # what came later tests the model
REPORTED: Final = "debt_to_equity_"  # metrics of the sector table that hold a ratio
NAMES: Final = {
    "core_scientific": ("Core Scientific", "CORZ"),
    "greenidge": ("Greenidge Generation", "GREE"),
    "stronghold": ("Stronghold Digital Mining", "SDIG"),
    "argo": ("Argo Blockchain", "ARBK"),
}


def leverage_rows(source: Path) -> tuple[Sequence[str], list[Mapping[str, str]]]:
    """Header and rows by miner and date: USD m, coins at their value then; empty where no source gives a figure."""
    found = [*_of_2021(source), *_of_2022(source), *_of_2025(source)]
    return HEADER, sorted(found, key=lambda row: (row["ticker"], row["date"]))


def _of_2021(source: Path) -> Iterator[dict[str, str]]:
    for row in _rows(source / "backtest2022" / "miners_2021.csv"):
        date = re.match(r"\d{4}-\d{2}(-\d{2})?", row["as_of"])
        if row["type"].startswith("listed") and row["debt_total"] and date:
            figures = row["debt_total"], row["cash_usd_m"], row["btc_value_usd_m"], row["equity_book"]
            yield _row(row["firm"], row["ticker"], date.group(), figures) | {
                "debt_to_equity_reported": row["de_ratio_reported"],
                "partial": str(bool(PARTIAL.search(row["debt_basis"]))).lower(),
                "grade": row["data_quality"][:1],
                "source": _first(row["sources"]),
            }


def _of_2022(source: Path) -> Iterator[dict[str, str]]:
    for row in _rows(source / "miners" / "sector_aggregates.csv"):
        if row["metric"].startswith(REPORTED):
            firm, ticker = NAMES[row["metric"].removeprefix(REPORTED)]
            yield _row(firm, ticker, row["date"], ("", "", "", "")) | {
                "debt_to_equity_reported": row["value"],
                "partial": "false",
                "grade": "B",
                "source": row["source"],
            }


def _of_2025(source: Path) -> Iterator[dict[str, str]]:
    for row in _rows(source / "miners" / "miners.csv"):
        if row["total_debt_usd_m"] and row["as_of_date"] <= LAST:
            figures = row["total_debt_usd_m"], row["cash_usd_m"], row["btc_value_usd_m"], row["book_equity_usd_m"]
            yield _row(row["firm"], row["ticker"], row["as_of_date"], figures) | {
                "partial": str(bool(PARTIAL.search(row["total_debt_basis"]))).lower(),
                "grade": row["data_quality"][:1],
                "source": _first(row["sources"]),
            }


def _row(firm: str, ticker: str, date: str, figures: tuple[str, str, str, str]) -> dict[str, str]:
    named = dict(zip(FIGURES, figures, strict=False))
    return dict.fromkeys(HEADER, "") | {"miner": firm, "ticker": ticker, "date": date} | named


def _first(text: str) -> str:
    """The first address of a cell, filings first."""
    links = re.findall(r"https?://[^\s;|]+", text)
    return next((link for link in links if "sec.gov" in link), links[0] if links else text)


def _rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))
