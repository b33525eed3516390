"""Which of the two compiled forms a model gets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spec_builder.inference.engine import Engine
from spec_builder.inference.jacobian import JacobianEngine
from spec_builder.inference.rows import spread

if TYPE_CHECKING:
    from spec_builder.inference.rows import LaidOut

__all__ = ["compile_engine"]

#: Derivatives of the groups' amplitudes up to which pairs of groups are quicker than a Jacobian, measured with models
#: of 1 to 120 bins; from about this number on their time grows with the square of it.
_FEW = 60


def compile_engine(laid: LaidOut, free: tuple[int, ...]) -> Engine | JacobianEngine:
    """Compile a model for one choice of free parameters: by pairs of groups if it is small, else by a Jacobian."""
    count = 0
    inside = set(free)
    for group in laid.specification.groups:
        factors = {f for term in group.terms for f in term.factors}
        place = laid.specification.channels[group.channel]
        copies = place.stop - place.start if group.gammas else 1  # a group for each bin
        free_factors = sum(laid.specification.factors[f].parameter in inside for f in factors)
        count += copies * (free_factors + len(group.gammas))
    return Engine(spread(laid), free) if count <= _FEW else JacobianEngine(laid, free)
