"""``python -m spec_builder`` is the command."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from spec_builder import __version__
from spec_builder.cli import main


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "spec_builder", *arguments]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)


def test_the_module_is_the_command() -> None:
    assert run("--version").stdout.strip() == f"spec-builder, version {__version__}"
    assert run("fit", "--help").stdout.startswith("Usage: spec-builder fit")
    wrong = run("fit", "xenonnt", "--paramter", "flux")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr.startswith("spec-builder: error: No such option '--paramter'") or "--paramter" in wrong.stderr
    assert wrong.stderr.count("\n") == 1


def test_blas_has_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.setenv(name, "")  # to be put back
        monkeypatch.delenv(name)
    monkeypatch.setattr(sys, "argv", ["spec-builder", "--version"])
    with pytest.raises(SystemExit):
        main()
    assert os.environ.get("OPENBLAS_NUM_THREADS") == "1"
