"""Our own reading of pyhf's schema against pyhf's, on files that were spoilt at random."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spec_builder.histfactory.schema import patch_problem, schema_problem, workspace_problem

WORKSPACE: dict[str, Any] = {
    "channels": [
        {
            "name": "sr",
            "samples": [
                {
                    "name": "signal",
                    "data": [1.0, 2],
                    "modifiers": [
                        {"name": "mu", "type": "normfactor", "data": None},
                        {"name": "lumi", "type": "lumi", "data": None},
                        {"name": "h", "type": "histosys", "data": {"hi_data": [1.1, 2.1], "lo_data": [0.9, 1.9]}},
                    ],
                },
                {
                    "name": "background",
                    "data": [5.0, 6.0],
                    "modifiers": [
                        {"name": "n", "type": "normsys", "data": {"hi": 1.1, "lo": 0.9}},
                        {"name": "s", "type": "shapesys", "data": [1.0, 0.5]},
                        {"name": "t", "type": "staterror", "data": [0.1, 0.2]},
                        {"name": "f", "type": "shapefactor", "data": None},
                    ],
                },
            ],
        }
    ],
    "observations": [{"name": "sr", "data": [6, 7]}],
    "measurements": [
        {
            "name": "m",
            "config": {
                "poi": "mu",
                "parameters": [
                    {"name": "lumi", "auxdata": [1.0], "sigmas": [0.02], "inits": [1.0], "bounds": [[0.9, 1.1]]},
                    {"name": "s", "factors": [1.0, 2.0], "fixed": True},
                ],
            },
        }
    ],
    "version": "1.0.0",
}
SAMPLE = WORKSPACE["channels"][0]["samples"][0]
PATCH: dict[str, Any] = {
    "metadata": {"name": "p_1", "values": [1.0, "two"], "note": [1]},
    "patch": [
        {"op": "replace", "path": "/channels/0/samples/0/data", "value": [1.0, 3.0]},
        {"op": "add", "path": "/channels/0/samples/-", "value": SAMPLE},
        {"op": "remove", "path": "/channels/0"},
        {"op": "copy", "from": "/channels/0", "path": "/channels/1"},
        {"op": "test", "path": "/version", "value": None, "comment": "free"},
    ],
}
SET: dict[str, Any] = {
    "version": "1.0.0",
    "metadata": {
        "description": "d",
        "digests": {"md5": "0" * 32},
        "labels": ["a", "b"],
        "references": {"hepdata": "ins1234567"},
    },
}
words = st.sampled_from(
    [
        "name",
        "data",
        "type",
        "lumi",
        "normfactor",
        "normsys",
        "hi",
        "lo",
        "poi",
        "add",
        "from",
        "op",
        "1.0.0",
        "a b",
        "",
    ]
)
# no booleans: pyhf takes them for numbers, we do not
values = st.recursive(
    st.none() | st.integers(-3, 3) | st.floats(-3, 3) | words,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(words, inner, max_size=2),
    max_leaves=4,
)


def places(content: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    return [path, *(place for key, item in inner for place in places(item, (*path, key)))]


@st.composite
def spoilt(draw: st.DrawFn, sound: dict[str, Any]) -> Any:
    """A copy of a sound file with one to three things replaced, removed or added."""
    content: dict[str, Any] = {"top": json.loads(json.dumps(sound))}
    for _ in range(draw(st.integers(1, 3))):
        *above, last = draw(st.sampled_from(places(content)[1:]))
        holder: Any = content
        for key in above:
            holder = holder[key]
        action = draw(st.sampled_from(["replace", "remove", "add"] if above else ["replace"]))
        if action == "replace":
            holder[last] = draw(values)
        elif action == "remove":
            del holder[last]
        elif isinstance(holder, dict):
            holder[draw(words)] = draw(values)
        else:
            holder.insert(last, draw(values))
    return content["top"]


def test_a_sound_file_has_no_problem() -> None:
    assert workspace_problem(WORKSPACE) is None
    assert schema_problem(WORKSPACE, "workspace.json") is None
    assert patch_problem(PATCH, "patches[0]") is None
    assert schema_problem({**SET, "patches": [PATCH]}, "patchset.json") is None


@settings(max_examples=400)
@given(spoilt(WORKSPACE))
def test_workspaces_are_judged_as_pyhf_does(content: Any) -> None:
    theirs, ours = schema_problem(content, "workspace.json"), workspace_problem(content)
    assert (theirs is None) == (ours is None), (theirs, ours)


@settings(max_examples=400)
@given(spoilt(PATCH))
def test_patches_are_judged_as_pyhf_does(content: Any) -> None:
    theirs = schema_problem({**SET, "patches": [content]}, "patchset.json")
    ours = patch_problem(content, "patches[0]")
    assert (theirs is None) == (ours is None), (theirs, ours)


def changed(path: str, value: Any) -> dict[str, Any]:
    content = json.loads(json.dumps(WORKSPACE))
    *above, last = [int(part) if part.isdigit() else part for part in path.split("/")]
    holder = content
    for key in above:
        holder = holder[key]
    holder[last] = value
    result: dict[str, Any] = content
    return result


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("measurements/0/config/parameters/1/Bounds", [[0, 1]], "measurement 'm', parameter 's': key 'Bounds' is unk"),
        (
            "channels/0/samples/1/modifiers/0/data/hi",
            None,
            "channel 'sr', sample 'background', modifier 'n', key 'data', key 'hi'",
        ),
        (
            "channels/0/samples/1/modifiers/0/type",
            "norm",
            "modifier 'n': type 'norm' is not supported, expected one of",
        ),
        ("channels/0/samples/0/modifiers/1/name", "Lumi", "modifier 'Lumi', key 'name': expected 'lumi', found 'Lumi'"),
        ("channels/0/samples/1/data/1", "6", "sample 'background', key 'data', place 1: expected a number, found '6'"),
        (
            "channels/0/samples/1/data/1",
            True,
            "sample 'background', key 'data', place 1: expected a number, found True",
        ),
        ("observations/0/data", [], "observation 'sr', key 'data': the list is empty"),
        ("version", "2.0.0", "the workspace, key 'version': expected '1.0.0', found '2.0.0'"),
    ],
)
def test_what_is_wrong_is_named(path: str, value: Any, message: str) -> None:
    assert message in (workspace_problem(changed(path, value)) or "")


def test_a_patch_is_named() -> None:
    wrong = {**PATCH, "patch": [{"op": "add", "path": "/x"}]}
    assert patch_problem(wrong, "patches[3]") == "patch 'p_1', operation 0: key 'value' is missing"
