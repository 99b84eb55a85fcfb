"""Who fails this round, what do secured lenders take, and what do the others get?

Secured lenders take collateral at the present mark less the cost of selling, up to their claim; coins and sites are
sold; the rest of what is owed becomes a claim on the estate. Estates pay by the clearing vector, now and whenever
something of theirs is sold later. Machines that nobody bid for stay in the estate: no cash comes from nobody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nobid.agents.borrower import CENT
from nobid.agents.finance import MILLION
from nobid.agents.state import Array, ordered_sum, over_generations, ratio
from nobid.model import backstop
from nobid.model.accounts import BORROWER, CAPITAL, COIN_MARKET, ESTATE, LANDLORDS, LENDER, LIQUIDATORS, POWER
from nobid.model.cause_record import AT_DEFAULT
from nobid.model.debt import collateral, site_price
from nobid.model.lending import books_losses, takes_stock

if TYPE_CHECKING:
    from nobid.model.system import ComputeCreditModel


def borrowers_fail(m: ComputeCreditModel) -> None:
    """Borrowers with nothing left have failed; limited-recourse loans of those short of cash are surrendered."""
    surrendered = surrenders(m)
    m.borrowers_do("gives_up")
    b = m.borrowers
    failing = np.maximum(b.failing, m.scripted_failures("borrower") * b.alive * (1.0 - b.safe))
    failing = failing * np.where(m.links.borrower.sum(surrendered) > 0.0, 0.0, 1.0)
    hit = np.maximum(failing[m.edges.borrower] * np.where(m.facilities.drawn > 0.0, 1.0, 0.0), surrendered)
    if not (failing.any() or hit.any()):
        return
    debt = m.links.borrower.sum(m.facilities.drawn) + b.repo_debt + b.official_debt
    takes_stock(m)
    equity = m.lenders.equity + 0.0
    m.record.defaults(m, "borrower", failing=failing, debt=debt * failing)
    m.record.happened(m, "surrendered", surrendered, source=m.edges.debtor, target=m.edges.creditor, channel="spv")
    finds_causes(m, failing, surrendered)
    m.fires("borrower default", failing)
    m.fires("spv surrendered", surrendered)
    m.world.defaulted_debt = m.world.defaulted_debt + ordered_sum(debt * failing)
    b.alive = b.alive * (1.0 - failing)
    b.due = b.due * (1.0 - failing)
    takes_collateral(m, hit)
    m.books.pay("estate opened", b.estate_cash * b.alive, payer=ESTATE, payee=BORROWER)  # a surrendered SPV's surplus
    opens_estates(m, failing)
    ends_contracts(m, failing)
    books_losses(m, equity)
    m.changes_state(np.concatenate([failing, surrendered]))


def finds_causes(m: ComputeCreditModel, failing: Array, surrendered: Array) -> None:
    """Why borrowers fail (n, R) or hand over an SPV (E, R) has been found, before anything of theirs has moved."""
    b = m.borrowers
    missing, by_script = b.due - b.cash, failing * np.where(b.failing > 0.0, 0.0, 1.0)
    m.causes.of_scripts(by_script, "borrower", AT_DEFAULT)
    m.causes.of_borrowers(failing - by_script, "default", AT_DEFAULT, shortfall=missing)
    handed = np.where(m.links.borrower.sum(surrendered) > 0.0, 1.0, 0.0)
    m.causes.of_borrowers(handed, "surrender", AT_DEFAULT, shortfall=missing)


def surrenders(m: ComputeCreditModel) -> Array:
    """1 where a limited-recourse loan is handed over by a living borrower short of cash: `(E, R)`."""
    f, edges = m.facilities, m.edges
    limited = (1.0 - edges.recourse) * edges.secured * np.where(f.drawn > CENT, 1.0, 0.0)
    if not limited.any():
        return np.zeros_like(f.drawn)
    value = collateral(m, m.market.mark)
    asked = m.ask("borrower", "surrenders", edges.borrower, f.drawn, value, f.income - f.service)
    return asked * limited * m.borrowers.alive[edges.borrower]


def takes_collateral(m: ComputeCreditModel, hit: Array) -> None:
    """Lenders of the `hit` facilities (E, R) hold the machines; coins and sites are sold; the rest is a claim."""
    f, books, edges = m.facilities, m.books, m.edges
    m.causes.losses.fails(hit)
    sells_pledged_coins(m, hit)
    sells_pledged_sites(m, hit)
    keep = 1.0 - m.parameters.debt.liquidation_cost
    value = over_generations(f.units * m.market.mark) / MILLION * keep
    taken = np.minimum(ratio(f.drawn, value, empty=1.0), 1.0) * hit
    seized, back = f.units * taken[:, np.newaxis], f.units * (hit - taken)[:, np.newaxis]
    books.move_units(
        giver=("facility", "units"), taker=("lender", "seized"), gone=seized, come=m.links.lender.sum(seized)
    )
    books.move_units(
        giver=("facility", "units"), taker=("borrower", "units"), gone=back, come=m.links.borrower.sum(back)
    )
    m.causes.losses.seizes(seized, seized * m.market.mark / MILLION * keep)
    m.fires("machines seized", over_generations(seized))
    books.cancel("seized", np.minimum(value * taken, f.drawn))
    left = f.drawn * hit
    f.claim = f.claim + (left + f.interest_due * hit) * edges.recourse
    books.cancel("to claims", left)
    m.causes.losses.grows("unrecovered", left)
    for name in ("interest_due", "principal_due", "call_due", "fee_due"):
        setattr(f, name, getattr(f, name) * (1.0 - hit))
    f.limit = f.limit * (1.0 - hit)


def sells_pledged_coins(m: ComputeCreditModel, hit: Array) -> None:
    """Coins pledged to the `hit` facilities have repaid them; what is left over is the borrower's."""
    f, books, price = m.facilities, m.books, m.world.coin / MILLION
    sold = np.minimum(f.coins, f.drawn / price) * hit
    if not f.coins.any():
        return
    repaid = np.minimum(sold * price, f.drawn)
    books.move_coins(giver=("facility", "coins"), taker=None, gone=sold, come=sold)
    books.pay("recoveries", repaid, payer=COIN_MARKET, payee=LENDER.along(m.links.lender))
    books.cancel("repaid", repaid)
    m.sells_coins(ordered_sum(sold), m.links.borrower.sum(sold))
    left = f.coins * hit
    books.move_coins(
        giver=("facility", "coins"), taker=("borrower", "coins"), gone=left, come=m.links.borrower.sum(left)
    )


def sells_pledged_sites(m: ComputeCreditModel, hit: Array) -> None:
    """Sites pledged to the `hit` facilities are sold outside; the lender is paid first, the estate has the rest."""
    f, books, links = m.facilities, m.books, m.links
    proceeds = f.site_mw * site_price(m) * hit
    if not proceeds.any():
        return
    estate = ESTATE.along(links.borrower)
    cost = proceeds * m.parameters.debt.liquidation_cost
    repaid = np.minimum(proceeds - cost, f.drawn)
    books.pay("sites sold", proceeds, payer=CAPITAL, payee=estate)
    books.pay("liquidation cost", cost, payer=estate, payee=LIQUIDATORS)
    books.repay("recoveries", repaid, payer=estate)
    f.site_mw = f.site_mw * (1.0 - hit)
    m.fires("sites sold", proceeds)


def opens_estates(m: ComputeCreditModel, failing: Array) -> None:
    """Cash, coins and free sites of the failed are in their estates; running costs owed are paid first."""
    b, books, price = m.borrowers, m.books, m.world.coin / MILLION
    books.pay("estate opened", b.cash * failing, payer=BORROWER, payee=ESTATE)
    sold = b.coins * failing
    books.move_coins(giver=("borrower", "coins"), taker=None, gone=sold, come=sold)
    books.pay("coins sold", sold * price, payer=COIN_MARKET, payee=ESTATE)
    m.sells_coins(ordered_sum(sold), sold)
    proceeds = b.site_mw * site_price(m) * failing
    books.pay("sites sold", proceeds, payer=CAPITAL, payee=ESTATE)
    books.pay("liquidation cost", proceeds * m.parameters.debt.liquidation_cost, payer=ESTATE, payee=LIQUIDATORS)
    b.site_mw, b.hash_eh = b.site_mw * (1.0 - failing), b.hash_eh * (1.0 - failing)
    dealer_takes_machines(m, failing)
    backstop.takes_machines(m, failing)
    first = np.minimum(ratio(b.estate_cash, b.arrears + b.site_arrears, empty=1.0), 1.0) * failing
    books.pay("opex", b.arrears * first, payer=ESTATE, payee=POWER)
    books.pay("site rent", b.site_arrears * first, payer=ESTATE, payee=LANDLORDS)
    b.arrears, b.site_arrears = b.arrears * (1.0 - failing), b.site_arrears * (1.0 - failing)


def dealer_takes_machines(m: ComputeCreditModel, failing: Array) -> None:
    """Repo dealers have the machines they lent against; a deficiency is a claim."""
    b, books = m.borrowers, m.books
    owed = (b.repo_debt + b.repo_interest) * failing
    if not owed.any():
        return
    value = over_generations(b.repo_units * m.market.mark) / MILLION * (1.0 - m.parameters.debt.liquidation_cost)
    taken = np.minimum(ratio(owed, value, empty=1.0), 1.0) * failing
    seized, back = b.repo_units * taken[:, np.newaxis], b.repo_units * (failing - taken)[:, np.newaxis]
    books.move_units(
        giver=("borrower", "repo_units"), taker=("lender", "seized"), gone=seized, come=m.links.repo_lender.sum(seized)
    )
    books.move_units(giver=("borrower", "repo_units"), taker=("borrower", "units"), gone=back, come=back)
    b.repo_claim = b.repo_claim + np.maximum(owed - value * taken, 0.0) * failing
    basis = seized * m.market.mark / MILLION * (1.0 - m.parameters.debt.liquidation_cost)
    m.causes.losses.takes_back(m.links.repo_lender.sum(basis))
    m.causes.losses.grows("repo_unrecovered", b.repo_debt * failing - over_generations(basis))
    books.repo(b, "repo_debt", -b.repo_debt * failing)
    b.repo_due, b.repo_interest = b.repo_due * (1.0 - failing), b.repo_interest * (1.0 - failing)
    m.fires("repo collateral seized", owed)


def ends_contracts(m: ComputeCreditModel, failing: Array) -> None:
    """Leases of failed tenants stop against damages; contracts of failed sellers end and prepayments become claims."""
    hosting, offtakes, rules = m.hosting, m.offtakes, m.parameters.hosting
    lost = failing[m.edges.tenant] * hosting.live * np.where(hosting.months_left > 0.0, 1.0, 0.0)
    on, spills = 1.0 if rules.on else 0.0, 1.0 if rules.spills_on else 0.0
    months = np.minimum(rules.damages_months, hosting.months_left) * spills
    hosting.claim = hosting.claim + (hosting.owed + months * hosting.rent) * lost * on
    m.fires("damages owed", months * hosting.rent * lost * on)
    hosting.owed = hosting.owed * (1.0 - lost)
    hosting.relet_in = np.where(lost > 0.0, float(rules.relet_months) * spills, hosting.relet_in)
    hosting.live = hosting.live * (1.0 - lost)
    m.record.happened(
        m,
        "tenant lost",
        lost * hosting.rent,
        source=("borrower", m.edges.tenant),
        target=("borrower", m.edges.host),
        channel="hosting",
    )
    m.fires("tenant lost", lost * on)
    sold = failing[m.edges.seller]
    offtakes.claim = offtakes.claim + offtakes.prepaid * sold
    offtakes.prepaid, offtakes.h100e = offtakes.prepaid * (1.0 - sold), offtakes.h100e * (1.0 - sold)


def estates_pay(m: ComputeCreditModel) -> None:
    """Cash of estates and of failed lenders has been shared by the clearing vector."""
    nodes = m.estate_nodes
    owed, assets = nodes.owed(m), nodes.assets(m)
    indebted = nodes.total(owed) > CENT
    pays = ((assets > CENT) & indebted).any(axis=0)
    if not pays.any():
        return
    share = nodes.clear(owed, assets) * pays
    nodes.pay(m, owed, share)
    m.fires("estate paid", share * assets)


def writes_off(m: ComputeCreditModel) -> None:
    """Claims on estates that hold nothing any more are written off; what estates have beyond claims is the owners'."""
    b = m.borrowers
    nodes = m.estate_nodes
    left = nodes.total(nodes.owed(m))[: len(b.cash)]
    surplus = b.estate_cash * np.where(left <= CENT, 1.0, 0.0) * (1.0 - b.alive)
    m.books.pay("residual to owners", np.maximum(surplus, 0.0), payer=ESTATE, payee=CAPITAL)
    empty = np.where((over_generations(b.units) <= CENT) & (b.estate_cash <= CENT) & (b.alive <= 0.0), 0.0, 1.0)
    nodes.keep_claims(m, empty)
