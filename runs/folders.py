"""Which runs lie below a folder, how far has each come, what has it cost, and how large is it?"""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from nobid.runs.block_run import failure_row
from nobid.runs.errors import InputError
from nobid.runs.run import Run
from nobid.runs.run_directory import RECORD, alive
from nobid.runs.run_record import Stored, paths_in, ranges, shards_of
from nobid.runs.stored_run import open_run
from nobid.runs.summary import outcome_sentence

COLUMNS: Final = ("run", "scenario", "seed", "paths", "status", "outcome", "cpu", "size", "written")
SIZES: Final = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


def runs_below(folder: Path) -> list[dict[str, str]]:
    """A row for each run directory at or below the folder, the newest first; InputError where the folder is missing."""
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder: runs lie in out/ where nothing else was said.")
    found = sorted(folder.rglob(RECORD), key=lambda file: -file.stat().st_mtime)
    return [row for file in found for row in _row(file.parent)]


def as_it_stands(folder: Path) -> Run:
    """The run in the folder with its finished paths, its status and failures as its parts tell them.

    Errors: InputError where no path is finished, or the folder holds no run.
    """
    run, stored = open_run(folder), Stored(folder)
    held, wanted = stored.paths(), paths_in(stored.record() or {})
    if not held:
        raise InputError(f"{folder}: no path is finished yet: nobid resume {folder}")
    start = run.scenario.parameters.start
    run.failures = [failure_row(path, months, why, start=start) for path, months, why in stored.failed()]
    run.cpu_seconds = cpu_seconds(folder, stored.record() or {})
    if run.status != "done" and held.issuperset(wanted):
        run.status, run.outcome = "done", outcome_sentence(run)
    elif not held.issuperset(wanted):
        run.outcome = _unfinished(folder, run.outcome, len(held), len(wanted))
    return run


def cpu_seconds(folder: Path, record: Mapping[str, Any]) -> dict[str, float]:
    """CPU seconds by phase, of the run's own record and of all its shards together."""
    total: Counter[str] = Counter()
    for one in (record, *shards_of(folder)):
        total.update(one.get("cpu_seconds", {}))
    return dict(total)


def _unfinished(folder: Path, outcome: str, held: int, wanted: int) -> str:
    """How far a run came; where it was split, which shards are done, at work, cut off or not begun."""
    shards = _shards_told(folder)
    return f"not finished: {held} of {wanted} paths are kept; {shards}." if shards else outcome


def _shards_told(folder: Path) -> str:
    """The shards of a run by how they stand; "" where there is none, or they are not all of one number."""
    found = {tuple(one["shard"]): _stands(one) for one in shards_of(folder) if "shard" in one}
    numbers = {shards for _, shards in found}
    if len(numbers) != 1:
        return ""
    (shards,) = numbers
    standing: dict[str, list[int]] = {}
    for number in range(1, shards + 1):
        standing.setdefault(found.get((number, shards), "not begun"), []).append(number)
    return f"of {shards} shards " + ", ".join(f"{_numbers(which)} {how}" for how, which in standing.items())


def _numbers(which: Sequence[int]) -> str:
    """Numbers as words: 1–3 and 7."""
    words = [f"{first}–{end - 1}" if end - first > 1 else f"{first}" for first, end in ranges(which)]
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]


def _stands(record: Mapping[str, Any]) -> str:
    """How a shard stands, as its own file says, and whether somebody still works on it."""
    status = str(record.get("status", ""))
    return "cut off" if status == "running" and not _at_work(record) else status


def _row(folder: Path) -> Iterator[dict[str, str]]:
    """The run as words; nothing where the folder's run.json is not one of nobid."""
    stored = Stored(folder)
    try:
        record = stored.record() or {}
    except InputError:
        return
    if "scenario" not in record:
        return
    held, wanted = stored.paths(), paths_in(record)
    whole, outcome = held.issuperset(wanted), str(record.get("outcome") or "")
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    yield {
        "run": str(folder),
        "scenario": str(record["scenario"]),
        "seed": str(record.get("seed")),
        "paths": f"{len(held)} of {len(wanted)}",
        "status": standing(folder, record, whole=whole),
        "outcome": outcome if whole else _unfinished(folder, outcome, len(held), len(wanted)),
        "cpu": f"{sum(cpu_seconds(folder, record).values()):,.0f} s",
        "size": _words(size),
        "written": str(record.get("written", "")),
    }


def standing(folder: Path, record: Mapping[str, Any], *, whole: bool) -> str:
    """How the run stands: as its parts say, and where it says that it runs, whether somebody still works on it."""
    if whole:
        return "done"
    status = str(record.get("status", ""))
    at_work = [one for one in (record, *shards_of(folder)) if one.get("status") == "running" and _at_work(one)]
    if status == "running" and not at_work:
        return "cut off"
    return "interrupted" if status == "done" else status


def _at_work(record: Mapping[str, Any]) -> bool:
    """True where the process of the record runs, or runs on another machine for all that is known here."""
    return record.get("host") != platform.node() or alive(int(record.get("pid", 0)) or -1)


def _words(size: int) -> str:
    """A size in bytes as words."""
    return next((f"{size / unit:.1f} {name}" for unit, name in SIZES if size >= unit), f"{size} B")
