"""What happens to a block of paths: it is founded, run through its months, and leaves tables and a few facts?"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from nobid.model.outcome import Failure, ModelStopped
from nobid.runs.block_tables import COUNTS, by_path, tables_of
from nobid.runs.census import cohorts, network_of
from nobid.runs.months import month_label
from nobid.runs.run import Order
from nobid.runs.run_directory import Block


@dataclass
class BlockResult:
    """What is told of a block: the paths that failed, defaults in all, CPU seconds by phase; its tables as the bytes of
    their parts where they did not go to the disk already.
    """

    block: Block
    failures: list[dict[str, Any]] = field(default_factory=list)
    defaults: float = 0.0
    cpu_seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(("found", "simulate", "store"), 0.0))
    parts: dict[str, bytes] = field(default_factory=dict)
    maker: dict[str, Any] = field(default_factory=dict)  # where it comes from a cluster


def run_block(
    order: Order, block: Block, *, keep_agents: bool, told: Callable[[float, float], None]
) -> tuple[BlockResult, dict[str, pa.Table]]:
    """All months of the block have passed; a path that failed is a row of the result, and its tables end there.

    `told` hears after every month how many have passed (on average over the block's paths, which are simulated network
    by network), and how many defaults there were so far.
    """
    result, months, done = BlockResult(block), order.scenario.parameters.months, 0
    parts = []
    for paths in cohorts(order.scenario, block.paths):
        mean = Passing(told, before=months * done / len(block.paths), share=len(paths) / len(block.paths))
        parts.append(_cohort(order, paths, result, keep_agents=keep_agents, told=mean))
        done += len(paths)
    result.failures.sort(key=lambda row: int(row["path"]))
    with timed(result.cpu_seconds, "store"):
        return result, by_path(parts)


@dataclass(frozen=True)
class Passing:
    """Tells the months of some of a block's paths as months of the block, on average over its paths."""

    told: Callable[[float, float], None]
    before: float
    share: float

    def __call__(self, months: int, defaults: float) -> None:
        """So many months of these paths have passed."""
        self.told(self.before + self.share * months, defaults)


def _cohort(
    order: Order, paths: Sequence[int], result: BlockResult, *, keep_agents: bool, told: Passing
) -> dict[str, pa.Table]:
    """All months of paths that live on one network have passed; their tables."""
    parameters = order.scenario.parameters
    with timed(result.cpu_seconds, "found"):
        model = order.model(paths, keep_agents=keep_agents)
    try:
        failures = _months(model, result, parameters.months, told)
        result.failures += [failure_row(one.path, one.month, one.message, start=parameters.start) for one in failures]
        with timed(result.cpu_seconds, "store"):
            network = network_of(order.scenario, paths[0])
            return tables_of(model, paths, start=parameters.start, failures=failures, network=network)
    finally:
        model.close()


def _months(model: Any, result: BlockResult, months: int, told: Passing) -> list[Failure]:
    """Every month has passed, or none is left in which a path goes on; the paths that failed."""
    try:
        for month in range(months):
            with timed(result.cpu_seconds, "simulate"):
                model.step()
            result.defaults += sum(float(np.nansum(model.record.monthly[name][month])) for name in COUNTS)
            told(month + 1, result.defaults)
    except ModelStopped as error:
        told_already = {failure.path for failure in model.failures}
        stopped = [path for path in model.paths if path not in told_already]
        return [*model.failures, *(Failure(path, model.month, str(error)) for path in stopped)]
    return list(model.failures)


def failure_row(path: int, month: int, reason: str, *, start: str) -> dict[str, Any]:
    """A path that failed as it stands in failures.jsonl: its number, the month YYYY-MM, why."""
    return {"path": int(path), "month": month_label(start, int(month)), "reason": reason}


@contextmanager
def timed(clock: dict[str, float], phase: str) -> Iterator[None]:
    """The phase's CPU seconds of this thread are added to the clock."""
    before = time.thread_time()
    try:
        yield
    finally:
        clock[phase] += time.thread_time() - before
