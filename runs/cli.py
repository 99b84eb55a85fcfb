"""How is nobid asked from a terminal? Heavy imports happen inside the verbs: `nobid --help` must not wait."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from nobid.runs.run import Run
    from nobid.runs.scenarios import Scenario
    from nobid.runs.summary import Summary

DONE, STOPPED, REFUSED = 0, 1, 2  # exit codes: done, the model stopped, the user's input
WIDE = 1000  # characters, where the output is no terminal: nothing is cut

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="The credit system behind AI compute, month by month: who cannot pay, what is sold, who bids, who fails next.",
    epilog="Example: nobid run baseline --seed 7   ·   Exit codes: 0 done, 1 the model stopped, 2 your input.",
)


class Execution(StrEnum):
    """How the rules are run; both give the same bits."""

    cohort = "cohort"
    agent = "agent"


ScenarioName = Annotated[
    str, typer.Argument(help="A shipped scenario (nobid scenarios), or the path of your own TOML file.")
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Override a key: coin.volatility=0.8, firm.IREN.cash=100. Repeat at will."
    ),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Machine-readable on standard output, all else on standard error.")
]


@app.command(epilog="Example: nobid run mispriced --paths 64 --seed 7 --set lenders.capital_multiple=0.5")
def run(  # noqa: PLR0917  typer reads the options from the arguments
    name: Annotated[
        str, typer.Argument(metavar="[SCENARIO]", help="A shipped scenario, or your own TOML file.")
    ] = "baseline",
    paths: Annotated[int | None, typer.Option(help="How many paths (1 where nothing is said).")] = None,
    path: Annotated[int | None, typer.Option(help="Run this path alone: the same as among others.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of all draws.")] = 7,
    months: Annotated[int | None, typer.Option(help="Length of the run, in months.")] = None,
    settings: Settings = None,
    out: Annotated[Path | None, typer.Option(help="Run directory (else out/SCENARIO-SEED-HASH).")] = None,
    execution: Annotated[
        Execution, typer.Option(help="All agents at once, or one by one: same bits.")
    ] = Execution.cohort,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress and no table.")] = False,
    as_json: AsJson = False,
) -> None:
    """Simulate a scenario, print what a credit person reads first, and write a run directory."""
    extra = [] if months is None else [f"months={months}"]
    asked = {"paths": paths, "path": path, "seed": seed, "execution": execution.value}
    with telling():
        found = _run(name, [*(settings or []), *extra], out, quiet=quiet, **asked)
        _close(found, name, quiet=quiet, as_json=as_json)
    raise typer.Exit(STOPPED if found.failures else DONE)


def _run(name: str, settings: list[str], out: Path | None, *, quiet: bool, **asked: Any) -> Run:
    """The run, written to `out` or to the folder named after it."""
    from nobid.runs.errors import InputError
    from nobid.runs.simulation import default_out, simulate

    if asked["paths"] is not None and asked["path"] is not None:
        raise InputError("--paths and --path: give one of them; --path K runs that path alone.")
    asked["paths"] = 1 if asked["paths"] is None else asked["paths"]

    def folder(world: Scenario) -> Path:
        return out or default_out(world, asked["seed"], asked["path"])

    with progress_bar(name, show=not quiet) as progress:
        return simulate(name, set=settings, out=folder, progress=progress, argv=sys.argv[1:], **asked)


def _close(found: Run, name: str, *, quiet: bool, as_json: bool) -> None:
    """The closing table is printed, and where the run lies, and what to type next."""
    summary = found.summary()
    table, words = console(error=as_json), console(error=as_json)
    if not quiet:
        print_summary(summary, table)
    words.print(f"wrote {found.out}/", soft_wrap=True)
    if not quiet:
        for command in next_commands(found, name):
            words.print(f"next: {command}", soft_wrap=True)
    if as_json:
        typer.echo(json.dumps(_as_json(found, summary), indent=2, ensure_ascii=False))


def _as_json(found: Run, summary: Summary) -> dict[str, Any]:
    """What --json prints."""
    from nobid.runs.run_record import ranges

    return {
        "scenario": found.scenario.name,
        "seed": found.seed,
        "paths": ranges(found.paths),
        "status": found.status,
        "outcome": found.outcome,
        "config_hash": found.scenario.hash,
        "assumed_share_of_debt": found.scenario.assumed_share,
        "figures": summary.numbers,
        "failures": found.failures,
        "cpu_seconds": found.cpu_seconds,
        "out": str(found.out),
    }


def next_commands(found: Run, name: str) -> list[str]:
    """Two commands that a person would type next; both exist."""
    if len(found.paths) == 1:
        return [f"nobid run {name} --seed {found.seed} --paths 64", f"nobid scenarios {name} --full"]
    worst = found.outcomes.sort_values(["debt_defaulted", "path"], ascending=[False, True])["path"].iloc[0]
    return [f"nobid run {name} --seed {found.seed} --path {worst}", f"nobid scenarios {name} --full"]


@app.command(epilog="Example: nobid scenarios mispriced --full > mine.toml")
def scenarios(
    name: Annotated[str | None, typer.Argument(metavar="[SCENARIO]", help="Tell more about this one.")] = None,
    full: Annotated[bool, typer.Option("--full", help="Write it back complete, as TOML that loads again.")] = False,
    settings: Settings = None,
    as_json: AsJson = False,
) -> None:
    """List the scenarios, or show one."""
    with telling():
        from nobid.runs.errors import InputError
        from nobid.runs.listing import described
        from nobid.runs.scenarios import scenario

        if name is None:
            if full or settings:
                raise InputError("nobid scenarios: --full and --set need a scenario: nobid scenarios baseline --full.")
            _list(described(), ("name", "title", "question"), as_json=as_json)
            return
        world = scenario(name, set=settings)
        if as_json:
            typer.echo(
                json.dumps({"name": world.name, "hash": world.hash, **world.resolved}, indent=2, ensure_ascii=False)
            )
        elif full:
            typer.echo(world.to_toml(), nl=False)
        else:
            typer.echo(f"{world}\n\n{world.given}", nl=False)


@app.command(epilog="Example: nobid parameters lenders   ·   nobid parameters mispriced margin")
def parameters(
    first: Annotated[str, typer.Argument(metavar="[SCENARIO]", help="A scenario (else the defaults).")] = "",
    second: Annotated[str, typer.Argument(metavar="[PATTERN]", help="Only keys and meanings that contain this.")] = "",
    as_json: AsJson = False,
) -> None:
    """List what can be set: value, unit, bounds, source, meaning."""
    with telling():
        from nobid.runs.errors import InputError
        from nobid.runs.listing import settable
        from nobid.runs.scenario_files import did_you_mean, shipped_names

        is_name = bool(second) or first in shipped_names() or first.endswith(".toml")
        name, pattern = (first, second) if is_name else ("", first)
        lines = settable(name, pattern)
        if not lines:
            guess = did_you_mean(pattern, [line["key"] for line in settable(name, "")])
            raise InputError(f'no parameter matches "{pattern}"{guess} (nobid parameters lists all)')
        _list(lines, ("key", "value", "unit", "bounds", "source", "meaning"), as_json=as_json)


def _list(rows: list[dict[str, str]], columns: tuple[str, ...], *, as_json: bool) -> None:
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
    """A bar on standard error with rate, time left and defaults found; nothing where that is no terminal."""
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
            bar.update(task, completed=now.done, total=now.total, rate=rate, found=found)

        yield told


@contextmanager
def telling() -> Iterator[None]:
    """Whatever is the user's or the model's to hear is told in sentences, with the exit code that belongs to it."""
    from nobid.model.outcome import ModelStopped
    from nobid.runs.errors import InputError

    try:
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


def main() -> None:
    """The console script."""
    app()


if __name__ == "__main__":
    main()
