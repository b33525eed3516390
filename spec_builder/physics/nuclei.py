"""Natural xenon under its name of version 0.2; see :mod:`.targets`."""

from __future__ import annotations

from spec_builder.physics.targets import Target as Isotopes
from spec_builder.physics.targets import (
    klein_nystrand_form_factor,
    load_target,
    momentum_transfer,
    spin_structure_function,
)

__all__ = ["Isotopes", "klein_nystrand_form_factor", "momentum_transfer", "spin_structure_function", "xenon"]


def xenon() -> Isotopes:
    """Natural xenon."""
    return load_target("xenon")
