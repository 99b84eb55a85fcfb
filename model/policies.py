"""What may be decided: named, dated changes of rules, each with what it costs and whom; how several hold together.

A policy sets parameters for the months in which it holds; what it does not set stays what the scenario says. Several
hold together unless two would set the same parameter to different values. A policy acts from the first month on, never
on the balance sheets of the start, and the luck of a path is drawn before any policy is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import ConfigDict, Field

from nobid.model.months import month_name
from nobid.model.parameter_fields import MONTH, Section
from nobid.model.parameters import Parameters

if TYPE_CHECKING:
    from nobid.model.founding import Founding
    from nobid.model.system import ComputeCreditModel


class AmbiguousPolicies(ValueError):
    """Two policies would set the same parameter to different values in the same month."""


def _month(meaning: str, alias: str) -> Any:
    unit: dict[str, Any] = {"unit": "YYYY-MM", "source": "scenario"}
    return Field("", alias=alias, pattern=f"^$|{MONTH}", description=meaning, json_schema_extra=unit)


class Policy(Section):
    """A named change of rules, from a month to a month. A subclass says in its docstring what it does, and sets rules.

    `rules` sees the scenario's parameters and returns dotted keys with the values that hold instead. `acts` may do more
    at the opening of every month in which the policy holds.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    name: ClassVar[str]
    costs: ClassVar[str]  # who pays, and which measure of a comparison says how much

    since: str = _month("first month in which it holds, else the first of the run", "from")
    until: str = _month("last month in which it holds, else the last of the run", "until")

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        """Errors: TypeError where a subclass does not say its name and who pays."""
        if missing := [one for one in ("name", "costs") if not hasattr(cls, one)]:
            raise TypeError(f"policy {cls.__name__} does not say its {' and its '.join(missing)}")

    def rules(self, parameters: Parameters) -> Mapping[str, Any]:
        """Dotted keys of parameters, and their values while the policy holds."""
        return {}

    def acts(self, model: ComputeCreditModel) -> None:
        """What the policy does besides, at the opening of a month in which it holds."""

    def holds(self, month: str) -> bool:
        """True from `since` to `until`."""
        return self.since <= month and (not self.until or month <= self.until)

    def chosen(self) -> dict[str, Any]:
        """What was chosen other than by default, under the names that a scenario file uses."""
        return self.model_dump(mode="json", by_alias=True, exclude_defaults=True)

    def __str__(self) -> str:
        """The words that make this policy again: name:key=value,key=value."""
        words = ",".join(f"{key}={_plain(value)}" for key, value in self.chosen().items())
        return f"{self.name}:{words}" if words else self.name


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def in_force(founding: Founding, month: int) -> tuple[Policy, ...]:
    """The founding's policies that hold in the month (counted from the start), whatever the order they came in."""
    label = month_name(founding.parameters.start, month)
    return tuple(sorted((one for one in founding.policies if one.holds(label)), key=str))


def together(policies: Iterable[Policy], parameters: Parameters) -> dict[str, Any]:
    """Everything that the policies set, whatever their order.

    Errors: AmbiguousPolicies where two of them set a parameter to different values.
    """
    found: dict[str, tuple[Policy, Any]] = {}
    for policy in policies:
        for key, value in policy.rules(parameters).items():
            other, before = found.setdefault(key, (policy, value))
            if before != value:
                raise AmbiguousPolicies(
                    f"{other} and {policy} hold at the same time and both set {key}, to {_plain(before)} and to "
                    f"{_plain(value)}: leave one of them out, or date them apart (from=…, until=…)."
                )
    return {key: value for key, (_, value) in found.items()}


def clashes(policies: Sequence[Policy], parameters: Parameters) -> Iterator[str]:
    """A sentence for each pair of policies that cannot hold together in some month of the run."""
    months = [month_name(parameters.start, number) for number in range(parameters.months)]
    for pair in combinations(policies, 2):
        if any(all(one.holds(month) for one in pair) for month in months):
            try:
                together(pair, parameters)
            except AmbiguousPolicies as error:
                yield str(error)


def under(policies: Iterable[Policy], parameters: Parameters) -> Parameters:
    """The parameters as the policies set them, checked like any others."""
    values = parameters.model_dump()
    for key, value in together(policies, parameters).items():
        *sections, last = key.split(".")
        table = values
        for section in sections:
            table = table[section]
        table[last] = value
    return Parameters.model_validate(values)
