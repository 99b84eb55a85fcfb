"""How are blocks of paths worked off by several processes, one of which may die at any moment?"""

from __future__ import annotations

import os
import pickle
import signal
import threading
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import connection, get_context, parent_process
from multiprocessing.sharedctypes import RawArray
from pathlib import Path
from typing import Any, Final

import numpy as np

from nobid.model.outcome import ModelStopped
from nobid.runs.block_run import BlockResult, run_block, timed
from nobid.runs.errors import InputError
from nobid.runs.run import Order
from nobid.runs.run_directory import Block, RunDirectory, parquet

DEATHS: Final = 3  # workers that a block may lose before the run stops
LOOK: Final = 0.25  # seconds between two looks at how far the workers have come
ONE_THREAD: Final = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"
)


class StoppedByHand(Exception):
    """The parent has asked its workers to stop."""


@dataclass(frozen=True)
class Runner:
    """Blocks on an executor that is started anew when one of its workers dies.

    `start` gives a fresh executor, `submit` hands it a block, `window` is how many blocks are with it at once, and
    `stop` ends it.
    """

    start: Callable[[], Executor]
    submit: Callable[[Executor, Block], Future[BlockResult]]
    window: int
    stop: Callable[[Executor], None] = lambda executor: executor.shutdown(cancel_futures=True)

    def results(self, blocks: Sequence[Block], look: Callable[[], None]) -> Generator[BlockResult, None, None]:
        """The result of every block as it comes; a block whose worker died has been given to another one.

        Errors: ModelStopped where a block loses its worker again and again.
        """
        waiting, deaths = deque(blocks), Counter[str]()
        while waiting:
            open_blocks: dict[Future[BlockResult], Block] = {}
            executor = self.start()
            try:
                yield from self._until_broken(executor, waiting, open_blocks, look)
            finally:
                self.stop(executor)
            lost = sorted(open_blocks.values())
            deaths.update(block.label for block in lost)
            for block in reversed(lost):
                if deaths[block.label] >= DEATHS:
                    raise ModelStopped(gave_up(block))
                waiting.appendleft(block)

    def _until_broken(
        self,
        executor: Executor,
        waiting: deque[Block],
        open_blocks: dict[Future[BlockResult], Block],
        look: Callable[[], None],
    ) -> Iterator[BlockResult]:
        """Results until all are there, or until a worker has died: then the blocks in flight stay in `open_blocks`."""
        broken = False
        while open_blocks or (waiting and not broken):
            while waiting and len(open_blocks) < self.window and not broken:
                try:
                    open_blocks[self.submit(executor, waiting[0])] = waiting[0]
                    waiting.popleft()
                except BrokenExecutor:
                    broken = True
            ended, _ = wait(open_blocks, timeout=LOOK, return_when=FIRST_COMPLETED)
            for future in ended:
                if isinstance(future.exception(), BrokenExecutor):
                    broken = True
                    continue
                del open_blocks[future]
                yield future.result()
            look()
            if broken and all(future.done() for future in open_blocks):
                return


def gave_up(block: Block) -> str:
    """What is said when a block has lost worker after worker."""
    return (
        f"paths {block.first} … {block.end - 1}: {DEATHS} processes died over them, one after the other: was memory "
        "short (take fewer workers), or does a script call simulate outside `if __name__ == '__main__':`? The same "
        "command continues."
    )


# ---- processes of this machine


class Local:
    """Worker processes of this machine that write their blocks' parts themselves, and a board of their progress."""

    def __init__(self, order: Order, blocks: Sequence[Block], *, workers: int, keep_agents: bool, out: Path | None):
        self.row = {block.label: row for row, block in enumerate(blocks)}
        self.board = RawArray("d", 2 * len(blocks) + 1)
        self.workers, self.keep_agents = workers, keep_agents
        self.given = (packed(order), out, self.board)

    def runner(self) -> Runner:
        """A runner over these processes."""
        return Runner(self._start, self._submit, self.workers, self._stop)

    def progress(self) -> tuple[float, float]:
        """Path-months and defaults of all blocks so far."""
        board = np.frombuffer(self.board)[:-1].reshape(-1, 2)
        return float(board[:, 0].sum()), float(board[:, 1].sum())

    def _start(self) -> Executor:
        self.board[-1] = 0.0
        return ProcessPoolExecutor(self.workers, get_context("spawn"), _begin, self.given)

    def _submit(self, executor: Executor, block: Block) -> Future[BlockResult]:
        with as_a_worker_starts():
            return executor.submit(_work, block, self.row[block.label], self.keep_agents)

    def _stop(self, executor: Executor) -> None:
        self.board[-1] = 1.0  # blocks in flight end with their month
        executor.shutdown(cancel_futures=True)


@contextmanager
def as_a_worker_starts() -> Iterator[None]:
    """A process that starts now computes with one thread and leaves Ctrl-C to its parent."""
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    main = threading.current_thread() is threading.main_thread()
    heard = signal.signal(signal.SIGINT, signal.SIG_IGN) if main else None
    os.environ.update(ONE_THREAD)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
        if main:
            signal.signal(signal.SIGINT, heard)


def packed(order: Order) -> bytes:
    """The order as bytes, without what was told already; InputError where own agents cannot travel."""
    try:
        return pickle.dumps(replace(order, caution="", paths=()))
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise InputError(_cannot_travel(error)) from error


def unpacked(order: bytes) -> Order:
    """The order in a worker; InputError where its own agents cannot be found there."""
    try:
        found: Order = pickle.loads(order)
    except (pickle.UnpicklingError, AttributeError, ImportError) as error:
        raise InputError(_cannot_travel(error)) from error
    return found


def _cannot_travel(error: Exception) -> str:
    return (
        f"workers: agents of your own must stand in a module that other processes can import ({error}): move the class "
        "into a file of its own, or leave out `workers`."
    )


# ---- inside a worker

GIVEN: dict[str, Any] = {}


def _begin(order: bytes, out: Path | None, board: Any) -> None:
    """The worker knows what it works on, and dies with its parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    GIVEN.update(packed=order, out=out, board=board)


def _die_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def on_board(block: Block, row: int) -> Callable[[float, float], None]:
    """What a worker tells every month stands on the board; StoppedByHand where its parent has stopped."""
    board = GIVEN["board"]

    def told(months: float, defaults: float) -> None:
        board[2 * row], board[2 * row + 1] = months * len(block.paths), defaults
        if board[-1]:
            raise StoppedByHand

    return told


def _work(block: Block, row: int, keep_agents: bool) -> BlockResult:
    """The block is done: its parts lie in the run directory, or come back as bytes where there is none."""
    clock, told = {"import": 0.0}, on_board(block, row)
    if "order" not in GIVEN:
        with timed(clock, "import"):
            GIVEN["order"] = unpacked(GIVEN["packed"])
            GIVEN["directory"] = None if GIVEN["out"] is None else RunDirectory(GIVEN["out"])
    result = stored_block(GIVEN["order"], block, keep_agents=keep_agents, told=told, directory=GIVEN["directory"])
    result.cpu_seconds |= clock
    return result


def stored_block(
    order: Order,
    block: Block,
    *,
    keep_agents: bool,
    told: Callable[[float, float], None],
    directory: RunDirectory | None,
) -> BlockResult:
    """The block has run; its parts lie in the directory, or are in the result where there is none."""
    result, tables = run_block(order, block, keep_agents=keep_agents, told=told)
    with timed(result.cpu_seconds, "store"):
        parts: Mapping[str, bytes] = {name: parquet(table) for name, table in tables.items()}
        if directory is None:
            result.parts = dict(parts)
        else:
            directory.write_block(block, parts)
    return result
