"""What is a neo-cloud? A borrower that lives on rented machines alone."""

from __future__ import annotations

from typing import ClassVar

from nobid.agents.borrower import Borrower


class NeoCloud(Borrower):
    """A borrower without rigs; its capacity is contracted or rented at spot."""

    kind: ClassVar[str] = "neocloud"
