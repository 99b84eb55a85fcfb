"""What happens in a scenario: one command simulates it, keeps it, and gives it back as tables, graphs and figures."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa

from nobid.model.outcome import ModelStopped
from nobid.runs.block_run import BlockResult, run_block, timed
from nobid.runs.job import Job, Spread, job
from nobid.runs.order import Asked, continued, ordered
from nobid.runs.policies import PoliciesAsked
from nobid.runs.progress import Progress, Teller
from nobid.runs.run import PATHS_PER_BLOCK, PHASES, Order, Run
from nobid.runs.run_directory import SHORT_HASH, Block, RunDirectory
from nobid.runs.run_record import written
from nobid.runs.scenarios import Scenario
from nobid.runs.workers import Local

__all__ = ["Interrupted", "Progress", "default_out", "resume", "simulate"]

Results = Generator[tuple[BlockResult, Mapping[str, pa.Table]], None, None]


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
    policy: PoliciesAsked = None,
    start_from: str | Path | Run | None = None,
    month: str | None = None,
    execution: str = "cohort",
    out: str | Path | Callable[[Order], Path] | None = None,
    agents: Mapping[str, type] | None = None,
    chunk: int = PATHS_PER_BLOCK,
    progress: Callable[[Progress], None] | None = None,
    figures: bool = True,
    argv: Sequence[str] = (),
    workers: int = 1,
    shard: str | None = None,
    keep: Collection[str] = (),
    cluster: str | None = None,
    mixed: bool = False,
) -> Run:
    """The scenario has run on `paths` paths, or on the one path with the number `path`; it lies in `out` if given.

    Path k is the same, bit for bit, alone and among others. Own agents: `agents={"miner": MyMiner}`.
    `policy`: what holds besides the scenario's own policies: "ltv_cap:max=0.5 + repo_facility", or objects.
    `out` may be a function of the order, such as one that calls `default_out`. A fork: the run `start_from` goes on
    from `month` with the changes in `set`. Where nothing is said: the baseline, one path, seed 7; for a fork the
    scenario, paths, seed and agents of its run. `workers` processes of this machine, or a Dask `cluster`
    ("tcp://HOST:PORT", "local:4"; `mixed`: also one of unlike processors) work on blocks of `chunk` paths: the same
    bits. `shard="2/8"` does every eighth block from the second on. `keep=["agents"]` keeps tables of agents for any
    number of paths. In a folder that holds part of the run, only what is missing is run.
    Errors: InputError for a mistake in what was given; ModelStopped when a single path cannot go on; Interrupted.
    """
    asked = Asked(
        name, paths, path, seed, months, set, start_from, month, execution, agents, chunk, tuple(argv), policy
    )
    spread = Spread.asked(workers=workers, shard=shard, keep=keep, cluster=cluster, mixed=mixed)
    return _simulated(lambda: ordered(asked), spread, out=out, progress=progress, figures=figures)


def resume(
    folder: str | Path,
    *,
    agents: Mapping[str, type] | None = None,
    workers: int = 1,
    cluster: str | None = None,
    mixed: bool = False,
    progress: Callable[[Progress], None] | None = None,
    figures: bool = True,
) -> Run:
    """The run in the folder has gone on to its end, with what the folder says alone; `agents` as it had them.

    Errors: InputError where the folder holds no run, or was made by another nobid or numpy; as for `simulate`.
    """
    spread = Spread.asked(workers=workers, shard=None, keep=(), cluster=cluster, mixed=mixed)
    return _simulated(lambda: continued(folder, agents), spread, out=folder, progress=progress, figures=figures)


def default_out(world: Scenario, seed: int, path: int | None) -> Path:
    """out/SCENARIO-SEED-HASH6; a single path by number lies beside it, not in it."""
    alone = "" if path is None else f"-path{path}"
    return Path("out") / f"{world.name}-{seed}-{world.hash[:SHORT_HASH]}{alone}"


def _simulated(
    order: Callable[[], Order],
    spread: Spread,
    *,
    out: str | Path | Callable[[Order], Path] | None,
    progress: Callable[[Progress], None] | None,
    figures: bool,
) -> Run:
    """The order has been worked off; it lies in `out` if given."""
    clock = dict.fromkeys(PHASES, 0.0)
    with timed(clock, "import"):
        import nobid.model.system  # noqa: F401  heavy: its time is told apart
    with timed(clock, "found"):
        run = Run(order(), cpu_seconds=clock)
    found = job(run, spread, out(run.order) if callable(out) else out)
    _work_off(found, progress)
    if found.directory is not None and figures and spread.shard is None and not run.figures and run.by_month.paths:
        _draw(run, found.directory)
        written(run, found.directory, found.about)
    return run


def _work_off(found: Job, progress: Callable[[Progress], None] | None) -> None:
    """Every block that was missing is done; run.status and run.outcome say how it ended."""
    run, blocks = found.run, found.left()
    told = Teller(run, sum(len(block.paths) for block in blocks), progress)
    try:
        if blocks:
            found.begins()
            with closing(_results(found, blocks, told)) as results:
                for result, tables in results:
                    _goes_on(found, result)
                    found.stores(result, tables)
    except KeyboardInterrupt as error:
        found.stops("interrupted", _interrupted_sentence(found))
        raise Interrupted(run.outcome, run) from error
    except ModelStopped as error:
        found.stops("stopped", str(error))
        raise
    found.ends()


def _goes_on(found: Job, result: BlockResult) -> None:
    """ModelStopped where the only path of the run has failed: nothing of it is kept but the reason."""
    if len(found.run.paths) == 1 and result.failures:
        found.run.failures += result.failures
        raise ModelStopped(result.failures[0]["reason"])


def _results(found: Job, blocks: Sequence[Block], told: Teller) -> Results:
    """Each block as it comes, with its tables where they are at hand and not written yet."""
    spread, order, keep_agents = found.spread, found.run.order, found.keep_agents
    if spread.cluster is not None:
        from nobid.runs.cluster import Cluster

        with Cluster(spread.cluster, order, keep_agents=keep_agents, mixed=spread.mixed) as cluster:
            found.marks(cluster.about)
            with closing(_as_they_come(cluster.results(blocks, told.now), told)) as results:
                for come in results:
                    found.marks(cluster.about)  # an unlike worker may have joined
                    yield come
    elif spread.workers > 1 and len(blocks) > 1:
        out = found.directory.path if found.directory else None
        local = Local(order, blocks, workers=min(spread.workers, len(blocks)), keep_agents=keep_agents, out=out)
        yield from _as_they_come(local.runner().results(blocks, lambda: told.stands(*local.progress())), told)
    else:
        for block in blocks:
            result, tables = run_block(order, block, keep_agents=keep_agents, told=told.within(block))
            told.ended(result)
            yield result, tables


def _as_they_come(results: Generator[BlockResult, None, None], told: Teller) -> Results:
    with closing(results):
        for result in results:
            told.ended(result)
            yield result, {}


def _interrupted_sentence(found: Job) -> str:
    if found.directory is None:
        return "stopped by hand: nothing was kept, since no `out` was given."
    kept = f"{found.kept()} of {len(found.run.paths)} paths"
    return f"stopped by hand: {kept} are finished and kept; the same command continues."


def _draw(run: Run, directory: RunDirectory) -> None:
    """The figures lie in the run directory."""
    from nobid.runs.charts.registry import save_standard

    with timed(run.cpu_seconds, "figures"):
        run.figures = [path.name for path in save_standard(run, directory.path / "figures")]
