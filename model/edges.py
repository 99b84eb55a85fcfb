"""Between whom do edges run? The exposure graph as arrays of indices; its networkx face is in `exposures.py`."""

from __future__ import annotations

from collections import Counter

import numpy as np

from nobid.agents.state import Array, Index, Link, ratio
from nobid.model.founding import BorrowerRow, Founding

MACHINE_LOANS = ("abl", "vendor")
Ends = tuple[str, Index]  # a family of agents and, edge by edge, which of them stands at this end


class Edges:
    """Indices of every table's ends, in the order of the founding's rows. Miners come first among borrowers."""

    def __init__(self, founding: Founding) -> None:
        self.borrowers: list[BorrowerRow] = sorted(founding.borrowers, key=lambda row: row.kind != "miner")
        place = {row.name: i for i, row in enumerate(self.borrowers)}
        lender = {row.name: i for i, row in enumerate(founding.lenders)}
        buyer = {row.name: i for i, row in enumerate(founding.buyers)}

        def index(names: list[int]) -> Index:
            return np.array(names, dtype=np.intp)

        facilities = founding.facilities
        self.borrower = index([place[row.borrower] for row in facilities])
        self.lender = index([lender[row.lender] for row in facilities])
        self.debtor: Ends = ("borrower", self.borrower)
        self.creditor: Ends = ("lender", self.lender)
        self.kind = np.array([row.kind for row in facilities], dtype="U16")
        self.amortisation = np.array([row.amortisation for row in facilities], dtype="U16")
        self.secured = self._column([row.secured for row in facilities])
        self.recourse = self._column([row.recourse for row in facilities])
        self.expansion = self._column([row.expansion for row in facilities])
        self.is_coin_loan = self._column([row.kind == "btc_loan" for row in facilities])
        self.earns_itself = self.secured * (1.0 - self.is_coin_loan)  # its collateral brings in income
        self.is_revolver = self._column([row.kind == "revolver" for row in facilities])
        self.is_convertible = self._column([row.kind == "convertible" for row in facilities])
        self.is_machine_loan = self._column([row.kind in MACHINE_LOANS for row in facilities])
        self.assumed = self._column([bool(row.assumed) for row in facilities])
        pairs, self.pair = np.unique(self.lender * len(place) + self.borrower, return_inverse=True)
        self.pair_lender: Index = pairs // max(
            len(place), 1
        )  # of every lender and borrower with facilities between them
        self.seller = index([place[row.borrower] for row in founding.offtakes])
        self.customer = index([buyer[row.buyer] for row in founding.offtakes])
        self.host = index([place[row.host] for row in founding.hosting])
        self.tenant = index([place[row.tenant] for row in founding.hosting])
        self.provider = index([lender[row.provider] for row in founding.warehouses])
        self.receiver = index([lender[row.receiver] for row in founding.warehouses])
        self._repo_dealers(founding, lender)
        self.pledge = Pledge(founding)
        self.lender_names = [row.name for row in founding.lenders]

    @staticmethod
    def _column(flags: list[bool]) -> Array:
        return np.array(flags, dtype=float)[:, np.newaxis]

    def _repo_dealers(self, founding: Founding, lender: dict[str, int]) -> None:
        """Borrowers are dealt round the repo lenders; a broker has the one its row names."""
        dealers = [i for i, row in enumerate(founding.lenders) if row.repo] or [0]
        self.repo_lender = np.array([dealers[i % len(dealers)] for i in range(len(self.borrowers))], dtype=np.intp)
        named = [lender.get(row.repo_lender, dealers[0]) for row in founding.buyers]
        brokers = [row.kind == "broker" for row in founding.buyers]
        self.broker_lender = np.array(named, dtype=np.intp)
        count = Counter(n for n, broker in zip(named, brokers, strict=True) if broker)
        self.broker_share = np.array([b / max(count[n], 1) for n, b in zip(named, brokers, strict=True)], dtype=float)


class Links:
    """The sums over edges that the month needs."""

    def __init__(self, edges: Edges, borrowers: int, lenders: int, buyers: int) -> None:
        self.borrower = Link(edges.borrower, borrowers)
        self.lender = Link(edges.lender, lenders)
        self.pair = Link(edges.pair, len(edges.pair_lender))
        self.seller = Link(edges.seller, borrowers)
        self.customer = Link(edges.customer, buyers)
        self.host = Link(edges.host, borrowers)
        self.tenant = Link(edges.tenant, borrowers)
        self.provider = Link(edges.provider, lenders)
        self.receiver = Link(edges.receiver, lenders)
        self.repo_lender = Link(edges.repo_lender, lenders)
        self.broker_lender = Link(edges.broker_lender, lenders)


class Pledge:
    """Which contracts are pledged to which machine loans: one pair per contract and facility that may share it.

    A contract that facilities name is theirs and the borrower's expansion loan's; one that none names covers all
    machine loans of its borrower and its free machines. Shares go by the compute pledged now.
    """

    def __init__(self, founding: Founding) -> None:
        facility: list[int] = []
        contract: list[int] = []
        unnamed = []
        loans: dict[str, list[int]] = {}
        for e, loan in enumerate(founding.facilities):
            if loan.kind in MACHINE_LOANS:
                loans.setdefault(loan.borrower, []).append(e)
        for o, row in enumerate(founding.offtakes):
            own = loans.get(row.borrower, [])
            naming = [e for e in own if row.name in founding.facilities[e].contracts]
            shared = [e for e in own if e in naming or founding.facilities[e].expansion] if naming else own
            facility += shared
            contract += [o] * len(shared)
            unnamed.append(0.0 if naming else 1.0)
        self.facility, self.contract = np.array(facility, dtype=np.intp), np.array(contract, dtype=np.intp)
        self.unnamed = np.array(unnamed)[:, np.newaxis]
        self._by_contract = Link(self.contract, len(founding.offtakes))
        self._by_facility = Link(self.facility, len(founding.facilities))

    def shares(self, compute: Array, free: Array) -> Array:
        """The share of each pair, from pledged `compute` (E, R) and each contract's `free` compute (O, R)."""
        whole = self._by_contract.sum(compute[self.facility]) + self.unnamed * free
        return ratio(compute[self.facility], whole[self.contract])

    def per_facility(self, shares: Array, of_contract: Array) -> Array:
        """What each facility's contracts bring it: `(E, R)`."""
        return self.of_facility(shares * of_contract[self.contract])

    def of_facility(self, of_pairs: Array) -> Array:
        """The sum over the pairs of each facility: `(E, R)`."""
        return self._by_facility.sum(of_pairs)
