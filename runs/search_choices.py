"""Of which policies is a mix made: each may be taken or left, with settings chosen between two ends?

`buyer_of_last_resort:floor=0.3:0.9,budget=0:10000`: a setting with two ends is chosen between them, any other stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np

from nobid.model.policies import Policy
from nobid.runs.arms import under
from nobid.runs.errors import InputError
from nobid.runs.policies import policies_of
from nobid.runs.scenarios import Scenario
from nobid.runs.sweep_ranges import Range, chosen, settled


@dataclass(frozen=True)
class Choice:
    """A policy that may be taken or left, and the settings that are chosen within bounds."""

    policy: Policy
    settings: tuple[Range, ...] = ()

    def with_values(self, values: Mapping[str, float]) -> Policy:
        """The policy with these settings."""
        return chosen(self.policy, values)

    def ends(self) -> list[Policy]:
        """The policy with all its settings at their lower, and at their upper ends."""
        return [self.with_values({one.key: one.values[end] for one in self.settings}) for end in (0, -1)]


def choices_of(asked: Iterable[str | Policy]) -> list[Choice]:
    """What a mix may be made of; InputError with every mistake."""
    found, problems = [], []
    for one in [asked] if isinstance(asked, str) else asked:
        try:
            found.append(_choice(one))
        except InputError as error:
            problems += str(error).splitlines()
    names = [one.policy.name for one in found]
    problems += [f"policy {name} is given twice: give it once, with ranges." for name in names if names.count(name) > 1]
    if not found and not problems:
        problems = ['--policy is missing: nobid search SCENARIO --policy "NAME:KEY=LOW:HIGH" --budget USD_M.']
    if problems:
        raise InputError("\n".join(dict.fromkeys(problems)))
    return found


def _choice(asked: str | Policy) -> Choice:
    if isinstance(asked, Policy):
        return Choice(asked)
    name, _, rest = asked.partition(":")
    pairs = [part.strip() for part in rest.split(",") if part.strip()]
    ranged = {key.strip(): value for key, _, value in (one.partition("=") for one in pairs) if ":" in value}
    fixed = [one for one in pairs if one.partition("=")[0].strip() not in ranged]
    found = policies_of(f"{name}:{','.join(fixed)}" if fixed else name)
    if len(found) != 1:
        raise InputError(f"{asked}: give one policy at a time, each in a --policy of its own.")
    settings = tuple(settled(Range(key, _ends(key, value)), found)[0] for key, value in ranged.items())
    choice = Choice(found[0], settings)
    choice.ends()  # told before anything runs, where an end is out of bounds
    return choice


def _ends(key: str, words: str) -> tuple[float, float]:
    try:
        low, high = map(float, words.split(":"))
    except ValueError:
        low, high = np.nan, np.nan
    if not low < high < np.inf:
        raise InputError(f"{key}={words}: must be LOW:HIGH, two numbers, the lower one first.")
    return low, high


def clashing(choices: Sequence[Choice], world: Scenario) -> list[str]:
    """A sentence for each policy that cannot hold in this world, or beside another one, at an end of its settings."""
    problems = []
    for some in [*((one,) for one in choices), *combinations(choices, 2)]:
        for mix in product(*(one.ends() for one in some)):
            try:
                under(world, mix)
            except InputError as error:
                problems += str(error).splitlines()
    return [*dict.fromkeys(problems)]
