"""Which numbers may a scenario set, in what unit, within what bounds, and where does each come from?

The tables stand in `parameters_world.py`, `parameters_markets.py` and `parameters_credit.py`. Every field is frozen and
typed; `source` is a reference into the project's tables, a published range, or the word "assumption". Nothing here is
read by a rule except under the name it has here.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from nobid.model.parameter_fields import MONTH, Section, choice, number
from nobid.model.parameters_credit import Debt, Hosting, Invest, Lenders, Offtake
from nobid.model.parameters_markets import Auction, Backstop, Buyers, Impact, Repo
from nobid.model.parameters_population import Population
from nobid.model.parameters_world import Coin, Demand, Funding, Hardware, Mining, Regime, Rental, Shock, Supply

__all__ = ["MONTH", "Parameters", "Section", "Shock"]


class Parameters(Section):
    """Everything a run reads, apart from the balance sheets it starts from."""

    start: str = Field(
        "2026-01",
        pattern=MONTH,
        description="first month",
        json_schema_extra={"unit": "YYYY-MM", "source": "measured balance sheets end 2025-12-31"},
    )
    months: int = number(60, "months", "length of a run", source="project design", low=1, high=240)
    market: Literal["auction", "impact"] = choice(
        "auction",
        "how machines are sold: into finite bids, or into a price that gives way and always finds a buyer",
        source="project design",
    )
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
    impact: Impact = Impact()
    repo: Repo = Repo()
    backstop: Backstop = Backstop()
    debt: Debt = Debt()
    lenders: Lenders = Lenders()
    hosting: Hosting = Hosting()
    offtake: Offtake = Offtake()
    invest: Invest = Invest()
    population: Population = Population()
    safe: tuple[str, ...] = Field(
        (),
        description="agents that pay whatever is due with money from outside and never fail, tighten or lose funding",
        json_schema_extra={"unit": "list", "source": "scenario"},
    )
    shock: tuple[Shock, ...] = Field(
        (), description="dated shocks", json_schema_extra={"unit": "list", "source": "scenario"}
    )
