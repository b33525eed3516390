"""``--spectrum``: a recoil spectrum of one's own in fit, limits, scan and export."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    Command = Callable[..., subprocess.CompletedProcess[str]]

pytestmark = pytest.mark.usefixtures("spectra_desk")


def test_fit_prints_the_strength(spec_builder: Command) -> None:
    run = spec_builder("fit", "xenonnt", "--spectrum", "spectra/m06.csv")
    assert run.returncode == 0
    assert run.stdout.startswith("xenonnt: mu_np [times m06] = ")
    content = json.loads(spec_builder("fit", "xenonnt", "--spectrum", "spectra/m06.csv", "--json").stdout)
    assert (content["parameter"], content["unit"]) == ("mu_np", "times m06")


def test_limits_of_a_folder_have_a_row_for_each_spectrum(spec_builder: Command) -> None:
    run = spec_builder("limits", "xenonnt", "--spectrum", "spectra", "--csv")
    rows = [line.split(",") for line in run.stdout.splitlines() if not line.startswith("#")]
    assert [row[:2] for row in rows[1:]] == [["m04", "4.0"], ["m06", "6.0"], ["m10", "10.0"]]
    highs = [float(row[4]) for row in rows[1:]]
    assert highs[0] > highs[1] > highs[2] > 0
    assert "excluded strength" in spec_builder("limits", "xenonnt", "--spectrum", "spectra/m06.csv").stdout


def test_a_scan_and_the_patch_set_of_the_same_folder_agree(spec_builder: Command, spectra_desk: Path) -> None:
    assert spec_builder("scan", "xenonnt", "--spectrum", "spectra", "--jobs", "1", "-o", "a.csv").returncode == 0
    run = spec_builder("export", "xenonnt", "--spectrum", "spectra", "--output", "shared")
    assert run.stdout.splitlines()[-2:] == ["shared/xenonnt/BkgOnly.meta.json", "shared/xenonnt/patchset_spectra.json"]
    files = ["shared/xenonnt/BkgOnly.json", "--patchset", "shared/xenonnt/patchset_spectra.json"]
    assert spec_builder("scan", *files, "--jobs", "1", "-o", "b.csv").returncode == 0
    rows = [
        [line.split(",") for line in (spectra_desk / name).read_text("utf-8").splitlines() if not line.startswith("#")]
        for name in ("a.csv", "b.csv")
    ]
    assert rows[0] == rows[1]
    assert rows[0][0][:2] == ["patch", "mass_GeV"]
    assert spec_builder("verify", *files[:1], *files[2:]).returncode == 0


def test_expected_limits_and_those_of_a_run_that_does_not_exist(spec_builder: Command, spectra_desk: Path) -> None:
    words = ("limits", "xenonnt", "--spectrum", "spectra")

    def medians(*more: str) -> list[float]:
        run = spec_builder(*words, *more, "--json")
        assert run.returncode == 0, run.stderr
        return [one["expected"]["median"] for one in json.loads(run.stdout)["spectra"]]

    now, later = medians("--expected", "asimov"), medians("--expected", "asimov", "--exposure", "xenonnt=10")
    assert all(new < old for new, old in zip(later, now, strict=True))
    toys = ("--expected", "toys", "--toys", "6", "-j", "1")
    run = spec_builder(*words, *toys, "--csv", "-o", "toys.csv")
    assert run.returncode == 0, run.stderr
    header = next(
        line for line in (spectra_desk / "toys.csv").read_text("utf-8").splitlines() if not line.startswith("#")
    )
    assert header.split(",")[2:7] == [f"strength_{name}" for name in ("m2", "m1", "median", "p1", "p2")]


def test_cite_holds_what_the_spectrum_s_source_names(spec_builder: Command) -> None:
    for verb in ("fit", "limits"):
        assert "2411.11749" in spec_builder(verb, "xenonnt", "--spectrum", "spectra/m06.csv", "--cite").stdout


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("fit xenonnt --spectrum nothing.csv", "nothing.csv: no such file"),
        ("fit xenonnt --spectrum spectra", "--spectrum spectra is a folder, expected one FILE.csv"),
        ("fit xenonnt --spectrum spectra/m06.csv --parameter flux", "--parameter does not apply to a spectrum"),
        ("fit shared.json --spectrum spectra/m06.csv", "--spectrum does not apply to a workspace"),
        ("limits xenonnt --spectrum spectra --interaction scalar", "--interaction does not apply to a spectrum"),
        ("limits xenonnt --spectrum spectra --dof 2", "--dof does not apply to a spectrum"),
        ("limits xenonnt --spectrum spectra --toys 5", "--toys applies with toys only"),
        ("limits xenonnt --spectrum spectra --exposure xenonnt=2", "a projection has no observed counts"),
        ("limits xenonnt --spectrum spectra --masses 1", "--masses does not apply to a spectrum"),
        ("limits xenonnt --spectrum .", ".: no .csv files in this folder, expected recoil spectra"),
        ("limits coherent_csi --spectrum spectra", "its source has a fluence"),
        ("scan xenonnt --spectrum spectra", "give --output FILE.npz, FILE.csv or FILE.parquet"),
        ("scan xenonnt --spectrum spectra -j 1 --couplings 1 -o a.csv", "--couplings does not apply to a spectrum"),
        ("export xenonnt --spectrum spectra", "patch sets need --output FOLDER"),
    ],
)
def test_mistakes_end_in_one_line(spec_builder: Command, typed: str, words: str) -> None:
    run = spec_builder(*typed.split())
    assert run.returncode == 2
    assert words in run.stderr
    assert run.stderr.count("error: ") == 1


def test_fit_draws_its_bins(spec_builder: Command, spectra_desk: Path) -> None:
    run = spec_builder("fit", "xenonnt", "--parameter", "flux", "--plot", "bins.png")
    assert run.stdout.startswith("xenonnt: flux")
    assert (spectra_desk / "bins.png").read_bytes().startswith(b"\x89PNG")
    again = spec_builder("fit", "xenonnt", "--parameter", "flux", "--plot", "bins.png")
    assert (again.returncode, "exists already" in again.stderr) == (2, True)
    refused = spec_builder("fit", "xenonnt", "--spectrum", "spectra/m06.csv", "--plot", "b.png")
    assert "--plot does not apply to a spectrum" in refused.stderr
