"""Which shock would be enough? This script writes docs/reverse.md.

`python docs/build_reverse.py` runs the reverse stress test below (what lies in out/reverse/ is not run again), writes
what it found to the page and its figure to docs/img/. A test fails where page, figure and this script disagree.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Final

from nobid.runs import reverse

DOCS = Path(__file__).resolve().parent
PAGE, PICTURE = DOCS / "reverse.md", DOCS / "img" / "reverse_shocks.png"
SCENARIOS, TARGET, MONTH, PATHS, SEED = ("mispriced", "baseline"), "lender_losses >= 0.25", "2026-07", 64, 7
TRIALS, MONTHS, WORKERS = 24, 36, 2
SHOWS: Final = (
    "Left the shocks that were tried, by how much demand for compute and the coin fall, among lines of equal "
    "distance: squares reach the target on the paths of the search, circles do not, the star reaches it on others. "
    "Right how many held-out paths lie at or below each loss, with the shock and without it."
)
HEAD = f"""# Which shock would be enough?

Written by `python docs/build_reverse.py`. A stress test asks what a shock does; a reverse one asks which shock it
takes: the most plausible fall of demand for compute and of the coin, with the funding window closing, after which
lenders lose a quarter of what is lent against machines within {MONTHS} months, on half of the paths at least. Plausible
is what lies few standard deviations away by the model's own covariance in stress (Mahalanobis): a measure of the
model's world, not of history. The direction is searched on {PATHS} paths, its length settled on {PATHS} others, and the
figures told are of {PATHS} that had no part in either.
"""


def command(name: str) -> str:
    """What does the same from a terminal."""
    words = ["nobid", "reverse", name, "--target", TARGET, "--month", MONTH, "--months", str(MONTHS), "--paths"]
    return shlex.join([*words, str(PATHS), "--trials", str(TRIALS), "--seed", str(SEED)])


def main() -> None:
    """The page and its figure are written."""
    parts = [HEAD]
    for place, name in enumerate(SCENARIOS):
        found = reverse(name, TARGET, month=MONTH, months=MONTHS, paths=PATHS, trials=TRIALS, seed=SEED,
                        workers=WORKERS, out=Path("out/reverse") / name)  # fmt: skip
        parts.append(f"## {name}\n\n```\n$ {command(name)}\n\n{found}\n```\n")
        if place == 0:
            found.plot().savefig(PICTURE, dpi=110)
            parts.append(f"![{SHOWS}](img/{PICTURE.name})\n\n{SHOWS}\n")
    PAGE.write_text("\n".join(parts), encoding="utf-8")


if __name__ == "__main__":
    main()
