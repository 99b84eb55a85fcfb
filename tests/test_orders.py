"""When does a machine that was ordered arrive, at what price, and what becomes of the orders of a firm that failed?"""

from __future__ import annotations

import numpy as np
import pytest

from nobid.model.founding import Founding
from nobid.model.invest import machines_arrive, places_orders
from nobid.model.system import ComputeCreditModel
from tests.worlds import borrower, world


def firm(lag: int, **changes: object) -> Founding:
    return world(borrower(cash=1e6, **changes), invest__on=True, invest__lag_months=lag, invest__prepayment=0.0)


@pytest.mark.parametrize("lag", [1, 4, 11])
def test_what_is_ordered_in_any_month_arrives_the_lag_later_at_the_price_of_its_order(lag: int) -> None:
    model = ComputeCreditModel(firm(lag))
    arrived, booked = [], []
    for month in range(30):
        before = model.borrowers.units[0, 0, 0]
        machines_arrive(model)
        arrived.append(float(model.borrowers.units[0, 0, 0] - before))
        booked.append(float(model.borrowers.book[0, 0, 0]))
        model.market.list_price = 1000.0 + month
        model.borrowers.order_units = np.full_like(model.borrowers.order_units, 1e6 ** (month % 2) * (1.0 + month))
        places_orders(model)
    assert arrived[:lag] == [0.0] * lag
    assert arrived[lag:] == pytest.approx([1e6 ** (month % 2) * (1.0 + month) for month in range(30 - lag)])
    odd = [month for month in range(3, 30 - lag) if month % 2]  # when a million times more arrives than is held before
    assert [booked[month + lag] for month in odd] == pytest.approx([1000.0 + month for month in odd], rel=0.02)


def test_orders_wait_while_nobody_invests() -> None:
    model = ComputeCreditModel(firm(4, pipeline={"H100": 30}, pipeline_months=3), later={1: firm_at_rest(), 9: firm(4)})
    held = []
    for _ in range(12):
        model.step()
        held.append(round(float(model.borrowers.units[0, 0, 0])))
    assert held[:1] + held[8:11] == [10, 10, 20, 30]


def firm_at_rest() -> Founding:
    return world(borrower(cash=1e6, pipeline={"H100": 30}, pipeline_months=3), invest__on=False, invest__lag_months=4)


def test_what_a_failed_firm_ordered_never_arrives() -> None:
    model = ComputeCreditModel(firm(4, pipeline={"H100": 30}, pipeline_months=3))
    model.borrowers.alive = 0.0
    for _ in range(4):
        machines_arrive(model)
    assert not model.borrowers.units[0].any()
    assert not model.books.row("capex").any()
