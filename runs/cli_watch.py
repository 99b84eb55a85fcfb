"""How is one path watched from a terminal: which page is written, for which path, beside which other arm?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nobid.runs.terminal import AsJson, telling

if TYPE_CHECKING:
    from nobid.runs.replays.page import Replay

watch = typer.Typer()  # its verb stands beside those of cli.py

Which = Annotated[
    str | None, typer.Option("--path", metavar="K|median|worst", help="This path (else the worst by debt in default).")
]
Against = Annotated[
    str | None,
    typer.Option(metavar="POLICY|RUN", help="A second arm on the same path and luck: policies, or a run directory."),
]


@watch.command(
    epilog="Example: nobid replay out/a --path median --against ltv_cap   ·   out/a: nobid run mispriced --out out/a"
)
def replay(  # noqa: PLR0917  typer reads the options from the arguments
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run directory, such as out/toy-7-HASH.")],
    path: Which = None,
    against: Against = None,
    gif: Annotated[bool, typer.Option("--gif", help="An animated picture beside the page.")] = False,
    mp4: Annotated[bool, typer.Option("--mp4", help="A film beside the page, where ffmpeg is installed.")] = False,
    out: Annotated[Path | None, typer.Option(help="The page's file (else RUN/replay-PATH.html).")] = None,
    as_json: AsJson = False,
) -> None:
    """Write a page that opens in any browser, without a network: watch one path month by month, round by round."""
    with telling():
        from nobid.runs.replays.film import film, permits
        from nobid.runs.replays.page import replay as replayed
        from nobid.runs.stored_run import open_run

        kinds = [kind for kind, wanted in (("gif", gif), ("mp4", mp4)) if wanted]
        permits(kinds)
        found = replayed(open_run(run), path, against)
        page = found.save(out)
        films = [film(found, page.with_suffix(f".{kind}")) for kind in kinds]
        _tells(found, [page, *films], as_json=as_json)


def _tells(found: Replay, files: list[Path], *, as_json: bool) -> None:
    """Which files were written."""
    told: dict[str, Any] = {"path": found.path, "arms": [arm["label"] for arm in found.data["arms"]]}
    if as_json:
        typer.echo(json.dumps({**told, "files": [str(file) for file in files]}, indent=2, ensure_ascii=False))
        return
    for file in files:
        typer.echo(f"wrote {file} ({file.stat().st_size / 1e3:,.0f} kB)")
    typer.echo(f"path {found.path} · open {files[0]} in a browser: space plays, the arrows step")
