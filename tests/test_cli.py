"""Does the command line answer what was asked, and tell a mistake in a sentence with exit code 2?"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from typer.main import get_command
from typer.testing import CliRunner

from nobid.runs import simulation
from nobid.runs.cli import app
from nobid.runs.parameter_table import parameter_keys
from nobid.runs.scenario_files import shipped_names
from nobid.runs.scenarios import scenario


def nobid(*words: str) -> Any:
    """What the command line answers: exit_code, stdout, stderr."""
    return CliRunner().invoke(app, list(words))


VERBS = tuple(get_command(app).commands)  # type: ignore[attr-defined]

# ---- looking up


def test_every_verb_has_help_with_an_example() -> None:
    assert "Example: nobid run" in nobid("--help").stdout
    for verb in VERBS:
        answer = nobid(verb, "--help")
        assert answer.exit_code == 0
        assert f"Example: nobid {verb}" in answer.stdout


@pytest.mark.parametrize("verb", ["run", "diff", "compare", "policies"])
def test_help_imports_nothing_heavy(verb: str) -> None:
    code = (
        "import sys\nfrom nobid.runs import cli\n"
        f"try:\n    cli.app(['{verb}', '--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'numpy', 'pandas', 'scipy', 'matplotlib', 'mesa', 'pyarrow', 'networkx'}\n"
        "sys.exit(', '.join(sorted(heavy & set(sys.modules))) or 0)"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr


def test_the_module_answers_like_the_command() -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "nobid.runs", "scenarios"], capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr
    assert all(name in answer.stdout for name in shipped_names())


def test_scenarios_lists_names_titles_and_questions() -> None:
    answer = nobid("scenarios")
    for name in shipped_names():
        assert name in answer.stdout
    assert [row["name"] for row in json.loads(nobid("scenarios", "--json").stdout)] == shipped_names()


def test_a_scenario_is_shown_as_it_is_written_or_complete(tmp_path: Path) -> None:
    assert 'extends = "baseline"' in nobid("scenarios", "mispriced").stdout
    full = tmp_path / "full.toml"
    full.write_text(nobid("scenarios", "mispriced", "--full").stdout, encoding="utf-8")
    assert scenario(full).hash == scenario("mispriced").hash
    assert "assumption" in full.read_text(encoding="utf-8")


def test_parameters_lists_every_key_with_unit_and_source() -> None:
    rows = {row["key"]: row for row in json.loads(nobid("parameters", "--json").stdout)}
    assert set(parameter_keys()) <= set(rows)
    assert rows["debt.gpu_margin.call_speed"]["unit"] == "share/month"
    assert rows["debt.gpu_margin.call_speed"]["bounds"] == "0 … 1"
    assert rows["facility.NAME.rate"]["unit"] == "1/year"


def test_parameters_are_found_by_pattern_for_a_scenario_or_the_defaults() -> None:
    assert "lenders.capital_multiple" in nobid("parameters", "lenders").stdout
    assert "coin.price" not in nobid("parameters", "lenders").stdout
    assert "0.25" in nobid("parameters", "mispriced", "capital_multiple").stdout
    answer = nobid("parameters", "lendrs")
    assert answer.exit_code == 2
    assert answer.stderr.startswith('no parameter matches "lendrs"')


# ---- mistakes


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("run", "mispricd"), 'unknown scenario "mispricd": did you mean mispriced? (nobid scenarios)'),
        (("run", "toy", "--set", "coin.prise=5"), "--set: unknown key coin.prise: did you mean coin.price?"),
        (("run", "toy", "--set", "repo.capacity=2"), "--set: repo.capacity = 2: share of a lender's free capital"),
        (("run", "toy", "--set", "repo.capacity"), "--set repo.capacity: write it as KEY=VALUE"),
        (("run", "toy", "--set", "firm.NOPE.cash=1"), '--set: there is no firm "NOPE"'),
        (("run", "toy", "--months", "0"), "months = 0: length of a run, in months: must be a whole number between"),
        (("run", "toy", "--paths", "2", "--path", "1"), "--paths and --path: give one of them"),
        (("run", "toy", "--paths", "0"), "paths = 0: must be a whole number of at least 1."),
        (("scenarios", "--full"), "--full and --set need a scenario"),
        (("run", "toy", "--month", "2026-02"), "month = 2026-02: a month belongs to a fork"),
        (("run", "--from", "out/nope", "--month", "2026-02"), "out/nope: there is no such run directory."),
        (("diff", "out/a", "out/b"), "out/a: there is no such run directory."),
        (("collateral", "out/a"), "out/a: there is no such run directory."),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_two(
    words: tuple[str, ...], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    answer = nobid(*words)
    assert answer.exit_code == 2
    assert sentence in answer.stderr
    assert "Traceback" not in answer.stderr
    assert answer.stderr.count("\n") == 1
    assert answer.stdout == ""
    assert not list(tmp_path.iterdir())


def test_an_unknown_option_names_the_nearest_and_exits_with_two() -> None:
    answer = nobid("run", "toy", "--sed", "8")
    assert answer.exit_code == 2
    assert "--seed" in answer.stderr


def test_several_mistakes_are_told_together(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('extends = "toy"\n[coin]\nprise = 1\nvolatility = -1\n', encoding="utf-8")
    answer = nobid("run", str(tmp_path / "mine.toml"))
    assert answer.exit_code == 2
    assert [one.split(":")[0] for one in answer.stderr.splitlines()] == ["mine.toml, line 4", "mine.toml, line 3"]


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is closed to the superuser")
def test_a_closed_folder_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    answer = nobid("run", "toy", "--out", str(tmp_path / "r"))
    assert answer.exit_code == 2
    assert "cannot be written" in answer.stderr


# ---- a real run


def test_a_run_ends_with_the_table_the_folder_and_two_commands_that_exist(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    answer = nobid("run", "toy", "--months", "3", "--seed", "7")
    assert answer.exit_code == 0, answer.stderr
    world = scenario("toy", set={"months": 3})
    folder = Path("out") / f"toy-7-{world.hash[:6]}"
    assert f"wrote {folder}/" in answer.stdout
    for words in ("toy · 2026-01 … 2026-03", "miners", "lender losses", "rent, USD per H100e-hour", "assumed term"):
        assert words in answer.stdout
    steps = [one.removeprefix("next: nobid ") for one in answer.stdout.splitlines() if one.startswith("next: ")]
    assert len(steps) == 2
    for step in steps:
        assert nobid(step.split()[0], "--help").exit_code == 0
    assert {"run.json", "scenario.toml", "resolved.toml", "parts", "figures"} <= {one.name for one in folder.iterdir()}
    assert len(list((folder / "figures").glob("*.png"))) >= 4
    again = nobid("run", "toy", "--months", "3", "--seed", "7")
    assert again.stdout == answer.stdout


def test_both_executions_write_the_same_tables(tmp_path: Path) -> None:
    for execution in ("cohort", "agent"):
        words = ("run", "toy", "--months", "3", "--execution", execution, "--out", str(tmp_path / execution), "--quiet")
        assert nobid(*words).exit_code == 0
    for file in (tmp_path / "cohort").rglob("*.parquet"):
        other = tmp_path / "agent" / file.relative_to(tmp_path / "cohort")
        assert file.read_bytes() == other.read_bytes(), file.name


def test_path_k_is_the_same_alone_and_among_others(tmp_path: Path) -> None:
    nobid("run", "toy", "--months", "3", "--paths", "7", "--out", str(tmp_path / "many"), "--quiet")
    nobid("run", "toy", "--months", "3", "--path", "4", "--out", str(tmp_path / "one"), "--quiet")
    many, one = (
        pq.read_table(tmp_path / name / "parts" / "monthly").to_pandas().query("path == 4").reset_index(drop=True)
        for name in ("many", "one")
    )
    assert one.equals(many)


def test_every_column_of_a_run_has_a_unit(tmp_path: Path) -> None:
    nobid("run", "toy", "--months", "2", "--out", str(tmp_path / "r"), "--quiet")
    files = list((tmp_path / "r").rglob("*.parquet"))
    assert {file.parent.name for file in files} == {"monthly", "events", "outcomes", "agents", "causes", "facilities"}
    columns = [(file.parent.name, column) for file in files for column in pq.read_schema(file)]
    bare = [f"{table}.{column.name}" for table, column in columns if not (column.metadata or {}).get(b"unit")]
    assert bare == []


# ---- runs asked again


@pytest.fixture
def two_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A toy run in out/a, in a folder where commands are typed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(simulation, "_draw", lambda run, directory: None)
    assert nobid("run", "toy", "--out", "out/a", "--quiet").exit_code == 0
    return tmp_path


def example(verb: str, beginning: str) -> str:
    """The command that the help of the verb gives as an example, from its beginning on."""
    told = re.sub(r"\s+", " ", nobid(verb, "--help").stdout.split("Example:")[-1])
    found = re.search(rf"nobid ({beginning}.*?)(?: ·|,|$)", told.strip())
    assert found, told
    return found[1]


def test_the_examples_of_a_fork_in_the_help_work_one_after_the_other(two_runs: Path) -> None:
    for verb, beginning in (("run", "run --from"), ("diff", "diff"), ("collateral", "collateral")):
        command = example(verb, beginning)
        answer = nobid(*command.split())
        assert answer.exit_code == 0, answer.stderr
    assert "default, Cloud Two" in nobid("diff", "out/a", "out/b").stdout


def test_a_fork_writes_its_own_folder_and_names_the_comparison_as_the_next_command(two_runs: Path) -> None:
    answer = nobid("run", "--from", "out/a", "--month", "2026-02", "--set", "auction.reoffers=0")
    assert answer.exit_code == 0, answer.stderr
    assert "until 2026-02 as out/a (hash" in answer.stdout
    steps = [one.removeprefix("next: nobid ") for one in answer.stdout.splitlines() if one.startswith("next: ")]
    assert steps[0].startswith("diff out/a out/toy-7-")
    for step in steps:
        assert nobid(*step.split()).exit_code == 0
    assert nobid("run", "--from", "out/a", "--month", "2026-02", "--path", "3", "--quiet").exit_code == 0
    assert len(list(Path("out").glob("toy-7-*-path3"))) == 1


def test_a_change_that_acts_only_at_the_start_is_refused_with_two_and_nothing_is_written(two_runs: Path) -> None:
    answer = nobid("run", "--from", "out/a", "--month", "2026-02", "--set", "lenders.capital_multiple=0.5")
    assert answer.exit_code == 2
    assert answer.stderr.startswith("--set lenders.capital_multiple = 0.5: cannot change in 2026-02: it is part of the")
    assert [one.name for one in Path("out").iterdir()] == ["a"]


def test_runs_without_difference_are_told_with_zero_in_words_and_to_machines(two_runs: Path) -> None:
    nobid("run", "--from", "out/a", "--month", "2026-03", "--out", "out/same", "--quiet")
    quiet = nobid("diff", "out/a", "out/same", "--quiet")
    assert quiet.exit_code == 0
    assert quiet.stdout.startswith("identical: on path 0 every event")
    assert quiet.stdout.count("\n") == 1
    told = json.loads(nobid("diff", "out/a", "out/same", "--json").stdout)
    assert told["identical"] is True
    assert told["a"]["run"] == "out/a"


def test_collateral_is_told_by_lender_and_to_machines(two_runs: Path) -> None:
    answer = nobid("collateral", "out/a", "--month", "2026-02", "--by", "lender")
    assert "Bank" in answer.stdout
    told = json.loads(nobid("collateral", "out/a", "--json").stdout)
    assert set(told) == {"units", "depth", "ltv"}
    assert told["ltv"][0]["month"] == "start"
    wrong = nobid("collateral", "out/a", "--by", "colour")
    assert (wrong.exit_code, wrong.stderr.count("\n")) == (2, 1)


def test_what_is_not_promised_is_a_sentence_on_standard_error(two_runs: Path) -> None:
    record = json.loads(Path("out/a/run.json").read_text(encoding="utf-8"))
    Path("out/a/run.json").write_text(json.dumps({**record, "version": "0.0.1"}), encoding="utf-8")
    answer = nobid("collateral", "out/a", "--month", "2026-02")
    assert answer.exit_code == 0
    assert answer.stderr.startswith("out/a was made with nobid 0.0.1 (here ")
    assert answer.stderr.endswith("the same bits are not promised.\n")
    assert nobid("diff", "out/a", "out/a").stderr == ""


@pytest.mark.slow
def test_ctrl_c_in_a_real_run_keeps_the_finished_block_and_the_command_continues(tmp_path: Path) -> None:
    out = tmp_path / "r"
    command = [sys.executable, "-m", "nobid.runs", "run", "baseline", "--paths", "6400", "--out", str(out)]
    first = out / "parts" / "outcomes" / "none-000000-000064.parquet"
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        while not first.exists() and running.poll() is None:
            time.sleep(0.05)
        running.send_signal(signal.SIGINT)
        _, told = running.communicate(timeout=60)
    assert running.returncode == 1
    assert told.strip().endswith("of 6400 paths are finished and kept; the same command continues.")
    assert json.loads((out / "run.json").read_text(encoding="utf-8"))["status"] == "interrupted"
    kept = first.read_bytes()
    assert nobid("run", "baseline", "--paths", "64", "--out", str(out), "--quiet").exit_code == 0
    assert first.read_bytes() == kept
