"""How does a shock become a loss: how much of the debt that defaulted goes to which shock, which to contagion?

A default's causes are shares that sum to one, so that its debt splits into what a shock outside did to the borrower and
what reached it through others, each by what asked it for the cash (a margin call, a refused roll). The debt of all
defaults is the sum of the items; what no cause claims is an item too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import pandas as pd
import pyarrow.compute as pc
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter

from nobid.model.contagion import DEFAULT
from nobid.runs.causation import buyers_of
from nobid.runs.charts.by_month import Array
from nobid.runs.charts.style import footnote, new_figure, say, styled
from nobid.runs.charts.which import meta_of_path, shown_path
from nobid.runs.estimate import Estimate, mean_over_paths
from nobid.runs.streams import parts

if TYPE_CHECKING:
    from nobid.runs.run import Run

UNEXPLAINED: Final = "unexplained"
SHOCKS: Final = {
    "rents": "lower rents", "coin": "fall of the coin", "funding window": "funding window closes",
    "funding": "funding window closes", "launch": "newer machines", "maturity wall": "debt due in cash",
    "initial weakness": "weak from the start", "own investment": "own investment",
    "own balance sheet": "own profit and dividends", "customers": "customers' own business",
    "scripted": "the scenario's script", UNEXPLAINED: "no cause recorded",
}  # fmt: skip
CONTAGION: Final = {
    "fire sale": "fire sales", "loss": "losses on the failed", "refused roll": "refused rolls",
    "called loan": "loans called early", "line called": "lines called", "lost tenant": "lost tenants",
    "lost contract": "lost contracts", "default news": "news of defaults", "coin sale": "coin sales",
    "repo cut": "repo not renewed",
}  # fmt: skip
ASKED: Final = {
    "gpu call": "margin calls", "coin call": "coin margin calls", "refused roll": "refused rolls",
    "dearer money": "dearer money", "scheduled service": "debt service", "mining": "mining income",
    "called loan": "loans called early", "line called": "lines called", "repo cut": "repo not renewed",
}  # fmt: skip
MOST: Final = 6  # items of a group; the smaller ones are one item
LEAST: Final = 0.005  # of the debt defaulted: a smaller item is none of its own
DUST: Final = 1e-9  # of the debt defaulted: what rounding leaves
Way = tuple[str, str]  # the channel of the last step, and what asked for the cash
KEY: Final = ["path", "month", "round", "agent"]
BILLION: Final = 1e3  # USD m


class Look(NamedTuple):
    """Colour, hatch and words of a group of bars."""

    colour: str
    hatch: str
    words: str


LOOKS: Final = {
    "shock": Look("#E69F00", "", "a shock from outside"),
    "contagion": Look("#D55E00", "////", "contagion: through others"),
    UNEXPLAINED: Look("#FFFFFF", "xxxx", "unexplained"),
    "sum": Look("#555555", "", "total"),
    "recovered": Look("#9BD3BF", "....", "recovered, less what is lost beyond debt defaulted"),
}


@dataclass(frozen=True)
class Item:
    """A bar: its words, group, USD million on each path, and whether it stands on the axis rather than the last bar."""

    words: str
    group: str
    values: Array

    @property
    def grounded(self) -> bool:
        """True for a total."""
        return self.group == "sum"


@styled
def waterfall(run: Run, *, path: int | None = None) -> Figure:
    """From the shocks through the channels of contagion to debt defaulted and lender losses; the mean over all paths
    with 95 % intervals, or one path where it is named. USD million or billion.
    """
    numbers = [shown_path(run, path)] if path is not None else [int(one) for one in run.by_month.ended.paths]
    bars = items(run, numbers)
    many = len(numbers) > 1
    figure = new_figure("From the shock to the loss: debt defaulted by cause", 9, 0.34 * len(bars) + 2.0)
    ax = figure.subplots()
    if bars:
        _draw(ax, bars, many=many)
    else:
        say(ax, "no borrower defaulted: there is no loss to explain")
        ax.set_axis_off()
    means = "mean over paths, whiskers: 95 % interval of each item alone" if many else ""
    split = (
        "each default's debt is split by the shares of its causes in the last step; lender losses: what their capital "
        "fell by, month by month"
    )
    meta = run.figure_meta if many else meta_of_path(run, numbers[0])
    footnote(figure, meta, *((means, split, run.by_month.ended.sentence()) if bars else ()))
    return figure


def items(run: Run, paths: Sequence[int]) -> list[Item]:
    """The bars from the top: shocks, contagion, what is unexplained, debt defaulted, recoveries, lender losses; none
    where nothing defaulted. Each is USD million on each of the paths, and those before a total add up to it.
    """
    found = by_channel(run, paths)
    outcomes = run.outcomes.set_index("path").loc[list(paths)]
    total = outcomes["debt_defaulted"].to_numpy(float)
    if not total.any():
        return []
    losses = outcomes["lender_losses"].to_numpy(float)
    shocks = {way: values for way, values in found.items() if way[0] in SHOCKS and way[0] != UNEXPLAINED}
    spread = {way: values for way, values in found.items() if way[0] not in SHOCKS}
    rest = total - sum((*shocks.values(), *spread.values()), np.zeros(len(paths)))
    bars = [*_group("shock", shocks, total), *_group("contagion", spread, total)]
    if np.abs(rest).max() > DUST * total.max():
        bars.append(Item("unexplained", UNEXPLAINED, rest))
    return [*bars, Item("Debt defaulted", "sum", total), Item("recovered, net", "recovered", losses - total),
            Item("Lender losses", "sum", losses)]  # fmt: skip


def in_words(way: Way) -> str:
    """ "lower rents: margin calls"; the channel alone where it says itself what asked for the cash."""
    channel, via = way
    first = (SHOCKS | CONTAGION).get(channel, channel)
    return f"{first}: {ASKED[via]}" if via in ASKED and via != channel else first


def _group(group: str, found: Mapping[Way, Array], total: Array) -> Iterator[Item]:
    """The items of a group, the largest first, the small ones as one."""
    named: dict[str, Array] = defaultdict(lambda: np.zeros(len(total)))
    for way, values in found.items():
        named[in_words(way)] = named[in_words(way)] + values
    ranked = sorted(named, key=lambda name: (-named[name].sum(), name))
    shown = [name for name in ranked[:MOST] if named[name].mean() >= LEAST * total.mean()]
    yield from (Item(name, group, named[name]) for name in shown)
    small = [named[name] for name in ranked if name not in shown]
    if small:
        yield Item("other shocks" if group == "shock" else "other channels", group, np.sum(small, axis=0))


def by_channel(run: Run, paths: Sequence[int]) -> dict[Way, Array]:
    """Debt defaulted by borrowers, by the channel through which their defaults were reached in the last step and what
    asked for the cash, on each path; USD million. What they miss of a path's debt defaulted, no cause claims.
    """
    owed = _owed(run)
    place = pd.Series(range(len(paths)), index=list(paths))
    found: dict[Way, Array] = defaultdict(lambda: np.zeros(len(paths)))
    columns = ["path", "month", "round", "effect", "state", "channel", "via", "weight"]
    for piece in parts(run, "causes", columns):
        rows = piece.filter(pc.equal(piece["state"], DEFAULT)).to_pandas().rename(columns={"effect": "agent"})
        rows = rows[rows["path"].isin(place.index)].merge(owed, on=KEY)
        amounts = (rows["weight"] * rows["amount"]).groupby([rows["channel"], rows["via"], rows["path"]]).sum()
        for (channel, via, path), amount in amounts.items():
            found[str(channel), str(via)][place[path]] += amount
    return dict(found)


def _owed(run: Run) -> pd.DataFrame:
    """What each borrower owed when it defaulted; path, month, round, agent, amount (USD million)."""
    outside = buyers_of(run) | {name for name, kind in run.scenario.census.kinds().items() if kind == "lender"}
    pieces = [
        piece.filter(pc.equal(piece["kind"], DEFAULT)).to_pandas()
        for piece in parts(run, "events", ["path", "month", "round", "kind", "source", "amount"])
    ]
    table = pd.concat(pieces).rename(columns={"source": "agent"})
    return pd.DataFrame(table.loc[~table["agent"].isin(outside), [*KEY, "amount"]])


def _draw(ax: Axes, bars: Sequence[Item], *, many: bool) -> None:
    """The bars one under the other, each from where the last one ended."""
    known = [mean_over_paths(bar.values) for bar in bars]
    unit, scale = ("billion", 1.0 / BILLION) if max(one.value for one in known) >= BILLION else ("million", 1.0)
    ends, digits = _ends(bars, known), _digits(max(one.value for one in known) * scale)
    right = max(max(pair) for pair in ends) * scale
    for row, (bar, one, (start, end)) in enumerate(zip(bars, known, ends, strict=True)):
        look = LOOKS[bar.group]
        ax.barh(row, (end - start) * scale, left=start * scale, height=0.72, color=look.colour, hatch=look.hatch,
                edgecolor="#222222", linewidth=0.7)  # fmt: skip
        if row + 1 < len(bars):
            ax.plot([end * scale] * 2, [row + 0.36, row + 0.64], color="#777777", linewidth=0.8)
        reach = _whisker(ax, row, one, (start * scale, scale))
        told, weight = _written(one.value * scale, digits), "bold" if bar.grounded else "normal"
        ax.annotate(told, (max(reach, start * scale), row), xytext=(4, 0), textcoords="offset points", va="center",
                    fontsize=8, weight=weight)  # fmt: skip
        right = max(right, reach)
    ax.set_yticks(range(len(bars)), [bar.words for bar in bars])
    for label, bar in zip(ax.get_yticklabels(), bars, strict=True):
        label.set_fontweight("bold" if bar.grounded else "normal")
    ax.set(ylim=(len(bars) - 0.4, -0.6), xlim=(min(0.0, *(min(pair) * scale for pair in ends)), right * 1.16),
           xlabel=f"USD {unit}{', mean over paths' if many else ''}")  # fmt: skip
    ax.grid(visible=False, axis="y")
    ax.grid(visible=True, axis="x")
    ax.tick_params(axis="y", length=0)
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
    _legend(ax, {bar.group for bar in bars})


def _ends(bars: Sequence[Item], known: Sequence[Estimate]) -> list[tuple[float, float]]:
    """Where each bar starts and ends, USD million."""
    level, found = 0.0, []
    for bar, one in zip(bars, known, strict=True):
        start = 0.0 if bar.grounded else level
        level = start + one.value
        found.append((start, level))
    return found


def _whisker(ax: Axes, row: int, one: Estimate, at: tuple[float, float]) -> float:
    """The interval at the bar's moving end, where there is one; its right end is where the figure may stand."""
    start, scale = at
    end = start + one.value * scale
    if not np.isfinite(one.halfwidth) or one.halfwidth <= 0.0:
        return max(start, end)
    low, high = start + one.low * scale, start + one.high * scale
    ax.plot([low, high], [row, row], color="black", linewidth=1.1, marker="|", markersize=6)
    return max(start, end, high)


def _digits(largest: float) -> int:
    """Digits after the point, the same for all bars."""
    return 0 if largest >= 1000.0 else 1 if largest >= 10.0 else 2


def _written(value: float, digits: int) -> str:
    """The figure; what would round to nothing as under the smallest that does not."""
    least = 10.0**-digits
    if 0.0 < abs(value) < least / 2.0:
        return f"under {least:.{digits}f}"
    return f"{value:,.{digits}f}".replace("-", "−")


def _legend(ax: Axes, used: set[str]) -> None:
    from matplotlib.patches import Patch

    handles = [
        Patch(facecolor=look.colour, hatch=look.hatch, edgecolor="#222222", linewidth=0.7, label=look.words)
        for group, look in LOOKS.items()
        if group in used - {"sum"}
    ]
    ax.legend(handles=handles, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2, borderaxespad=0.3)
