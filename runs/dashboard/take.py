"""How are tables looked at in the dashboard, and taken along as CSV or Parquet?"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import pandas as pd
import streamlit as st

from nobid.runs.export import export, sources_of
from nobid.runs.run import Run

ROWS: Final = 500  # that are shown of a table; all of them are taken along
KINDS: Final = {"csv": "text/csv", "parquet": "application/vnd.apache.parquet"}


def tables(run: Run, name: str) -> None:
    """Each table of the run can be looked at, with the unit of every column, and taken along."""
    sources = {one.name: one for one in sources_of(run)}
    chosen = st.selectbox("Table", list(sources), key=f"table:{name}", format_func=lambda one: one.replace("_", " "))
    source = sources[chosen]
    piece = next(source.pieces(), None)
    shown = pd.DataFrame() if piece is None else piece.slice(0, ROWS).to_pandas()
    st.dataframe(shown, hide_index=True, height=420, column_config={
        column: st.column_config.Column(label=f"{column} ({unit})" if unit else column)
        for column, unit in source.units().items()
    })  # fmt: skip
    rows = source.rows()
    st.caption(f"{rows:,} rows{f', of which the first {len(shown):,} are shown' if rows > len(shown) else ''}.")
    columns = st.columns([1, 1, 5])
    for column, (kind, mime) in zip(columns, KINDS.items(), strict=False):
        column.download_button(f"Save {kind}", _file(run, chosen, kind), file_name=f"{chosen}.{kind}", mime=mime,
                               key=f"save:{name}:{chosen}:{kind}", on_click="ignore")  # fmt: skip


def _file(run: Run, table: str, kind: str) -> Callable[[], bytes]:
    """What makes the file when it is asked for."""

    def made() -> bytes:
        with TemporaryDirectory(prefix="nobid-app-") as room:
            export(run, kind, room, tables=[table])
            return (Path(room) / f"{table}.{kind}").read_bytes()

    return made


def frame(shown: pd.DataFrame, name: str, key: str) -> None:
    """A small table is shown, and can be taken along."""
    st.dataframe(shown, hide_index=True)
    columns = st.columns([1, 1, 5])
    held = io.BytesIO()
    shown.to_parquet(held)
    for column, (kind, content) in zip(
        columns, {"csv": shown.to_csv(index=False).encode(), "parquet": held.getvalue()}.items(), strict=False
    ):
        column.download_button(f"Save {kind}", content, file_name=f"{name}.{kind}", mime=KINDS[kind],
                               key=f"save:{key}:{name}:{kind}", on_click="ignore")  # fmt: skip
