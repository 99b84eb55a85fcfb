"""What does a policy, or a parameter, do at every strength: the same paths over a range of values, or a grid of two?"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Iterable as Some
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

from nobid.model.policies import Policy
from nobid.runs.arms import Arm, folder_of, under, work_off
from nobid.runs.errors import InputError
from nobid.runs.fork import ForkedScenario
from nobid.runs.order import Asked, ordered
from nobid.runs.policies import NONE, PoliciesAsked, policies_of
from nobid.runs.progress import Progress
from nobid.runs.run import PATHS_PER_BLOCK, Order, Run
from nobid.runs.run_directory import SHORT_HASH, RunDirectory
from nobid.runs.run_record import Stored, made_by
from nobid.runs.same_luck import same_luck
from nobid.runs.scenarios import Scenario
from nobid.runs.simulation import Interrupted
from nobid.runs.sweep_ranges import Over, Range, chosen, grid, number, ranges
from nobid.runs.sweep_result import Sweep

SWEEP: Final = "sweep.json"
WORDS: Final = ("sweep", "a sweep of another scenario, policy or seed")  # what a folder should hold, and may hold
MAKE: Final = ("version", "engine", "versions", "processor")  # of a run.json
PATHS: Final = 128  # where nothing is said: intervals are firm from 100
Against = Literal["none", "first"]


def sweep(
    scenario: str | Path | Scenario,
    over: Over,
    policy: PoliciesAsked = None,
    *,
    against: Against | None = None,
    paths: int | None = None,
    seed: int | None = None,
    workers: int = 1,
    months: int | None = None,
    set: Mapping[str, Any] | Some[str] | None = None,
    out: str | Path | Callable[[Order], Path] | None = None,
    agents: Mapping[str, type] | None = None,
    chunk: int = PATHS_PER_BLOCK,
    progress: Callable[[Progress], None] | None = None,
    argv: Sequence[str] = (),
) -> Sweep:
    """Every point of the range, or of the grid of two, has run on the same luck, and is compared path by path.

    `over`: "capacity=0:10000:11" (ends included), "haircut=0.2,0.5", two of them in a list, or {"capacity": [0, 500]}:
    settings of the `policy`, or keys of the scenario, those of its founding too. `against`: differences are from the
    run without the policy ("none", where only its settings are swept) or from the "first" point. In a folder that
    holds part of the sweep only what is missing is run; more points and paths extend it.
    Errors: InputError for a mistake at any point, before anything is simulated; Interrupted; ModelStopped.
    """
    given = set if set is None or isinstance(set, str | Mapping) else list(set)
    number_of = PATHS if paths is None else paths
    asked = Asked(scenario, number_of, None, seed, months, given, None, None, "cohort", agents, chunk, ())
    found = _wanted(asked, over, policies_of(policy), against)
    folder = out(found.order) if callable(out) else out
    directory = None if folder is None else folder_of(Path(folder), SWEEP, found.order, words=WORDS)
    found.out, found.argv = None if directory is None else directory.path, tuple(argv)
    return _swept(found, directory, workers, progress)


def _wanted(asked: Asked, over: Over, held: tuple[Policy, ...], against: str | None) -> Sweep:
    """All points, checked and not run yet."""
    base = ordered(asked)
    if isinstance(base.scenario, ForkedScenario):
        raise InputError("a fork cannot be swept: sweep its scenario, and date the policy (from=…).")
    if len(base.paths) < 2:
        raise InputError(f"paths = {len(base.paths)}: a sweep needs at least 2.")
    named, remarks = ranges(over, held)
    points = _points(asked, base, held, named)
    fixed = replace(base, scenario=under(base.scenario, held))
    return Sweep(fixed, named, tuple(points), _beside(against, base, named), "", held, remarks)


def default_folder(fixed: Order) -> Path:
    """out/sweep-SCENARIO-SEED-HASH6, of the world with the policy as it is where nothing is swept."""
    return Path("out") / f"sweep-{fixed.scenario.name}-{fixed.seed}-{fixed.scenario.hash[:SHORT_HASH]}"


def _points(asked: Asked, base: Order, held: Sequence[Policy], over: Sequence[Range]) -> list[Arm]:
    """An arm for each point; InputError with all that any of them would be refused for."""
    arms, problems = [], []
    for point in grid(over):
        try:
            policies = tuple(
                chosen(policy, {one.key: point[one.key] for one in over if one.policy == place})
                for place, policy in enumerate(held)
            )
            world = _world(asked, base, {one.key: point[one.key] for one in over if one.policy is None})
            order = replace(base, scenario=under(world, policies))
        except InputError as error:
            problems += str(error).splitlines()
        else:
            arms.append(Arm(_label(point), policies, Run(order)))
    if problems:
        raise InputError("\n".join(dict.fromkeys(problems)))
    return arms


def _world(asked: Asked, base: Order, keys: Mapping[str, float]) -> Scenario:
    """The scenario with these keys besides what was set; InputError with the point at which it is refused."""
    if not keys:
        return base.scenario
    given = asked.set
    if given is None or isinstance(given, Mapping):
        given = {**(given or {}), **keys}
    else:
        given = [*given, *(f"{key}={value!r}" for key, value in keys.items())]
    try:
        return ordered(replace(asked, set=given)).scenario
    except InputError as error:
        place = _label(keys)
        raise InputError("\n".join(f"at {place}: {line}" for line in str(error).splitlines())) from error


def _label(point: Mapping[str, float]) -> str:
    return ",".join(f"{key}={number(value)}" for key, value in point.items())


def _beside(against: str | None, base: Order, over: Sequence[Range]) -> Arm | None:
    """The arm without the policy, from which differences are taken; None where that is the first point."""
    of_policy = all(one.policy is not None for one in over)
    if against not in (None, "none", "first"):
        raise InputError(f'against = "{against}": must be none or first.')
    if against == "none" and not of_policy:
        raise InputError('against = "none": a key of the scenario is swept, so that there is no run without it: first.')
    return Arm(NONE, (), Run(base)) if of_policy and against != "first" else None


def _swept(
    found: Sweep, directory: RunDirectory | None, workers: int, progress: Callable[[Progress], None] | None
) -> Sweep:
    """Every arm has run; the folder says what came of them, in figures and a picture."""
    _writes(found, directory, {"status": "running"})
    try:
        work_off(found.arms, workers=workers, out=found.out, progress=progress)
    except Interrupted as error:
        _writes(found, directory, {"status": "interrupted", "outcome": error.message})
        raise
    found.luck = _luck(found)
    if directory is not None:
        from nobid.runs.charts.sweep import save

        save(found, directory.path / "figures")
        _writes(found, directory, {"status": "done", **found.as_dict()})
    return found


def _luck(found: Sweep) -> str:
    """That the points had the same draws, bit for bit where no parameter of the world is swept; a sentence.

    Errors: InputError where they had not, or were not made alike.
    """
    if all(one.policy is not None for one in found.over):
        return same_luck(found.arms)
    records = [(Stored(arm.run.out).record() or {}) if arm.run.out else {} for arm in found.arms]
    makes = {json.dumps([one.get(name) for name in MAKE], sort_keys=True) for one in records}
    if len(makes) > 1:
        raise InputError(f"--out {found.out}: its points were not made by one engine on one machine: choose another.")
    return (
        f"same luck: the draws of a path follow from seed {found.order.seed} and its number in all {len(found.arms)} "
        "points; the world that they make is another one where the key that is swept belongs to it."
    )


def _writes(found: Sweep, directory: RunDirectory | None, values: Mapping[str, Any]) -> None:
    if directory is None:
        return
    one = found.order.scenario
    about = {"scenario": one.name, "seed": found.order.seed, "config_hash": one.hash, "paths": len(found.order.paths)}
    about |= {"points": [arm.folder for arm in found.points], "argv": list(found.argv)}
    now = datetime.now(UTC).isoformat(timespec="seconds")
    record = {**about, **values, **made_by(), "written": now}
    directory.write_text(SWEEP, json.dumps(record, indent=2, ensure_ascii=False) + "\n")
