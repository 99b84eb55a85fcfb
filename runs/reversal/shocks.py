"""How plausible is a scripted shock of demand, coin and funding window, in the model's own world?

A shock is a point: the log changes of demand and of the coin, and the rise of the funding window. Its distance is that
of Mahalanobis, from the covariance of what these three do over some months in the regime of stress: volatilities,
jumps, the common factor and the persistence of the window, by the parameters of the world. How often a move as far in
the same direction comes by itself is counted in months drawn from that world, calm ones and jumps included.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nobid.agents.finance import MONTHS
from nobid.model.parameters import Parameters, Shock
from nobid.runs.errors import InputError
from nobid.runs.estimate import Estimate, luck
from nobid.runs.ratios import wilson
from nobid.runs.scenarios import Scenario

Array = NDArray[np.float64]

FACTORS: Final = ("demand", "coin", "funding")
LIMITS: Final[Mapping[str, tuple[float, float]]] = {  # of a shock: changes as shares, the window as such
    "demand": (-0.95, 1.0),
    "coin": (-0.95, 1.0),
    "funding": (-4.0, 4.0),
}
ADVERSE: Final[Mapping[str, float]] = {"demand": -1.0, "coin": -1.0, "funding": 1.0}
DIGITS: Final = 3  # significant ones: nobody scripts a fall of 41.237 %
WINDOWS: Final = 1_000_000  # drawn from the own world
SEEN: Final = 20  # times at least, for a frequency to be told as a number


@dataclass(frozen=True)
class Space:
    """The shocks that may be scripted: which factors, over how many months, with which covariance."""

    factors: tuple[str, ...]
    window: int
    covariance: Array

    @property
    def root(self) -> Array:
        """The lower Cholesky factor: `root @ z` is a point as many standard deviations away as z is long."""
        root: Array = np.linalg.cholesky(self.covariance)
        return root

    @property
    def deviations(self) -> Array:
        """The standard deviation of each factor."""
        deviations: Array = np.sqrt(np.diag(self.covariance))
        return deviations

    @property
    def limits(self) -> Array:
        """The least and the greatest of each factor, as points: (factors, 2)."""
        return np.array([[_point(name, end) for end in LIMITS[name]] for name in self.factors])

    def distance(self, point: Array) -> float:
        """How many standard deviations the point is away from nothing (Mahalanobis)."""
        return float(np.linalg.norm(np.linalg.solve(self.root, point)))

    def rounded(self, point: Array) -> Array:
        """The nearest point whose shock has three digits, within the limits."""
        pairs = zip(self.factors, point, self.limits, strict=True)
        values = {name: float(f"{_value(name, min(max(x, low), high)):.{DIGITS}g}") for name, x, (low, high) in pairs}
        return np.array([_point(name, values[name]) for name in self.factors]) + 0.0  # no minus nought

    def shock(self, point: Array, month: str) -> Shock:
        """The scripted shock that the point stands for."""
        values = {name: float(f"{_value(name, x):.{DIGITS}g}") for name, x in zip(self.factors, point, strict=True)}
        return Shock(month=month, **values)


def _point(name: str, value: float) -> float:
    return value if name == "funding" else float(np.log1p(value))


def _value(name: str, point: float) -> float:
    return point if name == "funding" else float(np.expm1(point))


def label(shock: Shock) -> str:
    """The shock in a few signs: "demand=-0.35,coin=-0.5,funding=1"."""
    return ",".join(f"{name}={getattr(shock, name):g}" for name in FACTORS)


def shocked(world: Scenario, shock: Shock) -> Scenario:
    """The scenario with this shock besides its own."""
    parameters = world.parameters.model_copy(update={"shock": (*world.parameters.shock, shock)})
    resolved = {**world.resolved, "shock": [one.model_dump(mode="json") for one in parameters.shock]}
    return replace(world, founding=world.founding.model_copy(update={"parameters": parameters}), resolved=resolved)


def space_of(parameters: Parameters, factors: Sequence[str], window: int) -> Space:
    """The shocks of these factors with the covariance of stress; InputError where one of them never moves."""
    every = _covariance(parameters, window)
    places = [FACTORS.index(name) for name in factors]
    covariance = every[np.ix_(places, places)]
    still = [name for name, variance in zip(factors, np.diag(covariance), strict=True) if variance <= 0.0]
    if still or not parameters.regime.stochastic:
        which = ", ".join(still) or "nothing"
        raise InputError(
            f"factors: {which} moves by itself in this world, so that no shock of it is more plausible than another."
            if not still
            else f"factors: {which} never moves by itself in this world: leave it out (--factors)."
        )
    return Space(tuple(factors), window, covariance)


def _covariance(p: Parameters, window: int) -> Array:
    """Of demand, coin and funding over the window in stress; the path's own volatility of demand is drawn."""
    persistent = np.power(p.funding.persistence, np.arange(window))
    spread = p.demand.volatility_uncertainty
    demand, coin = p.demand.volatility / np.sqrt(MONTHS), p.coin.volatility / np.sqrt(MONTHS)
    moves = np.array([demand * np.exp(spread * spread / 2.0), coin, p.funding.innovation])
    together = np.array([[window, window, persistent.sum()]] * 2 + [[persistent.sum()] * 3], dtype=float)
    signs = np.array([1.0, 1.0, -1.0])
    found: Array = p.regime.correlation_stress * np.outer(moves * signs, moves * signs) * together
    jumps = p.coin.jump_size * p.coin.jump_size * p.coin.jump_probability * (1.0 - p.coin.jump_probability)
    own = [
        window * demand * demand * np.exp(2.0 * spread * spread),
        window * (coin * coin + jumps),
        p.funding.innovation * p.funding.innovation * (persistent * persistent).sum(),
    ]
    np.fill_diagonal(found, own)
    return found


def own_moves(p: Parameters, window: int, *, windows: int, seed: int | np.random.SeedSequence) -> Array:
    """What demand, coin and funding do over so many windows drawn from the model's own world: `(windows, 3)`.

    Calm and stress come as often as they do in the long run. Log changes against the calm trend; of the funding window
    what is left at the end of what came in the window.
    """
    draw, regime = np.random.default_rng(seed), p.regime
    leaves = regime.calm_to_stress + regime.stress_to_calm
    stress = draw.random(windows) < (regime.calm_to_stress / leaves if leaves else 0.0)
    volatility = p.demand.volatility * np.exp(p.demand.volatility_uncertainty * draw.standard_normal(windows))
    demand, coin, funding = np.zeros(windows), np.zeros(windows), np.zeros(windows)
    for _ in range(window):
        u = draw.random(windows)
        stress = np.where(stress, u >= regime.stress_to_calm, u < regime.calm_to_stress)
        shared = np.where(stress, regime.correlation_stress, regime.correlation_calm)
        common, own = draw.standard_normal(windows) * np.sqrt(shared), np.sqrt(1.0 - shared)
        slower = (p.demand.growth_stress - p.demand.growth_calm, p.coin.drift_stress - p.coin.drift_calm)
        demand += slower[0] * stress / MONTHS
        demand += volatility * np.sqrt(1.0 / MONTHS) * (common + own * draw.standard_normal(windows))
        jump = p.coin.jump_size * ((draw.random(windows) < p.coin.jump_probability) - p.coin.jump_probability)
        coin += slower[1] * stress / MONTHS + jump
        coin += p.coin.volatility * np.sqrt(1.0 / MONTHS) * (common + own * draw.standard_normal(windows))
        moved = p.funding.innovation * (own * draw.standard_normal(windows) - common)
        funding = p.funding.persistence * funding + moved
    moved_all: Array = np.stack([demand, coin, funding], axis=1)
    return moved_all


@dataclass(frozen=True)
class Frequency:
    """How often the own world makes a move as far in the same direction: share of windows, once in so many years."""

    share: Estimate
    years: float
    years_low: float
    years_high: float
    enough: bool

    @property
    def words(self) -> str:
        """In a sentence, no more exact than what was counted."""
        if not self.enough:
            return f"less often than once in {_years(self.years_low)} years (too rare to count)"
        return (
            f"about once in {_years(self.years)} years ({_years(self.years_low)} to {_years(self.years_high)} "
            "by what was counted)"
        )


def _years(years: float) -> str:
    return f"{years:,.0f}" if years >= 9.5 else f"{years:.1f}"


def frequency(p: Parameters, space: Space, point: Array, *, seed: int) -> Frequency:
    """How often the model's own world moves as far as the point in its direction, within a window."""
    places = [FACTORS.index(name) for name in space.factors]
    moves = own_moves(p, space.window, windows=WINDOWS, seed=luck(seed, "own world"))[:, places]
    direction = np.linalg.solve(space.covariance, point)
    hits = int(np.count_nonzero(moves @ direction >= point @ direction))
    low, high = (float(end) for end in wilson(float(hits), float(WINDOWS)))
    share, span = Estimate(hits / WINDOWS, low, high, WINDOWS, "wilson"), space.window / MONTHS
    years = span / share.value if hits else np.inf
    return Frequency(share, years, span / high, span / low if low else np.inf, hits >= SEEN)
