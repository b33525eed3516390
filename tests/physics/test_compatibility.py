"""Names of version 0.2 still work, and mean the same."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.physics import recoil
from spec_builder.physics.compatibility import (
    Interaction,
    NewPhysics,
    check_longitudinal_factor,
    interaction_terms,
    parse_interaction,
    parse_new_physics,
)
from spec_builder.physics.flux import solar_flux
from spec_builder.physics.interactions import STANDARD_MODEL, Choice, choose
from spec_builder.physics.nuclei import xenon
from spec_builder.physics.rates import flux_averaged_cross_section, maximum_recoil_energy_keV, rate, rate_above
from spec_builder.physics.sources import load_source
from spec_builder.physics.standard_model import standard_model_terms
from spec_builder.physics.targets import load_target

NEW_PHYSICS = [interaction for interaction in Interaction if interaction is not Interaction.SM]
B8, XENON = load_source("solar_8b"), load_target("xenon")


def test_new_physics_is_a_choice() -> None:
    assert NewPhysics is Choice
    assert parse_new_physics("scalar") == choose("scalar")
    assert parse_new_physics("scalar", "A") == choose("scalar", coupling_set="A")
    assert parse_new_physics("tensor", None, 4) == choose("tensor", longitudinal_factor=4)
    tensor, scalar = parse_new_physics("tensor", None, 4), parse_new_physics("scalar", "A")
    assert (tensor.coupling_set, tensor.longitudinal_factor) == (None, 4)
    assert (scalar.coupling_set, scalar.longitudinal_factor) == ("A", None)
    assert parse_new_physics("axial").default_couplings == (2e-4, 1e-1)
    assert parse_new_physics("axial").interaction.value == "axial"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("sm",), "interaction 'sm' is the Standard Model, expected one of scalar, vector_universal"),
        (("pseudo",), "interaction 'pseudo' is unknown, expected one of scalar"),
        (("axial", "A"), "coupling set 'A' belongs to interaction 'scalar', not 'axial'"),
        (("scalar", None, 4), "longitudinal factor 4 belongs to 'tensor', not 'scalar'"),
        (("scalar", "Z"), "coupling set 'Z' is unknown, expected one of A, B, C, D, E"),
        (("tensor", None, 2), "longitudinal factor 2: expected 1 or 4"),
    ],
)
def test_its_messages(arguments: tuple[str, str | None, int | None], message: str) -> None:
    with pytest.raises(SpecBuilderError, match=message):
        parse_new_physics(*arguments)


def test_interactions_by_name() -> None:
    assert parse_interaction("sm") is Interaction.SM
    with pytest.raises(SpecBuilderError, match="interaction 'none' is unknown, expected one of sm, scalar"):
        parse_interaction("none")


@pytest.mark.parametrize("factor", [0, 2, 8])
def test_unknown_longitudinal_factor(factor: int) -> None:
    with pytest.raises(SpecBuilderError, match=f"longitudinal factor {factor}: expected 1 or 4"):
        interaction_terms(Interaction.TENSOR, xenon(), np.array([1e-3]), longitudinal_factor=factor)
    assert check_longitudinal_factor(4) == 4


def test_standard_model_has_no_mediator() -> None:
    assert interaction_terms(Interaction.SM, xenon(), np.array([1e-3])) == ()


@pytest.mark.parametrize("interaction", NEW_PHYSICS)
def test_rates_of_8b_on_xenon(interaction: Interaction) -> None:
    T, masses = np.array([0.5, 1.0, 3.0]), np.array([0.1, 100.0])
    old = recoil.rate_polynomial(partial(interaction_terms, interaction), T, masses)
    new = rate(B8, XENON, choose(interaction.value), T, masses)[0]
    np.testing.assert_array_equal(old[1:], new[1:])
    standard = recoil.rate_polynomial(standard_model_terms, T)
    np.testing.assert_array_equal(np.broadcast_to(standard[0], new[0].shape), new[0])


def test_the_rest_of_recoil() -> None:
    assert recoil.rate_above(1.0)[0, 0] == pytest.approx(rate_above(B8, XENON, STANDARD_MODEL, 1.0)[0, 0, 0], rel=1e-6)
    assert recoil.flux_averaged_cross_section() == flux_averaged_cross_section(B8, XENON)
    assert recoil.maximum_recoil_energy_keV() == maximum_recoil_energy_keV(B8, XENON)
    hep = solar_flux(hep=True)
    assert recoil.maximum_recoil_energy_keV(hep) > 6
    assert recoil.rate_above(5.0, flux=hep)[0, 0] > 0 == recoil.rate_above(5.0)[0, 0]
    assert solar_flux() is B8
