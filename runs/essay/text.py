"""How are the claims told: a row a claim, and for a few of them every figure behind the verdict?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from nobid.runs.essay.result import Line, Swept, Trial, Trials, counted
from nobid.runs.estimate import FIRM_FROM, significant
from nobid.runs.paired import Difference
from nobid.runs.summary import Summary
from nobid.runs.summary_blocks import Block

IN_FULL: Final = 3  # claims up to which every figure is told
ROLES: Final = {"test": "", "null": "null control: ", "beside": "beside: "}
NOTHING: Final = "–"


def summarised(found: Trials) -> Summary:
    """A row a claim; every figure as well where few claims were tried."""
    blocks = [table(found)]
    for one in found.trials if len(found.trials) <= IN_FULL else ():
        blocks += [figures(one), *(swept(each) for each in one.sweeps)]
    return Summary(headline(found), tuple(blocks), f"{counted(found.trials)}.", tuple(remarks(found)), found.as_dict())


def headline(found: Trials) -> str:
    """How many claims, on how many paths, by which rules."""
    paths = {one.paths for one in found.trials}
    seeds = {one.seed for one in found.trials}
    count, luck = (" and ".join(map(str, sorted(some))) for some in (paths, seeds))
    return f"claims · {len(found.trials)} of 16 · {count} paths an arm · seed {luck} · rules {found.rules[:6]}"


def table(found: Trials) -> Block:
    """A row a claim: what decides it first with its interval, verdict, in which world, what the null control says."""
    rows = tuple(
        (f"{one.number} {one.title}", first_effect(one), one.verdict_words, one.scenario, one.null or NOTHING)
        for one in found.trials
    )
    return Block("claim", ("effect (95 %)", "verdict", "world", "null control"), rows)


def effect(one: Trial) -> str:
    """The figures that decide, each with its interval."""
    return "; ".join(told(line) for line in one.tests)


def first_effect(one: Trial) -> str:
    """The figure that decides first, with its interval."""
    return told(one.tests[0]).partition(";")[0]


def told(line: Line) -> str:
    """A figure with its interval and unit; what a source says in its own words."""
    if line.rows or not line.paths or line.value is None:
        return line.words
    unit = f" {line.unit}" if line.unit else ""
    count = f"{line.words}{unit}"
    return count.replace(f", indicative only: {line.paths} paths{unit}", f"{unit}, indicative only")


def turns(one: Trial) -> str:
    """Where the claim turns, from every sweep that says so."""
    found = [(each.what, "; ".join(each.turns)) for each in one.sweeps if each.turns]
    if len(found) < 2:
        return found[0][1] if found else NOTHING
    return "; ".join(f"{what}: {words}" for what, words in found)


def elsewhere(one: Trial) -> str:
    """The verdicts in other worlds, which replace nothing."""
    return "; ".join(f"{name}: {verdict}" for name, verdict in one.worlds)


def figures(one: Trial) -> Block:
    """Every figure of a claim and what its rule makes of it."""
    rows: list[tuple[str, ...]] = []
    for line in one.lines:
        bound = NOTHING if line.bound is None else f"{line.side} {line.bound:g}"
        place = ROLES.get(line.role, f"{line.world}: ")
        rows.append((f"{place}{line.what}", told(line), bound, line.verdict))
        rows += [(f"  {what}", figure, source, "") for what, figure, source in line.rows]
    return Block(f"claim {one.number}: {one.title}", ("figure (95 %)", "supported if", "verdict"), tuple(rows))


def swept(one: Swept) -> Block:
    """The figure at every point of a sweep, with its interval where there is room for it."""
    columns = one.labels[1] if len(one.labels) > 1 else ("",)
    rows = []
    for place, label in enumerate(one.labels[0]):
        cells = [_cell(one, place, column, wide=len(columns) == 1) for column in range(len(columns))]
        rows.append((label, *cells))
    heading = f"{one.what}{f', {one.unit}' if one.unit else ''}: {' ↓ '.join(one.axes)}{' →' * (len(one.axes) > 1)}"
    return Block(heading, columns, tuple(rows))


def _cell(one: Swept, row: int, column: int, *, wide: bool) -> str:
    value, low, high = (table[row][column] for table in (one.values, one.lows, one.highs))
    if value is None:
        return NOTHING
    if not wide or low is None or high is None:
        return significant(value, 3)
    return Difference(value, low, high, FIRM_FROM, "pairs").words


def remarks(found: Trials) -> Iterator[str]:
    """What has to be said beside the table."""
    for one in found.trials:
        if one.verdict in ("not supported", "inconclusive"):
            yield f"claim {one.number} would hold if: {one.holds_if}."
        if any(each.turns for each in one.sweeps):
            yield f"claim {one.number}, where it turns: {turns(one)}."
        if one.worlds:
            yield f"claim {one.number} elsewhere: {elsewhere(one)}."
        if one.null == "supported":
            yield f"claim {one.number}: its null control is supported: its verdict cannot be trusted ({one.why_null})."
        if one.failed:
            yield f"claim {one.number}: up to {one.failed} of {one.paths} paths failed in an arm and are left out."
    fewest = min((one.paths for one in found.trials), default=FIRM_FROM)
    if fewest < FIRM_FROM:
        yield f"with fewer than {FIRM_FROM} paths intervals are rough: --full, or --paths {FIRM_FROM} and more."
    yield "A verdict is that of the world named beside it; other worlds replace nothing. Rules: docs/claims.md."
