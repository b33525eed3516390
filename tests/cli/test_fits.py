"""``fit`` and ``profile``: what they print, in text and for machines."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib.image
import numpy as np
import pytest

import spec_builder as package
from tests.cli.runs import printed

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    Command = Callable[..., subprocess.CompletedProcess[str]]

ROOT = Path(__file__).parents[2]
WORKSPACE = ROOT / "workspaces" / "normsys" / "xenonnt" / "BkgOnly.json"
ANALYSES = ("xenonnt", "pandax4t", "combined")
STATUSES = {"measured", "published", "computed", "reconstructed", "recalled"}


def content(run: subprocess.CompletedProcess[str]) -> Any:
    return json.loads(printed(run))


# ---------------------------------------------------------------------------------------------- fit


@pytest.mark.parametrize("parameter", ["flux", "sin2thetaw"])
@pytest.mark.parametrize("law", ["normsys", "linear"])
def test_fit_of_an_analysis_for_machines(spec_builder: Command, parameter: str, law: str) -> None:
    result = content(spec_builder("fit", "combined", "--parameter", parameter, "--law", law, "--json"))
    assert result["analysis"] == "combined"
    assert result["parameter"] == parameter
    assert result["unit"] == {"flux": "1e6 cm-2 s-1", "sin2thetaw": "1"}[parameter]
    assert result["law"] == law
    assert result["variants"] == {}
    assert result["valid"] is True
    assert result["at_bound"] is False
    assert 0 <= result["edm"] < 1e-6
    assert 0 < result["down"] < result["value"]
    assert result["up"] > 0
    assert result["cl"] == 0.6827
    assert result["version"] == package.__version__
    assert set(result["statuses"].values()) <= STATUSES
    assert "pandax4t:" in result["by_construction"]
    assert "xenonnt:" in result["by_construction"]
    # one pull for each free constrained parameter: a measurement of the flux carries no prior on it
    assert set(result["pulls"]) == set(result["pull_uncertainties"])
    assert ("flux_8b" in result["pulls"]) == (parameter == "sin2thetaw")
    assert len(result["pulls"]) == (8 if parameter == "sin2thetaw" else 7)
    # 2NLL less chi2 is the constant of Eq. (17), whatever the parameter
    assert result["twice_nll"] > result["chi2_min"] > 0


def test_fit_in_text_says_what_json_says(spec_builder: Command) -> None:
    arguments = ("fit", "xenonnt", "--parameter", "flux", "--law", "linear", "--variant", "xenonnt=charge_yield")
    result = content(spec_builder(*arguments, "--json"))
    text = printed(spec_builder(*arguments))
    first = f"xenonnt: flux [1e6 cm-2 s-1] = {result['value']:.4g} +{result['up']:.3g} -{result['down']:.3g}"
    assert text.splitlines()[0] == first
    for words in (
        "68.27 % CL",
        "law linear",
        "xenonnt=charge_yield",
        f"{result['chi2_min']:.3f} / {result['ndof']}",
        f"{result['twice_nll']:.9f}",
        f"{result['significance']:.2f} standard deviations",
        "valid",
        f"by construction: {result['by_construction']}",
    ):
        assert words in text
    for name, pull in result["pulls"].items():
        assert re.search(rf"{name} +{re.escape(f'{pull:+.3f}')} \+- ", text)


def test_both_minimisers_find_the_same_fit(spec_builder: Command) -> None:
    arguments = ("fit", "combined", "--parameter", "sin2thetaw", "--json", "--minimiser")
    minuit, newton = (content(spec_builder(*arguments, name)) for name in ("minuit", "newton"))
    assert minuit["twice_nll"] == pytest.approx(newton["twice_nll"], abs=1e-6, rel=0)
    for key in ("value", "up", "down"):
        assert minuit[key] == pytest.approx(newton[key], rel=1e-4)


def test_a_higher_confidence_level_widens_the_interval_until_it_has_no_end(spec_builder: Command) -> None:
    narrow, wide = (
        content(spec_builder("fit", "pandax4t", "--parameter", "flux", "--cl", cl, "--json")) for cl in ("0.68", "0.99")
    )
    assert wide["up"] > narrow["up"]
    assert wide["value"] == narrow["value"]
    # the signal has less than 2.58 standard deviations, so that no flux >= 0 is excluded from below at 99 %
    assert narrow["significance"] < 2.58
    assert wide["down"] is None
    assert ", no lower end" in printed(spec_builder("fit", "pandax4t", "--parameter", "flux", "--cl", "0.99"))


def test_fit_of_a_workspace_is_in_its_own_parameter(spec_builder: Command) -> None:
    result = content(spec_builder("fit", WORKSPACE, "--json"))
    flux = content(spec_builder("fit", "xenonnt", "--parameter", "flux", "--json"))
    assert (result["parameter"], result["unit"], result["law"]) == ("mu_8b", "1", None)
    assert result["analysis"] == str(WORKSPACE)
    assert result["twice_nll"] == pytest.approx(flux["twice_nll"], abs=1e-6, rel=0)
    assert 5.46 * result["value"] == pytest.approx(flux["value"], rel=1e-4)  # mu_8b = 1 is 5.46e6 cm-2 s-1
    first = printed(spec_builder("fit", WORKSPACE)).splitlines()[0]
    assert first.startswith(f"{WORKSPACE}: mu_8b = ")


def test_fit_without_an_event(spec_builder: Command, tmp_path: Path) -> None:
    """A background-only result: no signal, and nothing learnt about the signal's own uncertainties."""
    workspace = json.loads(WORKSPACE.read_text("utf-8"))
    workspace["observations"][0]["data"] = [0, 0, 0]
    (tmp_path / "empty.json").write_text(json.dumps(workspace), "utf-8")
    minuit, newton = (
        content(spec_builder("fit", tmp_path / "empty.json", "--minimiser", name, "--json"))
        for name in ("minuit", "newton")
    )
    assert minuit["twice_nll"] == pytest.approx(newton["twice_nll"], abs=1e-6, rel=0)
    for result in (minuit, newton):
        assert (result["valid"], result["at_bound"], result["down"]) == (True, True, None)
        assert result["value"] == pytest.approx(0, abs=1e-6)
        assert result["pulls"]["xenonnt_fiducial"] == pytest.approx(0, abs=1e-4)
        assert result["pull_uncertainties"]["xenonnt_fiducial"] == pytest.approx(1, abs=1e-4)


def test_fit_takes_a_copied_experiment_joined_with_a_shipped_one(spec_builder: Command, copied: Path) -> None:
    analysis = f"{copied}+pandax4t"
    result = content(spec_builder("fit", analysis, "--parameter", "flux", "--variant", "mine=charge_yield", "--json"))
    assert result["analysis"] == "mine+pandax4t"
    assert result["variants"] == {"mine": "charge_yield"}
    assert "mine.observed" in result["statuses"]
    variant = ("--variant", "xenonnt=charge_yield")
    shipped = content(spec_builder("fit", "combined", "--parameter", "flux", *variant, "--json"))
    assert result["value"] == pytest.approx(shipped["value"], rel=1e-6)


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A user's own experiment, in a folder whose name is not of the simplest kind."""
    folder = tmp_path / "my experiment µ"
    folder.mkdir()
    for file in (ROOT / "data" / "experiments" / "xenonnt").iterdir():
        text = file.read_text("utf-8").replace('name = "xenonnt"', 'name = "mine"').replace("xenonnt_cs2", "mine_cs2")
        (folder / file.name).write_text(text, "utf-8")
    return folder


# ---------------------------------------------------------------------------------------------- profile


@pytest.mark.parametrize("parameter", ["flux", "sin2thetaw"])
@pytest.mark.parametrize("analysis", ANALYSES)
def test_profile_agrees_with_the_fit(spec_builder: Command, analysis: str, parameter: str) -> None:
    curve = content(spec_builder("profile", analysis, "--parameter", parameter, "--json"))
    fit = content(spec_builder("fit", analysis, "--parameter", parameter, "--cl", "0.6826894921370859", "--json"))
    assert {"analysis", "law", "variants", "statuses", "by_construction", "version", "unit"} <= set(curve)
    assert curve["parameter"] == parameter
    assert all(curve["valid"])
    values, heights = np.array(curve["values"]), np.array(curve["delta_chi2"])
    assert values.size == heights.size == len(curve["twice_nll"]) == 201
    assert (np.diff(values) > 0).all()
    assert heights.min() > -1e-9
    np.testing.assert_allclose(np.array(curve["twice_nll"]) - heights, fit["twice_nll"], atol=1e-6)
    # Delta chi2 is 1 at the ends of the interval; a line between two of 201 points is off by 1e-3 at most
    for end in (fit["value"] - fit["down"], fit["value"] + fit["up"]):
        assert np.interp(end, values, heights) == pytest.approx(1, abs=1e-3)
    # it ends at Delta chi2 = 9, or where the parameter's domain does
    domain = {"flux": (0, 10 * 5.46), "sin2thetaw": (0, 1)}[parameter]
    for i in (0, -1):
        assert heights[i] == pytest.approx(9, abs=1e-6) or values[i] == pytest.approx(domain[i])


def test_profile_prints_csv_with_a_header_of_choices(spec_builder: Command) -> None:
    arguments = ("profile", "combined", "--parameter", "flux", "--law", "linear", "--points", "11")
    text = printed(spec_builder(*arguments))
    assert printed(spec_builder(*arguments, "--csv")) == text
    head = dict(line[2:].split(": ", 1) for line in text.splitlines() if line.startswith("# "))
    assert head["law"] == "linear"
    assert head["variants"] == "default"
    assert head["unit"] == "flux: 1e6 cm-2 s-1"
    assert "pandax4t" in head["by_construction"]
    rows = list(csv.DictReader(line for line in io.StringIO(text) if not line.startswith("#")))
    curve = content(spec_builder(*arguments, "--json"))
    assert len(rows) == 11
    assert [float(row["flux"]) for row in rows] == curve["values"]
    assert [float(row["delta_chi2"]) for row in rows] == curve["delta_chi2"]
    assert {row["valid"] for row in rows} == {"1"}


@pytest.mark.parametrize(
    ("suffix", "magic"),
    [(".png", b"\x89PNG\r\n\x1a\n"), (".pdf", b"%PDF-"), (".svg", b"<?xml")],
    ids=["png", "pdf", "svg"],
)
def test_profile_is_drawn(spec_builder: Command, tmp_path: Path, suffix: str, magic: bytes) -> None:
    file = tmp_path / f"curve{suffix}"
    run = spec_builder("profile", "xenonnt", "--parameter", "flux", "--points", "21", "--plot", file)
    assert printed(run) == ""  # the figure is what was asked for
    assert file.read_bytes().startswith(magic)
    assert sorted(path.name for path in tmp_path.iterdir()) == [file.name, "curve.txt"]

    first = file.read_bytes()
    printed(spec_builder("profile", "xenonnt", "--parameter", "flux", "--points", "21", "--plot", file, "--force"))
    assert file.read_bytes() == first  # no date in it


def test_profile_is_drawn_and_printed(spec_builder: Command, tmp_path: Path) -> None:
    arguments = ("profile", "xenonnt", "--parameter", "flux", "--points", "21", "--json")
    drawn = printed(spec_builder(*arguments, "--plot", tmp_path / "curve.png"))
    assert drawn == printed(spec_builder(*arguments))
    assert matplotlib.image.imread(tmp_path / "curve.png").std() > 0.01  # something is on it
