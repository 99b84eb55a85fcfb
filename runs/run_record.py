"""What does run.json say about a run: what was asked, with which versions, how it ended, what it cost?"""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from nobid.runs.run_directory import RunDirectory, plan

if TYPE_CHECKING:
    from nobid.runs.run import Run

BITS_DEPEND_ON = ("numpy", "mesa", "scipy", "pandas", "pyarrow")


def run_record(run: Run) -> dict[str, Any]:
    """Everything but the times: a dict as it stands in run.json."""
    one = run.scenario
    return {
        "status": run.status,
        "outcome": run.outcome,
        "scenario": one.name,
        "title": one.title,
        "question": one.question,
        "seed": run.seed,
        "config_hash": one.hash,
        "execution": run.order.execution,
        "months": one.parameters.months,
        "start": one.parameters.start,
        "paths": ranges(run.paths),
        "blocks": [block.label for block in plan(run.paths, [], size=run.order.chunk)],
        "assumed_share_of_debt": one.assumed_share,
        "notes": list(one.notes),
        "figures": run.figures,
        "failed_paths": len(run.failures),
        "cpu_seconds": {phase: round(seconds, 3) for phase, seconds in run.cpu_seconds.items()},
        "version": package_version(),
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in BITS_DEPEND_ON}},
        "processor": {"machine": platform.machine(), "features": processor_features()},
        "argv": list(run.order.argv),
    }


def written(run: Run, directory: RunDirectory) -> None:
    """run.json says how the run stands now."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    before = directory.record() or {}
    record = {**run_record(run), "started": before.get("started", now), "written": now}
    if run.status == "done":
        record["units"] = run.units
        held = {path for block in directory.blocks() for path in block.paths}
        record["paths"] = ranges(sorted(held))
        record["blocks"] = [block.label for block in directory.blocks()]
    directory.write_text("run.json", json.dumps(record, indent=2, ensure_ascii=False) + "\n")


def package_version() -> str:
    """The version of nobid."""
    return _version("nobid")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def processor_features() -> list[str]:
    """What numpy found this processor to have: bits are promised for the same features only."""
    found = getattr(import_module("numpy._core._multiarray_umath"), "__cpu_features__", {})
    return sorted(name for name, has in found.items() if has)


def ranges(paths: Sequence[int]) -> list[list[int]]:
    """Paths as [first, end) pairs.

    >>> ranges([0, 1, 2, 7])
    [[0, 3], [7, 8]]
    """
    pairs: list[list[int]] = []
    for path in sorted(paths):
        if pairs and pairs[-1][1] == path:
            pairs[-1][1] = path + 1
        else:
            pairs.append([path, path + 1])
    return pairs
