"""Which runs lie below a folder, how far has each come, and how large is it?"""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from nobid.runs.block_run import failure_row
from nobid.runs.errors import InputError
from nobid.runs.run import Run
from nobid.runs.run_directory import RECORD, alive
from nobid.runs.run_record import Stored, paths_in, shards_of
from nobid.runs.stored_run import open_run
from nobid.runs.summary import outcome_sentence

COLUMNS: Final = ("run", "scenario", "seed", "paths", "status", "outcome", "size", "written")
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
    if run.status != "done" and held.issuperset(wanted):
        run.status, run.outcome = "done", outcome_sentence(run)
    return run


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
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    yield {
        "run": str(folder),
        "scenario": str(record["scenario"]),
        "seed": str(record.get("seed")),
        "paths": f"{len(held)} of {len(wanted)}",
        "status": standing(folder, record, whole=held.issuperset(wanted)),
        "outcome": str(record.get("outcome") or ""),
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
