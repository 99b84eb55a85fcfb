"""Which policies are there, and which ones do these words, tables or objects mean?

In words: `ltv_cap:max=0.5,from=2026-06 + repo_facility:capacity=3000`, or `none`. In a scenario file: [[policy]] tables
with a `name`. Own policies: objects of a subclass of `Policy`, or classes under the entry point group `nobid.policies`.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib.metadata import entry_points
from typing import Any, Final

from pydantic import ValidationError

from nobid.model import policies_of_credit, policies_of_markets
from nobid.model.months import month_name
from nobid.model.parameters import Parameters
from nobid.model.policies import Policy, clashes, under
from nobid.runs.errors import InputError
from nobid.runs.parameter_table import ParameterLine, bounds_short, parameter_keys, source_of, unit_of
from nobid.runs.scenario_files import Layer, did_you_mean, where
from nobid.runs.sentences import told, unknown_key

NONE: Final = "none"
GROUP: Final = "nobid.policies"  # the entry point group of own policies
PoliciesAsked = str | Policy | Mapping[str, Any] | Iterable[str | Policy | Mapping[str, Any]] | None


@cache
def known() -> dict[str, type[Policy]]:
    """Every policy class by name: those that come with nobid, in the order of their files, then installed ones."""
    modules = (policies_of_credit, policies_of_markets)
    own = [
        one
        for module in modules
        for one in vars(module).values()
        if _is_policy(one) and one.__module__ == module.__name__
    ]
    found = {one.name: one for one in own}
    for entry in entry_points(group=GROUP):
        policy = entry.load()
        if not _is_policy(policy):
            raise InputError(f"entry point {entry.name} of group {GROUP}: {entry.value} is no subclass of Policy.")
        found.setdefault(policy.name, policy)
    return found


def _is_policy(one: object) -> bool:
    return inspect.isclass(one) and issubclass(one, Policy) and one is not Policy


def policies_of(asked: PoliciesAsked) -> tuple[Policy, ...]:
    """The policies that are meant, all at once; InputError with every mistake."""
    found: list[Policy] = []
    problems: list[str] = []
    for number, one in enumerate(_parts(asked), 1):
        try:
            found.append(one if isinstance(one, Policy) else _policy(one, number))
        except InputError as error:
            problems += str(error).splitlines()
    if problems:
        raise InputError("\n".join(dict.fromkeys(problems)))
    return tuple(found)


def policies_in(layers: Sequence[Layer], besides: PoliciesAsked, problems: list[str]) -> tuple[Policy, ...]:
    """The policies of the file that names some last, and those asked for `besides`, whatever order they came in;
    `problems` has every mistake.
    """
    named = [layer for layer in layers if "policy" in layer.values][-1:]
    asked = [(f"{where(named, ('policy',))}: ", layer.values["policy"]) for layer in named]
    found: tuple[Policy, ...] = ()
    for place, one in [*asked, ("", besides)]:
        try:
            found += policies_of(one)
        except InputError as error:
            problems += [f"{place}{line}" for line in str(error).splitlines()]
    return tuple(sorted(found, key=str))


def _parts(asked: PoliciesAsked) -> Iterator[str | Policy | Mapping[str, Any]]:
    """Each policy apart: words are cut at +, and `none` is nobody."""
    if isinstance(asked, str):
        yield from (part for part in map(str.strip, asked.split("+")) if part != NONE)
    elif isinstance(asked, Policy | Mapping):
        yield asked
    else:
        for one in asked or ():
            yield from _parts(one)


def _policy(asked: str | Mapping[str, Any], number: int) -> Policy:
    """One policy from words or from a table of a scenario file."""
    if isinstance(asked, str):
        name, values = _words(asked)
        place = asked
    else:
        name, values = str(asked.get("name", "")), {key: value for key, value in asked.items() if key != "name"}
        place = f"policy {number}{f' ({name})' if name else ''}"
    cls = known().get(name)
    if cls is None:
        guess = did_you_mean(name, [*known(), NONE])
        raise InputError(f'{place}: there is no policy "{name}"{guess} (nobid policies)')
    try:
        return cls.model_validate_json(json.dumps(values, default=str), strict=True)
    except ValidationError as error:
        keys = [field.alias or key for key, field in cls.model_fields.items()]
        sentences = told(error, cls, key_of=lambda at: ".".join(map(str, at)), where_is=lambda _: name, names=keys)
        raise InputError("\n".join(sentences)) from error


def _words(words: str) -> tuple[str, dict[str, Any]]:
    """The name and the values of `name:key=value,key=value`; InputError where they cannot be read."""
    name, _, rest = words.partition(":")
    values: dict[str, Any] = {}
    for pair in (part.strip() for part in rest.split(",") if part.strip()):
        key, equals, value = (part.strip() for part in pair.partition("="))
        if not (key and equals and value):
            raise InputError(f'{words}: "{pair}" is not key=value, as in {name.strip()}:key=value,key=value.')
        if key in values:
            raise InputError(f"{words}: {key} is given twice.")
        values[key] = _value(value)
    return name.strip(), values


def _value(text: str) -> Any:
    """A number, true, false, or else the text itself."""
    for read in (json.loads, float):
        try:
            return read(text)
        except ValueError:
            continue
    return text


def policy_problems(policies: Sequence[Policy], parameters: Parameters) -> Iterator[str]:
    """A sentence for each policy that cannot hold in a run with these parameters, or would do nothing in it."""
    first, last = parameters.start, month_name(parameters.start, parameters.months - 1)
    for policy in policies:
        if policy.since > last:
            yield f"policy {policy.name}: from = {policy.since} is after the end of the run ({last}): it does nothing."
        if policy.until and policy.until < first:
            yield f"policy {policy.name}: until = {policy.until} is before the run ({first}): it does nothing."
        if policy.until and policy.since > policy.until:
            yield f"policy {policy.name}: from = {policy.since} is after until = {policy.until}."
        if parameters.market == "impact" and isinstance(policy, policies_of_markets.BIDDERS):
            yield f'policy {policy.name}: market = "impact" has no bids: it would do nothing.'
        yield from _unfit(policy, parameters)
    yield from clashes(policies, parameters)


def _unfit(policy: Policy, parameters: Parameters) -> Iterator[str]:
    """A sentence for each rule of the policy that is no parameter, that no month reads, or whose value is refused."""
    from nobid.runs.fork import WHY_SETTLED

    keys, place = parameter_keys(), f"policy {policy.name}"
    for key in policy.rules(parameters):
        if key not in keys:
            yield f"{place}: {unknown_key(key, keys)}"
        elif key in WHY_SETTLED or key.startswith("population."):
            yield f"{place}: no policy can set {key}: {WHY_SETTLED.get(key, 'it is read once, at the start')}."
    if set(policy.rules(parameters)) <= set(keys):
        try:
            under((policy,), parameters)
        except ValidationError as error:
            yield from told(error, Parameters, key_of=lambda at: ".".join(map(str, at)), where_is=lambda _: place)


def as_table(policy: Policy) -> dict[str, Any]:
    """The [[policy]] of a scenario file that means this policy, complete."""
    return {"name": policy.name, **policy.model_dump(mode="json", by_alias=True)}


def settings_of(cls: type[Policy]) -> list[ParameterLine]:
    """What can be chosen of a policy: key, default, unit, bounds, source, meaning."""
    return [
        ParameterLine(
            field.alias or key,
            field.default,
            unit_of(field),
            bounds_short(field),
            source_of(field, field.default),
            field.description or "",
        )
        for key, field in cls.model_fields.items()
    ]


def paragraph(cls: type[Policy]) -> str:
    """What the policy does, in one paragraph."""
    return " ".join((inspect.getdoc(cls) or "").split())
