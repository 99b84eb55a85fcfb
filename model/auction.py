"""At which price does a lot of machines clear, who buys how many, and what stays unsold?

A uniform-price call auction: demand `D(p) = sum_j min(q_j, b_j / p) 1[v_j >= p]` falls in p, supply
`S(p) = sum_k a_k 1[r_k <= p]` rises. The price is where they cross; it is found at the kinks and, between two kinks, as
`b / (S - a)`: exact, without iteration. Where demand is short even at the lowest reserve, that reserve is the price and
asks at it are rationed; what finds no bid stays unsold.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nobid.agents.state import Array, ordered_sum, ratio


@dataclass(frozen=True)
class Cleared:
    """Price (R,), 0 where nothing was traded; units bought per bid (J, R) and sold per ask (K, R)."""

    price: Array
    bought: Array
    sold: Array


def call_auction(limit: Array, quantity: Array, budget: Array, *, ask: Array, reserve: Array) -> Cleared:
    """The auction of one generation on every path is cleared.

    `limit` (J, R) USD a unit, `quantity` (J, R) units, `budget` (J, R) USD, `ask` (K, R) units, `reserve` (K, R) USD.
    A bid at exactly the price shares what is left pro rata with its equals; so does an ask at exactly the price.
    Paths on which nothing is asked are left out.
    """
    asked = (ask != 0.0).any(axis=0)
    if asked.all():
        return _cleared(limit, quantity, budget, ask, reserve)
    paths = np.flatnonzero(asked)
    part = _cleared(*(side.take(paths, axis=1) for side in (limit, quantity, budget, ask, reserve)))
    whole = Cleared(np.zeros(ask.shape[1]), np.zeros_like(limit), np.zeros_like(ask))
    whole.price[paths], whole.bought[:, paths], whole.sold[:, paths] = part.price, part.bought, part.sold
    return whole


def _cleared(limit: Array, quantity: Array, budget: Array, ask: Array, reserve: Array) -> Cleared:
    """The auction of paths on which something may be asked."""
    quantity = np.where((limit > 0.0) & (budget > 0.0), np.maximum(quantity, 0.0), 0.0)
    budget = np.where(quantity > 0.0, budget, 0.0)
    price = _crossing(limit, quantity, budget, ask, reserve)
    affordable = np.minimum(quantity, ratio(budget, price))
    ahead = np.where((limit > price) & (price > 0.0), affordable, 0.0)
    level = np.where((limit == price) & (price > 0.0), affordable, 0.0)
    sure = np.where(reserve < price, ask, 0.0)
    margin = np.where((reserve == price) & (price > 0.0), ask, 0.0)
    supply = ordered_sum(sure) + ordered_sum(margin)
    traded = np.minimum(ordered_sum(ahead) + ordered_sum(level), supply)
    bought = _ration(ahead, level, traded)
    sold = _ration(sure, margin, traded)
    return Cleared(np.where(traded > 0.0, price, 0.0), bought, sold)


@dataclass(frozen=True)
class Margins:
    """The limits between which a price could stand, `(R,)`: a bid (or ask) served in part stands on both sides.

    No losing bid or winning ask: 0; no winning bid or losing ask: infinite.
    """

    lowest_won_bid: Array
    highest_lost_bid: Array
    highest_won_ask: Array
    lowest_lost_ask: Array

    def interval(self) -> tuple[Array, Array]:
        """The lowest and the highest price at which nobody would want another fill (Walras): `(R,)` each."""
        return (
            np.maximum(self.highest_won_ask, self.highest_lost_bid),
            np.minimum(self.lowest_won_bid, self.lowest_lost_ask),
        )


def margins(cleared: Cleared, limit: Array, quantity: Array, *, ask: Array, reserve: Array) -> Margins:
    """The best and worst limits that won and lost, where no budget binds. Shapes as in `call_auction`.

    Our price is the highest at which demand covers supply, the upper end of the interval; the lower end is the price
    of the highest losing bid.
    """
    won, lost = cleared.bought > 0.0, cleared.bought < quantity
    gave, kept = cleared.sold > 0.0, cleared.sold < ask
    return Margins(
        np.min(np.where(won, limit, np.inf), axis=0),
        np.max(np.where(lost, limit, 0.0), axis=0),
        np.max(np.where(gave, reserve, 0.0), axis=0),
        np.min(np.where(kept, reserve, np.inf), axis=0),
    )


def volume_interval(limit: Array, quantity: Array, *, ask: Array, reserve: Array) -> tuple[Array, Array, Array]:
    """The lowest and the highest submitted price at which the greatest volume trades, and that volume: `(R,)` each.

    Wider than the interval of Walras where one side is rationed: a rule that maximises volume may set any of these
    prices. 0 where nothing trades; no budget binds.
    """
    price = np.concatenate([limit, reserve])
    wanted = ordered_sum(np.where(limit[:, np.newaxis] >= price, quantity[:, np.newaxis], 0.0))
    on_offer = ordered_sum(np.where(reserve[:, np.newaxis] <= price, ask[:, np.newaxis], 0.0))
    volume = np.minimum(wanted, on_offer)
    most = np.max(volume, axis=0)
    best = (volume >= most) & (most > 0.0)
    low, high = np.min(np.where(best, price, np.inf), axis=0), np.max(np.where(best, price, 0.0), axis=0)
    return np.where(most > 0.0, low, 0.0), high, most


def pay_as_bid(cleared: Cleared, limit: Array) -> Array:
    """What each bid would pay at its own limit for what it got: `(J, R)`."""
    return cleared.bought * limit


def _ration(first: Array, marginal: Array, traded: Array) -> Array:
    """`traded` is shared: `first` in full (pro rata if they exceed it), the marginal ones pro rata with the rest."""
    inner, outer = ordered_sum(first), ordered_sum(marginal)
    return first * np.minimum(ratio(traded, inner), 1.0) + marginal * np.clip(ratio(traded - inner, outer), 0.0, 1.0)


def _crossing(limit: Array, quantity: Array, budget: Array, ask: Array, reserve: Array) -> Array:
    """The highest price at which demand covers supply, or the reserve at which supply first exceeds demand."""
    turn = ratio(budget, quantity)  # below this price a bid's quantity binds, above it the budget
    rich = turn >= limit  # a bid whose quantity binds from its limit on enters with it at once
    offered = np.where(ask > 0.0, reserve, np.inf)
    # going down in price: at its limit a bid enters with its budget, at `turn` that becomes its quantity
    kink = np.concatenate([limit, np.where(rich, 0.0, turn), np.where(np.isfinite(offered), offered, 0.0)])
    none = np.zeros_like(quantity)
    flat = np.concatenate([np.where(rich, quantity, 0.0), np.where(rich, 0.0, quantity), np.zeros_like(ask)])
    sloped = np.concatenate([np.where(rich, 0.0, budget), np.where(rich, 0.0, -budget), np.zeros_like(ask)])
    supply_drop = np.concatenate([none, none, ask])
    place = np.argsort(-kink, axis=0, kind="stable") * kink.shape[1] + np.arange(kink.shape[1])
    a = np.add.accumulate(flat.take(place), axis=0)
    b = np.maximum(np.add.accumulate(sloped.take(place), axis=0), 0.0)
    total = ordered_sum(ask)
    left = total - np.add.accumulate(supply_drop.take(place), axis=0)
    return _first_cover(kink.take(place), a, b, left, total)


def _first_cover(kink: Array, a: Array, b: Array, left: Array, total: Array) -> Array:
    """Walk the kinks downwards: `a + b/p` just below kink i against supply on [kink i+1, kink i).

    Supply at the kink itself still counts the asks whose reserve equals it, so the walk looks at three places: the
    kink (demand of the bids above and at it, supply before its asks leave), and the open interval below it.
    """
    tiny = 1e-12 * np.maximum(total, 1.0)
    below = np.concatenate([kink[1:], np.zeros((1, kink.shape[1]))])
    positive = kink > 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        at_kink = np.where(positive, a + b / kink, np.inf)
        inside = np.where(left - a > tiny, b / (left - a), np.inf)
    before = np.concatenate([total[np.newaxis], left[:-1]])
    # supply that has left by the time the price is just below kink i
    covered_here = positive & (at_kink >= before - tiny) & (before > tiny)
    # asks at this kink leave below it: if demand covers what remains but not what stood, the kink is a reserve price
    drops = positive & (at_kink >= left - tiny) & (before > tiny) & (left < before - tiny)
    crossing = positive & (left > tiny) & (inside >= below)
    hit = covered_here | drops | crossing
    first = np.argmax(hit, axis=0)
    paths = np.arange(kink.shape[1])
    at = covered_here[first, paths] | drops[first, paths]
    price = np.where(at, kink[first, paths], np.minimum(inside[first, paths], kink[first, paths]))
    return np.where(hit.any(axis=0) & (total > 0.0), price, 0.0)
