"""Curves and regions are where the numbers are."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from spec_builder.base.errors import SpecBuilderError
from spec_builder.drawing.curves import check_masses, draw_bars, draw_excluded, draw_profile, free_line, range_of_ends
from spec_builder.drawing.style import ANALYSIS_LINES, PALETTE

MASS = np.array([1.0, 10.0, 100.0, 1000.0])


def test_no_two_analyses_of_a_panel_have_one_line() -> None:
    """An own analysis has the list's first line, which stands in another's axes already."""
    panel = Figure().subplots()
    lines = []
    for name in ("mine", "yours", "xenonnt", "xenonnt_2024", "theirs"):
        lines.append(free_line(panel, name))
        draw_profile(panel, MASS, MASS, line=lines[-1], label=name)
    assert len(set(lines)) == len(lines)
    assert lines[:2] == list(PALETTE[:2])
    assert lines[2:4] == [ANALYSIS_LINES["xenonnt"], ANALYSIS_LINES["xenonnt_2024"]]


def test_both_ends_of_an_interval_are_lines_and_the_band_is_between() -> None:
    panel = Figure().subplots()
    draw_excluded(panel, MASS, [[(1.0, 2.0), (5.0, None)]] * 4, line=PALETTE[0], label="mine")
    heights = [np.asarray(line.get_ydata()).tolist() for line in panel.get_lines()]
    assert heights == [[1.0] * 4, [2.0] * 4, [5.0] * 4]
    assert panel.get_legend_handles_labels()[1] == ["mine"]
    bands = [np.asarray(band.get_paths()[0].vertices)[:, 1] for band in panel.collections]
    assert [(band.min(), band.max()) for band in bands] == [(1.0, 2.0), (5.0, pytest.approx(6.5))]


def test_a_wide_closed_interval_is_light_along_its_ends_only() -> None:
    panel = Figure().subplots()
    draw_excluded(panel, MASS, [[(1.0, 1000.0)]] * 4, line=PALETTE[0])
    bands = [np.asarray(band.get_paths()[0].vertices)[:, 1] for band in panel.collections]
    assert [(band.min(), band.max()) for band in bands] == [(1.0, 1.3), (pytest.approx(1000 / 1.3), 1000.0)]


def test_no_line_joins_what_is_not_one_interval() -> None:
    panel = Figure().subplots()
    rows: list[list[tuple[float | None, float | None]]] = [
        [(1.0, None)],
        [(1.0, None)],
        [(1.0, 2.0), (5.0, None)],
        [(1.0, 2.0), (5.0, None)],
    ]
    draw_excluded(panel, MASS, rows, line=PALETTE[0])
    ends = [
        (np.asarray(line.get_xdata())[[0, -1]].tolist(), set(np.asarray(line.get_ydata()).tolist()))
        for line in panel.get_lines()
    ]
    half = pytest.approx(np.sqrt(1000.0))
    assert ends == [
        ([1.0, half], {1.0}),
        ([half, 1000.0], {1.0}),
        ([half, 1000.0], {2.0}),
        ([half, 1000.0], {5.0}),
    ]


def test_masses_of_which_nothing_is_known_are_a_gap() -> None:
    panel = Figure().subplots()
    draw_excluded(panel, MASS, [[(1.0, None)], [(1.0, None)], None, [(1.0, None)]], line=PALETTE[0], label="mine")
    drawn = [(np.asarray(line.get_xdata()).tolist(), line.get_marker()) for line in panel.get_lines()]
    assert drawn == [([1.0, 10.0], "None"), ([1000.0], ".")]
    assert panel.get_legend_handles_labels()[1] == ["mine"]


def test_an_excluded_standard_model_has_no_lower_line() -> None:
    panel = Figure().subplots()
    draw_excluded(panel, MASS, [[(0.0, 3.0)]] * 4, line=PALETTE[0])
    assert [set(np.asarray(line.get_ydata()).tolist()) for line in panel.get_lines()] == [{3.0}]


def test_ranges_and_what_is_refused() -> None:
    assert range_of_ends([[(2e-5, None)], [(3e-4, 5e-4)]]) == pytest.approx((1e-5, 1e-2))
    assert range_of_ends([[(0.0, None)]]) is None
    with pytest.raises(SpecBuilderError, match="at least two finite masses"):
        check_masses(MASS[:1])
    with pytest.raises(SpecBuilderError, match="the parameter has a sign"):
        check_masses(MASS, signed=True)


def test_bars_reach_the_frame_where_there_is_no_end() -> None:
    panel = Figure().subplots()
    draw_bars(panel, [("a", [(None, -1.0), (2.0, None)], 0.5, "#0072B2")], "epsilon", signed=True)
    low, high = panel.get_xlim()
    bars = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in panel.patches]  # type: ignore[attr-defined]
    assert bars == [(low, -1.0), (2.0, high)]


def test_a_bar_of_fits_that_are_not_valid_is_none_and_says_so() -> None:
    panel = Figure().subplots()
    draw_bars(panel, [("a", None, 1e9, "#0072B2"), ("b", [(2.0, None)], 0.5, "#D55E00")], "g", signed=False)
    assert [text.get_text() for text in panel.texts] == ["fits are not valid"]
    assert len(panel.patches) == len(panel.get_lines()) == 1
    assert panel.get_xlim() == pytest.approx((0.2, 20.0))
