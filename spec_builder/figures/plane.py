"""The plane of mediator mass and coupling: excluded regions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from spec_builder.figures.style import STYLE, Line, by_construction_note, display_name, shade_intervals, small_print

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from spec_builder.studies.limits import LimitsResult

__all__ = ["draw_plane"]

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
        results: limits at the same confidence level, from :func:`spec_builder.studies.limits.find_limits`.
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
