"""How does one path become a page on which contagion can be watched, alone or beside another arm, in one file?"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nobid.runs.arms import NOT_IN_A_FOLDER, under
from nobid.runs.causation import paths_in_words
from nobid.runs.errors import InputError
from nobid.runs.fork import ForkedScenario
from nobid.runs.pages import allowance, in_notebook, save_page
from nobid.runs.policies import PoliciesAsked, policies_of
from nobid.runs.replays.data import page_data
from nobid.runs.replays.facts import Seen, seen_on
from nobid.runs.run import Run
from nobid.runs.run_directory import SHORT_HASH
from nobid.runs.run_record import made_by
from nobid.runs.stored_run import open_run
from nobid.runs.summary_figures import shown_generations

if TYPE_CHECKING:
    import pandas as pd

TEMPLATE: Final = Path(__file__).with_name("page.html")
NAMED_PATHS: Final = ("median", "worst")
LONGEST_NAME: Final = 80  # characters of a file's name
BLOCKS: Final = re.compile(r"<(script|style)>(.*?)</\1>", re.DOTALL)  # of the template, each allowed by its hash


@dataclass(frozen=True)
class Replay:
    """A page that shows one path, or two arms on it. `data`: what it shows; `home`: where it is saved unless told."""

    path: int
    data: dict[str, Any]
    home: Path

    @property
    def html(self) -> str:
        """The whole page: one file that asks for nothing else."""
        return page(self.data)

    def save(self, file: str | Path | None = None) -> Path:
        """The page lies in the file, in its own place where none is named; its folder was made."""
        return save_page(self.html, self.home, file)

    def __repr__(self) -> str:
        """Which path it is, and of how many frames."""
        frames = [len(arm["frames"]) for arm in self.data["arms"]]
        return f"replay of path {self.path}, {' and '.join(f'{count} frames' for count in frames)}: .save() writes it"

    def _repr_html_(self) -> str:
        """The page inside a notebook."""
        return in_notebook(self.html, self.data["title"])


def replay(run: Run, path: int | str | None = None, against: Run | PoliciesAsked | Path = None) -> Replay:
    """The page of one path of the run: a number, "median" or "worst" by debt in default (the worst unless told).

    `against`: a second arm on the same path and luck: a policy, or another run (or its folder). Errors: InputError for
    a path or a policy that there is not, for a run on other luck, where the path cannot be simulated again.
    """
    number = chosen_path(run, path)
    worlds = {run.scenario.name: run} | ({} if against is None else other_arm(run, against))
    arms = {label: seen_on(world, number) for label, world in worlds.items()}
    _alike(arms)
    label = "" if len(arms) == 1 else f"-against-{[*arms][1].removeprefix('with ')}"
    name = NOT_IN_A_FOLDER.sub("-", f"replay-{number}{label}")[:LONGEST_NAME]
    about = _about(run, number)
    return Replay(number, page_data(arms, shown_generations(run), about), (run.out or Path()) / f"{name}.html")


def chosen_path(run: Run, path: int | str | None) -> int:
    """The number of the path that is meant; InputError where the run has none such."""
    if path is None or path in NAMED_PATHS:
        ranked = _ranked(run)
        if not ranked:
            raise InputError(f"no path of this run came to its end: {run.outcome}")
        return ranked[(len(ranked) - 1) // 2 if path == "median" else 0]
    number = int(path) if str(path).isdecimal() else -1
    if number not in run.paths:
        known = paths_in_words(run.paths)
        raise InputError(f'path = {path}: must be "median", "worst" or a path of this run, which has {known}.')
    return number


def _ranked(run: Run) -> list[int]:
    """The finished paths, most debt in default first."""
    table: pd.DataFrame = run.outcomes
    whole = table[table["failure"] == ""]
    return [int(one) for one in whole.sort_values(["debt_defaulted", "path"], ascending=[False, True])["path"]]


def other_arm(run: Run, against: Run | PoliciesAsked | Path) -> dict[str, Run]:
    """The second arm under its label."""
    if isinstance(against, str) and ("/" in against or "\\" in against or Path(against).is_dir()):
        against = Path(against)
    if isinstance(against, Path):
        against = open_run(against)
    if isinstance(against, Run):
        _same_luck(run, against)
        name = against.out.name if against.out else against.scenario.name
        return {name if name != run.scenario.name else f"{name} (the other run)": against}
    policies = policies_of(against)
    if not policies:
        raise InputError("against: no policy and no run is named: the page would show the same arm twice.")
    if isinstance(run.scenario, ForkedScenario):
        raise InputError("against: a fork keeps its policies: put another run directory against it.")
    label = "with " + " + ".join(map(str, policies))
    return {label: Run(replace(run.order, scenario=under(run.scenario, policies)))}


def _same_luck(run: Run, other: Run) -> None:
    """Both runs draw the same luck for the same months; InputError where they do not."""
    for what, one, two in (
        ("seed", run.seed, other.seed),
        ("start", run.scenario.parameters.start, other.scenario.parameters.start),
        ("months", run.scenario.parameters.months, other.scenario.parameters.months),
    ):
        if one != two:
            raise InputError(f"against {other.out or other.scenario.name}: its {what} is {two}, not {one}: other luck.")


def _alike(arms: Mapping[str, Seen]) -> None:
    first, last = next(iter(arms)), [*arms][-1]
    if arms[first].story.names != arms[last].story.names:
        raise InputError(f"against {last}: its agents are not those of {first}: no agent would have a place in both.")


def _about(run: Run, number: int) -> dict[str, Any]:
    """What the page says about the run."""
    ranked, one = _ranked(run), run.scenario
    rank = f", number {ranked.index(number) + 1} of {len(ranked)} by debt in default" if len(ranked) > 1 else ""
    return {
        "title": one.title or one.name,
        "question": one.question,
        "where": f"{one.name} · seed {run.seed} · path {number}{rank}",
        "foot": f"nobid {made_by()['version']} · configuration {one.hash[:SHORT_HASH]} · "
        f"share of debt on assumed terms {one.assumed_share:.2f}",
    }


def page(data: Mapping[str, Any]) -> str:
    """The page that shows the data: the template, filled; it allows its own script and style, and nothing else."""
    template = TEMPLATE.read_text(encoding="utf-8")
    hashes: dict[str, str] = {kind: allowance(text) for kind, text in BLOCKS.findall(template)}
    filled = {
        "POLICY": f"default-src 'none'; script-src '{hashes['script']}'; style-src '{hashes['style']}'; "
        "base-uri 'none'; form-action 'none'",
        "TITLE": html.escape(f"{data['title']} · nobid replay"),
        "DATA": in_script(data),
    }
    return re.sub(r"\{\{(POLICY|TITLE|DATA)\}\}", lambda found: filled[found[1]], template)


def in_script(data: Any) -> str:
    """JSON that stands in a <script> without ever ending it, whatever the names in it."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return re.sub(r"[<>&\u2028\u2029]", lambda found: f"\\u{ord(found[0]):04x}", text)
