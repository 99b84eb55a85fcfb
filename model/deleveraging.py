"""Who sells when leverage is too high, round by round, and how far do prices fall for everybody else?

One round: what was put up is sold at once into an impact function; then everybody looks at the new prices, fails
below a least equity ratio, or pays debt and puts up what must still go. Failed sellers put up all that is left.
After Cont and Schaanning (2017) and the stress test of Farmer, Kleinnijenhuis, Nahai-Williamson and Wetzer (2020).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from nobid.agents.state import Array, ordered_sum, ratio
from nobid.model.fire_sale import RESIDUAL, Impact, NotSettled, deleveraging, sells, worth

ROUNDS = 10_000


def rest(need: Array, paid: Array, cash: Array) -> Array:
    """What is still to be shed once `paid` of `need` has been paid in cash."""
    del cash
    return np.maximum(need - paid, 0.0)


@dataclass(frozen=True)
class Rules:
    """When does a seller sell, how much, and when does it fail?

    `most` and `target`: assets over equity above which it sells and to which. `least`: equity over assets below which
    it fails, None where nobody does. `sweeps`: all cash repays debt at once; else cash counts as an asset until
    leverage asks for it. `borne`: the share of the price's fall that sellers bear. `orders`: what of the need is sold.
    """

    most: float
    target: float
    least: float | None = None
    sweeps: bool = False
    borne: float = 0.5
    orders: Callable[[Array, Array, Array], Array] = rest


@dataclass(frozen=True)
class Sellers:
    """Who holds what: `units` and `put_up` (n, A, R), `cash`, `other` assets, `debt` that can be repaid, what is `owed`
    besides, and 1 where `failed`, (n, R) each; `price` (A, R); `sold` since the start (A, R).
    """

    units: Array
    cash: Array
    other: Array
    debt: Array
    owed: Array
    price: Array
    put_up: Array
    failed: Array
    sold: Array

    def assets(self) -> Array:
        """Everything at today's prices: `(n, R)`."""
        return worth(self.units, self.price) + self.cash + self.other

    def equity(self) -> Array:
        """Assets less all that is owed: `(n, R)`."""
        return self.assets() - self.debt - self.owed


def opens(units: Array, price: Array, *, cash: Array, other: Array, debt: Array, owed: Array) -> Sellers:
    """Nobody has sold, put anything up or failed yet."""
    nothing = np.zeros_like(units)
    return Sellers(units, cash, other, debt, owed, price, nothing, np.zeros_like(cash), 0.0 * price)


def judges(s: Sellers, rules: Rules) -> Sellers:
    """At today's prices everybody has failed, paid debt and put up what must go, or found itself safe."""
    cash, debt = s.cash, s.debt
    if rules.sweeps:
        swept = np.minimum(cash, debt)
        cash, debt = cash - swept, debt - swept
    now = replace(s, cash=cash, debt=debt)
    assets, equity = now.assets(), now.equity()
    below = np.zeros_like(equity) if rules.least is None else np.where(equity < rules.least * assets, 1.0, 0.0)
    failed = np.maximum(s.failed, below)
    need = deleveraging(assets, equity, most=rules.most, target=rules.target) * (1.0 - failed)
    paid = np.minimum(np.minimum(need, cash), debt)
    held = worth(s.units, s.price)
    share = np.minimum(ratio(rules.orders(need, paid, cash), held), 1.0)
    put_up = s.units * np.where(failed > 0.0, 1.0, share)[:, np.newaxis]
    return replace(now, cash=cash - paid, debt=debt - paid, put_up=put_up, failed=failed)


def clears(s: Sellers, impact: Impact, rules: Rules) -> Sellers:
    """What was put up is sold, at one price an asset, and is the sellers' cash."""
    gone = ordered_sum(s.put_up)
    sale = sells(s.price, gone, impact, borne=rules.borne)
    cash = s.cash + worth(s.put_up, sale.received)
    nothing = np.zeros_like(s.put_up)
    return replace(s, units=s.units - s.put_up, cash=cash, price=sale.price, put_up=nothing, sold=s.sold + gone)


def one_round(s: Sellers, impact: Impact, rules: Rules) -> Sellers:
    """What was put up has been sold, and everybody has looked at the new prices."""
    return judges(clears(s, impact, rules), rules)


def settles(s: Sellers, impact: Impact, rules: Rules) -> tuple[Sellers, int, float]:
    """Rounds have run until what is put up is nothing beside what its seller has; how many, and the share left.

    Raises NotSettled.
    """
    s = judges(s, rules)
    for rounds in range(ROUNDS):
        residual = float(np.max(ratio(worth(s.put_up, s.price), s.assets()), initial=0.0))
        if residual <= RESIDUAL:
            return s, rounds, residual
        s = one_round(s, impact, rules)
    raise NotSettled(f"after {ROUNDS} rounds a seller still puts up {residual:.3g} of its assets")
