"""What do all figures share: the style sheet, the dates, the bands over paths, the footnote?"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import DateFormatter, MonthLocator, YearLocator
from matplotlib.figure import Figure

from nobid.runs.charts.by_month import FAR, Array, ByMonth, Spread

STYLE = Path(__file__).with_name("figures.mplstyle")
CHARACTERS_PER_INCH = 17.5  # of the footnote's type
SHORT_RUN = 18  # months up to which months, not years, are named
HEADROOM = 1.08  # of an axis above its highest value
MARGIN = pd.Timedelta(days=20)  # left and right of the first and last month
MONTH_LABELS = 5  # at most on an axis
LABEL_WIDTH = pd.Timedelta(days=260)  # room that a launch label takes on a five-year axis
KIND_WORDS = {"miner": "miners", "neocloud": "neo-clouds", "lender": "lenders", "buyer": "buyers"}
KIND_COLOURS = {"miner": "#E69F00", "neocloud": "#0072B2", "lender": "#009E73", "buyer": "#CC79A7"}

BAR_DAYS = 24  # width of a month's bar
Stroke = str | tuple[int, tuple[float, ...]]
DASHED: Stroke = (0, (7, 3))
DOTTED: Stroke = (0, (1.5, 1.5))
DASH_DOT: Stroke = (0, (8, 2.5, 2, 2.5))

Asked = ParamSpec("Asked")
Drawn = TypeVar("Drawn")


@dataclass(frozen=True)
class FigureMeta:
    """What a figure says about the run it shows.

    assumed_share: of debt, in [0, 1]; launches: generation to YYYY-MM; sources, assumed: in the words of
    `nobid.runs.provenance`.
    """

    scenario: str
    title: str
    seed: int
    paths: tuple[int, ...]
    assumed_share: float
    launches: dict[str, str] = field(default_factory=dict)
    sources: str = "not known"
    assumed: str = ""


def styled(draw: Callable[Asked, Drawn]) -> Callable[Asked, Drawn]:
    """The drawing function works under the project's style sheet and leaves the caller's settings alone."""

    @wraps(draw)
    def drawn(*args: Asked.args, **kwargs: Asked.kwargs) -> Drawn:
        with mpl.rc_context(fname=STYLE):
            return draw(*args, **kwargs)

    return drawn


def new_figure(title: str, width: float, height: float) -> Figure:
    """An empty figure of `width` × `height` inches with its own canvas and no pyplot state."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, x=0.01, ha="left")
    return figure


@styled
def saved(figures: Mapping[str, Callable[[], Figure]], folder: Path, formats: Sequence[str] = ("png",)) -> list[Path]:
    """Every figure lies in the folder as NAME.png (150 dpi), NAME.svg …; an error stops it, nothing is skipped.

    A figure drawn twice gives the same bytes. Under the style here too: matplotlib makes ticks when it draws.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for name, draw in figures.items():
        figure = draw()
        for kind in formats:
            files.append(folder / f"{name}.{kind}")
            figure.savefig(files[-1], dpi=150, metadata={"Date": None} if kind == "svg" else None)
    return files


def footnote(figure: Figure, meta: FigureMeta, *remarks: str) -> None:
    """The figure's foot names scenario, seed, paths, how to read it, which sources stand behind it, what is assumed."""
    paths = sorted(set(meta.paths))
    if len(paths) == 1:
        which = f"path {paths[0]}"
    elif paths == list(range(paths[0], paths[-1] + 1)):
        which = f"{len(paths)} paths ({paths[0]}–{paths[-1]})"
    else:
        which = f"{len(paths)} paths (from {paths[0]} to {paths[-1]})"
    told = f": {meta.title}" if meta.title and meta.title != meta.scenario else ""
    share = "not known" if np.isnan(meta.assumed_share) else f"{meta.assumed_share:.2f}"
    lines = [
        f"Scenario {meta.scenario}{told} · seed {meta.seed} · {which}",
        " · ".join(remark for remark in remarks if remark),
        f"Sources: {meta.sources}",
        f"Assumptions: share of debt on assumed terms {share}{meta.assumed and ', '}{meta.assumed}",
    ]
    width = int(figure.get_figwidth() * CHARACTERS_PER_INCH)
    text = "\n".join(textwrap.fill(line, width) for line in lines if line)
    figure.supxlabel(text, x=0.01, ha="left", fontsize=7, color="#444444", weight="normal")


def month_axis(ax: Axes, months: pd.DatetimeIndex) -> None:
    """The x axis spans the months, says so, and shows years, or a few months by name in a short run."""
    ax.set_xlim(months[0] - MARGIN, months[-1] + MARGIN)  # type: ignore[arg-type]
    if len(months) <= SHORT_RUN:
        every = -(-len(months) // MONTH_LABELS)
        ax.xaxis.set_major_locator(MonthLocator(interval=every))  # type: ignore[no-untyped-call]
        ax.xaxis.set_major_formatter(DateFormatter("%Y-%m"))  # type: ignore[no-untyped-call]
    else:
        ax.xaxis.set_major_locator(YearLocator())  # type: ignore[no-untyped-call]
        ax.xaxis.set_major_formatter(DateFormatter("%Y"))  # type: ignore[no-untyped-call]
        ax.xaxis.set_minor_locator(MonthLocator(bymonth=(4, 7, 10)))  # type: ignore[no-untyped-call]
    if ax.xaxis.get_tick_params().get("labelbottom", True):
        ax.set_xlabel("month", labelpad=2.0)


def draw_series(
    ax: Axes, months: pd.DatetimeIndex, spread: Spread, *, scale: float = 1.0, banded: bool = True, **line: Any
) -> None:
    """The figure stands in the panel: a line for one path; median, 50 % and 90 % bands for several."""
    (median,) = ax.plot(months, spread.median * scale, **line)
    if banded and spread.paths > 1:
        colour = median.get_color()
        for low, high, alpha in ((0.05, 0.95, 0.13), (0.25, 0.75, 0.25)):
            ends = spread.quantile(low) * scale, spread.quantile(high) * scale
            ax.fill_between(months, *ends, color=colour, alpha=alpha, linewidth=0)


def bands_remark(by_month: ByMonth) -> str:
    """How to read the bands, and how many paths failed; empty for one path."""
    words = "line: median over paths; dark band 50 %, light band 90 % of paths" if by_month.many else ""
    return " · ".join(one for one in (words, by_month.ended.sentence()) if one)


def say(ax: Axes, sentence: str) -> None:
    """The panel holds a sentence in place of an empty plot."""
    ax.text(0.5, 0.5, sentence, transform=ax.transAxes, ha="center", va="center", color="#555555", style="italic")
    ax.set_yticks([])
    ax.grid(visible=False)


def mark_launches(ax: Axes, months: pd.DatetimeIndex, launches: dict[str, str], *, named: bool) -> None:
    """A thin line stands at each launch within the run, with its name where `named`, in rows that do not collide."""
    rows: list[pd.Timestamp] = []
    room = LABEL_WIDTH * (len(months) / 60)
    for name, month in sorted(launches.items(), key=lambda item: item[1]):
        date = pd.Timestamp(f"{month}-01")
        if not months[0] <= date <= months[-1]:
            continue
        ax.axvline(date, color="#777777", linewidth=0.9, linestyle=(0, (1, 2)), zorder=1)  # type: ignore[arg-type]
        if not named:
            continue
        row = next((i for i, end in enumerate(rows) if date >= end), len(rows))
        rows[row : row + 1] = [date + room]
        offset = (3, -4 - 10 * row)
        at = (date, 1.0)
        ax.annotate(name, at, xycoords=("data", "axes fraction"), xytext=offset, textcoords="offset points",
                    va="top", fontsize=7.5, color="#333333")  # fmt: skip


def bars(
    ax: Axes,
    months: pd.DatetimeIndex,
    height: Array,
    *,
    bottom: Array | float = 0.0,
    width: float = BAR_DAYS,
    **look: Any,
) -> None:
    """A bar a month stands in the panel where there is something to show; one of no height where there is nothing."""
    shown = height > 0.0
    shown[0] |= not shown.any()  # for the legend
    base = np.broadcast_to(bottom, height.shape)[shown]
    look = {"edgecolor": "#222222", "linewidth": 0.5, **look}
    ax.bar(months[shown], height[shown], bottom=base, width=width, **look)


def from_zero(ax: Axes) -> None:
    """The axis starts at zero and ends a little above what is drawn."""
    ax.set_ylim(0, ax.dataLim.y1 * HEADROOM if ax.dataLim.y1 > 0 else 1.0)


def ceiling(ax: Axes, shown: Sequence[Array], top: float) -> str:
    """The axis spans 0, 1 and every value shown up to `top`; the remark says where something lies above."""
    values = np.concatenate([np.ravel(one) for one in shown])
    near = values[np.abs(values) < FAR]
    highest = min(np.max(near, initial=1.0) * HEADROOM, top)
    ax.set_ylim(max(np.min(near, initial=0.0) * HEADROOM, -top), highest)
    return f"values above {highest:,.4g} lie outside" if bool(np.any(values > highest)) else ""
