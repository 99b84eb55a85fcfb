"""Which path and month does a picture show where none is named, and what does it say of its run and sources?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from nobid.runs.causation import paths_in_words
from nobid.runs.charts.by_month import Array
from nobid.runs.charts.style import FigureMeta
from nobid.runs.errors import InputError
from nobid.runs.provenance import assumed, sources

if TYPE_CHECKING:
    from nobid.runs.run import Run
    from nobid.runs.scenarios import Scenario


def shown_path(run: Run, path: int | None) -> int:
    """The path, or the one with most debt defaulted (ties: the first).

    Errors: InputError where the run has no such path, or the model could not finish it.
    """
    if path is None:
        return run.by_month.most("debt_defaulted")
    if path not in run.by_month.ended.paths:
        known = path in run.paths
        lacks = "was not finished" if known else f"is not a path of this run, which has {paths_in_words(run.paths)}"
        raise InputError(f"path = {path}: {lacks}.")
    return path


def shown_month(run: Run, path: int, month: str | None) -> tuple[str, str]:
    """The month (YYYY-MM), and in words: as named, or the worst of the path (the last one where nothing defaulted).

    Errors: InputError where it is not a month of the run.
    """
    if month is not None:
        run.months_to(month)
        return month, month
    months = run.by_month.months
    worst = worst_month(months, run.by_month.of_path("debt_defaulted", path))
    shown = worst or months[-1]
    return shown, f"{shown}, {'worst month' if worst else 'last month'}"


def worst_month(months: Sequence[str], debt_defaulted: Array) -> str | None:
    """The month with most debt defaulted (ties: the earliest); None where nothing defaulted."""
    return months[int(np.argmax(debt_defaulted))] if debt_defaulted.any() else None


def worst_remark(run: Run, path: int | None) -> str:
    """That the path was chosen as the worst one; "" where it was named, or is the only one."""
    return "the path with most debt defaulted" if path is None and run.by_month.many else ""


def meta_of(world: Scenario, seed: int, paths: Sequence[int]) -> FigureMeta:
    """What the footnote says of a picture of these paths of the world."""
    founding = world.founding
    return FigureMeta(
        world.name,
        world.title,
        seed,
        tuple(paths),
        world.assumed_share,
        launches={row.name: row.launch for row in founding.generations},
        sources=sources(founding),
        assumed=assumed(founding),
    )


def meta_of_path(run: Run, path: int) -> FigureMeta:
    """What the footnote says of a picture of one path."""
    return replace(run.figure_meta, paths=(path,))
