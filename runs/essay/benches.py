"""Which arms does a claim need, and how is an arm that several claims share simulated once?"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from nobid.runs.arms import Arm, work_off
from nobid.runs.essay.declaration import Claim, Settings, World
from nobid.runs.essay.measures import MEASURES, sample
from nobid.runs.order import DEFAULT_SEED, Asked, ordered
from nobid.runs.progress import Progress
from nobid.runs.run import Run
from nobid.runs.run_directory import SHORT_HASH

Array = NDArray[np.float64]

ARMS: Final = "arms"  # the folder of all arms; claims have folders beside it


@dataclass(frozen=True)
class Want:
    """One arm in full: scenario, months, settings and policy."""

    scenario: str
    months: int | None
    set: Settings
    policy: str | None

    @property
    def key(self) -> str:
        """The same for the same arm, whichever claim wants it."""
        return json.dumps([self.scenario, self.months, self.set, self.policy], sort_keys=True)


def wanted(claim: Claim, label: str, world: World | None = None, *, point: Mapping[str, Any] | None = None) -> Want:
    """The arm of a claim with this label, in another world if one is named, at a point of a sweep.

    What the arm itself sets wins over the point, that over the world, that over the claim. In a world with a steady
    rent all months have it, and no regime is drawn.
    """
    place = label if world is None else world.replace.get(label, label)
    one, there = claim.arm(place), world or World(why="the claim's own")
    steady = {} if there.steady_rent is None else _steady(there.steady_rent, claim.months)
    return Want(
        one.scenario or there.scenario or claim.scenario,
        claim.months,
        {**claim.set, **steady, **there.set, **(point or {}), **one.set},
        one.policy,
    )


MONTHS: Final = 60  # of a run where nothing is said


def _steady(rent: float, months: int | None) -> Settings:
    return {"paths.rent": [rent] * (months or MONTHS), "regime.stochastic": False}


@dataclass
class Bench:
    """Arms by what they are, each simulated once, on one seed and the same paths; under `out` if given."""

    paths: int
    seed: int = DEFAULT_SEED
    out: Path | None = None
    workers: int = 1
    chunk: int = 64
    progress: Callable[[Progress], None] | None = None
    arms: dict[str, Arm] = field(default_factory=dict)
    labelled: dict[str, Arm] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)
    samples: dict[tuple[str, str, str], Array] = field(default_factory=dict)

    def arm(self, want: Want) -> Arm:
        """The arm, checked and not simulated. Errors: InputError for settings that cannot be."""
        if want.key not in self.arms:
            asked = Asked(want.scenario, self.paths, None, self.seed, want.months, want.set, None, None, "cohort", None,
                          self.chunk, (), want.policy)  # fmt: skip
            order = ordered(asked)
            name = f"{order.scenario.name}-{order.scenario.parameters.months}-{order.scenario.hash[: 2 * SHORT_HASH]}"
            self.arms[want.key] = self.labelled.setdefault(name, Arm(name, (), Run(order)))
        return self.arms[want.key]

    def simulates(self, wants: Iterable[Want]) -> None:
        """These arms have run; what was there already was not run again. Errors: those of `work_off`."""
        found = {self.arm(want).label: self.arm(want) for want in wants}
        left = [arm for label, arm in found.items() if label not in self.done]
        if left:
            work_off(left, workers=self.workers, out=self.folder, progress=self.progress)
            self.done |= {arm.label for arm in left}

    @property
    def folder(self) -> Path | None:
        """Where the arms lie, a run directory each."""
        return None if self.out is None else self.out / ARMS

    def sample(self, want: Want, measure: str, given: Settings) -> Array:
        """The figures of the measure on every path of the arm, NaN where it did not finish: (figures, paths)."""
        arm = self.arm(want)
        key = (arm.label, measure, json.dumps(given, sort_keys=True))
        if key not in self.samples:
            self.samples[key] = sample(MEASURES[measure], arm.run, given)
        return self.samples[key]
