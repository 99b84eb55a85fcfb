"""What were defaults caused by, who is systemic, do outcomes have two humps: the lines below the closing table?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from nobid.runs.causation import CLUSTER
from nobid.runs.summary_figures import band

if TYPE_CHECKING:
    from nobid.runs.causation import Causation
    from nobid.runs.run import Run

CAUSES: Final = 6  # named
SYSTEMIC: Final = 3  # agents named
LEAST: Final = 0.005  # a smaller share, or fewer defaults of others a path, is not named
WORDS: Final = {
    "refused roll": "refused rolls", "lost tenant": "lost tenants", "lost contract": "lost contracts",
    "loss": "losses on the failed", "funding window": "funding", "maturity wall": "debt due in cash",
    "launch": "newer machines", "initial weakness": "weak from the start", "coin sale": "coin sales",
    "called loan": "loans called early", "line called": "lines called", "fire sale": "fire sales",
}  # fmt: skip


def told_causes(run: Run) -> Iterator[str]:
    """One line on causes; for many paths one on who is systemic and one on clusters. Nothing where nobody failed."""
    if not run.knows_causes or not run.systemic().defaults:
        return
    found = run.systemic()
    named = [(name, share) for name, share in found.channels.items() if share >= LEAST][:CAUSES]
    parts = [f"{WORDS.get(name, name)} {share:.0%}".replace("%", " %") for name, share in named]
    yield "caused by: " + " · ".join(parts)
    if len(run.paths) > 1:
        yield from _systemic(found)
        humps = "two-humped: " if found.two_humped else ""
        share = f"{found.cluster_share:.0%}".replace("%", " %")
        yield f"{humps}{share} of paths have a cluster ({CLUSTER} or more defaults within three months)"


def _systemic(found: Causation) -> Iterator[str]:
    spread = found.spread
    rows: list[Any] = [*spread[spread["expected"] >= LEAST].head(SYSTEMIC).itertuples()]
    if not rows:
        return
    first, *others = [f"{row.agent} ({row.expected:.2f}, 95 %: {row.low:.2f} – {row.high:.2f})" for row in rows]
    yield "systemic, in defaults of others a path: " + ", ".join([first, *others])


def worst_quarter_row(run: Run) -> tuple[tuple[str, str, str, str], ...]:
    """The row of R in the worst quarter of every path; none where causes are not known or nobody failed."""
    if not run.knows_causes or not run.systemic().defaults:
        return ()
    shown = band(run.systemic().worst_quarter, lambda value: f"{value:.2f}")
    return (("R, worst quarter", *shown, ""),)
