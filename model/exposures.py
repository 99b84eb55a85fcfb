"""Who is exposed to whom? The graph as networkx sees it; inside the month edges are arrays (`edges.py`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import networkx as nx
import numpy as np

from nobid.agents.finance import HOURS, MILLION
from nobid.agents.state import Array, Index
from nobid.model.metrics import agent_sheets

if TYPE_CHECKING:
    from nobid.model.system import ComputeCreditModel

CENT = 1e-8


def exposure_graph(m: ComputeCreditModel, path: int) -> nx.MultiDiGraph[str]:
    """The live exposures of path number `path` (its place in the model): an edge runs from the exposed to its debtor.

    Nodes carry kind, ticker and the sheet of `metrics.AGENT_COLUMNS`; edges carry kind, channel, amount (USD million)
    and terms. Facility and claim edges run lender to borrower, warehouse provider to receiver, offtake borrower to
    buyer (value of the remaining term at the contract price), hosting host to tenant (rents left), repo dealer to
    giver.
    """
    graph: nx.MultiDiGraph[str] = nx.MultiDiGraph(month=m.month_name(), path=int(m.paths[path]))
    sheets = agent_sheets(m)
    names = m.record.agent_names
    for row, (name, kind) in enumerate(zip(names, m.record.agent_kinds, strict=True)):
        figures = {column: float(values[row, path]) for column, values in sheets.items()}
        graph.add_node(name, kind=kind, type=m.record.agent_types[row], ticker=m.tickers.get(name, ""), **figures)
    for source, target, attributes in _edges(m, path):
        graph.add_edge(names[source], names[target], **attributes)
    return graph


def _edges(m: ComputeCreditModel, path: int) -> Iterator[tuple[int, int, dict[str, Any]]]:
    lender = len(m.names["borrower"])
    buyer = lender + len(m.names["lender"])
    edges, f = m.edges, m.facilities
    everyone = np.arange(lender)
    for e, amount in _live(f.drawn + f.claim, path):
        terms = {"rate": float(f.rate[e, path]), "months_left": float(f.months_left[e, path])}
        kind = str(edges.kind[e])
        yield int(edges.lender[e]) + lender, int(edges.borrower[e]), {"kind": kind, "amount": amount, **terms}
    left = m.hosting.rent * m.hosting.months_left * m.hosting.live + m.hosting.claim
    backlog = m.offtakes.h100e * m.offtakes.price * HOURS / MILLION * m.offtakes.months_left
    tables: list[tuple[str, Array, Index, int, Index, int]] = [
        ("warehouse", m.warehouses.drawn + 0.0, edges.provider, lender, edges.receiver, lender),
        ("offtake", backlog, edges.seller, 0, edges.customer, buyer),
        ("hosting", left, edges.host, 0, edges.tenant, 0),
        ("repo", m.borrowers.repo_debt + m.borrowers.repo_claim, edges.repo_lender, lender, everyone, 0),
        ("repo", m.buyers.repo_debt + 0.0, edges.broker_lender, lender, np.arange(len(m.names["buyer"])), buyer),
    ]
    for kind, amounts, source, first, target, other in tables:
        for e, amount in _live(amounts, path):
            yield int(source[e]) + first, int(target[e]) + other, {"kind": kind, "amount": amount}


def _live(amounts: Array, path: int) -> Iterator[tuple[int, float]]:
    for e in np.flatnonzero(amounts[:, path] > CENT):
        yield int(e), float(amounts[e, path])
