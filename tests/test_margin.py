"""What does a falling price call, post or liquidate: coin loans and machine loans of one firm, by hand?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nobid.model.founding import Founding, ShockPaths
from nobid.model.system import ComputeCreditModel
from tests.worlds import borrower, facility, run, world

DEBT, PLEDGED = 10.0, 200.0  # USD million against coins worth 20 million at 100,000 USD


def coin_loan(price: float, *, coins: float = 0.0, cash: float = 50.0, **keys: Any) -> Founding:
    """A loan of 10 million without interest against 200 coins, when the coin stands at this price."""
    loan = facility(kind="btc_loan", drawn=DEBT, rate=0.0, coins=PLEDGED)
    paths = ShockPaths(coin=np.full(12, price))
    return world(borrower(cash=cash, coins=coins), loan, paths=paths, coin__price=100_000.0, **keys)


def sheet(model: ComputeCreditModel) -> tuple[float, float, float]:
    """Debt (USD million), coins pledged and coins free (BTC)."""
    f, b = model.facilities, model.borrowers
    return float(f.drawn[0, 0]), float(f.coins[0, 0]), float(b.coins[0, 0])


def test_below_the_call_level_nothing_is_asked() -> None:
    model = run(coin_loan(70_000.0, coins=100.0), 1)  # 10 / 14 = 0.71
    assert sheet(model) == (DEBT, PLEDGED, 100.0)
    assert model.fired.get("coin call", 0) == 0


def test_above_the_call_level_free_coins_are_posted_until_the_initial_ratio_stands() -> None:
    model = run(coin_loan(64_000.0, coins=100.0), 1)  # 10 / 12.8 = 0.78
    needed = DEBT / 0.6 / 0.064
    assert sheet(model) == pytest.approx((DEBT, needed, 100.0 - (needed - PLEDGED)))
    assert (model.fired["coin call"], model.fired["coins posted"]) == (1, 1)


def test_without_free_coins_the_call_is_met_in_cash() -> None:
    model = run(coin_loan(64_000.0), 1)
    assert sheet(model) == pytest.approx((0.6 * 12.8, PLEDGED, 0.0))
    assert float(model.borrowers.cash[0, 0]) == pytest.approx(50.0 - (DEBT - 0.6 * 12.8))


def test_coins_go_first_and_cash_pays_the_rest_of_a_call() -> None:
    model = run(coin_loan(64_000.0, coins=30.0), 1)
    assert sheet(model) == pytest.approx((0.6 * 230.0 * 0.064, 230.0, 0.0))


def test_above_the_liquidation_level_the_lender_sells_what_repays_it_and_returns_the_rest() -> None:
    model = run(coin_loan(55_000.0), 1)  # 10 / 11 = 0.91
    sold = DEBT / 0.055
    assert sheet(model) == pytest.approx((0.0, 0.0, PLEDGED - sold))
    assert float(model.borrowers.cash[0, 0]) == pytest.approx(50.0)
    assert model.record.monthly["coins_sold"][0, 0] == pytest.approx(sold)
    assert [event.kind for event in model.record.events] == ["liquidated"]


def test_a_liquidation_that_does_not_repay_leaves_the_rest_due_at_once() -> None:
    model = run(coin_loan(40_000.0), 1)  # 200 coins bring 8
    assert sheet(model) == pytest.approx((0.0, 0.0, 0.0))
    assert float(model.borrowers.cash[0, 0]) == pytest.approx(50.0 - 2.0)


def test_forced_sales_of_coins_lower_the_price_by_the_impact_formula() -> None:
    model = run(coin_loan(55_000.0, coin__daily_volume=1000.0), 1)
    fall = 0.6 * (DEBT / 0.055 / 30.0) / 1000.0
    assert model.record.monthly["coin"][0, 0] == pytest.approx(55_000.0 * np.exp(-fall))
    assert model.fired["coin impact"] > 0


def test_the_impact_halves_a_month() -> None:
    model = run(coin_loan(55_000.0, coin__daily_volume=1000.0), 3)
    fall = np.log(55_000.0 / model.record.monthly["coin"][:3, 0])
    assert fall[1:] == pytest.approx(fall[:2] / 2.0)


def test_with_the_impact_switched_off_forced_sales_move_nothing() -> None:
    model = run(coin_loan(55_000.0, coin__daily_volume=1000.0, coin__impact_on=False), 1)
    assert model.record.monthly["coin"][0, 0] == pytest.approx(55_000.0)
    assert model.fired.get("coin impact", 0) == 0


def test_coins_above_what_a_loan_requires_are_released_and_sold_when_cash_is_short() -> None:
    founding = coin_loan(200_000.0, cash=0.0).model_copy(
        update={"borrowers": (borrower(overhead=1.0), borrower("Elsewhere", cash=1e4, units={"H100": 1000}))}
    )
    model = run(founding, 1)
    assert sheet(model) == pytest.approx((DEBT, PLEDGED - 5.0, 0.0))  # 1 million at 200,000
    assert model.fired["coins released"] == 1


# ---- machines


def machine_loan(*, on: bool = True, speed: float = 1.0, cash: float = 50.0, **keys: Any) -> Founding:
    """A loan on 1,000 machines whose rent falls in the second month; marks are values at once."""
    loan = facility(rate=0.0, drawn=15.0, units={"H100": 1000})
    terms = {"debt__gpu_margin__on": on, "debt__gpu_margin__call_speed": speed, "lenders__mark": "market"}
    paths = ShockPaths(rent=np.array([2.1, *[1.0] * 11]))
    return world(borrower(cash=cash), loan, paths=paths, auction__mark_reversion=1.0, **{**terms, **keys})


def called(model: ComputeCreditModel) -> float:
    """Debt above the trigger at the mark of now, on the opening debt of 15 million."""
    value = float(model.market.mark[0, 0]) * 1000 / 1e6
    return 15.0 - float(model.facilities.ltv_trigger[0, 0]) * value


def test_the_trigger_is_the_limit_or_a_fifth_above_signing_so_that_nothing_is_in_breach_at_the_start() -> None:
    start = run(machine_loan(), 0)
    signing = 15.0 / (float(start.market.mark[0, 0]) * 1000 / 1e6)
    assert start.facilities.ltv_trigger[0, 0] == pytest.approx(max(0.8, 1.2 * signing))


def test_a_fall_of_the_mark_calls_what_brings_the_loan_back_to_its_trigger() -> None:
    model = run(machine_loan(), 2)
    assert called(model) > 1.0
    assert float(model.facilities.drawn[0, 0]) == pytest.approx(15.0 - called(model))
    assert float(model.books.row("margin")[2, 0]) == pytest.approx(called(model))


def test_only_the_share_that_the_call_speed_allows_is_due_within_the_month() -> None:
    model = run(machine_loan(speed=1.0 / 3.0), 2)
    assert float(model.facilities.drawn[0, 0]) == pytest.approx(15.0 - called(model) / 3.0)


def test_a_call_that_cannot_be_met_is_a_default() -> None:
    model = run(machine_loan(cash=0.5), 2)
    assert model.record.monthly["defaults_neocloud"][1, 0] == 1.0


def test_with_the_switch_off_no_machine_loan_is_called() -> None:
    model = run(machine_loan(on=False), 3)
    assert float(model.facilities.drawn[0, 0]) == 15.0
    assert model.fired.get("gpu call", 0) == 0


def test_at_book_marks_a_fall_of_rent_calls_nothing() -> None:
    model = run(machine_loan(lenders__mark="book"), 2)
    assert model.fired["gpu call"] == 0
    assert run(machine_loan(lenders__mark="market"), 2).fired["gpu call"] == 1
