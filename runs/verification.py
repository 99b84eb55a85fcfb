"""Does a stored run say what the rules say? Some of its paths are simulated again and compared by bits."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.random import PCG64DXSM, Generator

from nobid.runs.block_run import run_block
from nobid.runs.errors import InputError
from nobid.runs.run import Order
from nobid.runs.run_directory import Block
from nobid.runs.run_record import Stored, differences
from nobid.runs.stored_run import open_run

LARGEST_SEED: Final = 2**32
SHOWN_AS_IT_IS: Final = ("path", "month", "agent", "facility", "round", "kind")  # columns that say which row it is


@dataclass(frozen=True)
class PathVerified:
    """One path, simulated again: the first difference to what is stored, "" where every bit is the same."""

    path: int
    difference: str

    def __str__(self) -> str:
        """The path and whether it is the same."""
        return f"path {self.path}: {self.difference or 'the same bits.'}"


@dataclass(frozen=True)
class Verified:
    """Some paths of a stored run beside the same paths simulated again."""

    paths: tuple[PathVerified, ...]
    seed: int
    caution: str

    @property
    def same(self) -> bool:
        """True where no path differs."""
        return not any(one.difference for one in self.paths)

    def __str__(self) -> str:
        """A line a path, what they were chosen by, and what stands against the same bits."""
        ends = f"{len(self.paths)} finished paths chosen by seed {self.seed} were simulated again."
        return "\n".join([*([self.caution] if self.caution else []), *map(str, self.paths), ends])


def verify(
    folder: str | Path, paths: int = 2, *, seed: int | None = None, agents: Mapping[str, type] | None = None
) -> Verified:
    """So many finished paths, chosen at random by `seed`, have been simulated again, each alone, and compared by bits.

    `agents`: the user's own classes, where the run had some. Errors: InputError where the folder holds no finished
    path, or its run cannot be simulated again.
    """
    if paths < 1:
        raise InputError(f"paths = {paths}: must be a whole number of at least 1.")
    run, stored = open_run(folder, agents=agents), Stored(Path(folder))
    run.order.permits()
    held = sorted(stored.paths())
    if not held:
        raise InputError(f"{folder}: holds no finished path yet: nobid resume {folder}")
    drawn = secrets.randbelow(LARGEST_SEED) if seed is None else seed
    chosen = Generator(PCG64DXSM(drawn)).choice(held, size=min(paths, len(held)), replace=False)
    found = tuple(PathVerified(int(one), _difference(run.order, stored, int(one))) for one in sorted(chosen))
    other = differences(stored.record() or {})
    caution = f"made with {', '.join(other)}: the same bits are not promised." if other else ""
    return Verified(found, drawn, caution)


def _difference(order: Order, stored: Stored, path: int) -> str:
    """The first difference between the stored rows of a path and those of the path simulated again; "" where none."""
    block = next(one for one in stored.blocks() if path in one.paths)
    keep_agents = stored.part("agents", block).exists()
    _, tables = run_block(order, Block(path, path + 1), keep_agents=keep_agents, told=lambda months, defaults: None)
    kept = {file.parent.name for file in stored.path.glob(f"parts/*/{stored.part('', block).name}")}
    for name in sorted({*tables, *kept}):
        if name not in kept or name not in tables:
            return f"differs: table {name} is {'missing' if name in tables else 'stored, and is not written any more'}."
        try:
            before = stored.read(name, [path])
        except (OSError, pa.ArrowException) as error:
            return f"differs: table {name} cannot be read: {str(error).splitlines()[0]}"
        found = first_difference(before, tables[name])
        if found:
            return f"differs: {name}: {found}"
    return ""


def first_difference(stored: pa.Table, again: pa.Table) -> str:
    """Where two tables first differ in a bit, by row, then column; "" where they are the same."""
    if stored.column_names != again.column_names:
        unlike = sorted({*stored.column_names} ^ {*again.column_names})
        return f"other columns: {', '.join(unlike) or 'in another order'}."
    if stored.num_rows != again.num_rows:
        return f"{stored.num_rows} rows are stored, {again.num_rows} came again."
    rows = {name: _first_row(stored[name], again[name]) for name in stored.column_names}
    unlike = [(row, name) for name, row in rows.items() if row is not None]
    if not unlike:
        return ""
    row = min(one for one, _ in unlike)
    name = next(name for one, name in unlike if one == row)
    where = [f"{key} {stored[key][row]}" for key in SHOWN_AS_IT_IS if key in stored.column_names and key != name]
    return f"{', '.join(where)}: {name} is {stored[name][row]} as stored, {again[name][row]} again."


def _first_row(stored: pa.ChunkedArray, again: pa.ChunkedArray) -> int | None:
    unlike = np.flatnonzero(_bits(stored) != _bits(again))
    return int(unlike[0]) if len(unlike) else None


def _bits(column: pa.ChunkedArray) -> Any:
    """Numbers as the integers that their bits are, so that no-number equals itself and 0 is not -0; else the words."""
    if pa.types.is_floating(column.type) or pa.types.is_integer(column.type):
        return np.ascontiguousarray(column.to_numpy()).view(np.uint64)
    return np.array(column.to_pylist(), dtype=object)
