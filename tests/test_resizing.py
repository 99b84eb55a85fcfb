"""Are the loans of the founding re-sized to a tenor by what their machines earn within it, and by nothing else?"""

from __future__ import annotations

import numpy as np
import pytest

from nobid.agents.finance import HOURS
from nobid.model.founding import Founding, WarehouseRow
from nobid.model.system import ComputeCreditModel
from nobid.runs.scenarios import scenario
from tests.worlds import borrower, changed, facility, lender, world

M1_COINS, M2_MACHINES, C1_MACHINES, C2_MACHINES = range(4)
BANK, FUND = range(2)
COST = 0.10 * HOURS  # of running a machine of the toy world, USD a month: 1 kW at 5 + 5 US cents
BETA = 1.0 / (1.0 + (0.037 + 0.04) / 12.0)  # base rate and spread, a month
BOOK = 20_000.0 * (1.0 - 12.0 / 72.0)  # machines a year old, written off over six


def toy(tenor: int, **keys: object) -> ComputeCreditModel:
    """The toy world as founded, its machine loans re-sized to the tenor."""
    return ComputeCreditModel(changed(scenario("toy").founding, debt__resize_tenor=tenor, **keys))


def with_loan(name: str, tenor: int, *, contract: int = 36, **terms: object) -> ComputeCreditModel:
    """The same with other terms of one loan, and contracts of so many months."""
    founding = changed(scenario("toy").founding, debt__resize_tenor=tenor)
    loans = [row.model_copy(update=terms) if row.name == name else row for row in founding.facilities]
    signed = [row.model_copy(update={"months": contract}) for row in founding.offtakes]
    return ComputeCreditModel(founding.model_copy(update={"facilities": tuple(loans), "offtakes": tuple(signed)}))


def drawn(model: ComputeCreditModel, loan: int) -> float:
    return float(model.facilities.drawn[loan, 0])


def at_spot(first: int, last: int, rent: float = 2.0, belief: float = 0.15) -> float:
    """What a machine at spot earns over its cost in these months, valued by lenders, USD."""
    months = range(first, last)
    return sum(max(rent * HOURS * np.exp(-belief / 12 * k) - COST, 0.0) * BETA**k for k in months)


def on_contract(last: int, price: float = 1.8) -> float:
    """The same under a contract, whose price is agreed."""
    return sum((price * HOURS - COST) * BETA**k for k in range(last))


def sound(founding: Founding, months: int) -> ComputeCreditModel:
    """The model after these months; a breach of the books would have stopped it."""
    model = ComputeCreditModel(founding)
    for _ in range(months):
        model.step()
    return model


def test_a_loan_without_contract_is_what_its_machines_earn_at_a_falling_rent_over_the_coverage_asked() -> None:
    assert drawn(toy(6), C2_MACHINES) == pytest.approx(1000 * at_spot(0, 6) / 1.2 / 1e6)
    assert drawn(toy(6, lenders__belief_decay=0.6), C2_MACHINES) == pytest.approx(
        1000 * at_spot(0, 6, belief=0.6) / 1.2 / 1e6
    )
    assert drawn(toy(6, invest__dscr=2.0), C2_MACHINES) == pytest.approx(1000 * at_spot(0, 6) / 2.0 / 1e6)


def test_a_contract_counts_at_its_price_as_long_as_it_runs_and_rents_after_it() -> None:
    assert drawn(toy(6), C1_MACHINES) == pytest.approx(1000 * on_contract(6) / 1.2 / 1e6)
    short = with_loan("C1 machines", 12, contract=6, advance=2.0)
    assert drawn(short, C1_MACHINES) == pytest.approx(1000 * (on_contract(6) + at_spot(6, 12)) / 1.2 / 1e6)


def test_a_contract_over_half_of_the_machines_leaves_the_other_half_to_spot() -> None:
    founding = changed(scenario("toy").founding, debt__resize_tenor=6)
    half = tuple(row.model_copy(update={"h100e": 500.0}) for row in founding.offtakes)
    model = ComputeCreditModel(founding.model_copy(update={"offtakes": half}))
    assert drawn(model, C1_MACHINES) == pytest.approx(500 * (on_contract(6) + at_spot(0, 6)) / 1.2 / 1e6)


def test_a_longer_tenor_draws_more_only_as_far_as_the_advance_on_book_allows() -> None:
    by_tenor = [drawn(toy(tenor), C2_MACHINES) for tenor in (3, 6, 36, 120)]
    assert by_tenor[0] < by_tenor[1] < by_tenor[2] == by_tenor[3] == pytest.approx(0.65 * 1000 * BOOK / 1e6)


def test_the_loan_is_repaid_by_level_payments_over_the_new_tenor() -> None:
    model = toy(24)
    before = model.facilities.drawn[:, 0].copy()
    model.step()
    monthly = 0.12 / 12
    for loan in (M2_MACHINES, C1_MACHINES):  # M2 was repaid in a straight line as sourced
        payment = before[loan] * monthly / (1.0 - (1.0 + monthly) ** -24)
        assert drawn(model, loan) == pytest.approx(before[loan] * (1.0 + monthly) - payment)
        assert float(model.facilities.months_left[loan, 0]) == 23.0


def test_borrowers_own_what_they_owe_less_and_lenders_hold_it_in_other_assets() -> None:
    plain, short = toy(0), toy(6)
    less = (plain.facilities.drawn - short.facilities.drawn)[:, 0]
    assert less[M1_COINS] == 0.0
    assert (less[M2_MACHINES:] != 0.0).all()
    for name in ("cash", "coins", "units"):
        assert (getattr(plain.borrowers, name) == getattr(short.borrowers, name)).all()
    assert (short.facilities.units == plain.facilities.units).all()
    assert short.lenders.equity == pytest.approx(plain.lenders.equity)
    assert short.lenders.assets == pytest.approx(plain.lenders.assets)
    assert short.lenders.other[BANK, 0] == pytest.approx(less[C1_MACHINES])
    assert short.lenders.other[FUND, 0] == pytest.approx(less[M2_MACHINES] + less[C2_MACHINES])
    assert (short.facilities.limit - short.facilities.drawn)[:, 0].tolist() == [0.0] * 4, "no line has opened"


def test_a_lender_that_lends_more_than_it_has_elsewhere_owes_the_rest_and_is_not_below_target() -> None:
    plain, more = toy(0), with_loan("C1 machines", 36, advance=2.0)
    extra = drawn(more, C1_MACHINES) - drawn(plain, C1_MACHINES)
    assert extra > 0.0
    assert more.lenders.other[BANK, 0] == 0.0
    assert more.lenders.stable[BANK, 0] - plain.lenders.stable[BANK, 0] == pytest.approx(extra)
    assert more.lenders.equity[BANK, 0] == pytest.approx(plain.lenders.equity[BANK, 0])
    assert more.lenders.target[BANK, 0] == pytest.approx(0.75 * more.lenders.equity_ratio[BANK, 0])
    assert more.lenders.tight.sum() == 0.0


def test_a_line_against_loans_shrinks_with_them_and_both_lenders_keep_their_equity() -> None:
    rows = (
        borrower(),
        facility(units={"H100": 400}, drawn=8.0),
        lender("Bank", other_share=0.5),
        lender("House", other_share=0.5),
        WarehouseRow(name="Line", provider="House", receiver="Bank", drawn=4.0, advance=0.7, rate=0.06),
    )
    plain, short = (ComputeCreditModel(world(*rows, debt__resize_tenor=tenor)) for tenor in (0, 2))
    kept = float(short.facilities.drawn[0, 0]) / 8.0
    assert 0.0 < kept < 0.9
    assert float(short.warehouses.drawn[0, 0]) == pytest.approx(4.0 * kept)
    assert short.lenders.equity == pytest.approx(plain.lenders.equity)
    assert (short.lenders.other - plain.lenders.other)[:, 0] == pytest.approx([4.0 * (1 - kept), 4.0 * (1 - kept)])


def test_a_loan_that_nobody_has_drawn_stays_undrawn() -> None:
    assert drawn(with_loan("C1 machines", 36, drawn=0.0), C1_MACHINES) == 0.0


def test_only_drawn_loans_against_machines_are_resized_and_every_path_starts_alike() -> None:
    founding = scenario("baseline").founding
    plain = ComputeCreditModel(founding, paths=(0, 1))
    short = ComputeCreditModel(changed(founding, debt__resize_tenor=18), paths=(0, 1))
    concerned = np.array([bool(row.units) and row.drawn > 0.0 for row in founding.facilities])
    same = (plain.facilities.drawn == short.facilities.drawn).all(axis=1)
    assert concerned.sum() == 21
    assert (same == ~concerned).all()
    assert (short.edges.amortisation[~concerned] == plain.edges.amortisation[~concerned]).all()
    assert (short.edges.amortisation[concerned] == "level").all()
    assert (short.facilities.drawn[:, 0] == short.facilities.drawn[:, 1]).all()
    assert short.lenders.equity == pytest.approx(plain.lenders.equity)


@pytest.mark.parametrize("tenor", [6, 120])
def test_the_books_of_a_resized_world_balance(tenor: int) -> None:
    model = sound(changed(scenario("everything").founding, debt__resize_tenor=tenor), 4)
    assert not model.failures
