"""What does a stress test of 48 banks cost when many are run side by side: bank-rounds per CPU second?

The published sweep over price impacts (EBA 2018 balance sheets, fs_oxinet_price_impact_sweep.json of shared/oracles)
through `model/deleveraging.py`: every price impact is a path, and paths are repeated until the batch is as wide as
asked for. A bank-round is one bank in one of the study's six steps. Measured, never tested; without the shared folder
it says so.
"""

from __future__ import annotations

import argparse
import platform
import sys
import time
from pathlib import Path
from statistics import median

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from nobid.model.deleveraging import Rules
from tests.oracle_cases import case
from tests.oracle_cases.markets import impact_sweep, stress_test

NAME = "fs_oxinet_price_impact_sweep"


def main() -> None:
    """A table: width of the batch, CPU seconds, bank-rounds a CPU second."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--widths", type=int, nargs="+", default=[1, 21, 210, 2100, 21000], help="paths side by side")
    parser.add_argument("--repeats", type=int, default=5, help="the median of so many runs is printed")
    options = parser.parse_args()
    found = case(NAME)
    if found is None:
        raise SystemExit(f"{NAME}.json embeds a table of others and is not kept here: put it into ../shared/oracles")
    worst = max(check.gap() for check in impact_sweep(found))
    given = found["inputs"]
    rules = Rules(1.0 / given["buffer"], 1.0 / given["lev_target"], least=given["lev_min"])
    beta = -20.0 * np.log1p(-np.array(given["price_impacts"]))
    banks, steps = len(given["banks"]), given["steps"]
    print(f"numpy {np.__version__}, {platform.machine()}; the published sweep is met to {worst:.0e}\n")
    print(f"{'paths':>7}  {'CPU s':>8}  {'bank-rounds/s':>13}")
    for width in options.widths:
        wide, shock = np.resize(beta, width), np.full(width, given["shock"])
        times = []
        for _ in range(options.repeats):
            begin = time.process_time()
            stress_test(given, shock=shock, beta=wide, rules=rules)
            times.append(time.process_time() - begin)
        seconds = median(times)
        print(f"{width:>7}  {seconds:>8.4f}  {banks * steps * width / seconds:>13,.0f}")


if __name__ == "__main__":
    main()
