"""At what price could x % of the pledged machines be sold now, and how much debt stands on how little?

Hypothetical auctions against the bids of now: nothing is sold, nobody's state changes, no rule reads the answers.
The bids are what this month's sales left of racks, budgets and repo. Coins and sites count at today's prices; what
their own sale would do to those is not in here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nobid.agents.finance import MILLION
from nobid.agents.state import Array, Index, Link, ordered_sum, ratio
from nobid.model.debt import collateral, lease_worth, lender_marks
from nobid.model.trade import sold_at_once

if TYPE_CHECKING:
    from nobid.model.system import ComputeCreditModel

SHARES = (0.01, 0.02, 0.05, 0.10, 0.20, 0.30, 0.40, 0.50, 0.60, 0.70, 0.80, 0.90, 1.00)
READINGS = ("book", "own_mark", "mark", "liquidation")  # at which prices pledged machines are counted


@dataclass(frozen=True)
class Sale:
    """What hypothetical sales would bring, each `(…, G, R)`; all zero where nothing is offered or nobody bids.

    `price`: at which the auction clears, USD/unit. `sold`: units that find a bid. `per_unit`: proceeds per unit
    offered, a unit without a bid bringing nothing, USD/unit.
    """

    price: Array
    sold: Array
    per_unit: Array

    def over(self, reference: Array) -> Array:
        """Proceeds per unit offered as a share of `reference` (G, R) USD/unit; missing where that is 0."""
        shape = self.per_unit.shape
        return ratio(self.per_unit, np.broadcast_to(reference, shape), empty=np.nan)


@dataclass(frozen=True)
class DepthCurve:
    """What each of `shares` (S,) of the pledged fleet would bring now; sales are `(S, G, R)`.

    `alone`: every generation by itself, as if no other were for sale. `at_once`: this share of all generations on the
    same day, newest first, so that racks, budgets and repo spent on new machines are gone for old ones.
    """

    shares: Array
    pledged: Array
    alone: Sale
    at_once: Sale
    book: Array
    mark: Array
    value: Array


def depth_curve(m: ComputeCreditModel, shares: Sequence[float] = SHARES) -> DepthCurve:
    """The price at which each share of the pledged fleet could be sold now, in both readings.

    `pledged` (G, R) is in units; `book`, `mark` and `value` (G, R) are in USD/unit, book being what the pledged units
    stand at with their owners on average. Alone, proceeds per unit offered fall weakly in the share and are never
    under those at once. At once they need not fall for an old generation: a larger sale may get new machines so cheap
    that more money is left for old ones. Shares must be in (0, 1]: ValueError.
    """
    if not all(0.0 < share <= 1.0 for share in shares):
        raise ValueError(f"shares of the fleet must be above 0 and at most 1, not {list(shares)}")
    fleet, every = pledged_fleet(m), range(len(m.hardware.names))
    book = over_facilities(m, m.borrowers.book[m.edges.borrower])
    return DepthCurve(
        shares=np.array(shares, dtype=float),
        pledged=fleet,
        alone=stacked(alone_sale(m, fleet * share) for share in shares),
        at_once=stacked(hypothetical_sale(m, fleet * share, every) for share in shares),
        book=ratio(book, fleet),
        mark=m.market.mark,
        value=m.market.value,
    )


def hypothetical_sale(m: ComputeCreditModel, units: Array, generations: Iterable[int]) -> Sale:
    """What `units` (G, R) of these generations, offered on the same day newest first, would bring from forced sale."""
    trade = sold_at_once(m, units, generations)
    return Sale(trade.price, trade.sold, trade.price * trade.forced_share)


def alone_sale(m: ComputeCreditModel, units: Array) -> Sale:
    """What `units` (G, R) would bring if each generation were the only one for sale."""
    sales = [hypothetical_sale(m, units, [generation]) for generation in range(len(units))]
    own = [(sale.price[g], sale.sold[g], sale.per_unit[g]) for g, sale in enumerate(sales)]
    return Sale(*(np.stack(part) for part in zip(*own, strict=True)))


def stacked(sales: Iterable[Sale]) -> Sale:
    """The sales one above the other, on a new first axis."""
    parts = [(sale.price, sale.sold, sale.per_unit) for sale in sales]
    return Sale(*(np.stack(part) for part in zip(*parts, strict=True)))


def pledged_fleet(m: ComputeCreditModel) -> Array:
    """Machines pledged to machine loans of running borrowers, units: `(G, R)`."""
    return over_facilities(m, np.ones((1, 1, 1)))


def over_facilities(m: ComputeCreditModel, each: Array) -> Array:
    """Pledged units of machine loans of running borrowers, times `each` (E, G, R) a unit, added up: `(G, R)`."""
    machine = m.edges.is_machine_loan * m.borrowers.alive[m.edges.borrower]
    return ordered_sum(m.facilities.units * machine[:, np.newaxis] * each)


@dataclass(frozen=True)
class Backing:
    """What is owed and what stands behind it, USD million, by facility or by group of them: `(n, R)` each.

    `debt`: all that running borrowers owe; `secured`: what of it is owed against collateral. The rest is about the
    secured part only. `collateral` and `under` (debt of facilities that owe more than their collateral) by reading;
    `under_with_leases` counts leases as collateral; `leases`: worth of rents on pledged sites; `selling`: cost of
    liquidation, already taken off the collateral at liquidation.
    """

    debt: Array
    secured: Array
    collateral: dict[str, Array]
    leases: Array
    selling: Array
    under: dict[str, Array]
    under_with_leases: dict[str, Array]

    def ltv(self, reading: str, *, leases: bool = False) -> Array:
        """Secured debt over its collateral, with or without the `leases`.

        Not capped (`debt.loan_to_value` writes AMPLE, 99, instead): infinite where something is owed and the
        collateral is worth nothing, missing (nan) where nothing is owed against collateral, as for a note.
        """
        worth = self.collateral[reading] + (self.leases if leases else 0.0)
        return np.where(self.secured > 0.0, ratio(self.secured, worth, empty=np.inf), np.nan)

    def undersecured(self, reading: str, *, leases: bool = False) -> Array:
        """The share of secured debt on facilities that owe more than their collateral; missing as in `ltv`."""
        under = self.under_with_leases if leases else self.under
        return ratio(under[reading], self.secured, empty=np.nan)

    def illusion(self) -> Array:
        """LTV at liquidation over LTV at book: how many times the book overstates what would be recovered.

        Infinite where the collateral has a book value and would bring nothing; missing where nothing is owed against
        collateral or the books show none.
        """
        known = (self.secured > 0.0) & (self.collateral["book"] > 0.0)
        times = ratio(self.collateral["book"], self.collateral["liquidation"], empty=np.inf)
        return np.where(known, times, np.nan)

    def added_up(self, group: Index, size: int) -> Backing:
        """The sums over rows of each group; a ratio of the result is one of sums, never a mean of ratios."""
        link = Link(group, size)

        def by_reading(parts: dict[str, Array]) -> dict[str, Array]:
            return {reading: link.sum(part) for reading, part in parts.items()}

        return Backing(
            debt=link.sum(self.debt),
            secured=link.sum(self.secured),
            collateral=by_reading(self.collateral),
            leases=link.sum(self.leases),
            selling=link.sum(self.selling),
            under=by_reading(self.under),
            under_with_leases=by_reading(self.under_with_leases),
        )


def facility_backing(m: ComputeCreditModel) -> Backing:
    """Debt and collateral of every facility of a running borrower, zero for the others: `(E, R)`.

    Machines at their owner's book value, at lenders' own mark, at the market mark, and at what they would bring if
    the whole pledged fleet were sold at once; coins and sites at their price. At liquidation machines and sites pay
    the cost of selling, as they do in a default; coins pay none. A facility without machines differs by that alone.
    """
    f, running = m.facilities, m.borrowers.alive[m.edges.borrower]
    secured = m.edges.secured * running
    sold_now = collateral(m, fleet_price(m))
    selling = m.parameters.debt.liquidation_cost * (sold_now - f.coins * m.world.coin / MILLION) * secured
    worth = {
        "book": collateral(m, m.borrowers.book[m.edges.borrower]) * secured,
        "own_mark": collateral(m, lender_marks(m)) * secured,
        "mark": collateral(m, m.market.mark) * secured,
        "liquidation": sold_now * secured - selling,
    }
    owed, leases = f.drawn * secured, lease_worth(m) * secured
    return Backing(
        debt=f.drawn * running,
        secured=owed,
        collateral=worth,
        leases=leases,
        selling=selling,
        under={reading: np.where(owed > one, owed, 0.0) for reading, one in worth.items()},
        under_with_leases={reading: np.where(owed > one + leases, owed, 0.0) for reading, one in worth.items()},
    )


def fleet_price(m: ComputeCreditModel) -> Array:
    """Proceeds per unit if the whole pledged fleet were sold now, USD/unit: `(G, R)`."""
    return hypothetical_sale(m, pledged_fleet(m), range(len(m.hardware.names))).per_unit


def lender_backing(m: ComputeCreditModel) -> Backing:
    """The same by lender: `(lenders, R)`."""
    return facility_backing(m).added_up(m.edges.lender, len(m.names["lender"]))


def kind_backing(m: ComputeCreditModel) -> tuple[list[str], Backing]:
    """The kinds of lender in order of first appearance, and the same by kind: `(kinds, R)`."""
    kinds = list(dict.fromkeys(m.kinds["lender"]))
    place = np.array([kinds.index(kind) for kind in m.kinds["lender"]], dtype=np.intp)
    return kinds, facility_backing(m).added_up(place[m.edges.lender], len(kinds))
