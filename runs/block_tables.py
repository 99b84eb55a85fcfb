"""What does a block of paths leave behind: tidy tables with a unit on every column?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from nobid.model.facility_record import FACILITY_FIGURES
from nobid.model.metrics import AGENT_COLUMNS
from nobid.model.outcome import Failure
from nobid.runs.months import month_label

Numbers = NDArray[np.float64]
COUNTS: Final = ("defaults_miner", "defaults_neocloud", "defaults_lender", "defaults_buyer")
FLOWS: Final = (*COUNTS, "debt_defaulted", "lender_losses")
KEY_UNITS: Final = {"path": "number of the path", "month": "YYYY-MM"}
EVENT_UNITS: Final = {
    **KEY_UNITS,
    "round": "round of the cascade",
    "kind": "name",
    "source": "agent",
    "target": "agent",
    "channel": "name",
    "amount": "USD m unless the kind says otherwise",
    "first_round": "round of the month in which the source first stood in an event",
}
CAUSE_UNITS: Final = {
    **KEY_UNITS,
    "round": "round of the cascade",
    "moment": "place in the round: 0 opening, 1 sales, 2 calls, 3 defaults, 4 targets, 5 lenders' own, 6 month end",
    "effect": "agent",
    "state": "what happened to it",
    "cause": "agent or root",
    "cause_state": "state of the agent, empty for a root",
    "channel": "name",
    "via": "item of the ledger",
    "weight": "share of the effect, 0 to 1",
    "amount": "USD m",
}


class Record(Protocol):
    """What the engine keeps of a chunk of paths."""

    monthly: Mapping[str, Numbers]
    units: Mapping[str, str]
    events: Sequence[Any]
    agents: Mapping[str, Numbers]
    agent_names: Sequence[str]
    agent_kinds: Sequence[str]


class Model(Protocol):
    """What a run needs of the engine."""

    month: int
    record: Any
    causes: Any
    founding: Any
    failures: Sequence[Any]

    def step(self) -> None:
        """One month passes."""

    def graph(self, path_index: int) -> Any:
        """The exposures now."""

    def close(self) -> None:
        """Nothing of the model is kept alive by its framework."""


def tables_of(
    model: Model, paths: Sequence[int], *, start: str, failures: Sequence[Failure], network: int = 0
) -> dict[str, pa.Table]:
    """The monthly, event, agent and outcome tables of these paths of a network; a failed path's rows end where it
    failed.
    """
    months = [month_label(start, month) for month in range(model.month)]
    whole = _whole_months(model, paths, failures)
    tables = {
        "monthly": monthly_table(model.record, paths, months, whole=whole),
        "events": event_table(model.record.events, start),
        "facilities": facility_table(model, paths),
        "causes": cause_table(model.causes.record, start),
        "outcomes": outcome_table(model, paths, whole, failures=failures, network=network),
    }
    if model.record.agents:
        tables["agents"] = agent_table(model.record, paths, months, whole=whole)
    return tables


def _whole_months(model: Model, paths: Sequence[int], failures: Sequence[Failure]) -> NDArray[np.int64]:
    """How many months each path has run without failing."""
    whole = np.full(len(paths), model.month, dtype=np.int64)
    index = {path: number for number, path in enumerate(paths)}
    for failure in failures:
        whole[index[failure.path]] = min(whole[index[failure.path]], failure.month)
    return whole


def monthly_table(record: Record, paths: Sequence[int], months: Sequence[str], *, whole: NDArray[np.int64]) -> pa.Table:
    """One row a path and month, by path, then month."""
    kept = (np.arange(len(months))[None, :] < whole[:, None]).ravel()
    columns: dict[str, Any] = {
        "path": np.repeat(np.asarray(paths, dtype=np.int64), len(months))[kept],
        "month": np.tile(np.asarray(months, dtype=object), len(paths))[kept],
    }
    for name, values in record.monthly.items():
        columns[name] = np.asarray(values[: len(months)], dtype=np.float64).T.ravel()[kept]
    return table_with_units(columns, {**KEY_UNITS, **record.units})


def event_table(events: Sequence[Any], start: str) -> pa.Table:
    """One row an event, by path, then as they happened."""
    ordered = sorted(events, key=lambda event: event.path)
    columns: dict[str, Any] = {
        "path": np.array([event.path for event in ordered], dtype=np.int64),
        "month": [month_label(start, event.month) for event in ordered],
        "round": np.array([event.round for event in ordered], dtype=np.int64),
    }
    for name in ("kind", "source", "target", "channel"):
        columns[name] = [str(getattr(event, name)) for event in ordered]
    columns["amount"] = np.array([event.amount for event in ordered], dtype=np.float64)
    columns["first_round"] = np.array([event.first_round for event in ordered], dtype=np.int64)
    return table_with_units(columns, EVENT_UNITS)


def cause_table(causes: Iterable[Any], start: str) -> pa.Table:
    """One row a cause of an effect, by path, then as they happened."""
    rows = list(causes)
    columns: dict[str, Any] = {
        "path": np.array([cause.path for cause in rows], dtype=np.int64),
        "month": [month_label(start, cause.month) for cause in rows],
    }
    for name in ("round", "moment"):
        columns[name] = np.array([getattr(cause, name) for cause in rows], dtype=np.int64)
    for name in ("effect", "state", "cause", "cause_state", "channel", "via"):
        columns[name] = [getattr(cause, name) for cause in rows]
    for name in ("weight", "amount"):
        columns[name] = np.array([getattr(cause, name) for cause in rows], dtype=np.float64)
    return table_with_units(columns, CAUSE_UNITS)


def facility_table(model: Model, paths: Sequence[int]) -> pa.Table:
    """One row a path and facility: what it is, whether it failed and when, and what it lost and earned."""
    rows, figures = model.founding.facilities, model.causes.loans.figures()
    lenders = {row.name: row.kind for row in model.founding.lenders}
    names = {
        "facility": [row.name for row in rows],
        "kind": [row.kind for row in rows],
        "borrower": [row.borrower for row in rows],
        "lender": [row.lender for row in rows],
        "lender_kind": [lenders[row.lender] for row in rows],
    }
    columns: dict[str, Any] = {"path": np.repeat(np.asarray(paths, dtype=np.int64), len(rows))}
    columns.update({name: np.tile(np.asarray(values, dtype=object), len(paths)) for name, values in names.items()})
    columns.update({name: np.asarray(values, dtype=np.float64).T.ravel() for name, values in figures.items()})
    return table_with_units(columns, {"path": KEY_UNITS["path"], **dict.fromkeys(names, "name"), **FACILITY_FIGURES})


def agent_table(record: Record, paths: Sequence[int], months: Sequence[str], *, whole: NDArray[np.int64]) -> pa.Table:
    """One row a path, month and agent."""
    agents = len(record.agent_names)
    kept = np.repeat((np.arange(len(months))[None, :] < whole[:, None]).ravel(), agents)
    columns: dict[str, Any] = {
        "path": np.repeat(np.asarray(paths, dtype=np.int64), len(months) * agents)[kept],
        "month": np.tile(np.repeat(np.asarray(months, dtype=object), agents), len(paths))[kept],
        "agent": np.tile(np.asarray(record.agent_names, dtype=object), len(paths) * len(months))[kept],
        "kind": np.tile(np.asarray(record.agent_kinds, dtype=object), len(paths) * len(months))[kept],
    }
    for name, values in record.agents.items():
        columns[name] = np.moveaxis(np.asarray(values[: len(months)], dtype=np.float64), 2, 0).ravel()[kept]
    return table_with_units(columns, {**KEY_UNITS, "agent": "name", "kind": "name", **AGENT_COLUMNS})


def outcome_table(
    model: Model, paths: Sequence[int], whole: NDArray[np.int64], *, failures: Sequence[Failure], network: int
) -> pa.Table:
    """One row a path: its network, months run, what defaulted and was lost in all, and why it failed where it did."""
    reasons = {failure.path: failure.message for failure in failures}
    numbers = np.asarray(paths, dtype=np.int64)
    columns: dict[str, Any] = {"path": numbers, "network": np.full_like(numbers, network), "months": whole}
    running = np.arange(model.month)[:, None] < whole[None, :]
    for name in FLOWS:
        flows = np.where(running, model.record.monthly[name][: model.month], 0.0)
        in_order = np.cumsum(flows, axis=0)  # month after month: the same bits for any number of paths
        columns[name] = in_order[-1] if model.month else np.zeros(len(paths))
    columns["failure"] = [reasons.get(path, "") for path in paths]
    units = {"path": KEY_UNITS["path"], "network": "number of the network on which the path lives", "months": "months"}
    units["failure"] = "reason, empty where the path ran to the end"
    return table_with_units(columns, {**{name: model.record.units.get(name, "") for name in FLOWS}, **units})


def by_path(parts: Sequence[Mapping[str, pa.Table]]) -> dict[str, pa.Table]:
    """Tables of some paths each as tables of all of them, by path; the rows of a path stay in their order."""
    if len(parts) == 1:
        return {**parts[0]}
    tables = {name: pa.concat_tables([part[name] for part in parts]) for name in parts[0]}
    order = {name: np.argsort(table["path"].to_numpy(), kind="stable") for name, table in tables.items()}
    return {name: table.take(order[name]).combine_chunks() for name, table in tables.items()}


def table_with_units(columns: Mapping[str, Any], units: Mapping[str, str]) -> pa.Table:
    """Plain int, float and str columns; each field's metadata carries its unit."""
    arrays = [
        pa.array(values, type=None if isinstance(values, np.ndarray) and values.dtype != object else pa.string())
        for values in columns.values()
    ]
    fields = [
        pa.field(name, array.type, metadata={"unit": units.get(name, "")})
        for name, array in zip(columns, arrays, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def units_of(table: pa.Table) -> dict[str, str]:
    """The unit of every column."""
    return {field.name: (field.metadata or {}).get(b"unit", b"").decode() for field in table.schema}
