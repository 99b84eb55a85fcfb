"""Who pays whom for what, and does it add up?

Every payment has a payer and a payee; stocks change only through the verbs here and in the ledger. Flows are added up
apart from the stocks, in the transactions-flow matrix and per agent, and the checks compare the two every month of
every path.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from nobid.agents.borrower import Borrower
from nobid.agents.buyer import GPUBuyer
from nobid.agents.state import Array, ordered_sum
from nobid.model.accounts import (
    BORROWER,
    CAPITAL,
    CASH_ROWS,
    CASH_STOCKS,
    DEBT_ROWS,
    HELD_UNITS,
    LENDER,
    SECTORS,
    Account,
    Holder,
)
from nobid.model.fleet import all_units
from nobid.model.ledger import TOLERANCE, Ledger

if TYPE_CHECKING:
    from nobid.model.system import ComputeCreditModel

__all__ = ["TOLERANCE", "Books"]

FLOWS = ("coins_flow", "repo_flow", "warehouse_flow")


class Books(Ledger):
    """The flows of one month: the ledger of cash, and the stocks of debt, machines and coins beside it."""

    def __init__(self, m: ComputeCreditModel, paths: int) -> None:
        super().__init__(m, paths, rows=CASH_ROWS, sectors=SECTORS, stocks=CASH_STOCKS)
        self._m = m
        arrays = m.columns.arrays
        arrays["books", "debt"] = np.zeros((len(DEBT_ROWS), paths))
        for name in ("debt_flow", "debt_open"):
            arrays["books", name] = np.zeros(arrays["facility", "drawn"].shape)
        for name in (*FLOWS, "funding_open", "warehouse_open", "repo_open", "coins_open"):
            arrays["books", name] = np.zeros(paths)
        for name in ("units_open", "units_flow"):
            arrays["books", name] = np.zeros((len(m.hardware.names), paths))

    def lend(self, amount: Array) -> None:
        """Lenders have paid `amount` (E, R) to borrowers, who owe it."""
        links = self._m.links
        self.pay("draws", amount, payer=LENDER.along(links.lender), payee=BORROWER.along(links.borrower))
        self._debt("drawn", amount)

    def repay(self, row: str, amount: Array, payer: Account | None = None) -> None:
        """Borrowers (or whoever pays for them) have paid `amount` (E, R) to lenders and owe that much less."""
        links = self._m.links
        self.pay(row, amount, payer=payer or BORROWER.along(links.borrower), payee=LENDER.along(links.lender))
        self._debt("repaid", -amount)

    def issue(self, amount: Array) -> None:
        """The capital market's funds have bought notes: lenders of note facilities pay, borrowers owe."""
        links = self._m.links
        self.pay("convertibles issued", amount, payer=LENDER.along(links.lender), payee=BORROWER.along(links.borrower))
        self._debt("issued", amount)

    def repay_line(self, amount: Array) -> None:
        """Receivers have paid `amount` (lines, R) back to the providers of their lines."""
        links, paid = self._m.links, amount + 0.0
        self.pay("lines repaid", paid, payer=LENDER.along(links.receiver), payee=LENDER.along(links.provider))
        self._m.columns.add(("warehouse", "drawn"), -paid)
        self._of("warehouse_flow")[...] -= ordered_sum(paid)

    def convert(self, amount: Array) -> None:
        """Debt of `amount` (E, R) has become shares, which its holders have sold to the capital market for as much."""
        self.pay("shares sold", amount, payer=CAPITAL, payee=LENDER.along(self._m.links.lender))
        self.cancel("converted", amount)

    def cancel(self, row: str, amount: Array) -> None:
        """Debt of `amount` (E, R) is gone without cash: converted, set against seized collateral, or made a claim."""
        self._debt(row, -amount)

    def _debt(self, row: str, change: Array) -> None:
        moved = change + 0.0
        self._m.columns.add(("facility", "drawn"), moved)
        self._of("debt_flow")[...] += moved
        self._of("debt")[DEBT_ROWS.index(row)] += ordered_sum(moved)

    def move_units(self, *, giver: Holder | None, taker: Holder | None, gone: Array, come: Array) -> None:
        """Machines have changed hands: `gone` per giver's row, `come` per taker's; None: vendor or scrap yard."""
        gone, come = gone + 0.0, come + 0.0
        if giver is not None:
            self._m.columns.add(giver, -gone)
        else:
            self._of("units_flow")[...] += ordered_sum(come)
        if taker is not None:
            self._m.columns.add(taker, come)
        else:
            self._of("units_flow")[...] -= ordered_sum(gone)

    def move_coins(self, *, giver: Holder | None, taker: Holder | None, gone: Array, come: Array) -> None:
        """Coins have changed hands; None is the network (mined) or the coin market (sold)."""
        gone, come = gone + 0.0, come + 0.0
        if giver is not None:
            self._m.columns.add(giver, -gone)
        else:
            self._of("coins_flow")[...] += ordered_sum(come)
        if taker is not None:
            self._m.columns.add(taker, come)
        else:
            self._of("coins_flow")[...] -= ordered_sum(gone)

    def repo(self, holders: Borrower | GPUBuyer, column: str, change: Array) -> None:
        """Repo owed to dealers or the public has changed by `change` (rows, R)."""
        moved = change + 0.0
        self._m.columns.add((holders.family, column), moved)
        self._of("repo_flow")[...] += ordered_sum(moved)

    def open_month(self) -> None:
        """Flows are zero and opening stocks are noted."""
        super().open_month()
        for name in ("debt", "debt_flow", "units_flow", *FLOWS):
            self._of(name)[...] = 0.0
        self._of("debt_open")[...] = self._m.columns["facility", "drawn"]
        for name, stock in self._totals():
            self._of(name)[...] = stock

    def _totals(self) -> Iterator[tuple[str, Array]]:
        m = self._m
        yield "units_open", all_units(m)
        yield "coins_open", ordered_sum(m.borrowers.coins) + ordered_sum(m.facilities.coins)
        yield "funding_open", ordered_sum(m.lenders.stable + m.lenders.short + m.lenders.due)
        yield "warehouse_open", ordered_sum(m.warehouses.drawn)
        yield (
            "repo_open",
            ordered_sum(m.borrowers.repo_debt + m.borrowers.official_debt) + ordered_sum(m.buyers.repo_debt),
        )

    def checks(self) -> Iterator[tuple[str, Array, Array]]:
        """Every identity as (account, gap, scale), each `(…, R)`."""
        yield from super().checks()
        m = self._m
        start = self._of("debt_open")
        yield "facilities", m.facilities.drawn - start - self._of("debt_flow"), start + m.facilities.drawn
        debt = self._of("debt")
        lent = -(self.row("draws") + self.row("convertibles issued"))[2]
        yield "debt drawn", debt[0] + debt[1] - lent, np.abs(lent)
        yield from self._stock_checks()
        yield from self._never_negative()

    def _stock_checks(self) -> Iterator[tuple[str, Array, Array]]:
        now = dict(self._totals())
        gap = now["units_open"] - self._of("units_open") - self._of("units_flow")
        yield "machines", gap, self._of("units_open") + now["units_open"]
        gap = now["coins_open"] - self._of("coins_open") - self._of("coins_flow")
        yield "coins", gap, self._of("coins_open") + now["coins_open"]
        capital = SECTORS.index("capital market")
        flow = -(self.row("funding in") + self.row("funding out"))[capital]
        gap = now["funding_open"] - self._of("funding_open") - flow
        yield "lenders' funding", gap, self._of("funding_open") + np.abs(flow)
        lines = self._of("warehouse_flow")
        gap = now["warehouse_open"] - self._of("warehouse_open") - lines
        yield "lines between lenders", gap, self._of("warehouse_open") + np.abs(lines)
        repo = self._of("repo_flow")
        yield "repo", now["repo_open"] - self._of("repo_open") - repo, self._of("repo_open") + np.abs(repo)

    def _never_negative(self) -> Iterator[tuple[str, Array, Array]]:
        """No account can be overdrawn and no machine or coin sold twice."""
        m = self._m
        one = np.ones(())
        for account in CASH_STOCKS:
            yield f"overdrawn cash of {account.name}", np.minimum(m.columns[account.family, account.column], 0.0), one
        for family, column in (*HELD_UNITS, ("borrower", "coins"), ("facility", "coins"), ("facility", "drawn")):
            held = m.columns[family, column]
            most = np.max(np.abs(held), initial=0.0) + one
            yield f"negative {column} of {family}", np.minimum(held, 0.0), most
