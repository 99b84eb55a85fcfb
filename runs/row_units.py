"""In which unit stands each column of the starting balance sheets?"""

from __future__ import annotations

from typing import Final

ROW_UNITS: Final[dict[str, dict[str, str]]] = {
    "generation": {"launch": "YYYY-MM", "list_price": "USD/unit", "h100e": "H100e/unit", "kw": "kW/unit"},
    "borrower": {
        "cash": "USD m",
        "coins": "BTC",
        "hash_eh": "EH/s",
        "hash_cost": "USD/PH/day",
        "units": "units",
        "pipeline": "units",
        "pipeline_months": "months",
        "pipeline_unpaid": "share of list",
        "site_mw": "MW",
        "overhead": "USD m/month",
        "other_income": "USD m/month",
        "growth_share": "weight",
        "belief_decay": "1/year",
        "book_life": "months",
        "age": "months",
    },
    "facility": {
        "limit": "USD m",
        "drawn": "USD m",
        "rate": "1/year",
        "months": "months",
        "advance": "ratio",
        "dscr_min": "ratio",
        "units": "units",
        "coins": "BTC",
        "site_mw": "MW",
    },
    "contract": {"h100e": "H100e", "price": "USD/H100e-h", "months": "months", "prepaid": "USD m"},
    "lease": {"mw": "MW", "rent": "USD m/month", "months": "months", "starts_in": "months"},
    "lender": {
        "equity_ratio": "share of assets",
        "cash_share": "share of assets",
        "other_share": "share of assets",
        "short_share": "share of liabilities",
        "assets": "USD m",
    },
    "warehouse": {"drawn": "USD m", "advance": "share of loans", "rate": "1/year"},
    "buyer": {
        "budget": "USD m/month",
        "racks_air": "kW",
        "racks_liquid": "kW",
        "free_air": "kW",
        "free_liquid": "kW",
        "required_return": "1/year",
        "move_in": "USD/unit",
        "belief_decay": "1/year",
        "cash": "USD m",
    },
}

PATH_UNITS: Final[dict[str, str]] = {
    "rent": "USD/H100e-h",
    "coin": "USD/BTC",
    "hashprice": "USD/PH/day",
    "demand": "relative to the start",
    "funding": "funding window, 0 normal",
}
