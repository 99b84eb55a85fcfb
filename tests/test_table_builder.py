"""Does a rebuild from the sources give the shipped tables, and is a bad recipe or a late figure refused?"""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from nobid.model.parameters import Parameters
from nobid.runs import build_tables
from nobid.runs.build_tables import Library, build, evaluate
from nobid.runs.errors import InputError
from nobid.runs.tables import SHIPPED

SOURCE = Path(__file__).resolve().parents[2] / "shared" / "data"
needs_source = pytest.mark.skipif(
    not (SOURCE / "README.md").is_file(), reason="the source folder ../shared/data is not beside this repository"
)


def test_a_recipe_cell_is_arithmetic_on_cited_figures() -> None:
    cited = [{"a": "10", "b": "4"}, {"c": "0.5"}]
    assert evaluate("$1.a", cited) == 10.0
    assert evaluate("$1.a - $1.b * $2.c", cited) == 8.0
    assert evaluate("$1.a / $1.b + 1 - 3", cited) == 0.5
    assert evaluate("@2028-03", cited) == 27.0
    with pytest.raises(InputError, match=r"\$1\.a gives '', which is no number"):
        evaluate("$1.a", [{"a": ""}])


@needs_source
def test_the_shipped_tables_equal_a_rebuild_from_the_sources(capsys: pytest.CaptureFixture[str]) -> None:
    assert build_tables.main([str(SOURCE), "--check"]) == 0, capsys.readouterr().out


@needs_source
def test_a_row_dated_after_the_start_is_refused() -> None:
    library = Library(SOURCE)
    for citation in ("neo|CoreWeave@2026-03-31", "fac|CRWV_DDTL4", "inst|CIFR/6.125% Sr Sec 2031"):
        with pytest.raises(InputError, match="after the start it may only test the model"):
            library.row(citation)


@needs_source
def test_a_citation_of_nothing_is_refused() -> None:
    with pytest.raises(InputError, match=r"no such row in neoclouds/neoclouds\.csv"):
        Library(SOURCE).row("neo|Nobody@2025-12-31")


@needs_source
def test_an_unknown_key_of_the_recipe_is_refused(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('[[warehouses]]\nname = "x"\ncites = []\ndrwn = 1\n', encoding="utf-8")
    with pytest.raises(InputError, match=r"recipe\.toml, x: unknown key drwn"):
        build(SOURCE, recipe)


@needs_source
def test_the_report_holds_rows_against_stated_figures(capsys: pytest.CaptureFixture[str]) -> None:
    assert build_tables.main([str(SOURCE), "--check", "--report"]) == 0
    told = capsys.readouterr().out
    assert "CoreWeave" in told
    assert "6288" in told


def test_a_builder_without_its_source_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert build_tables.main([str(tmp_path / "nowhere"), "--check"]) == 2
    assert "nowhere" in capsys.readouterr().err


def test_the_rent_path_starts_at_the_reference_rent_and_flags_what_was_not_observed() -> None:
    with (SHIPPED / "rent_2026.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert rows[0] == {"month": "2026-01", "rent": f"{Parameters().rental.reference_rent:.4f}", "basis": "observed"}
    assert {row["month"] for row in rows if row["basis"] == "interpolated"} == {
        f"2026-0{month}" for month in range(3, 7)
    }
    assert float(rows[-1]["rent"]) > float(rows[0]["rent"])
