"""What do sourced figures say of a claim, and what does plain arithmetic on the founding say?

A fact takes the bench, the run of the claim's scenario and the test, and gives a line with its rows: what, figure,
source.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from nobid.runs.essay.declaration import Criterion
from nobid.runs.essay.result import Line
from nobid.runs.essay.rules import Kind
from nobid.runs.estimate import significant

if TYPE_CHECKING:
    from nobid.runs.essay.benches import Bench
    from nobid.runs.run import Run

BILLION: Final = 1e3  # USD m
THEN: Final = ("2021-07-01", "2022-03-31")  # the sheets around the end of 2021
NOW: Final = ("2025-06-30", "2025-12-31")
DAYS: Final = 30.0  # in a month, as the coin's market reads it
Rows = tuple[tuple[str, str, str], ...]
Fact = Callable[..., Line]


def line_of(test: Criterion, value: float, verdict: Kind, *, words: str, rows: Rows = (), unit: str = "share") -> Line:
    """A line about a figure that has no interval: it is what a source says."""
    return Line(
        "test", "", test.what, value, value, value, unit, test.side, test.bound, verdict, words, None, 0, 0, rows
    )


def figures_line(test: Criterion) -> Line:
    """Supported where every sourced figure that counts lies on the claimed side of the bound, or on it; else not."""
    bound = 0.0 if test.bound is None else test.bound
    counted = [one for one in test.figures if one.counts]
    sides = [one.value <= bound if test.side == "below" else one.value >= bound for one in counted]
    worst = max if test.side == "below" else min
    verdict: Kind = "supported" if all(sides) else "not supported"
    words = f"{sum(sides)} of {len(sides)} sourced figures lie {test.side} {percent(bound)}"
    rows = tuple((one.what, percent(one.value), one.source) for one in test.figures)
    return line_of(test, worst(one.value for one in counted), verdict, words=words, rows=rows)


def debt_growth(bench: Bench, run: Run, test: Criterion) -> Line:
    """Supported where a published definition of grade A or B comes near both the growth and the level of the claim."""
    from nobid.runs.growth_sources import sourced_growth

    given, found = test.given, sourced_growth()
    columns = (found[name].to_numpy(dtype=float) for name in ("growth", "value_to"))
    known = [*zip(*(map(float, column) for column in columns), map(str, found["grade"]), strict=True)]
    near = [
        grade in {"A", "B"}
        and abs(growth - given["growth"]) <= given["within"]
        and abs(level * BILLION / given["level"] - 1.0) <= given["level_within"]
        for growth, level, grade in known
    ]
    words = [f"{percent(growth)} to USD {significant(level, 3)} bn" for growth, level, _ in known]
    about = [(f"{row.definition}: {row.what}", f"{row.grade}: {row.source}") for row in found.itertuples()]
    rows = tuple((what, figure, source) for (what, source), figure in zip(about, words, strict=True))
    graded = [growth for growth, _, grade in known if grade in {"A", "B"}]
    best = min(graded, key=lambda growth: abs(growth - given["growth"]))
    told = f"{sum(near)} of {len(graded)} definitions of grade A or B come near both; closest growth {percent(best)}"
    return line_of(test, best, "supported" if any(near) else "not supported", words=told, rows=rows)


def miner_leverage(bench: Bench, run: Run, test: Criterion) -> Line:
    """Supported where the median net debt over equity of miners of both years rose, and one raised its debt so much.

    Inconclusive where too few firms have a known ratio in both years for a median to mean anything.
    """
    from nobid.runs.growth_sources import miner_leverage as leverage

    then, now = (at_end_of(leverage(), first, last) for first, last in (THEN, NOW))
    pairs = {name: pd.DataFrame({"then": then[name], "now": now[name]}) for name in ("net_debt_to_equity", "debt")}
    ratio, owed = pairs["net_debt_to_equity"].dropna(), pairs["debt"].dropna()
    rise = (owed["now"] / owed["then"].where(owed["then"] > 0.0) - 1.0).dropna().sort_values(ascending=False)
    before, after = (float(ratio[one].median()) for one in ("then", "now"))
    raised = rise[rise >= test.given["raised"]]
    verdict: Kind = "supported" if after > before and len(raised) else "not supported"
    if len(ratio) < test.given["fewest"]:
        verdict = "inconclusive"
    names = ", ".join(f"{name} {percent(value)}" for name, value in raised.items()) or "none"
    words = (
        f"median net debt / equity {significant(before, 2)} → {significant(after, 2)} ({len(ratio)} with both sheets, "
        f"{test.given['fewest']} wanted); debt up by {percent(test.given['raised'])} or more: {names}; "
        f"debt higher at {int((owed['now'] > owed['then']).sum())} of {len(owed)}"
    )
    told = [(str(name), f"USD m {pair['then']:,.0f} → {pair['now']:,.0f}") for name, pair in owed.iterrows()]
    rows = tuple((f"{name}, debt", figure, "runs/data/spin_up/miner_leverage.csv") for name, figure in told)
    return line_of(test, after - before, verdict, words=words, rows=rows, unit="ratio")


def at_end_of(table: pd.DataFrame, first: str, last: str) -> pd.DataFrame:
    """By ticker the last known figure of every column between two dates."""
    rows = table[(table["date"] >= first) & (table["date"] <= last)].sort_values("date", kind="stable")
    return rows.groupby("ticker")[["debt", "net_debt_to_equity"]].last()


def spun_up(bench: Bench, run: Run, test: Criterion) -> Line:
    """Told: how debt and new credit grew in the boom that the model makes of itself, over paths."""
    from nobid.runs.essay.benches import Want
    from nobid.runs.growth_sources import debt_growth as grown

    want = Want("spin-up", None, {}, None)
    bench.simulates([want])
    found = grown(bench.arm(want).run)
    bands = {name: np.nanquantile(found[name], (0.05, 0.5, 0.95)) for name in ("stock", "flow")}
    told = [
        f"{what} {percent(bands[name][1])} ({percent(bands[name][0])} to {percent(bands[name][2])})"
        for name, what in (("stock", "debt"), ("flow", "new credit"))
    ]
    return line_of(test, float(bands["stock"][1]), "told", words=f"the model's own boom, 5 to 95 %: {'; '.join(told)}")


def coin_arithmetic(bench: Bench, run: Run, test: Criterion) -> Line:
    """Told: by how much the coin falls if all pledged coins are sold in one month, at the depth of its market."""
    founding, rules = run.scenario.founding, run.scenario.parameters.coin
    pledged = sum(row.coins for row in founding.facilities)
    whole = pledged + sum(row.coins for row in founding.borrowers)
    falls = [1.0 - float(np.exp(-rules.impact * coins / DAYS / rules.daily_volume)) for coins in (pledged, whole)]
    words = (
        f"all {pledged:,.0f} pledged coins sold in a month: {rules.impact:g} x ({pledged:,.0f} / 30) / "
        f"{rules.daily_volume:,.0f} = {percent(falls[0])} off the coin; all {whole:,.0f} coins of borrowers: "
        f"{percent(falls[1])}"
    )
    return line_of(test, falls[0], "told", words=words)


def percent(value: float) -> str:
    """A share in percent, with its sign where it is a change.

    >>> percent(-0.27), percent(0.004)
    ('-27 %', '0.4 %')
    """
    return f"{significant(100.0 * value, 2)} %" if np.isfinite(value) else "n/a"


FACTS: Final[Mapping[str, Fact]] = {
    "debt_growth": debt_growth,
    "miner_leverage": miner_leverage,
    "spun_up": spun_up,
    "coin_arithmetic": coin_arithmetic,
}
