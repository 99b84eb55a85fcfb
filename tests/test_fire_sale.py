"""Does a price give way as its function says, by hand, against Lambert's W, and whatever the numbers?"""

from __future__ import annotations

import doctest

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import lambertw

from nobid.model import deleveraging, fire_sale
from nobid.model.deleveraging import Rules, Sellers
from nobid.model.fire_sale import (
    Impact,
    NotSettled,
    capital_ratio_sales,
    liquidates,
    raises_cash,
    sells,
    settles_price,
    worth,
)

Array = NDArray[np.float64]
CLOSE = 1e-9
POOR = 1e-6  # a book so small that its owner counts as having none


def one(value: float) -> Array:
    """A number as the rules see it: one asset, one path."""
    return np.array([[float(value)]])


def cash(need: float, held: float, price: float, depth: float) -> fire_sale.Raised:
    """One seller."""
    return raises_cash(np.array([need]), np.array([held]), price=np.array([price]), depth=np.array([depth]))


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(fire_sale).failed == 0
    assert doctest.testmod(fire_sale).attempted >= 6


# ---- what a sale does to a price, by hand


def test_a_sale_of_one_depth_takes_all_but_one_over_e_off_what_lies_above_the_floor() -> None:
    assert float(Impact(50.0).keeps(one(50.0))[0, 0]) == pytest.approx(np.exp(-1.0))
    assert float(Impact(50.0, floor=0.4).keeps(one(50.0))[0, 0]) == pytest.approx(0.4 + 0.6 * np.exp(-1.0))


def test_a_tenth_sold_takes_a_tenth_at_the_depth_that_the_scenario_has_by_default() -> None:
    assert float(Impact(0.95).keeps(one(0.1))[0, 0]) == pytest.approx(0.9, abs=1e-3)


def test_a_linear_price_falls_in_proportion_and_stops_at_its_floor() -> None:
    kept = Impact(200.0, floor=0.25, form="linear").keeps(np.array([0.0, 50.0, 100.0, 500.0]))
    assert kept.tolist() == [1.0, 0.75, 0.5, 0.25]


def test_what_is_not_sold_moves_no_price_however_shallow_the_market() -> None:
    assert Impact(np.array([0.0, 1e-9, 5.0])).keeps(np.zeros(3)).tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize(("borne", "received"), [(0.0, 8.0), (0.5, 6.0), (1.0, 4.0)])
def test_sellers_receive_the_price_before_after_or_between(borne: float, received: float) -> None:
    sale = sells(one(8.0), one(50.0), Impact(100.0, form="linear"), borne=borne)
    assert (float(sale.price[0, 0]), float(sale.received[0, 0])) == (4.0, received)


# ---- cash


def test_a_need_that_the_market_cannot_pay_sells_one_depth_and_says_what_is_left() -> None:
    raised = cash(74.0, 1e9, 1.0, 200.0)
    assert not raised.enough[0]
    assert float(raised.units[0]) == 200.0
    assert float(raised.cash[0]) == pytest.approx(200.0 / np.e)
    assert float(raised.short[0]) == pytest.approx(74.0 - 200.0 / np.e)


def test_a_seller_with_few_units_sells_them_all_and_says_what_is_left() -> None:
    raised = cash(50.0, 10.0, 4.0, 100.0)
    assert (float(raised.units[0]), bool(raised.enough[0])) == (10.0, False)
    assert float(raised.cash[0]) == pytest.approx(40.0 * np.exp(-0.1))


def test_who_needs_nothing_or_has_nothing_sells_nothing() -> None:
    assert float(cash(0.0, 10.0, 4.0, 100.0).units[0]) == 0.0
    without = cash(5.0, 0.0, 4.0, 100.0)
    assert (float(without.units[0]), float(without.short[0])) == (0.0, 5.0)


def test_a_need_at_the_very_top_of_what_can_be_raised_settles() -> None:
    for gap in (0.0, 1e-15, 1e-12, 1e-9, -1e-12):
        raised = cash(200.0 / np.e * (1.0 - gap), 1e9, 1.0, 200.0)
        assert float(raised.cash[0]) == pytest.approx(200.0 / np.e)
        assert raised.rounds < 100


@settings(max_examples=300, deadline=None)
@given(st.floats(0.0, 2.0), st.floats(0.01, 1e5), st.floats(0.01, 1e5), st.floats(0.0, 3.0))
def test_cash_raised_is_lambert_w_or_the_most_that_the_holding_brings(
    share: float, price: float, depth: float, holding: float
) -> None:
    need, held = share * price * depth / np.e, holding * depth
    raised = cash(need, held, price, depth)
    cap = min(held, depth)
    best = cap * price * np.exp(-cap / depth)
    assert bool(raised.enough[0]) == (need <= best) or need == pytest.approx(best)
    if need < best * (1.0 - 1e-6):
        root = -depth * lambertw(-need / (price * depth)).real
        assert float(raised.units[0]) == pytest.approx(root, rel=1e-7, abs=1e-12 * depth)
        assert float(raised.units[0] * raised.price[0]) == pytest.approx(need, rel=1e-9)
    assert float(raised.units[0]) <= min(held, depth) * (1.0 + 1e-12)
    assert float(raised.cash[0] + raised.short[0]) == pytest.approx(need)
    assert raised.residual <= 1e-9


def test_cash_raised_by_many_is_what_each_would_raise_alone() -> None:
    luck = np.random.default_rng(2)
    need, held = luck.uniform(0.0, 60.0, 64), luck.uniform(0.0, 300.0, 64)
    price, depth = luck.uniform(0.2, 2.0, 64), luck.uniform(20.0, 200.0, 64)
    whole = raises_cash(need, held, price=price, depth=depth)
    for i in range(64):
        alone = raises_cash(need[i : i + 1], held[i : i + 1], price=price[i : i + 1], depth=depth[i : i + 1])
        assert np.array_equal(alone.units, whole.units[i : i + 1])


# ---- a price that settles


def test_a_bank_below_its_capital_ratio_sells_the_least_that_takes_it_there() -> None:
    sold = capital_ratio_sales(np.ones(1), one(100.0), cash=one(5.0), claims=one(0.0), owed=one(100.0), least=0.07)
    assert (105.0 - 100.0) / (100.0 - float(sold[0, 0])) == pytest.approx(0.07)
    safe = capital_ratio_sales(np.ones(1), one(100.0), cash=one(5.0), claims=one(0.0), owed=one(90.0), least=0.07)
    broke = capital_ratio_sales(np.ones(1), one(100.0), cash=one(5.0), claims=one(0.0), owed=one(120.0), least=0.07)
    assert (float(safe[0, 0]), float(broke[0, 0])) == (0.0, 100.0)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(80.0, 104.0), min_size=1, max_size=4), st.floats(1e-5, 2e-3), st.floats(1.0, 5.0))
def test_a_deeper_market_settles_at_a_price_that_is_never_lower(owed: list[float], slope: float, deeper: float) -> None:
    debts = np.array(owed)[:, np.newaxis]

    def rule(price: Array) -> Array:
        held = np.full_like(debts, 100.0)
        return capital_ratio_sales(price, held, cash=0.0 * debts + 5.0, claims=0.0 * debts, owed=debts, least=0.07)

    thin, deep = (settles_price(rule, Impact(depth), paths=1) for depth in (1.0 / slope, deeper / slope))
    assert float(deep.price[0]) >= float(thin.price[0]) * (1.0 - CLOSE)
    assert np.all(deep.sold <= thin.sold * (1.0 + 1e-6) + 1e-6)
    assert np.all((thin.sold >= 0.0) & (thin.sold <= 100.0))


def test_a_price_that_does_not_settle_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fire_sale, "ROUNDS", 3)

    def greedy(price: Array) -> Array:
        return (2.0 - price)[np.newaxis]

    with pytest.raises(NotSettled, match="did not settle after 3 rounds"):
        settles_price(greedy, Impact(5.0), paths=1)
    with pytest.raises(NotSettled, match="did not settle after 3 rounds"):
        cash(73.0, 1e9, 1.0, 200.0)


# ---- failures and leverage, whatever the numbers


def portfolios(seed: int, banks: int = 5, assets: int = 4, paths: int = 3) -> tuple[Array, Array, Array, Array]:
    """Holdings, other assets, debts and shocked prices at random."""
    luck = np.random.default_rng(seed)
    held = np.where(luck.random((banks, assets, paths)) < 0.6, luck.uniform(0.0, 10.0, (banks, assets, paths)), 0.0)
    other, price = luck.uniform(0.1, 5.0, (banks, paths)), luck.uniform(0.5, 1.0, (assets, paths))
    owed = luck.uniform(0.6, 1.0, (banks, paths)) * (worth(held, np.ones_like(price)) + other)
    return held, other, owed, price


seeds = st.integers(0, 10_000)


@settings(max_examples=100, deadline=None)
@given(seeds, st.floats(0.2, 20.0), st.floats(1.0, 5.0))
def test_in_a_deeper_market_prices_are_never_lower_and_failures_never_more(
    seed: int, depth: float, deeper: float
) -> None:
    held, other, owed, price = portfolios(seed)
    total = held.sum(axis=0) + POOR
    thin, deep = (liquidates(held, other, owed, price=price, impact=Impact(d * total)) for d in (depth, depth * deeper))
    assert np.all(deep.price >= thin.price * (1.0 - CLOSE))
    assert np.all(deep.failed <= thin.failed)
    assert thin.rounds <= len(held)


@settings(max_examples=100, deadline=None)
@given(seeds, st.floats(0.2, 20.0), st.integers(0, 4))
def test_splitting_a_seller_in_two_halves_changes_no_price(seed: int, depth: float, which: int) -> None:
    held, other, owed, price = portfolios(seed)
    total = held.sum(axis=0) + POOR
    whole = liquidates(held, other, owed, price=price, impact=Impact(depth * total))

    def halves(column: Array) -> Array:
        half = column[which : which + 1] / 2.0
        return np.concatenate([column[:which], half, column[which + 1 :], half])

    split = liquidates(halves(held), halves(other), halves(owed), price=price, impact=Impact(depth * total))
    assert split.price == pytest.approx(whole.price, rel=1e-9)
    assert np.array_equal(split.failed[which], whole.failed[which])
    assert np.array_equal(split.failed[-1], whole.failed[which])


@settings(max_examples=60, deadline=None)
@given(seeds, st.floats(0.3, 20.0), st.booleans(), st.floats(0.0, 1.0), st.booleans())
def test_units_sold_and_held_add_up_nobody_is_short_and_the_buyers_pay_what_sellers_get(
    seed: int, depth: float, sweeps: bool, borne: float, fails: bool
) -> None:
    held, other, owed, price = portfolios(seed)
    total, nothing = held.sum(axis=0), np.zeros_like(other)
    rules = Rules(8.0, 6.0, least=0.02 if fails else None, sweeps=sweeps, borne=borne)
    start = deleveraging.opens(held, price, cash=nothing + 1.0, other=other, debt=owed, owed=nothing)
    now, impact = deleveraging.judges(start, rules), Impact(depth * (total + POOR))
    for _ in range(6):
        put_up, before = now.put_up, now
        now = deleveraging.one_round(now, impact, rules)
        assert np.all(now.units >= 0.0)
        assert np.all(put_up <= before.units)
        assert now.units.sum(axis=0) + now.sold == pytest.approx(total, rel=1e-12)
        received = worth(put_up, before.price - borne * (before.price - now.price))
        repaid = before.debt - now.debt
        assert now.cash - before.cash == pytest.approx(received - repaid, abs=1e-9)
        assert np.all(now.cash >= -1e-12)
        assert np.all(now.price <= before.price)


def lone(units: float, debt: float, **changes: float) -> Sellers:
    """One seller of one asset at the price 1, with nothing else unless told."""
    parts = {name: one(changes.get(name, 0.0))[0:1] for name in ("cash", "other", "owed")}
    return deleveraging.opens(np.full((1, 1, 1), units), one(1.0), debt=one(debt), **parts)


def test_a_seller_above_its_leverage_sells_down_to_the_target_and_repays() -> None:
    # 100 of assets on 10 of equity is 10 times; down to 5 times: 50 go, at a price that nothing moves
    end, rounds, residual = deleveraging.settles(lone(100.0, 90.0), Impact(np.inf), Rules(8.0, 5.0, sweeps=True))
    assert (float(end.sold[0, 0]), float(end.debt[0, 0])) == (50.0, 40.0)
    assert (rounds, residual) == (1, 0.0)


def test_cash_is_paid_before_anything_is_sold() -> None:
    end, _, _ = deleveraging.settles(lone(80.0, 90.0, cash=20.0), Impact(np.inf), Rules(8.0, 5.0))
    assert float(end.sold[0, 0]) == pytest.approx(30.0)


def test_a_seller_below_its_least_equity_fails_and_puts_up_all_it_has() -> None:
    failing = deleveraging.judges(lone(100.0, 98.0), Rules(8.0, 5.0, least=0.03))
    assert (float(failing.failed[0, 0]), float(failing.put_up[0, 0, 0])) == (1.0, 100.0)
    end, rounds, _ = deleveraging.settles(lone(100.0, 98.0), Impact(1000.0), Rules(8.0, 5.0, least=0.03))
    assert (float(end.units[0, 0, 0]), rounds) == (0.0, 1)


def test_a_shallow_market_feeds_the_sales_that_it_makes_necessary() -> None:
    deep, thin = (
        deleveraging.settles(lone(100.0, 90.0), Impact(depth), Rules(5.5, 5.0, sweeps=True))[0]
        for depth in (1e6, 1500.0)
    )
    assert float(deep.sold[0, 0]) == 50.0
    assert 60.0 < float(thin.sold[0, 0]) <= 100.0


def test_sales_that_do_not_end_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deleveraging, "ROUNDS", 2)
    with pytest.raises(NotSettled, match="after 2 rounds a seller still puts up"):
        deleveraging.settles(lone(100.0, 90.0), Impact(1000.0), Rules(5.0, 5.0, sweeps=True))
