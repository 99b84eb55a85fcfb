"""What is a report made of, and how does it become one HTML file that asks for nothing else?"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jinja2 import Environment, StrictUndefined

from nobid.runs.charts.style import styled
from nobid.runs.pages import allowance, in_notebook, save_page
from nobid.runs.summary_blocks import Block

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TEMPLATE: Final = Path(__file__).with_name("report.html")
DOTS_PER_INCH: Final = 144  # sharp in print at the width of a page
NUMBER: Final = re.compile(r"[-+−–(]?[\d.]|–$|n/a|never|under \d|over \d")  # how a figure begins, that stands right
COLOURS: Final = 128  # of a picture: charts have few, and a page that is sent should be small


@dataclass(frozen=True)
class Number:
    """One of the figures of the answer: what it is, the value with its unit, its interval, what to know about it."""

    label: str
    value: str
    interval: str
    remark: str = ""


@dataclass(frozen=True)
class Numbers:
    """Figures that stand side by side."""

    numbers: tuple[Number, ...]


@dataclass(frozen=True)
class Picture:
    """A chart: `shows` says what is seen and how to read it, for the caption and for those who cannot see it."""

    name: str
    png: bytes
    shows: str

    @property
    def address(self) -> str:
        """The picture itself, as an address inside the page."""
        return "data:image/png;base64," + base64.b64encode(self.png).decode()


@dataclass(frozen=True)
class Command:
    """What is typed, or stands in a file, word by word."""

    text: str


Part = str | Block | Numbers | Picture | Command


@dataclass(frozen=True)
class Section:
    """A heading with what stands under it. `appendix`: in small print, at the end."""

    title: str
    parts: tuple[Part, ...]
    appendix: bool = False

    @property
    def anchor(self) -> str:
        """The name by which the contents lead here."""
        return re.sub(r"[^a-z]+", "-", self.title.lower()).strip("-")


@dataclass(frozen=True)
class Report:
    """A page to send: question, answer, setting, charts, limits, how to do it again. `home`: where it is saved."""

    title: str
    question: str
    about: str
    sections: tuple[Section, ...]
    foot: str
    home: Path

    @cached_property
    def html(self) -> str:
        """The whole page: one file without any address outside it."""
        source = TEMPLATE.read_text(encoding="utf-8")
        style = re.search(r"<style>(.*?)</style>", source, re.DOTALL)
        allowed = allowance(style[1]) if style else "'none'"
        page = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
        page.filters |= {"kind": lambda part: type(part).__name__, "holds": _holds}
        page.keep_trailing_newline = True
        return page.from_string(source).render(report=self, style_hash=allowed)

    def save(self, file: str | Path | None = None) -> Path:
        """The page lies in the file, in its own place where none is named; its folder was made."""
        return save_page(self.html, self.home, file)

    def __repr__(self) -> str:
        """What it is about, and how to get it."""
        return f"report · {self.about}: .save() writes it"

    def _repr_html_(self) -> str:
        """The page inside a notebook."""
        return in_notebook(self.html, self.title)


def sentence(words: str) -> str:
    """What stands as a line in a terminal, as a sentence on a page."""
    return words[:1].upper() + words[1:] + ("" if words.endswith((".", ")", ":")) else ".")


def _holds(block: Block, column: int) -> str:
    """Whether the column (0: the headings of the rows) is read as numbers, and so stands to the right."""
    cells = [row[column] for row in block.rows if row[column]]
    return "number" if column and cells and all(NUMBER.match(cell) for cell in cells) else "word"


@styled
def picture(name: str, draw: Callable[[], Figure], shows: str) -> Picture:
    """The figure as it is drawn now, in few colours."""
    from PIL import Image

    raw, small = io.BytesIO(), io.BytesIO()
    draw().savefig(raw, format="png", dpi=DOTS_PER_INCH)
    with Image.open(raw) as drawn:
        drawn.convert("RGB").quantize(COLOURS).save(small, format="png", optimize=True)
    return Picture(name, small.getvalue(), shows)
