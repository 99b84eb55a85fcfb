"""Which runs and comparisons lie below the folder of the dashboard, and which place inside it does a name mean?"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from nobid.runs.comparing import COMPARISON
from nobid.runs.errors import InputError
from nobid.runs.folders import standing
from nobid.runs.run_directory import RECORD
from nobid.runs.run_record import Stored, paths_in
from nobid.runs.scenario_files import did_you_mean

DEEPEST: Final = 4  # folders below the dashboard's own in which is looked


@dataclass(frozen=True)
class Entry:
    """A run or a comparison. `name`: its folder below the dashboard's; `paths`: how far it is; `written`: when last."""

    name: str
    is_comparison: bool
    scenario: str
    seed: int
    paths: str
    status: str
    written: str

    @property
    def title(self) -> str:
        """What it is, in a line."""
        kind = "comparison of policies, " if self.is_comparison else ""
        return f"{self.scenario}: {kind}{self.paths} {'path' if self.paths == '1' else 'paths'}, seed {self.seed}"

    @property
    def label(self) -> str:
        """The entry in a list."""
        ended = "" if self.status == "done" else f" · {self.status}"
        return f"{self.title}{ended} · {self.name}"


def entries(folder: Path) -> list[Entry]:
    """Every run and comparison below the folder, the newest first; what cannot be read is left out."""
    found = [one for record in _records(folder) if (one := _entry(folder, record)) is not None]
    return sorted(found, key=lambda one: (one.written, one.name), reverse=True)


def unknown(folder: Path, name: str, names: Sequence[str]) -> InputError:
    """What is said of a name that is none of these."""
    return InputError(f'there is no run or comparison "{name}" in {folder}{did_you_mean(name, names)}')


def inside(folder: Path, name: str) -> Path:
    """The folder of that name in `folder`. Errors: InputError where it would lie outside."""
    found = folder / name
    if not found.resolve().is_relative_to(folder.resolve()):
        raise InputError(f'"{name}" lies outside {folder}: only what lies in it is opened.')
    return found


def claimed(folder: Path, stem: str) -> Path:
    """A new folder, named after `stem`, that nobody else has. Errors: InputError where it cannot be made."""
    name = f"{stem}-{datetime.now().strftime('%Y%m%d-%H%M%S')}"
    for number in range(1, 1000):
        made = inside(folder, name if number == 1 else f"{name}-{number}")
        try:
            made.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise InputError(f"{made}: cannot be made: {error.strerror}.") from error
        return made
    raise InputError(f"{folder}: no name is left for a new run.")


def _records(folder: Path) -> Iterator[Path]:
    """The files that tell of a run or a comparison; what lies inside one belongs to it. No link is followed."""
    for home, inner, files in os.walk(folder):
        record = next((name for name in (COMPARISON, RECORD) if name in files), None)
        if record is not None:
            yield Path(home) / record
        if record is not None or len(Path(home).relative_to(folder).parts) >= DEEPEST:
            inner.clear()
        inner[:] = [one for one in inner if not one.startswith(".")]


def _entry(folder: Path, record: Path) -> Entry | None:
    """What a list tells of it; None where it is not one of nobid."""
    name = record.parent.relative_to(folder).as_posix()
    try:
        told: dict[str, Any] = json.loads(record.read_text(encoding="utf-8"))
        about = (str(told["scenario"]), int(told["seed"]))
        written = str(told.get("written", ""))[:16].replace("T", " ")
        if record.name == COMPARISON:
            return Entry(name, True, *about, str(int(told["paths"])), str(told["status"]), written)
        held, wanted = Stored(record.parent).paths(), paths_in(told)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    whole = held.issuperset(wanted)
    paths = str(len(wanted)) if whole else f"{len(held)} of {len(wanted)}"
    return Entry(name, False, *about, paths, standing(record.parent, told, whole=whole), written)
