"""Does the README's own code run, and do the files and commands it names exist?"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nobid.runs import simulate
from nobid.runs.scenarios import scenario

HERE = Path(__file__).parent.parent
README = (HERE / "README.md").read_text()


def block(language: str) -> str:
    """The first block of the language."""
    found = re.search(rf"```{language}\n(.*?)```", README, re.DOTALL)
    assert found
    return found.group(1)


def test_the_python_of_the_readme_runs() -> None:
    names: dict[str, object] = {}
    exec(block("python"), names)  # our own page
    run = names["run"]
    assert len(run.monthly) == 3  # type: ignore[attr-defined]
    assert len(run.events) > 0  # type: ignore[attr-defined]


def test_what_the_readme_shows_of_the_first_command_is_what_the_run_says() -> None:
    (shown,) = [one for one in re.findall(r"```\n(.*?)```", README, re.DOTALL) if one.startswith("baseline · ")]
    said = [" ".join(line.split()) for line in str(simulate("baseline", seed=7).summary()).splitlines()]
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    assert lines[: len(said)] == said  # what follows: where it lies, what to do next
    assert len(said) > 20


def test_the_scenario_of_the_readme_loads(tmp_path: Path) -> None:
    (tmp_path / "my_rents.csv").write_text("month,rent\n2026-01,2.0\n2026-02,1.9\n")
    (tmp_path / "mine.toml").write_text(block("toml"))
    world = scenario(tmp_path / "mine.toml").founding
    assert next(row.cash for row in world.borrowers if row.name == "CoreWeave") == 1500.0
    assert world.paths.rent.tolist()[:2] == [2.0, 1.9]


NAMED = sorted(
    {"".join(parts) for parts in re.findall(r"`((?:docs|runs|bench)/[\w./]+)`|\]\((docs/[\w./]+)\)", README)}
)


@pytest.mark.parametrize("name", NAMED)
def test_what_the_readme_points_to_is_there(name: str) -> None:
    assert (HERE / name).exists()


def test_the_settings_of_the_readme_are_settings() -> None:
    given = re.findall(r"--set ([\w.]+=[\w.]+)", README)
    assert given
    scenario("baseline", set=given)


def test_what_the_readme_quotes_of_an_explanation_is_what_the_explanation_says() -> None:
    whole = " ".join((HERE / "docs" / "explained.md").read_text(encoding="utf-8").split())
    (block,) = [one for one in re.findall(r"```\n(.*?)```", README, re.DOTALL) if one.startswith("$ nobid explain")]
    lines = [" ".join(line.split()) for line in block.splitlines()[1:] if line.strip()]
    assert len(lines) > 5
    for line in lines:
        assert line.partition(", …")[0] in whole
