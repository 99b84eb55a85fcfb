"""Who stands behind the market by policy: what do the public and the vendor bid, what does the public lend?

The public's loans run for a month against free machines and are rolled as far as their worth at the haircut and the
capacity allow. They have no recourse: at a default the public keeps machines up to what it is owed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nobid.agents.buyer import AIR, LIQUID
from nobid.agents.finance import MILLION, MONTHS
from nobid.agents.state import Array, ordered_sum, over_generations, ratio
from nobid.model.accounts import BORROWER, BUYER, CAPITAL, LENDER, LIQUIDATORS, PUBLIC
from nobid.model.parameters import Parameters

if TYPE_CHECKING:
    from nobid.model.system import ComputeCreditModel

KW = 1e3  # in a megawatt
STATE, MAKER = 0, 1  # the bidders: the public, the vendor


class Backstops:
    """What the public and the vendor bid in one round's auctions, and what they got: `(2, G, R)`."""

    def __init__(self, m: ComputeCreditModel, *, whole_month: bool = False) -> None:
        self._m, rules = m, m.parameters.backstop
        self.bid = rules.floor * rules.budget > 0.0 or rules.buyback_price * rules.buyback_budget > 0.0
        spent = 0.0 * m.public.spent if whole_month else m.public.bought_back
        left = [rules.budget - m.public.spent, rules.buyback_budget - spent]
        self.budget = np.maximum(np.concatenate(left), 0.0)
        self.bought = np.zeros((2, *m.market.mark.shape))

    def limits(self, g: int) -> Array:
        """What each would pay for a machine of generation g, USD, nothing once its money is spent: `(2, R)`."""
        m, rules = self._m, self._m.parameters.backstop
        young = 0.0 <= m.hardware.age[g, 0] <= rules.buyback_months
        floor = rules.floor * m.market.value[g]
        limits = np.stack([floor, rules.buyback_price * m.hardware.list_start[g] * young + 0.0 * floor])
        return np.where(self.budget > 0.0, limits, 0.0)

    def take(self, g: int, bought: Array, price: Array) -> None:
        """They have got `bought` (2, R) machines at `price` (R,), USD."""
        self.bought[:, g] = bought
        self.budget = self.budget - bought * price / MILLION


def pays_for_machines(m: ComputeCreditModel, bought: Array, price: Array) -> None:
    """What public and vendor have spent on `bought` (2, G, R) machines is counted."""
    spent = over_generations(bought * price) / MILLION
    m.public.spent = m.public.spent + spent[STATE:MAKER]
    m.public.bought_back = m.public.bought_back + spent[MAKER:]
    m.world.private_outlay = m.world.private_outlay + spent[MAKER]
    m.fires("public buys", bought[STATE])
    m.fires("vendor buys back", bought[MAKER])


def lendable(m: ComputeCreditModel, units: Array) -> Array:
    """What the public would lend against `units` (n, G, R) at today's marks: `(n, R)`."""
    worth: Array = over_generations(units * m.market.mark) / MILLION
    return worth * (1.0 - m.parameters.backstop.repo_haircut)


def offers(m: ComputeCreditModel) -> Array:
    """What the public would lend every borrower now: `(n, R)`."""
    b, capacity = m.borrowers, m.parameters.backstop.repo_capacity
    if capacity <= 0.0:
        return np.zeros_like(b.cash)
    room = np.maximum(capacity - ordered_sum(b.official_debt), 0.0)
    return np.minimum(lendable(m, b.free_units()), room) * b.alive


def lends(m: ComputeCreditModel) -> None:
    """Wishes for public loans are met, rationed pro rata; machines for them are pledged."""
    b = m.borrowers
    if not b.want_official.any():
        return
    room = np.maximum(m.parameters.backstop.repo_capacity - ordered_sum(b.official_debt), 0.0)
    free = b.free_units()
    backed = np.minimum(b.want_official, lendable(m, free))
    lent = backed * np.minimum(ratio(room, ordered_sum(backed)), 1.0)
    pledged = free * np.minimum(ratio(lent, lendable(m, free)), 1.0)[:, np.newaxis]
    m.books.pay("public loans", lent, payer=PUBLIC, payee=BORROWER)
    m.books.repo(b, "official_debt", lent)
    m.books.move_units(giver=("borrower", "units"), taker=("borrower", "official_units"), gone=pledged, come=pledged)
    m.moves(ordered_sum(lent))
    m.fires("public lends", lent)
    m.record.happened(m, "public loan", lent, source=("borrower", np.arange(len(lent))), channel="policy")


def falls_due(m: ComputeCreditModel) -> None:
    """Public loans are rolled as far as machines and capacity carry them; interest and the rest are due."""
    b, rules = m.borrowers, m.parameters.backstop
    carried = np.minimum(b.official_debt, lendable(m, b.official_units))
    kept = carried * np.minimum(ratio(rules.repo_capacity + 0.0 * m.world.rent, ordered_sum(carried)), 1.0)
    b.official_due = (b.official_debt - kept) * b.alive
    b.official_interest = b.official_debt * rules.repo_rate / MONTHS * b.alive


def repaid(m: ComputeCreditModel, share: Array) -> None:
    """Borrowers have paid `share` of the public loans and interest due; machines come free in proportion."""
    b = m.borrowers
    if not b.official_debt.any():
        return
    paid, interest = b.official_due * share, b.official_interest * share
    m.books.pay("public loans repaid", paid, payer=BORROWER, payee=PUBLIC)
    m.books.pay("public interest", interest, payer=BORROWER, payee=PUBLIC)
    freed = b.official_units * np.minimum(ratio(paid, b.official_debt), 1.0)[:, np.newaxis]
    m.books.repo(b, "official_debt", -paid)
    m.books.move_units(giver=("borrower", "official_units"), taker=("borrower", "units"), gone=freed, come=freed)
    b.official_due, b.official_interest = b.official_due - paid, b.official_interest - interest


def takes_machines(m: ComputeCreditModel, failing: Array) -> None:
    """The public keeps the machines it lent the failed against, up to what it is owed; the rest is the estate's."""
    b = m.borrowers
    owed = (b.official_debt + b.official_interest) * failing
    if not owed.any():
        return
    value = over_generations(b.official_units * m.market.mark) / MILLION * (1.0 - m.parameters.debt.liquidation_cost)
    taken = np.minimum(ratio(owed, value, empty=1.0), 1.0) * failing
    kept, back = b.official_units * taken[:, np.newaxis], b.official_units * (failing - taken)[:, np.newaxis]
    m.books.move_units(
        giver=("borrower", "official_units"), taker=("public", "units"), gone=kept, come=ordered_sum(kept)[np.newaxis]
    )
    m.books.move_units(giver=("borrower", "official_units"), taker=("borrower", "units"), gone=back, come=back)
    m.books.repo(b, "official_debt", -b.official_debt * failing)
    b.official_due, b.official_interest = b.official_due * (1.0 - failing), b.official_interest * (1.0 - failing)


def holds(m: ComputeCreditModel) -> Array:
    """What the public's loans and machines would bring now, USD million: `(R,)`.

    Loans at no more than their machines, machines at the lower of mark and value, both less the cost of selling.
    """
    b, keep = m.borrowers, 1.0 - m.parameters.debt.liquidation_cost
    price = np.minimum(m.market.mark, m.market.value) * keep / MILLION
    loans = ordered_sum(np.minimum(b.official_debt, over_generations(b.official_units * price)))
    return loans + ordered_sum(over_generations(m.public.units * price))


def rules_change(m: ComputeCreditModel, before: Parameters) -> None:
    """What new rules ask for at once has been paid: lenders' equity raised, racks refitted."""
    raises_equity(m, m.parameters.lenders.raised_equity - before.lenders.raised_equity)
    refits_racks(m, m.parameters.backstop.retrofit_mw - before.backstop.retrofit_mw)


def raises_equity(m: ComputeCreditModel, share: float) -> None:
    """Living lenders have raised `share` of their initial ratio of equity to assets, where it is more than nothing."""
    if share <= 0.0:
        return
    lenders = m.lenders
    raised = share * lenders.initial_ratio * lenders.assets * lenders.alive
    public = m.parameters.lenders.raised_from == "public"
    m.books.pay("lenders' equity", raised, payer=PUBLIC if public else CAPITAL, payee=LENDER)
    m.world.private_outlay = m.world.private_outlay + ordered_sum(raised) * (0.0 if public else 1.0)
    m.fires("equity raised", raised)


def refits_racks(m: ComputeCreditModel, megawatts: float) -> None:
    """Free air racks of `megawatts`, shared by what each buyer has free, are liquid ones now, and paid for."""
    if megawatts <= 0.0:
        return
    buyers, rules = m.buyers, m.parameters.backstop
    free = np.maximum(buyers.free[:, AIR], 0.0) * buyers.alive
    moved = free * np.minimum(ratio(megawatts * KW + 0.0 * m.world.rent, ordered_sum(free)), 1.0)
    change = np.zeros_like(buyers.free)
    change[:, AIR], change[:, LIQUID] = -moved, moved
    buyers.free, buyers.racks = buyers.free + change, buyers.racks + change
    cost = moved * m.parameters.buyers.retrofit / MILLION
    granted = cost * rules.retrofit_subsidy
    m.books.pay("grants", granted, payer=PUBLIC, payee=BUYER)
    m.books.pay("acquisition funding", cost - granted, payer=CAPITAL, payee=BUYER)
    m.books.pay("retrofit", cost, payer=BUYER, payee=LIQUIDATORS)
    m.world.private_outlay = m.world.private_outlay + ordered_sum(cost - granted)
    m.fires("racks refitted", moved)
