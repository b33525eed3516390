"""The command lines under test: as subprocesses, and ours in this process where one of its own would add nothing."""

from __future__ import annotations

import io
import subprocess
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING
from warnings import catch_warnings

import pytest

from spec_builder.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture(scope="session")
def shell() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run an executable of this environment: ``shell("pyhf", "inspect", file, stdin="", cwd=folder)``."""

    def run(
        name: str, *arguments: str | Path, stdin: str = "", cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        command = [str(Path(sys.executable).with_name(name)), *map(str, arguments)]
        return subprocess.run(
            command, input=stdin, capture_output=True, text=True, encoding="utf-8", cwd=cwd, check=False
        )

    return run


@pytest.fixture(scope="session")
def pyhf_here() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run pyhf's command line in this process, which spares the second that each start of the executable takes."""
    from pyhf.cli import cli

    def run(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
        out, err = io.StringIO(), io.StringIO()
        words = [*map(str, arguments)]
        with chdir(cwd), redirect_stdout(out), redirect_stderr(err), catch_warnings(action="ignore"):
            code = cli.main(words, prog_name="pyhf", standalone_mode=False)
        return subprocess.CompletedProcess(words, code or 0, out.getvalue(), err.getvalue())

    return run


@pytest.fixture
def spec_builder(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Call the entry point of ``spec-builder`` here; a warning on the way is an error, as in every test."""

    def run(*arguments: str | Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
        command = ["spec-builder", *map(str, arguments)]
        monkeypatch.setattr(sys, "argv", command)
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main()
        status = end.value.code
        printed = capsys.readouterr()
        return subprocess.CompletedProcess(command, status if isinstance(status, int) else 1, printed.out, printed.err)

    return run


#: A recoil spectrum of one's own, falling to zero at ``end`` keV.
FALLING_SPECTRUM = """\
# title: A falling spectrum
# source: made up for arXiv:2411.11749
# status: computed
# unit: recoil_energy_keV: keV; rate: events/(t yr keV)
# labels: mass_GeV = {mass}
recoil_energy_keV,rate
0.0,40.0
{end},0.0
"""


@pytest.fixture
def spectra_desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with three recoil spectra in ``spectra/``."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "spectra").mkdir()
    for mass in (4, 6, 10):
        spectrum = FALLING_SPECTRUM.format(mass=mass, end=mass / 2)
        (tmp_path / f"spectra/m{mass:02d}.csv").write_text(spectrum, "utf-8")
    return tmp_path
