"""What do the public and the vendor buy, lend and pay for, and do they stop where their money ends? By hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nobid.model import backstop, rental, repo, secondary
from nobid.model.fleet import all_units
from nobid.model.founding import Founding
from nobid.model.policies import Policy
from nobid.model.policies_of_markets import BuyerOfLastResort, LiquidRetrofit, RepoFacility, VendorBuyback
from nobid.model.secondary import depth_price
from nobid.model.system import ComputeCreditModel
from nobid.model.world import turns
from tests.policy_worlds import HOURS, figure, one, paid, rent, under_policies
from tests.test_secondary import pledged, sale
from tests.worlds import borrower, buyer, facility, generation, lender, run, without_bids, world

KEEP = 0.9  # of what is sold, after the cost of selling


def bought(founding: Founding, *policies: Policy, months: int = 1) -> ComputeCreditModel:
    """The world under the policies after these months."""
    return run(under_policies(founding, *policies), months)


def held(model: ComputeCreditModel) -> float:
    """Machines that the public has."""
    return float(model.public.units[:, :, 0].sum())


# ---- the buyer of last resort


def test_the_public_pays_its_share_of_the_median_value_for_what_finds_no_other_bid() -> None:
    nobody, m = run(sale(without_bids()), 1), bought(sale(without_bids()), BuyerOfLastResort(floor=0.6))
    assert figure(nobody, "defaults_neocloud") == 1.0
    assert figure(m, "defaults_neocloud") == 0.0
    assert figure(m, "price_H100") == pytest.approx(0.6 * figure(m, "value_H100"))
    assert held(m) == figure(m, "sold") > 0.0
    assert figure(m, "public_outlay") == pytest.approx(held(m) * 0.6 * figure(m, "value_H100") / 1e6)
    assert paid(m, "used machines", "public") == pytest.approx(-figure(m, "public_outlay"))
    assert paid(m, "used machines", "neo-clouds") == pytest.approx(figure(m, "public_outlay"))
    assert m.fired["public buys"] > 0


def test_its_machines_run_for_nobody_and_are_worth_the_lower_of_mark_and_value_less_the_cost_of_selling() -> None:
    m = bought(sale(without_bids()), BuyerOfLastResort(floor=0.6))
    assert figure(m, "fleet") == pytest.approx(1000.0 - held(m))
    assert float(all_units(m)[0, 0]) == pytest.approx(1000.0)
    mark, value = figure(m, "mark_H100"), figure(m, "value_H100")
    assert mark == pytest.approx(0.6 * value)
    assert figure(m, "public_holds") == pytest.approx(held(m) * mark * KEEP / 1e6)


def test_bids_above_the_floor_are_served_before_the_public() -> None:
    small = buyer(free_air=40.0, free_liquid=0.0, move_in=0.0)  # ten machines a month
    m = bought(sale(small, buyers__rack_growth=0.0), BuyerOfLastResort(floor=0.4))
    assert float(m.buyers.units[0, 0, 0]) == pytest.approx(10.0)
    assert held(m) == pytest.approx(figure(m, "sold") - 10.0)
    assert figure(m, "price_H100") == pytest.approx(0.4 * figure(m, "value_H100"))
    spent = figure(m, "price_H100") / 1e6
    assert paid(m, "used machines", "buyers") == pytest.approx(-10.0 * spent)
    assert paid(m, "used machines", "public") == pytest.approx(-held(m) * spent)


def two_kinds(need: float) -> Founding:
    """A firm without income has 400 machines of each of two generations to sell for an overhead of `need` a month."""
    old, new = generation("Old"), generation("New", list_price=40_000.0, h100e=2.0)
    firm = borrower(units={"Old": 400, "New": 400}, overhead=need + 400 * HOURS * 3 * 1.5 * 0.88 / 1e6)
    other = (borrower("Elsewhere", cash=100.0), facility("Other", borrower="Elsewhere", drawn=1.0))
    return world(old, new, firm, *other, without_bids(), paths=rent(1.5), rental__fee=0.0, repo__on=False)


@pytest.mark.parametrize("budget", [0.5, 3.0, 6.0])
def test_over_generations_rounds_and_months_the_public_spends_its_budget_and_no_more(budget: float) -> None:
    m = bought(two_kinds(2.0), BuyerOfLastResort(floor=0.5, budget=budget), months=4)
    outlay = [figure(m, "public_outlay", month) for month in range(4)]
    assert sum(outlay) == pytest.approx(one(m.public.spent))
    assert one(m.public.spent) <= budget * (1.0 + 1e-12)
    assert one(m.public.spent) == pytest.approx(budget)
    assert (m.public.units[0, :, 0] > 0.0).sum() >= (1 if budget < 1.0 else 2)
    assert figure(m, "defaults_neocloud", 0) == (1.0 if budget < 2.0 else 0.0)


def test_pledged_machines_are_bought_as_well_and_repay_their_loan() -> None:
    founding = pledged(debt=2.0, need=1.0).model_copy(update={"buyers": (without_bids(),)})
    m = bought(founding, BuyerOfLastResort(floor=0.6))
    assert m.fired["pledged machines sold"] > 0
    assert held(m) > 0.0
    assert one(m.facilities.drawn) < 2.0
    total = held(m) * figure(m, "price_H100") / 1e6
    assert paid(m, "sweep", "public") + paid(m, "used machines", "public") == pytest.approx(-total)
    assert paid(m, "sweep", "lenders") == pytest.approx(2.0 - one(m.facilities.drawn))


def test_the_public_stops_bidding_when_its_policy_ends_and_keeps_what_it_has() -> None:
    m = bought(sale(without_bids()), BuyerOfLastResort(until="2026-01"), months=2)
    assert [figure(m, "public_outlay", month) > 0.0 for month in (0, 1)] == [True, False]
    assert figure(m, "defaults_neocloud", 1) == 1.0
    assert held(m) == pytest.approx(figure(m, "sold", 0))


# ---- the vendor


def test_the_vendor_bids_a_share_of_the_list_price_at_launch_and_takes_machines_out_of_the_market() -> None:
    m = bought(sale(without_bids()), VendorBuyback(price=0.3))
    assert figure(m, "price_H100") == pytest.approx(0.3 * 25_000.0)
    sold = figure(m, "sold")
    assert sold > 0.0
    assert float(all_units(m)[0, 0]) == pytest.approx(1000.0 - sold)
    assert held(m) == float(m.buyers.units.sum()) == 0.0
    assert figure(m, "private_outlay") == pytest.approx(sold * 0.3 * 0.025)
    assert paid(m, "used machines", "vendor") == pytest.approx(-sold * 0.3 * 0.025)
    assert figure(m, "public_outlay") == 0.0
    assert m.fired["vendor buys back"] > 0


@pytest.mark.parametrize(("months", "bids"), [(12, True), (11, False)])
def test_it_bids_for_generations_up_to_an_age(months: int, bids: bool) -> None:
    """The generation was launched twelve months before the start."""
    m = bought(sale(without_bids()), VendorBuyback(months=months))
    assert (figure(m, "sold") > 0.0) == bids


def test_what_it_spends_is_limited_a_month_and_whole_again_in_the_next() -> None:
    m = bought(sale(without_bids(), need=0.2, units=2000), VendorBuyback(budget=0.25), months=3)
    assert [figure(m, "private_outlay", month) for month in range(3)] == pytest.approx([0.25, 0.25, 0.25], rel=0.2)
    assert all(figure(m, "private_outlay", month) <= 0.25 * (1.0 + 1e-12) for month in range(3))
    tight = bought(sale(without_bids(), need=0.2), VendorBuyback(budget=0.05), months=1)
    assert figure(tight, "private_outlay") == pytest.approx(0.05)


def test_what_all_would_bring_at_once_counts_a_whole_months_bid_of_the_vendor() -> None:
    m = bought(sale(without_bids(), need=0.2), VendorBuyback(price=0.3, budget=0.25))
    assert one(m.public.bought_back) > 0.1
    assert float(depth_price(m, np.full((1, 1), 1e-3))[0, 0]) == pytest.approx(0.3 * 25_000.0)
    assert float(depth_price(m, np.full((1, 1), 100.0))[0, 0]) == pytest.approx(0.25e6 / 100.0)


def test_public_and_vendor_bid_beside_each_other_the_higher_bid_first() -> None:
    """The vendor's 7,500 USD pay for a hundred machines, the public takes the others at less."""
    m = bought(sale(without_bids(), need=2.0), BuyerOfLastResort(floor=0.3), VendorBuyback(price=0.4, budget=0.1))
    assert m.fired["public buys"] > 0
    assert m.fired["vendor buys back"] > 0
    spent = figure(m, "public_outlay") + figure(m, "private_outlay")
    assert spent == pytest.approx(figure(m, "sold_value"))
    assert figure(m, "private_outlay") == pytest.approx(0.1)


# ---- public loans


def short(
    *rows: Any, need: float = 1.0, later: float = 3.0, firms: tuple[str, ...] = ("Firm",), **keys: Any
) -> Founding:
    """Firms with 1,000 free machines each and no cash are short of `need` in the first month, and of nothing later."""
    income = 1000 * HOURS * (1.0 * 0.88 - 0.28) / 1e6
    givers = [borrower(name, units={"H100": 1000}, overhead=income + need) for name in firms]
    other = (
        borrower("Elsewhere", cash=100.0),
        facility("Other", borrower="Elsewhere", drawn=50.0, rate=0.0, months=99),
    )
    bids = rows or (without_bids(),)
    return world(*givers, *other, *bids, paths=rent(1.0, later), **{"rental__fee": 0.0, "repo__on": False, **keys})


def test_a_firm_short_of_cash_gets_what_it_needs_against_machines_at_the_haircut() -> None:
    assert figure(run(short(), 1), "defaults_neocloud") == 1.0
    m = bought(short(), RepoFacility(haircut=0.4))
    assert figure(m, "defaults_neocloud") == 0.0
    assert one(m.borrowers.official_debt) == pytest.approx(1.0)
    mark = figure(m, "mark_H100") / 1e6
    assert float(m.borrowers.official_units[0, 0, 0]) == pytest.approx(1.0 / (mark * 0.6))
    assert paid(m, "public loans", "public") == pytest.approx(-1.0)
    assert figure(m, "public_outlay") == pytest.approx(1.0)
    assert figure(m, "public_holds") == pytest.approx(1.0)
    assert figure(m, "fleet") == pytest.approx(1000.0), "pledged machines run on"


def test_it_pays_interest_and_is_rolled_while_machines_carry_it() -> None:
    m = bought(short(), RepoFacility(rate=0.12), months=3)
    assert paid(m, "public interest", "public") == pytest.approx(0.01)
    assert one(m.borrowers.official_debt) == pytest.approx(1.0)
    assert [figure(m, "public_outlay", month) for month in range(3)] == pytest.approx([1.0, -0.01, -0.01])


def test_when_the_policy_ends_the_loan_is_due_and_machines_come_free() -> None:
    m = bought(short(later=4.0), RepoFacility(until="2026-02"), months=3)
    assert one(m.borrowers.official_debt) == pytest.approx(0.0, abs=1e-12)
    assert paid(m, "public loans repaid", "public") == pytest.approx(1.0)
    assert float(m.borrowers.official_units[0, 0, 0]) == pytest.approx(0.0, abs=1e-9)
    assert float(m.borrowers.units[0, 0, 0]) == pytest.approx(1000.0)


def test_a_fall_of_the_mark_makes_the_part_due_that_machines_no_longer_carry() -> None:
    m = bought(short(need=5.0, later=0.6, auction__mark_reversion=1.0), RepoFacility(haircut=0.2))
    given = float(m.borrowers.official_units[0, 0, 0])
    m.opens_month()
    turns(m)
    rental.clears(m)
    secondary.opens_month(m)
    repo.falls_due(m)
    carried = given * float(m.market.mark[0, 0]) / 1e6 * 0.8
    assert one(m.borrowers.official_due) == pytest.approx(5.0 - carried)
    assert one(m.borrowers.official_due) > 1.0


def test_a_firm_that_cannot_pay_what_its_machines_no_longer_carry_fails_after_pledging_the_others_in_vain() -> None:
    m = bought(short(need=5.0, later=0.6, auction__mark_reversion=1.0), RepoFacility(haircut=0.2), months=2)
    assert figure(m, "defaults_neocloud", 1) == 1.0
    assert float(m.borrowers.official_debt.sum()) == 0.0
    assert held(m) == pytest.approx(1000.0)


def test_where_less_may_be_lent_than_before_all_loans_are_cut_alike() -> None:
    """Two loans of 1 under a capacity of 3,000, then one of 0.5."""
    first, later = RepoFacility(until="2026-01"), RepoFacility(capacity=0.5, since="2026-02")
    m = bought(short(buyer(), later=4.0, firms=("Firm", "Other firm")), first, later, months=2)
    assert m.borrowers.official_debt[:2, 0] == pytest.approx([0.25, 0.25])
    assert paid(m, "public loans repaid", "public") == pytest.approx(1.5)


def test_what_is_lent_at_once_is_rationed_at_capacity_and_the_rest_must_be_sold() -> None:
    founding = short(buyer(), firms=("Firm", "Other firm"))
    m = bought(founding, RepoFacility(capacity=0.6))
    assert m.borrowers.official_debt[:2, 0] == pytest.approx([0.3, 0.3])
    assert figure(m, "public_outlay") == pytest.approx(0.6)
    assert figure(m, "sold_value") >= 1.4
    assert figure(m, "defaults_neocloud") == 0.0


def test_dealers_are_asked_before_the_public_and_the_public_before_machines_are_sold() -> None:
    founding = short(lender(repo=True, cash_share=0.5), buyer(), repo__on=True, repo__capacity=1.0, repo__haircut=0.4)
    m = bought(founding, RepoFacility())
    assert (one(m.borrowers.repo_debt), one(m.borrowers.official_debt)) == pytest.approx((1.0, 0.0))
    assert figure(bought(short(buyer()), RepoFacility()), "sold") == 0.0


@pytest.mark.parametrize(("haircut", "covers"), [(0.5, True), (0.0, False)])
def test_at_a_default_the_public_keeps_machines_up_to_its_claim_and_has_no_other(haircut: float, covers: bool) -> None:
    founding = short(need=1.0, shock=({"month": "2026-02", "fail": ("Firm",)},), auction__mark_reversion=0.0)
    m = bought(founding, RepoFacility(haircut=haircut, rate=0.12))
    given, mark = float(m.borrowers.official_units[0, 0, 0]), figure(m, "mark_H100") / 1e6
    m.step()
    assert one(m.borrowers.official_debt) == 0.0
    kept = min(given, 1.0 / (mark * KEEP))
    assert (kept < given) == covers
    assert held(m) == pytest.approx(kept)
    assert float(m.borrowers.units[0, 0, 0]) == pytest.approx(1000.0 - kept), "the others are the estate's"
    assert figure(m, "public_outlay", 1) == pytest.approx(-0.01), "the month's interest had been paid"
    loss = figure(m, "public_outlay", 0) - figure(m, "public_holds", 1)
    assert loss == pytest.approx(1.0 - kept * mark * KEEP)
    assert loss == pytest.approx(0.0 if covers else 0.1, abs=1e-9)


# ---- racks


def racks(*rows: Any, **keys: Any) -> Founding:
    """Nobody is short; buyers have free air racks."""
    return world(borrower(cash=10.0), facility(), *rows, **{"buyers__rack_growth": 0.0, **keys})


def test_free_air_racks_become_liquid_ones_at_their_cost_shared_by_the_subsidy() -> None:
    one_, two = buyer("One", free_air=30_000.0), buyer("Two", free_air=10_000.0)
    m = bought(racks(one_, two), LiquidRetrofit(mw=20.0, subsidy=0.4), months=2)
    assert m.buyers.free[:, 0, 0] == pytest.approx([15_000.0, 5_000.0])
    assert m.buyers.free[:, 1, 0] == pytest.approx([65_000.0, 55_000.0])
    assert m.buyers.racks[:, 0, 0] == pytest.approx([85_000.0, 95_000.0])
    assert m.buyers.racks[:, 1, 0] == pytest.approx([115_000.0, 105_000.0])
    cost = 20_000.0 * 2_500.0 / 1e6
    assert figure(m, "public_outlay") == pytest.approx(0.4 * cost)
    assert figure(m, "private_outlay") == pytest.approx(0.6 * cost)
    assert (figure(m, "public_outlay", 1), figure(m, "private_outlay", 1)) == (0.0, 0.0), "once"
    again = bought(racks(one_, two), LiquidRetrofit(mw=20.0, subsidy=0.4))
    flows = {row: paid(again, row, sector) for row, sector in (("grants", "public"), ("retrofit", "liquidators"))}
    assert flows == pytest.approx({"grants": -0.4 * cost, "retrofit": cost})


def test_no_more_racks_are_refitted_than_are_free() -> None:
    m = bought(racks(buyer(free_air=3_000.0)), LiquidRetrofit(mw=100.0))
    assert (float(m.buyers.free[0, 0, 0]), figure(m, "public_outlay")) == pytest.approx((0.0, 7.5))


def test_machines_that_need_liquid_cooling_find_a_place_after_it() -> None:
    air = sale(buyer(free_liquid=0.0), generation(cooling="liquid"))
    assert figure(run(air, 1), "sold") == 0.0
    assert figure(bought(air, LiquidRetrofit(mw=10.0)), "sold") > 0.0


def test_what_is_refitted_when_a_policy_comes_later_is_refitted_then() -> None:
    m = bought(racks(buyer(free_air=3_000.0)), LiquidRetrofit(mw=1.0, since="2026-02"), months=3)
    assert [figure(m, "public_outlay", month) for month in range(3)] == pytest.approx([0.0, 2.5, 0.0])


def test_without_a_policy_nobody_stands_behind_the_market() -> None:
    m = run(sale(buyer()), 2)
    assert not backstop.Backstops(m).bid
    assert not backstop.offers(m).any()
    for name in ("public_outlay", "public_holds", "private_outlay", "deferred"):
        assert [str(figure(m, name, month)) for month in (0, 1)] == ["0.0", "0.0"], name
