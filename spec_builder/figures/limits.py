"""Limits of one interaction or several: against the mediator mass, or as intervals where there is no mass."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from spec_builder.base.errors import SpecBuilderError
from spec_builder.drawing.curves import draw_bars, draw_levels, draw_profile
from spec_builder.drawing.page import Page, entries_of, legend_above, new_figure, styled
from spec_builder.drawing.style import ANALYSIS_LINES, PALETTE, Line, axis_label
from spec_builder.figures.pages import caption_of
from spec_builder.figures.plane import draw_plane
from spec_builder.studies.pictures import dataset_label, gaps_text, interaction_label, level_note

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spec_builder.studies.limits import LimitsResult
    from spec_builder.studies.plane import Plane

__all__ = ["draw_limits", "draw_lines"]

#: How far a line without a sign is drawn on either side of what is excluded, as a factor.
_AROUND = 30.0


def draw_limits(results: Sequence[LimitsResult], *, width: str = "single") -> Page:
    """Excluded couplings against the mediator mass; bars along the parameter where there is no mass.

    Args:
        results: of interactions with a mass, or of one parameter without.
        width: ``single`` or ``double``.

    Raises:
        SpecBuilderError: if the results do not belong into one figure, or a mass axis would have one point.
    """
    first = results[0]
    if len({(r.choice.has_mediator, r.choice.parameter, r.choice.unit) for r in results}) != 1:
        raise SpecBuilderError("limits of different parameters do not fit into one figure")
    if first.choice.has_mediator:
        return draw_plane(results, width=width)
    with styled():
        figure = new_figure(width, 1.05 + 0.28 * len(results))
        panel = figure.subplots()
        lines = _own_lines([result.provenance.analysis for result in results])
        rows = [
            (dataset_label(result.provenance), point.excluded if point.valid else None, point.best_g, line.color)
            for result, line in zip(results, lines, strict=True)
            for point in result.exclusion.points
        ]
        draw_bars(panel, rows, axis_label(first.choice.parameter, first.choice.unit or "1"), signed=first.choice.signed)
        panel.set_title(f"{interaction_label(first.choice)}\n{level_note(first.provenance)}", loc="right")
    return Page(figure, caption_of(f"Limits on {first.choice.title}", results, first.drawn))


def _own_lines(analyses: Sequence[str]) -> list[Line]:
    """A line for each: its analysis' own, or by its place where there is none or it would stand twice."""
    alone = len(set(analyses)) == len(analyses)
    places = zip(analyses, itertools.cycle(PALETTE), strict=False)
    return [ANALYSIS_LINES.get(name, line) if alone else line for name, line in places]


def draw_lines(planes: Sequence[Plane], *, width: str = "single") -> Page:
    """Delta chi^2 against the parameter of an interaction without a mass, a line for each analysis.

    Args:
        planes: of the same interaction, from :func:`spec_builder.studies.plane.profile_planes`.
        width: ``single`` or ``double``.
    """
    limits = [plane.limits for plane in planes]
    choice, threshold = limits[0].choice, limits[0].exclusion.threshold
    with styled():
        figure = new_figure(width, 2.9)
        panel = figure.subplots()
        for plane, line in zip(planes, _own_lines([one.provenance.analysis for one in limits]), strict=True):
            label = dataset_label(plane.limits.provenance)
            heights = np.where(plane.reason[0] == 0, plane.delta_chi2[0], np.nan)
            draw_profile(panel, plane.couplings, heights, line=line, label=label)
        draw_levels(panel, {limits[0].provenance.level: threshold})
        panel.set_xscale("linear" if choice.signed else "log")
        panel.set_xlim(*_seen(planes, signed=choice.signed))
        panel.set_ylim(0, 4 * threshold or 1.0)
        panel.set_xlabel(axis_label(choice.parameter, choice.unit or "1"))
        title = f"{interaction_label(choice)}\n{level_note(limits[0].provenance)}"
        legend_above(figure, entries_of([panel]), 2, title=title)
    what = f"Profiles of Delta chi2; excluded is what lies above the grey line, Delta chi2 = {threshold:.3f}."
    wrong = sum(int(np.sum(plane.reason > 0)) for plane in planes)
    return Page(figure, caption_of(f"Delta chi2 of {choice.title}", limits, what, gaps_text(wrong)))


def _seen(planes: Sequence[Plane], *, signed: bool) -> tuple[float, float]:
    """The part of the lines that is drawn: without a sign what is around the ends, for far below nothing happens."""
    low = min(float(plane.couplings[0]) for plane in planes)
    high = max(float(plane.couplings[-1]) for plane in planes)
    ends = [end for plane in planes for row in plane.limits.excluded for pair in row for end in pair if end]
    if signed or not ends:
        return low, high
    return max(low, min(ends) / _AROUND), min(high, max(ends) * _AROUND)
