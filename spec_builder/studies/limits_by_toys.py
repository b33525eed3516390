"""Limits by toys with their provenance: what Feldman-Cousins intervals exclude, beside those of Wilks' theorem."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from spec_builder.base.arguments import checked
from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.executors import workers
from spec_builder.base.files import digest
from spec_builder.base.grids import check_level
from spec_builder.base.names import shown
from spec_builder.base.printing import counted
from spec_builder.base.progress import Parts, silent
from spec_builder.base.text import Report, Shown
from spec_builder.drawing.curves import check_masses, mass_coupling_axes, range_of_ends, stretches
from spec_builder.drawing.style import axis_label, line_of
from spec_builder.inference.critical_values import GRID
from spec_builder.inference.exclusion_by_toys import exclude_by_toys
from spec_builder.inference.toys import TOYS_MODULES
from spec_builder.model.given import as_analysis, as_choice, as_couplings, mass_axis
from spec_builder.model.provenance import Choices
from spec_builder.physics.constants import MEV_PER_GEV
from spec_builder.studies.critical_content import critical_content, toys_content, toys_words
from spec_builder.studies.limits import (
    LimitsResult,
    check_dof,
    drawn_text,
    in_contact_units,
    interval_text,
    limits_problem,
    per_GeV,
)
from spec_builder.studies.open_ends import notes_on_open_ends, open_ends
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
    from spec_builder.inference.toys import Ensemble
    from spec_builder.model.given import GivenAnalysis
    from spec_builder.physics.choices import Choice

__all__ = ["ToyLimitsResult", "find_limits_by_toys"]

#: How far an axis of masses reaches beyond the first and the last, as a factor.
_MARGIN = 1.05


def _draw_by_toys(panel: Axes, points: Sequence[ToyMassPoint], color: str) -> None:
    """Ends by toys with their errors."""
    mass = np.array([one.point.mass_MeV for one in points])
    edges = [_edges(one.point.excluded) if one.point.valid else [] for one in points]
    errors = [_edges(one.errors) if one.point.valid else [] for one in points]
    look: dict[str, Any] = {"color": color, "marker": ".", "markersize": 4, "linewidth": 1.0, "capsize": 1.5}
    panel.errorbar([], [], [], label=_label("toys", edges), **look)
    for part, k in _lines(edges):
        sizes = np.nan_to_num(_column(errors[part], k))
        panel.errorbar(mass[part], _column(edges[part], k), sizes, **look)


def _draw_by_wilks(panel: Axes, points: Sequence[ToyMassPoint]) -> None:
    """Ends by Wilks' theorem."""
    mass = np.array([one.point.mass_MeV for one in points])
    edges = [_edges(one.asymptotic) if one.point.valid else [] for one in points]
    look: dict[str, Any] = {"color": "0.4", "linestyle": "--", "linewidth": 1.0}
    panel.plot([], [], label=_label("Wilks' theorem", edges), **look)
    for part, k in _lines(edges):
        alone = "_" if part.stop - part.start == 1 else None  # a line of one point is none
        panel.plot(mass[part], _column(edges[part], k), marker=alone, **look)


def _edges(pairs: Sequence[tuple[float | None, float | None]]) -> list[float | None]:
    return [edge for pair in pairs for edge in pair]


def _column(rows: Sequence[Sequence[float | None]], k: int) -> FloatArray:
    """The k-th edge of each mass, left out where there is none; zero is none in logarithms."""
    return np.array([np.nan if k >= len(row) else row[k] or np.nan for row in rows], dtype=np.float64)


def _lines(rows: Sequence[Sequence[float | None]]) -> Iterator[tuple[slice, int]]:
    """Each edge of each stretch of masses with the same number of them.

    No line joins what is not one interval, and a mass whose fits are not valid, which has no edges, is a gap.
    """
    for begin, end in stretches([len(row) for row in rows]):
        for k in range(len(rows[begin])):
            yield slice(begin, end), k


def _label(name: str, rows: Sequence[Sequence[float | None]]) -> str:
    """For the legend, which says so where there is no edge."""
    return name if any(edge for row in rows for edge in row) else f"{name}: no limit"


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
        check_masses(seen, signed=limits.choice.signed)
        panel = own_axes(ax)
        ends = range_of_ends([[*one.point.excluded, *one.asymptotic] for one in known]) or limits.choice.default_range
        mass_coupling_axes(panel, seen, axis_label(limits.choice.parameter, limits.choice.unit or "1"), ends)
        panel.set_xlim(seen.min() / _MARGIN, seen.max() * _MARGIN)  # points at both ends are seen as a whole
        _draw_by_toys(panel, points, line_of(limits.provenance.analysis).color)
        _draw_by_wilks(panel, points)
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
            point["critical"] = [critical_content(one) for one in own.critical]
        return content | toys_content(self.toys, self.origin)

    def report(self) -> Report:
        """Intervals by toys beside those of Wilks' theorem."""
        plain, toys = self.limits.report(), self.toys
        facts = dict(plain.facts)
        facts["confidence"] = facts["confidence"].replace(
            f"Delta chi2 > {self.limits.exclusion.threshold:.6g}", "Delta chi2 above critical values by toys"
        )
        least = min(len(point.critical) for point in toys.points)
        facts["toys"] = toys_words(toys, f"{least} values or more")
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
    problem, signal = limits_problem(loaded, chosen, axis)
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
    about = Choices.of(loaded, chosen, axis, cl=cl, dof=dof)
    about = about.noting(notes_on_open_ends(loaded, chosen, problem, signal, axis, *open_ends(found.exclusion)))
    short = sum(not point.valid for point in found.exclusion.points)
    if short:
        text = (
            f"not valid at {counted(short, 'mass', 'masses')}: what is excluded, or allowed, goes on beyond the values"
        )
        about = about.noting([(loaded.name, text)])
    limits = LimitsResult(about, chosen, in_contact_units(found.exclusion))
    return ToyLimitsResult(limits, _in_contact_units(found), {"workspace_sha256": digest(loaded.workspace)})


def _grids(values: object, masses: FloatArray, choice: Choice) -> list[FloatArray]:
    """Values of an interaction's parameter at each mass, ascending, in the units of its yields."""
    listed = list(values) if isinstance(values, Iterable) and not isinstance(values, str | bytes | Mapping) else []
    if len(listed) != masses.size:
        raise SpecBuilderError(f"values {shown(values)}: expected a list of values for each of {masses.size} masses")
    return [
        as_couplings(own, choice, "values", zero=True) / (MEV_PER_GEV if math.isinf(mass) else 1.0)
        for own, mass in zip(listed, masses, strict=True)
    ]


def _in_contact_units(found: ToyExclusion) -> ToyExclusion:
    """What stands beside the intervals at the mass inf as g/m in 1/GeV."""
    points = []
    for one in found.points:
        if not math.isinf(one.point.mass_MeV):
            points.append(one)
            continue
        critical = tuple(replace(at, value=at.value * MEV_PER_GEV) for at in one.critical)
        points.append(replace(one, errors=per_GeV(one.errors), asymptotic=per_GeV(one.asymptotic), critical=critical))
    return replace(found, points=tuple(points))
