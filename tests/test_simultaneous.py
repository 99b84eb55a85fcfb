"""Do intervals over all arms hold together, whatever the order of the arms, within bounded memory?"""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import norm
from scipy.stats import t as student

from nobid.runs import simultaneous as module
from nobid.runs.estimate import luck
from nobid.runs.paired import mean_difference
from nobid.runs.simultaneous import critical_values, simultaneous

Array = NDArray[np.float64]
SEED = luck(11, "all arms")


def arms(rows: int, paths: int, seed: int = 5) -> Array:
    """Differences of policies that help ever more paths."""
    rng = np.random.default_rng(seed)
    base = np.where(rng.random(paths) < 0.4, rng.lognormal(size=paths), 0.0)
    helped = rng.random((rows, paths)) < np.linspace(0.3, 0.9, rows)[:, None]
    return np.where(helped, -base / 2.0, 0.0)


def test_the_critical_values_are_those_of_a_plain_loop_over_resamples() -> None:
    rows, resamples = arms(3, 40) + 0.01 * np.random.default_rng(1).normal(size=(3, 40)), 500
    paths, rng = rows.shape[1], np.random.default_rng(SEED)
    drawn = []
    for numbers in rng.integers(0, paths, (resamples, paths)):
        sample = rows[:, numbers]
        error = sample.std(axis=1, ddof=1) / np.sqrt(paths)
        drawn.append(np.abs(sample.mean(axis=1) - rows.mean(axis=1)) / error)
    table = np.array(drawn)
    levels = [[np.mean(table[:, row] <= one) for row, one in enumerate(line)] for line in table]
    level = np.quantile(np.max(levels, axis=1), 0.95, method="higher")
    expected = [np.sort(table[:, row])[round(level * resamples) - 1] for row in range(3)]
    assert critical_values(rows, seed=SEED, resamples=resamples) == pytest.approx(expected)


def test_one_normal_row_gets_students_quantile_and_ten_independent_ones_sidaks() -> None:
    rng = np.random.default_rng(2)
    alone = critical_values(rng.normal(size=(1, 800)), seed=SEED)[0]
    assert alone == pytest.approx(student.ppf(0.975, 799), rel=0.03)
    ten = critical_values(rng.normal(size=(10, 800)), seed=SEED)
    assert np.mean(ten) == pytest.approx(norm.ppf((1.0 + 0.95**0.1) / 2.0), rel=0.03)


def test_arms_that_move_together_cost_less_than_arms_that_do_not() -> None:
    rng = np.random.default_rng(2)
    common, own = rng.normal(size=300), rng.normal(size=(8, 300))
    together = critical_values(common + 0.1 * own, seed=SEED, resamples=1_999)
    assert np.mean(together) < 2.3
    assert np.mean(critical_values(own, seed=SEED, resamples=1_999)) > 2.6


def test_a_rare_policy_does_not_widen_the_intervals_of_the_others() -> None:
    rows = arms(4, 500)
    rare = np.where(np.arange(500) < 7, -np.arange(500.0) - 1.0, 0.0)
    alone = np.array(critical_values(rows, seed=SEED, resamples=1_999))
    beside = np.array(critical_values(np.vstack([rows, rare]), seed=SEED, resamples=1_999))
    assert beside[-1] > 1.4 * beside[:-1].max()
    assert (beside[:-1] < 1.25 * alone).all()


def test_the_order_of_the_arms_and_a_twin_do_not_change_a_bit() -> None:
    rows = arms(18, 130)  # a product of so many columns depends on their order in its last bit
    rows[4] = rows[1]
    found = simultaneous(rows, seed=SEED, resamples=100)
    order = np.random.default_rng(1).permutation(18)
    again = simultaneous(rows[order], seed=SEED, resamples=100)
    assert again == [found[place] for place in order]
    assert found[4] == found[1]


def test_how_many_resamples_are_held_at_once_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = arms(3, 64)
    found = critical_values(rows, seed=SEED, resamples=500)
    monkeypatch.setattr(module, "CELLS", 64 * 7)
    assert critical_values(rows, seed=SEED, resamples=500) == pytest.approx(found)


def test_an_interval_is_never_narrower_than_that_of_the_arm_alone() -> None:
    rows = arms(4, 90)
    for row, found in zip(rows, simultaneous(rows, seed=SEED, resamples=999), strict=True):
        alone = mean_difference(row, np.zeros(90))
        assert (found.value, found.paths, found.moved) == (alone.value, alone.paths, alone.moved)
        assert found.low <= alone.low < alone.high <= found.high
        assert found.method == "max-t"


def test_where_the_resamples_say_less_than_students_t_the_interval_is_students() -> None:
    row = np.random.default_rng(5).uniform(size=90)
    assert critical_values(row[None], seed=SEED, resamples=999)[0] < student.ppf(0.975, 89)
    found, alone = simultaneous(row, seed=SEED, resamples=999)[0], mean_difference(row, np.zeros(90))
    assert (found.low, found.high) == pytest.approx((alone.low, alone.high))


def test_arms_without_an_effect_or_with_too_few_paths_take_no_part() -> None:
    rows = arms(2, 100)
    still, few = np.zeros(100), np.where(np.arange(100) < 3, -1.0, 0.0)
    found = simultaneous(np.vstack([still, rows[0], few, rows[1]]), seed=SEED, resamples=999)
    assert [one.method for one in found] == ["same", "max-t", "few", "max-t"]
    assert [found[1], found[3]] == simultaneous(rows, seed=SEED, resamples=999)
    assert simultaneous(still, seed=SEED)[0].words == "0"


def test_a_path_missing_in_one_arm_is_missing_in_all() -> None:
    rows = arms(3, 80)
    holed = rows.copy()
    holed[1, 5] = np.nan
    found = simultaneous(holed, seed=SEED, resamples=499)
    whole = simultaneous(np.delete(rows, 5, axis=1), seed=SEED, resamples=499)
    assert [(one.low, one.high, one.paths) for one in found] == [(one.low, one.high, 79) for one in whole]
    assert {one.missing for one in found} == {1}


def test_shift_and_scale_of_an_arm_move_its_interval_alone() -> None:
    rows = arms(3, 120)
    found = simultaneous(rows, seed=SEED, resamples=999)
    other = simultaneous(
        rows * np.array([[1.0], [4.0], [-1.0]]) + np.array([[0.0], [0.0], [2.0]]), seed=SEED, resamples=999
    )
    assert (other[0].low, other[0].high) == pytest.approx((found[0].low, found[0].high))
    assert (other[1].low, other[1].high) == pytest.approx((4.0 * found[1].low, 4.0 * found[1].high))
    assert (other[2].low, other[2].high) == pytest.approx((2.0 - found[2].high, 2.0 - found[2].low))


def test_a_difference_too_rare_to_draw_from_has_no_interval() -> None:
    rare = np.where(np.arange(5) < 5, [1.0, 2.0, 2.0, 2.0, 2.0], 0.0)  # one resample in three draws twos only
    found = simultaneous(rare, seed=SEED, resamples=999)[0]
    assert np.isnan(found.low)
    assert found.why == "the arms differ on 5 of 5 paths, too few to draw from"


def test_ten_thousand_resamples_of_five_thousand_paths_stay_below_a_tenth_of_their_size() -> None:
    rows = arms(2, 5_000)
    tracemalloc.start()
    critical_values(rows, seed=SEED, resamples=2_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60e6  # all path numbers at once would be 80 MB for these resamples, 400 MB for ten thousand
