"""Do the charts of loans show what the model says of them: collateral by lender, cover, spreads, causes by month?"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from nobid.runs.charts.defaults import causes_by_month
from nobid.runs.charts.loans import HIGHEST, LOWEST, loan_cover, ltv_by_lender, months_of, weighted_quantiles
from nobid.runs.charts.spreads import spreads, spreads_of_run
from nobid.runs.run import Run
from nobid.runs.simulation import simulate


@pytest.fixture(scope="module")
def run() -> Run:
    """Path 41 of mispriced fails together in 2026-10."""
    return simulate("mispriced", path=41, months=11)


def drawn(figure: Figure, panel: int, label: str) -> np.ndarray:
    line = next(line for line in figure.axes[panel].lines if line.get_label() == label)
    return np.asarray(line.get_ydata(), dtype=float)


@pytest.mark.parametrize(("panel", "reading"), [(0, "book"), (1, "mark"), (2, "liquidation")])
def test_loan_to_value_by_lender_is_what_the_run_says_of_the_month(run: Run, panel: int, reading: str) -> None:
    figure = ltv_by_lender(run)
    for place, month in ((2, "2026-03"), (9, "2026-10")):
        told = run.ltv(month, by="kind").set_index("lender_kind")[f"ltv_{reading}"]
        for kind, label in (("bank", "banks"), ("private_credit", "private credit"), ("vendor", "vendors")):
            expected = np.clip(told[kind], 0.5 * LOWEST, 2.0 * HIGHEST)
            assert drawn(figure, panel, label)[place] == pytest.approx(expected)


def test_an_infinite_ratio_leaves_the_axis_and_a_missing_one_ends_the_line(run: Run) -> None:
    table = months_of(run, 41)["kind"]
    figure = ltv_by_lender(run)
    hedge = table[table["lender_kind"] == "hedge_fund"]["ltv_mark"].to_numpy()
    assert np.isnan(hedge).any(), "nothing is owed to hedge funds after the crash"
    np.testing.assert_array_equal(np.isnan(drawn(figure, 1, "hedge funds")), np.isnan(hedge))
    assert figure.axes[2].get_ylim() == (LOWEST, HIGHEST)


def test_debt_by_cover_stacks_to_all_debt_and_to_what_is_covered_too_little(run: Run) -> None:
    table = months_of(run, 41)["facility"].dropna(subset=["dscr"])
    first = table[table["month"] == "2026-01"]
    below = [one for one in loan_cover(run).axes[1].patches if isinstance(one, Rectangle)]
    tops: dict[float, float] = {}
    for bar in below:
        tops[bar.get_x()] = max(tops.get(bar.get_x(), 0.0), bar.get_y() + bar.get_height())
    assert tops[min(tops)] == pytest.approx(first["debt"].sum() / 1e3)
    weak = min((bar for bar in below if bar.get_y() == 0.0), key=lambda bar: bar.get_x())
    assert weak.get_height() == pytest.approx(first.loc[first["dscr"] < 1.0, "debt"].sum() / 1e3)


def test_half_of_the_debt_has_a_cover_at_or_under_the_median_line(run: Run) -> None:
    table = months_of(run, 41)["facility"].dropna(subset=["dscr"])
    due = table[(table["month"] == "2026-03") & (table["dscr"] < 99.0)]
    half = drawn(loan_cover(run), 0, "half of the debt")[2]
    assert due.loc[due["dscr"] <= half, "debt"].sum() >= 0.5 * due["debt"].sum()
    assert due.loc[due["dscr"] < half, "debt"].sum() < 0.5 * due["debt"].sum()


def test_weighted_quantiles_are_taken_by_weight_in_the_order_of_the_values() -> None:
    values, weights = np.array([3.0, 1.0, 2.0]), np.array([1.0, 5.0, 2.0])
    assert weighted_quantiles(values, weights, (0.5, 0.75, 0.8, 1.0)).tolist() == [1.0, 2.0, 2.0, 3.0]


def test_weighted_quantiles_of_nothing_are_missing() -> None:
    assert np.isnan(weighted_quantiles(np.zeros(0), np.zeros(0), (0.5, 0.9))).all()
    assert np.isnan(weighted_quantiles(np.ones(2), np.zeros(2), (0.5,))).all()


def test_the_path_is_simulated_once_for_both_charts(run: Run) -> None:
    assert months_of(run, 41) is months_of(run, 41)


def spread_table(low: float, high: float) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "group": ["abl", "note", "all loans"], "loans": [2.0, 1.0, 3.0], "drawn": [1500.0, 20.0, 1520.0],
            "fair_spread": [0.02, 0.0, 0.019], "fair_low": [low, np.nan, low], "fair_high": [high, np.nan, high],
            "contract_spread": [0.05, 0.03, 0.0497], "pays": ["yes", "no loss seen", "open"],
        }
    )  # fmt: skip


def test_spreads_stand_in_basis_points_with_interval_verdict_and_size(run: Run) -> None:
    figure = spreads(spread_table(0.01, 0.03), run.figure_meta, 64)
    (ax,) = figure.axes
    by_label = {str(line.get_label()): np.asarray(line.get_xdata(), dtype=float) for line in ax.lines}
    assert by_label["fair spread"].tolist() == pytest.approx([200.0, 0.0, 190.0])
    assert by_label["contract spread"].tolist() == pytest.approx([500.0, 300.0, 497.0])
    (bars,) = [one for one in ax.collections if isinstance(one, LineCollection)]
    assert [segment[:, 0].tolist() for segment in bars.get_segments()] == [pytest.approx([100.0, 300.0])] * 2
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert labels == ["loans on GPUs (2, USD 1.5 bn)", "notes (1, USD 20 m)", "all loans (3, USD 1.5 bn)"]
    assert [text.get_text() for text in ax.texts] == ["pays", "no loss seen", "open", "does it pay?"]


def test_too_few_paths_for_an_interval_are_told(run: Run) -> None:
    few = spreads(spread_table(np.nan, np.nan), run.figure_meta, 3)
    assert "losses on too few paths for an interval" in few.get_supxlabel()
    assert "one path: what happened on it" in spreads_of_run(run).get_supxlabel()
    assert "too few" not in spreads(spread_table(0.01, 0.03), run.figure_meta, 64).get_supxlabel()


def test_causes_by_month_add_up_to_the_defaults_of_borrowers_and_lenders() -> None:
    run = simulate("toy", paths=3)
    causes = causes_by_month(run)
    assert causes is not None
    monthly = run.monthly.groupby("month", sort=True)[["defaults_miner", "defaults_neocloud", "defaults_lender"]].sum()
    expected = monthly.sum(axis=1).to_numpy() / 3.0
    assert expected.any()
    found = np.sum([*causes.values()], axis=0)
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_causes_of_the_crash_add_up_month_by_month(run: Run) -> None:
    causes = causes_by_month(run)
    assert causes is not None
    failed = run.monthly[["defaults_miner", "defaults_neocloud", "defaults_lender"]].sum(axis=1).to_numpy()
    assert failed.sum() >= 4.0
    np.testing.assert_allclose(np.sum([*causes.values()], axis=0), failed, atol=1e-9)
    whole = run.systemic().channels
    assert {name: float(height.sum()) / failed.sum() for name, height in causes.items()} == pytest.approx(whole)
