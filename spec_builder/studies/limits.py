"""Exclusion limits on new interactions with their provenance, as JSON, CSV and text."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.grids import check_range
from spec_builder.base.text import Report, Result, Shown
from spec_builder.experiments.description import SIGNAL_SAMPLE
from spec_builder.inference.exclusion import exclude
from spec_builder.model.provenance import Choices, parameter_label

if TYPE_CHECKING:
    from spec_builder.base.arrays import FloatArray
    from spec_builder.inference.exclusion import Exclusion, MassPoint
    from spec_builder.model.analysis import Analysis
    from spec_builder.physics.interactions import NewPhysics

__all__ = ["LimitsResult", "find_limits"]


@dataclass(frozen=True, repr=False)
class LimitsResult(Result):
    """Exclusions of one interaction in one analysis.

    Attributes:
        provenance: analysis, law, variants, statuses, interaction and confidence level.
        choice: the interaction with its options.
        exclusion: the numbers.
    """

    provenance: Choices
    choice: NewPhysics
    exclusion: Exclusion

    def to_dict(self) -> dict[str, Any]:
        """Plain content for JSON, which holds no infinite ``delta_chi2_sm``: None then, with a note beside it."""
        exclusion = asdict(self.exclusion)
        del exclusion["points"]
        minimum = self.exclusion.minimum
        exclusion["minimum"]["at"] = "sm" if minimum.g == 0 else "point"
        exclusion["minimum"]["mass_MeV"] = _json_mass(minimum.mass_MeV)
        return self.provenance.to_dict() | {
            "schema": "spec_builder/limits/2",
            "parameter": self.choice.parameter,
            "unit": self.choice.unit or "1",
            "signed": self.choice.signed,
            **exclusion,
            "points": [_json_point(point) for point in self.exclusion.points],
        }

    def report(self) -> Report:
        """Header of choices; a column row for each excluded interval, nan where nothing is excluded."""
        symbol = self.choice.parameter
        columns: dict[str, list[Any]] = {
            name: []
            for name in ("mass_MeV", f"{symbol}_low", f"{symbol}_high", f"best_{symbol}", "delta_chi2_sm", "valid")
        }
        for point in self.exclusion.points:
            for low, high in point.excluded or [(math.nan, math.nan)]:
                begin, end = -math.inf if low is None else low, math.inf if high is None else high
                row = (point.mass_MeV, begin, end, point.best_g, point.delta_chi2_sm, point.valid)
                for column, cell in zip(columns.values(), row, strict=True):
                    column.append(cell)
        if not self.choice.has_mediator:
            del columns["mass_MeV"]
        explained = f"{symbol} from {symbol}_low to {symbol}_high is excluded; nan where nothing is at this mass"
        return Report(
            f"Exclusion of interaction {self.choice.name}, {self.provenance.analysis}",
            self._facts(),
            columns,
            self._shown(),
            details={"columns": explained},
        )

    def _facts(self) -> dict[str, str]:
        exclusion, symbol = self.exclusion, self.choice.parameter
        minimum = exclusion.minimum
        domain = f"{symbol}" if self.choice.signed else f"{symbol} >= 0"
        if not self.choice.has_mediator:
            against = f"the minimum over {domain}"
        else:
            against = f"each mass's minimum over {domain}" if exclusion.dof == 1 else "the minimum over the plane"
        where = "the Standard Model"
        if minimum.g != 0:
            place = "" if minimum.mass_MeV is None else f"{minimum.mass_MeV:.6g} MeV, "
            where = f"{place}{symbol} {minimum.g:.6g}"
        facts = {
            "confidence": f"{self.provenance.level}, Delta chi2 > {exclusion.threshold:.6g} against {against}",
            "minimum": f"2NLL {minimum.twice_nll:.9f} at {where}",
        }
        label = parameter_label(self.choice)
        if label != "g":
            facts["parameter"] = label
        return facts | self.provenance.rows()

    def _shown(self) -> Shown:
        """A row for each mass: best value, Delta chi2 of the Standard Model, and the excluded intervals."""
        symbol = self.choice.parameter
        rows = []
        for point in self.exclusion.points:
            excluded = ", ".join(_interval_text(*interval) for interval in point.excluded) or "none"
            state = "" if point.valid else "  NOT VALID"
            cells = (f"{point.best_g:.4g}", f"{point.delta_chi2_sm:.3f}", f"{excluded}{state}")
            rows.append((f"{point.mass_MeV:.6g}", *cells) if self.choice.has_mediator else cells)
        columns = (f"best {symbol}", "Dchi2(SM)", f"excluded {symbol}")
        return Shown(("mass [MeV]", *columns) if self.choice.has_mediator else columns, tuple(rows))


def _interval_text(low: float | None, high: float | None) -> str:
    if low is None:
        return "everything" if high is None else f"< {high:.6g}"
    return f"> {low:.6g}" if high is None else f"{low:.6g} - {high:.6g}"


def _json_mass(mass_MeV: float | None) -> float | str | None:
    """A mass as it stands in JSON: ``inf`` for the contact limit, None where there is none."""
    if mass_MeV is None or math.isnan(mass_MeV):
        return None
    return "inf" if math.isinf(mass_MeV) else mass_MeV


def _json_point(point: MassPoint) -> dict[str, Any]:
    content = asdict(point)
    content["mass_MeV"] = _json_mass(point.mass_MeV)
    content["excluded"] = [list(interval) for interval in point.excluded]
    if point.delta_chi2_sm == math.inf:
        content["delta_chi2_sm"] = None
        content["delta_chi2_sm_note"] = "infinite: the Standard Model expects nothing in a bin with counts"
    return content


def check_dof(dof: int) -> None:
    """Refuse anything but one or two degrees of freedom.

    Raises:
        SpecBuilderError: saying so.
    """
    if dof not in (1, 2):
        raise SpecBuilderError(f"dof {dof}: expected 1 or 2")


def find_limits(
    analysis: Analysis, choice: NewPhysics, masses: FloatArray, *, cl: float = 0.9, dof: int = 1
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
    likelihood, yields = analysis.new_physics(choice)
    coefficients = yields(masses)
    if not (np.isfinite(coefficients).all() and (coefficients[2].sum(axis=-1) > 0).all()):
        raise SpecBuilderError("a mass is beyond floating range: the yields are not finite positive numbers")
    exclusion = exclude(likelihood, SIGNAL_SAMPLE, yields, masses, cl=cl, dof=dof)
    return LimitsResult(Choices.of(analysis, choice, cl=cl, dof=dof), choice, exclusion)
