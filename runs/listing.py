"""What is there to choose from: the scenarios, and everything that a scenario may set?"""

from __future__ import annotations

from collections.abc import Iterator

from nobid.model.parameters import Parameters
from nobid.runs.parameter_table import ParameterLine, bounds_short, parameter_lines
from nobid.runs.row_units import PATH_UNITS, ROW_UNITS
from nobid.runs.rows import TABLES
from nobid.runs.scenario_files import scenario_layers, shipped_names
from nobid.runs.scenario_text import toml_value
from nobid.runs.scenarios import scenario


def described() -> list[dict[str, str]]:
    """Name, title and question of every shipped scenario."""
    own = [(name, scenario_layers(name)[-1].values) for name in shipped_names()]
    return [
        {"name": name, "title": str(one.get("title", "")), "question": str(one.get("question", ""))}
        for name, one in own
    ]


def settable(name: str, pattern: str) -> list[dict[str, str]]:
    """Every key a scenario may set whose name or meaning contains `pattern`: parameters, paths, columns of rows."""
    parameters = scenario(name).parameters if name else Parameters()
    wanted = pattern.lower()
    others = [line for line in _columns() if wanted in line.key.lower() or wanted in line.meaning.lower()]
    lines = [*parameter_lines(parameters, pattern), *others]
    return [
        {
            "key": line.key,
            "value": "" if line.value is None else toml_value(line.value),
            "unit": "" if line.unit == "choice" else line.unit,
            "bounds": line.bounds,
            "source": line.source,
            "meaning": line.meaning,
        }
        for line in lines
    ]


def _columns() -> Iterator[ParameterLine]:
    """The paths that may be given from outside, and the columns of the starting balance sheets."""
    for path, unit in PATH_UNITS.items():
        yield ParameterLine(
            f"paths.{path}", None, unit, "", "scenario", f"monthly path of {path}: file.csv:column, or a list"
        )
    for table, row in TABLES.items():
        label = "firm" if table == "borrower" else table
        for column, field in row.model_fields.items():
            if column not in ("name", "assumed", "grade", "source"):
                unit = ROW_UNITS[table].get(column, "")
                yield ParameterLine(
                    f"{label}.NAME.{column}",
                    None,
                    unit,
                    bounds_short(field),
                    "row's own",
                    f"column of the {table} rows",
                )
