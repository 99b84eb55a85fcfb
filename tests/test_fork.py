"""Does a fork share its parent's past bit for bit, obey its changes from then on, and refuse what came too late?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import BaseModel

from nobid.model.founding import ShockPaths
from nobid.model.parameter_fields import Section
from nobid.model.parameters import Parameters
from nobid.model.system import ComputeCreditModel
from nobid.runs.errors import InputError
from nobid.runs.fork import WHY_SETTLED, ForkedScenario, forked
from nobid.runs.run import Run
from nobid.runs.scenarios import scenario
from nobid.runs.simulation import simulate
from tests.test_own_agent import Holder
from tests.test_parameters_matter import KEYS, grounds, leaves
from tests.worlds import QUIET, borrower, changed, generation, world

CRISIS = "everything"
M = "2026-04"
CHANGES: dict[str, Any] = {"debt.gpu_margin.on": False, "lenders.mark": "book", "rental.site_cost": 0.3}


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Two paths of a crisis, eight months, stored."""
    return simulate(CRISIS, months=8, paths=2, out=tmp_path_factory.mktemp("runs") / "parent", figures=False)


def same(a: Run, b: Run, *, before: str = "9999-12") -> bool:
    """Monthly figures and events of the two are the same, bit for bit, before the month."""
    for left, right in ((a.monthly, b.monthly), (a.events, b.events)):
        kept = [rows[rows["month"] < before].reset_index(drop=True) for rows in (left, right)]
        if not kept[0].equals(kept[1]):
            return False
    return True


# ---- the same past, the same luck


@pytest.mark.parametrize("month", ["2026-01", M, "2026-08"])
def test_a_fork_without_changes_is_its_parent(parent: Run, month: str) -> None:
    fork = parent.fork(month)
    assert same(fork, parent)
    pd.testing.assert_frame_equal(fork.outcomes, parent.outcomes)
    assert fork.scenario.hash != parent.scenario.hash
    assert fork.scenario.hash != forked(parent.scenario, "2026-02").hash


def test_a_fork_shares_its_parents_past_and_parts_from_the_month_on(parent: Run) -> None:
    fork = parent.fork(M, CHANGES)
    assert same(fork, parent, before=M)
    for path in parent.paths:
        now = [run.monthly[(run.monthly["path"] == path) & (run.monthly["month"] == M)] for run in (fork, parent)]
        assert not now[0].equals(now[1])
    assert fork.monthly["coin"].iloc[0] == parent.monthly["coin"].iloc[0]


def test_one_path_of_a_fork_is_the_same_alone_and_agent_by_agent(parent: Run) -> None:
    many, alone = parent.fork(M, CHANGES), parent.fork(M, CHANGES, path=1, execution="agent")
    kept = many.monthly[many.monthly["path"] == 1].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, alone.monthly, check_exact=True)


def test_a_fork_from_the_first_month_keeps_the_founding_and_takes_the_new_rules() -> None:
    """`lenders.mark` is read by both: thresholds keep the marks of signing, the months use the new ones."""
    longer, change = simulate(CRISIS, months=14, paths=2), {"lenders.mark": "book"}
    fork, anew = longer.fork("2026-01", change), simulate(CRISIS, months=14, paths=2, set=change)
    assert not same(fork, longer)
    assert not same(fork, anew)


def test_a_rule_that_is_only_read_month_by_month_acts_from_the_first_month_as_if_always_so(parent: Run) -> None:
    change = {"debt.gpu_margin.call_speed": 0.1}
    assert same(parent.fork("2026-01", change), simulate(CRISIS, months=8, paths=2, set=change))


def test_a_fork_of_a_fork_goes_through_all_three_stages(parent: Run) -> None:
    first = parent.fork(M, CHANGES)
    second = first.fork("2026-06", {"coin.volatility": 2.0})
    assert same(second, parent, before=M)
    assert same(second, first, before="2026-06")
    assert not same(second, first)
    assert isinstance(second.scenario, ForkedScenario)
    assert [stage.until for stage in second.scenario.earlier] == [M, "2026-06"]


def test_a_fork_from_the_month_of_a_fork_adds_to_its_changes(parent: Run) -> None:
    both = parent.fork(M, {"lenders.mark": "book"}).fork(M, {"debt.gpu_margin.on": False, "rental.site_cost": 0.3})
    assert same(both, parent.fork(M, CHANGES))
    assert isinstance(both.scenario, ForkedScenario)
    assert len(both.scenario.earlier) == 1
    with pytest.raises(InputError, match="this run is itself a fork from 2026-04: choose that month or a later one"):
        both.fork("2026-03")


# ---- what may change


def test_the_cost_of_a_machine_follows_its_parts_and_every_firm_pays_it() -> None:
    """By hand: one machine of 1 kW that costs .14 + .12 + .02 USD an hour to hold, then .14 + .30 + .02."""
    before = world(generation(), borrower(units={"H100": 1.0}, cash=100.0), **QUIET)
    after = changed(before, rental__site_cost=0.30)
    model = ComputeCreditModel(before, later={1: after})
    model.step()
    assert model.hardware.cost[0, 0] == pytest.approx(0.28 * 730.0, rel=1e-12)
    model.step()
    assert model.hardware.cost[0, 0] == pytest.approx(0.46 * 730.0, rel=1e-12)
    model.changes_rules(before, ())
    assert model.hardware.cost[0, 0] == pytest.approx(0.28 * 730.0, rel=1e-12)
    assert model.hardware.age[0, 0] == 14.0  # launched a year before the start, two months gone


def test_a_shock_from_the_month_on_strikes_and_what_has_struck_stays(parent: Run) -> None:
    happened = parent.fork("2026-07", {"shock": [{"month": "2026-08", "coin": -0.5}]})
    assert [one.month for one in happened.scenario.parameters.shock] == ["2026-06", "2026-08"]
    assert same(happened, parent, before="2026-08")
    fall = [run.monthly["coin"][run.monthly["month"] == "2026-08"].to_numpy() for run in (happened, parent)]
    assert (fall[0] < 0.6 * fall[1]).all()
    assert "2027-09" not in str(happened.scenario.resolved["shock"])


def test_a_firm_made_safe_in_the_month_of_its_default_survives_it() -> None:
    base = simulate("toy", months=3)
    defaults = base.events[base.events["kind"] == "default"]
    month, firm = defaults["month"].iloc[0], defaults["source"].iloc[0]
    saved = base.fork(month, {"safe": [firm]})
    assert same(saved, base, before=month)
    assert firm not in set(saved.events.loc[saved.events["kind"] == "default", "source"])


def test_a_given_path_holds_from_the_month_on() -> None:
    base = simulate("toy", months=3)
    fork = base.fork("2026-02", {"paths.coin": [1.0, 50_000.0, 40_000.0]})
    assert fork.monthly["coin"].iloc[0] == base.monthly["coin"].iloc[0]
    assert fork.monthly["coin"].iloc[2] == pytest.approx(40_000.0, rel=0.05)
    assert fork.scenario.founding.paths.coin.tolist()[1:] == [50_000.0, 40_000.0]


def test_given_paths_are_joined_whatever_their_lengths() -> None:
    base = scenario("toy", set={"months": 3, "paths.rent": [2.0]})
    fork = forked(base, "2026-03", {"paths.rent": [9.0, 9.0, 1.0]})
    np.testing.assert_array_equal(fork.founding.paths.rent, [2.0, np.nan, 1.0])
    assert forked(base, "2026-03").founding.paths.rent.tolist() == [2.0]
    assert isinstance(fork.founding.paths, ShockPaths)


# ---- what cannot change any more


def sections(model: type[BaseModel], prefix: str = "") -> dict[type[BaseModel], str]:
    """Each section of the parameters with the beginning of its keys."""
    found = {model: prefix}
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found |= sections(field.annotation, f"{prefix}{name}.")
    return found


def reads(monkeypatch: pytest.MonkeyPatch) -> tuple[set[str], set[str]]:
    """Every key that the founding reads, and every key that a month reads, on worlds in which every rule acts."""
    prefixes, seen = sections(Parameters), set()

    def traced(self: Section, name: str) -> Any:
        if type(self) in prefixes:
            seen.add(prefixes[type(self)] + name)
        return object.__getattribute__(self, name)

    founding_reads: set[str] = set()
    month_reads: set[str] = set()
    monkeypatch.setattr(Section, "__getattribute__", traced, raising=False)
    impact = changed(scenario(CRISIS).founding, market="impact"), 8, (1,)
    for founding, months, paths in (*grounds().values(), impact):
        seen.clear()
        model = ComputeCreditModel(founding, paths=paths)
        founding_reads |= seen
        seen.clear()
        for _ in range(months):
            model.step()
        month_reads |= seen
        model.close()
    monkeypatch.undo()
    return founding_reads & set(KEYS), month_reads & set(KEYS)


def test_what_is_refused_is_exactly_what_only_the_founding_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some that the months read were settled too: the calendar; the cost of power, by which machines were put in order;
    the first coin price, from which causes count. Who is `safe` is read again when rules change."""
    founding, months = reads(monkeypatch)
    assert founding | months == set(KEYS), "these worlds do not read every parameter"
    assert founding - months - {"safe"} == set(WHY_SETTLED) - {"start", "months", "rental.power_cost", "coin.price"}


@pytest.mark.parametrize("key", sorted(WHY_SETTLED))
def test_a_key_that_acts_only_at_the_start_is_refused_by_name(key: str) -> None:
    base = scenario("toy")
    fields = dict(leaves(Parameters))
    value = next(value for value in tried(base.parameters, key) if value is not None)
    with pytest.raises(InputError) as caught:
        forked(base, "2026-02", {key: value})
    assert f"--set {key} = " in str(caught.value)
    assert f"cannot change in 2026-02: {WHY_SETTLED[key]}: set it for a run of its own" in str(caught.value)
    assert key in fields


def tried(parameters: Parameters, key: str) -> list[Any]:
    """Another value that the key may have."""
    now: Any = parameters
    for part in key.split("."):
        now = getattr(now, part)
    if isinstance(now, bool):
        return [not now]
    if isinstance(now, str):
        return ["2025-12"]
    return [now + 1 if isinstance(now, int) else now * 0.9 + 0.001]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"firm.IREN.cash": 5.0}, "--set firm.IREN.cash = 5.0: cannot change in 2026-04: balance sheets and contracts"),
        ({"lender.*.repo": True}, "--set lender.*.repo = true: cannot change in 2026-04: balance sheets and contracts"),
        ({"coin.prise": 5.0}, "--set: unknown key coin.prise: did you mean coin.price?"),
        ({"repo.capacity": 2.0}, "must be a number between 0 and 1"),
        ({"shock": [{"month": "2026-03", "coin": -0.1}]}, "a shock in 2026-03 lies before 2026-04"),
        ("coin.price=5", "give a mapping"),
    ],
)
def test_what_came_too_late_or_is_wrong_is_told(change: Any, sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        forked(scenario(CRISIS), M, change)
    assert sentence in str(caught.value)


def test_every_refused_key_is_named_at_once() -> None:
    with pytest.raises(InputError) as caught:
        forked(scenario(CRISIS), M, ["lenders.capital_multiple=1", "firm.IREN.cash=5", "supply.growth=0.1"])
    assert [line.split(" = ")[0] for line in str(caught.value).splitlines()] == [
        "--set supply.growth",
        "--set lenders.capital_multiple",
        "--set firm.IREN.cash",
    ]


def test_the_value_that_holds_already_is_no_change() -> None:
    now = scenario(CRISIS).parameters.lenders.capital_multiple
    assert forked(scenario(CRISIS), M, {"lenders.capital_multiple": now}).month == M


@pytest.mark.parametrize("month", [None, "2025-12", "2031-01", "soon", "2026-4"])
def test_a_month_outside_the_run_is_told(month: str | None) -> None:
    with pytest.raises(InputError, match=r"a fork needs the month from which its changes hold, 2026-01 … 2030-12\."):
        forked(scenario("baseline"), month)


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"seed": 8}, "seed = 8: a fork of .* keeps its luck, seed 7"),
        ({"months": 3}, "months = 3: a fork of .* ends with it"),
        ({"name": "toy"}, "keeps its scenario: leave out the other one"),
        ({"agents": {"miner": Holder}}, "a fork keeps the agents of its run"),
    ],
)
def test_what_a_fork_shares_with_its_parent_cannot_be_asked_for(
    parent: Run, asked: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        simulate(asked.pop("name", None), start_from=parent, month=M, **asked)
    with pytest.raises(InputError, match="month = 2026-04: a month belongs to a fork"):
        simulate("toy", month=M)


def test_a_fork_keeps_its_parents_own_agents() -> None:
    base = simulate("baseline", months=3, agents={"miner": Holder})
    assert same(base.fork("2026-02"), base)
    assert base.fork("2026-02").order.agents == {"miner": Holder}


# ---- what is kept


def test_the_directory_of_a_fork_says_where_it_came_from_and_holds_every_stage(tmp_path: Path) -> None:
    base = simulate("toy", months=3, out=tmp_path / "base", figures=False)
    asked: dict[str, Any] = {"month": "2026-02", "set": CHANGES, "out": tmp_path / "fork", "figures": False}
    fork = base.fork(**asked)
    told = f"until 2026-02 as {base.out} (hash {base.scenario.hash[:6]}…), from then on: debt.gpu_margin.on = false, "
    assert fork.scenario.notes[-1].startswith(told)
    assert scenario(tmp_path / "fork" / "resolved.toml").parameters == fork.scenario.parameters
    assert scenario(tmp_path / "fork" / "resolved-until-2026-02.toml").hash == base.scenario.hash
    before = (tmp_path / "fork" / "run.json").read_bytes()
    assert simulate(start_from=tmp_path / "base", **asked).outcome == fork.outcome
    assert (tmp_path / "fork" / "run.json").read_bytes() == before, "a finished fork was run again"
