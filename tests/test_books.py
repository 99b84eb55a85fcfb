"""Do the books close in every scenario, and does a transfer broken on purpose stop the run with the account's name?"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nobid.model import invest
from nobid.model.accounts import CASH_ROWS, SECTORS, Account
from nobid.model.books import Books
from nobid.model.ledger import TOLERANCE, Ledger
from nobid.model.outcome import ModelStopped
from nobid.model.system import ComputeCreditModel
from nobid.runs.scenarios import scenario
from tests.oracle_cases.ledger import GOVERNMENT, HOUSEHOLDS, PRODUCTION, ROWS, Sim
from tests.worlds import run, same_bits

SCENARIOS = sorted(path.stem for path in (Path(__file__).resolve().parent.parent / "runs" / "scenarios").glob("*.toml"))


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_books_close_every_month_of_every_path_in_every_shipped_scenario(name: str) -> None:
    founding = scenario(name).founding
    model = run(founding, min(24, founding.parameters.months), paths=range(4))
    assert model.failures == []
    assert model.going.all()


def test_the_identities_are_checked_to_a_billionth_and_there_is_something_to_check() -> None:
    assert TOLERANCE == 1e-9
    model = run(scenario("everything").founding, 9)
    checks = {account: (gap, scale) for account, gap, scale in model.books.checks()}
    assert {"row interest", "cash of lenders", "column of estates", "facilities", "machines", "coins", "repo"} <= set(
        checks
    )
    for account in ("row interest", "row principal", "cash of borrowers", "machines", "coins", "lenders' funding"):
        assert float(np.max(checks[account][1])) > 1.0, f"{account} had no flow to check"


# ---- the matrix, added up a second time


def test_rows_and_columns_of_the_matrix_are_what_the_payments_add_up_to(monkeypatch: pytest.MonkeyPatch) -> None:
    flows: dict[tuple[str, str], float] = defaultdict(float)
    paid_in: dict[str, float] = defaultdict(float)
    plain = Books.settle

    def noted(self: Books, row: str, *, payer: Account, paid: Any, payee: Account, received: Any) -> None:
        flows[row, payer.name] -= float(np.sum(paid))
        flows[row, payee.name] += float(np.sum(received))
        paid_in[row] += float(np.sum(np.abs(paid)))
        plain(self, row, payer=payer, paid=paid, payee=payee, received=received)

    monkeypatch.setattr(Books, "settle", noted)
    model = ComputeCreditModel(scenario("everything").founding)
    for _ in range(8):
        flows.clear()
        paid_in.clear()
        opening = {name: float(np.sum(model.columns[key])) for name, key in STOCKS.items()}
        model.step()
        matrix = model.columns["books", "matrix"][..., 0]
        for number, row in enumerate(CASH_ROWS):
            assert float(np.sum(matrix[number])) == pytest.approx(0.0, abs=1e-9 * max(paid_in[row], 1.0)), row
        for name, sectors in COLUMNS.items():
            total = sum(value for (_, account), value in flows.items() if account == name)
            in_matrix = float(np.sum(matrix[:, [SECTORS.index(sector) for sector in sectors]]))
            scale = max(sum(paid_in.values()), 1.0)
            assert in_matrix == pytest.approx(total, abs=1e-9 * scale), name
            if name in STOCKS:
                change = float(np.sum(model.columns[STOCKS[name]])) - opening[name]
                assert change == pytest.approx(total, abs=1e-9 * scale), name


STOCKS = {
    "borrowers": ("borrower", "cash"),
    "estates": ("borrower", "estate_cash"),
    "lenders": ("lender", "cash"),
    "buyers": ("buyer", "cash"),
}
COLUMNS = {"borrowers": ("miners", "neo-clouds"), **{name: (name,) for name in SECTORS[2:]}}


PUBLIC_HELP = "repo_facility + lender_capital:payer=public + liquid_retrofit:subsidy=0.5"


def test_every_row_and_sector_of_the_matrix_moves_in_a_shipped_scenario_with_the_public_in_it_or_a_test() -> None:
    rows, sectors = set(), set()
    model = ComputeCreditModel(scenario("everything", policy=PUBLIC_HELP).founding, paths=range(8))
    for _ in range(24):
        model.step()
        rows |= {CASH_ROWS[i] for i in np.flatnonzero(model.columns["books", "turnover"].any(axis=-1))}
        sectors |= {SECTORS[i] for i in np.flatnonzero((model.columns["books", "matrix"] != 0.0).any(axis=(0, 2)))}
    elsewhere = {"sites sold", "shares sold", "support"}
    assert set(CASH_ROWS) - rows <= elsewhere, "test_default; test_debt; test_causes"
    assert set(SECTORS) == sectors


def test_without_a_policy_no_row_of_the_public_moves() -> None:
    model = ComputeCreditModel(scenario("everything").founding, paths=range(4))
    for _ in range(12):
        model.step()
        public = [model.books.row(row)[SECTORS.index("public")] for row in CASH_ROWS]
        assert not np.any(public)


# ---- broken on purpose


def drops_the_payee(monkeypatch: pytest.MonkeyPatch, row: str, path: int | None = None) -> None:
    """From now on what is paid in this row leaves the payer and reaches nobody (on this path only, if given)."""
    number, plain = CASH_ROWS.index(row), Books._leg

    def leg(self: Books, which: int, account: Account, amount: Any) -> None:
        on = True if path is None else self._m.columns["world", "path"] == path
        lost = (which == number) & (amount > 0.0) & on
        plain(self, which, account, np.where(lost, 0.0, amount))

    monkeypatch.setattr(Books, "_leg", leg)


@pytest.mark.parametrize("row", ["interest", "draws", "principal", "used machines", "recoveries", "funding cost"])
def test_a_payment_that_reaches_nobody_stops_the_run_and_names_its_row(
    row: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    drops_the_payee(monkeypatch, row)
    with pytest.raises(ModelStopped, match=f"books do not balance in 20[0-9-]+: row {row}: [0-9.e+]+ does not add up"):
        run(scenario("everything").founding, 6, paths=(1,))


def breaks_the_sheet(monkeypatch: pytest.MonkeyPatch, key: tuple[str, str], path: int | None = None) -> None:
    """After investment, one unit of the first row that has some is gone without any verb of the books."""
    plain = invest.grows

    def grows(model: ComputeCreditModel) -> None:
        plain(model)
        stock = model.columns[key]
        for place, number in enumerate(model.paths):
            if path in (None, number):
                rows = np.argwhere(stock[..., place] >= 1.0)
                stock[(*rows[0], place)] -= 1.0

    monkeypatch.setattr(invest, "grows", grows)


@pytest.mark.parametrize(
    ("key", "account"),
    [
        (("borrower", "cash"), "cash of borrowers"),
        (("lender", "cash"), "cash of lenders"),
        (("facility", "units"), "machines"),
        (("borrower", "units"), "machines"),
        (("borrower", "coins"), "coins"),
        (("facility", "coins"), "coins"),
        (("facility", "drawn"), "facilities"),
        (("lender", "stable"), "lenders' funding"),
        (("warehouse", "drawn"), "lines between lenders"),
    ],
    ids=lambda value: value if isinstance(value, str) else ".".join(value),
)
def test_a_stock_edited_behind_the_books_stops_the_run_and_names_the_account(
    key: tuple[str, str], account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    breaks_the_sheet(monkeypatch, key)
    with pytest.raises(ModelStopped, match=f"in 2026-01: {account}: 1 does not add up"):
        run(scenario("baseline").founding, 1)


@pytest.mark.parametrize("column", ["cash", "coins"])
def test_an_account_cannot_be_overdrawn(column: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def overdraws(model: ComputeCreditModel) -> None:
        model.columns["borrower", column][0] = -5.0
        if column == "cash":
            model.columns["books", "flow.borrowers"][0] = -5.0 - model.columns["books", "open.borrowers"][0]

    monkeypatch.setattr(invest, "grows", overdraws)
    with pytest.raises(ModelStopped):
        run(scenario("toy").founding, 1)


def test_a_number_that_is_not_finite_stops_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def spoils(model: ComputeCreditModel) -> None:
        model.columns["borrower", "cash"][0] = np.nan

    monkeypatch.setattr(invest, "grows", spoils)
    with pytest.raises(ModelStopped, match="cash of borrowers"):
        run(scenario("toy").founding, 1)


def test_among_several_paths_only_the_broken_one_stops_and_the_others_go_on_unchanged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    founding = scenario("baseline").founding
    whole = run(founding, 6, paths=(4, 9, 2))
    drops_the_payee(monkeypatch, "interest", path=9)
    broken = run(founding, 6, paths=(4, 9, 2))
    assert [(failure.path, failure.month) for failure in broken.failures] == [(9, 0)]
    assert "row interest" in broken.failures[0].message
    others = {name: values[:, [0, 2]] for name, values in whole.record.monthly.items()}
    assert same_bits({name: values[:, [0, 2]] for name, values in broken.record.monthly.items()}, others) == []
    assert np.isnan(broken.record.monthly["rent"][1:6, 1]).all()
    assert broken.going.tolist() == [True, False, True]


# ---- the ledger alone, with another chart of accounts: Godley and Lavoie's three sectors

GIVEN = {"alpha1": 0.6, "alpha2": 0.4, "theta": 0.2, "H0": 0.0}


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0.0, 100.0), min_size=1, max_size=12), st.floats(0.05, 0.95), st.floats(0.05, 0.95))
def test_money_issued_is_money_saved_in_every_period_without_anybody_seeing_to_it(
    spending: list[float], propensity: float, tax: float
) -> None:
    sim = Sim({**GIVEN, "alpha1": propensity, "theta": tax})
    for amount in spending:
        sim.period(amount)
        issued, saved = (float(sim.ledger.column(account)[0]) for account in (GOVERNMENT, HOUSEHOLDS))
        assert -issued == pytest.approx(saved, abs=1e-9 * max(amount, 1.0))
        assert sim.money(PRODUCTION) == pytest.approx(0.0, abs=1e-9 * max(spending))
        assert sim.ledger.breach() == []


@pytest.mark.parametrize("row", ROWS)
def test_in_any_chart_of_accounts_a_payment_that_reaches_nobody_is_named(
    row: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = Ledger._leg

    def leg(self: Ledger, number: int, account: Account, amount: Any) -> None:
        plain(self, number, account, np.where((number == ROWS.index(row)) & (amount > 0.0), 0.0, amount))

    sim = Sim(GIVEN)
    sim.period(20.0)
    assert sim.ledger.breach() == []
    monkeypatch.setattr(Ledger, "_leg", leg)
    sim.period(20.0)
    ((path, sentence),) = sim.ledger.breach()
    assert (path, sentence.startswith(f"row {row}: ")) == (0, True)


def test_in_any_chart_of_accounts_money_made_behind_the_ledger_is_named() -> None:
    sim = Sim(GIVEN)
    sim.period(20.0)
    sim.columns.arrays["household", "money"][:] += 3.0
    assert sim.ledger.breach() == [(0, "cash of households: 3 does not add up")]


def test_the_ledger_knows_a_row_only_by_its_name() -> None:
    with pytest.raises(KeyError, match="gifts"):
        Sim(GIVEN).ledger.pay("gifts", np.ones((1, 1)), payer=HOUSEHOLDS, payee=GOVERNMENT)
