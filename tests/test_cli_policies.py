"""Does the command line list, explain and compare policies, and is docs/policies.md what its numbers say?"""

from __future__ import annotations

import json
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from nobid.runs import scenario
from nobid.runs.cli import app
from nobid.runs.comparing import COMPARISON, compare
from nobid.runs.comparison_text import cell, scaled
from nobid.runs.policies import known, policies_of, settings_of
from tests.documents import DOCS, builder


def nobid(*words: str) -> Any:
    """What the command line answers: exit_code, stdout, stderr."""
    return CliRunner().invoke(app, list(words))


SHIPPED = [name for name, cls in known().items() if cls.__module__.startswith("nobid.")]


# ---- what there is


def test_every_policy_is_listed_with_its_whole_name_what_it_does_and_who_pays() -> None:
    lines = nobid("policies").stdout.splitlines()[1:]
    assert [line.split()[0] for line in lines] == list(known())
    for line, cls in zip(lines, known().values(), strict=True):
        assert line.rstrip().endswith(cls.costs)
    assert [row["name"] for row in json.loads(nobid("policies", "--json").stdout)] == list(known())


@pytest.mark.parametrize("name", SHIPPED)
def test_a_policy_is_explained_with_every_setting_its_payer_and_an_example_that_works(name: str) -> None:
    text = nobid("policies", name).stdout
    assert text.startswith(f"{name}: ")
    told = json.loads(nobid("policies", name, "--json").stdout)
    assert [line["key"] for line in told["settings"]] == [line.key for line in settings_of(known()[name])]
    for line in told["settings"]:
        assert {"default", "unit", "bounds", "meaning", "source"} <= set(line)
        assert line["meaning"] in text
    assert f"who pays: {known()[name].costs}" in text
    words = shlex.split(told["example"])
    assert words[:3] == ["nobid", "compare", "mispriced"]
    assert scenario("mispriced", policy=words[words.index("--policy") + 1]).founding.policies == policies_of(name)


def test_a_policy_that_is_not_there_is_told_with_the_nearest_one() -> None:
    answer = nobid("policies", "ltv_cop")
    assert (answer.exit_code, answer.stdout) == (2, "")
    assert answer.stderr == 'there is no policy "ltv_cop": did you mean ltv_cap? (nobid policies lists all)\n'


# ---- comparing


def test_a_comparison_prints_its_table_where_it_lies_and_what_to_type_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["compare", "toy", "--policy", "ltv_cap:max=0.4", "--policy", "ltv_cap + standstill", "--paths", "3"]
    monkeypatch.setattr(sys, "argv", ["nobid", *words])
    answer = nobid(*words)
    assert answer.exit_code == 0, answer.stderr
    (folder,) = (tmp_path / "out").iterdir()
    assert re.fullmatch("compare-toy-7-[0-9a-f]{6}", folder.name)
    assert f"wrote out/{folder.name}/" in answer.stdout
    assert "toy · 2026-01 … 2026-03 · 3 arms on the same 3 paths · seed 7" in answer.stdout
    again = "nobid compare toy --policy ltv_cap:max=0.4 --policy 'ltv_cap + standstill' --paths"
    assert f"next: {again} 6" in answer.stdout
    assert f"n/a below 500 paths ({again} 1000)" in answer.stdout
    quiet = nobid(*words, "--quiet")  # finished: nothing is run again
    assert quiet.stdout == f"wrote out/{folder.name}/\n"


def test_json_goes_to_standard_output_and_all_else_to_standard_error(tmp_path: Path) -> None:
    asked = ["--set", "lenders.capital_multiple=0.5", "--months", "2", "--seed", "3", "--paths", "2"]
    answer = nobid("compare", "toy", "--policy", "ltv_cap", *asked, "--out", str(tmp_path / "c"), "--json")
    told = json.loads(answer.stdout)
    assert (told["seed"], told["months"], told["paths"]) == (3, 2, 2)
    assert [arm["label"] for arm in told["arms"]] == ["none", "ltv_cap"]
    assert "how bad it gets" in answer.stderr
    record = json.loads((tmp_path / "c" / COMPARISON).read_text(encoding="utf-8"))
    assert record["differences"] == told["differences"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((), "--policy is missing"),
        (("--policy", "ltv_cap:max=3"), "ltv_cap: max = 3: highest loan to cost"),
        (("--policy", "ltv_cap:max"), '"max" is not key=value'),
        (("--policy", "ltv_cap", "--policy", "ltv_cap"), "asked for twice"),
        (("--policy", "ltv_cap", "--paths", "1"), "at least 2"),
        (("--policy", "ltv_cap", "--until", "narrow"), "must be halfwidth=SHARE"),
        (("--policy", "ltv_cap", "--workers", "0"), "workers = 0"),
        (("--policy", "ltv_cap", "--set", "debt.nix=1"), "unknown key debt.nix"),
    ],
)
def test_a_mistake_is_a_sentence_with_exit_code_2_before_anything_is_written(
    words: tuple[str, ...], sentence: str, tmp_path: Path
) -> None:
    answer = nobid("compare", "toy", *words, "--out", str(tmp_path / "c"))
    assert (answer.exit_code, answer.stdout) == (2, "")
    assert sentence in answer.stderr
    assert "Traceback" not in answer.stderr
    assert not (tmp_path / "c").exists()


def test_a_run_takes_policies_as_well(tmp_path: Path) -> None:
    out = str(tmp_path / "r")
    answer = nobid("run", "toy", "--policy", "ltv_cap:max=0.4 + standstill", "--out", out, "--json", "--quiet")
    assert answer.exit_code == 0, answer.stderr
    assert json.loads(answer.stdout)["config_hash"] == scenario("toy", policy="standstill + ltv_cap:max=0.4").hash
    fork = nobid("run", "--from", out, "--month", "2026-02", "--policy", "ltv_cap", "--out", str(tmp_path / "f"))
    assert (fork.exit_code, fork.stderr) == (
        2,
        f"policy: a fork of {out} keeps its policies: change keys with `set`, or date a policy.\n",
    )


# ---- the page


def test_the_page_says_what_its_numbers_and_the_policies_say() -> None:
    page = builder("build_policies")
    stored = page.stored()
    assert list(stored) == list(page.SCENARIOS), "python docs/build_policies.py has not been run"
    assert (DOCS / "policies.md").read_text(encoding="utf-8") == page.page(stored)
    for name, numbers in stored.items():
        assert list(numbers.index) == ["none", *SHIPPED]
        assert set(numbers["paths"]) == {page.PATHS}
        for kind in ("forest", "frontier"):
            assert (page.PICTURES / f"policies_{name}_{kind}.png").is_file()


def test_stored_numbers_are_the_table_of_a_comparison_and_make_a_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = builder("build_policies")
    monkeypatch.setattr(page, "DATA", tmp_path)
    monkeypatch.setattr(page, "SCENARIOS", ("everything",))
    found = compare("everything", ["buyer_of_last_resort", "ltv_cap"], paths=3, months=3)
    found.table().assign(luck=found.luck).to_csv(page.data_file("everything"), float_format=page.DIGITS)
    stored = page.stored()
    pd.testing.assert_series_equal(stored["everything"]["defaults"], found.table()["defaults"], rtol=1e-5)
    text = page.page(stored)
    assert "### `everything`, 3 paths, seed 7" in text
    assert all(f"| `{name}` |" in text for name in SHIPPED)
    chance = cell(scaled(found.levels["none", "cluster"], 0.01))
    assert f"| none | {chance} |" in page.effects(stored["everything"])
    outlay = found.table().loc["buyer_of_last_resort", "public_outlay_difference"]
    (row,) = (line for line in page.costs(stored["everything"]).splitlines() if "buyer_of_last_resort" in line)
    assert row.split(" | ")[2].startswith("+" if outlay > 0.0 else "0")


def test_the_policy_of_ones_own_that_the_page_shows_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", builder("build_policies").OWN, re.DOTALL)
    told: dict[str, Any] = {"__name__": "own_policy", "print": lambda found: None}
    exec(compile(code.replace("paths=64", "paths=2, months=2"), "policies.md", "exec", dont_inherit=True), told)
    assert [arm.label for arm in told["found"].arms] == ["none", "slow_calls", "slow_calls:speed=0.25"]
    rules = told["SlowCalls"](speed=0.25).rules(scenario("mispriced").parameters)
    assert rules == {"debt.gpu_margin.call_speed": 0.25}
