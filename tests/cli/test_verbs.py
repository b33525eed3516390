"""Each verb of ``spec-builder``: what it prints, in text and for machines, and what it writes."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib.image
import numpy as np
import pytest

import spec_builder as package

if TYPE_CHECKING:
    from collections.abc import Callable

    Command = Callable[..., subprocess.CompletedProcess[str]]

ROOT = Path(__file__).parents[2]
WORKSPACE = ROOT / "workspaces" / "normsys" / "xenonnt" / "BkgOnly.json"
ANALYSES = ("xenonnt", "pandax4t", "combined")
INTERACTIONS = ("scalar", "vector_universal", "vector_bl", "axial", "tensor")
FIGURES = ("fig1_spectra", "fig2_profiles", "fig3_weak_mixing_angle", "fig4_plane", "fig5_bounds", "pulls")
STATUSES = {"measured", "published", "computed", "reconstructed", "recalled"}

#: arXiv:2411.11749, Eqs. (18)-(23): value, up, down.
PAPER = {
    ("flux", "pandax4t"): (7.7, 7.0, 5.9),
    ("flux", "xenonnt"): (5.7, 3.2, 2.8),
    ("flux", "combined"): (6.1, 2.8, 2.7),
    ("sin2thetaw", "pandax4t"): (0.30, 0.16, 0.21),
    ("sin2thetaw", "xenonnt"): (0.25, 0.09, 0.10),
    ("sin2thetaw", "combined"): (0.26, 0.08, 0.09),
}


def printed(run: subprocess.CompletedProcess[str]) -> str:
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""
    return run.stdout


def content(run: subprocess.CompletedProcess[str]) -> Any:
    return json.loads(printed(run))


# ---------------------------------------------------------------------------------------------- the program itself


def test_help_lists_the_verbs(shell: Command) -> None:
    text = printed(shell("spec-builder", "--help"))
    verbs = re.findall(r"^  ([a-z]+)  ", text.partition("Commands:")[2], flags=re.MULTILINE)
    assert {"experiments", "export", "fit", "profile", "reproduce", "spectrum", "verify"} <= set(verbs)
    assert printed(shell("spec-builder", "-h")) == text


@pytest.mark.parametrize(
    ("verb", "options"),
    [
        ("experiments", "--json --output --force"),
        ("spectrum", "--interaction --energies --mass --coupling --hep --json --output"),
        ("export", "--law --variant --output --force"),
        ("fit", "--parameter --law --variant --cl --minimiser --measurement --patch --json --output"),
        ("profile", "--parameter --law --variant --points --json --csv --plot --output"),
        ("verify", "--help"),
        ("reproduce", "--output --force"),
    ],
)
def test_help_of_a_verb_names_its_options(spec_builder: Command, verb: str, options: str) -> None:
    text = printed(spec_builder(verb, "--help"))
    assert [option for option in options.split() if option not in text] == []


def test_version_is_the_package_s(shell: Command) -> None:
    assert package.__version__ in printed(shell("spec-builder", "--version"))


def test_cite_prints_bibtex_of_software_paper_and_data(shell: Command) -> None:
    text = printed(shell("spec-builder", "--cite"))
    depth = 0
    for character in text:
        depth += {"{": 1, "}": -1}.get(character, 0)
        assert depth >= 0
    assert depth == 0
    entries = re.findall(r"^@(\w+)\{([^,\s]+),$", text, flags=re.MULTILINE)
    keys = [key for _, key in entries]
    assert len(set(keys)) == len(keys) == text.count("@")
    assert "software" in dict(entries)
    assert "10.1088/1475-7516/2025/05/012" in text  # the paper
    # the experiments' results and the data releases behind the tables
    for source in ("2408.02877", "2407.10892", "2507.11930", "10.5281/zenodo.20576156"):
        assert source in text


# ---------------------------------------------------------------------------------------------- experiments


def test_experiments_lists_what_is_shipped(spec_builder: Command) -> None:
    from spec_builder.experiments.reading import shipped_experiments

    lines = printed(spec_builder("experiments")).splitlines()
    assert [line.split()[0] for line in lines] == list(shipped_experiments())
    listed = {entry["name"]: entry["variants"] for entry in content(spec_builder("experiments", "--json"))}
    assert listed["pandax4t"] == ["ce_rich", "md_rich", "poisson_response", "charge_yield"]
    assert listed["xenonnt"] == ["absolute_normalisation", "charge_yield"]
    assert listed["coherent_csi"] == ["collaboration_normalisation", "response_shapes"]
    assert set(listed) == set(shipped_experiments())


@pytest.mark.parametrize(("name", "events"), [("xenonnt", [16, 14, 7]), ("pandax4t", [73, 44, 29, 44, 41, 38, 28, 35])])
def test_one_experiment_in_full_with_sources_and_statuses(spec_builder: Command, name: str, events: list[int]) -> None:
    about = content(spec_builder("experiments", name, "--json"))
    assert about["observed"] == events
    assert {"observed", "backgrounds"} <= set(about["tables"])
    assert {table["status"] for table in about["tables"].values()} <= STATUSES
    text = printed(spec_builder("experiments", name))
    for what, table in about["tables"].items():
        assert table["source"]
        assert re.search(rf"^ +{what} +{table['status']}: {re.escape(table['source'])}$", text, flags=re.MULTILINE)
    for reference in about["references"]:
        assert reference in text
    assert about["by_construction"] in text


def test_an_experiment_is_shown_by_its_path(spec_builder: Command) -> None:
    folder = ROOT / "data" / "experiments" / "xenonnt"
    assert printed(spec_builder("experiments", folder)) == printed(spec_builder("experiments", "xenonnt"))


# ---------------------------------------------------------------------------------------------- spectrum


def test_spectrum_in_text_and_json_agree(spec_builder: Command) -> None:
    arguments = ("spectrum", "--energies", "0.1,0.3,1")
    result = content(spec_builder(*arguments, "--json"))
    assert result["energies_keV"] == [0.1, 0.3, 1.0]
    assert result["unit"] == "events/(t yr keV)"
    assert result["interaction"] == "sm"
    assert result["rate"] == result["standard_model"]
    assert sorted(result["rate"], reverse=True) == result["rate"]
    head, _, *rows = printed(spec_builder(*arguments)).splitlines()
    assert "events/(t yr keV)" in head
    table = np.array([[float(word) for word in row.split()] for row in rows])
    np.testing.assert_allclose(table[:, 0], result["energies_keV"])
    np.testing.assert_allclose(table[:, 1], result["rate"], rtol=1e-5)


def test_spectrum_of_a_grid_is_log_spaced(spec_builder: Command) -> None:
    result = content(spec_builder("spectrum", "--energies", "0.01:1:3", "--json"))
    assert result["energies_keV"] == [0.01, 0.1, 1.0]


@pytest.mark.parametrize("interaction", INTERACTIONS)
def test_spectrum_splits_new_physics_from_the_standard_model(spec_builder: Command, interaction: str) -> None:
    point = ("--interaction", interaction, "--mass", "10", "--coupling", "1e-4")
    result = content(spec_builder("spectrum", "--energies", "0.5,1,2", *point, "--json"))
    plain = content(spec_builder("spectrum", "--energies", "0.5,1,2", "--json"))
    assert (result["mass_MeV"], result["coupling"]) == (10.0, 1e-4)
    np.testing.assert_allclose(result["standard_model"], plain["rate"], rtol=1e-12)
    np.testing.assert_allclose(result["rate"], np.add(result["standard_model"], result["new_physics"]), rtol=1e-12)
    assert all(value != 0 for value in result["new_physics"])
    head = printed(spec_builder("spectrum", "--energies", "1", *point)).splitlines()[0]
    assert f"interaction {interaction}, mass 10 MeV, coupling 0.0001" in head


def test_spectrum_of_a_mediator_far_too_heavy_is_the_standard_model(spec_builder: Command) -> None:
    point = ("--interaction", "scalar", "--mass", "1e100", "--coupling", "1")
    result = content(spec_builder("spectrum", "--energies", "0.5,1,2", *point, "--json"))
    assert result["new_physics"] == [0.0, 0.0, 0.0]


def test_spectrum_choices_change_the_rate_and_are_named(spec_builder: Command) -> None:
    plain = content(spec_builder("spectrum", "--energies", "1", "--json"))["rate"][0]
    hep = content(spec_builder("spectrum", "--energies", "1", "--hep", "--json"))
    assert plain < hep["rate"][0] < 1.02 * plain
    assert hep["hep"] is True
    angle = content(spec_builder("spectrum", "--energies", "1", "--sin2thetaw", "0.3", "--json"))
    assert angle["rate"][0] > plain  # the weak charge of xenon grows in size with sin2thetaw
    assert angle["sin2_theta_w"] == 0.3


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
    assert "-none" in printed(spec_builder("fit", "pandax4t", "--parameter", "flux", "--cl", "0.99"))


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
    assert [path.name for path in tmp_path.iterdir()] == [file.name]

    first = file.read_bytes()
    printed(spec_builder("profile", "xenonnt", "--parameter", "flux", "--points", "21", "--plot", file, "--force"))
    assert file.read_bytes() == first  # no date in it


def test_profile_is_drawn_and_printed(spec_builder: Command, tmp_path: Path) -> None:
    arguments = ("profile", "xenonnt", "--parameter", "flux", "--points", "21", "--json")
    drawn = printed(spec_builder(*arguments, "--plot", tmp_path / "curve.png"))
    assert drawn == printed(spec_builder(*arguments))
    assert matplotlib.image.imread(tmp_path / "curve.png").std() > 0.01  # something is on it


# ---------------------------------------------------------------------------------------------- --output, pipes


WRITING = {
    "experiments": ("experiments",),
    "an experiment": ("experiments", "xenonnt", "--json"),
    "spectrum": ("spectrum", "--energies", "1"),
    "fit": ("fit", "xenonnt", "--parameter", "flux", "--json"),
    "fit of a workspace": ("fit", str(WORKSPACE)),
    "profile": ("profile", "xenonnt", "--parameter", "flux", "--points", "5"),
}


@pytest.mark.parametrize("verb", WRITING)
def test_output_holds_what_is_printed_without_it(spec_builder: Command, tmp_path: Path, verb: str) -> None:
    text = printed(spec_builder(*WRITING[verb]))
    assert text.endswith("\n")
    assert printed(spec_builder(*WRITING[verb], "--output", "-")) == text
    file = tmp_path / "a new folder" / "result é.txt"
    assert printed(spec_builder(*WRITING[verb], "--output", file)) == ""
    assert file.read_text("utf-8") == text
    assert list(file.parent.iterdir()) == [file]
    file.write_text("old", "utf-8")
    assert printed(spec_builder(*WRITING[verb], "--output", file, "--force")) == ""
    assert file.read_text("utf-8") == text


def test_a_reader_that_stops_early_is_no_error() -> None:
    """``spec-builder spectrum ... | head -1``."""
    program = Path(sys.executable).with_name("spec-builder")
    command = [str(program), "spectrum", "--energies", "0.1:3:20000"]  # far more than a pipe holds
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith("dR/dT")
        process.stdout.close()
        assert process.stderr.read() == ""


# ---------------------------------------------------------------------------------------------- reproduce


@pytest.fixture(scope="module")
def reproduced(shell: Command, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The main job: its folder, and what it printed."""
    folder = tmp_path_factory.mktemp("reproduce") / "results"
    run = shell("spec-builder", "reproduce", "--output", folder)
    assert run.returncode == 0, run.stderr
    return folder, run.stdout


def test_reproduce_makes_the_documented_files(reproduced: tuple[Path, str]) -> None:
    folder, _ = reproduced
    made = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    figures = {f"{name}{suffix}" for name in FIGURES for suffix in (".png", ".pdf")}
    profiles = {f"profile_{parameter}_{analysis}.csv" for parameter, analysis in PAPER}
    contours = {f"contour_{analysis}_{mediator}.csv" for analysis in ANALYSES for mediator in INTERACTIONS}
    workspaces = {
        f"workspaces/{law}/{analysis}/BkgOnly{suffix}"
        for law in ("normsys", "linear")
        for analysis in ANALYSES
        for suffix in (".json", ".meta.json")
    }
    others = {"summary.md", "summary.json", "fig3_weak_mixing_angle.csv", "fig5_bounds.md"}
    assert figures | profiles | contours | workspaces | others <= made


@pytest.mark.parametrize(("parameter", "analysis"), PAPER)
def test_reproduce_writes_the_bytes_of_the_verbs(
    reproduced: tuple[Path, str], spec_builder: Command, parameter: str, analysis: str
) -> None:
    """Another process, another day: the same bytes."""
    folder, _ = reproduced
    choices = (analysis, "--parameter", parameter, "--law", "linear")
    curve = printed(spec_builder("profile", *choices))
    assert (folder / f"profile_{parameter}_{analysis}.csv").read_text("utf-8") == curve
    fit = content(spec_builder("fit", *choices, "--cl", "0.6826894921370859", "--json"))
    assert fit in json.loads((folder / "summary.json").read_text("utf-8"))["fits"]


def test_reproduce_exports_the_checked_in_workspaces(reproduced: tuple[Path, str]) -> None:
    folder, _ = reproduced
    every = [file.relative_to(ROOT) for file in (ROOT / "workspaces").rglob("BkgOnly.json")]
    files = [file for file in every if file.parent.name in ANALYSES]
    assert len(files) == 6
    assert [file for file in files if (folder / file).read_bytes() != (ROOT / file).read_bytes()] == []


def test_reproduce_figures_are_not_blank(reproduced: tuple[Path, str]) -> None:
    for name in FIGURES:
        image = matplotlib.image.imread(reproduced[0] / f"{name}.png")
        assert min(image.shape[:2]) >= 300
        assert image[..., :3].std() > 0.05
        assert (reproduced[0] / f"{name}.pdf").read_bytes().startswith(b"%PDF-")


def test_reproduce_prints_the_summary(reproduced: tuple[Path, str]) -> None:
    folder, text = reproduced
    assert text == (folder / "summary.md").read_text("utf-8")


def numbers(cell: str) -> tuple[float, float, float]:
    found = re.match(r"([\d.]+) \+([\d.]+) -([\d.]+)", cell)
    assert found, cell
    value, up, down = map(float, found.groups())
    return value, up, down


def tables(text: str) -> list[list[dict[str, str]]]:
    """The Markdown tables, each a list of rows by column name."""
    found = []
    for block in re.findall(r"(?:^\|.*\|\n)+", text, flags=re.MULTILINE):
        head, _, *rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in block.splitlines()]
        found.append([dict(zip(head, row, strict=True)) for row in rows])
    return found


def test_summary_holds_the_paper_s_values_beside_ours(reproduced: tuple[Path, str]) -> None:
    folder, text = reproduced
    rows = tables(text)[0]
    summary = json.loads((folder / "summary.json").read_text("utf-8"))
    ours = {(fit["parameter"], fit["analysis"], fit["law"]): fit for fit in summary["fits"] if not fit["variants"]}
    shown = {("flux" if "flux" in row["parameter"] else "sin2thetaw", row["analysis"]): row for row in rows}
    assert set(shown) == set(PAPER)
    for key, row in shown.items():
        assert numbers(row["paper"]) == PAPER[key]
        for column, law in (("linear (as Eq. 17)", "linear"), ("normsys", "normsys")):
            fit = ours[*key, law]
            assert numbers(row[column]) == pytest.approx((fit["value"], fit["up"], fit["down"]), abs=0.005)
            assert row[column].endswith("*")  # by construction, with these defaults
        value, up, down = PAPER[key]
        assert numbers(row["linear (as Eq. 17)"])[0] == pytest.approx(value, abs=0.05 * (up + down))
    for note in ("xenonnt: the signal normalisation", "pandax4t: the shapes of the cathode"):
        assert f"\n- {note}" in text


def test_summary_table_says_how_much_each_choice_moves_the_results(reproduced: tuple[Path, str]) -> None:
    rows = tables(reproduced[1])[1]
    variants = {row["variants"] for row in rows}
    assert {
        "default",
        "xenonnt=absolute_normalisation",
        "xenonnt=charge_yield",
        "pandax4t=ce_rich",
        "pandax4t=md_rich",
        "pandax4t=poisson_response",
        "pandax4t=charge_yield",
    } <= variants
    assert {row["law"] for row in rows if row["variants"] == "default"} == {"linear", "normsys"}
    labelled = {(row["analysis"], row["variants"]): row["by construction"] for row in rows}
    assert labelled["combined", "default"] == "xenonnt, pandax4t"
    assert labelled["xenonnt", "xenonnt=absolute_normalisation"] == ""
    assert labelled["combined", "pandax4t=ce_rich"] == "xenonnt"


def test_summary_for_machines_traces_every_fit(reproduced: tuple[Path, str]) -> None:
    summary = json.loads((reproduced[0] / "summary.json").read_text("utf-8"))
    assert summary["schema"] == "spec_builder/summary/1"
    assert all(fit["valid"] and fit["statuses"] and fit["version"] for fit in summary["fits"])
    paper = {
        (entry["parameter"], entry["analysis"]): (entry["value"], entry["up"], entry["down"])
        for entry in summary["paper"]
    }
    assert paper == PAPER
