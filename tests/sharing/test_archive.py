"""Archives as a whole: what is in them, that nothing in them can change unseen, and that pyhf prints what they say."""

from __future__ import annotations

import json
import math
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.files import canonical_json, digest
from spec_builder.histfactory.patchset import patch_set_json
from spec_builder.physics.interactions import choose
from spec_builder.sharing.archive import write_archives
from spec_builder.sharing.bundle import LINES, SUMS, pack, read_archive, seal
from spec_builder.sharing.export import PatchRequest
from spec_builder.sharing.verify_archive import verify_archive

if TYPE_CHECKING:
    from collections.abc import Callable

EXPERIMENTS = Path(__file__).parents[2] / "data/experiments"
SCALAR = "patchset_scalar.json"
BLOCKS = re.compile(r"```sh\n(.*?)```\n(?:\n```text\n(.*?)```)?", re.DOTALL)


def resealed(files: dict[str, bytes], **change: bytes) -> dict[str, bytes]:
    """The files with some of them changed by somebody who also made the checksums anew."""
    names = {key.replace("__", "."): data for key, data in change.items()}
    return seal({name: data for name, data in (files | names).items() if name not in (LINES, SUMS)})


def verify(files: dict[str, bytes], folder: Path) -> list[str]:
    path = folder / "changed.tar.gz"
    path.write_bytes(pack("combined", files))
    return verify_archive(str(path))[1]


def test_files(files: dict[str, bytes]) -> None:
    assert sorted(files) == [
        "BkgOnly.hs3.json",
        "BkgOnly.json",
        "BkgOnly.meta.json",
        "CITATION.bib",
        "LINES",
        "README.md",
        "SHA256SUMS",
        "expected_results.json",
        "patchset_scalar.json",
        "patchset_vector_universal.json",
    ]


def test_packed_and_unpacked_elsewhere_it_is_as_expected(packed: Path, unpacked: Path) -> None:
    for name in (packed, unpacked):
        summary, problems = verify_archive(str(name))
        assert problems == []
        assert "32 patches in 2 sets fitted, all as expected" in summary
    (unpacked / "point.json").write_text("[]", encoding="utf-8")
    summary, problems = verify_archive(str(unpacked))
    assert problems == []
    assert "not part of it: point.json" in summary


def test_the_same_bytes_again(packed: Path, small_request: PatchRequest, tmp_path: Path) -> None:
    (again,) = write_archives(["combined"], tmp_path, small_request, submission=False)
    assert again.read_bytes() == packed.read_bytes()


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
        ("BkgOnly.hs3.json", ("metadata", "hs3_version"), "9", r"BkgOnly.hs3.json: is not BkgOnly.json in HS3"),
        ("BkgOnly.meta.json", ("sha256",), "0" * 64, r"BkgOnly.meta.json: names sha256 0000"),
        ("BkgOnly.meta.json", ("patch_sets", SCALAR), "0", rf"BkgOnly.meta.json: names sha256 0 for {SCALAR}, which"),
        ("BkgOnly.meta.json", ("patch_sets",), 1, r"BkgOnly.meta.json: not the metadata of a workspace"),
        ("BkgOnly.meta.json", ("experiments",), [], r"metadata: not that of a workspace of spec_builder"),
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


def test_a_missing_file(files: dict[str, bytes], unpacked: Path, tmp_path: Path) -> None:
    (unpacked / SCALAR).unlink()
    assert verify_archive(str(unpacked))[1] == [f"{SCALAR}: is listed in SHA256SUMS but missing"]
    without = {name: data for name, data in files.items() if name != "expected_results.json"}
    assert verify(resealed(without), tmp_path) == ["expected_results.json: is missing: not an archive of spec_builder"]


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    arguments = shlex.split(command)
    if arguments[0] in ("pyhf", "spec-builder"):
        arguments[0] = str(Path(sys.executable).with_name(arguments[0]))
    return subprocess.run(arguments, cwd=folder, capture_output=True, text=True, check=False)


def test_the_readme_prints_what_pyhf_prints(unpacked: Path) -> None:
    assert read_and_run(unpacked) == (9, 5)


def read_and_run(folder: Path) -> tuple[int, int]:
    """Run every command of a README and compare what it prints; how many blocks and numbers there were."""
    blocks = BLOCKS.findall((folder / "README.md").read_text(encoding="utf-8"))
    numbers = 0
    for commands, printed in blocks:
        for command in commands.strip().splitlines():
            done = run(command, folder)
            assert done.returncode == 0, (command, done.stderr)
        expected = re.findall(r'"(\w+)": \[?(-?[0-9]+\.([0-9]+))', printed)
        if expected:
            results = json.loads(done.stdout)
            for name, number, decimals in expected:
                found = results[name] if name in results else results["mle_parameters"][name][0]
                assert math.isclose(found, float(number), abs_tol=1.1 * 10 ** -len(decimals)), command
                numbers += 1
        elif printed:
            assert printed.strip() in done.stdout + done.stderr
    return len(blocks), numbers


def test_readme_of_another_style(tmp_path: Path) -> None:
    request = PatchRequest([choose("vector_bl")], [10.0], [2e-5, 4e-5], "signal", "ins1234567")
    (path,) = write_archives(["xenonnt"], tmp_path, request, law="linear", submission=False)
    summary, problems = verify_archive(str(path))
    assert (problems, "2 patches in 1 sets" in summary) == ([], True)
    with tarfile.open(path) as tar:
        tar.extractall(tmp_path, filter="data")
    assert read_and_run(tmp_path / "xenonnt") == (7, 4)


def test_an_experiment_of_ones_own_under_another_variant(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    shutil.copytree(EXPERIMENTS / "pandax4t", mine)
    request = PatchRequest([choose("tensor", longitudinal_factor=4)], [1.0, 10.0], None)
    (path,) = write_archives(
        [str(mine)], tmp_path, request, law="linear", variants={"pandax4t": "ce_rich"}, submission=False
    )
    assert verify_archive(str(path))[1] == []
    readme = read_archive(path)["README.md"].decode()
    assert "Variants: pandax4t=ce_rich" in readme
    assert "longitudinal factor 4" in readme
    assert "XENONnT" not in readme


def test_nothing_is_overwritten(packed: Path, small_request: PatchRequest) -> None:
    with pytest.raises(SpecBuilderError, match=r"combined\.tar\.gz: exists already"):
        write_archives(["combined"], packed.parent, small_request, submission=False)


def test_readme_says_what_matters(files: dict[str, bytes]) -> None:
    readme = files["README.md"].decode()
    assert json.loads(files["BkgOnly.meta.json"])["sha256"] in readme
    assert "**By construction**" in readme
    assert "reconstructed" in readme
    assert "https://creativecommons.org/licenses/by/4.0/" in readme
    assert "doi:10.5281/zenodo.20576156" in readme


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


def test_an_analysis_stands_once(tmp_path: Path, small_request: PatchRequest) -> None:
    with pytest.raises(SpecBuilderError, match="analysis 'xenonnt' stands twice"):
        write_archives(["xenonnt", "xenonnt"], tmp_path, small_request, submission=False)
    assert list(tmp_path.iterdir()) == []


def test_tables_without_a_licence_are_not_given_one(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    shutil.copytree(EXPERIMENTS / "xenonnt", folder)
    text = (folder / "experiment.toml").read_text(encoding="utf-8")
    (folder / "experiment.toml").write_text(text.replace('licence = "CC-BY-4.0"\n', ""), encoding="utf-8")
    request = PatchRequest([choose("scalar")], [10.0], [1e-5])
    (path,) = write_archives([str(folder)], tmp_path, request, submission=False)
    found = read_archive(path)
    assert "state no common licence" in found["README.md"].decode()
    assert json.loads(found[SCALAR])["metadata"]["licence"] == "not stated"


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
