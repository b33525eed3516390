"""Names, starts, bounds and what is held: what HS3 says parameter by parameter, and pyhf modifier by modifier."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.histfactory.hs3_measurements import Names, chosen_measurements, likelihoods_of
from spec_builder.histfactory.hs3_reading import workspace_of_hs3
from spec_builder.inference.likelihood import Likelihood


def of_bins(kind: str, **more: object) -> dict[str, Any]:
    """A modifier of two bins, whose parameters have names of their own."""
    return {"name": "own", "type": kind, "parameters": ["g_0", "g_1"], **more}


GAUSSIAN = of_bins("staterror", constraint="Gauss")
POISSON = of_bins("shapesys", data={"vals": [0.8, 0.6]})


def model(*modifiers: dict[str, Any], channels: tuple[str, ...] = ("c",)) -> dict[str, Any]:
    """Channels of two bins with a signal of strength mu, and a background with the modifiers."""
    samples = [
        {"name": "s", "data": {"contents": [2.0, 3.0]}, "modifiers": [{"name": "mu", "type": "normfactor"}]},
        {"name": "b", "data": {"contents": [8.0, 9.0], "errors": [0.8, 0.6]}, "modifiers": list(modifiers)},
    ]
    content = {
        "distributions": [{"name": name, "type": "histfactory_dist", "samples": samples} for name in channels],
        "data": [{"name": f"{name}_data", "type": "binned", "contents": [12.0, 11.0]} for name in channels],
        "likelihoods": [{"name": "l", "distributions": list(channels), "data": [f"{name}_data" for name in channels]}],
        "parameter_points": [{"name": "default_values", "parameters": []}],
        "domains": [],
        "metadata": {"hs3_version": "0.2", "packages": [{"name": "pyhs3"}]},
    }
    return copy.deepcopy(content)


def start(content: dict[str, Any], **values: tuple[float, bool]) -> dict[str, Any]:
    content["parameter_points"][0]["parameters"] += [
        {"name": name, "value": value, "const": held} for name, (value, held) in values.items()
    ]
    return content


@pytest.mark.parametrize("modifier", [GAUSSIAN, POISSON], ids=["staterror", "shapesys"])
def test_a_part_of_the_bins_is_held_by_having_no_uncertainty(modifier: dict[str, Any]) -> None:
    """At its start, whatever that is; 2NLL misses the constant of its constraint alone."""
    free = Likelihood.from_workspace(workspace_of_hs3(model(modifier)))
    content = start(model(modifier), g_0=(1.25, True), g_1=(1.0, False))
    content["domains"] = [{"name": "d", "axes": [{"name": "g_1", "min": 0.0, "max": 4.0}]}]
    content["analyses"] = [{"name": "a", "likelihood": "l", "domains": ["d"]}]
    held = Likelihood.from_workspace(workspace_of_hs3(content))
    assert {held.parameters[i] for i in held.free} == {"mu", "own_c[1]"}
    assert held.init[held.index("own_c[0]")] == 1.25
    np.testing.assert_array_equal(held.bounds[:, held.index("own_c[1]")], [0.0, 4.0])
    points = np.array([[0.7, 1.25, 0.9], [1.6, 1.25, 1.1]])
    assert held.parameters == free.parameters == ("mu", "own_c[0]", "own_c[1]")
    ours, theirs = np.diff(held.twice_nll(points)), np.diff(free.twice_nll(points))
    np.testing.assert_allclose(ours, theirs, rtol=1e-11)


def test_a_part_of_a_shapefactor_cannot_be_held() -> None:
    content = start(model(of_bins("shapefactor")), g_0=(1.0, True))
    with pytest.raises(SpecBuilderError, match="'g_1': is free beside 'g_0', which is held; pyhf holds all bins"):
        workspace_of_hs3(content)


def test_a_shapefactor_of_two_channels_is_one() -> None:
    """Its parameters became two modifiers', one for each channel."""
    back = workspace_of_hs3(model(of_bins("shapefactor"), channels=("c", "d")))
    assert Likelihood.from_workspace(back).parameters == ("mu", "own_c[0]", "own_c[1]")


@pytest.mark.parametrize("modifier", [GAUSSIAN, POISSON], ids=["staterror", "shapesys"])
def test_other_modifiers_of_two_channels_are_refused(modifier: dict[str, Any]) -> None:
    content = model(modifier, channels=("c", "d"))
    with pytest.raises(SpecBuilderError, match="parameter 'g_0': several samples share it"):
        workspace_of_hs3(content)


def test_modifiers_of_one_name_and_other_parameters_are_two() -> None:
    content = model(POISSON)
    other = of_bins("shapesys", data={"vals": [0.2, 0.3]}) | {"parameters": ["h_0", "h_1"]}
    content["distributions"][0]["samples"][0]["modifiers"].append(other)
    likelihood = Likelihood.from_workspace(workspace_of_hs3(content))
    assert likelihood.parameters == ("mu", "own_c[0]", "own_c[1]", "own_c_b[0]", "own_c_b[1]")


def test_a_channel_has_one_staterror() -> None:
    content = model(GAUSSIAN, GAUSSIAN | {"name": "other", "parameters": ["h_0", "h_1"]})
    with pytest.raises(SpecBuilderError, match="channel 'c': has staterrors of several parameters"):
        workspace_of_hs3(content)


@pytest.mark.parametrize(
    ("modifier", "message"),
    [
        ({"parameter": "g_1"}, "modifier 'f': parameter 'g_1' acts on a bin alone elsewhere"),
        ({"parameters": ["f", "h"]}, "modifier 'f': has 2 parameters, expected 1"),
        ({"parameters": ["f"], "parameter": "h"}, "modifier 'f': has 2 parameters, expected 1"),
    ],
)
def test_a_factor_has_one_parameter_of_its_own(modifier: dict[str, Any], message: str) -> None:
    content = model(GAUSSIAN, {"name": "f", "type": "normfactor"} | modifier)
    with pytest.raises(SpecBuilderError, match=message):
        workspace_of_hs3(content)


def test_a_parameter_of_two_bins_is_refused() -> None:
    with pytest.raises(SpecBuilderError, match="parameter 'g': acts on several bins"):
        Names().add("m", ["g", "g"])


def test_parameters_without_a_name_have_roots_where_it_is_mentioned() -> None:
    modifiers: list[dict[str, Any]] = [
        {"name": "x", "type": "normsys", "data": {"hi": 1.1, "lo": 0.9}},
        {"name": "m", "type": "staterror", "constraint": "Gauss"},
    ]
    plain = Likelihood.from_workspace(workspace_of_hs3(model(*modifiers)))
    assert plain.parameters == ("m_c[0]", "m_c[1]", "mu", "x")
    content = start(
        model(*modifiers), alpha_x=(0.3, True), gamma_stat_c_bin_0=(1.0, True), gamma_stat_c_bin_1=(1, False)
    )
    likelihood = Likelihood.from_workspace(workspace_of_hs3(content))
    assert {likelihood.parameters[i] for i in likelihood.free} == {"m_c[1]", "mu"}
    assert likelihood.init[likelihood.index("alpha_x")] == 0.3


@pytest.mark.parametrize(
    ("packages", "of_channel", "kind"),
    [
        ([{"name": "ROOT"}], {}, "shapesys"),
        ([{"name": "ROOT"}], {"constraint_type": "Gauss"}, "staterror"),
        ([], {"constraint": "Poisson"}, "shapesys"),
    ],
)
def test_the_constraint_of_a_staterror_makes_its_type(
    packages: list[dict[str, str]], of_channel: dict[str, str], kind: str
) -> None:
    content = model(of_bins("staterror"))
    content["metadata"] = {"packages": packages}
    content["distributions"][0]["staterror"] = of_channel
    (modifier,) = workspace_of_hs3(content)["channels"][0]["samples"][1]["modifiers"]
    assert modifier == {"name": "own_c", "type": kind, "data": [0.8, 0.6]}


@pytest.mark.parametrize(
    ("packages", "widths"),
    [
        *((["pyhs3"], [0.8, 0.6]), (["spec_builder"], [0.8, 0.6]), (["ROOT"], [6.4, 5.4])),
        *(([], None), (["mine"], None), (["ROOT", "pyhs3"], None)),
    ],
)
def test_what_vals_of_a_shapesys_are_is_told_by_their_writer(packages: list[str], widths: list[float] | None) -> None:
    """pyhs3 divides contents by them, ROOT squares their inverse, and the standard's text them; others are refused."""
    content = model(POISSON | {"constraint": "Poisson"})
    content["metadata"]["packages"] = [{"name": name} for name in packages]
    if widths is None:
        with pytest.raises(SpecBuilderError, match="modifier 'own': vals of a shapesys are relative uncertainties by"):
            workspace_of_hs3(content)
        return
    (modifier,) = workspace_of_hs3(content)["channels"][0]["samples"][1]["modifiers"]
    assert modifier["data"] == pytest.approx(widths)


def test_a_staterror_that_says_nothing_is_roots_or_refused() -> None:
    """It was read with Gaussians, as pyhs3 does; ROOT has Poisson's."""
    content = model(of_bins("staterror"))
    with pytest.raises(
        SpecBuilderError, match="channel 'c', modifier 'own': a staterror without its constraint, expec"
    ):
        workspace_of_hs3(content)
    content["misc"] = {"ROOT_internal": {}}
    (modifier,) = workspace_of_hs3(content)["channels"][0]["samples"][1]["modifiers"]
    assert modifier["type"] == "shapesys"


def test_measurements_and_their_likelihoods() -> None:
    content = model()
    content["likelihoods"].append({"name": "other", "distributions": [], "data": []})
    content["analyses"] = [{"name": name, "likelihood": "l"} for name in ("a", "b")]
    assert likelihoods_of(content) == {"a": "l", "b": "l", "other": "other"}
    assert list(chosen_measurements(content, "b")) == ["b", "a"]
    assert list(chosen_measurements(content, "other")) == ["other"]
