"""Tables of the paper's results beside ours, and how much each choice moves them."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from spec_builder.base.executors import loss_is_told
from spec_builder.base.progress import Parts, silent
from spec_builder.base.tables import packaged_table
from spec_builder.base.text import markdown_table
from spec_builder.experiments.reading import load_experiment
from spec_builder.inference.exclusion import PLANE_MASSES
from spec_builder.model.analysis import ANALYSES, PARAMETERS, load_analysis
from spec_builder.paper.plane import PLANE_INTERACTIONS, limits_table
from spec_builder.physics.interactions import choose
from spec_builder.studies.fits import errors_text, p_value_text
from spec_builder.studies.limits import find_limits

if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Iterable, Mapping, Sequence

    from spec_builder.base.arrays import FloatArray
    from spec_builder.studies.fits import FitResult
    from spec_builder.studies.limits import LimitsResult

__all__ = ["published_results"]

_FIT_COLUMNS = (
    *("parameter", "analysis", "linear (as Eq. 17)", "normsys", "paper", "signal (linear)", "chi2/ndof", "p"),
)
_CHOICE_COLUMNS = ("analysis", "law", "variants", "8B flux [1e6 cm-2 s-1]", "sin2 theta_W", "by construction")
_LABELS = {"flux": "8B flux [1e6 cm-2 s-1]", "sin2thetaw": "sin2 theta_W"}


def published_results() -> dict[tuple[str, str], tuple[float, float, float]]:
    """The paper's value, up and down by (analysis, parameter); one standard deviation."""
    table = packaged_table("comparison/paper_results", ("value", "up", "down"), ("analysis", "parameter"))
    keys = zip(table.labels["analysis"], table.labels["parameter"], strict=True)
    rows = zip(table["value"].tolist(), table["up"].tolist(), table["down"].tolist(), strict=True)
    return dict(zip(keys, rows, strict=True))


def _cell(result: FitResult) -> str:
    fit = result.fit
    digits = 3 if fit.parameter == "sin2thetaw" else 2
    return f"{fit.value:.{digits}f} {errors_text(fit.up, fit.down, f'.{digits}f')}"


def fits_summary(fits: dict[tuple[str, str, str], FitResult], choices: list[FitResult]) -> str:
    """The Markdown table: ours beside the paper's, then how much each choice moves the results."""
    paper = published_results()
    rows = []
    for parameter, analysis in itertools.product(PARAMETERS, ANALYSES):
        linear, normsys = fits[analysis, parameter, "linear"], fits[analysis, parameter, "normsys"]
        value, up, down = paper[analysis, parameter]
        digits = 2 if parameter == "sin2thetaw" else 1
        star = " *" if linear.provenance.by_construction else ""
        sigma = linear.fit.significance
        p_value = p_value_text(linear.fit.p_value).removeprefix("p = ")
        printed = f"{value:.{digits}f} +{up:.{digits}f} -{down:.{digits}f}"
        rows.append(
            (
                *(_LABELS[parameter], analysis, f"{_cell(linear)}{star}", f"{_cell(normsys)}{star}", printed),
                "" if sigma is None else f"{sigma:.2f} sigma",
                *(f"{linear.fit.chi2_min:.2f}/{linear.fit.ndof}", p_value),
            )
        )
    lines = [
        "# Sec. IV of arXiv:2411.11749, reproduced",
        "",
        "Intervals are one standard deviation (Delta chi2 = 1, 68.27 % CL), as in the paper.",
        "`*`: agrees with the paper by construction, see below.",
        "",
        markdown_table(_FIT_COLUMNS, rows),
        "",
        "Goodness of fit is the saturated chi2; the signal's significance is sqrt(q0). p-value and significance are",
        "asymptotic.",
        "",
        "By construction:",
        "",
    ]
    notes = fits["combined", "flux", "linear"].provenance.by_construction
    lines += [f"- {name}: {text}." for name, text in notes]
    lines += [
        "",
        "## How much the choices move flux and weak mixing angle",
        "",
        markdown_table(_CHOICE_COLUMNS, _choice_rows(choices)),
        "",
    ]
    return "\n".join(lines)


def _choice_rows(choices: Sequence[FitResult]) -> list[tuple[str, ...]]:
    """A row for each law and variant, from its fits of the flux and of the weak mixing angle."""
    rows: list[tuple[str, ...]] = []
    for flux, angle in zip(choices[::2], choices[1::2], strict=True):
        about = flux.provenance
        variants = ", ".join(about.variant_texts) or "default"
        built = ", ".join(experiment for experiment, _ in about.by_construction)
        rows.append((about.analysis, str(about.law), variants, _cell(flux), _cell(angle), built))
    return rows


@dataclass(frozen=True)
class Job:
    """Limits of one interaction in one analysis, as executors get them; what is the same is computed once."""

    analysis: str
    interaction: str
    law: str = "linear"
    dof: int = 2
    masses: tuple[float, ...] = PLANE_MASSES
    variants: tuple[tuple[str, str], ...] = ()
    options: tuple[tuple[str, Any], ...] = ()

    def run(self) -> LimitsResult:
        """At 90 % CL."""
        analysis = load_analysis(self.analysis, self.law, dict(self.variants))
        choice = choose(self.interaction, **dict(self.options))
        return find_limits(analysis, choice, np.array(self.masses), cl=0.9, dof=self.dof)


def run_jobs(
    jobs: Iterable[Job],
    executor: concurrent.futures.Executor | None = None,
    report: Parts = silent,
) -> dict[Job, LimitsResult]:
    """Limits of each job, those that stand several times computed once.

    Args:
        jobs: in any order.
        executor: any ``concurrent.futures.Executor``; None computes here.
        report: told how many are done, and of how many.
    """
    todo = list(dict.fromkeys(jobs))
    found: dict[Job, LimitsResult] = {}
    with loss_is_told():
        for job, limit in zip(todo, (executor.map if executor else map)(Job.run, todo), strict=True):
            found[job] = limit
            report(len(found), len(todo))
    return found


@dataclass(frozen=True)
class ChoiceRow:
    """One row of the table of choices.

    Attributes:
        analysis: its name.
        label: of the choice.
        jobs: by interaction, those that the choice belongs to.
    """

    analysis: str
    label: str
    jobs: Mapping[str, Job]


def limit_choices() -> list[ChoiceRow]:
    """Rows of the table of choices."""

    def row(analysis: str, label: str, only: str | None = None, **choice: Any) -> ChoiceRow:
        names = PLANE_INTERACTIONS if only is None else (only,)
        return ChoiceRow(analysis, label, {name: Job(analysis, name, **choice) for name in names})

    rows = []
    for analysis in ANALYSES:
        rows += [row(analysis, "law normsys", law="normsys"), row(analysis, "dof 1", dof=1)]
    rows += [
        row("combined", f"coupling set {name}", only="scalar", options=(("coupling_set", name),)) for name in "ACDE"
    ]
    rows.append(row("combined", "longitudinal factor 4", only="tensor", options=(("longitudinal_factor", 4),)))
    for name in ("xenonnt", "pandax4t"):
        rows += [row(name, variant, variants=((name, variant),)) for variant in load_experiment(name).variants]
    both = (("xenonnt", "charge_yield"), ("pandax4t", "charge_yield"))
    return [*rows, row("combined", "charge_yield of both", variants=both)]


def _outermost(limit: LimitsResult) -> FloatArray:
    """Where the last excluded interval begins, at each mass."""
    return np.array([point.excluded[-1][0] if point.excluded else np.nan for point in limit.exclusion.points])


def limits_summary(limits: Sequence[LimitsResult], rows: Sequence[ChoiceRow], found: Mapping[Job, LimitsResult]) -> str:
    """Markdown: plateau and heavy limit, then how much each choice moves them.

    Args:
        limits: rows of the first table.
        rows: of the second one.
        found: the limits of its jobs, and of the default that they are compared with.
    """
    shifts = [
        (row.analysis, row.label, *(_shift(row.jobs.get(name), found) for name in PLANE_INTERACTIONS)) for row in rows
    ]
    lines = [
        "",
        "## Limits on new interactions (Sec. IV B)",
        "",
        "At 90 % CL, without CLs: with `dof` 1 Delta chi2 > 2.706 against the minimum at each mass, with `dof` 2",
        "Delta chi2 > 4.605 against the minimum over the plane. Coupling set B, longitudinal factor 1.",
        "",
        limits_table(limits),
        "",
        "## How much the choices move the limits",
        "",
        "How far each choice moves the beginning of the outermost excluded interval at 0.01 MeV / at 1 GeV, in percent",
        "of the same analysis' default (law linear, 90 % CL, `dof` 2). `-`: the choice does not act there. A large",
        "negative number is an allowed band that closes: the outermost interval then begins below it.",
        "",
        markdown_table(("analysis", "choice", *PLANE_INTERACTIONS), shifts),
        "",
    ]
    return "\n".join(lines)


def _shift(job: Job | None, found: Mapping[Job, LimitsResult]) -> str:
    """How much a choice moves the outermost excluded coupling, at the lowest and the highest mass."""
    if job is None:
        return "-"
    shift = _outermost(found[job]) / _outermost(found[Job(job.analysis, job.interaction)]) - 1
    return " / ".join(f"{100 * x:+.1f}" for x in shift)
