"""Rows of nuisance parameters: pulls, impacts on a parameter of interest, and parts of Delta chi^2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from spec_builder.drawing.style import plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

    from spec_builder.base.arrays import FloatArray
    from spec_builder.drawing.style import Line

__all__ = ["draw_impacts", "draw_parts", "draw_pulls", "name_rows", "pull_axes", "rows_height"]

_UP, _DOWN = "#D55E00", "#0072B2"
#: Letters of the name of an axis that may be wider than it.
_LONG = 24


def rows_height(rows: int) -> float:
    """Height of a figure of so many rows [in]."""
    return 0.21 * rows + 0.9


def name_rows(panel: Axes, names: Sequence[str]) -> None:
    """Names of the rows, the first one above."""
    panel.set_yticks(range(len(names)), [plain(name.replace("_", " ")) for name in reversed(names)])
    panel.set_ylim(-0.7, len(names) - 0.3)


def draw_pulls(
    panel: Axes,
    heights: Sequence[float],
    values: FloatArray,
    errors: FloatArray,
    *,
    line: Line,
    marker: str = "o",
    label: str | None = None,
) -> None:
    """Values with their uncertainties in units of their constraints.

    Args:
        panel: where to.
        heights: of the rows, shape (N,).
        values: shape (N,).
        errors: shape (N,).
        line: for the colour.
        marker: of the values.
        label: for the legend.
    """
    panel.errorbar(
        values, heights, xerr=errors, fmt=marker, color=line.color, markersize=3, elinewidth=0.9, capsize=1.5,
        label=label,
    )  # fmt: skip


def pull_axes(panel: Axes, reach: float) -> None:
    """The axis of pulls, with dotted lines at one standard deviation before the fit."""
    for place in (-1, 1):
        panel.axvline(place, color="0.4", linewidth=0.7, linestyle=":")
    panel.axvline(0, color="0.5", linewidth=0.7)
    panel.set_xlim(-max(2.0, 1.1 * reach), max(2.0, 1.1 * reach))
    panel.set_xlabel(r"pull $(\hat\theta - \theta_0)/\sigma_0$")


def draw_impacts(panel: Axes, impacts: Mapping[str, Sequence[float | None]], label: str) -> None:
    """Changes of a parameter of interest when others move up and down: filled after the fit, outlined before it.

    Args:
        panel: where to.
        impacts: ``after_up``, ``after_down``, ``before_up`` and ``before_down``, from the row on top; None where
            there is none.
        label: of the axis.
    """
    for key, color, filled in (
        ("before_up", _UP, False),
        ("before_down", _DOWN, False),
        ("after_up", _UP, True),
        ("after_down", _DOWN, True),
    ):
        values = np.array([np.nan if value is None else value for value in reversed(impacts[key])], dtype=np.float64)
        look: dict[str, Any] = {"facecolor": color, "alpha": 0.7, "hatch": None if key.endswith("up") else "////"}
        if not filled:
            dashes = "-" if key.endswith("up") else (0, (3, 1.5))
            look = {"facecolor": "none", "edgecolor": color, "linewidth": 0.8, "linestyle": dashes}
        sign = r"\!+\!" if key.endswith("up") else r"\!-\!"
        error = r"\hat\sigma" if filled else r"\sigma_0"
        panel.barh(range(values.size), values, height=0.62, label=rf"$\hat\theta {sign} {error}$", **look)
    panel.axvline(0, color="0.3", linewidth=0.7)
    panel.set_xlabel(label, loc="right" if len(label) > _LONG else None)  # a long one has room over the names


def draw_parts(panel: Axes, values: Sequence[float], label: str) -> None:
    """Bars to either side of zero, the first one above: for and against in two colours."""
    numbers = np.array(list(reversed(values)), dtype=np.float64)
    against = numbers >= 0
    rows = np.arange(numbers.size)
    for chosen, color, hatch, name in (
        (against, _UP, None, "against the point"),
        (~against, _DOWN, "////", "for the point"),
    ):
        if chosen.any():
            panel.barh(rows[chosen], numbers[chosen], height=0.62, facecolor=color, alpha=0.75, hatch=hatch, label=name)
    panel.axvline(0, color="0.3", linewidth=0.7)
    panel.set_xlabel(label)
