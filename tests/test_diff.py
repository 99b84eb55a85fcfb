"""Does the comparison of two runs find the first event, the first figure and every setting in which they differ?"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from nobid.runs import diff
from nobid.runs.errors import InputError
from nobid.runs.run import Run
from nobid.runs.simulation import simulate

M = "2026-02"


@pytest.fixture(scope="module")
def toy() -> Run:
    """Three paths of the toy world."""
    return simulate("toy", paths=3)


def with_events(run: Run, rows: pd.DataFrame) -> Run:
    """The run with these events in place of its own."""
    other = dataclasses.replace(run)
    other.__dict__["events"] = rows.reset_index(drop=True)
    return other


def events(*rows: tuple[str, int, str, float]) -> pd.DataFrame:
    """Events of path 0: month, round, kind, amount."""
    plain: dict[str, Any] = {"path": 0, "source": "Firm", "target": "Bank", "channel": "payment"}
    whole = [{**plain, "month": m, "round": r, "kind": k, "amount": a, "first_round": r} for m, r, k, a in rows]
    columns = ["path", "month", "round", "kind", "source", "target", "channel", "amount", "first_round"]
    return pd.DataFrame(whole, columns=columns)


def first_of(run: Run, a: Iterable[tuple[str, int, str, float]], b: Iterable[tuple[str, int, str, float]]) -> Any:
    """Month, round, kind and both amounts of the first event that differs."""
    row = diff(with_events(run, events(*a)), with_events(run, events(*b)), path=0).first
    return row and (row["month"], row["round"], row["kind"], row["amount_a"], row["amount_b"])


CALL, SALE, FAIL = ("2026-01", 1, "call", 5.0), ("2026-02", 1, "sale", 7.0), ("2026-02", 3, "default", 9.0)


@pytest.mark.parametrize(
    ("a", "b", "first"),
    [
        ([CALL, SALE], [CALL, SALE], None),
        ([], [], None),
        ([CALL, SALE], [CALL, ("2026-02", 1, "sale", 7.5)], ("2026-02", 1, "sale", 7.0, 7.5)),
        ([CALL, SALE, FAIL], [CALL, FAIL], ("2026-02", 1, "sale", 7.0, None)),
        ([CALL, FAIL], [CALL, SALE, FAIL], ("2026-02", 1, "sale", None, 7.0)),
        ([CALL, SALE], [CALL, SALE, FAIL], ("2026-02", 3, "default", None, 9.0)),
        ([CALL], [], ("2026-01", 1, "call", 5.0, None)),
        ([("2026-02", 1, "a", 1.0), SALE], [SALE], ("2026-02", 1, "a", 1.0, None)),
        ([SALE], [("2026-02", 1, "a", 1.0), SALE], ("2026-02", 1, "a", None, 1.0)),
        ([SALE, ("2026-02", 2, "x", 1.0)], [SALE, ("2026-02", 1, "y", 1.0)], ("2026-02", 1, "y", None, 1.0)),
    ],
)
def test_the_first_event_that_differs_by_hand(toy: Run, a: Any, b: Any, first: Any) -> None:
    assert first_of(toy, a, b) == first


def test_two_events_in_another_order_are_told_as_that(toy: Run) -> None:
    call = ("2026-02", 1, "call", 5.0)
    swapped = [with_events(toy, events(*rows)) for rows in ((call, SALE), (SALE, call))]
    assert (
        "call, Firm → Bank (payment): 5 in both, in another order."
        in diff(swapped[0], swapped[1], path=0).summary().outcome
    )


def test_a_difference_in_the_last_bit_is_one(toy: Run) -> None:
    near = ("2026-02", 1, "sale", 7.000000000000001)
    assert first_of(toy, [SALE], [near]) == ("2026-02", 1, "sale", 7.0, 7.000000000000001)


def test_the_first_monthly_figure_may_come_before_any_event(toy: Run) -> None:
    other = dataclasses.replace(toy)
    other.__dict__["monthly"] = toy.monthly.copy()
    before = float(other.monthly["coin"].iloc[0])
    at = other.monthly.index[(other.monthly["path"] == 1) & (other.monthly["month"] == "2026-01")][0]
    other.monthly.loc[at, "coin"] += 1.0
    found = diff(toy, other)
    assert found.first is not None
    assert (found.first["path"], found.first["month"], found.first["figure_month"]) == (1, None, "2026-01")
    assert (found.first["figure"], found.first["figures"]) == ("coin", 1)
    assert found.first["figure_b"] == found.first["figure_a"] + 1.0
    assert "they part on 1 of 3 paths, first on path 1: no event differs, but monthly figures do" in str(found)
    told = f"the first monthly figure that differs is in 2026-01: coin, {before!r} in A, {before + 1.0!r} in B."
    assert told in str(found)


def test_a_run_and_its_unchanged_fork_are_identical_and_a_gap_equals_a_gap(toy: Run) -> None:
    found = diff(toy, toy.fork(M))
    assert toy.monthly.isna().any(axis=None), "no figure is missing: the test would say nothing about gaps"
    assert found.identical
    assert found.first is None
    assert "identical: on all 3 paths every event and every monthly figure of the two is the same" in str(found)
    assert "B is a fork: until 2026-02 as toy" in str(found)


def test_a_fork_parts_in_its_month_by_the_setting_that_was_changed(toy: Run) -> None:
    """By hand: with no re-offers Cloud Two, which sold in round 1 and again later, fails in round 1 of that month."""
    found = diff(toy, toy.fork(M, {"auction.reoffers": 0}), path=0)
    assert [(one.key, one.a, one.b) for one in found.settings] == [("auction.reoffers", 3, 0)]
    assert found.first is not None
    assert {key: found.first[key] for key in ("month", "round", "kind", "source", "amount_a")} == {
        "month": M,
        "round": 1,
        "kind": "default",
        "source": "Cloud Two",
        "amount_a": None,
    }
    assert "the first event that differs is in 2026-02, round 1: default, Cloud Two" in found.summary().outcome
    mirror = diff(found.b, found.a).first
    assert mirror is not None
    assert (mirror["amount_a"], mirror["amount_b"]) == (found.first["amount_b"], None)


def test_settings_go_by_key_rows_by_name_and_a_row_of_one_run_only_stands_whole(toy: Run) -> None:
    name = toy.scenario.founding.borrowers[0].name
    buyers = [row.name for row in toy.scenario.founding.buyers]
    shock = [{"month": "2026-02", "coin": -0.1}]
    changes = {f"firm.{name}.cash": 5.0, "shock": shock, "remove.buyers": [buyers[-1]]}
    found = diff(toy, simulate("toy", set=changes), path=0)
    keys = {one.key: (one.a, one.b) for one in found.settings}
    assert keys[f"firm.{name}.cash"][1] == 5.0
    assert keys["shock 2026-02, number 1"][0] is None
    assert keys[f"buyer.{buyers[-1]}"][1] is None
    assert len(keys) == 3


def test_an_ensemble_says_on_how_many_paths_and_lists_the_earliest_first() -> None:
    base = simulate("everything", months=6, paths=4)
    found = diff(base, base.fork("2026-03", {"debt.gpu_margin.on": False, "lenders.mark": "book"}))
    apart = found.paths[found.paths["parts"]]
    assert f"they part on {len(apart)} of 4 paths, first on path {found.first['path']}" in str(found)  # type: ignore[index]
    assert found.first["month"] == apart["month"].dropna().min()  # type: ignore[index]
    assert (apart["month"].dropna() >= "2026-03").all()
    blocks = {block.heading: block for block in found.summary().blocks}
    months = [row[1] for row in blocks["paths that part"].rows]
    assert months == sorted(months)
    assert "at the end, median of 4 paths (5–95 %)" in blocks


def test_end_results_stand_side_by_side(toy: Run) -> None:
    other = toy.fork(M, {"auction.reoffers": 0})
    found = diff(toy, other, path=0)
    for key, run in (("a", toy), ("b", other)):
        row = run.outcomes[run.outcomes["path"] == 0].iloc[0]
        results = {name: one[key] for name, one in found.summary().numbers.items()}
        assert results["lender_losses"] == row["lender_losses"]
        assert results["borrowers"] == row["defaults_miner"] + row["defaults_neocloud"]


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        ({"seed": 8}, "the seeds differ (7 and 8): a path has other luck in each, so what differs may be luck."),
        ({"paths": 5}, "A has 3 paths, 0 … 2, B 5 paths, 0 … 4: compared are 3 paths, 0 … 2."),
        ({"months": 2}, "the runs cover different months: compared are 2026-01 … 2026-02."),
    ],
)
def test_what_is_not_comparable_is_said_in_a_sentence(toy: Run, other: dict[str, Any], sentence: str) -> None:
    found = diff(toy, simulate("toy", **{"paths": 3, **other}))
    assert sentence in found.remarks
    assert found.identical  # the toy world draws no luck


def test_a_shorter_run_is_compared_over_the_months_that_both_have() -> None:
    """The forecast horizon enters no rule of these months: the settings differ and the histories do not."""
    found = diff(simulate("everything", months=4, path=1), simulate("everything", months=6, path=1))
    assert [one.key for one in found.settings] == ["months"]
    assert found.identical


def test_paths_or_years_that_do_not_meet_are_refused(toy: Run) -> None:
    alone = simulate("toy", path=7)
    with pytest.raises(InputError, match=r"no path was run by both: the first has 3 paths, 0 … 2, the second path 7\."):
        diff(toy, alone)
    with pytest.raises(InputError, match=r"path = 9: toy and toy did not run it; both have 3 paths, 0 … 2\."):
        diff(toy, toy, path=9)
    with pytest.raises(InputError, match="no month lies in both runs"):
        diff(toy, simulate("toy", set={"start": "2027-01"}))


def test_the_difference_is_told_to_machines_with_every_digit(toy: Run) -> None:
    found = diff(toy, toy.fork(M, {"auction.reoffers": 0}))
    told = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert told["paths_apart"] == int(found.paths["parts"].sum())
    assert told["first"] == found.first
    assert [row["amount_b"] for row in told["paths"]] == found.paths["amount_b"].tolist()
    assert told["settings"] == [{"key": "auction.reoffers", "a": 3, "b": 0}]
    assert "<table>" in found._repr_html_()


def test_run_directories_are_compared_by_their_place(tmp_path: Path) -> None:
    for name in ("a", "b"):
        simulate("toy", out=tmp_path / name, figures=False)
    found = diff(tmp_path / "a", str(tmp_path / "b"))
    assert found.identical
    assert str(found).startswith(f"A {tmp_path / 'a'}   ·   B {tmp_path / 'b'}")
    with pytest.raises(InputError, match="there is no such run directory"):
        diff(tmp_path / "a", tmp_path / "c")
