"""What does a bitcoin miner do that other borrowers do not: mine, keep or sell coins."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from nobid.agents.borrower import Borrower
from nobid.agents.finance import DAYS, MILLION

PETA = 1000.0  # PH/s in an EH/s


class Miner(Borrower):
    """A borrower with hash rate, coins and sites."""

    kind: ClassVar[str] = "miner"

    def runs_mining(self) -> None:
        """Coins are mined while hashprice covers power; a share is sold at once, the rest is kept."""
        world, mining = self.model.world, self.model.parameters.mining
        on = np.where((world.hashprice > self.hash_cost) & (self.alive > 0.0) & mining.on, 1.0, 0.0)
        self.mined = on * self.hash_eh * PETA * world.hashprice * DAYS / world.coin
        self.mined_sale = self.mined * mining.sell_share

    def mining_cost(self) -> None:
        """Power for the rigs that run is owed, USD million."""
        on = np.where(self.mined > 0.0, 1.0, 0.0)
        self.arrears = self.arrears + on * self.hash_eh * PETA * self.hash_cost * DAYS / MILLION
