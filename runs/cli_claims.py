"""How are the claims of the essay tried from a terminal: which of them, on how many paths, in which folder?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nobid.runs.cli_ensemble import Quiet, Workers
from nobid.runs.terminal import DONE, STOPPED, AsJson, console, print_summary, progress_bar, telling

if TYPE_CHECKING:
    from collections.abc import Callable

    from nobid.runs.essay.result import Trial

trials = typer.Typer()  # its verb stands beside those of cli.py


@trials.command(epilog="Example: nobid claims --only 3,8 --workers 2   ·   overnight: nobid claims --full --workers 2")
def claims(  # noqa: PLR0917  typer reads the options from the arguments
    only: Annotated[str | None, typer.Option(metavar="3,8", help="These claims alone, by number.")] = None,
    paths: Annotated[int | None, typer.Option(help="How many paths an arm (64; with --full 512).")] = None,
    full: Annotated[bool, typer.Option("--full", help="512 paths and all sweeps.")] = False,
    workers: Workers = 1,
    seed: Annotated[int | None, typer.Option(help="Seed of all draws (7 where nothing is said).")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder (else out/claims-SEED).")] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Try the essay's sixteen claims, each by a rule fixed in advance: supported, not supported or inconclusive.

    The same command continues where it was stopped; arms that claims share are simulated once.
    """
    with telling():
        from nobid.runs.essay.trial import claims as all_claims
        from nobid.runs.essay.trial import default_folder

        folder = out or default_folder(seed)
        with progress_bar("claims", show=not quiet) as progress:
            asked: dict[str, Any] = {"paths": paths, "full": full, "seed": seed, "workers": workers}
            found = all_claims(only, out=folder, progress=progress, tried=None if quiet else _teller(), **asked)
        to = console(error=as_json)
        if not quiet:
            print_summary(found.summary(), to)
        to.print(f"wrote {found.out}/", soft_wrap=True)
        if as_json:
            typer.echo(json.dumps({**found.as_dict(), "out": str(found.out)}, indent=2, ensure_ascii=False))
        raise typer.Exit(STOPPED if any(one.failed for one in found.trials) else DONE)


def _teller() -> Callable[[Trial], None]:
    """Says on standard error what came of each claim as it ends."""
    from nobid.runs.essay.text import effect

    words = console(error=True)
    return lambda one: words.print(f"{one.number:2d} {one.title}: {one.verdict_words} · {effect(one)}", soft_wrap=True)
