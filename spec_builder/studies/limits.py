"""Exclusion limits on new interactions with their provenance, as JSON, CSV and text."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.files import canonical_json
from spec_builder.base.grids import check_range
from spec_builder.base.text import html_table
from spec_builder.inference.exclusion import exclude
from spec_builder.model.provenance import Provenance

if TYPE_CHECKING:
    from spec_builder.base.arrays import FloatArray
    from spec_builder.inference.exclusion import Exclusion
    from spec_builder.model.analysis import Analysis
    from spec_builder.physics.interactions import NewPhysics

__all__ = ["LimitsResult", "find_limits"]

_COLUMNS = ("mass [MeV]", "best g", "Dchi2(SM)", "excluded g")


@dataclass(frozen=True, repr=False)
class LimitsResult:
    """Exclusions of one interaction in one analysis.

    Attributes:
        provenance: analysis, law, variants, statuses.
        choice: the interaction with its coupling set or longitudinal factor.
        exclusion: the numbers.
    """

    provenance: Provenance
    choice: NewPhysics
    exclusion: Exclusion

    def to_dict(self) -> dict[str, Any]:
        """Plain content for JSON, which holds no infinite ``delta_chi2_sm``: None then, with a note beside it."""
        exclusion = asdict(self.exclusion)
        points = [
            {**point, "excluded": [list(interval) for interval in point["excluded"]]}
            for point in exclusion.pop("points")
        ]
        for point in points:
            if point["delta_chi2_sm"] == math.inf:
                point["delta_chi2_sm"] = None
                point["delta_chi2_sm_note"] = "infinite: the Standard Model expects nothing in a bin with counts"
        return asdict(self.provenance) | {
            "schema": "spec_builder/limits/1",
            "interaction": self.choice.interaction.value,
            "coupling_set": self.choice.coupling_set,
            "longitudinal_factor": self.choice.longitudinal_factor,
            **exclusion,
            "points": points,
        }

    def to_json(self) -> str:
        """The same as :meth:`to_dict`, as text."""
        return canonical_json(self.to_dict())

    def _header(self) -> dict[str, str]:
        about, exclusion = self.provenance, self.exclusion
        minimum = exclusion.minimum
        where = "the Standard Model" if minimum.mass_MeV is None else f"{minimum.mass_MeV:.6g} MeV, g {minimum.g:.6g}"
        against = "each mass's minimum over g >= 0" if exclusion.dof == 1 else "the minimum over the plane"
        header = {
            "title": f"Exclusion of interaction {self.choice.interaction.value}, {about.analysis}",
            "confidence": f"{100 * exclusion.cl:g} % CL, dof {exclusion.dof}, Delta chi2 > {exclusion.threshold:.6g} "
            f"against {against}",
            "minimum": f"2NLL {minimum.twice_nll:.9f} at {where}",
            "law": str(about.law),
            "variants": ", ".join(f"{k}={v}" for k, v in about.variants.items()) or "default",
        }
        if self.choice.coupling_set:
            header["coupling_set"] = self.choice.coupling_set
        if self.choice.longitudinal_factor:
            header["longitudinal_factor"] = str(self.choice.longitudinal_factor)
        return header | {"by_construction": about.by_construction or "nothing", "version": about.version}

    def to_csv(self) -> str:
        """A row for each excluded interval, under a ``# key: value`` header; g is nan where nothing is excluded."""
        columns = {"columns": "g from g_low to g_high is excluded; nan where nothing is at this mass"}
        lines = [f"# {key}: {value}" for key, value in (self._header() | columns).items()]
        lines.append("mass_MeV,g_low,g_high,best_g,delta_chi2_sm,valid")
        for point in self.exclusion.points:
            for low, high in point.excluded or [(math.nan, math.nan)]:
                end = math.inf if high is None else high
                lines.append(
                    f"{point.mass_MeV!r},{low!r},{end!r},{point.best_g!r},{point.delta_chi2_sm!r},{int(point.valid)}"
                )
        return "\n".join(lines) + "\n"

    def _rows(self) -> list[tuple[str, str, str, str]]:
        """Mass, best g, Delta chi2 of the Standard Model, and the excluded intervals of g."""
        rows = []
        for point in self.exclusion.points:
            intervals = ", ".join(
                f"{low:.6g} - {high:.6g}" if high is not None else f"> {low:.6g}" for low, high in point.excluded
            )
            excluded = f"{intervals or 'none'}{'' if point.valid else '  NOT VALID'}"
            rows.append((f"{point.mass_MeV:.6g}", f"{point.best_g:.4g}", f"{point.delta_chi2_sm:.3f}", excluded))
        return rows

    def __str__(self) -> str:
        lines = [f"{key:15} {value}" for key, value in self._header().items()]
        lines.append("")
        lines += [f"{mass:>12}  {g:>11}  {sm:>9}  {excluded}" for mass, g, sm, excluded in (_COLUMNS, *self._rows())]
        return "\n".join(lines) + "\n"

    def __repr__(self) -> str:
        return str(self).rstrip()

    def _repr_html_(self) -> str:
        header = self._header()
        return html_table(header.pop("title"), header, _COLUMNS, self._rows())


def check_dof(dof: int) -> None:
    """Refuse anything but one or two degrees of freedom.

    Raises:
        SpecBuilderError: saying so.
    """
    if dof not in (1, 2):
        raise SpecBuilderError(f"dof {dof}: expected 1 or 2")


def find_limits(
    analysis: Analysis, choice: NewPhysics, masses: FloatArray, *, cl: float = 0.9, dof: int = 2
) -> LimitsResult:
    """Exclude couplings of an interaction at given mediator masses.

    Args:
        analysis: from :func:`spec_builder.model.analysis.load_analysis`.
        choice: from :func:`spec_builder.physics.interactions.parse_new_physics`.
        masses: mediator masses [MeV], shape (M,).
        cl: confidence level.
        dof: 1: Delta chi^2 against the minimum over g at each mass; 2: against the minimum over the plane.

    Raises:
        SpecBuilderError: for another ``dof``, or a mass beyond floating range.
    """
    check_dof(dof)
    check_range("mass", masses)
    problem = analysis.problem(choice)
    coefficients = next(iter(problem.yields(masses).values())).nominal
    if not (np.isfinite(coefficients).all() and (coefficients[2].sum(axis=-1) > 0).all()):
        raise SpecBuilderError("a mass is beyond floating range: the yields are not finite positive numbers")
    exclusion = exclude(problem, masses, cl=cl, dof=dof)
    return LimitsResult(Provenance.of(analysis), choice, exclusion)
