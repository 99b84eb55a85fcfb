"""What does every test find ready? A plot backend without a screen, one thread per process, and the shared folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ["MPLBACKEND"] = "Agg"
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def repository() -> Path:
    """The checkout that these tests stand in."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared() -> Path:
    """The collected data and the oracles beside the checkout; without them the test is skipped, saying so."""
    folder = Path(os.environ.get("NOBID_SHARED", REPOSITORY.parent / "shared"))
    if not folder.is_dir():
        pytest.skip("no folder shared/ beside the checkout (or set NOBID_SHARED): this test reads the collected data")
    return folder
