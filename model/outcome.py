"""How did a run end, and if it stopped, why, in a sentence?"""

from __future__ import annotations

from dataclasses import dataclass


class ModelStopped(RuntimeError):
    """The model itself stopped: books that do not balance, or a month that does not settle. Never the user's input."""


@dataclass(frozen=True)
class Failure:
    """A path that stopped, the month (from the start) in which it did, and the sentence that says why."""

    path: int
    month: int
    message: str
