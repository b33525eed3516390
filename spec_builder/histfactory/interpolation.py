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
    from collections.abc import Callable, Iterator, Sequence

    from spec_builder.base.arrays import FloatArray

__all__ = ["Factor", "FactorBank", "Kind", "normsys_table", "scalar_factor"]

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


def normsys_table(high: FloatArray, low: FloatArray) -> FloatArray:
    """Logarithms of hi and lo, and a1 to a6 of the polynomial that meets both exponentials with two derivatives.

    Args:
        high: the factor at +1, of any shape.
        low: the factor at -1, likewise.

    Returns:
        Shape (8, ...).
    """
    log_high, log_low = np.log(high), np.log(low)
    even, odd = (high + low) / 2 - 1, (high - low) / 2
    even1, odd1 = (high * log_high + low * log_low) / 2, (high * log_high - low * log_low) / 2
    even2, odd2 = (high * log_high**2 + low * log_low**2) / 2, (high * log_high**2 - low * log_low**2) / 2
    return np.stack(
        [
            log_high,
            log_low,
            (15 * odd - 7 * odd1 + odd2) / 8,
            (24 * even - 9 * even1 + even2) / 8,
            (-5 * odd + 5 * odd1 - odd2) / 4,
            (-12 * even + 7 * even1 - even2) / 4,
            (3 * odd - 3 * odd1 + odd2) / 8,
            (8 * even - 5 * even1 + even2) / 8,
        ]
    )


class FactorBank:
    """All factors of a likelihood, evaluated together.

    Args:
        factors: the functions; those of the same kind are evaluated as one array.
        by_row: numbers of the ``normsys`` whose anchors come by row.
    """

    def __init__(self, factors: Sequence[Factor], by_row: Sequence[int] = ()) -> None:
        self.factors = tuple(factors)
        self._parameters = np.array([factor.parameter for factor in self.factors], dtype=np.intp)
        self._by_row = list(by_row)
        self._smooth = all(self.factors[i].kind == "normsys_code4" for i in self._by_row)
        by_kind: dict[str, list[int]] = {}
        for i, factor in enumerate(self.factors):
            if i not in self._by_row:
                by_kind.setdefault(factor.kind, []).append(i)
        self._by_kind = dict(sorted(by_kind.items()))
        self._places = {kind: self._parameters[members] for kind, members in self._by_kind.items()}
        self._tables = {
            kind: self._table(members) for kind, members in self._by_kind.items() if kind.startswith("normsys")
        }
        self._own_tables = self._table(self._by_row)

    def _table(self, members: list[int]) -> FloatArray:
        high = np.array([[self.factors[i].high] for i in members]).reshape(-1, 1)
        low = np.array([[self.factors[i].low] for i in members]).reshape(-1, 1)
        return normsys_table(high, low)

    def __call__(
        self, theta: FloatArray, interpolations: FloatArray | None = None
    ) -> tuple[list[FloatArray], list[FloatArray | float], list[Second]]:
        """Value, first and second derivative of each factor.

        Args:
            theta: parameters, shape (P, N).
            interpolations: of the factors whose anchors come by row, shape (8, R, N).

        Returns:
            Three lists with an entry (N,) for each factor; a constant derivative is a plain number, a second
            derivative that is zero everywhere is None.
        """
        count = len(self.factors)
        values: list[FloatArray] = [theta[0]] * count
        first: list[FloatArray | float] = [1.0] * count
        second: list[Second] = [None] * count
        for i in self._by_kind.get("identity", ()):
            values[i] = theta[self.factors[i].parameter]
        for members, *parts in self._curved(theta, interpolations):
            for i, value, slope, bend in zip(members, *parts, strict=True):
                values[i], first[i], second[i] = value, slope, bend
        return values, first, second

    def arrays(
        self, theta: FloatArray, interpolations: FloatArray | None = None
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """The same as three arrays (factors, N)."""
        values = theta[self._parameters]
        first, second = np.ones_like(values), np.zeros_like(values)
        for members, value, slope, bend in self._curved(theta, interpolations):
            values[members], first[members], second[members] = value, slope, bend
        return values, first, second

    def _curved(
        self, theta: FloatArray, interpolations: FloatArray | None
    ) -> Iterator[tuple[list[int], FloatArray, FloatArray, FloatArray]]:
        """The factors that are not the parameter itself, kind by kind, with their three arrays (members, N)."""
        for kind, members in self._by_kind.items():
            if kind == "identity":
                continue
            x = theta[self._places[kind]]
            if kind == "square":
                yield members, x * x, 2 * x, np.full_like(x, 2.0)
            elif kind in self._tables:
                yield members, *_normsys(x, self._tables[kind], smooth=kind == "normsys_code4")
            else:
                yield members, *(_even_code0(x) if kind == "histosys_code0" else _even_code4p(x))
        if self._by_row:
            x = theta[self._parameters[self._by_row]]
            table = self._own_tables if interpolations is None else interpolations
            yield self._by_row, *_normsys(x, table, smooth=self._smooth)


def scalar_factor(factor: Factor, table: Sequence[float] | None = None) -> Callable[[float], tuple[float, float]]:
    """A factor for one number: value and slope, without arrays.

    Args:
        factor: the function.
        table: the interpolation of a ``normsys``, as from :func:`normsys_table`, where it is not the factor's own.
    """
    if factor.kind == "identity":
        return lambda x: (x, 1.0)
    if factor.kind == "square":
        return lambda x: (x * x, 2 * x)
    if factor.kind == "histosys_code0":
        return lambda x: (abs(x), math.copysign(1.0, x))
    if factor.kind == "histosys_code4p":
        return _scalar_even_code4p
    if table is None:
        table = normsys_table(np.array(factor.high), np.array(factor.low)).tolist()
    return _scalar_normsys(table, smooth=factor.kind == "normsys_code4")


def _even_code0(x: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    return np.abs(x), np.sign(x), np.zeros_like(x)


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


def _normsys(x: FloatArray, table: FloatArray, *, smooth: bool) -> tuple[FloatArray, FloatArray, FloatArray]:
    """``normsys`` factors of one interpolation code, with their table (8, ...) from :func:`normsys_table`."""
    log_high, log_low, a1, a2, a3, a4, a5, a6 = table
    log = np.where(x > 0, log_high, -log_low)
    value = np.exp(x * log)
    slope = value * log
    bend = slope * log
    if smooth:
        inside = np.abs(x) < 1
        polynomial = 1 + x * (a1 + x * (a2 + x * (a3 + x * (a4 + x * (a5 + x * a6)))))
        derivative = a1 + x * (2 * a2 + x * (3 * a3 + x * (4 * a4 + x * (5 * a5 + x * 6 * a6))))
        second = 2 * a2 + x * (6 * a3 + x * (12 * a4 + x * (20 * a5 + x * 30 * a6)))
        value = np.where(inside, polynomial, value)
        slope = np.where(inside, derivative, slope)
        bend = np.where(inside, second, bend)
    return value, slope, bend


def _scalar_normsys(table: Sequence[float], *, smooth: bool) -> Callable[[float], tuple[float, float]]:
    log_high, log_low, a1, a2, a3, a4, a5, a6 = table

    def factor(x: float) -> tuple[float, float]:
        if smooth and -1 < x < 1:
            value = 1 + x * (a1 + x * (a2 + x * (a3 + x * (a4 + x * (a5 + x * a6)))))
            slope = a1 + x * (2 * a2 + x * (3 * a3 + x * (4 * a4 + x * (5 * a5 + x * 6 * a6))))
            return value, slope
        log = log_high if x > 0 else -log_low
        value = math.exp(x * log)
        return value, value * log

    return factor
