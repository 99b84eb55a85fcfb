"""Does an ensemble over networks keep every path and every network what it is, and tell networks from luck?"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from nobid.model.parameters import Parameters
from nobid.runs.book import book, read_book
from nobid.runs.causation import buyers_of
from nobid.runs.checks import row_problems
from nobid.runs.errors import InputError
from nobid.runs.explain import explain
from nobid.runs.explain_agent import median_path
from nobid.runs.network_variance import between, network_blocks, network_figures, network_remarks
from nobid.runs.progress import Progress
from nobid.runs.risk import risk
from nobid.runs.rows import FOUNDING_FIELD
from nobid.runs.run import Run
from nobid.runs.run_directory import Block
from nobid.runs.scenarios import Scenario, scenario
from nobid.runs.simulation import resume, simulate
from nobid.runs.stored_run import open_run
from nobid.runs.twin_world import itself, twin
from nobid.runs.verification import verify
from tests.ensembles import hashes

TABLES = tuple(name for table, name in FOUNDING_FIELD.items() if table != "generation")
FIRMS, MONTHS, NETWORKS, PATHS = 40, 6, 3, 8
DRAWN = "Firm 1-000004"  # on the second network only
KNOWN = "IREN"


def on(networks: int, name: str = "everything", **others: Any) -> Scenario:
    """A small drawn population of the scenario, on so many networks."""
    keys = {"months": MONTHS, "population.borrowers": FIRMS, "population.networks": networks}
    return scenario(name, set={**keys, **others})


def ran(networks: int = NETWORKS, **asked: Any) -> Run:
    """It has run, without figures."""
    return simulate(on(networks), figures=False, **{"paths": PATHS, **asked})


def rows_on(run: Run, name: str, paths: Sequence[int]) -> pd.DataFrame:
    """The rows of these paths in a table of the run."""
    table: pd.DataFrame = run._table(name)
    return table[table["path"].isin(paths)].reset_index(drop=True)


EVERY = ("monthly", "events", "causes", "facilities", "outcomes", "agents")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Eight paths on three networks, in one block, in a folder."""
    return ran(out=tmp_path_factory.mktemp("networks") / "r")


# ---- a network stays what it is


def test_the_first_network_is_that_of_one_alone() -> None:
    assert on(1).founding.borrowers == on(5).founding.borrowers
    for table in TABLES:
        assert getattr(on(1).founding, table) == getattr(on(5).founding, table) == getattr(on(5).network(0), table)


def test_networks_more_change_none_of_those_before() -> None:
    few, more = on(2), on(7)
    for table in TABLES:
        assert getattr(few.network(1), table) == getattr(more.network(1), table), table


def test_networks_are_drawn_apart_and_share_what_is_pinned_and_no_drawn_name() -> None:
    one, other, known = on(3).network(1), on(3).network(2), scenario("everything").founding
    for table in TABLES:
        first, second, pinned = (getattr(founding, table) for founding in (one, other, known))
        assert first[: len(pinned)] == second[: len(pinned)] == pinned, table
        names = [{row.name for row in rows[len(pinned) :]} for rows in (first, second)]
        assert names[0].isdisjoint(names[1]), table
    drawn = [[row.cash for row in founding.borrowers[-10:]] for founding in (on(3).founding, one, other)]
    assert len({tuple(figures) for figures in drawn}) == 3


def test_the_rows_of_any_network_contradict_each_other_nowhere() -> None:
    founding = on(3).network(2)
    tables = {table: list(getattr(founding, name)) for table, name in FOUNDING_FIELD.items()}
    assert not list(row_problems(tables, founding.parameters, lambda *_: ""))


def test_without_a_population_there_is_one_network() -> None:
    world = scenario("toy", set={"population.networks": 4})
    run = simulate(world, paths=3, figures=False)
    assert set(run.outcomes["network"]) == {0}
    assert not network_figures(run, run.outcomes)


def test_networks_must_be_a_number_of_at_least_one() -> None:
    assert Parameters().population.networks == 1
    with pytest.raises(InputError, match=r"population\.networks = 0"):
        on(0)


# ---- a path stays what it is


def test_a_path_lives_on_the_network_of_its_number_and_the_tables_say_so(kept: Run) -> None:
    assert kept.outcomes["network"].tolist() == [path % NETWORKS for path in range(PATHS)]
    for path in range(PATHS):
        founding = kept.scenario.network(path % NETWORKS)
        assert rows_on(kept, "facilities", [path])["facility"].tolist() == [row.name for row in founding.facilities]
        assert set(rows_on(kept, "agents", [path])["agent"]) >= {row.name for row in founding.borrowers}
        names = {row.name for row in (*founding.borrowers, *founding.lenders, *founding.buyers)}
        assert set(rows_on(kept, "events", [path])["source"]) <= names


@pytest.mark.parametrize("path", [0, 1, 5])
def test_a_path_alone_is_the_same_as_among_others(kept: Run, path: int) -> None:
    alone = ran(paths=None, path=path)
    for name in EVERY:
        pd.testing.assert_frame_equal(rows_on(alone, name, [path]), rows_on(kept, name, [path]), check_exact=True)


def test_paths_of_the_first_network_are_those_of_a_run_on_one(kept: Run) -> None:
    plain = ran(networks=1)
    first = [path for path in range(PATHS) if path % NETWORKS == 0]
    for name in EVERY:
        pd.testing.assert_frame_equal(rows_on(plain, name, first), rows_on(kept, name, first), check_exact=True)
    assert (plain.outcomes["network"] == 0).all()


def test_moving_the_number_of_networks_changes_the_histories_of_the_others(kept: Run) -> None:
    plain = ran(networks=1)
    for path in (1, 2):
        assert not rows_on(plain, "monthly", [path]).equals(rows_on(kept, "monthly", [path]))


@pytest.fixture(scope="module")
def in_blocks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same run in two blocks."""
    folder = tmp_path_factory.mktemp("networks") / "two"
    ran(out=folder, chunk=4)
    return folder


def test_the_size_of_blocks_changes_nothing(kept: Run, in_blocks: Path) -> None:
    other = open_run(in_blocks)
    for name in EVERY:
        pd.testing.assert_frame_equal(other._table(name), kept._table(name), check_exact=True)
        assert kept._table(name)["path"].is_monotonic_increasing


def test_two_workers_leave_the_bytes_of_one(in_blocks: Path, tmp_path: Path) -> None:
    ran(out=tmp_path / "2", chunk=4, workers=2)
    assert hashes(tmp_path / "2") == hashes(in_blocks)


def test_an_interrupted_run_goes_on_to_the_same_bytes(in_blocks: Path, tmp_path: Path) -> None:
    cut = Path(shutil.copytree(in_blocks, tmp_path / "cut"))
    for part in (cut / "parts").glob(f"*/*-{Block(4, 8).label}.parquet"):
        part.unlink()
    assert resume(cut, figures=False).status == "done"
    assert hashes(cut) == hashes(in_blocks)


def test_verify_simulates_paths_of_any_network_to_the_same_bits(kept: Run) -> None:
    assert kept.out is not None
    found = verify(kept.out, paths=4, seed=1)
    assert found.same
    assert len({one.path % NETWORKS for one in found.paths}) > 1


def test_both_executions_give_the_same_bits(kept: Run) -> None:
    agent = ran(paths=None, path=1, execution="agent")
    pd.testing.assert_frame_equal(rows_on(agent, "monthly", [1]), rows_on(kept, "monthly", [1]), check_exact=True)


def test_progress_reaches_the_end_and_never_goes_back() -> None:
    told: list[Progress] = []
    ran(progress=told.append)
    done = [one.done for one in told]
    assert done == sorted(done)
    assert done[-1] == PATHS * MONTHS
    assert len(set(done)) > NETWORKS * (MONTHS - 1)


# ---- what is asked of a run


def test_a_graph_is_that_of_the_path_s_own_network(kept: Run) -> None:
    for path in (0, 1):
        nodes = set(kept.graph("start", path).nodes)
        assert (DRAWN in nodes) == (path == 1)
        assert {row.name for row in kept.scenario.network(path).borrowers} <= nodes


def test_an_agent_of_one_network_is_explained_on_its_own_paths(kept: Run) -> None:
    told = explain(kept, DRAWN.lower(), twins=False)
    assert told.data["path"] % NETWORKS == 1
    assert "3 paths on whose network it stands" in str(told)
    assert explain(kept, KNOWN, 0, twins=False).data["path"] == 0
    with pytest.raises(InputError, match="path = 2: Firm 1-000004 is not on its network"):
        explain(kept, DRAWN, 2, twins=False)
    with pytest.raises(InputError, match="stands on network 1, on which this run has no path"):
        explain(ran(paths=None, path=0), DRAWN, twins=False)


def test_an_agent_that_never_fails_is_told_on_the_worst_of_its_own_paths(kept: Run) -> None:
    worst = median_path(kept, {}, kept.paths)
    own = [path for path in kept.paths if (path - worst) % NETWORKS == 1]
    debt = kept.outcomes.set_index("path")["debt_defaulted"]
    assert median_path(kept, {}, own) == debt.loc[own].idxmax() != worst


def test_a_book_holds_only_what_stands_on_all_networks(kept: Run, tmp_path: Path) -> None:
    founding = kept.scenario.founding
    for issuer, refused in ((KNOWN, False), ("Firm 000001", True)):
        (tmp_path / "book.csv").write_text(f"issuer,amount\n{issuer},100\n", encoding="utf-8")
        positions = read_book(tmp_path / "book.csv", founding)
        if refused:
            with pytest.raises(InputError, match="stands on network 0 only: hold loans of pinned firms"):
                book(kept, positions)
        else:
            assert len(book(kept, positions).table) == 2


def test_who_is_systemic_is_told_of_the_agents_of_all_networks(kept: Run) -> None:
    causes = kept.systemic()
    assert DRAWN in causes.kinds
    assert set(causes.kinds.values()) == {"miner", "neocloud", "lender"}
    assert {row.name for row in kept.scenario.network(2).buyers} <= buyers_of(kept)


def test_a_twin_without_any_change_is_the_run_path_by_path(kept: Run) -> None:
    again, was = twin(kept, "same", lambda parameters: parameters), itself(kept)
    assert again.paths == was.paths
    for name in ("borrowers", "lenders", "losses"):
        np.testing.assert_array_equal(getattr(again, name), getattr(was, name), err_msg=name)
    assert len(set(was.losses.tolist())) > NETWORKS
    assert again.when == was.when


def test_a_fork_goes_on_upon_the_same_networks(kept: Run, tmp_path: Path) -> None:
    fork = kept.fork("2026-04", out=tmp_path / "f", figures=False)
    pd.testing.assert_frame_equal(fork.monthly, kept.monthly, check_exact=True)
    again = open_run(tmp_path / "f")
    for number in range(NETWORKS):
        assert again.scenario.network(number).facilities == kept.scenario.network(number).facilities
    assert verify(tmp_path / "f", paths=3, seed=1).same


def test_a_fork_keeps_the_rows_of_the_start_whatever_changes_later(kept: Run, tmp_path: Path) -> None:
    fork = kept.fork("2026-04", {"hosting.site_value": 5.0}, out=tmp_path / "f", paths=2, figures=False)
    again = open_run(tmp_path / "f")
    for one in (fork, again):
        for number in range(2):
            for table in TABLES:
                assert getattr(one.scenario.network(number), table) == getattr(kept.scenario.network(number), table)
    assert again.scenario.parameters.hosting.site_value == 5.0
    assert verify(tmp_path / "f", paths=2, seed=1).same


@pytest.mark.parametrize("key", ["networks", "draw", "borrowers"])
def test_a_fork_cannot_draw_another_population(kept: Run, key: str) -> None:
    with pytest.raises(InputError, match=f"population.{key} = 50: cannot change in 2026-04: balance sheets"):
        kept.fork("2026-04", {f"population.{key}": 50})


# ---- figures over networks


def test_a_loan_of_one_network_counts_on_the_paths_on_which_it_is(kept: Run) -> None:
    told = risk(kept).tables
    loans = told["facilities"].set_index("facility")
    stored = kept._table("facilities").groupby("facility")["failed"]
    np.testing.assert_allclose(loans["pd"], stored.mean().loc[loans.index])
    assert stored.size().max() == PATHS
    assert stored.size().min() == PATHS // NETWORKS
    held = [kept.scenario.network(path % NETWORKS).facilities for path in range(PATHS)]
    assert told["all_loans"]["loans"][0] == pytest.approx(np.mean([len(rows) for rows in held]))
    assert told["all_loans"]["drawn"][0] == pytest.approx(np.mean([sum(row.drawn for row in rows) for rows in held]))


def test_agents_at_the_start_are_those_of_the_average_path(kept: Run) -> None:
    miners = [sum(row.kind == "miner" for row in kept.scenario.network(n).borrowers) for n in range(NETWORKS)]
    assert len(set(miners)) > 1
    told = risk(kept).tables["defaults"].set_index("kind")["of"]
    assert told["miner"] == pytest.approx(np.mean([miners[path % NETWORKS] for path in range(PATHS)]))
    assert told["borrower"] == FIRMS


def test_the_closing_table_says_how_much_of_the_variance_lies_between_networks(kept: Run) -> None:
    told = kept.summary()
    found = between(kept.outcomes["lender_losses"].to_numpy(), kept.outcomes["network"].to_numpy())
    assert told.numbers["networks"]["lender_losses"]["variance_between"] == found.share
    assert "3 networks" in str(told)
    assert "variance between, %" in str(told)
    assert "networks" not in ran(networks=1).summary().numbers


def test_one_path_a_network_tells_nothing_of_networks_and_that_is_said() -> None:
    run = ran(paths=3)
    found = network_figures(run, run.outcomes)
    assert np.isnan(found["lender_losses"].share)
    assert "n/a" in str(run.summary())
    assert "networks cannot be told from luck" in " ".join(network_remarks(found))
    assert len(network_blocks(run, found)) == 1


def test_the_share_between_networks_is_that_worked_out_by_hand() -> None:
    found = between(np.array([1.0, 3.0, 5.0, 7.0]), np.array([0, 0, 1, 1]))
    assert found.means.tolist() == [2.0, 6.0]
    assert found.share == pytest.approx(14.0 / 18.0)  # mean squares 16 and 2, two paths each: (16 - 2) / (16 + 2)
    assert np.isnan([found.low, found.high]).all()  # two networks say next to nothing


def test_unequally_many_paths_weigh_as_in_the_textbook() -> None:
    values, network = np.array([1.0, 2.0, 3.0, 9.0, 11.0]), np.array([4, 4, 4, 7, 7])
    each = (5.0 - 13.0 / 5.0) / 1.0
    across, within = 3.0 * 3.2 * 3.2 + 2.0 * 4.8 * 4.8, (2.0 + 2.0) / 3.0
    variance = (across - within) / each
    assert between(values, network).share == pytest.approx(variance / (variance + within))


def test_what_does_not_vary_has_no_share_and_what_varies_by_network_alone_has_all() -> None:
    network = np.array([0, 1, 0, 1])
    assert np.isnan(between(np.full(4, 7.0), network).share)
    assert between(network * 2.0, network).share == 1.0
    assert np.isnan(between(np.arange(4.0), np.zeros(4, dtype=int)).share)


def test_without_a_network_that_makes_all_the_difference_there_is_no_interval() -> None:
    found = between(np.array([1.0, 3.0, 1.0, 3.0, 5.0, 9.0]), np.array([0, 0, 1, 1, 2, 2]))
    assert 0.0 < found.share < 1.0
    assert np.isnan([found.low, found.high]).all()  # the other two have the same mean


def test_the_interval_is_the_jackknife_of_the_logarithm_by_hand() -> None:
    values, network = np.array([0.0, 2.0, 3.0, 6.0, 9.0, 10.0]), np.array([0, 0, 1, 1, 2, 2])
    logs = {}
    for out in (None, 0, 1, 2):
        kept = [values[network == one] for one in range(3) if one != out]
        across = 2.0 * np.var([one.mean() for one in kept], ddof=1)
        logs[out] = np.log(across / np.mean([np.var(one, ddof=1) for one in kept]))
    pseudo = [3.0 * logs[None] - 2.0 * logs[out] for out in range(3)]
    reach = 4.302652729911275 * np.std(pseudo, ddof=1) / np.sqrt(3.0)  # t, two degrees of freedom
    ends = [np.exp(np.mean(pseudo) + side * reach) for side in (-1.0, 1.0)]
    found = between(values, network)
    assert [found.low, found.high] == pytest.approx([max((end - 1.0) / (end + 1.0), 0.0) for end in ends])
    assert found.low <= found.share <= found.high


@pytest.mark.parametrize("true", [0.0, 0.4])
def test_the_interval_holds_the_true_share_as_often_as_it_says(true: float) -> None:
    rng, hits, worlds = np.random.default_rng(3), 0, 400
    network = np.repeat(np.arange(8), 8)
    for _ in range(worlds):
        values = np.sqrt(true) * rng.standard_normal(8)[network] + np.sqrt(1.0 - true) * rng.standard_normal(64)
        found = between(values, network)
        hits += found.low <= true <= found.high
    assert hits / worlds == pytest.approx(0.985 if true == 0.0 else 0.95, abs=0.025)  # nothing lies below nought
