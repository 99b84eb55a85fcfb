"""Is any parameter idle? Each one is moved, and the history must be another on one of a few short runs."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any, get_args

import numpy as np
import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from nobid.model.founding import Founding, ShockPaths
from nobid.model.parameters import Parameters
from nobid.runs.scenarios import scenario
from tests.test_backstop import racks, short
from tests.test_debt import convertible, covenant, funding, note
from tests.test_default import STEADY, failing, firm_and_loan, leased
from tests.test_margin import coin_loan
from tests.test_policies_of_credit import bank, burning
from tests.test_repo import giver
from tests.test_secondary import pledged, sale
from tests.worlds import borrower, buyer, changed, facility, fingerprint, lender, run, without_bids, world

# Where a small move would not reach a threshold, or a field is no number: the value to move to.
TO: dict[str, Any] = {
    "start": "2026-04",
    "months": 5,
    "mining.halvings": ("2026-03",),
    "debt.roll_months": 2,
    "debt.waiver_months": 1,
    "debt.walk_away_ltv": 9.0,
    "invest.coin_months": 1,
    "backstop.buyback_months": 6,
    "safe": ("CoreWeave", "Thin SPV"),
}


SHORT = {"months"}  # has a test of its own


def leaves(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Every field of every section by its dotted key."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from leaves(kind, f"{prefix}{name}.")
        else:
            yield prefix + name, field


# What a population is drawn by acts before the first month: tests/test_synthetic.py moves each of those.
KEYS = {key: one for key, one in leaves(Parameters) if key != "shock" and not key.startswith("population.")}


def bounds(field: FieldInfo) -> tuple[float, float]:
    """The least and the greatest value that a field allows."""
    low = next((rule.ge for rule in field.metadata if hasattr(rule, "ge")), None)
    high = next((rule.le for rule in field.metadata if hasattr(rule, "le")), None)
    return (-1e9 if low is None else float(low), 1e9 if high is None else float(high))


def value_of(parameters: Parameters, key: str) -> Any:
    """What a dotted key holds."""
    return functools.reduce(getattr, key.split("."), parameters)


def moves(key: str, now: Any) -> list[Any]:
    """Other values that the field allows: a small move up or down, then larger ones."""
    field = KEYS[key]
    if key in TO:
        return [TO[key]]
    if isinstance(now, bool):
        return [not now]
    if isinstance(now, str):
        return [one for one in get_args(field.annotation) if one != now]
    low, high = bounds(field)
    if isinstance(now, int):
        wanted = [now - 1, now + 1, now // 2, now * 3]
    else:
        wanted = [
            now * 0.9,
            now * 1.1 + 0.001,
            now * 0.3,
            now * 3.0 + 0.1,
            low if low > -1e8 else now,
            min(high, now + 1),
        ]
    allowed = [value for value in wanted if low <= value <= high and value != now]
    return list(dict.fromkeys(allowed))


def thin_purse() -> Founding:
    """A firm that asks the capital market for cash and has a line for convertibles, with nothing outstanding."""
    line = facility("Line", kind="convertible", secured=False, limit=10.0, drawn=0.0)
    firm = borrower(cash=10.0, overhead=9.0, site_mw=50.0)
    return world(firm, line, lender(other_share=0.9, assets=1000.0), invest__on=True)


@functools.cache
def grounds() -> dict[str, tuple[Founding, int, tuple[int, ...]]]:
    """The runs on which parameters are moved: founding, months, paths."""
    machines = firm_and_loan(50.0, firm={"cash": 1.0, "overhead": 0.0}, rate=0.12, recourse=False, amortisation="level")
    patient = (*firm_and_loan(50.0), lender(equity_ratio=0.9, other_share=0.9), buyer(budget=1.0))
    return {
        "seized": (world(*patient, paths=STEADY, **failing("Firm")), 4, (0,)),
        "crisis": (scenario("everything").founding, 8, (1,)),
        "growth": (scenario("baseline").founding, 7, (0, 1, 2, 3)),
        "tight covenants": (changed(scenario("everything").founding, debt__dscr_floor=1.15), 8, (0, 1)),
        "winter": (scenario("crypto-winter").founding, 10, (1,)),
        "impact": (changed(scenario("everything").founding, market="impact"), 8, (1,)),
        "long crisis": (scenario("everything").founding, 20, (1, 2)),
        "roll": (world(borrower(cash=100.0, other_income=1.0), note(), paths=funding(0.3)), 3, (0,)),
        "convertible": (convertible(), 2, (0,)),
        "covenant": (covenant(cash=3.0, levels=(0.32, 0.32, 1.0)), 4, (0,)),
        "cure": (covenant(cash=100.0), 2, (0,)),
        "surrender": (world(*machines, paths=ShockPaths(rent=np.full(9, 1.5))), 2, (0,)),
        "lease": (leased(hosting__relet_months=1), 4, (0,)),
        "pledged sale": (pledged(debt=2.0, need=1.0), 2, (0,)),
        "coin sale": (coin_loan(55_000.0, coin__daily_volume=1000.0), 3, (0,)),
        "public bid": (sale(without_bids(), backstop__floor=0.5, backstop__budget=0.5), 2, (0,)),
        "vendor's bid": (sale(without_bids(), backstop__buyback_price=0.3, backstop__buyback_budget=0.5), 2, (0,)),
        "public loan": (short(buyer(), need=4.0, backstop__repo_capacity=3.0), 3, (0,)),
        "racks": (racks(buyer(), backstop__retrofit_mw=1.0, backstop__retrofit_subsidy=0.5), 1, (0,)),
        "standstill": (burning(debt__standstill=True, debt__standstill_trigger=0.8), 9, (0,)),
        "first convertible": (thin_purse(), 2, (0,)),
        "capital": (bank(lenders__raised_equity=0.4), 1, (0,)),
        "repo": (giver(rents=(1.5, 1.4, 1.3, 1.2), need=0.2, repo__haircut_volatility=0.5), 5, (0,)),
    }


# Where a parameter is tried, if not on the crisis and then on growth: small worlds in which what it steers happens.
WHERE = {
    "auction.seized_reserve_mark": "seized",
    "backstop.floor": "public bid",
    "backstop.budget": "public bid",
    "backstop.buyback_price": "vendor's bid",
    "backstop.buyback_months": "vendor's bid",
    "backstop.buyback_budget": "vendor's bid",
    "backstop.repo_capacity": "public loan",
    "backstop.repo_haircut": "public loan",
    "backstop.repo_rate": "public loan",
    "backstop.retrofit_mw": "racks",
    "backstop.retrofit_subsidy": "racks",
    "coin.impact_decay": "coin sale",
    "debt.acceleration_on": "tight covenants",
    "debt.conversion_strike": "convertible",
    "debt.convertibles": "convertible",
    "debt.cure_share": "cure",
    "debt.release_price": "pledged sale",
    "debt.roll_months": "roll",
    "debt.rolls_on": "roll",
    "debt.standstill": "standstill",
    "debt.standstill_trigger": "standstill",
    "debt.standstill_months": "standstill",
    "debt.strict": "covenant",
    "debt.waiver_fee": "covenant",
    "debt.waiver_months": "covenant",
    "debt.walk_away_ltv": "surrender",
    "funding.roll_decay": "roll",
    "hosting.relet_months": "lease",
    "hosting.spills_on": "lease",
    "lenders.raised_equity": "capital",
    "lenders.raised_from": "capital",
    "impact.depth": "impact",
    "impact.floor": "impact",
    "hosting.relet_price": "lease",
    "invest.capture": "growth",
    "invest.convert_months": "first convertible",
    "invest.hurdle": "growth",
    "invest.lag_months": "growth",
    "invest.miner_share": "growth",
    "offtake.buyer_decay": "growth",
    "offtake.discount": "growth",
    "offtake.new_months": "growth",
    "repo.haircut": "repo",
    "repo.haircut_drawdown": "repo",
    "repo.haircut_volatility": "repo",
    "repo.spread": "repo",
}
DEFAULT = ("crisis", "growth", "winter", "long crisis")


@functools.cache
def base(name: str) -> str:
    """The history before a parameter is moved."""
    return history(*grounds()[name])


def history(founding: Founding, months: int, paths: tuple[int, ...]) -> str:
    """The fingerprint of a short run."""
    model = run(founding, months, paths=paths)
    try:
        return fingerprint(model)
    finally:
        model.close()


def moved(key: str) -> tuple[str, Any] | None:
    """The ground and the value with which the history became another, or nothing."""
    for name in (WHERE[key],) if key in WHERE else DEFAULT:
        founding, months, paths = grounds()[name]
        for value in moves(key, value_of(founding.parameters, key)):
            if history(changed(founding, **{key: value}), months, paths) != base(name):
                return name, value
    return None


# A dealer below target lends nothing new, so its shortfall moves only the haircut of what it rolls: tests/test_repo.py.
ELSEWHERE = {"repo.haircut_shortfall"}


@pytest.mark.parametrize("key", sorted(set(KEYS) - SHORT - ELSEWHERE))
def test_moving_a_parameter_changes_the_history(key: str) -> None:
    assert moved(key) is not None, f"{key} is idle: no move of it changed any figure or event"


def test_the_length_of_a_run_is_its_months() -> None:
    founding = changed(scenario("toy").founding, months=2)
    assert len(run(founding, 2).record.monthly["rent"]) == 2
