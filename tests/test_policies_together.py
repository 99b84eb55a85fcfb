"""Under every policy, and under all at once: do books balance, are bits the same, and does somebody pay?"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

from nobid.model.founding import Founding
from nobid.model.policies import Policy
from nobid.model.system import ComputeCreditModel
from nobid.runs.policies import known, policies_of
from nobid.runs.scenarios import scenario
from tests.policy_worlds import under_policies
from tests.test_policies import NAMES
from tests.worlds import columns_of, events_of, run, same_bits

PATHS, MONTHS = range(3), {"mispriced": 20, "everything": 10, "baseline": 16}
# All that can hold at once, strong enough to act within a year.
ALL = """
ltv_cap:max=0.6,rolls=true + tenor_cap + dscr_covenant + large_exposure_limit:share=0.5 +
lender_capital:share=0.2,payer=public + standstill:trigger=0.001,months=2 + underwrite_to_reality +
haircut_floor:floor=0.6 + countercyclical_haircut + mark_to_market + ring_fence_coins:from=2026-05 +
repo_facility:capacity=500,until=2026-09 + buyer_of_last_resort:floor=0.3,budget=500 + orderly_liquidation +
vendor_buyback + liquid_retrofit:mw=50,subsidy=0.5
"""


@cache
def founding(name: str) -> Founding:
    """The scenario's own founding."""
    return scenario(name).founding


@cache
def under(name: str, words: str = "none") -> ComputeCreditModel:
    """The scenario on a few paths under these policies."""
    return run(under_policies(founding(name), *policies_of(words)), MONTHS[name], paths=PATHS)


def total(model: ComputeCreditModel, figure: str) -> float:
    """A figure over all months and paths."""
    return float(np.nansum(model.record.monthly[figure]))


# ---- the books


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("world", ["mispriced", "everything"])
def test_the_books_balance_under_every_policy(name: str, world: str) -> None:
    model = under(world, name)
    assert model.failures == []
    assert model.going.all()
    assert float(model.public.spent.max()) <= model.parameters.backstop.budget * (1.0 + 1e-12)
    assert float(model.borrowers.official_debt.sum(axis=0).max()) <= model.parameters.backstop.repo_capacity * (
        1 + 1e-12
    )


# ---- who pays: for every policy a figure that its cost line names, and the way it moves

COSTS = {
    "ltv_cap": ("mispriced", "credit_extended", "less", "credit not extended"),
    "ltv_cap:max=0.3,rolls=true": ("mispriced", "debt_total", "less", "maturities that must be paid in cash"),
    "tenor_cap": ("baseline", "debt_total", "less", "higher payments"),
    "tenor_cap:months=12": ("baseline", "credit_extended", "less", "credit not extended"),
    "dscr_covenant:min=2": ("baseline", "debt_total", "less", "swept cash"),
    "large_exposure_limit": ("mispriced", "credit_extended", "less", "credit not extended"),
    "lender_capital": ("mispriced", "private_outlay", "more", "the capital market (private outlay)"),
    "lender_capital:payer=public": ("mispriced", "public_outlay", "more", "the public (public outlay"),
    "standstill": ("mispriced", "deferred", "more", "principal put off (deferred)"),
    "underwrite_to_reality": ("mispriced", "credit_extended", "less", "credit not extended"),
    "haircut_floor:floor=0.95": ("everything", "repo_volume", "less", "repo that is not lent"),
    "countercyclical_haircut:buffer=0.4": ("everything", "repo_volume", "less", "less repo"),
    "mark_to_market:calls=true": ("baseline", "lender_losses", "more", "losses seen sooner"),
    "mark_to_book": ("mispriced", "debt_total", "more", "loans rolled against collateral that is not there"),
    "ring_fence_coins": ("mispriced", "defaults_miner", "more", "cash that they may not raise"),
    "repo_facility": ("mispriced", "public_outlay", "more", "loans (public outlay)"),
    "buyer_of_last_resort": ("mispriced", "public_outlay", "more", "what it pays (public outlay)"),
    "orderly_liquidation": ("mispriced", "unsold", "more", "money that comes later"),
    "vendor_buyback": ("mispriced", "private_outlay", "more", "what it pays (private outlay)"),
    "liquid_retrofit": ("mispriced", "public_outlay", "more", "the public (public outlay"),
    "liquid_retrofit:subsidy=0.0": ("mispriced", "private_outlay", "more", "buyers (private outlay)"),
}


@pytest.mark.parametrize("words", COSTS)
def test_who_pays_for_a_policy_shows_in_the_figure_that_its_cost_line_names(words: str) -> None:
    world, figure, way, why = COSTS[words]
    (policy,) = policies_of(words)
    assert why in policy.costs
    before, after = total(under(world), figure), total(under(world, words), figure)
    assert (after > before, after < before) == (way == "more", way == "less")


def test_every_policy_has_a_cost() -> None:
    assert {words.partition(":")[0] for words in COSTS} == set(NAMES)


def test_what_the_public_loses_is_what_it_laid_out_less_what_it_holds() -> None:
    """Its loss is never negative beyond interest, and never more than it laid out."""
    model = under("mispriced", "buyer_of_last_resort")
    outlay = np.nansum(model.record.monthly["public_outlay"], axis=0)
    holds = model.record.monthly["public_holds"][MONTHS["mispriced"] - 1]
    assert outlay == pytest.approx(model.public.spent[0])
    assert ((outlay - holds)[outlay > 0.0] > 0.0).all()
    assert (holds >= 0.0).all()


# ---- the same bits


def everything_at_once() -> tuple[Policy, ...]:
    """All compatible policies."""
    return policies_of(ALL)


def test_all_policies_but_one_of_two_ways_to_mark_hold_at_once() -> None:
    assert {one.name for one in everything_at_once()} == set(known()) - {"mark_to_book"}
    assert scenario("everything", policy=ALL).founding.policies


@cache
def all_at_once() -> ComputeCreditModel:
    """Nine paths under all of them."""
    return run(under_policies(founding("everything"), *everything_at_once()), 12, paths=range(9))


def test_under_all_policies_at_once_each_of_their_mechanisms_acts_and_books_balance() -> None:
    model = all_at_once()
    assert model.failures == []
    acts = (
        "public lends",
        "public buys",
        "vendor buys back",
        "racks refitted",
        "equity raised",
        "large exposure",
        "standstill",
    )
    assert {name: model.fired.get(name, 0) > 0 for name in acts} == dict.fromkeys(acts, True)
    assert float(model.public.units.sum()) > 0.0


@pytest.mark.parametrize("paths", [(0,), (7,), (3, 4), (8, 2, 5)])
def test_under_all_policies_a_path_has_the_same_bits_alone_and_among_others(paths: tuple[int, ...]) -> None:
    whole = all_at_once()
    part = run(under_policies(founding("everything"), *everything_at_once()), 12, paths=paths)
    expected = {key: values[:, list(paths)] for key, values in whole.record.monthly.items()}
    assert same_bits(part.record.monthly, expected) == []
    assert same_bits(columns_of(part), columns_of(whole, paths)) == []
    assert part.record.events == events_of(whole, paths)


def test_under_all_policies_agent_by_agent_and_all_at_once_give_the_same_bits() -> None:
    runs: list[Any] = [
        run(under_policies(founding("everything"), *everything_at_once()), 9, paths=(1, 2), execution=how)
        for how in ("cohort", "agent")
    ]
    assert same_bits(runs[0].record.monthly, runs[1].record.monthly) == []
    assert same_bits(columns_of(runs[0]), columns_of(runs[1])) == []
    assert runs[0].record.events == runs[1].record.events
    assert runs[0].fired == runs[1].fired
