"""Does a run leave whole: every table, the same numbers, a unit for every column, and nothing half-written?"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from nobid.runs import export as exporting
from nobid.runs import open_run, simulate
from nobid.runs.book import book, read_book
from nobid.runs.cli import app
from nobid.runs.errors import InputError
from nobid.runs.export import export
from nobid.runs.risk import risk
from nobid.runs.run import Run

CELL = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The toy world on five paths, in two blocks."""
    folder = tmp_path_factory.mktemp("runs") / "toy"
    simulate("toy", paths=5, chunk=3, months=4, out=folder, figures=False)
    return open_run(folder)


def same(found: pd.DataFrame, wanted: pd.DataFrame) -> None:
    """The two tables hold the same."""
    pd.testing.assert_frame_equal(found, wanted, check_dtype=False)


@pytest.mark.parametrize("to", ["csv", "parquet"])
def test_every_table_leaves_as_a_file_of_its_own_with_the_same_numbers(run: Run, to: str, tmp_path: Path) -> None:
    files = {file.stem: file for file in export(run, to, tmp_path)}
    assert set(files) >= {"monthly", "events", "causes", "facilities", "outcomes", "agents", "risk_by_kind", "units"}
    for name in ("monthly", "events", "outcomes", "agents"):
        found = pd.read_csv(files[name], keep_default_na=False, na_values=[""]) if to == "csv" else None
        found = pd.read_parquet(files[name]) if found is None else found
        wanted = getattr(run, name)
        same(found.replace("", None).astype(wanted.dtypes), wanted.replace("", None).astype(wanted.dtypes))
    assert not list(tmp_path.glob(".tmp*"))


def test_parquet_is_read_by_others_and_carries_units(run: Run, tmp_path: Path) -> None:
    files = {file.stem: file for file in export(run, "parquet", tmp_path)}
    whole = ds.dataset(files["monthly"]).to_table(filter=ds.field("path") == 3, columns=["path", "month", "rent"])
    assert whole.num_rows == 4
    schema = pq.read_schema(files["risk_by_kind"])
    assert schema.field("fair_spread").metadata == {b"unit": b"1/year"}
    duckdb = pytest.importorskip("duckdb", reason="duckdb is not installed: pyarrow and pandas have read the files")
    count = duckdb.sql(f"select count(*) from '{files['monthly']}'").fetchall()
    assert count == [(20,)]


def test_every_column_has_its_row_in_the_units(run: Run, tmp_path: Path) -> None:
    files = {file.stem: file for file in export(run, "csv", tmp_path)}
    units = pd.read_csv(files["units"], keep_default_na=False)
    for name, file in files.items():
        if name != "units":
            listed = units.loc[units["table"] == name, "column"].tolist()
            assert listed == list(pd.read_csv(file, nrows=0))
    rent = units[(units["table"] == "monthly") & (units["column"] == "rent")]
    assert rent["unit"].item() == run.units["monthly"]["rent"]
    assert (units["unit"] != "").all(), units[units["unit"] == ""]


def sheets(file: Path) -> dict[str, list[list[str | float | None]]]:
    """The cells of a workbook, read without any library of spreadsheets: text, numbers, None for an empty one."""
    with zipfile.ZipFile(file) as book_:
        shared: list[str] = []
        if "xl/sharedStrings.xml" in book_.namelist():
            strings = ElementTree.fromstring(book_.read("xl/sharedStrings.xml"))
            shared = ["".join(part.text or "" for part in one.iter(f"{CELL}t")) for one in strings]
        names = [one.get("name") for one in ElementTree.fromstring(book_.read("xl/workbook.xml")).iter(f"{CELL}sheet")]
        found = {}
        for number, name in enumerate(names, 1):
            rows = ElementTree.fromstring(book_.read(f"xl/worksheets/sheet{number}.xml")).iter(f"{CELL}row")
            found[str(name)] = [[_cell(one, shared) for one in row] for row in rows]
    return found


def _cell(cell: ElementTree.Element, shared: list[str]) -> str | float | None:
    text = "".join(part.text or "" for part in cell.iter() if part.tag in (f"{CELL}v", f"{CELL}t"))
    if cell.get("t") == "s":
        return shared[int(text)]
    return text if cell.get("t") == "inlineStr" else float(text)


def test_a_workbook_has_a_sheet_a_table_and_one_with_units(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("xlsxwriter", reason="the extra export is not installed")
    (file,) = export(run, "xlsx", tmp_path, tables=["outcomes", "risk_by_kind", "monthly"])
    found = sheets(file)
    assert list(found) == ["monthly", "outcomes", "risk_by_kind", "units"]
    assert found["outcomes"][0] == list(run.outcomes)
    assert [row[0] for row in found["outcomes"][1:]] == [0.0, 1.0, 2.0, 3.0, 4.0]
    column = found["monthly"][0].index("rent")
    np.testing.assert_array_equal([row[column] for row in found["monthly"][1:]], run.monthly["rent"])
    assert ["monthly", "rent", run.units["monthly"]["rent"]] in found["units"]
    kinds = risk(run).tables["by_kind"]
    assert [row[0] for row in found["risk_by_kind"][1:]] == kinds["kind"].tolist()
    assert [len(row) for row in found["risk_by_kind"][1:]] == kinds.count(axis=1).tolist()  # missing: an empty cell


def test_an_infinite_number_is_text_in_a_sheet_and_a_missing_one_nothing() -> None:
    column = pa.chunked_array([[1.5, float("nan"), float("inf")]])
    assert exporting._cells(column) == [1.5, None, "inf"]


def test_more_rows_than_a_sheet_holds_are_refused_before_anything_is_written(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "SHEET_ROWS", 19)
    with pytest.raises(InputError, match="table monthly has 20 rows, a sheet holds 19: use --to parquet or csv"):
        export(run, "xlsx", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_exported_is_told_in_a_sentence(run: Run, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"--to xls: must be one of xlsx, csv, parquet: did you mean xlsx\?"):
        export(run, "xls", tmp_path)
    with pytest.raises(InputError, match=r"--tables montly: .* did you mean monthly\?"):
        export(run, "csv", tmp_path, tables=["montly"])
    (tmp_path / "taken").write_text("")
    with pytest.raises(InputError, match="cannot be written: File exists: choose another --out"):
        export(run, "csv", tmp_path / "taken")
    with pytest.raises(InputError, match="this run lies in no folder"):
        export(simulate("toy", months=2), "csv")


def test_a_file_that_breaks_half_way_leaves_the_old_one(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (before,) = (file for file in export(run, "csv", tmp_path, tables=["outcomes"]) if file.stem == "outcomes")
    text = before.read_bytes()

    class Full(exporting.pcsv.CSVWriter):  # type: ignore[misc]
        def write_table(self, table: object) -> None:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(exporting.pcsv, "CSVWriter", Full)
    with pytest.raises(InputError, match="No space left on device"):
        export(run, "csv", tmp_path, tables=["outcomes"])
    assert before.read_bytes() == text
    assert not list(tmp_path.glob(".tmp*"))


def test_a_run_that_lies_in_no_folder_and_a_book_leave_alike(run: Run, tmp_path: Path) -> None:
    kept = simulate("toy", paths=5, chunk=3, months=4)
    loan = next(row.name for row in kept.scenario.founding.facilities if row.drawn > 0.0)
    (tmp_path / "mine.csv").write_text(f"facility,amount\n{loan},3\n")
    mine = book(kept, read_book(tmp_path / "mine.csv", kept.scenario.founding))
    files = {file.stem: file for file in export(kept, "csv", tmp_path / "kept", book=mine)}
    assert pd.read_csv(files["book"])["position"].tolist() == [loan, "whole book"]
    stored = {file.stem: file for file in export(run, "csv", tmp_path / "stored")}
    for name in ("monthly", "facilities", "risk_facilities"):
        assert files[name].read_bytes() == stored[name].read_bytes()


def test_a_run_is_exported_from_the_command_line(run: Run, tmp_path: Path) -> None:
    asked = ["export", str(run.out), "--to", "csv", "--tables", "outcomes, monthly", "--out", str(tmp_path), "--json"]
    told = CliRunner().invoke(app, asked)
    assert told.exit_code == 0, told.output
    files = json.loads(told.stdout)["files"]
    assert [Path(file).name for file in files] == ["monthly.csv", "outcomes.csv", "units.csv"]
    wrong = CliRunner().invoke(app, ["export", str(tmp_path / "none"), "--to", "csv"])
    assert wrong.exit_code == 2
    assert "there is no such run directory" in wrong.stderr
    plain = CliRunner().invoke(app, ["risk", str(run.out)])
    assert plain.exit_code == 0
    assert "expected shortfall: n/a below 500 paths" in plain.stdout
