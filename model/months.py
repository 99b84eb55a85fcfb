"""Which month is it: labels YYYY-MM, and months counted from one of them."""

from __future__ import annotations


def month_number(month: str) -> int:
    """Months since year 0: "2026-01" is 2026 * 12."""
    year, number = month.split("-")
    return int(year) * 12 + int(number) - 1


def month_name(start: str, offset: int) -> str:
    """The month `offset` months after `start`, as "YYYY-MM"."""
    year, number = divmod(month_number(start) + offset, 12)
    return f"{year:04d}-{number + 1:02d}"
