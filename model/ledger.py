"""Who has paid whom for what, whatever the chart of accounts: two legs a payment, and do they add up?

A ledger knows rows (what is paid for), sectors (who pays and is paid, in the matrix) and the accounts that hold cash;
it knows nothing of machines or debt, which the books add. Flows are added up apart from the stocks, in the matrix and
per holder of cash, and the checks compare the two.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np

from nobid.agents.state import Array, Columns, ordered_sum
from nobid.model.accounts import Account

TOLERANCE = 1e-9  # of the account's own turnover or stock, and in USD million below one


class HasColumns(Protocol):
    """Whatever holds the cash: the model, or a few columns alone."""

    columns: Columns


class Ledger:
    """The flows of one month. Arrays stand in `columns` under "books", so that they travel with the paths."""

    def __init__(
        self,
        holder: HasColumns,
        paths: int,
        *,
        rows: Sequence[str],
        sectors: Sequence[str],
        stocks: Sequence[Account],
    ) -> None:
        self._holder, self._stocks = holder, tuple(stocks)
        self._rows = {row: number for number, row in enumerate(rows)}
        arrays = holder.columns.arrays
        arrays["books", "matrix"] = np.zeros((len(rows), len(sectors), paths))
        arrays["books", "turnover"] = np.zeros((len(rows), paths))
        for account in stocks:
            for prefix in ("flow", "open"):
                stock = arrays[account.family, account.column]
                arrays["books", f"{prefix}.{account.name}"] = np.zeros(stock.shape)

    def _of(self, name: str) -> Array:
        return self._holder.columns["books", name]

    def pay(self, row: str, amount: Array, *, payer: Account, payee: Account) -> None:
        """`amount` (USD million, one row per edge or agent of the accounts) has gone from payer to payee."""
        self.settle(row, payer=payer, paid=amount, payee=payee, received=amount)

    def settle(self, row: str, *, payer: Account, paid: Array, payee: Account, received: Array) -> None:
        """Many have paid many: `paid` and `received` stand by their own account's rows and have the same total.

        Where nobody pays on any path nothing moves: accounts and flows hold no -0.0 that adding 0.0 would turn.
        """
        if not (paid.any() or received.any()):
            return
        gone, come = -paid, received + 0.0
        number = self._rows[row]
        self._leg(number, payer, gone)
        self._leg(number, payee, come)

    def _leg(self, row: int, account: Account, amount: Array) -> None:
        matrix = self._of("matrix")[row]
        if not account.family:
            total = ordered_sum(amount) if amount.ndim > 1 else amount
            matrix[account.sector] += total
            self._of("turnover")[row] += np.abs(total)
            return
        each = account.link.sum(amount) if account.link else amount
        self._holder.columns.add((account.family, account.column), each)
        self._of(f"flow.{account.name}")[...] += each
        for sector, part in self._parts(account, each):
            matrix[sector] += part
        self._of("turnover")[row] += ordered_sum(np.abs(each))

    def _parts(self, account: Account, each: Array) -> Iterator[tuple[int, Array]]:
        """What of a leg belongs to which sector: all to one, or by the kinds that the account's rows fall into."""
        if account.sector >= 0:
            yield account.sector, ordered_sum(each)
            return
        for sector, kind in account.kinds:
            rows = each[self._holder.columns.spans[kind]]
            if len(rows):
                yield sector, ordered_sum(rows)

    def open_month(self) -> None:
        """Flows are zero and opening stocks of cash are noted."""
        self._of("matrix")[...] = 0.0
        self._of("turnover")[...] = 0.0
        for account in self._stocks:
            self._of(f"flow.{account.name}")[...] = 0.0
            self._of(f"open.{account.name}")[...] = self._holder.columns[account.family, account.column]

    def row(self, name: str) -> Array:
        """The row of the transactions-flow matrix, `(sectors, R)`, USD million."""
        flows: Array = self._of("matrix")[self._rows[name]]
        return flows

    def column(self, account: Account) -> Array:
        """What the account's sectors have received less what they paid, over all rows of the matrix: `(R,)`."""
        matrix = self._of("matrix")
        sectors = (account.sector,) if account.sector >= 0 else tuple(sector for sector, _ in account.kinds)
        total = ordered_sum(matrix[:, sectors[0]])
        for sector in sectors[1:]:
            total = total + ordered_sum(matrix[:, sector])
        return total

    def checks(self) -> Iterator[tuple[str, Array, Array]]:
        """Every identity as (account, gap, scale), each `(…, R)`: rows sum to zero; stocks of cash and columns of the
        matrix have changed by what was paid.
        """
        matrix, turnover = self._of("matrix"), self._of("turnover")
        for row, number in self._rows.items():
            yield f"row {row}", ordered_sum(matrix[number]), turnover[number]
        for account in self._stocks:
            cash, start = self._holder.columns[account.family, account.column], self._of(f"open.{account.name}")
            flow = self._of(f"flow.{account.name}")
            yield f"cash of {account.name}", cash - start - flow, np.abs(start) + np.abs(cash) + np.abs(flow)
            gap = ordered_sum(flow) - self.column(account)
            yield f"column of {account.name}", gap, ordered_sum(turnover)

    def breach(self) -> list[tuple[int, str]]:
        """The paths (column numbers) whose books do not balance, with the account and the sum that is missing."""
        found: dict[int, str] = {}
        for account, gap, scale in self.checks():
            wide = np.abs(gap) > TOLERANCE * np.maximum(scale, 1.0)
            wide |= ~np.isfinite(gap)
            if not wide.any():
                continue
            for path in np.flatnonzero(wide.reshape(-1, wide.shape[-1]).any(axis=0)):
                worst = float(np.max(np.abs(np.nan_to_num(gap[..., path], nan=np.inf))))
                found.setdefault(int(path), f"{account}: {worst:.6g} does not add up")
        return sorted(found.items())
