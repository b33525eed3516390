"""Named analyses, and what the first measurement of each measures."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from spec_builder.base.errors import SpecBuilderError, UnknownNameError
from spec_builder.experiments.reading import shipped_experiments
from spec_builder.model.analyses import measurement_kind, measurement_kinds, named_analyses
from spec_builder.model.analysis import load_analysis
from spec_builder.physics.interactions import choose
from spec_builder.physics.targets import load_target
from spec_builder.studies.fits import fit_analysis
from tests.copies import copy_of

if TYPE_CHECKING:
    from pathlib import Path


def test_named_analyses() -> None:
    names = {name: named.experiments for name, named in named_analyses().items()}
    assert names == {
        "combined": ("xenonnt", "pandax4t"),
        "eves": ("xenonnt_er", "lz_ws2022_er", "pandax4t_run0_er"),
        "eves_all": ("xenonnt_er", "lz_ws2022_er", "lz_ws2024_er", "pandax4t_run0_er", "pandax4t_run1_er"),
        "global": (
            "xenonnt", "pandax4t", "coherent_csi", "xenonnt_er", "lz_ws2022_er", "pandax4t_run0_er", "texono",
        ),
    }  # fmt: skip
    assert not set(names) & set(shipped_experiments())


@pytest.mark.parametrize(
    ("name", "measurement", "parameters", "masses"),
    [
        ("combined", "b8_flux", ["flux", "sin2thetaw"], (0.01, 1000)),
        ("xenonnt", "b8_flux", ["flux", "sin2thetaw"], (0.01, 1000)),
        ("coherent_csi", "cevns_count", ["count", "signal", "sin2thetaw"], (0.01, 1000)),
        ("eves", "eves_pp_flux", ["flux_pp", "sin2thetaw"], (0.001, 1000)),
        ("texono", "event_rate", ["rate", "sin2thetaw"], (0.001, 1000)),
        ("global", "b8_flux", ["flux", "sin2thetaw"], (0.001, 1000)),
        ("coherent_csi+xenonnt", "b8_flux", ["flux", "sin2thetaw"], (0.01, 1000)),
    ],
)
def test_what_is_measured(name: str, measurement: str, parameters: list[str], masses: tuple[float, float]) -> None:
    analysis = load_analysis(name)
    assert [m["name"] for m in analysis.workspace["measurements"]] == [measurement, "new_physics"]
    assert list(analysis.parameters) == parameters
    assert analysis.masses_MeV == masses


def test_references_of_what_is_measured() -> None:
    assert load_analysis("xenonnt").measurable("flux").reference == pytest.approx(5.46)
    assert load_analysis("eves").measurable("flux_pp").reference == pytest.approx(5.98)
    assert load_analysis("coherent_csi").measurable("count").reference == pytest.approx(310.1, abs=0.1)
    assert load_analysis("texono").measurable("rate").reference == 1.0


def test_unknown_parameter() -> None:
    message = "parameter 'flux' is unknown in eves, expected one of flux_pp, sin2thetaw"
    with pytest.raises(UnknownNameError, match=message) as caught:
        load_analysis("eves").measurable("flux")
    assert caught.value.name == "flux"


def test_measurements_are_in_the_alphabets_order() -> None:
    """pyhf sorts them, and the first one is what its verbs take."""
    names = [*(kind.name for kind in measurement_kinds()), measurement_kind(frozenset({"mu_zebra"})).name]
    assert all(name < "new_physics" for name in names)


def test_a_source_of_ones_own_is_measured_too() -> None:
    kind = measurement_kind(frozenset({"mu_mine"}))
    assert (kind.name, kind.factor, kind.held) == ("measure_mine", "mu_mine", "source")


def test_what_is_measured_has_no_prior_on_its_size_whatever_that_is_called() -> None:
    """As of a source of one's own whose factor is ``mu_chromium`` and whose size has the uncertainty ``flux_line``."""
    analysis = load_analysis("xenonnt")
    (experiment,) = analysis.experiments
    (channel,) = experiment.channels
    (component,), (signal,) = channel.source.components, channel.signals
    source = replace(channel.source, components=(replace(component, parameter="flux_line"),))
    sizes = {("flux_line" if name == "flux_8b" else name): size for name, size in signal.uncertainties.items()}
    for factor in ("mu_8b", "mu_chromium"):
        other = replace(channel, source=source, signals=(replace(signal, factor=factor, uncertainties=sizes),))
        renamed = replace(analysis, experiments=(replace(experiment, channels=(other,)),))
        assert renamed.measured.held == {"flux_line"}


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


def test_a_cross_section_is_one_on_one_target() -> None:
    analysis = load_analysis("coherent_csi")
    (experiment,) = analysis.experiments
    (channel,) = experiment.channels
    argon = replace(channel, name="argon", target=load_target("argon"))
    both = replace(analysis, experiments=(replace(experiment, channels=(channel, argon)),))
    assert analysis.cross_section_cm2 is not None
    assert both.cross_section_cm2 is None


# ---------------------------------------------------------------- a user's analysis

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
