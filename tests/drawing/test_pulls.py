"""Rows of nuisance parameters."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from spec_builder.drawing.pulls import draw_impacts, draw_parts, name_rows


def widths(panel: object) -> list[list[float]]:
    return [[bar.get_width() for bar in container] for container in panel.containers]  # type: ignore[attr-defined]


def test_the_first_row_is_above() -> None:
    panel = Figure().subplots()
    name_rows(panel, ["first_one", "second"])
    assert [label.get_text() for label in panel.get_yticklabels()] == ["second", "first one"]


def test_impacts_are_bars_and_what_does_not_exist_is_none() -> None:
    panel = Figure().subplots()
    changes: dict[str, list[float | None]] = {
        "after_up": [1.0, 0.5],
        "after_down": [-1.0, None],
        "before_up": [2.0, 1.0],
        "before_down": [-2.0, -1.0],
    }
    draw_impacts(panel, changes, "impact")
    drawn = widths(panel)
    assert drawn[0] == [1.0, 2.0]
    assert drawn[2] == [0.5, 1.0]
    assert np.isnan(drawn[3][0])
    assert drawn[3][1] == -1.0


def test_parts_for_and_against_are_told_apart() -> None:
    panel = Figure().subplots()
    draw_parts(panel, [3.0, -1.0, 0.5], "part")
    assert widths(panel) == [[0.5, 3.0], [-1.0]]
    assert panel.get_legend_handles_labels()[1] == ["against the point", "for the point"]
