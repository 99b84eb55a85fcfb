"""Where does a run stand: what is left of its plan, what does its folder say, how did it end?"""

from __future__ import annotations

import io
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from nobid.runs.block_run import BlockResult, failure_row, timed
from nobid.runs.errors import InputError
from nobid.runs.run import AGENTS_KEPT_UP_TO, Run
from nobid.runs.run_directory import Block, RunDirectory, parquet, plan, shard_of
from nobid.runs.run_record import (
    differences,
    own_agents,
    package_version,
    paths_in,
    scenario_texts,
    shard_record,
    shard_written,
    written,
)
from nobid.runs.summary import outcome_sentence

KEPT: Final = ("agents",)  # tables that are kept on request
SHARD: Final = re.compile(r"(\d+)/(\d+)")


@dataclass(frozen=True)
class Spread:
    """Over what a run is spread: processes, one of several shards, a cluster; and which tables it keeps besides."""

    workers: int = 1
    shard: tuple[int, int] | None = None
    keep: tuple[str, ...] = ()
    cluster: str | None = None
    mixed: bool = False

    @classmethod
    def asked(
        cls, *, workers: int, shard: str | None, keep: Collection[str], cluster: str | None, mixed: bool
    ) -> Spread:
        """What was asked for; InputError where it cannot be."""
        if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
            raise InputError(f"workers = {workers}: must be a whole number of at least 1.")
        if cluster is not None and workers > 1:
            raise InputError(f"workers = {workers} and cluster = {cluster}: give one of them: a cluster has its own.")
        unknown = sorted({*keep} - {*KEPT})
        if unknown:
            raise InputError(f'keep = "{unknown[0]}": must be {", ".join(KEPT)}: all other tables are kept anyway.')
        return cls(workers, None if shard is None else _shard(shard), tuple(sorted({*keep})), cluster, mixed)


def _shard(words: str) -> tuple[int, int]:
    found = SHARD.fullmatch(words)
    number, shards = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 1 <= number <= shards:
        raise InputError(f"shard = {words}: must be I/N: the I-th of N shards, from 1/N to N/N.")
    return number, shards


@dataclass
class Job:
    """A run while it is worked off, and its folder where it has one."""

    run: Run
    spread: Spread
    directory: RunDirectory | None = None
    before: dict[str, Any] = field(default_factory=dict)  # what run.json said
    about: dict[str, Any] = field(default_factory=dict)  # what it says beyond the run
    at_hand: dict[Block, Mapping[str, pa.Table]] = field(default_factory=dict)  # where there is no folder

    @property
    def keep_agents(self) -> bool:
        """True where tables of agents are kept: for few paths, or on request."""
        return len(self.run.paths) <= AGENTS_KEPT_UP_TO or "agents" in self.spread.keep

    def left(self) -> list[Block]:
        """The blocks of this process's share that are not finished."""
        size = self.run.order.chunk
        done = self.directory.blocks() if self.directory else []
        return plan(shard_of(self.run.paths, self.spread.shard, size=size), done, size=size)

    def kept(self) -> int:
        """How many of the run's paths are finished."""
        return len(self.directory.paths() & {*self.run.paths}) if self.directory else 0

    def begins(self) -> None:
        """The folder holds the scenario and then the plan: from its run.json on it is ours."""
        if self.directory is None:
            return
        self.directory.sweep(plan(self.run.paths, self.directory.blocks(), size=self.run.order.chunk))
        self.run.figures = []
        for name, text in scenario_texts(self.run).items():
            self.directory.write_text(name, text)
        if self.spread.shard is None or not {*self.run.paths} <= {*paths_in(self.before)}:
            self._plan("running", "")
        if self.spread.shard is not None:
            shard_written(self.run, self.directory, self.about, shard=self.spread.shard)
        self.before["status"] = "running"

    def marks(self, about: Mapping[str, Any]) -> None:
        """The folder says this about the run as well, before anything is kept that it concerns."""
        if self.about != self.about | dict(about):
            self.about.update(about)
            if self.directory is not None:
                self._plan("running", "")

    def stores(self, result: BlockResult, tables: Mapping[str, pa.Table]) -> None:
        """The block's tables lie in the folder, or are kept in the run; its facts are added to the run's."""
        self.run.failures += result.failures
        for phase, seconds in result.cpu_seconds.items():
            self.run.cpu_seconds[phase] = self.run.cpu_seconds.get(phase, 0.0) + seconds
        with timed(self.run.cpu_seconds, "store"):
            if self.directory is not None:
                parts = result.parts or {name: parquet(table) for name, table in tables.items()}
                self.directory.write_block(result.block, parts)
                return
            at_hand = tables or {name: pq.read_table(io.BytesIO(part)) for name, part in result.parts.items()}
            self.at_hand[result.block] = at_hand

    def stops(self, status: str, outcome: str) -> None:
        """The run ended before its end, and says why; what is finished is kept."""
        self.run.status, self.run.outcome = status, outcome
        self._failures(more=self.run.failures)
        self._write()

    def ends(self) -> None:
        """Every path of the share is there; the run says how it ended, and so does its folder if it did not yet."""
        run, directory = self.run, self.directory
        run.status = "done"
        if directory is None:
            for block in sorted(self.at_hand):
                for name, table in self.at_hand[block].items():
                    run.kept.setdefault(name, []).append(table)
            run.failures.sort(key=lambda row: int(row["path"]))
            run.outcome = outcome_sentence(run)
            return
        if self.before.get("status") != "done":
            self._failures()
        run.failures = [row for row in directory.failures() if row["path"] in {*run.paths}]
        run.outcome = outcome_sentence(run) if self.spread.shard is None else self._shard_sentence()
        if self.before.get("status") != "done":
            self._write()
        if self.spread.shard is not None:  # the run that is given back has the paths that are there
            there = tuple(sorted(directory.paths() & {*run.paths}))
            run.order = replace(run.order, paths=there or run.paths)

    def _write(self) -> None:
        """The folder says what the run says; a shard in its own file, and for all of them once all paths are there."""
        if self.directory is None:
            return
        if self.spread.shard is None:
            written(self.run, self.directory, self.about)
            return
        shard_written(self.run, self.directory, self.about, shard=self.spread.shard)
        if self.kept() == len(self.run.paths):
            self._failures()  # again: another shard may have ended since
            self._plan("done", outcome_sentence(self.run))

    def _plan(self, status: str, outcome: str) -> None:
        """run.json says this of the run as a whole; the CPU seconds of shards stand in their own files."""
        if self.directory is not None:
            told = replace(self.run, status=status, outcome=outcome)
            if self.spread.shard is not None:
                told.cpu_seconds = dict(self.before.get("cpu_seconds", {}))
            written(told, self.directory, self.about)

    def _failures(self, more: Collection[Mapping[str, Any]] = ()) -> None:
        """Failed paths stand in failures.jsonl as the parts tell them, and a lone path that left no part."""
        if self.directory is None:
            return
        start = self.run.scenario.parameters.start
        rows = {int(row["path"]): row for row in more}
        rows |= {path: failure_row(path, months, why, start=start) for path, months, why in self.directory.failed()}
        self.directory.write_failures(rows[path] for path in sorted(rows))

    def _shard_sentence(self) -> str:
        number, shards = self.spread.shard or (1, 1)
        kept, wanted = self.kept(), len(self.run.paths)
        then = "all shards are done." if kept == wanted else "the other shards are missing or still at work."
        return f"shard {number} of {shards} is done; {kept} of {wanted} paths are kept: {then}"


def job(run: Run, asked: Spread, out: str | Path | None) -> Job:
    """The run with its folder, ready, and what it already cost; InputError where the folder holds another run."""
    if out is None:
        if asked.shard is not None:
            raise InputError("shard: shards meet in one run directory: give `out`.")
        return Job(run, asked)
    directory = RunDirectory(Path(out))
    run.out = directory.path
    record = directory.record(scenario_texts(run))
    if record is not None:
        directory.check(record, config_hash=run.scenario.hash, seed=run.seed, version=package_version())
        if record.get("own_agents", {}) != own_agents(run.order.agents):
            raise InputError(f"--out {directory.path}: holds a run with other agents of its own: choose another --out.")
        asked = replace(asked, keep=tuple(sorted({*asked.keep, *record.get("keep", ())})))
    found = Job(run, asked, directory, record or {}, {"keep": list(asked.keep)})
    spent = record if asked.shard is None else shard_record(directory, asked.shard)
    for phase, seconds in (spent or {}).get("cpu_seconds", {}).items():
        run.cpu_seconds[phase] = run.cpu_seconds.get(phase, 0.0) + seconds
    run.figures = list((record or {}).get("figures", []))
    _of_one_make(found)
    return found


def _of_one_make(job: Job) -> None:
    """What is to come may stand beside what is there; InputError where it would be of another make."""
    directory = job.directory
    if directory is None or not job.left() or not directory.blocks():
        return
    if "agents" in job.spread.keep and any(not directory.part("agents", one).exists() for one in directory.blocks()):
        raise InputError(f"--out {directory.path}: its finished paths have no agent tables: choose another --out.")
    other = [] if job.before.get("mixed") else differences(job.before)
    if other:
        raise InputError(
            f"--out {directory.path}: its finished paths were made with {', '.join(other)}; others beside them "
            "would not be of one make: choose another --out."
        )
