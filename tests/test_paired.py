"""Is a paired difference what the books and other methods say, and is it missing where it must be?"""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.stats import binomtest, bootstrap, norm, ttest_rel

from nobid.runs.estimate import Estimate, luck, significant, to_width
from nobid.runs.paired import (
    Difference,
    mean_difference,
    pairs,
    present,
    probability,
    probability_difference,
    reach_of_missing,
    shortfall_difference,
    statistic_difference,
)
from nobid.runs.paired_shares import tango
from nobid.runs.pairing import pairing
from nobid.runs.tail import expected_shortfall

Array = NDArray[np.float64]
SLEEP = np.array(
    [[0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0], [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]]
)
SEED = luck(7, "losses")


def two_humped(paths: int, seed: int = 3) -> tuple[Array, Array]:
    """Losses on two paths of five, and the same halved on half of them."""
    rng = np.random.default_rng(seed)
    base = np.where(rng.random(paths) < 0.4, rng.lognormal(size=paths), 0.0)
    return np.where(rng.random(paths) < 0.5, base / 2.0, base), base


def ends(found: Estimate) -> tuple[float, float]:
    return found.low, found.high


# ---- means


def test_the_interval_of_students_sleepers_is_the_published_one() -> None:
    found = mean_difference(SLEEP[1], SLEEP[0])  # Student (1908): hours of sleep gained, two drugs
    assert found.value == pytest.approx(1.58)
    assert ends(found) == pytest.approx((0.7001142, 2.4598858), abs=1e-7)
    assert (found.paths, found.moved, found.missing, found.method) == (10, 9, 0, "pairs")
    assert found.standing == "indicative"
    assert found.words == "1.58 (0.70 to 2.46), indicative only: 10 paths"


def test_the_paired_interval_is_that_of_scipys_paired_test() -> None:
    arm, base = two_humped(300)
    other = ttest_rel(arm, base).confidence_interval(0.95)
    assert ends(mean_difference(arm, base)) == pytest.approx((other.low, other.high))


def test_arms_that_are_the_same_differ_by_exactly_nought() -> None:
    arm, _ = two_humped(600)
    for found in (
        mean_difference(arm, arm),
        statistic_difference(arm, arm, np.median, seed=SEED),
        shortfall_difference(arm, arm, seed=SEED),
    ):
        assert (found.value, found.low, found.high, found.moved, found.method) == (0.0, 0.0, 0.0, 0, "same")


def test_a_cost_that_is_the_same_on_every_path_is_sure() -> None:
    found = mean_difference(np.full(8, 5.0), np.full(8, 2.0))
    assert (found.value, found.low, found.high, found.words) == (3.0, 3.0, 3.0, "3.000")


@pytest.mark.parametrize(("moved", "told"), [(1, False), (5, False), (6, True)])
def test_five_paths_that_differ_are_too_few_for_an_interval_and_six_are_enough(moved: int, told: bool) -> None:
    base = np.zeros(200)
    arm = np.where(np.arange(200) < moved, -1.0 - np.arange(200), 0.0)
    found = mean_difference(arm, base)
    assert np.isfinite(found.low) == told
    assert found.why == ("" if told else f"the arms differ on {moved} of 200 paths only")
    assert (binomtest(moved, moved).pvalue < 0.05) == told  # what a sign test could say


def test_one_path_or_none_has_no_interval() -> None:
    one, none = mean_difference(np.array([2.0]), np.array([1.0])), mean_difference(np.array([np.nan]), np.array([1.0]))
    assert one.value == 1.0
    assert np.isnan(one.low)
    assert none.words == "n/a: no path was finished in both arms"
    assert none.missing == 1


@given(
    st.lists(st.integers(-1000, 1000), min_size=8, max_size=40, unique=True),
    st.integers(-50, 50),
    st.sampled_from([0.5, 2.0, 8.0]),
    st.randoms(use_true_random=False),
)
@settings(deadline=None)
def test_a_difference_moves_with_shift_scale_and_sign_and_not_with_the_order_of_paths(
    values: list[int], shift: int, scale: float, random: np.random.Generator
) -> None:
    arm = np.array(values, dtype=float)
    base = np.roll(arm, 3) + 0.25
    order = np.array(random.sample(range(len(arm)), len(arm)))  # type: ignore[attr-defined]
    found = mean_difference(arm, base)
    shifted = mean_difference(scale * arm[order] + shift, scale * base[order] + shift)
    turned = mean_difference(base, arm)
    about = {"rel": 1e-9, "abs": 1e-6}
    assert [shifted.value, *ends(shifted)] == pytest.approx(
        [scale * one for one in (found.value, *ends(found))], **about
    )
    assert [turned.value, *ends(turned)] == pytest.approx([-found.value, -found.high, -found.low], **about)


# ---- paths that are missing


def test_a_path_that_failed_in_one_arm_is_missing_in_both_and_counted() -> None:
    arm, base = np.array([1.0, np.nan, 3.0, 9.0, 4.0]), np.array([0.0, 5.0, np.nan, 8.0, 2.0])
    first, second, missing = pairs(arm, base)
    assert (first.tolist(), second.tolist(), missing) == ([1.0, 9.0, 4.0], [0.0, 8.0, 2.0], 2)
    found = mean_difference(arm, base)
    assert (found.value, found.paths, found.missing) == (pytest.approx(4.0 / 3.0), 3, 2)
    assert ends(found) == pytest.approx(ends(mean_difference(first, second)))


def test_a_path_is_present_where_every_arm_of_every_figure_has_a_number() -> None:
    losses = np.array([[1.0, np.nan, 1.0, 1.0], [1.0, 1.0, 1.0, 1.0]])
    assert present(losses, np.array([1.0, 1.0, 1.0, np.nan])).tolist() == [True, False, True, False]


def test_what_cannot_be_paired_is_refused() -> None:
    with pytest.raises(ValueError, match="infinite"):
        mean_difference(np.array([np.inf, 1.0]), np.zeros(2))
    with pytest.raises(ValueError, match="the same paths"):
        mean_difference(np.zeros(3), np.zeros(2))
    with pytest.raises(ValueError, match=r"hit \(1\) or not \(0\)"):
        probability_difference(np.array([0.0, 2.0]), np.zeros(2))


def test_missing_paths_could_move_the_mean_between_the_bounds_by_hand() -> None:
    arm, base = np.array([-3.0, -1.0, np.nan, 0.0]), np.zeros(4)
    seen = reach_of_missing(arm, base)
    assert (seen.low, seen.high, seen.missing, seen.paths) == (-7.0 / 4.0, -1.0, 1, 3)
    given = reach_of_missing(arm, base, least=-10.0, most=2.0)
    assert (given.low, given.high) == (-14.0 / 4.0, -2.0 / 4.0)
    assert given.words == "missing: 1 of 4 paths; with them the mean is between -3.5 and -0.50"
    one_end = reach_of_missing(arm, base, least=-10.0)
    assert (one_end.low, one_end.high) == (given.low, seen.high)
    whole = reach_of_missing(np.ones(3), np.zeros(3))
    assert (whole.low, whole.high, whole.words) == (1.0, 1.0, "")


# ---- other figures


def test_a_figure_of_pairs_has_scipys_interval_of_the_differences_statistic() -> None:
    arm, base = two_humped(120)
    found = statistic_difference(arm, base, np.mean, seed=SEED)
    asked = {"n_resamples": 1_999, "method": "BCa", "rng": np.random.default_rng(SEED)}
    other = bootstrap((arm - base,), np.mean, **asked).confidence_interval  # a mean of pairs is one of differences
    assert ends(found) == pytest.approx((other.low, other.high))


def test_an_arm_that_is_shifted_as_a_whole_has_no_doubt_about_its_median() -> None:
    _, base = two_humped(150)
    found = statistic_difference(base + 5.0, base, np.median, seed=SEED)  # unpaired resamples would scatter
    assert found.halfwidth <= 1e-12
    assert found.value == pytest.approx(5.0)


def test_a_seed_gives_the_same_interval_twice_and_another_purpose_another() -> None:
    arm, base = two_humped(150)

    def found(purpose: str) -> Difference:
        return statistic_difference(arm, base, np.mean, seed=luck(7, purpose))

    assert found("losses") == found("losses")
    assert ends(found("losses")) != ends(found("price"))


def test_above_two_thousand_paths_percentiles_take_the_place_of_bca() -> None:
    arm, base = two_humped(2_001)
    found = statistic_difference(arm, base, np.mean, seed=SEED)
    assert found.method == "percentile"
    assert ends(found) == pytest.approx(ends(mean_difference(arm, base)), abs=0.1 * found.halfwidth)


@pytest.mark.parametrize("paths", [499, 500])
def test_the_tail_is_told_from_five_hundred_pairs_on(paths: int) -> None:
    arm, base = two_humped(paths + 3)
    arm[:2], base[2] = np.nan, np.nan
    found = shortfall_difference(arm, base, seed=SEED)
    assert (found.paths, found.missing) == (paths, 3)
    if paths < 500:
        assert found.words == "n/a: the worst 5 % need 500 paths, 1 more"
    else:
        assert found.value == pytest.approx(expected_shortfall(arm[3:]) - expected_shortfall(base[3:]))
        assert found.low < found.value < found.high < 0.0


def test_the_tails_normal_interval_for_many_pairs_agrees_with_the_bootstrap() -> None:
    arm, base = two_humped(4_000)
    found = shortfall_difference(arm, base, seed=SEED)
    other = statistic_difference(arm, base, expected_shortfall, seed=SEED)
    assert (found.method, other.method) == ("many", "percentile")
    assert ends(found) == pytest.approx(ends(other), abs=0.15 * other.halfwidth)


# ---- shares


@pytest.mark.parametrize(("hits", "of", "low", "high"), [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605)])
def test_the_interval_of_one_share_is_the_published_one_and_scipys(hits: int, of: int, low: float, high: float) -> None:
    found = probability((np.arange(of) < hits).astype(float))  # Newcombe (1998), table I
    assert [round(end, 4) for end in ends(found)] == [low, high]
    other = binomtest(hits, of).proportion_ci(method="wilson")
    assert ends(found) == pytest.approx((other.low, other.high))


def test_a_share_leaves_out_paths_that_were_not_finished() -> None:
    assert probability(np.array([1.0, np.nan, 0.0, 1.0])).paths == 3
    assert probability(np.array([np.nan])).words == "n/a: no path was finished"


@pytest.mark.parametrize(
    ("more", "less", "paths", "low", "high"),
    [(1, 7, 21, -0.517, -0.026), (12, 2, 50, 0.061, 0.345)],  # Fagerland, Lydersen and Laake (2014); Newcombe (1998)
)
def test_the_interval_of_two_paired_shares_is_the_published_one(
    more: int, less: int, paths: int, low: float, high: float
) -> None:
    assert [round(end, 3) for end in tango(more, less, paths)] == [low, high]


@pytest.mark.parametrize(("more", "less", "paths"), [(1, 7, 21), (3, 0, 40), (5, 5, 200)])
def test_the_ends_are_where_the_most_likely_shares_with_that_difference_just_pass_the_test(
    more: int, less: int, paths: int
) -> None:
    for end in tango(more, less, paths):

        def unlikely(share: float, end: float = end) -> float:
            return -float(
                more * np.log(share + end) + less * np.log(share) + (paths - more - less) * np.log(1 - 2 * share - end)
            )

        least, most = max(0.0, -end) + 1e-12, (1.0 - end) / 2.0 - 1e-12
        share = float(minimize_scalar(unlikely, bounds=(least, most), method="bounded", options={"xatol": 1e-12}).x)
        z = (more - less - paths * end) / np.sqrt(paths * (2.0 * share + end - end * end))
        assert abs(z) == pytest.approx(float(norm.ppf(0.975)), rel=1e-4)


def test_shares_that_never_differ_are_not_sure_to_be_the_same() -> None:
    found = probability_difference(np.zeros(100), np.zeros(100))
    assert (found.value, found.moved) == (0.0, 0)
    bound = norm.ppf(0.975) ** 2 / (100.0 + norm.ppf(0.975) ** 2)  # Wilson's upper end for none of a hundred
    assert ends(found) == pytest.approx((-bound, bound))


def test_shares_that_always_differ_reach_the_edge() -> None:
    found = probability_difference(np.ones(30), np.zeros(30))
    assert found.high == 1.0
    assert 0.5 < found.low < 1.0


def test_two_shares_are_counted_from_the_pairs_and_turn_with_the_arms() -> None:
    cells = [(1.0, 1.0)] * 5 + [(1.0, 0.0)] * 2 + [(0.0, 1.0)] * 7 + [(0.0, 0.0)] * 6 + [(np.nan, 1.0)]
    arm, base = (np.array(side) for side in zip(*cells, strict=True))
    found, turned = probability_difference(arm, base), probability_difference(base, arm)
    assert (found.value, found.paths, found.moved, found.missing) == (-5.0 / 20.0, 20, 9, 1)
    assert ends(found) == pytest.approx(tango(2, 7, 20))
    assert ends(found) == pytest.approx((-turned.high, -turned.low))


def test_the_interval_of_paired_shares_covers_by_enumeration() -> None:
    paths, more, less = 30, 0.15, 0.05
    inside = 0.0
    for first, second in product(range(paths + 1), repeat=2):
        if first + second <= paths:
            low, high = tango(first, second, paths)
            counts = [first, second, paths - first - second]
            chance = np.exp(
                _log_factorial(paths) - sum(map(_log_factorial, counts)) + np.dot(counts, np.log([more, less, 0.8]))
            )
            inside += chance * (low <= more - less <= high)
    assert 0.94 < inside < 0.97


def _log_factorial(number: int) -> float:
    return float(np.sum(np.log(np.arange(1, number + 1))))


# ---- what pairing saved


def test_pairing_by_hand() -> None:
    base, arm = np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 3.0, 3.0, 5.0])
    found = pairing(arm, base)
    assert found.correlation == pytest.approx(np.corrcoef(arm, base)[0, 1])
    assert found.variance_ratio == pytest.approx((5.0 / 3.0 + 8.0 / 3.0) / (1.0 / 3.0))
    assert found.paths_saved == pytest.approx(4 * 12)
    assert found.words == "arms correlated 0.95: variance 13 times smaller than unpaired, 48 paths an arm saved"


def test_pairing_that_hurts_or_does_nothing_says_so() -> None:
    base = np.array([1.0, 2.0, 3.0, 4.0])
    assert pairing(-base, base).variance_ratio == pytest.approx(0.5)
    assert "2.0 paths an arm lost" in pairing(-base, base).words
    assert pairing(base + 1.0, base).words.startswith("the difference is the same on every path")
    assert pairing(np.ones(4), base).words == "one arm is the same on every path: pairing changes nothing"
    assert pairing(np.ones(4), base).variance_ratio == pytest.approx(1.0)


# ---- words


def test_figures_are_told_to_two_digits_of_their_half_width() -> None:
    assert Estimate(41_322.0, 40_088.0, 42_556.0, 512, "pairs").words == "41,300 (40,100 to 42,600)"
    assert Estimate(0.0123, -0.0456, 0.0702, 70, "pairs").words == "0.012 (-0.046 to 0.070), rough: 70 paths"
    assert Estimate(np.nan, np.nan, np.nan, 3, "few").words == "n/a"
    assert Estimate(2.0, np.nan, np.nan, 1, "one").words == "2.000 (no interval: one path: no interval)"
    assert to_width(-0.04, 9.0) == "0.0"
    assert significant(99_996.0) == "100,000"


@pytest.mark.parametrize(("paths", "standing"), [(49, "indicative"), (50, "rough"), (99, "rough"), (100, "firm")])
def test_how_far_an_interval_stands_follows_from_the_paths(paths: int, standing: str) -> None:
    assert Estimate(1.0, 0.0, 2.0, paths, "pairs").standing == standing
