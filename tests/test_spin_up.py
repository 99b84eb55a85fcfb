"""Does the boom start on what was known at the end of 2022, do its rules lend by themselves, and does it go on?"""

from __future__ import annotations

import csv
import functools
from pathlib import Path

import numpy as np
import pytest

from nobid.model.founding import Founding
from nobid.model.invest import issues_convertibles
from nobid.model.rental import MeritOrder
from nobid.model.system import ComputeCreditModel
from nobid.runs.build_tables import Library, evaluate
from nobid.runs.errors import InputError
from nobid.runs.history_path import DEMAND
from nobid.runs.scenarios import scenario
from nobid.runs.tables import SHIPPED
from tests.worlds import borrower, changed, columns_of, facility, generation, lender, run, same_bits, world

SOURCE = Path(__file__).resolve().parents[2] / "shared" / "data"
needs_source = pytest.mark.skipif(
    not (SOURCE / "README.md").is_file(), reason="the source folder ../shared/data is not beside this repository"
)
MONTHS = 36


@functools.cache
def grown() -> ComputeCreditModel:
    """The boom on four paths."""
    return run(scenario("spin-up").founding, MONTHS, paths=range(4))


# ---- the start


def test_a_recipe_counts_months_from_its_own_start() -> None:
    assert evaluate("@2026-12", [], "2022-12") == 48.0
    assert evaluate("@2026-12", []) == 12.0


@needs_source
def test_what_is_dated_after_2022_cannot_start_the_boom() -> None:
    for citation in ("fac|CRWV_DDTL1", "miner|MARA@2025-09-30", "neo|CoreWeave@2024-12-31"):
        with pytest.raises(InputError, match="after the start it may only test the model"):
            Library(SOURCE, "2022-12").row(citation)
    assert Library(SOURCE, "2022-12").row("rig|MARA")["debt_convertible"] == "747.5"


def test_the_starting_sheets_are_those_of_the_sources() -> None:
    founding = scenario("spin-up").founding
    firms = {row.name: row for row in founding.borrowers}
    assert (firms["Riot"].cash, firms["Riot"].coins) == (230.0, 6974.0)
    assert firms["Hut 8"].coins == 9086.0
    drawn = {row.borrower: 0.0 for row in founding.facilities}
    for row in founding.facilities:
        drawn[row.borrower] += row.drawn
    assert drawn["MARA"] == pytest.approx(747.5 + 50.0)
    assert drawn["TeraWulf"] == 123.5 + 15.0 + 7.5
    assert all(drawn[name] == 0.0 for name in ("CoreWeave", "Nebius", "Lambda", "Crusoe", "Fluidstack", "IREN"))


def test_every_row_of_2022_says_where_it_comes_from_and_what_is_assumed() -> None:
    founding = scenario("spin-up").founding
    rows = [*founding.borrowers, *founding.facilities, *founding.offtakes, *founding.lenders, *founding.generations]
    assert all(row.source for row in rows)
    assert all(row.grade != "assumption" or row.assumed for row in rows)
    assert all("assets" in row.assumed for row in founding.lenders)


def test_history_is_fed_to_the_end_of_2025_and_no_further() -> None:
    model = ComputeCreditModel(scenario("grown").founding)
    fed = {name: getattr(model.founding.paths, name) for name in ("coin", "hashprice", "demand")}
    assert {name: len(path) for name, path in fed.items()} == dict.fromkeys(fed, MONTHS)
    assert not len(model.founding.paths.rent)
    assert not len(model.founding.paths.funding)
    model.month = MONTHS
    assert model.given("coin") is None


def test_demand_is_assumed_and_each_quotation_names_its_address() -> None:
    with (SHIPPED / "spin_up" / "history.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    quoted = {row["month"] for row in rows if row["basis"].startswith("quoted")}
    assert quoted == {row["month"] for row in rows if row["source"]}
    assert len(quoted) == 7
    last = (len(rows) - 1) / 12
    assert {name: np.log(float(rows[-1][name])) / last for name in DEMAND} == pytest.approx(DEMAND, abs=1e-4)


# ---- lenders that enter


def test_a_lender_that_has_lent_nothing_stands_with_its_assets_and_has_room() -> None:
    empty, ready = (world(borrower(), lender(other_share=0.5, assets=assets)) for assets in (0.0, 100.0))
    assert float(ComputeCreditModel(empty).lenders.room[0, 0]) == 0.0
    model = ComputeCreditModel(ready)
    assets = 0.5 * 100.0 / (1.0 - 0.03)  # other assets, and cash in its share
    assert float(model.lenders.assets[0, 0]) == pytest.approx(assets)
    assert float(model.lenders.room[0, 0]) == pytest.approx(assets / 0.75 - assets)


def test_loans_that_imply_more_than_the_assets_count() -> None:
    rows = (borrower(), facility(drawn=12.0))
    implied, least = (
        float(ComputeCreditModel(world(*rows, lender(other_share=0.5, assets=assets))).lenders.assets[0, 0])
        for assets in (0.0, 1.0)
    )
    assert implied == least


def test_without_lenders_that_stand_ready_only_one_that_lent_before_makes_a_first_loan() -> None:
    lenders = scenario("spin-up").founding.lenders
    nobody = scenario("spin-up", set={f"lender.{row.name}.assets": 0.0 for row in lenders})
    ready, not_ready = grown(), run(nobody.founding, 12, paths=(0,))
    lines = [place for place, row in enumerate(nobody.founding.facilities) if row.kind == "abl"]
    at = {nobody.founding.facilities[place].lender: not_ready.facilities.drawn[place, 0] for place in lines}
    assert {name for name, drawn in at.items() if drawn} == {"PC-small"}  # it holds loans of 2022
    assert all(ready.facilities.drawn[place].min() > 0.0 for place in lines)


# ---- first convertibles


def issuer(drawn: float, **keys: object) -> ComputeCreditModel:
    """A firm with 100 of cash and a line for convertibles of 10, `drawn` of it outstanding for 12 more months."""
    line = facility("Line", kind="convertible", secured=False, limit=10.0, drawn=drawn, months=12)
    return ComputeCreditModel(world(borrower(cash=100.0), line, lender(other_share=0.9, assets=1000.0), **keys))


def issue(model: ComputeCreditModel, amount: float) -> float:
    """What the firm gets when it offers convertibles of `amount`."""
    wanted = np.zeros_like(model.borrowers.cash)
    wanted[0] = amount
    return float(issues_convertibles(model, wanted)[0, 0])


def test_a_firm_with_a_line_and_nothing_outstanding_issues_its_first_convertible() -> None:
    model = issuer(0.0, invest__convert_months=66)
    assert issue(model, 4.0) == pytest.approx(4.0)
    assert float(model.facilities.drawn[0, 0]) == pytest.approx(4.0)
    assert float(model.facilities.months_left[0, 0]) == pytest.approx(66.0)
    assert float(model.borrowers.strike[0, 0]) == pytest.approx(1.35 * 100.0)


def test_without_a_tenor_of_their_own_only_those_with_some_outstanding_issue_and_on_its_terms() -> None:
    assert issue(issuer(0.0), 4.0) == 0.0
    model = issuer(6.0)
    strike = float(model.borrowers.strike[0, 0])
    assert issue(model, 4.0) == pytest.approx(4.0)
    assert float(model.facilities.months_left[0, 0]) == 12.0
    assert float(model.borrowers.strike[0, 0]) == strike


def test_new_convertibles_average_tenor_and_strike_with_the_old_by_amount() -> None:
    model = issuer(6.0, invest__convert_months=60)
    model.borrowers.strike = np.full_like(model.borrowers.strike, 50.0)
    issue(model, 4.0)
    value = 100.0 + 4.0 - 10.0  # cash with the proceeds, less all debt
    assert float(model.facilities.months_left[0, 0]) == pytest.approx(0.6 * 12.0 + 0.4 * 60.0)
    assert float(model.borrowers.strike[0, 0]) == pytest.approx(0.6 * 50.0 + 0.4 * 1.35 * value)


# ---- the boom


def test_the_books_of_the_boom_balance_on_every_path() -> None:
    assert grown().failures == []
    assert grown().month == MONTHS


def test_what_the_boom_is_made_of_acts() -> None:
    acted = {"capacity signed", "machines ordered", "machines arrived", "expansion drawn", "customer prepayment",
             "coins pledged for machines", "equity issued", "new convertible", "list price falls"}  # fmt: skip
    assert acted <= {name for name, count in grown().fired.items() if count}


def test_a_path_of_the_boom_alone_has_the_bits_it_has_among_others() -> None:
    alone = run(scenario("spin-up").founding, MONTHS, paths=(2,))
    assert (
        same_bits(alone.record.monthly, {key: values[:, [2]] for key, values in grown().record.monthly.items()}) == []
    )
    assert same_bits(columns_of(alone), columns_of(grown(), [2])) == []


def test_the_boom_agent_by_agent_has_the_same_bits() -> None:
    founding = scenario("spin-up").founding
    cohort, agent = (run(founding, 14, paths=(0, 1), execution=way) for way in ("cohort", "agent"))
    assert same_bits(cohort.record.monthly, agent.record.monthly) == []
    assert same_bits(columns_of(cohort), columns_of(agent)) == []


def test_the_grown_system_is_the_boom_and_goes_on() -> None:
    longer = run(scenario("grown").founding, MONTHS + 3, paths=range(2))
    boom = {key: values[:, :2] for key, values in grown().record.monthly.items()}
    assert same_bits({key: values[:MONTHS] for key, values in longer.record.monthly.items()}, boom) == []
    assert float(longer.world.coin[0]) != float(longer.world.coin[1])


@pytest.mark.parametrize(
    ("switch", "off", "kind"),
    [
        ("invest__on", False, "abl"),
        ("invest__advance", 0.0, "abl"),
        ("invest__coin_loans_on", False, "btc_loan"),
        ("invest__issuance", 0.0, "convertible"),
    ],
)
def test_a_mechanism_of_the_boom_that_is_off_grows_no_debt_of_its_kind(switch: str, off: object, kind: str) -> None:
    founding = scenario("spin-up").founding
    without = run(changed_by(founding, switch, off), MONTHS, paths=(0,))
    opened = sum(row.drawn for row in founding.facilities if row.kind == kind)
    with_it, left = (model.facilities.drawn[model.edges.kind == kind][:, 0].sum() for model in (grown(), without))
    assert left <= opened + 1e-6 < with_it


def changed_by(founding: Founding, switch: str, value: object) -> Founding:
    """The founding with one parameter changed."""
    return changed(founding, **{switch: value})


def test_a_machine_that_nobody_has_yet_would_run_at_a_rent_above_its_cost() -> None:
    cheap, dear = generation("Old", kw=1.0), generation("New", kw=20.0)
    model = ComputeCreditModel(world(borrower(units={"Old": 100}), cheap, dear, supply__outside_multiple=0.0))
    order = MeritOrder(model)
    supply = np.array([[100.0], [0.0], [0.0]])
    for cost_of_new in (order.middle[1] * 1.3, order.middle[1] * 0.5):
        demand = (
            100.0 * (cost_of_new / 2.1) ** 1.5
        )  # which makes just that rent, whatever the last bit of the sums says
        rent, runs = order.clear(supply, np.array([demand]), reference=2.1, elasticity=1.5)
        assert float(rent[0]) == pytest.approx(cost_of_new)
        assert float(runs[1, 0]) == (1.0 if cost_of_new > order.middle[1] else 0.0)
