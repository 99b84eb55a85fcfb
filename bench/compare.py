"""Does the same luck in all arms pay, and how long does a comparison take?

`python bench/compare.py pairing [--paths 512]`: three policies at a tenth of their default strength on `mispriced`, and
at full strength: variance of the difference on different luck over that on the same luck, with the arms' correlation.
`python bench/compare.py time [--paths 512]`: eight arms of 60 months on two workers, from the start to the table.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from nobid.runs.comparing import compare

WEAK = ("buyer_of_last_resort:budget=500", "repo_facility:capacity=300", "lender_capital:share=0.05")
FULL = ("buyer_of_last_resort", "repo_facility", "lender_capital")
EIGHT = (*FULL, "ltv_cap", "tenor_cap", "standstill", "orderly_liquidation")  # and none
SHOWN = ("defaults", "lender_losses", "debt_defaulted")
MINUTE = 60.0


def pairing(paths: int, workers: int) -> None:
    """The table of correlations and variance ratios."""
    found = compare("mispriced", [*WEAK, *FULL], paths=paths, seed=7, workers=workers)
    print(f"mispriced, {paths} paths, 60 months: unpaired over paired variance of the difference (correlation)")
    print(f"{'':34}" + "".join(f"{name:>24}" for name in SHOWN))
    for arm in found.arms[1:]:
        saved = [found.contrasts[arm.label, name].pairing for name in SHOWN]
        print(f"{arm.label:34}" + "".join(f"{one.variance_ratio:>14.1f} ({one.correlation:.3f}) " for one in saved))


def timed(paths: int, workers: int) -> None:
    """Wall time, CPU time, and what is left for the statistics."""
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        found = compare("mispriced", EIGHT, paths=paths, seed=7, workers=workers, out=Path(folder) / "c")
        end = time.perf_counter()
        text = str(found)
    told = time.perf_counter()
    cpu = sum(sum(arm.run.cpu_seconds.values()) for arm in found.arms)
    print(text)
    print(
        f"\n{len(found.arms)} arms, {paths} paths, 60 months, {workers} workers: {(end - begin) / MINUTE:.1f} minutes, "
        f"CPU {cpu / MINUTE:.1f} minutes; the table again {told - end:.1f} s"
    )


if __name__ == "__main__":
    asks = argparse.ArgumentParser(description=__doc__)
    asks.add_argument("what", nargs="?", choices=("pairing", "time"), help="one of the two; both where nothing is said")
    asks.add_argument("--paths", type=int, default=128)
    asks.add_argument("--workers", type=int, default=2)
    asked = asks.parse_args()
    if asked.what != "time":
        pairing(asked.paths, asked.workers)
    if asked.what != "pairing":
        timed(asked.paths, asked.workers)
