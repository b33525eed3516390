"""Profiles of a parameter, and pulls of the nuisance parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib as mpl
from matplotlib.figure import Figure

from spec_builder.figures.style import (
    ANALYSIS_LINES,
    MARKERS,
    OTHER_LINE,
    STYLE,
    by_construction_note,
    display_name,
    laws_of,
    small_print,
)
from spec_builder.physics.constants import SIN2_THETA_W
from spec_builder.physics.sources import load_source

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

    from spec_builder.studies.fits import FitResult
    from spec_builder.studies.profiles import ProfileResult

__all__ = ["draw_profiles", "draw_pulls"]

_AXES = {
    "flux": r"$^8$B flux [$10^6$ cm$^{-2}$ s$^{-1}$]",
    "sin2thetaw": r"$\sin^2\theta_W$",
}


def _standard_model(parameter: str) -> float:
    return load_source("solar_8b").total * 1e-6 if parameter == "flux" else SIN2_THETA_W


def draw_profiles(results: Sequence[ProfileResult]) -> Figure:
    """Fig. 2: Delta chi^2 profiles, a panel for each parameter.

    Args:
        results: profiles of one or more parameters and analyses.
    """
    parameters = list(dict.fromkeys(result.best.parameter for result in results))
    laws = laws_of(result.provenance for result in results)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(3.6 * len(parameters) + 0.4, 4.1), layout=None)
        panels = figure.subplots(1, len(parameters), squeeze=False)[0]
        left = 0.09 if len(parameters) > 1 else 0.15
        figure.subplots_adjust(left=left, right=0.985, top=0.79, wspace=0.2)
        for panel, parameter in zip(panels, parameters, strict=True):
            for result in (r for r in results if r.best.parameter == parameter):
                line = ANALYSIS_LINES.get(result.provenance.analysis, OTHER_LINE)
                panel.plot(
                    result.values,
                    result.delta_chi2,
                    color=line.color,
                    linestyle=line.style,
                    linewidth=1.6,
                    label=_profile_label(result),
                )
            panel.axvline(
                _standard_model(parameter),
                color="black",
                linestyle=(0, (1, 2)),
                linewidth=1,
                label="Standard Model",
            )
            for cl, height in (("68 % CL", 0.9889), ("90 % CL", 2.7055)):
                panel.axhline(height, color="0.6", linewidth=0.6, zorder=0)
                panel.annotate(
                    cl, (0.99, height), xycoords=("axes fraction", "data"), fontsize=6, ha="right", va="bottom"
                )
            panel.set_ylim(0, 8)
            panel.set_xlim(left=0)
            panel.set_xlabel(_AXES[parameter])
            panel.set_ylabel(r"$\Delta\chi^2$")
            panel.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0))
        small_print(
            figure,
            [
                f"Law {laws}; other parameters profiled; CL levels for one parameter.",
                by_construction_note(result.provenance for result in results),
            ],
        )
    return figure


def _profile_label(result: ProfileResult) -> str:
    best = result.best
    digits = 2 if result.best.parameter == "sin2thetaw" else 1
    up, down = (("none" if x is None else f"{x:.{digits}f}") for x in (best.up, best.down))
    variants = "".join(f", {v}" for v in result.provenance.variants.values())
    dagger = "$^{*}$" if result.provenance.by_construction else ""
    name = f"{display_name(result.provenance.analysis)}{variants}{dagger}"
    return f"{name}: ${best.value:.{digits}f}^{{+{up}}}_{{-{down}}}$"


def _draw_pulls_of(panel: Axes, result: FitResult, heights: Mapping[str, float]) -> None:
    """Pulls of one fit, each at its height."""
    about, pulls = result.provenance, result.fit.pulls
    panel.errorbar(
        [pulls[name].value for name in heights],
        list(heights.values()),
        xerr=[pulls[name].uncertainty for name in heights],
        fmt=MARKERS.get(about.analysis, "^"),
        color=ANALYSIS_LINES.get(about.analysis, OTHER_LINE).color,
        markersize=4,
        capsize=2,
        label=display_name(about.analysis) + ("*" if about.by_construction else ""),
    )


def draw_pulls(results: Sequence[FitResult]) -> Figure:
    """Nuisance parameters at the minimum with their uncertainties, in units of their constraints.

    Args:
        results: fits of the same parameter in one or more analyses.
    """
    names = sorted({name for result in results for name in result.fit.pulls}, reverse=True)
    height = {name: i for i, name in enumerate(names)}
    with mpl.rc_context(STYLE):
        tall = 0.36 * len(names) + 1.2
        figure = Figure(figsize=(5.2, tall), layout=None)
        panel = figure.subplots()
        figure.subplots_adjust(left=0.34, right=0.98, top=1 - 0.3 / tall)
        panel.axvspan(-1, 1, color="0.92", zorder=0)
        panel.axvline(0, color="0.5", linewidth=0.8)
        for k, result in enumerate(results):
            offset = 0.22 * ((len(results) - 1) / 2 - k)
            _draw_pulls_of(panel, result, {name: height[name] + offset for name in result.fit.pulls})
        panel.set_yticks(range(len(names)), names, fontsize=8)
        panel.set_ylim(-0.6, len(names) - 0.4)
        panel.set_xlim(-2, 2)
        panel.set_xlabel(r"pull $(\hat\theta - \theta_0)/\sigma_0$")
        panel.legend(loc="upper left", fontsize=7)
        panel.set_title(f"fit of the {_AXES[results[0].fit.parameter].partition(' [')[0]}", fontsize=9)
        laws = laws_of(result.provenance for result in results)
        small_print(
            figure,
            [
                f"Law {laws}; bars: uncertainty after the fit, from the Hessian.",
                by_construction_note(result.provenance for result in results),
            ],
        )
    return figure
