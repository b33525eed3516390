"""One point of an interaction as a workspace."""

from __future__ import annotations

import copy

import jsonpatch
import numpy as np
import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.histfactory.checks import workspace_problems
from spec_builder.model.analysis import Analysis, load_analysis
from spec_builder.model.patches import build_patch_set
from spec_builder.model.points import as_point, point_workspace
from spec_builder.physics.interactions import choose


@pytest.fixture(scope="module")
def xenonnt() -> Analysis:
    return load_analysis("xenonnt")


def test_the_signal_is_that_of_the_patch_set(xenonnt: Analysis) -> None:
    choice = choose("scalar")
    before = copy.deepcopy(xenonnt.workspace)
    found = point_workspace(xenonnt, choice, 1.0, 5e-6)
    patches = build_patch_set(xenonnt, choice, [(1.0, 5e-6)])["patches"]
    assert found["channels"] == jsonpatch.apply_patch(xenonnt.workspace, patches[0]["patch"])["channels"]
    assert xenonnt.workspace == before
    assert workspace_problems(found) == []


def test_the_first_measurement_has_nothing_to_measure(xenonnt: Analysis) -> None:
    measurements = point_workspace(xenonnt, choose("scalar"), 1.0, 5e-6)["measurements"]
    assert [(m["name"], m["config"]["poi"]) for m in measurements] == [("new_physics", ""), ("b8_flux", "mu_8b")]


def test_the_contact_limit_is_that_of_a_heavy_mediator(xenonnt: Analysis) -> None:
    choice = choose("vector_bl")
    contact = point_workspace(xenonnt, choice, np.inf, 1e-3)
    heavy = point_workspace(xenonnt, choice, 1e7, 1e-3 * 1e4)
    for one, other in zip(contact["channels"][0]["samples"], heavy["channels"][0]["samples"], strict=True):
        assert one["data"] == pytest.approx(other["data"], rel=1e-5)


@pytest.mark.parametrize(
    ("name", "mass", "value", "message"),
    [
        ("scalar", -1.0, 1e-6, "masses '-1': '-1' is not a positive number"),
        ("scalar", np.nan, 1e-6, "masses 'nan'"),
        ("scalar", None, 1e-6, "interaction 'scalar' has a mediator: give its masses"),
        ("scalar", 1.0, -1e-6, "coupling -1e-06: interaction 'scalar' has none below 0"),
        ("scalar", 1.0, np.inf, "coupling 'inf'"),
        ("magnetic_moment", 1.0, 1e-10, "interaction 'magnetic_moment' has no mediator"),
        ("nothing", 1.0, 1e-10, "interaction 'nothing' is unknown"),
    ],
)
def test_what_is_no_point_is_refused(
    xenonnt: Analysis, name: str, mass: float | None, value: float, message: str
) -> None:
    with pytest.raises(SpecBuilderError, match=message):
        point_workspace(xenonnt, name, mass, value)


def test_points_in_words() -> None:
    assert str(as_point("scalar", np.inf, 4e-4)) == "scalar, g/m [1/GeV] = 0.0004"
    assert str(as_point("nsi", None, 0.1)) == "nsi, epsilon = 0.1"
