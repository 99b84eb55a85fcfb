"""Which numbers describe who can place a used machine, and the markets and backstops for machines?"""

from __future__ import annotations

from nobid.model.parameter_fields import ASSUMPTION, DESIGN, POLICY, Section, choice, number, share


class Buyers(Section):
    """Who can place a used machine."""

    budget_multiple: float = number(1.0, "ratio", "all buyers' budgets times this", source=ASSUMPTION, high=100.0)
    racks_multiple: float = number(1.0, "ratio", "all buyers' free racks times this", source=ASSUMPTION, high=100.0)
    appetite: float = share(0.25, "share of free racks a buyer will fill in a month", source=DESIGN)
    tranches: int = number(4, "", "tranches per buyer", source=DESIGN, low=1, high=16)
    tranche_slope: float = share(0.5, "fall of the limit price over the tranches", source=DESIGN)
    rack_growth: float = number(
        0.10, "1/year", "log growth of racks (new sites)", source=ASSUMPTION, low=-1.0, high=2.0
    )
    rack_scarcity: float = share(0.9, "fill of a cooling class above which its rent counts", source=ASSUMPTION)
    power_rent_cap: float = number(165.0, "USD/kW-month", "cost of new power, the cap on rack rent", source=DESIGN)
    retrofit: float = number(2500.0, "USD/kW", "cost of turning air racks into liquid", source=DESIGN)
    rack_annuity_months: float = number(
        60.0, "months", "life over which a rack's surplus is spread", source=ASSUMPTION, low=6.0, high=240.0
    )
    lab_hazard_calm: float = share(0.002, "monthly default probability of an AI lab in calm", source=DESIGN)
    lab_hazard_stress: float = share(0.02, "monthly default probability of an AI lab in stress", source=DESIGN)
    other_hazard_scale: float = share(0.1, "hazard of other buyers relative to a lab", source=DESIGN)
    defaults_on: bool = choice(True, "buyers may fail on their offtake contracts")


class Auction(Section):
    """The secondary market."""

    scrap: float = number(0.03, "share of list", "reserve of a forced seller", source=DESIGN, low=1e-4, high=1.0)
    reoffers: int = number(3, "", "re-offers in a month after the first offer", source=DESIGN, low=0, high=20)
    presale_price: float = number(
        0.8, "share of mark", "price at which a sale is sized before any trade", source=DESIGN, low=0.05, high=1.0
    )
    seized_share: float = share(0.10, "share of seized stock offered in a month", source=DESIGN)
    seized_reserve_value: float = share(0.5, "reserve of an unhurried lender as a share of median value", source=DESIGN)
    seized_reserve_mark: float = share(0.7, "and as a share of the mark", source=DESIGN)
    mark_reversion: float = share(0.25, "share of the gap to value closed in a month", source=DESIGN)
    hurry_on: bool = choice(
        True, "lenders below target and estates sell at any price, at once; off: like a lender that can wait"
    )
    marks_on: bool = choice(True, "a forced sale marks down every machine of its generation")
    distress_on: bool = choice(True, "borrowers short of cash offer machines")
    seized_on: bool = choice(True, "lenders sell machines that they seized")


class Impact(Section):
    """The textbook's secondary market (market = "impact"): no bids, only a price that gives way."""

    depth: float = number(
        0.95,
        "share of all units",
        "sale that takes 1 - 1/e of the price above the floor; at 0.95 a tenth sold takes a tenth",
        source=ASSUMPTION,
        low=1e-3,
        high=1e3,
    )
    floor: float = share(0.0, "share of median value that no sale goes below")


class Repo(Section):
    """One-month loans against unpledged machines."""

    on: bool = choice(True, "the repo market exists")
    haircut: float = share(0.45, "haircut in calm markets (h0)", source=ASSUMPTION)
    haircut_volatility: float = number(
        0.5, "", "haircut per unit of the mark's volatility (k_sigma)", source=ASSUMPTION
    )
    haircut_drawdown: float = number(0.5, "", "haircut per unit of the mark's drawdown (k_d)", source=ASSUMPTION)
    haircut_shortfall: float = number(
        0.5, "", "haircut per unit of the lender's own shortfall (k_c)", source=ASSUMPTION
    )
    haircut_floor: float = share(0.20, "lowest haircut", source=ASSUMPTION)
    capacity: float = share(
        0.002, "share of a lender's free capital lent in repo", source="notes: nearly nothing today"
    )
    spread: float = number(0.03, "1/year", "repo rate over the base rate", source=ASSUMPTION, high=1.0)


class Backstop(Section):
    """Who stands behind the market for machines by policy, the public or the vendor: nobody unless told."""

    floor: float = share(
        0.0, "share of median value that the public bids for any machine; 0: it does not", source=POLICY
    )
    budget: float = number(0.0, "USD m", "what the public spends on machines in all", source=POLICY)
    repo_capacity: float = number(0.0, "USD m", "what the public lends against free machines at once", source=POLICY)
    repo_haircut: float = share(0.5, "haircut of such a loan", source=POLICY)
    repo_rate: float = number(0.08, "1/year", "its interest rate", source=POLICY, high=1.0)
    retrofit_mw: float = number(0.0, "MW", "free air racks turned into liquid ones when rules change", source=POLICY)
    retrofit_subsidy: float = share(1.0, "share of the cost of it that the public pays", source=POLICY)
    buyback_price: float = share(0.0, "share of list at launch that the vendor bids; 0: it does not", source=POLICY)
    buyback_months: int = number(
        36, "months", "age of a generation up to which the vendor bids", source=POLICY, low=1, high=240
    )
    buyback_budget: float = number(0.0, "USD m/month", "what the vendor spends on buying back", source=POLICY)
