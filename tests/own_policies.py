"""Policies of a user's own, for tests: one that does nothing, one that only draws, one that changes the world."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from nobid.model.parameters import Parameters
from nobid.model.policies import Policy
from nobid.model.system import ComputeCreditModel


class Nothing(Policy):
    """Nothing."""

    name = "nothing"
    costs = "nobody"


class Draws(Policy):
    """A thousand random numbers are drawn every month, and nothing is done with them."""

    name = "draws"
    costs = "nobody"
    drawn: ClassVar[list[int]] = []

    def acts(self, model: ComputeCreditModel) -> None:
        """A thousand numbers are gone."""
        self.drawn.append(len(model.rng.random(1000)))


class OtherWorld(Policy):
    """Demand for compute grows faster: no policy can do that."""

    name = "other_world"
    costs = "nobody"

    def rules(self, parameters: Parameters) -> Mapping[str, Any]:
        """Faster growth."""
        return {"demand.growth_calm": parameters.demand.growth_calm + 0.5}


class Impostor(Nothing):
    """Nothing, under the name of another policy."""

    name = "ltv_cap"
