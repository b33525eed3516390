"""Parameters that modifiers ask for: what a measurement says of them, and what they cannot be at once."""

from __future__ import annotations

import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.histfactory.parameters import Parameters
from spec_builder.histfactory.specification import Constraint


def test_a_measurement_sets_start_and_bounds() -> None:
    parameters = Parameters({"mu": {"inits": [2.0], "bounds": [[0.0, 5.0]]}})
    assert parameters.add("here", "mu", "normfactor", init=1.0, bounds=(0.0, 10.0)) == "mu"
    assert (parameters.specs["mu"].init, parameters.specs["mu"].upper) == (2.0, 5.0)


def test_a_parameter_is_one_thing() -> None:
    parameters = Parameters({})
    constraint = Constraint("normal", 0.0, 1.0)
    parameters.add("here", "a", "unit normal", init=0.0, bounds=(-5.0, 5.0), constraint=constraint)
    with pytest.raises(SpecBuilderError, match="there: parameter 'a' is used as normfactor and as unit normal"):
        parameters.add("there", "a", "normfactor", init=1.0, bounds=(0.0, 10.0))
    with pytest.raises(SpecBuilderError, match="there: parameter 'a' is used as a number for each bin and as one numb"):
        parameters.add("there", "a", "shapefactor", init=1.0, bounds=(0.0, 10.0), index=0)
    with pytest.raises(SpecBuilderError, match="there: parameter 'a' is constrained in two different ways"):
        parameters.add("there", "a", "unit normal", init=0.0, bounds=(-4.0, 4.0), constraint=constraint)
