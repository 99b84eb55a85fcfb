"""How is a monthly figure spread over the paths: quantiles, mean, ends, month by month, without holding the table?

Read a part at a time, and so many figures at once that CELLS numbers are held. Paths that the model could not finish
are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from nobid.runs.months import month_label
from nobid.runs.streams import BANDS, CELLS, Finished, finished, parts, schema_of

if TYPE_CHECKING:
    from nobid.runs.run import Run

Array = NDArray[np.float64]
Pieces = Callable[[Sequence[str]], Iterator[pa.Table]]

FAR: Final = 1e6  # stands for infinity, outside every axis of ratios


@dataclass(frozen=True)
class Series:
    """A monthly figure of every path: the columns it is made of, and how, from grids `(months, paths)`."""

    columns: tuple[str, ...]
    made: Callable[..., Array] = lambda grid: grid


def so_far(*columns: str) -> Series:
    """The sum of the columns over all months until then."""
    return Series(columns, lambda *grids: np.cumsum(np.sum(grids, axis=0), axis=0))


def over(top: str, bottom: str, *, lag: int = 0) -> Series:
    """One column over another one `lag` months before; NaN where that is not above zero."""

    def made(above: Array, below: Array) -> Array:
        before = np.full_like(below, np.nan)
        before[lag:] = below[: len(below) - lag]
        positive = before > 0.0
        return np.where(positive, above / np.where(positive, before, 1.0), np.nan)

    return Series((top, bottom), made)


@dataclass(frozen=True)
class Spread:
    """A figure by month over `paths` paths: `quantiles` (BANDS, months), `mean` and the `share` of paths with a number
    (months,). NaN where no path has one; infinity counts as FAR.
    """

    paths: int
    quantiles: Array
    mean: Array
    share: Array

    @property
    def median(self) -> Array:
        """The median by month."""
        return self.quantile(0.50)

    def quantile(self, level: float) -> Array:
        """A quantile of BANDS by month."""
        found: Array = self.quantiles[BANDS.index(level)]
        return found


@dataclass(frozen=True)
class ByMonth:
    """The monthly table of a run, of which figures are asked for: `pieces` reads columns of it, part by part."""

    pieces: Pieces
    columns: tuple[str, ...]
    months: tuple[str, ...]
    ended: Finished

    @property
    def paths(self) -> int:
        """How many paths are counted."""
        return len(self.ended.paths)

    @property
    def many(self) -> bool:
        """True where there is more than one."""
        return self.paths > 1

    @property
    def dates(self) -> pd.DatetimeIndex:
        """The months as dates, the first of each."""
        return pd.DatetimeIndex(pd.to_datetime(list(self.months), format="%Y-%m"))

    def of_path(self, column: str, path: int) -> Array:
        """The column on one path, by month; nothing where the path is not there."""
        for piece in self.pieces(("path", column)):
            rows = piece.filter(pc.equal(piece["path"], path))
            if rows.num_rows:
                values: Array = rows[column].to_numpy()
                return values
        return np.zeros(0)

    def most(self, column: str) -> int:
        """The path with the largest sum of the column over all months, the first of several."""
        total = np.sum(self._grids([column])[column], axis=0)
        return int(self.ended.paths[np.argmax(total)])

    def spread(self, *columns: str) -> dict[str, Spread]:
        """Columns as they stand, spread over paths."""
        return self.spreads({name: Series((name,)) for name in columns})

    def spreads(self, wanted: Mapping[str, Series]) -> dict[str, Spread]:
        """Every figure that was asked for, spread over paths, under its name."""
        found: dict[str, Spread] = {}
        for batch in self._batches(wanted):
            grids = self._grids(sorted({name for one in batch for name in wanted[one].columns}))
            for name in batch:
                series = wanted[name]
                found[name] = _spread(series.made(*(grids[column] for column in series.columns)))
        return found

    def _batches(self, wanted: Mapping[str, Series]) -> Iterator[list[str]]:
        """The names of the figures, so many together that their columns are CELLS numbers at most."""
        most = max(1, CELLS // max(len(self.months) * self.paths, 1))
        batch: list[str] = []
        held: set[str] = set()
        for name, series in wanted.items():
            if batch and len(held.union(series.columns)) > most:
                yield batch
                batch, held = [], set()
            batch.append(name)
            held.update(series.columns)
        if batch:
            yield batch

    def _grids(self, columns: Sequence[str]) -> dict[str, Array]:
        """Columns as `(months, paths)`, NaN where a path has no number."""
        grids = {name: np.full((len(self.months), self.paths), np.nan) for name in columns}
        labels = pa.array(self.months)
        for piece in self.pieces(("path", "month", *columns)):
            place, good = self.ended.places(piece["path"])
            month = pc.index_in(piece["month"], value_set=labels).to_numpy()
            for name in columns:
                grids[name][month[good], place[good]] = piece[name].to_numpy()[good]
        return grids


def by_month(run: Run) -> ByMonth:
    """The monthly table of the run over its finished paths."""
    rules, schema = run.scenario.parameters, schema_of(run, "monthly")
    months = tuple(month_label(rules.start, month) for month in range(rules.months))
    names = () if schema is None else tuple(schema.names)
    return ByMonth(lambda columns: parts(run, "monthly", columns), names, months, finished(run))


def _spread(grid: Array) -> Spread:
    months, paths = grid.shape
    quantiles, mean, share = np.full((len(BANDS), months), np.nan), np.full(months, np.nan), np.zeros(months)
    for month, row in enumerate(np.clip(grid, -FAR, FAR)):
        known = row[~np.isnan(row)]
        if len(known):
            quantiles[:, month] = np.quantile(known, BANDS)
            mean[month], share[month] = known.mean(), len(known) / paths
    return Spread(paths, quantiles, mean, share)
