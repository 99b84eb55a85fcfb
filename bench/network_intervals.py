"""How often does the interval of the share of variance between networks hold a share that is known?

Made-up worlds: K networks with n paths each, of whose variance a known share lies between networks. A line each: the
mean share that is found, and how often its 95 % interval holds the true one. Luck is normal, log-normal or of two
humps; the networks' means are normal, or log-normal too.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from nobid.runs.network_variance import between  # noqa: E402

Array = NDArray[np.float64]
Luck = Callable[[np.random.Generator, int], Array]
SHAPES: Final = ((4, 16), (8, 8), (16, 16))
SHARES: Final = (0.0, 0.1, 0.5)


def normal(rng: np.random.Generator, size: int) -> Array:
    """Mean nought, variance one."""
    return rng.standard_normal(size)


def lognormal(rng: np.random.Generator, size: int) -> Array:
    """The same with a skewness of six."""
    return (np.exp(rng.standard_normal(size) - 0.5) - 1.0) / np.sqrt(np.e - 1.0)


def two_humps(rng: np.random.Generator, size: int) -> Array:
    """The same, three in ten of them high."""
    return (np.where(rng.random(size) < 0.3, 1.0, 0.0) - 0.3) / np.sqrt(0.21)


WORLDS: Final[dict[str, tuple[Luck, Luck]]] = {
    "normal": (normal, normal),
    "two humps": (normal, two_humps),
    "log-normal luck": (normal, lognormal),
    "log-normal both": (lognormal, lognormal),
}


def main() -> None:
    """A line a world, shape and share."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=1000)
    worlds = parser.parse_args().worlds
    rng = np.random.default_rng(1)
    for name, (of_network, of_path) in WORLDS.items():
        for networks, paths in SHAPES:
            network = np.repeat(np.arange(networks), paths)
            for true in SHARES:
                found = []
                for _ in range(worlds):
                    across = np.sqrt(true) * of_network(rng, networks)[network]
                    found.append(between(across + np.sqrt(1.0 - true) * of_path(rng, len(network)), network))
                held = np.mean([one.low <= true <= one.high for one in found])
                mean = np.mean([one.share for one in found])
                shape = f"{name:16s} {networks:2d} networks of {paths:2d} paths"
                print(f"{shape}, {true:.1f}: {mean:.2f} found, held {held:.3f}", flush=True)


if __name__ == "__main__":
    main()
