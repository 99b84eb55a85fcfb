"""Does docs/odd.md still describe the code: its month, its columns, its parameters, its two matrices?"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import numpy as np
import pytest

from nobid.model import cascade
from nobid.model.accounts import CASH_ROWS, SECTORS
from nobid.model.books import TOLERANCE
from nobid.model.parameters import Parameters
from nobid.model.system import ComputeCreditModel
from nobid.runs import scenario
from tests.documents import DOCS, builder

BUILDER = builder("build_odd")
TEXT = (DOCS / "odd.md").read_text("utf-8")
PRINTED = BUILDER.blocks_of(TEXT)


def cells(block: str) -> list[list[str]]:
    """The rows of a printed table, its head first, the rule left out."""
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in PRINTED[block].splitlines()]
    return [rows[0], *rows[2:]]


def listed(block: str) -> list[str]:
    """The names of a printed list, without the place they stand in."""
    return [line.split("`")[1].rsplit(".", 1)[-1] for line in PRINTED[block].splitlines()]


@contextmanager
def called_by(caller: Any) -> Iterator[list[str]]:
    """Inside, what `caller` itself calls in our packages is written down as it happens."""
    seen: list[str] = []

    def look(frame: FrameType, event: str, _: object) -> None:
        back, name = frame.f_back, frame.f_code.co_name
        ours = str(frame.f_globals.get("__name__")).startswith("nobid.") and not name.startswith("__")
        if event == "call" and ours and back is not None and back.f_code is caller.__code__:
            seen.append(frame.f_locals["rule"] if name == "do" else name)

    sys.setprofile(look)
    try:
        yield seen
    finally:
        sys.setprofile(None)


MONTHS = 6


def toy() -> ComputeCreditModel:
    """The small world, about to begin."""
    return ComputeCreditModel(scenario("toy", set={"months": MONTHS}).founding, seed=7, paths=range(2))


@pytest.mark.parametrize("block", [name for name in BUILDER.BLOCKS if name != "flows"])
def test_the_document_is_what_the_code_says(block: str) -> None:
    assert PRINTED[block] == BUILDER.BLOCKS[block](), "docs/odd.md is stale: run python docs/build_odd.py"


@pytest.mark.slow
def test_the_flow_matrix_of_the_document_is_what_the_runs_pay() -> None:
    assert PRINTED["flows"] == BUILDER.flow_matrix(), "docs/odd.md is stale: run python docs/build_odd.py"


def test_every_block_stands_once_and_is_filled() -> None:
    assert set(PRINTED) == set(BUILDER.BLOCKS)
    assert all(TEXT.count(f"generated: {name} ") == 1 for name in BUILDER.BLOCKS)
    assert all(PRINTED.values())


def test_a_stale_block_is_noticed_and_mended() -> None:
    swapped = TEXT.replace("`world.turns`", "`nobody.turns`")
    assert swapped != TEXT
    assert BUILDER.blocks_of(swapped)["month"] != BUILDER.month()


def test_the_month_runs_in_the_documented_order() -> None:
    model = toy()
    with called_by(ComputeCreditModel.step) as seen:
        model.step()
    model.close()
    assert seen == listed("month")


def test_a_round_runs_in_the_documented_order() -> None:
    model = toy()
    with called_by(cascade.one_round) as seen:
        model.step()
    model.close()
    order = listed("round")
    assert len(seen) >= len(order)
    assert seen == order * (len(seen) // len(order))


def test_the_flow_matrix_has_the_rows_and_sectors_of_the_books() -> None:
    head, *rows = cells("flows")
    assert tuple(head[1 : 1 + len(SECTORS)]) == SECTORS
    assert tuple(row[0] for row in rows) == CASH_ROWS


def test_every_flow_has_a_payer_and_a_payee() -> None:
    for name, *signs, remark in cells("flows")[1:]:
        marks = "".join(signs)
        both = "±" in marks or {"+", "−"} <= set(marks)
        assert both or (not marks and remark), name


def test_the_flow_matrix_of_a_run_sums_to_zero_and_its_columns_to_the_change_of_cash() -> None:
    model = toy()
    for _ in range(MONTHS):
        before = model.borrowers.cash.sum(axis=0), model.lenders.cash.sum(axis=0)
        model.step()
        matrix = np.stack([model.books.row(name) for name in CASH_ROWS])
        turnover = np.abs(matrix).sum(axis=1)
        assert turnover.sum() > 0.0
        assert (np.abs(matrix.sum(axis=1)) <= TOLERANCE * np.maximum(turnover, 1.0)).all()
        columns = matrix.sum(axis=0)
        np.testing.assert_allclose(columns[0] + columns[1], model.borrowers.cash.sum(axis=0) - before[0], atol=1e-6)
        np.testing.assert_allclose(columns[2], model.lenders.cash.sum(axis=0) - before[1], atol=1e-6)
    model.close()


def test_claims_of_the_balance_sheet_cancel_and_net_worth_is_what_nobody_owes() -> None:
    model = ComputeCreditModel(scenario("baseline").founding, seed=7, paths=(0,))
    rows = BUILDER.balance_sheet(model)
    model.close()
    lines = [name for name in rows if name.startswith("warehouse")]
    assert sum(sum(rows[name].values()) for name in lines) == pytest.approx(0.0, abs=1e-6)
    for name in set(rows) - {*BUILDER.REAL_ROWS, *lines}:
        assert sum(rows[name].values()) == pytest.approx(0.0, abs=1e-6), name
    worth = sum(sum(row.values()) for row in rows.values())
    assert worth == pytest.approx(sum(sum(rows[name].values()) for name in BUILDER.REAL_ROWS))


def test_every_parameter_stands_in_the_document_with_unit_source_and_meaning() -> None:
    rows = cells("parameters")[1:]
    keys = {row[0].strip("`") for row in rows}
    sections = set(Parameters.model_fields)
    assert {key.split(".")[0] for key in keys} == sections
    assert {"debt.gpu_margin.call_speed", "coin.price", "invest.capture"} <= keys
    for row in rows:
        assert row[2], row
        assert row[4], row
        assert row[5], row


def test_every_column_of_every_agent_has_a_meaning() -> None:
    rows = cells("columns")[1:]
    assert {"Borrower", "Lender", "GPUBuyer", "Facility", "World", "Market"} <= {row[0] for row in rows}
    assert all(len(row) == 4 and all(row) for row in rows)
