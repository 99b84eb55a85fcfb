"""What of the risk figures stands in the closing table of many paths?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nobid.runs.causation import CLUSTER
from nobid.runs.charts.over_time import failures_block, over_time_block
from nobid.runs.risk import Risk, hump_sentence, risk
from nobid.runs.streams import schema_of
from nobid.runs.summary_blocks import Block
from nobid.runs.summary_figures import NONE, money

if TYPE_CHECKING:
    from nobid.runs.book import Book
    from nobid.runs.run import Run

BASIS_POINTS = 1e4


def risk_of_many(run: Run) -> Risk | None:
    """The risk figures of a run of many paths; None for a single path, or where loans were not kept."""
    if len(run.paths) == 1 or schema_of(run, "facilities") is None:
        return None
    return risk(run)


def risk_blocks(run: Run, told: Risk | None = None) -> list[Block]:
    """Parts of the closing table: year by year; who failed when; the tail and clusters; PD, LGD and spreads by kind.

    None for a single path. `told`: the figures where they are known already.
    """
    found = told or risk_of_many(run)
    if found is None:
        return []
    return [over_time_block(found), failures_block(run, found), _tail(run, found), _spreads(found)]


def risk_remarks(told: Risk | None) -> Iterator[str]:
    """Sentences below the closing table: what the tail lacks, two humps of the losses, what a spread leaves out.

    The closing table says itself which paths failed.
    """
    if told is None:
        return
    if told.tail_missing:
        yield f"expected shortfall: {told.tail_missing}"
    if told.two_humped["lender_losses"].two:
        yield hump_sentence("lender losses", told.two_humped["lender_losses"])
    if "convertible" in set(told.tables["by_kind"]["kind"]):
        yield "spreads are over the base rate; what a convertible's option is worth is not counted."


def risk_numbers(told: Risk | None) -> dict[str, Any]:
    """For machines: the figures of these parts and more, tables as lists of rows, under the one key "risk"."""
    if told is None:
        return {}
    tables = told.as_dict()["tables"]
    return {"risk": {name: rows for name, rows in tables.items() if name != "facilities"}}


def _tail(run: Run, told: Risk) -> Block:
    unit, shown = money(run)
    losses = _record(told.tables["losses"], "figure", "lender_losses")
    cluster = _record(told.tables["clusters"], "at_least", CLUSTER)
    rows = [
        (f"lender losses, worst 5 % of paths (ES95), {unit}",
         *_told(losses["es95"], losses["es95_low"], losses["es95_high"], shown)),
        (f"lender losses, mean, {unit}", *_told(losses["mean"], losses["low"], losses["high"], shown)),
        (f"{CLUSTER} or more defaults within three months, % of paths",
         *_told(cluster["share"], cluster["low"], cluster["high"], _percent)),
    ]  # fmt: skip
    return Block("risk", ("", "95 %"), tuple(rows))


def _record(table: pd.DataFrame, key: str, value: object) -> dict[str, Any]:
    """The row with this value, by column."""
    found = table[table[key] == value].to_dict("records")[0]
    return {str(name): cell for name, cell in found.items()}


def _spreads(told: Risk) -> Block:
    """A row a kind of loan, then all of them."""
    kinds, every = told.tables["by_kind"], told.tables["all_loans"].rename(columns={"book": "kind"})
    rows = [_row(one) for table in (kinds, every) for one in table.to_dict("records")]
    return Block("loans", ("PD, %", "LGD, %", "fair spread, bp", "95 %", "contract, bp", "pays"), tuple(rows))


def book_block(told: Book) -> Block:
    """The user's positions, a row each and the whole book last; amounts and losses in USD m."""
    rows = []
    for one in told.table.to_dict("records"):
        shown, band = _told(one["fair_spread"], one["fair_low"], one["fair_high"], _points)
        losses = (_one(one[name], _millions) for name in ("expected_loss", "es95", "es95_in_book"))
        rows.append((str(one["position"]), _millions(one["amount"]), _one(one["pd"], _percent), *losses, shown, band,
                     _one(one["contract_spread"], _points)))  # fmt: skip
    columns = (
        "USD m",
        "PD, %",
        "expected loss",
        "ES95",
        "in the book's ES95",
        "fair spread, bp",
        "95 %",
        "contract, bp",
    )
    return Block("your book", columns, tuple(rows))


def _millions(value: float) -> str:
    return f"{value:,.1f}"


def _row(one: dict[Any, Any]) -> tuple[str, ...]:
    shown, band = _told(one["fair_spread"], one["fair_low"], one["fair_high"], _points)
    name = str(one["kind"]).replace("_", " ")
    return (name, _one(one["pd"], _percent), _one(one["lgd"], _percent), shown, band,
            _one(one["contract_spread"], _points), str(one["pays"]))  # fmt: skip


def _told(value: float, low: float, high: float, shown: Any) -> tuple[str, str]:
    """The figure and its interval as text."""
    middle = _one(value, shown) if np.isfinite(value) else "n/a"
    return middle, f"{shown(low)} – {shown(high)}" if np.isfinite(low) and np.isfinite(high) else NONE


def _one(value: float, shown: Any) -> str:
    return str(shown(value)) if np.isfinite(value) else NONE


def _percent(value: float) -> str:
    return f"{100.0 * value:.0f}"


def _points(value: float) -> str:
    return f"{round(BASIS_POINTS * value):,}"
