"""Does every measure of the claims say what one finds by hand, on a run made by hand?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from nobid.runs import scenario
from nobid.runs.essay import loans, monthly, states
from nobid.runs.essay.benches import Bench, Want
from nobid.runs.essay.facts import at_end_of
from nobid.runs.essay.measures import MEASURES, sample
from nobid.runs.months import month_label
from nobid.runs.run import Order, Run
from tests.worlds import borrower, facility, lender, run, world

Array = NDArray[np.float64]


def made(
    months: int = 3,
    *,
    paths: int = 2,
    failed: Sequence[int] = (),
    tables: Mapping[str, Any] | None = None,
    **grids: Any,
) -> Run:
    """A run of toy whose monthly columns (paths, months) were written by hand; paths `failed` did not finish."""
    found = Run(Order(scenario("toy", set={"months": months}), 7, tuple(range(paths))))
    rows = {"path": np.repeat(np.arange(paths), months)}
    labels = [month_label("2026-01", month) for month in range(months)] * paths
    monthly_ = {**rows, **{name: np.asarray(grid, dtype=float).ravel() for name, grid in grids.items()}}
    reasons = ["stopped" if path in failed else "" for path in range(paths)]
    outcomes = {"path": list(range(paths)), "failure": reasons}
    found.kept = {
        "monthly": [pa.table({**monthly_, "month": labels})],
        "outcomes": [pa.table(outcomes)],
        **{name: [pa.table(table)] for name, table in (tables or {}).items()},
    }
    return found


def values(name: str, found: Run, **given: Any) -> list[list[float]]:
    """The sample of a measure: a list a figure, a number a path."""
    return [[float(one) for one in row] for row in sample(MEASURES[name], found, given)]


# ---- by month


def test_miners_are_counted_over_all_months_and_a_path_that_failed_is_missing() -> None:
    found = made(paths=3, failed=[1], defaults_miner=[[1, 0, 2], [9, 9, 9], [0, 0, 0]])
    np.testing.assert_equal(values("miners", found), [[3.0, np.nan, 0.0]])


def test_rent_growth_is_the_log_change_a_year_between_first_and_last_month() -> None:
    rent = np.exp(np.array([[0.0, 0.5, 0.2], [0.0, 0.1, -0.4]]))
    np.testing.assert_allclose(values("rent_growth", made(rent=rent)), [[0.2 * 6.0, -0.4 * 6.0]])


def test_the_first_years_change_of_rent_is_from_the_first_month_to_the_thirteenth() -> None:
    rent = np.full((2, 13), 7.0)
    rent[:, 0], rent[0, 12], rent[1, 12] = 2.0, 3.0, 1.0
    found = made(13, rent=rent)
    assert values("rent_year", found) == [[0.5, -0.5]]
    assert values("rent_year", found, least=0.5, statistic="share") == [[1.0, 0.0]]


def test_the_first_thin_month_counts_from_one_and_is_one_after_the_end_where_none_is() -> None:
    assert values("first_thin_month", made(dscr_facility=[[1.2, 0.9, 0.8], [1.0, 1.5, 2.0]])) == [[2.0, 4.0]]


def test_co_movement_has_the_sums_of_log_changes_in_months_of_stress_alone() -> None:
    coin, mark = np.exp([[0.0, 0.1, 0.4]] * 2), np.exp([[0.0, -0.2, 0.3]] * 2)
    mark[1, 2] = 0.0  # no price: the month does not count
    found = made(stress=[[1, 0, 1], [0, 1, 1]], coin=coin, mark_H100=mark)
    by_hand = [[1, 1], [0.3, 0.1], [0.5, -0.2], [0.09, 0.01], [0.25, 0.04], [0.15, -0.02]]
    np.testing.assert_allclose(values("co_movement", found, price="mark_H100"), by_hand, atol=1e-12)


STOCK = {"unsold_H100": [[100, 1100, 600, 300, 150], [0, 1000, 1000, 1200, 1000]]}
SALE = {"generation": "H100", "units": 1000, "month": 2}


def test_what_is_placed_is_what_left_the_stock_since_the_month_before_the_sale() -> None:
    found = made(5, **STOCK)
    assert values("unfilled", found, **SALE, within=1) == [[0.5, 1.0]]
    assert values("unfilled", found, **SALE, within=2) == [[pytest.approx(0.2), 1.0]]  # 1,200 on stock: none placed
    assert values("mostly_unplaced", found, **SALE, within=1) == [[0.0, 1.0]]  # half is not less than half
    dust = made(5, unsold_H100=[[0, 1000, 1e-9, 0, 0]] * 2)
    assert values("unfilled", dust, **SALE, within=1) == [[0.0, 0.0]]
    assert values("mostly_unplaced", found, **SALE, within=3) == [[0.0, 1.0]]


def test_months_to_place_count_from_the_sale_and_are_one_more_than_are_left_where_it_never_is() -> None:
    assert values("months_to_place", made(5, **STOCK), **SALE, share=0.5) == [[1.0, 4.0]]
    assert values("months_to_place", made(5, **STOCK), **SALE, share=0.9) == [[3.0, 4.0]]
    assert values("months_to_place", made(5, **STOCK), **SALE, share=0.8) == [[2.0, 4.0]]  # 800 of 1,000, to the unit


def test_proceeds_are_those_of_the_months_after_the_sale_over_what_the_machines_were_worth_before() -> None:
    found = made(
        5,
        sold_H100=[[9, 0, 500, 300, 7], [0, 0, 0, 0, 0]],
        price_H100=[[1e6, np.nan, 20_000, 10_000, 1e6], [np.nan] * 5],
        value_H100=[[40_000, 0, 0, 0, 0], [30_000, 0, 0, 0, 0]],
    )
    by_hand = [[500 * 0.02 + 300 * 0.01, 0.0], [1000 * 0.04, 1000 * 0.03]]
    np.testing.assert_allclose(values("proceeds", found, **SALE, within=2), by_hand)


def test_value_over_book_is_read_in_its_month_and_missing_where_the_book_is_nought() -> None:
    found = made(value_H100=[[1, 2, 3], [1, 2, 3]], book_H100=[[4, 4, 4], [4, 0, 4]])
    np.testing.assert_equal(values("of_book", found, generation="H100", month=2), [[0.5, np.nan]])


def test_the_measures_of_policies_are_measures_here_too() -> None:
    bench = Bench(paths=2)
    want = Want("everything", 3, {}, None)
    bench.simulates([want])
    figures = bench.arm(want).figures
    for name in ("defaults", "unsold", "public_loss"):
        np.testing.assert_array_equal(bench.sample(want, name, {})[0], figures[name].to_numpy(dtype=float))


# ---- by loan


def loan_table() -> dict[str, Any]:
    """Two paths of three loans: a machine loan, a note, a machine loan of a vendor."""
    return {
        "path": [0, 0, 0, 1, 1, 1],
        "facility": ["A", "B", "C"] * 2,
        "kind": ["abl", "note", "vendor"] * 2,
        "borrower": ["X"] * 6,
        "lender": ["L", "L", "V"] * 2,
        "lender_kind": ["bank", "bank", "vendor"] * 2,
        "failed": [1.0, 0.0, 0.0, 1.0, 1.0, 0.0],
        "failed_after": [2.0, -1.0, -1.0, 1.0, 1.0, -1.0],
        "exposure": [10.0, 0.0, 0.0, 8.0, 5.0, 0.0],
        "loss": [4.0, 0.0, 0.0, 8.0, 5.0, 0.0],
        "outstanding": [20.0, 10.0, 5.0, 10.0, 10.0, 5.0],
        "charged": [1.0, 0.5, 0.2, 0.5, 0.5, 0.2],
        "lost": [3.0, 0.0, 0.0, 6.0, 4.0, 0.1],
    }


def test_loans_against_machines_are_counted_and_their_losses_held_against_their_spreads() -> None:
    found = made(tables={"facilities": loan_table()})
    assert values("machine_loans_failed", found) == [[1.0, 1.0], [2.0, 2.0]]
    np.testing.assert_allclose(values("spread_short", found), [[3.0 - 1.2, 6.1 - 0.7], [25.0, 15.0]])
    np.testing.assert_allclose(values("spread_short", found, kinds=["note"]), [[-0.5, 3.5], [10.0, 10.0]])


def test_underpriced_debt_has_lost_charged_and_outstanding_of_each_loan_that_was_asked_for() -> None:
    found = made(tables={"facilities": loan_table()})
    both = values("underpriced", found, kinds=["abl", "note"])
    np.testing.assert_allclose(both, [[3, 6], [0, 4], [1, 0.5], [0.5, 0.5], [20, 10], [10, 10]])
    alone = values("underpriced", found, kinds=["abl", "vendor"], lender_kinds=["vendor"])
    np.testing.assert_allclose(alone, [[0, 0.1], [0.2, 0.2], [5, 5]])


def test_what_is_recovered_is_what_was_out_less_the_loss_on_the_named_loan() -> None:
    found = made(tables={"facilities": loan_table()})
    assert values("recovered", found, facility="A") == [[6.0, 0.0], [10.0, 8.0]]


# ---- by cause


def test_defaults_are_told_by_agent_and_month_and_buyers_are_left_out() -> None:
    names = [*scenario("toy").census.kinds()]
    buyer = next(iter(scenario("toy").census.buyers()))
    events = {
        "path": [0, 1, 1],
        "month": ["2026-02", "2026-03", "2026-01"],
        "kind": ["default", "default", "default"],
        "source": [names[0], names[1], buyer],
    }
    found = loans.default_months(made(tables={"events": events}))
    assert sorted(found.columns) == sorted(names)
    assert found.loc[0, names[0]] == 1.0
    assert found.loc[1, names[1]] == 2.0
    assert (found.to_numpy() == loans.NEVER).sum() == found.size - 2


def test_attribution_and_depth_are_those_of_the_runs_own_causation() -> None:
    bench = Bench(paths=3)
    want = Want("everything", 6, {}, None)
    bench.simulates([want])
    told = bench.arm(want).run.systemic()
    caused, defaults = bench.sample(want, "attributed", {})
    assert defaults.sum() == told.defaults > 0
    assert caused.sum() / defaults.sum() == pytest.approx(told.r.value)
    deep, again = bench.sample(want, "depth", {})
    np.testing.assert_array_equal(again, defaults)
    assert deep.sum() == pytest.approx(sum(sum(one.depth) for one in told.paths))


def test_a_lead_is_known_where_both_peaks_lie_inside_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    peaks = pd.DataFrame(
        {
            "lead": [5.0, 1.0, 4.0, np.nan],
            "growth_lead": [3.0, 0.0, 0.0, 0.0],
            "open": ["known", "known", "demand", "both"],
        }
    )
    monkeypatch.setattr("nobid.runs.credit_cycle.credit_peaks", lambda _: peaks)
    found = made(paths=4, demand=np.ones((4, 3)))
    np.testing.assert_equal(values("credit_lead", found, least=3), [[1.0, 0.0, np.nan, np.nan]])
    np.testing.assert_equal(values("credit_lead", found, least=3, bounds=True), [[1.0, 0.0, 1.0, np.nan]])
    np.testing.assert_equal(values("credit_lead", found, least=3, beyond_growth=True), [[0.0, 0.0, np.nan, np.nan]])
    np.testing.assert_equal(values("credit_lead_months", found), [[5.0, 1.0, np.nan, np.nan]])
    assert values("peak_open", found) == [[0.0, 0.0, 1.0, 1.0]]


def test_the_last_known_sheet_of_a_period_is_taken_figure_by_figure() -> None:
    table = pd.DataFrame(
        {
            "ticker": ["A", "A", "B"],
            "date": ["2025-09-30", "2025-12-31", "2024-12-31"],
            "debt": [1.0, 2.0, 3.0],
            "net_debt_to_equity": [0.5, np.nan, 0.1],
        }
    )
    found = at_end_of(table, "2025-06-30", "2025-12-31")
    assert [*found.index] == ["A"]
    assert found.loc["A"].tolist() == [2.0, 0.5]


# ---- of the model itself


def machine_world(drawn: float, **changes: Any) -> Any:
    """A loan against 1,000 machines of 25,000 USD each, a year old, and a note."""
    firm = borrower(cash=10.0, age=12)
    loan = facility(drawn=drawn, units={"H100": 1000}, **changes)
    note = facility("Note", kind="note", secured=False, drawn=50.0)
    return run(world(firm, loan, note, lender()), months=0)


def test_debt_is_an_illusion_where_it_is_covered_at_book_and_not_in_a_sale() -> None:
    # book: 25 m x 60 / 72 = 20.8 m; nobody bids, so that a sale brings nothing
    within, beyond = machine_world(15.0), machine_world(30.0)
    assert [float(one[0]) for one in states.illusion_now(within)] == [15.0, 15.0]
    assert [float(one[0]) for one in states.illusion_now(beyond)] == [0.0, 30.0]
    assert [float(one[0]) for one in states.illusion_now(beyond, "book")] == [30.0, 30.0]
    assert [float(one[0]) for one in states.illusion_now(within, "book")] == [0.0, 15.0]
    assert [float(one[0]) for one in states.illusion_now(within, "liquidation")] == [15.0, 15.0]


def test_the_life_gap_is_the_mean_time_of_principal_less_the_months_in_which_a_machine_pays() -> None:
    model = machine_world(12.0, months=24)  # a bullet: all of it after 24 months
    earning, cost = float(model.market.earning[0, 0]), float(model.hardware.cost[0, 0])
    life = min(np.log(earning / cost) * 12.0 / 0.6, float(model.hardware.life[0, 0]))
    top, bottom = (float(one[0]) for one in states.life_gap_now(model, 0.6))
    assert bottom == 12.0
    assert top / bottom == pytest.approx(24.0 - life)
    assert 0.0 < life < 60.0


def test_a_machine_is_under_water_where_it_is_worth_less_than_its_book() -> None:
    model = machine_world(12.0)
    model.market.value = np.full_like(model.market.value, 20_000.0)  # under the 20,833 of the book
    below, all_ = (float(one[0]) for one in states.under_water_now(model))
    assert below == all_ == 1000.0
    model.market.value = np.full_like(model.market.value, 21_000.0)
    assert float(states.under_water_now(model)[0][0]) == 0.0


def test_a_state_is_read_after_so_many_months_path_by_path() -> None:
    bench = Bench(paths=3, chunk=2)
    want = Want("everything", 6, {}, None)
    found = states.at(bench.arm(want).run, 4, lambda m: (m.world.rent, m.world.path.astype(float)))
    bench.simulates([want])
    _, grids = monthly.grids(bench.arm(want).run, "rent")
    np.testing.assert_array_equal(found[0].to_numpy(), grids["rent"][:, 3])
    assert found[1].tolist() == [0.0, 1.0, 2.0]
