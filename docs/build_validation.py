"""What does the engine say to the published cases? This script writes docs/validation.md.

`python docs/build_validation.py` runs every case through the functions that the month uses; a test fails while the
document and the engine disagree. Differences are printed as orders of magnitude, which are the same on every machine.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
PAGE = DOCS / "validation.md"
MOST_ROWS = 12  # of a case; the largest differences first
STEPS = (1e-9, 1e-6, 1e-3)
NOISE = 1e-9  # beside an expected nought: printed as 0
SECTION = re.compile(r"^### `(?P<id>\w+)`\n.*?(?=^### |\Z)", re.DOTALL | re.MULTILINE)
GRADES = {
    "A": "a number printed in its source and reproduced",
    "A*": "a printed number whose page could not be opened again",
    "B": "output of the authors' own published code",
    "C": "a published closed form at our own parameters",
}
HEAD = """# The engine against published cases

Written by `python docs/build_validation.py`; a test fails when it is stale. Every case goes through the same functions
as the month (`model/clearing.py`, `model/auction.py`, `model/fire_sale.py`, `model/ledger.py`, `agents/credit.py` and
their neighbours); an adapter in `tests/oracle_cases/` translates and computes nothing of its own. Most expected numbers
lie in `tests/oracles/`; the cases marked † embed tables of others and are not kept in the project: without their files
the tests skip them, saying so. Largest difference over the checks of one tolerance, which stands in brackets.

{grades}
"""


def magnitude(gap: float) -> str:
    """A difference as the least step that it stays under, or itself to two digits where it is larger than all."""
    return next((f"< {step:.0e}" for step in STEPS if gap < step), f"{gap:.1e}")


def difference(check: Any) -> str:
    """How far apart a check's two sides are, in words: nought as a tolerance leaves no room, a strict one says all."""
    if check.tolerance <= 0.0:
        return "equal"
    return f"< {check.tolerance:.0e}" if check.tolerance < STEPS[0] else magnitude(check.gap())


def rank(gap: float) -> int:
    """How many of the steps a difference reaches."""
    return sum(gap >= step for step in STEPS)


def shown(value: Any, other: Any = None) -> str:
    """A value to six digits; noise beside nought is nought."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or isinstance(value, str):
        return "none" if value is None else value.replace("|", "\\|")
    quiet = isinstance(other, int | float) and other == 0 and abs(value) < NOISE
    return f"{0.0 if quiet else float(value):.6g}"


def line(cells: Sequence[str]) -> str:
    """A row of a markdown table."""
    return "| " + " | ".join(cells) + " |"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A markdown table."""
    return "\n".join(line(cells) for cells in (head, ["---"] * len(head), *rows))


def closeness(checks: Sequence[Any]) -> str:
    """The largest difference at every tolerance that the case states, the strictest first."""
    parts = []
    for tolerance in sorted({check.tolerance for check in checks}):
        widest = max((check for check in checks if check.tolerance == tolerance), key=lambda check: check.gap())
        parts.append(f"{difference(widest)} ({tolerance:g})")
    return ", ".join(parts)


def source(case: Mapping[str, Any]) -> str:
    """Who published it."""
    told = case["citation"]
    return " · ".join(str(told[key]) for key in ("source", "repo") if key in told).replace("|", "\\|")


def section(name: str, case: Mapping[str, Any], checks: Sequence[Any]) -> str:
    """What the engine says to one case."""
    places = sorted(range(len(checks)), key=lambda i: (-rank(checks[i].gap()), i))[:MOST_ROWS]
    rows = [
        [
            checks[i].what.replace("|", "\\|"),
            shown(checks[i].expected),
            shown(checks[i].got, checks[i].expected),
            difference(checks[i]),
        ]
        for i in sorted(places)
    ]
    more = len(checks) - len(rows)
    rest = f"\n\n{more} more, none with a larger difference." if more else ""
    return (
        f"### `{name}`\n\n{case['title']}. Grade {case['evidence_grade']}. {source(case)}.\n\n"
        f"{len(checks)} checks; largest difference (tolerance): {closeness(checks)}.\n\n"
        f"{table(('quantity', 'expected', 'got', 'difference'), rows)}{rest}\n"
    )


def overview(name: str, case: Mapping[str, Any], checks: Sequence[Any], mark: str) -> list[str]:
    """The row of one case in the table of all."""
    title = str(case["title"]).replace("|", "\\|")
    return [f"`{name}`{mark}", title, str(case["evidence_grade"]), str(len(checks)), closeness(checks)]


def page(results: Mapping[str, tuple[Mapping[str, Any], Sequence[Any]]], elsewhere: tuple[str, ...]) -> str:
    """The whole document."""
    grades = "\n".join(f"- Grade {grade}: {meaning}." for grade, meaning in GRADES.items())
    rows = [overview(name, *found, "†" if name.startswith(elsewhere) else "") for name, found in results.items()]
    head = ("case", "what", "grade", "checks", "largest difference (tolerance)")
    checks = sum(len(found) for _, found in results.values())
    total = f"{len(results)} cases, {checks} checks, all within their tolerance."
    parts = [section(name, *found) for name, found in results.items()]
    return f"{HEAD.format(grades=grades)}\n{total}\n\n{table(head, rows)}\n\n## Case by case\n\n" + "\n".join(parts)


def sections(text: str) -> dict[str, str]:
    """The sections of a printed page by the id of their case."""
    return {match["id"]: match[0].rstrip("\n") for match in SECTION.finditer(text)}


def build() -> str:
    """The page as the engine makes it now. Raises where a case's file is missing or a check fails."""
    sys.path.insert(0, str(DOCS.parent))
    cases = importlib.import_module("tests.oracle_cases")
    results = {}
    for name, adapter in cases.adapters().items():
        case = cases.case(name)
        if case is None:
            raise SystemExit(f"{name}.json is neither in tests/oracles nor in ../shared/oracles: the page needs all")
        checks = list(adapter(case))
        if wrong := [check for check in checks if not check.holds()]:
            raise SystemExit(f"{name}: {wrong[0]} does not hold: a page is written of cases that hold")
        results[name] = (case, checks)
    return page(results, cases.ELSEWHERE)


if __name__ == "__main__":
    PAGE.write_text(build(), "utf-8")
