"""Between which accounts does money move, and what are the movements called?"""

from __future__ import annotations

from dataclasses import dataclass

from nobid.agents.state import Link

SECTORS = (
    "miners", "neo-clouds", "lenders", "buyers", "estates", "vendor", "power and staff", "outside landlords",
    "coin market", "compute users", "capital market", "liquidators", "public",
)  # fmt: skip
CASH_ROWS = (
    "spot rent", "offtake rent", "customer prepayment", "other income", "compute sales", "hosting rent", "opex",
    "site rent", "coins sold", "draws", "interest", "fees", "principal", "sweep", "margin",
    "lines repaid", "line interest", "funding in", "funding out", "funding cost", "other assets", "dividends",
    "equity issued", "convertibles issued", "shares sold", "capex", "used machines",
    "repo out", "repo in", "repo interest",
    "move-in", "acquisition funding", "sites sold", "liquidation cost", "recoveries", "damages", "estate opened",
    "residual to owners", "support",
    "public loans", "public loans repaid", "public interest", "lenders' equity", "grants", "retrofit",
)  # fmt: skip
Holder = tuple[str, str]  # family and column of whoever holds machines or coins
DEBT_ROWS = ("drawn", "issued", "repaid", "converted", "seized", "to claims")


@dataclass(frozen=True)
class Account:
    """Where a leg lands: an agents' cash column, reached directly or along edges, or a sector outside.

    `sector` is the column of the matrix; where it is -1, each kind of agent among the rows has its own, by `kinds`.
    """

    name: str
    family: str = ""
    column: str = ""
    link: Link | None = None
    sector: int = -1
    kinds: tuple[tuple[int, str], ...] = ()

    def along(self, link: Link) -> Account:
        """The same cash column, reached along edges."""
        return Account(self.name, self.family, self.column, link, self.sector, self.kinds)


OUTSIDE = {name: Account(name, sector=SECTORS.index(name)) for name in SECTORS[5:]}
BORROWER = Account(
    "borrowers",
    "borrower",
    "cash",
    kinds=((SECTORS.index("miners"), "miner"), (SECTORS.index("neo-clouds"), "neocloud")),
)
ESTATE = Account("estates", "borrower", "estate_cash", sector=SECTORS.index("estates"))
LENDER = Account("lenders", "lender", "cash", sector=SECTORS.index("lenders"))
BUYER = Account("buyers", "buyer", "cash", sector=SECTORS.index("buyers"))
VENDOR, POWER, LANDLORDS = OUTSIDE["vendor"], OUTSIDE["power and staff"], OUTSIDE["outside landlords"]
COIN_MARKET, USERS, CAPITAL = OUTSIDE["coin market"], OUTSIDE["compute users"], OUTSIDE["capital market"]
LIQUIDATORS, PUBLIC = OUTSIDE["liquidators"], OUTSIDE["public"]
HELD_UNITS = (
    ("borrower", "units"), ("borrower", "repo_units"), ("borrower", "official_units"), ("facility", "units"),
    ("lender", "seized"), ("buyer", "units"), ("public", "units"),
)  # fmt: skip
CASH_STOCKS = (BORROWER, ESTATE, LENDER, BUYER)
