"""Does a run that is killed ten times at random moments end with the bytes of one that was not?

`kill -9` hits the parent in half of the cases and one of its two workers in the others. `python bench/resume_kills.py
[PATHS] [SEED]`
"""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

KILLS = 10
PATIENCE = 600.0  # seconds


def hashes(folder: Path) -> dict[str, str]:
    """Every part with the hash of its bytes."""
    files = sorted(folder.rglob("*.parquet"))
    return {str(one.relative_to(folder)): hashlib.sha256(one.read_bytes()).hexdigest() for one in files}


def command(out: Path, paths: int, workers: int) -> list[str]:
    words = ["run", "baseline", "--months", "12", "--paths", str(paths), "--workers", str(workers), "--out", str(out)]
    return [sys.executable, "-m", "nobid.runs", *words, "--quiet"]


def workers_of(pid: int) -> list[int]:
    """The worker processes of a run."""
    said = subprocess.run(["ps", "-ww", "-A", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True)
    rows = [line.split(None, 2) for line in said.stdout.splitlines()]
    return [int(row[0]) for row in rows if row[1] == str(pid) and "spawn_main" in row[2]]


def kept(folder: Path) -> int:
    return len(list(folder.glob("parts/outcomes/*.parquet")))


def waits(luck: random.Random, process: subprocess.Popen[bytes], out: Path) -> None:
    """A random moment has come: soon after the start, or a while after some more blocks."""
    before, more = kept(out), luck.choice((0, 1, 2, 3))
    while kept(out) < before + more and process.poll() is None:
        time.sleep(0.02)
    time.sleep(luck.uniform(0.0, 5.0 if not more else 1.0))


def main() -> None:
    """Ten kills, then the hashes."""
    paths, seed = (int(word) for word in (sys.argv[1:] + ["2560", "20261123"][len(sys.argv) - 1 :])[:2])
    luck = random.Random(seed)
    with tempfile.TemporaryDirectory() as place:
        out, whole = Path(place, "killed"), Path(place, "whole")
        process: subprocess.Popen[bytes] | None = None
        for kill in range(1, KILLS + 1):
            process = process or subprocess.Popen(command(out, paths, 2))
            waits(luck, process, out)
            workers = workers_of(process.pid)
            if luck.random() < 0.5 and workers:
                os.kill(luck.choice(workers), signal.SIGKILL)
                who = "a worker"
            else:
                process.kill()
                process.wait()
                process, who = None, "the parent"
            print(f"kill {kill:>2}: {who:<10}  blocks kept {kept(out):>3}")
        process = process or subprocess.Popen(command(out, paths, 2))
        print(f"ended with exit code {process.wait(timeout=PATIENCE)}, blocks kept {kept(out)}")
        subprocess.run(command(whole, paths, 1), check=True)
        same = hashes(out) == hashes(whole)
        left = [file.name for file in out.rglob(".tmp*")]
        print(f"{len(hashes(whole))} parts, the same bytes: {same}; temporary files left: {len(left)}")
        sys.exit(0 if same and not left else 1)


if __name__ == "__main__":
    main()
