"""Is the edge where half of the paths have a cluster, and does docs/boundary.md say what its numbers say?"""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from nobid.runs.charts.regime_map import Axis, Panel, regime_map
from nobid.runs.charts.style import FigureMeta
from nobid.runs.sweep_edge import edge, edges

DOCS = Path(__file__).resolve().parent.parent / "docs"
META = FigureMeta("baseline", "", 7, (0, 1, 2), 0.9)


@pytest.fixture(scope="module")
def builder() -> ModuleType:
    told = importlib.util.spec_from_file_location("build_boundary", DOCS / "build_boundary.py")
    assert told is not None
    assert told.loader is not None
    module = importlib.util.module_from_spec(told)
    import sys

    sys.modules["build_boundary"] = module
    told.loader.exec_module(module)
    return module


def hits(chances: list[float], paths: int = 100) -> Any:
    """The first paths have a cluster, as many as the chance says."""
    return np.array([[float(path < round(chance * paths)) for path in range(paths)] for chance in chances])


def test_the_edge_lies_on_the_straight_line_between_two_values() -> None:
    assert edge((1.0, 0.5, 0.25), np.array([0.0, 0.4, 0.8])) == pytest.approx(0.5 - 0.25 * 0.25)
    assert edge((0.78, 1.5), np.array([0.25, 0.75])) == pytest.approx(1.14)


def test_a_dip_by_luck_is_no_second_edge() -> None:
    """0.3, 0.6, 0.5 and 0.7 rise to 0.3, 0.55, 0.55 and 0.7: one edge, four fifths on the way to the second value."""
    assert edge((0.0, 1.0, 2.0, 3.0), np.array([0.3, 0.6, 0.5, 0.7])) == pytest.approx(0.8)


def test_without_a_crossing_there_is_no_edge_and_where_half_have_a_cluster_already_it_is_here() -> None:
    assert np.isnan(edge((1.0, 0.5), np.array([0.1, 0.4])))
    assert edge((1.0, 0.5), np.array([0.6, 0.9])) == 1.0


def test_the_edge_is_as_sure_as_its_paths_are_many() -> None:
    few, many = (edges((1.0, 0.5, 0.1), hits([0.1, 0.4, 0.9], paths), seed=3) for paths in (20, 2000))
    assert few["edge"] == many["edge"] == pytest.approx(0.5 - 0.4 * 0.2)
    assert few["low"] <= many["low"] <= many["edge"] <= many["high"] <= few["high"]
    assert many["high"] - many["low"] < 0.1 * 0.5
    assert edges((1.0, 0.5), hits([0.1, 0.5]), seed=3)["low"] is None, "half of the bootstraps find none"
    assert edges((0.78, 1.5), hits([0.1, 0.5]), seed=3)["high"] is None, "and on a way up as well"
    assert edges((1.0, 0.5), hits([0.0, 0.1]), seed=3)["edge"] is None


def test_the_map_has_a_panel_a_world_the_sourced_point_and_the_boundary() -> None:
    down, across = Axis("capital", (0.1, 1.0), 1.0), Axis("budget", (0.5, 1.0), 0.75)
    chance = np.array([[0.9, 0.6], [0.2, 0.0]])
    panels = [
        Panel("sourced", chance, chance - 0.15, chance + 0.15, tips=(((0, 0), (1, 0)),)),
        Panel("called", chance, chance - 0.05, chance + 0.05, today=False),
    ]
    figure = regime_map("Capital and budget", panels, down=down, across=across, meta=META)
    first, second = figure.axes[0], figure.axes[1]
    assert [ax.get_title(loc="left") or ax.get_title() for ax in (first, second)] == ["sourced", "called"]
    circle = first.lines[-1]
    assert (circle.get_xdata()[0], circle.get_ydata()[0]) == (0.5, 1.0)  # type: ignore[index]
    assert len(first.lines) == 2, "a tipping step and the circle"
    assert not second.lines
    assert len(first.patches) == 1, "one point whose interval holds one half"
    assert not second.patches
    assert {text.get_text() for text in first.texts} == {"90", "60", "20", "0"}


def stored(builder: ModuleType) -> dict[str, Any]:
    """Numbers in the form of docs/data/boundary.json, by hand."""
    told = {"edge": 0.25, "low": None, "high": 0.5, "chance": [0.0, 0.6], "paths": 9, "falls": [0.24, 0.3]}
    way = {one.key: {**told, "falls": [0.2, 0.25, 0.3, 0.35, 0.4]} for one in builder.WAYS}
    way["supply.growth"] = {**way["supply.growth"], "edge": 1.05, "low": 0.9, "high": 1.2}
    way["buyers.budget_multiple"] = {**told, "edge": None, "chance": [0.0, 0.07]}
    maps = {}
    for one in builder.MAPS:
        grid = np.linspace(0.0, 0.9, len(one.down[2]) * len(one.across[2])).reshape(len(one.down[2]), -1)
        panels = [
            {"title": name, "today": today, "tips": [], "value": grid.tolist(), "low": grid.tolist(),
             "high": grid.tolist()}
            for name, (_, _, today) in one.worlds.items()
        ]  # fmt: skip
        maps[one.key] = panels
    capital = {"1": 40.0, "0.5": 20.0, "0.25": 10.0, "0.1": 4.0, "0.05": 2.0}
    ways = dict.fromkeys(builder.WORLDS, way)
    return {"paths": 9, "units": {"capital": capital, "budget": 250.0}, "maps": maps,
            "distances": {"ways": ways, "assumed": {"supply.growth": {"x = 1": way["supply.growth"]}}}}  # fmt: skip


def test_the_page_tells_the_distance_in_units_that_a_person_can_judge(builder: ModuleType) -> None:
    page = builder.page(stored(builder))
    assert "| sourced terms | less lender capital | 0.25 (0.05 to 0.5 or beyond) |" in page
    assert "30 points of capital to assets less, mean lender (40 to 10 %)" in page
    assert "not within reach: 7 % at 0.02" in page
    assert "rents that fall 30 % a year instead of 20 % (median path)" in page
    assert "| `x = 1` | – | – | 1.05 (0.9 to 1.2) |" in page
    for one in builder.MAPS:
        assert f"img/regime_{one.key}.png" in page


def test_every_swept_value_is_allowed_and_today_is_among_them_or_between(builder: ModuleType) -> None:
    for one in builder.MAPS:
        for key, _, values, today in (one.down, one.across):
            assert builder.over(key, values).startswith(f"{key}=")
            assert min(values) <= today <= max(values)
    for way in builder.WAYS:
        steps = np.diff(way.values)
        assert (steps > 0).all() or (steps < 0).all()
        section, name = way.key.split(".")
        assert getattr(getattr(builder.scenario("baseline").parameters, section), name) == way.values[0]


def test_the_page_is_that_of_its_numbers(builder: ModuleType) -> None:
    if not builder.DATA.exists():
        pytest.skip("docs/data/boundary.json has not been built yet: python docs/build_boundary.py")
    numbers = json.loads(builder.DATA.read_text("utf-8"))
    assert builder.PAGE.read_text("utf-8") == builder.page(numbers), "stale: python docs/build_boundary.py --render"
    assert all((DOCS / name).exists() for name in re.findall(r"\((img/[^)]+)\)", builder.page(numbers)))
