"""``spec-builder import``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    Command = Callable[..., subprocess.CompletedProcess[str]]

VARIABLE = "SPEC_BUILDER_XENONNT_RELEASE"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["xenonnt", "nowhere", "--model", "2024", "--output", "new"],
            "nowhere: no such folder, expected XENONnT's release",
        ),
        (["xenonnt", ".", "--model", "2024", "--output", "new"], "binning/sr0.yaml: no such file"),
        (["xenonnt", ".", "--model", "2025", "--output", "new"], "model '2025' is unknown, expected one of 2024, 2026"),
        (
            ["xenon", ".", "--model", "2024", "--output", "new"],
            "release of 'xenon' is unknown, expected one of xenonnt",
        ),
        (["xenonnt", ".", "--output", "new"], "Missing option '--model'"),
        (["xenonnt", ".", "--model", "2024"], "Missing option '--output'"),
        (["xenonnt", "--model", "2024", "--output", "new"], "Missing argument 'RELEASE'"),
    ],
)
def test_what_cannot_be_imported_is_said_in_one_line(
    spec_builder: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    run = spec_builder("import", *arguments)
    assert (run.returncode, run.stdout) == (2, "")
    assert words in run.stderr
    assert run.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_the_published_release_becomes_an_experiment(spec_builder: Command, tmp_path: Path) -> None:
    release = os.environ.get(VARIABLE)
    if not release:
        pytest.skip(f"needs XENONnT's release (doi:10.5281/zenodo.20576156): give its folder in {VARIABLE}")
    pytest.importorskip("h5py")
    folder = tmp_path / "xenonnt_2026"
    typed = ["import", "xenonnt", release, "--model", "2026", "--output", folder]
    run = spec_builder(*typed)
    assert run.stdout == f"{folder}: xenonnt_2026, 3 channels, 243 bins, 62 events\n"
    assert run.returncode == 0
    assert "xenonnt_2026" in spec_builder("experiments", folder).stdout
    again = spec_builder(*typed)
    assert (again.returncode, "exists already" in again.stderr) == (2, True)
    assert spec_builder(*typed, "--force").returncode == 0
