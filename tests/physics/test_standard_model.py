"""Eqs. (1) and (2) of arXiv:2411.11749."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec_builder.physics.choices import Interaction
from spec_builder.physics.constants import FERMI_CONSTANT
from spec_builder.physics.interactions import WEAK_MIXING_ANGLE
from spec_builder.physics.rates import rate
from spec_builder.physics.sources import load_source
from spec_builder.physics.standard_model import coherent_shape, standard_model_terms, weak_charge
from spec_builder.physics.targets import klein_nystrand_form_factor, load_target, momentum_transfer

if TYPE_CHECKING:
    from tests.physics.conftest import CrossSection

ENERGIES_KEV = np.array([0.1, 0.5, 1.0, 2.0, 3.5])


def test_weak_charge_of_caesium() -> None:
    charge = weak_charge(load_target("csi"))[1, 0]
    assert charge == pytest.approx(55 * (1 - 4 * 0.23857) / 2 - 78 / 2, rel=1e-14)


@given(recoil=st.floats(1e-5, 4e-3), energy=st.floats(12.0, 50.0))
def test_equation_1(cross_section: CrossSection, recoil: float, energy: float) -> None:
    argon = load_target("argon")
    nucleus, T = argon.rows(argon.A[:, 0] == 40), np.array([recoil])
    m = float(nucleus.mass_MeV[0, 0])
    factor = float(klein_nystrand_form_factor(nucleus, momentum_transfer(nucleus, T))[0, 0])
    charge = 18 * (1 - 4 * 0.23857) / 2 - 22 / 2
    kinematics = 1 - m * recoil / (2 * energy**2) - recoil / energy
    expected = FERMI_CONSTANT**2 * m / np.pi * charge**2 * factor**2 * kinematics
    found = cross_section(standard_model_terms(nucleus, T), nucleus, 0.0, recoil, 0.0, energy)
    assert found == pytest.approx(expected, rel=1e-12)


@given(angle=st.floats(0, 1))
def test_weak_mixing_angle_is_a_quadratic_polynomial(angle: float) -> None:
    fixed = Interaction(
        "fixed_angle",
        "Standard Model at one angle",
        lambda target, T, _flavour, _options: standard_model_terms(target, T, sin2_theta_w=angle),
        has_mediator=False,
        standard_model=False,
    ).choose()
    b8, xenon = load_source("solar_8b"), load_target("xenon")
    polynomial = rate(b8, xenon, WEAK_MIXING_ANGLE, ENERGIES_KEV)[0, :, 0]
    direct = rate(b8, xenon, fixed, ENERGIES_KEV)[0, 0, 0]
    np.testing.assert_allclose(np.tensordot(angle ** np.arange(3), polynomial, 1), direct, rtol=1e-11)


def test_the_form_factor_is_the_target_s() -> None:
    xenon, T = load_target("xenon"), np.array([1e-3, 1e-2])
    usual, helm = coherent_shape(xenon, T), coherent_shape(xenon.with_form_factor("helm"), T)
    assert (usual != helm).all()
    np.testing.assert_allclose(helm, usual, rtol=0.2)
