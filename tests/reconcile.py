"""Do the ledgers of causes agree with what was paid? Flows are added up here, agent by agent, beside the books.

Nothing of the ledgers is used to add up the flows: the listener stands at the one verb through which all money goes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nobid.model import lending
from nobid.model.accounts import Account
from nobid.model.causes import Causes
from nobid.model.drains import COIN_MARGIN, GPU_MARGIN, INVESTMENT, MEMORY
from nobid.model.system import ComputeCreditModel

Array = NDArray[np.float64]
EARNED = ("interest", "fees", "repo interest", "line interest", "other income", "funding cost", "dividends", "support")
RUNNING = ("spot rent", "offtake rent", "other income", "hosting rent", "opex", "site rent")
LEDGERS = ("own", "facility", "contract", "lease")


class Reconciled:
    """A model whose months are stepped through here; `gaps()` compares ledgers with flows after each."""

    def __init__(self, model: ComputeCreditModel) -> None:
        self.model = model
        self._pay = model.books.settle
        model.books.settle = self._listens  # type: ignore[method-assign]
        model.causes.drains.operating_gap = self._sees_service  # type: ignore[method-assign]
        model.causes.closes_month = self._sees_equity  # type: ignore[method-assign]
        self._flows: dict[tuple[str, str], Array] = {}
        self._equity = self._after = model.lenders.equity + 0.0
        self._before: dict[str, Array] = {}
        self._seen: dict[str, Array] = {}

    def step(self) -> dict[str, float]:
        """The month has run; the largest gap between ledgers and flows by name, USD million over a scale of its own."""
        self._flows.clear()
        self._drawn = np.zeros((len(self.model.edges.lender), len(self.model.paths)))
        self._swept = np.zeros_like(self._drawn)
        self._live = self.model.hosting.live + 0.0
        self._failed = self.model.causes.losses.of("failed_after") + 0.0
        self._before = {name: self.model.causes.drains.of(name) * MEMORY for name in LEDGERS}
        self.model.step()
        return self.gaps()

    def gaps(self) -> dict[str, float]:
        """Largest gaps of the month, relative to what stands on the sheets or was paid."""
        m = self.model
        alive = m.borrowers.alive
        lost = self.flow("lender", EARNED) - self._losses - (self._after - self._equity)
        self._equity = self._after
        found = {"lenders' losses against their equity": relative(lost * m.lenders.alive, m.lenders.assets)}
        paid = -self.flow("borrower", ("interest", "principal", "margin", "fees", "repo interest", "repo in"))
        items, seen = self._items(), self._seen
        owed = items - seen["gap"] - items_of(m, self._before, INVESTMENT) + seen["service"]
        plain = alive * np.where(m.links.borrower.sum(self._swept) > 0.0, 0.0, 1.0)  # pledged sales pay dues themselves
        plain = plain * np.where(self._coins_moved(), 0.0, 1.0)
        handed = m.links.borrower.sum(m.causes.losses.of("failed_after") - self._failed) > 0.0
        plain = plain * np.where(handed, 0.0, 1.0)  # what was due on a loan that was handed over is not paid
        found["dues in the ledger against what was paid"] = relative((owed - paid) * plain, paid)
        own = -self.flow("borrower", ("capex", "customer prepayment")) - self._new_loans()
        invested = items_of(m, self._before, INVESTMENT)
        refilled = self.flow("borrower", ("equity issued", "convertibles issued")) > 0.0  # for machines or the purse
        apart = np.where(refilled, np.maximum(invested - own, 0.0), invested - own)
        found["own money in new machines against capex"] = relative(apart * alive, own)
        stiffed = m.links.host.sum(self._live - m.hosting.live) > 0.0  # a tenant failed: earned and not paid
        cash = self.flow("borrower", RUNNING) + seen["mined"] + seen["worked off"]
        found["income against rents and costs"] = relative((seen["income"] - cash) * alive * ~stiffed, cash)
        return found

    def flow(self, family: str, rows: tuple[str, ...]) -> Array:
        """What each agent of the family received net under these rows this month."""
        size = len(self.model.names[family]), len(self.model.paths)
        total = np.zeros(size)
        for row in rows:
            total = total + self._flows.get((family, row), 0.0)
        return total

    def _new_loans(self) -> Array:
        """What was drawn for machines: on all loans but revolvers."""
        m = self.model
        drawn: Array = m.links.borrower.sum(self._drawn * (1.0 - m.edges.is_revolver))
        return drawn

    def _items(self) -> Array:
        """All that the ledgers took on this month, by borrower."""
        m, now = self.model, self.model.causes.drains
        new = {name: now.of(name) - self._before[name] for name in LEDGERS}
        contract = m.links.seller.sum(new["contract"].sum(axis=1))
        facility = m.links.borrower.sum(new["facility"].sum(axis=1))
        total: Array = new["own"].sum(axis=1) + facility + contract + m.links.host.sum(new["lease"])
        return total

    def _coins_moved(self) -> Array:
        """Where coins stood in for cash: posted, or sold out of a loan by its lender."""
        drains = self.model.causes.drains
        calls = drains.of("facility")[:, GPU_MARGIN] - self._before["facility"][:, GPU_MARGIN]
        margin = items_of(self.model, self._before, COIN_MARGIN) + self.model.links.borrower.sum(calls)
        moved: Array = margin > -self.flow("borrower", ("margin",)) + 1e-9
        return moved

    def _sees_service(self) -> None:
        m, b, f = self.model, self.model.borrowers, self.model.facilities
        service = m.links.borrower.sum(f.service) + b.repo_interest
        swept = (m.edges.amortisation == "sweep")[:, np.newaxis]
        final = np.maximum(f.principal_due - np.maximum(f.income - f.interest_due, 0.0), 0.0) * (f.months_left <= 1.0)
        trap = m.links.borrower.sum(swept * (f.principal_due - final))
        worked = m.links.seller.sum(m.offtakes.revenue) - self.flow("borrower", ("offtake rent",))
        self._seen = {
            "service": service + trap, "income": b.income + 0.0, "gap": np.maximum(service - b.income, 0.0) * b.alive,
            "mined": b.mined * m.world.coin / 1e6, "worked off": worked,
        }  # fmt: skip
        type(m.causes.drains).operating_gap(m.causes.drains)

    def _sees_equity(self) -> None:
        m = self.model
        before = {name: m.causes.losses.of(f"{name}_before") for name in m.causes.losses.so_far()}
        month = {name: amount - before[name] for name, amount in m.causes.losses.so_far().items()}
        self._losses = m.causes.losses.of_lenders(month)
        lending.takes_stock(m)
        self._after = m.lenders.equity + 0.0
        Causes.closes_month(m.causes)

    def _listens(self, row: str, *, payer: Account, paid: Array, payee: Account, received: Array) -> None:
        if row in {"draws", "sweep"}:
            by_facility = self._drawn if row == "draws" else self._swept
            by_facility[:, np.searchsorted(self.model.paths, self.model.world.path)] += received
        for account, amount in ((payer, -paid), (payee, received)):
            if account.family and account.column == "cash":
                each = account.link.sum(amount) if account.link else amount
                size = len(self.model.names[account.family]), len(self.model.paths)
                whole = self._flows.setdefault((account.family, row), np.zeros(size))
                whole[:, np.searchsorted(self.model.paths, self.model.world.path)] += each
        self._pay(row, payer=payer, paid=paid, payee=payee, received=received)


def items_of(m: ComputeCreditModel, before: dict[str, Any], kind: int) -> Array:
    """What one ledger of borrowers' own took on this month."""
    new: Array = m.causes.drains.of("own")[:, kind] - before["own"][:, kind]
    return new


def relative(gap: Array, scale: Array) -> float:
    """The largest gap over its own scale, at least one USD million."""
    return float(np.max(np.abs(gap) / np.maximum(np.abs(scale), 1.0), initial=0.0))
