"""Does the direct cascade bring down who must fall, in the right round: by hand, set by set, and whatever the numbers?

The published cases stand in `oracle_cases/networks.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nobid.model.network import Network
from nobid.model.threshold_cascade import Fallen, fall
from tests.oracle_cases.networks import contagion, random_edges

Array = NDArray[np.float64]
WINDOW = {"N": 1000, "interbank_share": 0.2, "capital": 0.04, "recovery": 0.0, "systemic_threshold": 0.05}


def cascade(exposures: Any, buffer: Any, first: Any, *, weak: bool = True, **rule: Any) -> Fallen:
    """`exposures[i][j]` is what i loses when j falls; `first` lists who falls before the first round; one path."""
    whole = np.asarray(exposures, dtype=float)
    exposed, debtor = np.nonzero(whole)
    begins = np.isin(np.arange(len(whole)), first)[:, np.newaxis]
    limit = np.asarray(buffer, dtype=float)[:, np.newaxis]
    amount = whole[exposed, debtor][:, np.newaxis]
    return fall(exposed, debtor, amount=amount, buffer=limit, first=begins, weak=weak, **rule)


def rounds(*args: Any, **keys: Any) -> list[int]:
    """The round in which each node fell."""
    return [int(n) for n in cascade(*args, **keys).failed_in[:, 0]]


# ---- by hand

CHAIN = [[0, 0, 0], [5, 0, 0], [0, 4, 0]]  # 1 loses 5 on 0, 2 loses 4 on 1


def test_a_failure_brings_down_its_creditor_and_that_one_the_next() -> None:
    got = cascade(CHAIN, [9, 3, 3], [0])
    assert got.failed_in[:, 0].tolist() == [0, 1, 2]
    assert got.loss[:, 0].tolist() == [0.0, 5.0, 4.0]
    assert (got.rounds, got.by_round[:, 0].tolist()) == (2, [1, 1, 1])


def test_a_loss_equal_to_the_buffer_fells_under_the_weak_rule_alone() -> None:
    assert rounds(CHAIN, [9, 5, 3], [0], weak=True) == [0, 1, 2]
    assert rounds(CHAIN, [9, 5, 3], [0], weak=False) == [0, -1, -1]
    assert rounds(CHAIN, [9, 5 - 1e-6, 3], [0], weak=False) == [0, 1, 2]


def test_equal_means_equal_but_for_the_last_digits() -> None:
    third = 0.1 + 0.2  # 0.30000000000000004
    for loss, buffer in ((third, 0.3), (0.3, third)):
        assert rounds([[0, 0], [loss, 0]], [1, buffer], [0], weak=True) == [0, 1]
        assert rounds([[0, 0], [loss, 0]], [1, buffer], [0], weak=False) == [0, -1]
    assert rounds([[0, 0], [1.0, 0]], [1, 1.05], [0], weak=True, tolerance=0.1) == [0, 1]


def test_losses_of_several_rounds_add_up() -> None:
    # 3 bears each of its two debtors, not both
    exposures = [[0, 0, 0, 0], [5, 0, 0, 0], [0, 5, 0, 0], [2, 0, 2, 0]]
    assert rounds(exposures, [1, 4, 4, 3], [0]) == [0, 1, 2, 3]
    assert cascade(exposures, [1, 4, 4, 5], [0]).loss[3, 0] == 4.0


def test_who_falls_in_one_round_falls_together_and_its_losses_count_on() -> None:
    exposures = [[0, 3, 0], [5, 0, 2], [5, 2, 0]]
    got = cascade(exposures, [1, 4, 4], [0])
    assert got.failed_in[:, 0].tolist() == [0, 1, 1]
    assert got.loss[:, 0].tolist() == [3.0, 7.0, 7.0]


def test_recovery_takes_its_part_of_the_loss_debtor_by_debtor() -> None:
    assert rounds(CHAIN, [9, 3, 3], [0], recovery=0.3) == [0, 1, -1]
    got = cascade(CHAIN, [9, 3, 3], [0], recovery=np.array([[0.1], [0.5], [0.0]]))
    assert got.loss[:, 0].tolist() == [0.0, 4.5, 2.0]


def test_the_buffer_of_who_begins_does_not_matter_and_who_lost_nothing_stands() -> None:
    assert rounds(CHAIN, [1e9, 3, 3], [0]) == [0, 1, 2]
    assert rounds(CHAIN, [9, 0, 0], [2]) == [-1, -1, 0]
    assert rounds(CHAIN, [9, 0, -1.0], []) == [-1, -1, -1]
    edge, nothing = np.array([0, 1]), np.zeros((1, 1))
    begins = np.array([[True], [False]])
    got = fall(edge[1:], edge[:1], amount=nothing, buffer=np.zeros((2, 1)), first=begins, weak=True)
    assert got.failed_in[:, 0].tolist() == [0, -1]


def test_ten_thousand_rounds_are_walked_to_the_end() -> None:
    size = 10_000
    debtor, begins = np.arange(size - 1), np.zeros((size, 1), dtype=bool)
    begins[0] = True
    got = fall(debtor + 1, debtor, amount=np.ones((size - 1, 1)), buffer=np.ones((1, 1)), first=begins, weak=True)
    assert got.failed_in[:, 0].tolist() == list(range(size))


# ---- published: the window hangs on the rule


def test_under_the_strict_rule_the_contagion_window_closes_before_seven() -> None:
    # a fifth of 0.2 equals the capital of 0.04: the weak rule lets it fell a bank, and 43 % of draws at z = 7 spread
    assert contagion(7.0, WINDOW, draws=250).frequency > 0.3
    assert contagion(7.0, WINDOW, draws=250, weak=False).frequency < 0.05


def test_a_random_network_has_the_edges_that_chance_gives_it_and_none_to_itself_or_to_another_network() -> None:
    size, draws, chance = 40, 500, 0.1
    debtor, exposed = random_edges(np.random.default_rng(3), size=size, draws=draws, chance=chance)
    assert np.array_equal(debtor // size, exposed // size)
    assert not np.any(debtor == exposed)
    assert len(np.unique(debtor * size * draws + exposed)) == len(debtor)
    pairs = size * (size - 1)
    assert len(debtor) == pytest.approx(draws * pairs * chance, abs=4.0 * (draws * pairs * chance) ** 0.5)
    each = np.bincount(debtor % size * size + exposed % size, minlength=size * size).reshape(size, size)
    assert each[~np.eye(size, dtype=bool)].min() > 0  # every ordered pair comes up in some of 500 networks
    assert each.std(axis=None) / each.mean() < 0.25


# ---- another way: sets, round by round

seeds = st.integers(0, 10_000)


def drawn(seed: int, size: int = 9) -> tuple[Array, Array, list[int]]:
    """Random exposures in whole numbers, so that losses meet buffers exactly; buffers; who begins."""
    luck = np.random.default_rng(seed)
    exposures = np.where(luck.random((size, size)) < 0.35, luck.integers(1, 5, (size, size)), 0).astype(float)
    np.fill_diagonal(exposures, 0.0)
    return exposures, luck.integers(1, 8, size).astype(float), luck.choice(size, 2, replace=False).tolist()


@settings(max_examples=100, deadline=None)
@given(seeds, st.booleans(), st.sampled_from([0.0, 0.25, 0.5]))
def test_the_rounds_are_those_of_a_walk_set_by_set(seed: int, weak: bool, recovery: float) -> None:
    exposures, buffer, first = drawn(seed)
    fallen, walk = set(first), [set(first)]
    while walk[-1]:
        loss = {i: sum(exposures[i, j] for j in sorted(fallen)) * (1.0 - recovery) for i in range(len(buffer))}
        down = {i for i in loss if loss[i] > 0 and (loss[i] >= buffer[i] if weak else loss[i] > buffer[i])}
        walk.append(down - fallen)
        fallen |= down
    got = cascade(exposures, buffer, first, weak=weak, recovery=recovery)
    assert got.rounds == len(walk) - 2
    assert [set(np.flatnonzero(got.failed_in[:, 0] == n).tolist()) for n in range(got.rounds + 1)] == walk[:-1]
    assert got.by_round[:, 0].tolist() == [len(fell) for fell in walk[:-1]]
    assert got.loss[:, 0] == pytest.approx(exposures[:, sorted(fallen)].sum(axis=1) * (1.0 - recovery))


# ---- whatever the numbers


@settings(max_examples=80, deadline=None)
@given(seeds, st.integers(0, 8), st.booleans())
def test_more_shock_fells_no_fewer_and_more_capital_or_recovery_no_more(seed: int, node: int, weak: bool) -> None:
    exposures, buffer, first = drawn(seed)
    base = cascade(exposures, buffer, first, weak=weak).failed
    assert np.all(cascade(exposures, buffer, [*first, node], weak=weak).failed >= base)
    thicker = buffer + 2.0 * (np.arange(len(buffer)) == node)
    assert np.all(cascade(exposures, thicker, first, weak=weak).failed <= base)
    assert np.all(cascade(exposures, buffer, first, weak=weak, recovery=0.4).failed <= base)
    assert np.all(cascade(exposures, buffer, first, weak=False).failed <= base)


@settings(max_examples=60, deadline=None)
@given(seeds, st.booleans())
def test_run_again_from_its_end_nobody_else_falls(seed: int, weak: bool) -> None:
    exposures, buffer, first = drawn(seed)
    once = cascade(exposures, buffer, first, weak=weak)
    again = cascade(exposures, buffer, np.flatnonzero(once.failed[:, 0]), weak=weak)
    assert again.rounds == 0
    assert np.array_equal(again.failed, once.failed)
    assert again.loss == pytest.approx(once.loss)


@settings(max_examples=60, deadline=None)
@given(seeds)
def test_names_do_not_matter_and_a_network_beside_it_is_untouched(seed: int) -> None:
    exposures, buffer, first = drawn(seed)
    size = len(buffer)
    once = cascade(exposures, buffer, first)
    order = np.random.default_rng(seed).permutation(size)
    renamed = cascade(exposures[np.ix_(order, order)], buffer[order], np.flatnonzero(np.isin(order, first)))
    assert np.array_equal(renamed.failed_in, once.failed_in[order])
    twice = np.kron(np.eye(2), exposures)
    beside = cascade(twice, np.append(buffer, buffer), first)
    assert np.array_equal(beside.failed_in[:size], once.failed_in)
    assert not beside.failed[size:].any()
    assert not beside.loss[size:].any()


@pytest.mark.parametrize("paths", [[0], [5], [19], [3, 12], list(range(0, 20, 3))])
def test_every_path_of_many_falls_with_the_bits_it_has_alone(paths: list[int]) -> None:
    luck = np.random.default_rng(2)
    exposed, debtor = np.nonzero(luck.random((12, 12)) < 0.4)
    amount, buffer = luck.uniform(0.0, 3.0, (len(debtor), 20)), luck.uniform(1.0, 9.0, (12, 20))
    first, recovery = luck.random((12, 20)) < 0.15, luck.uniform(0.0, 0.6, (12, 20))
    network = Network(debtor, exposed, 12)
    together = fall(
        exposed, debtor, amount=amount, buffer=buffer, first=first, weak=True, recovery=recovery, network=network
    )
    assert together.rounds >= 3
    alone = fall(
        exposed, debtor, amount=amount[:, paths], buffer=buffer[:, paths], first=first[:, paths], weak=True,
        recovery=recovery[:, paths],
    )  # fmt: skip
    assert np.array_equal(alone.failed_in, together.failed_in[:, paths])
    assert np.array_equal(alone.loss, together.loss[:, paths])
