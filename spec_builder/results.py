"""What a run returns: fits and profiles with everything needed to trace them, as JSON, CSV and text."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from spec_builder import __version__
from spec_builder.analysis import UNITS, parse_parameter
from spec_builder.display import html_table
from spec_builder.errors import SpecBuilderError
from spec_builder.files import canonical_json
from spec_builder.grids import MOST_POINTS
from spec_builder.inference.fit import fit
from spec_builder.inference.likelihood import Likelihood
from spec_builder.inference.profile import ONE_SIGMA, crossings, profile, search

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spec_builder.analysis import Analysis
    from spec_builder.inference.fit import Fit, Minimiser
    from spec_builder.tables import FloatArray

__all__ = ["FitResult", "ProfileResult", "fit_analysis", "fit_workspace", "profile_analysis"]

#: What stands beside the null of an infinite significance, which JSON cannot hold.
INFINITE = "infinite: without a signal nothing is expected in a bin with counts"
#: A profile is drawn and listed up to this Delta chi^2.
PROFILE_HEIGHT = 9.0


@dataclass(frozen=True)
class Provenance:
    """The choices behind a number.

    Attributes:
        analysis: its name, or the workspace's file.
        law: ``normsys`` or ``linear``; None for a workspace, whose modifiers say it.
        variants: chosen variant by experiment.
        statuses: status of each table, as ``experiment.table``.
        by_construction: what agrees with the paper because it was chosen to.
        version: of spec_builder.
    """

    analysis: str
    law: str | None
    variants: Mapping[str, str]
    statuses: Mapping[str, str]
    by_construction: str
    version: str = __version__

    @property
    def choices(self) -> str:
        """Law, variants and version in one line."""
        variants = ", ".join(f"{k}={v}" for k, v in self.variants.items()) or "default"
        return f"law {self.law or 'as in the workspace'}, variants {variants}, spec_builder {self.version}"

    @classmethod
    def of(cls, analysis: Analysis) -> Provenance:
        """The choices of an analysis."""
        return cls(analysis.name, analysis.law, analysis.variants, analysis.statuses, analysis.by_construction)


@dataclass(frozen=True, repr=False)
class FitResult:
    """A fit of one parameter with its provenance.

    Attributes:
        provenance: the choices behind it.
        unit: of the parameter.
        fit: the numbers.
    """

    provenance: Provenance
    unit: str
    fit: Fit

    def to_dict(self) -> dict[str, Any]:
        """Plain content for JSON; numbers that do not exist are None, an infinite significance too, with a note."""
        content: dict[str, Any] = asdict(self.provenance) | asdict(self.fit)
        content["schema"] = "spec_builder/fit/1"
        content["unit"] = self.unit
        content["pulls"] = {name: pull.value for name, pull in self.fit.pulls.items()}
        content["pull_uncertainties"] = {name: pull.uncertainty for name, pull in self.fit.pulls.items()}
        content["negative_components"] = list(self.fit.negative_components)
        content["problems"] = list(self.fit.problems)
        content["p_value"] = None if np.isnan(self.fit.p_value) else self.fit.p_value
        infinite = self.fit.significance == np.inf
        content["significance"] = None if infinite else self.fit.significance
        content["significance_note"] = INFINITE if infinite else None
        content["edm"] = _finite(self.fit.edm)
        return content

    def to_json(self) -> str:
        """The same as :meth:`to_dict`, as text."""
        return canonical_json(self.to_dict())

    def _title(self) -> str:
        unit = "" if self.unit == "1" else f" [{self.unit}]"
        interval = f"{format_error('+', self.fit.up)} {format_error('-', self.fit.down)}"
        found = "held by the measurement" if self.fit.fixed else interval
        return f"{self.provenance.analysis}: {self.fit.parameter}{unit} = {self.fit.value:.4g} {found}"

    def _facts(self) -> dict[str, str]:
        fit, about = self.fit, self.provenance
        state = f"{'valid' if fit.valid else 'NOT VALID'}{', AT A BOUND' if fit.at_bound else ''}"
        facts = {
            "interval": f"{100 * fit.cl:.4g} % CL, Delta chi2 = {fit.threshold:.4g}",
            "choices": about.choices,
            "chi2 / ndof": f"{fit.chi2_min:.3f} / {fit.ndof}, p = {fit.p_value:.3f} (saturated, asymptotic)",
            "2NLL": f"{fit.twice_nll:.9f}, EDM {fit.edm:.1e}, {state}",
        }
        if fit.significance == np.inf:
            facts["signal"] = INFINITE
        elif fit.significance is not None:
            facts["signal"] = f"{fit.significance:.2f} standard deviations (sqrt(q0), asymptotic)"
        return facts

    def _notes(self) -> dict[str, str]:
        notes = {}
        if self.fit.problems:
            notes["not settled"] = "; ".join(self.fit.problems)
        if self.fit.negative_components:
            notes["negative rate"] = ", ".join(self.fit.negative_components)
        if self.provenance.by_construction:
            notes["by construction"] = self.provenance.by_construction
        return notes

    def __str__(self) -> str:
        lines = [self._title(), *(f"  {key:12} {value}" for key, value in self._facts().items())]
        if self.fit.pulls:
            width = max(len(name) for name in self.fit.pulls)
            lines.append("  pulls")
            lines += [
                f"    {name:{width}}  {pull.value:+.3f} +- {pull.uncertainty:.3f}"
                for name, pull in self.fit.pulls.items()
            ]
        lines += [f"  {key}: {value}" for key, value in self._notes().items()]
        return "\n".join(lines) + "\n"

    def __repr__(self) -> str:
        return str(self).rstrip()

    def _repr_html_(self) -> str:
        pulls = [(name, f"{p.value:+.3f}", f"{p.uncertainty:.3f}") for name, p in self.fit.pulls.items()]
        columns = ("nuisance parameter", "pull", "uncertainty")
        return html_table(self._title(), self._facts() | self._notes(), columns, pulls)


def _finite(number: float) -> float | None:
    return number if np.isfinite(number) else None


def format_error(sign: str, length: float | None) -> str:
    """``+3.19``, or ``+none`` where the interval has no end."""
    return f"{sign}{'none' if length is None else f'{length:.3g}'}"


@dataclass(frozen=True, repr=False)
class ProfileResult:
    """Delta chi^2 against a parameter with its provenance.

    Attributes:
        provenance: the choices behind it.
        unit: of the parameter.
        best: the fit at the minimum.
        values: shape (N,).
        delta_chi2: 2NLL less the minimum, shape (N,).
        twice_nll: shape (N,).
        valid: the minimiser converged, shape (N,).
    """

    provenance: Provenance
    unit: str
    best: Fit
    values: FloatArray
    delta_chi2: FloatArray
    twice_nll: FloatArray
    valid: tuple[bool, ...]

    def _title(self) -> str:
        best = self.best
        unit = "" if self.unit == "1" else f" [{self.unit}]"
        interval = f"{format_error('+', best.up)} {format_error('-', best.down)}"
        return f"{self.provenance.analysis}: Delta chi2 of {best.parameter}{unit}, least at {best.value:.4g} {interval}"

    def _facts(self) -> dict[str, str]:
        wrong = len(self.valid) - sum(self.valid)
        reach = f"{self.values[0]:.4g} to {self.values[-1]:.4g}"
        points = f"{len(self.valid)} from {reach}, {wrong or 'none'} not valid"
        facts = {
            "points": points,
            "choices": self.provenance.choices,
            "2NLL": f"{self.best.twice_nll:.9f} at the minimum",
        }
        return facts | ({"by construction": note} if (note := self.provenance.by_construction) else {})

    def __str__(self) -> str:
        lines = [self._title(), *(f"  {key:16} {value}" for key, value in self._facts().items())]
        lines += [f"    {value:10.4g}  {height:8.4f}" for value, height in self._sample()]
        return "\n".join(lines) + "\n"

    def __repr__(self) -> str:
        return str(self).rstrip()

    def _repr_html_(self) -> str:
        rows = [(f"{value:.4g}", f"{height:.4f}") for value, height in self._sample()]
        return html_table(self._title(), self._facts(), (self.best.parameter, "Delta chi2"), rows)

    def _sample(self) -> list[tuple[float, float]]:
        """About a dozen points of the profile, the ends included."""
        rows = np.unique(np.linspace(0, self.values.size - 1, 13).round().astype(int))
        return list(zip(self.values[rows].tolist(), self.delta_chi2[rows].tolist(), strict=True))

    def to_json(self) -> str:
        """Columns and provenance as text; null where 2NLL is not finite."""
        content = asdict(self.provenance) | {
            "schema": "spec_builder/profile/1",
            "parameter": self.best.parameter,
            "unit": self.unit,
            "best": {
                "value": self.best.value,
                "up": self.best.up,
                "down": self.best.down,
                "cl": self.best.cl,
                "twice_nll": self.best.twice_nll,
            },
            "values": self.values.tolist(),
            "delta_chi2": [_finite(height) for height in self.delta_chi2.tolist()],
            "twice_nll": [_finite(height) for height in self.twice_nll.tolist()],
            "valid": list(self.valid),
        }
        return canonical_json(content)

    def to_csv(self) -> str:
        """A table with a ``# key: value`` header."""
        about = self.provenance
        out = io.StringIO()
        header = {
            "title": f"Delta chi2 profile of {self.best.parameter}, {about.analysis}",
            "unit": f"{self.best.parameter}: {self.unit}",
            "law": about.law,
            "variants": ", ".join(f"{k}={v}" for k, v in about.variants.items()) or "default",
            "by_construction": about.by_construction or "nothing",
            "version": about.version,
        }
        out.writelines(f"# {key}: {value}\n" for key, value in header.items())
        rows = csv.writer(out, lineterminator="\n")
        rows.writerow([self.best.parameter, "delta_chi2", "twice_nll", "valid"])
        for row in zip(
            self.values.tolist(), self.delta_chi2.tolist(), self.twice_nll.tolist(), self.valid, strict=True
        ):
            rows.writerow([*row[:3], int(row[3])])
        return out.getvalue()


def fit_analysis(analysis: Analysis, parameter: str, *, cl: float = 0.68, minimiser: Minimiser = "minuit") -> FitResult:
    """Fit the 8B flux or the weak mixing angle.

    Args:
        analysis: from :func:`spec_builder.analysis.load_analysis`.
        parameter: ``flux`` or ``sin2thetaw``.
        cl: confidence level of the interval.
        minimiser: ``minuit`` or ``newton``.

    Raises:
        SpecBuilderError: for an unknown parameter.
    """
    known = parse_parameter(parameter)
    null = 0.0 if known == "flux" else None
    result = fit(analysis.likelihood(known), cl=cl, minimiser=minimiser, null=null)
    return FitResult(Provenance.of(analysis), UNITS[known], result)


def fit_workspace(
    workspace: Mapping[str, Any],
    name: str,
    *,
    measurement: str | None = None,
    cl: float = 0.68,
    minimiser: Minimiser = "minuit",
) -> FitResult:
    """Fit the parameter of interest of any pyhf workspace.

    Args:
        workspace: content of the JSON file, patches applied.
        name: what to call it in the result.
        measurement: its name; the first by default.
        cl: confidence level of the interval.
        minimiser: ``minuit`` or ``newton``.
    """
    try:
        result = fit(Likelihood.from_workspace(workspace, measurement), cl=cl, minimiser=minimiser)
    except SpecBuilderError as error:
        raise SpecBuilderError(f"{'standard input' if name == '-' else name}: {error}") from None
    return FitResult(Provenance(name, None, {}, {}, ""), "1", result)


def profile_analysis(
    analysis: Analysis, parameter: str, *, points: int = 201, height: float = PROFILE_HEIGHT
) -> ProfileResult:
    """Profile the 8B flux or the weak mixing angle up to a given Delta chi^2.

    Args:
        analysis: from :func:`spec_builder.analysis.load_analysis`.
        parameter: ``flux`` or ``sin2thetaw``.
        points: how many, at least 2 and at most 100 000.
        height: the profile's range is where Delta chi^2 is below this, within the parameter's domain.

    Raises:
        SpecBuilderError: for an unknown parameter, or fewer or more points.
    """
    known = parse_parameter(parameter)
    if not 2 <= points <= MOST_POINTS:
        raise SpecBuilderError(f"points {points}: a profile needs at least 2, and at most {MOST_POINTS}")
    likelihood = analysis.likelihood(known)
    best = fit(likelihood, cl=ONE_SIGMA)
    below, above, _ = crossings(likelihood, search(likelihood, known), best.value, best.twice_nll + height)
    lower, upper = likelihood.bounds[:, likelihood.index(known)]
    values = np.linspace(below[0] if below else lower, above[0] if above else upper, points)
    fits = profile(likelihood, known, values).fits
    return ProfileResult(
        Provenance.of(analysis),
        UNITS[known],
        best,
        values,
        fits.twice_nll - best.twice_nll,
        fits.twice_nll,
        tuple(bool(v) for v in fits.valid),
    )
