"""Which balance sheets does a scenario start from: the tables' rows, with what its files add, change and remove."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from nobid.model.founding import (
    BorrowerRow,
    BuyerRow,
    FacilityRow,
    GenerationRow,
    HostingRow,
    LenderRow,
    OfftakeRow,
    Row,
    WarehouseRow,
)
from nobid.runs.parameter_table import parameter_keys
from nobid.runs.row_units import ROW_UNITS
from nobid.runs.scenario_files import Layer, did_you_mean, where
from nobid.runs.sentences import shown, told, unknown_key

TABLES: Final[dict[str, type[Row]]] = {
    "generation": GenerationRow,
    "borrower": BorrowerRow,
    "facility": FacilityRow,
    "contract": OfftakeRow,
    "lease": HostingRow,
    "lender": LenderRow,
    "warehouse": WarehouseRow,
    "buyer": BuyerRow,
}
FOUNDING_FIELD: Final[dict[str, str]] = {
    "generation": "generations",
    "borrower": "borrowers",
    "facility": "facilities",
    "contract": "offtakes",
    "lease": "hosting",
    "lender": "lenders",
    "warehouse": "warehouses",
    "buyer": "buyers",
}
REMOVABLE: Final[dict[str, str]] = {
    "borrowers": "borrower",
    "facilities": "facility",
    "contracts": "contract",
    "leases": "lease",
    "lenders": "lender",
    "warehouses": "warehouse",
    "buyers": "buyer",
    "generations": "generation",
}
NAMES_IN: Final[dict[str, dict[str, str]]] = {  # table -> column -> table whose rows it names
    "facility": {"borrower": "borrower", "lender": "lender"},
    "contract": {"borrower": "borrower", "buyer": "buyer"},
    "lease": {"host": "borrower", "tenant": "borrower"},
    "warehouse": {"provider": "lender", "receiver": "lender"},
    "buyer": {"repo_lender": "lender"},
}
NOT_TERMS: Final = ("name", "assumed", "grade", "source")
EVERY: Final = "*"  # [firm."*"] changes every row of the table


@dataclass(frozen=True)
class Patch:
    """What one place in one file says about one row."""

    table: str
    name: str
    fields: Mapping[str, Any]
    must_exist: bool
    layer: Layer
    path: tuple[str | int, ...]


@dataclass
class Rows:
    """Rows by table and name while a scenario is put together, with who changed them and what was wrong."""

    tables: dict[str, dict[str, dict[str, Any]]]
    patches: list[Patch] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def find(self, table: str, name: str) -> str | None:
        """The row's name, for a name or ticker in any case."""
        rows = self.tables[table]
        if name in rows:
            return name
        wanted = name.casefold()
        for one, row in rows.items():
            if wanted in (one.casefold(), str(row.get("ticker") or one).casefold()):
                return one
        return None

    def agent(self, name: str) -> str:
        """The name of the agent that `name` means, by name or ticker; `name` itself where there is none."""
        found = (self.find(table, name) for table in ("borrower", "lender", "buyer"))
        return next((one for one in found if one is not None), name)

    def names(self, table: str) -> list[str]:
        """Names and tickers of a table's rows."""
        tickers = [str(row["ticker"]) for row in self.tables[table].values() if row.get("ticker")]
        return [*self.tables[table], *tickers]

    def place(self, table: str, name: str, column: str = "") -> str:
        """Where the scenario last spoke of this column of this row; the table's name where it never did."""
        mine = [one for one in self.patches if one.table == table and one.name in (name, EVERY)]
        about = [one for one in mine if column in one.fields] or [one for one in mine if not column]
        if not about:
            about = [one for one in mine if not one.must_exist]
        if not about:
            return f"table of {FOUNDING_FIELD[table]}"
        return where([about[-1].layer], (*about[-1].path, column) if column else about[-1].path)


def rows_of(base: Mapping[str, Sequence[Row]], layers: Sequence[Layer]) -> Rows:
    """The rows of the tables after every layer has added, changed and removed its own."""
    rows = Rows({table: {row.name: row.model_dump(mode="json") for row in base.get(table, ())} for table in TABLES})  # type: ignore[attr-defined]
    for layer in layers:
        for patch in _patches(layer, rows.problems):
            _apply(patch, rows)
        _remove(layer, rows)
    _use_names(rows)
    return rows


def _patches(layer: Layer, problems: list[str]) -> Iterator[Patch]:
    for key, value in layer.values.items():
        table = {"firm": "borrower", "offtake": "contract", "hosting": "lease"}.get(key, key)
        if table not in TABLES or (key in ("offtake", "hosting") and not isinstance(value, list)):
            continue
        if isinstance(value, list):
            yield from _list_patches(layer, key, table, value, problems)
        elif isinstance(value, Mapping):
            yield from _named_patches(layer, key, table, value, problems)
        else:
            place = where([layer], (key,))
            problems.append(f"{place}: {key} = {shown(value)}: must be [[{key}]] rows or [{key}.NAME].")


def _list_patches(layer: Layer, key: str, table: str, rows: list[Any], problems: list[str]) -> Iterator[Patch]:
    seen: set[str] = set()
    for index, fields in enumerate(rows):
        name = fields.get("name") if isinstance(fields, Mapping) else None
        if not isinstance(name, str) or not name:
            problems.append(f"{where([layer], (key, index))}: a row of [[{key}]] needs a name.")
            continue
        if name in seen:
            problems.append(f'{where([layer], (key, index))}: "{name}" stands twice in [[{key}]].')
        seen.add(name)
        yield Patch(table, name, fields, must_exist=False, layer=layer, path=(key, index))


def _named_patches(
    layer: Layer, key: str, table: str, named: Mapping[str, Any], problems: list[str]
) -> Iterator[Patch]:
    for name, fields in named.items():
        place = where([layer], (key, name))
        if not isinstance(fields, Mapping):
            problems.append(f"{place}: {unknown_key(f'{key}.{name}', parameter_keys())}")
        elif "name" in fields:
            problems.append(f"{place}: {key}.{name}.name: a row keeps its name; add a new one with [[{table}]].")
        else:
            yield Patch(table, name, fields, must_exist=True, layer=layer, path=(key, name))


def _apply(patch: Patch, rows: Rows) -> None:
    if patch.must_exist and patch.name == EVERY:
        for row in rows.tables[patch.table].values():
            _change(row, patch.fields)
        rows.patches.append(patch)
        return
    name = rows.find(patch.table, patch.name)
    if name is None and patch.must_exist:
        guess = did_you_mean(patch.name, rows.names(patch.table))
        place = where([patch.layer], patch.path)
        rows.problems.append(f'{place}: there is no {_noun(patch.table)} "{patch.name}"{guess}')
        return
    if name is None:
        rows.tables[patch.table][patch.name] = _new(patch.fields)
    else:
        _change(rows.tables[patch.table][name], patch.fields)
    rows.patches.append(Patch(patch.table, name or patch.name, patch.fields, patch.must_exist, patch.layer, patch.path))


def _noun(table: str) -> str:
    return "firm" if table == "borrower" else table


def _new(fields: Mapping[str, Any]) -> dict[str, Any]:
    """A row from a scenario file: without a source all its figures are assumptions."""
    row = dict(fields)
    if not row.get("source") and "assumed" not in row:
        row["assumed"] = [one for one in row if one not in NOT_TERMS]
    return row


def _change(row: dict[str, Any], fields: Mapping[str, Any]) -> None:
    """The row takes over the fields; a changed figure counts as an assumption unless the change says otherwise."""
    for column, value in fields.items():
        if column == "name":
            continue
        both = isinstance(value, Mapping) and isinstance(row.get(column), Mapping)
        row[column] = {**row[column], **value} if both else value
    if "assumed" not in fields:
        before = list(row.get("assumed") or [])
        row["assumed"] = list(dict.fromkeys([*before, *(one for one in fields if one not in NOT_TERMS)]))


def _remove(layer: Layer, rows: Rows) -> None:
    given = layer.values.get("remove", {})
    for key, names in given.items() if isinstance(given, Mapping) else [("", given)]:
        place = where([layer], ("remove", key))
        if key not in REMOVABLE:
            rows.problems.append(f"{place}: {unknown_key(f'remove.{key}', [f'remove.{one}' for one in REMOVABLE])}")
            continue
        for name in [names] if isinstance(names, str) else names if isinstance(names, list) else [shown(names)]:
            table = REMOVABLE[key]
            found = rows.find(table, str(name))
            if found is None:
                guess = did_you_mean(str(name), rows.names(table))
                rows.problems.append(f'{place}: there is no {_noun(table)} "{name}" to remove{guess}')
            else:
                _take_out(table, found, rows)


def _take_out(table: str, name: str, rows: Rows) -> None:
    """The row and every row that names it are gone."""
    del rows.tables[table][name]
    for other, columns in NAMES_IN.items():
        if other == "buyer":
            continue
        for one, row in list(rows.tables[other].items()):
            if any(of == table and row.get(column) == name for column, of in columns.items()):
                rows.notes.append(f"{name} is removed, and with it the {other} {one}.")
                _take_out(other, one, rows)
    if table == "contract":
        for row in rows.tables["facility"].values():
            if name in (row.get("contracts") or ()):
                row["contracts"] = [one for one in row["contracts"] if one != name]


def _use_names(rows: Rows) -> None:
    """Tickers in columns that name another row are replaced by names."""
    for table, columns in NAMES_IN.items():
        for row in rows.tables[table].values():
            for column, other in columns.items():
                value = row.get(column)
                if isinstance(value, str) and value:
                    row[column] = rows.find(other, value) or value


def typed(rows: Rows) -> dict[str, list[Any]]:
    """The rows as the founding's classes; a refused value becomes a sentence in `rows.problems`."""
    return {table: [one for name in rows.tables[table] for one in _typed_row(table, name, rows)] for table in TABLES}


def _typed_row(table: str, name: str, rows: Rows) -> list[Row]:
    cls = TABLES[table]
    values = {key: tuple(one) if isinstance(one, list) else one for key, one in rows.tables[table][name].items()}
    try:
        return [cls.model_validate(values, strict=True)]
    except ValidationError as error:
        label = f"{_noun(table)}.{name}"
        rows.problems += told(
            error,
            cls,
            key_of=lambda location: ".".join([label, *map(str, location)]),
            where_is=lambda location: rows.place(table, name, str(location[0])),
            unit_for=lambda location, _field: _unit(table, location, _field),
            names=[f"{label}.{one}" for one in cls.model_fields],
        )
        return []


def _unit(table: str, location: tuple[str | int, ...], _field: FieldInfo | None) -> str:
    return ROW_UNITS[table].get(str(location[0]), "")
