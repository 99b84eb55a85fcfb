"""How well is a debt covered, how long does it last, and what spread pays for its risk?

Pure arithmetic on whole schedules: flows `(T, …)`, one row a period, the first due one period from now; rates are per
period unless said otherwise. Definitions of the coverage ratios as lenders of project finance use them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nobid.agents.finance import MONTHS, level_payment
from nobid.agents.state import Array, ordered_sum, ratio


@dataclass(frozen=True)
class Schedule:
    """What is owed at the start of each period, and the interest and principal due at its end: `(T, …)` each."""

    opening: Array
    interest: Array
    principal: Array

    def service(self) -> Array:
        """Interest and principal."""
        return self.interest + self.principal

    def closing(self) -> Array:
        """What is owed at the end of each period."""
        return self.opening - self.principal


def level_schedule(balance: Array, rate: Array, periods: int) -> Schedule:
    """A loan of `balance` is repaid by level payments, each asked for anew on what is left, as the month does it.

    >>> loan = level_schedule(np.array(2500.0), np.array(0.0824 / 12), 12)
    >>> round(float(loan.service()[0]), 4), round(float(loan.interest[1]), 4)
    (217.7486, 15.7893)
    """
    rows = []
    for period in range(periods):
        interest = balance * rate
        left = np.asarray(float(periods - period))
        principal = level_payment(balance, rate * MONTHS, left) - interest
        rows.append((balance + 0.0, interest, principal))
        balance = balance - principal
    return Schedule(*(np.stack(part) for part in zip(*rows, strict=True)))


def present_values(flows: Array, rate: Array | float) -> Array:
    """At the start of each period, the value of the flows of that period and all later ones: `(T, …)`.

    >>> present_values(np.array([110.0, 121.0]), 0.1).round(6).tolist()
    [200.0, 110.0]
    """
    values, later = np.zeros_like(flows), np.zeros_like(flows[-1])
    for period in range(len(flows) - 1, -1, -1):
        later = (flows[period] + later) / (1.0 + rate)
        values[period] = later
    return values


def sculpted_schedule(income: Array, rate: Array | float, cover: Array | float) -> Schedule:
    """The largest loan that `income` covers `cover` times in every period, and its schedule: service = income / cover.

    Its size is the value of that service; its LLCR is `cover` in every period.

    >>> loan = sculpted_schedule(np.array([30.0, 32.0, 34.0, 30.0, 26.0, 22.0]), 0.07, 1.3)
    >>> round(float(loan.opening[0]), 4)
    107.5581
    """
    service = income / cover
    opening = present_values(service, rate)
    interest = opening * rate
    return Schedule(opening, interest, service - interest)


def dscr(income: Array, service: Array) -> Array:
    """Debt service coverage: income over interest and principal of the same period; infinite where nothing is due.

    >>> dscr(np.array([30.0, 5.0]), np.array([20.0, 0.0])).tolist()
    [1.5, inf]
    """
    return ratio(income, service, empty=np.inf)


def llcr(income: Array, opening: Array, rate: Array | float) -> Array:
    """Loan life coverage: at each period's start the value of income to the loan's end over what is owed: `(T, …)`."""
    return ratio(present_values(income, rate), opening, empty=np.inf)


# ---- how long


def average_life(principal: Array) -> Array:
    """The mean time, in periods, at which principal comes back, weighted by amount.

    >>> float(average_life(np.array([50.0, 50.0])))
    1.5
    """
    return ratio(ordered_sum(_ends(principal) * principal), ordered_sum(principal))


def macaulay_duration(flows: Array, rate: Array | float) -> Array:
    """The mean time, in periods, at which flows come, weighted by present value (Macaulay).

    >>> round(float(macaulay_duration(np.ones(7), 0.1)), 4)
    3.6216
    """
    values = flows * np.exp(-_ends(flows) * np.log1p(rate))
    return ratio(ordered_sum(_ends(flows) * values), ordered_sum(values))


def modified_duration(flows: Array, rate: Array | float) -> Array:
    """The relative fall of the value of `flows` per unit that the rate rises: Macaulay's over 1 + rate.

    >>> round(float(modified_duration(np.ones(7), 0.1)), 4)
    3.2924
    """
    return macaulay_duration(flows, rate) / (1.0 + np.asarray(rate))


def _ends(flows: Array) -> Array:
    """The number of each period, from 1, shaped to multiply `flows`."""
    numbered: Array = np.arange(1.0, len(flows) + 1.0).reshape(-1, *(1 for _ in flows.shape[1:]))
    return numbered


# ---- what spread


def hazard_of(probability: Array | float) -> Array:
    """The hazard rate a year of which this is the probability of default within a year, given survival to its start.

    >>> round(float(hazard_of(0.02)), 6)
    0.020203
    """
    hazard: Array = -np.log1p(-np.asarray(probability, dtype=float))
    return hazard


def triangle_spread(hazard: Array | float, recovery: Array | float) -> Array:
    """The credit triangle: spread = hazard x (1 - recovery), a year. Exact for a premium that is paid without pause.

    >>> float(triangle_spread(0.05, 0.4))
    0.03
    """
    return np.asarray(hazard, dtype=float) * (1.0 - np.asarray(recovery))


def triangle_hazard(spread: Array | float, recovery: Array | float) -> Array:
    """The hazard a year that a spread pays for: spread / (1 - recovery).

    >>> round(float(triangle_hazard(0.02, 0.4)), 6)
    0.033333
    """
    return np.asarray(spread, dtype=float) / (1.0 - np.asarray(recovery))


@dataclass(frozen=True)
class FairSpread:
    """The spread a year, and what one unit of it pays (by the years survived, and by the year of default), and what
    protection costs: present values per unit of debt.
    """

    spread: Array
    premium: Array
    accrual: Array
    protection: Array


def fair_spread(hazard: Array, recovery: Array, *, rate: Array, years: int) -> FairSpread:
    """The spread at which annual premiums, paid at the end of the year, are worth the loss that they cover.

    Defaults fall on the middle of a year; half a year's premium has accrued then. `hazard` a year (see `hazard_of`),
    `rate` compounded without pause. After Hull, Options, Futures and Other Derivatives, chapter on credit derivatives.

    >>> hull = fair_spread(hazard_of(0.02), np.array(0.4), rate=np.array(0.05), years=5)
    >>> round(float(hull.spread), 6)
    0.012425
    """
    premium, accrual, protection = 0.0 * hazard, 0.0 * hazard, 0.0 * hazard
    for year in range(1, years + 1):
        failing = -np.exp(-hazard * (year - 1)) * np.expm1(-hazard)
        middle = np.exp(-rate * (year - 0.5)) * failing
        premium = premium + np.exp(-(rate + hazard) * year)
        accrual = accrual + 0.5 * middle
        protection = protection + (1.0 - recovery) * middle
    return FairSpread(ratio(protection, premium + accrual), premium, accrual, protection)
