"""What comes out of ten thousand H100s for sale, and of the essay's world beside the sourced one?

Two sets of markdown tables on the screen: `ten-thousand-h100` with a quarter, one and four times the buyers' budgets;
`mispriced` and `baseline` on the same paths. Nothing here is asserted: the figures are reported as they come.
"""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nobid.model.system import ComputeCreditModel
from nobid.runs import scenario

G, LOT, HOLDER, FAILS = "H100", 10_000.0, "Holder", 5  # the month counted from 0 in which the holder fails
MULTIPLES = (0.25, 1.0, 4.0)
QUANTILES = (5, 25, 50, 75, 95)
CLUSTER = 4  # defaults in three months


@dataclass
class Placement:
    """What became of the holder's machines: monthly stocks and sales of its lender and its estate, `(months, R)`."""

    stock: list[Any] = field(default_factory=list)
    price: list[Any] = field(default_factory=list)
    debt: Any = None

    def look(self, model: Any) -> None:
        """The month's stock of the holder's lender and estate, and its mean price, are noted."""
        g = model.hardware.names.index(G)
        row = model.names["borrower"].index(HOLDER)
        lenders = np.unique(model.edges.lender[model.edges.borrower == row])
        dead = 1.0 - model.borrowers.alive[row]
        self.stock.append(model.lenders.seized[lenders, g].sum(axis=0) + model.borrowers.units[row, g] * dead)
        sold, turnover = model.market.sold[g], model.market.turnover[g]
        self.price.append(np.where(sold > 0.0, 1e6 * turnover / np.where(sold > 0.0, sold, 1.0), np.nan))  # USD a unit
        if model.month == FAILS:
            self.debt = model.facilities.drawn[model.edges.borrower == row].sum(axis=0)

    def placed(self, sold: Any) -> Any:
        """Machines of that stock sold up to each month, at most the lot, `(months, R)`: first in, first out.

        Up to the sales of the month; what else leaves the stock is scrapped. A later seizure of other H100s by the
        same lender hides sales of that month, so this is a lower bound.
        """
        left = np.array(self.stock)
        before = np.vstack([np.zeros_like(left[:1]), left[:-1]])
        before[FAILS] = LOT
        fell = np.minimum(np.maximum(before - left, 0.0), np.array(sold))
        fell[:FAILS] = 0.0
        return np.minimum(np.cumsum(fell, axis=0), LOT)


@dataclass
class Outcome:
    """Monthly figures, events and the holder's lot where there is one."""

    model: Any
    placement: Placement | None

    def monthly(self, name: str) -> Any:
        """One figure, `(months, R)`."""
        return self.model.record.monthly[name]


HAPPENED_PATHS = 512


def ran(name: str, paths: int, seed: int, settings: dict[str, Any] | None = None) -> Outcome:
    """The scenario has run its full months on these paths."""
    world = scenario(name, set=settings)
    model = ComputeCreditModel(world.founding, seed=seed, paths=range(paths))
    placement = Placement() if HOLDER in model.names["borrower"] else None
    for _ in range(world.parameters.months):
        model.step()
        if placement:
            placement.look(model)
    model.close()
    return Outcome(model, placement)


def line(*cells: object) -> None:
    """One row of a markdown table."""
    print("| " + " | ".join(str(cell) for cell in cells) + " |")


def header(*cells: str) -> None:
    """The head of a markdown table, first column left, the others right."""
    line(*cells)
    print("|---|" + "---:|" * (len(cells) - 1))


def number(value: float, digits: int = 0) -> str:
    """A figure with thousands apart, or a dash."""
    return "–" if np.isnan(value) else f"{value:,.{digits}f}"


def middle(values: Any) -> float:
    """The median over paths that have a figure."""
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else float("nan")


def prints_h100(paths: int, seed: int) -> None:
    """Price path, sales, buyers, recovery and months to place, by the buyers' budgets."""
    runs = {x: ran("ten-thousand-h100", paths, seed, {"buyers.budget_multiple": x}) for x in MULTIPLES}
    print(f"\n## ten-thousand-h100: buyers' budgets x 0.25, x 1, x 4 ({paths} paths, seed {seed})\n")
    header("what", *(f"x {x:g}" for x in MULTIPLES))
    for label, values in summaries(runs).items():
        line(label, *values)
    for path in (0, None):
        prints_path(runs, path)
    prints_buyers(runs)


def summaries(runs: dict[float, Outcome]) -> dict[str, list[str]]:
    """One line a figure: the median over paths, and path 0 in brackets."""
    rows: dict[str, list[str]] = {}
    for run in runs.values():
        lot = run.placement
        assert lot is not None
        placed = lot.placed(run.monthly(f"sold_{G}"))
        step = np.diff(placed, axis=0, prepend=0.0)
        worth = np.nansum(step * np.array(lot.price), axis=0) / 1e6
        mean = np.where(placed[-1] > 0.0, 1e6 * worth / np.maximum(placed[-1], 1.0), np.nan)
        price = run.monthly(f"price_{G}")[FAILS : FAILS + 12]
        low = np.min(np.where(np.isnan(price), np.inf, price), axis=0)
        unplaced = placed < 0.99 * LOT
        months = np.where(unplaced[-1], np.nan, unplaced.sum(axis=0) - FAILS + 1.0)
        mark = run.monthly(f"mark_{G}")
        figures = {
            "H100 mark a month before, USD": (mark[FAILS - 1], 0),
            "H100 mark in the month of failure, USD": (mark[FAILS], 0),
            "lowest H100 price in 12 months, USD": (np.where(np.isinf(low), np.nan, low), 0),
            "of the 10,000 placed in the first month": (placed[FAILS], 0),
            "placed within 6 months": (placed[FAILS + 5], 0),
            "placed within 12 months": (placed[FAILS + 11], 0),
            "placed by the end": (placed[-1], 0),
            "months to place 99 % (paths that did)": (months, 0),
            "mean price of the placed, USD": (mean, 0),
            "debt at failure, USD m": (lot.debt, 1),
            "recovered from sales, net of 10 %, of that debt": (0.9 * worth / lot.debt, 2),
            "lender losses in the month of failure, USD m": (run.monthly("lender_losses")[FAILS], 1),
            "lender losses over the run, USD m": (run.monthly("lender_losses").sum(axis=0), 0),
        }
        for label, (values, digits) in figures.items():
            rows.setdefault(label, []).append(f"{number(middle(values), digits)} ({number(float(values[0]), digits)})")
        did = f"{int((~np.isnan(months)).sum())} of {len(months)}"
        rows.setdefault("paths on which 99 % were placed", []).append(did)
    return rows


def prints_path(runs: dict[float, Outcome], path: int | None) -> None:
    """Price, offered, sold, unsold by month around the failure: one path, or the median of all."""
    who = "median of the paths" if path is None else f"path {path}"
    print(f"\n### H100 by month, {who}: mark, price / offered, sold, unsold in units\n")
    names = ("mark", "price", "offered", "sold", "unsold")
    header("month", *(f"{name} x {x:g}" for x in MULTIPLES for name in names))
    for month in (*range(FAILS - 1, FAILS + 13), FAILS + 18, FAILS + 24):
        cells = []
        for run in runs.values():
            for name in names:
                values = run.monthly(f"{name}_{G}")[month]
                cells.append(number(middle(values) if path is None else float(values[path])))
        line(month_name(month), *cells)


def month_name(month: int) -> str:
    """The month counted from 2026-01."""
    return f"{2026 + month // 12}-{month % 12 + 1:02d}"


def prints_buyers(runs: dict[float, Outcome]) -> None:
    """Who bought H100s from the failure on: units a path over all paths, and on path 0."""
    print("\n### who bought H100s from 2026-06 on, units a path: mean of all paths (path 0)\n")
    found: list[tuple[Counter[str], Counter[str]]] = []
    for run in runs.values():
        every: Counter[str] = Counter()
        first: Counter[str] = Counter()
        for event in run.model.record.all_events():
            if event.kind == "bought" and event.channel == G and event.month >= FAILS:
                every[event.source] += event.amount / len(run.model.paths)
                first[event.source] += event.amount if event.path == 0 else 0.0
        found.append((every, first))
    header("buyer", *(f"x {x:g}" for x in MULTIPLES))
    for name in sorted({name for every, _ in found for name in every}, key=lambda n: -found[1][0][n]):
        line(name, *(f"{number(every[name])} ({number(first[name])})" for every, first in found))


def cluster(defaults: Any) -> Any:
    """The largest number of defaults in three months on end, by path."""
    padded = np.vstack([np.zeros((2, defaults.shape[1])), defaults])
    return (padded[2:] + padded[1:-1] + padded[:-2]).max(axis=0)


def prints_worlds(paths: int, seed: int) -> None:
    """Clusters of defaults, debt, losses and rents of the two worlds on the same paths."""
    runs = {name: ran(name, paths, seed) for name in ("baseline", "mispriced")}
    print(f"\n## baseline and mispriced on the same {paths} paths, seed {seed}\n")
    header("per path", *(f"{name} {q} %" for name in runs for q in QUANTILES), "largest: baseline", "mispriced")
    for label, digits in (
        ("largest three-month cluster, borrowers and lenders", 0), ("largest three-month cluster, borrowers", 0),
        ("borrower defaults", 0), ("lender defaults", 0), ("debt defaulted, USD m", 0), ("lender losses, USD m", 0),
        ("lender losses, worst month, USD m", 0), ("rent at the end, USD/H100e-h", 2), ("rent, lowest, USD/H100e-h", 2),
        ("H100 mark at the end, USD", 0), ("unsold machines, worst month", 0),
    ):  # fmt: skip
        values = {name: by_path(run)[label] for name, run in runs.items()}
        cells = [number(float(np.percentile(v, q)), digits) for v in values.values() for q in QUANTILES]
        line(label, *cells, *(number(float(v.max()), digits) for v in values.values()))
    for label in ("largest three-month cluster, borrowers and lenders", "largest three-month cluster, borrowers"):
        print(f"\n### {label}: share of paths\n")
        top = int(max(by_path(run)[label].max() for run in runs.values()))
        header("world", *(str(size) for size in range(top + 1)), f"{CLUSTER} or more")
        for name, run in runs.items():
            sizes = by_path(run)[label]
            shares = [f"{np.mean(sizes == size):.0%}" for size in range(top + 1)]
            line(name, *shares, f"{np.mean(sizes >= CLUSTER):.0%}")
    same = np.array_equal(runs["baseline"].model.draws.shocks, runs["mispriced"].model.draws.shocks)
    print(f"\nsame random numbers in both: {same}; paths that stopped: ", end="")
    print(", ".join(f"{name} {len(run.model.failures)}" for name, run in runs.items()))


def by_path(run: Outcome) -> dict[str, Any]:
    """The figures of a path, `(R,)` each."""
    borrowers = run.monthly("defaults_miner") + run.monthly("defaults_neocloud")
    lenders, losses, rent = run.monthly("defaults_lender"), run.monthly("lender_losses"), run.monthly("rent")
    return {
        "largest three-month cluster, borrowers and lenders": cluster(borrowers + lenders),
        "largest three-month cluster, borrowers": cluster(borrowers),
        "borrower defaults": borrowers.sum(axis=0),
        "lender defaults": lenders.sum(axis=0),
        "debt defaulted, USD m": run.monthly("debt_defaulted").sum(axis=0),
        "lender losses, USD m": losses.sum(axis=0),
        "lender losses, worst month, USD m": losses.max(axis=0),
        "rent at the end, USD/H100e-h": rent[-1],
        "rent, lowest, USD/H100e-h": rent.min(axis=0),
        "H100 mark at the end, USD": run.monthly("mark_H100")[-1],
        "unsold machines, worst month": run.monthly("unsold").max(axis=0),
    }


def prints_what_happened(seed: int) -> None:
    """Where the rents of 2026 as they happened stand among the baseline's paths."""
    run = ran("baseline", HAPPENED_PATHS, seed, {"months": 12})
    rent, happened = run.monthly("rent"), scenario("rent-rebound").founding.paths.rent
    print(f"\n## rents of 2026 as they happened among {HAPPENED_PATHS} paths of the baseline\n")
    header("month", "happened", "5 %", "50 %", "95 %", "share of paths below")
    for month in (2, 5, 8):
        low, mid, high = np.percentile(rent[month], [5, 50, 95])
        below = number(100.0 * float(np.mean(rent[month] < happened[month])), 1)
        line(
            month_name(month), number(happened[month], 2), number(low, 2), number(mid, 2), number(high, 2), below + " %"
        )


def main() -> None:
    """Both sets of tables are on the screen."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--paths", type=int, default=64, help="for baseline and mispriced")
    parser.add_argument("--few", type=int, default=16, help="paths for ten-thousand-h100")
    asked = parser.parse_args()
    prints_h100(asked.few, asked.seed)
    prints_worlds(asked.paths, asked.seed)
    prints_what_happened(asked.seed)


if __name__ == "__main__":
    main()
