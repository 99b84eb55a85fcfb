"""Is the fair spread of one loan with a constant hazard the closed form, within what so many paths allow?

Worlds of tests/one_loan.py: a loan that fails with the same probability every month and pays a fixed share back. A line
each: the spread that losses over what was out would have needed, its 95 % interval, the closed form 12 q (1 - R), and
the spread of an annual contract (agents/credit.py), whose premiums come half a year later.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from nobid.agents.credit import fair_spread  # noqa: E402
from nobid.agents.finance import MONTHS  # noqa: E402
from nobid.runs.risk import risk  # noqa: E402
from tests.kept_runs import simulated  # noqa: E402
from tests.one_loan import one_loan  # noqa: E402

CASES = ((0.002, 0.60), (0.005, 0.40), (0.01, 0.40), (0.02, 0.00), (0.03, 0.25))
POINTS = 1e4  # basis points


def annual(hazard: float, recovery: float, months: int) -> float:
    """The fair spread of a contract with annual premiums, a year."""
    base = one_loan(hazard, recovery).parameters.debt.base_rate
    rate = MONTHS * np.log1p(base / MONTHS)
    a_year = np.array(-MONTHS * np.log1p(-hazard))
    return float(fair_spread(a_year, np.array(recovery), rate=np.array(rate), years=months // 12).spread)


def line(hazard: float, recovery: float, *, paths: int, months: int) -> bool:
    """A line of the table is printed; whether the interval holds the closed form."""
    told = risk(simulated(one_loan(hazard, recovery, months=months), paths))
    loan: dict[str, Any] = told.tables["facilities"].iloc[0].to_dict()
    exact = MONTHS * hazard * (1.0 - recovery)
    inside = loan["fair_low"] < exact < loan["fair_high"]
    spread, low, high = (POINTS * loan[name] for name in ("fair_spread", "fair_low", "fair_high"))
    print(
        f"| {hazard:g} | {recovery:g} | {loan['pd']:.4f} | {1.0 - (1.0 - hazard) ** months:.4f} | {loan['lgd']:.4f} "
        f"| {spread:.1f} | {low:.1f} – {high:.1f} | {POINTS * exact:.1f} | {'yes' if inside else 'no'} "
        f"| {POINTS * annual(hazard, recovery, months):.1f} |"
    )
    return bool(inside)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--paths", type=int, default=4096)
    parser.add_argument("--months", type=int, default=60, help="a multiple of 12")
    asked = parser.parse_args()
    begin = time.process_time()
    print("| hazard a month | recovery | PD | exact | LGD | fair spread, bp | 95 % | closed form | inside | annual |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    inside = [line(*case, paths=asked.paths, months=asked.months) for case in CASES]
    seconds = time.process_time() - begin
    print(f"\n{sum(inside)} of {len(inside)} intervals hold the closed form; {asked.paths:,} paths, {seconds:.0f} s")


if __name__ == "__main__":
    main()
