"""How does a replay become a film for slides: the network round by round, as GIF, or as MP4 where ffmpeg is there?"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from matplotlib.collections import LineCollection

from nobid.runs.charts.network import MARKERS, RED, STYLES
from nobid.runs.charts.style import KIND_COLOURS, KIND_WORDS, STYLE, new_figure
from nobid.runs.errors import InputError
from nobid.runs.months import month_label
from nobid.runs.replays.data import AUCTION, FAILED, FAMILIES, NOBODY, SHORT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from nobid.runs.replays.page import Replay

MOST_FRAMES: Final = 60  # of a film: beyond, rounds in which nobody failed are thinned out
HOLD: Final = {"default": 1800, "event": 500, "quiet": 250}  # milliseconds for which a frame stands
COLOURS: Final = 192
AS_MP4: Final = ("-movflags", "+faststart", "-pix_fmt", "yuv420p", "-vf", "scale=trunc(iw/2)*2:trunc(ih/2)*2")
SIZE: Final = (9.6, 5.4)  # inches
DPI: Final = 100
SAME_COLUMN: Final = 0.1  # of the width
KEY: Final = (
    "red: defaults, losses · orange: money called · purple: not renewed · blue: sold · black: seized · green: lent"
)
AUCTION_AT: Final = (0.71, 0.98)
FLOW_COLOURS: Final = dict(
    zip(FAMILIES, ("#B2182B", "#B2182B", "#C04E00", "#6A2C91", "#005A91", "#000000", "#00704F", "#7A5200"), strict=True)
)
LONGEST_LINE: Final = 175  # characters
INK: Final = "#222222"
CALLED: Final = "#C04E00"


def permits(kinds: Sequence[str]) -> None:
    """All these kinds of film can be made here; InputError where one cannot."""
    if "mp4" in kinds and shutil.which("ffmpeg") is None:
        raise InputError("--mp4: no ffmpeg was found on the PATH: install it, or take --gif.")


def film(replay: Replay, file: Path) -> Path:
    """The first arm's path as a film in `file`, a GIF or an MP4 by its ending."""
    permits([file.suffix[1:]])
    if file.suffix == ".gif":
        _gif(replay.data, file)
        return file
    with tempfile.TemporaryDirectory() as folder:
        pictures = Path(folder) / "film.gif"
        _gif(replay.data, pictures)
        command = ["ffmpeg", "-y", "-loglevel", "error", "-i", str(pictures), *AS_MP4, str(file)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise InputError(f"--mp4: ffmpeg could not write {file}: {done.stderr.strip()}")
    return file


def _gif(data: Mapping[str, Any], file: Path) -> None:
    """Every chosen frame is drawn once, and stands for as long as it is held."""
    from matplotlib import rc_context
    from PIL import Image

    shown = [*chosen(data["arms"][0]["frames"])]
    pictures = []
    with rc_context(fname=STYLE):
        figure = new_figure("", *SIZE)
        figure.set_layout_engine("none")
        figure.set_dpi(DPI)
        for number, _ in shown:
            _draw(figure, data, number)
            figure.canvas.draw()
            drawn = np.asarray(figure.canvas.buffer_rgba())[:, :, :3]  # type: ignore[attr-defined]
            pictures.append(Image.fromarray(drawn).quantize(COLOURS, Image.Quantize.FASTOCTREE))
    lasts = [milliseconds for _, milliseconds in shown]
    pictures[0].save(file, save_all=True, append_images=pictures[1:], duration=lasts, loop=0, optimize=False)


def chosen(frames: Sequence[Sequence[Any]]) -> Iterator[tuple[int, int]]:
    """Which frames are shown, and for how many milliseconds: the ends, all defaults that fit, then the rest, evenly."""
    default = FAMILIES.index("default")
    kinds = [
        "default" if any(flow[0] == default for flow in frame[3]) else "event" if frame[3] else "quiet"
        for frame in frames
    ]
    ranked = [[number for number, kind in enumerate(kinds) if kind == one] for one in HOLD]
    taken = {0, len(frames) - 1}
    for numbers in ranked:
        left = MOST_FRAMES - len(taken)
        every = np.linspace(0, max(len(numbers) - 1, 0), min(left, len(numbers)))
        taken |= {numbers[round(place)] for place in every}
    yield from ((number, HOLD[kinds[number]]) for number in sorted(taken))


def _draw(figure: Figure, data: Mapping[str, Any], number: int) -> None:
    """The frame stands in the figure."""
    arm = data["arms"][0]
    month, round_, _, _, texts = arm["frames"][number]
    figure.clear()
    network = figure.add_axes((0.0, 0.22, 1.0, 0.66))
    network.set(xlim=(0, 1), ylim=(1.02, -0.02))
    network.set_axis_off()
    sheet = month + 1 if number + 1 == len(arm["frames"]) or arm["frames"][number + 1][0] != month else month
    _edges(network, data, sheet)
    _flows(network, data, arm["frames"][number][3])
    _nodes(network, data, number, sheet=sheet)
    when = (
        "start" if month < 0 else f"{month_label(data['start'], month)}, {f'round {round_}' if round_ else 'opening'}"
    )
    figure.text(0.012, 0.955, data["title"], weight="bold", fontsize=11, va="center")
    figure.text(0.988, 0.955, when, weight="bold", fontsize=11, ha="right", va="center")
    lines = [data["strings"][text] for text in texts[:2]]
    shown = [line if len(line) <= LONGEST_LINE else line[: LONGEST_LINE - 1].rstrip() + "…" for line in lines]
    figure.text(0.988, 0.215, KEY, fontsize=6, ha="right", va="center", color="#444444")
    figure.text(0.012, 0.915, "\n".join(shown), fontsize=7.5, va="top", color="#333333", linespacing=1.25)
    _marks(figure, data, number)


def at(series: Any, month: int) -> float:
    """The value of a series in a month: its last one where it has ended."""
    return float(series[min(month, len(series) - 1)] if isinstance(series, list) else series)


def _place(data: Mapping[str, Any], agent: int) -> tuple[float, float]:
    if agent == AUCTION:
        return AUCTION_AT
    return 0.06 + 0.86 * data["agents"][agent]["x"], data["agents"][agent]["y"]


def _edges(ax: Axes, data: Mapping[str, Any], month: int) -> None:
    for style, (colour, dashes) in enumerate(STYLES.values()):
        live = [(a, b, at(row, month)) for a, b, kind, row in data["arms"][0]["edges"] if kind == style]
        lines = [_bow(_place(data, a), _place(data, b)) for a, b, amount in live if amount > 0.0]
        widths = [0.3 + 4.0 * (amount / data["widest"]) ** 0.5 for _, _, amount in live if amount > 0.0]
        ax.add_collection(LineCollection(lines, linewidths=widths, colors=colour, linestyles=[dashes], alpha=0.3))


def _bow(a: tuple[float, float], b: tuple[float, float]) -> list[tuple[float, float]]:
    """A line from a to b; within a column it bulges to the right."""
    if abs(a[0] - b[0]) > SAME_COLUMN:
        return [a, b]
    along = np.linspace(0.0, 1.0, 13)
    x, y = np.array([a, b]).T
    return [*zip(x[0] + (x[1] - x[0]) * along + 0.3 * along * (1 - along), y[0] + (y[1] - y[0]) * along, strict=True)]


def _flows(ax: Axes, data: Mapping[str, Any], flows: Sequence[Sequence[Any]]) -> None:
    """Arrows between agents; a halo around whom something happens to alone."""
    for family, source, target, _ in flows:
        colour = FLOW_COLOURS[FAMILIES[family]]
        if target == NOBODY:
            size = 420 if family == FAMILIES.index("default") else 130
            ax.scatter(*_place(data, source), s=size, color=colour, alpha=0.25, linewidth=0)
        else:
            arrow = {"arrowstyle": "-|>", "color": colour, "alpha": 0.75, "linewidth": 1.2, "shrinkB": 5}
            arrow["connectionstyle"] = "arc3,rad=0.08"
            ax.annotate("", _place(data, target), _place(data, source), arrowprops=arrow)
    if any(AUCTION in flow[1:3] for flow in flows):
        ax.text(*AUCTION_AT, "auction", fontsize=7, ha="center", va="center", color=FLOW_COLOURS["sale"], weight="bold",
                bbox={"boxstyle": "round", "facecolor": "white", "edgecolor": FLOW_COLOURS["sale"]})  # fmt: skip


def states(data: Mapping[str, Any], number: int) -> list[int]:
    """The state of every agent in the frame."""
    found = [0] * len(data["agents"])
    for frame in data["arms"][0]["frames"][: number + 1]:
        for agent, state in zip(frame[2][::2], frame[2][1::2], strict=True):
            found[agent] = state
    return found


def _nodes(ax: Axes, data: Mapping[str, Any], number: int, *, sheet: int) -> None:
    """Every agent in its place, by kind and state; the named and the failed with their names."""
    now, arm = states(data, number), data["arms"][0]
    roots = np.array([at(size, sheet) for size in arm["size"]]) ** 0.5
    radius = np.maximum(0.75 * data["per_root"] * roots, 2.0)
    for kind, state in sorted({(agent["kind"], one) for agent, one in zip(data["agents"], now, strict=True)}):
        rows = [row for row, agent in enumerate(data["agents"]) if (agent["kind"], now[row]) == (kind, state)]
        x, y = np.array([_place(data, row) for row in rows]).T
        edge, width = {FAILED: (RED, 1.3), SHORT: (CALLED, 2.0)}.get(state, (INK, 0.5))
        name = data["kinds"][kind]
        face, area = "white" if state == FAILED else KIND_COLOURS[name], np.square(2.0 * radius[rows])
        ax.scatter(x, y, s=area, marker=MARKERS[name], zorder=3, color=face, edgecolor=edge, linewidth=width)
        if state == FAILED:
            ax.scatter(x, y, s=22, marker="x", color="black", linewidth=1.2, zorder=4)
    for row, agent in enumerate(data["agents"]):
        if agent["named"] or now[row] == FAILED:
            side, (middle, height) = -1 if agent["x"] < 0.25 else 1, _place(data, row)
            beside = middle + side * (radius[row] + 3.5) / (72.0 * SIZE[0])
            word, colour = agent["ticker"] or agent["name"], RED if now[row] == FAILED else INK
            ax.text(beside, height, word, va="center", ha="right" if side < 0 else "left", fontsize=6, color=colour)
    for kind, x, y in data["heads"]:
        words = KIND_WORDS[data["kinds"][kind]].capitalize()
        ax.text(0.06 + 0.86 * x, y, words, ha="center", va="center", fontsize=7, weight="bold")


def _marks(figure: Figure, data: Mapping[str, Any], number: int) -> None:
    """Marks by month, up to the frame in ink, beyond it pale."""
    frames, marks = data["arms"][0]["frames"], np.array(data["arms"][0]["marks"], dtype=float) / 1e3
    most = {frame[0]: frame[1] for frame in frames}
    when = np.array([max(month, 0) + (month >= 0) * (round_ + 1) / (most[month] + 2) for month, round_, *_ in frames])
    ax = figure.add_axes((0.06, 0.05, 0.88, 0.14))
    for line, name in enumerate(data["generations"]):
        values = np.where(marks[:, line] > 0.0, marks[:, line], np.nan)
        colour, dashes = f"C{line}", ("-", "--")[line % 2]
        ax.plot(when, values, alpha=0.25, color=colour, linestyle=dashes)
        ax.plot(when[: number + 1], values[: number + 1], label=name, color=colour, linestyle=dashes)
    ax.axvline(when[number], color="#222222", linewidth=0.8)
    months = frames[-1][0] + 1
    ax.set(xlim=(0, months), ylim=(0, None))
    every = 12 if months > 18 else max(months // 6, 1)
    ax.set_xticks(range(0, months, every), [month_label(data["start"], month) for month in range(0, months, every)])
    ax.tick_params(labelsize=6.5)
    ax.set_title("mark, USD thousand a unit", fontsize=6.5, weight="normal", pad=2)
    ax.legend(loc="upper right", fontsize=6.5, ncols=2)
