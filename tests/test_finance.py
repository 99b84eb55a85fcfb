"""What is a payment, a coverage, a machine worth: against sums, published schedules and limits?"""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nobid.agents.finance import annuity, average_discount, call_to, discount, level_payment, unit_value

ORACLE = json.loads((Path(__file__).parent / "oracles" / "cr_amortisation_2500.json").read_text())
rates = st.floats(0.001, 0.6)
terms = st.integers(1, 120)


def one(value: float) -> np.ndarray:
    """A number as the rules see it."""
    return np.array([float(value)])


def schedule(principal: float, rate: float, months: int) -> list[tuple[float, float, float]]:
    """(principal, interest, balance left) of every month, each payment asked for anew on what is left."""
    rows, balance = [], principal
    for month in range(months):
        payment = float(level_payment(one(balance), one(rate), one(months - month))[0])
        interest = balance * rate / 12.0
        balance -= payment - interest
        rows.append((payment - interest, interest, balance))
    return rows


def test_the_published_schedule_of_2500_over_twelve_months_is_reproduced() -> None:
    inputs, expected = ORACLE["inputs"], ORACLE["expected"]
    rate = inputs["rate_per_period"] * 12.0
    payment = float(level_payment(one(inputs["principal"]), one(rate), one(inputs["periods"]))[0])
    close = ORACLE["tolerance"]["abs"]
    assert payment == pytest.approx(expected["payment"], abs=close)
    for row, (_, principal, interest, balance) in zip(
        schedule(inputs["principal"], rate, inputs["periods"]), expected["schedule"], strict=True
    ):
        assert row == pytest.approx((principal, interest, balance), abs=close)
    assert sum(row[1] for row in schedule(inputs["principal"], rate, 12)) == pytest.approx(expected["total_interest"])


@settings(max_examples=100, deadline=None)
@given(st.floats(0.01, 1e4), rates, terms)
def test_the_principal_of_a_level_loan_adds_up_to_the_loan_and_its_payments_are_level(
    principal: float, rate: float, months: int
) -> None:
    rows = schedule(principal, rate, months)
    assert sum(row[0] for row in rows) == pytest.approx(principal, rel=1e-9)
    payments = [row[0] + row[1] for row in rows]
    assert payments == pytest.approx([payments[0]] * months, rel=1e-8)


@settings(max_examples=100, deadline=None)
@given(rates, terms)
def test_an_annuity_is_the_sum_of_its_discount_factors(rate: float, months: int) -> None:
    summed = sum((1.0 + rate / 12.0) ** -k for k in range(1, months + 1))
    assert float(annuity(one(rate), one(months))[0]) == pytest.approx(summed, rel=1e-9)
    assert float(discount(one(rate), one(months))[0]) == pytest.approx((1.0 + rate / 12.0) ** -months, rel=1e-12)


def test_without_interest_an_annuity_is_the_number_of_its_months() -> None:
    assert float(annuity(0.0, 24.0)) == 24.0
    assert float(annuity(1e-9, 24.0)) == pytest.approx(24.0, abs=1e-6)


def test_a_level_payment_without_interest_is_the_balance_over_the_months() -> None:
    assert float(level_payment(one(12.0), one(0.0), one(24.0))[0]) == 0.5


@pytest.mark.parametrize(("decay", "months"), [(0.08, 36.0), (0.3, 60.0), (-0.1, 24.0)])
def test_a_flat_price_is_the_average_of_the_decaying_one_over_the_term(decay: float, months: float) -> None:
    steps = np.linspace(0.0, months / 12.0, 20_001)
    mean = float(np.trapezoid(np.exp(-decay * steps), steps) / (months / 12.0))
    assert float(average_discount(decay, months)) == pytest.approx(mean, rel=1e-8)


def test_without_decay_a_flat_price_is_the_price() -> None:
    assert float(average_discount(0.0, 36.0)) == 1.0


def test_a_call_brings_debt_down_to_its_target_and_never_asks_for_less_than_nothing() -> None:
    asked = call_to(np.array([10.0, 5.0]), np.array([12.0, 12.0]), 0.6)
    assert asked.tolist() == pytest.approx([10.0 - 7.2, 0.0])


# ---- value of a machine


def by_sum(earning: float, cost: float, life: int, decay: float, required: float) -> float:
    """The sum itself, month by month."""
    beta = 1.0 / (1.0 + required / 12.0)
    return sum(max(earning * math.exp(-decay / 12.0 * k) - cost, 0.0) * beta**k for k in range(life))


def value(earning: float, cost: float, life: float, decay: float, required: float) -> float:
    """The closed form."""
    worth = unit_value(one(earning), one(cost), one(life), decay=decay, required=required)
    return float(worth[0])


@settings(max_examples=400, deadline=None)
@given(
    st.floats(0.0, 5000.0),
    st.floats(0.1, 3000.0),
    st.integers(1, 84),
    st.one_of(st.just(0.0), st.floats(-0.6, 1.5).filter(lambda decay: abs(decay) > 1e-4)),
    st.one_of(st.just(0.0), st.floats(0.001, 0.4)),
)
def test_the_closed_form_is_the_explicit_sum_for_falling_level_and_rising_earnings(
    earning: float, cost: float, life: int, decay: float, required: float
) -> None:
    expected = by_sum(earning, cost, life, decay, required)
    assert value(earning, cost, life, decay, required) == pytest.approx(
        expected, rel=1e-7, abs=1e-6 * max(earning, cost)
    )


def test_a_machine_that_does_not_pay_its_cost_is_worth_nothing_while_earnings_fall_or_stand() -> None:
    assert value(100.0, 100.0, 60, 0.3, 0.1) == 0.0
    assert value(90.0, 100.0, 60, 0.0, 0.1) == 0.0


def test_a_machine_whose_earnings_rise_is_worth_what_it_earns_once_they_pay() -> None:
    assert value(90.0, 100.0, 60, -0.3, 0.1) == pytest.approx(by_sum(90.0, 100.0, 60, -0.3, 0.1))
    assert value(90.0, 100.0, 60, -0.3, 0.1) > 0.0


def test_level_earnings_are_worth_an_annuity_due_at_once() -> None:
    expected = 60.0 * sum(1.01**-k for k in range(48))
    assert value(100.0, 40.0, 48, 0.0, 0.12) == pytest.approx(expected)


def test_the_value_is_continuous_where_decay_or_the_rate_goes_to_zero() -> None:
    assert value(100.0, 40.0, 48, 1e-9, 0.12) == pytest.approx(value(100.0, 40.0, 48, 0.0, 0.12), rel=1e-6)
    assert value(100.0, 40.0, 48, 0.2, 1e-10) == pytest.approx(value(100.0, 40.0, 48, 0.2, 0.0), rel=1e-6)


def test_where_growth_meets_the_discount_rate_every_month_is_worth_the_same() -> None:
    decay = -12.0 * math.log(1.0 + 0.12 / 12.0)  # q = beta e^-delta = 1
    assert value(100.0, 40.0, 48, decay, 0.12) == pytest.approx(by_sum(100.0, 40.0, 48, decay, 0.12), rel=1e-9)


@settings(max_examples=100, deadline=None)
@given(st.floats(1.0, 1000.0), st.floats(0.5, 500.0), st.integers(1, 84), st.floats(0.01, 1.0))
def test_a_machine_is_worth_more_that_earns_more_lasts_longer_or_decays_slower(
    earning: float, cost: float, life: int, decay: float
) -> None:
    base = value(earning, cost, life, decay, 0.1)
    assert value(earning * 1.1, cost, life, decay, 0.1) >= base
    assert value(earning, cost * 1.1, life, decay, 0.1) <= base
    assert value(earning, cost, life + 1, decay, 0.1) >= base * (1.0 - 1e-12)
    assert value(earning, cost, life, decay * 1.1, 0.1) <= base * (1.0 + 1e-12)


def test_value_reaches_zero_before_the_machine_breaks() -> None:
    ages = [value(100.0 * math.exp(-0.3 / 12 * month), 40.0, 60.0, 0.3, 0.1) for month in range(60)]
    assert ages == sorted(ages, reverse=True)
    gone = next(month for month, worth in enumerate(ages) if worth == 0.0)
    assert gone == math.ceil(math.log(100.0 / 40.0) / (0.3 / 12.0))
    assert gone < 60
