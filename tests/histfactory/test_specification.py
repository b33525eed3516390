"""Models with parameters that are held."""

from __future__ import annotations

import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.histfactory.specification import hold
from spec_builder.histfactory.workspace_reading import read_specification
from tests.histfactory.test_workspace_reading import workspace


def test_parameters_are_held() -> None:
    spec = read_specification(workspace(), None)
    held = {p.name: p for p in hold(spec, {"mu": 2.0}).parameters}
    assert (held["mu"].init, held["mu"].fixed) == (2.0, True)
    assert not {p.name: p for p in spec.parameters}["mu"].fixed
    with pytest.raises(SpecBuilderError, match=r"'mu' cannot be held at 8, outside its bounds \[0, 7\]"):
        hold(spec, {"mu": 8.0})
    with pytest.raises(SpecBuilderError, match="parameter 'nu' is unknown, expected one of "):
        hold(spec, {"nu": 1.0})
