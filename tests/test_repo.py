"""Who lends for a month against machines, at which haircut, and when does the bid go missing?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nobid.agents.lender import Lender
from nobid.model import rental, repo, secondary
from nobid.model.founding import Founding, ShockPaths
from nobid.model.world import turns
from tests.worlds import borrower, buyer, facility, lender, run, without_bids, world

DEEP = {"repo__capacity": 1.0, "repo__haircut": 0.4, "repo__haircut_volatility": 0.0, "repo__haircut_drawdown": 0.0}


def giver(*rows: Any, need: float = 1.0, rents: tuple[float, ...] = (1.5,), **keys: Any) -> Founding:
    """A firm with 1,000 free machines, no cash, a bill of `need` beyond its income in the first month; a dealer."""
    levels = np.array([*rents, *[rents[-1]] * 20])
    income = 1000 * 730 * (rents[0] * 0.88 - 0.28) / 1e6
    firm = borrower(units={"H100": 1000}, overhead=income + need)
    other = (borrower("Elsewhere", cash=100.0), facility("Other", borrower="Elsewhere", drawn=50.0, rate=0.0))
    rows = rows or (lender(repo=True, cash_share=0.5), without_bids())
    plain = {"rental__fee": 0.0, "lenders__cash_share": 0.5, **DEEP}
    return world(firm, *other, *rows, paths=ShockPaths(rent=levels), **{**plain, **keys})


def one(values: Any, row: int = 0) -> float:
    """The number of this row on the only path."""
    return float(values[row, 0])


def test_the_haircut_adds_volatility_drawdown_and_the_lenders_own_shortfall_within_its_bounds() -> None:
    keys = {"repo__haircut_volatility": 0.5, "repo__haircut_drawdown": 0.3, "repo__haircut_shortfall": 0.7}
    m = run(giver(**keys), 1)
    m.lenders.equity_ratio = 0.9 * m.lenders.target
    dealer = Lender.every(m)
    asked = dealer.haircut(np.full((1, 1, 1), 0.2), np.full((1, 1, 1), 0.1))
    assert float(asked[0, 0, 0]) == pytest.approx(0.4 + 0.5 * 0.2 + 0.3 * 0.1 + 0.7 * 0.1)
    assert float(dealer.haircut(np.full((1, 1, 1), 9.0), np.zeros((1, 1, 1)))[0, 0, 0]) == 1.0


def test_the_haircut_never_falls_below_its_floor() -> None:
    m = run(giver(repo__haircut=0.05, repo__haircut_floor=0.25), 1)
    assert float(Lender.every(m).haircut(np.zeros((1, 1, 1)), np.zeros((1, 1, 1)))[0, 0, 0]) == 0.25


def test_a_firm_short_of_cash_borrows_what_it_needs_against_machines_at_the_mark_less_the_haircut() -> None:
    m = run(giver(), 1)
    mark = float(m.market.mark[0, 0]) / 1e6
    assert one(m.borrowers.repo_debt) == pytest.approx(1.0)
    assert float(m.borrowers.repo_units[0, 0, 0]) == pytest.approx(1.0 / (mark * 0.6))
    assert m.record.monthly["repo_volume"][0, 0] == pytest.approx(1.0)
    assert m.record.monthly["defaults_neocloud"][0, 0] == 0.0


def test_capacity_is_a_share_of_capital_above_target_and_of_cash() -> None:
    m = run(giver(need=0.0, repo__capacity=0.01), 0)
    spare = one(m.lenders.equity) - one(m.lenders.target) * one(m.lenders.assets)
    assert one(repo.capacity(m)) == pytest.approx(0.01 * spare)


@pytest.mark.parametrize(
    ("why", "keys"),
    [
        ("the market is switched off", {"repo__on": False}),
        ("nobody has capacity", {"repo__capacity": 0.0}),
        ("the haircut is the whole price", {"repo__haircut": 1.0}),
        ("the dealer is below its target", {"lenders__target": 1.5, "lenders__withdrawal_on": False}),
    ],
)
def test_the_repo_bid_is_missing_when(why: str, keys: dict[str, Any]) -> None:
    m = run(giver(**keys), 1)
    assert m.fired.get("repo", 0) == 0, why
    assert one(m.borrowers.repo_debt) == 0.0
    assert m.record.monthly["defaults_neocloud"][0, 0] == 1.0


def test_repo_costs_the_base_rate_and_its_spread_and_is_rolled_while_machines_cover_it() -> None:
    m = run(giver(), 1)
    m.step()
    assert float(m.books.row("repo interest")[2, 0]) == pytest.approx(1.0 * (0.037 + 0.03) / 12)
    assert one(m.borrowers.repo_debt) > 0.95


def test_a_higher_haircut_cuts_the_loan_to_what_the_machines_still_carry() -> None:
    m = run(giver(rents=(1.5, 0.6), auction__mark_reversion=1.0, lenders__capital_multiple=1.0), 1)
    pledged = float(m.borrowers.repo_units[0, 0, 0])
    m.opens_month()
    turns(m)
    rental.clears(m)
    secondary.opens_month(m)
    repo.falls_due(m)
    carried = pledged * float(m.market.mark[0, 0]) / 1e6 * 0.6
    assert one(m.borrowers.repo_due) == pytest.approx(1.0 - carried)
    assert m.fired["repo cut"] == 1


def test_a_dealer_keeps_machines_of_a_failed_giver_up_to_what_it_lent() -> None:
    founding = giver(shock=({"month": "2026-02", "fail": ("Firm",)},))
    m = run(founding, 2)
    assert one(m.borrowers.repo_debt) == 0.0
    assert float(m.lenders.seized[0, 0, 0]) > 0.0
    assert m.fired["repo collateral seized"] == 1


# ---- brokers


def broker(cash: float = 0.1) -> Any:
    """A broker that finances what it buys with the bank."""
    return buyer("Broker", kind="broker", cash=cash, repo_lender="Bank")


def sold_with(cash: float, **keys: Any) -> tuple[float, Any]:
    """Units that the broker buys of a firm that must sell, when repo for firms would not do."""
    rows = (lender(repo=True, cash_share=0.5), broker(cash))
    m = run(giver(*rows, **{"need": 3.0, "repo__haircut_floor": 0.0, **keys}), 1)
    return float(m.buyers.units[0, 0, 0]), m


def test_a_broker_buys_with_its_own_cash_over_the_haircut() -> None:
    bought, m = sold_with(0.2, repo__capacity=0.02)
    assert bought > 0.0
    spent = sum(event.amount for event in m.record.events if event.kind == "bought")
    assert spent == pytest.approx(bought)
    value = float(m.record.monthly["sold_value"][0, 0])
    assert one(m.buyers.repo_debt) == pytest.approx(0.6 * value)
    assert one(m.buyers.cash) == pytest.approx(0.2 - 0.4 * value)


def test_without_a_repo_bid_a_broker_without_cash_buys_nothing() -> None:
    bought, m = sold_with(0.0, repo__capacity=0.02)
    assert bought == 0.0
    assert m.fired.get("broker repo", 0) == 0


def test_a_broker_buys_nothing_where_repo_is_switched_off() -> None:
    assert sold_with(5.0, repo__on=False)[0] == 0.0
