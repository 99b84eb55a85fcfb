"""Does a path have the same bits alone and among others, all at once and agent by agent, in any order?"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nobid.agents.buyer import GPUBuyer
from nobid.agents.lender import Lender
from nobid.agents.miner import Miner
from nobid.agents.neocloud import NeoCloud
from nobid.agents.state import Link, Rows, ordered_sum
from nobid.model.draws import Draws
from nobid.model.system import ComputeCreditModel
from nobid.runs.scenarios import scenario
from tests.worlds import columns_of, events_of, fingerprint, run, same_bits, without_bids

CLASSES = {"miner": Miner, "neocloud": NeoCloud, "lender": Lender, "buyer": GPUBuyer}
MONTHS = {"baseline": 14, "mispriced": 12}
ALL = 64


@functools.cache
def among_all(name: str) -> ComputeCreditModel:
    """The scenario on 64 paths at once."""
    return run(scenario(name).founding, MONTHS[name], paths=range(ALL))


@pytest.mark.parametrize("paths", [(0,), (41,), (3, 4), tuple(range(7)), (60, 2, 33), (63, 5, 6, 20)])
@pytest.mark.parametrize("name", ["baseline", "mispriced"])
def test_a_path_among_sixty_four_has_the_same_bits_as_alone_or_in_another_company(
    name: str, paths: tuple[int, ...]
) -> None:
    whole = among_all(name)
    part = run(scenario(name).founding, MONTHS[name], paths=paths)
    expected = {key: values[:, list(paths)] for key, values in whole.record.monthly.items()}
    assert same_bits(part.record.monthly, expected) == []
    assert same_bits(columns_of(part), columns_of(whole, paths)) == []
    assert part.record.events == events_of(whole, paths)
    part.close()


def test_the_compared_runs_contain_defaults_sales_and_calls() -> None:
    kinds = {event.kind for name in MONTHS for event in among_all(name).record.events}
    assert {"default", "bought", "margin call", "coins sold"} <= kinds


@pytest.mark.parametrize(
    ("name", "months", "paths"), [("toy", 3, 1), ("baseline", 60, 1), ("baseline", 4, 2), ("everything", 9, 2)]
)
def test_agent_by_agent_and_all_at_once_give_the_same_bits(name: str, months: int, paths: int) -> None:
    founding = scenario(name).founding
    cohort = run(founding, months, paths=range(paths), execution="cohort")
    agent = run(founding, months, paths=range(paths), execution="agent")
    assert same_bits(cohort.record.monthly, agent.record.monthly) == []
    assert same_bits(columns_of(cohort), columns_of(agent)) == []
    assert cohort.record.events == agent.record.events
    assert cohort.fired == agent.fired


# ---- the ordered sum


@pytest.mark.parametrize("rows", [0, 1, 7, 8, 9, 130, 1000])
@pytest.mark.parametrize("shape", [(1,), (2,), (3,), (64,), (9, 1), (9, 2)])
def test_a_sum_down_the_rows_adds_one_row_after_the_other_whatever_stands_beside(
    rows: int, shape: tuple[int, ...]
) -> None:
    luck = np.random.default_rng(7)
    values = luck.standard_normal((rows, *shape)) * np.exp(8.0 * luck.standard_normal((rows, *shape)))
    one_by_one = np.zeros(shape)
    for row in values:
        one_by_one = one_by_one + row
    assert ordered_sum(values).tobytes() == one_by_one.tobytes()
    assert ordered_sum(np.asfortranarray(values)).tobytes() == one_by_one.tobytes()
    assert Link(np.zeros(rows, dtype=np.intp), 1).sum(values)[0].tobytes() == one_by_one.tobytes()


@pytest.mark.parametrize("paths", [1, 2])
def test_a_sum_of_negative_nothings_is_nothing(paths: int) -> None:
    assert not np.signbit(ordered_sum(np.full((9, paths), -0.0))).any()


# ---- every rule by itself


def rules_of(cls: type[Any]) -> list[str]:
    """The public methods that a class and its parents declare as rules."""
    own = [part for part in cls.__mro__ if part.__module__.startswith("nobid.agents") and part is not Rows]
    names = {name for part in own for name, value in vars(part).items() if inspect.isfunction(value)}
    return sorted(name for name in names if not name.startswith("_"))


RULES = [(kind, rule) for kind, cls in CLASSES.items() for rule in rules_of(cls)]
OVER_GENERATIONS = {("rack_rent", "value"), ("haircut", "volatility"), ("haircut", "drawdown")}


@functools.cache
def mid_run() -> ComputeCreditModel:
    """A world of defaults, calls and sales after ten months, on three paths."""
    return run(scenario("everything").founding, 10, paths=range(3))


def shaken(model: ComputeCreditModel, luck: np.random.Generator) -> None:
    """Every column of an agent is moved at random, so that no rule meets only zeros."""
    for (family, name), array in model.columns.arrays.items():
        if family in ("borrower", "lender", "buyer") and (family, name) not in model.columns.fixed:
            scale = max(float(np.abs(array).max()), 1.0)
            flags = name in ("alive", "tight", "was_tight", "failing")
            noise = np.round(luck.random(array.shape)) if flags else scale * luck.random(array.shape)
            array[...] = np.where(luck.random(array.shape) < 0.5, noise, array)


def arguments(rule: Callable[..., Any], name: str, rows: int, generations: int) -> dict[str, np.ndarray]:
    """Random numbers for every argument of a rule, one row an agent."""
    luck = np.random.default_rng(5)
    shapes = {
        one: (rows, generations, 3) if (name, one) in OVER_GENERATIONS else (rows, 3)
        for one in inspect.signature(rule).parameters
    }
    return {one: 2.0 * luck.random(shape) for one, shape in shapes.items()}


def at_once(model: ComputeCreditModel, kind: str, rule: str) -> tuple[Any, dict[Any, np.ndarray]]:
    """What the rule answers, and all columns after it, when it runs on whole columns."""
    view = CLASSES[kind].every(model)
    method = getattr(view, rule)
    rows = len(model.columns[view.family, "cash"][view.where])
    answer = method(**arguments(method, rule, rows, len(model.hardware.names)))
    return answer, columns_of(model)


def one_by_one(model: ComputeCreditModel, kind: str, rule: str, shuffled: bool) -> tuple[Any, dict[Any, np.ndarray]]:
    """The same through Mesa's own agents, one after the other."""
    agents = model.agents_by_type[CLASSES[kind]]
    members = sorted(agents, key=lambda agent: agent.where)
    method = getattr(members[0], rule)
    given = arguments(method, rule, len(members), len(model.hardware.names))
    order = list(range(len(members)))
    if shuffled:
        np.random.default_rng(3).shuffle(order)
    answers = {i: getattr(members[i], rule)(**{name: values[i] for name, values in given.items()}) for i in order}
    answer = None if answers[0] is None else np.stack([answers[i] for i in range(len(members))])
    return answer, columns_of(model)


@pytest.mark.parametrize("shaking", [False, True], ids=["mid-run", "shaken"])
@pytest.mark.parametrize(("kind", "rule"), RULES, ids=[f"{kind}-{rule}" for kind, rule in RULES])
def test_every_rule_has_the_same_bits_at_once_one_by_one_and_in_any_order(kind: str, rule: str, shaking: bool) -> None:
    model = mid_run()
    start = columns_of(model)
    try:
        if shaking:
            shaken(model, np.random.default_rng(11))
        before = columns_of(model)
        results = []
        for act in (
            lambda: at_once(model, kind, rule),
            lambda: one_by_one(model, kind, rule, False),
            lambda: one_by_one(model, kind, rule, True),
        ):
            for key, array in before.items():
                model.columns.arrays[key][...] = array
            results.append(act())
    finally:
        for key, array in start.items():
            model.columns.arrays[key][...] = array
    answer, after = results[0]
    for other, columns in results[1:]:
        assert same_bits(after, columns) == []
        assert (answer is None) == (other is None)
        assert answer is None or np.array_equal(np.broadcast_to(answer, other.shape), other)


def test_the_rules_that_run_one_by_one_are_all_there_are() -> None:
    assert {("miner", "runs_mining"), ("lender", "accelerates"), ("buyer", "leaves_contract")} <= set(RULES)
    assert len(RULES) >= 25


def test_edges_that_name_an_agent_twice_get_what_the_agent_alone_would_say() -> None:
    model = mid_run()
    of = np.array([2, 0, 2, 5, 1])
    luck = np.random.default_rng(2)
    ltv, cap, cover = luck.random((5, 3)), luck.random((5, 3)), 2.0 * luck.random((5, 3))
    asked = model.ask("lender", "would_roll", of, ltv, cap, cover)
    members = sorted(model.agents_by_type[Lender], key=lambda agent: agent.where)
    said = np.stack([members[who].would_roll(ltv[e], cap[e], cover[e]) for e, who in enumerate(of)])
    assert np.array_equal(asked, said)


class Shuffled(ComputeCreditModel):
    """Agents act in another order every time."""

    def do(self, kind: str, rule: str) -> None:
        """Every agent of the kind has followed the rule, in random order."""
        if self.classes[kind] in self.agents_by_type:
            self.agents_by_type[self.classes[kind]].shuffle_do(rule)


def test_the_order_of_agents_within_a_phase_changes_no_bit_of_a_run() -> None:
    founding = scenario("everything").founding
    plain = run(founding, 8, paths=range(2))
    model = Shuffled(founding, paths=range(2), execution="agent")
    for _ in range(8):
        model.step()
    assert same_bits(plain.record.monthly, model.record.monthly) == []
    assert same_bits(columns_of(plain), columns_of(model)) == []
    assert plain.record.events == model.record.events


# ---- luck


def test_the_same_seed_gives_the_same_history_and_another_seed_another() -> None:
    founding = scenario("baseline").founding
    first, again, other, zero = (fingerprint(run(founding, 3, seed=seed)) for seed in (7, 7, 8, 0))
    assert first == again
    assert len({first, other, zero}) == 3


def test_two_paths_have_different_luck() -> None:
    coin = among_all("baseline").record.monthly["coin"][:14]
    assert len(np.unique(coin[3])) == ALL


def test_a_buyer_added_at_the_end_changes_nobody_elses_draws() -> None:
    few, more = Draws(3, [0, 5], 4), Draws(3, [0, 5], 6)
    assert np.array_equal(few.buyers, more.buyers[:4])
    for name in ("shocks", "regime", "jump", "beliefs"):
        assert np.array_equal(getattr(few, name), getattr(more, name))


def test_a_buyer_without_racks_or_money_added_at_the_end_changes_no_figure() -> None:
    founding = scenario("everything").founding
    joined = founding.model_copy(update={"buyers": (*founding.buyers, without_bids("Onlooker"))})
    plain, watched = run(founding, 8, paths=range(2)), run(joined, 8, paths=range(2))
    ours = [name for name in plain.record.monthly if name != "defaults_buyer"]  # the onlooker may fail: its own affair
    assert (
        same_bits(
            {name: plain.record.monthly[name] for name in ours}, {name: watched.record.monthly[name] for name in ours}
        )
        == []
    )
