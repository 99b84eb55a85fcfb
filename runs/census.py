"""On which network does a path live, and who lives there?

Path k lives on network k mod K, K being `population.networks`: a rule of the path's number alone, so that it holds for
the path alone, in any block and with any number of workers. Drawn rows have names of their own on every network; pinned
ones stand on all of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from nobid.model.founding import FacilityRow, Founding
from nobid.runs.synthetic import networks_of

if TYPE_CHECKING:
    from nobid.runs.scenarios import Scenario

AGENTS = ("miner", "neocloud", "lender", "buyer")


class Agent(NamedTuple):
    """An agent: borrower, lender or buyer, of which kind, and on which network; None: on all of them."""

    family: str
    kind: str
    network: int | None


class Loan(NamedTuple):
    """A facility at the start; USD million."""

    kind: str
    borrower: str
    lender: str
    drawn: float
    limit: float


class Network(NamedTuple):
    """One network at the start: how many agents of each kind, and what is drawn on all facilities (USD million)."""

    agents: Mapping[str, int]
    debt: float


@dataclass(frozen=True)
class Census:
    """All networks of a scenario by number; agents and loans of all of them by name; `called`: names by ticker too."""

    networks: tuple[Network, ...]
    agents: Mapping[str, Agent]
    called: Mapping[str, str]
    loans: Mapping[str, Loan]

    def kinds(self) -> dict[str, str]:
        """Borrowers and lenders: miner, neocloud or lender."""
        known = {name: one for name, one in self.agents.items() if one.family != "buyer"}
        return {name: one.kind if one.family == "borrower" else "lender" for name, one in known.items()}

    def buyers(self) -> frozenset[str]:
        """The names of the GPU buyers."""
        return frozenset(name for name, one in self.agents.items() if one.family == "buyer")

    def mean_agents(self, paths: Sequence[int]) -> dict[str, float]:
        """How many agents of each kind there are at the start, on average over the paths; whole where all agree."""
        return {kind: _mean([one.agents[kind] for one in self._lived_on(paths)]) for kind in AGENTS}

    def mean_debt(self, paths: Sequence[int]) -> float:
        """USD million drawn at the start, on average over the paths."""
        return _mean([one.debt for one in self._lived_on(paths)])

    def _lived_on(self, paths: Sequence[int]) -> Sequence[Network]:
        """The network of each path; the only one where there is one."""
        count = len(self.networks)
        return self.networks if count == 1 else [self.networks[path % count] for path in paths]


def _mean(values: Sequence[float]) -> float:
    """Their mean; the value itself where all are the same."""
    return values[0] if len({*values}) == 1 else sum(values) / len(values)


def census(one: Scenario) -> Census:
    """Who lives on the scenario's networks; they are drawn for it one after the other."""
    networks: list[Network] = []
    agents: dict[str, Agent] = {}
    called: dict[str, str] = {}
    loans: dict[str, Loan] = {}
    count = networks_of(one.parameters)
    for number in range(count):
        founding = one.network(number)
        networks.append(_network(founding))
        for name, agent in _agents(founding, number if count > 1 else None):
            agents[name] = agent._replace(network=None) if name in agents else agent
        loans |= {row.name: _loan(row) for row in founding.facilities}
        called |= {row.ticker: row.name for row in founding.borrowers if row.ticker}
    return Census(tuple(networks), agents, called | {name: name for name in agents}, loans)


def _agents(founding: Founding, network: int | None) -> Iterator[tuple[str, Agent]]:
    for firm in founding.borrowers:
        yield firm.name, Agent("borrower", firm.kind, network)
    for lender in founding.lenders:
        yield lender.name, Agent("lender", lender.kind, network)
    for buyer in founding.buyers:
        yield buyer.name, Agent("buyer", buyer.kind, network)


def _loan(row: FacilityRow) -> Loan:
    return Loan(row.kind, row.borrower, row.lender, row.drawn, row.limit)


def _network(founding: Founding) -> Network:
    kinds = Counter(row.kind for row in founding.borrowers)
    agents = {"miner": kinds["miner"], "neocloud": kinds["neocloud"]}
    agents |= {"lender": len(founding.lenders), "buyer": len(founding.buyers)}
    return Network(agents, sum(row.drawn for row in founding.facilities))


def network_of(one: Scenario, path: int) -> int:
    """The number of the network on which the path lives."""
    return path % networks_of(one.parameters)


def cohorts(one: Scenario, paths: Sequence[int]) -> list[Sequence[int]]:
    """The paths taken apart by the network on which they live: each part is simulated at once."""
    if networks_of(one.parameters) == 1:
        return [paths]
    parts: dict[int, list[int]] = {}
    for path in paths:
        parts.setdefault(network_of(one, path), []).append(path)
    return [*parts.values()]
