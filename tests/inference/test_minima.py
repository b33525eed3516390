"""Minima of batches: which count as known, which of them is the lowest, and what takes the place of what."""

from __future__ import annotations

import numpy as np
import pytest

from spec_builder.inference.minima import IMPOSSIBLE, NOT_FINITE, REASONS, BatchFit, is_lower

INFINITE = float("inf")


def fits(heights: list[float], reasons: list[int]) -> BatchFit:
    count = len(heights)
    at = np.arange(float(count))[:, None]
    return BatchFit(np.array(heights), at, np.zeros(count), np.array(reasons), np.zeros(count, dtype=bool))


def test_an_infinite_height_is_known_where_nothing_is_expected() -> None:
    found = fits([3.0, INFINITE, INFINITE], [0, IMPOSSIBLE, NOT_FINITE])
    assert found.valid.tolist() == [True, False, False]
    assert found.known.tolist() == [True, True, False]
    assert REASONS[IMPOSSIBLE].startswith("2NLL is infinite")


@pytest.mark.parametrize(("unfinished", "lowest"), [(2.5, 1), (2.0 - 1e-9, 1), (1.9, 2), (float("nan"), 1)])
def test_a_row_that_has_not_ended_is_the_lowest_only_where_it_is_lower(unfinished: float, lowest: int) -> None:
    assert fits([3.0, 2.0, unfinished], [0, 0, 3]).lowest == lowest


def test_the_lowest_of_several_others_takes_a_place_that_has_not_come_lower() -> None:
    here = fits([3.0, 3.0, 1.0], [0, 0, 3])
    others = fits([2.5, 2.0, 2.9999999, 2.0], [0, 0, 0, 0])
    found, places = here.lowered(others, np.array([0, 0, 1, 2]), least=1e-6)
    assert places.tolist() == [0]
    assert found.twice_nll.tolist() == [2.0, 3.0, 1.0]
    assert found.theta[:, 0].tolist() == [1.0, 1.0, 2.0]
    assert here.lowered(others.take(slice(2, 3)), np.array([1]), least=1e-6)[0] is here


def test_what_rounding_leaves_is_not_lower() -> None:
    height = np.array([1.0 - 2e-7, 1.0 - 5e-8, 1e9 - 1e-3, 1e9 - 1.0, 1.0])
    other = np.array([1.0, 1.0, 1e9, 1e9, INFINITE])
    assert is_lower(height, other).tolist() == [True, False, False, True, True]
