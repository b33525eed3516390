"""A recoil spectrum as a sample of a workspace."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyhf
import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.experiments.response import MatrixResponse, Selection
from spec_builder.experiments.spectra import RecoilSpectrum
from spec_builder.inference.fit import fit
from spec_builder.inference.likelihood import Likelihood
from spec_builder.model.analysis import Analysis, load_analysis
from spec_builder.model.signal import signal_kernel
from spec_builder.model.spectra import share_outside, spectrum_notes, spectrum_yields
from spec_builder.model.spectrum_patches import spectrum_likelihood, spectrum_patch, spectrum_workspace

if TYPE_CHECKING:
    from spec_builder.base.arrays import FloatArray
    from spec_builder.experiments.description import Channel


def spectrum(energy: FloatArray, rate: FloatArray, target: str = "") -> RecoilSpectrum:
    return RecoilSpectrum("mine", "A spectrum", energy, rate, "made up", "computed", target, {}, "0" * 64)


def box(low: float, high: float, rate: float = 1.0, target: str = "") -> RecoilSpectrum:
    return spectrum(np.array([low, high]), np.array([rate, rate]), target)


@pytest.fixture(scope="module")
def absolute() -> Analysis:
    return load_analysis("xenonnt", variants={"xenonnt": "absolute_normalisation"})


def with_shape(channel: Channel) -> Channel:
    """The channel with a response that is 20 % higher and lower in its last bin."""
    assert isinstance(channel.response, MatrixResponse)
    sides = []
    for factor in (1.2, 0.8):
        selections = tuple(
            Selection(s.recoil_energy_keV, s.probability * np.array([1, 1, factor])[:, None])
            for s in channel.response.selections
        )
        sides.append(MatrixResponse(selections))
    return replace(channel, variations={"shape": (sides[0], sides[1])})


def test_events_of_a_box_are_the_integral_of_the_response(absolute: Analysis) -> None:
    (channel,) = absolute.channels
    assert isinstance(channel.response, MatrixResponse)
    yields = spectrum_yields(channel, box(1.03, 2.57, rate=3.0))
    fine = np.linspace(1.03, 2.57, 20001)
    pairs = zip(channel.exposures, channel.response.selections, strict=True)
    expected = sum(exposure * 3.0 * np.trapezoid(selection.at(fine), fine, axis=1) for exposure, selection in pairs)
    assert yields.nominal.shape == (3, 1, 3)
    assert yields.nominal[1, 0] == pytest.approx(expected, rel=1e-7)
    assert not yields.nominal[[0, 2]].any()


def test_a_spectrum_shares_the_normalisation_of_the_channel(absolute: Analysis) -> None:
    """10.7 events at 5.25e6 where the response alone gives 11.93: an efficiency, which any recoil has."""
    (channel,) = load_analysis("xenonnt").channels
    bare = spectrum_yields(absolute.channels[0], box(1.0, 2.0)).nominal[1, 0]
    factor = float(signal_kernel(channel).correction[0])
    assert factor == pytest.approx(10.7 / 11.93, rel=1e-3)
    assert spectrum_yields(channel, box(1.0, 2.0)).nominal[1, 0] == pytest.approx(factor * bare, rel=1e-12)


def test_shapes_of_the_response_are_shapes_of_the_spectrum(absolute: Analysis) -> None:
    yields = spectrum_yields(with_shape(absolute.channels[0]), box(1.0, 2.0))
    up, down = yields.variations["shape"]
    nominal = yields.nominal[1, 0]
    assert up[1, 0] == pytest.approx(nominal * [1, 1, 1.2])
    assert down[1, 0] == pytest.approx(nominal * [1, 1, 0.8])


def sample(workspace: dict[str, Any], channel: int = 0) -> dict[str, Any]:
    (found,) = [s for s in workspace["channels"][channel]["samples"] if s["name"] == "new_physics"]
    return dict(found)


def test_the_sample_has_the_detector_s_uncertainties_and_not_the_flux_s(absolute: Analysis) -> None:
    (experiment,) = absolute.experiments
    shaped = replace(absolute, experiments=(replace(experiment, channels=(with_shape(experiment.channels[0]),)),))
    added = sample(spectrum_workspace(shaped, box(1.0, 2.0)))
    kinds = {(m["name"], m["type"]) for m in added["modifiers"]}
    assert kinds == {
        ("mu_np", "normfactor"),
        ("shape", "histosys"),
        ("shape", "normsys"),
        ("xenonnt_fiducial", "normsys"),
    }


def test_pyhf_finds_the_strength_that_the_data_hold(absolute: Analysis) -> None:
    """The spectrum at strength 2 and the neutrinos, without fluctuations: 2 comes back."""
    workspace = spectrum_workspace(absolute, box(1.0, 3.0, rate=20.0))
    model = pyhf.Workspace(workspace).model(measurement_name="signal_strength")
    assert model.config.poi_name == "mu_np"
    truth = model.config.suggested_init()
    truth[model.config.poi_index] = 2.0
    data = model.expected_data(truth)
    likelihood = Likelihood.from_workspace(workspace, "signal_strength")
    expected = np.array([data[model.config.channel_slices[channel]] for channel in model.config.channels]).ravel()
    found = fit(likelihood.with_observed(expected))
    assert found.parameter == "mu_np"
    assert found.value == pytest.approx(2.0, abs=1e-4)


def test_in_the_workspace_s_own_measurements_the_strength_is_held_at_one(absolute: Analysis) -> None:
    workspace = spectrum_workspace(absolute, box(1.0, 2.0))
    strengths = {
        m["name"]: next(p for p in m["config"]["parameters"] if p["name"] == "mu_np") for m in workspace["measurements"]
    }
    assert {name: p["fixed"] for name, p in strengths.items()} == {
        "b8_flux": True,
        "new_physics": True,
        "signal_strength": False,
    }
    assert strengths["new_physics"]["inits"] == [1.0]


@pytest.mark.parametrize("rate", [1e-6, 1.0, 1e6])
def test_the_limit_on_the_rate_does_not_depend_on_the_spectrum_s_size(absolute: Analysis, rate: float) -> None:
    found = fit(spectrum_likelihood(absolute, box(1.0, 2.0, rate=rate)), cl=0.9)
    assert found.valid
    assert found.up is not None
    assert rate * (found.value + found.up) == pytest.approx(62.5531, rel=1e-5)


def test_a_weaker_exposure_gives_fewer_events(absolute: Analysis) -> None:
    one, ten = (spectrum_yields(absolute.experiments[0].scaled(f).channels[0], box(1.0, 2.0)) for f in (1, 10))
    assert ten.nominal == pytest.approx(10 * one.nominal)


# ---------------------------------------------------------------- what is left out


def flat(low: float, high: float, probability: float = 0.1) -> MatrixResponse:
    return MatrixResponse((Selection(np.array([low, (low + high) / 2, high]), np.full((3, 3), probability / 3)),))


def one_run(channel: Channel, response: MatrixResponse) -> Channel:
    return replace(channel, runs=channel.runs[:1], response=response)


@pytest.mark.parametrize(
    ("low", "high", "share"),
    [(1.0, 5.0, 0.0), (1.0, 9.0, 0.5), (4.0, 6.0, 0.5), (0.5, 5.0, 0.5 / 4.5), (6.0, 7.0, 1.0)],
)
def test_share_of_accepted_events_outside_a_flat_response(
    absolute: Analysis, low: float, high: float, share: float
) -> None:
    channel = one_run(absolute.channels[0], flat(1.0, 5.0))
    assert share_outside(channel, box(low, high)) == pytest.approx(share, abs=1e-6)


def test_below_its_first_row_a_response_goes_on_as_a_power(absolute: Analysis) -> None:
    """Probability T^2 from 1 to 3 keV: a third of T^3 below 1 keV, and the chord between the rows above."""
    energy = np.linspace(1.0, 3.0, 201)
    response = MatrixResponse((Selection(energy, np.outer(np.ones(3), energy**2) / 30),))
    share = share_outside(one_run(absolute.channels[0], response), box(0.0, 3.0))
    assert share == pytest.approx(1 / 27, rel=1e-2)


def test_a_spectrum_outside_the_simulated_recoils_is_told_of(absolute: Analysis) -> None:
    ((name, text),) = spectrum_notes(absolute, box(4.0, 20.0))
    assert name == "xenonnt"
    assert text.endswith(
        "% of the accepted events of mine would lie outside 0.5 to 5 keV, the recoil energies of the "
        "response; they are left out"
    )
    assert spectrum_notes(absolute, box(1.0, 2.0)) == ()


# ---------------------------------------------------------------- targets


def test_a_spectrum_acts_on_its_own_target() -> None:
    both = load_analysis("xenonnt+xenonnt_er")
    with pytest.raises(SpecBuilderError, match="has the targets xenon, xenon_electrons, expected a header line"):
        spectrum_patch(both, box(1.0, 2.0))
    added = [operation["path"] for operation in spectrum_patch(both, box(1.0, 2.0, target="xenon"))]
    assert [path for path in added if path.startswith("/channels")] == ["/channels/0/samples/-"]
    notes = spectrum_notes(both, box(1.0, 2.0, target="xenon"))
    assert len(notes) == 1
    assert "stays at the Standard Model" in notes[0][1]
    with pytest.raises(SpecBuilderError, match="its target is argon, but xenonnt has xenon"):
        spectrum_patch(load_analysis("xenonnt"), box(1.0, 2.0, target="argon"))


def test_a_spectrum_without_events_and_a_channel_with_a_fluence_are_refused(absolute: Analysis) -> None:
    with pytest.raises(SpecBuilderError, match="it gives no events in xenonnt"):
        spectrum_patch(absolute, box(50.0, 60.0))
    with pytest.raises(SpecBuilderError, match="its source has a fluence"):
        spectrum_patch(load_analysis("coherent_csi"), box(1.0, 2.0))


def test_energies_of_electrons_are_none_of_nuclei(absolute: Analysis) -> None:
    electrons = replace(box(1.0, 2.0), recoil="electron")
    with pytest.raises(SpecBuilderError, match="its energies are of electrons, but xenonnt has xenon"):
        spectrum_patch(absolute, electrons)
    assert spectrum_patch(load_analysis("eves"), electrons)
