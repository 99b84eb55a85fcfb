"""How are policies asked for from a terminal: which there are, what one does and costs, and what each changes?"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nobid.runs.cli_ensemble import Quiet, Workers
from nobid.runs.terminal import (
    DONE,
    STOPPED,
    AsJson,
    Settings,
    console,
    print_rows,
    print_summary,
    progress_bar,
    telling,
)

if TYPE_CHECKING:
    from nobid.model.policies import Policy
    from nobid.runs.comparison import Comparison

policies = typer.Typer()  # its verbs stand beside those of cli.py

Arms = Annotated[
    list[str] | None,
    typer.Option(
        "--policy", metavar='"NAME:KEY=VALUE,… + NAME"', help="A policy, or several joined by +, to compare. Repeat."
    ),
]
Until = Annotated[
    str | None,
    typer.Option(
        metavar="halfwidth=SHARE",
        help="Add paths (--paths at most) until the change of defaults, or ,measure=NAME, is known so well.",
    ),
]


@policies.command("policies", epilog="Example: nobid policies buyer_of_last_resort")
def list_policies(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Explain this one.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the policies, or explain one: what it does, what can be chosen, who pays, a command that compares it."""
    with telling():
        from nobid.runs.errors import InputError
        from nobid.runs.policies import known, paragraph
        from nobid.runs.scenario_files import did_you_mean

        found = known()
        if name is None:
            rows = [{"name": one, "what it does": paragraph(cls), "who pays": cls.costs} for one, cls in found.items()]
            print_rows(rows, ("name", "what it does", "who pays"), as_json=as_json)
            return
        if name not in found:
            raise InputError(f'there is no policy "{name}"{did_you_mean(name, found)} (nobid policies lists all)')
        _explain(found[name], as_json=as_json)


def _explain(cls: type[Policy], *, as_json: bool) -> None:
    from nobid.runs.policies import paragraph, settings_of
    from nobid.runs.scenario_text import toml_value

    example = f"nobid compare mispriced --policy {cls.name} --paths 128"
    lines = [
        {
            "key": line.key,
            "default": toml_value(line.value),
            "unit": "" if line.unit == "choice" else line.unit,
            "bounds": line.bounds,
            "meaning": line.meaning,
            "source": line.source,
        }
        for line in settings_of(cls)
    ]
    if as_json:
        about = {"name": cls.name, "does": paragraph(cls), "costs": cls.costs, "settings": lines, "example": example}
        typer.echo(json.dumps(about, indent=2, ensure_ascii=False))
        return
    to = console()
    to.print(f"{cls.name}: {paragraph(cls)}\n", soft_wrap=True)
    print_rows(lines, ("key", "default", "unit", "bounds", "meaning", "source"), as_json=False)
    to.print(f"\nwho pays: {cls.costs}", soft_wrap=True)
    to.print(f"example: {example}", soft_wrap=True)


@policies.command(
    epilog='Example: nobid compare mispriced --policy buyer_of_last_resort:floor=0.6 --policy "ltv_cap + standstill" '
    "--paths 128 --workers 2"
)
def compare(  # noqa: PLR0917  typer reads the options from the arguments
    name: Annotated[str, typer.Argument(metavar="SCENARIO", help="A shipped scenario, or your own file.")],
    arms: Arms = None,
    paths: Annotated[int | None, typer.Option(help="How many paths an arm (128 where nothing is said).")] = None,
    workers: Workers = 1,
    seed: Annotated[int | None, typer.Option(help="Seed of all draws (7 where nothing is said).")] = None,
    months: Annotated[int | None, typer.Option(help="Length of the runs, in months.")] = None,
    settings: Settings = None,
    until: Until = None,
    out: Annotated[Path | None, typer.Option(help="Folder (else out/compare-SCENARIO-SEED-HASH).")] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Run every policy, and none, on the same luck, and tell what each changes, how surely, and at what price.

    The same command continues a comparison that was stopped, and more --paths extend it.
    """
    with telling():
        from nobid.runs.comparing import compare as compared
        from nobid.runs.comparing import default_folder
        from nobid.runs.errors import InputError

        if not arms:
            raise InputError('--policy is missing: nobid compare SCENARIO --policy NAME --policy "NAME + NAME".')
        asked: dict[str, Any] = {"paths": paths, "seed": seed, "workers": workers, "months": months, "until": until}
        with progress_bar(name, show=not quiet) as progress:
            found = compared(
                name, arms, set=settings, out=out or default_folder, progress=progress, argv=sys.argv[1:], **asked
            )
        _close(found, quiet=quiet, as_json=as_json)


def _close(found: Comparison, *, quiet: bool, as_json: bool) -> None:
    """The table, where the comparison lies and what to type next are printed; the exit is that of the runs."""
    to = console(error=as_json)
    if not quiet:
        print_summary(found.summary(), to)
    to.print(f"wrote {found.out}/", soft_wrap=True)
    if not quiet:
        worst = found.arms[-1].run.out
        to.print(f"next: nobid explain {worst}", soft_wrap=True)
        to.print(f"next: {found.with_paths(2 * len(found.paths))}", soft_wrap=True)
    if as_json:
        typer.echo(json.dumps({**found.as_dict(), "out": str(found.out)}, indent=2, ensure_ascii=False))
    raise typer.Exit(STOPPED if any(arm.run.failures for arm in found.arms) else DONE)
