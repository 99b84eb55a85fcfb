"""What does the contagion graph of one path say, on causes written by hand?"""

from __future__ import annotations

from typing import Any

import pytest

from nobid.model.cause_record import Cause
from nobid.model.contagion import Contagion, Node, by_agent


def cause(effect: str, of: str, weight: float, when: tuple[int, int, int], **more: Any) -> Cause:
    """A share of a default; a root where no state of the cause is given."""
    plain = {"state": "default", "cause_state": "", "channel": "loss", "via": "", "amount": 0.0, **more}
    month, round_, moment = when
    return Cause(0, month, round_, moment, effect, plain["state"], of, plain["cause_state"], plain["channel"],
                 plain["via"], weight, plain["amount"])  # fmt: skip


STORY = [
    cause("A", "rents", 1.0, (0, 1, 2), channel="rents"),
    cause("L", "A", 1.0, (0, 1, 3), state="below target", cause_state="default"),
    cause("B", "L", 0.6, (1, 1, 2), cause_state="below target", channel="refused roll"),
    cause("B", "coin", 0.4, (1, 1, 2), channel="coin"),
    cause("C", "B", 0.5, (4, 1, 2), cause_state="default", channel="lost tenant"),
    cause("C", "A", 0.25, (4, 1, 2), cause_state="default"),
    cause("C", "rents", 0.25, (4, 1, 2), channel="rents"),
]  # fmt: skip


@pytest.fixture
def story() -> Contagion:
    """A fails by rents; its lender L refuses B; C loses its tenant B and lends to A."""
    return Contagion(STORY)


def named(shares: Any) -> dict[str, float]:
    """Shares by the agent's or root's name."""
    return {node.agent: share for node, share in shares.items()}


def test_between_defaults_other_states_only_pass_causes_on(story: Contagion) -> None:
    a, b, c = story.defaults
    assert named(story.parents(a)) == {"rents": 1.0}
    assert named(story.parents(b)) == {"A": 0.6, "coin": 0.4}
    assert named(story.parents(c)) == {"B": 0.5, "A": 0.25, "rents": 0.25}


def test_every_default_goes_back_to_roots(story: Contagion) -> None:
    _, b, c = story.defaults
    roots = story.roots()
    assert roots[b] == {"rents": 0.6, "coin": 0.4}
    assert roots[c] == pytest.approx({"rents": 0.25 + 0.25 + 0.5 * 0.6, "coin": 0.5 * 0.4})


def test_spread_counts_the_defaults_of_others_that_passed_through_an_agent(story: Contagion) -> None:
    ways = {("A", "loss"): 0.6 + 0.25, ("L", "refused roll"): 0.6, ("B", "lost tenant"): 0.5}
    assert story.spread() == pytest.approx(ways)
    assert by_agent({**ways, ("A", "coin sale"): 1.0}) == pytest.approx({"A": 1.85, "L": 0.6, "B": 0.5})


def test_depth_is_the_mean_number_of_defaults_before(story: Contagion) -> None:
    assert named(story.depth()) == pytest.approx({"A": 0.0, "B": 0.6, "C": 0.5 * 1.6 + 0.25})


def test_the_defaults_of_a_period_bring_about_later_ones(story: Contagion) -> None:
    assert story.offspring() == pytest.approx({0: 0.6 + 0.25, 1: 0.5})
    assert story.offspring(3) == pytest.approx({0: 0.6 + 0.25 + 0.5})


def test_channels_sum_to_all_defaults(story: Contagion) -> None:
    whole = {"rents": 1.25, "refused roll": 0.6, "coin": 0.4, "lost tenant": 0.5, "loss": 0.25}
    assert story.channels() == pytest.approx(whole)


def test_the_tree_hangs_every_default_on_its_largest_parent(story: Contagion) -> None:
    edges = {(parent.agent, child.agent) for parent, child in story.tree().edges}
    assert edges == {("rents", "A"), ("A", "B"), ("B", "C")}


def test_an_agent_is_no_cause_of_its_own_spread() -> None:
    rows = [
        cause("A", "rents", 1.0, (0, 1, 0), state="forced sale", channel="rents"),
        cause("A", "A", 0.5, (0, 4, 2), cause_state="forced sale", channel="fire sale"),
        cause("A", "rents", 0.5, (0, 4, 2), channel="rents"),
    ]
    contagion = Contagion(rows)
    assert contagion.spread() == {}
    assert named(contagion.parents(contagion.defaults[0])) == {"rents": 1.0}


def test_what_comes_back_to_an_agent_through_another_is_no_spread_of_its_own() -> None:
    rows = [
        cause("A", "rents", 1.0, (0, 1, 0), state="forced sale", channel="rents"),
        cause("B", "A", 1.0, (0, 2, 0), state="forced sale", cause_state="forced sale", channel="fire sale"),
        cause("A", "B", 1.0, (0, 4, 2), cause_state="forced sale", channel="fire sale"),
    ]
    assert Contagion(rows).spread() == {("B", "fire sale"): 1.0}


def test_an_agent_that_comes_twice_on_one_way_is_counted_once() -> None:
    rows = [
        cause("B", "rents", 1.0, (0, 1, 0), state="forced sale", channel="rents"),
        cause("B", "B", 1.0, (1, 1, 0), state="forced sale", cause_state="forced sale", channel="fire sale"),
        cause("A", "B", 0.6, (1, 4, 2), cause_state="forced sale", channel="fire sale"),
        cause("A", "coin", 0.4, (1, 4, 2), channel="coin"),
    ]
    assert Contagion(rows).spread() == {("B", "fire sale"): 0.6}


def test_a_state_is_the_last_one_before_its_effect() -> None:
    rows = [
        cause("L", "rents", 1.0, (0, 1, 3), state="below target"),
        cause("L", "coin", 1.0, (5, 1, 3), state="below target"),
        cause("B", "L", 1.0, (3, 1, 2), cause_state="below target"),
        cause("C", "L", 1.0, (5, 1, 2), cause_state="below target"),
        cause("D", "L", 1.0, (5, 2, 2), cause_state="below target"),
    ]
    contagion = Contagion(rows)
    assert {d.agent: named(contagion.parents(d)) for d in contagion.defaults} == {
        "B": {"rents": 1.0}, "C": {"rents": 1.0}, "D": {"coin": 1.0}
    }  # fmt: skip


def test_the_graph_has_roots_outside_and_a_weight_and_channel_on_every_edge(story: Contagion) -> None:
    graph = story.graph({0: "2026-01", 1: "2026-02", 4: "2026-05"})
    assert graph.nodes["rents"]["state"] == "root"
    edge = graph.edges["L: below target in 2026-01", "B: default in 2026-02"]
    assert (edge["weight"], edge["channel"], edge["month"], edge["round"]) == (0.6, "refused roll", 1, 1)
    into = {node: sum(d["weight"] for _, _, d in graph.in_edges(node, data=True)) for node in graph}
    assert {total for node, total in into.items() if graph.nodes[node]["state"] != "root"} == {1.0}


def test_nodes_are_ordered_by_time() -> None:
    assert Node((-1, 0, 0), "rents") < Node((0, 1, 2), "A", "default") < Node((0, 2, 0), "A", "forced sale")
