"""What happened to everybody on one path: causes, events, sheets, ledgers month by month, simulated again?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from nobid.model.cause_record import Cause
from nobid.model.contagion import Contagion, Node
from nobid.model.drains import MEMORY, REASONS
from nobid.model.outcome import ModelStopped
from nobid.runs.errors import InputError
from nobid.runs.months import month_label

if TYPE_CHECKING:
    from nobid.runs.run import Run

Array = NDArray[np.float64]
AMPLE: Final = 90.0  # a coverage above this means that nothing was due


@dataclass
class PathStory:
    """One path, month by month. Arrays have months first; money in USD million, machines in units.

    `asked` (months, E): fresh drains of each facility by reason; `drawn` (months, E) and `lines` (months, lines):
    debt as each month opened; `forced`, `estate`, `hurried`: machines sold; `coverage` (months, E); `capital` and
    `equity` (months, lenders): capital ratio over target, and capital; `cash` (months, agents).
    """

    path: int
    start: str
    edges: Any
    generations: list[str]
    names: list[str]
    kinds: list[str]
    cash: Array
    rows: list[Cause]
    events: list[Any]
    losses: dict[str, Array]
    months: dict[str, list[Array]] = field(default_factory=lambda: defaultdict(list))

    def month(self, number: int) -> str:
        """The name of the month, "YYYY-MM"."""
        return month_label(self.start, number)

    @cached_property
    def contagion(self) -> Contagion:
        """The path's contagion graph."""
        return Contagion(self.rows)

    def default_of(self, agent: str) -> Node | None:
        """The agent's default, None where it lived."""
        return next((node for node in self.contagion.defaults if node.agent == agent), None)

    def causes_of(self, agent: str, state: str) -> list[Cause]:
        """Why the agent came into the state, all times, in order."""
        return [row for row in self.rows if row.effect == agent and row.state == state]

    @cached_property
    def borrowers(self) -> list[str]:
        """The names of the borrowers, in the order of the model."""
        return [row.name for row in self.edges.borrowers]

    def facilities(self, borrower: str) -> list[int]:
        """The facilities of the borrower."""
        return [number for number, debtor in enumerate(self.edges.borrower) if self.borrowers[debtor] == borrower]

    def by_lender(self, amounts: Array, borrower: str) -> dict[str, float]:
        """Amounts by facility (E,) of the borrower, summed over lenders, the largest first, noughts left out."""
        total: dict[str, float] = defaultdict(float)
        for number in self.facilities(borrower):
            total[self.edges.lender_names[self.edges.lender[number]]] += float(amounts[number])
        ranked = sorted(total.items(), key=lambda pair: (-pair[1], pair[0]))
        return {name: amount for name, amount in ranked if amount > TRIFLE}

    def asked_by(self, borrower: str, reason: str, month: int) -> dict[str, float]:
        """What lenders asked of the borrower in the month for this reason, the largest first."""
        return self.by_lender(self.months["asked"][month][:, REASONS.index(reason)], borrower)

    def sold(self, agent: str, ledger: str, month: int) -> dict[str, float]:
        """Machines that the agent sold in the month because it had to, by generation, the largest first."""
        units = self.months[ledger][month]
        names = self.edges.lender_names if ledger == "hurried" else self.borrowers
        if agent not in names:
            return {}
        found = dict(zip(self.generations, units[names.index(agent)], strict=True))
        return {name: count for name, count in sorted(found.items(), key=lambda p: -p[1]) if count >= 1.0}

    def events_of(self, kind: str, **ends: str) -> list[Any]:
        """The events of this kind whose source or target is as said."""
        return [
            event
            for event in self.events
            if event.kind == kind and all(getattr(event, end) == name for end, name in ends.items())
        ]


TRIFLE: Final = 0.05  # USD million: less is not told


def story_of(run: Run, path: int) -> PathStory:
    """The path has been simulated again, with everything kept that a story needs."""
    alone = replace(run.order, execution="cohort")
    model = alone.model(range(path, path + 1), keep_agents=True)
    months: dict[str, list[Array]] = defaultdict(list)
    try:
        for _ in range(run.scenario.parameters.months):
            before = _opening(model, months)
            model.step()
            _closing(model, months, before)
        losses = {kind: amount[..., 0] + 0.0 for kind, amount in model.causes.losses.so_far().items()}
        record = model.record
        return PathStory(
            path,
            run.scenario.parameters.start,
            model.edges,
            list(model.hardware.names),
            list(record.agent_names),
            list(record.agent_types),
            record.agents["cash"][:, :, 0] + 0.0,
            list(model.causes.record),
            list(record.all_events()),
            losses,
            months,
        )
    except ModelStopped as error:
        raise InputError(f"path {path} did not run to its end, and cannot be explained: {error}") from error
    finally:
        model.close()


def _opening(model: Any, months: dict[str, list[Array]]) -> dict[str, Array]:
    """What stood before the month."""
    months["drawn"].append(model.facilities.drawn[:, 0] + 0.0)
    months["lines"].append(model.warehouses.drawn[:, 0] + 0.0)
    return {name: array[..., 0] + 0.0 for name, array in _ledgers(model).items()}


def _ledgers(model: Any) -> dict[str, Array]:
    drains, pools = model.causes.drains, model.causes.pools
    sold = {name: pools.of(f"sold_{name}") for name in ("forced", "estate", "hurried")}
    return {"asked": drains.of("facility"), **sold}


def _closing(model: Any, months: dict[str, list[Array]], before: dict[str, Array]) -> None:
    """What the month added: ledgers less what was left of them, ratios as they are now."""
    reverts = 1.0 - model.parameters.auction.mark_reversion
    for name, array in _ledgers(model).items():
        kept = before[name] * (MEMORY if name == "asked" else reverts)
        months[name].append(np.maximum(array[..., 0] - kept, 0.0))
    lenders = model.lenders
    target = np.broadcast_to(lenders.target, lenders.equity_ratio.shape)[:, 0]
    ratio = np.divide(lenders.equity_ratio[:, 0], target, out=np.full(len(target), np.nan), where=target > 0.0)
    months["capital"].append(ratio)
    months["equity"].append(lenders.equity[:, 0] + 0.0)
    running = (model.facilities.drawn[:, 0] > 0.0) & (model.facilities.coverage[:, 0] < AMPLE)
    months["coverage"].append(np.where(running, model.facilities.coverage[:, 0], np.nan))


def lost_on(story: PathStory, agent: str) -> dict[str, float]:
    """What each lender has lost by the end of the run on claims against the agent, recoveries deducted."""
    edges, lenders = story.edges, story.edges.lender_names
    total: dict[str, float] = defaultdict(float)
    for number in story.facilities(agent):
        total[lenders[edges.lender[number]]] += float(story.losses["facility"][number])
    for number, name in enumerate(story.borrowers):
        if name == agent:
            total[lenders[edges.repo_lender[number]]] += float(story.losses["repo"][number])
    for number, receiver in enumerate(edges.receiver):
        if lenders[receiver] == agent:
            total[lenders[edges.provider[number]]] += float(story.losses["line"][number])
    return {name: amount for name, amount in sorted(total.items(), key=lambda p: -p[1]) if abs(amount) > TRIFLE}


def lines_to(story: PathStory, lender: str, month: int) -> dict[str, float]:
    """What other lenders had lent the lender on warehouse lines as the month opened."""
    names, edges = story.edges.lender_names, story.edges
    found: dict[str, float] = defaultdict(float)
    for number, receiver in enumerate(edges.receiver):
        if names[receiver] == lender:
            found[names[edges.provider[number]]] += float(story.months["lines"][month][number])
    return {name: amount for name, amount in found.items() if amount > TRIFLE}


def least(values: Sequence[float] | Array) -> tuple[int, float] | None:
    """Place and size of the smallest value; None where there is none."""
    array = np.asarray(values, dtype=float)
    if not np.isfinite(array).any():
        return None
    place = int(np.nanargmin(array))
    return place, float(array[place])
