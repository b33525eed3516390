"""One point of an interaction as a workspace of its own."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import jsonpatch
import numpy as np

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.grids import check_range
from spec_builder.model.patches import PatchBuilder
from spec_builder.model.workspace import NEW_PHYSICS

if TYPE_CHECKING:
    from spec_builder.model.analysis import Analysis
    from spec_builder.model.workspace import Workspace
    from spec_builder.physics.choices import Choice

__all__ = ["check_point", "point_in_words", "point_operations", "point_workspace"]

#: 1/GeV in 1/MeV.
_PER_MEV = 1e-3


def check_point(choice: Choice, mass_MeV: float | None, value: float) -> None:
    """Refuse what is no point of an interaction.

    Args:
        choice: the interaction.
        mass_MeV: of the mediator; None where there is none, inf for the contact limit.
        value: the coupling, or the parameter; g/m [1/GeV] at mass inf.

    Raises:
        SpecBuilderError: naming the number and what was expected.
    """
    if choice.has_mediator and mass_MeV is None:
        raise SpecBuilderError(f"interaction '{choice.name}': expected a mediator mass (MeV)")
    if not choice.has_mediator and mass_MeV is not None:
        raise SpecBuilderError(f"interaction '{choice.name}' has no mediator, expected no mass")
    if mass_MeV is not None and not mass_MeV > 0:
        raise SpecBuilderError(f"mass {mass_MeV:g}: expected a positive number of MeV, or inf")
    if not math.isfinite(value):
        raise SpecBuilderError(f"coupling {value:g}: expected a finite number")
    if not choice.signed and value < 0:
        raise SpecBuilderError(f"coupling {value:g}: expected a number >= 0")
    check_range("coupling", [abs(value)] if value else [])
    check_range("mass", [mass_MeV] if mass_MeV is not None and math.isfinite(mass_MeV) else [])


def point_in_words(choice: Choice, mass_MeV: float | None, value: float) -> str:
    """``scalar, g = 5e-06 at 1 MeV``, or ``scalar, g/m [1/GeV] = 0.0004`` in the contact limit."""
    contact = mass_MeV == math.inf
    at = "" if mass_MeV is None or contact else f" at {mass_MeV:g} MeV"
    symbol = f"{choice.parameter}/m [1/GeV]" if contact else choice.parameter
    return f"{choice.name}, {symbol} = {value:g}{at}"


def point_operations(analysis: Analysis, choice: Choice, mass_MeV: float | None, value: float) -> list[dict[str, Any]]:
    """The JSON patch that takes the Standard Model's workspace to a point.

    Args:
        analysis: from :func:`spec_builder.model.analysis.load_analysis`.
        choice: the interaction.
        mass_MeV: of the mediator; None where there is none, inf for the contact limit.
        value: the coupling, or the parameter; g/m [1/GeV] at mass inf.

    Raises:
        SpecBuilderError: if it is no point of the interaction, or that acts on no target.
    """
    check_point(choice, mass_MeV, value)
    yields = analysis.signal_yields(choice, None if mass_MeV is None else np.array([mass_MeV]))
    x = float(choice.x(value * _PER_MEV if mass_MeV == math.inf else value))
    uncertainties = {c.name: {signal.name: signal.uncertainties for signal in c.signals} for c in analysis.channels}
    builder = PatchBuilder(analysis.workspace, analysis.law, "total", uncertainties)
    return builder.operations(
        {channel: {name: one.template(x) for name, one in samples.items()} for channel, samples in yields.items()}
    )


def point_workspace(analysis: Analysis, choice: Choice, mass_MeV: float | None, value: float) -> Workspace:
    """The complete workspace of a point: signal of the Standard Model with the new physics.

    The measurement ``new_physics`` stands first and has no parameter of interest: nothing is left to be measured, so
    that a fit profiles the point, and a hypothesis test of the flux, which would answer another question, is refused
    by pyhf. Arguments and errors as for :func:`point_operations`, and a law that is not one for limits is refused.
    """
    analysis.check_limits()
    workspace: Workspace = jsonpatch.apply_patch(
        analysis.workspace, point_operations(analysis, choice, mass_MeV, value)
    )
    measurements = workspace["measurements"]
    first = next(measurement for measurement in measurements if measurement["name"] == NEW_PHYSICS)
    first["config"]["poi"] = ""
    workspace["measurements"] = [first, *(m for m in measurements if m is not first)]
    return workspace
