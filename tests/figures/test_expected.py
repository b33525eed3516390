"""Figures of expected limits and coverage, by their data."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.lines import Line2D

from spec_builder.base.errors import SpecBuilderError
from spec_builder.figures.expected import draw_expected
from spec_builder.figures.pages import draw_result
from spec_builder.model.analysis import load_analysis
from spec_builder.studies.coverage import cover_analysis
from spec_builder.studies.expected import BAND, expect_limits
from spec_builder.studies.limits import find_limits
from spec_builder.studies.limits_by_toys import find_limits_by_toys

MASSES = np.array([1.0, 10.0, 100.0])


def test_bands_and_the_observed_limit_are_drawn() -> None:
    analysis = load_analysis("xenonnt")
    expected = expect_limits(analysis, "scalar", MASSES, kind="toys", toys=16, seed=1)
    observed = find_limits(analysis, "scalar", MASSES)
    panel = draw_expected(expected, observed).axes[0]
    median, limit = panel.get_lines()
    assert median.get_ydata() == pytest.approx([point.upper["median"] for point in expected.points])
    assert limit.get_ydata() == pytest.approx([point.excluded[0][0] for point in observed.exclusion.points])
    wide, narrow = (np.asarray(band.get_paths()[0].vertices)[:, 1].tolist() for band in panel.collections[:2])
    for heights, low, high in ((wide, "m2", "p2"), (narrow, "m1", "p1")):
        ends = {point.upper[name] for point in expected.points for name in (low, high)}
        assert {f"{end:.6e}" for end in ends} <= {f"{height:.6e}" for height in heights}
    labels = panel.get_legend_handles_labels()[1]
    assert labels[-1] == "observed"
    assert labels[:3] == [r"expected $\pm 2\sigma$", r"expected $\pm 1\sigma$", "expected"]
    assert list(BAND) == ["m2", "m1", "median", "p1", "p2"]


def test_bands_are_seen_through_what_is_observed() -> None:
    """The universal vector excludes a closed interval, whose area would cover the bands."""
    analysis = load_analysis("xenonnt")
    masses = np.array([100.0, 1000.0])
    expected = expect_limits(analysis, "vector_universal", masses, kind="toys", toys=16, seed=1)
    page = draw_expected(expected, find_limits(analysis, "vector_universal", masses))
    wide, narrow, *observed = page.axes[0].collections
    assert len(observed) == 2
    for area in observed:
        assert len(area.get_facecolor()) == 0
        assert area.get_hatch()
        assert area.get_zorder() < min(wide.get_zorder(), narrow.get_zorder())
    assert "the hatched side of each is excluded" in " ".join(page.caption.to_text().split())


def test_asimov_data_have_no_band() -> None:
    expected = expect_limits(load_analysis("xenonnt"), "scalar", MASSES)
    panel = draw_expected(expected).axes[0]
    assert len(panel.collections) == 0
    assert len(panel.get_lines()) == 1
    with pytest.raises(SpecBuilderError, match="at least two finite masses"):
        draw_expected(expect_limits(load_analysis("xenonnt"), "scalar", MASSES[:1]))


def test_coverage_is_drawn_against_the_truth() -> None:
    found = cover_analysis(load_analysis("xenonnt"), "flux", [2.73, 10.92], toys=60, seed=1)
    panel = draw_result(found).axes[0]
    children = [container.get_children()[0] for container in panel.containers]
    drawn = [line for line in children if isinstance(line, Line2D)]
    assert len(drawn) == 2
    assert drawn[0].get_xdata() == pytest.approx([0.5, 2.0])
    assert drawn[0].get_ydata() == pytest.approx([one.covers for one in found.values])
    assert drawn[1].get_ydata() == pytest.approx([one.covers_by_toys for one in found.values])


def test_limits_by_toys_stand_beside_those_of_wilks_theorem() -> None:
    found = find_limits_by_toys(load_analysis("xenonnt"), "vector_universal", MASSES[:2], toys=60, seed=2, points=15)
    panel = draw_result(found).axes[0]
    lines = [line for line in panel.get_lines() if line.get_linestyle() == "--"]
    points = np.concatenate([np.asarray(line.get_xydata()) for line in lines])
    for one in found.toys.points:
        edges = [edge for interval in one.asymptotic for edge in interval if edge]
        drawn = points[points[:, 0] == one.point.mass_MeV, 1]
        assert sorted(drawn[np.isfinite(drawn)].tolist()) == pytest.approx(sorted(edges))
    assert panel.get_legend_handles_labels()[1] == ["Wilks' theorem", "toys"]
    with pytest.raises(SpecBuilderError, match="at least two finite masses"):
        draw_result(find_limits_by_toys(load_analysis("xenonnt"), "scalar", MASSES[:1], toys=10, points=4))


def test_no_line_joins_what_is_not_one_interval() -> None:
    found = find_limits_by_toys(load_analysis("xenonnt"), "scalar", MASSES[:2], toys=10, seed=2, points=4)
    first, second = found.toys.points
    two = replace(first.point, excluded=((1e-6, 2e-6), (1e-5, None)))
    points = (replace(first, point=two, errors=((1e-7, 1e-7), (1e-6, None))), second)
    panel = draw_result(replace(found, toys=replace(found.toys, points=points))).axes[0]
    lengths = [np.size(line.get_xdata()) for line in panel.get_lines() if line.get_marker() == "."]
    assert max(lengths) == 1, "each mass has intervals of its own"
