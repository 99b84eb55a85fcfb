"""What drained every borrower of cash, by channel, and what has every lender lost on whom?

Each borrower keeps a ledger of drains in USD million that fades by `MEMORY` a month: what it had to find beyond what it
earned. An amount stands here when it falls due; a borrower that lives pays it in the same month, so that a ledger's
items agree with the flows of the books. The arrays stand in `model.columns` under "causes" and travel with the paths.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nobid.agents.finance import DAYS, HOURS, MILLION, MONTHS
from nobid.agents.miner import PETA
from nobid.agents.state import Array, over_generations, ratio

if TYPE_CHECKING:
    from nobid.model.system import ComputeCreditModel

MEMORY = 0.85  # share of a drain that still counts a month later
OWN = (
    "rents", "coin income", "initial weakness", "dearer money", "coin margin", "own investment", "repo dealer",
    "repo mark",
)  # fmt: skip
RENTS, COIN_INCOME, WEAKNESS, DEARER, COIN_MARGIN, INVESTMENT, REPO_DEALER, REPO_MARK = range(len(OWN))
GAP = slice(RENTS, DEARER + 1)  # the drains that together are an operating gap, with contracts and leases lost
REASONS = (
    "lender failed", "lender below target", "called early", "collateral", "gpu margin", "funding window",
    "maturity wall",
)  # fmt: skip
FAILED, BELOW, CALLED, COLLATERAL, GPU_MARGIN, WINDOW, WALL = range(len(REASONS))
BUYER_FAILED, BUYER_LEFT = 0, 1
PROVIDER, MARK = 0, 1


class Drains:
    """The ledgers of one run: `own` (n, kind, R), `facility` (E, reason, R), `contract` (O, 2, R), `lease` (H, R),
    `line` (W, 2, R); and what is needed to write them up.
    """

    def __init__(self, m: ComputeCreditModel, paths: int) -> None:
        self._m = m
        borrowers, facilities = len(m.edges.borrowers), len(m.edges.lender)
        contracts, leases, lines = len(m.edges.seller), len(m.edges.host), len(m.edges.provider)
        shapes: dict[str, tuple[int, ...]] = {
            "own": (borrowers, len(OWN)),
            "facility": (facilities, len(REASONS)),
            "contract": (contracts, 2),
            "lease": (leases,),
            "line": (lines, 2),
            "spot_lost": (borrowers,),
            "contract_gone": (contracts, 2),
            "called": (facilities,),
            "pressure_own": (borrowers, DEARER + 1),
            "pressure_contract": (contracts, 2),
            "pressure_lease": (leases,),
        }
        for name, shape in shapes.items():
            m.columns.arrays["causes", name] = np.zeros((*shape, paths))
        m.columns.arrays["causes", "earning_start"] = m.market.earning + 0.0
        m.columns.arrays["causes", "hashprice_start"] = m.world.coin * 0.0

    def of(self, name: str) -> Array:
        """The array of this name, to be changed in place."""
        return self._m.columns["causes", name]

    def opens_month(self) -> None:
        """The ledgers have faded by a month; nothing has been called yet."""
        for name in ("own", "facility", "contract", "lease", "line"):
            self.of(name)[...] *= MEMORY
        self.of("called")[...] = 0.0

    def contracts_end(self, lost: Array, left: Array) -> None:
        """Contracts lost to failed buyers and left by weak ones (O, R) are remembered with what they took."""
        gone, held = self.of("contract_gone"), self._m.offtakes.h100e
        gone[:, BUYER_FAILED] += held * lost
        gone[:, BUYER_LEFT] += held * left

    def sees_spot(self, units: Array, spot: Array) -> None:
        """What every borrower's machines (n, G, R) earn less at spot than at the start's rent, USD million: `spot` is
        the share of them that is not under contract. Capacity of lost contracts is left to those who left.
        """
        m = self._m
        if not self.of("hashprice_start").any():
            self.of("hashprice_start")[...] = m.world.hashprice
        fall = np.maximum(self.of("earning_start") - m.market.earning, 0.0)
        compute = over_generations(units * m.hardware.h100e) * m.parameters.rental.utilisation_cap * spot
        gone = self.of("contract_gone") * np.where(m.offtakes.months_left > 0.0, 1.0, 0.0)[:, np.newaxis]
        orphaned = m.links.seller.sum(gone[:, BUYER_FAILED] + gone[:, BUYER_LEFT])
        own = np.maximum(1.0 - ratio(orphaned, compute), 0.0)
        self.of("spot_lost")[...] = over_generations(units * fall) * spot * own / MILLION

    def operating_gap(self) -> None:
        """What scheduled interest and principal exceed income by is drained: by lower rents, lower mining margins,
        contracts and leases lost, dearer money, each at most what it took since the start; the rest was there at once.
        """
        m, b, links = self._m, self._m.borrowers, self._m.links
        service = links.borrower.sum(m.facilities.service) + b.repo_interest + b.official_interest
        gap = np.maximum(service - b.income, 0.0) * b.alive
        own, contract, lease = self._falls()
        fall = own[:, RENTS] + own[:, COIN_INCOME] + own[:, DEARER]
        fall = fall + links.seller.sum(contract[:, 0] + contract[:, 1]) + links.host.sum(lease)
        scale = np.minimum(ratio(gap, fall), 1.0)
        weakness = np.maximum(gap - fall, 0.0)
        self._sets_pressure(own, contract, lease, fall=fall, weakness=weakness)
        self.of("own")[:, GAP] += own * scale[:, np.newaxis]
        self.of("own")[:, WEAKNESS] += weakness
        self.of("contract")[...] += contract * scale[m.edges.seller][:, np.newaxis]
        self.of("lease")[...] += lease * scale[m.edges.host]

    def _falls(self) -> tuple[Array, Array, Array]:
        """What each cause takes from income a month against the start: own (n, 4, R), contract (O, 2, R), lease."""
        m, b, f = self._m, self._m.borrowers, self._m.facilities
        own = np.zeros_like(self.of("pressure_own"))
        own[:, RENTS] = self.of("spot_lost")
        before = np.maximum(self.of("hashprice_start") - b.hash_cost, 0.0)
        margin = before - np.maximum(m.world.hashprice - b.hash_cost, 0.0)
        own[:, COIN_INCOME] = b.hash_eh * PETA * DAYS / MILLION * np.maximum(margin, 0.0)
        own[:, DEARER] = m.links.borrower.sum(f.drawn * np.maximum(f.rate - f.contract_rate, 0.0)) / MONTHS
        own = own * b.alive[:, np.newaxis]
        offtakes, hosting = m.offtakes, m.hosting
        worse = np.maximum(offtakes.price - m.world.rent * (1.0 - m.parameters.rental.fee), 0.0) * HOURS / MILLION
        still = np.where(offtakes.months_left > 0.0, 1.0, 0.0) * b.alive[m.edges.seller]
        contract = self.of("contract_gone") * (worse * still)[:, np.newaxis]
        runs = np.where((hosting.starts_in < 0.0) & (hosting.months_left > 0.0), 1.0, 0.0) * b.alive[m.edges.host]
        on = 1.0 if m.parameters.hosting.on else 0.0
        lease = np.maximum(hosting.rent * runs - hosting.earned, 0.0) * (1.0 - hosting.live) * on
        return own, contract, lease

    def _sets_pressure(self, own: Array, contract: Array, lease: Array, *, fall: Array, weakness: Array) -> None:
        """The shares of all that presses on coverage this month are known; they sum to one for every borrower."""
        m = self._m
        whole = fall + weakness
        self.of("pressure_own")[...] = ratio(own, whole[:, np.newaxis])
        self.of("pressure_own")[:, WEAKNESS] = ratio(weakness, whole, empty=1.0)
        self.of("pressure_contract")[...] = ratio(contract, whole[m.edges.seller][:, np.newaxis])
        self.of("pressure_lease")[...] = ratio(lease, whole[m.edges.host])

    def on_coverage(self, amount: Array) -> None:
        """What covenants ask (E, R) because coverage is thin is drained by what presses on coverage."""
        m = self._m
        each = m.links.borrower.sum(amount)
        self.of("own")[:, GAP] += self.of("pressure_own") * each[:, np.newaxis]
        self.of("contract")[...] += self.of("pressure_contract") * each[m.edges.seller][:, np.newaxis]
        self.of("lease")[...] += self.of("pressure_lease") * each[m.edges.host]

    def refused(self, amount: Array, *, loan_to_value: Array) -> Array:
        """Maturing debt refused (E, R) stands under the tests it failed, shared equally among them; one that passed
        all was left over by the quota of a closing window. Returns the share of thin coverage in every refusal.
        """
        m, f = self._m, self._m.facilities
        alive, tight = m.lenders.alive[m.edges.lender], m.lenders.tight[m.edges.lender]
        flags = np.zeros_like(self.of("facility"))
        flags[:, FAILED] = 1.0 - alive
        flags[:, BELOW] = alive * tight
        flags[:, COLLATERAL] = np.where(loan_to_value > np.minimum(f.ltv_cap, m.parameters.debt.roll_ltv), 1.0, 0.0)
        thin = np.where(f.coverage < 1.0, 1.0, 0.0)
        count = thin + flags[:, FAILED] + flags[:, BELOW] + flags[:, COLLATERAL]
        flags[:, WINDOW] = np.where(count > 0.0, 0.0, 1.0)
        share = 1.0 / np.maximum(count, 1.0)
        self.of("facility")[...] += flags * (amount * share)[:, np.newaxis]
        self.on_coverage(amount * thin * share)
        return thin * share

    def adds(self, reason: int, amount: Array) -> None:
        """`amount` (E, R) more has been asked for this reason."""
        self.of("facility")[:, reason] += amount

    def takes(self, kind: int, amount: Array) -> None:
        """`amount` (n, R) more has drained borrowers in this way of their own."""
        self.of("own")[:, kind] += amount

    def line_called(self, by_provider: Array, by_mark: Array) -> None:
        """Warehouse lines (W, R) were called: because the provider is short of capital or cash, or by the mark."""
        self.of("line")[:, PROVIDER] += by_provider
        self.of("line")[:, MARK] += by_mark

    def calls(self) -> None:
        """Margin calls of the month, paid or due, are drained as far as they have grown since the last look."""
        m, f = self._m, self._m.facilities
        asked = f.call_due + f.call_paid
        more = np.maximum(asked - self.of("called"), 0.0)
        self.of("called")[...] += more
        self.takes(COIN_MARGIN, m.links.borrower.sum(more * m.edges.is_coin_loan))
        self.adds(GPU_MARGIN, more * m.edges.is_machine_loan)
