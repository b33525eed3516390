"""Drawing of Figs. 3 and 5, in the style of :mod:`spec_builder.figures.style`."""

from __future__ import annotations

import itertools
import textwrap
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from spec_builder.figures.style import (
    ANALYSIS_LINES,
    MARKERS,
    STYLE,
    Line,
    by_construction_note,
    display_name,
    laws_of,
    shade_intervals,
    small_print,
)
from spec_builder.paper.angle import running_angle
from spec_builder.paper.bounds import PANELS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from matplotlib.axes import Axes

    from spec_builder.base.arrays import FloatArray
    from spec_builder.inference.curves import Interval
    from spec_builder.paper.angle import AnglePoint
    from spec_builder.paper.bounds import Bound, MissingBound
    from spec_builder.studies.fits import FitResult
    from spec_builder.studies.limits import LimitsResult

__all__ = ["draw_angle", "draw_bounds"]

#: Points with smaller errors are named in the panel that shows them enlarged.
_PRECISE = 0.006
_SCALES_GEV = (1e-3, 4e2)
_OURS = "#0072B2"
#: One colour for each family of bounds, in the order of the legend; within it, curves differ by their dashes.
_FAMILY_COLORS = {
    "EvES": "#009E73",
    "CEvNS": "#000000",
    "NA64": "#CC79A7",
    "collider": "#D55E00",
    "fixed target": "#E69F00",
    "beam dump": "0.45",
    "cosmology": "#56B4E9",
    "astrophysics": "#8C6D1F",
    "other": "#5E3C99",
}
_DASHES: tuple[str | tuple[int, tuple[int, ...]], ...] = ("-", (0, (5, 2)), (0, (1, 1)), (0, (5, 1, 1, 1)))
_PANEL_TITLES = {
    "scalar": "scalar",
    "axial": "axial vector",
    "vector_bl": r"vector $B-L$",
    "vector_universal": "universal vector",
}
_COUPLINGS = (2e-9, 1e-1)


def draw_angle(points: Sequence[AnglePoint], fits: Sequence[FitResult]) -> Figure:
    """Fig. 3: the weak mixing angle against the scale; below, its precise determinations enlarged.

    Args:
        points: ours, which have an ``analysis``, and those of others.
        fits: ours, for law and provenance.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(6.9, 6.0), layout=None)
        whole, zoom = figure.subplots(2, 1, sharex=True, height_ratios=(1.25, 1))
        figure.subplots_adjust(left=0.095, right=0.985, top=0.985, hspace=0.05)
        small_print(figure, _angle_print([point for point in points if point.analysis], fits))
        scale = np.geomspace(*_SCALES_GEV, 600)
        for panel in (whole, zoom):
            panel.plot(
                scale, running_angle(scale), color="#D55E00", linestyle="--", linewidth=1.2, zorder=1,
                label=r"Standard Model, $\overline{\mathrm{MS}}$ running (computed)",
            )  # fmt: skip
            panel.set_xscale("log")
            panel.set_xlim(*_SCALES_GEV)
            panel.set_ylabel(r"$\sin^2\theta_W$")
        whole.set_ylim(0.06, 0.52)
        zoom.set_ylim(0.2235, 0.2485)
        for point in points:
            _draw_point(whole, point)
            if _is_precise(point):
                _draw_point(zoom, point)
                _name_point(zoom, point)
            elif not point.analysis:
                _name_point(whole, point)
        _bracket(zoom, [point.drawn_at_GeV for point in points if point.scheme == "effective_leptonic"])
        zoom.set_xlabel(r"scale $\mu$ [GeV]")
        whole.legend(loc="upper right", ncols=1, fontsize=7.5)
        zoom.text(0.99, 0.95, "enlarged", transform=zoom.transAxes, fontsize=7, ha="right", va="top", color="0.3")
    return figure


def _bracket(panel: Axes, places: Sequence[float]) -> None:
    """Say that points drawn apart all belong to the Z mass."""
    if len(places) > 1:
        ends = (min(places) / 1.1, max(places) * 1.1)
        height = panel.get_ylim()[0] + 0.0012
        panel.plot(ends, [height, height], color="0.3", linewidth=0.8, marker="|", markersize=4, zorder=2)
        panel.text(ends[0] / 1.08, height, "all at $M_Z$", fontsize=6, ha="right", va="center", color="0.3")


_SCHEMES = (
    r"$\overline{\mathrm{MS}}$ scheme: effective leptonic angles (Z pole) less 0.00032, on-shell ones (NuTeV) times "
    "running / 0.22336, PVDIS run down from the Z mass."
)


def _angle_print(ours: Sequence[AnglePoint], fits: Sequence[FitResult]) -> list[str]:
    scales = ", ".join(f"{point.label} {1e3 * point.scale_GeV:.1f} MeV" for point in ours)
    laws = laws_of(result.provenance for result in fits)
    variants = dict.fromkeys(f", {text}" for fit in fits for text in fit.provenance.variant_texts)
    where = "at the mean momentum transfer of their events"
    return [
        f"Ours: fits, one standard deviation, law {laws}{''.join(variants)}, {where} ({scales}), drawn apart.",
        "Open grey points: values recalled, not confirmed by a second source.",
        _SCHEMES,
        "Points of one scale (2.4 and 10 MeV; 0.16, 4.5 and 91.2 GeV) are drawn apart: see the CSV beside the figure.",
        by_construction_note(result.provenance for result in fits),
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
        look["label"] = _point_label(point)
    elif point.status == "recalled":
        look |= {"color": "0.6", "markerfacecolor": "white"}
    panel.errorbar(
        [point.drawn_at_GeV], [point.value], yerr=[[point.value - low], [high - point.value]],
        linestyle="none", elinewidth=look.pop("linewidth", 1.0), capsize=2, **look,
    )  # fmt: skip


def _point_label(point: AnglePoint) -> str:
    up, down = ("none" if end is None else f"{end:.2f}" for end in (point.up, point.down))
    return f"{point.label}: ${point.value:.2f}^{{+{up}}}_{{-{down}}}$"


def _name_point(panel: Axes, point: AnglePoint) -> None:
    """The name at the error bar, upright, on the side away from the running curve if there is room."""
    size = 6
    low, high = _ends(point)
    bottom, top = panel.get_ylim()
    figure = panel.get_figure()
    height = panel.get_position().height * (figure.get_figheight() if isinstance(figure, Figure) else 1.0) * 72
    length = (0.58 * size * len(point.label) + 4) * (top - bottom) / height
    fits_below, fits_above = low - length > bottom, high + length < top
    below = fits_below and (point.value < running_angle(point.drawn_at_GeV) or not fits_above)
    panel.annotate(
        point.label, (point.drawn_at_GeV, low if below else high), xytext=(0, -3 if below else 3),
        textcoords="offset points", rotation=90, fontsize=size, ha="center", va="top" if below else "bottom",
        color="0.5" if point.status == "recalled" else "0.15",
    )  # fmt: skip


def _draw_bounds_panel(
    panel: Axes, ours: LimitsResult, others: Iterable[tuple[Bound, Any]], entries: dict[str, Any]
) -> None:
    """One interaction: existing bounds with their looks, ours over them, and the axes."""
    for bound, look in others:
        _draw_bound(panel, bound, look, entries)
    mass = _draw_ours(panel, ours, entries)
    panel.set_xscale("log")
    panel.set_yscale("log")
    panel.set_xlim(mass[0], mass[-1])
    panel.set_xticks([tick for tick in (1e-2, 1e-1, 1e0, 1e1, 1e2) if mass[0] <= tick <= mass[-1]])
    panel.set_ylim(*_COUPLINGS)
    panel.text(0.03, 0.965, _PANEL_TITLES[ours.choice.name], transform=panel.transAxes, va="top", fontsize=9)


def draw_bounds(results: Sequence[LimitsResult], bounds: Sequence[Bound], missing: Sequence[MissingBound]) -> Figure:
    """Fig. 5: excluded couplings over existing bounds, a panel for each interaction.

    Args:
        results: limits of one analysis at the same confidence level, one for each of
            :data:`spec_builder.paper.bounds.PANELS`.
        bounds: existing ones.
        missing: those of the paper that are not drawn.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(6.9, 8.1), layout=None)
        panels = figure.subplots(2, 2, sharex=True, sharey=True).ravel()
        figure.subplots_adjust(left=0.085, right=0.985, top=0.92, wspace=0.04, hspace=0.04)
        entries: dict[str, Any] = {}
        looks = _looks(bounds)
        ours = {result.choice.name: result for result in results}
        for panel, interaction in zip(panels, PANELS, strict=True):
            others = [(bound, looks[bound.name]) for bound in bounds if bound.interaction == interaction]
            _draw_bounds_panel(panel, ours[interaction], others, entries)
            _list_missing(panel, [row for row in missing if row.interaction == interaction])
        for panel in panels[2:]:
            panel.set_xlabel("mediator mass [MeV]")
        for panel in panels[::2]:
            panel.set_ylabel("coupling $g$")
        first = _ours_label(results[0])
        order = sorted(bounds, key=lambda bound: list(_FAMILY_COLORS).index(bound.family))
        labels = [x for x in dict.fromkeys((first, *map(_bound_label, order))) if x in entries]
        figure.legend([entries[x] for x in labels], labels, loc="upper center", ncols=4, fontsize=7.5, handlelength=2.4)
        small_print(figure, _bounds_print(results, bounds))
    return figure


def _looks(bounds: Sequence[Bound]) -> dict[str, Line]:
    """Colour and dashes by name: the same in every panel, dashes in the order of names within a family."""
    looks: dict[str, Line] = {}
    for family, color in _FAMILY_COLORS.items():
        names = dict.fromkeys(bound.name for bound in bounds if bound.family == family)
        dashes = itertools.cycle(("-",) if family == "beam dump" else _DASHES)
        looks |= {name: Line(color, dash) for name, dash in zip(names, dashes, strict=False)}
    return looks


def _bound_label(bound: Bound) -> str:
    return "beam dumps" if bound.family == "beam dump" else bound.title


def _draw_bound(panel: Axes, bound: Bound, look: Line, entries: dict[str, Any]) -> None:
    dump = bound.family == "beam dump"
    top = np.where(np.isfinite(bound.g_high), bound.g_high, 1e3)
    if bound.two_sided:  # what has no upper end stays unfilled: many of them on top of each other would hide ours
        panel.fill_between(bound.mass_MeV, bound.g_low, top, color=look.color, alpha=0.16, linewidth=0, zorder=1)
    mass, edge = bound.mass_MeV, bound.g_low
    if bound.two_sided:  # once around
        mass = np.concatenate([mass, mass[::-1], mass[:1]])
        edge = np.concatenate([edge, top[::-1], edge[:1]])
    (line,) = panel.plot(mass, edge, color=look.color, linestyle=look.style, linewidth=0.5 if dump else 1.0, zorder=2)
    entries.setdefault(_bound_label(bound), Patch(facecolor=look.color, alpha=0.4) if dump else line)


def _draw_ours(panel: Axes, result: LimitsResult, entries: dict[str, Any]) -> FloatArray:
    points = result.exclusion.points
    mass = np.array([point.mass_MeV for point in points])
    excluded = [point.excluded for point in points]
    shade_intervals(panel, mass, excluded, _OURS)
    edges = [[edge for interval in row for edge in interval if edge is not None] for row in excluded]
    count = max((len(row) for row in edges), default=0)
    for k in range(count):
        height = np.array([row[k] if k < len(row) else np.nan for row in edges])
        (line,) = panel.plot(mass, height, color=_OURS, linewidth=1.9 if count == 1 else 1.2, zorder=5)
        entries.setdefault(_ours_label(result), line)
    _point_at_band(panel, float(mass[0]), excluded[0])
    return mass


def _point_at_band(panel: Axes, mass: float, excluded: Sequence[Interval]) -> None:
    """An arrow to the allowed band between the first two excluded intervals, if there is one."""
    first, second = [*excluded, (None, None), (None, None)][:2]
    if not first[0] or first[1] is None or second[0] is None:
        return
    band = np.sqrt(first[1] * second[0])
    panel.annotate(
        "allowed band", (2.2 * mass, band), xytext=(4, 22), textcoords="offset points", fontsize=6.5,
        color=_OURS, arrowprops={"arrowstyle": "->", "color": _OURS, "linewidth": 0.7, "shrinkB": 0}, zorder=6,
    )  # fmt: skip


def _ours_label(result: LimitsResult) -> str:
    about = result.provenance
    name = {"combined": "XENONnT + PandaX-4T"}.get(about.analysis, display_name(about.analysis))
    return f"{name}{'*' if about.by_construction else ''} (ours)"


def _list_missing(panel: Axes, missing: Sequence[MissingBound]) -> None:
    if missing:
        names = ", ".join(row.title for row in missing)
        text = textwrap.fill(f"not drawn: {names}", 27, break_long_words=False).replace("N_eff", r"$N_\mathrm{eff}$")
        panel.text(0.03, 0.025, text, transform=panel.transAxes, fontsize=5.5, va="bottom", color="0.35")


def _bounds_print(results: Sequence[LimitsResult], bounds: Sequence[Bound]) -> list[str]:
    exclusion = results[0].exclusion
    against = "each mass's minimum" if exclusion.dof == 1 else "the minimum over the plane"
    laws = laws_of(r.provenance for r in results)
    options = [*results[0].provenance.variant_texts]
    options += [f"scalar coupling set {r.choice.coupling_set}" for r in results if r.choice.coupling_set]
    level = rf"{100 * exclusion.cl:g} % CL, dof {exclusion.dof} ($\Delta\chi^2>{exclusion.threshold:.3f}$)"
    dumps = ", ".join(dict.fromkeys(b.title for b in bounds if b.family == "beam dump"))
    confidences = ", ".join(dict.fromkeys(b.confidence for b in bounds))
    recast = "as published, or recast with DarkCast under its assumptions; drawn from where their tables begin"
    lines = [
        f"Ours: excluded in the shaded regions, {level} against {against}; {'; '.join([f'law {laws}', *options])}.",
        f"Existing bounds, excluded above a line and inside a closed region: {confidences}; {recast}.",
        f"Beam dumps: {dumps}." if dumps else "",
        "'Not drawn': the paper has them, but no public numbers or no recast exist; reasons in fig5_bounds.md.",
    ]
    return [*lines, by_construction_note(r.provenance for r in results)]
