from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.model.analysis import load_analysis
from spec_builder.model.provenance import Choices
from spec_builder.physics.interactions import choose
from spec_builder.studies.explorer import explore
from spec_builder.studies.limits import find_limits
from spec_builder.studies.scans import scan_analysis


@pytest.fixture(scope="module")
def content() -> dict[str, Any]:
    choices = [choose("scalar"), choose("vector_universal")]
    return explore(("xenonnt", "combined"), choices, levels=(0.6827, 0.9), points=5)


def planes(content: dict[str, Any]) -> list[tuple[str, str, str, dict[str, Any]]]:
    found = []
    for plane in content["planes"]:
        model = content["models"][plane["model"]]
        found.append((model["analysis"], model["law"], content["interactions"][plane["interaction"]]["name"], plane))
    return found


def test_there_is_a_plane_of_everything(content: dict[str, Any]) -> None:
    expected = {
        (analysis, law, interaction)
        for analysis in ("xenonnt", "combined")
        for law in ("normsys", "linear")
        for interaction in ("scalar", "vector_universal")
    }
    assert {key[:3] for key in planes(content)} == expected
    assert len(content["planes"]) == len(expected)


def test_the_limits_are_those_of_find_limits(content: dict[str, Any]) -> None:
    for analysis, law, interaction, plane in planes(content):
        loaded, masses = load_analysis(analysis, law), np.array(plane["masses_MeV"])
        assert [(limit["cl"], limit["dof"]) for limit in plane["limits"]] == [
            (0.6827, 1),
            (0.6827, 2),
            (0.9, 1),
            (0.9, 2),
        ]
        for limit in plane["limits"]:
            found = find_limits(loaded, interaction, masses, cl=limit["cl"], dof=limit["dof"])
            assert limit["threshold"] == found.exclusion.threshold
            assert limit["minimum"]["twice_nll"] == found.exclusion.minimum.twice_nll
            assert limit["excluded"] == [[list(pair) for pair in point.excluded] for point in found.exclusion.points]
            assert limit["reference"] == [point.minimum for point in found.exclusion.points]
            assert limit["best"] == [point.best_g for point in found.exclusion.points]
            assert limit["confidence"] in str(found)


def test_the_points_are_those_of_scan_analysis(content: dict[str, Any]) -> None:
    for analysis, law, interaction, plane in planes(content):
        masses, couplings = np.array(plane["masses_MeV"]), np.array(plane["couplings"])
        found = scan_analysis(load_analysis(analysis, law), interaction, masses, couplings)
        assert found is not None
        assert plane["scan"]["twice_nll"] == pytest.approx(found.columns["twice_nll"], abs=6e-7)
        assert plane["scan"]["valid"] == found.columns["valid"].tolist()
        assert plane["scan"]["minimum"] == found.metadata["minimum"]
        assert plane["scan"]["theta"]
        for name, values in plane["scan"]["theta"].items():
            assert values == pytest.approx(found.columns[f"theta_{name}"], abs=6e-5)


def test_delta_chi2_against_each_degree_of_freedom_s_minimum(content: dict[str, Any]) -> None:
    """What the page subtracts: the threshold lies where the limit does."""
    for *_, plane in planes(content):
        heights = np.reshape(plane["scan"]["twice_nll"], (5, 5))
        for limit in plane["limits"]:
            delta = heights - np.array(limit["reference"])[:, None]
            for row, intervals in zip(delta > limit["threshold"], limit["excluded"], strict=True):
                inside = [
                    any((low or 0) <= g and (high is None or g <= high) for low, high in intervals)
                    for g in plane["couplings"]
                ]
                assert row.tolist() == inside


def test_masses_and_couplings_can_be_typed(content: dict[str, Any]) -> None:
    for plane in content["planes"]:
        for value in (*plane["masses_MeV"], *plane["couplings"]):
            assert value == float(f"{value:.5e}")


def test_the_choices_stand_beside_the_numbers(content: dict[str, Any]) -> None:
    model = next(m for m in content["models"] if m["analysis"] == "combined" and m["law"] == "linear")
    about = Choices.of(load_analysis("combined", "linear"))
    assert "; ".join(model["by_construction"]) == about.built
    assert model["statuses"] == about.statuses
    assert content["planes"][0]["header"]["coupling_set"] == "B"
    assert any("2411.11749" in source for source in content["planes"][0]["sources"])


def test_it_is_json(content: dict[str, Any]) -> None:
    assert json.loads(json.dumps(content, allow_nan=False)) == content


def test_a_parameter_without_a_mass_is_one_row() -> None:
    (plane,) = explore(("xenonnt",), [choose("nsi")], laws=("normsys",), levels=(0.9,), points=5)["planes"]
    assert plane["masses_MeV"] is None
    assert len(plane["couplings"]) == len(plane["scan"]["twice_nll"]) > 100
    assert [limit["dof"] for limit in plane["limits"]] == [1]


def test_an_analysis_has_the_laws_with_which_it_allows_limits_and_the_interactions_that_act_on_it() -> None:
    found = explore(("xenonnt", "texono"), [choose("scalar"), choose("magnetic_moment")], levels=(0.9,), points=3)
    pairs = {(analysis, interaction) for analysis, _, interaction, _ in planes(found)}
    assert ("xenonnt", "scalar") in pairs
    assert ("texono", "magnetic_moment") in pairs
    for model in found["models"]:
        load_analysis(model["analysis"], model["law"]).check_limits()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"points": 1}, "points 1: expected 2 to 201"),
        ({"levels": (0.9, 0.9)}, "confidence level 0.9: given twice"),
        ({"levels": (1.5,)}, "confidence level 1.5: expected a number between 0 and 1"),
        ({"laws": ("linear", "linear")}, "law linear: given twice"),
        ({"laws": ("log",)}, "law 'log' is unknown"),
        ({"analyses": ("xenonnt", "xenonnt")}, "analysis xenonnt: given twice"),
        ({"analyses": ()}, "analysis: the list is empty, expected at least one"),
    ],
)
def test_wrong_questions(wrong: dict[str, Any], message: str) -> None:
    asked: dict[str, Any] = {"analyses": ("xenonnt",), "choices": [choose("scalar")]} | wrong
    with pytest.raises(SpecBuilderError, match=message):
        explore(**asked)


def test_the_grid_goes_around_what_is_excluded() -> None:
    """Electron recoils exclude couplings below the range that an interaction has for nuclear ones."""
    content = explore(("eves", "xenonnt"), [choose("axial")], laws=("normsys",), levels=(0.9,), points=5)
    for plane in content["planes"]:
        ends = [end for limit in plane["limits"] for row in limit["excluded"] for pair in row for end in pair if end]
        assert plane["couplings"][0] == pytest.approx(min(ends) / 5, rel=1e-5)
        assert plane["couplings"][-1] == pytest.approx(max(ends) * 5, rel=1e-5)
    (below,) = {plane["couplings"][0] for plane in content["planes"] if plane["model"] == 0}
    assert below < choose("axial").default_range[0]
