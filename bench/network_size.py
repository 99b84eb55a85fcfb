"""What do clearing and the direct cascade cost from a thousand nodes to a million, at ten creditors a node?

A table on the screen: CPU seconds on one core, peak memory of the process (network and all), rounds, share failed,
residual, and the exponent with which seconds grow with edges from one size to the next. Each line in its own process.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sys
import time
from typing import Any, NamedTuple

import numpy as np

from nobid.model.clearing import clear
from nobid.model.network import Network
from nobid.model.threshold_cascade import fall

DEGREE, SEED = 10, 7
SIZES = (1_000, 100_000, 1_000_000)
BYTES = 1 if sys.platform == "darwin" else 1024  # unit of ru_maxrss


class Line(NamedTuple):
    """What one run took and what came of it."""

    edges: int
    seconds: float
    gigabytes: float
    rounds: int
    failed: float
    residual: float


def debts(size: int, luck: np.random.Generator) -> tuple[Network, Any]:
    """A random network, claims listed creditor by creditor, of 1 a claim on average; network and amounts."""
    creditor = np.sort(luck.integers(0, size, size * DEGREE))
    debtor = (creditor + 1 + luck.integers(0, size - 1, len(creditor))) % size
    return Network(debtor, creditor, size), luck.uniform(0.0, 2.0, (len(creditor), 1))


def clears(size: int, *, order: bool, leak: float) -> tuple[int, float, float]:
    """Cash and outside debt are as large as claims times `leak`: the less leaks, the longer losses go round."""
    luck = np.random.default_rng(SEED)
    network, owed = debts(size, luck)
    cash, outside = (luck.uniform(0.0, 10.0 * leak, (size, 1)) for _ in range(2))
    got = clear(network.debtor, network.creditor, owed=owed, assets=cash, outside=outside, order=order, network=network)
    return got.rounds, float(got.failed.mean()), got.residual


def falls(size: int) -> tuple[int, float, float]:
    """One in ten thousand fails first, and one at least; a buffer bears one claim or two."""
    luck = np.random.default_rng(SEED)
    network, amount = debts(size, luck)
    first = np.zeros((size, 1), dtype=bool)
    first[: max(1, size // 10_000)] = True
    buffer = luck.uniform(0.8, 2.5, (size, 1))
    got = fall(network.creditor, network.debtor, amount=amount, buffer=buffer, first=first, weak=True, network=network)
    return got.rounds, float(got.failed.mean()), 0.0


RUNS: dict[str, tuple[Any, dict[str, Any]]] = {
    "clearing": (clears, {"order": False, "leak": 1.0}),
    "clearing with order": (clears, {"order": True, "leak": 1.0}),
    "clearing with order, little leaks": (clears, {"order": True, "leak": 0.02}),
    "direct cascade": (falls, {}),
}


def measure(name: str, size: int, out: Any) -> None:
    """One run, network built within the time; the line goes into the pipe."""
    run, keys = RUNS[name]
    run(100, **keys)
    begin = time.process_time()
    rounds, failed, residual = run(size, **keys)
    seconds = time.process_time() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * BYTES / 1e9
    out.send(Line(size * DEGREE, seconds, peak, rounds, failed, residual))


def alone(name: str, size: int) -> Line:
    """The same in a fresh process."""
    context = multiprocessing.get_context("spawn")
    inbox, outbox = context.Pipe(duplex=False)
    process = context.Process(target=measure, args=(name, size, outbox))
    process.start()
    outbox.close()
    line: Line = inbox.recv()
    process.join()
    return line


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), help="numbers of nodes")
    sizes = parser.parse_args().sizes
    print("| what | nodes | edges | CPU seconds | peak GB | rounds | failed | residual | seconds ~ edges^ |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name in RUNS:
        last: Line | None = None
        for size in sizes:
            line = alone(name, size)
            grows = np.log(line.seconds / last.seconds) / np.log(line.edges / last.edges) if last else np.nan
            print(
                f"| {name} | {size:,} | {line.edges:,} | {line.seconds:.3f} | {line.gigabytes:.2f} | {line.rounds} "
                f"| {line.failed:.2f} | {line.residual:.0e} | {'' if np.isnan(grows) else f'{grows:.2f}'} |",
                flush=True,
            )
            last = line


if __name__ == "__main__":
    main()
