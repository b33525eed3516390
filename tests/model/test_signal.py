"""Signal templates: events per bin as polynomials."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec_builder.base.errors import SpecBuilderError
from spec_builder.experiments.description import Normalisation, Signal
from spec_builder.experiments.reading import load_experiment, shipped_experiments
from spec_builder.experiments.response import ChargeYieldResponse, GaussianResponse, MatrixResponse, Selection
from spec_builder.model.signal import SignalKernel, Yields, joined, signal_kernel
from spec_builder.physics.interactions import STANDARD_MODEL, WEAK_MIXING_ANGLE, choose
from spec_builder.physics.rates import rate
from spec_builder.physics.sources import load_source
from spec_builder.physics.targets import load_target

if TYPE_CHECKING:
    from spec_builder.base.arrays import FloatArray
    from spec_builder.physics.choices import Choice

CHOICES = [("xenonnt", None), ("pandax4t", None), ("xenonnt", "charge_yield"), ("pandax4t", "charge_yield")]
NEW_PHYSICS = ("scalar", "vector_universal", "vector_bl", "axial", "tensor")
B8, XENON = load_source("solar_8b"), load_target("xenon")

masses = st.floats(1e-2, 1e3)
couplings = st.floats(1e-8, 1e-1)


@cache
def kernel(name: str, variant: str | None = None) -> SignalKernel:
    return signal_kernel(load_experiment(name, variant).channels[0])


def cevns(response: SignalKernel, choice: Choice, mass: FloatArray) -> Yields:
    (yields,) = response.yields(choice, mass).values()
    return yields


# ---------------------------------------------------------------- the Standard Model


@pytest.mark.parametrize(
    ("name", "events"),
    # 10.7 events at 5.25e6 cm^-2 s^-1 (arXiv:2408.02877), 75 at 8.4e6 (arXiv:2407.10892), at 5.46e6
    [("xenonnt", 10.7 * 5.46 / 5.25), ("pandax4t", 48.8)],
)
def test_standard_model_events(name: str, events: float) -> None:
    for variant in (None, *load_experiment(name).variants):
        if variant != "absolute_normalisation":
            assert kernel(name, variant).standard_model().sum() == pytest.approx(events, rel=1e-9)


def test_wide_rows_follow_the_end_of_each_component() -> None:
    """pp neutrinos end at 264 keV of an electron, 8B neutrinos at 16 MeV: the events of either, by a fine sum."""
    rows, accepted = np.array([1.0, 10.0, 100.0, 1e3, 1e4]), np.array([[0.1, 0.5, 0.3, 0.1, 0.0]])
    er = load_experiment("xenonnt_er").channels[0]
    response = MatrixResponse((Selection(rows, accepted),) * len(er.runs))
    own = signal_kernel(replace(er, response=response, normalisation=None, observed=np.zeros(1)))
    T = np.geomspace(1.0, 1e4, 200_001)
    rates = rate(er.source, er.target, STANDARD_MODEL, T)[:, 0, 0]
    expected = er.exposure * np.trapezoid(rates * np.interp(T, rows, accepted[0]), T, axis=1)
    folded = own.kernel.fold(rate(er.source, er.target, STANDARD_MODEL, own.kernel.recoil_energy_keV))[:, 0, 0, 0]
    np.testing.assert_allclose(folded, expected, rtol=1e-4)


def test_response_of_xenonnt_alone() -> None:
    # 11.9 events at 5.25e6 cm^-2 s^-1, arXiv:2408.02877
    alone = kernel("xenonnt", "absolute_normalisation")
    assert alone.standard_model().sum() * 5.25 / 5.46 == pytest.approx(11.93, abs=0.01)
    assert (alone.correction == 1).all()


def test_default_normalisation_scales_the_response_of_xenonnt() -> None:
    np.testing.assert_allclose(kernel("xenonnt").correction, np.full(3, 0.897), atol=5e-4)


def test_hep_neutrinos_add_a_sixth_of_an_event() -> None:
    alone = kernel("xenonnt", "absolute_normalisation").channel
    hep = signal_kernel(replace(alone, source=load_source("solar_hep"))).standard_model()
    assert (hep > 0).all()
    assert 0.16 <= hep.sum() <= 0.17


# ---------------------------------------------------------------- polynomials


@given(
    coefficients=st.lists(st.floats(-1e3, 1e3), min_size=6, max_size=6),
    x=st.lists(st.floats(-10, 10), min_size=1, max_size=4),
)
def test_polynomial_evaluates_each_bin(coefficients: list[float], x: list[float]) -> None:
    n = np.array(coefficients).reshape(3, 2)
    events = Yields(n, {})(np.array(x))
    expected = [[n[0, i] + n[1, i] * value + n[2, i] * value**2 for i in range(2)] for value in x]
    np.testing.assert_allclose(events, expected, rtol=1e-12, atol=1e-9)


def test_shapes() -> None:
    polynomial = cevns(kernel("pandax4t"), choose("scalar"), np.array([1.0, 10.0, 100.0]))
    assert polynomial.nominal.shape == (3, 3, 8)
    assert polynomial(1e-10).shape == (3, 8)
    assert polynomial(np.zeros((5, 2))).shape == (5, 2, 3, 8)


@pytest.mark.parametrize(("name", "variant"), CHOICES)
@pytest.mark.parametrize("interaction", NEW_PHYSICS)
@given(mass=masses, coupling=couplings)
def test_interactions_against_direct_folding(
    name: str, variant: str | None, interaction: str, mass: float, coupling: float
) -> None:
    response = kernel(name, variant)
    energies, x = response.kernel.recoil_energy_keV, coupling**2
    added = rate(B8, XENON, choose(interaction), energies, np.array([mass]))[0, :, 0]
    expected = response.kernel.fold(added[0] + x * added[1] + x**2 * added[2])
    events = cevns(response, choose(interaction), np.array([mass]))(x)[0]
    scale = np.abs(x * added[1]).max() + np.abs(x**2 * added[2]).max()
    np.testing.assert_allclose(events, expected, rtol=1e-10, atol=1e-14 * scale)


@pytest.mark.parametrize(("name", "variant"), CHOICES)
@given(angle=st.floats(0, 1))
def test_weak_mixing_angle_against_direct_folding(name: str, variant: str | None, angle: float) -> None:
    response = kernel(name, variant)
    polynomial = rate(B8, XENON, WEAK_MIXING_ANGLE, response.kernel.recoil_energy_keV)[0, :, 0]
    expected = response.kernel.fold(polynomial[0] + angle * polynomial[1] + angle**2 * polynomial[2])
    np.testing.assert_allclose(response.weak_mixing_angle()["cevns"](angle)[0], expected, rtol=1e-10)


@pytest.mark.parametrize(("name", "variant"), CHOICES)
@given(flux=st.floats(0, 60))
def test_events_go_with_the_flux(name: str, variant: str | None, flux: float) -> None:
    response = kernel(name, variant)
    np.testing.assert_allclose(
        response.proportional("mu_8b", 5.46)["cevns"](flux)[0], response.standard_model() * flux / 5.46, rtol=1e-9
    )


@pytest.mark.parametrize(("name", "variant"), CHOICES)
@pytest.mark.parametrize("interaction", NEW_PHYSICS)
def test_no_coupling_is_the_standard_model(name: str, variant: str | None, interaction: str) -> None:
    response = kernel(name, variant)
    events = cevns(response, choose(interaction), np.array([0.01, 10.0, 1000.0]))(0.0)
    np.testing.assert_allclose(events, np.tile(response.standard_model(), (3, 1)), rtol=1e-14)


def test_choices_of_an_interaction_reach_the_template() -> None:
    response, mass = kernel("xenonnt"), np.array([10.0])

    def events(interaction: str, **options: object) -> float:
        return float(cevns(response, choose(interaction, **options), mass).nominal[2].sum())

    assert events("scalar", coupling_set="B") > 2 * events("scalar", coupling_set="E")
    assert 1 < events("tensor", longitudinal_factor=4) / events("tensor", longitudinal_factor=1) < 4


@given(scale=st.floats(1e-3, 1e3))
def test_scaled_kernel(scale: float) -> None:
    bare = kernel("xenonnt").kernel
    rate = np.exp(-bare.recoil_energy_keV)
    np.testing.assert_allclose(
        bare.scaled(scale * np.array([1.0, 2.0, 3.0])).fold(rate), scale * bare.fold(rate) * [1, 2, 3], rtol=1e-12
    )


# ---------------------------------------------------------------- other sources and targets


def test_an_interaction_without_a_cross_section_leaves_the_standard_model() -> None:
    eves = signal_kernel(load_experiment("lz_ws2022_er").channels[0])
    for name, yields in eves.yields(choose("tensor"), np.array([1.0, 10.0])).items():
        np.testing.assert_allclose(yields.nominal[0], np.tile(eves.samples()[name], (2, 1)), rtol=1e-13)
        assert not yields.nominal[1:].any()


def test_samples_share_out_the_components() -> None:
    channel = load_experiment("lz_ws2022_er").channels[0]
    apart, together = (
        signal_kernel(channel),
        signal_kernel(replace(channel, signals=(Signal("all", None, "mu_pp", {}),))),
    )
    masses = np.array([0.01, 10.0])
    parts = apart.yields(choose("vector_universal"), masses)
    whole = together.yields(choose("vector_universal"), masses)["all"].nominal
    np.testing.assert_allclose(sum(part.nominal for part in parts.values()), whole, rtol=1e-12)


def test_variations_are_other_responses() -> None:
    """A shape parameter's ends are what the channel would expect with that response."""
    channel = load_experiment("coherent_csi", "response_shapes").channels[0]
    yields = signal_kernel(channel).yields(choose("axial"), np.array([10.0]))["cevns"]
    for name, responses in channel.variations.items():
        for side, response in zip(yields.variations[name], responses, strict=True):
            alone = signal_kernel(replace(channel, response=response, variations={}))
            expected = alone.yields(choose("axial"), np.array([10.0]))["cevns"].nominal
            np.testing.assert_allclose(side, expected, rtol=1e-12)


def test_variations_have_the_factor_of_the_nominal_response() -> None:
    channel = load_experiment("coherent_csi", "response_shapes").channels[0]
    plain, scaled = signal_kernel(channel), signal_kernel(replace(channel, normalisation=Normalisation(620.0, None)))
    factor = scaled.standard_model().sum() / plain.standard_model().sum()
    for name, (up, down) in plain.templates()["cevns"].variations.items():
        other = scaled.templates()["cevns"].variations[name]
        np.testing.assert_allclose(other[0], factor * up, rtol=1e-12)
        np.testing.assert_allclose(other[1], factor * down, rtol=1e-12)


def test_yields_side_by_side() -> None:
    one = Yields(np.ones((3, 2, 2)), {"a": (np.full((3, 2, 2), 2.0), np.zeros((3, 2, 2)))})
    other = Yields(np.full((3, 2, 1), 5.0), {})
    both = joined([one, None, other], [2, 3, 1])
    assert both.nominal[0, 0].tolist() == [1, 1, 0, 0, 0, 5]
    up, down = both.variations["a"]
    assert (up[0, 0].tolist(), down[0, 0].tolist()) == ([2, 2, 0, 0, 0, 5], [0, 0, 0, 0, 0, 5])


def shortened(last: int) -> SignalKernel:
    """PandaX-4T with a response that ends early."""
    (channel,) = load_experiment("pandax4t").channels
    assert isinstance(channel.response, MatrixResponse)
    (selection,) = channel.response.selections
    cut = Selection(selection.recoil_energy_keV[:last], selection.probability[:, :last])
    return signal_kernel(replace(channel, response=MatrixResponse((cut,))))


def test_a_response_that_ends_early_says_so() -> None:
    whole = kernel("pandax4t")
    assert whole.share_beyond(STANDARD_MODEL) == 0
    (selection,) = whole.channel.response.selections  # type: ignore[union-attr]
    short = shortened(int(np.searchsorted(selection.recoil_energy_keV, 1.0)))
    share = short.share_beyond(STANDARD_MODEL)
    assert 0.03 < share < 0.9


@pytest.mark.parametrize(
    ("kept", "note"),
    [
        (slice(None), None),
        (slice(21), "ends at 1.15 keV, within a bin: recoils above are left out"),
        (slice(11, None), "begins at 0.7 keV, within a bin: recoils below are left out"),
    ],
)
def test_bins_beyond_the_table_of_a_charge_yield_are_told(kept: slice, note: str | None) -> None:
    channel = kernel("pandax4t", "charge_yield").channel
    response = channel.response
    assert isinstance(response, ChargeYieldResponse)
    energy, charge_yield = response.recoil_energy_keV[kept], response.charge_yield[kept]
    cut = signal_kernel(
        replace(channel, response=replace(response, recoil_energy_keV=energy, charge_yield=charge_yield))
    )
    told = () if note is None else (f"the table of the charge yield of pandax4t_us2 {note}",)
    assert cut.outside_in_words() == told


@pytest.mark.parametrize(
    "changed",
    [{"normalisation": Normalisation(5.0, 5.41e-320)}, {"exposure": 1e305}],
    ids=["a flux of nothing", "an exposure without end"],
)
def test_events_beyond_all_numbers_are_refused(changed: dict[str, Any]) -> None:
    channel = load_experiment("xenonnt").channels[0]
    if "exposure" in changed:
        channel = replace(channel.scaled(**changed), normalisation=None)
    else:
        channel = replace(channel, **changed)
    with pytest.raises(SpecBuilderError, match=r"Standard Model events, expected at most 1e\+15; check its exposures"):
        signal_kernel(channel)


def test_events_that_hang_on_recoils_of_no_energy_are_refused() -> None:
    """1/T has no integral down to 0: where a resolution lets recoils of no energy into the bins, there is no number."""
    channel = kernel("pandax4t").channel
    response = GaussianResponse(
        bin_edges=(np.linspace(1.0, 5.0, 9),),
        reconstructed_energy_keV=np.array([0.01, 50.0]),
        efficiency=np.ones(2),
        resolution=((0.5, 0.0),),
    )
    constant = signal_kernel(replace(channel, response=response))
    masses = np.array([0.01, 10.0])
    with pytest.raises(SpecBuilderError, match="pandax4t_us2: of what interaction 'magnetic_moment' adds, events hang"):
        constant.yields(choose("magnetic_moment"))
    with pytest.raises(SpecBuilderError, match=r"'vector_bl' adds at a mass of 0\.01 MeV, events hang on recoils"):
        constant.yields(choose("vector_bl"), masses)
    constant.yields(choose("vector_bl"), masses[1:])
    vanishing = replace(channel, response=replace(response, resolution=((0.5, 0.5),)))
    signal_kernel(vanishing).yields(choose("magnetic_moment"))


def test_shipped_responses_reach_far_enough() -> None:
    for name in shipped_experiments():
        for channel in load_experiment(name).channels:
            assert signal_kernel(channel).share_beyond(STANDARD_MODEL) < 0.03, channel.name
