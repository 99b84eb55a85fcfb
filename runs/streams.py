"""How are the tables of ten thousand paths read without holding them: a part at a time, only the columns asked for?

A run that lies in a folder and one that was kept in memory are read alike. Paths that the model could not finish are
left out of every figure over paths, and counted; `Fan` also says what they could change.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from nobid.runs.errors import InputError
from nobid.runs.months import month_label
from nobid.runs.run_directory import COMMIT
from nobid.runs.run_record import Stored

if TYPE_CHECKING:
    from nobid.runs.run import Run

Array = NDArray[np.float64]
Index = NDArray[np.int64]

BANDS: Final = (0.05, 0.25, 0.50, 0.75, 0.95)
CELLS: Final = 8_000_000  # path-months of one column in memory together (64 MB); beyond it months are read in turns


def parts(run: Run, table: str, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """The parts of the table one after the other, with these columns, the run's paths only; nothing where none lie.

    Errors: InputError where a column is not in the table.
    """
    wanted = pa.array(sorted(run.paths), pa.int64())
    for piece in _pieces(run, table, columns):
        has_path = "path" in piece.schema.names
        found = piece.filter(pc.is_in(piece["path"], value_set=wanted)) if has_path else piece
        yield found


def _pieces(run: Run, table: str, columns: Sequence[str] | None) -> Iterator[pa.Table]:
    if run.out is None:
        for piece in run.kept.get(table, []):
            _has(table, piece.schema, columns)
            yield piece if columns is None else piece.select(list(columns))
        return
    folder = Stored(run.out)
    for block in folder.blocks():
        file = folder.part(table, block)
        if file.exists() and not set(block.paths).isdisjoint(run.paths):
            with pq.ParquetFile(file) as part:
                _has(table, part.schema_arrow, columns)
                yield part.read(columns=None if columns is None else list(columns), use_threads=False)


def _has(table: str, schema: pa.Schema, columns: Sequence[str] | None) -> None:
    missing = [name for name in columns or () if name not in schema.names]
    if missing:
        raise InputError(f"table {table} has no column {missing[0]}: it has {', '.join(schema.names)}.")


def schema_of(run: Run, table: str) -> pa.Schema | None:
    """The columns of the table with their units; None where the run has no such table."""
    return next((piece.schema for piece in _pieces(run, table, None)), None)


@dataclass(frozen=True)
class Finished:
    """The paths that ran to their end, by number, and how many did not."""

    paths: Index
    failed: int

    @property
    def asked(self) -> int:
        """Paths in all."""
        return len(self.paths) + self.failed

    def places(self, column: pa.ChunkedArray) -> tuple[Index, NDArray[np.bool_]]:
        """Where each row's path stands among the finished ones, and which rows are of a finished path."""
        numbers = column.to_numpy()
        if not len(self.paths):
            return np.zeros(len(numbers), dtype=np.int64), np.zeros(len(numbers), dtype=np.bool_)
        place = np.minimum(np.searchsorted(self.paths, numbers), len(self.paths) - 1)
        return place.astype(np.int64), self.paths[place] == numbers

    def sentence(self) -> str:
        """How many paths are left out, and that they may be the worst; "" where none is."""
        if not self.failed:
            return ""
        return f"{self.failed} of {self.asked} paths failed and are left out: they may be the worst ones."


def finished(run: Run) -> Finished:
    """Which paths of the run ran to their end."""
    whole, failed = [np.zeros(0, dtype=np.int64)], 0
    for piece in parts(run, COMMIT, ("path", "failure")):
        ended = pc.equal(piece["failure"], "").to_numpy()
        whole.append(piece["path"].to_numpy()[ended])
        failed += int(np.count_nonzero(~ended))
    return Finished(np.sort(np.concatenate(whole)), failed)


def by_path(run: Run, columns: Sequence[str], ended: Finished) -> dict[str, Array]:
    """Columns of the outcomes table, a figure a finished path, in the order of `ended.paths`."""
    found = {name: np.full(len(ended.paths), np.nan) for name in columns}
    for piece in parts(run, COMMIT, ("path", *columns)):
        place, good = ended.places(piece["path"])
        for name in columns:
            found[name][place[good]] = piece[name].to_numpy()[good]
    return found


def totals(run: Run, columns: Sequence[str], ended: Finished) -> dict[str, Array]:
    """The sum over all months of monthly columns, a figure a finished path; a month without a number counts nought."""
    found = {name: np.zeros(len(ended.paths)) for name in columns}
    for piece in parts(run, "monthly", ("path", *columns)):
        place, good = ended.places(piece["path"])
        for name in columns:
            values = np.nan_to_num(piece[name].to_numpy()[good])
            found[name] += np.bincount(place[good], weights=values, minlength=len(ended.paths))
    return found


def month_grids(run: Run, column: str, ended: Finished) -> Iterator[tuple[int, Array]]:
    """The column as `(months, paths)`, so many months at a time that CELLS numbers are held: first month, grid."""
    parameters = run.scenario.parameters
    at_once = max(1, CELLS // max(len(ended.paths), 1))
    for first in range(0, parameters.months, at_once):
        end = min(first + at_once, parameters.months)
        wanted = pa.array([month_label(parameters.start, month) for month in range(first, end)])
        grid = np.full((len(wanted), len(ended.paths)), np.nan)
        for piece in parts(run, "monthly", ("path", "month", column)):
            place, good = ended.places(piece["path"])
            month = pc.fill_null(pc.index_in(piece["month"], value_set=wanted), -1).to_numpy()
            good &= month >= 0
            grid[month[good], place[good]] = piece[column].to_numpy()[good]
        yield first, grid


@dataclass(frozen=True)
class Fan:
    """Quantiles over paths by month: `values` (levels, months), NaN in months in which no path has a number.

    `low` and `high`: what a quantile would be with all failed paths below, or above, every finished one; infinite where
    it would lie among them.
    """

    column: str
    months: tuple[str, ...]
    levels: tuple[float, ...]
    values: Array
    low: Array
    high: Array
    ended: Finished


def fan(run: Run, column: str, levels: Sequence[float] = BANDS) -> Fan:
    """The quantiles of a monthly column over the finished paths, month by month.

    Errors: InputError where the table has no such column.
    """
    ended, parameters = finished(run), run.scenario.parameters
    pieces = [_bands(grid, levels, ended.failed) for _, grid in month_grids(run, column, ended)]
    middle, low, high = (np.concatenate([piece[part] for piece in pieces], axis=1) for part in range(3))
    months = tuple(month_label(parameters.start, month) for month in range(parameters.months))
    return Fan(column, months, tuple(levels), middle, low, high, ended)


def _bands(grid: Array, levels: Sequence[float], failed: int) -> tuple[Array, Array, Array]:
    """Quantiles of every row's numbers, and the same with `failed` numbers more at the bottom and at the top."""
    found: tuple[Array, Array, Array] = tuple(np.full((len(levels), len(grid)), np.nan) for _ in range(3))  # type: ignore[assignment]
    for month, row in enumerate(grid):
        known = np.sort(row[np.isfinite(row)])
        if not len(known):
            continue
        where = np.asarray(levels) * (len(known) + failed - 1)
        found[0][:, month] = np.quantile(known, levels)
        found[1][:, month] = _at(known, where - failed)
        found[2][:, month] = _at(known, where)
    return found


def _at(ordered: Array, place: Array) -> Array:
    """The number at a place of an ordered list, between two of them a mixture; infinite beyond its ends."""
    inside = np.interp(place, np.arange(len(ordered)), ordered)
    return np.where(place < 0.0, -np.inf, np.where(place > len(ordered) - 1, np.inf, inside))


def rows_in(run: Run, table: str) -> int:
    """How many rows the run has of the table; no column is read but the path."""
    return sum(piece.num_rows for piece in parts(run, table, ("path",)))


def table_names(run: Run) -> list[str]:
    """The tables that the run has, those of the facilities and agents among them."""
    known = ("monthly", "events", "causes", "facilities", "outcomes", "agents")
    return [name for name in known if schema_of(run, name) is not None]
