"""What does the world do by decree: monthly paths of rent, coin, hashprice, demand or funding given from outside?"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nobid.model.founding import ShockPaths
from nobid.model.parameters import Parameters
from nobid.runs.errors import InputError
from nobid.runs.months import month_index, month_label
from nobid.runs.row_units import PATH_UNITS
from nobid.runs.scenario_files import DATA, did_you_mean
from nobid.runs.sentences import shown, unknown_key

MONTH_CELL = re.compile(r"^(\d{4}-(?:0[1-9]|1[0-2]))(?:-\d{2})?$")
POSITIVE = ("rent", "coin", "hashprice", "demand")


def world_paths(given: Mapping[str, tuple[object, str, Path]], parameters: Parameters) -> tuple[ShockPaths, list[str]]:
    """The given paths laid on the months of the run, and a sentence for each that cannot be.

    `given`: name of the path -> (value in the scenario, file and line, folder of that file).
    """
    arrays: dict[str, Any] = {}
    problems: list[str] = []
    for name, (value, place, folder) in given.items():
        try:
            if name not in PATH_UNITS:
                raise InputError(unknown_key(f"paths.{name}", [f"paths.{one}" for one in PATH_UNITS]))
            arrays[name] = _array(name, value, folder, parameters)
        except InputError as error:
            problems += [f"{place}: {sentence}" for sentence in str(error).splitlines()]
    return ShockPaths(**arrays), problems


def _array(name: str, value: object, folder: Path, parameters: Parameters) -> np.ndarray[Any, np.dtype[np.float64]]:
    if isinstance(value, str):
        return _from_csv(name, value, folder, parameters)
    if not isinstance(value, list) or not value or not all(_is_number(one) for one in value):
        raise InputError(
            f'paths.{name} = {shown(value)}: must be "file.csv", "file.csv:column", or a list of numbers by month, '
            f"in {PATH_UNITS[name]}."
        )
    array = np.array(value[: parameters.months], dtype=np.float64)
    for month, number in enumerate(array):
        _check(name, float(number), f"month {month + 1}")
    return array


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _check(name: str, number: float, place: str) -> None:
    if np.isinf(number) or (name in POSITIVE and number <= 0):
        allowed = "a number above 0" if name in POSITIVE else "a number"
        raise InputError(f"paths.{name}, {place} = {number:g}: must be {allowed}, in {PATH_UNITS[name]}.")


def _from_csv(name: str, reference: str, folder: Path, parameters: Parameters) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Months of the run by their label; NaN where the table has none."""
    file, _, column = reference.rpartition(":") if re.search(r"\.csv:[^:/\\]+$", reference) else (reference, "", "")
    rows, column = _table(name, file, column, folder)
    array = np.full(parameters.months, np.nan)
    start = month_index(parameters.start)
    seen: set[str] = set()
    for number, row in enumerate(rows, start=2):
        label = MONTH_CELL.match((row["month"] or "").strip())
        if label is None:
            raise InputError(f"{file}, row {number}: month = {shown(row['month'])}: must be written as YYYY-MM.")
        if label.group(1) in seen:
            raise InputError(f"{file}, row {number}: the month {label.group(1)} stands twice.")
        seen.add(label.group(1))
        value = _cell(name, row[column], f"{file}, row {number}: {column}")
        at = month_index(label.group(1)) - start
        if 0 <= at < parameters.months:
            array[at] = value
    if np.isnan(array).all():
        last = month_label(parameters.start, parameters.months - 1)
        raise InputError(f"{file}: no month of it falls into the run, {parameters.start} … {last}.")
    return array[: int(np.flatnonzero(~np.isnan(array))[-1]) + 1]


def _cell(name: str, text: str | None, place: str) -> float:
    if text is None or not text.strip():
        return float("nan")
    try:
        number = float(text)
    except ValueError as error:
        raise InputError(f"{place} = {shown(text)}: must be a number, in {PATH_UNITS[name]}.") from error
    if not np.isnan(number):
        _check(name, number, place)
    return number


def _table(name: str, file: str, column: str, folder: Path) -> tuple[list[dict[str, str]], str]:
    """The rows of the table, and the column that holds the path."""
    path = next((one for one in (folder / Path(file).expanduser(), DATA / file) if one.is_file()), None)
    if path is None:
        raise InputError(f"paths.{name}: {file}: no such file beside the scenario or in the package.")
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(line for line in stream if not line.startswith("#"))
            rows = list(reader)
            header = list(reader.fieldnames or [])
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"paths.{name}: {file}: is not a table of comma-separated values in UTF-8.") from error
    if "month" not in header:
        raise InputError(f"paths.{name}: {file}: the column month is missing{did_you_mean('month', header)}")
    others = [one for one in header if one != "month"]
    wanted = column or name
    if wanted not in others:
        raise InputError(f"paths.{name}: {file}: the column {wanted} is missing{did_you_mean(wanted, others)}")
    return rows, wanted
