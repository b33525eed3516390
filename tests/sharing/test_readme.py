"""README of an archive: every command of it prints what it says."""

from __future__ import annotations

import json
import math
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from spec_builder.base.files import data_path
from spec_builder.physics.interactions import choose
from spec_builder.sharing.archive import write_archives
from spec_builder.sharing.bundle import read_archive
from spec_builder.sharing.export import PatchRequest
from spec_builder.sharing.verify_archive import verify_archive
from tests.archives import unpack
from tests.copies import copy_of

SCALAR = "patchset_scalar.json"
BLOCKS = re.compile(r"```sh\n(.*?)```\n(?:\n```text\n(.*?)```)?", re.DOTALL)


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
    assert (problems, "2 patches in 1 set " in summary) == ([], True)
    unpack(path, tmp_path)
    assert read_and_run(tmp_path / "xenonnt") == (7, 4)


def test_readme_says_what_matters(files: dict[str, bytes]) -> None:
    readme = files["README.md"].decode()
    assert json.loads(files["BkgOnly.meta.json"])["sha256"] in readme
    assert "**By construction**" in readme
    assert "reconstructed" in readme
    assert "https://creativecommons.org/licenses/by/4.0/" in readme
    assert "doi:10.5281/zenodo.20576156" in readme


def test_tables_without_a_licence_are_not_given_one(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    copy_of("xenonnt", folder)
    text = (folder / "experiment.toml").read_text(encoding="utf-8")
    (folder / "experiment.toml").write_text(text.replace('licence = "CC-BY-4.0"\n', ""), encoding="utf-8")
    request = PatchRequest([choose("scalar")], [10.0], [1e-5])
    (path,) = write_archives([str(folder)], tmp_path, request, submission=False)
    found = read_archive(path)
    assert "state no common licence" in found["README.md"].decode()
    assert json.loads(found[SCALAR])["metadata"]["licence"] == "not stated"


def test_what_a_patch_replaces_is_named_whatever_the_source_is_called(tmp_path: Path) -> None:
    folder = copy_of("xenonnt", tmp_path / "mine")
    source = (data_path("sources", "solar_8b.toml")).read_text("utf-8")
    source = source.replace("mu_8b", "size_8b").replace("flux_8b", "phi_8b").replace('"solar_8b"', '"mine"')
    (folder / "source.toml").write_text(source.replace("solar/", ""), "utf-8")
    shutil.copy(data_path("solar", "b8_spectrum.csv"), folder)
    text = (folder / "experiment.toml").read_text("utf-8")
    text = text.replace('source = "solar_8b"', 'source = "./source.toml"').replace("flux_8b", "phi_8b")
    (folder / "experiment.toml").write_text(text, "utf-8")
    (path,) = write_archives(
        [str(folder)], tmp_path, PatchRequest([choose("scalar")], [10.0], [1e-5]), submission=False
    )
    assert "the signal, `cevns`, by those" in read_archive(path)["README.md"].decode()


def test_notes_of_the_results_stand_in_the_readme(tmp_path: Path) -> None:
    folder = copy_of("xenonnt", tmp_path / "mine")
    for table in folder.glob("response*.csv"):
        lines = table.read_text("utf-8").splitlines()
        kept = [line for line in lines if not line[0].isdigit() or float(line.split(",")[0]) < 2.0]
        table.write_text("\n".join(kept) + "\n", "utf-8")
    request = PatchRequest([choose("scalar")], [10.0], [1e-5])
    (path,) = write_archives([str(folder)], tmp_path, request, submission=False)
    (note,) = json.loads(read_archive(path)["BkgOnly.meta.json"])["notes"]
    assert "lie above the last recoil energy" in note
    assert read_archive(path)["README.md"].decode().count(f"- {note}.\n") == 1
    assert verify_archive(str(path))[1] == []


def test_texts_of_strangers_are_text(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    copy_of("xenonnt", folder)
    text = (folder / "experiment.toml").read_text(encoding="utf-8")
    text = re.sub("^title = .*", "title = '<img src=x> [a](http://b) | `c`'", text, flags=re.MULTILINE)
    (folder / "experiment.toml").write_text(text.replace("(10.7 events", "(10.7 | <b>events"), encoding="utf-8")
    request = PatchRequest([choose("scalar")], [10.0], [1e-5])
    (path,) = write_archives([str(folder)], tmp_path, request, submission=False)
    readme = read_archive(path)["README.md"].decode()
    assert "### &lt;img src=x> [a]&#40;http://b) &#124; &#96;c&#96; (`" in readme
    assert "(10.7 &#124; &lt;b>events" in readme
    assert verify_archive(str(path))[1] == []
