"""What does the scenario `synthetic` cost from a thousand borrowers to a hundred thousand, one path, 24 months?

A table on the screen: seconds to draw and check the rows, to build the model, for a month; peak memory; and the
exponent with which founding and stepping grow from one size to the next. Each size in its own process, CPU seconds.
`--profile` adds, for the largest size, the functions in which the months spend their time and how each grew.
"""

from __future__ import annotations

import argparse
import cProfile
import multiprocessing
import pstats
import resource
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nobid.model.system import ComputeCreditModel
from nobid.runs.scenarios import scenario

SIZES = (1_000, 10_000, 100_000)
MONTHS, SEED, SHOWN = 24, 7, 15
HEAD = (
    "borrowers", "facilities", "rows s", "model s", "months s", "a month s", "peak GB", "defaults", "rounds, most",
    "founding ~ n^, months ~ n^",
)  # fmt: skip
BYTES = 1 if sys.platform == "darwin" else 1024  # unit of ru_maxrss


class Line(NamedTuple):
    """What one size took, and what came of it."""

    borrowers: int
    facilities: int
    drawn: float  # seconds for the rows
    built: float  # seconds for the model
    stepped: float  # seconds for all months
    gigabytes: float
    defaults: int
    rounds: int
    functions: dict[str, float]


def measure(name: str, size: int, *, months: int, profile: bool, out: Any) -> None:
    """One path of one size; the line goes into the pipe."""
    scenario(name, set={"population.borrowers": 50})
    begin = time.process_time()
    founding = scenario(name, set={"population.borrowers": size}).founding
    drawn = time.process_time()
    model = ComputeCreditModel(founding, seed=SEED, paths=(0,))
    built = time.process_time()
    watch = cProfile.Profile(time.process_time) if profile else None
    for _ in range(months):
        watch.runcall(model.step) if watch else model.step()
    stepped = time.process_time()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * BYTES / 1e9
    month = model.record.monthly
    failed = sum(np.nansum(month[f"defaults_{kind}"]) for kind in ("miner", "neocloud", "lender", "buyer"))
    out.send(
        Line(size, len(founding.facilities), drawn - begin, built - drawn, stepped - built, peak, int(failed),
             int(np.nanmax(month["rounds"])), own_time(watch))
    )  # fmt: skip


def own_time(watch: cProfile.Profile | None) -> dict[str, float]:
    """Seconds in each function itself, by file and name."""
    if watch is None:
        return {}
    stats: dict[tuple[str, int, str], tuple[int, int, float, float, Any]] = pstats.Stats(watch).stats  # type: ignore[attr-defined]
    found: dict[str, float] = {}
    for (file, _, name), (_, _, own, _, _) in stats.items():
        key = f"{Path(file).name}: {name}" if file != "~" else name
        found[key] = found.get(key, 0.0) + own
    return found


def alone(name: str, size: int, *, months: int, profile: bool) -> Line:
    """The same in a fresh process."""
    context = multiprocessing.get_context("spawn")
    inbox, outbox = context.Pipe(duplex=False)
    keys = {"months": months, "profile": profile, "out": outbox}
    process = context.Process(target=measure, args=(name, size), kwargs=keys)
    process.start()
    outbox.close()
    line: Line = inbox.recv()
    process.join()
    return line


def growth(before: float, after: float, sizes: tuple[int, int]) -> float:
    """The exponent b of seconds ~ borrowers^b."""
    return float(np.log(max(after, 1e-9) / max(before, 1e-9)) / np.log(sizes[1] / sizes[0]))


def main() -> None:
    """The table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenario", default="synthetic", help="scenario (synthetic)")
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), help="numbers of borrowers")
    parser.add_argument("--months", type=int, default=MONTHS, help="months to simulate")
    parser.add_argument("--profile", action="store_true", help="say where the largest size spends its months")
    asked = parser.parse_args()
    print(f"{asked.scenario}, one path, {asked.months} months, CPU seconds")
    print(f"| {' | '.join(HEAD)} |\n|{'---|' * len(HEAD)}")
    lines: list[Line] = []
    for size in asked.sizes:
        line = alone(asked.scenario, size, months=asked.months, profile=asked.profile)
        grew = ""
        if lines:
            last, sizes = lines[-1], (lines[-1].borrowers, size)
            founded = growth(last.drawn + last.built, line.drawn + line.built, sizes)
            grew = f"{founded:.2f}, {growth(last.stepped, line.stepped, sizes):.2f}"
        print(
            f"| {size:,} | {line.facilities:,} | {line.drawn:.1f} | {line.built:.1f} | {line.stepped:.1f} | "
            f"{line.stepped / asked.months:.3f} | {line.gigabytes:.2f} | {line.defaults:,} | {line.rounds} | {grew} |",
            flush=True,
        )
        lines.append(line)
    if asked.profile and len(lines) > 1:
        print(profiled(*lines[-2:]))


def profiled(before: Line, after: Line) -> str:
    """The functions in which the larger size spends most, with the exponent of each."""
    slowest = sorted(after.functions.items(), key=lambda one: -one[1])[:SHOWN]
    sizes = (before.borrowers, after.borrowers)
    rows = [
        f"| {name} | {seconds:.1f} | {seconds / after.stepped:.0%} | "
        f"{growth(before.functions.get(name, 0.0), seconds, sizes):.2f} |"
        for name, seconds in slowest
    ]
    return "\n".join(
        [f"\n| function, at {after.borrowers:,} | seconds in itself | share | ~ n^ |", "|---|---|---|---|", *rows]
    )


if __name__ == "__main__":
    main()
