"""What tests of stored runs share: the hashes of parts, and a run in a process of its own that can be killed."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PATIENCE = 60.0  # seconds until a test gives up waiting

GUARD = 'if __name__ == "__main__":'
SCRIPT = """
from nobid.runs.simulation import simulate

{guard}
    simulate("toy", chunk=4, figures=False, **{asked!r})
"""


def hashes(folder: Path) -> dict[str, str]:
    """Every part of a run directory with the hash of its bytes."""
    files = sorted(folder.rglob("*.parquet"))
    return {str(one.relative_to(folder)): hashlib.sha256(one.read_bytes()).hexdigest() for one in files}


def record(folder: Path) -> dict[str, Any]:
    """What run.json says."""
    found: dict[str, Any] = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    return found


def finished(folder: Path) -> int:
    """How many blocks are committed."""
    return len(list(folder.glob("parts/outcomes/*.parquet")))


def started(script: Path, *, guard: str = GUARD, **asked: Any) -> subprocess.Popen[str]:
    """A process that simulates toy in blocks of four paths; in a group of its own, which a test may end."""
    script.write_text(
        SCRIPT.format(guard=guard, asked={key: str(v) if key == "out" else v for key, v in asked.items()})
    )
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, str(script)], start_new_session=True, **pipes)  # type: ignore[call-overload, no-any-return]


def ended(process: subprocess.Popen[str]) -> str:
    """What the process said on standard error; it has ended by itself."""
    _, said = process.communicate(timeout=PATIENCE)
    return said


def killed(process: subprocess.Popen[str]) -> None:
    """The process is gone as by `kill -9`."""
    process.kill()
    process.communicate(timeout=PATIENCE)


def until(true: Callable[[], object], what: str) -> None:
    """It has become true; AssertionError where it does not."""
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, f"waited in vain: {what}"
        time.sleep(0.01)


def workers_of(process: subprocess.Popen[str]) -> list[int]:
    """The numbers of the worker processes."""
    found = subprocess.run(
        ["ps", "-ww", "-A", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True
    ).stdout
    rows = [line.split(None, 2) for line in found.splitlines()]
    return [int(row[0]) for row in rows if row[1] == str(process.pid) and "spawn_main" in row[2]]


def is_alive(pid: int) -> bool:
    """True where such a process runs, one that is a zombie not counted."""
    found = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(found.strip()) and not found.strip().startswith("Z")


def kill_one(pids: list[int]) -> None:
    """The first of these processes is gone as by `kill -9`."""
    os.kill(pids[0], signal.SIGKILL)
