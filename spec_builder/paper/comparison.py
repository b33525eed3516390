"""What ``spec-builder compare`` writes: Figs. 3 and 5 with their numbers and sources."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from spec_builder.base.arguments import checked
from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.output import Output
from spec_builder.base.progress import silent
from spec_builder.base.text import markdown_table
from spec_builder.inference.exclusion import PLANE_MASSES
from spec_builder.inference.profile import ONE_SIGMA, threshold
from spec_builder.model.analysis import acts_on, load_analysis
from spec_builder.model.given import as_analysis, as_choice
from spec_builder.model.provenance import distinct_notes, in_words
from spec_builder.paper.angle import fitted_points, points_csv, published_points
from spec_builder.paper.bounds import PANELS, bounds_on, load_bounds, missing_bounds
from spec_builder.paper.computed import COMPANIONS, COMPUTED, PART_MASSES, PARTS, computed_tables
from spec_builder.paper.darkcast import recast_bounds
from spec_builder.physics.interactions import choose
from spec_builder.studies.fits import fit_analysis
from spec_builder.studies.limits import check_dof, find_limits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from os import PathLike

    from spec_builder.base.arrays import FloatArray
    from spec_builder.base.files import Content
    from spec_builder.base.grids import Numbers
    from spec_builder.base.progress import Steps
    from spec_builder.model.analysis import Analysis
    from spec_builder.model.given import GivenAnalysis
    from spec_builder.paper.bounds import Bound, GivenCurves, MissingBound
    from spec_builder.physics.choices import Choice
    from spec_builder.studies.fits import FitResult
    from spec_builder.studies.limits import LimitsResult

__all__ = ["COMPARISON_FILES", "angle_files", "bounds_files", "bounds_table", "compare", "compare_analysis"]

_ANGLE = "fig3_weak_mixing_angle"
_BOUNDS = "fig5_bounds"
_GLOBAL = "global"
#: All that :func:`angle_files` and :func:`bounds_files` name.
COMPARISON_FILES = tuple(
    f"{name}{suffix}"
    for name, third in ((_ANGLE, ".csv"), (_BOUNDS, ".md"), (_GLOBAL, ".md"))
    for suffix in (".png", ".pdf", ".txt", third)
)
#: Mediator masses of our limits.
_MASSES = 121


def angle_files(fitted: Sequence[tuple[Analysis, FitResult]]) -> dict[str, Content]:
    """Fig. 3 and its points, by file.

    Args:
        fitted: analyses with their fits of ``sin2thetaw``, one standard deviation.
    """
    from spec_builder.drawing.page import both_content  # noqa: PLC0415
    from spec_builder.drawing.style import display_name  # noqa: PLC0415
    from spec_builder.paper.angle_figure import draw_angle  # noqa: PLC0415

    fits = [fit for _, fit in fitted]
    names = {
        fit.provenance.analysis: display_name(fit.provenance.analysis) + ("*" if fit.provenance.by_construction else "")
        for fit in fits
    }
    points = [*fitted_points(fitted, names), *published_points()]
    notes = distinct_notes(fit.provenance for fit in fits)
    header = {
        "title": "Points of Fig. 3: sin^2 theta_W against the scale",
        "source": "own fits, and the reference of each row",
        "status": "computed",
        "unit": "scale_GeV, drawn_at_GeV: GeV; quoted, value, up, down: 1, one standard deviation",
        "by_construction": in_words(notes) or "nothing",
    }
    return {**both_content(draw_angle(points, fits), _ANGLE), f"{_ANGLE}.csv": points_csv(points, header)}


def bounds_files(
    limits: Sequence[LimitsResult],
    bounds: Sequence[Bound],
    missing: Sequence[MissingBound],
    computed: Sequence[LimitsResult],
) -> dict[str, Content]:
    """Fig. 5, the table of its bounds, and the joint limit with its table, by file.

    Args:
        limits: of one analysis, one for each of :data:`spec_builder.paper.bounds.PANELS`.
        bounds: existing ones.
        missing: those of the paper that are not drawn.
        computed: limits of each of :data:`spec_builder.paper.computed.COMPUTED` and of the same interactions.
    """
    from spec_builder.drawing.page import both_content  # noqa: PLC0415
    from spec_builder.paper.figures import draw_bounds, draw_global  # noqa: PLC0415

    others = [result for result in computed if result.provenance.analysis in COMPANIONS]
    return {
        **both_content(draw_bounds(limits, bounds, missing, others), _BOUNDS),
        **both_content(draw_global(computed), _GLOBAL),
        f"{_GLOBAL}.md": computed_tables(computed),
        f"{_BOUNDS}.md": bounds_table(bounds, missing) + _recasts(bounds),
    }


def _rows(cells: Sequence[tuple[str, tuple[str, ...]]]) -> list[tuple[str, ...]]:
    """Rows of a table; equal ones of several panels become one that names them."""
    panels: dict[tuple[str, ...], list[str]] = {}
    for panel, row in cells:
        panels.setdefault(row, []).append(panel)
    return [(row[0], ", ".join(names), *row[1:]) for row, names in panels.items()]


def bounds_table(bounds: Sequence[Bound], missing: Sequence[MissingBound]) -> str:
    """Markdown: which bounds are drawn, with their references, and which are not, and why."""
    drawn = _rows([(bound.interaction, (bound.title, bound.confidence, bound.source)) for bound in bounds])
    others = _rows([(row.interaction, (row.title, row.reference, row.reason)) for row in missing])
    lines = ["## Existing bounds that are drawn", "", markdown_table(("bound", "panels", "CL", "reference"), drawn), ""]
    lines += ["## Bounds of the paper that are not drawn", ""]
    lines.append(markdown_table(("bound", "panels", "reference", "why"), others))
    return "\n".join([*lines, ""])


def _recasts(bounds: Sequence[Bound]) -> str:
    rows = [(bound.title, bound.interaction, bound.status, bound.recast) for bound in bounds]
    table = markdown_table(("bound", "panel", "status", "how"), rows)
    return f"\n## How each limit came to its interaction\n\n{table}\n"


def _recast_file(bound: Bound) -> str:
    return f"bounds/{bound.interaction}/{bound.name}.csv"


@checked
def compare(
    output: str | PathLike[str],
    *,
    law: str = "normsys",
    variants: Mapping[str, str] | None = None,
    cl: float = 0.9,
    dof: int = 2,
    bounds: GivenCurves = (),
    darkcast: str | PathLike[str] | None = None,
    force: bool = False,
    report: Steps = silent,
) -> str:
    """Compute our results and write Figs. 3 and 5.

    Args:
        output: the folder.
        law: ``normsys`` or ``linear``.
        variants: variant by experiment name.
        cl: confidence level of our limits.
        dof: 1 or 2, of our limits.
        bounds: a user's own curves: folders laid out as ``data/comparison/bounds``, the JSON or CSV of limits, or
            limits.
        darkcast: DarkCast's folder; the curves that it knows are recast now and written below ``bounds``.
        force: replace files that exist.
        report: told about each step; see :class:`spec_builder.base.progress.Steps`.

    Returns:
        The table of the bounds.

    Raises:
        SpecBuilderError: for a broken or missing input, or a file that exists and no ``force``.
    """
    place = Output(Path(output), force)
    place.check(COMPARISON_FILES)
    check_dof(dof)
    threshold(cl, dof)
    curves = load_bounds(bounds)
    failed: list[MissingBound] = []
    files: dict[str, Content] = {}
    combined = load_analysis("combined", law, variants)
    singles = [load_analysis(e.name, law, {e.name: e.variant} if e.variant else {}) for e in combined.experiments]
    if darkcast is not None:
        place.check(map(_recast_file, curves))
        curves, failed = recast_bounds(curves, Path(darkcast), report=report)
        files |= {_recast_file(bound): bound.to_csv() for bound in curves if bound.darkcast}
    report("fits of the weak mixing angle")
    csi = load_analysis("coherent_csi", law)
    analyses = (*singles[::-1], combined, csi)
    files |= angle_files([(analysis, fit_analysis(analysis, "sin2thetaw", cl=ONE_SIGMA)) for analysis in analyses])
    masses = np.geomspace(*PLANE_MASSES, _MASSES)
    chosen = variants or {}
    wanted = [(combined, masses)]
    for name in COMPUTED:
        members = {experiment.name for experiment in load_analysis(name).experiments}
        own = load_analysis(name, law, {key: chosen[key] for key in chosen if key in members})
        wanted.append((own, np.array(PART_MASSES)))
    found: list[LimitsResult] = []
    step = f"limits on {len(PANELS)} interactions in {len(wanted)} analyses"
    for (analysis, at), panel in itertools.product(wanted, PANELS):
        report(step, len(found), len(wanted) * len(PANELS))
        found.append(find_limits(analysis, choose(panel), at, cl=cl, dof=dof))
    missing = [*missing_bounds(curves), *failed]
    files |= bounds_files(found[: len(PANELS)], curves, missing, found[len(PANELS) :])
    place.files(files)
    return bounds_table(curves, missing)


@checked
def compare_analysis(
    analysis: GivenAnalysis,
    choice: Choice | str | object,
    output: str | PathLike[str],
    masses: Numbers | None = None,
    *,
    cl: float = 0.9,
    dof: int = 2,
    law: str | None = None,
    variants: Mapping[str, str] | None = None,
    bounds: GivenCurves = (),
    width: str = "single",
    force: bool = False,
) -> str:
    """Write the limit of any analysis over existing bounds and curves of one's own: figure, caption and contour.

    Over them are also the limits of ``spec_builder.paper.computed.PARTS`` on the same interaction, where it acts on
    their targets and no data are in both.

    Args:
        analysis: a name, a path, a list of them, or what :func:`spec_builder.model.analysis.load_analysis` gives.
        choice: an interaction with a mediator, as :func:`spec_builder.physics.interactions.choose` takes and gives it.
        output: the folder.
        masses: mediator masses [MeV]; 121 over the range of the analysis by default.
        cl: confidence level.
        dof: 1 or 2.
        law: ``normsys`` or ``linear``, where a name is given.
        variants: variant by experiment name, where a name is given.
        bounds: a user's own curves: folders with ``<interaction>/<name>.csv``, the JSON or CSV of limits, or limits.
        width: of the figure, ``single`` or ``double``.
        force: replace files that exist.

    Returns:
        What is drawn over what, in Markdown.

    Raises:
        SpecBuilderError: for an interaction without a mediator, a broken input, an unknown width, or a file that exists
            and no ``force``.
    """
    from spec_builder.drawing.curves import check_masses, check_no_sign  # noqa: PLC0415
    from spec_builder.drawing.page import both_content, width_of  # noqa: PLC0415
    from spec_builder.paper.figures import draw_comparison  # noqa: PLC0415

    loaded, chosen = as_analysis(analysis, law, variants), as_choice(choice)
    if not chosen.has_mediator:
        raise SpecBuilderError(f"interaction '{chosen.name}' has no mediator, and no plane to compare in")
    check_no_sign(signed=chosen.signed)
    width_of(width)
    place, name = Output(Path(output), force), f"comparison_{loaded.name}_{chosen.name}"
    place.check([f"{name}{suffix}" for suffix in (".png", ".pdf", ".txt", ".csv")])
    curves = bounds_on(chosen.name, bounds)
    at = np.geomspace(*loaded.masses_MeV, _MASSES) if masses is None else masses
    result = find_limits(loaded, chosen, at, cl=cl, dof=dof)
    check_masses(result.masses_MeV[np.isfinite(result.masses_MeV)])
    companions = _companions_of(loaded, chosen, result.masses_MeV[:1])
    others = [find_limits(other, chosen, at, cl=cl, dof=dof) for other in companions]
    figure = both_content(draw_comparison(result, curves, others, width=width), name)
    place.files({**figure, f"{name}.csv": result.to_csv()})
    return _told(chosen, [result, *others], curves)


def _companions_of(analysis: Analysis, choice: Choice, mass_MeV: FloatArray) -> list[Analysis]:
    """The parts of the joint limit whose yields an interaction changes and that share no data with an analysis."""
    own = {experiment.name for experiment in analysis.experiments}
    found = [load_analysis(name, str(analysis.law)) for name in PARTS]
    return [
        other
        for other in found
        if acts_on(other, choice)
        and not own & {experiment.name for experiment in other.experiments}
        and any(yields.nominal[1:].any() for yields in other.sample_yields(choice, mass_MeV).values())
    ]


def _told(choice: Choice, ours: Sequence[LimitsResult], bounds: Sequence[Bound]) -> str:
    """Which curves are drawn."""
    names = ", ".join(result.provenance.analysis for result in ours)
    lines = [f"Limits on {choice.name} computed here ({ours[0].provenance.level}): {names}.", ""]
    if not bounds:
        lines.append(f"No existing bound on interaction {choice.name} is known here, and none is drawn.")
    else:
        rows = [(bound.title, bound.confidence, bound.source) for bound in bounds]
        lines.append(markdown_table(("existing bound", "CL", "reference"), rows))
    return "\n".join([*lines, ""])
