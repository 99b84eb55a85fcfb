"""Does every mechanism have a switch that removes it, and it alone?

The model runs with everything on and once more with each mechanism off, on the same luck. Off, the mechanism never
acts, whatever acted on every path still acts somewhere, and until the month in which it first acted a path is the same
path to the bit: all columns of all agents, edges, markets and books, and all figures of the month.
"""

from __future__ import annotations

import ast
import functools
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import nobid.model
from nobid.model.founding import Founding
from nobid.model.system import ComputeCreditModel
from nobid.runs.scenarios import scenario
from nobid.runs.switches import FOLLOWS, SWITCHES, Switch
from tests.worlds import changed

MONTHS, PATHS = 12, (0, 1, 2)
ELSEWHERE = ("baseline", "crypto-winter", "mispriced")  # where it may act, if not in the world that lost a mechanism
BY_POLICY = {  # the world "policies": "everything", old machines, tight covenants, and what only a policy brings
    "hardware__retire_months": 60, "debt__dscr_floor": 1.15, "hosting__relet_months": 3,
    "debt__standstill": True, "debt__standstill_trigger": 0.001, "lenders__large_exposure": 0.25,
    "lenders__raised_equity": 0.2, "backstop__floor": 0.3, "backstop__budget": 500.0,
    "backstop__repo_capacity": 200.0, "backstop__retrofit_mw": 50.0, "backstop__buyback_price": 0.3,
    "backstop__buyback_budget": 100.0,
}  # fmt: skip


class Watched(ComputeCreditModel):
    """A model that remembers on which path each mechanism first acted, and all columns of every month."""

    def __init__(self, founding: Founding) -> None:
        self.first: dict[tuple[str, int], int] = {}
        self.months: list[dict[tuple[str, str], NDArray[np.float64]]] = []
        super().__init__(founding, paths=PATHS)

    def fires(self, mechanism: str, where: Any) -> None:
        """Counts, and remembers the month on every path concerned."""
        super().fires(mechanism, where)
        acted = np.broadcast_to(where > 0.0, (*np.shape(where)[:-1], len(self.world.path)))
        for path in self.world.path[acted.reshape(-1, acted.shape[-1]).any(axis=0)]:
            self.first.setdefault((mechanism, int(path)), self.month)

    def step(self) -> None:
        """One month, whose columns are kept."""
        super().step()
        self.months.append({key: column.copy() for key, column in self.columns.arrays.items()})

    def begun(self, names: tuple[str, ...], path: int) -> int:
        """The first month in which one of the mechanisms acted on the path, or the number of months."""
        return min(self.first.get((name, path), MONTHS) for name in names)


def founding_of(name: str) -> Founding:
    """A shipped scenario, or "everything" with what policies bring."""
    return changed(scenario("everything").founding, **BY_POLICY) if name == "policies" else scenario(name).founding


def ran(founding: Founding) -> Watched:
    """The model after all months; no path may stop."""
    model = Watched(founding)
    for _ in range(MONTHS):
        model.step()
    assert not model.failures
    return model


@functools.cache
def with_all_on(name: str) -> Watched:
    return ran(founding_of(name))


def with_off(one: Switch, name: str) -> Watched:
    return ran(changed(founding_of(name), **{one.key: one.off}))


def named_in(source: str) -> Iterator[str]:
    """The mechanisms that a piece of source counts."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "fires":
            name = node.args[0]
            assert isinstance(name, ast.Constant)
            yield str(name.value)


def test_every_mechanism_that_the_model_counts_has_a_switch_or_follows_from_others() -> None:
    (folder,) = nobid.model.__path__
    counted = {name for file in Path(folder).glob("*.py") for name in named_in(file.read_text("utf-8"))}
    switched = {name for one in SWITCHES for name in one.fires}
    assert counted == (switched | set(FOLLOWS) | {name for one in SWITCHES for name in one.begins})
    assert not switched & set(FOLLOWS)


def test_every_switch_of_the_parameters_stands_in_the_table() -> None:
    keys = {key for key, value in leaves(scenario("baseline").parameters.model_dump()) if value is True}
    luck_and_place = {"regime.stochastic", "population.pinned"}
    assert keys - luck_and_place <= {one.key for one in SWITCHES}


def leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def differing(on: Watched, off: Watched, one: Switch, place: int, months: int) -> Iterator[str]:
    """The columns that differ on the path at this place in these months."""
    for with_, without in zip(on.months[:months], off.months[:months], strict=True):
        for key, column in with_.items():
            at = place if column.shape[-1] == len(PATHS) else 0
            same = np.array_equal(column[..., at], without[key][..., at], equal_nan=True)
            if key[1] not in one.shows and not same:
                yield ".".join(key)


def other_figures(on: Watched, off: Watched, one: Switch, place: int, months: int) -> Iterator[str]:
    """The figures of the month that differ on the path at this place in these months."""
    for name, values in on.record.monthly.items():
        pair = values[:months, place], off.record.monthly[name][:months, place]
        if name not in one.shows and not np.array_equal(*pair, equal_nan=True):
            yield name


def names_of(one: Switch) -> str:
    return one.key


def others_lost(on: Watched, off: Watched, one: Switch) -> set[str]:
    """What acted on every path with all on, and acts nowhere any more."""
    still = {name for name, _ in on.first if all((name, path) in on.first for path in PATHS)}
    lost = {name for name in still if not off.fired.get(name, 0)} - {*one.fires, *one.takes}
    for name in ELSEWHERE if lost else ():
        lost -= {mechanism for mechanism, count in with_off(one, name).fired.items() if count}
    return lost


@pytest.mark.parametrize("one", SWITCHES, ids=names_of)
def test_a_switch_removes_its_mechanism_and_it_alone(one: Switch) -> None:
    on, off = with_all_on(one.seen_in), with_off(one, one.seen_in)
    assert any(on.fired.get(name, 0) > 0 for name in one.fires), "the switch had nothing to switch off"
    assert {name: off.fired.get(name, 0) for name in one.fires} == dict.fromkeys(one.fires, 0)
    assert others_lost(on, off, one) == set()
    begun = [0 if one.from_start else on.begun(one.fires + one.begins, path) for path in PATHS]
    found = Counter(
        name
        for place, first in enumerate(begun)
        for name in (*differing(on, off, one, place, first), *other_figures(on, off, one, place, first))
    )
    assert not found, f"{one.key} differs before months {begun}: {found.most_common(5)}"
