"""Which is the most plausible shock that brings the system to a target on at least half of its paths?

Every shock that is tried runs on the same paths, so that two of them differ by what they are. The nearest one is
nearest on the paths it was found by, which flatter it: its direction is kept, its length is settled on other paths, and
what it does is told on held-out ones that neither has seen.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from nobid.runs.arms import Arm, folder_of, work_off
from nobid.runs.errors import InputError
from nobid.runs.months import month_index, month_label
from nobid.runs.order import Asked, ordered
from nobid.runs.progress import Progress
from nobid.runs.reversal.nearest import Search, nearest, settles
from nobid.runs.reversal.result import Reversal
from nobid.runs.reversal.shocks import FACTORS, frequency, label, shocked, space_of
from nobid.runs.reversal.targets import By, Target, base_of, target_of
from nobid.runs.run import Order, Run
from nobid.runs.run_directory import SHORT_HASH, RunDirectory
from nobid.runs.run_record import made_by
from nobid.runs.scenario_files import did_you_mean

Array = NDArray[np.float64]
REVERSE: Final = "reverse.json"
WORDS: Final = ("reverse stress test", "a reverse stress test of another scenario or seed")
PATHS: Final = 64
TRIALS: Final = 60
WINDOW: Final = 3  # months: a shock is what a quarter may bring
EARLY: Final = 6  # months from the start, where no month is named and the run is longer than a year
CHUNK: Final = 32  # paths a block: one shock at a time keeps two cores busy
NOTHING: Final = "no shock"


def reverse(
    scenario: str | Path,
    target: str = "lender_losses >= 0.25",
    *,
    factors: Iterable[str] | str = FACTORS,
    month: str | None = None,
    by: By = "half",
    window: int = WINDOW,
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
) -> Reversal:
    """The nearest shock of these `factors` in the `month` that reaches the target, told on `held_out` paths of its own.

    Nearest by Mahalanobis' distance, from the covariance of what the factors do in `window` months of stress. `by`:
    the target is reached on half of the paths at least, or by their mean. In a folder that holds part of the search
    what was run is read, and the rest is run.
    Errors: InputError for a mistake, before anything is simulated; Interrupted.
    """
    asked = Asked(scenario, paths, None, seed, months, set, None, None, "cohort", None, CHUNK, ())
    base, wanted = ordered(asked), target_of(target)
    named, when = _factors(factors), _month(base, month)
    _checked(by, window=window, paths=paths, held_out=held_out, trials=trials)
    space = space_of(base.scenario.parameters, named, window)
    folder = out(base) if callable(out) else out
    directory = None if folder is None else folder_of(Path(folder), REVERSE, base, words=WORDS)
    _begins(base, directory, argv)
    bench = Bench(base, wanted, base_of(wanted, base), when, by, directory, workers, progress)
    found = nearest(space, lambda points: bench.margins([space.shock(x, when) for x in points]), trials=trials)
    return _told(bench, found, held_out=paths if held_out is None else held_out, argv=argv)


def _told(bench: Bench, found: Search, *, held_out: int, argv: Sequence[str]) -> Reversal:
    """What was found, verified on paths that had no part in it."""
    best, p, space = found.best, bench.order.scenario.parameters, found.space
    verified, often = {}, None
    if best is not None and best.distance > 0.0:
        others = bench.after(1)
        best = settles(space, best, lambda points: others.margins([space.shock(x, bench.month) for x in points]))
    if best is not None and best.distance > 0.0:
        verified = bench.after(2).held_out(space.shock(best.point, bench.month), held_out)
        often = frequency(p, space, best.point, seed=bench.order.seed)
    where = (bench.order, bench.target, bench.base, bench.by, bench.month)
    told = Reversal(*where, found, best, verified, often, bench.out, tuple(argv))
    if bench.directory is not None:
        record = {**told.as_dict(), **made_by(), "argv": list(argv)}
        bench.directory.write_text(REVERSE, json.dumps(record, indent=2, ensure_ascii=False) + "\n")
        from nobid.runs.charts.style import saved

        saved({"shocks": told.plot}, bench.directory.path / "figures")
    return told


def default_folder(base: Order) -> Path:
    """out/reverse-SCENARIO-SEED-HASH6, of the world without the shock: runs of several targets are shared and kept."""
    return Path("out") / f"reverse-{base.scenario.name}-{base.seed}-{base.scenario.hash[:SHORT_HASH]}"


def _begins(base: Order, directory: RunDirectory | None, argv: Sequence[str]) -> None:
    """The folder says what it will hold, so that a search which is stopped goes on there."""
    if directory is not None and not (directory.path / REVERSE).exists():
        about = {"scenario": base.scenario.name, "seed": base.seed, "config_hash": base.scenario.hash}
        directory.write_text(REVERSE, json.dumps({**about, "status": "running", "argv": list(argv)}) + "\n")


def _factors(asked: Iterable[str] | str) -> tuple[str, ...]:
    words = asked.split(",") if isinstance(asked, str) else asked
    named = [*dict.fromkeys(word.strip() for word in words if word.strip())]
    unknown = [name for name in named if name not in FACTORS]
    if unknown or not named:
        what = f'there is no "{unknown[0]}"{did_you_mean(unknown[0], FACTORS)}' if unknown else "none is given."
        raise InputError(f"factors: {what} A shock is made of {', '.join(FACTORS)}.")
    return tuple(name for name in FACTORS if name in named)


def _month(base: Order, asked: str | None) -> str:
    """The month of the shock; InputError where it is none of the run."""
    p = base.scenario.parameters
    if asked is None:
        return month_label(p.start, EARLY if p.months > 2 * EARLY else p.months // 3)
    last = month_label(p.start, p.months - 1)
    try:
        place = month_index(asked) - month_index(p.start)
    except ValueError:
        place = -1
    if not 0 <= place < p.months or asked != month_label(p.start, place):
        raise InputError(f"month = {asked}: must be a month of the run, {p.start} to {last}.")
    return asked


def _checked(by: str, **asked: int | None) -> None:
    problems = [] if by in ("half", "mean") else [f'by = "{by}": must be half or mean.']
    for name, least in (("window", 1), ("paths", 2), ("held_out", 2), ("trials", 2)):
        value = asked[name]
        if value is not None and value < least:
            problems.append(f"{name} = {value}: must be a whole number of at least {least}.")
    if problems:
        raise InputError("\n".join(problems))


@dataclass(frozen=True)
class Bench:
    """Where shocks are run: those of the search on its paths, the nearest one on others."""

    order: Order
    target: Target
    base: float
    month: str
    by: By
    directory: RunDirectory | None
    workers: int
    progress: Callable[[Progress], None] | None
    tries: str = "tried"

    @property
    def out(self) -> Path | None:
        """The folder of the search, where it has one."""
        return None if self.directory is None else self.directory.path

    def after(self, times: int) -> Bench:
        """The same on as many paths that come so many times later, in folders of their own."""
        many = len(self.order.paths)
        paths = tuple(path + times * many for path in self.order.paths)
        return replace(self, order=replace(self.order, paths=paths), tries=f"tried-{times}")

    def margins(self, shocks: Sequence[Any]) -> list[float]:
        """How far the paths of each shock are beyond the target."""
        arms = [self._arm(shock, self.order.paths) for shock in shocks]
        work_off(arms, workers=self.workers, out=self.out and self.out / self.tries, progress=self.progress)
        return [self.target.margin(self.figures(arm), self.by) for arm in arms]

    def figures(self, arm: Arm) -> Array:
        """The figure of the target on every finished path, as a share where it is one."""
        return arm.figures[self.target.measure].to_numpy(dtype=float) / self.base

    def held_out(self, shock: Any, number: int) -> dict[str, Arm]:
        """The runs with and without the shock on so many paths from the first on."""
        paths = tuple(range(self.order.paths[0], self.order.paths[0] + number))
        arms = {label(shock): self._arm(shock, paths), NOTHING: Arm(NOTHING, (), self._run(None, paths))}
        folder = self.out and self.out / "held-out"
        work_off([*arms.values()], workers=self.workers, out=folder, progress=self.progress)
        return arms

    def _arm(self, shock: Any, paths: tuple[int, ...]) -> Arm:
        moved = any(getattr(shock, name) for name in FACTORS)
        name = f"{label(shock)},{shock.month}" if moved else NOTHING
        return Arm(name, (), self._run(shock if moved else None, paths))

    def _run(self, shock: Any, paths: tuple[int, ...]) -> Run:
        world = self.order.scenario if shock is None else shocked(self.order.scenario, shock)
        return Run(replace(self.order, scenario=world, paths=paths))
