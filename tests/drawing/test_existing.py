"""Curves of others."""

from __future__ import annotations

import numpy as np
import pytest

from spec_builder.drawing.existing import closed_outline, envelope, height_at, is_zigzag


def test_an_outline_goes_once_around() -> None:
    mass, edge = closed_outline(np.array([1.0, 2.0]), np.array([3.0, 4.0]), np.array([5.0, np.inf]))
    assert mass.tolist() == [1.0, 2.0, 2.0, 1.0, 1.0]
    assert edge.tolist() == [3.0, 4.0, 1e3, 5.0, 3.0]


def test_a_zigzag_becomes_its_weakest_limits() -> None:
    mass = np.geomspace(1, 10, 120)
    low = np.where(np.arange(120) % 2, 2e-3, 1e-3)
    assert is_zigzag(low)
    assert not is_zigzag(np.linspace(1, 2, 120))
    middle, height = envelope(mass, low)
    assert set(height.tolist()) <= {1e-3, 2e-3}
    assert (height[1:-1] == 2e-3).all()
    assert (middle[0], middle[-1]) == (mass[0], mass[-1])


def test_between_points_a_curve_is_straight_in_logarithms() -> None:
    assert height_at(10.0, np.array([1.0, 100.0]), np.array([1e-6, 1e-4])) == pytest.approx(1e-5)
