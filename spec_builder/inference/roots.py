"""Roots of many functions at once, between places where their signs differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from spec_builder.base.arrays import BoolArray, FloatArray, IndexArray

__all__ = ["STEEP", "Roots", "find_roots"]

#: What stands for an infinite value: the steps between brackets need finite ones.
STEEP = 1e100
_MAX_STEPS = 100


class Roots(NamedTuple):
    """Roots of N functions.

    Attributes:
        x: the roots, shape (N,).
        found: whether each was found within its tolerance, shape (N,).
        jump: how far the values at the ends of its last bracket differ, shape (N,): next to nothing where the function
            is continuous.
    """

    x: FloatArray
    found: BoolArray
    jump: FloatArray


def find_roots(
    function: Callable[[FloatArray, IndexArray], FloatArray],
    left: tuple[FloatArray, FloatArray],
    right: tuple[FloatArray, FloatArray],
    *,
    relative: float,
    absolute: float = 0.0,
) -> Roots:
    """Find a root of each of N functions by the method of Chandrupatla: inverse quadratic steps, else bisection.

    T. R. Chandrupatla, Adv. Eng. Softw. 28 (1997) 145. All functions are called together, those whose root is found
    no more.

    Args:
        function: of places (n,) and the numbers of the functions (n,) to take there, to values (n,).
        left: a place for each function and its value there, shape (N,) each.
        right: another place, where the value has the other sign or is zero.
        relative: tolerance as a part of the root.
        absolute: tolerance added to it.
    """
    (x1, f1), (x2, f2) = left, right
    root = np.where(np.abs(f1) <= np.abs(f2), x1, x2)
    found = (f1 == 0) | (f2 == 0)
    jump = np.zeros(root.size)
    rows = np.flatnonzero(~found)
    x1, f1, x2, f2 = x1[rows], f1[rows], x2[rows], f2[rows]
    part = np.full(rows.size, 0.5)
    for _ in range(_MAX_STEPS):
        if not rows.size:
            break
        x = x1 + part * (x2 - x1)
        f = function(x, rows)
        # the bracket's new end is x; the third point is the end that x replaces
        same = (f > 0) == (f1 > 0)
        x3, f3 = np.where(same, x1, x2), np.where(same, f1, f2)
        x2, f2 = np.where(same, x2, x1), np.where(same, f2, f1)
        x1, f1 = x, f
        nearest = np.where(np.abs(f1) <= np.abs(f2), x1, x2)
        root[rows] = nearest
        least = (2 * relative * np.abs(nearest) + absolute) / np.abs(x2 - x1)
        done = (least > 0.5) | (f1 == 0) | (f2 == 0)
        found[rows[done]] = True
        jump[rows[done]] = np.where((f1 == 0) | (f2 == 0), 0.0, np.abs(f2 - f1))[done]
        with np.errstate(divide="ignore", invalid="ignore"):
            xi, phi = (x1 - x2) / (x3 - x2), (f1 - f2) / (f3 - f2)
            smooth = (phi * phi < xi) & ((1 - phi) ** 2 < 1 - xi)
            quadratic = f1 / (f2 - f1) * f3 / (f2 - f3)
            quadratic += (x3 - x1) / (x2 - x1) * f1 / (f3 - f1) * f2 / (f3 - f2)
        part = np.clip(np.where(smooth, quadratic, 0.5), np.minimum(least, 0.5), 1 - np.minimum(least, 0.5))
        keep = ~done
        rows, part = rows[keep], part[keep]
        x1, f1, x2, f2 = x1[keep], f1[keep], x2[keep], f2[keep]
    return Roots(root, found, jump)
