"""Analyses by name: which experiments, law and variants, and the mistakes in naming them."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.files import data_path
from spec_builder.model.analysis import ANALYSES, load_analysis, parse_parameter

if TYPE_CHECKING:
    from pathlib import Path


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
    folder = shutil.copytree(data_path("experiments", "xenonnt"), tmp_path / "mine")
    analysis = load_analysis(f"{folder}+pandax4t", "linear")
    assert analysis.name == "xenonnt+pandax4t"
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
                "or paths of experiment folders joined by '+'"
            ),
        ),
        ("xenonnt+lz", "linear", {}, "analysis 'xenonnt+lz' is unknown, expected one of"),
        ("", "linear", {}, "analysis '' is unknown, expected one of"),
        ("./nowhere", "linear", {}, "experiment './nowhere' is unknown, expected one of coherent_csi, "),
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


def test_parameters() -> None:
    assert [parse_parameter(name) for name in ("flux", "sin2thetaw")] == ["flux", "sin2thetaw"]
    with pytest.raises(SpecBuilderError, match="parameter 'mass' is unknown, expected one of flux, sin2thetaw"):
        parse_parameter("mass")


@pytest.mark.parametrize("name", ANALYSES)
def test_polynomials_have_the_standard_model_inside(name: str) -> None:
    analysis = load_analysis(name)
    for channel, kernel in zip(analysis.channels, analysis.kernels, strict=True):
        expected = pytest.approx(kernel.standard_model(), rel=1e-9)
        assert analysis.polynomial("flux")[channel.name]["cevns"](5.46)[0] == expected
        assert analysis.polynomial("sin2thetaw")[channel.name]["cevns"](0.23857)[0] == expected
