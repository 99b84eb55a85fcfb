"""What falls due this month on every facility, what is rolled, converted, waived or called?

Coverage is tested per facility: the income of its pledged machines or sites over its own scheduled service.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nobid.agents.finance import HOURS, MILLION, MONTHS, annuity, discount, level_payment
from nobid.agents.state import Array, ordered_sum, over_generations, ratio
from nobid.model import drains, repo
from nobid.model.secondary import depth_price

if TYPE_CHECKING:
    from nobid.model.system import ComputeCreditModel

AMPLE = 99.0  # coverage where nothing is due


def falls_due(m: ComputeCreditModel) -> None:
    """Interest, amortisation, maturities, cures, fees and sweeps of the month are known; nothing is paid yet."""
    f = m.facilities
    f.call_due, f.fee_due, f.call_size, f.call_paid, f.calling = 0.0, 0.0, 0.0, 0.0, 0.0
    running = m.borrowers.alive[m.edges.borrower] * np.where(f.drawn > 0.0, 1.0, 0.0)
    f.income = pledged_income(m)
    f.interest_due = f.drawn * f.rate / MONTHS * running
    declares_standstill(m)
    stands = standing_still(m)
    scheduled = scheduled_principal(m) * running
    f.principal_due = scheduled * (1.0 - stands)
    swept = m.edges.amortisation[:, np.newaxis] == "sweep"
    f.service = f.interest_due + np.where(swept, 0.0, f.principal_due)
    f.coverage = np.where(m.edges.earns_itself > 0.0, cover(f.income, f.service), interest_cover(m))
    repo.falls_due(m)
    m.causes.drains.operating_gap()
    last = np.where(swept & (f.months_left <= 1.0), f.principal_due - np.maximum(f.income - f.interest_due, 0.0), 0.0)
    m.causes.drains.adds(drains.WALL, np.maximum(last, 0.0))
    acting = running * (1.0 - stands)
    puts_off(m, scheduled, running * stands)
    matures(m, acting)
    tests_covenants(m, acting)


def declares_standstill(m: ComputeCreditModel) -> None:
    """Heavy losses last month have started a standstill; one that runs is a month shorter."""
    world, rules = m.world, m.parameters.debt
    heavy = (world.losses_before >= rules.standstill_trigger * world.debt_before) & rules.standstill
    left = np.maximum(world.standstill_left - 1.0, 0.0) * rules.standstill
    world.standstill_left = np.where(heavy, float(rules.standstill_months), left)


def standing_still(m: ComputeCreditModel) -> Array:
    """1 where a standstill covers the facility, a loan against machines or sites: `(E, R)`."""
    return m.edges.earns_itself * np.where(m.world.standstill_left > 0.0, 1.0, 0.0)


def puts_off(m: ComputeCreditModel, scheduled: Array, standing: Array) -> None:
    """Principal that would have been due on the `standing` facilities (E, R) waits, and their terms do not run."""
    f = m.facilities
    ends = np.where((m.edges.amortisation[:, np.newaxis] == "bullet") & (f.months_left <= 1.0), 1.0, 0.0)
    waits = np.where(ends > 0.0, f.drawn, scheduled) * standing
    m.world.deferred = ordered_sum(waits)
    f.months_left = f.months_left + standing
    m.fires("standstill", waits)


def cover(income: Array, service: Array) -> Array:
    """Income over service, and ample where nothing is due."""
    return np.where(service > 0.0, np.minimum(ratio(income, service), AMPLE), AMPLE)


def interest_cover(m: ComputeCreditModel) -> Array:
    """For notes and coin loans, whose collateral earns nothing: the firm's earnings over all its interest, `(E, R)`."""
    interest = m.links.borrower.sum(m.facilities.drawn * m.facilities.rate) / MONTHS
    return cover(m.borrowers.income, interest)[m.edges.borrower]


def pledged_income(m: ComputeCreditModel) -> Array:
    """What the pledged machines and sites earn after running costs, contract first, USD million a month: `(E, R)`."""
    f, fit, rental = m.facilities, m.hardware, m.parameters.rental
    pledge = m.edges.pledge
    capacity = over_generations(f.units * fit.h100e) * rental.utilisation_cap
    free = over_generations(m.borrowers.loose_units() * fit.h100e)[m.edges.seller]
    shares = pledge.shares(capacity, free * rental.utilisation_cap)
    contracted = pledge.per_facility(shares, m.offtakes.delivered)
    earned = pledge.per_facility(shares, m.offtakes.revenue)
    earned = earned * np.minimum(ratio(capacity, contracted, empty=1.0), 1.0)
    spot = np.maximum(1.0 - ratio(contracted, capacity, empty=1.0), 0.0)
    machines = over_generations(f.units * m.market.earning) * spot / MILLION
    cost = over_generations(f.units * fit.kw) * HOURS / MILLION
    cost = cost * (rental.power_cost + rental.site_cost + rental.staff_cost)
    return earned + machines - cost + site_income(m)


def site_income(m: ComputeCreditModel) -> Array:
    """Rent of leases and other income, earned by the sites built for them, which are the pledged ones: `(E, R)`."""
    f, b, hosting = m.facilities, m.borrowers, m.hosting
    sites = m.links.borrower.sum(f.site_mw)
    rents = m.links.host.sum(hosting.earned) + b.other_income * b.alive
    return ratio(f.site_mw, sites[m.edges.borrower]) * rents[m.edges.borrower]


def scheduled_principal(m: ComputeCreditModel) -> Array:
    """Amortisation by kind: level `B i/(1-(1+i)^-n) - interest`, straight B/n, sweep all spare income, bullet none."""
    f, kind = m.facilities, m.edges.amortisation[:, np.newaxis]
    left = np.maximum(f.months_left, 1.0)
    level = level_payment(f.drawn, f.rate, left) - f.drawn * f.rate / MONTHS
    sweep = np.where(left <= 1.0, f.drawn, f.income - f.drawn * f.rate / MONTHS)
    due = np.where(kind == "level", level, np.where(kind == "straight", f.drawn / left, 0.0))
    due = np.where(kind == "sweep", sweep, due)
    return np.clip(due, 0.0, f.drawn)


def lender_marks(m: ComputeCreditModel) -> Array:
    """How lenders value a machine, USD: `(G, R)`."""
    basis = m.parameters.lenders.mark
    return {"market": m.market.mark, "appraisal": m.market.appraisal, "book": m.market.book}[basis]


def site_price(m: ComputeCreditModel) -> Array:
    """What a powered megawatt is worth, USD million: `site_value x sqrt(rent / p_ref)`."""
    reference = m.parameters.rental.reference_rent
    return m.parameters.hosting.site_value * np.sqrt(m.world.rent / reference)


def collateral(m: ComputeCreditModel, marks: Array) -> Array:
    """What is pledged to every facility at `marks`, coins and sites at theirs, USD million: `(E, R)`."""
    f = m.facilities
    pledged: Array = over_generations(f.units * marks) / MILLION
    return pledged + f.coins * m.world.coin / MILLION + f.site_mw * site_price(m)


def signed_rent(m: ComputeCreditModel) -> Array:
    """The share of each lease's rent that a living tenant has signed for, the first or the one after it: `(H, R)`."""
    hosting, rules = m.hosting, m.parameters.hosting
    again = np.where(hosting.relet_in < 0.0, rules.relet_price, 0.0) if rules.spills_on else 1.0
    return hosting.live + (1.0 - hosting.live) * again


def lease_worth(m: ComputeCreditModel) -> Array:
    """Present value of the rents still to come on pledged sites, running or signed, USD million: `(E, R)`.

    Leases to modelled tenants, or to those after them, at what is left of them, other income as a perpetuity; each at
    the facility's own rate.
    """
    f, hosting = m.facilities, m.hosting
    share = ratio(f.site_mw, m.links.borrower.sum(f.site_mw)[m.edges.borrower])
    runs = np.maximum(hosting.months_left, 0.0)
    rate = m.parameters.debt.base_rate + m.parameters.funding.spread
    waits = discount(rate, np.maximum(hosting.starts_in, 0.0))
    leases = m.links.host.sum(hosting.rent * signed_rent(m) * annuity(rate, runs) * waits)
    other = m.borrowers.other_income * m.borrowers.alive * MONTHS / rate
    return share * (leases + other)[m.edges.borrower]


def loan_to_value(m: ComputeCreditModel, marks: Array) -> Array:
    """Debt over collateral at `marks`, leases on pledged sites included: `(E, R)`.

    For notes without collateral, the borrower's debt over all its assets.
    """
    f = m.facilities
    debt = m.links.borrower.sum(f.drawn)
    firm = ratio(debt, firm_assets(m, marks), empty=AMPLE)[m.edges.borrower]
    own = ratio(f.drawn, collateral(m, marks) + lease_worth(m), empty=AMPLE)
    return np.where(m.edges.secured > 0.0, np.minimum(own, AMPLE), firm)


def firm_assets(m: ComputeCreditModel, marks: Array) -> Array:
    """Machines at `marks`, coins, sites and cash of every borrower, USD million: `(n, R)`."""
    b = m.borrowers
    machines = over_generations(b.loose_units() * marks) / MILLION
    own = b.cash + b.coins * m.world.coin / MILLION + b.site_mw * site_price(m)
    return machines + own + m.links.borrower.sum(collateral(m, marks))


def market_value_of_equity(m: ComputeCreditModel) -> Array:
    """A multiple of marked machines, less debt, plus sites, coins and cash, USD million: `(n, R)`."""
    assets = firm_assets(m, m.market.mark)
    b, f = m.borrowers, m.facilities
    machines = over_generations((b.loose_units() + m.links.borrower.sum(f.units)) * m.market.mark) / MILLION
    extra = (m.parameters.debt.equity_multiple - 1.0) * machines
    return assets + extra - m.links.borrower.sum(f.drawn) - b.repo_debt - b.official_debt


def matures(m: ComputeCreditModel, running: Array) -> None:
    """Bullets at their end are converted, rolled or due in cash."""
    f, edges = m.facilities, m.edges
    ends = running * np.where((edges.amortisation[:, np.newaxis] == "bullet") & (f.months_left <= 1.0), 1.0, 0.0)
    in_money = np.where(market_value_of_equity(m) > m.borrowers.strike, 1.0, 0.0)[edges.borrower]
    converts = ends * edges.is_convertible * in_money * (1.0 if m.parameters.debt.convertibles else 0.0)
    m.record.happened(m, "converted", converts * f.drawn, source=edges.debtor, target=edges.creditor, channel="equity")
    m.fires("conversion", converts)
    m.books.convert(f.drawn * converts)
    wall = f.drawn * ends * (1.0 - converts)
    rolled = rolls(m, wall * (1.0 - edges.is_convertible))
    part = np.where(rolled > 0.0, 1.0, 0.0)
    spread = m.parameters.funding.spread * m.world.closed
    f.rate = np.where(part > 0.0, f.contract_rate + spread, f.rate)
    f.months_left = np.where(part > 0.0, float(m.parameters.debt.roll_months), f.months_left)
    refused = wall - rolled
    f.principal_due = np.where(ends > 0.0, np.minimum(refused, f.drawn), f.principal_due)
    m.fires("roll", rolled)
    m.fires("roll refused", refused * (1.0 - edges.is_convertible))
    walled = refused * (edges.is_convertible if m.parameters.debt.rolls_on else 1.0)
    m.causes.drains.adds(drains.WALL, walled)
    m.fires("convertible due in cash", refused * edges.is_convertible)
    m.record.happened(m, "maturity due", refused, source=edges.creditor, target=edges.debtor, channel="refused roll")


def rolls(m: ComputeCreditModel, wanted: Array) -> Array:
    """How much of each maturing bullet is rolled: sound ones in facility order until the lender's quota is used up."""
    if not (wanted.any() and m.parameters.debt.rolls_on):
        return np.zeros_like(wanted)
    f, lender = m.facilities, m.edges.lender
    ltv = loan_to_value(m, lender_marks(m))
    cap = np.minimum(f.ltv_cap, m.parameters.debt.roll_ltv)
    sound = m.ask("lender", "would_roll", lender, ltv, cap + 0.0 * ltv, f.coverage)
    quota = m.links.lender.sum(wanted) * np.exp(-m.parameters.funding.roll_decay * m.world.closed)
    eligible = wanted * sound
    left = quota[lender] - m.before_in_lender(eligible)
    rolled = np.clip(left, 0.0, eligible)
    m.causes.refuses(wanted - rolled, loan_to_value=ltv)
    return rolled


def tests_covenants(m: ComputeCreditModel, running: Array) -> None:
    """A breach is cured by a prepayment, or called, or waived for a fee and a full sweep."""
    f, rules = m.facilities, m.parameters.debt
    f.waiver_left = np.maximum(f.waiver_left - 1.0, 0.0)
    sweeps(m, running)
    least = np.maximum(f.dscr_min, rules.dscr_floor * m.edges.earns_itself)
    tested = running * np.where((least > 0.0) & (f.coverage < least), 1.0, 0.0)
    breach = tested * np.where(f.waiver_left > 0.0, 0.0, 1.0) * (1.0 if rules.covenants else 0.0)
    m.fires("covenant breach", breach)
    if not breach.any():
        return
    m.record.happened(m, "covenant breach", breach, source=m.edges.debtor, target=m.edges.creditor, channel="coverage")
    b = m.borrowers
    amount = f.drawn * np.clip(1.0 - ratio(f.coverage, least), 0.0, 1.0) * breach
    on_debt = m.links.borrower.sum(f.interest_due + f.principal_due + f.fee_due) + b.repo_due + b.repo_interest
    on_debt = on_debt + b.official_due + b.official_interest
    due = on_debt + b.arrears + b.site_arrears + m.links.tenant.sum(m.hosting.owed)
    spare = np.maximum(b.cash - due, 0.0)[m.edges.borrower]
    spare = spare * ratio(amount, m.links.borrower.sum(amount)[m.edges.borrower])
    cured = m.ask("borrower", "cures", m.edges.borrower, amount, spare) * breach
    asked = np.minimum(amount * cured, f.drawn - f.principal_due)
    f.principal_due = np.minimum(f.principal_due + amount * cured, f.drawn)
    m.causes.drains.on_coverage(asked)
    m.fires("covenant cured", cured)
    calls_or_waives(m, breach * (1.0 - cured))


def sweeps(m: ComputeCreditModel, running: Array) -> None:
    """While a waiver runs, all income beyond service repays the loan: the cash trap."""
    f = m.facilities
    spare = np.maximum(f.income - f.service, 0.0) * np.where(f.waiver_left > 0.0, 1.0, 0.0) * running
    trapped = np.clip(spare, 0.0, f.drawn - f.principal_due)
    f.principal_due = f.principal_due + trapped
    m.causes.drains.on_coverage(trapped)
    m.fires("cash trap", trapped)


def calls_or_waives(m: ComputeCreditModel, breach: Array) -> None:
    """The lender compares selling the machines now with waiting, and accelerates or waives."""
    f, rules, edges = m.facilities, m.parameters.debt, m.edges
    price = depth_price(m, ordered_sum(f.units * breach[:, np.newaxis]))
    machines = over_generations(f.units * price) / MILLION
    others = f.coins * m.world.coin / MILLION + f.site_mw * site_price(m)
    sell_now = np.minimum((machines + others) * (1.0 - rules.liquidation_cost), f.drawn)
    accelerated = m.ask("lender", "accelerates", edges.lender, sell_now, worth_of_waiting(m)) * breach
    waived = breach * (1.0 - accelerated) * (1.0 if rules.waivers_on else 0.0)
    fee = rules.waiver_fee * f.drawn * waived
    more, hurry = (f.drawn - f.principal_due) * accelerated, m.lenders.tight[edges.lender]
    m.causes.drains.adds(drains.CALLED, more * hurry)
    m.causes.drains.on_coverage(more * (1.0 - hurry) + fee)
    f.principal_due = np.where(accelerated > 0.0, f.drawn, f.principal_due)
    f.fee_due = f.fee_due + fee
    f.waiver_left = np.where(waived > 0.0, float(rules.waiver_months), f.waiver_left)
    m.fires("acceleration", accelerated)
    m.fires("waiver", waived)
    called = accelerated * f.drawn
    m.record.happened(m, "accelerated", called, source=edges.creditor, target=edges.debtor, channel="covenant")
    m.record.happened(m, "waived", waived * f.drawn, source=edges.creditor, target=edges.debtor, channel="covenant")


def worth_of_waiting(m: ComputeCreditModel) -> Array:
    """Present value of the swept income and of what the collateral is worth in the end, at most the debt: `(E, R)`."""
    f = m.facilities
    left = np.maximum(f.months_left, 1.0)
    stream = np.maximum(f.income, 0.0) * annuity(f.rate, left)
    faded = np.exp(-m.parameters.lenders.belief_decay * left / MONTHS) * discount(f.rate, left)
    return np.minimum(stream + collateral(m, lender_marks(m)) * faded, f.drawn)
