"""What is seen of a comparison: what each policy changes, its figures, two arms side by side, its tables?"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Final

import streamlit as st

from nobid.runs.charts.registry import charts_of
from nobid.runs.comparison import Comparison
from nobid.runs.dashboard.fields import plain
from nobid.runs.dashboard.found import Entry, inside
from nobid.runs.dashboard.look import block, picture, remarks, remembered, sentence
from nobid.runs.dashboard.take import frame
from nobid.runs.dashboard.watch import watch
from nobid.runs.errors import InputError
from nobid.runs.replays.page import chosen_path
from nobid.runs.stored_comparison import open_comparison

VIEWS: Final = ("Answer", "Figures", "Two arms side by side", "Tables")


def opened(home: Path) -> Comparison:
    """The comparison in the folder. Errors: InputError where there is none, or it names arms that lie outside it."""
    found = open_comparison(home)
    for arm in found.arms:
        inside(home, os.path.relpath(str(arm.run.out), home))
    return found


def show(folder: Path, entry: Entry) -> None:
    """The comparison is on the page, with the view that was chosen."""
    home = folder / entry.name
    found = remembered(entry, partial(opened, home))
    st.caption(plain(found.order.scenario.question))
    answer, figures, replay, held = st.tabs(VIEWS, on_change="rerun", key=f"view:{entry.name}")
    if answer.open:
        with answer:
            summary = remembered(("answer", entry), found.summary)
            st.html("".join(block(one) for one in summary.blocks))
            st.markdown(sentence(summary.outcome))
            st.html(remarks(summary.remarks))
    if figures.open:
        with figures:
            for name, chart in charts_of(found).items():
                if (file := home / "figures" / f"{name}.png").is_file():
                    picture(file, chart.shows)
    if replay.open:
        with replay:
            _replay(found, entry.name)
    if held.open:
        with held:
            _tables(found, entry.name)


def _replay(found: Comparison, name: str) -> None:
    """Two arms on the same path."""
    labels = [arm.label for arm in found.arms]
    columns = st.columns(3)
    left = columns[0].selectbox("Arm", labels, key=f"left:{name}")
    right = columns[1].selectbox("beside", labels, index=1, key=f"right:{name}")
    arms = {arm.label: arm.run for arm in found.arms}
    which = columns[2].selectbox("Path", ["worst", "median", *map(str, found.paths)], key=f"path:{name}",
                                 help="Worst and median are by debt in default in the arm on the left.")  # fmt: skip
    if left == right:
        raise InputError("choose two different arms: the page would show the same one twice.")
    path = chosen_path(arms[left], which)
    watch(path, str(arms[right].out), arms=[arms[left].out, arms[right].out])


def _tables(found: Comparison, name: str) -> None:
    """What the comparison comes to, as tables."""
    for heading, words, shown in (
        ("Differences, path by path", "differences", found.differences()),
        ("Arms", "arms", found.table().reset_index()),
        ("Costs against losses avoided", "frontier", found.frontier().reset_index()),
    ):
        st.subheader(heading, anchor=False)
        frame(shown, words, name)
