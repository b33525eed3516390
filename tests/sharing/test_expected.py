"""Expected results are recomputed, and what has changed is named."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

import pytest

from spec_builder.model.analysis import load_analysis
from spec_builder.model.metadata import workspace_metadata
from spec_builder.model.patches import build_patch_set
from spec_builder.physics.interactions import choose
from spec_builder.sharing.expected import degrees_of_freedom, expected_results, reference_flux_of, unexpected_results


@cache
def made() -> tuple[dict[str, Any], float | None, dict[str, Any]]:
    """Workspace, flux that mu_8b = 1 stands for, and patch sets, with a mass and without."""
    analysis = load_analysis("xenonnt")
    sets = {
        "patchset_axial.json": build_patch_set(analysis, choose("axial"), [(10.0, 1e-3), (10.0, 3e-3)]),
        "patchset_nsi.json": build_patch_set(analysis, choose("nsi"), [(-0.2,), (0.05,), (0.1,)]),
    }
    return analysis.workspace, reference_flux_of(workspace_metadata(analysis), "mu_8b"), sets


def problems(expected: dict[str, Any]) -> list[str]:
    workspace, reference, sets = made()
    return [f"{file}: {text}" for file, text in unexpected_results(expected, workspace, reference, sets)]


def expected() -> dict[str, Any]:
    workspace, reference, sets = made()
    return copy.deepcopy(expected_results(workspace, reference, sets))


def test_what_was_just_made_is_as_expected() -> None:
    assert problems(expected()) == []


def test_a_set_without_a_mass_has_one_degree_of_freedom() -> None:
    _, _, sets = made()
    assert [degrees_of_freedom(content) for content in sets.values()] == [2, 1]
    # 2.706 < Delta chi2 < 4.605 is excluded where there is no mass
    point = sets["patchset_nsi.json"]["patches"][0]["metadata"]
    assert point["excluded_90"] == (point["delta_chi2"] > 2.7055)


def test_the_flux_of_a_factor() -> None:
    boron = {"flux_1e6_cm2_s1": 5.46, "meaning": "mu_8b = 1"}
    pions = {"fluence_1e6_cm2": 2.0, "meaning": "mu_sns = 1"}
    assert reference_flux_of({"reference": boron}, "mu_8b") == 5.46
    assert reference_flux_of({"reference": {"sources": [pions, boron]}}, "mu_8b") == 5.46
    assert reference_flux_of({"reference": {"sources": [pions, boron]}}, "mu_sns") is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda e: e["measurements"]["b8_flux"].update(value=9.0), "measurement 'b8_flux', value: 9.0 expected"),
        (
            lambda e: e["measurements"]["b8_flux"].update(parameter="mu"),
            "measurement 'b8_flux', parameter: mu expected",
        ),
        (lambda e: e["measurements"].pop("new_physics"), "measurement 'new_physics' is missing"),
        (lambda e: e["tolerances"].update(value=1.0), "tolerance of value is 1.0, at most 0.001"),
        (lambda e: e.update(schema="other"), "schema is other"),
        (lambda e: e["patch_sets"].pop("patchset_nsi.json"), "patch set 'patchset_nsi.json' is missing"),
        (
            lambda e: e["patch_sets"]["patchset_nsi.json"]["patches"].update(ghost={}),
            "patch 'ghost' is not in the patch",
        ),
        (lambda e: e["patch_sets"]["patchset_nsi.json"].update(patches={}), "patchset_nsi.json: no patch is listed"),
        (lambda e: e.pop("measurements"), "not of schema"),
    ],
)
def test_what_was_changed_is_named(change: Any, message: str) -> None:
    content = expected()
    change(content)
    found = problems(content)
    assert any(message in problem for problem in found), found
