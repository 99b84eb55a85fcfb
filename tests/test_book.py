"""Does the user's own book get its losses path by path, and are its mistakes told with file, row and nearest name?"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from nobid.model.founding import Founding
from nobid.runs.book import WHOLE, Book, book, read_book
from nobid.runs.cli import app
from nobid.runs.errors import InputError
from nobid.runs.risk import risk
from nobid.runs.run import Run
from nobid.runs.tail import expected_shortfall
from tests.kept_runs import facilities, monthly, outcomes, run_of
from tests.worlds import borrower, facility, lender, world

A = {"facility": "Loan A", "kind": "abl", "borrower": "Firm", "lender": "Bank", "lender_kind": "bank"}
B = {**A, "facility": "Loan B"}
C = {**A, "facility": "Line C", "borrower": "Other"}
FOUNDING = world(
    borrower("Firm", ticker="FRM"), borrower("Other"), borrower("Debtless"), lender("Bank"),
    facility("Loan A", drawn=100.0), facility("Loan B", drawn=300.0),
    facility("Line C", borrower="Other", drawn=0.0, limit=40.0), months=12,
)  # fmt: skip


def run_by_hand(*, paths: int = 4) -> Run:
    """Firm fails on path 0: A loses half, B, which has grown to 600, a third; Other on path 2, half its line drawn."""
    nothing = np.zeros((paths, 3))
    failed, exposure, loss, lost, charged = (nothing.copy() for _ in range(5))
    out = nothing + np.array([100.0, 300.0, 0.0])
    failed[0, :2], exposure[0], loss[0] = 1.0, [100.0, 600.0, 0.0], [50.0, 200.0, 0.0]
    lost[0], out[0] = loss[0] * 0.9, [30.0, 90.0, 0.0]
    failed[2, 2], exposure[2, 2], loss[2, 2], lost[2, 2], out[2, 2] = 1.0, 20.0, 10.0, 9.0, 20.0
    charged = 0.05 * out
    tables = {
        "outcomes": outcomes([0.0] * paths),
        "monthly": monthly(paths, 12),
        "facilities": facilities(
            [A, B, C], failed=failed.tolist(), exposure=exposure.tolist(), loss=loss.tolist(), lost=lost.tolist(),
            outstanding=out.tolist(), charged=charged.tolist(),
        ),
    }  # fmt: skip
    return run_of(FOUNDING, range(paths), [tables])


def positions(folder: Path, text: str) -> Path:
    """The text as a file."""
    file = folder / "positions.csv"
    file.write_text(text, encoding="utf-8")
    return file


def held(folder: Path, text: str, *, paths: int = 4) -> Book:
    """The book of the text on the run made by hand."""
    return book(run_by_hand(paths=paths), read_book(positions(folder, text), FOUNDING))


def test_a_position_loses_its_share_of_the_loan_and_an_issuer_is_spread_as_drawn(tmp_path: Path) -> None:
    found = held(tmp_path, "facility,issuer,amount\nLoan A,,10\n,frm,40\n").table.set_index("position")
    assert found.loc["Loan A", "expected_loss"] == pytest.approx(10 * 0.5 / 4)
    assert found.loc["Firm", "expected_loss"] == pytest.approx((10 * 0.5 + 30 / 3) / 4)  # 10 of A and 30 of B
    assert found.loc["Firm", "pd"] == 0.25
    assert found.loc[WHOLE, "expected_loss"] == pytest.approx((10 + 10) / 4)
    assert found.loc[WHOLE, "amount"] == 50.0


def test_a_position_takes_no_part_in_what_is_drawn_later(tmp_path: Path) -> None:
    found = held(tmp_path, "facility,amount\nLoan B,300\n").table.set_index("position")
    assert found.loc["Loan B", "expected_loss"] == pytest.approx(300.0 / 3.0 / 4.0)  # not 200 / 4 of a loan of 600
    assert found.loc["Loan B", "fair_spread"] == pytest.approx(200.0 * 0.9 * 0.5 / (90.0 + 3 * _capped(300.0)))


def _capped(drawn: float) -> float:
    """What a loan of this size that nobody repays has out over the twelve months, in present value."""
    rate = FOUNDING.parameters.debt.base_rate / 12.0
    return min(drawn, drawn / 12.0 * sum((1.0 + rate) ** -month for month in range(1, 13)))


def test_an_undrawn_line_counts_by_its_limit(tmp_path: Path) -> None:
    found = held(tmp_path, "facility,amount\nLine C,20\n").table.set_index("position")
    assert found.loc["Line C", "expected_loss"] == pytest.approx(20 * (10 / 40) / 4)


def test_the_tail_of_the_whole_book_is_joint_and_positions_add_up_to_it(tmp_path: Path) -> None:
    paths = 500
    found = held(tmp_path, "facility,amount\nLoan A,10\nLine C,20\n", paths=paths)
    table = found.table.set_index("position")
    first, last = np.zeros(paths), np.zeros(paths)
    first[0], last[2] = 5.0, 5.0
    assert table.loc["Loan A", "es95"] == pytest.approx(float(expected_shortfall(first)))
    assert table.loc[WHOLE, "es95"] == pytest.approx(float(expected_shortfall(first + last)))
    assert table["es95_in_book"].iloc[:-1].sum() == pytest.approx(table.loc[WHOLE, "es95"])
    assert not found.remarks()


def test_the_tail_of_too_few_paths_is_not_told(tmp_path: Path) -> None:
    found = held(tmp_path, "facility,amount\nLoan A,10\n")
    assert found.table["es95"].isna().all()
    assert "n/a below 500 paths" in str(found)
    json.dumps(found.as_dict(), allow_nan=False)
    assert "<table" in found._repr_html_()
    assert list(found.table) == list(found.units)


def test_a_book_of_the_whole_loan_has_the_spread_of_the_loan(tmp_path: Path) -> None:
    run = run_by_hand()
    alone = book(run, read_book(positions(tmp_path, "facility,amount\nLoan A,100\n"), FOUNDING)).table.iloc[0]
    loan = risk(run).tables["facilities"].set_index("facility").loc["Loan A"]
    assert alone["expected_loss"] == pytest.approx(loan["expected_loss"])
    assert alone["fair_spread"] == pytest.approx(45.0 / (30.0 + 3 * _capped(100.0)))
    assert alone["contract_spread"] == pytest.approx(0.05)
    assert loan["contract_spread"] == pytest.approx(0.05)


MISTAKES = [
    ("", "column amount (USD m) is missing (columns found: none)"),
    ("facility;sum\nLoan A;1\n", "column amount (USD m) is missing (columns found: facility, sum)"),
    ("name,amount\nLoan A,1\n", "column facility or issuer is missing"),
    ("facility,amount\n", 'holds no position: one row each, such as "Loan A,25"'),
    ("facility,amount\nLine D,1\n", "row 2: there is no facility Line D: did you mean Line C?"),
    ("issuer,amount\nFRN,1\n", "row 2: there is no issuer FRN: did you mean FRM?"),
    ("issuer,amount\nDebtless,1\n", "row 2: Debtless has nothing drawn at the start"),
    ("facility,amount\nLoan A,1\nloan a,2\n", "row 3: Loan A stands twice"),
    ("facility,amount\nLoan A,-1\n", "row 2 (Loan A): amount is -1: must be a number above 0"),
    ("facility,amount\nLoan A,0\n", "row 2 (Loan A): amount is 0: must be a number above 0"),
    ("facility,amount\nLoan A,nan\n", "row 2 (Loan A): amount is nan"),
    ("facility,amount\nLoan A,ten\n", "row 2 (Loan A): amount is ten"),
    ("facility,amount\nLoan A,\n", "row 2 (Loan A): amount is empty"),
    ("facility,amount\nLoan A\n", "row 2 (Loan A): amount is empty"),
    ("facility,amount\nLoan A,1,2\n", "row 2: it has more cells than the header"),
    ("facility,issuer,amount\nLoan A,Firm,2\n", "row 2: names both a facility and an issuer"),
    ("facility,issuer,amount\n,,2\n", "row 2: names neither a facility nor an issuer"),
]


@pytest.mark.parametrize(("text", "sentence"), MISTAKES)
def test_a_mistake_in_the_book_is_told_in_a_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(InputError) as told:
        read_book(positions(tmp_path, text), FOUNDING)
    assert sentence in str(told.value)
    assert "positions.csv" in str(told.value)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"--book .*none\.csv: cannot be read: No such file"):
        read_book(tmp_path / "none.csv", FOUNDING)
    (tmp_path / "odd.csv").write_bytes(b"facility,amount\nL\xf6,1\n")
    with pytest.raises(InputError, match="not a text file in UTF-8"):
        read_book(tmp_path / "odd.csv", FOUNDING)


def test_a_spreadsheets_file_is_read_semicolons_mark_and_empty_rows_included(tmp_path: Path) -> None:
    found = read_book(positions(tmp_path, "\ufeffFacility; Amount\nLoan A; 10.5\n;\n"), FOUNDING)
    assert [(one.name, one.amount) for one in found] == [("Loan A", 10.5)]


@pytest.mark.parametrize("wrong", ["", "Nobody"])
def test_a_book_is_asked_of_a_finished_run_from_the_command_line(tmp_path: Path, toy: Path, wrong: str) -> None:
    file = positions(tmp_path, f"issuer,amount\n{wrong or _first_issuer(toy)},10\n")
    asked = CliRunner().invoke(app, ["risk", str(toy), "--book", str(file), "--json"])
    if wrong:
        assert asked.exit_code == 2
        assert asked.stderr.startswith("positions.csv, row 2: there is no issuer Nobody")
        return
    assert asked.exit_code == 0, asked.output
    told = json.loads(asked.stdout)
    assert told["positions"][-1]["position"] == WHOLE
    assert "n/a below 500 paths" in told["remarks"][0]


def test_a_book_comes_with_the_run_and_is_shown_again_and_gone_on_with(
    tmp_path: Path, toy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nobid.runs.simulation._draw", lambda run, directory: None)
    book_file = str(positions(tmp_path, f"issuer,amount\n{_first_issuer(toy)},10\n"))
    folder = str(tmp_path / "r")
    asked = ("run", "toy", "--paths", "3", "--months", "3", "--out", folder)
    told = []
    for words in (asked, ("show", folder), ("resume", folder)):
        answer = CliRunner().invoke(app, [*words, "--book", book_file, "--json"])
        assert answer.exit_code == 0, answer.output
        assert "your book" in answer.stderr
        told.append(json.loads(answer.stdout)["book"]["positions"])
    alone = CliRunner().invoke(app, ["risk", folder, "--book", book_file, "--json"])
    assert told == [json.loads(alone.stdout)["positions"]] * 3


@pytest.mark.parametrize("verb", ["run", "resume"])
def test_a_bad_book_is_refused_before_anything_is_simulated(
    verb: str, tmp_path: Path, toy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nobid.runs.simulation._work_off", lambda *asked: pytest.fail("it was simulated"))
    bad = str(positions(tmp_path, "issuer,amount\nNobody,10\n"))
    words = ["run", "toy", "--out", str(tmp_path / "r")] if verb == "run" else ["resume", str(toy)]
    answer = CliRunner().invoke(app, [*words, "--book", bad])
    assert (answer.exit_code, answer.stderr.count("\n")) == (2, 1)
    assert answer.stderr.startswith("positions.csv, row 2: there is no issuer Nobody")
    assert not (tmp_path / "r").exists()


def _first_issuer(folder: Path) -> str:
    from nobid.runs import open_run

    founding: Founding = open_run(folder).scenario.founding
    return next(row.borrower for row in founding.facilities if row.drawn > 0.0)


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short run of the toy world on three paths."""
    from nobid.runs import simulate

    folder = tmp_path_factory.mktemp("runs") / "toy"
    simulate("toy", paths=3, months=3, out=folder, figures=False)
    return folder
