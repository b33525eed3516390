"""Drawing of Figs. 3 and 5, in the style of :mod:`spec_builder.figures.style`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke

from spec_builder.figures.style import (
    ANALYSIS_LINES,
    MARKERS,
    STYLE,
    by_construction_note,
    laws_of,
    shade_intervals,
    small_print,
)
from spec_builder.paper.angle import running_angle
from spec_builder.paper.bounds import PANELS
from spec_builder.paper.computed import GLOBAL, STAND_INS, label_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from spec_builder.base.arrays import FloatArray
    from spec_builder.paper.angle import AnglePoint
    from spec_builder.paper.bounds import Bound, MissingBound
    from spec_builder.studies.fits import FitResult
    from spec_builder.studies.limits import LimitsResult

__all__ = ["draw_angle", "draw_bounds", "draw_global", "is_peak_search"]

#: Points with smaller errors are named in the panel that shows them enlarged.
_PRECISE = 0.006
#: Our points with smaller errors are written with a digit more.
_FINE = 0.05
_SCALES_GEV = (1e-3, 4e2)
_OURS = "#0072B2"
_DASHES: tuple[tuple[int, tuple[int, ...]], ...] = ((0, (5, 2)),)
_EXISTING = "0.35"
_DUMPS = "beam dumps"
#: Our own curves of Fig. 5 and of the joint limit, all solid (Okabe and Ito).
_COMPUTED_COLORS = {
    "combined": _OURS,
    "coherent_csi": "#D55E00",
    "eves": "#009E73",
    "texono": "#CC79A7",
    "global": "#000000",
}
#: Mass [MeV] at which a shipped curve's name stands, and whether above the curve; others' stands in its middle.
_LABEL_AT = {
    "babar": (32.0, True),
    "babar_invisible": (4.0, True),
    "borexino": (0.5, False),
    "charm_ii": (6.0, True),
    "texono": (0.9, True),
}
#: Where curves crowd: the mass at which a line from the name ends, and where the name stands (mass, coupling).
_LED = {
    "a1": (45.0, (17.0, 2e-2)),
    "apex": (215.0, (120.0, 2e-2)),
    "lhcb": (500.0, (450.0, 6e-6)),
    "na64": (30.0, (60.0, 1.5e-6)),
}
#: A curve that turns more often is a peak search.
_TURNS = 15
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
                scale, running_angle(scale), color="0.2", linestyle="--", linewidth=1.2, zorder=1,
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
    ends = (point.up, point.down)
    digits = 3 if all(end is not None and end < _FINE for end in ends) else 2
    up, down = ("none" if end is None else f"{end:.{digits}f}" for end in ends)
    return f"{point.label}: ${point.value:.{digits}f}^{{+{up}}}_{{-{down}}}$"


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


def draw_bounds(
    results: Sequence[LimitsResult],
    bounds: Sequence[Bound],
    missing: Sequence[MissingBound],
    others: Sequence[LimitsResult] = (),
) -> Figure:
    """Fig. 5: excluded couplings over our other curves and existing bounds, a panel for each interaction.

    Args:
        results: limits of one analysis at the same confidence level, one for each of
            :data:`spec_builder.paper.bounds.PANELS`.
        bounds: existing ones.
        missing: those of the paper that are not drawn.
        others: our limits of other analyses, for the same interactions.
    """
    with mpl.rc_context(STYLE):
        figure, panels = _four_panels()
        entries: dict[str, Any] = {}
        for panel, interaction in zip(panels, PANELS, strict=True):
            here = [bound for bound in bounds if bound.interaction == interaction]
            _draw_existing(panel, here, entries)
            for other in (r for r in others if r.choice.name == interaction):
                _draw_computed(panel, other, entries)
            result = next(r for r in results if r.choice.name == interaction)
            _draw_computed(panel, result, entries, shaded=True)
            masses = [point.mass_MeV for point in result.exclusion.points]
            panel.set_xlim(masses[0], masses[-1])
            panel.set_xticks([mass for mass in (1e-2, 1e-1, 1e0, 1e1, 1e2) if masses[0] <= mass <= masses[-1]])
            panel.set_ylim(*_COUPLINGS)
            for bound in here:
                _label_bound(panel, bound)
            _point_at_band(panel, result)
        ours = [x for x in dict.fromkeys(map(label_of, (*results, *others))) if x in entries]
        theirs = [x for x in entries if x not in ours]
        labels = [*ours, *theirs]
        figure.legend(
            [entries[x] for x in labels], labels, loc="upper center", ncols=3, fontsize=7.5, handlelength=2.4,
            title="computed here (solid), and existing bounds (named at their curves)", title_fontsize=7.5,
        )  # fmt: skip
        small_print(figure, _bounds_print(results, bounds, missing, others))
    return figure


def draw_global(results: Sequence[LimitsResult]) -> Figure:
    """The joint limit on one coupling over those of its parts, a panel for each interaction.

    Args:
        results: of the joint analysis and of its parts, each for every one of
            :data:`spec_builder.paper.bounds.PANELS`.
    """
    with mpl.rc_context(STYLE):
        figure, panels = _four_panels()
        entries: dict[str, Any] = {}
        for panel, interaction in zip(panels, PANELS, strict=True):
            here = [r for r in results if r.choice.name == interaction]
            for result in sorted(here, key=lambda r: r.provenance.analysis == GLOBAL):
                _draw_computed(panel, result, entries, shaded=result.provenance.analysis == GLOBAL)
            masses = [point.mass_MeV for point in here[0].exclusion.points]
            panel.set_xlim(masses[0], masses[-1])
            panel.set_xticks([1e-2, 1e0, 1e2])
            panel.set_ylim(5e-8, 1e-1)
        order = [x for x in dict.fromkeys(map(label_of, results)) if x in entries]
        figure.legend([entries[x] for x in order], order, loc="upper center", ncols=3, fontsize=7.5, handlelength=2.4)
        lines = [
            f"Excluded in the shaded regions and above the lines, {_level(results[0])}; {_options(results)}.",
            "One coupling to neutrinos, quarks and charged leptons in one likelihood; its parts share nothing else.",
        ]
        small_print(figure, [*lines, by_construction_note(r.provenance for r in results)])
    return figure


def _four_panels() -> tuple[Figure, Sequence[Axes]]:
    """A figure of four panels with logarithmic axes and the names of the interactions."""
    figure = Figure(figsize=(6.9, 8.0), layout=None)
    panels = figure.subplots(2, 2, sharex=True, sharey=True).ravel()
    figure.subplots_adjust(left=0.085, right=0.985, top=0.925, wspace=0.04, hspace=0.04)
    for panel, interaction in zip(panels, PANELS, strict=True):
        panel.set_xscale("log")
        panel.set_yscale("log")
        panel.text(0.03, 0.965, _PANEL_TITLES[interaction], transform=panel.transAxes, va="top", fontsize=9)
    for panel in panels[2:]:
        panel.set_xlabel("mediator mass [MeV]")
    for panel in panels[::2]:
        panel.set_ylabel("coupling $g$")
    return figure, panels


def _draw_existing(panel: Axes, bounds: Sequence[Bound], entries: dict[str, Any]) -> None:
    """Existing bounds: closed regions as one grey area with its outline, the others as thin lines."""
    closed = [bound for bound in bounds if bound.two_sided]
    for bound in closed:
        panel.plot(*_outline(bound), color="0.62", linewidth=1.0, zorder=0.3)
    for bound in closed:  # over all outlines: what is left of them is that of the whole
        panel.fill(*_outline(bound), color="0.9", linewidth=0, zorder=0.4)
        entries.setdefault(_DUMPS, Patch(facecolor="0.9", edgecolor="0.62"))
    for bound in (bound for bound in bounds if not bound.two_sided):
        mass, height = _line_of(bound)
        (line,) = panel.plot(mass, height, color=_EXISTING, linestyle=_DASHES[0], linewidth=0.8, zorder=1)
        entries.setdefault("existing bounds", line)


def _outline(bound: Bound) -> tuple[FloatArray, FloatArray]:
    """Once around a closed region."""
    top = np.where(np.isfinite(bound.g_high), bound.g_high, 1e3)
    mass = np.concatenate([bound.mass_MeV, bound.mass_MeV[::-1], bound.mass_MeV[:1]])
    return mass, np.concatenate([bound.g_low, top[::-1], bound.g_low[:1]])


def _line_of(bound: Bound) -> tuple[FloatArray, FloatArray]:
    """The curve as it is drawn: a peak search, which zigzags, as its weakest limit in each twelfth of a decade."""
    if not is_peak_search(bound):
        return bound.mass_MeV, bound.g_low
    place = np.floor(12 * np.log10(bound.mass_MeV)).astype(int)
    groups = [np.flatnonzero(place == k) for k in np.unique(place)]
    mass = np.array([np.exp(np.log(bound.mass_MeV[group]).mean()) for group in groups])
    mass[0], mass[-1] = bound.mass_MeV[0], bound.mass_MeV[-1]
    return mass, np.array([bound.g_low[group].max() for group in groups])


def is_peak_search(bound: Bound) -> bool:
    """Whether a curve without an upper end turns so often that it can be read only as an envelope."""
    slopes = np.sign(np.diff(bound.g_low))
    return not bound.two_sided and int(np.sum(slopes[1:] != slopes[:-1])) > _TURNS


def _label_bound(panel: Axes, bound: Bound) -> None:
    """The bound's name along its curve; beam dumps have the legend and the small print."""
    if bound.two_sided:
        return
    mass, height = _line_of(bound)
    halo = [withStroke(linewidth=1.6, foreground="white")]
    if bound.name in _LED:
        where, place = _LED[bound.name]
        panel.annotate(
            bound.title, (where, _height_at(where, mass, height)), xytext=place, fontsize=5.5, ha="center",
            va="center", color="0.15", zorder=6, path_effects=halo,
            arrowprops={"arrowstyle": "-", "color": "0.35", "linewidth": 0.5, "shrinkA": 0.5, "shrinkB": 0},
        )  # fmt: skip
        return
    low, high = panel.get_xlim()
    inside = (mass >= low) & (mass <= high)
    ends = mass[inside][[0, -1]] if inside.any() else mass[[0, -1]]
    where, above = _LABEL_AT.get(bound.name, (float(np.sqrt(ends[0] * ends[1])), True))
    where = float(np.clip(where, ends[0], ends[1]))
    panel.annotate(
        bound.title,
        (where, _height_at(where, mass, height)),
        xytext=(0, 2 if above else -2),
        textcoords="offset points",
        fontsize=5.5,
        ha="center",
        va="bottom" if above else "top",
        rotation=_slope(panel, mass, height, where),
        rotation_mode="anchor",
        color="0.15",
        zorder=6,
        path_effects=halo,
    )


def _height_at(where: float, mass: FloatArray, height: FloatArray) -> float:
    """A curve's height, straight in logarithms between its points."""
    return float(np.exp(np.interp(np.log(where), np.log(mass), np.log(height))))


def _slope(panel: Axes, mass: FloatArray, height: FloatArray, where: float) -> float:
    """Angle of a curve on the page [degrees]."""
    figure = panel.get_figure()
    size = (figure.get_figwidth(), figure.get_figheight()) if isinstance(figure, Figure) else (1.0, 1.0)
    box = panel.get_position()
    x, y = np.log10(panel.get_xlim()), np.log10(panel.get_ylim())
    near = np.log10(where) + np.array([-0.15, 0.15])
    near = np.clip(near, np.log10(mass[0]), np.log10(mass[-1]))
    rise = np.diff(np.interp(near, np.log10(mass), np.log10(height)))[0]
    across = (near[1] - near[0]) / (x[1] - x[0]) * box.width * size[0]
    up = rise / (y[1] - y[0]) * box.height * size[1]
    return float(np.degrees(np.arctan2(up, across)))


def _draw_computed(panel: Axes, result: LimitsResult, entries: dict[str, Any], *, shaded: bool = False) -> None:
    """A curve of our own: solid, what it excludes shaded if asked for."""
    color = _COMPUTED_COLORS.get(result.provenance.analysis, _COMPUTED_COLORS["combined"])
    points = result.exclusion.points
    mass = np.array([point.mass_MeV for point in points])
    excluded = [point.excluded for point in points]
    if shaded:
        shade_intervals(panel, mass, excluded, color)
    edges = [[edge for interval in row for edge in interval if edge is not None] for row in excluded]
    width = 1.9 if shaded else 1.3
    for k in range(max((len(row) for row in edges), default=0)):
        height = np.array([row[k] if k < len(row) else np.nan for row in edges])
        (line,) = panel.plot(mass, height, color=color, linewidth=width if k == 0 else 1.0, zorder=5 if shaded else 4)
        entries.setdefault(label_of(result), line)


def _point_at_band(panel: Axes, result: LimitsResult) -> None:
    """Say where the allowed band between two excluded intervals is."""
    points = result.exclusion.points
    first, second = [*points[0].excluded, (None, None), (None, None)][:2]
    if first[0] and first[1] is not None and second[0] is not None:
        band = np.sqrt(first[1] * second[0])
        panel.annotate(
            "allowed band", (2.2 * points[0].mass_MeV, band), xytext=(4, 22), textcoords="offset points",
            fontsize=6.5, color=_OURS, zorder=6,
            arrowprops={"arrowstyle": "->", "color": _OURS, "linewidth": 0.7, "shrinkB": 0},
        )  # fmt: skip


def _level(result: LimitsResult) -> str:
    exclusion = result.exclusion
    against = "each mass's minimum" if exclusion.dof == 1 else "the minimum over the plane"
    threshold = rf"$\Delta\chi^2>{exclusion.threshold:.3f}$"
    return f"{100 * exclusion.cl:g} % CL, dof {exclusion.dof} ({threshold}) against {against}"


def _options(results: Sequence[LimitsResult]) -> str:
    options = [*results[0].provenance.variant_texts]
    options += [f"scalar coupling set {r.choice.coupling_set}" for r in results if r.choice.coupling_set]
    return "; ".join(dict.fromkeys([f"law {laws_of(r.provenance for r in results)}", *options]))


def _bounds_print(
    results: Sequence[LimitsResult],
    bounds: Sequence[Bound],
    missing: Sequence[MissingBound],
    others: Sequence[LimitsResult],
) -> list[str]:
    dumps = ", ".join(dict.fromkeys(b.title for b in bounds if b.two_sided))
    peaks = ", ".join(dict.fromkeys(b.title for b in bounds if is_peak_search(b)))
    confidences = ", ".join(dict.fromkeys(b.confidence for b in bounds))
    recast = "as published, or recast with DarkCast under its assumptions; drawn from where their tables begin"
    rows = [row for row in missing if row.name not in STAND_INS or not others]
    absent = ", ".join(dict.fromkeys(row.title for row in rows)).replace("N_eff", r"$N_\mathrm{eff}$")
    computed = "excluded in the shaded region and above our other lines"
    lines = [
        f"Computed here: {computed}, {_level(results[0])}; {_options(results)}.",
        f"Existing bounds, excluded above a line and inside the grey region: {confidences}; {recast}.",
        f"Beam dumps: {dumps}." if dumps else "",
        f"Peak searches ({peaks}): the weakest limit in each twelfth of a decade of mass." if peaks else "",
        f"In the paper's figure but without public numbers or a recast (fig5_bounds.md): {absent}." if absent else "",
    ]
    return [*lines, by_construction_note(r.provenance for r in (*results, *others))]
