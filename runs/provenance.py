"""Where do a scenario's figures come from: which sources stand behind its debt, and what is assumed throughout?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from nobid.model.founding import Founding

GRADES: Final = {
    "A": "A: filing or issuer",
    "B": "B: press",
    "C": "C: weak",
    "derived": "arithmetic on sourced figures",
    "assumption": "no source",
}
LEAST_TOLD: Final = 0.005  # share of debt below which a grade is not worth its words


def debt_by_grade(founding: Founding) -> dict[str, float]:
    """Debt by the grade of its row, the worst of the sources that the row cites, best grade first; USD m, none zero."""
    debt = dict.fromkeys(GRADES, 0.0)
    for row in founding.facilities:
        debt[row.grade] += row.drawn
    return {grade: drawn for grade, drawn in debt.items() if drawn}


def sources(founding: Founding) -> str:
    """Behind how much of the debt which sources stand, in a line for a figure's foot."""
    debt = debt_by_grade(founding)
    whole = sum(debt.values())
    shares = {grade: drawn / whole for grade, drawn in debt.items() if drawn >= LEAST_TOLD * whole}
    if not shares:
        return "no debt at the start"
    if list(shares) == ["assumption"]:
        return "none, an invented world"
    told = ", ".join(f"{GRADES[grade].replace(':', '')} {share:.0%}" for grade, share in shares.items())
    return f"debt by the worst source that its row cites: {told}; row by row in runs/data/"


def assumed(founding: Founding) -> str:
    """Of how many lenders the capital and of how many buyers the budget is assumed, in words."""
    lenders = sum("equity_ratio" in row.assumed for row in founding.lenders)
    buyers = sum("budget" in row.assumed for row in founding.buyers)
    of_lenders, of_buyers = len(founding.lenders), len(founding.buyers)
    return f"capital of {lenders} of {of_lenders} lenders, budget of {buyers} of {of_buyers} GPU buyers"
