"""Which numbers describe debt, lenders, leases, contracts and investment?"""

from __future__ import annotations

from typing import Literal

from nobid.model.parameter_fields import ASSUMPTION, DESIGN, POLICY, Section, choice, number, share

NO_LIMIT = 1e6  # times: nothing comes near it


class GpuMargin(Section):
    """Margin calls on machines: no published GPU loan has them."""

    on: bool = choice(False, "market-value margin calls on GPU facilities", source="no document found has one")
    ltv_max: float = number(
        0.80, "ratio", "loan-to-value above which a call is made", source=ASSUMPTION, low=0.1, high=5.0
    )
    headroom: float = number(
        1.2, "ratio", "trigger is at least this multiple of LTV at signing", source=DESIGN, low=1.0, high=5.0
    )
    call_speed: float = number(
        1.0 / 3.0, "share/month", "share of the call due within the month", source=DESIGN, high=1.0
    )


class BtcMargin(Section):
    """Coin loans: loan-to-value at which things happen."""

    initial: float = number(
        0.60, "ratio", "LTV to which a call restores", source="miner notes, seven facilities", low=0.01, high=2.0
    )
    call: float = number(0.75, "ratio", "LTV of a margin call", source="miner notes", low=0.01, high=2.0)
    liquidate: float = number(0.85, "ratio", "LTV at which the lender sells", source="miner notes", low=0.01, high=5.0)
    calls_on: bool = choice(True, "coin loans above the call level are called")
    liquidation_on: bool = choice(True, "the lender sells the coins of a loan above the liquidation level")
    release_on: bool = choice(True, "a borrower short of cash may sell coins above what its coin loans require")


class Debt(Section):
    """Terms that hold for every facility unless its row says otherwise."""

    base_rate: float = number(0.037, "1/year", "risk-free rate", source="SOFR 30-day average 2026-01", high=0.5)
    liquidation_cost: float = share(0.10, "cost of selling what was seized or left in an estate", source=DESIGN)
    release_price: float = number(
        1.1, "ratio", "release price of pledged units over their share of debt", source=DESIGN, low=1.0, high=3.0
    )
    covenants: bool = choice(True, "coverage covenants are tested")
    strict: bool = choice(False, "every covenant breach is accelerated")
    dscr_floor: float = number(
        0.0, "ratio", "coverage covenant of every machine and site loan, whatever its terms", source=POLICY, high=5.0
    )
    standstill: bool = choice(
        False, "after heavy losses nothing but interest is due on machine and site loans", source=POLICY
    )
    standstill_trigger: float = share(0.01, "lender losses of a month over debt that start a standstill", source=POLICY)
    standstill_months: int = number(6, "months", "how long it lasts", source=POLICY, low=1, high=60)
    acceleration_on: bool = choice(True, "a lender may call a loan that breaches a covenant")
    waivers_on: bool = choice(True, "a breach that is not called is waived; off: it stands, without fee, sweep or trap")
    waiver_fee: float = number(0.01, "share of debt", "fee of a waiver", source=DESIGN, high=0.5)
    waiver_months: int = number(12, "months", "how long a waiver lasts", source=ASSUMPTION, low=1, high=60)
    cure_share: float = share(0.25, "share of spare cash a borrower spends on a cure", source=ASSUMPTION)
    walk_away_on: bool = choice(True, "a limited-recourse SPV may be surrendered")
    walk_away_ltv: float = number(
        1.0 / 0.9,
        "ratio",
        "debt over collateral beyond which a limited-recourse SPV is surrendered",
        source="2022: value/debt below about 0.9",
        low=0.1,
        high=10.0,
    )
    convertibles: bool = choice(True, "convertibles may convert at their due date; off: cash only")
    equity_multiple: float = number(
        1.5, "ratio", "market value of equity: multiple of marked assets", source=DESIGN, low=0.1, high=10.0
    )
    conversion_strike: float = number(
        1.35, "ratio", "strike over the value at issue", source=DESIGN, low=0.1, high=10.0
    )
    roll_ltv: float = number(
        NO_LIMIT,
        "ratio",
        "loan-to-value above which nothing is rolled, whatever was signed",
        source=POLICY,
        high=NO_LIMIT,
    )
    roll_months: int = number(36, "months", "tenor of a rolled bullet", source=ASSUMPTION, low=1, high=240)
    rolls_on: bool = choice(True, "maturing bullets may be rolled")
    lines_on: bool = choice(True, "committed lines may be drawn by who is short of cash")
    resize_tenor: int = number(
        0,
        "months",
        "tenor to which every loan against machines is re-sized at the start, not only shortened; 0: as sourced",
        source="scenario",
        low=0,
        high=240,
    )
    ring_fence_coins: bool = choice(False, "coins held outside loans cannot be sold for other debts")
    gpu_margin: GpuMargin = GpuMargin()
    btc: BtcMargin = BtcMargin()


class Lenders(Section):
    """Capital, funding, patience."""

    capital_multiple: float = number(
        1.0, "ratio", "times the assumed equity of every lender", source=ASSUMPTION, low=0.01, high=20.0
    )
    other_multiple: float = number(
        1.0, "ratio", "times every lender's other assets; 0: the vehicle stands alone", source=ASSUMPTION, high=1.0
    )
    target: float = number(0.75, "share", "target equity ratio over the initial one", source=DESIGN, low=0.0, high=1.5)
    mark: Literal["market", "appraisal", "book"] = choice(
        "appraisal", "how lenders value machines", source="notes: depreciated cost and appraisal"
    )
    appraisal_months: float = number(6.0, "months", "memory of an appraisal", source=ASSUMPTION, low=1.0, high=60.0)
    raised_equity: float = number(
        0.0,
        "share of initial",
        "equity raised when rules change, over the initial ratio to assets",
        source=POLICY,
        high=20.0,
    )
    raised_from: Literal["market", "public"] = choice("market", "who pays for equity that is raised", source=POLICY)
    large_exposure: float = number(
        NO_LIMIT,
        "share of equity",
        "most that one lender may have lent to one borrower for a new loan to be made",
        source=POLICY,
        high=NO_LIMIT,
    )
    belief_decay: float = number(
        0.15, "1/year", "decay that lenders underwrite (delta_u)", source=DESIGN, low=-1.0, high=2.0
    )
    withdrawal: float = share(0.6, "short funding withdrawn per unit of relative shortfall (phi)", source=DESIGN)
    withdrawal_on: bool = choice(True, "short funders may withdraw")
    funding_rate: float = number(0.05, "1/year", "cost of a lender's funding", source=ASSUMPTION, high=0.5)
    payout: float = share(0.9, "share of a month's profit paid out while above target", source=ASSUMPTION)
    cash_share: float = share(0.03, "cash kept as a share of assets", source=ASSUMPTION)
    warehouse_on: bool = choice(True, "warehouse lines are marked and called")
    failure_on: bool = choice(True, "a lender without equity, or with unpaid funding, fails")
    losses_on: bool = choice(True, "defaults cost lenders capital; off: outside money makes them whole")
    tightening_on: bool = choice(True, "a lender below target refuses, calls early and sells in a hurry")


class Hosting(Section):
    """Site leases between modelled firms."""

    on: bool = choice(True, "tenants pay modelled hosts; off: rent goes to outside landlords")
    damages_months: float = number(12.0, "months", "damages owed by a tenant that defaults", source=DESIGN, high=120.0)
    relet_months: int = number(9, "months", "months until a lost lease is let again", source=DESIGN, low=0, high=120)
    spills_on: bool = choice(True, "a tenant's default costs its host rent; off: let again at once, at the same rent")
    relet_price: float = share(0.8, "rent of the new lease over the old", source=DESIGN)
    site_value: float = number(2.0, "USD m/MW", "value of a powered site at the reference rent", source=DESIGN)


class Offtake(Section):
    """Customer contracts."""

    breaks_on: bool = choice(True, "weak contracts break when spot is far below")
    switching_cost: float = number(
        0.25, "share of contract price", "gap to spot beyond which a weak contract breaks", source=ASSUMPTION, high=1.0
    )
    discount: float = number(0.10, "share", "discount on a newly signed contract", source=DESIGN, high=0.9)
    new_months: int = number(
        60, "months", "tenor of newly signed capacity", source="offtake.csv: 5-6 years", low=1, high=180
    )
    buyer_decay: float = number(
        0.08,
        "1/year",
        "decay that contract buyers believe in (delta_b)",
        source="36-month curve, markets notes",
        low=-0.5,
        high=1.5,
    )


class Invest(Section):
    """Forward growth: what is signed, ordered, drawn and issued."""

    on: bool = choice(True, "borrowers order machines")
    capture: float = number(0.5, "share", "modelled firms' share of the growth of demand", source=ASSUMPTION, high=2.0)
    lag_months: int = number(4, "months", "months from order to arrival", source=ASSUMPTION, low=1, high=11)
    advance: float = share(0.9, "highest loan to cost of a new draw", source=DESIGN)
    hurdle: float = number(
        0.10, "1/year", "return over the base rate that a borrower asks of a machine", source=ASSUMPTION, high=1.0
    )
    dscr: float = number(
        1.2, "ratio", "coverage at which a new draw is sized (DSCR*)", source=DESIGN, low=0.5, high=5.0
    )
    tenor_months: int = number(48, "months", "tenor of a new draw", source=DESIGN, low=6, high=240)
    coin_loans_on: bool = choice(True, "miners pledge coins for new machines")
    coin_months: int = number(
        12, "months", "tenor of a coin loan drawn for machines", source="miner notes: 364 days", low=1, high=120
    )
    prepayment: float = share(0.20, "customer prepayment as a share of cost", source="neo-cloud notes: 15-25 %")
    issuance: float = number(
        0.04, "share/month", "equity and convertibles issued, at most, of market value", source=DESIGN, high=1.0
    )
    convert_share: float = share(0.5, "share of issuance that is convertible", source=ASSUMPTION)
    convert_months: int = number(
        0,
        "months",
        "tenor of newly issued convertibles, struck at the value at issue, a firm's first among them; "
        "0: they join what is outstanding, on its terms",
        source="miner notes: 5-7 years",
        high=120,
    )
    buffer_months: float = number(
        3.0, "months", "dues kept in cash before own money is invested", source=ASSUMPTION, high=36.0
    )
    miner_share: float = share(0.1, "share of captured growth that miners serve", source=ASSUMPTION)
