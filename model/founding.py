"""With which balance sheets does a run begin?

Typed rows, one class a table; `runs/` reads them from the package's CSV tables and the scenario's overrides, and
`system.py` turns them into columns. Money USD million, unit prices USD, rates decimal a year, coins BTC, power kW or
MW.
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SerializeAsAny, model_validator

from nobid.model.parameters import MONTH, Parameters
from nobid.model.policies import Policy

Grade = Literal["A", "B", "C", "derived", "assumption"]


def _parse_units(value: object) -> object:
    """ "H100:1200;B200:300" becomes {"H100": 1200.0, "B200": 300.0}; a mapping stays as it is."""
    if not isinstance(value, str):
        return value
    pairs = [part.split(":") for part in value.replace(" ", "").split(";") if part]
    return {pair[0]: pair[1] if len(pair) == 2 else "no number after ':'" for pair in pairs}


Units = Annotated[dict[str, Annotated[float, Field(ge=0)]], BeforeValidator(_parse_units)]


def _parse_names(value: object) -> object:
    return tuple(part for part in value.replace(" ", "").split(";") if part) if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_parse_names)]


class Row(BaseModel):
    """What every row carries: where its figures come from and how good they are."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    assumed: Names = ()  # the columns of this row that no source gives
    grade: Grade = "assumption"
    source: str = ""


class GenerationRow(Row):
    """A GPU generation. list_price all-in USD a unit; h100e by rent; kw at the wall."""

    name: str
    launch: str = Field(pattern=MONTH)
    list_price: float = Field(gt=0)
    h100e: float = Field(gt=0)
    kw: float = Field(gt=0)
    cooling: Literal["air", "liquid"]


class BorrowerRow(Row):
    """A miner or a neo-cloud at the start. `units` are unpledged machines; pledged ones stand in facilities."""

    name: str
    ticker: str = ""
    kind: Literal["miner", "neocloud"]
    cash: float = Field(0.0, ge=0)
    coins: float = Field(0.0, ge=0)  # BTC held free of liens
    hash_eh: float = Field(0.0, ge=0)  # EH/s
    hash_cost: float = Field(0.0, ge=0)  # USD per PH/day, power only
    units: Units = {}
    pipeline: Units = {}  # on order at the start
    pipeline_months: int = Field(6, ge=1, le=11)  # spread evenly over this many months
    pipeline_unpaid: float = Field(1.0, ge=0, le=1)  # share of list still to pay on arrival
    site_mw: float = Field(0.0, ge=0)  # powered sites owned (value in an estate, and not rented from landlords)
    overhead: float = Field(0.0, ge=0)  # USD m a month
    other_income: float = 0.0  # USD m a month: hosting of others, leases to firms outside the model
    growth_share: float = Field(0.0, ge=0)  # weight in newly signed capacity of its kind
    belief_decay: float = Field(0.14, ge=-1, le=2)  # its own sticky delta, a year
    book_life: float = Field(72.0, gt=0)  # months
    age: float = Field(12.0, ge=0)  # mean age of its machines, months


FacilityKind = Literal["abl", "project", "note", "convertible", "btc_loan", "vendor", "revolver"]


class FacilityRow(Row):
    """One lender's hold of one loan. abl: drawn against machines; project: against a site and its lease."""

    name: str
    borrower: str
    lender: str
    kind: FacilityKind
    limit: float = Field(ge=0)
    drawn: float = Field(ge=0)
    rate: float = Field(ge=0, le=1)
    months: int = Field(ge=1)  # to maturity, or to the put date where that is earlier
    amortisation: Literal["level", "straight", "bullet", "sweep"]
    secured: bool
    recourse: bool = True
    advance: float = Field(0.65, ge=0, le=2)
    dscr_min: float = Field(0.0, ge=0)  # 0: no coverage covenant
    units: Units = {}
    coins: float = Field(0.0, ge=0)
    site_mw: float = Field(0.0, ge=0)  # pledged powered sites
    contracts: Names = ()  # offtake rows whose cash flow is pledged here
    expansion: bool = False  # new orders of this borrower are drawn here


class OfftakeRow(Row):
    """Capacity sold forward: the borrower is exposed to the buyer."""

    name: str
    borrower: str
    buyer: str
    h100e: float = Field(ge=0)
    price: float = Field(ge=0)  # USD per H100e-hour
    months: int = Field(ge=1)
    strong: bool = True  # take-or-pay: never broken by price
    prepaid: float = Field(0.0, ge=0)  # USD m already received, worked off over the term


class HostingRow(Row):
    """A site lease between two modelled firms: the host is exposed to the tenant."""

    name: str
    host: str
    tenant: str
    mw: float = Field(ge=0)
    rent: float = Field(ge=0)  # USD m a month
    months: int = Field(ge=1)
    starts_in: int = Field(0, ge=0)  # months from the start of the run


class LenderRow(Row):
    """The part of a lender's balance sheet that stands behind this market."""

    name: str
    kind: Literal["bank", "private_credit", "insurer", "hedge_fund", "vendor", "bond_fund", "crypto_lender"]
    equity_ratio: float = Field(gt=0, le=1)  # equity over assets at the start, before capital_multiple
    cash_share: float = Field(0.03, ge=0, le=1)  # of assets
    other_share: float = Field(0.0, ge=0, lt=1)  # other, liquid assets as a share of assets
    short_share: float = Field(0.0, ge=0, le=1)  # short funding from outside as a share of liabilities
    repo: bool = False  # lends in repo
    growth: bool = True  # lends to new orders
    assets: float = Field(
        0.0, ge=0
    )  # USD m: at least so much stands ready, whatever it has lent; 0: by its loans alone

    @model_validator(mode="after")
    def _leaves_room_for_loans(self) -> LenderRow:
        if self.cash_share + self.other_share >= 1.0:
            raise ValueError(
                f"cash_share {self.cash_share:g} and other_share {self.other_share:g} leave nothing to lend: "
                "together they must stay below 1"
            )
        return self


class WarehouseRow(Row):
    """A line from one lender to another against the second one's loans."""

    name: str
    provider: str
    receiver: str
    drawn: float = Field(ge=0)
    advance: float = Field(ge=0, le=1)  # of the receiver's secured loans
    rate: float = Field(ge=0, le=1)


class BuyerRow(Row):
    """A possible bidder for used machines, and a possible offtaker."""

    name: str
    kind: Literal["hyperscaler", "cloud", "lab", "enterprise", "broker", "vendor"]
    budget: float = Field(ge=0)  # USD m a month for used machines
    racks_air: float = Field(ge=0)  # kW in all
    racks_liquid: float = Field(ge=0)
    free_air: float = Field(ge=0)  # kW free at the start
    free_liquid: float = Field(ge=0)
    required_return: float = Field(gt=0, le=1)
    move_in: float = Field(ge=0)  # USD a unit
    belief_decay: float = Field(0.30, ge=-1, le=2)
    cash: float = Field(0.0, ge=0)  # brokers only: own capital
    repo_lender: str = ""  # brokers only


class ShockPaths(BaseModel):
    """World paths given from outside, by month from the start; NaN or past the end: the model's own.

    rent USD/H100e-h, coin USD/BTC, hashprice USD/PH/day, demand relative to the start, funding (window).
    """

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)
    rent: NDArray[np.float64] = np.empty(0)
    coin: NDArray[np.float64] = np.empty(0)
    hashprice: NDArray[np.float64] = np.empty(0)
    demand: NDArray[np.float64] = np.empty(0)
    funding: NDArray[np.float64] = np.empty(0)


class Founding(BaseModel):
    """A complete starting point."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)
    parameters: Parameters
    generations: tuple[GenerationRow, ...]
    borrowers: tuple[BorrowerRow, ...]
    facilities: tuple[FacilityRow, ...]
    offtakes: tuple[OfftakeRow, ...] = ()
    hosting: tuple[HostingRow, ...] = ()
    lenders: tuple[LenderRow, ...]
    warehouses: tuple[WarehouseRow, ...] = ()
    buyers: tuple[BuyerRow, ...]
    paths: ShockPaths = ShockPaths()
    policies: tuple[SerializeAsAny[Policy], ...] = ()
    scale: float = 1.0  # times the measured system: so much deeper are markets outside it
