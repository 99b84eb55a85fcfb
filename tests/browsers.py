"""Which browser is there for the tests that need one, and what did a page say and ask for in it?"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ARTEFACTS = Path(__file__).with_name("artefacts")  # screenshots; git-ignored
NAMES = ("chromium", "chromium-browser", "google-chrome")


@contextmanager
def chromium() -> Iterator[Any]:
    """A headless chromium: the one on the PATH, or the one that `playwright install chromium` has put in its place.

    Without playwright or a chromium the test is skipped, saying so.
    """
    sync = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: no browser was driven")
    with sync.sync_playwright() as driver:
        found = next((one for name in NAMES if (one := shutil.which(name))), driver.chromium.executable_path)
        if not Path(found).exists():
            pytest.skip("no chromium on the PATH, nor one of playwright's: no page was opened in a browser")
        try:
            opened = driver.chromium.launch(executable_path=found, args=["--no-sandbox"])
        except sync.Error as error:
            pytest.skip(f"{found} does not start: no page was opened in a browser: {error.message.splitlines()[0]}")
        yield opened
        opened.close()


def shot(page: Any, name: str) -> None:
    """A screenshot of the page as it stands is kept."""
    ARTEFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTEFACTS / f"{name}.png")


def violations(page: Any) -> list[tuple[str, str, list[str]]]:
    """What axe complains of: rule, how bad, the elements."""
    reason = "axe-playwright-python is not installed: the page was not checked for everybody's use"
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason=reason)
    found = axe.Axe().run(page).response["violations"]
    return [(one["id"], one["impact"], [node["html"] for node in one["nodes"]]) for one in found]
