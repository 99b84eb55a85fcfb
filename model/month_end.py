"""What grows older at the end of a month: terms, books, machines, racks, and last month's news?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nobid.agents.finance import MONTHS
from nobid.agents.state import Array, ordered_sum
from nobid.model import default
from nobid.model.accounts import HELD_UNITS
from nobid.model.fleet import all_units

if TYPE_CHECKING:
    from nobid.model.system import ComputeCreditModel


def ages(m: ComputeCreditModel) -> None:
    """Terms are a month shorter, books a month lower, old machines gone; the month's losses are next month's news."""
    f, world, market = m.facilities, m.world, m.market
    default.writes_off(m)
    f.months_left = np.maximum(f.months_left - 1.0, 1.0)
    depreciates(m)
    retires(m)
    builds_racks(m)
    market.unsold = stock_unsold(m)
    world.losses_before, world.debt_before = world.losses, ordered_sum(f.drawn)


def stock_unsold(m: ComputeCreditModel) -> Array:
    """Machines that look for a buyer at month end: in estates and seized, `(G, R)`."""
    b = m.borrowers
    return ordered_sum(b.units * (1.0 - b.alive)[:, np.newaxis]) + ordered_sum(m.lenders.seized)


def depreciates(m: ComputeCreditModel) -> None:
    """Book values have fallen by a straight line over each firm's book life."""
    b, hardware = m.borrowers, m.parameters.hardware
    b.book = np.maximum(b.book - m.hardware.list_start / b.book_life[:, np.newaxis], 0.0)
    left = np.clip(1.0 - np.maximum(m.hardware.age, 0.0) / hardware.book_life, 0.0, 1.0)
    m.market.book = m.hardware.list_start * left


def retires(m: ComputeCreditModel) -> None:
    """Machines past their age, or worthless for long enough, are scrapped wherever they stand."""
    market, rules = m.market, m.parameters.hardware
    market.worthless = np.where((market.value <= 0.0) & (m.hardware.launched > 0.0), market.worthless + 1.0, 0.0)
    gone = (market.worthless >= rules.idle_months) | (m.hardware.retired > 0.0)
    gone = np.where(gone & rules.scrap_on, 1.0, 0.0)
    if not (gone * all_units(m)).any():
        return
    m.fires("machines scrapped", gone * all_units(m))
    power = m.buyers.units * gone * m.hardware.kw
    m.buyers.free = m.buyers.free + freed_racks(m, power)
    for holder in HELD_UNITS:
        scrapped = m.columns[holder] * gone
        m.books.move_units(giver=holder, taker=None, gone=scrapped, come=scrapped)


def freed_racks(m: ComputeCreditModel, power: Array) -> Array:
    """Racks by cooling class that `power` (buyers, G, R) stood in: `(buyers, 2, R)`."""
    liquid = m.hardware.liquid
    parts = [power * (1.0 - liquid), power * liquid]
    return np.stack([np.add.accumulate(part, axis=1)[:, -1] for part in parts], axis=1)


def builds_racks(m: ComputeCreditModel) -> None:
    """New sites have opened: racks and free racks grow."""
    buyers = m.buyers
    growth = np.expm1(m.parameters.buyers.rack_growth / MONTHS)
    buyers.free = buyers.free + buyers.racks * growth
    buyers.racks = buyers.racks * (1.0 + growth)
