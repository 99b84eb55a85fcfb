"""Which parts of docs/odd.md can be read off the code? This script writes them between their markers.

`python docs/build_odd.py` rewrites the blocks; a test fails while the document and the code disagree.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel

from nobid.agents.borrower import Borrower
from nobid.agents.buyer import GPUBuyer
from nobid.agents.finance import MILLION
from nobid.agents.lender import Lender
from nobid.agents.miner import Miner
from nobid.agents.neocloud import NeoCloud
from nobid.agents.state import Real, Rows
from nobid.model import cascade, system
from nobid.model.accounts import CASH_ROWS, SECTORS
from nobid.model.debt import site_price
from nobid.model.parameters import Parameters, Section
from nobid.model.system import ComputeCreditModel
from nobid.model.tables import EDGE_TABLES, Market, Public, World
from nobid.runs import scenario
from nobid.runs.switches import SWITCHES

ODD = Path(__file__).resolve().parent / "odd.md"
MARKED = re.compile(r"(<!-- generated: (?P<name>[a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
Signs = np.ndarray[Any, np.dtype[np.bool_]]
TABLES: tuple[type[Rows], ...] = (Borrower, Miner, NeoCloud, Lender, GPUBuyer, *EDGE_TABLES, World, Market, Public)
FLOWS_OF = {  # scenarios, and what holds in them, whose flows are drawn in the matrix
    "everything": "repo_facility + buyer_of_last_resort + vendor_buyback + lender_capital + "
    "liquid_retrofit:subsidy=0.5",
    **dict.fromkeys(("ten-thousand-h100", "crypto-winter", "toy"), "none"),
}
FLOW_PATHS, SEED = 12, 7
SEEN = 1e-6  # USD million: a smaller flow of a month leaves no sign
STOCKS_OF = "baseline"


# ---- the order of the month


def first_sentence(documented: Any) -> str:
    """The first paragraph of a docstring on one line."""
    return " ".join((inspect.getdoc(documented) or "").split("\n\n")[0].split())


def calls(function: Callable[..., Any], home: Any) -> list[tuple[str, str]]:
    """Every call that is a statement of its own, in order: its name and what holds after it."""
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    found = []
    for statement in tree.body if isinstance(tree, ast.FunctionDef) else ():
        call = statement.value if isinstance(statement, ast.Expr) else None
        what = call.func if isinstance(call, ast.Call) else None
        if isinstance(call, ast.Call) and isinstance(what, ast.Attribute) and isinstance(what.value, ast.Name):
            found.append(_named(call, what.value.id, what.attr, home))
    return found


def _named(call: ast.Call, place: str, name: str, home: Any) -> tuple[str, str]:
    texts = [str(given.value) for given in call.args if isinstance(given, ast.Constant)]
    if name == "do":
        cls = system.CLASSES[texts[0]]
        return f"{cls.__name__}.{texts[1]}", first_sentence(getattr(cls, texts[1]))
    if place in {"self", "m"}:
        return f"ComputeCreditModel.{name}", first_sentence(getattr(ComputeCreditModel, name))
    return f"{place}.{name}", first_sentence(getattr(getattr(home, place), name))


def numbered(steps: Sequence[tuple[str, str]]) -> str:
    """The steps as a numbered list."""
    return "\n".join(f"{place}. `{name}`: {text}" for place, (name, text) in enumerate(steps, 1))


def month() -> str:
    """The month in the code's order."""
    return numbered(calls(ComputeCreditModel.step, system))


def one_round() -> str:
    """A round of the cascade in the code's order."""
    return numbered(calls(cascade.one_round, cascade))


# ---- tables


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A markdown table."""
    cells = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in cells)


def columns() -> str:
    """Every declared column: whose, unit, meaning."""
    rows = []
    for cls in TABLES:
        for name, column in vars(cls).items():
            if isinstance(column, Real):
                over = f", by {' and '.join(column.over)}" if column.over else ""
                rows.append([cls.__name__, f"`{name}`", column.unit or "–", column.meaning + over + _constant(column)])
    return table(("of", "column", "unit", "meaning"), rows)


def _constant(column: Real) -> str:
    return " (constant)" if column.fixed else ""


def parameters() -> str:
    """Every parameter: key, default, unit, bounds, source, meaning."""
    rows = [_parameter_row(key, *found) for key, found in _fields(Parameters(), "")]
    return table(("key", "default", "unit", "bounds", "source", "meaning"), rows)


def _fields(section: BaseModel, prefix: str) -> Iterator[tuple[str, tuple[Any, dict[str, Any]]]]:
    for name, told in type(section).model_fields.items():
        value = getattr(section, name)
        if isinstance(value, Section):
            yield from _fields(value, f"{prefix}{name}.")
            continue
        extra = told.json_schema_extra
        unit = dict(extra) if isinstance(extra, Mapping) else {}
        limits = {key: getattr(one, key) for one in told.metadata for key in ("ge", "le") if hasattr(one, key)}
        yield f"{prefix}{name}", (value, {**unit, **limits, "meaning": told.description or ""})


def _parameter_row(key: str, value: Any, told: Mapping[str, Any]) -> list[str]:
    bounds = f"{_plain(told.get('ge', '…'))} to {_plain(told.get('le', '…'))}" if {"ge", "le"} & set(told) else "–"
    unit, source = str(told.get("unit", "")) or "–", str(told.get("source", ""))
    return [f"`{key}`", _plain(value), unit, bounds, source, told["meaning"]]


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    return str(value)


def switches() -> str:
    """Every mechanism, the switch that removes it alone, and under which names it is counted."""
    rows = [[one.mechanism, f"`{one.key}`", _plain(one.off), ", ".join(one.fires)] for one in SWITCHES]
    return table(("mechanism", "switch", "off", "counted as"), rows)


# ---- the two matrices


def balance_sheet(m: ComputeCreditModel) -> dict[str, dict[str, float]]:
    """What is owned and owed at the start by sector, USD million: rows to sectors to amounts; claims sum to zero."""
    b, f, lenders, price = m.borrowers, m.facilities, m.lenders, m.world.coin / MILLION
    kinds = {"miners": m.columns.spans["miner"], "neo-clouds": m.columns.spans["neocloud"]}
    links = m.links.borrower

    def split(values: Any) -> dict[str, float]:
        return {name: float(np.sum(values[span, 0])) for name, span in kinds.items()}

    def owed(amounts: dict[str, float], holder: str) -> dict[str, float]:
        return {**{name: -value for name, value in amounts.items()}, holder: sum(amounts.values())}

    machines = np.sum((b.units + b.repo_units + links.sum(f.units)) * m.market.mark, axis=1) / MILLION
    funding, other = float(np.sum(lenders.stable + lenders.short)), float(np.sum(lenders.other))
    lines = float(np.sum(m.warehouses.drawn))
    return {
        "machines at the mark": split(machines),
        "powered sites": split((b.site_mw + links.sum(f.site_mw)) * site_price(m)),
        "coins": split((b.coins + links.sum(f.coins)) * price),
        "cash": {**split(b.cash), "lenders": float(np.sum(lenders.cash)), "buyers": float(np.sum(m.buyers.cash))},
        "facilities and notes": owed(split(links.sum(f.drawn)), "lenders"),
        "customer prepayments": owed(split(m.links.seller.sum(m.offtakes.prepaid)), "buyers"),
        "warehouse lines, lent": {"lenders": lines},
        "warehouse lines, owed": {"lenders": -lines},
        "outside funding of lenders": {"lenders": -funding, "capital market": funding},
        "other assets of lenders": {"lenders": other, "capital market": -other},
    }


REAL_ROWS = ("machines at the mark", "powered sites", "coins", "cash")  # nobody's debt inside the model
BALANCE_SECTORS = ("miners", "neo-clouds", "lenders", "buyers", "capital market")


def balance_matrix() -> str:
    """The balance-sheet matrix of the baseline at the start, USD million, net worth as the balancing row."""
    m = ComputeCreditModel(scenario(STOCKS_OF).founding, seed=SEED, paths=(0,))
    rows = balance_sheet(m)
    m.close()
    worth = {sector: sum(row.get(sector, 0.0) for row in rows.values()) for sector in BALANCE_SECTORS}
    shown = [_balance_row(name, row) for name, row in rows.items()]
    return table(("USD million", *BALANCE_SECTORS, "sum"), [*shown, _balance_row("net worth", worth)])


def _balance_row(name: str, row: Mapping[str, float]) -> list[str]:
    cells = [f"{row[sector]:+,.0f}" if abs(row.get(sector, 0.0)) >= 0.5 else "" for sector in BALANCE_SECTORS]
    total = sum(row.values())
    return [name, *cells, f"{total:+,.0f}" if abs(total) >= 0.5 else "0"]


def flows() -> tuple[Signs, Signs]:
    """Where money came in and went out in any month, (came or went, rows, sectors), and which rows had any payment."""
    seen = np.zeros((2, len(CASH_ROWS), len(SECTORS)), dtype=bool)
    paid = np.zeros(len(CASH_ROWS), dtype=bool)
    for name, policy in FLOWS_OF.items():
        world = scenario(name, policy=policy)
        m = ComputeCreditModel(world.founding, seed=SEED, paths=range(FLOW_PATHS))
        for _ in range(world.parameters.months):
            m.step()
            moved = np.stack([m.books.row(row) for row in CASH_ROWS])
            seen |= np.stack([(moved > SEEN).any(axis=2), (moved < -SEEN).any(axis=2)])
            paid |= (m.columns["books", "turnover"] > SEEN).any(axis=1)
        m.close()
    return seen, paid


def flow_matrix() -> str:
    """The transactions-flow matrix by sign: + receives, − pays, ± both, as seen in the runs."""
    seen, paid = flows()
    sign = {(False, False): "", (True, False): "+", (False, True): "−", (True, True): "±"}
    rows = []
    for i, row in enumerate(CASH_ROWS):
        signs = [sign[bool(seen[0, i, j]), bool(seen[1, i, j])] for j in range(len(SECTORS))]
        quiet = "" if any(signs) else "inside a sector" if paid[i] else "no payment seen"
        rows.append([row, *signs, quiet])
    return table(("flow", *SECTORS, ""), rows)


# ---- the document

BLOCKS: dict[str, Callable[[], str]] = {
    "columns": columns,
    "month": month,
    "round": one_round,
    "balance-sheet": balance_matrix,
    "flows": flow_matrix,
    "switches": switches,
    "parameters": parameters,
}


def blocks_of(text: str) -> dict[str, str]:
    """What stands between the markers of the document, by block."""
    return {found["name"]: found[0][len(found[1]) : -len(found[3])].strip() for found in MARKED.finditer(text)}


def built(text: str) -> str:
    """The document with every block written anew."""
    return MARKED.sub(lambda found: f"{found[1]}\n{BLOCKS[found['name']]()}\n\n{found[3]}", text)


if __name__ == "__main__":
    ODD.write_text(built(ODD.read_text("utf-8")), encoding="utf-8")
