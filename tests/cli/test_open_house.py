"""An interaction, a target and an experiment of a user's own, from files, through every verb and every figure."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from spec_builder.model.analysis import load_analysis
from spec_builder.physics.interactions import choose
from spec_builder.studies.limits import find_limits
from tests.interactions import BL

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    Command = Callable[..., subprocess.CompletedProcess[str]]

MODEL = BL.replace("an internal note", "an internal note, arXiv:2599.00001")

#: A parameter of either sign without a mass, of its own symbol and unit.
SIGNED = """
import numpy as np
from spec_builder.physics.standard_model import weak_charge
from spec_builder.physics.targets import form_factor
from spec_builder.physics.terms import Term

name = "shifted"
title = "A shift of the weak charge"
references = ["an internal note"]
parameter = "delta"
unit = "percent"
signed = True
mediator = False
default_range = (-100.0, 100.0)
G_F = 1.1663788e-11


def terms(scatterers, T, flavour):
    M = scatterers.mass_MeV
    base = (0.01 * weak_charge(scatterers)) ** 2 * G_F**2 * M / np.pi * form_factor(scatterers, T) ** 2
    shape = (base, -T * base, -M * T / 2 * base)
    linear = tuple(200 * part for part in shape)
    return [Term(1, 0, linear), Term(2, 0, shape)]
"""
TARGET = """
name = "neon"
title = "Neon 20"
kind = "nuclei"
isotopes = "isotopes.csv"
"""
ISOTOPES = """# title: Neon
# source: AME2020
# status: published
# unit: abundance: fraction of atoms; atomic_mass_u: u; spin: hbar
A,Z,abundance,atomic_mass_u,spin
20,10,1.0,19.9924401753,0
"""
EXPERIMENT = """
name = "toy"
title = "A toy of neon"
references = ["an internal note"]
data_sets = ["toy"]
licence = "CC-BY-4.0"

[[channels]]
name = "toy_events"
source = "solar_8b"
target = "./neon.toml"
observed = "observed.csv"
background_table = "backgrounds.csv"

[[channels.runs]]
name = "one"
exposure_t_yr = 0.6

[[channels.axes]]
name = "T"
unit = "keV"
edges = [1.0, 3.0, 6.0]

[channels.response]
kind = "matrix"
tables = "response.csv"

[channels.signals.cevns]
uncertainties = { flux_8b = 0.12, toy_efficiency = 0.1 }

[channels.backgrounds.flat]
uncertainties = { toy_flat = 0.2 }
"""
HEADER = "# source: a toy\n# status: computed\n"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The user's folder: my_bl.toml, shifted.py, and the experiment toy/ with its target."""
    folder = tmp_path_factory.mktemp("desk")
    toy = folder / "toy"
    toy.mkdir()
    files = {
        "my_bl.toml": MODEL,
        "shifted.py": SIGNED,
        "toy/neon.toml": TARGET,
        "toy/isotopes.csv": ISOTOPES,
        "toy/experiment.toml": EXPERIMENT,
        "toy/observed.csv": f"# title: Counts\n{HEADER}# unit: events\nbin,observed\n0,24\n1,23\n",
        "toy/backgrounds.csv": f"# title: Background\n{HEADER}# unit: events\nbin,flat\n0,5.0\n1,5.0\n",
        "toy/response.csv": (
            f"# title: Response\n{HEADER}# unit: recoil_energy_keV: keV; bins: probability\n"
            "recoil_energy_keV,bin0,bin1\n0.9,0.0,0.0\n1.0,0.8,0.0\n3.0,0.8,0.0\n3.1,0.0,0.8\n30.0,0.0,0.8\n"
        ),
    }
    for name, text in files.items():
        (folder / name).write_text(text, "utf-8")
    return folder


@pytest.fixture
def here(desk: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(desk)
    return desk


def printed(run: subprocess.CompletedProcess[str]) -> str:
    assert run.returncode == 0, run.stderr
    return run.stdout


def content(run: subprocess.CompletedProcess[str]) -> Any:
    return json.loads(printed(run))


def test_the_experiment_is_shown_and_fitted(spec_builder: Command, here: Path) -> None:
    assert "A toy of neon" in printed(spec_builder("experiments", "./toy"))
    fit = content(spec_builder("fit", "./toy", "--parameter", "flux", "--json"))
    assert (fit["analysis"], fit["cl"]) == ("toy", 0.6827)
    printed(spec_builder("profile", "./toy", "--parameter", "flux", "--points", "11", "--plot", here / "profile.png"))
    assert (here / "profile.png").stat().st_size > 1000


def test_spectrum_on_the_users_target(spec_builder: Command, here: Path) -> None:
    words = ("spectrum", "--target", "./toy/neon.toml", "--energies", "1,3", "--json")
    point = ("--mass", "10", "--coupling", "1e-4")
    mine = content(spec_builder(*words, "--interaction", "./my_bl.toml", *point))
    shipped = content(spec_builder(*words, "--interaction", "vector_bl", *point))
    assert mine["rate"] == pytest.approx(shipped["rate"], rel=1e-12)
    assert (mine["interaction"], mine["target"]) == ("my_bl", "neon")
    assert len(mine["interaction_sha256"]) == len(mine["target_sha256"]) == 64
    shifted = content(spec_builder(*words, "--interaction", "./shifted.py", "--coupling=-100"))
    assert shifted["rate"] == pytest.approx([0, 0], abs=1e-12)  # no weak charge is left
    assert here.is_dir()


def test_limits_are_those_of_the_same_physics(spec_builder: Command, here: Path) -> None:
    words = ("limits", "./toy", "--masses", "0.1,10,inf", "--json")
    mine = content(spec_builder(*words, "--interaction", "./my_bl.toml"))
    shipped = content(spec_builder(*words, "--interaction", "vector_bl"))
    for one, other in zip(mine["points"], shipped["points"], strict=True):
        assert one["mass_MeV"] == other["mass_MeV"]
        np.testing.assert_allclose(
            [end or np.nan for interval in one["excluded"] for end in interval],
            [end or np.nan for interval in other["excluded"] for end in interval],
            rtol=1e-8,
        )
    assert mine["interaction_sha256"] == choose("./my_bl.toml").digest
    assert "arXiv:2599.00001" not in printed(spec_builder(*words[:4], "--interaction", "vector_bl", "--cite"))
    assert "2599.00001" in printed(spec_builder(*words[:4], "--interaction", "./my_bl.toml", "--cite"))
    assert here.is_dir()


def test_limits_of_a_signed_parameter(spec_builder: Command, here: Path) -> None:
    found = content(spec_builder("limits", "./toy", "--interaction", "./shifted.py", "--json"))
    assert (found["parameter"], found["unit"], found["signed"]) == ("delta", "percent", True)
    # Q_V -> Q_V (1 + delta / 100): the same at -200 - delta
    (point,) = found["points"]
    ends = [end for interval in point["excluded"] for end in interval if end is not None]
    np.testing.assert_allclose(ends, [-200 - end for end in reversed(ends)], rtol=1e-6)
    direct = find_limits(load_analysis("./toy"), choose("./shifted.py")).to_dict()
    assert point["excluded"] == direct["points"][0]["excluded"]
    for name in ("my_bl.toml", "shifted.py"):
        printed(spec_builder("limits", "./toy", "--interaction", f"./{name}", "--plot", here / f"{name}.png"))
        assert (here / f"{name}.png").stat().st_size > 1000


def test_scan(spec_builder: Command, here: Path) -> None:
    words = ("scan", "./toy", "--interaction", "./my_bl.toml", "--masses", "1,10", "--couplings", "1e-5:1e-3:5")
    printed(spec_builder(*words, "--jobs", "2", "--output", "scan.npz"))  # the workers load the file again
    with np.load(here / "scan.npz") as scan:
        about = json.loads(str(scan["metadata"]))
        assert scan["valid"].all()
    assert (about["interaction"], about["interaction_sha256"]) == ("my_bl", choose("./my_bl.toml").digest)
    printed(spec_builder("scan", "./toy", "--interaction", "./shifted.py", "--couplings=-50,0,50", "-o", "line.csv"))
    lines = [line for line in (here / "line.csv").read_text("utf-8").splitlines() if not line.startswith("# ")]
    assert [float(row["delta"]) for row in csv.DictReader(lines)] == [-50, 0, 50]


def test_plane(spec_builder: Command, here: Path) -> None:
    both = ("--interaction", "./my_bl.toml", "--interaction", "./shifted.py")
    table = printed(spec_builder("plane", "./toy", *both, "--points", "5", "--jobs", "2", "--output", "plane"))
    assert {path.name for path in (here / "plane").iterdir()} == {
        *("contour_toy_my_bl.csv", "contour_toy_shifted.csv", "grid_toy_my_bl.npz", "grid_toy_shifted.npz"),
        *("line_shifted.pdf", "line_shifted.png", "line_shifted.txt", "plane.pdf", "plane.png", "plane.txt"),
    }
    assert "| toy | my_bl |" in table
    assert "delta [percent]" in table


def test_export_archive_and_verify(spec_builder: Command, here: Path) -> None:
    both = ("--interaction", "./my_bl.toml", "--interaction", "./shifted.py", "--masses", "1,10,100")
    printed(spec_builder("export", "./toy", *both, "--output", "exported"))
    files = sorted((here / "exported" / "toy").iterdir())
    assert [path.name for path in files] == [
        *("BkgOnly.json", "BkgOnly.meta.json", "patchset_my_bl.json", "patchset_shifted.json"),
    ]
    printed(spec_builder("verify", *files))
    signed = json.loads(files[3].read_text("utf-8"))
    assert signed["metadata"]["labels"] == ["delta"]
    assert signed["metadata"]["interaction_sha256"] == choose("./shifted.py").digest
    values = [patch["metadata"]["values"][0] for patch in signed["patches"]]
    assert min(values) < 0 < max(values)
    assert signed["patches"][0]["metadata"]["name"].startswith("shifted_n")
    printed(spec_builder("scan", files[0], "--patchset", files[3], "--jobs", "1", "--output", "patches.npz"))
    printed(spec_builder("archive", "./toy", *both, "--output", "archive"))
    assert "all as expected" in printed(spec_builder("verify", here / "archive" / "toy.tar.gz"))
    printed(spec_builder("hs3", files[0]))


def test_a_wrong_file_is_one_line(spec_builder: Command, here: Path) -> None:
    (here / "broken.toml").write_text(MODEL.replace("vector", "pseudoscalar"), "utf-8")
    run = spec_builder("limits", "./toy", "--interaction", "./broken.toml")
    assert run.returncode == 2
    assert len(run.stderr.splitlines()) == 1
    assert "broken.toml" in run.stderr
    assert "kind" in run.stderr
