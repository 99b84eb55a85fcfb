"""What does run.json say about a run: what was asked, with which versions, how it ended, what it cost?"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nobid.model.policies import Policy
from nobid.runs.fork import ForkedScenario, fork_record, stage_file
from nobid.runs.policies import known
from nobid.runs.run_directory import RECORD, SHORT_HASH, RunDirectory, plan

if TYPE_CHECKING:
    from nobid.runs.run import Run

BITS_DEPEND_ON = ("numpy", "mesa", "scipy", "pandas", "pyarrow")
PACKAGE = Path(__file__).resolve().parent.parent
ENGINE = ("agents/*.py", "model/*.py", "runs/synthetic*.py", "runs/census.py")  # the source that decides a run's bits
RULES_RUN_ON: Final = ("numpy", "scipy", "mesa")  # of the versions: those on which the bits of a path depend


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
        "chunk": run.order.chunk,
        "blocks": [block.label for block in plan(run.paths, [], size=run.order.chunk)],
        "assumed_share_of_debt": one.assumed_share,
        "notes": list(one.notes),
        "figures": run.figures,
        "failed_paths": len(run.failures),
        "cpu_seconds": {phase: round(seconds, 3) for phase, seconds in run.cpu_seconds.items()},
        "fork": fork_record(one),
        "own_agents": own_agents(run.order.agents),
        "own_policies": own_policies(one.founding.policies),
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
    return {kind: _class(cls) for kind, cls in sorted((agents or {}).items())}


def own_policies(policies: Iterable[Policy]) -> dict[str, str]:
    """Which policies are of the user's own, neither shipped nor installed, and the name of their class."""
    return {one.name: _class(type(one)) for one in policies if known().get(one.name) is not type(one)}


def missing_policies(record: Mapping[str, Any]) -> dict[str, str]:
    """The policies of a record's own, with the name of their class, that are not known here by now."""
    here = {name: _class(cls) for name, cls in known().items()}
    return {name: cls for name, cls in (record.get("own_policies") or {}).items() if here.get(name) != cls}


def _class(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


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
    """A hash of the source of all rules, those that draw a world included: with the same one, runs follow the same
    rules, whatever the version says.
    """
    found = hashlib.sha256()
    for pattern in ENGINE:
        for file in sorted(PACKAGE.glob(pattern)):
            found.update(f"{file.relative_to(PACKAGE).as_posix()}\n".encode() + file.read_bytes())
    return found.hexdigest()


def differences(record: Mapping[str, Any], *, also: Sequence[str] = ()) -> list[str]:
    """In what the record was made otherwise than it would be here, as far as the bits of a path may depend on it.

    Each as words: "numpy 2.4.0 (here 2.5.1)"; empty where the same bits are promised. `also`: further packages.
    """
    now = made_by()
    then, versions = record.get("versions", {}), now["versions"]
    other = [
        f"{one} {then.get(one, '?')} (here {versions[one]})"
        for one in (*also, *RULES_RUN_ON)
        if then.get(one) != versions[one]
    ]
    if record.get("version") != now["version"]:
        other.insert(0, f"nobid {record.get('version', '?')} (here {now['version']})")
    elif record.get("engine") != now["engine"]:
        other.insert(0, f"other rules of nobid (commit {str(record.get('commit'))[:SHORT_HASH]})")
    if record.get("processor") != now["processor"]:
        other.append("another processor")
    return other


def scenario_texts(run: Run) -> dict[str, str]:
    """The files of a run directory that hold its scenario: as it was given, complete, a fork's earlier stages."""
    one = run.scenario
    stages = one.earlier if isinstance(one, ForkedScenario) else ()
    earlier = {stage_file(stage): stage.scenario.to_toml() for stage in stages}
    return {**earlier, "scenario.toml": one.given, "resolved.toml": one.to_toml()}


def written(run: Run, directory: RunDirectory, about: Mapping[str, Any]) -> None:
    """run.json says how the run stands now; more paths than these may be wanted of it since earlier."""
    before = _json(directory.path / RECORD)
    wanted = sorted({*run.paths, *paths_in(before)})
    record = {**before, **_told(run, about, before), "paths": ranges(wanted)}
    record["blocks"] = [block.label for block in plan(wanted, [], size=run.order.chunk)]
    if run.status == "done":
        record["units"] = run.units
        record["blocks"] = [block.label for block in directory.blocks()]
        held = directory.paths()
        if not held.issuperset(wanted):
            kept = f"{len(held)} of {len(wanted)} paths are kept."
            record["status"], record["outcome"] = "interrupted", kept
    directory.write_text(RECORD, json.dumps(record, indent=2, ensure_ascii=False) + "\n")


def shard_written(run: Run, directory: RunDirectory, about: Mapping[str, Any], *, shard: tuple[int, int]) -> None:
    """The shard's own file says how it stands; no other shard writes it."""
    record = _told(run, about, shard_record(directory, shard))
    record |= {"shard": list(shard), "paths": ranges(run.paths)}
    directory.write_text(shard_file(shard), json.dumps(record, indent=2, ensure_ascii=False) + "\n")


def _told(run: Run, about: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """What a record says now that was first written `before`."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    where = {"host": platform.node(), "pid": os.getpid()}
    return {**run_record(run), **about, **where, "started": before.get("started", now), "written": now}


def shard_file(shard: tuple[int, int]) -> str:
    """The name of a shard's own file."""
    return f"shard-{shard[0]}-{shard[1]}.json"


def shard_record(directory: RunDirectory, shard: tuple[int, int]) -> dict[str, Any]:
    """What the shard's file says; nothing where there is none."""
    return _json(directory.path / shard_file(shard))


def shards_of(folder: Path) -> Iterator[dict[str, Any]]:
    """What the shards of a run say, each in its own file."""
    for file in sorted(folder.glob("shard-*-*.json")):
        yield _json(file)


def _json(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    return found


def paths_in(record: Mapping[str, Any]) -> list[int]:
    """The paths that a record wants, one by one."""
    return [path for first, end in record.get("paths", ()) for path in range(first, end)]


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
