"""Does the direct cascade find the contagion window of Gai and Kapadia (2010), at every mean degree?

1,000 banks, 2,000 random networks a mean degree: a table on the screen and docs/img/gai_kapadia.png.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from nobid.runs.charts.style import new_figure, styled  # noqa: E402
from tests.oracle_cases import case  # noqa: E402
from tests.oracle_cases.networks import SEED, Window, contagion  # noqa: E402

FIGURE = REPOSITORY / "docs" / "img" / "gai_kapadia.png"
CASE = "gk_contagion_window_baseline"
FEW = 50  # contagions below which the extent is a mean of few draws and is left out of the figure
GREY, DARK, OURS = "#777777", "#222222", "#0072B2"


def table(rows: list[dict[str, Any]], found: list[Window]) -> float:
    """A line a mean degree is printed; the widest gap of a frequency comes back."""
    print("| z | frequency | reference | theory | extent | reference | theory | contagions |")
    print("|---|---|---|---|---|---|---|---|")
    widest = 0.0
    for row, got in zip(rows, found, strict=True):
        widest = max(widest, abs(got.frequency - row["frequency"]))
        extent = f"{got.extent:.3f}" if got.contagions else "none"
        theirs = f"{row['extent']:.3f}" if row["extent"] is not None else "none"
        print(
            f"| {got.z:g} | {got.frequency:.4f} | {row['frequency']:.4f} | {row['theory_frequency_infinite_N']:.3f} "
            f"| {extent} | {theirs} | {row['theory_extent']:.3f} | {got.contagions} |"
        )
    return widest


def panel(ax: Axes, label: str, *, line: Any, theirs: Any, ours: Any) -> None:
    """Theory as a thin line, the reference case as rings, this engine as crosses: legible without colour."""
    ax.plot(*line, color=GREY, linewidth=0.8, label="theory, infinitely many banks")
    ax.plot(*theirs, "o", color=DARK, fillstyle="none", markersize=7.5, label="reference case, 2,000 draws")
    ax.plot(*ours, "x", color=OURS, markersize=5.5, markeredgewidth=1.5, label="nobid")
    ax.set_ylabel(label)
    ax.set_ylim(-0.06, 1.06)


@styled
def draw(data: dict[str, Any], found: list[Window], seed: int) -> None:
    """The figure lies in docs/img."""
    rows, edge = data["expected"]["rows"], data["expected"]["theory_window"]
    z = [row["z"] for row in rows]
    figure = new_figure("With few debtors or many a default stops; in between it spreads", 6.6, 5.6)
    upper, lower = figure.subplots(2, 1, sharex=True)
    inside = [row for row in rows if edge["lower"] < row["z"] < edge["upper"]]
    ends = ([edge["lower"], *(row["z"] for row in inside), edge["upper"]],
            [0.0, *(row["theory_frequency_infinite_N"] for row in inside), 0.0])  # fmt: skip
    panel(upper, "draws with contagion\n(share of draws)", line=([0, *ends[0], 10.5], [0, *ends[1], 0]),
          theirs=(z, [row["frequency"] for row in rows]), ours=(z, [got.frequency for got in found]))  # fmt: skip
    seen = [row for row in rows if row["n_contagion"] >= FEW]
    often = [got for got in found if got.contagions >= FEW]
    theirs = ([row["z"] for row in seen], [row["extent"] for row in seen])
    panel(lower, "banks that fail when it spreads\n(mean share of banks)",
          line=(z, [row["theory_extent"] for row in rows]), theirs=theirs,
          ours=([got.z for got in often], [got.extent for got in often]))  # fmt: skip
    lower.set_xlabel("mean number of debtors of a bank, z")
    lower.set_xticks(range(11))
    lower.set_xlim(0, 10.5)
    lower.legend(loc="lower right")
    told = (
        "1,000 banks, interbank assets 0.2 and capital 0.04 of assets, no recovery; a loss equal to capital fells.\n"
        f"Contagion: more than 5 % of banks fail. Extent where at least {FEW} draws spread. nobid: {found[0].draws:,}\n"
        f"draws a point, seed {seed}. Theory joined at the points and window ends. After Gai and Kapadia (2010)."
    )
    figure.supxlabel(told, x=0.01, ha="left", fontsize=7, color="#444444", weight="normal")
    figure.savefig(FIGURE, metadata={"Software": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=2_000, help="random networks at each mean degree")
    parser.add_argument("--seed", type=int, default=SEED)
    asked = parser.parse_args()
    data = case(CASE)
    assert data is not None
    begin = time.perf_counter()
    rows = data["expected"]["rows"]
    found = [contagion(row["z"], data["inputs"], draws=asked.draws, seed=asked.seed) for row in rows]
    seconds = time.perf_counter() - begin
    widest = table(rows, found)
    draw(data, found, asked.seed)
    print(f"\nwidest gap of a frequency {widest:.4f}; {len(rows)} x {asked.draws:,} networks in {seconds:.0f} s")


if __name__ == "__main__":
    main()
