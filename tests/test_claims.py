"""Are the sixteen claims declared whole and unchanged, and does every rule say supported only where it may?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError
from scipy.stats import t

from nobid.runs.errors import InputError
from nobid.runs.essay.benches import Bench, wanted
from nobid.runs.essay.declaration import CLAIMS, FOLDER, Claim, Criterion, chosen, declared, read, rules_hash
from nobid.runs.essay.facts import FACTS, coin_arithmetic, figures_line, miner_leverage
from nobid.runs.essay.measures import MEASURES, STATISTICS, statistic_of
from nobid.runs.essay.rules import decided, estimated, together
from nobid.runs.essay.trial import all_wants, judged
from nobid.runs.essay.turning import crossings, told
from nobid.runs.estimate import Estimate
from nobid.runs.ratios import wilson
from nobid.runs.twin_world import CHANNELS

Array = NDArray[np.float64]

# Moves only with a rule: then say in the changelog which, and why.
RULES_HASH = "b95a253a257f81272d69c8f354b5a0f7b07177999019351b1647c4e2076920db"


def criterion(**changes: Any) -> Criterion:
    """A test of a difference of means that is supported above nought."""
    plain = {"what": "it", "rule": "difference", "measure": "defaults", "arms": ["a", "b"], "bound": 0.0}
    return Criterion.model_validate({**plain, **changes})


def rows(*values: list[float]) -> Array:
    """A sample: a row a figure, a column a path."""
    return np.array(values, dtype=float)


def judge(one: Criterion, statistic: str, *samples: Array) -> str:
    """What the rule says of these samples."""
    found = estimated(one, statistic, samples, seed=7)
    assert one.bound is not None
    return decided(found, side=one.side, bound=one.bound)[0]


# ---- the declarations


def test_all_sixteen_claims_are_declared_each_with_a_null_control_or_why_there_can_be_none() -> None:
    assert [*declared()] == list(range(1, CLAIMS + 1))
    for claim in declared().values():
        assert (claim.null is None) == (claim.kind == "data") == bool(claim.no_null)
        assert claim.null is None or claim.null.why
        assert claim.says
        assert claim.mechanism
        assert claim.holds_if


def test_the_rules_are_those_that_were_committed_before_any_result() -> None:
    assert rules_hash() == RULES_HASH


def test_every_test_names_a_measure_or_a_fact_that_there_is_and_a_statistic_that_suits_it() -> None:
    for claim in declared().values():
        for one in (*claim.tests, *claim.beside, *claim.sweeps):
            if one.measure:
                assert statistic_of(MEASURES[one.measure], one.given) in STATISTICS
            assert not one.fact or one.fact in FACTS


def test_every_arm_of_every_claim_can_be_founded_in_every_world_and_at_the_corners_of_every_sweep() -> None:
    bench = Bench(paths=2)
    for claim in declared().values():
        whole = all_wants(claim, full=True)
        without = all_wants(claim.model_copy(update={"sweeps": ()}), full=True)
        for want in [*without, *whole[len(without) :: max(len(whole) - len(without) - 1, 1)]]:
            bench.arm(want)  # InputError for a key or a value that cannot be
    assert len(bench.labelled) < len(bench.arms)  # claims share arms


def test_the_null_control_of_a_claim_is_not_the_claim_itself() -> None:
    for claim in declared().values():
        if claim.null is None:
            continue
        for one in claim.tests:
            here = [wanted(claim, label).key for label in one.arms]
            there = [wanted(claim, label, claim.null).key for label in one.arms]
            assert here != there or one.measure == "life_gap", claim.number  # the gap of claim 3 is one of two tests


def test_the_chain_of_claim_15_has_every_channel_of_the_twins_off() -> None:
    claim = declared()[15]
    keys = {key for channel in CHANNELS.values() for key in channel}
    assert claim.arms["off"].set == dict.fromkeys(keys, False)
    alone = [set(arm.set) for label, arm in claim.arms.items() if label != "off"]
    assert sorted(map(sorted, alone)) == sorted(map(sorted, CHANNELS.values()))


def test_a_point_of_a_sweep_yields_to_what_an_arm_itself_sets_and_wins_over_the_world() -> None:
    claim = declared()[2]
    point = {"demand.efficiency_growth": 0.3, "demand.elasticity": 0.7}
    still = wanted(claim, "still", claim.null, point=point)
    assert still.set == {"demand.efficiency_growth": 0.0, "demand.elasticity": 0.7}
    assert wanted(claim, "scenario", claim.null).set == {"demand.elasticity": 1.0}


WHOLE = """
number = 3
title = "t"
says = "s"
mechanism = "m"
kind = "experiment"
holds_if = "h"
no_null = "none"
[arms.far]
set = { "debt.rolls_on" = false }
[[test]]
what = "w"
rule = "level"
measure = "defaults"
arms = ["far"]
bound = 0.5
"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('arms = ["far"]', 'arms = ["fat"]', 'there is no arm "fat": did you mean far'),
        ('arms = ["far"]', 'arms = ["far", "far"]', "takes 1 arms, not 2"),
        ('measure = "defaults"\n', "", "has nothing to judge"),
        ("bound = 0.5", "", "has a bound"),
        ("bound = 0.5", "bound = nan", "finite number"),
        ('no_null = "none"\n', "", "has a null control"),
        ("number = 3", "number = 17", "less than or equal to 16"),
        ("[[test]]", '[[also]]\nname = "a"\n[[also]]\nname = "a"\n[[test]]', "two worlds have one name"),
        ('title = "t"', 'titel = "t"', "titel"),
        ('rule = "level"', 'rule = "lever"', "second difference"),
    ],
)
def test_a_claim_that_is_not_whole_is_refused(tmp_path: Path, old: str, new: str, said: str) -> None:
    file = tmp_path / "03.toml"
    file.write_text(WHOLE, encoding="utf-8")
    assert read(file).number == 3
    assert old in WHOLE
    file.write_text(WHOLE.replace(old, new), encoding="utf-8")
    with pytest.raises(InputError, match=said):
        read(file)


def test_a_declaration_cannot_be_changed_while_a_program_runs() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        declared()[3].tests[0].bound = 0.0  # type: ignore[misc]


@pytest.mark.parametrize("only", ["17", "0", "x", "3,,4", "3.5", [99]])
def test_numbers_of_claims_that_are_not_there_are_refused_in_a_sentence(only: Any) -> None:
    with pytest.raises(InputError, match="must be numbers of claims, 1 to 16, such as 3,8"):
        chosen(only)


def test_claims_are_chosen_by_number_once_and_in_order() -> None:
    assert [one.number for one in chosen("8, 3,8")] == [one.number for one in chosen([8, 3])] == [3, 8]
    assert len(chosen(None)) == len(list(FOLDER.glob("*.toml"))) == CLAIMS


# ---- rules, by hand


def test_a_difference_of_means_is_the_paired_t_interval_and_the_bound_decides() -> None:
    arm, base = rows([3.0, 4.0, 5.0, 6.0, 7.0, 8.0]), rows([1.0, 3.0, 3.0, 5.0, 5.0, 7.0])
    found = estimated(criterion(), "mean", [arm, base], seed=7)  # differences 2 1 2 1 2 1: mean 1.5, s = √.3
    half = float(t.ppf(0.975, 5)) * np.sqrt(0.3) / np.sqrt(6.0)
    assert (found.value, found.moved, found.missing) == (1.5, 6, 0)
    np.testing.assert_allclose([found.low, found.high], [1.5 - half, 1.5 + half])
    assert judge(criterion(bound=0.5), "mean", arm, base) == "supported"
    assert judge(criterion(bound=1.4), "mean", arm, base) == "inconclusive"
    assert judge(criterion(bound=2.5), "mean", arm, base) == "not supported"
    assert judge(criterion(bound=2.5, side="below"), "mean", arm, base) == "supported"
    assert judge(criterion(bound=0.0, side="below"), "mean", arm, base) == "not supported"


def test_arms_that_are_the_same_support_nothing_whatever_the_statistic() -> None:
    one = rows([1.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0], [2.0] * 7)
    for statistic in ("mean", "median", "ratio"):
        assert judge(criterion(), statistic, one, one) == "not supported"
    assert judge(criterion(arms=["a", "b", "c"], rule="second difference"), "median", one, one, one) == "not supported"
    assert judge(criterion(rule="but-for"), "mean", one, one) == "not supported"
    assert judge(criterion(), "share", one[:1], one[:1]) == "inconclusive"  # Tango: other paths might have differed


def test_a_share_has_wilsons_interval_and_is_supported_beyond_the_bound_alone() -> None:
    hits = rows([1.0] * 60 + [0.0] * 4)
    one = criterion(rule="level", arms=["a"], bound=0.5)
    found = estimated(one, "share", [hits], seed=7)
    np.testing.assert_allclose([found.low, found.high], wilson(60.0, 64.0))
    assert judge(one, "share", hits) == "supported"
    assert judge(one, "share", 1.0 - hits) == "not supported"
    assert judge(one, "share", rows([1.0] * 36 + [0.0] * 28)) == "inconclusive"


def test_a_path_that_an_arm_did_not_finish_is_missing_in_all_and_counted() -> None:
    arm, base = rows([3.0, 4.0, np.nan, 5.0, 9.0]), rows([1.0, np.nan, 3.0, 2.0, 5.0])
    found = estimated(criterion(), "mean", [arm, base], seed=7)
    assert (found.value, found.paths, found.missing) == (3.0, 3, 2)
    nothing = estimated(criterion(), "mean", [rows([np.nan, np.nan]), rows([1.0, 2.0])], seed=7)
    assert (nothing.paths, nothing.missing) == (0, 2)
    assert decided(nothing, side="above", bound=0.0) == ("inconclusive", None)


def test_a_second_difference_says_by_how_much_the_whole_step_costs_more_than_twice_the_half() -> None:
    none, half = rows([1.0] * 8), rows([0.9] * 8)
    one = criterion(rule="second difference", arms=["none", "half", "whole"])
    found = estimated(one, "median", [none, half, rows([0.6] * 8)], seed=7)  # .4 against .2
    assert found.value == pytest.approx(0.2)
    assert judge(one, "median", none, half, rows([0.6] * 8)) == "supported"
    assert judge(one, "median", none, half, rows([0.85] * 8)) == "not supported"
    rng = np.random.default_rng(7)
    wide = [1.0 + rng.normal(size=(1, 40)) for _ in range(3)]
    assert judge(one, "median", *wide) == "inconclusive"
    assert estimated(one, "mean", wide, seed=7).value == pytest.approx(
        float(2.0 * wide[1].mean() - wide[0].mean() - wide[2].mean())
    )


def test_the_interval_of_a_median_holds_the_truth_though_its_paths_stand_in_two_humps() -> None:
    one = criterion(rule="second difference", arms=["none", "half", "whole"])
    held, ways = 0, set()
    for number in range(60):
        rng = np.random.default_rng(number)
        none = np.where(rng.random(64) < 0.5, rng.normal(0.6, 0.25, 64), rng.normal(1.9, 0.4, 64))
        half = none - 0.04 + rng.normal(0.0, 0.03, 64)
        found = estimated(one, "median", [rows(none), rows(half), rows(half - 0.04)], seed=number)
        held += found.low <= 0.0 <= found.high  # a line: the whole costs what two halves cost
        ways.add(found.method)
    assert held >= 0.93 * 60  # BCa intervals: 45
    assert ways == {"percentile"}


def test_the_but_for_share_is_one_less_the_defaults_without_over_those_with() -> None:
    with_, without = rows([4.0, 2.0, 2.0, 0.0] * 16), rows([1.0, 1.0, 0.0, 0.0] * 16)
    one = criterion(rule="but-for", bound=0.25)
    assert estimated(one, "mean", [with_, without], seed=7).value == pytest.approx(0.75)
    assert judge(one, "mean", with_, without) == "supported"
    assert judge(one, "mean", without, with_) == "not supported"
    assert judge(one, "mean", rows([1.0] + [0.0] * 7), rows([0.0] * 8)) == "inconclusive"  # one path moved


def test_a_default_that_comes_more_than_a_year_later_is_another_default() -> None:
    never = 1e6
    with_ = rows([10.0, never, 5.0], [20.0, 3.0, never])  # two agents on three paths
    without = rows([22.0, 1.0, never], [33.0, 3.0, 2.0])
    found = estimated(criterion(rule="but-for", bound=0.25), "when", [with_, without], seed=7)
    assert found.value == pytest.approx(2.0 / 4.0)  # 20 → 33 and 5 → never; 10 → 22 is a year later, not more


def test_a_ratio_of_sums_and_a_correlation_are_those_of_all_paths_together() -> None:
    lent = rows([2.0, 0.0, 4.0], [10.0, 10.0, 20.0])
    one = criterion(rule="level", arms=["a"])
    assert estimated(one, "ratio", [lent], seed=7).value == pytest.approx(6.0 / 40.0)
    rng = np.random.default_rng(3)
    x = rng.normal(size=(30, 8))
    y = 0.6 * x + rng.normal(size=(30, 8))
    sums = np.stack([np.full(30, 8.0), *(part.sum(axis=1) for part in (x, y, x * x, y * y, x * y))])
    found = estimated(one, "correlation", [sums], seed=7)
    assert found.value == pytest.approx(np.corrcoef(x.ravel(), y.ravel())[0, 1])
    assert found.low < found.value < found.high
    by_hand = [np.corrcoef(x[k].ravel(), y[k].ravel())[0, 1] for k in rng.integers(0, 30, (400, 30))]
    np.testing.assert_allclose([found.low, found.high], np.quantile(by_hand, [0.025, 0.975]), atol=0.06)


def test_the_share_of_underpriced_debt_weighs_every_loan_by_what_was_out() -> None:
    lost, charged, out = [0.0, 3.0, 1.0], [1.0, 1.0, 1.0], [10.0, 30.0, 60.0]  # the last one just pays
    one_path = np.array([*lost, *charged, *out])[:, None]
    sample = np.concatenate([one_path, one_path], axis=1)
    found = estimated(criterion(rule="level", arms=["a"], bound=0.5), "short", [sample], seed=7)
    assert found.value == found.low == found.high == pytest.approx(0.3)


def test_what_is_inconclusive_says_how_many_more_paths_would_settle_it() -> None:
    kind, more = decided(Estimate(0.6, 0.4, 0.8, 100, "pairs"), side="above", bound=0.5)
    assert kind == "inconclusive"
    assert more is not None
    assert 600 <= more <= 760  # n (h / d)² (1 + z80 / z975)² - n = 100 · 4 · 2.04 - 100 = 717, to two digits upwards
    assert decided(Estimate(0.4, 0.2, 0.6, 100, "pairs"), side="below", bound=0.5) == (kind, more)
    assert decided(Estimate(0.5, 0.4, 0.6, 100, "pairs"), side="above", bound=0.5)[1] is None


def test_an_interval_that_ends_on_the_bound_supports_nothing() -> None:
    assert decided(Estimate(0.4, 0.3, 0.5, 100, "pairs"), side="above", bound=0.5)[0] == "not supported"
    assert decided(Estimate(0.6, 0.5, 0.7, 100, "pairs"), side="above", bound=0.5)[0] == "inconclusive"
    assert decided(Estimate(0.6, 0.5, 0.7, 100, "pairs"), side="below", bound=0.5)[0] == "not supported"


def test_a_claim_of_several_tests_needs_all_of_them_and_one_over_a_range_all_of_the_range() -> None:
    yes, no, open_ = "supported", "not supported", "inconclusive"
    assert together([yes, yes], "all") == together([yes, yes], "everywhere") == yes
    assert together([yes, no], "all") == together([open_, no], "all") == no
    assert together([yes, no], "everywhere") == together([yes, open_], "everywhere") == open_
    assert together([no, no], "everywhere") == no
    assert together([yes, open_], "all") == open_


# ---- figures that are read, not simulated


def test_sourced_figures_must_all_lie_on_the_claimed_side_and_those_shown_only_do_not_count() -> None:
    def asked(*values: float, counts: bool = True) -> Criterion:
        figures = [{"what": "w", "value": value, "source": "s"} for value in values]
        figures.append({"what": "shown", "value": 9.0, "source": "s", "counts": counts})
        return criterion(rule="figures", measure="", arms=[], figures=figures, side="below", bound=-0.2)

    assert figures_line(asked(-0.27, -0.2, counts=False)).verdict == "supported"
    assert figures_line(asked(-0.27, 0.33, counts=False)).verdict == "not supported"
    assert figures_line(asked(-0.27)).verdict == "not supported"
    assert len(figures_line(asked(-0.27)).rows) == 2


def test_the_coins_fall_is_impact_times_a_days_sales_over_a_days_volume() -> None:
    bench = Bench(paths=2)
    run = bench.arm(wanted(declared()[8], "scenario")).run
    line = coin_arithmetic(bench, run, criterion(rule="fact", measure="", arms=[], fact="coin_arithmetic"))
    pledged = sum(row.coins for row in run.scenario.founding.facilities)
    assert line.value == pytest.approx(1.0 - np.exp(-0.6 * pledged / 30.0 / 300_000.0))
    assert line.verdict == "told"
    assert f"{pledged:,.0f} pledged coins" in line.words


def test_a_median_of_too_few_firms_is_inconclusive_and_says_how_many_there_are() -> None:
    asked = {"rule": "fact", "measure": "", "arms": [], "fact": "miner_leverage", "bound": None}
    bench = Bench(paths=2)
    run = bench.arm(wanted(declared()[6], "scenario")).run
    strict = miner_leverage(bench, run, criterion(**asked, **{"with": {"raised": 5.0, "fewest": 1000}}))
    assert (strict.verdict, strict.words.count("1000 wanted")) == ("inconclusive", 1)
    lax = miner_leverage(bench, run, criterion(**asked, **{"with": {"raised": 5.0, "fewest": 1}}))
    most = miner_leverage(bench, run, criterion(**asked, **{"with": {"raised": 1e9, "fewest": 1}}))
    assert (lax.verdict, most.verdict) == ("supported", "not supported")


# ---- where it turns


def test_a_claim_turns_where_the_figure_crosses_its_bound_straight_between_neighbours() -> None:
    assert crossings([1.0, 2.0, 4.0], [0.0, 1.0, 0.0], 0.5) == [1.5, 3.0]
    assert crossings([1.0, 2.0, 4.0], [0.0, None, 1.0], 0.5) == [2.5]
    assert crossings([1.0, 2.0], [0.6, 0.7], 0.5) == []
    assert crossings([0.0, 2.0, 4.0], [0.0, -1.0, -1.0], 0.0, above=False) == [0.0]
    assert crossings([0.0, 2.0, 4.0], [0.0, -1.0, -1.0], 0.0) == []
    assert told([1.0, 2.0], [0.6, 0.7], 0.5, above=True) == "on the claimed side from 1 to 2"
    assert told([1.0, 2.0], [0.6, 0.7], 0.5, above=False) == "never on the claimed side from 1 to 2"
    assert told([18.0, 36.0, 60.0], [0.0, 0.2, 0.8], 0.5, above=True) == "turns at about 48"
    assert told([1.0], [None], 0.5, above=True) == "no figure"


# ---- null controls, in small


NULLS = [claim for claim in declared().values() if claim.null is not None and claim.scenario != "grown"]


@pytest.mark.parametrize("claim", NULLS, ids=lambda claim: str(claim.number))
def test_a_null_control_in_small_supports_nothing(claim: Claim) -> None:
    months = 13 if claim.number in (9, 10) else 4
    small = claim.model_copy(update={"months": months})
    bench = Bench(paths=2)
    assert small.null is not None
    verdicts = []
    for one in small.tests:
        given = {**one.given, **({"month": months} if one.measure == "of_book" else {})}
        cut = one.model_copy(update={"given": given})
        if MEASURES[one.measure].of == "run":
            bench.simulates(wanted(small, label, small.null) for label in one.arms)
        verdicts.append(judged(small, cut, bench, role="null", world=small.null).verdict)
    assert together(verdicts, small.combine) != "supported"
