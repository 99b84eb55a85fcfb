"""How is a claim of the essay declared, so that its verdict follows from data that were fixed before any result?

A claim is a file of `runs/essay/claims/`: arms (settings by dotted key, policies), tests (a measure, a rule, a bound),
a null control and other worlds (the same tests on other arms), sweeps (where it turns). `RULES` says what a rule makes
of the arms of a test; `measures.py` has what can be measured.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from nobid.runs.errors import InputError
from nobid.runs.scenario_files import did_you_mean

FOLDER: Final = Path(__file__).with_name("claims")
CLAIMS: Final = 16  # of the essay
RULES: Final[Mapping[str, int]] = {  # name: how many arms its tests have
    "level": 1, "difference": 2, "second difference": 3, "but-for": 2, "figures": 0, "fact": 0,
}  # fmt: skip
COMMON: Final = "scenario"  # the arm that every claim has: the scenario as it is

Settings = dict[str, Any]
Rule = Literal["level", "difference", "second difference", "but-for", "figures", "fact"]
Number = Annotated[float, Field(allow_inf_nan=False)]


class Declared(BaseModel):
    """Whatever stands in a claim's file: nothing unknown, nothing changed later."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class ArmOf(Declared):
    """What holds in an arm besides the claim's scenario."""

    set: Settings = {}
    policy: str | None = None
    scenario: str | None = None


class Figure(Declared):
    """A sourced figure that a rule reads as it stands."""

    what: str
    value: Number
    source: str
    counts: bool = True


class Criterion(Declared):
    """A measure, the arms from which a rule makes one figure, and on which side of the bound its interval must lie.

    `bound` None: the figure is told and nothing is decided. `assumed`: what comes out was put in.
    """

    what: str
    rule: Rule
    measure: str = ""
    given: Settings = Field({}, alias="with")
    arms: tuple[str, ...] = ()
    side: Literal["above", "below"] = "above"
    bound: Number | None = None
    assumed: bool = False
    figures: tuple[Figure, ...] = ()
    fact: str = ""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if len(self.arms) != RULES[self.rule]:
            raise ValueError(f'rule "{self.rule}" takes {RULES[self.rule]} arms, not {len(self.arms)}')
        wanted = {"figures": bool(self.figures), "fact": bool(self.fact)}.get(self.rule, bool(self.measure))
        if not wanted:
            raise ValueError(f'rule "{self.rule}" has nothing to judge')
        return self


class World(Declared):
    """The same tests elsewhere: in another scenario, with other settings on top, or with other arms in their places.

    `steady_rent`: rents stand at so many USD per H100e-hour in all months, and nothing else is left to chance.
    """

    name: str = "null control"
    why: str = ""
    scenario: str | None = None
    set: Settings = {}
    replace: dict[str, str] = {}
    steady_rent: Number | None = None


class Level(Declared):
    """A point of an axis that is more than a number."""

    label: str
    set: Settings


class Axis(Declared):
    """What a sweep moves: the values of a key, or levels with a name; `quick`: the values where --full is not asked."""

    key: str = ""
    name: str = ""
    unit: str = ""
    values: tuple[Number, ...] = ()
    quick: tuple[Number, ...] = ()
    levels: tuple[Level, ...] = ()
    sourced: Number | None = None

    @property
    def words(self) -> str:
        """What it is called."""
        return self.name or self.key

    def points(self, *, full: bool) -> list[tuple[str, float | None, Settings]]:
        """Label, value and settings of every point."""
        if self.levels:
            return [(one.label, None, one.set) for one in self.levels]
        values = self.values if full or not self.quick else self.quick
        return [(f"{value:g}", value, {self.key: _plain(value)}) for value in values]


class Sweep(Criterion):
    """A test at every point of a grid: its arms with the point's settings on top.

    `against`: a value of the first axis; the figure is then the difference of the test's one arm from that point.
    """

    axes: tuple[Axis, ...] = Field(alias="axis")
    against: Number | None = None
    full: bool = False  # only with --full

    @model_validator(mode="after")
    def _a_grid(self) -> Self:
        if not 1 <= len(self.axes) <= 2 or self.axes[0].levels:
            raise ValueError("a sweep has one axis or two, the first of them of numbers")
        first = self.axes[0]
        if self.against is not None and self.against not in (first.quick or first.values):
            raise ValueError(f"against = {self.against}: must be one of the values of {first.key}")
        if self.against is not None and self.rule != "level":
            raise ValueError('against: the rule must be "level", of one arm')
        return self


class Claim(Declared):
    """A claim of the essay, what would show it, and by which rule it is judged."""

    number: int = Field(ge=1, le=CLAIMS)
    title: str
    says: str
    mechanism: str
    kind: Literal["experiment", "data", "assumed"]
    scenario: str = "baseline"
    months: int | None = None
    set: Settings = {}
    combine: Literal["all", "everywhere"] = "all"
    holds_if: str
    arms: dict[str, ArmOf] = {}
    tests: tuple[Criterion, ...] = Field(alias="test", min_length=1)
    null: World | None = None
    no_null: str = ""
    also: tuple[World, ...] = ()
    beside: tuple[Criterion, ...] = ()
    sweeps: tuple[Sweep, ...] = Field((), alias="sweep")

    def arm(self, label: str) -> ArmOf:
        """The arm with this label; `scenario` is the claim's world as it is."""
        return ArmOf() if label == COMMON else self.arms[label]

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.null is None) == (not self.no_null):
            raise ValueError("a claim has a null control, or `no_null` says why it can have none")
        known = {COMMON, *self.arms}
        named = [label for test in (*self.tests, *self.beside, *self.sweeps) for label in test.arms]
        named += [label for world in self.worlds() for pair in world.replace.items() for label in pair]
        for label in named:
            if label not in known:
                raise ValueError(f'there is no arm "{label}"{did_you_mean(label, known)}')
        if any(test.bound is None for test in self.tests if test.measure):
            raise ValueError("a test that counts has a bound")
        names = [world.name for world in self.worlds()]
        if len({*names}) < len(names):
            raise ValueError("two worlds have one name")
        return self

    def worlds(self) -> Iterator[World]:
        """The null control and all other worlds."""
        yield from (() if self.null is None else (self.null,))
        yield from self.also


def _plain(value: float) -> float | int:
    """A whole number without its point: months and counts want none."""
    return int(value) if value == int(value) else value


@cache
def declared() -> dict[int, Claim]:
    """Every claim by its number, in order. Errors: InputError where a file of this package cannot be read."""
    found = sorted((read(file) for file in FOLDER.glob("*.toml")), key=lambda one: one.number)
    return {one.number: one for one in found}


def read(file: Path) -> Claim:
    """The claim in a file; InputError with all that is wrong with it."""
    try:
        return Claim.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise InputError(f"{file.name}: {error}") from error


def chosen(only: str | Iterable[int] | None) -> list[Claim]:
    """The claims with these numbers, "3,8" or a list; all of them for None. InputError where there is none."""
    known = declared()
    if only is None:
        return [*known.values()]
    words = only.split(",") if isinstance(only, str) else [str(one) for one in only]
    numbers = [int(word) if word.strip().isdigit() else -1 for word in words]
    for word, number in zip(words, numbers, strict=True):
        if number not in known:
            raise InputError(f"--only {word.strip()}: must be numbers of claims, 1 to {CLAIMS}, such as 3,8.")
    return [known[number] for number in sorted({*numbers})]


def rules_hash() -> str:
    """A hash of all files of claims: a rule that is changed after a result was seen shows."""
    texts = b"".join(file.read_bytes() for file in sorted(FOLDER.glob("*.toml")))
    return hashlib.sha256(texts.replace(b"\r\n", b"\n")).hexdigest()
