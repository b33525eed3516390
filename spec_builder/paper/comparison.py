"""What ``spec-builder compare`` writes: Figs. 3 and 5 with their numbers and sources."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from spec_builder.base.executors import silent
from spec_builder.base.files import refuse_existing, write_text
from spec_builder.inference.exclusion import PLANE_MASSES
from spec_builder.inference.profile import ONE_SIGMA, threshold
from spec_builder.model.analysis import load_analysis
from spec_builder.paper.angle import fitted_points, points_csv, published_points
from spec_builder.paper.bounds import PANELS, load_bounds, missing_bounds
from spec_builder.paper.darkcast import recast_bounds
from spec_builder.physics.interactions import parse_new_physics
from spec_builder.studies.fits import fit_analysis
from spec_builder.studies.limits import check_dof, find_limits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from spec_builder.base.executors import Report
    from spec_builder.paper.bounds import Bound, MissingBound
    from spec_builder.studies.fits import FitResult
    from spec_builder.studies.limits import LimitsResult

__all__ = ["COMPARISON_FILES", "bounds_table", "compare", "write_angle", "write_bounds"]

_ANGLE = "fig3_weak_mixing_angle"
_BOUNDS = "fig5_bounds"
#: All that :func:`write_angle` and :func:`write_bounds` write, below their folder.
COMPARISON_FILES = tuple(
    f"{name}{suffix}" for name, third in ((_ANGLE, ".csv"), (_BOUNDS, ".md")) for suffix in (".png", ".pdf", third)
)
#: Mediator masses of our limits.
_MASSES = 121


def write_angle(output: Path, fits: Sequence[FitResult], *, force: bool = False) -> None:
    """Write Fig. 3 and its points.

    Args:
        output: the folder.
        fits: of ``sin2thetaw``, one standard deviation, one for each analysis.
        force: replace files that exist.
    """
    from spec_builder.figures.style import display_name, save_figure  # noqa: PLC0415
    from spec_builder.paper.figures import draw_angle  # noqa: PLC0415

    names = {
        fit.provenance.analysis: display_name(fit.provenance.analysis) + ("*" if fit.provenance.by_construction else "")
        for fit in fits
    }
    points = [*fitted_points(fits, names), *published_points()]
    built = dict.fromkeys(part for fit in fits for part in fit.provenance.by_construction.split("; ") if part)
    header = {
        "title": "Points of Fig. 3: sin^2 theta_W against the scale",
        "source": "own fits, and the reference of each row",
        "status": "computed",
        "unit": "scale_GeV, drawn_at_GeV: GeV; quoted, value, up, down: 1, one standard deviation",
        "by_construction": "; ".join(built) or "nothing",
    }
    figure = draw_angle(points, fits)
    for suffix in (".png", ".pdf"):
        save_figure(figure, output / f"{_ANGLE}{suffix}", force=force)
    write_text(output / f"{_ANGLE}.csv", points_csv(points, header), force=force)


def write_bounds(
    output: Path,
    limits: Sequence[LimitsResult],
    bounds: Sequence[Bound],
    missing: Sequence[MissingBound],
    *,
    force: bool = False,
) -> str:
    """Write Fig. 5 and the table of its bounds.

    Args:
        output: the folder.
        limits: of one analysis, one for each of :data:`spec_builder.paper.bounds.PANELS`.
        bounds: existing ones.
        missing: those of the paper that are not drawn.
        force: replace files that exist.

    Returns:
        The table, in Markdown.
    """
    from spec_builder.figures.style import save_figure  # noqa: PLC0415
    from spec_builder.paper.figures import draw_bounds  # noqa: PLC0415

    figure = draw_bounds(limits, bounds, missing)
    for suffix in (".png", ".pdf"):
        save_figure(figure, output / f"{_BOUNDS}{suffix}", force=force)
    table = bounds_table(bounds, missing)
    write_text(output / f"{_BOUNDS}.md", table + _recasts(bounds), force=force)
    return table


def _rows(cells: Sequence[tuple[str, tuple[str, ...]]]) -> list[str]:
    """Rows of a Markdown table; equal ones of several panels become one that names them."""
    panels: dict[tuple[str, ...], list[str]] = {}
    for panel, row in cells:
        panels.setdefault(row, []).append(panel)
    return [f"| {row[0]} | {', '.join(names)} | {' | '.join(row[1:])} |" for row, names in panels.items()]


def bounds_table(bounds: Sequence[Bound], missing: Sequence[MissingBound]) -> str:
    """Markdown: which bounds are drawn, with their references, and which are not, and why."""
    lines = ["## Existing bounds that are drawn", "", "| bound | panels | CL | reference |", "|---|---|---|---|"]
    lines += _rows([(b.interaction, (b.title, b.confidence, b.source)) for b in bounds])
    lines += ["", "## Bounds of the paper that are not drawn", "", "| bound | panels | reference | why |"]
    lines += ["|---|---|---|---|"]
    lines += _rows([(row.interaction, (row.title, row.reference, row.reason)) for row in missing])
    return "\n".join([*lines, ""])


def _recasts(bounds: Sequence[Bound]) -> str:
    lines = ["", "## How each limit came to its interaction", "", "| bound | panel | status | how |"]
    lines.append("|---|---|---|---|")
    lines += [f"| {b.title} | {b.interaction} | {b.status} | {b.recast} |" for b in bounds]
    return "\n".join([*lines, ""])


def _recast_file(output: Path, bound: Bound) -> Path:
    return output / "bounds" / bound.interaction / f"{bound.name}.csv"


def compare(
    output: Path,
    *,
    law: str = "normsys",
    variants: Mapping[str, str] | None = None,
    cl: float = 0.9,
    dof: int = 2,
    folders: Sequence[Path] = (),
    darkcast: Path | None = None,
    force: bool = False,
    report: Report = silent,
) -> str:
    """Compute our results and write Figs. 3 and 5.

    Args:
        output: the folder.
        law: ``normsys`` or ``linear``.
        variants: variant by experiment name.
        cl: confidence level of our limits.
        dof: 1 or 2, of our limits.
        folders: a user's own curves, laid out as ``data/comparison/bounds``.
        darkcast: DarkCast's folder; the curves that it knows are recast now and written below ``bounds``.
        force: replace files that exist.
        report: told about each step; see :class:`spec_builder.base.executors.Report`.

    Returns:
        The table of the bounds.

    Raises:
        SpecBuilderError: for a broken or missing input, or a file that exists and no ``force``.
    """
    for name in COMPARISON_FILES:
        refuse_existing(output / name, force=force)
    check_dof(dof)
    threshold(cl, dof)
    bounds = load_bounds(folders)
    failed: list[MissingBound] = []
    combined = load_analysis("combined", law, variants)
    singles = [load_analysis(e.name, law, {e.name: e.variant} if e.variant else {}) for e in combined.experiments]
    if darkcast is not None:
        for bound in bounds:
            refuse_existing(_recast_file(output, bound), force=force)
        bounds, failed = recast_bounds(bounds, darkcast, report=report)
        for bound in bounds:
            if bound.darkcast:
                write_text(_recast_file(output, bound), bound.to_csv(), force=force)
    report("fits of the weak mixing angle")
    fits = [fit_analysis(analysis, "sin2thetaw", cl=ONE_SIGMA) for analysis in (*singles[::-1], combined)]
    write_angle(output, fits, force=force)
    masses = np.geomspace(*PLANE_MASSES, _MASSES)
    limits: list[LimitsResult] = []
    for name in PANELS:
        report(f"limits on {len(PANELS)} interactions", len(limits), len(PANELS))
        limits.append(find_limits(combined, parse_new_physics(name), masses, cl=cl, dof=dof))
    missing = [*missing_bounds(bounds), *failed]
    return write_bounds(output, limits, bounds, missing, force=force)
