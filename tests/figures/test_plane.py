"""Planes of any analysis and interaction: looks by place, not by name."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PolyCollection

from spec_builder.drawing.style import PALETTE
from spec_builder.figures.plane import draw_plane, looks_by_place
from spec_builder.model.analysis import load_analysis
from spec_builder.physics.interactions import choose
from spec_builder.studies.limits import LimitsResult, find_limits

MASSES = np.geomspace(0.1, 100, 5)


@cache
def limits(interaction: str, **options: str) -> LimitsResult:
    return find_limits(load_analysis("xenonnt"), choose(interaction, **options), MASSES)


def test_looks_go_by_place() -> None:
    looks = looks_by_place([limits("axial"), limits("vector_universal"), limits("axial")])
    assert list(looks) == ["axial", "vector_universal"]
    assert [line for line, _ in looks.values()] == list(PALETTE[:2])
    assert looks["vector_universal"][1] == choose("vector_universal").title
    other = looks_by_place([limits("vector_universal"), limits("axial")])
    assert other["vector_universal"][0] == PALETTE[0]


def test_lines_go_through_the_limits_within_the_range() -> None:
    result = limits("axial")
    figure = draw_plane([result])
    (panel,) = figure.axes
    (line,) = panel.get_lines()
    ends = [point.excluded[0][0] or 0.0 for point in result.exclusion.points]
    np.testing.assert_allclose(np.asarray(line.get_xydata()), np.column_stack([MASSES, ends]), rtol=1e-12)
    low, high = panel.get_ylim()
    assert low <= min(ends)
    assert high > max(ends)
    assert panel.get_xlim() == pytest.approx((0.1, 100))
    (band,) = (c for c in panel.collections if isinstance(c, PolyCollection))
    heights = np.asarray(band.get_paths()[0].vertices)[:, 1]
    assert heights.min() == pytest.approx(min(ends))
    assert heights.max() < 1.5 * max(ends), "the excluded region does not cover the page"


def test_more_interactions_than_colours_are_drawn() -> None:
    """Charges of a vector are as many interactions as one likes."""
    names = ("scalar", "vector_universal", "vector_bl", "axial", "tensor", "vector")
    figure = draw_plane([limits(name) for name in names])
    (legend,) = figure.figure.legends
    assert len(legend.get_texts()) == 6


@pytest.mark.parametrize("analyses", [("xenonnt",), ("xenonnt", "pandax4t"), ("xenonnt", "pandax4t", "combined")])
def test_the_legend_lies_in_the_figure_above_the_titles(analyses: tuple[str, ...]) -> None:
    names = ("scalar", "vector_universal", "vector_bl", "axial", "tensor")
    results = [find_limits(load_analysis(a), choose(name), MASSES) for a in analyses for name in names]
    figure = draw_plane(results).figure
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    (legend,) = figure.figure.legends
    box = legend.get_window_extent(canvas.get_renderer())
    assert box.x0 >= 0
    assert box.x1 <= figure.bbox.x1
    assert box.y1 <= figure.bbox.y1
    for panel in figure.axes:
        assert box.y0 >= panel.title.get_window_extent(canvas.get_renderer()).y1


def test_panels_of_one_range_share_their_labels_and_fit_on_a_page() -> None:
    def named(result: LimitsResult, name: str) -> LimitsResult:
        return replace(result, provenance=replace(result.provenance, analysis=name))

    wide, narrow = limits("scalar"), find_limits("xenonnt", "scalar", MASSES[:3])
    page = draw_plane([*(named(wide, f"mine {i}") for i in range(6)), named(narrow, "other")], width="single")
    assert page.figure.get_figheight() <= 9.2
    assert [bool(panel.get_xlabel()) for panel in page.axes] == [False] * 5 + [True] * 2
    (first, second) = draw_plane([named(wide, "a"), named(narrow, "b")], width="double").axes
    assert (bool(first.get_ylabel()), bool(second.get_ylabel())) == (True, first.get_ylim() != second.get_ylim())


def test_the_caption_names_level_law_options_and_sources() -> None:
    results = [limits("scalar"), limits("tensor")]
    text = draw_plane(results).caption.to_text()
    assert "90 % CL, dof 1, Delta chi2 > 2.70554 against each mass's minimum over g >= 0" in " ".join(text.split())
    assert "law: normsys" in text
    assert "coupling set: B" in " ".join(text.split())
    assert "by construction (*):\n- xenonnt: " in text
    assert "sources:" in text


def test_no_small_print_stands_in_the_figure() -> None:
    page = draw_plane([limits("scalar"), limits("tensor")])
    assert page.figure.texts == []
    assert [text.get_text() for text in page.axes[0].texts] == ["90 % CL, dof 1, law normsys"]
