"""The companions, COHERENT CsI, electron recoils and TEXONO, against an independent calculation."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.experiments.reading import load_experiment
from spec_builder.inference.exclusion import exclude
from spec_builder.inference.fit import fit
from spec_builder.inference.likelihood import Likelihood
from spec_builder.inference.newton import minimise
from spec_builder.inference.rows import Rows
from spec_builder.model.analysis import Analysis, load_analysis
from spec_builder.model.signal import SignalKernel, polynomial, signal_kernel
from spec_builder.physics.interactions import choose

EXPECTED: dict[str, Any] = json.loads(Path(__file__).with_name("companions.json").read_text("utf-8"))
ELECTRON_RECOILS = list(EXPECTED["electron_recoils"])
#: Tolerance of the events in a bin.
TOLERANCE = dict.fromkeys(ELECTRON_RECOILS, 1e-3) | {"pandax4t_run0_er": 2e-3}
NAMES = {"vector": "vector_universal", "axial": "axial", "scalar": "scalar"}


@cache
def kernel(name: str, variant: str | None = None) -> SignalKernel:
    return signal_kernel(load_experiment(name, variant).channels[0])


@cache
def analysis(name: str, law: str = "linear") -> Analysis:
    return load_analysis(name, law)


# ---------------------------------------------------------------- events


def test_events_of_coherent_csi() -> None:
    expected = EXPECTED["coherent_csi"]
    events = kernel("coherent_csi").standard_model().reshape(9, 11)
    np.testing.assert_allclose(events.sum(axis=1)[:-1], expected["pe"][:-1], rtol=2e-3)
    np.testing.assert_allclose(events.sum(axis=1)[-1], expected["pe"][-1], rtol=3e-3)
    np.testing.assert_allclose(events.sum(axis=0), expected["t"], rtol=2e-3)


def test_axial_events_of_coherent_csi() -> None:
    expected = EXPECTED["coherent_csi"]["axial_10MeV_g1e-3"]
    yields = kernel("coherent_csi").yields(choose("axial"), np.array([10.0]))["cevns"]
    added = (yields.without_standard_model())(1e-6)[0].reshape(9, 11)
    np.testing.assert_allclose(added.sum(axis=1)[:-1], expected["pe"][:-1], rtol=2e-3)
    np.testing.assert_allclose(added.sum(axis=0), expected["t"], rtol=2e-3)


def test_prompt_and_delayed_neutrinos_have_their_own_times() -> None:
    """In the first microsecond's half the prompt ones dominate; what comes later is delayed."""
    events = kernel("coherent_csi").standard_model().reshape(9, 11)
    early, late = events[:, :4].sum(axis=1), events[:, 8:].sum(axis=1)
    # prompt recoils end at 14 keV, so that early events have fewer photoelectrons
    assert early[-1] / early.sum() < 0.3 * late[-1] / late.sum()


def test_collaboration_normalisation_is_341_events() -> None:
    scaled = kernel("coherent_csi", "collaboration_normalisation").standard_model()
    assert scaled.sum() == pytest.approx(341, rel=1e-12)
    np.testing.assert_allclose(scaled, 1.0998 * kernel("coherent_csi").standard_model(), rtol=3e-4)
    built = load_experiment("coherent_csi", "collaboration_normalisation").by_construction
    assert built == ("the signal is scaled to the 341 events of arXiv:2110.07730",)
    assert load_experiment("coherent_csi").by_construction == ()


def test_response_shapes_take_the_place_of_two_sizes() -> None:
    (channel,) = load_experiment("coherent_csi", "response_shapes").channels
    assert channel.signals[0].uncertainties == {"flux_sns": 0.10, "coherent_csi_form_factor": 0.034}
    shapes = kernel("coherent_csi", "response_shapes").templates()["cevns"]
    nominal = shapes.nominal.sum()
    ratios = {name: [float(side.sum() / nominal) for side in sides] for name, sides in shapes.variations.items()}
    assert set(ratios) == {"coherent_csi_efficiency", "coherent_csi_quenching0", "coherent_csi_quenching1"}
    assert ratios["coherent_csi_efficiency"] == pytest.approx([1.115, 0.899], abs=1e-3)
    assert ratios["coherent_csi_quenching1"] == pytest.approx([0.969, 1.032], abs=1e-3)


@pytest.mark.parametrize("name", ELECTRON_RECOILS)
def test_events_of_electron_recoils(name: str) -> None:
    samples = kernel(name).samples()
    for group, expected in EXPECTED["electron_recoils"][name].items():
        np.testing.assert_allclose(samples[f"eves_{group}"], expected, rtol=TOLERANCE[name])


@pytest.mark.parametrize("name", ELECTRON_RECOILS)
def test_new_physics_in_electron_recoils(name: str) -> None:
    for point in EXPECTED["points"][name]:
        choice = choose(NAMES[point["interaction"]])
        yields = kernel(name).yields(choice, np.array([point["mass_MeV"]]))
        total = sum(sample(float(choice.x(point["g"])))[0] for sample in yields.values())
        np.testing.assert_allclose(total, point["events_with_sm"], rtol=TOLERANCE[name], err_msg=str(point))


def test_texono_is_its_ratio() -> None:
    texono = kernel("texono")
    standard = texono.standard_model()
    assert standard == pytest.approx([414 / 1.08])
    for mass, (first, second) in EXPECTED["texono"].items():
        n = texono.yields(choose("vector_universal"), np.array([float(mass)]))["eves"].nominal[:, 0, 0]
        assert n[1:] / n[0] == pytest.approx([first, second], rel=2e-3), mass


# ---------------------------------------------------------------- likelihoods


def least(name: str, law: str) -> tuple[float, float]:
    """2NLL and chi2 of the Standard Model, nuisance parameters profiled."""
    likelihood = Likelihood.from_workspace(analysis(name, law).workspace, "new_physics")
    fits = minimise(likelihood)
    assert fits.valid.all()
    return float(fits.twice_nll[0]), float(fits.twice_nll[0] - likelihood.saturated)


@pytest.mark.parametrize("name", EXPECTED["chi2"])
def test_chi2_of_the_standard_model(name: str) -> None:
    assert least(name, "linear")[1] == pytest.approx(EXPECTED["chi2"][name], abs=2e-3)


def test_chi2_of_coherent_csi() -> None:
    assert least("coherent_csi", "linear")[1] == pytest.approx(EXPECTED["coherent_csi"]["chi2"], abs=0.02)


@pytest.mark.parametrize("name", EXPECTED["twice_nll_normsys"])
def test_2nll_of_pyhf(name: str) -> None:
    assert least(name, "normsys")[0] == pytest.approx(EXPECTED["twice_nll_normsys"][name], abs=2e-3)


@pytest.mark.parametrize("law", ["linear", "normsys"])
def test_heights_of_the_combination(law: str) -> None:
    combination = analysis("eves", law)
    likelihood = Likelihood.from_workspace(combination.workspace, "new_physics")
    for point in EXPECTED["delta_twice_nll"][law]:
        choice = choose(NAMES[point["interaction"]])
        x = choice.x(np.array([0.0, point["g"]]))
        yields = combination.sample_yields(choice, np.array([point["mass_MeV"]]))
        rows = Rows(yields={name: polynomial(sample.nominal[:, 0], x).T for name, sample in yields.items()})
        standard, new = minimise(likelihood, rows=rows).twice_nll
        assert new - standard == pytest.approx(point["value"], abs=2e-3), point


@pytest.mark.parametrize(("parameter", "tolerance"), [("count", 0.3), ("sin2thetaw", 3e-4)])
def test_fits_of_coherent_csi(parameter: str, tolerance: float) -> None:
    found = fit(analysis("coherent_csi").likelihood(parameter), cl=0.6827)
    expected = EXPECTED["coherent_csi"]["fits"][parameter]
    assert [found.value, found.up, found.down] == pytest.approx(expected, abs=tolerance)


def test_no_coherent_scattering_is_rejected() -> None:
    # 11.6 standard deviations: arXiv:2110.07730
    found = fit(analysis("coherent_csi").likelihood("count"), cl=0.6827, null=0.0)
    assert found.significance == pytest.approx(11.5, abs=0.05)


def test_ratio_of_texono() -> None:
    # 1.08 +- 0.21 +- 0.16: arXiv:0911.1597
    found = fit(analysis("texono").likelihood("rate"), cl=0.6827)
    assert found.value == pytest.approx(1.08, abs=1e-4)
    assert [found.up, found.down] == pytest.approx([0.264, 0.264], abs=3e-3)


@pytest.mark.parametrize("limits", EXPECTED["limits"], ids=lambda x: f"{x['analysis']}-{x['interaction']}-{x['law']}")
def test_limits(limits: dict[str, Any]) -> None:
    """All crossings at one degree of freedom and 90 % CL."""
    choice = choose(NAMES.get(limits["interaction"], limits["interaction"]))
    problem = analysis(limits["analysis"], limits["law"]).problem(choice)
    found = exclude(problem, np.array(limits["masses_MeV"]), cl=0.9, dof=1)
    for point, ends in zip(found.points, limits["ends"], strict=True):
        assert point.valid
        crossings = [end for interval in point.excluded for end in interval if end is not None]
        assert crossings == pytest.approx(ends, rel=5e-3), point.mass_MeV


def test_an_interaction_that_acts_on_no_target_is_refused() -> None:
    with pytest.raises(SpecBuilderError, match="interaction 'tensor' has no cross section on any target of eves"):
        analysis("eves").problem(choose("tensor")).yields(np.array([1.0]))
    notes = analysis("global").notes(choose("tensor"), np.array([1.0]))
    assert [name for name, _ in notes] == ["xenonnt_er", "lz_ws2022_er", "pandax4t_run0_er", "texono"]
    assert notes[0][1] == "tensor does not act on xenon_electrons: xenonnt_er stays at the Standard Model"


def test_sources_are_fitted_apart_in_the_global_analysis() -> None:
    flux = fit(analysis("global").likelihood("flux"), cl=0.6827).value
    assert flux == pytest.approx(fit(analysis("combined").likelihood("flux"), cl=0.6827).value, abs=1e-5)
