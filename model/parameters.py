"""Which numbers may a scenario set, in what unit, within what bounds, and where does each come from?

Every field is frozen and typed; `source` is a reference into the project's tables, a published range, or the
word "assumption". Nothing here is read by a rule except under the name it has here.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

ASSUMPTION = "assumption"
MONTH = r"^20[0-9]{2}-(0[1-9]|1[0-2])$"


def _number(
    default: float,
    unit: str,
    meaning: str,
    source: str = ASSUMPTION,
    *,
    low: float | None = 0.0,
    high: float | None = None,
) -> Any:
    return Field(
        default,
        ge=low,
        le=high,
        allow_inf_nan=False,
        description=meaning,
        json_schema_extra={"unit": unit, "source": source},
    )


def _choice(default: Any, meaning: str, source: str = ASSUMPTION) -> Any:
    return Field(default, description=meaning, json_schema_extra={"unit": "choice", "source": source})


def _share(default: float, meaning: str, source: str = ASSUMPTION) -> Any:
    return _number(default, "share", meaning, source, high=1.0)


class Section(BaseModel):
    """One table of a scenario file: frozen, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


DESIGN = "project design table (2026-11), range stated there"
MARKETS = "markets calibration notes (2026-11)"


class Regime(Section):
    """Calm or stress, and how the shocks move together in each."""

    stochastic: bool = _choice(True, "draw shocks; off: regime, coin, demand and funding follow their means")
    calm_to_stress: float = _share(0.03, "probability a month that calm turns to stress", DESIGN)
    stress_to_calm: float = _share(0.15, "probability a month that stress turns to calm", DESIGN)
    start_in_stress: bool = _choice(False, "regime at the start")
    correlation_calm: float = _share(0.05, "common-factor correlation of coin, demand, funding in calm", MARKETS)
    correlation_stress: float = _share(0.6, "the same in stress: the essay's hypothesis", ASSUMPTION)


class Coin(Section):
    """Bitcoin: price in USD per BTC, annual log rates."""

    price: float = _number(87500.0, "USD/BTC", "price at the start", "btc_monthly.csv 2025-12-31", low=1.0)
    drift_calm: float = _number(0.30, "1/year", "expected log growth in calm", DESIGN, low=-3.0, high=3.0)
    drift_stress: float = _number(-0.6, "1/year", "expected log growth in stress", DESIGN, low=-3.0, high=3.0)
    volatility: float = _number(0.50, "1/sqrt(year)", "diffusive volatility", MARKETS, high=3.0)
    jump_probability: float = _share(0.02, "probability of a jump in a month", DESIGN)
    jump_size: float = _number(-0.18, "log", "log size of a jump", DESIGN, low=-2.0, high=1.0)
    daily_volume: float = _number(300_000.0, "BTC/day", "average daily volume", DESIGN, low=1.0)
    impact: float = _number(0.6, "log", "log price fall when forced sales equal a day's volume, daily", DESIGN)
    impact_on: bool = _choice(True, "forced coin sales move the price")
    impact_decay: float = _share(0.5, "share of the impact left after a month", DESIGN)


class Mining(Section):
    """Hash rate and hashprice."""

    network_eh: float = _number(1050.0, "EH/s", "network hash rate at the start", "hashprice.csv 2026-01", low=1.0)
    subsidy: float = _number(3.125, "BTC/block", "block subsidy before the next halving", "protocol", low=0.0)
    fee_share: float = _share(0.02, "transaction fees as a share of the subsidy", MARKETS)
    halvings: tuple[str, ...] = Field(
        ("2028-04", "2032-04"),
        description="months in which the subsidy halves",
        json_schema_extra={"unit": "YYYY-MM", "source": "protocol"},
    )
    marginal_cost: float = _number(
        36.0, "USD/PH/day", "hashprice at which the marginal miner breaks even", "hashprice.csv: five-year low 35-38", low=0.1
    )
    adjustment_months: float = _number(3.0, "months", "lag of the network hash rate behind that level", DESIGN, low=1.0)
    sell_share: float = _share(0.7, "share of mined coins sold at once; the rest is held", ASSUMPTION)


class Demand(Section):
    """Demand for compute services."""

    growth_calm: float = _number(0.32, "1/year", "log growth of demand in calm", DESIGN, low=-2.0, high=3.0)
    growth_stress: float = _number(-0.10, "1/year", "log growth of demand in stress", DESIGN, low=-2.0, high=3.0)
    volatility: float = _number(0.40, "1/sqrt(year)", "volatility of demand", DESIGN, high=3.0)
    elasticity: float = _number(1.5, "", "price elasticity of services demanded (epsilon)", DESIGN, low=0.3, high=4.0)
    efficiency_growth: float = _number(0.30, "1/year", "log fall of compute needed per service (eta)", MARKETS, low=-1.0, high=2.0)
    growth_uncertainty: float = _number(0.10, "1/year", "standard deviation over paths of mean demand growth", ASSUMPTION, high=1.0)
    volatility_uncertainty: float = _number(0.25, "log", "log standard deviation over paths of demand volatility", ASSUMPTION, high=1.0)


class Supply(Section):
    """Compute outside the modelled firms."""

    outside_multiple: float = _number(2.2, "ratio", "outside compute over the modelled fleet at the start", ASSUMPTION)
    growth: float = _number(0.78, "1/year", "log growth of outside compute (g_S)", DESIGN, low=-1.0, high=3.0)
    growth_uncertainty: float = _number(0.15, "1/year", "standard deviation of g_S over paths", ASSUMPTION, high=1.0)
    price_response: float = _number(0.25, "1/year", "response of outside growth to log(value/list) (k_S)", DESIGN, high=3.0)
    response_limit: float = _number(1.5, "log", "bound on log(value/list) in that response", DESIGN)


class Rental(Section):
    """Rent of compute and cost of running it."""

    reference_rent: float = _number(2.1, "USD/H100e-h", "rent at the start (p_ref)", DESIGN, low=0.01, high=50.0)
    utilisation_cap: float = _number(0.88, "share", "highest utilisation of rented hardware", DESIGN, low=0.05, high=1.0)
    fee: float = _share(0.12, "share of spot rent kept by market places and sales", DESIGN)
    owner_spread: float = _number(0.15, "share", "avoidable cost of the cheap and dear owner class around the middle", DESIGN, high=0.9)
    power_cost: float = _number(0.14, "USD/kWh", "avoidable cost of running (c_var)", DESIGN)
    site_cost: float = _number(0.12, "USD/kWh", "site lease per kW-hour of capacity, owed while idle", "split of c_all: assumption")
    staff_cost: float = _number(0.02, "USD/kWh", "staff and upkeep per kW-hour, owed while idle", "split of c_all: assumption")


class Funding(Section):
    """The funding window: 0 normal, 1 as closed as in late 2022."""

    persistence: float = _number(0.85, "1/month", "autocorrelation of the window", DESIGN, high=0.999)
    innovation: float = _number(0.15, "", "standard deviation of its monthly innovation", DESIGN, high=2.0)
    feedback: float = _number(1.0, "", "window closed by losses of loss_unit of market debt (k_F)", DESIGN)
    feedback_on: bool = _choice(True, "default losses close the window")
    loss_unit: float = _number(0.05, "share", "losses over market debt that close it by k_F", DESIGN, low=1e-4, high=1.0)
    spread: float = _number(0.04, "1/year", "spread added per unit of a closed window", DESIGN, high=1.0)
    roll_decay: float = _number(1.0, "", "roll quota falls as exp(-roll_decay f)", DESIGN)
    issuance_decay: float = _number(3.0, "", "issuance falls as exp(-issuance_decay f)", DESIGN)
    hazard: float = _number(2.0, "", "buyers' hazard rises as 1 + hazard f", DESIGN)


class Hardware(Section):
    """Generations: launches, prices, wear."""

    decay: float = _number(0.30, "1/year", "true log decay of a machine's earning power (delta)", DESIGN, low=-1.0, high=2.0)
    retire_months: int = _number(84, "months", "age since launch at which a machine retires", DESIGN, low=12, high=240)
    idle_months: int = _number(6, "months", "months at zero value after which a machine retires", DESIGN, low=1, high=60)
    shortest_life: int = _number(12, "months", "least remaining life used in a valuation", DESIGN, low=1, high=60)
    longest_life: int = _number(60, "months", "greatest remaining life used in a valuation", DESIGN, low=12, high=120)
    book_life: float = _number(72.0, "months", "straight-line book life where a firm states none", "neo-cloud notes: 4-6 years", low=12.0, high=120.0)
    vendor_margin: float = _number(0.25, "share", "margin that the vendor gives up before the list price falls", DESIGN, high=0.9)
    list_follows_after: int = _number(6, "months", "months after launch from which list = min(list0, (1-margin) V)", DESIGN, low=0, high=60)
    launch_shift: int = _number(0, "months", "launches after the start come this much later (negative: earlier)", ASSUMPTION, low=-24, high=24)


class Buyers(Section):
    """Who can place a used machine."""

    budget_multiple: float = _number(1.0, "ratio", "all buyers' budgets times this", ASSUMPTION, high=100.0)
    racks_multiple: float = _number(1.0, "ratio", "all buyers' free racks times this", ASSUMPTION, high=100.0)
    appetite: float = _share(0.25, "share of free racks a buyer will fill in a month", DESIGN)
    tranches: int = _number(4, "", "tranches per buyer", DESIGN, low=1, high=16)
    tranche_slope: float = _share(0.5, "fall of the limit price over the tranches", DESIGN)
    rack_growth: float = _number(0.10, "1/year", "log growth of racks (new sites)", ASSUMPTION, low=-1.0, high=2.0)
    rack_scarcity: float = _share(0.9, "fill of a cooling class above which its rent counts", ASSUMPTION)
    power_rent_cap: float = _number(165.0, "USD/kW-month", "cost of new power, the cap on rack rent", DESIGN)
    retrofit: float = _number(2500.0, "USD/kW", "cost of turning air racks into liquid", DESIGN)
    rack_annuity_months: float = _number(60.0, "months", "life over which a rack's surplus is spread", ASSUMPTION, low=6.0, high=240.0)
    lab_hazard_calm: float = _share(0.002, "monthly default probability of an AI lab in calm", DESIGN)
    lab_hazard_stress: float = _share(0.02, "monthly default probability of an AI lab in stress", DESIGN)
    other_hazard_scale: float = _share(0.1, "hazard of other buyers relative to a lab", DESIGN)
    damages_months: float = _number(6.0, "months", "claim on a failed buyer, months of its offtake payments", ASSUMPTION, high=60.0)
    defaults_on: bool = _choice(True, "buyers may fail on their offtake contracts")


class Auction(Section):
    """The secondary market."""

    scrap: float = _number(0.03, "share of list", "reserve of a forced seller", DESIGN, low=1e-4, high=1.0)
    reoffers: int = _number(3, "", "re-offers in a month after the first offer", DESIGN, low=0, high=20)
    presale_price: float = _number(0.8, "share of mark", "price at which a sale is sized before any trade", DESIGN, low=0.05, high=1.0)
    seized_share: float = _share(0.10, "share of seized stock offered in a month", DESIGN)
    seized_reserve_value: float = _share(0.5, "reserve of an unhurried lender as a share of median value", DESIGN)
    seized_reserve_mark: float = _share(0.7, "and as a share of the mark", DESIGN)
    mark_reversion: float = _share(0.25, "share of the gap to value closed in a month", DESIGN)
    price_memory: float = _share(0.5, "share of a fire sale's price pressure remembered next month", ASSUMPTION)


class Repo(Section):
    """One-month loans against unpledged machines."""

    on: bool = _choice(True, "the repo market exists")
    haircut: float = _share(0.45, "haircut in calm markets (h0)", ASSUMPTION)
    haircut_volatility: float = _number(0.5, "", "haircut per unit of the mark's volatility (k_sigma)", ASSUMPTION)
    haircut_drawdown: float = _number(0.5, "", "haircut per unit of the mark's drawdown (k_d)", ASSUMPTION)
    haircut_shortfall: float = _number(0.5, "", "haircut per unit of the lender's own shortfall (k_c)", ASSUMPTION)
    haircut_floor: float = _share(0.20, "lowest haircut", ASSUMPTION)
    capacity: float = _share(0.002, "share of a lender's free capital lent in repo", "notes: nearly nothing today")
    spread: float = _number(0.03, "1/year", "repo rate over the base rate", ASSUMPTION, high=1.0)


class GpuMargin(Section):
    """Margin calls on machines: no published GPU loan has them."""

    on: bool = _choice(False, "market-value margin calls on GPU facilities", "no document found has one")
    ltv_max: float = _number(0.80, "ratio", "loan-to-value above which a call is made", ASSUMPTION, low=0.1, high=5.0)
    headroom: float = _number(1.2, "ratio", "trigger is at least this multiple of LTV at signing", DESIGN, low=1.0, high=5.0)
    call_speed: float = _number(1.0 / 3.0, "share/month", "share of the call due within the month", DESIGN, high=1.0)


class BtcMargin(Section):
    """Coin loans: loan-to-value at which things happen."""

    initial: float = _number(0.60, "ratio", "LTV to which a call restores", "miner notes, seven facilities", low=0.01, high=2.0)
    call: float = _number(0.75, "ratio", "LTV of a margin call", "miner notes", low=0.01, high=2.0)
    liquidate: float = _number(0.85, "ratio", "LTV at which the lender sells", "miner notes", low=0.01, high=5.0)


class Debt(Section):
    """Terms that hold for every facility unless its row says otherwise."""

    base_rate: float = _number(0.037, "1/year", "risk-free rate", "SOFR 30-day average 2026-01", high=0.5)
    liquidation_cost: float = _share(0.10, "cost of selling what was seized or left in an estate", DESIGN)
    release_price: float = _number(1.1, "ratio", "release price of pledged units over their share of debt", DESIGN, low=1.0, high=3.0)
    covenants: bool = _choice(True, "coverage covenants are tested")
    strict: bool = _choice(False, "every covenant breach is accelerated")
    waiver_fee: float = _number(0.01, "share of debt", "fee of a waiver", DESIGN, high=0.5)
    waiver_months: int = _number(12, "months", "how long a waiver lasts", ASSUMPTION, low=1, high=60)
    cure_share: float = _share(0.25, "share of spare cash a borrower spends on a cure", ASSUMPTION)
    walk_away_ltv: float = _number(1.0 / 0.9, "ratio", "debt over collateral beyond which a limited-recourse SPV is surrendered", "2022: value/debt below about 0.9", low=0.1, high=10.0)
    convertibles: bool = _choice(True, "convertibles may convert at their due date; off: cash only")
    equity_multiple: float = _number(1.5, "ratio", "market value of equity: multiple of marked assets", DESIGN, low=0.1, high=10.0)
    conversion_strike: float = _number(1.35, "ratio", "strike over the value at issue", DESIGN, low=0.1, high=10.0)
    roll_months: int = _number(36, "months", "tenor of a rolled bullet", ASSUMPTION, low=1, high=240)
    rolls_on: bool = _choice(True, "maturing bullets may be rolled")
    ring_fence_coins: bool = _choice(False, "coins held outside loans cannot be sold for other debts")
    gpu_margin: GpuMargin = GpuMargin()
    btc: BtcMargin = BtcMargin()


class Lenders(Section):
    """Capital, funding, patience."""

    capital_multiple: float = _number(1.0, "ratio", "times the assumed equity of every lender", ASSUMPTION, low=0.01, high=20.0)
    other_multiple: float = _number(1.0, "ratio", "times every lender's other assets; 0: the vehicle stands alone", ASSUMPTION, high=1.0)
    target: float = _number(0.75, "share", "target equity ratio over the initial one", DESIGN, low=0.0, high=1.5)
    mark: Literal["market", "appraisal", "book"] = _choice("appraisal", "how lenders value machines", "notes: depreciated cost and appraisal")
    appraisal_months: float = _number(6.0, "months", "memory of an appraisal", ASSUMPTION, low=1.0, high=60.0)
    belief_decay: float = _number(0.15, "1/year", "decay that lenders underwrite (delta_u)", DESIGN, low=-1.0, high=2.0)
    withdrawal: float = _share(0.6, "short funding withdrawn per unit of relative shortfall (phi)", DESIGN)
    withdrawal_on: bool = _choice(True, "short funders may withdraw")
    funding_rate: float = _number(0.05, "1/year", "cost of a lender's funding", ASSUMPTION, high=0.5)
    payout: float = _share(0.9, "share of a month's profit paid out while above target", ASSUMPTION)
    cash_share: float = _share(0.03, "cash kept as a share of assets", ASSUMPTION)
    warehouse_on: bool = _choice(True, "warehouse lines are marked and called")


class Hosting(Section):
    """Site leases between modelled firms."""

    on: bool = _choice(True, "tenants pay modelled hosts; off: rent goes to outside landlords")
    damages_months: float = _number(12.0, "months", "damages owed by a tenant that defaults", DESIGN, high=120.0)
    relet_months: int = _number(9, "months", "months until a lost lease is let again", DESIGN, low=0, high=120)
    relet_price: float = _share(0.8, "rent of the new lease over the old", DESIGN)
    site_value: float = _number(2.0, "USD m/MW", "value of a powered site at the reference rent", DESIGN)


class Offtake(Section):
    """Customer contracts."""

    breaks_on: bool = _choice(True, "weak contracts break when spot is far below")
    switching_cost: float = _number(0.25, "share of contract price", "gap to spot beyond which a weak contract breaks", ASSUMPTION, high=1.0)
    discount: float = _number(0.10, "share", "discount on a newly signed contract", DESIGN, high=0.9)
    new_months: int = _number(60, "months", "tenor of newly signed capacity", "offtake.csv: 5-6 years", low=1, high=180)
    buyer_decay: float = _number(0.08, "1/year", "decay that contract buyers believe in (delta_b)", "36-month curve, markets notes", low=-0.5, high=1.5)


class Invest(Section):
    """Forward growth: what is signed, ordered, drawn and issued."""

    on: bool = _choice(True, "borrowers order machines")
    capture: float = _number(0.5, "share", "modelled firms' share of the growth of demand", ASSUMPTION, high=2.0)
    lag_months: int = _number(4, "months", "months from order to arrival", ASSUMPTION, low=1, high=11)
    advance: float = _share(0.9, "highest loan to cost of a new draw", DESIGN)
    hurdle: float = _number(0.10, "1/year", "return over the base rate that a borrower asks of a machine", ASSUMPTION, high=1.0)
    dscr: float = _number(1.2, "ratio", "coverage at which a new draw is sized (DSCR*)", DESIGN, low=0.5, high=5.0)
    tenor_months: int = _number(48, "months", "tenor of a new draw", DESIGN, low=6, high=240)
    prepayment: float = _share(0.20, "customer prepayment as a share of cost", "neo-cloud notes: 15-25 %")
    issuance: float = _number(0.04, "share/month", "equity and convertibles issued, at most, of market value", DESIGN, high=1.0)
    convert_share: float = _share(0.5, "share of issuance that is convertible", ASSUMPTION)
    buffer_months: float = _number(3.0, "months", "dues kept in cash before own money is invested", ASSUMPTION, high=36.0)
    miner_share: float = _share(0.1, "share of captured growth that miners serve", ASSUMPTION)


class Shock(Section):
    """A dated shock: log-multipliers written as relative changes (-0.35 is a fall of 35 %)."""

    month: str = Field(pattern=MONTH, description="month of the shock", json_schema_extra={"unit": "YYYY-MM", "source": "scenario"})
    demand: float = _number(0.0, "relative", "lasting change of compute demand", "scenario", low=-0.99, high=10.0)
    coin: float = _number(0.0, "relative", "lasting change of the coin price", "scenario", low=-0.99, high=10.0)
    funding: float = _number(0.0, "", "added to the funding window, decaying", "scenario", low=-5.0, high=5.0)
    fail: tuple[str, ...] = Field((), description="agents made to fail in that month", json_schema_extra={"unit": "names", "source": "scenario"})


class Parameters(Section):
    """Everything a run reads, apart from the balance sheets it starts from."""

    start: str = Field("2026-01", pattern=MONTH, description="first month", json_schema_extra={"unit": "YYYY-MM", "source": "measured balance sheets end 2025-12-31"})
    months: int = _number(60, "months", "length of a run", "project design", low=1, high=240)
    regime: Regime = Regime()
    coin: Coin = Coin()
    mining: Mining = Mining()
    demand: Demand = Demand()
    supply: Supply = Supply()
    rental: Rental = Rental()
    funding: Funding = Funding()
    hardware: Hardware = Hardware()
    buyers: Buyers = Buyers()
    auction: Auction = Auction()
    repo: Repo = Repo()
    debt: Debt = Debt()
    lenders: Lenders = Lenders()
    hosting: Hosting = Hosting()
    offtake: Offtake = Offtake()
    invest: Invest = Invest()
    shock: tuple[Shock, ...] = Field((), description="dated shocks", json_schema_extra={"unit": "list", "source": "scenario"})
