"""Are the shipped tables what the sources say, whole, and refused in a sentence when they are not?"""

from __future__ import annotations

import csv
import math
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from nobid.model.parameters import Parameters
from nobid.runs.build_tables import START
from nobid.runs.errors import InputError
from nobid.runs.table_checks import check_firm, cover, fleet, measure
from nobid.runs.tables import ROWS, SHIPPED, Tables, columns, load_tables

# Debt at the end of 2025 (or the last date before it), USD million, as neoclouds.csv and miners.csv state it.
STATED_DEBT = {
    "CoreWeave": 21615.0,
    "Nebius": 4103.0,
    "Valor VCI": 3500.0,
    "MARA": 3648.1,
    "Riot": 794.4,
    "CleanSpark": 1822.5,
    "Core Scientific": 1010.0,
    "Cipher": 3183.0,
    "TeraWulf": 5285.2,
    "Hut 8": 317.6,
    "Galaxy Helios": 1400.0,
    "Applied Digital": 2800.0,
    "BitFuFu": 40.0,
}
# Annualised revenue as stated, for the firms whose income is mostly rent of machines.
STATED_REVENUE = {"CoreWeave": 6288.0, "Nebius": 1250.0, "Lambda": 456.0, "Fluidstack": 400.0, "WhiteFiber": 80.8}
ROUNDING = 0.01  # relative: sources round, and one small loan of Hut 8 is not itemised
REVENUE_TOLERANCE = 0.08


@pytest.fixture(scope="module")
def tables() -> Tables:
    return load_tables()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for table in ROWS:
        shutil.copy(SHIPPED / f"{table}.csv", tmp_path)
    return tmp_path


def edit(path: Path, change: Callable[[dict[str, str]], None], row: int) -> None:
    with path.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    change(rows[row])
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def drop_column(path: Path, column: str) -> None:
    with path.open(newline="", encoding="utf-8") as stream:
        rows = [{name: cell for name, cell in row.items() if name != column} for row in csv.DictReader(stream)]
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def test_the_shipped_tables_load_and_every_name_in_them_is_known(tables: Tables) -> None:
    assert len(tables.borrowers) >= 20
    assert len(tables.lenders) >= 14
    assert all(getattr(tables, table) for table in ROWS)


@pytest.mark.parametrize(("firm", "stated"), STATED_DEBT.items())
def test_the_loans_of_a_firm_add_up_to_its_stated_debt(tables: Tables, firm: str, stated: float) -> None:
    drawn = sum(row.drawn for row in tables.facilities if row.borrower == firm)
    assert drawn == pytest.approx(stated, rel=ROUNDING)


def test_the_anchor_has_the_undrawn_lines_that_it_states(tables: Tables) -> None:
    undrawn = sum(row.limit - row.drawn for row in tables.facilities if row.borrower == "CoreWeave")
    assert undrawn == pytest.approx(3700.0)


@pytest.mark.parametrize(("firm", "stated"), STATED_REVENUE.items())
def test_contracts_on_the_fleet_reproduce_stated_revenue(tables: Tables, firm: str, stated: float) -> None:
    row = next(row for row in tables.borrowers if row.name == firm)
    assert check_firm(tables, Parameters(), row).revenue == pytest.approx(stated, rel=REVENUE_TOLERANCE)


def test_the_anchor_earns_the_ebitda_of_its_last_quarter_on_no_more_than_its_active_power(tables: Tables) -> None:
    firm = check_firm(tables, Parameters(), next(row for row in tables.borrowers if row.name == "CoreWeave"))
    assert firm.ebitda == pytest.approx(4 * 898.0, rel=0.02)
    assert firm.power_mw <= 850.0


def test_the_system_owes_between_45_and_65_billion(tables: Tables) -> None:
    assert 45_000 <= sum(row.drawn for row in tables.facilities) <= 65_000


def test_no_loan_with_a_coverage_test_starts_in_breach(tables: Tables) -> None:
    for row in tables.facilities:
        ratio = cover(tables, Parameters(), row)
        assert not row.dscr_min or math.isnan(ratio) or ratio >= row.dscr_min, f"{row.name}: {ratio:.2f}"


def test_no_coin_loan_starts_at_its_margin_call(tables: Tables) -> None:
    parameters = Parameters()
    for row in tables.facilities:
        if row.kind == "btc_loan" and row.drawn:
            assert row.drawn * 1e6 / (row.coins * parameters.coin.price) < parameters.debt.btc.call, row.name


def test_every_row_says_where_it_comes_from_or_what_is_assumed(tables: Tables) -> None:
    for table in ROWS:
        for row in getattr(tables, table):
            assert row.source, row
            assert row.grade != "assumption" or row.assumed, row
            assert "http" in row.source or "secondary note" in row.source or row.grade == "assumption" or row.assumed, (
                row
            )


def test_what_is_marked_as_assumed_is_a_column_of_its_table(tables: Tables) -> None:
    for table, row_class in ROWS.items():
        for row in getattr(tables, table):
            assert set(row.assumed) <= set(columns(row_class)), row


def test_a_firm_grows_exactly_where_it_has_one_line_to_draw_on(tables: Tables) -> None:
    lines = [row.borrower for row in tables.facilities if row.expansion]
    assert sorted(lines) == sorted(row.name for row in tables.borrowers if row.growth_share > 0)
    for kind in ("miner", "neocloud"):
        assert sum(row.growth_share for row in tables.borrowers if row.kind == kind) == pytest.approx(1.0)


def test_a_warehouse_line_is_within_its_advance_on_the_receivers_secured_loans(tables: Tables) -> None:
    for line in tables.warehouses:
        secured = sum(row.drawn for row in tables.facilities if row.lender == line.receiver and row.secured)
        assert line.drawn <= line.advance * secured, line.name


def test_buyers_have_the_budget_and_the_free_racks_of_the_design(tables: Tables) -> None:
    assert sum(row.budget for row in tables.buyers) == pytest.approx(250.0)
    assert sum(row.free_air for row in tables.buyers) == pytest.approx(350_000.0)
    assert sum(row.free_liquid for row in tables.buyers) == pytest.approx(180_000.0)
    assert all(row.free_air <= row.racks_air and row.free_liquid <= row.racks_liquid for row in tables.buyers)
    assert all(row.cash > 0 and row.repo_lender for row in tables.buyers if row.kind == "broker")


def test_no_more_machines_are_pledged_or_held_than_were_launched_by_the_start(tables: Tables) -> None:
    launched = {row.name for row in tables.generations if row.launch <= START}
    for borrower in tables.borrowers:
        assert set(fleet(tables, borrower.name)) | set(borrower.pipeline) <= launched, borrower.name


def test_a_fleet_counts_pledged_machines_once(tables: Tables) -> None:
    units = fleet(tables, "Valor VCI")
    assert units == {"B200": pytest.approx(100_000.0)}
    assert measure(tables, units, "kw") == pytest.approx(200_000.0)


# ---- mistakes are told in one sentence


def test_a_missing_column_is_named_with_the_columns_found(copy: Path) -> None:
    drop_column(copy / "facilities.csv", "rate")
    with pytest.raises(
        InputError, match=r"^facilities\.csv: column rate is missing \(columns found: name, borrower, .*\)\.$"
    ):
        load_tables(copy)


def test_an_unknown_column_is_named_with_the_nearest_known_one(copy: Path) -> None:
    path = copy / "hosting.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("starts_in", "start_in", 1), encoding="utf-8")
    with pytest.raises(InputError, match=r"^hosting\.csv: column starts_in is missing"):
        load_tables(copy)


def test_an_empty_figure_asks_for_a_figure_or_an_assumption(copy: Path) -> None:
    edit(copy / "borrowers.csv", lambda row: row.update(cash=""), row=0)
    sentence = (
        r"^borrowers\.csv, row 2 \(CRWV\): cash is empty and has no assumption: "
        r"add a figure, or an assumption with a range\.$"
    )
    with pytest.raises(InputError, match=sentence):
        load_tables(copy)


def test_an_unknown_lender_is_named_with_the_nearest_known_one(copy: Path) -> None:
    edit(copy / "facilities.csv", lambda row: row.update(lender="Blackston"), row=0)
    sentence = r"^facilities\.csv, row 2 .*: lender 'Blackston' is not in lenders\.csv \(nearest: Blackstone\)\.$"
    with pytest.raises(InputError, match=sentence):
        load_tables(copy)


def test_an_unknown_generation_among_pledged_machines_is_named(copy: Path) -> None:
    edit(copy / "facilities.csv", lambda row: row.update(units="H10:5"), row=0)
    with pytest.raises(InputError, match=r"row 2 .*: units 'H10' is not in generations\.csv \(nearest: H100\)\.$"):
        load_tables(copy)


def test_a_value_out_of_bounds_is_told_with_row_and_column(copy: Path) -> None:
    edit(copy / "facilities.csv", lambda row: row.update(rate="9.25"), row=1)
    with pytest.raises(InputError, match=r"^facilities\.csv, row 3 .*: rate is '9\.25': .*less than or equal to 1"):
        load_tables(copy)


def test_a_text_where_a_number_must_stand_is_told(copy: Path) -> None:
    edit(copy / "borrowers.csv", lambda row: row.update(cash="much"), row=1)
    with pytest.raises(InputError, match=r"^borrowers\.csv, row 3 \(NBIS\): cash is 'much': "):
        load_tables(copy)


def test_a_name_may_not_stand_twice(copy: Path) -> None:
    edit(copy / "lenders.csv", lambda row: row.update(name="Blackstone"), row=1)
    with pytest.raises(InputError, match=r"^lenders\.csv, row 3: the name Blackstone stands twice\.$"):
        load_tables(copy)


def test_a_loan_may_not_pledge_another_firms_contract(copy: Path) -> None:
    edit(copy / "facilities.csv", lambda row: row.update(contracts="NBIS-MSFT"), row=0)
    with pytest.raises(InputError, match="contract NBIS-MSFT is Nebius's, not CoreWeave's"):
        load_tables(copy)


def test_a_loan_may_not_be_drawn_above_its_limit(copy: Path) -> None:
    edit(copy / "facilities.csv", lambda row: row.update(limit="1"), row=0)
    with pytest.raises(InputError, match=r"is above the limit 1 \(USD million\)\.$"):
        load_tables(copy)


def test_a_missing_table_is_named(copy: Path) -> None:
    (copy / "lenders.csv").unlink()
    with pytest.raises(InputError, match=r"^lenders\.csv: no such table in "):
        load_tables(copy)


def test_a_short_row_is_told(copy: Path) -> None:
    with (copy / "buyers.csv").open("a", encoding="utf-8") as stream:
        stream.write("Somebody,lab\n")
    with pytest.raises(InputError, match="it does not have as many cells as the header"):
        load_tables(copy)
