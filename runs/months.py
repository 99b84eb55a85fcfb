"""Which month is it: labels YYYY-MM and months counted from the start of a run."""

from __future__ import annotations


def month_index(label: str) -> int:
    """Months since the year 0, so that differences are months.

    >>> month_index("2026-03") - month_index("2025-12")
    3
    """
    year, month = label.split("-")[:2]
    return 12 * int(year) + int(month) - 1


def month_label(start: str, months: int) -> str:
    """The month that comes `months` after `start`.

    >>> month_label("2026-01", 14)
    '2027-03'
    """
    year, month = divmod(month_index(start) + months, 12)
    return f"{year:04d}-{month + 1:02d}"
