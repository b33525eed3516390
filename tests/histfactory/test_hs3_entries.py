"""What a file in HS3 may not hold: each was passed over, or taken for something else, in a fit that said valid."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.histfactory.hs3 import hs3_workspace
from spec_builder.histfactory.hs3_entries import check_entries
from spec_builder.histfactory.hs3_reading import workspace_of_hs3

if TYPE_CHECKING:
    from collections.abc import Callable

MODIFIERS = [
    {"name": "nb", "type": "normsys", "data": {"hi": 1.1, "lo": 0.9}},
    {"name": "st", "type": "staterror", "data": [0.5, 0.4]},
]
SIGNAL = {"name": "s", "data": [2.0, 3.0], "modifiers": [{"name": "mu", "type": "normfactor", "data": None}]}
SOUND = hs3_workspace(
    {
        "channels": [{"name": "c", "samples": [{"name": "b", "data": [8.0, 9.0], "modifiers": MODIFIERS}, SIGNAL]}],
        "observations": [{"name": "c", "data": [10.0, 12.0]}],
        "measurements": [
            {"name": "m", "config": {"poi": "mu", "parameters": [{"name": "mu", "bounds": [[0.0, 5.0]]}]}}
        ],
        "version": "1.0.0",
    }
)


def sample(content: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = content["distributions"][0]["samples"][0]
    return found


def value(content: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = next(p for p in content["parameter_points"][0]["parameters"] if p["name"] == "mu")
    return found


def axis(content: dict[str, Any]) -> dict[str, Any]:
    return next(a for domain in content["domains"] for a in domain["axes"] if a["name"] == "mu")


def renamed(entry: dict[str, Any], key: str, other: str) -> None:
    entry[other] = entry.pop(key)


def function(content: dict[str, Any]) -> None:
    content["functions"] = [{"name": "mu", "type": "product", "factors": ["a", "b"]}]


WRONG: list[tuple[Callable[[dict[str, Any]], object], str]] = [
    (lambda c: c["data"].append(copy.deepcopy(c["data"][0])), "data: 'c_data' stands twice"),
    (lambda c: c["distributions"].append(c["distributions"][0]), "distributions: 'c' stands twice"),
    (lambda c: c["parameter_points"].append(c["parameter_points"][0]), "parameter_points: '.*' stands twice"),
    (lambda c: c["parameter_points"][0]["parameters"].append(dict(value(c))), "point '.*': 'mu' stands twice"),
    (lambda c: c["domains"][0]["axes"].append(c["domains"][0]["axes"][0]), "domain '.*': '.*' stands twice"),
    (lambda c: value(c).update(const="false"), "'mu', const: expected true or false, found 'false'"),
    (lambda c: value(c).update(value="1.0"), "'mu', value: expected a number, found '1.0'"),
    (lambda c: axis(c).update(max="1_0"), "'mu', max: expected a number, found '1_0'"),
    (lambda c: axis(c).update(max=True), "'mu', max: expected a number, found True"),
    (lambda c: c["data"][0].update(type="unbinned"), "data 'c_data': is of type 'unbinned', expected binned"),
    (lambda c: renamed(sample(c), "modifiers", "modifers"), "unknown key 'modifers'; did you mean 'modifiers'"),
    (lambda c: c["likelihoods"][0].update(aux_distribution=[]), "unknown key 'aux_distribution'; did you mean 'aux_d"),
    (lambda c: renamed(c, "analyses", "analysis"), "the model: unknown key 'analysis'; did you mean 'analyses'"),
    (lambda c: renamed(value(c), "const", "constant"), "unknown key 'constant'; did you mean 'const'"),
    (lambda c: sample(c)["modifiers"][1].update(parameters="ab"), "parameters: expected a list of names, found 'ab'"),
    (
        lambda c: sample(c)["modifiers"][1].update(data={"vals": [1.0, 1.0]}),
        "'st': has data, which a staterror has not",
    ),
    (lambda c: sample(c)["data"].pop("errors"), "modifier 'st': a staterror of a sample without errors"),
    (function, "modifier 'mu': 'mu' is a function of other parameters, which pyhf cannot hold"),
]


@pytest.mark.parametrize(("change", "message"), WRONG, ids=[message for _, message in WRONG])
def test_what_would_be_passed_over_is_refused(change: Callable[[dict[str, Any]], object], message: str) -> None:
    content = copy.deepcopy(SOUND)
    value(content).setdefault("const", False)
    change(content)
    with pytest.raises(SpecBuilderError, match=message):
        workspace_of_hs3(content)


def test_what_is_not_fitted_is_left_alone() -> None:
    content = copy.deepcopy(SOUND)
    content["data"].append({"name": "generated", "type": "unbinned", "entries": [[1.0]], "axes": []})
    content["distributions"].append({"name": "g", "type": "generic_dist", "expression": "x"})
    content["misc"] = {"x_of_mine": 1}
    check_entries(content)
    assert workspace_of_hs3(content) == workspace_of_hs3(SOUND)


@pytest.mark.parametrize(
    ("place", "where"),
    [
        (lambda c: c, "the model"),
        (lambda c: c["analyses"][0], "analysis 'm'"),
        (lambda c: c["likelihoods"][0], "likelihood 'main_likelihood'"),
        (value, "parameter point 'default_values', parameter 'mu'"),
        (axis, "domain 'default_domain', parameter 'mu'"),
        (lambda c: c["data"][0], "data 'c_data'"),
        (lambda c: c["data"][0]["axes"][0], "data 'c_data', axis 'c_bin'"),
        (lambda c: c["distributions"][0], "distribution 'c'"),
        (lambda c: c["distributions"][0].setdefault("staterror", {}), "distribution 'c', staterror"),
        (sample, "channel 'c', sample 'b'"),
        (lambda c: sample(c)["data"], "channel 'c', sample 'b', data"),
        (lambda c: sample(c)["modifiers"][0], "channel 'c', sample 'b', modifier 'nb'"),
        (lambda c: sample(c)["modifiers"][0]["data"], "channel 'c', sample 'b', modifier 'nb', data"),
    ],
)
def test_keys_that_nobody_reads_are_refused(place: Callable[[dict[str, Any]], dict[str, Any]], where: str) -> None:
    content = copy.deepcopy(SOUND)
    place(content)["x_of_mine"] = 1
    with pytest.raises(SpecBuilderError, match=f"^{where}: unknown key 'x_of_mine', expected one of"):
        check_entries(content)


def constrained(content: dict[str, Any], modifier: dict[str, Any], **distribution: object) -> None:
    """As ROOT does: the constraint is a distribution of its own, and the modifier has its name."""
    gaussian = {"name": "c_of_it", "type": "gaussian_dist", "x": modifier["parameter"], "mean": "nominal", "sigma": 1.0}
    content["distributions"].append(gaussian | distribution)
    content["parameter_points"][0]["parameters"].append({"name": "nominal", "value": 0.0, "const": True})
    modifier["constraint_name"] = "c_of_it"


def test_the_unit_gaussian_of_a_normsys_may_have_a_name() -> None:
    content = copy.deepcopy(SOUND)
    constrained(content, sample(content)["modifiers"][0])
    assert workspace_of_hs3(content) == workspace_of_hs3(SOUND)
    content["distributions"][-1]["sigma"] = 0.5
    with pytest.raises(SpecBuilderError, match="modifier 'nb': constraint 'c_of_it' has no counterpart"):
        workspace_of_hs3(content)


def test_the_constraint_of_a_normfactor_is_not_passed_over() -> None:
    """ROOT's luminosity: it was read as a parameter without a constraint."""
    content = copy.deepcopy(SOUND)
    constrained(content, content["distributions"][0]["samples"][1]["modifiers"][0], mean=1.0, sigma=0.1)
    back = workspace_of_hs3(content)
    assert [m["type"] for s in back["channels"][0]["samples"] for m in s["modifiers"]] == [
        "normsys",
        "staterror",
        "lumi",
    ]
    (setting,) = back["measurements"][0]["config"]["parameters"][:1]
    assert setting | {"auxdata": [1.0], "sigmas": [0.1], "bounds": [[0.0, 5.0]]} == setting
    value(content)["const"] = True  # as it is in most of ROOT's files: the constraint is a constant then
    assert workspace_of_hs3(content)["channels"] == workspace_of_hs3(SOUND)["channels"]


@pytest.mark.parametrize(
    ("default", "own", "good"),
    [
        ({"type": "mult", "in": "exp", "out": None}, None, False),
        ({"type": "mult", "in": "exp", "out": None}, {"type": "mult", "in": "poly6", "out": "exp"}, True),
        ({"in": "poly6", "out": "exp"}, None, True),
        (None, {"type": "add", "in": "poly6", "out": "exp"}, False),
    ],
)
def test_the_interpolation_of_a_channel_is_that_of_modifiers_without_one(
    default: object, own: object, good: bool
) -> None:
    content = copy.deepcopy(SOUND)
    content["distributions"][0]["default_interpolation"] = default
    sample(content)["modifiers"][0]["interpolation"] = own
    if good:
        assert workspace_of_hs3(content) == workspace_of_hs3(SOUND)
        return
    with pytest.raises(SpecBuilderError, match="is not pyhf's code4"):
        workspace_of_hs3(content)


def test_two_interpolations_are_both_looked_at() -> None:
    content = copy.deepcopy(SOUND)
    sample(content)["modifiers"][0]["data"]["interpolation"] = "code1"
    with pytest.raises(SpecBuilderError, match="interpolation code1 is not pyhf's code4"):
        workspace_of_hs3(content)
