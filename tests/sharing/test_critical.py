"""Critical values to share: checked, computed again, in archives."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.files import canonical_json, digest
from spec_builder.histfactory.patch import apply_patch
from spec_builder.model.analysis import load_analysis
from spec_builder.model.given import as_choices
from spec_builder.physics.interactions import choose
from spec_builder.sharing.archive import write_archives
from spec_builder.sharing.bundle import read_archive
from spec_builder.sharing.critical import check_critical, recompute_critical
from spec_builder.sharing.export import PatchRequest
from spec_builder.sharing.verify import verify_file
from spec_builder.sharing.verify_archive import verify_archive
from spec_builder.studies.fits_by_toys import fit_analysis_by_toys, fit_workspace_by_toys
from spec_builder.studies.limits_by_toys import find_limits_by_toys

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def results() -> dict[str, dict[str, Any]]:

    analysis = load_analysis("xenonnt")
    masses = np.array([1.0, np.inf])
    limits = find_limits_by_toys(analysis, "scalar", masses, toys=60, seed=2, points=5)
    plane = find_limits_by_toys(analysis, "vector_bl", masses[:1], dof=2, toys=40, points=4)
    fit = fit_analysis_by_toys(analysis, "flux", toys=60, seed=2)
    return {name: json.loads(one.to_json()) for name, one in (("limits", limits), ("plane", plane), ("fit", fit))}


@pytest.mark.parametrize("name", ["limits", "plane", "fit"])
def test_the_same_seed_gives_the_same_numbers(results: dict[str, dict[str, Any]], name: str) -> None:
    content = results[name]
    assert content["critical_schema"] == "spec_builder/critical/1"
    assert content["workspace_sha256"] == digest(load_analysis("xenonnt").workspace)
    assert check_critical(content) == []
    assert recompute_critical(content) == []


def test_another_seed_agrees_within_the_errors(results: dict[str, dict[str, Any]]) -> None:
    assert recompute_critical(results["limits"], seed=3) == []
    content = json.loads(json.dumps(results["limits"]))
    content["points"][1]["critical"][2]["critical"] *= 4
    (problem,) = recompute_critical(content, seed=3)
    assert problem.startswith("inf MeV, g ")
    assert "with seed 3, more than 5 errors apart" in problem


def test_a_changed_number_is_found(results: dict[str, dict[str, Any]]) -> None:
    content = json.loads(json.dumps(results["fit"]))
    content["critical"][30]["critical"] += 1e-3
    (problem,) = recompute_critical(content)
    assert "by the same command" in problem
    content["critical"][30]["critical"] = -1.0
    assert "expected numbers >= 0" in check_critical(content)[0]
    content["critical"][30]["critical"] = 1.0
    for number in (29, "30"):
        content["critical"][30]["number"] = number
        assert check_critical(content) != []
    content["critical"][30]["value"] = 1e9
    assert check_critical(content) == ["the values of the parameter do not ascend"]
    del content["seed"]
    assert check_critical(content) == ["key 'seed' is missing; run the command again"]
    assert "expected spec_builder/critical/1" in check_critical(content | {"critical_schema": "mine"})[0]


@pytest.mark.parametrize(
    ("name", "key", "value", "expected"),
    [
        ("fit", "law", 1, "text"),
        ("fit", "law", None, "text or null"),
        ("fit", "variants", {"xenonnt": 1}, "texts by name"),
        ("fit", "analysis", 0.5, "text"),
        ("fit", "toys", True, "a whole number"),
        ("fit", "seed", 1.5, "a whole number"),
        ("limits", "cl", "0.9", "a number"),
        ("limits", "dof", {}, "a whole number"),
        ("limits", "interaction", ["scalar"], "text"),
    ],
)
def test_what_the_toys_are_thrown_from_is_looked_at(
    results: dict[str, dict[str, Any]], name: str, key: str, value: Any, expected: str
) -> None:
    content = results[name] | {"measurement": 1} if expected == "text or null" else results[name]
    (problem,) = check_critical({**content, "hold": {}, key: value})
    assert problem == f"key '{'measurement' if expected == 'text or null' else key}': expected {expected}"
    assert check_critical({own: content[own] for own in content if own != "law"})[0].startswith("key 'law' is missing")
    point = results["fit"]["critical"][0] | {"error": [1]}
    assert "expected numbers as value" in check_critical(results["fit"] | {"critical": [point, point]})[0]


def test_code_that_a_file_names_does_not_run(results: dict[str, dict[str, Any]], tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n", encoding="utf-8")
    content = results["limits"] | {"interaction": str(tmp_path / "mine.py")}
    assert check_critical(content) == []
    with pytest.raises(SpecBuilderError, match="is a path, expected the name of a shipped one"):
        recompute_critical(content)
    assert not (tmp_path / "ran").exists()


def test_other_data_are_refused(results: dict[str, dict[str, Any]]) -> None:
    with pytest.raises(SpecBuilderError, match="of other data or a projection"):
        recompute_critical(results["fit"] | {"workspace_sha256": "0" * 64})
    with pytest.raises(SpecBuilderError, match="is a user's, whose file with sha256 0000"):
        recompute_critical(results["limits"] | {"interaction_sha256": "0" * 64})


def test_critical_values_of_a_users_interaction(tmp_path: Path) -> None:
    file, other = tmp_path / "mine.toml", tmp_path / "other.toml"
    for path, charge in ((file, "-1.0"), (other, "1.0")):
        charges = f"{{ u = 0.5, d = 0.5, nu = {charge}, e = -1.0 }}"
        path.write_text(f'name = "mine"\ntitle = "mine"\nkind = "vector"\ncharges = {charges}\nreferences = ["me"]\n')
    analysis = load_analysis("xenonnt")
    found = find_limits_by_toys(analysis, choose(str(file)), np.array([1.0]), toys=30, points=4)
    content = json.loads(found.to_json())
    assert check_critical(content) == []
    assert recompute_critical(content, interaction=file) == []
    with pytest.raises(SpecBuilderError, match=f"whose file with sha256 {content['interaction_sha256']} is needed"):
        recompute_critical(content)
    with pytest.raises(SpecBuilderError, match=r"other\.toml: sha256 [0-9a-f]{64}, but the toys are of 'mine' with"):
        recompute_critical(content, interaction=other)


def test_critical_values_of_a_workspace(tmp_path: Path) -> None:
    workspace = load_analysis("xenonnt").workspace
    (tmp_path / "mine.json").write_text(canonical_json(workspace))
    found = fit_workspace_by_toys(workspace, "mine.json", toys=40)
    content = json.loads(found.to_json())
    assert recompute_critical(content, tmp_path) == []
    (tmp_path / "toys.json").write_text(found.to_json())
    summary, problems = verify_file(str(tmp_path / "toys.json"))
    assert not problems
    assert "critical values of mine.json, mu_8b: 61 values, 40 toys each" in summary
    patch = [{"op": "replace", "path": "/observations/0/data/0", "value": 20}]
    (tmp_path / "patch.json").write_text(json.dumps(patch))
    patched = apply_patch(workspace, patch, "patch.json")
    content = json.loads(fit_workspace_by_toys(patched, "mine.json + patch.json", toys=20).to_json())
    assert recompute_critical(content, tmp_path) == []


def test_an_archive_with_critical_values(
    results: dict[str, dict[str, Any]], small_request: PatchRequest, tmp_path: Path
) -> None:
    source = tmp_path / "limits.json"
    source.write_text(json.dumps(results["limits"]))
    request = PatchRequest(as_choices(small_request.choices)[:1], [1.0, 10.0])
    (path,) = write_archives(["xenonnt"], tmp_path / "out", request, submission=False, critical=[str(source)])
    files = read_archive(path)
    assert json.loads(files["critical_scalar.json"]) == results["limits"]
    assert "`critical_scalar.json`" in files["README.md"].decode()
    _, problems = verify_archive(str(path))
    assert problems == []
    for wrong, message in (
        ([str(source)] * 2, "critical_scalar.json is given twice for xenonnt"),
        ([str(tmp_path / "plain.json")], "holds no critical values"),
    ):
        (tmp_path / "plain.json").write_text("{}")
        with pytest.raises(SpecBuilderError, match=message):
            write_archives(["xenonnt"], tmp_path / "more", request, submission=False, critical=wrong)
    with pytest.raises(SpecBuilderError, match="its workspace is none of pandax4t"):
        write_archives(["pandax4t"], tmp_path / "more", request, submission=False, critical=[str(source)])
