"""Which files make up a scenario, in what order, and on which line does a key stand?"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nobid.runs.errors import InputError

SHIPPED = Path(__file__).parent / "scenarios"
DATA = Path(__file__).parent / "data"
KEY_PART = re.compile(r'"([^"]*)"|\'([^\']*)\'|([^."\'\[\]=]+)')
HEADER = re.compile(r"^\s*(\[\[?)\s*(.+?)\s*\]\]?\s*(#.*)?$")
ASSIGNMENT = re.compile(r"""^\s*((?:"[^"]*"|'[^']*'|[A-Za-z0-9_\-. ])+?)\s*=""")


@dataclass(frozen=True)
class Layer:
    """One source of settings: a TOML file, or one --set. `label` is what an error calls it."""

    label: str
    text: str
    values: Mapping[str, Any]
    folder: Path


def shipped_names() -> list[str]:
    """The names of the scenarios that come with the package."""
    return sorted(path.stem for path in SHIPPED.glob("*.toml"))


def scenario_layers(name: str) -> list[Layer]:
    """The files of a scenario, most general first, the named one last."""
    return _layers_of(_find(name, Path(), asked_by=""), chain=())


def _layers_of(path: Path, *, chain: tuple[Path, ...]) -> list[Layer]:
    key = path.resolve()
    if key in chain:
        circle = " → ".join(one.name for one in (*chain[chain.index(key) :], key))
        raise InputError(f"{path.name}: extends itself in a circle: {circle}: remove one `extends`.")
    layer = _read(path)
    parents = layer.values.get("extends", [])
    parents = [parents] if isinstance(parents, str) else parents
    if not isinstance(parents, list) or not all(isinstance(one, str) for one in parents):
        raise InputError(f"{where([layer], ('extends',))}: extends must be the name of a scenario, or a list of names.")
    found: list[Layer] = []
    for parent in parents:
        asked_by = where([layer], ("extends",))
        found += _layers_of(_find(parent, path.parent, asked_by=asked_by), chain=(*chain, key))
    return [*found, layer]


def _find(name: str, folder: Path, *, asked_by: str) -> Path:
    """The file that a scenario's name, or a path to a TOML file, means."""
    shipped = SHIPPED / f"{name}.toml"
    if re.fullmatch(r"[A-Za-z0-9_-]+", name) and shipped.is_file():
        return shipped
    path = folder / Path(name).expanduser()
    if path.is_file():
        return path
    before = f"{asked_by}: " if asked_by else ""
    if name.endswith(".toml"):
        raise InputError(f"{before}{name}: no such file: give the path of a scenario's TOML file.")
    raise InputError(f'{before}unknown scenario "{name}"{did_you_mean(name, shipped_names())} (nobid scenarios)')


def _read(path: Path) -> Layer:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{path.name}: is not a text in UTF-8 (byte {error.start}).") from error
    except OSError as error:
        raise InputError(f"{path.name}: cannot be read: {error.strerror}.") from error
    try:
        return Layer(path.name, text, tomllib.loads(text), path.parent)
    except tomllib.TOMLDecodeError as error:
        raise InputError(_broken(path.name, text, str(error))) from error


def _broken(label: str, text: str, message: str) -> str:
    """The parser's complaint as a sentence that begins with file and line."""
    found = re.search(r"\(at line (\d+), column (\d+)\)", message)
    line = int(found.group(1)) if found else text.count("\n") + 1
    what = re.sub(r"\s*\(at .*\)$", "", message)
    return f"{label}, line {line}: this is not TOML: {what[:1].lower()}{what[1:]}."


def override_layers(overrides: Mapping[str, Any] | Iterable[str] | None) -> list[Layer]:
    """One layer for each override: "key=value" as on the command line, or a mapping of keys to values."""
    if overrides is None:
        return []
    if isinstance(overrides, str):
        raise InputError(f'set = "{overrides}": give a mapping such as {{"coin.price": 60000}}, or a list of texts.')
    if isinstance(overrides, Mapping):
        return [
            _override(str(key), value.item() if hasattr(value, "item") else value) for key, value in overrides.items()
        ]
    return [_override(*_split_override(text)) for text in overrides]


def _split_override(text: str) -> tuple[str, object]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip() or not value.strip():
        raise InputError(f"--set {text}: write it as KEY=VALUE, for instance --set coin.price=60000.")
    return key.strip(), _value(value.strip())


def _value(text: str) -> object:
    """What a value on the command line means: a TOML value where it is one, else the text itself."""
    for attempt in (text, f"0{text}" if text.startswith(".") else text):
        try:
            return tomllib.loads(f"value = {attempt}")["value"]
        except tomllib.TOMLDecodeError:
            continue
    return text


def _override(key: str, value: object) -> Layer:
    parts = key_parts(key)
    if not parts:
        raise InputError(f"--set {key}: this is no key: write it as in --set coin.price=60000.")
    values: Any = value
    for part in reversed(parts):
        values = {part: values}
    return Layer("--set", "", values, Path())


def key_parts(dotted: str) -> list[str]:
    """The parts of a dotted key, quotes taken off."""
    return [(a or b or c.strip()) for a, b, c in KEY_PART.findall(dotted) if (a or b or c.strip())]


def where(layers: Sequence[Layer], path: Sequence[str | int]) -> str:
    """File and line of the setting that counts for `path`: the last layer that goes deepest along it."""
    depths = [_depth(layer.values, path) for layer in layers]
    if not layers or max(depths) == 0:
        return layers[-1].label if layers else ""
    best = max(depths)
    layer = [one for one, depth in zip(layers, depths, strict=True) if depth == best][-1]
    line = line_of(layer.text, tuple(path))
    return f"{layer.label}, line {line}" if line else layer.label


def _depth(values: object, path: Sequence[str | int]) -> int:
    depth = 0
    for part in path:
        if isinstance(values, Mapping) and part in values:
            values = values[str(part)]
        elif isinstance(values, list) and isinstance(part, int) and part < len(values):
            values = values[part]
        else:
            break
        depth += 1
    return depth


def line_of(text: str, path: tuple[str | int, ...]) -> int | None:
    """The line on which the longest part of `path` is written, None where the text has none of it."""
    header: tuple[str | int, ...] = ()
    counts: dict[tuple[str | int, ...], int] = {}
    best, found = 0, None
    for number, line in enumerate(text.splitlines(), start=1):
        full, header = _key_on(line, header, counts)
        if full and len(full) > best and path[: len(full)] == full:
            best, found = len(full), number
    return found


def _key_on(
    line: str, header: tuple[str | int, ...], counts: dict[tuple[str | int, ...], int]
) -> tuple[tuple[str | int, ...], tuple[str | int, ...]]:
    """The full key that a line sets or opens (() for none), and the header that holds from here on."""
    opened = HEADER.match(line)
    if opened and "=" not in opened.group(2):
        name: tuple[str | int, ...] = tuple(key_parts(opened.group(2)))
        if opened.group(1) == "[[":
            counts[name] = counts.get(name, -1) + 1
            name = (*name, counts[name])
        return name, name
    assigned = ASSIGNMENT.match(line)
    return ((*header, *key_parts(assigned.group(1))) if assigned else ()), header


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """The end of a sentence: the nearest of the names, or all of them when none is near and they are few."""
    known = list(names)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    if not near:
        lower = {one.lower(): one for one in known}
        near = [lower[one] for one in difflib.get_close_matches(name.lower(), list(lower), n=1, cutoff=0.6)]
    if near:
        return f": did you mean {near[0]}?"
    return f": there is {', '.join(known)}." if 0 < len(known) <= FEW else "."


FEW = 12  # names that are listed in full when none is near
