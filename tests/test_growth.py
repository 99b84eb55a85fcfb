"""Is the grown debt that of the books, and does the comparison with what was measured leave anything out?"""

from __future__ import annotations

import csv
import functools
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from nobid.runs.charts.boom import debt_by_kind
from nobid.runs.errors import InputError
from nobid.runs.growth import CLASSES, KINDS, Grown, grow, year_sum
from nobid.runs.growth_gap import CLASS_WORDS, KIND_WORDS, comparison
from nobid.runs.growth_sources import FOLDER, debt_growth, miner_leverage, sourced_growth
from nobid.runs.simulation import simulate
from nobid.runs.tables import SHIPPED
from tests.documents import DOCS, builder

SOURCE = Path(__file__).resolve().parents[2] / "shared" / "data"
PATHS = 3


@functools.cache
def boom() -> Grown:
    """The boom on three paths."""
    return grow(paths=PATHS)


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


# ---- the grown system


def test_debt_by_class_and_kind_adds_up_to_the_debt_of_the_monthly_table() -> None:
    run = simulate("spin-up", paths=PATHS)
    grid = run.monthly.pivot_table(index="month", columns="path", values="debt_total").to_numpy()
    assert boom().of() == pytest.approx(grid, rel=1e-12)
    lent = run.monthly.pivot_table(index="month", columns="path", values="credit_extended").to_numpy()
    assert boom().lent == pytest.approx(lent)


def test_the_boom_ends_with_the_machines_that_it_paid_for() -> None:
    compute = {"A100": 0.57, "H100": 1.0, "H200": 1.18, "B200": 2.05, "B300": 2.45}
    total = sum(boom().units[name] * each for name, each in compute.items())
    assert boom().figures["compute"][-1] == pytest.approx(total)


def test_a_month_outside_the_run_is_refused_with_what_there_is() -> None:
    with pytest.raises(InputError, match="2026-01: must be a month of the run, 2023-01 … 2025-12"):
        boom().at("2026-01")


def test_paths_come_out_the_same_in_blocks() -> None:
    from nobid.runs import growth

    before = growth.PATHS_PER_BLOCK
    try:
        growth.PATHS_PER_BLOCK = 2
        again = grow(paths=PATHS)
    finally:
        growth.PATHS_PER_BLOCK = before
    assert np.array_equal(again.of(), boom().of())


# ---- what was measured


def test_no_debt_that_was_measured_is_left_out_of_the_comparison() -> None:
    found = comparison(boom()).set_index("what")
    kind = {row["name"]: row["kind"] for row in rows(SHIPPED / "borrowers.csv")}
    held = {(one, other): 0.0 for one in CLASSES for other in KINDS}
    for row in rows(SHIPPED / "facilities.csv"):
        held[kind[row["borrower"]], row["kind"]] += float(row["drawn"]) / 1e3
    for (one, other), amount in held.items():
        if amount:
            assert found.loc[f"{CLASS_WORDS[one]}: {KIND_WORDS[other]}", "measured"] == pytest.approx(amount)
    assert found.loc["all debt", "measured"] == pytest.approx(sum(held.values()))
    whole = [f"{CLASS_WORDS[one]}: all" for one in CLASSES]
    assert found.loc[whole, "model"].notna().all()


def test_a_ratio_is_the_model_over_the_measure_and_bands_are_of_paths() -> None:
    line = comparison(boom()).set_index("what").loc["all debt"]
    ends = boom().of()[-1] / 1e3
    assert line["model"] == pytest.approx(np.median(ends))
    assert line["ratio_low"] == pytest.approx(np.quantile(ends, 0.05) / line["measured"])
    assert line["ratio"] < 1.0


def test_growth_of_new_credit_is_the_later_year_over_the_earlier() -> None:
    lent = boom().lent
    assert year_sum(boom(), 2024) == pytest.approx(lent[12:24].sum(axis=0))
    found = comparison(boom())
    essay = found[found["what"].str.startswith("essay: debt")].iloc[0]
    assert essay["model"] == pytest.approx(np.median(lent[24:36].sum(axis=0) / lent[12:24].sum(axis=0)))
    assert essay["measured"] == pytest.approx(25.0 / 11.8)


def test_debt_growth_of_a_run_is_that_of_its_months() -> None:
    run = simulate("spin-up", paths=2)
    table = run.monthly[run.monthly["path"] == 1].set_index("month")
    found = debt_growth(run)
    debt, lent = table["debt_total"], table["credit_extended"]
    assert found.loc[1, "stock"] == pytest.approx(debt["2025-12"] / debt["2024-12"] - 1.0)
    assert found.loc[1, "flow"] == pytest.approx(
        lent["2025-01":"2025-12"].sum() / lent["2024-01":"2024-12"].sum() - 1.0
    )
    with pytest.raises(InputError, match="the run has 2026-01 … 2026-03, not 2024-01"):
        debt_growth(simulate("baseline", months=3))


# ---- the sources


def test_published_growth_says_what_it_counts_and_what_it_is_worth() -> None:
    found = sourced_growth().set_index("definition")
    assert found.loc["essay", "growth"] == pytest.approx(1.12, abs=0.002)
    assert found.loc["essay", "grade"] == "C"
    assert found.loc["UBS", "growth"] == pytest.approx(125 / 15 - 1)
    assert found[["what", "basis", "source"]].notna().all(axis=None)


@pytest.mark.skipif(not (SOURCE / "README.md").is_file(), reason="../shared/data is not beside this repository")
def test_published_growth_equals_the_rows_of_the_source_folder() -> None:
    found = sourced_growth().set_index("definition")
    core = {row["as_of"]: row for row in rows(SOURCE / "neoclouds" / "neoclouds.csv") if row["firm"] == "CoreWeave"}
    ends = [float(core[date]["debt_principal_usd_m"]) / 1e3 for date in ("2024-12-31", "2025-12-31")]
    assert list(found.loc["CoreWeave", ["value_from", "value_to"]]) == pytest.approx(ends)
    sector = {row["date"]: float(row["value"]) for row in rows(SOURCE / "miners" / "sector_aggregates.csv")
              if row["metric"] == "total_miner_debt_vaneck"}  # fmt: skip
    assert list(found.loc["VanEck", ["value_from", "value_to"]]) == [sector["2024-10"], sector["2025-10-15"]]


def test_leverage_of_a_miner_is_net_debt_over_equity_of_its_date() -> None:
    found = miner_leverage().set_index(["ticker", "date"])
    assert found.loc[("MARA", "2021-12-31"), "net_debt_to_equity"] == pytest.approx((747.5 - 268.5) / 682.6)
    assert found.loc[("RIOT", "2025-09-30"), "net_debt"] == pytest.approx(794.4 - 330.7)
    assert found.loc[("CORZ", "2022-09-30"), "debt_to_equity"] == 26.7
    assert bool(found.loc[("CORZ", "2025-09-30"), "partial"])
    assert np.isnan(found.loc[("WULF", "2025-12-31"), "net_debt"])
    assert (FOLDER / "miner_leverage.csv").is_file()
    assert max(date for _, date in found.index) <= "2025-12-31"


# ---- the page


def test_the_page_is_what_the_numbers_say() -> None:
    assert (DOCS / "spin-up.md").read_text(encoding="utf-8") == builder("build_spin_up").rendered()


def test_the_numbers_of_the_page_are_those_of_the_engine() -> None:
    page = builder("build_spin_up")
    stored = pd.read_csv(page.LINES).set_index("what")
    now = comparison(grow(paths=page.PATHS, seed=page.SEED)).set_index("what")
    assert list(stored.index) == list(now.index)
    for name in ("measured", "model", "low", "high", "ratio"):
        assert stored[name].to_numpy() == pytest.approx(now[name].to_numpy(), rel=2e-3, abs=1e-9, nan_ok=True)


def test_every_variation_of_the_page_is_a_scenario_that_can_be_run() -> None:
    page = builder("build_spin_up")
    for change in page.VARIATIONS.values():
        grow(paths=1, set={**change, "months": 1})


def test_the_figure_shows_each_class_with_its_sourced_points() -> None:
    with mpl.rc_context():
        figure = debt_by_kind(boom(), {"miner": 25.3, "neocloud": 31.1})
    assert [ax.get_title(loc="left") or ax.get_title() for ax in figure.axes] == ["miners", "neo-clouds"]
    named = {text.get_text() for ax in figure.axes for text in ax.texts}
    assert {"VanEck 12.7", "CoreWeave 8.0", "tables 25.3", "tables 31.1"} <= named
    miners = {line.get_label(): line for line in figure.axes[0].get_lines()}
    assert miners["all"].get_ydata()[-1] == pytest.approx(np.median(boom().of(["miner"])[-1]) / 1e3)
    owed = np.median(boom().debt["miner", "convertible"], axis=1) / 1e3
    assert list(miners["convertibles"].get_ydata()) == pytest.approx(list(owed))
