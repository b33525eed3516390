"""Workspaces that pyhf takes without a word, or refuses without a name."""

from __future__ import annotations

import json
from typing import Any

import pyhf
import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.histfactory.checks import check_workspace, unused_settings, workspace_problems


def workspace(*modifiers: dict[str, Any], parameters: Any = (), data: Any = (9.0, 8.0, 7.0)) -> dict[str, Any]:
    signal = {"name": "sig", "data": [5.0, 2.0, 1.0], "modifiers": [{"name": "mu", "type": "normfactor", "data": None}]}
    return {
        "channels": [{"name": "sr", "samples": [signal, {"name": "b", "data": [*data], "modifiers": [*modifiers]}]}],
        "observations": [{"name": "sr", "data": [13, 11, 8]}],
        "measurements": [{"name": "fit", "config": {"poi": "mu", "parameters": [*parameters]}}],
        "version": "1.0.0",
    }


STAT = {"name": "m", "type": "staterror", "data": [0.9, 0.8, 0.7]}
SHAPE = {"name": "m", "type": "shapesys", "data": [0.9, 0.8, 0.7]}
FREE = {"name": "m", "type": "shapefactor", "data": None}
NORM = {"name": "m", "type": "normsys", "data": {"hi": 1.1, "lo": 0.9}}


@pytest.mark.parametrize("modifier", [STAT, SHAPE, FREE], ids=lambda modifier: str(modifier["type"]))
@pytest.mark.parametrize("count", [1, 2, 5])
def test_both_lengths_of_a_setting_are_named(modifier: dict[str, Any], count: int) -> None:
    content = workspace(modifier, parameters=[{"name": "m", "bounds": [[0.1, 3.0]] * count}])
    (problem,) = workspace_problems(content)
    assert problem == f"measurement 'fit', parameter 'm': has {count} bounds, expected 3"
    with pytest.raises(pyhf.exceptions.InvalidModel):
        pyhf.Workspace(content).model()


@pytest.mark.parametrize(
    ("modifier", "setting"),
    [
        (NORM, {"sigmas": [2.0]}),
        (NORM, {"factors": [2.0]}),
        (STAT, {"factors": [1.0, 1.0, 1.0]}),
        (SHAPE, {"sigmas": [1.0, 1.0, 1.0]}),
        (FREE, {"auxdata": [1.0, 1.0, 1.0]}),
    ],
)
def test_settings_that_a_modifier_does_not_have(modifier: dict[str, Any], setting: dict[str, Any]) -> None:
    content = workspace(modifier, parameters=[{"name": "m", **setting}])
    (problem,) = workspace_problems(content)
    key = next(iter(setting))
    expected = f"measurement 'fit', parameter 'm': has {key}, which a {modifier['type']} does not have; remove them"
    assert problem == expected
    with pytest.raises(pyhf.exceptions.InvalidModel):
        pyhf.Workspace(content).model()


@pytest.mark.parametrize(
    "setting",
    [
        {"inits": [1.0, 1.0, 1.0], "bounds": [[0.5, 2.0]] * 3, "auxdata": [1.0] * 3, "sigmas": [0.1] * 3},
        {"fixed": True},
    ],
)
def test_settings_that_fit(setting: dict[str, Any]) -> None:
    content = workspace(STAT, parameters=[{"name": "m", **setting}])
    assert workspace_problems(content) == []
    pyhf.Workspace(content).model()


def test_a_modifier_that_stands_twice() -> None:
    (problem,) = workspace_problems(workspace(NORM, NORM))
    assert problem == "channel 'sr', sample 'b', modifier 'm' (normsys) stands twice; rename or remove one"
    both = {"name": "m", "type": "histosys", "data": {"hi_data": [10, 9, 8], "lo_data": [8, 7, 6]}}
    assert workspace_problems(workspace(NORM, both)) == [], "a norm and a shape of one name are usual"


@pytest.mark.parametrize(
    ("hi", "lo", "bound", "wrong"),
    [(1.1, 1e308, 5.0, "lo"), (1e200, 0.9, 5.0, "hi"), (1e12, 0.9, 15.0, "hi"), (1e12, 0.9, 5.0, None)],
)
def test_a_normsys_that_no_number_can_hold(hi: float, lo: float, bound: float, wrong: str | None) -> None:
    modifier = {"name": "m", "type": "normsys", "data": {"hi": hi, "lo": lo}}
    content = workspace(modifier, parameters=[{"name": "m", "bounds": [[-bound, bound]]}])
    problems = workspace_problems(content)
    assert len(problems) == (wrong is not None)
    assert all(f"modifier 'm': normsys {wrong} = 1e+" in problem for problem in problems)


def test_bounds_are_two_numbers_in_order() -> None:
    wrong = [{"name": "mu", "bounds": [[0.0, 1.0, 2.0]]}, {"name": "m", "bounds": [[1.0, 0.0]]}]
    assert workspace_problems(workspace(NORM, parameters=wrong)) == [
        "measurement 'fit', parameter 'mu': bounds [0.0, 1.0, 2.0] have 3 numbers, expected 2",
        "measurement 'fit', parameter 'm': bounds [1.0, 0.0] are the wrong way round",
    ]


def test_a_setting_that_only_patches_use() -> None:
    content = workspace(NORM, parameters=[{"name": "lumi", "sigmas": [0.1]}])
    assert workspace_problems(content) == []
    assert unused_settings(content) == [("fit", "lumi")]


def test_numbers_beyond_which_rates_are_none() -> None:
    content = workspace(NORM, data=(1e308, 1e100, -1e101))
    content["observations"][0]["data"][2] = 1e200
    assert workspace_problems(content) == [
        "observation 'sr', bin 2: 1e+200: expected at most 1e+100, beyond which rates are no numbers",
        "channel 'sr', sample 'b', bin 0: 1e+308: expected at most 1e+100, beyond which rates are no numbers",
        "channel 'sr', sample 'b', bin 2: -1e+101: expected at most 1e+100, beyond which rates are no numbers",
    ]


def test_negative_bins_of_a_sample_are_allowed() -> None:
    assert workspace_problems(workspace(NORM, data=(-0.8, 1.5, 2.0))) == []


def test_a_user_is_told_the_first_problem() -> None:
    content = json.loads(json.dumps(workspace(NORM)))
    content["observations"][0]["data"][1] = -1
    with pytest.raises(
        SpecBuilderError, match=r"^w\.json: observation 'sr', bin 1: -1 is negative; give a number >= 0"
    ):
        check_workspace(content, "w.json")


@pytest.mark.parametrize(("what", "count"), [("channels", 2001), ("measurements", 201), ("parameters", 2001)])
def test_more_than_any_model_has(what: str, count: int) -> None:
    sample = {"name": "s", "data": [1.0], "modifiers": [{"name": "mu", "type": "normfactor", "data": None}]}
    measurement = {"name": "m", "config": {"poi": "mu", "parameters": []}}
    workspace: dict[str, Any] = {
        "channels": [{"name": "c", "samples": [sample]}],
        "observations": [{"name": "c", "data": [1]}],
        "measurements": [measurement],
        "version": "1.0.0",
    }
    if what == "channels":
        workspace["channels"] *= count
    elif what == "measurements":
        workspace["measurements"] *= count
    else:
        names = range(count - 1)
        sample["modifiers"] += [{"name": f"n{i}", "type": "normfactor", "data": None} for i in names]  # type: ignore[operator]
    assert workspace_problems(workspace)[0].startswith(f"{count} {what}: expected at most {count - 1}")


@pytest.mark.parametrize(("value", "good"), [(1e100, True), (1.1e100, False), (-1.1e100, False)])
def test_events_that_no_fit_ends_with(value: float, good: bool) -> None:
    """Migrad turns in circles at 1e308."""
    problems = workspace_problems(workspace(NORM, data=(value, 8.0, 7.0)))
    expected = f"channel 'sr', sample 'b', bin 0: {value:g}: expected at most 1e+100, beyond which rates are no numbers"
    assert problems == ([] if good else [expected])


@pytest.mark.parametrize("where", ["channel", "sample", "modifier", "measurement", "parameter", "poi"])
def test_a_name_that_would_fill_every_row(where: str) -> None:
    """A megabyte in each of a hundred thousand rows is more than any disk holds."""
    long = "x" * 1001
    content = json.loads(json.dumps(workspace(NORM, parameters=[{"name": "m"}])))
    channel, (measurement,) = content["channels"][0], content["measurements"]
    named = {
        "channel": channel,
        "sample": channel["samples"][1],
        "modifier": channel["samples"][1]["modifiers"][0],
        "measurement": measurement,
        "parameter": measurement["config"]["parameters"][0],
    }
    if where == "poi":
        measurement["config"]["poi"] = long
    else:
        named[where]["name"] = long
    assert workspace_problems(content) == [f"name '{'x' * 40}...' has 1001 letters, expected at most 1000"]
