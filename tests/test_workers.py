"""Do several processes leave the same bytes as one, whoever of them dies, and does none outlive its parent?"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from nobid.model.outcome import ModelStopped
from nobid.runs.block_run import BlockResult
from nobid.runs.errors import InputError
from nobid.runs.job import Spread
from nobid.runs.progress import Progress
from nobid.runs.run import Run
from nobid.runs.run_directory import Block, RunDirectory, alive, plan, shard_of
from nobid.runs.simulation import simulate
from nobid.runs.workers import DEATHS, Runner
from tests.ensembles import ended, finished, hashes, is_alive, kill_one, killed, record, started, until, workers_of


def toy(out: Path | None = None, **asked: Any) -> Run:
    """A short run in small blocks, without figures."""
    return simulate("toy", out=out, chunk=4, figures=False, **asked)


# ---- the same bits


def test_two_workers_leave_the_bytes_of_one(tmp_path: Path) -> None:
    told: list[Progress] = []
    one, two = toy(tmp_path / "1", paths=22), toy(tmp_path / "2", paths=22, workers=2, progress=told.append)
    assert hashes(tmp_path / "1") == hashes(tmp_path / "2")
    assert len(hashes(tmp_path / "1")) >= 6 * 5
    assert one.outcome == two.outcome
    assert told[-1].done == told[-1].total == 22 * 3
    assert told[-1].defaults == float(one.outcomes.filter(like="defaults_").to_numpy().sum())
    assert {"found", "simulate", "store", "import"} <= {phase for phase, spent in two.cpu_seconds.items() if spent > 0}


def test_without_a_folder_workers_bring_their_tables_back_in_order() -> None:
    one, two = toy(paths=10), toy(paths=10, workers=2)
    for name in ("monthly", "events", "causes", "outcomes", "agents"):
        pd.testing.assert_frame_equal(getattr(one, name), getattr(two, name))
        assert getattr(two, name)["path"].is_monotonic_increasing


def test_agent_tables_are_kept_for_many_paths_on_request(tmp_path: Path) -> None:
    found = toy(tmp_path / "r", paths=18, keep=["agents"])
    assert found.agents["path"].nunique() == 18
    toy(tmp_path / "r", paths=20)
    assert pd.read_parquet(tmp_path / "r" / "parts" / "agents")["path"].nunique() == 20
    toy(tmp_path / "s", paths=18)
    with pytest.raises(InputError, match="its finished paths have no agent tables"):
        toy(tmp_path / "s", paths=20, keep=["agents"])


OWN = """
import numpy as np
from nobid.agents.miner import Miner

class Breaks(Miner):
    def runs_mining(self):
        super().runs_mining()
        here = np.flatnonzero(np.isin(self.model.paths, (3, 9)) & self.model.going)
        if self.model.month == 1 and len(here):
            self.model.stops(here, ["out of luck"] * len(here))
"""


def test_paths_that_fail_in_workers_are_rows_with_their_reasons(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_miner_that_breaks.py").write_text(OWN, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    from importlib import import_module

    own = {"miner": import_module("own_miner_that_breaks").Breaks}
    told: list[Progress] = []
    one = toy(tmp_path / "1", paths=12, agents=own)
    two = toy(tmp_path / "2", paths=12, agents=own, workers=2, progress=told.append)
    assert [(row["path"], row["month"], row["reason"]) for row in two.failures] == [
        (3, "2026-02", "out of luck"),
        (9, "2026-02", "out of luck"),
    ]
    assert told[-1].failed == 2
    assert one.failures == two.failures == RunDirectory(tmp_path / "2").failures()
    assert hashes(tmp_path / "1") == hashes(tmp_path / "2")
    assert record(tmp_path / "2")["failed_paths"] == 2


def test_agents_that_cannot_travel_are_refused_in_a_sentence() -> None:
    from nobid.agents.miner import Miner

    class Inner(Miner):
        """Stands where no other process finds it."""

    with pytest.raises(InputError, match="must stand in a module that other processes can import"):
        toy(paths=10, agents={"miner": Inner}, workers=2)


# ---- whoever dies


@pytest.mark.slow
def test_a_worker_that_is_killed_costs_nothing_but_its_block(tmp_path: Path) -> None:
    process = started(tmp_path / "run.py", paths=120, workers=2, out=tmp_path / "r")
    until(lambda: finished(tmp_path / "r") >= 2, "the first blocks")
    kill_one(workers_of(process))
    assert ended(process) == ""
    assert process.returncode == 0
    toy(tmp_path / "whole", paths=120)
    assert hashes(tmp_path / "r") == hashes(tmp_path / "whole")


def test_a_process_that_has_ended_is_not_alive_though_nobody_has_asked_for_its_end() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    assert alive(os.getpid())
    until(lambda: not alive(process.pid), "the process's end")  # a zombie from then on
    assert process.wait() == 0
    assert not alive(process.pid)


@pytest.mark.slow
def test_workers_die_with_their_parent_and_the_same_command_continues(tmp_path: Path) -> None:
    process = started(tmp_path / "run.py", paths=2000, workers=2, out=tmp_path / "r")
    until(lambda: finished(tmp_path / "r") >= 2, "the first blocks")
    workers = workers_of(process)
    assert len(workers) == 2
    killed(process)
    until(lambda: not any(map(is_alive, workers)), "the workers' end")
    kept = finished(tmp_path / "r")
    assert record(tmp_path / "r")["status"] == "running"
    toy(tmp_path / "r", paths=80)
    assert finished(tmp_path / "r") == max(kept, 20)
    assert not list((tmp_path / "r").rglob(".tmp*"))


@pytest.mark.slow
def test_ctrl_c_stops_the_workers_and_keeps_what_is_whole(tmp_path: Path) -> None:
    process = started(tmp_path / "run.py", paths=2000, workers=2, out=tmp_path / "r")
    until(lambda: finished(tmp_path / "r") >= 2, "the first blocks")
    workers = workers_of(process)
    for pid in (process.pid, *workers):  # as a terminal does, to the whole group
        os.kill(pid, signal.SIGINT)
    said = ended(process)
    assert "Interrupted: stopped by hand: " in said.splitlines()[-1]
    assert said.splitlines()[-1].endswith("of 2000 paths are finished and kept; the same command continues.")
    assert "SpawnProcess" not in said  # a worker that heard it would have said so
    assert not any(map(is_alive, workers))
    assert record(tmp_path / "r")["status"] == "interrupted"
    assert not list((tmp_path / "r").rglob(".tmp*"))


class Fragile(Executor):
    """An executor that does what it is told at once, and breaks at certain blocks for good."""

    def __init__(self, breaks: Callable[[Block], bool]) -> None:
        self.breaks, self.broken = breaks, False

    def submit(self, fn: Any, /, *args: Any, **_: Any) -> Future[Any]:
        """A future that is done."""
        if self.broken:
            raise BrokenProcessPool
        future: Future[Any] = Future()
        self.broken = self.breaks(args[0])
        if self.broken:
            future.set_exception(BrokenProcessPool())
        else:
            future.set_result(fn(args[0]))
        return future


def fragile(breaks: Callable[[Block], bool], started: list[Fragile]) -> Runner:
    """A runner over executors that break."""

    def start() -> Executor:
        started.append(Fragile(breaks))
        return started[-1]

    return Runner(start, lambda executor, block: executor.submit(BlockResult, block), window=2)


def test_a_runner_starts_anew_when_its_executor_breaks_and_gives_every_block_once() -> None:
    blocks, dying = plan(range(40), [], size=4), deque([Block(8, 12), Block(20, 24), Block(36, 40)])

    def breaks(block: Block) -> bool:
        return bool(dying) and block == dying[0] and bool(dying.popleft())

    executors: list[Fragile] = []
    found = [result.block for result in fragile(breaks, executors).results(blocks, lambda: None)]
    assert sorted(found) == blocks
    assert len(executors) == 4


def test_a_block_that_kills_every_worker_stops_the_run_with_a_sentence() -> None:
    executors: list[Fragile] = []
    runner = fragile(lambda block: block.first == 8, executors)
    with pytest.raises(ModelStopped, match=rf"paths 8 … 11: {DEATHS} processes died over them"):
        list(runner.results(plan(range(16), [], size=4), lambda: None))
    assert len(executors) == DEATHS


@pytest.mark.slow
def test_a_script_that_calls_simulate_without_a_main_guard_is_told_so(tmp_path: Path) -> None:
    process = started(tmp_path / "run.py", guard="if True:", paths=12, workers=2, out=tmp_path / "r")
    assert "does a script call simulate outside `if __name__ == '__main__':`" in ended(process).splitlines()[-1]
    assert process.returncode == 1


# ---- shards


def test_a_shard_is_every_nth_block_of_the_whole_plan() -> None:
    shards = [shard_of(range(22), (number, 3), size=4) for number in (1, 2, 3)]
    assert shards[0] == [0, 1, 2, 3, 12, 13, 14, 15]
    assert sorted(path for shard in shards for path in shard) == list(range(22))


@pytest.mark.slow
def test_shards_at_the_same_time_leave_the_bytes_of_one_run(tmp_path: Path) -> None:
    scripts = [(f"{number}/3", tmp_path / f"{number}.py") for number in (1, 2, 3)]
    processes = [started(script, paths=40, shard=shard, out=tmp_path / "r") for shard, script in scripts]
    assert [ended(process) for process in processes] == ["", "", ""]
    toy(tmp_path / "whole", paths=40)
    assert hashes(tmp_path / "r") == hashes(tmp_path / "whole")
    assert record(tmp_path / "r")["status"] == "done"
    assert record(tmp_path / "r")["outcome"] == record(tmp_path / "whole")["outcome"]


def test_a_shard_has_its_own_file_and_says_what_is_missing(tmp_path: Path) -> None:
    found = toy(tmp_path / "r", paths=12, shard="2/3")
    assert found.outcome == (
        "shard 2 of 3 is done; 4 of 12 paths are kept: the other shards are missing or still at work."
    )
    assert found.paths == (4, 5, 6, 7)
    assert record(tmp_path / "r")["paths"] == [[0, 12]]
    assert record(tmp_path / "r")["status"] == "running"
    assert (tmp_path / "r" / "shard-2-3.json").is_file()
    assert toy(tmp_path / "r", paths=12, shard="1/3").paths == (0, 1, 2, 3, 4, 5, 6, 7)
    assert toy(tmp_path / "r", paths=12, shard="3/3").outcome.endswith("12 of 12 paths are kept: all shards are done.")


# ---- what cannot be asked


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"workers": 0}, "workers = 0: must be a whole number of at least 1."),
        ({"workers": 2, "cluster": "local:2"}, "give one of them: a cluster has its own"),
        ({"keep": ["agent"]}, 'keep = "agent": must be agents'),
        ({"shard": "0/4"}, "shard = 0/4: must be I/N"),
        ({"shard": "5/4"}, "shard = 5/4: must be I/N"),
        ({"shard": "half"}, "shard = half: must be I/N"),
        ({"shard": "1/2"}, "shards meet in one run directory"),
    ],
)
def test_what_cannot_be_asked_is_told(asked: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        toy(paths=8, **asked)
    assert sentence in str(caught.value)


def test_nothing_said_is_one_process_and_the_whole_plan() -> None:
    assert Spread.asked(workers=1, shard=None, keep=(), cluster=None, mixed=False) == Spread()
    assert np.array_equal(shard_of(range(5), None, size=2), range(5))
