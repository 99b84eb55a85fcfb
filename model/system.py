"""How does one month follow another? The Mesa model: founded on balance sheets, stepped month by month."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import mesa
import networkx as nx
import numpy as np

from nobid.agents.borrower import Borrower
from nobid.agents.buyer import GPUBuyer
from nobid.agents.lender import Lender
from nobid.agents.miner import Miner
from nobid.agents.neocloud import NeoCloud
from nobid.agents.state import Array, Columns, Index, Mask, Rows, ordered_sum, over_generations
from nobid.model import (
    backstop,
    cascade,
    causes,
    contracts,
    debt,
    earning,
    exposures,
    fleet,
    invest,
    lending,
    month_end,
    rental,
    secondary,
    world,
)
from nobid.model.books import Books
from nobid.model.draws import Draws
from nobid.model.edges import Edges, Links
from nobid.model.estates import EstateNodes
from nobid.model.execution import Execution, TwoExecutions
from nobid.model.founders import found, makes_safe, spans
from nobid.model.founding import Founding
from nobid.model.hardware import Hardware
from nobid.model.months import month_name
from nobid.model.outcome import Failure, ModelStopped
from nobid.model.parameters import Parameters, Shock
from nobid.model.policies import Policy, in_force, under
from nobid.model.record import Record
from nobid.model.tables import EDGE_TABLES, Facility, Hosting, Market, Offtake, Public, Warehouse, World

CLASSES: dict[str, type[Any]] = {"miner": Miner, "neocloud": NeoCloud, "lender": Lender, "buyer": GPUBuyer}
LAGS = 12  # months ahead that the order pipeline reaches, a ring
COUNTERS = (
    "coins_forced", "losses", "defaulted_debt", "new_credit", "repo_volume", "private_outlay", "deferred",
)  # fmt: skip
COIN_DAYS = 30.0  # days over which a month's forced coin sales are spread


class ComputeCreditModel(TwoExecutions):
    """The credit system of AI compute on `len(paths)` replications at once.

    `execution` "cohort" runs every rule on whole columns, "agent" object by object through Mesa: the same bits.
    `agents` replaces a class by a subclass of it (`{"miner": MyMiner}`). `later`: from which month on (counted from
    the start) the rules of another founding hold. Raises ModelStopped when a single path stops;
    among several, a path that stops is listed in `failures` and the others go on.
    """

    merit_order: rental.MeritOrder
    active_leases: Array  # 1 where a lease between modelled firms runs this month, (hosting, R)
    order_slot: int = 0  # of the ring of orders: what arrives next

    def __init__(
        self,
        founding: Founding,
        *,
        seed: int = 7,
        paths: Sequence[int] = (0,),
        execution: Execution = "cohort",
        agents: Mapping[str, type[Any]] | None = None,
        keep_agents: bool = False,
        later: Mapping[int, Founding] | None = None,
    ) -> None:
        super().__init__(rng=np.random.default_rng(seed))
        self.stage, self.founding, self.parameters, self.execution = founding, founding, founding.parameters, execution
        self.classes = {**CLASSES, **(agents or {})}
        self.month, self.round, self.later = 0, 0, {**(later or {})}
        self.fired: dict[str, int] = {}
        self._number_paths(paths)
        self.edges = Edges(founding)
        self.links = Links(self.edges, len(founding.borrowers), len(founding.lenders), len(founding.buyers))
        self.hardware = Hardware(founding.generations, self.parameters)
        self.draws = Draws(seed, self.paths, len(founding.buyers))
        self._name_agents()
        self._declare_columns()
        self.estate_nodes = EstateNodes(self)
        self._views()
        self._creates_agents()
        found(self)
        self.books = Books(self, len(self.paths))
        self.record = Record(self, keep_agents)
        self.causes = causes.Causes(self, len(self.paths))

    def step(self) -> None:
        """One month has passed on every running path."""
        self.opens_month()
        world.turns(self)
        rental.clears(self)
        contracts.run(self)
        secondary.opens_month(self)
        causes.opens_month(self)
        earning.earns(self)
        lending.opens_month(self)
        debt.falls_due(self)
        cascade.runs(self)
        invest.grows(self)
        lending.closes_month(self)
        causes.closes_month(self)
        month_end.ages(self)
        self.closes_month()

    def opens_month(self) -> None:
        """Counters of the month are zero; rules that change this month have changed, and policies have acted."""
        if self.month >= self.parameters.months:
            raise ModelStopped(f"the run ended in {self.month_name(-1)}: run.months is {self.parameters.months}")
        w = self.world
        self.round = 0
        for name in COUNTERS:
            setattr(w, name, 0.0)
        self.public.bought_back = 0.0
        self.record.opens_month(self)
        self.books.open_month()
        stage = self.later.get(self.month, self.stage)
        policies, before = in_force(stage, self.month), self.parameters if self.month else Parameters()
        self.changes_rules(stage, policies)
        backstop.rules_change(self, before)
        for policy in policies:
            policy.acts(self)

    def changes_rules(self, stage: Founding, policies: Iterable[Policy]) -> None:
        """From now on the stage's parameters and given paths hold, as the policies set them; balance sheets, contracts
        and luck stay.
        """
        parameters = under(policies, stage.parameters)
        if stage is self.stage and parameters == self.parameters:
            return
        self.stage, self.parameters = stage, parameters
        self.founding = stage.model_copy(update={"parameters": parameters})
        self.hardware = Hardware(stage.generations, parameters)
        self.hardware.at(self.month)
        makes_safe(self)

    def closes_month(self) -> None:
        """The books have been checked, the month recorded; a path whose books do not balance has stopped."""
        breaches = [(column, text) for column, text in self.books.breach() if self.going[column]]
        columns = np.array([column for column, _ in breaches], dtype=np.intp)
        self.stops(columns, [f"the books do not balance in {self.month_name()}: {text}" for _, text in breaches])
        self.record.closes_month(self)
        self.month += 1

    def stops(self, columns: Index, sentences: list[str]) -> None:
        """These paths have stopped for the reasons given; the only path of a run stops the run."""
        for column, sentence in zip(columns, sentences, strict=True):
            self.failures.append(Failure(int(self.paths[column]), self.month, sentence))
            self.going[column] = False
        self.running = bool(self.going.any())
        if sentences and len(self.paths) == 1:
            raise ModelStopped(sentences[0])

    def month_name(self, offset: int = 0) -> str:
        """The name of the current month (plus `offset`), "YYYY-MM"."""
        return month_name(self.parameters.start, self.month + offset)

    def shocks_now(self) -> list[Shock]:
        """The dated shocks of the current month."""
        return [shock for shock in self.parameters.shock if shock.month == self.month_name()]

    def given(self, name: str) -> float | None:
        """The current month's value of a path that the scenario gives, or None."""
        path = getattr(self.founding.paths, name)
        known = self.month < len(path) and np.isfinite(path[self.month])
        return float(path[self.month]) if known else None

    def scripted_failures(self, family: str) -> Array:
        """1 for the agents of the family that a dated shock makes fail this month: `(n, 1)`."""
        named = {name for shock in self.shocks_now() for name in shock.fail}
        if not named:
            return np.zeros((len(self.names[family]), 1))
        known = self.names[family]
        hit = [name in named or self.tickers.get(name, "?") in named for name in known]
        return np.array(hit, dtype=float)[:, np.newaxis]

    def before_in_lender(self, amount: Array) -> Array:
        """For every facility, the sum of `amount` over facilities of the same lender that stand before it: `(E, R)`."""
        order, first = self._lender_order
        ranked = amount[order]
        stacked = np.add.accumulate(ranked, axis=0) - ranked
        before = np.empty_like(amount)
        before[order] = stacked - stacked[first]
        return before

    def moves(self, amount: Array) -> None:
        """USD million (or units) moved in this round."""
        self.world.moved = self.world.moved + np.abs(amount)

    def changes_state(self, changed: Array) -> None:
        """Somebody failed or changed state: the path goes on whatever the amounts."""
        some = np.where(ordered_sum(changed) > 0.0, 1.0, 0.0)
        self.world.moved = self.world.moved + some * np.maximum(self.world.opening_debt, 1.0)

    def sells_coins(self, coins: Array, sellers: Array) -> None:
        """Forced sales of `coins` (R,) will move the price at the end of the round; `sellers` (n, R) is whose."""
        self.causes.pools.pushes_coins(sellers)
        self.world.round_coins = self.world.round_coins + coins
        self.world.coins_forced = self.world.coins_forced + coins

    def coin_falls(self) -> None:
        """The coin price has fallen by forced sales since it last did: `impact x (q / 30) / daily volume` in logs."""
        w, coin, depth = self.world, self.parameters.coin, self.parameters.coin.daily_volume * self.founding.scale
        push = coin.impact * (w.round_coins / COIN_DAYS) / depth * (1.0 if coin.impact_on else 0.0)
        w.coin_impact = w.coin_impact + push
        w.coin = np.exp(w.coin_log - w.coin_impact)
        w.round_coins = 0.0
        self.fires("coin impact", push)

    def fires(self, mechanism: str, where: Array | Mask) -> None:
        """The mechanism is counted wherever `where` is positive."""
        self.fired[mechanism] = self.fired.get(mechanism, 0) + int(np.count_nonzero(where > 0.0))

    def fleet_compute(self) -> Array:
        """Compute of all modelled borrowers' machines, H100e: `(R,)`."""
        return over_generations(ordered_sum(fleet.borrower_units(self)) * self.hardware.h100e)

    def graph(self, path: int = 0) -> nx.MultiDiGraph[str]:
        """The exposure graph of now on the path at this place."""
        return exposures.exposure_graph(self, path)

    def close(self) -> None:
        """Mesa keeps no trace of the model (3.3 would keep it alive for the life of the process)."""
        mesa.Model.remove_all_agents(self)
        getattr(mesa.Agent, "_ids", {}).pop(self, None)

    def _number_paths(self, paths: Sequence[int]) -> None:
        """Every path has a column, in the order asked for, and is going; none has failed."""
        self.failures: list[Failure] = []
        self.paths = list(paths)
        self.path_order: Index = np.argsort(np.array(self.paths), kind="stable")
        self.sorted_paths = np.array(self.paths)[self.path_order]
        self.going: Mask = np.ones(len(self.paths), dtype=np.bool_)

    def _name_agents(self) -> None:
        """Agents have names and kinds; who bids and in which order facilities stand at a lender is known."""
        founding, borrowers = self.founding, self.edges.borrowers
        self.names = {
            "borrower": [row.name for row in borrowers],
            "lender": [row.name for row in founding.lenders],
            "buyer": [row.name for row in founding.buyers],
        }
        self.kinds = {
            "borrower": [row.kind for row in borrowers],
            "lender": [row.kind for row in founding.lenders],
            "buyer": [row.kind for row in founding.buyers],
        }
        self.tickers = {row.name: row.ticker for row in borrowers}
        wants = [row.budget > 0.0 or row.free_air + row.free_liquid > 0.0 for row in founding.buyers]
        self.bidders: Index = np.flatnonzero(wants) if any(wants) else np.arange(len(wants))
        lender = self.edges.lender
        order = np.argsort(lender, kind="stable")
        self._lender_order = order, np.searchsorted(lender[order], lender[order], side="left")

    def _declare_columns(self) -> None:
        """Every column of agents, edges, world and market exists and is zero."""
        self.columns, paths = Columns(spans(self.founding)), len(self.paths)
        self.active_leases = np.zeros((len(self.founding.hosting), paths))
        axes = {"generation": len(self.hardware.names), "lag": LAGS, "cooling": 2}
        sizes = {family: len(names) for family, names in self.names.items()}
        agents: tuple[type[Rows], ...] = (*self.classes.values(), Borrower, Lender, GPUBuyer)
        for cls in agents:
            self.columns.declare(cls, (sizes[cls.family],), axes=axes, paths=paths)
        counts = (len(self.founding.facilities), len(self.founding.offtakes))
        edges = (*counts, len(self.founding.hosting), len(self.founding.warehouses))
        for table, count in zip(EDGE_TABLES, edges, strict=True):
            self.columns.declare(table, (count,), axes=axes, paths=paths)
        for single in (World, Market):
            self.columns.declare(single, (), axes=axes, paths=paths)
        self.columns.declare(Public, (1,), axes=axes, paths=paths)

    def _views(self) -> None:
        """The phases see all rows of every table."""
        self.borrowers, self.lenders, self.buyers = Borrower.every(self), Lender.every(self), GPUBuyer.every(self)
        self.facilities, self.offtakes = Facility.every(self), Offtake.every(self)
        self.hosting, self.warehouses = Hosting.every(self), Warehouse.every(self)
        self.world, self.market, self.public = World.every(self), Market.every(self), Public.every(self)
