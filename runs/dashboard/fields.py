"""How does a parameter become a field of a form: its words, its bounds, where its value comes from?"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from streamlit.delta_generator import DeltaGenerator

from nobid.model.parameters import Parameters
from nobid.model.policies import Policy
from nobid.runs.parameter_table import bounds_short, flatten, limits, source_of, unit_of
from nobid.runs.scenario_text import toml_value

MARKS: Final = re.compile(r"([\\`*_{}\[\]()<>#~$:|])")  # signs with a meaning in Streamlit's labels
NO_UNIT: Final = ("", "choice", "list", "names")
STEPS_A_VALUE: Final = 20.0  # an arrow moves a value by about so little of itself


@dataclass(frozen=True)
class Setting:
    """A parameter as it stands: dotted key, value, its field in the schema."""

    key: str
    value: Any
    field: FieldInfo

    @property
    def label(self) -> str:
        """What it is, and in which unit."""
        meaning = self.field.description or self.key.rsplit(".", 1)[-1].replace("_", " ")
        unit = unit_of(self.field)
        return f"{meaning[0].upper()}{meaning[1:]}{'' if unit in NO_UNIT else f' ({unit})'}"

    @property
    def help(self) -> str:
        """Its key, bounds, value in the scenario, source."""
        allowed = bounds_short(self.field)
        parts = [
            f"`{self.key}`",
            f"allowed: {plain(allowed)}" if allowed else "",
            f"in the scenario: {plain(toml_value(self.value))}",
            f"source: {plain(source_of(self.field, self.value))}",
        ]
        return "  \n".join(part for part in parts if part)

    @property
    def kind(self) -> str:
        """Which widget it is asked with."""
        if self.field.annotation is bool:
            return "toggle"
        if get_origin(self.field.annotation) is Literal:
            return "choice"
        if self.field.annotation in (int, float):
            return "number"
        return "text" if self.field.annotation is str else "toml"

    def words(self, value: Any) -> str:
        """The value as TOML."""
        return str(value) if self.kind == "toml" else toml_value(value)


def plain(text: str) -> str:
    """The text without a meaning as Markdown."""
    return MARKS.sub(r"\\\1", text)


def settings(parameters: Parameters) -> Iterator[Setting]:
    """Everything that a form can set of the parameters; dated shocks, safe agents and the length stand elsewhere."""
    for key, value, field in flatten(parameters):
        if key.split(".")[0] not in ("months", "shock", "safe"):
            yield Setting(key, value, field)


def settings_of_policy(cls: type[Policy]) -> list[Setting]:
    """Everything that can be chosen of a policy."""
    return [Setting(one.alias or key, one.default, one) for key, one in cls.model_fields.items()]


def matching(found: list[Setting], words: str) -> list[Setting]:
    """Those whose key, meaning or unit has all the words."""
    wanted = words.lower().split()
    return [one for one in found if all(word in f"{one.key} {one.label}".lower() for word in wanted)]


def sections(parameters: Parameters) -> dict[str, str]:
    """The sections of the parameters, with the question each of them answers; "" for what stands above them."""
    found = {"": "Start and market"}
    for name, field in type(parameters).model_fields.items():
        annotation = field.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            about = (annotation.__doc__ or "").strip().splitlines()
            found[name] = f"{name}: {about[0].rstrip('.')}" if about else name
    return found


def in_section(found: list[Setting], section: str) -> list[Setting]:
    """Those of the section."""
    return [one for one in found if (one.key.split(".")[0] if "." in one.key else "") == section]


def ask(one: Setting, current: Any, key: str, *, at: DeltaGenerator) -> Any:
    """The widget of the setting stands there; what it holds. It takes nothing outside the bounds."""
    label, about = plain(one.label), one.help
    if one.kind == "toggle":
        return at.toggle(label, value=bool(current), key=key, help=about)
    if one.kind == "choice":
        options = list(get_args(one.field.annotation))
        return at.selectbox(label, options, index=options.index(current), key=key, help=about)
    if one.kind == "number":
        return _number(one, current, key, at=at)
    shown = current if isinstance(current, str) else toml_value(current)
    return at.text_input(label, value=shown, key=key, help=about, max_chars=200)


def _number(one: Setting, current: Any, key: str, *, at: DeltaGenerator) -> Any:
    whole = one.field.annotation is int
    cast: type = int if whole else float
    bounds = limits(one.field)
    low, high = bounds.get("ge", bounds.get("gt")), bounds.get("le", bounds.get("lt"))
    return at.number_input(
        plain(one.label),
        min_value=None if low is None else cast(low),
        max_value=None if high is None else cast(high),
        value=cast(current),
        step=1 if whole else step_of(float(current)),
        format="%d" if whole else "%g",
        key=key,
        help=one.help,
    )


def step_of(value: float) -> float:
    """By how much an arrow moves a value: a round number, about a twentieth of it.

    >>> step_of(0.35), step_of(87500.0), step_of(0.0)
    (0.01, 1000.0, 0.01)
    """
    if not value:
        return 0.01
    return float(f"1e{math.floor(math.log10(abs(value) / STEPS_A_VALUE))}")
