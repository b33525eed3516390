"""Curves of others in a plane of mass and coupling: closed regions, envelopes of zigzags, names at the curves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from spec_builder.base.arrays import FloatArray

__all__ = ["closed_outline", "draw_areas", "draw_curve", "envelope", "height_at", "is_zigzag", "name_curve"]

#: A curve that turns more often is read only as an envelope.
_TURNS = 15
#: Groups of masses of an envelope in a decade.
_GROUPS = 12
_GREY, _NAME_SIZE = "0.35", 6.0
#: Upper end of a region that has none.
_FAR = 1e3


def closed_outline(mass: FloatArray, low: FloatArray, high: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Once around a closed region; arrays of shape (n,), an infinite upper end is far away."""
    top = np.where(np.isfinite(high), high, _FAR)
    around = np.concatenate([mass, mass[::-1], mass[:1]])
    return around, np.concatenate([low, top[::-1], low[:1]])


def is_zigzag(low: FloatArray) -> bool:
    """Whether a curve turns so often that it can be read only as an envelope, as a search for peaks does."""
    slopes = np.sign(np.diff(low))
    return int(np.sum(slopes[1:] != slopes[:-1])) > _TURNS


def envelope(mass: FloatArray, low: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The weakest limit in each twelfth of a decade of mass; the ends of the curve stay."""
    place = np.floor(_GROUPS * np.log10(mass)).astype(int)
    groups = [np.flatnonzero(place == k) for k in np.unique(place)]
    middle = np.array([np.exp(np.log(mass[group]).mean()) for group in groups])
    middle[0], middle[-1] = mass[0], mass[-1]
    return middle, np.array([low[group].max() for group in groups])


def draw_areas(panel: Axes, outlines: Sequence[tuple[FloatArray, FloatArray]]) -> None:
    """Closed regions as one grey area with the outline of the whole."""
    for outline in outlines:
        panel.plot(*outline, color="0.62", linewidth=0.8, zorder=0.3)
    for outline in outlines:  # over all outlines: what is left of them is that of the whole
        panel.fill(*outline, color="0.9", linewidth=0, zorder=0.4)


def draw_curve(panel: Axes, mass: FloatArray, height: FloatArray) -> Any:
    """A thin dashed grey line; returned for the legend."""
    (line,) = panel.plot(mass, height, color=_GREY, linestyle=(0, (5, 2)), linewidth=0.7, zorder=1)
    return line


def height_at(where: float, mass: FloatArray, height: FloatArray) -> float:
    """A curve's height, straight in logarithms between its points."""
    return float(np.exp(np.interp(np.log(where), np.log(mass), np.log(height))))


def name_curve(
    panel: Axes,
    name: str,
    mass: FloatArray,
    height: FloatArray,
    *,
    where: float | None = None,
    above: bool = True,
    place: tuple[float, float] | None = None,
) -> None:
    """A curve's name along it, or where there is room with a line that leads to it.

    Args:
        panel: with its range set, and drawn into a figure of its size.
        name: what is written.
        mass: of the curve, shape (n,).
        height: of the curve, shape (n,).
        where: mass at which the name stands, or its line ends; the middle of what is seen by default.
        above: or below the curve.
        place: mass and coupling of the name, where it stands apart.
    """
    from matplotlib.patheffects import withStroke  # noqa: PLC0415

    low, high = panel.get_xlim()
    inside = (mass >= low) & (mass <= high)
    if not inside.any():
        return
    ends = mass[inside][[0, -1]]
    at = float(np.clip(np.sqrt(ends[0] * ends[1]) if where is None else where, *ends))
    look: dict[str, Any] = {
        "fontsize": _NAME_SIZE, "ha": "center", "color": "0.15", "zorder": 6,
        "path_effects": [withStroke(linewidth=1.6, foreground="white")],
    }  # fmt: skip
    point = (at, height_at(at, mass, height))
    if place is not None:
        arrow = {"arrowstyle": "-", "color": _GREY, "linewidth": 0.5, "shrinkA": 0.5, "shrinkB": 0}
        panel.annotate(name, point, xytext=place, va="center", arrowprops=arrow, **look)
        return
    panel.annotate(
        name, point, xytext=(0, 2 if above else -2), textcoords="offset points", va="bottom" if above else "top",
        rotation=_slope(mass, height, at), rotation_mode="anchor", transform_rotates_text=True, **look,
    )  # fmt: skip


def _slope(mass: FloatArray, height: FloatArray, where: float) -> float:
    """Angle of a curve in decades [degrees]; the axes turn it into that on the page."""
    near = np.clip(np.log10(where) + np.array([-0.15, 0.15]), np.log10(mass[0]), np.log10(mass[-1]))
    rise = np.diff(np.interp(near, np.log10(mass), np.log10(height)))[0]
    return float(np.degrees(np.arctan2(rise, near[1] - near[0])))
