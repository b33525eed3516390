"""Limits are drawn against the mass, or as bars where there is none."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.patches import Rectangle

from spec_builder.base.errors import SpecBuilderError
from spec_builder.figures.limits import draw_limits, draw_lines
from spec_builder.model.analysis import load_analysis
from spec_builder.physics.interactions import choose
from spec_builder.studies.limits import LimitsResult, find_limits
from spec_builder.studies.plane import Plane, profile_planes


@cache
def limits(interaction: str, *masses: float) -> LimitsResult:
    return find_limits(load_analysis("xenonnt"), interaction, np.array(masses) if masses else None)


@cache
def lines(interaction: str) -> tuple[Plane, ...]:
    choices = [(load_analysis(name), choose(interaction)) for name in ("xenonnt", "pandax4t")]
    return tuple(profile_planes(choices, points=21))


def test_bars_cover_what_is_excluded() -> None:
    result = limits("nsi")
    (panel,) = draw_limits([result]).axes
    bars = [patch for patch in panel.patches if isinstance(patch, Rectangle)]
    low, high = panel.get_xlim()
    drawn = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in bars]
    (point,) = result.exclusion.points
    for (left, right), (begin, end) in zip(drawn, point.excluded, strict=True):
        assert left == pytest.approx(low if begin is None else begin)
        assert right == pytest.approx(high if end is None else end)
    assert panel.get_xlabel() == r"$\varepsilon$"
    (best,) = panel.get_lines()
    assert np.asarray(best.get_xdata()).tolist() == [point.best_g]


def test_a_parameter_without_a_sign_has_a_logarithmic_axis() -> None:
    (panel,) = draw_limits([limits("magnetic_moment")]).axes
    assert panel.get_xscale() == "log"
    assert panel.get_xlabel() == r"$\mu_\nu$ [$\mu_\mathrm{B}$]"


def test_limits_of_a_mediator_are_a_plane_or_go_into_given_axes() -> None:
    result = limits("scalar", 0.1, 1.0, 10.0)
    assert draw_limits([result]).axes[0].get_xlabel() == "mediator mass [MeV]"
    figure, axes = plt.subplots()
    assert result.plot(axes) is axes
    (line,) = axes.get_lines()
    assert np.asarray(line.get_xdata()).tolist() == [0.1, 1.0, 10.0]
    other = figure.add_subplot()
    assert limits("nsi").plot(other) is other
    plt.close(figure)


def test_lines_show_what_lies_close_to_zero() -> None:
    """Charges are excluded within a hundredth of their range: 15 points over all of it would miss everything."""
    (plane,) = profile_planes([(load_analysis("xenonnt"), choose("millicharge"))], points=15)
    intervals = plane.limits.excluded[0]
    ends = [end for interval in intervals for end in interval if end is not None]
    assert len(ends) == 4
    page = draw_lines([plane])
    (panel,) = page.axes
    curve = panel.get_lines()[0]
    x, y = (np.asarray(values, dtype=float) for values in (curve.get_xdata(), curve.get_ydata()))
    assert x.size >= 401
    threshold = plane.limits.threshold
    assert y[np.isin(x, ends)] == pytest.approx(np.full(4, threshold), abs=1e-6)
    low, high = panel.get_xlim()
    assert low < min(ends) < max(ends) < high
    assert high - low < 3 * (max(ends) - min(ends))
    assert "90 % CL, dof 1" in [text.get_text() for text in panel.texts]
    assert np.count_nonzero(np.diff(np.sign(y - threshold - 1e-9))) == 4


def test_a_line_without_a_sign_is_drawn_around_what_is_excluded() -> None:
    page = draw_lines(lines("magnetic_moment"))
    (panel,) = page.axes
    ends = [pair[0] for plane in lines("magnetic_moment") for pair in plane.limits.excluded[0] if pair[0]]
    low, high = panel.get_xlim()
    assert low == pytest.approx(min(ends) / 30)
    assert max(ends) < high <= 1e-8
    page.figure.draw_without_rendering()
    (legend,) = page.figure.legends
    assert legend.get_window_extent().y0 >= panel.get_window_extent().y1


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(SpecBuilderError, match="different parameters do not fit into one figure"):
        draw_limits([limits("nsi"), limits("magnetic_moment")])
    with pytest.raises(SpecBuilderError, match="at least two finite masses"):
        draw_limits([limits("scalar", 1.0)])


@pytest.mark.parametrize("interaction", ["nsi", "magnetic_moment"])
def test_lines_are_the_profiles(interaction: str) -> None:
    planes = lines(interaction)
    (panel,) = draw_lines(planes).axes
    drawn = [line for line in panel.get_lines() if len(np.asarray(line.get_xdata())) > 2]
    for line, plane in zip(drawn, planes, strict=True):
        np.testing.assert_array_equal(line.get_xdata(), plane.couplings)
        np.testing.assert_array_equal(line.get_ydata(), plane.delta_chi2[0])
    assert panel.get_xscale() == ("linear" if choose(interaction).signed else "log")
    assert len(drawn) == 2


def test_where_fits_are_not_valid_a_line_has_a_gap() -> None:
    plane = lines("nsi")[0]
    reason = np.zeros_like(plane.reason)
    reason[0, 3:5] = 1
    page = draw_lines([replace(plane, reason=reason)])
    heights = np.asarray(page.axes[0].get_lines()[0].get_ydata())
    assert np.flatnonzero(np.isnan(heights)).tolist() == [3, 4]
    assert page.caption.text[-1] == "2 points whose fits are not valid are left out: gaps."


def test_limits_whose_fits_are_not_valid_are_no_bar() -> None:
    result = limits("nsi")
    (point,) = result.exclusion.points
    wrong = replace(result, exclusion=replace(result.exclusion, points=(replace(point, valid=False),)))
    for panel in (draw_limits([wrong]).axes[0], wrong.plot()):
        assert [text.get_text() for text in panel.texts] == ["fits are not valid"]
        assert not panel.patches
