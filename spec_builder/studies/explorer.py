"""What a browser needs to explore planes of mass and coupling: limits, grids, fits at each point, models.

Plain content for JSON. Planes hold the numbers of :func:`spec_builder.studies.limits.find_limits` and of
:func:`spec_builder.studies.scans.scan_analysis`; models and yields are what a point's workspace is made of.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from spec_builder.base.arguments import checked
from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.grids import as_levels
from spec_builder.base.progress import Parts, silent
from spec_builder.base.version import __version__
from spec_builder.histfactory.modifiers import LAWS
from spec_builder.histfactory.patchset import round_value
from spec_builder.inference.newton import minimise
from spec_builder.inference.rows import take_apart
from spec_builder.model.analysis import acts_on, load_analyses
from spec_builder.model.given import as_choices, as_names, mass_axis
from spec_builder.model.provenance import Choices, option_texts, parameter_label
from spec_builder.model.workspace import NEW_PHYSICS
from spec_builder.studies.limits import find_limits
from spec_builder.studies.scans import scan_analysis

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from os import PathLike

    from spec_builder.base.arrays import FloatArray
    from spec_builder.experiments.description import Channel
    from spec_builder.model.analysis import Analysis, Change
    from spec_builder.model.signal import Yields
    from spec_builder.physics.choices import Choice
    from spec_builder.studies.limits import LimitsResult
    from spec_builder.studies.scan_results import ScanResult

__all__ = ["LEVELS", "POINTS", "SCHEMA", "explore"]

SCHEMA = "spec_builder/explorer/1"
#: Confidence levels that a page offers, and masses and couplings of its grids.
LEVELS = (0.6827, 0.9, 0.95)
POINTS = 31
_MOST_POINTS = 201
#: Values of a parameter without a mass: one row of them, so there may be many.
_LINE_POINTS = 121
#: How far a grid goes beyond the ends of what is excluded, as a factor: of a coupling, and of a parameter with a sign.
_AROUND, _BEYOND = 5.0, 1.6
#: Decimals of 2NLL, and significant digits of yields: they are embedded many thousand times.
_HEIGHT_DECIMALS, _YIELD_DIGITS = 6, 12
#: Decimals of parameters: the first that keep 2NLL to this much. Near a limit it is flat in them, far beyond it not: a
#: signal a million times too large is brought down by a factor that needs all digits.
_THETA_DECIMALS, _THETA_ERROR = (4, 6, 8, 10, 12, 14, 17), 1e-6


@checked
def explore(
    analyses: str | PathLike[str] | Sequence[str | PathLike[str]],
    choices: Choice | str | Sequence[Choice | str | object],
    *,
    laws: Sequence[str] | None = None,
    variants: Mapping[str, str] | None = None,
    levels: Sequence[float] = LEVELS,
    points: int = POINTS,
    change: Change | None = None,
    report: Parts = silent,
) -> dict[str, Any]:
    """Compute what a page holds: a plane for each analysis, law and interaction.

    Masses and couplings are those of patch sets, rounded to 6 digits: a point can be typed. An analysis that an
    interaction does not act on has no plane of it.

    Args:
        analyses: names and paths, as :func:`spec_builder.model.analysis.load_analysis` takes them.
        choices: one or more interactions, as :func:`spec_builder.physics.interactions.choose` takes and gives them.
        laws: ``normsys``, ``linear``; None for every law with which an analysis allows limits.
        variants: variant by experiment.
        levels: confidence levels.
        points: masses over the analysis' range, and couplings around what is excluded.
        change: what becomes of each analysis, such as a projection.
        report: told how many planes are done, and of how many.

    Returns:
        Content of the schema ``spec_builder/explorer/1``: ``interactions``; ``models``, one for each analysis and law,
        with its workspace and its fitted Standard Model; ``planes``, each with the places of its model and its
        interaction, its grid (rows by mass, then coupling) and its limits by level and degrees of freedom.

    Raises:
        SpecBuilderError: for a value twice, a number of points or a level out of range, or an interaction that acts on
            none of the analyses.
    """
    names, choices = as_names(analyses), as_choices(choices)
    laws = None if laws is None else list(laws)
    levels = as_levels(levels)
    _check(names, laws or LAWS, levels, points)
    models = [model for law in laws or LAWS for model in load_analyses(names, law, variants, change)]
    if laws is None:
        models = [model for model in models if _allows_limits(model)]
    pairs = [(i, j) for i, model in enumerate(models) for j, choice in enumerate(choices) if acts_on(model, choice)]
    _refuse_left_out([model.name for model in models], [choice.name for choice in choices], pairs)
    planes = []
    for done, (i, j) in enumerate(pairs):
        report(done, len(pairs))
        planes.append({"model": i, "interaction": j, **_plane(models[i], choices[j], levels, points)})
    report(len(pairs), len(pairs))
    return {
        "schema": SCHEMA,
        "version": __version__,
        "levels": list(levels),
        "interactions": [_interaction(choice) for choice in choices],
        "models": [_model(model, choices) for model in models],
        "planes": planes,
    }


def _check(analyses: Sequence[str], laws: Sequence[str], levels: Sequence[float], points: int) -> None:
    for what, values in (("analysis", analyses), ("law", laws), ("confidence level", levels)):
        if not values:
            raise SpecBuilderError(f"{what}: expected at least one")
        for value in values:
            if list(values).count(value) > 1:
                raise SpecBuilderError(f"{what} {value}: given twice")
    if not 2 <= points <= _MOST_POINTS:
        raise SpecBuilderError(f"points {points}: expected 2 to {_MOST_POINTS}")


def _allows_limits(analysis: Analysis) -> bool:
    needed = [experiment.limits_law for experiment in analysis.experiments]
    return all(one is None or one.law == analysis.law for one in needed)


def _refuse_left_out(analyses: Sequence[str], interactions: Sequence[str], pairs: Sequence[tuple[int, int]]) -> None:
    if not analyses:
        raise SpecBuilderError("no analysis allows limits with one law for all of its experiments")
    for place, name in enumerate(analyses):
        if place not in {i for i, _ in pairs}:
            raise SpecBuilderError(f"{name}: none of {', '.join(interactions)} acts on its targets")
    for place, name in enumerate(interactions):
        if place not in {j for _, j in pairs}:
            raise SpecBuilderError(f"interaction '{name}' acts on no target of {', '.join(dict.fromkeys(analyses))}")


def _interaction(choice: Choice) -> dict[str, Any]:
    return {
        "name": choice.name,
        "title": choice.title,
        "parameter": choice.parameter,
        "label": parameter_label(choice),
        "unit": choice.unit or "1",
        "signed": choice.signed,
        "has_mediator": choice.has_mediator,
        "options": option_texts(choice),
    }


# ---------------------------------------------------------------- a model


def _model(analysis: Analysis, choices: Sequence[Choice]) -> dict[str, Any]:
    """A workspace, how its patches are made, and its fitted Standard Model."""
    likelihood = analysis.problem(choices[0]).likelihood
    fitted = minimise(likelihood)
    if not fitted.valid[0]:
        raise SpecBuilderError(f"{analysis.name}: the fit of the Standard Model is not valid")
    about = Choices.of(analysis)
    return {
        "analysis": analysis.name,
        "law": analysis.law,
        "variants": list(about.variant_texts),
        "by_construction": [f"{experiment}: {text}" for experiment, text in about.by_construction],
        "statuses": dict(about.statuses),
        "experiments": [
            {"name": e.name, "title": e.title, "references": list(e.references)} for e in analysis.experiments
        ],
        "sources": list(analysis.sources()),
        "licence": analysis.licence or "not stated",
        "workspace": analysis.workspace,
        "measurement": NEW_PHYSICS,
        "axes": {channel.name: _axes(channel) for channel in analysis.channels},
        "uncertainties": {
            channel.name: {signal.name: dict(signal.uncertainties) for signal in channel.signals}
            for channel in analysis.channels
        },
        "standard_model": {
            "twice_nll": round(float(fitted.twice_nll[0]), _HEIGHT_DECIMALS),
            "theta": {name: float(fitted.theta[0, i]) for i, name in enumerate(likelihood.parameters)},
        },
    }


def _axes(channel: Channel) -> dict[str, Any]:
    """Names of a channel's observables, and a label of each bin."""
    ranges = []
    for axis in channel.axes:
        edges = axis.common_edges
        if edges is None:
            ranges.append([f"bin {i + 1}" for i in range(axis.bins)])
        else:
            ranges.append([f"{low:.4g}–{high:.4g}" for low, high in itertools.pairwise(edges.tolist())])
    labels = [""]
    for texts in ranges:  # the first axis outermost
        labels = [f"{label}, {text}" if label else text for label in labels for text in texts]
    return {"observables": [f"{axis.name} [{axis.unit}]" for axis in channel.axes], "bins": labels}


# ---------------------------------------------------------------- a plane


def _plane(analysis: Analysis, choice: Choice, levels: Sequence[float], points: int) -> dict[str, Any]:
    masses = _rounded(np.geomspace(*analysis.masses_MeV, points)) if choice.has_mediator else None
    results = {
        (level, dof): find_limits(analysis, choice, masses, cl=level, dof=dof)
        for level in levels
        for dof in ((1, 2) if choice.has_mediator else (1,))
    }
    low, high = _reach(choice, results.values())
    number = points if choice.has_mediator else max(points, _LINE_POINTS)
    couplings = _rounded(np.linspace(low, high, number) if choice.signed else np.geomspace(low, high, number))
    scan = scan_analysis(analysis, choice, masses, couplings)
    if scan is None:  # it is, with an output alone
        raise SpecBuilderError("the scan was written and not returned")
    names = [name for name in scan.columns if name.startswith("theta_")]
    theta = _rounded_theta(analysis, choice, masses, couplings, np.array([scan.columns[name] for name in names]))
    by_name = {name.removeprefix("theta_"): values for name, values in zip(names, theta, strict=True)}
    facts = dict(next(iter(results.values())).report().facts)
    header = {key: text for key, text in facts.items() if key not in ("confidence", "minimum")}
    return {
        "masses_MeV": None if masses is None else masses.tolist(),
        "couplings": couplings.tolist(),
        "header": header,
        "sources": list(analysis.sources(choice)),
        "notes": [f"{experiment}: {text}" for experiment, text in analysis.notes(choice, masses)],
        "scan": _scan_content(scan, by_name),
        "yields": {
            channel: {sample: _coefficients(own) for sample, own in samples.items()}
            for channel, samples in analysis.signal_yields(choice, masses).items()
        },
        "limits": [_limit(result) for result in results.values()],
    }


def _scan_content(scan: ScanResult, theta: Mapping[str, FloatArray]) -> dict[str, Any]:
    """Heights of a grid, and those of its parameters, by name, that are not the same everywhere."""
    return {
        "minimum": scan.metadata["minimum"],
        "against": scan.metadata["delta_chi2"],
        "twice_nll": _numbers(scan["twice_nll"], _HEIGHT_DECIMALS),
        "valid": [int(valid) for valid in scan.valid],
        "theta": {name: values.tolist() for name, values in theta.items() if np.ptp(values) > 0},
    }


def _reach(choice: Choice, results: Iterable[LimitsResult]) -> tuple[float, float]:
    """Range of the grid: around the ends of what is excluded, the interaction's own where there is none.

    What is a wide range for nuclear recoils may leave out all that electron recoils exclude.
    """
    intervals = [pair for result in results for point in result.exclusion.points for pair in point.excluded]
    ends = [abs(end) for pair in intervals for end in pair if end]
    if not ends:
        return choice.default_range
    if choice.signed:
        return -_BEYOND * max(ends), _BEYOND * max(ends)
    return min(ends) / _AROUND, max(ends) * _AROUND


def _rounded_theta(
    analysis: Analysis, choice: Choice, masses: FloatArray | None, couplings: FloatArray, theta: FloatArray
) -> FloatArray:
    """Parameters (P, N) at the points of the grid, with as few decimals as keep 2NLL."""
    problem = analysis.problem(choice)
    axis = mass_axis(choice, masses)
    mass, place = np.divmod(np.arange(axis.size * couplings.size), couplings.size)
    rows = problem.rows(problem.yields(axis), mass, problem.x(couplings[place]))
    layout, arrays = take_apart(problem.likelihood, rows)
    engine = problem.likelihood.engine((), layout)
    exact = engine(np.ascontiguousarray(theta), arrays).value
    rounded = theta.copy()
    left = np.ones(theta.shape[1], dtype=bool)
    for decimals in _THETA_DECIMALS:
        rounded[:, left] = np.round(theta[:, left], decimals)
        error = np.abs(engine(rounded, arrays).value - exact)
        left &= ~(error <= _THETA_ERROR)
    return rounded + 0.0


def _rounded(values: FloatArray) -> FloatArray:
    return np.array([round_value(value) for value in values.tolist()])


def _numbers(column: Iterable[Any], decimals: int) -> list[float | None]:
    """Rounded, None where a number is not finite, and no negative zero."""
    return [round(float(value), decimals) + 0.0 if np.isfinite(value) else None for value in column]


def _coefficients(yields: Yields) -> dict[str, Any]:
    """n0, n1 and n2 by mass and bin, to 12 digits: those of the patches have 8."""

    def rounded(values: FloatArray) -> Any:
        return np.vectorize(lambda value: float(f"{value:.{_YIELD_DIGITS - 1}e}"), otypes=[float])(values).tolist()

    variations = {name: {"up": rounded(up), "down": rounded(down)} for name, (up, down) in yields.variations.items()}
    return {"nominal": rounded(yields.nominal), "variations": variations}


def _limit(result: LimitsResult) -> dict[str, Any]:
    """Limits at one level, by mass."""
    content, report = result.to_dict(), result.report()
    rows, facts = content["points"], report.facts
    without_rows = replace(report, columns={name: [] for name in report.columns})
    return {
        "cl": content["cl"],
        "dof": content["dof"],
        "threshold": content["threshold"],
        "confidence": facts["confidence"],
        "least": facts["minimum"],
        "minimum": content["minimum"],
        "excluded": [row["excluded"] for row in rows],
        "best": [row["best_g"] for row in rows],
        "reference": [row["minimum"] for row in rows],
        "delta_chi2_sm": [row["delta_chi2_sm"] for row in rows],
        "valid": [int(row["valid"]) for row in rows],
        "csv_header": without_rows.to_csv(),
    }
