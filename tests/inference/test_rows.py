"""Rows with numbers of their own against models that are built from a workspace for each row."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.inference import minuit, newton
from spec_builder.inference.engine import Engine
from spec_builder.inference.jacobian import JacobianEngine
from spec_builder.inference.likelihood import Likelihood
from spec_builder.inference.rows import Polynomial, Rows, lay_out, spread, take_apart

if TYPE_CHECKING:
    from collections.abc import Callable

    from spec_builder.base.arrays import FloatArray
    from tests.inference.conftest import PyhfModel

COUNT = 7


def _sample(workspace: dict[str, Any], channel: str, sample: str) -> dict[str, Any]:
    (found,) = [c for c in workspace["channels"] if c["name"] == channel]
    (inside,) = [s for s in found["samples"] if s["name"] == sample]
    result: dict[str, Any] = inside
    return result


def _modifier(workspace: dict[str, Any], channel: str, sample: str, name: str, kind: str) -> dict[str, Any]:
    (found,) = [m for m in _sample(workspace, channel, sample)["modifiers"] if (m["name"], m["type"]) == (name, kind)]
    result: dict[str, Any] = found
    return result


@pytest.fixture
def workspace(generic: dict[str, Any]) -> dict[str, Any]:
    """The generic workspace, whose signal carries no ``staterror``: its width would change with the yields."""
    for channel in generic["channels"]:
        for sample in channel["samples"]:
            if sample["name"] == "signal":
                sample["modifiers"] = [m for m in sample["modifiers"] if m["type"] != "staterror"]
    return generic


@pytest.fixture
def rows() -> Rows:
    """Seven rows that differ in everything that can differ; left has bins 0 to 2, right 3 and 4."""
    rng = np.random.default_rng(5)
    size = rng.uniform(0.5, 1.8, COUNT)
    signal = np.array([3.0, 5.0, 2.0, 4.0, 6.0])[:, None] * rng.uniform(0.7, 1.5, (5, COUNT))
    small = np.array([1.0, 0.5, 0.25, 0.0, 0.0])[:, None] * size
    high, low = small * rng.uniform(0.9, 1.3, (5, COUNT)), small * rng.uniform(0.8, 1.1, (5, COUNT))
    shape = signal * rng.uniform(1.0, 1.2, (5, COUNT)), signal * rng.uniform(0.85, 1.0, (5, COUNT))
    for part in shape:
        part[3:] = signal[3:]  # no such modifier in the channel on the right
    return Rows(
        yields={"signal": signal, "small": small},
        variations={("signal", "shape"): shape, ("small", "other"): (high, low)},
        ratios={
            ("right", "signal", "size"): (rng.uniform(0.8, 1.2, COUNT), rng.uniform(0.8, 1.2, COUNT)),
            ("left", "small", "other"): (rng.uniform(1.1, 1.4, COUNT), rng.uniform(0.6, 0.9, COUNT)),
        },
        observed=rng.poisson(np.array([25.0, 24.0, 9.0, 15.0, 5.0])[:, None], (5, COUNT)).astype(float),
    )


def _built(workspace: dict[str, Any], rows: Rows, row: int) -> dict[str, Any]:
    """The workspace of one row."""
    built = copy.deepcopy(workspace)
    places = {"left": slice(0, 3), "right": slice(3, 5)}
    for name, array in rows.yields.items():
        for channel in ("left", "right") if name == "signal" else ("left",):
            _sample(built, channel, name)["data"] = array[places[channel], row].tolist()
    for name, parameter in rows.variations:
        high, low = rows.variations[name, parameter]
        data = _modifier(built, "left", name, parameter, "histosys")["data"]
        data["hi_data"], data["lo_data"] = high[:3, row].tolist(), low[:3, row].tolist()
    for (channel, name, parameter), (highs, lows) in rows.ratios.items():
        data = _modifier(built, channel, name, parameter, "normsys")["data"]
        data["hi"], data["lo"] = float(highs[row]), float(lows[row])
    if rows.observed is not None:
        for observation in built["observations"]:
            observation["data"] = rows.observed[places[observation["name"]], row].tolist()
    return built


@pytest.fixture
def theta(workspace: dict[str, Any]) -> FloatArray:
    likelihood = Likelihood.from_workspace(workspace)
    rng = np.random.default_rng(6)
    width = np.where(likelihood.init == 0, 1.3, 0.05)
    moved: FloatArray = likelihood.init + width * rng.normal(size=(COUNT, likelihood.init.size))
    return np.clip(moved, *likelihood.bounds)


@pytest.mark.parametrize("form", ["pairs", "jacobian"])
def test_derivatives_by_row_are_those_of_a_model_built_for_the_row(
    workspace: dict[str, Any], rows: Rows, theta: FloatArray, form: str
) -> None:
    likelihood = Likelihood.from_workspace(workspace)
    layout, arrays = take_apart(likelihood, rows)
    laid = lay_out(likelihood.specification, layout)
    free = tuple(range(len(likelihood.parameters)))
    engine = Engine(spread(laid), free) if form == "pairs" else JacobianEngine(laid, free)
    found = engine(np.ascontiguousarray(theta.T), arrays)
    for row in range(COUNT):
        alone = Likelihood.from_workspace(_built(workspace, rows, row))
        point = theta[row : row + 1]
        assert found.rates[:, row] == pytest.approx(alone.rates(point)[0], rel=1e-12)
        assert found.value[row] == pytest.approx(alone.twice_nll(point)[0], rel=1e-12)
        assert found.gradient[:, row] == pytest.approx(alone.gradient(point)[0], rel=1e-10, abs=1e-10)
        lower = np.tril(found.hessian[..., row])
        assert lower == pytest.approx(np.tril(alone.hessian(point)[0]), rel=1e-10, abs=1e-9)


def test_a_row_equals_pyhf(
    workspace: dict[str, Any], rows: Rows, theta: FloatArray, pyhf_model: Callable[..., PyhfModel]
) -> None:
    likelihood = Likelihood.from_workspace(workspace)
    layout, arrays = take_apart(likelihood, rows)
    values = likelihood.engine((), layout)(np.ascontiguousarray(theta.T), arrays).value
    for row in range(COUNT):
        theirs = pyhf_model(_built(workspace, rows, row))
        value = theirs.twice_nll(theta[row : row + 1], likelihood.parameters)[0]
        assert values[row] == pytest.approx(value, rel=1e-11)


@pytest.mark.parametrize("minimiser", [newton, minuit])
def test_minima_by_row_are_those_of_a_model_built_for_the_row(
    workspace: dict[str, Any], rows: Rows, minimiser: Any
) -> None:
    likelihood = Likelihood.from_workspace(workspace)
    fits = minimiser.minimise(likelihood, rows=rows)
    assert fits.valid.all()
    for row in range(COUNT):
        alone = newton.minimise(Likelihood.from_workspace(_built(workspace, rows, row)))
        assert fits.twice_nll[row] == pytest.approx(alone.twice_nll[0], abs=1e-7)


@pytest.mark.parametrize("form", ["pairs", "jacobian"])
def test_gradient_in_the_columns(workspace: dict[str, Any], rows: Rows, theta: FloatArray, form: str) -> None:
    likelihood = Likelihood.from_workspace(workspace)
    layout, arrays = take_apart(likelihood, rows)
    laid = lay_out(likelihood.specification, layout)
    engine = Engine(spread(laid), ()) if form == "pairs" else JacobianEngine(laid, ())
    points = np.ascontiguousarray(theta.T)
    gradients = engine.column_gradient(points, arrays)
    for number, gradient in enumerate(gradients):
        for b in range(gradient.shape[0]):
            step = 1e-6
            ends = []
            for sign in (1, -1):
                columns = [column.copy() for column in arrays.columns]
                columns[number][b] += sign * step
                moved = type(arrays)(
                    tuple(columns), arrays.observed, arrays.auxiliary, arrays.interpolations, arrays.constant
                )
                ends.append(engine(points, moved).value)
            assert gradient[b] == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-4, abs=1e-5)


def test_auxiliary_data_by_row(workspace: dict[str, Any]) -> None:
    likelihood = Likelihood.from_workspace(workspace)
    constraints = [p for p in likelihood.specification.parameters if p.constraint]
    rng = np.random.default_rng(7)
    data = np.array(
        [
            rng.normal(c.auxiliary, c.scale, 4) if c.kind == "normal" else rng.poisson(c.auxiliary, 4)
            for p in constraints
            if (c := p.constraint)
        ]
    ).astype(float)
    rows = Rows(auxiliary=data)
    both = newton.minimise(likelihood, rows=rows), minuit.minimise(likelihood, rows=rows)
    for row in range(4):
        changed = copy.deepcopy(workspace)
        config = changed["measurements"][0]["config"]
        stems: dict[str, list[float]] = {}
        for spec, value in zip(constraints, data[:, row], strict=True):
            stems.setdefault(spec.name.split("[")[0], []).append(float(value))
        for stem, values in stems.items():
            (own,) = [p for p in config["parameters"] if p["name"] == stem] or [{"name": stem}]
            if own not in config["parameters"]:
                config["parameters"].append(own)
            own["auxdata"] = values
        alone = newton.minimise(Likelihood.from_workspace(changed))
        for fits in both:
            assert fits.valid[row]
            assert fits.twice_nll[row] == pytest.approx(alone.twice_nll[0], abs=1e-7)


@pytest.mark.parametrize("domain", [(0.0, 30.0), (-3.0, 30.0)])
def test_a_fitted_polynomial_by_row_is_the_model_with_that_polynomial(
    workspace: dict[str, Any], domain: tuple[float, float]
) -> None:
    likelihood = Likelihood.from_workspace(workspace)
    rng = np.random.default_rng(8)
    coefficients = np.array([[3.0, 5, 2, 4, 6], [-2.0, -3, -1, -2, -3], [1.0, 1, 1, 2, 2]])[..., None]
    coefficients = coefficients * rng.uniform(0.8, 1.2, (3, 5, 6))
    observed = rng.poisson(np.array([25.0, 24.0, 9.0, 15.0, 5.0])[:, None], (5, 6)).astype(float)
    general = likelihood.with_polynomial("signal", "x", None, init=1.5, bounds=domain)
    fits = newton.minimise(general, rows=Rows(observed=observed, polynomial=Polynomial("x", {"signal": coefficients})))
    assert fits.valid.all()
    for row in range(6):
        own = {"left": coefficients[:, :3, row], "right": coefficients[:, 3:, row]}
        alone = likelihood.with_polynomial("signal", "x", own, init=1.5, bounds=domain).with_observed(observed[:, row])
        fit = newton.minimise(alone)
        assert fits.twice_nll[row] == pytest.approx(fit.twice_nll[0], abs=1e-9)
        assert fits.theta[row] == pytest.approx(fit.theta[0], abs=1e-5)


def test_rows_that_do_not_fit_the_model_are_refused(workspace: dict[str, Any]) -> None:
    likelihood = Likelihood.from_workspace(workspace)
    good = np.ones((5, 2))

    def refused(rows: Rows, message: str) -> None:
        with pytest.raises(SpecBuilderError, match=message):
            newton.minimise(likelihood, rows=rows)

    refused(Rows(yields={"none": good}), "sample 'none' is not in the workspace")
    refused(Rows(yields={"signal": good[:3]}), r"yields of 'signal' have the shape \(3, 2\), expected \(5, N\)")
    refused(Rows(yields={"signal": good}, observed=np.ones((5, 3))), "arrays of 2 and 3 rows")
    refused(Rows(observed=-good), "observed counts must be finite numbers >= 0")
    refused(Rows(auxiliary=good), "auxiliary data have the shape")
    refused(Rows(variations={("signal", "size"): (good, good)}), "sample 'signal' has no histosys 'size'")
    one = np.ones(2)
    refused(Rows(ratios={("left", "background", "tilt"): (one, one)}), "sample 'background' has no normsys 'tilt'")
    refused(Rows(ratios={("left", "signal", "size"): (one, 0 * one)}), "hi or lo <= 0")
    refused(Rows(polynomial=Polynomial("x", {"signal": np.ones((3, 5, 2))})), "parameter 'x' is unknown")


def test_one_start_serves_all_rows(workspace: dict[str, Any], rows: Rows) -> None:
    likelihood = Likelihood.from_workspace(workspace)
    fits = newton.minimise(likelihood, start=likelihood.init, rows=rows)
    assert fits.twice_nll == pytest.approx(newton.minimise(likelihood, rows=rows).twice_nll, abs=1e-9)
