"""Profiles of one parameter with everything needed to trace them, as JSON, CSV and text."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from spec_builder.base.arguments import check_argument, checked
from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.grids import MOST_POINTS, check_level, check_whole, real_number, shown_number
from spec_builder.base.names import unknown_name
from spec_builder.base.printing import percent
from spec_builder.base.text import Report, Shown
from spec_builder.drawing.curves import STANDARD_MODEL, draw_levels, draw_profile, draw_standard_model, free_line
from spec_builder.drawing.page import entries_of, legend_over
from spec_builder.drawing.style import axis_label
from spec_builder.inference.fit import fit
from spec_builder.inference.likelihood import Likelihood
from spec_builder.inference.profile import crossings, follow, reach, search, threshold
from spec_builder.model.given import as_analysis, as_workspace
from spec_builder.model.provenance import Choices
from spec_builder.model.workspace import NEW_PHYSICS
from spec_builder.studies.fits import (
    USUAL_CL,
    errors_text,
    finite_or_none,
    interval_label,
    named,
    unit_of,
    workspace_likelihood,
)
from spec_builder.studies.pictures import PicturedResult, dataset_label, gaps_text, level_note, own_axes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes

    from spec_builder.base.arrays import FloatArray
    from spec_builder.base.text import Column
    from spec_builder.inference.fit import Fit
    from spec_builder.model.analysis import Analysis
    from spec_builder.model.given import GivenAnalysis, GivenWorkspace

__all__ = ["ProfileResult", "nuisance_likelihood", "profile_analysis", "profile_workspace"]

#: A profile is drawn and listed up to this Delta chi^2.
PROFILE_HEIGHT = 9.0
#: A profile is drawn up to this height.
_DRAWN_HEIGHT = 8.0


@dataclass(frozen=True, repr=False)
class ProfileResult(PicturedResult):
    """Delta chi^2 against a parameter with its provenance.

    Attributes:
        provenance: the choices behind it.
        unit: of the parameter.
        best: the fit at the minimum.
        values: shape (N,).
        delta_chi2: 2NLL less the minimum, shape (N,).
        twice_nll: shape (N,).
        valid: the minimiser converged, shape (N,).
        reference: the Standard Model's value; None where there is none.
    """

    provenance: Choices
    unit: str
    best: Fit
    values: FloatArray
    delta_chi2: FloatArray
    twice_nll: FloatArray
    valid: tuple[bool, ...]
    reference: float | None = None

    @property
    def drawn(self) -> str:
        """What :meth:`plot` draws."""
        mark = "" if self.reference is None else "; the dotted line is the Standard Model"
        text = f"Delta chi2 with the other parameters profiled{mark}. Levels are of one parameter."
        return f"{text} {gaps_text(len(self.valid) - sum(self.valid))}".rstrip()

    def plot(self, ax: Axes | None = None, *, label: str | None = None) -> Axes:
        """Delta chi^2 against the parameter.

        Args:
            ax: axes to draw into; new ones if there are none.
            label: for the legend; data set and interval by default.
        """
        check_argument("label", label)
        panel, about, best = own_axes(ax), self.provenance, self.best
        first, line = not panel.has_data(), free_line(panel, about.analysis)
        heights = np.where(self.valid, self.delta_chi2, np.nan)
        draw_profile(panel, self.values, heights, line=line, label=label or self._label())
        if first:
            draw_levels(panel, {f"{percent(cl)} CL, dof 1": threshold(cl) for cl in (USUAL_CL, 0.9)})
            if self.reference is not None:
                draw_standard_model(panel, self.reference)
        panel.set_ylim(0, _DRAWN_HEIGHT)
        panel.set_xlabel(axis_label(best.parameter, self.unit))
        entries = entries_of([panel])
        if STANDARD_MODEL in entries:
            entries[STANDARD_MODEL] = entries.pop(STANDARD_MODEL)  # last
        legend_over(panel, entries, title=level_note(about.at(best.cl)))
        return panel

    def _label(self) -> str:
        best = self.best
        if best.up is None and best.down is None:
            return dataset_label(self.provenance)
        return f"{dataset_label(self.provenance)}: {interval_label(best.value, best.up, best.down)}"

    @property
    def parameter(self) -> str:
        """What was profiled."""
        return self.best.parameter

    @property
    def value(self) -> float:
        """At the minimum."""
        return self.best.value

    @property
    def interval(self) -> tuple[float | None, float | None]:
        """Ends of the interval at the minimum's ``cl``; None where it has no end."""
        return self.best.interval

    def to_dict(self) -> dict[str, Any]:
        """Plain content for JSON; null where 2NLL is not finite."""
        best = self.best
        return self.provenance.to_dict() | {
            "schema": "spec_builder/profile/1",
            "parameter": best.parameter,
            "unit": self.unit,
            "best": {
                "value": best.value,
                "up": best.up,
                "down": best.down,
                "cl": best.cl,
                "twice_nll": best.twice_nll,
            },
            "values": self.values.tolist(),
            "delta_chi2": [finite_or_none(height) for height in self.delta_chi2.tolist()],
            "twice_nll": [finite_or_none(height) for height in self.twice_nll.tolist()],
            "valid": list(self.valid),
        }

    def report(self) -> Report:
        """Minimum and choices; people see about a dozen points of the profile."""
        best = self.best
        unit = "" if self.unit == "1" else f" [{self.unit}]"
        interval = f"{best.value:.4g} {errors_text(best.up, best.down)}"
        wrong = len(self.valid) - sum(self.valid)
        state = f"{wrong} not valid" if wrong else "all valid"
        reach = f"{self.values[0]:.4g} to {self.values[-1]:.4g}"
        facts = {
            "unit": f"{best.parameter}: {self.unit}",
            "minimum": f"{interval}{unit}, {percent(best.cl)} CL; 2NLL {best.twice_nll:.9f}",
            "points": f"{len(self.valid)} from {reach}, {state}",
        }
        columns: dict[str, Column] = {
            best.parameter: self.values,
            "delta_chi2": self.delta_chi2,
            "twice_nll": self.twice_nll,
            "valid": self.valid,
        }
        rows = tuple((f"{value:.4g}", f"{height:.4f}") for value, height in self._sample())
        return Report(
            f"Delta chi2 profile of {best.parameter}, {self.provenance.analysis}",
            facts | self.provenance.rows(),
            columns,
            Shown((best.parameter, "Delta chi2"), rows),
        )

    def _sample(self) -> list[tuple[float, float]]:
        """About a dozen points of the profile, the ends included."""
        rows = np.unique(np.linspace(0, self.values.size - 1, 13).round().astype(int))
        return list(zip(self.values[rows].tolist(), self.delta_chi2[rows].tolist(), strict=True))


@checked
def profile_analysis(
    analysis: GivenAnalysis,
    parameter: str,
    *,
    points: int = 201,
    height: float = PROFILE_HEIGHT,
    cl: float = USUAL_CL,
    law: str | None = None,
    variants: Mapping[str, str] | None = None,
) -> ProfileResult:
    """Profile a parameter of the Standard Model, such as the 8B flux, up to a given Delta chi^2.

    Of a nuisance parameter it is the profile in the measurement ``new_physics``: every source has its reference size
    within its uncertainty, and all other nuisance parameters are free.

    Args:
        analysis: a name, a path, a list of them, or what :func:`spec_builder.model.analysis.load_analysis` gives.
        parameter: one of ``analysis.parameters``: ``flux`` or ``sin2thetaw`` for 8B neutrinos; or a nuisance parameter.
        points: how many, at least 2 and at most 100 000.
        cl: confidence level of the interval around the minimum.
        height: the profile's range is where Delta chi^2 is below this, within the parameter's domain.
        law: ``normsys`` or ``linear``, where a name is given.
        variants: variant by experiment name, where a name is given.

    Raises:
        SpecBuilderError: for an unknown name or parameter, or fewer or more points.
    """
    check_level(cl)
    loaded = as_analysis(analysis, law, variants)
    about = Choices.of(loaded, cl=cl)
    if parameter not in loaded.parameters:
        nuisance = nuisance_likelihood(loaded, parameter)
        note = (loaded.name, f"{parameter} is profiled in measurement {NEW_PHYSICS}: sources at their reference sizes")
        noted, unit = replace(about, notes=(*about.notes, note)), unit_of(nuisance, parameter)
        return _profile(nuisance, parameter, unit, noted, points, height, cl)
    measurable = loaded.measurable(parameter)
    found = _profile(loaded.likelihood(parameter), parameter, measurable.unit, about, points, height, cl)
    return replace(found, reference=measurable.reference)


def nuisance_likelihood(analysis: Analysis, *parameters: str) -> Likelihood:
    """The likelihood of the Standard Model in which nuisance parameters are profiled, measurement ``new_physics``.

    Raises:
        UnknownNameError: for a parameter that it does not have free, naming those there are.
    """
    likelihood = Likelihood.from_workspace(analysis.workspace, NEW_PHYSICS)
    free = [likelihood.parameters[place] for place in likelihood.free]
    for name in parameters:
        if name not in free:
            raise unknown_name("parameter", str(name), (*analysis.parameters, *free), where=f"in {analysis.name}")
    return likelihood


@checked
def profile_workspace(
    workspace: GivenWorkspace,
    name: str | None = None,
    parameter: str | None = None,
    *,
    measurement: str | None = None,
    hold: Mapping[str, float] | None = None,
    points: int = 201,
    height: float = PROFILE_HEIGHT,
    cl: float = USUAL_CL,
) -> ProfileResult:
    """Profile any parameter of any pyhf workspace up to a given Delta chi^2.

    Args:
        workspace: content of the JSON file, patches applied; or its path.
        name: what to call it in the result; its path by default.
        parameter: its name; the measurement's parameter of interest by default.
        measurement: its name; the first by default.
        hold: values of parameters to hold, by name.
        points: how many, at least 2 and at most 100 000.
        height: the profile's range is where Delta chi^2 is below this, within the parameter's domain.
        cl: confidence level of the interval around the minimum.

    Raises:
        SpecBuilderError: for an unsound workspace, an unknown parameter or one that is held, or fewer or more points.
    """
    workspace, name = as_workspace(workspace, name, measurement=measurement)
    with named(name):
        likelihood = workspace_likelihood(workspace, name, measurement, poi=parameter, hold=hold)
        if not likelihood.poi:
            raise SpecBuilderError("the measurement names no parameter of interest; name one to profile")
        if likelihood.index(likelihood.poi) not in likelihood.free:
            raise SpecBuilderError(f"parameter '{likelihood.poi}' is held, and has no profile")
        unit = unit_of(likelihood, likelihood.poi)
        about = Choices(name, cl=cl, measurement=measurement, hold=hold or {})
        return _profile(likelihood, likelihood.poi, unit, about, points, height, cl)


def _profile(
    likelihood: Likelihood,
    parameter: str,
    unit: str,
    provenance: Choices,
    points: int,
    height: float,
    cl: float,
) -> ProfileResult:
    check_whole("points", points)
    if not 2 <= points <= MOST_POINTS:
        raise SpecBuilderError(f"points {points}: a profile needs at least 2, and at most {MOST_POINTS}")
    if not 0 < real_number(height) < np.inf:
        raise SpecBuilderError(f"height {shown_number(height)}: expected a number > 0")
    scan = search(likelihood, parameter)
    best = fit(likelihood, parameter, cl=cl, scan=scan)
    below, above, *_ = crossings(likelihood, scan, best.value, best.twice_nll + height)
    lower, upper = likelihood.bounds[:, likelihood.index(parameter)]
    values = np.linspace(*reach(below, above, (lower, upper)), points)
    fits = follow(likelihood, scan, values).fits
    return ProfileResult(
        provenance,
        unit,
        best,
        values,
        fits.twice_nll - best.twice_nll,
        fits.twice_nll,
        tuple(bool(v) for v in fits.valid),
    )
