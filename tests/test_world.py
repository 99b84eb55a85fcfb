"""Do shocks move as their regime says, and do coin, hashprice, funding and launches follow their equations?"""

from __future__ import annotations

import functools

import numpy as np
import pytest

from nobid.model.founding import ShockPaths
from nobid.model.system import ComputeCreditModel
from nobid.model.world import COIN, DEMAND, FUNDING, _correlated_shocks, turns
from tests.worlds import borrower, facility, generation, lender, run, with_keys, world

PATHS = 4000


@functools.cache
def many() -> ComputeCreditModel:
    """A small world on 4,000 paths."""
    small = world(borrower(cash=100.0), facility(months=100), regime__stochastic=True)
    return ComputeCreditModel(small, paths=range(PATHS))


@pytest.mark.parametrize(("stress", "correlation"), [(0.0, 0.05), (1.0, 0.6)])
def test_shocks_of_coin_demand_and_funding_move_together_as_the_regime_says(stress: float, correlation: float) -> None:
    m = many()
    m.world.stress = stress
    shocks = np.stack(_correlated_shocks(m))[[COIN, DEMAND, FUNDING]]
    seen = np.corrcoef(shocks)
    error = 4.0 / np.sqrt(PATHS)
    assert seen[0, 1] == pytest.approx(correlation, abs=error)
    assert (seen[0, 2], seen[1, 2]) == pytest.approx((-correlation, -correlation), abs=error)
    assert shocks.std(axis=1) == pytest.approx(np.ones(3), abs=error)


def test_the_regime_changes_with_its_probabilities() -> None:
    m = many()
    m.world.stress = 0.0
    turns(m)
    assert float(m.world.stress.mean()) == pytest.approx(0.03, abs=4.0 * np.sqrt(0.03 * 0.97 / PATHS))
    m.world.stress = 1.0
    turns(m)
    assert 1.0 - float(m.world.stress.mean()) == pytest.approx(0.15, abs=4.0 * np.sqrt(0.15 * 0.85 / PATHS))


def test_the_coin_grows_and_varies_as_its_calm_regime_says() -> None:
    calm = world(
        borrower(cash=100.0),
        facility(months=100),
        regime__stochastic=True,
        regime__calm_to_stress=0.0,
        coin__jump_probability=0.0,
    )
    m = ComputeCreditModel(calm, paths=range(PATHS))
    for month in range(12):
        m.month = month
        turns(m)
    log = m.world.coin_log - np.log(87_500.0)
    assert float(log.mean()) == pytest.approx(0.30 - 0.125, abs=4.0 * 0.5 / np.sqrt(PATHS))
    assert float(log.std()) == pytest.approx(0.5, rel=0.05)


# ---- without luck


def quiet(months: int, **keys: object) -> ComputeCreditModel:
    """Coin, demand and funding follow their means."""
    shocks = keys.pop("shock", ())
    return run(world(borrower(cash=100.0), facility(months=100), shock=shocks, **keys), months)


def figure(model: ComputeCreditModel, name: str) -> np.ndarray:
    """A monthly figure of the only path."""
    return model.record.monthly[name][: model.month, 0]


def test_without_luck_coin_and_demand_follow_their_mean_growth() -> None:
    m = quiet(12)
    assert figure(m, "coin")[-1] == pytest.approx(87_500.0 * np.exp(0.30))
    assert figure(m, "demand")[-1] == pytest.approx(np.exp(0.32))
    assert figure(m, "funding") == pytest.approx([0.0] * 12, abs=1e-12)


def test_stress_has_its_own_means() -> None:
    m = quiet(12, regime__start_in_stress=True)
    assert figure(m, "coin")[-1] == pytest.approx(87_500.0 * np.exp(-0.6))
    assert figure(m, "demand")[-1] == pytest.approx(np.exp(-0.10))


def test_hashprice_is_block_rewards_over_network_hash_rate_and_closes_a_third_of_its_gap_a_month() -> None:
    m = quiet(1, coin__drift_calm=0.0)
    a_day = 144.0 * 3.125 * 1.02
    level = a_day * 87_500.0 / 36_000.0
    network = 1050.0 * (level / 1050.0) ** (1.0 / 3.0)
    assert figure(m, "hashprice")[0] == pytest.approx(a_day * 87_500.0 / (network * 1000.0))


def test_a_halving_halves_what_miners_earn_until_the_network_follows() -> None:
    m = quiet(30, coin__drift_calm=0.0, mining__halvings=("2028-04",))
    before, after = figure(m, "hashprice")[26:28]  # 2028-03 and 2028-04
    # the network stood at its level: rewards halve, and the network gives way by a third of the logarithm of two
    assert after / before == pytest.approx(0.5 * 2.0 ** (1.0 / 3.0), rel=1e-3)
    assert figure(quiet(30, coin__drift_calm=0.0, mining__halvings=()), "hashprice")[27] == pytest.approx(
        before, rel=1e-3
    )


def test_dated_shocks_last_for_coin_and_demand_and_fade_for_funding() -> None:
    shock = ({"month": "2026-03", "coin": -0.6, "demand": -0.3, "funding": 0.8},)
    hit, plain = quiet(6, shock=shock), quiet(6)
    assert figure(hit, "coin")[1:] / figure(plain, "coin")[1:] == pytest.approx([1.0, *[0.4] * 4])
    assert figure(hit, "demand")[1:] / figure(plain, "demand")[1:] == pytest.approx([1.0, *[0.7] * 4])
    assert figure(hit, "funding")[2:] == pytest.approx([0.8 * 0.85**k for k in range(4)])


def test_a_shock_that_names_a_firm_makes_it_fail_in_that_month_and_nobody_else() -> None:
    m = quiet(4, shock=({"month": "2026-03", "fail": ("Firm",)},))
    assert figure(m, "defaults_neocloud").tolist() == [0.0, 0.0, 1.0, 0.0]


def test_given_paths_stand_in_for_the_models_own_and_the_model_goes_on_from_them() -> None:
    nan = np.nan
    paths = ShockPaths(
        coin=np.array([50_000.0, nan]), hashprice=np.array([44.0]), demand=np.array([nan, 2.0]), funding=np.array([0.5])
    )
    m = run(world(borrower(cash=100.0), facility(months=100), paths=paths), 3)
    assert figure(m, "coin")[:2] == pytest.approx([50_000.0, 50_000.0 * np.exp(0.30 / 12)])
    assert figure(m, "hashprice")[0] == pytest.approx(44.0)
    assert figure(m, "demand") == pytest.approx([np.exp(0.32 / 12), 2.0, 2.0 * np.exp(0.32 / 12)])
    assert figure(m, "funding")[:2] == pytest.approx([0.5, 0.5 * 0.85])


def test_a_generation_appears_at_its_launch_and_a_shift_moves_only_what_is_still_to_come() -> None:
    rows = (generation("Old", launch="2024-01"), generation("New", launch="2026-04"))
    firm = borrower(cash=100.0, units={"Old": 100})
    for shift, month in ((0, 3), (2, 5), (-2, 1)):
        m = run(world(firm, facility(months=100), lender(), *rows, hardware__launch_shift=shift), 8)
        launched = (figure(m, "mark_New") > 0.0).tolist()
        assert launched == [number >= month for number in range(8)], shift
        assert figure(m, "mark_Old")[0] > 0.0


def test_the_list_price_never_rises_and_follows_value_only_half_a_year_after_launch() -> None:
    m = run(world(borrower(cash=100.0, units={"H100": 100}), facility(months=100), generation(launch="2025-12")), 12)
    listed = figure(m, "list_H100")
    assert np.all(np.diff(listed) <= 1e-9)
    assert listed[:5].tolist() == [25_000.0] * 5


def test_dotted_keys_reach_the_parameter_they_name() -> None:
    assert with_keys({"debt.btc.call": 0.7}).debt.btc.call == 0.7
