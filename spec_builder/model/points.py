"""One point of an interaction: its patch, and its workspace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jsonpatch
import numpy as np

from spec_builder.base.arguments import checked
from spec_builder.model.given import as_analysis, as_choice, as_coupling, as_mass
from spec_builder.model.patches import PatchBuilder
from spec_builder.model.workspace import NEW_PHYSICS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spec_builder.base.arrays import FloatArray
    from spec_builder.model.analysis import Analysis
    from spec_builder.model.given import GivenAnalysis
    from spec_builder.model.workspace import Workspace
    from spec_builder.physics.choices import Choice

__all__ = ["Point", "as_point", "point_workspace"]

#: 1/GeV in 1/MeV.
_PER_MEV = 1e-3


@dataclass(frozen=True)
class Point:
    """A point of an interaction.

    Attributes:
        choice: the interaction.
        masses_MeV: the mediator's mass, shape (1,), inf for the contact limit; None where there is no mediator.
        value: the coupling, or the parameter; g/m [1/GeV] at mass inf.
    """

    choice: Choice
    masses_MeV: FloatArray | None
    value: float

    def __str__(self) -> str:
        at = "" if self.masses_MeV is None or self._contact else f" at {self.masses_MeV[0]:g} MeV"
        symbol = f"{self.choice.parameter}/m [1/GeV]" if self._contact else self.choice.parameter
        return f"{self.choice.name}, {symbol} = {self.value:g}{at}"

    @property
    def _contact(self) -> bool:
        return self.masses_MeV is not None and bool(np.isinf(self.masses_MeV[0]))

    @property
    def couplings(self) -> tuple[float, ...]:
        """The coupling, none in the contact limit, whose parameter is another."""
        return () if self._contact else (self.value,)

    def operations(self, analysis: Analysis) -> list[dict[str, Any]]:
        """The JSON patch that takes the Standard Model's workspace of an analysis here.

        Raises:
            SpecBuilderError: if the interaction acts on no target.
        """
        yields = analysis.signal_yields(self.choice, self.masses_MeV)
        x = float(self.choice.x(self.value * _PER_MEV if self._contact else self.value))
        uncertainties = {c.name: {signal.name: signal.uncertainties for signal in c.signals} for c in analysis.channels}
        builder = PatchBuilder(analysis.workspace, analysis.law, "total", uncertainties)
        return builder.operations(
            {channel: {name: one.template(x) for name, one in samples.items()} for channel, samples in yields.items()}
        )

    def workspace(self, analysis: Analysis) -> Workspace:
        """The complete workspace, see :func:`point_workspace`."""
        analysis.check_limits()
        workspace: Workspace = jsonpatch.apply_patch(analysis.workspace, self.operations(analysis))
        measurements = workspace["measurements"]
        first = next(measurement for measurement in measurements if measurement["name"] == NEW_PHYSICS)
        first["config"]["poi"] = ""
        workspace["measurements"] = [first, *(m for m in measurements if m is not first)]
        return workspace


def as_point(choice: Choice | str | object, mass_MeV: float | None, value: float) -> Point:
    """The point that was meant.

    Args:
        choice: the interaction, as :func:`spec_builder.physics.interactions.choose` takes and gives it.
        mass_MeV: of the mediator; None where there is none, inf for the contact limit.
        value: the coupling, or the parameter; g/m [1/GeV] at mass inf.

    Raises:
        SpecBuilderError: for an unknown interaction, or a mass or coupling that is none of it.

    Examples:
        >>> print(as_point("scalar", 1.0, 5e-6))
        scalar, g = 5e-06 at 1 MeV
    """
    chosen = as_choice(choice)
    return Point(chosen, as_mass(mass_MeV, chosen), as_coupling(value, chosen))


@checked
def point_workspace(
    analysis: GivenAnalysis,
    choice: Choice | str | object,
    mass_MeV: float | None,
    value: float,
    *,
    law: str | None = None,
    variants: Mapping[str, str] | None = None,
) -> Workspace:
    """The complete workspace of a point: signal of the Standard Model with the new physics.

    The measurement ``new_physics`` stands first and has no parameter of interest: nothing is left to be measured, so
    that a fit profiles the point, and a hypothesis test of the flux, which would answer another question, is refused
    by pyhf.

    Args:
        analysis: a name, a path, a list of them, or what :func:`spec_builder.model.analysis.load_analysis` gives.
        choice: the interaction, as :func:`spec_builder.physics.interactions.choose` takes and gives it.
        mass_MeV: of the mediator; None where there is none, inf for the contact limit.
        value: the coupling, or the parameter; g/m [1/GeV] at mass inf.
        law: ``normsys`` or ``linear``, where a name is given.
        variants: variant by experiment name, where a name is given.

    Raises:
        SpecBuilderError: for an unknown name, a mass or coupling that is none, a law that is not one for limits, or if
            the interaction acts on no target.
    """
    return as_point(choice, mass_MeV, value).workspace(as_analysis(analysis, law, variants))
