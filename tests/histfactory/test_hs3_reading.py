"""HS3 as a pyhf workspace: what we write comes back, and what a workspace cannot hold is refused by its name."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.histfactory.hs3 import hs3_workspace
from spec_builder.histfactory.hs3_reading import is_hs3, workspace_of_hs3, workspaces_of_hs3
from spec_builder.inference.likelihood import Likelihood

if TYPE_CHECKING:
    from collections.abc import Callable

WORKSPACE: dict[str, Any] = {
    "channels": [
        {
            "name": "c",
            "samples": [
                {
                    "name": "signal",
                    "data": [4.0, 6.0],
                    "modifiers": [
                        {"name": "mu", "type": "normfactor", "data": None},
                        {"name": "shape", "type": "histosys", "data": {"hi_data": [5.0, 6.6], "lo_data": [3.2, 5.7]}},
                    ],
                },
                {
                    "name": "background",
                    "data": [10.0, 8.0],
                    "modifiers": [
                        {"name": "size", "type": "normsys", "data": {"hi": 1.1, "lo": 0.9}},
                        {"name": "stat", "type": "staterror", "data": [0.8, 0.6]},
                    ],
                },
            ],
        }
    ],
    "observations": [{"name": "c", "data": [15, 13]}],
    "measurements": [
        {
            "name": "m",
            "config": {"poi": "mu", "parameters": [{"name": "mu", "inits": [0.7], "bounds": [[0.0, 9.0]]}]},
        }
    ],
    "version": "1.0.0",
}


def test_what_we_write_comes_back() -> None:
    back = workspace_of_hs3(hs3_workspace(WORKSPACE))
    one, other = Likelihood.from_workspace(WORKSPACE), Likelihood.from_workspace(back)
    assert other.parameters == one.parameters
    assert other.poi == "mu"
    np.testing.assert_array_equal(other.init, one.init)
    np.testing.assert_array_equal(other.bounds[:, other.index("mu")], [0.0, 9.0])
    points = one.init + np.random.default_rng(1).normal(0, 0.2, (20, one.init.size))
    points = np.clip(points, 0.05, None)
    np.testing.assert_allclose(other.twice_nll(points), one.twice_nll(points), rtol=1e-12)


def test_what_is_hs3() -> None:
    assert is_hs3(hs3_workspace(WORKSPACE))
    assert not is_hs3(WORKSPACE)
    assert not is_hs3([WORKSPACE])


def change(path: tuple[Any, ...], value: Any) -> Callable[[dict[str, Any]], None]:
    def apply(content: dict[str, Any]) -> None:
        for key in path[:-1]:
            content = content[key]
        content[path[-1]] = value

    return apply


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (change(("distributions", 0, "type"), "mixture_dist"), "'c': is a mixture_dist; only histfactory_dist fits"),
        (change(("distributions", 0, "barlow_beeston_method"), "full"), "'c': has a staterror for each sample"),
    ],
)
def test_what_a_workspace_cannot_hold(edit: Callable[[dict[str, Any]], None], message: str) -> None:
    content = copy.deepcopy(hs3_workspace(WORKSPACE))
    edit(content)
    with pytest.raises(SpecBuilderError, match=message):
        workspace_of_hs3(content)


def of_two_data_sets() -> dict[str, Any]:
    """As ROOT writes it: the same channel with what was observed and with Asimov data, an analysis for either."""
    content: dict[str, Any] = copy.deepcopy(hs3_workspace(WORKSPACE))
    content["data"].append(content["data"][0] | {"name": "asimov", "contents": [14.0, 14.0]})
    content["likelihoods"].append(content["likelihoods"][0] | {"name": "expected", "data": ["asimov"]})
    content["analyses"].append(content["analyses"][0] | {"name": "a", "likelihood": "expected"})
    return content


def test_a_measurement_chooses_its_likelihood() -> None:
    content = of_two_data_sets()
    with pytest.raises(SpecBuilderError, match=r"^has several likelihoods, name a measurement of one: m, a$"):
        workspace_of_hs3(content)
    assert workspace_of_hs3(content, "m") == workspace_of_hs3(hs3_workspace(WORKSPACE))
    expected = workspace_of_hs3(content, "a")
    assert expected["observations"] == [{"name": "c", "data": [14.0, 14.0]}]
    ours = Likelihood.from_workspace({**WORKSPACE, "observations": expected["observations"]})
    theirs = Likelihood.from_workspace(expected, "a")
    assert theirs.twice_nll(theirs.init) == pytest.approx(ours.twice_nll(ours.init), rel=1e-14)
    assert workspaces_of_hs3(content) == [workspace_of_hs3(content, "m"), expected]
    with pytest.raises(SpecBuilderError, match="measurement 'M' is unknown, expected one of m, a"):
        workspace_of_hs3(content, "M")


def test_the_measurement_that_is_asked_for_stands_first() -> None:
    content = of_two_data_sets()
    content["analyses"].append(content["analyses"][0] | {"name": "b"})
    assert [m["name"] for m in workspace_of_hs3(content, "b")["measurements"]] == ["b", "m"]


def test_a_likelihood_without_an_analysis_is_a_measurement_of_its_name() -> None:
    content = of_two_data_sets()
    del content["analyses"][1]
    (measurement,) = workspace_of_hs3(content, "expected")["measurements"]
    assert measurement["name"] == "expected"
    content["analyses"][0]["name"] = "expected"
    with pytest.raises(SpecBuilderError, match="likelihood 'expected': an analysis of this name has another"):
        workspace_of_hs3(content, "expected")
    content["analyses"][0]["likelihood"] = "expcted"
    with pytest.raises(SpecBuilderError, match="analysis 'expected': there is no likelihood 'expcted'"):
        workspace_of_hs3(content)
    content |= {"analyses": [], "likelihoods": []}
    for read in (workspace_of_hs3, workspaces_of_hs3):
        with pytest.raises(SpecBuilderError, match="has no likelihood"):
            read(content)


def test_one_domain_may_have_the_key_of_the_standards_example() -> None:
    content = copy.deepcopy(hs3_workspace(WORKSPACE))
    content["analyses"][0]["domain"] = content["analyses"][0].pop("domains")[0]
    assert workspace_of_hs3(content) == workspace_of_hs3(hs3_workspace(WORKSPACE))


def test_constant_parameters_stay_constant() -> None:
    content = copy.deepcopy(hs3_workspace(WORKSPACE))
    for point in content["parameter_points"][0]["parameters"]:
        if point["name"] == "size":
            point.update(const=True, value=0.5)
    likelihood = Likelihood.from_workspace(workspace_of_hs3(content))
    place = likelihood.index("size")
    assert place not in likelihood.free
    assert likelihood.init[place] == 0.5
