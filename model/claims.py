"""Who owes whom what, with which assets, in which rank, and what does a node pay that cannot pay in full?

The map of the clearing equation, after Eisenberg and Noe (2001) and Rogers and Veraart (2013): a node whose assets and
receipts cover what is due pays in full; another has `alpha e_i + beta (Pi' p)_i` to share out. Debt to the outside
ranks equally with the network's claims, or before them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from nobid.agents.state import Array, Index, Mask, ratio
from nobid.model.network import Network

SLACK = 1e-12  # of what goes through a node: a gap no greater is rounding, so equity of exactly 0 is no default


class NotCleared(ArithmeticError):
    """The payments did not settle: never a truncation."""


@dataclass(frozen=True)
class Claims:
    """`owed` (E, R) along the network's edges, `assets` (N, R) from outside, `outside` (N, R) debt to the outside.

    `senior`: the outside is paid in full before the network; else both share by size. `alpha`, `beta`: what is left of
    assets and of receipts when a node fails, in [0, 1].
    """

    network: Network
    owed: Array
    assets: Array
    outside: Array | None = None
    senior: bool = False
    alpha: float = 1.0
    beta: float = 1.0

    @cached_property
    def inside(self) -> Array:
        """What each node owes within the network: `(N, R)`."""
        return self.network.out.sum(self.owed)

    @cached_property
    def due(self) -> Array:
        """What each node owes in all: `(N, R)`."""
        return self.inside if self.outside is None else self.inside + self.outside

    @cached_property
    def base(self) -> Array:
        """What a node's share is a share of: all its debts, or those within where the outside comes first: `(N, R)`."""
        return self.inside if self.senior else self.due

    @cached_property
    def scale(self) -> Array:
        """The greatest obligation on each path, against which changes are measured: `(R,)`."""
        return np.maximum(np.max(self.due, axis=0), 1e-300)

    @cached_property
    def hair(self) -> Array:
        """By how little a node may be short without failing: `(N, R)`."""
        return SLACK * np.maximum(self.due, self.network.into.sum(self.owed))

    @property
    def costless(self) -> bool:
        """True when failing itself costs nothing."""
        return self.alpha == 1.0 and self.beta == 1.0

    def received(self, share: Array) -> Array:
        """What each node gets from its debtors when they pay `share` (N, R) of their claims: `(N, R)`."""
        return self.network.into.sum(self.owed * share[self.network.debtor])

    def pays_whole(self, received: Array) -> Mask:
        """True where assets and receipts cover what is due, but for rounding where a hair's breadth costs something."""
        enough = self.due if self.costless else self.due - self.hair
        whole: Mask = self.assets + received >= enough
        return whole

    def share_left(self, recovered: Array, at: Index | None = None) -> Array:
        """The share of a claim within the network that `recovered` covers, of all or of the pairs `at`; 1 of none."""
        base = self.base if at is None else np.take(self.base, at)
        if self.senior and self.outside is not None:
            first = self.outside if at is None else np.take(self.outside, at)
            recovered = np.maximum(recovered - first, 0.0)
        return np.minimum(ratio(recovered, base, empty=1.0), 1.0)

    def take(self, paths: Mask) -> Claims:
        """The same claims on these paths alone."""
        outside = None if self.outside is None else self.outside[:, paths]
        return replace(self, owed=self.owed[:, paths], assets=self.assets[:, paths], outside=outside)
