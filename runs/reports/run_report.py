"""What is sent of a run: question, answer, who was systemic and why, charts, setting, limits, how to do it again?"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from nobid.runs.again import with_paths
from nobid.runs.causation import paths_in_words
from nobid.runs.charts.registry import CHARTS, charts_of, drawn
from nobid.runs.estimate import FIRM_FROM
from nobid.runs.reports.answer import LIMITS, five_numbers
from nobid.runs.reports.document import Command, Part, Picture, Report, Section, picture, sentence
from nobid.runs.reports.setting import parameters, setting
from nobid.runs.run_directory import SHORT_HASH
from nobid.runs.run_record import Stored, made_by
from nobid.runs.summary import headline

if TYPE_CHECKING:
    from nobid.runs.comparison import Comparison
    from nobid.runs.run import Run


def report(run: Run) -> Report:
    """The report of the run; nothing is written until it is saved. Home: RUN/report.html, or report.html.

    Errors: InputError where no path of the run came to its end.
    """
    sections = (
        Section("The answer", tuple(_answer(run))),
        Section("Who was systemic, and why", tuple(_why(run))),
        Section("What it looked like", tuple(pictures(run, CHARTS))),
        setting(run.scenario),
        Section("Limits", tuple(_limits(run))),
        Section("How to do it again", tuple(_again(run))),
        parameters(run.scenario),
    )
    one, home = run.scenario, (run.out or Path()) / "report.html"
    return Report(one.title or one.name, one.question, headline(run), sections, foot(run), home)


def _answer(run: Run) -> Iterator[Part]:
    summary = run.summary()
    yield sentence(summary.outcome)
    yield five_numbers(run)
    yield from summary.blocks
    yield from map(sentence, summary.remarks)


def _why(run: Run) -> Iterator[Part]:
    if not run.knows_causes:
        yield "This run kept no table of causes."
        return
    for part in run.explain(twins=False).parts:
        yield Command(part) if isinstance(part, str) and "\n" in part else part


def pictures(shown: Run | Comparison, names: Iterable[str]) -> Iterator[Picture]:
    """The charts of these names, with what each shows."""
    charts = charts_of(shown)
    for name in names:
        yield picture(name, partial(drawn, shown, name), charts[name].shows)


def _limits(run: Run) -> Iterator[str]:
    if run.order.caution:
        yield run.order.caution
    if run.failures:
        yield f"{len(run.failures)} of {len(run.paths)} paths could not be finished, and they may be the worst ones."
    if len(run.paths) == 1:
        yield "This is one path: one history out of many that the same world allows."
    elif len(run.paths) < FIRM_FROM:
        yield f"With fewer than {FIRM_FROM} paths the intervals are rough. More: {with_paths(run, 4 * FIRM_FROM)}"
    yield from LIMITS


def _again(run: Run) -> Iterator[Part]:
    argv = run.order.argv
    yield Command(shlex.join(("nobid", *argv)) if argv[:1] == ("run",) else with_paths(run, len(run.paths)))
    yield made_with(run)


def made_with(run: Run) -> str:
    """Seed, paths, configuration, versions: those of the folder's record where the run lies in one."""
    made = (Stored(run.out).record() if run.out else None) or made_by()
    commit = f" (commit {made['commit'][:12]})" if made.get("commit") else ""
    versions = ", ".join(f"{name} {number}" for name, number in made["versions"].items())
    return (
        f"Seed {run.seed}, {paths_in_words(run.paths)}, configuration {run.scenario.hash}. nobid {made['version']}"
        f"{commit}, rules {str(made['engine'])[:SHORT_HASH]}; {versions}. On these the same command gives the same "
        "bits, with any number of workers; nobid verify RUN checks it on two paths drawn at random."
    )


def foot(run: Run) -> str:
    """Who made the page, from which configuration."""
    return (
        f"nobid {made_by()['version']} · configuration {run.scenario.hash[:SHORT_HASH]} · seed {run.seed} · share of "
        f"debt on assumed terms {run.scenario.assumed_share:.2f}"
    )
