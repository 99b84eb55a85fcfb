"""Where does a run lie on disk, whole or not at all: parts by block of paths, run.json, failures?"""

from __future__ import annotations

import hashlib
import io
import json
import os
import platform
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from nobid.runs.errors import InputError

ARM = "none"  # the name of an arm without policies
COMMIT = "outcomes"  # the table of a block that is written last: where it lies, the block is whole
PART = re.compile(r"^(?P<arm>.+)-(?P<first>\d{6,})-(?P<end>\d{6,})\.parquet$")
TEMPORARY = ".tmp-"
WRITER = re.compile(r"^\.tmp-(?P<place>[0-9a-f]{8})-(?P<pid>\d+)-")
ABANDONED: Final = 3600.0  # seconds: a temporary file that nobody has written to for so long has lost its writer
RECORD = "run.json"
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
    bounds: list[list[int]] = []
    for path in sorted(set(wanted) - have):
        if bounds and bounds[-1][1] == path and path % size:
            bounds[-1][1] = path + 1
        else:
            bounds.append([path, path + 1])
    return [Block(first, end) for first, end in bounds]


def shard_of(wanted: Iterable[int], shard: tuple[int, int] | None, *, size: int) -> list[int]:
    """The paths of the i-th of n shards: every n-th block of the plan, the same whatever is finished already.

    >>> shard_of(range(6), (2, 2), size=2)
    [2, 3]
    """
    number, shards = shard or (1, 1)
    return [path for block in plan(wanted, [], size=size)[number - 1 :: shards] for path in block.paths]


def parquet(table: pa.Table) -> bytes:
    """The table as the bytes of its part."""
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()


class RunDirectory:
    """A folder that holds one run: everything in it is complete, or under a temporary name."""

    def __init__(self, path: Path) -> None:
        """The folder exists and may be written; InputError where it cannot be."""
        self.path = path
        try:
            path.mkdir(parents=True, exist_ok=True)
            probe = path / f"{_temporary()}probe"
            probe.write_bytes(b"")
            probe.unlink()
        except OSError as error:
            why = "a file of that name is in the way" if isinstance(error, FileExistsError) else error.strerror
            raise InputError(f"--out {path}: cannot be written: {why}: choose another --out.") from error

    def record(self, scenario: Mapping[str, str] | None = None) -> dict[str, Any] | None:
        """What run.json says, None where there is none yet; InputError where the folder holds something else.

        `scenario`: files that a run cut off before its run.json may have left, with the texts that it would write.
        """
        file = self.path / RECORD
        if not file.exists():
            others = [one for one in self.path.iterdir() if not one.name.startswith(TEMPORARY)]
            others = [one for one in others if not _holds(one, (scenario or {}).get(one.name))]
            if others:
                raise InputError(
                    f"--out {self.path}: holds other files ({others[0].name}) and no run: choose another --out."
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
        self._put(self.path / name, text.encode())

    def write_block(self, block: Block, parts: Mapping[str, bytes]) -> None:
        """Every table of the block lies in its part, the committing one last."""
        for name in sorted(parts, key=lambda one: (one == COMMIT, one)):
            part = self.part(name, block)
            part.parent.mkdir(parents=True, exist_ok=True)
            self._put(part, parts[name])

    def part(self, table: str, block: Block) -> Path:
        """Where this table of the block lies."""
        return self.path / "parts" / table / f"{ARM}-{block.label}.parquet"

    def _put(self, target: Path, content: bytes) -> None:
        temporary = target.with_name(f"{_temporary()}{target.name}.part")
        try:
            temporary.write_bytes(content)
            _sync(temporary)
            temporary.replace(target)
            _sync(target.parent)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise InputError(f"--out {self.path}: {target.name} cannot be written: {error.strerror}.") from error

    def sweep(self, blocks: Iterable[Block]) -> None:
        """What killed runs left behind is gone: temporary files without a writer, and parts without a commit mark
        that hold paths of these blocks cut otherwise.
        """
        for file in self.path.rglob(f"{TEMPORARY}*"):
            if _abandoned(file):
                file.unlink(missing_ok=True)
        planned = {block.label for block in blocks}
        coming = {path for block in blocks for path in block.paths}
        committed = {block.label for block in self.blocks()}
        for file in self.path.glob("parts/*/*.parquet"):
            found = _block(file)
            if found and found.label not in committed | planned and not coming.isdisjoint(found.paths):
                file.unlink(missing_ok=True)

    def blocks(self) -> list[Block]:
        """The finished blocks, by path."""
        found = (_block(file) for file in (self.path / "parts" / COMMIT).glob("*.parquet"))
        return sorted(block for block in found if block)

    def paths(self) -> set[int]:
        """The finished paths."""
        return {path for block in self.blocks() for path in block.paths}

    def read(self, table: str, paths: Sequence[int]) -> pa.Table | None:
        """The rows of these paths from all finished blocks, in the order of the paths; None where none was kept."""
        wanted = set(paths)
        pieces = []
        for block in self.blocks():
            file = self.part(table, block)
            if wanted.isdisjoint(block.paths) or not file.exists():
                continue
            piece = pq.read_table(file)
            if not wanted.issuperset(block.paths):
                piece = piece.filter(pa.compute.is_in(piece["path"], value_set=pa.array(sorted(wanted), pa.int64())))
            pieces.append(piece)
        return pa.concat_tables(pieces) if pieces else None

    def failed(self) -> Iterator[tuple[int, int, str]]:
        """Every path that failed, as its outcomes part says: path, months that it ran, reason."""
        for block in self.blocks():
            table = pq.read_table(self.part(COMMIT, block), columns=["path", "months", "failure"])
            for row in table.filter(pa.compute.not_equal(table["failure"], "")).to_pylist():
                yield row["path"], row["months"], row["failure"]

    def write_failures(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """The failed paths stand in failures.jsonl, one row each; without any there is no such file."""
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        if text:
            self.write_text("failures.jsonl", text)
        else:
            (self.path / "failures.jsonl").unlink(missing_ok=True)

    def failures(self) -> list[dict[str, Any]]:
        """The failed paths with month and reason."""
        file = self.path / "failures.jsonl"
        return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []


def _block(part: Path) -> Block | None:
    """The block whose part this file is; None for other files."""
    found = PART.match(part.name)
    return Block(int(found["first"]), int(found["end"])) if found else None


def _holds(file: Path, text: str | None) -> bool:
    return text is not None and file.is_file() and file.read_bytes() == text.encode()


@cache
def _place() -> str:
    """A short name of this machine, or of this container on it: where the number of a process means something."""
    inside = Path("/proc/self/ns/pid")
    inside_of = str(inside.readlink()) if inside.is_symlink() else ""
    return hashlib.sha256(f"{platform.node()} {inside_of}".encode()).hexdigest()[:8]


def _temporary() -> str:
    """How the name of a temporary file of this process begins."""
    return f"{TEMPORARY}{_place()}-{os.getpid()}-"


def _abandoned(file: Path) -> bool:
    """True where the process that wrote the temporary file is gone, or has not touched it for an hour."""
    writer = WRITER.match(file.name)
    try:
        if writer and writer["place"] == _place() and not alive(int(writer["pid"])):
            return True
        return time.time() - file.stat().st_mtime > ABANDONED
    except FileNotFoundError:
        return False


def alive(pid: int) -> bool:
    """True where a process of this number runs on this machine; a zombie does not run."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except OSError:  # not Linux
        return True
    return state != "Z"


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
