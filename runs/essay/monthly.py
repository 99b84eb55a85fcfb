"""What is read of an arm month by month: figures of every finished path?

A reading takes a run and gives a row a path, a column a figure; `measures.py` says which statistic makes one of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nobid.agents.finance import MILLION, MONTHS
from nobid.runs import measures as common
from nobid.runs.streams import finished, parts

if TYPE_CHECKING:
    from nobid.runs.run import Run

Array = NDArray[np.float64]

DUST: Final = 1e-6  # of a machine: what is left of a whole one in the last digits
AFTER: Final = 1.0  # months after the end in which what never came is counted


def grids(run: Run, *columns: str) -> tuple[pd.Index[int], dict[str, Array]]:
    """Monthly columns of the finished paths, (paths, months) each, and the paths' numbers."""
    ended, months = finished(run), run.scenario.parameters.months
    paths: list[Array] = [np.zeros(0)]
    pieces: dict[str, list[Array]] = {name: [np.zeros((0, months))] for name in columns}
    for piece in parts(run, "monthly", ("path", *columns)):
        _, good = ended.places(piece["path"])
        paths.append(piece["path"].to_numpy()[good].reshape(-1, months)[:, 0])
        for name in columns:
            pieces[name].append(piece[name].to_numpy()[good].reshape(-1, months))
    index = pd.Index(np.concatenate(paths).astype(int), name="path")
    return index, {name: np.concatenate(found) for name, found in pieces.items()}


def frame(index: pd.Index[int], *figures: Array) -> pd.DataFrame:
    """A row a path, in order, a column a figure."""
    return pd.DataFrame(np.stack(figures, axis=1), index=index).sort_index()


def shared(run: Run, name: str) -> pd.DataFrame:
    """A figure by which policies are judged, too (`nobid.runs.measures`)."""
    return common.measures_of(run)[[name]]


def miners(run: Run) -> pd.DataFrame:
    """Miners that defaulted."""
    index, found = grids(run, "defaults_miner")
    return frame(index, found["defaults_miner"].sum(axis=1))


def rent_growth(run: Run) -> pd.DataFrame:
    """Mean yearly log change of rent from the first month to the last."""
    index, found = grids(run, "rent")
    rent = found["rent"]
    return frame(index, np.log(rent[:, -1] / rent[:, 0]) * MONTHS / (rent.shape[1] - 1))


def rent_year(run: Run, least: float | None = None) -> pd.DataFrame:
    """Change of rent over the first twelve months, as a share; with `least`, whether it is as large as that."""
    index, found = grids(run, "rent")
    change = found["rent"][:, int(MONTHS)] / found["rent"][:, 0] - 1.0
    return frame(index, change if least is None else (change >= least).astype(float))


def first_thin_month(run: Run) -> pd.DataFrame:
    """The first month in which machine loans together earn less than their service; one after the end where none is."""
    index, found = grids(run, "dscr_facility")
    thin = found["dscr_facility"] < 1.0
    first = np.where(thin.any(axis=1), thin.argmax(axis=1) + 1.0, thin.shape[1] + AFTER)
    return frame(index, first)


def co_movement(run: Run, price: str) -> pd.DataFrame:
    """n, Σx, Σy, Σxx, Σyy, Σxy of monthly log changes of the coin (x) and of a price (y), over months of stress."""
    index, found = grids(run, "stress", "coin", price)
    with np.errstate(divide="ignore", invalid="ignore"):
        x, y = (np.diff(np.log(found[name]), axis=1) for name in ("coin", price))
    known = (found["stress"][:, 1:] > 0.0) & np.isfinite(x) & np.isfinite(y)
    x, y = np.where(known, x, 0.0), np.where(known, y, 0.0)
    return frame(index, *(one.sum(axis=1) for one in (known.astype(float), x, y, x * x, y * y, x * y)))


def unfilled(run: Run, *, generation: str, units: float, month: int, within: int) -> pd.DataFrame:
    """Of so many machines that came up for sale in a month (from 1), the share still on stock so many months later.

    Read off the stock of unsold machines of the generation: what others had to sell meanwhile counts as not placed.
    """
    index, found = grids(run, f"unsold_{generation}")
    return frame(index, _left(found[f"unsold_{generation}"], units, month)[:, within - 1])


def _left(stock: Array, units: float, month: int) -> Array:
    """By month after the sale, the share of the machines that is still there: (paths, months after)."""
    more = stock[:, month:] - stock[:, [month - 2]]
    return np.clip(np.where(more < DUST, 0.0, more) / units, 0.0, 1.0)


def mostly_unplaced(run: Run, *, generation: str, units: float, month: int, within: int) -> pd.DataFrame:
    """Whether less than half of them is placed by then."""
    left = unfilled(run, generation=generation, units=units, month=month, within=within)
    return (left > 0.5).astype(float)


def months_to_place(run: Run, *, generation: str, units: float, month: int, share: float) -> pd.DataFrame:
    """Months after the sale until so large a share is placed; one more than the run has left where it never is."""
    index, found = grids(run, f"unsold_{generation}")
    enough = _left(found[f"unsold_{generation}"], units, month) <= 1.0 - share + DUST / units
    after = np.where(enough.any(axis=1), enough.argmax(axis=1) + 1.0, enough.shape[1] + AFTER)
    return frame(index, after)


def proceeds(run: Run, *, generation: str, units: float, month: int, within: int) -> pd.DataFrame:
    """What machines of the generation brought in the months after the sale began, and what so many of them were worth
    to the median buyer in the month before, USD m.
    """
    names = [f"{name}_{generation}" for name in ("sold", "price", "value")]
    index, found = grids(run, *names)
    sold, price, value = (found[name] for name in names)
    turnover = np.where(sold > 0.0, sold * np.nan_to_num(price), 0.0)[:, month - 1 : month + within]
    return frame(index, turnover.sum(axis=1) / MILLION, units * value[:, month - 2] / MILLION)


def of_book(run: Run, *, generation: str, month: int) -> pd.DataFrame:
    """Value in use over book of a machine of the generation at the end of a month (from 1); missing where book is 0."""
    index, found = grids(run, f"value_{generation}", f"book_{generation}")
    value, book = (found[f"{name}_{generation}"][:, month - 1] for name in ("value", "book"))
    return frame(index, np.where(book > 0.0, value / np.where(book > 0.0, book, 1.0), np.nan))
