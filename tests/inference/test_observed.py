"""The observed data's statistic against one parameter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.inference.feldman_cousins import feldman_cousins
from spec_builder.inference.likelihood import Likelihood
from spec_builder.inference.observed import Observed

if TYPE_CHECKING:
    from spec_builder.base.arrays import FloatArray


def test_a_parameter_that_is_held_has_no_interval(generic: dict[str, Any]) -> None:
    likelihood = Likelihood.from_workspace(generic, "some_fixed")
    with pytest.raises(SpecBuilderError, match="the measurement holds factor"):
        feldman_cousins(likelihood, "factor", toys=10)


@pytest.mark.parametrize("unit", [1.0, 1e-13])
def test_a_crossing_is_as_exact_in_any_unit_of_the_parameter(unit: float) -> None:
    def height(at: FloatArray) -> FloatArray:
        x = at / unit
        return (x - 3) ** 2 * (1 + 0.1 * x)

    values = np.linspace(0, 10, 7) * unit
    observed = Observed(height, (0.0, 10 * unit), (values, height(values)), (3 * unit, 0.0), 0.0)
    below, above = (end / unit for end in observed.crossings(1.0))
    assert height(np.array([below, above]) * unit) == pytest.approx([1.0, 1.0], rel=1e-7)
