"""How is a finished run asked from a terminal: why did they fail, where do two runs part, what was collateral worth?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nobid.runs.terminal import AsJson, console, print_summary, progress_bar, telling

if TYPE_CHECKING:
    import pandas as pd

replay = typer.Typer()  # its verbs stand beside those of cli.py

RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="A run directory, such as out/toy-7-HASH.")]
OtherFolder = Annotated[Path, typer.Argument(metavar="RUN_B", help="Another run directory.")]
OnePath = Annotated[int | None, typer.Option("--path", help="This path (else the run's first, or all of them).")]


@replay.command(epilog="Example: nobid diff out/a out/b --path 0   ·   out/b is a fork of out/a: see nobid run --help")
def diff(
    a: Annotated[Path, typer.Argument(metavar="RUN_A", help="A run directory, such as out/toy-7-HASH.")],
    b: OtherFolder,
    path: OnePath = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Only the sentence that says where they part.")] = False,
    as_json: AsJson = False,
) -> None:
    """Tell where two runs part: the first event, the first monthly figure, the settings, the results side by side."""
    with telling():
        from nobid.runs.difference import diff as difference

        found = difference(a, b, path)
        if as_json:
            typer.echo(json.dumps(found.as_dict(), indent=2, ensure_ascii=False))
        elif quiet:
            console().print(found.summary().outcome, soft_wrap=True)
        else:
            print_summary(found.summary(), console())


@replay.command(
    epilog="Example: nobid explain out/a --agent CIFR --path 3   ·   out/a: nobid run mispriced --out out/a"
)
def explain(  # noqa: PLR0917  typer reads the options from the arguments
    run: RunFolder,
    agent: Annotated[str | None, typer.Option(help="This agent, by name or ticker (else who is systemic).")] = None,
    path: OnePath = None,
    twins: Annotated[
        bool | None,
        typer.Option("--twins/--no-twins", help="With the same luck but for contagion: on for an agent, else 18 runs."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress.")] = False,
    as_json: AsJson = False,
) -> None:
    """Tell why an agent failed or lived, in plain words; without --agent, who is systemic and why."""
    with telling():
        from nobid.runs.explain import explain as explained
        from nobid.runs.stored_run import open_run

        found = open_run(run)
        with progress_bar("twins", show=not quiet) as progress:
            told = explained(found, agent, path, twins=twins, progress=progress)
        typer.echo(json.dumps(plain(told.data), indent=2, ensure_ascii=False) if as_json else str(told))


@replay.command(
    epilog="Example: nobid collateral out/a --month 2026-02 --by lender   ·   out/a: nobid run toy --out out/a"
)
def collateral(
    run: RunFolder,
    month: Annotated[str, typer.Option(metavar="YYYY-MM", help='At the end of this month, or "start".')] = "start",
    path: OnePath = None,
    by: Annotated[str, typer.Option(help="One row a facility, lender or kind (of lender).")] = "facility",
    as_json: AsJson = False,
) -> None:
    """Tell what the pledged machines would fetch if they were sold: depth curve, loan-to-value."""
    with telling():
        from nobid.runs.collateral import collateral_report
        from nobid.runs.stored_run import open_run

        found = collateral_report(open_run(run), month, path=path, by=by)
        if as_json:
            tables = {name: _records(getattr(found, name)) for name in ("depth", "ltv")}
            typer.echo(json.dumps({"units": found.units, **tables}, indent=2, ensure_ascii=False))
        else:
            print_summary(found.text, console())


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows as plain values; a number that JSON does not know as text (inf), a missing one as null."""
    rows = table.astype(object).where(table.notna(), None).to_dict("records")
    return [{str(key): _plain(value) for key, value in row.items()} for row in rows]


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, float) and value in (float("inf"), float("-inf")) else value


def plain(value: Any) -> Any:
    """The same with plain numbers, and null where a number is none."""
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    number = value.item() if hasattr(value, "item") else value
    return None if isinstance(number, float) and number != number else _plain(number)  # noqa: PLR0124  NaN
