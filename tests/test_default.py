"""What happens to machines, claims, leases and money when a firm fails: two or three agents, by hand?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nobid.model.founding import Founding, HostingRow, ShockPaths
from nobid.model.payments import owed_now
from nobid.model.system import ComputeCreditModel
from nobid.runs.scenarios import scenario
from tests.worlds import borrower, buyer, facility, generation, lender, run, without_bids, world

STEADY = ShockPaths(rent=np.full(40, 1.5))
KEEP = 0.9  # of what is sold out of an estate, after the cost of selling


def failing(*names: str, month: str = "2026-01") -> dict[str, Any]:
    """The parameters under which these agents fail in that month."""
    return {"shock": ({"month": month, "fail": names},)}


def firm_and_loan(debt: float, *, firm: dict[str, Any] | None = None, **terms: Any) -> tuple[Any, Any]:
    """A firm without cash whose loan without interest is secured on 1,000 machines."""
    row = borrower(**{"overhead": 10.0, **(firm or {})})
    return row, facility(**{"drawn": debt, "rate": 0.0, "units": {"H100": 1000}, **terms})


def failed(debt: float, *rows: Any, months: int = 1, **keys: Any) -> ComputeCreditModel:
    """That firm has failed in the first month and `months` have passed."""
    loans = rows if any(row.__class__.__name__ == "FacilityRow" for row in rows) else (*firm_and_loan(debt), *rows)
    return run(world(*loans, paths=STEADY, **{**failing("Firm"), **keys}), months)


def mark(model: ComputeCreditModel) -> float:
    """The mark of a machine, USD million."""
    return float(model.record.monthly["mark_H100"][0, 0]) / 1e6


def test_a_secured_lender_takes_machines_worth_its_claim_and_the_others_are_the_estates() -> None:
    model = failed(2.0)
    taken = 2.0 / (mark(model) * KEEP)
    assert float(model.lenders.seized[0, 0, 0]) == pytest.approx(taken)
    assert float(model.borrowers.units[0, 0, 0]) == pytest.approx(1000.0 - taken)
    assert (float(model.facilities.drawn[0, 0]), float(model.facilities.claim[0, 0])) == pytest.approx((0.0, 0.0))
    assert float(model.lenders.losses[0, 0]) == pytest.approx(0.0, abs=1e-9)


def test_what_the_collateral_does_not_cover_is_a_claim_and_a_loss() -> None:
    model = failed(50.0)
    covered = 1000.0 * mark(model) * KEEP
    assert float(model.lenders.seized[0, 0, 0]) == 1000.0
    assert float(model.world.losses[0]) == pytest.approx(50.0 - covered)


def test_a_failure_is_counted_with_its_kind_and_its_debt() -> None:
    model = failed(50.0)
    assert model.record.monthly["defaults_neocloud"][0, 0] == 1.0
    assert model.record.monthly["debt_defaulted"][0, 0] == pytest.approx(50.0)
    default = next(event for event in model.record.events if event.kind == "default")
    assert (default.source, default.amount) == ("Firm", pytest.approx(50.0))


def test_cash_of_the_estate_pays_running_costs_first_and_claims_by_their_size() -> None:
    loans = [
        facility(name, kind="note", secured=False, drawn=debt, rate=0.0) for name, debt in (("A", 30.0), ("B", 10.0))
    ]
    model = failed(0.0, borrower(cash=8.0), *loans)
    assert model.facilities.claim[:, 0] == pytest.approx([0.0, 0.0])  # nothing is left to wait for: written off
    assert float(model.books.row("recoveries")[2, 0]) == pytest.approx(8.0)
    assert float(model.world.losses[0]) == pytest.approx(32.0)


def test_a_later_sale_of_the_estate_pays_the_claim_that_was_left() -> None:
    bids = buyer(belief_decay=0.3)
    firm, loan = firm_and_loan(50.0, firm={"units": {"H100": 500}, "overhead": 0.0})
    model = failed(50.0, firm, loan, bids, lender(equity_ratio=1.0))
    first = float(model.facilities.claim[0, 0])
    assert first > 0.0
    model.step()
    sold = float(model.record.monthly["sold_H100"][1, 0])
    price = float(model.record.monthly["price_H100"][1, 0])
    estate = 0.1 * 500.0  # a tenth of the opening stock a month
    assert sold >= estate
    assert float(model.books.row("recoveries")[2, 0]) == pytest.approx(estate * price / 1e6 * KEEP)
    assert float(model.facilities.claim[0, 0]) == pytest.approx(first - estate * price / 1e6 * KEEP)


def test_a_lender_sells_a_tenth_of_what_it_seized_a_month() -> None:
    model = failed(5.0, *firm_and_loan(5.0, firm={"overhead": 0.0}), buyer(), lender(equity_ratio=1.0))
    stock = float(model.lenders.seized[0, 0, 0])
    before = stock
    model.step()
    assert float(model.lenders.seized[0, 0, 0]) == pytest.approx(before - np.ceil(0.1 * before))  # whole machines


def test_machines_that_nobody_bids_for_bring_no_cash_from_nobody() -> None:
    model = failed(50.0, *firm_and_loan(50.0), without_bids(), months=4)
    assert not model.columns["books", "matrix"][:, 3].any()  # buyers pay nothing
    assert float(model.lenders.seized[0, 0, 0]) == 1000.0


def test_what_an_estate_has_beyond_all_claims_goes_back_to_its_owners() -> None:
    model = failed(0.0, borrower(cash=20.0), facility(kind="note", secured=False, drawn=12.0, rate=0.0))
    assert float(model.books.row("recoveries")[2, 0]) == pytest.approx(12.0)
    assert float(model.books.row("residual to owners")[10, 0]) == pytest.approx(8.0)


def test_pledged_sites_are_sold_at_the_price_of_power_and_the_lender_is_paid_first() -> None:
    loan = facility(kind="project", drawn=12.0, rate=0.0, site_mw=10.0)
    model = failed(0.0, borrower(), loan)
    proceeds = 10.0 * 2.0 * np.sqrt(1.5 / 2.1)
    assert -float(model.books.row("sites sold")[10, 0]) == pytest.approx(proceeds)
    assert float(model.books.row("residual to owners")[10, 0]) == pytest.approx(proceeds * KEEP - 12.0)


def test_coins_pledged_and_free_are_sold_and_pay() -> None:
    loan = facility(kind="btc_loan", drawn=12.0, rate=0.0, coins=200.0)
    model = failed(0.0, borrower(coins=10.0), loan, coin__price=100_000.0, coin__drift_calm=0.0, coin__impact=0.0)
    assert float(model.facilities.coins[0, 0]) == 0.0
    assert float(model.books.row("residual to owners")[10, 0]) == pytest.approx(21.0 - 12.0)


def test_a_limited_recourse_loan_is_surrendered_and_its_firm_lives_on() -> None:
    rows = firm_and_loan(50.0, firm={"cash": 1.0, "overhead": 0.0}, rate=0.12, recourse=False, amortisation="level")
    model = run(world(*rows, paths=STEADY), 1)
    assert model.record.monthly["defaults_neocloud"][0, 0] == 0.0
    assert model.fired["spv surrendered"] == 1
    assert float(model.lenders.seized[0, 0, 0]) == 1000.0
    assert float(model.facilities.claim[0, 0]) == 0.0


def test_beyond_the_walk_away_ratio_only() -> None:
    rows = firm_and_loan(50.0, firm={"cash": 1.0, "overhead": 0.0}, rate=0.12, recourse=False, amortisation="level")
    model = run(world(*rows, paths=STEADY, debt__walk_away_ltv=9.0), 1)
    assert model.fired.get("spv surrendered", 0) == 0
    assert model.record.monthly["defaults_neocloud"][0, 0] == 1.0


# ---- leases


def leased(**keys: Any) -> Founding:
    """A tenant of a modelled host, at 1 million a month, that fails in the first month with 6 million of cash."""
    lease = HostingRow(name="Site", host="Host", tenant="Firm", mw=5.0, rent=1.0, months=60)
    rows = (borrower("Host", kind="miner", site_mw=5.0, cash=1.0), borrower(cash=7.0), lease)
    loan = facility(kind="note", secured=False, drawn=12.0, rate=0.0)
    return world(*rows, loan, paths=STEADY, **{**failing("Firm"), **keys})


def host_cash(model: ComputeCreditModel) -> float:
    """Cash of the host, USD million."""
    return float(model.borrowers.cash[0, 0])


def test_a_failed_tenant_owes_a_years_rent_in_damages_beside_its_other_debts() -> None:
    model = run(leased(), 1)
    # the rent of the month is paid; 6 million are left for 12 of damages and 12 of debt
    assert host_cash(model) == pytest.approx(1.0 + 1.0 + 3.0)
    assert float(model.books.row("recoveries")[2, 0]) == pytest.approx(3.0)


def test_a_lost_lease_is_empty_for_nine_months_and_then_let_again_at_four_fifths() -> None:
    model = run(leased(), 1)
    rents = []
    for _ in range(12):
        before = host_cash(model)
        model.step()
        rents.append(host_cash(model) - before)
    assert rents == pytest.approx([0.0] * 9 + [0.8] * 3)


@pytest.mark.parametrize("months", [0, 3])
def test_the_months_until_a_site_is_let_again_are_a_parameter(months: int) -> None:
    model = run(leased(hosting__relet_months=months, hosting__relet_price=0.5), 1)
    rents = []
    for _ in range(5):
        before = host_cash(model)
        model.step()
        rents.append(host_cash(model) - before)
    assert rents == pytest.approx([0.0] * months + [0.5] * (5 - months))


def test_with_hosting_switched_off_rent_goes_outside_and_no_lease_is_lost() -> None:
    model = run(leased(hosting__on=False), 3)
    assert all(model.fired.get(name, 0) == 0 for name in ("hosting rent", "tenant lost", "lease let again"))
    assert host_cash(model) == pytest.approx(1.0)


# ---- whatever happens


@pytest.mark.parametrize("name", ["everything", "crypto-winter", "mispriced"])
def test_at_month_end_no_living_borrower_has_anything_due_and_no_dead_one_runs(name: str) -> None:
    model = ComputeCreditModel(scenario(name).founding, paths=range(6))
    for _ in range(18):
        model.step()
        b = model.borrowers
        assert float((owed_now(model) * b.alive).max()) <= 1e-6
        dead = b.alive <= 0.0
        assert not (model.facilities.drawn * dead[model.edges.borrower]).any()
        assert not (b.cash * dead > 1e-9).any()


def test_a_margin_call_alone_keeps_the_month_going_until_it_is_met_or_the_firm_fails() -> None:
    firm = borrower(cash=1.0)
    loan = facility(kind="btc_loan", drawn=10.0, rate=0.0, coins=200.0)
    paths = ShockPaths(coin=np.full(12, 64_000.0), rent=np.full(12, 1.5))
    founding = world(firm, loan, borrower("Elsewhere", units={"H100": 10}), generation(), lender(), paths=paths)
    model = run(founding, 1)  # 2.32 million called in cash against 1 million, and nothing to sell
    assert model.record.monthly["defaults_neocloud"][0, 0] == 1.0


def test_failing_is_monotone_in_cash() -> None:
    deaths = []
    for cash in np.linspace(0.0, 20.0, 9):
        rows = firm_and_loan(12.0, firm={"cash": float(cash), "overhead": 0.8}, rate=0.12, amortisation="level")
        model = run(world(*rows, paths=ShockPaths(rent=np.full(40, 0.5))), 15)
        deaths.append(float(np.nansum(model.record.monthly["defaults_neocloud"])))
    assert deaths == sorted(deaths, reverse=True)
    assert (deaths[0], deaths[-1]) == (1.0, 0.0)


def test_no_living_borrower_ends_a_month_owing_what_fell_due() -> None:
    model = ComputeCreditModel(scenario("everything").founding, paths=(50,))
    for _ in range(12):
        model.step()
        b = model.borrowers
        assert float(((owed_now(model) - b.cash) * b.alive).max()) < 1e-6
