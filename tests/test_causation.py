"""Do many paths say together what they say one by one: who is systemic, what defaults go back to, how sure that is?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from nobid.model.cause_record import Cause
from nobid.model.contagion import Contagion
from nobid.runs import open_run, simulate
from nobid.runs.causation import Causation, causation, contagion_of
from nobid.runs.errors import InputError
from nobid.runs.estimate import Estimate, mean_over_paths, ratio_over_paths
from nobid.runs.path_causes import PathCauses, largest_cluster, path_causes
from nobid.runs.run import Run

KINDS = {"A": "miner", "B": "neocloud", "C": "neocloud", "L": "lender"}


def cause(effect: str, month: int, of: str, *, weight: float, channel: str, state: str = "default") -> Cause:
    """A default of `effect`; `of` is a root where it is written small."""
    return Cause(0, month, 1, 2, effect, "default", of, state if of[0].isupper() else "", channel, "", weight, 1.0)


@pytest.fixture
def told() -> PathCauses:
    """A by rents; B for 0.6 by losses on A; the buyer X, outside, by the news of A; C half by B's sales, half by X."""
    contagion = Contagion(
        [
            cause("A", 0, "rents", weight=1.0, channel="rents"),
            cause("B", 4, "A", weight=0.6, channel="loss"),
            cause("B", 4, "rents", weight=0.4, channel="rents"),
            cause("X", 4, "A", weight=1.0, channel="default news"),
            cause("C", 5, "B", weight=0.5, channel="fire sale"),
            cause("C", 5, "X", weight=0.5, channel="lost contract"),
        ],
        outside=frozenset("X"),
    )
    return path_causes(0, contagion)


def over(*paths: PathCauses, left_out: tuple[int, ...] = ()) -> Causation:
    """These paths together."""
    return Causation("hand", "2026-01", KINDS, paths, left_out)


@pytest.fixture(scope="module")
def crisis(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Three paths of a crisis, eight months, in a folder."""
    return simulate("everything", paths=3, months=8, out=tmp_path_factory.mktemp("crisis") / "run", figures=False)


def test_a_share_that_passes_through_a_buyer_is_followed_to_the_default_behind_it(told: PathCauses) -> None:
    assert told.defaults == 3
    assert told.caused == pytest.approx(0.6 + 0.5 + 0.5)
    assert told.spread == pytest.approx({("A", "loss"): 0.6, ("B", "fire sale"): 0.5, ("A", "default news"): 0.5})


def test_no_more_than_the_whole_default_passes_through_an_agent() -> None:
    def step(effect: str, state: str, month: int, *, of: str, of_state: str) -> Cause:
        return Cause(0, month, 1, 0, effect, state, of, of_state, "fire sale", "", 1.0, 1.0)

    twice_through_a = [
        step("A", "forced sale", 0, of="rents", of_state=""),
        step("L", "below target", 1, of="A", of_state="forced sale"),
        step("A", "forced sale", 2, of="L", of_state="below target"),
        step("B", "default", 3, of="A", of_state="forced sale"),
    ]
    found = path_causes(0, Contagion(twice_through_a))
    assert found.spread == pytest.approx({("A", "fire sale"): 1.0, ("L", "fire sale"): 1.0})


def test_r_of_a_quarter_counts_the_later_defaults_of_those_who_failed_in_it(told: PathCauses) -> None:
    assert told.reproduction() == pytest.approx({0: 1.1, 1: 0.25})


def test_depth_counts_the_defaults_between_a_default_and_its_roots(told: PathCauses) -> None:
    assert told.depth == pytest.approx([0.0, 0.6, 1.3])


def test_roots_and_last_steps_sum_to_all_defaults(told: PathCauses) -> None:
    assert told.roots == pytest.approx({"rents": 3.0})
    assert told.channels == pytest.approx({"rents": 1.4, "loss": 0.6, "fire sale": 0.5, "lost contract": 0.5})


def test_a_path_without_defaults_counts_as_nought(told: PathCauses) -> None:
    both = over(told, PathCauses(1))
    assert both.spread.set_index("agent")["expected"].to_dict() == pytest.approx({"A": 0.55, "B": 0.25})
    assert list(both.spread["paths_share"]) == [0.5, 0.5]
    assert both.r.value == pytest.approx(1.6 / 3.0)
    assert both.worst_quarter.to_dict() == pytest.approx({0: 1.1, 1: 0.0})


def test_the_main_channel_is_the_one_with_the_largest_share(told: PathCauses) -> None:
    row = over(told).spread.iloc[0]
    assert (row["agent"], row["channel"]) == ("A", "loss")
    assert row["channel_share"] == pytest.approx(0.6 / 1.1)


def test_shares_over_all_defaults_sum_to_one(told: PathCauses) -> None:
    both = over(told, PathCauses(1))
    assert sum(both.channels.values()) == pytest.approx(1.0)
    assert sum(both.roots.values()) == pytest.approx(1.0)
    assert both.depth["defaults"].tolist() == [1, 1, 1, 0, 0]
    assert both.unexplained == 0.0


def test_a_cluster_is_the_most_defaults_in_three_months_on_end() -> None:
    assert largest_cluster([]) == 0
    assert largest_cluster([5, 0, 2, 3, 9]) == 2
    assert largest_cluster([0, 2, 1]) == 3


def test_outcomes_have_two_humps_where_little_lies_between_none_and_a_cluster() -> None:
    def clusters(*sizes: int) -> Causation:
        return over(*(PathCauses(number, cluster=size) for number, size in enumerate(sizes)))

    assert clusters(0, 1, 6, 6, 2).two_humped
    assert not clusters(0, 2, 2, 6).two_humped
    assert not clusters(0).two_humped
    assert clusters(0, 0, 2, 6).cluster_share == 0.25


def test_few_paths_have_a_t_interval_that_is_only_indicative() -> None:
    values = np.array([0.0, 0.0, 3.0, 4.0, 0.0, 5.0])
    ends = ttest_1samp(values, 0.0).confidence_interval(0.95)
    found = mean_over_paths(values)
    assert (found.low, found.high) == pytest.approx((ends.low, ends.high))
    assert found.indicative
    assert mean_over_paths(values, least=0.0).low == 0.0


def test_a_bootstrap_interval_is_the_same_twice_and_leaves_no_possible_range() -> None:
    values = np.repeat([0.0, 0.0, 5.0], 30)
    found = mean_over_paths(values)
    assert (found.method, found) == ("bca", mean_over_paths(values))
    assert 0.0 <= found.low < values.mean() < found.high <= 5.0


def test_the_mean_of_very_many_paths_has_a_t_interval_again() -> None:
    values = np.repeat([0.0, 0.0, 5.0], 1000)
    ends = ttest_1samp(values, 0.0).confidence_interval(0.95)
    found = mean_over_paths(values)
    assert found.method == "many"
    assert (found.low, found.high) == pytest.approx((ends.low, ends.high))


def test_a_ratio_is_drawn_together_so_that_an_exact_ratio_has_no_spread() -> None:
    bottom = np.arange(60.0)
    found = ratio_over_paths(0.4 * bottom, bottom)
    assert found.high - found.low == pytest.approx(0.0)
    assert ratio_over_paths(0.0 * bottom, 0.0 * bottom).value == 0.0


def test_one_path_has_no_interval_and_a_text_without_one() -> None:
    found = mean_over_paths(np.array([2.0]))
    assert np.isnan(found.low)
    assert found.text() == "2.00"
    assert found.as_dict()["low"] is None


def test_a_rounded_nought_has_no_sign() -> None:
    assert Estimate(-0.001, -0.004, 0.2, 60, "bca").text() == "0.00 (0.00 – 0.20)"


def test_a_stored_run_says_the_same_as_a_run_in_memory(crisis: Run) -> None:
    memory = simulate("everything", paths=3, months=8, figures=False)
    stored = causation(open_run(crisis.out or Path()))
    assert stored.paths == causation(memory).paths
    assert stored.defaults > 0
    assert contagion_of(memory, 1).spread() == contagion_of(crisis, 1).spread()


def test_a_path_that_did_not_finish_is_left_out_and_named(crisis: Run) -> None:
    run = Run(replace(crisis.order), out=crisis.out)
    run.outcomes.loc[run.outcomes["path"] == 1, "failure"] = "it stopped"
    found = causation(run)
    assert found.left_out == (1,)
    assert [one.path for one in found.paths] == [0, 2]


def test_a_path_that_the_run_has_not_is_refused(crisis: Run) -> None:
    with pytest.raises(InputError, match=r"path = 9: is not a path of this run, which has 3 paths, 0 to 2\."):
        contagion_of(crisis, 9)


def test_every_default_in_the_events_stands_in_the_causes(crisis: Run) -> None:
    events = crisis.events[crisis.events["kind"] == "default"]
    causes = crisis.causes[crisis.causes["state"] == "default"]
    told = {(row.path, row.month, row.effect) for row in causes.itertuples()}
    assert {(row.path, row.month, row.source) for row in events.itertuples()} == told
