"""What is a target: `lender_losses >= 0.25`, and how far from it are the paths of a run?

A figure of `runs/measures.py`, a comparison, a number. Sums of money are shares of what stood on the balance sheets at
the start: of `machine_debt` where nothing is said, of `debt` or `lender_equity` behind a slash
(`lender_losses/lender_equity >= 0.1`), or amounts where the number has a unit (`lender_losses >= 4.8bn`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from nobid.runs.errors import InputError
from nobid.runs.estimate import significant
from nobid.runs.measures import MEASURES, USD
from nobid.runs.run import Order
from nobid.runs.scenario_files import did_you_mean

Array = NDArray[np.float64]
By = Literal["half", "mean"]

BASES: Final = {"machine_debt": "debt on machines", "debt": "all debt", "lender_equity": "lenders' equity"}
UNITS: Final = {"m": 1.0, "bn": 1e3}
WRITTEN: Final = re.compile(
    r"\s*(?P<name>\w+)\s*(/\s*(?P<base>\w+)\s*)?(?P<sign>>=|<=)\s*(?P<number>[-+.\deE]+)\s*(?P<unit>%|m|bn)?\s*"
)
SHAPE: Final = 'MEASURE >= NUMBER or MEASURE <= NUMBER, such as "lender_losses >= 0.25" or "lender_losses >= 4.8bn"'


@dataclass(frozen=True)
class Target:
    """A measure at or beyond a number; `base`: what a sum of money is a share of, "" for amounts and other figures."""

    measure: str
    number: float
    above: bool
    base: str = ""

    @property
    def words(self) -> str:
        """The target as it is written."""
        over = f"/{self.base}" if self.base else ""
        return f"{self.measure}{over} {'>=' if self.above else '<='} {self.number:g}"

    def told(self, base: float) -> str:
        """The target with what its share is of, and what that comes to."""
        side = "at least" if self.above else "at most"
        if not self.base:
            return f"{MEASURES[self.measure].label}: {side} {self.number:,.10g} {MEASURES[self.measure].unit}"
        share = f"{100.0 * self.number:g} % of {BASES[self.base]} at the start"
        amounts = f"{significant(self.number * base)} of {significant(base)} {USD}"
        return f"{MEASURES[self.measure].label}: {side} {share} ({amounts})"

    def reached(self, figures: Array) -> Array:
        """1 for the paths of which the figure is at or beyond the number: 0 and 1."""
        return np.where(figures >= self.number if self.above else figures <= self.number, 1.0, 0.0)

    def margin(self, figures: Array, by: By) -> float:
        """How far the paths are beyond the target: 0 and more where it is reached, between -1.5 and 1.5.

        By half: what half of the paths reach at least, over the number, and the share of paths beyond a half: outcomes
        have two humps, and where their middle jumps the share still tells a search which way to go. By mean: the mean.
        """
        if not len(figures):
            return -1.5
        signed, goal = (figures, self.number) if self.above else (-figures, -self.number)
        least = float(signed.mean()) if by == "mean" else float(np.sort(signed)[::-1][(len(signed) + 1) // 2 - 1])
        beyond = (least - goal) / (abs(goal) or 1.0)
        share = float(self.reached(figures).mean()) - 0.5 if by == "half" else 0.0
        return share + beyond / (1.0 + abs(beyond))


def target_of(asked: str) -> Target:
    """The target that the words mean; InputError with a sentence where they mean none."""
    found = WRITTEN.fullmatch(asked)
    if found is None:
        raise InputError(f'target = "{asked}": write it as {SHAPE}.')
    name, base, unit = found["name"], found["base"], found["unit"]
    if name not in MEASURES:
        raise InputError(f'target: there is no measure "{name}"{did_you_mean(name, MEASURES)}')
    money = MEASURES[name].unit == USD
    if base and not money:
        raise InputError(f"target: {name} is no sum of money, and has no share of {base}: leave /{base} out.")
    if base and base not in BASES:
        raise InputError(f'target: there is no "{base}" to take a share of{did_you_mean(base, BASES)}')
    if unit in UNITS and (base or not money):
        raise InputError(f'target = "{asked}": {unit} is a unit of money; {base or name} has none.')
    number = _number(asked, found["number"])
    above = found["sign"] == ">="
    if unit in UNITS:
        return Target(name, number * UNITS[unit], above)
    return Target(name, number / (100.0 if unit == "%" else 1.0), above, (base or "machine_debt") if money else "")


def _number(asked: str, word: str) -> float:
    try:
        number = float(word)
    except ValueError:
        number = np.nan
    if not 0.0 <= number < np.inf:
        raise InputError(f'target = "{asked}": "{word}" must be a number of at least 0.')
    return number


def base_of(target: Target, order: Order) -> float:
    """What a share is of, on the opening balance sheets, USD million; 1 where the target is no share."""
    if not target.base:
        return 1.0
    m = order.model(order.paths[:1], keep_agents=False)
    try:
        drawn = m.facilities.drawn[:, 0]
        found = {
            "machine_debt": float(drawn @ m.edges.is_machine_loan[:, 0]),
            "debt": float(drawn.sum()),
            "lender_equity": float(m.lenders.equity[:, 0].sum()),
        }[target.base]
    finally:
        m.close()
    if found <= 0.0:
        raise InputError(f"target: there is no {BASES[target.base]} at the start, so that nothing is a share of it.")
    return found
