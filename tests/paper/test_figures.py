"""Figs. 3 and 5: what is drawn, not only that something is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from matplotlib.collections import PolyCollection
from matplotlib.container import ErrorbarContainer

from spec_builder.inference.profile import ONE_SIGMA
from spec_builder.model.analysis import load_analysis
from spec_builder.paper.angle import fitted_points, published_points, running_angle
from spec_builder.paper.bounds import PANELS, Bound, missing_bounds, shipped_bounds
from spec_builder.paper.figures import draw_angle, draw_bounds
from spec_builder.physics.interactions import choose
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
    return [find_limits(combined, choose(name), np.geomspace(0.01, 1000, 7), dof=2) for name in PANELS]


@pytest.fixture(scope="module")
def bounds(limits: list[LimitsResult]) -> Figure:
    shipped = shipped_bounds()
    return draw_bounds(limits, shipped, missing_bounds(shipped))


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


def test_bounds_draw_our_limits(bounds: Figure, limits: list[LimitsResult]) -> None:
    for panel, result in zip(bounds.axes, limits, strict=True):
        ours = [line for line in panel.lines if line.get_color() == "#0072B2"]
        points = result.exclusion.points
        edges = [[g for interval in p.excluded for g in interval if g is not None] for p in points]
        assert len(ours) == max(map(len, edges))
        for k, line in enumerate(ours):
            heights = np.asarray(line.get_ydata(), dtype=float)
            expected = [row[k] if k < len(row) else np.nan for row in edges]
            np.testing.assert_allclose(heights, expected)
    # two excluded intervals with a band between them
    assert [len([x for x in panel.lines if x.get_color() == "#0072B2"]) for panel in bounds.axes] == [1, 1, 1, 3]
    assert "allowed band" in labels(bounds.axes[3])
    assert "allowed band" not in labels(bounds.axes[2])


def test_bounds_draw_every_curve(bounds: Figure) -> None:
    for panel, interaction in zip(bounds.axes, PANELS, strict=True):
        curves = [b for b in shipped_bounds() if b.interaction == interaction]
        theirs = [line for line in panel.lines if line.get_color() != "#0072B2"]
        assert len(theirs) == len(curves)
        for bound, line in zip(curves, theirs, strict=True):
            x, y = (np.asarray(data, dtype=float) for data in line.get_data())
            size = bound.mass_MeV.size
            np.testing.assert_array_equal(x[:size], bound.mass_MeV)
            np.testing.assert_array_equal(y[:size], bound.g_low)
            if bound.two_sided:  # a closed line
                np.testing.assert_array_equal(y[size:-1], bound.g_high[::-1])
                assert (x[0], y[0]) == (x[-1], y[-1])
        shaded = [c for c in panel.collections if isinstance(c, PolyCollection)]
        assert len(shaded) == sum(bound.two_sided for bound in curves) + 1 + (interaction == "vector_universal")


def test_bounds_legend_names_every_curve_or_its_family(bounds: Figure) -> None:
    (legend,) = bounds.legends
    names = [text.get_text() for text in legend.get_texts()]
    assert names[0] == "XENONnT + PandaX-4T* (ours)"
    assert set(names[1:]) == {b.title for b in shipped_bounds() if b.family != "beam dump"} | {"beam dumps"}
    dumps = {b.title for b in shipped_bounds() if b.family == "beam dump"}
    assert all(name in small_print(bounds) for name in dumps)


def test_bounds_look_the_same_in_every_panel_and_differ_within_one() -> None:
    shipped = shipped_bounds()
    from spec_builder.paper.figures import _looks

    looks = _looks(shipped)
    alone = {b.name for b in shipped if b.family != "beam dump"}
    assert len({(looks[name].color, looks[name].style) for name in alone}) == len(alone)
    assert len({looks[b.name].color for b in shipped}) == len({b.family for b in shipped})


def test_bounds_say_what_is_missing_in_each_panel(bounds: Figure) -> None:
    missing = missing_bounds(shipped_bounds())
    for panel, interaction in zip(bounds.axes, PANELS, strict=True):
        text = " ".join(" ".join(labels(panel)).split())
        for row in (row for row in missing if row.interaction == interaction):
            assert row.title.partition("N_eff ")[2] or row.title in text
    assert overlapping(bounds, bounds.axes[0]) == []


def test_bounds_say_law_level_and_what_is_by_construction(bounds: Figure) -> None:
    text = small_print(bounds)
    assert r"90 % CL, dof 2 ($\Delta\chi^2>4.605$) against the minimum over the plane; law linear" in text
    assert "scalar coupling set B" in text
    assert "recast with DarkCast under its assumptions" in text
    assert "* By construction: " in text
    assert "fig5_bounds.md" in text


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
    (line,) = (line for line in figure.axes[0].lines if line.get_color() != "#0072B2")
    np.testing.assert_array_equal(np.asarray(line.get_ydata()), ends * 1e-4)
    assert [text.get_text() for text in figure.legends[0].get_texts()][1:] == ["Mine"]
    assert "95 % CL" in small_print(figure)
    assert "Beam dumps" not in small_print(figure)
