"""Is a drawn population what was asked for, the same whoever draws it, and does the model run on it?"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from nobid.model.edges import MACHINE_LOANS, Edges
from nobid.model.founding import Founding
from nobid.model.parameters import Parameters
from nobid.model.parameters_population import Population as Rules
from nobid.runs.checks import row_problems
from nobid.runs.errors import InputError
from nobid.runs.rows import FOUNDING_FIELD
from nobid.runs.scenario_files import shipped_names
from nobid.runs.scenarios import scenario
from nobid.runs.synthetic import populated, without_collection
from nobid.runs.synthetic_firms import WINDOW, Shapes, gross_assets
from tests.worlds import columns_of, run, same_bits

TABLES = tuple(name for table, name in FOUNDING_FIELD.items() if table != "generation")
ESSAY = {"lenders.mark": "market", "debt.gpu_margin.on": True, "debt.gpu_margin.call_speed": 1.0}
THIN = {**ESSAY, "lenders.capital_multiple": 0.25, "regime.start_in_stress": True}
LARGE = 4000


def drawn(borrowers: int, base: str = "baseline", **keys: Any) -> Founding:
    """A population of the scenario; keys of `population` by name, others dotted in `set`."""
    other: Mapping[str, Any] = keys.pop("others", {})
    population = {f"population.{key}": value for key, value in {"borrowers": borrowers, **keys}.items()}
    return scenario(base, set={**population, **other}).founding


@functools.cache
def large(**keys: Any) -> Founding:
    """Nobody but drawn firms, many of them."""
    return drawn(LARGE, pinned=False, **keys)


def tables_of(founding: Founding) -> dict[str, list[Any]]:
    """The rows by table, as the generator takes them."""
    return {table: list(getattr(founding, name)) for table, name in FOUNDING_FIELD.items()}


def amounts(founding: Founding, table: str, column: str) -> float:
    """A column's sum."""
    return float(sum(getattr(row, column) for row in getattr(founding, table)))


def compute(founding: Founding) -> float:
    """H100e of all borrowers' machines."""
    per_unit = {row.name: row.h100e for row in founding.generations}
    rows = [*founding.borrowers, *founding.facilities]
    return sum(per_unit[name] * count for row in rows for name, count in row.units.items())


def herfindahl(founding: Founding) -> float:
    """Concentration of what lenders hold."""
    held: Counter[str] = Counter()
    for row in founding.facilities:
        held[row.lender] += row.drawn  # type: ignore[assignment]
    whole = sum(held.values())
    return sum((one / whole) ** 2 for one in held.values())


# ---- the same draw


def test_the_same_draw_gives_the_same_rows_and_another_draw_others() -> None:
    one, again, other = drawn(120, draw=3), drawn(120, draw=3), drawn(120, draw=4)
    assert all(getattr(one, table) == getattr(again, table) for table in TABLES)
    assert all(getattr(one, table) != getattr(other, table) for table in TABLES)


@pytest.mark.parametrize("pinned", [True, False])
def test_one_borrower_more_at_the_end_changes_nobody_else_s_row(pinned: bool) -> None:
    few, more = (drawn(size, pinned=pinned, lenders=40, buyers=30) for size in (300, 301))
    for table in ("borrowers", "facilities", "offtakes", "hosting"):
        before, after = getattr(few, table), getattr(more, table)
        assert after[: len(before)] == before, table
    assert len(more.borrowers) == len(few.borrowers) + 1
    assert few.lenders == more.lenders


def test_figures_have_few_digits_so_that_no_processor_writes_others() -> None:
    founding = drawn(100, pinned=False)
    for row in founding.facilities:
        assert float(f"{row.limit:.7g}") == row.limit
        assert all(count == round(count) for count in row.units.values())


def test_collection_of_garbage_is_on_again_after_a_draw_that_fails() -> None:
    import gc

    with pytest.raises(InputError), without_collection():
        raise InputError("no")
    assert gc.isenabled()


# ---- what is pinned, what is off


def test_pinned_firms_and_edges_stand_first_and_unchanged() -> None:
    known, founding = scenario("baseline").founding, drawn(100)
    for table in TABLES:
        rows = getattr(known, table)
        assert getattr(founding, table)[: len(rows)] == rows, table
    assert not {row.name for row in known.borrowers} & {row.name for row in drawn(100, pinned=False).borrowers}


def test_without_borrowers_a_scenario_is_its_own_rows() -> None:
    founding = scenario("baseline").founding
    tables = tables_of(founding)
    assert populated(tables, founding.parameters) is tables
    assert founding.scale == 1.0


def test_the_scenario_is_shipped_and_any_other_takes_a_population_too() -> None:
    assert "synthetic" in shipped_names()
    assert len(scenario("synthetic").founding.borrowers) == 200
    mispriced = drawn(60, "mispriced")
    assert len(mispriced.borrowers) == 60
    assert {row.belief_decay for row in mispriced.borrowers} == {0.08}


def test_what_is_written_back_is_what_the_population_is_drawn_from() -> None:
    world = scenario("synthetic", set={"population.borrowers": 5000})
    assert len(world.to_toml()) < 400_000
    assert len(world.resolved["borrower"]) == 23


@pytest.mark.parametrize("draw", range(3))
def test_drawn_rows_contradict_each_other_nowhere(draw: int) -> None:
    founding = drawn(150, draw=draw, pinned=False)
    assert not list(row_problems(tables_of(founding), founding.parameters, lambda *_: ""))


# ---- marginals of the data


def shape_figures(founding: Founding) -> dict[str, float]:
    """Means by borrower, shares of debt by kind, terms: what a population has in common with its data."""
    machines = [row for row in founding.facilities if row.kind in MACHINE_LOANS and row.units and row.drawn > 0.0]
    price = {row.name: row.list_price for row in founding.generations}
    worth = [sum(price[name] * count for name, count in row.units.items()) / 1e6 for row in machines]
    debt, firms = amounts(founding, "facilities", "drawn"), len(founding.borrowers)
    kinds = {
        f"share of {kind}": sum(row.drawn for row in founding.facilities if row.kind == kind) / debt
        for kind in ("abl", "convertible", "note", "project", "vendor")
    }
    return {
        **kinds,
        "debt": debt / firms,
        "cash": amounts(founding, "borrowers", "cash") / firms,
        "compute": compute(founding) / firms,
        "sold forward": amounts(founding, "offtakes", "h100e") / compute(founding),
        "site rent": amounts(founding, "hosting", "rent") / firms,
        "loan-to-value": sum(row.drawn for row in machines) / sum(worth),
        "rate": float(np.mean([row.rate for row in founding.facilities])),
        "tenor": float(np.mean([row.months for row in founding.facilities])),
        "advance": float(np.mean([row.advance for row in machines])),
        "level": float(np.mean([row.amortisation == "level" for row in founding.facilities])),
        "covenant": float(np.mean([row.dscr_min > 0.0 for row in machines])),
    }


def test_a_large_draw_has_the_marginals_of_the_data() -> None:
    measured, found = shape_figures(scenario("baseline").founding), shape_figures(large())
    for name, value in measured.items():
        assert found[name] == pytest.approx(value, rel=0.25, abs=0.02), name
    for name in ("cash", "loan-to-value", "rate", "tenor", "advance", "level", "covenant"):
        assert found[name] == pytest.approx(measured[name], rel=0.1), name


@pytest.mark.parametrize("kind", ["miner", "neocloud"])
def test_sizes_are_log_normal_with_mean_and_spread_of_the_data(kind: str) -> None:
    logs = {}
    for name, founding in (("data", scenario("baseline").founding), ("drawn", large(variety=0.0))):
        tables = tables_of(founding)
        size = gross_assets(tables, Shapes(tables, founding.parameters), founding.parameters)
        logs[name] = np.log([size[row.name] for row in founding.borrowers if row.kind == kind])
    assert np.exp(logs["drawn"]).mean() == pytest.approx(np.exp(logs["data"]).mean(), rel=0.15)
    assert logs["drawn"].std() == pytest.approx(logs["data"].std(ddof=1), rel=0.06)
    centred = (logs["drawn"] - logs["drawn"].mean()) / logs["drawn"].std()
    assert abs(float((centred**3).mean())) < 0.2  # a normal has no skew
    assert float((centred**4).mean()) == pytest.approx(3.0, abs=0.4)  # and a kurtosis of three


# ---- degrees, shares, concentration


@pytest.mark.parametrize(
    ("key", "target", "table"),
    [
        ("facilities", 2.0, "facilities"),
        ("facilities", 8.0, "facilities"),
        ("contracts", 0.4, "offtakes"),
        ("contracts", 2.0, "offtakes"),
        ("leases", 0.2, "hosting"),
        ("leases", 1.0, "hosting"),
    ],
)
def test_a_borrower_has_as_many_edges_as_asked_for(key: str, target: float, table: str) -> None:
    founding = large(**{key: target})
    assert len(getattr(founding, table)) / LARGE == pytest.approx(target, rel=0.06)


def test_amounts_do_not_depend_on_how_many_edges_they_are_split_into() -> None:
    few, many = large(facilities=2.0, contracts=1.0), large(facilities=8.0, contracts=2.0)
    for table, column in (("facilities", "drawn"), ("facilities", "coins"), ("offtakes", "h100e")):
        assert amounts(many, table, column) == pytest.approx(amounts(few, table, column), rel=0.12), (table, column)


def test_shares_of_miners_and_of_lenders_with_a_line_are_those_asked_for() -> None:
    founding = large(miners=0.3, lenders=300, warehouses=0.1)
    assert np.mean([row.kind == "miner" for row in founding.borrowers]) == pytest.approx(0.3, abs=0.02)
    assert len(founding.warehouses) == pytest.approx(30, abs=1)
    assert len({row.receiver for row in founding.warehouses}) == len(founding.warehouses)


@pytest.mark.parametrize(("lenders", "target"), [(60, 0.06), (60, 0.124), (60, 0.2), (800, 0.05)])
def test_lenders_are_as_concentrated_as_asked_for(lenders: int, target: float) -> None:
    assert herfindahl(large(lenders=lenders, concentration=target)) == pytest.approx(target, rel=0.15)


def test_loans_go_to_lenders_of_the_kind_that_holds_their_shape() -> None:
    founding = large()
    kind = {row.name: row.kind for row in founding.lenders}
    assert {kind[row.lender] for row in founding.facilities if row.kind == "btc_loan"} <= {"crypto_lender", "bank"}
    assert {kind[row.lender] for row in founding.facilities if row.kind == "vendor"} == {"vendor"}


def test_a_loan_names_the_contracts_that_its_shape_names() -> None:
    known = {row.name: row for row in scenario("baseline").founding.facilities}
    founding, after = large(), "drawn, shaped after "
    shape = {row.name: row.source.removeprefix(after) for row in founding.offtakes}
    held: dict[str, list[str]] = {}
    for row in founding.offtakes:
        held.setdefault(row.borrower, []).append(row.name)
    named = 0
    for loan in founding.facilities:
        wanted = known[loan.source.removeprefix(after)].contracts
        assert list(loan.contracts) == [name for name in held.get(loan.borrower, []) if shape[name] in wanted]
        named += len(loan.contracts)
    assert named > 1000


def test_warehouse_lines_go_to_lenders_that_hold_much_and_stay_within_their_advance() -> None:
    founding = large(lenders=300, warehouses=0.05)
    secured: Counter[str] = Counter()
    for row in founding.facilities:
        secured[row.lender] += row.drawn * row.secured  # type: ignore[assignment]
    kinds = {row.name: row.kind for row in founding.lenders}
    receiving = {kinds[row.receiver] for row in founding.warehouses}
    assert receiving == {"private_credit", "hedge_fund"}
    largest = sorted((name for name in kinds if kinds[name] in receiving), key=lambda name: -secured[name])[:10]
    assert len({*largest} & {row.receiver for row in founding.warehouses}) >= 8
    assert all(0.0 < row.drawn <= row.advance * secured[row.receiver] for row in founding.warehouses)


@pytest.mark.parametrize("borrowers", [200, 2000])
@pytest.mark.parametrize("pinned", [True, False])
def test_buyers_budgets_and_racks_grow_with_the_fleet(borrowers: int, pinned: bool) -> None:
    known, founding = scenario("baseline").founding, drawn(borrowers, pinned=pinned)
    times = compute(founding) / compute(known)
    for column in ("budget", "racks_air", "racks_liquid", "free_air", "free_liquid"):
        whole = amounts(founding, "buyers", column)
        assert whole == pytest.approx(times * amounts(known, "buyers", column), rel=1e-5), column


def test_the_coin_market_is_as_much_deeper_as_the_system_is_larger() -> None:
    founding = drawn(92)
    assert founding.scale == 4.0
    pushed = []
    for scale in (1.0, 4.0):
        model = run(founding.model_copy(update={"scale": scale}), 0)
        model.world.round_coins = 1000.0
        model.coin_falls()
        pushed.append(float(model.world.coin_impact[0]))
    assert pushed[0] == pytest.approx(4.0 * pushed[1])
    assert pushed[1] > 0.0


def test_hosts_let_to_neoclouds_drawn_shortly_before_them() -> None:
    founding = large()
    place = {row.name: i for i, row in enumerate(founding.borrowers)}
    kind = {row.name: row.kind for row in founding.borrowers}
    assert founding.hosting
    for row in founding.hosting:
        assert kind[row.tenant] == "neocloud"
        assert 0 < place[row.host] - place[row.tenant] <= WINDOW


# ---- every parameter of a population acts

MOVED: dict[str, Any] = {
    "borrowers": 81,
    "draw": 1,
    "pinned": False,
    "lenders": 50,
    "buyers": 31,
    "miners": 0.3,
    "facilities": 6.0,
    "contracts": 1.5,
    "leases": 1.0,
    "warehouses": 0.01,
    "concentration": 0.2,
    "size_spread": 0.5,
    "likeness": 0.2,
    "variety": 0.3,
    "loan_to_value": 0.5,
}


@pytest.mark.parametrize("key", [key for key in Rules.model_fields if key != "networks"])  # see tests/test_networks.py
def test_moving_a_parameter_of_the_population_changes_the_rows(key: str) -> None:
    before, after = drawn(80), drawn(**{"borrowers": 80, key: MOVED[key]})
    assert any(getattr(before, table) != getattr(after, table) for table in TABLES)


# ---- the model runs on it


@pytest.mark.parametrize("draw", range(4))
@pytest.mark.parametrize("terms", [{}, THIN], ids=["sourced terms", "essay's terms"])
def test_months_settle_and_books_balance_on_drawn_populations(draw: int, terms: dict[str, Any]) -> None:
    model = run(drawn(300, draw=draw, others=terms), 8, paths=(0, draw + 1))
    assert model.failures == []
    assert model.going.all()
    assert np.nanmax(model.record.monthly["rounds"]) >= 2


def test_many_fail_and_the_books_still_balance() -> None:
    model = run(drawn(1000, "everything"), 9, paths=(1,))
    assert model.failures == []
    failed = sum(np.nansum(model.record.monthly[f"defaults_{kind}"]) for kind in ("miner", "neocloud", "lender"))
    assert failed > 50


def test_both_executions_give_the_same_bits_on_a_drawn_population() -> None:
    founding = drawn(60, "everything", others={})
    cohort, agent = (columns_of(run(founding, 4, paths=(1,), execution=how)) for how in ("cohort", "agent"))
    assert not same_bits(cohort, agent)


def test_a_path_of_a_drawn_population_is_the_same_alone_and_among_others() -> None:
    founding = drawn(150, others=THIN)
    alone, among = run(founding, 5, paths=(2,)), run(founding, 5, paths=range(4))
    for name, values in alone.record.monthly.items():
        np.testing.assert_array_equal(values[:, 0], among.record.monthly[name][:, 2], err_msg=name)


# ---- founding in near-linear time says what the quadratic one said


def test_contracts_are_pledged_as_looking_at_every_pair_says() -> None:
    founding = drawn(200, "everything")
    pairs = []
    for o, contract in enumerate(founding.offtakes):
        own = [
            e
            for e, loan in enumerate(founding.facilities)
            if loan.borrower == contract.borrower and loan.kind in MACHINE_LOANS
        ]
        naming = [e for e in own if contract.name in founding.facilities[e].contracts]
        pairs += [(e, o) for e in own if not naming or e in naming or founding.facilities[e].expansion]
    pledge = Edges(founding).pledge
    assert list(zip(pledge.facility.tolist(), pledge.contract.tolist(), strict=True)) == pairs


def test_brokers_of_a_dealer_share_its_repo_evenly() -> None:
    edges = Edges(large())
    share, dealer = edges.broker_share, edges.broker_lender
    assert set(np.bincount(dealer, weights=share).round(12)) <= {0.0, 1.0}
    assert share.sum() > 1.0


# ---- refusals


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({"borrowers": 10}, "population.borrowers = 10: with population.pinned the scenario's own 23 stay: ask for at"),
        ({"borrowers": 90, "lenders": 5}, "population.lenders = 5: with population.pinned the scenario's own 21 stay"),
        ({"borrowers": 90, "buyers": 12}, "and drawn machines need one buyer more: ask for at least 13"),
        ({"borrowers": 90, "concentration": 0.9}, "population.concentration = 0.9: 42 lenders, each lending as its"),
        ({"borrowers": -1}, "population.borrowers = -1"),
    ],
)
def test_a_population_that_cannot_be_is_refused_in_a_sentence(keys: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        drawn(**keys)
    assert sentence in str(caught.value)


def test_a_drawn_firm_can_be_named_in_a_shock_and_as_safe() -> None:
    safe = scenario("synthetic", set={"safe": ["Firm 000003"]}).parameters.safe
    assert safe == ("Firm 000003",)
    with pytest.raises(InputError, match="there is no agent"):
        scenario("synthetic", set={"safe": ["Firm 999999"]})


def test_the_defaults_of_a_population_are_those_of_its_data() -> None:
    rules, known = Parameters().population, scenario("baseline").founding
    firms = len(known.borrowers)
    assert rules.miners == pytest.approx(sum(row.kind == "miner" for row in known.borrowers) / firms)
    assert rules.facilities == pytest.approx(len(known.facilities) / firms)
    assert rules.contracts == pytest.approx(len(known.offtakes) / firms)
    assert rules.leases == pytest.approx(len(known.hosting) / firms)
    assert rules.warehouses == pytest.approx(len(known.warehouses) / len(known.lenders))
    assert rules.concentration == pytest.approx(herfindahl(known), abs=5e-4)
