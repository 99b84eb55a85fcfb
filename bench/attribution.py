"""Do causes agree with the books over a thousand defaults, and what are attribution and but-for, side by side?

`python bench/attribution.py --paths 192 --seed 7` runs `mispriced` and `crypto-winter` three times: with the ledgers
compared to the flows of the books in every month (tests/reconcile.py), as a run whose causes are read, and with every
channel of contagion off.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from nobid.runs import scenario, simulate
from nobid.runs.explain_text import CHANNELS, ROOTS, percent
from nobid.runs.run import Order
from nobid.runs.run_directory import plan
from nobid.runs.twins import Twins, twins
from tests.reconcile import Reconciled

SCENARIOS = ("mispriced", "crypto-winter")
CHUNK = 64
ONE = ["path", "month", "round", "moment", "effect", "state"]  # what names one state of one agent


def gaps(name: str, paths: int, seed: int) -> dict[str, float]:
    """The largest gap of each reconciliation over all months and paths."""
    order = Order(scenario(name), seed, tuple(range(paths)))
    largest: dict[str, float] = defaultdict(float)
    for block in plan(order.paths, [], size=CHUNK):
        model = order.model(block.paths, keep_agents=False)
        checked = Reconciled(model)
        for _ in range(order.scenario.parameters.months):
            for what, gap in checked.step().items():
                largest[what] = max(largest[what], gap)
        model.close()
    return dict(largest)


def weights(causes: Any) -> dict[str, tuple[float, float, float, int]]:
    """By state: least and largest weight, the largest distance of a sum from one, how many states."""
    found = {}
    for state, rows in causes.groupby("state"):
        sums = rows.groupby(ONE)["weight"].sum()
        found[str(state)] = rows["weight"].min(), rows["weight"].max(), (sums - 1.0).abs().max(), len(sums)
    return found


def compared(name: str, paths: int, seed: int) -> tuple[Twins, Any]:
    """The run beside the world with every channel off, and its causes."""
    run = simulate(name, paths=paths, seed=seed, figures=False)
    return twins(run, spreaders=0, channels=False), run.causes


def prints(name: str, paths: int, seed: int) -> int:
    """One scenario's figures; how many defaults stand behind them."""
    clock = time.perf_counter()
    found = gaps(name, paths, seed)
    print(
        f"\n## {name}, {paths} paths, seed {seed}\n\nlargest gap between ledgers and flows, relative to its own scale:"
    )
    for what, gap in found.items():
        print(f"  {what}: {gap:.1e}")
    checked, clock = time.perf_counter() - clock, time.perf_counter()
    beside, causes = compared(name, paths, seed)
    both = beside.causation
    buyers = sum(1 for _, agent in beside.base.when if agent in beside.outside)
    print(f"defaults of borrowers and lenders: {both.defaults}; of GPU buyers: {buyers}")
    print("weights by state: least, largest, largest distance of a sum from one, states")
    for state, (least, most, apart, count) in weights(causes).items():
        print(f"  {state}: {least:.1e}, {most:.6f}, {apart:.1e}, {count}")
    print(f"unexplained remainder: {both.unexplained:.2e} of all defaults")
    print("roots: " + ", ".join(f"{ROOTS.get(one, one)} {percent(share)}" for one, share in both.roots.items()))
    print("last step: " + ", ".join(f"{CHANNELS.get(one, one)} {percent(s)}" for one, s in both.channels.items()))
    print(f"R by attribution {both.r.text(3)}; R by but-for {beside.r_but_for.text(3)}")
    brought = beside.brought
    print(
        f"months earlier with contagion: {brought.months.text()} ({brought.both} in both: {brought.sooner} earlier, "
        f"{brought.same} the same month, {brought.later} later); only with {brought.only_with}, "
        f"only without {brought.only_without}"
    )
    print(beside.paragraph())
    print(
        f"{checked:.0f} s with reconciliation, {time.perf_counter() - clock:.0f} s for the run, its causes and its twin"
    )
    return both.defaults


def main() -> None:
    """Both scenarios."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--paths", type=int, default=192)
    asked.add_argument("--seed", type=int, default=7)
    options = asked.parse_args()
    total = sum(prints(name, options.paths, options.seed) for name in SCENARIOS)
    print(f"\n{total} defaults of borrowers and lenders in all")


if __name__ == "__main__":
    main()
