"""How is one path watched in the dashboard: the replay page, the agent that was clicked in it, and why it failed?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import streamlit as st
from streamlit.components.v1 import declare_component

from nobid.runs.dashboard.agents import START, Watched, watched
from nobid.runs.dashboard.child import EXPLAINED
from nobid.runs.dashboard.fields import plain
from nobid.runs.dashboard.jobs import Job, started
from nobid.runs.dashboard.look import block, table
from nobid.runs.dashboard.work import bar
from nobid.runs.summary_blocks import Block

FRAME: Final = Path(__file__).with_name("replay_frame")
Clicked = Mapping[str, Any] | None  # agent, arm, at (words that end with a month), click (another one each time)
PACE: Final = 0.5  # seconds between two looks at a process that somebody waits for
MOST_TIES: Final = 16  # of an agent that are listed
KEPT: Final = 12  # answers of processes that a session keeps


def watch(path: int, against: str | None, *, arms: Sequence[Path | None]) -> None:
    """The replay of the path of the run arms[0], beside `against`, and what there is to know of the agent chosen.

    `arms`: the run directories of the arms; None for one that lies in no folder.
    """
    home = arms[0]
    assert home is not None
    words = ["replay", str(home), f"--path={path}", *([f"--against={against}"] if against else []), "--json"]
    job = work(f"Replay of path {path}", words, page="replay.html")
    if job is None:
        return
    if job.sentence():
        st.warning(plain(job.sentence()))
    page = (job.room / "replay.html").read_text(encoding="utf-8")
    found = watched(page)
    frame = declare_component("nobid_replay", path=str(FRAME))
    clicked = frame(page=page, title=f"Replay of path {path}", key=f"replay:{' '.join(words)}", default=None)
    st.download_button("Save this page (HTML, opens without a network)", page, file_name=f"replay-{path}.html",
                       mime="text/html", on_click="ignore")  # fmt: skip
    _agent(found, clicked, path, arms=arms, key=" ".join(words))


def work(title: str, words: Sequence[str], *, page: str | None = None) -> Job | None:
    """The finished process with these words; until it has ended, or where it was refused, the page says so: None.

    `page`: a file in the process's own room that it writes with --out.
    """
    answers: dict[tuple[str, ...], Job] = st.session_state.setdefault("answers", {})
    asked = tuple(words)
    if asked not in answers:
        while len(answers) >= KEPT:
            answers.pop(next(iter(answers))).stop()
        answers[asked] = started(title, words, page=page)
    job = answers[asked]
    if job.done:
        return job
    if job.running:
        st.fragment(_waiting, run_every=PACE)(job)
        return None
    for line in job.sentence().splitlines() or ["stopped."]:
        (st.info if job.asked_to_stop else st.error)(plain(line))
    st.button("Try again", key=f"again:{job.key}", on_click=answers.pop, args=(asked,))
    return None


def _waiting(job: Job) -> None:
    if not job.running:
        st.rerun()
    bar(job)


def _agent(
    found: Watched, clicked: Mapping[str, Any] | None, path: int, *, arms: Sequence[Path | None], key: str
) -> None:
    """The agent that was clicked or chosen: balance sheet, ties, and why it failed or lived."""
    _follow(found, clicked, key)
    st.subheader("An agent", anchor=False)
    columns = st.columns([3, 2, 2])
    ask = "Agent: click one in the replay, or choose"
    agent = columns[0].selectbox(
        ask, found.names, index=None, key=f"agent:{key}", format_func=_called(found), placeholder="nobody yet"
    )
    arm = 0
    if len(found.arms) > 1:
        arm = columns[1].selectbox("Arm", range(len(found.arms)), format_func=found.arms.__getitem__, key=f"arm:{key}")
    month = columns[2].select_slider("At the end of", found.months, key=f"month:{key}")
    if agent is None:
        return
    fell = found.fell(agent, arm)
    st.markdown(f"**{plain(agent)}**, {found.kind(agent)}: {f'failed in {fell}' if fell else 'alive at the end'}")
    left, right = st.columns([2, 3], gap="large")
    with left:
        _sheet(found, agent, arm, month)
    with right:
        home = arms[arm] if arm < len(arms) else None
        if home is None:
            st.info("This arm lies in no folder: start a comparison, and it can be explained as well.")
        else:
            _why(home, agent, path)


def _called(found: Watched) -> Callable[[str], str]:
    return lambda name: f"{name} · {found.kind(name)}"


def _follow(found: Watched, clicked: Clicked, key: str) -> None:
    """A new click in the replay sets agent, arm and month of the fields below it, where it names such."""
    last = f"clicked:{key}"
    if not isinstance(clicked, dict) or clicked.get("click") == st.session_state.get(last):
        return
    st.session_state[last] = clicked.get("click")
    if clicked.get("agent") not in found.names or clicked.get("arm") not in range(len(found.arms)):
        return
    st.session_state[f"agent:{key}"] = clicked["agent"]
    month = str(clicked.get("at", "")).rsplit(" ", 1)[-1]
    st.session_state[f"month:{key}"] = month if month in found.months else START
    if len(found.arms) > 1:
        st.session_state[f"arm:{key}"] = clicked["arm"]


def _sheet(found: Watched, agent: str, arm: int, month: str) -> None:
    """The balance sheet, and to whom the agent is tied."""
    sheet, ties = found.sheet(agent, arm, month), found.ties(agent, arm, month)
    rows = [
        (str(head), *(_amount(one) for one in row)) for head, row in zip(sheet.index, sheet.to_numpy(), strict=True)
    ]
    st.html(table("Balance sheet", [str(one) for one in sheet.columns], rows))
    if ties.empty:
        st.caption(f"Nothing is owed by or to it at the end of {month}.")
        return
    largest = ties.head(MOST_TIES).itertuples(index=False, name=None)
    cells = [(one[0], one[1], _amount(one[2]), _amount(one[3])) for one in largest]
    st.html(table(f"Tied to, {month}", list(ties.columns[1:]), cells))
    if len(ties) > MOST_TIES:
        st.caption(f"and {len(ties) - MOST_TIES} smaller ones.")


def _amount(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 10 else f"{value:.3g}" if value else "–"


def _why(home: Path, agent: str, path: int) -> None:
    """Why the agent failed or lived, as `nobid explain` tells it."""
    job = work(f"Why {agent}", [EXPLAINED, str(home), agent, str(path)])
    told = job.answer() if job is not None else None
    if told is None:
        return
    st.markdown(f"**{plain(told['headline'])}**")
    for part in told["parts"]:
        if isinstance(part, str):
            st.markdown(plain(part).replace("\n", "  \n"))
        else:
            st.html(block(Block(part["heading"], tuple(part["columns"]), tuple(map(tuple, part["rows"])))))
