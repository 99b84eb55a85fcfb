"""What is asked of the model: scenarios, runs, pictures, the command line. Names are imported when first used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nobid.runs.comparing import compare
    from nobid.runs.comparison import Comparison
    from nobid.runs.difference import Difference, diff
    from nobid.runs.errors import InputError
    from nobid.runs.essay.trial import claims
    from nobid.runs.reversal.result import Reversal
    from nobid.runs.reversal.reversing import reverse
    from nobid.runs.run import Run
    from nobid.runs.scenarios import Scenario, scenario
    from nobid.runs.search_result import Search
    from nobid.runs.searching import search
    from nobid.runs.simulation import Interrupted, resume, simulate
    from nobid.runs.stored_run import open_run
    from nobid.runs.sweep_result import Sweep
    from nobid.runs.sweeping import sweep
    from nobid.runs.verification import Verified, verify

__all__ = [
    "Comparison",
    "Difference",
    "InputError",
    "Interrupted",
    "Reversal",
    "Run",
    "Scenario",
    "Search",
    "Sweep",
    "Verified",
    "claims",
    "compare",
    "diff",
    "open_run",
    "resume",
    "reverse",
    "scenario",
    "search",
    "simulate",
    "sweep",
    "verify",
]

_HOME = {
    "Comparison": "nobid.runs.comparison",
    "Difference": "nobid.runs.difference",
    "InputError": "nobid.runs.errors",
    "Interrupted": "nobid.runs.simulation",
    "Reversal": "nobid.runs.reversal.result",
    "Run": "nobid.runs.run",
    "Scenario": "nobid.runs.scenarios",
    "Search": "nobid.runs.search_result",
    "Sweep": "nobid.runs.sweep_result",
    "Verified": "nobid.runs.verification",
    "claims": "nobid.runs.essay.trial",
    "compare": "nobid.runs.comparing",
    "diff": "nobid.runs.difference",
    "open_run": "nobid.runs.stored_run",
    "resume": "nobid.runs.simulation",
    "reverse": "nobid.runs.reversal.reversing",
    "scenario": "nobid.runs.scenarios",
    "search": "nobid.runs.searching",
    "simulate": "nobid.runs.simulation",
    "sweep": "nobid.runs.sweeping",
    "verify": "nobid.runs.verification",
}


def __getattr__(name: str) -> Any:
    """The named object, its module imported now: `nobid --help` must not wait for numpy and pandas."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOME[name]), name)
