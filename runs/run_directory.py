"""Where does a run lie on disk, whole or not at all: parts by block of paths, run.json, failures?"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from nobid.runs.errors import InputError

ARM = "none"  # the name of an arm without policies
COMMIT = "outcomes"  # the table of a block that is written last: where it lies, the block is whole
PART = re.compile(r"^(?P<arm>.+)-(?P<first>\d{6,})-(?P<end>\d{6,})\.parquet$")
TEMPORARY = ".tmp-"
SHORT_HASH = 6


@dataclass(frozen=True, order=True)
class Block:
    """Paths first, first + 1, … end - 1."""

    first: int
    end: int

    @property
    def paths(self) -> range:
        """The paths of the block."""
        return range(self.first, self.end)

    @property
    def label(self) -> str:
        """The block in a file's name."""
        return f"{self.first:06d}-{self.end:06d}"


def plan(wanted: Iterable[int], done: Iterable[Block], *, size: int) -> list[Block]:
    """The blocks still to be run: the paths that lie in no finished block, cut at multiples of `size`.

    >>> [block.label for block in plan(range(100), [Block(0, 1)], size=64)]
    ['000001-000064', '000064-000100']
    """
    have = {path for block in done for path in block.paths}
    blocks: list[Block] = []
    for path in sorted(set(wanted) - have):
        if blocks and blocks[-1].end == path and path % size:
            blocks[-1] = Block(blocks[-1].first, path + 1)
        else:
            blocks.append(Block(path, path + 1))
    return blocks


class RunDirectory:
    """A folder that holds one run: everything in it is complete, or under a temporary name."""

    def __init__(self, path: Path) -> None:
        """The folder exists and may be written; InputError where it cannot be."""
        self.path = path
        try:
            path.mkdir(parents=True, exist_ok=True)
            probe = path / f"{TEMPORARY}{os.getpid()}-probe"
            probe.write_bytes(b"")
            probe.unlink()
        except OSError as error:
            why = "a file of that name is in the way" if isinstance(error, FileExistsError) else error.strerror
            raise InputError(f"--out {path}: cannot be written: {why}: choose another --out.") from error

    def record(self) -> dict[str, Any] | None:
        """What run.json says, None in an empty folder; InputError where the folder holds something else."""
        file = self.path / "run.json"
        if not file.exists():
            others = [one.name for one in self.path.iterdir() if not one.name.startswith(TEMPORARY)]
            if others:
                raise InputError(
                    f"--out {self.path}: holds other files ({others[0]}) and no run: choose another --out."
                )
            return None
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
        except (ValueError, OSError) as error:
            raise InputError(f"--out {self.path}: its run.json cannot be read: choose another --out.") from error
        if not isinstance(found, dict):
            raise InputError(f"--out {self.path}: its run.json is not one of nobid: choose another --out.")
        return found

    def check(self, record: Mapping[str, Any], *, config_hash: str, seed: int, version: str) -> None:
        """The folder holds a run of this scenario, seed and version; InputError where it holds another one."""
        held = str(record.get("config_hash", ""))
        where = f"--out {self.path}: holds a run"
        if held != config_hash:
            raise InputError(
                f"{where} of another scenario (hash {held[:SHORT_HASH]}…, this one {config_hash[:SHORT_HASH]}…): "
                "choose another --out."
            )
        if record.get("seed") != seed:
            raise InputError(f"{where} with seed {record.get('seed')}, not {seed}: choose another --out.")
        if record.get("version") != version:
            raise InputError(f"{where} of nobid {record.get('version')}, this is {version}: choose another --out.")

    def write_text(self, name: str, text: str) -> None:
        """The file holds the text, all of it or, after a crash, what it held before."""
        self._put(self.path / name, lambda file: file.write_text(text, encoding="utf-8"))

    def write_block(self, block: Block, tables: Mapping[str, pa.Table]) -> None:
        """Every table of the block lies in its part, the committing one last."""
        for name in sorted(tables, key=lambda one: (one == COMMIT, one)):
            part = self.path / "parts" / name / f"{ARM}-{block.label}.parquet"
            part.parent.mkdir(parents=True, exist_ok=True)
            table = tables[name]
            self._put(part, lambda file, table=table: pq.write_table(table, file, compression="zstd"))

    def _put(self, target: Path, write: Any) -> None:
        temporary = target.with_name(f"{TEMPORARY}{os.getpid()}-{target.name}.part")
        try:
            write(temporary)
            _sync(temporary)
            temporary.replace(target)
            _sync(target.parent)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise InputError(f"--out {self.path}: {target.name} cannot be written: {error.strerror}.") from error

    def blocks(self) -> list[Block]:
        """The finished blocks, by path."""
        parts = [PART.match(file.name) for file in (self.path / "parts" / COMMIT).glob("*.parquet")]
        return sorted(Block(int(part["first"]), int(part["end"])) for part in parts if part)

    def read(self, table: str, paths: Sequence[int]) -> pa.Table | None:
        """The rows of these paths from all finished blocks, in the order of the paths; None where none was kept."""
        wanted = set(paths)
        pieces = []
        for block in self.blocks():
            file = self.path / "parts" / table / f"{ARM}-{block.label}.parquet"
            if wanted.isdisjoint(block.paths) or not file.exists():
                continue
            piece = pq.read_table(file)
            if not wanted.issuperset(block.paths):
                piece = piece.filter(pa.compute.is_in(piece["path"], value_set=pa.array(sorted(wanted), pa.int64())))
            pieces.append(piece)
        return pa.concat_tables(pieces) if pieces else None

    def add_failures(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """The failed paths stand in failures.jsonl, one row each, by path."""
        known = {row["path"]: row for row in self.failures()}
        known.update({row["path"]: dict(row) for row in rows})
        text = "".join(json.dumps(known[path], ensure_ascii=False) + "\n" for path in sorted(known))
        if text:
            self.write_text("failures.jsonl", text)

    def failures(self) -> list[dict[str, Any]]:
        """The failed paths with month and reason."""
        file = self.path / "failures.jsonl"
        return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
