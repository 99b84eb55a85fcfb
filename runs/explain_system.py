"""Who is systemic in a run and through which channel, what do defaults go back to, how much of it is contagion?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

import networkx as nx
import numpy as np

from nobid.model.contagion import Contagion, Node
from nobid.runs.causation import CLUSTER, Causation, buyers_of, contagion_of
from nobid.runs.errors import InputError
from nobid.runs.estimate import WORDS, method_of
from nobid.runs.explain import Explanation
from nobid.runs.explain_text import CHANNELS, ROOTS, percent, shares_in_words
from nobid.runs.months import month_label
from nobid.runs.summary_blocks import Block

if TYPE_CHECKING:
    from nobid.runs.run import Run
    from nobid.runs.simulation import Progress

SHOWN: Final = 10  # spreaders in the table
WORTH_A_ROW: Final = 0.005  # failures of others a path
TREE_LINES: Final = 40


def explain_system(
    run: Run, path: int | None, *, twins: bool, progress: Callable[[Progress], None] | None
) -> Explanation:
    """The ranking of spreaders and roots, R, the default tree of one path, and the twins where they are asked for."""
    if twins:
        from nobid.runs.twins import twins as with_twins

        beside = with_twins(run, progress=progress)
        found = beside.causation
    else:
        beside, found = None, run.systemic()
    which = f"path {run.paths[0]}" if len(run.paths) == 1 else f"{len(run.paths)} paths"
    head = f"who is systemic · {run.scenario.name} · {which} · seed {run.seed}"
    parts: list[str | Block] = [_basis(found)]
    data: dict[str, Any] = {"paths": len(found.paths), "left_out": list(found.left_out), "defaults": found.defaults}
    if found.defaults:
        parts += [*_figures(run, found, data), *_tree(run, path, found, data)]
    if beside is not None:
        from nobid.runs.twin_text import twin_parts

        parts += twin_parts(beside)
        data["twins"] = beside.table.to_dict("records")
        data["r_but_for"] = beside.r_but_for.as_dict()
    elif found.defaults:
        parts.append("What would not have happened without contagion: nobid explain RUN --twins (18 further runs).")
    return Explanation(head, tuple(parts), data)


def _basis(found: Causation) -> str:
    """On what the figures stand."""
    paths = len(found.paths)
    some = sum(one.defaults > 0 for one in found.paths)
    left = f" {len(found.left_out)} paths did not finish and are left out." if found.left_out else ""
    if not found.defaults:
        return f"No borrower and no lender failed on {paths} path{'s' if paths != 1 else ''}.{left}"
    if paths == 1:
        return f"{found.defaults} failures of borrowers and lenders; GPU buyers' failures are not counted."
    sure = WORDS[method_of(paths)]
    return (
        f"{found.defaults} failures of borrowers and lenders, on {some} of {paths} paths; a path without any counts "
        f"as nought. GPU buyers' failures are not counted. Intervals: 95 %, {sure}.{left}"
    )


def _figures(run: Run, found: Causation, data: dict[str, Any]) -> Iterator[str | Block]:
    yield from _spreaders(run, found, data)
    roots = {ROOTS.get(name, name): share for name, share in found.roots.items()}
    yield f"In the end the failures go back to {shares_in_words(roots, most=6)}."
    channels = {CHANNELS.get(name, ROOTS.get(name, name)): share for name, share in found.channels.items()}
    yield f"By the last step that reached them: {shares_in_words(channels, most=8)}."
    worst, many = found.worst_quarter, len(found.paths) > 1
    share = f"{percent(found.unexplained)} of failures" if found.unexplained else "nothing"
    middle, high = worst.median(), worst.quantile(0.95)
    of_paths = f"{middle:.2f} in the median path and {high:.2f} in one path of twenty" if many else f"{middle:.2f}"
    yield (
        f"R, the failures that each failure brings about, is {found.r.text()} by attribution; in the worst quarter "
        f"{'of a path ' if many else ''}it is {of_paths}. Left unexplained by the ledgers: {share}."
    )
    if many:
        humps = "The outcomes have two humps: " if found.two_humped else ""
        yield f"{humps}{percent(found.cluster_share)} of paths have {CLUSTER} or more failures within three months."
    depth = found.depth
    counted = zip(depth["depth"], depth["defaults"], depth["share"], strict=True)
    rows = [(str(name), str(count), percent(float(share))) for name, count, share in counted if count]
    yield Block("failures between a failure and its roots, weighted by cause", ("failures", "share"), tuple(rows))
    data |= {
        "roots": found.roots, "channels": found.channels, "unexplained": found.unexplained,
        "r_attributed": found.r.as_dict(), "by_quarter": found.by_quarter.to_dict("records"),
        "worst_quarter": {"p50": float(middle), "p95": float(high)},
        "cluster_share": found.cluster_share, "two_humped": found.two_humped,
    }  # fmt: skip


def _spreaders(run: Run, found: Causation, data: dict[str, Any]) -> Iterator[str | Block]:
    spread = found.spread
    data["spread"] = spread.astype(object).where(spread.notna(), None).to_dict("records")
    shown = spread[spread["expected"] >= WORTH_A_ROW].head(SHOWN)
    if not len(shown):
        yield "No failure came through another agent."
        return
    ranks = stress_at_the_start(run)
    data["debtrank"] = ranks
    many = len(found.paths) > 1
    rows = tuple(_spread_row(row, ranks, many=many) for row in shown.itertuples())
    over = ("failures of others a path", "95 %", "paths") if many else ("failures of others",)
    yield Block("who is systemic", (*over, "mostly through", "before the fact"), rows)
    on = " Paths: on how many of them any did." if many else ""
    yield (
        f"Failures of others: those that came through the agent, in shares.{on} Before the fact: the share of all "
        "lenders' capital that its failure alone would have put under stress at the start (DebtRank, after Bardoscia "
        "and others, 2015); it knows exposures, no prices and no rounds."
    )


def _spread_row(row: Any, ranks: dict[str, float], *, many: bool) -> tuple[str, ...]:
    interval = (f"{row.low:.2f} – {row.high:.2f}", percent(row.paths_share)) if many else ()
    way = f"{CHANNELS.get(row.channel, row.channel)} {percent(row.channel_share)}"
    before = percent(ranks[row.agent]) if row.agent in ranks else "–"
    return f"{row.agent} ({row.kind})", f"{row.expected:.2f}", *interval, way, before


def stress_at_the_start(run: Run) -> dict[str, float]:
    """DebtRank of every borrower and lender on the sheets of the start: the share of lenders' capital under stress.

    Lenders are exposed by what is drawn on their facilities and lines; their buffer is their equity.
    """
    from nobid.model.debtrank import importance

    model = run.order.model(range(run.paths[0], run.paths[0] + 1), keep_agents=False)
    try:
        borrowers = len(model.edges.borrowers)
        exposed = np.concatenate([model.edges.lender, model.edges.provider]) + borrowers
        debtor = np.concatenate([model.edges.borrower, model.edges.receiver + borrowers])
        amount = np.concatenate([model.facilities.drawn[:, :1], model.warehouses.drawn[:, :1]])
        equity = np.maximum(model.lenders.equity[:, :1], 0.0)
        names = [*(row.name for row in model.edges.borrowers), *model.edges.lender_names]
    finally:
        model.close()
    buffer = np.concatenate([np.zeros((borrowers, 1)), equity])
    whole = float(equity.sum())
    if whole <= 0.0:
        return {}
    found = importance(exposed, debtor, amount=amount, buffer=buffer, weight=buffer / whole)
    return {name: float(value) for name, value in zip(names, found[:, 0], strict=True)}


def _tree(run: Run, path: int | None, found: Causation, data: dict[str, Any]) -> Iterator[str]:
    """The default tree of the path asked for, or of the one with the most failures."""
    most = max(found.paths, key=lambda one: (one.defaults, one.caused, -one.path))
    number = most.path if path is None else path
    if path is not None and path in found.left_out:
        raise InputError(f"path = {path}: did not run to its end, and has no default tree.")
    contagion = contagion_of(run, number)
    if not contagion.defaults:
        yield f"Nobody failed on path {number}: there is no default tree."
        return
    which = "the path with the most failures" if path is None else "as asked"
    lines = [*tree_lines(contagion, run.scenario.parameters.start, buyers_of(run))]
    cut = len(lines) - TREE_LINES
    told = [*lines[:TREE_LINES], *([f"… and {cut} more"] if cut > 0 else [])]
    data["tree"] = {"path": number, "lines": lines}
    yield f"Default tree of path {number} ({which}): each under the failure or root that has the largest share of it."
    yield "\n".join(told)


def tree_lines(contagion: Contagion, start: str, buyers: frozenset[str] = frozenset()) -> Iterator[str]:
    """The default tree as lines of text, roots by the number of failures under them; buyers are called so."""
    tree = contagion.tree()
    roots = [node for node in tree if node.is_root]
    for root in sorted(roots, key=lambda node: (-len(nx.descendants(tree, node)), node)):
        yield ROOTS.get(root.agent, root.agent)
        yield from _branches(tree, root, "", start=start, buyers=buyers)


def _branches(tree: nx.DiGraph[Node], node: Node, before: str, *, start: str, buyers: frozenset[str]) -> Iterator[str]:
    """The lines under a node, one a failure."""
    children = sorted(tree.successors(node))
    for child in children:
        last = child == children[-1]
        name = f"{child.agent} (GPU buyer)" if child.agent in buyers else child.agent
        when = month_label(start, child.month) + (f", round {child.when[1]}" if child.when[1] else "")
        share = percent(tree.edges[node, child]["weight"])
        yield f"{before}{'└─ ' if last else '├─ '}{name}  {when}  {share}"
        yield from _branches(tree, child, before + ("   " if last else "│  "), start=start, buyers=buyers)
