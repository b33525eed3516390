"""A matrix of correlations: colours, hatched where they are negative, and numbers where there is room."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from spec_builder.drawing.style import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from spec_builder.base.arrays import FloatArray

__all__ = ["draw_correlations", "matrix_height"]

#: From -1 over none to 1; the ends are as dark in grey, where hatching tells them apart.
_COLORS = ("#0072B2", "#FFFFFF", "#D55E00")
#: Correlation that is hatched at least: what is smaller is nearly white, and hatching would be darker than its colour.
_LEAST = 0.15
#: Rows of a matrix whose numbers have room; of one whose columns all have theirs; and of one with every second.
_WITH_NUMBERS, _ALL_COLUMNS, _EVERY_SECOND = 8, 9, 16
#: Letters of a name, which take the room of the cells.
_LETTERS = 24


def matrix_height(rows: int) -> float:
    """Height of a figure of a matrix with so many rows [in]."""
    return 0.14 * rows + 1.0


def draw_correlations(panel: Axes, names: Sequence[str], matrix: FloatArray) -> None:
    """Correlations in percent, the first row above; columns have the numbers of the rows.

    Args:
        panel: where to; a scale takes a part of its room.
        names: of the rows, shape (N,).
        matrix: shape (N, N), from -1 to 1.
    """
    from matplotlib.collections import PatchCollection  # noqa: PLC0415  # only where something is drawn
    from matplotlib.colors import LinearSegmentedColormap  # noqa: PLC0415
    from matplotlib.patches import Rectangle  # noqa: PLC0415

    count, percent = len(names), 100 * matrix
    edges = np.arange(count + 1) + 0.5
    colors = LinearSegmentedColormap.from_list("correlations", _COLORS)
    cells = panel.pcolormesh(edges, edges, percent, cmap=colors, vmin=-100, vmax=100, edgecolors="0.85", linewidth=0.3)
    if count <= _WITH_NUMBERS:
        _write_numbers(panel, percent)
    else:
        negative = [Rectangle((j + 0.5, i + 0.5), 1, 1) for i, j in np.argwhere(matrix < -_LEAST)]
        panel.add_collection(PatchCollection(negative, facecolor="none", edgecolor="0.2", hatch="////", linewidth=0))
    rows = np.arange(1, count + 1)
    shown = [plain(name.replace("_", " "), _LETTERS) for name in names]
    panel.set_yticks(rows, [f"{name}  {row}" for row, name in zip(rows, shown, strict=True)])
    step = 1 if count <= _ALL_COLUMNS else 2 if count <= _EVERY_SECOND else 5
    panel.set_xticks(rows[step - 1 :: step])
    panel.set_xlim(0.5, count + 0.5)
    panel.set_ylim(count + 0.5, 0.5)
    panel.tick_params(length=0)
    bar = panel.figure.colorbar(cells, ax=panel, ticks=(-100, -50, 0, 50, 100), pad=0.02, aspect=max(8, 2 * count))
    bar.set_label("correlation [%]")


def _write_numbers(panel: Axes, percent: FloatArray) -> None:
    from matplotlib.patheffects import withStroke  # noqa: PLC0415

    for row, column in np.argwhere(~np.eye(len(percent), dtype=bool)):  # one with itself says nothing
        around = [withStroke(linewidth=1.6, foreground="white")]
        look: dict[str, Any] = {"fontsize": 6, "ha": "center", "va": "center", "path_effects": around}
        panel.text(column + 1, row + 1, f"{round(percent[row, column])}", **look)
