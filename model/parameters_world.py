"""Which numbers describe what happens to everybody: coin, demand, supply, rent, funding, machines, shocks?"""

from __future__ import annotations

from pydantic import Field

from nobid.model.parameter_fields import ASSUMPTION, DESIGN, MARKETS, MONTH, Section, choice, number, share


class Regime(Section):
    """Calm or stress, and how the shocks move together in each."""

    stochastic: bool = choice(True, "draw shocks; off: regime, coin, demand and funding follow their means")
    calm_to_stress: float = share(0.03, "probability a month that calm turns to stress", source=DESIGN)
    stress_to_calm: float = share(0.15, "probability a month that stress turns to calm", source=DESIGN)
    start_in_stress: bool = choice(False, "regime at the start")
    correlation_calm: float = share(0.05, "common-factor correlation of coin, demand, funding in calm", source=MARKETS)
    correlation_stress: float = share(0.6, "the same in stress: the essay's hypothesis", source=ASSUMPTION)


class Coin(Section):
    """Bitcoin: price in USD per BTC, annual log rates."""

    price: float = number(87500.0, "USD/BTC", "price at the start", source="btc_monthly.csv 2025-12-31", low=1.0)
    drift_calm: float = number(0.30, "1/year", "expected log growth in calm", source=DESIGN, low=-3.0, high=3.0)
    drift_stress: float = number(-0.6, "1/year", "expected log growth in stress", source=DESIGN, low=-3.0, high=3.0)
    volatility: float = number(0.50, "1/sqrt(year)", "diffusive volatility", source=MARKETS, high=3.0)
    jump_probability: float = share(0.02, "probability of a jump in a month", source=DESIGN)
    jump_size: float = number(-0.18, "log", "log size of a jump", source=DESIGN, low=-2.0, high=1.0)
    daily_volume: float = number(300_000.0, "BTC/day", "average daily volume", source=DESIGN, low=1.0)
    impact: float = number(0.6, "log", "log price fall when forced sales equal a day's volume, daily", source=DESIGN)
    impact_on: bool = choice(True, "forced coin sales move the price")
    sales_on: bool = choice(True, "borrowers short of cash sell free coins")
    impact_decay: float = share(0.5, "share of the impact left after a month", source=DESIGN)


class Mining(Section):
    """Hash rate and hashprice."""

    on: bool = choice(True, "miners mine")
    network_eh: float = number(
        1050.0, "EH/s", "network hash rate at the start", source="hashprice.csv 2026-01", low=1.0
    )
    subsidy: float = number(3.125, "BTC/block", "block subsidy before the next halving", source="protocol", low=0.0)
    fee_share: float = share(0.02, "transaction fees as a share of the subsidy", source=MARKETS)
    halvings: tuple[str, ...] = Field(
        ("2028-04", "2032-04"),
        description="months in which the subsidy halves",
        json_schema_extra={"unit": "YYYY-MM", "source": "protocol"},
    )
    marginal_cost: float = number(
        36.0,
        "USD/PH/day",
        "hashprice at which the marginal miner breaks even",
        source="hashprice.csv: five-year low 35-38",
        low=0.1,
    )
    adjustment_months: float = number(
        3.0, "months", "lag of the network hash rate behind that level", source=DESIGN, low=1.0
    )
    sell_share: float = share(0.7, "share of mined coins sold at once; the rest is held", source=ASSUMPTION)


class Demand(Section):
    """Demand for compute services."""

    growth_calm: float = number(0.32, "1/year", "log growth of demand in calm", source=DESIGN, low=-2.0, high=3.0)
    growth_stress: float = number(-0.10, "1/year", "log growth of demand in stress", source=DESIGN, low=-2.0, high=3.0)
    volatility: float = number(0.40, "1/sqrt(year)", "volatility of demand", source=DESIGN, high=3.0)
    elasticity: float = number(
        1.5, "", "price elasticity of services demanded (epsilon)", source=DESIGN, low=0.3, high=4.0
    )
    efficiency_growth: float = number(
        0.30, "1/year", "log fall of compute needed per service (eta)", source=MARKETS, low=-1.0, high=2.0
    )
    growth_uncertainty: float = number(
        0.10, "1/year", "standard deviation over paths of mean demand growth", source=ASSUMPTION, high=1.0
    )
    volatility_uncertainty: float = number(
        0.25, "log", "log standard deviation over paths of demand volatility", source=ASSUMPTION, high=1.0
    )


class Supply(Section):
    """Compute outside the modelled firms."""

    outside_multiple: float = number(
        2.2, "ratio", "outside compute over the modelled fleet at the start", source=ASSUMPTION
    )
    growth: float = number(0.78, "1/year", "log growth of outside compute (g_S)", source=DESIGN, low=-1.0, high=3.0)
    growth_uncertainty: float = number(
        0.15, "1/year", "standard deviation of g_S over paths", source=ASSUMPTION, high=1.0
    )
    price_response: float = number(
        0.25, "1/year", "response of outside growth to log(value/list) (k_S)", source=DESIGN, high=3.0
    )
    response_limit: float = number(1.5, "log", "bound on log(value/list) in that response", source=DESIGN)


class Rental(Section):
    """Rent of compute and cost of running it."""

    reference_rent: float = number(2.1, "USD/H100e-h", "rent at the start (p_ref)", source=DESIGN, low=0.01, high=50.0)
    utilisation_cap: float = number(
        0.88, "share", "highest utilisation of rented hardware", source=DESIGN, low=0.05, high=1.0
    )
    fee: float = share(0.12, "share of spot rent kept by market places and sales", source=DESIGN)
    owner_spread: float = number(
        0.15, "share", "avoidable cost of the cheap and dear owner class around the middle", source=DESIGN, high=0.9
    )
    power_cost: float = number(0.14, "USD/kWh", "avoidable cost of running (c_var)", source=DESIGN)
    site_cost: float = number(
        0.12, "USD/kWh", "site lease per kW-hour of capacity, owed while idle", source="split of c_all: assumption"
    )
    staff_cost: float = number(
        0.02, "USD/kWh", "staff and upkeep per kW-hour, owed while idle", source="split of c_all: assumption"
    )


class Funding(Section):
    """The funding window: 0 normal, 1 as closed as in late 2022."""

    persistence: float = number(0.85, "1/month", "autocorrelation of the window", source=DESIGN, high=0.999)
    innovation: float = number(0.15, "", "standard deviation of its monthly innovation", source=DESIGN, high=2.0)
    feedback: float = number(1.0, "", "window closed by losses of loss_unit of market debt (k_F)", source=DESIGN)
    feedback_on: bool = choice(True, "default losses close the window")
    loss_unit: float = number(
        0.05, "share", "losses over market debt that close it by k_F", source=DESIGN, low=1e-4, high=1.0
    )
    spread: float = number(0.04, "1/year", "spread added per unit of a closed window", source=DESIGN, high=1.0)
    ceiling: float = number(
        2.0, "", "most that a closed window can act: twice late 2022", source=ASSUMPTION, low=0.0, high=50.0
    )
    roll_decay: float = number(1.0, "", "roll quota falls as exp(-roll_decay f)", source=DESIGN)
    issuance_decay: float = number(3.0, "", "issuance falls as exp(-issuance_decay f)", source=DESIGN)
    hazard: float = number(2.0, "", "buyers' hazard rises as 1 + hazard f", source=DESIGN)


class Hardware(Section):
    """Generations: launches, prices, wear."""

    retire_months: int = number(
        84, "months", "age since launch at which a machine retires", source=DESIGN, low=12, high=240
    )
    idle_months: int = number(
        6, "months", "months at zero value after which a machine retires", source=DESIGN, low=1, high=60
    )
    scrap_on: bool = choice(True, "machines past their age, or worthless for long enough, are scrapped")
    shortest_life: int = number(12, "months", "least remaining life used in a valuation", source=DESIGN, low=1, high=60)
    longest_life: int = number(
        60, "months", "greatest remaining life used in a valuation", source=DESIGN, low=12, high=120
    )
    book_life: float = number(
        72.0,
        "months",
        "straight-line book life where a firm states none",
        source="neo-cloud notes: 4-6 years",
        low=12.0,
        high=120.0,
    )
    list_falls: bool = choice(True, "the vendor's list price follows the value of a machine; off: it stands")
    vendor_margin: float = number(
        0.25, "share", "margin that the vendor gives up before the list price falls", source=DESIGN, high=0.9
    )
    list_follows_after: int = number(
        6, "months", "months after launch from which list = min(list0, (1-margin) V)", source=DESIGN, low=0, high=60
    )
    launch_shift: int = number(
        0,
        "months",
        "launches after the start come this much later (negative: earlier)",
        source=ASSUMPTION,
        low=-24,
        high=24,
    )


class Shock(Section):
    """A dated shock: log-multipliers written as relative changes (-0.35 is a fall of 35 %)."""

    month: str = Field(
        pattern=MONTH, description="month of the shock", json_schema_extra={"unit": "YYYY-MM", "source": "scenario"}
    )
    demand: float = number(0.0, "relative", "lasting change of compute demand", source="scenario", low=-0.99, high=10.0)
    coin: float = number(0.0, "relative", "lasting change of the coin price", source="scenario", low=-0.99, high=10.0)
    funding: float = number(0.0, "", "added to the funding window, decaying", source="scenario", low=-5.0, high=5.0)
    fail: tuple[str, ...] = Field(
        (), description="agents made to fail in that month", json_schema_extra={"unit": "names", "source": "scenario"}
    )
