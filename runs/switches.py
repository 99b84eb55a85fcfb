"""Which switch removes which mechanism, and it alone?

docs/odd.md prints the table; tests/test_switches.py holds every row to it: with the switch off the mechanism never acts
and the others still do, and until the month in which it first acts a path is the same path to the bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Switch:
    """One mechanism, the parameter that removes it and the value to set.

    `fires`: the names under which the model counts that it acted (`ComputeCreditModel.fired`). `begins`: names that
    mark that it began to bear on a path, where that can be before (nobody is refused before somebody asks). `shows`:
    columns and figures that tell what the mechanism would offer before anybody takes it. `takes`: what hardly acts but
    on what this one did. `from_start`: it bears on the opening balance sheets. `seen_in`: a shipped scenario in which
    it acts, or "policies".
    """

    mechanism: str
    key: str
    off: Any
    fires: tuple[str, ...]
    begins: tuple[str, ...] = ()
    shows: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    from_start: bool = False
    seen_in: str = "everything"


# What follows by law and contract from what was owed, failed or sold: without it the books would not balance.
FOLLOWS = (
    "borrower default", "machines seized", "claims written off", "estate paid", "sites sold", "auction",
    "pledged machines sold", "prepayment worked off", "margin paid in cash", "roll refused",
    "convertible due in cash",
)  # fmt: skip

SWITCHES = (
    # ---- the world
    Switch("miners mine", "mining.on", False, ("mining",)),
    Switch("the list price follows value", "hardware.list_falls", False, ("list price falls",)),
    Switch("default losses close the funding window", "funding.feedback_on", False, ("losses close the window",)),
    Switch("forced coin sales move the coin", "coin.impact_on", False, ("coin impact",)),
    Switch(
        "worthless and old machines are scrapped",
        "hardware.scrap_on",
        False,
        ("machines scrapped",),
        seen_in="policies",
    ),
    # ---- contracts and leases
    Switch("buyers fail on their contracts", "buyers.defaults_on", False, ("buyer default",)),
    Switch("weak contracts break", "offtake.breaks_on", False, ("offtake broken",)),
    Switch("tenants pay modelled hosts", "hosting.on", False, ("hosting rent", "tenant lost", "lease let again")),
    Switch("a lost tenant costs its host rent", "hosting.spills_on", False, ("damages owed",)),
    Switch("damages for a broken lease", "hosting.damages_months", 0.0, ("damages owed",)),
    Switch("a lost lease is let again", "hosting.relet_price", 0.0, ("lease let again",), seen_in="policies"),
    # ---- debt
    Switch(
        "coverage covenants",
        "debt.covenants",
        False,
        ("covenant breach", "covenant cured", "acceleration", "waiver", "cash trap"),
    ),
    Switch("a breach is cured by a prepayment", "debt.cure_share", 0.0, ("covenant cured",), seen_in="baseline"),
    Switch(
        "a lender calls a loan in breach",
        "debt.acceleration_on",
        False,
        ("acceleration",),
        takes=("sites sold",),
        seen_in="policies",
    ),
    Switch("a lender waives a breach", "debt.waivers_on", False, ("waiver", "cash trap")),
    Switch("maturing loans are rolled", "debt.rolls_on", False, ("roll",), begins=("roll refused",)),
    Switch("convertibles convert", "debt.convertibles", False, ("conversion",), seen_in="baseline"),
    Switch("a limited-recourse SPV is handed over", "debt.walk_away_on", False, ("spv surrendered",)),
    Switch("calls on machine loans", "debt.gpu_margin.on", False, ("gpu call",)),
    Switch("calls on coin loans", "debt.btc.calls_on", False, ("coin call", "coins posted")),
    Switch("coin loans are liquidated", "debt.btc.liquidation_on", False, ("coin liquidation",)),
    # ---- cash in distress
    Switch("committed lines are drawn", "debt.lines_on", False, ("line drawn",), shows=("undrawn",)),
    Switch("free coins are sold", "coin.sales_on", False, ("coins sold in distress",)),
    Switch(
        "coins above what loans require are sold",
        "debt.btc.release_on",
        False,
        ("coins released",),
        shows=("loan_coins",),
    ),
    Switch(
        "repo",
        "repo.on",
        False,
        ("repo", "broker repo", "repo cut", "repo collateral seized", "broker seized"),
        shows=("repo_value", "ltv_liquidation"),
    ),
    Switch(
        "borrowers sell machines",
        "auction.distress_on",
        False,
        ("machines sold in distress",),
        takes=("pledged machines sold",),
    ),
    # ---- the market for machines
    Switch("a sale marks down its generation", "auction.marks_on", False, ("sale marks down",)),
    Switch("lenders below target and estates sell at any price", "auction.hurry_on", False, ("offered in a hurry",)),
    Switch(
        "lenders sell what they seized", "auction.seized_on", False, ("seized machines sold", "seized machines offered")
    ),
    # ---- lenders
    Switch(
        "losses cost lenders capital",
        "lenders.losses_on",
        False,
        ("lender default",),
        begins=("lender loss",),
        takes=("lender below target", "lender opens below target", "funding withdrawn", "other assets sold"),
    ),
    Switch(
        "a lender below target tightens",
        "lenders.tightening_on",
        False,
        ("lender below target", "lender opens below target"),
        shows=("tight",),
    ),
    Switch("short funders withdraw", "lenders.withdrawal_on", False, ("funding withdrawn",)),
    Switch("warehouse lines are marked and called", "lenders.warehouse_on", False, ("warehouse called",)),
    Switch("lenders sell other assets", "lenders.other_multiple", 0.0, ("other assets sold",), from_start=True),
    Switch("lenders fail", "lenders.failure_on", False, ("lender default",)),
    Switch("lenders pay dividends", "lenders.payout", 0.0, ("lender dividends",)),
    # ---- growth
    Switch(
        "growth",
        "invest.on",
        False,
        ("capacity signed", "machines ordered", "machines arrived", "order dropped"),
        takes=(
            "expansion drawn",
            "coins pledged for machines",
            "customer prepayment",
            "equity issued",
            "convertibles issued",
        ),
    ),
    Switch("expansion loans are drawn", "invest.advance", 0.0, ("expansion drawn",)),
    Switch("coins are pledged for machines", "invest.coin_loans_on", False, ("coins pledged for machines",)),
    Switch("customers prepay", "invest.prepayment", 0.0, ("customer prepayment",)),
    Switch("shares and convertibles are issued", "invest.issuance", 0.0, ("equity issued", "convertibles issued")),
    Switch("convertibles are issued", "invest.convert_share", 0.0, ("convertibles issued",)),
    Switch(
        "new convertibles have terms of their own, a firm's first among them",
        "invest.convert_months",
        0,
        ("new convertible",),
        seen_in="spin-up",
    ),
    Switch("capacity is signed", "invest.capture", 0.0, ("capacity signed", "machines ordered")),
    # ---- what only a policy or a scenario brings
    Switch("a standstill", "debt.standstill", False, ("standstill",), seen_in="policies"),
    Switch("a limit on single names", "lenders.large_exposure", 1e6, ("large exposure",), seen_in="policies"),
    Switch("lenders raise capital", "lenders.raised_equity", 0.0, ("equity raised",), seen_in="policies"),
    Switch("air racks are refitted", "backstop.retrofit_mw", 0.0, ("racks refitted",), seen_in="policies"),
    Switch(
        "the public buys machines",
        "backstop.floor",
        0.0,
        ("public buys",),
        shows=("ltv_liquidation",),
        seen_in="policies",
    ),
    Switch(
        "the public lends",
        "backstop.repo_capacity",
        0.0,
        ("public lends",),
        shows=("official_value",),
        seen_in="policies",
    ),
    Switch(
        "the vendor buys back",
        "backstop.buyback_price",
        0.0,
        ("vendor buys back",),
        shows=("ltv_liquidation",),
        seen_in="policies",
    ),
)
