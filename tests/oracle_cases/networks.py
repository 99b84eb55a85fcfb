"""What do clearing, direct cascade and DebtRank say to the published cases of networks?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nobid.model.clearing import Cleared, clear
from nobid.model.debtrank import debtrank, importance
from nobid.model.threshold_cascade import fall
from tests.oracle_cases import Adapter, Check, each

Array = NDArray[np.float64]
Index = NDArray[np.intp]
CHUNK = 25  # draws of the contagion window that stand side by side as one network
DRAWS = 1_000  # the fewest for which the published tolerance is stated
SEED = 7
ENOUGH = 50  # contagions below which the extent is not compared


def edges(matrix: Any) -> tuple[Index, Index, Array]:
    """Row, column and amount (E, 1) of every entry that is not 0."""
    whole = np.asarray(matrix, dtype=float)
    row, column = np.nonzero(whole)
    return row, column, whole[row, column][:, np.newaxis]


def column(values: Any) -> Array:
    """One path of a number a node: `(N, 1)`."""
    return np.asarray(values, dtype=float)[:, np.newaxis]


def cleared(inputs: dict[str, Any], *, owed: Any = None, shock: float = 0.0, **rule: Any) -> Cleared:
    """The case's network, cleared: debts are `nominal_liabilities[i][j]`, i owes j, where `owed` is not given."""
    debtor, creditor, amount = edges(inputs["nominal_liabilities"] if owed is None else owed)
    assets = column(inputs["external_assets"]) * (1.0 - shock)
    outside = column(inputs.get("external_liabilities", np.zeros(len(assets))))
    costs = {"alpha": inputs.get("alpha", 1.0), "beta": inputs.get("beta", 1.0)}
    return clear(debtor, creditor, owed=amount, assets=assets, outside=outside, **costs, **rule)


def failed_by(failed_in: Index, rounds: int) -> list[list[int]]:
    """Who has failed by the end of each round, from round 1."""
    return [np.flatnonzero((failed_in[:, 0] > 0) & (failed_in[:, 0] <= n)).tolist() for n in range(1, rounds + 1)]


def order_checks(expected: dict[str, Any], got: Cleared) -> Iterator[Check]:
    """Payments, who failed and in which round."""
    assert got.failed_in is not None
    yield Check(
        "defaults by round", str(expected["default_set_by_round"]), str(failed_by(got.failed_in, got.rounds)), 0.0
    )
    yield from each("defaulted", expected["defaulted"], got.failed[:, 0], 0.0)


def fictitious_defaults(case: dict[str, Any]) -> Iterator[Check]:
    expected, close = case["expected"], case["tolerance"]["abs"]
    got = cleared(case["inputs"], order=True)
    yield from each("payment", expected["payments"], got.paid[:, 0], close)
    yield from each("equity", expected["equity"], np.maximum(got.equity[:, 0], 0.0), close)
    yield from order_checks(expected, got)
    yield Check("rounds", expected["n_rounds"], got.rounds, 0.0)
    yield from each("payment from above", expected["payments"], cleared(case["inputs"]).paid[:, 0], close)


def bankruptcy_costs(case: dict[str, Any]) -> Iterator[Check]:
    for inputs, expected in zip(case["inputs"]["cases"], case["expected"]["cases"], strict=True):
        got, name = cleared(inputs, order=True), f"alpha {inputs['alpha']:g}, beta {inputs['beta']:g}"
        yield from each(f"payment, {name}", expected["payments"], got.paid[:, 0], case["tolerance"]["abs"])
        yield from order_checks(expected, got)


def two_vectors(case: dict[str, Any]) -> Iterator[Check]:
    expected, close = case["expected"], case["tolerance"]["abs"]
    greatest, least = cleared(case["inputs"], order=True), cleared(case["inputs"], least=True)
    yield from each("greatest", expected["greatest"], greatest.paid[:, 0], close)
    yield from each("greatest from above", expected["greatest"], cleared(case["inputs"]).paid[:, 0], close)
    yield from each("least", expected["least"], least.paid[:, 0], close)
    for name, vector in (("greatest", greatest), ("least", least)):
        for wanted in [expected["equity_at_any_fixed_point"]] if "equity_at_any_fixed_point" in expected else []:
            yield from each(f"equity at the {name}", wanted, np.maximum(vector.equity[:, 0], 0.0), close)


def barucca(case: dict[str, Any]) -> Iterator[Check]:
    inputs, close = case["inputs"], case["tolerance"]["abs"]
    for row in case["expected"]["rows"]:
        method, shock = row["method"], row["shock"]
        if method.startswith("furfine"):
            equity, failed = furfine_equity(inputs, shock, recovery=float(method.rsplit("_", 1)[1]))
        elif method.startswith("eisenberg_noe"):
            got = cleared(inputs, shock=shock, senior=True, order=True)
            equity, failed = got.equity[:, 0], got.failed[:, 0]
        else:
            debtor, creditor, amount = edges(inputs["nominal_liabilities"])
            equity = debtrank_equity(creditor, debtor, amount, book=inputs["book_equity"], inputs=inputs, shock=shock)
            failed = equity < -close
        yield from each(f"equity, {method}, shock {shock:g}", row["equity"], equity, close)
        yield from each(f"defaulted, {method}, shock {shock:g}", row["defaulted"], failed, 0.0)


def furfine_equity(inputs: dict[str, Any], shock: float, *, recovery: float) -> tuple[Array, Any]:
    """Signed equity after the direct cascade that the shock sets off, and who failed."""
    debtor, creditor, amount = edges(inputs["nominal_liabilities"])
    buffer = column(inputs["book_equity"]) - shock * column(inputs["external_assets"])
    got = fall(creditor, debtor, amount=amount, buffer=buffer, first=buffer < 0.0, weak=False, recovery=recovery)
    return (buffer - got.loss)[:, 0], got.failed[:, 0]


def debtrank_equity(
    exposed: Index, debtor: Index, amount: Array, *, book: Any, inputs: dict[str, Any], shock: float
) -> Array:
    """Signed equity after linear DebtRank: a stress of 1 is an equity of 0."""
    buffer = column(book)
    start = shock * column(inputs["external_assets"]) / buffer
    got = debtrank(exposed, debtor, amount=amount, buffer=buffer, shock=start)
    found: Array = (buffer * (1.0 - got.stress))[:, 0]
    return found


def neva(case: dict[str, Any]) -> Iterator[Check]:
    inputs, close = case["inputs"], case["tolerance"]["abs"]
    claims = np.asarray(inputs["claims"])
    within = claims.sum(axis=1) - claims.sum(axis=0)
    book = np.asarray(inputs["external_assets"]) + within - np.asarray(inputs["external_liabilities"])
    for row in case["expected"]["rows"]:
        shock = row["shock"]
        if row["method"] == "eisenberg_noe":
            equity = cleared(inputs, owed=claims.T, shock=shock).equity[:, 0]
        else:
            equity = debtrank_equity(*edges(claims), book=book, inputs=inputs, shock=shock)
        name = f"{row['method']}, shock {shock:g}"
        yield from each(f"equity, {name}", row["equity"], equity, close)
        yield from each(
            f"equity as the package printed it, {name}", row["neva_output"], equity, case["tolerance"]["neva_abs"]
        )
    unshocked = cleared(inputs, owed=claims.T)
    paid = unshocked.share[:, 0] * claims.sum(axis=0)
    yield from each("payment within the network without a shock", case["expected"]["no_shock_payments"], paid, close)


def furfine_rounds(case: dict[str, Any]) -> Iterator[Check]:
    """Every first failure is a path of its own: the rows of one recovery at once."""
    inputs, close = case["inputs"], case["tolerance"]["abs"]
    exposed, debtor, amount = edges(inputs["exposures"])
    first = np.eye(len(inputs["names"]), dtype=bool)
    for recovery in inputs["recoveries"]:
        got = fall(
            exposed, debtor, amount=amount, buffer=column(inputs["buffer"]), first=first, weak=True, recovery=recovery
        )
        for row in (row for row in case["expected"]["rows"] if row["recovery"] == recovery):
            k = row["first_default"]
            name = f"{inputs['names'][k]} first, recovery {recovery:g}"
            rounds = [np.flatnonzero(got.failed_in[:, k] == n).tolist() for n in range(len(row["rounds"]))]
            yield Check(f"rounds, {name}", str(row["rounds"]), str(rounds), 0.0)
            yield Check(f"failures, {name}", row["n_defaults"], int(got.by_round[:, k].sum()), 0.0)
            yield from each(f"loss, {name}", row["losses"], got.loss[:, k], close)


def closed_form(case: dict[str, Any]) -> Iterator[Check]:
    exposed, debtor, leverage = edges(case["inputs"]["leverage_matrix"])
    shock = column(case["inputs"]["initial_shock"])
    got = debtrank(exposed, debtor, amount=leverage, buffer=np.ones_like(shock), shock=shock)
    yield from each("stress", case["expected"]["h_inf"], got.stress[:, 0], case["tolerance"]["abs"])
    yield Check("any default", case["expected"]["any_default"], bool((got.stress >= 1.0).any()), 0.0)


def threshold_or_debtrank(case: dict[str, Any]) -> Iterator[Check]:
    exposed, debtor, amount = edges(case["inputs"]["exposures"])
    buffer, shock = column(case["inputs"]["buffer"]), np.eye(len(case["inputs"]["buffer"]))
    direct = fall(exposed, debtor, amount=amount, buffer=buffer, first=shock > 0.0, weak=True)
    found = {
        "debtrank": debtrank(exposed, debtor, amount=amount, buffer=buffer, shock=shock).stress,
        "threshold": shock + direct.loss / buffer,
    }
    for row in case["expected"]["rows"]:
        name = f"stress, {row['method']}, {row['shocked'] + 1} shocked"
        yield from each(name, row["final_stress"], found[row["method"]][:, row["shocked"]], case["tolerance"]["abs"])


def every_single_default(case: dict[str, Any]) -> Iterator[Check]:
    """All 125 failures at once, each in a column."""
    inputs, expected, close = case["inputs"], case["expected"], case["tolerance"]["abs"]
    listed = np.asarray(inputs["exposures_edges"])
    exposed, debtor, amount = listed[:, 0].astype(np.intp), listed[:, 1].astype(np.intp), listed[:, 2:]
    buffer, weight = column(inputs["buffer"]), column(inputs["weights_normalised"])
    shock = np.eye(inputs["n"])
    caused = importance(exposed, debtor, amount=amount, buffer=buffer, weight=weight)[:, 0]
    stress = debtrank(exposed, debtor, amount=amount, buffer=buffer, shock=shock).stress
    lost, fallen = ((stress - shock) * buffer).sum(axis=0), ((stress > 1.0 - 1e-12) & (shock < 1.0)).sum(axis=0)
    yield from each("additional stress", expected["additional_stress_all"], caused, close)
    yield from each("additional defaults", expected["additional_defaults_all"], fallen, 0.0)
    order = np.argsort(-caused, kind="stable")[: len(expected["top10_order"])]
    yield Check("ten most important", str(expected["top10_order"]), str([f"b{i + 1}" for i in order]), 0.0)
    for row in expected["top10"]:
        i = int(row["scenario"][1:]) - 1
        yield Check(f"additional losses of {row['scenario']}", row["additional_losses"], float(lost[i]), close)


# ---- the contagion window


@dataclass(frozen=True)
class Window:
    """Of `draws` random networks of mean degree `z`, how many saw contagion, and how far it went when it came."""

    z: float
    draws: int
    contagions: int
    extent: float

    @property
    def frequency(self) -> float:
        """The share of draws with contagion."""
        return self.contagions / self.draws


def random_edges(luck: np.random.Generator, *, size: int, draws: int, chance: float) -> tuple[Index, Index]:
    """Each ordered pair within each of `draws` networks of `size` nodes is an edge with this chance: debtor, exposed.

    Walks from edge to edge: the gap between two is geometric, the whole part of an exponential.
    """
    cells = draws * size * (size - 1)
    likely = int(cells * chance + 10.0 * np.sqrt(cells * chance) + 100.0)  # ten standard deviations: none is left out
    gap = np.floor(luck.standard_exponential(likely) / -np.log1p(-chance)) + 1.0
    at = np.cumsum(gap) - 1.0
    assert cells <= at[-1] < 2**31
    debtor, other = np.divmod(at[: np.searchsorted(at, cells)].astype(np.int32), np.int32(size - 1))
    bank = debtor % np.int32(size)
    return debtor.astype(np.intp), (debtor - bank + other + (other >= bank)).astype(np.intp)


def contagion(z: float, inputs: dict[str, Any], *, draws: int = DRAWS, weak: bool = True, seed: int = SEED) -> Window:
    """One random bank of each network fails, and with it who cannot bear it; networks stand side by side as one."""
    size, luck = inputs["N"], np.random.default_rng([seed, round(1000 * z)])
    reached = np.zeros(draws)
    for start in range(0, draws, CHUNK):
        many = min(CHUNK, draws - start)
        debtor, exposed = random_edges(luck, size=size, draws=many, chance=z / (size - 1))
        debtors = np.bincount(exposed, minlength=many * size)
        amount = (inputs["interbank_share"] / np.maximum(debtors, 1))[exposed][:, np.newaxis]
        first = np.zeros((many * size, 1), dtype=bool)
        first[np.arange(many) * size + luck.integers(0, size, many)] = True
        got = fall(
            exposed, debtor, amount=amount, buffer=np.full((1, 1), inputs["capital"]), first=first, weak=weak,
            recovery=inputs["recovery"],
        )  # fmt: skip
        reached[start : start + many] = got.failed.reshape(many, size).mean(axis=1)
    hit = reached > inputs["systemic_threshold"]
    return Window(z, draws, int(hit.sum()), float(reached[hit].mean()) if hit.any() else 0.0)


def window(case: dict[str, Any]) -> Iterator[Check]:
    """Every mean degree of the case with the fewest draws that its tolerance allows."""
    close = float(case["tolerance"]["frequency_abs"].split()[0])
    for row in case["expected"]["rows"]:
        got = contagion(row["z"], case["inputs"])
        yield Check(f"frequency at z = {got.z:g}", row["frequency"], got.frequency, close)
        if min(got.contagions, row["n_contagion"]) >= ENOUGH:
            yield Check(f"extent at z = {got.z:g}", row["extent"], got.extent, case["tolerance"]["extent_abs"])
        if got.z in {0.5, 10}:  # none in the published draws; at 10 others may see one in some thousand
            yield Check(f"no contagion at z = {got.z:g}", 0.0, got.frequency, 0.0 if got.z < 1 else 0.005)
        if got.z in {3, 4}:
            yield Check(f"frequency within 0.85 to 0.95 at z = {got.z:g}", 0.9, got.frequency, 0.05)
        if got.z >= 5 and got.contagions:
            yield Check(f"extent at least 0.99 at z = {got.z:g}", True, got.extent >= 0.99, 0.0)
        if got.z >= 8.5:
            yield Check(f"frequency below 0.1 at z = {got.z:g}", True, got.frequency < 0.1, 0.0)


CASES: dict[str, Adapter] = {
    "en_finnetvalu_a1": fictitious_defaults,
    "en_finnetvalu_a2": fictitious_defaults,
    "en_rv_systemicrisk_x050": bankruptcy_costs,
    "en_two_node_nonunique": two_vectors,
    "rv_two_bank_multiplicity": two_vectors,
    "barucca_3bank_all_algorithms": barucca,
    "neva_ring_en_dr": neva,
    "fu_sequential_rounds_6bank": furfine_rounds,
    "dr_closed_form_stable": closed_form,
    "dr_fu_nrm_3bank": threshold_or_debtrank,
    "dr_nrm125_debtrank_each_default": every_single_default,
    "gk_contagion_window_baseline": window,
}
