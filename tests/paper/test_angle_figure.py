"""Fig. 3: what is drawn, not only that something is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from matplotlib.container import ErrorbarContainer

from spec_builder.inference.profile import ONE_SIGMA
from spec_builder.model.analysis import load_analysis
from spec_builder.paper.angle import fitted_points, published_points, running_angle
from spec_builder.paper.angle_figure import draw_angle
from spec_builder.studies.fits import FitResult, fit_analysis
from tests.pages import labels, small_print

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from spec_builder.drawing.page import Page
    from spec_builder.model.analysis import Analysis

ORDER = ("pandax4t", "xenonnt", "combined")


def of_analyses(fits: list[FitResult]) -> list[tuple[Analysis, FitResult]]:
    """Each fit with its analysis."""
    return [(load_analysis(fit.provenance.analysis, "linear"), fit) for fit in fits]


@pytest.fixture(scope="module")
def fits() -> list[FitResult]:
    return [fit_analysis(load_analysis(name, "linear"), "sin2thetaw", cl=ONE_SIGMA) for name in ORDER]


@pytest.fixture(scope="module")
def angle(fits: list[FitResult]) -> Page:
    return draw_angle([*fitted_points(of_analyses(fits), {}), *published_points()], fits)


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


def overlapping(page: Page, panel: Axes) -> list[tuple[str, str]]:
    """Pairs of texts of a panel that share space on the page."""
    page.figure.draw_without_rendering()
    boxes = [(text.get_text(), text.get_window_extent()) for text in panel.texts]
    return [(a, b) for i, (a, x) in enumerate(boxes) for b, y in boxes[i + 1 :] if x.overlaps(y)]


def test_angle_draws_every_point_with_its_errors(angle: Page, fits: list[FitResult]) -> None:
    points = [*fitted_points(of_analyses(fits), {}), *published_points()]
    drawn = error_bars(angle.axes[0])
    assert len(drawn) == len(points)
    for point, (x, y, low, high, _) in zip(points, drawn, strict=True):
        assert point.up is not None
        assert point.down is not None
        np.testing.assert_allclose([x, y], [point.drawn_at_GeV, point.value])
        np.testing.assert_allclose([low, high], [point.value - point.down, point.value + point.up])


def test_angle_enlarges_the_precise_points(angle: Page) -> None:
    precise = [p for p in published_points() if p.up is not None and p.up < 0.006]
    drawn = error_bars(angle.axes[1])
    np.testing.assert_allclose([y for _, y, *_ in drawn], [p.value for p in precise])
    bottom, top = angle.axes[1].get_ylim()
    assert all(bottom < low < high < top for _, _, low, high, _ in drawn)


def test_angle_draws_the_running(angle: Page) -> None:
    for panel in angle.axes:
        curve = next(line for line in panel.lines if "running" in str(line.get_label()))
        x = np.asarray(curve.get_xdata(), dtype=float)
        np.testing.assert_allclose(np.asarray(curve.get_ydata(), dtype=float), running_angle(x))


def test_angle_shows_recalled_values_open(angle: Page) -> None:
    faces = [face for *_, face in error_bars(angle.axes[0])][3:]
    assert [face == "white" for face in faces] == [p.status == "recalled" for p in published_points()]
    assert "Open grey points: values recalled" in small_print(angle)


def test_angle_has_our_colours_and_numbers(angle: Page) -> None:
    assert [face for *_, face in error_bars(angle.axes[0])][:3] == ["#009E73", "#0072B2", "#CC79A7"]
    found = angle.axes[0].get_legend()
    assert found is not None
    texts = [text.get_text() for text in found.get_texts()]
    assert texts[1:] == [
        *("pandax4t: $0.30^{+0.15}_{-0.19}$", "xenonnt: $0.25^{+0.09}_{-0.10}$", "combined: $0.260^{+0.081}_{-0.089}$")
    ]


def test_angle_says_law_scales_and_what_is_by_construction(angle: Page) -> None:
    text = small_print(angle)
    assert "law linear" in text
    assert "pandax4t 14.2 MeV, xenonnt 18.3 MeV, combined 15.0 MeV" in text
    assert "by construction (*): " in text
    assert "drawn apart" in text


def test_angle_names_every_published_point_once_without_overlap(angle: Page) -> None:
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
