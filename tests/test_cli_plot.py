"""Does `nobid plot` draw what is asked for, of a run and of a comparison, and say where it lies?"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nobid.runs.charts.registry import CHARTS, WITH_RUN
from nobid.runs.cli import app
from nobid.runs.comparing import compare
from nobid.runs.errors import InputError
from nobid.runs.simulation import simulate
from nobid.runs.stored_comparison import open_comparison


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plot") / "toy"
    simulate("toy", paths=2, out=folder)
    return folder


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plot") / "compared"
    compare("toy", ["ltv_cap", "repo_facility"], paths=2, out=folder)
    return folder


def asked(*words: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["plot", *map(str, words)])
    return result.exit_code, result.stdout, result.stderr


def test_a_run_comes_with_its_standard_charts(run: Path) -> None:
    assert sorted(file.name for file in (run / "figures").iterdir()) == sorted(f"{name}.png" for name in WITH_RUN)


def test_without_a_name_all_charts_are_drawn_into_the_run(run: Path) -> None:
    code, out, _ = asked(run)
    assert code == 0
    written = [run / "figures" / f"{name}.png" for name in CHARTS]
    assert [line.split(" (")[0] for line in out.splitlines()] == [f"wrote {file}" for file in written]
    assert all(file.read_bytes().startswith(b"\x89PNG") for file in written)


def test_named_charts_lie_as_png_and_svg_in_the_folder_asked_for(run: Path, tmp_path: Path) -> None:
    code, out, _ = asked(run, "fan", "loan_cover", "--path", 1, "--svg", "--out", tmp_path / "here")
    assert code == 0
    names = ["fan.png", "fan.svg", "loan_cover.png", "loan_cover.svg"]
    assert sorted(file.name for file in (tmp_path / "here").iterdir()) == names
    assert [line.split(" (")[0] for line in out.splitlines()] == [f"wrote {tmp_path / 'here' / name}" for name in names]
    assert "path 1" in (tmp_path / "here" / "loan_cover.svg").read_text(encoding="utf-8")


def test_json_tells_every_file_and_what_it_shows(run: Path, tmp_path: Path) -> None:
    code, out, _ = asked(run, "fan", "--out", tmp_path, "--json")
    assert code == 0
    assert json.loads(out) == [{"chart": "fan", "file": str(tmp_path / "fan.png"), "shows": CHARTS["fan"].shows}]


def test_charts_are_listed_with_what_they_take_and_show(run: Path) -> None:
    code, out, _ = asked(run, "--list", "--json")
    assert code == 0
    rows = {row["name"]: row for row in json.loads(out)}
    assert list(rows) == list(CHARTS)
    assert (rows["fan"]["one"], rows["loan_cover"]["one"], rows["exposure_network"]["one"]) == (
        "",
        "path",
        "path, month",
    )


def test_a_comparison_is_drawn_as_forest_and_frontier(comparison: Path, tmp_path: Path) -> None:
    before = (comparison / "figures" / "forest.png").read_bytes()
    code, out, _ = asked(comparison, "--out", tmp_path)
    assert code == 0
    assert [line.split(" (")[0] for line in out.splitlines()] == [
        f"wrote {tmp_path / name}.png" for name in ("forest", "frontier")
    ]
    assert (tmp_path / "forest.png").read_bytes() == before


def test_a_comparison_opened_again_says_what_it_said(comparison: Path) -> None:
    again = open_comparison(comparison)
    made = compare("toy", ["ltv_cap", "repo_facility"], paths=2)
    assert again.table().equals(made.table())
    assert (again.luck, again.decision, again.paths) == (made.luck, made.decision, made.paths)
    assert [(arm.label, arm.policies) for arm in again.arms] == [(arm.label, arm.policies) for arm in made.arms]


def test_an_arm_opened_again_has_the_policies_besides_the_scenarios_own(tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text('extends = "toy"\n[[policy]]\nname = "ltv_cap"\n', encoding="utf-8")
    made = compare(mine, ["repo_facility"], paths=2, out=tmp_path / "out")
    again = open_comparison(tmp_path / "out")
    assert [arm.policies for arm in again.arms] == [arm.policies for arm in made.arms]
    assert [len(arm.policies) for arm in again.arms] == [0, 1]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["fna"], 'there is no chart "fna": did you mean fan? (nobid plot RUN --list)\n'),
        (["fan", "--path", "1"], "path = 1: fan shows all paths.\n"),
        (["loan_cover", "--path", "9"], "path = 9: is not a path of this run, which has 2 paths, 0 to 1.\n"),
        (["exposure_network", "--month", "2031-01"], 'month = 2031-01: must be "start" or a month of the run, '
                                                     "2026-01 … 2026-03.\n"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_sentence_with_exit_code_2(run: Path, tmp_path: Path, words: list[str], sentence: str) -> None:
    assert asked(run, *words, "--out", tmp_path / "none") == (2, "", sentence)


def test_a_folder_without_a_run_is_told(tmp_path: Path) -> None:
    code, _, err = asked(tmp_path / "nothing")
    assert code == 2
    assert "there is no such run directory" in err


@pytest.mark.parametrize(
    ("broken", "sentence"),
    [
        ("nonsense", "its comparison.json cannot be read."),
        ('{"status": "interrupted", "arms": [{"label": "none", "folder": "none"}]}', "the comparison was not finished"),
        ('{"status": "done", "arms": []}', "its comparison.json is not one of nobid."),
    ],
)
def test_a_comparison_that_cannot_be_opened_is_told(
    comparison: Path, tmp_path: Path, broken: str, sentence: str
) -> None:
    (tmp_path / "comparison.json").write_text(broken, encoding="utf-8")
    with pytest.raises(InputError, match=sentence):
        open_comparison(tmp_path)


def test_an_arm_that_was_exchanged_is_told(comparison: Path, tmp_path: Path) -> None:
    shutil.copytree(comparison, tmp_path / "other")
    shutil.rmtree(tmp_path / "other" / "ltv_cap")
    shutil.copytree(comparison / "none", tmp_path / "other" / "ltv_cap")
    with pytest.raises(InputError, match="is not the run that was compared"):
        open_comparison(tmp_path / "other")
