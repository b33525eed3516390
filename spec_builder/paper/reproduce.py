"""The main job: Sec. IV of arXiv:2411.11749 from the shipped tables, with everything that can be checked."""

from __future__ import annotations

import itertools
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spec_builder.base.arguments import checked
from spec_builder.base.executors import workers
from spec_builder.base.files import canonical_json
from spec_builder.base.grids import parse_grid
from spec_builder.base.output import Output
from spec_builder.base.progress import silent
from spec_builder.experiments.reading import load_experiment
from spec_builder.histfactory.modifiers import LAWS
from spec_builder.inference.profile import ONE_SIGMA
from spec_builder.model.analysis import ANALYSES, PARAMETERS, UNITS, load_analysis
from spec_builder.paper.bounds import PANELS, missing_bounds, shipped_bounds
from spec_builder.paper.comparison import COMPARISON_FILES, angle_files, bounds_files
from spec_builder.paper.computed import COMPANION_FITS, COMPUTED, PART_MASSES, companions_summary
from spec_builder.paper.plane import PLANE_INTERACTIONS, draw_fig4
from spec_builder.paper.summary import Job, fits_summary, limit_choices, limits_summary, published_results, run_jobs
from spec_builder.sharing.bundle import METADATA, WORKSPACE
from spec_builder.sharing.export import workspace_files
from spec_builder.studies.fits import FitResult, fit_analysis
from spec_builder.studies.profiles import profile_analysis

if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Mapping, Sequence
    from os import PathLike

    from spec_builder.base.files import Content
    from spec_builder.base.progress import Steps
    from spec_builder.studies.limits import LimitsResult

__all__ = ["reproduce"]

#: Masses of the contours of Fig. 4 [MeV].
PLANE_GRID = tuple(parse_grid("0.01:1000:121", "masses"))
#: In the order of Figs. 2 and 3.
_IN_FIGURES = ("pandax4t", "xenonnt", "combined")
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
    names += [f"{figure}{suffix}" for figure, suffix in itertools.product(_FIGURES, (".png", ".pdf", ".txt"))]
    names += [f"profile_{parameter}_{a}.csv" for parameter, a in itertools.product(PARAMETERS, ANALYSES)]
    names += [f"contour_{a}_{interaction}.csv" for a, interaction in itertools.product(ANALYSES, PLANE_INTERACTIONS)]
    companions = [name for name in COMPUTED if name not in ANALYSES]
    names += [f"contour_{a}_{interaction}.csv" for a, interaction in itertools.product(companions, PANELS)]
    folders = [f"workspaces/{law}/{a}" for law, a in itertools.product(LAWS, ANALYSES)]
    return names + [f"{folder}/{file}" for folder in folders for file in (WORKSPACE, METADATA)]


@checked
def reproduce(
    output: str | PathLike[str],
    *,
    executor: concurrent.futures.Executor | None = None,
    jobs: int | None = None,
    force: bool = False,
    report: Steps = silent,
) -> str:
    """Write workspaces, fits, profiles, figures and a summary.

    Args:
        output: the folder.
        executor: any ``concurrent.futures.Executor``; None computes here.
        jobs: worker processes in the place of an executor; a script that asks for them has its calls below
            ``if __name__ == "__main__":``.
        force: replace files that exist.
        report: told about each step; see :class:`spec_builder.base.progress.Steps`.

    Returns:
        The summary, in Markdown; also written as ``summary.md`` and, with every number, ``summary.json``.

    Raises:
        SpecBuilderError: if a file exists and ``force`` is not given.
    """
    output = Path(output)
    place = Output(output, force)
    place.check(_files())
    report("workspaces of three analyses and two laws")
    files: dict[str, Content] = {}
    for law, name in itertools.product(LAWS, ANALYSES):
        own = workspace_files(load_analysis(name, law))
        files |= {f"workspaces/{law}/{name}/{file}": text for file, text in own.items()}

    report("fits of three analyses, two parameters and two laws, and of every variant")
    choices = _fits()
    fits = {
        (about.analysis, result.fit.parameter, str(about.law)): result
        for result in choices
        if not (about := result.provenance).variants
    }
    report("profiles and figures")
    others = [
        fit_analysis(load_analysis(name, law, variants), parameter, cl=ONE_SIGMA)
        for name, law, variants, parameter in COMPANION_FITS
    ]
    files |= _fit_files(fits, others)

    step = "limits on five interactions in three analyses, and how the choices move them"
    report(step)
    contours = [Job(*choice, masses=PLANE_GRID) for choice in itertools.product(ANALYSES, PLANE_INTERACTIONS)]
    curves = [Job(*choice, masses=PART_MASSES) for choice in itertools.product(COMPUTED, PANELS)]
    ends = [
        Job(analysis, interaction, law=law, dof=dof)
        for law, dof, analysis, interaction in itertools.product(
            ("linear", "normsys"), (1, 2), ANALYSES, PLANE_INTERACTIONS
        )
    ]
    rows = limit_choices()
    shifted = [job for row in rows for job in row.jobs.values()]
    with workers(executor, jobs, preload=["spec_builder.paper.summary"]) as pool:
        found = run_jobs([*contours, *curves, *ends, *shifted], pool, partial(report, step))
    computed = [found[job] for job in curves]
    files |= _contour_files([found[job] for job in contours], computed)

    limits = [found[job] for job in ends]
    summary = fits_summary(fits, choices) + limits_summary(limits, rows, found) + companions_summary(others, computed)
    numbers = _numbers([*choices, *others]) | {"limits": [limit.to_dict() for limit in (*limits, *computed)]}
    place.files({**files, "summary.json": canonical_json(numbers), "summary.md": summary})
    report(f"figures, tables and workspaces -> {output}")
    return summary


def _fits() -> list[FitResult]:
    """Fits of both parameters for every row of the table of choices."""
    return [
        fit_analysis(load_analysis(analysis, law, variants), parameter, cl=ONE_SIGMA)
        for analysis, law, variants in _choices()
        for parameter in PARAMETERS
    ]


def _fit_files(fits: Mapping[tuple[str, str, str], FitResult], others: Sequence[FitResult]) -> dict[str, Content]:
    """Profiles as CSV, and Figs. 1 to 3 and the pulls, all with the law of Eq. (17), by file.

    Args:
        fits: by analysis, parameter and law.
        others: of the companions.
    """
    from spec_builder.drawing.page import both_content  # noqa: PLC0415
    from spec_builder.figures.profiles import draw_profiles, draw_pulls  # noqa: PLC0415
    from spec_builder.figures.spectra import draw_spectra  # noqa: PLC0415

    profiles = [
        profile_analysis(load_analysis(analysis, "linear"), parameter)
        for parameter, analysis in itertools.product(PARAMETERS, _IN_FIGURES)
    ]
    files: dict[str, Content] = {}
    for curve in profiles:
        files[f"profile_{curve.best.parameter}_{curve.provenance.analysis}.csv"] = curve.to_csv()
    combined = load_analysis("combined", "linear")
    files |= both_content(draw_spectra(combined, fits["combined", "flux", "linear"]), "fig1_spectra")
    files |= both_content(draw_profiles(profiles), "fig2_profiles")
    files |= both_content(draw_pulls([fits[analysis, "flux", "linear"] for analysis in ANALYSES]), "pulls")
    angles = [(load_analysis(name, "linear"), fits[name, "sin2thetaw", "linear"]) for name in _IN_FIGURES]
    csi = next(fit for fit in others if (fit.provenance.analysis, fit.fit.parameter) == ("coherent_csi", "sin2thetaw"))
    return files | angle_files([*angles, (load_analysis("coherent_csi", "linear"), csi)])


def _contour_files(contours: Sequence[LimitsResult], computed: Sequence[LimitsResult]) -> dict[str, Content]:
    """Contours as CSV, Fig. 4, Fig. 5 and the joint limit, by file."""
    from spec_builder.drawing.page import both_content  # noqa: PLC0415

    companions = [limit for limit in computed if limit.provenance.analysis not in ANALYSES]
    files: dict[str, Content] = {}
    for limit in (*contours, *companions):
        files[f"contour_{limit.provenance.analysis}_{limit.choice.name}.csv"] = limit.to_csv()
    files |= both_content(draw_fig4(contours), "fig4_plane")
    combined = {limit.choice.name: limit for limit in contours if limit.provenance.analysis == "combined"}
    bounds = shipped_bounds()
    return files | bounds_files([combined[name] for name in PANELS], bounds, missing_bounds(bounds), computed)


def _numbers(choices: list[FitResult]) -> dict[str, Any]:
    paper = published_results()
    return {
        "schema": "spec_builder/summary/1",
        "fits": [result.to_dict() for result in choices],
        "paper": [
            {"analysis": a, "parameter": p, "unit": UNITS[p], "value": v, "up": u, "down": d}
            for (a, p), (v, u, d) in paper.items()
        ],
    }
