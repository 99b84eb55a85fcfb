"""How do lenders stand after this round, who takes funding from them, and which of them fail?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nobid.agents.borrower import CENT
from nobid.agents.finance import MILLION, MONTHS
from nobid.agents.state import Array, ordered_sum, over_generations, ratio
from nobid.model.accounts import CAPITAL, LENDER
from nobid.model.cause_record import AT_LENDERS, AT_OPENING, AT_TARGET
from nobid.model.debt import lender_marks
from nobid.model.estates import estate_worth

if TYPE_CHECKING:
    from nobid.model.system import ComputeCreditModel

TRIFLE = 1e-9  # of a lender's assets: a smaller fall of equity is rounding


def opens_month(m: ComputeCreditModel) -> None:
    """Counters of the month are zero; nobody is tight by last month's account."""
    lenders = m.lenders
    for name in ("losses", "profit", "withdrawn", "tight", "was_tight", "offered_seized"):
        setattr(lenders, name, 0.0)
    lenders.opening_short, lenders.opening_seized = lenders.short, lenders.seized
    takes_stock(m)
    makes_whole(m)
    lenders.was_tight = lenders.tight
    m.causes.of_lenders(lenders.tight * lenders.alive, "below target", AT_OPENING)
    m.fires("lender opens below target", lenders.tight * lenders.alive)
    lenders.opening_equity, lenders.opened_alive = lenders.equity, lenders.alive


def takes_stock(m: ComputeCreditModel) -> None:
    """Every lender's balance sheet is that of this moment."""
    lenders, f, links, b = m.lenders, m.facilities, m.links, m.borrowers
    worth = estate_worth(m)
    keep = 1.0 - m.parameters.debt.liquidation_cost
    lenders.loans = links.lender.sum(f.drawn)
    claims = links.lender.sum(f.claim * worth[m.edges.borrower])
    lenders.claims = claims + links.repo_lender.sum(b.repo_claim * worth)
    lenders.seized_value = over_generations(lenders.seized * m.market.mark) / MILLION * keep
    lenders.repo_lent = links.repo_lender.sum(b.repo_debt) + links.broker_lender.sum(m.buyers.repo_debt)
    lenders.lines_owed = links.receiver.sum(m.warehouses.drawn)
    lenders.lines_due = links.receiver.sum(m.warehouses.due)
    lenders.lines_lent = links.provider.sum(m.warehouses.drawn * line_worth(m)[m.edges.receiver])
    m.do("lender", "takes_stock")


def line_worth(m: ComputeCreditModel) -> Array:
    """What a line to each lender is worth: par while it lives, then its assets over what it owes: `(lenders, R)`."""
    lenders = m.lenders
    owed = lenders.stable + lenders.short + lenders.due + lenders.lines_owed
    own = lenders.cash + lenders.other + lenders.loans + lenders.claims + lenders.seized_value + lenders.repo_lent
    return np.where(lenders.alive > 0.0, 1.0, np.minimum(ratio(own, owed), 1.0))


def books_losses(m: ComputeCreditModel, before: Array) -> None:
    """What equity fell by since `before` is a loss of the month so far."""
    lenders = m.lenders
    takes_stock(m)
    lenders.losses = lenders.losses + np.maximum(before - lenders.equity, 0.0)


def makes_whole(m: ComputeCreditModel) -> None:
    """Where losses are switched off, outside money has restored what equity fell by since the last look."""
    lenders = m.lenders
    if m.parameters.lenders.losses_on:
        return
    m.books.pay("support", np.maximum(lenders.whole - lenders.equity, 0.0) * lenders.alive, payer=CAPITAL, payee=LENDER)
    lenders.tight = lenders.was_tight
    takes_stock(m)
    lenders.whole = lenders.equity


def judges_itself(m: ComputeCreditModel) -> None:
    """Every lender knows its ratio; one newly below target has changed state."""
    lenders = m.lenders
    takes_stock(m)
    makes_whole(m)
    turned = np.maximum(lenders.tight - lenders.was_tight, 0.0)
    lenders.was_tight = lenders.tight
    m.changes_state(turned)
    m.causes.of_lenders(turned, "below target", AT_TARGET)
    m.fires("lender below target", turned)
    m.record.happened(m, "below target", turned, source=("lender", np.arange(len(turned))), channel="capital")


def funders_react(m: ComputeCreditModel) -> None:
    """Short funders and line providers have asked money back; lenders have paid what they can."""
    before = m.lenders.withdrawn + 0.0
    m.do("lender", "is_withdrawn")
    asked = m.lenders.withdrawn - before
    m.fires("funding withdrawn", asked)
    m.moves(ordered_sum(asked))
    m.record.happened(m, "funding withdrawn", asked, source=("lender", np.arange(len(asked))), channel="funding")
    marks_lines(m)
    pays_funding(m)


def marks_lines(m: ComputeCreditModel) -> None:
    """A line above what its collateral and its provider's capital allow is asked back; a short provider calls."""
    lines, lenders, edges = m.warehouses, m.lenders, m.edges
    if not (m.parameters.lenders.warehouse_on and lines.drawn.any()):
        return
    capital = np.clip(ratio(lenders.equity_ratio, lenders.target, empty=1.0), 0.5, 1.0)[edges.provider]
    marked = np.minimum(ratio(financed_mark(m), lines.signed_mark, empty=1.0), 1.0)
    secured = m.links.lender.sum(m.facilities.drawn * m.edges.secured)[edges.receiver]
    allowed = lines.advance * capital * marked * secured
    short = np.maximum(lenders.owed_now() - lenders.cash - lenders.other, 0.0)[edges.provider]
    called = np.minimum(short, lines.drawn)
    asked = np.maximum(np.maximum(lines.drawn - allowed, called) - lines.due, 0.0) * lenders.alive[edges.receiver]
    asked = np.where(asked > CENT, asked, 0.0)
    lines.due = lines.due + asked
    hurry = np.where((capital < 1.0) | (short > 0.0), 1.0, 0.0)
    m.causes.drains.line_called(asked * hurry, asked * (1.0 - hurry))
    m.moves(ordered_sum(asked))
    m.fires("warehouse called", asked)
    m.record.happened(
        m,
        "line called",
        asked,
        source=("lender", edges.provider),
        target=("lender", edges.receiver),
        channel="warehouse",
    )


def financed_mark(m: ComputeCreditModel) -> Array:
    """Mean mark of the machines that each line's receiver has lent against, at its own way of marking: `(W, R)`."""
    f = m.facilities
    units = m.links.lender.sum(f.units)
    value, count = over_generations(units * lender_marks(m)), over_generations(units)
    return ratio(value, count)[m.edges.receiver]


def pays_funding(m: ComputeCreditModel) -> None:
    """Lenders have sold other assets for what is due and paid it, pro rata when short."""
    lenders, lines = m.lenders, m.warehouses
    lenders.lines_due = m.links.receiver.sum(lines.due)
    m.do("lender", "raises_cash")
    lack = np.maximum(lenders.owed_now() - lenders.cash - lenders.other, 0.0) * lenders.safe
    m.books.pay("support", lack, payer=CAPITAL, payee=LENDER)
    sold = lenders.sell_other + 0.0
    m.books.pay("other assets", sold, payer=CAPITAL, payee=LENDER)
    lenders.other = lenders.other - sold
    m.fires("other assets sold", sold)
    share = np.minimum(ratio(np.maximum(lenders.cash, 0.0), lenders.owed_now(), empty=1.0), 1.0) * lenders.alive
    outside, inside = lenders.due * share, lines.due * share[m.edges.receiver]
    m.books.pay("funding out", outside, payer=LENDER, payee=CAPITAL)
    lenders.due = lenders.due - outside
    m.books.repay_line(inside)
    lines.due = lines.due - inside
    lenders.lines_due = m.links.receiver.sum(lines.due)
    m.moves(ordered_sum(outside) + ordered_sum(inside))


def lenders_fail(m: ComputeCreditModel) -> None:
    """Lenders without equity or with unpaid funding are in run-off: liquid assets sold at par, all funding owed."""
    lenders = m.lenders
    takes_stock(m)
    m.do("lender", "gives_up")
    failing = np.maximum(lenders.failing, m.scripted_failures("lender") * lenders.alive * (1.0 - lenders.safe))
    if not failing.any():
        return
    m.record.defaults(
        m, "lender", failing=failing, debt=(lenders.stable + lenders.short + lenders.lines_owed) * failing
    )
    by_script = failing * np.where(lenders.failing > 0.0, 0.0, 1.0)
    m.causes.of_scripts(by_script, "lender", AT_LENDERS)
    m.causes.of_lenders(failing - by_script, "default", AT_LENDERS)
    m.fires("lender default", failing)
    m.changes_state(failing)
    before = lenders.equity + 0.0
    lenders.alive = lenders.alive * (1.0 - failing)
    sold = lenders.other * failing
    m.books.pay("other assets", sold, payer=CAPITAL, payee=LENDER)
    lenders.other = lenders.other - sold
    m.warehouses.due = m.warehouses.due * lenders.alive[m.edges.receiver]
    books_losses(m, before)


def closes_month(m: ComputeCreditModel) -> None:
    """Funding costs and dividends are paid, and funding follows assets: spare cash repays it, room draws it.

    Other assets earn what funding costs, so that they are neutral.
    """
    lenders, rules, world = m.lenders, m.parameters.lenders, m.world
    pays_line_interest(m)
    earned = lenders.other * rules.funding_rate / MONTHS
    m.books.pay("other income", earned, payer=CAPITAL, payee=LENDER)
    lenders.profit = lenders.profit + earned
    takes_stock(m)
    cost = (lenders.stable + lenders.short) * rules.funding_rate / MONTHS * lenders.alive
    raises_funding(m, np.maximum(cost - lenders.cash, 0.0) * lenders.alive)
    m.books.pay("funding cost", cost, payer=LENDER, payee=CAPITAL)
    lenders.profit = lenders.profit - cost
    paid = rules.payout * np.maximum(lenders.profit - lenders.losses, 0.0) * lenders.alive * (1.0 - lenders.tight)
    paid = np.minimum(paid, np.maximum(lenders.cash, 0.0))
    m.books.pay("dividends", paid, payer=LENDER, payee=CAPITAL)
    m.fires("lender dividends", paid)
    wanted = rules.cash_share * lenders.assets
    spare = np.minimum(np.maximum(lenders.cash - wanted, 0.0), lenders.stable) * lenders.alive
    m.books.pay("funding out", spare, payer=LENDER, payee=CAPITAL)
    lenders.stable = lenders.stable - spare
    short = np.minimum(np.maximum(wanted - lenders.cash, 0.0), lenders.room) * np.exp(-world.closed)
    raises_funding(m, short * lenders.alive)
    takes_stock(m)
    lenders.whole = lenders.equity
    counts_losses(m, paid)


def counts_losses(m: ComputeCreditModel, dividends: Array) -> None:
    """A lender's loss of the month: what equity fell by beyond profit kept, marks of seized machines included."""
    lenders = m.lenders
    kept = lenders.opening_equity + lenders.profit - dividends
    lost = kept - lenders.equity
    lenders.losses = np.where(lost > TRIFLE * np.maximum(lenders.assets, 1.0), lost, 0.0) * lenders.opened_alive
    m.world.losses = ordered_sum(lenders.losses)
    m.fires("lender loss", lenders.losses)


def pays_line_interest(m: ComputeCreditModel) -> None:
    """Interest on warehouse lines is paid as far as the receiver has cash."""
    lines, lenders, edges = m.warehouses, m.lenders, m.edges
    interest = lines.drawn * lines.rate / MONTHS * lenders.alive[edges.receiver]
    owed = m.links.receiver.sum(interest)
    share = np.minimum(ratio(np.maximum(lenders.cash, 0.0), owed, empty=1.0), 1.0)
    paid = interest * share[edges.receiver]
    m.books.pay("line interest", paid, payer=LENDER.along(m.links.receiver), payee=LENDER.along(m.links.provider))
    lenders.profit = lenders.profit - m.links.receiver.sum(paid) + m.links.provider.sum(paid)


def raises_funding(m: ComputeCreditModel, amount: Array) -> None:
    """Lenders owe `amount` (lenders, R) more of stable funding and have the cash."""
    m.books.pay("funding in", amount, payer=CAPITAL, payee=LENDER)
    m.lenders.stable = m.lenders.stable + amount
