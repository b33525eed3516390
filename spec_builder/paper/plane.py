"""The plane of mediator mass and coupling: the paper's Fig. 4, or any analysis, with contours and profiled grids."""

from __future__ import annotations

from collections import Counter
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from spec_builder.base.arguments import checked
from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.executors import workers
from spec_builder.base.output import Output
from spec_builder.base.printing import percent
from spec_builder.base.progress import silent
from spec_builder.base.text import markdown_table, markdown_text
from spec_builder.drawing.curves import check_no_sign
from spec_builder.drawing.page import width_of
from spec_builder.inference.minima import REASONS
from spec_builder.inference.profile import threshold
from spec_builder.model.analysis import ANALYSES, PLANE_INTERACTIONS, acts_on, load_analyses
from spec_builder.model.given import as_choices, as_names
from spec_builder.model.provenance import distinct_notes, parameter_label
from spec_builder.studies.limits import LimitsResult, check_dof, interval_text
from spec_builder.studies.plane import LINE_POINTS, profile_planes

if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Mapping, Sequence
    from os import PathLike

    from spec_builder.base.files import Content
    from spec_builder.base.progress import Steps
    from spec_builder.drawing.page import Page
    from spec_builder.inference.exclusion import MassPoint
    from spec_builder.model.analysis import Analysis, Change
    from spec_builder.physics.choices import Choice
    from spec_builder.studies.plane import Plane

__all__ = ["PLANE_INTERACTIONS", "draw_fig4", "limits_table", "write_plane"]

_MOST_POINTS = 2000
#: What every table of limits begins with.
_COLUMNS = ("analysis", "interaction", "law", "choices", "CL, dof")
#: Colour, dashes and name of each in Fig. 4.
_LOOKS: dict[str, tuple[str, Any, str]] = {
    "scalar": ("#009E73", (0, (1, 1)), "scalar"),
    "vector_universal": ("#0072B2", "-", "universal vector"),
    "vector_bl": ("#D55E00", "-.", r"vector $B-L$"),
    "axial": ("#E69F00", "--", "axial vector"),
    "tensor": ("#CC79A7", (0, (3, 1, 1, 1, 1, 1)), "tensor"),
}
_COUPLINGS = (1e-6, 1e-1)
#: Name of the figure of the paper's analyses, and of any other.
_FIG4, _PLANE = "fig4_plane", "plane"


def draw_fig4(results: Sequence[LimitsResult], *, width: str | None = None) -> Page:
    """Fig. 4: excluded couplings against the mediator mass, a panel for each analysis, in the paper's colours.

    Args:
        results: limits at the same confidence level, of interactions of the paper.
        width: ``single`` or ``double``; as the number of panels asks for by default.
    """
    from spec_builder.drawing.style import Line  # noqa: PLC0415
    from spec_builder.figures.plane import draw_plane  # noqa: PLC0415

    looks = {name: (Line(color, style), label) for name, (color, style, label) in _LOOKS.items()}
    return draw_plane(results, looks=looks, couplings=_COUPLINGS, width=width)


@checked
def write_plane(
    output: str | PathLike[str],
    *,
    analysis: str | PathLike[str] | Sequence[str | PathLike[str]] | None = None,
    choices: Choice | str | Sequence[Choice | str | object] = (),
    law: str = "normsys",
    variants: Mapping[str, str] | None = None,
    cl: float = 0.9,
    dof: int | None = None,
    points: int = 121,
    width: str | None = None,
    change: Change | None = None,
    executor: concurrent.futures.Executor | None = None,
    jobs: int | None = None,
    force: bool = False,
    report: Steps = silent,
) -> str:
    """Write the figure (``.png`` and ``.pdf``), contours as CSV and the profiled grids as NPZ.

    Without an analysis and interactions it is Fig. 4: ``fig4_plane``, three analyses and five interactions. Else the
    figure is called ``plane``; an interaction without a mass has a figure of its own, ``line_<interaction>``.

    Args:
        output: the folder.
        analysis: its name; the paper's three by default.
        choices: interactions, as :func:`spec_builder.physics.interactions.choose` takes and gives them; by default the
            paper's five.
        law: ``normsys`` or ``linear``.
        variants: variant by experiment name.
        cl: confidence level.
        dof: 1 or 2; None for 2, and 1 where an interaction has no mass.
        points: masses, and couplings; where there is no mass values of the parameter, 401 at least.
        width: of the figures, ``single`` or ``double``; as the number of panels asks for by default.
        change: what becomes of each analysis, such as a projection.
        executor: any ``concurrent.futures.Executor``; None computes here.
        jobs: worker processes in the place of an executor; a script that asks for them has its calls below
            ``if __name__ == "__main__":``.
        force: replace files that exist.
        report: told about each step; see :class:`spec_builder.base.progress.Steps`.

    Returns:
        A table of the limits at the ends of the mass range.

    Raises:
        SpecBuilderError: if a file exists and ``force`` is not given, or for an unknown width.
    """
    paper_interactions = choices is None or (isinstance(choices, list | tuple) and not choices)
    of_paper = analysis is None and paper_interactions
    figure_name = _FIG4 if of_paper else _PLANE
    if not 2 <= points <= _MOST_POINTS:
        raise SpecBuilderError(f"points {points}: a grid needs at least 2, and at most {_MOST_POINTS}")
    chosen = as_choices(PLANE_INTERACTIONS if paper_interactions else choices)
    if dof is None:
        dof = 2
    else:
        for choice in chosen:
            check_dof(dof, choice)
    threshold(cl, dof)
    check_no_sign(signed=any(choice.signed and choice.has_mediator for choice in chosen))
    if width is not None:
        width_of(width)
    names = ANALYSES if analysis is None else ["+".join(as_names(analysis))]
    analyses = load_analyses(names, law, variants, change)
    # of the paper's five those that act, of those that were named all
    wanted = [(a, choice) for a in analyses for choice in chosen if not paper_interactions or acts_on(a, choice)]
    place = Output(Path(output), force)
    place.check(_file_names(wanted, figure_name))
    with workers(executor, jobs, preload=["spec_builder.studies.plane"]) as pool:
        planes = _profiled(wanted, points, cl, dof, pool, report)
    files: dict[str, Content] = {}
    for plane in planes:
        files |= _numbers(plane)
    place.files(files | _figures(planes, figure_name, width))
    report(f"figure, contours and grids -> {output}")
    return limits_table([plane.limits for plane in planes])


def _file_names(wanted: Sequence[tuple[Analysis, Choice]], figure_name: str) -> list[str]:
    """What is written of analyses and interactions."""
    numbers = [name for analysis, choice in wanted for name in _number_names(analysis.name, choice)]
    figures = {_name_of_figure(choice, figure_name) for _, choice in wanted}
    return numbers + [f"{figure}{suffix}" for figure in sorted(figures) for suffix in (".png", ".pdf", ".txt")]


def _number_names(analysis: str, choice: Choice) -> tuple[str, str]:
    """The files of a contour and of a grid."""
    return f"contour_{analysis}_{choice.name}.csv", f"grid_{analysis}_{choice.name}.npz"


def _name_of_figure(choice: Choice, figure_name: str) -> str:
    """The figure in which an interaction is drawn: with the others that have a mass, or in one of its own."""
    return figure_name if choice.has_mediator else f"line_{choice.name}"


def _figures(planes: Sequence[Plane], figure_name: str, width: str | None) -> dict[str, Content]:
    """One figure of all interactions with a mass, and one of each without."""
    from spec_builder.drawing.page import both_content  # noqa: PLC0415
    from spec_builder.figures.limits import draw_lines  # noqa: PLC0415
    from spec_builder.figures.plane import draw_plane  # noqa: PLC0415

    by_figure: dict[str, list[Plane]] = {}
    for plane in planes:
        by_figure.setdefault(_name_of_figure(plane.limits.choice, figure_name), []).append(plane)
    files: dict[str, Content] = {}
    for name, same in by_figure.items():
        if name == figure_name:
            draw = draw_fig4 if figure_name == _FIG4 else draw_plane
            page = draw([plane.limits for plane in same], width=width)
        else:
            page = draw_lines(same, width=width or "single")
        files |= both_content(page, name)
    return files


def _profiled(
    choices: Sequence[tuple[Analysis, Choice]],
    points: int,
    cl: float,
    dof: int,
    executor: concurrent.futures.Executor | None,
    report: Steps,
) -> list[Plane]:
    step = _step_text([choice for _, choice in choices], points)
    report(step)
    planes = profile_planes(choices, points=points, cl=cl, dof=dof, executor=executor, report=partial(report, step))
    failed = Counter(int(reason) for plane in planes for reason in plane.reason[plane.reason > 0])
    why = "".join(f"; {REASONS[reason]}: {count}" for reason, count in sorted(failed.items()))
    profiled = sum(plane.reason.size for plane in planes)
    state = f"{failed.total()} of them not valid" if failed else "all valid"
    report(f"{profiled} points profiled, {state}{why}")
    return planes


def _step_text(choices: Sequence[Choice], points: int) -> str:
    """How many planes and lines are profiled."""
    planes = sum(choice.has_mediator for choice in choices)
    lines = len(choices) - planes
    told = [f"{planes} plane{'s' * (planes > 1)} of {points} x {points} points, and contours"] * bool(planes)
    if lines:
        count = max(points, LINE_POINTS)
        told.append(f"{lines} line{'s' * (lines > 1)} of at least {count} values, and what is excluded")
    return "; ".join(told)


def _numbers(plane: Plane) -> dict[str, Content]:
    """The contours of one plane as CSV, its grid as NPZ."""
    choice = plane.limits.choice
    contour, grid = _number_names(plane.limits.provenance.analysis, choice)
    content: dict[str, Any] = {
        **({"mass_MeV": plane.masses} if choice.has_mediator else {}),
        choice.parameter: plane.couplings,
        "delta_chi2": plane.delta_chi2 if choice.has_mediator else plane.delta_chi2[0],
        "valid": plane.reason == 0 if choice.has_mediator else plane.reason[0] == 0,
        "metadata": np.array(plane.limits.to_json()),
    }
    return {contour: plane.limits.to_csv(), grid: partial(_save_npz, content)}


def _save_npz(content: dict[str, Any], path: Path) -> None:
    np.savez(path, **content)


def limits_table(results: Sequence[LimitsResult]) -> str:
    """Markdown: limits at the lowest and the highest mass of each result, the plateau and the heavy limit."""
    with_mass = [result for result in results if result.choice.has_mediator]
    others = [result for result in results if not result.choice.has_mediator]
    lines = []
    if with_mass:
        points = with_mass[0].exclusion.points
        light, heavy = points[0].mass_MeV, points[-1].mass_MeV
        ends = (f"excluded g at {light:g} MeV", f"excluded g at {heavy:g} MeV", "g/m there [1/GeV]")
        lines.append(markdown_table((*_COLUMNS, *ends), [_limits_row(result) for result in with_mass]))
    if others:
        lines += [""] * bool(lines)
        lines.append(markdown_table((*_COLUMNS, "parameter", "excluded"), [_limits_row(result) for result in others]))
    notes = distinct_notes(result.provenance for result in results)
    if notes:
        lines += [
            "",
            "`*`: by construction in part:",
            "",
            *(f"- {name}: {markdown_text(text)}." for name, text in notes),
        ]
    without = [result.provenance for result in results if not all(point.excluded for point in result.exclusion.points)]
    told = dict.fromkeys(note for about in without for note in about.notes)
    if told:
        lines += ["", "Notes:", "", *(f"- {name}: {markdown_text(text)}." for name, text in told)]
    return "\n".join([*lines, ""])


def _limits_row(result: LimitsResult) -> tuple[str, ...]:
    about, exclusion = result.provenance, result.exclusion
    lightest, heaviest = exclusion.points[0], exclusion.points[-1]
    options = [*about.variant_texts]
    options += [f"{name.replace('_', ' ')} {value}" for name, value in result.choice.stated.items()]
    last = heaviest.excluded[-1][0] if heaviest.excluded else None
    about_choices = (
        about.analysis + (" *" if about.by_construction else ""),
        result.choice.name,
        str(about.law),
        ", ".join(options) or "default",
        f"{percent(exclusion.cl)}, {exclusion.dof}",
    )
    if not result.choice.has_mediator:
        return (*about_choices, parameter_label(result.choice), _intervals(lightest))
    return (
        *about_choices,
        _intervals(lightest),
        _intervals(heaviest),
        "none" if last is None else f"{last / heaviest.mass_MeV * 1e3:.3e}",
    )


def _intervals(point: MassPoint) -> str:
    excluded = ", ".join(interval_text(*interval, ".3e", "to") for interval in point.excluded) or "none"
    return excluded if point.valid else f"{excluded} NOT VALID"
