"""What do borrowers and buyers earn this month, and what does it cost them to run?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nobid.agents.finance import HOURS, MILLION
from nobid.agents.state import Array, over_generations, ratio
from nobid.model import contracts
from nobid.model.accounts import BORROWER, BUYER, CAPITAL, COIN_MARKET, LANDLORDS, POWER, USERS
from nobid.model.fleet import borrower_units

if TYPE_CHECKING:
    from nobid.model.system import ComputeCreditModel

KILO = 1000.0


def earns(m: ComputeCreditModel) -> None:
    """Rents, coins and other income are in; power, staff and site rent are paid or stand as arrears."""
    b, fit = m.borrowers, m.hardware
    b.arrears, b.site_arrears = 0.0, 0.0
    units = borrower_units(m)
    spot = contracts.deliver(m, over_generations(units * fit.h100e))
    rent = spot_income(m, units, spot)
    m.books.pay("spot rent", rent, payer=USERS, payee=BORROWER)
    m.books.pay("other income", b.other_income * b.alive, payer=USERS, payee=BORROWER)
    mined = mining(m)
    runs_leases(m)
    m.causes.drains.sees_spot(units, spot)
    owes_running_costs(m, units, spot)
    hosted = m.links.host.sum(m.hosting.earned)
    earned = rent + m.links.seller.sum(m.offtakes.revenue) + mined + hosted + b.other_income * b.alive
    b.income = earned - b.arrears - b.site_arrears - m.links.tenant.sum(m.hosting.owed)
    pays_running_costs(m)
    buyers_earn(m)


def spot_income(m: ComputeCreditModel, units: Array, spot: Array) -> Array:
    """What machines earn at spot, net of the market's fee, USD million: `(n, R)`."""
    return over_generations(units * m.market.earning) * spot / MILLION


def mining(m: ComputeCreditModel) -> Array:
    """Coins are mined and a share is sold at once; the value of what was mined, USD million."""
    b, price = m.borrowers, m.world.coin / MILLION
    m.borrowers_do("runs_mining")
    m.borrowers_do("mining_cost")
    m.books.move_coins(giver=None, taker=("borrower", "coins"), gone=b.mined, come=b.mined)
    m.books.move_coins(giver=("borrower", "coins"), taker=None, gone=b.mined_sale, come=b.mined_sale)
    m.books.pay("coins sold", b.mined_sale * price, payer=COIN_MARKET, payee=BORROWER)
    m.fires("mining", b.mined)
    return b.mined * price


def runs_leases(m: ComputeCreditModel) -> None:
    """Leases have started, run, ended or been let again; the month's rent is owed by the tenant."""
    hosting, alive = m.hosting, m.borrowers.alive
    hosting.starts_in = np.maximum(hosting.starts_in - 1.0, -1.0)
    runs = np.where((hosting.starts_in < 0.0) & (hosting.months_left > 0.0), 1.0, 0.0)
    on = 1.0 if m.parameters.hosting.on else 0.0
    hosting.live = hosting.live * alive[m.edges.tenant]
    m.active_leases = runs * hosting.live * alive[m.edges.host] * on
    hosting.owed = hosting.rent * m.active_leases
    hosting.months_left = hosting.months_left - runs
    hosting.relet_in = np.maximum(hosting.relet_in - (1.0 - hosting.live), -1.0)
    relet = (1.0 - hosting.live) * alive[m.edges.host] * runs * on * np.where(hosting.relet_in < 0.0, 1.0, 0.0)
    rules = m.parameters.hosting
    income = hosting.rent * relet * (rules.relet_price if rules.spills_on else 1.0)
    hosting.earned = hosting.owed + income
    m.books.pay("hosting rent", income, payer=USERS, payee=BORROWER.along(m.links.host))
    m.fires("lease let again", income)


def owes_running_costs(m: ComputeCreditModel, units: Array, spot: Array) -> None:
    """Power is owed for what runs, staff and site for all that stands; leases to modelled hosts are owed to them."""
    b, rental, fit = m.borrowers, m.parameters.rental, m.hardware
    power = units * fit.kw * HOURS / MILLION
    running = m.market.utilisation / rental.utilisation_cap
    busy = (1.0 - spot)[:, np.newaxis] + spot[:, np.newaxis] * running
    energy = over_generations(power * busy) * rental.power_cost
    kilowatts = over_generations(units * fit.kw)
    hosted = m.links.tenant.sum(m.hosting.mw * m.active_leases) * KILO
    own = (b.site_mw + m.links.borrower.sum(m.facilities.site_mw)) * KILO
    rented = np.maximum(kilowatts - hosted - own, 0.0)
    b.arrears = b.arrears + energy + (kilowatts * HOURS * rental.staff_cost / MILLION + b.overhead) * b.alive
    b.site_arrears = rented * HOURS * rental.site_cost / MILLION * b.alive


def pays_running_costs(m: ComputeCreditModel) -> None:
    """Running costs are paid before all else, pro rata when cash is short; the rest stays owed this month."""
    b, hosting = m.borrowers, m.hosting
    owed = b.arrears + b.site_arrears + m.links.tenant.sum(hosting.owed)
    pays_arrears(m, np.minimum(ratio(b.cash, owed, empty=1.0), 1.0) * b.alive)


def pays_arrears(m: ComputeCreditModel, share: Array) -> None:
    """`share` of every borrower's running costs still owed has been paid."""
    b, hosting = m.borrowers, m.hosting
    m.books.pay("opex", b.arrears * share, payer=BORROWER, payee=POWER)
    m.books.pay("site rent", b.site_arrears * share, payer=BORROWER, payee=LANDLORDS)
    rents = hosting.owed * share[m.edges.tenant]
    m.books.pay("hosting rent", rents, payer=BORROWER.along(m.links.tenant), payee=BORROWER.along(m.links.host))
    m.fires("hosting rent", rents)
    b.arrears, b.site_arrears = b.arrears * (1.0 - share), b.site_arrears * (1.0 - share)
    hosting.owed = hosting.owed - rents


def buyers_earn(m: ComputeCreditModel) -> None:
    """Machines that buyers bought earn spot rent and cost power; brokers keep the profit, owners take the others'."""
    buyers, fit = m.buyers, m.hardware
    if not buyers.units.any():
        return
    income = over_generations(buyers.units * m.market.earning) / MILLION
    running = m.market.utilisation / m.parameters.rental.utilisation_cap
    cost = over_generations(buyers.units * fit.kw * running) * HOURS * m.parameters.rental.power_cost / MILLION
    m.books.pay("compute sales", income, payer=USERS, payee=BUYER)
    m.books.pay("acquisition funding", np.maximum(cost - buyers.cash, 0.0), payer=CAPITAL, payee=BUYER)
    m.books.pay("opex", cost, payer=BUYER, payee=POWER)
    profit = np.maximum(income - cost, 0.0) * (1.0 - buyers.broker)
    m.books.pay("dividends", np.minimum(profit, np.maximum(buyers.cash, 0.0)), payer=BUYER, payee=CAPITAL)
