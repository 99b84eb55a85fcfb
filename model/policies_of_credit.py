"""Which policies bear on who lends how much, on which terms, out of which capital?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from nobid.model.parameter_fields import choice, number, share
from nobid.model.parameters import Parameters
from nobid.model.policies import Policy

CHOSEN = "policy: strength chosen before any result"


class LtvCap(Policy):
    """A cap on loan to cost. No lender finances more than `max` of the price of new machines; with `rolls`, a maturing
    loan is rolled only where its loan-to-value at the lender's own mark is no higher either.
    """

    name = "ltv_cap"
    costs = "borrowers: credit not extended; where rolls are capped, maturities that must be paid in cash"
    max: float = share(0.5, "highest loan to cost of a new loan", source=CHOSEN)
    rolls: bool = choice(False, "maturing loans are held to it as well", source=CHOSEN)

    def rules(self, parameters: Parameters) -> Mapping[str, Any]:
        """The advance on new machines, and the loan-to-value of a roll."""
        new = {"invest.advance": min(parameters.invest.advance, self.max)}
        return {**new, "debt.roll_ltv": min(parameters.debt.roll_ltv, self.max)} if self.rolls else new


class TenorCap(Policy):
    """A cap on tenors. New and rolled loans run for `months` at most, and a new loan is sized by what its machines earn
    within that time, not only made shorter.
    """

    name = "tenor_cap"
    costs = "borrowers: credit not extended, and higher payments on what is"
    months: int = number(24, "months", "longest tenor of a new or rolled loan", source=CHOSEN, low=6, high=240)

    def rules(self, parameters: Parameters) -> Mapping[str, Any]:
        """The tenor of draws, over which they are sized, that of draws on coins, and that of rolls."""
        return {
            "invest.coin_months": min(parameters.invest.coin_months, self.months),
            "invest.tenor_months": min(parameters.invest.tenor_months, self.months),
            "debt.roll_months": min(parameters.debt.roll_months, self.months),
        }


class DscrCovenant(Policy):
    """A coverage covenant for everybody. Loans against machines or sites must earn `min` times their service from their
    own collateral, whatever was signed; new ones are sized to it.
    """

    name = "dscr_covenant"
    costs = "borrowers: credit not extended, waiver fees and swept cash; lenders: loans called into a thin market"
    min: float = number(1.25, "ratio", "least income over service", source=CHOSEN, low=0.5, high=5.0)

    def rules(self, parameters: Parameters) -> Mapping[str, Any]:
        """The floor under covenants and the coverage at which draws are sized."""
        floor = max(parameters.debt.dscr_floor, self.min)
        return {
            "debt.covenants": True,
            "debt.dscr_floor": floor,
            "invest.dscr": max(parameters.invest.dscr, self.min),
        }


class LargeExposureLimit(Policy):
    """A limit on single names. A lender makes no new loan to a borrower that would take what it has lent to it above
    `share` of its equity; loans that are there already run on.
    """

    name = "large_exposure_limit"
    costs = "borrowers: credit not extended"
    share: float = number(0.25, "share of equity", "most that is lent to one borrower", source=CHOSEN, high=100.0)

    def rules(self, parameters: Parameters) -> Mapping[str, Any]:
        """The limit on a new loan."""
        return {"lenders.large_exposure": min(parameters.lenders.large_exposure, self.share)}


class LenderCapital(Policy):
    """More capital. In the first month every living lender raises equity of `share` of its initial ratio times its
    assets. The ratio below which it tightens stays: what is raised is a buffer to be used.
    """

    name = "lender_capital"
    costs = "who pays for the equity: the capital market (private outlay) or the public (public outlay, not paid back)"
    share: float = number(0.5, "share of initial ratio", "equity raised over assets", source=CHOSEN, high=20.0)
    payer: Literal["market", "public"] = choice("market", "who pays", source=CHOSEN)

    def rules(self, parameters: Parameters) -> Mapping[str, Any]:
        """What is raised, and from whom."""
        raised = parameters.lenders.raised_equity + self.share
        return {"lenders.raised_equity": raised, "lenders.raised_from": self.payer}


class Standstill(Policy):
    """A standstill when it burns. After a month in which lenders lost `trigger` of all debt, loans against machines or
    sites owe interest only for `months`: principal, covenants and margin calls on machines wait, and terms grow by as
    much. Notes, convertibles and coin loans are not covered.
    """

    name = "standstill"
    costs = "lenders: principal put off (deferred), and losses that may only come later"
    trigger: float = share(0.01, "lender losses of a month over debt that start it", source=CHOSEN)
    months: int = number(6, "months", "how long it lasts", source=CHOSEN, low=1, high=60)

    def rules(self, parameters: Parameters) -> Mapping[str, Any]:
        """The switch, its trigger, its length."""
        return {
            "debt.standstill": True,
            "debt.standstill_trigger": self.trigger,
            "debt.standstill_months": self.months,
        }


class UnderwriteToReality(Policy):
    """Underwriting by the decline that is there. Lenders size new loans, and judge whether to wait with old ones, by
    rents that fall by `decay` a year, where they believed in less.
    """

    name = "underwrite_to_reality"
    costs = "borrowers: credit not extended; lenders: loans called that patience might have saved"
    decay: float = number(0.30, "1/year", "decay that lenders underwrite", source=CHOSEN, high=2.0)

    def rules(self, parameters: Parameters) -> Mapping[str, Any]:
        """The belief of lenders."""
        return {"lenders.belief_decay": max(parameters.lenders.belief_decay, self.decay)}
