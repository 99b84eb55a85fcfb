"""How is a scenario written back complete, so that a person can read it and the program can load it again?"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from nobid.model.parameters import Parameters
from nobid.runs.parameter_table import bounds_short, bounds_words, source_of, unit_of
from nobid.runs.row_units import PATH_UNITS, ROW_UNITS
from nobid.runs.rows import TABLES

BARE_KEY = re.compile(r"^[A-Za-z0-9_-]+$")
COMMENT_COLUMN = 34


def full_text(name: str, parameters: Parameters, resolved: Mapping[str, Any], *, title: str, question: str) -> str:
    """The scenario as TOML: every key, value, unit, bounds, source or "assumption"; loads to the same founding."""
    lines = [
        f"# {name}, complete: every key with its value; behind it unit · bounds · source · meaning",
        f"title = {toml_value(title)}",
        f"question = {toml_value(question)}",
        *_section(parameters, ""),
        *_paths(resolved.get("paths", {})),
    ]
    for policy in resolved.get("policy", []):
        lines += ["", "[[policy]]", *(f"{key} = {toml_value(value)}" for key, value in policy.items())]
    for table in TABLES:
        lines += _rows(table, resolved.get(table, []))
    return "\n".join(lines) + "\n"


def _section(section: BaseModel, prefix: str) -> Iterator[str]:
    """Plain keys first, then the tables inside, as TOML wants it."""
    inner: list[str] = []
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        if isinstance(value, BaseModel):
            inner += ["", f"[{prefix}{name}]", *_section(value, f"{prefix}{name}.")]
        elif isinstance(value, tuple) and value and isinstance(value[0], BaseModel):
            for item in value:
                inner += ["", f"[[{prefix}{name}]]", *_section(item, f"{prefix}{name}.")]
        elif name != "shock":
            yield _setting(name, value, field)
    yield from inner


def _setting(name: str, value: object, field: FieldInfo) -> str:
    unit = unit_of(field)
    about = [unit if unit != "choice" else "", bounds_short(field), source_of(field, value), field.description or ""]
    return f"{f'{name} = {toml_value(value)}':<{COMMENT_COLUMN}}  # {' · '.join(one for one in about if one)}"


def _paths(paths: Mapping[str, list[float]]) -> Iterator[str]:
    if paths:
        yield from ("", "[paths]")
    for name, values in paths.items():
        yield f"{name} = {toml_value(values)}  # {PATH_UNITS[name]}, by month from the start; nan: the model's own"


def _rows(table: str, rows: list[Mapping[str, Any]]) -> Iterator[str]:
    fields = TABLES[table].model_fields
    units = ROW_UNITS[table]
    for number, row in enumerate(rows):
        yield from ("", f"[[{table}]]")
        for column, value in row.items():
            about = [units.get(column, ""), bounds_words(fields[column])]
            comment = f"  # {' · '.join(one for one in about if one)}" if number == 0 and column in units else ""
            setting = f"{toml_key(column)} = {toml_value(value)}"
            yield f"{setting:<{COMMENT_COLUMN}}{comment}" if comment else setting


def toml_key(key: str) -> str:
    """A key as TOML writes it, in quotes where it needs them."""
    return key if BARE_KEY.match(key) else json.dumps(key, ensure_ascii=False)


def toml_value(value: object) -> str:
    """A value as TOML writes it; floats keep every digit.

    >>> toml_value({"H100": 1200.0, "Rubin Ultra": 2})
    '{ H100 = 1200.0, "Rubin Ultra" = 2 }'
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, Mapping):
        inside = ", ".join(f"{toml_key(str(key))} = {toml_value(one)}" for key, one in value.items())
        return f"{{ {inside} }}" if inside else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(toml_value(one) for one in value)}]"
    return repr(value)
