"""What was to be seen on one path: exposures month by month, who sold, what was seized, which mark in which round?

The path is simulated again. What no table keeps is overheard: the model calls its own record and causes, and whoever
listens hears the arguments, first; nothing that the model reads is changed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from nobid.runs.path_story import PathStory, story_of
from nobid.runs.run import Order

if TYPE_CHECKING:
    from nobid.runs.run import Run

Instant = tuple[int, int]  # month, round
Heard = Callable[..., None]


@dataclass(frozen=True)
class Sale:
    """Machines of one generation sold by one agent in one round: units, and USD a unit."""

    seller: str
    generation: str
    units: float
    price: float


@dataclass(frozen=True)
class Seizure:
    """Machines that a lender took from a borrower in one round: units, and USD million at the mark of that round."""

    borrower: str
    lender: str
    units: float
    value: float


@dataclass
class Seen:
    """One path. `graphs`: exposures at the start and at the end of every month; `marks`: USD a unit by generation at a
    month's opening (round 0) and after each round with an auction, and at its end by month in `closing`.
    """

    story: PathStory
    graphs: list[nx.MultiDiGraph[str]] = field(default_factory=list)
    sales: dict[Instant, list[Sale]] = field(default_factory=lambda: defaultdict(list))
    seizures: dict[Instant, list[Seizure]] = field(default_factory=lambda: defaultdict(list))
    marks: dict[Instant, NDArray[np.float64]] = field(default_factory=dict)
    closing: list[NDArray[np.float64]] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)


class Overheard:
    """An object that does all that `inner` does; whoever listens to one of its methods hears the arguments first."""

    def __init__(self, inner: Any, **listeners: Heard) -> None:
        self._inner, self._listeners = inner, listeners

    def __getattr__(self, name: str) -> Any:
        """What the inner object has under this name, with its listener."""
        found, listener = getattr(self._inner, name), self._listeners.get(name)
        if listener is None:
            return found

        def both(*args: Any, **kwargs: Any) -> Any:
            listener(*args, **kwargs)
            return found(*args, **kwargs)

        return both


class Watch:
    """What is written down while the model runs."""

    def __init__(self) -> None:
        self.seen: dict[str, Any] = {name: defaultdict(list) for name in ("sales", "seizures")}
        self.seen |= {"graphs": [], "marks": {}, "closing": [], "losses": []}

    def over(self, model: Any) -> Any:
        """The model, overheard from now on."""
        self._model = model
        self.seen["graphs"].append(model.graph(0))
        self.seen["closing"].append(model.market.mark[:, 0] + 0.0)
        model.causes.losses = Overheard(model.causes.losses, seizes=self._seized)
        model.causes = Overheard(model.causes, opens_month=self._marked, sold=self._sold)
        model.record = Overheard(model.record, closes_month=self._closed)
        return model

    @property
    def _now(self) -> Instant:
        return self._model.month, self._model.round

    def _marked(self) -> None:
        self.seen["marks"][self._now] = self._model.market.mark[:, 0] + 0.0

    def _closed(self, model: Any) -> None:
        self.seen["graphs"].append(model.graph(0))
        self.seen["closing"].append(model.market.mark[:, 0] + 0.0)
        self.seen["losses"].append(float(model.world.losses[0]))

    def _sold(self, forced: Any, estate: Any, *, hurried: Any, waiting: Any) -> None:
        m = self._model
        self._marked()
        for names, units in ((m.names["borrower"], forced + estate), (m.names["lender"], hurried + waiting)):
            for row, generation in np.argwhere(units[:, :, 0] > 0.0):
                price = float(m.market.last_price[generation, 0])
                sold = float(units[row, generation, 0])
                self.seen["sales"][self._now].append(Sale(names[row], m.hardware.names[generation], sold, price))

    def _seized(self, units: Any, value: Any) -> None:
        m = self._model
        for row in np.flatnonzero(units[:, :, 0].sum(axis=1) > 0.0):
            ends = m.names["borrower"][m.edges.borrower[row]], m.names["lender"][m.edges.lender[row]]
            taken, worth = float(units[row, :, 0].sum()), float(value[row, :, 0].sum())
            self.seen["seizures"][self._now].append(Seizure(*ends, taken, worth))


@dataclass(frozen=True)
class WatchedOrder(Order):
    """An order whose models are overheard."""

    watch: Watch = field(default_factory=Watch)

    def model(self, paths: Sequence[int], *, keep_agents: bool) -> Any:
        """A model as the order makes it, overheard."""
        return self.watch.over(super().model(paths, keep_agents=keep_agents))


def seen_on(run: Run, path: int) -> Seen:
    """The path has been simulated again, month by month, and everything that a person can watch is kept.

    Errors: InputError where the path does not reach its end, or the run cannot be simulated again.
    """
    order = WatchedOrder(**vars(run.order))
    story = story_of(replace(run, order=order), path)
    return Seen(story, **order.watch.seen)
