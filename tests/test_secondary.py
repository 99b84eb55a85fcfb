"""Who sells which machines to whom, and where does the money go: one seller and a few buyers, by hand?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nobid.model.founding import Founding, ShockPaths
from nobid.model.secondary import depth_price, patient_reserve, scrap_price
from nobid.model.system import ComputeCreditModel
from tests.worlds import borrower, buyer, facility, generation, run, without_bids, world

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
    mark += 0.25 * (float(model.record.monthly["value_H100"][0, 0]) - mark)
    expected = np.ceil(1.0 / (0.8 * mark / 1e6))
    assert first.amount == pytest.approx(expected)


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
    price, mark = (float(model.record.monthly[f"{name}_H100"][0, 0]) for name in ("price", "mark"))
    assert price < float(model.record.monthly["value_H100"][0, 0])
    assert mark == pytest.approx(price)


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
