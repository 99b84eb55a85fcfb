"""What shall be run: a scenario, policies, parameters, paths; the page on which that is put together and started?"""

from __future__ import annotations

import os
import shlex
from functools import partial
from pathlib import Path
from typing import Any, Final

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from nobid.model.policies import Policy
from nobid.runs.dashboard.fields import (
    Setting,
    ask,
    in_section,
    matching,
    plain,
    sections,
    settings,
    settings_of_policy,
)
from nobid.runs.dashboard.found import claimed
from nobid.runs.dashboard.jobs import Job, started
from nobid.runs.dashboard.look import refused, remembered
from nobid.runs.dashboard.wish import MOST_MONTHS, MOST_PATHS, MOST_SEED, MOST_WORKERS, Wish, policy_words, settings_in
from nobid.runs.errors import InputError
from nobid.runs.listing import described
from nobid.runs.policies import known, paragraph
from nobid.runs.scenarios import Scenario, scenario

SHOWN: Final = 30  # fields at once of what a search finds
COLUMNS: Final = 3
ONE, MANY = "One run", "A comparison of policies"
FIRST: Final = "mispriced"  # the scenario that is shown first


def form(folder: Path) -> None:
    """The page is shown; what is started from it is kept in st.session_state.jobs."""
    st.title("New run", anchor=False)
    name = _scenario()
    world = remembered(("scenario", name), partial(scenario, name))
    size = _size(world)
    policies = _policies(compared=size["compared"])
    changed = _parameters(world)
    further = _further()
    st.divider()
    try:
        wish = Wish(name, **size, settings={**changed, **settings_in(further)}, policies=policies).checked()
    except InputError as error:
        refused(error)
        return
    _start(wish, folder)


def _scenario() -> str:
    found = {one["name"]: one for one in described()}
    names = list(found)
    name: str = st.selectbox("Scenario", names, index=names.index(FIRST), key="scenario")
    about = found[name]
    st.markdown(f"**{plain(about['title'])}**  \n{plain(about['question'])}")
    return name


def _size(world: Scenario) -> dict[str, Any]:
    """What is made, on how many paths, with which seed."""
    kind = st.radio("What", [ONE, MANY], horizontal=True, key="kind", captions=[
        "the policies that are ticked hold together",
        "every policy that is ticked on its own, against none, on the same luck",
    ])  # fmt: skip
    compared = kind == MANY
    columns = st.columns(4)
    least, usual = (2, 64) if compared else (1, 16)
    about = "How many futures are drawn. Intervals are rough below 100."
    paths = columns[0].number_input("Paths", least, MOST_PATHS, value=usual, key=f"paths:{kind}", help=about)
    about = "The same seed draws the same luck."
    seed = columns[1].number_input("Seed", 0, MOST_SEED, value=7, key="seed", help=about)
    length = world.parameters.months
    months = columns[2].number_input("Months", 1, MOST_MONTHS, value=length, key=f"months:{world.name}")
    most = min(os.cpu_count() or 1, MOST_WORKERS)
    about = "More are sooner: the results are the same."
    workers = columns[3].number_input("Processes", 1, most, value=1, key="workers", help=about)
    size = {"paths": int(paths), "seed": int(seed), "workers": int(workers)}
    return {"compared": compared, **size, "months": None if months == length else int(months)}


def _policies(*, compared: bool) -> tuple[str, ...]:
    """The policies that are ticked, in words, with what was chosen of them."""
    words: list[str] = []
    count = sum(bool(st.session_state.get(f"policy:{name}")) for name in known())
    with st.expander(
        f"Policies: {count or 'none'} ticked of {len(known())}", expanded=compared, key=f"policies:{compared}"
    ):
        columns = st.columns(COLUMNS)
        ticked = []
        for number, (name, cls) in enumerate(known().items()):
            about = f"{plain(paragraph(cls))}  \nWho pays: {plain(cls.costs)}"
            if columns[number % COLUMNS].checkbox(title(name), key=f"policy:{name}", help=about):
                ticked.append(name)
        for name in ticked:
            words.append(policy_words(name, _chosen(name, known()[name])))
    return tuple(words)


def title(name: str) -> str:
    """A policy's name in plain words."""
    words = name.replace("_", " ").replace("dscr", "DSCR").replace("ltv", "LTV")
    return f"{words[0].upper()}{words[1:]}"


def _chosen(name: str, cls: type[Policy]) -> dict[str, Any]:
    """The settings of one policy as they stand in the form."""
    with st.container(border=True):
        st.markdown(f"**{title(name)}**")
        fields = settings_of_policy(cls)
        places = zip(fields, _grid(len(fields)), strict=False)
        return {one.key: ask(one, one.value, f"policy:{name}:{one.key}", at=at) for one, at in places}


def _grid(count: int) -> list[DeltaGenerator]:
    """So many places in rows of equal columns, fields standing on one line."""
    rows = [st.columns(COLUMNS, vertical_alignment="bottom") for _ in range(-(-count // COLUMNS))]
    return [place for row in rows for place in row]


def _parameters(world: Scenario) -> dict[str, str]:
    """What was changed of the scenario's parameters, as TOML by key."""
    everything = list(settings(world.parameters))
    changed: dict[str, Any] = st.session_state.setdefault("changed", {}).setdefault(world.name, {})
    with st.expander(f"Parameters: {len(everything)}", expanded=True, key="parameters-box"):
        left, right = st.columns(2)
        words = left.text_input("Search the parameters", key="search", placeholder="for instance margin, or haircut")
        names = sections(world.parameters)
        section = right.selectbox("or a section", list(names), format_func=names.__getitem__, key="section",
                                  index=list(names).index("lenders"), disabled=bool(words))  # fmt: skip
        found = matching(everything, words) if words.strip() else in_section(everything, section)
        _fields(world.name, found[:SHOWN], changed)
        if len(found) > SHOWN:
            st.caption(f"{len(found) - SHOWN} more match: type another word.")
        if not found:
            st.caption("No parameter matches: try one word of what it means.")
        _undo(world.name, changed)
    values = {one.key: one for one in everything}
    return {key: values[key].words(value) for key, value in changed.items() if key in values}


def _fields(world: str, found: list[Setting], changed: dict[str, Any]) -> None:
    """A field for each; what differs from the scenario is kept in `changed`."""
    for one, at in zip(found, _grid(len(found)), strict=False):
        value = ask(one, changed.get(one.key, one.value), _key(world, one.key), at=at)
        if value == one.value or (one.kind == "toml" and value == one.words(one.value)):
            changed.pop(one.key, None)
        elif value is not None:
            changed[one.key] = value


def _key(world: str, key: str) -> str:
    """The name of a field's widget, another one whenever all changes were taken back."""
    return f"parameter:{world}:{key}:{st.session_state.get('undone', 0)}"


def _undo(world: str, changed: dict[str, Any]) -> None:
    if not changed:
        return

    def undo() -> None:
        changed.clear()
        st.session_state["undone"] = st.session_state.get("undone", 0) + 1

    told = " · ".join(f"{key} = {value}" for key, value in changed.items())
    st.markdown(f"Changed: {plain(told)}")
    st.button("Undo all changes", on_click=undo, key=f"undo:{world}")


def _further() -> str:
    with st.expander("Further settings: dated shocks, one firm's figures", key="further-box"):
        example = 'firm.IREN.cash=100\nshock=[{ month = "2027-04", demand = -0.35 }]'
        found: str = st.text_area(
            "KEY=VALUE, one a line", key="further", max_chars=4_000, height=100, placeholder=example
        )
    return found


def _start(wish: Wish, folder: Path) -> None:
    """The button that starts it, and the same command for a terminal."""
    left, right = st.columns([1, 4], vertical_alignment="center")
    if left.button("Start", type="primary", key="start", width="stretch"):
        out = claimed(folder, wish.stem)
        what = f"{wish.scenario}, {'comparison, ' if wish.compared else ''}{wish.paths} paths, seed {wish.seed}"
        jobs: list[Job] = st.session_state.setdefault("jobs", [])
        jobs.insert(0, started(what, wish.command(out), out))
        st.rerun()
    shown = [word for word in wish.command(folder) if not word.startswith(("--out=", "--quiet"))]
    right.code(shlex.join(["nobid", *shown]), language=None, wrap_lines=True)
