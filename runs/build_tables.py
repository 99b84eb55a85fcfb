"""How do the shipped tables come out of the project's source folder?

`python -m nobid.runs.build_tables SOURCE` writes them; `--check` says whether the shipped ones equal a rebuild;
`--report` prints what the rows imply (revenue, EBITDA, cover). A recipe (`data/recipe.toml`, and one in the folder of
another starting point) says for every cell which source figure it is, or that it is an assumption; nothing here
chooses a number.
"""

from __future__ import annotations

import argparse
import csv
import io
import re
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nobid.model.founding import FacilityRow, Row
from nobid.runs.errors import InputError
from nobid.runs.history_path import history_2023
from nobid.runs.leverage_rows import leverage_rows
from nobid.runs.months import month_index
from nobid.runs.rent_path import rent_path_2026
from nobid.runs.table_checks import report
from nobid.runs.tables import ROWS, SHIPPED, columns, load_tables

START = "2025-12"  # last month that may start the model, where a recipe names none
FOLDERS = ("", "spin_up")  # of the shipped tables, each with its recipe


@dataclass(frozen=True)
class Source:
    """One source table: where it is, what names a row, what dates it, what grades it."""

    path: str
    key: tuple[str, ...]
    joint: str
    date: str
    grade: str


SOURCES: Mapping[str, Source] = {
    "neo": Source("neoclouds/neoclouds.csv", ("firm", "as_of"), "@", "as_of", "confidence"),
    "fac": Source("neoclouds/facilities.csv", ("facility_id",), "", "close_date", "confidence"),
    "off": Source("neoclouds/offtake.csv", ("provider", "customer"), "/", "signed", "confidence"),
    "lender": Source("neoclouds/lenders.csv", ("lender",), "", "", "confidence"),
    "miner": Source("miners/miners.csv", ("ticker", "as_of_date"), "@", "as_of_date", "data_quality"),
    "inst": Source("miners/miner_debt_instruments.csv", ("ticker", "instrument"), "/", "issue_or_status_date", ""),
    "gen": Source("markets/generations.csv", ("generation",), "", "", ""),
    "rig": Source("backtest2022/miners_2021.csv", ("ticker",), "", "as_of", "data_quality"),
    "loan": Source("backtest2022/loans_2021.csv", ("borrower", "lender"), "/", "start", ""),
    "event": Source("backtest2022/outcomes_2022.csv", ("entity",), "", "event_date", ""),
}
GRADES = {"high": "A", "medium": "B", "low": "C", "A": "A", "B": "B", "C": "C"}
REFERENCE = re.compile(r"^\$(\d+)\.(\w+)$")
SPLIT_COLUMNS = ("limit", "drawn", "coins", "site_mw")  # shared out over the holders of a loan, like its units
HOLD_ASSUMED = ("lender", "limit", "drawn")


class Library:
    """The source folder, read once a table; nothing of it may be dated after `start` (YYYY-MM)."""

    def __init__(self, folder: Path, start: str = START) -> None:
        self.folder, self.start = folder, start
        self._tables: dict[str, dict[str, dict[str, str]]] = {}

    def row(self, citation: str) -> dict[str, str]:
        """The source row of "table|key"; refused when it is absent or dated after the start."""
        alias, _, key = citation.partition("|")
        row = self._table(alias).get(key)
        if row is None:
            raise InputError(f"recipe.toml cites {citation}: no such row in {SOURCES[alias].path}.")
        date = row.get(SOURCES[alias].date, "")
        month = re.match(r"\d{4}(-\d{2})?", date)
        if month and month.group() > self.start:
            raise InputError(f"recipe.toml cites {citation}, dated {date}: after the start it may only test the model.")
        return row

    def _table(self, alias: str) -> dict[str, dict[str, str]]:
        if alias not in self._tables:
            source = SOURCES[alias]
            with (self.folder / source.path).open(newline="", encoding="utf-8") as stream:
                rows = list(csv.DictReader(stream))
            self._tables[alias] = {source.joint.join(row[part] for part in source.key): row for row in rows}
        return self._tables[alias]

    def grade(self, citation: str) -> str:
        """A (filing or issuer), B or C of a cited row, stated or told by its address; without an address B at best."""
        row, source = self.row(citation), SOURCES[citation.partition("|")[0]]
        stated = row.get(source.grade, "").partition("(")[0]
        found = [GRADES[word] for word in re.findall(r"\b(high|medium|low|[ABC])\b", stated)]
        best = "A" if "sec.gov" in _where(row) or "edgar" in _where(row) else "B"
        if found:
            best = max(found) if stated[0] in "ABC" else found[0]
        return best if "http" in _where(row) else max(best, "B")

    def label(self, citation: str) -> str:
        """File, key and the first address of a cited row, filings first."""
        alias, _, key = citation.partition("|")
        row = self.row(citation)
        links = re.findall(r"https?://[^\s;|]+", _where(row))
        filed = [link for link in links if "sec.gov" in link]
        return " ".join([SOURCES[alias].path, key, *((filed or links)[:1] or ["(secondary note)"])])


def _where(row: Mapping[str, str]) -> str:
    """The cells of a source row that say where it was found."""
    return " ".join(row.get(name) or "" for name in ("source", "sources", "url"))


def evaluate(text: str, cited: Sequence[Mapping[str, str]], start: str = START) -> float:
    """The number that a recipe's cell means: "$1.drawn * 0.4", "@2028-03" (months from `start`), or a plain number."""
    if month := re.match(r"^@(\d{4}-\d{2})$", text):
        return month_index(month[1]) - month_index(start)
    total, sign, tokens = 0.0, 1.0, text.split()
    product = _operand(tokens[0], cited)
    for operator, token in zip(tokens[1::2], tokens[2::2], strict=True):
        value = _operand(token, cited)
        if operator in "*/":
            product = product * value if operator == "*" else product / value
        else:
            total, sign, product = total + sign * product, 1.0 if operator == "+" else -1.0, value
    return total + sign * product


def _operand(token: str, cited: Sequence[Mapping[str, str]]) -> float:
    reference = REFERENCE.match(token)
    text = cited[int(reference[1]) - 1][reference[2]] if reference else token
    try:
        return float(text)
    except ValueError:
        raise InputError(f"recipe.toml: {token} gives '{text}', which is no number.") from None


def build(source: Path, recipe: Path) -> dict[str, str]:
    """File name to file text of every shipped table."""
    rows = tomllib.loads(recipe.read_text(encoding="utf-8"))
    library = Library(source, rows.get("start", START))
    files = {
        f"{table}.csv": _csv(
            columns(row_class),
            [row for entry in rows.get(table, []) for row in _rows(row_class, entry, library)],
        )
        for table, row_class in ROWS.items()
    }
    others = {"rent_2026.csv": rent_path_2026}
    if library.start != START:
        others = {"history.csv": history_2023, "miner_leverage.csv": leverage_rows}
    return files | {name: _csv(*made(source)) for name, made in others.items()}


def _rows(row_class: type[Row], entry: dict[str, Any], library: Library) -> list[dict[str, str]]:
    """One recipe entry as the rows of its table: one, or one a holder."""
    cited = [library.row(citation) for citation in entry["cites"]]
    values: dict[str, Any] = {}
    assumed: list[str] = []
    for column in columns(row_class)[:-3]:
        field = row_class.model_fields[column]
        given = entry.get(column, "" if field.is_required() else field.get_default())
        if isinstance(given, str) and given.startswith("~"):
            assumed.append(column)
            given = given[1:]
        numeric = field.annotation in (float, int) and isinstance(given, str) and given
        values[column] = evaluate(given, cited, library.start) if numeric else given
    holds: dict[str, float] = entry.get("holds", {})
    made = (
        _split(values, holds, expansion=entry.get("expansion"), assumed=assumed)
        if row_class is FacilityRow
        else [values]
    )
    names = [name for name in columns(row_class) if name in {*assumed, *(HOLD_ASSUMED if len(holds) > 1 else ())}]
    notes = {"assumed": ";".join(names), **_provenance(entry, library)}
    _check_keys(entry, row_class)
    return [{column: _cell(value) for column, value in {**row, **notes}.items()} for row in made]


def _check_keys(entry: Mapping[str, Any], row_class: type[Row]) -> None:
    """The entry holds nothing that its table has no column for."""
    unknown = set(entry) - set(columns(row_class)) - {"cites", "why", "holds"}
    if unknown:
        raise InputError(f"recipe.toml, {entry['name']}: unknown key {sorted(unknown)[0]}.")


def _split(
    values: dict[str, Any], holds: Mapping[str, float], *, expansion: str | None, assumed: list[str]
) -> list[dict[str, Any]]:
    """A loan as its holders' rows: sizes and collateral by share."""
    if expansion is not None and not holds:
        assumed.append("expansion")
    shares = dict(holds) or {str(values["lender"]): 1.0}
    made = []
    for lender, share in shares.items():
        row = values | {"lender": lender, "expansion": lender == expansion}
        row |= {column: share * float(values[column]) for column in SPLIT_COLUMNS}
        units = [part.split(":") for part in str(values["units"] or "").split(";") if part]
        row["units"] = ";".join(f"{name}:{share * float(count):.10g}" for name, count in units)
        row["name"] = f"{values['name']}-{lender.replace(' ', '')}" if len(shares) > 1 else values["name"]
        made.append(row)
    return made


def _provenance(entry: Mapping[str, Any], library: Library) -> dict[str, str]:
    """Grade (the worst of what is cited) and source of one entry."""
    grade = max((library.grade(citation) for citation in entry["cites"]), default="assumption")
    cited = "; ".join(library.label(citation) for citation in entry["cites"]) or "assumption"
    return {"grade": grade, "source": " | ".join(part for part in (cited, entry.get("why", "")) if part)}


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"{value:.10g}"
    return ";".join(value) if isinstance(value, list | tuple) else str(value or "")


def _csv(header: Sequence[str], rows: Sequence[Mapping[str, str]]) -> str:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, header, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def main(arguments: Sequence[str] | None = None) -> int:
    """Write, check or report; 0 when all is well, 1 when the shipped tables differ, 2 on a mistake in the input."""
    parser = argparse.ArgumentParser(prog="build_tables", description=__doc__)
    parser.add_argument("source", type=Path, help="folder with the sourced figures")
    parser.add_argument("--check", action="store_true", help="compare with the shipped tables, write nothing")
    parser.add_argument("--report", action="store_true", help="print what the shipped rows imply")
    chosen = parser.parse_args(arguments)
    try:
        made = {folder: build(chosen.source, SHIPPED / folder / "recipe.toml") for folder in FOLDERS}
        files = {str(Path(folder) / name): text for folder, found in made.items() for name, text in found.items()}
        differing = [name for name, text in files.items() if _shipped(name) != text]
        if not chosen.check:
            for name, text in files.items():
                (SHIPPED / name).write_text(text, encoding="utf-8")
        if chosen.report:
            print(report(load_tables(), chosen.source))
    except (InputError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{'differ from' if chosen.check else 'changed by'} the rebuild: {', '.join(differing) or 'none'}")
    return 1 if chosen.check and differing else 0


def _shipped(name: str) -> str:
    path = SHIPPED / name
    return path.read_text(encoding="utf-8") if path.is_file() else ""


if __name__ == "__main__":
    sys.exit(main())
