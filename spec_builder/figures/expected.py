"""Limits by toys, expected limits as a band with the observed ones, and measured coverage."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from spec_builder.base.errors import SpecBuilderError
from spec_builder.figures.plane import draw_exclusion, looks_by_place
from spec_builder.figures.style import STYLE, by_construction_note, display_name, shade_intervals, small_print
from spec_builder.model.provenance import parameter_label

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from spec_builder.base.arrays import FloatArray
    from spec_builder.inference.curves import Interval
    from spec_builder.inference.exclusion_by_toys import ToyMassPoint
    from spec_builder.studies.by_toys import ToyLimitsResult
    from spec_builder.studies.coverage import CoverageResult
    from spec_builder.studies.expected import ExpectedLimits
    from spec_builder.studies.limits import LimitsResult

__all__ = ["draw_by_toys", "draw_coverage", "draw_expected"]

_TWO_SIGMA, _ONE_SIGMA = "#f2d76b", "#8fc98f"


def draw_expected(expected: ExpectedLimits, observed: LimitsResult | None = None) -> Figure:
    """Median and bands of one and two standard deviations against the mediator mass, the observed limit over them.

    Args:
        expected: from :func:`spec_builder.studies.expected.expect_limits`.
        observed: limits of the same interaction.

    Raises:
        SpecBuilderError: if there are fewer than two finite masses.
    """
    points = [point for point in expected.points if np.isfinite(point.mass_MeV)]
    if len(points) < 2:
        raise SpecBuilderError("a figure of expected limits needs at least two finite masses")
    mass = np.array([point.mass_MeV for point in points])
    band = {name: _drawn([point.upper[name] for point in points]) for name in points[0].upper}
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(4.6, 4.2), layout=None)
        panel = figure.subplots()
        figure.subplots_adjust(left=0.16, right=0.97, top=0.93)
        if expected.kind == "toys":
            panel.fill_between(mass, band["m2"], band["p2"], color=_TWO_SIGMA, lw=0, label=r"expected $\pm 2\sigma$")
            panel.fill_between(mass, band["m1"], band["p1"], color=_ONE_SIGMA, lw=0, label=r"expected $\pm 1\sigma$")
        panel.plot(mass, band["median"], color="black", linestyle="--", linewidth=1.0, label="expected")
        panel.set(xscale="log", yscale="log", xlabel="mediator mass [MeV]", ylabel=parameter_label(expected.choice))
        if observed is not None:
            look = replace(looks_by_place([observed])[observed.choice.name], label="observed", shaded=False)
            draw_exclusion(panel, observed, look)
            excluded = [one.excluded for one in observed.exclusion.points if np.isfinite(one.mass_MeV)]
            _shade(panel, mass, excluded, look.line.color)
        panel.set_title(f"{display_name(expected.provenance.analysis)}: {expected.choice.title}", fontsize=9)
        panel.legend(loc="upper left")
        thrown = "Asimov data" if expected.kind == "asimov" else f"{expected.toys} toys"
        shown = max(point.allowed_bands for point in points)
        what = f"Expected: where the outermost excluded interval begins, {thrown}, {expected.provenance.level}"
        if shown > 0:
            what += f"; an allowed band lies inside in up to {100 * shown:.0f} % of the data sets"
        seen = "" if observed is None else " Shaded: excluded by the observed data."
        small_print(figure, [f"{what}.{seen}", by_construction_note([expected.provenance])])
    return figure


def _shade(panel: Axes, mass: FloatArray, excluded: Sequence[tuple[Interval, ...]], color: str) -> None:
    """Shade what is excluded; the axes stay at the lines: an interval without an end goes far beyond them."""
    heights = panel.get_ylim()
    shade_intervals(panel, mass, excluded, color)
    panel.set(xlim=(mass.min(), mass.max()), ylim=heights)


#: Colour of what is excluded by toys.
_BY_TOYS = "#1f5a94"


def _draw_ends(panel: Axes, mass: FloatArray, points: Sequence[ToyMassPoint]) -> None:
    """Ends by toys with their errors, and those of Wilks' theorem."""
    by_toys = [_edges(one.point.excluded) for one in points]
    errors = [[size for pair in one.errors for size in pair] for one in points]
    by_wilks = [_edges(one.asymptotic) for one in points]
    for k in range(max(map(len, by_toys))):
        label = None if k else "toys"
        ends, sizes = _column(by_toys, k), np.nan_to_num(_column(errors, k))
        panel.errorbar(mass, ends, sizes, color=_BY_TOYS, marker=".", linewidth=1.6, capsize=2, label=label)
    for k in range(max(map(len, by_wilks))):
        label = None if k else "Wilks' theorem"
        panel.plot(mass, _column(by_wilks, k), color="0.4", linestyle="--", linewidth=1.0, label=label)


def draw_by_toys(result: ToyLimitsResult) -> Figure:
    """Limits by toys against the mediator mass with their Monte Carlo errors; those of Wilks' theorem beside them.

    Args:
        result: from :func:`spec_builder.studies.by_toys.find_limits_by_toys`, of an interaction with a mass.

    Raises:
        SpecBuilderError: if there are fewer than two finite masses.
    """
    points = [one for one in result.toys.points if np.isfinite(one.point.mass_MeV)]
    if len(points) < 2:
        raise SpecBuilderError("a figure of limits needs at least two finite masses")
    limits = result.limits
    mass = np.array([one.point.mass_MeV for one in points])
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(4.6, 4.2), layout=None)
        panel = figure.subplots()
        figure.subplots_adjust(left=0.16, right=0.97, top=0.93)
        _draw_ends(panel, mass, points)
        panel.set(xscale="log", yscale="log", xlabel="mediator mass [MeV]", ylabel=parameter_label(limits.choice))
        _shade(panel, mass, [one.point.excluded for one in points], _BY_TOYS)
        panel.set_title(f"{display_name(limits.provenance.analysis)}: {limits.choice.title}", fontsize=9)
        panel.legend(loc="upper left")
        what = f"Shaded: excluded by toys at {limits.provenance.level}; {result.toys.toys} toys a point"
        small_print(
            figure, [f"{what}, nuisance parameters {result.toys.ensemble}.", by_construction_note([limits.provenance])]
        )
    return figure


def _edges(intervals: Sequence[tuple[float | None, float | None]]) -> list[float | None]:
    return [edge for interval in intervals for edge in interval]


def _column(rows: Sequence[Sequence[float | None]], k: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """The k-th edge of each mass, left out where there is none; zero is none in logarithms."""
    return np.array([np.nan if k >= len(row) else row[k] or np.nan for row in rows], dtype=np.float64)


def _drawn(values: list[float]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Values with those that do not exist left out."""
    array = np.array(values)
    return np.where(np.isfinite(array), array, np.nan)


def draw_coverage(result: CoverageResult) -> Figure:
    """Coverage by Wilks' theorem and by toys against the truth.

    Args:
        result: from :func:`spec_builder.studies.coverage.cover_analysis`.
    """
    truth = np.array([one.value for one in result.values]) / (result.reference or 1.0)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(4.6, 3.6), layout=None)
        panel = figure.subplots()
        figure.subplots_adjust(left=0.16, right=0.97, top=0.93)
        for marker, label, share, error in (
            ("o", "Wilks' theorem", "covers", "error"),
            ("s", "toys", "covers_by_toys", "error_by_toys"),
        ):
            heights = [getattr(one, share) for one in result.values]
            errors = [getattr(one, error) for one in result.values]
            panel.errorbar(truth, heights, errors, fmt=marker, markersize=4, capsize=2, label=label)
        of = "" if result.reference is None else " / Standard Model"
        if result.provenance.cl is not None:
            panel.axhline(result.provenance.cl, color="0.6", linewidth=0.6, zorder=0)
        panel.set(xlabel=f"true {result.parameter}{of}", ylabel="coverage")
        panel.set_title(display_name(result.provenance.analysis), fontsize=9)
        panel.legend()
        what = (
            f"Intervals of {result.provenance.level}, {result.toys} toys a point, nuisance parameters {result.ensemble}"
        )
        small_print(figure, [f"{what}.", by_construction_note([result.provenance])])
    return figure
