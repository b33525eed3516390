"""``spec-builder compare``: what it writes and prints, and what it refuses."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING

import matplotlib.image
import pytest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    Command = Callable[..., subprocess.CompletedProcess[str]]

CURVE = """# title: My experiment
# source: nobody
# status: published
# unit: mass_MeV: MeV; g_low, g_high: 1
# family: CEvNS
# confidence: 90 % CL
mass_MeV,g_low,g_high
0.1,1e-5,inf
10,2e-5,inf
"""
#: Has DarkCast's calls and gives every limit the same line.
DARKCAST = """
class Model:
    def __init__(self, name): pass
class Line:
    axes, vals = [[1e-3, 1e-1]], [1e-5, 1e-4]
class Limit:
    def __init__(self, name): pass
    def recast(self, model): return {"lower": Line}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("desk")
    (folder / "mine" / "scalar").mkdir(parents=True)
    (folder / "mine" / "scalar" / "conus.csv").write_text(CURVE, encoding="utf-8")
    (folder / "darkcast").mkdir()
    for name in ("__init__.py", "limit.py", "model.py"):
        (folder / "darkcast" / name).write_text(DARKCAST if name == "__init__.py" else "", encoding="utf-8")
    return folder


def test_files_and_table(spec_builder: Command, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run = spec_builder("compare", "--output", out, "--law", "linear")
    assert run.returncode == 0, run.stderr
    names = ("fig3_weak_mixing_angle", "fig5_bounds", "global")
    figures = {f"{name}{suffix}" for name in names for suffix in (".png", ".pdf", ".txt")}
    tables = {"fig3_weak_mixing_angle.csv", "fig5_bounds.md", "global.md"}
    assert {path.name for path in out.iterdir()} == figures | tables
    for name in names:
        assert matplotlib.image.imread(out / f"{name}.png")[..., :3].std() > 0.05
        assert (out / f"{name}.pdf").read_bytes().startswith(b"%PDF-")
    assert "| BOREXINO | axial, vector_bl, vector_universal | 90 % CL | Bellini et al." in run.stdout
    assert "| CONUS | scalar, vector_bl, vector_universal | arXiv:2110.02174" in run.stdout
    assert (out / "fig5_bounds.md").read_text("utf-8").startswith(run.stdout)
    # our points are those of the verb fit
    lines = [x for x in (out / "fig3_weak_mixing_angle.csv").read_text("utf-8").splitlines() if not x.startswith("#")]
    rows = {row["label"]: row for row in csv.DictReader(lines)}
    for label, analysis in (
        ("XENONnT*", "xenonnt"),
        ("PandaX-4T*", "pandax4t"),
        ("XENONnT + PandaX-4T*", "combined"),
        ("COHERENT CsI", "coherent_csi"),
    ):
        again = spec_builder(
            *("fit", analysis, "--parameter", "sin2thetaw", "--law", "linear", "--cl", "0.6827", "--json")
        )
        fit = json.loads(again.stdout)
        for key in ("value", "up", "down"):
            assert float(rows[label][key]) == pytest.approx(fit[key], rel=1e-3)


def test_a_curve_of_ones_own_and_a_darkcast(spec_builder: Command, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = ("--dof", "1", "--cl", "0.95", "--variant", "xenonnt=absolute_normalisation")
    run = spec_builder("compare", "-o", out, "--bounds", folder / "mine", "--darkcast", folder / "darkcast", *options)
    assert run.returncode == 0, run.stderr
    assert "| My experiment | scalar | 90 % CL | nobody |" in run.stdout
    assert "| CONUS | vector_bl, vector_universal |" in run.stdout  # the scalar one is there now
    recast = sorted(path.name for path in (out / "bounds" / "axial").iterdir())
    assert "na64.csv" in recast
    assert "user's DarkCast" in (out / "bounds" / "axial" / "na64.csv").read_text("utf-8")
    # what was written can be given back
    again = spec_builder("compare", "-o", tmp_path / "again", "--bounds", out / "bounds")
    assert again.returncode == 0, again.stderr


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        pytest.param("--bounds nothing", "nothing: no such folder scalar", id="no folder"),
        pytest.param("--bounds darkcast", "darkcast no curve", id="no curve"),
        pytest.param("--bounds broken", "broken axial mine.csv family 'reactor' unknown beam dump", id="family"),
        pytest.param("--darkcast mine", "mine: no DarkCast here __init__.py", id="no DarkCast"),
        pytest.param("--dof 3", "dof 3 expected 1 or 2", id="dof"),
        pytest.param("--width single", "--width applies with an ANALYSIS only", id="width"),
        pytest.param("--cl 1.5", "1.5", id="cl"),
        pytest.param("--law normal", "law 'normal' normsys linear", id="law"),
        pytest.param("--variant lz=big", "'lz' xenonnt, pandax4t", id="variant"),
        pytest.param("--output old", "old fig5_bounds.md exists already --force", id="exists"),
    ],
)
def test_mistakes(spec_builder: Command, folder: Path, monkeypatch: pytest.MonkeyPatch, typed: str, words: str) -> None:
    monkeypatch.chdir(folder)
    (folder / "broken" / "axial").mkdir(parents=True, exist_ok=True)
    (folder / "broken" / "axial" / "mine.csv").write_text(CURVE.replace("CEvNS", "reactor"), encoding="utf-8")
    (folder / "old").mkdir(exist_ok=True)
    (folder / "old" / "fig5_bounds.md").write_text("mine", encoding="utf-8")
    before = sorted(folder.rglob("*"))
    run = spec_builder("compare", *typed.split())
    assert run.returncode == 2
    assert run.stdout == ""
    assert run.stderr.startswith("spec-builder: error: ")
    assert run.stderr.count("\n") == 1
    assert [word for word in words.split() if word not in run.stderr] == []
    assert sorted(folder.rglob("*")) == before
    assert (folder / "old" / "fig5_bounds.md").read_text("utf-8") == "mine"


@pytest.mark.parametrize(
    ("interaction", "said"),
    [
        ("tensor", "No existing bound on interaction tensor is known here, and none is drawn."),
        ("vector_bl", "| BOREXINO | 90 % CL | Bellini et al."),
    ],
)
def test_a_comparison_says_what_is_drawn(spec_builder: Command, tmp_path: Path, interaction: str, said: str) -> None:
    words = ("compare", "xenonnt", "--interaction", interaction, "--masses", "1,10", "--width", "double")
    run = spec_builder(*words, "-o", tmp_path)
    assert run.returncode == 0, run.stderr
    assert said in run.stdout
    assert run.stdout.startswith(f"Limits on {interaction} computed here (90 % CL, dof 2): xenonnt, coherent_csi")
    caption = (tmp_path / f"comparison_xenonnt_{interaction}.txt").read_text("utf-8")
    assert "data: xenonnt, coherent_csi" in caption
    assert matplotlib.image.imread(tmp_path / f"comparison_xenonnt_{interaction}.png").shape[1] == 2100
