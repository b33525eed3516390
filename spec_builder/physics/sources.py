"""Where the numbers behind a rate come from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spec_builder.physics.flux import solar_flux
from spec_builder.physics.interactions import Interaction, coupling_table
from spec_builder.physics.nuclei import isotope_table, spin_structure_table

if TYPE_CHECKING:
    from spec_builder.physics.interactions import NewPhysics

__all__ = ["physics_sources"]


def physics_sources(choice: NewPhysics | None = None, *, hep: bool = False) -> tuple[str, ...]:
    """Sources of the tables that the rate of an interaction uses.

    Args:
        choice: the interaction; None for the Standard Model alone.
        hep: with hep neutrinos.
    """
    tables = [component.table.metadata for component in solar_flux(hep=hep).components]
    sources = [table[key] for table in tables for key in ("source", "total_flux_source")]
    sources.append(isotope_table().metadata["source"])
    if choice is not None and choice.interaction in (Interaction.AXIAL, Interaction.TENSOR):
        sources.append(spin_structure_table().metadata["source"])
    if choice is not None and choice.coupling_set is not None:
        labels = coupling_table().labels
        sources.append(labels["reference"][labels["set"].index(choice.coupling_set)])
    return tuple(sources)
