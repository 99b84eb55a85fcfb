"""Do the risk figures say what the paths did: by hand, against closed forms, and no more than the paths allow?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t as student

from nobid.agents.credit import fair_spread
from nobid.agents.finance import MONTHS, discount
from nobid.model.draws import Draws
from nobid.runs import simulate, streams
from nobid.runs.charts.over_time import _short
from nobid.runs.errors import InputError
from nobid.runs.humps import humps
from nobid.runs.ratios import RatioSums, wilson
from nobid.runs.risk import Risk, largest_clusters, risk
from nobid.runs.risk_blocks import risk_blocks, risk_of_many, risk_remarks
from nobid.runs.run import Run
from nobid.runs.tail import expected_shortfall, shortfall, tail_shares, too_few_paths
from tests.kept_runs import facilities, monthly, outcomes, run_of, simulated, stored
from tests.one_loan import DRAWN, RATE, one_loan
from tests.worlds import borrower, facility, lender, world

A = {"facility": "A", "kind": "abl", "borrower": "Firm", "lender": "Bank", "lender_kind": "bank"}
B = {"facility": "B", "kind": "note", "borrower": "Firm", "lender": "Fund", "lender_kind": "bond_fund"}
TWO_LOANS = world(
    borrower("Firm"), facility("A", drawn=100.0), facility("B", drawn=50.0, lender="Fund", kind="note"),
    lender("Bank"), lender("Fund", kind="bond_fund"), months=24,
)  # fmt: skip
FIGURES: dict[str, Any] = {
    "failed": [[1, 1], [0, 0], [0, 0], [0, 1]],
    "failed_after": [[3, 3], [-1, -1], [-1, -1], [-1, 15]],
    "exposure": [[80.0, 40.0], [0, 0], [0, 0], [0, 60.0]],
    "loss": [[20.0, 30.0], [0, 0], [0, 0], [0, 15.0]],
    "outstanding": [[25.0, 12.0], [180.0, 90.0], [180.0, 90.0], [180.0, 60.0]],
    "charged": [[1.0, 0.6], [7.2, 4.5], [7.2, 4.5], [7.2, 3.0]],
    "lost": [[19.0, 29.0], [0, 0], [0, 0], [0, 14.0]],
}  # fmt: skip


def by_hand(*, failed: tuple[int, ...] = (), losses: tuple[float, ...] = (50.0, 0.0, 0.0, 15.0)) -> Run:
    """Four paths of two loans: both fail on the first, the note alone on the last."""
    defaults = np.zeros((4, 24))
    defaults[0, 3], defaults[3, 15] = 1.0, 1.0
    counts = {"defaults_neocloud": defaults.sum(axis=1)}
    tables = {
        "outcomes": outcomes(losses, failed=failed, **counts),
        "monthly": monthly(4, 24, defaults_neocloud=defaults),
        "facilities": facilities([A, B], **FIGURES),
    }
    return run_of(TWO_LOANS, range(4), [tables])


def row(told: Risk, table: str, key: str, value: object) -> Any:
    """The row of a table of the risk figures."""
    return told.tables[table].set_index(key).loc[value]


# ---- loans


def test_a_loans_figures_are_sums_over_paths_by_hand() -> None:
    note = row(risk(by_hand()), "facilities", "facility", "B")
    assert note["pd"] == 0.5
    assert note["lgd"] == pytest.approx(45.0 / 100.0)
    assert note["expected_loss"] == pytest.approx(45.0 / 4.0)
    assert note["fair_spread"] == pytest.approx((29.0 + 14.0) / 252.0)
    assert note["contract_spread"] == pytest.approx((0.6 + 4.5 + 4.5 + 3.0) / 252.0)


def test_a_group_is_the_sum_of_its_loans_and_not_the_mean_of_their_spreads() -> None:
    told = risk(by_hand())
    every = row(told, "all_loans", "book", "all loans")
    assert every["fair_spread"] == pytest.approx((19.0 + 43.0) / (565.0 + 252.0))
    assert every["pd"] == pytest.approx(3.0 / 8.0)
    assert every["drawn"] == 150.0
    assert row(told, "by_kind", "kind", "note")["lgd"] == pytest.approx(0.45)
    assert row(told, "by_lender_kind", "lender_kind", "bank")["expected_loss"] == pytest.approx(5.0)
    assert set(told.tables["by_kind_and_lender"]["kind_and_lender"]) == {"abl from bank", "note from bond_fund"}


def test_time_to_default_counts_those_who_have_failed_by_the_end_of_each_year() -> None:
    told = risk(by_hand()).tables["time_to_default"].set_index(["who", "year"])["defaulted"]
    assert told["note", 1] == 0.25
    assert told["note", 2] == 0.5
    assert told["abl", 2] == 0.25
    agents = len([one for one in TWO_LOANS.borrowers if one.kind == "neocloud"])
    assert told["neocloud", 1] == pytest.approx(1.0 / (4 * agents))
    assert told["neocloud", 2] == pytest.approx(2.0 / (4 * agents))


def test_the_first_default_is_told_by_its_month_and_a_path_without_one_sorts_last() -> None:
    first = risk(by_hand()).tables["first_default"].set_index("who")
    assert first.loc["neocloud", ["p05", "p50"]].tolist() == [4.0, 16.0]
    assert first.loc["neocloud", ["p75", "p95"]].isna().all()
    assert first["any"].to_dict() == {"borrower": 0.5, "miner": 0.0, "neocloud": 0.5, "lender": 0.0, "buyer": 0.0}


def test_the_figures_by_year_are_quantiles_of_what_was_reached_by_then() -> None:
    table = risk(by_hand()).tables["by_year"].set_index(["figure", "month"])
    assert set(table.index) == {("borrowers defaulted", "2026-12"), ("borrowers defaulted", "2027-12")}
    assert table.loc[("borrowers defaulted", "2026-12"), ["p50", "p95"]].tolist() == pytest.approx([0.0, 0.85])
    assert table.loc[("borrowers defaulted", "2027-12"), ["p50", "p95"]].tolist() == [0.5, 1.0]


def test_a_figure_by_year_is_written_with_three_digits_that_matter() -> None:
    assert [_short(one) for one in (0.0, 0.2814, 31.16, 1.0, 18899.4, 0.00412)] == [
        "0", "0.281", "31.2", "1", "18,899", "0.00412"
    ]  # fmt: skip


def test_a_failed_path_is_left_out_of_every_figure_and_said() -> None:
    told = risk(by_hand(failed=(0,)))
    assert row(told, "facilities", "facility", "A")["pd"] == 0.0
    assert row(told, "facilities", "facility", "B")["fair_spread"] == pytest.approx(14.0 / 240.0)
    assert row(told, "losses", "figure", "lender_losses")["mean"] == pytest.approx(5.0)
    assert "1 of 4 paths failed" in str(told)
    assert told.as_dict()["failed_paths"] == 1


def test_a_run_without_a_finished_path_or_a_table_of_loans_is_refused_in_a_sentence() -> None:
    with pytest.raises(InputError, match="no path of this run was finished"):
        risk(by_hand(failed=(0, 1, 2, 3)))
    without = by_hand()
    del without.kept["facilities"]
    with pytest.raises(InputError, match="no table of facilities"):
        risk(without)
    assert risk_blocks(without) == []


@pytest.mark.parametrize(("hazard", "recovery"), [(0.01, 0.40), (0.03, 0.25)])
def test_the_fair_spread_of_one_loan_with_a_constant_hazard_is_the_closed_form(hazard: float, recovery: float) -> None:
    months = 36
    told = risk(simulated(one_loan(hazard, recovery, months=months), 1024))
    loan = row(told, "facilities", "facility", "Loan")
    exact = MONTHS * hazard * (1.0 - recovery)  # see tests/one_loan.py
    assert loan["fair_low"] < exact < loan["fair_high"]
    assert loan["fair_high"] - loan["fair_low"] < 0.3 * exact
    assert loan["pd_low"] < 1.0 - (1.0 - hazard) ** months < loan["pd_high"]
    assert loan["lgd"] == pytest.approx(1.0 - recovery, abs=1e-4)
    base = one_loan(hazard, recovery).parameters.debt.base_rate
    assert loan["contract_spread"] == pytest.approx(RATE - base)
    assert loan["drawn"] == DRAWN
    a_year = np.array(-MONTHS * np.log1p(-hazard))
    yearly = fair_spread(a_year, np.array(recovery), rate=np.array(0.0), years=months // 12)
    assert float(yearly.spread) == pytest.approx(exact, rel=0.02)  # the year is cut less finely than the month
    waiting = fair_spread(a_year, np.array(recovery), rate=np.array(base), years=months // 12)
    assert float(waiting.spread / yearly.spread) == pytest.approx(
        1.0 + base / 2.0, rel=0.005
    )  # premiums come half a year on


def test_path_by_path_the_loan_fails_with_its_draw_and_the_spread_is_that_of_the_months_it_lived() -> None:
    hazard, recovery, months, paths = 0.03, 0.25, 24, 64
    founding = one_loan(hazard, recovery, months=months)
    told = risk(simulated(founding, paths))
    falls = Draws(7, range(paths), len(founding.buyers)).buyers[0, :months] < hazard
    lived = np.where(falls.any(axis=0), falls.argmax(axis=0) + 1, months)  # the month of default is paid for
    worth = discount(founding.parameters.debt.base_rate, np.arange(1.0, months + 1.0))
    premium = sum(worth[:one].sum() / MONTHS for one in lived)
    loss = sum((1.0 - recovery) * worth[one - 1] for one in lived[falls.any(axis=0)])
    loan = row(told, "facilities", "facility", "Loan")
    assert loan["pd"] == falls.any(axis=0).mean()
    assert loan["fair_spread"] == pytest.approx(loss / premium, rel=1e-4)


# ---- intervals


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_interval_of_a_share_is_the_published_one(hits: float, of: float, low: float, high: float) -> None:
    found = wilson(hits, of)  # the score intervals of Newcombe (1998), table I
    assert [round(float(end), 4) for end in found] == [low, high]


def test_the_interval_of_a_ratio_of_rare_losses_holds_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    draws, paths, rare = 2_000, 400, 0.04  # sixteen eventful paths on average
    fails = rng.random((paths, draws)) < rare
    until = np.where(fails, rng.random((paths, draws)), 1.0)  # what is out falls with the default
    sums = RatioSums(draws)
    sums.adds(np.where(fails, 0.6, 0.0), until)
    low, high = sums.interval()
    truth = 0.6 * rare / (1.0 - rare / 2.0)
    known = np.isfinite(low)
    assert known.mean() > 0.99
    assert 0.93 < np.mean((low[known] < truth) & (truth < high[known])) < 0.975
    below, above = np.mean(truth < low[known]), np.mean(truth > high[known])
    assert max(below, above) < 0.045  # a symmetric interval misses above far more often than below


def test_the_interval_follows_from_how_far_each_path_moves_the_ratio() -> None:
    rng = np.random.default_rng(7)
    top, bottom = np.where(rng.random(60) < 0.4, rng.exponential(size=60), 0.0), rng.random(60) + 0.5
    sums = RatioSums(1)
    sums.adds(top[:, None], bottom[:, None])
    ratio = top.sum() / bottom.sum()
    moves = (top - ratio * bottom) / bottom.mean()
    error, lean = moves.std() / np.sqrt(60), np.mean(moves**3) / moves.std() ** 3 / np.sqrt(60)
    for end, side in zip(sums.interval(), (1.0, -1.0), strict=True):
        t = (ratio - float(end[0])) / error
        corrected = t + lean * t**2 / 3.0 + lean**2 * t**3 / 27.0 + lean / 6.0  # Hall (1992)
        assert corrected == pytest.approx(side * float(student.ppf(0.975, 59)))


def test_the_sums_are_the_same_however_the_paths_are_cut_and_no_interval_comes_from_four_losses() -> None:
    rng = np.random.default_rng(2)
    top, bottom = rng.exponential(size=(90, 3)), rng.exponential(size=(90, 3)) + 1.0
    top[4:, 1] = 0.0
    whole, cut = RatioSums(3), RatioSums(3)
    whole.adds(top, bottom)
    for first in range(0, 90, 30):
        cut.adds(top[first : first + 30], bottom[first : first + 30])
    np.testing.assert_allclose(whole.interval(), cut.interval(), rtol=1e-9)
    assert np.isnan(whole.interval()[0]).tolist() == [False, True, False]


# ---- the tail


def test_expected_shortfall_is_the_mean_of_the_worst_twentieth_and_shares_a_path_on_the_border() -> None:
    assert float(expected_shortfall(np.arange(1.0, 101.0))) == pytest.approx(98.0)
    assert float(expected_shortfall(np.arange(30.0))) == pytest.approx((29.0 + 0.5 * 28.0) / 1.5)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=60))
def test_what_paths_add_to_the_tail_sums_to_it(values: list[float]) -> None:
    figures = np.array(values)
    assert tail_shares(figures).sum() == pytest.approx(1.0)
    assert float(tail_shares(figures) @ figures) == pytest.approx(float(expected_shortfall(figures)), abs=1e-6)


def test_the_tail_comes_with_an_interval_from_500_paths_on() -> None:
    rng = np.random.default_rng(3)
    assert shortfall(rng.exponential(size=499)) is None
    exact = 1.0 + np.log(20.0)  # of the exponential distribution with mean one
    for paths in (500, 4_000):
        found = shortfall(rng.exponential(size=paths))
        assert found is not None
        assert found.low < exact < found.high
    same = shortfall(np.full(600, 2.0))
    assert same is not None
    assert (same.low, same.value, same.high) == (2.0, 2.0, 2.0)


def test_a_tail_of_too_few_paths_is_not_told_but_the_command_that_would_supply_it() -> None:
    told = risk(by_hand())
    assert np.isnan(row(told, "losses", "figure", "lender_losses")["es95"])
    assert 'simulate("by-hand", seed=7, paths=1000)' in str(told)
    run = run_of(TWO_LOANS, [0], [], argv=("run", "toy", "--paths", "64", "--set", "coin.impact=0", "--seed=7"))
    assert too_few_paths(run) == "n/a below 500 paths (nobid run toy --set coin.impact=0 --seed 7 --paths 1000)"


# ---- two humps


def test_a_mean_of_two_outcomes_is_flagged() -> None:
    rng = np.random.default_rng(4)
    losses = np.where(rng.random(400) < 0.6, 0.0, rng.normal(30.0, 4.0, 400))
    found = humps(losses)
    assert found.two
    assert 0.0 < found.valley < 20.0
    assert found.below == pytest.approx(0.6, abs=0.08)
    assert found.near_mean < 0.05
    assert found.at_least == pytest.approx(0.6, abs=0.08)


def test_an_outlier_does_not_hide_two_humps() -> None:
    rng = np.random.default_rng(4)
    losses = np.where(rng.random(400) < 0.6, 0.0, rng.normal(30.0, 4.0, 400))
    losses[7] = 300.0
    assert humps(losses).two


ONE_HUMP = ["many at nought, then ever fewer", "normal", "counts", "skewed", "with an outlier", "a few far away"]


@pytest.mark.parametrize("case", ONE_HUMP)
def test_one_hump_is_not_called_two(case: str) -> None:
    rng = np.random.default_rng(5)
    values = {
        "many at nought, then ever fewer": np.where(rng.random(600) < 0.3, 0.0, rng.exponential(size=600)),
        "normal": rng.normal(size=600),
        "counts": rng.poisson(3.0, 3_000).astype(float),
        "skewed": rng.lognormal(size=600),
        "a few far away": np.where(np.arange(600) < 24, 40.0, 0.0) + rng.normal(size=600),
        "with an outlier": np.append(rng.normal(size=599), 60.0),
    }[case]
    assert not humps(values).two


def test_paths_that_agree_and_runs_of_few_paths_have_no_humps() -> None:
    assert not humps(np.zeros(500)).two
    assert not humps(np.array([0.0, 0.0, 9.0, 9.0])).two


# ---- clusters


def test_a_cluster_is_the_largest_number_of_defaults_within_three_months() -> None:
    assert largest_clusters(np.array([[2.0, 0.0, 0.0, 2.0, 1.0, 3.0], [0.0] * 6])).tolist() == [6.0, 0.0]


def test_clusters_and_blocks_agree_with_the_causes_of_a_simulated_run() -> None:
    run = simulate("mispriced", paths=6, months=30, seed=7, set={"demand.growth_calm": -0.5})
    told = risk_of_many(run)
    assert told is not None
    shares = told.tables["clusters"].set_index("at_least")["share"]
    sizes = run.systemic().clusters
    assert shares[4] == pytest.approx(float((sizes >= 4).mean()))
    assert shares[2] == pytest.approx(float((sizes >= 2).mean()))
    assert shares[2] > 0.0
    by_year, failures, tail, loans = risk_blocks(run, told)
    assert by_year.columns == ("2026-12", "2027-12", "2028-06")
    assert [len(one) for one in failures.rows] == [6] * 4
    assert {len(one) for one in tail.rows} == {3}
    assert {len(one) for one in loans.rows} == {7}
    assert tail.rows[0][1] == "n/a"
    assert any("convertible" in one for one in risk_remarks(told))
    losses = run.outcomes["lender_losses"]
    assert row(told, "losses", "figure", "lender_losses")["mean"] == pytest.approx(float(losses.mean()))
    json.dumps(told.as_dict(), allow_nan=False)
    assert "<table" in told._repr_html_()
    assert set(told.units) == set(told.tables)
    assert all(unit for table in told.units.values() for unit in table.values())


def test_a_single_path_has_no_risk_block() -> None:
    assert risk_of_many(run_of(TWO_LOANS, [0], [])) is None
    assert list(risk_remarks(None)) == []


# ---- reading a part at a time


def random_run(paths: int, months: int, *, failed: tuple[int, ...] = ()) -> Run:
    rng = np.random.default_rng(6)
    rent = rng.lognormal(size=(paths, months))
    rent[:, 0] = np.nan
    founding = world(months=months)
    tables = {
        "outcomes": outcomes(rng.random(paths).tolist(), failed=failed),
        "monthly": monthly(paths, months, rent=rent),
    }
    return run_of(founding, range(paths), [tables])


def test_a_fan_is_the_quantiles_over_paths_in_memory_and_in_a_folder_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = random_run(50, 7)
    kept = streams.fan(run, "rent")
    by_month = run.monthly.groupby("month")["rent"].quantile(list(streams.BANDS)).unstack().to_numpy().T
    np.testing.assert_allclose(kept.values, by_month)
    assert np.isnan(kept.values[:, 0]).all()
    assert kept.months[0] == "2026-01"
    monkeypatch.setattr(streams, "CELLS", 100)  # two months at a time
    lying = streams.fan(stored(run, tmp_path, (20, 20, 10)), "rent")
    np.testing.assert_array_equal(kept.values, lying.values)
    np.testing.assert_array_equal(kept.low, kept.values)


FAILED = (4, 11, 30)
WITH_FAILED = random_run(40, 2, failed=FAILED)
FAN = streams.fan(WITH_FAILED, "rent")
RENTS = WITH_FAILED.monthly["rent"].to_numpy().reshape(40, 2)[:, 1]


@given(st.lists(st.floats(-10, 10), min_size=3, max_size=3))
def test_whatever_failed_paths_would_have_done_lies_within_the_bounds_of_the_fan(theirs: list[float]) -> None:
    rents = RENTS.copy()
    rents[list(FAILED)] = theirs
    whole = np.quantile(rents, streams.BANDS)
    assert (FAN.low[:, 1] <= whole + 1e-9).all()
    assert (whole <= FAN.high[:, 1] + 1e-9).all()


def test_the_bounds_are_reached_and_the_failed_are_said() -> None:
    for theirs, bound in ((-1e9, FAN.low), (1e9, FAN.high)):
        rents = RENTS.copy()
        rents[list(FAILED)] = theirs
        known = np.isfinite(bound[:, 1])
        np.testing.assert_allclose(np.quantile(rents, streams.BANDS)[known], bound[known, 1])
        assert 0 < known.sum() < len(known)
    assert FAN.ended.failed == 3
    assert FAN.ended.sentence().startswith("3 of 40 paths failed")


def test_sums_are_those_of_the_finished_paths_in_their_order(tmp_path: Path) -> None:
    run = stored(random_run(12, 5, failed=(3,)), tmp_path, (8, 4))
    ended = streams.finished(run)
    by_pandas = run.monthly.groupby("path")["rent"].sum().drop(3)
    np.testing.assert_allclose(streams.totals(run, ["rent"], ended)["rent"], by_pandas.to_numpy())
    assert ended.paths.tolist() == by_pandas.index.tolist()


def test_parts_are_read_one_at_a_time_and_only_the_columns_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = stored(random_run(12, 5), tmp_path, (4, 4, 4))
    opened = []
    real = streams.pq.ParquetFile
    monkeypatch.setattr(streams.pq, "ParquetFile", lambda file: opened.append(file) or real(file))
    pieces = streams.parts(run, "monthly", ("path", "rent"))
    first = next(pieces)
    assert len(opened) == 1
    assert first.schema.names == ["path", "rent"]
    assert sum(piece.num_rows for piece in pieces) == 40
    with pytest.raises(InputError, match="table monthly has no column rain"):
        next(streams.parts(run, "monthly", ("rain",)))


def test_paths_that_the_run_does_not_have_are_not_read(tmp_path: Path) -> None:
    whole = stored(random_run(12, 5), tmp_path, (8, 4))
    part = run_of(whole.scenario.founding, [9, 2], [])
    part.out = whole.out
    assert streams.finished(part).paths.tolist() == [2, 9]
    assert pa.concat_tables(streams.parts(part, "monthly"))["path"].unique().to_pylist() == [2, 9]
