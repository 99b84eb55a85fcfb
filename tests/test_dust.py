"""Does a firm that is short by less than a cent pay what it has, and no more?"""

from __future__ import annotations

import numpy as np
import pytest

from nobid.agents.finance import MONTHS
from nobid.model.system import ComputeCreditModel
from nobid.runs.scenarios import scenario
from tests.one_loan import DRAWN, RATE, one_loan
from tests.worlds import run

INTEREST = DRAWN * RATE / MONTHS  # USD m a month
HALF_A_CENT = 5e-9  # USD m


def after(months: int, *, short: float, execution: str = "cohort") -> ComputeCreditModel:
    """The one-loan world whose firm earns `short` (USD m a month) less than its interest; its buyer never fails."""
    founding = one_loan(0.0, 0.5, months=months, to_spare=-short / INTEREST)
    model = ComputeCreditModel(founding, execution=execution, paths=(0, 1))  # type: ignore[arg-type]
    for _ in range(months):
        model.step()
    return model


@pytest.mark.parametrize("execution", ["cohort", "agent"])
@pytest.mark.parametrize("short", [0.0, 1e-13, 4e-10, HALF_A_CENT])
def test_a_firm_short_by_less_than_a_cent_every_month_overdraws_nothing_and_lives(short: float, execution: str) -> None:
    model = after(24, short=short, execution=execution)
    assert model.failures == []
    assert (model.borrowers.cash >= 0.0).all()
    assert (model.borrowers.alive == 1.0).all()
    assert (model.facilities.drawn == DRAWN).all()


def test_its_lender_gets_what_the_firm_has() -> None:
    paid = [-after(1, short=short).books.row("interest") for short in (0.0, HALF_A_CENT)]
    gap = np.abs(paid[0]).max() - np.abs(paid[1]).max()
    assert gap == pytest.approx(HALF_A_CENT, rel=1e-6)


def test_what_was_missing_is_due_no_more_in_that_month() -> None:
    model = after(3, short=HALF_A_CENT)
    for name in ("interest_due", "principal_due", "fee_due", "call_due"):
        assert (getattr(model.facilities, name) == 0.0).all(), name
    assert (model.borrowers.due == 0.0).all()


def test_a_firm_short_by_more_than_a_cent_fails() -> None:
    model = after(3, short=4.0 * HALF_A_CENT)
    assert model.failures == []
    assert (model.borrowers.alive == 0.0).all()


@pytest.mark.parametrize(("policy", "path", "months"), [("buyer_of_last_resort", 226, 12), ("lender_capital", 481, 19)])
def test_what_rounding_leaves_of_a_stock_is_neither_offered_nor_pledged(policy: str, path: int, months: int) -> None:
    """A seller of next to nothing went on for 200 rounds; a need just under nothing borrowed less than nothing."""
    model = run(scenario("mispriced", policy=policy).founding, months, paths=(path,))
    assert not model.failures
    assert float(np.min(model.borrowers.repo_debt)) >= 0.0
