"""Which policies bear on how collateral is marked, margined and sold, and on who buys it?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nobid.model.parameter_fields import choice, number, share
from nobid.model.parameters import Parameters
from nobid.model.policies import Policy
from nobid.model.policies_of_credit import CHOSEN


class HaircutFloor(Policy):
    """A floor under haircuts. No repo dealer lends more than 1 - `floor` of the mark of a machine, in good months
    either.
    """

    name = "haircut_floor"
    costs = "borrowers and brokers: repo that is not lent"
    floor: float = share(0.5, "least haircut", source=CHOSEN)

    def rules(self, parameters: Parameters) -> Mapping[str, Any]:
        """The lowest haircut."""
        return {"repo.haircut_floor": max(parameters.repo.haircut_floor, self.floor)}


class CountercyclicalHaircut(Policy):
    """Haircuts through the cycle. Dealers ask `buffer` more at all times, and nothing more when marks swing or fall or
    their own capital is short.
    """

    name = "countercyclical_haircut"
    costs = "borrowers and brokers: less repo in calm months; dealers: thinner cover in bad ones"
    buffer: float = share(0.10, "what is asked over the haircut of calm markets", source=CHOSEN)

    def rules(self, parameters: Parameters) -> Mapping[str, Any]:
        """A higher haircut that does not move."""
        still = dict.fromkeys(("repo.haircut_volatility", "repo.haircut_drawdown", "repo.haircut_shortfall"), 0.0)
        return {"repo.haircut": min(parameters.repo.haircut + self.buffer, 1.0), **still}


class MarkToMarket(Policy):
    """Marks at market prices. Lenders value machines at this month's marks instead of appraisals or book; with `calls`,
    they also call margin on machines by them.
    """

    name = "mark_to_market"
    costs = "borrowers: refused rolls and, with calls, margin; lenders: losses seen sooner"
    calls: bool = choice(False, "margin is called on machines", source=CHOSEN)

    def rules(self, parameters: Parameters) -> Mapping[str, Any]:
        """How lenders mark, and whether they call."""
        return {"lenders.mark": "market", **({"debt.gpu_margin.on": True} if self.calls else {})}


class MarkToBook(Policy):
    """Marks at book. Lenders value machines at depreciated cost, whatever they would bring."""

    name = "mark_to_book"
    costs = "lenders: losses seen late, loans rolled against collateral that is not there"

    def rules(self, parameters: Parameters) -> Mapping[str, Any]:
        """How lenders mark."""
        return {"lenders.mark": "book"}


class RingFenceCoins(Policy):
    """Coins behind a fence. Coins outside coin loans can be neither sold for other debts nor pledged for machines; a
    failed miner's coins go to its estate.
    """

    name = "ring_fence_coins"
    costs = "miners: cash that they may not raise; their other lenders: what it would have paid"

    def rules(self, parameters: Parameters) -> Mapping[str, Any]:
        """The fence."""
        return {"debt.ring_fence_coins": True}


class RepoFacility(Policy):
    """The public lends for a month against free machines to whoever is short of cash, at `haircut` and `rate`, up to
    `capacity` at once. Loans are rolled as far as their machines carry them and have no recourse to anything else.
    """

    name = "repo_facility"
    costs = "the public: loans (public outlay), and what machines of the failed do not bring (public loss)"
    capacity: float = number(3000.0, "USD m", "most that is lent at once", source=CHOSEN)
    haircut: float = share(0.5, "haircut on the mark", source=CHOSEN)
    rate: float = number(0.08, "1/year", "interest", source=CHOSEN, high=1.0)

    def rules(self, parameters: Parameters) -> Mapping[str, Any]:
        """The public's loans."""
        return {
            "backstop.repo_capacity": self.capacity,
            "backstop.repo_haircut": self.haircut,
            "backstop.repo_rate": self.rate,
        }


class BuyerOfLastResort(Policy):
    """The public bids `floor` of the median buyer's value for any machine on offer, until it has spent `budget`. It
    keeps the machines idle in a store and sells none of them within the run.
    """

    name = "buyer_of_last_resort"
    costs = "the public: what it pays (public outlay), less what the store would bring at the end (public loss)"
    floor: float = share(0.6, "bid over the value to the median buyer", source=CHOSEN)
    budget: float = number(5000.0, "USD m", "what it spends in all", source=CHOSEN)

    def rules(self, parameters: Parameters) -> Mapping[str, Any]:
        """The public's bid."""
        return {"backstop.floor": self.floor, "backstop.budget": self.budget}


class OrderlyLiquidation(Policy):
    """Nobody sells in a hurry. Lenders below target or in run-off, and estates, offer at most `share` of their stock
    a month, at the reserve of a lender that can wait. Living borrowers short of cash still sell at any price.
    """

    name = "orderly_liquidation"
    costs = "creditors of the failed: money that comes later, and machines that lose value in the meantime (unsold)"
    share: float = share(0.05, "share of the stock on offer in a month", source=CHOSEN)

    def rules(self, parameters: Parameters) -> Mapping[str, Any]:
        """Patience, and the share on offer."""
        return {"auction.hurry_on": False, "auction.seized_share": min(parameters.auction.seized_share, self.share)}


class VendorBuyback(Policy):
    """The vendor takes machines back. It bids `price` of the list price at launch for generations up to `months` old,
    for `budget` a month, and sells what it took outside this market.
    """

    name = "vendor_buyback"
    costs = "the vendor: what it pays (private outlay), less what it gets elsewhere, which is not modelled"
    price: float = share(0.3, "bid over list price at launch", source=CHOSEN)
    months: int = number(36, "months", "age of a generation up to which it bids", source=CHOSEN, low=1, high=240)
    budget: float = number(100.0, "USD m/month", "what it spends", source=CHOSEN)

    def rules(self, parameters: Parameters) -> Mapping[str, Any]:
        """The vendor's bid."""
        return {
            "backstop.buyback_price": self.price,
            "backstop.buyback_months": self.months,
            "backstop.buyback_budget": self.budget,
        }


class LiquidRetrofit(Policy):
    """Racks for machines that need liquid cooling. In the first month `mw` of buyers' free air racks are refitted, so
    that newer machines find a place; the public pays `subsidy` of the cost.
    """

    name = "liquid_retrofit"
    costs = "the public (public outlay, all of it a loss) and buyers (private outlay), by the subsidy"
    mw: float = number(100.0, "MW", "free air racks that are refitted", source=CHOSEN)
    subsidy: float = share(1.0, "share of the cost that the public pays", source=CHOSEN)

    def rules(self, parameters: Parameters) -> Mapping[str, Any]:
        """How much is refitted and who pays."""
        more = parameters.backstop.retrofit_mw + self.mw
        return {"backstop.retrofit_mw": more, "backstop.retrofit_subsidy": self.subsidy}


BIDDERS = (BuyerOfLastResort, VendorBuyback)  # they act through bids in the auction
