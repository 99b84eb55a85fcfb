"""What does each policy change: the same paths under every policy, and paired differences between them?"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np

from nobid.model.policies import Policy
from nobid.runs.arms import Arm, arms_of, folder_of, labelled, work_off
from nobid.runs.comparison import Comparison
from nobid.runs.contrasts import difference, figures_by_arm
from nobid.runs.errors import InputError
from nobid.runs.fork import ForkedScenario
from nobid.runs.job import Spread
from nobid.runs.measures import MEASURES
from nobid.runs.order import Asked, ordered
from nobid.runs.policies import NONE, PoliciesAsked
from nobid.runs.progress import Progress
from nobid.runs.run import PATHS_PER_BLOCK, Order
from nobid.runs.run_directory import SHORT_HASH, RunDirectory
from nobid.runs.run_record import made_by
from nobid.runs.same_luck import same_luck
from nobid.runs.scenario_files import did_you_mean
from nobid.runs.scenarios import Scenario
from nobid.runs.simulation import Interrupted
from nobid.runs.stopping import Decision, Precision

COMPARISON: Final = "comparison.json"
WORDS: Final = ("comparison", "a comparison on another scenario or seed")  # what a folder should hold, and may hold
PATHS: Final = 128  # where nothing is said: intervals are firm from 100
MOST: Final = 4_096  # paths that `until` may add up to where nothing is said
FLOOR: Final = 0.1  # of the half-width asked for, relative to the figure without policies: narrow enough for any effect


def compare(
    scenario: str | Path | Scenario,
    policies: Iterable[PoliciesAsked] | str | Policy,
    *,
    paths: int | None = None,
    seed: int | None = None,
    workers: int = 1,
    months: int | None = None,
    set: Mapping[str, Any] | Iterable[str] | None = None,
    out: str | Path | Callable[[Order], Path] | None = None,
    until: str | float | None = None,
    agents: Mapping[str, type] | None = None,
    chunk: int = PATHS_PER_BLOCK,
    progress: Callable[[Progress], None] | None = None,
    argv: Sequence[str] = (),
) -> Comparison:
    """Every policy has run on the same paths as no policy, and is compared with it path by path.

    `policies`: an arm each, "ltv_cap:max=0.5 + repo_facility", objects, or several together in a list; they hold
    besides the scenario's own. `until="halfwidth=0.2"` adds paths, to `paths` at most, until the difference of defaults
    (or of "halfwidth=0.2,measure=lender_losses") of every arm is known to ± 20 %, or to ± 2 % of the figure without
    policies. In a folder that holds part of the comparison, only what is missing is run. `agents`, `chunk`, `workers`
    as for `simulate`.
    Errors: InputError for a mistake in what was given, before anything is simulated, or where arms do not share their
    luck or make; Interrupted; ModelStopped.
    """
    rule = None if until is None else _rule(until)
    most = paths if paths is not None else (PATHS if rule is None else MOST)
    base = ordered(Asked(scenario, most, None, seed, months, set, None, None, "cohort", agents, chunk, ()))
    named = labelled([policies] if isinstance(policies, str | Policy) else policies)
    _checked(base, named, workers)
    folder = out(base) if callable(out) else out
    directory = None if folder is None else folder_of(Path(folder), COMPARISON, base, words=WORDS)
    made = _Made(base, named, directory, tuple(argv), workers, progress)
    return made.until_narrow(rule) if rule else made.ends(made.done(most))


def _checked(base: Order, policies: Mapping[str, tuple[Policy, ...]], workers: int) -> None:
    """Every mistake is told before a folder is made."""
    if isinstance(base.scenario, ForkedScenario):
        raise InputError("a fork cannot be compared: compare its scenario, and date the policies (from=…).")
    if len(base.paths) < 2:
        raise InputError(f"paths = {len(base.paths)}: a comparison needs at least 2.")
    Spread.asked(workers=workers, shard=None, keep=(), cluster=None, mixed=False)
    arms_of(base, policies)


def default_folder(base: Order) -> Path:
    """out/compare-SCENARIO-SEED-HASH6, of the world without the policies compared: arms are shared and kept."""
    return Path("out") / f"compare-{base.scenario.name}-{base.seed}-{base.scenario.hash[:SHORT_HASH]}"


@dataclass(frozen=True)
class _Rule:
    """Until the difference of `measure` is known to so much of itself."""

    halfwidth: float
    measure: str


def _rule(until: str | float) -> _Rule:
    """What `until` asks for; InputError where it cannot be."""
    words = until if isinstance(until, str) else f"halfwidth={until}"
    values = dict(part.partition("=")[::2] for part in words.replace(" ", "").split(","))
    unknown = [key for key in values if key not in ("halfwidth", "measure")]
    measure = values.get("measure", "defaults")
    if unknown or "halfwidth" not in values:
        raise InputError(f'until = "{words}": must be halfwidth=SHARE, and ,measure=NAME where it is not defaults.')
    if measure not in MEASURES:
        raise InputError(f'until = "{words}": there is no measure "{measure}"{did_you_mean(measure, MEASURES)}')
    try:
        halfwidth = float(values["halfwidth"])
    except ValueError:
        halfwidth = np.nan
    if not 0.0 < halfwidth <= 1.0:
        raise InputError(f'until = "{words}": halfwidth is a share of the difference, above 0 and at most 1.')
    return _Rule(halfwidth, measure)


@dataclass(frozen=True)
class _Made:
    """A comparison while it is made, and its folder where it has one."""

    base: Order
    policies: Mapping[str, tuple[Policy, ...]]
    directory: RunDirectory | None
    argv: tuple[str, ...]
    workers: int
    progress: Callable[[Progress], None] | None

    def done(self, paths: int) -> Comparison:
        """Every arm has so many paths, on the same luck and of one make."""
        base = replace(self.base, paths=tuple(range(paths)))
        arms = arms_of(base, self.policies)
        out = self.directory.path if self.directory else None
        self._writes({"status": "running", "paths": paths, "arms": [_arm(arm) for arm in arms]})
        try:
            work_off(arms, workers=self.workers, out=out, progress=self.progress)
        except Interrupted as error:
            self._writes({"status": "interrupted", "outcome": error.message, "paths": paths,
                          "arms": [_arm(arm) for arm in arms]})  # fmt: skip
            raise
        return Comparison(base, tuple(arms), same_luck(arms), "", out, self.argv)

    def ends(self, found: Comparison) -> Comparison:
        """The folder holds what came of the comparison, in figures and pictures."""
        if found.out is not None:
            if len(found.arms) > 1:
                from nobid.runs.charts.comparison import save_all

                save_all(found, found.out / "figures")
            self._writes({"status": "done", **found.as_dict()})
        return found

    def until_narrow(self, rule: _Rule) -> Comparison:
        """Paths have been added until every arm's difference is narrow enough, or to the most allowed."""
        most = len(self.base.paths)
        paths = min(PATHS_PER_BLOCK, most)
        while True:
            found = self.done(paths)
            told = _look(found, rule, most=most)
            if not told.go_on:
                return self.ends(replace(found, decision=told.why))
            paths = told.paths

    def _writes(self, values: Mapping[str, Any]) -> None:
        if self.directory is None:
            return
        now = datetime.now(UTC).isoformat(timespec="seconds")
        about = {"scenario": self.base.scenario.name, "seed": self.base.seed, "config_hash": self.base.scenario.hash}
        record = {**about, **values, **made_by(), "argv": list(self.argv), "written": now}
        self.directory.write_text(COMPARISON, json.dumps(record, indent=2, ensure_ascii=False) + "\n")


def _arm(arm: Arm) -> dict[str, Any]:
    return {"label": arm.label, "folder": arm.folder, "config_hash": arm.run.scenario.hash}


def _look(found: Comparison, rule: _Rule, *, most: int) -> Decision:
    """Whether to go on: the arm whose difference is told least well decides."""
    measure = MEASURES[rule.measure]
    figures = figures_by_arm(found.figures, found.paths, rule.measure)
    base = figures[NONE]
    differences = {
        f"{label}, {measure.name}": difference(measure, one, base) for label, one in figures.items() if label != NONE
    }
    floor = FLOOR * rule.halfwidth * abs(float(np.nanmean(base)))
    if not differences:
        return Decision(False, "no policy was asked for", len(found.paths))
    block = PATHS_PER_BLOCK
    asked = Precision(most, relative=rule.halfwidth, absolute=floor, first=block, block=block)
    return asked.says(differences)
