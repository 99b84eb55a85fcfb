"""Which published cases are there, where do their files lie, and what does the engine say to each?

Every module here has `CASES`: the case's id to an adapter that takes the file's content and yields checks. An adapter
only translates: what is computed is computed by the functions that the month itself uses.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

OWN = Path(__file__).resolve().parent.parent / "oracles"
SHARED = Path(os.environ.get("NOBID_SHARED", Path(__file__).resolve().parents[3] / "shared")) / "oracles"
ELSEWHERE = ("fs_oxinet_", "dr_nrm125_")  # they embed tables of third parties and stay out of the project

Value = float | bool | str | None
Adapter = Callable[[dict[str, Any]], Iterator["Check"]]


class Check(NamedTuple):
    """One quantity of a case: what it is, the number expected, the number got, and how far apart they may be."""

    what: str
    expected: Value
    got: Value
    tolerance: float

    def gap(self) -> float:
        """How far apart the two are: 0 or infinite where they are no numbers."""
        if self.expected is None or self.got is None or isinstance(self.expected, str | bool):
            return 0.0 if self.expected == self.got else float("inf")
        return abs(float(self.expected) - float(self.got))

    def holds(self) -> bool:
        """True where the two are close enough; a number that is no number is not."""
        return bool(self.gap() <= self.tolerance)


def each(what: str, expected: Iterable[Any], got: Sequence[Any] | NDArray[Any], tolerance: float) -> Iterator[Check]:
    """One check an entry, lists inside lists written row by row; the two must have the same shape."""
    wanted, found = np.asarray(expected, dtype=object), np.asarray(got, dtype=object)
    if wanted.shape != found.shape:
        yield Check(f"{what}: shape", str(wanted.shape), str(found.shape), 0.0)
        return
    for place in np.ndindex(wanted.shape):
        label = ", ".join(str(i + 1) for i in place)
        yield Check(f"{what} {label}", _plain(wanted[place]), _plain(found[place]), tolerance)


def _plain(value: Any) -> Value:
    if value is None or isinstance(value, str | bool | np.bool_):
        return bool(value) if isinstance(value, np.bool_) else value
    return float(value)


def case_file(name: str) -> Path | None:
    """The file of a case: the project's own copy, else the shared folder's, else None."""
    return next((path for folder in (OWN, SHARED) if (path := folder / f"{name}.json").is_file()), None)


def case(name: str) -> dict[str, Any] | None:
    """The content of a case's file, or None where there is none."""
    path = case_file(name)
    return None if path is None else dict(json.loads(path.read_text("utf-8")))


def adapters() -> dict[str, Adapter]:
    """Every adapter of every module here, by the id of its case."""
    found: dict[str, Adapter] = {}
    for module in sorted(info.name for info in pkgutil.iter_modules(__path__)):
        found |= importlib.import_module(f"{__name__}.{module}").CASES
    return dict(sorted(found.items()))
