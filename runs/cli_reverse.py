"""How is the most plausible shock that reaches a target asked for from a terminal?"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nobid.runs.cli_ensemble import Quiet, Workers
from nobid.runs.terminal import DONE, STOPPED, AsJson, Settings, console, print_summary, progress_bar, telling

if TYPE_CHECKING:
    from nobid.runs.reversal.result import Reversal

reversals = typer.Typer()  # its verb stands beside those of cli.py

Goal = Annotated[
    str,
    typer.Option(
        metavar='"MEASURE >= NUMBER"',
        help="What is to be reached; money as a share of debt on machines, or /debt, /lender_equity, or as 4.8bn.",
    ),
]
Factors = Annotated[str, typer.Option(metavar="demand,coin,funding", help="What the shock may be made of.")]
By = Annotated[str, typer.Option(metavar="half|mean", help="On half of the paths at least, or by their mean.")]


@reversals.command(
    epilog='Example: nobid reverse mispriced --target "lender_losses >= 0.25" --month 2026-07 --paths 64 --workers 2'
)
def reverse(  # noqa: PLR0917  typer reads the options from the arguments
    name: Annotated[str, typer.Argument(metavar="SCENARIO", help="A shipped scenario, or your own file.")],
    target: Goal = "lender_losses >= 0.25",
    factors: Factors = "demand,coin,funding",
    month: Annotated[str | None, typer.Option(metavar="YYYY-MM", help="Month of the shock (else the 7th).")] = None,
    by: By = "half",
    window: Annotated[int, typer.Option(help="Months over which the world might bring as much: its yardstick.")] = 3,
    paths: Annotated[int, typer.Option(help="How many paths a shock is tried on.")] = 64,
    held_out: Annotated[int | None, typer.Option(help="How many other paths it is told on (else --paths).")] = None,
    trials: Annotated[int, typer.Option(help="How many shocks are tried at most.")] = 60,
    workers: Workers = 1,
    seed: Annotated[int | None, typer.Option(help="Seed of all draws (7 where nothing is said).")] = None,
    months: Annotated[int | None, typer.Option(help="Length of the runs, in months.")] = None,
    settings: Settings = None,
    out: Annotated[Path | None, typer.Option(help="Folder (else out/reverse-SCENARIO-SEED-HASH).")] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Find the most plausible shock of demand, coin and funding that brings the system to a target.

    It is told on paths of its own, with how far away it is, how often the model brings it by itself, and who fails.
    The same command continues a search that was stopped; more --trials go on from there.
    """
    with telling():
        from nobid.runs.reversal.reversing import default_folder
        from nobid.runs.reversal.reversing import reverse as reversed_

        asked: dict[str, Any] = {"factors": factors, "month": month, "by": by, "window": window, "paths": paths}
        asked |= {"held_out": held_out, "trials": trials, "seed": seed, "workers": workers, "months": months}
        asked |= {"set": settings, "out": out or default_folder, "argv": sys.argv[1:]}
        with progress_bar(name, show=not quiet) as progress:
            found = reversed_(name, target, progress=progress, **asked)
        _close(found, quiet=quiet, as_json=as_json)


def _close(found: Reversal, *, quiet: bool, as_json: bool) -> None:
    """The finding, where everything lies and what to type next are printed; the exit is that of the runs."""
    to = console(error=as_json)
    if not quiet:
        print_summary(found.summary(), to)
    to.print(f"wrote {found.out}/", soft_wrap=True)
    if not quiet and found.held_out:
        shocked = f"{found.out}/held-out/{next(iter(found.held_out.values())).folder}"
        to.print(f"next: nobid replay {shocked} --path median", soft_wrap=True)
    if as_json:
        typer.echo(json.dumps({**found.as_dict(), "out": str(found.out)}, indent=2, ensure_ascii=False))
    stopped = any(arm.run.failures for arm in found.held_out.values())
    raise typer.Exit(STOPPED if stopped else DONE)
