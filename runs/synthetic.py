"""How does a population of any size come out of a scenario's own rows?

`population.borrowers` firms, the scenario's own among them where pinned, drawn by `population.draw`. A population n
times as large lives in a system n times as large: buyers' budgets and racks follow the fleet, demand and outside supply
follow the fleet by the model's own equations, and the coin market outside is as much deeper (`Founding.scale`).
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import numpy as np

from nobid.model.founding import Row
from nobid.model.parameters import Parameters
from nobid.model.parameters_population import Population as PopulationRules
from nobid.runs.errors import InputError
from nobid.runs.rows import TABLES
from nobid.runs.synthetic_edges import contract_rows, draw_edges, draw_loans, lease_rows, loan_rows, name_contracts
from nobid.runs.synthetic_firms import Array, Draw, Edge, Firms, Shapes, Spread, Tables, borrower_rows, draw_firms
from nobid.runs.synthetic_holders import Holders, draw_buyers, draw_lenders, draw_lines, pick

ASSUMED: Final = {
    "borrower": ("cash", "coins", "units"),
    "facility": ("lender", "limit", "drawn", "units", "months"),
    "contract": ("buyer", "h100e", "months"),
    "lease": ("tenant", "mw", "rent", "months"),
    "lender": ("equity_ratio", "short_share"),
    "warehouse": ("provider", "receiver", "drawn"),
    "buyer": ("budget", "racks_air", "racks_liquid", "free_air", "free_liquid"),
}
Drawn = dict[str, list[dict[str, Any]]]


def scale_of(tables: Mapping[str, list[Any]], parameters: Parameters) -> float:
    """How many times the scenario's own borrowers the population has; 1 where none is drawn."""
    wanted, own = parameters.population.borrowers, len(tables["borrower"])
    return wanted / own if wanted and own else 1.0


def networks_of(parameters: Parameters) -> int:
    """How many networks a run's paths live on: path k on the one with the number k mod so many."""
    return parameters.population.networks if parameters.population.borrowers else 1


def populated(tables: Tables, parameters: Parameters, network: int = 0) -> Tables:
    """The scenario's tables with the drawn population; the tables themselves where `population.borrowers` is 0.

    The same draw gives the same rows on every machine, a network the same whatever others there are. InputError where
    the population asked for cannot be.
    """
    if not parameters.population.borrowers:
        return tables
    _refuse(tables, parameters)
    kept = [*TABLES] if parameters.population.pinned else ["generation"]
    with without_collection():
        drawn = Population(tables, parameters, network).rows()
        return {table: [*(rows if table in kept else ()), *_typed(table, drawn)] for table, rows in tables.items()}


def _typed(table: str, drawn: Drawn) -> Iterator[Row]:
    """The drawn rows of a table, which are used up; their figures are assumptions."""
    cls, rows = TABLES[table], drawn.pop(table, [])
    rows.reverse()
    while rows:
        yield cls.model_validate({"assumed": ASSUMED[table], **rows.pop()})


@contextmanager
def without_collection() -> Iterator[None]:
    """Python looks for no garbage in between: a million rows are made and none of them is any."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _asked(rules: PopulationRules) -> dict[str, int]:
    """How many agents of each table a scenario asks for; 0 where it leaves that open."""
    return {"borrower": rules.borrowers, "lender": rules.lenders, "buyer": rules.buyers}


def _refuse(tables: Tables, parameters: Parameters) -> None:
    rules = parameters.population
    for table, asked in _asked(rules).items():
        own, extra = len(tables[table]), 1 if table == "buyer" and rules.borrowers > len(tables["borrower"]) else 0
        if rules.pinned and asked and asked < own + extra:
            raise InputError(
                f"population.{table}s = {asked}: with population.pinned the scenario's own {own} stay"
                f"{', and drawn machines need one buyer more' if extra else ''}: ask for at least {own + extra}, "
                "or set population.pinned = false."
            )
    if not any(row.drawn > 0.0 for row in tables["facility"]):
        raise InputError("population.borrowers: the scenario has no drawn facility to shape loans after.")


class Population:
    """A population while it is drawn."""

    def __init__(self, tables: Tables, parameters: Parameters, network: int) -> None:
        self.tables, self.parameters, self.rules = tables, parameters, parameters.population
        self.own: Tables = tables if self.rules.pinned else {table: [] for table in tables}
        self.draw = Draw(self.rules.draw, self.rules.variety, network)
        self.shapes = Shapes(tables, parameters)
        count = self.rules.borrowers - len(self.own["borrower"])
        self.firms: Firms = draw_firms(self.draw, self.shapes, parameters, count=count)

    def rows(self) -> Drawn:
        """The drawn rows by table, as plain mappings."""
        rules, shapes, firms = self.rules, self.shapes, self.firms
        borrowers, fleet = borrower_rows(self.draw, shapes, firms)
        lenders = draw_lenders(
            self.draw, self.tables, self._count("lender"), pinned=rules.pinned, target=rules.concentration
        )
        loans = draw_loans(self.draw, shapes, firms, rules=rules)
        holders = self._holders(loans, lenders)
        facilities, pledged = loan_rows(self.draw, shapes, firms, drawn=loans, lenders=holders, rules=rules)
        buyers = self._buyers(float((fleet.sum(axis=0) + pledged.sum(axis=0)) @ shapes.h100e), lenders)
        sold = self._edges(shapes.contracts, "contract", rules.contracts)
        name_contracts(shapes, firms, loans=loans, contracts=sold, rows=facilities)
        let = self._edges(shapes.leases, "lease", rules.leases)
        secured = self._secured(facilities, lenders)
        return {
            "borrower": borrowers,
            "facility": facilities,
            "contract": contract_rows(self.draw, shapes, firms, drawn=sold, buyers=self._customers(sold, buyers)),
            "lease": lease_rows(self.draw, shapes, firms, drawn=let),
            "lender": lenders.drawn,
            "warehouse": draw_lines(self.draw, self.tables, lenders, secured=secured, wanted=rules.warehouses),
            "buyer": buyers,
        }

    def _edges(self, edge: Edge, name: str, mean: float) -> Spread:
        return draw_edges(self.draw, self.shapes, self.firms, edge=edge, name=name, mean=mean, miners=self.rules.miners)

    def _count(self, table: str) -> int:
        """How many lenders or buyers: as asked for, or growing with the root of the number of borrowers."""
        asked, own = _asked(self.rules)[table], len(self.tables[table])
        grown = round(own * float(np.sqrt(scale_of(self.tables, self.parameters))))
        return asked or max(grown, own + (1 if self.firms.names and self.own[table] else 0))

    def _holders(self, loans: Spread, lenders: Holders) -> list[str]:
        """The lender of each loan."""
        kind = {row.name: row.kind for row in self.tables["lender"]}
        shapes = [kind[row.lender] for row in self.shapes.loans.rows]
        wanted = [shapes[shape] for shape in loans.after.tolist()]
        found = pick(self.draw, "holder", among=lenders.kinds, weight=lenders.weight, wanted=wanted)
        return [lenders.names[i] for i in found.tolist()]

    def _buyers(self, compute: float, lenders: Holders) -> list[dict[str, Any]]:
        """Buyers whose budgets and racks are to those of the scenario as the drawn fleet is to its own."""
        units = self.shapes.units([*self.tables["borrower"], *self.tables["facility"]])
        fleet = float(units.sum(axis=0) @ self.shapes.h100e)
        growth = compute / fleet if fleet > 0.0 else len(self.firms.names) / len(self.tables["borrower"])
        return draw_buyers(
            self.draw,
            self.tables["buyer"],
            self._count("buyer"),
            kept=len(self.own["buyer"]),
            growth=growth,
            repo=lenders.repo,
        )

    def _customers(self, sold: Spread, drawn: list[dict[str, Any]]) -> list[str]:
        """The buyer of each contract: of the kind that buys from its shape, by racks."""
        kind = {row.name: row.kind for row in self.tables["buyer"]}
        shapes = [kind[row.buyer] for row in self.shapes.contracts.rows]
        everyone = [*(row.model_dump() for row in self.own["buyer"]), *drawn]
        racks = np.array([1.0 + row["racks_air"] + row["racks_liquid"] for row in everyone])
        wanted = [shapes[shape] for shape in sold.after.tolist()]
        found = pick(self.draw, "customer", among=[row["kind"] for row in everyone], weight=racks, wanted=wanted)
        return [everyone[i]["name"] for i in found.tolist()]

    def _secured(self, drawn: list[dict[str, Any]], lenders: Holders) -> Array:
        """The secured loans of each lender, USD million."""
        place = {name: i for i, name in enumerate(lenders.names)}
        loans = [(row.lender, row.drawn * row.secured) for row in self.own["facility"]]
        loans += [(row["lender"], row["drawn"] * row["secured"]) for row in drawn]
        amounts = np.array([amount for _, amount in loans])
        return np.bincount([place[name] for name, _ in loans], weights=amounts, minlength=len(place))
