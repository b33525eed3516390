"""iminuit with our gradient: the function that it is handed, and intervals by MINOS."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from iminuit import Minuit

from spec_builder.inference import minuit, newton
from spec_builder.inference.likelihood import Likelihood
from spec_builder.inference.rows import PLAIN, Rows
from tests.inference.random_models import random_model


@pytest.mark.parametrize("seed", range(8))
def test_the_function_is_the_likelihood(seed: int) -> None:
    likelihood = Likelihood.from_workspace(random_model(seed, 1)[0])
    function = minuit.point_function(likelihood, likelihood.free, PLAIN)
    function.place(likelihood.init)
    point = likelihood.init.copy()
    for shift in (0.0, 0.01, -0.01, 0.0):
        point[list(likelihood.free)] = likelihood.init[list(likelihood.free)] + shift
        x = point[list(likelihood.free)]
        assert function.value(x) == pytest.approx(float(likelihood.twice_nll(point[None])[0]), rel=1e-11)
        expected = likelihood.gradient(point[None])[0, list(likelihood.free)]
        np.testing.assert_allclose(function.gradient(x), expected, rtol=1e-9, atol=1e-9)


def test_rows_have_counts_and_auxiliary_data_of_their_own(generic: dict[str, Any]) -> None:
    likelihood = Likelihood.from_workspace(generic)
    rng = np.random.default_rng(3)
    counts = rng.poisson(likelihood.observed[:, None], (likelihood.observed.size, 4)).astype(float)
    rows = Rows(observed=counts)
    one, other = minuit.minimise(likelihood, rows=rows), newton.minimise(likelihood, rows=rows)
    np.testing.assert_allclose(one.twice_nll, other.twice_nll, atol=1e-6)
    assert one.twice_nll[0] != one.twice_nll[1]


def test_a_row_leaves_the_next_one_alone(generic: dict[str, Any]) -> None:
    likelihood = Likelihood.from_workspace(generic)
    counts = np.stack([likelihood.observed, likelihood.observed + 5, likelihood.observed], axis=1)
    found = minuit.minimise(likelihood, rows=Rows(observed=counts))
    assert found.twice_nll[0] == pytest.approx(found.twice_nll[2], abs=1e-9)
    assert found.twice_nll[0] == pytest.approx(float(minuit.minimise(likelihood).twice_nll[0]), abs=1e-9)


def test_both_minimisers_end_on_an_edge_where_a_rate_vanishes() -> None:
    """A bin without counts whose rate shapes may take below zero: 2NLL has a slope there, but nowhere to go."""
    workspace, yields = random_model(106, 6)
    likelihood = Likelihood.from_workspace(workspace)
    rows = Rows(yields={"signal": yields})
    ours, theirs = (minimiser(likelihood, rows=rows) for minimiser in (minuit.minimise, newton.minimise))
    assert ours.valid.all()
    assert theirs.valid.all()
    np.testing.assert_allclose(ours.twice_nll, theirs.twice_nll, rtol=0, atol=1e-7)


def test_another_minimum_that_is_higher_is_no_end(generic: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """MIGRAD has not ended, but has come lower than where Newton's steps end: no minimum is known."""
    likelihood = Likelihood.from_workspace(generic)
    best = newton.minimise(likelihood)
    higher = replace(best, twice_nll=best.twice_nll + 1)
    monkeypatch.setattr(minuit, "_CALLS", 1)
    monkeypatch.setattr(newton, "minimise", lambda *_, **__: higher)
    found = minuit.minimise(likelihood, start=best.theta + 1e-3)
    assert not found.valid.any()
    assert found.twice_nll[0] < higher.twice_nll[0]


def test_nothing_is_printed_whatever_others_have_set(capfd: pytest.CaptureFixture[str]) -> None:
    """cabinetry leaves the print level, which is one for all of a process, at 1."""
    likelihood = Likelihood.from_workspace(random_model(3, 1)[0])
    other = Minuit(lambda x: x * x, 1.0)
    before, other.print_level = other.print_level, 3
    try:
        minuit.minimise(likelihood)
        assert other.print_level == 3
    finally:
        other.print_level = before
    assert capfd.readouterr() == ("", "")
