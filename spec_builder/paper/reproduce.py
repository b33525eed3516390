"""The main job: Sec. IV of arXiv:2411.11749 from the shipped tables, with everything that can be checked."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from spec_builder.base.executors import loss_is_told, silent
from spec_builder.base.files import canonical_json, make_folder, refuse_existing, write_text
from spec_builder.base.grids import parse_grid
from spec_builder.base.tables import packaged_table
from spec_builder.experiments.description import load_experiment
from spec_builder.histfactory.modifiers import LAWS
from spec_builder.inference.exclusion import PLANE_MASSES
from spec_builder.inference.profile import ONE_SIGMA
from spec_builder.model.analysis import ANALYSES, PARAMETERS, UNITS, load_analysis, parse_parameter
from spec_builder.paper.bounds import PANELS, missing_bounds, shipped_bounds
from spec_builder.paper.comparison import COMPARISON_FILES, write_angle, write_bounds
from spec_builder.physics.interactions import parse_new_physics
from spec_builder.plane import PLANE_INTERACTIONS, limits_table
from spec_builder.sharing.export import METADATA_FILE, WORKSPACE_FILE, export_workspaces
from spec_builder.studies.fits import FitResult, fit_analysis, profile_analysis
from spec_builder.studies.limits import find_limits

if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from spec_builder.base.arrays import FloatArray
    from spec_builder.base.executors import Report
    from spec_builder.studies.limits import LimitsResult

__all__ = ["published_results", "reproduce"]

#: Masses of the contours of Fig. 4 [MeV].
PLANE_GRID = tuple(parse_grid("0.01:1000:121", "masses"))
_FIGURES = ("fig1_spectra", "fig2_profiles", "fig4_plane", "pulls")
_LABELS = {"flux": "8B flux [1e6 cm-2 s-1]", "sin2thetaw": "sin2 theta_W"}


def published_results() -> dict[tuple[str, str], tuple[float, float, float]]:
    """The paper's value, up and down by (analysis, parameter); one standard deviation."""
    table = packaged_table("comparison/paper_results", ("value", "up", "down"), ("analysis", "parameter"))
    keys = zip(table.labels["analysis"], table.labels["parameter"], strict=True)
    rows = zip(table["value"].tolist(), table["up"].tolist(), table["down"].tolist(), strict=True)
    return dict(zip(keys, rows, strict=True))


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


def _cell(result: FitResult) -> str:
    fit = result.fit
    digits = 3 if fit.parameter == "sin2thetaw" else 2
    up, down = ("none" if x is None else f"{x:.{digits}f}" for x in (fit.up, fit.down))
    return f"{fit.value:.{digits}f} +{up} -{down}"


def _summary(fits: dict[tuple[str, str, str], FitResult], choices: list[FitResult]) -> str:
    """The Markdown table: ours beside the paper's, then how much each choice moves the results."""
    paper = published_results()
    lines = [
        "# Sec. IV of arXiv:2411.11749, reproduced",
        "",
        "Intervals of one standard deviation (Delta chi2 = 1, 68.27 % CL), as the paper's.",
        "`*`: agrees with the paper by construction, see below.",
        "",
        "| parameter | analysis | linear (as Eq. 17) | normsys | paper | signal (linear) | chi2/ndof | p |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for parameter, analysis in itertools.product(PARAMETERS, ANALYSES):
        linear, normsys = fits[analysis, parameter, "linear"], fits[analysis, parameter, "normsys"]
        value, up, down = paper[analysis, parameter]
        digits = 2 if parameter == "sin2thetaw" else 1
        star = " *" if linear.provenance.by_construction else ""
        sigma = linear.fit.significance
        printed = f"{value:.{digits}f} +{up:.{digits}f} -{down:.{digits}f}"
        lines.append(
            f"| {_LABELS[parameter]} | {analysis} | {_cell(linear)}{star} | {_cell(normsys)}{star} "
            f"| {printed} | {'' if sigma is None else f'{sigma:.2f} sigma'} "
            f"| {linear.fit.chi2_min:.2f}/{linear.fit.ndof} | {linear.fit.p_value:.3f} |"
        )
    lines += [
        "",
        "Goodness of fit is the saturated chi2 with an asymptotic p-value; the signal's significance is sqrt(q0),",
        "asymptotic.",
        "",
        "By construction:",
        "",
    ]
    notes = dict.fromkeys(fits["combined", "flux", "linear"].provenance.by_construction.split("; "))
    lines += [f"- {note}." for note in notes]
    lines += [
        "",
        "## How much the choices move flux and weak mixing angle",
        "",
        "| analysis | law | variants | 8B flux [1e6 cm-2 s-1] | sin2 theta_W | by construction |",
        "|---|---|---|---|---|---|",
    ]
    for flux, angle in zip(choices[::2], choices[1::2], strict=True):
        about = flux.provenance
        variants = ", ".join(f"{k}={v}" for k, v in about.variants.items()) or "default"
        built = ", ".join(part.partition(":")[0] for part in about.by_construction.split("; ") if part)
        lines.append(f"| {about.analysis} | {about.law} | {variants} | {_cell(flux)} | {_cell(angle)} | {built} |")
    return "\n".join([*lines, ""])


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
    jobs = [_Job(*choice, masses=PLANE_GRID) for choice in itertools.product(ANALYSES, PLANE_INTERACTIONS)]
    ends = [
        _Job(analysis, interaction, law=law, dof=dof)
        for law, dof, analysis, interaction in itertools.product(
            ("linear", "normsys"), (1, 2), ANALYSES, PLANE_INTERACTIONS
        )
    ]
    rows = _limit_choices()
    shifted = [job for _, cells in rows for job in cells if job is not None]
    todo = [*jobs, *ends, *shifted]
    results: list[LimitsResult] = []
    with loss_is_told():
        for limit in (executor.map if executor else map)(_Job.run, todo):
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

    summary = _summary(fits, choices) + _limits_summary(limits, rows, found)
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


@dataclass(frozen=True)
class _Job:
    """Limits of one interaction in one analysis, as executors get them."""

    analysis: str
    interaction: str
    law: str = "linear"
    dof: int = 2
    masses: tuple[float, ...] = PLANE_MASSES
    variants: Mapping[str, str] = field(default_factory=dict)
    coupling_set: str | None = None
    longitudinal_factor: int | None = None

    def run(self) -> LimitsResult:
        """At 90 % CL."""
        analysis = load_analysis(self.analysis, self.law, self.variants)
        choice = parse_new_physics(self.interaction, self.coupling_set, self.longitudinal_factor)
        return find_limits(analysis, choice, np.array(self.masses), cl=0.9, dof=self.dof)


def _limit_choices() -> list[tuple[tuple[str, str], list[_Job | None]]]:
    """Rows of the table of choices: analysis and label, and a job for each interaction that the choice belongs to."""

    def row(analysis: str, label: str, only: str | None = None, **choice: Any) -> Any:
        cells = [
            _Job(analysis, interaction, **choice) if only in (None, interaction) else None
            for interaction in PLANE_INTERACTIONS
        ]
        return (analysis, label), cells

    rows = []
    for analysis in ANALYSES:
        rows += [row(analysis, "law normsys", law="normsys"), row(analysis, "dof 1", dof=1)]
    rows += [row("combined", f"coupling set {name}", only="scalar", coupling_set=name) for name in "ACDE"]
    rows.append(row("combined", "longitudinal factor 4", only="tensor", longitudinal_factor=4))
    for name in ("xenonnt", "pandax4t"):
        rows += [row(name, variant, variants={name: variant}) for variant in load_experiment(name).variants]
    both = {"xenonnt": "charge_yield", "pandax4t": "charge_yield"}
    return [*rows, row("combined", "charge_yield of both", variants=both)]


def _outermost(limit: LimitsResult) -> FloatArray:
    """Where the last excluded interval begins, at each mass."""
    return np.array([point.excluded[-1][0] if point.excluded else np.nan for point in limit.exclusion.points])


def _limits_summary(
    limits: list[LimitsResult],
    rows: list[tuple[tuple[str, str], list[_Job | None]]],
    found: Iterator[LimitsResult],
) -> str:
    """Markdown: plateau and heavy limit, then how much each choice moves them."""
    lines = [
        "",
        "## Limits on new interactions (Sec. IV B)",
        "",
        "90 % CL, without CLs: `dof` 1 is Delta chi2 > 2.706 against the minimum at each mass, `dof` 2 is",
        "Delta chi2 > 4.605 against the minimum over the plane. Coupling set B, longitudinal factor 1.",
        "",
        limits_table(limits),
        "",
        "## How much the choices move the limits",
        "",
        "Change of the outermost excluded coupling at 0.01 MeV / at 1 GeV, in percent, against the default (law",
        "linear, 90 % CL, `dof` 2) of the same analysis; - where the choice has no part in it. Where an allowed band",
        "closes, the outermost excluded interval begins below it.",
        "",
        f"| analysis | choice | {' | '.join(PLANE_INTERACTIONS)} |",
        f"|{'---|' * (2 + len(PLANE_INTERACTIONS))}",
    ]
    default = {
        (limit.provenance.analysis, limit.choice.interaction.value): _outermost(limit)
        for limit in limits
        if limit.provenance.law == "linear" and limit.exclusion.dof == 2
    }

    for (analysis, label), jobs in rows:
        cells = ["-"] * len(jobs)
        for place, job in enumerate(jobs):
            if job is not None:
                shift = _outermost(next(found)) / default[analysis, job.interaction] - 1
                cells[place] = " / ".join(f"{100 * x:+.1f}" for x in shift)
        lines.append(f"| {analysis} | {label} | {' | '.join(cells)} |")
    return "\n".join([*lines, ""])
