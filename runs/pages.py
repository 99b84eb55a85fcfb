"""What do all pages that stand alone share: what they allow, where they are saved, how a notebook shows them?"""

from __future__ import annotations

import base64
import hashlib
import html
from pathlib import Path

from nobid.runs.errors import InputError


def allowance(text: str) -> str:
    """The word by which a page's own policy allows this script or style of it, and nothing else."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def save_page(text: str, home: Path, file: str | Path | None = None) -> Path:
    """The page lies in the file, at home where none is named; its folder was made. InputError for a folder."""
    chosen = home if file is None else Path(file)
    if chosen.is_dir():
        raise InputError(f"{chosen}: is a folder: name a file, such as {chosen / home.name}.")
    chosen.parent.mkdir(parents=True, exist_ok=True)
    chosen.write_text(text, encoding="utf-8")
    return chosen


def in_notebook(text: str, title: str) -> str:
    """The page in a frame of a notebook."""
    inside = html.escape(text, quote=True)
    return f'<iframe title="{html.escape(title)}" srcdoc="{inside}" width="100%" height="820"></iframe>'
