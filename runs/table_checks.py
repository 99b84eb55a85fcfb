"""What do the tables imply before the first month: revenue, EBITDA, debt, cover?

Plain arithmetic on the rows with the default parameters, kept apart from the engine, so that a reader can hold the
rows against what the firms reported.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from nobid.model.founding import BorrowerRow, FacilityRow, OfftakeRow
from nobid.model.parameters import Parameters
from nobid.runs.tables import Tables

HOURS = 730.0  # hours in a month
DAYS = 30.4  # days in a month
HASHPRICE = 39.0  # USD per PH and day, around the end of 2025
MILLION = 1e6

Units = Mapping[str, float]


@dataclass(frozen=True)
class FirmCheck:
    """What a borrower's rows imply, USD million a year (power in MW)."""

    name: str
    debt: float
    power_mw: float
    revenue: float
    ebitda: float
    service: float


def fleet(tables: Tables, borrower: str) -> dict[str, float]:
    """Machines by generation: unpledged and pledged."""
    total: dict[str, float] = dict(next(row.units for row in tables.borrowers if row.name == borrower))
    for row in tables.facilities:
        for name, count in row.units.items() if row.borrower == borrower else ():
            total[name] = total.get(name, 0.0) + count
    return total


def measure(tables: Tables, units: Units, column: str) -> float:
    """The sum over machines of one column of the generation table."""
    per_unit = {row.name: float(getattr(row, column)) for row in tables.generations}
    return sum(per_unit[name] * count for name, count in units.items())


def contract_price(tables: Tables, borrower: str) -> float:
    """Average price of a borrower's contracts, USD per H100e-hour; 0 without any."""
    rows = [row for row in tables.offtakes if row.borrower == borrower]
    capacity = sum(row.h100e for row in rows)
    return sum(row.h100e * row.price for row in rows) / capacity if capacity else 0.0


def pledged_price(tables: Tables, parameters: Parameters, row: FacilityRow) -> float:
    """USD per H100e-hour that the machines of a loan earn: its share of the contracts it names, then spot net of fee.

    A contract belongs to the loans that name it and to the line for growth, in proportion to the compute pledged to
    them, and is served pro rata when the borrower's machines are short. A loan without named contracts earns the
    borrower's average.
    """
    cap = parameters.rental.utilisation_cap
    room = cap * measure(tables, row.units, "h100e")
    if not room or not (row.contracts or row.expansion):
        return contract_price(tables, row.borrower)
    served, delivered, revenue = serving(tables, parameters, row.borrower), 0.0, 0.0
    for offtake in (offtake for offtake in tables.offtakes if offtake.borrower == row.borrower):
        sharing = [loan for loan in tables.facilities if backs(offtake, loan)]
        if row in sharing:
            pool = cap * sum(measure(tables, loan.units, "h100e") for loan in sharing)
            hours = served * offtake.h100e * room / pool
            delivered, revenue = delivered + hours, revenue + hours * offtake.price
    spot = parameters.rental.reference_rent * (1 - parameters.rental.fee)
    return revenue / delivered if delivered >= room else (revenue + (room - delivered) * spot) / room


def backs(offtake: OfftakeRow, loan: FacilityRow) -> bool:
    """True when a contract stands behind a loan: the loan names it, or is the borrower's line for growth."""
    return offtake.name in loan.contracts or (loan.expansion and loan.borrower == offtake.borrower)


def serving(tables: Tables, parameters: Parameters, borrower: str) -> float:
    """The share of its contracts that a borrower's machines can serve."""
    sold = sum(row.h100e for row in tables.offtakes if row.borrower == borrower)
    return min(1.0, parameters.rental.utilisation_cap * measure(tables, fleet(tables, borrower), "h100e") / sold)


def unit_income(tables: Tables, parameters: Parameters, *, units: Units, price: float) -> float:
    """USD million a month that machines earn at a price after power, site and staff."""
    rental = parameters.rental
    cost = rental.power_cost + rental.site_cost + rental.staff_cost
    earned = measure(tables, units, "h100e") * rental.utilisation_cap * price
    return (earned - measure(tables, units, "kw") * cost) * HOURS / MILLION


def service(row: FacilityRow) -> float:
    """USD million due in the first month: interest and scheduled principal; a sweep schedules interest only."""
    rate = row.rate / 12
    if row.amortisation == "level" and rate > 0:
        return row.drawn * rate / (1 - (1 + rate) ** -row.months)
    principal = row.drawn / row.months if row.amortisation in ("level", "straight") else 0.0
    return row.drawn * rate + principal


def cover(tables: Tables, parameters: Parameters, row: FacilityRow) -> float:
    """Income of the pledged machines over the loan's service; NaN without machines or service."""
    due = service(row)
    price = pledged_price(tables, parameters, row) if row.units else 0.0
    return unit_income(tables, parameters, units=row.units, price=price) / due if due and row.units else float("nan")


def check_firm(tables: Tables, parameters: Parameters, row: BorrowerRow) -> FirmCheck:
    """Revenue, EBITDA and debt service of a borrower at the start, USD million a year."""
    units, rental = fleet(tables, row.name), parameters.rental
    capacity = rental.utilisation_cap * measure(tables, units, "h100e")
    sold = sum(offtake.h100e for offtake in tables.offtakes if offtake.borrower == row.name)
    delivered = min(sold, capacity)
    spot = (capacity - delivered) * rental.reference_rent * (1 - rental.fee)
    rented = (delivered * contract_price(tables, row.name) + spot) * HOURS / MILLION
    mined = row.hash_eh * 1000 * HASHPRICE * DAYS / MILLION
    hosted = sum(lease.rent for lease in tables.hosting if lease.host == row.name and lease.starts_in == 0)
    revenue = rented + mined + hosted + row.other_income
    cost = measure(tables, units, "kw") * (rental.power_cost + rental.site_cost + rental.staff_cost) * HOURS / MILLION
    cost += row.hash_eh * 1000 * row.hash_cost * DAYS / MILLION + row.overhead
    loans = [loan for loan in tables.facilities if loan.borrower == row.name]
    return FirmCheck(
        name=row.name,
        debt=sum(loan.drawn for loan in loans),
        power_mw=measure(tables, units, "kw") / 1000,
        revenue=12 * revenue,
        ebitda=12 * (revenue - cost),
        service=12 * sum(service(loan) for loan in loans),
    )


def report(tables: Tables, source: Path) -> str:
    """A readable table of every firm against its reported figures, and of every loan's first cover."""
    parameters, stated = Parameters(), stated_revenue(source)
    lines = [f"{'firm':18}{'debt':>9}{'MW':>7}{'revenue':>9}{'stated':>9}{'EBITDA':>8}{'service':>9}  USD m, a year"]
    for row in tables.borrowers:
        firm = check_firm(tables, parameters, row)
        told = stated.get(row.ticker, stated.get(row.name))
        lines.append(
            f"{firm.name:18}{firm.debt:9.0f}{firm.power_mw:7.0f}{firm.revenue:9.0f}"
            f"{'' if told is None else f'{told:.0f}':>9}{firm.ebitda:8.0f}{firm.service:9.0f}"
        )
    lines.append(f"total debt {sum(row.drawn for row in tables.facilities):.0f}")
    lines.append(f"{'loan':34}{'drawn':>8}{'list':>8}{'cover':>7}{'test':>6}")
    for loan in tables.facilities:
        if loan.units:
            value = measure(tables, loan.units, "list_price") / MILLION
            ratio = cover(tables, parameters, loan)
            lines.append(f"{loan.name:34}{loan.drawn:8.0f}{value:8.0f}{ratio:7.2f}{loan.dscr_min:6.2f}")
    return "\n".join(lines)


def stated_revenue(source: Path) -> dict[str, float]:
    """Annualised revenue that the sources state at or before the end of 2025, by firm name or ticker."""
    stated: dict[str, float] = {}
    with (source / "neoclouds" / "neoclouds.csv").open(newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            if row["as_of"] == "2025-12-31" and row["annualised_revenue_usd_m"]:
                stated[row["firm"]] = float(row["annualised_revenue_usd_m"])
    with (source / "miners" / "miners.csv").open(newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            if "2025-06" < row["as_of_date"] <= "2025-12-31" and row["revenue_q_usd_m"]:
                stated[row["ticker"]] = 4 * float(row["revenue_q_usd_m"])
    return stated
