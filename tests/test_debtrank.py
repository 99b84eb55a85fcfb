"""Is stress what it must be: by hand, solved for at once, and whatever the numbers?

The published cases stand in `oracle_cases/networks.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nobid.model import debtrank as module
from nobid.model.debtrank import StressNotSettled, debtrank, importance

Array = NDArray[np.float64]


def stress(exposures: Any, buffer: Any, shock: Any) -> Array:
    """`exposures[i][j]` is what i holds against j; the stress of each node, one path."""
    whole = np.asarray(exposures, dtype=float)
    exposed, debtor = np.nonzero(whole)
    start, limit = (np.asarray(values, dtype=float)[:, np.newaxis] for values in (shock, buffer))
    found = debtrank(exposed, debtor, amount=whole[exposed, debtor][:, np.newaxis], buffer=limit, shock=start).stress
    return found[:, 0]


# ---- by hand


def test_half_a_debtor_s_trouble_is_half_the_exposure_over_the_buffer() -> None:
    assert stress([[0, 0], [2, 0]], [1, 4], [0.5, 0]).tolist() == [0.5, 0.25]


def test_stress_goes_on_along_a_chain_and_round_a_ring() -> None:
    assert stress([[0, 0, 0], [2, 0, 0], [0, 2, 0]], [1, 4, 4], [1, 0, 0]).tolist() == [1.0, 0.5, 0.25]
    # each holds half its buffer against the other: h1 = 0.3 + h2 / 2, h2 = h1 / 2
    assert stress([[0, 1], [1, 0]], [2, 2], [0.3, 0]) == pytest.approx([0.4, 0.2])


def test_a_failed_node_passes_on_no_more_than_all_of_it() -> None:
    # 1 loses five times its buffer on 0; 2 loses its whole exposure to 1, no more
    assert stress([[0, 0, 0], [5, 0, 0], [0, 1, 0]], [1, 1, 4], [1, 0, 0]).tolist() == [1.0, 5.0, 0.25]
    assert stress([[0, 0], [1, 0]], [1, 4], [3, 0]).tolist() == [3.0, 0.25]


def test_a_node_without_a_buffer_takes_no_stress_and_passes_on_its_shock_alone() -> None:
    assert stress([[0, 0, 0], [5, 0, 0], [0, 1, 0]], [1, 0, 4], [1, 0, 0]).tolist() == [1.0, 0.0, 0.0]
    assert stress([[0, 0, 0], [5, 0, 0], [0, 1, 0]], [1, 0, 4], [0, 1, 0]).tolist() == [0.0, 1.0, 0.25]


def test_without_a_shock_or_without_edges_nothing_happens() -> None:
    assert stress([[0, 1], [1, 0]], [1, 1], [0, 0]).tolist() == [0.0, 0.0]
    assert stress([[0, 0], [0, 0]], [1, 1], [0.2, 0]).tolist() == [0.2, 0.0]


def test_stress_that_does_not_settle_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    # a ring of leverage 1: stress grows by the shock each time round until everybody has failed
    ring = [[0, 1], [1, 0]]
    assert stress(ring, [1, 1], [0.01, 0.0]) == pytest.approx([1.01, 1.0])
    monkeypatch.setattr(module, "ROUNDS", 20)
    with pytest.raises(StressNotSettled, match="after 20 rounds"):
        stress(ring, [1, 1], [0.01, 0.0])


# ---- another way, and whatever the numbers

seeds = st.integers(0, 10_000)


def drawn(seed: int, top: float, size: int = 8) -> tuple[Array, Array, Array]:
    """Random exposures up to `top` buffers a debtor, buffers, a small shock to some."""
    luck = np.random.default_rng(seed)
    exposures = np.where(luck.random((size, size)) < 0.5, luck.uniform(0.0, top, (size, size)), 0.0)
    np.fill_diagonal(exposures, 0.0)
    buffer = luck.uniform(1.0, 5.0, size)
    return exposures * buffer[:, np.newaxis], buffer, luck.uniform(0.0, 0.3, size) * (luck.random(size) < 0.4)


@settings(max_examples=60, deadline=None)
@given(seeds)
def test_while_nobody_fails_stress_solves_the_linear_equations(seed: int) -> None:
    exposures, buffer, shock = drawn(seed, 0.15)
    at_once = np.linalg.solve(np.eye(len(buffer)) - exposures / buffer[:, np.newaxis], shock)
    if at_once.max() < 1.0:
        assert stress(exposures, buffer, shock) == pytest.approx(at_once, abs=1e-11)


@settings(max_examples=60, deadline=None)
@given(seeds, st.integers(0, 7), st.sampled_from([0.15, 0.6, 2.0]))
def test_stress_satisfies_its_equation_and_grows_with_the_shock_alone(seed: int, node: int, top: float) -> None:
    exposures, buffer, shock = drawn(seed, top)
    found = stress(exposures, buffer, shock)
    assert found == pytest.approx(shock + exposures @ np.minimum(found, 1.0) / buffer, abs=1e-10)
    more = shock + 0.1 * (np.arange(len(buffer)) == node)
    assert np.all(stress(exposures, buffer, more) >= found - 1e-10)
    assert np.all(stress(exposures, buffer * 1.5, shock) <= found + 1e-10)
    order = np.random.default_rng(seed).permutation(len(buffer))
    renamed = stress(exposures[np.ix_(order, order)], buffer[order], shock[order])
    assert renamed == pytest.approx(found[order], abs=1e-10)


def test_importance_is_the_weighted_stress_that_each_failure_alone_puts_on_the_others() -> None:
    paths = 3
    luck = np.random.default_rng(5)
    exposed, debtor = np.nonzero(drawn(5, 0.5)[0])
    amount, buffer = luck.uniform(0.1, 2.0, (len(debtor), paths)), luck.uniform(1.0, 5.0, (8, paths))
    weight = buffer / buffer.sum(axis=0)
    found = importance(exposed, debtor, amount=amount, buffer=buffer, weight=weight)
    for path in range(paths):
        whole = np.zeros((8, 8))
        whole[exposed, debtor] = amount[:, path]
        for node in range(8):
            alone = np.minimum(stress(whole, buffer[:, path], np.eye(8)[node]), 1.0)
            alone[node] = 0.0
            assert found[node, path] == pytest.approx(alone @ weight[:, path], abs=1e-12)
    one = slice(1, 2)
    assert np.array_equal(
        importance(exposed, debtor, amount=amount[:, one], buffer=buffer[:, one], weight=weight[:, one]), found[:, one]
    )


@pytest.mark.parametrize("paths", [[0], [5], [19], [3, 12], list(range(0, 20, 3))])
def test_every_path_of_many_has_the_bits_it_has_alone(paths: list[int]) -> None:
    luck = np.random.default_rng(2)
    exposed, debtor = np.nonzero(luck.random((12, 12)) < 0.4)
    amount, buffer = luck.uniform(0.0, 1.0, (len(debtor), 20)), luck.uniform(1.0, 9.0, (12, 20))
    shock = luck.uniform(0.0, 1.0, (12, 20)) * (luck.random((12, 20)) < 0.3)
    together = debtrank(exposed, debtor, amount=amount, buffer=buffer, shock=shock)
    alone = debtrank(exposed, debtor, amount=amount[:, paths], buffer=buffer[:, paths], shock=shock[:, paths])
    assert np.array_equal(alone.stress, together.stress[:, paths])
