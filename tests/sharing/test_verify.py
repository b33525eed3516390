"""Files of ours and of others, checked one by one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from spec_builder.histfactory.hs3 import hs3_workspace
from spec_builder.model.analysis import load_analysis
from spec_builder.physics.interactions import choose
from spec_builder.sharing.export import PatchRequest, export_workspaces
from spec_builder.sharing.verify import verify_file, verify_workspace, workspace_notes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A workspace with its metadata, a patch set and the model in HS3."""
    request = PatchRequest([choose("vector_bl")], [1.0, 10.0], [1e-5, 1e-4])
    export_workspaces(["xenonnt"], tmp_path, patches=request)
    (tmp_path / "xenonnt/model.hs3.json").write_text(json.dumps(hs3_workspace(load_analysis("xenonnt").workspace)))
    return tmp_path / "xenonnt"


def test_all_that_we_write_is_sound(folder: Path) -> None:
    said = {path.name: verify_file(str(path)) for path in sorted(folder.iterdir())}
    assert [problems for _, problems in said.values()] == [[]] * 4
    assert said["BkgOnly.json"][0].startswith("workspace, 1 channel, 3 bins, measurements b8_flux, new_physics")
    assert said["model.hs3.json"][0].startswith("model in HS3, 1 channel, 3 bins")
    assert said["patchset_vector_bl.json"][0] == "patch set, 4 patches in mass_MeV, g, each applied and evaluated"


def edit(path: Path, change: Callable[[Any], object]) -> str:
    content = json.loads(path.read_text("utf-8"))
    change(content)
    path.write_text(json.dumps(content), "utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("BkgOnly.json", lambda w: w["channels"][0]["samples"][0]["data"].append(1.0), "xenonnt"),
        ("BkgOnly.json", lambda w: w["observations"][0]["data"].__setitem__(0, -1), "-1"),
        ("BkgOnly.meta.json", lambda m: m.update(sha256="0" * 64), "names sha256 0000"),
        ("patchset_vector_bl.json", lambda p: p["patches"][0]["metadata"].update(values=[1.0, 3e-5]), "its values"),
        ("patchset_vector_bl.json", lambda p: p["metadata"]["digests"].update(sha256="0" * 64), "sha256"),
        (
            "patchset_vector_bl.json",
            lambda p: p["patches"][1]["patch"][0].update(path="/moon"),
            "non-existent object 'moon'",
        ),
    ],
)
def test_what_is_wrong_is_named(folder: Path, name: str, change: Any, message: str) -> None:
    _, problems = verify_file(edit(folder / name, change))
    assert len(problems) >= 1
    assert any(message in problem for problem in problems), problems


def test_a_workspace_without_its_own_interest_is_noted() -> None:
    """As published ones whose patches bring it."""
    workspace = json.loads(json.dumps(load_analysis("xenonnt").workspace))
    workspace["measurements"][0]["config"]["poi"] = "mu_sig"
    assert verify_workspace(workspace) == []
    assert any("mu_sig" in note for note in workspace_notes(workspace))


def test_millions_of_numbers_are_not_shown_to_the_slow_check(monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr("spec_builder.sharing.verify.schema_problem", slow)
    numbers = [1.0] * 400_000
    workspace = {
        "channels": [{"name": "c", "samples": [{"name": "s", "data": numbers, "modifiers": []}]}],
        "observations": [{"name": "c", "data": numbers}],
        "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": []}}],
        "version": "1.0.0",
    }
    assert verify_workspace(workspace) == ["400000 bins: expected at most 100000"]


def test_thousands_of_unused_settings_are_not_compared_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nineteen thousand beside two thousand parameters did not end in 40 s."""
    monkeypatch.setattr("spec_builder.sharing.verify._MOST_COMPARED", 3)
    workspace = json.loads(json.dumps(load_analysis("xenonnt").workspace))
    sample = workspace["channels"][0]["samples"][0]
    sample["modifiers"] += [
        {"name": f"own_shape_{i}", "type": "normsys", "data": {"hi": 1.1, "lo": 0.9}} for i in range(5)
    ]
    config = workspace["measurements"][0]["config"]
    config["parameters"] += [{"name": f"own_shap_{i}"} for i in range(5)]
    problems = verify_workspace(workspace)
    assert len([problem for problem in problems if "no modifier has this name" in problem]) == 3
