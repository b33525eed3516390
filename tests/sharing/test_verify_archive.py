"""What is changed in an archive is named, also where its checksums were made anew."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from spec_builder.base.files import canonical_json, digest
from spec_builder.histfactory.patchset import patch_set_json
from spec_builder.physics.interactions import choose
from spec_builder.sharing.archive import write_archives
from spec_builder.sharing.bundle import LINES, SUMS, pack, seal
from spec_builder.sharing.export import PatchRequest
from spec_builder.sharing.verify_archive import verify_archive

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SCALAR, HS3 = "patchset_scalar.json", "BkgOnly.hs3.json"


def resealed(files: dict[str, bytes], **change: bytes) -> dict[str, bytes]:
    """The files with some of them changed by somebody who also made the checksums anew."""
    names = {key.replace("__", "."): data for key, data in change.items()}
    return seal({name: data for name, data in (files | names).items() if name not in (LINES, SUMS)})


def verify(files: dict[str, bytes], folder: Path) -> list[str]:
    path = folder / "changed.tar.gz"
    path.write_bytes(pack("combined", files))
    return verify_archive(str(path))[1]


def test_one_digit_anywhere(files: dict[str, bytes], tmp_path: Path) -> None:
    for name, data in files.items():
        digits = [m.start() for m in re.finditer(rb"[0-9]", data)]
        for place in {digits[0], digits[len(digits) // 2], digits[-1]}:
            changed = data[:place] + (b"7" if data[place : place + 1] != b"7" else b"3") + data[place + 1 :]
            problems = verify({**files, name: changed}, tmp_path)
            line = data[:place].count(b"\n") + 1
            shown = " ".join(problems)
            if name == SUMS:
                assert re.search(r"differs from its sum in SHA256SUMS|is listed in SHA256SUMS but missing", shown), name
            elif name == LINES:
                assert "LINES: differs from its sum in SHA256SUMS" in shown
            else:
                assert problems == [f"{name}:{line}: was changed: {_shown(changed, line)}"]


def _shown(data: bytes, line: int) -> str:
    text = " ".join(data.splitlines()[line - 1].decode("utf-8", "replace").split())
    return text if len(text) <= 100 else f"{text[:100]}..."


def changed_patch_set(files: dict[str, bytes], **change: Any) -> tuple[dict[str, bytes], str]:
    """The second patch of the scalar set changed, all digests and checksums made anew."""
    content, metadata = json.loads(files[SCALAR]), json.loads(files["BkgOnly.meta.json"])
    patch = content["patches"][1]
    patch["metadata"] |= {key: value for key, value in change.items() if key != "factor"}
    for operation in patch["patch"]:
        operation["value"] = [value * change.get("factor", 1) for value in operation["value"]]
    metadata["patch_sets"][SCALAR] = digest(content)
    new = {SCALAR: patch_set_json(content).encode(), "BkgOnly.meta.json": canonical_json(metadata).encode()}
    return resealed(files | new), patch["metadata"]["name"]


def test_changed_yields_with_all_checksums_made_anew(files: dict[str, bytes], tmp_path: Path) -> None:
    changed, name = changed_patch_set(files, factor=1.2)
    problems = verify(changed, tmp_path)
    assert any(p.startswith(f"{SCALAR}: patch '{name}': delta_chi2 is ") for p in problems)


def test_changed_delta_chi2_with_all_checksums_made_anew(files: dict[str, bytes], tmp_path: Path) -> None:
    changed, name = changed_patch_set(files, delta_chi2=1234.5)
    assert any(p.startswith(f"{SCALAR}: patch '{name}': delta_chi2 is 1234.5, but") for p in verify(changed, tmp_path))


def test_changed_exclusion_with_all_checksums_made_anew(files: dict[str, bytes], tmp_path: Path) -> None:
    excluded = json.loads(files[SCALAR])["patches"][1]["metadata"]["excluded_90"]
    changed, name = changed_patch_set(files, excluded_90=not excluded)
    problems = verify(changed, tmp_path)
    assert any(p.startswith(f"{SCALAR}: patch '{name}': excluded_90 is {not excluded}") for p in problems)


def edited(data: bytes, *path: str | int, value: Any) -> bytes:
    content = place = json.loads(data)
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return canonical_json(content).encode()


@pytest.mark.parametrize(
    ("name", "path", "value", "expected"),
    [
        (
            "BkgOnly.json",
            ("observations", 1, "data", 0),
            17,
            r"BkgOnly.meta.json: names sha256 .*, but BkgOnly.json has",
        ),
        (
            "BkgOnly.json",
            ("observations", 1, "data", 0),
            -17,
            r"BkgOnly.json: observation 'xenonnt_cs2', bin 0: -17 is",
        ),
        (HS3, ("data", 0, "contents", 0), 17, rf"{HS3}: is another model than BkgOnly.json"),
        (HS3, ("distributions", 0, "samples", 0, "modifiers", 0, "data", "hi"), 1.3, rf"{HS3}: is another model"),
        (HS3, ("parameter_points", 1, "parameters", 1, "const"), False, rf"{HS3}: is another model than"),
        (HS3, ("likelihoods", 0, "distributions"), ["no"], rf"{HS3}: likelihood 'main_likelihood', distributions: th"),
        (HS3, ("misc", "spec_builder", "axes", "pandax4t_us2_N_e", "bin_edges"), {}, rf"{HS3}: has other bins than"),
        (HS3, ("misc", "spec_builder", "pyhf_sha256"), "0", rf"{HS3}: names sha256 0, but BkgOnly.json has"),
        (HS3, ("misc",), [], rf"{HS3}: lacks what spec_builder notes under misc"),
        ("BkgOnly.meta.json", ("sha256",), "0" * 64, r"BkgOnly.meta.json: names sha256 0000"),
        ("BkgOnly.meta.json", ("patch_sets", SCALAR), "0", rf"BkgOnly.meta.json: names sha256 0 for {SCALAR}, which"),
        ("BkgOnly.meta.json", ("patch_sets",), 1, r"BkgOnly.meta.json: patch_sets: expected an object, found 1"),
        (
            "BkgOnly.meta.json",
            ("experiments",),
            [],
            r"experiments: expected an object, found a list",
        ),
        ("BkgOnly.meta.json", ("reference",), {}, r"BkgOnly.meta.json: not the metadata of a .*flux_1e6"),
        (
            "expected_results.json",
            ("measurements", "b8_flux", "twice_nll"),
            1.0,
            r"expected_results.json: measurement 'b8",
        ),
        (
            "expected_results.json",
            ("measurements", "b8_flux", "value"),
            9.0,
            r"expected_results.json: .*value: 9.0 exp",
        ),
        (
            "expected_results.json",
            ("patch_sets", SCALAR, "minimum", "twice_nll"),
            99.0,
            r"expected_results.json: patchset_scalar.json, minimum: .*not as in the patch set",
        ),
        ("expected_results.json", ("patch_sets", SCALAR, "patches"), {"no": {}}, r"patch 'no' is not in the patch set"),
        ("expected_results.json", ("tolerances",), {}, r"expected_results.json: not of schema"),
        (
            "expected_results.json",
            ("patch_sets",),
            {},
            r"expected_results.json: patch set 'patchset_.*' is missing here",
        ),
    ],
)
def test_changes_with_checksums_made_anew(
    name: str, path: tuple[str | int, ...], value: Any, expected: str, files: dict[str, bytes], tmp_path: Path
) -> None:
    problems = verify(resealed(files | {name: edited(files[name], *path, value=value)}), tmp_path)
    assert any(re.search(expected, problem) for problem in problems), problems


def as_of_version_060(content: dict[str, Any]) -> None:
    """The same model as version 0.6.0 wrote it: with interpolations, and other names of domains and points."""
    for channel in content["distributions"]:
        for modifier in (m for sample in channel["samples"] for m in sample["modifiers"]):
            if modifier["type"] == "normsys":
                modifier["interpolation"] = {"type": "mult", "in": "poly6", "out": "exp"}
    for analysis, domain, point in zip(
        content["analyses"], content["domains"], content["parameter_points"], strict=True
    ):
        domain["name"], point["name"] = f"{analysis['name']}_domain", f"{analysis['name']}_start"
        analysis |= {"domains": [domain["name"]], "init": point["name"]}


def test_an_archive_of_an_older_version(
    files: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("histfactory.hs3", "model.provenance", "sharing.verify_readme"):
        monkeypatch.setattr(f"spec_builder.{module}.__version__", "99.0.0")
    older = rewritten(files, HS3, as_of_version_060)
    assert older[HS3] != files[HS3]
    assert verify(files, tmp_path) == verify(older, tmp_path) == []


def test_a_missing_file(files: dict[str, bytes], unpacked: Path, tmp_path: Path) -> None:
    (unpacked / SCALAR).unlink()
    assert verify_archive(str(unpacked))[1] == [f"{SCALAR}: is listed in SHA256SUMS but missing"]
    without = {name: data for name, data in files.items() if name != "expected_results.json"}
    assert verify(resealed(without), tmp_path) == ["expected_results.json: is missing: not an archive of spec_builder"]


def rewritten(files: dict[str, bytes], name: str, edit: Callable[[Any], object]) -> dict[str, bytes]:
    """The files with one changed by a function, and the checksums made anew."""
    content = json.loads(files[name])
    edit(content)
    return resealed(files, **{name.replace(".", "__"): canonical_json(content).encode()})


def loosened(content: dict[str, Any]) -> None:
    content["tolerances"] = dict.fromkeys(content["tolerances"], 1e9)
    content["measurements"]["b8_flux"]["value"] = 77.0


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (loosened, r"tolerance of twice_nll is 1000000000\.0, at most 1e-05 is accepted"),
        (loosened, r"measurement 'b8_flux', value: 77\.0 expected"),
        (
            lambda content: content["patch_sets"][SCALAR].update(patches={}),
            r"patchset_scalar\.json: no patch is listed",
        ),
        (lambda content: content["measurements"].update(other={}), r"measurement 'other' is missing"),
    ],
)
def test_what_is_promised_is_not_believed(
    files: dict[str, bytes], tmp_path: Path, edit: Callable[[Any], object], message: str
) -> None:
    problems = verify(rewritten(files, "expected_results.json", edit), tmp_path)
    assert [problem for problem in problems if re.search(message, problem)]


@pytest.mark.parametrize("content", [b"[]", b"{}", b"3", b"null", b'"a"', b'{"patches": []}'])
def test_what_is_no_patch_set_is_named(files: dict[str, bytes], tmp_path: Path, content: bytes) -> None:
    (problem,) = verify(resealed(files, patchset_scalar__json=content), tmp_path)
    assert problem.startswith("patchset_scalar.json: ")


def test_what_is_not_text_is_named(files: dict[str, bytes], tmp_path: Path) -> None:
    changed = resealed(files, BkgOnly__hs3__json=files["BkgOnly.hs3.json"].replace(b'"', b'"\xff', 1))
    assert verify(changed, tmp_path) == ["BkgOnly.hs3.json: not a UTF-8 text file"]


def test_points_far_beyond_the_limit_verify(tmp_path: Path) -> None:
    """2NLL is in the millions there, and the eight digits of the yields tell."""
    request = PatchRequest([choose("scalar")], [1.0, 10.0], [1e-5, 1e-4, 1e-3])
    (path,) = write_archives(["xenonnt"], tmp_path, request, submission=False)
    summary, problems = verify_archive(str(path))
    assert problems == []
    assert "6 patches" in summary


def test_values_are_those_of_the_name(files: dict[str, bytes], tmp_path: Path) -> None:
    """Values are what a point is looked up by."""
    content = json.loads(files[SCALAR])
    content["patches"][3]["metadata"]["values"] = [3.3, 1e-7]
    metadata = json.loads(files["BkgOnly.meta.json"])
    metadata["patch_sets"][SCALAR] = digest(content)
    changed = {SCALAR: patch_set_json(content).encode(), "BkgOnly.meta.json": canonical_json(metadata).encode()}
    problems = verify(resealed(files | changed), tmp_path)
    name = content["patches"][3]["metadata"]["name"]
    assert problems == [f"{SCALAR}: patch '{name}': its values 3.3, 1e-07 are not those of its name"]


def test_a_patch_set_without_its_minimum_is_named(files: dict[str, bytes], tmp_path: Path) -> None:
    content = json.loads(files[SCALAR])
    del content["metadata"]["minimum"]
    (problem,) = verify(resealed(files | {SCALAR: patch_set_json(content).encode()}), tmp_path)
    assert problem.startswith(f"{SCALAR}: metadata.minimum.twice_nll is missing")


def test_a_point_below_the_stated_minimum_is_named(files: dict[str, bytes], tmp_path: Path) -> None:
    """The minimum moved up in all three places, by somebody who made the checksums anew."""
    content, expected = json.loads(files[SCALAR]), json.loads(files["expected_results.json"])
    metadata = json.loads(files["BkgOnly.meta.json"])
    content["metadata"]["minimum"]["twice_nll"] += 90.0
    expected["patch_sets"][SCALAR]["minimum"] = content["metadata"]["minimum"]
    metadata["patch_sets"][SCALAR] = digest(content)
    changed = {
        SCALAR: patch_set_json(content).encode(),
        "BkgOnly.meta.json": canonical_json(metadata).encode(),
        "expected_results.json": canonical_json(expected).encode(),
    }
    problems = verify(resealed(files | changed), tmp_path)
    assert [problem for problem in problems if "below the minimum over the plane in its metadata" in problem]
