"""Which command runs a run again, on other paths: the one that was typed, with all that it said about the world?"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from nobid.runs.fork import fork_record

if TYPE_CHECKING:
    from nobid.runs.run import Run

FLAGS: Final = ("--quiet", "--json", "--cluster-mixed")  # take no value
WHICH: Final = ("--paths", "--path", "--seed", "--shard", "--book")  # said anew, or of no use to other paths
WHERE: Final = ("--out", "--workers", "--keep", "--cluster")  # for a run of many paths, in the folder of this one


def with_paths(run: Run, paths: int) -> str:
    """The command that extends the run to so many paths."""
    return _command(run, "paths", paths, without=WHICH)


def on_path(run: Run, path: int) -> str:
    """The command that runs this path alone, in a folder of its own."""
    return _command(run, "path", path, without=(*WHICH, *WHERE))


def in_full(run: Run) -> str:
    """The command that writes the run's scenario with every key."""
    name, options = _typed(run.order.argv) if run.order.argv[:1] == ("run",) else (None, [])
    said = [value for option, value in options if option == "--set"]
    said += [f"months={value}" for option, value in options if option == "--months"]
    words = [word for one in said for word in ("--set", one)]
    return shlex.join(["nobid", "scenarios", name or run.scenario.name, "--full", *words])


def _command(run: Run, which: str, number: int, *, without: Sequence[str]) -> str:
    """The run's own command with another `which`; where it was none, one that reads its scenario from its folder."""
    argv, how = run.order.argv, [f"--{which}", str(number)]
    if argv[:1] == ("run",):
        name, options = _typed(argv)
        words = [word for option, value in options if option not in without for word in (option, value)]
        forks = any(option == "--from" for option, _ in options)
        seed = [] if forks else ["--seed", str(run.seed)]
        return shlex.join(["nobid", "run", *([name] if name else []), *words, *seed, *how])
    if run.out is None or run.order.agents or fork_record(run.scenario):
        return f'simulate("{run.scenario.name}", seed={run.seed}, {which}={number})'
    return shlex.join(["nobid", "run", str(run.out / "resolved.toml"), "--seed", str(run.seed), *how])


def _typed(argv: Sequence[str]) -> tuple[str | None, list[tuple[str, str]]]:
    """The scenario that was named, and the options with their values; options without one left out."""
    name, options, words = None, [], iter(argv[1:])
    for word in words:
        if not word.startswith("--"):
            name = word
        elif "=" in word:
            option, _, value = word.partition("=")
            options.append((option, value))
        elif word not in FLAGS:
            options.append((word, next(words, "")))
    return name, options
