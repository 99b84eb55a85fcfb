"""Which numbers describe a drawn population: how many agents, how alike, who deals with how many?"""

from __future__ import annotations

from nobid.model.parameter_fields import ASSUMPTION, Section, choice, number, share

FACILITIES = "fit to runs/data/facilities.csv"


class Population(Section):
    """Firms drawn after the scenario's own rows; none at 0 borrowers, and then nothing below acts."""

    borrowers: int = number(
        0, "", "borrowers in all; 0: only the scenario's own rows", source="scenario", low=0, high=2_000_000
    )
    draw: int = number(0, "", "which network: the seed of the draw", source="scenario", low=0, high=2_147_483_647)
    networks: int = number(
        1,
        "",
        "networks drawn: path k lives on the one with the number k mod networks, the first being that of one alone",
        source="scenario",
        low=1,
        high=100_000,
    )
    pinned: bool = choice(
        True, "the scenario's own firms, lenders, buyers and edges stand first and unchanged", source="scenario"
    )
    lenders: int = number(
        0,
        "",
        "lenders in all; 0: those of the scenario times the root of how many times more borrowers there are",
        source=ASSUMPTION,
        low=0,
        high=200_000,
    )
    buyers: int = number(0, "", "GPU buyers in all; 0: as for lenders", source=ASSUMPTION, low=0, high=200_000)
    miners: float = share(14.0 / 23.0, "share of miners among drawn borrowers", source="fit to runs/data/borrowers.csv")
    facilities: float = number(
        93.0 / 23.0, "", "facilities of a drawn borrower, mean", source=FACILITIES, low=1.0, high=100.0
    )
    contracts: float = number(
        18.0 / 23.0,
        "",
        "offtake contracts of a drawn borrower, mean",
        source="fit to runs/data/offtakes.csv",
        high=20.0,
    )
    leases: float = number(
        11.0 / 23.0,
        "",
        "sites that a drawn borrower leases out, mean",
        source="fit to runs/data/hosting.csv",
        high=20.0,
    )
    warehouses: float = number(
        4.0 / 21.0,
        "",
        "drawn warehouse lines over drawn lenders, one at most for each that may have one",
        source="fit to runs/data/warehouses.csv",
        high=1.0,
    )
    concentration: float = number(
        0.124,
        "",
        "Herfindahl index of what lenders hold of the drawn facilities",
        source=FACILITIES,
        low=1e-4,
        high=1.0,
    )
    size_spread: float = number(
        1.0,
        "ratio",
        "log standard deviation of gross assets over that of the scenario's firms of the kind",
        source="fit to runs/data/borrowers.csv",
        high=3.0,
    )
    likeness: float = share(
        0.9, "correlation of a firm's rank in size with that of the firm whose shape it takes", source=ASSUMPTION
    )
    variety: float = number(
        0.15,
        "log",
        "log standard deviation of a firm's, loan's or buyer's figures around the row it is shaped after",
        source=ASSUMPTION,
        high=1.0,
    )
    loan_to_value: float = number(
        1.0,
        "ratio",
        "times the loan-to-value of the machine loans a firm is shaped after",
        source=FACILITIES,
        low=0.1,
        high=5.0,
    )
