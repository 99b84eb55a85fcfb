"""Is a run directory whole or not there at all, the same for the same run, and readable by others with units?"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import networkx as nx
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from nobid.model.facility_record import FACILITY_FIGURES
from nobid.model.founding import Founding
from nobid.model.outcome import Failure, ModelStopped
from nobid.runs import run as run_module
from nobid.runs import simulation
from nobid.runs.cli import app
from nobid.runs.errors import InputError
from nobid.runs.run_directory import Block, RunDirectory, plan
from nobid.runs.scenarios import scenario
from nobid.runs.simulation import Interrupted, Progress, default_out, simulate

# ---- a stand-in for the engine, with its interface, in which nothing happens but arithmetic

PLAIN = ("rent", "coin", "hashprice", "funding", "stress", "demand", "utilisation", "lender_capital", "debt_total")
RATIOS = ("dscr_corporate", "dscr_facility", "dscr_facility_p10", "ltv_book", "ltv_mark", "ltv_liquidation")
COUNTED = ("defaults_miner", "defaults_neocloud", "defaults_lender", "defaults_buyer", "rounds", "assumed_share")
MONEY = ("debt_defaulted", "lender_losses", "credit_extended", "repo_volume", "coins_sold", "lender_ratio")
BY_GENERATION = ("mark", "value", "list", "book", "price", "offered", "sold", "unsold")


@dataclass(frozen=True)
class FakeEvent:
    """One event, with the engine's fields."""

    path: int
    month: int
    round: int
    kind: str
    source: str
    target: str
    channel: str
    amount: float
    first_round: int


@dataclass
class FakeRecord:
    """What the stand-in keeps."""

    monthly: dict[str, np.ndarray[Any, Any]]
    units: dict[str, str]
    events: list[FakeEvent] = field(default_factory=list)
    agents: dict[str, np.ndarray[Any, Any]] = field(default_factory=dict)
    agent_names: list[str] = field(default_factory=list)
    agent_kinds: list[str] = field(default_factory=list)


class FakeModel:
    """Numbers that depend on seed, path and month alone; `breaks` says at which (path, month) a path fails."""

    breaks: ClassVar[Mapping[int, int]] = {}
    hook: ClassVar[Callable[[FakeModel], None] | None] = None

    def __init__(self, founding: Founding, *, keep_agents: bool = False, **asked: Any) -> None:
        self.founding, self.paths, self.seed = founding, list(asked["paths"]), asked["seed"]
        self.month, self.closed = 0, False
        self.failures: list[Failure] = []
        nothing = {name: np.zeros((len(founding.facilities), len(self.paths))) for name in FACILITY_FIGURES}
        self.causes = SimpleNamespace(record=[], loans=SimpleNamespace(figures=lambda: nothing))
        months, paths = founding.parameters.months, len(self.paths)
        generations = [row.name for row in founding.generations]
        names = [*PLAIN, *RATIOS, *COUNTED, *MONEY, "offered", "sold", "unsold", "share_debt_dscr_below_1"]
        names += [f"{one}_{generation}" for one in BY_GENERATION for generation in generations]
        monthly = {name: np.zeros((months, paths)) for name in names}
        self.record = FakeRecord(monthly, dict.fromkeys(names, "some unit"))
        if keep_agents:
            agents = [*founding.borrowers, *founding.lenders, *founding.buyers]
            self.record.agent_names = [row.name for row in agents]
            self.record.agent_kinds = [row.kind for row in agents]
            self.record.agents = {"cash": np.zeros((months, len(agents), paths))}
            self.record.units["cash"] = "USD m"

    def step(self) -> None:
        """A month passes; ModelStopped when a lone path fails."""
        hook = type(self).hook
        if hook is not None:
            hook(self)
        for column, path in enumerate(self.paths):
            if self.breaks.get(path) == self.month:
                message = f"the books of path {path} do not balance: account cash of Bank."
                self.failures.append(Failure(path, self.month, message))
                if len(self.paths) == 1:
                    raise ModelStopped(message)
            self._fill(column, path)
        self.month += 1

    def _fill(self, column: int, path: int) -> None:
        monthly, luck = self.record.monthly, np.random.default_rng((self.seed, path, self.month)).random()
        for values in monthly.values():
            values[self.month, column] = 1.0 + luck
        for name in COUNTED:
            monthly[name][self.month, column] = float(luck > 0.9)
        for values in self.record.agents.values():
            values[self.month, :, column] = luck
        if luck > 0.9:
            amount, firm = 10 * luck, self.founding.borrowers[0].name
            self.record.events.append(FakeEvent(path, self.month, 1, "default", firm, "", "rents", amount, 1))

    def graph(self, path_index: int) -> nx.MultiDiGraph[str]:
        """Every agent a node, every drawn facility an edge."""
        graph: nx.MultiDiGraph[str] = nx.MultiDiGraph(path=self.paths[path_index], months=self.month)
        for row in [*self.founding.borrowers, *self.founding.lenders, *self.founding.buyers]:
            graph.add_node(row.name, kind=row.kind, alive=True, cash=1.0, debt=1.0)
        for row in self.founding.facilities:
            graph.add_edge(row.lender, row.borrower, kind="facility", amount=row.drawn, terms=row.name)
        return graph

    def close(self) -> None:
        """Nothing is left."""
        self.closed = True


@pytest.fixture(autouse=True)
def engine(monkeypatch: pytest.MonkeyPatch) -> type[FakeModel]:
    """The stand-in replaces the engine, fresh for each test."""
    model = type("Fresh", (FakeModel,), {"breaks": {}, "hook": None})
    monkeypatch.setattr("nobid.model.system.ComputeCreditModel", model)
    return model


def run(out: Path | None = None, **asked: Any) -> run_module.Run:
    """A short toy run without figures."""
    return simulate("toy", months=6, out=out, figures=False, **asked)


def parts(folder: Path) -> dict[str, bytes]:
    """Every part of a run directory with its bytes."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*.parquet"))}


def record(folder: Path) -> dict[str, Any]:
    """What run.json says."""
    found: dict[str, Any] = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    return found


# ---- the plan


def test_blocks_hold_the_missing_paths_and_end_at_multiples_of_their_size() -> None:
    assert plan(range(100), [], size=64) == [Block(0, 64), Block(64, 100)]
    assert plan(range(130), [Block(0, 64)], size=64) == [Block(64, 128), Block(128, 130)]
    assert plan([3], [], size=64) == [Block(3, 4)]
    assert plan(range(8), [Block(2, 4)], size=4) == [Block(0, 2), Block(4, 8)]
    assert plan(range(8), [Block(0, 8)], size=4) == []


# ---- the tables


def test_the_tables_are_tidy_and_carry_units(tmp_path: Path) -> None:
    found = run(tmp_path / "r", paths=3)
    assert list(found.monthly.columns[:2]) == ["path", "month"]
    assert len(found.monthly) == 3 * 6
    assert found.monthly["month"].unique().tolist()[:2] == ["2026-01", "2026-02"]
    assert {str(kind) for kind in found.monthly.dtypes[2:]} == {"float64"}
    for file in (tmp_path / "r").rglob("*.parquet"):
        for column in pq.read_schema(file):
            assert (column.metadata or {}).get(b"unit"), f"{file.name}: {column.name} has no unit"
    assert record(tmp_path / "r")["units"]["monthly"]["month"] == "YYYY-MM"
    assert {len(block.paths) for block in RunDirectory(tmp_path / "r").blocks()} == {3}


def test_other_programs_read_the_parts_directly(tmp_path: Path) -> None:
    found = run(tmp_path / "r", paths=5, chunk=2)
    table = pd.read_parquet(tmp_path / "r" / "parts" / "monthly")
    pd.testing.assert_frame_equal(table.sort_values(["path", "month"], ignore_index=True), found.monthly)


def test_tables_are_the_same_with_and_without_a_directory(tmp_path: Path) -> None:
    kept, stored = run(paths=3, chunk=2), run(tmp_path / "r", paths=3, chunk=2)
    for name in ("monthly", "events", "outcomes", "agents"):
        pd.testing.assert_frame_equal(getattr(kept, name), getattr(stored, name))
    assert kept.units == stored.units


def test_an_outcome_is_the_sum_of_its_months() -> None:
    found = run(paths=3)
    sums = found.monthly.groupby("path")[["debt_defaulted", "defaults_miner"]].sum()
    np.testing.assert_allclose(found.outcomes.set_index("path")[["debt_defaulted", "defaults_miner"]], sums, rtol=1e-15)


def test_path_k_alone_is_path_k_among_others() -> None:
    many = run(paths=5).monthly
    pd.testing.assert_frame_equal(run(path=3).monthly, many[many["path"] == 3].reset_index(drop=True))


def test_agent_tables_are_kept_for_few_paths_only(tmp_path: Path) -> None:
    few = run(tmp_path / "few", paths=2)
    assert len(few.agents) == 2 * 6 * few.agents["agent"].nunique()
    many = run(tmp_path / "many", paths=20)
    with pytest.raises(InputError, match="kept for up to 16 paths"):
        _ = many.agents
    assert not (tmp_path / "many" / "parts" / "agents").exists()


# ---- whole or not at all, and the same


def test_the_same_run_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    run(tmp_path / "a", paths=3)
    run(tmp_path / "b", paths=3)
    assert parts(tmp_path / "a") == parts(tmp_path / "b")
    assert len(parts(tmp_path / "a")) == 6


def test_run_json_says_what_was_asked_and_how_it_ended(tmp_path: Path) -> None:
    found = run(tmp_path / "r", paths=3, argv=["run", "toy"])
    told = record(tmp_path / "r")
    assert told["status"] == "done"
    assert told["outcome"] == found.outcome
    assert told["argv"] == ["run", "toy"]
    assert told["config_hash"] == scenario("toy", set={"months": 6}).hash
    assert told["seed"] == 7
    assert told["paths"] == [[0, 3]]
    assert told["blocks"] == ["000000-000003"]
    assert set(told["cpu_seconds"]) == {"import", "found", "simulate", "store", "figures"}
    assert {"python", "numpy", "mesa", "scipy"} <= set(told["versions"])
    assert 0.0 <= told["assumed_share_of_debt"] <= 1.0
    assert told["processor"]["features"]


def test_the_resolved_scenario_in_the_directory_is_the_one_that_ran(tmp_path: Path) -> None:
    found = run(tmp_path / "r")
    assert scenario(tmp_path / "r" / "resolved.toml").hash == found.scenario.hash
    assert (tmp_path / "r" / "scenario.toml").read_text(encoding="utf-8").startswith(scenario("toy").given)


def test_nothing_temporary_is_left(tmp_path: Path) -> None:
    run(tmp_path / "r", paths=3)
    assert not [file for file in (tmp_path / "r").rglob("*") if file.name.startswith(".tmp")]


def test_a_finished_run_is_told_again_and_not_run_again(tmp_path: Path, engine: type[FakeModel]) -> None:
    first = run(tmp_path / "r", paths=3)
    before = {file: file.stat().st_mtime_ns for file in (tmp_path / "r").rglob("*")}
    engine.hook = pytest.fail  # type: ignore[assignment]
    again = run(tmp_path / "r", paths=3)
    assert again.outcome == first.outcome
    pd.testing.assert_frame_equal(again.monthly, first.monthly)
    assert {file: file.stat().st_mtime_ns for file in (tmp_path / "r").rglob("*") if file.is_file()} == {
        file: time for file, time in before.items() if file.is_file()
    }


def test_more_paths_extend_a_run(tmp_path: Path) -> None:
    run(tmp_path / "r", paths=1)
    longer = run(tmp_path / "r", paths=5, chunk=2)
    pd.testing.assert_frame_equal(longer.monthly, run(paths=5).monthly)
    assert record(tmp_path / "r")["paths"] == [[0, 5]]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"seed": 8}, "holds a run with seed 7, not 8: choose another --out."),
        ({"set": {"repo.capacity": 0.5}}, "holds a run of another scenario"),
    ],
)
def test_a_directory_with_another_run_is_refused_and_left_alone(
    tmp_path: Path, change: dict[str, Any], sentence: str
) -> None:
    run(tmp_path / "r")
    before = parts(tmp_path / "r"), (tmp_path / "r" / "run.json").read_bytes()
    with pytest.raises(InputError, match=sentence):
        run(tmp_path / "r", **change)
    assert (parts(tmp_path / "r"), (tmp_path / "r" / "run.json").read_bytes()) == before


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match=r"holds other files \(thesis.txt\) and no run"):
        run(tmp_path)
    (tmp_path / "run.json").write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match=r"its run.json cannot be read"):
        run(tmp_path)


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(InputError, match="cannot be written"):
        run(tmp_path / "file")
    with pytest.raises(InputError, match="cannot be written"):
        run(tmp_path / "file" / "below")


# ---- stopped by hand, stopped by the model


def test_ctrl_c_keeps_finished_blocks_and_the_same_command_continues(tmp_path: Path, engine: type[FakeModel]) -> None:
    def stop(model: FakeModel) -> None:
        if model.paths[0] == 4 and model.month == 3:
            raise KeyboardInterrupt

    engine.hook = stop
    with pytest.raises(Interrupted, match="4 of 6 paths are finished and kept; the same command continues"):
        run(tmp_path / "r", paths=6, chunk=2)
    assert record(tmp_path / "r")["status"] == "interrupted"
    engine.hook = None
    whole = run(tmp_path / "r", paths=6, chunk=2)
    run(tmp_path / "s", paths=6, chunk=2)
    assert parts(tmp_path / "r") == parts(tmp_path / "s")
    assert whole.status == "done"
    assert record(tmp_path / "r")["status"] == "done"


def test_a_lone_path_that_cannot_go_on_stops_the_run(tmp_path: Path, engine: type[FakeModel]) -> None:
    engine.breaks = {0: 2}
    with pytest.raises(ModelStopped, match="do not balance"):
        run(tmp_path / "r")
    assert record(tmp_path / "r")["status"] == "stopped"
    assert RunDirectory(tmp_path / "r").failures()[0]["month"] == "2026-03"
    assert not parts(tmp_path / "r")


@pytest.mark.parametrize("chunk", [1, 2, 64])
def test_a_failed_path_among_others_is_a_row_with_its_reason(
    tmp_path: Path, engine: type[FakeModel], chunk: int
) -> None:
    engine.breaks = {1: 2}
    found = run(tmp_path / "r", paths=4, chunk=chunk)
    assert found.outcome.startswith("1 of 4 paths failed")
    assert [(row["path"], row["month"]) for row in found.failures] == [(1, "2026-03")]
    assert "do not balance" in found.failures[0]["reason"]
    assert found.monthly.groupby("path").size().tolist() == [6, 2, 6, 6]
    assert found.outcomes["failure"].ne("").tolist() == [False, True, False, False]
    assert run(tmp_path / "r", paths=4).failures == found.failures


# ---- what a run offers


def test_progress_counts_path_months_and_defaults() -> None:
    told: list[Progress] = []
    found = run(paths=3, chunk=2, progress=told.append)
    assert [one.done for one in told] == [2, 4, 6, 8, 10, 12, 13, 14, 15, 16, 17, 18]
    assert told[-1].done == told[-1].total == 18
    counts = [name for name in found.monthly.columns if name.startswith("defaults_")]
    assert told[-1].defaults == found.monthly[counts].to_numpy().sum()


def test_the_graph_of_a_month_is_simulated_again_up_to_it() -> None:
    found = run()
    assert found.graph("start").graph["months"] == 0
    assert found.graph("2026-03").graph["months"] == 3
    assert found.graph(2, path=5).graph == {"path": 5, "months": 2}
    assert found.graph("2026-03") is found.graph("2026-03")
    with pytest.raises(InputError, match=r'month = 2031-01: must be "start" or a month of the run, 2026-01 … 2026-06'):
        found.graph("2031-01")


def test_the_closing_table_prints_itself_in_text_and_html() -> None:
    for paths in (1, 4):
        found = run(paths=paths)
        text = str(found.summary())
        wanted = ("miners", "neo-clouds", "lender losses", "H100 mark / book", "H100 mark / V", "rounds in the worst")
        assert [words for words in wanted if words not in text] == []
        assert found.outcome in text
        assert "assumed term" in text
        assert "<table>" in found._repr_html_()
        json.dumps(found.summary().numbers, allow_nan=False)


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"paths": 0}, "paths = 0: must be a whole number of at least 1."),
        ({"seed": -1}, "seed = -1: must be a whole number of at least 0."),
        ({"path": -2}, "path = -2: must be"),
        ({"execution": "fast"}, 'execution = "fast": must be one of cohort, agent.'),
        ({"paths": 3, "path": 1}, "give one of them"),
    ],
)
def test_what_cannot_be_asked_is_told(asked: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        run(**asked)
    assert sentence in str(caught.value)


def test_seed_zero_is_a_seed() -> None:
    assert run(seed=0).seed == 0
    assert not run(seed=0).monthly.equals(run(seed=7).monthly)


def test_the_default_folder_is_named_after_scenario_seed_and_hash() -> None:
    world = scenario("toy")
    assert default_out(world, 7, None) == Path("out") / f"toy-7-{world.hash[:6]}"
    assert default_out(world, 7, 3).name.endswith("-path3")


# ---- the same from the command line


def command(*words: str) -> Any:
    """What the command line answers."""
    return CliRunner().invoke(app, ["run", "toy", "--months", "6", *words])


def test_a_failed_path_gives_exit_code_one(tmp_path: Path, engine: type[FakeModel], no_figures: None) -> None:
    engine.breaks = {1: 2}
    answer = command("--paths", "3", "--out", str(tmp_path / "r"))
    assert answer.exit_code == 1
    assert "1 of 3 paths failed" in answer.stdout
    engine.breaks = {0: 2}
    answer = command("--out", str(tmp_path / "s"))
    assert answer.exit_code == 1
    assert answer.stderr == "the books of path 0 do not balance: account cash of Bank.\n"


def test_ctrl_c_on_the_command_line_says_what_is_kept(
    tmp_path: Path, engine: type[FakeModel], no_figures: None
) -> None:
    def stop(model: FakeModel) -> None:
        if model.paths[0] == 64:
            raise KeyboardInterrupt

    engine.hook = stop
    answer = command("--paths", "70", "--out", str(tmp_path / "r"))
    assert answer.exit_code == 1
    assert "64 of 70 paths are finished and kept; the same command continues" in answer.stderr


def test_json_stands_alone_on_standard_output(tmp_path: Path, no_figures: None) -> None:
    answer = command("--json", "--out", str(tmp_path / "r"))
    assert answer.exit_code == 0
    told = json.loads(answer.stdout)
    assert told["status"] == "done"
    assert told["figures"]["rounds_worst_month"] is not None
    assert "wrote" in answer.stderr


def test_another_run_s_folder_is_refused_with_exit_code_two(tmp_path: Path, no_figures: None) -> None:
    assert command("--out", str(tmp_path / "r")).exit_code == 0
    answer = command("--out", str(tmp_path / "r"), "--seed", "8")
    assert answer.exit_code == 2
    assert answer.stderr == f"--out {tmp_path / 'r'}: holds a run with seed 7, not 8: choose another --out.\n"


@pytest.fixture
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stand-in's numbers need no pictures."""
    monkeypatch.setattr(simulation, "_draw", lambda run, directory: None)
