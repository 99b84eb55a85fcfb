"""How do the items found for some agents in distress become shares that are kept?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nobid.agents.state import Array, Index, Mask
from nobid.model.cause_record import AT_CLOSE, Finding, Items

if TYPE_CHECKING:
    from nobid.model.causes import Causes


class Found:
    """The items found for some agents in distress, gathered edge by edge, then weighed and recorded."""

    def __init__(self, causes: Causes, chosen: Mask, family: str) -> None:
        self._causes, self._m = causes, causes._m
        self._chosen, self._family = chosen, family
        self._parts: list[Items] = []

    def add(
        self, amount: Array, of: Index, cause: Index | int, *, state: str = "", channel: str = "", via: str = ""
    ) -> None:
        """`amount` (rows, R) of the agents `of[row]` is the doing of `cause[row]`, one for all if it is a number."""
        positive = amount > 0.0
        if not positive.any():
            return
        rows, columns = np.nonzero(positive & self._chosen[of])
        if not len(rows):
            return
        causes = np.broadcast_to(np.asarray(cause), (len(of),))[rows]
        self._parts.append(Items(of[rows], columns, causes, amount[rows, columns], state, channel, via or channel))

    def close(self, state: str, moment: int, *, short: Array, rest: int | None = None) -> None:
        """Every chosen agent's items are weighed against `short` (rows, R) and recorded; what is missing beyond them
        belongs to the root `rest`, else it is "unexplained"; pools that were drawn on are recorded as they stand.
        """
        m, shape = self._m, self._chosen.shape
        total = np.zeros(shape[0] * shape[1])
        for part in self._parts:
            total += np.bincount(part.row * shape[1] + part.column, weights=part.amount, minlength=len(total))
        total = total.reshape(shape)
        whole = np.maximum(total, short)
        missing = np.where(whole - total > np.finfo(float).eps * whole, whole - total, 0.0)
        root = self._causes.unexplained if rest is None else rest
        self.add(missing, np.arange(shape[0]), root, channel=self._causes.names[root])
        items = [(part, part.amount / whole[part.row, part.column]) for part in self._parts]
        paths, first = m.world.path.astype(np.intp), m.record.first[self._family]
        round_ = 0 if moment == AT_CLOSE else m.round  # the last round of the month differs by path
        self._causes.record.findings.append(Finding(m.month, round_, moment, state, first, paths, items, self._pools()))

    def _pools(self) -> dict[int, list[Items]]:
        """The pools that any item names, with the shares of those who moved them."""
        causes, found = self._causes, {}
        for number in range(len(causes.pools.names)):
            pool = causes.first_pool + number
            asked = np.zeros(self._chosen.shape[1], dtype=np.bool_)
            named = [part.column[part.cause == pool] for part in self._parts if not part.channel]
            for columns in named:
                asked[columns] = True
            if asked.any():
                found[pool] = [causes.items_of(share, asked) for share in causes.pools.shares(number)]
        return found
