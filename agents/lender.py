"""How does a lender judge itself and its borrowers: capital, haircuts, patience, rolls, withdrawal?"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from nobid.agents.borrower import CENT
from nobid.agents.state import Actor, Array, Real, ratio


class Lender(Actor):
    """A bank, fund, insurer or vendor that holds facilities."""

    family: ClassVar[str] = "lender"
    kind: ClassVar[str] = "lender"

    cash = Real("USD m", "cash")
    other = Real("USD m", "other liquid assets")
    stable = Real("USD m", "stable funding from outside")
    short = Real("USD m", "short funding from outside, withdrawable")
    seized = Real("units", "machines seized", over=("generation",))
    target = Real("share", "equity ratio below which the lender tightens", fixed=True)
    initial_ratio = Real("share", "equity over assets at the start", fixed=True)
    repo_dealer = Real("0/1", "lends in repo", fixed=True)
    grows = Real("0/1", "lends to new orders", fixed=True)
    safe = Real("0/1", "1 where outside money stands behind it", fixed=True)

    loans = Real("USD m", "performing facilities")
    claims = Real("USD m", "claims on estates at what they are worth now")
    seized_value = Real("USD m", "seized machines at the lender's mark less the cost of selling")
    repo_lent = Real("USD m", "repo lent")
    lines_lent = Real("USD m", "warehouse lines lent, at what they are worth")
    lines_owed = Real("USD m", "warehouse lines owed")
    equity = Real("USD m", "assets less debts")
    assets = Real("USD m", "all assets")
    was_tight = Real("0/1", "below target when the round began")
    equity_ratio = Real("share", "equity over assets")
    tight = Real("0/1", "below target at some time this month")
    lines_due = Real("USD m", "warehouse lines asked back and not paid")
    alive = Real("0/1", "1 until default")
    losses = Real("USD m", "losses booked this month")
    profit = Real("USD m", "interest and fees less funding cost, this month")
    whole = Real("USD m", "equity at the last look: what losses may not reach where they are switched off")
    opening_equity = Real("USD m", "equity at the month's start")
    opened_alive = Real("0/1", "alive at the month's start")
    withdrawn = Real("USD m", "short funding withdrawn this month, cumulative")
    opening_short = Real("USD m", "short funding at the month's start")
    due = Real("USD m", "funding due now")
    failing = Real("0/1", "insolvent, or cannot pay funding due")
    opening_seized = Real("units", "seized machines at the month's start", over=("generation",))
    offered_seized = Real("units", "seized machines offered this month, cumulative", over=("generation",))
    offer_seized = Real("units", "offer: seized machines", over=("generation",))
    sell_other = Real("USD m", "wish: sell other assets")
    room = Real("USD m", "new lending that capital allows")

    def takes_stock(self) -> None:
        """Equity, its ratio to assets, and whether it stands below target are known."""
        self.assets = (
            self.cash + self.other + self.loans + self.claims + self.seized_value + self.repo_lent + self.lines_lent
        )
        self.equity = self.assets - self.stable - self.short - self.lines_owed - self.due
        self.equity_ratio = ratio(self.equity, self.assets)
        may = (1.0 - self.safe) * (1.0 if self.model.parameters.lenders.tightening_on else 0.0)
        self.tight = np.where(self.equity_ratio < self.target, may, self.tight)
        capacity = ratio(self.equity, self.target) - self.assets
        self.room = np.maximum(capacity, 0.0) * self.alive * (1.0 - self.tight)

    def shortfall(self) -> Array:
        """How far the equity ratio is below target, as a share of the target, in [0, 1]."""
        return np.clip(ratio(self.target - self.equity_ratio, self.target), 0.0, 1.0)

    def is_withdrawn(self) -> None:
        """Short funders have asked back `phi` x shortfall of the month's opening stock, cumulative over rounds."""
        lenders = self.model.parameters.lenders
        asked = lenders.withdrawal * self.shortfall() * self.opening_short * self.alive
        asked = asked * (1.0 - self.safe) * (1.0 if lenders.withdrawal_on else 0.0)
        more = np.minimum(np.maximum(asked - self.withdrawn, 0.0), self.short)
        self.withdrawn = self.withdrawn + more
        self.short = self.short - more
        self.due = self.due + more

    def owed_now(self) -> Array:
        """Funding and lines asked back, USD million."""
        return self.due + self.lines_due

    def raises_cash(self) -> None:
        """Other assets are offered for what is due beyond cash."""
        self.sell_other = np.minimum(np.maximum(self.owed_now() - self.cash, 0.0), self.other) * self.alive

    def gives_up(self) -> None:
        """Failing: equity is gone, or funding due stays unpaid after a round in which nothing moved any more."""
        unpaid = (self.owed_now() - self.cash > CENT) & (self.other <= CENT) & (self.model.world.stalled > 0.0)
        lost = (self.equity < -CENT) | unpaid
        may = self.model.parameters.lenders.failure_on
        self.failing = np.where((self.alive > 0.0) & (self.safe <= 0.0) & lost & may, 1.0, 0.0)

    def offers_seized(self) -> None:
        """Seized machines are offered: a share of the opening stock a month, all of them under target."""
        auction = self.model.parameters.auction
        short = np.where(self.owed_now() > self.cash + CENT, 1.0, 0.0)
        pressed = (self.tight + (1.0 - self.alive) + short)[..., np.newaxis, :] > 0.0
        hurried = pressed & auction.hurry_on
        quota = np.where(hurried, self.seized, auction.seized_share * self.opening_seized - self.offered_seized)
        again = np.where(self.offered_seized <= (auction.reoffers + 1.0) * self.opening_seized + CENT, 1.0, 0.0)
        offered = np.clip(np.ceil(quota), 0.0, self.seized) * np.where(hurried, again, 1.0)
        self.offer_seized = offered * (1.0 if auction.seized_on else 0.0)

    def haircut(self, volatility: Array, drawdown: Array) -> Array:
        """The repo haircut on each generation: base, volatility, drawdown, own shortfall, within its bounds."""
        repo = self.model.parameters.repo
        own = repo.haircut_shortfall * self.shortfall()
        raw = repo.haircut + repo.haircut_volatility * volatility + repo.haircut_drawdown * drawdown
        asked: Array = np.clip(raw + own[..., np.newaxis, :], repo.haircut_floor, 1.0)
        return asked

    def accelerates(self, sell_now: Array, wait: Array) -> Array:
        """1 where a breached facility is called: selling is worth more than waiting, or capital is short."""
        rules = self.model.parameters.debt
        urgent = (sell_now > wait) | (self.tight > 0.0) | rules.strict
        return np.where(urgent & rules.acceleration_on, 1.0, 0.0)

    def would_roll(self, loan_to_value: Array, cap: Array, coverage: Array) -> Array:
        """1 where a maturing facility may be rolled: capital at target, collateral and coverage good enough."""
        sound = (self.alive > 0.0) & (self.tight <= 0.0) & (loan_to_value <= cap) & (coverage >= 1.0)
        return np.where(sound, 1.0, 0.0)
