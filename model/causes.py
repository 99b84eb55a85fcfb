"""Why did somebody fail, sell, fall under target or refuse: which share of it belongs to whom?

Whoever is found in distress has items x (USD million) that took its cash or its capital, each with a cause: another
agent in a state of its own, a pool (`pools.py`), or a root outside the system. With S what is missing now, the weight
of an item is `x / max(S, sum x)`; what is left is "unexplained", and its share is printed. Weights are non-negative and
sum to one by construction, which is no evidence: the items agree with the books' flows, and tests hold that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nobid.agents.borrower import CENT
from nobid.agents.finance import MILLION, annuity
from nobid.agents.state import Array, Index, Mask, over_generations, ratio
from nobid.model import drains as ledger
from nobid.model.cause_record import AT_CLOSE, BEFORE_SALES, CauseRecord, Items
from nobid.model.debt import signed_rent, site_price
from nobid.model.drains import Drains
from nobid.model.facility_record import FacilityRecord
from nobid.model.findings import Found
from nobid.model.losses import Losses
from nobid.model.pools import Pools, Share

if TYPE_CHECKING:
    from nobid.model.system import ComputeCreditModel

ROOTS = (
    "rents", "coin", "funding", "launch", "initial weakness", "own investment", "maturity wall", "own balance sheet",
    "customers", "scripted", "unexplained",
)  # fmt: skip
OWN_CAUSES = (
    ("rents", "rents", "scheduled service"), ("coin price", "", "mining"),
    ("initial weakness", "initial weakness", "scheduled service"), ("funding window", "", "dearer money"),
    ("coin price", "", "coin call"), ("own investment", "own investment", "capex"),
)  # fmt: skip


def opens_month(m: ComputeCreditModel) -> None:
    """What drained borrowers, and who sold machines or coins, counts less by a month; the median bid is known."""
    m.causes.opens_month()


def closes_month(m: ComputeCreditModel) -> None:
    """Whose losses the month's losses of lenders were has been recorded."""
    m.causes.closes_month()


class Causes:
    """The ledgers of a run and what they say when somebody is in distress."""

    def __init__(self, m: ComputeCreditModel, paths: int) -> None:
        self._m = m
        self.drains, self.losses, self.pools = Drains(m, paths), Losses(m, paths), Pools(m, paths)
        self.loans = FacilityRecord(m)
        self.names = [*m.record.agent_names, *self.pools.names, *ROOTS]
        self.record = CauseRecord(self.names)
        self._place = {name: len(m.record.agent_names) + i for i, name in enumerate([*self.pools.names, *ROOTS])}
        agents = len(m.record.agent_names)
        self.unexplained = self._place["unexplained"]
        self.first_pool, self._coin, self._window = agents, agents + self.pools.coin, agents + self.pools.window
        lenders = m.lenders
        m.columns.arrays["causes", "site_start"] = site_price(m)
        m.columns.arrays["causes", "selling"] = np.zeros((len(m.edges.borrowers), paths))
        m.columns.arrays["causes", "weakness"] = np.maximum(lenders.target * lenders.assets - lenders.equity, 0.0)

    def opens_month(self) -> None:
        """The ledgers have faded by a month; nobody has had to sell yet."""
        self._m.columns["causes", "selling"][...] = 0.0
        self.drains.opens_month()
        self.pools.opens_month()

    def of_borrowers(self, chosen: Array, state: str, moment: int, *, shortfall: Array) -> None:
        """Why each `chosen` borrower (n, R), short of `shortfall`, is in this state."""
        if not chosen.any():
            return
        found = Found(self, chosen > 0.0, "borrower")
        parts = {name: self.drains.of(name) for name in ("own", "facility", "contract", "lease")}
        self._of_ledger(found, parts)
        found.close(state, moment, short=np.maximum(shortfall, 0.0))

    def of_scripts(self, chosen: Array, family: str, moment: int) -> None:
        """The `chosen` (rows, R) failed because a dated shock said so, and were short of nothing."""
        if chosen.any():
            found = Found(self, chosen > 0.0, family)
            found.add(chosen, np.arange(len(chosen)), self._place["scripted"], channel="scripted")
            found.close("default", moment, short=chosen)

    def must_sell(self, wanted: Array, moment: int = BEFORE_SALES) -> None:
        """Why borrowers with `wanted` (n, R) above zero must sell coins or machines, once a month for each; to sell the
        coins that were mined this month and kept is no distress.
        """
        m, b, selling = self._m, self._m.borrowers, self._m.columns["causes", "selling"]
        short = b.due - b.cash - (b.mined - b.mined_sale) * m.world.coin / MILLION
        first = np.where((wanted > 0.0) & (short > CENT) & (selling <= 0.0), 1.0, 0.0)
        selling[...] = np.maximum(selling, first)
        self.of_borrowers(first, "forced sale", moment, shortfall=short)

    def refuses(self, amount: Array, *, loan_to_value: Array) -> None:
        """Maturing debt refused (E, R) is drained, and why it was refused is recorded: the tests it failed."""
        m, d = self._m, self.drains
        chosen = m.links.borrower.sum(amount) > 0.0
        if not chosen.any():
            return
        before = d.of("facility") + 0.0
        thin = d.refused(amount, loan_to_value=loan_to_value)
        each = m.links.borrower.sum(amount * thin)
        parts = {
            "own": np.concatenate(
                [d.of("pressure_own") * each[:, np.newaxis], np.zeros_like(d.of("own")[:, ledger.DEARER + 1 :])], axis=1
            ),
            "facility": d.of("facility") - before,
            "contract": d.of("pressure_contract") * each[m.edges.seller][:, np.newaxis],
            "lease": d.of("pressure_lease") * each[m.edges.host],
        }
        found = Found(self, chosen, "borrower")
        self._of_ledger(found, parts)
        found.close("refused roll", BEFORE_SALES, short=m.links.borrower.sum(amount))

    def _of_ledger(self, found: Found, parts: dict[str, Array]) -> None:
        """Items of a borrower's ledger, each with its cause."""
        m, own, facility = self._m, parts["own"], parts["facility"]
        everyone = np.arange(own.shape[0])
        for kind, (cause, channel, via) in enumerate(OWN_CAUSES):
            found.add(own[:, kind], everyone, self._place[cause], channel=channel, via=via)
        dealer = self._agent("lender", m.edges.repo_lender)
        found.add(own[:, ledger.REPO_DEALER], everyone, dealer, state="below target", channel="repo cut")
        self._of_machines(
            found,
            own[:, ledger.REPO_MARK],
            everyone,
            m.borrowers.repo_units + m.borrowers.official_units,
            via="repo cut",
        )
        debtor, lender = m.edges.borrower, self._agent("lender", m.edges.lender)
        refused, early = "refused roll", "called loan"
        found.add(facility[:, ledger.FAILED], debtor, lender, state="default", channel=refused)
        found.add(facility[:, ledger.BELOW], debtor, lender, state="below target", channel=refused)
        found.add(facility[:, ledger.CALLED], debtor, lender, state="below target", channel=early)
        found.add(facility[:, ledger.WINDOW], debtor, self._window, via=refused)
        found.add(facility[:, ledger.WALL], debtor, self._place["maturity wall"], channel="maturity wall")
        self._of_collateral(found, facility[:, ledger.COLLATERAL], via=refused)
        self._of_machines(found, facility[:, ledger.GPU_MARGIN], debtor, m.facilities.units, via="gpu call")
        buyer = self._agent("buyer", m.edges.customer)
        failed, left = parts["contract"][:, ledger.BUYER_FAILED], parts["contract"][:, ledger.BUYER_LEFT]
        found.add(failed, m.edges.seller, buyer, state="default", channel="lost contract")
        found.add(left, m.edges.seller, self._place["rents"], channel="rents", via="broken contract")
        tenant = self._agent("borrower", m.edges.tenant)
        found.add(parts["lease"], m.edges.host, tenant, state="default", channel="lost tenant")

    def _of_collateral(self, found: Found, amount: Array, *, via: str) -> None:
        """Refused because collateral had fallen: coins by the coin, machines by their marks, sites by the leases that
        failed tenants took and by rents.
        """
        m, f = self._m, self._m.facilities
        machines = over_generations(f.units * m.market.mark)
        coin = m.edges.is_coin_loan * np.ones_like(amount)
        site = (1.0 - coin) * np.where(machines > 0.0, 0.0, 1.0)
        found.add(amount * coin, m.edges.borrower, self._coin, via=via)
        self._of_sites(found, amount * site, via=via)
        self._of_machines(found, amount * (1.0 - coin) * (1.0 - site), m.edges.borrower, f.units, via=via)

    def _of_sites(self, found: Found, amount: Array, *, via: str) -> None:
        """`amount` (E, R) belongs to leases lost, at their worth by tenant, and to the fall of sites with rents."""
        m, links, hosting = self._m, self._m.links, self._m.hosting
        if not amount.any():
            return
        rate = m.parameters.debt.base_rate + m.parameters.funding.spread
        gone = hosting.rent * (1.0 - signed_rent(m)) * annuity(rate, np.maximum(hosting.months_left, 0.0))
        cheaper = np.maximum(m.columns["causes", "site_start"] - site_price(m), 0.0)
        whole = links.host.sum(gone) + cheaper * links.borrower.sum(m.facilities.site_mw)
        share, tenant = ratio(gone, whole[m.edges.host]), self._agent("borrower", m.edges.tenant)
        asked = links.borrower.sum(amount)[m.edges.host]
        found.add(asked * share, m.edges.host, tenant, state="default", channel="lost tenant", via=via)
        rest = 1.0 - ratio(links.host.sum(gone), whole)
        found.add(amount * rest[m.edges.borrower], m.edges.borrower, self._place["rents"], channel="rents", via=via)

    def _of_machines(self, found: Found, amount: Array, rows: Index, units: Array, *, via: str) -> None:
        """`amount` belongs to the marks of `units` (rows, G, R), by what each generation lost since its reference."""
        if not amount.any():
            return
        start, mark = self.pools.of("mark_start"), self._m.market.mark
        lost = units * np.maximum(start - mark, 0.0) + units * mark * np.finfo(float).eps
        whole = over_generations(lost)
        for generation in range(units.shape[1]):
            part = amount * ratio(lost[:, generation], whole)
            found.add(part, rows, self.first_pool + generation, via=via)
        found.add(amount * np.where(whole > 0.0, 0.0, 1.0), rows, self._place["rents"], channel="rents", via=via)

    def of_lenders(self, chosen: Array, state: str, moment: int) -> None:
        """Why each `chosen` lender (lenders, R) is under its target, or failed: what it lost since the start, on whom;
        what it lacked at the start; for a failure also the lines called that it cannot pay; the rest is what else moves
        the ratio of a balance sheet: profit, dividends, growth.
        """
        if not chosen.any():
            return
        m, lenders = self._m, self._m.lenders
        found = Found(self, chosen > 0.0, "lender")
        self._of_losses(found, self.losses.so_far())
        weakness = m.columns["causes", "weakness"]
        everyone = np.arange(len(weakness))
        found.add(weakness, everyone, self._place["initial weakness"], channel="initial weakness", via="capital")
        missing = np.maximum(lenders.target * lenders.assets - lenders.equity, 0.0)
        if state == "default":
            self._of_lines(found)
            missing = np.maximum(lenders.owed_now() - lenders.cash, 0.0) + np.maximum(-lenders.equity, 0.0)
        found.close(state, moment, short=missing, rest=self._place["own balance sheet"])

    def _of_lines(self, found: Found) -> None:
        m, line = self._m, self.drains.of("line")
        provider = self._agent("lender", m.edges.provider)
        receiver = m.edges.receiver
        found.add(line[:, ledger.PROVIDER], receiver, provider, state="below target", channel="line called")
        units = m.links.lender.sum(m.facilities.units)[receiver]
        self._of_machines(found, line[:, ledger.MARK], receiver, units, via="line called")

    def _of_losses(self, found: Found, losses: dict[str, Array]) -> None:
        """Losses (not gains) by kind, each with the debtor or the mark that caused it."""
        m, edges = self._m, self._m.edges
        everyone = np.arange(len(edges.repo_lender))
        ends = {
            "facility": (edges.lender, self._agent("borrower", edges.borrower), "default"),
            "repo": (edges.repo_lender, self._agent("borrower", everyone), "default"),
            "line": (edges.provider, self._agent("lender", edges.receiver), "default"),
            "broker": (edges.broker_lender, self._agent("buyer", np.arange(len(edges.broker_lender))), "default"),
        }
        for kind, (lender, debtor, state) in ends.items():
            found.add(np.maximum(losses[kind], 0.0), lender, debtor, state=state, channel="loss", via=f"loss on {kind}")
        seized = np.maximum(losses["seized"], 0.0)
        for generation in range(len(m.hardware.names)):
            lenders = np.arange(seized.shape[0])
            found.add(seized[:, generation], lenders, self.first_pool + generation, via="seized machines")

    def of_buyers(self, chosen: Array) -> None:
        """Why buyers failed on their contracts: their own business, and the closed window that raised their hazard."""
        if not chosen.any():
            return
        m = self._m
        scripted = m.scripted_failures("buyer")
        self.of_scripts(chosen * scripted, "buyer", BEFORE_SALES)
        found = Found(self, chosen * (1.0 - scripted) > 0.0, "buyer")
        raised = m.parameters.funding.hazard * m.world.closed
        share = ratio(raised, 1.0 + raised) * np.ones_like(chosen)
        everyone = np.arange(len(chosen))
        found.add(share, everyone, self._window, via="hazard")
        found.add(1.0 - share, everyone, self._place["customers"], channel="customers", via="hazard")
        found.close("default", BEFORE_SALES, short=0.0 * chosen)

    def closes_month(self) -> None:
        """Whose losses the month's losses were has been recorded."""
        m = self._m
        month = self.losses.closes_month()
        self.loans.closes_month(month["facility"])
        if not any(amount.any() for amount in month.values()):
            return
        everyone = np.ones((len(m.edges.lender_names), len(m.going)))
        found = Found(self, everyone > 0.0, "lender")
        self._of_losses(found, month)
        found.close("loss", AT_CLOSE, short=0.0 * everyone)

    def sold(self, forced: Array, estate: Array, *, hurried: Array, waiting: Array) -> None:
        """Machines sold in a round, by who had to: living borrowers, estates, lenders in a hurry; what lenders sold in
        peace counts with those from whom they seized it. All `(rows, G, R)`.
        """
        m, pools = self._m, self.pools
        pools.sells("sold_forced", forced)
        origin = self.losses.origin_of_seized() * waiting[m.edges.lender]
        pools.sells("sold_estate", estate + m.links.borrower.sum(origin))
        pools.sells("sold_hurried", hurried)

    def items_of(self, share: Share, asked: Mask) -> Items:
        """A pool's share on the paths `asked` as items of its one row."""
        rows, columns = np.nonzero((share.weight > 0.0) & asked)
        if share.cause in self._m.record.first:
            cause = self._agent(share.cause, rows)
        else:
            cause = np.full(len(rows), self._place[share.cause])
        return Items(np.zeros_like(rows), columns, cause, share.weight[rows, columns], share.state, share.channel, "")

    def _agent(self, family: str, index: Index) -> Index:
        """Numbers of agents among all names."""
        return index + self._m.record.first[family]
