"""The measurement of an interaction with arrays of yields, for tests of analyses with one signal sample."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from spec_builder.base.arrays import FloatArray
    from spec_builder.inference.likelihood import Likelihood
    from spec_builder.model.analysis import Analysis
    from spec_builder.physics.choices import Choice

__all__ = ["new_physics"]


def new_physics(analysis: Analysis, choice: Choice) -> tuple[Likelihood, Callable[[FloatArray], FloatArray]]:
    """The likelihood, and n0, n1, n2 of the signal at masses (M,), shape (3, M, bins)."""
    problem = analysis.problem(choice)
    return problem.likelihood, lambda masses: problem.yields(masses)["cevns"].nominal
