"""How does nobid speak in a terminal: tables, a bar for long work, mistakes in sentences with their exit codes?"""

from __future__ import annotations

import json
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Final, TextIO

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from nobid.runs.summary import Summary

DONE, STOPPED, REFUSED = 0, 1, 2  # exit codes: done, the model stopped, the user's input
NOT_PROMISED = ".*the same bits are not promised"  # the warning BitsNotPromised, whose module is heavy
PROGRESS: Final = "NOBID_PROGRESS"  # in the environment, "json": progress for a program, a line a step
PACE: Final = 0.2  # seconds between two such lines
WIDE = 1000  # characters, where the output is no terminal: nothing is cut

Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Override a key: coin.volatility=0.8, firm.IREN.cash=100. Repeat at will."
    ),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Machine-readable on standard output, all else on standard error.")
]


def print_rows(rows: list[dict[str, str]], columns: tuple[str, ...], *, as_json: bool) -> None:
    """The rows as a table, or as JSON; names and values are never cut."""
    if as_json:
        typer.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    from rich.table import Table

    table = Table(*columns, box=None, pad_edge=False)
    table.columns[0].no_wrap = True
    table.columns[0].overflow = "ignore"
    for column in table.columns[1:]:
        column.overflow = "fold"
    for row in rows:
        table.add_row(*(row[column] for column in columns))
    console().print(table)


def print_summary(summary: Summary, to: Console) -> None:
    """The closing table on a console."""
    from rich.table import Table

    to.print(summary.headline, style="bold", soft_wrap=True)
    for block in summary.blocks:
        table = Table(block.heading, box=None, pad_edge=False, title_justify="left")
        for column in block.columns:
            table.add_column(column, justify="right")
        for row in block.rows:
            table.add_row(*row)
        to.print()
        to.print(table)
    to.print()
    for sentence in (summary.outcome, *summary.remarks):
        to.print(sentence, soft_wrap=True)


def console(*, error: bool = False) -> Console:
    """A console that takes texts as they are; wide where nobody looks at it."""
    from rich.console import Console

    stream = sys.stderr if error else sys.stdout
    width = None if stream.isatty() else WIDE
    return Console(file=stream, width=width, markup=False, highlight=False, emoji=False)


@contextmanager
def progress_bar(title: str, *, show: bool) -> Iterator[Any]:
    """A bar on standard error with rate, time left and defaults found; nothing where that is no terminal.

    With NOBID_PROGRESS=json in the environment: lines of JSON instead, for the program that started this one.
    """
    if os.environ.get(PROGRESS) == "json":
        yield _for_a_program()
        return
    if not show or not sys.stderr.isatty():
        yield None
        return
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    tail = (TextColumn("{task.fields[rate]}"), TimeRemainingColumn(), TextColumn("{task.fields[found]}"))
    with Progress(
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), *tail, console=console(error=True)
    ) as bar:
        task = bar.add_task(title, total=None, rate="", found="")

        def told(now: Any) -> None:
            speed = bar.tasks[0].speed or bar.tasks[0].finished_speed
            rate = f"{speed:,.0f} path-months/s" if speed else ""
            found = f"{now.defaults:.0f} defaults" + (
                f", {now.defaults / now.paths:.1f} a path so far" if now.paths > 1 else ""
            )
            found += f", {now.failed} paths failed" if now.failed else ""
            bar.update(task, completed=now.done, total=now.total, rate=rate, found=found)

        yield told


def _for_a_program() -> Callable[[Any], None]:
    """What tells progress as lines of JSON, the last one whenever it comes."""
    last = -PACE

    def told(now: Any) -> None:
        nonlocal last
        if time.monotonic() - last >= PACE or now.done >= now.total:
            last = time.monotonic()
            typer.echo(json.dumps(asdict(now)), err=True)

    return told


def _warned(  # noqa: PLR0917  the arguments are those of warnings.showwarning
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """A warning as a sentence, without the line of code it came from."""
    typer.echo(str(message), err=True)


@contextmanager
def telling() -> Iterator[None]:
    """Whatever is the user's or the model's to hear is told in sentences, with the exit code that belongs to it."""
    from nobid.model.outcome import ModelStopped
    from nobid.runs.errors import InputError

    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("default", message=NOT_PROMISED)
            warnings.showwarning = _warned
            yield
    except InputError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(REFUSED) from error
    except ModelStopped as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(STOPPED) from error
    except KeyboardInterrupt as error:
        typer.echo(str(error) or "stopped by hand.", err=True)
        raise typer.Exit(STOPPED) from error
