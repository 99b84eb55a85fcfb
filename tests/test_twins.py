"""Is a twin the same world but for one thing, and is what it says paired, unclipped and true?"""

from __future__ import annotations

import numpy as np
import pytest

from nobid.model.founding import Founding
from nobid.model.parameters import Parameters
from nobid.runs import simulate
from nobid.runs.causation import Causation
from nobid.runs.errors import InputError
from nobid.runs.fork import timetable
from nobid.runs.path_causes import PathCauses
from nobid.runs.run import Run
from nobid.runs.scenarios import Scenario
from nobid.runs.twin_world import CHANNELS, World, itself, safe, switched, twin, without
from nobid.runs.twins import Twins, twins
from tests.test_causes import chain

KINDS = {"A": "neocloud", "B": "neocloud", "L": "lender"}


def run_of(founding: Founding, months: int) -> Run:
    """The founding as a run of one path."""
    shorter = founding.parameters.model_copy(update={"months": months})
    whole = founding.model_copy(update={"parameters": shorter})
    return simulate(Scenario("hand", "by hand", "", whole, {}, (), ""), figures=False)


@pytest.fixture(scope="module")
def hand() -> Run:
    """A sells, B is called, its lender L loses and refuses C."""
    return run_of(chain(), 2)


@pytest.fixture(scope="module")
def crisis() -> Run:
    """Three paths of a crisis, eight months."""
    return simulate("everything", paths=3, months=8, figures=False)


def told(name: str, when: dict[tuple[int, str], int], losses: tuple[float, ...] = (0.0, 0.0)) -> World:
    """Two paths on which these agents failed."""
    paths = range(len(losses))
    borrowers = np.array(
        [sum(path == p and KINDS.get(a) == "neocloud" for p, a in when) for path in paths], dtype=float
    )
    lenders = np.array([sum(path == p and KINDS.get(a) == "lender" for p, a in when) for path in paths], dtype=float)
    return World(name, tuple(paths), borrowers, lenders, np.array(losses), when, frozenset())


def beside(base: World, off: World, **safe_worlds: World) -> Twins:
    """The worlds by hand."""
    found = Causation("hand", "2026-01", KINDS, (PathCauses(0, born={0: 2}, offspring={0: 1.0}), PathCauses(1)), ())
    return Twins("hand", base, off, {}, safe_worlds, found, frozenset("X"))


def test_a_twin_without_a_change_is_the_run_itself(crisis: Run) -> None:
    base, same = itself(crisis), twin(crisis, "same", lambda parameters: parameters)
    assert base.when == same.when
    for name in ("borrowers", "lenders", "losses"):
        np.testing.assert_array_equal(getattr(base, name), getattr(same, name))
    assert base.defaults.sum() > 0


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_channel_off_changes_its_own_switches_and_nothing_else(channel: str) -> None:
    before, after = Parameters().model_dump(), without(channel)(Parameters()).model_dump()
    moved = {
        f"{section}.{key}" for section, rules in before.items() if isinstance(rules, dict)
        for key, value in rules.items() if after[section][key] != value
    }  # fmt: skip
    assert moved == set(CHANNELS[channel])


def test_an_agent_made_safe_joins_those_that_were() -> None:
    assert safe("B")(Parameters(safe=("A",))).safe == ("A", "B")


def test_every_stage_of_a_fork_is_switched(crisis: Run) -> None:
    fork = crisis.fork("2026-04", {"coin.impact": 0.1}, path=0)
    founding, later = timetable(switched(fork.scenario, without("default news")))
    assert [one.parameters.funding.feedback_on for one in (founding, *later.values())] == [False, False]
    assert all(one.parameters.funding.feedback_on for one in (fork.scenario.founding,))


def test_the_chain_by_hand_breaks_where_a_channel_is_off(hand: Run) -> None:
    assert {agent for _, agent in itself(hand).when} >= {"A", "B", "C"}
    assert {agent for _, agent in twin(hand, "", without("fire sale")).when} == {"A"}
    assert "C" not in {agent for _, agent in twin(hand, "", without("loss")).when}
    assert "C" not in {agent for _, agent in twin(hand, "", without("tightening")).when}
    assert {agent for _, agent in twin(hand, "", safe("B")).when} == {"A"}


def test_both_r_of_the_chain_by_hand(hand: Run) -> None:
    found = twins(hand, spreaders=["B"])
    whole = len([agent for _, agent in found.base.when if agent not in found.outside])
    assert found.r_but_for.value == pytest.approx(1.0 - 1.0 / whole)
    assert found.r_attributed.value == pytest.approx(sum(hand.contagion().offspring().values()) / whole)
    assert "Not to come at all without contagion: 2, 0 of them lenders'" in found.paragraph()


def test_an_agents_own_default_is_no_default_of_others() -> None:
    base = told("base", {(0, "A"): 1, (0, "B"): 2, (0, "L"): 2})
    safe_a = told("A safe", {(0, "L"): 3})
    found = beside(base, safe_a, A=safe_a)
    with_, without_ = found.paired(safe_a, "defaults", agent="A")
    assert (with_.tolist(), without_.tolist()) == ([2.0, 0.0], [1.0, 0.0])
    assert found.paired(safe_a, "lenders", agent="A")[0].tolist() == [1.0, 0.0]


def test_a_switch_that_makes_more_fail_is_told_and_not_clipped() -> None:
    base = told("base", {(0, "A"): 1, (1, "A"): 1})
    off = told("off", {(0, "A"): 1, (0, "B"): 2, (1, "A"): 1, (1, "B"): 2})
    found = beside(base, off)
    assert found.r_but_for.value == pytest.approx(-1.0)
    rows = found.table[found.table["figure"] == "defaults"]
    assert rows["more_with"].tolist() == [-1.0]
    assert found.worse_without == ["all channels off"]
    assert "more fail than with it on" in str(found)


def test_months_brought_forward_are_those_of_agents_that_fail_in_both_worlds() -> None:
    base = told("base", {(0, "A"): 3, (0, "B"): 5, (1, "A"): 4, (1, "X"): 0})
    off = told("off", {(0, "A"): 9, (1, "A"): 4, (1, "L"): 7})
    found = beside(base, off).brought
    assert (found.months.value, found.sooner, found.same, found.later) == (3.0, 1, 1, 0)
    assert (found.only_with, found.only_without) == (1, 1)


def test_a_path_that_stopped_in_one_world_is_left_out_of_both() -> None:
    base = told("base", {(0, "A"): 1, (1, "A"): 1})
    off = World("off", (0, 1), np.zeros(2), np.zeros(2), np.zeros(2), {}, frozenset({1}))
    with_, without_ = beside(base, off).paired(off, "defaults")
    assert (with_.tolist(), without_.tolist()) == ([1.0], [0.0])
    assert "Left out, because a world did not finish: path 1." in str(beside(base, off))


def test_a_notebook_sees_the_twins_as_tables(hand: Run) -> None:
    assert hand.twins(spreaders=1)._repr_html_().count("<table>") == 2


def test_an_unknown_spreader_is_refused_with_the_nearest_name(crisis: Run) -> None:
    with pytest.raises(InputError, match="did you mean CoreWeave"):
        twins(crisis, spreaders=["Coreweave"])


def test_the_listener_hears_every_path_month_of_every_twin(hand: Run) -> None:
    heard = []
    twins(hand, spreaders=0, channels=False, progress=heard.append)
    assert [one.done for one in heard] == [1, 2]
    assert heard[-1].total == 2
