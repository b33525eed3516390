"""Responses: from a recoil spectrum to events in bins."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from spec_builder.experiments.description import Experiment, Run
from spec_builder.experiments.reading import load_experiment
from spec_builder.experiments.response import (
    NODES_PER_INTERVAL,
    ChargeYieldResponse,
    MatrixResponse,
    Selection,
)
from spec_builder.model.signal import signal_kernel
from spec_builder.physics.interactions import Interaction, interaction_terms, parse_new_physics, standard_model_terms
from spec_builder.physics.recoil import rate_polynomial

if TYPE_CHECKING:
    from spec_builder.base.arrays import FloatArray

CHARGE_YIELD = {name: load_experiment(name, "charge_yield") for name in ("xenonnt", "pandax4t")}
RESPONSES = {
    f"{name}-{variant or 'default'}": load_experiment(name, variant).response
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


def matrix_response(experiment: Experiment) -> MatrixResponse:
    assert isinstance(experiment.response, MatrixResponse)
    return experiment.response


# ---------------------------------------------------------------- folding


def test_kernel_against_numerical_integration() -> None:
    """Events in each bin of XENONnT: exposure x response x dR/dT, run by run."""
    response = matrix_response(load_experiment("xenonnt"))
    found = response.kernel().fold(np.exp(-2 * response.kernel().recoil_energy_keV))
    for bin_ in range(3):
        expected = 0.0
        for exposure, run in zip(response.exposures_t_yr, response.selections, strict=True):
            nodes, probability = run.recoil_energy_keV, run.probability[bin_]

            def integrand(T: float, nodes: FloatArray = nodes, probability: FloatArray = probability) -> float:
                return float(np.interp(T, nodes, probability) * np.exp(-2 * T))

            integral, _ = quad(integrand, nodes[0], nodes[-1], points=nodes[1:-1], limit=500, epsrel=1e-10)
            expected += exposure * integral
        assert found[bin_] == pytest.approx(expected, rel=1e-9)


def test_response_is_zero_outside_its_table() -> None:
    selection = Selection(np.array([1.0, 2.0]), np.array([[0.5, 0.7]]))
    np.testing.assert_allclose(selection.at(np.array([0.999, 1.0, 1.5, 2.0, 2.001])), [[0, 0.5, 0.6, 0.7, 0]])


@pytest.mark.parametrize("response", RESPONSES.values(), ids=RESPONSES)
@pytest.mark.parametrize("interaction", Interaction)
def test_twice_the_nodes_change_no_bin(
    response: MatrixResponse | ChargeYieldResponse, interaction: Interaction
) -> None:
    def events(nodes: int) -> FloatArray:
        kernel = response.kernel(nodes)
        if interaction is Interaction.SM:
            return kernel.fold(rate_polynomial(standard_model_terms, kernel.recoil_energy_keV))
        terms = partial(interaction_terms, interaction)
        return kernel.fold(rate_polynomial(terms, kernel.recoil_energy_keV, MASSES_MEV))

    coarse, fine = events(NODES_PER_INTERVAL), events(2 * NODES_PER_INTERVAL)
    assert fine.any()
    np.testing.assert_allclose(coarse, fine, rtol=1e-4)


@given(factor=st.floats(1e-3, 1e3))
def test_events_go_with_the_exposure(factor: float) -> None:
    for response in RESPONSES.values():
        longer = replace(response, exposures_t_yr=tuple(factor * e for e in response.exposures_t_yr))
        rate = np.ones(response.kernel().recoil_energy_keV.size)
        np.testing.assert_allclose(longer.kernel().fold(rate), factor * response.kernel().fold(rate), rtol=1e-12)


def test_runs_add() -> None:
    response = matrix_response(load_experiment("xenonnt"))
    kernel = response.kernel()
    whole = kernel.fold(np.exp(-kernel.recoil_energy_keV)).sum()
    parts = 0.0
    for exposure, selection in zip(response.exposures_t_yr, response.selections, strict=True):
        alone = MatrixResponse((exposure,), (selection,)).kernel()
        parts += alone.fold(np.exp(-alone.recoil_energy_keV)).sum()
    assert whole == pytest.approx(parts, rel=1e-10)


@given(order=st.permutations(range(8)))
def test_permutation_of_bins_permutes_the_signal(order: list[int]) -> None:
    experiment = load_experiment("pandax4t")
    response = matrix_response(experiment)
    shuffled = replace(
        response,
        selections=tuple(Selection(s.recoil_energy_keV, s.probability[order]) for s in response.selections),
    )
    signal = signal_kernel(replace(experiment, response=shuffled)).standard_model()
    np.testing.assert_allclose(signal, signal_kernel(experiment).standard_model()[order], rtol=1e-12)


def test_normalisation_takes_the_place_of_the_exposure() -> None:
    experiment = load_experiment("pandax4t")
    response = replace(matrix_response(experiment), exposures_t_yr=(10.4,))
    runs = (Run("us2", 10.4, experiment.runs[0].bin_edges),)
    longer = replace(experiment, response=response, runs=runs)
    scaled, absolute = signal_kernel(longer), signal_kernel(replace(longer, normalisation=None))
    np.testing.assert_allclose(scaled.standard_model(), signal_kernel(experiment).standard_model(), rtol=1e-12)
    shorter = signal_kernel(replace(experiment, normalisation=None))
    np.testing.assert_allclose(absolute.standard_model(), 10 * shorter.standard_model(), rtol=1e-12)


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
    kernel = response.kernel()
    # a flat spectrum: exposure x efficiency x width of the window
    events = kernel.fold(np.ones(kernel.recoil_energy_keV.size))
    np.testing.assert_allclose(events, 1.04 * 0.307 * np.diff(response.window_keV(edges)), rtol=1e-12)


def test_charge_yield_windows_in_the_observable() -> None:
    """Eq. (13): the integral over n of dR/dn = dR/dT dT/dn, by brute force in n."""
    response = charge_yield_response("pandax4t")
    (edges,) = response.bin_edges
    kernel = response.kernel()
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
    default = signal_kernel(load_experiment(name)).standard_model()
    np.testing.assert_allclose(signal_kernel(CHARGE_YIELD[name]).standard_model(), default, rtol=1e-12)


@pytest.mark.parametrize("name", CHARGE_YIELD)
def test_charge_yield_changes_another_spectrum(name: str) -> None:
    light = [
        signal_kernel(experiment).new_physics(parse_new_physics("scalar"), np.array([0.01])).coefficients[2, 0]
        for experiment in (load_experiment(name), CHARGE_YIELD[name])
    ]
    assert not np.allclose(light[0], light[1], rtol=0.01)
