"""The plane of mediator mass and coupling: excluded regions."""

from __future__ import annotations

import itertools
import textwrap
from typing import TYPE_CHECKING

import numpy as np

from spec_builder.drawing.curves import check_masses, draw_excluded, draw_level_note, mass_coupling_axes, range_of_ends
from spec_builder.drawing.page import Page, entries_of, legend_above, new_figure, styled
from spec_builder.drawing.style import PALETTE, Line, axis_label
from spec_builder.figures.pages import caption_of
from spec_builder.studies.limits import drawn_text
from spec_builder.studies.pictures import dataset_label, interaction_label, level_note

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from spec_builder.studies.limits import LimitsResult

__all__ = ["draw_plane", "looks_by_place"]

#: Entries of a legend side by side in a figure of one column's width, and of two.
_COLUMNS = {"single": 3, "double": 5}
#: Panels side by side, and letters of a line of their titles.
_ABREAST, _TITLE_LETTERS = {"single": 1, "double": 3}, 35
#: Height of what surrounds the panels, of one row, of each of several, and of a page of a journal [in].
_AROUND, _ONE_ROW, _ROW, _PAGE = 0.6, 2.2, 2.1, 9.2
#: A line and its name in the legend.
Look = tuple[Line, str]


def looks_by_place(results: Iterable[LimitsResult]) -> dict[str, Look]:
    """A line and a name for each interaction by its place in the list."""
    titles = {result.choice.name: interaction_label(result.choice) for result in results}
    return {name: (line, titles[name]) for line, name in zip(itertools.cycle(PALETTE), titles, strict=False)}


def draw_plane(
    results: Sequence[LimitsResult],
    *,
    looks: Mapping[str, Look] | None = None,
    couplings: tuple[float, float] | None = None,
    width: str | None = None,
) -> Page:
    """Excluded couplings against the mediator mass, a panel for each analysis.

    Args:
        results: limits at the same confidence level, from :func:`spec_builder.studies.limits.find_limits`.
        looks: line and name of the interactions by name; by their place in the list if none are given.
        couplings: range that is drawn; around what is excluded if none is given.
        width: ``single`` or ``double``; as the number of panels asks for by default.

    Raises:
        SpecBuilderError: if there are fewer than two finite masses.
    """
    analyses = list(dict.fromkeys(result.provenance.analysis for result in results))
    if len(results) == 1 and looks is None:
        looks = {results[0].choice.name: (PALETTE[0], interaction_label(results[0].choice))}
    looks = looks or looks_by_place(results)
    for result in results:
        check_masses(np.array([point.mass_MeV for point in result.drawn_points]), signed=result.choice.signed)
    ends = couplings or range_of_ends([p.excluded for r in results for p in r.drawn_points])
    size = width or ("single" if len(analyses) == 1 else "double")
    with styled():
        figure, panels = _panels(len(analyses), size)
        for panel, analysis in zip(panels, analyses, strict=True):
            here = [r for r in results if r.provenance.analysis == analysis]
            _draw_panel(panel, here, looks, ends or here[0].choice.default_range)
            title = dataset_label(here[0].provenance)
            panel.set_title(textwrap.fill(title, _TITLE_LETTERS) if len(panels) > 1 else title)
        _share_labels(panels, _ABREAST[size])
        draw_level_note(panels[-1], level_note(results[0].provenance))
        legend_above(figure, entries_of(panels), _COLUMNS[size])
    return Page(figure, caption_of("Excluded couplings against the mediator mass", results, drawn_text(results)))


def _panels(count: int, size: str) -> tuple[Figure, list[Axes]]:
    """A figure with panels side by side in rows, in one column one below the other."""
    columns = min(count, _ABREAST[size])
    rows = -(-count // columns)
    figure = new_figure(size, min(_AROUND + (_ONE_ROW if rows == 1 else _ROW) * rows, _PAGE))
    return figure, [figure.add_subplot(rows, columns, place + 1) for place in range(count)]


def _share_labels(panels: Sequence[Axes], abreast: int) -> None:
    """Labels at the left and below alone, where the next panel there has the same range."""
    for place, panel in enumerate(panels):
        if place % abreast and panel.get_ylim() == panels[place - 1].get_ylim():
            panel.set_ylabel("")
            panel.tick_params(labelleft=False)
        below = panels[place + abreast :][:1]
        if below and panel.get_xlim() == below[0].get_xlim():
            panel.set_xlabel("")
            panel.tick_params(labelbottom=False)


def _draw_panel(
    panel: Axes, results: Sequence[LimitsResult], looks: Mapping[str, Look], couplings: tuple[float, float]
) -> None:
    labels = dict.fromkeys(axis_label(result.choice.parameter, result.choice.unit or "1") for result in results)
    for result in results:
        line, name = looks[result.choice.name]
        mass = np.array([point.mass_MeV for point in result.drawn_points])
        mass_coupling_axes(panel, mass, ", ".join(labels), couplings)
        draw_excluded(panel, *result.drawn_rows, line=line, label=name)
