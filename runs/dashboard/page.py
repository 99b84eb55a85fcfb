"""What does the dashboard show first? The script that Streamlit runs, again whenever something is touched."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import streamlit as st
from PIL import Image

from nobid.runs.dashboard import one_comparison, one_run
from nobid.runs.dashboard.form import form
from nobid.runs.dashboard.found import Entry, entries, unknown
from nobid.runs.dashboard.look import STYLE, refused
from nobid.runs.dashboard.work import working
from nobid.runs.errors import InputError
from nobid.runs.stored_run import OUT


def main(folder: Path) -> None:
    """The dashboard over the runs below the folder is on the page."""
    st.set_page_config(page_title="nobid", page_icon=_icon(), layout="wide")
    st.html(STYLE)
    read = st.Page(partial(results, folder), title="Results", url_path="results", default=True)
    new = st.Page(partial(form, folder), title="New run", url_path="new")
    chosen = st.navigation([read, new], position="top")
    if "go" in st.session_state and chosen is not read:
        st.switch_page(read)
    st.session_state["wanted"] = st.session_state.pop("go", None)
    working(folder)
    try:
        chosen.run()
    except InputError as error:
        refused(error)


def results(folder: Path) -> None:
    """The run or comparison that was chosen is on the page."""
    found = {one.name: one for one in entries(folder)}
    asked = st.query_params.get("entry")
    if asked and asked not in found:
        refused(unknown(folder, asked, list(found)))
    if not found:
        st.title("Results", anchor=False)
        st.info(f"No run lies in {folder} yet: start one under New run.")
        return
    wanted = st.session_state.pop("wanted") or st.session_state.get("entry", asked)
    st.session_state["entry"] = wanted if wanted in found else next(iter(found))
    name = st.selectbox("Run or comparison", list(found), format_func=lambda one: found[one].label, key="entry")
    st.query_params["entry"] = name
    _show(folder, found[name])


def _show(folder: Path, entry: Entry) -> None:
    """The entry under its title."""
    st.title(entry.title, anchor=False)
    (one_comparison if entry.is_comparison else one_run).show(folder, entry)


def _icon() -> Image.Image:
    """A blue square with a gap: nothing that would be fetched from elsewhere."""
    icon = Image.new("RGB", (32, 32), "#0072B2")
    icon.paste("#FFFFFF", (6, 13, 26, 19))
    return icon


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else OUT)
