"""What a rate asks for beyond its source and its target."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spec_builder.physics.sources import Source, load_source, shipped_sources
from spec_builder.physics.spectra import LineSpectrum, TableSpectrum
from spec_builder.physics.targets import load_target, shipped_targets
from spec_builder.physics.validity import validity_notes


def source_of(spectrum: TableSpectrum | LineSpectrum) -> Source:
    only = replace(load_source("solar_8b").components[0], spectrum=spectrum)
    return replace(load_source("solar_8b"), components=(only,))


@pytest.mark.parametrize("source", shipped_sources())
def test_shipped_sources_are_described_for_shipped_targets(source: str) -> None:
    for target in shipped_targets():
        assert validity_notes(load_source(source), load_target(target), np.geomspace(1e-3, 1e4, 50)) == ()


def test_neutrinos_outside_of_a_table() -> None:
    cut = source_of(TableSpectrum(np.array([5.0, 10.0, 30.0]), np.array([0.1, 0.2, 0.01])))
    xenon = load_target("xenon")
    # 2 E^2 / (m + 2 E) of 124Xe: 5 MeV give 0.433 keV
    ends, *others = validity_notes(cut, xenon, np.array([1.0, 5.0]))
    assert "ends at 30 MeV with a flux: neutrinos above are left out" in ends
    assert not others
    begins, _ = validity_notes(cut, xenon, np.array([0.3, 5.0]))
    assert "begins at 5 MeV with a flux: the recoils ask for neutrinos from 4.16 MeV" in begins
    whole = source_of(TableSpectrum(np.array([5.0, 10.0, 30.0]), np.array([0.0, 0.2, 0.0])))
    assert validity_notes(whole, xenon, np.array([0.3, 5.0])) == ()
    nothing = source_of(TableSpectrum(np.array([5.0, 10.0, 30.0]), np.zeros(3)))
    assert validity_notes(nothing, xenon, np.array([0.3, 5.0])) == ()


def test_recoils_beyond_the_first_zero_of_the_form_factor() -> None:
    """q R_A = 4.4934, R_A = 1.23 A^(1/3) fm: 77.6 keV for 136Xe, the first of the isotopes."""
    line, xenon = source_of(LineSpectrum(np.array([200.0]), np.array([1.0]))), load_target("xenon")
    assert validity_notes(line, xenon, np.array([10.0, 75.0])) == ()
    (told,) = validity_notes(line, xenon, np.array([10.0, 80.0]))
    assert told.startswith("recoils above 77.6 keV lie beyond the first zero of the form factor")
    # recoils that no neutrino of the source makes
    assert validity_notes(load_source("sns"), xenon, np.array([10.0, 80.0])) == ()
    assert validity_notes(line, load_target("xenon_electrons"), np.array([10.0, 80.0])) == ()
