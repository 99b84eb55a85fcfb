"""How does a command of nobid run as a process of the dashboard, so that it can be stopped and tells how far it is?"""

from __future__ import annotations

import json
import signal
import sys
from dataclasses import asdict
from pathlib import Path

import typer

EXPLAINED = "explained"  # the one command that is not of the command line


def explained(folder: str, agent: str, path: str) -> None:
    """Headline and parts of the explanation are printed as JSON: sentences as text, tables as their cells."""
    from nobid.runs.stored_run import open_run
    from nobid.runs.terminal import telling

    with telling():
        told = open_run(Path(folder)).explain(agent, int(path))
        parts = [part if isinstance(part, str) else asdict(part) for part in told.parts]
        typer.echo(json.dumps({"headline": told.headline, "parts": parts}, ensure_ascii=False))


def main(words: list[str]) -> None:
    """The command has run. It can be stopped by SIGINT also where whoever started it was deaf to that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        if words[0] == EXPLAINED:
            explained(*words[1:])
        else:
            from nobid.runs.cli import main as command_line

            command_line()
    except typer.Exit as end:
        sys.exit(end.exit_code)
    except KeyboardInterrupt:
        typer.echo("stopped by hand before it began.", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main(sys.argv[1:])
