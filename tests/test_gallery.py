"""Does the gallery show every chart there is, with words for those who cannot see it, in files that load quickly?"""

from __future__ import annotations

import re

import click
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from nobid.runs.charts.registry import CHARTS, OF_COMPARISON
from nobid.runs.charts.style import KIND_COLOURS
from nobid.runs.cli import app
from nobid.runs.simulation import simulate
from tests.documents import DOCS, builder

BUILDER = builder("build_gallery")
TEXT = (DOCS / "gallery.md").read_text("utf-8")
PICTURES = dict(re.findall(r"!\[([^\]]+)\]\(([^)]+)\)", TEXT))
KILOBYTES = 150


def test_the_page_is_what_its_script_writes_now() -> None:
    assert BUILDER.page() == TEXT, "python docs/build_gallery.py writes it anew"


def test_every_chart_has_its_picture_its_words_and_the_command_that_draws_it() -> None:
    for name, chart in CHARTS.items():
        assert PICTURES[chart.shows] == f"img/gallery_{name}.png"
        assert f"\n{chart.shows}\n\n```\nnobid plot out/gallery {name}" in TEXT
    assert all(chart.shows in PICTURES for chart in OF_COMPARISON.values())


@pytest.mark.parametrize("picture", PICTURES.values())
def test_every_picture_is_there_and_small(picture: str) -> None:
    file = DOCS / picture
    assert file.stat().st_size < KILOBYTES * 1000
    with Image.open(file) as opened:
        assert 800 <= opened.width <= 1500


def test_colours_are_still_apart_in_the_small_files() -> None:
    with Image.open(DOCS / "img" / "gallery_exposure_network.png") as opened:
        seen = np.unique(np.asarray(opened.convert("RGB"), dtype=int).reshape(-1, 3), axis=0)
    for colour in KIND_COLOURS.values():
        meant = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])
        assert np.abs(seen - meant).max(axis=1).min() < 24


def test_the_crisis_of_the_gallery_is_the_worst_path_of_its_run() -> None:
    run = simulate(BUILDER.SCENARIO, seed=BUILDER.SEED, paths=BUILDER.PATHS, months=12, figures=False)
    assert run.by_month.most("debt_defaulted") == BUILDER.CRISIS


def test_the_commands_of_the_gallery_are_commands_of_nobid() -> None:
    verbs = {line.split()[1] for line in re.findall(r"^nobid .+$", TEXT, flags=re.MULTILINE)}
    assert verbs == {"run", "plot", "replay", "reverse", "claims"}
    for verb in sorted(verbs):
        told = CliRunner().invoke(app, [verb, "--help"], env={"COLUMNS": "200"})
        assert told.exit_code == 0
        assert "--path" in click.unstyle(told.output)
