"""Why a limit has no end: what stands beside each «none»."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from spec_builder.base.printing import counted
from spec_builder.inference.cancellation import cancellation_at_the_end
from spec_builder.physics.constants import MEV_PER_GEV

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spec_builder.base.arrays import BoolArray, FloatArray
    from spec_builder.inference.cancellation import Cancellation
    from spec_builder.inference.data import Problem, Yields
    from spec_builder.inference.exclusion import Exclusion
    from spec_builder.model.analysis import Analysis
    from spec_builder.model.provenance import Note
    from spec_builder.physics.choices import Choice

__all__ = ["notes_on_open_ends", "open_ends"]


def open_ends(exclusion: Exclusion) -> tuple[BoolArray, BoolArray]:
    """Whether the highest values of the parameter are allowed at each mass, and whether the lowest; shape (M,) each.

    Where fits are not valid nothing is said.
    """
    points = exclusion.points
    high = [point.valid and not (point.excluded and point.excluded[-1][1] is None) for point in points]
    low = [point.valid and not (point.excluded and point.excluded[0][0] is None) for point in points]
    return np.array(high), np.array(low)


def notes_on_open_ends(
    analysis: Analysis,
    choice: Choice,
    problem: Problem,
    signal: Mapping[str, Yields],
    masses: FloatArray,
    *missing: BoolArray,
) -> tuple[Note, ...]:
    """What to say of masses at which however large a parameter is allowed; nothing where there are none.

    Args:
        analysis: what was asked.
        choice: the interaction.
        problem: of the two.
        signal: its yields at the masses.
        masses: of the mediator [MeV], shape (M,); one that is nan where there is none.
        missing: whether there is no limit at high values, and, of a signed parameter, at low ones, shape (M,) each.
    """
    notes: list[str] = []
    for low, none in zip((False, True) if choice.signed else (False,), missing, strict=False):
        count = int(none.sum())
        if count == 0:
            continue
        first = int(np.argmax(none))
        end, found = cancellation_at_the_end(problem, signal, first, low=low)
        unit = MEV_PER_GEV if math.isinf(masses[first]) else 1.0  # g/m in 1/GeV at the contact limit
        on = f" on {'negative' if low else 'positive'} {choice.parameter}" if choice.signed else ""
        at = f" at {count} of {counted(masses.size, 'mass', 'masses')}" if choice.has_mediator else ""
        at += f", first at {masses[first]:g} MeV" if choice.has_mediator and masses.size > 1 else ""
        notes.append(f"no limit{on}{at}: {_why(analysis.law, choice.parameter, unit * end, found)}")
    return tuple((analysis.name, text) for text in notes)


def _why(law: str, parameter: str, end: float, found: Cancellation | None) -> str:
    """Why the farthest value of a parameter is not excluded."""
    if found is None:
        return f"{parameter} = {end:.3g}, the farthest that is looked at, is not excluded"
    return f"under the law {law} {found.words(parameter)}"
