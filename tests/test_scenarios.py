"""Is a scenario what its file says, and is what it cannot be told in a sentence with file, line, key and remedy?"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydantic import BaseModel

from nobid.model.parameters import Parameters
from nobid.runs.errors import InputError
from nobid.runs.listing import described, settable
from nobid.runs.parameter_table import flatten, parameter_lines
from nobid.runs.row_units import ROW_UNITS
from nobid.runs.rows import TABLES
from nobid.runs.scenario_files import shipped_names
from nobid.runs.scenarios import Scenario, scenario

TRUE_DECAY = 0.30  # 1/year, the design's estimate of how fast a machine loses its earning power
SMALL = """
title = "Small"
[[generation]]
name = "H100"
launch = "2023-03"
list_price = 26000.0
h100e = 1.0
kw = 1.4
cooling = "air"
[[borrower]]
name = "Cloud"
ticker = "CLD"
kind = "neocloud"
cash = 5.0
[[lender]]
name = "Bank"
kind = "bank"
equity_ratio = 0.1
[[buyer]]
name = "Big"
kind = "cloud"
budget = 1.0
racks_air = 10.0
racks_liquid = 0.0
free_air = 5.0
free_liquid = 0.0
required_return = 0.1
move_in = 1000.0
[[facility]]
name = "Loan"
borrower = "CLD"
lender = "Bank"
kind = "abl"
limit = 10.0
drawn = 8.0
rate = 0.1
months = 24
amortisation = "level"
secured = true
units = { H100 = 100 }
"""


def written(folder: Path, text: str, name: str = "mine.toml") -> str:
    """The path of a scenario file with this text."""
    (folder / name).write_text(text, encoding="utf-8")
    return str(folder / name)


def refusal(name: str, **overrides: object) -> list[str]:
    """The sentences with which a scenario is refused."""
    with pytest.raises(InputError) as caught:
        scenario(name, **overrides)  # type: ignore[arg-type]
    return str(caught.value).splitlines()


@pytest.mark.parametrize("name", shipped_names())
def test_a_shipped_scenario_has_title_and_question_and_loads(name: str) -> None:
    world = scenario(name)
    assert world.title
    assert world.question.endswith("?")
    assert 0.0 <= world.assumed_share <= 1.0


@pytest.mark.parametrize("name", shipped_names())
def test_a_scenario_written_back_complete_loads_to_the_same_founding(name: str, tmp_path: Path) -> None:
    world = scenario(name)
    again = scenario(written(tmp_path, world.to_toml()))
    assert again.resolved == world.resolved or again.hash == world.hash  # nan in a path equals nothing
    assert again.hash == world.hash
    for table in Parameters.model_fields:
        assert getattr(again.parameters, table) == getattr(world.parameters, table)
    assert again.founding.borrowers == world.founding.borrowers
    assert again.founding.facilities == world.founding.facilities
    assert again.founding.lenders == world.founding.lenders
    assert again.founding.buyers == world.founding.buyers
    np.testing.assert_array_equal(again.founding.paths.rent, world.founding.paths.rent)


def test_the_issue_s_scenarios_are_shipped() -> None:
    named = {"baseline", "mispriced", "ten-thousand-h100", "crypto-winter", "rent-rebound", "toy"}
    assert named <= set(shipped_names())


def test_the_mispriced_world_is_the_essay_s() -> None:
    world = scenario("mispriced")
    assert world.parameters.debt.gpu_margin.on
    assert world.parameters.debt.gpu_margin.call_speed == 1.0
    assert world.parameters.lenders.mark == "market"
    assert all(row.belief_decay < 0.3 * TRUE_DECAY for row in world.founding.borrowers)


def test_the_holder_of_ten_thousand_h100_fails_in_month_six() -> None:
    world = scenario("ten-thousand-h100")
    held = sum(row.units.get("H100", 0.0) for row in world.founding.facilities if row.borrower == "Holder")
    assert held == 10_000
    assert [(shock.month, shock.fail) for shock in world.parameters.shock] == [("2026-06", ("Holder",))]


def test_a_child_changes_only_what_it_says() -> None:
    parent, child = scenario("baseline"), scenario("crypto-winter")
    changed = {key for key, value, _ in flatten(child.parameters) if dict(_values(parent)).get(key) != value}
    assert changed == {
        *("regime.start_in_stress", "regime.correlation_stress"),
        *(f"shock.0.{key}" for key in ("month", "demand", "coin", "funding", "fail")),
    }
    assert child.founding.borrowers == parent.founding.borrowers


def _values(world: Scenario) -> list[tuple[str, object]]:
    return [(key, value) for key, value, _ in flatten(world.parameters)]


def test_a_scenario_stands_on_its_own_rows(tmp_path: Path) -> None:
    world = scenario(written(tmp_path, SMALL))
    assert [row.name for row in world.founding.borrowers] == ["Cloud"]
    assert world.founding.facilities[0].borrower == "Cloud"  # given by its ticker
    assert world.assumed_share == 1.0  # no source: an assumption


def test_a_firm_is_overridden_in_a_few_lines(tmp_path: Path) -> None:
    text = '[firm.iren]\ncash = 123.0\n[firm.IREN.units]\nH100 = 77\n[lender."JPMorgan"]\nequity_ratio = 0.2\n'
    world = scenario(written(tmp_path, f'extends = "baseline"\n{text}'))
    before = next(row for row in scenario("baseline").founding.borrowers if row.ticker == "IREN")
    after = next(row for row in world.founding.borrowers if row.ticker == "IREN")
    assert after.cash == 123.0
    assert after.units == {**before.units, "H100": 77.0}
    assert {"cash", "units"} <= set(after.assumed)
    assert next(row for row in world.founding.lenders if row.name == "JPMorgan").equity_ratio == 0.2


def test_every_firm_is_changed_by_a_star() -> None:
    world = scenario("toy", set=['firm."*".belief_decay=0.05'])
    assert {row.belief_decay for row in world.founding.borrowers} == {0.05}


def test_a_removed_borrower_takes_its_loans_and_contracts_with_it() -> None:
    world = scenario("toy", set={"remove.borrowers": [scenario("toy").founding.facilities[0].borrower]})
    gone = scenario("toy").founding.facilities[0].borrower
    assert all(row.borrower != gone for row in (*world.founding.facilities, *world.founding.offtakes))
    assert any(gone in note for note in world.notes)


def test_an_override_counts_more_than_the_file() -> None:
    assert scenario("mispriced", set=["lenders.capital_multiple=0.5"]).parameters.lenders.capital_multiple == 0.5
    assert scenario("baseline", set={"coin": {"price": 90000}}).parameters.coin.price == 90000
    assert scenario("baseline", set=["repo.capacity=.5"]).parameters.repo.capacity == 0.5
    assert scenario("baseline", set=["lenders.mark=book", "months=3"]).parameters.lenders.mark == "book"


def test_the_hash_knows_what_changes_numbers_and_nothing_else(tmp_path: Path) -> None:
    base = scenario(written(tmp_path, SMALL))
    assert scenario(written(tmp_path, SMALL.replace("Small", "Another title"))).hash == base.hash
    assert scenario(written(tmp_path, SMALL.replace("[[lender]]", '[[lender]]\nsource = "press"'))).hash != ""
    assert scenario(written(tmp_path, SMALL), set=["coin.price=87499.99"]).hash != base.hash
    assert scenario(written(tmp_path, SMALL), set=["firm.Cloud.cash=6"]).hash != base.hash


def test_all_mistakes_are_told_at_once_with_file_and_line(tmp_path: Path) -> None:
    text = """extends = "baseline"
[lenders]
capital_multipel = 0.5
[debt.gpu_margin]
call_speed = 1.4
[lender]
capital_multipel = 0.5
[coin]
price = "dear"
[firm.IRN]
cash = 5
[[shock]]
month = "2027-13"
"""
    told = refusal(written(tmp_path, text))
    nearest = "did you mean lenders.capital_multiple? (nobid parameters lenders)"
    share = "share of the call due within the month, in share/month: must be a number between 0 and 1."
    price = "price at the start, in USD/BTC: must be a number of at least 1."
    assert f"mine.toml, line 3: unknown key lenders.capital_multipel: {nearest}" in told
    assert f"mine.toml, line 5: debt.gpu_margin.call_speed = 1.4: {share}" in told
    assert f"mine.toml, line 7: unknown key lender.capital_multipel: {nearest}" in told
    assert f'mine.toml, line 9: coin.price = "dear": {price}' in told
    assert 'mine.toml, line 10: there is no firm "IRN": did you mean IREN?' in told
    assert any(one.startswith("mine.toml, line 13: shock.0.month") and "YYYY-MM" in one for one in told)


def test_broken_toml_is_told_with_its_line(tmp_path: Path) -> None:
    [told] = refusal(written(tmp_path, 'title = "x"\n[coin\nprice = 3\n'))
    assert told.startswith("mine.toml, line 2: this is not TOML: ")


def test_an_unknown_scenario_names_the_nearest() -> None:
    assert refusal("mispricd") == ['unknown scenario "mispricd": did you mean mispriced? (nobid scenarios)']
    assert refusal("no-such.toml") == ["no-such.toml: no such file: give the path of a scenario's TOML file."]


def test_a_circle_of_extends_is_told(tmp_path: Path) -> None:
    written(tmp_path, 'extends = "b.toml"\n', "a.toml")
    written(tmp_path, 'extends = "a.toml"\n', "b.toml")
    [told] = refusal(str(tmp_path / "a.toml"))
    assert "extends itself in a circle: a.toml → b.toml → a.toml" in told


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('lender = "Bank"', 'lender = "Bnk"', 'facility.Loan.lender: there is no lender "Bnk": did you mean Bank?'),
        (
            "{ H100 = 100 }",
            "{ H200 = 100 }",
            'facility.Loan.units: there is no GPU generation "H200": did you mean H100?',
        ),
        ("drawn = 8.0", "drawn = 80.0", "facility.Loan.drawn = 80: must be at most its limit, 10 USD m."),
        ("free_air = 5.0", "free_air = 50.0", "buyer.Big.free_air = 50: must be at most its racks, 10 kW."),
        ('kind = "abl"', 'kind = "btc_loan"', "facility.Loan: a loan against coins needs coins, in BTC."),
        ("cash = 5.0", "cash = -5.0", "firm.Cloud.cash = -5.0: must be a number of at least 0, in USD m."),
        ("rate = 0.1", 'rate = "ten"', 'facility.Loan.rate = "ten": must be a number between 0 and 1, in 1/year.'),
    ],
)
def test_rows_that_contradict_each_other_are_told_with_their_line(
    tmp_path: Path, old: str, new: str, sentence: str
) -> None:
    text = SMALL.replace(old, new)
    where = "[[facility]]" if "needs coins" in sentence else new  # a key that is missing: the head of its row
    number = next(number for number, one in enumerate(text.splitlines(), 1) if where in one)
    assert f"mine.toml, line {number}: {sentence}" in refusal(written(tmp_path, text))


def test_a_coin_loan_in_breach_on_the_first_day_is_refused(tmp_path: Path) -> None:
    coins = 8e6 / 0.9 / 87_500.0
    text = SMALL.replace('kind = "abl"', f'kind = "btc_loan"\ncoins = {coins}')
    [told] = refusal(written(tmp_path, text))
    assert "facility.Loan: its loan-to-value is 0.90 at the start, not below debt.btc.liquidate = 0.85" in told
    assert scenario(written(tmp_path, text), set=["coin.price=120000"]).founding.facilities


def test_a_row_that_stands_twice_is_told(tmp_path: Path) -> None:
    again = '[[lender]]\nname = "Bank"\nkind = "bank"\nequity_ratio = 0.1\n'
    assert any('"Bank" stands twice in [[lender]].' in one for one in refusal(written(tmp_path, SMALL + again)))


def test_a_number_of_numpy_is_a_number() -> None:
    assert scenario("toy", set={"repo.capacity": np.float64(0.25)}).parameters.repo.capacity == 0.25


def test_a_world_without_borrowers_says_what_to_do(tmp_path: Path) -> None:
    told = refusal(written(tmp_path, "[coin]\nprice = 5.0\n"))
    assert any("no borrower" in one and 'extends = "baseline"' in one for one in told)


def test_shocks_before_the_start_or_on_strangers_are_refused_and_idle_ones_noted() -> None:
    told = refusal("toy", set=["shock=[{month='2025-05'},{month='2026-02',fail=['Nobody']}]"])
    assert "--set: shock of 2025-05 is before the start of the run, 2026-01." in told
    assert any('shock of 2026-02: there is no agent "Nobody" to fail' in one for one in told)
    world = scenario("toy", set=["shock=[{month='2099-05',coin=-0.5}]"])
    assert any("2099-05 is after the end of the run" in note and "does nothing" in note for note in world.notes)


def test_a_path_from_a_table_is_laid_on_the_months_of_the_run(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("month,rent,other\n2025-12,9\n2026-02,2.5,1\n2026-04-01,2.0,1\n", encoding="utf-8")
    world = scenario(written(tmp_path, SMALL + '[paths]\nrent = "p.csv"\nfunding = "p.csv:other"\ncoin = [1.5, 2]\n'))
    np.testing.assert_array_equal(world.founding.paths.rent, [np.nan, 2.5, np.nan, 2.0])
    np.testing.assert_array_equal(world.founding.paths.coin, [1.5, 2.0])
    np.testing.assert_array_equal(world.founding.paths.funding, [np.nan, 1.0, np.nan, 1.0])
    assert world.founding.paths.demand.size == 0


@pytest.mark.parametrize(
    ("table", "setting", "sentence"),
    [
        ("month,rents\n2026-02,2.5\n", "p.csv:rent", "p.csv: the column rent is missing: did you mean rents?"),
        ("when,rent\n2026-02,2.5\n", "p.csv", "p.csv: the column month is missing"),
        ("month,rent\n2026-02,dear\n", "p.csv", 'p.csv, row 2: rent = "dear": must be a number, in USD/H100e-h.'),
        ("month,rent\n2026-02,-1\n", "p.csv", "must be a number above 0, in USD/H100e-h."),
        ("month,rent\nFeb 2026,2\n", "p.csv", 'p.csv, row 2: month = "Feb 2026": must be written as YYYY-MM.'),
        ("month,rent\n2026-02,2\n2026-02,3\n", "p.csv", "p.csv, row 3: the month 2026-02 stands twice."),
        ("month,rent\n1999-02,2\n", "p.csv", "p.csv: no month of it falls into the run, 2026-01 … 2030-12."),
        ("month,rent\n2026-02,2\n", "q.csv", "q.csv: no such file beside the scenario or in the package."),
    ],
)
def test_a_bad_table_of_a_path_is_told(tmp_path: Path, table: str, setting: str, sentence: str) -> None:
    (tmp_path / "p.csv").write_text(table, encoding="utf-8")
    [told] = refusal(written(tmp_path, SMALL + f'[paths]\nrent = "{setting}"\n'))
    assert told.startswith("mine.toml, line ")
    assert sentence in told


def test_every_parameter_has_unit_bounds_source_and_meaning() -> None:
    for one in parameter_lines(Parameters()):
        assert one.meaning, one.key
        assert one.source, one.key
        assert one.bounds or one.unit in ("YYYY-MM", "list"), one.key


def test_every_number_of_a_row_has_a_unit() -> None:
    for table, row in TABLES.items():
        numeric = [name for name, field in row.model_fields.items() if field.annotation in (int, float)]
        assert set(numeric) <= set(ROW_UNITS[table]), table
        assert set(ROW_UNITS[table]) <= set(row.model_fields), table


def test_what_a_scenario_sets_itself_is_shown_as_its_assumption() -> None:
    lines = {one["key"]: one for one in settable("mispriced", "")}
    assert lines["lenders.capital_multiple"]["source"].startswith("assumption of the scenario (default 1.0")
    assert lines["hardware.retire_months"]["source"] == "project design table (2026-11), range stated there"
    assert lines["firm.NAME.cash"]["unit"] == "USD m"
    assert [one["name"] for one in described()] == shipped_names()


def test_a_scenario_is_frozen() -> None:
    world = scenario("toy")
    with pytest.raises(AttributeError):
        world.name = "other"  # type: ignore[misc]
    assert isinstance(world.parameters, BaseModel)
