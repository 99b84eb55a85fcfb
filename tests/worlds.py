"""How small can a world be? Foundings of two or three agents for tests, and what two histories have in common."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nobid.model.founding import (
    BorrowerRow,
    BuyerRow,
    FacilityRow,
    Founding,
    GenerationRow,
    HostingRow,
    LenderRow,
    OfftakeRow,
    Row,
    ShockPaths,
    WarehouseRow,
)
from nobid.model.parameters import Parameters
from nobid.model.system import ComputeCreditModel

Array = NDArray[np.float64]
QUIET = {"regime.stochastic": False, "invest.on": False}
FIELDS = {
    GenerationRow: "generations",
    BorrowerRow: "borrowers",
    FacilityRow: "facilities",
    OfftakeRow: "offtakes",
    HostingRow: "hosting",
    LenderRow: "lenders",
    WarehouseRow: "warehouses",
    BuyerRow: "buyers",
}


def generation(name: str = "H100", **changes: Any) -> GenerationRow:
    """A machine of 25,000 USD, one H100e and one kW, launched a year before the start."""
    plain = {"launch": "2025-01", "list_price": 25_000.0, "h100e": 1.0, "kw": 1.0, "cooling": "air"}
    return GenerationRow(name=name, **{**plain, **changes})


def borrower(name: str = "Firm", **changes: Any) -> BorrowerRow:
    """A neo-cloud without anything."""
    return BorrowerRow(name=name, **{"kind": "neocloud", **changes})


def facility(name: str = "Loan", **changes: Any) -> FacilityRow:
    """A bullet of 12 USD million at 12 % a year (1 % a month), 24 months, from Bank to Firm."""
    plain = {"borrower": "Firm", "lender": "Bank", "kind": "abl", "drawn": 12.0, "rate": 0.12, "months": 24}
    terms = {**plain, "amortisation": "bullet", "secured": True, **changes}
    return FacilityRow(name=name, **{"limit": terms["drawn"], **terms})


def lender(name: str = "Bank", **changes: Any) -> LenderRow:
    """A bank with half of its assets in equity."""
    return LenderRow(name=name, **{"kind": "bank", "equity_ratio": 0.5, **changes})


def buyer(name: str = "Buyer", **changes: Any) -> BuyerRow:
    """A buyer with racks and a large budget."""
    racks = {"racks_air": 1e5, "racks_liquid": 1e5, "free_air": 5e4, "free_liquid": 5e4}
    plain = {"kind": "enterprise", "budget": 1000.0, **racks, "required_return": 0.12, "move_in": 1000.0}
    return BuyerRow(name=name, **{**plain, **changes})


def without_bids(name: str = "Nobody", **changes: Any) -> BuyerRow:
    """A buyer that values machines and buys none."""
    none = {"budget": 0.0, "racks_air": 0.0, "racks_liquid": 0.0, "free_air": 0.0, "free_liquid": 0.0}
    return buyer(name, **{**none, **changes})


def with_keys(values: Mapping[str, Any], base: Parameters | None = None) -> Parameters:
    """Parameters in which the dotted keys have these values."""
    tree = (base or Parameters()).model_dump()
    for key, value in values.items():
        *sections, last = key.split(".")
        place = tree
        for section in sections:
            place = place[section]
        place[last] = value
    return Parameters.model_validate(tree)


def world(*rows: Row, paths: ShockPaths | None = None, **keys: Any) -> Founding:
    """A founding of these rows, without luck and without growth; keys as `debt__strict=True`.

    Where no generation, lender or buyer is given, one H100, one Bank and one buyer without bids stand in; where
    nobody has machines, a firm outside the story has some, so that there is a rent.
    """
    tables: dict[str, list[Row]] = {name: [] for name in FIELDS.values()}
    for row in rows:
        tables[FIELDS[type(row)]].append(row)
    for name, stand_in in (("generations", generation), ("lenders", lender), ("buyers", without_bids)):
        tables[name] = tables[name] or [stand_in()]
    if not any(getattr(row, "units", None) for row in rows):
        tables["borrowers"].append(borrower("Elsewhere", cash=1e4, units={tables["generations"][0].name: 1000}))
    dotted = {key.replace("__", "."): value for key, value in keys.items()}
    parameters = with_keys({**QUIET, **dotted})
    whole = {name: tuple(part) for name, part in tables.items()}
    return Founding.model_validate({"parameters": parameters, **whole, "paths": paths or ShockPaths()})


def changed(founding: Founding, **keys: Any) -> Founding:
    """The same rows under other parameters; keys as `debt__strict=True`."""
    dotted = {key.replace("__", "."): value for key, value in keys.items()}
    return founding.model_copy(update={"parameters": with_keys(dotted, founding.parameters)})


def run(founding: Founding, months: int, *, before: Any = None, **options: Any) -> ComputeCreditModel:
    """The model after `months`; `before(model)` is called once it is founded."""
    model = ComputeCreditModel(founding, **options)
    if before is not None:
        before(model)
    for _ in range(months):
        model.step()
    return model


def columns_of(model: ComputeCreditModel, places: Sequence[int] | None = None) -> dict[tuple[str, str], Array]:
    """Copies of every column (the books' among them), on the paths at these places."""
    found = {}
    for key, array in model.columns.arrays.items():
        shared = key in model.columns.fixed or places is None
        found[key] = array.copy() if shared else array[..., list(places or ())].copy()
    return found


def same_bits(one: Mapping[Any, Array], other: Mapping[Any, Array]) -> list[Any]:
    """The names under which two sets of arrays differ in any bit (a missing number equals a missing number)."""
    assert one.keys() == other.keys()
    return [
        key
        for key in one
        if one[key].shape != other[key].shape
        or np.ascontiguousarray(one[key] + 0.0).tobytes() != np.ascontiguousarray(other[key] + 0.0).tobytes()
    ]


def events_of(model: ComputeCreditModel, paths: Iterable[int]) -> list[Any]:
    """The events of these paths."""
    wanted = set(paths)
    return [event for event in model.record.events if event.path in wanted]


def fingerprint(model: ComputeCreditModel) -> str:
    """A hash of all monthly figures, all events, and everybody's cash at the end."""
    digest = hashlib.sha256()
    for name, values in sorted(model.record.monthly.items()):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(values[: model.month]).tobytes())
    for event in model.record.events:
        digest.update(repr(event).encode())
    for family in ("borrower", "lender", "buyer"):
        digest.update(np.ascontiguousarray(model.columns[family, "cash"]).tobytes())
    return digest.hexdigest()
