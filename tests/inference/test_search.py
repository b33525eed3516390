"""Rows of many minima: the lowest one, whatever the engine and the rows beside it, or none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from spec_builder.inference import minuit, newton, search
from spec_builder.inference.minima import REASONS
from tests.inference.random_rows import random_rows

#: 2NLL at the lowest minimum known of rows with 37, 38 and 14 free parameters, some of which bend rates back: minima
#: lie where rates vanish, and fits from a single start end in others, higher by up to 15.
MANY = {(1150, 72, 100): 140.308845, (1650, 1, 100): 147.940881, (1137, 9, 60): 128.471087}


@pytest.mark.parametrize(("structure", "row", "count"), MANY)
def test_both_engines_find_the_lowest_of_many_minima(structure: int, row: int, count: int) -> None:
    _, likelihood, rows = random_rows(structure, count)
    found = newton.minimise(likelihood, rows=rows.take(np.array([row])))
    assert found.valid.all()
    assert found.twice_nll[0] == pytest.approx(MANY[structure, row, count], abs=1e-6)


def test_a_row_is_the_same_alone_and_among_others() -> None:
    _, likelihood, rows = random_rows(431, 500)
    together = newton.minimise(likelihood, rows=rows.take(np.arange(40)))
    for row in (0, 17, 39):
        alone = newton.minimise(likelihood, rows=rows.take(np.array([row])))
        np.testing.assert_allclose(alone.theta[0], together.theta[row], rtol=0, atol=1e-9)
        assert alone.twice_nll[0] == pytest.approx(together.twice_nll[row], abs=1e-9)


@pytest.mark.parametrize("minimiser", [newton, minuit])
def test_a_search_that_still_comes_lower_when_it_ends_is_not_valid(
    minimiser: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, likelihood, rows = random_rows(388, 500)
    row = rows.take(np.array([64]))
    assert minimiser.minimise(likelihood, rows=row).valid.all()
    monkeypatch.setattr(search, "LOOKS", ((8, 0.0),))  # which find another minimum than the first start
    ended = minimiser.minimise(likelihood, rows=row)
    assert REASONS[ended.reason[0]] == "of several minima lower ones were found as long as they were looked for"
