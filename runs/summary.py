"""What does a credit person read first about a run: who defaulted, what was lost, what the machines are worth?"""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nobid.runs.months import month_label
from nobid.runs.network_variance import network_blocks, network_figures, network_numbers, network_remarks
from nobid.runs.risk_blocks import risk_blocks, risk_numbers, risk_of_many, risk_remarks
from nobid.runs.summary_blocks import Block, blocks_of_many, blocks_of_one
from nobid.runs.summary_causes import told_causes
from nobid.runs.summary_figures import BAND, agents_in, borrowers_in, facts_of, month_band

if TYPE_CHECKING:
    from nobid.runs.run import Run


@dataclass(frozen=True)
class Summary:
    """The closing table of a run, and the same figures as numbers."""

    headline: str
    blocks: tuple[Block, ...]
    outcome: str
    remarks: tuple[str, ...]
    numbers: dict[str, Any]

    def __str__(self) -> str:
        """The table as plain text, columns aligned."""
        lines = [self.headline]
        for block in self.blocks:
            rows = [(block.heading, *block.columns), *block.rows]
            widths = [max(len(row[column]) for row in rows) for column in range(len(block.columns) + 1)]
            lines.append("")
            for row in rows:
                cells = [
                    cell.ljust(width) if n == 0 else cell.rjust(width)
                    for n, (cell, width) in enumerate(zip(row, widths, strict=True))
                ]
                lines.append("  ".join(cells).rstrip())
        return "\n".join([*lines, "", self.outcome, *self.remarks])

    def html(self) -> str:
        """The table for a notebook."""
        parts = [f"<p><b>{html.escape(self.headline)}</b></p>"]
        for block in self.blocks:
            head = "".join(f"<th>{html.escape(cell)}</th>" for cell in (block.heading, *block.columns))
            body = "".join(
                "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in block.rows
            )
            parts.append(f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")
        words = [self.outcome, *self.remarks]
        return "".join([*parts, *(f"<p>{html.escape(one)}</p>" for one in words)])


def summarise(run: Run) -> Summary:
    """The closing table: counts and losses, prices, the market for used machines, coverage, how it ended."""
    if (run.outcomes["failure"] != "").all():
        return Summary(headline(run), (), run.outcome, tuple(_remarks(run)), {})
    facts = facts_of(run)
    if run.knows_causes:
        facts["r_worst_quarter"] = run.systemic().worst_quarter
    if len(run.paths) == 1:
        return Summary(headline(run), blocks_of_one(run), run.outcome, tuple(_remarks(run)), _numbers(run, facts))
    told, networks = risk_of_many(run), network_figures(run, facts)
    blocks = (*blocks_of_many(run, facts), *risk_blocks(run, told), *network_blocks(run, networks))
    remarks = (*risk_remarks(told), *network_remarks(networks), *_remarks(run))
    numbers = {**_numbers(run, facts), **risk_numbers(told), **network_numbers(networks)}
    return Summary(headline(run), blocks, run.outcome, remarks, numbers)


def headline(run: Run) -> str:
    """Scenario, months, paths, seed in one line."""
    parameters = run.scenario.parameters
    last = month_label(parameters.start, parameters.months - 1)
    paths = f"path {run.paths[0]}" if len(run.paths) == 1 else f"{len(run.paths)} paths"
    return f"{run.scenario.name} · {parameters.start} … {last} · {paths} · seed {run.seed}"


def outcome_sentence(run: Run) -> str:
    """How the run ended, in a sentence."""
    parameters = run.scenario.parameters
    months = (
        f"ran {parameters.months} months, {parameters.start} … {month_label(parameters.start, parameters.months - 1)}"
    )
    outcomes = run.outcomes
    whole = outcomes[outcomes["failure"] == ""]
    failed = len(outcomes) - len(whole)
    if not len(whole):
        return f"{failed} of {len(outcomes)} paths failed: {outcomes['failure'].iloc[0]}"
    numbers = agents_in(run)
    defaulted = borrowers_in(whole)
    lenders, buyers = whole["defaults_lender"], whole["defaults_buyer"]
    if len(outcomes) == 1:
        return (
            f"{months}: {defaulted.iloc[0]:,.0f} of {numbers['miner'] + numbers['neocloud']:,.0f} borrowers, "
            f"{lenders.iloc[0]:.0f} of {numbers['lender']:,.0f} lenders and {buyers.iloc[0]:.0f} of "
            f"{numbers['buyer']:,.0f} GPU buyers defaulted."
        )
    low, middle, high = defaulted.quantile(list(BAND))
    sentence = (
        f"{months}, on {len(whole)} paths: {middle:,.0f} of {numbers['miner'] + numbers['neocloud']:,.0f} borrowers "
        f"defaulted in the median path ({low:,.0f} – {high:,.0f} in 90 % of them)."
    )
    before = f"{failed} of {len(outcomes)} paths failed, and they may be the worst ones; the others "
    return before + sentence if failed else sentence


def _remarks(run: Run) -> Iterator[str]:
    yield from told_causes(run)
    yield f"{run.scenario.assumed_share:.0%} of the debt at the start stands on facilities with an assumed term."
    yield from run.scenario.notes
    for row in run.failures[:3]:
        yield f"path {row['path']} failed in {row['month']}: {row['reason']}"


def _numbers(run: Run, facts: pd.DataFrame) -> dict[str, Any]:
    """For machines: by figure the value of one path, or median and 5 and 95 % of many."""
    single = len(run.paths) == 1
    figures: dict[str, Any] = {}
    for name in facts.columns:
        if name in ("failure", "network"):
            continue
        key = str(name).replace("|", ", ")
        values = facts[name]
        if values.dtype.kind in "OTUS" or isinstance(values.dtype, pd.StringDtype):
            ordered = [None if pd.isna(one) else str(one) for one in values]
            figures[key] = (
                ordered[0]
                if single and ordered
                else dict(zip(("p05", "p50", "p95"), _month_numbers(values), strict=True))
            )
        elif single:
            figures[key] = _plain(values.iloc[0]) if len(values) else None
        else:
            figures[key] = dict(
                zip(("p05", "p50", "p95"), (_plain(one) for one in values.quantile(list(BAND))), strict=True)
            )
    return figures


def _month_numbers(months: pd.Series[str]) -> Sequence[str | None]:
    middle, band = month_band(months) if len(months) else ("never", "never – never")
    low, high = band.split(" – ")
    return [None if one == "never" else one for one in (low, middle, high)]


def _plain(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None
