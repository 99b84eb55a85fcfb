"""How did the grown debt rise, by kind, beside what was measured?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter

from nobid.runs.charts.style import (
    DASH_DOT,
    DASHED,
    DOTTED,
    Stroke,
    footnote,
    month_axis,
    new_figure,
    styled,
)
from nobid.runs.charts.which import meta_of
from nobid.runs.growth import Array, Grown
from nobid.runs.growth_gap import BILLION, CLASS_WORDS, KIND_WORDS

# Stocks of debt that sources give, USD bn: neo-clouds' are CoreWeave's alone before the tables; miners' of ten in 2022.
POINTS: Final[Mapping[str, Sequence[tuple[str, float, str]]]] = {
    "miner": (("2023-01", 2.6, "ten largest, end of 2022"), ("2024-10", 2.1, "VanEck"), ("2025-10", 12.7, "VanEck")),
    "neocloud": (("2024-12", 8.033, "CoreWeave"), ("2025-06", 11.171, "CoreWeave")),
}
LOOK: Final[Mapping[str, tuple[str, Stroke]]] = {
    "abl": ("#0072B2", "-"),
    "convertible": ("#D55E00", DASHED),
    "btc_loan": ("#E69F00", DASH_DOT),
    "note": ("#009E73", DOTTED),
}
RED: Final = "#CC0000"
FLOOR: Final = 0.01  # USD bn: a smaller median is not drawn on the logarithmic axis


@styled
def debt_by_kind(grown: Grown, measured: Mapping[str, float]) -> Figure:
    """Debt of miners and of neo-clouds by month, all of it (5-95 % of paths) and by kind (medians), on a logarithmic
    axis, with sourced points; `measured`: USD bn at the end of 2025 by class of firm.
    """
    figure = new_figure("Debt that the boom grows, and debt that was measured", 9.0, 4.6)
    months = pd.DatetimeIndex(pd.to_datetime(list(grown.months), format="%Y-%m"))
    panels = figure.subplots(1, 2, sharey=True)
    for ax, one in zip(panels, CLASS_WORDS, strict=True):
        _panel(ax, months, grown, one)
        _points(ax, [*POINTS[one], (grown.months[-1], measured[one], "tables")])
        ax.set_title(CLASS_WORDS[one])
        month_axis(ax, months)
        ax.set_yscale("log")
        ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        ax.legend(loc="upper left", fontsize=7)
    panels[0].set_ylabel("USD bn, logarithmic")
    world = grown.order.scenario
    meta = meta_of(world, grown.order.seed, grown.order.paths)
    footnote(figure, meta, "lines: medians over paths; band: 5 to 95 % of all debt; crosses: sourced")
    return figure


def _panel(ax: Axes, months: pd.DatetimeIndex, grown: Grown, one: str) -> None:
    """All debt of the class with its band, and the kinds that reach FLOOR."""
    low, middle, high = np.quantile(grown.of([one]) / BILLION, (0.05, 0.5, 0.95), axis=1)
    ax.fill_between(months, _seen(low), _seen(high), color="#222222", alpha=0.15, linewidth=0)
    ax.plot(months, _seen(middle), color="#999999", linewidth=4.0, label="all")
    for kind, (colour, stroke) in LOOK.items():
        median = np.median(grown.debt[one, kind], axis=1) / BILLION
        if median.max() >= FLOOR:
            ax.plot(months, _seen(median), color=colour, linestyle=stroke, label=KIND_WORDS[kind])


def _points(ax: Axes, points: Sequence[tuple[str, float, str]]) -> None:
    """Sourced stocks, named."""
    for month, value, name in points:
        date = pd.Timestamp(f"{month}-01")
        late = month > "2024"
        ax.plot(
            pd.DatetimeIndex([date]), [value], marker="x", color=RED, markersize=7, markeredgewidth=2, linestyle="none"
        )
        ax.annotate(f"{name} {value:.1f}", (date, value), xytext=(-6 if late else 6, 4), textcoords="offset points",
                    ha="right" if late else "left", fontsize=7, color=RED)  # fmt: skip


def _seen(values: Array) -> Array:
    """Values that a logarithmic axis shows; smaller ones are gaps."""
    shown: Array = np.where(values >= FLOOR, values, np.nan)
    return shown
