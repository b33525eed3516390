"""The checked-in workspaces are what ``export`` writes, and ``verify``, ``inspect`` and ``fit`` take them."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    Command = Callable[..., subprocess.CompletedProcess[str]]

WORKSPACES = Path(__file__).parents[2] / "workspaces"
#: What is checked in for each law, as options of ``export``: patch sets come under the default law.
LAWS = {"normsys": ("--interaction", "all"), "linear": ()}
ANALYSES = ("xenonnt", "pandax4t", "combined")
#: With patch sets, and without; law normsys.
COMPANIONS = ("coherent_csi", "eves", "texono", "global")
ALONE = ("eves_all", "variants/collaboration_normalisation/coherent_csi", "variants/response_shapes/coherent_csi")
#: Made from a release, see test_xenonnt_workspaces.py; law normsys.
RELEASED = ("xenonnt_2024", "xenonnt_2026")
every_law = pytest.mark.parametrize("law", LAWS)


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@every_law
def test_export_writes_the_checked_in_bytes(shell: Command, tmp_path: Path, law: str) -> None:
    run = shell("spec-builder", "export", "--law", law, *LAWS[law], "--output", tmp_path / law)
    assert run.returncode == 0, run.stderr
    written = files(tmp_path / law)
    checked_in = {name: data for name, data in files(WORKSPACES / law).items() if name.split("/")[0] in ANALYSES}
    assert sorted(written) == sorted(checked_in)
    assert [name for name in written if written[name] != checked_in[name]] == []
    # it names each file that it wrote, one a line
    assert {Path(line) for line in run.stdout.splitlines()} == {tmp_path / law / name for name in written}


def test_only_the_two_laws_are_checked_in() -> None:
    assert {path.name for path in WORKSPACES.iterdir()} == set(LAWS)


def test_verify_passes_on_all_of_them(spec_builder: Command) -> None:
    paths = sorted(WORKSPACES.rglob("*.json"))
    assert {path for path in paths if path.name == "BkgOnly.json"} == {
        *(WORKSPACES / law / analysis / "BkgOnly.json" for law in LAWS for analysis in ANALYSES),
        *(WORKSPACES / "normsys" / analysis / "BkgOnly.json" for analysis in (*COMPANIONS, *ALONE, *RELEASED)),
    }
    run = spec_builder("verify", *paths)
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""
    lines = run.stdout.splitlines()
    assert all(line.startswith(f"{path}: ok (") for line, path in zip(lines, paths, strict=True))


def test_files_stay_small() -> None:
    sizes = {path: path.stat().st_size for path in WORKSPACES.rglob("*.json")}
    assert max(sizes.values()) < 2e6
    assert sum(sizes.values()) < 25e6


@pytest.mark.parametrize("analysis", [*COMPANIONS, *ALONE])
def test_the_companions_workspaces_are_what_export_writes(spec_builder: Command, analysis: str) -> None:
    """In numbers: last digits may differ. Patch sets are compared by scripts/compare_workspaces."""
    *folders, name = analysis.split("/")
    variant = ("--variant", f"{name}={folders[-1]}") if folders else ()
    run = spec_builder("export", name, *variant)
    assert run.returncode == 0, run.stderr
    now = json.loads(run.stdout)
    then = json.loads((WORKSPACES / "normsys" / analysis / "BkgOnly.json").read_text("utf-8"))
    assert now["measurements"] == then["measurements"]
    assert now["observations"] == then["observations"]
    for new, old in zip(now["channels"], then["channels"], strict=True):
        for made, kept in zip(new["samples"], old["samples"], strict=True):
            assert made["name"] == kept["name"]
            assert made["data"] == pytest.approx(kept["data"], rel=1e-6, abs=0)
            assert [m["name"] for m in made["modifiers"]] == [m["name"] for m in kept["modifiers"]]


@pytest.mark.parametrize("analysis", COMPANIONS)
def test_patch_sets_of_the_companions_reach_over_the_limits(analysis: str) -> None:
    sets = sorted((WORKSPACES / "normsys" / analysis).glob("patchset_*.json"))
    tensor = analysis in ("coherent_csi", "global")  # no cross section on electrons
    assert len(sets) == (5 if tensor else 4)
    for path in sets:
        patches = json.loads(path.read_text("utf-8"))["patches"]
        masses = {patch["metadata"]["values"][0] for patch in patches}
        assert len(masses) == 15
        for mass in masses:
            here = [p["metadata"]["excluded_90"] for p in patches if p["metadata"]["values"][0] == mass]
            assert len(here) == 15
            assert True in here, (path.name, mass)
            assert False in here, (path.name, mass)


@every_law
def test_the_metadata_says_what_the_workspace_cannot(law: str) -> None:
    about = json.loads((WORKSPACES / law / "combined" / "BkgOnly.meta.json").read_text("utf-8"))
    assert about["law"] == law
    assert about["variants"] == {}
    assert about["reference"]["flux_1e6_cm2_s1"] == 5.46  # the solar model B16-GS98
    assert about["experiments"]["xenonnt"]["runs"]["sr0"]["bin_edges"][0] == 90.0
    assert about["experiments"]["pandax4t"]["tables"]["backgrounds"]["status"] == "reconstructed"
    assert "10.1088/1475-7516/2025/05/012" in about["paper"]


@every_law
@pytest.mark.parametrize("analysis", ANALYSES)
def test_export_without_output_prints_the_workspace(spec_builder: Command, law: str, analysis: str) -> None:
    run = spec_builder("export", analysis, "--law", law)
    assert run.returncode == 0
    assert run.stdout == (WORKSPACES / law / analysis / "BkgOnly.json").read_text("utf-8")


def test_pyhf_inspects_what_export_prints(shell: Command) -> None:
    printed = shell("spec-builder", "export", "xenonnt").stdout
    run = shell("pyhf", "inspect", stdin=printed)
    assert run.returncode == 0, run.stderr
    assert "xenonnt_cs2    3" in run.stdout


def test_fit_and_verify_read_standard_input(shell: Command, spec_builder: Command) -> None:
    file = WORKSPACES / "linear" / "xenonnt" / "BkgOnly.json"
    text = file.read_text("utf-8")
    piped = json.loads(shell("spec-builder", "fit", "-", "--json", stdin=text).stdout)
    named = json.loads(spec_builder("fit", file, "--json").stdout)
    assert piped.pop("analysis") != named.pop("analysis")
    assert piped == named

    run = spec_builder("verify", "-", stdin=text)
    assert run.returncode == 0
    assert run.stdout.startswith("-: ok (workspace, 1 channel")


@pytest.mark.parametrize("analysis", ["xenonnt+pandax4t", "pandax4t+xenonnt"])
def test_the_order_of_experiments_does_not_matter(spec_builder: Command, analysis: str) -> None:
    assert spec_builder("export", analysis).stdout == spec_builder("export", "combined").stdout


def test_a_variant_changes_the_workspace_and_stands_in_the_metadata(spec_builder: Command, tmp_path: Path) -> None:
    run = spec_builder("export", "--variant", "pandax4t=ce_rich", "--output", tmp_path)
    assert run.returncode == 0
    written, checked_in = files(tmp_path), files(WORKSPACES / "normsys")
    assert written["xenonnt/BkgOnly.json"] == checked_in["xenonnt/BkgOnly.json"]
    assert written["pandax4t/BkgOnly.json"] != checked_in["pandax4t/BkgOnly.json"]
    variants = {name: json.loads(written[f"{name}/BkgOnly.meta.json"])["variants"] for name in ANALYSES}
    assert variants == {"xenonnt": {}, "pandax4t": {"pandax4t": "ce_rich"}, "combined": {"pandax4t": "ce_rich"}}


def test_a_patch_is_applied_before_the_fit(spec_builder: Command, tmp_path: Path) -> None:
    file = WORKSPACES / "normsys" / "xenonnt" / "BkgOnly.json"
    workspace = json.loads(file.read_text("utf-8"))
    workspace["observations"][0]["data"] = [20, 20, 20]
    (tmp_path / "patched.json").write_text(json.dumps(workspace), "utf-8")
    steps = [[16, 14, 7], [20, 14, 7], [20, 20, 20]]
    for before, after in itertools.pairwise(steps):
        patch = [
            {"op": "test", "path": "/observations/0/data", "value": before},
            {"op": "replace", "path": "/observations/0/data", "value": after},
        ]
        (tmp_path / f"to_{after[2]}.json").write_text(json.dumps(patch), "utf-8")
    by_hand = json.loads(spec_builder("fit", tmp_path / "patched.json", "--json").stdout)
    patches = [word for name in ("to_7.json", "to_20.json") for word in ("--patch", tmp_path / name)]
    patched = json.loads(spec_builder("fit", file, *patches, "--json").stdout)
    assert patched["value"] == by_hand["value"]
    assert patched["value"] != json.loads(spec_builder("fit", file, "--json").stdout)["value"]
