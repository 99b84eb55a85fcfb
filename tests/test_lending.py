"""How does a lender react to its own losses, and what happens to its funders: by hand?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nobid.model.founding import Founding, ShockPaths, WarehouseRow
from nobid.model.system import ComputeCreditModel
from tests.worlds import borrower, facility, lender, run, world

FLAT = {"lenders__funding_rate": 0.0, "lenders__payout": 0.0}


def note(**changes: Any) -> Any:
    """A loan without interest, collateral or end."""
    return facility(**{"kind": "note", "secured": False, "drawn": 97.0, "rate": 0.0, **changes})


def bank(*, cash: float = 5.0, row: dict[str, Any] | None = None, **keys: Any) -> Founding:
    """A bank of 97 million of loans, 3 of cash and half equity; its short funders hold half of its debt."""
    return world(borrower(cash=cash), note(), lender(**{"short_share": 0.5, **(row or {})}), **{**FLAT, **keys})


def fails(*names: str) -> tuple[dict[str, Any], ...]:
    """These agents fail in the first month."""
    return ({"month": "2026-01", "fail": names},)


def one(values: Any, row: int = 0) -> float:
    """The number of this row on the only path."""
    return float(values[row, 0])


# ---- the sheet


def test_a_lenders_sheet_stands_behind_what_it_holds() -> None:
    m = run(bank(), 0)
    lenders = m.lenders
    assert (one(lenders.assets), one(lenders.cash), one(lenders.loans)) == pytest.approx((100.0, 3.0, 97.0))
    assert (one(lenders.equity), one(lenders.short), one(lenders.stable)) == pytest.approx((50.0, 25.0, 25.0))
    assert one(lenders.target) == pytest.approx(0.75 * 0.5)


def test_thin_capital_and_other_assets_scale_as_their_parameters_say() -> None:
    m = run(bank(row={"other_share": 0.5}, lenders__capital_multiple=0.5, lenders__other_multiple=0.0), 0)
    assert one(m.lenders.other) == 0.0
    assert one(m.lenders.equity_ratio) == pytest.approx(0.25)


# ---- withdrawal


def test_short_funders_ask_back_their_share_of_the_shortfall_once_a_month() -> None:
    m = run(bank(row={"other_share": 0.5}, lenders__target=1.5, lenders__cash_share=0.0), 1)
    opening = one(m.lenders.opening_short)
    shortfall = (0.75 - 0.5) / 0.75
    assert one(m.lenders.withdrawn) == pytest.approx(0.6 * shortfall * opening)
    assert m.fired["funding withdrawn"] == 1


def test_above_target_nobody_withdraws() -> None:
    m = run(bank(), 2)
    assert one(m.lenders.withdrawn) == 0.0
    assert m.fired["funding withdrawn"] == 0


def test_with_withdrawal_switched_off_a_lender_below_target_keeps_its_funding() -> None:
    m = run(bank(lenders__target=1.5, lenders__withdrawal_on=False), 2)
    assert m.fired["funding withdrawn"] == 0


def test_other_assets_are_sold_for_what_cash_does_not_pay() -> None:
    m = run(bank(row={"other_share": 0.5}, lenders__target=1.5, lenders__cash_share=0.0), 1)
    whole = 97.0 / 0.47
    opening = 0.5 * whole
    asked = one(m.lenders.withdrawn)
    assert one(m.lenders.other) == pytest.approx(opening - (asked - 0.03 * whole))


def test_a_lender_that_cannot_pay_what_is_asked_back_fails() -> None:
    m = run(bank(lenders__target=1.5), 1)  # 0.6 x 1/3 x 25 = 5 million asked, 3 of cash
    assert m.record.monthly["defaults_lender"][0, 0] == 1.0


# ---- losses


def test_a_loss_on_a_failed_borrower_is_the_debt_less_what_the_estate_pays() -> None:
    m = run(bank(shock=fails("Firm")), 1)
    assert one(m.lenders.losses) == pytest.approx(97.0 - 5.0)


def test_a_loss_beyond_equity_is_a_default_of_the_lender() -> None:
    m = run(bank(shock=fails("Firm")), 1)
    assert m.record.monthly["defaults_lender"][0, 0] == 1.0
    default = [event.source for event in m.record.events if event.kind == "default"]
    assert default == ["Firm", "Bank"]


def bad_and_good(**keys: Any) -> Founding:
    """A firm that fails in the first month with a loan of 10, and a good one with a loan of 90."""
    loans = note(drawn=10.0), note(name="Second", borrower="Good", drawn=90.0)
    firms = borrower(cash=5.0), borrower("Good", cash=50.0)
    return world(*firms, *loans, lender(), shock=fails("Firm"), **FLAT, **keys)


def test_losses_close_the_funding_window_by_their_share_of_debt() -> None:
    model = run(bad_and_good(), 2)
    lost = model.record.monthly["lender_losses"][0, 0]
    assert lost == pytest.approx(5.0)
    assert model.record.monthly["funding"][1, 0] == pytest.approx(lost / 90.0 / 0.05)


def test_with_feedback_switched_off_losses_leave_the_window_open() -> None:
    model = run(bad_and_good(funding__feedback_on=False), 3)
    assert model.record.monthly["lender_losses"][0, 0] > 0.0
    assert model.record.monthly["funding"][:3, 0].tolist() == [0.0, 0.0, 0.0]


# ---- default of a lender, and lines between lenders


def lined(*, rows: dict[str, Any] | None = None, **keys: Any) -> Founding:
    """A fund whose 97 million of loans are half financed by a bank's line."""
    fund = lender("Fund", kind="private_credit", **{"equity_ratio": 0.2, **(rows or {})})
    line = WarehouseRow(name="Line", provider="Bank", receiver="Fund", drawn=40.0, advance=0.5, rate=0.0)
    loan = facility(drawn=97.0, rate=0.0, lender="Fund", units={"H100": 5000})
    paths = ShockPaths(rent=np.array([2.1, *[1.0] * 20]))
    return world(borrower(cash=50.0), loan, lender(), fund, line, paths=paths, **{**FLAT, **keys})


def test_a_failed_lender_pays_its_line_and_its_funders_the_same_share_of_what_it_has() -> None:
    m = run(lined(shock=fails("Fund")), 1)
    funding = 80.0 - 40.0
    assert m.record.monthly["defaults_lender"][0, 0] == 1.0
    assert float(m.warehouses.drawn[0, 0]) == pytest.approx(40.0 * (1.0 - 3.0 / 80.0))
    assert one(m.lenders.stable, 1) == pytest.approx(funding * (1.0 - 3.0 / 80.0))


def test_a_line_is_within_its_advance_at_signing() -> None:
    m = run(lined(), 1)
    assert m.fired["warehouse called"] == 0
    assert float(m.warehouses.drawn[0, 0]) == 40.0


def test_a_fall_of_the_financed_mark_calls_the_line_down_to_its_advance() -> None:
    keys = {"lenders__mark": "market", "auction__mark_reversion": 1.0}
    m = run(lined(rows={"other_share": 0.4}, **keys), 2)
    fall = float(m.market.mark[0, 0] / m.warehouses.signed_mark[0, 0])
    assert fall < 0.75
    assert float(m.warehouses.drawn[0, 0]) == pytest.approx(0.5 * fall * 97.0)
    assert m.fired["warehouse called"] == 1


def test_with_lines_switched_off_nothing_is_called() -> None:
    keys = {"lenders__mark": "market", "auction__mark_reversion": 1.0, "lenders__warehouse_on": False}
    m = run(lined(rows={"other_share": 0.4}, **keys), 3)
    assert m.fired.get("warehouse called", 0) == 0
    assert float(m.warehouses.drawn[0, 0]) == 40.0


def test_interest_on_a_line_goes_from_one_lender_to_the_other() -> None:
    founding = lined()
    line = founding.warehouses[0].model_copy(update={"rate": 0.12})
    plain, dear = run(founding, 1), run(founding.model_copy(update={"warehouses": (line,)}), 1)
    assert one(dear.lenders.profit) - one(plain.lenders.profit) == pytest.approx(0.4)
    assert one(plain.lenders.profit, 1) - one(dear.lenders.profit, 1) == pytest.approx(0.4)


# ---- the month's close


def test_profit_above_losses_is_paid_out_in_part_and_funding_costs_its_rate() -> None:
    founding = world(borrower(cash=50.0), note(rate=0.12), lender(), lenders__payout=0.9, lenders__funding_rate=0.06)
    m = run(founding, 1)
    cost = 50.0 * 0.005
    assert -float(m.books.row("funding cost")[2, 0]) == pytest.approx(cost)
    assert -float(m.books.row("dividends")[2, 0]) == pytest.approx(0.9 * (0.97 - cost))


def test_spare_cash_repays_stable_funding() -> None:
    m = run(world(borrower(cash=50.0), note(amortisation="straight", months=10), lender(), **FLAT), 1)
    assert one(m.lenders.cash) == pytest.approx(0.03 * 100.0)
    assert one(m.lenders.stable) == pytest.approx(50.0 - 9.7)
    assert one(m.lenders.equity) == pytest.approx(50.0)


def test_a_dead_lender_neither_rolls_nor_lends(monkeypatch: pytest.MonkeyPatch) -> None:
    founding = world(borrower(cash=150.0, other_income=5.0), note(months=2), lender(), shock=fails("Bank"), **FLAT)
    m = run(founding, 2)
    assert one(m.facilities.drawn) == 0.0
    assert m.fired["roll"] == 0


def test_a_system_of_lenders_loses_what_borrowers_do_not_pay() -> None:
    m: ComputeCreditModel = run(bank(row={"equity_ratio": 1.0}, shock=fails("Firm")), 1)
    assert one(m.lenders.equity) == pytest.approx(100.0 - 92.0)
