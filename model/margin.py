"""Whose collateral does the new price re-mark, and what is called, posted or liquidated?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nobid.agents.finance import MILLION, call_to
from nobid.agents.state import Array, ordered_sum, over_generations, ratio
from nobid.model import drains
from nobid.model.accounts import COIN_MARKET, LENDER
from nobid.model.cause_record import AT_CALLS
from nobid.model.debt import AMPLE, lender_marks, standing_still

if TYPE_CHECKING:
    from nobid.model.system import ComputeCreditModel


def calls(m: ComputeCreditModel) -> None:
    """Coin loans are liquidated, called and topped up; machine loans are called where the switch is on."""
    liquidates_coins(m)
    calls_coins(m)
    calls_machines(m)
    m.causes.drains.calls()


def coin_ltv(m: ComputeCreditModel) -> Array:
    """Loan-to-value of coin loans, 0 where there is none."""
    f = m.facilities
    return ratio(f.drawn, f.coins * m.world.coin / MILLION, empty=AMPLE) * m.edges.is_coin_loan * (f.drawn > 0.0)


def liquidates_coins(m: ComputeCreditModel) -> None:
    """Above the liquidation level the lender sells what repays the loan; coins left over go back."""
    f, price, books = m.facilities, m.world.coin / MILLION, m.books
    terms = m.parameters.debt.btc
    bad = np.where((coin_ltv(m) > terms.liquidate) & terms.liquidation_on, 1.0, 0.0)
    if not bad.any():
        return
    sold = np.minimum(f.coins, f.drawn / price) * bad
    repaid = np.minimum(sold * price, f.drawn)
    books.move_coins(giver=("facility", "coins"), taker=None, gone=sold, come=sold)
    books.pay("margin", repaid, payer=COIN_MARKET, payee=LENDER.along(m.links.lender))
    books.cancel("repaid", repaid)
    left = f.coins * bad
    books.move_coins(
        giver=("facility", "coins"), taker=("borrower", "coins"), gone=left, come=m.links.borrower.sum(left)
    )
    beyond = np.maximum(f.drawn - f.principal_due - f.call_due, 0.0) * bad
    m.causes.drains.takes(drains.COIN_MARGIN, m.links.borrower.sum(repaid + beyond))
    m.causes.must_sell(m.links.borrower.sum(sold), AT_CALLS)
    f.principal_due = np.where(bad > 0.0, f.drawn, f.principal_due)
    f.call_due = f.call_due * (1.0 - bad)
    m.sells_coins(ordered_sum(sold), m.links.borrower.sum(sold))
    m.moves(ordered_sum(repaid))
    m.fires("coin liquidation", bad)
    m.record.happened(m, "liquidated", repaid, source=m.edges.creditor, target=m.edges.debtor, channel="coin")


def calls_coins(m: ComputeCreditModel) -> None:
    """Above the call level the loan must come back to its initial ratio: coins first, cash for the rest."""
    f, b, terms, price = m.facilities, m.borrowers, m.parameters.debt.btc, m.world.coin / MILLION
    called = np.where((coin_ltv(m) > terms.call) | (f.calling > 0.0), 1.0, 0.0) * m.edges.is_coin_loan
    called = called * m.borrowers.alive[m.edges.borrower] * np.where((f.drawn > 0.0) & terms.calls_on, 1.0, 0.0)
    if not called.any():
        f.calling = 0.0
        return
    m.fires("coin call", called * (1.0 - f.calling))
    fresh = called * (1.0 - f.calling) * f.drawn
    m.record.happened(m, "margin call", fresh, source=m.edges.creditor, target=m.edges.debtor, channel="coin")
    need = np.maximum(f.drawn / (terms.initial * price) - f.coins, 0.0) * called
    share = np.minimum(ratio(b.coins, m.links.borrower.sum(need)), 1.0)
    posted = need * share[m.edges.borrower]
    m.moves(ordered_sum(fresh))
    m.books.move_coins(
        giver=("borrower", "coins"), taker=("facility", "coins"), gone=m.links.borrower.sum(posted), come=posted
    )
    m.causes.drains.takes(drains.COIN_MARGIN, m.links.borrower.sum(posted) * price)
    m.fires("coins posted", posted)
    cash = call_to(f.drawn, f.coins * price, terms.initial) * called
    f.call_due = np.where(m.edges.is_coin_loan > 0.0, np.minimum(cash, f.drawn - f.principal_due), f.call_due)
    f.calling = np.where(called * cash > 0.0, 1.0, 0.0)


def calls_machines(m: ComputeCreditModel) -> None:
    """Debt above the trigger is called, `call_speed` of the month's largest call, cumulative over rounds."""
    f, rules = m.facilities, m.parameters.debt.gpu_margin
    if not rules.on:
        return
    value = over_generations(f.units * lender_marks(m)) / MILLION
    running = m.borrowers.alive[m.edges.borrower] * m.edges.is_machine_loan * (1.0 - standing_still(m))
    now = call_to(f.drawn, value, f.ltv_trigger) * running
    fresh = np.where((now > 0.0) & (f.call_size <= 0.0), now, 0.0)
    m.record.happened(m, "margin call", fresh, source=m.edges.creditor, target=m.edges.debtor, channel="gpu mark")
    m.moves(ordered_sum(fresh))
    f.call_size = np.maximum(f.call_size, now)
    due = np.maximum(rules.call_speed * f.call_size - f.call_paid, 0.0)
    machine = np.minimum(due, np.maximum(f.drawn - f.principal_due, 0.0))
    f.call_due = np.where(m.edges.is_machine_loan * running > 0.0, machine, f.call_due)
    m.fires("gpu call", fresh)


def spare_loan_coins(m: ComputeCreditModel) -> Array:
    """Coins above what each coin loan requires at its initial ratio: `(E, R)`."""
    f, price = m.facilities, m.world.coin / MILLION
    terms = m.parameters.debt.btc
    asked = f.drawn / (terms.initial * price)
    allowed = m.edges.is_coin_loan * (1.0 if terms.release_on else 0.0)
    return np.maximum(f.coins - asked, 0.0) * (1.0 - f.calling) * allowed
