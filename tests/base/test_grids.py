"""Grids as they are written on the command line."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec_builder.base.errors import SpecBuilderError
from spec_builder.base.grids import check_level, json_mass, numbers_text, parse_grid

positive = st.floats(1e-12, 1e12)


@given(values=st.lists(positive, min_size=1, unique=True))
def test_comma_list_round_trip(values: list[float]) -> None:
    assert parse_grid(",".join(map(repr, values)), "masses") == values


@given(
    low=positive,
    factor=st.floats(1.01, 1e6),
    count=st.integers(2, 50),
)
def test_grid_is_log_spaced_with_both_ends(low: float, factor: float, count: int) -> None:
    high = low * factor
    grid = parse_grid(f"{low!r}:{high!r}:{count}", "masses")
    assert len(grid) == count
    assert (grid[0], grid[-1]) == (low, high)
    # inner points are rounded to 12 digits
    np.testing.assert_allclose(grid, np.geomspace(low, high, count), rtol=1e-11)


def test_round_numbers_stay_round() -> None:
    assert parse_grid("10:1000:3", "masses") == [10.0, 100.0, 1000.0]


def test_spaces_are_allowed() -> None:
    assert parse_grid(" 1 , 2e1", "masses") == [1.0, 20.0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1:2", "expected LO:HI:N or a comma list of numbers"),
        ("1:2:3:4", "expected LO:HI:N or a comma list of numbers"),
        ("1:10:1", "N must be a whole number of at least 2"),
        ("1:10:2.5", "N must be a whole number of at least 2"),
        ("1:10:-3", "N must be a whole number of at least 2"),
        ("1:10:100001", "N must be a whole number of at least 2 and at most 100000"),
        (f"1:10:{'9' * 5000}", "N must be a whole number of at least 2 and at most 100000"),
        ("1:10:many", "N must be a whole number of at least 2"),
        ("10:1:5", "LO must be below HI"),
        ("1:1:5", "LO must be below HI"),
        ("0:1:5", "'0' is not a positive number"),
        ("1:inf:5", "'inf' is not a positive number"),
        ("one:10:5", "'one' is not a positive number"),
        ("1,-2", "'-2' is not a positive number"),
        ("1,nan", "'nan' is not a positive number"),
        ("1,,2", "'' is not a positive number"),
        ("", "'' is not a positive number"),
    ],
)
def test_mistakes(text: str, message: str) -> None:
    with pytest.raises(SpecBuilderError, match=re.escape(f"masses '{text[:80]}{'...' * (len(text) > 80)}': {message}")):
        parse_grid(text, "masses")


@pytest.mark.parametrize("cl", [0.001, 0.6827, 1 - 1e-14])
def test_levels(cl: float) -> None:
    check_level(cl)


@pytest.mark.parametrize(
    ("cl", "message"),
    [
        (True, "confidence level True: expected a number between 0 and 1"),
        (None, "confidence level None: expected a number"),
        ("0.9", "confidence level '0.9': expected a number"),
        (90, "confidence level 90: expected a number"),
        (1e-300, "confidence level 1e-300: fits have no digits left, expected 0.001 to 1 - 1e-15"),
        (0.9999999999999999, "fits have no digits left"),
    ],
)
def test_what_is_no_level(cl: Any, message: str) -> None:
    with pytest.raises(SpecBuilderError, match=message):
        check_level(cl)


@pytest.mark.parametrize("item", [True, np.True_, None, 1j, [1.0], b"1"])
def test_what_is_no_number_stands_in_no_grid(item: Any) -> None:
    with pytest.raises(SpecBuilderError, match="masses: expected numbers or the text of a grid, found"):
        numbers_text([item, 2.0], "masses")


def test_the_contact_limit_is_text_in_json() -> None:
    assert [json_mass(mass) for mass in (2.5, math.inf, math.nan, None)] == [2.5, "inf", None, None]


def test_a_mass_with_a_unit_is_told_the_unit() -> None:
    with pytest.raises(SpecBuilderError, match="masses '1GeV': '1GeV' is not a positive number of MeV"):
        parse_grid("1GeV", "masses")
    with pytest.raises(SpecBuilderError, match=r"energies '0\.5,1 keV': '1 keV' is not a positive number of keV"):
        parse_grid("0.5,1 keV", "energies")
