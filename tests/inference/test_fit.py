"""Fits of one parameter: interval, pulls, goodness of fit, significance."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest
from scipy.stats import chi2

from spec_builder.base.errors import SpecBuilderError
from spec_builder.histfactory.modifiers import LAWS
from spec_builder.inference.fit import MINIMISERS, Fit, Minimiser, fit
from spec_builder.inference.likelihood import Likelihood
from spec_builder.inference.minuit import minos
from spec_builder.inference.newton import minimise
from spec_builder.inference.profile import ONE_SIGMA, crossings, profile, search, threshold
from spec_builder.model.analysis import ANALYSES, PARAMETERS, load_analysis

if TYPE_CHECKING:
    from collections.abc import Callable

    from spec_builder.base.arrays import FloatArray

CHOICES = list(itertools.product(ANALYSES, LAWS, PARAMETERS))
Choice = tuple[str, str, str]


@pytest.fixture(scope="module")
def likelihoods() -> dict[Choice, Likelihood]:
    analyses = {(name, law): load_analysis(name, law) for name, law in itertools.product(ANALYSES, LAWS)}
    return {(n, law, parameter): analyses[n, law].likelihood(parameter) for n, law, parameter in CHOICES}


@pytest.fixture(scope="module")
def fits(likelihoods: dict[Choice, Likelihood]) -> dict[Choice, Fit]:
    return {choice: fit(likelihood, cl=ONE_SIGMA) for choice, likelihood in likelihoods.items()}


def height(likelihood: Likelihood, parameter: str, value: float) -> float:
    """Profiled 2NLL at one value of a parameter."""
    return float(profile(likelihood, parameter, np.array([value])).fits.twice_nll[0])


# ---------------------------------------------------------------- minimum and interval


@pytest.mark.parametrize("choice", CHOICES)
def test_converged(fits: dict[Choice, Fit], choice: Choice) -> None:
    found = fits[choice]
    assert found.valid
    assert not found.at_bound
    assert found.edm < 1e-8
    assert found.negative_components == ()
    assert found.parameter == choice[2]
    assert found.theta[found.parameter] == found.value


@pytest.mark.parametrize("choice", CHOICES)
def test_interval_ends_where_the_profile_has_risen(
    likelihoods: dict[Choice, Likelihood], fits: dict[Choice, Fit], choice: Choice
) -> None:
    likelihood, found = likelihoods[choice], fits[choice]
    assert found.threshold == pytest.approx(1)
    assert found.up is not None
    assert found.down is not None
    for end in (found.value + found.up, found.value - found.down):
        assert height(likelihood, choice[2], end) - found.twice_nll == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("choice", CHOICES)
def test_minos_finds_the_same_interval(
    likelihoods: dict[Choice, Likelihood], fits: dict[Choice, Fit], choice: Choice
) -> None:
    up, down = minos(likelihoods[choice], choice[2], ONE_SIGMA)
    assert up == pytest.approx(fits[choice].up, rel=1e-3)
    assert down == pytest.approx(fits[choice].down, rel=1e-3)


@pytest.mark.parametrize("choice", CHOICES)
def test_both_minimisers_give_the_same_fit(
    likelihoods: dict[Choice, Likelihood], fits: dict[Choice, Fit], choice: Choice
) -> None:
    other = fit(likelihoods[choice], cl=ONE_SIGMA, minimiser="newton")
    found = fits[choice]
    assert other.twice_nll == pytest.approx(found.twice_nll, abs=1e-8)
    assert other.value == pytest.approx(found.value, rel=1e-4)
    assert other.up == pytest.approx(found.up, rel=1e-4)
    assert other.down == pytest.approx(found.down, rel=1e-4)


@pytest.mark.parametrize(
    ("name", "parameter", "cl"),
    [("pandax4t", "flux", 0.9), ("pandax4t", "sin2thetaw", 0.9), ("xenonnt", "flux", 0.99), ("combined", "flux", 0.99)],
)
def test_no_end_where_the_domain_ends_first(
    likelihoods: dict[Choice, Likelihood], name: str, parameter: str, cl: float
) -> None:
    likelihood = likelihoods[name, "linear", parameter]
    found = fit(likelihood, cl=cl)
    assert height(likelihood, parameter, 0.0) - found.twice_nll < found.threshold
    assert found.down is None
    assert found.up is not None
    assert found.up > 0


def test_minos_without_a_crossing(likelihoods: dict[Choice, Likelihood]) -> None:
    up, down = minos(likelihoods["pandax4t", "linear", "flux"], "flux", 0.9)
    assert up == pytest.approx(11.34, abs=0.05)
    assert down is None


@pytest.mark.parametrize("minimiser", MINIMISERS)
@pytest.mark.parametrize("counts", [[5, 5, 5], [9, 8, 6], [16, 7, 0]])
def test_a_best_fit_on_the_edge_of_the_domain(
    likelihoods: dict[Choice, Likelihood], counts: list[int], minimiser: Minimiser
) -> None:
    found = fit(likelihoods["xenonnt", "linear", "flux"].with_observed(counts), minimiser=minimiser)
    assert found.value == pytest.approx(0, abs=1e-6)
    assert found.valid
    assert found.at_bound
    assert found.down is None
    assert found.up is not None
    assert found.significance == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize(("cl", "delta"), [(ONE_SIGMA, 1.0), (0.68, 0.98894), (0.9, 2.70554), (0.95, 3.84146)])
def test_thresholds(likelihoods: dict[Choice, Likelihood], cl: float, delta: float) -> None:
    # PDG review of statistics, table of Delta chi^2
    assert threshold(cl) == pytest.approx(delta, abs=1e-5)
    assert fit(likelihoods["xenonnt", "linear", "flux"], cl=cl).threshold == pytest.approx(delta, abs=1e-5)


def test_threshold_of_two_parameters() -> None:
    assert threshold(0.9, dof=2) == pytest.approx(-2 * np.log(0.1))


@pytest.mark.parametrize("cl", [0.0, 1.0, -0.5, 68.0, float("nan")])
def test_bad_confidence_level(likelihoods: dict[Choice, Likelihood], cl: float) -> None:
    with pytest.raises(SpecBuilderError, match=r"confidence level .*: expected a number between 0 and 1"):
        fit(likelihoods["xenonnt", "linear", "flux"], cl=cl)


def test_every_crossing_is_found() -> None:
    """A quadratic signal has two minima: its 2NLL crosses a level four times."""
    workspace: dict[str, Any] = {
        "channels": [
            {
                "name": "c",
                "samples": [
                    {"name": "s", "data": [1.0], "modifiers": []},
                    {"name": "b", "data": [10.0], "modifiers": []},
                ],
            }
        ],
        "observations": [{"name": "c", "data": [20]}],
        "measurements": [{"name": "m", "config": {"poi": "", "parameters": []}}],
        "version": "1.0.0",
    }
    # s(x) = (x - 5)^2: 20 events at x = 5 -+ sqrt(10)
    likelihood = Likelihood.from_workspace(workspace).with_polynomial(
        "s", "x", {"c": np.array([[25.0], [-10.0], [1.0]])}, init=5.0, bounds=(0.0, 10.0)
    )
    best = fit(likelihood, cl=ONE_SIGMA, null=None)
    assert abs(best.value - 5) == pytest.approx(np.sqrt(10), abs=1e-4)
    assert best.chi2_min == pytest.approx(0, abs=1e-8)
    below, above, _, _ = crossings(likelihood, search(likelihood, "x"), best.value, best.twice_nll + 1)
    ends = np.sort([*below, *above])
    rate = 10 + (ends - 5) ** 2
    np.testing.assert_allclose(2 * (rate - 20 + 20 * np.log(20 / rate)), np.ones(4), rtol=1e-6)
    assert best.significance is None


# ---------------------------------------------------------------- pulls


def curvature(objective: Callable[[FloatArray], float], x: FloatArray) -> FloatArray:
    """Second derivatives by central differences."""
    size, h = x.size, 1e-3
    matrix = np.empty((size, size))
    for i, j in itertools.product(range(size), repeat=2):
        a, b = h * np.eye(size)[i], h * np.eye(size)[j]
        corners = objective(x + a + b) - objective(x + a - b) - objective(x - a + b) + objective(x - a - b)
        matrix[i, j] = corners / (4 * h * h)
    return matrix


@pytest.mark.parametrize("law", LAWS)
def test_pulls_against_pyhf(pyhf_model: Callable[..., Any], law: str) -> None:
    """Values from pyhf's minimum, uncertainties from the inverse of pyhf's Hessian."""
    workspace = load_analysis("combined", law).workspace
    likelihood, pyhf = Likelihood.from_workspace(workspace, "b8_flux"), pyhf_model(workspace, "b8_flux")
    found = fit(likelihood, cl=ONE_SIGMA)
    names = [likelihood.parameters[i] for i in likelihood.free]
    theta = np.array([found.theta[name] for name in likelihood.parameters])

    def objective(x: FloatArray) -> float:
        point = theta.copy()
        point[list(likelihood.free)] = x
        return float(pyhf.twice_nll(point[None], likelihood.parameters)[0])

    covariance = np.linalg.inv(curvature(objective, theta[list(likelihood.free)]) / 2)
    errors = dict(zip(names, np.sqrt(np.diag(covariance)), strict=True))
    assert set(found.pulls) == set(names) - {"mu_8b"}
    for name, pull in found.pulls.items():
        assert pull.value == pytest.approx(found.theta[name], abs=1e-12)
        assert pull.uncertainty == pytest.approx(errors[name], rel=1e-4)


def test_pulls_are_in_units_of_the_constraint(generic: dict[str, Any]) -> None:
    likelihood = Likelihood.from_workspace(generic)
    found = fit(likelihood)
    assert found.pulls["lumi"].value == pytest.approx((found.theta["lumi"] - 1.0) / 0.03)
    assert found.pulls["tilt"].value == found.theta["tilt"]
    # a shapesys of 10 % on 20 events: Poisson with mean 100, width 1/10
    assert found.pulls["bins_left[0]"].value == pytest.approx((found.theta["bins_left[0]"] - 1.0) / 0.1)
    assert {"mu", "factor", "bins_left[2]", "stat_left[1]"}.isdisjoint(found.pulls)
    # the data say little about these: what is left is the constraint itself
    for name in ("lumi", "bins_left[0]", "bins_right[0]", "other"):
        assert found.pulls[name].uncertainty == pytest.approx(1, abs=0.1)


# ---------------------------------------------------------------- significance and goodness of fit


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("name", ANALYSES)
def test_significance_of_the_flux(fits: dict[Choice, Fit], name: str, law: str) -> None:
    likelihood = Likelihood.from_workspace(load_analysis(name, law).workspace, "b8_flux")
    start = likelihood.init.copy()
    start[likelihood.index("mu_8b")] = 0.0
    nothing = minimise(likelihood, start=start, fixed=("mu_8b",)).twice_nll[0]
    found = fits[name, law, "flux"]
    assert found.significance == pytest.approx(np.sqrt(nothing - found.twice_nll), rel=1e-6)


@pytest.mark.parametrize("choice", CHOICES)
def test_goodness_of_fit(likelihoods: dict[Choice, Likelihood], fits: dict[Choice, Fit], choice: Choice) -> None:
    found, likelihood = fits[choice], likelihoods[choice]
    bins = {"xenonnt": 3, "pandax4t": 8, "combined": 11}[choice[0]]
    assert found.ndof == bins - 1
    assert found.p_value == pytest.approx(chi2.sf(found.chi2_min, found.ndof))
    theta = np.array([found.theta[name] for name in likelihood.parameters])
    N, D = likelihood.rates(theta)[0], likelihood.observed
    penalty = sum(pull.value**2 for pull in found.pulls.values())
    assert found.chi2_min == pytest.approx(2 * np.sum(N - D + D * np.log(D / N)) + penalty, abs=1e-9)


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("share", [0.3, 1.0, 2.5])
def test_asimov_data_return_what_was_injected(
    likelihoods: dict[Choice, Likelihood], choice: Choice, share: float
) -> None:
    likelihood, parameter = likelihoods[choice], choice[2]
    injected = likelihood.init.copy()
    injected[likelihood.index(parameter)] *= share
    asimov = likelihood.with_observed(likelihood.rates(injected)[0])
    found = fit(asimov)
    assert found.value == pytest.approx(injected[likelihood.index(parameter)], rel=1e-4)
    assert found.chi2_min == pytest.approx(0, abs=1e-8)
    assert max(abs(pull.value) for pull in found.pulls.values()) < 1e-3


def test_negative_components_are_reported() -> None:
    """Under linear a background can turn negative while the total stays positive."""
    counts = [100, 60, 40, 30, 20, 10, 5, 1]
    found = fit(load_analysis("pandax4t", "linear").likelihood("flux").with_observed(counts))
    assert 1 + 0.31 * found.theta["pandax4t_cathode"] < 0
    assert found.negative_components == tuple(f"cathode bin {i}" for i in range(8))


# ---------------------------------------------------------------- mistakes


def test_unknown_minimiser(likelihoods: dict[Choice, Likelihood]) -> None:
    with pytest.raises(SpecBuilderError, match="minimiser 'simplex' is unknown, expected one of minuit, newton"):
        fit(likelihoods["xenonnt", "linear", "flux"], minimiser=cast("Any", "simplex"))


def test_unknown_parameter(likelihoods: dict[Choice, Likelihood]) -> None:
    with pytest.raises(SpecBuilderError, match="parameter 'phi' is unknown, expected one of flux, "):
        fit(likelihoods["xenonnt", "linear", "flux"], "phi")


def test_no_parameter_of_interest(generic: dict[str, Any]) -> None:
    generic["measurements"][0]["config"]["poi"] = ""
    with pytest.raises(SpecBuilderError, match="the measurement names no parameter of interest; name one"):
        fit(Likelihood.from_workspace(generic))


@pytest.mark.parametrize("minimiser", MINIMISERS)
def test_no_finite_start(minimiser: Minimiser) -> None:
    workspace = load_analysis("xenonnt").workspace
    for sample in workspace["channels"][0]["samples"]:
        sample["data"] = [0.0, 0.0, 0.0]
    with pytest.raises(SpecBuilderError, match=r"bin 0: 16 observed, but nothing is expected there whatever"):
        fit(Likelihood.from_workspace(workspace), minimiser=minimiser)


def test_fixed_parameter_has_no_interval() -> None:
    likelihood = Likelihood.from_workspace(load_analysis("xenonnt").workspace, "new_physics")
    found = fit(likelihood, "mu_8b")
    assert (found.value, found.up, found.down, found.significance) == (1.0, None, None, None)
    assert found.ndof == 3


def test_fewer_counts_than_without_a_signal_are_no_signal() -> None:
    """A best value below zero lowers 2NLL as one above does: that is no evidence of a signal."""
    samples = [
        {"name": "s", "data": [10.0], "modifiers": [{"name": "mu", "type": "normfactor", "data": None}]},
        {"name": "b", "data": [50.0], "modifiers": []},
    ]
    settings = [{"name": "mu", "inits": [1.0], "bounds": [[-4.0, 10.0]]}]
    workspace = {
        "channels": [{"name": "c", "samples": samples}],
        "observations": [{"name": "c", "data": [30]}],
        "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": settings}}],
        "version": "1.0.0",
    }
    deficit = fit(Likelihood.from_workspace(workspace))
    assert deficit.value == pytest.approx(-2.0, abs=1e-4)
    assert deficit.significance == 0.0
    workspace["observations"] = [{"name": "c", "data": [70]}]
    excess = fit(Likelihood.from_workspace(workspace))
    assert excess.significance == pytest.approx(np.sqrt(2 * (70 * np.log(70 / 50) - 20)), rel=1e-6)


@pytest.mark.parametrize("minimiser", MINIMISERS)
def test_a_null_where_the_rate_is_negative(minimiser: Minimiser) -> None:
    """The parameter of interest is the only free one, so that nothing is left to be fitted there."""
    samples = [
        {"name": "s", "data": [1.0], "modifiers": [{"name": "mu", "type": "normfactor", "data": None}]},
        {"name": "b", "data": [-0.5], "modifiers": []},
    ]
    workspace = {
        "channels": [{"name": "c", "samples": samples}],
        "observations": [{"name": "c", "data": [2.0]}],
        "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": []}}],
        "version": "1.0.0",
    }
    found = fit(Likelihood.from_workspace(workspace), minimiser=minimiser)
    assert found.valid
    assert found.value == pytest.approx(2.5, abs=1e-6)
    assert found.significance is None
    assert found.problems == ("significance: no fit converges at mu = 0",)
