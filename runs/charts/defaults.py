"""Who defaults in which month, by what cause, and how much debt is that?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from nobid.runs.block_tables import COUNTS
from nobid.runs.charts.by_month import Array, ByMonth, Spread
from nobid.runs.charts.style import (
    DASHED,
    KIND_COLOURS,
    KIND_WORDS,
    FigureMeta,
    bars,
    footnote,
    from_zero,
    month_axis,
    new_figure,
    say,
    styled,
)
from nobid.runs.summary_causes import WORDS

if TYPE_CHECKING:
    from nobid.runs.run import Run

Stack = tuple[str, Array, str, str]  # label, height by month, colour, hatch

HATCHES: Final = {"miner": "", "neocloud": "////", "lender": "....", "buyer": "xxxx"}
OUTSIDE: Final = {
    "rents": "#0072B2", "coin": "#56B4E9", "funding window": "#009E73", "maturity wall": "#8C8C8C",
    "launch": "#B9D9EE", "initial weakness": "#D9D9D9", "own investment": "#BFE3D6",
}  # fmt: skip
PASSED_ON: Final = {
    "loss": ("#D55E00", "////"), "fire sale": ("#E69F00", "xxxx"), "default news": ("#CC79A7", "...."),
    "lost tenant": ("#F0C27B", "----"), "lost contract": ("#F5D9A8", "++++"), "refused roll": ("#EE9B6A", "oooo"),
    "line called": ("#E3B8CF", "||||"), "called loan": ("#F2DCE7", "\\\\\\\\"),
}  # fmt: skip
NAMED: Final = 8  # causes; the smaller ones are drawn together
LEAST: Final = 0.005  # share of all defaults below which a cause is not named


@styled
def defaults_by_month(by_month: ByMonth, meta: FigureMeta, causes: Mapping[str, Array] | None = None) -> Figure:
    """Mean defaults by kind, then by cause, and mean debt defaulted and lender losses. Numbers; USD million a month.

    `causes`: by channel, how many defaults of borrowers and lenders it brought about in each month, a mean over paths;
    None where that is not known.
    """
    figure = new_figure("Defaults by month: who, why, how much", 10, 8.4)
    kinds, why, money = figure.subplots(3, 1, sharex=True, height_ratios=[1.0, 1.25, 1.0])
    found = by_month.spread(*COUNTS, "debt_defaulted", "lender_losses")
    unit = "mean number per path" if by_month.many else "number of agents"
    kinds.set(title="Agents in default, by kind", ylabel=unit)
    why.set(title="The same borrowers and lenders, by cause", ylabel=unit)
    mean = " (mean)" if by_month.many else ""
    money.set(title="Debt defaulted and lender losses", ylabel=f"USD million a month{mean}")
    if any(found[name].mean.any() for name in COUNTS):
        _stacked(kinds, by_month.dates, _by_kind(found), "over the run")
    else:
        say(kinds, "no default in this run")
    if causes:
        _stacked(why, by_month.dates, _by_cause(causes), "hatched: passed on by others")
    else:
        say(why, "causes were not kept in this run" if causes is None else "no borrower or lender failed in this run")
    if any(found[name].mean.any() for name in ("debt_defaulted", "lender_losses")):
        _debt_defaulted(money, by_month.dates, found)
    else:
        say(money, "no debt defaulted in this run")
    month_axis(money, by_month.dates)
    last = "cause: the last step into each default, shares of it adding up to 1" if causes else ""
    buyers = "failures of GPU buyers are not followed up" if causes else ""
    footnote(figure, meta, last, buyers, by_month.ended.sentence())
    return figure


def causes_by_month(run: Run) -> dict[str, Array] | None:
    """By channel, defaults of borrowers and lenders by month, a mean over the finished paths; None where not known."""
    if not run.knows_causes:
        return None
    paths = run.systemic().paths
    found: dict[str, Array] = {}
    for one in paths:
        for (month, channel), share in one.monthly.items():
            found.setdefault(channel, np.zeros(len(run.by_month.months)))[month] += share / len(paths)
    return found


def _by_kind(found: Mapping[str, Spread]) -> Iterable[Stack]:
    for kind, word in KIND_WORDS.items():
        yield word, found[f"defaults_{kind}"].mean, KIND_COLOURS[kind], HATCHES[kind]


def _by_cause(causes: Mapping[str, Array]) -> Iterable[Stack]:
    """The largest causes, those from outside first, and the rest together."""
    whole = sum(float(height.sum()) for height in causes.values())
    looks = {**{name: (colour, "") for name, colour in OUTSIDE.items()}, **PASSED_ON}
    sizes = {name: float(causes[name].sum()) for name in looks if name in causes}
    large = sorted((name for name in sizes if sizes[name] >= LEAST * whole), key=lambda name: -sizes[name])[:NAMED]
    for name in (one for one in looks if one in large):
        yield WORDS.get(name, name), causes[name], *looks[name]
    rest = np.sum([height for name, height in causes.items() if name not in large], axis=0)
    if np.any(rest):
        yield "other", np.asarray(rest, dtype=float), "white", ""


def _stacked(ax: Axes, months: pd.DatetimeIndex, parts: Iterable[Stack], heading: str) -> None:
    base = np.zeros(len(months))
    for label, height, colour, hatch in parts:
        bars(ax, months, height, bottom=base, color=colour, hatch=hatch, label=f"{label} ({height.sum():,.3g})")
        base = base + height
    whole = bool(np.allclose(base, np.rint(base)))
    ax.yaxis.set_major_locator(MaxNLocator(nbins=6, integer=whole, steps=[1, 2, 5, 10]))
    ax.set_ylim(0, max(float(np.max(base)) * 1.12, 1.05 if whole else 0))
    ax.legend(title=heading, loc="upper left", bbox_to_anchor=(1.0, 1.06), alignment="left")


def _debt_defaulted(ax: Axes, months: pd.DatetimeIndex, found: Mapping[str, Spread]) -> None:
    ax.plot(months, found["debt_defaulted"].mean, color="#0072B2", label="debt defaulted")
    ax.plot(months, found["lender_losses"].mean, color="#D55E00", linestyle=DASHED, label="lender losses")
    from_zero(ax)
    ax.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
