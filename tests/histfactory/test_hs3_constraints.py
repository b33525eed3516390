"""Constraints that a file in HS3 names, against ROOT's own 2NLL of the model that it wrote."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.histfactory.hs3_constraints import NamedConstraints, constants
from spec_builder.histfactory.hs3_reading import workspace_of_hs3
from spec_builder.histfactory.specification import Constraint
from spec_builder.inference.likelihood import Likelihood
from tests.histfactory.root_hs3 import ELSEWHERE, TWICE_NLL, as_newer_root, of_root

if TYPE_CHECKING:
    from collections.abc import Callable

OBSERVED = "simPdf_obsData"
#: ROOT's names are ours, but for these.
RENAMED = {
    "Lumi": "lumi",
    **{f"gamma_stat_SR_bin_{i}": f"staterror_model_SR[{i}]" for i in range(2)},
    **{f"gamma_unc_bin_{i}": f"unc_model_SR[{i}]" for i in range(2)},
}


def twice_nll(likelihood: Likelihood, point: dict[str, float]) -> float:
    theta = likelihood.init.copy()
    for name, value in point.items():
        theta[likelihood.index(RENAMED.get(name, name))] = value
    return float(likelihood.twice_nll(theta)[0])


@pytest.mark.parametrize("change", [lambda content: content, as_newer_root], ids=["6.40.00", "later"])
@pytest.mark.parametrize("name", TWICE_NLL)
def test_the_likelihood_is_roots(name: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    likelihood = Likelihood.from_workspace(workspace_of_hs3(change(of_root()), name))
    assert likelihood.poi == "mu"
    at = [twice_nll(likelihood, point) for point in ({}, ELSEWHERE)]
    np.testing.assert_allclose(at, TWICE_NLL[name], rtol=1e-12)


def test_what_is_held_has_no_constraint_and_its_bins_no_uncertainty() -> None:
    """Then 2NLL misses the constants of their constraints alone."""
    content = of_root()
    for parameter in content["parameter_points"][0]["parameters"]:
        if parameter["name"] in ("Lumi", "alpha_eff", "gamma_unc_bin_0"):
            parameter["const"] = True
    likelihood = Likelihood.from_workspace(workspace_of_hs3(content, OBSERVED))
    free = {likelihood.parameters[i] for i in likelihood.free}
    assert free == {"mu", "alpha_tilt", "staterror_model_SR[0]", "staterror_model_SR[1]", "unc_model_SR[1]"}
    moved = {name: value for name, value in ELSEWHERE.items() if RENAMED.get(name, name) in free}
    whole = Likelihood.from_workspace(workspace_of_hs3(of_root(), OBSERVED))
    ours, theirs = (twice_nll(one, moved) - twice_nll(one, {}) for one in (likelihood, whole))
    assert ours == pytest.approx(theirs, rel=1e-12)


def sample(content: dict[str, Any], number: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = content["distributions"][0]["samples"][number]["modifiers"]
    return found


def named(content: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(d for d in content["distributions"] if d["name"] == name)
    return found


def value(content: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(p for p in content["parameter_points"][0]["parameters"] if p["name"] == name)
    return found


def second_staterror(content: dict[str, Any]) -> None:
    sample(content, 0).append(copy.deepcopy(sample(content, 1)[1]))


WRONG: list[tuple[Callable[[dict[str, Any]], object], str]] = [
    (lambda c: named(c, "alpha_effConstraint").update(sigma=2.0), "'eff': constraint 'alpha_effConstraint' has no"),
    (lambda c: value(c, "nom_alpha_eff").update(value=0.5), "'eff': constraint 'alpha_effConstraint' has no"),
    (lambda c: value(c, "nom_alpha_eff").pop("const"), "'eff': constraint 'alpha_effConstraint' has no counterpart"),
    (lambda c: named(c, "alpha_effConstraint").update(x="mu"), "'eff': constraint 'alpha_effConstraint' has no"),
    (
        lambda c: sample(c, 2)[2].update(constraint="alpha_eff"),
        "constraint 'alpha_eff' of a normsys has no counterpart",
    ),
    (lambda c: sample(c, 2)[1].update(constraint="lumiConstraint"), "'mu': constraint 'lumiConstraint' has no count"),
    (
        lambda c: sample(c, 2)[1].update(parameter="lumi"),
        "constrains otherwise than a pyhf workspace can; expected a G",
    ),
    (lambda c: c["functions"][0].update(factors=["gamma_unc_bin_0"]), "constraint 'gamma_unc_bin_0_constraint' has no"),
    (lambda c: value(c, "nom_gamma_unc_bin_0").update(value=9.0), "constraint 'gamma_unc_bin_0_constraint' has no"),
    (lambda c: sample(c, 0)[2].update(constraints=[None, None]), "'unc': constraint 'None' has no counterpart"),
    (lambda c: sample(c, 0)[2]["constraints"].pop(), "'unc': has 1 constraints, expected 2"),
    (
        lambda c: sample(c, 0)[2].pop("constraints"),
        "'unc': a shapesys that ROOT wrote without its parameters or its con",
    ),
    (lambda c: sample(c, 0)[2].pop("parameters"), "'unc': has 0 parameters, expected 2"),
    (lambda c: sample(c, 1)[1].update(constraints=["lumiConstraint"] * 2), "'staterror': names constraints, expected"),
    (second_staterror, "parameter 'gamma_stat_SR_bin_0': several samples share it in a staterror with Poisson's"),
    (lambda c: c["distributions"][0].update(staterror={"relThreshold": 0.05}), "has a relThreshold of its staterror"),
    (
        lambda c: c["distributions"][0].update(staterror={"constraint_type": "Lognormal"}),
        "constraint 'Lognormal' of a staterror has no",
    ),
]


@pytest.mark.parametrize(("change", "message"), WRONG, ids=[message for _, message in WRONG])
def test_other_constraints_are_refused(change: Callable[[dict[str, Any]], object], message: str) -> None:
    content = as_newer_root(of_root())
    change(content)
    with pytest.raises(SpecBuilderError, match=message):
        workspace_of_hs3(content, OBSERVED)


def test_a_constraint_by_name() -> None:
    gaussian = {"type": "gaussian_dist", "x": "nominal", "mean": "theta", "sigma": 0.5}
    poisson = {"type": "poisson_dist", "x": 16, "mean": "product"}
    constraints = NamedConstraints(
        {"g": gaussian, "p": poisson}, {"product": ["theta", 16.0]}, {"nominal": 2.0, "theta": float("nan")}
    )
    assert constraints.constraint("here", "g", "theta") == Constraint("normal", 2.0, 0.5)
    assert constraints.constraint("here", "p", "theta") == Constraint("poisson", 16.0, 16.0)
    assert constraints.of_modifier({"constraint": "Gauss"}) is None
    assert constraints.of_modifier({"constraint": "g"}) == ["g"]
    with pytest.raises(SpecBuilderError, match="here: constraint 'h' has no counterpart"):
        constraints.constraint("here", "h", "theta")


def test_constants_are_those_that_all_points_hold_at_one_value() -> None:
    first = [{"name": name, "value": 1, "const": True} for name in "abc"]
    second = [{"name": "a", "value": 1, "const": True}, {"name": "b", "value": 2, "const": True}]
    third = [{"name": "c", "value": 1}]
    found = constants([{"parameters": parameters} for parameters in (first, second, third)])
    assert found["a"] == 1.0
    assert np.isnan([found["b"], found["c"]]).all()
