"""Does what is said of a difference follow from its interval: verdict, paths wanting, price, when to stop?"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import ttest_1samp

from nobid.runs.estimate import Estimate, luck
from nobid.runs.paired import Difference, mean_difference, probability_difference, statistic_difference
from nobid.runs.price import price
from nobid.runs.stopping import Precision
from nobid.runs.verdict import Good, more_to_move, paths_to_settle, verdict

Array = NDArray[np.float64]


def between(low: float, high: float, *, paths: int = 400, moved: int = 300) -> Difference:
    return Difference((low + high) / 2.0, low, high, paths, "pairs", "", moved)


# ---- verdicts


@pytest.mark.parametrize(
    ("low", "high", "good", "words"),
    [
        (-5.0, -1.0, "less", "better"),
        (-5.0, -1.0, "more", "worse"),
        (1.0, 5.0, "less", "worse"),
        (1.0, 5.0, "more", "better"),
        (-5.0, -1.0, "neither", "less"),
        (1.0, 5.0, "neither", "more"),
    ],
)
def test_a_difference_clear_of_nought_is_better_or_worse_by_what_is_good(
    low: float, high: float, good: Good, words: str
) -> None:
    found = verdict(between(low, high), good=good)
    assert (found.kind, found.words, found.more_paths) == (words, words, None)


def test_an_interval_within_the_margin_is_no_effect_that_matters() -> None:
    assert verdict(between(-1.0, 2.0), good="less", margin=3.0, unit="USD m").words == "no effect larger than 3.0 USD m"
    assert verdict(between(1.0, 2.0), good="less", margin=3.0).kind == "negligible"
    assert verdict(between(1.0, 3.5), good="less", margin=3.0).kind == "worse"
    assert verdict(between(-1.0, 2.0), good="less", margin=2.0).kind == "inconclusive"


def test_no_effect_is_said_of_arms_that_are_the_same_on_every_path() -> None:
    same = np.arange(200.0)
    assert verdict(mean_difference(same, same), good="less").words == "no effect on any of 200 paths"
    never = probability_difference(np.zeros(120), np.zeros(120))
    assert verdict(never, good="less").kind == "no effect"
    few = mean_difference(same[:30], same[:30])
    assert verdict(few, good="less").words == "no effect on any of 30 paths (indicative only: 30 paths)"


def test_a_median_that_no_resample_moves_is_no_effect_and_the_paths_that_differ_are_told() -> None:
    base = np.where(np.arange(200) < 20, 5.0, 0.0)
    found = statistic_difference(base / 2.0, base, np.median, seed=luck(1, "x"))
    told = verdict(found, good="less")
    assert (told.kind, told.words) == ("no effect", "no effect, though the arms differ on 20 of 200 paths")


def test_what_is_missing_is_said_and_not_judged() -> None:
    found = Difference(np.nan, np.nan, np.nan, 400, "few", "the worst 5 % need 500 paths, 100 more")
    assert verdict(found, good="less").words == "n/a: the worst 5 % need 500 paths, 100 more"


@pytest.mark.parametrize(
    ("paths", "words"), [(40, "better (indicative only: 40 paths)"), (64, "better (rough: 64 paths)")]
)
def test_a_verdict_from_few_paths_says_so(paths: int, words: str) -> None:
    assert verdict(between(-5.0, -1.0, paths=paths), good="less").words == words


# ---- paths that would settle it


def test_the_paths_that_settle_are_those_of_the_textbook() -> None:
    found = between(
        0.5 - 1.96 / 4.0 * 4.0, 0.5 + 1.96 / 4.0 * 4.0, paths=16
    )  # a deviation of 4, a difference of a half
    assert paths_to_settle(found) == 490  # 7.849 · 16 / 0.25 = 502.3 in all, 16 are there, upwards to two digits
    assert verdict(found, good="less").words == "inconclusive: about 490 more paths"


def test_so_many_paths_settle_it_in_four_of_five_repetitions() -> None:
    deviation, effect = 3.0, 0.4
    half = 1.9600 * deviation / np.sqrt(100)
    more = paths_to_settle(between(effect - half, effect + half, paths=100))
    assert more == 350  # (1.96 + 0.8416)² · 9 / 0.16 = 441.5 in all
    rng = np.random.default_rng(4)
    tested = ttest_1samp(rng.normal(effect, deviation, (4_000, 100 + more)), 0.0, axis=1)
    assert np.mean(tested.pvalue < 0.05) == pytest.approx(0.80, abs=0.03)


def test_a_margin_can_settle_it_sooner() -> None:
    near_nought = between(-1.9, 2.1, paths=100)
    assert paths_to_settle(near_nought) == 82_000
    assert paths_to_settle(near_nought, margin=2.1) == 110  # 100 (2 · 1.4294 / 2)² = 204.3 in all
    assert paths_to_settle(near_nought, margin=3.0) == 0
    assert paths_to_settle(between(1.0, 2.0)) == 0


def test_the_side_towards_nought_counts_where_an_interval_is_lopsided() -> None:
    found = Difference(1.0, -0.1, 5.0, 100, "bca", "", 90)
    turned = Difference(-1.0, -5.0, 0.1, 100, "bca", "", 90)
    assert paths_to_settle(found) == paths_to_settle(turned) == 150  # 100 (1.1 · 1.4294)² = 247.2 in all


def test_what_no_number_of_paths_settles_is_said() -> None:
    found = between(-1.0, 1.0)
    assert paths_to_settle(found) is None
    assert paths_to_settle(found, margin=1e-249) is None
    assert paths_to_settle(between(-0.999, 1.001)) is None  # 800 million
    assert verdict(found, good="less").words.endswith("no number of paths within ten million would settle it")


def test_paths_that_would_show_six_that_differ() -> None:
    found = mean_difference(np.where(np.arange(500) < 2, -9.0, 0.0), np.zeros(500))
    assert more_to_move(found) == 1_000
    told = verdict(found, good="less")
    assert told.words == "inconclusive, the arms differ on 2 of 500 paths only: about 1,000 more paths"
    assert told.more_paths == 1_000


@given(st.floats(-50.0, 50.0), st.floats(0.1, 50.0), st.floats(0.0, 20.0))
@settings(deadline=None)
def test_a_verdict_asks_for_paths_only_where_it_is_not_settled(value: float, half: float, margin: float) -> None:
    found = between(value - half, value + half)
    told = verdict(found, good="less", margin=margin)
    mirrored = verdict(between(-value - half, -value + half), good="more", margin=margin)
    assert mirrored.kind == told.kind
    assert (told.kind == "inconclusive") == (paths_to_settle(found, margin=margin) != 0)
    assume(told.more_paths is not None)
    assert told.more_paths is not None
    assert told.more_paths >= 0.99 * found.paths  # an interval that holds nought has to be at least 1.4 times narrower


# ---- prices


def spent_and_avoided(paths: int = 200, seed: int = 6) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    avoided = np.where(rng.random(paths) < 0.3, rng.poisson(3.0, paths), 0.0)
    return 10.0 * avoided + rng.exponential(4.0, paths), avoided


def test_a_price_is_a_ratio_of_means_and_at_its_ends_a_t_test_just_passes() -> None:
    cost, avoided = spent_and_avoided()
    found = price(cost, avoided, what="defaults avoided")
    assert found.value == pytest.approx(cost.sum() / avoided.sum())
    assert found.low < found.value < found.high
    for end in (found.low, found.high):
        assert ttest_1samp(cost - end * avoided, 0.0).pvalue == pytest.approx(0.05)
    assert ttest_1samp(cost - found.value * avoided, 0.0).pvalue == pytest.approx(1.0)


def test_a_price_without_a_certain_effect_is_not_told() -> None:
    cost, avoided = spent_and_avoided()
    unsure = np.where(np.arange(200) % 2 == 0, 1.0, -1.0) + 0.01
    told = price(cost, unsure, what="defaults avoided")
    assert told.words == "n/a: defaults avoided not told from zero, 0.01 (-0.13 to 0.15)"
    assert np.isnan(told.value)
    assert price(cost, -avoided, what="defaults avoided").words == "n/a: the policy adds defaults instead"
    assert price(cost, 0.0 * avoided, what="defaults avoided").words == "n/a: no defaults avoided on any path"
    rare = np.where(np.arange(200) < 2, 1.0, 0.0)
    told = price(cost, rare, what="defaults avoided")
    assert told.words.endswith("not told from zero, 0.01000 (no interval: the arms differ on 2 of 200 paths only)")


def test_a_policy_that_saves_money_has_a_price_below_nought() -> None:
    cost, avoided = spent_and_avoided()
    found = price(-cost, avoided, what="defaults avoided")
    other = price(cost, avoided, what="defaults avoided")
    assert (found.value, found.low, found.high) == pytest.approx((-other.value, -other.high, -other.low))


def test_a_fixed_cost_of_each_default_is_a_certain_price() -> None:
    _, avoided = spent_and_avoided()
    found = price(7.0 * avoided, avoided, what="defaults avoided")
    assert (found.value, found.low, found.high, found.method) == (7.0, 7.0, 7.0, "same")


def test_a_price_leaves_out_missing_paths() -> None:
    cost, avoided = spent_and_avoided()
    holed = np.where(np.arange(200) == 9, np.nan, cost)
    found = price(holed, avoided, what="defaults avoided")
    assert found == price(np.delete(cost, 9), np.delete(avoided, 9), what="defaults avoided")


# ---- stopping


def test_looks_are_at_whole_blocks_from_the_first_on() -> None:
    assert list(Precision(absolute=1.0, most=110).looks()) == [40, 60, 80, 100, 110]
    assert list(Precision(absolute=1.0, most=30).looks()) == [30]
    assert Precision(absolute=1.0, most=110).says({"loss": seen(1.0, 9.0, 100)}).paths == 110


def seen(value: float, half: float, paths: int, method: str = "pairs") -> Estimate:
    return Estimate(value, value - half, value + half, paths, method)


def test_it_goes_on_until_the_half_width_is_within_the_figures_share() -> None:
    rule = Precision(relative=0.2, most=1_000)
    wide = rule.says({"loss": seen(-10.0, 2.5, 60)})
    assert (wide.go_on, wide.paths) == (True, 80)
    assert wide.why == "loss -10.0 (-12.5 to -7.5), rough: 60 paths is not within ± 2.0 after 60 paths"
    narrow = rule.says({"loss": seen(-10.0, 2.0, 80)})
    assert (narrow.go_on, narrow.paths) == (False, 80)
    assert narrow.why.startswith("narrow enough after 80 paths: loss")


def test_the_wider_of_the_two_floors_decides_and_every_figure_must_be_narrow() -> None:
    rule = Precision(relative=0.2, absolute=1.0, most=1_000)
    assert not rule.says({"loss": seen(0.1, 0.9, 100)}).go_on
    both = rule.says({"loss": seen(0.1, 0.9, 100), "price": seen(3.0, 1.1, 100)})
    assert both.go_on
    assert both.why.startswith("price")


def test_it_stops_at_the_most_paths_and_says_that_it_is_not_narrow() -> None:
    told = Precision(relative=0.2, most=100).says({"loss": seen(1.0, 5.0, 100)})
    assert not told.go_on
    assert told.why.startswith("stopped at 100 paths, the most allowed: loss 1.0 (-4.0 to 6.0) is not within ± 0.20")


def test_what_is_the_same_on_all_paths_is_not_believed_before_a_hundred() -> None:
    rule = Precision(relative=0.2, most=1_000)
    assert rule.says({"loss": seen(0.0, 0.0, 80, "same")}).go_on
    assert not rule.says({"loss": seen(0.0, 0.0, 100, "same")}).go_on
    assert rule.says({"loss": Estimate(1.0, np.nan, np.nan, 120, "few", "one path")}).go_on


def test_stopping_follows_from_the_paths_alone() -> None:
    rng = np.random.default_rng(8)
    arm, rule = rng.normal(0.5, 1.0, 2_000), Precision(relative=0.2, most=2_000)
    for paths in rule.looks():
        decision = rule.says({"mean": mean_difference(arm[:paths], np.zeros(paths))})
        if not decision.go_on:
            break
    assert 200 < decision.paths < 700  # (1.96 / 0.1)² = 384 on average
    halfwidth = mean_difference(arm[: decision.paths], np.zeros(decision.paths)).halfwidth
    assert halfwidth <= 0.2 * abs(arm[: decision.paths].mean())


@pytest.mark.parametrize(
    "asked", [{}, {"relative": -0.1, "absolute": 1.0}, {"absolute": np.inf}, {"absolute": 1.0, "block": 0}]
)
def test_a_rule_that_could_never_stop_is_refused(asked: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"half-width|looks"):
        Precision(most=100, **asked)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no figure"):
        Precision(most=100, absolute=1.0).says({})
