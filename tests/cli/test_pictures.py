"""``--plot``: several formats, two widths, a caption beside each, and nothing lost."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib.image
import pytest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    Command = Callable[..., subprocess.CompletedProcess[str]]

LIMITS = ("limits", "xenonnt", "--interaction", "scalar", "--masses", "1,10,100")


def test_several_formats_have_one_caption(spec_builder: Command, tmp_path: Path) -> None:
    done = spec_builder(*LIMITS, "--plot", tmp_path / "a.png", "--plot", tmp_path / "a.pdf", "--width", "double")
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.pdf", "a.png", "a.txt"]
    assert "90 % CL, dof 1" in (tmp_path / "a.txt").read_text()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--plot", "a.png", "--plot", "a.png"), "a.png: is named twice"),
        (("--plot", "a.gif"), "a.gif: expected a name that ends in .png, .pdf, .svg"),
        (("--plot", "a.png", "--width", "wide"), "width 'wide' is unknown, expected one of single, double"),
        (("--width", "single"), "--width applies with --plot only"),
        (("--plot", "a.png", "--cite"), "--cite prints references and draws nothing: leave out --plot"),
        (("--plot", "a.png", "-o", "a.txt"), "a.txt: is the output and the caption of a.png too"),
    ],
)
def test_what_cannot_be_drawn_is_refused(spec_builder: Command, more: tuple[str, ...], message: str) -> None:
    done = spec_builder(*LIMITS, *more)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_caption_that_exists_is_kept(spec_builder: Command, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("mine")
    done = spec_builder(*LIMITS, "--plot", tmp_path / "a.png")
    assert done.returncode == 2
    assert "a.txt: exists already" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_a_ranking_is_printed_and_drawn(spec_builder: Command, tmp_path: Path) -> None:
    done = spec_builder("fit", "combined", "--parameter", "flux", "--ranking", "--plot", tmp_path / "r.svg")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Ranking of the nuisance parameters of flux, combined\n")
    assert "Impacts, upper axis" in (tmp_path / "r.txt").read_text()


def test_correlations_are_printed_and_drawn(spec_builder: Command, tmp_path: Path) -> None:
    done = spec_builder("fit", "combined", "--parameter", "flux", "--correlations", "--plot", tmp_path / "c.png")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Correlations of 8 parameters of a fit, combined\n")
    assert "flux                      pandax4t_micro_discharge  -0.534" in done.stdout
    assert "Correlations at the minimum" in (tmp_path / "c.txt").read_text()
    for wrong, words in (("--ranking", "are two results"), ("--method feldman-cousins", "is for --method asymptotic")):
        refused = spec_builder("fit", "combined", "--parameter", "flux", "--correlations", *wrong.split())
        assert (refused.returncode, len(refused.stderr.splitlines())) == (2, 1)
        assert words in refused.stderr


def test_events_of_a_workspace_are_printed_and_drawn(spec_builder: Command, tmp_path: Path) -> None:
    workspace = Path(__file__).parents[2] / "workspaces" / "normsys" / "xenonnt" / "BkgOnly.json"
    done = spec_builder("events", workspace, "--plot", tmp_path / "e.png", "--width", "double")
    assert done.returncode == 0, done.stderr
    assert "events per bin and sample" in done.stdout.splitlines()[0]
    assert matplotlib.image.imread(tmp_path / "e.png").shape[1] == 2100
    assert "over the samples at the minimum" in " ".join((tmp_path / "e.txt").read_text().split())


def test_a_recoil_spectrum_is_printed_and_drawn(spec_builder: Command, tmp_path: Path) -> None:
    figure = tmp_path / "rate.png"
    done = spec_builder("spectrum", "--energies", "0.1,1,3", "--plot", figure, "--width", "double")
    assert done.returncode == 0, done.stderr
    assert "   1732.24   1732.24" in done.stdout
    assert matplotlib.image.imread(figure).shape[1] == 2100
    assert "dR/dT" in (tmp_path / "rate.txt").read_text("utf-8")
