"""Which mix of policies is best within a public budget, and how good is it on paths that it was not chosen by?

Every mix that is tried runs on the same paths as no policy at all, so that two of them differ by what they do. The
budget binds the mean over paths of what the mix adds to the public loss (or outlay). The best mix is best on the paths
it was chosen by, its figure there flatters it, and the final one comes from held-out paths that no trial has seen.

Tree-structured Parzen estimators with a constraint, after Bergstra et al. (2011), by optuna; four mixes are asked for
at a time, whatever the workers, so that the same seed finds the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from nobid.model.policies import Policy
from nobid.runs.arms import Arm, under, work_off
from nobid.runs.comparison import Comparison
from nobid.runs.contrasts import difference
from nobid.runs.errors import InputError
from nobid.runs.measures import MEASURES, Measure
from nobid.runs.order import Asked, ordered
from nobid.runs.policies import NONE
from nobid.runs.progress import Progress
from nobid.runs.run import PATHS_PER_BLOCK, Order, Run
from nobid.runs.run_directory import SHORT_HASH, RunDirectory
from nobid.runs.run_record import made_by
from nobid.runs.same_luck import same_luck
from nobid.runs.scenario_files import did_you_mean
from nobid.runs.scenarios import Scenario
from nobid.runs.search_choices import Choice, choices_of, clashing
from nobid.runs.search_result import Score, Search, Trial

SEARCH: Final = "search.json"
PATHS: Final = 128
TRIALS: Final = 60
AT_ONCE: Final = 4  # mixes asked for before any of them is told
DIGITS: Final = 3  # significant ones of a setting: nobody decides 4,137.2
PUBLIC: Final = ("public_loss", "public_outlay")
Mix = tuple[Policy, ...]


def search(
    scenario: str | Path | Scenario,
    policies: Iterable[str | Policy],
    *,
    budget: float,
    objective: str = "lender_losses",
    budget_of: str = "public_loss",
    paths: int = PATHS,
    held_out: int | None = None,
    trials: int = TRIALS,
    seed: int | None = None,
    workers: int = 1,
    months: int | None = None,
    set: Mapping[str, Any] | Iterable[str] | None = None,
    out: str | Path | Callable[[Order], Path] | None = None,
    progress: Callable[[Progress], None] | None = None,
    argv: Sequence[str] = (),
) -> Search:
    """The best of `trials` mixes within the budget (USD m a path, mean), told on `held_out` paths of its own.

    `policies`: "buyer_of_last_resort:floor=0.3:0.9,budget=0:10000", each of which a mix may take or leave; settings
    without a range stay. In a folder that holds part of the search what was run is read, and the rest is run.
    Errors: InputError for a mistake, before anything is simulated, and where optuna is missing; Interrupted.
    """
    _optuna()
    base = ordered(Asked(scenario, paths, None, seed, months, set, None, None, "cohort", None, PATHS_PER_BLOCK, ()))
    many, choices = paths if held_out is None else held_out, choices_of(policies)
    asked = {"paths": paths, "held_out": many, "trials": trials, "budget": budget}
    measure = _checked(base, choices, objective=objective, budget_of=budget_of, **asked)
    directory = _folder(out(base) if callable(out) else out, base)
    bench = _Bench(base, measure, budget_of, directory, workers, progress, {})
    tried = searched(choices, bench.scores, budget=budget, trials=trials, seed=base.seed, good=measure.good)
    best = best_of(tried, budget=budget, good=measure.good)
    found = Search(base, measure, budget_of, budget, tuple(tried), best, bench.held_out(best.mix, many), bench.out)
    _writes(found, directory, argv)
    return found


def _writes(found: Search, directory: RunDirectory | None, argv: Sequence[str]) -> None:
    if directory is not None:
        record = {**found.as_dict(), **made_by(), "optuna": _optuna().__version__, "argv": list(argv)}
        directory.write_text(SEARCH, json.dumps(record, indent=2, ensure_ascii=False) + "\n")


def default_folder(base: Order) -> Path:
    """out/search-SCENARIO-SEED-HASH6, of the world without the policies: mixes are shared and kept."""
    return Path("out") / f"search-{base.scenario.name}-{base.seed}-{base.scenario.hash[:SHORT_HASH]}"


def _checked(base: Order, choices: Sequence[Choice], **asked: Any) -> Measure:
    """The measure that is to be improved; InputError where the search cannot be."""
    name, able = asked["objective"], [one.name for one in MEASURES.values() if one.good != "neither"]
    problems = clashing(choices, base.scenario)
    if name not in able:
        problems.append(f'objective = "{name}": no measure of which less or more is better{did_you_mean(name, able)}')
    if asked["budget_of"] not in PUBLIC:
        problems.append(f'budget_of = "{asked["budget_of"]}": must be {" or ".join(PUBLIC)}.')
    if not 0.0 <= asked["budget"] < np.inf:
        problems.append(f"budget = {asked['budget']}: must be USD m, of at least 0.")
    for key, least in (("paths", 2), ("held_out", 2), ("trials", 1)):
        if asked[key] < least:
            problems.append(f"{key} = {asked[key]}: must be a whole number of at least {least}.")
    if problems:
        raise InputError("\n".join(problems))
    return MEASURES[name]


def searched(
    choices: Sequence[Choice],
    scores: Callable[[Sequence[Mix]], list[Score]],
    *,
    budget: float,
    trials: int,
    seed: int,
    good: str,
) -> list[Trial]:
    """So many mixes have been asked for and scored, no mix at all first; the same ones for the same seed and scores."""
    optuna = _optuna()
    direction = "minimize" if good == "less" else "maximize"
    study = optuna.create_study(direction=direction, sampler=optuna.samplers.TPESampler(seed=seed))
    found = [Trial((), scores([()])[0])]
    while len(found) <= trials:
        asked = [study.ask() for _ in range(min(AT_ONCE, trials + 1 - len(found)))]
        mixes = [_mix(one, choices) for one in asked]
        for one, mix, score in zip(asked, mixes, scores(mixes), strict=True):
            one.set_constraint("budget", score.cost.value - budget)
            study.tell(one, score.change.value)
            found.append(Trial(mix, score))
    return found


def _mix(trial: Any, choices: Sequence[Choice]) -> Mix:
    """The policies that the trial takes, with the settings that it gives them.

    Asked of those that it leaves as well, settings mislead the search: it was no better than chance.
    """
    taken = []
    for choice in choices:
        name = choice.policy.name
        if trial.suggest_categorical(name, [True, False]):
            values = {one.key: _drawn(trial, f"{name}.{one.key}", one.values) for one in choice.settings}
            taken.append(choice.with_values(values))
    return tuple(taken)


def _drawn(trial: Any, name: str, ends: Sequence[float]) -> float:
    low, high = ends[0], ends[-1]
    if isinstance(low, int):
        return int(trial.suggest_int(name, low, high))
    rounded = float(f"{trial.suggest_float(name, low, high):.{DIGITS}g}")
    return min(max(rounded, low), high)


def best_of(tried: Sequence[Trial], *, budget: float, good: str) -> Trial:
    """The best trial within the budget; the first of equals. No mix at all costs nothing, so that there is one."""
    sign = 1.0 if good == "less" else -1.0
    return min((one for one in tried if one.score.cost.value <= budget), key=lambda one: sign * one.score.change.value)


@dataclass(frozen=True)
class _Bench:
    """Where mixes are run: those of the search on its paths, the best one on others."""

    base: Order
    measure: Measure
    cost: str
    directory: RunDirectory | None
    workers: int
    progress: Callable[[Progress], None] | None
    known: dict[str, pd.DataFrame]

    @property
    def out(self) -> Path | None:
        """The folder of the search, where it has one."""
        return None if self.directory is None else self.directory.path

    def scores(self, mixes: Sequence[Mix]) -> list[Score]:
        """What each mix changes against no policy on the paths of the search; only new ones are run."""
        arms = {_label(mix): Arm(_label(mix), mix, self._run(mix, self.base.paths)) for mix in ((), *mixes)}
        new = [arm for label, arm in arms.items() if label not in self.known]
        if new:
            work_off(new, workers=self.workers, out=self.out and self.out / "tried", progress=self.progress)
            self.known.update({arm.label: arm.figures for arm in new})
        return [self._score(self.known[_label(mix)]) for mix in mixes]

    def _score(self, figures: pd.DataFrame) -> Score:
        paths, without = list(self.base.paths), self.known[NONE]
        changes = (
            difference(one, *(of[one.name].reindex(paths).to_numpy(dtype=float) for of in (figures, without)))
            for one in (self.measure, MEASURES[self.cost])
        )
        return Score(*changes)

    def held_out(self, mix: Mix, number: int) -> Comparison | None:
        """The mix against no policy on so many paths after those of the search; None for no policy itself."""
        if not mix:
            return None
        first = self.base.paths[-1] + 1
        paths = tuple(range(first, first + number))
        arms = [Arm(_label(one), one, self._run(one, paths)) for one in ((), mix)]
        folder = self.out and self.out / "held-out"
        work_off(arms, workers=self.workers, out=folder, progress=self.progress)
        return Comparison(replace(self.base, paths=paths), tuple(arms), same_luck(arms), "", folder)

    def _run(self, mix: Mix, paths: tuple[int, ...]) -> Run:
        return Run(replace(self.base, scenario=under(self.base.scenario, mix), paths=paths))


def _label(mix: Mix) -> str:
    return " + ".join(sorted(map(str, mix))) or NONE


def _optuna() -> Any:
    try:
        import optuna
    except ImportError as error:
        raise InputError("nobid search needs optuna: pip install 'nobid[search]'.") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def _folder(asked: str | Path | None, base: Order) -> RunDirectory | None:
    """The folder holds a search in this world, or nothing; InputError where it holds something else."""
    if asked is None:
        return None
    path = Path(asked)
    directory, file = RunDirectory(path), path / SEARCH
    about = {"scenario": base.scenario.name, "seed": base.seed, "config_hash": base.scenario.hash}
    try:
        held = json.loads(file.read_text(encoding="utf-8")) if file.exists() else dict(about, fresh=True)
    except ValueError:
        held = {}
    if any(held.get(key) != value for key, value in about.items()) or (held.get("fresh") and [*path.iterdir()]):
        raise InputError(f"--out {path}: holds something else than a search in this world: choose another --out.")
    if not file.exists():
        directory.write_text(SEARCH, json.dumps({**about, "status": "running"}) + "\n")
    return directory
