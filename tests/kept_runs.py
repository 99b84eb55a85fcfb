"""A run as if it had been simulated: tables by hand, or those of a small world, kept in memory or in a folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from nobid.model.founding import Founding
from nobid.model.system import ComputeCreditModel
from nobid.runs.block_tables import COUNTS, FLOWS, table_with_units, tables_of
from nobid.runs.months import month_label
from nobid.runs.run import Order, Run
from nobid.runs.run_directory import ARM, Block
from nobid.runs.scenarios import Scenario

NAMED = ("facility", "kind", "borrower", "lender", "lender_kind")


def run_of(founding: Founding, paths: Sequence[int], tables: Sequence[Mapping[str, pa.Table]], **order: Any) -> Run:
    """A run of this world that has these tables, block by block."""
    scenario = Scenario("by-hand", "", "", founding, {}, (), "")
    run = Run(Order(scenario, 7, tuple(paths), **order), outcome="made by hand.", status="done")
    for block in tables:
        for name, table in block.items():
            run.kept.setdefault(name, []).append(table)
    return run


def simulated(founding: Founding, paths: int, *, block: int = 512) -> Run:
    """The world simulated on so many paths, a block at a time."""
    months, blocks = founding.parameters.months, []
    for first in range(0, paths, block):
        numbers = range(first, min(first + block, paths))
        model = ComputeCreditModel(founding, paths=numbers)
        for _ in range(months):
            model.step()
        blocks.append(tables_of(model, numbers, start=founding.parameters.start, failures=model.failures))
        model.close()
    return run_of(founding, range(paths), blocks)


def stored(run: Run, folder: Path, sizes: Sequence[int]) -> Run:
    """The same run in a folder, in blocks of so many paths; a run whose tables are read from there."""
    first = 0
    whole = {name: pa.concat_tables(pieces) for name, pieces in run.kept.items()}
    for size in sizes:
        wanted = pa.array(range(first, first + size), pa.int64())
        for name, table in whole.items():
            file = folder / "parts" / name / f"{ARM}-{Block(first, first + size).label}.parquet"
            file.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(table.filter(pc.is_in(table["path"], value_set=wanted)), file)
        first += size
    return Run(run.order, outcome=run.outcome, status="done", out=folder)


def outcomes(losses: Sequence[float], *, failed: Sequence[int] = (), **columns: Sequence[float]) -> pa.Table:
    """An outcomes table: lender losses a path, nothing else lost unless said, these paths failed."""
    flows = {name: np.array(columns.get(name, np.zeros(len(losses))), dtype=float) for name in FLOWS}
    flows["lender_losses"] = np.array(losses, dtype=float)
    reasons = ["the books do not balance" if path in failed else "" for path in range(len(losses))]
    paths = np.arange(len(losses), dtype=np.int64)
    return table_with_units({"path": paths, **flows, "failure": reasons}, dict.fromkeys(FLOWS, "some unit"))


def monthly(paths: int, months: int, *, start: str = "2026-01", **columns: np.ndarray[Any, Any]) -> pa.Table:
    """A monthly table: `columns` (paths, months), counts of defaults nought unless given."""
    nothing = np.zeros((paths, months))
    given = {**dict.fromkeys(COUNTS, nothing), **columns}
    labels = [month_label(start, month) for month in range(months)]
    table = {"path": np.repeat(np.arange(paths, dtype=np.int64), months), "month": labels * paths}
    return table_with_units({**table, **{name: one.ravel() for name, one in given.items()}}, {})


def facilities(loans: Sequence[Mapping[str, str]], **figures: Sequence[Sequence[float]]) -> pa.Table:
    """A table of loans: what each is, and its figures (paths, loans); nought, and never failed, unless given."""
    paths = len(next(iter(figures.values())))
    nothing = np.zeros((paths, len(loans)))
    empty = dict.fromkeys(("failed", "exposure", "loss", "outstanding", "charged", "lost"), nothing)
    table: dict[str, Any] = {"path": np.repeat(np.arange(paths, dtype=np.int64), len(loans))}
    table |= {name: [loan[name] for loan in loans] * paths for name in NAMED}
    given = {**empty, "failed_after": nothing - 1.0, **{name: np.array(one) for name, one in figures.items()}}
    return table_with_units({**table, **{name: np.ravel(one).astype(float) for name, one in given.items()}}, {})
