"""How does a stored run become a run again: its tables as they lie there, its scenario as it was simulated?"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from nobid.runs.errors import InputError
from nobid.runs.fork import fork_from_record
from nobid.runs.policies import GROUP
from nobid.runs.run import Order, Run
from nobid.runs.run_record import Stored, differences, made_by, missing_policies
from nobid.runs.scenario_files import did_you_mean
from nobid.runs.scenarios import Scenario, scenario

OUT: Final = Path("out")  # where runs lie that were given no other place
KINDS: Final[dict[str, type]] = {"scenario": str, "config_hash": str, "seed": int, "status": str, "paths": list}


def open_run(path: str | Path, *, agents: Mapping[str, type] | None = None) -> Run:
    """The run that lies in the folder: tables are read when asked for, any path can be simulated again.

    A partly finished run has the paths that are finished. `agents`: the user's own classes, where the run had some.
    Errors: InputError where the folder holds no run. What another nobid, library or processor made is opened, and a
    warning BitsNotPromised comes with simulating it again.
    """
    folder = Path(path)
    record = _record(folder)
    world = _scenario(folder, record)
    stored = Stored(folder)
    held = sorted({number for block in stored.blocks() for number in block.paths})
    paths = tuple(held or (number for first, end in record["paths"] for number in range(first, end)))
    order = Order(
        world,
        record["seed"],
        paths,
        str(record.get("execution", "cohort")),
        agents,
        argv=tuple(record.get("argv", ())),
        caution=_caution(folder, record, world),
        barred=_barred(folder, record, agents),
    )
    run = Run(order, outcome=_outcome(record, held), status=record["status"], out=folder)
    run.failures = [row for row in stored.failures() if row["path"] in paths]
    run.figures = list(record.get("figures", []))
    run.cpu_seconds.update(record.get("cpu_seconds", {}))
    return run


def _outcome(record: Mapping[str, Any], held: Sequence[int]) -> str:
    """How the run ended, or how far it came when nobody wrote down how it ended."""
    wanted = sum(end - first for first, end in record["paths"])
    return str(record.get("outcome") or f"not finished: {len(held)} of {wanted} paths are kept.")


def _record(folder: Path) -> dict[str, Any]:
    """What run.json says; InputError with the nearest run there is where it says nothing."""
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such run directory{_nearest(folder)}")
    file = folder / "run.json"
    if not file.is_file():
        raise InputError(f"{folder}: holds no run (no run.json){_nearest(folder)}")
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise InputError(f"{folder}: its run.json cannot be read{_nearest(folder)}") from error
    if not isinstance(record, dict) or not _is_ours(record):
        raise InputError(f"{folder}: its run.json is not one of nobid{_nearest(folder)}")
    return record


def _is_ours(record: Mapping[str, Any]) -> bool:
    typed = all(isinstance(record.get(key), kind) for key, kind in KINDS.items())
    return typed and all(isinstance(pair, list) and len(pair) == 2 for pair in record["paths"])


def _nearest(folder: Path) -> str:
    """The end of a sentence: the run directory with the nearest name."""
    known = {str(file.parent): file.parent for file in sorted(OUT.glob("*/run.json")) if file.parent != folder}
    if not known:
        return "."
    begun = [name for name, one in known.items() if one.name.startswith(folder.name) and folder.name]
    if begun:
        return f": did you mean {begun[0]}?"
    guess = did_you_mean(str(folder), known)
    newest = max(known, key=lambda one: _age(known[one]))
    return guess if guess.startswith(": did") else f": the newest run is {newest}."


def _age(folder: Path) -> float:
    return (folder / "run.json").stat().st_mtime


def _scenario(folder: Path, record: Mapping[str, Any]) -> Scenario:
    """The scenario of the run, from its own files alone."""
    file = folder / "resolved.toml"
    if not file.is_file():
        raise InputError(f"{folder}: its resolved.toml is missing: the run's scenario cannot be told.")
    if missing := missing_policies(record):
        names = ", ".join(f"{name}: {cls}" for name, cls in missing.items())
        raise InputError(
            f"{folder} was simulated with a policy of its own ({names}), whose class a run directory does not hold: "
            f"install it under the entry point group {GROUP} to open the run here."
        )
    try:
        found = scenario(file)
        given = folder / "scenario.toml"
        text = given.read_text(encoding="utf-8") if given.is_file() else found.given
        notes = tuple(map(str, record.get("notes", ())))
        last = replace(found, name=record["scenario"], notes=notes, given=text)
        return fork_from_record(last, record["fork"], folder) if record.get("fork") else last
    except (InputError, KeyError, TypeError) as error:
        sentence = str(error).splitlines()[0]
        by = f"nobid {record.get('version', '?')}, this is {made_by()['version']}"
        raise InputError(f"{folder}: its scenario cannot be read ({by}): {sentence}") from error


def _caution(folder: Path, record: Mapping[str, Any], world: Scenario) -> str:
    """Why a path simulated again may differ from the stored one; "" where its bits are promised."""
    other = differences(record, also=("python",))
    if world.hash != record["config_hash"]:
        if not other:
            raise InputError(f"{folder}: its resolved.toml was changed: it is not the scenario that ran.")
        other.append("a scenario that is read differently here")
    return f"{folder} was made with {', '.join(other)}: the same bits are not promised." if other else ""


def _barred(folder: Path, record: Mapping[str, Any], agents: Mapping[str, type] | None) -> str:
    """Why the run cannot be simulated again; "" where it can."""
    own = record.get("own_agents") or {}
    if sorted(own) == sorted(agents or {}):
        return ""
    if not own:
        return f"{folder} was simulated without agents of one's own: leave out `agents`."
    names = ", ".join(f"{kind}: {name}" for kind, name in own.items())
    return (
        f"{folder} was simulated with agents of its own ({names}), which a run directory does not hold: "
        "open_run(path, agents={…}) with these classes simulates it again."
    )
