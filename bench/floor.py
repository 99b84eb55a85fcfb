"""How far are the hottest rules from plain compiled loops that do the same?

The call auctions, the income of pledged machines and a payment with both its legs, on the arrays of a real month of
`baseline`: the product's own function against `floor.c`, the same rule as loops, built by the C compiler `cc` when the
script starts. Results are compared, the two take turns, the least of several CPU times counts.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import platform
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nobid.agents.finance import HOURS, MILLION
from nobid.model import debt, trade
from nobid.model.accounts import BORROWER, CASH_ROWS, LENDER, SECTORS
from nobid.model.auction import call_auction
from nobid.model.system import ComputeCreditModel
from nobid.runs import scenario

Array = NDArray[np.float64]
SAME = 1e-12  # relative to the largest figure
FLAGS = ("-O3", "-march=native", "-ffp-contract=off", "-shared", "-fPIC")
REPEATS, CALLS = 15, 20
Rule = Callable[[], list[Array]]


def built(folder: Path) -> Any:
    """The loops of `floor.c`, compiled into the folder; or a sentence why they cannot be."""
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        return "no C compiler (cc, or what CC names) on this machine: the floor cannot be measured here"
    library = folder / "floor.so"
    source = Path(__file__).with_name("floor.c")
    command = [compiler, *FLAGS, "-o", str(library), str(source), "-lm"]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode:
        return f"{compiler} could not build floor.c: {made.stderr.strip()}"
    return ctypes.CDLL(str(library))


def pointers(*given: Array | NDArray[np.int64] | int | float) -> list[Any]:
    """Whole numbers as C ints, arrays by their address."""
    return [ctypes.c_int(x) if isinstance(x, int) else x.ctypes.data_as(ctypes.c_void_p) for x in given]  # type: ignore[union-attr]


def plain(array: Array, shape: tuple[int, ...]) -> Array:
    """The array in full, rows one after the other."""
    return np.array(np.broadcast_to(array, shape), dtype=float, order="C")


def index(numbers: NDArray[np.intp]) -> NDArray[np.int64]:
    """Whole numbers as C longs."""
    return np.ascontiguousarray(numbers, dtype=ctypes.c_long)


def stepped(months: int, paths: int) -> tuple[ComputeCreditModel, list[dict[str, Array]]]:
    """The baseline after `months` months, and what every auction of the last of them was given."""
    model = ComputeCreditModel(scenario("baseline").founding, seed=7, paths=range(paths))
    seen: list[dict[str, Array]] = []

    def listening(limit: Array, quantity: Array, budget: Array, *, ask: Array, reserve: Array) -> Any:
        given = {"limit": limit, "quantity": quantity, "budget": budget, "ask": ask, "reserve": reserve}
        seen.append({name: plain(side, side.shape) for name, side in given.items()})
        return call_auction(limit, quantity, budget, ask=ask, reserve=reserve)

    for _ in range(months - 1):
        model.step()
    trade.call_auction = listening  # type: ignore[assignment]
    try:
        model.step()
    finally:
        trade.call_auction = call_auction
    return model, seen


def auctions(loops: Any, seen: list[dict[str, Array]]) -> tuple[Rule, Rule]:
    """All auctions of the month."""

    def product() -> list[Array]:
        done = [call_auction(**given) for given in seen]
        return [part for cleared in done for part in (cleared.price, cleared.bought, cleared.sold)]

    def floor() -> list[Array]:
        out: list[Array] = []
        for given in seen:
            (bids, paths), asks = given["limit"].shape, len(given["ask"])
            results = [np.empty(paths), np.empty((bids, paths)), np.empty((asks, paths))]
            loops.call_auction(*pointers(bids, asks, paths, *given.values(), *results))
            out += results
        return out

    return product, floor


def incomes(loops: Any, m: ComputeCreditModel) -> tuple[Rule, Rule]:
    """What pledged machines and sites earn."""
    f, b, fit, rental, edges = m.facilities, m.borrowers, m.hardware, m.parameters.rental, m.edges
    count, kinds, paths = f.units.shape
    firms, contracts, leases = len(b.cash), len(m.offtakes.delivered), len(m.hosting.earned)
    numbers = np.array(
        [rental.utilisation_cap, HOURS, MILLION, rental.power_cost + rental.site_cost + rental.staff_cost]
    )
    fleet, wide = (firms, kinds, paths), (firms, paths)
    given = (
        count, kinds, paths, contracts, len(edges.pledge.facility), leases, firms, numbers,
        plain(f.units, f.units.shape), plain(fit.h100e, (kinds, 1)), plain(fit.kw, (kinds, 1)),
        plain(m.market.earning, (kinds, paths)), plain(b.units, fleet), plain(b.repo_units, fleet),
        index(edges.seller), index(edges.pledge.facility), index(edges.pledge.contract),
        plain(edges.pledge.unnamed, (contracts, 1)), plain(m.offtakes.delivered, (contracts, paths)),
        plain(m.offtakes.revenue, (contracts, paths)), index(edges.borrower), plain(f.site_mw, (count, paths)),
        index(edges.host), plain(m.hosting.earned, (leases, paths)), plain(b.other_income, wide), plain(b.alive, wide),
    )  # fmt: skip

    def floor() -> list[Array]:
        out = np.empty((count, paths))
        loops.pledged_income(*pointers(*given, out))
        return [out]

    return lambda: [debt.pledged_income(m)], floor


def payments(loops: Any, m: ComputeCreditModel) -> tuple[Rule, Rule]:
    """A month's interest goes from borrowers to lenders; each side of the comparison has books of its own."""
    edges, links, arrays = m.edges, m.links, m.columns.arrays
    amount = plain(m.facilities.drawn * m.facilities.rate / 12.0, m.facilities.drawn.shape)
    keys = [("borrower", "cash"), ("books", "flow.borrowers"), ("lender", "cash"), ("books", "flow.lenders"),
            ("books", "matrix"), ("books", "turnover")]  # fmt: skip
    own = [plain(arrays[key], arrays[key].shape) for key in keys]
    cash, flow, funds, funds_flow, matrix, turnover = own
    row, paths, split = CASH_ROWS.index("interest"), amount.shape[1], m.kinds["borrower"].count("miner")
    debtor, creditor = index(edges.borrower), index(edges.lender)
    sector = {name: matrix[row, SECTORS.index(name)] for name in ("miners", "neo-clouds", "lenders")}
    spare = np.empty((len(cash) + len(funds) + 1, paths))

    def product() -> list[Array]:
        m.books.pay("interest", amount, payer=BORROWER.along(links.borrower), payee=LENDER.along(links.lender))
        return [arrays[key] for key in keys]

    def leg(size: int, part: int, sign: float, *given: Any) -> None:
        loops.leg(*pointers(len(amount), size, paths, part), ctypes.c_double(sign), *pointers(amount, *given, spare))

    def floor() -> list[Array]:
        total = turnover[row]
        leg(len(cash), split, -1.0, debtor, cash, flow, sector["miners"], sector["neo-clouds"], total)
        leg(len(funds), len(funds), 1.0, creditor, funds, funds_flow, sector["lenders"], total, total)
        return own

    return product, floor


def apart(one: list[Array], other: list[Array]) -> float:
    """The largest difference, relative to the largest figure of its array."""
    pairs = zip(one, other, strict=True)
    return max(float(np.max(np.abs(a - b))) / max(float(np.max(np.abs(a))), 1.0) for a, b in pairs if a.size)


def in_turn(product: Rule, floor: Rule) -> tuple[float, float]:
    """The least CPU seconds of one call of each, the two taking turns."""
    least = [np.inf, np.inf]
    for _ in range(REPEATS):
        for place, rule in enumerate((product, floor)):
            begin = time.process_time()
            for _ in range(CALLS):
                rule()
            least[place] = min(least[place], (time.process_time() - begin) / CALLS)
    return least[0], least[1]


def main() -> None:
    """For each rule: product, loops, their ratio, and how far the results are apart."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--months", type=int, default=24, help="months before the one that is measured, with it")
    parser.add_argument("--paths", type=int, nargs="+", default=[64, 256], help="paths side by side")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        loops = built(Path(folder))
        if isinstance(loops, str):
            print(loops)
            return
        print(
            f"baseline, month {asked.months}; Python {platform.python_version()}, numpy {np.__version__}, cc {FLAGS[0]}"
        )
        print("| rule | paths | product, µs | loops in C, µs | product / loops | largest difference |")
        print("|---|---:|---:|---:|---:|---:|")
        for paths in asked.paths:
            report(loops, asked.months, paths)


def report(loops: Any, months: int, paths: int) -> None:
    """The rows of the table for so many paths; a result that is not the product's stops the script."""
    model, seen = stepped(months, paths)
    rules = {
        f"call auctions of the month ({len(seen)})": auctions(loops, seen),
        "income of pledged machines": incomes(loops, model),
        "a payment along facilities, both legs": payments(loops, model),
    }
    for name, (product, floor) in rules.items():
        gap = apart(product(), floor())
        if not gap <= SAME:
            raise SystemExit(f"{name}: the loops differ from the product by {gap:.3g}: they are not the same rule")
        slow, fast = in_turn(product, floor)
        print(f"| {name} | {paths} | {1e6 * slow:.0f} | {1e6 * fast:.0f} | {slow / fast:.1f} | {gap:.1g} |", flush=True)
    model.close()


if __name__ == "__main__":
    main()
