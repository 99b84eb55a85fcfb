"""What is seen of one run: the answer, its figures, a path to watch, its tables?"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Final

import streamlit as st

from nobid.runs.charts.registry import CHARTS
from nobid.runs.dashboard.fields import plain
from nobid.runs.dashboard.form import title
from nobid.runs.dashboard.found import Entry
from nobid.runs.dashboard.look import block, five, picture, remarks, remembered, sentence
from nobid.runs.dashboard.take import tables
from nobid.runs.dashboard.watch import watch, work
from nobid.runs.errors import InputError
from nobid.runs.folders import as_it_stands
from nobid.runs.policies import known
from nobid.runs.replays.page import chosen_path
from nobid.runs.reports.answer import five_numbers
from nobid.runs.run import Run

VIEWS: Final = ("Answer", "Figures", "Replay and agents", "Tables")
NOBODY: Final = "nothing"
STATES: Final = ("running", "done")  # of a run that need not, or cannot, be continued


def show(folder: Path, entry: Entry) -> None:
    """The run is on the page, with the view that was chosen."""
    home = folder / entry.name
    if entry.status not in STATES:
        _continued(home, entry)
    run = remembered(entry, partial(as_it_stands, home))
    if not run.by_month.paths:
        raise InputError(run.outcome)
    st.caption(plain(run.scenario.question))
    answer, figures, replay, held = st.tabs(VIEWS, on_change="rerun", key=f"view:{entry.name}")
    if answer.open:
        with answer:
            _answer(run, entry)
    if figures.open:
        with figures:
            _figures(run, home)
    if replay.open:
        with replay:
            _replay(run, home)
    if held.open:
        with held:
            tables(run, entry.name)


def _continued(home: Path, entry: Entry) -> None:
    """A run that was cut off can go on."""
    st.warning(f"Not finished: {entry.paths} paths are kept. What is shown is of these.")
    if st.button("Continue this run", key=f"continue:{entry.name}"):
        from nobid.runs.dashboard.jobs import started

        words = ["resume", str(home), "--quiet"]
        st.session_state.setdefault("jobs", []).insert(0, started(f"{entry.scenario}, continued", words, home))
        st.rerun()


def _answer(run: Run, entry: Entry) -> None:
    """Five numbers, how it ended, the closing table."""
    summary, numbers = remembered(("answer", entry), lambda: (run.summary(), five_numbers(run).numbers))
    st.html(five(numbers))
    st.markdown(sentence(run.outcome))
    columns = st.columns(2, gap="large")
    for number, one in enumerate(summary.blocks):
        columns[number % 2].html(block(one))
    st.html(remarks(summary.remarks))


def _figures(run: Run, home: Path) -> None:
    """The figures that go with the run, and every other one when it is asked for."""
    files = {name: home / "figures" / f"{name}.png" for name in CHARTS}
    for name, file in files.items():
        if file.is_file():
            picture(file, CHARTS[name].shows)
    others = [name for name, file in files.items() if not file.is_file()]
    wanted = st.selectbox("Another figure", others, index=None, format_func=title, key=f"figure:{home.name}")
    if wanted is None:
        return
    st.caption(plain(CHARTS[wanted].shows))
    job = work(f"Figure {wanted}", ["plot", str(home), wanted, "--svg"], page="figures")
    if job is not None:
        for file in sorted((job.room / "figures").glob("*.png")):
            picture(file, CHARTS[wanted].shows)


def _replay(run: Run, home: Path) -> None:
    """One path to watch, beside a policy if one is chosen."""
    left, right = st.columns(2)
    which = left.selectbox("Path", ["worst", "median", *map(str, run.paths)], key=f"path:{home.name}",
                           help="Worst and median are by debt in default.")  # fmt: skip
    beside = right.selectbox("Beside it, on the same path and luck", [NOBODY, *known()], key=f"against:{home.name}",
                             format_func=lambda one: NOBODY if one == NOBODY else title(one),
                             help="With the policy's usual settings; a comparison takes others.")  # fmt: skip
    path = chosen_path(run, which)
    watch(path, None if beside == NOBODY else beside, arms=[home, None])
