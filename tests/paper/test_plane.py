"""Fig. 4 and planes of any analysis, as files."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING

import matplotlib.image
import numpy as np
import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.model.analysis import ANALYSES, load_analysis
from spec_builder.paper import plane
from spec_builder.paper.plane import PLANE_INTERACTIONS, draw_fig4, limits_table, write_plane
from spec_builder.physics.interactions import choose, shipped_interactions
from spec_builder.studies.limits import LimitsResult, find_limits

if TYPE_CHECKING:
    from pathlib import Path


@cache
def limits(interaction: str) -> LimitsResult:
    masses = np.array([0.1, 10.0, 100.0]) if choose(interaction).has_mediator else None
    return find_limits(load_analysis("xenonnt"), interaction, masses)


def test_the_papers_interactions_are_of_the_list() -> None:
    assert set(PLANE_INTERACTIONS) <= {interaction.name for interaction in shipped_interactions()}
    labels = [
        text.get_text()
        for text in draw_fig4([limits(name) for name in PLANE_INTERACTIONS]).figure.legends[0].get_texts()
    ]
    # three columns, which are read row by row
    assert labels == ["scalar", "axial vector", "universal vector", "tensor", "vector $B-L$"]


def test_a_table_of_limits_of_both_kinds() -> None:
    first, second = limits_table([limits("axial"), limits("nsi")]).split("\n\n")[:2]
    head, _, row = first.splitlines()
    assert "excluded g at 0.1 MeV | excluded g at 100 MeV" in head
    low = limits("axial").exclusion.points[0].excluded[0][0]
    assert f"| axial | normsys | default | 90 %, 1 | > {low:.3e} |" in row
    head, _, row = second.splitlines()
    assert head.endswith("| parameter | excluded |")
    assert "| nsi | normsys | default | 90 %, 1 | epsilon | < -" in row


def test_any_plane_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = [choose("vector", u=0.5), choose("nsi")]
    said: list[str] = []
    tell = lambda text, *_: said.append(text)  # noqa: E731
    table = write_plane(tmp_path, analysis="xenonnt", choices=chosen, points=5, report=tell)
    assert said[0] == "1 plane of 5 x 5 points, and contours; 1 line of at least 401 values, and what is excluded"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [
            *(
                "contour_xenonnt_nsi.csv",
                "contour_xenonnt_vector.csv",
                "grid_xenonnt_nsi.npz",
                "grid_xenonnt_vector.npz",
            ),
            *("line_nsi.pdf", "line_nsi.png", "line_nsi.txt", "plane.pdf", "plane.png", "plane.txt"),
        ]
    )
    assert "charge u 0.5" in table or "u 0.5" in table
    with np.load(tmp_path / "grid_xenonnt_nsi.npz") as grid:
        assert set(grid.files) == {"epsilon", "delta_chi2", "valid", "metadata"}
        assert grid["delta_chi2"].shape == grid["epsilon"].shape
        assert grid["epsilon"].size >= 401
        assert np.isin([end for end in limits("nsi").excluded[0][1] if end], grid["epsilon"]).all()
        about = json.loads(str(grid["metadata"]))
    assert (about["dof"], about["signed"]) == (1, True)
    with np.load(tmp_path / "grid_xenonnt_vector.npz") as grid:
        assert grid["delta_chi2"].shape == (5, 5)
        about = json.loads(str(grid["metadata"]))
    assert (about["dof"], about["charge_u"]) == (2, 0.5)
    monkeypatch.setattr(plane, "profile_planes", lambda *_, **__: pytest.fail("computed"))
    (tmp_path / "alone").mkdir()
    for path in sorted(tmp_path.glob("*.*")):
        path.rename(alone := tmp_path / "alone" / path.name)
        with pytest.raises(SpecBuilderError, match=f"{path.name}: exists already"):
            write_plane(alone.parent, analysis="xenonnt", choices=chosen, points=5)
        alone.unlink()


@pytest.mark.parametrize(("width", "inches"), [("single", 3.4), ("double", 7.0), (None, 3.4)])
def test_figures_are_as_wide_as_asked_for(tmp_path: Path, width: str | None, inches: float) -> None:
    write_plane(tmp_path, analysis="xenonnt", choices=["scalar", "nsi"], points=3, width=width)
    for name in ("plane.png", "line_nsi.png"):
        assert matplotlib.image.imread(tmp_path / name).shape[1] == pytest.approx(300 * inches, abs=1)


def test_in_one_column_panels_stand_one_below_the_other() -> None:
    results = [find_limits(name, "scalar", [1.0, 10.0]) for name in ANALYSES]
    single, double = draw_fig4(results, width="single").axes, draw_fig4(results, width="double").axes
    assert len({panel.get_position().x0 for panel in single}) == 1
    assert len({panel.get_position().y0 for panel in double}) == 1
    assert [panel.get_ylabel() for panel in single] == ["coupling $g$"] * 3
    assert [panel.get_ylabel() for panel in double] == ["coupling $g$", "", ""]


def test_an_unknown_width_is_refused_before_anything_is_computed(tmp_path: Path) -> None:
    with pytest.raises(SpecBuilderError, match="width 'wide' is unknown, expected one of single, double"):
        write_plane(tmp_path, width="wide")
    assert list(tmp_path.iterdir()) == []


def test_two_degrees_of_freedom_need_a_plane(tmp_path: Path) -> None:
    with pytest.raises(SpecBuilderError, match="dof 2: interaction 'nsi' has no mass"):
        write_plane(tmp_path, analysis="xenonnt", choices=[choose("nsi")], dof=2)
