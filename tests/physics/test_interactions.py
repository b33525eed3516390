"""The one list of interactions, and choosing from it."""

from __future__ import annotations

import numpy as np
import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.physics.interactions import STANDARD_MODEL, WEAK_MIXING_ANGLE, choose, shipped_interactions
from spec_builder.physics.mediators import coupling_sets
from spec_builder.physics.rates import rate
from spec_builder.physics.sources import load_source
from spec_builder.physics.targets import load_target

T, MASSES = np.array([1.0, 2.0, 3.0]), np.array([0.01, 10.0, 1000.0, np.inf])
PAIRS = [("solar_8b", "xenon"), ("solar", "xenon_electrons"), ("sns", "csi"), ("reactor", "csi_electrons")]


def spectrum(pair: tuple[str, str], name: str, **options: object) -> np.ndarray:
    energies = T * 1000 + 1000 if pair[0] == "reactor" else T
    return rate(load_source(pair[0]), load_target(pair[1]), choose(name, **options), energies, MASSES)


def test_the_list() -> None:
    names = [interaction.name for interaction in shipped_interactions()]
    assert names == [
        "scalar", "vector_universal", "vector_bl", "vector", "axial", "tensor", "nsi", "magnetic_moment", "millicharge",
    ]  # fmt: skip
    assert all(interaction.title and interaction.references for interaction in shipped_interactions())


def test_coupling_sets_are_those_of_the_table() -> None:
    (option,) = (o for o in choose("scalar").interaction.options if o.name == "coupling_set")
    assert option.allowed == coupling_sets()


def test_choosing() -> None:
    assert choose("sm") == STANDARD_MODEL
    assert choose("weak_mixing_angle") == WEAK_MIXING_ANGLE
    axial = choose("axial")
    assert choose(axial.interaction) == choose(axial) == axial
    message = "interaction 'pseudo' is unknown, expected one of scalar, .*, or a path such as ./pseudo.toml"
    with pytest.raises(SpecBuilderError, match=message):
        choose("pseudo")


def test_options_are_those_of_the_interaction() -> None:
    assert choose("scalar", coupling_set="A").changed == {"coupling_set": "A"}
    with pytest.raises(SpecBuilderError, match="interaction 'axial' has no option 'coupling_set', it has axial_sign"):
        choose("axial", coupling_set="A")


@pytest.mark.parametrize("pair", PAIRS)
def test_charges_of_the_vector(pair: tuple[str, str]) -> None:
    universal = spectrum(pair, "vector", u=1, d=1, nu=1, e=1)
    np.testing.assert_allclose(universal, spectrum(pair, "vector_universal"), rtol=1e-12)
    b_minus_l = spectrum(pair, "vector", u=1 / 3, d=1 / 3, nu=-1, e=-1)
    np.testing.assert_allclose(b_minus_l, spectrum(pair, "vector_bl"), rtol=1e-12)
    other = spectrum(pair, "vector", u=1, d=-1, nu=1, e=0)
    assert np.abs(other[:, 1] / universal[:, 1] - 1).max() > 0.1


def test_universal_and_b_minus_l_are_one_on_electrons() -> None:
    pair = ("solar", "xenon_electrons")
    np.testing.assert_allclose(spectrum(pair, "vector_bl"), spectrum(pair, "vector_universal"), rtol=1e-12)


def test_options_reach_the_rates() -> None:
    nuclei, electrons = ("solar_8b", "xenon"), ("reactor", "csi_electrons")
    tensor = spectrum(nuclei, "tensor", longitudinal_factor=4)[0, 2] / spectrum(nuclei, "tensor")[0, 2]
    assert ((tensor > 1) & (tensor < 4)).all()
    scalar = spectrum(nuclei, "scalar", coupling_set="A")[0, 2] / spectrum(nuclei, "scalar")[0, 2]
    assert (scalar > 1.05).all()
    plus, minus = spectrum(electrons, "axial"), spectrum(electrons, "axial", axial_sign="-")
    np.testing.assert_allclose(plus[:, 1], -minus[:, 1], rtol=1e-12)
    np.testing.assert_allclose(plus[:, 2], minus[:, 2], rtol=1e-12)
    exact, nuclear = spectrum(electrons, "scalar"), spectrum(electrons, "scalar", scalar_form="nuclear")
    expected = 1 + (T * 1000 + 1000) / (2 * 510.99895)
    np.testing.assert_allclose(exact[0, 2], np.broadcast_to(expected, (4, 3)) * nuclear[0, 2], rtol=1e-12)
    # the options of one kind of target leave the other alone
    np.testing.assert_array_equal(spectrum(nuclei, "scalar", scalar_form="nuclear"), spectrum(nuclei, "scalar"))
    np.testing.assert_array_equal(spectrum(nuclei, "axial", axial_sign="-"), spectrum(nuclei, "axial"))


def test_nsi_is_an_interval_around_two_values_of_epsilon() -> None:
    """Where Q_V is turned into -Q_V the rate is the Standard Model's again; half way it nearly vanishes."""
    source, csi = load_source("sns"), load_target("csi")
    for quark, per_nucleus in (("u", 2 * csi.Z + csi.N), ("d", csi.Z + 2 * csi.N)):
        n0, n1, n2 = rate(source, csi, choose("nsi", quark=quark), np.array([5.0]))[:, :, 0, 0].sum(axis=0)
        charge = 0.5 * (1 - 4 * 0.23857) * csi.Z - csi.N / 2
        mirror = float(np.mean(-2 * charge / per_nucleus))
        assert n0 + n1 * mirror + n2 * mirror**2 == pytest.approx(n0, rel=0.03)
        assert n0 + n1 * mirror / 2 + n2 * mirror**2 / 4 < 1e-3 * n0
        assert n0 - n1 * 0.1 + n2 * 0.01 > n0


def test_argon_has_no_axial_rate() -> None:
    argon = ("solar_8b", "argon")
    for name in ("axial", "tensor"):
        assert (spectrum(argon, name)[:, 1:] == 0).all()
