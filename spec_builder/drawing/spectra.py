"""Histograms: stacked samples, what was counted, uncertainty bands and ratios."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import gammaincinv

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

    from spec_builder.base.arrays import BoolArray, FloatArray

__all__ = [
    "BACKGROUND_LOOKS",
    "SIGNAL_COLORS",
    "Layer",
    "bins_with_bars",
    "counts_text",
    "draw_counts",
    "draw_ratio",
    "draw_stack",
    "draw_total_band",
    "label_edges",
    "poisson_interval",
]

_COLORS = ("#E69F00", "#56B4E9", "#F0E442", "#D55E00", "#999999")
#: For those who see them in grey, where the first two are the same; each five for the same colours again.
_HATCHES = (
    *(None, "....", None, r"\\\\", "----"),
    *("||||", "++++", "----", "....", r"\\\\"),
    *(r"\\\\", "----", "....", "++++", "||||"),
)
#: Colours and hatching of backgrounds by place.
BACKGROUND_LOOKS = tuple(zip(_COLORS * 3, _HATCHES, strict=True))
SIGNAL_COLORS = ("#CC79A7", "#E4B7CF", "#F3DEE9")
#: How far the axis of ratios reaches to either side of 1, at least and at most.
_LEAST_RATIO, _MOST_RATIO = 0.1, 1.0
#: Of more bins the empty ones have no bar: those intervals would hide the others.
_FEW_BINS = 40
#: Width of a bin that has room for a point with caps, and least share of its size [points].
_ROOM, _SMALLEST = 6.0, 0.3


@dataclass(frozen=True)
class Layer:
    """One sample of a stack: its name in the legend, heights of shape (bins,), colour and hatching."""

    label: str
    heights: FloatArray
    color: str
    hatch: str | None = None


def poisson_interval(counts: FloatArray, cl: float = 0.6827) -> tuple[FloatArray, FloatArray]:
    """Lengths (down, up) of the central (Garwood) interval of Poisson means, each of the shape of counts."""
    tail = (1 - cl) / 2
    low = np.where(counts > 0, gammaincinv(np.maximum(counts, 0.5), tail), 0.0)
    high = gammaincinv(counts + 1, 1 - tail)
    return counts - low, high - counts


def draw_stack(panel: Axes, edges: FloatArray, layers: Sequence[Layer]) -> FloatArray:
    """Samples upon each other, and their sum as a line.

    Args:
        panel: where to.
        edges: of the bins, shape (bins + 1,).
        layers: from the lowest.

    Returns:
        The sum, shape (bins,).
    """
    bottom = np.zeros(edges.size - 1)
    for layer in layers:
        top = bottom + layer.heights
        panel.stairs(
            top, edges, baseline=bottom, fill=True, facecolor=layer.color, edgecolor="black", linewidth=0.4,
            hatch=layer.hatch, label=layer.label,
        )  # fmt: skip
        bottom = top
    panel.stairs(bottom, edges, color="black", linewidth=1.0, label="total")
    panel.set_xlim(edges[0], edges[-1])
    return bottom


def draw_total_band(panel: Axes, edges: FloatArray, total: FloatArray, error: FloatArray) -> None:
    """The uncertainty of a sum as a hatched band; arrays of shape (bins,)."""
    panel.stairs(
        total + error, edges, baseline=np.maximum(total - error, 0.0), fill=True, facecolor="none", edgecolor="0.25",
        linewidth=0, hatch="xxxxxx", label="uncertainty", zorder=2.5,
    )  # fmt: skip


def bins_with_bars(counts: FloatArray) -> BoolArray:
    """Bins that are drawn with their intervals, shape (bins,): of few all, of many those with counts."""
    return (counts > 0) | (counts.size <= _FEW_BINS)


def counts_text(bins: int, *, empty: bool = True) -> str:
    """What :func:`draw_counts` draws of so many bins, for a caption."""
    left_out = "" if empty and bins <= _FEW_BINS else ", of empty bins none,"
    return f"Data with central 68 % Poisson intervals{left_out}"


def draw_counts(
    panel: Axes, centres: FloatArray, counts: FloatArray, width: FloatArray | float = 1.0, *, empty: bool = True
) -> FloatArray:
    """What was counted, with central 68 % Poisson intervals; empty bins are left out where there are many bins.

    Args:
        panel: where to.
        centres: of the bins, shape (bins,).
        counts: shape (bins,).
        width: that counts are divided by.
        empty: draw bins without counts too, if there are few bins.

    Returns:
        The upper ends of the intervals that are drawn, shape (bins,) at most.
    """
    down, up = poisson_interval(counts)
    shown = bins_with_bars(counts) if empty else counts > 0
    size = np.broadcast_to(width, counts.shape)
    heights, below, above = counts / size, down / size, up / size
    look = _points_look(panel, counts.size)
    panel.errorbar(centres[shown], heights[shown], [below[shown], above[shown]], label="data", zorder=4, **look)
    ends: FloatArray = (heights + above)[shown]
    return ends


def _points_look(panel: Axes, bins: int) -> dict[str, Any]:
    """Points with bars that have room beside each other: smaller and without caps where bins are narrow."""
    room = 72 * panel.bbox.width / panel.figure.dpi / bins
    share = float(np.clip(room / _ROOM, _SMALLEST, 1.0))
    return {"fmt": "ko", "markersize": 2.5 * share, "elinewidth": 0.8 * share, "capsize": 1.5 if share == 1 else 0}


def draw_ratio(
    panel: Axes,
    edges: FloatArray,
    counts: FloatArray,
    total: FloatArray,
    error: FloatArray,
    before: FloatArray | None = None,
) -> None:
    """Counts over what is expected after the fit, with its uncertainty; and what was expected before the fit.

    Args:
        panel: where to.
        edges: of the bins, shape (bins + 1,).
        counts: shape (bins,).
        total: expected after the fit, shape (bins,).
        error: of it, shape (bins,).
        before: expected before the fit, shape (bins,).
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = np.where(total > 0, 1 / total, np.nan)
    down, up = poisson_interval(counts)
    band = np.nan_to_num(error * scale)
    panel.stairs(1 + band, edges, baseline=1 - band, fill=True, facecolor="0.8", linewidth=0)
    panel.axhline(1, color="black", linewidth=0.7)
    if before is not None:
        panel.stairs(before * scale, edges, baseline=None, color="#0072B2", linestyle="--", linewidth=0.9)
    shown = bins_with_bars(counts)
    centres, ratios = ((edges[1:] + edges[:-1]) / 2)[shown], (counts * scale)[shown]
    below, above = (down * scale)[shown], (up * scale)[shown]
    panel.errorbar(centres, ratios, [below, above], **_points_look(panel, counts.size))
    panel.set_xlim(edges[0], edges[-1])
    far = np.nanmax(np.abs(ratios - 1) + np.maximum(below, above), initial=_LEAST_RATIO)
    reach = min(1.1 * float(far), _MOST_RATIO)
    panel.set_ylim(1 - reach, 1 + reach)
    panel.set_ylabel("data / fit")
    _mark_outside(panel, centres, ratios)


def _mark_outside(panel: Axes, places: FloatArray, heights: FloatArray) -> None:
    """Triangles at the edge where a point lies beyond it."""
    bottom, top = panel.get_ylim()
    for marker, edge, beyond in (("^", top, heights > top), ("v", bottom, heights < bottom)):
        if beyond.any():
            where = np.full(int(beyond.sum()), edge)
            panel.plot(places[beyond], where, marker, color="black", markersize=3.5, clip_on=False, zorder=5)


def label_edges(panel: Axes, edges_by_run: Mapping[str, FloatArray], name: str, unit: str) -> None:
    """Ticks at the edges of bins that are drawn equally wide, with a line of labels for each run.

    Args:
        panel: its bins lie at whole numbers, edges at halves.
        edges_by_run: shape (bins + 1,) each.
        name: of the observable.
        unit: its unit.
    """
    rows = list(edges_by_run.values())
    bins = rows[0].size - 1
    labels = ["\n".join(f"{edges[i]:.3g}" for edges in rows) for i in range(bins + 1)]
    panel.set_xticks(np.arange(bins + 1) + 0.5, labels)
    panel.set_xticks([], minor=True)
    runs = ", ".join(run.upper() for run in edges_by_run)
    panel.set_xlabel(f"{name} [{unit}]\nedges from top to bottom: {runs}")
