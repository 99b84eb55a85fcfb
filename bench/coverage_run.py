"""Which mechanisms act in the shipped scenarios and under policies, how often, and which never do?

The list of mechanisms is read from the source: the names given to `fires("…")` in `model/`. Every shipped scenario runs
its full months on a dozen paths, and one of them again under policies, without which some mechanisms never act. A count
is a row of agents, edges or generations on one path in one round or month.
"""

from __future__ import annotations

import argparse
import ast
import csv
from collections.abc import Iterator
from pathlib import Path

import nobid.model
from nobid.model.system import ComputeCreditModel
from nobid.runs import scenario
from nobid.runs.scenario_files import shipped_names
from nobid.runs.scenarios import Scenario

OUT = Path(__file__).resolve().parent / "out"
HELPED = "everything"  # this scenario also under those policies that do something nobody else does
UNDER_POLICIES = f"{HELPED} + policies"
POLICIES = (
    "repo_facility + buyer_of_last_resort:floor=0.3,budget=500 + vendor_buyback + liquid_retrofit + lender_capital + "
    "large_exposure_limit + standstill:trigger=0.001"
)


def named_in(source: str) -> Iterator[str]:
    """The mechanisms that a piece of source names."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "fires":
            name = node.args[0]
            if not (isinstance(name, ast.Constant) and isinstance(name.value, str)):
                raise ValueError(f"line {node.lineno}: a mechanism must be named in the call itself")
            yield name.value


def mechanisms() -> list[str]:
    """Every mechanism that the model's source names, in alphabetical order."""
    (folder,) = nobid.model.__path__
    return sorted({name for file in sorted(Path(folder).glob("*.py")) for name in named_in(file.read_text("utf-8"))})


def worlds() -> dict[str, Scenario]:
    """Every shipped scenario, and one under policies."""
    shipped = {name: scenario(name) for name in shipped_names()}
    return {**shipped, UNDER_POLICIES: scenario(HELPED, policy=POLICIES)}


def fired(world: Scenario, paths: int, seed: int) -> tuple[dict[str, int], int]:
    """How often each mechanism fired in the scenario, and on how many paths the run stopped."""
    model = ComputeCreditModel(world.founding, seed=seed, paths=range(paths))
    try:
        for _ in range(world.parameters.months):
            model.step()
        return dict(model.fired), len(model.failures)
    finally:
        model.close()


def table(counts: dict[str, dict[str, int]]) -> list[list[str]]:
    """Mechanisms by scenarios, a header first; '.' is never."""
    rows = [["mechanism", *counts]]
    for mechanism in mechanisms():
        rows.append([mechanism, *(str(found.get(mechanism, 0) or ".") for found in counts.values())])
    return rows


def shown(rows: list[list[str]]) -> str:
    """The table in columns."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if not i else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )


def main() -> None:
    """The table stands on the screen and in bench/out/coverage.csv."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--paths", type=int, default=12)
    parser.add_argument("--seed", type=int, default=7)
    asked = parser.parse_args()
    counts, failures = {}, {}
    for name, world in worlds().items():
        counts[name], failures[name] = fired(world, asked.paths, asked.seed)
    rows = table(counts)
    OUT.mkdir(exist_ok=True)
    with (OUT / "coverage.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([[cell if cell != "." else "0" for cell in row] for row in rows])
    print(f"how often each mechanism fired: {asked.paths} paths, seed {asked.seed}, full months\n\n{shown(rows)}\n")
    never = [row[0] for row in rows[1:] if set(row[1:]) == {"."}]
    print(f"{len(rows) - 1 - len(never)} of {len(rows) - 1} mechanisms fired in at least one of these runs")
    print(f"never: {', '.join(never) if never else 'none'}")
    print("paths that stopped: " + ", ".join(f"{name} {count}" for name, count in failures.items()))


if __name__ == "__main__":
    main()
