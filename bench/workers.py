"""What do two workers bring against one, in CPU and wall time, and does a worker's memory grow with the paths?

Start-up is left out: rates count from the first month that is told. Two workers are timed between two turns of one, so
that a machine with other work on it does both under the same load. `python bench/workers.py [PATHS] [MORE_PATHS]`
"""

from __future__ import annotations

import multiprocessing
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from nobid.runs.progress import Progress
from nobid.runs.simulation import simulate

MEBI = 1024.0  # kiB


def peak(pid: int | str) -> float:
    """The most memory the process has held, MiB; 0 where the system does not tell."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0.0
    return next((float(line.split()[1]) / MEBI for line in lines if line.startswith("VmHWM")), 0.0)


@dataclass
class Watch:
    """What a run tells while it works: when, how far, and how much memory its workers hold."""

    told: list[tuple[float, int]] = field(default_factory=list)
    peaks: dict[int, float] = field(default_factory=dict)
    first: dict[int, float] = field(default_factory=dict)  # after the worker's first block

    def __call__(self, now: Progress) -> None:
        self.told.append((time.perf_counter(), now.done))
        for child in multiprocessing.active_children():
            if child.pid:
                self.peaks[child.pid] = max(self.peaks.get(child.pid, 0.0), peak(child.pid))
                if now.done > now.total / 5:
                    self.first.setdefault(child.pid, self.peaks[child.pid])

    @property
    def rate(self) -> float:
        """Path-months a second, from the first that were told."""
        moving = [one for one in self.told if one[1] > 0]
        (start, before), (end, after) = moving[0], moving[-1]
        return (after - before) / (end - start)


def timed(workers: int, paths: int) -> tuple[Watch, float]:
    """A run of the baseline; what it told, and CPU milliseconds a path-month."""
    watch = Watch()
    with tempfile.TemporaryDirectory() as folder:
        run = simulate("baseline", paths=paths, workers=workers, out=Path(folder) / "r", figures=False, progress=watch)
    spent = sum(run.cpu_seconds[phase] for phase in ("simulate", "store"))
    return watch, 1000 * spent / (paths * run.scenario.parameters.months)


def main() -> None:
    """Both tables."""
    few, many = (int(word) for word in (sys.argv[1:] + ["640", "2560"][len(sys.argv) - 1 :])[:2])
    turns = [(workers, *timed(workers, few)) for workers in (1, 2, 1)]
    print(f"baseline, {few} paths, blocks of 64     workers   path-months/s wall   CPU ms a path-month")
    for workers, watch, cpu in turns:
        print(f"{workers:>47}   {watch.rate:>18,.0f}   {cpu:>19.3f}")
    one = sum(watch.rate for workers, watch, _ in turns if workers == 1) / 2
    single = sum(cpu for workers, _, cpu in turns if workers == 1) / 2
    print(
        f"two workers against one: {turns[1][1].rate / one:.2f} times the rate, {turns[1][2] / single:.2f} of the CPU"
    )
    print(f"by CPU alone, on cores with nothing else to do: {2 * single / turns[1][2]:.2f} times the rate\n")
    more, _ = timed(2, many)
    print("peak memory, MiB          after a fifth   at the end")
    for paths, watch in ((few, turns[1][1]), (many, more)):
        for pid, most in sorted(watch.peaks.items()):
            print(f"{paths:>6} paths, a worker  {watch.first.get(pid, 0.0):>15.0f}   {most:>10.0f}")
    print(f"the parent, at the end    {peak('self'):>26.0f}")


if __name__ == "__main__":
    main()
