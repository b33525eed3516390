"""HistFactory's functions of one parameter against pyhf's interpolators and their own differences."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyhf.interpolators import code0, code1, code4, code4p

from spec_builder.histfactory.interpolation import Factor, FactorBank, Kind, scalar_factor

if TYPE_CHECKING:
    from spec_builder.base.arrays import FloatArray

sizes = st.floats(0.05, 8.0)
alphas = st.floats(-15, 15)


@pytest.mark.parametrize(("kind", "interpolator"), [("normsys_code1", code1), ("normsys_code4", code4)])
@given(high=sizes, low=sizes, alpha=alphas)
def test_normsys_equals_pyhf(kind: Kind, interpolator: type, high: float, low: float, alpha: float) -> None:
    bank = FactorBank([Factor(0, kind, high, low)])
    ((ours,), _, _) = bank(np.array([[alpha]]))
    theirs = interpolator([[[[low], [1.0], [high]]]])(np.array([[alpha]]))
    assert ours[0] == pytest.approx(float(np.ravel(theirs)[0]), rel=1e-10)


@pytest.mark.parametrize(("kind", "interpolator"), [("histosys_code0", code0), ("histosys_code4p", code4p)])
@given(high=sizes, low=sizes, alpha=alphas)
def test_histosys_equals_pyhf(kind: Kind, interpolator: type, high: float, low: float, alpha: float) -> None:
    """(high - low)/2 alpha plus the even part times the factor is pyhf's difference to the nominal."""
    ((even,), _, _) = FactorBank([Factor(0, kind)])(np.array([[alpha]]))
    ours = (high - low) / 2 * alpha + ((high + low) / 2 - 1) * even[0]
    theirs = interpolator([[[[low], [1.0], [high]]]])(np.array([[alpha]]))
    assert ours == pytest.approx(float(np.ravel(theirs)[0]), rel=1e-10, abs=1e-12)


KINDS: list[Kind] = [
    "identity",
    "square",
    "normsys_code1",
    "normsys_code4",
    "histosys_code0",
    "histosys_code4p",
]


@pytest.mark.parametrize("kind", KINDS)
def test_derivatives_are_differences(kind: Kind) -> None:
    bank = FactorBank([Factor(0, kind, 1.4, 0.7)])
    x = np.array([-6.0, -1.3, -0.8, -0.2, 0.3, 0.7, 1.6, 5.0])
    h = 1e-5

    def value_and_slope(at: FloatArray) -> tuple[FloatArray, FloatArray]:
        values, first, _ = bank(at[None])
        return values[0], np.broadcast_to(np.asarray(first[0]), at.shape)

    (value_up, slope_up), (value_down, slope_down) = value_and_slope(x + h), value_and_slope(x - h)
    _, (slope,), (bend,) = bank(x[None])
    np.testing.assert_allclose(np.broadcast_to(slope, x.shape), (value_up - value_down) / (2 * h), rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(0.0 if bend is None else bend, (slope_up - slope_down) / (2 * h), rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("kind", KINDS)
@given(alpha=alphas)
def test_plain_numbers_equal_arrays(kind: Kind, alpha: float) -> None:
    bank = FactorBank([Factor(0, kind, 1.4, 0.7)])
    values, first, _ = bank(np.array([[alpha]]))
    value, slope = scalar_factor(Factor(0, kind, 1.4, 0.7))(alpha)
    assert value == pytest.approx(values[0][0], rel=1e-13)
    if not (kind == "histosys_code0" and alpha == 0):  # a kink: any slope from -1 to 1
        assert slope == pytest.approx(float(np.ravel(first[0])[0]), rel=1e-13)


def test_factors_of_different_parameters_and_kinds_together() -> None:
    factors = [
        Factor(1, "normsys_code4", 1.2, 0.9),
        Factor(0, "identity"),
        Factor(1, "square"),
        Factor(0, "normsys_code4", 2.0, 0.5),
    ]
    theta = np.array([[0.5, -1.5], [2.0, 0.1]])
    together, _, _ = FactorBank(factors)(theta)
    for factor, values in zip(factors, together, strict=True):
        ((alone,), _, _) = FactorBank([factor])(theta)
        np.testing.assert_array_equal(values, alone)
