"""Which lenders and buyers does a drawn population have, and who holds what?

Lenders and buyers take the scenario's rows in turn, so kinds keep their proportions, and are varied. A loan goes to a
lender of the kind that holds its shape, with chances that fall as a power of the lender's rank: the power at which the
Herfindahl index of holdings is the one asked for. Buyers' budgets and racks stay in proportion to the machines of the
borrowers, whatever the population's size: added up they are those of the scenario times how much larger the fleet is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from scipy.optimize import brentq

from nobid.model.founding import BuyerRow, LenderRow
from nobid.runs.errors import InputError
from nobid.runs.synthetic_firms import Array, Draw, Index, Tables, rounded

STEEPEST: Final = 12.0  # greatest power of the rank that is tried
LEAST: Final = 0.01  # bounds of a varied share
MOST: Final = 0.99
SCALED: Final = ("budget", "racks_air", "racks_liquid", "free_air", "free_liquid", "cash")  # of a buyer, with the fleet


@dataclass(frozen=True)
class Holders:
    """All lenders, the pinned ones first: names, kinds, the chance of each, and the rows of the drawn ones."""

    names: list[str]
    kinds: list[str]
    weight: Array
    drawn: list[dict[str, Any]]
    repo: list[str]  # names of those that lend in repo


def draw_lenders(draw: Draw, tables: Tables, count: int, *, pinned: bool, target: float) -> Holders:
    """`count` lenders in all; each drawn one varies the capital and short funding of the row it is shaped after."""
    own: list[LenderRow] = tables["lender"]
    capital, short = (draw.varied(f"lender {name}", count) for name in ("capital", "short"))
    kept = own if pinned else []
    rows = [
        {
            **own[i % len(own)].model_dump(exclude={"assumed", "grade"}),
            "name": draw.named("Lender", i + 1, 4),
            "equity_ratio": float(np.clip(own[i % len(own)].equity_ratio * capital[i], LEAST, MOST).round(6)),
            "short_share": float(np.clip(own[i % len(own)].short_share * short[i], 0.0, MOST).round(6)),
            "source": f"drawn, shaped after {own[i % len(own)].name}",
        }
        for i in range(len(kept), count)
    ]
    names = [*(row.name for row in kept), *(row["name"] for row in rows)]
    kinds: list[str] = [own[i % len(own)].kind for i in range(count)]
    repo = [name for i, name in enumerate(names) if own[i % len(own)].repo]
    return Holders(names, kinds, chances(kinds, share_by_kind(tables), target), rows, repo)


def chances(kinds: Sequence[str], held: dict[str, float], target: float) -> Array:
    """Each lender's chance of a loan of its kind: `rank ** -a`, with the a that makes the Herfindahl index `target`.

    `held` is what share of all debt lenders of each kind hold. InputError where no a does.
    """
    rank = np.log(np.arange(len(kinds)) + 1.0)
    members = [(held[kind], np.flatnonzero(np.array(kinds) == kind)) for kind in held if kind in set(kinds)]

    def index(power: float) -> float:
        total = 0.0
        for part, rows in members:
            weight = np.exp(-power * (rank[rows] - rank[rows[0]]))
            total += part * part * float(np.square(weight / weight.sum()).sum())
        return total

    low, high = index(0.0), index(STEEPEST)
    if not low <= target <= high:
        raise InputError(
            f"population.concentration = {target:g}: {len(kinds)} lenders, each lending as its kind does, can have a "
            f"Herfindahl index between {low:.4f} and {high:.4f}: choose one there, or other population.lenders."
        )
    power = 0.0 if high - low < 1e-12 else float(brentq(lambda a: index(a) - target, 0.0, STEEPEST))
    return np.exp(-power * rank)


def pick(draw: Draw, column: str, *, among: Sequence[str], weight: Array, wanted: Sequence[str]) -> Index:
    """For each wanted kind an agent of that kind, by weight; one of all where nobody is of that kind."""
    luck, kinds, asked = draw.uniform(column, len(wanted)), np.array(among), np.array(wanted)
    found = np.zeros(len(wanted), dtype=np.intp)
    for kind in dict.fromkeys(wanted):
        members = np.flatnonzero(kinds == kind)
        members = members if len(members) else np.arange(len(kinds))
        stacked = np.cumsum(weight[members])
        rows = np.flatnonzero(asked == kind)
        at = np.searchsorted(stacked, luck[rows] * stacked[-1], side="right")
        found[rows] = members[np.minimum(at, len(members) - 1)]
    return found


def share_by_kind(tables: Tables) -> dict[str, float]:
    """The share of the scenario's debt that lenders of each kind hold."""
    kind = {row.name: row.kind for row in tables["lender"]}
    held: dict[str, float] = {}
    for row in tables["facility"]:
        held[kind[row.lender]] = held.get(kind[row.lender], 0.0) + row.drawn
    total = sum(held.values())
    return {one: amount / total for one, amount in held.items() if amount > 0.0}


def draw_lines(draw: Draw, tables: Tables, lenders: Holders, *, secured: Array, wanted: float) -> list[dict[str, Any]]:
    """Warehouse lines, `wanted` a drawn lender and one a receiver, each as full as the row it is shaped after.

    Receivers are drawn by weight among lenders of the kinds that have lines, without one, which hold secured loans
    (`secured`, USD million); providers by weight among the kinds that give them.
    """
    own, kind = tables["warehouse"], {row.name: row.kind for row in tables["lender"]}
    taken = {row.receiver for row in own}
    receiving = np.isin(lenders.kinds, [kind[row.receiver] for row in own]) & (secured > 0.0)
    receiving &= np.array([name not in taken for name in lenders.names])
    key = -np.log(1.0 - draw.uniform("line receiver", len(secured))) / lenders.weight
    ranked = np.argsort(np.where(receiving, key, np.inf), kind="stable")
    shapes = [own[i % len(own)] for i in range(min(round(wanted * len(lenders.drawn)), int(receiving.sum())))]
    given = pick(
        draw,
        "line provider",
        among=lenders.kinds,
        weight=lenders.weight,
        wanted=[kind[row.provider] for row in shapes],
    )
    full = fullness(tables)
    return [
        {"name": draw.named("Line", i + 1, 4), "provider": lenders.names[given[i]], "receiver": lenders.names[at],
         "drawn": float(round(full[row.name] * row.advance * secured[at], 4)), "advance": row.advance,
         "rate": row.rate, "source": f"drawn, shaped after {row.name}"}
        for i, (row, at) in enumerate(zip(shapes, ranked.tolist(), strict=False)) if given[i] != at
    ]  # fmt: skip


def fullness(tables: Tables) -> dict[str, float]:
    """How much of what each of the scenario's lines may lend is drawn, in [0, 1]."""
    secured: dict[str, float] = {}
    for row in tables["facility"]:
        secured[row.lender] = secured.get(row.lender, 0.0) + row.drawn * row.secured
    most = {row.name: row.advance * secured.get(row.receiver, 0.0) for row in tables["warehouse"]}
    return {row.name: min(row.drawn / max(most[row.name], row.drawn, 1e-9), 1.0) for row in tables["warehouse"]}


def draw_buyers(
    draw: Draw, own: Sequence[BuyerRow], count: int, *, kept: int, growth: float, repo: Sequence[str]
) -> list[dict[str, Any]]:
    """The rows from `kept` to `count`: together `growth` times the scenario's budgets and racks."""
    after = [own[i % len(own)] for i in range(kept, count)]
    amounts = {name: _amounts(draw, own, after, name, growth) for name in SCALED}
    for cooling in ("air", "liquid"):
        amounts[f"free_{cooling}"] = np.minimum(amounts[f"free_{cooling}"], amounts[f"racks_{cooling}"])
    patience, belief = (draw.varied(f"buyer {name}", len(after)) for name in ("return", "belief"))
    return [
        {
            **row.model_dump(exclude={"assumed", "grade"}),
            **{name: float(values[j]) for name, values in amounts.items()},
            "name": draw.named("Buyer", kept + j + 1, 4),
            "required_return": float(np.clip(row.required_return * patience[j], LEAST, MOST).round(6)),
            "belief_decay": float(np.clip(row.belief_decay * belief[j], -MOST, 2.0 * MOST).round(6)),
            "repo_lender": repo[j % len(repo)] if row.repo_lender and repo else "",
            "source": f"drawn, shaped after {row.name}",
        }
        for j, row in enumerate(after)
    ]


def _amounts(draw: Draw, own: Sequence[BuyerRow], after: Sequence[BuyerRow], name: str, times: float) -> Array:
    """A column of the drawn buyers that adds up to `times` that of the scenario."""
    plain = np.array([getattr(row, name) for row in after], dtype=float) * draw.varied("buyer size", len(after))
    total = float(plain.sum())
    wanted = times * sum(getattr(row, name) for row in own)
    return rounded(plain * (wanted / total if total > 0.0 else 0.0))
