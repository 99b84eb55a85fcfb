"""What did a reverse stress test find: the nearest shock, what it does on held-out paths, how it gets there?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from nobid.model.parameters import Shock
from nobid.runs.arms import Arm
from nobid.runs.estimate import FIRM_FROM, Estimate, mean_over_paths, significant
from nobid.runs.paired import probability
from nobid.runs.reversal.nearest import Search, Tried
from nobid.runs.reversal.shocks import FACTORS, Frequency, label
from nobid.runs.reversal.targets import By, Target
from nobid.runs.reversal.told import path_told
from nobid.runs.run import Order
from nobid.runs.summary import Summary
from nobid.runs.summary_blocks import Block

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = NDArray[np.float64]

NAMES: Final = {"demand": "demand for compute", "coin": "coin price", "funding": "funding window"}
BY: Final = {"half": "on half of the paths at least", "mean": "by the mean over paths"}


@dataclass
class Reversal:
    """Every shock that was tried; the nearest that reaches the target; that one on held-out paths.

    `found.best` is nearest on the paths of the search, `best` lies in its direction and reaches the target on others.
    `held_out`: the runs with the shock and without, on the same paths; empty where no shock was needed or none reached
    the target. Shows itself as a table.
    """

    order: Order
    target: Target
    base: float
    by: By
    month: str
    found: Search
    best: Tried | None
    held_out: Mapping[str, Arm]
    often: Frequency | None
    out: Path | None = None
    argv: tuple[str, ...] = ()

    @property
    def shock(self) -> Shock | None:
        """The nearest shock that reaches the target; None where none does."""
        return None if self.best is None else self.found.space.shock(self.best.point, self.month)

    @property
    def distance(self) -> float:
        """Its distance in standard deviations; NaN where no shock reaches the target."""
        return self.best.distance if self.best else np.nan

    def values(self, name: str) -> Array:
        """What the target is about on every held-out path of this arm: a share of its base, or as it is measured."""
        return self.held_out[name].figures[self.target.measure].to_numpy(dtype=float) / self.base

    def reached(self, *, with_shock: bool = True) -> Estimate | None:
        """The share of held-out paths that reach the target, with the shock or without."""
        if not self.held_out:
            return None
        return probability(self.target.reached(self.values([*self.held_out][0 if with_shock else 1])))

    @property
    def holds(self) -> bool:
        """True where the target is reached on the held-out paths as it was asked for."""
        return bool(self.held_out) and self.target.margin(self.values(next(iter(self.held_out))), self.by) >= 0.0

    @cached_property
    def told(self) -> dict[str, tuple[int, tuple[str, ...]]]:
        """The median and the worst held-out path: number and sentences, by name."""
        if not self.held_out:
            return {}
        arm = next(iter(self.held_out.values()))
        values = arm.figures[self.target.measure]
        ranked = values.sort_values(ascending=not self.target.above, kind="stable")
        reached = ranked[self.target.reached(ranked.to_numpy(dtype=float) / self.base) > 0.0]
        which, name = (reached, "median of those that reach the target") if len(reached) else (ranked, "median")
        names = {name: int(which.index[(len(which) - 1) // 2]), "worst": int(which.index[0])}
        return {name: (path, tuple(path_told(arm.run, path))) for name, path in names.items()}

    def plot(self) -> Figure:
        """The shocks that were tried among lines of equal distance, and the target on held-out paths."""
        from nobid.runs.charts.reversal import shocks_tried

        return shocks_tried(self)

    # ---- in words

    def summary(self) -> Summary:
        """What a person reads first."""
        tried = f"{len(self.found.tried)} shocks on the same {len(self.order.paths)} paths · seed {self.order.seed}"
        headline = f"{self.order.scenario.name} · shock in {self.month} · {tried}"
        blocks = tuple(self._blocks()) if self.shock is not None and self.distance > 0.0 else ()
        return Summary(headline, blocks, self.outcome, tuple(self._remarks()), self.as_dict())

    @property
    def outcome(self) -> str:
        """The finding in a sentence."""
        goal = f"{self.target.told(self.base)}, {BY[self.by]}"
        if self.shock is None and self.found.best is not None:
            return (
                f"not found: {goal}. What was enough on the paths of the search was not on others, three times over: "
                "more --paths."
            )
        if self.shock is None:
            most = self.found.most
            which = label(self.found.space.shock(most.point, self.month))
            far = f"{most.distance:.1f} standard deviations away"
            return f"not reached by any shock within the limits: {goal}. Nearest came {which}, {far}."
        if self.distance <= 0.0:
            return f"reached without any shock: {goal}."
        return (
            f"the most plausible shock that is enough for {goal}: {shock_words(self.shock)}; "
            f"{self.distance:.1f} standard deviations of a {self.found.space.window}-month move in stress."
        )

    def _blocks(self) -> Iterator[Block]:
        best, space = self.best, self.found.space
        if best is None or self.shock is None:
            return
        rows = [
            (NAMES[name], _value(name, getattr(self.shock, name)), f"{x / deviation:+.1f}")
            for name, x, deviation in zip(space.factors, best.point, space.deviations, strict=True)
        ]
        yield Block("the shock", ("scripted", "standard deviations"), tuple(rows))
        with_, without = self.reached(), self.reached(with_shock=False)
        if with_ is None or without is None:
            return
        shown = [("with the shock", _share(with_), self._middle(0)), ("without it", _share(without), self._middle(1))]
        unit = f"{self.target.measure} over {self.target.base}" if self.target.base else self.target.measure
        yield Block(f"{with_.paths} held-out paths", ("reach the target", f"{unit}, mean"), tuple(shown))

    def _middle(self, place: int) -> str:
        return mean_over_paths(self.values([*self.held_out][place])).text(3)

    def _remarks(self) -> Iterator[str]:
        if self.shock is not None and self.distance > 0.0:
            yield from self._how_often()
            for name, (path, sentences) in self.told.items():
                yield f"path {path}, the {name}: {' '.join(sentences)}"
        if len(self.order.paths) < FIRM_FROM:
            yield f"with fewer than {FIRM_FROM} paths a search follows the luck of its paths."
        failed = sum(len(arm.figures.attrs["failed"]) for arm in self.held_out.values())
        if failed:
            yield f"{failed} held-out paths did not finish and are left out."

    def _how_often(self) -> Iterator[str]:
        window, share = self.found.space.window, self.reached()
        if share is not None:
            verdict = "holds" if self.holds else "does NOT hold: it followed the luck of its paths"
            yield f"on held-out paths the finding {verdict} (95 %: {_share(share)} of paths)."
        if self.found.best is not None:
            yield (
                f"on the paths of the search {self.found.best.distance:.1f} standard deviations were enough; "
                "the length was settled on as many others."
            )
        if self.often is not None:
            yield (
                f"the model's own world moves as far in this direction within {window} months {self.often.words}, "
                "calm and stress as they come. That is the model's own luck, not history: the volatility of demand, "
                "the stress correlation and the funding window are assumptions."
            )
        yield (
            "distance: Mahalanobis, from the covariance of demand, coin and funding window over "
            f"{window} months of stress by the parameters of the scenario."
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain values: what was asked for, the shock, its distance and frequency, held-out figures, every trial."""
        one, share, space = self.order.scenario, self.reached(), self.found.space
        return {
            "status": "done",
            "scenario": one.name,
            "seed": self.order.seed,
            "months": one.parameters.months,
            "config_hash": one.hash,
            "target": self.target.words,
            "base_usd_m": self.base if self.target.base else None,
            "by": self.by,
            "month": self.month,
            "window": space.window,
            "standard_deviations": dict(zip(space.factors, map(float, space.deviations), strict=True)),
            "covariance": space.covariance.tolist(),
            "paths": [self.order.paths[0], self.order.paths[-1] + 1],
            "shock": None if self.shock is None else {name: getattr(self.shock, name) for name in FACTORS},
            "distance": None if self.shock is None else self.distance,
            "distance_in_sample": None if self.found.best is None else self.found.best.distance,
            "once_in_years": None if self.often is None or not self.often.enough else self.often.years,
            "own_world": None if self.often is None else self.often.share.as_dict(),
            "held_out": None if share is None else {"reached": share.as_dict(), "holds": self.holds},
            "told": {name: {"path": path, "sentences": list(words)} for name, (path, words) in self.told.items()},
            "tried": [
                {**{name: getattr(shock, name) for name in FACTORS}, "distance": tried.distance, "margin": tried.margin}
                for tried in self.found.tried.values()
                for shock in (space.shock(tried.point, self.month),)
            ],
        }

    def __str__(self) -> str:
        """The closing table as text."""
        return str(self.summary())

    def __repr__(self) -> str:
        """Scenario, target, distance."""
        return f"{self.order.scenario.name} · {self.target.words} · {self.distance:.2f} standard deviations"

    def _repr_html_(self) -> str:
        """The closing table for a notebook."""
        return self.summary().html()


def shock_words(shock: Shock) -> str:
    """The shock as people say it: "compute demand 41 % lower, coin 50 % lower, funding window 0.9 tighter"."""
    told = []
    for name in FACTORS:
        value = getattr(shock, name)
        if name == "funding":
            told.append(f"{NAMES[name]} {abs(value):.2g} {'tighter' if value >= 0.0 else 'wider'}")
        else:
            told.append(f"{NAMES[name]} {significant(100.0 * abs(value), 2)} % {'higher' if value > 0.0 else 'lower'}")
    return ", ".join(part for part, name in zip(told, FACTORS, strict=True) if getattr(shock, name))


def _value(name: str, value: float) -> str:
    return f"{value:+.2f}" if name == "funding" else f"{100.0 * value:+.0f} %"


def _share(one: Estimate) -> str:
    return f"{100.0 * one.value:.0f} % ({100.0 * one.low:.0f} to {100.0 * one.high:.0f})"
