"""What is a payment, a coverage, a machine worth: against sums, published schedules and limits?"""

from __future__ import annotations

import doctest
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nobid.agents import credit, finance
from nobid.agents.finance import annuity, average_discount, call_to, discount, level_payment, unit_value

rates = st.floats(0.001, 0.6)
terms = st.integers(1, 120)


def one(value: float) -> np.ndarray:
    """A number as the rules see it."""
    return np.array([float(value)])


def test_the_examples_in_the_docstrings_hold() -> None:
    for module in (finance, credit):
        found = doctest.testmod(module)
        assert (found.failed, found.attempted > 5) == (0, True), module.__name__


@settings(max_examples=100, deadline=None)
@given(st.floats(0.01, 1e4), rates, terms)
def test_the_principal_of_a_level_loan_adds_up_to_the_loan_and_its_payments_are_level(
    principal: float, rate: float, months: int
) -> None:
    loan = credit.level_schedule(np.array(principal), np.array(rate / 12.0), months)
    assert float(loan.principal.sum()) == pytest.approx(principal, rel=1e-9)
    assert loan.service() == pytest.approx([float(level_payment(one(principal), one(rate), one(months))[0])] * months)
    assert loan.closing()[:-1] == pytest.approx(loan.opening[1:])


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


# ---- coverage, duration, spread: published cases stand in tests/oracle_cases/credit.py

incomes = st.lists(st.floats(1.0, 100.0), min_size=1, max_size=12).map(np.array)
yields = st.floats(0.0, 0.4)


@settings(max_examples=100, deadline=None)
@given(incomes, yields, st.floats(1.01, 3.0))
def test_debt_sculpted_to_its_income_is_covered_alike_in_every_period_and_over_its_life(
    income: np.ndarray, rate: float, cover: float
) -> None:
    loan = credit.sculpted_schedule(income, rate, cover)
    assert credit.dscr(income, loan.service()) == pytest.approx([cover] * len(income))
    assert credit.llcr(income, loan.opening, rate) == pytest.approx([cover] * len(income))
    assert float(loan.principal.sum()) == pytest.approx(float(loan.opening[0]))
    assert float(loan.closing()[-1]) == pytest.approx(0.0, abs=1e-9 * float(loan.opening[0]))


def test_schedules_of_many_loans_are_those_of_each() -> None:
    income = np.array([[30.0, 10.0], [32.0, 5.0], [20.0, 40.0]])
    whole = credit.sculpted_schedule(income, np.array([0.07, 0.1]), np.array([1.3, 1.1]))
    for i, (rate, cover) in enumerate(((0.07, 1.3), (0.1, 1.1))):
        alone = credit.sculpted_schedule(income[:, i : i + 1], np.array([rate]), np.array([cover]))
        assert np.array_equal(alone.opening[:, 0], whole.opening[:, i])
        assert float(credit.macaulay_duration(income[:, i], rate)) == pytest.approx(
            float(credit.macaulay_duration(income, np.array([0.07, 0.1]))[i])
        )


def test_what_owes_nothing_is_covered_without_end() -> None:
    assert credit.dscr(one(5.0), one(0.0))[0] == np.inf
    assert credit.llcr(one(5.0), one(0.0), 0.1)[0] == np.inf


@settings(max_examples=100, deadline=None)
@given(incomes, st.floats(0.001, 0.4))
def test_modified_duration_is_the_slope_of_the_value_and_macaulays_lies_within_the_term(
    flows: np.ndarray, rate: float
) -> None:
    step = 1e-6
    up, down = (float(credit.present_values(flows, rate + sign * step)[0]) for sign in (1.0, -1.0))
    value = float(credit.present_values(flows, rate)[0])
    assert float(credit.modified_duration(flows, rate)) == pytest.approx(-(up - down) / (2 * step) / value, rel=1e-5)
    assert 1.0 - 1e-9 <= float(credit.macaulay_duration(flows, rate)) <= len(flows) + 1e-9


def test_a_bullet_comes_back_at_its_end_and_a_straight_loan_in_the_middle() -> None:
    assert float(credit.average_life(np.array([0.0, 0.0, 9.0]))) == 3.0
    assert float(credit.average_life(np.array([3.0, 3.0, 3.0]))) == 2.0
    assert float(credit.macaulay_duration(np.array([0.0, 0.0, 9.0]), 0.2)) == pytest.approx(3.0)


hazards = st.floats(0.0, 0.5)


@settings(max_examples=100, deadline=None)
@given(hazards, st.floats(0.0, 0.99), st.floats(0.0, 0.2), st.integers(1, 10))
def test_a_fair_spread_is_never_negative_and_rises_with_the_chance_of_default_and_the_loss(
    hazard: float, recovery: float, rate: float, years: int
) -> None:
    def spread(h: float, r: float) -> float:
        return float(credit.fair_spread(one(h), one(r), rate=one(rate), years=years).spread[0])

    base = spread(hazard, recovery)
    assert base >= 0.0
    assert spread(hazard * 1.1 + 0.001, recovery) > base
    assert spread(hazard, recovery * 0.9) >= base
    # a premium paid at the end of the year must make up for those that are lost: between the triangle and its double
    rough = float(credit.triangle_spread(hazard, recovery))
    assert rough * 0.75 <= base <= rough * 1.5 + 1e-12


@given(hazards, st.floats(0.0, 0.99))
def test_the_triangle_goes_both_ways_and_a_hazard_is_its_probability_of_a_year(hazard: float, recovery: float) -> None:
    assert float(credit.triangle_hazard(credit.triangle_spread(hazard, recovery), recovery)) == pytest.approx(hazard)
    assert float(credit.hazard_of(-np.expm1(-hazard))) == pytest.approx(hazard, abs=1e-12)


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
