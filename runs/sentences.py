"""How is a refused value told: where it stands, what came, what is allowed, what was probably meant?"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from nobid.runs.parameter_table import bounds_words, field_at, parameter_keys, unit_of
from nobid.runs.scenario_files import did_you_mean

LONGEST = 60  # characters of a refused value that are repeated
NO_UNIT = ("", "choice", "YYYY-MM", "names", "list")
Location = tuple[str | int, ...]


def told(
    error: ValidationError,
    model: type[BaseModel],
    *,
    key_of: Callable[[Location], str],
    where_is: Callable[[Location], str],
    unit_for: Callable[[Location, FieldInfo | None], str] | None = None,
    names: Iterable[str] = (),
) -> list[str]:
    """One sentence for each problem that pydantic found."""
    known = list(names)
    sentences: list[str] = []
    for detail in error.errors():
        location = detail["loc"]
        field = field_at(model, location)
        unit = unit_for(location, field) if unit_for else (unit_of(field) if field else "")
        sentence = _one(detail, key_of(location), field, unit, known)
        place = where_is(location)
        sentences.append(f"{place}: {sentence}" if place else sentence)
    return list(dict.fromkeys(sentences))


def _one(detail: ErrorDetails, key: str, field: FieldInfo | None, unit: str, names: list[str]) -> str:
    if detail["type"] == "extra_forbidden":
        return unknown_key(key, names)
    meaning = field.description if field and field.description else ""
    about = f"{meaning}, in {unit}" if meaning and unit not in NO_UNIT else meaning
    allowed = bounds_words(field) if field else "another value"
    if unit == "YYYY-MM":
        allowed = "a month written as YYYY-MM" if field and field.annotation is str else "months written as YYYY-MM"
    if not meaning and unit:
        allowed = f"{allowed}, in {unit}"
    if detail["type"] == "missing":
        return f"{key} is missing: it must be {allowed}{f' ({about})' if about else ''}."
    return f"{key} = {shown(detail['input'])}: {f'{about}: ' if about else ''}must be {allowed}."


def unknown_key(key: str, names: list[str]) -> str:
    """A sentence that names the nearest key there is."""
    guess = did_you_mean(key, names)
    if guess == ".":
        last = key.rsplit(".", 1)[-1]
        same = [name for name in names if name.rsplit(".", 1)[-1] == last]
        guess = f": did you mean {same[0]}?" if same else "."
    if not guess.startswith(": did you mean"):
        return f"unknown key {key}{guess} (nobid parameters)"
    section = guess.removeprefix(": did you mean ").split(".")[0].rstrip("?")
    return (
        f"unknown key {key}{guess} (nobid parameters {section})"
        if section in sections()
        else f"unknown key {key}{guess}"
    )


def sections() -> list[str]:
    """The sections of the parameters, and the keys above them."""
    return list(dict.fromkeys(key.split(".")[0] for key in parameter_keys()))


def shown(value: object) -> str:
    """A refused value as a person wrote it, cut when it is long."""
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except ValueError:
        text = str(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
