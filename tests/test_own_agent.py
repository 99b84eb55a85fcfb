"""Can a user change one rule of one kind of agent, and does it run in both executions?"""

from __future__ import annotations

import numpy as np
import pytest

from nobid.agents.lender import Lender
from nobid.agents.miner import Miner
from nobid.agents.state import Array
from nobid.runs.scenarios import scenario
from tests.worlds import columns_of, run, same_bits


class Holder(Miner):
    """A miner that keeps every coin it mines."""

    def runs_mining(self) -> None:
        """As other miners, but nothing is sold at once."""
        super().runs_mining()
        self.mined_sale = 0.0 * self.mined


class Patient(Lender):
    """A lender that never calls a breached loan."""

    def accelerates(self, sell_now: Array, wait: Array) -> Array:
        """Never."""
        return 0.0 * super().accelerates(sell_now, wait)


@pytest.mark.parametrize(("kind", "cls"), [("miner", Holder), ("lender", Patient)])
def test_a_users_agent_runs_all_at_once_and_one_by_one_with_the_same_bits(kind: str, cls: type) -> None:
    founding = scenario("everything").founding
    cohort, agent = (run(founding, 8, paths=(1, 2), execution=how, agents={kind: cls}) for how in ("cohort", "agent"))
    assert same_bits(cohort.record.monthly, agent.record.monthly) == []
    assert same_bits(columns_of(cohort), columns_of(agent)) == []
    assert cohort.record.events == agent.record.events
    assert all(type(one) is cls for one in agent.agents_by_type[cls])


def test_a_miner_that_keeps_its_coins_has_more_coins_and_less_cash() -> None:
    founding = scenario("baseline").founding
    plain, holding = run(founding, 2), run(founding, 2, agents={"miner": Holder})
    miners = plain.columns.spans["miner"]
    coins = [float(np.sum(model.borrowers.coins[miners])) for model in (plain, holding)]
    cash = [float(np.sum(model.borrowers.cash[miners])) for model in (plain, holding)]
    assert coins[1] > coins[0]
    assert cash[1] < cash[0]


def test_the_other_kinds_keep_their_rules() -> None:
    model = run(scenario("baseline").founding, 0, agents={"miner": Holder})
    assert model.classes["miner"] is Holder
    assert model.classes["lender"] is Lender
