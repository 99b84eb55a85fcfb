"""How much did debt grow from 2024 to 2025, and how far were miners levered: by the sources, and in a run?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from nobid.runs.errors import InputError
from nobid.runs.months import month_label
from nobid.runs.streams import finished, parts
from nobid.runs.tables import SHIPPED

if TYPE_CHECKING:
    from nobid.runs.run import Run

FOLDER: Final = SHIPPED / "spin_up"
BEFORE, AFTER = 2024, 2025
STOCK, FLOW = "debt_total", "credit_extended"


def sourced_growth() -> pd.DataFrame:
    """A row a published definition: what, whether it is a stock, from, to, values in USD bn, growth, grade, source.

    `growth` is the value at the end over the one at the start, less one; units in `.attrs["units"]`.
    """
    table = pd.read_csv(FOLDER / "growth.csv")
    table["growth"] = table["value_to"] / table["value_from"] - 1.0
    table.attrs["units"] = {"value_from": "USD bn", "value_to": "USD bn", "growth": "share"}
    return table


def debt_growth(run: Run) -> pd.DataFrame:
    """Growth from 2024 to 2025 by path (index, paths that ran to their end): `stock` of debt at the ends of the years,
    `flow` of new credit in the years, each the later over the earlier less one; NaN where the earlier is nought.

    Errors: InputError where the run does not hold both years.
    """
    ended, rules = finished(run), run.scenario.parameters
    months = [month_label(rules.start, month) for month in range(rules.months)]
    for month in (f"{BEFORE}-01", f"{AFTER}-12"):
        if month not in months:
            has = f"{months[0]} … {months[-1]}"
            raise InputError(f"debt growth from {BEFORE} to {AFTER}: the run has {has}, not {month}.")
    pieces = []
    for piece in parts(run, "monthly", ("path", "month", STOCK, FLOW)):
        _, good = ended.places(piece["path"])
        pieces.append(piece.to_pandas()[good])
    table = pd.concat(pieces)
    stock = table.pivot_table(index="path", columns="month", values=STOCK)
    table["year"] = table["month"].str[:4]
    flow = table.pivot_table(index="path", columns="year", values=FLOW, aggfunc="sum")
    found = pd.DataFrame(
        {
            "stock": _growth(stock[f"{BEFORE}-12"], stock[f"{AFTER}-12"]),
            "flow": _growth(flow[str(BEFORE)], flow[str(AFTER)]),
        }
    )
    found.attrs["units"] = dict.fromkeys(found.columns, "share")
    return found


def _growth(before: pd.Series, after: pd.Series) -> pd.Series:
    return after / before.where(before > 0.0, np.nan) - 1.0


def miner_leverage() -> pd.DataFrame:
    """A row a listed miner and date: debt, cash, coins (at their value then), equity at book, USD m, with net debt and
    its ratio to equity, the ratio of debt to equity that others report, grade and source.

    NaN where no source gives a figure. `partial`: more is owed than the figure says. Units in `.attrs["units"]`.
    """
    table = pd.read_csv(FOLDER / "miner_leverage.csv")
    table["net_debt"] = table["debt"] - table["cash"]
    table["net_debt_to_equity"] = table["net_debt"] / table["equity"]
    table["debt_to_equity"] = (table["debt"] / table["equity"]).fillna(table["debt_to_equity_reported"])
    money = ("debt", "cash", "coins", "equity", "net_debt")
    ratios = ("debt_to_equity_reported", "net_debt_to_equity", "debt_to_equity")
    table.attrs["units"] = dict.fromkeys(money, "USD m") | dict.fromkeys(ratios, "ratio")
    return table
