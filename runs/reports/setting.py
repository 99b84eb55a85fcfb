"""On what does the answer stand: what the scenario sets, what is sourced and how well, what is assumed?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from nobid.runs.explain_text import percent
from nobid.runs.parameter_table import flatten, parameter_lines, unit_of
from nobid.runs.policies import paragraph
from nobid.runs.provenance import GRADES, debt_by_grade
from nobid.runs.reports.document import Command, Part, Section
from nobid.runs.scenarios import Scenario
from nobid.runs.summary_blocks import Block

if TYPE_CHECKING:
    from nobid.model.founding import Row
    from nobid.model.policies import Policy

SHEETS: Final = {
    "borrowers": "borrowers",
    "facilities": "loans and notes",
    "lenders": "lenders",
    "buyers": "GPU buyers",
    "offtakes": "capacity contracts",
    "hosting": "site leases",
    "warehouses": "lines between lenders",
}
COLUMNS_NAMED: Final = 6  # assumed columns in the table; the others are counted
BILLION: Final = 1e3  # USD m


def setting(world: Scenario) -> Section:
    """The world as it stands at the start, what this scenario changes of the defaults, and how sure each part is."""
    return Section("The setting and what it assumes", tuple(_parts(world)))


def _parts(world: Scenario) -> Iterator[Part]:
    yield str(world).splitlines()[-1] + "."
    changed = [
        (key, _told(value), _told(field.default), unit_of(field).replace("choice", ""))
        for key, value, field in flatten(world.parameters)
        if not field.is_required() and value != field.default
    ]
    if changed:
        yield "Of the model's parameters this scenario sets:"
        yield Block("parameter", ("here", "default", "unit"), tuple(changed))
    else:
        yield "All parameters of the model stand at their defaults."
    for policy in world.founding.policies:
        yield f"Policy {policy}: {in_words(policy)}"
    if world.given.strip():
        yield "The scenario as it was written:"
        yield Command(world.given.strip())
    yield from _sheets(world)
    yield from world.notes


def in_words(policy: Policy) -> str:
    """What the policy does."""
    return paragraph(type(policy)).replace("`", "")


def _sheets(world: Scenario) -> Iterator[Part]:
    yield (
        f"Debt by the grade of its source, the worst of what a row cites. {percent(world.assumed_share)} of the debt "
        "stands on facilities of which at least one term is published nowhere."
    )
    debt = debt_by_grade(world.founding)
    whole = sum(debt.values())
    rows = tuple((GRADES[grade], f"{drawn / BILLION:,.1f}", percent(drawn / whole)) for grade, drawn in debt.items())
    yield Block("grade of the source", ("debt, USD bn", "share"), rows)
    yield "What no source gives, by table (columns, and in how many of its rows):"
    yield Block(
        "table",
        ("rows", "columns with assumed figures"),
        tuple(_assumed(words, getattr(world.founding, sheet)) for sheet, words in SHEETS.items()),
    )


def _assumed(words: str, rows: tuple[Row, ...]) -> tuple[str, str, str]:
    found = Counter(column for row in rows for column in row.assumed)
    named = [f"{column} ({count})" for column, count in found.most_common(COLUMNS_NAMED)]
    others = len(found) - len(named)
    return words, str(len(rows)), ", ".join(named) + (f" and {others} others" if others else "") if named else "none"


def parameters(world: Scenario) -> Section:
    """Every parameter with value, unit, bounds and source."""
    rows = tuple(
        (one.key, _told(one.value), one.unit, one.bounds, one.source, one.meaning)
        for one in parameter_lines(world.parameters)
    )
    heads = ("value", "unit", "bounds", "source", "meaning")
    return Section("All parameters", (Block("parameter", heads, rows),), appendix=True)


def _told(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.6g}" if isinstance(value, float) else "none" if value is None or value == () else str(value)
