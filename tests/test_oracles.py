"""Does the engine reproduce every published case, and does docs/validation.md still say what it does?"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest

from tests.documents import builder
from tests.oracle_cases import ELSEWHERE, OWN, SHARED, Check, adapters, case, case_file, each

ADAPTERS = adapters()


BUILDER = builder("build_validation")


@functools.cache
def answered(name: str) -> tuple[dict[str, Any], list[Check]]:
    """The case and what the engine says to it; skipped, saying so, where its file is not part of the project."""
    content = case(name)
    if content is None:
        assert name.startswith(ELSEWHERE), f"{name}.json belongs into tests/oracles and is not there"
        pytest.skip(
            f"{name}.json embeds a table of others and stands in shared/oracles, which is not beside the checkout"
        )
    return content, list(ADAPTERS[name](content))


@pytest.mark.parametrize("name", ADAPTERS)
def test_a_published_case_is_reproduced_within_its_tolerance(name: str) -> None:
    content, checks = answered(name)
    assert content["id"] == name
    assert checks, "an adapter that checks nothing"
    wrong = [check for check in checks if not check.holds()]
    assert not wrong, f"{len(wrong)} of {len(checks)}: {wrong[:5]}"


def test_every_case_has_an_adapter() -> None:
    files = [path for folder in (OWN, SHARED) if folder.is_dir() for path in folder.glob("*.json")]
    assert {path.stem for path in files} - set(ADAPTERS) == set()


def test_what_embeds_tables_of_others_is_not_kept_in_the_project() -> None:
    kept = [path.stem for path in OWN.glob("*.json") if path.stem.startswith(ELSEWHERE)]
    assert not kept
    assert {name for name in ADAPTERS if not name.startswith(ELSEWHERE)} <= {path.stem for path in OWN.glob("*.json")}


def test_the_projects_copy_of_a_case_is_the_shared_one(shared: Path) -> None:
    for path in OWN.glob("*.json"):
        assert path.read_text("utf-8") == (shared / "oracles" / path.name).read_text("utf-8"), path.name


# ---- the page


PRINTED = BUILDER.sections(BUILDER.PAGE.read_text("utf-8"))


@pytest.mark.parametrize("name", ADAPTERS)
def test_the_page_of_published_cases_says_what_the_engine_does(name: str) -> None:
    content, checks = answered(name)
    now = BUILDER.section(name, content, checks).rstrip("\n")
    assert PRINTED.get(name) == now, "docs/validation.md is stale: python docs/build_validation.py"
    row = BUILDER.line(BUILDER.overview(name, content, checks, "†" if name.startswith(ELSEWHERE) else ""))
    assert row in BUILDER.PAGE.read_text("utf-8").splitlines(), "stale: python docs/build_validation.py"


def test_the_page_lists_every_case_and_no_other() -> None:
    assert list(PRINTED) == list(ADAPTERS)
    assert f"\n{len(ADAPTERS)} cases, " in BUILDER.PAGE.read_text("utf-8")


def test_the_page_does_not_change_with_the_last_digits() -> None:
    assert [BUILDER.magnitude(gap) for gap in (0.0, 3e-16, 4e-13, 2e-10)] == ["< 1e-09"] * 4
    assert (BUILDER.magnitude(2e-8), BUILDER.magnitude(0.0123)) == ("< 1e-06", "1.2e-02")
    strict, exact = Check("x", 1.0, 1.0 + 1e-15, 1e-12), Check("x", 1.0, 1.0, 0.0)
    assert [BUILDER.difference(check) for check in (strict, exact)] == ["< 1e-12", "equal"]
    assert (BUILDER.shown(-3.4e-11, 0.0), BUILDER.shown(0.1 + 0.2)) == ("0", "0.3")


# ---- a check bites


@pytest.mark.parametrize(
    ("expected", "got", "holds"),
    [
        (1.0, 1.0 + 1e-9, True),
        (1.0, 1.1, False),
        (1.0, float("nan"), False),
        (None, None, True),
        (None, 0.0, False),
        (0.0, None, False),
        (True, True, True),
        (True, False, False),
        ("[1]", "[1]", True),
        ("[1]", "[2]", False),
    ],
)
def test_a_check_holds_only_where_the_two_are_close(expected: Any, got: Any, holds: bool) -> None:
    assert Check("x", expected, got, 1e-8).holds() is holds


def test_lists_of_another_shape_fail() -> None:
    assert all(check.holds() for check in each("x", [[1.0, None]], [[1.0, None]], 0.0))
    assert not all(check.holds() for check in each("x", [1.0, 2.0], [1.0], 0.0))


def test_the_projects_own_copy_of_a_case_comes_first() -> None:
    assert case_file("sfc_sim") == OWN / "sfc_sim.json"
    assert case_file("no_such_case") is None
