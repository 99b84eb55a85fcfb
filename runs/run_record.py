"""What does run.json say about a run: what was asked, with which versions, how it ended, what it cost?"""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nobid.runs.fork import ForkedScenario, fork_record, stage_file
from nobid.runs.run_directory import RunDirectory, plan

if TYPE_CHECKING:
    from nobid.runs.run import Run

BITS_DEPEND_ON = ("numpy", "mesa", "scipy", "pandas", "pyarrow")
PACKAGE = Path(__file__).resolve().parent.parent
ENGINE = ("agents", "model")  # the floors whose source decides the bits of a run


class Stored(RunDirectory):
    """A folder that holds a run and is only read: it need not be writable."""

    def __init__(self, path: Path) -> None:
        self.path = path


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
        "fork": fork_record(one),
        "own_agents": own_agents(run.order.agents),
        **made_by(),
        "argv": list(run.order.argv),
    }


def made_by() -> dict[str, Any]:
    """Version, commit and engine of nobid, and the libraries and processor on which its bits depend."""
    return {
        "version": package_version(),
        "commit": git_commit(),
        "engine": engine_hash(),
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in BITS_DEPEND_ON}},
        "processor": {"machine": platform.machine(), "features": processor_features()},
    }


def own_agents(agents: Mapping[str, type] | None) -> dict[str, str]:
    """Which kinds of agents follow rules of the user's own, and the name of their class."""
    return {kind: f"{cls.__module__}.{cls.__qualname__}" for kind, cls in sorted((agents or {}).items())}


@cache
def git_commit() -> str | None:
    """The commit of the checkout that runs; None where nobid was installed without one."""
    if not (PACKAGE / ".git").exists():
        return None
    command = ["git", "-C", str(PACKAGE), "rev-parse", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


@cache
def engine_hash() -> str:
    """A hash of the source of all rules: runs of one hash follow the same rules, whatever the version says."""
    found = hashlib.sha256()
    for floor in ENGINE:
        for file in sorted((PACKAGE / floor).glob("*.py")):
            found.update(f"{floor}/{file.name}\n".encode() + file.read_bytes())
    return found.hexdigest()


def write_scenario(run: Run, directory: RunDirectory) -> None:
    """The scenario lies in the folder as it was given, and complete; a fork's earlier stages beside it."""
    one = run.scenario
    directory.write_text("scenario.toml", one.given)
    directory.write_text("resolved.toml", one.to_toml())
    for stage in one.earlier if isinstance(one, ForkedScenario) else ():
        directory.write_text(stage_file(stage), stage.scenario.to_toml())


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
