"""Which lender lost how much on whom: a cell a pair, with the sums of both at the margins?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from nobid.runs.charts.style import footnote, new_figure, say, styled
from nobid.runs.charts.watched import watched
from nobid.runs.charts.which import meta_of_path, shown_path
from nobid.runs.path_story import TRIFLE, PathStory

if TYPE_CHECKING:
    from nobid.runs.replays.facts import Seen
    from nobid.runs.run import Run

MOST: Final = 22  # lenders and debtors of their own; the others are one row or column
SEIZED: Final = "seized machines"
PALETTE: Final = "YlOrBr"  # from light to dark in grey as well
ROOT: Final = 0.5  # colour follows the root of the amount
DARK: Final = 0.55  # of the palette: from here on figures are white
CELL: Final = 0.34  # inches


@styled
def heat_map(run: Run, *, path: int | None = None) -> Figure:
    """What each lender lost on each debtor over the whole path, recoveries deducted; who lost nothing is left out.
    USD million.
    """
    number = shown_path(run, path)
    seen = watched(run, number)
    table = folded(losses_by_pair(seen))
    meta = meta_of_path(run, number)
    if table.empty:
        figure = new_figure("Who lost how much on whom", 8, 2.2)
        ax = figure.subplots()
        say(ax, "no lender lost anything on anybody on this path")
        ax.set_axis_off()
        footnote(figure, meta)
        return figure
    rows, columns = table.shape
    figure = new_figure("Who lost how much on whom", max(4.2 + 1.25 * CELL * columns, 7.0), 3.2 + CELL * rows)
    _draw(figure, table)
    footnote(
        figure, meta, f"losses from {seen.story.month(0)} to the end of {seen.story.month(len(seen.losses) - 1)}, "
        "less what was recovered and what claims are still worth; below zero: more came back than was owed",
        f"{SEIZED}: worth lost after they were taken" if SEIZED in table.columns else "",
        _left_out(losses_by_pair(seen)),
    )  # fmt: skip
    return figure


def losses_by_pair(seen: Seen) -> pd.DataFrame:
    """What each lender (row) had lost on each debtor (column) by the end of the path, USD million, the largest first;
    noughts left out. Debtors are borrowers, other lenders on warehouse lines and brokers; machines that lost worth
    after they were seized are a column of their own.
    """
    pairs = pd.DataFrame([*_losses(seen.story)], columns=["lender", "debtor", "amount"])
    table = pairs.pivot_table(index="lender", columns="debtor", values="amount", aggfunc="sum", fill_value=0.0)
    held = table.abs() > TRIFLE
    table = table.loc[held.any(axis=1), held.any(axis=0)]
    names = table.sum(axis=0).sort_values(ascending=False, kind="stable").index
    last = [name for name in (SEIZED,) if name in names]
    return table.loc[
        table.sum(axis=1).sort_values(ascending=False, kind="stable").index,
        [*(name for name in names if name != SEIZED), *last],
    ]


def _losses(story: PathStory) -> Iterator[tuple[str, str, float]]:
    """Lender, debtor, USD million: by facility, repo, line, broker, and seized machines."""
    edges, lost = story.edges, story.losses
    lenders = edges.lender_names
    for lender, borrower, amount in zip(edges.lender, edges.borrower, lost["facility"], strict=True):
        yield lenders[lender], story.borrowers[borrower], float(amount)
    for lender, borrower_name, amount in zip(edges.repo_lender, story.borrowers, lost["repo"], strict=True):
        yield lenders[lender], borrower_name, float(amount)
    for lender, receiver, amount in zip(edges.provider, edges.receiver, lost["line"], strict=True):
        yield lenders[lender], lenders[receiver], float(amount)
    for lender, amount in zip(edges.broker_lender, lost["broker"], strict=True):
        yield lenders[lender], "brokers", float(amount)
    for name, amount in zip(lenders, lost["seized"].sum(axis=1), strict=True):
        yield name, SEIZED, float(amount)


def folded(table: pd.DataFrame, most: int = MOST) -> pd.DataFrame:
    """The table with its largest rows and columns, the others in a last row and column; its sum is the same."""
    for _ in range(2):  # rows, then columns
        small = [name for name in table.index if name != SEIZED][most:]
        if len(small) > 1:
            others = table.loc[small].sum(axis=0).rename(f"{len(small)} others")
            table = pd.concat([table.drop(index=small), others.to_frame().T])
        table = table.T
    return table


def _left_out(table: pd.DataFrame) -> str:
    rows, columns = table.shape
    return f"of {rows} lenders and {columns} debtors the {MOST} largest" if max(rows, columns) > MOST + 1 else ""


def _draw(figure: Figure, table: pd.DataFrame) -> None:
    """The cells, the sums by debtor above, by lender on the right."""
    rows, columns = table.shape
    grid = figure.add_gridspec(2, 2, width_ratios=[columns * 1.25, 3.2], height_ratios=[2.6, rows])
    cells = figure.add_subplot(grid[1, 0])
    above, right = figure.add_subplot(grid[0, 0], sharex=cells), figure.add_subplot(grid[1, 1], sharey=cells)
    norm = PowerNorm(ROOT, vmin=0.0, vmax=max(float(table.to_numpy().max()), 1.0))
    image = cells.imshow(np.ma.masked_less(table.to_numpy(), TRIFLE), cmap=PALETTE, norm=norm, aspect="auto")
    _figures(cells, table, image)
    cells.set_xticks(
        range(columns), [str(name) for name in table.columns], rotation=45, ha="right", rotation_mode="anchor"
    )
    cells.set_yticks(range(rows), [str(name) for name in table.index])
    cells.set(xlabel="lost on", ylabel="lost by")
    for line in np.arange(rows - 1) + 0.5:
        cells.axhline(line, color="#DDDDDD", linewidth=0.6)
    for line in np.arange(columns - 1) + 0.5:
        cells.axvline(line, color="#DDDDDD", linewidth=0.6)
    cells.grid(visible=False)
    cells.tick_params(length=0)
    _margins(above, right, table)


def _figures(ax: Axes, table: pd.DataFrame, image: AxesImage) -> None:
    """Every cell that is not nought carries its amount."""
    shade = np.asarray(image.norm(np.maximum(table.to_numpy(), 0.0)))
    for (row, column), amount in np.ndenumerate(table.to_numpy()):
        if abs(amount) > TRIFLE:
            dark = shade[row, column] > DARK
            ax.text(column, row, written(amount), ha="center", va="center", fontsize=6.5,
                    color="white" if dark else "black")  # fmt: skip


def _margins(above: Axes, right: Axes, table: pd.DataFrame) -> None:
    look: dict[str, Any] = {"color": "#BBBBBB", "edgecolor": "#222222", "linewidth": 0.6}
    by_debtor, by_lender = table.sum(axis=0).to_numpy(), table.sum(axis=1).to_numpy()
    above.bar(range(len(by_debtor)), by_debtor, width=0.8, **look)
    right.barh(range(len(by_lender)), by_lender, height=0.75, **look)
    for place, amount in enumerate(by_debtor):
        above.annotate(written(amount), (place, max(amount, 0.0)), xytext=(0, 2), textcoords="offset points",
                       ha="center", va="bottom", fontsize=6.5)  # fmt: skip
    for place, amount in enumerate(by_lender):
        right.annotate(written(amount), (max(amount, 0.0), place), xytext=(3, 0), textcoords="offset points",
                       ha="left", va="center", fontsize=6.5)  # fmt: skip
    above.set(title=f"USD million; all lenders and debtors together {table.to_numpy().sum():,.0f}",
              ylim=(None, by_debtor.max() * 1.3))  # fmt: skip
    right.set(xlim=(None, by_lender.max() * 1.6))
    for ax in (above, right):
        ax.grid(visible=False)
        ax.tick_params(length=0, labelleft=False, labelbottom=False)
        ax.spines[["left", "bottom"]].set_visible(False)


def written(amount: float) -> str:
    """USD million in a narrow cell: "3,204", "12", "0.4"."""
    return (f"{amount:,.0f}" if abs(amount) >= 9.5 else f"{amount:.1f}").replace("-", "−")
