"""Why did somebody fail or live, and who is systemic: the answers of a run, in plain words and small tables?"""

from __future__ import annotations

import html
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from nobid.runs.causation import paths_in_words
from nobid.runs.census import network_of
from nobid.runs.errors import InputError
from nobid.runs.scenario_files import did_you_mean
from nobid.runs.summary_blocks import Block

if TYPE_CHECKING:
    from nobid.runs.run import Run
    from nobid.runs.simulation import Progress

WIDTH: Final = 100  # characters of a line of text


@dataclass(frozen=True)
class Explanation:
    """An answer: a headline, then sentences and tables in turn; `data` has the same as numbers."""

    headline: str
    parts: tuple[str | Block, ...]
    data: dict[str, Any]

    def __str__(self) -> str:
        """The answer as plain text, sentences wrapped, columns aligned."""
        return "\n\n".join([self.headline, *(_plain(part) for part in self.parts)])

    def _repr_html_(self) -> str:
        """The answer for a notebook."""
        return "".join([f"<p><b>{html.escape(self.headline)}</b></p>", *(_html(part) for part in self.parts)])


def _plain(part: str | Block) -> str:
    if isinstance(part, str):
        lines = part.split("\n")
        return part if len(lines) > 1 else textwrap.fill(part, WIDTH, break_on_hyphens=False)
    rows = [(part.heading, *part.columns), *part.rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(part.columns) + 1)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if number == 0 else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def _html(part: str | Block) -> str:
    if isinstance(part, str):
        tag = "pre" if "\n" in part else "p"
        return f"<{tag}>{html.escape(part)}</{tag}>"
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in (part.heading, *part.columns))
    body = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in part.rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def explain(
    run: Run,
    agent: str | None = None,
    path: int | None = None,
    *,
    twins: bool | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Explanation:
    """Why the agent (name or ticker) failed or lived on the path; without an agent, who and what is systemic.

    Where no path is named: the path on which the agent fails at the median date, or the run's worst one where it never
    fails. `twins`: what would have been with contagion off and agents safe: one path again for an agent (on unless
    refused), the whole run 18 times without one (off unless asked for). `progress` hears how far the twins have come.
    Errors: InputError for an agent or path that there is not, and where the run cannot be simulated again.
    """
    if path is not None and path not in run.paths:
        raise InputError(f"path = {path}: is not a path of this run, which has {paths_in_words(run.paths)}.")
    if agent is None:
        from nobid.runs.explain_system import explain_system

        return explain_system(run, path, twins=bool(twins), progress=progress)
    from nobid.runs.explain_agent import explain_agent

    name = known_agent(run, agent)
    lived = stands_on(run, name)
    if path is not None and path not in lived:
        raise InputError(f"path = {path}: {name} is not on its network, but on {paths_in_words(lived)}.")
    return explain_agent(run, name, path, twins=twins is not False)


def stands_on(run: Run, agent: str) -> tuple[int, ...]:
    """The run's paths on whose network the agent stands; InputError where it stands on none of them."""
    network = run.scenario.census.agents[agent].network
    found = tuple(path for path in run.paths if network in (None, network_of(run.scenario, path)))
    if not found:
        raise InputError(f"{agent} stands on network {network}, on which this run has no path.")
    return found


def known_agent(run: Run, called: str) -> str:
    """The agent's name, whether name or ticker was given, in capitals or not; InputError with the nearest name."""
    names = run.scenario.census.called
    lower = {name.lower(): agent for name, agent in names.items()}
    if called in names:
        return names[called]
    if called.lower() in lower:
        return lower[called.lower()]
    raise InputError(f'there is no agent "{called}" in {run.scenario.name}{did_you_mean(called, names)}')
