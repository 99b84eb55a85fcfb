"""What was to be seen on the path that the charts show: simulated again once a run, and kept for all of them?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nobid.runs.replays.facts import Seen, seen_on

if TYPE_CHECKING:
    from nobid.runs.run import Run


def watched(run: Run, path: int) -> Seen:
    """The path as the replay sees it; its graphs are now among those of the run.

    Errors: InputError where the run cannot be simulated again.
    """
    kept: dict[int, Seen] = vars(run).setdefault("watched", {})
    if path not in kept:
        kept[path] = seen_on(run, path)
        run.graphs.update({(path, month): graph for month, graph in enumerate(kept[path].graphs)})
    return kept[path]
