"""Does the model do what docs/toy.md works out by hand, number by number?"""

from __future__ import annotations

from pathlib import Path

import pytest

from nobid.model.system import ComputeCreditModel
from nobid.runs.scenarios import scenario

MINER_ONE, MINER_TWO, MINER_THREE, CLOUD_ONE, CLOUD_TWO = range(5)
M1_COINS, M2_MACHINES, C1_MACHINES, C2_MACHINES = range(4)
BANK, FUND = range(2)
BIG, SMALL = range(2)


def after(months: int) -> ComputeCreditModel:
    """The toy world after so many months."""
    model = ComputeCreditModel(scenario("toy").founding)
    for _ in range(months):
        model.step()
    return model


def close(value: float) -> object:
    """Equal to six decimals, as the page prints them."""
    return pytest.approx(value, abs=6e-7)


def usd(value: float) -> object:
    """Equal to the cent."""
    return pytest.approx(value, abs=0.006)


def cash(model: ComputeCreditModel) -> list[float]:
    return [float(each) for each in model.borrowers.cash[:, 0]]


def test_in_january_everybody_pays() -> None:
    model = after(1)
    assert cash(model) == [close(1.048333), close(1.7988), close(1.408333), close(1.608857), close(0.084365)]
    assert model.market.value[0, 0] == usd(15364.13)
    assert model.market.mark[0, 0] == usd(15364.13)
    assert model.record.monthly["sold"][0, 0] == 0.0
    drawn = model.facilities.drawn[:, 0]
    assert drawn[C1_MACHINES] == close(10.0 - 0.232143)
    assert drawn[C2_MACHINES] == close(12.0 - 0.946185)


def test_in_february_miner_one_posts_its_coins_and_pays_the_rest_of_its_call() -> None:
    model = after(2)
    assert cash(model)[MINER_ONE] == close(0.496667)
    assert model.facilities.drawn[M1_COINS, 0] == close(5.4)
    assert model.facilities.coins[M1_COINS, 0] == close(120.0)
    assert model.borrowers.coins[MINER_ONE, 0] == 0.0


def test_in_february_cloud_two_sells_83_then_54_machines_at_the_second_bid() -> None:
    model = after(2)
    assert model.market.value[0, 0] == usd(7277.75)
    assert model.market.last_price[0, 0] == usd(6468.53)
    assert model.market.mark[0, 0] == usd(6468.53)
    assert model.market.sold[0, 0] == pytest.approx(137.0)
    assert model.buyers.units[SMALL, 0, 0] == pytest.approx(46.3784, abs=5e-5)
    assert model.buyers.units[BIG, 0, 0] == pytest.approx(36.6216 + 54.0, abs=5e-5)
    assert model.borrowers.units[CLOUD_TWO, 0, 0] == pytest.approx(163.0)
    assert cash(model) == [close(0.496667), close(2.0146), close(1.816667), close(2.217714), close(0.005918)]
    bought = [(e.round, e.source, round(e.amount, 2)) for e in model.record.events if e.kind == "bought"]
    assert bought == [(1, "Big", 36.62), (1, "Small", 46.38), (2, "Big", 54.0)]


def test_in_march_the_money_over_the_machines_is_the_price() -> None:
    model = after(3)
    assert model.market.last_price[0, 0] == usd(4545.45)
    march = [e for e in model.record.events if e.kind == "bought" and e.month == 2]
    assert [(e.round, e.source, round(e.amount, 6)) for e in march] == [(1, "Big", 132.0), (1, "Small", 66.0)]
    assert model.market.offered[0, 0] >= 198.0
    assert model.market.unsold[0, 0] == pytest.approx(965.0)


def test_in_march_cloud_two_fails_in_round_four_and_its_creditors_share_the_estate() -> None:
    model = after(3)
    failures = [(e.month, e.round, e.source, e.amount) for e in model.record.events if e.kind == "default"]
    assert failures == [(2, 4, "Cloud Two", close(9.939076))]
    assert model.lenders.seized[FUND, 0, 0] == pytest.approx(965.0)
    assert model.lenders.losses[FUND, 0] == close(5.361953)
    paid = model.books.row("recoveries")[2, 0]
    assert paid == close(0.629396)
    assert model.books.row("damages")[0, 0] == close(0.123971)
    assert cash(model) == [close(0.551), close(2.2314), close(2.348971), close(2.826571), 0.0]
    assert model.lenders.equity[FUND, 0] == close(5.652252)
    assert model.lenders.assets[FUND, 0] == close(8.674120)
    assert model.lenders.tight[:, 0].tolist() == [0.0, 0.0]
    assert model.lenders.target[:, 0].tolist() == [pytest.approx(0.375), pytest.approx(0.45)]


def test_the_page_prints_the_numbers_that_are_asserted_here() -> None:
    page = (Path(__file__).parent.parent / "docs" / "toy.md").read_text()
    for printed in ("15,364.13", "6,468.53", "4,545.45", ".753368", "5.361953", ".629396", ".123971", "2.348971"):
        assert printed in page
