"""How far is the grown system from the measured one, line by line?

Measured: the shipped tables of 2025-12-31, and what is published about growth. Every line is in the table, however far
the model is; a ratio is model over measured.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from nobid.model.parameters import Parameters
from nobid.runs.growth import CLASSES, KINDS, Array, Grown, year_sum
from nobid.runs.growth_sources import sourced_growth
from nobid.runs.table_checks import fleet, measure
from nobid.runs.tables import Tables, load_tables

END: Final = "2025-12"
SHOWN: Final = ("A100", "H100", "H200", "B200", "B300")
CLASS_WORDS: Final = {"miner": "miners", "neocloud": "neo-clouds"}
KIND_WORDS: Final = {
    "abl": "delayed-draw and asset-backed",
    "project": "project finance",
    "note": "notes",
    "convertible": "convertibles",
    "btc_loan": "loans on coins",
    "vendor": "vendor and equipment",
    "revolver": "revolvers",
}
TABLES_SAY: Final = "measured tables of 2025-12-31"
BILLION, THOUSAND = 1e3, 1e3


@dataclass(frozen=True)
class Line:
    """One line of the comparison: `model` is a figure a path (paths,), in the unit of `measured`."""

    group: str
    what: str
    unit: str
    measured: float
    model: Array
    source: str = TABLES_SAY


def comparison(grown: Grown) -> pd.DataFrame:
    """A row a line: group, what, unit, measured, source, the model's median and 5 and 95 % over paths, and the ratios.

    A ratio is NaN where nothing was measured. Errors: InputError where the run does not hold 2024 and 2025.
    """
    rows = []
    for line in lines(grown, load_tables()):
        low, middle, high = np.quantile(line.model, (0.05, 0.5, 0.95))
        over = line.measured if line.measured > 0.0 else float("nan")
        rows.append(
            {
                **{name: getattr(line, name) for name in ("group", "what", "unit", "measured", "source")},
                "model": middle,
                "low": low,
                "high": high,
                "ratio": middle / over,
                "ratio_low": low / over,
                "ratio_high": high / over,
            }
        )
    return pd.DataFrame(rows)


def lines(grown: Grown, tables: Tables) -> Iterator[Line]:
    """Every line that is compared."""
    yield from _debt(grown, tables)
    yield from _growth(grown)
    yield from _machines(grown, tables)
    yield from _prices(grown, tables)
    yield from _firms(grown, tables)


def measured_debt(tables: Tables) -> dict[tuple[str, str], float]:
    """Debt by class of firm and kind of loan in the measured tables, USD m."""
    kind = {row.name: row.kind for row in tables.borrowers}
    found = {(one, other): 0.0 for one in CLASSES for other in KINDS}
    for row in tables.facilities:
        found[kind[row.borrower], row.kind] += row.drawn
    return found


def _debt(grown: Grown, tables: Tables) -> Iterator[Line]:
    held, last, group, unit = measured_debt(tables), grown.at(END), "debt at the end of 2025", "USD bn"
    for one in CLASSES:
        for kind in KINDS:
            if held[one, kind] or grown.debt[one, kind][last].any():
                what = f"{CLASS_WORDS[one]}: {KIND_WORDS[kind]}"
                yield Line(group, what, unit, held[one, kind] / BILLION, grown.debt[one, kind][last] / BILLION)
        total = sum(held[one, kind] for kind in KINDS)
        yield Line(group, f"{CLASS_WORDS[one]}: all", unit, total / BILLION, grown.of([one])[last] / BILLION)
    for kind in KINDS:
        total, drawn = sum(held[one, kind] for one in CLASSES), grown.of(kinds=[kind])[last]
        yield Line(group, f"both: {KIND_WORDS[kind]}", unit, total / BILLION, drawn / BILLION)
    yield Line(group, "all debt", unit, sum(held.values()) / BILLION, grown.of()[last] / BILLION)


def _growth(grown: Grown) -> Iterator[Line]:
    """Under each published definition the model's figure that is nearest to it: a stock's or a flow's factor."""
    published = sourced_growth().set_index("definition")
    flow = _factor(year_sum(grown, 2024), year_sum(grown, 2025))
    stock = _factor(grown.of()[grown.at("2024-12")], grown.of()[grown.at(END)])
    stocks = {
        "CoreWeave": ("debt of neo-clouds", _between(grown, "neocloud", ("2024-12", END))),
        "VanEck": ("debt of miners", _between(grown, "miner", ("2024-10", "2025-10"))),
    }
    factors, levels = (
        dict(zip(published.index, published[one].tolist(), strict=True)) for one in ("growth", "value_to")
    )
    group, essay = "growth, times", published.loc["essay"]
    for name, row in published.iterrows():
        what, model = stocks.get(str(name), ("new credit", flow))
        told = f"{name}: {row['what']}, {row['from']} to {row['to']}; the model's {what}"
        yield Line(group, told, "times", factors[name] + 1.0, model, f"{row['grade']} {row['source']}")
    source = f"{essay['grade']} {essay['source']}"
    told = f"essay, read as a stock: {essay['what']}; the model's debt"
    yield Line(group, told, "times", factors["essay"] + 1.0, stock, source)
    told = "essay: 25 bn in 2025; the model's new credit of the year"
    yield Line(group, told, "USD bn", levels["essay"], year_sum(grown, 2025) / BILLION, source)


def _between(grown: Grown, kind: str, months: tuple[str, str]) -> Array:
    before, after = (grown.of([kind])[grown.at(month)] for month in months)
    return _factor(before, after)


def _factor(before: Array, after: Array) -> Array:
    """After over before, path by path."""
    factor: Array = after / np.where(before > 0.0, before, np.nan)
    return factor


def _machines(grown: Grown, tables: Tables) -> Iterator[Line]:
    group, last = "machines and compute at the end of 2025", grown.at(END)
    owned = [fleet(tables, row.name) for row in tables.borrowers]
    for name in SHOWN:
        held = sum(units.get(name, 0.0) for units in owned)
        yield Line(group, name, "thousand", held / THOUSAND, grown.units[name] / THOUSAND)
    compute = sum(measure(tables, units, "h100e") for units in owned)
    own = grown.figures["compute"][last]
    yield Line(group, "compute of the firms", "thousand H100e", compute / THOUSAND, own / THOUSAND)
    outside = Parameters().supply.outside_multiple * compute
    told = "compute outside them (measured side: an assumption)"
    yield Line(group, told, "thousand H100e", outside / THOUSAND, grown.figures["outside"][last] / THOUSAND)


def _prices(grown: Grown, tables: Tables) -> Iterator[Line]:
    group, last = "prices at the end of 2025", grown.at(END)
    told = "rent of compute (fed in the mean, through demand)"
    yield Line(group, told, "USD/H100e-h", Parameters().rental.reference_rent, grown.figures["rent"][last])
    for row in tables.generations:
        if row.name in SHOWN:
            price = grown.figures[f"list {row.name}"][last]
            yield Line(group, f"list price {row.name}", "USD thousand", row.list_price / THOUSAND, price / THOUSAND)


def _firms(grown: Grown, tables: Tables) -> Iterator[Line]:
    """Of the firms that the boom starts with, all are in the measured tables."""
    last, started = grown.at(END), grown.order.scenario.founding.borrowers
    known = {row.name for row in tables.borrowers}
    for one in CLASSES:
        there = sum(row.kind == one and row.name in known for row in started)
        told = f"{CLASS_WORDS[one]} alive of those of 2022"
        yield Line("firms", told, "firms", float(there), grown.figures[f"alive {one}"][last])
