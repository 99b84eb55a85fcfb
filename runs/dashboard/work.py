"""How far are the runs that this session has started, and what became of them?"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Final

import streamlit as st

from nobid.runs.dashboard.fields import plain
from nobid.runs.dashboard.jobs import Job, started
from nobid.runs.progress import Progress

PACE: Final = 1.0  # seconds between two looks at a process
MINUTE: Final = 90.0  # seconds from which on minutes are told


def working(folder: Path) -> None:
    """The panel shows every run of the session, with progress and Stop; it looks again by itself while one works."""
    jobs: list[Job] = st.session_state.setdefault("jobs", [])
    if jobs:
        looking = any(one.running for one in jobs)
        with st.container(key="working"):
            st.fragment(_panel, run_every=PACE if looking else None)(folder, jobs, looking=looking)


def _panel(folder: Path, jobs: list[Job], *, looking: bool) -> None:
    """Every run; the whole page is drawn again when one has ended, one goes on, or one is to be opened."""
    fresh = "go" in st.session_state or (not looking and any(one.running for one in jobs))
    for job in jobs:
        with st.container(border=True):
            if job.running:
                bar(job)
                continue
            _ended(folder, job, jobs)
        fresh, job.seen = fresh or not job.seen, True
    if fresh:
        st.rerun()


def bar(job: Job) -> None:
    """A process at work: how far it is, how long it may take, a button that stops it."""
    now = job.progress()
    share = now.done / now.total if now is not None and now.total else 0.0
    left, right = st.columns([8, 1], vertical_alignment="bottom")
    left.progress(min(max(share, 0.0), 1.0), text=f"**{plain(job.title)}** · {_told(now, job.left())}")
    right.button("Stop", key=f"stop:{job.key}", disabled=job.asked_to_stop, on_click=job.stop, width="stretch",
                 help="What is finished is kept.")  # fmt: skip


def _told(now: Progress | None, left: float | None) -> str:
    if now is None:
        return "starting"
    parts = [f"{now.done / max(now.total, 1):.0%}"]
    if now.paths > 1:
        parts.append(f"{now.defaults / now.paths:.1f} defaults a path so far")
    if now.failed:
        parts.append(f"{now.failed} paths failed")
    if left is not None and now.done < now.total:
        parts.append(f"about {left:.0f} s left" if left < MINUTE else f"about {left / 60:.0f} min left")
    return " · ".join(parts)


def _ended(folder: Path, job: Job, jobs: list[Job]) -> None:
    """How it ended, and the way to what it left."""
    if job.folder is not None:
        with contextlib.suppress(OSError):
            job.folder.rmdir()  # a process that was refused has left it empty
    left, again, middle, right = st.columns([5, 1, 1, 1], vertical_alignment="center")
    words = "finished" if job.done else "stopped" if job.asked_to_stop else "not done"
    left.markdown(f"**{plain(job.title)}** · {words}")
    if job.folder is not None and job.folder.exists():
        name = job.folder.relative_to(folder).as_posix()
        if not job.done:
            about = "The same command again: it goes on where it was stopped."
            again.button("Continue", key=f"on:{job.key}", on_click=_on, args=(job, jobs), width="stretch", help=about)
        middle.button(
            "Open result",
            key=f"open:{job.key}",
            type="primary",
            on_click=_open,
            args=(name, job, jobs),
            width="stretch",
        )
    right.button("Dismiss", key=f"dismiss:{job.key}", on_click=jobs.remove, args=(job,), width="stretch")
    if not job.done:
        for line in job.sentence().splitlines():
            (st.info if job.asked_to_stop else st.error)(plain(line))


def _on(job: Job, jobs: list[Job]) -> None:
    jobs[jobs.index(job)] = started(job.title, job.words, job.folder)


def _open(name: str, job: Job, jobs: list[Job]) -> None:
    jobs.remove(job)
    st.session_state["go"] = name
