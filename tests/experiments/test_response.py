"""Responses: from a recoil spectrum to events in bins."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import ndtr

from spec_builder.experiments.description import Channel, Run
from spec_builder.experiments.reading import load_experiment
from spec_builder.experiments.response import (
    NODES_PER_INTERVAL,
    ChargeYieldResponse,
    GaussianResponse,
    Kernel,
    MatrixResponse,
    Selection,
)
from spec_builder.model.signal import signal_kernel
from spec_builder.physics.interactions import STANDARD_MODEL, choose
from spec_builder.physics.rates import rate

if TYPE_CHECKING:
    from spec_builder.base.arrays import FloatArray


def channel(name: str, variant: str | None = None) -> Channel:
    (only,) = load_experiment(name, variant).channels
    return only


CHARGE_YIELD = {name: channel(name, "charge_yield") for name in ("xenonnt", "pandax4t")}
CHANNELS = {
    f"{name}-{variant or 'default'}": channel(name, variant)
    for name, variants in {
        "xenonnt": (None, "charge_yield"),
        "pandax4t": (None, "poisson_response", "charge_yield"),
    }.items()
    for variant in variants
}
MASSES_MEV = np.array([0.01, 1.0, 10.0, 100.0, 1000.0])


def charge_yield_response(name: str) -> ChargeYieldResponse:
    response = CHARGE_YIELD[name].response
    assert isinstance(response, ChargeYieldResponse)
    return response


def matrix_response(channel: Channel) -> MatrixResponse:
    assert isinstance(channel.response, MatrixResponse)
    return channel.response


def kernel_of(channel: Channel, **how: Any) -> Kernel:
    return channel.response.kernel(channel.exposures, **how)


# ---------------------------------------------------------------- folding


def test_kernel_against_numerical_integration() -> None:
    """Events in each bin of XENONnT: exposure x response x dR/dT, run by run."""
    xenonnt = channel("xenonnt")
    response, kernel = matrix_response(xenonnt), kernel_of(xenonnt)
    found = kernel.fold(np.exp(-2 * kernel.recoil_energy_keV))
    for bin_ in range(3):
        expected = 0.0
        for exposure, run in zip(xenonnt.exposures, response.selections, strict=True):
            nodes, probability = run.recoil_energy_keV, run.probability[bin_]

            def integrand(T: float, nodes: FloatArray = nodes, probability: FloatArray = probability) -> float:
                return float(np.interp(T, nodes, probability) * np.exp(-2 * T))

            integral, _ = quad(integrand, nodes[0], nodes[-1], points=nodes[1:-1], limit=500, epsrel=1e-10)
            expected += exposure * integral
        assert found[bin_] == pytest.approx(expected, rel=1e-9)


def test_response_is_zero_outside_its_table() -> None:
    selection = Selection(np.array([1.0, 2.0]), np.array([[0.5, 0.7]]))
    np.testing.assert_allclose(selection.at(np.array([0.999, 1.0, 1.5, 2.0, 2.001])), [[0, 0.5, 0.6, 0.7, 0]])


@pytest.mark.parametrize("of", CHANNELS.values(), ids=CHANNELS)
@pytest.mark.parametrize("interaction", ["sm", "scalar", "vector_universal", "vector_bl", "axial", "tensor"])
def test_twice_the_nodes_change_no_bin(of: Channel, interaction: str) -> None:
    def events(nodes: int) -> FloatArray:
        kernel = kernel_of(of, nodes_per_interval=nodes)
        choice = STANDARD_MODEL if interaction == "sm" else choose(interaction)
        masses = MASSES_MEV if choice.has_mediator else None
        return kernel.fold(rate(of.source, of.target, choice, kernel.recoil_energy_keV, masses))

    coarse, fine = events(NODES_PER_INTERVAL), events(2 * NODES_PER_INTERVAL)
    assert fine.any()
    np.testing.assert_allclose(coarse, fine, rtol=1e-4)


def test_windows_of_the_charge_yield_are_integrated_to_a_billionth() -> None:
    """Where the efficiency is a number there is nothing else that splits them; one piece would miss 1e-8."""
    of = CHARGE_YIELD["pandax4t"]
    found = []
    for nodes in (NODES_PER_INTERVAL, 10 * NODES_PER_INTERVAL):
        kernel = kernel_of(of, nodes_per_interval=nodes)
        polynomial = rate(of.source, of.target, choose("scalar"), kernel.recoil_energy_keV, MASSES_MEV)[0]
        found.append(kernel.fold(polynomial)[[0, 2]])
    np.testing.assert_allclose(found[0], found[1], rtol=1e-9)


@given(factor=st.floats(1e-3, 1e3))
def test_events_go_with_the_exposure(factor: float) -> None:
    for of in CHANNELS.values():
        rate = np.ones(kernel_of(of).recoil_energy_keV.size)
        np.testing.assert_allclose(
            kernel_of(of.scaled(factor)).fold(rate), factor * kernel_of(of).fold(rate), rtol=1e-12
        )


def test_runs_add() -> None:
    xenonnt = channel("xenonnt")
    kernel = kernel_of(xenonnt)
    whole = kernel.fold(np.exp(-kernel.recoil_energy_keV)).sum()
    parts = 0.0
    for exposure, selection in zip(xenonnt.exposures, matrix_response(xenonnt).selections, strict=True):
        alone = MatrixResponse((selection,)).kernel((exposure,))
        parts += alone.fold(np.exp(-alone.recoil_energy_keV)).sum()
    assert whole == pytest.approx(parts, rel=1e-10)


def test_breaks_are_edges_of_the_quadrature() -> None:
    """A rate that jumps between two rows of the table is integrated exactly when the jump is named."""
    pandax4t = channel("pandax4t")
    jump = 0.7234
    exact = kernel_of(pandax4t, breaks_keV=(jump,))
    above = exact.fold((exact.recoil_energy_keV > jump).astype(float))
    T = np.linspace(jump, 3.5, 200_001)
    expected = 1.04 * np.trapezoid(matrix_response(pandax4t).selections[0].at(T), T, axis=1)
    np.testing.assert_allclose(above, expected, rtol=1e-6)
    plain = kernel_of(pandax4t)
    assert not np.allclose(plain.fold((plain.recoil_energy_keV > jump).astype(float)), expected, rtol=1e-4)


def test_wide_intervals_follow_light_mediators_and_the_end_of_a_spectrum() -> None:
    """Of a table with three rows, against the integrals in closed form."""
    low, middle, end = 1e-3, 1.0, 4.6
    wide = MatrixResponse((Selection(np.array([low, middle, 60.0]), np.ones((1, 3))),))
    kernel = wide.kernel((1.0,), ends_keV=(end,))
    T = kernel.recoil_energy_keV
    below = kernel.recoil_energy_keV < middle
    assert kernel.fold(np.where(below, 1 / T, 0.0))[0] == pytest.approx(np.log(middle / low), rel=1e-6)
    assert kernel.fold(np.where(below, T**-2.0, 0.0))[0] == pytest.approx(1 / low - 1 / middle, rel=1e-5)
    steep = np.where(below, 0.0, np.clip(1 - T / end, 0, None) ** 12)
    assert kernel.fold(steep)[0] == pytest.approx(end / 13 * (1 - middle / end) ** 13, rel=1e-6)


@given(order=st.permutations(range(8)))
def test_permutation_of_bins_permutes_the_signal(order: list[int]) -> None:
    pandax4t = channel("pandax4t")
    selections = matrix_response(pandax4t).selections
    shuffled = MatrixResponse(tuple(Selection(s.recoil_energy_keV, s.probability[order]) for s in selections))
    signal = signal_kernel(replace(pandax4t, response=shuffled)).standard_model()
    np.testing.assert_allclose(signal, signal_kernel(pandax4t).standard_model()[order], rtol=1e-12)


def test_normalisation_takes_the_place_of_the_exposure() -> None:
    pandax4t = channel("pandax4t")
    longer = replace(pandax4t, runs=(Run("us2", 10.4),))
    scaled, absolute = signal_kernel(longer), signal_kernel(replace(longer, normalisation=None))
    np.testing.assert_allclose(scaled.standard_model(), signal_kernel(pandax4t).standard_model(), rtol=1e-12)
    shorter = signal_kernel(replace(pandax4t, normalisation=None))
    np.testing.assert_allclose(absolute.standard_model(), 10 * shorter.standard_model(), rtol=1e-12)


def test_what_lies_beyond_the_table() -> None:
    """The last probability is held up to the spectrum's end."""
    selection = Selection(np.array([1.0, 2.0]), np.array([[0.1, 0.3], [0.1, 0.2]]))
    beyond = MatrixResponse((selection,)).kernel_beyond((2.0,), 5.0)
    assert beyond is not None
    assert beyond.fold(np.ones(beyond.recoil_energy_keV.size)) == pytest.approx([2.0 * 0.5 * 3.0])
    assert MatrixResponse((selection,)).kernel_beyond((2.0,), 2.0) is None


# ---------------------------------------------------------------- Gaussian


def gaussian(**changes: object) -> GaussianResponse:
    plain = GaussianResponse(
        bin_edges=(np.array([1.0, 2.0, 3.0, 5.0]),),
        reconstructed_energy_keV=np.array([0.5, 1.3, 2.2, 4.0]),
        efficiency=np.array([0.0, 0.3, 0.8, 0.7]),
        resolution=((0.31, 0.5), (0.0037, 1.0)),
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("T", [0.3, 1.0, 2.1, 4.5, 6.0])
def test_gaussian_in_closed_form_against_quadrature(T: float) -> None:
    response = gaussian()
    found = response.probability(response.bin_edges[0], np.array([T]))[:, 0]
    sigma = 0.31 * np.sqrt(T) + 0.0037 * T
    for i, (low, high) in enumerate(itertools.pairwise(response.bin_edges[0])):

        def integrand(energy: float) -> float:
            efficiency = np.interp(energy, response.reconstructed_energy_keV, response.efficiency, left=0.0)
            return float(efficiency * np.exp(-(((energy - T) / sigma) ** 2) / 2) / (np.sqrt(2 * np.pi) * sigma))

        expected, _ = quad(integrand, low, high, points=[1.3, 2.2, 4.0], epsabs=1e-13, limit=200)
        assert found[i] == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_gaussian_is_zero_below_its_efficiency_and_constant_above() -> None:
    narrow = gaussian(resolution=((1e-4, 0.0),), efficiency=np.array([0.2, 0.3, 0.8, 0.7]))
    edges = np.array([0.1, 0.4, 0.6, 5.0])
    found = narrow.probability(edges, np.array([0.3, 0.45, 0.55, 4.8]))
    np.testing.assert_allclose(found[:, [0, 1, 3]], np.diag([0.0, 0.0, 0.7]), atol=1e-12)
    assert found[1, 2] == pytest.approx(np.interp(0.55, [0.5, 1.3], [0.2, 0.3]))


@pytest.mark.parametrize("power", [0, -2])
def test_gaussian_converges(power: int) -> None:
    """Flat spectra, and those of light mediators that fall like 1/T^2."""
    for response in (gaussian(), gaussian(resolution=((0.073, 0.0), (0.173, 1.0)), hold_above_keV=3.0)):
        events = []
        for nodes in (NODES_PER_INTERVAL, 3 * NODES_PER_INTERVAL):
            kernel = response.kernel((1.0,), nodes_per_interval=nodes)
            events.append(kernel.fold(kernel.recoil_energy_keV**power))
        np.testing.assert_allclose(events[0], events[1], rtol=1e-6)


def test_gaussian_follows_a_light_mediator_to_the_least_recoils() -> None:
    """A resolution that stays at zero energy: 1/(T + a)^2 is integrated far below a panel of the resolution."""
    edges, scale, sigma = np.array([1.0, 5.0]), 1e-4, 0.5
    response = gaussian(
        bin_edges=(edges,),
        reconstructed_energy_keV=np.array([0.01, 50.0]),
        efficiency=np.array([1.0, 1.0]),
        resolution=((sigma, 0.0),),
    )
    kernel = response.kernel((1.0,))

    def integrand(log_T: float) -> float:
        T = np.exp(log_T)
        return float(T / (T + scale) ** 2 * np.diff(ndtr((edges - T) / sigma))[0])

    expected, _ = quad(integrand, np.log(1e-12), np.log(9.0), points=np.log([scale, 0.3, 1.0, 5.0]), limit=500)
    assert kernel.fold((kernel.recoil_energy_keV + scale) ** -2.0)[0] == pytest.approx(expected, rel=1e-5)


def test_gaussian_far_above_a_short_spectrum_is_not_divided_by_it() -> None:
    """Solar neutrinos of 0.4 MeV give a xenon nucleus 3e-3 keV: a hundred thousand panels up to the last bin."""
    kernel = gaussian(resolution=((0.5, 0.0),)).kernel((1.0,), ends_keV=(3e-3,))
    assert kernel.recoil_energy_keV.size < 200 * NODES_PER_INTERVAL


def test_gaussian_tails_are_nowhere_negative() -> None:
    """Rounding made bins that no recoil reaches negative, and limits were refused for it."""
    response = gaussian(
        bin_edges=(np.array([200.0, 560.0, 600.0]),),
        reconstructed_energy_keV=np.array([0.01, 300.0, 800.0]),
        efficiency=np.array([0.2, 0.9, 0.5]),
        resolution=((0.01, 0.5),),
    )
    energies = np.linspace(150.0, 640.0, 20_001)
    assert response.probability(response.bin_edges[0], energies).min() == 0.0


def test_gaussian_keeps_all_events_of_a_flat_spectrum() -> None:
    """Far from the ends, what is smeared out of a bin is smeared in from its neighbours."""
    response = gaussian(
        bin_edges=(np.arange(10.0, 20.0),),
        reconstructed_energy_keV=np.array([0.0, 50.0]),
        efficiency=np.array([0.5, 0.5]),
        resolution=((0.2, 0.0),),
    )
    kernel = response.kernel((3.0,))
    np.testing.assert_allclose(kernel.fold(np.ones(kernel.recoil_energy_keV.size)), 1.5, rtol=1e-9)


def test_gaussian_breaks() -> None:
    response, jump = gaussian(), 1.1705
    kernel = response.kernel((1.0,), breaks_keV=(jump,))
    found = kernel.fold((kernel.recoil_energy_keV > jump).astype(float))
    T = np.linspace(jump, 12.0, 400_001)
    expected = np.trapezoid(response.probability(response.bin_edges[0], T), T, axis=1)
    np.testing.assert_allclose(found, expected, rtol=1e-7)


def test_resolution_is_held_where_it_is_asked_for() -> None:
    cubic = ((0.073, 0.0), (0.173, 1.0), (-6.5e-3, 2.0), (1.1e-4, 3.0))
    held, free = gaussian(resolution=cubic, hold_above_keV=30.0), gaussian(resolution=cubic)
    assert held.sigma_keV(60.0) == pytest.approx(held.sigma_keV(30.0))
    assert free.sigma_keV(60.0) == pytest.approx(0.073 + 0.173 * 60 - 6.5e-3 * 3600 + 1.1e-4 * 216000)
    assert held.sigma_keV(12.0) == free.sigma_keV(12.0)


def test_resolution_that_outgrows_the_energy_has_no_end() -> None:
    assert gaussian(resolution=((0.3, 1.0),)).reach_keV()[1] == np.inf
    assert gaussian(resolution=((0.3, 1.0),), hold_above_keV=5.0).reach_keV()[1] < 25


# ---------------------------------------------------------------- charge yield, Eqs. (12)-(15)


@pytest.mark.parametrize("name", CHARGE_YIELD)
@given(fraction=st.floats(0, 1))
def test_window_inverts_the_charge_yield(name: str, fraction: float) -> None:
    response = charge_yield_response(name)
    T, yield_ = response.recoil_energy_keV, response.charge_yield
    n = response.gain * (T[0] * yield_[0] + fraction * (T[-1] * yield_[-1] - T[0] * yield_[0]))
    energy = response.window_keV(np.array([n]))[0]
    assert energy * np.interp(energy, T, yield_) * response.gain == pytest.approx(n, rel=1e-12)


def test_window_of_pandax4t() -> None:
    # arXiv:2411.11749, footnote 3: N_e in [4, 8) is [0.66, 1.19] keV
    window = charge_yield_response("pandax4t").window_keV(np.array([4.0, 8.0]))
    np.testing.assert_allclose(window, [0.66, 1.19], atol=0.005)


def test_edges_beyond_the_yield_are_moved_to_its_end() -> None:
    response = charge_yield_response("pandax4t")
    window = response.window_keV(np.array([0.0, 1e9]))
    np.testing.assert_allclose(window, response.recoil_energy_keV[[0, -1]], rtol=1e-12)


def test_each_bin_of_the_charge_yield_counts_its_window() -> None:
    response = charge_yield_response("pandax4t")
    (edges,) = response.bin_edges
    kernel = kernel_of(CHARGE_YIELD["pandax4t"])
    # a flat spectrum: exposure x efficiency x width of the window
    events = kernel.fold(np.ones(kernel.recoil_energy_keV.size))
    np.testing.assert_allclose(events, 1.04 * 0.307 * np.diff(response.window_keV(edges)), rtol=1e-12)


def test_charge_yield_windows_in_the_observable() -> None:
    """Eq. (13): the integral over n of dR/dn = dR/dT dT/dn, by brute force in n."""
    response = charge_yield_response("pandax4t")
    (edges,) = response.bin_edges
    kernel = kernel_of(CHARGE_YIELD["pandax4t"])
    found = kernel.fold(np.exp(-kernel.recoil_energy_keV))
    for i in range(edges.size - 1):
        n = np.linspace(edges[i], edges[i + 1], 4001)
        T = response.window_keV(n)
        integral = np.trapezoid(np.exp(-T) * np.gradient(T, n, edge_order=2), n)
        assert found[i] == pytest.approx(1.04 * 0.307 * integral, rel=1e-5)


def test_efficiency_of_xenonnt_is_the_sum_of_the_bins() -> None:
    response = charge_yield_response("xenonnt")
    for efficiency, selection in zip(response.efficiencies, response.reference.selections, strict=True):
        assert isinstance(efficiency, Selection)
        T = np.linspace(0.4, 5.2, 200)
        np.testing.assert_allclose(efficiency.at(T)[0], selection.at(T).sum(axis=0), rtol=1e-12)


def test_correction_factors_of_xenonnt() -> None:
    # an independent calculation
    np.testing.assert_allclose(signal_kernel(CHARGE_YIELD["xenonnt"]).correction, [0.92, 1.21, 3.96], atol=0.006)


def test_correction_factors_of_pandax4t() -> None:
    correction = signal_kernel(CHARGE_YIELD["pandax4t"]).correction
    assert correction.shape == (8,)
    assert ((correction > 0.95) & (correction < 0.995)).all()


@pytest.mark.parametrize("name", CHARGE_YIELD)
def test_corrected_charge_yield_returns_the_default_signal(name: str) -> None:
    default = signal_kernel(channel(name)).standard_model()
    np.testing.assert_allclose(signal_kernel(CHARGE_YIELD[name]).standard_model(), default, rtol=1e-12)


@pytest.mark.parametrize("name", CHARGE_YIELD)
def test_charge_yield_changes_another_spectrum(name: str) -> None:
    light = [
        signal_kernel(of).yields(choose("scalar"), np.array([0.01]))["cevns"].nominal[2, 0]
        for of in (channel(name), CHARGE_YIELD[name])
    ]
    assert not np.allclose(light[0], light[1], rtol=0.01)
