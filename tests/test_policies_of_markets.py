"""Does each policy on collateral and its market move its own lever by as much as it says? Small worlds, by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nobid.agents.lender import Lender
from nobid.model.debt import lender_marks
from nobid.model.founding import BuyerRow, Founding, ShockPaths
from nobid.model.policies_of_markets import (
    CountercyclicalHaircut,
    HaircutFloor,
    MarkToBook,
    MarkToMarket,
    OrderlyLiquidation,
    RingFenceCoins,
)
from tests.policy_worlds import figure, one, paid, rent, under_policies
from tests.test_default import STEADY, failing, firm_and_loan
from tests.test_margin import called, machine_loan
from tests.test_repo import giver
from tests.test_secondary import sale
from tests.worlds import borrower, buyer, facility, lender, run, world

# ---- haircuts


def test_under_a_floor_dealers_lend_that_much_less_of_the_mark() -> None:
    """A firm short of more than its machines carry borrows all they carry: 60 % of the mark, 30 % under the floor."""
    need = giver(need=12.0)
    worth = 1000 * float(run(need, 1).record.monthly["mark_H100"][0, 0]) / 1e6
    assert worth * 0.6 < 12.0
    assert figure(run(need, 1), "repo_volume") == pytest.approx(0.6 * worth)
    assert figure(run(under_policies(need, HaircutFloor(floor=0.7)), 1), "repo_volume") == pytest.approx(0.3 * worth)
    assert figure(run(under_policies(need, HaircutFloor(floor=0.2)), 1), "repo_volume") == pytest.approx(0.6 * worth)


def test_a_haircut_through_the_cycle_is_higher_by_its_buffer_and_moves_with_nothing() -> None:
    moving = {"repo__haircut_volatility": 0.5, "repo__haircut_drawdown": 0.3, "repo__haircut_shortfall": 0.7}
    swing, fall = np.full((1, 1, 1), 0.2), np.full((1, 1, 1), 0.1)
    for policies, calm, stormy in (
        ((), 0.4, 0.4 + 0.1 + 0.03 + 0.07),
        ((CountercyclicalHaircut(buffer=0.15),), 0.55, 0.55),
    ):
        m = run(under_policies(giver(need=0.0, **moving), *policies), 1)
        dealer = Lender.every(m)
        assert float(dealer.haircut(0.0 * swing, 0.0 * fall)[0, 0, 0]) == pytest.approx(calm)
        m.lenders.equity_ratio = 0.9 * m.lenders.target
        assert float(dealer.haircut(swing, fall)[0, 0, 0]) == pytest.approx(stormy)


# ---- marks


def test_lenders_value_machines_as_the_policy_says_from_its_first_month_to_its_last() -> None:
    falling = world(
        borrower(cash=100.0), facility(units={"H100": 1000}), paths=ShockPaths(rent=np.linspace(2.1, 0.8, 12))
    )
    dated = {"since": "2026-05", "until": "2026-06"}
    for policy, basis in ((MarkToMarket(**dated), "mark"), (MarkToBook(**dated), "book")):
        m = run(under_policies(falling, policy), 4)
        for used in ("appraisal", basis, basis, "appraisal"):
            assert np.array_equal(lender_marks(m), getattr(m.market, used)), m.month_name(-1)
            others = {"mark", "book", "appraisal"} - {used}
            assert all(not np.array_equal(getattr(m.market, used), getattr(m.market, other)) for other in others)
            m.step()


def test_marks_at_the_market_refuse_a_roll_that_an_appraisal_allows_and_book_allows_it_again() -> None:
    """The rent falls, and with it the mark at once; the appraisal follows slowly, the book value not at all."""
    loan = facility(kind="abl", drawn=14.0, months=2, units={"H100": 1000}, rate=0.0, advance=0.9)
    keys = {"auction__mark_reversion": 1.0, "debt__covenants": False, "rental__fee": 0.0}
    founding = world(borrower(cash=100.0), loan, paths=rent(2.1, 1.0), **keys)
    debts = {
        policies: one(run(under_policies(founding, *policies), 2).facilities.drawn)
        for policies in ((), (MarkToMarket(),), (MarkToBook(),))
    }
    assert debts == {(): 14.0, (MarkToMarket(),): 0.0, (MarkToBook(),): 14.0}


def test_with_calls_machines_are_called_by_the_markets_marks() -> None:
    """The trigger is that of signing; the fall of the mark calls what stands above it."""
    quiet = machine_loan(on=False, speed=1.0, lenders__mark="appraisal")
    assert run(under_policies(quiet, MarkToMarket()), 2).fired.get("gpu call", 0) == 0
    m = run(under_policies(quiet, MarkToMarket(calls=True)), 2)
    assert called(m) > 1.0
    assert paid(m, "margin", "lenders") == pytest.approx(called(m))


# ---- coins


def test_fenced_coins_pay_no_other_debt_and_the_firm_fails_beside_them() -> None:
    """100 coins of 100,000 USD would pay a bill of 5 million."""
    row = {"cash": 0.0, "coins": 100.0, "overhead": 5.0}
    founding = world(borrower(**row), facility(kind="note", secured=False), paths=ShockPaths(coin=np.full(9, 1e5)))
    free = run(founding, 1)
    assert figure(free, "defaults_neocloud") == 0.0
    assert one(free.borrowers.coins) == pytest.approx(100.0 - 5.12 / 0.1)
    fenced = run(under_policies(founding, RingFenceCoins()), 1)
    assert figure(fenced, "defaults_neocloud") == 1.0
    assert paid(fenced, "coins sold", "neo-clouds") == 0.0
    assert paid(fenced, "coins sold", "estates") == pytest.approx(10.0)


def test_fenced_coins_are_not_pledged_for_machines() -> None:
    firm = borrower(cash=10.0, coins=100.0, pipeline={"H100": 100}, pipeline_months=1)
    line = facility("Coins", kind="btc_loan", drawn=0.1, coins=10.0, rate=0.0)
    other = (borrower("Elsewhere", cash=1e4, units={"H100": 1000}), facility("Big", borrower="Elsewhere", drawn=99.0))
    founding = world(firm, line, *other, paths=ShockPaths(coin=np.full(9, 1e5)), invest__on=True, coin__price=1e5)
    assert run(founding, 1).fired["coins pledged for machines"] == 1
    m = run(under_policies(founding, RingFenceCoins()), 1)
    assert (m.fired["coins pledged for machines"], one(m.borrowers.coins)) == (0, 100.0)


# ---- orderly liquidation

HURRIED = lender(equity_ratio=0.06)  # the loss of its loan leaves it below target


def seized(*rows: Any) -> Founding:
    """A firm fails on a loan of 50 against 1,000 machines; its thin bank stands below target from then on."""
    other = (borrower("Elsewhere", cash=1e4), facility("Other", borrower="Elsewhere", drawn=950.0, rate=0.0, months=99))
    return world(*firm_and_loan(50.0), *other, *(rows or (HURRIED, buyer())), paths=STEADY, **failing("Firm"))


def test_a_lender_below_target_offers_a_share_of_what_it_seized_at_the_reserve_of_one_that_can_wait() -> None:
    hasty, patient = run(seized(), 2), run(under_policies(seized(), OrderlyLiquidation(share=0.05)), 2)
    assert one(hasty.lenders.tight) == one(patient.lenders.tight) == 1.0
    sold = figure(hasty, "sold", 0) + figure(hasty, "sold", 1)
    assert sold == pytest.approx(1000.0)
    assert figure(patient, "offered", 0) == 0.0, "it opened the month without any"
    assert figure(patient, "offered", 1) == 50.0
    value, mark = figure(patient, "value_H100", 1), figure(patient, "mark_H100", 0)
    mark += 0.25 * (min(value, 25_000.0) - mark)
    assert figure(patient, "price_H100", 1) >= max(0.5 * value, 0.7 * mark)


def hopeful() -> list[BuyerRow]:
    """Three may place machines; the only one with money values them at less than half of what the others do."""
    rich = [buyer(name, budget=0.0, move_in=0.0) for name in ("One", "Two")]
    return [*rich, buyer("Poor", required_return=0.9, belief_decay=0.6, move_in=0.0)]


def test_a_lender_below_target_sells_nothing_under_its_reserve_while_the_policy_holds() -> None:
    hasty, patient = seized(HURRIED, *hopeful()), seized(HURRIED, *hopeful())
    sold = figure(run(hasty, 2), "sold", 0) + figure(run(hasty, 2), "sold", 1)
    assert sold > 0.0
    m = run(under_policies(patient, OrderlyLiquidation(share=0.05)), 3)
    assert one(m.lenders.tight) == 1.0
    assert [figure(m, "offered", month) for month in (1, 2)] == [50.0, 50.0]
    assert [figure(m, "sold", month) for month in (1, 2)] == [0.0, 0.0]


def poor_bids(units: int = 500) -> Founding:
    """An estate with 500 machines, and bids below its reserve."""
    firm = borrower(units={"H100": units})
    other = (borrower("Elsewhere", cash=1e4), facility("Other", borrower="Elsewhere", rate=0.0))
    return world(firm, *other, *hopeful(), paths=STEADY, auction__reoffers=0, **failing("Firm"))


def test_an_estate_waits_for_the_reserve_and_offers_a_share() -> None:
    hasty, patient = run(poor_bids(), 3), run(under_policies(poor_bids(), OrderlyLiquidation(share=0.04)), 3)
    assert one(hasty.market.value) * 0.5 > float(hasty.buyers.limit[2, 0, 0]) > 0.03 * 25_000.0
    assert figure(hasty, "sold", 1) == np.ceil(0.1 * figure(hasty, "unsold", 0))
    left = figure(patient, "unsold", 0)
    assert left == figure(hasty, "unsold", 0) > 0.0
    assert figure(patient, "offered", 1) == np.ceil(0.04 * left)
    assert [figure(patient, "sold", month) for month in (1, 2)] == [0.0, 0.0]
    assert figure(patient, "unsold", 2) == left


def test_a_living_firm_short_of_cash_still_sells_at_any_price() -> None:
    m = run(under_policies(sale(*hopeful()), OrderlyLiquidation()), 1)
    assert 0.0 < figure(m, "price_H100") < 0.5 * figure(m, "value_H100")
    assert figure(m, "sold") > 0.0


def test_when_the_policy_ends_hurried_sellers_sell_at_once() -> None:
    m = run(under_policies(seized(), OrderlyLiquidation(share=0.05, until="2026-02")), 3)
    assert figure(m, "offered", 1) == 50.0
    assert figure(m, "offered", 2) == pytest.approx(1000.0 - figure(m, "sold", 1))
