"""Workspaces from files, with JSON patches."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.histfactory.patch import apply_patch, load_workspace

if TYPE_CHECKING:
    from pathlib import Path

WORKSPACE: dict[str, Any] = {"channels": [{"name": "c", "samples": [{"name": "s", "data": [1.0, 2.0]}]}]}
REPLACE = {"op": "replace", "path": "/channels/0/samples/0/data", "value": [3.0, 4.0]}


def write(path: Path, content: object) -> str:
    path.write_text(json.dumps(content), encoding="utf-8")
    return str(path)


def test_patches_apply_in_order(tmp_path: Path) -> None:
    workspace = write(tmp_path / "w.json", WORKSPACE)
    first = write(tmp_path / "1.json", [REPLACE])
    second = write(tmp_path / "2.json", [{**REPLACE, "path": "/channels/0/samples/0/data/1", "value": 5.0}])
    assert load_workspace(workspace)["channels"][0]["samples"][0]["data"] == [1.0, 2.0]
    assert load_workspace(workspace, [first, second])["channels"][0]["samples"][0]["data"] == [3.0, 5.0]


def test_the_original_stays_as_it_is() -> None:
    before = json.dumps(WORKSPACE)
    patched = apply_patch(WORKSPACE, [REPLACE], "p.json")
    assert patched != WORKSPACE
    assert json.dumps(WORKSPACE) == before


def test_a_workspace_is_an_object(tmp_path: Path) -> None:
    name = write(tmp_path / "w.json", [1, 2])
    with pytest.raises(SpecBuilderError, match=r"w\.json: not a pyhf workspace: expected a JSON object"):
        load_workspace(name)


@pytest.mark.parametrize("operations", [{"op": "replace"}, "replace", 3, None])
def test_a_patch_is_a_list(operations: object) -> None:
    with pytest.raises(SpecBuilderError, match=r"p\.json: expected a JSON patch, a list of operations"):
        apply_patch(WORKSPACE, operations, "p.json")


@pytest.mark.parametrize(
    "operation",
    [
        pytest.param({**REPLACE, "path": "/channels/7/samples/0/data"}, id="no such channel"),
        pytest.param({**REPLACE, "path": "/observations"}, id="no such key"),
        pytest.param({**REPLACE, "path": "channels"}, id="path without a slash"),
        pytest.param({**REPLACE, "op": "change"}, id="unknown operation"),
        pytest.param({"op": "replace", "path": "/channels"}, id="no value"),
        pytest.param({"op": "test", "path": "/channels/0/name", "value": "d"}, id="failed test"),
        pytest.param(3, id="not an operation"),
    ],
)
def test_a_patch_that_does_not_apply(operation: object) -> None:
    with pytest.raises(SpecBuilderError, match=r"p\.json: the patch does not apply: "):
        apply_patch(WORKSPACE, [operation], "p.json")


def test_copies_that_double_are_refused() -> None:
    bomb = [{"op": "add", "path": "/x", "value": [1]}, *[{"op": "copy", "from": "/x", "path": "/x/-"}] * 40]
    with pytest.raises(SpecBuilderError, match=r"p\.json: the patch does not apply: its copies add more than 1000000"):
        apply_patch(WORKSPACE, bomb, "p.json")


def test_a_patch_has_a_number_of_operations_that_ends() -> None:
    with pytest.raises(SpecBuilderError, match=r"^p\.json: 100001 operations, expected at most 100000$"):
        apply_patch(WORKSPACE, [REPLACE] * 100_001, "p.json")


def test_a_patch_can_be_applied_again() -> None:
    """A later operation changes what an earlier one added, never the patch itself."""
    patch = [
        {"op": "add", "path": "/channels/0/samples/-", "value": {"name": "t", "data": [1.0]}},
        {"op": "add", "path": "/channels/0/samples/1/data/-", "value": 2.0},
    ]
    once, again = (apply_patch(WORKSPACE, patch, "p.json") for _ in range(2))
    assert once == again
    assert once["channels"][0]["samples"][1]["data"] == [1.0, 2.0]


@pytest.mark.parametrize("value", [[1], "text", None])
def test_a_patch_leaves_an_object(value: object) -> None:
    with pytest.raises(SpecBuilderError, match=r"p\.json: the patch leaves no workspace"):
        apply_patch(WORKSPACE, [{"op": "replace", "path": "", "value": value}], "p.json")


@pytest.mark.parametrize("path", [5, None, "/channels/-1", "/channels/99999999999999999999", "/channels/x"])
def test_paths_that_lead_nowhere(path: object) -> None:
    with pytest.raises(SpecBuilderError, match=r"p\.json: the patch does not apply: "):
        apply_patch(WORKSPACE, [{"op": "remove", "path": path}], "p.json")
