"""Is the auction's price the crossing of bids and asks, by hand, against a search, and whatever the numbers?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nobid.model.auction import Cleared, call_auction, margins, pay_as_bid, volume_interval

Array = NDArray[np.float64]
AMPLE = 1e12  # a budget that never binds
CLOSE = 1e-9  # relative, of units and of prices


def auction(bids: list[tuple[float, float, float]], asks: list[tuple[float, float]]) -> Cleared:
    """Bids (limit, quantity, budget) meet asks (units, reserve) on one path."""
    limit, quantity, budget = np.array(bids, dtype=float).reshape(-1, 3).T[:, :, np.newaxis]
    ask, reserve = np.array(asks, dtype=float).reshape(-1, 2).T[:, :, np.newaxis]
    return call_auction(limit, quantity, budget, ask=ask, reserve=reserve)


def figures(cleared: Cleared) -> tuple[float, list[float], list[float]]:
    """Price, units bought and units sold of a single path."""
    return float(cleared.price[0]), cleared.bought[:, 0].tolist(), cleared.sold[:, 0].tolist()


# ---- by hand


def test_one_bid_limited_by_its_money_pays_its_budget_for_the_lot() -> None:
    price, bought, sold = figures(auction([(10.0, 100.0, 40.0)], [(8.0, 1.0)]))
    assert (price, bought, sold) == (5.0, [8.0], [8.0])  # 40 / 8


def test_one_bid_limited_by_its_racks_pays_the_reserve_and_leaves_the_rest_unsold() -> None:
    assert figures(auction([(10.0, 6.0, AMPLE)], [(8.0, 1.0)])) == (1.0, [6.0], [6.0])


def test_one_bid_with_racks_for_more_than_the_lot_pays_its_limit() -> None:
    assert figures(auction([(10.0, 9.0, AMPLE)], [(8.0, 1.0)])) == (10.0, [8.0], [8.0])


def test_bids_that_tie_at_the_margin_share_what_is_left_by_their_size() -> None:
    bids = [(10.0, 4.0, AMPLE), (7.0, 6.0, AMPLE), (7.0, 3.0, AMPLE), (5.0, 50.0, AMPLE)]
    assert figures(auction(bids, [(10.0, 1.0)])) == (7.0, [4.0, 4.0, 2.0, 0.0], [10.0])


def test_quantity_and_budget_add_up_between_two_kinks() -> None:
    # above 5 the second bid buys 60/p, the first 4 units: 4 + 60/p = 14 at p = 6
    price, bought, sold = figures(auction([(9.0, 4.0, AMPLE), (8.0, 12.0, 60.0)], [(14.0, 1.0)]))
    assert price == pytest.approx(6.0)
    assert bought == pytest.approx([4.0, 10.0])
    assert sold == pytest.approx([14.0])


def test_demand_short_at_the_lowest_reserve_sells_at_the_reserve_and_rations_the_asks() -> None:
    bids = [(10.0, 3.0, AMPLE), (6.0, 3.0, AMPLE)]
    assert figures(auction(bids, [(8.0, 2.0), (4.0, 2.0)])) == (2.0, [3.0, 3.0], [4.0, 2.0])


def test_a_patient_seller_keeps_out_below_its_reserve() -> None:
    bids = [(10.0, 3.0, AMPLE), (6.0, 5.0, AMPLE)]
    assert figures(auction(bids, [(4.0, 1.0), (9.0, 8.0)])) == (6.0, [3.0, 1.0], [4.0, 0.0])


def test_a_patient_seller_at_the_margin_sells_what_the_hurried_one_leaves() -> None:
    bids = [(10.0, 7.0, AMPLE), (6.0, 5.0, AMPLE)]
    assert figures(auction(bids, [(4.0, 1.0), (9.0, 8.0)])) == (8.0, [7.0, 0.0], [4.0, 3.0])


def test_without_bids_there_is_no_price_and_nothing_is_sold() -> None:
    assert figures(auction([(0.0, 5.0, AMPLE)], [(8.0, 1.0)])) == (0.0, [0.0], [0.0])


def test_bids_below_every_reserve_buy_nothing() -> None:
    assert figures(auction([(0.9, 5.0, AMPLE)], [(8.0, 1.0)])) == (0.0, [0.0], [0.0])


def test_a_bid_without_money_buys_nothing() -> None:
    assert figures(auction([(10.0, 5.0, 0.0)], [(8.0, 1.0)])) == (0.0, [0.0], [0.0])


def test_nothing_on_offer_has_no_price() -> None:
    assert figures(auction([(10.0, 5.0, AMPLE)], [(0.0, 1.0)])) == (0.0, [0.0], [0.0])


def test_a_bid_at_exactly_the_reserve_buys() -> None:
    assert figures(auction([(1.0, 5.0, AMPLE)], [(8.0, 1.0)])) == (1.0, [5.0], [5.0])


def test_a_hurried_and_a_patient_seller_with_the_same_reserve_share_the_buyers() -> None:
    price, _, sold = figures(auction([(10.0, 6.0, AMPLE)], [(9.0, 2.0), (3.0, 2.0)]))
    assert (price, sold) == (2.0, [4.5, 1.5])


# ---- between which prices: published markets stand in tests/oracle_cases/markets.py


def sides(bids: list[tuple[float, float]], asks: list[tuple[float, float]]) -> dict[str, Array]:
    """Bids (limit, units) and asks (units, reserve) as arrays of one path."""
    limit, quantity = np.array(bids, dtype=float).reshape(-1, 2).T[:, :, np.newaxis]
    ask, reserve = np.array(asks, dtype=float).reshape(-1, 2).T[:, :, np.newaxis]
    return {"limit": limit, "quantity": quantity, "ask": ask, "reserve": reserve}


def plain(bids: list[tuple[float, float]], asks: list[tuple[float, float]]) -> Cleared:
    """The auction where no budget binds."""
    return auction([(limit, quantity, AMPLE) for limit, quantity in bids], asks)


def test_a_bid_served_in_part_is_the_lowest_that_won_and_the_highest_that_lost() -> None:
    found = margins(plain([(10.0, 4.0)], [(2.0, 9.0)]), **sides([(10.0, 4.0)], [(2.0, 9.0)]))
    assert (float(found.lowest_won_bid[0]), float(found.highest_lost_bid[0])) == (10.0, 10.0)
    assert [float(end[0]) for end in found.interval()] == [10.0, 10.0]


def test_the_volume_trades_at_more_prices_than_walras_allows_where_buyers_are_rationed() -> None:
    market = sides([(6.5, 2.0), (10.0, 2.0)], [(2.0, 6.0)])
    assert [float(part[0]) for part in volume_interval(**market)] == [6.0, 10.0, 2.0]
    found = margins(plain([(6.5, 2.0), (10.0, 2.0)], [(2.0, 6.0)]), **market)
    assert [float(end[0]) for end in found.interval()] == [6.5, 10.0]


def test_where_nothing_trades_there_is_no_interval() -> None:
    assert [float(part[0]) for part in volume_interval(**sides([(8.0, 1.0)], [(1.0, 10.0)]))] == [0.0, 0.0, 0.0]


def test_who_pays_its_bid_pays_its_limit_for_what_it_got() -> None:
    bids = [(10.0, 4.0), (7.0, 6.0), (7.0, 3.0)]
    paid = pay_as_bid(plain(bids, [(10.0, 1.0)]), sides(bids, [(10.0, 1.0)])["limit"])
    assert paid[:, 0].tolist() == [40.0, 28.0, 14.0]


whole = st.tuples(st.integers(1, 12).map(float), st.integers(1, 9).map(float))


@settings(max_examples=200, deadline=None)
@given(st.lists(whole, min_size=1, max_size=6), st.lists(whole, min_size=1, max_size=4))
def test_our_price_is_the_top_of_the_interval_of_walras_or_the_reserve_of_a_rationed_seller(
    bids: list[tuple[float, float]], offers: list[tuple[float, float]]
) -> None:
    asks = [(units, reserve) for reserve, units in offers]
    cleared, market = plain(bids, asks), sides(bids, asks)
    low, high, volume = (float(part[0]) for part in volume_interval(**market))
    price = float(cleared.price[0])
    assert float(cleared.sold.sum()) == pytest.approx(volume)
    assert (price > 0.0) == (volume > 0.0)
    if price > 0.0:
        bottom, top = (float(end[0]) for end in margins(cleared, **market).interval())
        assert low <= price <= high
        assert price == top
        assert low <= bottom <= top <= high


# ---- whatever the numbers

amounts = st.one_of(st.integers(0, 20).map(float), st.floats(0.01, 50.0))
prices = st.one_of(st.integers(0, 12).map(float), st.floats(0.1, 12.0))
moneys = st.one_of(st.just(AMPLE), st.integers(0, 90).map(float), st.floats(0.5, 300.0))
bid_lists = st.lists(st.tuples(prices, amounts, moneys), min_size=1, max_size=7)
ask_lists = st.lists(st.tuples(amounts, st.floats(0.25, 11.0) | st.integers(1, 11).map(float)), min_size=1, max_size=4)


def demand(bids: list[tuple[float, float, float]], price: float, *, strict: bool = False) -> float:
    """Units that bidders would take at a price (only those whose limit is above it, if strict)."""
    willing = [bid for bid in bids if (bid[0] > price if strict else bid[0] >= price) and bid[1] > 0.0]
    return sum(min(quantity, budget / price) for _, quantity, budget in willing)


def supply(asks: list[tuple[float, float]], price: float, *, strict: bool = False) -> float:
    """Units that sellers would give at a price (only those whose reserve is below it, if strict)."""
    return sum(units for units, reserve in asks if (reserve < price if strict else reserve <= price))


def searched(bids: list[tuple[float, float, float]], asks: list[tuple[float, float]]) -> float:
    """The highest price at which demand covers supply, by bisection on their difference; 0 where nothing trades."""
    low, high = 0.0, 13.0
    if demand(bids, 1e-9) <= 0.0 or supply(asks, 13.0) <= 0.0:
        return 0.0
    for _ in range(200):
        middle = (low + high) / 2.0
        covers = demand(bids, middle) >= supply(asks, middle) - 1e-12
        low, high = (middle, high) if covers else (low, middle)
    return low


@settings(max_examples=300, deadline=None)
@given(bid_lists, ask_lists)
def test_units_bought_are_units_sold_within_bids_asks_and_budgets(
    bids: list[tuple[float, float, float]], asks: list[tuple[float, float]]
) -> None:
    price, bought, sold = figures(auction(bids, asks))
    total = sum(units for units, _ in asks)
    assert sum(bought) == pytest.approx(sum(sold), rel=CLOSE, abs=CLOSE)
    for (limit, quantity, budget), units in zip(bids, bought, strict=True):
        assert -CLOSE <= units <= quantity * (1.0 + CLOSE)
        assert units * price <= budget * (1.0 + CLOSE) + CLOSE
        assert units <= CLOSE or limit >= price, "nobody fills worse than its limit"
    for (units, reserve), given_up in zip(asks, sold, strict=True):
        assert -CLOSE <= given_up <= units * (1.0 + CLOSE)
        assert given_up <= CLOSE or reserve <= price, "nobody sells below its reserve"
    assert sum(sold) <= total * (1.0 + CLOSE)
    assert (price > 0.0) == (sum(sold) > 0.0)


@settings(max_examples=300, deadline=None)
@given(bid_lists, ask_lists)
def test_no_better_bid_or_ask_is_left_while_a_worse_one_trades(
    bids: list[tuple[float, float, float]], asks: list[tuple[float, float]]
) -> None:
    price, bought, sold = figures(auction(bids, asks))
    if price <= 0.0:
        return
    served = [
        min(1.0, units / min(q, b / price)) if min(q, b / price) > 0.0 else 1.0
        for (_, q, b), units in zip(bids, bought, strict=True)
    ]
    for (limit, *_), share in zip(bids, served, strict=True):
        for (other, _, _), units in zip(bids, bought, strict=True):
            assert not (other < limit and units > CLOSE and share < 1.0 - 1e-6)
    for (units, reserve), done in zip(asks, sold, strict=True):
        for (_, other), more in zip(asks, sold, strict=True):
            assert not (other > reserve and more > CLOSE and done < units * (1.0 - 1e-6))


@settings(max_examples=300, deadline=None)
@given(bid_lists, ask_lists)
def test_as_much_is_traded_as_any_price_would_trade(
    bids: list[tuple[float, float, float]], asks: list[tuple[float, float]]
) -> None:
    price, bought, _ = figures(auction(bids, asks))
    kinks = [p for limit, q, b in bids for p in (limit, b / q if q > 0.0 else 0.0)] + [reserve for _, reserve in asks]
    grid = [p for p in {*kinks, *np.linspace(0.05, 12.0, 60).tolist()} if p > 0.0]
    most = max(min(demand(bids, p), supply(asks, p)) for p in grid)
    assert sum(bought) >= most * (1.0 - 1e-6) - 1e-9
    assert price > 0.0 or most <= 1e-9


@settings(max_examples=400, deadline=None)
@given(bid_lists, ask_lists)
def test_the_price_is_the_one_that_an_independent_bisection_finds(
    bids: list[tuple[float, float, float]], asks: list[tuple[float, float]]
) -> None:
    price, bought, _ = figures(auction(bids, asks))
    found = searched(bids, asks)
    if sum(bought) <= 1e-9:
        assert min(demand(bids, max(found, 1e-9)), supply(asks, max(found, 1e-9))) <= 1e-6
        return
    # where supply jumps over demand at a reserve the bisection stops just below it: there the price is the reserve
    at_reserve = any(reserve == pytest.approx(price, rel=1e-9) for _, reserve in asks)
    assert price == pytest.approx(found, rel=1e-6) or (at_reserve and supply(asks, price) >= demand(bids, price) - 1e-9)


@settings(max_examples=200, deadline=None)
@given(bid_lists, ask_lists, st.floats(0.1, 30.0))
def test_more_on_offer_never_raises_the_price(
    bids: list[tuple[float, float, float]], asks: list[tuple[float, float]], more: float
) -> None:
    before = figures(auction(bids, asks))[0]
    larger = [(units + more if i == 0 else units, reserve) for i, (units, reserve) in enumerate(asks)]
    after = figures(auction(bids, larger))[0]
    lowest = min(reserve for units, reserve in larger if units > 0.0)
    if before > 0.0 and after > 0.0 and lowest == min((r for u, r in asks if u > 0.0), default=lowest):
        assert after <= before * (1.0 + 1e-9)


@settings(max_examples=200, deadline=None)
@given(bid_lists, ask_lists, st.randoms(use_true_random=False))
def test_the_order_of_bids_and_asks_changes_neither_price_nor_anybodys_fill(
    bids: list[tuple[float, float, float]], asks: list[tuple[float, float]], luck: Any
) -> None:
    price, bought, sold = figures(auction(bids, asks))
    order, rank = list(range(len(bids))), list(range(len(asks)))
    luck.shuffle(order)
    luck.shuffle(rank)
    other, moved, given_up = figures(auction([bids[i] for i in order], [asks[i] for i in rank]))
    assert other == pytest.approx(price, rel=1e-9)
    assert moved == pytest.approx([bought[i] for i in order], rel=1e-6, abs=1e-6)
    assert given_up == pytest.approx([sold[i] for i in rank], rel=1e-6, abs=1e-6)


@settings(max_examples=100, deadline=None)
@given(bid_lists, ask_lists, st.floats(1.0, 5.0))
def test_deeper_pockets_never_lower_the_price(
    bids: list[tuple[float, float, float]], asks: list[tuple[float, float]], deeper: float
) -> None:
    before = figures(auction(bids, asks))[0]
    after = figures(auction([(limit, quantity, budget * deeper) for limit, quantity, budget in bids], asks))[0]
    assert after >= before * (1.0 - 1e-9)


def test_every_path_of_many_clears_as_it_would_alone() -> None:
    luck = np.random.default_rng(1)
    limit, quantity = luck.uniform(0.0, 10.0, (9, 40)).round(1), luck.uniform(0.0, 9.0, (9, 40)).round(1)
    budget = np.where(luck.random((9, 40)) < 0.5, AMPLE, luck.uniform(0.0, 60.0, (9, 40)))
    ask, reserve = luck.uniform(0.0, 20.0, (2, 40)).round(1), luck.uniform(0.5, 6.0, (2, 40)).round(1)
    together = call_auction(limit, quantity, budget, ask=ask, reserve=reserve)
    for path in range(40):
        one = slice(path, path + 1)
        alone = call_auction(limit[:, one], quantity[:, one], budget[:, one], ask=ask[:, one], reserve=reserve[:, one])
        for name in ("price", "bought", "sold"):
            assert np.array_equal(getattr(alone, name), getattr(together, name)[..., one])


def test_a_thousand_random_auctions_agree_with_a_dense_grid_of_prices() -> None:
    luck = np.random.default_rng(4)
    limit, quantity = luck.uniform(1.0, 10.0, (6, 1000)), luck.uniform(0.5, 9.0, (6, 1000))
    budget = np.where(luck.random((6, 1000)) < 0.3, AMPLE, luck.uniform(1.0, 60.0, (6, 1000)))
    ask, reserve = luck.uniform(0.5, 20.0, (2, 1000)), luck.uniform(0.5, 6.0, (2, 1000))
    cleared = call_auction(limit, quantity, budget, ask=ask, reserve=reserve)
    grid = np.linspace(0.5, 10.0, 1901)[:, np.newaxis]
    wanted, on_offer = np.zeros((len(grid), 1000)), np.zeros((len(grid), 1000))
    for j in range(6):
        wanted += np.where(limit[j] >= grid, np.minimum(quantity[j], budget[j] / grid), 0.0)
    for k in range(2):
        on_offer += np.where(reserve[k] <= grid, ask[k], 0.0)
    volume = np.minimum(wanted, on_offer).max(axis=0)
    assert np.all(cleared.bought.sum(axis=0) >= volume * (1.0 - 1e-9) - 1e-9)
    step = grid[1, 0] - grid[0, 0]
    highest = np.max(np.where((wanted >= on_offer - 1e-9) & (on_offer > 0.0), grid, 0.0), axis=0)
    traded = cleared.price > 0.0
    near = np.abs(cleared.price - highest) <= step + 1e-9
    at_reserve = (np.abs(cleared.price - reserve) <= step).any(axis=0)  # the grid may step over the crossing
    assert np.all(near | at_reserve | ~traded)
    assert traded.mean() > 0.9
    assert near.mean() > 0.5


# ---- paths on which nothing is asked


def test_paths_on_which_nothing_is_asked_do_not_change_the_others() -> None:
    luck = np.random.default_rng(3)
    bids = [luck.uniform(1.0, 9.0, (5, 6)) for _ in range(3)]
    ask, reserve = luck.uniform(1.0, 20.0, (2, 6)), luck.uniform(0.5, 4.0, (2, 6))
    ask[:, [1, 4]] = 0.0
    together = call_auction(*bids, ask=ask, reserve=reserve)
    for path in range(6):
        alone = call_auction(*(b[:, [path]] for b in bids), ask=ask[:, [path]], reserve=reserve[:, [path]])
        assert together.price[[path]].tobytes() == alone.price.tobytes()
        assert together.bought[:, [path]].tobytes() == alone.bought.tobytes()
        assert together.sold[:, [path]].tobytes() == alone.sold.tobytes()
    assert together.price[[1, 4]].tolist() == [0.0, 0.0]
    assert (together.price[[0, 2, 3, 5]] > 0.0).all()
