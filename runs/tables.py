"""Which balance sheets does a folder of CSV tables describe?

One file a row class of `nobid.model.founding`; mappings are written as "H100:1200;B200:300" and lists as "a;b". A cell
of a number column may not be empty: give a figure, or an assumption named in `assumed`.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from nobid.model.founding import (
    BorrowerRow,
    BuyerRow,
    FacilityRow,
    GenerationRow,
    HostingRow,
    LenderRow,
    OfftakeRow,
    Row,
    WarehouseRow,
)
from nobid.runs.errors import InputError

SHIPPED = Path(__file__).parent / "data"
ROWS: Mapping[str, type[Row]] = {
    "generations": GenerationRow,
    "borrowers": BorrowerRow,
    "facilities": FacilityRow,
    "offtakes": OfftakeRow,
    "hosting": HostingRow,
    "lenders": LenderRow,
    "warehouses": WarehouseRow,
    "buyers": BuyerRow,
}
OPTIONAL = frozenset({"hosting", "warehouses", "offtakes"})  # a table may be absent or empty
R = TypeVar("R", bound=Row)
FIRST_ROW = 2  # the header stands in row 1


@dataclass(frozen=True)
class Tables:
    """The rows that found a system, in the order of the files."""

    generations: tuple[GenerationRow, ...]
    borrowers: tuple[BorrowerRow, ...]
    facilities: tuple[FacilityRow, ...]
    offtakes: tuple[OfftakeRow, ...]
    hosting: tuple[HostingRow, ...]
    lenders: tuple[LenderRow, ...]
    warehouses: tuple[WarehouseRow, ...]
    buyers: tuple[BuyerRow, ...]


def load_tables(directory: Path | None = None) -> Tables:
    """The tables of a folder (the shipped baseline without one), typed and checked for broken references.

    Raises InputError: one sentence with file, row and remedy.
    """
    folder = SHIPPED if directory is None else Path(directory)
    tables = Tables(
        generations=_read(folder, GenerationRow),
        borrowers=_read(folder, BorrowerRow),
        facilities=_read(folder, FacilityRow),
        offtakes=_read(folder, OfftakeRow),
        hosting=_read(folder, HostingRow),
        lenders=_read(folder, LenderRow),
        warehouses=_read(folder, WarehouseRow),
        buyers=_read(folder, BuyerRow),
    )
    check_references(tables)
    return tables


def columns(row_class: type[Row]) -> tuple[str, ...]:
    """The column names of a table: the row's own first, then where its figures come from."""
    shared = tuple(Row.model_fields)
    return tuple(name for name in row_class.model_fields if name not in shared) + shared


def is_number(row_class: type[Row], column: str) -> bool:
    """True when a cell of this column must hold a number."""
    return row_class.model_fields[column].annotation in (float, int)


def _table_name(row_class: type[Row]) -> str:
    return next(name for name, known in ROWS.items() if known is row_class)


def _read(folder: Path, row_class: type[R]) -> tuple[R, ...]:
    """Every row of one file, typed; nothing where an optional file is absent."""
    table = _table_name(row_class)
    path = folder / f"{table}.csv"
    if not path.is_file():
        if table in OPTIONAL:
            return ()
        raise InputError(f"{path.name}: no such table in {folder}.")
    with path.open(newline="", encoding="utf-8") as stream:
        reader = csv.DictReader(stream)
        _check_columns(path.name, row_class, reader.fieldnames or ())
        rows = tuple(
            _typed(row_class, cells, file=path.name, number=number) for number, cells in enumerate(reader, FIRST_ROW)
        )
    _check_names(path.name, rows)
    return rows


def _check_columns(file: str, row_class: type[Row], found: Iterable[str]) -> None:
    """Nothing is missing and nothing is unknown among the columns."""
    expected, there = columns(row_class), tuple(found)
    for name in expected:
        if name not in there:
            raise InputError(f"{file}: column {name} is missing (columns found: {', '.join(there) or 'none'}).")
    for name in there:
        if name not in expected:
            raise InputError(f"{file}: column {name} is unknown{_nearest(name, expected)}.")


def _typed(row_class: type[R], cells: Mapping[str, str | None], *, file: str, number: int) -> R:
    """One typed row; an empty or impossible cell is told with file, row and column."""
    if None in cells or None in cells.values():
        raise InputError(f"{file}, row {number}: it does not have as many cells as the header.")
    filled = {column: (cell or "").strip() for column, cell in cells.items()}
    label = filled.get("ticker") or filled.get("name") or "unnamed"
    where = f"{file}, row {number} ({label})"
    for column in columns(row_class):
        if not filled[column] and is_number(row_class, column):
            raise InputError(
                f"{where}: {column} is empty and has no assumption: add a figure, or an assumption with a range."
            )
    try:
        return row_class.model_validate({column: cell for column, cell in filled.items() if cell})
    except ValidationError as error:
        first = error.errors()[0]
        column = ".".join(str(part) for part in first["loc"]) or "row"
        raise InputError(f"{where}: {column} is {first['input']!r}: {first['msg']}.") from error


def _check_names(file: str, rows: Iterable[Row]) -> None:
    """No name stands twice in one table."""
    seen: set[str] = set()
    for number, row in enumerate(rows, FIRST_ROW):
        name = name_of(row)
        if name in seen:
            raise InputError(f"{file}, row {number}: the name {name} stands twice.")
        seen.add(name)


def name_of(row: Row) -> str:
    """The name of a row of any table."""
    return str(getattr(row, "name"))  # noqa: B009 (every row class has it, the base class not)


def check_references(tables: Tables) -> None:
    """Every firm, lender, buyer, generation and contract named in a row exists.

    Raises InputError naming file, row, the unknown name and the nearest known one.
    """
    known = {table: tuple(name_of(row) for row in getattr(tables, table)) for table in ROWS}
    for table, row_class in ROWS.items():
        for number, row in enumerate(getattr(tables, table), FIRST_ROW):
            for column, name, target in _references(row, row_class):
                if name not in known[target]:
                    raise InputError(
                        f"{table}.csv, row {number} ({name_of(row)}): {column} '{name}' is not in {target}.csv"
                        f"{_nearest(name, known[target])}."
                    )
    _check_pledges(tables)


REFERENCES: Mapping[str, str] = {
    "borrower": "borrowers",
    "lender": "lenders",
    "buyer": "buyers",
    "host": "borrowers",
    "tenant": "borrowers",
    "provider": "lenders",
    "receiver": "lenders",
    "repo_lender": "lenders",
    "units": "generations",
    "pipeline": "generations",
    "contracts": "offtakes",
}


def _references(row: Row, row_class: type[Row]) -> Iterator[tuple[str, str, str]]:
    """(column, name, table it must stand in) for every reference of a row."""
    for column, target in REFERENCES.items():
        if column not in row_class.model_fields:
            continue
        value = getattr(row, column)
        for name in (value,) if isinstance(value, str) else tuple(value):
            if name:
                yield column, name, target


def _check_pledges(tables: Tables) -> None:
    """A loan pledges its own borrower's contracts, draws within its limit, and growth has one line a firm."""
    owner = {row.name: row.borrower for row in tables.offtakes}
    growth: set[str] = set()
    for number, row in enumerate(tables.facilities, FIRST_ROW):
        where = f"facilities.csv, row {number} ({row.name})"
        for contract in row.contracts:
            if owner[contract] != row.borrower:
                raise InputError(f"{where}: contract {contract} is {owner[contract]}'s, not {row.borrower}'s.")
        if row.drawn > row.limit:
            raise InputError(f"{where}: drawn {row.drawn:g} is above the limit {row.limit:g} (USD million).")
        if row.expansion and row.borrower in growth:
            raise InputError(f"{where}: {row.borrower} has two loans with expansion = true; one is allowed.")
        growth |= {row.borrower} if row.expansion else set()


def _nearest(name: str, known: Iterable[str]) -> str:
    """' (nearest: …)' or nothing."""
    close = get_close_matches(name, tuple(known), n=1)
    return f" (nearest: {close[0]})" if close else ""
