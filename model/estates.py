"""Which claims are there on failed borrowers and lenders, what are they worth, and how are they paid?

Nodes of the clearing: borrowers, lenders, and one for everybody outside. Edges: facility, lease, repo, prepayment and
warehouse claims, and the funding that a failed lender owes outside.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nobid.agents.finance import MILLION
from nobid.agents.state import Array, over_generations, ratio
from nobid.model.accounts import BORROWER, BUYER, CAPITAL, ESTATE, LENDER
from nobid.model.clearing import clear
from nobid.model.network import Network

if TYPE_CHECKING:
    from nobid.model.system import ComputeCreditModel


class EstateNodes:
    """The claims on estates as one network, in the order facility, lease, repo, prepayment, warehouse, funding."""

    def __init__(self, m: ComputeCreditModel) -> None:
        edges, self.borrowers, self.lenders = m.edges, len(m.edges.borrowers), len(m.edges.lender_names)
        lender, outside = self.borrowers, self.borrowers + self.lenders
        every_borrower, every_lender = np.arange(self.borrowers), np.arange(self.lenders)
        debtor = [
            edges.borrower,
            edges.tenant,
            every_borrower,
            edges.seller,
            edges.receiver + lender,
            every_lender + lender,
        ]
        nobody = np.full(len(edges.seller), outside)
        creditor = [
            edges.lender + lender, edges.host, edges.repo_lender + lender, nobody, edges.provider + lender,
            np.full(self.lenders, outside),
        ]  # fmt: skip
        self.cuts = np.cumsum([len(part) for part in debtor])[:-1]
        self.debtor, self.creditor = np.concatenate(debtor).astype(np.intp), np.concatenate(creditor).astype(np.intp)
        self.size = outside + 1
        self.network = Network(self.debtor, self.creditor, self.size)

    def owed(self, m: ComputeCreditModel) -> Array:
        """Claims on the failed, in edge order: `(edges, R)`."""
        b, lenders = m.borrowers, m.lenders
        dead, failed = 1.0 - b.alive, 1.0 - lenders.alive
        lines = m.warehouses.drawn * failed[m.edges.receiver]
        funding = (lenders.stable + lenders.short + lenders.due) * failed
        claims = [m.facilities.claim, m.hosting.claim, b.repo_claim * dead, m.offtakes.claim, lines, funding]
        return np.concatenate(claims)

    def assets(self, m: ComputeCreditModel) -> Array:
        """Cash of the failed, 0 for everybody else: `(nodes, R)`."""
        b, lenders = m.borrowers, m.lenders
        own = np.maximum(b.estate_cash, 0.0) * (1.0 - b.alive)
        run_off = np.maximum(lenders.cash, 0.0) * (1.0 - lenders.alive)
        return np.concatenate([own, run_off, np.zeros((1, own.shape[1]))])

    def total(self, owed: Array) -> Array:
        """What each node owes in all: `(nodes, R)`."""
        return self.network.out.sum(owed)

    def clear(self, owed: Array, assets: Array) -> Array:
        """The share of its claims that each node pays now: `(nodes, R)`."""
        cleared = clear(self.debtor, self.creditor, owed=owed, assets=assets, network=self.network)
        return cleared.share * np.where(self.total(owed) > 0.0, 1.0, 0.0)

    def pay(self, m: ComputeCreditModel, owed: Array, share: Array) -> None:
        """Every claim has received its share and is that much smaller."""
        paid = np.split(owed * share[self.debtor], self.cuts)
        books, links, f = m.books, m.links, m.facilities
        pays_host = m.borrowers.alive[m.edges.host]
        books.pay("recoveries", paid[0], payer=ESTATE.along(links.borrower), payee=LENDER.along(links.lender))
        books.pay("damages", paid[1] * pays_host, payer=ESTATE.along(links.tenant), payee=BORROWER.along(links.host))
        books.pay(
            "damages", paid[1] * (1.0 - pays_host), payer=ESTATE.along(links.tenant), payee=ESTATE.along(links.host)
        )
        books.pay("recoveries", paid[2], payer=ESTATE, payee=LENDER.along(links.repo_lender))
        books.pay("recoveries", paid[3], payer=ESTATE.along(links.seller), payee=BUYER.along(links.customer))
        books.pay("dividends", paid[3], payer=BUYER.along(links.customer), payee=CAPITAL)
        books.repay_line(paid[4])
        books.pay("funding out", paid[5], payer=LENDER, payee=CAPITAL)
        m.causes.losses.grows("unrecovered", -paid[0])
        m.causes.losses.grows("repo_unrecovered", -paid[2])
        f.claim = f.claim - paid[0]
        m.hosting.claim = m.hosting.claim - paid[1]
        m.borrowers.repo_claim = m.borrowers.repo_claim - paid[2]
        m.offtakes.claim = m.offtakes.claim - paid[3]
        self._repay_funding(m, paid[5])

    def _repay_funding(self, m: ComputeCreditModel, paid: Array) -> None:
        lenders = m.lenders
        left = 1.0 - ratio(paid, lenders.stable + lenders.short + lenders.due)
        lenders.stable, lenders.short, lenders.due = lenders.stable * left, lenders.short * left, lenders.due * left

    def keep_claims(self, m: ComputeCreditModel, keep: Array) -> None:
        """Claims on borrowers with `keep` 0 are gone: `(n, R)`."""
        f, edges = m.facilities, m.edges
        m.fires("claims written off", f.claim * (1.0 - keep)[edges.borrower])
        f.claim = f.claim * keep[edges.borrower]
        m.hosting.claim = m.hosting.claim * keep[edges.tenant]
        m.borrowers.repo_claim = m.borrowers.repo_claim * keep
        m.offtakes.claim = m.offtakes.claim * keep[edges.seller]


def estate_worth(m: ComputeCreditModel) -> Array:
    """What a unit of claim on each failed borrower is worth, in [0, 1]: cash and machines at the mark over claims."""
    b, nodes = m.borrowers, m.estate_nodes
    machines = over_generations(b.units * m.market.mark) / MILLION * (1.0 - m.parameters.debt.liquidation_cost)
    claims = nodes.total(nodes.owed(m))[: nodes.borrowers]
    return np.minimum(ratio(b.estate_cash + machines, claims), 1.0)
