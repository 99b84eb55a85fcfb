"""Does each policy on lending move its own lever by as much as it says? Worlds of a firm and a bank, by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nobid.model.founding import Founding, ShockPaths
from nobid.model.policies import Policy
from nobid.model.policies_of_credit import (
    DscrCovenant,
    LargeExposureLimit,
    LenderCapital,
    LtvCap,
    Standstill,
    TenorCap,
    UnderwriteToReality,
)
from nobid.model.system import ComputeCreditModel
from tests.policy_worlds import HOURS, drawn, figure, one, order, paid, rent, under_policies, worth
from tests.worlds import borrower, facility, lender, run, world

PRICE = 100 * 25_000.0 / 1e6  # of the machines that arrive, USD million
POOR = 0.8  # USD an hour, at which lenders size a loan by what it earns rather than by its price


def maturing(**keys: Any) -> Founding:
    """A bullet of 12 that ends this month; its firm has 120 of cash and nothing else, and earns its interest."""
    return world(borrower(cash=119.0, other_income=1.0), facility(kind="note", secured=False, months=1), **keys)


def left(founding: Founding, *policies: Policy, months: int = 1) -> tuple[float, float]:
    """What is drawn on the first facility after these months, and for how long it still runs."""
    model = run(under_policies(founding, *policies), months)
    return one(model.facilities.drawn), one(model.facilities.months_left)


# ---- loan to cost, tenor, coverage, single names


def test_a_draw_is_at_most_the_cap_times_the_price_of_the_machines() -> None:
    assert drawn() == pytest.approx(0.9 * PRICE)
    assert drawn(LtvCap(max=0.4)) == pytest.approx(0.4 * PRICE)
    assert drawn(LtvCap(max=0.95)) == pytest.approx(0.9 * PRICE), "a cap never raises what lenders lend"
    assert drawn(LtvCap(max=0.0)) == 0.0


def test_machines_bought_under_a_cap_are_all_pledged_for_the_smaller_loan() -> None:
    model = run(under_policies(order(), LtvCap(max=0.4)), 1)
    assert one(model.facilities.units[:, 0]) == pytest.approx(100.0)
    assert figure(model, "fleet") == pytest.approx(1100.0)


def test_where_rolls_are_capped_a_maturing_loan_above_the_cap_is_due_in_cash() -> None:
    """12 of debt on 120 of cash: a loan-to-value of 0.1 before the month's interest and income."""
    assert left(maturing(), LtvCap(max=0.05)) == (12.0, 35.0)
    assert left(maturing(), LtvCap(max=0.05, rolls=True))[0] == 0.0
    assert left(maturing(), LtvCap(max=0.15, rolls=True)) == (12.0, 35.0)


def test_a_shorter_tenor_lends_what_machines_earn_within_it_and_is_the_tenor_of_the_draw() -> None:
    assert drawn(level=POOR) == pytest.approx(100 * worth(48, 0.15, level=POOR) / 1.2)
    assert drawn(TenorCap(months=24), level=POOR) == pytest.approx(100 * worth(24, 0.15, level=POOR) / 1.2)
    assert drawn(TenorCap(months=60), level=POOR) == drawn(level=POOR)
    model = run(under_policies(order(level=POOR), TenorCap(months=24)), 1)
    new = figure(model, "credit_extended")
    assert one(model.facilities.months_left) == pytest.approx((1.0 * 100 + new * 24) / (1.0 + new) - 1.0)


def test_coins_are_pledged_for_machines_for_the_tenor_cap_at_most() -> None:
    firm = borrower(cash=10.0, coins=1000.0, pipeline={"H100": 100}, pipeline_months=1)
    loan = facility("Coins", kind="btc_loan", drawn=0.1, coins=10.0, rate=0.0, months=50)
    founding = order().model_copy(update={"borrowers": (firm, *order().borrowers[1:])})
    founding = founding.model_copy(update={"facilities": (loan, *founding.facilities[1:])})
    for policies, tenor in (((), 12), ((TenorCap(months=6),), 6), ((TenorCap(months=24),), 12)):
        debt, months = left(founding, *policies)
        assert debt == pytest.approx(0.1 + PRICE)
        assert months == pytest.approx((0.1 * 50 + PRICE * tenor) / debt - 1.0)


def test_a_rolled_loan_runs_for_the_tenor_cap_and_then_falls_due_again() -> None:
    assert left(maturing()) == (12.0, 35.0)
    assert left(maturing(), TenorCap(months=24)) == (12.0, 23.0)


def test_a_coverage_floor_makes_a_breach_of_a_loan_that_signed_none() -> None:
    """1,000 machines earn 1.2 times their loan's interest; the least that the floor asks for is above or below."""
    level = (1.2 * 0.12 * 1e6 / HOURS + 280.0) / 880.0
    loan = facility(units={"H100": 1000})
    plain = world(borrower(cash=100.0), loan, paths=rent(level), rental__fee=0.0)
    model = run(under_policies(plain, DscrCovenant(min=1.25)), 1)
    assert one(model.facilities.coverage) == pytest.approx(1.2)
    assert (model.fired["covenant breach"], model.fired["covenant cured"]) == (1, 1)
    assert paid(model, "principal", "lenders") == pytest.approx(12.0 * (1.0 - 1.2 / 1.25))
    assert run(under_policies(plain, DscrCovenant(min=1.15)), 1).fired["covenant breach"] == 0
    assert run(plain, 1).fired["covenant breach"] == 0


def test_the_floor_holds_for_loans_on_machines_and_sites_and_not_for_notes() -> None:
    weak = world(borrower(cash=100.0, other_income=0.1), facility(kind="note", secured=False))
    model = run(under_policies(weak, DscrCovenant(min=2.0)), 1)
    assert one(model.facilities.coverage) == pytest.approx(0.1 / 0.12)
    assert model.fired["covenant breach"] == 0


def test_new_loans_are_sized_to_the_coverage_that_is_asked_for() -> None:
    assert drawn(DscrCovenant(min=2.0), level=POOR) == pytest.approx(100 * worth(48, 0.15, level=POOR) / 2.0)
    assert drawn(DscrCovenant(min=1.1), level=POOR) == drawn(level=POOR)


def test_a_new_loan_takes_what_is_lent_to_one_name_to_the_limit_and_no_further() -> None:
    """A bank of 100 in loans and 3 % cash: assets 103.09, half of them equity; 1 is lent to the firm already."""
    equity = 0.5 * 100.0 / 0.97
    assert drawn(LargeExposureLimit(share=0.04)) == pytest.approx(0.04 * equity - 1.0)
    assert drawn(LargeExposureLimit(share=0.25)) == pytest.approx(0.9 * PRICE)
    assert drawn(LargeExposureLimit(share=0.01)) == 0.0
    model = run(under_policies(order(), LargeExposureLimit(share=0.01)), 1)
    assert (one(model.facilities.drawn), one(model.facilities.drawn, 1)) == (1.0, 99.0), "what is lent runs on"
    assert model.fired["large exposure"] == 1


def test_the_limit_counts_all_loans_of_one_lender_to_one_borrower() -> None:
    second = facility("Second", drawn=0.5, rate=0.0, months=100)
    founding = order()
    joined = founding.model_copy(update={"facilities": (*founding.facilities, second)})
    model = run(under_policies(joined, LargeExposureLimit(share=0.04)), 1)
    equity = 0.5 * 100.5 / 0.97
    assert figure(model, "credit_extended") == pytest.approx(0.04 * equity - 1.5)


def test_lenders_that_believe_in_a_faster_decline_lend_what_is_left_of_the_income() -> None:
    assert drawn(UnderwriteToReality(decay=0.5), level=POOR) == pytest.approx(100 * worth(48, 0.5, level=POOR) / 1.2)
    assert drawn(UnderwriteToReality(decay=0.1), level=POOR) == drawn(level=POOR), "it makes nobody more hopeful"


# ---- capital


def bank(**keys: Any) -> Founding:
    """A bank of 97 million of loans without interest and 3 of cash, half equity."""
    loan = facility(kind="note", secured=False, drawn=97.0, rate=0.0)
    flat = {"lenders__funding_rate": 0.0, "lenders__payout": 0.0, "lenders__cash_share": 0.03}
    return world(borrower(cash=50.0), loan, lender(), **{**flat, **keys})


@pytest.mark.parametrize(("payer", "sector"), [("market", "capital market"), ("public", "public")])
def test_every_lender_raises_a_share_of_its_opening_ratio_times_its_assets_from_who_pays(
    payer: Any, sector: str
) -> None:
    model = run(under_policies(bank(), LenderCapital(share=0.4, payer=payer)), 1)
    raised = 0.4 * 0.5 * 100.0
    assert one(model.lenders.equity) == pytest.approx(50.0 + raised)
    assert paid(model, "lenders' equity", sector) == pytest.approx(-raised)
    assert paid(model, "lenders' equity", "lenders") == pytest.approx(raised)
    costs = {"market": (0.0, raised), "public": (raised, 0.0)}[payer]
    assert (figure(model, "public_outlay"), figure(model, "private_outlay")) == pytest.approx(costs)
    assert figure(model, "lender_losses") == 0.0
    assert one(model.lenders.target) == pytest.approx(0.75 * 0.5), "what is raised is a buffer"


def test_equity_is_raised_once_from_the_month_on_and_never_given_back() -> None:
    policy = LenderCapital(share=0.4, since="2026-02", until="2026-03")
    model = run(under_policies(bank(), policy), 5)
    assert [figure(model, "private_outlay", month) for month in range(5)] == pytest.approx([0, 20.0, 0, 0, 0])
    assert one(model.lenders.equity) == pytest.approx(70.0)


def test_a_failed_lender_raises_nothing() -> None:
    gone = bank(shock=({"month": "2026-01", "fail": ("Bank",)},))
    model = run(under_policies(gone, LenderCapital(since="2026-02")), 2)
    assert figure(model, "defaults_lender") == 1.0
    assert figure(model, "private_outlay", 1) == 0.0


# ---- a standstill

TRIGGER = 0.1


def burning(*rows: Any, kind: str = "straight", months: int = 24, **keys: Any) -> Founding:
    """A sound firm repays 12 over `months`; another one fails in the first month with a note of 10: a loss of 10."""
    sound = facility(amortisation=kind, months=months, units={"H100": 1000}, rate=0.12)
    bad = facility("Bad", borrower="Poor", kind="note", secured=False, drawn=10.0, rate=0.0)
    firms = (borrower(cash=100.0), borrower("Poor"), sound, bad, *rows)
    shock = {"shock": ({"month": "2026-01", "fail": ("Poor",)},)}
    return world(*firms, lender(equity_ratio=0.9), paths=rent(1.0), **{"rental__fee": 0.0, **shock, **keys})


def months_of(founding: Founding, policy: Policy, count: int) -> tuple[ComputeCreditModel, list[dict[str, float]]]:
    """What lenders got, and what waited, month by month."""
    model = ComputeCreditModel(under_policies(founding, policy))
    seen = []
    for month in range(count):
        model.step()
        got = {row: paid(model, row, "lenders") for row in ("interest", "principal")}
        seen.append({**got, "waits": figure(model, "deferred", month), "left": one(model.facilities.months_left)})
    return model, seen


def test_after_a_month_of_heavy_losses_interest_is_due_and_principal_is_not_for_as_long_as_it_lasts() -> None:
    """Losses of 10 over 11.5 of debt left; a twenty-fourth of 12 a month, but for two months."""
    _, seen = months_of(burning(), Standstill(trigger=TRIGGER, months=2), 4)
    assert [month["principal"] for month in seen] == pytest.approx([0.5, 0.0, 0.0, 0.5])
    assert [month["waits"] for month in seen] == pytest.approx([0.0, 0.5, 0.5, 0.0])
    assert [month["interest"] for month in seen] == pytest.approx([0.12, 0.115, 0.115, 0.115])
    assert [month["left"] for month in seen] == [23.0, 23.0, 23.0, 22.0]


def test_losses_below_the_trigger_start_nothing() -> None:
    """10 lost of 11.5: a share of 0.87."""
    _, seen = months_of(burning(), Standstill(trigger=0.88, months=2), 3)
    assert [month["waits"] for month in seen] == [0.0, 0.0, 0.0]
    _, seen = months_of(burning(), Standstill(trigger=0.86, months=2), 2)
    assert seen[1]["waits"] == pytest.approx(0.5)


def test_a_standstill_ends_with_its_policy() -> None:
    _, seen = months_of(burning(), Standstill(trigger=TRIGGER, months=12, until="2026-02"), 4)
    assert [month["waits"] for month in seen] == pytest.approx([0.0, 0.5, 0.0, 0.0])


def test_a_bullet_that_ends_in_a_standstill_ends_after_it() -> None:
    _, seen = months_of(
        burning(kind="bullet", months=2, debt__rolls_on=False), Standstill(trigger=TRIGGER, months=3), 5
    )
    assert [month["principal"] for month in seen] == pytest.approx([0.0, 0.0, 0.0, 0.0, 12.0])


def test_notes_and_coin_loans_are_not_covered() -> None:
    note = facility("Note", kind="note", secured=False, amortisation="straight", rate=0.0, months=12)
    model, _ = months_of(burning(note), Standstill(trigger=TRIGGER, months=6), 4)
    assert one(model.facilities.drawn, 2) == pytest.approx(12.0 * 8 / 12)
    assert one(model.facilities.drawn, 0) == pytest.approx(11.5)


def test_covenants_and_margin_calls_wait_while_it_lasts() -> None:
    """Coverage falls under the floor, and the mark under the trigger, in the second month."""
    keys = {"debt__dscr_floor": 1.1, "debt__gpu_margin__on": True, "lenders__mark": "market"}
    falling = burning(kind="bullet", months=60, auction__mark_reversion=1.0, **keys)
    falling = falling.model_copy(update={"paths": ShockPaths(rent=np.array([2.1, *[0.35] * 40]))})
    calm, _ = months_of(falling, Standstill(trigger=1.0), 2)
    still, _ = months_of(falling, Standstill(trigger=TRIGGER), 2)
    for name in ("covenant breach", "gpu call"):
        assert (calm.fired[name], still.fired[name]) == (1, 0), name
