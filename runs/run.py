"""What is a simulated run: its tables with their units, its exposure graphs, its figures, its closing table?"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import networkx as nx
import pandas as pd
import pyarrow as pa

from nobid.runs.block_tables import units_of
from nobid.runs.census import network_of
from nobid.runs.errors import InputError
from nobid.runs.fork import timetable
from nobid.runs.months import month_index, month_label
from nobid.runs.run_record import Stored
from nobid.runs.scenarios import Scenario
from nobid.runs.summary import Summary, summarise

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from nobid.model.contagion import Contagion
    from nobid.runs.causation import Causation
    from nobid.runs.charts.by_month import ByMonth
    from nobid.runs.charts.style import FigureMeta
    from nobid.runs.explain import Explanation
    from nobid.runs.replays.page import Replay
    from nobid.runs.reports.document import Report
    from nobid.runs.twins import Twins

PATHS_PER_BLOCK: Final = 64
AGENTS_KEPT_UP_TO: Final = 16  # paths: above, agent tables would outgrow everything else
PHASES: Final = ("import", "found", "simulate", "store", "figures")
TABLES: Final = ("monthly", "events", "causes", "outcomes", "agents")


@dataclass(frozen=True)
class Order:
    """What was asked for: scenario, seed, which paths, how they are run."""

    scenario: Scenario
    seed: int
    paths: tuple[int, ...]
    execution: str = "cohort"
    agents: Mapping[str, type] | None = None
    chunk: int = PATHS_PER_BLOCK
    argv: tuple[str, ...] = ()
    caution: str = ""
    barred: str = ""

    def model(self, paths: Sequence[int], *, keep_agents: bool) -> Any:
        """A model of these paths of one network at the start; a fork's changes its rules when their months come.

        `caution` is told as a warning BitsNotPromised. Errors: InputError where the order is `barred`.
        """
        from nobid.model.system import ComputeCreditModel

        self.permits()
        (network,) = {network_of(self.scenario, path) for path in paths}
        founding, later = timetable(self.scenario, network)
        luck: dict[str, Any] = {"seed": self.seed, "paths": paths, **({"later": later} if later else {})}
        how: dict[str, Any] = {"execution": self.execution, "agents": self.agents, "keep_agents": keep_agents}
        return ComputeCreditModel(founding, **luck, **how)

    def permits(self) -> None:
        """The run may be simulated again; what stands against the same bits has been told."""
        if self.barred:
            raise InputError(self.barred)
        if self.caution:
            warnings.warn(self.caution, BitsNotPromised, stacklevel=3)


class BitsNotPromised(UserWarning):
    """A stored run is simulated again by another engine, or on other libraries, than the one that made it."""


@dataclass
class Run:
    """A simulated scenario. Tables are pandas DataFrames; `units` has the unit of every column."""

    order: Order
    outcome: str = ""
    status: str = "running"
    failures: list[dict[str, Any]] = field(default_factory=list)
    cpu_seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(PHASES, 0.0))
    out: Path | None = None
    figures: list[str] = field(default_factory=list)
    kept: dict[str, list[pa.Table]] = field(default_factory=dict, repr=False)
    graphs: dict[tuple[int, int], nx.MultiDiGraph[str]] = field(default_factory=dict, repr=False)

    @property
    def scenario(self) -> Scenario:
        """The scenario, resolved in full."""
        return self.order.scenario

    @property
    def seed(self) -> int:
        """The seed of all draws."""
        return self.order.seed

    @property
    def paths(self) -> tuple[int, ...]:
        """The numbers of the paths."""
        return self.order.paths

    @cached_property
    def monthly(self) -> pd.DataFrame:
        """A row a path and month (YYYY-MM); units in `run.units["monthly"]`."""
        return self._table("monthly")

    @cached_property
    def events(self) -> pd.DataFrame:
        """A row an event: path, month, round, kind, source, target, channel, amount, first_round."""
        return self._table("events")

    @cached_property
    def causes(self) -> pd.DataFrame:
        """A row a cause of an effect, as in `model.cause_record`: weights into one state of one agent sum to one."""
        return self._table("causes")

    @cached_property
    def outcomes(self) -> pd.DataFrame:
        """A row a path: months run, defaults by kind, debt defaulted, lender losses, reason of a failure."""
        return self._table("outcomes")

    @cached_property
    def agents(self) -> pd.DataFrame:
        """A row a path, month and agent; kept for up to 16 paths, for more with keep=["agents"]."""
        kept = all(self._arrow("agents", (path,)) is not None for path in (self.paths[0], self.paths[-1]))
        if len(self.paths) > AGENTS_KEPT_UP_TO and not kept:
            raise InputError(
                f"agent tables are kept for up to {AGENTS_KEPT_UP_TO} paths, this run has {len(self.paths)}: "
                'simulate the path you need with path=…, or all of them with keep=["agents"].'
            )
        return self._table("agents")

    @property
    def units(self) -> dict[str, dict[str, str]]:
        """The unit of every column of every table."""
        tables = {name: self._arrow(name, self.paths[:1]) for name in TABLES}
        return {name: units_of(table) for name, table in tables.items() if table is not None}

    def _arrow(self, name: str, paths: tuple[int, ...] | None = None) -> pa.Table | None:
        if self.out is not None:
            return Stored(self.out).read(name, self.paths if paths is None else paths)
        pieces = self.kept.get(name)
        return pa.concat_tables(pieces) if pieces else None

    def _table(self, name: str) -> pd.DataFrame:
        table = self._arrow(name)
        if table is None:
            raise InputError(f"this run has no table {name}: {self.outcome}")
        return pd.DataFrame(table.to_pandas())

    def graph(self, month: str | int, path: int | None = None) -> nx.MultiDiGraph[str]:
        """The exposures at the end of a month (YYYY-MM), or at the "start"; the path is simulated again up to it."""
        number = self.paths[0] if path is None else path
        months = self.months_to(month)
        if (number, months) not in self.graphs:
            self.graphs[number, months] = _graph(self.order, number, months)
        return self.graphs[number, months]

    def depth(self, month: str | int, path: int | None = None) -> pd.DataFrame:
        """At which price shares of the pledged machines could be sold then; units in `.attrs["units"]`."""
        from nobid.runs.collateral import collateral_report

        return collateral_report(self, month, path=path).depth

    def ltv(self, month: str | int, path: int | None = None, by: str = "facility") -> pd.DataFrame:
        """Debt over collateral at book, marks and liquidation then, by facility, lender or kind of lender."""
        from nobid.runs.collateral import collateral_report

        return collateral_report(self, month, path=path, by=by).ltv

    def months_to(self, month: str | int) -> int:
        """How many months lie between the start and the end of the month (YYYY-MM, a count, or "start").

        Errors: InputError where it is not a month of the run.
        """
        parameters = self.scenario.parameters
        if month in ("start", 0):
            return 0
        try:
            months = month if isinstance(month, int) else month_index(month) - month_index(parameters.start) + 1
        except (ValueError, IndexError):
            months = -1
        if not 0 <= months <= parameters.months:
            last = month_label(parameters.start, parameters.months - 1)
            raise InputError(f'month = {month}: must be "start" or a month of the run, {parameters.start} … {last}.')
        return months

    @property
    def figure_meta(self) -> FigureMeta:
        """What every figure says about the run in its footnote."""
        from nobid.runs.charts.which import meta_of

        return meta_of(self.scenario, self.seed, self.paths)

    def plot(
        self, name: str | None = None, *, path: int | None = None, month: str | None = None
    ) -> Figure | dict[str, Figure]:
        """The named chart of `nobid.runs.charts.registry`, or all by name; `path`, `month`: of one that shows one."""
        from nobid.runs.charts.registry import CHARTS, drawn

        return drawn(self, name, path, month=month) if name is not None else {one: drawn(self, one) for one in CHARTS}

    @cached_property
    def by_month(self) -> ByMonth:
        """The monthly table, of which figures over the finished paths are asked for: quantiles, means, shares."""
        from nobid.runs.charts.by_month import by_month

        return by_month(self)

    @property
    def knows_causes(self) -> bool:
        """True where the table of causes was kept."""
        return self._arrow("causes", self.paths[:1]) is not None

    def contagion(self, path: int | None = None) -> Contagion:
        """Who caused whom on one path (the first where none is named): graph, default tree, depth, spread, R."""
        from nobid.runs.causation import contagion_of

        return contagion_of(self, path)

    def systemic(self) -> Causation:
        """Who is systemic over all paths, and through which channel; roots, channels, R by attribution."""
        return self._causation

    @cached_property
    def _causation(self) -> Causation:
        from nobid.runs.causation import causation

        return causation(self)

    def twins(self, **asked: Any) -> Twins:
        """The run beside its twins on the same luck: channels off, spreaders safe; `asked`: see `nobid.runs.twins`."""
        from nobid.runs.twins import twins

        return twins(self, **asked)

    def explain(self, agent: str | None = None, path: int | None = None, *, twins: bool | None = None) -> Explanation:
        """Why the agent (name or ticker) failed or lived; without an agent, who and what is systemic.

        `twins`: with what would have been but for contagion; where nothing is said, for an agent only.
        """
        from nobid.runs.explain import explain

        return explain(self, agent, path, twins=twins)

    def replay(self, path: int | str | None = None, against: Any = None) -> Replay:
        """One path (a number, "median", "worst") as a page to watch; `against`: a policy or a run, as a second arm."""
        from nobid.runs.replays.page import replay

        return replay(self, path, against)

    def report(self) -> Report:
        """The run as one page to send; `.save()` writes it."""
        from nobid.runs.reports.run_report import report

        return report(self)

    def fork(self, month: str, set: Mapping[str, Any] | Iterable[str] | None = None, **asked: Any) -> Run:
        """A run that is this one until the month before `month` (YYYY-MM), and goes on from there with the changes.

        `asked`: paths, path, execution, out, agents … of `simulate`; the paths are this run's where none are asked for.
        Errors: InputError for a change that acts only at the start.
        """
        from nobid.runs.simulation import simulate

        return simulate(start_from=self, month=month, set=set, **asked)

    def summary(self) -> Summary:
        """The figures a credit person reads first."""
        return summarise(self)

    def __repr__(self) -> str:
        """Name, seed, paths, and how it ended."""
        return f"{self.scenario.name} · seed {self.seed} · {self.outcome}"

    def _repr_html_(self) -> str:
        """The closing table, for a notebook."""
        return self.summary().html()


def _graph(order: Order, path: int, months: int) -> nx.MultiDiGraph[str]:
    """The exposure graph of one path after so many months; as a cohort: the same bits, sooner."""
    with closing(replace(order, execution="cohort").model(range(path, path + 1), keep_agents=False)) as model:
        for _ in range(months):
            model.step()
        graph: nx.MultiDiGraph[str] = model.graph(0)
    return graph
