"""What becomes of a price when sellers need no bid: how far does it fall, what is raised, who must sell next?

The textbook alternative to the auction: an impact function takes what is sold and says what share of its price the
asset keeps, `p = p0 exp(-s/d)` after Cifuentes, Ferrucci and Shin (2005). Units sold always find a buyer, whom the
function invents; the depth `d` is its only figure. Pure functions on arrays, replications last: holdings `(n, A, R)`
of n sellers in A assets, prices `(A, R)`. What settles by iteration says in how many rounds and with what residual;
what does not settle is an error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from nobid.agents.state import Array, Mask, ordered_sum, over_generations, ratio

RESIDUAL = 1e-13  # relative change of a price, or of cash raised, at which it stands
ROUNDS = 100_000


class NotSettled(ArithmeticError):
    """A price or a quantity did not settle: never a truncation."""


@dataclass(frozen=True)
class Impact:
    """What share of its price an asset keeps when `sold` is sold.

    `depth` in the unit of what is sold (units, money or a share of all units); "exponential":
    `floor + (1 - floor) exp(-sold/depth)`, so that a sale of one depth takes 1 - 1/e of what lies above the floor;
    "linear": `max(1 - sold/depth, floor)`. `floor` is a share of the price at which the sale begins. A depth of 0 is a
    market in which nothing can be sold, and keeps its price.
    """

    depth: Array | float
    floor: Array | float = 0.0
    form: Literal["exponential", "linear"] = "exponential"

    def keeps(self, sold: Array) -> Array:
        """The share of the price that is left.

        >>> float(Impact(100.0).keeps(np.array(100.0))) == float(np.exp(-1.0))
        True
        >>> float(Impact(100.0, form="linear").keeps(np.array(25.0)))
        0.75
        """
        burden = ratio(sold, self.depth)
        if self.form == "linear":
            return np.maximum(1.0 - burden, self.floor)
        kept: Array = self.floor + (1.0 - np.asarray(self.floor)) * np.exp(-burden)
        return kept


@dataclass(frozen=True)
class Sale:
    """Prices after one simultaneous sale, and what each seller received a unit, `(A, R)` each."""

    price: Array
    received: Array


def sells(price: Array, sold: Array, impact: Impact, *, borne: float = 1.0) -> Sale:
    """All of `sold` (A, R) has gone into the market at once; sellers bear the share `borne` of the fall.

    `borne` 1: everybody gets the price after the sale; 1/2: the middle of the two; 0: the price before.

    >>> sale = sells(np.array([[2.0]]), np.array([[50.0]]), Impact(100.0, form="linear"), borne=0.5)
    >>> sale.price.tolist(), sale.received.tolist()
    ([[1.0]], [[1.5]])
    """
    after = price * impact.keeps(sold)
    return Sale(after, price - borne * (price - after))


# ---- cash


@dataclass(frozen=True)
class Raised:
    """Units sold, the price of all of them, the cash they bring and what of the need is left, `(…,)` each.

    `enough` where the need is met. `rounds` of Newton's method and the largest relative `residual` of cash.
    """

    units: Array
    price: Array
    cash: Array
    short: Array
    enough: Mask
    rounds: int
    residual: float


def raises_cash(need: Array, held: Array, *, price: Array, depth: Array) -> Raised:
    """The fewest units whose sale at `price exp(-units/depth)`, one price for all, brings `need`; else the most cash.

    The smallest root of `s price exp(-s/depth) = need`, which is `-depth W0(-need / (price depth))`. More than
    `price depth / e` cannot be raised, by selling one depth, nor more than `held` units sold: where the need is beyond
    that, the sale that brings most has been made and `short` is what it lacks. After Cifuentes, Ferrucci and Shin
    (2005); the region in which proceeds rise, s < depth, after Amini, Filipovic and Minca (2016).

    >>> one = raises_cash(np.array(20.0), np.array(1e9), price=np.array(1.0), depth=np.array(200.0))
    >>> round(float(one.units), 9), bool(one.enough)
    (22.366511832, True)
    """
    most = np.minimum(held, depth)
    wanted = np.clip(ratio(need, price * depth), 0.0, None)
    cap = ratio(most, depth)
    best = cap * np.exp(-cap)
    enough = wanted <= best
    burden, rounds, residual = _smallest_root(np.minimum(wanted, best), cap)
    units = np.where(enough, np.minimum(burden * depth, most), most)
    final = price * np.exp(-ratio(units, depth))
    cash = np.where(enough, np.maximum(need, 0.0), units * final)
    return Raised(units, final, cash, np.maximum(need - cash, 0.0), enough, rounds, residual)


def _smallest_root(wanted: Array, cap: Array) -> tuple[Array, int, float]:
    """The x in [0, cap] with `x exp(-x) = wanted`, where cap <= 1 and wanted <= cap exp(-cap): Newton from the left.

    `x exp(-x)` rises and is concave there: a tangent lies above it, so no step goes beyond the root.
    """
    x = np.minimum(wanted, cap)
    for rounds in range(1, ROUNDS + 1):
        gap = wanted - x * np.exp(-x)
        moving = gap > RESIDUAL * wanted
        if not moving.any():
            return x, rounds, float(np.max(ratio(np.abs(gap), wanted), initial=0.0))
        x = np.where(moving, np.minimum(x + ratio(gap, (1.0 - x) * np.exp(-x)), cap), x)
    raise NotSettled(
        f"cash raised did not settle after {ROUNDS} rounds: {float(np.max(gap)):.3g} of a depth is lacking"
    )


# ---- who must sell


def deleveraging(assets: Array, equity: Array, *, most: Array | float, target: Array | float) -> Array:
    """What must be shed, in money: where assets exceed `most` times equity, what takes them down to `target` times.

    Greenwood, Landier and Thesmar (2015) with `most` = `target`; with a threshold after Cont and Schaanning (2017).

    >>> deleveraging(np.array([98.0, 90.0]), np.array([2.0, 4.5]), most=33.0, target=30.0).tolist()
    [38.0, 0.0]
    """
    return np.where(assets > most * equity, np.maximum(assets - target * np.maximum(equity, 0.0), 0.0), 0.0)


def capital_ratio_sales(price: Array, held: Array, *, cash: Array, claims: Array, owed: Array, least: float) -> Array:
    """The fewest units (n, R) with which each stands at the capital ratio `least`, cash weighing nothing; else all.

    `(price held + cash + claims - owed) / (price (held - s) + claims) >= least`, after Cifuentes, Ferrucci and Shin
    (2005). `price` (R,), `claims` on others (n, R), `owed` to all (n, R).
    """
    lacking = owed - cash - (1.0 - least) * (claims + price * held)
    return np.clip(ratio(lacking, least * price), 0.0, held)


@dataclass(frozen=True)
class Settled:
    """The price (R,) at which what it makes sellers sell brings it about, what each sells (n, R), rounds, residual."""

    price: Array
    sold: Array
    rounds: int
    residual: float


def settles_price(rule: Callable[[Array], Array], impact: Impact, *, paths: int) -> Settled:
    """The greatest price, from 1 downwards, at which sales by `rule` (price (R,) to units (n, R)) keep it there.

    A rule that sells more at a lower price settles from above; each path stops for itself. Raises NotSettled.
    """
    price, moving = np.ones(paths), np.ones(paths, dtype=bool)
    for rounds in range(1, ROUNDS + 1):
        sold = rule(price)
        lower = np.where(moving, np.minimum(impact.keeps(ordered_sum(sold)), price), price)
        fall = ratio(price - lower, price)
        price, moving = lower, moving & (fall > RESIDUAL)
        if not moving.any():
            return Settled(price, rule(price), rounds, float(np.max(fall)))
    raise NotSettled(f"the price did not settle after {ROUNDS} rounds: it still fell by {float(np.max(fall)):.3g}")


def worth(units: Array, price: Array) -> Array:
    """Value of what each seller holds: `(n, A, R)` units at `(A, R)` prices, `(n, R)`."""
    return over_generations(units * price)


# ---- failures that sell


@dataclass(frozen=True)
class Liquidated:
    """Prices (A, R) at the end, 1 where a seller failed and the round in which it did (0: not), rounds in all."""

    price: Array
    failed: Array
    failed_in: Array
    rounds: int


def liquidates(units: Array, other: Array, owed: Array, *, price: Array, impact: Impact) -> Liquidated:
    """Who cannot cover `owed` (n, R) by its holdings at the price and `other` assets has sold everything, round by
    round, until nobody else fails: overlapping portfolios after Caccioli, Shrestha, Moore and Farmer (2014).

    Ends after at most n rounds with a failure and one without.
    """
    failed, failed_in = np.zeros_like(owed), np.zeros_like(owed)
    for rounds in range(1, len(owed) + 2):
        fresh = np.where((worth(units, price) + other < owed) & (failed <= 0.0), 1.0, 0.0)
        if not fresh.any():
            break
        price = sells(price, ordered_sum(units * fresh[:, np.newaxis]), impact).price
        failed, failed_in = failed + fresh, failed_in + rounds * fresh
    return Liquidated(price, failed, failed_in, int(np.max(failed_in, initial=0.0)))
