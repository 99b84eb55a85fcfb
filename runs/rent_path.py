"""How did rents move in the months after the start?

Only AWS spot rows (CC BY 4.0, E. Pauley, Zenodo 10.5281/zenodo.23082767) are used, as an index of one generation; the
level is the model's own reference rent. It tests the model and never starts it.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from math import exp, log
from pathlib import Path

YEAR = "2026"
GENERATION = "H100"  # rents are per H100-equivalent hour
KIND = "auction_spot_aws"
LEVEL = 2.1  # USD per H100e-hour in the first month: the reference rent of the design
HEADER = ("month", "rent", "basis")


def rent_path_2026(source: Path) -> tuple[Sequence[str], list[Mapping[str, str]]]:
    """Header and rows of the monthly path, USD per H100e-hour; a month without prices is interpolated in logs."""
    with (source / "markets" / "gpu_rental_prices.csv").open(newline="", encoding="utf-8") as stream:
        rows = [row for row in csv.DictReader(stream) if row["kind"] == KIND and row["gpu"] == GENERATION]
    seen: dict[int, list[float]] = {}
    for row in rows:
        if row["date"].startswith(YEAR):
            seen.setdefault(int(row["date"][5:7]), []).append(float(row["usd_per_hour"]))
    index = {month: sum(prices) / len(prices) for month, prices in seen.items()}
    first = min(index)
    return HEADER, [
        {
            "month": f"{YEAR}-{month:02d}",
            "rent": f"{LEVEL * _at(index, month) / index[first]:.4f}",
            "basis": "observed" if month in index else "interpolated",
        }
        for month in range(first, max(index) + 1)
    ]


def _at(index: Mapping[int, float], month: int) -> float:
    """The index in a month: observed, or on the straight line in logs between its neighbours."""
    if month in index:
        return index[month]
    before = max(known for known in index if known < month)
    after = min(known for known in index if known > month)
    weight = (month - before) / (after - before)
    return exp((1 - weight) * log(index[before]) + weight * log(index[after]))
