"""What can be seen of a run? This script draws every chart and writes docs/gallery.md.

`python docs/build_gallery.py` simulates 64 paths of one scenario, draws every chart of the registry to
docs/img/gallery_NAME.png, charts of one path on the path of the crisis, and a still of the replay; 40 seconds. A test
fails when a picture is missing or the page is stale.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from nobid.runs.charts.registry import CHARTS, OF_COMPARISON, drawn
from nobid.runs.charts.style import styled
from nobid.runs.replays.film import chosen, film
from nobid.runs.run import Run
from nobid.runs.simulation import simulate

DOCS = Path(__file__).resolve().parent
PAGE, PICTURES = DOCS / "gallery.md", DOCS / "img"
SCENARIO, SEED, PATHS, CRISIS = "mispriced", 7, 64, 41
FOLDER = Path("out") / "gallery"
OVER_ALL = ("waterfall",)  # can show one path, and stands here for all
STILL = (9, 7)  # month and round of the replay's still
WIDE, COLOURS = 1200, 160  # pixels; of a picture's palette
HEAD = f"""# Gallery: what can be seen of a run

Written by `python docs/build_gallery.py`. All pictures are of one scenario, `{SCENARIO}`, which asks what follows if
machines are financed like buildings; it is a thought experiment, not a forecast. Charts over paths show {PATHS} paths,
charts of one path the crisis on path {CRISIS}. To have them yourself:

```
nobid run {SCENARIO} --seed {SEED} --paths {PATHS} --out {FOLDER}
nobid plot {FOLDER}            # all of them, into {FOLDER}/figures; --svg for print
```

In Python: `open_run("{FOLDER}").plot("NAME", path={CRISIS})` is a matplotlib figure. Colours can be told apart by the
colour-blind, and strokes, markers or hatches say the same in grey. The foot of each picture names scenario, seed,
paths, and the share of debt whose terms are assumed, not sourced.
"""
REPLAY_SHOWS = "One path round by round: who fails, what is called, sold and seized, and the price of machines below."
REPLAY = f"""## replay

![{REPLAY_SHOWS}](img/gallery_replay.png)

{REPLAY_SHOWS} This is a still: the page itself is one file that plays in a browser without any network, with a slider
over months and rounds and a line of text for each of them.

```
nobid replay {FOLDER} --path {CRISIS}
```
"""

MAP_SHOWS = (
    "On how many paths many fail together, over {}: darker is more, the line is where half of the paths have a "
    "cluster, the circle is today's system by sourced terms."
)
ELSEWHERE = (  # name, picture, what it shows, the page it belongs to, what draws it
    ("regime map: capital", "regime_capital", MAP_SHOWS.format("lender capital, buyers' budget and margin calls"),
     "boundary.md", "python docs/build_boundary.py"),
    ("regime map: tenor", "regime_tenor", MAP_SHOWS.format("what lenders believe about decay and the tenor of loans"),
     "boundary.md", "python docs/build_boundary.py"),
    ("regime map: racks", "regime_racks", MAP_SHOWS.format("free racks and buyers' budget"),
     "boundary.md", "python docs/build_boundary.py"),
    ("reverse stress test", "reverse_shocks", "Shocks that were tried among lines of equal plausibility, the nearest "
     "that is enough, and what it does on paths that had no part in the search.",
     "reverse.md", 'nobid reverse mispriced --target "lender_losses >= 0.25"'),
    ("the boom", "spin_up", "Debt by kind as the model's own rules grow it from the sheets of 2022, beside what was "
     "measured.", "spin-up.md", "python docs/build_spin_up.py"),
    ("a claim on trial", "claim_15", "The effect of a claim's mechanism with its interval and the bound that was fixed "
     "before, at sourced terms, in other worlds and in the null control, and where it turns.",
     "claims.md", "nobid claims --only 15"),
)  # fmt: skip


def page() -> str:
    """The page: every chart with what it shows and the command that draws it."""
    return "\n".join([HEAD, *(_entry(name) for name in CHARTS), REPLAY, *_of_comparison(), *_elsewhere()])


def _entry(name: str) -> str:
    shows = CHARTS[name].shows
    return f"## {name}\n\n![{shows}](img/gallery_{name}.png)\n\n{shows}\n\n```\n{command(name)}\n```\n"


def command(name: str) -> str:
    """What draws this picture."""
    return f"nobid plot {FOLDER} {name}" + (f" --path {CRISIS}" if of_path(name) else "")


def of_path(name: str) -> bool:
    """True where the gallery shows the chart for one path."""
    return CHARTS[name].one_path and name not in OVER_ALL


def _of_comparison() -> Iterator[str]:
    """The charts of a comparison, as docs/policies.md has them."""
    for name, chart in OF_COMPARISON.items():
        picture = f"img/policies_{SCENARIO}_{name}.png"
        yield (
            f"## {name}\n\n![{chart.shows}]({picture})\n\n{chart.shows} Of a comparison of policies, here that of "
            f"[policies.md](policies.md).\n\n```\nnobid plot COMPARISON {name}\n```\n"
        )


def _elsewhere() -> Iterator[str]:
    """Pictures of more than one run, each from the page that it belongs to."""
    for name, picture, shows, page, command in ELSEWHERE:
        yield (f"## {name}\n\n![{shows}](img/{picture}.png)\n\n{shows} From [{page}]({page}).\n\n```\n{command}\n```\n")


@styled
def draws(run: Run) -> None:
    """Every picture of the gallery lies in docs/img."""
    for name in CHARTS:
        figure, file = drawn(run, name, CRISIS if of_path(name) else None), io.BytesIO()
        figure.savefig(file, dpi=WIDE / figure.get_figwidth())
        small(Image.open(file), name)
    with tempfile.TemporaryDirectory() as folder:
        small(still(run, Path(folder)), "replay")


def still(run: Run, folder: Path) -> Image.Image:
    """The frame of the replay in which most is seen to happen."""
    replay = run.replay(CRISIS)
    frames = replay.data["arms"][0]["frames"]
    place = [tuple(frames[number][:2]) for number, _ in chosen(frames)].index(STILL)
    with Image.open(film(replay, folder / "replay.gif")) as moving:
        moving.seek(place)
        return moving.convert("RGB")


def small(picture: Image.Image, name: str) -> None:
    """The picture lies in docs/img with a palette of its own, which keeps its colours apart and its file small."""
    few = picture.convert("RGB").quantize(COLOURS, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    few.save(PICTURES / f"gallery_{name}.png", optimize=True)


def main() -> None:
    """The pictures are drawn and the page is written."""
    draws(simulate(SCENARIO, seed=SEED, paths=PATHS))
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
