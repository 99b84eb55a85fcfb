"""How do the figures of a finished run leave the terminal: for a spreadsheet, and for the user's own positions?"""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nobid.runs.terminal import AsJson, console, telling

if TYPE_CHECKING:
    from nobid.runs.book import Book, Position
    from nobid.runs.run import Run
    from nobid.runs.scenarios import Scenario

results = typer.Typer()  # its verbs stand beside those of cli.py

RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="A run directory, such as out/toy-7-HASH.")]
BookFile = Annotated[
    Path | None,
    typer.Option(
        "--book", metavar="POSITIONS.csv", help="Your positions: columns facility or issuer, and amount in USD m."
    ),
]


class Format(StrEnum):
    """What the files are written as."""

    xlsx = "xlsx"
    csv = "csv"
    parquet = "parquet"


@results.command(
    epilog="Example: nobid export out/a --to csv --out for_excel   ·   out/a: nobid run toy --paths 64 --out out/a"
)
def export(  # noqa: PLR0917  typer reads the options from the arguments
    run: RunFolder,
    to: Annotated[Format, typer.Option("--to", help="One workbook, or one file a table.")] = Format.xlsx,
    out: Annotated[Path | None, typer.Option(help="Folder for the files (else RUN/export).")] = None,
    tables: Annotated[str | None, typer.Option(metavar="NAME,NAME", help="These tables only (else all).")] = None,
    book: BookFile = None,
    as_json: AsJson = False,
) -> None:
    """Write the tables of a run, its risk figures and the unit of every column for other programs."""
    with telling():
        from nobid.runs.export import export as exported
        from nobid.runs.stored_run import open_run

        found = open_run(run)
        names = None if tables is None else [one.strip() for one in tables.split(",") if one.strip()]
        held = None if book is None else book_of(found, book)
        files = [str(file) for file in exported(found, to.value, out, tables=names, book=held)]
        if as_json:
            typer.echo(json.dumps({"run": str(run), "files": files}, indent=2, ensure_ascii=False))
        for file in [] if as_json else files:
            typer.echo(f"wrote {file}")


@results.command(
    epilog="Example: nobid risk out/a --book positions.csv   ·   out/a: nobid run mispriced --paths 1000 --out out/a"
)
def risk(run: RunFolder, book: BookFile = None, as_json: AsJson = False) -> None:
    """Tell the risk figures of a run: defaults, losses and their tail, PD, LGD, fair spread; with --book, your own."""
    with telling():
        from nobid.runs.cli_replay import plain
        from nobid.runs.risk import risk as risk_of
        from nobid.runs.stored_run import open_run

        found = open_run(run)
        told = risk_of(found) if book is None else book_of(found, book)
        if as_json:
            typer.echo(json.dumps(plain(told.as_dict()), indent=2, ensure_ascii=False))
        else:
            console().print(str(told), soft_wrap=True)


def book_of(run: Run, file: Path) -> Book:
    """The positions of the file on the run."""
    from nobid.runs.book import book

    return book(run, positions(file, run.scenario))


def positions(file: Path | None, world: Scenario) -> list[Position]:
    """What the file holds of the world's loans; nothing where there is no file."""
    from nobid.runs.book import read_book

    return [] if file is None else read_book(file, world.founding)
