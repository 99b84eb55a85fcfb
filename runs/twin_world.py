"""What would have happened on the same luck had one thing been different: a channel off, or one agent safe?

A twin is the run's own scenario with a switch thrown in every stage of it, on the same random numbers. Its random
numbers are drawn by seed, path and purpose at fixed shapes, so a switch moves nobody's luck.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nobid.model.outcome import ModelStopped
from nobid.model.parameters import Parameters
from nobid.runs.block_run import run_block
from nobid.runs.census import cohorts
from nobid.runs.fork import ForkedScenario, Stage
from nobid.runs.months import month_index
from nobid.runs.run import Order, Run
from nobid.runs.run_directory import plan
from nobid.runs.scenarios import Scenario

if TYPE_CHECKING:
    from pydantic import BaseModel

Array = NDArray[np.float64]
Default = tuple[int, str]  # the path, and who failed on it
Passed = Callable[[int, float], None]  # hears path-months done and defaults found by each step

CHANNELS: Final[dict[str, tuple[str, ...]]] = {
    "fire sale": ("auction.marks_on",),
    "loss": ("lenders.losses_on",),
    "tightening": ("lenders.tightening_on",),
    "funding": ("lenders.withdrawal_on", "lenders.warehouse_on"),
    "default news": ("funding.feedback_on",),
    "lost tenant": ("hosting.spills_on",),
    "coin sale": ("coin.impact_on",),
}
MEANING: Final = {
    "fire sale": "a forced sale marks down every machine of its generation",
    "loss": "defaults and seized machines cost lenders capital",
    "tightening": "a lender below target refuses, calls early, sells in a hurry",
    "funding": "funders withdraw, warehouse lines are marked and called",
    "default news": "default losses close the funding window for all",
    "lost tenant": "a tenant's default costs its host rent",
    "coin sale": "forced coin sales move the coin",
}


@dataclass(frozen=True)
class World:
    """A run or a twin, path by path: defaults of borrowers and of lenders, lender losses (USD m), who failed when.

    `when`: month counted from the start in which an agent failed on a path; `missing`: paths that did not finish.
    """

    name: str
    paths: tuple[int, ...]
    borrowers: Array
    lenders: Array
    losses: Array
    when: Mapping[Default, int]
    missing: frozenset[int]

    @property
    def defaults(self) -> Array:
        """Defaults of borrowers and lenders by path."""
        return self.borrowers + self.lenders


def switched(one: Scenario, change: Callable[[Parameters], Parameters]) -> Scenario:
    """The scenario with its parameters changed, in every stage where it is a fork."""
    founding = one.founding.model_copy(update={"parameters": change(one.parameters)})
    resolved = {**one.resolved, "twin": {"safe": list(founding.parameters.safe)}}
    if not isinstance(one, ForkedScenario):
        return replace(one, founding=founding, resolved=resolved)
    earlier = tuple(Stage(stage.until, switched(stage.scenario, change)) for stage in one.earlier)
    kept = {each.name: getattr(one, each.name) for each in fields(one)}
    return ForkedScenario(**{**kept, "founding": founding, "resolved": resolved, "earlier": earlier})


def without(*channels: str) -> Callable[[Parameters], Parameters]:
    """Parameters with these channels switched off."""

    def change(parameters: Parameters) -> Parameters:
        for key in (key for channel in channels for key in CHANNELS[channel]):
            section, name = key.split(".")
            rules: BaseModel = getattr(parameters, section)
            parameters = parameters.model_copy(update={section: rules.model_copy(update={name: False})})
        return parameters

    return change


def safe(*names: str) -> Callable[[Parameters], Parameters]:
    """Parameters in which these agents, beside those that already were, never fail, tighten or lose funding."""
    return lambda parameters: parameters.model_copy(update={"safe": tuple(dict.fromkeys((*parameters.safe, *names)))})


def twin(
    run: Run,
    name: str,
    change: Callable[[Parameters], Parameters],
    *,
    paths: Sequence[int] | None = None,
    passed: Passed | None = None,
) -> World:
    """The run's paths have run again with the change; `passed` hears path-months done and defaults found."""
    order = replace(run.order, scenario=switched(run.scenario, change), execution="cohort")
    wanted = run.paths if paths is None else tuple(paths)
    blocks = plan(wanted, [], size=order.chunk)
    together = [paths for block in blocks for paths in cohorts(order.scenario, block.paths)]
    parts = [_block(order, paths, passed) for paths in together]
    place = np.argsort(np.concatenate([[*paths] for paths in together]), kind="stable")
    borrowers, lenders, losses = (np.concatenate([part[number] for part in parts])[place] for number in range(3))
    when = {key: month for part in parts for key, month in part[3].items()}
    missing = frozenset(path for part in parts for path in part[4])
    return World(name, tuple(sorted(wanted)), borrowers, lenders, losses, when, missing)


def _block(order: Order, paths: Sequence[int], passed: Passed | None) -> tuple[Any, ...]:
    """Counts by path, who failed when, and the paths that stopped."""
    model = order.model(paths, keep_agents=False)
    try:
        missing = _runs_through(model, order.scenario.parameters.months, passed)
        monthly = model.record.monthly
        counts = {name: np.nansum(monthly[name], axis=0) for name in COUNTED}
        when = {
            (event.path, event.source): event.month for event in model.record.all_events() if event.kind == "default"
        }
        borrowers = counts["defaults_miner"] + counts["defaults_neocloud"]
        return borrowers, counts["defaults_lender"], counts["lender_losses"], when, missing
    finally:
        model.close()


COUNTED: Final = ("defaults_miner", "defaults_neocloud", "defaults_lender", "lender_losses")


def _runs_through(model: Any, months: int, passed: Passed | None) -> set[int]:
    """All months have passed; the paths that stopped on the way."""
    try:
        for _ in range(months):
            model.step()
            if passed is not None:
                found = sum(float(np.nansum(model.record.monthly[name][model.month - 1])) for name in COUNTED[:3])
                passed(len(model.paths), found)
    except ModelStopped:
        return {int(path) for path in model.paths}
    return {int(failure.path) for failure in model.failures}


def afresh(run: Run) -> Run:
    """The run itself, or, where other rules or libraries made it, the same order simulated here with its causes.

    A twin is only compared with what the same rules made of the run.
    """
    if not run.order.caution:
        return run
    found = Run(replace(run.order, execution="cohort"))
    for block in plan(run.paths, [], size=run.order.chunk):
        _, tables = run_block(found.order, block, keep_agents=False, told=lambda months, defaults: None)
        for name, table in tables.items():
            found.kept.setdefault(name, []).append(table)
    found.order = replace(found.order, caution="")
    return found


def itself(run: Run) -> World:
    """The run as it was, read from its tables."""
    wanted = tuple(sorted(run.paths))
    outcomes = run.outcomes.set_index("path").loc[list(wanted)]
    missing = frozenset(int(path) for path in outcomes.index[outcomes["failure"] != ""])
    borrowers = (outcomes["defaults_miner"] + outcomes["defaults_neocloud"]).to_numpy(dtype=float)
    lenders, losses = (outcomes[name].to_numpy(dtype=float) for name in ("defaults_lender", "lender_losses"))
    return World("as it was", wanted, borrowers, lenders, losses, _when(run), missing)


def _when(run: Run) -> dict[Default, int]:
    start = month_index(run.scenario.parameters.start)
    events: pd.DataFrame = run.events
    events = events[events["kind"] == "default"]
    rows = zip(events["path"], events["source"], events["month"], strict=True)
    return {(int(path), str(source)): month_index(str(month)) - start for path, source, month in rows}
