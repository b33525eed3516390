"""Profiles of a parameter, and pulls of the nuisance parameters, of several analyses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from spec_builder.drawing.page import Page, entries_of, legend_above, new_figure, styled
from spec_builder.drawing.pulls import draw_pulls as draw_rows
from spec_builder.drawing.pulls import name_rows, pull_axes
from spec_builder.drawing.style import MARKERS, axis_label, line_of
from spec_builder.figures.pages import caption_of
from spec_builder.studies.pictures import dataset_label, level_note

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spec_builder.studies.fits import FitResult
    from spec_builder.studies.profiles import ProfileResult

__all__ = ["draw_profiles", "draw_pulls"]


def draw_profiles(results: Sequence[ProfileResult], *, width: str | None = None) -> Page:
    """Delta chi^2 profiles, a panel for each parameter; Fig. 2 of arXiv:2411.11749.

    Args:
        results: profiles of one or more parameters and analyses.
        width: ``single`` or ``double``; as the number of panels asks for by default.
    """
    parameters = list(dict.fromkeys(result.best.parameter for result in results))
    with styled():
        size, count = width or ("single" if len(parameters) == 1 else "double"), len(parameters)
        rows, columns = (count, 1) if size == "single" else (1, count)
        figure = new_figure(size, 3.0 * rows)
        panels = figure.subplots(rows, columns, squeeze=False).ravel()
        for panel, parameter in zip(panels, parameters, strict=True):
            for result in (r for r in results if r.best.parameter == parameter):
                result.plot(panel)
    title = "Delta chi2 profiles" if len(results) > 1 else results[0].report().title
    return Page(figure, caption_of(title, results, results[0].drawn))


def draw_pulls(results: Sequence[FitResult], *, width: str = "single") -> Page:
    """Nuisance parameters at the minimum with their uncertainties, in units of their constraints.

    Args:
        results: fits of the same parameter in one or more analyses.
        width: ``single`` or ``double``.
    """
    names = sorted({name for result in results for name in result.fit.pulls})
    height = {name: len(names) - 1 - i for i, name in enumerate(names)}
    with styled():
        figure = new_figure(width, 0.3 * len(names) + 1.1)
        panel = figure.subplots()
        reach = 0.0
        for k, result in enumerate(results):
            about, pulls = result.provenance, result.fit.pulls
            offset = 0.22 * ((len(results) - 1) / 2 - k)
            values = np.array([pull.value for pull in pulls.values()])
            errors = np.array([pull.uncertainty for pull in pulls.values()])
            reach = max(reach, float((np.abs(values) + errors).max(initial=0.0)))
            draw_rows(
                panel, [height[name] + offset for name in pulls], values, errors, line=line_of(about.analysis, k),
                marker=MARKERS.get(about.analysis, "^"), label=dataset_label(about),
            )  # fmt: skip
        pull_axes(panel, reach)
        name_rows(panel, names)
        note = f"fit of {axis_label(results[0].fit.parameter)}, {level_note(results[0].provenance.at(None))}"
        legend_above(figure, entries_of([panel]), 3, title=note, columnspacing=1.4)
    return Page(figure, caption_of("Pulls of the nuisance parameters", results, results[0].drawn))
