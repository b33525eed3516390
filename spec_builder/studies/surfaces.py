"""Profiles of two parameters: Delta chi^2 over a grid, and the contours of confidence levels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from spec_builder.base.arguments import checked
from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.grids import check_whole
from spec_builder.base.names import shown
from spec_builder.base.printing import percent
from spec_builder.base.text import Report, Shown
from spec_builder.drawing.style import axis_label, line_of
from spec_builder.inference.fit import fit
from spec_builder.inference.grids import minimise_on_grid
from spec_builder.inference.profile import ONE_SIGMA, crossings, reach, search, threshold, through
from spec_builder.model.given import as_analysis, as_workspace
from spec_builder.model.provenance import Choices
from spec_builder.studies.fits import finite_or_none, named, unit_of, workspace_likelihood
from spec_builder.studies.pictures import PicturedResult, gaps_text, heading, own_axes
from spec_builder.studies.profiles import nuisance_likelihood

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

    from spec_builder.base.arrays import BoolArray, FloatArray
    from spec_builder.inference.fit import Fit
    from spec_builder.inference.likelihood import Likelihood
    from spec_builder.inference.profile import Profile
    from spec_builder.model.given import GivenAnalysis, GivenWorkspace

__all__ = ["SurfaceResult", "profile_two", "profile_two_of_analysis", "profile_two_of_workspace"]

#: Confidence levels of the contours: one standard deviation, and 95 %, of two parameters together.
LEVELS = (ONE_SIGMA, 0.95)
#: The grid reaches to this Delta chi^2 of either parameter: three standard deviations of two parameters together.
SURFACE_HEIGHT = 11.829158
MOST_POINTS = 1001
#: Letters of the name of an upright axis that have room in one line.
_LONG = 40
#: Contours are straight between the points of the grid: of fewer they would be off by what shows.
FEWEST_POINTS = 31


@dataclass(frozen=True, repr=False)
class SurfaceResult(PicturedResult):
    """Delta chi^2 against two parameters with its provenance.

    Attributes:
        provenance: the choices behind it.
        parameters: names of the two.
        best: the fit at the minimum; its own parameter is the first.
        values: of the first, shape (A,), and of the second, shape (B,).
        delta_chi2: 2NLL less the minimum, shape (A, B).
        valid: the minimiser converged, shape (A, B).
        contours: lines of constant Delta chi^2 by confidence level (two degrees of freedom), each of shape (N, 2).
        units: of the two parameters.
    """

    provenance: Choices
    parameters: tuple[str, str]
    best: Fit
    values: tuple[FloatArray, FloatArray]
    delta_chi2: FloatArray
    valid: BoolArray
    contours: Mapping[float, Sequence[FloatArray]]
    units: tuple[str, str] = ("1", "1")

    @property
    def drawn(self) -> str:
        """What :meth:`plot` draws."""
        text = "Contours of Delta chi2 of two parameters together, the others profiled; cross: the minimum."
        return f"{text} {gaps_text(int(np.sum(~self.valid)))}".rstrip()

    def plot(self, ax: Axes | None = None) -> Axes:
        """Contours of both confidence levels, and the minimum.

        Args:
            ax: axes to draw into; new ones if there are none.
        """
        panel = own_axes(ax)
        color = line_of(self.provenance.analysis).color
        for (cl, lines), dashes in zip(self.contours.items(), ("-", "--"), strict=True):
            for k, points in enumerate(lines):
                label = None if k else f"{percent(cl)} CL, dof 2"
                panel.plot(points[:, 0], points[:, 1], color=color, linestyle=dashes, linewidth=1.4, label=label)
        first, second = (self.best.theta[name] for name in self.parameters)
        panel.plot([first], [second], "+", color="black", markersize=6)
        a, b = self.values
        panel.set_xlim(a[0], a[-1])
        panel.set_ylim(b[0], b[-1])
        labels = [axis_label(name, unit) for name, unit in zip(self.parameters, self.units, strict=True)]
        upright = labels[1].replace(" [", "\n[") if len(labels[1]) > _LONG else labels[1]
        panel.set(xlabel=labels[0], ylabel=upright)
        panel.set_title(heading(self.provenance))
        panel.legend()
        return panel

    def to_dict(self) -> dict[str, Any]:
        """Plain content for JSON: grid, contours and provenance; null where 2NLL is not finite."""
        return self.provenance.to_dict() | {
            "schema": "spec_builder/surface/1",
            "parameters": list(self.parameters),
            "units": list(self.units),
            "best": {
                "values": [self.best.theta[name] for name in self.parameters],
                "twice_nll": self.best.twice_nll,
                "valid": self.best.valid,
            },
            "values": [values.tolist() for values in self.values],
            "delta_chi2": [[finite_or_none(height) for height in row] for row in self.delta_chi2.tolist()],
            "valid": self.valid.tolist(),
            "contours": [
                {"cl": cl, "delta_chi2": threshold(cl, 2), "lines": [line.tolist() for line in lines]}
                for cl, lines in self.contours.items()
            ],
        }

    def report(self) -> Report:
        """Minimum and contours; the columns hold the grid, the first parameter outermost."""
        first, second = self.parameters
        a, b = self.values
        columns = {
            first: np.repeat(a, b.size),
            second: np.tile(b, a.size),
            "delta_chi2": self.delta_chi2.ravel(),
            "valid": self.valid.ravel(),
        }
        title = f"Delta chi2 profile of {first} and {second}, {self.provenance.analysis}"
        return Report(title, self._facts() | self.provenance.rows(), columns, Shown((), ()))

    def _facts(self) -> dict[str, str]:
        wrong = int(np.sum(~self.valid))
        rows, columns = self.delta_chi2.shape
        units = [f" [{unit}]" if unit != "1" else "" for unit in self.units]
        named = zip(self.parameters, units, strict=True)
        facts = {
            "minimum": ", ".join(f"{name}{unit} = {self.best.theta[name]:.4g}" for name, unit in named),
            "2NLL": f"{self.best.twice_nll:.9f} at the minimum",
            "points": f"{rows} x {columns}, {f'{wrong} not valid' if wrong else 'all valid'}",
        }
        for cl, lines in self.contours.items():
            facts[f"{percent(cl)} CL"] = f"Delta chi2 = {threshold(cl, 2):.4g}, {_extent(lines)}"
        return facts


def _extent(lines: Sequence[FloatArray]) -> str:
    """The box around contours."""
    if not lines:
        return "no contour in the domain"
    points = np.concatenate(list(lines))
    low, high = points.min(axis=0), points.max(axis=0)
    return f"{low[0]:.4g} to {high[0]:.4g} and {low[1]:.4g} to {high[1]:.4g}"


@checked
def profile_two_of_workspace(
    workspace: GivenWorkspace,
    name: str | None = None,
    parameters: Sequence[str] = (),
    *,
    measurement: str | None = None,
    hold: Mapping[str, float] | None = None,
    points: int = 61,
) -> SurfaceResult:
    """Profile any two parameters of any pyhf workspace; see ``profile_two``.

    Args:
        workspace: content of the JSON file, patches applied; or its path.
        name: what to call it in the result; None for its path.
        parameters: two free parameters.
        measurement: its name; the first by default.
        hold: values of parameters to hold, by name.
        points: in each direction, at least 31.

    Raises:
        SpecBuilderError: for an unsound workspace, or as ``profile_two``.
    """
    workspace, name = as_workspace(workspace, name, measurement=measurement)
    with named(name):
        likelihood = workspace_likelihood(workspace, name, measurement, poi="", hold=hold)
        about = Choices(name, measurement=measurement, hold=hold or {})
        return profile_two(likelihood, about, _pair(parameters), points=points)


@checked
def profile_two_of_analysis(
    analysis: GivenAnalysis,
    parameters: Sequence[str],
    *,
    points: int = 61,
    law: str | None = None,
    variants: Mapping[str, str] | None = None,
) -> SurfaceResult:
    """Profile the 8B flux or the weak mixing angle with a nuisance parameter, or two of these; see ``profile_two``.

    Args:
        analysis: a name, a path, a list of them, or what :func:`spec_builder.model.analysis.load_analysis` gives.
        parameters: ``flux`` or ``sin2thetaw``, and a nuisance parameter, in either order; or two nuisance parameters,
            in the measurement ``new_physics``.
        points: in each direction, at least 31.
        law: ``normsys`` or ``linear``, where a name is given.
        variants: variant by experiment name, where a name is given.

    Raises:
        SpecBuilderError: for both of ``flux`` and ``sin2thetaw``, or as ``profile_two``.
    """
    loaded = as_analysis(analysis, law, variants)
    pair = _pair(parameters)
    if set(pair) <= set(loaded.parameters) and len(set(pair)) == 2:
        raise SpecBuilderError(
            f"parameters {' and '.join(pair)}: an analysis measures one of them at a time, expected one of them "
            "and a nuisance parameter"
        )
    known = next((name for name in pair if name in loaded.parameters), None)
    if known is None:
        return profile_two(nuisance_likelihood(loaded, *pair), Choices.of(loaded), pair, points=points)
    units = {known: loaded.measurable(known).unit}
    return profile_two(loaded.likelihood(known), Choices.of(loaded), pair, points=points, units=units)


def _pair(parameters: Sequence[str]) -> tuple[str, str]:
    """Two names.

    Raises:
        SpecBuilderError: for anything else.
    """
    is_list = isinstance(parameters, list | tuple) and all(isinstance(name, str) for name in parameters)
    if not is_list or len(parameters) != 2:
        raise SpecBuilderError(f"parameters {shown(parameters)}: expected two names, such as ('flux', 'flux_8b')")
    return parameters[0], parameters[1]


def profile_two(
    likelihood: Likelihood,
    provenance: Choices,
    parameters: tuple[str, str],
    *,
    points: int = 61,
    units: Mapping[str, str] | None = None,
) -> SurfaceResult:
    """Profile 2NLL over two parameters, in the box where either's own profile is below three standard deviations.

    Args:
        likelihood: the model.
        provenance: where it comes from.
        parameters: two free parameters.
        points: in each direction, at least 31.
        units: of parameters that have one. What is constrained to 0 +- 1 is in standard deviations of its constraint.

    Raises:
        SpecBuilderError: for an unknown parameter, one that is held, twice the same, or fewer or more points.
    """
    first, second = parameters
    if first == second:
        raise SpecBuilderError(f"parameter '{first}' is given twice: a profile of two parameters needs two")
    check_whole("points", points)
    if not FEWEST_POINTS <= points <= MOST_POINTS:
        raise SpecBuilderError(
            f"points {points}: a profile of two parameters needs at least {FEWEST_POINTS}, and at most {MOST_POINTS}"
        )
    for name in parameters:
        if likelihood.index(name) not in likelihood.free:
            raise SpecBuilderError(f"parameter '{name}' is held, and has no profile")
    best, scans = _best(likelihood, parameters)
    a, b = (_range(likelihood, scan, best, points) for scan in scans)
    fits = minimise_on_grid(likelihood, scans, a, b)
    height = (fits.twice_nll - best.twice_nll).reshape(points, points)
    valid = fits.valid.reshape(points, points)
    contours = {cl: _contours(a, b, height, valid, threshold(cl, 2)) for cl in LEVELS}
    named_units = units or {}
    first_unit, second_unit = (named_units.get(name) or unit_of(likelihood, name) for name in parameters)
    own = (first_unit, second_unit)
    return SurfaceResult(provenance, parameters, best, (a, b), height, valid, contours, own)


def _best(likelihood: Likelihood, parameters: tuple[str, str]) -> tuple[Fit, tuple[Profile, Profile]]:
    """The minimum, and a profile of each parameter that goes through it."""
    scans = [search(likelihood, name) for name in parameters]
    lowest = scans[1].fits.theta[scans[1].fits.lowest]
    best = fit(likelihood, parameters[0], cl=ONE_SIGMA, null=None, scan=through(likelihood, scans[0], lowest))
    theta = np.array([best.theta[name] for name in likelihood.parameters])
    return best, (through(likelihood, scans[0], theta), through(likelihood, scans[1], theta))


def _range(likelihood: Likelihood, scan: Profile, best: Fit, points: int) -> FloatArray:
    """Where the parameter's profile is below the height, all regions of it, or up to its bounds."""
    name = scan.parameter
    lower, upper = likelihood.bounds[:, likelihood.index(name)]
    below, above, *_ = crossings(likelihood, scan, best.theta[name], best.twice_nll + SURFACE_HEIGHT)
    return np.linspace(*reach(below, above, (lower, upper)), points)


def _contours(a: FloatArray, b: FloatArray, height: FloatArray, valid: BoolArray, level: float) -> list[FloatArray]:
    """Lines of one height, each of shape (N, 2), linear between the points of the grid; gaps where none is known."""
    from contourpy import contour_generator  # noqa: PLC0415 - comes with matplotlib, which takes long to import

    possible = np.isfinite(height)
    known = np.ma.masked_where(possible & ~valid, np.where(possible, height, 1e6))
    return [np.asarray(line) for line in contour_generator(a, b, known.T).lines(level)]
