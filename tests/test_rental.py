"""What does an hour of compute cost: merit order by hand, the start, and the sign of efficiency?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nobid.model.founding import Founding, ShockPaths
from nobid.model.rental import MeritOrder, supply_by_source
from nobid.model.system import ComputeCreditModel
from nobid.runs.scenarios import scenario
from tests.worlds import borrower, buyer, facility, generation, run, world

REFERENCE = 2.0


def two_generations(**keys: Any) -> Founding:
    """100 new machines of 2 H100e at 1 kW and 100 old ones of 1 H100e at 2 kW; power costs 0.1, nobody is outside."""
    new = generation("New", launch="2025-06", h100e=2.0, kw=1.0)
    old = generation("Old", launch="2022-01", h100e=1.0, kw=2.0)
    plain = {"supply__outside_multiple": 0.0, "rental__power_cost": 0.1, "rental__owner_spread": 0.0}
    plain |= {"rental__reference_rent": REFERENCE, "rental__utilisation_cap": 1.0, "demand__elasticity": 2.0}
    firm = borrower(units={"New": 100, "Old": 100}, cash=1e3)
    return world(firm, facility(), new, old, buyer(), **{**plain, **keys})


def cleared(demand: float, **keys: Any) -> tuple[float, list[float]]:
    """Rent, and the share of each generation that runs, when demand at the reference rent is this many H100e."""
    m: ComputeCreditModel = run(two_generations(**keys), 0)
    order = MeritOrder(m)
    rent, runs = order.clear(supply_by_source(m), np.array([demand]), reference=REFERENCE, elasticity=2.0)
    return float(rent[0]), runs[:2, 0].tolist()


# new machines cost 0.05 an H100e-hour to run, old ones 0.2; in all 300 H100e


def test_where_all_run_the_rent_is_what_clears_the_whole_supply() -> None:
    rent, runs = cleared(300.0)
    assert rent == pytest.approx(REFERENCE)
    assert runs == pytest.approx([1.0, 1.0])
    assert cleared(75.0)[0] == pytest.approx(REFERENCE * (75.0 / 300.0) ** 0.5)


def test_where_demand_falls_the_dear_machine_is_at_the_margin_and_rent_is_its_cost() -> None:
    # at a rent of 0.2 demand is D (0.2 / 2)^-2 = 100 D: between 200 and 300 old machines run in part
    rent, runs = cleared(2.5)
    assert rent == pytest.approx(0.2)
    assert runs == pytest.approx([1.0, 0.5])


def test_further_down_only_the_cheap_machine_runs_and_sets_the_rent_between_the_two_costs() -> None:
    rent, runs = cleared(1.0)
    assert rent == pytest.approx(REFERENCE * (1.0 / 200.0) ** 0.5)  # 0.141
    assert runs == pytest.approx([1.0, 0.0])


def test_at_the_bottom_the_cheap_machine_runs_in_part_at_its_cost() -> None:
    rent, runs = cleared(0.1)
    assert rent == pytest.approx(0.05)
    assert runs == pytest.approx([0.1 * 1600.0 / 200.0, 0.0])


def test_owners_differ_in_cost_so_a_generation_idles_in_thirds() -> None:
    rent, runs = cleared(2.5, rental__owner_spread=0.15)
    assert runs[0] == pytest.approx(1.0)
    # the cheap third of the old machines runs at 0.17, the middle one at 0.2: 250 H100e are wanted at 0.2
    assert rent == pytest.approx(0.2)
    assert runs[1] == pytest.approx(0.5)


def test_the_rent_is_where_demand_and_what_runs_meet_whatever_the_demand() -> None:
    m = run(two_generations(rental__owner_spread=0.15), 0)
    supply = np.repeat(supply_by_source(m), 400, axis=1)
    demand = np.geomspace(0.01, 3000.0, 400)
    rent, runs = MeritOrder(m).clear(supply, demand, reference=REFERENCE, elasticity=2.0)
    served = (runs * supply).sum(axis=0)
    assert served == pytest.approx(demand * (rent / REFERENCE) ** -2.0, rel=1e-9)
    assert np.all(np.diff(rent) >= -1e-12)


def test_the_first_rent_is_the_reference_rent() -> None:
    for name in ("baseline", "mispriced", "toy"):
        founding = scenario(name).founding
        founding = founding.model_copy(update={"paths": ShockPaths()})
        m = run(founding, 0)
        assert float(m.world.rent[0]) == pytest.approx(founding.parameters.rental.reference_rent, rel=1e-9)


@pytest.mark.parametrize(("elasticity", "sign"), [(1.6, 1.0), (0.7, -1.0), (1.0, 0.0)])
def test_efficiency_raises_demand_for_compute_where_it_is_elastic_and_lowers_it_where_it_is_not(
    elasticity: float, sign: float
) -> None:
    keys = {"demand__elasticity": elasticity, "demand__growth_calm": 0.0, "supply__growth": 0.0}
    keys |= {"supply__price_response": 0.0, "demand__growth_uncertainty": 0.0}
    fast, slow = (run(two_generations(demand__efficiency_growth=eta, **keys), 12) for eta in (0.6, 0.0))
    for name, read in (("compute demanded", "compute_demand"), ("rent", "rent")):
        change = np.log(float(fast.columns["world", read][0]) / float(slow.columns["world", read][0]))
        assert np.sign(round(change, 12)) == sign, name


def test_outside_supply_lowers_the_rent_by_the_elasticity() -> None:
    keys = {"demand__growth_calm": 0.0, "demand__efficiency_growth": 0.0, "supply__price_response": 0.0}
    m = run(two_generations(supply__outside_multiple=1.0, supply__growth=0.6, **keys), 3)
    grown = 300.0 + 300.0 * np.exp(0.05 * 3)
    assert float(m.world.rent[0]) == pytest.approx(REFERENCE * (600.0 / grown) ** 0.5)


def test_a_given_rent_stands_in_for_the_market() -> None:
    founding = two_generations().model_copy(update={"paths": ShockPaths(rent=np.array([1.9, np.nan, 0.15]))})
    m = run(founding, 3)
    rents = m.record.monthly["rent"][:3, 0]
    assert (rents[0], rents[2]) == (1.9, 0.15)
    assert rents[1] not in (1.9, 0.15)
    assert m.market.utilisation[:, 0].tolist() == [1.0, 0.0]  # 0.15 pays the power of new machines, not of old ones
