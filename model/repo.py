"""Who lends for a month against unpledged machines, at what haircut, and what when nobody does?

The haircut is the lender's rule; capacity is a share of its free capital. A loan is rolled as far as the new haircut
and capacity allow; the rest is due. Haircut 1 or capacity 0 is the missing repo bid.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nobid.agents.finance import MILLION, MONTHS
from nobid.agents.state import Array, Index, ordered_sum, over_generations, ratio
from nobid.model import backstop, drains
from nobid.model.accounts import BORROWER, BUYER, LENDER

if TYPE_CHECKING:
    from nobid.model.system import ComputeCreditModel


def capacity(m: ComputeCreditModel) -> Array:
    """What every lender would still lend in repo, USD million: `(lenders, R)`."""
    lenders, repo = m.lenders, m.parameters.repo
    spare = np.maximum(lenders.equity - lenders.target * lenders.assets, 0.0)
    willing = lenders.repo_dealer * lenders.alive * (1.0 - lenders.tight) * (1.0 if repo.on else 0.0)
    return np.clip(repo.capacity * spare * willing - lenders.repo_lent, 0.0, np.maximum(lenders.cash, 0.0))


def haircuts(m: ComputeCreditModel, dealers: Index) -> Array:
    """The haircut that each of `dealers` asks on every generation: `(len(dealers), G, R)`."""
    market = m.market
    drawdown = 1.0 - ratio(market.mark, market.peak, empty=1.0)
    shape = (len(dealers), *market.mark.shape)
    volatility, fall = np.broadcast_to(market.volatility, shape), np.broadcast_to(drawdown, shape)
    return m.ask("lender", "haircut", dealers, volatility, fall)


def broker_haircuts(m: ComputeCreditModel) -> Array:
    """The haircut of each buyer's dealer: `(buyers, G, R)`."""
    return haircuts(m, m.edges.broker_lender)


def broker_capacity(m: ComputeCreditModel) -> Array:
    """What each broker's dealer would lend it, its share among the dealer's brokers: `(buyers, R)`."""
    shared: Array = capacity(m)[m.edges.broker_lender] * m.edges.broker_share[:, np.newaxis]
    return shared


def lendable(m: ComputeCreditModel, units: Array) -> Array:
    """What each borrower's dealer would lend against `units` (n, G, R) at today's marks and haircuts: `(n, R)`."""
    worth = units * m.market.mark / MILLION
    return over_generations(worth * (1.0 - haircuts(m, m.edges.repo_lender)))


def falls_due(m: ComputeCreditModel) -> None:
    """Last month's repo is rolled as far as haircut and capacity allow; interest and the rest are due."""
    b = m.borrowers
    room = capacity(m)[m.edges.repo_lender] + b.repo_debt
    kept = np.minimum(np.minimum(b.repo_debt, lendable(m, b.repo_units)), room)
    b.repo_due = (b.repo_debt - kept) * b.alive
    rate = m.parameters.debt.base_rate + m.parameters.repo.spread
    b.repo_interest = b.repo_debt * rate / MONTHS * b.alive
    m.fires("repo cut", b.repo_due)
    backstop.falls_due(m)
    drains_repo(m)
    _brokers_settle(m, rate)


def drains_repo(m: ComputeCreditModel) -> None:
    """Repo not rolled is the dealer's doing as far as its own shortfall raised the haircut, else that of the marks,
    as are public loans.
    """
    b = m.borrowers
    worth = over_generations(b.repo_units * m.market.mark) / MILLION
    raised = m.parameters.repo.haircut_shortfall * m.lenders.shortfall()[m.edges.repo_lender]
    dealers = np.minimum(worth * raised, b.repo_due)
    m.causes.drains.takes(drains.REPO_DEALER, dealers)
    m.causes.drains.takes(drains.REPO_MARK, b.repo_due - dealers + b.official_due)


def _brokers_settle(m: ComputeCreditModel, rate: float) -> None:
    """Brokers pay interest and the margin of debt over what their machines still finance; else the dealer seizes."""
    buyers, dealer = m.buyers, LENDER.along(m.links.broker_lender)
    if not buyers.repo_debt.any():
        return
    financed = over_generations(buyers.units * m.market.mark / MILLION * (1.0 - broker_haircuts(m)))
    interest = buyers.repo_debt * rate / MONTHS
    cut = np.maximum(buyers.repo_debt - financed, 0.0)
    pays = np.where(buyers.cash >= interest + cut, 1.0, 0.0)
    fails = np.where((pays <= 0.0) & (buyers.repo_debt > 0.0), 1.0, 0.0)
    repaid = cut * pays + np.minimum(np.maximum(buyers.cash, 0.0), buyers.repo_debt) * fails
    m.books.pay("repo interest", interest * pays, payer=BUYER, payee=dealer)
    m.books.pay("repo in", repaid, payer=BUYER, payee=dealer)
    m.books.repo(buyers, "repo_debt", -repaid)
    m.lenders.profit = m.lenders.profit + m.links.broker_lender.sum(interest * pays)
    handed = buyers.units * fails[:, np.newaxis]
    m.books.move_units(
        giver=("buyer", "units"), taker=("lender", "seized"), gone=handed, come=m.links.broker_lender.sum(handed)
    )
    m.fires("broker seized", fails)
    keep = 1.0 - m.parameters.debt.liquidation_cost
    value = handed * m.market.mark / MILLION * keep
    m.causes.losses.grows("broker_unrecovered", buyers.repo_debt * fails - over_generations(value))
    m.causes.losses.takes_back(m.links.broker_lender.sum(value))
    m.books.repo(buyers, "repo_debt", -buyers.repo_debt * fails)
    buyers.alive = buyers.alive * (1.0 - fails)


def finances_brokers(m: ComputeCreditModel, lent: Array) -> None:
    """Dealers have lent brokers `lent` (buyers, R) against what they buy."""
    if not lent.any():
        return
    m.books.pay("repo out", lent, payer=LENDER.along(m.links.broker_lender), payee=BUYER)
    m.books.repo(m.buyers, "repo_debt", lent)
    m.world.repo_volume = m.world.repo_volume + ordered_sum(lent)
    m.fires("broker repo", lent)


def lends(m: ComputeCreditModel) -> None:
    """Wishes for repo are met, rationed per dealer; machines for it are pledged."""
    b = m.borrowers
    if not b.want_repo.any():
        return
    wanted = m.links.repo_lender.sum(b.want_repo)
    share = np.minimum(ratio(capacity(m), wanted), 1.0)
    lent = b.want_repo * share[m.edges.repo_lender]
    free = b.free_units()
    pledged = free * np.minimum(ratio(lent, lendable(m, free)), 1.0)[:, np.newaxis]
    m.books.pay("repo out", lent, payer=LENDER.along(m.links.repo_lender), payee=BORROWER)
    m.books.repo(b, "repo_debt", lent)
    m.books.move_units(giver=("borrower", "units"), taker=("borrower", "repo_units"), gone=pledged, come=pledged)
    m.world.repo_volume = m.world.repo_volume + ordered_sum(lent)
    m.moves(ordered_sum(lent))
    m.fires("repo", lent)
    takers = np.arange(len(lent))
    m.record.happened(
        m, "repo lent", lent, source=("lender", m.edges.repo_lender), target=("borrower", takers), channel="repo"
    )


def repaid(m: ComputeCreditModel, share: Array) -> None:
    """Borrowers have paid `share` of the repo and interest due; machines come free in proportion."""
    b = m.borrowers
    paid, interest = b.repo_due * share, b.repo_interest * share
    dealer = LENDER.along(m.links.repo_lender)
    m.books.pay("repo in", paid, payer=BORROWER, payee=dealer)
    m.books.pay("repo interest", interest, payer=BORROWER, payee=dealer)
    m.lenders.profit = m.lenders.profit + m.links.repo_lender.sum(interest)
    freed = b.repo_units * np.minimum(ratio(paid, b.repo_debt), 1.0)[:, np.newaxis]
    m.books.repo(b, "repo_debt", -paid)
    m.books.move_units(giver=("borrower", "repo_units"), taker=("borrower", "units"), gone=freed, come=freed)
    b.repo_due, b.repo_interest = b.repo_due - paid, b.repo_interest - interest
