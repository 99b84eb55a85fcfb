"""How are pictures of a run or of a comparison drawn from a terminal?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nobid.runs.terminal import AsJson, print_rows, telling

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nobid.runs.charts.registry import Chart

plots = typer.Typer()  # its verb stands beside those of cli.py

Names = Annotated[list[str] | None, typer.Argument(metavar="[NAME]…", help="These charts (else all).")]
OfPath = Annotated[int | None, typer.Option(metavar="K", help="The path of charts that show one (else the worst).")]
OfMonth = Annotated[
    str | None, typer.Option(metavar="YYYY-MM", help="The month of charts that show one (else the worst).")
]
Listed = Annotated[bool, typer.Option("--list", help="Draw nothing: tell which charts there are and what they show.")]


@plots.command(
    epilog="Example: nobid plot out/a fan exposure_network --path 17 --svg   ·   out/a: nobid run mispriced --out out/a"
)
def plot(  # noqa: PLR0917  typer reads the options from the arguments
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run directory, or that of a comparison.")],
    names: Names = None,
    path: OfPath = None,
    month: OfMonth = None,
    svg: Annotated[bool, typer.Option("--svg", help="Vector graphics (SVG) beside every PNG.")] = False,
    out: Annotated[Path | None, typer.Option(help="Folder of the pictures (else RUN/figures).")] = None,
    listed: Listed = False,
    as_json: AsJson = False,
) -> None:
    """Draw the charts of a run or of a comparison."""
    with telling():
        from nobid.runs.charts.registry import charts_of, plot_files
        from nobid.runs.stored_comparison import is_comparison, open_comparison
        from nobid.runs.stored_run import open_run

        shown = open_comparison(run) if is_comparison(run) else open_run(run)
        charts = charts_of(shown)
        if listed:
            _lists(charts, as_json=as_json)
            return
        asked: dict[str, Any] = {"formats": ("png", "svg") if svg else ("png",), "path": path, "month": month}
        files = plot_files(shown, names or [*charts], out or run / "figures", **asked)
        if as_json:
            told = [{"chart": one.stem, "file": str(one), "shows": charts[one.stem].shows} for one in files]
            typer.echo(json.dumps(told, indent=2, ensure_ascii=False))
            return
        for file in files:
            typer.echo(f"wrote {file} ({file.stat().st_size / 1e3:,.0f} kB)")


def _lists(charts: Mapping[str, Chart], *, as_json: bool) -> None:
    """A row a chart: its name, whether it shows one path or one month, what it shows."""
    rows = [{"name": name, "one": ", ".join(one.takes), "shows": one.shows} for name, one in charts.items()]
    print_rows(rows, ("name", "one", "shows"), as_json=as_json)
