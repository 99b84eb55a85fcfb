"""Which firms, loans, contracts and leases does a drawn population have?

A firm's size (gross assets) is log-normal, with mean and log standard deviation of the scenario's firms of its kind.
Its shape, and that of its loans, contracts and leases, is that of one of those firms: of similar rank in size, scaled
to its size and varied. So kinds, rates, tenors, covenants and advances have the marginals of the data, and what a firm
owes agrees with what it owns and earns.

Every column of random numbers has a stream of its own by (draw, network, column) and is read in the order of the firms,
so one more firm at the end changes nobody else's row. Figures are rounded to seven digits, so that they do not depend
on the machine.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from nobid.agents.finance import MILLION
from nobid.model.founding import BorrowerRow
from nobid.model.parameters import Parameters

Array = NDArray[np.float64]
Index = NDArray[np.intp]
Tables = dict[str, list[Any]]

DIGITS: Final = 7  # significant digits of a drawn figure
WINDOW: Final = 256  # a host's tenants are among so many firms drawn before it: one firm more changes no lease
KINDS: Final = ("miner", "neocloud")
SCALED: Final = ("cash", "coins", "hash_eh", "site_mw", "overhead", "other_income")  # of a borrower, with its size


def stream(draw: int, column: str, network: int = 0) -> np.random.Generator:
    """The generator of one column of one network of a draw."""
    words = (zlib.crc32(b"population"), zlib.crc32(column.encode()), *((network,) if network else ()))
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(entropy=draw, spawn_key=words)))


def rounded(values: Array) -> Array:
    """The figures with `DIGITS` significant digits."""
    power = np.floor(np.log10(np.where(values == 0.0, 1.0, np.abs(values))))
    scale = np.power(10.0, DIGITS - 1 - power)
    short: Array = np.round(values * scale) / scale
    return short


@dataclass
class Draw:
    """Streams of one network of a draw, and how far figures vary around their rows."""

    number: int
    variety: float
    network: int = 0

    def named(self, noun: str, number: int, digits: int) -> str:
        """The name of a drawn row, which no other network has.

        >>> Draw(0, 0.15).named("Firm", 3, 6), Draw(0, 0.15, network=2).named("Firm", 3, 6)
        ('Firm 000003', 'Firm 2-000003')
        """
        return f"{noun} {f'{self.network}-' if self.network else ''}{number:0{digits}d}"

    def uniform(self, column: str, size: int) -> Array:
        """Numbers in [0, 1) of this column."""
        return stream(self.number, column, self.network).random(size)

    def normal(self, column: str, size: int) -> Array:
        """Standard normal numbers of this column."""
        return stream(self.number, column, self.network).standard_normal(size)

    def varied(self, column: str, size: int) -> Array:
        """Log-normal factors with mean one."""
        return np.exp(self.variety * self.normal(column, size) - self.variety * self.variety / 2.0)

    def whole(self, column: str, wanted: Array) -> Index:
        """Whole numbers whose expectation is `wanted`: the next lower or the next higher one."""
        return np.floor(wanted + self.uniform(column, len(wanted))).astype(np.intp)


@dataclass(frozen=True)
class Edge:
    """Rows of one table by the place of the borrower that has them, and how many each has."""

    rows: list[Any]
    first: Index
    count: Index

    def column(self, name: str) -> Array:
        """A column of figures."""
        return np.array([float(getattr(row, name)) for row in self.rows])


def edges_of(borrowers: Sequence[BorrowerRow], rows: Sequence[Any], end: str) -> Edge:
    """The rows sorted by the borrower at that end."""
    place = {row.name: i for i, row in enumerate(borrowers)}
    kept = sorted((row for row in rows if getattr(row, end) in place), key=lambda row: place[getattr(row, end)])
    count = np.bincount([place[getattr(row, end)] for row in kept], minlength=len(borrowers)).astype(np.intp)
    return Edge(kept, np.cumsum(count) - count, count)


class Shapes:
    """The scenario's own firms, smallest first within each kind: what drawn ones are shaped after."""

    def __init__(self, tables: Tables, parameters: Parameters) -> None:
        self.machines = [row.name for row in tables["generation"]]
        self.list_price = np.array([row.list_price for row in tables["generation"]])
        self.h100e = np.array([row.h100e for row in tables["generation"]])
        self.kw = np.array([row.kw for row in tables["generation"]])
        size = gross_assets(tables, self, parameters)
        kept = [row for row in tables["borrower"] if size[row.name] > 0.0]
        self.borrowers: list[BorrowerRow] = sorted(kept, key=lambda row: (KINDS.index(row.kind), size[row.name]))
        self.size = np.array([size[row.name] for row in self.borrowers])
        self.is_miner = np.array([row.kind == "miner" for row in self.borrowers])
        self.loans = edges_of(self.borrowers, tables["facility"], "borrower")
        self.contracts = edges_of(self.borrowers, tables["contract"], "borrower")
        self.leases = edges_of(self.borrowers, tables["lease"], "host")
        pledged = np.zeros((len(self.borrowers), len(self.machines)))
        np.add.at(pledged, np.repeat(np.arange(len(pledged)), self.loans.count), self.units(self.loans.rows))
        self.kilowatts = (self.units(self.borrowers) + pledged) @ self.kw

    def units(self, rows: Sequence[Any], column: str = "units") -> Array:
        """Machines by generation: `(rows, G)`."""
        given = [[getattr(row, column).get(name, 0.0) for name in self.machines] for row in rows]
        return np.array(given, dtype=float).reshape(len(rows), len(self.machines))

    def mean_of(self, edge: Edge, miners: float, count: Array | None = None) -> float:
        """The mean over firms, `miners` of them miners, of how many such edges a firm has."""
        each = edge.count if count is None else count
        parts = ((self.is_miner, miners), (~self.is_miner, 1.0 - miners))
        return float(sum(weight * each[rows].mean() for rows, weight in parts if rows.any()))


def gross_assets(tables: Tables, shapes: Shapes, parameters: Parameters) -> dict[str, float]:
    """Cash, coins, machines at list and sites of each borrower, pledged ones included, USD million."""
    worth: dict[str, float] = {}
    for owner, rows in (("name", tables["borrower"]), ("borrower", tables["facility"])):
        machines = shapes.units(rows) @ shapes.list_price / MILLION
        for row, value in zip(rows, machines, strict=True):
            coins = row.coins * parameters.coin.price / MILLION
            sites = row.site_mw * parameters.hosting.site_value
            own = value + coins + sites + getattr(row, "cash", 0.0)
            worth[getattr(row, owner)] = worth.get(getattr(row, owner), 0.0) + own
    return worth


@dataclass
class Firms:
    """Drawn firms as columns; `shape` is the place of the row each is shaped after, `scale` its size over it."""

    names: list[str]
    shape: Index
    scale: Array
    size: Array


def draw_firms(draw: Draw, shapes: Shapes, parameters: Parameters, *, count: int) -> Firms:
    """Kind, size and shape of each firm."""
    rules = parameters.population
    miner = draw.uniform("kind", count) < (rules.miners if shapes.is_miner.any() else 0.0)
    miner |= bool(shapes.is_miner.all())
    z = draw.normal("size", count)
    rank = rules.likeness * z + np.sqrt(1.0 - rules.likeness * rules.likeness) * draw.normal("shape", count)
    size, shape = np.zeros(count), np.zeros(count, dtype=np.intp)
    for chosen, rows in ((miner, shapes.is_miner), (~miner, ~shapes.is_miner)):
        if chosen.any():
            spread = rules.size_spread * float(np.log(shapes.size[rows]).std(ddof=1 if rows.sum() > 1 else 0))
            size[chosen] = shapes.size[rows].mean() * np.exp(spread * z[chosen] - spread * spread / 2.0)
            place = np.minimum((ndtr(rank[chosen]) * rows.sum()).astype(np.intp), rows.sum() - 1)
            shape[chosen] = np.flatnonzero(rows)[place]
    names = [draw.named("Firm", i + 1, 6) for i in range(count)]
    return Firms(names, shape, size / shapes.size[shape], size)


def borrower_rows(draw: Draw, shapes: Shapes, firms: Firms) -> tuple[list[dict[str, Any]], Array]:
    """The row of each firm, scaled and varied, and its unpledged machines by generation `(n, G)`."""
    count, after = len(firms.names), [shapes.borrowers[i] for i in firms.shape]
    columns = {}
    for name in SCALED:
        plain = np.array([getattr(row, name) for row in shapes.borrowers])[firms.shape]
        columns[name] = rounded(plain * firms.scale * draw.varied(name, count)).tolist()
    factor = firms.scale * draw.varied("units", count)
    units = np.round(shapes.units(shapes.borrowers)[firms.shape] * factor[:, np.newaxis])
    pipeline = np.round(shapes.units(shapes.borrowers, "pipeline")[firms.shape] * factor[:, np.newaxis])
    growth = rounded(np.array([row.growth_share for row in shapes.borrowers])[firms.shape] * firms.scale).tolist()
    machines = as_mappings(shapes, units), as_mappings(shapes, pipeline)
    kept = ("hash_cost", "pipeline_months", "pipeline_unpaid", "belief_decay", "book_life", "age")
    constant = [{**{name: getattr(row, name) for name in kept}, "kind": row.kind} for row in shapes.borrowers]
    rows = [
        {"name": name, **constant[shape], "growth_share": growth[i], "units": machines[0][i],
         "pipeline": machines[1][i], "source": f"drawn, shaped after {after[i].name}",
         **{column: values[i] for column, values in columns.items()}}
        for i, (name, shape) in enumerate(zip(firms.names, firms.shape, strict=True))
    ]  # fmt: skip
    return rows, units


def as_mappings(shapes: Shapes, units: Array) -> list[dict[str, float]]:
    """One mapping from generation to units a row, zeros left out."""
    found: list[dict[str, float]] = [{} for _ in range(len(units))]
    rows, columns = np.nonzero(units)
    for row, column, value in zip(rows.tolist(), columns.tolist(), units[rows, columns].tolist(), strict=True):
        found[row][shapes.machines[column]] = value
    return found


@dataclass
class Spread:
    """Edges of drawn firms: whose, shaped after which row, and times what its amounts."""

    owner: Index
    after: Index
    factor: Array
    number: Index  # from 1, within the owner


def spread(draw: Draw, firms: Firms, edge: Edge, *, name: str, count: Index, stretch: Array) -> Spread:
    """`count` edges for each firm, dealt evenly over the rows of its shape; `stretch` (n,) is what each is worth."""
    owner = np.repeat(np.arange(len(count)), count)
    place = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
    dealt = (place + draw.uniform(f"{name} dealt", len(count))[owner]) / np.maximum(count, 1)[owner]
    own = edge.count[firms.shape][owner]
    after = edge.first[firms.shape][owner] + np.minimum((dealt * own).astype(np.intp), own - 1)
    factor = (firms.scale * stretch)[owner] * draw.varied(f"{name} amount", len(owner))
    return Spread(owner, after, factor, place + 1)
