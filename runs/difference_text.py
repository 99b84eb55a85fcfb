"""How is the difference between two runs told: one sentence, what differs in the settings, the results side by side?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from nobid.runs.sentences import shown
from nobid.runs.summary import Summary
from nobid.runs.summary_blocks import KINDS, Block
from nobid.runs.summary_figures import NONE, band, borrowers_in, count, money

if TYPE_CHECKING:
    from nobid.runs.difference import Difference
    from nobid.runs.run import Run

MOST_SETTINGS: Final = 20  # lines; further ones are counted
MOST_PATHS: Final = 10
AMOUNTS: Final = 6  # digits of an amount


def text_of(found: Difference) -> Summary:
    """Headline, settings, paths that part, end results, and in sentences where the two part first."""
    headline = f"A {_label(found.a)}   ·   B {_label(found.b)}"
    results, numbers = _results(found)
    blocks = [*_settings(found), *_paths(found), results]
    return Summary(headline, tuple(blocks), outcome(found), (*_first_figure(found), *found.remarks), numbers)


def _label(run: Run) -> str:
    return str(run.out) if run.out is not None else f"{run.scenario.name} (hash {run.scenario.hash[:6]}…)"


def earliest_first(apart: pd.DataFrame) -> pd.DataFrame:
    """Paths that part, by the month in which they do, then by round, then by number."""
    months = [min(filter(None, pair)) for pair in zip(apart["month"], apart["figure_month"], strict=True)]
    keys = pd.DataFrame({"month": months, "round": apart["round"].to_numpy(), "path": apart["path"].to_numpy()})
    return apart.iloc[keys.sort_values(["month", "round", "path"]).index]


def outcome(found: Difference) -> str:
    """Where the two part first, in a sentence."""
    paths, first = found.paths, found.first
    of = f"path {paths['path'].iloc[0]}" if len(paths) == 1 else f"all {len(paths)} paths"
    if first is None:
        return f"identical: on {of} every event and every monthly figure of the two is the same, bit for bit."
    apart = int(found.paths["parts"].sum())
    on = "" if len(paths) == 1 else f"they part on {apart} of {len(paths)} paths, first on path {first['path']}: "
    if first["month"] is None:
        return f"{on}no event differs, but monthly figures do, from {first['figure_month']}."
    return f"{on}the first event that differs is in {first['month']}, round {first['round']:.0f}: {event_words(first)}."


def event_words(row: dict[str, Any] | Any) -> str:
    """The event of a row of `paths`: what, who, how much in A and in B."""
    where = f" → {row['target']}" if row["target"] else ""
    channel = f" ({row['channel']})" if row["channel"] else ""
    return f"{row['kind']}, {row['source']}{where}{channel}: {_amounts(row['amount_a'], row['amount_b'])}"


def _amounts(a: Any, b: Any) -> str:
    return f"{_amount(a)} in both, in another order" if a == b else f"{_amount(a)} in A, {_amount(b)} in B"


def _amount(value: Any) -> str:
    return "none" if value is None or pd.isna(value) else f"{value:,.{AMOUNTS}g}"


def _first_figure(found: Difference) -> Iterator[str]:
    """The first monthly figure that differs: it may come before any event."""
    first = found.first
    if first is None or first["figure_month"] is None:
        return
    if first["figure"] == "months":
        yield f"from {first['figure_month']} only one of the two has figures: the other path has stopped."
        return
    others = f", and {first['figures'] - 1:.0f} more of that month" if first["figures"] > 1 else ""
    values = " in A, ".join(repr(float(first[name])) for name in ("figure_a", "figure_b"))
    what = f"{first['figure']}, {values} in B{others}"
    yield f"the first monthly figure that differs is in {first['figure_month']}: {what}."


def _settings(found: Difference) -> Iterator[Block]:
    if not found.settings:
        return
    rows = [(one.key, _value(one.a), _value(one.b)) for one in found.settings[:MOST_SETTINGS]]
    more = len(found.settings) - len(rows)
    tail = [(f"… and {more} more (--json lists all)", "", "")] if more else []
    yield Block("settings that differ", ("A", "B"), (*rows, *tail))


def _value(value: Any) -> str:
    return NONE if value is None else shown(value)


def _paths(found: Difference) -> Iterator[Block]:
    """The paths that part, earliest first."""
    apart = found.paths[found.paths["parts"]]
    if len(found.paths) == 1 or apart.empty:
        return
    ordered = earliest_first(apart)
    rows: list[tuple[str, ...]] = [
        (f"{row['path']}", str(row["figure_month"]), "", "monthly figures only", "")
        if pd.isna(row["month"])
        else (
            f"{row['path']}",
            row["month"],
            f"{row['round']:.0f}",
            _who(row),
            _amounts(row["amount_a"], row["amount_b"]),
        )
        for _, row in ordered.head(MOST_PATHS).iterrows()
    ]
    more = len(ordered) - len(rows)
    tail = [(f"… and {more} more", "", "", "", "")] if more else []
    yield Block("paths that part", ("month", "round", "event", "amount"), (*rows, *tail))


def _who(row: Any) -> str:
    return f"{row['kind']}, {row['source']}{' → ' + row['target'] if row['target'] else ''}"


def _results(found: Difference) -> tuple[Block, dict[str, Any]]:
    """Defaults and losses at the end, on the paths that both have."""
    unit, in_unit = money(found.a)
    sides = [run.outcomes[run.outcomes["path"].isin(found.paths["path"])] for run in (found.a, found.b)]
    lines: list[tuple[str, str, Callable[[pd.DataFrame], pd.Series[float]], Callable[[float], str]]] = [
        ("borrowers defaulted", "borrowers", borrowers_in, count),
        *((f"{KINDS[kind]} defaulted", f"defaults_{kind}", _column(f"defaults_{kind}"), count) for kind in KINDS),
        (f"debt defaulted, {unit}", "debt_defaulted", _column("debt_defaulted"), in_unit),
        (f"lender losses, {unit}", "lender_losses", _column("lender_losses"), in_unit),
    ]
    many = len(found.paths) > 1
    rows = [(label, *(_shown(of(side), text, many) for side in sides)) for label, _, of, text in lines]
    numbers = {
        name: {key: _number(of(side)) for key, side in zip("ab", sides, strict=True)} for _, name, of, _ in lines
    }
    heading = f"at the end, {f'median of {len(found.paths)} paths (5–95 %)' if many else 'this path'}"
    return Block(heading, ("A", "B"), tuple(rows)), numbers


def _column(name: str) -> Callable[[pd.DataFrame], pd.Series[float]]:
    return lambda outcomes: outcomes[name]


def _shown(values: pd.Series[float], text: Callable[[float], str], many: bool) -> str:
    if not many:
        return text(values.iloc[0])
    middle, spread = band(values, text)
    return f"{middle} ({spread})"


def _number(values: pd.Series[float]) -> float | None:
    """The median over the paths."""
    middle = float(np.median(values)) if len(values) else float("nan")
    return middle if np.isfinite(middle) else None
