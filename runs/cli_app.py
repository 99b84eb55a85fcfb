"""How is the dashboard started from a terminal?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from nobid.runs.terminal import telling

PORT: Final = 8501

dashboards = typer.Typer()  # its verb stands beside those of cli.py


@dashboards.command("app", epilog="Example: nobid app out --port 8600   ·   needs the extra: pip install 'nobid[app]'")
def dashboard(
    folder: Annotated[Path, typer.Argument(metavar="[FOLDER]", help="Where runs lie, and new ones shall lie.")] = Path(
        "out"
    ),
    port: Annotated[int, typer.Option(help="Port on this machine.")] = PORT,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Open no browser: print the address only.")] = False,
) -> None:
    """Open a dashboard in the browser: choose a scenario and policies, run them, watch and read what came of it.

    It answers to this machine only, and asks nothing of any other.
    """
    with telling():
        from nobid.runs.dashboard.serve import serve

        serve(folder, port, browser=not no_browser)
