"""Is a claim supported: its arms are simulated on one luck, its tests judged, its null control too, its sweeps told?"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any, Final

import numpy as np

from nobid.runs.errors import InputError
from nobid.runs.essay.benches import Bench, Want, wanted
from nobid.runs.essay.declaration import Claim, Criterion, Sweep, World, chosen, rules_hash
from nobid.runs.essay.facts import FACTS, figures_line
from nobid.runs.essay.measures import MEASURES, statistic_of
from nobid.runs.essay.result import Line, Role, Swept, Trial, Trials
from nobid.runs.essay.rules import Kind, decided, estimated, together
from nobid.runs.essay.turning import told
from nobid.runs.estimate import luck
from nobid.runs.job import Spread
from nobid.runs.order import DEFAULT_SEED
from nobid.runs.paired import Difference
from nobid.runs.progress import Progress
from nobid.runs.run import PATHS_PER_BLOCK
from nobid.runs.run_directory import RunDirectory
from nobid.runs.run_record import made_by

PATHS: Final = 64
PATHS_IN_FULL: Final = 512
RECORD: Final = "claims.json"
ONE: Final = "claim.json"

Tried = Callable[[Trial], None]


def claims(
    only: str | Iterable[int] | None = None,
    *,
    paths: int | None = None,
    full: bool = False,
    seed: int | None = None,
    workers: int = 1,
    out: str | Path | None = None,
    chunk: int = PATHS_PER_BLOCK,
    progress: Callable[[Progress], None] | None = None,
    tried: Tried | None = None,
) -> Trials:
    """Every claim of the essay, or those with the numbers `only`, has been tried by the rule it was declared with.

    `full`: 512 paths and all sweeps, where 64 and the smaller ones are the default. Arms lie in `out` as run
    directories, shared between claims; what is there is not run again. `tried` hears of each claim as it ends.
    Errors: InputError for a mistake in what was given, before anything is simulated; Interrupted; ModelStopped.
    """
    asked = chosen(only)
    number = paths if paths is not None else (PATHS_IN_FULL if full else PATHS)
    if number < 2:
        raise InputError(f"paths = {number}: a claim needs at least 2.")
    Spread.asked(workers=workers, shard=None, keep=(), cluster=None, mixed=False)
    folder = None if out is None else Path(out)
    bench = Bench(number, DEFAULT_SEED if seed is None else seed, folder, workers, chunk, progress)
    for want in (want for claim in asked for want in all_wants(claim, full=full)):
        bench.arm(want)  # every mistake is told before the first arm is simulated
    found = []
    for claim in asked:
        found.append(tries(claim, bench, full=full))
        if tried:
            tried(found[-1])
    trials = Trials(tuple(found), rules_hash(), folder, full)
    if folder is not None:
        _write(folder, RECORD, {**trials.as_dict(), **made_by()})
    return trials


def default_folder(seed: int | None) -> Path:
    """out/claims-SEED: arms are shared between claims and kept."""
    return Path("out") / f"claims-{DEFAULT_SEED if seed is None else seed}"


def tries(claim: Claim, bench: Bench, *, full: bool) -> Trial:
    """The claim has been judged; its folder holds the result and its figure where the bench has a folder."""
    bench.simulates(all_wants(claim, full=full, simulated=True))
    lines = tuple(_lines(claim, bench))
    verdict = together([line.verdict for line in lines if line.role == "test"], claim.combine)
    about = {name: getattr(claim, name) for name in ("number", "title", "says", "mechanism", "kind", "holds_if")}
    found = Trial(
        **about,
        scenario=claim.scenario,
        months=bench.arm(wanted(claim, "scenario")).run.scenario.parameters.months,
        verdict="assumed" if claim.kind == "assumed" else verdict,
        null="" if claim.null is None else _in(claim.null, lines, claim),
        why_null=claim.no_null if claim.null is None else claim.null.why,
        worlds=tuple((world.name, _in(world, lines, claim)) for world in claim.also),
        lines=lines,
        sweeps=tuple(_swept(claim, sweep, bench, full=full) for sweep in _sweeps(claim, full=full)),
        paths=bench.paths,
        seed=bench.seed,
        arms=tuple((label, bench.arm(wanted(claim, label)).label) for label in ("scenario", *claim.arms)),
        failed=max((len(bench.arm(want).run.failures) for want in _wants(claim)), default=0),
    )
    if bench.out is not None:
        _kept(found, bench.out / f"claim-{claim.number:02d}")
    return found


def _kept(found: Trial, folder: Path) -> None:
    from nobid.runs.essay.figures import save

    _write(folder, ONE, found.as_dict())
    save(found, folder)


def _write(folder: Path, name: str, values: Any) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    RunDirectory(folder).write_text(name, json.dumps(values, indent=2, ensure_ascii=False) + "\n")


# ---- which arms


def all_wants(claim: Claim, *, full: bool, simulated: bool = False) -> list[Want]:
    """Every arm that the claim's tests, worlds and sweeps need; `simulated`: those alone whose tables are read."""
    found = [*_wants(claim, simulated=simulated)]
    for sweep in _sweeps(claim, full=full):
        if _reads_runs(sweep) or not simulated:
            found += [wanted(claim, label, point=point) for point in _points(sweep, full=full) for label in sweep.arms]
    return found


def _wants(claim: Claim, *, simulated: bool = False) -> Iterator[Want]:
    worlds: list[World | None] = [None, *claim.worlds()]
    told_of = [(test, world) for world in worlds for test in claim.tests] + [(test, None) for test in claim.beside]
    for test, world in told_of:
        if _reads_runs(test) or not simulated:
            yield from (wanted(claim, label, world) for label in test.arms)


def _reads_runs(test: Criterion) -> bool:
    return bool(test.measure) and MEASURES[test.measure].of == "run"


def _sweeps(claim: Claim, *, full: bool) -> list[Sweep]:
    return [sweep for sweep in claim.sweeps if full or not sweep.full]


def _points(sweep: Sweep, *, full: bool) -> list[dict[str, Any]]:
    """The settings of every point of a grid; the last axis moves fastest."""
    axes = [axis.points(full=full) for axis in sweep.axes]
    return [{key: value for _, _, some in point for key, value in some.items()} for point in product(*axes)]


# ---- lines


def _lines(claim: Claim, bench: Bench) -> Iterator[Line]:
    """Every test here, in the null control and in other worlds, and what is told beside."""
    for test in claim.tests:
        yield judged(claim, test, bench, role="test")
    for world in claim.worlds():
        role: Role = "null" if world is claim.null else "world"
        for test in claim.tests:
            yield judged(claim, test, bench, role=role, world=world)
    for test in claim.beside:
        yield judged(claim, test, bench, role="beside")


def _in(world: World, lines: Sequence[Line], claim: Claim) -> Kind:
    return together([line.verdict for line in lines if line.world == world.name], claim.combine)


def judged(claim: Claim, test: Criterion, bench: Bench, *, role: Role, world: World | None = None) -> Line:
    """The test's figure with its interval, and what its rule makes of it."""
    if test.rule == "figures":
        line = figures_line(test)
    elif test.rule == "fact":
        line = FACTS[test.fact](bench, bench.arm(wanted(claim, "scenario", world)).run, test)
    else:
        found, unit = measured(claim, test, bench, world=world)
        verdict, more = ("told", None) if test.bound is None else decided(found, side=test.side, bound=test.bound)
        line = _line(test, found, unit, verdict, more)
    verdict = "assumed" if test.assumed else line.verdict
    return replace(line, role=role, world="" if world is None else world.name, verdict=verdict)


def measured(
    claim: Claim, test: Criterion, bench: Bench, *, world: World | None = None, point: dict[str, Any] | None = None
) -> tuple[Difference, str]:
    """The test's figure in a world, at a point of a sweep if one is named, and its unit."""
    measure = MEASURES[test.measure]
    samples = [bench.sample(wanted(claim, label, world, point=point), test.measure, test.given) for label in test.arms]
    seed = luck(bench.seed, f"claim {claim.number}: {test.what}")
    return estimated(test, statistic_of(measure, test.given), samples, seed=seed), unit_of(test)


def unit_of(test: Criterion) -> str:
    """The unit of the test's figure."""
    return "share of defaults" if test.rule == "but-for" else MEASURES[test.measure].unit


def _line(test: Criterion, found: Difference, unit: str, verdict: Kind, more: int | None) -> Line:
    low, high = (_plain(one) for one in (found.low, found.high))
    return Line("test", "", test.what, _plain(found.value), low, high, unit, test.side, test.bound, verdict,
                found.words, more, found.paths, found.missing)  # fmt: skip


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


# ---- sweeps


def _swept(claim: Claim, sweep: Sweep, bench: Bench, *, full: bool) -> Swept:
    """The figure at every point, and where it turns along the first axis for every point of the second."""
    axes = [axis.points(full=full) for axis in sweep.axes]
    points = iter(_points(sweep, full=full))
    columns = len(axes[1]) if len(axes) > 1 else 1
    rows = [[_at(claim, sweep, bench, next(points)) for _ in range(columns)] for _ in axes[0]]
    numbers = tuple(float(value or 0.0) for _, value, _ in axes[0])
    values, lows, highs = (
        tuple(tuple(_plain(getattr(one, end)) for one in row) for row in rows) for end in ("value", "low", "high")
    )
    labels = tuple(tuple(label for label, _, _ in axis) for axis in axes)
    turns = () if sweep.bound is None else tuple(_turns(sweep, numbers, values, labels))
    words = tuple(_words(axis) for axis in sweep.axes)
    sourced = sweep.axes[0].sourced
    return Swept(
        sweep.what, unit_of(sweep), words, labels, numbers, values, lows, highs, sweep.bound, sourced, turns
    )  # fmt: skip


def _words(axis: Any) -> str:
    return f"{axis.words}, {axis.unit}" if axis.unit else str(axis.words)


def _at(claim: Claim, sweep: Sweep, bench: Bench, point: dict[str, Any]) -> Difference:
    """The figure at a point; with `against`, the difference of its one arm from that value of the first axis."""
    if sweep.against is None:
        return measured(claim, sweep, bench, point=point)[0]
    first = sweep.axes[0]
    base = {**point, **next(some for _, value, some in first.points(full=True) if value == sweep.against)}
    measure, (label,) = MEASURES[sweep.measure], sweep.arms
    samples = [bench.sample(wanted(claim, label, point=one), sweep.measure, sweep.given) for one in (point, base)]
    between = sweep.model_copy(update={"rule": "difference", "arms": (label, label)})
    seed = luck(bench.seed, f"claim {claim.number}: {sweep.what}")
    return estimated(between, statistic_of(measure, sweep.given), samples, seed=seed)


def _turns(
    sweep: Sweep,
    numbers: Sequence[float],
    values: Sequence[Sequence[float | None]],
    labels: Sequence[Sequence[str]],
) -> Iterator[str]:
    by_outcome: dict[str, list[str]] = {}
    for place, label in enumerate(labels[1] if len(labels) > 1 else ("",)):
        outcome = told(numbers, [row[place] for row in values], sweep.bound or 0.0, above=sweep.side == "above")
        by_outcome.setdefault(outcome, []).append(label)
    for outcome, at in by_outcome.items():
        where = f" at {sweep.axes[1].words} {', '.join(at)}" if len(labels) > 1 else ""
        yield f"{sweep.axes[0].words}: {outcome}{where}"
