"""Does the dashboard work in a real browser: start, watch, click, compare; on its own, silently, for everybody?

Screenshots are left under tests/artefacts. Needs streamlit, playwright and a chromium.
"""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

pytest.importorskip("streamlit", reason="streamlit is not installed (the extra [app]): the dashboard was not opened")

from nobid.runs.comparing import compare
from nobid.runs.simulation import simulate
from tests.browsers import chromium, shot, violations

pytestmark = pytest.mark.slow
PATIENCE = 60_000  # milliseconds, for what a process has to do first
DESK = {"width": 1400, "height": 1000}
# What Streamlit's own parts do, by axe's rule: nothing that could be mended from here.
STREAMLITS_OWN: dict[str, str] = {}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def folder(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A crash on one path, and a comparison of the toy."""
    home = tmp_path_factory.mktemp("app") / "out"
    simulate("mispriced", path=41, months=16, out=home / "crash")
    compare("toy", ["standstill", "repo_facility"], paths=2, out=home / "both")
    return home


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    """Where `nobid app` answers; it ends well when it is stopped by hand."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    words = ["app", str(folder), "--port", str(port), "--no-browser"]
    with subprocess.Popen([sys.executable, "-m", "nobid.runs", *words], stdout=subprocess.PIPE) as server:
        for _ in range(600):
            with socket.socket() as one:
                if one.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
        server.send_signal(signal.SIGINT)
        assert server.wait(20) == 0


class Session:
    """Somebody at the dashboard, with all that the browser complained of and whom it asked."""

    def __init__(self, browser: Any, address: str, where: str = "") -> None:
        self.complaints: list[str] = []
        self.asked: set[str] = set()
        self.context = browser.new_context(viewport=DESK)
        self.page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.page.on("console", lambda one: self.complaints.append(one.text) if one.type == "error" else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda one: self.asked.add(urlsplit(one.url).netloc))
        self.page.on("websocket", lambda one: self.asked.add(urlsplit(one.url).netloc))
        self.page.goto(f"{address}/{where}")
        self.here = urlsplit(address).netloc

    def choose(self, field: str, option: str) -> None:
        self.page.get_by_role("combobox", name=field).click()
        self.page.get_by_role("option", name=option, exact=True).click()

    def write(self, field: str, text: str) -> None:
        self.page.get_by_role("spinbutton", name=field).fill(text)
        self.page.keyboard.press("Tab")

    def new_run(self, scenario: str) -> None:
        self.page.get_by_role("link", name="New run").click()
        self.choose("Scenario", scenario)

    def command(self, words: str) -> None:
        """The command of the form has come to hold these words."""
        self.page.get_by_test_id("stCode").filter(has_text=words).wait_for()

    def says(self, words: str) -> None:
        self.page.get_by_text(words).first.wait_for()

    @property
    def replay(self) -> Any:
        """The replay page inside the dashboard."""
        return self.page.frame_locator("iframe[title*='nobid_replay']").frame_locator("iframe")

    def leave(self) -> None:
        """Nothing was complained of and nobody outside this machine was asked; no traceback is on the page."""
        assert "Traceback" not in self.page.locator("body").inner_text()
        self.context.close()
        assert self.complaints == []
        assert {one for one in self.asked if one} == {self.here}


@pytest.fixture
def session(browser: Any, address: str) -> Iterator[Session]:
    one = Session(browser, address, "?entry=crash")
    yield one
    one.leave()


def test_it_loads_and_shows_the_answer_the_figures_and_the_tables(session: Session) -> None:
    session.page.get_by_role("heading", name="mispriced: 1 path, seed 7").wait_for()
    session.says("Ran 16 months")
    session.page.get_by_role("row", name="neo-clouds").first.wait_for()
    assert session.page.title() == "nobid"
    shot(session.page, "app-answer")
    session.page.get_by_role("tab", name="Figures").click()
    picture = session.page.get_by_role("img", name="Debt over collateral")
    picture.wait_for()
    assert picture.evaluate("one => one.naturalWidth") > 1000  # as sharp as its file
    assert picture.bounding_box()["width"] <= 1000
    shot(session.page, "app-figures")
    session.page.get_by_role("tab", name="Tables").click()
    with session.page.expect_download() as saved:
        session.page.get_by_role("button", name="Save csv").click()
    head = saved.value.path().read_text().splitlines()[0]
    assert head.startswith('"path","month"')
    shot(session.page, "app-tables")


def test_a_lever_is_changed_and_the_run_is_started_watched_and_opened(session: Session, folder: Path) -> None:
    before = set(folder.iterdir())
    session.new_run("toy")
    session.write("Paths", "2")
    session.command("--paths=2")
    session.page.get_by_role("textbox", name="Search the parameters").fill("appetite")
    session.page.keyboard.press("Enter")
    session.write("Share of free racks", "0.5")
    session.command("--set=buyers.appetite=0.5")
    shot(session.page, "app-form")
    session.page.get_by_role("button", name="Start", exact=True).click()
    session.page.get_by_role("button", name="Stop").wait_for()
    panel = session.page.get_by_text("toy, 2 paths, seed 7")
    panel.wait_for()
    assert 0 < panel.bounding_box()["y"] < 200  # in sight, though the page is scrolled to its end
    shot(session.page, "app-running")
    session.page.get_by_role("button", name="Open result").click()
    session.page.get_by_role("heading", name="toy: 2 paths, seed 7").wait_for()
    (made,) = set(folder.iterdir()) - before
    assert tomllib.loads((made / "resolved.toml").read_text())["buyers"]["appetite"] == 0.5


def test_a_click_on_an_agent_shows_its_balance_sheet_and_why(session: Session) -> None:
    session.page.get_by_role("tab", name="Replay and agents").click()
    agent = session.replay.locator("button[aria-label^='CoreWeave']")
    agent.wait_for()
    session.replay.locator("#end").click()
    place = agent.bounding_box()
    session.page.mouse.click(place["x"] + 12, place["y"] + 12)
    session.says("CoreWeave · mispriced · path 41 · seed 7")
    assert session.page.get_by_role("combobox", name="Agent: click one").input_value() == "CoreWeave · neo-cloud"
    session.page.get_by_role("row", name="Assets, USD m").wait_for()
    assert session.page.get_by_role("columnheader", name="2027-04").first.is_visible()
    session.page.get_by_text("An agent", exact=True).scroll_into_view_if_needed()
    shot(session.page, "app-agent")
    other = session.replay.locator("button[aria-label^='Magnetar']")
    other.focus()
    session.page.keyboard.press("Enter")  # by keyboard as well
    session.says("Magnetar · mispriced · path 41 · seed 7")


def test_two_arms_of_a_comparison_stand_side_by_side(browser: Any, address: str) -> None:
    one = Session(browser, address, "?entry=both")
    one.says("change against none")
    shot(one.page, "app-comparison")
    one.page.get_by_role("tab", name="Two arms").click()
    one.replay.locator("section.arm").nth(1).wait_for()
    assert one.replay.locator("section.arm h2").all_inner_texts() == ["toy", "standstill"]
    shot(one.page, "app-two-arms")
    one.page.get_by_role("tab", name="Tables").click()
    one.says("Differences, path by path")
    one.leave()


def test_bad_input_is_told_in_the_sentence_of_the_command_line(session: Session) -> None:
    session.new_run("toy")
    session.page.get_by_text("Further settings").click()
    box = session.page.get_by_role("textbox", name="KEY=VALUE")
    box.fill("coin.price")
    box.blur()
    session.says("coin.price: write it as KEY=VALUE, for instance coin.price=60000.")
    assert session.page.get_by_role("button", name="Start", exact=True).count() == 0
    box.fill("paths.rent=/etc/passwd")
    box.blur()
    session.says("paths.rent: cannot be set here")
    box.fill("lenders.capital_multipel=0.5")
    box.blur()
    session.page.get_by_role("button", name="Start", exact=True).click()
    session.says("unknown key lenders.capital_multipel: did you mean lenders.capital_multiple?")
    session.page.get_by_role("button", name="Stop").wait_for(state="detached")
    shot(session.page, "app-refused")
    session.page.get_by_role("button", name="Dismiss").click()
    box.fill("")
    box.blur()
    session.page.get_by_role("textbox", name="Search the parameters").fill("call_speed")
    session.page.keyboard.press("Enter")
    session.write("Share of the call due", "1.4")
    session.page.get_by_text("Please enter a value between 0 and 1.").wait_for(state="attached")
    assert "call_speed" not in session.page.get_by_test_id("stCode").inner_text()


def test_a_place_outside_the_folder_is_refused(browser: Any, address: str) -> None:
    one = Session(browser, address, "?entry=../../../etc")
    one.says('there is no run or comparison "../../../etc"')
    one.page.get_by_role("combobox", name="Run or comparison").wait_for()
    one.leave()


def test_two_sessions_do_not_mix(browser: Any, address: str) -> None:
    one, other = (Session(browser, address) for _ in range(2))
    other.new_run("mispriced")
    other.command("nobid run mispriced --paths=16 --seed=7")
    one.new_run("baseline")
    one.write("Paths", "64")
    one.write("Seed", "11")
    one.command("nobid run baseline --paths=64 --seed=11")
    one.page.get_by_role("button", name="Start", exact=True).click()
    one.page.get_by_role("button", name="Stop").wait_for()
    other.write("Seed", "12")
    other.command("nobid run mispriced --paths=16 --seed=12")
    assert other.page.get_by_role("button", name="Stop").count() == 0
    assert one.page.get_by_role("spinbutton", name="Seed").input_value() == "11"
    one.page.get_by_role("button", name="Stop").click()
    one.says("stopped")
    one.page.get_by_role("button", name="Dismiss").wait_for()
    one.leave()
    other.leave()


def test_axe_finds_nothing_of_ours_to_complain_of(session: Session) -> None:
    session.says("Ran 16 months")
    found = violations(session.page)
    session.page.get_by_role("link", name="New run").click()
    session.command("nobid run")
    found += violations(session.page)
    assert [one for one in found if one[1] in ("serious", "critical") and one[0] not in STREAMLITS_OWN] == []
