"""Do the charts of contagion show what the tables hold: who sold, who failed, through whom, and who lost how much?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import FancyArrowPatch, Rectangle
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox

from nobid.model.contagion import Node
from nobid.runs.charts import cascade as cascades
from nobid.runs.charts import contagion_tree as trees
from nobid.runs.charts.cascade import cascade
from nobid.runs.charts.contagion_tree import Link, contagion_tree, links_into, look_of, spaced, tree_of
from nobid.runs.charts.depth_curve import depth_curve, depths
from nobid.runs.charts.heat_map import SEIZED, folded, heat_map, losses_by_pair
from nobid.runs.charts.network import exposure_network
from nobid.runs.charts.registry import CHARTS
from nobid.runs.charts.rounds import MARKET, chosen, rounds
from nobid.runs.charts.watched import watched
from nobid.runs.charts.waterfall import SHOCKS, by_channel, items, waterfall
from nobid.runs.path_story import TRIFLE, lost_on
from nobid.runs.run import Run
from nobid.runs.simulation import simulate

PATH, MONTH = 41, "2026-10"  # of mispriced, seed 7: a cluster of defaults, round after round
DRAW: dict[str, Callable[..., Figure]] = {
    "depth_curve": depth_curve, "exposure_network": exposure_network, "cascade": cascade,
    "contagion_tree": contagion_tree, "waterfall": waterfall, "heat_map": heat_map,
}  # fmt: skip


@pytest.fixture(scope="module")
def crisis() -> Run:
    return simulate("mispriced", path=PATH, months=16)


@pytest.fixture(scope="module")
def several() -> Run:
    return simulate("mispriced", paths=8, months=16)


@pytest.fixture(scope="module")
def toy() -> Run:
    return simulate("toy", path=0)


@pytest.fixture(scope="module")
def calm() -> Run:
    return simulate("baseline", path=0, months=3)


def rows_of(table: pd.DataFrame) -> list[Any]:
    return [*table.itertuples()]


def panels(figure: Figure) -> list[Axes]:
    return [ax for ax in figure.axes if ax.get_title(loc="left")]


def words(figure: Figure) -> str:
    return " ".join(text.get_text() for ax in figure.axes for text in ax.texts)


def foot(figure: Figure) -> str:
    return figure.get_supxlabel().replace("\n", " ")


def collide(boxes: Iterable[Bbox]) -> bool:
    return any(Bbox.intersection(a, b) is not None for a, b in combinations(boxes, 2))


def bars(ax: Axes) -> list[Rectangle]:
    return [patch for patch in ax.patches if isinstance(patch, Rectangle)]


# Every chart


@pytest.mark.parametrize("name", DRAW)
def test_every_chart_of_contagion_is_in_the_registry(name: str) -> None:
    assert CHARTS[name].draw is DRAW[name]


@pytest.mark.parametrize("name", DRAW)
def test_the_foot_names_scenario_seed_path_and_assumptions(name: str, crisis: Run) -> None:
    told = foot(DRAW[name](crisis))
    assert all(one in told for one in ("Scenario mispriced", "seed 7", f"path {PATH}", "on assumed terms 0.92"))


@pytest.mark.parametrize("name", ["depth_curve", "exposure_network", "cascade"])
def test_a_chart_of_one_month_names_it(name: str, crisis: Run) -> None:
    figure = DRAW[name](crisis, month="2026-12")
    assert "2026-12" in figure.get_suptitle() + " ".join(ax.get_title(loc="left") for ax in figure.axes)


@pytest.mark.parametrize(("name", "sentence"), [
    ("cascade", "at the start nothing happened between agents on this path"),
    ("contagion_tree", "nobody defaulted on this path"),
    ("waterfall", "no borrower defaulted: there is no loss to explain"),
    ("heat_map", "no lender lost anything on anybody on this path"),
])  # fmt: skip
def test_where_nothing_happened_a_sentence_stands_in_place_of_the_plot(name: str, sentence: str, calm: Run) -> None:
    asked = {"month": "start"} if name == "cascade" else {}
    assert sentence in words(DRAW[name](calm, **asked))


@pytest.mark.parametrize("name", DRAW)
@pytest.mark.parametrize("which", ["crisis", "toy", "calm"])
def test_texts_do_not_overlap(name: str, which: str, request: pytest.FixtureRequest) -> None:
    figure = DRAW[name](request.getfixturevalue(which))
    figure.draw_without_rendering()
    for ax in figure.axes:
        shown = [text for text in ax.texts if text.get_text()]
        assert not collide(Text.get_window_extent(text).padded(-0.6) for text in shown)
    parts = [figure._suptitle, figure._supxlabel, *figure.axes]  # type: ignore[attr-defined]
    boxes = [box for part in parts if (box := part.get_tightbbox()) is not None]
    assert not collide(box.padded(-1.5) for box in (boxes if name not in {"heat_map", "cascade"} else boxes[:2]))


def test_flows_and_links_differ_in_more_than_colour() -> None:
    def grey(colour: str) -> float:
        return float(np.dot(to_rgb(colour), (0.2126, 0.7152, 0.0722)))

    for looks in ([(look.colour, look.stroke) for look in cascades.LOOKS.values()],
                  [(colour, stroke) for _, colour, stroke, _ in trees.LINKS]):  # fmt: skip
        for (one, a), (other, b) in combinations(looks, 2):
            assert a != b or abs(grey(one) - grey(other)) > 0.25


def test_one_path_is_simulated_once_for_all_charts(crisis: Run) -> None:
    assert watched(crisis, PATH) is watched(crisis, PATH)
    assert crisis.graph(MONTH, PATH) is watched(crisis, PATH).graphs[10]


# Waterfall


@pytest.mark.parametrize("which", ["crisis", "several", "toy"])
def test_the_items_add_up_to_debt_defaulted_and_to_losses_on_every_path(
    which: str, request: pytest.FixtureRequest
) -> None:
    run: Run = request.getfixturevalue(which)
    found = items(run, run.paths)
    places = [n for n, one in enumerate(found) if one.grounded]
    assert [found[n].words for n in places] == ["Debt defaulted", "Lender losses"]
    total = np.sum([one.values for one in found[: places[0]]], axis=0)
    np.testing.assert_allclose(total, run.outcomes["debt_defaulted"], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(found[places[0]].values + found[-2].values, run.outcomes["lender_losses"], atol=1e-9)


def test_a_default_is_split_by_the_weights_of_its_causes(crisis: Run) -> None:
    contagion = crisis.contagion(PATH)
    owed = {(e.source, e.round, crisis.months_to(e.month) - 1): e.amount for e in rows_of(crisis.events)
            if e.kind == "default"}  # fmt: skip
    lenders = {name for name, kind in crisis.scenario.census.kinds().items() if kind == "lender"}
    expected: dict[str, float] = defaultdict(float)
    for node in contagion.defaults:
        if node.agent not in lenders:
            for (_, channel), weight in contagion.causes[node].items():
                expected[channel] += weight * owed[node.agent, node.when[1], node.month]
    got: dict[str, float] = defaultdict(float)
    for (channel, _), values in by_channel(crisis, [PATH]).items():
        got[channel] += float(values[0])
    assert got == pytest.approx(expected)
    assert sum(got.values()) > 30_000.0


def test_what_no_cause_claims_is_an_item_of_its_own(crisis: Run) -> None:
    whole = items(crisis, [PATH])
    assert "unexplained" not in [one.words for one in whole]
    missing = crisis.causes
    missing = missing[(missing["state"] == "default") & (missing["channel"] == "fire sale")]
    kept = dict(crisis.kept)
    kept["causes"] = [table.filter(pc.invert(pc.and_(pc.equal(table["state"], "default"),
                                                     pc.equal(table["channel"], "fire sale"))))
                      for table in crisis.kept["causes"]]  # fmt: skip
    poorer = Run(crisis.order, outcome=crisis.outcome, status="done", kept=kept)
    bar = next(one for one in items(poorer, [PATH]) if one.words == "unexplained")
    fire = sum(float(one.values[0]) for one in whole if one.words.startswith("fire sales"))
    assert float(bar.values[0]) == pytest.approx(fire)
    assert len(missing)


def test_shocks_are_the_channels_behind_which_nobody_stands(several: Run) -> None:
    causes = several.causes[several.causes["state"] == "default"]
    behind = causes[causes["cause_state"] != ""]
    assert not set(behind["channel"]) & set(SHOCKS)
    assert len(set(causes["channel"]) & set(SHOCKS)) > 2


@pytest.mark.parametrize("which", ["crisis", "several"])
def test_every_bar_starts_where_the_last_one_ended_and_totals_start_at_nought(
    which: str, request: pytest.FixtureRequest
) -> None:
    run: Run = request.getfixturevalue(which)
    (ax,) = waterfall(run).axes
    found = items(run, run.paths)
    drawn = bars(ax)
    assert len(drawn) == len(found)
    for before, bar, one in zip([None, *drawn], drawn, found, strict=False):
        start = 0.0 if one.grounded or before is None else before.get_x() + before.get_width()
        assert bar.get_x() == pytest.approx(start)
        assert bar.get_width() == pytest.approx(one.values.mean() / 1e3)
    assert ax.get_xlabel() == ("USD billion" if which == "crisis" else "USD billion, mean over paths")


def test_only_a_mean_over_paths_has_intervals(crisis: Run, several: Run) -> None:
    def whiskers(run: Run, **asked: int) -> int:
        return sum(line.get_marker() == "|" for line in waterfall(run, **asked).axes[0].lines)

    assert whiskers(crisis) == 0
    assert whiskers(several) == len([one for one in items(several, several.paths) if np.ptp(one.values) > 0.0])
    assert whiskers(several, path=3) == 0


def test_small_items_are_one_item_of_their_group(several: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    least = 0.005 * several.outcomes["debt_defaulted"].mean()
    whole = items(several, several.paths)
    assert all(one.values.mean() >= least for one in whole if one.group == "shock" and "other" not in one.words)
    monkeypatch.setattr("nobid.runs.charts.waterfall.MOST", 2)
    fewer = items(several, several.paths)
    assert [one.words for one in fewer if one.group == "shock"][2:] == ["other shocks"]
    for group in ("shock", "contagion"):
        before, after = (sum(one.values.sum() for one in part if one.group == group) for part in (whole, fewer))
        assert after == pytest.approx(before)


# Heat map


def test_the_cells_add_up_to_all_that_lenders_lost(crisis: Run) -> None:
    seen = watched(crisis, PATH)
    table = losses_by_pair(seen)
    assert table.to_numpy().sum() == pytest.approx(sum(part.sum() for part in seen.story.losses.values()), abs=0.5)
    assert table[SEIZED].sum() == pytest.approx(seen.story.losses["seized"].sum(), abs=0.2)


def test_a_cell_is_what_the_lender_lost_on_the_debtor(crisis: Run) -> None:
    story, table = watched(crisis, PATH).story, losses_by_pair(watched(crisis, PATH))
    for debtor in table.columns.drop(SEIZED):
        held = {name: amount for name, amount in table[debtor].items() if abs(amount) > TRIFLE}
        assert held == pytest.approx(lost_on(story, debtor))


def test_rows_and_columns_fall_in_size_and_none_is_empty(crisis: Run) -> None:
    table = losses_by_pair(watched(crisis, PATH))
    for sums in (table.sum(axis=1), table.drop(columns=SEIZED).sum(axis=0)):
        assert list(sums) == sorted(sums, reverse=True)
    assert (table.abs() > TRIFLE).any(axis=0).all()
    assert (table.abs() > TRIFLE).any(axis=1).all()


def test_the_smaller_ones_are_folded_and_the_sum_stays(crisis: Run) -> None:
    table = losses_by_pair(watched(crisis, PATH))
    small = folded(table, most=4)
    assert small.shape == (5, 6)
    assert small.index[-1] == f"{len(table) - 4} others"
    assert small.to_numpy().sum() == pytest.approx(table.to_numpy().sum())
    assert SEIZED in small.columns


def test_every_cell_with_a_loss_carries_its_figure_and_sums_stand_at_both_margins(crisis: Run) -> None:
    figure = heat_map(crisis)
    cells, above, right = figure.axes
    table = folded(losses_by_pair(watched(crisis, PATH)))
    assert len(cells.texts) == int((table.abs() > TRIFLE).to_numpy().sum())
    assert [bar.get_height() for bar in bars(above)] == pytest.approx(list(table.sum(axis=0)))
    assert [bar.get_width() for bar in bars(right)] == pytest.approx(list(table.sum(axis=1)))
    assert "USD million" in above.get_title(loc="left")


def test_the_palette_darkens_steadily_in_grey(crisis: Run) -> None:
    image = next(one for one in heat_map(crisis).axes[0].get_children() if isinstance(one, AxesImage))
    grey = image.cmap(np.linspace(0.0, 1.0, 64))[:, :3] @ np.array([0.2126, 0.7152, 0.0722])
    assert np.all(np.diff(grey) < 0.0)


# Depth curve


def test_the_depth_curve_is_that_of_the_collateral_report(crisis: Run) -> None:
    table = crisis.depth(MONTH, PATH)
    table = table[table["reading"] == "alone"]
    for one in depths(crisis, PATH, MONTH):
        reported = table[table["generation"] == one.name].set_index("share")
        for share in (0.1, 0.5, 1.0):
            place = int(np.argmin(np.abs(one.units - share * one.fleet)))
            assert one.units[place] == pytest.approx(share * one.fleet)
            assert one.alone[0][place] == pytest.approx(reported["price"][share])
            assert one.alone[1][place] == pytest.approx(reported["sold"][share])
        row = reported.iloc[0]
        levels = {"book": row["book"], "mark": row["mark"], "value in use": row["value"]}
        assert {name: one.levels[name] for name in levels} == pytest.approx(levels)


def test_a_panel_a_generation_marks_the_fleet_and_where_bids_end(crisis: Run) -> None:
    found = sorted(depths(crisis, PATH, MONTH), key=lambda one: -one.fleet * one.levels["book"])[:4]
    shown = panels(depth_curve(crisis))
    assert [ax.get_title(loc="left").split(":")[0] for ax in shown] == [one.name for one in found]
    for ax, one in zip(shown, found, strict=True):
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("thousand machines sold together", "USD thousand per unit")
        ends = [np.asarray(line.get_xdata(), dtype=float) for line in ax.lines]
        (fleet,) = [x[0] for x in ends if len(x) == 2 and x[0] == x[1]]
        assert fleet == pytest.approx(one.fleet / 1e3)
        curve = np.asarray(ax.lines[0].get_xydata(), dtype=float)
        assert curve[-1, 0] == pytest.approx(one.alone[1].max() / 1e3)
        assert np.all(np.diff(curve[:, 1]) <= 1e-9)
        hatched = [patch for patch in bars(ax) if patch.get_hatch()]
        assert bool(hatched) == bool(one.alone[1].max() < one.fleet * (1 - 1e-9))
        for patch in hatched:
            assert patch.get_x() == pytest.approx(one.alone[1].max() / 1e3)
            assert patch.get_x() + patch.get_width() == pytest.approx(one.fleet / 1e3)


# Tree


def test_the_links_into_a_default_are_its_parents(crisis: Run) -> None:
    contagion = crisis.contagion(PATH)
    for default in contagion.defaults:
        found = {link.cause: link.share for link in links_into(contagion, default)}
        assert found == pytest.approx(dict(contagion.parents(default)))
        assert sum(found.values()) == pytest.approx(1.0)


def test_every_default_stands_once_in_a_row_of_its_own_by_date(crisis: Run) -> None:
    contagion = crisis.contagion(PATH)
    tree = tree_of(contagion)
    nodes = {node: place for node, place in tree.at.items() if not node.is_root}
    assert set(nodes) == set(contagion.defaults)
    assert len(nodes) == len(crisis.events[crisis.events["kind"] == "default"])
    assert sorted(y for _, y in nodes.values()) == list(range(len(nodes)))
    assert all((a.when[:2] < b.when[:2]) == (nodes[a][0] < nodes[b][0]) for a in nodes for b in nodes)
    assert all(x == 0.0 for node, (x, _) in tree.at.items() if node.is_root)


def test_every_default_hangs_on_the_one_that_brought_about_most_of_it(crisis: Run) -> None:
    contagion = crisis.contagion(PATH)
    first: dict[Node, Link] = {}
    for link in tree_of(contagion).links:
        first.setdefault(link.effect, link)
    for parent, default, data in contagion.tree().edges(data=True):
        assert first[default].share == pytest.approx(data["weight"])
        assert contagion.parents(default)[first[default].cause] == pytest.approx(contagion.parents(default)[parent])


def test_a_link_is_a_line_as_wide_as_its_share_and_the_main_ones_are_told(crisis: Run) -> None:
    tree = tree_of(crisis.contagion(PATH))
    (ax,) = contagion_tree(crisis).axes
    curves = [line for line in ax.lines if len(np.asarray(line.get_xdata())) == 30]
    assert len(curves) == len(tree.links)
    assert sorted(line.get_linewidth() for line in curves) == pytest.approx(
        sorted(trees.THINNEST + (trees.WIDEST - trees.THINNEST) * link.share for link in tree.links)
    )
    main = {
        default.agent: max(crisis.contagion(PATH).parents(default).values()) for default in tree.at if default.state
    }
    named = [text.get_text() for text in ax.texts if text.get_text().endswith("%")]
    assert sorted(named) == sorted(f"{agent} · {100.0 * share:.0f} %" for agent, share in main.items())
    legend = ax.get_legend()
    assert legend is not None
    assert {look_of(link)[0] for link in tree.links} <= {text.get_text() for text in legend.get_texts()}


def test_of_many_defaults_those_of_most_consequence_are_drawn_and_the_rest_counted(
    crisis: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trees, "MOST", 4)
    tree = tree_of(crisis.contagion(PATH))
    kept = {node.agent for node in tree.at if not node.is_root}
    assert len(kept) == 4
    assert "CoreWeave" in kept
    assert all(link.cause in tree.at and link.effect in tree.at for link in tree.links)
    rest = len(crisis.contagion(PATH).defaults) - 4
    assert f"{rest} more defaults, of the least consequence, are not drawn" in foot(contagion_tree(crisis))


@given(st.lists(st.floats(0.0, 10.0), max_size=12), st.floats(0.01, 2.0))
def test_names_pushed_apart_keep_their_order_and_their_distance(wanted: list[float], least: float) -> None:
    found = spaced(sorted(wanted), least)
    assert len(found) == len(wanted)
    assert all(b - a >= least - 1e-9 for a, b in pairwise(found))
    assert all(place >= 0.0 for place in found)


# Cascade


def test_a_panel_a_round_with_events_and_in_it_who_fails(crisis: Run) -> None:
    events = crisis.events[crisis.events["month"] == MONTH]
    failed = events[events["kind"] == "default"].groupby("round")["source"].apply(set).to_dict()
    shown = {one.number: one for one in rounds(watched(crisis, PATH), crisis.months_to(MONTH) - 1)}
    assert set(failed) <= set(shown) <= set(events["round"])
    assert {number: set(one.failed) for number, one in shown.items() if one.failed} == failed
    titles = [ax.get_title(loc="left") for ax in panels(cascade(crisis))]
    assert titles == ["As the month opens" if number == 0 else f"Round {number}" for number in sorted(shown)]


def test_the_arrows_of_a_round_are_the_pairs_between_which_something_flowed(crisis: Run) -> None:
    events = crisis.events[(crisis.events["month"] == MONTH) & (crisis.events["amount"] > TRIFLE)]
    shown = rounds(watched(crisis, PATH), crisis.months_to(MONTH) - 1)
    for one in shown:
        now = events[events["round"] == one.number]
        calls = now[now["kind"].isin(["margin call", "line called", "accelerated", "liquidated"])]
        calls = calls[calls["target"] != ""]
        breached = now[now["kind"] == "covenant breach"]
        pairs = {*zip(calls["source"], calls["target"], strict=True),
                 *zip(breached["target"], breached["source"], strict=True)}  # fmt: skip
        assert {(a.source, a.target) for a in one.arrows if a.family == "call"} == pairs
        bought = set(now.loc[now["kind"] == "bought", "source"])
        assert {a.target for a in one.arrows if a.family == "sale" and a.source == MARKET} == bought
    for ax, one in zip(panels(cascade(crisis)), shown, strict=True):
        drawn = [patch for patch in ax.patches if isinstance(patch, FancyArrowPatch)]
        assert sorted(str(patch.get_gid()) for patch in drawn) == sorted(arrow.family for arrow in one.arrows)


def test_claims_on_the_failed_are_what_they_owed_as_the_month_opened(crisis: Run) -> None:
    seen, at = watched(crisis, PATH), crisis.months_to(MONTH) - 1
    last = next(one for one in rounds(seen, at) if "CoreWeave" in one.failed)
    claims = {arrow.target: arrow.amount for arrow in last.arrows if arrow[:2] == ("claim", "CoreWeave")}
    owed: dict[str, float] = defaultdict(float)
    for holder, debtor, data in crisis.graph("2026-09", PATH).edges(data=True):
        if debtor == "CoreWeave" and data["kind"] not in ("hosting", "offtake"):
            owed[holder] += data["amount"]
    assert claims == pytest.approx({name: amount for name, amount in owed.items() if amount > TRIFLE})
    assert len(claims) > 8


def test_every_agent_stands_in_the_same_place_in_all_rounds(crisis: Run) -> None:
    def places(ax: Axes) -> set[tuple[float, float]]:
        small = [c for c in ax.collections if isinstance(c, PathCollection) and float(c.get_sizes()[0]) == 13.0]
        return {(round(float(x), 9), round(float(y), 9)) for c in small for x, y in np.asarray(c.get_offsets())}

    shown = panels(cascade(crisis))
    everybody = len(crisis.graph("start", PATH))
    assert len(shown) > 4
    assert all(places(ax) == places(shown[0]) for ax in shown)
    assert len(places(shown[0])) == everybody


def test_names_beside_a_column_have_room_between_them(crisis: Run) -> None:
    figure = cascade(crisis)
    figure.draw_without_rendering()
    for ax in panels(figure):
        names = [text for text in ax.texts if isinstance(text, Annotation)]
        assert not collide(Text.get_window_extent(name).padded(0.5) for name in names)


def test_who_fails_is_named_in_bold_and_in_the_text_of_the_round(crisis: Run) -> None:
    shown = rounds(watched(crisis, PATH), crisis.months_to(MONTH) - 1)
    for ax, one in zip(panels(cascade(crisis)), shown, strict=True):
        bold = {
            text.get_text() for text in ax.texts if isinstance(text, Annotation) and text.get_fontweight() == "bold"
        }
        assert bold == set(one.failed)
        text = " ".join(ax.get_xlabel().split())
        assert all(name in text for name in one.failed)
        assert text


def test_of_many_rounds_the_eventful_are_drawn_and_the_others_named(
    crisis: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nobid.runs.charts.rounds.MOST", 3)
    every = rounds(watched(crisis, PATH), crisis.months_to(MONTH) - 1)
    kept = chosen(every)
    assert [one.number for one in kept] == sorted(one.number for one in every if one.failed)[:3]
    left = ", ".join(str(one.number) for one in every if one not in kept)
    assert f"not drawn, with fewer events: rounds {left}" in foot(cascade(crisis))


# Network


def test_the_network_is_shown_before_in_and_after_the_worst_month(crisis: Run) -> None:
    shown = panels(exposure_network(crisis))
    failed = [sum(not data["alive"] for _, data in crisis.graph(month, PATH).nodes(data=True))
              for month in ("start", MONTH, "2027-04")]  # fmt: skip
    assert [ax.get_title(loc="left") for ax in shown] == [
        f"{head}:\n{count or 'none'} of 56 agents in default"
        for head, count in zip(("Start", f"{MONTH}, worst month", "2027-04, end of the run"), failed, strict=True)
    ]
    assert failed[0] < failed[1] < failed[2]


def test_where_the_worst_month_is_the_last_there_are_two_states(toy: Run) -> None:
    assert len(panels(exposure_network(toy))) == 2


def test_a_table_of_causes_may_lie_in_several_pieces(several: Run) -> None:
    whole = by_channel(several, several.paths)
    kept = dict(several.kept)
    causes = pa.concat_tables(several.kept["causes"])
    kept["causes"] = [causes[first : first + 7] for first in range(0, len(causes), 7)]
    parted = by_channel(Run(several.order, outcome=several.outcome, status="done", kept=kept), several.paths)
    assert set(parted) == set(whole)
    for way, values in whole.items():
        np.testing.assert_allclose(parted[way], values, rtol=1e-12)
