"""Tables of the paper's results beside ours, and how much each choice moves them."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from spec_builder.base.tables import packaged_table
from spec_builder.experiments.reading import load_experiment
from spec_builder.inference.exclusion import PLANE_MASSES
from spec_builder.model.analysis import ANALYSES, PARAMETERS, load_analysis
from spec_builder.paper.plane import PLANE_INTERACTIONS, limits_table
from spec_builder.physics.interactions import parse_new_physics
from spec_builder.studies.limits import find_limits

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from spec_builder.base.arrays import FloatArray
    from spec_builder.studies.fits import FitResult
    from spec_builder.studies.limits import LimitsResult

__all__ = ["published_results"]

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
    up, down = ("none" if x is None else f"{x:.{digits}f}" for x in (fit.up, fit.down))
    return f"{fit.value:.{digits}f} +{up} -{down}"


def fits_summary(fits: dict[tuple[str, str, str], FitResult], choices: list[FitResult]) -> str:
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


@dataclass(frozen=True)
class Job:
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


def limit_choices() -> list[tuple[tuple[str, str], list[Job | None]]]:
    """Rows of the table of choices: analysis and label, and a job for each interaction that the choice belongs to."""

    def row(analysis: str, label: str, only: str | None = None, **choice: Any) -> Any:
        cells = [
            Job(analysis, interaction, **choice) if only in (None, interaction) else None
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


def limits_summary(
    limits: list[LimitsResult],
    rows: list[tuple[tuple[str, str], list[Job | None]]],
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
