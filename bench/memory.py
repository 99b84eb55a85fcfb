"""How much memory do the parent and each worker of an ensemble hold at most, and does it grow with the paths?

Each number of paths is a run of the command line in a process of its own, figures, closing tables and causes included;
its memory is looked at ten times a second (Linux: `/proc`). `python bench/memory.py [SCENARIO] [--paths 10000]`
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

MEBI = 1024.0  # kiB
LIMIT = 1024.0  # MiB, of each process
LOOK = 0.1  # seconds
SMALL = 50.0  # MiB: what holds less is no worker, but the helper that starts them
FEW = (128, 256, 512)  # paths where nothing is said: a minute or two


@dataclass
class Peaks:
    """The most that processes held, MiB: the parent until its workers had ended, the parent at the end, a worker."""

    paths: int
    at_work: float = 0.0
    parent: float = 0.0
    worker: float = 0.0
    seconds: float = 0.0

    @property
    def line(self) -> str:
        """The figures as a line of the table."""
        return (
            f"{self.paths:>7,} {self.worker:>14,.0f} {self.at_work:>22,.0f} {self.parent:>20,.0f} {self.seconds:>9,.0f}"
        )


def peak(pid: int | str) -> float:
    """The most memory the process has held, MiB; 0 where it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0.0
    return next((float(line.split()[1]) / MEBI for line in lines if line.startswith("VmHWM")), 0.0)


def children(pid: int) -> list[str]:
    """The numbers of the processes that this one has started and that still run."""
    try:
        return [one for file in Path(f"/proc/{pid}/task").glob("*/children") for one in file.read_text().split()]
    except OSError:
        return []


def measured(scenario: str, paths: int, workers: int) -> Peaks:
    """A whole run of the command line, watched."""
    found, start = Peaks(paths), time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        words = [scenario, "--paths", str(paths), "--workers", str(workers), "--out", f"{folder}/r"]
        command = [sys.executable, "-m", "nobid.runs", "run", *words, "--json"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
            while run.poll() is None:
                working = [most for most in map(peak, children(run.pid)) if most > SMALL]
                found.parent = max(found.parent, peak(run.pid))
                found.worker = max(found.worker, *working, 0.0)
                found.at_work = found.parent if working else found.at_work
                time.sleep(LOOK)
        if run.returncode:
            raise SystemExit(f"the run of {paths} paths ended with {run.returncode}")
    found.seconds = time.perf_counter() - start
    return found


def main() -> None:
    """The table, the growth between its ends, and whether every process stayed below the limit."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("scenario", nargs="?", default="baseline")
    asked.add_argument("--paths", type=int, help="the largest number of paths; before it a quarter and a sixteenth")
    asked.add_argument("--workers", type=int, default=2)
    given = asked.parse_args()
    sizes = (given.paths // 16, given.paths // 4, given.paths) if given.paths else FEW
    print(f"{given.scenario}, {given.workers} workers, peak MiB\n")
    print(f"{'paths':>7} {'a worker':>14} {'parent, while at work':>22} {'parent, at the end':>20} {'seconds':>9}")
    rows = []
    for paths in sizes:
        rows.append(measured(given.scenario, paths, given.workers))
        print(rows[-1].line, flush=True)
    first, last = rows[0], rows[-1]
    print(f"\n{last.paths / first.paths:.0f} times the paths: a worker {last.worker / first.worker:.2f} times, "
          f"the parent {last.parent / first.parent:.2f} times the memory")  # fmt: skip
    most = max(one for row in rows for one in (row.worker, row.parent))
    print(f"the most that any process held: {most:,.0f} MiB, {'below' if most < LIMIT else 'ABOVE'} 1 GiB")


if __name__ == "__main__":
    main()
