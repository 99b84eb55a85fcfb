"""Is the lead of credit over demand for compute that of the peaks, and is it told where a peak is not seen?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nobid.runs import credit_cycle as cycle
from nobid.runs.charts.credit_cycle import credit_cycle
from nobid.runs.credit_cycle import compute_demand, credit_lead, credit_peaks, smoothed
from nobid.runs.errors import InputError
from nobid.runs.scenarios import scenario
from nobid.runs.simulation import simulate
from tests.worlds import run

Array = NDArray[np.float64]


def hump(top: float, months: int = 40) -> Array:
    """A series of one path that rises to its top in a month (YYYY-…, counted from 0) and falls after it."""
    return (100.0 - np.abs(np.arange(months) - top))[:, np.newaxis]


def peaks_of(credit: Array, demand: Array) -> dict[str, Any]:
    found: dict[str, Any] = cycle._peaks(credit, demand)
    return found


def test_a_smoothed_month_is_the_mean_of_six() -> None:
    grid = np.arange(12.0)[:, np.newaxis] ** 2
    found = smoothed(grid)
    assert found.shape == (7, 1)
    assert [float(value) for value in found[:, 0]] == pytest.approx([np.mean(grid[k : k + 6]) for k in range(7)])


@pytest.mark.parametrize(("credit", "demand"), [(12.5, 22.5), (25.5, 9.5), (14.5, 14.5)])
def test_the_lead_is_the_month_of_the_top_of_demand_less_that_of_credit(credit: float, demand: float) -> None:
    found = peaks_of(hump(credit), hump(demand))
    assert found["open"][0] == "known"
    assert found["lead"][0] == demand - credit
    assert abs(found["credit_peak"][0] - credit) <= 0.5
    assert abs(found["demand_peak"][0] - demand) <= 0.5


def test_a_top_that_may_lie_outside_the_run_makes_the_lead_a_bound_or_nothing() -> None:
    rising, falling = np.arange(1.0, 41.0)[:, np.newaxis], np.arange(40.0, 0.0, -1.0)[:, np.newaxis]
    demand = peaks_of(hump(12.5), rising)
    assert (demand["open"][0], demand["lead"][0]) == ("demand", 34.0 - 10.0)  # rows 34 and 10 of 0 … 34
    assert peaks_of(rising, hump(12.5))["open"][0] == "credit"
    assert peaks_of(falling, hump(12.5))["open"][0] == "credit"
    both = peaks_of(rising, rising)
    assert both["open"][0] == "both"
    assert np.isnan(both["lead"][0])


def test_a_path_on_which_nothing_is_lent_has_no_lead() -> None:
    found = peaks_of(np.zeros((40, 1)), hump(12.5))
    assert found["open"][0] == "no credit"
    assert np.isnan(found["lead"][0])


def test_growth_of_demand_leads_demand_by_what_a_lead_of_credit_is_held_against() -> None:
    months = np.arange(48.0)
    demand = np.exp(1.0 - np.cos(2.0 * np.pi * months / 60.0))[:, np.newaxis]  # tops in month 30, rises most before it
    found = peaks_of(np.maximum(np.diff(demand, axis=0, prepend=1.0), 0.0), demand)
    assert found["lead"][0] == found["growth_lead"][0] > 5.0


def test_demand_for_compute_is_the_engines() -> None:
    founding = scenario("spin-up").founding
    model = run(founding, 5, paths=(0, 3))
    scale = model.world.demand_scale
    made = compute_demand(model.record.monthly["demand"][:5], founding.parameters)
    assert made[4] == pytest.approx(model.world.compute_demand / scale)


def test_leads_come_by_path_with_what_is_known_of_them() -> None:
    simulated = simulate("grown", paths=3)
    lead = credit_lead(simulated)
    table = credit_peaks(simulated)
    assert list(lead.index) == [0, 1, 2]
    assert sum(lead.attrs["open"].values()) == 3
    assert lead.attrs["unit"] == "months"
    one = simulated.monthly[simulated.monthly["path"] == 2]
    credit = one["credit_extended"].rolling(6).mean().to_numpy()
    assert table.loc[2, "credit_peak"] == np.nanargmax(credit) - 5 + 3


def test_a_run_too_short_for_a_cycle_is_refused() -> None:
    with pytest.raises(InputError, match="needs 12 months or more: the run has 6"):
        credit_lead(simulate("baseline", months=6))


def test_the_chart_shows_both_cycles_and_every_lead_once() -> None:
    simulated = simulate("grown", paths=4)
    figure = credit_cycle(simulated)
    cycles, leads = figure.axes
    assert [line.get_label() for line in cycles.get_lines()] == ["new credit", "demand for compute"]
    assert max(np.nanmax(line.get_ydata()) for line in cycles.get_lines()) == pytest.approx(1.0)
    bars = sum(bar.get_height() for bar in leads.patches)
    assert bars == credit_lead(simulated).notna().sum()


def test_the_chart_of_a_run_too_short_says_so() -> None:
    (ax,) = credit_cycle(simulate("toy")).axes
    assert [text.get_text() for text in ax.texts] == ["a cycle needs 12 months: the run has 3"]
