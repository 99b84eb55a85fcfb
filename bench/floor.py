"""How far are the hottest phases from plain compiled loops that do the same, and what would those give the month?

The auctions of the month with their bids, what falls due, the month's loans to value with the checks of the books, and
a payment: on the arrays of a real month of `baseline`, the product's own functions against `floor_loops/*.c`, the same
rules as loops, built by the C compiler `cc` when the script starts. Results are compared, the two take turns, the least
of several CPU times counts.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import platform
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from floor_loops.given import SOURCE, Array
from floor_loops.phases import Pair, Session, at_dues, auctions, closing, dues, gaps, heard, payment, without

from nobid.agents.state import Columns
from nobid.model.system import ComputeCreditModel
from nobid.runs import scenario

SAME = (
    1e-9  # relative to the largest figure; all but the dues, whose exponentials numpy has of its own, are the same bits
)
FLAGS = ("-O3", "-march=native", "-ffp-contract=off", "-shared", "-fPIC")
REPEATS, AROUND = 30, 12


def built(folder: Path) -> Any:
    """The loops, compiled into the folder; or a sentence why they cannot be."""
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        return "no C compiler (cc, or what CC names) on this machine: the floor cannot be measured here"
    library = folder / "floor.so"
    command = [compiler, *FLAGS, "-o", str(library), str(SOURCE), "-lm"]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode:
        return f"{compiler} could not build {SOURCE.name}: {made.stderr.strip()}"
    return ctypes.CDLL(str(library))


def stepped(months: int, paths: int) -> tuple[ComputeCreditModel, tuple[list[Session], list[Session]], Columns, float]:
    """The baseline after `months` months; of the last, its auctions (of rounds, then those that only price) and
    the columns before the dues; CPU seconds of a month.
    """
    model = ComputeCreditModel(scenario("baseline").founding, seed=7, paths=range(paths))
    seen: tuple[list[Session], list[Session]] = ([], [])
    start: list[Columns] = []
    spent = [seconds(model.step) for _ in range(months - 1)]
    with heard(*seen), at_dues(start):
        model.step()
    return model, seen, start[0], float(np.median(spent[-AROUND:]))


def seconds(rule: Callable[[], Any]) -> float:
    """CPU seconds of one call."""
    begin = time.process_time()
    rule()
    return time.process_time() - begin


def apart(one: list[Array], other: list[Array]) -> float:
    """The largest difference, relative to the largest figure of its array; infinite figures must be the same."""
    largest = 0.0
    for a, b in zip(one, other, strict=True):
        known = np.isfinite(a)
        assert np.array_equal(np.where(known, 0.0, a), np.where(known, 0.0, b)), "infinite figures differ"
        gap, scale = np.abs(a[known] - b[known]), np.abs(a[known])
        largest = max(largest, float(np.max(gap, initial=0.0)) / max(float(np.max(scale, initial=0.0)), 1.0))
    return largest


def in_turn(product: Callable[[], Any], floor: Callable[[], Any], afresh: Callable[[], None]) -> tuple[float, float]:
    """The least CPU seconds of one call of each, the two taking turns; starting afresh is not counted."""
    least = [np.inf, np.inf]
    for _ in range(REPEATS):
        for place, rule in enumerate((product, floor)):
            afresh()
            least[place] = min(least[place], seconds(rule))
    return least[0], least[1]


def compared(name: str, one: list[Array], other: list[Array]) -> float:
    """How far results are apart; those that are not the product's stop the script."""
    gap = apart(one, other)
    if not gap <= SAME:
        raise SystemExit(f"{name}: the loops differ from the product by {gap:.3g}: they are not the same rule")
    return gap


def report(loops: Any, months: int, paths: int) -> None:
    """The rows of the table for so many paths, and what the whole month would gain."""
    model, seen, start, whole = stepped(months, paths)
    compared("the checks, on disturbed books", *gaps(loops, model))
    pairs: dict[str, Pair] = {
        f"auctions of the month's {len(seen[0])} rounds": auctions(loops, seen[0]),
        "what falls due": dues(loops, model, start),
        "loans to value and checks at month end": closing(loops, model),
    }
    parts: dict[str, Pair] = {
        "· all auctions, those that only price too": auctions(loops, [*seen[0], *seen[1]]),
        "· a payment along facilities, both legs": payment(loops, model),
    }
    gained = taken = 0.0
    for name, (product, floor, afresh) in {**pairs, **parts}.items():
        with without():
            afresh()
            gap = compared(name, product(), floor())
            slow, fast = in_turn(product, floor, afresh)
        print(f"| {name} | {paths} | {1e6 * slow:.0f} | {1e6 * fast:.0f} | {slow / fast:.1f} | {gap:.1g} |", flush=True)
        if name in pairs:  # the parts stand in the phases
            taken, gained = taken + slow, gained + slow - fast
    left = f"with the loops it would take {1.0 - gained / whole:.0%}, were they free {1.0 - taken / whole:.0%}"
    print(f"| the three phases are {taken / whole:.0%} of a month of {1e6 * whole:.0f} µs; {left} | {paths} | | | | |")
    model.close()


def main() -> None:
    """For each phase: product, loops, their ratio, and how far the results are apart."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--months", type=int, default=24, help="months before the one that is measured, with it")
    parser.add_argument("--paths", type=int, nargs="+", default=[64, 256], help="paths side by side")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        loops = built(Path(folder))
        if isinstance(loops, str):
            print(loops)
            return
        print(f"baseline, month {asked.months}; Python {platform.python_version()}, numpy {np.__version__}, {FLAGS[0]}")
        print("| phase | paths | product, µs | loops in C, µs | product / loops | largest difference |")
        print("|---|---:|---:|---:|---:|---:|")
        for paths in asked.paths:
            report(loops, asked.months, paths)


if __name__ == "__main__":
    main()
