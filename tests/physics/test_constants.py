"""Constants against scipy's copy of CODATA and against one another."""

from __future__ import annotations

import pytest
from scipy import constants as codata

from spec_builder.physics import constants


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("ELECTRON_MASS", "electron mass energy equivalent in MeV"),
        ("MUON_MASS", "muon mass energy equivalent in MeV"),
        ("PROTON_MASS", "proton mass energy equivalent in MeV"),
        ("NEUTRON_MASS", "neutron mass energy equivalent in MeV"),
        ("ATOMIC_MASS_UNIT", "atomic mass constant energy equivalent in MeV"),
        ("FINE_STRUCTURE", "fine-structure constant"),
        ("AVOGADRO", "Avogadro constant"),
    ],
)
def test_codata(name: str, key: str) -> None:
    assert getattr(constants, name) == pytest.approx(codata.value(key), rel=3e-8)


def test_hbar_c_and_the_fermi_constant() -> None:
    # MeV fm
    assert pytest.approx(codata.hbar * codata.c / codata.e * 1e9, rel=1e-9) == constants.HBAR_C
    assert pytest.approx(codata.value("Fermi coupling constant") * 1e-6, rel=1e-6) == constants.FERMI_CONSTANT
    assert constants.YEAR_S == 365.25 * 86400
