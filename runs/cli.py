"""How is nobid asked from a terminal? Heavy imports happen inside the verbs: `nobid --help` must not wait."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nobid.runs.cli_app import dashboards
from nobid.runs.cli_claims import trials
from nobid.runs.cli_ensemble import Mixed, OnCluster, Quiet, Workers, ensemble
from nobid.runs.cli_plot import plots
from nobid.runs.cli_policies import policies
from nobid.runs.cli_replay import replay
from nobid.runs.cli_report import reports
from nobid.runs.cli_results import BookFile, positions, results
from nobid.runs.cli_reverse import reversals
from nobid.runs.cli_sweep import sweeps
from nobid.runs.cli_watch import watch
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
    from collections.abc import Sequence

    from nobid.runs.book import Position
    from nobid.runs.run import Order, Run
    from nobid.runs.summary import Summary

PATHS_NEXT = 64  # what a run of one path is sent on to

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


ForkOf = Annotated[
    Path | None, typer.Option("--from", metavar="RUN", help="Fork this run: its scenario, paths and luck.")
]
PolicyWords = Annotated[
    str | None,
    typer.Option(metavar='"NAME:KEY=VALUE + NAME"', help="Policies that hold, several joined by + (nobid policies)."),
]
ForkMonth = Annotated[
    str | None, typer.Option(metavar="YYYY-MM", help="With --from: the month from which --set holds.")
]
HowRun = Annotated[Execution, typer.Option(help="All agents at once, or one by one: same bits.")]
Shard = Annotated[str | None, typer.Option(metavar="I/N", help="Only every N-th block, from the I-th on.")]
Keep = Annotated[list[str] | None, typer.Option(metavar="agents", help="Keep agent tables above 16 paths as well.")]


@app.command(
    epilog="Example: nobid run mispriced --paths 64 --seed 7 --set lenders.capital_multiple=0.5   ·   A fork: "
    "nobid run toy --out out/a, then nobid run --from out/a --month 2026-02 --set auction.reoffers=0 --out out/b"
)
def run(  # noqa: PLR0917  typer reads the options from the arguments
    name: Annotated[
        str | None, typer.Argument(metavar="[SCENARIO]", help="A shipped scenario (else baseline), or your own file.")
    ] = None,
    paths: Annotated[int | None, typer.Option(help="How many paths (1 where nothing is said).")] = None,
    path: Annotated[int | None, typer.Option(help="Run this path alone: the same as among others.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of all draws (7 where nothing is said).")] = None,
    months: Annotated[int | None, typer.Option(help="Length of the run, in months.")] = None,
    settings: Settings = None,
    policy: PolicyWords = None,
    start_from: ForkOf = None,
    month: ForkMonth = None,
    out: Annotated[Path | None, typer.Option(help="Run directory (else out/SCENARIO-SEED-HASH).")] = None,
    execution: HowRun = Execution.cohort,
    workers: Workers = 1,
    shard: Shard = None,
    keep: Keep = None,
    cluster: OnCluster = None,
    cluster_mixed: Mixed = False,
    book: BookFile = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Simulate a scenario, print what a credit person reads first, and write a run directory.

    The same command continues a run that was stopped or killed, and more --paths extend it.
    With --from RUN --month M the run RUN is simulated again to the month before M and goes on with the changes.
    """
    with telling():
        asked: dict[str, Any] = {"paths": paths, "path": path, "seed": seed, "start_from": start_from, "month": month}
        spread = {"workers": workers, "shard": shard, "keep": keep or (), "cluster": cluster, "mixed": cluster_mixed}
        asked |= {"months": months, "set": settings, "policy": policy, "execution": execution.value, **spread}
        held: list[Position] = []
        close(_run(name, out, book, held, quiet=quiet, **asked), quiet=quiet, as_json=as_json, held=held)


def _run(
    name: str | None, out: Path | None, book: Path | None, held: list[Position], *, quiet: bool, **asked: Any
) -> Run:
    """The run, written to `out` or to the folder named after it; before it begins, `held` is what the book holds."""
    from nobid.runs.errors import InputError
    from nobid.runs.simulation import default_out, simulate

    if asked["paths"] is not None and asked["path"] is not None:
        raise InputError("--paths and --path: give one of them; --path K runs that path alone.")

    def folder(order: Order) -> Path:
        held.extend(positions(book, order.scenario))
        return out or default_out(order.scenario, order.seed, asked["path"])

    with progress_bar(name or str(asked["start_from"] or "baseline"), show=not quiet) as progress:
        return simulate(name, out=folder, progress=progress, argv=sys.argv[1:], **asked)


def close(found: Run, *, quiet: bool, as_json: bool, held: Sequence[Position] = ()) -> None:
    """The table, positions `held`, where the run lies and what to type next are printed; the exit is the run's."""
    from nobid.runs.book import book
    from nobid.runs.cli_replay import plain
    from nobid.runs.errors import InputError
    from nobid.runs.risk_blocks import book_block
    from nobid.runs.run_record import Stored

    if found.out is not None and not Stored(found.out).paths():
        raise InputError(found.outcome)
    summary = found.summary()
    table, words = console(error=as_json), console(error=as_json)
    told = book(found, held) if held and found.by_month.paths else None
    if told is not None:
        summary = replace(summary, blocks=(*summary.blocks, book_block(told)))
    if not quiet:
        print_summary(summary, table)
    words.print(f"wrote {found.out}/", soft_wrap=True)
    if not quiet:
        for command in next_commands(found):
            words.print(f"next: {command}", soft_wrap=True)
    if as_json:
        figures = _as_json(found, summary) | ({} if told is None else {"book": plain(told.as_dict())})
        typer.echo(json.dumps(figures, indent=2, ensure_ascii=False))
    raise typer.Exit(STOPPED if found.failures else DONE)


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


def next_commands(found: Run) -> list[str]:
    """Two commands that a person would type next, with all that the run's own command said about the world."""
    from nobid.runs.again import in_full, on_path, with_paths
    from nobid.runs.fork import fork_record

    fork = fork_record(found.scenario)
    if fork is not None:
        return [f"nobid diff {fork['parent']} {found.out}", f"nobid collateral {found.out} --month {fork['month']}"]
    told = found.knows_causes and found.systemic().defaults
    then = f"nobid explain {found.out}" if told else in_full(found)
    if len(found.paths) == 1:
        return [with_paths(found, PATHS_NEXT), then]
    worst = found.outcomes.sort_values(["debt_defaulted", "path"], ascending=[False, True])["path"].iloc[0]
    return [on_path(found, int(worst)), then]


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
            print_rows(described(), ("name", "title", "question"), as_json=as_json)
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
        print_rows(lines, ("key", "value", "unit", "bounds", "source", "meaning"), as_json=as_json)


app.add_typer(replay)
app.add_typer(watch)
app.add_typer(plots)
app.add_typer(reports)
app.add_typer(results)
app.add_typer(policies)
app.add_typer(sweeps)
app.add_typer(reversals)
app.add_typer(trials)
app.add_typer(ensemble)
app.add_typer(dashboards)


def main() -> None:
    """The console script."""
    app()


if __name__ == "__main__":
    main()
