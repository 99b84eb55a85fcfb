"""Does the replay show what happened: everybody in place, every event in its round, the same sums as the tables?"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import networkx as nx
import numpy as np
import pytest

from nobid.runs.replays.data import (
    AUCTION,
    FAILED,
    FAMILIES,
    FINE,
    SHORT,
    flows_by_round,
    frames,
    page_data,
    quantised,
    series,
)
from nobid.runs.replays.facts import Overheard, Seen, seen_on
from nobid.runs.replays.film import states
from nobid.runs.replays.layout import layout
from nobid.runs.replays.text import SENTENCES
from nobid.runs.run import Run
from nobid.runs.simulation import simulate

DEFAULT, SALE = FAMILIES.index("default"), FAMILIES.index("sale")
PATH = 41  # of mispriced, seed 7: a cluster of defaults in 2026-10, round after round


@pytest.fixture(scope="module")
def toy() -> Run:
    return simulate("toy", path=0)


@pytest.fixture(scope="module")
def crash() -> Run:
    return simulate("mispriced", path=PATH, months=16)


@pytest.fixture(scope="module")
def seen(crash: Run) -> Seen:
    return seen_on(crash, PATH)


# ---- what is seen


def test_listening_changes_nothing_that_happens(crash: Run, seen: Seen) -> None:
    told = crash.events
    assert len(told) == len(seen.story.events)
    for row, event in zip(told.itertuples(), seen.story.events, strict=True):
        assert (row.round, row.kind, row.source, row.amount) == (event.round, event.kind, event.source, event.amount)


def test_whoever_listens_hears_the_arguments_before_they_act() -> None:
    heard: list[Any] = []

    class Purse:
        held = 0

        def puts(self, amount: int) -> int:
            self.held += amount
            return self.held

    purse = Purse()
    overheard = Overheard(purse, puts=lambda amount: heard.append((amount, purse.held)))
    assert (overheard.puts(3), overheard.puts(amount=4), overheard.held) == (3, 7, 7)
    assert heard == [(3, 0), (4, 3)]


def test_exposures_are_those_of_each_month_end(crash: Run, seen: Seen) -> None:
    assert len(seen.graphs) == 17
    for month, label in ((0, "start"), (10, "2026-10")):
        expected = crash.graph(label)
        assert sorted(map(str, seen.graphs[month].edges(data=True))) == sorted(map(str, expected.edges(data=True)))
        assert dict(seen.graphs[month].nodes(data=True)) == dict(expected.nodes(data=True))


def test_what_was_sold_in_a_round_is_what_was_bought_in_it(seen: Seen) -> None:
    bought: Counter[Any] = Counter()
    for event in seen.story.events:
        if event.kind == "bought":
            bought[event.month, event.round, event.channel] += event.amount
    sold: Counter[Any] = Counter()
    for when, sales in seen.sales.items():
        for one in sales:
            sold[*when, one.generation] += one.units
    assert len(sold) > 20
    assert sold == pytest.approx(bought)


def test_machines_are_seized_only_from_whom_failed_in_that_round(seen: Seen) -> None:
    taken = {(*when, one.borrower) for when, seizures in seen.seizures.items() for one in seizures}
    failed = {(one.month, one.round, one.source) for one in seen.story.events if one.kind == "default"}
    assert {name for *_, name in taken} == {"Fluidstack", "Valor VCI", "Crusoe", "CoreWeave", "Lambda"}
    assert taken <= failed


def test_losses_by_month_are_those_of_the_monthly_table(crash: Run, seen: Seen) -> None:
    assert seen.losses == pytest.approx(crash.monthly["lender_losses"].tolist())


# ---- frames


def test_the_toy_is_told_in_the_rounds_worked_out_by_hand(toy: Run) -> None:
    found = list(frames(seen_on(toy, 0)))
    assert [one.when for one in found] == [
        (-1, 0),
        (0, 0),
        (1, 0),
        (1, 1),
        (1, 2),
        *((2, round_) for round_ in range(5)),
    ]
    names = list(seen_on(toy, 0).story.names)
    last = found[-1]
    assert last.changes == [names.index("Cloud Two"), FAILED]
    assert [DEFAULT, names.index("Cloud Two"), -1, 9.94] in last.flows
    assert last.texts[0].startswith("Cloud Two defaults on USD 9.9 m: interest and principal beyond income")
    assert "Rents lost with failed tenants: Miner Three loses USD 0.1 m a month with Cloud Two." in last.texts


def test_every_event_of_the_path_lights_up_in_its_month_and_round(crash: Run, seen: Seen) -> None:
    started = crash.scenario.parameters.start
    table = Counter(zip(crash.events["month"], crash.events["round"], crash.events["kind"], strict=True))
    flows = flows_by_round(seen)
    shown: Counter[Any] = Counter()
    for (month, round_), rows in flows.items():
        label = f"{int(started[:4]) + month // 12}-{month % 12 + 1:02d}"
        shown.update((label, round_, flow.kind) for flow in rows if flow.kind not in {"sold", "seized"})
    assert shown == table
    lit = {one.when for one in frames(seen) if one.flows}
    assert lit == set(flows)


def test_defaults_and_debt_agree_with_the_monthly_table(crash: Run, seen: Seen) -> None:
    by_month: Counter[int] = Counter()
    debt: Counter[int] = Counter()
    borrowers = set(seen.story.borrowers)
    for (month, _), rows in flows_by_round(seen).items():
        for flow in rows:
            if flow.kind == "default":
                by_month[month] += 1
                debt[month] += flow.amount if flow.source in borrowers else 0.0
    table = crash.monthly
    counted = sum(table[f"defaults_{kind}"] for kind in ("miner", "neocloud", "lender", "buyer"))
    assert sum(by_month.values()) > 5
    assert [by_month[month] for month in range(len(table))] == counted.tolist()
    assert [debt[month] for month in range(len(table))] == pytest.approx(table["debt_defaulted"].tolist())


def test_who_failed_stays_failed_and_who_is_short_recovers_with_the_month(seen: Seen) -> None:
    data = replay_of(seen)
    last = len(data["arms"][0]["frames"]) - 1
    names = [agent["name"] for agent in data["agents"]]
    end = dict(zip(names, states(data, last), strict=True))
    assert {name for name, state in end.items() if state == FAILED} == {
        one.source for one in seen.story.events if one.kind == "default"
    }
    assert [int(alive == 0.0) for _, alive in seen.graphs[-1].nodes(data="alive")] == [
        int(s == FAILED) for s in end.values()
    ]
    rounds = [(frame[0], frame[1]) for frame in data["arms"][0]["frames"]]
    called = dict(zip(names, states(data, rounds.index((9, 1))), strict=True))
    assert called["Nebius"] == SHORT  # JPMorgan calls USD 481 m from it in that round
    changes = {state for frame in data["arms"][0]["frames"] for state in frame[2][1::2]}
    assert changes == {FINE, SHORT, FAILED}


def replay_of(seen: Seen) -> dict[str, Any]:
    about = {"title": "By hand", "question": "", "where": "", "foot": ""}
    return json.loads(json.dumps(page_data({"one": seen}, ["H100", "B200"], about)))


def test_marks_open_fall_in_the_round_of_an_auction_and_close_as_the_table_says(crash: Run, seen: Seen) -> None:
    arm = replay_of(seen)["arms"][0]
    whens = [(frame[0], frame[1]) for frame in arm["frames"]]
    h100 = [marks[0] for marks in arm["marks"]]
    for month, mark in enumerate(crash.monthly["mark_H100"]):
        last = max(place for place, when in enumerate(whens) if when[0] == month)
        assert h100[last] == pytest.approx(mark, rel=5e-3)
    round_2, round_3 = whens.index((9, 2)), whens.index((9, 3))
    assert h100[round_2 - 1] > h100[round_2] > h100[round_3]
    assert h100[round_3] == 780


def test_sellers_and_buyers_meet_in_the_auction(seen: Seen) -> None:
    data = replay_of(seen)
    frame = next(one for one in data["arms"][0]["frames"] if one[:2] == [9, 3])
    names = [agent["name"] for agent in data["agents"]]
    sales = [flow for flow in frame[3] if flow[0] == SALE]
    assert {names[flow[1]] for flow in sales if flow[2] == AUCTION} == {"CoreWeave", "Crusoe", "Fluidstack"}
    bought = {one.source for one in seen.story.events if (one.month, one.round, one.kind) == (9, 3, "bought")}
    assert {names[flow[2]] for flow in sales if flow[1] == AUCTION} == bought
    assert len(bought) > 5


def test_every_kind_of_event_that_a_default_run_has_has_words_of_its_own(crash: Run) -> None:
    kinds = set(zip(crash.events["kind"], crash.events["channel"], strict=True))
    assert {pair for pair in kinds if pair[0] not in {"default", "bought"}} <= set(SENTENCES)


def test_a_default_says_how_much_why_and_who_stood_behind_it(seen: Seen) -> None:
    texts = [text for one in frames(seen) if one.when == (9, 7) for text in one.texts]
    assert texts[0].startswith("CoreWeave defaults on USD 31.0 bn: margin calls on pledged machines (USD 16.9 bn, 98 %")
    assert "behind that: lower rents" in texts[0]
    assert texts[1].startswith("MUFG fails, owing its funders USD 41.7 bn: losses on loans")
    assert any(text.startswith("Machines of CoreWeave seized: MUFG 440,159") for text in texts)


# ---- small numbers, places


@pytest.mark.parametrize(
    ("value", "told"), [(0.04, 0), (-0.04, 0), (1.2345, 1.23), (1234.5, 1230), (31_004.9, 31_000), (-7.0, -7)]
)
def test_a_figure_has_three_digits(value: float, told: float) -> None:
    assert quantised(value) == told
    assert isinstance(quantised(value), int) == (told == int(told))


def test_a_series_leaves_out_what_only_repeats() -> None:
    assert series([5.0, 5.0, 5.0]) == 5
    assert series([5.0, 4.0, 0.0, 0.0, 0.0]) == [5, 4, 0]
    assert series([0.0, 0.0, 1.0]) == [0, 0, 1]


def crowd(borrowers: int, lenders: int, buyers: int) -> nx.MultiDiGraph[str]:
    graph: nx.MultiDiGraph[str] = nx.MultiDiGraph()
    for kind, many in (("miner", borrowers // 2), ("neocloud", borrowers // 2), ("lender", lenders), ("buyer", buyers)):
        for number in range(many):
            graph.add_node(f"{kind} {number}", kind=kind, alive=True, debt=50.0 * number)
    for number in range(borrowers // 2):
        graph.add_edge(f"lender {number % lenders}", f"miner {number}", kind="abl", amount=50.0 * number)
    return graph


@pytest.mark.parametrize(("borrowers", "lenders", "buyers"), [(22, 21, 12), (200, 60, 40), (2, 1, 1)])
def test_every_agent_has_a_place_of_its_own_on_the_page(borrowers: int, lenders: int, buyers: int) -> None:
    found = layout([crowd(borrowers, lenders, buyers)])
    places = np.array(list(found.at.values()))
    assert len(found.at) == borrowers + lenders + buyers
    assert places.min() >= 0.0
    assert places.max() <= 1.0
    gaps = np.abs(places[:, None] - places[None, :]) * (1.0, found.rows)
    apart = (gaps[:, :, 0] > 0.02) | (gaps[:, :, 1] > 0.9)
    assert apart[~np.eye(len(places), dtype=bool)].all()
    columns = [
        {round(x, 3) for name, (x, _) in found.at.items() if name.split()[0] in kinds}
        for kinds in (("miner", "neocloud"), ("lender",), ("buyer",))
    ]
    assert max(columns[0]) < min(columns[1])
    assert max(columns[1]) < min(columns[2])
