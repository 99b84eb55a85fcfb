"""What came of a claim: its verdict, every figure behind it, where it turns, and what the null control says?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from nobid.runs.essay.rules import Kind

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from nobid.runs.summary import Summary

Role = Literal["test", "null", "world", "beside"]
SURE: Final = "supported"
FAILED: Final = " (null control failed)"


@dataclass(frozen=True)
class Line:
    """One figure and what its rule makes of it. `low` and `high`: 95 % interval, None where there is none.

    `role`: a test of the claim, the same test in its null control or in another world, or something told beside it.
    """

    role: Role
    world: str
    what: str
    value: float | None
    low: float | None
    high: float | None
    unit: str
    side: str
    bound: float | None
    verdict: Kind
    words: str
    more_paths: int | None = None
    paths: int = 0
    missing: int = 0
    rows: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True)
class Swept:
    """A figure at every point of a grid: `values`, `lows` and `highs` by row (first axis), then column.

    `turns`: where it crosses the bound, a sentence for each column.
    """

    what: str
    unit: str
    axes: tuple[str, ...]
    labels: tuple[tuple[str, ...], ...]
    numbers: tuple[float, ...]
    values: tuple[tuple[float | None, ...], ...]
    lows: tuple[tuple[float | None, ...], ...]
    highs: tuple[tuple[float | None, ...], ...]
    bound: float | None
    sourced: float | None
    turns: tuple[str, ...]


@dataclass(frozen=True)
class Trial:
    """A claim and what came of it. `null`: the verdict of the same tests on the null control, "" where it has none."""

    number: int
    title: str
    says: str
    mechanism: str
    kind: str
    scenario: str
    months: int
    holds_if: str
    verdict: Kind
    null: str
    why_null: str
    worlds: tuple[tuple[str, Kind], ...]
    lines: tuple[Line, ...]
    sweeps: tuple[Swept, ...]
    paths: int
    seed: int
    arms: tuple[tuple[str, str], ...] = ()
    failed: int = 0

    @property
    def tests(self) -> tuple[Line, ...]:
        """The figures that decide."""
        return tuple(line for line in self.lines if line.role == "test")

    @property
    def more_paths(self) -> int | None:
        """About how many more paths would settle what is inconclusive; None where nothing is known of that."""
        told = [line.more_paths for line in self.tests if line.verdict == "inconclusive"]
        known = [one for one in told if one is not None]
        return max(known) if known and len(known) == len(told) else None

    @property
    def verdict_words(self) -> str:
        """The verdict, how many more paths where it is inconclusive, and whether the null control failed."""
        words: str = self.verdict
        if self.verdict == "inconclusive" and self.more_paths is not None:
            words = f"inconclusive: about {self.more_paths:,} more paths"
        return words + self.null_failed

    @property
    def null_failed(self) -> str:
        """What is said behind a verdict whose null control came out supported too; "" elsewhere."""
        return FAILED if self.null == SURE else ""

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "verdict_words": self.verdict_words, "more_paths": self.more_paths}


def trial_of(told: dict[str, Any]) -> Trial:
    """The trial that `as_dict` told of, from plain values as JSON gives them back."""
    plain = {name: value for name, value in told.items() if name not in {"verdict_words", "more_paths"}}
    lines = tuple(Line(**{**line, "rows": _tuples(line["rows"])}) for line in plain["lines"])
    sweeps = tuple(Swept(**{name: _tuples(value) for name, value in one.items()}) for one in plain["sweeps"])
    return Trial(**{**plain, "lines": lines, "sweeps": sweeps, "worlds": _tuples(plain["worlds"]),
                    "arms": _tuples(plain["arms"])})  # fmt: skip


def _tuples(value: Any) -> Any:
    """Lists as tuples, all the way down."""
    return tuple(_tuples(one) for one in value) if isinstance(value, list | tuple) else value


@dataclass
class Trials:
    """All claims that were tried. Shows itself as a table."""

    trials: tuple[Trial, ...]
    rules: str
    out: Path | None = None
    full: bool = False

    def __getitem__(self, number: int) -> Trial:
        """The trial of the claim with this number; KeyError where it was not tried."""
        return {one.number: one for one in self.trials}[number]

    def summary(self) -> Summary:
        """What a person reads first."""
        from nobid.runs.essay.text import summarised

        return summarised(self)

    def plot(self, number: int) -> Figure:
        """The figure of a claim: its effects with their intervals, and where it turns."""
        from nobid.runs.essay.figures import figure

        return figure(self[number])

    def as_dict(self) -> dict[str, Any]:
        """Plain values: what was tried, by which rules, and what came of it."""
        return {"rules": self.rules, "full": self.full, "claims": [one.as_dict() for one in self.trials]}

    def __str__(self) -> str:
        """The table as text."""
        return str(self.summary())

    def __repr__(self) -> str:
        """How many claims came out how."""
        return f"claims · {len(self.trials)} tried · {counted(self.trials)}"

    def _repr_html_(self) -> str:
        """The table for a notebook."""
        return self.summary().html()


def counted(trials: Sequence[Trial]) -> str:
    """How many claims came out how, in words; those whose null control failed apart."""
    verdicts = [f"{one.verdict}{one.null_failed}" for one in trials]
    words = ("supported", "not supported", "inconclusive", "assumed")
    kinds = [f"{word}{end}" for word in words for end in ("", FAILED)]
    return ", ".join(f"{verdicts.count(kind)} {kind}" for kind in kinds if kind in verdicts)
