"""Can one read from the network who owes whom, and who is in default?"""

from __future__ import annotations

from itertools import combinations, pairwise

import networkx as nx
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox

from nobid.runs.charts.network import COLUMNS, DRAWN, kind_of, networks, placement, size_of
from nobid.runs.charts.style import FigureMeta

META = FigureMeta("toy", "A hand-sized world", 7, (0,), 0.62)


def beside(start: nx.MultiDiGraph[str], worst: nx.MultiDiGraph[str]) -> Figure:
    return networks({"start": start, "2027-03, worst month": worst}, META)


def pair(amount: float = 300.0, *, alive: bool = True) -> nx.MultiDiGraph[str]:
    graph: nx.MultiDiGraph[str] = nx.MultiDiGraph()
    graph.add_node("IREN", kind="miner", alive=alive, debt=amount)
    graph.add_node("Bank", kind="lender", alive=True, debt=0.0)
    graph.add_edge("Bank", "IREN", kind="abl", amount=amount)
    return graph


def crowd(*, failing: float = 0.0, borrowers: int = 34, backwards: bool = False) -> nx.MultiDiGraph[str]:
    rng = np.random.default_rng(3)
    nodes = [(f"B{i:02d}", "miner" if i % 2 else "neocloud") for i in range(borrowers)]
    nodes += [(f"A private lender {i}", "lender") for i in range(16)] + [(f"Buyer {i}", "buyer") for i in range(12)]
    edges = [(f"A private lender {rng.integers(16)}", f"B{i:02d}", str(kind), float(rng.gamma(0.5, 900)))
             for i in range(borrowers) for kind in rng.choice(["abl", "note", "btc_loan"], 3)]  # fmt: skip
    edges += [(f"B{i:02d}", f"Buyer {rng.integers(12)}", "offtake", 400.0) for i in range(0, borrowers, 2)]
    edges += [("B01", "B02", "hosting", 90.0), ("A private lender 1", "A private lender 2", "warehouse", 700.0)]
    failed = {name for name, _ in nodes if rng.random() < failing}
    graph: nx.MultiDiGraph[str] = nx.MultiDiGraph()
    for name, kind in reversed(nodes) if backwards else nodes:
        debt = sum(amount for _, debtor, _, amount in edges if debtor == name)
        graph.add_node(name, kind=kind, alive=name not in failed, debt=debt)
    for creditor, debtor, kind, amount in reversed(edges) if backwards else edges:
        graph.add_edge(creditor, debtor, kind=kind, amount=amount)
    return graph


def labels(ax: Axes) -> dict[str, Annotation]:
    return {text.get_text(): text for text in ax.texts if isinstance(text, Annotation)}


def widths(ax: Axes) -> list[float]:
    drawn = [np.atleast_1d(c.get_linewidth()) for c in ax.collections if isinstance(c, LineCollection)]
    return [float(width) for width in np.concatenate(drawn)]


def test_every_agent_stands_in_the_same_place_in_both_pictures() -> None:
    figure = beside(crowd(), crowd(failing=0.3))
    before, after = labels(figure.axes[0]), labels(figure.axes[1])
    assert len(before) > 40
    assert {name: text.xy for name, text in before.items()} == {name: text.xy for name, text in after.items()}


def test_three_states_are_three_panels_with_every_agent_in_the_same_place() -> None:
    after = crowd(failing=0.5)
    after.remove_edges_from([*after.edges(keys=True)][::2])
    states = {"start": crowd(), "2027-03": crowd(failing=0.2), "2030-12, end of the run": after}
    panels = networks(states, META).axes[:3]
    assert [ax.get_title(loc="left").split(":")[0] for ax in panels] == ["Start", "2027-03", "2030-12, end of the run"]
    shared = set.intersection(*(set(labels(ax)) for ax in panels))
    assert len(shared) > 40
    for name in shared:
        assert len({labels(ax)[name].xy for ax in panels}) == 1


def test_of_many_the_largest_are_drawn_and_those_in_default_whatever_their_size() -> None:
    graph = crowd(borrowers=2 * DRAWN + 20)
    kinds = [name for name in graph if graph.nodes[name]["kind"] == "miner"]
    smallest = min(kinds, key=lambda name: float(graph.nodes[name]["debt"]))
    assert smallest not in placement(graph, most=DRAWN).at
    graph.nodes[smallest]["alive"] = False
    place = placement(graph, most=DRAWN)
    assert smallest in place.at
    assert len([name for name in kinds if name in place.at]) == DRAWN
    assert f"{DRAWN} at most" in beside(graph, graph).get_supxlabel().replace("\n", " ")


def test_the_order_in_which_agents_were_added_moves_nobody() -> None:
    assert placement(crowd()).at == placement(crowd(backwards=True)).at


def test_borrowers_stand_left_lenders_in_the_middle_buyers_right() -> None:
    graph = crowd()
    assert all(x == COLUMNS[str(graph.nodes[name]["kind"])] for name, (x, _) in placement(graph).at.items())


@pytest.mark.parametrize("borrowers", [4, 34, 70])
def test_nodes_of_a_column_do_not_overlap(borrowers: int) -> None:
    graph = crowd(borrowers=borrowers)
    place = placement(graph)
    for column in set(COLUMNS.values()):
        here = sorted((y, place.radius_per_root * np.sqrt(size_of(graph, name)))
                      for name, (x, y) in place.at.items() if x == column)  # fmt: skip
        assert all(a + ra <= b - rb + 1e-9 for (a, ra), (b, rb) in pairwise(here))


@pytest.mark.parametrize("giant", [0.0, 1e7], ids=["alike", "beside a giant"])
@pytest.mark.parametrize("borrowers", [4, 34, 70])
def test_labels_do_not_overlap(borrowers: int, giant: float) -> None:
    graph = crowd(borrowers=borrowers)
    graph.nodes["B00"]["debt"] += giant
    figure = beside(graph, crowd(borrowers=borrowers, failing=0.4))
    figure.draw_without_rendering()
    for ax in figure.axes[:2]:
        boxes = [text.get_window_extent().padded(-0.5) for text in ax.texts]
        assert not [1 for a, b in combinations(boxes, 2) if Bbox.intersection(a, b) is not None]


def test_an_agent_in_default_is_crossed_out_hatched_and_counted() -> None:
    figure = beside(pair(), pair(alive=False))
    nodes = [c for c in figure.axes[1].collections if isinstance(c, PathCollection)]
    assert [str(c.get_label()) for c in nodes] == ["miner in default", "in default", "lender"]
    assert nodes[0].get_hatch()
    assert [ax.get_title(loc="left") for ax in figure.axes[:2]] == [
        "Start:\nnone of 2 agents in default",
        "2027-03, worst month:\n1 of 2 agents in default",
    ]
    assert labels(figure.axes[1])["IREN"].get_fontweight() == "bold"


def test_who_defaults_is_named_even_among_the_smallest() -> None:
    graph = crowd(borrowers=70)
    smallest = min((n for n in graph if graph.nodes[n]["kind"] == "miner"), key=lambda n: float(graph.nodes[n]["debt"]))
    assert smallest not in placement(graph).labelled
    graph.nodes[smallest]["alive"] = False
    assert smallest in placement(graph).labelled


def test_the_largest_of_a_kind_are_named() -> None:
    graph = crowd(borrowers=70)
    named = placement(graph).labelled
    debts = {name: float(graph.nodes[name]["debt"]) for name in graph if graph.nodes[name]["kind"] == "miner"}
    assert min(debts[n] for n in debts if n in named) > max(debts[n] for n in debts if n not in named)


def test_parallel_loans_are_one_line_as_wide_as_their_sum() -> None:
    once, twice = pair(400.0), pair(200.0)
    twice.add_edge("Bank", "IREN", kind="project", amount=200.0)
    one, other = (widths(ax) for ax in beside(once, twice).axes[:2])
    assert one == other


def test_a_larger_exposure_is_a_wider_line() -> None:
    wide, thin = (widths(ax) for ax in beside(pair(400.0), pair(40.0)).axes[:2])
    assert len(wide) == len(thin) == 1
    assert wide[0] > 2 * thin[0]


def test_kinds_of_exposure_differ_in_stroke() -> None:
    ax = beside(crowd(), crowd()).axes[0]
    lines = [c for c in ax.collections if isinstance(c, LineCollection)]
    assert len(lines) == 5
    assert len({str(c.get_linestyle()[0]) for c in lines}) == 5


def test_an_agent_without_exposures_is_left_out_and_counted() -> None:
    graph = pair()
    graph.add_node("Alone", kind="buyer", alive=True, debt=0.0)
    assert "Alone" not in placement(graph).at
    foot = beside(graph, pair()).get_supxlabel().replace("\n", " ")
    assert "1 agents without exposures are not drawn" in foot


def test_an_empty_network_says_so() -> None:
    graph: nx.MultiDiGraph[str] = nx.MultiDiGraph()
    graph.add_node("IREN", kind="miner", alive=True, debt=0.0)
    figure = beside(graph, graph)
    assert "no exposures in this run" in [text.get_text() for text in figure.axes[0].texts]


def test_finer_kinds_fall_into_the_four() -> None:
    assert [kind_of({"kind": kind}) for kind in ("bank", "hyperscaler", "miner")] == ["lender", "buyer", "miner"]


def test_the_ticker_is_the_label_and_a_long_name_is_cut() -> None:
    graph = pair()
    graph.nodes["IREN"]["ticker"] = "IRN"
    graph = nx.relabel_nodes(graph, {"Bank": "A very long name of a lender"})
    assert set(labels(beside(graph, graph).axes[0])) == {"IRN", "A very long name…"}
