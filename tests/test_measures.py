"""Is every measure of a path what plain loops over its monthly rows make of it, in memory and in parts?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from nobid.runs.measures import MEASURES, measures_of
from nobid.runs.run import Run
from nobid.runs.simulation import simulate

MONTHS, PATHS = 8, 6


@pytest.fixture(scope="module")
def eventful() -> Run:
    """Six paths on which loans are written, machines stay unsold and clusters fail, under costly policies."""
    policy = "vendor_buyback:budget=20 + standstill:trigger=0.0005,months=1 + repo_facility:capacity=100"
    return simulate("everything", paths=PATHS, months=MONTHS, seed=7, policy=policy, figures=False)


def by_loops(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Every measure of one path from its rows, one a month, added up one after the other."""
    found = dict.fromkeys(MEASURES, 0.0)
    found["trough"] = 1e9
    for number, row in enumerate(rows):
        borrowers = row["defaults_miner"] + row["defaults_neocloud"]
        found["borrowers"] += borrowers
        found["lenders"] += row["defaults_lender"]
        found["defaults"] += borrowers + row["defaults_lender"]
        for name in (
            "debt_defaulted",
            "lender_losses",
            "credit_extended",
            "public_outlay",
            "private_outlay",
            "deferred",
        ):
            found[name] += row[name]
        found["unsold"] = max(found["unsold"], row["unsold"])
        if row["value_H100"] > 0.0:
            found["trough"] = min(found["trough"], row["mark_H100"] / row["value_H100"])
        window = rows[max(number - 2, 0) : number + 1]
        failed = sum(one["defaults_miner"] + one["defaults_neocloud"] + one["defaults_lender"] for one in window)
        if failed >= 4:
            found["cluster"] = 1.0
    found["public_loss"] = found["public_outlay"] - rows[-1]["public_holds"]
    return found


def test_every_measure_is_what_plain_loops_make_of_the_monthly_rows(eventful: Run) -> None:
    got = measures_of(eventful)
    rows = eventful.monthly.to_dict("records")
    assert list(got.index) == list(range(PATHS))
    assert list(got.columns) == list(MEASURES)
    for path in range(PATHS):
        expected = by_loops([row for row in rows if row["path"] == path])
        assert got.loc[path].to_dict() == pytest.approx(expected, rel=1e-12, abs=1e-9)


def test_the_world_of_these_tests_moves_every_measure(eventful: Run) -> None:
    got = measures_of(eventful)
    assert [name for name in MEASURES if got[name].nunique() == 1] == []


def test_parts_of_any_size_give_the_same_bits_as_all_at_once(eventful: Run, tmp_path: Path) -> None:
    asked: dict[str, Any] = {"paths": PATHS, "months": 3, "seed": 7, "figures": False}
    whole, stored = simulate("everything", **asked), simulate("everything", chunk=2, out=tmp_path / "r", **asked)
    pd.testing.assert_frame_equal(measures_of(whole), measures_of(stored), check_exact=True)


def as_if_failed(run: Run, path: int, month: str) -> Run:
    """The run with this path stopped before the month."""
    monthly, outcomes = run.kept["monthly"][0].to_pandas(), run.kept["outcomes"][0].to_pandas()
    monthly = monthly[(monthly["path"] != path) | (monthly["month"] < month)]
    outcomes.loc[outcomes["path"] == path, "failure"] = "it did not settle"
    kept = {**run.kept, "monthly": [pa.Table.from_pandas(monthly, preserve_index=False)]}
    return replace(run, kept={**kept, "outcomes": [pa.Table.from_pandas(outcomes, preserve_index=False)]})


def test_a_path_that_the_model_could_not_finish_is_told_apart(eventful: Run) -> None:
    got, whole = measures_of(as_if_failed(eventful, 2, "2026-05")), measures_of(eventful)
    assert got.attrs["failed"] == [2]
    pd.testing.assert_frame_equal(got, whole.drop(index=2), check_exact=True)
    assert whole.attrs["failed"] == []


def with_columns(run: Run, **columns: Sequence[float]) -> Run:
    """The run with these monthly figures in place of its own."""
    table = run.kept["monthly"][0].to_pandas().assign(**columns)
    return replace(run, kept={**run.kept, "monthly": [pa.Table.from_pandas(table, preserve_index=False)]})


def test_a_cluster_is_four_failures_of_borrowers_and_lenders_within_three_months() -> None:
    run = simulate("toy", months=6, figures=False)
    nobody = [0.0] * 6
    defaults = dict.fromkeys(("defaults_miner", "defaults_neocloud", "defaults_lender", "defaults_buyer"), nobody)

    def cluster(**some: Sequence[float]) -> float:
        return float(measures_of(with_columns(run, **{**defaults, **some}))["cluster"].iloc[0])

    together = {"defaults_miner": [0, 2.0, 0, 0, 0, 0], "defaults_lender": [0, 0, 0, 1.0, 0, 0]}
    assert cluster(**together, defaults_neocloud=[0, 0, 1.0, 0, 0, 0]) == 1.0
    assert cluster(**together, defaults_neocloud=[0, 0, 0, 0, 1.0, 0]) == 0.0  # four, but within four months
    assert cluster(**together, defaults_buyer=[0, 0, 1.0, 0, 0, 0]) == 0.0  # a buyer's failure is no systemic default


def test_the_price_trough_leaves_out_months_in_which_the_machine_has_no_value() -> None:
    run = simulate("toy", months=3, figures=False)
    falling = {"mark_H100": [80.0, 30.0, 10.0], "value_H100": [100.0, 60.0, 0.0]}
    assert measures_of(with_columns(run, **falling))["trough"].iloc[0] == 0.5
    worthless = {**falling, "value_H100": [0.0, 0.0, 0.0]}
    assert measures_of(with_columns(run, **worthless))["trough"].iloc[0] == 1.0


def test_what_the_public_lost_is_what_it_paid_less_what_came_back_and_what_it_holds() -> None:
    run = simulate("toy", months=3, figures=False)
    got = measures_of(with_columns(run, public_outlay=[100.0, -30.0, 5.0], public_holds=[90.0, 60.0, 20.0])).iloc[0]
    assert (got["public_outlay"], got["public_loss"]) == (75.0, 55.0)
