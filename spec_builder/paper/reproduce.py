"""The main job: Sec. IV of arXiv:2411.11749 from the shipped tables, with everything that can be checked."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from spec_builder.base.executors import loss_is_told, silent
from spec_builder.base.files import canonical_json, make_folder, refuse_existing, write_text
from spec_builder.base.grids import parse_grid
from spec_builder.experiments.reading import load_experiment
from spec_builder.histfactory.modifiers import LAWS
from spec_builder.inference.profile import ONE_SIGMA
from spec_builder.model.analysis import ANALYSES, PARAMETERS, UNITS, load_analysis, parse_parameter
from spec_builder.paper.bounds import PANELS, missing_bounds, shipped_bounds
from spec_builder.paper.comparison import COMPARISON_FILES, write_angle, write_bounds
from spec_builder.paper.plane import PLANE_INTERACTIONS
from spec_builder.paper.summary import Job, fits_summary, limit_choices, limits_summary, published_results
from spec_builder.sharing.export import METADATA_FILE, WORKSPACE_FILE, export_workspaces
from spec_builder.studies.fits import FitResult, fit_analysis
from spec_builder.studies.profiles import profile_analysis

if TYPE_CHECKING:
    import concurrent.futures
    from pathlib import Path

    from spec_builder.base.executors import Report
    from spec_builder.studies.limits import LimitsResult

__all__ = ["reproduce"]

#: Masses of the contours of Fig. 4 [MeV].
PLANE_GRID = tuple(parse_grid("0.01:1000:121", "masses"))
_FIGURES = ("fig1_spectra", "fig2_profiles", "fig4_plane", "pulls")


def _choices() -> list[tuple[str, str, dict[str, str]]]:
    """Law and variants of every row of the table of choices: (analysis, law, variants)."""
    rows: list[tuple[str, str, dict[str, str]]] = [
        (analysis, law, {}) for analysis, law in itertools.product(ANALYSES, ("linear", "normsys"))
    ]
    for name in ("xenonnt", "pandax4t"):
        for variant in load_experiment(name).variants:
            rows += [(analysis, "linear", {name: variant}) for analysis in (name, "combined")]
    both = {"xenonnt": "charge_yield", "pandax4t": "charge_yield"}
    return [*rows, ("combined", "linear", both)]


def _files() -> list[str]:
    """All that :func:`reproduce` writes, below its folder."""
    names = ["summary.md", "summary.json", *COMPARISON_FILES]
    names += [f"{figure}{suffix}" for figure, suffix in itertools.product(_FIGURES, (".png", ".pdf"))]
    names += [f"profile_{parameter}_{a}.csv" for parameter, a in itertools.product(PARAMETERS, ANALYSES)]
    names += [f"contour_{a}_{interaction}.csv" for a, interaction in itertools.product(ANALYSES, PLANE_INTERACTIONS)]
    folders = [f"workspaces/{law}/{a}" for law, a in itertools.product(LAWS, ANALYSES)]
    return names + [f"{folder}/{file}" for folder in folders for file in (WORKSPACE_FILE, METADATA_FILE)]


def reproduce(
    output: Path,
    *,
    executor: concurrent.futures.Executor | None = None,
    force: bool = False,
    report: Report = silent,
) -> str:
    """Write workspaces, fits, profiles, figures and a summary.

    Args:
        output: the folder.
        executor: any ``concurrent.futures.Executor``; None computes here.
        force: replace files that exist.
        report: told about each step; see :class:`spec_builder.base.executors.Report`.

    Returns:
        The summary, in Markdown; also written as ``summary.md`` and, with every number, ``summary.json``.

    Raises:
        SpecBuilderError: if a file exists and ``force`` is not given.
    """
    from spec_builder.figures.plane import draw_plane  # noqa: PLC0415
    from spec_builder.figures.profiles import draw_profiles, draw_pulls  # noqa: PLC0415
    from spec_builder.figures.spectra import draw_spectra  # noqa: PLC0415
    from spec_builder.figures.style import save_figure  # noqa: PLC0415

    for name in _files():
        refuse_existing(output / name, force=force)
    make_folder(output)
    report(f"workspaces -> {output / 'workspaces'}")
    for kind in LAWS:
        export_workspaces(ANALYSES, output / "workspaces" / kind, law=kind, force=force)

    report("fits of three analyses, two parameters and two laws, and of every variant")
    fits: dict[tuple[str, str, str], FitResult] = {}
    choices: list[FitResult] = []
    for analysis, law, variants in _choices():
        for parameter in PARAMETERS:
            result = fit_analysis(load_analysis(analysis, law, variants), parameter, cl=ONE_SIGMA)
            choices.append(result)
            if not variants:
                fits[analysis, parameter, law] = result

    report(f"profiles and figures -> {output}")
    profiles = [
        profile_analysis(load_analysis(analysis, "linear"), parameter)
        for parameter, analysis in itertools.product(PARAMETERS, ("pandax4t", "xenonnt", "combined"))
    ]
    for curve in profiles:
        name = f"profile_{curve.best.parameter}_{curve.provenance.analysis}.csv"
        write_text(output / name, curve.to_csv(), force=force)
    combined = load_analysis("combined", "linear")
    figures = {
        "fig1_spectra": draw_spectra(combined, fits["combined", "flux", "linear"]),
        "fig2_profiles": draw_profiles(profiles),
        "pulls": draw_pulls([fits[analysis, "flux", "linear"] for analysis in ANALYSES]),
    }
    for (name, figure), suffix in itertools.product(figures.items(), (".png", ".pdf")):
        save_figure(figure, output / f"{name}{suffix}", force=force)
    write_angle(
        output, [fits[name, "sin2thetaw", "linear"] for name in ("pandax4t", "xenonnt", "combined")], force=force
    )

    step = "limits on five interactions in three analyses, and how the choices move them"
    report(step)
    jobs = [Job(*choice, masses=PLANE_GRID) for choice in itertools.product(ANALYSES, PLANE_INTERACTIONS)]
    ends = [
        Job(analysis, interaction, law=law, dof=dof)
        for law, dof, analysis, interaction in itertools.product(
            ("linear", "normsys"), (1, 2), ANALYSES, PLANE_INTERACTIONS
        )
    ]
    rows = limit_choices()
    shifted = [job for _, cells in rows for job in cells if job is not None]
    todo = [*jobs, *ends, *shifted]
    results: list[LimitsResult] = []
    with loss_is_told():
        for limit in (executor.map if executor else map)(Job.run, todo):
            results.append(limit)
            report(step, len(results), len(todo))
    found = iter(results)
    curves = list(itertools.islice(found, len(jobs)))
    limits = list(itertools.islice(found, len(ends)))
    figure = draw_plane(curves)
    for suffix in (".png", ".pdf"):
        save_figure(figure, output / f"fig4_plane{suffix}", force=force)
    combined_curves = {
        limit.choice.interaction.value: limit for limit in curves if limit.provenance.analysis == "combined"
    }
    bounds = shipped_bounds()
    write_bounds(output, [combined_curves[name] for name in PANELS], bounds, missing_bounds(bounds), force=force)
    for limit in curves:
        name = f"contour_{limit.provenance.analysis}_{limit.choice.interaction.value}.csv"
        write_text(output / name, limit.to_csv(), force=force)

    summary = fits_summary(fits, choices) + limits_summary(limits, rows, found)
    numbers = _numbers(choices) | {"limits": [limit.to_dict() for limit in limits]}
    write_text(output / "summary.json", canonical_json(numbers), force=force)
    write_text(output / "summary.md", summary, force=force)
    return summary


def _numbers(choices: list[FitResult]) -> dict[str, Any]:
    paper = published_results()
    return {
        "schema": "spec_builder/summary/1",
        "fits": [result.to_dict() for result in choices],
        "paper": [
            {"analysis": a, "parameter": p, "unit": UNITS[parse_parameter(p)], "value": v, "up": u, "down": d}
            for (a, p), (v, u, d) in paper.items()
        ],
    }
