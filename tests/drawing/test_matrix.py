"""Matrices of correlations: colours, numbers and hatching."""

from __future__ import annotations

import numpy as np
from matplotlib.collections import PatchCollection, QuadMesh
from matplotlib.figure import Figure

from spec_builder.drawing.matrix import draw_correlations


def with_one_pair(count: int, value: float) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    matrix = np.eye(count)
    matrix[0, 2] = matrix[2, 0] = value
    return matrix


def test_numbers_and_colours_are_the_correlations_in_percent_the_first_row_above() -> None:
    panel = Figure().subplots()
    draw_correlations(panel, ["a_b", "c", "d"], with_one_pair(3, -0.456))
    written = {text.get_position(): text.get_text() for text in panel.texts}
    assert (written[3, 1], written[2, 1], written.get((1, 1))) == ("-46", "0", None)
    (cells,) = (one for one in panel.collections if isinstance(one, QuadMesh))
    assert np.asarray(cells.get_array()).ravel()[2] == -45.6
    assert cells.get_clim() == (-100, 100)
    assert panel.get_ylim() == (3.5, 0.5)
    assert [label.get_text() for label in panel.get_yticklabels()] == ["a b  1", "c  2", "d  3"]


def test_many_have_no_numbers_but_hatching_where_they_are_negative() -> None:
    panel = Figure().subplots()
    draw_correlations(panel, [f"p{i}" for i in range(20)], with_one_pair(20, -0.3))
    assert not panel.texts
    (hatched,) = (one for one in panel.collections if isinstance(one, PatchCollection))
    corners = [np.asarray(path.vertices)[0].tolist() for path in hatched.get_paths()]
    assert corners == [[2.5, 0.5], [0.5, 2.5]]
    assert panel.get_xticks().tolist() == [5, 10, 15, 20]


def test_what_is_nearly_white_is_not_hatched() -> None:
    panel = Figure().subplots()
    draw_correlations(panel, [f"p{i}" for i in range(12)], with_one_pair(12, -0.1))
    (hatched,) = (one for one in panel.collections if isinstance(one, PatchCollection))
    assert not hatched.get_paths()
