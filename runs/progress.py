"""How far has a run come, and who hears of it?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nobid.runs.block_run import BlockResult
from nobid.runs.run import Run
from nobid.runs.run_directory import Block


@dataclass(frozen=True)
class Progress:
    """How far a run has come: path-months done of all, defaults found so far, paths that failed."""

    done: int
    total: int
    paths: int
    defaults: float
    failed: int = 0


@dataclass
class Teller:
    """Counts path-months, defaults and failed paths of the blocks that are left, and tells them to whoever listens."""

    run: Run
    paths: int
    progress: Callable[[Progress], None] | None
    done: int = 0
    defaults: float = 0.0
    failed: int = 0

    @property
    def months(self) -> int:
        """How many months a path has."""
        return self.run.scenario.parameters.months

    def within(self, block: Block) -> Callable[[float, float], None]:
        """For the block that runs: what to call with its months and its defaults so far."""
        return lambda months, defaults: self.stands(self.done + months * len(block.paths), self.defaults + defaults)

    def ended(self, result: BlockResult) -> None:
        """The block is counted."""
        self.done += self.months * len(result.block.paths)
        self.defaults += result.defaults
        self.failed += len(result.failures)

    def now(self) -> None:
        """How far the ended blocks have come is told."""
        self.stands(self.done, self.defaults)

    def stands(self, done: float, defaults: float) -> None:
        """So many path-months and defaults are told."""
        if self.progress is not None:
            total = self.months * self.paths
            self.progress(Progress(int(done), total, len(self.run.paths), defaults, self.failed))
