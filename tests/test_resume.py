"""Does a run that was cut off at any moment go on to the bytes of one that was not, and forget nothing?"""

from __future__ import annotations

import json
import os
import random
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from nobid.runs import run_directory, run_record
from nobid.runs.cli import app
from nobid.runs.errors import InputError
from nobid.runs.folders import as_it_stands, runs_below
from nobid.runs.run import Run
from nobid.runs.run_directory import Block, RunDirectory
from nobid.runs.simulation import resume, simulate
from tests.ensembles import finished, hashes, killed, record, started

as_others_read = pd.read_parquet  # the whole folder of a table at once


def toy(out: Path | None = None, **asked: Any) -> Run:
    """A short run in small blocks, without figures."""
    return simulate("toy", out=out, figures=False, **{"chunk": 4, **asked})


def told_to_say(folder: Path, file: str = "run.json", **words: Any) -> None:
    """run.json, or another file, says this from now on."""
    said = json.loads((folder / file).read_text(encoding="utf-8"))
    (folder / file).write_text(json.dumps(said | words), encoding="utf-8")


class Killed(BaseException):
    """Stands for `kill -9`: nothing in the program may catch it."""


# ---- cut off


def killed_at(call: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> bool:
    """The run was killed as it had written, or renamed, its n-th file; False where it ended before."""
    calls = 0

    def counts(path: Path) -> None:
        nonlocal calls
        calls += 1
        if calls == call:
            if path.is_file():  # it has written half of it
                os.truncate(path, path.stat().st_size // 2)
            raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(run_directory, "_sync", counts)
        try:
            toy(folder, paths=6)
        except Killed:
            return True
    return False


def test_a_run_killed_at_any_write_goes_on_to_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toy(tmp_path / "whole", paths=6)
    monkeypatch.setattr(run_directory, "alive", lambda pid: False)
    call = 1
    while killed_at(call, tmp_path / f"{call}", monkeypatch):
        folder = tmp_path / f"{call}"
        for table in {part.parent for part in folder.rglob("*.parquet")}:
            assert as_others_read(table)["path"].isin(range(6)).all()  # what is half-written reads as nothing
        call += 1
        found = toy(folder, paths=6)
        assert hashes(folder) == hashes(tmp_path / "whole"), f"killed at write {call}"
        assert record(folder)["status"] == found.status == "done"
        assert not list(folder.rglob(".tmp*"))
    assert call > 2 * (
        3 + 2 * 6
    )  # three files of the plan, six tables of two blocks, each before and after its renaming


@pytest.mark.slow
def test_a_run_killed_at_random_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    luck = random.Random(20261123)
    for number in range(3):
        process = started(tmp_path / "run.py", paths=64, workers=2, out=tmp_path / "r")
        time.sleep(luck.uniform(0.3, 2.5) + number)
        killed(process)
    resume(tmp_path / "r", workers=2, figures=False) if (tmp_path / "r" / "run.json").exists() else None
    toy(tmp_path / "r", paths=64)
    toy(tmp_path / "whole", paths=64)
    assert hashes(tmp_path / "r") == hashes(tmp_path / "whole")
    assert record(tmp_path / "r")["outcome"] == record(tmp_path / "whole")["outcome"]


def test_a_run_killed_after_its_last_block_is_told_as_done_without_running_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = toy(tmp_path / "r", paths=6)
    told_to_say(tmp_path / "r", status="running", outcome="")
    monkeypatch.setattr(run_directory.RunDirectory, "write_block", pytest.fail)
    assert resume(tmp_path / "r", figures=False).outcome == whole.outcome
    assert record(tmp_path / "r")["status"] == "done"


def test_a_folder_of_somebody_else_with_a_scenario_in_it_is_not_taken_for_a_run(tmp_path: Path) -> None:
    (tmp_path / "scenario.toml").write_text('extends = "toy"\n', encoding="utf-8")
    with pytest.raises(InputError, match=r"holds other files \(scenario.toml\) and no run"):
        toy(tmp_path)
    assert (tmp_path / "scenario.toml").read_text(encoding="utf-8") == 'extends = "toy"\n'


# ---- gone on


def test_resume_needs_nothing_but_the_folder(tmp_path: Path) -> None:
    toy(tmp_path / "whole", paths=10, seed=3, set={"repo.capacity": 0.5}, argv=["run", "toy", "--paths", "10"])
    toy(tmp_path / "r", paths=10, seed=3, set={"repo.capacity": 0.5}, shard="1/3", argv=["run", "toy"])
    resume(tmp_path / "r", figures=False)
    assert hashes(tmp_path / "r") == hashes(tmp_path / "whole")
    assert record(tmp_path / "r")["argv"] == ["run", "toy"]
    assert record(tmp_path / "r")["status"] == "done"


def test_a_fork_is_resumed_as_the_fork_it_was(tmp_path: Path) -> None:
    toy(tmp_path / "parent", paths=6)
    fork = {"start_from": tmp_path / "parent", "month": "2026-02", "set": {"auction.reoffers": 0}}
    simulate(out=tmp_path / "whole", chunk=4, figures=False, **fork)  # type: ignore[arg-type]
    simulate(out=tmp_path / "r", chunk=4, figures=False, shard="1/2", **fork)  # type: ignore[arg-type]
    resume(tmp_path / "r", figures=False)
    assert hashes(tmp_path / "r") == hashes(tmp_path / "whole")


def test_more_paths_leave_no_row_twice_where_a_killed_block_ended_earlier(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert killed_at(11, tmp_path / "r", monkeypatch)  # some parts of paths 0 … 3 lie there, without a commit mark
    orphans = [path for path in hashes(tmp_path / "r") if "outcomes" not in path]
    assert orphans
    assert not finished(tmp_path / "r")
    toy(tmp_path / "r", paths=9, chunk=3)
    assert len(as_others_read(tmp_path / "r" / "parts" / "causes").drop_duplicates()) == len(
        as_others_read(tmp_path / "r" / "parts" / "causes")
    )
    assert as_others_read(tmp_path / "r" / "parts" / "monthly").groupby("path").size().tolist() == [3] * 9


def test_fewer_paths_do_not_make_a_run_forget_what_is_wanted_of_it(tmp_path: Path) -> None:
    toy(tmp_path / "r", paths=12, shard="1/3")
    assert toy(tmp_path / "r", paths=2).paths == (0, 1)
    assert record(tmp_path / "r")["paths"] == [[0, 12]]
    assert record(tmp_path / "r")["status"] == "interrupted"
    resume(tmp_path / "r", figures=False)
    assert record(tmp_path / "r")["status"] == "done"
    toy(tmp_path / "whole", paths=12)
    assert hashes(tmp_path / "r") == hashes(tmp_path / "whole")


def test_temporary_files_go_with_their_writer_and_not_before(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path)
    here = run_directory._place()
    mine, elsewhere = (tmp_path / f".tmp-{place}-{os.getpid()}-x.part" for place in (here, "0" * 8))
    gone, old = tmp_path / f".tmp-{here}-{2**22 + 1}-x.part", tmp_path / f".tmp-{'0' * 8}-1-x.part"
    for file in (mine, elsewhere, gone, old):
        file.write_bytes(b"half")
    os.utime(old, (time.time() - 7200,) * 2)
    directory.sweep([Block(0, 4)])
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted([mine.name, elsewhere.name])


def test_paths_of_another_make_are_not_put_beside_those_of_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = toy(tmp_path / "r", paths=4)
    made = run_record.made_by()
    monkeypatch.setattr(run_record, "made_by", lambda: made | {"versions": made["versions"] | {"numpy": "9.9"}})
    assert toy(tmp_path / "r", paths=4).outcome == whole.outcome
    with pytest.raises(
        InputError, match=r"were made with numpy .* \(here 9.9\); others beside them would not be of one"
    ):
        toy(tmp_path / "r", paths=8)


def test_failed_paths_are_told_by_the_parts_even_where_their_file_was_lost(tmp_path: Path) -> None:
    found = toy(tmp_path / "r", paths=4)
    block = Block(0, 4)
    directory = RunDirectory(tmp_path / "r")
    table = directory.read("outcomes", range(4))
    assert table is not None
    reasons = ["", "out of luck", "", ""]
    changed = table.set_column(table.column_names.index("failure"), table.schema.field("failure"), [reasons])
    directory.write_block(block, {"outcomes": run_directory.parquet(changed)})
    told_to_say(tmp_path / "r", status="running")
    again = toy(tmp_path / "r", paths=4)
    months = int(found.outcomes["months"].iloc[1])
    assert [(row["path"], row["reason"]) for row in again.failures] == [(1, "out of luck")]
    assert directory.failures()[0]["month"] == f"2026-{months + 1:02d}"


# ---- shown, listed, from the command line


def answer(*words: object) -> Any:
    """What the command line answers."""
    return CliRunner().invoke(app, [str(word) for word in words])


def test_show_prints_the_closing_table_of_what_is_there(tmp_path: Path) -> None:
    whole = toy(tmp_path / "r", paths=6)
    assert whole.outcome in answer("show", tmp_path / "r").stdout
    told_to_say(tmp_path / "r", status="running", outcome="")
    assert as_it_stands(tmp_path / "r").outcome == whole.outcome
    toy(tmp_path / "s", paths=8, shard="1/2")
    told = json.loads(answer("show", tmp_path / "s", "--json").stdout)
    assert told["paths"] == [[0, 4]]
    assert told["outcome"] == "not finished: 4 of 8 paths are kept; of 2 shards 1 done, 2 not begun."
    killed_early = tmp_path / "t"
    toy(killed_early, paths=2)
    for file in killed_early.glob("parts/*/*"):
        file.unlink()
    said = answer("show", killed_early)
    assert (said.exit_code, said.stderr) == (
        2,
        f"{killed_early}: no path is finished yet: nobid resume {killed_early}\n",
    )


def test_runs_lists_every_run_with_how_far_it_has_come(tmp_path: Path) -> None:
    toy(tmp_path / "a", paths=6)
    toy(tmp_path / "deep" / "b", paths=8, seed=3, shard="1/2")
    told_to_say(tmp_path / "deep" / "b", pid=2**22 + 1)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "run.json").write_text("{}", encoding="utf-8")
    rows = {Path(row["run"]).name: row for row in runs_below(tmp_path)}
    assert {name: (row["seed"], row["paths"], row["status"]) for name, row in rows.items()} == {
        "a": ("7", "6 of 6", "done"),
        "b": ("3", "4 of 8", "cut off"),
    }
    assert rows["a"]["size"].endswith("kB")
    assert "toy" in answer("runs", tmp_path).stdout
    assert answer("runs", tmp_path / "nowhere").exit_code == 2


def test_shards_are_told_by_how_they_stand_and_their_cpu_seconds_are_added_up(tmp_path: Path) -> None:
    folder = tmp_path / "r"
    for shard in ("1/5", "2/5", "5/5"):
        toy(folder, paths=20, shard=shard)
    for file, seconds in (("run.json", 1.0), ("shard-1-5.json", 20.0), ("shard-2-5.json", 300.0)):
        told_to_say(folder, file=file, cpu_seconds={"simulate": seconds})
    told_to_say(folder, file="shard-5-5.json", cpu_seconds={"store": 0.5}, status="running", pid=2**22 + 1)
    assert as_it_stands(folder).cpu_seconds == {"simulate": 321.0, "store": 0.5}
    (row,) = runs_below(folder)
    assert row["cpu"] == "322 s"
    assert row["outcome"] == ("not finished: 12 of 20 paths are kept; of 5 shards 1–2 done, 3–4 not begun, 5 cut off.")


def test_the_command_line_resumes_and_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nobid.runs.simulation._draw", lambda run, directory: None)
    asked = ("run", "toy", "--paths", "130", "--out", tmp_path / "r", "--quiet")
    assert answer(*asked, "--shard", "2/3", "--keep", "agents").exit_code == 0
    assert finished(tmp_path / "r") == 1
    assert answer("resume", tmp_path / "r", "--quiet").exit_code == 0
    assert finished(tmp_path / "r") == 3
    assert len(list((tmp_path / "r").glob("parts/agents/*"))) == 3
    assert answer("resume", tmp_path / "nowhere").exit_code == 2
    assert answer(*asked, "--shard", "4/3").stderr.startswith("shard = 4/3: must be I/N")
