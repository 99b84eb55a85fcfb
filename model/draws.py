"""Which luck does a path have? One stream per (seed, path, purpose), all months drawn at once, newest agent last.

A path therefore has the same luck alone, in any chunk, under any policy, and whatever agents are added at the end.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np

from nobid.agents.state import Array

HORIZON = 240  # months drawn whatever the length of the run
SHOCKS = 4  # common factor, coin, demand, funding


def stream(seed: int, path: int, purpose: str) -> np.random.Generator:
    """The generator of one purpose on one path."""
    key = np.random.SeedSequence(entropy=seed, spawn_key=(path, zlib.crc32(purpose.encode())))
    return np.random.Generator(np.random.Philox(key))


class Draws:
    """All random numbers of a run, replications last."""

    def __init__(self, seed: int, paths: Sequence[int], buyers: int) -> None:
        def gather(purpose: str, shape: tuple[int, ...], normal: bool) -> Array:
            drawn = []
            for path in paths:
                generator = stream(seed, path, purpose)
                drawn.append(generator.standard_normal(shape) if normal else generator.random(shape))
            return np.stack(drawn, axis=-1)

        self.shocks = gather("shocks", (HORIZON, SHOCKS), True)
        self.regime = gather("regime", (HORIZON,), False)
        self.jump = gather("jump", (HORIZON,), False)
        self.buyers = gather("buyers", (buyers, HORIZON), False)
        self.beliefs = gather("parameters", (3,), True)
