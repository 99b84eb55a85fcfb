"""Whose doing was it, link by link by hand; do ledgers agree with the books, and executions with one another?"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import networkx as nx
import numpy as np
import pytest

from nobid.model import repo
from nobid.model.contagion import Contagion
from nobid.model.drains import COIN_MARGIN, INVESTMENT, REPO_DEALER, REPO_MARK
from nobid.model.founding import Founding, HostingRow, OfftakeRow, ShockPaths, WarehouseRow
from nobid.model.system import ComputeCreditModel
from nobid.runs.scenarios import scenario
from tests.reconcile import Reconciled
from tests.test_default import STEADY, failing, firm_and_loan, leased
from tests.test_lending import bad_and_good
from tests.test_margin import coin_loan
from tests.test_repo import giver
from tests.worlds import borrower, buyer, facility, lender, run, world

CLOSE = 1e-9  # relative, between ledgers and books
Shares = dict[tuple[str, str, str], float]


def shares(model: ComputeCreditModel, effect: str, state: str = "default", month: int | None = None) -> Shares:
    """What brought the agent into the state on path 0: (cause, its state, channel) and the weight."""
    found: Shares = defaultdict(float)
    for cause in model.causes.record:
        if (cause.effect, cause.state) == (effect, state) and month in {None, cause.month}:
            found[cause.cause, cause.cause_state, cause.channel] += cause.weight
    return dict(found)


# ---- the chain: A must sell, B's machines are re-marked and called, its lender loses and refuses C


def chain(*, lender_equity: float = 0.45, **keys: Any) -> Founding:
    """A has 1,000 machines and a note due; B a loan on 500 machines with margin calls; C a note due a month later."""
    rows = (
        borrower("A", units={"H100": 1000}),
        borrower("B", other_income=0.5),
        borrower("C", other_income=0.5, site_mw=20.0),
        facility("note of A", borrower="A", lender="Fund", kind="convertible", drawn=20.0, months=1, secured=False),
        facility("loan of B", borrower="B", lender="L", drawn=10.0, units={"H100": 500}),
        facility("loan of C", borrower="C", lender="L", kind="note", drawn=10.0, months=2, secured=False),
        lender("L", equity_ratio=lender_equity),
        lender("Fund", equity_ratio=0.9),
        buyer(budget=6.0),
    )
    calls = {"debt__gpu_margin__on": True, "debt__gpu_margin__call_speed": 1.0, "lenders__mark": "market"}
    return world(*rows, **{**calls, "funding__feedback_on": False, **keys})


MONTHS = {0: "2026-01", 1: "2026-02"}


def test_the_hand_made_chain_is_found_edge_by_edge() -> None:
    graph = Contagion(run(chain(), 2).causes.record).graph(MONTHS)
    of_a, of_b = "A: forced sale in 2026-01", "B: default in 2026-01"
    january, february, refused = "L: below target in 2026-01", "L: below target in 2026-02", "C: default in 2026-02"
    found = {(a, b): (data["channel"], data["month"], data["round"]) for a, b, data in graph.edges(data=True)}
    assert found == {
        ("maturity wall", of_a): ("maturity wall", 0, 1),
        ("maturity wall", "A: default in 2026-01"): ("maturity wall", 0, 1),
        ("rents", "B: forced sale in 2026-01"): ("rents", 0, 2),
        ("launch", "B: forced sale in 2026-01"): ("launch", 0, 2),  # new machines cost less than this one's value
        (of_a, "B: forced sale in 2026-01"): ("fire sale", 0, 2),
        ("rents", of_b): ("rents", 0, 5),
        ("launch", of_b): ("launch", 0, 5),
        (of_a, of_b): ("fire sale", 0, 5),
        (of_b, january): ("loss", 0, 5),
        (of_b, february): ("loss", 1, 0),
        (february, refused): ("refused roll", 1, 1),
    }
    assert graph.edges[february, refused]["weight"] == graph.edges[of_b, february]["weight"] == 1.0


def test_the_price_of_the_sale_makes_the_call_and_its_fall_below_value_is_the_sellers_doing() -> None:
    model = run(chain(), 1)
    start, bid = float(model.causes.pools.of("mark_start")[0, 0]), float(model.causes.pools.of("bid")[0, 0])
    price = 6e6 / 1000  # the budget buys the lot
    trigger = max(0.8, 1.2 * 10.0 / (500 * start / 1e6))
    amounts = {c.via: c.amount / c.weight for c in model.causes.record if c.effect == "B" and c.state == "default"}
    assert amounts == {"gpu call": pytest.approx(10.0 - trigger * 500 * price / 1e6)}
    sold = shares(model, "B")["A", "forced sale", "fire sale"]
    worth = float(model.market.worth[0, 0])
    assert sold == pytest.approx((min(bid, worth, start) - price) / (start - price))


def test_the_lenders_loss_is_the_loan_less_machines_at_the_mark_and_the_estates_cash() -> None:
    model = run(chain(), 1)
    loss = [c for c in model.causes.record if (c.effect, c.state) == ("L", "loss")]
    cash = 0.5 - 0.0  # a month of other income; the interest of the month was not paid
    seized = 0.9 * 500 * 6000 / 1e6
    assert [(c.cause, c.channel) for c in loss] == [("B", "loss")]
    assert loss[0].amount == pytest.approx(10.0 - seized - cash, abs=0.5)


def test_with_the_note_paid_nobody_is_touched() -> None:
    rich = chain().model_copy(update={"borrowers": (*chain().borrowers,)})
    rows = tuple(row.model_copy(update={"cash": 100.0}) if row.name == "A" else row for row in rich.borrowers)
    model = run(rich.model_copy(update={"borrowers": rows}), 2)
    assert not list(model.causes.record)


@pytest.mark.parametrize("switch", ["auction.marks_on", "lenders.losses_on", "lenders.tightening_on"])
def test_a_channel_switched_off_breaks_the_chain_where_it_says(switch: str) -> None:
    broken = run(chain(**{switch.replace(".", "__"): False}), 2)
    failed = {event.source for event in broken.record.events if event.kind == "default"}
    assert failed == ({"A"} if switch == "auction.marks_on" else {"A", "B"})


@pytest.mark.parametrize(("name", "others"), [("A", set()), ("B", {"A"}), ("L", {"A", "B"})])
def test_an_agent_made_safe_never_fails_and_passes_nothing_on(name: str, others: set[str]) -> None:
    model = run(chain(safe=(name,)), 2)
    assert {event.source for event in model.record.events if event.kind == "default"} == others
    assert name not in {cause.effect for cause in model.causes.record if cause.state == "default"}


# ---- one link each


def test_a_lender_short_of_capital_at_the_start_refuses_for_that_reason() -> None:
    rows = (borrower(other_income=0.5, site_mw=20.0), facility(kind="note", secured=False, months=1))
    model = run(world(*rows, lender(equity_ratio=0.2), lenders__target=1.5), 1)
    assert shares(model, "Firm") == {("Bank", "below target", "refused roll"): 1.0}
    assert shares(model, "Bank", "below target") == {("initial weakness", "", "initial weakness"): pytest.approx(1.0)}


def test_a_lender_that_slides_under_its_target_without_a_loss_does_so_by_its_own_balance_sheet() -> None:
    rows = (borrower(cash=50.0), facility(kind="note", secured=False, rate=0.0), lender(equity_ratio=0.1))
    model = run(world(*rows, lenders__funding_rate=0.5, lenders__target=0.99), 4)
    found = shares(model, "Bank", "below target")
    assert set(found) == {("own balance sheet", "", "own balance sheet")}


def test_a_site_loan_refused_for_its_value_is_the_doing_of_the_tenant_whose_lease_it_stood_on() -> None:
    lease = HostingRow(name="Site", host="Host", tenant="Firm", mw=20.0, rent=2.0, months=100)
    rows = (borrower("Host", kind="miner", cash=5.0), borrower(cash=5.0), lease)
    loan = facility("Debt", borrower="Host", kind="project", drawn=60.0, rate=0.0, site_mw=20.0, months=4)
    model = run(world(*rows, loan, lender(equity_ratio=0.9), paths=STEADY, **failing("Firm", month="2026-02")), 4)
    found = shares(model, "Host", "refused roll")
    assert found["Firm", "default", "lost tenant"] > 0.5
    assert set(found) <= {("Firm", "default", "lost tenant"), ("rents", "", "rents")}


def test_selling_the_coins_mined_this_month_is_no_distress() -> None:
    miner = borrower(kind="miner", hash_eh=10.0, hash_cost=30.0, overhead=1.0, coins=0.0)
    model = run(world(miner, mining__sell_share=0.0, coin__price=90_000.0), 1)
    assert model.fired["coins sold in distress"] == 1
    assert not list(model.causes.record)


def test_thin_coverage_is_the_doing_of_what_thinned_it() -> None:
    rows = (borrower(other_income=0.05, site_mw=20.0), facility(kind="note", secured=False, months=1))
    model = run(world(*rows, lender()), 1)
    assert shares(model, "Firm", "refused roll") == {("initial weakness", "", "initial weakness"): pytest.approx(1.0)}


def test_a_closed_window_refuses_what_its_quota_leaves() -> None:
    rows = (borrower(other_income=0.5, site_mw=20.0), facility(kind="note", secured=False, months=1))
    model = run(world(*rows, lender(), shock=({"month": "2026-01", "funding": 1.0},)), 1)
    assert shares(model, "Firm") == {("funding", "", "funding window"): pytest.approx(1.0)}


def test_a_tenants_default_is_why_its_host_cannot_pay() -> None:
    lease = HostingRow(name="Site", host="Host", tenant="Firm", mw=5.0, rent=1.0, months=60)
    rows = (borrower("Host", kind="miner", site_mw=5.0), borrower(cash=3.5), lease)
    loans = (facility(kind="note", secured=False), facility("Debt", borrower="Host", drawn=60.0, rate=0.12))
    model = run(world(*rows, *loans, lender(equity_ratio=0.9), **failing("Firm", month="2026-03")), 12)
    assert shares(model, "Firm") == {("scripted", "", "scripted"): 1.0}
    assert shares(model, "Host") == {("Firm", "default", "lost tenant"): pytest.approx(1.0)}


def test_a_failed_customer_is_why_its_supplier_cannot_pay() -> None:
    contract = OfftakeRow(name="C", borrower="Firm", buyer="Buyer", h100e=880.0, price=3.0, months=60)
    loan = facility(kind="note", secured=False, drawn=100.0)
    paths = ShockPaths(rent=np.full(24, 2.0))
    firm = borrower(units={"H100": 1000}, overhead=0.3)
    model = run(world(firm, loan, contract, buyer(budget=0.1), paths=paths, **failing("Buyer", month="2026-02")), 12)
    found = shares(model, "Firm")
    assert found["Buyer", "default", "lost contract"] > 0.5
    assert ("rents", "", "rents") not in found  # the whole capacity was under that contract
    assert shares(model, "Buyer") == {("scripted", "", "scripted"): 1.0}


def test_a_fall_of_the_coin_is_why_a_miner_that_pledged_them_fails() -> None:
    model = run(coin_loan(45_000.0, coins=10.0, cash=0.2), 1)
    assert shares(model, "Firm") == {("coin", "", "coin"): pytest.approx(1.0)}


def test_a_line_called_by_a_provider_below_target_is_the_providers_doing() -> None:
    fund = lender("Fund", kind="private_credit", equity_ratio=0.2)
    line = WarehouseRow(name="Line", provider="Bank", receiver="Fund", drawn=40.0, advance=0.5, rate=0.0)
    rows = (borrower(cash=50.0), facility(drawn=97.0, rate=0.0, lender="Fund", units={"H100": 5000}))
    thin = lender(equity_ratio=0.2)
    model = run(world(*rows, thin, fund, line, shock=(), lenders__target=1.5), 1)
    assert shares(model, "Fund")["Bank", "below target", "line called"] > 0.4


def test_a_provider_loses_what_a_failed_receiver_will_not_pay_on_its_line() -> None:
    loan = facility(kind="note", secured=False, lender="Fund", drawn=97.0, rate=0.0)
    line = WarehouseRow(name="Line", provider="Bank", receiver="Fund", drawn=40.0, advance=0.5, rate=0.0)
    lenders = (lender(), lender("Fund", equity_ratio=0.01))
    model = run(world(borrower(cash=10.0), loan, line, *lenders, **failing("Firm", "Fund")), 1)
    loss = [(c.cause, c.channel, c.amount) for c in model.causes.record if (c.effect, c.state) == ("Bank", "loss")]
    left = float(model.warehouses.drawn[0, 0])  # the fund has paid what it had, and nothing more will come
    assert 30.0 < left < 40.0
    assert loss == [("Fund", "loss", pytest.approx(left))]


def test_lower_rents_are_what_machines_at_spot_earn_less_than_at_the_start() -> None:
    paths = ShockPaths(rent=np.array([2.0, 1.0]))
    loan = facility(kind="note", secured=False, drawn=300.0)
    model = run(world(borrower(cash=3.0, units={"H100": 1000}), loan, paths=paths, rental__fee=0.0), 2)
    start = float(model.causes.drains.of("earning_start")[0, 0]) / (730 * 0.88)  # the rent of the founding
    fall = 1000 * 730 * 0.88 * (start - 1.0) / 1e6
    income = 1000 * 730 * (0.88 * 1.0 - 0.28) / 1e6
    gap = 3.0 - income
    before = 0.85 * (3.0 - 1000 * 730 * (0.88 * 2.0 - 0.28) / 1e6)  # a month ago: most of it was there at the start
    first = min(0.85 * 1000 * 730 * 0.88 * (start - 2.0) / 1e6, before)
    assert shares(model, "Firm")["rents", "", "rents"] == pytest.approx((min(fall, gap) + first) / (gap + before))


def test_coins_posted_for_a_call_are_a_drain_at_their_price() -> None:
    model = run(coin_loan(64_000.0, coins=100.0), 1)
    posted = 10.0 / 0.6 / 0.064 - 200.0
    assert float(model.causes.drains.of("own")[0, COIN_MARGIN, 0]) == pytest.approx(posted * 0.064)


def test_repo_cut_because_the_dealer_is_short_of_capital_is_its_doing_and_the_rest_that_of_marks() -> None:
    model = run(giver(repo__haircut_shortfall=0.5), 1)
    mark = float(model.market.mark[0, 0])
    model.lenders.equity_ratio = 0.9 * model.lenders.target
    model.market.mark = 0.8 * mark
    before = model.causes.drains.of("own").copy()
    repo.falls_due(model)
    taken = (model.causes.drains.of("own") - before)[0, :, 0]
    worth = float(model.borrowers.repo_units[0, 0, 0]) * 0.8 * mark / 1e6
    assert taken[REPO_DEALER] == pytest.approx(0.5 * 0.1 * worth)
    assert taken[REPO_DEALER] + taken[REPO_MARK] == pytest.approx(1.0 - (0.6 - 0.05) * worth)


def test_what_lenders_sell_in_peace_counts_with_those_from_whom_they_seized_it() -> None:
    patient = (*firm_and_loan(50.0), lender(equity_ratio=0.9, other_share=0.9), buyer(budget=1.0))
    model = run(world(*patient, paths=STEADY, **failing("Firm")), 3)
    sold = [event.amount for event in model.record.events if event.kind == "bought"]
    assert model.causes.pools.of("sold_estate")[0, 0, 0] == pytest.approx(0.75 * sold[0] + sold[1])
    assert not model.causes.pools.of("sold_hurried").any()


def movers(model: ComputeCreditModel, pool: int) -> dict[str, float]:
    """Who moved a pool, on path 0: shares that sum to one."""
    found = {}
    for share in model.causes.pools.shares(pool):
        names = model.names.get(share.cause, [share.cause])
        found.update({name: float(weight) for name, weight in zip(names, share.weight[:, 0], strict=True) if weight})
    assert sum(found.values()) == pytest.approx(1.0)
    return found


def test_forced_sales_of_coins_have_their_share_of_the_coins_fall() -> None:
    model = run(coin_loan(55_000.0, coin__daily_volume=1000.0), 1)
    price, impact = float(model.world.coin[0]), float(model.world.coin_impact[0])
    assert movers(model, model.causes.pools.coin)["Firm"] == pytest.approx(impact / np.log(100_000.0 / price))


def test_losses_have_their_share_of_the_closed_window() -> None:
    model = run(bad_and_good(paths=ShockPaths(funding=np.array([0.0, 2.0]))), 2)
    own, losses = float(model.world.funding_own[0]), float(model.world.funding_losses[0])
    assert movers(model, model.causes.pools.window) == {
        "funding": pytest.approx(own / (own + losses)),
        "Firm": pytest.approx(losses / (own + losses)),
    }


def test_where_nobody_fails_switching_losses_off_changes_nothing() -> None:
    model = run(chain(lenders__losses_on=False, debt__gpu_margin__on=False, safe=("A",)), 2)
    plain = run(chain(debt__gpu_margin__on=False, safe=("A",)), 2)
    assert (model.lenders.equity == plain.lenders.equity).all()


def test_what_no_item_explains_is_called_unexplained() -> None:
    model = ComputeCreditModel(world(borrower()))
    model.causes.drains.takes(INVESTMENT, np.array([[3.0], [0.0]]))
    model.causes.of_borrowers(np.array([[1.0], [0.0]]), "default", 0, shortfall=np.array([[10.0], [0.0]]))
    found = {(c.cause, c.channel): (c.weight, c.amount) for c in model.causes.record}
    assert found == {
        ("own investment", "own investment"): (pytest.approx(0.3), 3.0),
        ("unexplained", "unexplained"): (pytest.approx(0.7), 7.0),
    }


def test_with_spills_switched_off_a_lost_tenant_costs_its_host_nothing_from_the_next_month_on() -> None:
    off, on = run(leased(hosting__spills_on=False), 1), run(leased(), 1)
    assert (off.books.row("damages").any(), on.books.row("damages").any()) == (False, True)
    for model, rent in ((off, 1.0), (on, 0.0)):
        model.step()
        assert model.hosting.earned.tolist() == [[rent]]


# ---- whatever the world


def rows_of(name: str, paths: list[int], months: int, **options: Any) -> list[Any]:
    """All causes of a shipped scenario on these paths."""
    return list(run(scenario(name).founding, months, paths=paths, **options).causes.record)


@pytest.mark.parametrize(("name", "paths", "months"), [("mispriced", [1, 9, 12], 20), ("everything", [0, 1, 2], 14)])
def test_what_the_ledgers_hold_agrees_with_what_the_books_paid(name: str, paths: list[int], months: int) -> None:
    model = Reconciled(ComputeCreditModel(scenario(name).founding, paths=paths))
    for _ in range(months):
        gaps = model.step()
        assert max(gaps.values()) < CLOSE, gaps
    assert any(cause.state == "default" for cause in model.model.causes.record)


def test_weights_are_shares_that_sum_to_one_and_time_runs_forward() -> None:
    rows = rows_of("everything", [0, 1], 14)
    sums: dict[Any, float] = defaultdict(float)
    for cause in rows:
        assert 0.0 < cause.weight <= 1.0
        sums[cause.path, cause.month, cause.round, cause.moment, cause.effect, cause.state] += cause.weight
    assert len(sums) > 50
    assert max(abs(total - 1.0) for total in sums.values()) < CLOSE
    for path in (0, 1):
        contagion = Contagion(cause for cause in rows if cause.path == path)
        graph = contagion.graph()
        assert nx.is_directed_acyclic_graph(graph)
        assert all(abs(sum(shares.values()) - 1.0) < CLOSE for shares in contagion.roots().values())


def test_causes_are_the_same_bits_agent_by_agent_alone_and_among_others() -> None:
    whole = rows_of("everything", [0, 1, 2], 5)
    assert whole == rows_of("everything", [0, 1, 2], 5, execution="agent")
    for path in (0, 1, 2):
        alone = rows_of("everything", [path], 5)
        assert [cause for cause in whole if cause.path == path] == alone
        assert "loss" in {cause.state for cause in alone}
