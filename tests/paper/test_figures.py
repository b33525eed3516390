"""Figs. 3 and 5: what is drawn, not only that something is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from matplotlib.collections import PolyCollection
from matplotlib.container import ErrorbarContainer
from matplotlib.patches import Polygon

from spec_builder.inference.profile import ONE_SIGMA
from spec_builder.model.analysis import load_analysis
from spec_builder.paper.angle import fitted_points, published_points, running_angle
from spec_builder.paper.bounds import PANELS, Bound, missing_bounds, shipped_bounds
from spec_builder.paper.computed import STAND_INS
from spec_builder.paper.figures import draw_angle, draw_bounds, draw_global, is_peak_search
from spec_builder.physics.interactions import parse_new_physics
from spec_builder.studies.fits import FitResult, fit_analysis
from spec_builder.studies.limits import LimitsResult, find_limits

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from spec_builder.model.analysis import Analysis

ORDER = ("pandax4t", "xenonnt", "combined")


def of_analyses(fits: list[FitResult]) -> list[tuple[Analysis, FitResult]]:
    """Each fit with its analysis."""
    return [(load_analysis(fit.provenance.analysis, "linear"), fit) for fit in fits]


@pytest.fixture(scope="module")
def fits() -> list[FitResult]:
    return [fit_analysis(load_analysis(name, "linear"), "sin2thetaw", cl=ONE_SIGMA) for name in ORDER]


@pytest.fixture(scope="module")
def angle(fits: list[FitResult]) -> Figure:
    return draw_angle([*fitted_points(of_analyses(fits), {}), *published_points()], fits)


@pytest.fixture(scope="module")
def limits() -> list[LimitsResult]:
    combined = load_analysis("combined", "linear")
    return [find_limits(combined, parse_new_physics(name), np.geomspace(0.01, 1000, 7), dof=2) for name in PANELS]


@pytest.fixture(scope="module")
def others() -> list[LimitsResult]:
    csi = load_analysis("coherent_csi", "linear")
    return [find_limits(csi, name, np.geomspace(0.01, 1000, 7), dof=2) for name in PANELS]


@pytest.fixture(scope="module")
def bounds(limits: list[LimitsResult], others: list[LimitsResult]) -> Figure:
    shipped = shipped_bounds()
    return draw_bounds(limits, shipped, missing_bounds(shipped), others)


def small_print(figure: Figure) -> str:
    return " ".join(" ".join(text.get_text() for text in figure.texts).split())


def error_bars(panel: Axes) -> list[tuple[float, float, float, float, Any]]:
    """Place, value and ends of each, with its marker's face."""
    rows = []
    for container in panel.containers:
        assert isinstance(container, ErrorbarContainer)
        points, _, (bars,) = container.lines
        (segment,) = bars.get_segments()
        (x,), (y,) = np.asarray(points.get_xdata()), np.asarray(points.get_ydata())
        rows.append((float(x), float(y), *segment[:, 1].tolist(), points.get_markerfacecolor()))
    return rows


def labels(panel: Axes) -> list[str]:
    return [text.get_text() for text in panel.texts]


def overlapping(figure: Figure, panel: Axes) -> list[tuple[str, str]]:
    """Pairs of texts of a panel that share space on the page."""
    figure.draw_without_rendering()
    boxes = [(text.get_text(), text.get_window_extent()) for text in panel.texts]
    return [(a, b) for i, (a, x) in enumerate(boxes) for b, y in boxes[i + 1 :] if x.overlaps(y)]


# ---------------------------------------------------------------- Fig. 3


def test_angle_draws_every_point_with_its_errors(angle: Figure, fits: list[FitResult]) -> None:
    points = [*fitted_points(of_analyses(fits), {}), *published_points()]
    drawn = error_bars(angle.axes[0])
    assert len(drawn) == len(points)
    for point, (x, y, low, high, _) in zip(points, drawn, strict=True):
        assert point.up is not None
        assert point.down is not None
        np.testing.assert_allclose([x, y], [point.drawn_at_GeV, point.value])
        np.testing.assert_allclose([low, high], [point.value - point.down, point.value + point.up])


def test_angle_enlarges_the_precise_points(angle: Figure) -> None:
    precise = [p for p in published_points() if p.up is not None and p.up < 0.006]
    drawn = error_bars(angle.axes[1])
    np.testing.assert_allclose([y for _, y, *_ in drawn], [p.value for p in precise])
    bottom, top = angle.axes[1].get_ylim()
    assert all(bottom < low < high < top for _, _, low, high, _ in drawn)


def test_angle_draws_the_running(angle: Figure) -> None:
    for panel in angle.axes:
        curve = next(line for line in panel.lines if "running" in str(line.get_label()))
        x = np.asarray(curve.get_xdata(), dtype=float)
        np.testing.assert_allclose(np.asarray(curve.get_ydata(), dtype=float), running_angle(x))


def test_angle_shows_recalled_values_open(angle: Figure) -> None:
    faces = [face for *_, face in error_bars(angle.axes[0])][3:]
    assert [face == "white" for face in faces] == [p.status == "recalled" for p in published_points()]
    assert "Open grey points: values recalled" in small_print(angle)


def test_angle_has_our_colours_and_numbers(angle: Figure) -> None:
    assert [face for *_, face in error_bars(angle.axes[0])][:3] == ["#009E73", "#0072B2", "#CC79A7"]
    found = angle.axes[0].get_legend()
    assert found is not None
    texts = [text.get_text() for text in found.get_texts()]
    assert texts[1:] == [
        *("pandax4t: $0.30^{+0.15}_{-0.19}$", "xenonnt: $0.25^{+0.09}_{-0.10}$", "combined: $0.26^{+0.08}_{-0.09}$")
    ]


def test_angle_says_law_scales_and_what_is_by_construction(angle: Figure) -> None:
    text = small_print(angle)
    assert "law linear" in text
    assert "pandax4t 14.2 MeV, xenonnt 18.3 MeV, combined 15.0 MeV" in text
    assert "* By construction: " in text
    assert "drawn apart" in text


def test_angle_names_every_published_point_once_without_overlap(angle: Figure) -> None:
    names = [*labels(angle.axes[0]), *labels(angle.axes[1])]
    assert sorted(names) == sorted([*(p.label for p in published_points()), "all at $M_Z$", "enlarged"])
    for panel in angle.axes:
        assert overlapping(angle, panel) == []
        frame = panel.get_window_extent()
        for text in panel.texts:
            box = text.get_window_extent()
            assert frame.y0 <= box.y0, text.get_text()
            assert box.y1 <= frame.y1, text.get_text()


def test_an_interval_without_end_is_drawn_to_the_end_of_the_domain(fits: list[FitResult]) -> None:
    (point, *_) = fitted_points(of_analyses(fits[:1]), {})
    point = type(point)(**{**vars(point), "down": None})
    ((_, _, low, _, _),) = error_bars(draw_angle([point], fits).axes[0])
    assert low == 0.0


# ---------------------------------------------------------------- Fig. 5


def curves(panel: Axes, color: str) -> list[tuple[Any, Any]]:
    """Lines of a colour that are curves."""
    return [
        (np.asarray(line.get_xdata(), dtype=float), np.asarray(line.get_ydata(), dtype=float))
        for line in panel.lines
        if line.get_color() == color
    ]


@pytest.mark.parametrize(("analysis", "color"), [("combined", "#0072B2"), ("coherent_csi", "#D55E00")])
def test_bounds_draw_our_limits(
    bounds: Figure, limits: list[LimitsResult], others: list[LimitsResult], analysis: str, color: str
) -> None:
    for panel, interaction in zip(bounds.axes, PANELS, strict=True):
        (result,) = (r for r in (*limits, *others) if (r.provenance.analysis, r.choice.name) == (analysis, interaction))
        edges = [[g for ends in p.excluded for g in ends if g is not None] for p in result.exclusion.points]
        drawn = curves(panel, color)
        assert len(drawn) == max(map(len, edges))
        for k, (_, heights) in enumerate(drawn):
            np.testing.assert_allclose(heights, [row[k] if k < len(row) else np.nan for row in edges])


def test_bounds_point_at_the_allowed_band(bounds: Figure) -> None:
    assert [len(curves(panel, "#0072B2")) for panel in bounds.axes] == [1, 1, 1, 3]
    assert "allowed band" in labels(bounds.axes[3])
    assert "allowed band" not in labels(bounds.axes[2])


def test_bounds_draw_every_curve(bounds: Figure) -> None:
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
        assert len(shaded) == 1 + (interaction == "vector_universal")
        assert len([patch for patch in panel.patches if isinstance(patch, Polygon)]) == len(closed)


def test_what_zigzags_is_a_peak_search() -> None:
    assert {b.name for b in shipped_bounds() if is_peak_search(b)} == {"a1", "apex", "babar", "lhcb"}


def test_every_curve_has_its_name_in_the_panel(bounds: Figure) -> None:
    for panel, interaction in zip(bounds.axes, PANELS, strict=True):
        named = {b.title for b in shipped_bounds() if b.interaction == interaction and not b.two_sided}
        assert named <= set(labels(panel))
    dumps = {b.title for b in shipped_bounds() if b.two_sided}
    assert all(name in small_print(bounds) for name in dumps)


def test_names_at_the_curves_do_not_overlap(bounds: Figure) -> None:
    bounds.draw_without_rendering()
    for panel in bounds.axes:
        boxes = [(text.get_text(), text.get_window_extent()) for text in panel.texts]
        for i, (a, x) in enumerate(boxes):
            for b, y in boxes[i + 1 :]:
                # boxes of slanted names are larger than the names
                width = min(x.x1, y.x1) - max(x.x0, y.x0)
                height = min(x.y1, y.y1) - max(x.y0, y.y0)
                small = min(x.width * x.height, y.width * y.height)
                assert width <= 0 or height <= 0 or width * height < 0.25 * small, (a, b)


def test_bounds_legend_names_what_is_computed_here(bounds: Figure) -> None:
    (legend,) = bounds.legends
    names = [text.get_text() for text in legend.get_texts()]
    assert names[:2] == [r"XENONnT + PandaX-4T CE$\nu$NS*", r"COHERENT CsI CE$\nu$NS"]
    assert set(names[2:]) == {"existing bounds", "beam dumps"}


def test_bounds_say_what_is_missing(bounds: Figure) -> None:
    text = small_print(bounds)
    for row in missing_bounds(shipped_bounds()):
        # what is computed here stands in the figure
        assert (row.title.replace("N_eff", r"$N_\mathrm{eff}$") in text) == (row.name not in STAND_INS), row


def test_bounds_say_law_level_and_what_is_by_construction(bounds: Figure) -> None:
    text = small_print(bounds)
    assert r"90 % CL, dof 2 ($\Delta\chi^2>4.605$) against the minimum over the plane; law linear" in text
    assert "scalar coupling set B" in text
    assert "recast with DarkCast under its assumptions" in text
    assert "* By construction: " in text
    assert "fig5_bounds.md" in text
    assert "Peak searches (A1, APEX, BaBar (visible), LHCb)" in text


def test_small_print_stays_on_the_page(bounds: Figure, angle: Figure) -> None:
    for figure in (bounds, angle):
        figure.draw_without_rendering()
        page = figure.bbox
        (text,) = figure.texts
        box = text.get_window_extent()
        assert page.x0 <= box.x0 < box.x1 <= page.x1
        axes = min(panel.xaxis.label.get_window_extent().y0 for panel in figure.axes if panel.get_xlabel())
        assert page.y0 <= box.y0 < box.y1 <= axes


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
    assert "Beam dumps" not in small_print(figure)


# ---------------------------------------------------------------- the joint limit


def test_the_joint_limit_is_drawn_over_its_parts(limits: list[LimitsResult], others: list[LimitsResult]) -> None:
    joint = load_analysis("global", "linear")
    whole = [find_limits(joint, name, np.geomspace(0.01, 1000, 7), dof=2) for name in PANELS]
    figure = draw_global([*limits, *others, *whole])
    for panel, result in zip(figure.axes, whole, strict=True):
        (black,) = curves(panel, "#000000")
        ends = np.array([point.excluded[0][0] for point in result.exclusion.points], dtype=np.float64)
        np.testing.assert_allclose(black[1], ends)
        assert curves(panel, "#0072B2")
        assert curves(panel, "#D55E00")
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "all in one likelihood*" in names
    assert "share nothing else" in small_print(figure)
