"""Which shocks were tried, how plausible are they, and what does the nearest one do on paths it was not searched on?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from nobid.runs.charts.style import DASHED, footnote, new_figure, say, styled
from nobid.runs.measures import MEASURES
from nobid.runs.reversal.targets import BASES
from nobid.runs.run import Run

if TYPE_CHECKING:
    from nobid.runs.reversal.nearest import Tried
    from nobid.runs.reversal.result import Reversal

Array = NDArray[np.float64]

FACES: Final = {"demand": ("change of demand for compute", "%"), "coin": ("change of the coin price", "%"),
                "funding": ("tightening of the funding window", "1: late 2022")}  # fmt: skip
REACHED, MISSED, WITHOUT = "#D55E00", "#0072B2", "#777777"
PADDING, FAR = 0.08, 2.0  # of an axis around what is shown; times the distance found
ROUND: Final = np.linspace(0.0, 2.0 * np.pi, 181)


@styled
def shocks_tried(found: Reversal) -> Figure:
    """Left the shocks by their two first factors among lines of equal distance, right the target on held-out paths."""
    figure = new_figure(f"The nearest shock that is enough: {found.target.words}", 10, 4.6)
    left, right = figure.subplots(1, 2)
    _plane(left, found)
    _held_out(right, found)
    left_out = len(found.found.tried) - len(_near(found))
    others = ", ".join(FACES[name][0] for name in found.found.space.factors[2:])
    footnote(
        figure, Run(found.order).figure_meta, f"shock in {found.month}; lines: whole standard deviations of these two "
        f"alone, over {found.found.space.window} months of stress by the scenario's parameters"
        + (f"; not seen: {others}" if others else ""),
        f"{left_out} shocks more than {FAR:g} times as far away are not drawn" if left_out else "",
    )  # fmt: skip
    return figure


def _shown(name: str, point: Array) -> Array:
    """Points as the axis has them: shares in percent, the window as such."""
    return point if name == "funding" else 100.0 * np.expm1(point)


def _plane(ax: Axes, found: Reversal) -> None:
    space = found.found.space
    names = (*space.factors, *space.factors)[:2]
    places = [space.factors.index(name) for name in names]
    near = _near(found)
    points = np.array([[one.point[place] for place in places] for one in near])
    reached = np.array([one.reaches for one in near])
    for words, which, colour, marker in (
        ("not enough", ~reached, MISSED, "o"),
        ("enough on the paths of the search", reached, REACHED, "s"),
    ):
        across, up = (_shown(name, points[which, place]) for place, name in enumerate(names))
        face = colour if marker == "s" else "none"
        ax.scatter(across, up, marker=marker, s=26, facecolor=face, edgecolor=colour, label=words, zorder=3)
    (left, right), (low, high) = (_ends(name, points[:, place]) for place, name in enumerate(names))
    ax.set(xlim=(left, right), ylim=(low, high))
    _ellipses(ax, space.covariance[np.ix_(places, places)], names)
    if found.best is not None:
        across, up = (_shown(name, found.best.point[[place]]) for name, place in zip(names, places, strict=True))
        words = f"enough on others, {found.distance:.1f} sd away"
        ax.scatter(across, up, marker="*", s=190, color="black", label=words, zorder=4)
    ax.set(title="Shocks tried", xlabel=", ".join(FACES[names[0]]), ylabel=", ".join(FACES[names[1]]))
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=1)


def _ends(name: str, points: Array) -> tuple[float, float]:
    """Of an axis on which these points and no shock lie."""
    shown = np.append(_shown(name, points), 0.0)
    room = PADDING * float(np.ptp(shown)) or 1.0
    return float(shown.min()) - room, float(shown.max()) + room


def _near(found: Reversal) -> list[Tried]:
    """The shocks that were tried within twice the distance of what was found; all where nothing was."""
    best, every = found.found.best, [*found.found.tried.values()]
    least = FAR * max(best.distance, found.distance if found.best else 0.0) if best else np.inf
    return [one for one in every if one.distance <= least]


def _ellipses(ax: Axes, covariance: Array, names: tuple[str, ...]) -> None:
    """Lines of equal distance from no shock; none where there is one factor only."""
    if names[0] == names[1]:
        return
    circle = np.stack([np.cos(ROUND), np.sin(ROUND)])
    for far in range(1, 13):
        across, up = np.linalg.cholesky(covariance) @ circle * far
        line = (_shown(names[0], across), _shown(names[1], up))
        ax.plot(*line, color="#999999", linewidth=0.7, zorder=1, label="standard deviations" if far == 1 else None)


def _held_out(ax: Axes, found: Reversal) -> None:
    """How many held-out paths lie at or below each value, with the shock and without, and the target."""
    measure, base = MEASURES[found.target.measure], found.target.base
    unit = f"share of {BASES[base]} at the start" if base else measure.unit
    ax.set(
        title="Held-out paths", xlabel=f"{measure.label}, {unit}", ylabel="share of paths at or below", ylim=(0, 1.02)
    )
    if not found.held_out:
        say(ax, "no shock was told on held-out paths")
        return
    for words, label, colour, stroke in zip(
        ("with the shock", "without it"), found.held_out, (REACHED, WITHOUT), ("-", DASHED), strict=True
    ):
        values = np.sort(found.values(label))
        shares = np.arange(1, len(values) + 1) / len(values)
        ax.step(values, shares, where="post", color=colour, linestyle=stroke, label=words)
    ax.axvline(found.target.number, color="black", linewidth=1.0)
    ax.annotate(
        "target", (found.target.number, 1.0), xytext=(3, -2), textcoords="offset points", va="top", fontsize=7.5
    )
    ax.xaxis.set_major_locator(MaxNLocator(6))
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2)
