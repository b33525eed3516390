"""Vectorised root finding."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec_builder.inference.roots import find_roots

if TYPE_CHECKING:
    from spec_builder.base.arrays import FloatArray, IndexArray


@given(st.lists(st.tuples(st.floats(-5, 5), st.floats(0.1, 30), st.integers(0, 3)), min_size=1, max_size=20))
def test_every_root_is_found_to_its_tolerance(cases: list[tuple[float, float, int]]) -> None:
    centre, size, kind = (np.array(column) for column in zip(*cases, strict=True))

    def function(x: FloatArray, rows: IndexArray) -> FloatArray:
        z = size[rows] * (x - centre[rows])
        every = np.stack([z, z**3, np.expm1(np.clip(z, -50, 50)), np.where(z > 0, 1e100, -1e-3)])
        result: FloatArray = every[kind[rows], np.arange(rows.size)]
        return result

    rows = np.arange(centre.size)
    left, right = np.full(centre.size, -7.0), np.full(centre.size, 11.0)
    found = find_roots(
        function, (left, function(left, rows)), (right, function(right, rows)), relative=1e-12, absolute=1e-12
    )
    assert found.found.all()
    assert found.x == pytest.approx(centre, rel=1e-11, abs=1e-11)


def test_smooth_functions_take_few_calls_and_only_those_that_are_not_done() -> None:
    calls: list[int] = []

    def function(x: FloatArray, rows: IndexArray) -> FloatArray:
        calls.append(rows.size)
        result: FloatArray = x**2 - np.array([2.0, 3.0, 0.25])[rows]
        return result

    left, right = np.zeros(3), np.array([2.0, 2.0, 0.5])
    values = function(left, np.arange(3)), function(right, np.arange(3))
    found = find_roots(function, (left, values[0]), (right, values[1]), relative=1e-13)
    assert found.x == pytest.approx(np.sqrt([2.0, 3.0, 0.25]), rel=1e-12)
    assert calls[2] == 2  # the third root stands at an end of its bracket
    assert len(calls) < 14
