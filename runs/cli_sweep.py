"""How are many strengths asked for from a terminal: a range, a grid of two, the best mix within a budget?"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nobid.runs.cli_ensemble import Quiet, Workers
from nobid.runs.terminal import DONE, STOPPED, AsJson, Settings, console, print_summary, progress_bar, telling

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nobid.runs.arms import Arm
    from nobid.runs.search_result import Search
    from nobid.runs.sweep_result import Sweep

sweeps = typer.Typer()  # its verbs stand beside those of cli.py

World = Annotated[str, typer.Argument(metavar="SCENARIO", help="A shipped scenario, or your own file.")]
Seed = Annotated[int | None, typer.Option(help="Seed of all draws (7 where nothing is said).")]
Months = Annotated[int | None, typer.Option(help="Length of the runs, in months.")]
Ranges = Annotated[
    list[str] | None,
    typer.Option(
        "--over",
        metavar="KEY=FROM:TO:COUNT",
        help="A setting of the policy, or a key of the scenario, and its values; or KEY=VALUE,VALUE. Twice: a grid.",
    ),
]
Mixed = Annotated[
    list[str] | None,
    typer.Option("--policy", metavar='"NAME:KEY=LOW:HIGH,…"', help="A policy that a mix may take or leave. Repeat."),
]

Bound = Annotated[str, typer.Option(metavar="public_loss|public_outlay", help="What the budget binds.")]
HeldOut = Annotated[int | None, typer.Option(help="How many other paths the best one is told on (else --paths).")]


@sweeps.command(
    epilog="Example: nobid sweep mispriced --policy repo_facility --over capacity=0:10000:11 --over haircut=0.2:0.8:7 "
    "--paths 128 --workers 2   ·   nobid sweep mispriced --over lenders.capital_multiple=0.25,0.5,1,2"
)
def sweep(  # noqa: PLR0917  typer reads the options from the arguments
    name: World,
    over: Ranges = None,
    policy: Annotated[str | None, typer.Option(metavar="NAME:KEY=VALUE,…", help="The policy that is swept.")] = None,
    against: Annotated[
        str | None, typer.Option(metavar="none|first", help="Differences from the run without the policy, or point 1.")
    ] = None,
    paths: Annotated[int | None, typer.Option(help="How many paths a point (128 where nothing is said).")] = None,
    workers: Workers = 1,
    seed: Seed = None,
    months: Months = None,
    settings: Settings = None,
    out: Annotated[Path | None, typer.Option(help="Folder (else out/sweep-SCENARIO-SEED-HASH).")] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Run a policy, or a scenario, at every point of a range or of a grid of two, and tell where the response tips.

    The same command continues a sweep that was stopped; more points and more --paths extend it.
    """
    with telling():
        from nobid.runs.sweeping import default_folder
        from nobid.runs.sweeping import sweep as swept

        asked: dict[str, Any] = {"against": against, "paths": paths, "seed": seed, "workers": workers, "months": months}
        asked |= {"set": settings, "out": out or default_folder, "argv": sys.argv[1:]}
        with progress_bar(name, show=not quiet) as progress:
            found = swept(name, over or (), policy, progress=progress, **asked)
        _close(found, found.arms, [found.with_paths(2 * len(found.paths))], quiet=quiet, as_json=as_json)


@sweeps.command(
    epilog='Example: nobid search mispriced --policy "buyer_of_last_resort:floor=0.3:0.9,budget=0:10000" '
    '--policy "repo_facility:capacity=0:5000" --budget 5000 --paths 128 --trials 60 --workers 2'
)
def search(  # noqa: PLR0917  typer reads the options from the arguments
    name: World,
    budget: Annotated[float, typer.Option(metavar="USD_M", help="Most that a mix may cost the public, mean a path.")],
    policies: Mixed = None,
    budget_of: Bound = "public_loss",
    objective: Annotated[str, typer.Option(metavar="MEASURE", help="What is to be improved.")] = "lender_losses",
    paths: Annotated[int, typer.Option(help="How many paths a mix is chosen by.")] = 128,
    held_out: HeldOut = None,
    trials: Annotated[int, typer.Option(help="How many mixes are tried.")] = 60,
    workers: Workers = 1,
    seed: Seed = None,
    months: Months = None,
    settings: Settings = None,
    out: Annotated[Path | None, typer.Option(help="Folder (else out/search-SCENARIO-SEED-HASH).")] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Search for the best mix of policies within a public budget; its final figure comes from paths of its own.

    The same command continues a search that was stopped; more --trials extend it.
    """
    with telling():
        from nobid.runs.searching import default_folder
        from nobid.runs.searching import search as searched

        asked: dict[str, Any] = {"budget": budget, "budget_of": budget_of, "objective": objective, "trials": trials}
        asked |= {"paths": paths, "held_out": held_out, "seed": seed, "workers": workers, "months": months}
        asked |= {"set": settings, "out": out or default_folder, "argv": sys.argv[1:]}
        with progress_bar(name, show=not quiet) as progress:
            found = searched(name, policies or (), progress=progress, **asked)
        arms = () if found.held_out is None else found.held_out.arms
        then = [f'nobid compare {name} --policy "{found.best.label}" --paths {2 * paths}'] if arms else []
        _close(found, arms, then, quiet=quiet, as_json=as_json)


def _close(found: Sweep | Search, arms: Sequence[Arm], then: list[str], *, quiet: bool, as_json: bool) -> None:
    """The table, where everything lies and what to type next are printed; the exit is that of the runs."""
    to = console(error=as_json)
    if not quiet:
        print_summary(found.summary(), to)
    to.print(f"wrote {found.out}/", soft_wrap=True)
    for command in then if not quiet else ():
        to.print(f"next: {command}", soft_wrap=True)
    if as_json:
        typer.echo(json.dumps({**found.as_dict(), "out": str(found.out)}, indent=2, ensure_ascii=False))
    raise typer.Exit(STOPPED if any(arm.run.failures for arm in arms) else DONE)
