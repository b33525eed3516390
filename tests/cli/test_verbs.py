"""Each verb of ``spec-builder``: what it prints, in text and for machines, and what it writes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib.image
import pytest

import spec_builder as package
from tests.cli.runs import printed

if TYPE_CHECKING:
    from collections.abc import Callable

    Command = Callable[..., subprocess.CompletedProcess[str]]

ROOT = Path(__file__).parents[2]
WORKSPACE = ROOT / "workspaces" / "normsys" / "xenonnt" / "BkgOnly.json"
ANALYSES = ("xenonnt", "pandax4t", "combined")
INTERACTIONS = ("scalar", "vector_universal", "vector_bl", "axial", "tensor")
FIGURES = ("fig1_spectra", "fig2_profiles", "fig3_weak_mixing_angle", "fig4_plane", "fig5_bounds", "pulls")

#: arXiv:2411.11749, Eqs. (18)-(23): value, up, down.
PAPER = {
    ("flux", "pandax4t"): (7.7, 7.0, 5.9),
    ("flux", "xenonnt"): (5.7, 3.2, 2.8),
    ("flux", "combined"): (6.1, 2.8, 2.7),
    ("sin2thetaw", "pandax4t"): (0.30, 0.16, 0.21),
    ("sin2thetaw", "xenonnt"): (0.25, 0.09, 0.10),
    ("sin2thetaw", "combined"): (0.26, 0.08, 0.09),
}


def content(run: subprocess.CompletedProcess[str]) -> Any:
    return json.loads(printed(run))


# ---------------------------------------------------------------------------------------------- the program itself


def test_help_lists_the_verbs(shell: Command) -> None:
    text = printed(shell("spec-builder", "--help"))
    verbs = re.findall(r"^  ([a-z0-9]+) +[A-Z]", text.partition("Look at what is there:")[2], flags=re.MULTILINE)
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


# ---------------------------------------------------------------------------------------------- --output, pipes


WRITING = {
    "experiments": ("experiments",),
    "an experiment": ("experiments", "xenonnt", "--json"),
    "spectrum": ("spectrum", "--energies", "1"),
    "fit": ("fit", "xenonnt", "--parameter", "flux", "--json"),
    "fit of a workspace": ("fit", str(WORKSPACE)),
    "profile": ("profile", "xenonnt", "--parameter", "flux", "--points", "5", "--csv"),
}


@pytest.mark.parametrize("verb", WRITING)
def test_output_holds_what_is_printed_without_it(spec_builder: Command, tmp_path: Path, verb: str) -> None:
    text = printed(spec_builder(*WRITING[verb]))
    assert text.endswith("\n")
    assert printed(spec_builder(*WRITING[verb], "--output", "-")) == text
    form = ".json" if "--json" in WRITING[verb] else ".csv" if "--csv" in WRITING[verb] else ".txt"
    file = tmp_path / "a new folder" / f"result é{form}"
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
    figures = {f"{name}{suffix}" for name in FIGURES for suffix in (".png", ".pdf", ".txt")}
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


def test_reproduce_prints_the_summary_which_is_a_page_of_the_docs(reproduced: tuple[Path, str]) -> None:
    folder, text = reproduced
    assert text == (folder / "summary.md").read_text("utf-8") == (ROOT / "docs" / "results.md").read_text("utf-8")


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
