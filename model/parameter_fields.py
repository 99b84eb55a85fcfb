"""How is a parameter declared: its default, unit, meaning, source and bounds?"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

ASSUMPTION = "assumption"
DESIGN = "project design table (2026-11), range stated there"
MARKETS = "markets calibration notes (2026-11)"
POLICY = "policy: nothing unless somebody decides it"
MONTH = r"^20[0-9]{2}-(0[1-9]|1[0-2])$"


def number(
    default: float,
    unit: str,
    meaning: str,
    *,
    source: str = ASSUMPTION,
    low: float = 0.0,
    high: float | None = None,
) -> Any:
    """A number with its default, unit, meaning, source and bounds; `low` is 0 unless told otherwise."""
    return Field(
        default,
        ge=low,
        le=high,
        allow_inf_nan=False,
        description=meaning,
        json_schema_extra={"unit": unit, "source": source},
    )


def choice(default: Any, meaning: str, *, source: str = ASSUMPTION) -> Any:
    """A switch or one of several words."""
    return Field(default, description=meaning, json_schema_extra={"unit": "choice", "source": source})


def share(default: float, meaning: str, *, source: str = ASSUMPTION) -> Any:
    """A number from 0 to 1."""
    return number(default, "share", meaning, source=source, high=1.0)


class Section(BaseModel):
    """One table of a scenario file: frozen, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")
