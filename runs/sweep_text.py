"""How is a sweep told: how bad each point is, what each changes, where the response tips?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from nobid.runs.comparison_text import NOTHING, PERCENT, cell, scaled
from nobid.runs.contrasts import HEADLINE
from nobid.runs.estimate import FIRM_FROM, Estimate, significant
from nobid.runs.months import month_label
from nobid.runs.summary import Summary
from nobid.runs.summary_blocks import Block
from nobid.runs.summary_figures import BILLION, debt_at_start
from nobid.runs.sweep_ranges import grid
from nobid.runs.sweep_result import MEANS, Sweep, place_of
from nobid.runs.sweep_tipping import ENOUGH, Step, Tipping
from nobid.runs.tail import ENOUGH_PATHS, PATHS_FOR_TAIL

if TYPE_CHECKING:
    from nobid.runs.arms import Arm

SURELY: Final = "all steps at once"
SHOWN: Final = 4  # tipping ranges in the text


def summarised(found: Sweep) -> Summary:
    """The sweep as blocks of text: a row a point over one range, a table of rows and columns over two."""
    blocks = _of_a_range(found) if len(found.over) == 1 else _of_a_grid(found)
    return Summary(_headline(found), tuple(blocks), found.luck, tuple(_remarks(found)), found.as_dict())


def _headline(found: Sweep) -> str:
    rules = found.order.scenario.parameters
    last = month_label(rules.start, rules.months - 1)
    swept = " × ".join(one.key for one in found.over)
    about = f"{swept}: {len(found.points)} points on the same {len(found.paths)} paths · seed {found.order.seed}"
    return f"{found.order.scenario.name} · {rules.start} … {last} · {about}"


def money(found: Sweep) -> tuple[str, float]:
    """The unit in which this world's debt is read, and how many USD m it has."""
    return ("USD bn", BILLION) if debt_at_start(found.arms[0].run) >= BILLION else ("USD m", 1.0)


def _of_a_range(found: Sweep) -> list[Block]:
    unit, scale = money(found)
    label = {arm.label: f"{value:g}" for arm, value in zip(found.points, found.over[0].values, strict=True)}
    rows = [(label.get(arm.label, arm.label), *_level(found, arm, scale)) for arm in found.arms]
    columns = ("P(cluster), %", "defaults", f"losses, {unit}", "ES95", f"public loss, {unit}", f"credit, {unit}")
    levels = Block(found.keys[0], columns, tuple(rows))
    changes = []
    for arm in found.arms[1:]:
        told = [found.comparison.contrasts[arm.label, name] for name in HEADLINE]
        scales = (1.0 / PERCENT, 1.0, scale)
        cells = [cell(scaled(one.found, by), signed=True) for one, by in zip(told, scales, strict=True)]
        changes.append((label[arm.label], *cells, told[0].words))
    heads = ("P(cluster), points", "defaults", f"losses, {unit}", "of P(cluster) may be said")
    return [levels, Block(f"change against {found.arms[0].label} (95 %)", heads, tuple(changes))]


def _level(found: Sweep, arm: Arm, scale: float) -> Iterator[str]:
    levels, tail = found.comparison.levels, found.comparison.shortfalls[arm.label]
    yield cell(scaled(levels[arm.label, "cluster"], 1.0 / PERCENT))
    yield cell(levels[arm.label, "defaults"])
    yield cell(scaled(levels[arm.label, "lender_losses"], scale))
    yield NOTHING if tail is None else cell(scaled(tail, scale))
    for name in MEANS:
        yield significant(float(arm.figures[name].mean()) / scale, 3) if len(arm.figures) else NOTHING


def _of_a_grid(found: Sweep) -> list[Block]:
    unit, scale = money(found)
    levels = found.comparison.levels
    chances = [scaled(levels[arm.label, "cluster"], 1.0 / PERCENT) for arm in found.points]
    losses = [scaled(levels[arm.label, "lender_losses"], scale) for arm in found.points]
    public = [float(arm.figures["public_loss"].mean()) / scale for arm in found.points]
    blocks = [
        _matrix(found, "P(cluster), %", [_short(one) for one in chances]),
        _matrix(found, f"lender losses, {unit}, mean", [_short(one) for one in losses]),
    ]
    if any(public):
        blocks.append(_matrix(found, f"public loss, {unit}, mean", [significant(one, 3) for one in public]))
    if found.beside is not None:
        row = (found.beside.label, *_level(found, found.beside, scale))
        columns = ("P(cluster), %", "defaults", f"losses, {unit}", "ES95", f"public loss, {unit}", f"credit, {unit}")
        blocks.append(Block("beside them", columns, (row,)))
    return blocks


def _matrix(found: Sweep, heading: str, cells: Sequence[str]) -> Block:
    first, second = found.over
    width = len(second.values)
    rows = [(f"{value:g}", *cells[n * width : (n + 1) * width]) for n, value in enumerate(first.values)]
    return Block(
        f"{heading}: {first.key} ↓ {second.key} →", tuple(f"{value:g}" for value in second.values), tuple(rows)
    )


def _short(one: Estimate) -> str:
    return cell(one, interval=False)


def _remarks(found: Sweep) -> Iterator[str]:
    """What has to be said beside the figures: where it tips before all else."""
    yield from tipping_sentences(found)
    yield from found.remarks
    if len(found.paths) < FIRM_FROM:
        yield f"with fewer than {FIRM_FROM} paths intervals are rough."
    if len(found.paths) < PATHS_FOR_TAIL:
        again = found.with_paths(ENOUGH_PATHS)
        yield f"ES95, the mean of the worst 5 % of paths: n/a below {PATHS_FOR_TAIL} paths ({again})"
    held = found.order.scenario.founding.policies
    if held:
        yield f"at every point, but for what is swept: {' + '.join(map(str, held))}"
    for arm in found.arms:
        if failed := arm.figures.attrs["failed"]:
            yield f"{arm.label}: {len(failed)} of {len(found.paths)} paths failed and are left out."
    share = found.order.scenario.assumed_share
    yield f"{share:.0%} of the debt at the start stands on facilities with an assumed term."


def tipping_sentences(found: Sweep) -> list[str]:
    """Where the response tips, range by range; or that none was found, and what came nearest."""
    if len(found.paths) < ENOUGH:
        return [f"tipping points: n/a below {ENOUGH} paths"]
    if found.tipping:
        largest = sorted(found.tipping, key=lambda one: -abs(one.change.value))
        more = len(largest) - SHOWN
        rest = [f"{more} more tipping ranges, smaller ones, are in `.tipping` and sweep.json."] if more > 0 else []
        return [*(_tips(found, one) for one in largest[:SHOWN]), *rest]
    surest = max(found.steps, key=lambda step: abs(step.change.value))
    return [f"tipping points: none found: {_why_none(found, surest)}"]


def _tips(found: Sweep, one: Tipping) -> str:
    points, levels = grid(found.over), found.comparison.levels
    first, last = one.points[0], one.points[-1]
    ends = [levels[found.points[place].label, "cluster"].value * PERCENT for place in (first, last)]
    change = cell(scaled(one.change, 1.0 / PERCENT), signed=True)
    parted = [found.humped[found.points[place].label] for place in one.points]
    shown = next(two for two in parted if two.two)
    sentence = (
        f"tipping range: {_between(points[first], points[last])}: P(cluster) {ends[0]:.0f} % → {ends[1]:.0f} %, change "
        f"{change} points; lender losses have two humps there ({shown.below:.0%} of paths below the valley)"
    )
    if len(one.points) > 2:
        steep = one.steepest
        change = cell(scaled(steep.change, 1.0 / PERCENT), signed=True)
        sentence += f"; steepest {_between(points[steep.first], points[steep.second])}: {change} points, {SURELY}"
    return sentence + "."


def _between(one: dict[str, float], other: dict[str, float]) -> str:
    """Two points that differ in one setting, as from – to."""
    moved = [key for key in one if one[key] != other[key]]
    rest = place_of({key: value for key, value in one.items() if key not in moved})
    words = ", ".join(f"{key} {one[key]:g} … {other[key]:g}" for key in moved)
    return f"{words} at {rest}" if rest else words


def _why_none(found: Sweep, surest: Step) -> str:
    """What the largest step lacks."""
    if not np.isfinite(surest.change.value) or not any(step.change.moved for step in found.steps):
        return "P(cluster) is the same at all points."
    points = grid(found.over)
    where = _between(points[surest.first], points[surest.second])
    change = cell(scaled(surest.change, 1.0 / PERCENT), signed=True)
    step = f"the largest step of P(cluster), {where}, is {change} points ({SURELY})"
    if not surest.change.clear_of_zero:
        return f"{step}: not sure with so many paths."
    if not surest.two:
        return f"{step}, but lender losses have one hump at both ends: points in between would tell more."
    return f"{step}."
