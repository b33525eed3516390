"""Where the numbers behind a rate come from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spec_builder.physics.flux import solar_flux
from spec_builder.physics.interactions import Interaction, coupling_table
from spec_builder.physics.nuclei import isotope_table, spin_structure_table

if TYPE_CHECKING:
    from spec_builder.physics.interactions import NewPhysics

__all__ = ["physics_sources"]

_FORM_FACTOR = "form factor of Klein and Nystrand, arXiv:hep-ph/9902259"
_CHARGES = {
    Interaction.AXIAL: "quark contributions to the nucleon spin: HERMES, arXiv:hep-ex/0609039",
    Interaction.TENSOR: "tensor charges of the nucleon: PNDME, arXiv:1808.07597",
}


def physics_sources(choice: NewPhysics | None = None, *, hep: bool = False) -> tuple[str, ...]:
    """Sources of the tables that the rate of an interaction uses.

    Args:
        choice: the interaction; None for the Standard Model alone.
        hep: with hep neutrinos.
    """
    tables = [component.table.metadata for component in solar_flux(hep=hep).components]
    sources = [table[key] for table in tables for key in ("source", "total_flux_source")]
    sources += [isotope_table().metadata["source"], _FORM_FACTOR]
    charge = _CHARGES.get(choice.interaction) if choice is not None else None
    if charge is not None:
        sources += [spin_structure_table().metadata["source"], charge]
    if choice is not None and choice.coupling_set is not None:
        labels = coupling_table().labels
        sources.append(labels["reference"][labels["set"].index(choice.coupling_set)])
    return tuple(sources)
