"""``events`` and ``point``, and what pyhf makes of a point."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    Command = Callable[..., subprocess.CompletedProcess[str]]

POINT = ("--interaction", "scalar", "--mass", "1", "--coupling", "5e-6")


@pytest.fixture(autouse=True)
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_events_of_an_analysis_a_point_and_a_file(spec_builder: Command) -> None:
    assert "flux with the nuisance parameters" in spec_builder("events", "xenonnt", "--parameter", "flux").stdout
    here = json.loads(spec_builder("events", "xenonnt", *POINT, "--json").stdout)
    workspace = spec_builder("point", "xenonnt", *POINT).stdout
    there = json.loads(spec_builder("events", "-", "--json", stdin=workspace).stdout)
    assert here["events"] == there["events"]
    assert here["hypothesis"] == "the nuisance parameters at scalar, g = 5e-06 at 1 MeV"
    assert spec_builder("events", "xenonnt", *POINT, "--csv").stdout.startswith("# title: xenonnt: events per bin")
    assert "2411.11749" in spec_builder("events", "xenonnt", *POINT, "--cite").stdout


def test_points_of_a_run_that_does_not_exist(spec_builder: Command) -> None:
    future = ("--exposure", "xenonnt=10", "--data", "asimov")
    now = json.loads(spec_builder("events", "xenonnt", *POINT, "--json").stdout)["events"]
    then = json.loads(spec_builder("events", "xenonnt", *POINT, *future, "--json").stdout)["events"]
    assert [e["prefit"] for e in then] == pytest.approx([10 * e["prefit"] for e in now])
    workspace = json.loads(spec_builder("point", "xenonnt", *POINT, *future).stdout)
    (signal,) = [s["data"] for s in workspace["channels"][0]["samples"] if s["name"] == "cevns"]
    assert sum(signal) == pytest.approx(
        sum(e["prefit"] for e in then if e["sample"] == "cevns" and e["bin"] is not None)
    )
    refused = spec_builder("point", "xenonnt", *POINT, *future[:2])
    assert (refused.returncode, "no observed counts" in refused.stderr) == (2, True)


def test_pyhf_fits_a_point_and_refuses_to_test_it(spec_builder: Command, shell: Command, desk: Path) -> None:
    assert spec_builder("point", "xenonnt", *POINT, "-o", "point.json").returncode == 0
    about = json.loads((desk / "point.meta.json").read_text("utf-8"))
    assert about["point"] == "scalar, g = 5e-06 at 1 MeV"
    fitted = json.loads(shell("pyhf", "fit", "point.json", "--value", cwd=desk).stdout)
    ours = json.loads(spec_builder("fit", "point.json", "--json").stdout)
    assert fitted["twice_nll"] == pytest.approx(ours["twice_nll"], abs=1e-4)
    assert ours["parameter"] is None
    refused = shell("pyhf", "cls", "point.json", cwd=desk)
    assert refused.returncode != 0
    assert "No POI is defined" in refused.stderr
    again = spec_builder("point", "xenonnt", *POINT, "-o", "point.json")
    assert (again.returncode, "exists already" in again.stderr) == (2, True)


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("events xenonnt", "give --parameter flux or --parameter sin2thetaw, or --interaction"),
        ("events xenonnt --parameter flux --mass 1", "--mass does not apply to the fit of a parameter"),
        ("events xenonnt --parameter count", "parameter 'count' is unknown in xenonnt"),
        ("events xenonnt --interaction scalar --mass 1", "interaction 'scalar': give the coupling"),
        ("events xenonnt --interaction scalar --mass 1 --coupling 1 --json --csv", "--json or --csv, not both"),
        ("events xenonnt --interaction scalar --parameter flux", "--parameter does not apply to a point"),
        ("events none.json", "none.json"),
        ("point xenonnt --interaction scalar --coupling 1", "interaction 'scalar' has a mediator: give its masses"),
        ("point xenonnt --interaction scalar --mass 1", "interaction 'scalar': give the coupling"),
        ("point xenonnt --mass 1 --coupling 1", "give --interaction, one of "),
        ("point xenonnt --interaction scalar --mass 1 --coupling 1e-6 -o p.txt", "p.txt: expected a name"),
    ],
)
def test_wrong_points(spec_builder: Command, typed: str, words: str) -> None:
    run = spec_builder(*typed.split())
    assert run.returncode == 2
    assert words in run.stderr
    assert run.stdout == ""
    assert len(run.stderr.splitlines()) == 1
