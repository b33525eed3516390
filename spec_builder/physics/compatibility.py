"""Names of version 0.2 in terms of choices: the enumeration of the paper's interactions, and their terms on xenon."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from spec_builder.base.errors import SpecBuilderError
from spec_builder.physics import mediators
from spec_builder.physics.choices import Choice, NewPhysics

if TYPE_CHECKING:
    from spec_builder.base.arrays import FloatArray
    from spec_builder.physics.targets import Target
    from spec_builder.physics.terms import Term

__all__ = [
    "Interaction",
    "NewPhysics",
    "check_longitudinal_factor",
    "interaction_terms",
    "parse_interaction",
    "parse_new_physics",
]


class Interaction(StrEnum):
    """The interactions of the paper, by the names used on the command line, in files and in Python."""

    SM = "sm"
    SCALAR = "scalar"
    VECTOR_UNIVERSAL = "vector_universal"
    VECTOR_BL = "vector_bl"
    AXIAL = "axial"
    TENSOR = "tensor"


def parse_interaction(name: str) -> Interaction:
    """An interaction by its name.

    Raises:
        SpecBuilderError: naming the ones there are.
    """
    try:
        return Interaction(name)
    except ValueError:
        known = ", ".join(interaction.value for interaction in Interaction)
        raise SpecBuilderError(f"interaction '{name}' is unknown, expected one of {known}") from None


def check_longitudinal_factor(factor: int) -> int:
    """The factor itself.

    Raises:
        SpecBuilderError: unless it is 1 or 4.
    """
    if factor not in (1, 4):
        raise SpecBuilderError(f"longitudinal factor {factor}: expected 1 or 4")
    return factor


def interaction_terms(
    interaction: Interaction,
    isotopes: Target,
    recoil_energy_MeV: FloatArray,
    *,
    coupling_set: str = mediators.DEFAULT_COUPLING_SET,
    longitudinal_factor: int = 1,
) -> tuple[Term, ...]:
    """What an interaction adds to the Standard Model on nuclei, as terms in x = g^2.

    Raises:
        SpecBuilderError: for an unknown coupling set or longitudinal factor.
    """
    check_longitudinal_factor(longitudinal_factor)
    if interaction is Interaction.SM:
        return ()
    given: dict[Interaction, tuple[str | None, int | None]]
    given = {Interaction.SCALAR: (coupling_set, None), Interaction.TENSOR: (None, longitudinal_factor)}
    options = given.get(interaction, (None, None))
    return parse_new_physics(interaction, *options).terms(isotopes, recoil_energy_MeV)


def parse_new_physics(name: str, coupling_set: str | None = None, longitudinal_factor: int | None = None) -> Choice:
    """One of the paper's interactions with its choices or their defaults, as in version 0.2.

    Raises:
        SpecBuilderError: for an unknown name or choice, or a choice that does not belong to the interaction.
    """
    from spec_builder.physics.interactions import choose  # noqa: PLC0415

    known = [interaction.value for interaction in Interaction if interaction is not Interaction.SM]
    if name == Interaction.SM:
        raise SpecBuilderError(f"interaction 'sm' is the Standard Model, expected one of {', '.join(known)}")
    if name not in known:
        raise SpecBuilderError(f"interaction '{name}' is unknown, expected one of {', '.join(known)}")
    if coupling_set is not None and name != Interaction.SCALAR:
        raise SpecBuilderError(f"coupling set '{coupling_set}' belongs to interaction 'scalar', not '{name}'")
    if longitudinal_factor is not None and name != Interaction.TENSOR:
        raise SpecBuilderError(f"longitudinal factor {longitudinal_factor} belongs to 'tensor', not '{name}'")
    if coupling_set is not None:
        mediators.check_coupling_set(coupling_set)
        return choose("scalar", coupling_set=coupling_set)
    if longitudinal_factor is not None:
        return choose("tensor", longitudinal_factor=check_longitudinal_factor(longitudinal_factor))
    return choose(str(name))
