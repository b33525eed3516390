"""Toys, expected limits, projections and coverage from the command line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from spec_builder.cli.output import emit
from spec_builder.cli.toys import _job
from spec_builder.physics.interactions import choose

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    Command = Callable[..., subprocess.CompletedProcess[str]]

FIT = ("fit", "xenonnt", "--parameter", "flux")
TOYS = ("--method", "feldman-cousins", "--toys", "40", "--jobs", "1")
LIMITS = ("limits", "xenonnt", "--interaction", "scalar", "--masses", "1,100")


def content(run: subprocess.CompletedProcess[str]) -> Any:
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""
    return json.loads(run.stdout)


def test_fit_by_toys(spec_builder: Command) -> None:
    found = content(spec_builder(*FIT, *TOYS, "--seed", "7", "--ensemble", "nominal", "--json"))
    assert (found["method"], found["toys"], found["seed"], found["ensemble"]) == ("feldman-cousins", 40, 7, "nominal")
    assert len(found["critical"]) == 61
    low, high = found["interval"]
    assert low < found["value"] < high


def test_a_stopped_fit_goes_on_and_ends_in_the_same_bytes(
    spec_builder: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, output = tmp_path / "whole.json", tmp_path / "toys.json"
    assert spec_builder(*FIT, *TOYS, "--json", "-o", whole).returncode == 0

    def stop(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("spec_builder.cli.fits.emit", stop)
    assert spec_builder(*FIT, *TOYS, "--json", "-o", output).returncode == 130
    parts = tmp_path / "toys.json.parts"
    kept = len(list(parts.iterdir()))
    assert kept == 63  # 61 values, the best value and the null
    monkeypatch.setattr("spec_builder.cli.fits.emit", emit)
    # another seed is another job
    other = spec_builder(*FIT, *TOYS, "--seed", "1", "--json", "-o", output)
    assert other.returncode == 2
    assert "chunk of another scan" in other.stderr
    assert spec_builder(*FIT, *TOYS[:-1], "2", "--json", "-o", output).returncode == 0
    assert output.read_bytes() == whole.read_bytes()
    assert not parts.exists()


def test_a_run_is_known_in_every_process() -> None:
    plain, other = (_job({"toys": 5}, {}, choose("scalar", coupling_set=name)) for name in ("B", "A"))
    assert " at 0x" not in plain
    assert plain != other
    assert plain != _job({"toys": 6}, {}, choose("scalar"))
    assert plain == _job({"toys": 5, "jobs": 3}, {}, choose("scalar"))


def test_limits_by_toys_and_their_figure(spec_builder: Command, tmp_path: Path) -> None:
    figure = tmp_path / "limits.png"
    found = content(spec_builder(*LIMITS, *TOYS, "--json", "--plot", figure))
    assert all(len(point["critical"]) >= 61 for point in found["points"])
    assert figure.stat().st_size > 1000


def test_expected_limits_and_their_figure(spec_builder: Command, tmp_path: Path) -> None:
    figure = tmp_path / "expected.png"
    run = spec_builder(*LIMITS, "--expected", "toys", "--toys", "8", "--jobs", "1", "--json", "--plot", figure)
    found = content(run)
    assert (found["kind"], found["toys"]) == ("toys", 8)
    assert figure.stat().st_size > 1000
    asimov = content(spec_builder(*LIMITS, "--expected", "asimov", "--json"))
    assert asimov["points"][0]["expected"]["median"] == pytest.approx(7.0626e-6, rel=1e-3)


def test_asimov_data_are_at_profiled_or_nominal_nuisance_parameters(spec_builder: Command) -> None:
    words = ("limits", "pandax4t", "--interaction", "scalar", "--masses", "1", "--json")
    expected = content(spec_builder(*words, "--expected", "asimov", "--ensemble", "nominal"))
    profiled = content(spec_builder(*words, "--expected", "asimov"))
    observed = content(spec_builder(*words, "--data", "asimov"))
    assert (expected["ensemble"], profiled["ensemble"]) == ("nominal", "profiled")
    ((limit, _),) = observed["points"][0]["excluded"]  # of data that hold what is nominal
    assert expected["points"][0]["expected"]["median"] == pytest.approx(limit, rel=1e-6)
    assert profiled["points"][0]["expected"]["median"] < (1 - 1e-3) * limit


def test_a_projection_reaches_farther(spec_builder: Command) -> None:
    with_toys = (*LIMITS, "--expected", "toys", "--toys", "8", "--jobs", "1", "--json", "--exposure", "xenonnt=10")
    plain = content(spec_builder(*LIMITS, "--expected", "asimov", "--json"))
    projected = content(spec_builder(*LIMITS, "--expected", "asimov", "--json", "--exposure", "xenonnt=10"))
    thrown = content(spec_builder(*with_toys))
    assert thrown["ensemble"] == projected["ensemble"] == "nominal"
    for before, after in zip(plain["points"], projected["points"], strict=True):
        assert after["expected"]["median"] < 0.9 * before["expected"]["median"]
    fit = content(spec_builder(*FIT, "--json", "--exposure", "xenonnt=10", "--data", "asimov"))
    assert fit["value"] == pytest.approx(5.46, rel=1e-5)
    assert fit["up"] < 1.5


def test_counts_of_a_file(spec_builder: Command, tmp_path: Path) -> None:
    path = tmp_path / "counts.json"
    path.write_text('{"xenonnt_cs2": [16, 14, 7]}')
    observed = content(spec_builder(*FIT, "--json"))
    given = content(spec_builder(*FIT, "--json", "--data", path))
    assert given["value"] == observed["value"]
    assert "the counts are those of" in given["by_construction"]


def test_a_profile_of_a_projection(spec_builder: Command) -> None:
    words = ("profile", "xenonnt", "--parameter", "flux", "--points", "21", "--exposure", "xenonnt=10", "--json")
    found = content(spec_builder(*words, "--data", "asimov"))
    assert "projection: exposure of xenonnt times 10" in found["by_construction"]
    assert spec_builder(*words).returncode == 2


def test_a_scan_of_a_projection(spec_builder: Command, tmp_path: Path) -> None:
    words = ("scan", "xenonnt", "--interaction", "scalar", "--masses", "10", "--couplings", "1e-5", "--jobs", "1")
    heights: list[float] = []
    for more in (("--data", "asimov"), ("--data", "asimov", "--exposure", "xenonnt=10")):
        path = tmp_path / f"scan{len(heights)}.npz"
        run = spec_builder(*words, *more, "-o", path)
        assert run.returncode == 0, run.stderr
        with np.load(path) as found:
            heights.append(float(found["delta_chi2"][0]))
            about = json.loads(str(found["metadata"]))
    assert "projection: exposure of xenonnt times 10" in about["by_construction"]
    assert heights[1] > 2 * heights[0] > 0
    assert spec_builder(*words, "--exposure", "xenonnt=10", "-o", tmp_path / "other.npz").returncode == 2


def test_a_workspace_of_a_projection_says_so(spec_builder: Command, tmp_path: Path) -> None:
    words = ("export", "xenonnt", "--exposure", "xenonnt=10", "-o", tmp_path)
    refused = spec_builder(*words)
    assert refused.returncode == 2
    assert "a projection has no observed counts" in refused.stderr
    assert spec_builder(*words, "--data", "asimov").returncode == 0
    about = json.loads((tmp_path / "xenonnt" / "BkgOnly.meta.json").read_text())
    assert "projection: exposure of xenonnt times 10" in about["by_construction"]
    assert about["experiments"]["xenonnt"]["tables"]["observed"]["status"] == "computed"
    printed = content(spec_builder("export", "xenonnt", "--exposure", "xenonnt=10", "--data", "asimov"))
    assert printed == json.loads((tmp_path / "xenonnt" / "BkgOnly.json").read_text())
    assert printed["observations"][0]["data"][0] == pytest.approx(117.508, abs=1e-3)
    several = spec_builder("export", "--exposure", "xenonnt=10", "--data", "asimov", "-o", tmp_path / "all")
    assert several.returncode == 2
    assert "experiment 'xenonnt' is unknown in pandax4t" in several.stderr
    assert not (tmp_path / "all").exists()


def test_a_plane_of_a_projection(spec_builder: Command, tmp_path: Path) -> None:
    words = ("plane", "xenonnt", "--interaction", "scalar", "--points", "3", "--exposure", "xenonnt=10", "--jobs", "1")
    assert spec_builder(*words, "-o", tmp_path / "refused").returncode == 2
    run = spec_builder(*words, "--data", "asimov", "-o", tmp_path)
    assert run.returncode == 0, run.stderr
    assert "projection: exposure of xenonnt times 10" in run.stdout
    by_toys = (*words, *TOYS[:-2], "--dof", "1", "--data", "asimov", "-o", tmp_path / "toys")
    assert spec_builder(*by_toys).returncode == 0
    found = json.loads((tmp_path / "toys" / "plane_xenonnt_scalar.json").read_text())
    assert "projection: exposure of xenonnt times 10" in found["by_construction"]
    assert found["ensemble"] == "nominal"


def test_an_explanation_with_other_data(spec_builder: Command) -> None:
    words = ("explain", "xenonnt", "--interaction", "scalar", "--mass", "10", "--coupling", "1e-5", "--json")
    real = content(spec_builder(*words))
    asimov = content(spec_builder(*words, "--data", "asimov"))
    assert asimov["delta_chi2"] != pytest.approx(real["delta_chi2"], abs=0.1)
    assert "Asimov data" in asimov["by_construction"]
    assert spec_builder(*words, "--exposure", "xenonnt=10").returncode == 2


def test_a_page_of_a_projection(spec_builder: Command, tmp_path: Path) -> None:
    words = ("explore", "xenonnt", "--interaction", "scalar", "--law", "normsys", "--points", "3")
    path = tmp_path / "page.html"
    run = spec_builder(*words, "--exposure", "xenonnt=10", "--data", "asimov", "-o", path)
    assert run.returncode == 0, run.stderr
    assert "projection: exposure of xenonnt times 10" in path.read_text()
    assert spec_builder(*words, "--exposure", "xenonnt=10", "-o", tmp_path / "other.html").returncode == 2


def test_the_strength_of_a_spectrum_with_other_data(spec_builder: Command, tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    header = "# title: mine\n# source: mine\n# status: computed\n# unit: events/(t yr keV)\n"
    path.write_text(f"{header}recoil_energy_keV,rate\n0.5,1\n1,1\n2,0.5\n5,0\n")
    for verb in ("fit", "limits"):
        words = (verb, "xenonnt", "--spectrum", path, "--json")
        found = content(spec_builder(*words, "--exposure", "xenonnt=10", "--data", "asimov"))
        assert "projection: exposure of xenonnt times 10" in found["by_construction"]
        assert spec_builder(*words, "--exposure", "xenonnt=10").returncode == 2


def test_a_projection_is_not_compared_with_counts(spec_builder: Command, tmp_path: Path) -> None:
    path = tmp_path / "counts.json"
    path.write_text('{"xenonnt_cs2": [16, 14, 7]}')
    words = (*LIMITS, "--expected", "asimov", "--exposure", "xenonnt=10")
    refused = spec_builder(*words, "--data", path)
    assert refused.returncode == 2
    assert "a projection has no observed counts" in refused.stderr


def test_critical_values_are_thrown_again(spec_builder: Command, tmp_path: Path) -> None:
    path = tmp_path / "toys.json"
    assert spec_builder(*FIT, *TOYS, "--json", "-o", path).returncode == 0
    run = spec_builder("verify", path)
    assert run.returncode == 0, run.stderr
    assert "critical values of xenonnt, flux: 61 values, 40 toys each" in run.stdout
    again = spec_builder("verify", path, "--toys", "--jobs", "1")
    assert again.returncode == 0, again.stderr
    assert "; the toys thrown again" in again.stdout
    changed = json.loads(path.read_text())
    changed["critical"][5]["critical"] += 1.0
    path.write_text(json.dumps(changed))
    wrong = spec_builder("verify", path, "--toys", "--jobs", "1")
    assert wrong.returncode == 2
    assert "critical value" in wrong.stderr
    assert spec_builder("verify", path, "--seed", "3").returncode == 2


def test_coverage_and_its_figure(spec_builder: Command, tmp_path: Path) -> None:
    figure = tmp_path / "coverage.png"
    words = ("coverage", "xenonnt", "--parameter", "flux", "--toys", "50", "--jobs", "1", "--values", "5.46,10.92")
    found = content(spec_builder(*words, "--json", "--plot", figure))
    assert [one["value"] for one in found["values"]] == pytest.approx([5.46, 10.92])
    assert figure.stat().st_size > 1000


def test_a_plane_by_toys(spec_builder: Command, tmp_path: Path) -> None:
    words = ("plane", "xenonnt", "--interaction", "scalar", "--points", "2", "-o", tmp_path)
    run = spec_builder(*words, "--method", "feldman-cousins", "--toys", "10", "--jobs", "1")
    assert run.returncode == 0, run.stderr
    path = tmp_path / "plane_xenonnt_scalar.json"
    assert run.stdout.strip() == str(path)
    found = json.loads(path.read_text())
    assert found["dof"] == 2
    assert [point["mass_MeV"] for point in found["points"]] == pytest.approx([0.01, 1000.0])
    assert {p.name for p in tmp_path.iterdir()} == {
        f"plane_xenonnt_scalar.{kind}" for kind in ("json", "csv", "png", "pdf", "txt")
    }
    for kind in ("json", "csv", "png", "txt"):
        (tmp_path / f"plane_xenonnt_scalar.{kind}").unlink()
    run = spec_builder(*words, "--method", "feldman-cousins", "--toys", "100000")
    assert (run.returncode, run.stdout) == (2, "")
    assert f"{tmp_path / 'plane_xenonnt_scalar.pdf'}: exists already" in run.stderr, "before the toys are thrown"
    assert spec_builder("plane", "--method", "feldman-cousins").returncode == 2
    assert spec_builder(*words, "--toys", "8").returncode == 2


def test_coverage_of_a_coupling(spec_builder: Command) -> None:
    words = ("coverage", "xenonnt", "--interaction", "scalar", "--mass", "1", "--values", "0,8e-6", "--toys", "50")
    found = content(spec_builder(*words, "--jobs", "1", "--json"))
    assert [one["value"] for one in found["values"]] == [0.0, 8e-6]
    assert (found["interaction"], found["mass_MeV"], found["parameter"]) == ("scalar", 1.0, "g")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((*FIT, "--toys", "50"), "--toys applies with toys only"),
        (
            (*LIMITS, "--ensemble", "nominal"),
            "--ensemble applies with --method feldman-cousins or --expected only",
        ),
        ((*FIT, "--method", "cls"), "method 'cls' is unknown, expected one of asymptotic, feldman-cousins"),
        ((*FIT, "--method", "feldman-cousins", "--toys", "0"), "toys 0: expected at least 1"),
        ((*FIT, *TOYS, "--ensemble", "mine"), "ensemble 'mine' is unknown"),
        ((*FIT, *TOYS, "--seed", "-1"), "seed -1: expected a number >= 0"),
        ((*FIT, "--exposure", "xenonnt=10"), "a projection has no observed counts: give --data asimov"),
        ((*FIT, "--exposure", "xenonnt"), "exposure 'xenonnt': expected a name and a number, such as xenonnt=10"),
        ((*FIT, "--exposure", "xenonnt=2", "--exposure", "xenonnt=3"), "exposure of 'xenonnt' is given twice"),
        ((*FIT, "--background", "neutron=2", "--data", "asimov"), "background 'neutron' is unknown in"),
        ((*FIT, "--exposure", "xenonnt=1e300", "--data", "asimov"), "factor 1e+300, expected a number above 0 to"),
        ((*FIT, *TOYS, "--cl", "0.99"), "toys 40: too few for 99 % CL, expected at least 100"),
        ((*LIMITS, *TOYS, "--cl", "0.99"), "toys 40: too few for 99 % CL, expected at least 100"),
        ((*LIMITS, "--expected", "mine"), "expected 'mine' is unknown"),
        ((*LIMITS, "--expected", "toys", *TOYS), "--expected is for --method asymptotic"),
        (("coverage", "xenonnt", "--parameter", "mine"), "parameter 'mine' is unknown"),
        (
            ("coverage", "xenonnt", "--parameter", "flux", "--values", "60"),
            "value 60: beyond the domain of flux, 0 to",
        ),
        (
            ("coverage", "xenonnt", "--parameter", "flux", "--values", "-1"),
            "value -1: beyond the domain of flux, 0 to",
        ),
        (("coverage", "xenonnt", "--parameter", "flux", "--cl", "0.99999"), "toys 10000: too few for 99.999 % CL"),
        (("coverage", "xenonnt", "--parameter", "flux", "--json", "--csv"), "give --json or --csv, not both"),
        (("coverage", "xenonnt", "--parameter", "flux", "--plot", "a.txt"), "a.txt: expected a name that ends in .png"),
        ((*FIT, *TOYS, "--plot", "a.txt"), "a.txt: expected a name that ends in .png"),
        ((*LIMITS[:-1], "1", *TOYS, "--plot", "a.png"), "limits: --plot needs at least two finite masses"),
        ((*LIMITS[:-1], "1,inf", "--expected", "toys", "--plot", "a.png"), "--plot needs at least two finite masses"),
        (("coverage", "xenonnt"), "coverage: give --parameter or --interaction"),
        (("coverage", "xenonnt", "--parameter", "flux", "--mass", "1"), "--mass applies with an --interaction only"),
        (("coverage", "xenonnt", "--interaction", "scalar", "--mass", "1"), "coverage: give --values of g"),
    ],
)
def test_mistakes_end_in_one_line(spec_builder: Command, words: tuple[str, ...], message: str) -> None:
    run = spec_builder(*words)
    assert run.returncode == 2
    assert run.stdout == ""
    assert message in run.stderr
    assert len(run.stderr.splitlines()) == 1


def test_a_plane_by_toys_of_several_goes_on_where_it_was_stopped(
    spec_builder: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped in the second interaction, and before anything of it is done: the first is not thrown again."""
    from spec_builder.studies import limits_by_toys

    words = ("plane", "xenonnt", "--interaction", "scalar", "--interaction", "tensor", "--points", "2", *TOYS)
    assert spec_builder(*words, "-o", tmp_path / "whole").returncode == 0
    find = limits_by_toys.find_limits_by_toys

    def stopped(analysis: Any, choice: Any, *rest: Any, **how: Any) -> Any:
        if choice.name == "tensor":
            raise KeyboardInterrupt
        return find(analysis, choice, *rest, **how)

    with monkeypatch.context() as patched:
        patched.setattr(limits_by_toys, "find_limits_by_toys", stopped)
        run = spec_builder(*words, "-o", tmp_path / "out")
    place = tmp_path / "out/plane_xenonnt_scalar.json.parts"
    kept = {path.name for path in place.iterdir()}
    assert run.returncode == 130
    assert f"kept in {place}: give the same command again to go on from there" in run.stderr
    assert kept
    assert [path.name for path in (tmp_path / "out").iterdir()] == [place.name]
    run = spec_builder(*words, "-o", tmp_path / "out")
    assert run.returncode == 0, run.stderr
    assert f"goes on where it was stopped: {len(kept)} of {len(kept)} chunks are there" in run.stderr
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").glob("*.*[nv]")} == {
        path.name: path.read_bytes() for path in (tmp_path / "whole").glob("*.*[nv]")
    }
    assert not list((tmp_path / "out").glob("*.parts"))
