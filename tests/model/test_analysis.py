"""Analyses by name: which experiments, law and variants, and the mistakes in naming them."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.files import data_path
from spec_builder.experiments.response import MatrixResponse, Selection
from spec_builder.inference.newton import minimise
from spec_builder.model.analysis import ANALYSES, load_analysis
from spec_builder.model.points import point_workspace
from spec_builder.model.provenance import Choices
from spec_builder.physics.interactions import choose
from spec_builder.studies.catalogue import describe_experiment
from spec_builder.studies.fits import fit_workspace
from tests.copies import copy_of

if TYPE_CHECKING:
    from pathlib import Path

    from spec_builder.model.analysis import Analysis


@pytest.mark.parametrize(
    ("text", "name", "experiments"),
    [
        ("xenonnt", "xenonnt", ["xenonnt"]),
        ("pandax4t", "pandax4t", ["pandax4t"]),
        ("combined", "combined", ["xenonnt", "pandax4t"]),
        ("pandax4t+xenonnt", "pandax4t+xenonnt", ["pandax4t", "xenonnt"]),
    ],
)
def test_names(text: str, name: str, experiments: list[str]) -> None:
    analysis = load_analysis(text)
    assert analysis.name == name
    assert [e.name for e in analysis.experiments] == experiments
    assert (analysis.law, analysis.variants) == ("normsys", {})


def test_paths_of_experiments(tmp_path: Path) -> None:
    folder = copy_of("xenonnt", tmp_path / "mine")
    analysis = load_analysis(f"{folder}+pandax4t", "linear")
    assert analysis.name == "mine+pandax4t"
    assert analysis.workspace == load_analysis("combined", "linear").workspace


def test_variants_and_statuses() -> None:
    chosen = {"xenonnt": "charge_yield", "pandax4t": "md_rich"}
    analysis = load_analysis("combined", variants=chosen)
    assert analysis.variants == chosen
    assert analysis.statuses["xenonnt.charge_yield"] == "computed"
    assert analysis.statuses["pandax4t.backgrounds"] == "reconstructed"


def test_by_construction_names_the_experiment() -> None:
    notes = load_analysis("combined").by_construction
    assert [name for name, _ in notes] == ["xenonnt", "pandax4t"]
    assert notes[0][1].startswith("the signal normalisation (10.7 events")
    rich = load_analysis("combined", variants={"pandax4t": "ce_rich"}).by_construction
    assert rich == notes[:1]


@pytest.mark.parametrize(
    ("text", "law", "variants", "message"),
    [
        (
            "xenon1t",
            "linear",
            {},
            (
                "analysis 'xenon1t' is unknown, expected one of xenonnt, pandax4t, combined, eves, eves_all, global, "
                "coherent_csi, lz_ws2022_er, lz_ws2024_er, pandax4t_run0_er, pandax4t_run1_er, texono, xenonnt_er, "
                "or paths of experiment folders joined by '+', or the path of an analysis, a TOML file"
            ),
        ),
        ("xenonnt+lz", "linear", {}, "analysis 'xenonnt+lz' is unknown, expected one of"),
        ("", "linear", {}, "analysis '' is unknown, expected one of"),
        ("./nowhere", "linear", {}, "./nowhere: no such folder, expected a folder with an experiment"),
        ("xenonnt", "lognormal", {}, "law 'lognormal' is unknown, expected one of normsys, linear"),
        (
            "xenonnt",
            "linear",
            {"xenonnt": "ce_rich"},
            "variant 'ce_rich' of xenonnt is unknown, expected one of: absolute_normalisation, charge_yield",
        ),
        (
            "xenonnt",
            "linear",
            {"pandax4t": "ce_rich"},
            "variant of 'pandax4t' given, but xenonnt holds only xenonnt",
        ),
    ],
)
def test_mistakes(text: str, law: str, variants: dict[str, str], message: str) -> None:
    with pytest.raises(SpecBuilderError, match=re.escape(message)):
        load_analysis(text, law, variants)


def test_an_experiment_given_twice() -> None:
    with pytest.raises(SpecBuilderError, match="channel 'xenonnt_cs2' stands twice"):
        _ = load_analysis("xenonnt+xenonnt").workspace


@pytest.mark.parametrize("name", ANALYSES)
def test_polynomials_have_the_standard_model_inside(name: str) -> None:
    analysis = load_analysis(name)
    for channel, kernel in zip(analysis.channels, analysis.kernels, strict=True):
        expected = pytest.approx(kernel.standard_model(), rel=1e-9)
        assert analysis.polynomial("flux")[channel.name]["cevns"](5.46)[0] == expected
        assert analysis.polynomial("sin2thetaw")[channel.name]["cevns"](0.23857)[0] == expected


def changed_xenonnt(folder: Path, old: str, new: str, file: str = "experiment.toml") -> Analysis:
    """XENONnT with another text in one of its files."""
    copy_of("xenonnt", folder)
    text = (folder / file).read_text(encoding="utf-8")
    assert old in text
    (folder / file).write_text(text.replace(old, new), encoding="utf-8")
    return load_analysis(str(folder))


@pytest.mark.parametrize("law", ["normsys", "linear"])
def test_the_shape_of_one_channel_is_the_size_of_another(law: str) -> None:
    """One parameter: a point of an interaction has the 2NLL of its workspace, where each channel has its own."""
    plain = load_analysis("coherent_csi", law, {"coherent_csi": "response_shapes"})
    (experiment,), (shaped,) = plain.experiments, plain.channels
    (signal,) = shaped.signals
    sizes = {**signal.uncertainties, "coherent_csi_quenching0": 0.5}
    sized = replace(shaped, name="near", variations={}, signals=(replace(signal, uncertainties=sizes),))
    analysis = replace(plain, experiments=(replace(experiment, channels=(shaped, sized)),))
    choice, mass, g = choose("scalar"), 30.0, 5e-5
    problem = analysis.problem(choice)
    rows = problem.rows(problem.yields(np.array([mass])), np.zeros(1, dtype=np.intp), np.array([g**2]))
    workspace = point_workspace(analysis, choice, mass, g)
    expected = fit_workspace(workspace, "point").fit.twice_nll
    assert float(minimise(problem.likelihood, rows=rows).twice_nll[0]) == pytest.approx(expected, abs=1e-4)


def test_a_fit_of_an_angle_that_changes_the_shapes_is_refused() -> None:
    """On electrons the spectrum changes with the weak mixing angle, and so does what a response at +-1 makes of it."""
    plain = load_analysis("xenonnt_er")
    (experiment,), (channel,) = plain.experiments, plain.channels
    rows = np.array([1.0, 10.0, 60.0, 300.0])
    nominal, up, down = (
        MatrixResponse((Selection(rows, np.array([[0.0, first, 0.2, 0.0]])),) * len(channel.runs))
        for first in (0.8, 0.9, 0.7)
    )
    own = replace(
        channel,
        response=nominal,
        normalisation=None,
        observed=np.zeros(1),
        backgrounds=(),
        variations={"s": (up, down)},
    )
    analysis = replace(plain, experiments=(replace(experiment, channels=(own,)),))
    with pytest.raises(SpecBuilderError, match=r"its events at one standard deviation of s change with sin2thetaw, by"):
        analysis.likelihood("sin2thetaw")
    assert analysis.likelihood("flux_pp").poi == "flux_pp"
    shapes = load_analysis("coherent_csi", variants={"coherent_csi": "response_shapes"})
    assert shapes.likelihood("sin2thetaw").poi == "sin2thetaw"  # those of nuclei stay


def test_an_uncertainty_of_the_source_that_acts_nowhere_is_told(tmp_path: Path) -> None:
    assert load_analysis("global").notes() == ()
    analysis = changed_xenonnt(tmp_path / "mine", "flux_8b = 0.12, ", "")
    ((experiment, text),) = analysis.notes()
    assert experiment == "mine"
    assert text.startswith("flux_8b (12 % in source solar_8b) acts on no signal of xenonnt_cs2")
    assert Choices.of(analysis).notes == analysis.notes()


def test_a_response_that_ends_early_is_told_with_every_result(tmp_path: Path) -> None:
    lines = data_path("experiments", "xenonnt", "response_sr1.csv").read_text(encoding="utf-8").split("\n")
    last = next(i for i, line in enumerate(lines) if line.startswith("1.5,"))
    analysis = changed_xenonnt(tmp_path / "mine", "\n".join(lines[last:]), "", "response_sr1.csv")
    for choices in (Choices.of(analysis), Choices.of(analysis, choose("scalar"))):
        ((experiment, text),) = choices.notes
        assert experiment == "mine"
        assert "% of the accepted events of xenonnt_cs2 lie above the last recoil energy of its response" in text
    assert text in str(describe_experiment(str(tmp_path / "mine")))
