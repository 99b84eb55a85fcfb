"""What is kept about the world, the markets and every edge between agents?

Columns as in `agents/state.py`. World and market have no agent axis: `(R,)` and `(G, R)`.
"""

from __future__ import annotations

from typing import ClassVar

from nobid.agents.state import Real, Rows


class World(Rows):
    """What happens to everybody."""

    family: ClassVar[str] = "world"
    kind: ClassVar[str] = "world"

    path = Real("", "number of the path")
    stress = Real("0/1", "regime: 1 stress")
    coin = Real("USD/BTC", "coin price now")
    coin_log = Real("log USD/BTC", "coin price without the impact of forced sales, logarithm")
    coin_impact = Real("log", "fall of the coin price by forced sales")
    hashprice = Real("USD/PH/day", "mining revenue per hash rate")
    network = Real("EH/s", "network hash rate")
    demand = Real("log", "log of demand for services over the start")
    efficiency = Real("log", "log of compute per service over the start (a)")
    funding_own = Real("", "funding window, exogenous part")
    funding_losses = Real("", "funding window closed by losses")
    funding = Real("", "funding window")
    closed = Real("", "funding window, positive part (f+)")
    outside = Real("H100e", "outside compute")
    demand_scale = Real("H100e", "demand at the reference rent at the start")
    demand_growth = Real("1/year", "drawn deviation of demand growth on this path")
    supply_growth = Real("1/year", "growth of outside compute on this path")
    demand_volatility = Real("1/sqrt(year)", "volatility of demand on this path")
    rent = Real("USD/H100e-h", "rent of compute")
    compute_demand = Real("H100e", "compute demanded at the reference rent, now")
    compute_peak = Real("H100e", "highest compute demanded at the reference rent in a month before this one")
    coins_forced = Real("BTC", "forced coin sales of the month")
    round_coins = Real("BTC", "forced coin sales that have not moved the price yet")
    losses = Real("USD m", "lender losses of the month")
    losses_before = Real("USD m", "lender losses of the last month")
    debt_before = Real("USD m", "debt of the last month")
    opening_debt = Real("USD m", "debt at the month's start")
    rounds = Real("", "rounds of the month's cascade")
    moved = Real("USD m", "what moved in this round; 0 once a path has settled")
    stalled = Real("0/1", "nothing moved in the last round: what is unpaid now is a default")
    defaulted_debt = Real("USD m", "debt of borrowers that failed this month")
    new_credit = Real("USD m", "credit drawn this month")
    repo_volume = Real("USD m", "repo lent this month")
    private_outlay = Real("USD m", "what a policy made others than the public pay this month")
    standstill_left = Real("months", "months that a standstill still lasts, this one included")
    deferred = Real("USD m", "principal that a standstill put off this month")


class Public(Rows):
    """What the public, and the vendor, hold and have spent by policy."""

    family: ClassVar[str] = "public"
    kind: ClassVar[str] = "public"

    units = Real("units", "machines that the public holds", over=("generation",))
    spent = Real("USD m", "what the public has paid for machines so far")
    bought_back = Real("USD m", "what the vendor has paid for machines this month")


class Market(Rows):
    """The secondary market and the value of machines, by generation."""

    family: ClassVar[str] = "market"
    kind: ClassVar[str] = "market"

    list_price = Real("USD/unit", "vendor's list price", over=("generation",))
    earning = Real("USD/month", "what a machine earns at spot, before cost", over=("generation",))
    utilisation = Real("share", "utilisation by generation", over=("generation",))
    value = Real("USD/unit", "value to the median buyer", over=("generation",))
    worth = Real("USD/unit", "what marks revert to: value, and no more than list at launch", over=("generation",))
    mark = Real("USD/unit", "mark", over=("generation",))
    appraisal = Real("USD/unit", "appraised mark (lagged average)", over=("generation",))
    book = Real("USD/unit", "book value of a new machine bought at launch", over=("generation",))
    peak = Real("USD/unit", "highest mark so far", over=("generation",))
    volatility = Real("log", "average monthly log change of the mark", over=("generation",))
    last_price = Real("USD/unit", "last clearing price of the month, 0 before any trade", over=("generation",))
    sale_price = Real("USD/unit", "price at which sales are sized", over=("generation",))
    offered = Real("units", "largest stock on offer in a round of the month", over=("generation",))
    sold = Real("units", "sold this month", over=("generation",))
    turnover = Real("USD m", "value of the month's sales", over=("generation",))
    unsold = Real("units", "stock on offer and unsold at month end", over=("generation",))
    worthless = Real("months", "months in a row at zero value", over=("generation",))


class Facility(Rows):
    """One lender's hold of one loan."""

    family: ClassVar[str] = "facility"
    kind: ClassVar[str] = "facility"

    limit = Real("USD m", "committed")
    drawn = Real("USD m", "owed")
    rate = Real("1/year", "interest rate now")
    months_left = Real("months", "months to maturity or put date")
    units = Real("units", "machines pledged", over=("generation",))
    coins = Real("BTC", "coins pledged")
    site_mw = Real("MW", "powered sites pledged")
    contract_rate = Real("1/year", "interest rate at signing", fixed=True)
    advance = Real("share", "highest loan to cost", fixed=True)
    dscr_min = Real("ratio", "coverage covenant, 0 none", fixed=True)
    ltv_cap = Real("ratio", "loan-to-value at signing, the cap of a roll")
    ltv_trigger = Real("ratio", "loan-to-value of a GPU margin call")

    interest_due = Real("USD m", "interest due")
    principal_due = Real("USD m", "principal, maturity, cure, sweep or acceleration due")
    call_due = Real("USD m", "margin call due in cash")
    fee_due = Real("USD m", "fee due")
    claim = Real("USD m", "claim on an estate after default")
    waiver_left = Real("months", "months of waiver left")
    service = Real("USD m/month", "scheduled interest and principal")
    income = Real("USD m/month", "income of the pledged assets")
    coverage = Real("ratio", "income over scheduled service")
    call_size = Real("USD m", "largest GPU margin call of the month")
    call_paid = Real("USD m", "paid on it")
    calling = Real("0/1", "coin margin call running")


class Offtake(Rows):
    """Capacity sold forward by a borrower to a buyer."""

    family: ClassVar[str] = "offtake"
    kind: ClassVar[str] = "offtake"

    h100e = Real("H100e", "capacity contracted")
    price = Real("USD/H100e-h", "contract price")
    months_left = Real("months", "months left")
    prepaid = Real("USD m", "customer prepayment not yet worked off")
    strong = Real("0/1", "take-or-pay")
    claim = Real("USD m", "buyer's claim on the borrower's estate (prepayment)")
    delivered = Real("H100e", "capacity delivered this month")
    revenue = Real("USD m/month", "earned this month, prepayment included")


class Hosting(Rows):
    """A site lease: the tenant pays the host."""

    family: ClassVar[str] = "hosting"
    kind: ClassVar[str] = "hosting"

    mw = Real("MW", "power leased", fixed=True)
    rent = Real("USD m/month", "rent")
    months_left = Real("months", "months left")
    starts_in = Real("months", "months until it starts")
    live = Real("0/1", "tenant and lease alive")
    earned = Real("USD m/month", "rent that reaches the host this month, from the tenant or a new one")
    relet_in = Real("months", "months until a lost lease is let again")
    owed = Real("USD m", "rent not paid this month")
    claim = Real("USD m", "host's claim on the tenant's estate")


class Warehouse(Rows):
    """A line from one lender to another."""

    family: ClassVar[str] = "warehouse"
    kind: ClassVar[str] = "warehouse"

    drawn = Real("USD m", "owed")
    rate = Real("1/year", "interest rate", fixed=True)
    advance = Real("share", "advance on the receiver's secured loans", fixed=True)
    due = Real("USD m", "asked back")
    signed_mark = Real("USD/unit", "mark of the financed machines at the start")


EDGE_TABLES = (Facility, Offtake, Hosting, Warehouse)
