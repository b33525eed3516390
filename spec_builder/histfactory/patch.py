"""Workspaces read from files, with JSON patches applied."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import jsonpatch
import jsonpointer

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.files import load_json

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["apply_patch", "load_workspace", "patcher"]


def load_workspace(name: str, patches: Sequence[str] = ()) -> dict[str, Any]:
    """A workspace from a file or ``-``, with JSON patch files applied in order.

    Raises:
        SpecBuilderError: if a file is not JSON, or a patch is malformed or does not apply.
    """
    content = load_json(name)
    if not isinstance(content, dict):
        raise SpecBuilderError(f"{name}: not a pyhf workspace: expected a JSON object")
    workspace: dict[str, Any] = content
    for patch in patches:
        workspace = apply_patch(workspace, load_json(patch), patch)
    return workspace


def apply_patch(workspace: dict[str, Any], operations: Any, name: str) -> dict[str, Any]:
    """The patched workspace; the original stays as it is.

    Args:
        workspace: content of the JSON file.
        operations: a list of JSON patch operations (RFC 6902).
        name: what to call the patch in a message.

    Raises:
        SpecBuilderError: if the patch is malformed or does not apply.
    """
    return patcher(workspace)(operations, name)


def patcher(workspace: dict[str, Any]) -> Callable[[Any, str], dict[str, Any]]:
    """A function that applies patches to one workspace; see :func:`apply_patch`.

    It copies the workspace by way of its JSON text, five times as fast as ``copy.deepcopy``.
    """
    text = json.dumps(workspace)

    def apply(operations: Any, name: str) -> dict[str, Any]:
        if not isinstance(operations, list):
            raise SpecBuilderError(f"{name}: expected a JSON patch, a list of operations")
        try:
            patched: dict[str, Any] = jsonpatch.JsonPatch(operations).apply(json.loads(text), in_place=True)
        except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException, TypeError, KeyError) as error:
            raise SpecBuilderError(f"{name}: the patch does not apply: {error}") from None
        return patched

    return apply
