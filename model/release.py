"""What happens when pledged machines are sold: how much repays the loan, how much is the borrower's?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nobid.agents.state import Array, ordered_sum, over_generations, ratio
from nobid.model.accounts import BORROWER, LENDER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nobid.model.system import ComputeCreditModel
    from nobid.model.trade import Taker


def release_price(m: ComputeCreditModel, share: Array) -> Array:
    """What must be repaid to free `share` of a facility's collateral: 1.1 times its share of the debt, `(E, R)`."""
    drawn = m.facilities.drawn
    return np.minimum(m.parameters.debt.release_price * share * drawn, drawn)


def settles_pledged_sales(m: ComputeCreditModel, sold: Array, *, price: Array, takers: Sequence[Taker]) -> None:
    """Pledged machines sold (E, G, R) at `price` (USD million) are with their takers; the release price has repaid
    their facility, the rest is the borrower's cash.
    """
    if not sold.any():
        return
    books, facilities, links = m.books, m.facilities, m.links
    proceeds = over_generations(sold * price)
    share = ratio(over_generations(sold * m.market.mark), over_generations(facilities.units * m.market.mark))
    prepaid = np.minimum(proceeds, release_price(m, share))
    rest = proceeds - prepaid
    lenders, borrowers = LENDER.along(links.lender), BORROWER.along(links.borrower)
    for taker in takers:
        bought, come = sold * taker.share, taker.split * ordered_sum(sold)
        spent, paid = over_generations(bought * price), over_generations(come * price)
        part = ratio(spent, proceeds)
        to_lenders = ratio(ordered_sum(prepaid * part), ordered_sum(spent))
        books.settle("sweep", payer=taker.payer, paid=paid * to_lenders, payee=lenders, received=prepaid * part)
        paid = paid * (1.0 - to_lenders)
        books.settle("used machines", payer=taker.payer, paid=paid, payee=borrowers, received=rest * part)
        books.move_units(giver=("facility", "units"), taker=taker.holder, gone=bought, come=come)
    books.cancel("repaid", prepaid)
    reduces_dues(m, prepaid)
    m.fires("pledged machines sold", prepaid)


def reduces_dues(m: ComputeCreditModel, prepaid: Array) -> None:
    """A prepayment counts first against what the same facility has due: calls, then principal."""
    facilities = m.facilities
    on_call = np.minimum(facilities.call_due, prepaid)
    facilities.call_paid = facilities.call_paid + on_call
    facilities.call_due = facilities.call_due - on_call
    facilities.principal_due = np.maximum(facilities.principal_due - (prepaid - on_call), 0.0)
    facilities.principal_due = np.minimum(facilities.principal_due, facilities.drawn)
