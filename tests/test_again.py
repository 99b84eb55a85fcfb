"""Do the commands that a run suggests really run the same world?"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from nobid.runs import open_run, simulate
from nobid.runs.again import in_full, on_path, with_paths
from nobid.runs.cli import app
from nobid.runs.run import Run
from tests.kept_runs import run_of
from tests.worlds import world

TYPED = (
    "run", "mine.toml", "--paths", "64", "--set", "coin.impact=0", "--set=lenders.capital_multiple=0.5",
    "--months", "9", "--workers", "2", "--out", "out/a", "--quiet", "--json", "--shard", "1/2", "--book",
    "b.csv", "--seed=3",
)  # fmt: skip
WORLD = "mine.toml --set coin.impact=0 --set lenders.capital_multiple=0.5 --months 9"


def typed(*words: str) -> Run:
    """A run that was asked for with these words."""
    return run_of(world(), [0], [], argv=words)


def test_more_paths_go_where_the_run_lies_and_one_path_goes_elsewhere() -> None:
    assert with_paths(typed(*TYPED), 1000) == f"nobid run {WORLD} --workers 2 --out out/a --seed 7 --paths 1000"
    assert on_path(typed(*TYPED), 31) == f"nobid run {WORLD} --seed 7 --path 31"


def test_the_scenario_in_full_is_that_of_the_run() -> None:
    words = "--set coin.impact=0 --set lenders.capital_multiple=0.5 --set months=9"
    assert in_full(typed(*TYPED)) == f"nobid scenarios mine.toml --full {words}"
    assert in_full(typed()) == "nobid scenarios by-hand --full"


def test_a_fork_is_named_by_its_run_and_month_and_keeps_its_luck() -> None:
    fork = typed("run", "--from", "out/a", "--month", "2026-05", "--set", "coin.impact=0")
    assert on_path(fork, 2) == "nobid run --from out/a --month 2026-05 --set coin.impact=0 --path 2"


def test_a_run_that_was_not_typed_is_run_from_the_scenario_in_its_folder_or_from_python(tmp_path: Path) -> None:
    assert with_paths(typed(), 1000) == 'simulate("by-hand", seed=7, paths=1000)'
    run = simulate("toy", months=2, seed=3, set={"lenders.capital_multiple": 0.5}, out=tmp_path / "a", figures=False)
    command = on_path(run, 5)
    assert command == f"nobid run {tmp_path / 'a' / 'resolved.toml'} --seed 3 --path 5"
    assert _answer(command, tmp_path / "b") == 0
    assert open_run(tmp_path / "b").scenario.hash == run.scenario.hash


@pytest.mark.parametrize("paths", ["1", "3"])
def test_what_the_closing_table_suggests_runs_the_same_world(
    paths: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("nobid.runs.simulation._draw", lambda run, directory: None)
    asked = ["run", "toy", "--paths", paths, "--months", "3", "--set", "lenders.capital_multiple=0.5", "--seed", "4"]
    monkeypatch.setattr("sys.argv", ["nobid", *asked])
    said = CliRunner().invoke(app, asked)
    first, then = (one.removeprefix("next: ") for one in said.stdout.splitlines() if one.startswith("next: "))
    (made,) = Path("out").iterdir()
    before = open_run(made)
    assert _answer(first, tmp_path / "again") == 0
    again = open_run(tmp_path / "again")
    assert (again.scenario.hash, again.seed) == (before.scenario.hash, 4)
    assert len(again.paths) == (64 if paths == "1" else 1)
    assert CliRunner().invoke(app, shlex.split(then)[1:]).exit_code == 0


def _answer(command: str, out: Path) -> Any:
    """How the command ends that writes there."""
    return CliRunner().invoke(app, [*shlex.split(command)[1:], "--out", str(out), "--quiet"]).exit_code
