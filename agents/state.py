"""How does an agent declare its state, and how does one rule run for one agent or for all of them?

A column is declared on a class (`cash = Real("USD m", "cash at bank")`) and lives in `model.columns` as an array,
agents first, replications last: `(n, R)`, or `(n, G, R)` for a column over generations. An instance looks at some
rows: a Mesa agent at its own row, `Miner.every(model)` at all miners, `Lender.at(model, index)` at the rows that an
edge list names. A rule is written once, in arithmetic that does not care which of the three it meets.

Reading gives a read-only array, so `self.cash -= x` is refused by numpy. Writing makes a new array with the rows
filled, so what was read before stays what it was: a rule never sees its own writing through an old name.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import EllipsisType
from typing import Any, ClassVar, Self, overload

import mesa
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Array = NDArray[np.float64]
Index = NDArray[np.intp]
Mask = NDArray[np.bool_]
Where = int | slice | Index | EllipsisType


class Real:
    """A declared column: its unit, its meaning and the axes between agent and replication."""

    def __init__(self, unit: str, meaning: str, *, over: tuple[str, ...] = (), fixed: bool = False) -> None:
        self.unit, self.meaning, self.over, self.fixed = unit, meaning, over, fixed
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, view: None, owner: type) -> Self: ...

    @overload
    def __get__(self, view: Rows, owner: type) -> Array: ...

    def __get__(self, view: Rows | None, owner: type) -> Self | Array:
        if view is None:
            return self
        seen: Array = view.model.columns.arrays[view.family, self.name][view.where]
        seen.flags.writeable = False
        return seen

    def __set__(self, view: Rows, value: Array | float) -> None:
        view.model.columns.write((view.family, self.name), view.where, value)


class Rows:
    """Some rows of one family of columns."""

    family: ClassVar[str]
    kind: ClassVar[str]
    model: Any
    where: Where

    @classmethod
    def _view(cls, model: Any, where: Where) -> Self:
        view = object.__new__(cls)
        view.model, view.where = model, where
        return view

    @classmethod
    def every(cls, model: Any) -> Self:
        """A view of all rows of this kind."""
        return cls._view(model, model.columns.spans[cls.kind])

    @classmethod
    def at(cls, model: Any, index: Index) -> Self:
        """A view of the rows that `index` names, one row per entry (reading only)."""
        return cls._view(model, index)

    @classmethod
    def declared(cls) -> Iterator[Real]:
        """Every column declared on the class and its parents."""
        seen: set[str] = set()
        for part in cls.__mro__:
            for name, column in vars(part).items():
                if isinstance(column, Real) and name not in seen:
                    seen.add(name)
                    yield column


class Actor(mesa.Agent, Rows):  # type: ignore[type-arg, unused-ignore]  # generic on Mesa 3.5, not on 3.3
    """A Mesa agent that looks at its own row."""

    model: Any


class Columns:
    """All numbers of a run: `(family, name)` to an array whose last axis is the replication."""

    def __init__(self, spans: dict[str, slice | EllipsisType]) -> None:
        self.spans = spans
        self.arrays: dict[tuple[str, str], Array] = {}
        self.fixed: set[tuple[str, str]] = set()

    def __getitem__(self, key: tuple[str, str]) -> Array:
        return self.arrays[key]

    def declare(self, cls: type[Rows], shape: tuple[int, ...], *, axes: dict[str, int], paths: int) -> None:
        """Every column of `cls` exists and is zero; a fixed one is `(…, 1)`."""
        for column in cls.declared():
            key = (cls.family, column.name)
            if key not in self.arrays:
                inner = tuple(axes[axis] for axis in column.over)
                self.arrays[key] = np.zeros((*shape, *inner, 1 if column.fixed else paths))
                if column.fixed:
                    self.fixed.add(key)

    def write(self, key: tuple[str, str], where: Where, value: Array | float) -> None:
        """The rows `where` of the column hold `value`; arrays read before are as they were."""
        old = self.arrays[key]
        fresh = np.empty_like(old) if covers(where, len(old)) else old.copy()
        fresh[where] = value
        self.arrays[key] = fresh

    def write_slot(self, key: tuple[str, str], slot: int, value: Array | float) -> None:
        """The column (n, slots, …, R) holds `value` in this slot, in place: what was read of it before changes too."""
        self.arrays[key][:, slot] = value

    def add(self, key: tuple[str, str], change: Array) -> None:
        """The column has grown by `change`; arrays read before are as they were."""
        self.arrays[key] = self.arrays[key] + change

    def take(self, paths: Index) -> Columns:
        """A copy that holds only these replications; a column is copied when it is first asked for."""
        part = Columns(self.spans)
        part.fixed = self.fixed
        part.arrays = Taken(self, paths)
        return part

    def put(self, paths: Index, part: Columns) -> None:
        """The replications of `part` stand here again."""
        for key, array in part.arrays.items():
            if key not in self.fixed:
                self.arrays[key][..., paths] = array


class Taken(dict[tuple[str, str], Array]):
    """Some replications of columns, each copied out of the whole when it is first asked for."""

    def __init__(self, whole: Columns, paths: Index) -> None:
        super().__init__()
        self._whole, self._paths = whole, paths

    def __missing__(self, key: tuple[str, str]) -> Array:
        array = self._whole.arrays[key]
        self[key] = array if key in self._whole.fixed else array.take(self._paths, axis=-1)
        return self[key]


def covers(where: Where, size: int) -> bool:
    """True where `where` names all of `size` rows."""
    return where is ... or (isinstance(where, slice) and where.indices(size) == (0, size, 1))


class Link:
    """Edges seen from one end: `index[e]` is the agent at that end of edge e; sums run in edge order.

    A sparse product with ones adds one edge after the other for every replication, so the bits do not depend on
    how many replications stand side by side (numpy's own sum does: it adds pairwise when the axis is contiguous).
    """

    def __init__(self, index: Index, size: int) -> None:
        self.index, self.size = index, size
        edges = len(index)
        self._ones = sparse.csr_array((np.ones(edges), (index, np.arange(edges))), shape=(size, edges))

    def sum(self, values: Array) -> Array:
        """Per agent, the sum of `values` over its edges: `(E, …, R)` to `(size, …, R)`."""
        if not len(self.index):
            return np.zeros((self.size, *values.shape[1:]))
        flat = values.reshape(len(self.index), -1)
        summed: Array = np.asarray(self._ones @ flat)
        return summed.reshape(self.size, *values.shape[1:])


def ordered_sum(values: Array) -> Array:
    """The sum over the first axis, added in row order: `(n, …, R)` to `(…, R)`.

    numpy adds row after row where rows are contiguous and hold more than one number; a single column it would add
    pairwise, so that is accumulated. Both start at +0.0, as a Link does.
    """
    if values.size == len(values) > 0:
        last: Array = np.add.accumulate(values, axis=0)[-1:].reshape(values.shape[1:])
        return last + 0.0
    summed: Array = np.add.reduce(np.ascontiguousarray(values), axis=0, initial=0.0)
    return summed


def over_generations(values: Array) -> Array:
    """The sum over the generation axis, added newest last: `(…, G, R)` to `(…, R)`."""
    summed: Array = values[..., 0, :].copy()
    for generation in range(1, values.shape[-2]):
        summed += values[..., generation, :]
    return summed


def ratio(part: Array | float, whole: Array | float, empty: float = 0.0) -> Array:
    """`part / whole`, and `empty` where the whole is not positive."""
    positive = np.greater(whole, 0.0)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        divided: Array = np.divide(part, whole)
    return divided if positive.all() else np.where(positive, divided, empty)
