"""Can every chart of a run be read: axes with units, legends, no text on text, alt text, the same SVG twice?"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import pytest
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.text import Text
from matplotlib.ticker import FixedFormatter, FuncFormatter
from matplotlib.transforms import Bbox

from nobid.runs.charts.registry import CHARTS, WITH_RUN, drawn, plot_files
from nobid.runs.charts.style import new_figure
from nobid.runs.errors import InputError
from nobid.runs.run import Run
from nobid.runs.simulation import simulate

UNITS = ("USD", "number", "ratio", "share", "thousand", "basis points", "month", "round", "mean", "%", "rank", "years")
RUNS = {
    "toy": {"name": "toy", "paths": 3},
    "crash": {"name": "mispriced", "path": 41, "months": 12},  # seed 7: a cluster of defaults in 2026-10
    "calm": {"name": "baseline", "path": 0, "months": 2},
}


@pytest.fixture(scope="module")
def runs() -> dict[str, Run]:
    return {}


@pytest.fixture(scope="module")
def pictures() -> dict[tuple[str, str], Figure]:
    return {}


@pytest.fixture(params=RUNS)
def whose(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=CHARTS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def figure(whose: str, name: str, runs: dict[str, Run], pictures: dict[tuple[str, str], Figure]) -> Figure:
    if whose not in runs:
        runs[whose] = simulate(**RUNS[whose])  # type: ignore[arg-type]
    if (whose, name) not in pictures:
        pictures[whose, name] = drawn(runs[whose], name)
        pictures[whose, name].draw_without_rendering()
    return pictures[whose, name]


def shown_axes(figure: Figure) -> list[Axes]:
    return [ax for ax in figure.axes if ax.axison]


def tick_labels(axis: Axis) -> list[Text]:
    low, high = sorted(axis.get_view_interval())
    room = 1e-9 * (high - low)
    inside = [tick for tick in axis.get_major_ticks() if low - room <= tick.get_loc() <= high + room]
    labels = [label for tick in inside for label in (tick.label1, tick.label2)]
    return [label for label in labels if label.get_visible() and label.get_text().strip()]


def texts(figure: Figure) -> Iterator[Text]:
    """Every text that a reader sees."""
    yield from figure.texts  # with title and foot
    for legend in figure.legends:
        yield from (*legend.get_texts(), legend.get_title())
    for ax in figure.axes:
        yield from ax.texts
        yield from (ax.title, ax._left_title, ax._right_title)  # type: ignore[attr-defined]
        if ax.axison:
            yield from (ax.xaxis.label, ax.yaxis.label, *tick_labels(ax.xaxis), *tick_labels(ax.yaxis))
        legend = ax.get_legend()
        if legend is not None:
            yield from (*legend.get_texts(), legend.get_title())


def read(figure: Figure) -> list[Text]:
    return [text for text in texts(figure) if text.get_visible() and text.get_text().strip()]


def legends(figure: Figure) -> list[Legend]:
    return [legend for ax in figure.axes if (legend := ax.get_legend())] + figure.legends


def under_legends(figure: Figure) -> list[str]:
    """Texts that a legend, with its keys, lies on."""
    found = []
    for legend in legends(figure):
        own = {legend.get_title(), *legend.get_texts()}
        box = legend.get_window_extent().padded(-1.0)
        others = [text for text in read(figure) if text not in own]
        found += [one.get_text() for one in others if Bbox.intersection(box, extent(one).padded(-1.0))]
    return found


def extent(text: Text) -> Bbox:
    """Of the words alone, without an arrow."""
    return Text.get_window_extent(text)


def collisions(figure: Figure) -> list[tuple[str, str]]:
    boxes = [(text.get_text(), extent(text).padded(-1.0), text.get_rotation() % 90.0) for text in read(figure)]
    return [
        (one, other)
        for (one, a, slant), (other, b, slant2) in combinations(boxes, 2)
        if not (slant and slant2) and Bbox.intersection(a, b) is not None
    ]


def has_unit(axis: Axis) -> bool:
    return any(unit in axis.label.get_text() for unit in UNITS)


def of_names(axis: Axis) -> bool:
    """Agents, policies, steps: names have no unit."""
    formatter = axis.get_major_formatter()
    return isinstance(formatter, FixedFormatter | FuncFormatter) and any(
        any(sign.isalpha() for sign in label.get_text()) for label in tick_labels(axis)
    )


def test_every_axis_of_numbers_or_months_has_a_label_with_a_unit(figure: Figure) -> None:
    assert figure.axes
    for ax in shown_axes(figure):
        for axis in (ax.xaxis, ax.yaxis):
            if tick_labels(axis) and not of_names(axis):
                shared = [one for one in shown_axes(figure) if one.get_shared_y_axes().joined(one, ax)]
                labelled = [one.yaxis for one in shared] if axis is ax.yaxis else [axis]
                assert any(has_unit(one) for one in (axis, *labelled)), (
                    ax.get_title(loc="left"),
                    axis.label.get_text(),
                )


def test_a_panel_with_several_named_series_has_a_legend(figure: Figure) -> None:
    for ax in shown_axes(figure):
        labels = ax.get_legend_handles_labels()[1]
        told = {text.get_text() for legend in legends(figure) for text in legend.get_texts()}
        assert len(labels) < 2 or set(labels) <= told, labels


def test_no_text_lies_on_another_and_none_outside_the_picture(figure: Figure) -> None:
    assert collisions(figure) == []
    assert under_legends(figure) == []
    for text in read(figure):
        box = extent(text)
        inside = box.x0 >= -1 and box.y0 >= -1 and box.x1 <= figure.bbox.width + 1 and box.y1 <= figure.bbox.height + 1
        assert inside, text.get_text()


def test_the_test_of_texts_sees_a_collision_and_a_text_outside() -> None:
    figure = new_figure("a title", 4, 3)
    ax = figure.subplots()
    ax.text(0.5, 0.5, "one")
    ax.text(0.52, 0.5, "other")
    figure.draw_without_rendering()
    assert ("one", "other") in collisions(figure)


def test_the_foot_names_scenario_seed_paths_and_assumptions(figure: Figure, whose: str, runs: dict[str, Run]) -> None:
    foot = figure.get_supxlabel()
    run = runs[whose]
    for told in (f"Scenario {run.scenario.name}", "seed 7", "path", "share of debt on assumed terms"):
        assert told in foot


def test_every_chart_says_in_sentences_what_it_shows(name: str) -> None:
    shows = CHARTS[name].shows
    assert shows.endswith(".")
    assert 40 < len(shows) < 400
    assert shows[0].isupper()


def test_svg_is_well_formed_with_text_as_text_and_the_same_bytes_twice(
    name: str, runs: dict[str, Run], tmp_path: Path
) -> None:
    runs.setdefault("toy", simulate("toy", paths=3))
    first, second = (plot_files(runs["toy"], [name], tmp_path / one, formats=["svg"])[0].read_bytes() for one in "ab")
    assert first == second
    found = [text for one in ET.fromstring(first).iter("{http://www.w3.org/2000/svg}text") for text in one.itertext()]
    assert any("Scenario toy" in text for text in found)
    assert b"dc:date" not in first


def test_the_charts_of_every_run_are_among_all_charts() -> None:
    assert set(WITH_RUN) <= set(CHARTS)


def test_a_chart_of_one_path_shows_the_path_asked_for_else_the_worst(runs: dict[str, Run]) -> None:
    run = runs.setdefault("toy", simulate("toy", paths=3))
    worst = int(run.outcomes.sort_values(["debt_defaulted", "path"], ascending=[False, True])["path"].iloc[0])
    asked = next(path for path in run.paths if path != worst)
    assert f"· path {asked}" in drawn(run, "loan_cover", path=asked).get_supxlabel()
    foot = drawn(run, "loan_cover").get_supxlabel()
    assert f"· path {worst}" in foot
    assert "the path with most debt defaulted" in foot


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"name": "fna"}, r'there is no chart "fna": did you mean fan\? \(nobid plot RUN --list\)'),
        ({"name": "fan", "path": 0}, "path = 0: fan shows all paths."),
        ({"name": "loan_cover", "month": "2026-02"}, "month = 2026-02: loan_cover shows all months."),
        ({"name": "loan_cover", "path": 9}, "path = 9: is not a path of this run, which has 3 paths, 0 to 2."),
        ({"name": "exposure_network", "month": "2031-01"}, "month = 2031-01: must be .* a month of the run"),
    ],
)
def test_a_name_path_or_month_that_is_none_is_told_in_a_sentence(
    asked: dict[str, object], sentence: str, runs: dict[str, Run]
) -> None:
    run = runs.setdefault("toy", simulate("toy", paths=3))
    with pytest.raises(InputError, match=sentence):
        drawn(run, **asked)  # type: ignore[arg-type]
