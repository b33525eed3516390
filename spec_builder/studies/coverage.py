"""How often intervals cover the truth, measured with toys."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from spec_builder.base.text import Report, Result
from spec_builder.inference.feldman_cousins import measure_coverage
from spec_builder.model.provenance import Choices

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spec_builder.inference.feldman_cousins import Coverage
    from spec_builder.model.analysis import Analysis

__all__ = ["CoverageResult", "cover_analysis"]


@dataclass(frozen=True, repr=False)
class CoverageResult(Result):
    """Coverage of intervals of one parameter.

    Attributes:
        provenance: the choices behind it.
        parameter: its name.
        unit: its unit.
        reference: its Standard Model value.
        toys: at each true value, and as many more for the critical value there.
        seed: of the random numbers.
        ensemble: where the nuisance parameters of the truths are.
        values: one for each truth.
    """

    provenance: Choices
    parameter: str
    unit: str
    reference: float
    toys: int
    seed: int
    ensemble: str
    values: tuple[Coverage, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain content for JSON."""
        return self.provenance.to_dict() | {
            "schema": "spec_builder/coverage/1",
            "parameter": self.parameter,
            "unit": self.unit,
            "cl": self.provenance.cl,
            "toys": self.toys,
            "seed": self.seed,
            "ensemble": self.ensemble,
            "values": [asdict(value) for value in self.values],
        }

    def report(self) -> Report:
        """A row for each true value."""
        columns: dict[str, Any] = {
            self.parameter: [one.value for one in self.values],
            "times_sm": [one.value / self.reference for one in self.values],
        }
        names = ("covers", "error", "covers_by_toys", "error_by_toys", "critical", "critical_error")
        columns |= {name: [getattr(one, name) for one in self.values] for name in names}
        unit = "" if self.unit == "1" else f" [{self.unit}]"
        explained = (
            "covers: share of the toys whose interval by Wilks' theorem covers the truth; covers_by_toys: by toys; "
            "critical: critical value of the truth"
        )
        facts = {
            "intervals": self.provenance.level,
            "toys": f"{self.toys} at each value, seed {self.seed}, nuisance parameters {self.ensemble}",
        }
        return Report(
            f"Coverage of {self.parameter}{unit}, {self.provenance.analysis}",
            facts | self.provenance.rows(),
            columns,
            details={"columns": explained},
        )


def cover_analysis(
    analysis: Analysis,
    parameter: str,
    values: Sequence[float],
    *,
    cl: float = 0.9,
    toys: int = 10_000,
    seed: int = 0,
    ensemble: str = "profiled",
    **how: Any,
) -> CoverageResult:
    """Measure how often intervals of a parameter cover its true value.

    Args:
        analysis: from :func:`spec_builder.model.analysis.load_analysis`.
        parameter: one of ``analysis.parameters``.
        values: true values, in units of the Standard Model's.
        cl: confidence level of the intervals.
        toys: at each true value.
        seed: of the random numbers.
        ensemble: where the nuisance parameters of the truths are.
        how: ``executor``, ``store`` and ``report`` of
            :func:`spec_builder.inference.feldman_cousins.measure_coverage`.

    Raises:
        SpecBuilderError: for an unknown parameter, and as that does.
    """
    wanted = analysis.measurable(parameter)
    truths = np.asarray(values, dtype=np.float64) * wanted.reference
    found = measure_coverage(
        analysis.likelihood(parameter),
        parameter,
        truths,
        cl=cl,
        toys=toys,
        seed=seed,
        ensemble=ensemble,  # type: ignore[arg-type]  # checked there
        **how,
    )
    about = Choices.of(analysis, cl=cl)
    return CoverageResult(about, parameter, wanted.unit, wanted.reference, toys, seed, ensemble, tuple(found))
