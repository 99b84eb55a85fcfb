"""What can be set, in what unit, within what bounds, with what source: the parameters as a table."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from nobid.model.parameters import Parameters


@dataclass(frozen=True)
class ParameterLine:
    """One parameter: dotted key, value, unit, bounds in short, source, meaning."""

    key: str
    value: object
    unit: str
    bounds: str
    source: str
    meaning: str


def parameter_lines(parameters: Parameters, pattern: str = "") -> list[ParameterLine]:
    """Every parameter of a scenario whose key or meaning contains `pattern`, in the order of the file."""
    wanted = pattern.lower()
    lines = [_line(key, value, field) for key, value, field in flatten(parameters)]
    return [line for line in lines if wanted in line.key.lower() or wanted in line.meaning.lower()]


def flatten(section: BaseModel, prefix: str = "") -> Iterator[tuple[str, object, FieldInfo]]:
    """Each value of a section and of the sections inside it, with its dotted key and its field."""
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        if isinstance(value, BaseModel):
            yield from flatten(value, f"{prefix}{name}.")
        elif isinstance(value, tuple) and value and isinstance(value[0], BaseModel):
            for index, item in enumerate(value):
                yield from flatten(item, f"{prefix}{name}.{index}.")
        else:
            yield f"{prefix}{name}", value, field


def _line(key: str, value: object, field: FieldInfo) -> ParameterLine:
    return ParameterLine(
        key, value, unit_of(field), bounds_short(field), source_of(field, value), field.description or ""
    )


def parameter_keys() -> list[str]:
    """Every dotted key that a scenario may set, tables of rows left out."""
    return [key for key, _, _ in flatten(Parameters())]


def field_at(model: type[BaseModel], location: tuple[str | int, ...]) -> FieldInfo | None:
    """The field that a validation error points to, None where the location names no field."""
    field: FieldInfo | None = None
    owner: type[BaseModel] | None = model
    for part in location:
        if isinstance(part, int):
            continue
        named = {one.alias or name: one for name, one in owner.model_fields.items()} if owner else {}
        if part not in named:
            return field if owner is None else None
        field = named[part]
        owner = _section_in(field.annotation)
    return field


def _section_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = [_section_in(argument) for argument in get_args(annotation)]
    return next((section for section in found if section is not None), None)


def unit_of(field: FieldInfo) -> str:
    """The unit of a parameter, "" where it has none."""
    return _extra(field, "unit")


def source_of(field: FieldInfo, value: object) -> str:
    """Where a value comes from: a reference, or "assumption"; what a scenario sets itself is its assumption."""
    source = _extra(field, "source")
    if field.is_required() or value == field.default:
        return source
    return f"assumption of the scenario (default {_plain(field.default)}: {source})"


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _extra(field: FieldInfo, name: str) -> str:
    extra = field.json_schema_extra
    return str(extra.get(name, "")) if isinstance(extra, Mapping) else ""


def limits(field: FieldInfo) -> dict[str, float]:
    """The numeric bounds of a field by name: ge, gt, le, lt."""
    found: dict[str, float] = {}
    for mark in field.metadata:
        for name in ("ge", "gt", "le", "lt"):
            bound = getattr(mark, name, None)
            if bound is not None:
                found[name] = bound
    return found


def bounds_short(field: FieldInfo) -> str:
    """The bounds as they stand in a table: "0 … 1", "≥ 0", "on | off"."""
    choices = _choices(field.annotation)
    if choices:
        return " | ".join(choices)
    bounds = limits(field)
    low = bounds.get("ge", bounds.get("gt"))
    high = bounds.get("le", bounds.get("lt"))
    if low is not None and high is not None:
        return f"{_number(low)} … {_number(high)}"
    if low is not None:
        return f"{'≥' if 'ge' in bounds else '>'} {_number(low)}"
    return f"≤ {_number(high)}" if high is not None else ""


def bounds_words(field: FieldInfo) -> str:
    """What a value must be, in words: "a number between 0 and 1", "one of market, appraisal, book"."""
    choices = _choices(field.annotation)
    if choices:
        return "true or false" if choices == ["true", "false"] else f"one of {', '.join(choices)}"
    kind = _kind_words(field.annotation)
    bounds = limits(field)
    low = bounds.get("ge", bounds.get("gt"))
    high = bounds.get("le", bounds.get("lt"))
    if low is not None and high is not None:
        return f"{kind} between {_number(low)} and {_number(high)}"
    if low is not None:
        return f"{kind} of at least {_number(low)}" if "ge" in bounds else f"{kind} above {_number(low)}"
    return f"{kind} of at most {_number(high)}" if high is not None else kind


def _kind_words(annotation: object) -> str:
    names = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}
    if isinstance(annotation, type) and annotation in names:
        return names[annotation]
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "a table of keys"
    origin = get_origin(annotation)
    if origin is tuple:
        return "a list of tables" if _section_in(annotation) else "a list of texts"
    if origin is dict:
        return 'amounts by generation, as in { H100 = 1200 } or "H100:1200"'
    if origin in (Union, types.UnionType):
        return " or ".join(_kind_words(argument) for argument in get_args(annotation))
    return "a value"


def _choices(annotation: Any) -> list[str]:
    if annotation is bool:
        return ["true", "false"]
    return [str(choice) for choice in get_args(annotation)] if get_origin(annotation) is Literal else []


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:g}"
