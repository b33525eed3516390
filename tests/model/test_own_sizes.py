"""A user's analysis: fluxes and uncertainties that it sets in all of its experiments."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.model.analysis import load_analysis
from spec_builder.physics.interactions import choose
from spec_builder.studies.fits import fit_analysis
from tests.copies import copy_of

if TYPE_CHECKING:
    from pathlib import Path

OWN = """
name = "mine"
title = "two detectors, one flux"
experiments = ["xenonnt", "near"]
flux = { 8b = 5.25e6 }
uncertainties = { flux_8b = 0.0381 }
masses_MeV = [0.1, 100.0]
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """An analysis of a shipped experiment and of a folder beside the file."""
    copy_of("pandax4t", tmp_path / "near", called="near")
    file = tmp_path / "mine.toml"
    file.write_text(OWN)
    return file


def test_flux_and_uncertainty_are_set_in_one_place(own: Path) -> None:
    analysis, shipped = load_analysis(str(own)), load_analysis("combined")
    assert analysis.name == "mine"
    assert analysis.masses_MeV == (0.1, 100.0)
    assert {signal.uncertainties["flux_8b"] for channel in analysis.channels for signal in channel.signals} == {0.0381}
    texts = [text for name, text in analysis.notes() if name == "mine"]
    assert texts == ["8b is 5.25e+06 in all experiments", "flux_8b is 0.0381 in all experiments"]
    ours, theirs = (a.signal_yields(choose("scalar"), np.array([10.0])) for a in (analysis, shipped))
    for channel, samples in ours.items():
        expected = theirs[channel]["cevns"].nominal * (5.25 / 5.46)
        np.testing.assert_allclose(samples["cevns"].nominal, expected, rtol=1e-12)


def test_the_measured_flux_does_not_move_with_its_prediction(own: Path) -> None:
    fitted = [fit_analysis(load_analysis(name), "flux").fit for name in (str(own), "combined")]
    assert fitted[0].value == pytest.approx(fitted[1].value, rel=1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("flux = { 8b", "flux = { 9b"), r"mine\.toml: flux\.9b acts on nothing, expected one of 8b"),
        (("flux_8b = 0.0381", "flux_8B = 0.0381"), r"mine\.toml: uncertainties\.flux_8B acts on nothing"),
        (("0.0381", "3.81"), r"mine\.toml: uncertainties\.flux_8b must be a relative size of at most 2"),
        (
            ('name = "mine"', 'name = "combined"'),
            r"mine\.toml: name 'combined' is that of a shipped experiment",
        ),
        (('"near"]', '"far"]'), r"far"),
        (('["xenonnt", "near"]', f"{['xenonnt'] * 101}"), r"mine\.toml: 101 experiments, expected at most 100"),
        (('["xenonnt", "near"]', "[]"), r"mine\.toml: experiments must be a list of at least one"),
        (("title", "tilte"), r"mine\.toml: unknown key 'tilte'; did you mean 'title'"),
        (("masses_MeV", "masses"), r"mine\.toml: unknown key 'masses'; did you mean 'masses_MeV'"),
    ],
)
def test_mistakes_in_a_users_analysis(own: Path, change: tuple[str, str], message: str) -> None:
    own.write_text(OWN.replace(*change))
    with pytest.raises(SpecBuilderError, match=message):
        load_analysis(str(own))


def test_a_size_in_events_is_not_set(own: Path) -> None:
    file = own.parent / "near" / "experiment.toml"
    text = file.read_text("utf-8")
    block = "[channels.backgrounds.cathode]\n"
    assert block in text
    file.write_text(text.replace(block, f"{block}absolute_uncertainties = {{ flux_8b = 3.0 }}\n"), "utf-8")
    with pytest.raises(SpecBuilderError, match=r"uncertainty flux_8b: a shape or a size in events in .*cathode"):
        load_analysis(str(own))


def test_one_factor_is_one_flux(own: Path) -> None:
    """Else the flux of both is that of the one that is named first."""
    file = own.parent / "near" / "experiment.toml"
    file.write_text(
        file.read_text("utf-8").replace('source = "solar_8b"', 'source = "solar_8b"\nflux = { 8b = 5.25e6 }')
    )
    message = r"mu_8b is one flux, 5\.46 in xenonnt_cs2 and 5\.25 in pandax4t_us2 .* the file of an analysis sets it"
    with pytest.raises(SpecBuilderError, match=message):
        load_analysis(f"xenonnt+{file.parent}")
    assert load_analysis(str(own)).measurable("flux").reference == pytest.approx(5.25)
