"""Fig. 5: what is drawn, not only that something is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from matplotlib.collections import PolyCollection
from matplotlib.patches import Polygon

from spec_builder.model.analysis import load_analysis
from spec_builder.paper.bounds import PANELS, Bound, missing_bounds, shipped_bounds
from spec_builder.paper.computed import STAND_INS
from spec_builder.paper.figures import draw_bounds, draw_comparison, draw_global, is_peak_search
from spec_builder.physics.interactions import choose
from spec_builder.studies.limits import LimitsResult, find_limits
from tests.pages import labels, small_print

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from spec_builder.drawing.page import Page


@pytest.fixture(scope="module")
def limits() -> list[LimitsResult]:
    combined = load_analysis("combined", "linear")
    return [find_limits(combined, choose(name), np.geomspace(0.01, 1000, 7), dof=2) for name in PANELS]


@pytest.fixture(scope="module")
def others() -> list[LimitsResult]:
    csi = load_analysis("coherent_csi", "linear")
    return [find_limits(csi, name, np.geomspace(0.01, 1000, 7), dof=2) for name in PANELS]


@pytest.fixture(scope="module")
def bounds(limits: list[LimitsResult], others: list[LimitsResult]) -> Page:
    shipped = shipped_bounds()
    return draw_bounds(limits, shipped, missing_bounds(shipped), others)


# ---------------------------------------------------------------- Fig. 5


def curves(panel: Axes, color: str) -> list[tuple[Any, Any]]:
    """Lines of a colour that are curves."""
    return [
        (np.asarray(line.get_xdata(), dtype=float), np.asarray(line.get_ydata(), dtype=float))
        for line in panel.lines
        if line.get_color() == color
    ]


@pytest.mark.parametrize(("analysis", "color"), [("combined", "#CC79A7"), ("coherent_csi", "#D55E00")])
def test_bounds_draw_our_limits(
    bounds: Page, limits: list[LimitsResult], others: list[LimitsResult], analysis: str, color: str
) -> None:
    for panel, interaction in zip(bounds.axes, PANELS, strict=True):
        (result,) = (r for r in (*limits, *others) if (r.provenance.analysis, r.choice.name) == (analysis, interaction))
        mass, height = (np.concatenate(values) for values in zip(*curves(panel, color), strict=True))
        drawn = set(zip(np.round(np.log(mass), 9).tolist(), np.round(np.log(height), 9).tolist(), strict=True))
        for point in result.exclusion.points:
            for end in (g for ends in point.excluded for g in ends if g):
                assert (round(float(np.log(point.mass_MeV)), 9), round(float(np.log(end)), 9)) in drawn


def test_bounds_point_at_the_allowed_band(bounds: Page) -> None:
    assert [len(curves(panel, "#CC79A7")) for panel in bounds.axes] == [1, 1, 1, 3]
    assert "allowed band" in labels(bounds.axes[3])
    assert "allowed band" not in labels(bounds.axes[2])


def test_bounds_draw_every_curve(bounds: Page) -> None:
    for panel, interaction in zip(bounds.axes, PANELS, strict=True):
        here = [b for b in shipped_bounds() if b.interaction == interaction]
        plain = [b for b in here if not b.two_sided]
        closed = [b for b in here if b.two_sided]
        for bound, (x, y) in zip(plain, curves(panel, "0.35"), strict=True):
            if is_peak_search(bound):
                # an envelope: no point of the curve is above it by more than a step between its points allows
                assert (x[0], x[-1]) == (bound.mass_MeV[0], bound.mass_MeV[-1])
                assert set(y) <= set(bound.g_low)
                assert y.max() == bound.g_low.max()
                assert len(y) < len(bound.g_low)
            else:
                np.testing.assert_array_equal(x, bound.mass_MeV)
                np.testing.assert_array_equal(y, bound.g_low)
        for bound, (x, y) in zip(closed, curves(panel, "0.62"), strict=True):
            size = bound.mass_MeV.size
            np.testing.assert_array_equal(y[size:-1], bound.g_high[::-1])
            assert (x[0], y[0]) == (x[-1], y[-1])
        shaded = [c for c in panel.collections if isinstance(c, PolyCollection)]
        assert shaded, "a light band lies along our curves"
        assert len([patch for patch in panel.patches if isinstance(patch, Polygon)]) == len(closed)


def test_what_zigzags_is_a_peak_search() -> None:
    assert {b.name for b in shipped_bounds() if is_peak_search(b)} == {"a1", "apex", "babar", "lhcb"}


def test_every_curve_has_its_name_in_the_panel(bounds: Page) -> None:
    for panel, interaction in zip(bounds.axes, PANELS, strict=True):
        named = {b.title for b in shipped_bounds() if b.interaction == interaction and not b.two_sided}
        assert named <= set(labels(panel))
    dumps = {b.title for b in shipped_bounds() if b.two_sided}
    assert all(name in small_print(bounds) for name in dumps)


def test_names_at_the_curves_do_not_overlap(bounds: Page) -> None:
    bounds.figure.draw_without_rendering()
    for panel in bounds.axes:
        boxes = [(text.get_text(), text.get_window_extent()) for text in panel.texts]
        for i, (a, x) in enumerate(boxes):
            for b, y in boxes[i + 1 :]:
                # boxes of slanted names are larger than the names
                width = min(x.x1, y.x1) - max(x.x0, y.x0)
                height = min(x.y1, y.y1) - max(x.y0, y.y0)
                small = min(x.width * x.height, y.width * y.height)
                assert width <= 0 or height <= 0 or width * height < 0.25 * small, (a, b)


def test_bounds_legend_names_what_is_computed_here(bounds: Page) -> None:
    (legend,) = bounds.figure.legends
    names = [text.get_text() for text in legend.get_texts()]
    assert len(names) == 4
    in_rows = [names[0], names[2], names[3], names[1]]  # three columns, of which the first has two rows
    assert in_rows[:2] == [r"XENONnT + PandaX-4T CE$\nu$NS*", r"COHERENT CsI CE$\nu$NS"]
    assert set(in_rows[2:]) == {"existing bounds", "beam dumps"}


def test_bounds_say_what_is_missing(bounds: Page) -> None:
    (text,) = (line for line in bounds.caption.text if "without public numbers" in line)
    for row in missing_bounds(shipped_bounds()):
        # what is computed here stands in the figure
        assert (row.title in text) == (row.name not in STAND_INS), row


def test_bounds_say_law_level_and_what_is_by_construction(bounds: Page) -> None:
    text = small_print(bounds)
    assert "90 % CL, dof 2, Delta chi2 > 4.60517 against the minimum over the plane" in text
    assert "law: linear" in text
    assert "coupling set: B" in text
    assert "recast with DarkCast under its assumptions" in text
    assert "by construction (*): " in text
    assert "fig5_bounds.md" in text
    assert "Peak searches (A1, APEX, BaBar (visible), LHCb)" in text


def test_a_users_curve_is_drawn_and_named(limits: list[LimitsResult]) -> None:
    ends = np.array([0.1, 10.0])
    mine = Bound(
        "scalar", "mine", "Mine", "other", "s", "published", "95 % CL", "r", "", ends, ends * 1e-4, ends * np.inf
    )
    figure = draw_bounds(limits, [mine], [])
    ((_, height),) = curves(figure.axes[0], "0.35")
    np.testing.assert_array_equal(height, ends * 1e-4)
    assert "Mine" in labels(figure.axes[0])
    assert "95 % CL" in small_print(figure)
    assert "Grey region" not in small_print(figure)


# ---------------------------------------------------------------- the joint limit


def test_the_joint_limit_is_drawn_over_its_parts(limits: list[LimitsResult], others: list[LimitsResult]) -> None:
    joint = load_analysis("global", "linear")
    whole = [find_limits(joint, name, np.geomspace(0.01, 1000, 7), dof=2) for name in PANELS]
    figure = draw_global([*limits, *others, *whole])
    for panel, result in zip(figure.axes, whole, strict=True):
        (black,) = curves(panel, "#000000")
        ends = np.array([point.excluded[0][0] for point in result.exclusion.points], dtype=np.float64)
        np.testing.assert_allclose(black[1], ends)
        assert curves(panel, "#CC79A7")
        assert curves(panel, "#D55E00")
    names = [text.get_text() for text in figure.figure.legends[0].get_texts()]
    assert "all in one likelihood*" in names
    assert "share nothing else" in small_print(figure)


def test_any_analysis_over_existing_bounds_and_curves_of_ones_own(limits: list[LimitsResult]) -> None:
    ends = np.array([0.1, 10.0])
    mine = Bound(
        "tensor", "mine", "Mine", "other", "s", "published", "95 % CL", "r", "", ends, ends * 1e-4, ends * np.inf
    )
    page = draw_comparison(limits[0], [mine])
    (panel,) = page.axes
    assert "Mine" in labels(panel)
    ((_, height),) = curves(panel, "0.35")
    np.testing.assert_array_equal(height, ends * 1e-4)
    assert "Sources of existing bounds: Mine: s." in small_print(page)
    assert "No existing bound" in small_print(draw_comparison(limits[0], []))


def test_a_comparison_has_limits_of_other_data_in_a_legend_that_fits(
    limits: list[LimitsResult], others: list[LimitsResult]
) -> None:
    page = draw_comparison(limits[0], [], [others[0]])
    (legend,) = page.figure.legends
    names = [text.get_text() for text in legend.get_texts()]
    assert names == [r"XENONnT + PandaX-4T CE$\nu$NS*", r"COHERENT CsI CE$\nu$NS"]
    page.figure.draw_without_rendering()
    assert legend.get_window_extent().width <= page.figure.bbox.width
    styles = {line.get_linestyle() for line in page.axes[0].get_lines()}
    assert len(styles) == 2, "to be told apart in grey"
