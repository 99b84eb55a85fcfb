"""What does each policy change, at what cost, and what is there to choose from? This script writes docs/policies.md.

`python docs/build_policies.py` simulates every policy at its default strength in two scenarios, all arms on the same
512 paths, and writes the figures to docs/img/, the numbers to docs/data/ and the page from the numbers; what lies in
out/ already is not run again. `--render` writes the page from the stored numbers alone; a test fails when it is stale.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from nobid.runs.comparing import compare, default_folder
from nobid.runs.comparison_text import cell, scaled
from nobid.runs.estimate import Estimate
from nobid.runs.policies import known, paragraph, settings_of
from nobid.runs.scenario_text import toml_value

DOCS = Path(__file__).resolve().parent
PAGE, DATA, PICTURES = DOCS / "policies.md", DOCS / "data", DOCS / "img"
SCENARIOS = ("baseline", "mispriced")
SEED, PATHS = 7, 512
BILLION, PERCENT = 1e3, 100.0
DIGITS = "%.6g"
DUST = 1e-6  # of what a column is told in: smaller differences come from the last digits of prices
HEAD = """# Policies: what each changes, what it costs

Written by `python docs/build_policies.py`; a test fails when the page and the numbers in `docs/data/` disagree. Every
policy stands at its default strength; the strengths were committed before any result was looked at. Compare any others:

```
nobid policies                                   # what there is; nobid policies NAME: settings, bounds, who pays
nobid compare mispriced --policy buyer_of_last_resort:floor=0.8 --policy "ltv_cap + standstill" --paths 512 --workers 2
```

## What there is

Every policy also takes `from` and `until` (YYYY-MM). Several hold together with `+`, unless two would set the same
parameter to different values. None acts on the balance sheets of the start.

{policies}

## What came of them

All arms of a scenario had the same luck, path by path, so that differences are paired. In brackets 95 % intervals of
each alone; *not all at once*: what is told alone is not told by the intervals that hold together for all policies and
the three figures (systemic cluster: four or more borrowers and lenders fail within three months; borrowers and lenders
defaulted; lender losses). A policy is *dominated* where another arm, doing nothing included, avoids no less of the
losses, costs no more and takes no more credit away, and is surely better in one of the three.
"""
OWN = '''
## Your own policy

A subclass that names the parameters it sets. In a module of its own it runs with `workers=2` as well; under the entry
point group `nobid.policies` of an installed package it answers to its name on the command line.

```python
from collections.abc import Mapping
from typing import Any

from nobid.model.parameter_fields import share
from nobid.model.parameters import Parameters
from nobid.model.policies import Policy
from nobid.runs import compare


class SlowCalls(Policy):
    """Margin calls leave time: at most `speed` of a call on machines is due within the month."""

    name = "slow_calls"
    costs = "lenders: thinner cover while they wait"
    speed: float = share(0.5, "share of a margin call that is due within the month", source="my choice")

    def rules(self, parameters: Parameters) -> Mapping[str, Any]:
        """How fast calls fall due."""
        return {"debt.gpu_margin.call_speed": min(parameters.debt.gpu_margin.call_speed, self.speed)}


found = compare("mispriced", [SlowCalls(), SlowCalls(speed=0.25)], paths=64)
print(found)
```
'''


def policies_table() -> str:
    """Every policy that comes with nobid: what it does, what can be chosen, who pays."""
    rows = []
    for name, cls in known().items():
        if not cls.__module__.startswith("nobid."):
            continue
        chosen = [line for line in settings_of(cls) if line.key not in ("from", "until")]
        settings = "<br>".join(f"`{line.key}={toml_value(line.value)}`{_unit(line.unit)}" for line in chosen)
        rows.append((f"`{name}`", paragraph(cls), settings or "–", cls.costs))
    return table(("policy", "what it does", "settings, defaults", "who pays"), rows)


def _unit(unit: str) -> str:
    return "" if unit in ("choice", "0/1", "") else f" {unit}"


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A markdown table."""
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def estimate(row: Any, name: str) -> Estimate:
    """A figure of the stored numbers with its interval."""
    return Estimate(*(float(row[f"{name}{end}"]) for end in ("", "_low", "_high")), int(row["paths"]), "pairs")


def change(row: Any, name: str, scale: float = 1.0) -> str:
    """A paired difference as it stands in the page."""
    found = scaled(estimate(row, f"{name}_difference"), scale)
    if abs(found.value) < DUST:
        return "0" if found.value == 0.0 and not found.halfwidth > 0.0 else "≈ 0"
    return cell(found, signed=True)


def effects(numbers: pd.DataFrame) -> str:
    """What each policy changes."""
    rows = []
    for label, row in numbers.iterrows():
        cluster = cell(scaled(estimate(row, "cluster"), 1.0 / PERCENT))
        if label == "none":
            defaults, losses = (cell(scaled(estimate(row, name), scale)) for name, scale in
                                (("defaults", 1.0), ("lender_losses", BILLION)))  # fmt: skip
            tail = row["lender_losses_es95"] / BILLION
            shortfall = f"is {tail:.1f}" if np.isfinite(tail) else "n/a"
            rows.append(("none", cluster, "–", f"is {defaults}", "–", f"is {losses}", "–", shortfall))
            continue
        verdicts = [str(row[f"{name}_verdict"]) for name in ("cluster", "defaults", "lender_losses")]
        rows.append((
            f"`{label}`", cluster, verdicts[0], change(row, "defaults"), verdicts[1],
            change(row, "lender_losses", BILLION), verdicts[2], change(row, "lender_losses_es95", BILLION),
        ))  # fmt: skip
    head = ("policy", "P(cluster), %", "", "defaults, change", "", "lender losses, USD bn, change", "", "ES95, change")
    return table(head, rows)


def costs(numbers: pd.DataFrame) -> str:
    """What each policy costs, and what it pays for what it avoids."""
    names = ("credit_extended", "public_outlay", "public_loss", "private_outlay", "deferred")
    rows = []
    for label, row in numbers.iloc[1:].iterrows():
        cells = [change(row, name, BILLION) for name in names]
        prices = [cell(estimate(row, name)) for name in ("cost_per_default_avoided", "cost_per_usd_of_loss_avoided")]
        by = "" if pd.isna(row["dominated_by"]) else str(row["dominated_by"])
        rows.append((f"`{label}`", *cells, *prices, by))
    words = (*(f"{name.replace('_', ' ')}, USD bn" for name in names), "USD m per default avoided")
    return table(("policy", *words, "USD per USD of loss avoided", "dominated by"), rows)


def section(name: str, numbers: pd.DataFrame) -> str:
    """One scenario: figures, effects, costs."""
    first = numbers.iloc[0]
    luck = str(first["luck"])
    head = f"\n### `{name}`, {int(first['paths'])} paths, seed {SEED}\n"
    return "\n".join([
        head,
        f"![What each policy changes in {name}, with intervals](img/policies_{name}_forest.png)\n",
        effects(numbers),
        f"\n![What each policy costs in {name} and what loss it avoids](img/policies_{name}_frontier.png)\n",
        costs(numbers),
        f"\nWithout a policy the price trough (lowest H100 mark over its value in use) is {first['trough']:.2f}, and "
        f"{first['unsold']:,.0f} machines are unsold in the worst month. {luck[0].upper()}{luck[1:]}\n",
    ])  # fmt: skip


def page(stored: dict[str, pd.DataFrame]) -> str:
    """The whole document from the stored numbers."""
    sections = "".join(section(name, numbers) for name, numbers in stored.items())
    return HEAD.format(policies=policies_table()) + sections + OWN


def data_file(name: str) -> Path:
    """Where the numbers of a scenario lie."""
    return DATA / f"policies_{name}.csv"


def stored() -> dict[str, pd.DataFrame]:
    """The numbers of every scenario that has been simulated."""
    return {name: pd.read_csv(data_file(name), index_col="arm") for name in SCENARIOS if data_file(name).exists()}


def shipped() -> Iterator[str]:
    """The names of the policies that come with nobid."""
    yield from (name for name, cls in known().items() if cls.__module__.startswith("nobid."))


def simulated(name: str, *, paths: int, workers: int) -> None:
    """All policies have run in the scenario; their numbers and figures lie in docs/."""
    found = compare(name, list(shipped()), paths=paths, seed=SEED, workers=workers, out=default_folder)
    for kind in ("forest", "frontier"):
        found.plot(kind).savefig(PICTURES / f"policies_{name}_{kind}.png", dpi=110)  # type: ignore[union-attr]
    DATA.mkdir(exist_ok=True)
    found.table().assign(luck=found.luck).to_csv(data_file(name), float_format=DIGITS)


if __name__ == "__main__":
    asks = argparse.ArgumentParser(description=__doc__)
    asks.add_argument("--paths", type=int, default=PATHS, help="paths an arm")
    asks.add_argument("--workers", type=int, default=2)
    asks.add_argument("--render", action="store_true", help="write the page from the stored numbers, run nothing")
    asked = asks.parse_args()
    for scenario in () if asked.render else SCENARIOS:
        simulated(scenario, paths=asked.paths, workers=asked.workers)
    PAGE.write_text(page(stored()), "utf-8")
