"""The minimum over the plane by fits of x, against scans over the coupling."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from spec_builder.histfactory.modifiers import LAWS
from spec_builder.inference import plane
from spec_builder.inference.curves import Curves
from spec_builder.inference.data import Data, Problem, Yields
from spec_builder.inference.exclusion import exclude
from spec_builder.inference.likelihood import Likelihood
from spec_builder.inference.newton import minimise
from spec_builder.inference.plane import PLANE_MASSES, Lattice, plane_minima, plane_minimum
from spec_builder.inference.rows import Rows
from spec_builder.model.analysis import ANALYSES, load_analysis
from spec_builder.paper.plane import PLANE_INTERACTIONS
from spec_builder.physics.interactions import choose

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spec_builder.base.arrays import FloatArray


def problem_of(analysis: str, interaction: str, law: str) -> Problem:
    return load_analysis(analysis, law).problem(choose(interaction))


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("analysis", ANALYSES)
@pytest.mark.parametrize("interaction", PLANE_INTERACTIONS)
def test_the_fitted_minimum_is_the_scanned_one(analysis: str, interaction: str, law: str) -> None:
    problem = problem_of(analysis, interaction, law)
    fitted, scanned = plane_minimum(problem), plane._scanned_minimum(problem, PLANE_MASSES)
    assert fitted.twice_nll == pytest.approx(scanned.twice_nll, abs=1e-9)
    assert fitted.mass_MeV == pytest.approx(scanned.mass_MeV, rel=1e-9)
    assert fitted.g == pytest.approx(scanned.g, rel=1e-7)


@pytest.mark.parametrize("interaction", ["vector_universal", "scalar"])
def test_each_data_set_gets_its_own_minimum(interaction: str) -> None:
    """Toys at the Standard Model: minima at g = 0, on either side of the vector's hill, at either end in mass."""
    problem = problem_of("xenonnt", interaction, "normsys")
    likelihood = problem.likelihood
    rng = np.random.default_rng(4)
    rates = likelihood.rates(likelihood.init).T
    constrained = len(likelihood.constrained())
    data = Data(rng.poisson(rates, (rates.shape[0], 12)).astype(float), rng.normal(size=(constrained, 12)))
    found = plane_minima(problem, data, Lattice(problem), levels=6)
    assert found.valid.all()
    assert len(set(found.mass_MeV)) > 2
    for toy in range(data.count):
        alone = plane._scanned_minimum(replace(problem, data=data.take(slice(toy, toy + 1))), PLANE_MASSES)
        assert found.twice_nll[toy] == pytest.approx(alone.twice_nll, abs=1e-7)
        assert (found.value[toy] == 0) == (alone.g == 0)
        if alone.mass_MeV is not None:
            assert found.value[toy] == pytest.approx(alone.g, rel=1e-3)


def test_about_a_hundred_fits_a_data_set(monkeypatch: pytest.MonkeyPatch) -> None:
    fits = []

    def counted(*args: Any, rows: Rows, **more: Any) -> Any:
        fits.append(rows.count() or 0)
        return minimise(*args, rows=rows, **more)

    monkeypatch.setattr(plane, "minimise", counted)
    problem = problem_of("combined", "vector_universal", "normsys")
    data = Data.of(problem.likelihood)
    plane_minima(problem, data.take(np.zeros(40, dtype=np.intp)), Lattice(problem))
    assert len(fits) == 4
    assert sum(fits) / 40 < 150


def test_yields_at_a_mass_are_computed_once() -> None:
    problem = problem_of("xenonnt", "scalar", "normsys")
    asked: list[float] = []

    def yields(masses: FloatArray) -> Mapping[str, Yields]:
        asked.extend(masses.tolist())
        return problem.yields(masses)

    counted = replace(problem, yields=yields)
    lattice, data = Lattice(counted), Data.of(problem.likelihood)
    plane_minima(counted, data, lattice)
    before = len(asked)
    plane_minima(counted, data, lattice)
    # the whole first level is asked for again, to see how large the signal is, and no other mass
    assert len(asked) - before == lattice.last(0) + 1


# ---------------------------------------------------------------- other polynomials


def two_channels(*, shape: bool = False, split: bool = False) -> Likelihood:
    """A signal of 4, 6, 5 events over backgrounds, with a shape that may have a ``normsys`` of its own."""
    modifiers: list[dict[str, Any]] = [{"name": "size", "type": "normsys", "data": {"hi": 1.1, "lo": 0.9}}]
    if shape:
        modifiers.append(
            {"name": "tilt", "type": "histosys", "data": {"hi_data": [4.4, 6.0, 4.5], "lo_data": [3.6, 6.0, 5.5]}}
        )
    if split:
        modifiers.append({"name": "tilt", "type": "normsys", "data": {"hi": 1.02, "lo": 0.98}})
    background = {"name": "bkg", "type": "normsys", "data": {"hi": 1.2, "lo": 0.8}}
    return Likelihood.from_workspace(
        {
            "channels": [
                {
                    "name": "a",
                    "samples": [
                        {"name": "signal", "data": [4.0, 6.0, 5.0], "modifiers": modifiers},
                        {"name": "background", "data": [10.0, 8.0, 9.0], "modifiers": [background]},
                    ],
                }
            ],
            "observations": [{"name": "a", "data": [16.0, 13.0, 15.0]}],
            "measurements": [{"name": "m", "config": {"poi": "", "parameters": []}}],
            "version": "1.0.0",
        }
    )


def coefficients(masses: FloatArray, n1: float, n2: float) -> FloatArray:
    ones = np.ones(masses.size)
    shape = np.array([4.0, 6.0, 5.0])
    return np.stack([ones[:, None] * shape, n1 * (1 / masses)[:, None] * shape[::-1], n2 * ones[:, None] * shape])


def height(problem: Problem, mass: float, values: list[float]) -> FloatArray:
    signal = problem.yields(np.array([mass]))
    rows = problem.rows(signal, np.zeros(len(values), dtype=np.intp), problem.x(np.array(values)))
    fits = minimise(problem.likelihood, rows=rows)
    assert fits.valid.all()
    return fits.twice_nll


def test_a_signed_parameter_has_limits_on_both_sides() -> None:
    likelihood = two_channels()
    problem = Problem(
        likelihood, None, ("signal",), lambda m: {"signal": Yields(coefficients(m, 0.5, 0.3))}, signed=True
    )
    result = exclude(problem, np.array([1.0, 2.0]), dof=1)
    for point in result.points:
        assert point.valid
        assert len(point.excluded) == 2
        (no_end, low), (high, neither) = point.excluded
        assert no_end is None
        assert neither is None
        assert low is not None
        assert high is not None
        assert low < 0 < high
        ends = height(problem, point.mass_MeV, [low, high])
        assert ends == pytest.approx(point.minimum + result.threshold, abs=1e-7)
        dense = height(problem, point.mass_MeV, np.linspace(-6, 6, 2001).tolist())
        assert point.minimum <= dense.min() + 1e-9
    fitted = plane_minimum(problem, (1.0, 8.0))
    scanned = plane._scanned_minimum(problem, (1.0, 8.0))
    assert fitted.twice_nll == pytest.approx(scanned.twice_nll, abs=1e-9)
    assert fitted.g == pytest.approx(scanned.g, rel=1e-6)


def test_a_signal_that_is_linear_in_x_has_a_limit() -> None:
    problem = Problem.of(two_channels(), "signal", lambda m: coefficients(m, 3.0, 0.0))
    (point,) = exclude(problem, np.array([1.0]), dof=1).points
    ((low, high),) = point.excluded
    assert low is not None
    assert high is None
    assert height(problem, 1.0, [low])[0] == pytest.approx(point.minimum + 2.705543454, abs=1e-6)


@pytest.mark.parametrize("split", [False, True])
def test_shapes_that_change_with_the_coupling(*, split: bool) -> None:
    """Each row has the ratio and the shape that a workspace of that point would have."""
    likelihood = two_channels(shape=True, split=split)
    tilt = np.array([1.15, 1.0, 0.9]), np.array([0.9, 1.02, 1.1])

    def yields(masses: FloatArray) -> Mapping[str, Yields]:
        nominal = coefficients(masses, -0.5, 0.4)
        return {"signal": Yields(nominal, {"tilt": (nominal * tilt[0], nominal * tilt[1])})}

    problem = Problem(likelihood, None, ("signal",), yields)
    values = [0.3, 1.2]
    found = height(problem, 2.0, values)
    for value, own in zip(values, found, strict=True):
        n0, n1, n2 = coefficients(np.array([2.0]), -0.5, 0.4)[:, 0]
        nominal = n0 + value**2 * n1 + value**4 * n2
        ratios = [(nominal * end).sum() / nominal.sum() if split else 1.0 for end in tilt]
        rows = Rows(
            {"signal": nominal[:, None]},
            {("signal", "tilt"): tuple((nominal * t / r)[:, None] for t, r in zip(tilt, ratios, strict=True))},
            {("a", "signal", "tilt"): (np.array(ratios[:1]), np.array(ratios[1:]))} if split else {},
        )
        assert own == pytest.approx(minimise(likelihood, rows=rows).twice_nll[0], abs=1e-9)
    curves = Curves(problem, problem.yields(np.array([2.0])))
    dense = height(problem, 2.0, np.linspace(0, 3, 1501).tolist())
    assert curves.valid.all()
    assert curves.minimum[0] <= dense.min() + 1e-9
    assert curves.minimum[0] == pytest.approx(dense.min(), abs=1e-4)
    assert plane_minimum(problem, (1.0, 4.0)).twice_nll <= curves.minimum[0] + 1e-9


def test_data_of_a_likelihood_and_what_it_expects() -> None:
    likelihood = two_channels()
    data = Data.of(likelihood)
    assert data.observed[:, 0].tolist() == likelihood.observed.tolist()
    asimov = Data.asimov(likelihood, likelihood.init)
    fits = minimise(likelihood, rows=asimov.rows())
    assert fits.theta[0] == pytest.approx(likelihood.init, abs=1e-6)
    assert asimov.observed[:, 0] == pytest.approx(likelihood.rates(likelihood.init)[0])
