"""Limits of one interaction or several: against the mediator mass, or as intervals where there is no mass."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from spec_builder.base.errors import SpecBuilderError
from spec_builder.figures.plane import draw_exclusion, draw_plane, level_print, looks_by_place, option_print
from spec_builder.figures.style import PALETTE, STYLE, by_construction_note, display_name, small_print
from spec_builder.model.provenance import parameter_label

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from spec_builder.studies.limits import LimitsResult
    from spec_builder.studies.plane import Plane

__all__ = ["draw_limits", "draw_lines"]

#: A range of a signed parameter is drawn in logarithms if it is wider.
_WIDE = 1e4


def draw_limits(results: Sequence[LimitsResult], ax: Axes | None = None) -> Figure:
    """Excluded couplings against the mediator mass; bars along the parameter where there is no mass.

    Args:
        results: of interactions with a mass, or of one parameter without.
        ax: axes to draw into; a figure with small print is made if there are none.

    Raises:
        SpecBuilderError: if the results do not belong into one figure, or a mass axis would have one point.
    """
    parameters = {(result.choice.has_mediator, parameter_label(result.choice)) for result in results}
    if len(parameters) != 1:
        raise SpecBuilderError("limits of different parameters do not fit into one figure")
    if results[0].choice.has_mediator:
        masses = [point.mass_MeV for point in results[0].exclusion.points if np.isfinite(point.mass_MeV)]
        if len(set(masses)) < 2:
            raise SpecBuilderError("a figure of limits needs at least two finite masses")
        if ax is None:
            return draw_plane(results)
        looks = looks_by_place(results)
        for result in results:
            draw_exclusion(ax, result, looks[result.choice.name])
        ax.set(xscale="log", yscale="log", xlabel="mediator mass [MeV]", ylabel=parameter_label(results[0].choice))
        return _figure_of(ax)
    if ax is not None:
        _draw_bars(ax, results)
        return _figure_of(ax)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(5.2, 1.9 + 0.35 * len(results)), layout=None)
        panel = figure.subplots()
        figure.subplots_adjust(left=0.24, right=0.97, top=0.9)
        _draw_bars(panel, results)
        where = f"Excluded in the bars at {level_print(results[0])}"
        notes = by_construction_note(result.provenance for result in results)
        small_print(figure, [f"{'; '.join([where, *option_print(results)])}.", notes])
    return figure


def draw_lines(planes: Sequence[Plane]) -> Figure:
    """Delta chi^2 against the parameter of an interaction without a mass, a line for each analysis.

    Args:
        planes: of the same interaction, from :func:`spec_builder.studies.plane.profile_planes`.
    """
    first = planes[0].limits
    choice, threshold = first.choice, first.exclusion.threshold
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(5.2, 4.0), layout=None)
        panel = figure.subplots()
        figure.subplots_adjust(left=0.12, right=0.97, top=0.93)
        for plane, line in zip(planes, itertools.cycle(PALETTE), strict=False):
            about = plane.limits.provenance
            star = "*" if about.by_construction else ""
            panel.plot(
                plane.couplings,
                plane.delta_chi2[0],
                color=line.color,
                linestyle=line.style,
                linewidth=1.6,
                label=", ".join([display_name(about.analysis) + star, *about.variants.values()]),
            )
        panel.axhline(threshold, color="0.6", linewidth=0.6, zorder=0)
        panel.set_xscale("linear" if choice.signed else "log")
        panel.set_xlim(planes[0].couplings[0], planes[0].couplings[-1])
        panel.set_ylim(0, 4 * threshold)
        panel.set_xlabel(parameter_label(choice))
        panel.set_ylabel(r"$\Delta\chi^2$")
        panel.set_title(choice.title, fontsize=9)
        panel.legend(loc="upper center")
        limits = [plane.limits for plane in planes]
        where = f"Excluded above the grey line at {level_print(first)}"
        notes = by_construction_note(limit.provenance for limit in limits)
        small_print(figure, [f"{'; '.join([where, *option_print(limits)])}.", notes])
    return figure


def _figure_of(ax: Axes) -> Figure:
    figure = ax.figure
    if not isinstance(figure, Figure):
        raise SpecBuilderError("the axes belong to no figure")
    return figure


def _scale_bars(panel: Axes, results: Sequence[LimitsResult]) -> tuple[float, float]:
    """Set the axis around what is excluded, and return its ends."""
    intervals = [interval for result in results for interval in result.exclusion.points[0].excluded]
    ends = [abs(end) for interval in intervals for end in interval if end and np.isfinite(end)]
    low, high = (0.1 * min(ends), 10 * max(ends)) if ends else (1e-3, 1.0)
    if not results[0].choice.signed:
        panel.set_xscale("log")
        panel.set_xlim(low, high)
        return low, high
    if high > _WIDE * low:
        panel.set_xscale("symlog", linthresh=10 * low)
    else:
        high *= 0.2
    panel.set_xlim(-high, high)
    return -high, high


def _draw_bars(panel: Axes, results: Sequence[LimitsResult]) -> None:
    """A row for each result: what is excluded as bars, the best value as a point."""
    choice = results[0].choice
    least, high = _scale_bars(panel, results)
    names = []
    for place, result in enumerate(reversed(results)):
        (point,) = result.exclusion.points
        color = PALETTE[place % len(PALETTE)].color
        for begin, end in point.excluded:
            left = least if begin is None else max(begin, least)
            right = high if end is None else end
            panel.barh(place, right - left, left=left, height=0.5, color=color, alpha=0.35)
        panel.plot([point.best_g], [place], "o", color=color, markersize=4)
        names.append(display_name(result.provenance.analysis) + ("*" if result.provenance.by_construction else ""))
    panel.set_yticks(range(len(names)), names)
    panel.set_ylim(-0.6, len(names) - 0.4)
    panel.set_xlabel(parameter_label(choice))
    panel.set_title(choice.title, fontsize=9)
