"""What happens in a scenario: one command simulates it, keeps it, and gives it back as tables, graphs and figures."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from nobid.model.outcome import Failure, ModelStopped
from nobid.runs.block_tables import COUNTS, tables_of
from nobid.runs.errors import InputError
from nobid.runs.months import month_label
from nobid.runs.order import Asked, ordered
from nobid.runs.run import AGENTS_KEPT_UP_TO, PATHS_PER_BLOCK, PHASES, Order, Run, engine
from nobid.runs.run_directory import SHORT_HASH, Block, RunDirectory, plan
from nobid.runs.run_record import run_record, write_scenario, written
from nobid.runs.scenarios import Scenario
from nobid.runs.summary import outcome_sentence


@dataclass(frozen=True)
class Progress:
    """How far a run has come: path-months done of all, and defaults found so far."""

    done: int
    total: int
    paths: int
    defaults: float


class Interrupted(KeyboardInterrupt):
    """The run was stopped by hand; what was finished is kept in `run`."""

    def __init__(self, message: str, run: Run) -> None:
        super().__init__(message)
        self.message = message
        self.run = run


def simulate(
    name: str | Path | Scenario | None = None,
    *,
    paths: int | None = None,
    seed: int | None = None,
    path: int | None = None,
    months: int | None = None,
    set: Mapping[str, Any] | Iterable[str] | None = None,
    start_from: str | Path | Run | None = None,
    month: str | None = None,
    execution: str = "cohort",
    out: str | Path | Callable[[Order], Path] | None = None,
    agents: Mapping[str, type] | None = None,
    chunk: int = PATHS_PER_BLOCK,
    progress: Callable[[Progress], None] | None = None,
    figures: bool = True,
    argv: Sequence[str] = (),
) -> Run:
    """The scenario has run on `paths` paths, or on the one path with the number `path`; it lies in `out` if given.

    Path k is the same, bit for bit, alone and among others. Own agents: `agents={"miner": MyMiner}`.
    `out` may be a function of the order, such as one that calls `default_out`. A fork: the run `start_from` goes on
    from `month` with the changes in `set`. Where nothing is said: the baseline, one path, seed 7; for a fork the
    scenario, paths, seed and agents of its run.
    Errors: InputError for a mistake in what was given; ModelStopped when a single path cannot go on; Interrupted.
    """
    clock = dict.fromkeys(PHASES, 0.0)
    with _timed(clock, "import"):
        engine()
    with _timed(clock, "found"):
        asked = Asked(name, paths, path, seed, months, set, start_from, month, execution, agents, chunk, tuple(argv))
        run = Run(ordered(asked), cpu_seconds=clock)
    directory = _open(run, out(run.order) if callable(out) else out)
    _simulate(run, directory, progress)
    if directory is not None and figures and not run.figures:
        _draw(run, directory)
    return run


def default_out(world: Scenario, seed: int, path: int | None) -> Path:
    """out/SCENARIO-SEED-HASH6; a single path by number lies beside it, not in it."""
    alone = "" if path is None else f"-path{path}"
    return Path("out") / f"{world.name}-{seed}-{world.hash[:SHORT_HASH]}{alone}"


def _open(run: Run, out: str | Path | None) -> RunDirectory | None:
    """The run directory, ready, and what it already cost; InputError where it holds another run."""
    if out is None:
        return None
    directory = RunDirectory(Path(out))
    record = directory.record()
    if record is not None:
        ours = run_record(run)
        directory.check(record, config_hash=ours["config_hash"], seed=run.seed, version=ours["version"])
        if record.get("own_agents", ours["own_agents"]) != ours["own_agents"]:
            raise InputError(f"--out {directory.path}: holds a run with other agents of its own: choose another --out.")
        for phase, seconds in record.get("cpu_seconds", {}).items():
            run.cpu_seconds[phase] = run.cpu_seconds.get(phase, 0.0) + seconds
        run.figures = list(record.get("figures", []))
    run.out = directory.path
    return directory


def _simulate(run: Run, directory: RunDirectory | None, progress: Callable[[Progress], None] | None) -> None:
    """Every block that was missing is done; run.status and run.outcome say how it ended."""
    done = directory.blocks() if directory else []
    blocks = plan(run.paths, done, size=run.order.chunk)
    if directory is not None and blocks:
        run.figures = []
        written(run, directory)  # first: a folder with run.json is ours
        write_scenario(run, directory)
    try:
        for block, tables in _blocks(run, blocks, progress):
            with _timed(run.cpu_seconds, "store"):
                _keep(run, directory, block, tables)
    except KeyboardInterrupt as error:
        _ended(run, directory, status="interrupted", outcome=_interrupted_sentence(run, directory))
        raise Interrupted(run.outcome, run) from error
    except ModelStopped as error:
        _ended(run, directory, status="stopped", outcome=str(error))
        raise
    if directory is not None:
        run.failures = [row for row in directory.failures() if row["path"] in run.paths]
    finished = directory is not None and (directory.record() or {}).get("status") == "done"
    _ended(run, None if finished else directory, status="done", outcome=outcome_sentence(run))


def _blocks(
    run: Run, blocks: Sequence[Block], progress: Callable[[Progress], None] | None
) -> Iterator[tuple[Block, dict[str, pa.Table]]]:
    """Each block with its tables, one after the other."""
    parameters = run.scenario.parameters
    told = _Teller(run, total=parameters.months * sum(len(block.paths) for block in blocks), progress=progress)
    keep_agents = len(run.paths) <= AGENTS_KEPT_UP_TO
    for block in blocks:
        with _timed(run.cpu_seconds, "found"):
            model = run.order.model(block.paths, keep_agents=keep_agents)
        try:
            failures = _run_through(run, model, block, told)
            with _timed(run.cpu_seconds, "store"):
                tables = tables_of(model, block.paths, start=parameters.start, failures=failures)
            run.failures += [_failure_row(failure, parameters.start) for failure in failures]
        finally:
            model.close()
        yield block, tables


def _run_through(run: Run, model: Any, block: Block, told: _Teller) -> list[Failure]:
    """All months of the block have passed; the paths that failed, ModelStopped where the run has only this one."""
    try:
        for _ in range(run.scenario.parameters.months):
            with _timed(run.cpu_seconds, "simulate"):
                model.step()
            told.month_passed(model, len(block.paths))
    except ModelStopped as error:
        stopped = Failure(block.first, model.month, str(error))
        if len(run.paths) == 1:
            run.failures.append(_failure_row(stopped, run.scenario.parameters.start))
            raise
        return [stopped]
    return list(model.failures)


@dataclass
class _Teller:
    """Counts path-months and defaults, and tells them to whoever listens."""

    run: Run
    total: int
    progress: Callable[[Progress], None] | None
    done: int = 0
    defaults: float = 0.0

    def month_passed(self, model: Any, paths: int) -> None:
        """The counts include the model's last month."""
        if self.progress is None:
            return
        self.done += paths
        month = model.month - 1
        self.defaults += sum(float(np.nansum(model.record.monthly[name][month])) for name in COUNTS)
        self.progress(Progress(self.done, self.total, len(self.run.paths), self.defaults))


def _failure_row(failure: Failure, start: str) -> dict[str, Any]:
    return {"path": int(failure.path), "month": month_label(start, int(failure.month)), "reason": failure.message}


def _keep(run: Run, directory: RunDirectory | None, block: Block, tables: Mapping[str, pa.Table]) -> None:
    if directory is None:
        for name, table in tables.items():
            run.kept.setdefault(name, []).append(table)
        return
    directory.add_failures([row for row in run.failures if row["path"] in block.paths])
    directory.write_block(block, tables)


def _ended(run: Run, directory: RunDirectory | None, *, status: str, outcome: str) -> None:
    run.status, run.outcome = status, outcome
    if directory is not None:
        directory.add_failures(run.failures)
        written(run, directory)


def _interrupted_sentence(run: Run, directory: RunDirectory | None) -> str:
    if directory is None:
        return "stopped by hand: nothing was kept, since no `out` was given."
    kept = len({path for block in directory.blocks() for path in block.paths} & {*run.paths})
    return f"stopped by hand: {kept} of {len(run.paths)} paths are finished and kept; the same command continues."


def _draw(run: Run, directory: RunDirectory) -> None:
    """The figures lie in the run directory."""
    from nobid.runs.plots import save_all

    with _timed(run.cpu_seconds, "figures"):
        run.figures = [path.name for path in save_all(run, directory.path / "figures")]
    written(run, directory)


@contextmanager
def _timed(clock: dict[str, float], phase: str) -> Iterator[None]:
    """The phase's CPU seconds of this process are added to the clock."""
    before = time.process_time()
    try:
        yield
    finally:
        clock[phase] += time.process_time() - before
