"""What do the auction and the fire sale say to the published cases?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nobid.model import deleveraging, fire_sale
from nobid.model.auction import Cleared, call_auction, margins, pay_as_bid, volume_interval
from nobid.model.deleveraging import Rules, Sellers
from nobid.model.fire_sale import Impact
from tests.oracle_cases import Adapter, Check, each

Array = NDArray[np.float64]
AMPLE = 1e12  # a budget that never binds
NO_RESERVE = 1e-6  # a seller that takes any price


def column(values: Any) -> Array:
    """Numbers as the rules see them, one path: `(…, 1)`."""
    return np.asarray(values, dtype=float)[..., np.newaxis]


# ---- fire sale


def cash_need(case: dict[str, Any]) -> Iterator[Check]:
    """One seller raises cash under an exponential impact; beyond 1/(a e) it says what could be raised."""
    close, rows = case["tolerance"]["abs"], case["expected"]["cases"]
    need, depth = (np.array([row[name] for row in rows]) for name in ("cash_needed", "alpha"))
    raised = fire_sale.raises_cash(need, np.full(len(rows), AMPLE), price=np.ones(len(rows)), depth=1.0 / depth)
    for i, row in enumerate(rows):
        label = f"need {row['cash_needed']:g}"
        yield Check(f"{label}: feasible", row["feasible"], bool(raised.enough[i]), 0.0)
        if row["feasible"]:
            yield Check(f"{label}: units sold", row["units_sold"], float(raised.units[i]), close)
            yield Check(f"{label}: price", row["price"], float(raised.price[i]), close)
            yield Check(f"{label}: cash", row["cash_needed"], float(raised.units[i] * raised.price[i]), close)
        else:
            yield Check(f"{label}: most that can be raised", row["max_cash"], float(raised.cash[i]), close)
            yield Check(f"{label}: left", row["cash_needed"] - row["max_cash"], float(raised.short[i]), close)


def two_banks(case: dict[str, Any]) -> Iterator[Check]:
    """Cont and Schaanning's two banks: leverage rounds into an impact with an absolute price floor."""
    given, wanted, close = case["inputs"], case["expected"], case["tolerance"]["abs"]
    market_depth = given["c"] * given["ADV"] / given["sigma"] * np.sqrt(given["tau"])
    delta = (1.0 - given["price_floor"] / given["price0"]) * market_depth
    yield Check("market depth", wanted["market_depth"], float(market_depth), close)
    yield Check("depth times room above the floor", wanted["delta"], float(delta), close)
    illiquid = np.array(given["illiquid"])
    held, loss = column(given["holdings"]), illiquid.sum(axis=1) * 0.0 + illiquid @ np.array(given["eps"])
    other, equity = column(illiquid.sum(axis=1) - loss), column(given["equity"]) - column(loss)
    debt = fire_sale.worth(held, column([given["price0"]])) + other - equity
    nothing = 0.0 * debt
    rules = Rules(given["lambda_max"], given["lambda_target"], sweeps=True, borne=given["alpha"])
    start = deleveraging.opens(held, column([given["price0"]]), cash=nothing, other=other, debt=debt, owed=nothing)
    now = deleveraging.judges(start, rules)
    for row in wanted["rounds"]:
        market = Impact(delta / now.price, floor=given["price_floor"] / now.price)
        after = deleveraging.one_round(now, market, rules)
        sold = now.put_up * now.price
        figures = {
            "leverage_before": (now.assets() / now.equity())[:, 0],
            "sold_fraction": (now.put_up / now.units)[:, 0, 0],
            "sold_volume": sold.sum(axis=0)[:, 0],
            "price_impact": 1.0 - (after.price / now.price)[:, 0],
            "loss": (now.equity() - after.equity())[:, 0],
            "holdings": (after.units * after.price)[..., 0],
            "equity": after.equity()[:, 0],
            "price": after.price[:, 0],
        }
        for name, got in figures.items():
            yield from each(f"round {row['round']} {name}", row[name], got, close)
        now = after


def vulnerable_banks(case: dict[str, Any]) -> Iterator[Check]:
    """Greenwood, Landier and Thesmar: all banks sell (path 0), then each alone (its share of the damage)."""
    given, wanted, close = case["inputs"], case["expected"], case["tolerance"]["abs"]
    assets, equity = column(given["assets"]), column(given["equity"])
    held = assets[:, np.newaxis] * column(given["weights"])  # (banks, assets, 1)
    direct = fire_sale.worth(held, -column(given["shock"]))
    leverage = assets / equity
    shed = fire_sale.deleveraging(assets - direct, equity - direct, most=leverage, target=leverage)
    shed = np.concatenate([shed, shed * np.eye(len(shed))], axis=1)  # (banks, 1 + banks)
    sold = (column(given["weights"]) * shed[:, np.newaxis]).sum(axis=0)
    impact = Impact(1.0 / column(given["ell"]), form="linear")
    fall = fire_sale.sells(np.ones_like(sold), sold, impact).price - 1.0
    loss = fire_sale.worth(held, -fall)
    total = float(equity.sum())
    figures = {
        "direct_loss": direct[:, 0], "sales_by_asset": sold[:, 0], "second_round_price_return": fall[:, 0],
        "second_round_loss": loss[:, 0], "systemicness": loss[:, 1:].sum(axis=0) / total,
        "indirect_vulnerability": loss[:, 0] / equity[:, 0], "direct_vulnerability": (direct / equity)[:, 0],
    }  # fmt: skip
    for name, got in figures.items():
        yield from each(name, wanted[name], got, close)
    yield Check("aggregate vulnerability", wanted["aggregate_vulnerability"], float(loss[:, 0].sum()) / total, close)
    yield Check("aggregate direct", wanted["aggregate_direct"], float(direct.sum()) / total, close)


def overlapping(case: dict[str, Any]) -> Iterator[Check]:
    """Three banks, five assets: each asset crashed in turn is one path of a single call."""
    given, rows, close = case["inputs"], case["expected"]["rows"], case["tolerance"]["abs"]
    held = np.array(given["holdings_binary"], dtype=float)
    share = 0.8 * held / held.sum(axis=1, keepdims=True)
    price = np.ones((held.shape[1], len(rows)))
    for path, row in enumerate(rows):
        price[row["shocked_asset"], path] = row["shock_price"]
    units = np.repeat(share[..., np.newaxis], len(rows), axis=2)
    nothing = np.zeros((len(held), len(rows)))
    total = np.maximum(share.sum(axis=0), 1.0 * (share.sum(axis=0) == 0.0))[:, np.newaxis]
    gone = fire_sale.liquidates(units, nothing + 0.2, nothing + 0.9, price=price, impact=Impact(total / given["alpha"]))
    for path, row in enumerate(rows):
        label = f"asset {row['shocked_asset']} at {row['shock_price']:g}"
        rounds = [np.flatnonzero(gone.failed_in[:, path] == number).tolist() for number in range(1, gone.rounds + 1)]
        yield Check(f"{label}: failed", str(row["failed"]), str(np.flatnonzero(gone.failed[:, path]).tolist()), 0.0)
        yield Check(f"{label}: by round", str(row["failures_by_round"]), str([r for r in rounds if r]), 0.0)
        yield from each(f"{label}: price", row["prices"], gone.price[:, path], close)


def capital_ratios(case: dict[str, Any]) -> Iterator[Check]:
    """Banks that sell to stand at a capital ratio: the price at which their sales keep it there."""
    close = case["tolerance"]["abs"]
    for given, wanted in zip(case["inputs"]["cases"], case["expected"]["cases"], strict=True):
        held, cash, owed = (column(given[name]) for name in ("illiquid", "cash", "outside_liabilities"))
        claims, least = 0.0 * cash, given["capital_ratio"]

        def rule(price: Array, held: Array = held, cash: Array = cash, owed: Array = owed, r: float = least) -> Array:
            return fire_sale.capital_ratio_sales(price, held, cash=cash, claims=0.0 * cash, owed=owed, least=r)

        settled = fire_sale.settles_price(rule, Impact(1.0 / given["alpha"]), paths=1)
        left = settled.price * (held - settled.sold) + claims
        equity = settled.price * held + cash + claims - owed
        after = [float(e / x) if x > 0.0 else None for e, x in zip(equity[:, 0], left[:, 0], strict=True)]
        label = wanted["name"].replace("_", " ")
        yield Check(f"{label}: price", wanted["price"], float(settled.price[0]), close)
        yield from each(f"{label}: sale", wanted["sales"], settled.sold[:, 0], close)
        yield from each(f"{label}: capital ratio", wanted["capital_ratio_after"], after, close)


# ---- the stress test on the balance sheets of 48 banks


def legacy_orders(need: Array, paid: Array, cash: Array) -> Array:
    """What the authors' code of January 2019 sold once it had paid."""
    del need
    return np.maximum(paid - (cash - paid), 0.0)


def banks(given: dict[str, Any], shock: Array) -> Sellers:
    """The 48 balance sheets with government bonds (asset 1) marked down by `shock` (R,)."""
    capital, leverage = np.array(given["CET1"]), np.array(given["leverage_pct"]) / 100.0
    assets, government = capital / leverage, np.array(given["government_bonds"])
    corporate, paths = np.array(given["debt_securities"]) - government, len(shock)
    cash, debt = 0.05 * assets, 0.5 * (assets - capital)
    other = assets - np.array(given["debt_securities"]) - cash

    def wide(values: Array) -> Array:
        return np.repeat(values[..., np.newaxis], paths, axis=-1)

    price = np.stack([np.ones(paths), 1.0 - shock])
    units = wide(np.stack([corporate, government], axis=1))
    return deleveraging.opens(units, price, cash=wide(cash), other=wide(other), debt=wide(debt), owed=wide(debt))


def stress_test(given: dict[str, Any], *, shock: Array, beta: Array, rules: Rules) -> tuple[Array, Array]:
    """Share of banks that failed and share of units sold after the study's number of steps, `(R,)` each."""
    start = banks(given, shock)
    total = start.units.sum(axis=0)
    impact = Impact(total * np.where(beta > 0.0, 1.0 / np.where(beta > 0.0, beta, 1.0), np.inf))
    now = start
    for _ in range(given["steps"]):
        now = deleveraging.one_round(now, impact, rules)
    share = now.failed.mean(axis=0)
    return np.where(share < 0.05, 0.0, share), now.sold.sum(axis=0) / total.sum(axis=0)


def _rows(
    case: dict[str, Any], rows: Sequence[dict[str, Any]], got: tuple[Array, Array], label: str
) -> Iterator[Check]:
    close = case["tolerance"]
    for i, row in enumerate(rows):
        place = f"{label} {row['x']:g}"
        yield Check(f"{place}: share failed", row["systemic_risk"], float(got[0][i]), close["systemic_risk_abs"])
        yield Check(f"{place}: share sold", row["sold_share"], float(got[1][i]), close["sold_abs"])


def impact_sweep(case: dict[str, Any], scale: float = 20.0, **options: Any) -> Iterator[Check]:
    """One path a price impact."""
    given = case["inputs"]
    impacts = np.array(given["price_impacts"])
    rules = Rules(1.0 / given["buffer"], 1.0 / given["lev_target"], least=given["lev_min"], **options)
    beta = -scale * np.log1p(-impacts)
    got = stress_test(given, shock=np.full(len(impacts), given["shock"]), beta=beta, rules=rules)
    yield from _rows(case, case["expected"]["rows"], got, "price impact")


def impact_sweep_legacy(case: dict[str, Any]) -> Iterator[Check]:
    """The figure in the authors' repository, by the rules of the commit that drew it."""
    yield from impact_sweep(case, scale=10.0, orders=legacy_orders)


def shock_sweep_legacy(case: dict[str, Any]) -> Iterator[Check]:
    """One path a shock; sellers act at a threshold, or target leverage at once."""
    given = case["inputs"]
    shocks = np.array(given["shocks"])
    beta = np.full(len(shocks), -10.0 * np.log1p(-given["price_impact"]))
    for name, trigger in (("threshold", 0.04), ("leverage_targeting", given["lev_target"])):
        rules = Rules(1.0 / trigger, 1.0 / given["lev_target"], least=given["lev_min"], orders=legacy_orders)
        got = stress_test(given, shock=shocks, beta=beta, rules=rules)
        yield from _rows(case, case["expected"][name], got, name.replace("_", " ") + ", shock")


# ---- auction


def meet(bids: Any, asks: Any) -> tuple[Cleared, dict[str, Array]]:
    """Bids (price, units) and asks (price, units) have met; the sides as arrays."""
    limit, quantity = column(bids).swapaxes(0, 1)
    reserve, ask = column(asks).swapaxes(0, 1)
    sides = {"limit": limit, "quantity": quantity, "ask": ask, "reserve": np.maximum(reserve, NO_RESERVE)}
    return call_auction(limit, quantity, np.full_like(limit, AMPLE), ask=ask, reserve=sides["reserve"]), sides


def bid_ladder(case: dict[str, Any]) -> Iterator[Check]:
    """A forced sale into finite bids. Published price: the highest at which the volume trades; ours where bids fall
    short of the lot: the seller's reserve. Fills and what stays unsold are the same.
    """
    close = case["tolerance"]["abs"]
    bids = case["inputs"]["bids"]
    for given, wanted in zip(case["inputs"]["cases"], case["expected"]["cases"], strict=True):
        cleared, side = meet(bids, [(given["reserve"], given["quantity"])])
        _, top, _ = volume_interval(**side)
        label = f"{given['quantity']} units, reserve {given['reserve']:g}, {given['rule'].replace('_', ' ')}"
        fills, sold = cleared.bought[:, 0], float(cleared.sold.sum())
        paid = pay_as_bid(cleared, side["limit"]) if given["rule"] == "pay_as_bid" else top * cleared.bought
        yield Check(f"{label}: price", wanted["price"], float(top[0]), close)
        if wanted["unsold"] == 0:
            yield Check(f"{label}: price of the auction", wanted["price"], float(cleared.price[0]), close)
        yield Check(f"{label}: sold", wanted["sold"], sold, close)
        yield Check(f"{label}: unsold", wanted["unsold"], given["quantity"] - sold, close)
        yield from each(f"{label}: fill", wanted["fills"], fills, close)
        yield Check(f"{label}: proceeds", wanted["proceeds"], float(paid.sum()), close)


def double_auction(case: dict[str, Any]) -> Iterator[Check]:
    """Six small markets. Our price is the top of the interval of Walras; the published one the midpoint of the prices
    at which the volume trades.
    """
    close = case["tolerance"]["abs"]
    for number, (given, wanted) in enumerate(zip(case["inputs"]["cases"], case["expected"]["cases"], strict=True), 1):
        cleared, side = meet(given["bids"], given["asks"])
        low, high, units = (float(part[0]) for part in volume_interval(**side))
        result, walras = wanted["result"], wanted["walrasian_interval"]
        yield Check(f"market {number}: trades", result is not None, float(cleared.price[0]) > 0.0, 0.0)
        if result is None:
            continue
        yield Check(f"market {number}: units", result["units"], float(cleared.sold.sum()), close)
        yield Check(f"market {number}: greatest volume", result["units"], units, close)
        yield from each(f"market {number}: volume interval", result["volume_max_interval"], [low, high], close)
        yield Check(f"market {number}: midpoint", result["midpoint"], (low + high) / 2.0, close)
        ends = [float(end[0]) for end in margins(cleared, **side).interval()]
        yield from each(f"market {number}: interval of Walras", walras, ends, close)
        yield Check(f"market {number}: our price, its top", walras[1], float(cleared.price[0]), close)


def break_even(case: dict[str, Any]) -> Iterator[Check]:
    """Five bids and five asks of one unit."""
    wanted, close = case["expected"], case["tolerance"]["abs"]
    cleared, side = meet(case["inputs"]["bids"], case["inputs"]["asks"])
    found = margins(cleared, **side)
    low, high = (float(end[0]) for end in found.interval())
    units = float(cleared.sold.sum())
    yield Check("units", wanted["k"], units, close)
    yield from each("interval", wanted["interval"], [low, high], close)
    yield Check("average price", wanted["average_price"], (low + high) / 2.0, close)
    yield from each("buyer", wanted["buyers_trading"], np.flatnonzero(cleared.bought[:, 0]), close)
    yield from each("seller", wanted["sellers_trading"], np.flatnonzero(cleared.sold[:, 0]), close)
    mcafee = float(found.highest_lost_bid[0] + found.lowest_lost_ask[0]) / 2.0
    yield Check("McAfee's price", wanted["mcafee_price"], mcafee, close)
    yield Check("a buyer pays (Vickrey)", wanted["vcg_buyers_pay"], low, close)
    yield Check("a seller receives (Vickrey)", wanted["vcg_sellers_receive"], high, close)
    yield Check("deficit (Vickrey)", wanted["vcg_deficit"], units * (high - low), close)


def six_units(case: dict[str, Any]) -> Iterator[Check]:
    """Six units, three bidders with falling bids: uniform, discriminatory and Vickrey payments from the same fills."""
    wanted, close, bids = case["expected"], case["tolerance"]["abs"], np.array(case["inputs"]["bids"], dtype=float)
    flat, count = bids.ravel(), len(bids)
    owner = np.repeat(np.arange(count), bids.shape[1])
    lot = [(0.0, case["inputs"]["units"])]
    cleared, side = meet([(price, 1.0) for price in flat], lot)
    won = cleared.bought[:, 0].reshape(bids.shape).sum(axis=1)
    found = margins(cleared, **side)
    lowest, highest = float(found.lowest_won_bid[0]), float(found.highest_lost_bid[0])
    own = pay_as_bid(cleared, side["limit"])[:, 0]
    vickrey = []
    for bidder in range(count):
        others = owner != bidder
        alone, there = meet([(price, 1.0) for price in flat[others]], lot)
        vickrey.append(float(pay_as_bid(alone, there["limit"]).sum() - own[others].sum()))
    yield from each("units won", wanted["units_won"], won, close)
    yield Check("lowest winning bid, our price", wanted["lowest_winning_bid"], float(cleared.price[0]), close)
    yield Check("lowest winning bid", wanted["lowest_winning_bid"], lowest, close)
    yield Check("highest losing bid", wanted["highest_losing_bid"], highest, close)
    yield from each("pays the highest losing bid", wanted["uniform_payments_highest_losing"], won * highest, close)
    yield from each("pays the lowest winning bid", wanted["uniform_payments_lowest_winning"], won * lowest, close)
    yield from each("pays its bids", wanted["discriminatory_payments"], own.reshape(bids.shape).sum(axis=1), close)
    yield from each("pays (Vickrey)", wanted["vickrey_payments"], vickrey, close)


Cases = dict[str, Callable[[dict[str, Any]], Iterator[Check]]]
CASES: dict[str, Adapter] = {
    "fs_cash_need_lambertw": cash_need,
    "fs_cont_schaanning_two_banks": two_banks,
    "fs_glt_two_by_two": vulnerable_banks,
    "fs_overlap_3bank_5asset": overlapping,
    "cfs_capital_ratio_small": capital_ratios,
    "fs_oxinet_price_impact_sweep": impact_sweep,
    "fs_oxinet_published_figure1": impact_sweep_legacy,
    "fs_oxinet_published_figures23": shock_sweep_legacy,
    "au_fire_sale_bid_ladder": bid_ladder,
    "au_double_auction_dauction_tests": double_auction,
    "au_break_even_index": break_even,
    "au_krishna_six_units": six_units,
}
