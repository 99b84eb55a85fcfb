"""Three phases of the month and a payment, the product's own and as loops in C: pairs that must agree.

The auctions with their bids, what falls due, and the month's checks with its loans to value. Left out on both sides:
events kept for tables, causes of refused rolls, conversion, brokers' settlement (payments), deliveries after auctions.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

import numpy as np
from floor_loops.given import DRAINS, DUES, Array, filled, month, numbers, refresh, short, whole

from nobid.agents.state import Columns
from nobid.model import debt, metrics, repo, secondary, trade
from nobid.model.accounts import BORROWER, CASH_ROWS, LENDER, SECTORS
from nobid.model.books import TOLERANCE, Books
from nobid.model.causes import Causes
from nobid.model.record import Record
from nobid.model.system import ComputeCreditModel

Rule = Callable[[], list[Array]]
Pair = tuple[Rule, Rule, Callable[[], None]]  # the product, the loops, and what makes both start afresh
TAKEN = ("free", "appetite", "budget", "cash", "capacity", "own_cash")
DECIDED = ("price", "sold", "forced_share", "patient_share", "bought")


class Session:
    """One round's auctions: the trade as it stood before the first, and what was asked of each generation."""

    def __init__(self, given: trade.Trade) -> None:
        m = given._m
        self.columns = Columns(m.columns.spans)
        for key in (("buyer", "limit"), ("buyer", "broker"), ("market", "mark"), ("market", "value")):
            self.columns.arrays[key] = whole(m.columns.arrays[key])
        self.model, self.given, self.asks = m, given, [np.zeros_like(given.price), np.zeros_like(given.price)]
        self.start = {name: whole(getattr(given, name)) for name in (*TAKEN, *DECIDED)}
        self.haircut = whole(given.haircut)
        self.order: list[int] = []
        given.clear = self.hears  # type: ignore[method-assign]

    def hears(self, g: int, forced: Array, patient: Array) -> None:
        """The product clears generation g, and what it was asked is noted."""
        self.asks[0][g], self.asks[1][g] = forced, patient
        self.order.append(g)
        trade.Trade.clear(self.given, g, forced, patient)

    def product(self) -> list[Array]:
        """The product clears every generation asked for, newest first."""
        m, kept = self.model, self.model.columns
        m.columns = self.columns
        try:
            for g in self.order:
                self.given.clear(g, self.asks[0][g], self.asks[1][g])
        finally:
            m.columns = kept
        return [getattr(self.given, name) for name in (*DECIDED, *TAKEN)]

    def afresh(self) -> None:
        """The product's trade stands as before the first auction."""
        for name, first in self.start.items():
            setattr(self.given, name, first.copy())

    def struct(self) -> tuple[ctypes.Structure, dict[str, Array]]:
        """What the loops are given, and the arrays that they write."""
        m, rules, kept = self.model, self.model.parameters.buyers, self.model.columns
        m.columns = self.columns
        written = {name: first.copy() for name, first in self.start.items()}
        fixed = {
            "limit": self.columns["buyer", "limit"], "broker": self.columns["buyer", "broker"],
            "kw": whole(m.hardware.kw), "liquid": whole(m.hardware.liquid), "scrap": whole(trade.scrap_price(m)),
            "patient_reserve": whole(trade.patient_reserve(m)), "haircut": self.haircut,
            "forced": self.asks[0], "patient": self.asks[1],
        }  # fmt: skip
        m.columns = kept
        buyers, generations, paths = fixed["limit"].shape
        sizes = {"N": buyers, "G": generations, "R": paths, "tranches": rules.tranches, "slope": rules.tranche_slope}
        struct = filled("trade", {**sizes, **fixed, **written})
        struct.kept = fixed  # type: ignore[attr-defined]  # alive as long as the struct
        return struct, written


def heard(rounds: list[Session], priced: list[Session]) -> ExitStack:
    """A context in which all auctions are noted: those of rounds, and those that only price a sale of everything."""
    opens, stack = trade.opens_trade, ExitStack()

    def listening(seen: list[Session]) -> Callable[..., trade.Trade]:
        def opened(m: ComputeCreditModel, **named: bool) -> trade.Trade:
            seen.append(Session(opens(m, **named)))
            return seen[-1].given

        return opened

    for module, seen in ((secondary, rounds), (trade, priced)):
        stack.enter_context(patch.object(module, "opens_trade", listening(seen)))
    return stack


def auctions(loops: Any, seen: list[Session]) -> Pair:
    """Every session of the month, with its bids and what its buyers have left."""
    given = [session.struct() for session in seen]
    for session in seen:
        vars(session.given).pop("clear", None)  # the listener

    def afresh() -> None:
        for session, (_, written) in zip(seen, given, strict=True):
            session.afresh()
            refresh([(written[name], first) for name, first in session.start.items()])

    def floor() -> list[Array]:
        for struct, _ in given:
            loops.sells(ctypes.byref(struct))
        return [written[name] for _, written in given for name in (*DECIDED, *TAKEN)]

    return lambda: [part for session in seen for part in session.product()], floor, afresh


def without() -> ExitStack:
    """A context in which what the loops leave out does nothing."""
    stack = ExitStack()
    for owner, name in ((Causes, "refuses"), (Record, "happened"), (Books, "convert")):
        stack.enter_context(patch.object(owner, name, lambda *given, **named: None))
    stack.enter_context(patch.object(repo, "_brokers_settle", lambda *given: None))
    return stack


def at_dues(seen: list[Columns]) -> Any:
    """What falls due, noting all columns as they stand before."""
    original = debt.falls_due

    def listening(m: ComputeCreditModel) -> None:
        seen.append(copied(m.columns))
        original(m)

    return patch.object(debt, "falls_due", listening)


def copied(columns: Columns) -> Columns:
    """All columns of their own."""
    part = Columns(columns.spans)
    part.fixed, part.arrays = columns.fixed, {key: array.copy() for key, array in columns.arrays.items()}
    return part


def dues(loops: Any, m: ComputeCreditModel, start: Columns) -> Pair:
    """What falls due in the month, from the columns as they stood before it."""
    kept, now = m.columns, copied(start)
    m.columns = now
    given = month(m)
    m.columns = kept
    written = (*DUES, "repo_due", "repo_interest", *map(short, DRAINS))
    first = {name: given[name].copy() for name in written}
    struct = filled("month", given)

    def afresh() -> None:
        now.arrays = {key: array.copy() if key[0] == "causes" else array for key, array in start.arrays.items()}
        refresh([(given[name], first[name]) for name in written])

    def product() -> list[Array]:
        m.columns = now
        try:
            debt.falls_due(m)
        finally:
            m.columns = kept
        arrays = [now["facility", name] for name in DUES]
        arrays += [now["borrower", "repo_due"], now["borrower", "repo_interest"]]
        return arrays + [now["causes", name] for name in DRAINS]

    def floor() -> list[Array]:
        loops.falls_due(ctypes.byref(struct))
        return [given[name] for name in written]

    return product, floor, afresh


def closing(loops: Any, m: ComputeCreditModel) -> Pair:
    """The month's loans to value and the checks of the books, on the columns as they stand at its end."""
    given = month(m)
    struct = filled("month", given)

    def product() -> list[Array]:
        figures = metrics.loan_to_value_figures(m)
        assert not m.books.breach()
        return list(figures.values())

    def floor() -> list[Array]:
        loops.loan_to_value(ctypes.byref(struct))
        loops.checks(ctypes.byref(struct))
        assert not (given["gaps"] > TOLERANCE).any()
        return list(given["ltv"])

    return product, floor, lambda: None


def gaps(loops: Any, m: ComputeCreditModel) -> tuple[list[Array], list[Array]]:
    """The largest gap of every account over its scale, both ways, in books that have been disturbed on purpose."""
    kept, luck = m.columns, np.random.default_rng(1)
    m.columns = copied(kept)
    for key in set(m.columns.arrays) - m.columns.fixed:
        m.columns.arrays[key] += luck.normal(size=m.columns.arrays[key].shape) * 3.0
    given = month(m)
    struct = filled("month", given)
    loops.checks(ctypes.byref(struct))
    found = [np.abs(gap) / np.maximum(scale, 1.0) for _, gap, scale in m.books.checks()]
    m.columns = kept
    return [one.reshape(-1, one.shape[-1]).max(axis=0) for one in found], list(given["gaps"])


def payment(loops: Any, m: ComputeCreditModel) -> Pair:
    """A month's interest goes from borrowers to lenders; each side of the comparison has books of its own."""
    edges, links, arrays = m.edges, m.links, m.columns.arrays
    amount = whole(m.facilities.drawn * m.facilities.rate / 12.0)
    keys = [("borrower", "cash"), ("books", "flow.borrowers"), ("lender", "cash"), ("books", "flow.lenders"),
            ("books", "matrix"), ("books", "turnover")]  # fmt: skip
    cash, flow, funds, funds_flow, matrix, turnover = own = [whole(arrays[key]) for key in keys]
    row, paths, split = CASH_ROWS.index("interest"), amount.shape[1], m.kinds["borrower"].count("miner")
    debtor, creditor = numbers(edges.borrower), numbers(edges.lender)
    sector = {name: matrix[row, SECTORS.index(name)] for name in ("miners", "neo-clouds", "lenders")}
    spare = np.empty((len(cash) + len(funds) + 1, paths))

    def product() -> list[Array]:
        m.books.pay("interest", amount, payer=BORROWER.along(links.borrower), payee=LENDER.along(links.lender))
        return [arrays[key] for key in keys]

    def leg(size: int, part: int, sign: float, *given: Any) -> None:
        sizes = (ctypes.c_int(one) for one in (len(amount), size, paths, part))
        loops.leg(*sizes, ctypes.c_double(sign), *(ctypes.c_void_p(one.ctypes.data) for one in (amount, *given, spare)))

    def floor() -> list[Array]:
        total = turnover[row]
        leg(len(cash), split, -1.0, debtor, cash, flow, sector["miners"], sector["neo-clouds"], total)
        leg(len(funds), len(funds), 1.0, creditor, funds, funds_flow, sector["lenders"], total, total)
        return own

    return product, floor, lambda: None
