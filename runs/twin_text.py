"""What do the twins say, in a table, and why do the two R differ, in sentences that the numbers make?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from nobid.runs.estimate import WORDS, Estimate, method_of
from nobid.runs.explain import Explanation
from nobid.runs.explain_text import listed, percent
from nobid.runs.summary_blocks import Block
from nobid.runs.summary_figures import BILLION
from nobid.runs.twin_world import CHANNELS, MEANING

if TYPE_CHECKING:
    import pandas as pd

    from nobid.runs.twins import Twins


def twins_text(twins: Twins) -> Explanation:
    """The twins as a text of their own."""
    head = f"but for contagion · {twins.run_name} · {len(twins.base.paths)} paths"
    data = {"table": twins.table.to_dict("records"), "r_but_for": twins.r_but_for.as_dict()}
    return Explanation(head, tuple(twin_parts(twins)), data)


def twin_parts(twins: Twins) -> Iterator[str | Block]:
    """A table of the twins, the two R, what was brought forward, and why the two R differ."""
    yield from _tables(twins)
    yield from _worse(twins)
    yield (
        f"R by attribution {twins.r_attributed.text()}: the share of failures that belongs to earlier failures. "
        f"R by but-for {twins.r_but_for.text()}: the share that would not have happened within the run with every "
        "channel off."
    )
    yield _brought(twins)
    yield twins.paragraph()
    missing = twins.base.missing | twins.off.missing
    if missing:
        yield f"Left out, because a world did not finish: path {listed([str(path) for path in sorted(missing)])}."


def _tables(twins: Twins) -> Iterator[str | Block]:
    """The twins with channels off, and those with agents safe, and how to read them."""
    table, paths = twins.table, len(twins.base.paths) - len(twins.base.missing)
    yield _block(twins, table[~table["twin"].str.endswith(" safe")], "a channel switched off", "all failures")
    if twins.safe:
        others = table[table["twin"].str.endswith(" safe")]
        yield _block(twins, others, "an agent made safe", "failures of others")
    sure = WORDS[method_of(paths)]
    yield (
        "Failures a path in the twin; then how many more there are, and lender losses, with the channel on or the "
        f"agent as it is, path by path on the same luck. Differences with 95 % intervals: {sure}."
    )
    if twins.channels:
        yield "The channels: " + "; ".join(f"{name}: {MEANING[name]}" for name in CHANNELS) + "."


def _block(twins: Twins, rows: pd.DataFrame, heading: str, counted: str) -> Block:
    """A row a twin."""
    cells = []
    for name in dict.fromkeys(rows["twin"]):
        one = rows[rows["twin"] == name].set_index("figure")
        both = one.loc["defaults"]
        lost = one.loc["losses"]
        cells.append(
            (
                str(name).removesuffix(" off").removesuffix(" safe"),
                f"{one.loc['borrowers', 'without']:.2f}",
                f"{one.loc['lenders', 'without']:.2f}",
                _more(both, 1.0),
                percent(both["share"]) if np.isfinite(both["share"]) else "–",
                _more(lost, BILLION),
            )
        )
    columns = ("borrowers fail", "lenders fail", f"{counted} more with", "share", "lender losses more with, USD bn")
    return Block(heading, columns, tuple(cells))


def _more(row: pd.Series, scale: float) -> str:
    """A paired difference with its interval."""
    value, low, high = (float(row[name]) / scale for name in ("more_with", "low", "high"))
    return Estimate(value, low, high, int(row["paths"]), str(row["method"])).text()


def _worse(twins: Twins) -> Iterator[str]:
    """Which switches made it worse."""
    if twins.worse_without:
        names = listed(twins.worse_without)
        yield f"With {names} more fail than with it on, clear of chance: what it takes from one it spares another."


def _brought(twins: Twins) -> str:
    """How much earlier contagion made failures come."""
    brought = twins.brought
    only = f"{brought.only_with} came only with contagion, {brought.only_without} only without it"
    if not brought.both:
        return f"No failure comes both with contagion and without; {only}."
    return (
        f"Failures that come in both worlds: {brought.both}, on average {brought.months.text()} months earlier with "
        f"contagion ({brought.sooner} earlier, {brought.same} in the same month, {brought.later} later); {only}."
    )


def why_they_differ(twins: Twins) -> str:
    """One paragraph; every number in it is the twins'."""
    if not twins.causation.defaults:
        return "Nobody failed: both R are nought."
    attributed, but_for = twins.r_attributed, twins.r_but_for
    apart = attributed.value - but_for.value
    overlap = attributed.high >= but_for.low and but_for.high >= attributed.low
    larger = "larger" if apart > 0.0 else "smaller"
    same = "The two R agree within their intervals, and yet ask different things."
    first = same if overlap else f"R by attribution is {larger} than R by but-for by {abs(apart):.2f}."
    asks = (
        "Attribution shares each failure among all that drained it; but-for asks of each failure whether it would have "
        "happened at all by the end of the run."
    )
    return " ".join([first, asks, *_each_way(twins), *_one_by_one(twins)])


def _each_way(twins: Twins) -> Iterator[str]:
    """What each of the two counts, by what became of the failures without contagion."""
    brought = twins.brought
    if brought.sooner:
        yield (
            f"Brought forward, but bound to come: {brought.sooner}. Attribution counts what contagion did to them, "
            "but-for counts none of them."
        )
    if brought.only_with:
        yield (
            f"Not to come at all without contagion: {brought.only_with}, {brought.lenders_only_with} of them lenders', "
            "which hardly fail where defaults cost them nothing. But-for counts each of them whole; "
            "attribution counts the share that reached it from earlier failures and leaves the rest to rents and other "
            "roots, though without either it would not have come. A sale made before its seller failed goes back to "
            "the roots of the sale in attribution, and is without effect where its channel is off."
        )
    if brought.only_without:
        yield (
            f"To come only without contagion: {brought.only_without}. A channel off also takes away what helped, such "
            "as a rival's earlier end; but-for deducts them."
        )


def _one_by_one(twins: Twins) -> Iterator[str]:
    """What the channels come to one by one, beside all at once."""
    if twins.channels:
        at_once = twins.r_but_for.value
        singles = sum(twins.but_for(world).value for world in twins.channels.values())
        yield (
            f"Taken one by one the channels' but-for shares add up to {singles:.2f}, all at once they come to "
            f"{at_once:.2f}: " + _joint(singles - at_once)
        )


def _joint(excess: float) -> str:
    """Why shares one by one and all at once differ."""
    if excess > 0.005:
        return "failures that needed several channels at once are counted once for each."
    if excess < -0.005:
        return "some failures have more than one sufficient cause, and no single switch prevents them."
    return "channels hardly overlap here."
