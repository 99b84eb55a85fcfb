"""What exactly is to be simulated: a scenario from its start, or another run from a month on, and on which paths?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from nobid.runs.errors import InputError
from nobid.runs.fork import forked
from nobid.runs.policies import PoliciesAsked
from nobid.runs.run import PATHS_PER_BLOCK, Order, Run
from nobid.runs.run_record import Stored, paths_in
from nobid.runs.scenarios import Scenario, scenario
from nobid.runs.stored_run import open_run

EXECUTIONS: Final = ("cohort", "agent")
DEFAULT_SCENARIO: Final = "baseline"
DEFAULT_SEED: Final = 7


@dataclass(frozen=True)
class Asked:
    """The words of `simulate`, None where nothing was said."""

    name: str | Path | Scenario | None
    paths: int | None
    path: int | None
    seed: int | None
    months: int | None
    set: Mapping[str, Any] | Iterable[str] | None
    start_from: str | Path | Run | None
    month: str | None
    execution: str
    agents: Mapping[str, type] | None
    chunk: int
    argv: tuple[str, ...]
    policy: PoliciesAsked = None


def ordered(asked: Asked) -> Order:
    """The order that was meant; InputError where it cannot be."""
    _checked(asked)
    if asked.start_from is not None:
        return _fork(asked, asked.start_from)
    if asked.month is not None:
        raise InputError(f"month = {asked.month}: a month belongs to a fork: name the run to start from as well.")
    seed = DEFAULT_SEED if asked.seed is None else asked.seed
    return _order(asked, _world(asked), seed, _paths(asked) or (0,), asked.agents)


def continued(folder: str | Path, agents: Mapping[str, type] | None = None) -> Order:
    """The order of the run in the folder, with all paths that are wanted of it; InputError where it cannot go on."""
    order = open_run(folder, agents=agents).order
    order.permits()
    record = Stored(Path(folder)).record() or {}
    return replace(order, paths=tuple(paths_in(record)), chunk=record.get("chunk", PATHS_PER_BLOCK), caution="")


def _order(
    asked: Asked, world: Scenario, seed: int, paths: tuple[int, ...], agents: Mapping[str, type] | None
) -> Order:
    return Order(world, seed, paths, asked.execution, agents, asked.chunk, asked.argv)


def _checked(asked: Asked) -> None:
    for name, least in (("paths", 1), ("path", 0), ("seed", 0), ("chunk", 1)):
        value = getattr(asked, name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < least):
            raise InputError(f"{name} = {value}: must be a whole number of at least {least}.")
    if asked.execution not in EXECUTIONS:
        raise InputError(f'execution = "{asked.execution}": must be one of {", ".join(EXECUTIONS)}.')
    if asked.path is not None and asked.paths not in (None, 1):
        raise InputError(f"path = {asked.path} and paths = {asked.paths}: give one of them: path runs that path alone.")


def _paths(asked: Asked) -> tuple[int, ...] | None:
    if asked.path is not None:
        return (asked.path,)
    return None if asked.paths is None else tuple(range(asked.paths))


def _world(asked: Asked) -> Scenario:
    name, overrides = asked.name, asked.set
    if isinstance(name, Scenario):
        if not all(one is None for one in (overrides, asked.months, asked.policy)):
            words = "give `set`, `policy` and `months` to scenario(…), or its name here"
            raise InputError(f"a scenario object is complete: {words}.")
        return name
    name = DEFAULT_SCENARIO if name is None else name
    extra = {} if asked.months is None else {"months": asked.months}
    if overrides is None or isinstance(overrides, Mapping):
        return scenario(name, set={**(overrides or {}), **extra}, policy=asked.policy)
    said = [*overrides, *(f"{key}={value}" for key, value in extra.items())]
    return scenario(name, set=said, policy=asked.policy)


def _fork(asked: Asked, start_from: str | Path | Run) -> Order:
    """The run that `start_from` names, from the month on with the changes, on its own luck."""
    if isinstance(start_from, Run) and asked.agents is not None:
        raise InputError("agents: a fork keeps the agents of its run: leave them out.")
    run = start_from if isinstance(start_from, Run) else open_run(start_from, agents=asked.agents)
    name = str(run.out or run.scenario.name)
    if asked.name is not None:
        raise InputError(f"a fork of {name} keeps its scenario: leave out the other one.")
    if asked.seed not in (None, run.seed):
        raise InputError(f"seed = {asked.seed}: a fork of {name} keeps its luck, seed {run.seed}.")
    if asked.months is not None:
        raise InputError(f"months = {asked.months}: a fork of {name} ends with it: the length was set at the start.")
    if asked.policy is not None:
        raise InputError(f"policy: a fork of {name} keeps its policies: change keys with `set`, or date a policy.")
    run.order.permits()
    world = forked(run.scenario, asked.month, asked.set, parent=str(run.out or ""))
    return _order(asked, world, run.seed, _paths(asked) or run.paths, run.order.agents)
