"""Fits of one parameter with everything needed to trace them, as JSON, CSV and text."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.files import canonical_json
from spec_builder.base.text import html_table
from spec_builder.inference.fit import fit
from spec_builder.inference.likelihood import Likelihood
from spec_builder.model.analysis import UNITS, parse_parameter
from spec_builder.model.provenance import Provenance

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spec_builder.inference.fit import Fit, Minimiser
    from spec_builder.model.analysis import Analysis

__all__ = ["FitResult", "fit_analysis", "fit_workspace"]

#: What stands beside the null of an infinite significance, which JSON cannot hold.
INFINITE = "infinite: without a signal nothing is expected in a bin with counts"


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
        content["edm"] = finite_or_none(self.fit.edm)
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


def finite_or_none(number: float) -> float | None:
    """The number, or None where JSON could not hold it."""
    return number if np.isfinite(number) else None


def format_error(sign: str, length: float | None) -> str:
    """``+3.19``, or ``+none`` where the interval has no end."""
    return f"{sign}{'none' if length is None else f'{length:.3g}'}"


def fit_analysis(analysis: Analysis, parameter: str, *, cl: float = 0.68, minimiser: Minimiser = "minuit") -> FitResult:
    """Fit the 8B flux or the weak mixing angle.

    Args:
        analysis: from :func:`spec_builder.model.analysis.load_analysis`.
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
