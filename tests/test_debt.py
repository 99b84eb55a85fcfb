"""What falls due, is rolled, converted, cured, waived or called: worlds of one firm and one bank, by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nobid.model.founding import FacilityRow, Founding, ShockPaths
from nobid.model.system import ComputeCreditModel
from tests.worlds import borrower, facility, generation, lender, run, world

DEBT = 12.0  # USD million, at 1 % a month
INTEREST = 0.12


def note(**changes: Any) -> FacilityRow:
    """A bullet without collateral that ends this month."""
    return facility(**{"kind": "note", "secured": False, "months": 1, **changes})


def funding(level: float) -> ShockPaths:
    """The funding window stands at this level for a year."""
    return ShockPaths(funding=np.full(12, level))


def rent(*levels: float) -> ShockPaths:
    """Rent by month, USD per H100e-hour; the last level lasts."""
    return ShockPaths(rent=np.array([*levels, *[levels[-1]] * 40]))


def owed(model: ComputeCreditModel) -> list[float]:
    """What is drawn on every facility, USD million."""
    drawn: list[float] = model.facilities.drawn[:, 0].tolist()
    return drawn


def paid(model: ComputeCreditModel, row: str) -> float:
    """What lenders received in this row of the books in the last month, USD million."""
    return float(model.books.row(row)[2, 0])


# ---- what is scheduled


def test_a_level_loan_pays_the_same_every_month_and_is_gone_at_the_end() -> None:
    payment = DEBT * 0.01 / (1.0 - 1.01**-24)
    model = run(world(borrower(cash=100.0), facility(amortisation="level")), 1)
    assert paid(model, "interest") == pytest.approx(INTEREST)
    assert paid(model, "principal") == pytest.approx(payment - INTEREST)
    for _ in range(23):
        model.step()
        assert paid(model, "interest") + paid(model, "principal") == pytest.approx(payment)
    assert owed(model) == pytest.approx([0.0], abs=1e-9)
    assert float(model.borrowers.cash[0, 0]) == pytest.approx(100.0 - 24 * payment)


def test_a_straight_loan_pays_the_same_principal_every_month() -> None:
    model = run(world(borrower(cash=100.0), facility(amortisation="straight")), 1)
    assert (paid(model, "interest"), paid(model, "principal")) == pytest.approx((INTEREST, DEBT / 24))
    model.step()
    assert (paid(model, "interest"), paid(model, "principal")) == pytest.approx((0.01 * (DEBT - 0.5), 0.5))


def test_a_bullet_pays_interest_alone_until_its_last_month_and_then_all() -> None:
    model = run(world(borrower(cash=100.0), note(months=3), debt__rolls_on=False), 2)
    assert (owed(model), paid(model, "interest")) == ([DEBT], INTEREST)
    model.step()
    assert owed(model) == [0.0]
    assert paid(model, "principal") == DEBT


def test_a_sweep_takes_all_that_the_collateral_earns_beyond_interest() -> None:
    founding = world(
        borrower(cash=100.0), facility(amortisation="sweep", units={"H100": 1000}), paths=rent(2.0), rental__fee=0.0
    )
    model = run(founding, 1)
    income = 1000 * 730 * (2.0 * 0.88 - 0.28) / 1e6  # rent at full use less power, site and staff
    assert model.facilities.income[0, 0] == pytest.approx(income)
    assert paid(model, "principal") == pytest.approx(income - INTEREST)


def test_a_firm_that_pays_its_dues_ends_with_what_it_had_less_dues_and_costs() -> None:
    model = run(world(borrower(cash=10.0, overhead=1.5), facility()), 1)
    assert float(model.borrowers.cash[0, 0]) == pytest.approx(10.0 - 1.5 - INTEREST)


# ---- rolls


def test_a_sound_bullet_is_rolled_in_full_for_the_new_tenor_at_its_old_rate() -> None:
    model = run(world(borrower(cash=100.0, other_income=1.0), note()), 1)
    assert owed(model) == [DEBT]
    assert model.facilities.months_left[0, 0] == 35.0  # 36, a month older
    assert model.facilities.rate[0, 0] == pytest.approx(0.12)
    assert (model.fired["roll"], model.fired.get("roll refused", 0)) == (1, 0)


def test_a_closed_window_rolls_a_part_at_a_wider_spread_and_the_rest_is_due() -> None:
    model = run(world(borrower(cash=100.0, other_income=1.0), note(), paths=funding(0.7)), 1)
    kept = DEBT * np.exp(-0.7)
    assert owed(model) == pytest.approx([kept])
    assert paid(model, "principal") == pytest.approx(DEBT - kept)
    assert model.facilities.rate[0, 0] == pytest.approx(0.12 + 0.04 * 0.7)


def test_the_quota_of_rolls_is_used_up_in_the_order_of_facilities() -> None:
    founding = world(
        borrower(cash=100.0, other_income=1.0), note(name="First"), note(name="Second", drawn=6.0), paths=funding(0.3)
    )
    model = run(founding, 1)
    quota = 18.0 * np.exp(-0.3)
    assert owed(model) == pytest.approx([12.0, quota - 12.0])


REFUSALS: dict[str, Founding] = {
    "loan-to-value above that of signing": world(
        borrower(cash=100.0, other_income=1.0, overhead=30.0), note(advance=0.0)
    ),
    "income below interest": world(borrower(cash=100.0, other_income=0.1), note()),
    "rolls switched off": world(borrower(cash=100.0, other_income=1.0), note(), debt__rolls_on=False),
}


@pytest.mark.parametrize("why", REFUSALS)
def test_a_roll_is_refused_and_the_debt_is_due(why: str) -> None:
    model = run(REFUSALS[why], 1)
    assert owed(model) == [0.0]
    assert paid(model, "principal") == DEBT
    assert model.fired["roll"] == 0
    assert [event.kind for event in model.record.events] == ["maturity due"]


def test_a_lender_below_its_target_refuses_to_roll() -> None:
    firm = borrower(cash=100.0, other_income=1.0)
    assert owed(run(world(firm, note(months=2)), 2)) == pytest.approx([DEBT])
    assert owed(run(world(firm, note(months=2), lenders__target=1.5), 2)) == pytest.approx([0.0])


def test_a_refused_roll_that_cannot_be_paid_is_a_default() -> None:
    model = run(world(borrower(cash=5.0, other_income=0.1), note()), 1)
    assert model.record.monthly["defaults_neocloud"][0, 0] == 1.0
    assert model.record.monthly["debt_defaulted"][0, 0] == pytest.approx(DEBT)


# ---- convertibles


def convertible(**keys: Any) -> Founding:
    """A convertible that ends this month; its firm earns so much that its equity nearly doubles."""
    return world(borrower(cash=100.0, other_income=100.0), note(kind="convertible"), **keys)


def test_a_convertible_in_the_money_converts_and_costs_no_cash() -> None:
    model = run(convertible(), 1)
    assert owed(model) == [0.0]
    assert (paid(model, "principal"), paid(model, "interest")) == (0.0, INTEREST)
    assert float(model.columns["books", "debt"][3, 0]) == -DEBT  # row "converted"
    assert model.fired["conversion"] == 1


def test_a_convertible_out_of_the_money_is_due_in_cash_and_never_rolled() -> None:
    model = run(world(borrower(cash=100.0, other_income=1.0), note(kind="convertible")), 1)
    assert (owed(model), paid(model, "principal")) == ([0.0], DEBT)
    assert (model.fired["conversion"], model.fired["roll"]) == (0, 0)


def test_with_conversion_switched_off_a_convertible_in_the_money_is_due_in_cash() -> None:
    model = run(convertible(debt__convertibles=False), 1)
    assert paid(model, "principal") == DEBT
    assert model.fired["conversion"] == 0


def test_the_strike_is_the_multiple_of_the_equity_at_signing() -> None:
    # 188 against 88 at signing: in the money below a multiple of 188 / 88
    assert run(convertible(debt__conversion_strike=2.13), 1).fired["conversion"] == 1
    assert run(convertible(debt__conversion_strike=2.14), 1).fired["conversion"] == 0


# ---- coverage covenants

WEAK = 0.32  # USD per H100e-hour: machines earn about their cost


def covenant(*, cash: float, levels: tuple[float, ...] = (WEAK,), **keys: Any) -> Founding:
    """A loan on 1,000 machines whose coverage must be 1.15, at a rent that barely pays their running cost."""
    loan = facility(units={"H100": 1000}, dscr_min=1.15)
    return world(borrower(cash=cash), loan, paths=rent(*levels), rental__fee=0.0, **keys)


def test_coverage_is_the_income_of_the_pledged_machines_over_their_own_service() -> None:
    model = run(covenant(cash=100.0), 1)
    income = 1000 * 730 * (WEAK * 0.88 - 0.28) / 1e6
    assert model.facilities.coverage[0, 0] == pytest.approx(income / INTEREST)


def test_a_breach_that_a_quarter_of_spare_cash_can_mend_is_cured_by_a_prepayment() -> None:
    model = run(covenant(cash=100.0), 1)
    coverage = float(model.facilities.coverage[0, 0])
    assert paid(model, "principal") == pytest.approx(DEBT * (1.0 - coverage / 1.15))
    assert (model.fired["covenant breach"], model.fired["covenant cured"]) == (1, 1)


def test_a_breach_that_cannot_be_mended_is_waived_for_a_fee_while_selling_brings_less() -> None:
    model = run(covenant(cash=2.0), 1)
    assert paid(model, "fees") == pytest.approx(0.01 * DEBT)
    assert (model.fired["waiver"], model.fired["acceleration"]) == (1, 0)
    assert owed(model) == [DEBT]


def test_while_a_waiver_runs_all_income_beyond_service_repays_the_loan() -> None:
    model = run(covenant(cash=2.0, levels=(WEAK, 1.0)), 2)
    income = 1000 * 730 * (1.0 * 0.88 - 0.28) / 1e6
    assert paid(model, "principal") == pytest.approx(income - INTEREST)
    assert model.fired["cash trap"] == 1


def test_a_waiver_ends_after_its_months_and_a_breach_then_costs_another_fee() -> None:
    founding = covenant(cash=9.0, debt__waiver_months=2, debt__cure_share=0.0, lenders__belief_decay=0.0)
    model = run(founding, 1)
    fees = [paid(model, "fees")]
    for _ in range(4):
        model.step()
        fees.append(paid(model, "fees"))
    assert [fee > 0.0 for fee in fees] == [True, False, True, False, True]


def test_under_the_strict_switch_every_breach_is_called() -> None:
    model = run(covenant(cash=100.0, debt__strict=True, debt__cure_share=0.0), 1)
    assert (model.fired["acceleration"], model.fired["waiver"]) == (1, 0)
    assert (owed(model), paid(model, "principal")) == ([0.0], DEBT)


def test_a_lender_below_target_calls_what_it_would_otherwise_waive() -> None:
    founding = covenant(cash=100.0, levels=(2.0, WEAK), debt__cure_share=0.0, lenders__target=1.5)
    model = run(founding, 2)
    assert (model.fired["acceleration"], model.fired["waiver"]) == (1, 0)


def test_with_covenants_switched_off_nothing_is_tested() -> None:
    model = run(covenant(cash=2.0, debt__covenants=False), 2)
    assert all(model.fired.get(name, 0) == 0 for name in ("covenant breach", "covenant cured", "waiver", "cash trap"))


# ---- income and collateral


def test_a_contract_named_by_a_loan_is_its_income_before_spot() -> None:
    from nobid.model.founding import OfftakeRow
    from tests.worlds import without_bids

    contract = OfftakeRow(name="Lab", borrower="Firm", buyer="Nobody", h100e=440.0, price=3.0, months=24)
    loan = facility(units={"H100": 1000}, contracts=("Lab",))
    founding = world(borrower(cash=50.0), loan, contract, without_bids(), paths=rent(1.0), rental__fee=0.0)
    model = run(founding, 1)
    # 1,000 machines run 880 H100e: half under the contract at 3, half at spot at 1
    expected = 730 * (440 * 3.0 + 440 * 1.0 - 1000 * 0.28) / 1e6
    assert model.facilities.income[0, 0] == pytest.approx(expected)


def test_a_loan_without_collateral_is_measured_on_all_that_the_firm_has() -> None:
    from nobid.model.debt import loan_to_value

    founding = world(borrower(cash=20.0, units={"H100": 1000}), note(months=5))
    model = run(founding, 0)
    marked = float(model.market.mark[0, 0]) * 1000 / 1e6
    assert loan_to_value(model, model.market.mark)[0, 0] == pytest.approx(DEBT / (20.0 + marked))


def test_two_lenders_each_roll_by_their_own_quota() -> None:
    founding = world(
        *(borrower(cash=100.0, other_income=1.0), note(), note(name="Other", lender="Fund", drawn=6.0)),
        *(lender(), lender("Fund"), generation()),
        paths=funding(0.5),
    )
    assert owed(run(founding, 1)) == pytest.approx([DEBT * np.exp(-0.5), 6.0 * np.exp(-0.5)])
