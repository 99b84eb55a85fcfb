"""Where is the boundary of a systemic crisis, and how far is today's system from it? Writes docs/boundary.md.

`python docs/build_boundary.py` sweeps the settings that matter most in pairs, then one by one away from the sourced
point, then the same at the low and the high end of every assumption without a source; numbers go to
docs/data/boundary.json, maps to docs/img/regime_*.png. What lies in out/boundary/ already is not run again, so that a
build that was stopped goes on. `--render` draws and writes from the stored numbers alone.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nobid.model.system import ComputeCreditModel
from nobid.runs import scenario, sweep
from nobid.runs.charts.regime_map import Axis, Panel, regime_map
from nobid.runs.charts.which import meta_of
from nobid.runs.estimate import luck
from nobid.runs.sweep_edge import edges
from nobid.runs.sweep_result import Sweep

Array = NDArray[np.float64]
DOCS = Path(__file__).resolve().parent
PAGE, DATA, PICTURES, OUT = DOCS / "boundary.md", DOCS / "data" / "boundary.json", DOCS / "img", Path("out/boundary")
SEED, FRESH, PATHS, WORKERS = 7, 8, 64, 2  # the distances are measured on draws that the maps have not seen
CALLED = {"debt.gpu_margin.on": True, "lenders.mark": "market", "debt.gpu_margin.call_speed": 1.0}


@dataclass(frozen=True)
class Map:
    """Two settings, each with its values and today's; a panel for each of some worlds (scenario, what is set)."""

    key: str
    title: str
    down: tuple[str, str, tuple[float, ...], float]  # key, label, values, today
    across: tuple[str, str, tuple[float, ...], float]
    worlds: Mapping[str, tuple[str, dict[str, Any], bool]]  # panel: scenario, settings, today's world


CAPITAL = ("lenders.capital_multiple", "lender capital, times today's", (0.05, 0.1, 0.25, 0.5, 1.0), 1.0)
BUDGET = ("buyers.budget_multiple", "buyers' budget, times today's", (0.1, 0.25, 0.5, 1.0, 2.0), 1.0)
MAPS = (
    Map("capital", "Lender capital, buyers' budget and the speed of margin calls", CAPITAL, BUDGET, {
        "no calls on machines (sourced)": ("baseline", {}, True),
        "a third of a call within the month": ("baseline", {**CALLED, "debt.gpu_margin.call_speed": 1.0 / 3.0}, False),
        "all of it at once": ("baseline", CALLED, False),
    }),
    Map("tenor", "What lenders believe, and for how long they lend",
        ("lenders.belief_decay", "decay that lenders underwrite, 1/year", (0.0, 0.08, 0.15, 0.3, 0.45), 0.15),
        ("debt.resize_tenor", "tenor of loans on machines, months", (18, 36, 60, 120), 48.0),
        {"sourced terms": ("baseline", {}, True),
         "thin lenders, marks and calls at once": ("mispriced", {}, False)}),
    Map("racks", "Free racks and buyers' budget",
        ("buyers.racks_multiple", "free racks, times today's", (0.25, 0.5, 1.0, 2.0, 4.0), 1.0), BUDGET,
        {"sourced terms": ("baseline", {}, True),
         "thin lenders, marks and calls at once": ("mispriced", {}, False)}),
)  # fmt: skip


@dataclass(frozen=True)
class Way:
    """A setting that leads away from the sourced point: its values from today's on, worse and worse."""

    key: str
    words: str
    values: tuple[float, ...]


WAYS = (
    Way("lenders.capital_multiple", "less lender capital", (1.0, 0.5, 0.25, 0.1, 0.05)),
    Way("buyers.budget_multiple", "less buying power", (1.0, 0.5, 0.25, 0.1, 0.02)),
    Way("supply.growth", "rents that fall faster", (0.78, 0.9, 1.05, 1.2, 1.5)),
)
WORLDS = {"sourced terms": ("baseline", {}), "with market marks and calls at once": ("baseline", CALLED)}
ASSUMED: Mapping[str, tuple[float, float]] = {  # ranges of the project's design table, or halved and doubled
    "buyers.budget_multiple": (0.32, 3.2),
    "buyers.racks_multiple": (0.34, 2.0),
    "lenders.capital_multiple": (0.5, 2.0),
    "lenders.other_multiple": (0.0, 0.5),
    "regime.correlation_stress": (0.0, 0.8),
    "demand.elasticity": (0.7, 2.0),
}


def swept(name: str, over: Sequence[str], given: Mapping[str, Any], *, key: str, paths: int, seed: int) -> Sweep:
    """The sweep, read from out/boundary/ as far as it lies there."""
    return sweep(name, list(over), set=dict(given), against="first", paths=paths, seed=seed, workers=WORKERS,
                 out=OUT / f"{key}-{seed}")  # fmt: skip


def over(key: str, values: Sequence[float]) -> str:
    """The range in the words of a sweep."""
    return f"{key}={','.join(f'{value:g}' for value in sorted(values))}"


# ---- maps


def mapped(one: Map, paths: int) -> list[dict[str, Any]]:
    """The panels of a map as plain numbers."""
    panels = []
    for number, (title, (name, given, today)) in enumerate(one.worlds.items()):
        ranges = [over(one.down[0], one.down[2]), over(one.across[0], one.across[2])]
        found = swept(name, ranges, given, key=f"{one.key}-{number}", paths=paths, seed=SEED)
        levels = [found.comparison.levels[arm.label, "cluster"] for arm in found.points]
        grids = {end: found.shaped([getattr(at, end) for at in levels]).tolist() for end in ("value", "low", "high")}
        columns = len(one.across[2])
        tips = [[divmod(step.first, columns), divmod(step.second, columns)] for step in found.steps if step.tips]
        panels.append({"title": title, "today": today, "tips": tips, **grids})
    return panels


def drawn(one: Map, found: Sequence[Mapping[str, Any]], paths: int) -> None:
    """The map lies in docs/img/."""
    panels = [
        Panel(panel["title"], *(np.array(panel[end]) for end in ("value", "low", "high")),
              tips=tuple((tuple(a), tuple(b)) for a, b in panel["tips"]), today=panel["today"])
        for panel in found
    ]  # fmt: skip
    meta = replace(meta_of(scenario("baseline"), SEED, range(paths)), title="")  # the panels' worlds have their own
    down, across = (Axis(label, values, today) for _, label, values, today in (one.down, one.across))
    regime_map(one.title, panels, down=down, across=across, meta=meta).savefig(
        PICTURES / f"regime_{one.key}.png", dpi=110
    )


# ---- the distance to the edge


def distance(way: Way, name: str, given: Mapping[str, Any], *, key: str, paths: int) -> dict[str, Any]:
    """How far the edge is along the way, and what rents do at each value."""
    found = swept(name, [over(way.key, way.values)], given, key=key, paths=paths, seed=FRESH)
    order = np.argsort(way.values) if way.values[0] > way.values[-1] else np.arange(len(way.values))
    place = np.argsort(order) if way.values[0] > way.values[-1] else order
    arms = [found.points[k] for k in place]
    hits = np.stack([arm.figures["cluster"].reindex(list(found.paths)).to_numpy(dtype=float) for arm in arms])
    whole = hits[:, ~np.isnan(hits).any(axis=0)]
    return {**edges(way.values, whole, luck(FRESH, key)), "falls": [rent_falls(arm.run) for arm in arms]}


def rent_falls(run: Any) -> float:
    """The yearly fall of the rent over the run, median of the paths."""
    rents = run.monthly.pivot(index="month", columns="path", values="rent").to_numpy()
    yearly = np.exp(np.log(rents[-1] / rents[0]) * 12.0 / (len(rents) - 1)) - 1.0
    return float(-np.median(yearly))


def distances(paths: int) -> dict[str, Any]:
    """Every way in every world, and in the called world at both ends of every assumption."""
    found: dict[str, Any] = {"ways": {}, "assumed": {}}
    for number, (world, (name, given)) in enumerate(WORLDS.items()):
        for way in WAYS:
            told = distance(way, name, given, key=f"way-{number}-{way.key}", paths=paths)
            found["ways"].setdefault(world, {})[way.key] = told
    for key, ends in ASSUMED.items():
        for value in ends:
            for way in WAYS:
                if way.key != key:
                    given = {**CALLED, key: value}
                    told = distance(way, "baseline", given, key=f"assumed-{key}-{value:g}-{way.key}", paths=paths)
                    found["assumed"].setdefault(way.key, {})[f"{key} = {value:g}"] = told
    return found


def units() -> dict[str, Any]:
    """What a step of each setting is in units that a person can judge, from the opening balance sheets."""
    base = scenario("baseline").founding
    points = {}
    for value in {*WAYS[0].values}:
        lenders = base.parameters.lenders.model_copy(update={"capital_multiple": value})
        m = ComputeCreditModel(
            base.model_copy(update={"parameters": base.parameters.model_copy(update={"lenders": lenders})})
        )
        lent = m.links.lender.sum(m.facilities.drawn) > 0.0
        points[f"{value:g}"] = 100.0 * float(np.mean(m.lenders.equity_ratio[lent]))
        m.close()
    return {"capital": points, "budget": sum(row.budget for row in base.buyers)}


# ---- the page

HEAD = """# The boundary: where a crisis becomes systemic, and how far today's system is from it

Written by `python docs/build_boundary.py`. A path has a *systemic cluster* where four or more borrowers and lenders
fail within three months; the boundary is where half of the paths have one. The sourced point is `baseline`: terms of
published loans (no calls on machines), today's budgets, racks and lender capital, of which the last three are
assumptions.
"""


def page(numbers: Mapping[str, Any]) -> str:
    """The whole document from the stored numbers."""
    lines = [HEAD, f"{numbers['paths']} paths a point. All points of a map have the same luck; the distances below are "
             "measured on other draws.\n"]  # fmt: skip
    for one in MAPS:
        lines += [f"## {one.title}\n", f"![{one.title}: P(systemic cluster)](img/regime_{one.key}.png)\n"]
        lines += [*map_told(one, numbers["maps"][one.key]), ""]
    lines += ["## The distance to the edge\n", DISTANCES, distance_table(numbers), "", ASSUMPTIONS]
    lines += [assumption_table(numbers), ""]
    return "\n".join(lines)


DISTANCES = """One setting at a time, away from the sourced point, until half of the paths have a cluster; in brackets
95 % of bootstraps over paths. *Not within reach*: not even at the last value that was tried; what P(cluster) is there
stands beside it.
"""
ASSUMPTIONS = """The same edge with market marks and calls at once, at the low and the high end of every assumption that
has no source: how much of the distance is what nobody knows.
"""


def map_told(one: Map, found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What each panel says at the sourced point and at its ends."""
    rows, columns = one.down[2], one.across[2]
    for panel in found:
        chance = np.array(panel["value"])
        at = nearest(rows, one.down[3]), nearest(columns, one.across[3])
        least, most = 100.0 * np.nanmin(chance), 100.0 * np.nanmax(chance)
        tips = f"; {len(panel['tips'])} steps tip" if panel["tips"] else "; no step tips"
        yield (
            f"- *{panel['title']}*: {100.0 * chance[at]:.0f} % of paths at today's settings "
            f"({100.0 * panel['low'][at[0]][at[1]]:.0f} to {100.0 * panel['high'][at[0]][at[1]]:.0f}), "
            f"{least:.0f} to {most:.0f} % over the map{tips}."
        )


def nearest(values: Sequence[float], value: float) -> int:
    """The place of the nearest value."""
    return int(np.argmin(np.abs(np.array(values) - value)))


def distance_table(numbers: Mapping[str, Any]) -> str:
    """A row a world and way."""
    rows = []
    for world, ways in numbers["distances"]["ways"].items():
        for way in WAYS:
            told = ways[way.key]
            rows.append((world, way.words, edge_words(way, told), judged(way, told, numbers)))
    return table(("world", "way", "the edge", "that is"), rows)


def assumption_table(numbers: Mapping[str, Any]) -> str:
    """A row an assumption and its end, a column a way."""
    found = numbers["distances"]["assumed"]
    names = list(dict.fromkeys(name for way in WAYS for name in found.get(way.key, {})))
    rows = []
    for name in names:
        cells = [found.get(way.key, {}).get(name) for way in WAYS]
        rows.append((f"`{name}`", *("–" if told is None else edge_words(way, told)
                                    for way, told in zip(WAYS, cells, strict=True))))  # fmt: skip
    return table(("assumption", *(f"{way.words}: `{way.key}`" for way in WAYS)), rows)


def edge_words(way: Way, told: Mapping[str, Any]) -> str:
    """The edge with its interval, or that there is none within reach."""
    if told["edge"] is None:
        return f"not within reach: {100.0 * told['chance'][-1]:.0f} % at {way.values[-1]:g}"
    if told["edge"] == way.values[0]:
        return f"beyond it already: {100.0 * told['chance'][0]:.0f} %"
    low, high = sorted(way.values[-1] if told[end] is None else told[end] for end in ("low", "high"))
    open_ = " or beyond" if None in (told["low"], told["high"]) else ""
    return f"{told['edge']:.3g} ({low:.3g} to {high:.3g}{open_})"


def judged(way: Way, told: Mapping[str, Any], numbers: Mapping[str, Any]) -> str:
    """The edge in units that a person can judge."""
    at, first = told["edge"], way.values[0]
    if at is None or at == first:
        return "–"
    if way.key == "lenders.capital_multiple":
        points = numbers["units"]["capital"]
        ends = [float(np.interp(x, sorted(map(float, points)), [points[k] for k in sorted(points, key=float)]))
                for x in (first, at)]  # fmt: skip
        return (
            f"{ends[0] - ends[1]:.0f} points of capital to assets less, mean lender ({ends[0]:.0f} to {ends[1]:.0f} %)"
        )
    if way.key == "buyers.budget_multiple":
        whole = numbers["units"]["budget"]
        return f"{100.0 * (1.0 - at):.0f} % less: USD {whole * at:,.0f} m a month instead of {whole:,.0f}"
    falls = [float(np.interp(x, way.values, told["falls"])) for x in (first, at)]
    return f"rents that fall {100.0 * falls[1]:.0f} % a year instead of {100.0 * falls[0]:.0f} % (median path)"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A markdown table."""
    return "\n".join("| " + " | ".join(line) + " |" for line in (head, ["---"] * len(head), *rows))


def main() -> None:
    """Numbers, maps and page lie in docs/."""
    asks = argparse.ArgumentParser(description=__doc__)
    asks.add_argument("--paths", type=int, default=PATHS, help="paths a point")
    asks.add_argument("--render", action="store_true", help="draw and write from the stored numbers, run nothing")
    asked = asks.parse_args()
    if not asked.render:
        maps = {one.key: mapped(one, asked.paths) for one in MAPS}
        found = {"paths": asked.paths, "units": units(), "maps": maps, "distances": distances(asked.paths)}
        DATA.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    numbers = json.loads(DATA.read_text("utf-8"))
    for one in MAPS:
        drawn(one, numbers["maps"][one.key], numbers["paths"])
    PAGE.write_text(page(numbers), "utf-8")


if __name__ == "__main__":
    main()
