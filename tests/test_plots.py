"""Do the charts of the monthly table show what the table holds, with units, and can they be read?"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.patches import Rectangle
from matplotlib.transforms import Bbox

from nobid.runs.charts.by_month import ByMonth, so_far
from nobid.runs.charts.coverage import LTV_TOP, cover, ltv_three_ways
from nobid.runs.charts.defaults import defaults_by_month
from nobid.runs.charts.fan import fan
from nobid.runs.charts.prices import machines_for_sale, rents_and_prices
from nobid.runs.charts.style import FigureMeta, saved
from nobid.runs.charts.which import worst_month
from nobid.runs.streams import BANDS, Finished

GENERATIONS = {"H100": 26e3, "H200": 31e3, "B200": 42e3, "B300": 52e3, "Rubin": 78e3}
LAUNCHES = {"H100": "2023-01", "Rubin": "2026-10", "Rubin Ultra": "2026-11", "Next": "2035-01"}
KINDS = ("miner", "neocloud", "lender", "buyer")
UNITS = ("USD per H100e-hour", "USD thousand per unit", "number", "USD million", "ratio", "thousand machines",
         "share of debt", "USD billion")  # fmt: skip


FIGURES: dict[str, Callable[[ByMonth, FigureMeta], Figure]] = {
    "fan": fan, "rents_and_prices": rents_and_prices, "defaults_by_month": defaults_by_month,
    "ltv_three_ways": ltv_three_ways, "machines_for_sale": machines_for_sale, "cover": cover,
}  # fmt: skip


def one_path(path: int, months: int, *, calm: bool) -> pd.DataFrame:
    rng = np.random.default_rng(path)
    time = np.arange(months)
    names = pd.period_range("2026-01", periods=months, freq="M").strftime("%Y-%m")
    rent = 2.1 * np.exp(-0.02 * time + 0.05 * rng.normal(size=months).cumsum())
    storm = np.zeros(months) if calm else (time % 7 == 3).astype(float)
    table: dict[str, object] = {"path": path, "month": names, "rent": rent}
    table |= {f"defaults_{kind}": storm * (i + 1) for i, kind in enumerate(KINDS)}
    table |= {"debt_defaulted": storm * 900.0, "lender_losses": storm * 400.0}
    for name, price in GENERATIONS.items():
        value = price * rent / 2.1
        trade = np.where(storm > 0, 0.6 * value, np.nan)
        table |= {f"value_{name}": value, f"list_{name}": np.full(months, price), f"price_{name}": trade,
                  f"sold_{name}": storm * 400.0,
                  f"mark_{name}": np.fmin(value, trade), f"book_{name}": price * (1 - time / 72)}  # fmt: skip
    table |= {"offered": storm * 5000, "sold": storm * 2000, "unsold": storm * 3000}
    table |= {"ltv_book": np.full(months, 0.6), "ltv_mark": 1.3 / rent, "ltv_liquidation": 2.6 / rent}
    table |= {"dscr_corporate": rent / 2, "dscr_facility": rent / 1.5, "dscr_facility_p10": rent / 3 - 0.5}
    table |= {"share_debt_dscr_below_1": np.clip(1.2 - rent / 2, 0, 1)}
    return pd.DataFrame(table)


def spread_over(monthly: pd.DataFrame) -> ByMonth:
    """The table as the figures read it, in two parts."""
    table = pa.Table.from_pandas(monthly, preserve_index=False)
    half = len(table) // 2
    paths, months = np.unique(monthly["path"]), tuple(sorted(set(monthly["month"])))
    return ByMonth(
        lambda columns: iter([table.select(list(columns))[:half], table.select(list(columns))[half:]]),
        tuple(table.schema.names), months, Finished(paths.astype(np.int64), 0),
    )  # fmt: skip


class Run:
    """What a run offers to the figures, without a run."""

    def __init__(self, paths: int = 1, months: int = 60, *, calm: bool = False) -> None:
        self.monthly = pd.concat([one_path(k, months, calm=calm) for k in range(paths)], ignore_index=True)
        self.by_month = spread_over(self.monthly)
        numbers = tuple(range(paths))
        self.figure_meta = FigureMeta("toy", "A hand-sized world", 7, numbers, 0.62, LAUNCHES, "grade A", "a lender's")


def panels(figure: Figure) -> list[Axes]:
    return [ax for ax in figure.axes if ax.axison]


def words(figure: Figure) -> str:
    return " ".join(text.get_text() for ax in figure.axes for text in ax.texts)


def bars(ax: Axes) -> list[Rectangle]:
    return [patch for patch in ax.patches if isinstance(patch, Rectangle)]


def collide(boxes: list[Bbox]) -> bool:
    return any(Bbox.intersection(a, b) is not None for a, b in combinations(boxes, 2))


@pytest.fixture(scope="module", params=[(1, 60), (8, 60), (1, 3)], ids=["one path", "several paths", "three months"])
def run(request: pytest.FixtureRequest) -> Run:
    return Run(*request.param)


@pytest.fixture(scope="module")
def figures(run: Run) -> dict[str, Figure]:
    drawn = {name: draw(run.by_month, run.figure_meta) for name, draw in FIGURES.items()}
    for figure in drawn.values():
        figure.draw_without_rendering()
    return drawn


@pytest.mark.parametrize("name", FIGURES)
def test_the_foot_of_every_figure_names_scenario_seed_paths_sources_and_assumptions(
    name: str, run: Run, figures: dict[str, Figure]
) -> None:
    foot = figures[name].get_supxlabel()
    count = len(run.figure_meta.paths)
    for told in ("toy", "seed 7 ·", "path 0" if count == 1 else f"{count} paths (0–{count - 1})",
                 "Sources: grade A", "share of debt on assumed terms 0.62, a lender's"):  # fmt: skip
        assert told in foot


@pytest.mark.parametrize("name", FIGURES)
def test_every_panel_has_a_unit_on_its_axis(name: str, figures: dict[str, Figure]) -> None:
    shown = panels(figures[name])
    labels = [ax.get_ylabel() for ax in shown if ax.get_subplotspec().is_first_col()]  # type: ignore[union-attr]
    assert labels
    assert all(any(unit in label for unit in UNITS) for label in labels), labels


@pytest.mark.parametrize("name", FIGURES)
def test_title_panels_legends_and_foot_do_not_overlap(name: str, figures: dict[str, Figure]) -> None:
    figure = figures[name]
    parts = [figure._suptitle, figure._supxlabel, *figure.axes]  # type: ignore[attr-defined]
    boxes = [part.get_tightbbox() for part in parts]
    assert not collide([box.padded(-1.0) for box in boxes if box is not None])
    whole = Bbox.from_bounds(-1, -1, figure.bbox.width + 2, figure.bbox.height + 2)
    assert all(whole.containsx(box.x0) and whole.containsx(box.x1) for box in boxes if box is not None)


@pytest.mark.parametrize("name", FIGURES)
def test_labels_on_the_time_axis_are_few_and_apart(name: str, run: Run, figures: dict[str, Figure]) -> None:
    for ax in panels(figures[name]):
        low, high = sorted(ax.get_xlim())
        ticks = [t for t in ax.xaxis.get_major_ticks() if low <= t.get_loc() <= high and t.label1.get_visible()]
        labels = [tick.label1 for tick in ticks if tick.label1.get_text()]
        assert len(labels) <= 6
        assert not collide([label.get_window_extent() for label in labels])
        assert all(len(label.get_text()) == (4 if run.monthly["month"].nunique() == 60 else 7) for label in labels)


@pytest.mark.parametrize("name", FIGURES)
def test_lines_of_a_panel_differ_in_stroke_and_not_only_in_colour(name: str) -> None:
    for ax in FIGURES[name](Run().by_month, Run().figure_meta).axes:
        lines = [line for line in ax.lines if not str(line.get_label()).startswith("_") and line.get_linewidth() > 0]
        strokes = [str(line._unscaled_dash_pattern) for line in lines]  # type: ignore[attr-defined]
        assert len(set(strokes)) == len(strokes)


def test_the_rent_figure_has_a_panel_for_rent_and_one_for_each_of_four_generations() -> None:
    rent, *machines = panels(rents_and_prices(Run().by_month, Run().figure_meta))
    assert [ax.get_title(loc="left") for ax in (rent, *machines)] == ["Rent of compute", "H100", "H200", "B200", "B300"]
    assert all(len([line for line in ax.lines if not str(line.get_label()).startswith("_")]) == 4 for ax in machines)


def test_the_rent_figure_keys_mark_value_list_book_and_price_once() -> None:
    figure = rents_and_prices(Run().by_month, Run().figure_meta)
    legends = [ax.get_legend() for ax in figure.axes if ax.get_legend() is not None]
    assert [[text.get_text() for text in legend.get_texts()] for legend in legends if legend] == [
        ["list price", "book value", "value V", "mark", "clearing price"]
    ]


def test_marks_are_drawn_in_thousands_and_prices_only_where_machines_were_sold() -> None:
    run = Run()
    ax = panels(rents_and_prices(run.by_month, run.figure_meta))[1]
    mark = next(line for line in ax.lines if line.get_label() == "mark")
    np.testing.assert_allclose(np.asarray(mark.get_ydata(), dtype=float), run.monthly["mark_H100"] / 1000)
    dots = next(c for c in ax.collections if isinstance(c, PathCollection))
    np.testing.assert_allclose(np.asarray(dots.get_offsets())[:, 1], run.monthly["price_H100"].dropna() / 1000)


def test_launches_inside_the_run_are_marked_named_and_apart() -> None:
    figure = rents_and_prices(Run().by_month, Run().figure_meta)
    figure.draw_without_rendering()
    texts = panels(figure)[0].texts
    assert [text.get_text() for text in texts] == ["Rubin", "Rubin Ultra"]
    assert not collide([text.get_window_extent() for text in texts])


def test_several_paths_are_drawn_as_median_and_two_bands() -> None:
    run = Run(8)
    rent = panels(rents_and_prices(run.by_month, run.figure_meta))[0]
    assert len([c for c in rent.collections if isinstance(c, PolyCollection)]) == 2
    median = run.monthly.groupby("month")["rent"].median().to_numpy()
    np.testing.assert_allclose(np.asarray(rent.lines[0].get_ydata(), dtype=float), median)


def test_one_path_is_drawn_without_bands() -> None:
    rent = panels(rents_and_prices(Run().by_month, Run().figure_meta))[0]
    assert not [c for c in rent.collections if isinstance(c, PolyCollection)]


def test_bands_are_quantiles_over_the_paths_that_have_a_number() -> None:
    monthly = pd.DataFrame({"path": range(5), "month": "2026-01", "rent": [1.0, 2.0, 3.0, 4.0, np.nan]})
    rent = spread_over(monthly).spread("rent")["rent"]
    assert rent.quantiles[:, 0].tolist() == pytest.approx([1.15, 1.75, 2.5, 3.25, 3.85])
    assert (rent.mean[0], rent.share[0]) == (2.5, 0.8)


def test_figures_read_in_small_batches_are_those_read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(8)
    asked = {"debt": so_far("debt_defaulted"), "both": so_far("defaults_miner", "defaults_lender")}
    at_once = run.by_month.spreads(asked) | run.by_month.spread("rent", "price_H100")
    monkeypatch.setattr("nobid.runs.charts.by_month.CELLS", 8 * 60)
    assert len(list(run.by_month._batches(asked))) == 2
    for name, one in (run.by_month.spreads(asked) | run.by_month.spread("rent", "price_H100")).items():
        np.testing.assert_array_equal(one.quantiles, at_once[name].quantiles)
    by_path = run.monthly.groupby("path")["debt_defaulted"].sum()
    assert at_once["debt"].quantiles[:, -1].tolist() == pytest.approx(by_path.quantile(list(BANDS)).tolist())


def test_the_fan_counts_what_has_failed_so_far_and_on_how_many_paths() -> None:
    run = Run(4)
    monthly = run.monthly.copy()
    monthly.loc[monthly["path"] > 0, [f"defaults_{kind}" for kind in KINDS]] = 0.0
    borrowers, _, _, share = panels(fan(spread_over(monthly), run.figure_meta))
    top = max(path.vertices[:, 1].max() for c in borrowers.collections for path in c.get_paths())
    assert top == pytest.approx(np.quantile([27.0, 0.0, 0.0, 0.0], 0.95))  # nine storms of one miner, two neo-clouds
    assert [float(np.asarray(line.get_ydata())[-1]) for line in share.lines] == [0.25, 0.25, 0.25]
    assert [float(np.asarray(line.get_ydata())[3]) for line in share.lines] == [0.25, 0.25, 0.0]  # six by April


@pytest.mark.parametrize("paths", [1, 4])
def test_default_bars_stack_to_the_mean_number_per_path(paths: int) -> None:
    run = Run(paths)
    monthly = run.monthly.copy()
    monthly.loc[monthly["path"] > 0, [f"defaults_{kind}" for kind in KINDS]] = 0.0
    above = panels(defaults_by_month(spread_over(monthly), run.figure_meta))[0]
    assert len(bars(above)) == 9 * len(KINDS)
    assert sum(bar.get_height() for bar in bars(above)) == pytest.approx(9 * (1 + 2 + 3 + 4) / paths)
    assert len({bar.get_hatch() for bar in bars(above)}) == len(KINDS)
    assert max(bar.get_y() + bar.get_height() for bar in bars(above)) == pytest.approx((1 + 2 + 3 + 4) / paths)


def test_the_legend_of_defaults_counts_each_kind_over_the_run() -> None:
    legend = panels(defaults_by_month(Run().by_month, Run().figure_meta))[0].get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["miners (9)", "neo-clouds (18)", "lenders (27)",
                                                                "buyers (36)"]  # fmt: skip


def test_causes_stack_to_the_defaults_the_passed_on_ones_hatched_and_above() -> None:
    months = np.arange(60)
    causes = {"loss": np.where(months == 4, 1.5, 0.0), "rents": np.where(months == 4, 0.5, 0.0),
              "coin sale": np.where(months == 9, 0.01, 0.0), "fire sale": np.where(months == 9, 0.99, 0.0)}  # fmt: skip
    why = panels(defaults_by_month(Run().by_month, Run().figure_meta, causes))[1]
    legend = why.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == [
        "rents (0.5)", "losses on the failed (1.5)", "fire sales (0.99)", "other (0.01)"
    ]  # fmt: skip
    tops = {bar.get_y() + bar.get_height() for bar in bars(why) if bar.get_height() > 0.0}
    assert tops == {0.5, 2.0, 0.99, 1.0}
    assert [bool(bar.get_hatch()) for bar in bars(why)] == [False, True, True, False]


def test_a_run_without_causes_and_one_without_defaults_say_so() -> None:
    run = Run(calm=True)
    assert "causes were not kept in this run" in words(defaults_by_month(run.by_month, run.figure_meta))
    assert "no borrower or lender failed" in words(defaults_by_month(run.by_month, run.figure_meta, {}))


def test_debt_defaulted_stands_on_its_own_panel() -> None:
    *_, below = panels(defaults_by_month(Run().by_month, Run().figure_meta))
    assert np.nanmax(np.asarray(below.lines[0].get_ydata(), dtype=float)) == 900.0


def test_a_run_in_which_nothing_happens_says_so() -> None:
    run = Run(calm=True)
    assert "no default in this run" in words(defaults_by_month(run.by_month, run.figure_meta))
    sale = words(machines_for_sale(run.by_month, run.figure_meta))
    assert "no machines offered in this run" in sale
    assert "no sales in this run" in sale
    h100 = panels(rents_and_prices(run.by_month, run.figure_meta))[1]
    assert h100.get_title(loc="left") == "H100: no sales in this run"


def test_loan_to_value_has_three_lines_and_a_line_at_one() -> None:
    (ax,) = panels(ltv_three_ways(Run().by_month, Run().figure_meta))
    assert [line.get_label() for line in ax.lines[:3]] == ["at book", "at mark", "at liquidation"]
    assert np.asarray(ax.lines[3].get_ydata(), dtype=float).tolist() == [1.0, 1.0]


def test_loan_to_value_of_several_paths_has_a_panel_each() -> None:
    shown = panels(ltv_three_ways(Run(8).by_month, Run(8).figure_meta))
    assert [ax.get_title(loc="left") for ax in shown] == ["At book", "At mark", "At liquidation"]
    assert len({ax.get_ylim() for ax in shown}) == 1


def test_a_ratio_without_bound_lies_outside_the_axis_and_the_foot_says_so() -> None:
    run = Run()
    monthly = run.monthly.copy()
    monthly.loc[5, "ltv_liquidation"] = np.inf
    figure = ltv_three_ways(spread_over(monthly), run.figure_meta)
    assert panels(figure)[0].get_ylim()[1] <= LTV_TOP
    assert "drawn between 0.1 and 1,000" in figure.get_supxlabel()


def test_a_negative_cover_is_on_the_axis() -> None:
    run = Run()
    monthly = run.monthly.assign(dscr_corporate=-0.5)
    assert panels(cover(spread_over(monthly), run.figure_meta))[0].get_ylim()[0] < -0.5


def test_what_was_paid_is_taken_against_the_marks_of_the_month_before_and_weighted_by_machines() -> None:
    run = Run(months=6)
    monthly = run.monthly.copy()
    for place, name in enumerate(GENERATIONS):
        monthly[f"sold_{name}"] = 100.0 * (place + 1) * (monthly["sold"] > 0.0)
    monthly["price_H100"] *= 0.5  # else every generation has the same ratio, whatever its weight
    _, below = panels(machines_for_sale(spread_over(monthly), run.figure_meta))
    drawn = np.asarray(below.lines[0].get_ydata(), dtype=float)
    weights = np.array([100.0 * (place + 1) for place in range(len(GENERATIONS))])
    paid = weights @ monthly[[f"price_{name}" for name in GENERATIONS]].iloc[3]
    marks = weights @ monthly[[f"mark_{name}" for name in GENERATIONS]].iloc[2]
    assert drawn[3] == pytest.approx(paid / marks)
    assert np.isnan(np.delete(drawn, 3)).all()


def test_a_sale_in_the_first_month_only_is_told_as_such() -> None:
    run = Run(months=6)
    monthly = run.monthly.copy()
    for name in GENERATIONS:
        monthly[f"price_{name}"], monthly[f"sold_{name}"] = [100.0] + [np.nan] * 5, [5.0] + [0.0] * 5
    monthly["sold"] = [20.0] + [0.0] * 5
    assert "no sales after the first month" in words(machines_for_sale(spread_over(monthly), run.figure_meta))


def test_sold_machines_stand_before_the_unsold_ones_and_are_not_added_to_them() -> None:
    above, _ = panels(machines_for_sale(Run().by_month, Run().figure_meta))
    unsold, sold = bars(above)[:9], bars(above)[9:]
    assert {round(bar.get_height(), 9) for bar in unsold} == {3.0}
    assert {round(bar.get_height(), 9) for bar in sold} == {2.0}
    assert {bar.get_y() for bar in (*unsold, *sold)} == {0.0}
    assert max(bar.get_width() for bar in sold) < min(bar.get_width() for bar in unsold)


def test_the_worst_month_is_the_one_with_most_debt_defaulted() -> None:
    months = ("2026-01", "2026-02", "2026-03")
    assert worst_month(months, np.array([0.0, 9.0, 9.0])) == "2026-02"
    assert worst_month(months, np.zeros(3)) is None


def test_all_figures_are_saved_at_150_dots_an_inch(tmp_path: Path) -> None:
    run = Run()
    written = saved({"cover": lambda: cover(run.by_month, run.figure_meta)}, tmp_path / "figures")
    assert written == [tmp_path / "figures" / "cover.png"]
    assert imread(written[0]).shape[:2] == (960, 1500)


def test_a_figure_that_cannot_be_drawn_stops_the_saving(tmp_path: Path) -> None:
    def broken() -> Figure:
        raise LookupError("no graph of start was kept")

    with pytest.raises(LookupError, match="no graph of start was kept"):
        saved({"broken": broken}, tmp_path)
    assert not [*tmp_path.iterdir()]


def test_drawing_leaves_the_settings_of_matplotlib_alone() -> None:
    before = dict(mpl.rcParams)
    cover(Run().by_month, Run().figure_meta)
    assert dict(mpl.rcParams) == before


def test_the_figures_need_no_pyplot() -> None:
    code = "import sys, nobid.runs.charts.registry; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
