"""The plane of mediator mass and coupling: excluded regions."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from spec_builder.figures.style import (
    PALETTE,
    STYLE,
    Line,
    by_construction_note,
    display_name,
    laws_of,
    shade_intervals,
    small_print,
)
from spec_builder.model.provenance import option_texts, parameter_label

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from matplotlib.axes import Axes

    from spec_builder.base.arrays import FloatArray
    from spec_builder.inference.exclusion import MassPoint
    from spec_builder.studies.limits import LimitsResult

__all__ = ["Look", "draw_exclusion", "draw_plane", "level_print", "looks_by_place", "option_print"]

#: Columns and letters of the legend by the number of panels.
_LEGENDS = {1: (2, 7.0), 2: (3, 8.0)}
_DECADES = (1e-2, 1e-1, 1e0, 1e1, 1e2)


@dataclass(frozen=True)
class Look:
    """How an interaction is drawn: its line, its name, and whether what is excluded is shaded."""

    line: Line
    label: str
    shaded: bool = False


def looks_by_place(results: Iterable[LimitsResult]) -> dict[str, Look]:
    """A look for each interaction by its place in the list; shaded where an allowed band has to be told."""
    by_name: dict[str, list[LimitsResult]] = {}
    for result in results:
        by_name.setdefault(result.choice.name, []).append(result)
    looks = {}
    for line, (name, found) in zip(itertools.cycle(PALETTE), by_name.items(), strict=False):
        banded = any(len(point.excluded) > 1 for result in found for point in result.exclusion.points)
        label = found[0].choice.title + (" (shaded)" if banded else "")
        looks[name] = Look(line, label, banded)
    return looks


def draw_plane(
    results: Sequence[LimitsResult],
    *,
    looks: Mapping[str, Look] | None = None,
    couplings: tuple[float, float] | None = None,
) -> Figure:
    """Excluded couplings against the mediator mass, a panel for each analysis.

    Args:
        results: limits at the same confidence level, from :func:`spec_builder.studies.limits.find_limits`.
        looks: of the interactions by name; by their place in the list if none are given.
        couplings: range that is drawn; around what is excluded if none is given.
    """
    looks = looks or looks_by_place(results)
    low, high = couplings or _range_of(results)
    analyses = list(dict.fromkeys(result.provenance.analysis for result in results))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(3.5 * len(analyses) + 0.5, 4.2), layout=None)
        panels = figure.subplots(1, len(analyses), squeeze=False, sharey=True)[0]
        figure.subplots_adjust(left=0.19 if len(analyses) == 1 else 0.07, right=0.985, wspace=0.06)
        for panel, analysis in zip(panels, analyses, strict=True):
            _draw_panel(panel, [r for r in results if r.provenance.analysis == analysis], looks)
            panel.set_ylim(low, high)
        panels[0].set_ylabel(_vertical_label(results))
        named = {
            label: handle for panel in panels for handle, label in zip(*panel.get_legend_handles_labels(), strict=True)
        }
        # a row of the legend is as wide as the panels side by side
        columns, size = _LEGENDS.get(len(analyses), (5, 8.0))
        figure.legend(named.values(), named.keys(), loc="upper center", ncols=columns, fontsize=size)
        figure.subplots_adjust(top=0.87 - 0.03 * max(math.ceil(len(named) / columns), 1))
        where = f"Excluded above the lines and in the shaded region at {level_print(results[0])}"
        small_print(figure, [f"{'; '.join([where, *option_print(results)])}.", _notes(results)])
    return figure


def _draw_panel(panel: Axes, results: Sequence[LimitsResult], looks: Mapping[str, Look]) -> None:
    for result in results:
        draw_exclusion(panel, result, looks[result.choice.name])
    masses = [point.mass_MeV for point in results[0].exclusion.points if np.isfinite(point.mass_MeV)]
    panel.set_xscale("log")
    panel.set_yscale("log")
    if masses[0] < masses[-1]:
        panel.set_xlim(masses[0], masses[-1])
    panel.set_xticks([mass for mass in _DECADES if masses[0] <= mass <= masses[-1]])
    panel.set_xlabel("mediator mass [MeV]")
    choices = results[0].provenance
    star = "*" if any(result.provenance.by_construction for result in results) else ""
    panel.set_title(", ".join([display_name(choices.analysis) + star, *choices.variants.values()]), fontsize=9)


def _edges(points: Sequence[MassPoint]) -> FloatArray:
    """Ends of the excluded intervals, shape (most ends, masses); NaN where there is none."""
    rows = [[edge for interval in point.excluded for edge in interval] for point in points]
    edges = np.full((max(map(len, rows), default=0), len(rows)), np.nan)
    for place, row in enumerate(rows):
        edges[: len(row), place] = [np.nan if edge is None else edge for edge in row]
    edges[np.isinf(edges)] = np.nan
    return edges


def draw_exclusion(panel: Axes, result: LimitsResult, look: Look) -> None:
    """Draw the ends of what is excluded against the mass, shaded if the look says so."""
    points = [point for point in result.exclusion.points if np.isfinite(point.mass_MeV)]
    mass = np.array([point.mass_MeV for point in points])
    for k, height in enumerate(_edges(points)):
        if np.isnan(height).all():
            continue
        panel.plot(
            mass,
            height,
            color=look.line.color,
            linestyle=look.line.style,
            linewidth=0.8 if look.shaded else 1.6,
            label=None if k else look.label,
        )
    if look.shaded:
        shade_intervals(panel, mass, [point.excluded for point in points], look.line.color)


def level_print(result: LimitsResult) -> str:
    """Confidence level, threshold and what it is against."""
    exclusion = result.exclusion
    against = "each mass's minimum" if exclusion.dof == 1 else "the minimum over the plane"
    if not result.choice.has_mediator:
        against = "the minimum"
    return rf"{result.provenance.level}: $\Delta\chi^2>{exclusion.threshold:.3f}$ against {against}"


def option_print(results: Sequence[LimitsResult]) -> list[str]:
    """Laws and options of the interactions, each once."""
    texts = [
        f"{name.replace('_', ' ')} {value}"
        for result in results
        for name, value in option_texts(result.choice, digest=False).items()
    ]
    return [f"law {laws_of(result.provenance for result in results)}", *dict.fromkeys(texts)]


def _notes(results: Sequence[LimitsResult]) -> str:
    return by_construction_note(result.provenance for result in results)


def _vertical_label(results: Sequence[LimitsResult]) -> str:
    labels = list(dict.fromkeys(parameter_label(result.choice) for result in results))
    return "coupling $g$" if labels == ["g"] else ", ".join(labels)


def _range_of(results: Sequence[LimitsResult]) -> tuple[float, float]:
    """Whole decades around what is excluded, one more above."""
    ends = [
        end
        for result in results
        for point in result.exclusion.points
        for interval in point.excluded
        for end in interval
        if end and np.isfinite(end)
    ]
    if not ends:
        return results[0].choice.default_range
    return 10.0 ** np.floor(np.log10(min(ends))), 10.0 ** (np.ceil(np.log10(max(ends))) + 1)
