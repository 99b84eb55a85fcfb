"""What is sent of a comparison: what each policy changes, how surely, at what price, on which world?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nobid.runs.charts.registry import charts_of
from nobid.runs.reports.answer import LIMITS, numbers_of
from nobid.runs.reports.document import Command, Part, Report, Section, sentence
from nobid.runs.reports.run_report import foot, made_with, pictures
from nobid.runs.reports.setting import in_words, parameters, setting
from nobid.runs.summary_blocks import Block

if TYPE_CHECKING:
    from nobid.runs.arms import Arm
    from nobid.runs.comparison import Comparison

WITHOUT_POLICY: Final = ("fan", "waterfall")  # charts of the first arm


def report(found: Comparison) -> Report:
    """The report of the comparison; nothing is written until it is saved. Home: FOLDER/report.html."""
    world = found.order.scenario
    summary = found.summary()
    first = found.arms[0].run
    how_bad, *others = summary.blocks
    sections = (
        Section("The answer", tuple(_answer(found, how_bad, others[:3]))),
        Section("What it costs, and what the same luck saved", tuple(others[3:])),
        Section("The policies", tuple(_policies(found.arms))),
        Section("What it looked like", tuple(_charts(found))),
        setting(world),
        Section("Limits", tuple(LIMITS)),
        Section("How to do it again", (Command(found.with_paths(len(found.paths))), made_with(first))),
        parameters(world),
    )
    home = (found.out or Path()) / "report.html"
    title = f"Policies on: {world.title or world.name}"
    return Report(title, world.question, summary.headline, sections, foot(first), home)


def _answer(found: Comparison, how_bad: Block, changes: Sequence[Block]) -> Iterator[Part]:
    yield f"Without a policy ({found.arms[0].label}):"
    yield numbers_of(found.figures[found.arms[0].label], found.arms[0].run)
    yield from changes[-1:]
    yield from changes[:-1]
    yield how_bad
    yield from map(sentence, (found.luck, *found.summary().remarks))


def _policies(arms: Sequence[Arm]) -> Iterator[str]:
    """What each arm changes and who pays."""
    for arm in arms[1:]:
        for one in arm.policies:
            yield f"{one}: {in_words(one)} Who pays: {one.costs}."


def _charts(found: Comparison) -> Iterator[Part]:
    if len(found.arms) > 1:
        yield from pictures(found, charts_of(found))
    yield f"The world without a policy ({found.arms[0].label}):"
    yield from pictures(found.arms[0].run, WITHOUT_POLICY)
