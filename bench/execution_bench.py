"""What does a path-month cost, all paths at once against agent by agent, and where does the time go?

CPU seconds of this process around `step()` alone: import and founding are left out, figures and tables are not made.
The executions take turns in one run, so that a slow minute of the machine hits all of them. Measured, never tested.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import platform
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

import numpy as np

from nobid.model import cascade, system
from nobid.model.system import ComputeCreditModel
from nobid.runs import scenario

WIDTHS = (64, 128, 256)  # paths side by side
ARMS = (*(("cohort", paths) for paths in WIDTHS), ("cohort", 1), ("agent", 1))


def stepped(founding: Any, months: int, execution: Any, paths: int) -> float:
    """CPU seconds of `months` months on `paths` paths."""
    model = ComputeCreditModel(founding, seed=7, paths=range(paths), execution=execution)
    try:
        begin = time.process_time()
        for _ in range(months):
            model.step()
        return time.process_time() - begin
    finally:
        model.close()


def measured(founding: Any, months: int, repeats: int) -> dict[tuple[str, int], list[float]]:
    """CPU milliseconds per path-month of every arm, one figure a repeat; the arms alternate."""
    stepped(founding, 3, "cohort", 2)  # numpy and scipy have loaded what they load late
    found: dict[tuple[str, int], list[float]] = {arm: [] for arm in ARMS}
    for _ in range(repeats):
        for execution, paths in ARMS:
            seconds = stepped(founding, months, execution, paths)
            found[execution, paths].append(1e3 * seconds / paths / months)
    return found


def calls_of(function: Callable[..., Any]) -> list[tuple[str, str]]:
    """The (place, name) pairs that a table-of-contents function calls, in its order, each once."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    pairs = [
        (node.func.value.id, node.func.attr)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name)
    ]
    return list(dict.fromkeys(pairs))


class Clock:
    """CPU seconds spent in each phase itself, without the phases that it calls in its turn."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = {}
        self._running: list[str] = []
        self._since = 0.0

    def _turns(self) -> None:
        now = time.process_time()
        if self._running:
            self.spent[self._running[-1]] += now - self._since
        self._since = now

    def around(self, rule: Callable[..., Any], label: str) -> Callable[..., Any]:
        """The rule with the clock on."""
        self.spent[label] = 0.0

        def run(*given: Any, **named: Any) -> Any:
            self._turns()
            self._running.append(label)
            try:
                return rule(*given, **named)
            finally:
                self._turns()
                self._running.pop()

        return run


@contextmanager
def clocked(clock: Clock) -> Iterator[None]:
    """Inside, the phases of the month and of a round run under the clock."""
    kept: list[tuple[Any, str, Any]] = []
    for home, contents in ((system, ComputeCreditModel.step), (cascade, cascade.one_round)):
        for place, name in calls_of(contents):
            owner = ComputeCreditModel if place in {"self", "m"} else getattr(home, place)
            kept.append((owner, name, getattr(owner, name)))
            label = f"{'· ' if home is cascade else ''}{'model' if owner is ComputeCreditModel else place}.{name}"
            if name != "do":  # every phase uses it: its time is that of the phase
                setattr(owner, name, clock.around(getattr(owner, name), label))
    try:
        yield
    finally:
        for owner, name, original in reversed(kept):
            setattr(owner, name, original)


def print_split(founding: Any, months: int, paths: int) -> None:
    """Phases with milliseconds per path-month and share of the whole, the cascade's own after those of the month."""
    clock = Clock()
    with clocked(clock):
        whole = stepped(founding, months, "cohort", paths)
    print(f"\nthe month, cohort, {paths} paths (a phase without the phases it calls; · inside the cascade's rounds)\n")
    print("| phase | ms per path-month | share |\n|---|---:|---:|")
    for label, seconds in [*clock.spent.items(), ("the rest", whole - sum(clock.spent.values()))]:
        print(f"| {label} | {1e3 * seconds / paths / months:.4f} | {seconds / whole:.1%} |")


def main() -> None:
    """Cost per path-month of every arm, the ratio, and two splits are on the screen."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenario", default="baseline")
    parser.add_argument("--months", type=int, default=60)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--split", type=int, default=64, help="paths of the split by phase")
    asked = parser.parse_args()
    world = scenario(asked.scenario)
    print(f"{asked.scenario}, {asked.months} months, {asked.repeats} repeats in turn, CPU time of stepping alone")
    print(f"Python {platform.python_version()}, numpy {np.__version__}\n")
    found = measured(world.founding, asked.months, asked.repeats)
    print("| execution | paths | ms per path-month, median | least | most |\n|---|---:|---:|---:|---:|")
    for (execution, paths), costs in found.items():
        print(f"| {execution} | {paths} | {median(costs):.3f} | {min(costs):.3f} | {max(costs):.3f} |")
    print()
    for paths in WIDTHS:
        cohort = median(found["cohort", paths])
        print(f"agent by agent over cohort with {paths} paths: {median(found['agent', 1]) / cohort:.1f}")
    print(
        f"cohort with 1 path over cohort with 64 paths: {median(found['cohort', 1]) / median(found['cohort', 64]):.1f}"
    )
    print_split(world.founding, asked.months, asked.split)


if __name__ == "__main__":
    main()
