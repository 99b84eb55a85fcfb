"""Does the contract spread of each kind of loan pay for its losses?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter

from nobid.runs.charts.style import FigureMeta, footnote, new_figure, say, styled
from nobid.runs.loan_risk import loan_risk
from nobid.runs.streams import finished
from nobid.runs.summary_figures import BILLION

if TYPE_CHECKING:
    from nobid.runs.run import Run

KIND_OF_LOAN: Final = {
    "abl": "loans on GPUs", "project": "project loans", "note": "notes", "convertible": "convertibles",
    "btc_loan": "loans on coins", "vendor": "vendor loans", "revolver": "revolvers", "all loans": "all loans",
}  # fmt: skip
VERDICTS: Final = {
    "yes": "pays", "no": "does not pay", "open": "open", "no loss seen": "no loss seen",
}  # fmt: skip
BASIS_POINTS: Final = 1e4
LINEAR: Final = 100.0  # basis points about nought within which the axis is linear
ROW: Final = 0.42  # inches a kind of loan
FAIR, CHARGED = "#D55E00", "#0072B2"


def spreads_of_run(run: Run) -> Figure:
    """The fair spread of every kind of loan, with its interval over paths, against the spread charged."""
    ended = finished(run)
    found = loan_risk(run, ended)
    table = found.table("kind").rename(columns={"kind": "group"}).sort_values("drawn", ascending=False, kind="stable")
    whole = found.table("book").rename(columns={"book": "group"})
    return spreads(pd.concat([table, whole], ignore_index=True), run.figure_meta, len(ended.paths))


@styled
def spreads(table: pd.DataFrame, meta: FigureMeta, paths: int) -> Figure:
    """A row a group of loans: fair spread (dot, 95 % interval) and contract spread (bar), basis points a year.

    `table`: of `LoanRisk.table`, the group's name in `group`.
    """
    shown = table[(table["drawn"] > 0.0) | table["fair_spread"].notna()]
    figure = new_figure("What loans lose against what they charge", 10, 2.6 + ROW * max(len(shown), 2))
    ax = figure.subplots()
    ax.set_xlabel("basis points a year (linear around nought, then log)")
    ax.set_ylabel("kind of loan (number, drawn at the start)")
    if len(shown):
        _rows(ax, shown)
    else:
        say(ax, "no loans in this run")
    few = not np.isfinite(shown["fair_low"]).any()
    words = (
        "fair spread: the spread that would have paid for the losses, present values; bar: what the contract charges"
    )
    thin = "bare dots: losses on too few paths for an interval" if few else "interval: over paths"
    notes = "convertibles are also paid by their option" if "convertible" in set(shown["group"]) else ""
    one = "one path: what happened on it" if paths == 1 else ""
    footnote(figure, meta, words, one or thin, notes)
    return figure


def _rows(ax: Axes, table: pd.DataFrame) -> None:
    fair, low, high, charged = (
        table[name].to_numpy(dtype=float) * BASIS_POINTS
        for name in ("fair_spread", "fair_low", "fair_high", "contract_spread")
    )
    rows = np.arange(len(table))
    known = np.isfinite(low) & np.isfinite(high)
    if known.any():
        ax.hlines(rows[known], low[known], high[known], color=FAIR, linewidth=2.4, alpha=0.55, label="95 % interval")
    ax.plot(fair, rows, linewidth=0, marker="o", color=FAIR, markersize=6.5, label="fair spread", zorder=3)
    ax.plot(charged, rows, linewidth=0, marker="|", color=CHARGED, markersize=17, markeredgewidth=2.6,
            label="contract spread", zorder=4)  # fmt: skip
    ax.axvline(0.0, color="black", linewidth=1.0)
    _axis(ax, np.concatenate([fair, charged, low[known], high[known]]))
    ax.set_yticks(rows, [_words(row) for row in table.to_dict("records")])
    ax.set_ylim(len(table) - 0.5, -0.5)
    ax.grid(visible=False, axis="y")
    ax.grid(visible=True, axis="x")
    for row, pays in zip(rows, table["pays"], strict=True):
        ax.annotate(VERDICTS[pays], (1.0, row), xycoords=("axes fraction", "data"), xytext=(8, 0),
                    textcoords="offset points", va="center", fontsize=8.5)  # fmt: skip
    ax.axhline(len(table) - 1.5, color="#444444", linewidth=0.7)
    ax.annotate("does it pay?", (1.0, 1.0), xycoords="axes fraction", xytext=(8, 4), textcoords="offset points",
                va="bottom", fontsize=8.5, weight="bold")  # fmt: skip
    ax.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=3, borderaxespad=0.2, markerscale=0.8)


def _axis(ax: Axes, values: Any) -> None:
    """Linear about nought, powers of ten beyond; every second power named by its own number."""
    ends = np.abs(values[np.isfinite(values)])
    powers = [10.0**power for power in range(2, int(np.ceil(np.log10(max(np.max(ends, initial=0.0), LINEAR)))) + 1)]
    ax.set_xscale("symlog", linthresh=LINEAR, linscale=0.8)
    lowest = float(np.nanmin(values, initial=0.0))
    ax.set_xlim(min(-0.35 * LINEAR, 1.5 * lowest), 1.6 * max(np.max(ends, initial=0.0), 2.0 * LINEAR))
    ticks = [-power for power in powers if -power >= 1.5 * lowest] + [0.0, *powers]
    ax.xaxis.set_major_locator(FixedLocator(sorted(ticks)))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))


def _words(row: dict[Any, Any]) -> str:
    """What the group is, how many loans, how much at the start."""
    drawn = row["drawn"]
    money = f"USD {drawn / BILLION:,.1f} bn" if drawn >= BILLION else f"USD {drawn:,.0f} m"
    loans = row.get("loans")
    count = f"{loans:,.0f}, " if loans is not None and np.isfinite(loans) else ""
    return f"{KIND_OF_LOAN.get(row['group'], row['group'])} ({count}{money})"
