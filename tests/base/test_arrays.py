"""Types of arrays are those that the package computes with."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from spec_builder.base import arrays
from spec_builder.model.analysis import load_analysis


@pytest.mark.parametrize(
    ("name", "kind"), [("FloatArray", np.float64), ("IndexArray", np.intp), ("BoolArray", np.bool_)]
)
def test_a_type_says_what_it_holds(name: str, kind: type) -> None:
    assert get_args(get_args(getattr(arrays, name))[1]) == (kind,)


def test_numbers_of_a_likelihood_are_of_the_type() -> None:
    likelihood = load_analysis("xenonnt").likelihood("flux")
    found = [likelihood.observed, likelihood.init, likelihood.bounds, likelihood.gradient(likelihood.init[None])]
    assert {array.dtype for array in found} == {np.dtype(np.float64)}
