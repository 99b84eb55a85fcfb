"""How does a stored comparison become a comparison again: its arms from their run directories?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nobid.model.policies import Policy
from nobid.runs.arms import Arm
from nobid.runs.comparing import COMPARISON
from nobid.runs.comparison import Comparison
from nobid.runs.errors import InputError
from nobid.runs.run import Run
from nobid.runs.run_record import Stored
from nobid.runs.stored_run import open_run


def is_comparison(folder: Path) -> bool:
    """True where the folder says that a comparison lies in it."""
    return (folder / COMPARISON).is_file()


def open_comparison(folder: str | Path) -> Comparison:
    """The comparison that lies in the folder: tables of its arms are read when asked for.

    Errors: InputError where the folder holds no comparison, or one that was not finished.
    """
    path = Path(folder)
    record = _record(path)
    runs = {row["label"]: _compared(path, row) for row in record["arms"]}
    base, *_ = runs.values()
    own = base.scenario.founding.policies
    arms = [Arm(label, _besides(own, run.scenario.founding.policies), run) for label, run in runs.items()]
    argv = tuple(map(str, record.get("argv", ())))
    return Comparison(base.order, tuple(arms), record["luck"], record["decision"], path, argv)


def _record(folder: Path) -> dict[str, Any]:
    """What comparison.json says."""
    file = folder / COMPARISON
    if not file.is_file():
        raise InputError(f"{folder}: holds no comparison (no {COMPARISON}).")
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
        status, arms = record["status"], record["arms"]
        known = bool(arms) and all(isinstance(row["label"], str) and isinstance(row["folder"], str) for row in arms)
    except (ValueError, OSError, KeyError, TypeError) as error:
        raise InputError(f"{folder}: its {COMPARISON} cannot be read.") from error
    if not known or not isinstance(record, dict):
        raise InputError(f"{folder}: its {COMPARISON} is not one of nobid.")
    if status != "done":
        raise InputError(f"{folder}: the comparison was not finished ({status}): the same command continues it.")
    return record


def _compared(folder: Path, row: dict[str, Any]) -> Run:
    """The run of one arm; InputError where the folder holds another one by now."""
    where = folder / row["folder"]
    run = open_run(where)
    if (Stored(where).record() or {}).get("config_hash") != row.get("config_hash"):
        raise InputError(f"{where}: is not the run that was compared.")
    return run


def _besides(own: tuple[Policy, ...], held: tuple[Policy, ...]) -> tuple[Policy, ...]:
    """What holds besides the scenario's own policies."""
    return tuple(one for one in held if one not in own)
