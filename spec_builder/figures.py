"""Figures: spectra, profiles and pulls, readable in print and by colour-blind readers (Okabe-Ito colours)."""

from __future__ import annotations

import itertools
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from scipy.special import gammaincinv

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.files import write_bytes
from spec_builder.physics.constants import SIN2_THETA_W
from spec_builder.physics.flux import solar_flux

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

    from spec_builder.analysis import Analysis
    from spec_builder.base.arrays import FloatArray
    from spec_builder.experiments.description import Experiment
    from spec_builder.limits import LimitsResult
    from spec_builder.results import FitResult, ProfileResult

__all__ = [
    "ANALYSIS_LINES",
    "MARKERS",
    "STYLE",
    "Line",
    "by_construction_note",
    "display_name",
    "draw_plane",
    "draw_profiles",
    "draw_pulls",
    "draw_spectra",
    "save_figure",
    "shade_intervals",
    "small_print",
]

FORMATS = (".png", ".pdf", ".svg")


@dataclass(frozen=True)
class Line:
    """Colour and dashes of a line."""

    color: str
    style: str | tuple[int, tuple[int, ...]]


#: As in Fig. 2 of the paper: dashed, dot-dashed and plain.
ANALYSIS_LINES = {
    "pandax4t": Line("#009E73", "--"),
    "xenonnt": Line("#0072B2", "-."),
    "combined": Line("#CC79A7", "-"),
}
#: The same in every figure.
MARKERS = {"pandax4t": "D", "xenonnt": "s", "combined": "o"}
_OTHER_LINE = Line("#000000", ":")
_BACKGROUND_COLORS = ("#E69F00", "#56B4E9", "#F0E442", "#D55E00", "#999999")
_SIGNAL_COLOR = "#CC79A7"
_NAMES = {
    "xenonnt": "XENONnT",
    "pandax4t": "PandaX-4T",
    "combined": "combined",
    "cevns": r"CE$\nu$NS, best fit",
    "accidental": "accidental coincidences",
    "neutron": "neutrons",
    "electron_recoil": "electron recoils",
    "cathode": "cathode",
    "micro_discharge": "micro-discharge",
}
_AXES = {
    "flux": r"$^8$B flux [$10^6$ cm$^{-2}$ s$^{-1}$]",
    "sin2thetaw": r"$\sin^2\theta_W$",
}
_STANDARD_MODEL = {"flux": solar_flux().total * 1e-6, "sin2thetaw": SIN2_THETA_W}

STYLE: Any = {
    "font.size": 9,
    "axes.linewidth": 0.8,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.top": True,
    "ytick.right": True,
    "svg.hashsalt": "spec_builder",
}


def save_figure(figure: Figure, path: Path, *, force: bool = False) -> None:
    """Write a figure; PNG, PDF or SVG by the name's suffix.

    Raises:
        SpecBuilderError: for another suffix, or a file that exists and no ``force``.
    """
    if path.suffix not in FORMATS:
        raise SpecBuilderError(f"{path}: expected a name that ends in {', '.join(FORMATS)}")
    metadata = {".pdf": {"CreationDate": None}, ".svg": {"Date": None}}.get(path.suffix)
    with mpl.rc_context(STYLE):
        write_bytes(path, lambda p: figure.savefig(p, dpi=200, metadata=metadata), force=force)


def display_name(key: str) -> str:
    """What an analysis or a component is called in figures."""
    return _NAMES.get(key, key.replace("_", " "))


def small_print(figure: Figure, texts: Sequence[str]) -> None:
    """Small print under the panels: law, choices, and what is by construction.

    It is wrapped to the figure's width, and the panels are moved up to make room for it.
    """
    width = int(21.7 * figure.get_figwidth())  # characters of this size
    rows = [part for text in texts for line in text.split("\n") for part in textwrap.wrap(line, width)]
    figure.text(0.01, 0.008, "\n".join(rows), fontsize=6, va="bottom", ha="left", color="0.3")
    points = 8.0 * len(rows) + 36  # the x axis's labels included
    figure.subplots_adjust(bottom=points / (72 * figure.get_figheight()))


def by_construction_note(analyses: Sequence[str]) -> str:
    """What agrees with the paper by construction, once for all analyses; '' if nothing."""
    unique = list(dict.fromkeys(part for text in analyses for part in text.split("; ") if part))
    return "* By construction: " + ".\n".join(unique) + "." if unique else ""


def poisson_interval(counts: FloatArray, cl: float = 0.6827) -> tuple[FloatArray, FloatArray]:
    """Lengths (down, up) of the central (Garwood) interval of Poisson means, each of the shape of counts."""
    tail = (1 - cl) / 2
    low = np.where(counts > 0, gammaincinv(np.maximum(counts, 0.5), tail), 0.0)
    high = gammaincinv(counts + 1, 1 - tail)
    return counts - low, high - counts


def draw_spectra(analysis: Analysis, result: FitResult) -> Figure:
    """Fig. 1: data, stacked backgrounds and signal at the best fit of the flux, a panel for each experiment.

    Args:
        analysis: the analysis that was fitted.
        result: its fit of the flux.
    """
    likelihood = analysis.likelihood("flux")
    theta = np.array([result.fit.theta[name] for name in likelihood.parameters])
    rates = likelihood.sample_rates(theta)
    with mpl.rc_context(STYLE):
        count = len(analysis.experiments)
        figure = Figure(figsize=(3.6 * count + 0.4, 3.6), layout=None)
        panels = figure.subplots(1, count, squeeze=False)[0]
        figure.subplots_adjust(left=0.09, right=0.985, top=0.9, wspace=0.22)
        for panel, experiment in zip(panels, analysis.experiments, strict=True):
            place = likelihood.specification.channels[experiment.channel]
            _draw_spectrum(panel, experiment, {k: v[place] for k, v in rates.items() if v[place].any()})
        fit = result.fit
        flux = f"{fit.value:.2f} x 10$^6$ cm$^{{-2}}$ s$^{{-1}}$"
        choices = f"law {analysis.law}; error bars: central 68 % Poisson intervals."
        small_print(
            figure,
            [
                f"{display_name(analysis.name)} fit of the flux: {flux}; {choices}",
                by_construction_note([analysis.by_construction]),
            ],
        )
    return figure


def _draw_spectrum(panel: Axes, experiment: Experiment, rates: dict[str, FloatArray]) -> None:
    shared = len({tuple(run.bin_edges) for run in experiment.runs}) == 1
    edges = experiment.runs[0].bin_edges if shared else np.arange(experiment.bins + 1) + 0.5
    bottom = np.zeros(experiment.bins)
    backgrounds = sorted((b.name for b in experiment.backgrounds), key=lambda name: rates[name].sum())
    colors = dict(zip([b.name for b in experiment.backgrounds], _BACKGROUND_COLORS, strict=False))
    for name in (*backgrounds, "cevns"):
        top = bottom + rates[name]
        panel.stairs(
            top,
            edges,
            baseline=bottom,
            fill=True,
            facecolor=_SIGNAL_COLOR if name == "cevns" else colors[name],
            edgecolor="black",
            linewidth=0.5,
            hatch="////" if name == "cevns" else None,
            label=display_name(name),
        )
        bottom = top
    panel.stairs(bottom, edges, color="black", linewidth=1.2, label="total")
    down, up = poisson_interval(experiment.observed)
    centres = (edges[1:] + edges[:-1]) / 2
    panel.errorbar(centres, experiment.observed, yerr=[down, up], fmt="ko", markersize=3.5, capsize=2, label="data")
    panel.set_xlim(edges[0], edges[-1])
    panel.set_ylim(0, 1.45 * float((experiment.observed + up).max()))
    unit = experiment.observable.unit
    symbol = {"N_e": "$N_{e^-}$"}.get(experiment.observable.name, experiment.observable.name)
    if shared:
        panel.set_xlabel(f"{symbol} [{unit}]")
        width = np.diff(edges)
        panel.set_ylabel(f"events / {width[0]:g} {unit}" if np.allclose(width, width[0]) else "events / bin")
    else:
        panel.set_xlabel(f"{symbol} bin (edges differ between the runs)")
        panel.set_xticks(np.arange(experiment.bins) + 1)
        panel.set_ylabel("events / bin")
    star = "*" if experiment.by_construction else ""
    panel.set_title(f"{experiment.title}{star}, {experiment.exposure_t_yr:.3g} t yr", fontsize=9)
    handles, labels = panel.get_legend_handles_labels()
    panel.legend(handles[::-1], labels[::-1], ncols=2, loc="upper center")


def draw_profiles(results: Sequence[ProfileResult]) -> Figure:
    """Fig. 2: Delta chi^2 profiles, a panel for each parameter.

    Args:
        results: profiles of one or more parameters and analyses.
    """
    parameters = list(dict.fromkeys(result.best.parameter for result in results))
    laws = sorted({str(result.provenance.law) for result in results})
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(3.6 * len(parameters) + 0.4, 4.1), layout=None)
        panels = figure.subplots(1, len(parameters), squeeze=False)[0]
        left = 0.09 if len(parameters) > 1 else 0.15
        figure.subplots_adjust(left=left, right=0.985, top=0.79, wspace=0.2)
        for panel, parameter in zip(panels, parameters, strict=True):
            for result in (r for r in results if r.best.parameter == parameter):
                line = ANALYSIS_LINES.get(result.provenance.analysis, _OTHER_LINE)
                panel.plot(
                    result.values,
                    result.delta_chi2,
                    color=line.color,
                    linestyle=line.style,
                    linewidth=1.6,
                    label=_profile_label(result),
                )
            panel.axvline(
                _STANDARD_MODEL[parameter],
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
                f"Law {', '.join(laws)}; other parameters profiled; CL levels for one parameter.",
                by_construction_note([result.provenance.by_construction for result in results]),
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
            line = ANALYSIS_LINES.get(result.provenance.analysis, _OTHER_LINE)
            offset = 0.22 * ((len(results) - 1) / 2 - k)
            pulls = result.fit.pulls
            panel.errorbar(
                [pull.value for pull in pulls.values()],
                [height[name] + offset for name in pulls],
                xerr=[pull.uncertainty for pull in pulls.values()],
                fmt=MARKERS.get(result.provenance.analysis, "^"),
                color=line.color,
                markersize=4,
                capsize=2,
                label=display_name(result.provenance.analysis) + ("*" if result.provenance.by_construction else ""),
            )
        panel.set_yticks(range(len(names)), names, fontsize=8)
        panel.set_ylim(-0.6, len(names) - 0.4)
        panel.set_xlim(-2, 2)
        panel.set_xlabel(r"pull $(\hat\theta - \theta_0)/\sigma_0$")
        panel.legend(loc="upper left", fontsize=7)
        panel.set_title(f"fit of the {_AXES[results[0].fit.parameter].partition(' [')[0]}", fontsize=9)
        laws = sorted({str(result.provenance.law) for result in results})
        small_print(
            figure,
            [
                f"Law {', '.join(laws)}; bars: uncertainty after the fit, from the Hessian.",
                by_construction_note([result.provenance.by_construction for result in results]),
            ],
        )
    return figure


#: Fig. 4 of the paper: universal vector as a shaded region, the others as lines.
_PLANE_LINES = {
    "tensor": Line("#CC79A7", "-"),
    "axial": Line("#E69F00", "--"),
    "vector_bl": Line("#D55E00", "-."),
    "scalar": Line("#009E73", (0, (1, 1))),
    "vector_universal": Line("#0072B2", "-"),
}
_SHADED = "vector_universal"
_INTERACTION_NAMES = {
    "scalar": "scalar",
    "vector_universal": "universal vector (shaded)",
    "vector_bl": r"vector $B-L$",
    "axial": "axial vector",
    "tensor": "tensor",
}


def draw_plane(results: Sequence[LimitsResult]) -> Figure:
    """Fig. 4: excluded couplings against the mediator mass, a panel for each analysis.

    Args:
        results: limits at the same confidence level, from :func:`spec_builder.limits.find_limits`.
    """
    analyses = list(dict.fromkeys(result.provenance.analysis for result in results))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(3.5 * len(analyses) + 0.5, 4.2), layout=None)
        panels = figure.subplots(1, len(analyses), squeeze=False, sharey=True)[0]
        figure.subplots_adjust(left=0.19 if len(analyses) == 1 else 0.07, right=0.985, top=0.84, wspace=0.06)
        for panel, analysis in zip(panels, analyses, strict=True):
            for result in (r for r in results if r.provenance.analysis == analysis):
                _draw_exclusion(panel, result)
            panel.set_xscale("log")
            panel.set_yscale("log")
            masses = [point.mass_MeV for point in results[0].exclusion.points]
            panel.set_xlim(masses[0], masses[-1])
            panel.set_xticks([mass for mass in (1e-2, 1e-1, 1e0, 1e1, 1e2) if masses[0] <= mass <= masses[-1]])
            panel.set_ylim(1e-6, 1e-1)
            panel.set_xlabel("mediator mass [MeV]")
            variants = next(r.provenance.variants for r in results if r.provenance.analysis == analysis)
            star = (
                "*" if any(r.provenance.by_construction for r in results if r.provenance.analysis == analysis) else ""
            )
            panel.set_title(", ".join([display_name(analysis) + star, *variants.values()]), fontsize=9)
        panels[0].set_ylabel("coupling $g$")
        named = {
            label: handle for panel in panels for handle, label in zip(*panel.get_legend_handles_labels(), strict=True)
        }
        figure.legend(named.values(), named.keys(), loc="upper center", ncols=5, fontsize=8)
        exclusion = results[0].exclusion
        against = "each mass's minimum" if exclusion.dof == 1 else "the minimum over the plane"
        options = [f"coupling set {s}" for s in dict.fromkeys(r.choice.coupling_set for r in results) if s is not None]
        factors = dict.fromkeys(r.choice.longitudinal_factor for r in results)
        options += [f"longitudinal factor {f}" for f in factors if f is not None]
        laws = ", ".join(sorted({str(r.provenance.law) for r in results}))
        level = rf"{100 * exclusion.cl:g} % CL, dof {exclusion.dof}: $\Delta\chi^2 > {exclusion.threshold:.3f}$"
        where = f"Excluded above the lines and in the shaded region at {level} against {against}"
        small_print(
            figure,
            [
                f"{'; '.join([where, f'law {laws}', *options])}.",
                by_construction_note([r.provenance.by_construction for r in results]),
            ],
        )
    return figure


def _draw_exclusion(panel: Axes, result: LimitsResult) -> None:
    points = result.exclusion.points
    name = result.choice.interaction.value
    line = _PLANE_LINES[name]
    mass = np.array([point.mass_MeV for point in points])
    edges = [[edge for interval in point.excluded for edge in interval] for point in points]
    for k in range(max(len(row) for row in edges)):
        # an edge that exists at some masses only; None stands for an interval without end
        height = np.array([np.nan if k >= len(row) or row[k] is None else row[k] for row in edges], dtype=float)
        panel.plot(
            mass,
            height,
            color=line.color,
            linestyle=line.style,
            linewidth=0.8 if name == _SHADED else 1.6,
            label=None if k else _INTERACTION_NAMES[name],
        )
    if name == _SHADED:
        shade_intervals(panel, mass, [point.excluded for point in points], line.color)


def shade_intervals(
    panel: Axes, mass: FloatArray, excluded: Sequence[tuple[tuple[float, float | None], ...]], color: str
) -> None:
    """Fill the excluded intervals; where their number changes from mass to mass, up to half way."""
    top = 1e3
    starts = [0, *(i for i in range(1, mass.size) if len(excluded[i]) != len(excluded[i - 1])), mass.size]
    for begin, end in itertools.pairwise(starts):
        ends = list(mass[begin:end])
        rows = list(excluded[begin:end])
        if begin > 0:
            ends, rows = [np.sqrt(mass[begin - 1] * mass[begin]), *ends], [rows[0], *rows]
        if end < mass.size:
            ends, rows = [*ends, np.sqrt(mass[end - 1] * mass[end])], [*rows, rows[-1]]
        for k in range(len(rows[0])):
            low = [row[k][0] for row in rows]
            high = [row[k][1] or top for row in rows]
            panel.fill_between(ends, low, high, color=color, alpha=0.22, linewidth=0, zorder=0)
