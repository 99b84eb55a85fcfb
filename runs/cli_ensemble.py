"""How is a stored run asked from a terminal to go on, to prove itself, to be shown again, to be found?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from nobid.runs.cli_results import BookFile, RunFolder, positions
from nobid.runs.terminal import DONE, STOPPED, AsJson, print_rows, progress_bar, telling

ensemble = typer.Typer()  # its verbs stand beside those of cli.py

Workers = Annotated[int, typer.Option(help="Processes of this machine: the same bits, sooner.")]
OnCluster = Annotated[
    str | None,
    typer.Option("--cluster", metavar="ADDRESS", help="A Dask scheduler, tcp://HOST:PORT, or local:N."),
]
Mixed = Annotated[bool, typer.Option("--cluster-mixed", help="Take unlike workers too, and mark the run.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress and no table.")]


@ensemble.command(epilog="Example: nobid resume out/a --workers 2   ·   out/a: nobid run toy --paths 256 --out out/a")
def resume(  # noqa: PLR0917  typer reads the options from the arguments
    run: RunFolder,
    workers: Workers = 1,
    cluster: OnCluster = None,
    cluster_mixed: Mixed = False,
    book: BookFile = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Finish a run that was stopped, killed or split into shards; the same as giving its command again."""
    with telling():
        from nobid.runs.cli import close
        from nobid.runs.simulation import resume as resumed
        from nobid.runs.stored_run import open_run

        held = positions(book, open_run(run).scenario) if book else []
        with progress_bar(str(run), show=not quiet) as progress:
            spread = {"workers": workers, "cluster": cluster, "mixed": cluster_mixed}
            found = resumed(run, progress=progress, **spread)  # type: ignore[arg-type]
        close(found, quiet=quiet, as_json=as_json, held=held)


@ensemble.command(epilog="Example: nobid verify out/a --paths 4   ·   out/a: nobid run toy --paths 64 --out out/a")
def verify(
    run: RunFolder,
    paths: Annotated[int, typer.Option(help="How many finished paths.")] = 2,
    seed: Annotated[int | None, typer.Option(help="Chooses the paths (else drawn and printed).")] = None,
    as_json: AsJson = False,
) -> None:
    """Simulate some finished paths again, chosen at random, and compare them with what is stored, bit by bit."""
    with telling():
        from nobid.runs.verification import verify as verified

        found = verified(run, paths, seed=seed)
        told = {"same": found.same, "seed": found.seed, "caution": found.caution}
        rows = [{"path": one.path, "difference": one.difference} for one in found.paths]
        typer.echo(json.dumps({**told, "paths": rows}, indent=2, ensure_ascii=False) if as_json else str(found))
    raise typer.Exit(DONE if found.same else STOPPED)


@ensemble.command(epilog="Example: nobid show out/a   ·   out/a: nobid run toy --paths 64 --out out/a")
def show(run: RunFolder, book: BookFile = None, as_json: AsJson = False) -> None:
    """Print the closing tables of a run again, from what is stored."""
    with telling():
        from nobid.runs.cli import close
        from nobid.runs.folders import as_it_stands

        found = as_it_stands(run)
        close(found, quiet=False, as_json=as_json, held=positions(book, found.scenario))


@ensemble.command(epilog="Example: nobid runs   ·   nobid runs out")
def runs(
    folder: Annotated[Path, typer.Argument(metavar="[FOLDER]", help="Look at and below this folder.")] = Path("out"),
    as_json: AsJson = False,
) -> None:
    """List the run directories below a folder: scenario, seed, paths done of wanted, how they ended, size, date."""
    with telling():
        from nobid.runs.folders import COLUMNS, runs_below

        print_rows(runs_below(folder), COLUMNS, as_json=as_json)
