"""Stacks, counts and ratios are drawn as they are."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure

from spec_builder.drawing.spectra import (
    BACKGROUND_LOOKS,
    Layer,
    counts_text,
    draw_counts,
    draw_ratio,
    draw_stack,
    poisson_interval,
)

EDGES = np.array([0.0, 1.0, 3.0])


def test_layers_lie_upon_each_other() -> None:
    panel = Figure().subplots()
    layers = [Layer("a", np.array([1.0, 2.0]), "red"), Layer("b", np.array([3.0, 0.5]), "blue")]
    assert draw_stack(panel, EDGES, layers).tolist() == [4.0, 2.5]
    steps = {str(patch.get_label()): patch.get_data() for patch in panel.patches}  # type: ignore[attr-defined]
    assert steps["b"].values.tolist() == [4.0, 2.5]
    assert np.asarray(steps["b"].baseline).tolist() == [1.0, 2.0]
    assert steps["total"].values.tolist() == [4.0, 2.5]


def test_counts_are_divided_by_the_width_and_empty_bins_may_be_left_out() -> None:
    panel = Figure().subplots()
    counts = np.array([4.0, 0.0])
    ends = draw_counts(panel, np.array([0.5, 2.0]), counts, np.array([1.0, 2.0]), empty=False)
    assert ends == pytest.approx([4.0 + poisson_interval(counts)[1][0]])


def test_ratios_are_to_what_is_expected() -> None:
    panel = Figure().subplots()
    draw_ratio(panel, EDGES, np.array([4.0, 9.0]), np.array([5.0, 10.0]), np.array([1.0, 1.0]), np.array([6.0, 8.0]))
    (data,) = (c for c in panel.containers if isinstance(c, ErrorbarContainer))
    assert np.asarray(data.lines[0].get_ydata()).tolist() == [0.8, 0.9]
    band, before = panel.patches
    assert band.get_data().values.tolist() == pytest.approx([1.2, 1.1])  # type: ignore[attr-defined]
    assert before.get_data().values.tolist() == pytest.approx([1.2, 0.8])  # type: ignore[attr-defined]


def test_points_beyond_the_axis_of_ratios_are_marked() -> None:
    panel = Figure().subplots()
    draw_ratio(panel, EDGES, np.array([40.0, 9.0]), np.array([5.0, 10.0]), np.array([1.0, 1.0]))
    (mark,) = (line for line in panel.get_lines() if line.get_marker() == "^")
    assert np.asarray(mark.get_xdata()).tolist() == [0.5]
    assert np.asarray(mark.get_ydata()).tolist() == [panel.get_ylim()[1]]


def test_fifteen_backgrounds_can_be_told_apart() -> None:
    assert len(set(BACKGROUND_LOOKS)) == len(BACKGROUND_LOOKS) == 15


@pytest.mark.parametrize(("bins", "drawn"), [(40, 40), (41, 2)])
def test_of_many_bins_the_empty_ones_have_no_bar(bins: int, drawn: int) -> None:
    counts = np.zeros(bins)
    counts[[3, 7]] = 5.0
    edges = np.arange(bins + 1, dtype=np.float64)
    panel, ratio = Figure().subplots(2)
    assert draw_counts(panel, edges[1:] - 0.5, counts).size == drawn
    draw_ratio(ratio, edges, counts, np.full(bins, 0.01), np.zeros(bins))
    for place in (panel, ratio):
        (data,) = (c for c in place.containers if isinstance(c, ErrorbarContainer))
        assert np.asarray(data.lines[0].get_xdata()).size == drawn
    assert ("of empty bins none" in counts_text(bins)) == (drawn < bins)


def test_points_have_room_beside_each_other() -> None:
    """A panel of one column's width; caps touch from some 30 bins on."""
    sizes = []
    for bins in (8, 60, 200):
        panel = Figure((3.4, 2.7)).subplots()
        draw_counts(panel, np.arange(bins, dtype=np.float64), np.full(bins, 9.0))
        (data,) = (c for c in panel.containers if isinstance(c, ErrorbarContainer))
        size = data.lines[0].get_markersize()
        assert size < 72 * panel.get_position().width * 3.4 / bins
        assert bool(data.lines[1]) == (bins == 8)
        sizes.append(size)
    assert sizes == sorted(sizes, reverse=True)


def test_a_spectrum_of_many_bins_without_a_count_is_drawn() -> None:
    panel = Figure().subplots()
    assert draw_counts(panel, np.arange(50, dtype=np.float64), np.zeros(50)).size == 0
