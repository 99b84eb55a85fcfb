"""What do all parts of the dashboard look like: tables, figures with their downloads, sentences?"""

from __future__ import annotations

import html
from collections.abc import Callable, Hashable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import streamlit as st

from nobid.runs.dashboard.fields import plain
from nobid.runs.errors import InputError
from nobid.runs.summary_blocks import Block

STYLE: Final = Path(__file__).with_name("style.html").read_text(encoding="utf-8")
PICTURES: Final = {"png": "image/png", "svg": "image/svg+xml"}
PICTURE_WIDTH: Final = 1000  # pixels, at most
REMEMBERED: Final = 8  # runs, scenarios and answers that a session keeps
LONG_CELL: Final = 40  # characters from which on a cell may wrap

Made = TypeVar("Made")


def remembered(key: Hashable, make: Callable[[], Made]) -> Made:
    """What was made under this key earlier in the session, or now."""
    held: dict[Hashable, Any] = st.session_state.setdefault("remembered", {})
    if key not in held:
        while len(held) >= REMEMBERED:
            held.pop(next(iter(held)))
        held[key] = make()
    found: Made = held[key]
    return found


def block(one: Block) -> str:
    """A part of a closing table, as HTML."""
    return table(one.heading, one.columns, one.rows)


def table(heading: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose first column names the rows, as HTML that says only what stands in it."""
    head = "".join(f'<th scope="col">{html.escape(one)}</th>' if one else "<td></td>" for one in (heading, *columns))
    body = "".join(_row(row) for row in rows)
    return f'<div class="nobid"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _row(row: Sequence[str]) -> str:
    first, *rest = row
    cells = "".join(f"<td{' class=words' if len(cell) > LONG_CELL else ''}>{html.escape(cell)}</td>" for cell in rest)
    return f'<tr><th scope="row">{html.escape(first)}</th>{cells}</tr>'


def remarks(lines: Iterable[str]) -> str:
    """Sentences in small type, as HTML."""
    return '<div class="nobid">' + "".join(f'<p class="remark">{html.escape(one)}</p>' for one in lines) + "</div>"


def five(numbers: Iterable[Any]) -> str:
    """The figures of the answer, each with its interval and remark, as HTML."""
    items = "".join(
        f"<li><strong>{html.escape(one.value)}</strong><span>{html.escape(one.label)}</span>"
        + "".join(f'<span class="soft">{html.escape(words)}</span>' for words in (one.interval, one.remark) if words)
        + "</li>"
        for one in numbers
    )
    return f'<div class="nobid"><ul class="five">{items}</ul></div>'


def sentence(words: str) -> str:
    """The words with a capital, and without a meaning as Markdown."""
    return plain(f"{words[:1].upper()}{words[1:]}")


def refused(error: InputError) -> None:
    """Every mistake is told in its sentence."""
    for line in str(error).splitlines():
        st.error(plain(line))


def picture(file: Path, shows: str) -> None:
    """A figure that lies in a file is shown, with what it shows, and can be taken along."""
    name = file.stem.replace("_", " ")
    st.subheader(f"{name[0].upper()}{name[1:]}", anchor=False)
    st.container(width=PICTURE_WIDTH).image(str(file), width="stretch", alt=shows or name)
    left, *right = st.columns([6, 1, 1], vertical_alignment="center")
    left.caption(plain(shows))
    for column, (kind, mime) in zip(right, PICTURES.items(), strict=True):
        if (one := file.with_suffix(f".{kind}")).is_file():
            column.download_button(f"Save {kind.upper()}", one.read_bytes(), file_name=one.name, mime=mime,
                                   key=f"save:{one}", on_click="ignore")  # fmt: skip
