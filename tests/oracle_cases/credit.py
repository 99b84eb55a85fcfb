"""What does the arithmetic of credit say to the published cases?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from nobid.agents import credit
from nobid.agents.finance import MONTHS, annuity
from tests.oracle_cases import Adapter, Check, each


def amortisation(case: dict[str, Any]) -> Iterator[Check]:
    """A level-payment loan, each payment asked for on what is left."""
    given, wanted, close = case["inputs"], case["expected"], case["tolerance"]["abs"]
    principal = np.array(float(given["principal"]))
    loan = credit.level_schedule(principal, np.array(given["rate_per_period"]), given["periods"])
    yield Check("payment", wanted["payment"], float(loan.service()[0]), close)
    for name, column, got in (("principal", 1, loan.principal), ("interest", 2, loan.interest)):
        yield from each(name, [row[column] for row in wanted["schedule"]], got, close)
    yield from each("balance", [row[3] for row in wanted["schedule"]], loan.closing(), close)
    yield Check("total interest", wanted["total_interest"], float(loan.interest.sum()), close)
    yield Check("principal adds up to the loan", given["principal"], float(loan.principal.sum()), close)
    printed, rounded = case["published"]["values"], case["tolerance"]["published_abs"]
    yield from each("printed principal", printed["principal"], loan.principal, rounded)
    yield from each("printed balance", printed["balance"], loan.closing(), rounded)


def fair_spread(case: dict[str, Any]) -> Iterator[Check]:
    """Hull's credit default swap in both editions: conditional probability, and hazard."""
    given, close = case["inputs"], case["tolerance"]["abs"]
    recovery, rate = np.array(given["recovery"]), np.array(given["r"])
    hazards = {
        "edition_conditional_probability": credit.hazard_of(given["rate"]),
        "edition_hazard": np.array(given["rate"]),
    }
    for edition, hazard in hazards.items():
        wanted = case["expected"][edition]
        got = credit.fair_spread(hazard, recovery, rate=rate, years=given["maturity"])
        label = edition.replace("edition_", "").replace("_", " ")
        yield Check(f"{label}: fair spread", wanted["fair_spread"], float(got.spread), close)
        yield Check(f"{label}: premium annuity", wanted["premium_annuity"], float(got.premium), close)
        yield Check(f"{label}: accrual annuity", wanted["accrual_annuity"], float(got.accrual), close)
        yield Check(f"{label}: protection leg", wanted["protection_leg"], float(got.protection), close)
    rough = float(credit.triangle_spread(given["rate"], recovery))
    yield Check("credit triangle", case["expected"]["credit_triangle_approx"], rough, close)


def triangle(case: dict[str, Any]) -> Iterator[Check]:
    """Spread, hazard and loss: each from the other two."""
    close, wanted = case["tolerance"]["abs"], case["expected"]
    for i, given in enumerate(case["inputs"]["cases"]):
        recovery = given["recovery"] if "recovery" in given else 1.0 - given["lgd"]
        hazard = given["hazard"] if "hazard" in given else float(credit.triangle_hazard(given["spread"], recovery))
        spread = float(credit.triangle_spread(hazard, recovery))
        yield Check(f"case {i + 1}: hazard", wanted["hazards"][i], hazard, close)
        yield Check(f"case {i + 1}: spread", wanted["spreads"][i], spread, close)


def coverage(case: dict[str, Any]) -> Iterator[Check]:
    """Project debt sculpted to its income, and level: the schedule and both coverage ratios in every period."""
    given, wanted, close = case["inputs"], case["expected"], case["tolerance"]["abs"]
    income, rate = np.array(given["cfads"], dtype=float), np.array(given["rate"])
    sculpted = credit.sculpted_schedule(income, rate, given["dscr_target"])
    level = credit.level_schedule(np.array(given["level_debt"]), rate, len(income))
    yield Check("debt capacity", wanted["sculpted"]["debt_capacity"], float(sculpted.opening[0]), close)
    for name, loan in (("sculpted", sculpted), ("level", level)):
        cover, life = credit.dscr(income, loan.service()), credit.llcr(income, loan.opening, rate)
        columns = {
            "opening": loan.opening, "interest": loan.interest, "principal": loan.principal,
            "debt_service": loan.service(), "dscr": cover, "llcr_on_opening": life,
        }  # fmt: skip
        for column, got in columns.items():
            yield from each(f"{name} {column}", [row[column] for row in wanted[name]["rows"]], got, close)
        if name == "level":
            yield Check("level: least DSCR", wanted["level"]["min_dscr"], float(cover.min()), close)
            yield Check("level: LLCR at the start", wanted["level"]["llcr0"], float(life[0]), close)


def duration(case: dict[str, Any]) -> Iterator[Check]:
    """Seven level payments at ten per cent."""
    given, wanted, close = case["inputs"], case["expected"], case["tolerance"]["abs"]
    flows, rate = np.ones(given["n"]), given["i"]
    macaulay = float(credit.macaulay_duration(flows, rate))
    value = float(annuity(rate * MONTHS, float(given["n"])))
    yield Check("Macaulay duration", wanted["macaulay"], macaulay, close)
    yield Check("modified duration", wanted["modified"], float(credit.modified_duration(flows, rate)), close)
    yield Check("value of the annuity", wanted["annuity_pv"], value, close)
    rounded = case["tolerance"]["published_abs"]
    yield Check("numerator (printed)", wanted["numerator"], macaulay * value, rounded)
    yield Check("duration (printed)", case["published"]["values"]["duration"], macaulay, rounded)


CASES: dict[str, Adapter] = {
    "cr_amortisation_2500": amortisation,
    "cr_cds_hull_5y": fair_spread,
    "cr_credit_triangle": triangle,
    "cr_dscr_llcr_sculpted_vs_level": coverage,
    "cr_duration_amortising_soa": duration,
}
