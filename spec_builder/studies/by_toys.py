"""Fits and limits by toys with their provenance: Feldman-Cousins intervals beside those of Wilks' theorem."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from spec_builder.base.arguments import checked
from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.executors import workers
from spec_builder.base.files import digest
from spec_builder.base.grids import check_level, numbers_text, parse_signed_grid
from spec_builder.base.names import shown
from spec_builder.base.printing import counted
from spec_builder.base.progress import Parts, silent
from spec_builder.base.text import Report, Shown
from spec_builder.drawing.curves import check_masses, mass_coupling_axes, range_of_ends, stretches
from spec_builder.drawing.style import axis_label, line_of
from spec_builder.inference.compiled import describe_engine
from spec_builder.inference.exclusion_by_toys import exclude_by_toys
from spec_builder.inference.feldman_cousins import GRID, feldman_cousins
from spec_builder.inference.toys import TOYS_MODULES
from spec_builder.model.given import as_analysis, as_choice, as_couplings, as_workspace, mass_axis
from spec_builder.model.provenance import Choices
from spec_builder.model.signal import check_change, check_nowhere_negative
from spec_builder.studies.fits import USUAL_CL, FitResult, fit_analysis, fit_workspace, named, workspace_likelihood
from spec_builder.studies.limits import (
    LimitsResult,
    check_dof,
    drawn_text,
    in_contact_units,
    interval_text,
    open_ends,
)
from spec_builder.studies.open_ends import notes_on_open_ends
from spec_builder.studies.pictures import PicturedResult, dataset_label, interaction_label, level_note, own_axes

if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Iterator, Sequence

    from matplotlib.axes import Axes

    from spec_builder.base.arrays import FloatArray
    from spec_builder.base.chunks import Store
    from spec_builder.base.grids import Numbers
    from spec_builder.inference.curves import Interval
    from spec_builder.inference.exclusion_by_toys import ToyExclusion, ToyMassPoint
    from spec_builder.inference.feldman_cousins import CriticalValue, FeldmanCousins, PValue
    from spec_builder.inference.toys import Ensemble
    from spec_builder.model.given import GivenAnalysis, GivenWorkspace
    from spec_builder.physics.choices import Choice

__all__ = [
    "CRITICAL_SCHEMA",
    "ToyFitResult",
    "ToyLimitsResult",
    "find_limits_by_toys",
    "fit_analysis_by_toys",
    "fit_workspace_by_toys",
]

#: What ``method`` says in JSON.
METHOD = "feldman-cousins"
#: A result by toys is a file of critical values to share, whose schema this is.
CRITICAL_SCHEMA = "spec_builder/critical/1"
#: From 1/MeV to 1/GeV.
_PER_GEV = 1e3
#: How far an axis of masses reaches beyond the first and the last, as a factor.
_MARGIN = 1.05


@dataclass(frozen=True, repr=False)
class ToyFitResult(PicturedResult):
    """A fit of one parameter whose interval, significance and goodness come from toys.

    Attributes:
        asymptotic: the same fit by Wilks' theorem, with its provenance.
        toys: the numbers.
        origin: what tells the model from others: the workspace's digest, and of a workspace's file the measurement and
            the held parameters.
    """

    asymptotic: FitResult
    toys: FeldmanCousins
    origin: Mapping[str, Any]

    @property
    def provenance(self) -> Choices:
        """The choices behind it."""
        return self.asymptotic.provenance

    @property
    def drawn(self) -> str:
        """What :meth:`plot` draws."""
        return self.asymptotic.drawn

    @property
    def drawn_height(self) -> float:
        """Height of a figure of it [in]."""
        return self.asymptotic.drawn_height

    def plot(self, ax: Axes | None = None) -> Axes:
        """Pulls of the nuisance parameters at the minimum, which toys do not move.

        Args:
            ax: axes to draw into; new ones if there are none.

        Raises:
            SpecBuilderError: if no parameter has a constraint.
        """
        return self.asymptotic.plot(ax)

    @property
    def parameter(self) -> str:
        """What was fitted."""
        return self.asymptotic.parameter

    @property
    def value(self) -> float:
        """At the minimum."""
        return self.asymptotic.value

    @property
    def interval(self) -> tuple[float | None, float | None]:
        """Ends of the interval by toys; None where it ends with the domain."""
        return self.toys.interval

    @property
    def interval_error(self) -> tuple[float | None, float | None]:
        """Error of each end."""
        return self.toys.interval_error

    def to_dict(self) -> dict[str, Any]:
        """The content of the asymptotic fit, and what toys add to it."""
        toys = self.toys
        return self.asymptotic.to_dict() | {
            **_shared(self.origin),
            "method": METHOD,
            "toys": toys.toys,
            "seed": toys.seed,
            "ensemble": toys.ensemble,
            "interval": list(toys.interval),
            "interval_error": list(toys.interval_error),
            "interval_asymptotic": list(toys.asymptotic),
            "critical": [_critical_content(point) for point in toys.critical],
            "significance_by_toys": None if toys.significance is None else asdict(toys.significance),
            "goodness_by_toys": asdict(toys.goodness),
            "toys_without_fit": toys.lost,
            "problems": [*self.asymptotic.fit.problems, *toys.problems],
        }

    def report(self) -> Report:
        """The interval beside the asymptotic one; the columns hold the critical values."""
        plain, toys = self.asymptotic.report(), self.toys
        facts = {
            f"{100 * toys.cl:.10g} % by toys": _interval_words(toys.interval, toys.interval_error),
            "by Wilks' theorem": _interval_words(toys.asymptotic, (None, None)),
            "toys": f"{toys.toys} at each of {len(toys.critical)} values, seed {toys.seed}, nuisance parameters "
            f"{toys.ensemble}" + (f", {toys.lost} without a fit" if toys.lost else ""),
            "goodness of fit": _p_words(toys.goodness, "chi2"),
        }
        if toys.significance is not None:
            facts["signal by toys"] = _p_words(toys.significance, "q0")
        notes = dict(plain.notes)
        if toys.problems:
            notes["not settled"] = "; ".join([*self.asymptotic.fit.problems, *toys.problems])
        names = ("value", "critical", "error", "toys", "observed", "p_value", "p_error")
        columns = {name: [getattr(point, name) for point in toys.critical] for name in names}
        return Report(plain.title, facts | dict(plain.facts), columns, plain.shown, notes)


def _edges(pairs: Sequence[tuple[float | None, float | None]]) -> list[float | None]:
    return [edge for pair in pairs for edge in pair]


def _column(rows: Sequence[Sequence[float | None]], k: int) -> FloatArray:
    """The k-th edge of each mass, left out where there is none; zero is none in logarithms."""
    return np.array([np.nan if k >= len(row) else row[k] or np.nan for row in rows], dtype=np.float64)


def _lines(rows: Sequence[Sequence[float | None]]) -> Iterator[tuple[slice, int]]:
    """Each edge of each stretch of masses with the same number of them; no line joins what is not one interval."""
    for begin, end in stretches([len(row) for row in rows]):
        for k in range(len(rows[begin])):
            yield slice(begin, end), k


def _label(name: str, rows: Sequence[Sequence[float | None]]) -> str:
    """For the legend, which says so where there is no edge."""
    return name if any(edge for row in rows for edge in row) else f"{name}: no limit"


def _shared(origin: Mapping[str, Any]) -> dict[str, Any]:
    """What makes a result a file of critical values that can be computed again."""
    return {"critical_schema": CRITICAL_SCHEMA, "engine": describe_engine(), **origin}


def _critical_content(point: CriticalValue) -> dict[str, Any]:
    content = asdict(point)
    return {
        name: None if isinstance(number, float) and not math.isfinite(number) else number
        for name, number in content.items()
    }


def _interval_words(interval: tuple[float | None, float | None], error: tuple[float | None, float | None]) -> str:
    """``1.744 +- 0.005 to 11.18 +- 0.02``; an end that is not there is the domain's."""
    words = []
    for end, its in zip(interval, error, strict=True):
        number = "the end of the domain" if end is None else f"{end:.5g}"
        words.append(number if its is None else f"{number} +- {its:.2g}")
    return " to ".join(words)


def _p_words(found: PValue, name: str) -> str:
    if found.z is None:
        return f"{name} {found.observed:.3f}, p < {1 / found.toys:.2g}: no toy is so far out"
    return (
        f"{name} {found.observed:.3f}, p = {found.p_value:.4g} +- {found.p_error:.2g}, "
        f"Z = {found.z:.2f} +- {found.z_error:.2f}"
    )


@checked
def fit_analysis_by_toys(
    analysis: GivenAnalysis,
    parameter: str,
    *,
    cl: float = USUAL_CL,
    toys: int = 1000,
    seed: int = 0,
    law: str | None = None,
    variants: Mapping[str, str] | None = None,
    ensemble: Ensemble | None = None,
    values: Numbers | None = None,
    executor: concurrent.futures.Executor | None = None,
    jobs: int | None = None,
    store: Store | None = None,
    report: Parts = silent,
) -> ToyFitResult:
    """Fit a parameter of the Standard Model, with the interval by toys.

    Args:
        analysis: a name, a path, a list of them, or what :func:`spec_builder.model.analysis.load_analysis` gives.
        parameter: one of ``analysis.parameters``.
        cl: confidence level of the interval.
        toys: at each value of the parameter.
        seed: of the random numbers.
        law: ``normsys`` or ``linear``, where a name is given.
        variants: variant by experiment name, where a name is given.
        ensemble: where the nuisance parameters of the toys are: ``profiled`` at the observed data, or ``nominal``;
            by default profiled, for a projection, which has no data, nominal.
        values: of the parameter, ascending, at which toys are thrown; None for a grid around the interval.
        executor: any ``concurrent.futures.Executor``; None computes here.
        jobs: worker processes in the place of an executor; a script that asks for them has its calls below
            ``if __name__ == "__main__":``.
        store: where finished chunks go; in memory by default.
        report: told how many chunks are done, and of how many.

    Raises:
        SpecBuilderError: for an unknown parameter, and as that does.
    """
    loaded = as_analysis(analysis, law, variants)
    where = loaded.ensemble if ensemble is None else ensemble
    asymptotic = fit_analysis(loaded, parameter, cl=cl)
    null = None if loaded.measurable(parameter).factor is None else 0.0
    likelihood = loaded.likelihood(parameter)
    grid = _grid(values)
    with workers(executor, jobs, preload=TOYS_MODULES) as pool:
        found = feldman_cousins(
            likelihood,
            parameter,
            values=grid,
            null=null,
            cl=cl,
            toys=toys,
            seed=seed,
            ensemble=where,
            executor=pool,
            store=store,
            report=report,
        )
    return ToyFitResult(asymptotic, found, {"workspace_sha256": digest(loaded.workspace)})


@checked
def fit_workspace_by_toys(
    workspace: GivenWorkspace,
    name: str | None = None,
    *,
    measurement: str | None = None,
    poi: str | None = None,
    hold: Mapping[str, float] | None = None,
    cl: float = USUAL_CL,
    toys: int = 1000,
    seed: int = 0,
    ensemble: Ensemble = "profiled",
    values: Numbers | None = None,
    executor: concurrent.futures.Executor | None = None,
    jobs: int | None = None,
    store: Store | None = None,
    report: Parts = silent,
) -> ToyFitResult:
    """Fit the parameter of interest of any pyhf workspace, with the interval by toys.

    Args:
        workspace: content of the JSON file, patches applied; or its path.
        name: what to call it in the result; its path by default.
        measurement: its name; the first by default.
        poi: parameter of interest in the place of the measurement's.
        hold: values of parameters to hold, by name.
        cl: confidence level of the interval.
        toys: at each value of the parameter.
        seed: of the random numbers.
        ensemble: where the nuisance parameters of the toys are: ``profiled`` at the observed data, or ``nominal``.
        values: of the parameter, ascending, at which toys are thrown; None for a grid around the interval.
        executor: any ``concurrent.futures.Executor``; None computes here.
        jobs: worker processes in the place of an executor; a script that asks for them has its calls below
            ``if __name__ == "__main__":``.
        store: where finished chunks go; in memory by default.
        report: told how many chunks are done, and of how many.
    """
    workspace, name = as_workspace(workspace, name, measurement=measurement)
    asymptotic = fit_workspace(workspace, name, measurement=measurement, poi=poi, hold=hold, cl=cl)
    likelihood = workspace_likelihood(workspace, name, measurement, poi=poi, hold=hold)
    with named(name):
        if not likelihood.poi:
            raise SpecBuilderError("toys need a parameter of interest; name one")
        grid = _grid(values)
        with workers(executor, jobs, preload=TOYS_MODULES) as pool:
            found = feldman_cousins(
                likelihood,
                likelihood.poi,
                values=grid,
                cl=cl,
                toys=toys,
                seed=seed,
                ensemble=ensemble,
                executor=pool,
                store=store,
                report=report,
            )
    origin = {"workspace_sha256": digest(workspace), "measurement": measurement, "hold": dict(hold or {})}
    return ToyFitResult(asymptotic, found, origin)


@dataclass(frozen=True, repr=False)
class ToyLimitsResult(PicturedResult):
    """Exclusions of one interaction in one analysis, by toys.

    Attributes:
        limits: the same as an asymptotic result, with the intervals by toys in it.
        toys: the numbers.
        origin: the workspace's digest.
    """

    limits: LimitsResult
    toys: ToyExclusion
    origin: Mapping[str, Any]

    @property
    def provenance(self) -> Choices:
        """The choices behind it."""
        return self.limits.provenance

    @property
    def drawn_height(self) -> float:
        """Height of a figure of it [in]."""
        return self.limits.drawn_height

    @property
    def drawn(self) -> str:
        """What :meth:`plot` draws."""
        if not self.limits.choice.has_mediator:
            return self.limits.drawn
        what = "Ends of what is excluded, by toys with their Monte Carlo errors, and by Wilks' theorem."
        return drawn_text([self.limits], what)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Ends of what is excluded with their errors, and those of Wilks' theorem.

        Args:
            ax: axes to draw into; new ones if there are none.

        Raises:
            SpecBuilderError: if there are fewer than two finite masses.
        """
        limits = self.limits
        if not limits.choice.has_mediator:
            return limits.plot(ax)
        points = [one for one in self.toys.points if np.isfinite(one.point.mass_MeV)]
        known = [one for one in points if one.point.valid]
        seen = np.array([one.point.mass_MeV for one in known])
        check_masses(seen)
        panel = own_axes(ax)
        ends = range_of_ends([[*one.point.excluded, *one.asymptotic] for one in known]) or limits.choice.default_range
        mass_coupling_axes(panel, seen, axis_label(limits.choice.parameter, limits.choice.unit or "1"), ends)
        mass = np.array([one.point.mass_MeV for one in points])
        # a mass whose fits are not valid has no edges: a gap
        by_toys = [_edges(one.point.excluded) if one.point.valid else [] for one in points]
        errors = [_edges(one.errors) if one.point.valid else [] for one in points]
        panel.set_xlim(seen.min() / _MARGIN, seen.max() * _MARGIN)  # points at both ends are seen as a whole
        points_look: dict[str, Any] = {"color": line_of(limits.provenance.analysis).color, "marker": "."}
        points_look |= {"markersize": 4, "linewidth": 1.0, "capsize": 1.5}
        panel.errorbar([], [], [], label=_label("toys", by_toys), **points_look)
        for part, k in _lines(by_toys):
            sizes = np.nan_to_num(_column(errors[part], k))
            panel.errorbar(mass[part], _column(by_toys[part], k), sizes, **points_look)
        by_wilks = [_edges(one.asymptotic) if one.point.valid else [] for one in points]
        look: dict[str, Any] = {"color": "0.4", "linestyle": "--", "linewidth": 1.0}
        panel.plot([], [], label=_label("Wilks' theorem", by_wilks), **look)
        for part, k in _lines(by_wilks):
            alone = "_" if part.stop - part.start == 1 else None  # a line of one point is none
            panel.plot(mass[part], _column(by_wilks[part], k), marker=alone, **look)
        panel.set_title(f"{dataset_label(limits.provenance)}\n{interaction_label(limits.choice)}")
        panel.legend(title=level_note(limits.provenance), loc="upper left", alignment="left")
        return panel

    @property
    def masses_MeV(self) -> FloatArray:
        """Mediator masses, shape (M,); one that is nan where there is no mediator."""
        return self.limits.masses_MeV

    @property
    def parameter(self) -> str:
        """Symbol of what is excluded."""
        return self.limits.parameter

    @property
    def excluded(self) -> tuple[tuple[Interval, ...], ...]:
        """Intervals at each mass that toys exclude; None where one has no end."""
        return self.limits.excluded

    @property
    def upper(self) -> FloatArray:
        """Where the outermost excluded interval begins at each mass, shape (M,); inf where there is none."""
        return self.limits.upper

    @property
    def best(self) -> FloatArray:
        """Coupling, or parameter, at each mass's minimum, shape (M,)."""
        return self.limits.best

    def to_dict(self) -> dict[str, Any]:
        """The content of limits, and what toys add to it."""
        content = self.limits.to_dict()
        for point, own in zip(content["points"], self.toys.points, strict=True):
            point["excluded_error"] = [list(pair) for pair in own.errors]
            point["excluded_asymptotic"] = [list(pair) for pair in own.asymptotic]
            point["critical"] = [_critical_content(one) for one in own.critical]
        toys = self.toys
        more = {"method": METHOD, "toys": toys.toys, "seed": toys.seed, "ensemble": toys.ensemble}
        return content | _shared(self.origin) | more | {"toys_without_fit": toys.lost}

    def report(self) -> Report:
        """Intervals by toys beside those of Wilks' theorem."""
        plain, toys = self.limits.report(), self.toys
        facts = dict(plain.facts)
        facts["confidence"] = facts["confidence"].replace(
            f"Delta chi2 > {self.limits.exclusion.threshold:.6g}", "Delta chi2 above critical values by toys"
        )
        least = min(len(point.critical) for point in toys.points)
        facts["toys"] = (
            f"{toys.toys} at each of {least} values or more, seed {toys.seed}, "
            f"nuisance parameters {toys.ensemble}" + (f", {toys.lost} without a fit" if toys.lost else "")
        )
        table = plain.table
        rows = tuple((*row, _asymptotic_words(point)) for row, point in zip(table.rows, toys.points, strict=True))
        side_by_side = Shown((*table.columns, "by Wilks' theorem"), rows)
        return Report(plain.title, facts, plain.columns, side_by_side, plain.notes, plain.details)


def _asymptotic_words(point: ToyMassPoint) -> str:
    return ", ".join(interval_text(low, high) for low, high in point.asymptotic) or "none"


@checked
def find_limits_by_toys(
    analysis: GivenAnalysis,
    choice: Choice | str | object,
    masses: Numbers | None = None,
    *,
    cl: float = 0.9,
    dof: int = 1,
    law: str | None = None,
    variants: Mapping[str, str] | None = None,
    toys: int = 1000,
    seed: int = 0,
    ensemble: Ensemble | None = None,
    points: int = GRID,
    values: Sequence[FloatArray] | None = None,
    executor: concurrent.futures.Executor | None = None,
    jobs: int | None = None,
    store: Store | None = None,
    report: Parts = silent,
) -> ToyLimitsResult:
    """Exclude values of an interaction's parameter by toys, at given mediator masses where it has a mediator.

    Args:
        analysis: a name, a path, a list of them, or what :func:`spec_builder.model.analysis.load_analysis` gives.
        choice: an interaction, as :func:`spec_builder.physics.interactions.choose` takes and gives it.
        masses: mediator masses [MeV]: a number, a list, an array of shape (M,) or the text of a grid; by default 31
            over the range of the analysis; None where there is no mediator.
        cl: confidence level.
        dof: 1: against the minimum at each mass; 2: over the plane, which is found for every toy.
        law: ``normsys`` or ``linear``, where a name is given.
        variants: variant by experiment name, where a name is given.
        toys: at each point.
        seed: of the random numbers.
        ensemble: where the nuisance parameters of the toys are: ``profiled`` at the observed data, or ``nominal``;
            by default profiled, for a projection, which has no data, nominal.
        points: values of the parameter at each mass.
        values: they themselves at each mass, ascending, as results have them (g/m in 1/GeV at the mass inf); None for
            a grid over what the intervals may be. Where an interval goes on beyond them, the mass is not ``valid``.
        executor: any ``concurrent.futures.Executor``; None computes here.
        jobs: worker processes in the place of an executor; a script that asks for them has its calls below
            ``if __name__ == "__main__":``.
        store: where finished chunks go; in memory by default.
        report: told how many chunks are done, and of how many.

    Raises:
        SpecBuilderError: as :func:`spec_builder.studies.limits.find_limits` and that do.
    """
    loaded, chosen = as_analysis(analysis, law, variants), as_choice(choice)
    where = loaded.ensemble if ensemble is None else ensemble
    check_dof(dof, chosen)
    check_level(cl)
    axis = mass_axis(chosen, masses, loaded)
    problem = loaded.problem(chosen)
    signal = problem.yields(axis)
    check_change(chosen, signal)
    check_nowhere_negative(chosen, signal, axis)
    grids = None if values is None else _grids(values, axis, chosen)
    with workers(executor, jobs, preload=TOYS_MODULES) as pool:
        found = exclude_by_toys(
            problem,
            axis,
            count=points,
            values=grids,
            plane=loaded.masses_MeV,
            cl=cl,
            dof=dof,
            toys=toys,
            seed=seed,
            ensemble=where,
            executor=pool,
            store=store,
            report=report,
        )
    about = Choices.of(loaded, chosen, axis if chosen.has_mediator else None, cl=cl, dof=dof)
    about = about.noting(notes_on_open_ends(loaded, chosen, problem, signal, axis, *open_ends(found.exclusion)))
    short = sum(not point.valid for point in found.exclusion.points)
    if short:
        text = (
            f"not valid at {counted(short, 'mass', 'masses')}: what is excluded, or allowed, goes on beyond the values"
        )
        about = about.noting([(loaded.name, text)])
    limits = LimitsResult(about, chosen, in_contact_units(found.exclusion))
    return ToyLimitsResult(limits, _in_contact_units(found), {"workspace_sha256": digest(loaded.workspace)})


def _grid(values: Numbers | None) -> FloatArray | None:
    """Values of a parameter that a user gave."""
    if values is None:
        return None
    return np.array(parse_signed_grid(numbers_text(values, "values"), "values"))


def _grids(values: object, masses: FloatArray, choice: Choice) -> list[FloatArray]:
    """Values of an interaction's parameter at each mass, in the units of its yields."""
    listed = list(values) if isinstance(values, Iterable) and not isinstance(values, str | bytes | Mapping) else []
    if len(listed) != masses.size:
        raise SpecBuilderError(f"values {shown(values)}: expected a list of values for each of {masses.size} masses")
    return [
        as_couplings(own, choice, "values", zero=True) / (_PER_GEV if math.isinf(mass) else 1.0)
        for own, mass in zip(listed, masses, strict=True)
    ]


def _in_contact_units(found: ToyExclusion) -> ToyExclusion:
    """What stands beside the intervals at the mass inf as g/m in 1/GeV."""

    def scaled(pairs: tuple[tuple[float | None, float | None], ...]) -> tuple[tuple[float | None, float | None], ...]:
        return tuple(
            (None if low is None else low * _PER_GEV, None if high is None else high * _PER_GEV) for low, high in pairs
        )

    points = []
    for one in found.points:
        if not math.isinf(one.point.mass_MeV):
            points.append(one)
            continue
        critical = tuple(replace(at, value=at.value * _PER_GEV) for at in one.critical)
        points.append(replace(one, errors=scaled(one.errors), asymptotic=scaled(one.asymptotic), critical=critical))
    return replace(found, points=tuple(points))
