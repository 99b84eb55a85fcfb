"""What do two workers bring against one, in CPU and wall time?

Start-up is left out: rates count from the first month that is told. Two workers are timed between two turns of one, so
that a machine with other work on it does both under the same load. `python bench/workers.py [PATHS]`
"""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from nobid.runs.progress import Progress
from nobid.runs.simulation import simulate


@dataclass
class Watch:
    """What a run tells while it works: when, and how far."""

    told: list[tuple[float, int]] = field(default_factory=list)

    def __call__(self, now: Progress) -> None:
        self.told.append((time.perf_counter(), now.done))

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
    """The table."""
    few = int((sys.argv[1:] or ["640"])[0])
    turns = [(workers, *timed(workers, few)) for workers in (1, 2, 1)]
    print(f"baseline, {few} paths, blocks of 64     workers   path-months/s wall   CPU ms a path-month")
    for workers, watch, cpu in turns:
        print(f"{workers:>47}   {watch.rate:>18,.0f}   {cpu:>19.3f}")
    one = sum(watch.rate for workers, watch, _ in turns if workers == 1) / 2
    single = sum(cpu for workers, _, cpu in turns if workers == 1) / 2
    print(
        f"two workers against one: {turns[1][1].rate / one:.2f} times the rate, {turns[1][2] / single:.2f} of the CPU"
    )
    print(f"by CPU alone, on cores with nothing else to do: {2 * single / turns[1][2]:.2f} times the rate")


if __name__ == "__main__":
    main()
