"""HistFactory's functions of one parameter, with their first and second derivatives.

A rate is a sum of fixed templates times products of these functions (CERN-OPEN-2012-016). pyhf's names of the
interpolations are kept: ``code1`` and ``code4`` for ``normsys``, ``code0`` and ``code4p`` for ``histosys``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from spec_builder.base.arrays import FloatArray

__all__ = ["Factor", "FactorBank", "Kind"]

#: A second derivative: (N,), or None where it vanishes.
Second: TypeAlias = "FloatArray | None"

Kind = Literal["identity", "square", "normsys_code1", "normsys_code4", "histosys_code0", "histosys_code4p"]


@dataclass(frozen=True)
class Factor:
    """A function f(theta_p) of one parameter.

    Attributes:
        parameter: index p.
        kind: ``identity`` f = theta; ``square`` f = theta^2; ``normsys_*`` f(0) = 1, f(1) = high, f(-1) = low;
            ``histosys_*`` the even part of the interpolation between templates, f(+-1) = 1.
        high, low: anchors of a ``normsys``.
    """

    parameter: int
    kind: Kind
    high: float = 1.0
    low: float = 1.0


def _code4_coefficients(high: float, low: float) -> list[float]:
    """Coefficients a1..a6 of the polynomial that meets the exponentials at +-1 with two derivatives."""
    log_high, log_low = math.log(high), math.log(low)
    even, odd = (high + low) / 2 - 1, (high - low) / 2
    even1, odd1 = (high * log_high + low * log_low) / 2, (high * log_high - low * log_low) / 2
    even2, odd2 = (high * log_high**2 + low * log_low**2) / 2, (high * log_high**2 - low * log_low**2) / 2
    return [
        (15 * odd - 7 * odd1 + odd2) / 8,
        (24 * even - 9 * even1 + even2) / 8,
        (-5 * odd + 5 * odd1 - odd2) / 4,
        (-12 * even + 7 * even1 - even2) / 4,
        (3 * odd - 3 * odd1 + odd2) / 8,
        (8 * even - 5 * even1 + even2) / 8,
    ]


class FactorBank:
    """All factors of a likelihood, evaluated together.

    Args:
        factors: the functions; those of the same kind are evaluated as one array.
    """

    def __init__(self, factors: Sequence[Factor]) -> None:
        self.factors = tuple(factors)
        kinds = {factor.kind for factor in self.factors}
        self._by_kind = {
            kind: [i for i, factor in enumerate(self.factors) if factor.kind == kind] for kind in sorted(kinds)
        }
        normsys = [f for f in self.factors if f.kind.startswith("normsys")]
        self._normsys = {
            kind: _Normsys([self.factors[i] for i in members], smooth=kind == "normsys_code4")
            for kind, members in self._by_kind.items()
            if normsys and kind.startswith("normsys")
        }

    def __call__(self, theta: FloatArray) -> tuple[list[FloatArray], list[FloatArray | float], list[Second]]:
        """Value, first and second derivative of each factor.

        Args:
            theta: parameters, shape (P, N).

        Returns:
            Three lists with an entry (N,) for each factor; a constant derivative is a plain number, a second
            derivative that is zero everywhere is None.
        """
        count = len(self.factors)
        values: list[FloatArray] = [theta[0]] * count
        first: list[FloatArray | float] = [1.0] * count
        second: list[Second] = [None] * count
        for kind, members in self._by_kind.items():
            if kind == "identity":
                for i in members:
                    values[i] = theta[self.factors[i].parameter]
            elif kind == "square":
                for i in members:
                    x = theta[self.factors[i].parameter]
                    values[i], first[i], second[i] = x * x, 2 * x, np.full_like(x, 2.0)
            elif kind in self._normsys:
                stack = theta[[self.factors[i].parameter for i in members]]
                for i, *parts in zip(members, *self._normsys[kind](stack), strict=True):
                    values[i], first[i], second[i] = parts
            elif kind == "histosys_code0":
                for i in members:
                    x = theta[self.factors[i].parameter]
                    values[i], first[i] = np.abs(x), np.sign(x)
            else:
                for i in members:
                    values[i], first[i], second[i] = _even_code4p(theta[self.factors[i].parameter])
        return values, first, second

    def scalar(self, index: int) -> Callable[[float], tuple[float, float]]:
        """The same function for one number: value and slope, without arrays."""
        factor = self.factors[index]
        if factor.kind == "identity":
            return lambda x: (x, 1.0)
        if factor.kind == "square":
            return lambda x: (x * x, 2 * x)
        if factor.kind == "histosys_code0":
            return lambda x: (abs(x), math.copysign(1.0, x))
        if factor.kind == "histosys_code4p":
            return _scalar_even_code4p
        return _scalar_normsys(factor.high, factor.low, smooth=factor.kind == "normsys_code4")


def _even_code4p(x: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """x^2 (15 - 10 x^2 + 3 x^4) / 8 inside +-1, |x| outside."""
    inside = np.abs(x) < 1
    square = np.where(inside, x * x, 0.0)
    value = np.where(inside, square * (15 + square * (3 * square - 10)) / 8, np.abs(x))
    slope = np.where(inside, x * (30 + square * (18 * square - 40)) / 8, np.sign(x))
    bend = np.where(inside, (30 + square * (90 * square - 120)) / 8, 0.0)
    return value, slope, bend


def _scalar_even_code4p(x: float) -> tuple[float, float]:
    if abs(x) >= 1:
        return abs(x), math.copysign(1.0, x)
    square = x * x
    return square * (15 + square * (3 * square - 10)) / 8, x * (30 + square * (18 * square - 40)) / 8


class _Normsys:
    """``normsys`` factors of one interpolation code as arrays (factors, N)."""

    def __init__(self, factors: Sequence[Factor], *, smooth: bool) -> None:
        column = np.array([[f.high, f.low] for f in factors])
        self._log_high, self._log_low = np.log(column[:, :1]), np.log(column[:, 1:])
        table = [_code4_coefficients(f.high, f.low) for f in factors]
        self._coefficients = np.array(table).T[:, :, None]
        self._smooth = smooth

    def __call__(self, x: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        up = x > 0
        log = np.where(up, self._log_high, -self._log_low)
        value = np.exp(x * log)
        slope = value * log
        bend = slope * log
        if self._smooth:
            inside = np.abs(x) < 1
            a1, a2, a3, a4, a5, a6 = self._coefficients
            polynomial = 1 + x * (a1 + x * (a2 + x * (a3 + x * (a4 + x * (a5 + x * a6)))))
            derivative = a1 + x * (2 * a2 + x * (3 * a3 + x * (4 * a4 + x * (5 * a5 + x * 6 * a6))))
            second = 2 * a2 + x * (6 * a3 + x * (12 * a4 + x * (20 * a5 + x * 30 * a6)))
            value = np.where(inside, polynomial, value)
            slope = np.where(inside, derivative, slope)
            bend = np.where(inside, second, bend)
        return value, slope, bend


def _scalar_normsys(high: float, low: float, *, smooth: bool) -> Callable[[float], tuple[float, float]]:
    log_high, log_low = math.log(high), math.log(low)
    a1, a2, a3, a4, a5, a6 = _code4_coefficients(high, low)

    def factor(x: float) -> tuple[float, float]:
        if smooth and -1 < x < 1:
            value = 1 + x * (a1 + x * (a2 + x * (a3 + x * (a4 + x * (a5 + x * a6)))))
            slope = a1 + x * (2 * a2 + x * (3 * a3 + x * (4 * a4 + x * (5 * a5 + x * 6 * a6))))
            return value, slope
        log = log_high if x > 0 else -log_low
        value = math.exp(x * log)
        return value, value * log

    return factor
