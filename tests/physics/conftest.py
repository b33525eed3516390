"""What the tests of the physics share: cross sections of terms at one point."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from spec_builder.physics.targets import Target
    from spec_builder.physics.terms import Term

    CrossSection = Callable[[Iterable[Term], Target, float, float, float, float], float]


@pytest.fixture(scope="session")
def cross_section() -> CrossSection:
    """dsigma/dT [MeV^-3] of (terms, target of one scatterer, mass, recoil, x, neutrino energy), all in MeV."""

    def value(terms: Iterable[Term], target: Target, mass: float, recoil: float, x: float, energy: float) -> float:
        denominator = mass**2 + 2 * float(target.mass_MeV[0, 0]) * recoil
        powers = energy ** -np.arange(3.0)
        return sum(
            float(x**term.order / denominator**term.propagator_power * (powers @ term.coefficients[:, 0, 0]))
            for term in terms
        )

    return value


@pytest.fixture(scope="session")
def reference() -> Callable[[str], dict[str, Any]]:
    """Numbers of an independent calculation, by the name of its file."""

    def read(name: str) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((Path(__file__).parent / f"{name}.json").read_text(encoding="utf-8"))
        return content

    return read
