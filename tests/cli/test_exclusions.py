"""Patch sets with the stock ``pyhf`` command line, and what the verbs on new interactions write."""

from __future__ import annotations

import csv
import gzip
import json
import os
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise, product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyhf
import pytest
from click.testing import CliRunner
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_hex
from scipy.stats import chi2

from spec_builder.cli.exclusions import plane
from spec_builder.histfactory.patch import apply_patch
from spec_builder.inference.exclusion import plane_minimum
from spec_builder.model.analysis import ANALYSES, load_analysis
from spec_builder.paper.plane import PLANE_INTERACTIONS, draw_fig4
from spec_builder.physics.interactions import choose
from spec_builder.sharing.export import PatchRequest
from spec_builder.studies.limits import find_limits
from spec_builder.studies.patch_scans import scan_patches
from spec_builder.studies.scans import scan_analysis

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    from matplotlib.axes import Axes

    from spec_builder.drawing.page import Page
    from spec_builder.studies.limits import LimitsResult
    from spec_builder.studies.scan_results import ScanResult

    Command = Callable[..., subprocess.CompletedProcess[str]]

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT / "workspaces" / "normsys"
SETS = list(product(ANALYSES, PLANE_INTERACTIONS))

every_set = pytest.mark.parametrize(("analysis", "interaction"), SETS)


def load(analysis: str, file: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((PUBLISHED / analysis / file).read_text("utf-8"))
    return content


def ours(analysis: str, content: dict[str, Any]) -> ScanResult:
    result = scan_patches(load(analysis, "BkgOnly.json"), content)
    assert result is not None
    assert result.columns["valid"].all()
    return result


# ---------------------------------------------------------------- the published sets


@every_set
def test_a_set_is_small(analysis: str, interaction: str) -> None:
    file = PUBLISHED / analysis / f"patchset_{interaction}.json"
    content = file.read_bytes()
    assert len(content) < 2e6
    assert len(gzip.compress(content)) < 300 * len(json.loads(content)["patches"])


@every_set
def test_a_set_says_what_our_fits_say(analysis: str, interaction: str) -> None:
    content = load(analysis, f"patchset_{interaction}.json")
    stated = np.array([patch["metadata"]["delta_chi2"] for patch in content["patches"]])
    excluded = np.array([patch["metadata"]["excluded_90"] for patch in content["patches"]])
    least = ours(analysis, content).columns["twice_nll"] - stated
    # one minimum for all points; 4 decimals are stated, and 2NLL is that of yields of 8 digits
    assert np.ptp(least) < 1.1e-4
    if analysis == "combined":
        assert least.mean() == pytest.approx(
            plane_minimum(load_analysis(analysis).problem(choose(interaction))).twice_nll, abs=1e-4
        )
    level = chi2.ppf(0.9, 2)
    assert excluded.tolist() == (stated > level).tolist()
    assert np.abs(stated - level).min() > 1e-3  # no point is on the limit
    # the grid lies around the limit
    assert 0.2 < excluded.mean() < 0.9


@pytest.fixture(scope="module")
def points() -> dict[tuple[str, str], dict[str, Any]]:
    """A random patch of each set."""
    rng = np.random.default_rng(2411)
    found = {}
    for analysis, interaction in SETS:
        patches = load(analysis, f"patchset_{interaction}.json")["patches"]
        found[analysis, interaction] = patches[rng.integers(len(patches))]
    return found


@pytest.fixture(scope="module")
def fitted(
    pyhf_here: Command, points: dict[tuple[str, str], dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> dict[tuple[str, str], float]:
    """2NLL at each of them that ``pyhf fit`` prints."""
    desk = tmp_path_factory.mktemp("points")

    def fit(place: tuple[str, str]) -> float:
        file = desk / f"{'_'.join(place)}.json"
        file.write_text(json.dumps(points[place]["patch"]), "utf-8")
        workspace = PUBLISHED / place[0] / "BkgOnly.json"
        words = ("fit", workspace, "--patch", file, "--measurement", "new_physics", "--value")
        run = pyhf_here(*words, cwd=desk)
        assert run.returncode == 0, run.stderr
        return float(json.loads(run.stdout)["twice_nll"])

    return {place: fit(place) for place in SETS}


@every_set
def test_pyhf_fit_prints_our_2nll_at_a_random_point(
    points: dict[tuple[str, str], dict[str, Any]],
    fitted: dict[tuple[str, str], float],
    analysis: str,
    interaction: str,
) -> None:
    content = load(analysis, f"patchset_{interaction}.json")
    content["patches"] = [points[analysis, interaction]]
    assert ours(analysis, content).columns["twice_nll"][0] == pytest.approx(
        fitted[analysis, interaction], abs=1e-6, rel=0
    )


@pytest.fixture(scope="module")
def verbs(
    shell: Command, points: dict[tuple[str, str], dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, subprocess.CompletedProcess[str]]:
    """Every verb of ``pyhf patchset`` on one set, and a fit of the point that it extracts."""
    desk = tmp_path_factory.mktemp("verbs")
    for name in ("BkgOnly.json", "patchset_vector_universal.json"):
        shutil.copy(PUBLISHED / "combined" / name, desk)
    name = points["combined", "vector_universal"]["metadata"]["name"]
    file, workspace = "patchset_vector_universal.json", "BkgOnly.json"
    commands = {
        "inspect": ("inspect", file),
        "verify": ("verify", workspace, file),
        "apply": ("apply", workspace, file, "--name", name),
        "extract": ("extract", file, "--name", name),
    }
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        runs = pool.map(lambda words: shell("pyhf", "patchset", *words, cwd=desk), commands.values())
        return dict(zip(commands, runs, strict=True))


def test_pyhf_patchset_works(
    verbs: dict[str, subprocess.CompletedProcess[str]], points: dict[tuple[str, str], dict[str, Any]]
) -> None:
    for run in verbs.values():
        assert run.returncode == 0, run.stderr
    content, point = load("combined", "patchset_vector_universal.json"), points["combined", "vector_universal"]
    listed = verbs["inspect"].stdout
    assert f"{len(content['patches'])} patches found" in listed
    assert {patch["metadata"]["name"] for patch in content["patches"]} <= set(listed.split())
    assert verbs["verify"].stdout.strip() == "All good."
    assert json.loads(verbs["extract"].stdout) == point["patch"]
    assert json.loads(verbs["apply"].stdout) == apply_patch(load("combined", "BkgOnly.json"), point["patch"], "point")


# ---------------------------------------------------------------- verify


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a workspace and a patch set of a few points."""
    shutil.copy(PUBLISHED / "xenonnt" / "BkgOnly.json", tmp_path)
    content = load("xenonnt", "patchset_scalar.json")
    content["patches"] = content["patches"][:6]
    (tmp_path / "set.json").write_text(json.dumps(content), "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def edit(file: Path, change: Callable[[Any], object]) -> Any:
    content = json.loads(file.read_text("utf-8"))
    change(content)
    file.write_text(json.dumps(content), "utf-8")
    return content


def operation(content: Any) -> Any:
    """The first operation of the third patch."""
    return content["patches"][2]["patch"][0]


#: What is changed in the third patch, and words of what is said.
BROKEN: dict[str, tuple[Callable[[Any], object], list[str]]] = {
    "a path that does not exist": (
        lambda s: operation(s).update(path="/channels/0/samples/9/data"),
        ["{patch}", "does not apply"],
    ),
    "a duplicate name": (
        lambda s: s["patches"][2]["metadata"].update(name=s["patches"][0]["metadata"]["name"]),
        ["{first}", "stands twice", "rename or remove"],
    ),
    "duplicate values": (
        lambda s: s["patches"][2]["metadata"].update(values=s["patches"][0]["metadata"]["values"]),
        ["{patch}", "values", "twice"],
    ),
    "wrong number of values": (
        lambda s: s["patches"][2]["metadata"].update(values=[1.0]),
        ["{patch}", "1 values", "expected 2 (mass_MeV, g)"],
    ),
    "a negative total rate": (
        lambda s: operation(s)["value"].__setitem__(1, -500.0),
        ["{patch}", "channel 'xenonnt_cs2', bin 1", "events expected", "positive rate"],
    ),
    "NaN": (lambda s: operation(s)["value"].__setitem__(1, float("nan")), ["NaN", "JSON"]),
    "a bin too few": (lambda s: operation(s)["value"].pop(), ["{patch}", "'cevns'", "2 bins, expected 3"]),
    "null for yields": (lambda s: operation(s).update(value=None), ["{patch}", "data"]),
    "a number for yields": (lambda s: operation(s).update(value=3.0), ["{patch}", "data"]),
    "a word for a yield": (lambda s: operation(s)["value"].__setitem__(0, "many"), ["{patch}", "many"]),
    "an unknown operation": (lambda s: operation(s).update(op="mend"), ["patches/2/patch/0", "schema"]),
    "no patches": (lambda s: s.update(patches=[]), ["patches", "schema"]),
    "a name with a dot": (lambda s: s["patches"][2]["metadata"].update(name="a.b"), ["patches/2", "'a.b'"]),
}


@pytest.mark.parametrize("name", BROKEN)
def test_verify_names_what_is_wrong_with_a_patch_set(spec_builder: Command, desk: Path, name: str) -> None:
    assert spec_builder("verify", "set.json").returncode == 0
    change, words = BROKEN[name]
    before = json.loads((desk / "set.json").read_text("utf-8"))["patches"]
    edit(desk / "set.json", change)
    run = spec_builder("verify", "set.json")
    assert run.returncode == 2
    assert run.stdout == ""
    assert run.stderr.startswith("spec-builder: error: set.json: ")
    assert run.stderr.count("\n") == 1
    names = {"patch": before[2]["metadata"]["name"], "first": before[0]["metadata"]["name"]}
    assert [word for word in words if word.format(**names) not in run.stderr] == []


@pytest.mark.parametrize("digit", [0, 31, 63])
def test_verify_sees_one_changed_digit_of_the_digest(spec_builder: Command, desk: Path, digit: int) -> None:
    def change(content: Any) -> None:
        digits = list(content["metadata"]["digests"]["sha256"])
        digits[digit] = "0" if digits[digit] != "0" else "1"
        content["metadata"]["digests"]["sha256"] = "".join(digits)

    edit(desk / "set.json", change)
    run = spec_builder("verify", "set.json")
    assert run.returncode == 2
    assert run.stderr.count("\n") == 1
    assert "set.json: made for a workspace of sha256" in run.stderr


def test_verify_needs_the_workspace_beside_the_set(spec_builder: Command, desk: Path) -> None:
    (desk / "BkgOnly.json").unlink()
    run = spec_builder("verify", "set.json")
    assert run.returncode == 2
    assert run.stderr == (
        "spec-builder: error: set.json: its workspace BkgOnly.json is not beside it; put them into one folder\n"
    )


# ---------------------------------------------------------------- export


def test_export_writes_the_points_asked_for(spec_builder: Command, tmp_path: Path) -> None:
    words = "--interaction tensor --masses 1,20 --couplings 1e-3:1e-2:3 --longitudinal-factor 4 --hepdata ins1234567"
    run = spec_builder("export", "pandax4t", *words.split(), "--output", tmp_path / "out")
    assert run.returncode == 0, run.stderr
    content = json.loads((tmp_path / "out" / "pandax4t" / "patchset_tensor.json").read_text("utf-8"))
    points = [patch["metadata"]["values"] for patch in content["patches"]]
    assert points == [[mass, g] for mass in (1.0, 20.0) for g in (0.001, 0.00316228, 0.01)]
    about = content["metadata"]
    assert about["longitudinal_factor"] == 4
    assert about["references"] == {"hepdata": "ins1234567"}
    assert about["law"] == "normsys"
    assert "2411.11749" in about["paper"]
    assert "licence" in about
    # listed beside the workspace
    beside = json.loads((tmp_path / "out" / "pandax4t" / "BkgOnly.meta.json").read_text("utf-8"))
    assert beside["patch_sets"] == {"patchset_tensor.json": pyhf.utils.digest(content)}


def test_export_of_style_signal_is_accepted_by_verify(spec_builder: Command, tmp_path: Path) -> None:
    words = "--interaction vector_universal --masses 1,20 --couplings 1e-5,1e-4 --style signal --law linear"
    assert spec_builder("export", "combined", *words.split(), "--output", tmp_path).returncode == 0
    run = spec_builder("verify", *sorted((tmp_path / "combined").iterdir()))
    assert run.returncode == 0, run.stderr
    assert "4 patches in mass_MeV, g, each applied and evaluated" in run.stdout


@pytest.mark.parametrize("count", [2, 3, 6, 31])
@pytest.mark.parametrize("interaction", ["scalar", "vector_universal"])
def test_points_around_the_limit_are_not_on_it(interaction: str, count: int) -> None:
    analysis, choice = load_analysis("xenonnt"), choose(interaction)
    masses = np.geomspace(0.02, 500, count).tolist()
    points = np.array(PatchRequest([choice], masses, None).points(analysis, choice)).reshape(count, count, 2)
    np.testing.assert_array_equal(points[..., 0], np.repeat(masses, count).reshape(count, count))
    limits = find_limits(analysis, choice, np.array(masses), dof=2).exclusion.points
    for couplings, limit in zip(points[..., 1], limits, strict=True):
        lowest, highest = limit.excluded[0][0], limit.excluded[-1][0]
        assert lowest is not None
        assert highest is not None
        between = np.log(highest / couplings[0]) / np.log(couplings[1] / couplings[0]) % 1
        assert between == pytest.approx(0.5, abs=1e-6)
        assert couplings[0] < lowest
        assert couplings[-1] > highest
        assert np.log(couplings[-1] / couplings[0]) == pytest.approx(np.log(4 * highest / lowest))


# ---------------------------------------------------------------- limits

LIMITS = [
    "limits",
    "combined",
    "--interaction",
    "vector_universal",
    "--masses",
    "0.01,10",
    "--cl",
    "0.95",
    "--dof",
    "1",
]


def test_limits_as_json(spec_builder: Command) -> None:
    run = spec_builder(*LIMITS, "--json")
    assert run.returncode == 0
    assert run.stderr == ""
    found = json.loads(run.stdout)
    assert set(found) >= {
        *("analysis", "interaction", "cl", "dof", "threshold", "minimum"),
        *("law", "variants", "coupling_set", "points"),
    }
    assert (found["analysis"], found["interaction"], found["cl"], found["dof"]) == (
        *("combined", "vector_universal", 0.95, 1),
    )
    assert (found["law"], found["variants"], found["coupling_set"]) == ("normsys", {}, None)
    assert found["threshold"] == pytest.approx(chi2.ppf(0.95, 1))
    assert set(found["minimum"]) == {"twice_nll", "mass_MeV", "g", "at"}
    assert (found["schema"], found["parameter"], found["unit"]) == ("spec_builder/limits/2", "g", "1")
    assert (found["signed"], found["minimum"]["at"], found["minimum"]["mass_MeV"]) == (False, "sm", None)
    for point, mass in zip(found["points"], (0.01, 10.0), strict=True):
        assert set(point) == {"mass_MeV", "excluded", "best_g", "minimum", "delta_chi2_sm", "valid"}
        assert point["mass_MeV"] == mass
        assert point["valid"] is True
        (low, high), (again, no_end) = point["excluded"]
        assert 0 < low < high < again
        assert no_end is None
    direct = find_limits(load_analysis("combined"), choose("vector_universal"), np.array([0.01, 10.0]), cl=0.95, dof=1)
    assert found == json.loads(direct.to_json())


def test_limits_as_csv(spec_builder: Command) -> None:
    lines = spec_builder(*LIMITS, "--csv").stdout.splitlines()
    found = json.loads(spec_builder(*LIMITS, "--json").stdout)
    header = [line for line in lines if line.startswith("# ")]
    text = "\n".join(header)
    for words in ("vector_universal, combined", "95 % CL, dof 1", "3.84146", "law: normsys", "variants: default"):
        assert words in text
    rows = [
        (point["mass_MeV"], low, float("inf") if high is None else high, point["best_g"])
        for point in found["points"]
        for low, high in point["excluded"]
    ]
    table = csv.DictReader(lines[len(header) :])
    assert [tuple(float(row[name]) for name in ("mass_MeV", "g_low", "g_high", "best_g")) for row in table] == rows


def test_a_mass_at_which_nothing_is_excluded_has_a_row() -> None:
    found = find_limits(load_analysis("xenonnt"), choose("axial"), np.array([1.0, 10.0]))
    first, second = found.exclusion.points
    nothing = replace(found, exclusion=replace(found.exclusion, points=(replace(first, excluded=()), second)))
    lines = [line for line in nothing.to_csv().splitlines() if not line.startswith("# ")]
    one, other = csv.DictReader(lines)
    assert (one["mass_MeV"], one["g_low"], one["g_high"], one["valid"]) == ("1.0", "nan", "nan", "1")
    assert float(one["delta_chi2_sm"]) == first.delta_chi2_sm
    assert (float(other["mass_MeV"]), float(other["g_low"]), other["g_high"]) == (10.0, second.excluded[0][0], "inf")


def test_limits_for_people(spec_builder: Command) -> None:
    text = spec_builder(*LIMITS).stdout
    found = json.loads(spec_builder(*LIMITS, "--json").stdout)
    for point in found["points"]:
        (line,) = (line for line in text.splitlines() if line.split()[:1] == [f"{point['mass_MeV']:g}"])
        for end in (end for interval in point["excluded"] for end in interval if end is not None):
            assert f"{end:.6g}" in line


@pytest.mark.parametrize(
    ("words", "stated"),
    [
        ("pandax4t --interaction scalar --coupling-set D", {"coupling_set": "D"}),
        ("xenonnt --interaction tensor --longitudinal-factor 4", {"longitudinal_factor": 4}),
        ("xenonnt --interaction axial --law linear", {"law": "linear"}),
        ("combined --interaction axial --variant pandax4t=ce_rich", {"variants": {"pandax4t": "ce_rich"}}),
    ],
)
def test_every_choice_moves_the_limit_and_is_stated(
    spec_builder: Command, words: str, stated: dict[str, object]
) -> None:
    def limit(*arguments: str) -> tuple[dict[str, Any], float]:
        found = json.loads(spec_builder("limits", *arguments, "--masses", "5", "--dof", "1", "--json").stdout)
        return found, found["points"][0]["excluded"][-1][0]

    found, chosen = limit(*words.split())
    assert {key: found[key] for key in stated} == stated
    default, usual = limit(*words.split()[:3])
    assert all(default[key] != value for key, value in stated.items())
    assert chosen != pytest.approx(usual, rel=1e-4)


# ---------------------------------------------------------------- scan


def test_scan_of_an_analysis(spec_builder: Command, tmp_path: Path) -> None:
    words = "scan xenonnt --interaction scalar --masses 0.1,10 --couplings 1e-6:1e-4:5 --coupling-set A --law linear"
    for suffix in ("npz", "csv"):
        run = spec_builder(*words.split(), "--jobs", "1", "--output", tmp_path / f"scan.{suffix}")
        assert run.returncode == 0, run.stderr
        assert run.stdout == f"{tmp_path / f'scan.{suffix}'}\n"
        assert run.stderr == ""
    direct = scan_analysis(
        load_analysis("xenonnt", "linear"),
        choose("scalar", coupling_set="A"),
        np.array([0.1, 10]),
        np.array([1e-6, 1e-6 * 10**0.5, 1e-5, 1e-5 * 10**0.5, 1e-4]),
    )
    assert direct is not None
    with np.load(tmp_path / "scan.npz") as archive:
        assert set(archive.files) == {*direct.columns, "metadata"}
        np.testing.assert_allclose(archive["twice_nll"], direct.columns["twice_nll"], rtol=1e-10)
        about = json.loads(str(archive["metadata"]))
    assert (about["law"], about["coupling_set"], about["interaction"]) == ("linear", "A", "scalar")
    assert len((tmp_path / "scan.csv").read_text("utf-8").splitlines()) == len(about) + 1 + 10
    assert sorted(path.name for path in tmp_path.iterdir()) == ["scan.csv", "scan.npz"]


def test_couplings_are_told_where_they_are_not_given(spec_builder: Command, tmp_path: Path) -> None:
    path = tmp_path / "scan.npz"
    result = spec_builder("scan", "texono", "--interaction", "millicharge", "-o", str(path))
    with np.load(path) as content:
        low, high = content["q_nu"][[0, -1]]
    assert f"q_nu: 121 values from {low:g} to {high:g}, around what is excluded" in result.stderr


def test_scan_of_a_patch_set(spec_builder: Command, desk: Path) -> None:
    run = spec_builder("scan", "BkgOnly.json", "--patchset", "set.json", "--jobs", "1", "--output", "scan.npz")
    assert run.returncode == 0, run.stderr
    content = json.loads((desk / "set.json").read_text("utf-8"))
    with np.load("scan.npz") as archive:
        assert archive["patch"].tolist() == [patch["metadata"]["name"] for patch in content["patches"]]
        assert archive["mass_MeV"].tolist() == [patch["metadata"]["values"][0] for patch in content["patches"]]
        np.testing.assert_array_equal(archive["twice_nll"], ours("xenonnt", content).columns["twice_nll"])
        assert json.loads(str(archive["metadata"]))["measurement"] == "new_physics"


def test_scan_of_another_measurement(spec_builder: Command, desk: Path) -> None:
    words = ["scan", "BkgOnly.json", "--patchset", "set.json", "--jobs", "1", "--output"]
    assert spec_builder(*words, "one.npz").returncode == 0
    assert spec_builder(*words, "other.npz", "--measurement", "b8_flux").returncode == 0
    with np.load(desk / "one.npz") as one, np.load(desk / "other.npz") as other:
        # mu_8b is free there
        assert np.ptp(one["theta_mu_8b"]) == 0
        assert np.ptp(other["theta_mu_8b"]) > 0


def test_the_scripted_scan_shows_the_same_numbers(shell: Command) -> None:
    run = shell(Path(sys.executable).name, ROOT / "scripts" / "grid_scan", PUBLISHED / "xenonnt", "vector_universal", 5)
    assert run.returncode == 0, run.stderr
    _, *rows = [line.split() for line in run.stdout.splitlines()]
    assert len(rows) == 5
    patches = {p["metadata"]["name"]: p for p in load("xenonnt", "patchset_vector_universal.json")["patches"]}
    for name, theirs, own, difference, delta_chi2, excluded in rows:
        assert abs(float(difference)) < 1e-6
        assert float(theirs) == pytest.approx(float(own), abs=1.1e-6)
        assert float(delta_chi2) == patches[name]["metadata"]["delta_chi2"]
        assert (excluded == "yes") == patches[name]["metadata"]["excluded_90"]


# ---------------------------------------------------------------- plane


@pytest.fixture(scope="module")
def planes(shell: Command, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Path, str]]:
    """The same plane twice, and what was printed."""
    folders = [tmp_path_factory.mktemp("plane") / "out" for _ in range(2)]

    def draw(folder: Path) -> str:
        run = shell("spec-builder", "plane", "--dof", "1", "--points", "9", "--jobs", "1", "--output", folder)
        assert run.returncode == 0, run.stderr
        return run.stdout

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(zip(folders, pool.map(draw, folders), strict=True))


@pytest.mark.parametrize(("words", "jobs"), [((), 1), (("--points", "200"), 3), (("--jobs", "2"), 2)])
def test_workers_are_started_where_there_is_work_for_them(
    words: tuple[str, ...], jobs: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class StartedError(Exception):
        pass

    def start(number: int, *_: object, **__: object) -> None:
        raise StartedError(number)

    monkeypatch.setattr("spec_builder.base.executors.executor_for", start)
    monkeypatch.setattr("os.cpu_count", lambda: 3)
    with pytest.raises(StartedError) as started:
        CliRunner().invoke(plane, [*words, "--output", str(tmp_path / "plane")], catch_exceptions=False)
    assert started.value.args == (jobs,)


def test_the_same_plane_has_the_same_bytes(planes: list[tuple[Path, str]]) -> None:
    (one, printed), (other, printed_again) = planes
    files = sorted(path.name for path in one.iterdir())
    assert files == sorted(
        [
            *("fig4_plane.pdf", "fig4_plane.png", "fig4_plane.txt"),
            *(f"contour_{analysis}_{interaction}.csv" for analysis, interaction in SETS),
            *(f"grid_{analysis}_{interaction}.npz" for analysis, interaction in SETS),
        ]
    )
    assert [name for name in files if (one / name).read_bytes() != (other / name).read_bytes()] == []
    assert printed == printed_again


def test_contours_are_the_limits(planes: list[tuple[Path, str]], spec_builder: Command) -> None:
    folder, printed = planes[0]
    words = ["--interaction", "vector_universal", "--masses", "0.01:1000:9", "--dof", "1", "--csv"]
    run = spec_builder("limits", "xenonnt", *words)
    drawn = (folder / "contour_xenonnt_vector_universal.csv").read_text("utf-8").splitlines()
    asked = run.stdout.splitlines()
    header = [line for line in asked if line.startswith("# ")]
    assert drawn[: len(header)] == header
    for choice in ("dof 1", "2.70554", "law: normsys", "by_construction: xenonnt"):
        assert choice in "\n".join(header)
    table, expected = (
        np.array([line.split(",") for line in lines[len(header) + 1 :]], dtype=float) for lines in (drawn, asked)
    )
    np.testing.assert_allclose(table[:, :3], expected[:, :3], rtol=1e-9)
    # the table on the terminal has a line for each
    lines = [line for line in printed.splitlines() if line.startswith("| ")][1:]
    assert [tuple(line.split(" | ")[:2]) for line in lines] == [(f"| {a} *", i) for a, i in SETS]


def test_grids_are_scans(planes: list[tuple[Path, str]]) -> None:
    folder, _ = planes[0]
    choice = choose("axial")
    masses, couplings = np.geomspace(0.01, 1000, 9), np.geomspace(*choice.default_range, 9)
    result = scan_analysis(load_analysis("combined"), choice, masses, couplings)
    assert result is not None
    with np.load(folder / "grid_combined_axial.npz") as archive:
        np.testing.assert_array_equal(archive["mass_MeV"], masses)
        np.testing.assert_array_equal(archive["g"], couplings)
        assert archive["valid"].all()
        drawn, scanned = archive["delta_chi2"], result.columns["twice_nll"].reshape(9, 9)
        # dof 1: against the minimum over g at each mass
        minima = [
            point.minimum for point in find_limits(load_analysis("combined"), choice, masses, dof=1).exclusion.points
        ]
        np.testing.assert_allclose(drawn, scanned - np.array(minima)[:, None], rtol=1e-10, atol=1e-8)
        assert drawn.min() > -1e-9
        assert np.ptp(minima) > 0.1
        assert json.loads(str(archive["metadata"]))["interaction"] == "axial"


# ---------------------------------------------------------------- what is drawn

MASSES = np.geomspace(0.01, 1000, 7)


@pytest.fixture(scope="module")
def drawn() -> tuple[dict[tuple[str, str], LimitsResult], Page]:
    results = {
        (analysis, interaction): find_limits(load_analysis(analysis), choose(interaction), MASSES, cl=0.95, dof=1)
        for analysis, interaction in SETS
    }
    return results, draw_fig4(list(results.values()))


def lines_of(panel: Axes) -> list[np.ndarray[Any, np.dtype[Any]]]:
    return [np.asarray(line.get_xydata()) for line in panel.get_lines()]


def test_there_is_a_panel_for_each_analysis(drawn: tuple[dict[tuple[str, str], LimitsResult], Page]) -> None:
    _, figure = drawn
    assert [panel.get_title().split(",")[0].rstrip("*") for panel in figure.axes] == [
        *("XENONnT", "PandaX-4T", "XENONnT + PandaX-4T"),
    ]
    for panel in figure.axes:
        assert panel.get_xlabel() == "mediator mass [MeV]"
        assert (panel.get_xscale(), panel.get_yscale()) == ("log", "log")
        assert panel.get_xlim() == (0.01, 1000)
    assert figure.axes[0].get_ylabel() == "coupling $g$"
    (legend,) = figure.figure.legends
    assert sorted(text.get_text() for text in legend.get_texts()) == sorted(
        ["scalar", "universal vector", "vector $B-L$", "axial vector", "tensor"]
    )


def test_the_legend_names_what_any_panel_shows(drawn: tuple[dict[tuple[str, str], LimitsResult], Page]) -> None:
    results, _ = drawn
    some = [results["xenonnt", "scalar"], results["combined", "scalar"], results["combined", "tensor"]]
    (legend,) = draw_fig4(some).figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["scalar", "tensor"]


def test_the_small_print_states_the_choices(drawn: tuple[dict[tuple[str, str], LimitsResult], Page]) -> None:
    _, figure = drawn
    text = " ".join(figure.caption.to_text().split())
    for words in ("95 % CL, dof 1", "3.841", "each mass's minimum", "law: normsys", "coupling set: B", "factor: 1"):
        assert words in text
    assert load_analysis("pandax4t").by_construction[0][1][:30] in text


@pytest.mark.parametrize("analysis", ANALYSES)
def test_lines_go_through_the_limits(drawn: tuple[dict[tuple[str, str], LimitsResult], Page], analysis: str) -> None:
    results, figure = drawn
    lines = lines_of(figure.axes[ANALYSES.index(analysis)])
    for interaction in PLANE_INTERACTIONS:
        points = results[analysis, interaction].exclusion.points
        ends = [[end for interval in point.excluded for end in interval if end] for point in points]
        for k in range(max(map(len, ends))):
            curve = np.array([row[k] if k < len(row) else np.nan for row in ends])
            matching = [
                line
                for line in lines
                if np.array_equal(line[:, 0], MASSES) and np.allclose(line[:, 1], curve, rtol=1e-12, equal_nan=True)
            ]
            assert len(matching) == 1, (interaction, k)


@pytest.mark.parametrize("analysis", ANALYSES)
def test_the_excluded_region_of_the_universal_vector_is_shaded(
    drawn: tuple[dict[tuple[str, str], LimitsResult], Page], analysis: str
) -> None:
    results, figure = drawn
    panel = figure.axes[ANALYSES.index(analysis)]
    own = [
        c
        for c in panel.collections
        if isinstance(c, PolyCollection) and to_hex(tuple(np.asarray(c.get_facecolor())[0].tolist())) == "#0072b2"
    ]
    shades = [path for c in own for path in c.get_paths()]

    def shaded(mass: float, g: float) -> bool:
        return any(path.contains_point((mass, g)) for path in shades)

    for before, after in pairwise(results[analysis, "vector_universal"].exclusion.points):
        # halfway along the drawn polygon
        mass = (before.mass_MeV + after.mass_MeV) / 2
        intervals = [
            (((low or 0) + (low_after or 0)) / 2, (high + high_after) / 2 if high and high_after else None)
            for (low, high), (low_after, high_after) in zip(before.excluded, after.excluded, strict=True)
        ]
        for low, high in intervals:
            assert not shaded(mass, low * 0.999)
            assert shaded(mass, low * 1.05)
            if high is None:
                assert not shaded(mass, 0.09), "only along the edge"
            else:
                assert shaded(mass, high * 0.999)
                assert not shaded(mass, high * 1.001)
