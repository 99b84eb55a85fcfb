"""What do the books say to the published case: Godley and Lavoie's Model SIM, paid through the same verbs?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from nobid.agents.state import Columns
from nobid.model.accounts import Account
from nobid.model.ledger import Ledger
from tests.oracle_cases import Adapter, Check

SECTORS = ("households", "production", "government")
ROWS = ("consumption", "government spending", "wages", "taxes")
HOUSEHOLDS, PRODUCTION, GOVERNMENT = (
    Account(name, family, "money", sector=place)
    for place, (name, family) in enumerate(zip(SECTORS, ("household", "firm", "state"), strict=True))
)


class Sim:
    """Three sectors, one account each; the state's money is what it has issued, below zero."""

    def __init__(self, given: dict[str, Any]) -> None:
        self.propensity, self.wealth_propensity, self.tax = given["alpha1"], given["alpha2"], given["theta"]
        self.columns = Columns({})
        accounts = (HOUSEHOLDS, PRODUCTION, GOVERNMENT)
        for account in accounts:
            self.columns.arrays[account.family, "money"] = np.zeros((1, 1))
        self.columns.arrays["household", "money"][:] = given["H0"]
        self.columns.arrays["state", "money"][:] = -given["H0"]
        self.ledger = Ledger(self, 1, rows=ROWS, sectors=SECTORS, stocks=accounts)

    def money(self, account: Account) -> float:
        """What stands in the account."""
        return float(self.columns[account.family, "money"][0, 0])

    def period(self, spending: float) -> dict[str, float]:
        """One period has been paid: income solves Y = C(Y) + G, everything else is read off the ledger."""
        before = self.money(HOUSEHOLDS)
        demand = spending + self.wealth_propensity * before
        income = demand / (1.0 - self.propensity * (1.0 - self.tax))
        self.ledger.open_month()
        for row, amount, payer, payee in (
            ("government spending", spending, GOVERNMENT, PRODUCTION),
            ("wages", income, PRODUCTION, HOUSEHOLDS),
            ("taxes", self.tax * income, HOUSEHOLDS, GOVERNMENT),
            (
                "consumption",
                self.propensity * (1.0 - self.tax) * income + self.wealth_propensity * before,
                HOUSEHOLDS,
                PRODUCTION,
            ),
        ):
            self.ledger.pay(row, np.full((1, 1), amount), payer=payer, payee=payee)
        return self.read()

    def read(self) -> dict[str, float]:
        """The period's figures from the matrix and the accounts."""
        wages, taxes, spent = (float(self.ledger.row(name)[0, 0]) for name in ("wages", "taxes", "consumption"))
        saved = float(self.ledger.column(HOUSEHOLDS)[0])
        return {"Y": wages, "T": -taxes, "YD": wages + taxes, "C": -spent, "dH": saved, "H": self.money(HOUSEHOLDS)}


STEADY = 400  # periods after which nothing moves any more


def model_sim(case: dict[str, Any]) -> Iterator[Check]:
    """First periods, steady state, and higher spending; the redundant equation is read off, never imposed."""
    given, wanted, close = case["inputs"], case["expected"], case["tolerance"]["abs"]
    sim = Sim(given)
    for number, row in enumerate(wanted["periods"], 1):
        yield from compared(f"period {number}", row, sim.period(given["G"]), close)
        yield from redundant(f"period {number}", sim, close)
    for _ in range(STEADY):
        last = sim.period(given["G"])
    yield from compared("steady state", wanted["steady_state"], last, close)
    yield from redundant("steady state", sim, close)
    more = wanted["G25"]
    yield from compared("spending 25, first period", more["first_period"], sim.period(25.0), close)
    yield from compared("spending 25, second period", more["second_period"], sim.period(25.0), close)
    for _ in range(STEADY):
        last = sim.period(25.0)
    yield from compared("spending 25, steady state", more["steady_state"], last, close)
    yield from redundant("spending 25, steady state", sim, close)
    yield from printed(case)


def compared(label: str, wanted: dict[str, float], got: dict[str, float], close: float) -> Iterator[Check]:
    """Every figure of a period."""
    for name, value in wanted.items():
        yield Check(f"{label}: {name}", value, got[name], close)


def redundant(label: str, sim: Sim, close: float) -> Iterator[Check]:
    """Money issued (the state's column) is money saved (the households'), production keeps none, the books close."""
    issued, saved = (float(sim.ledger.column(account)[0]) for account in (GOVERNMENT, HOUSEHOLDS))
    yield Check(f"{label}: money issued is money saved", -issued, saved, close)
    yield Check(
        f"{label}: money in circulation is the state's debt", -sim.money(GOVERNMENT), sim.money(HOUSEHOLDS), close
    )
    yield Check(f"{label}: production keeps nothing", 0.0, sim.money(PRODUCTION), close)
    yield Check(f"{label}: the ledger's own checks", "[]", str(sim.ledger.breach()), 0.0)


def printed(case: dict[str, Any]) -> Iterator[Check]:
    """The book's table, whose period 1 has no spending yet."""
    sim, rounded = Sim(case["inputs"]), case["tolerance"]["published_abs"]
    table = case["published"]["table_3_4"]
    for name in ("period2", "period3"):
        yield from compared(f"printed {name}", table[name], sim.period(case["inputs"]["G"]), rounded)


CASES: dict[str, Adapter] = {"sfc_sim": model_sim}
