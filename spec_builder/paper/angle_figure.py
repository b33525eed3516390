"""Drawing of Fig. 3: the weak mixing angle against the scale."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from spec_builder.drawing.page import Page, new_figure, styled
from spec_builder.drawing.style import ANALYSIS_LINES, MARKERS
from spec_builder.figures.pages import caption_of
from spec_builder.paper.angle import running_angle
from spec_builder.studies.fits import interval_label

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from spec_builder.paper.angle import AnglePoint
    from spec_builder.studies.fits import FitResult

__all__ = ["draw_angle"]

#: Points with smaller errors are named in the panel that shows them enlarged.
_PRECISE = 0.006
_SCALES_GEV = (1e-3, 4e2)
_NAME_SIZE = 6.0
#: Height of a panel [points], about.
_PANEL_POINTS = 180.0


def draw_angle(points: Sequence[AnglePoint], fits: Sequence[FitResult]) -> Page:
    """Fig. 3: the weak mixing angle against the scale; below, its precise determinations enlarged.

    Args:
        points: ours, which have an ``analysis``, and those of others.
        fits: ours, for law and provenance.
    """
    with styled():
        figure = new_figure("double", 5.9)
        whole, zoom = figure.subplots(2, 1, sharex=True, height_ratios=(1.25, 1))
        scale = np.geomspace(*_SCALES_GEV, 600)
        for panel in (whole, zoom):
            panel.plot(
                scale, running_angle(scale), color="0.2", linestyle="--", linewidth=1.2, zorder=1,
                label=r"Standard Model, $\overline{\mathrm{MS}}$ running (computed)",
            )  # fmt: skip
            panel.set_xscale("log")
            panel.set_xlim(*_SCALES_GEV)
            panel.set_ylabel(r"$\sin^2\theta_W$")
        whole.set_ylim(0.06, 0.52)
        zoom.set_ylim(0.2225, 0.2485)
        for point in points:
            _draw_point(whole, point)
            if _is_precise(point):
                _draw_point(zoom, point)
                _name_point(zoom, point)
            elif not point.analysis:
                _name_point(whole, point)
        _bracket(zoom, [point.drawn_at_GeV for point in points if point.scheme == "effective_leptonic"])
        zoom.set_xlabel(r"scale $\mu$ [GeV]")
        whole.legend(loc="upper right", title="one standard deviation")
        zoom.text(0.99, 0.95, "enlarged", transform=zoom.transAxes, fontsize=6, ha="right", va="top", color="0.3")
    text = _angle_text([point for point in points if point.analysis])
    return Page(figure, caption_of("The weak mixing angle against the scale", fits, *text))


def _bracket(panel: Axes, places: Sequence[float]) -> None:
    """Say that points drawn apart all belong to the Z mass."""
    if len(places) > 1:
        ends = (min(places) / 1.1, max(places) * 1.1)
        height = panel.get_ylim()[0] + 0.001
        panel.plot(ends, [height, height], color="0.3", linewidth=0.8, marker="|", markersize=4, zorder=2)
        panel.text(ends[0] / 1.08, height, "all at $M_Z$", fontsize=6, ha="right", va="center", color="0.3")


_SCHEMES = (
    "MSbar scheme: effective leptonic angles (Z pole) less 0.00032, on-shell ones (NuTeV) times running / 0.22336, "
    "PVDIS run down from the Z mass."
)


def _angle_text(ours: Sequence[AnglePoint]) -> list[str]:
    scales = ", ".join(f"{point.label} {1e3 * point.scale_GeV:.1f} MeV" for point in ours)
    return [
        (
            "sin2 theta_W against the scale, with the running of the Standard Model (dashed, computed); below, precise "
            "determinations enlarged."
        ),
        f"Ours: fits, one standard deviation, at the mean momentum transfer of their events ({scales}), drawn apart.",
        "Open grey points: values recalled, not confirmed by a second source.",
        _SCHEMES,
        "Points of one scale (2.4 and 10 MeV; 0.16, 4.5 and 91.2 GeV) are drawn apart: see the CSV beside the figure.",
    ]


def _is_precise(point: AnglePoint) -> bool:
    return point.up is not None and point.down is not None and max(point.up, point.down) < _PRECISE


def _ends(point: AnglePoint) -> tuple[float, float]:
    """Interval ends; the domain's where the interval has none."""
    low = 0.0 if point.down is None else point.value - point.down
    return low, 1.0 if point.up is None else point.value + point.up


def _draw_point(panel: Axes, point: AnglePoint) -> None:
    low, high = _ends(point)
    look: dict[str, Any] = {"color": "0.25", "marker": "o", "markersize": 3.5, "zorder": 2}
    if point.analysis:
        color = ANALYSIS_LINES[point.analysis].color
        look = {"color": color, "marker": MARKERS[point.analysis], "markersize": 5, "zorder": 4, "linewidth": 1.8}
        look["label"] = f"{point.label}: {interval_label(point.value, point.up, point.down)}"
    elif point.status == "recalled":
        look |= {"color": "0.6", "markerfacecolor": "white"}
    panel.errorbar(
        [point.drawn_at_GeV], [point.value], yerr=[[point.value - low], [high - point.value]],
        linestyle="none", elinewidth=look.pop("linewidth", 1.0), capsize=2, **look,
    )  # fmt: skip


def _name_point(panel: Axes, point: AnglePoint) -> None:
    """The name at the error bar, upright, on the side away from the running curve if there is room."""
    size = _NAME_SIZE
    low, high = _ends(point)
    bottom, top = panel.get_ylim()
    length = (0.58 * size * len(point.label) + 4) * (top - bottom) / _PANEL_POINTS
    fits_below, fits_above = low - length > bottom, high + length < top
    below = fits_below and (point.value < running_angle(point.drawn_at_GeV) or not fits_above)
    panel.annotate(
        point.label, (point.drawn_at_GeV, low if below else high), xytext=(0, -3 if below else 3),
        textcoords="offset points", rotation=90, fontsize=size, ha="center", va="top" if below else "bottom",
        color="0.5" if point.status == "recalled" else "0.15",
    )  # fmt: skip
