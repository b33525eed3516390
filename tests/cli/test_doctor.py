"""The report of ``spec-builder doctor``."""

from __future__ import annotations

from importlib import import_module, metadata
from typing import TYPE_CHECKING

import numpy as np

import spec_builder
from spec_builder.inference import compiled
from spec_builder.inference.likelihood import Likelihood

if TYPE_CHECKING:
    import pytest

doctor = import_module("spec_builder.cli.doctor")  # the package's own attribute of this name is the verb


def test_the_report_names_every_version() -> None:
    report, problems = doctor.diagnose()
    assert problems == []
    assert f"spec_builder  {spec_builder.__version__}\n" in report
    for name in ("pyhf", "numpy", "scipy", "iminuit", "matplotlib"):
        assert f"{name:13} {metadata.version(name)}\n" in report
    assert "[dask] dask" in report
    assert report.rstrip().endswith("ok")


def test_a_missing_package_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    versions = doctor._version
    monkeypatch.setattr(doctor, "_version", lambda name: None if name == "iminuit" else versions(name))
    report, problems = doctor.diagnose()
    assert "iminuit       MISSING\n" in report
    assert problems == ["iminuit is missing; install spec_builder again"]


def test_a_likelihood_that_is_not_pyhf_s_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Likelihood.twice_nll
    monkeypatch.setattr(Likelihood, "twice_nll", lambda self, theta: np.asarray(right(self, theta)) + 1e-6)
    report, problems = doctor.diagnose()
    assert "WRONG" in report
    assert len(problems) == 1
    assert problems[0].startswith("2NLL differs from pyhf's by 1.0e-06")


def test_the_report_names_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPEC_BUILDER_ENGINE", raising=False)
    library = compiled.find_library()
    report, problems = doctor.diagnose()
    assert problems == []
    if isinstance(library, str):
        assert f"engine        numpy; the compiled one: {library}\n" in report
    else:
        assert f"engine        compiled, build {library.builds[-1]}, 1 thread\n" in report
    monkeypatch.setattr(compiled, "find_library", lambda: "not compiled when the package was installed")
    report, problems = doctor.diagnose()
    assert problems == []
    assert "engine        numpy; the compiled one: not compiled when the package was installed\n" in report
    monkeypatch.setenv("SPEC_BUILDER_ENGINE", "numpy")
    assert "engine        numpy, as SPEC_BUILDER_ENGINE says\n" in doctor.diagnose()[0]


def test_a_wrong_choice_of_engine_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPEC_BUILDER_ENGINE", "fortran")
    monkeypatch.setattr(doctor, "_difference_from_pyhf", lambda: 0.0)
    _, problems = doctor.diagnose()
    assert problems == ["SPEC_BUILDER_ENGINE is 'fortran', expected compiled or numpy"]
