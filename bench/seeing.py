"""How long do figures, replay and report take, how large are they, and does the replay of 300 agents move smoothly?

Wall seconds of what a user calls on `mispriced`, and the frames of the replay of `synthetic` (297 agents, 60 months) in
a headless chromium that draws without a graphics card; without one, or without playwright, the last line says so.
`python bench/seeing.py [--paths 64]`
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from nobid.runs import simulate
from nobid.runs.charts.registry import CHARTS, drawn
from nobid.runs.charts.style import saved

SECONDS = 10.0  # of playing
FRAMES = """() => { window.gaps = []; let last = performance.now();
const next = now => { gaps.push(now - last); last = now; requestAnimationFrame(next); };
requestAnimationFrame(next); }"""


def timed(what: str, make: Callable[[], Path | list[Path]]) -> None:
    """A line: what, its seconds, its kilobytes."""
    before = time.perf_counter()
    made = make()
    took = time.perf_counter() - before
    size = sum(path.stat().st_size for path in (made if isinstance(made, list) else [made])) / 1e3
    print(f"{what:<46} {took:>8.1f} s {size:>10,.0f} kB")


def frames(page: Path) -> str:
    """The gaps between frames while the page plays, in words."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    try:
        from playwright.sync_api import sync_playwright  # noqa: PLC0415 (only where there is one)
    except ImportError:
        return "playwright is not installed: no frame was counted"
    if browser is None:
        return "no chromium on the PATH: no frame was counted"
    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        tab = opened.new_page(viewport={"width": 1280, "height": 900})
        tab.goto(page.as_uri())
        tab.evaluate(FRAMES)
        tab.keyboard.press("Space")
        tab.wait_for_timeout(SECONDS * 1e3)
        gaps = np.array(tab.evaluate("gaps"))
        opened.close()
    median, most = np.quantile(gaps, 0.5), gaps.max()
    return f"{gaps.size / SECONDS:.0f} frames a second, {median:.0f} ms apart in the median, {most:.0f} ms at most"


def main() -> None:
    """The table on the screen."""
    asks = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asks.add_argument("--paths", type=int, default=64)
    asked = asks.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run = simulate("mispriced", seed=7, paths=asked.paths, out=folder / "run")
        charts = {one: partial(drawn, run, one) for one in CHARTS}
        timed(f"{len(charts)} charts, PNG", lambda: saved(charts, folder))
        timed("the same again, SVG", lambda: saved(charts, folder, ("svg",)))
        timed("replay of the worst path", lambda: run.replay("worst").save())
        timed("report", lambda: run.report().save())
        many = simulate("synthetic", seed=7, paths=4, out=folder / "many")
        page = folder / "many.html"
        timed("replay of 297 agents", lambda: many.replay("worst").save(page))
        print(f"playing it: {frames(page)}")


if __name__ == "__main__":
    main()
