"""Does a starting point hang together: names that exist, amounts that fit, no loan in breach on the first day?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from nobid.model.founding import BorrowerRow, BuyerRow, FacilityRow, GenerationRow
from nobid.model.parameters import Parameters
from nobid.runs.months import month_index, month_label
from nobid.runs.rows import NAMES_IN
from nobid.runs.scenario_files import did_you_mean

Place = Callable[[str, str, str], str]  # table, row, column -> file and line
NEEDED = {"generation": "GPU generation", "borrower": "borrower", "lender": "lender", "buyer": "GPU buyer"}
USD_PER_MILLION = 1e6


def row_problems(tables: Mapping[str, list[Any]], parameters: Parameters, place: Place) -> Iterator[str]:
    """A sentence for each row that contradicts another one or the terms in force on the first day."""
    yield from _missing(tables)
    yield from _same_names(tables)
    yield from _unknown_names(tables, place)
    yield from _unknown_generations(tables, place)
    for facility in tables["facility"]:
        yield from _facility(facility, tables, parameters, at=partial(place, "facility", facility.name))
    for buyer in tables["buyer"]:
        yield from _buyer(buyer, partial(place, "buyer", buyer.name))
    for lease in tables["lease"]:
        if lease.host == lease.tenant:
            yield f"{place('lease', lease.name, 'tenant')}: lease.{lease.name}: {lease.host} cannot be its own tenant."
    for line in tables["warehouse"]:
        if line.provider == line.receiver:
            at = place("warehouse", line.name, "receiver")
            yield f"{at}: warehouse.{line.name}: {line.provider} cannot lend to itself."


def _missing(tables: Mapping[str, list[Any]]) -> Iterator[str]:
    for table, noun in NEEDED.items():
        if not tables[table]:
            yield f'the scenario has no {noun}: extend another one (extends = "baseline"), or give [[{table}]] rows.'


def _same_names(tables: Mapping[str, list[Any]]) -> Iterator[str]:
    agents = Counter(row.name for table in ("borrower", "lender", "buyer") for row in tables[table])
    for name, times in agents.items():
        if times > 1:
            yield f'"{name}" is the name of {times} agents: every borrower, lender and buyer needs a name of its own.'


def _unknown_names(tables: Mapping[str, list[Any]], place: Place) -> Iterator[str]:
    for table, columns in NAMES_IN.items():
        for row in tables[table]:
            for column, other in columns.items():
                name, known = getattr(row, column), [one.name for one in tables[other]]
                if name and name not in known:
                    at = place(table, row.name, column)
                    yield f'{at}: {table}.{row.name}.{column}: there is no {other} "{name}"{did_you_mean(name, known)}'


def _unknown_generations(tables: Mapping[str, list[Any]], place: Place) -> Iterator[str]:
    known = [row.name for row in tables["generation"]]
    for table, column in (("borrower", "units"), ("borrower", "pipeline"), ("facility", "units")):
        for row in tables[table]:
            for name in getattr(row, column):
                if name not in known:
                    at = place(table, row.name, column)
                    guess = did_you_mean(name, known)
                    yield f'{at}: {table}.{row.name}.{column}: there is no GPU generation "{name}"{guess}'


def _facility(
    row: FacilityRow, tables: Mapping[str, list[Any]], parameters: Parameters, *, at: Callable[[str], str]
) -> Iterator[str]:
    key = f"facility.{row.name}"
    if row.drawn > row.limit:
        yield f"{at('drawn')}: {key}.drawn = {row.drawn:g}: must be at most its limit, {row.limit:g} USD m."
    contracts = {one.name: one for one in tables["contract"]}
    for name in row.contracts:
        if name not in contracts:
            yield f'{at("contracts")}: {key}.contracts: there is no contract "{name}"{did_you_mean(name, contracts)}'
        elif contracts[name].borrower != row.borrower:
            owner = contracts[name].borrower
            yield f"{at('contracts')}: {key}.contracts: {name} is a contract of {owner}, not of {row.borrower}."
    if row.kind == "btc_loan" and row.drawn > 0:
        yield from _coin_loan(row, parameters, at)


def _coin_loan(row: FacilityRow, parameters: Parameters, at: Callable[[str], str]) -> Iterator[str]:
    if row.coins <= 0:
        yield f"{at('coins')}: facility.{row.name}: a loan against coins needs coins, in BTC."
        return
    ltv = row.drawn * USD_PER_MILLION / (row.coins * parameters.coin.price)
    if ltv >= parameters.debt.btc.liquidate:
        yield (
            f"{at('coins')}: facility.{row.name}: its loan-to-value is {ltv:.2f} at the start, not below "
            f"debt.btc.liquidate = {parameters.debt.btc.liquidate:g}: pledge more coins, draw less, or raise "
            f"coin.price (a [[shock]] moves the coin after the start)."
        )


def _buyer(row: BuyerRow, at: Callable[[str], str]) -> Iterator[str]:
    for cooling in ("air", "liquid"):
        free, racks = getattr(row, f"free_{cooling}"), getattr(row, f"racks_{cooling}")
        if free > racks:
            key = f"buyer.{row.name}.free_{cooling}"
            yield f"{at(f'free_{cooling}')}: {key} = {free:g}: must be at most its racks, {racks:g} kW."


def launched(generations: list[GenerationRow], parameters: Parameters) -> Iterator[str]:
    """A sentence when no generation is on the market at the start."""
    start = month_index(parameters.start)
    if generations and all(month_index(row.launch) > start for row in generations):
        first = min(row.launch for row in generations)
        yield f"no GPU generation is launched at the start, {parameters.start}: the first comes {first}."


def parameter_problems(parameters: Parameters, at: Callable[[tuple[str | int, ...]], str]) -> Iterator[str]:
    """A sentence for each pair of parameters that cannot hold together."""
    btc, hardware, repo = parameters.debt.btc, parameters.hardware, parameters.repo
    ordered = (
        ("debt", "btc", "initial", btc.initial, "call", btc.call),
        ("debt", "btc", "call", btc.call, "liquidate", btc.liquidate),
        ("hardware", "", "shortest_life", hardware.shortest_life, "longest_life", hardware.longest_life),
        ("repo", "", "haircut_floor", repo.haircut_floor, "haircut", repo.haircut),
    )
    for section, part, low, small, high, great in ordered:
        if small > great:
            path = tuple(one for one in (section, part, low) if one)
            prefix = ".".join(path[:-1])
            yield f"{at(path)}: {'.'.join(path)} = {small:g}: must be at most {prefix}.{high} = {great:g}."


def shock_problems(
    parameters: Parameters, agents: list[BorrowerRow | Any], at: Callable[[tuple[str | int, ...]], str]
) -> Iterator[str]:
    """A sentence for each shock before the start, and for each agent named there or as safe that does not exist."""
    names = [row.name for row in agents]
    for name in parameters.safe:
        if name not in names:
            yield f'{at(("safe",))}: there is no agent "{name}" to make safe{did_you_mean(name, names)}'
    for index, shock in enumerate(parameters.shock):
        if month_index(shock.month) < month_index(parameters.start):
            place = at(("shock", index, "month"))
            yield f"{place}: shock of {shock.month} is before the start of the run, {parameters.start}."
        for name in shock.fail:
            if name not in names:
                place = at(("shock", index, "fail"))
                yield f'{place}: shock of {shock.month}: there is no agent "{name}" to fail{did_you_mean(name, names)}'


def idle_shocks(parameters: Parameters) -> Iterator[str]:
    """A remark on each shock after the end: it does nothing."""
    last = month_label(parameters.start, parameters.months - 1)
    for shock in parameters.shock:
        if month_index(shock.month) > month_index(last):
            yield f"the shock of {shock.month} is after the end of the run, {last}: it does nothing."
