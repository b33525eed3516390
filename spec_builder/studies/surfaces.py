"""Profiles of two parameters: Delta chi^2 over a grid, and the contours of confidence levels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.grids import check_whole
from spec_builder.base.text import Report, Shown
from spec_builder.drawing.style import axis_label, line_of
from spec_builder.inference.fit import fit
from spec_builder.inference.newton import minimise
from spec_builder.inference.profile import ONE_SIGMA, crossings, search, threshold
from spec_builder.model.given import as_analysis, as_workspace
from spec_builder.model.provenance import Choices
from spec_builder.studies.fits import finite_or_none, named, workspace_likelihood
from spec_builder.studies.pictures import PicturedResult, dataset_label, level_note, own_axes

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
    """

    provenance: Choices
    parameters: tuple[str, str]
    best: Fit
    values: tuple[FloatArray, FloatArray]
    delta_chi2: FloatArray
    valid: BoolArray
    contours: Mapping[float, Sequence[FloatArray]]

    @property
    def drawn(self) -> str:
        """What :meth:`plot` draws."""
        return "Contours of Delta chi2 of two parameters together, the others profiled; cross: the minimum."

    def plot(self, ax: Axes | None = None) -> Axes:
        """Contours of both confidence levels, and the minimum.

        Args:
            ax: axes to draw into; new ones if there are none.
        """
        panel = own_axes(ax)
        color = line_of(self.provenance.analysis).color
        for (cl, lines), dashes in zip(self.contours.items(), ("-", "--"), strict=True):
            for k, points in enumerate(lines):
                label = None if k else f"{100 * cl:.4g} % CL"
                panel.plot(points[:, 0], points[:, 1], color=color, linestyle=dashes, linewidth=1.4, label=label)
        first, second = (self.best.theta[name] for name in self.parameters)
        panel.plot([first], [second], "+", color="black", markersize=6)
        a, b = self.values
        panel.set_xlim(a[0], a[-1])
        panel.set_ylim(b[0], b[-1])
        panel.set(xlabel=axis_label(self.parameters[0]), ylabel=axis_label(self.parameters[1]))
        panel.legend(title=f"{dataset_label(self.provenance)} {level_note(self.provenance)}")
        return panel

    def to_dict(self) -> dict[str, Any]:
        """Plain content for JSON: grid, contours and provenance; null where 2NLL is not finite."""
        return self.provenance.to_dict() | {
            "schema": "spec_builder/surface/1",
            "parameters": list(self.parameters),
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
        first, second = self.parameters
        wrong = int(np.sum(~self.valid))
        rows, columns = self.delta_chi2.shape
        facts = {
            "least at": f"{first} = {self.best.theta[first]:.4g}, {second} = {self.best.theta[second]:.4g}",
            "2NLL": f"{self.best.twice_nll:.9f} at the minimum",
            "points": f"{rows} x {columns}, {wrong or 'none'} not valid",
        }
        for cl, lines in self.contours.items():
            facts[f"{100 * cl:.4g} % CL"] = f"Delta chi2 = {threshold(cl, 2):.4g}, {_extent(lines)}"
        return facts


def _extent(lines: Sequence[FloatArray]) -> str:
    """The box around contours."""
    if not lines:
        return "no contour in the domain"
    points = np.concatenate(list(lines))
    low, high = points.min(axis=0), points.max(axis=0)
    return f"{low[0]:.4g} to {high[0]:.4g} and {low[1]:.4g} to {high[1]:.4g}"


def profile_two_of_workspace(
    workspace: GivenWorkspace,
    name: str | None,
    parameters: tuple[str, str],
    *,
    measurement: str | None = None,
    hold: Mapping[str, float] | None = None,
    points: int = 61,
) -> SurfaceResult:
    """Profile any two parameters of any pyhf workspace; see :func:`profile_two`.

    Args:
        workspace: content of the JSON file, patches applied; or its path.
        name: what to call it in the result; None for its path.
        parameters: two free parameters.
        measurement: its name; the first by default.
        hold: values of parameters to hold, by name.
        points: in each direction, at least 31.

    Raises:
        SpecBuilderError: for an unsound workspace, or as :func:`profile_two`.
    """
    workspace, name = as_workspace(workspace, name)
    with named(name):
        likelihood = workspace_likelihood(workspace, name, measurement, poi="", hold=hold)
        return profile_two(likelihood, Choices(name), parameters, points=points)


def profile_two_of_analysis(
    analysis: GivenAnalysis,
    parameters: tuple[str, str],
    *,
    points: int = 61,
    law: str | None = None,
    variants: Mapping[str, str] | None = None,
) -> SurfaceResult:
    """Profile the 8B flux or the weak mixing angle together with a nuisance parameter; see :func:`profile_two`.

    Args:
        analysis: a name, a path, a list of them, or what :func:`spec_builder.model.analysis.load_analysis` gives.
        parameters: ``flux`` or ``sin2thetaw``, and a nuisance parameter, in either order.
        points: in each direction, at least 31.
        law: ``normsys`` or ``linear``, where a name is given.
        variants: variant by experiment name, where a name is given.

    Raises:
        SpecBuilderError: if neither is ``flux`` or ``sin2thetaw``, or as :func:`profile_two`.
    """
    loaded = as_analysis(analysis, law, variants)
    known = next((name for name in parameters if name in loaded.parameters), parameters[0])
    return profile_two(loaded.likelihood(known), Choices.of(loaded), parameters, points=points)


def profile_two(
    likelihood: Likelihood, provenance: Choices, parameters: tuple[str, str], *, points: int = 61
) -> SurfaceResult:
    """Profile 2NLL over two parameters, in the box where either's own profile is below three standard deviations.

    Args:
        likelihood: the model.
        provenance: where it comes from.
        parameters: two free parameters.
        points: in each direction, at least 31.

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
    scans = [search(likelihood, name) for name in parameters]
    best = fit(likelihood, first, cl=ONE_SIGMA, null=None, scan=scans[0])
    a, b = (_range(likelihood, scan, best, points) for scan in scans)
    start = np.tile([best.theta[name] for name in likelihood.parameters], (points * points, 1))
    start[:, likelihood.index(first)] = np.repeat(a, points)
    start[:, likelihood.index(second)] = np.tile(b, points)
    fits = minimise(likelihood, start=start, fixed=parameters)
    height = (fits.twice_nll - best.twice_nll).reshape(points, points)
    contours = {cl: _contours(a, b, height, threshold(cl, 2)) for cl in LEVELS}
    return SurfaceResult(provenance, parameters, best, (a, b), height, fits.valid.reshape(points, points), contours)


def _range(likelihood: Likelihood, scan: Profile, best: Fit, points: int) -> FloatArray:
    """Where the parameter's profile is below the height, or up to its bounds."""
    name = scan.parameter
    lower, upper = likelihood.bounds[:, likelihood.index(name)]
    below, above, _ = crossings(likelihood, scan, best.theta[name], best.twice_nll + SURFACE_HEIGHT)
    return np.linspace(below[0] if below else lower, above[0] if above else upper, points)


def _contours(a: FloatArray, b: FloatArray, height: FloatArray, level: float) -> list[FloatArray]:
    """Lines of one height, each of shape (N, 2), linear between the points of the grid."""
    from contourpy import contour_generator  # noqa: PLC0415 - comes with matplotlib, which takes long to import

    known = np.where(np.isfinite(height), height, 1e6)
    return [np.asarray(line) for line in contour_generator(a, b, known.T).lines(level)]
