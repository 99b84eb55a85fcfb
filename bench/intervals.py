"""How often do the intervals of a comparison hold a difference whose size is known?

Arms with known effects on the same luck: normal figures; losses of two humps (nought on 60 % of paths, lognormal on the
rest) which a policy halves on some of them; policies that help here and hurt there; shares that few paths change. A
line each: how often a 95 % interval held the truth, how long it was on average, and how often there was one at all (too
few paths differ: none is given, and an arm without one takes no part). From 100 paths on, t on normal figures and
Wilson must lie between .93 and .97; of the others the coverage is told, whatever it is. The last lines are methods that
were not taken.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from nobid.runs.estimate import Estimate, bootstrap_interval, luck  # noqa: E402
from nobid.runs.paired import (  # noqa: E402
    mean_difference,
    probability,
    probability_difference,
    shortfall_difference,
    statistic_difference,
)
from nobid.runs.price import price  # noqa: E402
from nobid.runs.ratios import wilson  # noqa: E402
from nobid.runs.simultaneous import simultaneous  # noqa: E402
from nobid.runs.stopping import Precision  # noqa: E402
from nobid.runs.tail import expected_shortfall  # noqa: E402

Array = NDArray[np.float64]
Ends = tuple[float, float]
Held = tuple[bool, float]  # whether the truth was inside, and how long the interval was: NaN where none was given

DAMAGED = 0.40  # share of paths with a loss
HALVED = 0.50  # of the damaged paths are those that the policy helps
MEAN_LOSS = float(np.exp(0.5))  # of a lognormal with deviation one
LIMITS = (0.93, 0.97)  # what t and Wilson must keep to
MANY = 4_000_000  # draws for a truth without a closed form


@dataclass(frozen=True)
class Case:
    """One interval on one kind of data: `draw` gives, from a generator, whether it held the truth and its length."""

    method: str
    data: str
    paths: int
    draw: Callable[[np.random.Generator, int], Held]
    bound: bool = False


def held(found: Estimate, truth: float) -> Held:
    return bool(found.low <= truth <= found.high), found.high - found.low


def losses(rng: np.random.Generator, paths: int) -> Array:
    return np.where(rng.random(paths) < DAMAGED, rng.lognormal(size=paths), 0.0)


def helped(rng: np.random.Generator, base: Array, share: float = HALVED) -> Array:
    """The policy halves the loss on this share of paths."""
    return np.where(rng.random(len(base)) < share, base / 2.0, base)


def normal_mean(paths: int) -> Case:
    def draw(rng: np.random.Generator, _: int) -> Held:
        base = rng.normal(size=paths)
        return held(mean_difference(base + rng.normal(0.3, 0.5, paths), base), 0.3)

    return Case("paired t", "normal", paths, draw, bound=paths >= 100)


def loss_mean(paths: int, share: float = HALVED, *, drawn: bool = False) -> Case:
    """The mean by t, or by the bootstrap of t that serves many arms at once, here with one."""
    truth = -0.5 * share * DAMAGED * MEAN_LOSS

    def draw(rng: np.random.Generator, number: int) -> Held:
        base = losses(rng, paths)
        return mean_held(helped(rng, base, share), base, truth, number if drawn else None)

    data = f"two humps, {share * DAMAGED:.0%} of paths moved"
    return Case("bootstrap t, one arm" if drawn else "paired t", data, paths, draw)


def both_ways(paths: int, *, drawn: bool = False) -> Case:
    """On a tenth of paths the arm has less or more, at random and by amounts with heavy tails."""

    def draw(rng: np.random.Generator, number: int) -> Held:
        base = losses(rng, paths)
        moves = np.where(rng.random(paths) < 0.1, rng.normal(size=paths) * rng.lognormal(size=paths), 0.0)
        return mean_held(base + moves, base, 0.0, number if drawn else None)

    return Case("bootstrap t, one arm" if drawn else "paired t", "help and hurt, 10% moved", paths, draw)


def mean_held(arm: Array, base: Array, truth: float, number: int | None) -> Held:
    if number is None:
        return held(mean_difference(arm, base), truth)
    return held(simultaneous(arm - base, seed=luck(number, "bench"), resamples=1_999)[0], truth)


def one_share(paths: int, chance: float) -> Case:
    def draw(rng: np.random.Generator, _: int) -> Held:
        return held(probability((rng.random(paths) < chance).astype(float)), chance)

    return Case("Wilson", f"share {chance:g}", paths, draw, bound=True)


def shares(rng: np.random.Generator, paths: int, cells: tuple[float, float, float]) -> tuple[Array, Array]:
    """Paths hit in both arms, in the first only, in the second only, with these probabilities."""
    both, first, second = cells
    at = rng.random(paths)
    arm = at < both + first
    base = (at < both) | ((at >= both + first) & (at < both + first + second))
    return arm.astype(float), base.astype(float)


def two_shares(paths: int, cells: tuple[float, float, float], *, hybrid: bool = False) -> Case:
    def draw(rng: np.random.Generator, _: int) -> Held:
        arm, base = shares(rng, paths, cells)
        if not hybrid:
            return held(probability_difference(arm, base), cells[1] - cells[2])
        low, high = newcombe(arm, base)
        return bool(low <= cells[1] - cells[2] <= high), high - low

    name = "not taken: hybrid of two Wilson" if hybrid else "paired shares (Tango)"
    return Case(name, "both {:g}, one only {:g} and {:g}".format(*cells), paths, draw)


def newcombe(arm: Array, base: Array) -> Ends:
    """Newcombe's (1998) tenth method."""
    n, a, b = len(arm), float(arm @ base), float(arm @ (1.0 - base))
    c = float((1.0 - arm) @ base)
    d = n - a - b - c
    (low1, high1), (low2, high2) = ([float(end) for end in wilson(hits, n)] for hits in (a + b, a + c))
    p1, p2, product = (a + b) / n, (a + c) / n, a * d - b * c
    scale = float(np.sqrt((a + b) * (c + d) * (a + c) * (b + d)))
    shrunk = max(product - n / 2.0, 0.0) if product > 0.0 else product
    phi = shrunk / scale if scale > 0.0 else 0.0

    def reach(one: float, other: float) -> float:
        return float(np.sqrt(one * one - 2.0 * phi * one * other + other * other))

    return p1 - p2 - reach(p1 - low1, high2 - p2), p1 - p2 + reach(high1 - p1, p2 - low2)


def bend_of_medians(paths: int, *, smooth: bool) -> Case:
    """By how much the median falls more for a whole step than for two halves, three arms in two humps (claim 11)."""

    def arms(rng: np.random.Generator, paths: int) -> Array:
        none = np.where(rng.random(paths) < 0.5, rng.normal(0.6, 0.25, paths), rng.normal(1.9, 0.4, paths))
        half = none - 0.04 + rng.normal(0.0, 0.03, paths)
        return np.stack([none, half, half - 0.04 + rng.normal(0.0, 0.03, paths)])

    def bend(arms: Array) -> Any:
        none, half, whole = np.median(arms, axis=-1)
        return 2.0 * half - none - whole

    truth = float(bend(arms(np.random.default_rng(1), MANY)))

    def draw(rng: np.random.Generator, number: int) -> Held:
        drawn, everyone = arms(rng, paths), np.arange(paths, dtype=float)

        def of_these(places: Array, axis: int = -1) -> Any:
            return bend(drawn[:, places.astype(np.intp)])

        return held(
            bootstrap_interval(of_these, bend(drawn), everyone, seed=luck(number, "bench"), smooth=smooth), truth
        )

    method = "BCa" if smooth else "percentiles"
    return Case(f"bend of medians: {method}", "two humps, three arms", paths, draw)


def upper_quartile(values: Array, axis: int = -1) -> Array:
    return np.asarray(np.quantile(values, 0.75, axis=axis))


def by_bootstrap(paths: int, *, tail: bool) -> Case:
    """A figure of the tail, or of the middle, whose true difference comes from four million draws."""
    statistic = expected_shortfall if tail else upper_quartile
    rng = np.random.default_rng(1)
    base = losses(rng, MANY)
    truth = float(statistic(helped(rng, base)) - statistic(base))

    def draw(rng: np.random.Generator, number: int) -> Held:
        base = losses(rng, paths)
        seed = luck(number, "bench")
        if tail:
            return held(shortfall_difference(helped(rng, base), base, seed=seed), truth)
        return held(statistic_difference(helped(rng, base), base, upper_quartile, seed=seed), truth)

    if tail:
        return Case("BCa" if paths <= 2_000 else "influence", "expected shortfall, two humps", paths, draw)
    return Case("BCa", "upper quartile, two humps", paths, draw)


def arms_at_once(paths: int, arms: int, *, skewed: bool, fixed: bool = False) -> Case:
    """All arms held at once: policies that help ever more paths, or normal arms with ever larger effects."""
    shares_helped = np.linspace(0.1, 0.9, arms)
    truth = -0.5 * shares_helped * DAMAGED * MEAN_LOSS if skewed else 0.3 * shares_helped

    def draw(rng: np.random.Generator, number: int) -> Held:
        if skewed:
            base = losses(rng, paths)
            rows = np.stack([helped(rng, base, float(share)) - base for share in shares_helped])
        else:
            rows = truth[:, None] + 0.8 * rng.normal(size=paths) + 0.6 * rng.normal(size=(arms, paths))
        if fixed:
            return with_fixed_spread(rows, truth, rng)
        found = simultaneous(rows, seed=luck(number, "bench"), resamples=1_999)
        low, high = (np.array([getattr(one, end) for one in found]) for end in ("low", "high"))
        return not np.any((truth < low) | (truth > high)), float(np.nanmean(high - low))

    name = "not taken: max-t, spread fixed" if fixed else f"max-t, all {arms} at once"
    return Case(name, "two humps" if skewed else "normal", paths, draw)


def with_fixed_spread(rows: Array, truth: Array, rng: np.random.Generator) -> Held:
    """The largest t with the standard deviation of the sample in every resample."""
    paths = rows.shape[1]
    error = rows.std(axis=1, ddof=1) / np.sqrt(paths)
    drawn = rng.multinomial(paths, np.full(paths, 1.0 / paths), size=1_999) / paths
    moves = np.abs(drawn @ (rows - rows.mean(axis=1, keepdims=True)).T) / error
    half = float(np.quantile(moves.max(axis=1), 0.95)) * error
    return bool(np.all(np.abs(rows.mean(axis=1) - truth) <= half)), float(2.0 * half.mean())


def cost_of_avoiding(paths: int) -> Case:
    """A cost of 10 and a tenth of it a default, on paths where defaults are avoided and on some where none are."""

    def draw(rng: np.random.Generator, _: int) -> Held:
        avoided = np.where(rng.random(paths) < 0.2, rng.poisson(3.0, paths), 0.0)
        cost = 10.0 * avoided + rng.exponential(4.0, paths)
        return held(price(cost, avoided, what="defaults avoided"), 10.0 + 4.0 / 0.6)

    return Case("price (Fieller)", "skewed cost over counts", paths, draw)


def until_narrow(rule: Precision, *, skewed: bool) -> Case:
    """The interval at the stop; the length told is the mean number of paths."""
    truth = -0.5 * HALVED * DAMAGED * MEAN_LOSS if skewed else 0.5

    def draw(rng: np.random.Generator, _: int) -> Held:
        base = losses(rng, rule.most) if skewed else np.zeros(rule.most)
        arm = helped(rng, base) if skewed else rng.normal(0.5, 1.0, rule.most)
        for paths in rule.looks():
            found = mean_difference(arm[:paths], base[:paths])
            if not rule.says({"mean": found}).go_on:
                break
        return held(found, truth)[0], float(paths)

    data = f"{'two humps' if skewed else 'normal'}, half-width within {rule.relative:.0%}, blocks of {rule.block}"
    return Case("stopped t; length: paths", data, rule.most, draw)


def cases() -> Iterator[Case]:
    """Every line of the table."""
    yield from (normal_mean(paths) for paths in (40, 100, 512))
    for drawn in (False, True):
        yield from (loss_mean(paths, drawn=drawn) for paths in (100, 512, 2_000))
        yield loss_mean(512, share=0.1, drawn=drawn)
        yield from (both_ways(paths, drawn=drawn) for paths in (100, 512))
    yield from (one_share(paths, chance) for paths, chance in ((100, 0.3), (512, 0.05), (512, 0.35), (1_000, 0.02)))
    for paths, cells in ((100, (0.5, 0.04, 0.0)), (512, (0.2, 0.02, 0.002)), (512, (0.01, 0.005, 0.0))):
        yield two_shares(paths, cells)
    yield by_bootstrap(512, tail=False)
    for smooth in (True, False):
        yield from (bend_of_medians(paths, smooth=smooth) for paths in (64, 512))
    yield from (by_bootstrap(paths, tail=True) for paths in (500, 1_000, 4_000))
    for paths in (100, 512):
        yield from (arms_at_once(paths, 7, skewed=skewed) for skewed in (False, True))
    yield from (cost_of_avoiding(paths) for paths in (100, 512))
    for block in (20, 64):
        for skewed in (False, True):
            yield until_narrow(Precision(relative=0.2, block=block, most=4_000), skewed=skewed)
    yield arms_at_once(512, 7, skewed=True, fixed=True)
    yield two_shares(100, (0.5, 0.04, 0.0), hybrid=True)
    yield two_shares(512, (0.2, 0.02, 0.002), hybrid=True)


def line(case: Case, repetitions: int) -> bool:
    """A line of the table is printed; whether a bound was kept."""
    drawn = [case.draw(np.random.default_rng([number, case.paths]), number) for number in range(repetitions)]
    lengths = np.array([length for _, length in drawn])
    told = np.isfinite(lengths)
    share = float(np.mean([inside for inside, _ in drawn], where=told))
    noise = float(norm.ppf(0.975)) * float(np.sqrt(share * (1.0 - share) / np.count_nonzero(told)))
    kept = not case.bound or LIMITS[0] <= share <= LIMITS[1]
    verdict = ("yes" if kept else "NO") if case.bound else ""
    print(
        f"| {case.method} | {case.data} | {case.paths:,} | {share:.3f} ± {noise:.3f} | {lengths[told].mean():.4g} "
        f"| {told.mean():.3f} | {verdict} |",
        flush=True,
    )
    return kept


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=1_000)
    parser.add_argument("--only", default="", help="methods whose name holds this")
    asked = parser.parse_args()
    begin = time.process_time()
    print("| interval | data | paths | held the truth | mean length | told | .93 to .97 |")
    print("|---|---|---|---|---|---|---|")
    kept = [line(case, asked.repetitions) for case in cases() if asked.only in case.method]
    seconds = time.process_time() - begin
    print(f"\n{'all bounds kept' if all(kept) else 'A BOUND WAS NOT KEPT'}; {seconds:.0f} s of CPU")


if __name__ == "__main__":
    main()
