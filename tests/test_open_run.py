"""Does a stored run become a run again, from its own files alone, and has any path simulated again its bits?"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import nobid.runs
from nobid.runs import open_run, run_record
from nobid.runs.errors import InputError
from nobid.runs.run import BitsNotPromised, Run
from nobid.runs.run_directory import RunDirectory
from nobid.runs.simulation import simulate
from tests.test_own_agent import Holder


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Three paths of a crisis, eight months, with a rent from a table that is gone afterwards."""
    folder = tmp_path_factory.mktemp("user")
    table, mine = folder / "my_rents.csv", folder / "mine.toml"
    table.write_text("month,rent\n2026-02,1.7\n2026-05,1.23456789012345\n", encoding="utf-8")
    mine.write_text('extends = "everything"\n[paths]\nrent = "my_rents.csv"\n', encoding="utf-8")
    run = simulate(mine, months=8, paths=3, out=folder / "out" / "mine-7", figures=False)
    table.unlink()
    mine.unlink()
    return run


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of four paths of the toy world, three months."""
    out = tmp_path_factory.mktemp("runs") / "toy"
    simulate("toy", paths=4, chunk=2, out=out, figures=False)
    return out


@pytest.fixture
def copy(small: Path, tmp_path: Path) -> Path:
    """A copy of that run directory, to be spoilt."""
    return Path(shutil.copytree(small, tmp_path / "copy"))


def rewritten(folder: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """The folder, its run.json changed."""
    file = folder / "run.json"
    record = json.loads(file.read_text(encoding="utf-8"))
    change(record)
    file.write_text(json.dumps(record), encoding="utf-8")
    return folder


# ---- the same run again


def test_a_stored_run_has_the_tables_and_words_it_had(made: Run) -> None:
    found = open_run(str(made.out))
    for table in ("monthly", "events", "outcomes", "agents"):
        pd.testing.assert_frame_equal(getattr(found, table), getattr(made, table), check_exact=True)
    assert (found.status, found.outcome, found.seed, found.paths) == ("done", made.outcome, 7, (0, 1, 2))
    assert str(found.summary()) == str(made.summary())
    assert found.units == made.units
    assert found.scenario.given == made.scenario.given


def test_tables_are_read_when_they_are_asked_for(made: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    original = RunDirectory.read
    monkeypatch.setattr(
        RunDirectory, "read", lambda self, name, paths: read.append(name) or original(self, name, paths)
    )
    found = open_run(str(made.out))
    assert read == []
    assert len(found.monthly) == 24
    assert read == ["monthly"]


def test_the_scenario_is_rebuilt_from_the_folder_alone_to_the_same_hash(made: Run) -> None:
    found = open_run(str(made.out))
    assert found.scenario.hash == made.scenario.hash
    assert found.scenario.founding.borrowers == made.scenario.founding.borrowers
    assert found.scenario.founding.paths.rent[1] == 1.7
    assert found.scenario.name == "mine"


def test_any_path_simulated_again_has_the_stored_bits(made: Run) -> None:
    found = open_run(str(made.out))
    for path in (0, 2):
        again = simulate(found.scenario, seed=found.seed, path=path)
        stored = found.monthly[found.monthly["path"] == path].reset_index(drop=True)
        pd.testing.assert_frame_equal(again.monthly, stored, check_exact=True)
    nodes = [sorted(run.graph("2026-06", 1).nodes(data="cash")) for run in (found, made)]
    assert nodes[0] == nodes[1]


def test_a_stored_fork_of_a_fork_is_simulated_again_stage_by_stage(small: Path, tmp_path: Path) -> None:
    first = open_run(small).fork("2026-02", {"auction.reoffers": 0}, out=tmp_path / "first", figures=False)
    asked: dict[str, Any] = {"start_from": tmp_path / "first", "month": "2026-03", "set": ["rental.fee=0.3"]}
    second = simulate(**asked, out=tmp_path / "second", figures=False)
    shutil.rmtree(tmp_path / "first")
    found = open_run(tmp_path / "second")
    assert len({found.scenario.hash, first.scenario.hash, open_run(small).scenario.hash}) == 3
    assert found.scenario.hash == second.scenario.hash
    again = simulate(found.scenario, path=1).monthly
    pd.testing.assert_frame_equal(again, second.monthly.query("path == 1").reset_index(drop=True), check_exact=True)
    record = json.loads((tmp_path / "second" / "run.json").read_text(encoding="utf-8"))["fork"]
    assert record["parent"] == str(tmp_path / "first")
    assert record["parent_config_hash"] == first.scenario.hash
    assert (record["month"], record["changes"]) == ("2026-03", {"rental.fee": 0.3})


def test_a_partly_finished_run_has_the_paths_that_are_finished(copy: Path) -> None:
    whole = open_run(copy).monthly
    for part in copy.rglob("*-000002-000004.parquet"):
        part.unlink()
    found = open_run(rewritten(copy, lambda record: record.update(status="running", outcome="")))
    assert found.paths == (0, 1)
    assert found.outcome == "not finished: 2 of 4 paths are kept."
    assert found.monthly.equals(whole[whole["path"] < 2])


def test_a_run_without_a_finished_path_opens_and_says_so(copy: Path) -> None:
    shutil.rmtree(copy / "parts")
    found = open_run(
        rewritten(copy, lambda record: record.update(status="stopped", outcome="the books do not balance"))
    )
    assert found.paths == (0, 1, 2, 3)
    with pytest.raises(InputError, match="this run has no table monthly: the books do not balance"):
        _ = found.monthly


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is closed to the superuser")
def test_a_folder_that_cannot_be_written_is_read_all_the_same(copy: Path) -> None:
    copy.chmod(0o500)
    assert len(open_run(copy).monthly) == 12
    copy.chmod(0o700)


def test_reading_a_run_writes_nothing(copy: Path) -> None:
    before = {file: file.stat().st_mtime_ns for file in (copy, *copy.rglob("*"))}
    found = open_run(copy)
    assert len(found.monthly) + len(found.events) > 0
    assert {file: file.stat().st_mtime_ns for file in (copy, *copy.rglob("*"))} == before


def test_the_package_exports_it_as_a_function_not_as_a_module() -> None:
    assert callable(nobid.runs.open_run)
    assert callable(nobid.runs.diff)


# ---- what is not promised


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda record: record.update(version="0.0.9"), r"made with nobid 0\.0\.9 \(here "),
        (lambda record: record.update(engine="f00"), r"made with other rules of nobid \(commit "),
        (lambda record: record["versions"].update(numpy="1.0.0"), r"made with numpy 1\.0\.0 \(here "),
        (lambda record: record["versions"].update(python="3.0.0"), r"made with python 3\.0\.0 \(here "),
        (lambda record: record["processor"].update(features=["ABACUS"]), "made with another processor"),
        (lambda record: record.pop("engine"), "made with other rules of nobid"),
    ],
)
def test_a_run_made_elsewhere_is_read_and_simulating_it_again_says_what_is_not_promised(
    copy: Path, change: Callable[[dict[str, Any]], None], words: str
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = open_run(rewritten(copy, change))
        assert len(found.monthly) == 12
    with pytest.warns(BitsNotPromised, match=rf"{words}.*the same bits are not promised\."):
        found.graph("2026-02")
    with pytest.warns(BitsNotPromised, match=words):
        found.fork("2026-03", path=0)


def test_own_agents_are_named_and_asked_for(tmp_path: Path) -> None:
    made = simulate("toy", months=2, agents={"miner": Holder}, out=tmp_path / "r", figures=False)
    found = open_run(tmp_path / "r")
    assert found.monthly.equals(made.monthly)
    with pytest.raises(InputError, match=r"agents of its own \(miner: tests.test_own_agent.Holder\), which a run dir"):
        found.graph("2026-01")
    with pytest.raises(InputError, match="agents of its own"):
        found.fork("2026-02")
    again = open_run(tmp_path / "r", agents={"miner": Holder})
    assert again.fork("2026-02").monthly.equals(made.monthly)
    with pytest.raises(InputError, match="holds a run with other agents of its own: choose another --out"):
        simulate("toy", months=2, out=tmp_path / "r", figures=False)


def test_agents_given_to_a_run_that_had_none_are_refused_when_it_is_simulated(small: Path) -> None:
    with pytest.raises(InputError, match="was simulated without agents of one's own"):
        open_run(small, agents={"miner": Holder}).graph("start")


def test_a_scenario_changed_by_hand_is_refused(copy: Path) -> None:
    file = copy / "resolved.toml"
    file.write_text(file.read_text(encoding="utf-8").replace("appetite = 0.25", "appetite = 0.35"), encoding="utf-8")
    with pytest.raises(InputError, match=r"its resolved.toml was changed: it is not the scenario that ran"):
        open_run(copy)


def test_a_scenario_of_another_version_that_cannot_be_read_is_told_in_a_sentence(copy: Path) -> None:
    file = copy / "resolved.toml"
    file.write_text(f"new_section = 3\n{file.read_text(encoding='utf-8')}", encoding="utf-8")
    rewritten(copy, lambda record: record.update(version="9.0"))
    with pytest.raises(InputError, match=r"its scenario cannot be read \(nobid 9\.0, this is .*\): .*new_section"):
        open_run(copy)


# ---- mistakes


def test_no_folder_no_run_broken_or_nobodys_run_is_one_sentence_with_the_nearest_run(
    made: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(str(made.out)).parent.parent)
    tail = ": did you mean out/mine-7?"
    for name, content in (("none", None), ("broken", "{"), ("list", "[]"), ("other", '{"status": "done"}')):
        (tmp_path / name).mkdir()
        if content is not None:
            (tmp_path / name / "run.json").write_text(content, encoding="utf-8")
    said = {
        "out/mine-8": f"out/mine-8: there is no such run directory{tail}",
        "mine": f"mine: there is no such run directory{tail}",
        "elsewhere": "elsewhere: there is no such run directory: the newest run is out/mine-7.",
        str(tmp_path / "none"): f"{tmp_path / 'none'}: holds no run (no run.json): the newest run is out/mine-7.",
        str(tmp_path / "broken"): f"{tmp_path / 'broken'}: its run.json cannot be read: the newest run is out/mine-7.",
        str(tmp_path / "list"): f"{tmp_path / 'list'}: its run.json is not one of nobid: the newest run is out/mine-7.",
        str(
            tmp_path / "other"
        ): f"{tmp_path / 'other'}: its run.json is not one of nobid: the newest run is out/mine-7.",
    }
    for path, sentence in said.items():
        with pytest.raises(InputError) as caught:
            open_run(path)
        assert str(caught.value) == sentence
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"^mine: there is no such run directory\.$"):
        open_run("mine")


def test_a_run_without_its_scenario_is_told(copy: Path) -> None:
    (copy / "resolved.toml").unlink()
    with pytest.raises(InputError, match=r"its resolved.toml is missing"):
        open_run(copy)


def test_a_fork_whose_earlier_stage_is_gone_is_told(small: Path, tmp_path: Path) -> None:
    open_run(small).fork("2026-03", path=0, out=tmp_path / "fork", figures=False)
    (tmp_path / "fork" / "resolved-until-2026-03.toml").unlink()
    with pytest.raises(InputError, match=r"its scenario cannot be read .*resolved-until-2026-03\.toml: no such file"):
        open_run(tmp_path / "fork")


# ---- what made it


def test_run_json_names_the_commit_of_the_checkout_and_none_outside_one(
    small: Path, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = json.loads((small / "run.json").read_text(encoding="utf-8"))
    if run_record.PACKAGE.resolve() == repository and (repository / ".git").exists():
        asked = ["git", "-C", str(repository), "rev-parse", "HEAD"]
        assert record["commit"] == subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    else:
        assert record["commit"] is None  # a plain install stands in no checkout
    (tmp_path / ".git").mkdir()  # and no git in it
    for place in (tmp_path, repository / "runs"):  # the second: installed somewhere inside a checkout of other things
        monkeypatch.setattr(run_record, "PACKAGE", place)
        assert run_record.git_commit.__wrapped__() is None


def test_the_engines_hash_moves_with_the_rules_and_with_nothing_else(
    tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = run_record.engine_hash.__wrapped__()
    for floor in ("agents", "model", "runs"):
        shutil.copytree(repository / floor, tmp_path / floor, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(run_record, "PACKAGE", tmp_path)
    (tmp_path / "runs" / "plots.py").write_text("", encoding="utf-8")
    assert run_record.engine_hash.__wrapped__() == before
    for rules in ("model/world.py", "runs/synthetic.py", "runs/census.py"):
        kept = (tmp_path / rules).read_bytes()
        (tmp_path / rules).write_text("", encoding="utf-8")
        assert run_record.engine_hash.__wrapped__() != before
        (tmp_path / rules).write_bytes(kept)
