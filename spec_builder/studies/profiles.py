"""Profiles of one parameter with everything needed to trace them, as JSON, CSV and text."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.files import canonical_json
from spec_builder.base.grids import MOST_POINTS
from spec_builder.base.text import html_table
from spec_builder.inference.fit import fit
from spec_builder.inference.profile import ONE_SIGMA, crossings, profile, search
from spec_builder.model.analysis import UNITS, parse_parameter
from spec_builder.model.provenance import Provenance
from spec_builder.studies.fits import finite_or_none, format_error

if TYPE_CHECKING:
    from spec_builder.base.arrays import FloatArray
    from spec_builder.inference.fit import Fit
    from spec_builder.model.analysis import Analysis

__all__ = ["ProfileResult", "profile_analysis"]

#: A profile is drawn and listed up to this Delta chi^2.
PROFILE_HEIGHT = 9.0


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
            "delta_chi2": [finite_or_none(height) for height in self.delta_chi2.tolist()],
            "twice_nll": [finite_or_none(height) for height in self.twice_nll.tolist()],
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


def profile_analysis(
    analysis: Analysis, parameter: str, *, points: int = 201, height: float = PROFILE_HEIGHT
) -> ProfileResult:
    """Profile the 8B flux or the weak mixing angle up to a given Delta chi^2.

    Args:
        analysis: from :func:`spec_builder.model.analysis.load_analysis`.
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
