"""Does `verify` find a single changed bit of a stored run, and only that?"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from nobid.runs import run_record
from nobid.runs import verification as module
from nobid.runs.cli import app
from nobid.runs.errors import InputError
from nobid.runs.run import BitsNotPromised
from nobid.runs.run_directory import Block, RunDirectory
from nobid.runs.simulation import simulate
from nobid.runs.verification import first_difference, verify


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of six paths in two blocks."""
    folder = tmp_path_factory.mktemp("verify") / "r"
    simulate("toy", paths=6, chunk=4, out=folder, figures=False)
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may spoil."""
    return Path(shutil.copytree(made, tmp_path / "r"))


def changed(folder: Path, table: str, column: str, row: int) -> None:
    """One number of the first block differs in its last bit."""
    part = RunDirectory(folder).part(table, Block(0, 4))
    found = pq.read_table(part)
    values = found[column].to_numpy().copy()
    values[row] = np.nextafter(values[row], np.inf)
    at = found.column_names.index(column)
    pq.write_table(found.set_column(at, found.schema.field(column), pa.array(values)), part)


def answer(*words: object) -> Any:
    """What the command line answers."""
    return CliRunner().invoke(app, ["verify", *(str(word) for word in words)])


def test_a_sound_run_is_the_same_on_all_its_paths(made: Path) -> None:
    found = verify(made, 6, seed=1)
    assert found.same
    assert [one.path for one in found.paths] == list(range(6))
    assert found.caution == ""
    assert "6 finished paths chosen by seed 1 were simulated again." in str(found)


def test_the_seed_chooses_the_paths_and_is_printed(made: Path) -> None:
    chosen = {seed: [one.path for one in verify(made, 2, seed=seed).paths] for seed in (1, 2, 3, 4)}
    assert len({tuple(paths) for paths in chosen.values()}) > 1
    said = json.loads(answer(made, "--json").stdout)
    assert verify(made, 2, seed=said["seed"]).paths == tuple(module.PathVerified(**one) for one in said["paths"])


def test_one_bit_is_found_with_its_table_month_and_column(folder: Path) -> None:
    changed(folder, "monthly", "rent", 4)  # path 1, the second of its three months
    found = {one.path: one.difference for one in verify(folder, 6).paths}
    assert [path for path, difference in found.items() if difference] == [1]
    assert found[1].startswith("differs: monthly: path 1, month 2026-02: rent is ")
    said = answer(folder, "--paths", 6)
    assert said.exit_code == 1
    assert "path 0: the same bits." in said.stdout
    assert answer(folder, "--paths", 6, "--seed", 1).exit_code == 1


def test_a_missing_a_short_and_a_broken_table_are_found(folder: Path) -> None:
    directory = RunDirectory(folder)
    directory.part("events", Block(0, 4)).unlink()
    assert "differs: table events is missing." in str(verify(folder, 6))
    directory.part("causes", Block(0, 4)).write_bytes(b"PAR1 half")
    assert "differs: table causes cannot be read: " in str(verify(folder, 6))
    part = directory.part("causes", Block(4, 6))
    pq.write_table(pq.read_table(part).slice(1), part)
    assert "rows are stored, " in verify(folder, 6).paths[4].difference


def test_no_number_equals_itself_and_zero_is_not_minus_zero() -> None:
    def table(*values: float) -> pa.Table:
        return pa.table({"path": [0] * len(values), "x": list(values)})

    assert first_difference(table(np.nan, 0.0), table(np.nan, 0.0)) == ""
    assert first_difference(table(1.0, 0.0), table(1.0, -0.0)) == "path 0: x is 0.0 as stored, -0.0 again."
    assert first_difference(table(1.0), table(1.0, 2.0)) == "1 rows are stored, 2 came again."
    assert first_difference(table(1.0), table(1.0).rename_columns(["path", "y"])) == "other columns: x, y."


def test_another_make_is_told(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = run_record.made_by()
    monkeypatch.setattr(run_record, "made_by", lambda: found | {"processor": {"machine": "other", "features": []}})
    with pytest.warns(BitsNotPromised, match="another processor"):
        assert verify(made, 1).caution == "made with another processor: the same bits are not promised."


def test_what_cannot_be_verified_is_told(folder: Path) -> None:
    with pytest.raises(InputError, match="paths = 0: must be a whole number of at least 1"):
        verify(folder, 0)
    for file in folder.glob("parts/outcomes/*"):
        file.unlink()
    with pytest.raises(InputError, match="holds no finished path yet: nobid resume"):
        verify(folder)
    assert answer(folder / "nowhere").exit_code == 2
