"""Does a report open in a real browser from disk, silently, for everybody, and print well?

Screenshots and prints are left under tests/artefacts. Needs a chromium, playwright and axe-playwright-python.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nobid.runs import compare, simulate
from tests.browsers import ARTEFACTS, chromium, shot, violations

pytestmark = pytest.mark.slow
SIZES = {"desk": (1280, 900), "phone": (390, 844)}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("reports")
    reports = {
        "run": simulate("toy", paths=3).report(),
        "comparison": compare("toy", ["ltv_cap", "standstill"], paths=4).report(),
    }
    return {name: made.save(folder / f"{name}.html") for name, made in reports.items()}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as opened:
        yield opened


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["run", "comparison"])
def test_a_report_opens_from_disk_in_silence_and_for_everybody(
    browser: Any, files: dict[str, Path], name: str, size: str
) -> None:
    width, height = SIZES[size]
    page, said = browser.new_page(viewport={"width": width, "height": height}), []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda asked: said.append(asked.url))
    page.goto(files[name].as_uri())
    drawn = page.evaluate("[...document.images].map(one => one.complete && one.naturalWidth > 0)")
    assert drawn
    assert all(drawn)
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert violations(page) == []
    shot(page, f"report-{name}-{size}")
    assert [url for url in said if url != files[name].as_uri() and not url.startswith("data:")] == []
    page.close()


@pytest.mark.parametrize("name", ["run", "comparison"])
def test_a_report_prints_on_a4_pages(browser: Any, files: dict[str, Path], name: str) -> None:
    page = browser.new_page()
    page.goto(files[name].as_uri())
    ARTEFACTS.mkdir(exist_ok=True)
    printed = page.pdf(path=ARTEFACTS / f"report-{name}.pdf", prefer_css_page_size=True)
    boxes = {
        tuple(round(float(one)) for one in found.split()) for found in re.findall(rb"/MediaBox \[([^\]]+)\]", printed)
    }
    assert boxes == {(0, 0, 595, 842)}
    assert 5 <= len(re.findall(rb"/Type /Page\b", printed)) <= 40
    page.close()
