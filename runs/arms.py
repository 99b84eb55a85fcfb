"""How are the arms of a comparison worked off together: one world, one luck, other policies, shared processes?

Blocks go by paths, then by arm, so that a comparison that is stopped has nearly the same paths in every arm.
"""

from __future__ import annotations

import hashlib
import json
import pickle
import re
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import Executor, Future
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cache, cached_property
from multiprocessing.sharedctypes import RawArray
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pyarrow as pa

from nobid.model.outcome import ModelStopped
from nobid.model.policies import Policy
from nobid.runs.block_run import BlockResult, run_block
from nobid.runs.errors import InputError
from nobid.runs.job import Job, Spread, job
from nobid.runs.measures import measures_of
from nobid.runs.policies import NONE, PoliciesAsked, as_table, policies_of, policy_problems
from nobid.runs.progress import Progress, Teller
from nobid.runs.run import Order, Run
from nobid.runs.run_directory import RECORD, SHORT_HASH, Block, RunDirectory
from nobid.runs.scenarios import Scenario
from nobid.runs.simulation import Interrupted
from nobid.runs.workers import GIVEN, Local, as_a_worker_starts, on_board, packed, stored_block, unpacked

Told = Callable[[Progress], None]
Results = Generator[tuple[BlockResult, Mapping[str, pa.Table]], None, None]

LONGEST_FOLDER: Final = 100  # characters of a label that make the name of its folder

NOT_IN_A_FOLDER: Final = re.compile(r"[^A-Za-z0-9_.=+-]+")


@dataclass
class Arm:
    """One side of a comparison: what holds in it besides the scenario's own policies, and its run."""

    label: str
    policies: tuple[Policy, ...]
    run: Run

    @cached_property
    def figures(self) -> pd.DataFrame:
        """Every measure of every finished path: see `nobid.runs.measures`."""
        return measures_of(self.run)

    @property
    def folder(self) -> str:
        """The name of its run directory among the others: the label, with signs that every file system takes."""
        name = NOT_IN_A_FOLDER.sub("-", self.label)
        if len(name) <= LONGEST_FOLDER:
            return name
        return f"{name[:LONGEST_FOLDER]}-{hashlib.sha256(name.encode()).hexdigest()[:SHORT_HASH]}"


def under(world: Scenario, policies: Iterable[Policy]) -> Scenario:
    """The scenario with these policies besides its own; InputError where they cannot hold in it."""
    added = tuple(policies)
    held = (*world.founding.policies, *added)
    problems = [*dict.fromkeys(policy_problems(held, world.parameters))]
    if problems:
        raise InputError("\n".join(problems))
    if not added:
        return world
    resolved = {**world.resolved, "policy": [as_table(one) for one in held]}
    return replace(world, founding=world.founding.model_copy(update={"policies": held}), resolved=resolved)


def labelled(asked: Iterable[PoliciesAsked]) -> dict[str, tuple[Policy, ...]]:
    """The policies of every arm under its label, `none` first; InputError with every mistake."""
    arms: dict[str, tuple[Policy, ...]] = {NONE: ()}
    problems: list[str] = []
    for one in asked:
        try:
            policies = policies_of(one)
        except InputError as error:
            problems += str(error).splitlines()
            continue
        label = " + ".join(sorted(map(str, policies))) or NONE
        if policies and label in arms:
            problems.append(f"policy {label} is asked for twice: leave one of them out.")
        arms[label] = policies
    if problems:
        raise InputError("\n".join(dict.fromkeys(problems)))
    return arms


def arms_of(base: Order, policies: Mapping[str, tuple[Policy, ...]]) -> list[Arm]:
    """An arm each, on the paths and the luck of `base`; InputError with every policy that cannot hold."""
    arms, problems = [], []
    for label, held in policies.items():
        try:
            order = replace(base, scenario=under(base.scenario, held))
        except InputError as error:
            problems += str(error).splitlines()
        else:
            arms.append(Arm(label, held, Run(order)))
    if problems:
        raise InputError("\n".join(dict.fromkeys(problems)))
    return arms


def folder_of(path: Path, record: str, base: Order, *, words: tuple[str, str]) -> RunDirectory:
    """The folder's file `record` tells of this world and seed, or the folder is empty; InputError where it holds
    something else. `words`: what it should hold, and what it holds where that is of another world.
    """
    directory, file = RunDirectory(path), path / record
    if not file.exists():
        others = [one.name for one in path.iterdir()]
        if others:
            held = "a run" if RECORD in others else f"other files ({others[0]})"
            raise InputError(f"--out {path}: holds {held} and no {words[0]}: choose another --out.")
        return directory
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        same = (told["config_hash"], told["seed"]) == (base.scenario.hash, base.seed)
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"--out {path}: its {record} is not one of nobid: choose another --out.") from error
    if not same:
        raise InputError(f"--out {path}: holds {words[1]}: choose another --out.")
    return directory


def about(order: Order, paths: int) -> dict[str, Any]:
    """The world, the seed and the paths, as plain values."""
    one = order.scenario
    return {
        "scenario": one.name,
        "title": one.title,
        "seed": order.seed,
        "months": one.parameters.months,
        "paths": paths,
        "config_hash": one.hash,
    }


def work_off(arms: Sequence[Arm], *, workers: int = 1, out: Path | None = None, progress: Told | None = None) -> None:
    """Every arm has run, in its own folder under `out` if given; only what is missing was run.

    Errors: InputError where a folder holds another run; Interrupted; ModelStopped where process after process died.
    """
    spread = Spread.asked(workers=workers, shard=None, keep=(), cluster=None, mixed=False)
    jobs = [job(arm.run, spread, None if out is None else out / arm.folder) for arm in arms]
    left = [one.left() for one in jobs]
    blocks = sorted(ArmBlock(block.first, block.end, arm) for arm, mine in enumerate(left) for block in mine)
    missing = [len(mine) for mine in left]
    try:
        for one, some in zip(jobs, missing, strict=True):
            if some:
                one.begins()
        with closing(_results(jobs, blocks, workers, _teller(jobs, blocks, progress))) as results:
            for result, tables in results:
                arm = result.block.arm if isinstance(result.block, ArmBlock) else 0
                jobs[arm].stores(replace(result, block=_plain(result.block)), tables)
                missing[arm] -= 1
    except KeyboardInterrupt as error:
        raise Interrupted(_stopped(jobs, missing, "interrupted", ""), arms[0].run) from error
    except ModelStopped as error:
        _stopped(jobs, missing, "stopped", str(error))
        raise
    for one in jobs:
        one.ends()


def _stopped(jobs: Sequence[Job], missing: Sequence[int], status: str, why: str) -> str:
    """Every folder says how far it came; a sentence."""
    for one, some in zip(jobs, missing, strict=True):
        if some:
            one.stops(status, why or f"stopped by hand: {one.kept()} of {len(one.run.paths)} paths are kept.")
        else:
            one.ends()
    if jobs[0].directory is None:
        return "stopped by hand: nothing was kept, since no `out` was given."
    kept, wanted = sum(one.kept() for one in jobs), sum(len(one.run.paths) for one in jobs)
    return f"stopped by hand: {kept} of {wanted} paths in {len(jobs)} arms are kept; the same command continues."


def _teller(jobs: Sequence[Job], blocks: Sequence[Block], progress: Told | None) -> Teller:
    """Who tells how far all arms have come together."""
    paths = sum(len(block.paths) for block in blocks)
    told = None if progress is None else (lambda now: progress(replace(now, paths=max(paths, 1))))
    return Teller(jobs[0].run, paths, told)


# ---- blocks of several arms


@dataclass(frozen=True, order=True)
class ArmBlock(Block):
    """A block of paths of one of the arms."""

    arm: int = 0

    @property
    def label(self) -> str:
        """Its name among the blocks of all arms."""
        return f"{self.arm}-{super().label}"


def _plain(block: Block) -> Block:
    return Block(block.first, block.end)


def _results(jobs: Sequence[Job], blocks: Sequence[ArmBlock], workers: int, told: Teller) -> Results:
    """Each block as it comes, with its tables where they are at hand and not written yet."""
    if workers > 1 and len(blocks) > 1:
        local = _Shared(jobs, blocks, workers=min(workers, len(blocks)))
        with closing(local.runner().results(blocks, lambda: told.stands(*local.progress()))) as results:
            for result in results:
                told.ended(result)
                yield result, {}
        return
    for block in blocks:
        one = jobs[block.arm]
        found, tables = run_block(
            one.run.order, _plain(block), keep_agents=one.keep_agents, told=told.within(_plain(block))
        )
        told.ended(found)
        yield replace(found, block=block), tables


class _Shared(Local):
    """Worker processes that know the orders of all arms."""

    def __init__(self, jobs: Sequence[Job], blocks: Sequence[ArmBlock], *, workers: int):
        self.row = {block.label: row for row, block in enumerate(blocks)}
        self.arm = {block.label: block.arm for block in blocks}
        self.board = RawArray("d", 2 * len(blocks) + 1)
        self.workers = workers
        given = [(packed(one.run.order), one.directory and one.directory.path, one.keep_agents) for one in jobs]
        self.given = (pickle.dumps(given), None, self.board)

    def _submit(self, executor: Executor, block: Block) -> Future[BlockResult]:
        """A block of one of the arms is handed out."""
        with as_a_worker_starts():
            return executor.submit(_work, _plain(block), self.arm[block.label], self.row[block.label])


@cache
def _given(arm: int) -> tuple[Order, RunDirectory | None, bool]:
    """Inside a worker: the order of the arm, its folder, and whether tables of agents are kept."""
    order, out, keep_agents = pickle.loads(GIVEN["packed"])[arm]
    return unpacked(order), None if out is None else RunDirectory(out), keep_agents


def _work(block: Block, arm: int, row: int) -> BlockResult:
    """The block of the arm is done: its parts lie in the arm's folder, or come back as bytes where there is none."""
    order, directory, keep_agents = _given(arm)
    found = stored_block(order, block, keep_agents=keep_agents, told=on_board(block, row), directory=directory)
    return replace(found, block=ArmBlock(block.first, block.end, arm))
