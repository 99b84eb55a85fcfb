"""What could the user's own positions lose on the paths of a run, and what spread would pay for it?

A position is an amount held of one loan, or of an issuer: spread over its loans as they were drawn at the start. It
takes no part in what is drawn later: where a loan has grown, the position is so much smaller a part of it. The whole
book is added up path by path, so that its tail is the book's own and not the sum of its positions' tails; what each
position adds to that tail sums to it.
"""

from __future__ import annotations

import csv
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nobid.agents.finance import MONTHS, annuity
from nobid.model.founding import FacilityRow, Founding
from nobid.runs.errors import InputError
from nobid.runs.loan_risk import loan_blocks
from nobid.runs.ratios import RatioSums, wilson
from nobid.runs.scenario_files import did_you_mean
from nobid.runs.streams import Finished, finished
from nobid.runs.tail import expected_shortfall, shortfall, tail_shares, too_few_paths

if TYPE_CHECKING:
    from nobid.runs.run import Run

Array = NDArray[np.float64]

FACILITY, ISSUER, AMOUNT = "facility", "issuer", "amount"
WHOLE: Final = "whole book"
FIRST_ROW: Final = 2  # the header stands in row 1
BOOK_UNITS: Final = {
    "position": "name", "of": "facility or issuer", "amount": "USD m", "pd": "share over the run", "pd_low": "share",
    "pd_high": "share", "expected_loss": "USD m", "es95": "USD m, mean of its own worst 5 % of paths",
    "es95_in_book": "USD m, mean over the whole book's worst 5 % of paths", "fair_spread": "1/year",
    "fair_low": "1/year", "fair_high": "1/year", "contract_spread": "1/year",
}  # fmt: skip


@dataclass(frozen=True)
class Position:
    """An amount, USD m, of one loan or of all loans of an issuer: `parts` of it by name of the loan."""

    name: str
    of: str
    amount: float
    parts: Mapping[str, float]


def read_book(file: str | Path, founding: Founding) -> list[Position]:
    """The positions of a CSV file with the columns amount (USD m) and facility or issuer (name or ticker).

    Commas or semicolons. Errors: InputError, a sentence with file, row and the nearest name.
    """
    path = Path(file)
    rows = _rows(path)
    known = _Known(founding)
    found: list[Position] = []
    for number, cells in enumerate(rows, FIRST_ROW):
        if any(cells.values()):
            found.append(known.position(cells, f"{path.name}, row {number}"))
            twice = [one for one in found[:-1] if (one.name, one.of) == (found[-1].name, found[-1].of)]
            if twice:
                raise InputError(f"{path.name}, row {number}: {found[-1].name} stands twice: add its amounts up.")
    if not found:
        raise InputError(f"{path.name}: holds no position: one row each, such as {_example(founding)}.")
    return found


def _rows(path: Path) -> list[dict[str, str]]:
    """The cells of every row by column; what is needed is there."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"--book {path}: cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"--book {path}: is not a text file in UTF-8: save it as CSV UTF-8.") from error
    lines = text.splitlines()
    mark = ";" if lines and ";" in lines[0] else ","
    reader = csv.DictReader(lines, delimiter=mark)
    header = [name.strip().lower() for name in reader.fieldnames or ()]
    _check_header(path.name, header)
    reader.fieldnames = header
    rows = []
    for number, cells in enumerate(reader, FIRST_ROW):
        if None in cells:
            raise InputError(f"{path.name}, row {number}: it has more cells than the header.")
        rows.append({name: (cell or "").strip() for name, cell in cells.items()})
    return rows


def _check_header(file: str, header: Sequence[str]) -> None:
    found = f" (columns found: {', '.join(header) or 'none'})"
    if AMOUNT not in header:
        raise InputError(f"{file}: column amount (USD m) is missing{found}.")
    if FACILITY not in header and ISSUER not in header:
        raise InputError(f"{file}: column facility or issuer is missing{found}.")


def _example(founding: Founding) -> str:
    name = founding.facilities[0].name if founding.facilities else "a facility"
    return f'"{name},25" under "facility,amount"'


class _Known:
    """The loans and issuers of a world, found by name or ticker, capitals or not."""

    def __init__(self, founding: Founding) -> None:
        self._loans = {row.name.lower(): row for row in founding.facilities}
        self._issuers: dict[str, str] = {}
        for row in founding.borrowers:
            self._issuers.update({key.lower(): row.name for key in (row.ticker, row.name) if key})
        self._named = {FACILITY: [row.name for row in founding.facilities]}
        self._named[ISSUER] = [one for row in founding.borrowers for one in (row.name, row.ticker) if one]
        self._of: dict[str, list[FacilityRow]] = {}
        for loan in founding.facilities:
            self._of.setdefault(loan.borrower, []).append(loan)

    def position(self, cells: Mapping[str, str], where: str) -> Position:
        """The position of a row; InputError where it cannot be one."""
        loan, issuer = cells.get(FACILITY, ""), cells.get(ISSUER, "")
        if bool(loan) == bool(issuer):
            which = "both a facility and an issuer" if loan else "neither a facility nor an issuer"
            raise InputError(f"{where}: names {which}: name one of them.")
        amount = _amount(cells[AMOUNT], f"{where} ({loan or issuer})")
        if loan:
            row = self._loans.get(loan.lower())
            if row is None:
                raise InputError(f"{where}: there is no facility {loan}{did_you_mean(loan, self._named[FACILITY])}")
            return Position(row.name, FACILITY, amount, {row.name: amount})
        name = self._issuers.get(issuer.lower())
        if name is None:
            raise InputError(f"{where}: there is no issuer {issuer}{did_you_mean(issuer, self._named[ISSUER])}")
        drawn = {row.name: row.drawn for row in self._of.get(name, []) if row.drawn > 0.0}
        if not drawn:
            raise InputError(f"{where}: {name} has nothing drawn at the start: name one of its facilities.")
        total = sum(drawn.values())
        return Position(name, ISSUER, amount, {one: amount * part / total for one, part in drawn.items()})


def _amount(cell: str, where: str) -> float:
    try:
        amount = float(cell)
    except ValueError:
        amount = float("nan")
    if not (np.isfinite(amount) and amount > 0.0):
        came = f"amount is {cell}" if cell else "amount is empty"
        raise InputError(f"{where}: {came}: must be a number above 0, in USD m, written like 1234.5.")
    return amount


@dataclass
class Book:
    """The user's positions on the finished paths of a run; `table` has a row each, the whole book last."""

    name: str
    positions: Sequence[Position]
    ended: Finished
    table: pd.DataFrame
    tail_missing: str
    units: Mapping[str, str] = field(default_factory=lambda: BOOK_UNITS)

    def headline(self) -> str:
        """Whose book on which run."""
        return f"{len(self.positions)} positions on {self.name} · {len(self.ended.paths)} paths"

    def remarks(self) -> list[str]:
        """What has to be said beside the figures."""
        tail = f"expected shortfall: {self.tail_missing}" if self.tail_missing else ""
        return [one for one in (self.ended.sentence(), tail) if one]

    def as_dict(self) -> dict[str, Any]:
        """Plain values; a missing number as None."""
        rows = self.table.astype(object).where(self.table.notna(), None).to_dict("records")
        about = {"run": self.name, "paths": len(self.ended.paths), "failed_paths": self.ended.failed}
        return {**about, "units": dict(self.units), "positions": rows, "remarks": self.remarks()}

    def __str__(self) -> str:
        """The table and the remarks as text."""
        shown = self.table.to_string(index=False, float_format=lambda one: f"{one:,.4g}", na_rep="n/a")
        return "\n".join([self.headline(), "", shown, *self.remarks()])

    def _repr_html_(self) -> str:
        """The same for a notebook."""
        shown = self.table.to_html(index=False, float_format=lambda one: f"{one:,.4g}", na_rep="n/a", border=0)
        return f"<p><b>{html.escape(self.headline())}</b></p>{shown}" + "".join(
            f"<p>{html.escape(one)}</p>" for one in self.remarks()
        )


def book(run: Run, positions: Sequence[Position]) -> Book:
    """What the positions lose over the finished paths, each and together.

    Errors: InputError where the run finished no path or kept no table of facilities, and for a position in a loan that
    only one of several networks has.
    """
    _stand_everywhere(run, positions)
    ended = finished(run)
    if not len(ended.paths):
        raise InputError(f"no path of this run was finished, so that a book has no risk to tell: {run.outcome}")
    sums = _Sums(run, positions)
    for loans, block in loan_blocks(run, ended):
        sums.adds([*loans["facility"]], block)
    if not sums.losses:
        raise InputError("this run has no table of facilities: simulate it again with this version of nobid.")
    losses = np.concatenate(sums.losses)
    missing = "" if shortfall(losses[:, -1]) is not None else too_few_paths(run)
    return Book(run.scenario.name, positions, ended, sums.table(losses, tail=not missing), missing)


def _stand_everywhere(run: Run, positions: Sequence[Position]) -> None:
    """Every path has the loans of the positions."""
    census = run.scenario.census
    for one in positions:
        for name in one.parts:
            network = census.agents[census.loans[name].borrower].network
            if network is not None:
                raise InputError(
                    f"{one.name}: {name} stands on network {network} only: hold loans of pinned firms, which stand on "
                    "all networks, or set population.networks = 1."
                )


class _Sums:
    """Losses by path (P, positions and the whole), and sums of failures and spreads over paths."""

    def __init__(self, run: Run, positions: Sequence[Position]) -> None:
        self._positions = positions
        rules = run.scenario.parameters
        self._years = float(annuity(rules.debt.base_rate, float(rules.months))) / MONTHS
        self._held = {name: one.drawn or one.limit for name, one in run.scenario.census.loans.items()}
        self.losses: list[Array] = []
        units = len(positions) + 1
        self._failed, self._fair, self._charged = (RatioSums(units) for _ in range(3))

    def adds(self, names: Sequence[str], block: Mapping[str, Array]) -> None:
        """The paths of a block are counted: loans `names` are its columns."""
        held = np.array([self._held[name] for name in names])
        share = np.array([[one.parts.get(name, 0.0) for name in names] for one in self._positions])
        share = _over(np.vstack([share, share.sum(axis=0)]), held)
        at_default = np.minimum(_over(np.broadcast_to(held, block["exposure"].shape), block["exposure"]), 1.0)
        meanwhile = np.minimum(_over(held * self._years, block["outstanding"]), 1.0)
        lost, out, charged = (
            block["lost"] * at_default @ share.T,
            block["outstanding"] * meanwhile @ share.T,
            block["charged"] * meanwhile @ share.T,
        )
        self.losses.append(block["loss"] * at_default @ share.T)
        failed = np.where(block["failed"] @ (share > 0.0).T.astype(float) > 0.0, 1.0, 0.0)
        self._failed.adds(failed, np.ones_like(failed))
        self._fair.adds(lost, out)
        self._charged.adds(charged, out)

    def table(self, losses: Array, *, tail: bool) -> pd.DataFrame:
        """A row a position, the whole book last."""
        worst = tail_shares(losses[:, -1])
        low, high = wilson(self._failed.top, self._failed.bottom)
        fair_low, fair_high = self._fair.interval()
        nothing = np.full(losses.shape[1], np.nan)
        amounts = [one.amount for one in self._positions]
        columns: dict[str, Any] = {
            "position": [*(one.name for one in self._positions), WHOLE],
            "of": [*(one.of for one in self._positions), ""],
            "amount": [*amounts, float(np.sum(amounts))],
            "pd": self._failed.value(), "pd_low": low, "pd_high": high, "expected_loss": losses.mean(axis=0),
            "es95": expected_shortfall(losses, axis=0) if tail else nothing,
            "es95_in_book": worst @ losses if tail else nothing,
            "fair_spread": self._fair.value(), "fair_low": fair_low, "fair_high": fair_high,
            "contract_spread": self._charged.value(),
        }  # fmt: skip
        return pd.DataFrame(columns)


def _over(top: Array, bottom: Array) -> Array:
    """The ratio; 0 where the bottom is nought."""
    return np.where(bottom > 0.0, top / np.where(bottom > 0.0, bottom, 1.0), 0.0)
