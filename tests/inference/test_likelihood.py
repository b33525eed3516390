"""The compiled likelihood against pyhf, at the same points."""

from __future__ import annotations

import copy
import itertools
import re
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.histfactory.modifiers import LAWS
from spec_builder.inference.likelihood import Likelihood
from spec_builder.model.analysis import ANALYSES, load_analysis

if TYPE_CHECKING:
    from collections.abc import Callable

    from spec_builder.base.arrays import FloatArray

    Codes = tuple[Literal["code1", "code4"], Literal["code0", "code4p"]]

CODES: list[Codes] = [("code4", "code4p"), ("code1", "code0")]
CHOICES = list(itertools.product(ANALYSES, LAWS, ("b8_flux", "new_physics")))


def random_points(likelihood: Likelihood, count: int, width: float, seed: int = 1) -> FloatArray:
    """Points around the start, spread by ``width`` in units of each constraint, within the bounds."""
    rng = np.random.default_rng(seed)
    low, high = likelihood.bounds
    points = np.empty((count, len(likelihood.parameters)))
    for i, spec in enumerate(likelihood.specification.parameters):
        if spec.constraint is None:
            points[:, i] = rng.uniform(0, 3, count)
        elif spec.constraint.kind == "normal":
            points[:, i] = spec.constraint.auxiliary + width * spec.constraint.scale * rng.standard_normal(count)
        else:
            points[:, i] = rng.uniform(0.3, 2, count)
    return np.clip(points, np.maximum(low, -14), high)


@pytest.fixture(scope="module")
def analyses() -> dict[tuple[str, str], Any]:
    return {(name, law): load_analysis(name, law) for name, law in itertools.product(ANALYSES, LAWS)}


# ---------------------------------------------------------------- values


@pytest.mark.parametrize(("name", "law", "measurement"), CHOICES)
def test_analyses_equal_pyhf(
    pyhf_model: Callable[..., Any],
    analyses: dict[tuple[str, str], Any],
    name: str,
    law: str,
    measurement: str,
) -> None:
    workspace = analyses[name, law].workspace
    likelihood, pyhf = Likelihood.from_workspace(workspace, measurement), pyhf_model(workspace, measurement)
    points = random_points(likelihood, 130, 2.0)
    positive = (pyhf.rates(points, likelihood.parameters) > 0).all(axis=1)
    assert positive.sum() >= 100
    ours, theirs = likelihood.twice_nll(points), pyhf.twice_nll(points[positive], likelihood.parameters)
    np.testing.assert_allclose(ours[positive], theirs, rtol=1e-11)
    assert np.isposinf(ours[~positive]).all()


@pytest.mark.parametrize("measurement", ["everything", "some_fixed"])
@pytest.mark.parametrize("codes", CODES)
def test_every_modifier_equals_pyhf(
    pyhf_model: Callable[..., Any], generic: dict[str, Any], codes: Codes, measurement: str
) -> None:
    likelihood = Likelihood.from_workspace(generic, measurement, normsys=codes[0], histosys=codes[1])
    pyhf = pyhf_model(generic, measurement, *codes)
    points = random_points(likelihood, 150, 1.5)
    theirs = pyhf.rates(points, likelihood.parameters)
    positive = (theirs > 0).all(axis=1)
    assert positive.sum() >= 100
    np.testing.assert_allclose(likelihood.rates(points), theirs, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(
        likelihood.twice_nll(points[positive]), pyhf.twice_nll(points[positive], likelihood.parameters), rtol=1e-11
    )


@pytest.mark.parametrize("measurement", ["everything", "some_fixed"])
def test_start_bounds_and_fixed_parameters_equal_pyhf(
    pyhf_model: Callable[..., Any], generic: dict[str, Any], measurement: str
) -> None:
    likelihood, config = (
        Likelihood.from_workspace(generic, measurement),
        pyhf_model(generic, measurement).model.config,
    )
    order = [config.par_names.index(name) for name in likelihood.parameters]
    assert likelihood.init.tolist() == [config.suggested_init()[i] for i in order]
    assert likelihood.bounds.T.tolist() == [list(config.suggested_bounds()[i]) for i in order]
    fixed = [i for i, j in enumerate(order) if config.suggested_fixed()[j]]
    assert [i for i in range(len(order)) if i not in likelihood.free] == fixed
    assert len(fixed) >= 2
    assert likelihood.poi == config.poi_name == "mu"


def test_staterror_shared_by_channels_equals_pyhf(pyhf_model: Callable[..., Any], generic: dict[str, Any]) -> None:
    for sample in (sample for channel in generic["channels"] for sample in channel["samples"]):
        others = [modifier for modifier in sample["modifiers"] if modifier["type"] != "staterror"]
        stat = [{"name": "stat", "type": "staterror", "data": [0.1 * n for n in sample["data"]]}]
        sample["modifiers"] = others + (stat if sample["name"] == "signal" else [])
    likelihood, pyhf = Likelihood.from_workspace(generic), pyhf_model(generic)
    points = random_points(likelihood, 20, 0.7)
    np.testing.assert_allclose(likelihood.rates(points), pyhf.rates(points, likelihood.parameters), rtol=1e-12)
    np.testing.assert_allclose(likelihood.twice_nll(points), pyhf.twice_nll(points, likelihood.parameters), rtol=1e-11)


def test_auxiliary_data_of_the_measurement_equal_pyhf(pyhf_model: Callable[..., Any], generic: dict[str, Any]) -> None:
    generic["measurements"][0]["config"]["parameters"] += [{"name": "other", "auxdata": [0.7]}]
    likelihood, pyhf = Likelihood.from_workspace(generic), pyhf_model(generic)
    points = random_points(likelihood, 20, 0.7)
    np.testing.assert_allclose(likelihood.twice_nll(points), pyhf.twice_nll(points, likelihood.parameters), rtol=1e-11)


def test_empty_bins_equal_pyhf(pyhf_model: Callable[..., Any], generic: dict[str, Any]) -> None:
    generic["observations"] = [{"name": "left", "data": [0, 24, 0]}, {"name": "right", "data": [15, 0]}]
    likelihood, pyhf = Likelihood.from_workspace(generic), pyhf_model(generic)
    points = random_points(likelihood, 20, 0.7)
    np.testing.assert_allclose(likelihood.twice_nll(points), pyhf.twice_nll(points, likelihood.parameters), rtol=1e-11)


def test_a_negative_rate_is_infinitely_unlikely() -> None:
    likelihood = Likelihood.from_workspace(load_analysis("xenonnt", "linear").workspace)
    theta = likelihood.init.copy()
    theta[likelihood.index("xenonnt_accidental")] = -15.0
    theta[likelihood.index("mu_8b")] = 0.0
    theta[likelihood.index("xenonnt_electron_recoil")] = -15.0
    assert (likelihood.rates(theta) < 0).any()
    assert np.isposinf(likelihood.twice_nll(theta)).all()


def test_rates_of_the_samples_add_up(generic: dict[str, Any]) -> None:
    likelihood = Likelihood.from_workspace(generic)
    for theta in random_points(likelihood, 5, 1.0):
        samples = likelihood.sample_rates(theta)
        assert set(samples) == {"signal", "background", "small"}
        np.testing.assert_allclose(sum(samples.values()), likelihood.rates(theta)[0], rtol=1e-13)


def test_points_do_not_depend_on_their_company(generic: dict[str, Any]) -> None:
    likelihood = Likelihood.from_workspace(generic)
    points = random_points(likelihood, 50, 1.0)
    alone = np.concatenate([likelihood.twice_nll(point) for point in points])
    np.testing.assert_allclose(likelihood.twice_nll(points), alone, rtol=1e-14)


# ---------------------------------------------------------------- derivatives


def assert_derivatives_agree(likelihood: Likelihood, points: FloatArray) -> None:
    """Gradient and Hessian against central differences of the value and of the gradient."""
    step = 1e-5 * np.eye(len(likelihood.parameters))
    gradient, hessian = likelihood.gradient(points), likelihood.hessian(points)
    for i, h in enumerate(step):
        slope = (likelihood.twice_nll(points + h) - likelihood.twice_nll(points - h)) / 2e-5
        np.testing.assert_allclose(gradient[:, i], slope, rtol=1e-6, atol=1e-5)
        bend = (likelihood.gradient(points + h) - likelihood.gradient(points - h)) / 2e-5
        np.testing.assert_allclose(hessian[:, i], bend, rtol=1e-6, atol=1e-5)


def allowed(likelihood: Likelihood, points: FloatArray) -> FloatArray:
    """Points with rates well above zero, where differences are accurate."""
    kept = points[(likelihood.rates(points) > 0.3).all(axis=1)]
    assert len(kept) >= 30
    return kept


@pytest.mark.parametrize(("name", "law", "measurement"), CHOICES)
def test_derivatives_of_the_analyses(
    analyses: dict[tuple[str, str], Any], name: str, law: str, measurement: str
) -> None:
    likelihood = Likelihood.from_workspace(analyses[name, law].workspace, measurement)
    assert_derivatives_agree(likelihood, allowed(likelihood, random_points(likelihood, 60, 2.0)))


@pytest.mark.parametrize("parameter", ["flux", "sin2thetaw"])
@pytest.mark.parametrize("law", LAWS)
def test_derivatives_with_a_polynomial_signal(
    analyses: dict[tuple[str, str], Any], law: str, parameter: Literal["flux", "sin2thetaw"]
) -> None:
    likelihood = analyses["combined", law].likelihood(parameter)
    points = random_points(likelihood, 60, 1.5)
    points[:, likelihood.index("sin2thetaw" if parameter == "sin2thetaw" else "flux")] = np.linspace(0.01, 0.99, 60)
    assert_derivatives_agree(likelihood, allowed(likelihood, points))


@pytest.mark.parametrize("codes", CODES)
def test_derivatives_with_every_modifier(generic: dict[str, Any], codes: Codes) -> None:
    likelihood = Likelihood.from_workspace(generic, normsys=codes[0], histosys=codes[1])
    points = random_points(likelihood, 60, 1.2)
    points = np.where(points <= likelihood.bounds[0] + 1e-3, likelihood.bounds[0] + 2e-3, points)
    assert_derivatives_agree(likelihood, allowed(likelihood, points))


# ---------------------------------------------------------------- variations of the model


@pytest.mark.parametrize("law", LAWS)
def test_polynomial_in_the_flux_is_the_normalisation(analyses: dict[tuple[str, str], Any], law: str) -> None:
    """The flux in units of 5.46e6 does what mu_8b does, to the rounding of the workspace's yields."""
    analysis = analyses["combined", law]
    flux, plain = analysis.likelihood("flux"), Likelihood.from_workspace(analysis.workspace, "b8_flux")
    points = random_points(plain, 40, 0.7)
    moved = np.tile(flux.init, (40, 1))
    for i, name in enumerate(plain.parameters):
        if name == "mu_8b":
            moved[:, flux.index("flux")] = 5.46 * points[:, i]
        else:
            moved[:, flux.index(name)] = points[:, i]
    np.testing.assert_allclose(flux.rates(moved), plain.rates(points), rtol=1e-7)
    np.testing.assert_allclose(flux.twice_nll(moved), plain.twice_nll(points), rtol=1e-7)


def test_polynomial_takes_the_place_of_the_normalisation(analyses: dict[tuple[str, str], Any]) -> None:
    likelihood = analyses["combined", "linear"].likelihood("flux")
    assert likelihood.poi == "flux"
    free = [likelihood.parameters[i] for i in likelihood.free]
    assert {"mu_8b", "flux_8b"}.isdisjoint(free)
    assert likelihood.bounds[:, likelihood.index("flux")].tolist() == [0.0, pytest.approx(54.6)]


def test_weak_mixing_angle_keeps_the_flux_constrained(analyses: dict[tuple[str, str], Any]) -> None:
    likelihood = analyses["combined", "linear"].likelihood("sin2thetaw")
    free = [likelihood.parameters[i] for i in likelihood.free]
    assert "flux_8b" in free
    assert "mu_8b" not in free
    assert likelihood.bounds[:, likelihood.index("sin2thetaw")].tolist() == [0.0, 1.0]


def test_polynomial_with_shape_uncertainties(pyhf_model: Callable[..., Any], generic: dict[str, Any]) -> None:
    """n0 + n1 x + n2 x^2 times each modifier's relative effect is the sample with its nominal scaled."""
    coefficients = {"left": np.array([[3.0], [0.6], [0.1]]) * [3.0, 5.0, 2.0]}
    likelihood = Likelihood.from_workspace(generic).with_polynomial(
        "signal", "x", coefficients, init=1.0, bounds=(0.0, 10.0)
    )
    x = 2.5
    factor = 3.0 + 0.6 * x + 0.1 * x**2
    edited = copy.deepcopy(generic)
    for channel in edited["channels"]:
        (signal,) = (sample for sample in channel["samples"] if sample["name"] == "signal")
        scale = factor if channel["name"] == "left" else 0.0
        signal["data"] = [scale * n for n in signal["data"]]
        for modifier in signal["modifiers"]:
            if modifier["type"] == "histosys":
                modifier["data"] = {key: [scale * n for n in values] for key, values in modifier["data"].items()}
            if modifier["type"] == "staterror":
                modifier["data"] = [scale * n for n in modifier["data"]]
    pyhf = pyhf_model(edited)
    plain = [name for name in likelihood.parameters if name != "x"]
    points = random_points(Likelihood.from_workspace(generic), 10, 0.8)
    ours = np.insert(points, likelihood.index("x"), x, axis=1)
    np.testing.assert_allclose(likelihood.rates(ours), pyhf.rates(points, plain), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("counts", [[1.0, 2.0], [1, 2, -1], [1, 2, float("nan")], [1, 2, float("inf")]])
def test_bad_counts(analyses: dict[tuple[str, str], Any], counts: list[float]) -> None:
    likelihood = analyses["xenonnt", "linear"].likelihood("flux")
    with pytest.raises(SpecBuilderError, match="observed counts must be 3 numbers >= 0"):
        likelihood.with_observed(counts)


def test_the_slope_in_one_parameter_is_that_of_the_gradient(generic: dict[str, Any]) -> None:
    likelihood = Likelihood.from_workspace(generic)
    theta = np.tile(likelihood.init, (3, 1)) * np.array([[1.0], [1.01], [0.98]])
    gradient = likelihood.gradient(theta)
    for i, name in enumerate(likelihood.parameters):
        np.testing.assert_allclose(likelihood.slope(theta, name), gradient[:, i], rtol=1e-10, atol=1e-10)


def test_other_counts_leave_the_original(analyses: dict[tuple[str, str], Any]) -> None:
    likelihood = analyses["xenonnt", "linear"].likelihood("flux")
    other = likelihood.with_observed([1, 2, 3])
    assert other.observed.tolist() == [1, 2, 3]
    assert likelihood.observed.tolist() == [16, 14, 7]
    assert other.twice_nll(other.init) != likelihood.twice_nll(likelihood.init)


def test_saturated_value_is_the_value_of_a_perfect_model() -> None:
    """A model that can meet its counts and its auxiliary data reaches 2NLL = saturated."""
    workspace: dict[str, Any] = {
        "channels": [
            {
                "name": "c",
                "samples": [
                    {
                        "name": "s",
                        "data": [5.0],
                        "modifiers": [
                            {"name": "mu", "type": "normfactor", "data": None},
                            {"name": "a", "type": "normsys", "data": {"hi": 1.1, "lo": 0.9}},
                            {"name": "b", "type": "shapesys", "data": [2.0]},
                            {"name": "c", "type": "staterror", "data": [1.0]},
                        ],
                    }
                ],
            }
        ],
        "observations": [{"name": "c", "data": [15]}],
        "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": []}}],
        "version": "1.0.0",
    }
    likelihood = Likelihood.from_workspace(workspace)
    theta = likelihood.init.copy()
    theta[likelihood.index("mu")] = 3.0
    assert likelihood.twice_nll(theta)[0] == pytest.approx(likelihood.saturated, rel=1e-14)
    assert likelihood.degrees_of_freedom() == 0


def test_unknown_parameter(analyses: dict[tuple[str, str], Any]) -> None:
    likelihood = analyses["pandax4t", "linear"].likelihood("flux")
    with pytest.raises(SpecBuilderError, match="parameter 'mu' is unknown, expected one of flux, flux_8b, mu_8b, "):
        likelihood.index("mu")


def test_wrong_number_of_parameters(analyses: dict[tuple[str, str], Any]) -> None:
    likelihood = analyses["pandax4t", "linear"].likelihood("flux")
    with pytest.raises(SpecBuilderError, match="theta has 3 values, expected 6"):
        likelihood.twice_nll(np.zeros(3))


# ---------------------------------------------------------------- workspaces that cannot be read


def edit(workspace: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    """A copy with the value at ``a/0/b`` replaced; None removes it."""
    edited = copy.deepcopy(workspace)
    *parents, last = path.split("/")
    place: Any = edited
    for key in parents:
        place = place[int(key) if isinstance(place, list) else key]
    key_or_index = int(last) if isinstance(place, list) else last
    if value is None:
        del place[key_or_index]
    else:
        place[key_or_index] = value
    return edited


SIGNAL_RIGHT = "channels/0/samples/0"
BACKGROUND_RIGHT = "channels/0/samples/1"
SIGNAL_LEFT = "channels/1/samples/0"
BACKGROUND_LEFT = "channels/1/samples/1"
PARAMETERS = "measurements/0/config/parameters"


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        pytest.param(
            f"{SIGNAL_LEFT}/modifiers/1",
            {"name": "free_shape", "type": "shapewarp", "data": None},
            "channel 'left', sample 'signal', modifier 'free_shape': type 'shapewarp' is not supported, "
            "expected one of histosys, lumi, normfactor, normsys, shapefactor, shapesys, staterror",
            id="unknown type",
        ),
        pytest.param(
            f"{SIGNAL_LEFT}/modifiers/1/data",
            {"hi": 2.0, "lo": 0.0},
            "channel 'left', sample 'signal', modifier 'size': normsys hi = 2, lo = 0: both must be > 0, "
            "or the rate is NaN; for an uncertainty s >= 1 use lo = 1/(1+s)",
            id="normsys lo 0",
        ),
        pytest.param(
            f"{SIGNAL_LEFT}/modifiers/1/data", {"hi": -0.5, "lo": 1.0}, "normsys hi = -0.5, lo = 1", id="normsys hi < 0"
        ),
        pytest.param(
            f"{SIGNAL_LEFT}/modifiers/2/data/hi_data",
            [1.0],
            "channel 'left', sample 'signal', modifier 'shape': hi_data has 1 bin, expected 3",
            id="bins of histosys hi",
        ),
        pytest.param(
            f"{SIGNAL_LEFT}/modifiers/2/data/lo_data", [1.0] * 4, "lo_data has 4 bins, expected 3", id="histosys lo"
        ),
        pytest.param(
            f"{BACKGROUND_LEFT}/modifiers/4/data",
            [1.0],
            "modifier 'bins_left': data has 1 bin, expected 3",
            id="bins of shapesys",
        ),
        pytest.param(
            f"{BACKGROUND_LEFT}/modifiers/3/data",
            [1.0],
            "modifier 'stat_left': data has 1 bin, expected 3",
            id="bins of staterror",
        ),
        pytest.param(f"{BACKGROUND_LEFT}/data", [1.0], "channel 'left', sample 'background'", id="bins of a sample"),
        pytest.param(
            "observations/0/data", [1, 2], "observation 'left': data has 2 bins, expected 3", id="bins of the data"
        ),
        pytest.param("observations/0", None, "channel 'left' has no observation", id="no observation"),
        pytest.param(
            f"{SIGNAL_RIGHT}/modifiers/0/name",
            "size",
            "parameter 'size' is used as unit normal and as normfactor; rename one",
            id="one name, two kinds",
        ),
        pytest.param(
            f"{BACKGROUND_RIGHT}/modifiers/2/name",
            "bins_left",
            "parameter 'bins_left' is used as shapesys of",
            id="shapesys twice",
        ),
        pytest.param(
            f"{PARAMETERS}/0",
            None,
            "modifier 'lumi': the measurement must give auxdata, sigmas, inits and bounds",
            id="lumi without a constraint",
        ),
        pytest.param(
            f"{PARAMETERS}/0/sigmas", [0.0], "the constraint of 'lumi' has scale 0.0, expected > 0", id="lumi sigma 0"
        ),
        pytest.param(
            f"{PARAMETERS}/2/inits",
            [7.0],
            "parameter 'factor' starts at 7, outside its bounds [0.1, 5]",
            id="start outside the bounds",
        ),
        pytest.param(
            "measurements/0/config/poi",
            "nu",
            "measurement 'everything': no modifier has the parameter of interest 'nu'",
            id="unknown poi",
        ),
        pytest.param("channels", None, "not a pyhf workspace: KeyError 'channels'", id="no channels"),
        pytest.param("measurements", [], "the workspace has no measurement", id="no measurements"),
        pytest.param("observations", 3, "not a pyhf workspace: TypeError", id="observations are a number"),
    ],
)
def test_unreadable_workspaces(generic: dict[str, Any], path: str, value: object, message: str) -> None:
    Likelihood.from_workspace(generic)
    with pytest.raises(SpecBuilderError, match=re.escape(message)):
        Likelihood.from_workspace(edit(generic, path, value))


def test_unknown_measurement(generic: dict[str, Any]) -> None:
    with pytest.raises(SpecBuilderError, match="measurement 'flux' is unknown, expected one of everything, some_fixed"):
        Likelihood.from_workspace(generic, "flux")
