"""At what price could the pledged machines be sold now, and what of the debt do they cover: on paper and in runs?"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nobid.model import collateral
from nobid.model.collateral import READINGS, Backing, DepthCurve, depth_curve, facility_backing
from nobid.model.founding import Founding
from nobid.model.loan_terms import loan_terms, schedule
from nobid.model.system import ComputeCreditModel
from nobid.runs.collateral import collateral_report, depth_table, ltv_table
from nobid.runs.errors import InputError
from nobid.runs.run import Order, Run
from nobid.runs.scenarios import scenario
from tests.worlds import borrower, buyer, columns_of, facility, generation, lender, run, same_bits, world

Array = np.ndarray[Any, Any]
ONE_TRANCHE = {"buyers__tranches": 1, "buyers__appetite": 1.0}


def one_loan(*rows: Any, racks: float = 1000.0, units: int = 1000) -> ComputeCreditModel:
    """Firm owes Bank 12 million against 1,000 machines of 1 kW; Buyer bids 10,000 USD and has 4 million."""
    loan = facility(drawn=12.0, units={"H100": units})
    m = ComputeCreditModel(world(borrower(), lender(), buyer(), loan, *rows, **ONE_TRANCHE))
    m.borrowers.book, m.market.mark, m.market.appraisal, m.market.value = 20_000.0, 16_000.0, 15_000.0, 12_000.0
    bids(m, limit=10_000.0, budget=4.0, racks=racks)
    return m


def bids(m: ComputeCreditModel, *, limit: Any, budget: Any, racks: Any) -> None:
    """Every buyer bids `limit` USD a unit, has `budget` USD million and `racks` kW of each cooling class."""
    m.buyers.limit, m.buyers.budget, m.buyers.free = limit, budget, racks


def two_generations(*, racks: Any, budget: float, old: int, new: int, cooling: str = "air") -> ComputeCreditModel:
    """Old machines for which Buyer bids 10,000 USD and new ones for which it bids 20,000, all pledged to one loan."""
    kinds = (generation("Old"), generation("New", launch="2025-06", cooling=cooling))
    loan = facility(units={"Old": old, "New": new})
    m = ComputeCreditModel(world(borrower(), buyer(), loan, *kinds, **ONE_TRANCHE))
    bids(m, limit=np.array([[[10_000.0], [20_000.0]]]), budget=budget, racks=racks)
    return m


def numbers(sale_part: Array, generation: int = 0) -> list[float]:
    """By share, on the first path."""
    return [float(one) for one in sale_part[:, generation, 0]]


# ---- the depth curve, on paper


def test_a_budget_of_four_million_buys_400_machines_at_the_limit_and_more_only_for_less() -> None:
    curve = depth_curve(one_loan(), (0.01, 0.4, 0.5, 1.0))
    assert numbers(curve.alone.price) == pytest.approx([10_000.0, 10_000.0, 8_000.0, 4_000.0])
    assert numbers(curve.alone.sold) == pytest.approx([10.0, 400.0, 500.0, 1000.0])
    assert numbers(curve.alone.per_unit) == pytest.approx([10_000.0, 10_000.0, 8_000.0, 4_000.0])
    assert float(curve.pledged[0, 0]) == 1000.0


def test_beyond_the_racks_the_reserve_is_the_price_and_the_unsold_bring_nothing() -> None:
    curve = depth_curve(one_loan(racks=500.0), (0.5, 1.0))
    assert numbers(curve.alone.price) == pytest.approx([8_000.0, 0.03 * 25_000.0])
    assert numbers(curve.alone.sold) == pytest.approx([500.0, 500.0])
    assert numbers(curve.alone.per_unit) == pytest.approx([8_000.0, 375.0])


def test_a_price_is_told_as_a_share_of_book_of_mark_and_of_value() -> None:
    curve = depth_curve(one_loan(), (1.0,))
    shares = [numbers(curve.alone.over(reference)) for reference in (curve.book, curve.mark, curve.value)]
    assert shares == [pytest.approx([4.0 / 20.0]), pytest.approx([4.0 / 16.0]), pytest.approx([4.0 / 12.0])]


def test_a_share_of_nothing_is_missing() -> None:
    m = one_loan()
    m.market.mark = 0.0
    assert np.isnan(depth_curve(m, (1.0,)).alone.over(m.market.mark)).all()


def test_without_bids_nothing_has_a_price() -> None:
    m = one_loan()
    bids(m, limit=10_000.0, budget=0.0, racks=1000.0)
    curve = depth_curve(m, (0.1, 1.0))
    assert not curve.alone.per_unit.any()
    assert not curve.at_once.price.any()


def test_at_once_racks_filled_with_new_machines_are_gone_for_old_ones() -> None:
    curve = depth_curve(two_generations(racks=600.0, budget=100.0, old=500, new=500), (1.0,))
    assert (numbers(curve.alone.per_unit, 0), numbers(curve.alone.per_unit, 1)) == ([10_000.0], [20_000.0])
    assert numbers(curve.at_once.per_unit, 1) == [20_000.0]
    assert numbers(curve.at_once.sold, 0) == pytest.approx([100.0])
    assert numbers(curve.at_once.price, 0) == pytest.approx([750.0])
    assert numbers(curve.at_once.per_unit, 0) == pytest.approx([150.0])


def test_at_once_a_larger_sale_may_bring_an_old_generation_more() -> None:
    """100 new machines take the whole budget; 400 for 100 racks go at scrap, and the money is left for old ones."""
    racks = np.array([[[1000.0], [100.0]]])
    curve = depth_curve(two_generations(racks=racks, budget=2.0, old=200, new=400, cooling="liquid"), (0.25, 1.0))
    assert numbers(curve.at_once.price, 1) == pytest.approx([20_000.0, 750.0])
    assert numbers(curve.at_once.per_unit, 0) == pytest.approx([0.0, (2e6 - 100 * 750.0) / 200])
    assert numbers(curve.alone.per_unit, 0) == pytest.approx([10_000.0, 10_000.0])


def test_what_rounding_leaves_of_a_full_rack_is_no_bid() -> None:
    racks = 0.1 + 0.2  # kW, filled by 3 x 0.1 up to a rest of 5e-17
    m = two_generations(racks=racks + 1e-9, budget=100.0, old=500, new=500)
    m.buyers.free = 500.0 + 1e-9
    m.buyers.appetite_left = 500.0 + 1e-9
    sale = depth_curve(m, (1.0,)).at_once
    assert (numbers(sale.sold, 0), numbers(sale.price, 0), numbers(sale.per_unit, 0)) == ([0.0], [0.0], [0.0])


def test_only_machines_pledged_by_running_firms_to_machine_loans_are_the_pledged_fleet() -> None:
    other = facility("Revolver", kind="revolver", units={"H100": 70})
    m = one_loan(borrower("Gone"), facility("Lost", borrower="Gone", units={"H100": 300}), other)
    assert float(depth_curve(m, (1.0,)).pledged[0, 0]) == 1300.0
    m.borrowers.alive = np.array([[1.0], [0.0]])
    assert float(depth_curve(m, (1.0,)).pledged[0, 0]) == 1000.0


@pytest.mark.parametrize("share", [0.0, -0.1, 1.01, float("nan")])
def test_a_share_of_the_fleet_is_above_nothing_and_at_most_all(share: float) -> None:
    with pytest.raises(ValueError, match="above 0 and at most 1"):
        depth_curve(one_loan(), (0.5, share))


# ---- loan-to-value, on paper


def ltvs(backing: Backing, row: int = 0, **asked: Any) -> list[float]:
    """By reading, on the first path."""
    return [float(backing.ltv(reading, **asked)[row, 0]) for reading in READINGS]


def test_twelve_million_against_a_thousand_machines_at_four_prices() -> None:
    backing = facility_backing(one_loan())
    assert ltvs(backing) == pytest.approx([12 / 20, 12 / 15, 12 / 16, 12 / 3.6])  # 4 million less a tenth for selling
    assert float(backing.selling[0, 0]) == pytest.approx(0.4)
    assert float(backing.illusion()[0, 0]) == pytest.approx(20 / 3.6)
    under = [float(backing.undersecured(reading)[0, 0]) for reading in READINGS]
    assert under == [0.0, 0.0, 0.0, 1.0]


def test_a_lenders_own_mark_is_the_one_its_rules_use() -> None:
    founding = world(borrower(), buyer(), facility(units={"H100": 1000}), lenders__mark="market")
    m = ComputeCreditModel(founding)
    m.market.mark, m.market.appraisal = 16_000.0, 15_000.0
    backing = facility_backing(m)
    assert float(backing.ltv("own_mark")[0, 0]) == float(backing.ltv("mark")[0, 0]) == pytest.approx(12 / 16)


def test_the_whole_fleet_is_sold_at_once_whoever_lent_against_it() -> None:
    """The same 4 million for 2,000 machines: each loan recovers half of what it would alone."""
    m = one_loan(borrower("Rival"), facility("Other", borrower="Rival", units={"H100": 1000}))
    bids(m, limit=10_000.0, budget=4.0, racks=2000.0)
    backing = facility_backing(m)
    assert [float(one) for one in backing.collateral["liquidation"][:, 0]] == pytest.approx([1.8, 1.8])


def test_coins_count_at_their_price_and_cost_nothing_to_sell() -> None:
    m = one_loan(facility("Coins", kind="btc_loan", drawn=3.0, coins=100.0))
    m.world.coin = 50_000.0
    backing = facility_backing(m)
    assert ltvs(backing, 1) == pytest.approx([0.6] * 4)
    assert float(backing.illusion()[1, 0]) == pytest.approx(1.0)
    assert float(backing.selling[1, 0]) == 0.0


def test_sites_count_at_their_price_less_the_cost_of_selling_and_leases_only_where_asked() -> None:
    m = one_loan(facility("Site", kind="project", drawn=30.0, site_mw=10.0))
    m.borrowers.other_income, m.world.rent = 0.5, m.parameters.rental.reference_rent
    site = 10.0 * m.parameters.hosting.site_value
    rate = m.parameters.debt.base_rate + m.parameters.funding.spread
    leases = 12.0 * 0.5 / rate
    backing = facility_backing(m)
    assert ltvs(backing, 1) == pytest.approx([30 / site] * 3 + [30 / (0.9 * site)])
    with_leases = ltvs(backing, 1, leases=True)
    assert with_leases == pytest.approx([30 / (site + leases)] * 3 + [30 / (0.9 * site + leases)])
    assert ltvs(backing, 0, leases=True) == ltvs(backing, 0)  # the machine loan has no sites
    assert float(backing.undersecured("book")[1, 0]) == 1.0
    assert float(backing.undersecured("book", leases=True)[1, 0]) == 0.0


def test_a_note_has_no_loan_to_value_and_a_loan_against_nothing_an_infinite_one() -> None:
    m = one_loan(
        facility("Note", kind="note", secured=False, units={}), facility("Bare"), facility("Unused", drawn=0.0)
    )
    backing = facility_backing(m)
    assert np.isnan(ltvs(backing, 1)).all()
    assert np.isinf(ltvs(backing, 2)).all()
    assert np.isnan(ltvs(backing, 3)).all()
    assert float(backing.undersecured("book")[2, 0]) == 1.0
    assert np.isnan(backing.undersecured("book")[[1, 3]]).all()
    assert np.isnan(backing.illusion()[[1, 2, 3]]).all()


def test_collateral_with_a_book_value_that_nobody_bids_for_is_an_infinite_illusion() -> None:
    m = one_loan()
    bids(m, limit=10_000.0, budget=0.0, racks=1000.0)
    backing = facility_backing(m)
    assert ltvs(backing)[3] == float("inf")
    assert float(backing.illusion()[0, 0]) == float("inf")


def test_loans_of_failed_firms_are_claims_and_no_longer_counted() -> None:
    m = one_loan()
    m.borrowers.alive = 0.0
    backing = facility_backing(m)
    assert not backing.debt.any()
    assert not any(part.any() for part in backing.collateral.values())


def test_a_lenders_ratio_is_one_of_sums() -> None:
    """12 million against 20, and 12 against nothing: 24 / 20, and half of the debt is under water."""
    m = one_loan(facility("Bare"), facility("Note", secured=False, drawn=100.0), lender("Fund", kind="hedge_fund"))
    backing = collateral.lender_backing(m)
    assert float(backing.ltv("book")[0, 0]) == pytest.approx(24 / 20)
    assert float(backing.undersecured("book")[0, 0]) == pytest.approx(0.5)
    assert (float(backing.debt[0, 0]), float(backing.secured[0, 0])) == (124.0, 24.0)
    assert np.isnan(backing.ltv("book")[1, 0])


def test_kinds_of_lender_stand_in_the_order_of_their_first_row_with_the_sums_of_all_of_the_kind() -> None:
    rows = (lender("Fund", kind="hedge_fund"), lender("Second"))
    m = one_loan(*rows, facility("B", lender="Second"), facility("C", lender="Fund", drawn=5.0))
    kinds, backing = collateral.kind_backing(m)
    assert kinds == ["bank", "hedge_fund"]
    assert [float(one) for one in backing.debt[:, 0]] == [24.0, 5.0]


# ---- what holds in any world


@functools.cache
def three_bidders() -> ComputeCreditModel:
    """Two generations pledged in different numbers, a fund, a vendor and a broker that needs repo."""
    kinds = (generation("Old"), generation("New", launch="2025-06", kw=2.0))
    buyers = (buyer("A"), buyer("B"), buyer("Broker", kind="broker", repo_lender="Bank", cash=1.0))
    loan = facility(units={"Old": 700, "New": 300})
    return ComputeCreditModel(world(borrower(), lender(repo=True), loan, *kinds, *buyers))


def three(low: float, high: float) -> st.SearchStrategy[list[float]]:
    return st.lists(st.floats(low, high), min_size=3, max_size=3)


def three_or_none(low: float, high: float) -> st.SearchStrategy[list[float]]:
    return st.lists(st.one_of(st.just(0.0), st.floats(low, high)), min_size=3, max_size=3)


@settings(max_examples=60, deadline=None)
@given(three_or_none(1.0, 30_000.0), three_or_none(1.0, 30_000.0), three_or_none(0.01, 20.0), three_or_none(0.1, 2e3))
def test_alone_more_on_offer_never_brings_more_a_unit_and_at_once_never_more_than_alone(
    old: list[float], new: list[float], budget: list[float], racks: list[float]
) -> None:
    m = three_bidders()
    limit = np.stack([old, new], axis=1)[:, :, np.newaxis]
    room = np.array(racks)[:, np.newaxis, np.newaxis] * np.ones((3, 2, 1))
    bids(m, limit=limit, budget=np.array(budget)[:, np.newaxis], racks=room)
    curve = depth_curve(m)
    slack = 1e-9 * 30_000.0
    assert (np.diff(curve.alone.per_unit, axis=0) <= slack).all()
    assert (curve.at_once.per_unit <= curve.alone.per_unit + slack).all()
    assert (curve.at_once.sold <= curve.alone.sold + 1e-6).all()
    spent = (curve.at_once.price * curve.at_once.sold).sum(axis=1) / 1e6
    assert (spent <= sum(budget) + 1e-6).all()


@settings(deadline=None)
@given(three(1_000.0, 30_000.0), three(0.5, 20.0), three(100.0, 2000.0))
def test_the_first_machine_would_go_to_the_best_bid(
    limits: list[float], budget: list[float], racks: list[float]
) -> None:
    m = three_bidders()
    limits[2] = budget[2] = 0.0  # without the broker, whose means depend on repo
    room = np.array(racks)[:, np.newaxis, np.newaxis] * np.ones((3, 2, 1))
    bids(m, limit=np.array(limits)[:, np.newaxis, np.newaxis], budget=np.array(budget)[:, np.newaxis], racks=room)
    curve = depth_curve(m, (0.001,))
    assert numbers(curve.alone.per_unit, 0) == pytest.approx([max(limits)])
    assert numbers(curve.at_once.per_unit, 1) == pytest.approx([max(limits)])


# ---- in a run


MONTHS = 5


@functools.cache
def founding() -> Founding:
    """Machines that everybody has valued too high: sales, defaults and orders within months."""
    return scenario("mispriced").founding


@functools.cache
def three_paths() -> ComputeCreditModel:
    """After five months on three paths."""
    return run(founding(), MONTHS, paths=range(3))


def parts(of: DepthCurve | Backing) -> dict[str, Array]:
    """Every array, by name."""
    found: dict[str, Array] = {}
    for field in dataclasses.fields(of):
        value = getattr(of, field.name)
        inner = value if isinstance(value, dict) else {"": value}
        if dataclasses.is_dataclass(value):
            inner = {one.name: getattr(value, one.name) for one in dataclasses.fields(value)}
        found |= {f"{field.name} {name}": array for name, array in inner.items()}
    found.pop("shares ", None)
    return found


@pytest.mark.parametrize("path", [0, 2])
def test_a_path_alone_has_the_bits_it_has_among_others(path: int) -> None:
    alone, among = run(founding(), MONTHS, paths=[path]), three_paths()
    for measure in (depth_curve, facility_backing, collateral.lender_backing):
        others = {name: array[..., [path]] for name, array in parts(measure(among)).items()}
        assert same_bits(parts(measure(alone)), others) == []


def test_asking_moves_nothing() -> None:
    m = three_paths()
    before, fired = columns_of(m), dict(m.fired)
    depth_curve(m)
    collateral.kind_backing(m)
    assert same_bits(before, columns_of(m)) == []
    assert m.fired == fired


def test_object_by_object_gives_the_same_bits() -> None:
    toy = scenario("toy").founding
    cohort, agent = (run(toy, 2, paths=range(2), execution=execution) for execution in ("cohort", "agent"))
    assert same_bits(parts(depth_curve(cohort)), parts(depth_curve(agent))) == []
    assert same_bits(parts(facility_backing(cohort)), parts(facility_backing(agent))) == []


def test_the_monthly_figures_are_those_of_machine_loans_before_the_cost_of_selling() -> None:
    m, backing = three_paths(), facility_backing(three_paths())
    machine = m.edges.is_machine_loan[:, 0] > 0.0
    assert not m.facilities.coins[machine].any()  # machines and nothing else
    debt = backing.secured[machine].sum(axis=0)
    assert (debt > 0.0).all()
    worth = {
        "ltv_book": backing.collateral["book"],
        "ltv_mark": backing.collateral["mark"],
        "ltv_liquidation": backing.collateral["liquidation"] + backing.selling,
    }
    for name, value in worth.items():
        with np.errstate(divide="ignore"):  # the second path's buyers have spent everything: infinite
            expected = debt / value[machine].sum(axis=0)
        assert m.record.monthly[name][MONTHS - 1] == pytest.approx(expected)
    curve = depth_curve(m, (1.0,))
    whole = (curve.at_once.per_unit[0] * curve.pledged).sum(axis=0) / 1e6
    assert whole == pytest.approx(worth["ltv_liquidation"][machine].sum(axis=0))


@pytest.mark.parametrize(("by", "label"), [("lender", "lender"), ("kind", "lender_kind")])
def test_lenders_and_kinds_are_the_sums_of_their_facilities(by: str, label: str) -> None:
    single, grouped = ltv_table(three_paths(), 1), ltv_table(three_paths(), 1, by)
    money = ["debt", "secured", "leases", "selling_cost", *(f"collateral_{reading}" for reading in READINGS)]
    by_hand = single.groupby(label, sort=False)[money].sum().reindex(grouped[label], fill_value=0.0)
    assert by_hand.to_numpy() == pytest.approx(grouped[money].to_numpy())
    some = grouped[grouped["secured"] > 0.0]
    assert (some["secured"] / some["collateral_book"]).to_numpy() == pytest.approx(some["ltv_book"].to_numpy())
    under = single[single["ltv_mark"] > 1.0].groupby(label)["secured"].sum()
    expected = under.reindex(some[label], fill_value=0.0).to_numpy() / some["secured"].to_numpy()
    assert expected == pytest.approx(some["undersecured_mark"].to_numpy())


# ---- tables and text


def asked(name: str = "mispriced", paths: tuple[int, ...] = (0, 1)) -> Run:
    """A run that has not been simulated: tables at a month need only its order."""
    return Run(Order(scenario(name), 7, paths))


def test_a_run_tells_depth_and_loan_to_value_at_a_month_of_any_path() -> None:
    depth, ltv = asked().depth("2026-05", path=2), asked().ltv("2026-05", path=2, by="lender")
    pd.testing.assert_frame_equal(depth, depth_table(three_paths(), 2))
    pd.testing.assert_frame_equal(ltv, ltv_table(three_paths(), 2, "lender"))
    assert set(depth["month"]) == set(ltv["month"]) == {"2026-05"}
    assert set(depth["path"]) == {2}
    assert list(asked("toy").ltv("2026-01")["facility"]) == [row.name for row in scenario("toy").founding.facilities]


def test_every_column_has_a_unit() -> None:
    for table in (depth_table(three_paths()), *(ltv_table(three_paths(), 0, by) for by in ("facility", "kind"))):
        assert list(table.attrs["units"]) == list(table.columns)
        assert all(table.attrs["units"].values())


def test_the_depth_table_has_a_row_a_generation_with_pledged_machines_reading_and_share() -> None:
    table, pledged = depth_table(three_paths(), 2), depth_curve(three_paths()).pledged[:, 2]
    names = [name for name, units in zip(three_paths().hardware.names, pledged, strict=True) if units > 0.0]
    assert list(dict.fromkeys(table["generation"])) == names
    assert len(table) == len(names) * 2 * len(collateral.SHARES)
    assert not table.isna().to_numpy().any()
    curve = depth_curve(three_paths())
    for reading, sale in (("alone", curve.alone), ("at once", curve.at_once)):
        rows = table[(table["reading"] == reading) & (table["generation"] == "H100")]
        place = three_paths().hardware.names.index("H100")
        assert rows["per_unit"].to_numpy().tolist() == sale.per_unit[:, place, 2].tolist()
        assert rows["of_book"].to_numpy() == pytest.approx(rows["per_unit"] / rows["book"])
        assert (rows["price"] * rows["sold"]).to_numpy() == pytest.approx(rows["per_unit"] * rows["offered"])


def test_before_the_first_month_buyers_bid_with_the_budgets_of_one() -> None:
    assert asked("toy").depth("start")["sold"].max() > 0.0


def test_the_report_shows_both_curves_loan_to_value_and_what_everything_would_bring() -> None:
    report = collateral_report(asked(), "2026-02", path=1, by="lender")
    text = str(report)
    assert text.splitlines()[0] == "mispriced · path 1 · seed 7 · 2026-02"
    for words in ("each generation alone", "all generations at once", "loan-to-value by lender", "Sold at once"):
        assert words in text
    lenders = report.ltv.loc[report.ltv["secured"] > 0.0, "lender"]
    assert all(f"\n{name} " in text for name in lenders)
    assert "nan" not in text
    assert "<table>" in report._repr_html_()
    assert set(report.units) == {"depth", "ltv"}


def test_a_world_without_pledged_machines_says_so() -> None:
    empty = scenario("ten-thousand-h100")
    report = collateral_report(Run(Order(empty, 7, (0,))), "start")
    assert ("No machines are pledged." in str(report)) == report.depth.empty


def test_what_cannot_be_told_is_refused_in_a_sentence() -> None:
    with pytest.raises(InputError, match="by facility, lender or kind: did you mean lender"):
        asked().ltv("2035-01", by="lenders")  # before the path is simulated
    with pytest.raises(InputError, match=r"must be .start. or a month of the run"):
        asked().depth("2035-01")


# ---- how long, how covered, what the spread pays for


def test_a_level_loan_repays_itself_and_its_llcr_is_its_dscr_while_income_stays() -> None:
    loan = facility(drawn=12.0, rate=0.12, months=24, amortisation="level", units={"H100": 1000})
    m = run(world(borrower(cash=50.0), lender(), loan), 1)
    interest, principal = schedule(m)
    owed = float(m.facilities.drawn[0, 0])
    assert float(principal[:, 0, 0].sum()) == pytest.approx(owed)
    payment = owed * 0.01 / (1.0 - 1.01**-23)
    assert (interest + principal)[:23, 0, 0] == pytest.approx(np.full(23, payment))
    terms = {name: float(values[0, 0]) for name, values in loan_terms(m).items()}
    assert terms["llcr"] == pytest.approx(float(m.facilities.income[0, 0]) / payment)
    assert terms["spread"] == pytest.approx(0.12 - 0.037)


def test_a_bullet_lasts_to_its_end_and_a_straight_loan_half_as_long() -> None:
    loans = [facility(kind, drawn=12.0, months=24, amortisation=kind) for kind in ("bullet", "straight")]
    m = run(world(borrower(cash=50.0), lender(), *loans), 0)
    assert loan_terms(m)["average_life"][:, 0] == pytest.approx([2.0, 12.5 / 12.0])


def test_a_spread_pays_for_the_hazard_that_costs_as_much() -> None:
    m = run(world(borrower(cash=50.0), lender(), facility(kind="note", secured=False, rate=0.087)), 0)
    assert float(loan_terms(m)["hazard_paid_for"][0, 0]) == pytest.approx(0.05)
    m = run(world(borrower(cash=50.0), lender(), facility(kind="btc_loan", coins=68.571428571, rate=0.087)), 0)
    worth = 68.571428571 * 87_500.0 / 1e6  # half of the loan
    assert float(loan_terms(m)["hazard_paid_for"][0, 0]) == pytest.approx(0.05 / (1.0 - worth / 12.0))
    assert np.isnan(loan_terms(m)["llcr"]).all()
