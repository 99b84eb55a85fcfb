"""How does a command work in a process of its own, so that the page that started it never waits?"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Final

from nobid.runs.progress import Progress
from nobid.runs.terminal import DONE, PROGRESS

TAIL: Final = 64_000  # characters of what a process said that are looked at
CHILD: Final = "nobid.runs.dashboard.child"


@dataclass(eq=False)
class Job:
    """A command of nobid at work. `words`: what stands behind `nobid`; `folder`: the run directory it writes, if any.

    `room`: a folder of its own, gone with it; `seen`: whether its end was told.
    """

    title: str
    words: tuple[str, ...]
    folder: Path | None
    room: Path
    process: subprocess.Popen[bytes]
    begun: float = field(default_factory=time.monotonic)
    asked_to_stop: bool = False
    seen: bool = False

    @property
    def key(self) -> str:
        """What tells it from every other one."""
        return self.room.name

    @property
    def running(self) -> bool:
        """True until the process has ended."""
        return self.process.poll() is None

    @property
    def done(self) -> bool:
        """True where the process has ended as it should."""
        return self.process.poll() == DONE

    def progress(self) -> Progress | None:
        """How far it has come; None before it tells."""
        told = [line for line in self._said().splitlines() if line.startswith("{")]
        for line in reversed(told):
            try:
                return Progress(**json.loads(line))
            except (ValueError, TypeError):  # half a line
                continue
        return None

    def left(self) -> float | None:
        """Seconds that it is likely to take yet; None where that cannot be told."""
        now = self.progress()
        if now is None or not now.done or not now.total:
            return None
        return (time.monotonic() - self.begun) * (now.total - now.done) / now.done

    def stop(self) -> None:
        """The process hears what Ctrl-C would tell it: it finishes what is open, keeps it, and ends."""
        self.asked_to_stop = True
        if not self.running:
            return
        if os.name == "posix":
            self.process.send_signal(signal.SIGINT)
        else:
            self.process.terminate()

    def sentence(self) -> str:
        """What the process had to say, without its progress; "" where nothing."""
        said = dict.fromkeys(self._said().splitlines())
        lines = [line for line in said if line.strip() and not line.startswith(("{", "wrote "))]
        if any(line.startswith("Traceback") for line in lines):
            return f"nobid ended unexpectedly ({lines[-1]}). Please report it with: {self.command}"
        return "\n".join(lines)

    def answer(self) -> Any:
        """What the process printed as JSON; None where it printed none."""
        try:
            return json.loads((self.room / "output").read_text(encoding="utf-8"))
        except ValueError:
            return None

    @property
    def command(self) -> str:
        """The same, typed into a terminal."""
        return shlex.join(["nobid", *self.words])

    def _said(self) -> str:
        with (self.room / "errors").open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(file.tell() - TAIL, 0))
            return file.read().decode(errors="replace")


def started(title: str, words: Sequence[str], folder: Path | None = None, *, page: str | None = None) -> Job:
    """The command works from now on; its progress comes as lines of JSON.

    `folder`: the run directory that it writes, if any; `page`: the file in its own room that it shall write.
    """
    room = Path(mkdtemp(prefix="nobid-app-"))
    asked = [*words, *([f"--out={room / page}"] if page else [])]
    with (room / "output").open("wb") as output, (room / "errors").open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", CHILD, *asked],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            env={**os.environ, PROGRESS: "json"},
        )
    job = Job(title, tuple(words), folder, room, process)
    weakref.finalize(job, shutil.rmtree, room, ignore_errors=True)
    return job
