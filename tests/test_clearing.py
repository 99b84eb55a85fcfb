"""Is the clearing vector the greatest one: by hand, published cases, a linear programme, and invariants?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import linprog

from nobid.model.clearing import Cleared, clear

Array = NDArray[np.float64]
ORACLES = Path(__file__).parent / "oracles"
CLOSE = 1e-9


def settle(liabilities: Any, assets: Any, *, outside: Any = 0.0, alpha: float = 1.0, beta: float = 1.0) -> Cleared:
    """`liabilities[i][j]` is what i owes j; debts to the outside rank equally and go to a node of their own."""
    owed = np.asarray(liabilities, dtype=float)
    size = len(owed)
    whole = np.zeros((size + 1, size + 1))
    whole[:size, :size] = owed
    whole[:size, size] = outside
    debtor, creditor = np.nonzero(whole)
    cash = np.append(np.asarray(assets, dtype=float), 0.0)[:, np.newaxis]
    amounts = whole[debtor, creditor][:, np.newaxis]
    return clear(debtor, creditor, owed=amounts, assets=cash, alpha=alpha, beta=beta)


def payments(*args: Any, **keys: Any) -> list[float]:
    """What each node pays in all, the outside left out."""
    return settle(*args, **keys).paid[:-1, 0].tolist()


# ---- by hand


def test_a_debtor_that_is_short_pays_what_it_has_and_its_creditor_passes_it_on() -> None:
    owed = [[0, 10, 0], [0, 0, 8], [0, 0, 0]]
    assert payments(owed, [4.0, 1.0, 0.0]) == pytest.approx([4.0, 5.0, 0.0])


def test_creditors_share_by_the_size_of_their_claims() -> None:
    cleared = settle([[0, 30, 10], [0, 0, 0], [0, 0, 0]], [8.0, 0.0, 0.0])
    assert cleared.share[0, 0] == pytest.approx(0.2)
    assert cleared.paid[0, 0] == pytest.approx(8.0)


def test_a_ring_without_cash_settles_in_full_from_the_top() -> None:
    ring = [[0, 5, 0], [0, 0, 5], [5, 0, 0]]
    assert payments(ring, [0.0, 0.0, 0.0]) == [5.0, 5.0, 5.0]


def test_a_ring_with_a_leak_pays_what_comes_round() -> None:
    # each owes 10 to the next; the third also owes 10 outside: p = (x, x, 2x') with x = 1 + half of what it gets
    owed = [[0, 10, 0], [0, 0, 10], [10, 0, 0]]
    first, second, third = payments(owed, [0.0, 0.0, 3.0], outside=[0.0, 0.0, 10.0])
    # p1 = p3 / 2, p2 = p1, p3 = 3 + p2: p3 = 6
    assert (first, second, third) == pytest.approx((3.0, 3.0, 6.0))


def test_recovery_rates_take_their_part_of_assets_and_of_claims_received_in_default_alone() -> None:
    owed = [[0, 10, 0], [0, 0, 10], [0, 0, 0]]
    assert payments(owed, [8.0, 2.0, 0.0], alpha=0.5, beta=0.25) == pytest.approx([4.0, 0.5 * 2.0 + 0.25 * 4.0, 0.0])
    assert payments(owed, [10.0, 0.0, 0.0], alpha=0.5, beta=0.25) == pytest.approx([10.0, 10.0, 0.0])


def test_who_owes_nothing_pays_nothing() -> None:
    assert payments([[0, 0], [0, 0]], [5.0, 0.0]) == [0.0, 0.0]


# ---- published


def published() -> list[Any]:
    """(inputs, payments, tolerance) of every published case; some files hold several."""
    found = []
    for name in ("en_two_node_nonunique", "en_finnetvalu_a1", "en_finnetvalu_a2", "rv_two_bank_multiplicity"):
        case = json.loads((ORACLES / f"{name}.json").read_text())
        expected = case["expected"].get("greatest", case["expected"].get("payments"))
        found.append(pytest.param(case["inputs"], expected, case["tolerance"]["abs"], id=name))
    name = "en_rv_systemicrisk_x050"
    case = json.loads((ORACLES / f"{name}.json").read_text())
    for number, (inputs, expected) in enumerate(
        zip(case["inputs"]["cases"], case["expected"]["cases"], strict=True), start=1
    ):
        found.append(pytest.param(inputs, expected["payments"], case["tolerance"]["abs"], id=f"{name} {number}"))
    return found


@pytest.mark.parametrize(("inputs", "greatest", "close"), published())
def test_published_clearing_vectors_are_reproduced(inputs: dict[str, Any], greatest: list[float], close: float) -> None:
    paid = payments(
        inputs["nominal_liabilities"],
        inputs["external_assets"],
        outside=inputs.get("external_liabilities", 0.0),
        alpha=inputs.get("alpha", 1.0),
        beta=inputs.get("beta", 1.0),
    )
    assert paid == pytest.approx(greatest, abs=max(close, CLOSE))


# ---- against a linear programme


def network(seed: int, size: int = 7) -> tuple[Array, Array, Array]:
    """Random debts between nodes and to the outside, and cash that does not cover all of them."""
    luck = np.random.default_rng(seed)
    owed = np.where(luck.random((size, size)) < 0.5, luck.uniform(0.0, 10.0, (size, size)), 0.0)
    np.fill_diagonal(owed, 0.0)
    return owed, luck.uniform(0.0, 8.0, size) * (luck.random(size) < 0.7), luck.uniform(0.0, 5.0, size)


@pytest.mark.parametrize("seed", range(50))
def test_the_vector_is_the_solution_of_the_linear_programme(seed: int) -> None:
    owed, cash, outside = network(seed)
    due = owed.sum(axis=1) + outside
    shares = np.divide(owed, due[:, np.newaxis], out=np.zeros_like(owed), where=due[:, np.newaxis] > 0.0)
    best = linprog(
        -np.ones(len(due)), A_ub=np.eye(len(due)) - shares.T, b_ub=cash, bounds=[(0.0, float(most)) for most in due]
    )
    assert payments(owed, cash, outside=outside) == pytest.approx(best.x.tolist(), abs=1e-7)


# ---- whatever the numbers

seeds = st.integers(0, 10_000)


@settings(max_examples=60, deadline=None)
@given(seeds, st.floats(0.3, 1.0), st.floats(0.3, 1.0))
def test_a_payment_lies_between_nothing_and_what_is_due_and_no_money_appears(
    seed: int, alpha: float, beta: float
) -> None:
    owed, cash, outside = network(seed)
    cleared = settle(owed, cash, outside=outside, alpha=alpha, beta=beta)
    due = np.append(owed.sum(axis=1) + outside, 0.0)
    paid, share = cleared.paid[:, 0], cleared.share[:-1, 0]
    assert np.all((paid >= 0.0) & (paid <= due * (1.0 + CLOSE) + CLOSE))
    equity = cash + owed.T @ share - paid[:-1]
    assert np.all(equity >= -1e-7)
    short = share < 1.0 - 1e-9
    recovered = alpha * cash + beta * (owed.T @ share)
    assert paid[:-1][short] == pytest.approx(recovered[short], abs=1e-7)
    assert float(outside @ share) <= cash.sum() + 1e-7


@settings(max_examples=60, deadline=None)
@given(seeds, st.integers(0, 6), st.floats(0.1, 5.0))
def test_more_cash_or_better_recovery_never_lowers_a_payment(seed: int, node: int, more: float) -> None:
    owed, cash, outside = network(seed)
    richer = cash.copy()
    richer[node] += more
    base = np.array(payments(owed, cash, outside=outside, alpha=0.8, beta=0.9))
    for better in (
        payments(owed, richer, outside=outside, alpha=0.8, beta=0.9),
        payments(owed, cash, outside=outside, alpha=0.9, beta=0.9),
        payments(owed, cash, outside=outside, alpha=0.8, beta=1.0),
    ):
        assert np.all(np.array(better) >= base - 1e-8)


@settings(max_examples=40, deadline=None)
@given(seeds, st.floats(0.001, 1000.0))
def test_a_thousand_times_the_money_is_a_thousand_times_the_payment(seed: int, scale: float) -> None:
    owed, cash, outside = network(seed)
    once = np.array(payments(owed, cash, outside=outside))
    often = np.array(payments(owed * scale, cash * scale, outside=outside * scale))
    assert often == pytest.approx(once * scale, rel=1e-7, abs=1e-7 * scale)


@settings(max_examples=40, deadline=None)
@given(seeds)
def test_names_do_not_matter_and_a_stranger_changes_nothing(seed: int) -> None:
    owed, cash, outside = network(seed)
    once = np.array(payments(owed, cash, outside=outside))
    order = np.random.default_rng(seed).permutation(len(cash))
    renamed = payments(owed[np.ix_(order, order)], cash[order], outside=outside[order])
    assert np.array(renamed) == pytest.approx(once[order], abs=1e-8)
    joined = np.zeros((len(cash) + 1, len(cash) + 1))
    joined[:-1, :-1] = owed
    stranger = payments(joined, np.append(cash, 9.0), outside=np.append(outside, 0.0))
    assert np.array(stranger) == pytest.approx(np.append(once, 0.0), abs=1e-12)


def test_every_path_of_many_clears_with_the_bits_it_has_alone() -> None:
    owed, _, outside = network(3)
    whole = np.zeros((8, 8))
    whole[:7, :7], whole[:7, 7] = owed, outside
    debtor, creditor = np.nonzero(whole)
    cash = np.random.default_rng(1).uniform(0.0, 8.0, (8, 20))
    amounts = np.repeat(whole[debtor, creditor][:, np.newaxis], 20, axis=1)
    together = clear(debtor, creditor, owed=amounts, assets=cash)
    for path in range(20):
        one = slice(path, path + 1)
        alone = clear(debtor, creditor, owed=amounts[:, one], assets=cash[:, one])
        assert np.array_equal(alone.paid, together.paid[:, one])
