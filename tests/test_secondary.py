"""Who sells which machines to whom, and where does the money go: one seller and a few buyers, by hand?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nobid.model.founding import Founding, ShockPaths
from nobid.model.secondary import depth_price
from nobid.model.system import ComputeCreditModel
from nobid.model.trade import ImpactTrade, patient_reserve, scrap_price
from nobid.runs.scenarios import scenario
from tests.worlds import borrower, buyer, changed, columns_of, facility, generation, run, same_bits, without_bids, world

RENT = ShockPaths(rent=np.full(24, 1.5))


def sale(*rows: Any, need: float = 1.0, units: int = 1000, **keys: Any) -> Founding:
    """A firm with free machines and nothing else owes `need` of overhead beyond what its machines earn."""
    keys = {"rental__fee": 0.0, "rental__site_cost": 0.0, "rental__staff_cost": 0.0, "repo__on": False, **keys}
    income = units * 730 * (1.5 * 0.88 - 0.14) / 1e6
    rows = rows or (buyer(),)
    firm = borrower(units={"H100": units}, overhead=income + max(need, 0.0))
    elsewhere = (borrower("Elsewhere", cash=100.0), facility("Other", borrower="Elsewhere", drawn=1.0))
    return world(firm, *elsewhere, *rows, paths=RENT, **keys)


def units_of(model: ComputeCreditModel) -> tuple[float, float]:
    """Machines left with the seller, and with all buyers."""
    return float(model.borrowers.units[0, 0, 0]), float(model.buyers.units[:, 0, 0].sum())


def test_a_firm_short_of_cash_sells_whole_machines_sized_at_the_price_it_expects() -> None:
    model = run(sale(), 1)
    kept, bought = units_of(model)
    assert (kept + bought, bought) == (1000.0, round(bought))
    price = float(model.record.monthly["price_H100"][0, 0])
    assert bought * price / 1e6 >= 1.0 - 1e-9
    assert model.record.monthly["defaults_neocloud"][0, 0] == 0.0


def test_the_first_sale_is_sized_at_the_presale_price() -> None:
    founding = sale()
    start = run(founding, 0)
    start.opens_month()
    model = run(founding, 1)
    first = next(event for event in model.record.events if event.kind == "bought")
    mark = float(start.market.mark[0, 0])
    mark += 0.25 * (min(float(model.record.monthly["value_H100"][0, 0]), 25_000.0) - mark)
    expected = np.ceil(1.0 / (0.8 * mark / 1e6))
    assert first.amount == pytest.approx(expected)


def test_what_rounding_leaves_free_of_a_full_rack_buys_nothing_and_marks_nothing() -> None:
    full = buyer(free_air=1e-9, free_liquid=0.0)
    model = run(sale(full, without_bids()), 1)
    assert not [event for event in model.record.events if event.kind == "bought"]
    assert model.record.monthly["mark_H100"][0, 0] > 0.5 * model.record.monthly["value_H100"][0, 0]


def test_machines_are_booked_at_the_price_agreed_when_they_were_ordered() -> None:
    falling = ShockPaths(rent=np.array([2.1, 1.4, 1.0, 1.0]))
    firm = borrower(cash=1000.0, pipeline={"H100": 100}, pipeline_months=1, pipeline_unpaid=1.0)
    model = ComputeCreditModel(world(firm, borrower("Elsewhere", units={"H100": 1000}), paths=falling, invest__on=True))
    model.step()
    assert float(model.market.list_price[0, 0]) < 25_000.0
    assert float(model.borrowers.book[0, 0, 0]) == pytest.approx(25_000.0, rel=0.02)  # a month's depreciation


def test_what_finds_no_bid_stays_unsold_brings_no_cash_and_the_firm_fails() -> None:
    model = run(sale(without_bids()), 1)
    assert units_of(model) == (1000.0, 0.0)
    assert model.record.monthly["sold"][0, 0] == 0.0
    assert model.record.monthly["unsold"][0, 0] == 1000.0
    assert np.isnan(model.record.monthly["price_H100"][0, 0])
    assert model.record.monthly["defaults_neocloud"][0, 0] == 1.0


def test_an_offer_that_finds_no_bid_marks_nothing_down() -> None:
    quiet, offered = run(sale(without_bids(), need=0.0), 1), run(sale(without_bids()), 1)
    assert np.array_equal(quiet.record.monthly["mark_H100"][0], offered.record.monthly["mark_H100"][0])


def test_a_trade_below_the_mark_is_the_new_mark() -> None:
    small = buyer(budget=0.5, required_return=0.5)
    model = run(sale(small, without_bids(), need=0.2), 1)
    mean, mark = (float(model.record.monthly[f"{name}_H100"][0, 0]) for name in ("price", "mark"))
    assert mean < float(model.record.monthly["value_H100"][0, 0])
    assert mark < mean < float(model.market.last_price[0, 0])  # a smaller second sale went for more


def test_a_firm_offers_at_most_four_times_a_month() -> None:
    model = run(sale(without_bids()), 1)
    assert float(model.borrowers.offers[0, 0]) == 4.0  # the first offer and three more
    assert float(run(sale(without_bids(), auction__reoffers=1), 1).borrowers.offers[0, 0]) == 2.0


def test_buyers_use_up_racks_and_budget_and_pay_for_moving_in() -> None:
    model = run(sale(buyers__rack_growth=0.0), 1)
    bought = units_of(model)[1]
    assert float(model.buyers.free[0, 0, 0]) == pytest.approx(5e4 - bought * 1.0)
    spent = bought * float(model.record.monthly["price_H100"][0, 0]) / 1e6
    assert float(model.buyers.budget_left[0, 0]) == pytest.approx(1000.0 - spent)
    assert -float(model.books.row("move-in")[3, 0]) == pytest.approx(bought * 1000.0 / 1e6)


def test_a_machine_that_needs_liquid_cooling_finds_no_place_in_air_racks() -> None:
    air = buyer(free_liquid=0.0)
    assert units_of(run(sale(air, generation(cooling="liquid")), 1))[1] == 0.0
    assert units_of(run(sale(air, generation(cooling="air")), 1))[1] > 0.0


@pytest.mark.parametrize(("multiple", "more"), [(0.25, False), (4.0, True)])
def test_larger_budgets_bring_more_money_and_a_higher_price(multiple: float, more: bool) -> None:
    thin = buyer(budget=1.0)
    base, other = run(sale(thin, need=8.0), 1), run(sale(thin, need=8.0, buyers__budget_multiple=multiple), 1)
    sold = [float(model.record.monthly["sold_value"][0, 0]) for model in (base, other)]
    price = [float(model.record.monthly["price_H100"][0, 0]) for model in (base, other)]
    assert (sold[1] > sold[0], price[1] > price[0]) == (more, more)


def test_buyers_fill_at_most_their_appetite_of_free_racks_in_a_month() -> None:
    model = run(sale(buyer(free_air=400.0), need=50.0, buyers__rack_growth=0.0), 1)
    assert units_of(model)[1] == pytest.approx(100.0)  # a quarter of 400 kW at 1 kW


def test_the_tranches_of_a_bidder_step_down_from_its_limit() -> None:
    model = run(sale(buyer(free_air=400.0), need=50.0), 1)
    limit, price = float(model.buyers.limit[0, 0, 0]), float(model.record.monthly["price_H100"][0, 0])
    assert limit > price
    assert price == pytest.approx(0.03 * 25_000.0)  # more on offer than all tranches take: the reserve


def test_a_lender_that_can_wait_asks_half_the_value_or_seven_tenths_of_the_mark() -> None:
    model = run(sale(need=0.0), 1)
    value, mark = float(model.market.value[0, 0]), float(model.market.mark[0, 0])
    assert patient_reserve(model)[0, 0] == pytest.approx(max(0.5 * value, 0.7 * mark))
    assert scrap_price(model)[0, 0] == pytest.approx(750.0)


def test_the_depth_price_moves_nothing_and_falls_with_the_lot() -> None:
    model = run(sale(buyer(budget=5.0), need=0.0), 1)
    before = model.buyers.free.copy(), model.buyers.budget_left.copy()
    prices = [float(depth_price(model, np.array([[lot]]))[0, 0]) for lot in (50.0, 500.0, 5000.0)]
    assert prices[0] > prices[1] > prices[2] > 0.0
    assert np.array_equal(before[0], model.buyers.free)
    assert np.array_equal(before[1], model.buyers.budget_left)


# ---- pledged machines


def pledged(debt: float, need: float, **keys: Any) -> Founding:
    """The same firm with all machines pledged to a loan without interest."""
    founding = sale(need=need, **keys)
    firm = founding.borrowers[0].model_copy(update={"units": {}})
    loan = facility(drawn=debt, rate=0.0, units={"H100": 1000})
    rows = (firm, *founding.borrowers[1:])
    return founding.model_copy(update={"borrowers": rows, "facilities": (loan, *founding.facilities)})


def test_of_what_pledged_machines_bring_the_release_price_repays_their_loan_and_the_rest_is_the_borrowers() -> None:
    model = run(pledged(debt=2.0, need=1.0), 1)
    left = float(model.facilities.units[0, 0, 0])
    sold = 1000.0 - left
    assert 0.0 < sold < 1000.0
    proceeds = sum(-float(model.books.row(row)[3, 0]) for row in ("used machines", "sweep"))
    assert proceeds == pytest.approx(float(model.record.monthly["sold_value"][0, 0]))
    repaid = 2.0 - float(model.facilities.drawn[0, 0])
    assert float(model.books.row("sweep")[2, 0]) == pytest.approx(repaid)
    assert proceeds - repaid == pytest.approx(float(model.books.row("used machines")[1, 0]))
    rounds = [event.amount for event in model.record.events if event.kind == "bought"]
    if len(rounds) == 1:  # one sale: its release price by hand
        assert repaid == pytest.approx(1.1 * sold / 1000.0 * 2.0)


def test_a_higher_release_price_repays_more_of_the_loan() -> None:
    low, high = (run(pledged(debt=2.0, need=1.0, debt__release_price=price), 1) for price in (1.0, 2.0))
    per_unit = [
        (2.0 - float(m.facilities.drawn[0, 0])) / (1000.0 - float(m.facilities.units[0, 0, 0])) for m in (low, high)
    ]
    assert per_unit[1] > per_unit[0]


def test_machines_worth_less_than_their_release_price_bring_their_owner_nothing() -> None:
    model = run(pledged(debt=100.0, need=1.0), 1)
    assert float(model.books.row("used machines")[1, 0]) == 0.0
    assert model.record.monthly["defaults_neocloud"][0, 0] == 1.0


# ---- the textbook's market: whatever is offered is sold, only the price gives way

IMPACT: dict[str, Any] = {"market": "impact"}


def sold_into_impact(sold: float, *, mark: float, depth: float = 0.5, units: int = 1000) -> float:
    """The price of `sold` out of the `units` that exist, at a mark of `mark`."""
    model = run(sale(without_bids(), need=0.0, units=units, impact__depth=depth, **IMPACT), 1)
    model.market.mark = mark
    trade = ImpactTrade(model)
    trade.clear(0, np.array([sold]), np.array([0.0]))
    assert float(trade.sold[0, 0]) == sold
    assert float(trade.bought[:, 0].sum()) == pytest.approx(sold)
    return float(trade.price[0, 0])


def test_a_hundred_machines_of_a_thousand_fall_by_hand() -> None:
    # depth: half of the 1,000 that exist, 500; 100 / 500 = 0.2
    assert sold_into_impact(100.0, mark=20_000.0) == pytest.approx(20_000.0 * np.exp(-0.2))
    assert sold_into_impact(500.0, mark=20_000.0) == pytest.approx(20_000.0 / np.e)


def test_the_depth_is_a_share_of_the_machines_that_exist() -> None:
    twice = sold_into_impact(200.0, mark=20_000.0, units=2000)
    assert twice == pytest.approx(sold_into_impact(100.0, mark=20_000.0))


def test_no_sale_goes_below_scrap_nor_below_the_floor() -> None:
    assert sold_into_impact(1000.0, mark=20_000.0, depth=0.01) == pytest.approx(750.0)  # 3 % of 25,000
    model = run(sale(without_bids(), need=0.0, impact__depth=0.01, impact__floor=0.5, **IMPACT), 1)
    trade = ImpactTrade(model)
    trade.clear(0, np.array([1000.0]), np.array([0.0]))
    assert float(trade.price[0, 0]) == pytest.approx(0.5 * float(model.market.value[0, 0]))


def test_where_nobody_bids_the_auction_leaves_all_unsold_and_the_impact_nothing() -> None:
    auction, impact = run(sale(without_bids()), 1), run(sale(without_bids(), **IMPACT), 1)
    assert units_of(auction) == (1000.0, 0.0)
    assert auction.record.monthly["defaults_neocloud"][0, 0] == 1.0
    kept, bought = units_of(impact)
    assert (kept + bought, bought > 0.0) == (1000.0, True)
    assert impact.record.monthly["defaults_neocloud"][0, 0] == 0.0
    assert impact.record.monthly["unsold"][0, 0] == 0.0


def test_the_invented_buyer_is_paid_for_by_the_capital_market_and_takes_the_machines_on() -> None:
    rich, poor = buyer(), without_bids(racks_air=3e5, racks_liquid=3e5)
    model = run(sale(rich, poor, **IMPACT), 1)
    bought = model.buyers.units[:, 0, 0]
    assert bought.sum() > 0.0
    assert float(bought[1]) == pytest.approx(3.0 * float(bought[0]))  # by racks, budgets play no part
    spent, moving = (-float(model.books.row(row)[3, 0]) for row in ("used machines", "move-in"))
    capital = -float(model.books.row("acquisition funding").min())
    assert spent == pytest.approx(float(model.record.monthly["sold_value"][0, 0]))
    assert capital == pytest.approx(spent + moving)
    assert moving == pytest.approx(float(bought.sum()) * 1000.0 / 1e6)
    assert model.buyers.cash[:, 0] == pytest.approx([0.0, 0.0], abs=1e-9)


def test_the_invented_buyer_brings_the_racks_that_are_missing() -> None:
    small = buyer(racks_air=10.0, free_air=4.0, racks_liquid=0.0, free_liquid=0.0)
    model = run(sale(small, buyers__rack_growth=0.0, **IMPACT), 1)
    bought = units_of(model)[1]
    assert bought > 4.0
    assert float(model.buyers.free[0, 0, 0]) == 0.0
    assert float(model.buyers.racks[0, 0, 0]) == pytest.approx(10.0 + bought - 4.0)


def test_a_patient_lender_sells_too_where_a_buyer_is_invented() -> None:
    model = run(sale(without_bids(), need=0.0, **IMPACT), 1)
    trade = ImpactTrade(model)
    trade.clear(0, np.array([0.0]), np.array([900.0]))
    assert float(trade.price[0, 0]) < float(patient_reserve(model)[0, 0])
    assert (float(trade.forced_share[0, 0]), float(trade.patient_share[0, 0])) == (0.0, 1.0)


def test_the_depth_price_under_an_impact_is_the_impact_price_and_moves_nothing() -> None:
    model = run(sale(without_bids(), need=0.0, impact__depth=0.5, **IMPACT), 1)
    before, mark = columns_of(model), float(model.market.mark[0, 0])
    price = depth_price(model, np.array([[250.0]]))
    assert float(price[0, 0]) == pytest.approx(mark * np.exp(-0.5))
    assert same_bits(columns_of(model), before) == []


def test_sales_in_two_rounds_move_the_price_as_one_sale_of_both() -> None:
    model = run(sale(without_bids(), need=0.0, **IMPACT), 1)
    whole = ImpactTrade(model)
    whole.clear(0, np.array([300.0]), np.array([0.0]))
    for part in (100.0, 200.0):
        trade = ImpactTrade(model)
        trade.clear(0, np.array([part]), np.array([0.0]))
        model.market.mark = np.minimum(model.market.mark, trade.price)
    assert float(trade.price[0, 0]) == pytest.approx(float(whole.price[0, 0]))


@pytest.mark.parametrize("name", ["ten-thousand-h100", "everything"])
def test_the_books_close_and_nothing_offered_stays_with_its_seller_under_an_impact(name: str) -> None:
    founding = changed(scenario(name).founding, **IMPACT)
    model = run(founding, 12, paths=range(4))
    assert model.failures == []
    offered, sold = model.record.monthly["offered"][:12], model.record.monthly["sold"][:12]
    assert np.all(sold >= offered * (1.0 - 1e-9))
    assert sold.sum() > 0.0


def test_a_path_under_an_impact_is_the_same_alone_and_agent_by_agent() -> None:
    founding = changed(scenario("everything").founding, **IMPACT)
    together = run(founding, 8, paths=(0, 1, 2, 5))
    alone = run(founding, 8, paths=(5,))
    by_agent = run(founding, 8, paths=(5,), execution="agent")
    assert np.nansum(alone.record.monthly["sold"]) > 0.0
    assert same_bits(columns_of(alone), columns_of(together, [3])) == []
    assert same_bits(columns_of(by_agent), columns_of(alone)) == []


def test_a_deeper_market_never_lowers_the_price() -> None:
    prices = [sold_into_impact(400.0, mark=20_000.0, depth=depth) for depth in (0.1, 0.5, 2.0, 1000.0)]
    assert prices == sorted(prices)


@pytest.mark.parametrize("market", ["auction", "impact"])
def test_where_racks_close_a_path_without_sales_keeps_its_bits_beside_one_with_sales(market: str) -> None:
    founding = changed(scenario("everything").founding, market=market, buyers__rack_growth=-0.9)
    together = run(founding, 6, paths=range(4))
    for path in range(4):
        assert same_bits(columns_of(run(founding, 6, paths=(path,))), columns_of(together, [path])) == []
