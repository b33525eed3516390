"""The plane of mediator mass and coupling: the paper's Fig. 4, as a figure, contours and profiled grids."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.executors import silent
from spec_builder.base.files import refuse_existing, write_bytes, write_text
from spec_builder.inference.newton import REASONS
from spec_builder.inference.profile import threshold
from spec_builder.model.analysis import ANALYSES, load_analyses
from spec_builder.physics.interactions import parse_new_physics
from spec_builder.studies.limits import LimitsResult, check_dof
from spec_builder.studies.plane import profile_planes

if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from spec_builder.base.executors import Report

__all__ = ["PLANE_INTERACTIONS", "limits_table", "write_plane"]

_MOST_POINTS = 2000
PLANE_INTERACTIONS = ("scalar", "vector_universal", "vector_bl", "axial", "tensor")


def write_plane(
    output: Path,
    *,
    law: str = "normsys",
    variants: Mapping[str, str] | None = None,
    cl: float = 0.9,
    dof: int = 2,
    points: int = 121,
    executor: concurrent.futures.Executor | None = None,
    force: bool = False,
    report: Report = silent,
) -> str:
    """Write Fig. 4: ``fig4_plane.png`` and ``.pdf``, contours as CSV and the profiled grids as NPZ.

    Args:
        output: the folder.
        law: ``normsys`` or ``linear``.
        variants: variant by experiment name.
        cl: confidence level.
        dof: 1 or 2.
        points: masses, and couplings.
        executor: any ``concurrent.futures.Executor``; None computes here.
        force: replace files that exist.
        report: told about each step; see :class:`spec_builder.base.executors.Report`.

    Returns:
        A table of the limits at the ends of the mass range.

    Raises:
        SpecBuilderError: if a file exists and ``force`` is not given.
    """
    from spec_builder.figures.plane import draw_plane  # noqa: PLC0415
    from spec_builder.figures.style import save_figure  # noqa: PLC0415

    refuse_existing(output / "fig4_plane.png", force=force)
    if not 2 <= points <= _MOST_POINTS:
        raise SpecBuilderError(f"points {points}: a grid needs at least 2, and at most {_MOST_POINTS}")
    check_dof(dof)
    threshold(cl, dof)
    analyses = load_analyses(ANALYSES, law, variants)
    choices = [(a, parse_new_physics(name)) for a in analyses for name in PLANE_INTERACTIONS]
    step = f"{len(choices)} planes of {points} x {points} points, and their contours"
    report(step)
    planes = profile_planes(choices, points=points, cl=cl, dof=dof, executor=executor, report=partial(report, step))
    failed = Counter(int(reason) for plane in planes for reason in plane.reason[plane.reason > 0])
    why = "".join(f"; {REASONS[reason]}: {count}" for reason, count in sorted(failed.items()))
    report(f"{len(planes) * points**2} points profiled, {failed.total()} of them not valid{why}")
    for plane in planes:
        about, choice = plane.limits.provenance, plane.limits.choice
        name = f"{about.analysis}_{choice.interaction.value}"
        write_text(output / f"contour_{name}.csv", plane.limits.to_csv(), force=force)
        content: dict[str, Any] = {
            "mass_MeV": plane.masses,
            "g": plane.couplings,
            "delta_chi2": plane.delta_chi2,
            "valid": plane.reason == 0,
            "metadata": np.array(plane.limits.to_json()),
        }
        write_bytes(output / f"grid_{name}.npz", partial(_save_npz, content), force=force)
    figure = draw_plane([plane.limits for plane in planes])
    for suffix in (".png", ".pdf"):
        save_figure(figure, output / f"fig4_plane{suffix}", force=force)
    report(f"figure, contours and grids -> {output}")
    return limits_table([plane.limits for plane in planes])


def _save_npz(content: dict[str, Any], path: Path) -> None:
    np.savez(path, **content)


def limits_table(results: Sequence[LimitsResult]) -> str:
    """Markdown: limits at the lowest and the highest mass of each result, the plateau and the heavy limit."""
    first = results[0].exclusion.points
    light, heavy = first[0].mass_MeV, first[-1].mass_MeV
    ends = f"excluded g at {light:g} MeV | excluded g at {heavy:g} MeV | g/m there [1/GeV]"
    lines = [f"| analysis | interaction | law | choices | CL, dof | {ends} |", f"|{'---|' * 8}"]
    for result in results:
        about, exclusion = result.provenance, result.exclusion
        points = exclusion.points
        options = [f"{k}={v}" for k, v in about.variants.items()]
        if result.choice.coupling_set not in (None, "B"):
            options.append(f"coupling set {result.choice.coupling_set}")
        if result.choice.longitudinal_factor not in (None, 1):
            options.append(f"longitudinal factor {result.choice.longitudinal_factor}")
        last = points[-1].excluded[-1][0] if points[-1].excluded else None
        ratio = "none" if last is None else f"{last / heavy * 1e3:.3e}"
        cells = [
            about.analysis + (" *" if about.by_construction else ""),
            result.choice.interaction.value,
            str(about.law),
            ", ".join(options) or "default",
            f"{100 * exclusion.cl:g} %, {exclusion.dof}",
            _intervals(points[0].excluded),
            _intervals(points[-1].excluded),
            ratio,
        ]
        lines.append(f"| {' | '.join(cells)} |")
    notes = dict.fromkeys(note for r in results for note in r.provenance.by_construction.split("; ") if note)
    if notes:
        lines += ["", "`*`: by construction in part:", "", *(f"- {note}." for note in notes)]
    return "\n".join([*lines, ""])


def _intervals(excluded: tuple[tuple[float, float | None], ...]) -> str:
    texts = [f"> {low:.3e}" if high is None else f"{low:.3e} to {high:.3e}" for low, high in excluded]
    return ", ".join(texts) or "none"
