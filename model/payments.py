"""Who pays what is due, and who raises which cash for it?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nobid.agents.borrower import CENT
from nobid.agents.finance import MILLION
from nobid.agents.state import Array, ordered_sum, over_generations, ratio
from nobid.model import backstop, repo
from nobid.model.accounts import BORROWER, CAPITAL, COIN_MARKET, LENDER
from nobid.model.earning import pays_arrears
from nobid.model.margin import spare_loan_coins
from nobid.model.release import release_price

if TYPE_CHECKING:
    from nobid.model.system import ComputeCreditModel

ROUNDING = 1e-15  # of what is due: so little may be missing where exactly what is needed was raised


def owed_now(m: ComputeCreditModel) -> Array:
    """All that every borrower has due, USD million: `(n, R)`."""
    b, f = m.borrowers, m.facilities
    on_debt = m.links.borrower.sum(f.interest_due + f.principal_due + f.call_due + f.fee_due)
    running = b.arrears + b.site_arrears + m.links.tenant.sum(m.hosting.owed)
    return (on_debt + running + b.repo_due + b.repo_interest + b.official_due + b.official_interest) * b.alive


def pays_what_it_can(m: ComputeCreditModel) -> None:
    """Who can pay all that is due has paid it; who cannot has paid nothing and looks for cash.

    Nobody pays more than its cash: where less than a cent is missing, all dues have got the same share of it, and what
    is missing is due no more this month (principal stays owed).
    """
    b = m.borrowers
    b.due = owed_now(m)
    m.books.pay("support", np.maximum(b.due - b.cash, 0.0) * b.safe, payer=CAPITAL, payee=BORROWER)
    able = np.where((b.due > 0.0) & (b.cash >= b.due - CENT), 1.0, 0.0) * b.alive
    if not able.any():
        return
    m.moves(ordered_sum(able * b.due))
    enough = b.cash >= b.due * (1.0 - ROUNDING)
    share = able * np.where(enough, 1.0, np.clip(ratio(b.cash, b.due), 0.0, 1.0))
    pays_debt(m, share[m.edges.borrower])
    pays_arrears(m, share)
    repo.repaid(m, share)
    backstop.repaid(m, share)
    b.due = b.due * (1.0 - able)
    if (share < able).any():
        settles(m, able)


def settles(m: ComputeCreditModel, able: Array) -> None:
    """Nothing is due any more of those who are `able` (n, R) to pay, not the last part of a cent either."""
    b, f = m.borrowers, m.facilities
    for name in ("repo_due", "repo_interest", "official_due", "official_interest"):
        setattr(b, name, getattr(b, name) * (1.0 - able))
    b.arrears, b.site_arrears = b.arrears * (1.0 - able), b.site_arrears * (1.0 - able)
    m.hosting.owed = m.hosting.owed * (1.0 - able)[m.edges.tenant]
    for name in ("interest_due", "fee_due", "principal_due", "call_due"):
        setattr(f, name, getattr(f, name) * (1.0 - able)[m.edges.borrower])


def pays_debt(m: ComputeCreditModel, share: Array) -> None:
    """`share` of what every facility has due has reached its lender."""
    f, books, links = m.facilities, m.books, m.links
    debtor, creditor = BORROWER.along(links.borrower), LENDER.along(links.lender)
    interest, fee = f.interest_due * share, f.fee_due * share
    principal, call = f.principal_due * share, f.call_due * share
    books.pay("interest", interest, payer=debtor, payee=creditor)
    books.pay("fees", fee, payer=debtor, payee=creditor)
    books.repay("principal", principal)
    books.repay("margin", call)
    m.lenders.profit = m.lenders.profit + links.lender.sum(interest + fee)
    f.interest_due, f.fee_due = f.interest_due - interest, f.fee_due - fee
    f.principal_due, f.call_due = f.principal_due - principal, f.call_due - call
    f.call_paid = f.call_paid + call
    m.fires("margin paid in cash", call)


def looks_for_cash(m: ComputeCreditModel) -> None:
    """What each source could bring is known, and every borrower has made its plan."""
    counts_sources(m)
    m.borrowers_do("plans_cash")


def counts_sources(m: ComputeCreditModel) -> None:
    """What each source could bring every borrower now is known."""
    b = m.borrowers
    b.undrawn = m.links.borrower.sum(committed(m))
    b.loan_coins = m.links.borrower.sum(spare_loan_coins(m)) * b.alive
    dealer = repo.capacity(m)[m.edges.repo_lender]
    b.repo_value = np.minimum(repo.lendable(m, b.free_units()), dealer) * b.alive
    b.official_value = backstop.offers(m)
    gross, relief, excess = pledged_worth(m)
    b.pledged_gross = m.links.borrower.sum(gross) * b.alive
    b.pledged_relief = m.links.borrower.sum(relief) * b.alive
    b.pledged_excess = m.links.borrower.sum(excess) * b.alive


def committed(m: ComputeCreditModel) -> Array:
    """What can still be drawn on revolvers, as far as each lender has the cash: `(E, R)`."""
    f, lenders, edges = m.facilities, m.lenders, m.edges
    open_lines = np.maximum(f.limit - f.drawn, 0.0) * edges.is_revolver * m.borrowers.alive[edges.borrower]
    open_lines = open_lines * lenders.alive[edges.lender] * np.where(f.waiver_left > 0.0, 0.0, 1.0)
    open_lines = open_lines * np.where((f.principal_due > 0.0) | (not m.parameters.debt.lines_on), 0.0, 1.0)
    asked = m.links.lender.sum(open_lines)
    share = np.minimum(ratio(np.maximum(lenders.cash - lenders.due, 0.0), asked), 1.0)
    return open_lines * share[edges.lender]


def pledged_worth(m: ComputeCreditModel) -> tuple[Array, Array, Array]:
    """What selling all pledged machines now would do, `(E, R)` each, only where it helps the borrower at all: their
    price, what of it would come off dues of the same facility, and what would be left above the release price.
    """
    f = m.facilities
    value = over_generations(f.units * m.market.sale_price) / MILLION
    freed = release_price(m, 1.0 + 0.0 * value)
    relief = np.minimum(np.minimum(value, freed), f.principal_due + f.call_due)
    excess = np.where(value > 0.0, np.maximum(value - freed, 0.0), 0.0)
    return value * np.where(relief + excess > CENT, 1.0, 0.0), relief, excess


def raises_cash(m: ComputeCreditModel) -> None:
    """Lines are drawn, coins sold and released, repo lent; machines on offer wait for the auction."""
    b = m.borrowers
    m.causes.must_sell(b.want_coins + b.want_release + b.offer_pledged + over_generations(b.offer_units))
    draws_lines(m)
    sells_coins(m)
    repo.lends(m)
    backstop.lends(m)
    offered = ordered_sum(over_generations(b.offer_units) + b.offer_pledged)
    b.offers = b.offers + np.where(over_generations(b.offer_units) + b.offer_pledged > 0.0, 1.0, 0.0)
    m.moves(offered)


def draws_lines(m: ComputeCreditModel) -> None:
    """Wishes to draw are met pro rata to what each line can give."""
    open_lines = committed(m)
    drawn = open_lines * ratio(m.borrowers.want_draw, m.borrowers.undrawn)[m.edges.borrower]
    if drawn.any():
        m.books.lend(drawn)
        m.world.new_credit = m.world.new_credit + ordered_sum(drawn)
        m.moves(ordered_sum(drawn))
        m.fires("line drawn", drawn)


def sells_coins(m: ComputeCreditModel) -> None:
    """Free coins, and those released from coin loans, are sold at the price of the round."""
    b, price = m.borrowers, m.world.coin / MILLION
    released = spare_loan_coins(m) * ratio(b.want_release, b.loan_coins)[m.edges.borrower]
    if not (released.any() or b.want_coins.any()):
        return
    m.books.move_coins(
        giver=("facility", "coins"), taker=("borrower", "coins"), gone=released, come=m.links.borrower.sum(released)
    )
    sold = np.minimum(b.want_coins + m.links.borrower.sum(released), b.coins)
    m.books.move_coins(giver=("borrower", "coins"), taker=None, gone=sold, come=sold)
    m.books.pay("coins sold", sold * price, payer=COIN_MARKET, payee=BORROWER)
    m.sells_coins(ordered_sum(sold), sold)
    m.moves(ordered_sum(sold) * price)
    m.fires("coins sold in distress", b.want_coins)
    m.fires("coins released", released)
    m.record.happened(m, "coins sold", sold * price, source=("borrower", np.arange(len(sold))), channel="coin")
