"""Does a Dask cluster leave the bytes of one machine, whoever of its workers dies, and is an unlike worker refused?"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from numpy._core import _multiarray_umath as umath
from typer.testing import CliRunner

from nobid.runs.cli import app
from nobid.runs.run_record import package_version
from nobid.runs.simulation import simulate
from tests.ensembles import ended, finished, hashes, is_alive, killed, record, started, until

pytest.importorskip("distributed", reason="without the extra [cluster] there is nothing to test")
pytestmark = pytest.mark.slow

WAYS = "(tcp://HOST:PORT, local:N)."


class Scheduler:
    """A real scheduler, and workers that join it, each a process of its own."""

    def __init__(self, folder: Path, *, workers: int = 2, **environment: str) -> None:
        self.folder, self.file = folder, folder / "scheduler.json"
        self.scheduler = self._process("scheduler", "--host", "127.0.0.1", "--port", "0", **environment)
        until(self.file.exists, "the scheduler's file")
        self.address = json.loads(self.file.read_text(encoding="utf-8"))["address"]
        self.workers = [self.joined() for _ in range(workers)]

    def _process(self, what: str, *words: str, **more: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.dask_{what}", "--scheduler-file", str(self.file), *words]
        with (self.folder / "said.txt").open("ab") as said:
            quiet = {"stdout": said, "stderr": said, "cwd": self.folder}
            return subprocess.Popen([*command, "--no-dashboard"], env=os.environ | more, **quiet)  # type: ignore[call-overload, no-any-return]

    def joined(self, **environment: str) -> subprocess.Popen[bytes]:
        """A worker of one thread that starts now."""
        where = str(self.folder / "scratch")
        return self._process("worker", "--nthreads", "1", "--no-nanny", "--local-directory", where, **environment)

    def ends(self) -> None:
        """Nothing of it is left."""
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scheduler]:
    """A scheduler with two workers."""
    found = Scheduler(tmp_path_factory.mktemp("cluster"))
    yield found
    found.ends()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same paths on one process."""
    folder = tmp_path_factory.mktemp("whole") / "r"
    simulate("toy", paths=120, chunk=4, out=folder, figures=False)
    return folder


def test_a_worker_that_joins_with_another_processor_is_refused_or_marks_the_run(
    cluster: Scheduler, tmp_path: Path
) -> None:
    more = [name for name in umath.__cpu_dispatch__ if umath.__cpu_features__.get(name)]
    if not more:
        pytest.skip("this processor has no feature that numpy can be told to leave aside")
    asked = {"paths": 12, "cluster": cluster.address}
    unlike = cluster.joined(NPY_DISABLE_CPU_FEATURES=more[-1])
    until(lambda: (cluster.folder / "said.txt").read_text().count("Registered to:") >= 3, "three workers")
    said = ended(started(tmp_path / "run.py", out=tmp_path / "r", **asked)).splitlines()[-1]
    assert "1 of 3 workers would not compute the same bits (tcp://127.0.0.1:" in said
    assert "another processor): use workers of one make, or --cluster-mixed, which marks the run." in said
    assert not finished(tmp_path / "r")
    assert ended(started(tmp_path / "run.py", out=tmp_path / "r", mixed=True, **asked)) == ""
    assert record(tmp_path / "r")["mixed"][0].endswith("another processor")
    unlike.kill()
    unlike.wait()


def test_a_cluster_leaves_the_bytes_of_one_process_even_where_a_worker_is_killed(
    cluster: Scheduler, whole: Path, tmp_path: Path
) -> None:
    process = started(tmp_path / "run.py", paths=120, cluster=cluster.address, out=tmp_path / "r")
    until(lambda: finished(tmp_path / "r") >= 3, "the first blocks")
    assert finished(tmp_path / "r") < 30
    cluster.workers[0].kill()
    cluster.workers[0].wait()
    said = ended(process).splitlines()
    assert [line for line in said if "rescheduling" not in line] == []  # Dask's word where a finished block was lost
    assert hashes(tmp_path / "r") == hashes(whole)
    assert record(tmp_path / "r")["cluster"] == cluster.address
    assert "mixed" not in record(tmp_path / "r")


def test_a_run_whose_scheduler_is_gone_stops_with_a_sentence_and_goes_on_without_it(
    cluster: Scheduler, whole: Path, tmp_path: Path
) -> None:
    process = started(tmp_path / "run.py", paths=120, cluster=cluster.address, out=tmp_path / "r")
    until(lambda: finished(tmp_path / "r") >= 3, "the first blocks")
    cluster.ends()
    assert "was lost: the same command continues." in ended(process).splitlines()[-1]
    simulate("toy", paths=120, chunk=4, out=tmp_path / "r", workers=2, figures=False)
    assert hashes(tmp_path / "r") == hashes(whole)


def test_workers_of_this_machine_leave_the_same_bytes_and_die_with_their_parent(whole: Path, tmp_path: Path) -> None:
    process = started(tmp_path / "run.py", paths=120, cluster="local:2", out=tmp_path / "r")
    until(lambda: finished(tmp_path / "r") >= 2, "the first blocks")
    said = subprocess.run(["ps", "-ww", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    children = [int(line.split()[0]) for line in said.splitlines() if line.split()[1] == str(process.pid)]
    assert len(children) >= 2
    killed(process)
    until(lambda: not any(map(is_alive, children)), "the workers' end")
    assert ended(started(tmp_path / "run.py", paths=120, cluster="local:2", out=tmp_path / "r")) == ""
    assert hashes(tmp_path / "r") == hashes(whole)


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("local:none", "cluster = local:none: must be local:N with N workers, or the address of a scheduler."),
        ("nonsense://x", "cluster = nonsense://x: no Dask scheduler answers there (tcp://HOST:PORT, local:N)."),
    ],
)
def test_an_address_that_is_none_is_told(tmp_path: Path, address: str, sentence: str) -> None:
    words = ["run", "toy", "--paths", "65", "--cluster", address, "--out", str(tmp_path / "r")]
    answer = CliRunner().invoke(app, words)
    assert (answer.exit_code, answer.stderr) == (2, sentence + "\n")


@pytest.mark.parametrize("words", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
def test_a_port_where_something_else_listens_is_told_in_time(
    words: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nobid.runs.cluster.PATIENCE", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as other:
        threading.Thread(target=_says, args=(other, words), daemon=True).start()
        address = f"tcp://127.0.0.1:{other.getsockname()[1]}"
        start = time.monotonic()
        assert refused(tmp_path, address) == f"cluster = {address}: no Dask scheduler answers there {WAYS}\n"
    assert time.monotonic() - start < 10.0


def _says(server: socket.socket, words: bytes) -> None:
    """To everybody who comes the server says these words, and no more."""
    held = []
    with suppress(OSError):
        while True:
            held.append(server.accept()[0])
            held[-1].sendall(words)


def test_a_scheduler_without_workers_or_of_another_nobid_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nobid.runs.cluster.PATIENCE", 2.0)
    about = tmp_path / "other" / "nobid-0.0.1.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: nobid\nVersion: 0.0.1\n", encoding="utf-8")
    for name, environment, sentence in (
        ("empty", {}, "the scheduler has no workers: start some."),
        ("older", {"PYTHONPATH": str(about.parent)}, f"its scheduler has nobid 0.0.1, this is {package_version()}"),
    ):
        (tmp_path / name).mkdir()
        found = Scheduler(tmp_path / name, workers=0, **environment)
        try:
            assert refused(tmp_path, found.address).startswith(f"cluster = {found.address}: {sentence}")
        finally:
            found.ends()


def refused(folder: Path, address: str) -> str:
    """What is said about a cluster that cannot be used; nothing has been simulated."""
    words = ["run", "toy", "--paths", "65", "--cluster", address, "--out", str(folder / "r")]
    answer = CliRunner().invoke(app, words)
    assert (answer.exit_code, finished(folder / "r")) == (2, 0)
    return answer.stderr


def test_ctrl_c_keeps_what_is_finished_on_a_cluster_and_the_same_command_continues(tmp_path: Path, whole: Path) -> None:
    process = started(tmp_path / "run.py", paths=120, cluster="local:2", out=tmp_path / "r")
    until(lambda: finished(tmp_path / "r") >= 2, "the first blocks")
    os.killpg(process.pid, signal.SIGINT)  # a terminal tells the workers too
    said = ended(process).splitlines()[-1]
    assert "paths are finished and kept; the same command continues." in said
    assert record(tmp_path / "r")["status"] == "interrupted"
    assert 2 <= finished(tmp_path / "r") < 30
    assert ended(started(tmp_path / "run.py", paths=120, cluster="local:2", out=tmp_path / "r")) == ""
    assert hashes(tmp_path / "r") == hashes(whole)
