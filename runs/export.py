"""How does a run leave for a spreadsheet or a data frame: which tables, in which files, with which units?

csv and parquet: one file a table, and `units` with the unit of every column (a second header row would make numbers
text to whoever reads a CSV); parquet columns carry their unit as metadata too. xlsx: one workbook, a sheet a table and
a sheet `units`. Written a part at a time, and under a temporary name until whole.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pcsv
import pyarrow.parquet as pq

from nobid.runs.block_tables import units_of
from nobid.runs.book import Book
from nobid.runs.errors import InputError
from nobid.runs.run_directory import TEMPORARY
from nobid.runs.scenario_files import did_you_mean
from nobid.runs.streams import finished, parts, rows_in, schema_of, table_names

if TYPE_CHECKING:
    from nobid.runs.run import Run

FORMATS: Final = ("xlsx", "csv", "parquet")
RISK: Final = "risk"  # before the name of a table of risk figures
UNITS: Final = "units"
SHEET_ROWS: Final = 1_048_575  # rows that a sheet holds below its header
SHEET_NAME: Final = 31  # characters


@dataclass(frozen=True)
class Source:
    """A table to be exported: its columns with their units, and its rows, a part at a time."""

    name: str
    schema: pa.Schema
    pieces: Callable[[], Iterator[pa.Table]]
    rows: Callable[[], int]

    def units(self) -> Mapping[str, str]:
        """The unit of every column."""
        return units_of(self.schema.empty_table())


def export(
    run: Run, to: str, out: str | Path | None = None, *, tables: Iterable[str] | None = None, book: Book | None = None
) -> list[Path]:
    """The tables of the run (all, or those named), its risk figures and a book lie in `out` in the format asked for.

    `out`: a folder, RUN/export where nothing is said. Errors: InputError for an unknown format or table, for a folder
    that cannot be written, for a table with more rows than a sheet holds (nothing is written then).
    """
    if to not in FORMATS:
        raise InputError(f"--to {to}: must be one of {', '.join(FORMATS)}{did_you_mean(to, FORMATS)}")
    sources = _chosen([*sources_of(run), *([_of_frame("book", book.table, book.units)] if book else [])], tables)
    sources.append(_of_frame(UNITS, _unit_rows(sources), {}))
    folder = _folder(run, out)
    if to == "xlsx":
        return [_workbook(folder / f"{run.scenario.name}-{run.seed}.xlsx", sources)]
    write = _csv if to == "csv" else _parquet
    return [_put(folder / f"{one.name}.{to}", partial(write, one)) for one in sources]


def sources_of(run: Run) -> list[Source]:
    """The tables that the run has, then its risk figures where a path was finished."""
    found = [_of_run(run, name) for name in table_names(run)]
    if schema_of(run, "facilities") is not None and len(finished(run).paths):
        from nobid.runs.risk import risk

        told = risk(run)
        found += [_of_frame(f"{RISK}_{name}", table, told.units[name]) for name, table in told.tables.items()]
    if not found:
        raise InputError(f"this run has no tables to export: {run.outcome}")
    return found


def _of_run(run: Run, name: str) -> Source:
    schema = schema_of(run, name)
    assert schema is not None
    return Source(name, schema, lambda: parts(run, name), lambda: rows_in(run, name))


def _of_frame(name: str, frame: pd.DataFrame, units: Mapping[str, str]) -> Source:
    table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    fields = [one.with_metadata({"unit": units.get(one.name, "")}) for one in table.schema]
    table = table.cast(pa.schema(fields))
    return Source(name, table.schema, lambda: iter([table]), lambda: table.num_rows)


def _chosen(sources: Sequence[Source], wanted: Iterable[str] | None) -> list[Source]:
    """Those that were asked for."""
    names = [one.name for one in sources]
    asked = names if wanted is None else list(wanted)
    for name in asked:
        if name not in names:
            raise InputError(f"--tables {name}: this run has no such table{did_you_mean(name, names)}")
    return [one for one in sources if one.name in asked]


def _unit_rows(sources: Iterable[Source]) -> pd.DataFrame:
    rows = [(one.name, column, unit) for one in sources for column, unit in one.units().items()]
    return pd.DataFrame(rows, columns=["table", "column", "unit"])


def _folder(run: Run, out: str | Path | None) -> Path:
    if out is None and run.out is None:
        raise InputError("this run lies in no folder: name one with out=…")
    folder = Path(out) if out is not None else Path(str(run.out)) / "export"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--out {folder}: cannot be written: {error.strerror}: choose another --out.") from error
    return folder


def _put(target: Path, write: Callable[[Path], None]) -> Path:
    """The file is there and whole, or as it was before."""
    temporary = target.with_name(f"{TEMPORARY}{os.getpid()}-{target.name}")
    try:
        write(temporary)
        temporary.replace(target)
    except OSError as error:
        raise InputError(f"--out {target}: cannot be written: {error.strerror}: choose another --out.") from error
    finally:
        temporary.unlink(missing_ok=True)
    return target


def _csv(source: Source, file: Path) -> None:
    with pcsv.CSVWriter(str(file), source.schema) as writer:
        for piece in source.pieces():
            writer.write_table(piece.cast(source.schema))


def _parquet(source: Source, file: Path) -> None:
    with pq.ParquetWriter(str(file), source.schema, compression="zstd") as writer:
        for piece in source.pieces():
            writer.write_table(piece.cast(source.schema))


def _workbook(target: Path, sources: Sequence[Source]) -> Path:
    """A sheet a table, in one workbook; InputError before anything is written where a sheet would overflow."""
    for one in sources:
        if (rows := one.rows()) > SHEET_ROWS:
            raise InputError(
                f"--to xlsx: table {one.name} has {rows:,} rows, a sheet holds {SHEET_ROWS:,}: "
                "use --to parquet or csv, or leave the table out with --tables NAME,NAME."
            )
    try:
        import xlsxwriter
    except ImportError as error:
        raise InputError("--to xlsx needs XlsxWriter: pip install 'nobid[export]' (csv and parquet do not).") from error

    def write(file: Path) -> None:
        options = {"constant_memory": True, "nan_inf_to_errors": False}
        with xlsxwriter.Workbook(str(file), options) as workbook:
            for one in sources:
                _sheet(workbook.add_worksheet(one.name[:SHEET_NAME]), one)

    return _put(target, write)


def _sheet(sheet: Any, source: Source) -> None:
    """Header and rows; a missing number is an empty cell, an infinite one is text."""
    sheet.write_row(0, 0, source.schema.names)
    sheet.freeze_panes(1, 0)
    row = 1
    for piece in source.pieces():
        columns = [_cells(column) for column in piece.columns]
        for cells in zip(*columns, strict=True):
            for place, cell in enumerate(cells):
                if isinstance(cell, str):
                    sheet.write_string(row, place, cell)
                elif cell is not None:
                    sheet.write_number(row, place, cell)
            row += 1


def _cells(column: pa.ChunkedArray) -> list[Any]:
    if not pa.types.is_floating(column.type):
        return list(column.to_pylist())
    numbers = column.to_numpy()
    cells: list[Any] = numbers.tolist()
    for place in np.flatnonzero(~np.isfinite(numbers)):
        cells[place] = None if np.isnan(numbers[place]) else str(numbers[place])
    return cells
