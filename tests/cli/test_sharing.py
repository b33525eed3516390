"""``archive``, ``verify`` of archives and ``hs3`` from the shell, with wrong inputs too."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from spec_builder.sharing import submission
from tests.archives import unpack

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    Command = Callable[..., subprocess.CompletedProcess[str]]

WORKSPACE = Path(__file__).parents[2] / "workspaces/normsys/xenonnt/BkgOnly.json"
SMALL = ("archive", "xenonnt", "--interaction", "axial", "--masses", "1,10", "--no-submission")


@pytest.fixture
def made(spec_builder: Command, tmp_path: Path) -> Path:
    run = spec_builder(*SMALL, "--output", tmp_path / "out")
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines() == [str(tmp_path / "out/xenonnt.tar.gz")]
    return tmp_path / "out/xenonnt.tar.gz"


def refused(run: subprocess.CompletedProcess[str], *words: str) -> None:
    """One line on stderr, nothing on stdout, status 2."""
    assert run.returncode == 2
    assert run.stdout == ""
    lines = [line for line in run.stderr.splitlines() if line.startswith("spec-builder: error:")]
    assert len(lines) == 1, run.stderr
    for word in words:
        assert word in lines[0]


def test_archive_and_verify(spec_builder: Command, made: Path) -> None:
    run = spec_builder("verify", made)
    assert run.returncode == 0
    assert run.stdout.startswith(
        f"{made}: ok (archive of xenonnt, 8 files; 4 patches in 1 set fitted, all as expected;"
    )
    assert run.stderr == ""


def test_verify_names_the_changed_line(spec_builder: Command, made: Path, tmp_path: Path) -> None:
    unpack(made, tmp_path)
    folder = tmp_path / "xenonnt"
    path = folder / "BkgOnly.json"
    path.write_text(path.read_text("utf-8").replace("8.4161873", "8.4161874"), encoding="utf-8")
    run = spec_builder("verify", folder)
    refused(run, f"{folder}: BkgOnly.json:8: was changed: 8.4161874,")


def test_verify_of_numbers_beyond_floating_range(spec_builder: Command, tmp_path: Path) -> None:
    path = tmp_path / "w.json"
    path.write_text(WORKSPACE.read_text("utf-8").replace("8.4161873", "1e308"), encoding="utf-8")
    run = spec_builder("verify", path)
    assert run.returncode == 2
    assert all("1e+308: expected at most 1e+100" in line for line in run.stderr.splitlines())


def test_verify_of_several(spec_builder: Command, made: Path, tmp_path: Path) -> None:
    (tmp_path / "cut.tar.gz").write_bytes(made.read_bytes()[:500])
    run = spec_builder("verify", WORKSPACE, tmp_path / "cut.tar.gz", made)
    assert run.returncode == 2
    assert [line.split(":")[0] for line in run.stdout.splitlines()] == [str(WORKSPACE), str(made)]
    assert "cut.tar.gz: truncated, damaged or not a .tar.gz" in run.stderr


def test_verify_of_foreign_things(spec_builder: Command, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    refused(
        spec_builder("verify", tmp_path / "empty"),
        "empty: a directory without SHA256SUMS: not one of ours; give",
    )
    refused(spec_builder("verify", tmp_path / "no.tar.gz"), "no.tar.gz: cannot be read (No such file or directory)")
    with tarfile.open(tmp_path / "foreign.tar.gz", "w:gz") as tar:
        info = tarfile.TarInfo("../evil.json")
        info.size = 2
        tar.addfile(info, io.BytesIO(b"{}"))
    refused(spec_builder("verify", tmp_path / "foreign.tar.gz"), "member '../evil.json': expected FOLDER/NAME")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("archive", "nowhere"), ["analysis 'nowhere' is unknown"]),
        (("archive", "xenonnt", "--interaction", "sm"), ["'sm'"]),
        (("archive", "xenonnt", "--interaction", "pseudo"), ["'pseudo'"]),
        (
            ("archive", "xenonnt", "--hepdata", "123", "--interaction", "axial", "--masses", "1"),
            ["hepdata '123'", "ins1"],
        ),
        (("archive", "xenonnt", "--style", "both"), ["style 'both' is unknown"]),
        (("archive", "xenonnt", "--law", "cubic"), ["law 'cubic' is unknown"]),
        (("archive", "xenonnt", "xenonnt", "--interaction", "axial", "--masses", "1"), ["'xenonnt' stands twice"]),
        (("archive", "xenonnt", "--variant", "pandax4t=ce_rich"), ["variant of 'pandax4t'"]),
        (("archive", "xenonnt", "--masses", "10:1:3"), ["masses"]),
        (("hs3", "missing.json"), ["missing.json", "no such file"]),
        (("hs3",), ["WORKSPACE"]),
    ],
)
def test_wrong_inputs(
    spec_builder: Command, arguments: tuple[str, ...], words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    refused(spec_builder(*arguments), *words)
    assert list(tmp_path.iterdir()) == [], "nothing is written"


def test_without_hepdata_lib(spec_builder: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submission, "find_spec", lambda _: None)
    run = spec_builder("archive", "xenonnt", "--output", tmp_path / "out")
    refused(run, "needs hepdata_lib: pip install 'spec_builder[hepdata]'", "--no-submission")
    assert run.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_nothing_is_overwritten_without_force(spec_builder: Command, made: Path) -> None:
    before = made.read_bytes()
    refused(
        spec_builder(*SMALL, "--output", made.parent), "xenonnt.tar.gz: exists already; give another name or --force"
    )
    run = spec_builder(*SMALL, "--output", made.parent, "--force")
    assert run.returncode == 0
    assert made.read_bytes() == before


def test_hs3_to_stdout_and_to_a_file(spec_builder: Command, tmp_path: Path) -> None:
    run = spec_builder("hs3", WORKSPACE)
    assert run.returncode == 0
    content = json.loads(run.stdout)
    assert [analysis["name"] for analysis in content["analyses"]] == ["b8_flux", "new_physics"]
    assert content["misc"]["spec_builder"]["law"] == "normsys"
    assert spec_builder("hs3", WORKSPACE, "--output", tmp_path / "x.json").returncode == 0
    assert (tmp_path / "x.json").read_text("utf-8") == run.stdout
    refused(spec_builder("hs3", WORKSPACE, "--output", tmp_path / "x.json"), "exists already")
    piped = spec_builder("hs3", "-", stdin=WORKSPACE.read_text("utf-8"))
    assert "law" not in json.loads(piped.stdout)["misc"]["spec_builder"], "no metadata beside standard input"


def test_hs3_of_a_patch(spec_builder: Command, tmp_path: Path) -> None:
    patch = json.loads(WORKSPACE.with_name("patchset_axial.json").read_text("utf-8"))["patches"][0]["patch"]
    (tmp_path / "point.json").write_text(json.dumps(patch), encoding="utf-8")
    run = spec_builder("hs3", WORKSPACE, "--patch", tmp_path / "point.json")
    samples = json.loads(run.stdout)["distributions"][0]["samples"]
    assert next(s for s in samples if s["name"] == "cevns")["data"]["contents"] == patch[0]["value"]


def test_a_model_of_two_likelihoods_wants_a_measurement(spec_builder: Command, tmp_path: Path) -> None:
    content = json.loads(spec_builder("hs3", WORKSPACE).stdout)
    counts = [99.0] * len(content["data"][0]["contents"])
    content["data"].append(content["data"][0] | {"name": "asimov", "contents": counts})
    content["likelihoods"].append(content["likelihoods"][0] | {"name": "expected", "data": ["asimov"]})
    path = tmp_path / "two.hs3.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    told = f"{path}: has several likelihoods, name a measurement of one: b8_flux, new_physics, expected"
    for verb in ("hs3", "fit", "profile", "events"):
        refused(spec_builder(verb, path), told)
    run = spec_builder("hs3", path, "--measurement", "expected")
    assert json.loads(run.stdout)["observations"][0]["data"] == counts
    assert spec_builder("fit", path, "--measurement", "b8_flux").returncode == 0
    run = spec_builder("verify", path)
    assert run.stdout.count("model in HS3, 1 channel, 3 bins, measurements") == 2
    refused(spec_builder("hs3", WORKSPACE, "--measurement", "b8_flux"), "of a workspace all are written")


def test_hs3_says_what_it_cannot_write(spec_builder: Command, tmp_path: Path) -> None:
    workspace = json.loads(WORKSPACE.read_text("utf-8"))
    workspace["channels"][0]["samples"][0]["modifiers"].append({"name": "mc", "type": "staterror", "data": [1, 0, 1]})
    path = tmp_path / "w.json"
    path.write_text(json.dumps(workspace), encoding="utf-8")
    refused(spec_builder("hs3", path), f"{path}: channel 'xenonnt_cs2', staterror 'mc', bin 1: has no uncertainty")
    path.write_text("{}", encoding="utf-8")
    refused(spec_builder("hs3", path), f"{path}: ", "not after pyhf's schema")
    shutil.copy(WORKSPACE, tmp_path / "BkgOnly.json")
    (tmp_path / "BkgOnly.meta.json").write_text("[]", encoding="utf-8")
    refused(spec_builder("hs3", tmp_path / "BkgOnly.json"), "BkgOnly.meta.json")


def test_verify_counts_problems_beyond_twenty(spec_builder: Command, tmp_path: Path) -> None:
    (tmp_path / "SHA256SUMS").write_text("wrong\n" * 100_000)
    run = spec_builder("verify", str(tmp_path))
    assert run.returncode == 2
    assert len(run.stderr.splitlines()) == 21
    assert run.stderr.splitlines()[-1].endswith("and 99980 more problems")
