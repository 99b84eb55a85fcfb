"""Which capacity is sold forward, to whom, and which contracts break this month?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nobid.agents.finance import HOURS, MILLION
from nobid.agents.state import Array, ordered_sum, ratio
from nobid.model.accounts import BORROWER, BUYER, USERS

if TYPE_CHECKING:
    from nobid.model.system import ComputeCreditModel


def run(m: ComputeCreditModel) -> None:
    """Buyers have failed or not, weak contracts have been left or not, terms have run; who failed pays nothing more."""
    offtakes = m.offtakes
    fails = failing_buyers(m)
    m.record.defaults(
        m, "buyer", failing=fails, debt=m.links.customer.sum(offtakes.h100e * offtakes.price) * HOURS / MILLION
    )
    m.buyers.alive = m.buyers.alive * (1.0 - fails)
    m.fires("buyer default", fails)
    m.causes.of_buyers(fails)
    lost = fails[m.edges.customer] * np.where(offtakes.h100e > 0.0, 1.0, 0.0)
    spot = np.broadcast_to(m.world.rent, offtakes.price.shape)
    left = m.ask("buyer", "leaves_contract", m.edges.customer, spot, offtakes.price, offtakes.strong)
    left = left * np.where(offtakes.h100e > 0.0, 1.0, 0.0) * (1.0 - lost)
    m.fires("offtake broken", left)
    m.record.happened(
        m,
        "contract lost",
        lost + left,
        source=("borrower", m.edges.seller),
        target=("buyer", m.edges.customer),
        channel="offtake",
    )
    m.causes.drains.contracts_end(lost, left)
    ended = np.where(offtakes.months_left <= 0.0, 1.0, 0.0)
    stays = (1.0 - lost) * (1.0 - left) * (1.0 - ended)
    offtakes.h100e = offtakes.h100e * stays
    offtakes.prepaid = offtakes.prepaid * stays
    offtakes.months_left = np.maximum(offtakes.months_left - 1.0, 0.0)


def failing_buyers(m: ComputeCreditModel) -> Array:
    """1 where a buyer fails on its contracts this month: hazard by regime and kind, times 1 + 2 f+: `(buyers, R)`."""
    rules, world, buyers = m.parameters.buyers, m.world, m.buyers
    lab = np.where(world.stress > 0.0, rules.lab_hazard_stress, rules.lab_hazard_calm)
    hazard = lab * np.where(buyers.lab > 0.0, 1.0, rules.other_hazard_scale)
    hazard = hazard * (1.0 + m.parameters.funding.hazard * world.closed)
    on = 1.0 if rules.defaults_on and m.parameters.regime.stochastic else 0.0
    drawn = np.where(m.draws.buyers[:, m.month] < hazard, on, 0.0)
    scripted = m.scripted_failures("buyer")
    return np.maximum(drawn, scripted) * buyers.alive * (1.0 - buyers.broker) * (1.0 - buyers.safe)


def deliver(m: ComputeCreditModel, compute: Array) -> Array:
    """Contracts are served before spot, pro rata when machines are short; prepaid money is worked off.

    `compute` (n, R) is what each borrower can run, H100e. Returns what is left for spot as a share of it.
    """
    offtakes, cap = m.offtakes, m.parameters.rental.utilisation_cap
    contracted = m.links.seller.sum(offtakes.h100e)
    served = np.minimum(ratio(compute * cap, contracted), 1.0)
    offtakes.delivered = offtakes.h100e * served[m.edges.seller] * m.borrowers.alive[m.edges.seller]
    offtakes.revenue = offtakes.delivered * offtakes.price * HOURS / MILLION
    worked_off = np.minimum(ratio(offtakes.prepaid, offtakes.months_left + 1.0), offtakes.revenue)
    paid = offtakes.revenue - worked_off
    offtakes.prepaid = offtakes.prepaid - worked_off
    m.books.pay("compute sales", paid, payer=USERS, payee=BUYER.along(m.links.customer))
    m.books.pay("offtake rent", paid, payer=BUYER.along(m.links.customer), payee=BORROWER.along(m.links.seller))
    m.fires("prepayment worked off", worked_off)
    return np.maximum(1.0 - ratio(m.links.seller.sum(offtakes.delivered), compute * cap), 0.0)


def signed(m: ComputeCreditModel, capacity: Array, price: Array) -> None:
    """Newly signed `capacity` (n, R) H100e at `price` has joined its firm's contracts, pro rata to what they hold."""
    offtakes = m.offtakes
    held = m.links.seller.sum(offtakes.h100e)
    more = capacity[m.edges.seller] * ratio(offtakes.h100e, held[m.edges.seller])
    weight = ratio(more, offtakes.h100e + more)
    tenor = float(m.parameters.offtake.new_months)
    offtakes.price = offtakes.price + weight * (price - offtakes.price)
    offtakes.months_left = offtakes.months_left + weight * (tenor - offtakes.months_left)
    offtakes.h100e = offtakes.h100e + more
    m.fires("capacity signed", ordered_sum(more))
