"""Does the replay work in a real browser: from disk, silently, by keyboard and pointer, for everybody?

Screenshots are left under tests/artefacts. Needs a chromium on the PATH, and playwright and axe-playwright-python.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nobid.runs.simulation import simulate
from tests.browsers import chromium, shot, violations

DESK, PHONE = (1280, 800), (390, 844)
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One arm and two arms of a crash; the toy with a name that would break a careless page."""
    folder = tmp_path_factory.mktemp("pages")
    crash = simulate("mispriced", path=41, months=16)
    pages = {
        "one": crash.replay(),
        "two": crash.replay(against="buyer_of_last_resort"),
        "toy": simulate("toy").replay(),
    }
    pages["toy"].data["agents"][0]["name"] = "</script><script>document.title = 'broken'</script>"
    return {name: found.save(folder / f"{name}.html") for name, found in pages.items()}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as opened:
        yield opened


class Opened:
    """A page, with all it said on the console and asked of a network."""

    def __init__(self, browser: Any, file: Path, size: tuple[int, int], **asked: Any) -> None:
        self.said: list[str] = []
        self.page = browser.new_page(viewport={"width": size[0], "height": size[1]}, **asked)
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.said.append(request.url) if request.url != file.as_uri() else None)
        self.page.goto(file.as_uri())

    def press(self, *keys: str) -> str:
        """The month and round shown after these keys."""
        for key in keys:
            self.page.keyboard.press(key)
        return str(self.page.locator("#now").text_content())

    def waits(self, where: str, words: str) -> None:
        """The element says these words, within ten seconds."""
        for _ in range(400):
            if self.page.locator(where).text_content() == words:
                return
            self.page.wait_for_timeout(25)
        raise AssertionError(f"{where} never said {words}")

    def shot(self, name: str) -> None:
        """A screenshot of the settled page is kept."""
        self.page.wait_for_timeout(1000)
        shot(self.page, f"replay-{name}")


@pytest.mark.parametrize(
    ("name", "size"), [("one", DESK), ("two", DESK), ("one", PHONE), ("two", PHONE), ("toy", DESK)]
)
def test_the_page_opens_from_disk_in_silence_and_fits_its_window(
    browser: Any, files: dict[str, Path], name: str, size: tuple[int, int]
) -> None:
    opened = Opened(browser, files[name], size)
    opened.press("d", "d", "d")
    opened.shot(f"{name}-{size[0]}")
    assert opened.said == []
    assert opened.page.title().endswith("· nobid replay")
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= size[0]


def test_keys_move_through_months_and_rounds(browser: Any, files: dict[str, Path]) -> None:
    opened = Opened(browser, files["one"], DESK)
    assert opened.press() == "start"
    assert opened.press("ArrowRight") == "2026-01, opening"
    assert opened.press("PageDown", "PageDown") == "2026-03, opening"
    assert opened.press("PageUp") == "2026-02, opening"
    assert opened.press("ArrowLeft") == "2026-01, round 1"
    assert opened.press("d") == "2026-10, round 5"
    assert opened.press("ArrowRight") == "2026-10, round 6"
    assert opened.press("End").startswith("2027-04")
    assert opened.press("Home") == "start"
    opened.page.locator("#time").fill("5")
    assert opened.page.locator("#time").get_attribute("aria-valuetext") == opened.press()
    assert opened.said == []


def test_space_plays_and_pauses(browser: Any, files: dict[str, Path]) -> None:
    opened = Opened(browser, files["toy"], DESK)
    opened.page.locator("#speed").select_option("4")
    opened.page.locator("body").click(position={"x": 5, "y": 5})
    opened.press("Space")
    opened.waits("#now", "2026-02, opening")
    assert opened.page.locator("#play").text_content() == "Pause"
    paused = opened.press("Space")
    opened.page.wait_for_timeout(800)
    assert opened.press() == paused
    opened.page.locator("#play").click()
    opened.waits("#play", "Play")
    assert opened.press() == "2026-03, round 4"


def test_what_happened_is_told_and_defaults_are_counted(browser: Any, files: dict[str, Path]) -> None:
    opened = Opened(browser, files["one"], DESK)
    opened.press("d")
    log, stats = opened.page.locator(".log").inner_text(), opened.page.locator(".stats").inner_text()
    assert log.startswith("2026-10, round 5\nFluidstack defaults on USD 2.2 bn: margin calls on pledged machines")
    assert stats.startswith("Defaults so far: 2 borrowers, 2 lenders, 0 buyers · USD 5.1 bn of debt")
    opened.press("d", "d")
    assert "CoreWeave defaults on USD 31.0 bn" in opened.page.locator(".log").inner_text()
    assert "Fluidstack defaults" in opened.page.locator(".log").inner_text()  # earlier in the same month


def test_an_agent_is_read_by_tab_by_pointer_and_by_click(browser: Any, files: dict[str, Path]) -> None:
    opened = Opened(browser, files["one"], DESK)
    opened.press("d", "d", "d")
    button, card = opened.page.locator("button[aria-label^='CoreWeave']"), opened.page.locator(".card")
    assert button.get_attribute("aria-label") == "CoreWeave, neo-cloud: failed in 2026-10, round 7"
    opened.page.locator(".skip").focus()
    for _ in range(60):
        opened.page.keyboard.press("Tab")
        if opened.page.evaluate("document.activeElement.getAttribute('aria-label') ?? ''").startswith("CoreWeave"):
            break
    assert card.is_visible()
    assert "CoreWeave" in card.inner_text()
    assert "Why: margin calls on pledged machines" in card.inner_text()
    assert "at the end of 2026-10" in card.inner_text()
    place = button.bounding_box()
    opened.page.locator("#home").focus()
    assert not card.is_visible()
    opened.page.mouse.click(place["x"] + 12, place["y"] + 12)
    opened.page.mouse.move(640, 20)
    assert "CoreWeave" in card.inner_text()  # kept
    opened.press("Home")
    assert "alive" in card.inner_text()
    opened.shot("card")
    opened.press("Escape")
    assert not card.is_visible()


def test_both_arms_show_the_same_round(browser: Any, files: dict[str, Path]) -> None:
    opened = Opened(browser, files["two"], DESK)
    opened.press("d", "d")
    heads = opened.page.locator(".log h3:first-child").all_inner_texts()
    assert len(heads) == 2
    assert heads[0] == heads[1] == opened.press()


def test_nothing_moves_for_whoever_asked_for_less_motion(browser: Any, files: dict[str, Path]) -> None:
    opened = Opened(browser, files["one"], DESK, reduced_motion="reduce")
    opened.press("d")
    opened.page.evaluate("new Promise(requestAnimationFrame)")
    picture = "document.querySelector('.net > canvas').toDataURL()"
    at_once = opened.page.evaluate(picture)
    opened.page.wait_for_timeout(500)
    assert opened.page.evaluate(picture) == at_once


@pytest.mark.parametrize(("name", "size"), [("one", DESK), ("two", PHONE)])
def test_axe_finds_nothing_to_complain_of(
    browser: Any, files: dict[str, Path], name: str, size: tuple[int, int]
) -> None:
    opened = Opened(browser, files[name], size)
    opened.press("d", "d")
    opened.page.locator("summary").click()
    opened.page.locator("button[aria-label^='CoreWeave']").first.focus()
    assert violations(opened.page) == []
