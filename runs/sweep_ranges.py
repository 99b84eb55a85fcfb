"""Over which values is a setting swept: a range or a list, of a policy or of the scenario, and what do two make?

`capacity=0:10000:11` is eleven values from 0 to 10,000, both ends among them; `haircut=0.2,0.5,0.8` a list. Values come
in order of size, so that neighbours are neighbours; whole-number settings are rounded, and it is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, Final

import numpy as np
from pydantic import ValidationError

from nobid.model.parameters import Parameters
from nobid.model.policies import Policy
from nobid.runs.errors import InputError
from nobid.runs.parameter_table import bounds_words, field_at, unit_of
from nobid.runs.scenario_files import did_you_mean
from nobid.runs.sentences import told

Over = str | Iterable[str] | Mapping[str, str | Iterable[float]]

DATES: Final = ("from", "until")  # of a policy: no numbers
CALENDAR: Final = ("start", "months")
SHAPE: Final = "KEY=FROM:TO:COUNT or KEY=VALUE,VALUE,…"


@dataclass(frozen=True)
class Range:
    """A setting, the values it takes from the least to the greatest, and the place of its policy; None: a parameter."""

    key: str
    values: tuple[float, ...]
    policy: int | None = None
    unit: str = ""

    def points(self) -> str:
        """The words that make this range again."""
        return f"{self.key}={','.join(map(number, self.values))}"


def number(value: float) -> str:
    """The number as it stands in a label: 12 digits, and no more than it has.

    >>> number(0.1 + 0.2), number(10000.0)
    ('0.3', '10000')
    """
    return f"{value:.12g}"


def ranges(over: Over, policies: Sequence[Policy]) -> tuple[tuple[Range, ...], tuple[str, ...]]:
    """One range or two, each with what it sets, and remarks on values that were rounded; InputError where not."""
    asked = [*_pairs(over)]
    keys = [key for key, _ in asked]
    if len(asked) not in (1, 2):
        raise InputError(f"--over is given {len(asked)} times: give one range, or two for a grid: {SHAPE}.")
    if len({*keys}) < len(keys):
        raise InputError(f"{keys[0]} is given twice: a grid has two settings.")
    found = [settled(Range(key, values_of(key, values)), policies) for key, values in asked]
    return tuple(one for one, _ in found), tuple(remark for _, remark in found if remark)


def grid(over: Sequence[Range]) -> list[dict[str, float]]:
    """Every point: a value of each setting; the last setting moves fastest."""
    return [
        dict(zip((one.key for one in over), values, strict=True)) for values in product(*(one.values for one in over))
    ]


def lines(over: Sequence[Range]) -> list[list[int]]:
    """The numbers of the points along each setting, the other one fixed: neighbours stand side by side.

    >>> lines([Range("a", (1.0, 2.0)), Range("b", (1.0, 2.0, 3.0))])
    [[0, 3], [1, 4], [2, 5], [0, 1, 2], [3, 4, 5]]
    """
    shape = [len(one.values) for one in over]
    places = np.arange(np.prod(shape)).reshape(shape)
    along = [np.moveaxis(places, axis, -1).reshape(-1, length) for axis, length in enumerate(shape)]
    return [[int(place) for place in line] for one in along for line in one]


def settings(policy: Policy) -> dict[str, Any]:
    """What can be chosen of the policy but its dates: the field of each, under the name that a scenario file uses."""
    fields = {field.alias or name: field for name, field in type(policy).model_fields.items()}
    return {key: field for key, field in fields.items() if key not in DATES}


def chosen(policy: Policy, values: Mapping[str, float]) -> Policy:
    """The policy with these settings, checked; InputError where one is refused."""
    cls = type(policy)
    try:
        return cls.model_validate({**policy.model_dump(by_alias=True), **values})
    except ValidationError as error:
        sentences = told(error, cls, key_of=lambda at: ".".join(map(str, at)), where_is=lambda _: policy.name)
        raise InputError("\n".join(sentences)) from error


def values_of(key: str, asked: str | Iterable[float]) -> tuple[float, ...]:
    """The values meant, from the least to the greatest; InputError where they are not two numbers at least."""
    words = asked if isinstance(asked, str) else ",".join(repr(float(one)) for one in asked)
    ends = words.split(":")
    if len(ends) == 3:
        low, high, count = (_number(key, words, one) for one in ends)
        if count != int(count) or count < 2:
            raise InputError(f"{key}={words}: COUNT must be a whole number of at least 2.")
        values = [float(number(one)) for one in np.linspace(low, high, int(count))]
    else:
        values = [_number(key, words, one) for one in words.split(",")]
    if len({*values}) < max(2, len(values)):
        raise InputError(f"{key}={words}: needs at least two values, all of them different.")
    return tuple(sorted(values))


def _number(key: str, words: str, word: str) -> float:
    try:
        value = float(word)
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        raise InputError(f'{key}={words}: "{word.strip()}" is no number: write it as {SHAPE}.')
    return value


def _pairs(over: Over) -> Iterator[tuple[str, str | Iterable[float]]]:
    if isinstance(over, Mapping):
        yield from over.items()
        return
    for one in [over] if isinstance(over, str) else over:
        key, equals, values = (part.strip() for part in one.partition("="))
        if not (key and equals and values):
            raise InputError(f"--over {one}: write it as {SHAPE}.")
        yield key, values


def settled(one: Range, policies: Sequence[Policy]) -> tuple[Range, str]:
    """The range with the policy that it sets and its unit, in whole numbers where they are wanted, and a remark."""
    homes = [place for place, policy in enumerate(policies) if one.key in settings(policy)]
    if len(homes) > 1:
        names = " and ".join(policies[place].name for place in homes)
        raise InputError(f"{one.key}: {names} have this setting: sweep one of them at a time.")
    if homes:
        return _numeric(replace(one, policy=homes[0]), settings(policies[homes[0]])[one.key])
    if policies and "." not in one.key:
        able = [key for policy in policies for key in settings(policy)]
        whose = " + ".join(policy.name for policy in policies)
        raise InputError(f"{one.key}: {whose} has no such setting{did_you_mean(one.key, able)}")
    if one.key in CALENDAR:
        raise InputError(f"{one.key}: all points need the same months: compare runs of other lengths by hand.")
    return _numeric(one, field_at(Parameters, tuple(one.key.split("."))))


def _numeric(one: Range, field: Any) -> tuple[Range, str]:
    """The range in whole numbers where the field holds such; InputError where it holds no numbers."""
    if field is None:
        return one, ""
    one = replace(one, unit=unit_of(field))
    if field.annotation is float:
        return one, ""
    if field.annotation is not int:
        raise InputError(
            f"{one.key}: must be {bounds_words(field)}: only numbers are swept; nobid compare sets words side by side."
        )
    whole = tuple(sorted({int(np.floor(value + 0.5)) for value in one.values}))
    if len(whole) < 2:
        raise InputError(f"{one.points()}: whole numbers are wanted, and there is only {whole[0]} among these.")
    same = whole == one.values
    remark = f"{one.key} is a whole number: {', '.join(map(number, one.values))} became {', '.join(map(str, whole))}."
    return replace(one, values=whole), "" if same else remark
