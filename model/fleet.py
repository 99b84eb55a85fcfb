"""Who holds which machines?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nobid.agents.state import Array, ordered_sum

if TYPE_CHECKING:
    from nobid.model.system import ComputeCreditModel


def borrower_units(m: ComputeCreditModel) -> Array:
    """Machines that each living borrower runs, free, in repo or pledged: `(n, G, R)`."""
    held = m.borrowers.loose_units() + m.links.borrower.sum(m.facilities.units)
    return held * m.borrowers.alive[:, None, :]


def running_units(m: ComputeCreditModel) -> Array:
    """Machines that supply compute: those of living borrowers and of buyers, not seized or unsold ones: `(G, R)`."""
    return ordered_sum(borrower_units(m)) + ordered_sum(m.buyers.units)


def all_units(m: ComputeCreditModel) -> Array:
    """Every machine that exists, whoever holds it: `(G, R)`."""
    held = ordered_sum(m.borrowers.loose_units()) + ordered_sum(m.facilities.units)
    return held + ordered_sum(m.lenders.seized) + ordered_sum(m.buyers.units) + ordered_sum(m.public.units)
