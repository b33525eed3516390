"""The verbs on the companions: what they measure, and what they refuse."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    Command = Callable[..., subprocess.CompletedProcess[str]]


def result(run: subprocess.CompletedProcess[str]) -> dict[str, object]:
    assert run.returncode == 0, run.stderr
    content: dict[str, object] = json.loads(run.stdout)
    return content


def test_a_flux_that_has_a_prior_elsewhere_is_fitted_without(spec_builder: Command) -> None:
    found = result(spec_builder("fit", "eves", "--parameter", "flux_pp", "--json"))
    assert found["parameter"] == "flux_pp"
    assert found["value"] == pytest.approx(6.06, abs=0.01)
    assert found["up"] == pytest.approx(3.2, abs=0.05)
    assert not found["fixed"]
    # the prior is held: no pull of it
    pulls = found["pulls"]
    assert isinstance(pulls, dict)
    assert "flux_7be" in pulls
    assert not {"flux_pp", "flux_pp_prior"} & set(pulls)


def test_the_signal_is_a_cross_section_too(spec_builder: Command) -> None:
    found = result(spec_builder("fit", "coherent_csi", "--parameter", "signal", "--json"))
    section = found["cross_section"]
    assert isinstance(section, dict)
    assert section["standard_model"] == pytest.approx(178.97, abs=0.01)
    assert section["value"] == pytest.approx(section["standard_model"] * found["value"], rel=1e-9)
    assert section["up"] == pytest.approx(section["standard_model"] * found["up"], rel=1e-9)
    count = result(spec_builder("fit", "coherent_csi", "--parameter", "count", "--json"))
    assert "cross_section" not in count


def test_archives_of_two_observables_and_of_electrons(spec_builder: Command, tmp_path: Path) -> None:
    """`all` is the paper's five, less tensor where there are electrons alone."""
    run = spec_builder("archive", "coherent_csi", "eves", "--masses", "0.01,10,1000", "-o", tmp_path / "record")
    assert run.returncode == 0, run.stderr
    names = {path.name for path in (tmp_path / "record").iterdir()}
    assert "exclusion_coherent_csi_tensor.yaml" in names
    assert "exclusion_eves_tensor.yaml" not in names
    assert "exclusion_eves_axial.yaml" in names
    for name in ("coherent_csi", "eves"):
        run = spec_builder("verify", tmp_path / "record" / f"{name}.tar.gz")
        assert run.returncode == 0, run.stderr


def test_every_result_says_where_tensors_do_not_act(spec_builder: Command, tmp_path: Path) -> None:
    words = "tensor does not act on xenon_electrons: xenonnt_er stays at the Standard Model"
    run = spec_builder("limits", "global", "--interaction", "tensor", "--masses", "1")
    assert words in run.stdout
    options = ("--masses", "1", "--couplings", "1e-3", "-o", tmp_path / "scan.csv")
    assert spec_builder("scan", "global", "--interaction", "tensor", *options).returncode == 0
    assert words in (tmp_path / "scan.csv").read_text("utf-8")
    out = tmp_path / "plane"
    assert spec_builder("plane", "global", "--interaction", "tensor", "--points", "3", "-o", out).returncode == 0
    assert words in (out / "contour_global_tensor.csv").read_text("utf-8")


def test_a_plane_of_electrons_has_four_interactions(spec_builder: Command, tmp_path: Path) -> None:
    run = spec_builder("plane", "texono", "--points", "3", "-o", tmp_path / "plane")
    assert run.returncode == 0, run.stderr
    assert len(list((tmp_path / "plane").glob("contour_texono_*.csv"))) == 4


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("fit eves --parameter flux", "parameter 'flux' is unknown, expected one of flux_pp, sin2thetaw"),
        ("fit coherent_csi", "give --parameter count or --parameter signal or --parameter sin2thetaw"),
        ("limits eves --interaction tensor --masses 1", "'tensor' has no cross section on any target of eves"),
        ("limits texono --interaction nsi", "'nsi' has no cross section on any target of texono"),
        ("fit eves+eves_all --parameter flux_pp", "channel 'xenonnt_er' stands twice"),
        ("fit coherent_csi --parameter count --variant coherent_csi=big", "variant 'big' of coherent_csi is unknown"),
        ("scan eves --interaction scalar --masses inf --couplings 1 -o x.csv", "a scan has finite masses"),
    ],
)
def test_mistakes(spec_builder: Command, typed: str, words: str) -> None:
    run = spec_builder(*typed.split())
    assert run.returncode == 2
    assert words in run.stderr
    assert run.stderr.count("\n") == 1
