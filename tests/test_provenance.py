"""Do figures say which sources stand behind them, and what is assumed?"""

from __future__ import annotations

import pytest

from nobid.runs.provenance import assumed, debt_by_grade, sources
from nobid.runs.scenarios import scenario


def test_an_invented_world_says_that_it_is_invented() -> None:
    toy = scenario("toy").founding
    assert sources(toy) == "none, an invented world"
    assert assumed(toy) == "capital of 2 of 2 lenders, budget of 2 of 2 GPU buyers"


def test_all_debt_of_the_measured_system_stands_under_a_grade() -> None:
    measured = scenario("baseline").founding
    debt = debt_by_grade(measured)
    assert sum(debt.values()) == pytest.approx(sum(row.drawn for row in measured.facilities))
    assert list(debt) == [grade for grade in ("A", "B", "C", "derived", "assumption") if grade in debt]
    assert debt["A"] == pytest.approx(sum(row.drawn for row in measured.facilities if row.grade == "A"))


def test_the_line_of_the_measured_system_names_shares_and_where_to_look() -> None:
    measured = scenario("baseline").founding
    share = debt_by_grade(measured)["A"] / sum(row.drawn for row in measured.facilities)
    assert f"A filing or issuer {share:.0%}" in sources(measured)
    assert sources(measured).endswith("runs/data/")


def test_a_world_without_debt_has_no_sources_of_debt() -> None:
    empty = scenario("toy").founding.model_copy(update={"facilities": ()})
    assert sources(empty) == "no debt at the start"
    assert debt_by_grade(empty) == {}
