"""What is a payment, a coverage, a machine worth? Pure arithmetic, on numbers and arrays alike.

Rates are annual decimals, months are months, money in the unit it came in. Powers are written `exp(b log x)`: numpy
gives the same bits for that on one element and on many.
"""

from __future__ import annotations

import numpy as np

from nobid.agents.state import Array, ratio

MONTHS = 12.0
HOURS = 730.0  # hours in a month
DAYS = 365.0 / MONTHS
MILLION = 1e6


def discount(rate: Array | float, months: Array | float) -> Array:
    """The value today of one unit in `months` at `rate` compounded monthly.

    >>> round(float(discount(0.12, 12.0)), 6)
    0.887449
    """
    factor: Array = np.exp(-np.asarray(months) * np.log1p(np.asarray(rate) / MONTHS))
    return factor


def annuity(rate: Array | float, months: Array | float) -> Array:
    """The value today of one unit a month for `months`: `(1 - (1+i)^-n) / i`, and n where i is zero.

    >>> round(float(annuity(0.12, 12.0)), 4)
    11.2551
    >>> float(annuity(0.0, 12.0))
    12.0
    """
    monthly = np.asarray(rate) / MONTHS
    with np.errstate(divide="ignore", invalid="ignore"):
        value = -np.expm1(-np.asarray(months) * np.log1p(monthly)) / monthly
    return np.where(monthly > 0.0, value, np.asarray(months, dtype=float))


def level_payment(balance: Array, rate: Array, months: Array) -> Array:
    """The level monthly payment `B i / (1 - (1+i)^-n)` that repays `balance` in `months`.

    >>> round(float(level_payment(np.array(1200.0), np.array(0.12), np.array(12.0))), 4)
    106.6185
    """
    return ratio(balance, annuity(rate, months))


def average_discount(decay: Array | float, months: float) -> Array:
    """`f(T, delta) = (1 - e^(-delta T)) / (delta T)`: a flat price worth a decaying one over the term.

    >>> round(float(average_discount(0.08, 36.0)), 4)
    0.8891
    """
    total = np.asarray(decay, dtype=float) * months / MONTHS
    with np.errstate(divide="ignore", invalid="ignore"):
        value = -np.expm1(-total) / total
    return np.where(np.abs(total) > 0.0, value, 1.0)


def _geometric(log_ratio: Array, first: Array, last: Array) -> Array:
    """The sum of `e^(log_ratio k)` for first <= k < last."""
    terms = np.maximum(last - first, 0.0)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        value = np.exp(log_ratio * first) * np.expm1(log_ratio * terms) / np.expm1(log_ratio)
    return np.where(log_ratio == 0.0, terms, value)


def unit_value(earning: Array, cost: Array, life: Array, *, decay: Array | float, required: Array | float) -> Array:
    """The present value of a machine that is switched off when it no longer pays its cost, USD.

    `V = sum_{k<K} max(A e^(-delta k) - c, 0) beta^k`, beta = 1/(1+y/12), in closed form: the positive months are one
    block, `k < ceil(ln(A/c)/delta)` for delta > 0 and `k >= ceil(ln(c/A)/|delta|)` for delta < 0.
    `earning` A and `cost` c in USD a month, `life` K in months, `decay` delta and `required` y a year.

    >>> by_sum = sum(max(100 * np.exp(-0.3 / 12 * k) - 40, 0) * (1 + 0.12 / 12) ** -k for k in range(60))
    >>> closed = unit_value(np.array(100.0), np.array(40.0), np.array(60.0), decay=0.3, required=0.12)
    >>> bool(abs(closed - by_sum) < 1e-9)
    True
    """
    fall = np.asarray(decay, dtype=float) / MONTHS
    log_beta = -np.log1p(np.asarray(required, dtype=float) / MONTHS)
    with np.errstate(divide="ignore", invalid="ignore"):
        turn = np.ceil(np.log(earning / cost) / fall)
    pays = earning > cost
    last = np.where(fall > 0.0, np.where(pays, np.minimum(life, turn), 0.0), life)
    first = np.where(fall < 0.0, np.where(pays, 0.0, np.minimum(life, turn)), 0.0)
    last = np.where((fall == 0.0) & ~pays, 0.0, np.where(np.isnan(last), life, last))
    value = earning * _geometric(log_beta - fall, first, last) - cost * _geometric(log_beta + 0.0 * fall, first, last)
    return np.where(earning > 0.0, np.maximum(value, 0.0), 0.0)


def call_to(debt: Array, collateral: Array, target: Array | float) -> Array:
    """The cash that brings `debt / collateral` down to `target`."""
    return np.maximum(debt - target * collateral, 0.0)
