"""Limits of one's own as curves of a comparison: from a result, its JSON and its CSV."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.paper.bounds import bounds_on, load_bounds
from spec_builder.paper.comparison import compare_analysis
from spec_builder.paper.curves import bound_of_limits, read_limits
from spec_builder.studies.limits import LimitsResult, find_limits

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def limits() -> LimitsResult:
    return find_limits("xenonnt", "scalar", [100, 1, 10, "inf"])  # type: ignore[list-item]


def test_the_three_forms_are_the_same_curve(limits: LimitsResult, tmp_path: Path) -> None:
    limits.save(tmp_path / "mine.json")
    limits.save(tmp_path / "mine.csv")
    curve = bound_of_limits(limits)
    assert (curve.interaction, curve.confidence, curve.status) == ("scalar", "90 % CL", "computed")
    assert curve.mass_MeV.tolist() == [1, 10, 100]
    assert curve.g_low.tolist() == limits.upper[[1, 2, 0]].tolist()
    assert np.isinf(curve.g_high).all()
    for name in ("mine.json", "mine.csv"):
        read = read_limits(tmp_path / name)
        assert (read.interaction, read.title, read.confidence) == (curve.interaction, curve.title, curve.confidence)
        assert read.name == "mine"
        for own, other in ((read.mass_MeV, curve.mass_MeV), (read.g_low, curve.g_low), (read.g_high, curve.g_high)):
            assert own.tolist() == other.tolist()


def test_limits_are_drawn_beside_the_shipped_curves(limits: LimitsResult, tmp_path: Path) -> None:
    limits.save(tmp_path / "mine.json")
    for given in (limits, [limits], tmp_path / "mine.json", [str(tmp_path / "mine.json")]):
        names = [bound.name for bound in bounds_on("scalar", given)]
        assert len(names) == len(bounds_on("scalar")) + 1
        assert names[-1] in ("xenonnt_scalar", "mine")
        assert len(load_bounds(given)) == len(load_bounds()) + 1
    told = compare_analysis("pandax4t", "scalar", tmp_path / "out", [1, 10], bounds=limits)
    assert told.startswith("Limits on scalar computed here (90 % CL, dof 2")
    assert "xenonnt, scalar" in (tmp_path / "out" / "comparison_pandax4t_scalar.txt").read_text()


def test_of_two_intervals_it_is_the_outermost(limits: LimitsResult, tmp_path: Path) -> None:
    content = limits.to_dict()
    content["points"] = content["points"][:3]
    for point in content["points"]:
        point["excluded"] = [[1e-7, 2e-7], [3e-7, 4e-7]]
    (tmp_path / "two.json").write_text(json.dumps(content))
    curve = read_limits(tmp_path / "two.json")
    assert curve.g_low.tolist() == [3e-7] * 3
    assert curve.g_high.tolist() == [4e-7] * 3
    assert "outermost" in curve.recast


def change(content: dict[str, Any], **point: Any) -> dict[str, Any]:
    return content | {"points": [content["points"][0] | point, *content["points"][1:]]}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda c: change(c, excluded=[]), "at 100 MeV no coupling above 0 is where exclusion begins: leave out"),
        (lambda c: change(c, excluded=[[0.0, None]]), "at 100 MeV no coupling above 0"),
        (lambda c: change(c, valid=False), "at 100 MeV the fits are not valid: leave out that mass"),
        (lambda c: change(c, mass_MeV=1.0), "expected different positive masses"),
        (lambda c: change(c, mass_MeV=None), "scalar has no coupling against a mass"),
        (lambda c: change(c, mass_MeV="x"), "expected different positive masses"),
        (lambda c: change(c, valid="no"), "the fits are not valid"),
        (lambda c: change(c, excluded=[["1", "2"]]), "expected different positive masses, and intervals above 0"),
        (lambda c: change(c, excluded=[[1e300, None]]), "expected different positive masses, and intervals above 0"),
        (lambda c: change(c, excluded=[[-1.0, None]]), "expected different positive masses, and intervals above 0"),
        (lambda c: change(c, excluded=[[2.0, 1.0]]), "expected different positive masses, and intervals above 0"),
        (lambda c: c | {"points": 3}, "these limits cannot be read"),
        (lambda c: c | {"points": c["points"][:1]}, "1 masses, expected two or more for a curve"),
        (lambda c: c | {"signed": True}, "scalar has no coupling against a mass"),
        (lambda c: c | {"schema": "x"}, "expected limits, as spec-builder limits writes them"),
        (lambda _: [1], "expected limits, as spec-builder limits writes them"),
    ],
)
def test_what_is_no_curve_is_refused(make: Any, message: str, limits: LimitsResult, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(make(limits.to_dict())))
    with pytest.raises(SpecBuilderError, match=f"a.json: .*{message}"):
        read_limits(tmp_path / "a.json")


def test_tables_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("mass,g\n1,2\n")
    with pytest.raises(SpecBuilderError, match="expected limits"):
        read_limits(tmp_path / "a.csv")
    head = "# title: Exclusion of interaction scalar, xenonnt\nmass_MeV,g_low,g_high,best_g,delta_chi2_sm,valid\n"
    for word in ("x", "1_0", "", "\u0663"):
        (tmp_path / "b.csv").write_text(f"{head}1,{word},inf,0,0,1\n", encoding="utf-8")
        with pytest.raises(SpecBuilderError, match=rf"b\.csv: g_low is '{word}', expected a number"):
            read_limits(tmp_path / "b.csv")
    (tmp_path / "b.csv").write_text(f"{head}1,{' ' * 140_000}1,inf,0,0,1\n")
    with pytest.raises(SpecBuilderError, match=r"b\.csv: not a table of numbers"):
        read_limits(tmp_path / "b.csv")


def test_another_interaction_and_what_is_no_curve_at_all(limits: LimitsResult, tmp_path: Path) -> None:
    with pytest.raises(SpecBuilderError, match="limits on scalar, expected some on axial"):
        bounds_on("axial", limits)
    with pytest.raises(SpecBuilderError, match=r"interaction tensor has no panel in Fig\. 5"):
        load_bounds(find_limits("xenonnt", "tensor", [1, 10]))
    with pytest.raises(SpecBuilderError, match="bounds 1: expected folders, files of limits, or limits"):
        bounds_on("scalar", 1)  # type: ignore[arg-type]
    with pytest.raises(SpecBuilderError, match=r"no\.json: no such file"):
        bounds_on("scalar", tmp_path / "no.json")
