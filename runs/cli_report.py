"""How is a run or a comparison written down from a terminal as one page to send?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from nobid.runs.terminal import AsJson, telling

reports = typer.Typer()  # its verb stands beside those of cli.py


@reports.command(
    epilog="Example: nobid report out/a   ·   out/a: nobid run mispriced --paths 64 --out out/a, or nobid compare …"
)
def report(
    run: Annotated[Path, typer.Argument(metavar="RUN|COMPARISON", help="The directory of a run or of a comparison.")],
    out: Annotated[Path | None, typer.Option(help="The page's file (else report.html in the directory).")] = None,
    as_json: AsJson = False,
) -> None:
    """Write one HTML page to send: question, answer with intervals, charts, who was systemic, setting, limits, how to
    do it again. It asks for no network and prints well.
    """
    with telling():
        from nobid.runs.stored_comparison import is_comparison, open_comparison
        from nobid.runs.stored_run import open_run

        found = (open_comparison(run) if is_comparison(run) else open_run(run)).report()
        file = found.save(out)
        if as_json:
            told = {"about": found.about, "file": str(file), "sections": [one.title for one in found.sections]}
            typer.echo(json.dumps(told, indent=2, ensure_ascii=False))
            return
        typer.echo(f"wrote {file} ({file.stat().st_size / 1e3:,.0f} kB) · open it in a browser; printing makes a PDF")
