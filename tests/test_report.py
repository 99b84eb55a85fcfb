"""Is a report one page that asks for nothing, says what the run says, and tells how to do it again?"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from nobid.runs import compare, open_run, scenario, simulate
from nobid.runs.charts.registry import CHARTS, OF_COMPARISON
from nobid.runs.cli import app
from nobid.runs.comparison import Comparison
from nobid.runs.errors import InputError
from nobid.runs.measures import measures_of
from nobid.runs.parameter_table import parameter_keys
from nobid.runs.reports import run_report
from nobid.runs.reports.answer import five_numbers
from nobid.runs.reports.document import Command, Number, Numbers, Picture, Report, Section, picture, sentence
from nobid.runs.reports.setting import setting
from nobid.runs.run import Run
from nobid.runs.summary_blocks import Block

EVIL = "</title><script>alert(1)</script> & \"quotes\" 'too'"


class Page(HTMLParser):
    """What stands on a page: every tag with its attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return simulate("toy", paths=3, out=tmp_path_factory.mktemp("toy") / "run")


def undrawn(name: str, draw: Any, shows: str) -> Picture:
    """Stands for a picture: how they are drawn is tested with the charts."""
    return Picture(name, b"drawn elsewhere", shows)


@pytest.fixture(scope="module")
def made(toy: Run) -> Report:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_report, "picture", undrawn)
        return toy.report()


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    return compare("toy", ["ltv_cap", "mark_to_book"], paths=4, out=tmp_path_factory.mktemp("compared") / "run")


@pytest.fixture(scope="module")
def about_policies(compared: Comparison) -> Report:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_report, "picture", undrawn)
        return compared.report()


@pytest.fixture(params=["made", "about_policies"])
def any_report(request: pytest.FixtureRequest) -> Report:
    found: Report = request.getfixturevalue(request.param)
    return found


def test_a_report_asks_for_nothing_outside_itself(any_report: Report) -> None:
    page = Page(any_report.html)
    for tag, attributes in page.tags:
        assert tag not in {"script", "link", "iframe", "object"}
        for name, value in attributes.items():
            if name in {"src", "href"}:
                assert value is not None
                assert value.startswith(("data:image/png;base64,", "#")), f"{tag} {name}={value[:60]}"
            assert not name.startswith("on")
    assert "://" not in any_report.html
    assert "url(" not in any_report.html


def test_its_own_style_and_pictures_are_all_that_a_report_allows(made: Report) -> None:
    style = re.search(r"<style>(.*?)</style>", made.html, re.DOTALL)
    assert style is not None
    hashed = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    (policy,) = [one["content"] for one in Page(made.html).all("meta") if one.get("http-equiv")]
    assert policy is not None
    assert policy.startswith(f"default-src 'none'; img-src data:; style-src 'sha256-{hashed}'")


def test_every_chart_is_there_with_words_for_those_who_cannot_see_it(made: Report, about_policies: Report) -> None:
    pictures = Page(made.html).all("img")
    assert [one["alt"] for one in pictures] == [chart.shows for chart in CHARTS.values()]
    drawn = [one["id"] for one in Page(about_policies.html).all("figure")]
    assert drawn[:2] == [f"figure-{name}" for name in OF_COMPARISON]


def test_contents_lead_to_the_sections(any_report: Report) -> None:
    page = Page(any_report.html)
    leads = [str(one["href"]).removeprefix("#") for one in page.all("a")]
    assert leads == [section["id"] for section in page.all("section")]
    assert len(set(leads)) == len(any_report.sections)


def test_the_five_numbers_are_those_of_the_run(toy: Run) -> None:
    numbers = {one.label: one for one in five_numbers(toy).numbers}
    figures = measures_of(toy)
    assert len(numbers) == 5
    assert float(numbers["borrowers and lenders defaulted"].value) == pytest.approx(
        figures["defaults"].mean(), abs=0.05
    )
    trough = next(one for label, one in numbers.items() if "lowest mark" in label)
    assert float(trough.value.removesuffix(" %")) == pytest.approx(100.0 * figures["trough"].mean(), abs=0.5)
    for one in numbers.values():
        assert "95 % interval" in one.interval


def test_one_path_has_figures_and_no_intervals() -> None:
    run = simulate("toy", path=0)
    numbers = five_numbers(run).numbers
    assert {one.interval for one in numbers} == {"one path: no interval"}
    assert numbers[0] == Number(numbers[0].label, "no", "one path: no interval")
    assert "one history out of many" in " ".join(run_report._limits(run))


def test_a_report_tells_how_to_do_it_again_and_with_what(toy: Run, made: Report) -> None:
    text = Page(made.html).text
    assert toy.scenario.hash in text
    assert "Seed 7, 3 paths, 0 to 2" in text
    assert f"numpy {np.__version__}" in text
    assert "nobid run" in text


def test_a_stored_run_is_told_with_the_versions_that_made_it(toy: Run) -> None:
    assert toy.out is not None
    record = toy.out / "run.json"
    before = record.read_text(encoding="utf-8")
    try:
        record.write_text(before.replace(f'"numpy": "{np.__version__}"', '"numpy": "2.0.99"'), encoding="utf-8")
        again = open_run(toy.out)
        assert "numpy 2.0.99" in run_report.made_with(again)
        assert "made with" in " ".join(map(str, run_report._limits(again)))
    finally:
        record.write_text(before, encoding="utf-8")


def test_the_setting_says_what_a_scenario_changes_and_all_parameters_stand_at_the_end(made: Report) -> None:
    world = scenario("toy", set={"lenders.capital_multiple": 0.5})
    assert ("lenders.capital_multiple", "0.5", "1", "ratio") in rows_of(setting(world), "parameter")
    assert "lenders.capital_multiple" not in {row[0] for row in rows_of(setting(scenario("toy")), "parameter")}
    last = made.sections[-1]
    assert last.appendix
    (block,) = last.parts
    assert {row[0] for row in block.rows} >= set(parameter_keys())  # type: ignore[union-attr]


def rows_of(section: Section, heading: str) -> tuple[tuple[str, ...], ...]:
    return next((one.rows for one in section.parts if isinstance(one, Block) and one.heading == heading), ())


def test_debt_by_grade_adds_up_to_all_debt() -> None:
    world = scenario("baseline")
    told = [float(row[1]) for row in rows_of(setting(world), "grade of the source")]
    assert sum(told) == pytest.approx(sum(row.drawn for row in world.founding.facilities) / 1e3, abs=0.2)


def test_no_name_breaks_out_of_a_report(made: Report) -> None:
    block, number = Block(EVIL, (EVIL,), ((EVIL, EVIL),)), Number(EVIL, EVIL, EVIL, EVIL)
    parts = (EVIL, block, Numbers((number,)), Picture("a", b"", EVIL), Command(EVIL))
    html = replace(made, title=EVIL, question=EVIL, about=EVIL, foot=EVIL, sections=(Section(EVIL, parts),)).html
    assert "<script" not in html
    assert Page(html).all("img")[0]["alt"] == EVIL
    assert Page(html).text.count(EVIL.replace("  ", " ")) >= 10


def test_policies_are_told_with_what_they_do_and_who_pays(about_policies: Report, compared: Comparison) -> None:
    text = Page(about_policies.html).text
    for arm in compared.arms[1:]:
        (policy,) = arm.policies
        assert policy.costs in text
    assert "`" not in text
    assert about_policies.home == (compared.out or Path()) / "report.html"


def test_a_report_is_saved_where_it_is_told_and_at_home_else(made: Report, toy: Run, tmp_path: Path) -> None:
    assert made.save() == (toy.out or Path()) / "report.html"
    assert made.save(tmp_path / "new" / "a.html").read_text(encoding="utf-8") == made.html
    with pytest.raises(InputError, match="is a folder: name a file"):
        made.save(tmp_path)


def test_a_picture_has_few_colours_and_the_size_of_the_figure(toy: Run) -> None:
    import io

    from PIL import Image

    def draw() -> Any:
        return toy.plot("fan")

    with Image.open(io.BytesIO(picture("fan", draw, "shows").png)) as drawn:
        assert drawn.mode == "P"
        assert drawn.width == pytest.approx(144 * toy.plot("fan").get_figwidth(), abs=1)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("words", "told"),
    [("ran 3 months", "Ran 3 months."), ("It ended.", "It ended."), ("n/a (again)", "N/a (again)")],
)
def test_a_line_of_a_terminal_becomes_a_sentence(words: str, told: str) -> None:
    assert sentence(words) == told


def test_the_command_writes_a_report_of_a_run_and_of_a_comparison(
    toy: Run, compared: Comparison, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nobid.runs.reports.run_report.pictures", lambda *_: iter(()))
    monkeypatch.setattr("nobid.runs.reports.comparison_report.pictures", lambda *_: iter(()))
    for shown in (toy, compared):
        told = CliRunner().invoke(app, ["report", str(shown.out), "--out", str(tmp_path / "a.html"), "--json"])
        assert told.exit_code == 0, told.output
        assert json.loads(told.stdout)["file"] == str(tmp_path / "a.html")
        assert shown.order.scenario.hash in (tmp_path / "a.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("folder", ["nowhere", "empty"])
def test_a_report_of_nothing_is_refused_in_a_sentence(folder: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    told = CliRunner().invoke(app, ["report", str(tmp_path / folder)])
    assert told.exit_code == 2
    assert len(told.stderr.strip().splitlines()) == 1
    assert folder in told.stderr
